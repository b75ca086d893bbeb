//! The line items of a deal in the API.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Session, Uuid};

use super::items::{self, Ask, Item};
use super::objects::OPPORTUNITY;
use crate::shell::access::{Level, Right};
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, MayMatch, Operation, given, schema_of, shape};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::record::{command, query};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    const OF: &str = "opportunity";
    let (read, change) = (Policy::Read(OF), Policy::Change(OF));
    let (all, one) = ("/api/opportunities/{id}/items", "/api/opportunities/{id}/items/{item}");
    Api::new()
        .operation(
            Operation::get(all, "listOpportunityItems", OF, "api-items").policy(read).gives(200, schema_of::<Lines>()),
            list,
        )
        .operation(
            Operation::post(all, "addOpportunityItem", OF, "api-item-add")
                .policy(change)
                .may_be_conditional()
                .takes(schema_of::<NewLine>())
                .gives(201, schema_of::<Line>())
                .with_header("ETag"),
            add,
        )
        .operation(
            Operation::get(one, "getOpportunityItem", OF, "api-item")
                .policy(read)
                .gives(200, schema_of::<Line>())
                .with_header("ETag"),
            get,
        )
        .operation(
            Operation::new(Method::PATCH, one, "updateOpportunityItem", OF, "api-item-update")
                .policy(change)
                .conditional()
                .takes(schema_of::<LinePatch>())
                .gives(200, schema_of::<Line>())
                .with_header("ETag"),
            update,
        )
        .operation(
            Operation::new(Method::DELETE, one, "removeOpportunityItem", OF, "api-item-remove")
                .policy(change)
                .may_be_conditional()
                .gives_nothing(204),
            remove,
        )
}

#[derive(Serialize, schemars::JsonSchema)]
struct Lines {
    data: Vec<Line>,
}

/// A deal has no lines for somebody from whom its amount is hidden: products and quantities tell what it is about. The product is
/// null for somebody who reads no products.
#[derive(Serialize, schemars::JsonSchema)]
struct Line {
    id: Uuid,
    version: i64,
    product: Option<Uuid>,
    product_label: Option<String>,
    quantity: String,
    unit_price: String,
    discount: String,
    amount: String,
    currency: String,
}

const QUANTITY: &str = r"^[0-9]{1,9}(\.[0-9]{1,3})?$";
const PERCENT: &str = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$";

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewLine {
    product: Uuid,
    #[schemars(extend("pattern" = QUANTITY, "maxLength" = 13, "examples" = ["2"]))]
    quantity: String,
    #[serde(default)]
    #[schemars(extend("pattern" = shape::Lexis::Amount.pattern(), "maxLength" = 20, "examples" = ["950.00"]))]
    unit_price: Option<String>,
    #[serde(default)]
    #[schemars(extend("pattern" = PERCENT, "maxLength" = 6, "examples" = ["12.5"]))]
    discount: Option<String>,
}

/// What is given changes; without a price the price that stands counts.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct LinePatch {
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("pattern" = QUANTITY, "maxLength" = 13, "examples" = ["2"]))]
    quantity: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("pattern" = shape::Lexis::Amount.pattern(), "maxLength" = 20, "examples" = ["950.00"]))]
    unit_price: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String", extend("pattern" = PERCENT, "maxLength" = 6, "examples" = ["12.5"]))]
    discount: Option<String>,
}

fn shown(viewer: &Viewer, currency: &str, item: Item) -> Line {
    let names_products = viewer.scope.level("product", Right::Read) > Level::None;
    Line {
        id: item.id,
        version: item.version,
        quantity: item.quantity_text(),
        unit_price: format::plain_amount(item.unit_price, currency),
        discount: item.discount_text(),
        amount: format::plain_amount(item.amount, currency),
        currency: currency.to_owned(),
        product: names_products.then_some(item.product_id),
        product_label: names_products.then_some(item.product),
    }
}

/// The lines of a deal; 404 when the viewer may not see the deal.
async fn lines(session: &mut Session, viewer: &Viewer, deal: Uuid) -> Result<Vec<Line>> {
    let (row, _) = query::find(session, viewer, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Ok(Vec::new());
    }
    let items = items::of_deal(session, deal).await?;
    Ok(items.into_iter().map(|item| shown(viewer, &row.currency, item)).collect())
}

/// GET /api/opportunities/{id}/items · who reads the deal
async fn list(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(Answer::ok(json!(Lines { data: lines(&mut session, &viewer, id).await? })))
}

/// GET /api/opportunities/{id}/items/{item} · who reads the deal
async fn get(State(app): State<App>, viewer: Viewer, Ids([id, item]): Ids<2>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(tagged(line(&mut session, &viewer, id, item).await?))
}

async fn line(session: &mut Session, viewer: &Viewer, deal: Uuid, item: Uuid) -> Result<Line> {
    lines(session, viewer, deal).await?.into_iter().find(|line| line.id == item).ok_or(Error::NotFound)
}

fn tagged(line: Line) -> Answer {
    Answer::of_version(line.version, json!(line))
}

/// POST /api/opportunities/{id}/items · who may change the deal
async fn add(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    MayMatch(seen): MayMatch,
    body: Body,
) -> Result<Answer> {
    let new: NewLine = body.read()?;
    let product = Some(new.product.to_string());
    let texts = texts_of([
        ("product", product),
        ("quantity", Some(new.quantity)),
        ("unit_price", new.unit_price),
        ("discount", new.discount),
    ])?;
    let (mut tx, actor) = app.write_as(&viewer, "api").await?;
    let deal = command::load_for_write(&mut tx, &actor, &OPPORTUNITY, id).await?;
    if let Some(answer) = body.post.begin(&mut tx, &actor).await? {
        return Ok(answer);
    }
    let version = seen.within(deal.version)?;
    let ask = Ask::read(&texts, deal.text("currency"))?;
    let before: HashSet<Uuid> = items::of_deal(&mut tx, id).await?.into_iter().map(|item| item.id).collect();
    items::add(&mut tx, &actor, &OPPORTUNITY, id, version, ask).await?;
    let all = lines(&mut tx, &viewer, id).await?;
    let line = all.into_iter().find(|line| !before.contains(&line.id)).ok_or(Error::NotFound)?;
    let path = format!("/api/opportunities/{id}/items/{}", line.id);
    let answer = tagged(line).made_at(path);
    body.post.keep(&mut tx, &actor, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// PATCH /api/opportunities/{id}/items/{item} · who may change the deal
async fn update(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id, item]): Ids<2>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let patch: LinePatch = body.read()?;
    let texts =
        texts_of([("quantity", patch.quantity), ("unit_price", patch.unit_price), ("discount", patch.discount)])?;
    let changed = app.at_api(&viewer, async |tx, actor| {
        let deal = command::load_for_write(tx, actor, &OPPORTUNITY, id).await?;
        let stands = items::find(tx, id, item).await?;
        seen.exactly(stands.version)?;
        let currency = deal.text("currency");
        let mut line_texts = stands.texts(currency);
        line_texts.insert("product".into(), stands.product_id.to_string());
        line_texts.extend(texts);
        let ask = Ask::read(&line_texts, currency)?;
        items::change(tx, actor, &OPPORTUNITY, id, &stands, ask).await?;
        Ok(tagged(line(tx, &viewer, id, item).await?))
    });
    changed.await
}

/// What is given of a line. What it may be says [`Ask::read`]; how it is written, the document.
///
/// Errors: malformed, where a text is not written as the document says.
fn texts_of<const MEMBERS: usize>(members: [(&str, Option<String>); MEMBERS]) -> Result<BTreeMap<String, String>> {
    let texts: BTreeMap<String, String> =
        members.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect();
    let mut errors = Vec::new();
    if texts.get("quantity").is_some_and(|text| !shape::is_decimal(text, 9, 3)) {
        errors.push(items::no_quantity());
    }
    if let Some(text) = texts.get("unit_price").filter(|text| !shape::Lexis::Amount.matches(text)) {
        errors.push(FieldError::new("unit_price", "invalid-amount-text").with("value", text));
    }
    let is_percent = |text: &str| shape::is_decimal(text, 2, 2) || matches!(text, "100" | "100.0" | "100.00");
    if texts.get("discount").is_some_and(|text| !is_percent(text)) {
        errors.push(items::no_discount());
    }
    if errors.is_empty() { Ok(texts) } else { Err(Error::Malformed(errors)) }
}

/// DELETE /api/opportunities/{id}/items/{item} · who may change the deal
async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id, item]): Ids<2>,
    MayMatch(seen): MayMatch,
) -> Result<Answer> {
    let removed = app.at_api(&viewer, async |tx, actor| {
        let deal = command::load_for_write(tx, actor, &OPPORTUNITY, id).await?;
        items::remove(tx, actor, &OPPORTUNITY, id, seen.within(deal.version)?, item).await?;
        Ok(Answer::nothing())
    });
    removed.await
}
