//! Signing in and out, accepting an invitation, language and theme. Every sign-in, and every failed one of somebody who exists,
//! is in the audit log.

use std::net::SocketAddr;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use store::{Instant, Uuid, sql};

use super::history::{By, note};
use super::people;
use super::people::profile::{self, THEMES, Wish, one_of};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::limit;
use crate::shell::page::{self, Asked, Page, render, respond, respond_with};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::{SECURE_SESSION_COOKIE, SESSION_COOKIE, Viewer, cookie, hash_token, new_token};

pub fn routes() -> Routes {
    Routes::new()
        .get("/sign-in", Policy::Public, form)
        .post("/sign-in", Policy::Public, sign_in)
        .post("/sign-out", Policy::SignedIn, sign_out)
        .get("/invitations/{token}", Policy::Public, invitation)
        .post("/invitations/{token}", Policy::Public, accept_invitation)
        .post("/me/locale", Policy::Public, set_locale)
        .post("/me/theme", Policy::Public, set_theme)
}

/// How long a session lasts, in seconds.
const SESSION: i64 = 14 * 86_400;

#[derive(askama::Template)]
#[template(path = "system/sign_in.html")]
struct SignInBody<'a> {
    page: &'a Page,
    organization: String,
    email: String,
    error: Option<String>,
    next: String,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// Where to go after signing in: a path of our own, else home.
fn own_path(next: &str) -> &str {
    page::own_path(next).unwrap_or("/")
}

pub(super) fn visitor_locale(headers: &HeaderMap, fallback: Locale) -> Locale {
    cookie(headers, "locale")
        .and_then(Locale::parse)
        .or_else(|| {
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(Locale::accepted)
        })
        .unwrap_or(fallback)
}

async fn form(State(app): State<App>, headers: HeaderMap, asked: Asked, Query(next): Query<Next>) -> Result<Response> {
    let config = app.config(0).await?;
    let locale = visitor_locale(&headers, config.locale);
    let page = Page::public(locale, &asked, locale.text("sign-in"));
    respond(
        &page,
        &SignInBody {
            page: &page,
            organization: config.name.clone(),
            email: String::new(),
            error: None,
            next: own_path(&next.next).into(),
        },
    )
}

#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

async fn sign_in(
    State(app): State<App>,
    peer: Option<Extension<SocketAddr>>,
    headers: HeaderMap,
    asked: Asked,
    Form(given): Form<Credentials>,
) -> Result<Response> {
    // Nobody has a longer one (RFC 5321), and the limit below remembers what it was asked.
    let email = Some(given.email.trim().to_lowercase()).filter(|email| email.len() <= 254).unwrap_or_default();
    let now = app.clock.now();
    limit_tries(&app, &email, limit::source(peer.as_ref().map(|Extension(peer)| peer), &headers), now)?;
    let found: Option<(Uuid, Option<String>, String)> = {
        let mut session = app.db.read().await?;
        session
            .optional(sql!(
                "SELECT id, password_hash, state FROM person WHERE email = $1 AND deleted_at IS NULL",
                &email
            ))
            .await?
    };
    let (stored, password) = (found.as_ref().and_then(|(_, hash, _)| hash.clone()), given.password.clone());
    let fits = people::beside(move || people::password_fits(stored.as_deref(), &password)).await?;
    match found {
        Some((person, _, state)) if fits && state == "active" => {
            let mut response = Redirect::to(own_path(&given.next)).into_response();
            open_session(&app, person, &headers, &mut response).await?;
            Ok(response)
        }
        found => {
            if let Some((person, ..)) = found {
                note_failure(&app, person);
            }
            let config = app.config(0).await?;
            let locale = visitor_locale(&headers, config.locale);
            let page = Page::public(locale, &asked, locale.text("sign-in"));
            let error = Some(locale.text("sign-in-wrong"));
            let body = SignInBody {
                page: &page,
                organization: config.name.clone(),
                email: given.email,
                error,
                next: own_path(&given.next).into(),
            };
            respond_with(StatusCode::UNPROCESSABLE_ENTITY, &page, render(&body)?)
        }
    }
}

/// From one address a person can be tried ten times a minute: who tries more keeps nobody out who comes from elsewhere. One
/// address can't go through all people with one password, nor can many addresses go through all passwords of one person.
fn limit_tries(app: &App, email: &str, source: Option<String>, now: Instant) -> Result<()> {
    if let Some(source) = &source {
        app.limits.take(format!("sign-in from {source}"), 120.0, now)?;
    }
    app.limits.take(format!("sign-in {email} from {}", source.unwrap_or_default()), 10.0, now)?;
    app.limits.take(format!("sign-in {email}"), 100.0, now)?;
    Ok(())
}

/// Somebody tried to sign in as this person. At most three entries a minute, so that guessing does not fill the log; and
/// beside the answer, whose time must not tell whether the person exists.
fn note_failure(app: &App, person: Uuid) {
    if app.limits.take(format!("sign-in failure {person}"), 3.0, app.clock.now()).is_err() {
        return;
    }
    let app = app.clone();
    tokio::spawn(async move {
        let noted = async {
            let mut tx = app.db.write().await?;
            let nobody = By { person: None, via: "page" };
            note(&mut tx, &app.clock, nobody, "sign_in_failed", ("person", person), 0, &[]).await?;
            tx.commit().await?;
            Ok::<(), Error>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(?error, "a failed sign-in could not be noted");
        }
    });
}

/// A new session under a fresh id; sessions that ran out are swept away on the way.
pub(super) async fn open_session(app: &App, person: Uuid, headers: &HeaderMap, response: &mut Response) -> Result<()> {
    let token = new_token();
    let now = app.clock.now();
    let agent: String =
        headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("").chars().take(200).collect();
    let mut tx = app.db.write().await?;
    tx.execute(sql!("DELETE FROM session WHERE expires_at < $1", now)).await?;
    tx.execute(sql!(
        "INSERT INTO session (token_hash, person_id, created_at, expires_at, agent) VALUES ($1, $2, $3, $4, $5)",
        hash_token(&token),
        person,
        now,
        now.plus_seconds(SESSION),
        agent
    ))
    .await?;
    let by = By { person: Some(person), via: "page" };
    note(&mut tx, &app.clock, by, "signed_in", ("person", person), 0, &[]).await?;
    tx.commit().await?;
    let (name, secure) = if app.https { (SECURE_SESSION_COOKIE, "; Secure") } else { (SESSION_COOKIE, "") };
    set_cookie(response, &format!("{name}={token}; Path=/; Max-Age={SESSION}; HttpOnly; SameSite=Lax{secure}"));
    Ok(())
}

fn set_cookie(response: &mut Response, line: &str) {
    if let Ok(value) = HeaderValue::from_str(line) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

async fn sign_out(State(app): State<App>, viewer: Viewer) -> Result<Response> {
    let mut tx = app.db.write().await?;
    tx.execute(sql!("DELETE FROM session WHERE token_hash = $1", &viewer.session)).await?;
    tx.commit().await?;
    let mut response = Redirect::to("/sign-in").into_response();
    let (name, secure) = if app.https { (SECURE_SESSION_COOKIE, "; Secure") } else { (SESSION_COOKIE, "") };
    set_cookie(&mut response, &format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"));
    Ok(response)
}

#[derive(askama::Template)]
#[template(path = "system/invitation.html")]
struct InvitationBody<'a> {
    page: &'a Page,
    organization: String,
    name: String,
    error: Option<String>,
}

/// The link of an invitation that was used, replaced or ran out, or that never was one.
const OVER: Error = Error::Refused { status: 404, key: "error-invitation-over" };

async fn invited(app: &App, token: &str) -> Result<(Uuid, String)> {
    let mut session = app.db.read().await?;
    session
        .optional(sql!(
            "SELECT p.id, p.name FROM invitation i JOIN person p ON p.id = i.person_id
              WHERE i.token_hash = $1 AND i.used_at IS NULL AND i.expires_at > $2 AND p.state <> 'disabled'",
            hash_token(token),
            app.clock.now()
        ))
        .await?
        .ok_or(OVER)
}

async fn invitation(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Asked,
    Path(token): Path<String>,
) -> Result<Response> {
    let (_, name) = invited(&app, &token).await?;
    let config = app.config(0).await?;
    let locale = visitor_locale(&headers, config.locale);
    let page = Page::public(locale, &asked, locale.text("invitation-title"));
    respond(&page, &InvitationBody { page: &page, organization: config.name.clone(), name, error: None })
}

#[derive(Deserialize)]
struct NewPassword {
    password: String,
}

async fn accept_invitation(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Asked,
    Path(token): Path<String>,
    Form(given): Form<NewPassword>,
) -> Result<Response> {
    let (person, name) = invited(&app, &token).await?;
    let hash = match people::beside(move || people::hash_password(&given.password)).await? {
        Ok(hash) => hash,
        Err(Error::Invalid(errors)) => {
            let config = app.config(0).await?;
            let locale = visitor_locale(&headers, config.locale);
            let page = Page::public(locale, &asked, locale.text("invitation-title"));
            let error = errors.first().map(|error| error.text(locale));
            let body = InvitationBody { page: &page, organization: config.name.clone(), name, error };
            return respond_with(StatusCode::UNPROCESSABLE_ENTITY, &page, render(&body)?);
        }
        Err(error) => return Err(error),
    };
    let now = app.clock.now();
    let mut tx = app.db.write().await?;
    let used = tx
        .execute(sql!(
            "UPDATE invitation SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL",
            hash_token(&token),
            now
        ))
        .await?;
    if used == 0 {
        return Err(OVER);
    }
    tx.execute(sql!(
        "UPDATE person SET password_hash = $2, state = 'active', version = version + 1, updated_at = $3 WHERE id = $1",
        person,
        hash,
        now
    ))
    .await?;
    let by = By { person: Some(person), via: "page" };
    note(&mut tx, &app.clock, by, "password_changed", ("person", person), 0, &[]).await?;
    // Whoever was signed in with the old password is not any more.
    tx.execute(sql!("DELETE FROM session WHERE person_id = $1", person)).await?;
    tx.commit().await?;
    let mut response = Redirect::to("/").into_response();
    open_session(&app, person, &headers, &mut response).await?;
    Ok(response)
}

#[derive(Deserialize)]
struct LocaleChoice {
    locale: String,
}

/// Back to where the person was, if that is a page of ours.
fn back(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
    headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|url| url.split_once("://"))
        .and_then(|(_, rest)| rest.strip_prefix(host))
        .map(own_path)
        .unwrap_or("/")
        .to_owned()
}

async fn set_locale(
    State(app): State<App>,
    headers: HeaderMap,
    viewer: Option<axum::Extension<Viewer>>,
    Form(given): Form<LocaleChoice>,
) -> Result<Response> {
    let locale = Locale::parse(&given.locale).ok_or_else(|| Error::field("locale", "invalid-choice"))?;
    if let Some(axum::Extension(viewer)) = viewer {
        let mut tx = app.db.write().await?;
        let wish = Wish { locale: Some(locale), ..Wish::default() };
        profile::set(&mut tx, &app, By::page(&viewer), viewer.person, &wish).await?;
        tx.commit().await?;
    }
    let mut response = Redirect::to(&back(&headers)).into_response();
    set_cookie(&mut response, &format!("locale={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", locale.tag()));
    Ok(response)
}

#[derive(Deserialize)]
struct ThemeChoice {
    theme: String,
}

async fn set_theme(
    State(app): State<App>,
    headers: HeaderMap,
    viewer: Option<axum::Extension<Viewer>>,
    Form(given): Form<ThemeChoice>,
) -> Result<Response> {
    let theme = one_of(&THEMES, &given.theme).ok_or_else(|| Error::field("theme", "invalid-choice"))?;
    if let Some(axum::Extension(viewer)) = viewer {
        let mut tx = app.db.write().await?;
        let wish = Wish { theme: Some(theme), ..Wish::default() };
        profile::set(&mut tx, &app, By::page(&viewer), viewer.person, &wish).await?;
        tx.commit().await?;
    }
    let mut response = Redirect::to(&back(&headers)).into_response();
    set_cookie(&mut response, &format!("theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax"));
    Ok(response)
}
