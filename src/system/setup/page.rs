//! The set-up page: open to everybody, and only as long as there is no organisation. It asks for a code that stands in the
//! terminal of the server, so that a stranger on the network can't take the house.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::{First, Organization, found};
use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::calendar::Calendar;
use crate::shell::error::{Error, Result};
use crate::shell::format::is_currency;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::hash_token;
use crate::system::form::{Input, Reader, Sent, Typed, inputs};
use crate::system::history::By;
use crate::system::people::PASSWORD_LENGTH;
use crate::system::settings::organization::{calendars, currencies, languages, months, zones};
use crate::system::sign_in::{open_session, visitor_locale};

pub fn routes() -> Routes {
    Routes::new().get("/setup", Policy::Public, form).post("/setup", Policy::Public, submit)
}

#[derive(askama::Template)]
#[template(path = "system/setup/page.html")]
struct SetupBody<'a> {
    page: &'a Page,
    errors: Vec<(String, String)>,
    code: Vec<Html>,
    organization: Vec<Html>,
    person: Vec<Html>,
    zones: Vec<String>,
    currencies: Vec<&'static str>,
}

/// GET /setup
async fn form(State(app): State<App>, headers: HeaderMap, asked: Asked) -> Result<Response> {
    refuse_if_done(&app).await?;
    show(&headers, &asked, StatusCode::OK, &Typed::default())
}

async fn refuse_if_done(app: &App) -> Result<()> {
    if app.is_set_up().await? { Err(Error::NotFound) } else { Ok(()) }
}

fn show(headers: &HeaderMap, asked: &Asked, status: StatusCode, typed: &Typed) -> Result<Response> {
    let locale = visitor_locale(headers, Locale::En);
    let t = |key: &str| locale.text(key);
    let page = Page::public(locale, asked, t("setup-title"));
    // Most houses run where they work; a machine that keeps universal time says nothing of it.
    let here = jiff::tz::TimeZone::system()
        .iana_name()
        .filter(|name| name.contains('/') && !name.starts_with("Etc/"))
        .map(str::to_owned);
    let (currency, usual) = match locale {
        Locale::Zh => ("CNY", "Asia/Shanghai"),
        Locale::En => ("USD", "UTC"),
    };
    let zone = here.as_deref().unwrap_or(usual);
    let code = vec![Input::text("code", t("setup-code"), "").required().focused().hint(t("setup-code-hint"))];
    let organization = vec![
        Input::text("organization", t("change-name"), "").required().wide().completed_as("organization"),
        Input::select("locale", t("change-locale"), locale.tag(), languages(locale)).hint(t("setup-locale-hint")),
        Input::text("zone", t("change-zone"), zone).required().suggesting("zones").hint(t("settings-zone-hint")),
        Input::text("currency", t("change-base-currency"), currency)
            .required()
            .suggesting("currencies")
            .hint(t("settings-currency-hint")),
        Input::select("fiscal_start_month", t("change-fiscal-start-month"), "1", months(locale)),
        Input::select("fiscal_calendar", t("change-fiscal-calendar"), "months", calendars(locale))
            .wide()
            .hint(t("settings-calendar-hint")),
    ];
    let person = vec![
        Input::text("name", t("setup-your-name"), "").required().completed_as("name"),
        Input::new("email", "email", t("sign-in-email"), "").required().completed_as("username"),
        Input::new("password", "password", t("sign-in-password"), "")
            .required()
            .between(PASSWORD_LENGTH as i64, 1000)
            .completed_as("new-password")
            .hint(t("invitation-text")),
        Input::check("partner", t("setup-partner"), true).wide().hint(t("setup-partner-hint")),
    ];
    let body = SetupBody {
        page: &page,
        errors: typed.summary(locale, &[&code, &organization, &person]),
        code: inputs(code, typed, locale)?,
        organization: inputs(organization, typed, locale)?,
        person: inputs(person, typed, locale)?,
        zones: zones(),
        currencies: currencies(),
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /setup
async fn submit(State(app): State<App>, headers: HeaderMap, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    refuse_if_done(&app).await?;
    app.limits.take("setup".into(), 10.0, app.clock.now())?;
    match create(&app, &sent).await {
        Ok(person) => {
            let mut response = Redirect::to("/").into_response();
            open_session(&app, person, &headers, &mut response).await?;
            Ok(response)
        }
        Err(Error::Invalid(errors)) => {
            show(&headers, &asked, StatusCode::UNPROCESSABLE_ENTITY, &Typed::refused(sent, errors))
        }
        Err(error) => Err(error),
    }
}

async fn create(app: &App, sent: &Sent) -> Result<store::Uuid> {
    let mut form = Reader::of(sent);
    // Compared as hashes: how long it takes says nothing about how much was right.
    let code: String = form.raw("code").to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
    if hash_token(&code) != hash_token(&app.setup_code.replace('-', "")) {
        form.wrong("code", "invalid-setup-code");
    }
    let organization = Organization {
        name: form.required_line("organization", 200),
        locale: form.choice("locale", Locale::parse, Locale::En),
        base_currency: form.parsed("currency", currency, "invalid-currency"),
        zone: form.parsed("zone", zone, "invalid-zone"),
        fiscal_start_month: form.whole("fiscal_start_month", 1, 12) as i8,
        calendar: form.choice("fiscal_calendar", Calendar::parse, Calendar::Months),
    };
    let name = form.required_line("name", 200);
    let email = form.required_line("email", 200);
    if !email.is_empty() && !is_email(&email) {
        form.wrong("email", "invalid-email");
    }
    let password = sent.get("password").cloned().unwrap_or_default();
    if password.chars().count() < PASSWORD_LENGTH {
        form.errors.push(
            crate::shell::error::FieldError::new("password", "invalid-password-short").with("min", PASSWORD_LENGTH),
        );
    }
    let roles: &[Role] = if form.is_ticked("partner") { &[Role::Partner, Role::Admin] } else { &[Role::Admin] };
    form.finish()?;
    let first = First { name: &name, email: &email, password: &password, roles };
    found(app, &organization, &first, By { person: None, via: "page" }).await
}

/// A currency code as people type it.
pub fn currency(text: &str) -> Option<String> {
    let code = text.to_uppercase();
    is_currency(&code).then_some(code)
}

/// An IANA time zone.
pub fn zone(text: &str) -> Option<String> {
    jiff::tz::TimeZone::get(text).ok()?.iana_name().map(str::to_owned)
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
        && !text.contains(char::is_whitespace)
}
