//! Price lists, and what products cost in them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Day, Session, Uuid};

use super::{change, form_of, form_on, get, once, placed, post, put_over, text_of};
use crate::shell::api::shape::Lexis;
use crate::shell::api::{Answer, Api, Asking, Body, Ids, IfMatch, Operation, cut, page_of, schema_of};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::viewer::Viewer;
use crate::system::administrator::at_api;
use crate::system::form::Sent;
use crate::system::settings::prices::{
    ListRow, drop_list, known_products, price_list, price_lists, priced, store_list, store_prices,
};

/// In force from the first day to the last; open ends are null.
#[derive(Serialize, schemars::JsonSchema)]
struct PriceList {
    id: Uuid,
    version: i64,
    name: String,
    currency: String,
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    /// How many products have a price in it.
    prices: i64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct PriceLists {
    data: Vec<PriceList>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Price {
    product: Uuid,
    product_label: String,
    code: String,
    price: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct Create {
    #[schemars(length(min = 1, max = 80))]
    name: String,
    #[schemars(extend("pattern" = Lexis::Currency.pattern()))]
    currency: String,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct Patch {
    #[serde(default)]
    #[schemars(length(min = 1, max = 80))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    /// By product: a decimal text, or null to take the price out. Products that are not named keep theirs.
    #[serde(default)]
    #[schemars(extend("maxProperties" = PRICES, "propertyNames" = { "format": "uuid" }))]
    prices: Option<BTreeMap<Uuid, Option<String>>>,
}

/// At most so many prices in one call.
const PRICES: usize = 1000;

pub fn operations() -> Api {
    let (all, one) = ("/api/settings/price-lists", "/api/settings/price-lists/{id}");
    let gives = |operation: Operation, status| operation.gives(status, schema_of::<PriceList>()).with_header("ETag");
    Api::new()
        .operation(get(all, "listPriceLists", "api-price-lists").gives(200, schema_of::<PriceLists>()), list)
        .operation(
            gives(
                post(all, "createPriceList", "api-price-list-create")
                    .takes(schema_of::<Create>())
                    .example(json!({ "name": "List 2027", "currency": "USD", "from": "2027-01-01" })),
                201,
            ),
            create,
        )
        .operation(gives(get(one, "getPriceList", "api-price-list"), 200), show)
        .operation(
            gives(
                change(Method::PATCH, one, "updatePriceList", "api-price-list-update")
                    .takes(schema_of::<Patch>())
                    .example(json!({ "to": "2027-12-31" })),
                200,
            ),
            update,
        )
        .operation(change(Method::DELETE, one, "removePriceList", "api-price-list-remove").gives_nothing(204), remove)
        .operation(
            get("/api/settings/price-lists/{id}/prices", "listPrices", "api-prices")
                .paged()
                .gives(200, page_of(schema_of::<Price>())),
            prices,
        )
}

fn shown(row: ListRow) -> PriceList {
    let text = |day: Option<Day>| day.map(|day| day.to_string());
    PriceList {
        id: row.id,
        version: row.version,
        name: row.name,
        currency: row.currency,
        from: text(row.from_day),
        to: text(row.to_day),
        prices: row.prices,
    }
}

async fn list_answer(session: &mut Session, id: Uuid) -> Result<Answer> {
    let row = price_list(session, id).await?;
    Ok(Answer::of_version(row.version, json!(shown(row))))
}

/// GET /api/settings/price-lists · administrators
async fn list(State(app): State<App>) -> Result<Answer> {
    let rows = price_lists(&mut app.db.read().await?).await?;
    Ok(Answer::ok(json!(PriceLists { data: rows.into_iter().map(shown).collect() })))
}

/// GET /api/settings/price-lists/{id} · administrators
async fn show(State(app): State<App>, Ids([id]): Ids<1>) -> Result<Answer> {
    list_answer(&mut app.db.read().await?, id).await
}

/// GET /api/settings/price-lists/{id}/prices · administrators
async fn prices(State(app): State<App>, Ids([id]): Ids<1>, asking: Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let (limit, after) = asking.page_by_id()?;
    let mut session = app.db.read().await?;
    let list = price_list(&mut session, id).await?;
    let mut rows = priced(&mut session, id, after, limit + 1).await?;
    let more = cut(&mut rows, limit);
    let next = rows.last().filter(|_| more).map(|last| last.id.to_string());
    let data = rows.into_iter().map(|row| Price {
        product: row.id,
        product_label: row.name,
        code: row.code,
        price: format::plain_amount(row.amount.unwrap_or(0), &list.currency),
    });
    let data: Vec<Price> = data.collect();
    Ok(Answer::page(data, next, &format!("/api/settings/price-lists/{id}/prices?limit={limit}&")))
}

/// POST /api/settings/price-lists · administrators
async fn create(State(app): State<App>, viewer: Viewer, body: Body) -> Result<Answer> {
    body.read::<Create>()?;
    once(&app, &viewer, &body.post, async |tx, actor| {
        let mut form = Sent::default();
        put_over(&mut form, &body)?;
        let id = store_list(tx, actor, &form).await?;
        Ok(list_answer(tx, id).await?.made_at(format!("/api/settings/price-lists/{id}")))
    })
    .await
}

/// PATCH /api/settings/price-lists/{id} · administrators: the list, and prices of the products that are named
async fn update(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let asked: Patch = body.read()?;
    let prices = asked.prices.unwrap_or_default();
    if prices.len() > PRICES {
        return Err(Error::Malformed(vec![FieldError::new("prices", "invalid-too-many").with("max", PRICES)]));
    }
    at_api(&app, &viewer, async |tx, actor| {
        let mut form = form_on(tx, "price_list", id, seen).await?;
        let before = shown(price_list(tx, id).await?);
        form.extend(form_of([
            ("name", before.name),
            ("from", before.from.unwrap_or_default()),
            ("to", before.to.unwrap_or_default()),
        ]));
        for (name, given) in body.members()?.iter().filter(|(name, _)| *name != "prices") {
            form.insert(name.clone(), text_of(given));
        }
        let known = known_products(tx, id, prices.keys().copied()).await?;
        let unknown = |product: &&Uuid| !known.contains(product);
        if let Some(product) = prices.keys().find(unknown) {
            let error = FieldError::new(&format!("prices.{product}"), "invalid-reference").with("value", product);
            return Err(Error::Invalid(vec![error]));
        }
        for (product, price) in prices {
            form.insert(format!("price-{product}"), price.unwrap_or_default());
        }
        let in_body = |field: &str| match field.strip_prefix("price-") {
            Some(product) => format!("prices.{product}"),
            None => field.to_owned(),
        };
        store_prices(tx, actor, id, &form).await.map_err(|error| placed(error, in_body))?;
        list_answer(tx, id).await
    })
    .await
}

/// DELETE /api/settings/price-lists/{id} · administrators
async fn remove(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, IfMatch(seen): IfMatch) -> Result<Answer> {
    at_api(&app, &viewer, async |tx, actor| {
        let form = form_on(tx, "price_list", id, seen).await?;
        drop_list(tx, actor, id, &form).await?;
        Ok(Answer::nothing())
    })
    .await
}
