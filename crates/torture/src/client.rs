//! The smallest HTTP client that knows for sure whether an answer arrived whole: one request per connection.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// `Err`: no whole answer arrived, so nothing was promised.
pub async fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")).await
}

/// Made on whatever version there is.
pub async fn post_json(address: SocketAddr, token: &str, path: &str, body: &Json) -> std::io::Result<Answer> {
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nIf-Match: *\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    send(address, &(head + &body)).await
}

async fn send(address: SocketAddr, request: &str) -> std::io::Result<Answer> {
    let work = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        match (status, text.split_once("\r\n\r\n")) {
            (Some(status), Some((_, body))) => Ok(Answer { status, body: body.to_owned() }),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    };
    tokio::time::timeout(Duration::from_secs(30), work).await.map_err(|_| std::io::ErrorKind::TimedOut)?
}

/// What one client asks for: one request that writes several rows or none. To strain another route, add a variant here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// account, event, search words
    Account,
    /// opportunity, stage change, event, search words
    Opportunity,
    /// lead, event, search words
    Lead,
    /// A lead that is there becomes an account, a contact and an opportunity, each with its event and search words.
    Conversion,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Account, Kind::Opportunity, Kind::Lead, Kind::Conversion];

    /// Where what was promised is found by its name: contacts come of conversions alone.
    pub fn table(self) -> &'static str {
        match self {
            Kind::Account => "account",
            Kind::Opportunity => "opportunity",
            Kind::Lead => "lead",
            Kind::Conversion => "contact",
        }
    }

    fn request(self, name: &str) -> (&'static str, Json) {
        match self {
            Kind::Account => ("/api/accounts", json!({ "name": name, "city": "上海", "employees": 120 })),
            Kind::Opportunity => {
                ("/api/opportunities", json!({ "name": name, "amount": "12500.50", "close_date": "2027-03-31" }))
            }
            Kind::Lead | Kind::Conversion => ("/api/leads", json!({ "name": name, "company": "云帆科技" })),
        }
    }

    /// Writes a record of this name. `Ok`: the server has promised that it is stored.
    pub async fn write(self, address: SocketAddr, token: &str, name: &str) -> Result<(), Refusal> {
        let (path, body) = self.request(name);
        let made = accepted(address, token, path, &body, 201).await?;
        if self == Kind::Conversion {
            let lead = serde_json::from_str::<Json>(&made).ok().and_then(|lead| Some(lead["id"].as_str()?.to_owned()));
            let lead = lead.ok_or_else(|| Refusal::Wrong(format!("a lead without an id: {made}")))?;
            let names = json!({
                "account_name": name,
                "contact_name": name,
                "opportunity_name": name,
                "opportunity_close_date": "2027-03-31",
            });
            accepted(address, token, &format!("/api/leads/{lead}/convert"), &names, 200).await?;
        }
        Ok(())
    }
}

/// The body of the answer, if it is the one that promises something.
async fn accepted(address: SocketAddr, token: &str, path: &str, body: &Json, status: u16) -> Result<String, Refusal> {
    match post_json(address, token, path, body).await {
        Ok(answer) if answer.status == status => Ok(answer.body),
        Ok(answer) if answer.status == 429 || answer.status == 503 => Err(Refusal::Busy),
        Ok(answer) => Err(Refusal::Wrong(format!("POST {path}: {} {}", answer.status, answer.body))),
        Err(_) => Err(Refusal::Gone),
    }
}

#[derive(Debug)]
pub enum Refusal {
    /// Nobody answered: the record may be there or not.
    Gone,
    Busy,
    /// An answer that must not happen.
    Wrong(String),
}
