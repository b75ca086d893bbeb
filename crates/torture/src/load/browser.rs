//! A browser without a window: one connection that is kept, one cookie.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub struct Browser {
    sender: SendRequest<Body>,
    address: SocketAddr,
    cookie: String,
}

const LARGEST: usize = 16 * 1024 * 1024;

fn say(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Browser {
    pub async fn connect(address: SocketAddr, cookie: String) -> Result<Browser, String> {
        let stream = TcpStream::connect(address).await.map_err(say)?;
        stream.set_nodelay(true).map_err(say)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(say)?;
        tokio::spawn(connection);
        Ok(Browser { sender, address, cookie })
    }

    /// Asks for a page; its size in bytes. Anything but 200 is an error: a fast refusal is no speed.
    pub async fn get(&mut self, path: &str) -> Result<usize, String> {
        let request = Request::get(path)
            .header("host", self.address.to_string())
            .header("cookie", &self.cookie)
            .body(Body::empty())
            .map_err(say)?;
        let answer = self.send(request).await?;
        let status = answer.status();
        let bytes = to_bytes(Body::new(answer.into_body()), LARGEST).await.map_err(say)?;
        if status != 200 {
            return Err(format!("GET {path}: {status}"));
        }
        Ok(bytes.len())
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        self.sender.ready().await.map_err(say)?;
        self.sender.send_request(request).await.map_err(say)
    }
}

/// Signs in as a person does; the cookie.
pub async fn sign_in(address: SocketAddr, email: &str, password: &str) -> Result<String, String> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("email", email)
        .append_pair("password", password)
        .finish();
    let request = Request::post("/sign-in")
        .header("host", address.to_string())
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .map_err(say)?;
    let answer = Browser::connect(address, String::new()).await?.send(request).await?;
    let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let cookies: Vec<&str> = cookies.filter_map(|cookie| cookie.split(';').next()).collect();
    if cookies.is_empty() {
        return Err(format!("{email} cannot sign in: {}", answer.status()));
    }
    Ok(cookies.join("; "))
}

/// Times of answers.
#[derive(Default)]
pub struct Measured {
    /// Seconds
    times: Vec<f64>,
    bytes: usize,
    pub took: Duration,
}

impl Measured {
    pub fn add(&mut self, time: Duration, bytes: usize) {
        self.times.push(time.as_secs_f64());
        self.bytes += bytes;
    }

    pub fn merge(&mut self, other: Measured) {
        self.times.extend(other.times);
        self.bytes += other.bytes;
    }

    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Seconds within which this many of a hundred answers came (nearest rank).
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut times = self.times.clone();
        times.sort_by(f64::total_cmp);
        let rank = (times.len() * percent).div_ceil(100).max(1);
        times.get(rank - 1).copied().unwrap_or(f64::NAN)
    }

    pub fn line(&self, peer: f64) -> String {
        let ms = |percent| self.percentile(percent) * 1000.0;
        format!(
            "{:>6.1} ms {:>6.1} ms {:>6.1} ms {:>9.0} {:>11.1} {:>6} KB",
            ms(50),
            ms(95),
            ms(99),
            self.times.len() as f64 / self.took.as_secs_f64(),
            self.percentile(95) / peer,
            self.bytes / self.times.len().max(1) / 1024,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let mut measured = Measured::default();
        (1..=200).rev().for_each(|ms| measured.add(Duration::from_millis(ms), 0));
        assert_eq!(measured.percentile(50), 0.1);
        assert_eq!(measured.percentile(95), 0.19);
        assert_eq!(measured.percentile(99), 0.198);
    }
}
