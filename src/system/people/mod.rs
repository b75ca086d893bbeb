//! People: making one, roles, reporting lines, passwords, invitations. A person is listed and imported like any record;
//! rights and passwords change only here.

pub mod api;
pub mod command;
pub mod command_line;
pub mod hand_over;
mod page;
pub mod profile;
mod sessions;
pub mod token;

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use futures_util::future::BoxFuture;
use store::{Arg, Cell, Instant, Tx, Uuid, sql};
use tokio::sync::Semaphore;

use super::history::By;
use super::setup;
use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::i18n::Locale;
use crate::shell::record::{Actor, Draft, Loaded, Saved, Several, reindex};
use crate::shell::viewer::{hash_token, new_token};

/// The roles of the person `t`, and whom they report to today: the list and the API read them so.
pub const ROLES: &str = "(SELECT STRING_AGG(x.role, ' ')
    FROM (SELECT r.role FROM person_role r WHERE r.person_id = t.id ORDER BY r.role) x)";
pub const MANAGER: &str = "(SELECT l.manager_id FROM reporting_line l, organization o
    WHERE l.person_id = t.id AND l.from_day <= o.lines_as_of AND (l.to_day IS NULL OR l.to_day >= o.lines_as_of)
    ORDER BY l.from_day DESC LIMIT 1)";
pub const ROLE_NAMES: Several = Several { prefix: "role", keys: &Role::KEYS, unless_given: Role::Seller.key() };
/// Who is told of them in the list, as on a person's page.
pub const TOLD_TO: &[Role] = &[Role::Admin, Role::Hr];

/// At least this many characters; nothing else is asked of a password (NIST SP 800-63B).
pub const PASSWORD_LENGTH: usize = 10;

fn refuse_short(password: &str) -> Result<()> {
    if password.chars().count() < PASSWORD_LENGTH {
        return Err(Error::Invalid(vec![
            FieldError::new("password", "invalid-password-short").with("min", PASSWORD_LENGTH),
        ]));
    }
    Ok(())
}

pub fn hash_password(password: &str) -> Result<String> {
    refuse_short(password)?;
    let hash =
        Argon2::default().hash_password(password.as_bytes()).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(hash.to_string())
}

/// Runs the hashing of a password beside the threads that answer everybody else: it takes tens of milliseconds and 19 MB. So
/// many at once as there are cores; more wait, or somebody who only asks to sign in could use up the memory.
pub async fn beside<T: Send + 'static>(hashing: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    static PLACES: LazyLock<Semaphore> =
        LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));
    let _place = PLACES.acquire().await.expect("the semaphore is never closed");
    tokio::task::spawn_blocking(hashing).await.map_err(|error| Error::Internal(error.to_string()))
}

/// Checks a password. Without a stored hash it does the same work, so that unknown people cannot be told by the time it takes.
pub fn password_fits(stored: Option<&str>, password: &str) -> bool {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$qLml5aYJ9vRCvfpIzEnmKj1nfKUMDqPBIDJ9cKcRPSg";
    let Ok(hash) = PasswordHash::new(stored.unwrap_or(NOBODY)) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok() && stored.is_some()
}

/// Before the transaction in which a new person is written: nobody else could write while their password is hashed.
pub fn beforehand(draft: &mut Draft) -> BoxFuture<'_, Result<()>> {
    Box::pin(async move {
        if let Some(password) = password_in(draft).map(str::to_owned) {
            let hash = beside(move || hash_password(&password)).await??;
            give_hash(draft, Some(hash));
        }
        Ok(())
    })
}

/// What is kept of a new person's password; nothing where the draft is only tried.
pub fn give_hash(draft: &mut Draft, hash: Option<String>) {
    draft.derived.push((PASSWORD_HASH, Arg::from(hash)));
}

const PASSWORD_HASH: &str = "password_hash";

pub fn password_in(draft: &Draft) -> Option<&str> {
    draft.get("password").and_then(Cell::text)
}

/// Before a person is written (list, import, API): the columns a new person needs.
pub fn prepare<'a>(
    _: &'a mut Tx,
    _: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        if before.is_none() {
            parse_roles(draft.get("roles").and_then(Cell::text).unwrap_or_default())?;
            let password = password_in(draft);
            password.map(refuse_short).transpose()?;
            let state = if password.is_some() { "active" } else { "invited" };
            draft.derived.push(("state", Arg::from(state)));
            draft.derived.push(("theme", Arg::from("auto")));
            draft.derived.push(("density", Arg::from("normal")));
            draft.derived.push(("shortcuts", Arg::from(true)));
        }
        Ok(())
    })
}

/// Roles and the reporting line of a new person.
pub fn after_save<'a>(tx: &'a mut Tx, actor: &'a Actor, saved: Saved<'a>) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let Saved::New(people) = saved else { return Ok(()) };
        let mut is_line_new = false;
        for (draft, id) in people {
            is_line_new |= begin(tx, actor, draft, *id).await?;
        }
        if is_line_new {
            // Once for all of them: it works out the place of everybody in the house.
            return setup::rebuild_team(tx, actor.today).await;
        }
        for (_, id) in people {
            tx.execute(sql!("INSERT INTO person_below (manager_id, person_id) VALUES ($1, $1)", *id)).await?;
        }
        Ok(())
    })
}

/// Whether the person reports to somebody: who is below whom must then be worked out anew.
async fn begin(tx: &mut Tx, actor: &Actor, draft: &Draft, id: Uuid) -> Result<bool> {
    if password_in(draft).is_some() && !draft.derived.iter().any(|(column, _)| *column == PASSWORD_HASH) {
        return Err(Error::Internal("a password is hashed before the transaction".into()));
    }
    let roles = parse_roles(draft.get("roles").and_then(Cell::text).unwrap_or("seller"))?;
    write_roles(tx, id, &roles).await?;
    if actor.import.is_none() {
        command::note_first_roles(tx, &actor.clock, By::of(actor), id, &roles).await?;
    }
    let manager = draft.get("manager").and_then(Cell::id);
    if manager.is_some() {
        setup::write_line(tx, &actor.clock, id, manager, actor.today).await?;
    }
    Ok(manager.is_some())
}

/// `seller; manager` → roles. What a list or its file calls them is understood as well, in either language.
pub fn parse_roles(text: &str) -> Result<Vec<Role>> {
    let mut roles = Vec::new();
    for part in text.split([';', ',', '；', '，', '、']).map(str::trim).filter(|part| !part.is_empty()) {
        match role_called(part) {
            Some(role) => roles.push(role),
            None => {
                for key in part.split_whitespace() {
                    let wrong = || FieldError::new("roles", "invalid-role").with("value", key);
                    roles.push(Role::parse(&key.to_lowercase()).ok_or_else(|| Error::Invalid(vec![wrong()]))?);
                }
            }
        }
    }
    Ok(roles)
}

fn role_called(name: &str) -> Option<Role> {
    let is_called = |role: &Role| {
        let key = format!("role-{}", role.key());
        Locale::ALL.iter().any(|locale| locale.text(&key).to_lowercase() == name.to_lowercase())
    };
    Role::ALL.into_iter().find(is_called)
}

/// The record page of a person and what can be done there. The list and the form for a new one come from the record engine.
pub use page::routes;
pub use sessions::{OpenSession, SessionView, open_sessions, session_by_key, session_key, sessions_of};

pub async fn write_roles(tx: &mut Tx, person: Uuid, roles: &[Role]) -> Result<()> {
    tx.execute(sql!("DELETE FROM person_role WHERE person_id = $1", person)).await?;
    for role in roles {
        tx.execute(sql!("INSERT INTO person_role (person_id, role) VALUES ($1, $2)", person, role.key())).await?;
    }
    Ok(())
}

/// A link by which an invited person (or one who forgot their password) sets a password. Returns the token; only its hash is kept.
pub async fn invite(tx: &mut Tx, person: Uuid, by: Option<Uuid>, now: Instant) -> Result<String> {
    let token = new_token();
    tx.execute(sql!("DELETE FROM invitation WHERE person_id = $1", person)).await?;
    tx.execute(sql!(
        "INSERT INTO invitation (token_hash, person_id, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        hash_token(&token),
        person,
        by,
        now,
        now.plus_seconds(7 * 86_400)
    ))
    .await?;
    Ok(token)
}

/// The very first person, from the command line or the set-up page: nobody is there yet to do it.
pub async fn create_first(
    tx: &mut Tx,
    app: &App,
    name: &str,
    email: &str,
    password_hash: &str,
    roles: &[Role],
) -> Result<Uuid> {
    let id = store::new_id(&app.clock);
    let now = app.clock.now();
    tx.execute(sql!(
        "INSERT INTO person (id, version, name, name_key, email, password_hash, state, theme, density, shortcuts, created_at, updated_at)
         VALUES ($1, 1, $2, $3, $4, $5, 'active', 'auto', 'normal', $6, $7, $7)",
        id,
        name,
        store::search::person_key(name),
        email.to_lowercase(),
        password_hash,
        true,
        now
    ))
    .await
    .map_err(|error| if error.is_unique_violation() { Error::field("email", "invalid-duplicate") } else { error.into() })?;
    write_roles(tx, id, roles).await?;
    tx.execute(sql!("INSERT INTO person_below (manager_id, person_id) VALUES ($1, $1)", id)).await?;
    put_words(tx, app, id).await?;
    Ok(id)
}

/// Puts in anew what somebody is found by whose row was not written as that of a record.
pub async fn put_words(tx: &mut Tx, app: &App, id: Uuid) -> Result<()> {
    let object = app.registry.get("person").expect("people are a kind of record");
    reindex::one(tx, object, id).await
}
