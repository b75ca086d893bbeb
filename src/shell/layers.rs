//! What surrounds every handler: who is looking, where a form may come from, how an error is dressed, which headers go out.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::app::App;
use super::error::Error;
use super::i18n::Locale;
use super::limit;
use super::page::{Asked, Page, Toast, render, respond_with, toast_event, trigger};
use super::viewer::{Viewer, cookie, identify};

/// Strict: no inline script or style, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The outermost layer: identity in, error dressing and headers out.
pub async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let asked = Asked::of(request.method(), request.headers(), request.uri());
    let is_api = asked.path.starts_with("/api/");
    let mut locale = locale_of(request.headers());
    let mut viewer = None;
    if !asked.path.starts_with("/assets/") {
        match app.is_set_up().await {
            Ok(true) => {}
            Ok(false) if !is_open_before_setup(&asked.path) => {
                let answer = before_setup(&request);
                return finish(&asked, is_api, locale, None, answer);
            }
            Ok(false) => {}
            Err(error) => return finish(&asked, is_api, locale, None, error.into_response()),
        }
        match identify(&app, request.headers(), is_api).await {
            Ok(found) => viewer = found,
            Err(error) => return finish(&asked, is_api, locale, None, error.into_response()),
        }
    }
    if let Some(viewer) = &viewer {
        locale = viewer.locale;
        request.extensions_mut().insert(viewer.clone());
    }
    if let Err(error) = same_origin(&request, is_api) {
        return finish(&asked, is_api, locale, viewer, error.into_response());
    }
    if !is_api {
        let response = next.run(request).await;
        return finish(&asked, is_api, locale, viewer, response);
    }
    let is_options = request.method() == Method::OPTIONS;
    let allowance = Allowance::take(&app, viewer.as_ref(), &request);
    let response = match &allowance.refused {
        Some(error) => error.clone().into_response(),
        None => next.run(request).await,
    };
    let mut response = finish(&asked, is_api, locale, viewer, response);
    if is_options {
        answer_options(&mut response);
    }
    allowance.tell(&mut response);
    response
}

/// Calls of the API per minute from one address when nobody is signed in.
const ANONYMOUS_PER_MINUTE: u32 = 120;

/// How much of the API a person may still use; told with every answer.
struct Allowance {
    limit: u32,
    left: u32,
    /// Seconds until one more call is allowed, or until the allowance is whole again.
    reset: u64,
    refused: Option<Error>,
}

impl Allowance {
    fn take(app: &App, viewer: Option<&Viewer>, request: &Request) -> Allowance {
        let (key, limit) = match viewer {
            Some(viewer) => (format!("api {}", viewer.person), app.limits.api_per_minute()),
            None => {
                let source = limit::source(request.extensions().get(), request.headers());
                let limit = ANONYMOUS_PER_MINUTE.max(app.limits.api_per_minute() / 5);
                (format!("api anonymous {}", source.unwrap_or_default()), limit)
            }
        };
        match app.limits.take(key, f64::from(limit), app.clock.now()) {
            Ok(left) => {
                let used = u64::from(limit - left.min(limit));
                Allowance { limit, left, reset: (used * 60).div_ceil(u64::from(limit)), refused: None }
            }
            Err(error) => {
                let reset = if let Error::TooMany { seconds } = error { seconds } else { 60 };
                Allowance { limit, left: 0, reset, refused: Some(error) }
            }
        }
    }

    fn tell(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert("ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.left));
        headers.insert("ratelimit-reset", HeaderValue::from(self.reset));
    }
}

/// `OPTIONS` on an address of the API says which methods it takes; the router adds `Allow` behind this layer. There is no
/// CORS: programs need none, and other sites' pages have no business here.
fn answer_options(response: &mut Response) {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        *response = StatusCode::NO_CONTENT.into_response();
        secure(response);
    }
}

/// What works in a house without an organisation: the set-up page and what it needs.
fn is_open_before_setup(path: &str) -> bool {
    matches!(path, "/setup" | "/health" | "/favicon.svg" | "/me/locale" | "/me/theme")
}

/// Before there is an organisation, every page leads to the set-up page.
fn before_setup(request: &Request) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) && !request.uri().path().starts_with("/api/") {
        return Redirect::to("/setup").into_response();
    }
    Error::Refused { status: 503, key: "error-not-set-up" }.into_response()
}

/// The language of somebody who is not signed in: their cookie, else the browser's.
pub fn locale_of(headers: &HeaderMap) -> Locale {
    cookie(headers, "locale")
        .and_then(Locale::parse)
        .or_else(|| {
            headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(Locale::accepted)
        })
        .unwrap_or_default()
}

/// Changes are taken only from our own pages. Browsers say where a request comes from; a call of the API with a bearer token
/// carries its own authority and may come from anywhere.
fn same_origin(request: &Request, is_api: bool) -> Result<(), Error> {
    let headers = request.headers();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !changes || (is_api && headers.contains_key(header::AUTHORIZATION)) {
        return Ok(());
    }
    let refused = Error::Refused { status: 403, key: "error-origin" };
    match headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()) {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(refused),
        None => {}
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
    match headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) {
        None => Ok(()),
        Some(origin) => match origin.split_once("://") {
            Some((_, of)) if of == host => Ok(()),
            _ => Err(refused),
        },
    }
}

fn finish(asked: &Asked, is_api: bool, locale: Locale, viewer: Option<Viewer>, mut response: Response) -> Response {
    if let Some(error) = response.extensions_mut().remove::<Error>() {
        if let Error::Internal(cause) = &error {
            tracing::error!(path = asked.path, cause, "internal error");
        }
        response = if is_api { problem(locale, &error) } else { dressed(asked, locale, viewer.as_ref(), &error) };
        if let Error::TooMany { seconds } = error {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if is_api && matches!(error, Error::SignIn) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if matches!(error, Error::Unavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
    } else if is_api && response.status().is_client_error() && !is_json(&response) {
        // The router's and extractors' own refusals (405, 415, 400) speak the same language as ours.
        response = plain_problem(locale, response.status(), response.headers().get(header::ALLOW).cloned());
    }
    secure(&mut response);
    response
}

fn is_json(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/"))
}

fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry("content-security-policy").or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// RFC 9457.
fn problem(locale: Locale, error: &Error) -> Response {
    let status = error.status();
    let mut body = json!({
        "type": format!("https://trivet.example/problems/{}", error.key().trim_start_matches("error-")),
        "title": locale.text(error.key()),
        "status": status.as_u16(),
    });
    // What a person does next on a page is not always what a program does.
    let hints = [format!("{}-api", error.key()), format!("{}-hint", error.key())];
    if let Some(hint) = hints.iter().find(|hint| locale.has(hint)) {
        body["detail"] = json!(locale.text(hint));
    }
    match error {
        Error::Invalid(errors) | Error::Malformed(errors) => {
            body["errors"] = errors
                .iter()
                .map(|error| json!({ "field": error.field, "code": error.key, "detail": error.text(locale) }))
                .collect();
        }
        Error::Conflict(collision) => {
            body["version"] = json!(collision.version);
            body["errors"] = collision
                .fields
                .iter()
                .map(|(field, was, mine, now)| json!({ "field": field, "code": "conflict", "original": was, "yours": mine, "theirs": now }))
                .collect();
        }
        _ => {}
    }
    json_problem(status, &body)
}

fn plain_problem(locale: Locale, status: StatusCode, allow: Option<HeaderValue>) -> Response {
    let key = match status {
        StatusCode::NOT_FOUND => "error-not-found",
        StatusCode::METHOD_NOT_ALLOWED => "error-method",
        StatusCode::PAYLOAD_TOO_LARGE => "error-too-large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "error-media-type",
        _ => "error-bad-request",
    };
    let body = json!({ "type": format!("https://trivet.example/problems/{}", key.trim_start_matches("error-")), "title": locale.text(key), "status": status.as_u16() });
    let mut response = json_problem(status, &body);
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn json_problem(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[derive(askama::Template)]
#[template(path = "shell/error.html")]
struct ErrorBody<'a> {
    page: &'a Page,
    status: u16,
    title: String,
    details: Vec<String>,
    hint: String,
    /// The same page without the conditions that were not understood.
    plain: Option<&'a str>,
}

/// For people: a page, or for scripts a toast. Not signed in: the sign-in page, and back here afterwards.
fn dressed(asked: &Asked, locale: Locale, viewer: Option<&Viewer>, error: &Error) -> Response {
    if matches!(error, Error::SignIn) && !asked.fragment {
        let back = if asked.query.is_empty() { asked.path.clone() } else { format!("{}?{}", asked.path, asked.query) };
        let to = if back == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={}", url_encode(&back)) };
        return Redirect::to(&to).into_response();
    }
    let title = locale.text(error.key());
    let details: Vec<String> = match error {
        Error::Invalid(errors) | Error::Malformed(errors) => errors.iter().map(|error| error.text(locale)).collect(),
        _ => Vec::new(),
    };
    if asked.fragment {
        let text = if details.is_empty() { title } else { details.join(" ") };
        let mut response = (error.status(), "").into_response();
        trigger(&mut response, toast_event(&Toast::danger(text)));
        return response;
    }
    let page = match viewer {
        Some(viewer) => Page::new(viewer, asked, title.clone()),
        None => Page::public(locale, asked, title.clone()),
    };
    let hint = locale.text(&format!("{}-hint", error.key()));
    let hint = if hint.ends_with("-hint") { String::new() } else { hint };
    let is_about_conditions =
        asked.is_read && !asked.query.is_empty() && matches!(error, Error::Malformed(_) | Error::Invalid(_));
    let plain = is_about_conditions.then_some(asked.path.as_str());
    let body = ErrorBody { page: &page, status: error.status().as_u16(), title, details, hint, plain };
    render(&body)
        .and_then(|body| respond_with(error.status(), &page, body))
        .unwrap_or_else(|_| error.status().into_response())
}

/// Percent-encodes a value for a query string.
pub fn url_encode(text: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => encoded.push(byte as char),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}
