//! API tokens: made on a person's own page, or by `trivet user token` on the server's own command line, for scripts and first steps
//! before anybody has signed in; told and revoked on the page and through the API.

use clap::Args;
use store::{Clock, Instant, Session, Tx, Uuid, new_id, sql};

use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::{hash_token, new_token};
use crate::system::history::{By, Changes, note};

#[derive(Args)]
pub struct Token {
    /// E-mail of the person whose rights the token has
    email: String,
    /// The token may also change things
    #[arg(long)]
    write: bool,
    /// What the token is for
    #[arg(long, default_value = "command line")]
    name: String,
}

/// Makes the token and returns its text.
pub async fn create(app: &App, ask: &Token) -> Result<String> {
    let mut tx = app.db.write().await?;
    let person: Option<Uuid> = tx
        .value(sql!(
            "SELECT id FROM person WHERE email = $1 AND state = 'active' AND deleted_at IS NULL",
            ask.email.to_lowercase()
        ))
        .await?;
    let person = person.ok_or(Error::NotFound)?;
    let wanted = Wanted { name: &ask.name, scopes: if ask.write { "read write" } else { "read" }, expires_at: None };
    let token = issue(&mut tx, &app.clock, By::COMMAND_LINE, person, wanted).await?;
    tx.commit().await?;
    Ok(token)
}

/// What a new token is for and what it may do.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub scopes: &'static str,
    pub expires_at: Option<Instant>,
}

/// Makes a token for a person and says so in the audit log. Returns its text; only its hash is kept.
pub async fn issue(tx: &mut Tx, clock: &Clock, by: By, person: Uuid, wanted: Wanted<'_>) -> Result<String> {
    // The prefix lets scanners for leaked secrets know what they found.
    let token = format!("trivet_{}", new_token());
    tx.execute(sql!(
        "INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new_id(clock),
        person,
        wanted.name,
        hash_token(&token),
        wanted.scopes,
        clock.now(),
        wanted.expires_at
    ))
    .await?;
    let mut changes = Changes::default();
    changes.add("token", serde_json::Value::Null, wanted.name);
    note(tx, clock, by, "token_created", ("person", person), 0, &changes.0).await?;
    Ok(token)
}

/// A token as it is kept.
#[derive(sqlx::FromRow)]
pub struct Kept {
    pub id: Uuid,
    pub name: String,
    pub scopes: String,
    pub token_hash: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
    pub used_at: Option<Instant>,
}

impl Kept {
    pub fn may_write(&self) -> bool {
        self.scopes.split(' ').any(|scope| scope == "write")
    }
}

/// The tokens of a person that were not revoked, the newest first.
pub async fn kept_of(session: &mut Session, person: Uuid) -> Result<Vec<Kept>> {
    const KEPT: &str = "
        SELECT id, name, scopes, token_hash, created_at, expires_at, used_at FROM api_token
         WHERE person_id = $1 AND revoked_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 200";
    Ok(session.all(sql!(KEPT, person)).await?)
}

/// Ends a token of a person, from the next request on.
///
/// Errors: not found, also when it is somebody else's.
pub async fn revoke(tx: &mut Tx, clock: &Clock, by: By, person: Uuid, id: Uuid) -> Result<()> {
    const NAME: &str = "SELECT name FROM api_token WHERE id = $1 AND person_id = $2 AND revoked_at IS NULL";
    let name: Option<String> = tx.value(sql!(NAME, id, person)).await?;
    let name = name.ok_or(Error::NotFound)?;
    tx.execute(sql!("UPDATE api_token SET revoked_at = $2 WHERE id = $1", id, clock.now())).await?;
    let mut changes = Changes::default();
    changes.add("token", name, serde_json::Value::Null);
    note(tx, clock, by, "token_revoked", ("person", person), 0, &changes.0).await
}
