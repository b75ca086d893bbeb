//! `trivet user …`: the same commands as on the pages, for whoever has the server's terminal. The way back in when nobody
//! can sign in any more.

use clap::Subcommand;
use store::{Tx, Uuid, new_id, sql};

use super::{command, parse_roles, put_words, write_roles};
use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::system::history::{By, note};
use crate::system::setup;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Add a person and print the link by which they choose a password
    Add {
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        /// Roles, separated by commas: partner, manager, seller, hr, marketing, liaison, admin, auditor
        #[arg(long, default_value = "seller")]
        roles: String,
        /// E-mail of who they report to
        #[arg(long)]
        manager: Option<String>,
    },
    /// Create an API token for a person and print it
    Token(super::token::Token),
    /// List everybody
    List,
    /// Close the house to a person: sessions and tokens end at once
    Disable { email: String },
    /// Open the house to a person again
    Enable { email: String },
    /// Give a person exactly these roles
    Roles {
        email: String,
        #[arg(required = true)]
        roles: Vec<String>,
    },
    /// Print a link by which a person chooses a new password
    ResetPassword { email: String },
}

const BY: By = By::COMMAND_LINE;

/// Runs a command; returns what to print.
pub async fn run(app: &App, command: UserCommand) -> Result<String> {
    let today = app.config(0).await?.today(app.clock.now());
    let clock = &app.clock;
    if let UserCommand::Token(ask) = &command {
        return super::token::create(app, ask).await;
    }
    if let UserCommand::List = command {
        return list(app).await;
    }
    let mut tx = app.db.write().await?;
    let said = match command {
        UserCommand::List | UserCommand::Token(_) => String::new(),
        UserCommand::Add { name, email, roles, manager } => {
            let roles = parse_roles(&roles)?;
            let person = insert(&mut tx, app, &name, &email, &roles).await?;
            if let Some(manager) = manager {
                let manager = find(&mut tx, &manager).await?;
                setup::set_manager(&mut tx, clock, person, Some(manager), today, today).await?;
            }
            let token = command::new_invitation(&mut tx, clock, BY, person).await?;
            format!(
                "{email} was added. The link for choosing a password, valid for 7 days, is your Trivet's address followed by\n  /invitations/{token}"
            )
        }
        UserCommand::Disable { email } => {
            let person = find(&mut tx, &email).await?;
            command::disable(&mut tx, clock, BY, person, None).await?;
            format!("{email} is disabled; sessions and tokens have ended.")
        }
        UserCommand::Enable { email } => {
            let person = find(&mut tx, &email).await?;
            command::enable(&mut tx, clock, BY, person).await?;
            format!("{email} is enabled.")
        }
        UserCommand::Roles { email, roles } => {
            let person = find(&mut tx, &email).await?;
            let roles = parse_roles(&roles.join(" "))?;
            command::set_roles(&mut tx, clock, BY, person, None, &roles).await?;
            format!("{email}: {}", roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(", "))
        }
        UserCommand::ResetPassword { email } => {
            let person = find(&mut tx, &email).await?;
            let token = command::new_invitation(&mut tx, clock, BY, person).await?;
            format!(
                "The link for choosing a new password, valid for 7 days, is your Trivet's address followed by\n  /invitations/{token}"
            )
        }
    };
    tx.commit().await?;
    Ok(said)
}

async fn find(tx: &mut Tx, email: &str) -> Result<Uuid> {
    tx.value(sql!("SELECT id FROM person WHERE email = $1 AND deleted_at IS NULL", email.trim().to_lowercase()))
        .await?
        .ok_or_else(|| Error::Invalid(vec![FieldError::new("email", "invalid-reference").with("value", email)]))
}

async fn insert(tx: &mut Tx, app: &App, name: &str, email: &str, roles: &[Role]) -> Result<Uuid> {
    let (name, email) = (name.trim(), email.trim().to_lowercase());
    if name.is_empty() {
        return Err(Error::field("name", "invalid-required"));
    }
    if !email.contains('@') || email.contains(char::is_whitespace) {
        return Err(Error::field("email", "invalid-email"));
    }
    let (id, now) = (new_id(&app.clock), app.clock.now());
    tx.execute(sql!(
        "INSERT INTO person (id, version, name, name_key, email, state, theme, density, shortcuts, created_at, updated_at)
         VALUES ($1, 1, $2, $3, $4, 'invited', 'auto', 'normal', $5, $6, $6)",
        id,
        name,
        store::search::person_key(name),
        email,
        true,
        now
    ))
    .await
    .map_err(|error| if error.is_unique_violation() { Error::field("email", "invalid-duplicate") } else { error.into() })?;
    write_roles(tx, id, roles).await?;
    tx.execute(sql!("INSERT INTO person_below (manager_id, person_id) VALUES ($1, $1)", id)).await?;
    put_words(tx, app, id).await?;
    note(tx, &app.clock, BY, "created", ("person", id), 1, &[]).await?;
    command::note_first_roles(tx, &app.clock, BY, id, roles).await?;
    Ok(id)
}

/// State, e-mail, name and roles, one person a line.
async fn list(app: &App) -> Result<String> {
    const EVERYBODY: &str = "
        SELECT p.state, p.email, p.name,
               (SELECT STRING_AGG(r.role, ',') FROM person_role r WHERE r.person_id = p.id) AS roles
          FROM person p WHERE p.deleted_at IS NULL ORDER BY p.name_key, p.id";
    let mut session = app.db.read().await?;
    let people: Vec<(String, String, String, Option<String>)> = session.all(EVERYBODY).await?;
    let width = people.iter().map(|(_, email, ..)| email.len()).max().unwrap_or(0);
    let lines = people.into_iter().map(|(state, email, name, roles)| {
        format!("{state:<9} {email:<width$}  {name} ({})", roles.unwrap_or_default())
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}
