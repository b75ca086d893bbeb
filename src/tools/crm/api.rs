//! What the API can do beyond what every kind of record has: stages and their evidence, moving, line items; converting a lead.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use axum::http::Method;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use store::{Cell, Session, Tx, Uuid};

use super::convert::{self, Deal, Party, Wish};
use super::evidence;
use super::items::{self, Ask, Item};
use super::objects::{LEAD, OPPORTUNITY};
use super::stage::{Move, move_to};
use crate::shell::access::{Level, Right};
use crate::shell::api::operation::reference;
use crate::shell::api::records::{inputs_of, present};
use crate::shell::api::{
    Answer, Api, Body, Ids, IfMatch, MayMatch, Operation, Post, Replacing, given, schema_of, shape,
};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::record::{Actor, Loaded, Object, command, query};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

const DEAL: &str = "opportunity";

pub fn operations() -> Api {
    let read = Policy::Read(DEAL);
    let change = Policy::Change(DEAL);
    Api::new()
        .operation(
            Operation::get("/api/pipelines", "listPipelines", DEAL, "api-pipelines")
                .policy(read)
                .gives(200, schema_of::<Pipelines>()),
            pipelines,
        )
        .operation(
            Operation::post("/api/opportunities/{id}/stage", "moveOpportunity", DEAL, "api-stage-move")
                .policy(change)
                .conditional()
                .takes(move_schema())
                .gives(200, reference("Opportunity"))
                .with_header("ETag"),
            move_deal,
        )
        .operation(
            Operation::get("/api/opportunities/{id}/evidence", "listOpportunityEvidence", DEAL, "api-evidence")
                .policy(read)
                .gives(200, schema_of::<Evidence>()),
            list_evidence,
        )
        .operation(
            Operation::new(
                Method::PUT,
                "/api/opportunities/{id}/evidence/{criterion}",
                "giveOpportunityEvidence",
                DEAL,
                "api-evidence-give",
            )
            .policy(change)
            .replaces()
            .takes(schema_of::<Note>())
            .gives(200, schema_of::<Evidence>())
            .with_header("ETag"),
            give_evidence,
        )
        .operation(
            Operation::new(
                Method::DELETE,
                "/api/opportunities/{id}/evidence/{criterion}",
                "takeBackOpportunityEvidence",
                DEAL,
                "api-evidence-take-back",
            )
            .policy(change)
            .may_be_conditional()
            .gives_nothing(204),
            take_back_evidence,
        )
        .operation(
            Operation::get("/api/opportunities/{id}/items", "listOpportunityItems", DEAL, "api-items")
                .policy(read)
                .gives(200, schema_of::<Lines>()),
            list_items,
        )
        .operation(
            Operation::post("/api/opportunities/{id}/items", "addOpportunityItem", DEAL, "api-item-add")
                .policy(change)
                .may_be_conditional()
                .takes(schema_of::<NewLine>())
                .gives(201, schema_of::<Line>())
                .with_header("ETag"),
            add_item,
        )
        .operation(
            Operation::get("/api/opportunities/{id}/items/{item}", "getOpportunityItem", DEAL, "api-item")
                .policy(read)
                .gives(200, schema_of::<Line>())
                .with_header("ETag"),
            get_item,
        )
        .operation(
            Operation::new(
                Method::PATCH,
                "/api/opportunities/{id}/items/{item}",
                "updateOpportunityItem",
                DEAL,
                "api-item-update",
            )
            .policy(change)
            .conditional()
            .takes(schema_of::<LinePatch>())
            .gives(200, schema_of::<Line>())
            .with_header("ETag"),
            update_item,
        )
        .operation(
            Operation::new(
                Method::DELETE,
                "/api/opportunities/{id}/items/{item}",
                "removeOpportunityItem",
                DEAL,
                "api-item-remove",
            )
            .policy(change)
            .may_be_conditional()
            .gives_nothing(204),
            remove_item,
        )
        .operation(
            Operation::post("/api/leads/{id}/convert", "convertLead", "lead", "api-convert")
                .policy(Policy::Change("lead"))
                .conditional()
                .takes(schema_of::<Conversion>())
                .gives(200, reference("Lead"))
                .with_header("ETag"),
            convert_lead,
        )
}

// ---- pipelines

#[derive(Serialize, schemars::JsonSchema)]
struct Pipelines {
    data: Vec<Pipeline>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Pipeline {
    id: Uuid,
    name: String,
    stages: Vec<Stage>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Stage {
    id: Uuid,
    name: String,
    #[schemars(extend("enum" = ["open", "won", "lost"]))]
    kind: &'static str,
    probability: i64,
    expected_days: Option<i64>,
    criteria: Vec<Criterion>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Criterion {
    id: Uuid,
    name: String,
    required: bool,
    field: Option<String>,
}

/// GET /api/pipelines · who reads deals
async fn pipelines(viewer: Viewer) -> Result<Answer> {
    let pipelines = viewer.config.pipelines.iter().map(|pipeline| Pipeline {
        id: pipeline.id,
        name: pipeline.name.clone(),
        stages: pipeline
            .stages
            .iter()
            .map(|stage| Stage {
                id: stage.id,
                name: stage.name.clone(),
                kind: stage.kind.key(),
                probability: stage.probability,
                expected_days: stage.expected_days,
                criteria: stage
                    .criteria
                    .iter()
                    .map(|criterion| Criterion {
                        id: criterion.id,
                        name: criterion.name.clone(),
                        required: criterion.required,
                        field: criterion.field.clone(),
                    })
                    .collect(),
            })
            .collect(),
    });
    Ok(Answer::ok(json!(Pipelines { data: pipelines.collect() })))
}

// ---- moving

/// What a move may set beside the stage: fields of the deal that a stage may ask for.
const ALONG: [&str; 9] = [
    "closed_on",
    "lost_reason",
    "lost_note",
    "amount",
    "close_date",
    "next_step",
    "next_step_date",
    "account",
    "contact",
];

fn move_schema() -> Json {
    let line = shape::Lexis::Lines.pattern();
    let mut members = json!({
        "stage": { "type": "string", "format": "uuid" },
        "pipeline": { "type": ["string", "null"], "format": "uuid" },
        "reason": { "type": ["string", "null"], "minLength": 1, "maxLength": 500, "pattern": line },
        "evidence": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": { "type": "string", "format": "uuid" },
            "additionalProperties": { "type": "string", "minLength": 1, "maxLength": evidence::NOTE, "pattern": line },
        },
    });
    for field in ALONG.iter().filter_map(|key| OPPORTUNITY.field(key)) {
        members[field.key] = shape::written(field);
    }
    json!({ "type": "object", "required": ["stage"], "additionalProperties": false, "properties": members })
}

/// POST /api/opportunities/{id}/stage · who may change the deal
async fn move_deal(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let wish = read_move(body.members()?)?;
    change(&app, &viewer, &OPPORTUNITY, id, &body.post, async |tx, actor, deal| {
        move_to(tx, actor, id, seen.within(deal.version)?, wish).await
    })
    .await
}

/// A change that more than the fields of one record are part of. Said again if it was made already; authorised, made and
/// kept in one transaction; answered with the record as it then is. `make` gives the record's new version.
async fn change(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    post: &Post,
    make: impl AsyncFnOnce(&mut Tx, &Actor, &Loaded) -> Result<i64>,
) -> Result<Answer> {
    let changed = post.once_of(object, app, viewer, async |tx, actor| {
        let record = command::load_for_write(tx, actor, object, id).await?;
        let version = make(tx, actor, &record).await?;
        present(tx, actor, object, id, version).await
    });
    changed.await
}

/// The stage and its pipeline, the reason, the notes by criterion, and the fields of the deal.
fn read_move(members: &Map<String, Json>) -> Result<Move> {
    let mut fields = members.clone();
    let reason = match fields.shift_remove("reason") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) if (1..=500).contains(&text.chars().count()) && shape::Lexis::Lines.matches(&text) => {
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        }
        Some(_) => return Err(Error::malformed("reason", "invalid-text")),
    };
    let mut notes = BTreeMap::new();
    match fields.shift_remove("evidence") {
        None => {}
        Some(Json::Object(given)) if given.len() <= 50 => {
            for (criterion, note) in given {
                let wrong = || Error::malformed(&format!("evidence.{criterion}"), "invalid-text");
                let id = shape::uuid(&criterion).ok_or_else(wrong)?;
                let note = note.as_str().filter(|note| {
                    (1..=evidence::NOTE).contains(&note.chars().count()) && shape::Lexis::Lines.matches(note)
                });
                notes.insert(id, note.ok_or_else(wrong)?.to_owned());
            }
        }
        Some(_) => return Err(Error::malformed("evidence", "invalid-json-type")),
    }
    let stage = match fields.shift_remove("stage") {
        Some(Json::String(text)) => shape::uuid(&text).ok_or(Error::malformed("stage", "invalid-stage"))?,
        Some(_) => return Err(Error::malformed("stage", "invalid-json-type")),
        None => return Err(Error::malformed("stage", "invalid-required")),
    };
    let pipeline = match fields.shift_remove("pipeline") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(shape::uuid(&text).ok_or(Error::malformed("pipeline", "invalid-pipeline"))?),
        Some(_) => return Err(Error::malformed("pipeline", "invalid-json-type")),
    };
    let unknown = fields.keys().filter(|key| !ALONG.contains(&key.as_str()));
    let errors: Vec<FieldError> = unknown.map(|key| FieldError::new(key, "invalid-unknown-field")).collect();
    if !errors.is_empty() {
        return Err(Error::Malformed(errors));
    }
    Ok(Move {
        stage,
        pipeline,
        reason,
        evidence: notes,
        inputs: inputs_of(&OPPORTUNITY, &fields, false)?,
        ..Move::default()
    })
}

// ---- evidence

#[derive(Serialize, schemars::JsonSchema)]
struct Evidence {
    data: Vec<Shown>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Shown {
    criterion: Uuid,
    criterion_label: String,
    stage: Uuid,
    stage_label: String,
    required: bool,
    field: Option<String>,
    given: bool,
    note: Option<String>,
    version: Option<i64>,
    by: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    at: Option<String>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    #[schemars(length(min = 1, max = 2000), extend("pattern" = shape::Lexis::Lines.pattern()))]
    note: String,
}

/// GET /api/opportunities/{id}/evidence · who reads the deal
async fn list_evidence(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(Answer::ok(json!(shown_evidence(&mut session, &app, &viewer, id).await?)))
}

/// PUT /api/opportunities/{id}/evidence/{criterion} · who may change the deal
async fn give_evidence(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id, criterion]): Ids<2>,
    Replacing(expected): Replacing,
    body: Body,
) -> Result<Answer> {
    let note: Note = body.read()?;
    let note = evidence::Note { criterion, text: &note.note, expected, pipeline: None };
    let given = app.at_api(&viewer, async |tx, actor| {
        let version = evidence::put(tx, actor, &OPPORTUNITY, id, note).await?;
        let shown = json!(shown_evidence(tx, &app, &viewer, id).await?);
        // A note of nothing but blanks is none.
        Ok(match version {
            Some(version) => Answer::of_version(version, shown),
            None => Answer::ok(shown),
        })
    });
    given.await
}

/// DELETE /api/opportunities/{id}/evidence/{criterion} · who may change the deal
async fn take_back_evidence(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id, criterion]): Ids<2>,
    MayMatch(seen): MayMatch,
) -> Result<Answer> {
    let taken = app.at_api(&viewer, async |tx, actor| {
        evidence::take_back(tx, actor, &OPPORTUNITY, id, criterion, seen.into()).await
    });
    taken.await?;
    Ok(Answer::nothing())
}

/// Every criterion of the deal's pipeline. Whether a hidden field is filled is not told.
async fn shown_evidence(session: &mut Session, app: &App, viewer: &Viewer, id: Uuid) -> Result<Evidence> {
    let (row, fields) = query::find(session, viewer, app.registry, &OPPORTUNITY, id).await?;
    let cell = |key: &str| fields.iter().position(|field| field.key == key).map(|at| &row.cells[at]);
    let pipeline = cell("pipeline").and_then(Cell::id).unwrap_or_default();
    let items = evidence::of_pipeline(session, &viewer.config, id, pipeline).await?;
    let shown = items.into_iter().filter_map(|(stage, item)| {
        let given = match &item.field {
            Some(field) => !cell(field)?.is_null(),
            None => item.note.is_some(),
        };
        Some(Shown {
            criterion: item.criterion,
            criterion_label: item.name,
            stage: stage.id,
            stage_label: stage.name.clone(),
            required: item.required,
            field: item.field,
            given,
            note: item.note,
            version: item.version,
            by: item.by,
            at: item.at.map(|at| at.timestamp().to_string()),
        })
    });
    Ok(Evidence { data: shown.collect() })
}

// ---- line items

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

fn shown_line(viewer: &Viewer, currency: &str, item: Item) -> Line {
    let names_products = viewer.scope.level("product", Right::Read) > Level::None;
    Line {
        id: item.id,
        version: item.version,
        product: names_products.then_some(item.product_id),
        product_label: names_products.then_some(item.product),
        quantity: Decimal::new(item.quantity, 3).normalize().to_string(),
        unit_price: format::plain_amount(item.unit_price, currency),
        discount: Decimal::new(item.discount, 2).normalize().to_string(),
        amount: format::plain_amount(item.amount, currency),
        currency: currency.to_owned(),
    }
}

/// The lines of a deal; 404 when the viewer may not see the deal.
async fn lines(session: &mut Session, app: &App, viewer: &Viewer, deal: Uuid) -> Result<Vec<Line>> {
    let (row, _) = query::find(session, viewer, app.registry, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Ok(Vec::new());
    }
    let items = items::of_deal(session, deal).await?;
    Ok(items.into_iter().map(|item| shown_line(viewer, &row.currency, item)).collect())
}

/// GET /api/opportunities/{id}/items · who reads the deal
async fn list_items(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(Answer::ok(json!(Lines { data: lines(&mut session, &app, &viewer, id).await? })))
}

/// GET /api/opportunities/{id}/items/{item} · who reads the deal
async fn get_item(State(app): State<App>, viewer: Viewer, Ids([id, item]): Ids<2>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(tagged(line(&mut session, &app, &viewer, id, item).await?))
}

async fn line(session: &mut Session, app: &App, viewer: &Viewer, deal: Uuid, item: Uuid) -> Result<Line> {
    lines(session, app, viewer, deal).await?.into_iter().find(|line| line.id == item).ok_or(Error::NotFound)
}

fn tagged(line: Line) -> Answer {
    Answer::of_version(line.version, json!(line))
}

/// POST /api/opportunities/{id}/items · who may change the deal
async fn add_item(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    MayMatch(seen): MayMatch,
    body: Body,
) -> Result<Answer> {
    let new: NewLine = body.read()?;
    let (mut tx, actor) = app.write_as(&viewer, "api").await?;
    let deal = command::load_for_write(&mut tx, &actor, &OPPORTUNITY, id).await?;
    if let Some(answer) = body.post.begin(&mut tx, &actor).await? {
        return Ok(answer);
    }
    let version = seen.within(deal.version)?;
    let ask = read_line(&new, deal.text("currency"))?;
    let before: HashSet<Uuid> = items::of_deal(&mut tx, id).await?.into_iter().map(|item| item.id).collect();
    items::add(&mut tx, &actor, &OPPORTUNITY, id, version, ask).await?;
    let all = lines(&mut tx, &app, &viewer, id).await?;
    let line = all.into_iter().find(|line| !before.contains(&line.id)).ok_or(Error::NotFound)?;
    let path = format!("/api/opportunities/{id}/items/{}", line.id);
    let answer = tagged(line).made_at(path);
    body.post.keep(&mut tx, &actor, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}

/// PATCH /api/opportunities/{id}/items/{item} · who may change the deal
async fn update_item(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id, item]): Ids<2>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let wish: LinePatch = body.read()?;
    let changed = app.at_api(&viewer, async |tx, actor| {
        let deal = command::load_for_write(tx, actor, &OPPORTUNITY, id).await?;
        let stands = items::find(tx, id, item).await?;
        seen.exactly(stands.version)?;
        let ask = Ask {
            product: stands.product_id,
            quantity: wish.quantity.as_deref().map_or(Ok(stands.quantity), read_quantity)?,
            unit_price: match &wish.unit_price {
                Some(text) => Some(read_price(text, deal.text("currency"))?),
                None => Some(stands.unit_price),
            },
            discount: wish.discount.as_deref().map_or(Ok(stands.discount), read_discount)?,
        };
        items::change(tx, actor, &OPPORTUNITY, id, &stands, ask).await?;
        Ok(tagged(line(tx, &app, &viewer, id, item).await?))
    });
    changed.await
}

fn read_line(new: &NewLine, currency: &str) -> Result<Ask> {
    Ok(Ask {
        product: new.product,
        unit_price: new.unit_price.as_deref().map(|text| read_price(text, currency)).transpose()?,
        quantity: read_quantity(&new.quantity)?,
        discount: new.discount.as_deref().map_or(Ok(0), read_discount)?,
    })
}

/// A decimal of at most so many digits before and behind the point, as a whole number of its smallest part.
fn read_decimal(text: &str, whole: usize, part: usize, scale: u32) -> Option<i64> {
    let (digits, rest) = text.split_once('.').map_or((text, None), |(digits, rest)| (digits, Some(rest)));
    let numeric = |text: &str, most| (1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    if !numeric(digits, whole) || !rest.is_none_or(|rest| numeric(rest, part)) {
        return None;
    }
    let value: Decimal = text.parse().ok()?;
    value.checked_mul(Decimal::from(10u64.pow(scale)))?.to_i64()
}

fn read_quantity(text: &str) -> Result<i64> {
    read_decimal(text, 9, 3, 3).ok_or(Error::malformed("quantity", "invalid-quantity"))
}

fn read_discount(text: &str) -> Result<i64> {
    let discount = read_decimal(text, 3, 2, 2).filter(|discount| *discount <= 10_000);
    let range = || FieldError::new("discount", "invalid-range").with("min", 0).with("max", 100);
    discount.ok_or_else(|| Error::Malformed(vec![range()]))
}

fn read_price(text: &str, currency: &str) -> Result<i64> {
    if !shape::Lexis::Amount.matches(text) {
        return Err(Error::Malformed(vec![FieldError::new("unit_price", "invalid-amount-text").with("value", text)]));
    }
    format::parse_amount(text, currency)
        .map_err(|unread| Error::Invalid(vec![FieldError::no_amount("unit_price", text, currency, unread)]))
}

/// DELETE /api/opportunities/{id}/items/{item} · who may change the deal
async fn remove_item(
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

// ---- converting a lead

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Conversion {
    #[serde(default)]
    account: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    account_name: Option<String>,
    #[serde(default)]
    contact: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    contact_name: Option<String>,
    #[serde(default)]
    opportunity: Option<Uuid>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 200), extend("pattern" = shape::Lexis::Line.pattern()))]
    opportunity_name: Option<String>,
    #[serde(default)]
    #[schemars(extend("pattern" = shape::Lexis::Amount.pattern(), "maxLength" = 20, "examples" = ["950.00"]))]
    opportunity_amount: Option<String>,
    #[serde(default)]
    #[schemars(extend("format" = "date"))]
    opportunity_close_date: Option<String>,
    #[serde(default)]
    opportunity_pipeline: Option<Uuid>,
}

/// POST /api/leads/{id}/convert · who may change the lead
async fn convert_lead(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let wish = read_conversion(body.read()?)?;
    change(&app, &viewer, &LEAD, id, &body.post, async |tx, actor, lead| {
        // What was converted already is said before the version, which that has changed.
        convert::check_open(lead.text("status"))?;
        let version = seen.within(lead.version)?;
        Ok(convert::convert(tx, actor, id, version, wish).await?.version)
    })
    .await
}

fn read_conversion(given: Conversion) -> Result<Wish> {
    let line = |key: &str, text: Option<String>| match text {
        Some(text) if !(1..=200).contains(&text.chars().count()) || !shape::Lexis::Line.matches(&text) => {
            Err(Error::malformed(key, "invalid-text"))
        }
        text => Ok(text),
    };
    let (account_name, contact_name) =
        (line("account_name", given.account_name)?, line("contact_name", given.contact_name)?);
    let deal_name = line("opportunity_name", given.opportunity_name)?;
    if given.opportunity_amount.as_deref().is_some_and(|text| !shape::Lexis::Amount.matches(text)) {
        return Err(Error::malformed("opportunity_amount", "invalid-amount-text"));
    }
    let of_deal = [
        ("name", deal_name),
        ("amount", given.opportunity_amount),
        ("close_date", given.opportunity_close_date),
        ("pipeline", given.opportunity_pipeline.map(|id| id.to_string())),
    ];
    let of_deal: BTreeMap<String, String> =
        of_deal.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect();
    // One that exists is not given another name here.
    let twice = [
        ("account_name", given.account.is_some() && account_name.is_some()),
        ("contact_name", given.contact.is_some() && contact_name.is_some()),
        ("opportunity_name", given.opportunity.is_some() && !of_deal.is_empty()),
    ];
    if let Some((key, _)) = twice.into_iter().find(|(_, twice)| *twice) {
        return Err(Error::field(key, "invalid-new-or-existing"));
    }
    Ok(Wish {
        account: given.account.map_or(Party::New(account_name), Party::Existing),
        contact: given.contact.map_or(Party::New(contact_name), Party::Existing),
        deal: match given.opportunity {
            Some(id) => Deal::Existing(id),
            None if of_deal.is_empty() => Deal::None,
            None => Deal::New(of_deal),
        },
    })
}
