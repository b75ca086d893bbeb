//! `trivet user token`: an API token for a person from the server's own command line, for scripts and first steps before
//! anybody has signed in.

use clap::Args;
use store::{Uuid, new_id, sql};

use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::{hash_token, new_token};

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

/// Makes the token and returns its text; only its hash is kept.
pub async fn create(app: &App, ask: &Token) -> Result<String> {
    let mut tx = app.db.write().await?;
    let person: Option<Uuid> = tx
        .value(sql!(
            "SELECT id FROM person WHERE email = $1 AND state = 'active' AND deleted_at IS NULL",
            ask.email.to_lowercase()
        ))
        .await?;
    let person = person.ok_or(Error::NotFound)?;
    let token = new_token();
    tx.execute(sql!(
        "INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        new_id(&app.clock),
        person,
        &ask.name,
        hash_token(&token),
        if ask.write { "read write" } else { "read" },
        app.clock.now()
    ))
    .await?;
    tx.commit().await?;
    Ok(token)
}
