//! The organisation with its fiscal calendar, and exchange rates.

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Day, Session};

use super::{change, form_of, get, put_over, seen_of_house};
use crate::shell::api::shape::Lexis;
use crate::shell::api::{Answer, Api, Asking, Body, IfMatch, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::config::Config;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::Viewer;
use crate::system::administrator::at_api;
use crate::system::form::Sent;
use crate::system::settings::organization::{OrganizationRow, organization, store};
use crate::system::settings::rates::{rates, remove_rate, store_rate};
use crate::system::settings::version;

#[derive(Serialize, schemars::JsonSchema)]
struct Organization {
    version: i64,
    name: String,
    locale: String,
    zone: String,
    base_currency: String,
    fiscal_start_month: i64,
    fiscal_calendar: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct OrganizationPatch {
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = ["en", "zh-CN"]))]
    locale: Option<String>,
    /// An IANA time zone.
    #[serde(default)]
    zone: Option<String>,
    /// Fixed as soon as there are opportunities.
    #[serde(default)]
    #[schemars(extend("pattern" = Lexis::Currency.pattern()))]
    base_currency: Option<String>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 12))]
    fiscal_start_month: Option<i64>,
    #[serde(default)]
    #[schemars(extend("enum" = ["months", "4-4-5"]))]
    fiscal_calendar: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Rates {
    version: i64,
    base_currency: String,
    data: Vec<Rate>,
}

/// What one unit of the currency is worth in the base currency, from the day on.
#[derive(Serialize, schemars::JsonSchema)]
struct Rate {
    currency: String,
    #[schemars(extend("format" = "date"))]
    day: String,
    rate: String,
    in_force: bool,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct RatePut {
    #[schemars(extend("pattern" = Lexis::Currency.pattern()))]
    currency: String,
    #[schemars(extend("format" = "date"))]
    day: String,
    /// A positive decimal number.
    rate: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Revalued {
    version: i64,
    /// How many open opportunities are worth something else now.
    revalued: i64,
}

pub fn operations() -> Api {
    let at = "/api/settings/organization";
    let tagged = |operation: Operation| operation.with_header("ETag");
    let rates = "/api/settings/rates";
    let currency = json!({ "type": "string", "pattern": Lexis::Currency.pattern() });
    Api::new()
        .operation(tagged(get(at, "getOrganization", "api-organization").gives(200, schema_of::<Organization>())), show)
        .operation(
            tagged(
                change(Method::PATCH, at, "updateOrganization", "api-organization-update")
                    .takes(schema_of::<OrganizationPatch>())
                    .example(json!({ "zone": "Asia/Shanghai" }))
                    .gives(200, schema_of::<Organization>()),
            ),
            update,
        )
        .operation(tagged(get(rates, "listRates", "api-rates").gives(200, schema_of::<Rates>())), list_rates)
        .operation(
            tagged(
                change(Method::PUT, rates, "putRate", "api-rate-put")
                    .takes(schema_of::<RatePut>())
                    .example(json!({ "currency": "USD", "day": "2026-11-01", "rate": "7.1" }))
                    .gives(200, schema_of::<Revalued>()),
            ),
            put_rate,
        )
        .operation(
            tagged(
                change(Method::DELETE, rates, "removeRate", "api-rate-remove")
                    .query("currency", currency, "api-parameter-currency")
                    .query("day", json!({ "type": "string", "format": "date" }), "api-parameter-day")
                    .gives(200, schema_of::<Revalued>()),
            ),
            drop_rate,
        )
}

// ---- the organisation

fn shown(row: OrganizationRow) -> Answer {
    let version = row.version;
    let body = json!(Organization {
        version,
        name: row.name,
        locale: row.locale,
        zone: row.zone,
        base_currency: row.base_currency,
        fiscal_start_month: row.fiscal_start_month,
        fiscal_calendar: row.fiscal_calendar,
    });
    Answer::of_version(version, body)
}

/// GET /api/settings/organization · administrators
async fn show(State(app): State<App>) -> Result<Answer> {
    Ok(shown(organization(&mut app.db.read().await?).await?))
}

/// PATCH /api/settings/organization · administrators
async fn update(State(app): State<App>, viewer: Viewer, IfMatch(seen): IfMatch, body: Body) -> Result<Answer> {
    body.read::<OrganizationPatch>()?;
    at_api(&app, &viewer, async |tx, actor| {
        let seen = seen_of_house(tx, seen).await?;
        let before = organization(tx).await?;
        let mut form = form_of([
            ("name", before.name),
            ("locale", before.locale),
            ("zone", before.zone),
            ("fiscal_start_month", before.fiscal_start_month.to_string()),
            ("fiscal_calendar", before.fiscal_calendar),
        ]);
        put_over(&mut form, &body)?;
        form.insert("version".into(), seen.to_string());
        store(tx, actor, &form).await?;
        Ok(shown(organization(tx).await?))
    })
    .await
}

// ---- exchange rates

async fn told(session: &mut Session, config: &Config, today: Day) -> Result<Answer> {
    let version = version(session).await?;
    let data = rates(session).await?.into_iter().map(|(currency, day, rate)| Rate {
        in_force: config.rate(&currency, today).is_some_and(|(since, _)| since == day),
        day: day.to_string(),
        currency,
        rate,
    });
    let body = json!(Rates { version, base_currency: config.base_currency.clone(), data: data.collect() });
    Ok(Answer::of_version(version, body))
}

/// GET /api/settings/rates · administrators
async fn list_rates(State(app): State<App>, viewer: Viewer) -> Result<Answer> {
    let today = viewer.config.today(app.clock.now());
    told(&mut app.db.read().await?, &viewer.config, today).await
}

async fn revalued(session: &mut Session, deals: i64) -> Result<Answer> {
    let version = version(session).await?;
    Ok(Answer::of_version(version, json!(Revalued { version, revalued: deals })))
}

/// PUT /api/settings/rates · administrators: a rate for that day is added, or replaced
async fn put_rate(State(app): State<App>, viewer: Viewer, IfMatch(seen): IfMatch, body: Body) -> Result<Answer> {
    body.read::<RatePut>()?;
    at_api(&app, &viewer, async |tx, actor| {
        let mut form = Sent::default();
        put_over(&mut form, &body)?;
        form.insert("version".into(), seen_of_house(tx, seen).await?.to_string());
        let deals = store_rate(tx, actor, &form).await?;
        revalued(tx, deals).await
    })
    .await
}

/// DELETE /api/settings/rates · administrators
async fn drop_rate(State(app): State<App>, viewer: Viewer, IfMatch(seen): IfMatch, asking: Asking) -> Result<Answer> {
    asking.only(&["currency", "day"])?;
    let needed = |name: &str| match asking.one(name)? {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::field(name, "invalid-required")),
    };
    let (currency, day) = (needed("currency")?, needed("day")?);
    at_api(&app, &viewer, async |tx, actor| {
        let version = seen_of_house(tx, seen).await?.to_string();
        let form = form_of([("currency", currency), ("day", day), ("version", version)]);
        let deals = remove_rate(tx, actor, &form).await?;
        revalued(tx, deals).await
    })
    .await
}
