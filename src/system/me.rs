//! A person's own page: profile and preferences, password, where they are signed in, and their API tokens. Programs have most of it
//! as well: `me_api.rs`.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Day, Instant, Session, Uuid, sql};

use super::form::{Input, Reader, Sent, Typed, inputs};
use super::history::{By, note};
use super::people::command::{self, Which};
use super::people::profile::{self, NAME, Wish};
use super::people::token::{self, Wanted};
use super::people::{self, PASSWORD_LENGTH, SessionView, session_by_key, sessions_of};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, Toast, done, render, respond_with};
use crate::shell::records::id as parse_id;
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    Routes::new()
        .get("/me", Policy::SignedIn, show)
        .post("/me", Policy::SignedIn, save)
        .post("/me/password", Policy::SignedIn, change_password)
        .post("/me/sessions", Policy::SignedIn, end_sessions)
        .post("/me/tokens", Policy::SignedIn, add_token)
        .post("/me/tokens/{id}/revocation", Policy::SignedIn, revoke_token)
}

struct TokenView {
    id: Uuid,
    name: String,
    may_write: bool,
    used: String,
    expires: String,
    is_over: bool,
}

#[derive(askama::Template)]
#[template(path = "system/me.html")]
struct MeBody<'a> {
    page: &'a Page,
    viewer: &'a Viewer,
    roles: String,
    part: &'static str,
    errors: Vec<(String, String)>,
    sessions: Vec<SessionView>,
    tokens: Vec<TokenView>,
    token_inputs: Vec<Html>,
    new_token: Option<String>,
}

/// GET /me
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    me_page(&app, &viewer, &asked, "", &Typed::default(), None).await
}

/// `part`: the form that was refused; its errors stand at it.
async fn me_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    part: &'static str,
    typed: &Typed,
    new_token: Option<String>,
) -> Result<Response> {
    let now = app.clock.now();
    let mut session = app.db.read().await?;
    let sessions = sessions_of(&mut session, viewer, viewer.person, now).await?;
    let tokens = tokens_of(&mut session, viewer, now).await?;
    drop(session);
    let locale = viewer.locale;
    let t = |key: &str| locale.text(key);
    let reach = [("read", "token-read"), ("read write", "token-write")];
    let fields = vec![
        Input::text("token-name", t("token-name"), "").required().hint(t("token-name-hint")),
        Input::select("scopes", t("token-scopes"), "read", reach.map(|(key, text)| (key.into(), t(text))).to_vec()),
        Input::date("expires", t("token-expires"), None).hint(t("token-expires-hint")),
    ];
    let nothing = Typed::default();
    let typed_token = if part == "tokens" { typed } else { &nothing };
    let page = Page::new(viewer, asked, t("me-title"));
    let keys: Vec<&str> = viewer.roles.iter().map(|role| role.key()).collect();
    let body = MeBody {
        page: &page,
        viewer,
        roles: super::wording::role_names(locale, &keys.join(" ")),
        part,
        errors: typed.summary(locale, &[&fields]),
        sessions,
        tokens,
        token_inputs: inputs(fields, typed_token, locale)?,
        new_token,
    };
    let status = if typed.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    respond_with(status, &page, render(&body)?)
}

async fn tokens_of(session: &mut Session, viewer: &Viewer, now: Instant) -> Result<Vec<TokenView>> {
    let (locale, zone) = (viewer.locale, &viewer.config.zone);
    let kept = token::kept_of(session, viewer.person).await?;
    Ok(kept
        .into_iter()
        .map(|token| TokenView {
            id: token.id,
            may_write: token.may_write(),
            name: token.name,
            used: match token.used_at {
                Some(at) => locale.text_with("token-used", &[("at", &format::instant(locale, at, zone))]),
                None => locale.text("token-unused"),
            },
            is_over: token.expires_at.is_some_and(|at| at <= now),
            // Stored is the first instant after the last day.
            expires: token
                .expires_at
                .map(|at| format::date(locale, at.plus_seconds(-1).day_in(zone)))
                .unwrap_or_default(),
        })
        .collect())
}

fn saved(viewer: &Viewer, asked: &Asked, key: &str) -> Response {
    done(asked, "/me", Some(Toast::success(viewer.locale.text(key))))
}

/// POST /me
async fn save(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    match store_profile(&app, &viewer, &sent).await {
        Ok(()) => Ok(saved(&viewer, &asked, "saved")),
        Err(Error::Invalid(errors)) => {
            let typed = Typed::refused(sent, errors);
            me_page(&app, &viewer, &asked, "profile", &typed, None).await
        }
        Err(error) => Err(error),
    }
}

async fn store_profile(app: &App, viewer: &Viewer, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let wish = Wish {
        name: Some(form.required_line("name", NAME)),
        density: Some(if form.raw("density") == "compact" { "compact" } else { "normal" }),
        shortcuts: Some(form.is_ticked("shortcuts")),
        ..Wish::default()
    };
    form.finish()?;
    let (mut tx, _) = app.write_as(viewer, "page").await?;
    profile::set(&mut tx, app, By::page(viewer), viewer.person, &wish).await?;
    Ok(tx.commit().await?)
}

/// POST /me/password
async fn change_password(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    app.limits.take(format!("password {}", viewer.person), 10.0, app.clock.now())?;
    match store_password(&app, &viewer, &sent).await {
        Ok(()) => Ok(saved(&viewer, &asked, "me-password-changed")),
        Err(Error::Invalid(errors)) => me_page(&app, &viewer, &asked, "password", &Typed::reasons(errors), None).await,
        Err(error) => Err(error),
    }
}

async fn store_password(app: &App, viewer: &Viewer, sent: &Sent) -> Result<()> {
    let typed = |name: &str| sent.get(name).cloned().unwrap_or_default();
    let (current, password) = (typed("current"), typed("password"));
    if password.chars().count() < PASSWORD_LENGTH {
        return Err(Error::Invalid(vec![
            FieldError::new("password", "invalid-password-short").with("min", PASSWORD_LENGTH),
        ]));
    }
    let stored: Option<String> = {
        let mut session = app.db.read().await?;
        session
            .value::<Option<String>>(sql!("SELECT password_hash FROM person WHERE id = $1", viewer.person))
            .await?
            .flatten()
    };
    let hash = people::beside(move || {
        if people::password_fits(stored.as_deref(), &current) {
            people::hash_password(&password)
        } else {
            Err(Error::field("current", "me-password-wrong"))
        }
    })
    .await??;
    let (mut tx, _) = app.write_as(viewer, "page").await?;
    tx.execute(sql!("UPDATE person SET password_hash = $2, version = version + 1 WHERE id = $1", viewer.person, hash))
        .await?;
    tx.execute(sql!("DELETE FROM session WHERE person_id = $1 AND token_hash <> $2", viewer.person, &viewer.session))
        .await?;
    let person = ("person", viewer.person);
    note(&mut tx, &app.clock, By::page(viewer), "password_changed", person, 0, &[]).await?;
    Ok(tx.commit().await?)
}

/// POST /me/sessions: signs one of my devices out, or all but this one.
async fn end_sessions(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let (mut tx, _) = app.write_as(&viewer, "page").await?;
    let named = match Reader::of(&sent).raw("session") {
        "" => None,
        key => session_by_key(&mut tx, viewer.person, key).await?,
    };
    let which = match (&named, sent.contains_key("session")) {
        (Some(hash), _) => Which::One(hash),
        (None, false) => Which::AllBut(&viewer.session),
        // It has ended by itself meanwhile.
        (None, true) => return Ok(saved(&viewer, &asked, "sessions-ended")),
    };
    command::end_sessions(&mut tx, &app.clock, By::page(&viewer), viewer.person, which).await?;
    tx.commit().await?;
    Ok(saved(&viewer, &asked, "sessions-ended"))
}

/// POST /me/tokens: the token is shown in this answer and never again; only its hash is kept.
async fn add_token(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    match store_token(&app, &viewer, &sent).await {
        Ok(token) => me_page(&app, &viewer, &asked, "tokens", &Typed::default(), Some(token)).await,
        Err(Error::Invalid(errors)) => {
            me_page(&app, &viewer, &asked, "tokens", &Typed::refused(sent, errors), None).await
        }
        Err(error) => Err(error),
    }
}

async fn store_token(app: &App, viewer: &Viewer, sent: &Sent) -> Result<String> {
    let now = app.clock.now();
    let mut form = Reader::of(sent);
    let name = form.required_line("token-name", 80);
    let scopes = |text: &str| ["read", "read write"].into_iter().find(|known| *known == text);
    let scopes = form.choice("scopes", scopes, "read");
    let last_day: Option<Day> = form.optional_day("expires");
    if last_day.is_some_and(|day| day < viewer.config.today(now)) {
        form.wrong("expires", "refused-token-in-the-past");
    }
    form.finish()?;
    let expires_at = last_day.map(|day| Instant::start_of(day.plus(1), &viewer.config.zone));
    let (mut tx, _) = app.write_as(viewer, "page").await?;
    let wanted = Wanted { name: &name, scopes, expires_at };
    let token = token::issue(&mut tx, &app.clock, By::page(viewer), viewer.person, wanted).await?;
    tx.commit().await?;
    Ok(token)
}

/// POST /me/tokens/{id}/revocation
async fn revoke_token(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let (mut tx, _) = app.write_as(&viewer, "page").await?;
    token::revoke(&mut tx, &app.clock, By::page(&viewer), viewer.person, id).await?;
    tx.commit().await?;
    Ok(saved(&viewer, &asked, "token-revoked"))
}
