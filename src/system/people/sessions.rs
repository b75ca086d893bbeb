//! Where a person is signed in: for their own page, for the administrator's page about them, and for programs.

use sha2::{Digest, Sha256};
use store::{Instant, Session, Uuid, sql};

use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::viewer::Viewer;

/// A device on which somebody is signed in.
pub struct OpenSession {
    /// Names the session without giving it away.
    pub key: Uuid,
    /// As far as the browser said what it is.
    pub device: Option<String>,
    pub since: Instant,
    pub expires_at: Instant,
    pub is_this: bool,
}

/// The same as a page shows it.
pub struct SessionView {
    pub key: String,
    pub device: String,
    pub since: String,
    pub is_this: bool,
}

/// The sessions of a person that have not run out, the newest first.
pub async fn open_sessions(
    session: &mut Session,
    viewer: &Viewer,
    person: Uuid,
    now: Instant,
) -> Result<Vec<OpenSession>> {
    const OPEN: &str = "
        SELECT token_hash, created_at, expires_at, agent FROM session
         WHERE person_id = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 100";
    let rows: Vec<(String, Instant, Instant, Option<String>)> = session.all(sql!(OPEN, person, now)).await?;
    Ok(rows
        .into_iter()
        .map(|(hash, since, expires_at, agent)| OpenSession {
            key: session_key(&hash),
            device: device(&agent.unwrap_or_default()),
            since,
            expires_at,
            is_this: hash == viewer.session,
        })
        .collect())
}

/// Where a person is signed in, for a page.
pub async fn sessions_of(
    session: &mut Session,
    viewer: &Viewer,
    person: Uuid,
    now: Instant,
) -> Result<Vec<SessionView>> {
    let locale = viewer.locale;
    let open = open_sessions(session, viewer, person, now).await?;
    Ok(open
        .into_iter()
        .map(|one| SessionView {
            key: one.key.to_string(),
            device: one.device.unwrap_or_else(|| locale.text("session-unknown")),
            since: format::instant(locale, one.since, &viewer.config.zone),
            is_this: one.is_this,
        })
        .collect())
}

/// Names a session in a form and in the API. The stored hash itself stays on the server.
pub fn session_key(hash: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Sha256::digest(hash.as_bytes())[..16]);
    // A UUID that is neither a time nor chance has version 8 (RFC 9562).
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Uuid::from_bytes(bytes)
}

/// The session of a person that a form or a path names.
pub async fn session_by_key(session: &mut Session, person: Uuid, key: &str) -> Result<Option<String>> {
    let hashes: Vec<(String,)> =
        session.all(sql!("SELECT token_hash FROM session WHERE person_id = $1", person)).await?;
    Ok(hashes.into_iter().map(|(hash,)| hash).find(|hash| session_key(hash).to_string() == key))
}

/// "Chrome · Windows" from what a browser says of itself. `None`: nothing that we know.
fn device(agent: &str) -> Option<String> {
    let find =
        |signs: &[(&str, &'static str)]| signs.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    let browser = find(&[
        ("MicroMessenger", "WeChat"),
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => Some(format!("{browser} · {system}")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_device_is_named_as_people_know_it() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0";
        assert_eq!(device(edge).as_deref(), Some("Edge · Windows"));
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(device(phone).as_deref(), Some("Safari · iPhone"));
        assert_eq!(device(""), None);
    }
}
