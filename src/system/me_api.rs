//! A person's own account for programs: profile, API tokens and sign-ins, by the functions that their page calls (`me.rs`). Two
//! things only the page does, which no token opens: it makes tokens and sets the password. Whoever stole a token could else give it
//! a successor that outlives its revocation.

use axum::extract::State;
use axum::http::Method;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use store::{Session, Uuid, sql};

use super::history::By;
use super::people::command::{self, Which};
use super::people::profile::{self, DENSITIES, NAME, THEMES, Wish, one_of};
use super::people::token::{self, Kept};
use super::people::{OpenSession, open_sessions, session_by_key};
use crate::shell::api::shape::Lexis;
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::i18n::Locale;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

const ME: &str = "me";

pub fn operations() -> Api {
    let (tokens, sessions) = ("/api/me/tokens", "/api/me/sessions");
    let operation = |method: Method, path: &str, id: &str, summary| {
        Operation::new(method, path, id, ME, summary).policy(Policy::SignedIn)
    };
    Api::new()
        .operation(
            operation(Method::GET, "/api/me", "getMe", "api-me").gives(200, schema_of::<Me>()).with_header("ETag"),
            show,
        )
        .operation(
            operation(Method::PATCH, "/api/me", "updateMe", "api-me-update")
                .conditional()
                .takes(wish_schema())
                .example(json!({ "density": "compact" }))
                .gives(200, schema_of::<Me>())
                .with_header("ETag"),
            update,
        )
        .operation(
            operation(Method::GET, tokens, "listOwnTokens", "api-me-tokens").gives(200, schema_of::<Tokens>()),
            list_tokens,
        )
        .operation(
            operation(Method::DELETE, "/api/me/tokens/{id}", "revokeOwnToken", "api-me-token-revoke")
                .gives_nothing(204),
            revoke_token,
        )
        .operation(
            operation(Method::GET, sessions, "listOwnSessions", "api-me-sessions").gives(200, schema_of::<Sessions>()),
            list_sessions,
        )
        .operation(
            operation(Method::DELETE, "/api/me/sessions/{id}", "endOwnSession", "api-me-session-end")
                .gives_nothing(204),
            end_session,
        )
}

// ---- the profile

#[derive(Serialize, schemars::JsonSchema)]
struct Me {
    id: Uuid,
    version: i64,
    name: String,
    email: String,
    roles: Vec<&'static str>,
    #[schemars(extend("enum" = Locale::ALL.map(Locale::tag)))]
    locale: &'static str,
    #[schemars(extend("enum" = THEMES))]
    theme: String,
    #[schemars(extend("enum" = DENSITIES))]
    density: String,
    shortcuts: bool,
}

#[derive(sqlx::FromRow)]
struct Standing {
    version: i64,
    name: String,
    email: String,
    locale: Option<String>,
    theme: String,
    density: String,
    shortcuts: bool,
}

fn wish_schema() -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": NAME, "pattern": Lexis::Line.pattern() },
            "locale": { "type": "string", "enum": Locale::ALL.map(Locale::tag) },
            "theme": { "type": "string", "enum": THEMES },
            "density": { "type": "string", "enum": DENSITIES },
            "shortcuts": { "type": "boolean" },
        },
    })
}

async fn shown(session: &mut Session, viewer: &Viewer) -> Result<Answer> {
    const STANDS: &str = "SELECT version, name, email, locale, theme, density, shortcuts FROM person WHERE id = $1";
    let row: Standing = session.one(sql!(STANDS, viewer.person)).await?;
    let me = Me {
        id: viewer.person,
        version: row.version,
        name: row.name,
        email: row.email,
        roles: viewer.roles.iter().map(|role| role.key()).collect(),
        locale: row.locale.as_deref().and_then(Locale::parse).unwrap_or(viewer.config.locale).tag(),
        theme: row.theme,
        density: row.density,
        shortcuts: row.shortcuts,
    };
    Ok(Answer::of_version(row.version, json!(me)))
}

/// GET /api/me · whoever is signed in
async fn show(State(app): State<App>, viewer: Viewer) -> Result<Answer> {
    shown(&mut app.db.read().await?, &viewer).await
}

/// PATCH /api/me · whoever is signed in
async fn update(State(app): State<App>, viewer: Viewer, IfMatch(seen): IfMatch, body: Body) -> Result<Answer> {
    let wish = read_wish(body.members()?)?;
    app.at_api(&viewer, async |tx, actor| {
        // No history says which preference was changed since, so none is merged: the version must be the present one.
        seen.exactly(command::standing(tx, viewer.person).await?.version)?;
        profile::set(tx, &app, By::of(actor), viewer.person, &wish).await?;
        shown(tx, &viewer).await
    })
    .await
}

/// Every member that does not fit is named.
fn read_wish(members: &Map<String, Json>) -> Result<Wish> {
    let (mut wish, mut errors) = (Wish::default(), Vec::new());
    for (key, given) in members {
        errors.extend(read_member(&mut wish, key, given).err());
    }
    if errors.is_empty() { Ok(wish) } else { Err(Error::Malformed(errors)) }
}

fn read_member(wish: &mut Wish, key: &str, given: &Json) -> Result<(), FieldError> {
    let wrong = |reason: &str| FieldError::new(key, reason);
    let unknown = |text: &str| FieldError::new(key, "invalid-choice").with("value", text);
    match (key, given) {
        ("name", Json::String(text)) if text.chars().count() > NAME => {
            return Err(wrong("invalid-too-long").with("max", NAME));
        }
        ("name", Json::String(text)) if !Lexis::Line.matches(text) => return Err(wrong("invalid-text")),
        ("name", Json::String(text)) => wish.name = Some(text.trim().to_owned()),
        ("locale", Json::String(text)) => {
            let known = Locale::ALL.into_iter().find(|locale| locale.tag() == text);
            wish.locale = Some(known.ok_or_else(|| unknown(text))?);
        }
        ("theme", Json::String(text)) => wish.theme = Some(one_of(&THEMES, text).ok_or_else(|| unknown(text))?),
        ("density", Json::String(text)) => wish.density = Some(one_of(&DENSITIES, text).ok_or_else(|| unknown(text))?),
        ("shortcuts", Json::Bool(on)) => wish.shortcuts = Some(*on),
        ("name" | "locale" | "theme" | "density" | "shortcuts", _) => return Err(wrong("invalid-json-type")),
        ("id" | "version" | "email" | "roles", _) => return Err(wrong("invalid-read-only")),
        _ => return Err(wrong("invalid-unknown-field")),
    }
    Ok(())
}

// ---- tokens

#[derive(Serialize, schemars::JsonSchema)]
struct Tokens {
    data: Vec<Token>,
}

/// Never its text, of which only a hash is kept.
#[derive(Serialize, schemars::JsonSchema)]
struct Token {
    id: Uuid,
    name: String,
    #[schemars(extend("items" = json!({ "type": "string", "enum": ["read", "write"] })))]
    scopes: Vec<String>,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    used_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<String>,
    /// The one that this call came with.
    current: bool,
}

fn shown_token(kept: Kept, viewer: &Viewer) -> Token {
    Token {
        id: kept.id,
        name: kept.name,
        scopes: kept.scopes.split(' ').map(str::to_owned).collect(),
        created_at: kept.created_at.timestamp().to_string(),
        used_at: kept.used_at.map(|at| at.timestamp().to_string()),
        expires_at: kept.expires_at.map(|at| at.timestamp().to_string()),
        current: kept.token_hash == viewer.session,
    }
}

/// GET /api/me/tokens · whoever is signed in
async fn list_tokens(State(app): State<App>, viewer: Viewer) -> Result<Answer> {
    let kept = token::kept_of(&mut app.db.read().await?, viewer.person).await?;
    let data = kept.into_iter().map(|kept| shown_token(kept, &viewer)).collect();
    Ok(Answer::ok(json!(Tokens { data })))
}

/// DELETE /api/me/tokens/{id} · whose it is
async fn revoke_token(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    app.at_api(&viewer, async |tx, actor| {
        token::revoke(tx, &actor.clock, By::of(actor), viewer.person, id).await?;
        Ok(Answer::nothing())
    })
    .await
}

// ---- sign-ins

#[derive(Serialize, schemars::JsonSchema)]
struct Sessions {
    data: Vec<SignIn>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct SignIn {
    id: Uuid,
    device: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    expires_at: String,
    /// The one in which this call was made.
    current: bool,
}

fn shown_session(open: OpenSession) -> SignIn {
    SignIn {
        id: open.key,
        device: open.device,
        created_at: open.since.timestamp().to_string(),
        expires_at: open.expires_at.timestamp().to_string(),
        current: open.is_this,
    }
}

/// GET /api/me/sessions · whoever is signed in
async fn list_sessions(State(app): State<App>, viewer: Viewer) -> Result<Answer> {
    let open = open_sessions(&mut app.db.read().await?, &viewer, viewer.person, app.clock.now()).await?;
    let data = open.into_iter().map(shown_session).collect();
    Ok(Answer::ok(json!(Sessions { data })))
}

/// DELETE /api/me/sessions/{id} · whose it is
async fn end_session(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    app.at_api(&viewer, async |tx, actor| {
        let hash = session_by_key(tx, viewer.person, &id.to_string()).await?.ok_or(Error::NotFound)?;
        command::end_sessions(tx, &actor.clock, By::of(actor), viewer.person, Which::One(&hash)).await?;
        Ok(Answer::nothing())
    })
    .await
}
