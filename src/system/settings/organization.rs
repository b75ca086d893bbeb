//! The organisation itself: name, language, zone, money, fiscal year.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use store::{Session, Tx, sql};

use super::{ADMIN, HOUSE, at_page, begin, finish, saved, tabs};
use crate::shell::app::App;
use crate::shell::calendar::{Calendar, store_periods};
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::record::Actor;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Input, Reader, Sent, Typed, inputs};
use crate::system::history::{Changes, conflict_page};
use crate::system::setup::page::{currency, zone};

const HERE: &str = "/settings/organization";

pub fn routes() -> Routes {
    Routes::new().get(HERE, ADMIN, show).post(HERE, ADMIN, save)
}

#[derive(sqlx::FromRow)]
pub(super) struct OrganizationRow {
    pub version: i64,
    pub name: String,
    pub base_currency: String,
    pub fiscal_start_month: i64,
    pub fiscal_calendar: String,
    pub locale: String,
    pub zone: String,
}

const ORGANIZATION: &str = "SELECT version, name, base_currency, fiscal_start_month, fiscal_calendar, locale, zone FROM organization WHERE id = 1";

pub(super) async fn organization(session: &mut Session) -> Result<OrganizationRow> {
    Ok(session.one(ORGANIZATION).await?)
}

#[derive(askama::Template)]
#[template(path = "system/settings/form.html")]
struct FormBody<'a> {
    page: &'a Page,
    tabs: Html,
    title: String,
    text: String,
    action: &'a str,
    back: &'a str,
    version: String,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    zones: Vec<String>,
    currencies: Vec<&'static str>,
}

/// GET /settings/organization
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    form(&app, &viewer, &asked, StatusCode::OK, &Typed::default()).await
}

async fn form(app: &App, viewer: &Viewer, asked: &Asked, status: StatusCode, typed: &Typed) -> Result<Response> {
    let mut session = app.db.read().await?;
    let row = organization(&mut session).await?;
    let deals: i64 =
        session.value("SELECT COUNT(*) FROM (SELECT id FROM opportunity LIMIT 1) one_deal").await?.unwrap_or(0);
    drop(session);
    let locale = viewer.locale;
    let t = |key: &str| locale.text(key);
    let mut fields = vec![
        Input::text("name", t("change-name"), &row.name).required().wide().completed_as("organization"),
        Input::select("locale", t("change-locale"), &row.locale, languages(locale)).hint(t("setup-locale-hint")),
        Input::text("zone", t("change-zone"), &row.zone).required().suggesting("zones").hint(t("settings-zone-hint")),
        Input::select(
            "fiscal_start_month",
            t("change-fiscal-start-month"),
            row.fiscal_start_month.to_string(),
            months(locale),
        ),
        Input::select("fiscal_calendar", t("change-fiscal-calendar"), &row.fiscal_calendar, calendars(locale))
            .hint(t("settings-calendar-hint")),
    ];
    let money = Input::text("base_currency", t("change-base-currency"), &row.base_currency);
    fields.push(if deals == 0 {
        money.required().suggesting("currencies").hint(t("settings-currency-hint"))
    } else {
        money.fixed().hint(t("settings-currency-fixed"))
    });
    let page = Page::new(viewer, asked, t("settings-organization"));
    let body = FormBody {
        tabs: tabs(&page, HERE)?,
        title: page.title.clone(),
        text: t("settings-organization-text"),
        action: HERE,
        back: "/settings",
        version: typed.or("version", row.version),
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        zones: zones(),
        currencies: currencies(),
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /settings/organization
async fn save(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    match at_page(&app, &viewer, async |tx, actor| store(tx, actor, &sent).await).await {
        Ok(()) => Ok(saved(&viewer, &asked, HERE)),
        Err(Error::Invalid(errors)) => {
            form(&app, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &Typed::refused(sent, errors)).await
        }
        Err(Error::Conflict(_)) => {
            let seen = Reader::of(&sent).version();
            conflict_page(&app, &viewer, &asked, HOUSE, seen, is_part, HERE).await
        }
        Err(error) => Err(error),
    }
}

/// The organisation's own fields have plain names; all other house-wide settings have a dot in theirs.
fn is_part(field: &str) -> bool {
    !field.contains('.')
}

pub(super) async fn store(tx: &mut Tx, actor: &Actor, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 200);
    let locale = form.choice("locale", Locale::parse, Locale::En);
    let zone = form.parsed("zone", zone, "invalid-zone");
    let month = form.whole("fiscal_start_month", 1, 12);
    let calendar = form.choice("fiscal_calendar", Calendar::parse, Calendar::Months);
    let money = match form.raw("base_currency") {
        "" => None,
        _ => Some(form.parsed("base_currency", currency, "invalid-currency")),
    };
    let seen = form.version();
    form.finish()?;

    let version = begin(tx, seen, is_part).await?;
    let row = organization(tx).await?;
    let money = money.unwrap_or_else(|| row.base_currency.clone());
    let mut changes = Changes::default();
    changes.add("name", row.name, name.as_str());
    changes.add("locale", row.locale, locale.tag());
    changes.add("zone", row.zone, zone.as_str());
    changes.add("fiscal_start_month", row.fiscal_start_month, month);
    changes.add("fiscal_calendar", row.fiscal_calendar, calendar.key());
    let periods_move = changes.0.iter().any(|change| change.field.starts_with("fiscal_"));
    if row.base_currency != money {
        if tx.value::<i64>("SELECT COUNT(*) FROM opportunity").await?.unwrap_or(0) > 0 {
            return Err(Error::field("base_currency", "refused-base-currency"));
        }
        changes.add("base_currency", row.base_currency, money.as_str());
        // Rates say what another currency is worth in this one.
        let rates: Vec<(String, store::Day, String)> = tx.all("SELECT currency, on_day, rate FROM fx_rate").await?;
        for (currency, day, rate) in rates {
            changes.add(format!("rate.{currency}.{day}"), rate, serde_json::Value::Null);
        }
        tx.execute("DELETE FROM fx_rate").await?;
    }
    tx.execute(sql!(
        "UPDATE organization SET name = $1, locale = $2, zone = $3, fiscal_start_month = $4, fiscal_calendar = $5, base_currency = $6 WHERE id = 1",
        name,
        locale.tag(),
        zone,
        month,
        calendar.key(),
        money
    ))
    .await?;
    if periods_move {
        store_periods(tx, calendar, month as i8).await?;
    }
    finish(tx, actor, version, changes).await
}

pub fn languages(locale: Locale) -> Vec<(String, String)> {
    Locale::ALL
        .into_iter()
        .map(|one| (one.tag().to_owned(), locale.text(&format!("language-{}", one.tag().to_lowercase()))))
        .collect()
}

pub fn months(locale: Locale) -> Vec<(String, String)> {
    (1..=12).map(|month: i64| (month.to_string(), locale.text(&format!("month-{month}")))).collect()
}

pub fn calendars(locale: Locale) -> Vec<(String, String)> {
    [Calendar::Months, Calendar::FourFourFive]
        .into_iter()
        .map(|calendar| (calendar.key().to_owned(), locale.text(&format!("calendar-{}", calendar.key()))))
        .collect()
}

/// The zones that people live in.
pub fn zones() -> Vec<String> {
    let mut names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.as_str().to_owned())
        .filter(|name| {
            name == "UTC" || (name.contains('/') && !name.starts_with("Etc/") && !name.starts_with("SystemV/"))
        })
        .collect();
    names.sort();
    names
}

/// Suggestions; every ISO 4217 code is accepted.
pub fn currencies() -> Vec<&'static str> {
    vec![
        "AED", "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "JPY",
        "KRW", "KWD", "MOP", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SAR", "SEK", "SGD", "THB", "TRY", "TWD",
        "USD", "VND", "ZAR",
    ]
}
