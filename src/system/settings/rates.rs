//! Exchange rates: what one unit of another currency is worth in the base currency, from a day on. Open deals are worth
//! today's rate; closed deals keep the rate of the day on which they were closed. A rate that comes into force therefore
//! re-values every open deal in its currency, in the same transaction.

use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use store::{Day, Session, Sql, Tx, Uuid, sql};

use super::{ADMIN, HOUSE, at_page, begin, finish, tabs, version};
use crate::shell::app::App;
use crate::shell::config::convert;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format::{self, LARGEST_AMOUNT};
use crate::shell::page::{Asked, Html, Page, Toast, done, render, respond_with};
use crate::shell::record::Actor;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Input, Reader, Sent, Typed, inputs};
use crate::system::history::{Changes, conflict_page};
use crate::system::setup::page::currency;

const HERE: &str = "/settings/rates";

pub fn routes() -> Routes {
    Routes::new().get(HERE, ADMIN, show).post(HERE, ADMIN, add).post("/settings/rates/removal", ADMIN, remove)
}

struct RateView {
    currency: String,
    day: Day,
    from: String,
    rate: String,
    is_now: bool,
    is_ahead: bool,
}

#[derive(askama::Template)]
#[template(path = "system/settings/rates.html")]
struct RatesBody<'a> {
    page: &'a Page,
    tabs: Html,
    base: String,
    version: String,
    rates: Vec<RateView>,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    currencies: Vec<&'static str>,
}

/// Currency, day and rate, the newest of each currency first.
pub(super) async fn rates(session: &mut Session) -> Result<Vec<(String, Day, String)>> {
    Ok(session.all("SELECT currency, on_day, rate FROM fx_rate ORDER BY currency, on_day DESC").await?)
}

/// GET /settings/rates
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    list(&app, &viewer, &asked, StatusCode::OK, &Typed::default()).await
}

async fn list(app: &App, viewer: &Viewer, asked: &Asked, status: StatusCode, typed: &Typed) -> Result<Response> {
    let mut session = app.db.read().await?;
    let version = version(&mut session).await?;
    let rows = rates(&mut session).await?;
    drop(session);
    let (locale, config) = (viewer.locale, &viewer.config);
    let today = config.today(app.clock.now());
    let rates = rows
        .into_iter()
        .map(|(currency, day, rate)| RateView {
            is_now: config.rate(&currency, today).is_some_and(|(since, _)| since == day),
            is_ahead: day > today,
            from: format::date(locale, day),
            currency,
            day,
            rate,
        })
        .collect();
    let fields = vec![
        Input::text("currency", locale.text("rate-currency"), "")
            .required()
            .suggesting("currencies")
            .hint(locale.text("rate-currency-hint")),
        Input::text("rate", locale.text_with("rate-value", &[("base", &config.base_currency)]), "")
            .required()
            .hint(locale.text("rate-hint")),
        Input::date("day", locale.text("rate-from"), Some(today)).required().hint(locale.text("rate-from-hint")),
    ];
    let page = Page::new(viewer, asked, locale.text("settings-rates"));
    let body = RatesBody {
        tabs: tabs(&page, HERE)?,
        base: config.base_currency.clone(),
        version: typed.or("version", version),
        rates,
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        currencies: super::organization::currencies(),
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// What became of a change of rates, as a page.
async fn answer(app: &App, viewer: &Viewer, asked: &Asked, sent: Sent, outcome: Result<i64>) -> Result<Response> {
    match outcome {
        Ok(deals) => {
            let text = viewer.locale.text_with("rate-saved", &[("count", &deals.to_string())]);
            Ok(done(asked, HERE, Some(Toast::success(text))))
        }
        Err(Error::Invalid(errors)) => {
            list(app, viewer, asked, StatusCode::UNPROCESSABLE_ENTITY, &Typed::refused(sent, errors)).await
        }
        Err(Error::Conflict(_)) => {
            let form = Reader::of(&sent);
            let part = part(&form.raw("currency").to_uppercase(), form.raw("day"));
            conflict_page(app, viewer, asked, HOUSE, form.version(), |field| field == part, HERE).await
        }
        Err(error) => Err(error),
    }
}

fn part(currency: &str, day: &str) -> String {
    format!("rate.{currency}.{day}")
}

/// POST /settings/rates: a rate for that day is added, or replaced.
async fn add(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    let outcome = at_page(&app, &viewer, async |tx, actor| store_rate(tx, actor, &sent).await).await;
    answer(&app, &viewer, &asked, sent, outcome).await
}

pub(super) async fn store_rate(tx: &mut Tx, actor: &Actor, sent: &Sent) -> Result<i64> {
    let config = &actor.viewer.config;
    let mut form = Reader::of(sent);
    let currency = form.parsed("currency", currency, "invalid-currency");
    if currency == config.base_currency {
        form.wrong("currency", "refused-rate-of-base");
    }
    let day = form.day("day");
    let rate = parse_rate(form.raw("rate"));
    if rate.is_none() {
        form.wrong("rate", "invalid-rate");
    }
    let (rate, seen) = (rate.unwrap_or_default(), form.version());
    form.finish()?;

    let part = part(&currency, &day.to_string());
    let version = begin(tx, seen, |field| field == part).await?;
    let before: Option<String> =
        tx.value(sql!("SELECT rate FROM fx_rate WHERE currency = $1 AND on_day = $2", &currency, day)).await?;
    tx.execute(sql!(
        "INSERT INTO fx_rate (currency, on_day, rate) VALUES ($1, $2, $3)
         ON CONFLICT (currency, on_day) DO UPDATE SET rate = excluded.rate",
        &currency,
        day,
        rate.to_string()
    ))
    .await?;
    let mut changes = Changes::default();
    changes.add(part, before, rate.to_string());
    let deals = revalue(tx, &currency, config.today(actor.clock.now())).await?;
    finish(tx, actor, version, changes).await?;
    Ok(deals)
}

/// A positive decimal number; a comma for the point is a slip we understand only as a thousands sign, so it is refused.
fn parse_rate(text: &str) -> Option<Decimal> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let rate: Decimal = text.parse().ok().filter(|_| plain)?;
    (rate > Decimal::ZERO && rate < Decimal::from(1_000_000_000) && rate.scale() <= 12).then(|| rate.normalize())
}

/// POST /settings/rates/removal
async fn remove(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    let outcome = at_page(&app, &viewer, async |tx, actor| remove_rate(tx, actor, &sent).await).await;
    // The form below asks for a new rate: what was to be removed does not belong into it.
    let outcome = match outcome {
        Err(Error::Invalid(errors)) => {
            let typed = Typed::reasons(errors);
            return list(&app, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
        }
        other => other,
    };
    answer(&app, &viewer, &asked, sent, outcome).await
}

pub(super) async fn remove_rate(tx: &mut Tx, actor: &Actor, sent: &Sent) -> Result<i64> {
    let mut form = Reader::of(sent);
    let currency = form.parsed("currency", currency, "invalid-currency");
    let day = form.day("day");
    let seen = form.version();
    form.finish()?;
    let part = part(&currency, &day.to_string());
    let version = begin(tx, seen, |field| field == part).await?;
    let before: Option<String> =
        tx.value(sql!("SELECT rate FROM fx_rate WHERE currency = $1 AND on_day = $2", &currency, day)).await?;
    if before.is_none() {
        return Err(Error::NotFound);
    }
    tx.execute(sql!("DELETE FROM fx_rate WHERE currency = $1 AND on_day = $2", &currency, day)).await?;
    let mut changes = Changes::default();
    changes.add(part, before, Json::Null);
    let deals = revalue(tx, &currency, actor.viewer.config.today(actor.clock.now())).await?;
    finish(tx, actor, version, changes).await?;
    Ok(deals)
}

/// Re-values the open deals of the currencies whose rate came into force after `since`, up to `today`.
pub async fn revalue_due(tx: &mut Tx, since: Day, today: Day) -> Result<()> {
    let due: Vec<(String,)> =
        tx.all(sql!("SELECT DISTINCT currency FROM fx_rate WHERE on_day > $1 AND on_day <= $2", since, today)).await?;
    for (currency,) in due {
        // Nobody is there who could be told: the day begins all the same.
        revalue_to(tx, &currency, today, Some(LARGEST_AMOUNT)).await?;
    }
    Ok(())
}

/// Sets `amount_base` of every open deal in a currency to its worth at today's rate; also of deals in the trash, which may
/// come back. The deals themselves did not change: their version stays. Returns how many there are.
///
/// Errors: when there are open deals and no rate any more, and when a deal would be worth more than an amount may be.
pub async fn revalue(tx: &mut Tx, currency: &str, today: Day) -> Result<i64> {
    revalue_to(tx, currency, today, None).await
}

/// `most`: what a deal counts as that would be worth more than an amount may be; without it that is an error.
async fn revalue_to(tx: &mut Tx, currency: &str, today: Day, most: Option<i64>) -> Result<i64> {
    const DEALS: &str = "
        SELECT id, amount FROM opportunity
         WHERE currency = $1 AND stage_kind = 'open' AND id > $2 ORDER BY id LIMIT 400";
    const IN_FORCE: &str = "SELECT rate FROM fx_rate WHERE currency = $1 AND on_day <= $2 ORDER BY on_day DESC LIMIT 1";
    let base: String = tx.value("SELECT base_currency FROM organization WHERE id = 1").await?.unwrap_or_default();
    let rate: Option<String> = tx.value(sql!(IN_FORCE, currency, today)).await?;
    let rate: Option<Decimal> = rate.and_then(|text| text.parse().ok());
    let (mut after, mut count) = (Uuid::nil(), 0);
    loop {
        let deals: Vec<(Uuid, i64)> = tx.all(sql!(DEALS, currency, after)).await?;
        let Some((last, _)) = deals.last() else { return Ok(count) };
        let rate = rate.ok_or_else(|| {
            Error::Invalid(vec![FieldError::new("currency", "refused-rate-in-use").with("currency", currency)])
        })?;
        (after, count) = (*last, count + deals.len() as i64);
        // A row of `worth`: a deal and what it is worth now.
        let mut statement = Sql::new("WITH worth (id, amount) AS (VALUES ");
        for (index, (id, amount)) in deals.iter().enumerate() {
            let worth = convert(*amount, currency, &base, rate).filter(|worth| *worth <= LARGEST_AMOUNT);
            let worth = worth.or(most).ok_or_else(|| {
                let most = format::money(LARGEST_AMOUNT, &base);
                Error::Invalid(vec![FieldError::new("rate", "refused-rate-worth").with("most", most)])
            })?;
            statement.push(if index > 0 { ", (" } else { "(" }).bind(*id).push(", ").bind(worth).push(")");
        }
        statement.push(
            ") UPDATE opportunity SET amount_base = (SELECT w.amount FROM worth w WHERE w.id = opportunity.id)
                WHERE id IN (SELECT id FROM worth)",
        );
        tx.execute(statement).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_positive_decimal_number() {
        assert_eq!(parse_rate("7.10").map(|rate| rate.to_string()).as_deref(), Some("7.1"));
        assert_eq!(parse_rate("0.00000001").map(|rate| rate.to_string()).as_deref(), Some("0.00000001"));
        for text in ["", "0", "-1", "7,1", "1e3", "abc", "9999999999"] {
            assert_eq!(parse_rate(text), None, "{text}");
        }
    }

    #[test]
    fn a_currency_without_cents_is_converted_to_one_with_cents() {
        let rate = parse_rate("0.0478").expect("a rate");
        assert_eq!(convert(150_000, "JPY", "CNY", rate), Some(717_000));
        assert_eq!(convert(717_001, "CNY", "JPY", parse_rate("20.9").expect("a rate")), Some(149_853));
    }
}
