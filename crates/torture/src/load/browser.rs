//! A browser without a window: one connection that is kept, one cookie.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

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

    /// Asks; the size of the answer in bytes. What is refused is an error: a fast refusal is no speed.
    pub async fn ask(&mut self, ask: &Ask) -> Result<usize, String> {
        let (method, path, form) = match ask {
            Ask::Get(path) => ("GET", path, String::new()),
            Ask::Post(path, form) => ("POST", path, form.clone()),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .map_err(say)?;
        let answer = self.send(request).await?;
        let status = answer.status();
        let bytes = to_bytes(Body::new(answer.into_body()), LARGEST).await.map_err(say)?;
        // A form that was saved leads to a page.
        let fine = status == 200 && method == "GET" || status.is_redirection() && method == "POST";
        if fine { Ok(bytes.len()) } else { Err(format!("{method} {path}: {status}")) }
    }

    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, String> {
        self.sender.ready().await.map_err(say)?;
        self.sender.send_request(request).await.map_err(say)
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Ask {
    Get(String),
    /// With a form.
    Post(String, String),
}

impl Ask {
    pub fn path(&self) -> &str {
        let (Ask::Get(path) | Ask::Post(path, _)) = self;
        path
    }
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

    /// What many measured at the same time.
    pub async fn of(tasks: Vec<JoinHandle<Result<Measured, String>>>, began: Instant) -> Result<Measured, String> {
        let mut all = Measured::default();
        for task in tasks {
            let measured = task.await.map_err(say)??;
            all.times.extend(measured.times);
            all.bytes += measured.bytes;
        }
        all.took = began.elapsed();
        Ok(all)
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

    pub fn per_second(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// KB of an answer
    pub fn size(&self) -> usize {
        self.bytes / self.times.len().max(1) / 1024
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
