//! Price lists: what products cost in a currency, from a day to a day. Which price counts: [`crate::shell::prices`].

use std::collections::HashSet;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;
use store::{Day, Session, Tx, Uuid, new_id, sql};

use super::{ADMIN, answer, at_page, finish_row, next_version, saved, tabs};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::record::Actor;
use crate::shell::records::id as parse_id;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Input, Reader, Sent, Typed, inputs};
use crate::system::history::Changes;
use crate::system::setup::page::currency;

const HERE: &str = "/settings/prices";

pub fn routes() -> Routes {
    Routes::new()
        .get(HERE, ADMIN, list)
        .post(HERE, ADMIN, add)
        .get("/settings/prices/{id}", ADMIN, show)
        .post("/settings/prices/{id}", ADMIN, save)
        .post("/settings/prices/{id}/removal", ADMIN, remove)
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct ListRow {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    pub currency: String,
    pub from_day: Option<Day>,
    pub to_day: Option<Day>,
    pub prices: i64,
}

const LISTS: &str = "
    SELECT l.id, l.version, l.name, l.currency, l.from_day, l.to_day,
           (SELECT COUNT(*) FROM price p WHERE p.price_list_id = l.id) AS prices
      FROM price_list l WHERE l.deleted_at IS NULL";

pub(super) async fn price_list(session: &mut Session, id: Uuid) -> Result<ListRow> {
    session.optional(sql!(format!("{LISTS} AND l.id = $1"), id)).await?.ok_or(Error::NotFound)
}

pub(super) async fn price_lists(session: &mut Session) -> Result<Vec<ListRow>> {
    Ok(session.all(format!("{LISTS} ORDER BY l.currency, l.from_day DESC NULLS LAST, l.id").as_str()).await?)
}

struct ListView {
    href: String,
    name: String,
    currency: String,
    from: String,
    to: String,
    prices: i64,
    is_now: bool,
    is_ahead: bool,
}

#[derive(askama::Template)]
#[template(path = "system/settings/prices.html")]
struct ListsBody<'a> {
    page: &'a Page,
    tabs: Html,
    lists: Vec<ListView>,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    currencies: Vec<&'static str>,
}

/// GET /settings/prices
async fn list(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    lists_page(&app, &viewer, &asked, StatusCode::OK, &Typed::default()).await
}

async fn lists_page(app: &App, viewer: &Viewer, asked: &Asked, status: StatusCode, typed: &Typed) -> Result<Response> {
    let rows = price_lists(&mut app.db.read().await?).await?;
    let locale = viewer.locale;
    let today = viewer.config.today(app.clock.now());
    let day = |day: Option<Day>| day.map(|day| format::date(locale, day)).unwrap_or_default();
    let lists = rows
        .into_iter()
        .map(|row| ListView {
            href: format!("{HERE}/{}", row.id),
            is_now: row.from_day.is_none_or(|from| from <= today) && row.to_day.is_none_or(|to| to >= today),
            is_ahead: row.from_day.is_some_and(|from| from > today),
            from: day(row.from_day),
            to: day(row.to_day),
            name: row.name,
            currency: row.currency,
            prices: row.prices,
        })
        .collect();
    let fields = vec![
        Input::text("name", locale.text("change-price-list-name"), "").required(),
        Input::text("currency", locale.text("rate-currency"), &viewer.config.base_currency)
            .required()
            .suggesting("currencies")
            .hint(locale.text("price-list-currency-hint")),
        Input::date("from", locale.text("change-price-list-from"), None),
        Input::date("to", locale.text("change-price-list-to"), None).hint(locale.text("price-list-days-hint")),
    ];
    let page = Page::new(viewer, asked, locale.text("settings-prices"));
    let body = ListsBody {
        tabs: tabs(&page, HERE)?,
        lists,
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        currencies: super::organization::currencies(),
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /settings/prices
async fn add(State(app): State<App>, viewer: Viewer, asked: Asked, Form(sent): Form<Sent>) -> Result<Response> {
    match at_page(&app, &viewer, async |tx, actor| store_list(tx, actor, &sent).await).await {
        Ok(id) => Ok(saved(&viewer, &asked, &format!("{HERE}/{id}"))),
        Err(Error::Invalid(errors)) => {
            let typed = Typed::refused(sent, errors);
            lists_page(&app, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(error) => Err(error),
    }
}

/// From and to; a list that ends before it begins is never in force.
fn read_span(form: &mut Reader<'_>) -> (Option<Day>, Option<Day>) {
    let (from, to) = (form.optional_day("from"), form.optional_day("to"));
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        form.wrong("to", "refused-span-backwards");
    }
    (from, to)
}

pub(super) async fn store_list(tx: &mut Tx, actor: &Actor, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let currency = form.parsed("currency", currency, "invalid-currency");
    let (from, to) = read_span(&mut form);
    form.finish()?;
    let id = new_id(&actor.clock);
    tx.execute(sql!(
        "INSERT INTO price_list (id, version, name, currency, from_day, to_day) VALUES ($1, 1, $2, $3, $4, $5)",
        id,
        &name,
        &currency,
        from,
        to
    ))
    .await?;
    let text = |day: Option<Day>| day.map(|day| day.to_string());
    let mut changes = Changes::default();
    changes.add("price_list.name", Json::Null, name);
    changes.add("price_list.currency", Json::Null, currency);
    changes.add("price_list.from", Json::Null, text(from));
    changes.add("price_list.to", Json::Null, text(to));
    finish_row(tx, actor, "created", id, 1, changes).await?;
    Ok(id)
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ProductRow {
    pub id: Uuid,
    pub name: String,
    pub code: String,
    pub list_price: i64,
    pub currency: String,
    pub amount: Option<i64>,
}

/// Products that are sold, and those that have a price in the list `$1`.
const PRODUCTS: &str = "
    SELECT p.id, p.name, p.code, p.list_price, p.currency, x.amount
      FROM product p LEFT JOIN price x ON x.product_id = p.id AND x.price_list_id = $1
     WHERE p.deleted_at IS NULL AND (p.active OR x.amount IS NOT NULL)";

/// Those of these products that a list may price.
async fn products_of(session: &mut Session, list: Uuid, asked: &[Uuid]) -> Result<Vec<ProductRow>> {
    let mut found = Vec::new();
    for batch in store::batches(asked) {
        let mut statement = sql!(PRODUCTS, list);
        statement.push(" AND p.id IN (").bind_list(batch.iter().copied()).push(")");
        found.extend(session.all::<ProductRow>(statement).await?);
    }
    Ok(found)
}

pub(super) async fn known_products(
    session: &mut Session,
    list: Uuid,
    asked: impl Iterator<Item = Uuid>,
) -> Result<HashSet<Uuid>> {
    let asked: Vec<Uuid> = asked.collect();
    Ok(products_of(session, list, &asked).await?.into_iter().map(|product| product.id).collect())
}

/// What a list says, by product; behind `after`.
pub(super) async fn priced(
    session: &mut Session,
    list: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ProductRow>> {
    let text = format!("{PRODUCTS} AND x.amount IS NOT NULL AND ($2 IS NULL OR p.id > $2) ORDER BY p.id LIMIT $3");
    Ok(session.all(sql!(text, list, after, limit)).await?)
}

/// More rows than this are not filled in by hand.
const GRID: i64 = 1000;

struct PriceView {
    key: String,
    name: String,
    code: String,
    list_price: String,
    value: String,
    error: String,
}

#[derive(askama::Template)]
#[template(path = "system/settings/price_list.html")]
struct ListBody<'a> {
    page: &'a Page,
    tabs: Html,
    list: ListRow,
    version: String,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    products: Vec<PriceView>,
}

/// GET /settings/prices/{id}
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(id): Path<String>) -> Result<Response> {
    list_page(&app, &viewer, &asked, parse_id(&id)?, StatusCode::OK, &Typed::default()).await
}

async fn list_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    status: StatusCode,
    typed: &Typed,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let list = price_list(&mut session, id).await?;
    let grid = format!("{PRODUCTS} ORDER BY p.name_key, p.id LIMIT $2");
    let products: Vec<ProductRow> = session.all(sql!(grid, id, GRID)).await?;
    drop(session);
    let locale = viewer.locale;
    let t = |key: &str| locale.text(key);
    let fields = vec![
        Input::text("name", t("change-price-list-name"), &list.name).required(),
        Input::text("currency", t("rate-currency"), &list.currency).fixed().hint(t("price-list-currency-fixed")),
        Input::date("from", t("change-price-list-from"), list.from_day),
        Input::date("to", t("change-price-list-to"), list.to_day).hint(t("price-list-days-hint")),
    ];
    let products = products
        .into_iter()
        .map(|product| {
            let key = format!("price-{}", product.id);
            let standing = product.amount.map(|amount| format::plain_amount(amount, &list.currency));
            PriceView {
                value: typed.or(&key, standing.unwrap_or_default()),
                error: typed.error(&key, locale),
                list_price: format::money(product.list_price, &product.currency),
                name: product.name,
                code: product.code,
                key,
            }
        })
        .collect();
    let page = Page::new(viewer, asked, list.name.clone());
    let body = ListBody {
        tabs: tabs(&page, HERE)?,
        version: typed.or("version", list.version),
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        products,
        list,
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// What became of a change of a price list, which `outcome` sends on.
async fn list_answer(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    sent: Sent,
    outcome: Result<String>,
) -> Result<Response> {
    answer(app, viewer, asked, (HERE, id), sent, outcome, async |sent, errors| {
        let typed = Typed::refused(sent, errors);
        list_page(app, viewer, asked, id, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
    })
    .await
}

/// POST /settings/prices/{id}: the list and its whole grid at once.
async fn save(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = at_page(&app, &viewer, async |tx, actor| store_prices(tx, actor, id, &sent).await).await;
    list_answer(&app, &viewer, &asked, id, sent, outcome.map(|()| format!("{HERE}/{id}"))).await
}

pub(super) async fn store_prices(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let (from, to) = read_span(&mut form);
    let version = next_version(tx, "price_list", id, form.version()).await?;
    let before = price_list(tx, id).await?;
    let asked: Vec<Uuid> = form.names("price-").filter_map(|name| name.parse().ok()).collect();
    let products = products_of(tx, id, &asked).await?;
    let prices = read_prices(&mut form, &before.currency, &products);
    form.finish()?;
    let text = |day: Option<Day>| day.map(|day| day.to_string());
    let mut changes = Changes::default();
    changes.add("price_list.name", before.name, name.as_str());
    changes.add("price_list.from", text(before.from_day), text(from));
    changes.add("price_list.to", text(before.to_day), text(to));
    tx.execute(sql!("UPDATE price_list SET name = $2, from_day = $3, to_day = $4 WHERE id = $1", id, name, from, to))
        .await?;
    let shown = |amount: Option<i64>| amount.map(|amount| format::plain_amount(amount, &before.currency));
    for (product, amount) in prices {
        changes.add(format!("price.{}", product.code), shown(product.amount), shown(amount));
        write_price(tx, id, product.id, amount).await?;
    }
    finish_row(tx, actor, "updated", id, version, changes).await
}

/// The prices that differ from what stands. A product that the form does not show keeps its price; an empty input takes it away.
fn read_prices<'a>(
    form: &mut Reader<'_>,
    currency: &str,
    products: &'a [ProductRow],
) -> Vec<(&'a ProductRow, Option<i64>)> {
    let mut changed = Vec::new();
    for product in products {
        let key = format!("price-{}", product.id);
        if !form.is_ticked(&key) {
            continue;
        }
        let amount = match form.raw(&key) {
            "" => None,
            text => match format::parse_amount(text, currency).ok().filter(|amount| *amount >= 0) {
                Some(amount) => Some(amount),
                None => {
                    let example = format::plain_amount(1234 * 10i64.pow(format::decimals(currency)), currency);
                    form.errors.push(
                        FieldError::new(&key, "invalid-price")
                            .with("product", &product.name)
                            .with("value", text)
                            .with("currency", currency)
                            .with("example", example),
                    );
                    continue;
                }
            },
        };
        if amount != product.amount {
            changed.push((product, amount));
        }
    }
    changed
}

async fn write_price(tx: &mut Tx, list: Uuid, product: Uuid, amount: Option<i64>) -> Result<()> {
    match amount {
        Some(amount) => {
            tx.execute(sql!(
                "INSERT INTO price (price_list_id, product_id, amount) VALUES ($1, $2, $3)
                 ON CONFLICT (price_list_id, product_id) DO UPDATE SET amount = excluded.amount",
                list,
                product,
                amount
            ))
            .await?
        }
        None => {
            tx.execute(sql!("DELETE FROM price WHERE price_list_id = $1 AND product_id = $2", list, product)).await?
        }
    };
    Ok(())
}

/// POST /settings/prices/{id}/removal
async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = at_page(&app, &viewer, async |tx, actor| drop_list(tx, actor, id, &sent).await).await;
    list_answer(&app, &viewer, &asked, id, sent, outcome.map(|()| HERE.to_owned())).await
}

pub(super) async fn drop_list(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<()> {
    let version = next_version(tx, "price_list", id, Reader::of(sent).version()).await?;
    let before = price_list(tx, id).await?;
    tx.execute(sql!("UPDATE price_list SET deleted_at = $2 WHERE id = $1", id, actor.clock.now())).await?;
    let mut changes = Changes::default();
    changes.add("price_list.name", before.name, Json::Null);
    finish_row(tx, actor, "deleted", id, version, changes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(number: u128, amount: Option<i64>) -> ProductRow {
        let name = format!("Product {number}");
        ProductRow {
            id: Uuid::from_u128(number),
            code: name.clone(),
            name,
            list_price: 0,
            currency: "CNY".into(),
            amount,
        }
    }

    #[test]
    fn a_grid_changes_what_was_typed_and_nothing_else() {
        let products = [product(1, Some(100)), product(2, Some(200)), product(3, None), product(4, Some(400))];
        let key = |number: u128| format!("price-{}", Uuid::from_u128(number));
        let sent: Sent = [(key(1), "1.00"), (key(2), ""), (key(3), "¥3.5万")]
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let mut form = Reader::of(&sent);
        let changed: Vec<(u128, Option<i64>)> = read_prices(&mut form, "CNY", &products)
            .into_iter()
            .map(|(product, amount)| (product.id.as_u128(), amount))
            .collect();
        assert_eq!(changed, [(2, None), (3, Some(3_500_000))]);
        assert_eq!(form.errors, []);
    }
}
