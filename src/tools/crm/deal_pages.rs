//! What one does with a deal on screen: move it, show evidence, edit its line items.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;
use store::{Session, Uuid};

use super::evidence::{self, Note};
use super::items::{self, Ask, Item};
use super::objects::OPPORTUNITY;
use super::stage::{Move, came_from, move_to};
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::by_name;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::form::{self, Filled, FormBody, Input};
use crate::shell::format::{self, Unread};
use crate::shell::page::{Asked, Page, Toast, done, render, respond, respond_with, toast_event, trigger};
use crate::shell::record::hung::Expected;
use crate::shell::record::{Field, command, query};
use crate::shell::records::{get, id, pairs, version_in};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("opportunity");
    Routes::new()
        .post("/opportunities/{id}/stage", change, move_stage)
        .get("/opportunities/{id}/pipeline", change, pipeline_form)
        .post("/opportunities/{id}/pipeline", change, move_elsewhere)
        .get("/opportunities/{id}/evidence/{criterion}", change, evidence_form)
        .post("/opportunities/{id}/evidence/{criterion}", change, save_evidence)
        .get("/opportunities/{id}/items/new", change, item_form)
        .post("/opportunities/{id}/items", change, add_item)
        .get("/opportunities/{id}/items/{item}/edit", change, edit_item_form)
        .post("/opportunities/{id}/items/{item}", change, change_item)
        .post("/opportunities/{id}/items/{item}/removal", change, remove_item)
}

struct Missing {
    id: Uuid,
    key: String,
    name: String,
    value: String,
    /// The version of the note that it would replace.
    replaced: Option<i64>,
    error: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/stage_form.html")]
struct StageForm<'a> {
    page: &'a Page,
    id: Uuid,
    version: i64,
    stage: Uuid,
    /// Of the stage, when the deal goes to another one.
    pipeline: Option<Uuid>,
    stage_name: String,
    deal: String,
    missing: Vec<Missing>,
    inputs: Vec<Input>,
    general: Vec<String>,
    may_reason: bool,
    reason: String,
}

/// POST /opportunities/{id}/stage: from the path, the board, a card's menu, or the form that asked for what was missing.
async fn move_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    headers: HeaderMap,
    Path(deal): Path<String>,
    body: String,
) -> Result<Response> {
    let mut given = pairs(&body);
    given.extend(pairs(&asked.query));
    let pipeline = get(&given, "pipeline").parse().ok();
    move_given(&app, &viewer, &asked, &headers, id(&deal)?, &given, pipeline).await
}

/// POST /opportunities/{id}/pipeline: the stage that was chosen says which pipeline is meant.
async fn move_elsewhere(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    headers: HeaderMap,
    Path(deal): Path<String>,
    body: String,
) -> Result<Response> {
    let deal = id(&deal)?;
    let given = pairs(&body);
    let stage = get(&given, "stage").parse().ok().and_then(|stage| viewer.config.stage(stage));
    match stage.map(|stage| stage.pipeline) {
        Some(pipeline) => move_given(&app, &viewer, &asked, &headers, deal, &given, Some(pipeline)).await,
        None => ask_for_pipeline(&app, &viewer, &asked, deal, Some(FieldError::new("stage", "invalid-stage"))).await,
    }
}

async fn move_given(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    headers: &HeaderMap,
    deal: Uuid,
    given: &[(String, String)],
    pipeline: Option<Uuid>,
) -> Result<Response> {
    let stage: Uuid = get(given, "stage").parse().map_err(|_| Error::field("stage", "invalid-stage"))?;
    let target = viewer.config.stage(stage).ok_or_else(|| Error::field("stage", "invalid-stage"))?.clone();
    let (mut tx, actor) = app.write_as(viewer, "page").await?;
    let was = command::load_for_write(&mut tx, &actor, &OPPORTUNITY, deal).await?.id_of("stage");
    // To undo is to go back to where the deal just came from, and needs no other reason.
    let undone = get(given, "undo") == "1" && came_from(&mut tx, deal).await? == Some(stage);
    let reason = if undone { viewer.locale.text("stage-undo-reason") } else { get(given, "reason").to_owned() };
    let wish = Move { is_undo: undone, ..wish_of(stage, pipeline, reason, given) };
    let version = get(given, "version").parse().ok();
    match move_to(&mut tx, &actor, deal, version, wish).await {
        Ok(version) => {
            tx.commit().await?;
            let text = viewer.locale.text_with("stage-moved", &[("stage", &target.name)]);
            let mut toast = Toast::success(text.clone());
            if let Some(was) = was.filter(|was| *was != stage) {
                let back = viewer.config.stage(was).filter(|was| was.pipeline != target.pipeline);
                let pipeline = back.map_or_else(String::new, |back| format!("&pipeline={}", back.pipeline));
                let undo = format!("/opportunities/{deal}/stage?stage={was}{pipeline}&version={version}&undo=1");
                toast = toast.with_undo(undo);
            }
            let on_board = headers
                .get("hx-current-url")
                .and_then(|value| value.to_str().ok())
                .is_some_and(|url| url.contains("/board"));
            if asked.fragment && on_board {
                let mut events = toast_event(&toast);
                events["announce"] = json!(text);
                events["board-refresh"] = json!(true);
                events["close-dialog"] = json!(true);
                let mut response = StatusCode::NO_CONTENT.into_response();
                trigger(&mut response, events);
                return Ok(response);
            }
            Ok(done(asked, &format!("/opportunities/{deal}"), Some(toast)))
        }
        // That the stage itself won't do is mended by choosing another one, not by a form about this one.
        Err(Error::Invalid(errors)) if errors.iter().all(|error| error.field != "stage") => {
            drop(tx);
            ask_for_missing(app, viewer, asked, deal, &target, pipeline, given, &errors).await
        }
        // A colleague has given another note: both are there to choose from.
        Err(Error::Conflict(collision)) if collision.fields.iter().all(|(key, ..)| key.starts_with("evidence.")) => {
            drop(tx);
            let error = |(key, .., theirs): &(String, String, String, String)| {
                FieldError::new(key, "invalid-changed-meanwhile").with("theirs", theirs)
            };
            let errors: Vec<FieldError> = collision.fields.iter().map(error).collect();
            let mut response = ask_for_missing(app, viewer, asked, deal, &target, pipeline, given, &errors).await?;
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// What the form says of the move itself; the rest are fields of the deal.
const RESERVED: [&str; 6] = ["stage", "pipeline", "version", "reason", "undo", "asked"];

fn wish_of(stage: Uuid, pipeline: Option<Uuid>, reason: String, given: &[(String, String)]) -> Move {
    let replaced =
        |(key, value): &(String, String)| Some((key.strip_prefix("replaced.")?.parse().ok()?, value.parse().ok()?));
    Move {
        stage,
        pipeline,
        reason: Some(reason),
        replaced: given.iter().filter_map(replaced).collect(),
        evidence: given
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix("evidence.")?.parse().ok()?, value.clone())))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect(),
        inputs: given
            .iter()
            .filter(|(key, value)| {
                let is_note = key.starts_with("evidence.") || key.starts_with("replaced.");
                !RESERVED.contains(&key.as_str()) && !is_note && !value.is_empty()
            })
            .cloned()
            .collect(),
        is_undo: false,
    }
}

/// GET /opportunities/{id}/pipeline
async fn pipeline_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(deal): Path<String>,
) -> Result<Response> {
    ask_for_pipeline(&app, &viewer, &asked, id(&deal)?, None).await
}

/// The form that asks in which stage of which other pipeline the deal goes on.
async fn ask_for_pipeline(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    error: Option<FieldError>,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, app.registry, &OPPORTUNITY, deal).await?;
    check_change(&mut session, viewer, deal).await?;
    drop(session);
    let at = fields.iter().position(|field| field.key == "pipeline");
    let here = at.and_then(|at| row.cells[at].id());
    let others = viewer.config.pipelines.iter().filter(|pipeline| Some(pipeline.id) != here);
    let others: Vec<_> = others.cloned().collect();
    let locale = viewer.locale;
    let mut input = Input {
        required: true,
        error: error.map(|error| error.text(locale)),
        ..Input::plain("pipeline", "stage", locale.text("pipeline-move-to"), "select")
    };
    // Even one other pipeline is named.
    form::set_stage_groups(&mut input, &others, None);
    let title = locale.text("pipeline-move");
    let page = Page::new(viewer, asked, title.clone());
    let status = if input.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{deal}/pipeline"),
        submit: locale.text("pipeline-move-submit"),
        back: format!("/opportunities/{deal}"),
        inputs: vec![input],
        hidden: vec![("version".into(), row.version.to_string())],
        general: Vec::new(),
        note: locale.text(if others.is_empty() { "pipeline-move-none" } else { "pipeline-move-note" }),
        alike: Vec::new(),
    };
    form::respond_form(status, &page, &body)
}

/// The form that names what is missing for the move, with a place to give it.
#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
async fn ask_for_missing(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    target: &crate::shell::config::Stage,
    pipeline: Option<Uuid>,
    given: &[(String, String)],
    errors: &[FieldError],
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, app.registry, &OPPORTUNITY, deal).await?;
    let mut filled = Filled::of_row(viewer, &fields, &row);
    let name = filled.text("name");
    let has_submitted = given.iter().any(|(key, _)| key == "asked");
    let is_given = |key: &str| given.iter().any(|(other, _)| other == key);
    let error_of = |key: &str| errors.iter().find(|error| error.field == key);
    // What was given before stays in the form, or it would be lost as soon as something else is missing.
    let mut missing = Vec::new();
    let notes = evidence::notes(&mut session, deal).await?;
    for criterion in viewer.config.pipelines.iter().flat_map(|one| &one.stages).flat_map(|stage| &stage.criteria) {
        let key = format!("evidence.{}", criterion.id);
        let error = error_of(&key);
        if error.is_some() || is_given(&key) {
            let value = get(given, &key).to_owned();
            let is_told = has_submitted && error.is_some_and(|error| error.key == "invalid-changed-meanwhile");
            let error = error.filter(|_| has_submitted).map(|error| match error.key.as_str() {
                "refused-evidence-missing" => viewer.locale.text("stage-form-still-missing"),
                _ => error.text(viewer.locale),
            });
            let replaced = match notes.iter().find(|(of, ..)| *of == criterion.id) {
                Some((.., version)) if is_told => Some(*version),
                _ => get(given, &format!("replaced.{}", criterion.id)).parse().ok(),
            };
            missing.push(Missing { id: criterion.id, key, name: criterion.name.clone(), value, replaced, error });
        }
    }
    let is_asked = |key: &str| error_of(key).is_some() || has_submitted && is_given(key) && !RESERVED.contains(&key);
    let mut keys: Vec<&'static str> =
        viewer.projection(&OPPORTUNITY).map(|field| field.key).filter(|key| is_asked(key)).collect();
    let of_end: &[&'static str] = match target.kind {
        StageKind::Open => &[],
        StageKind::Won => &["closed_on"],
        StageKind::Lost => &["lost_reason", "lost_note", "competitors", "closed_on"],
    };
    keys.extend(of_end.iter().filter(|key| viewer.sees(&OPPORTUNITY, key)));
    let mut asked_fields = Vec::new();
    for field in keys.iter().filter_map(|key| OPPORTUNITY.field(key)) {
        if !asked_fields.iter().any(|other: &&'static crate::shell::record::Field| other.key == field.key) {
            asked_fields.push(field);
        }
        let typed = get(given, field.key);
        if !typed.is_empty() {
            filled.texts.insert(field.key.into(), typed.into());
        } else if field.key == "closed_on" {
            filled.texts.insert(field.key.into(), viewer.config.today(viewer.now).to_string());
        }
    }
    let shown_errors: &[FieldError] = if has_submitted { errors } else { &[] };
    let mut inputs = form::inputs(viewer, &OPPORTUNITY, &asked_fields, &filled, shown_errors, "move-");
    form::set_currency(&mut inputs, &row.currency);
    let mut general = form::general_errors(viewer, &OPPORTUNITY, &inputs, errors);
    general.retain(|_| has_submitted && missing.is_empty());
    let elsewhere = pipeline.and_then(|pipeline| viewer.config.pipeline(pipeline));
    let stage_name = elsewhere.map_or(target.name.clone(), |pipeline| format!("{} · {}", target.name, pipeline.name));
    let page = Page::new(viewer, asked, viewer.locale.text_with("stage-form-title", &[("stage", &stage_name)]));
    let body = StageForm {
        page: &page,
        id: deal,
        version: row.version,
        stage: target.id,
        pipeline,
        stage_name,
        deal: name,
        may_reason: errors.iter().any(|error| error.key == "refused-evidence-missing"),
        missing,
        inputs,
        general,
        reason: get(given, "reason").to_owned(),
    };
    respond_with(StatusCode::UNPROCESSABLE_ENTITY, &page, render(&body)?)
}

#[derive(askama::Template)]
#[template(path = "tools/crm/evidence_form.html")]
struct EvidenceForm<'a> {
    page: &'a Page,
    id: Uuid,
    item: evidence::Item,
    note: String,
    /// Of the note that stands, to notice that somebody else wrote another one meanwhile.
    version: String,
    error: Option<String>,
}

async fn evidence_item(app: &App, viewer: &Viewer, deal: Uuid, criterion: Uuid) -> Result<evidence::Item> {
    let mut session = app.db.read().await?;
    query::find(&mut session, viewer, app.registry, &OPPORTUNITY, deal).await?;
    let stage = viewer
        .config
        .pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.stages)
        .find(|stage| stage.criteria.iter().any(|known| known.id == criterion));
    let stage = stage.ok_or(Error::NotFound)?;
    evidence::of_stage(&mut session, &viewer.config, deal, stage.id)
        .await?
        .into_iter()
        .find(|item| item.criterion == criterion)
        .ok_or(Error::NotFound)
}

fn version_of(item: &evidence::Item) -> String {
    item.version.map_or_else(String::new, |version| version.to_string())
}

/// GET /opportunities/{id}/evidence/{criterion} · who may change the deal
async fn evidence_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, criterion)): Path<(String, String)>,
) -> Result<Response> {
    let (deal, criterion) = (id(&deal)?, id(&criterion)?);
    let item = evidence_item(&app, &viewer, deal, criterion).await?;
    check_change(&mut app.db.read().await?, &viewer, deal).await?;
    let page = Page::new(&viewer, &asked, item.name.clone());
    let (note, version) = (item.note.clone().unwrap_or_default(), version_of(&item));
    respond(&page, &EvidenceForm { page: &page, id: deal, item, note, version, error: None })
}

/// POST /opportunities/{id}/evidence/{criterion}
async fn save_evidence(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, criterion)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, criterion) = (id(&deal)?, id(&criterion)?);
    let given = pairs(&body);
    let expected = Expected::version(get(&given, "version"));
    let note = Note { criterion, text: get(&given, "note"), expected, pipeline: None };
    match app.at_page(&viewer, async |tx, actor| evidence::put(tx, actor, &OPPORTUNITY, deal, note).await).await {
        Ok(_) => {
            let toast = Toast::success(viewer.locale.text("saved"));
            Ok(done(&asked, &format!("/opportunities/{deal}"), Some(toast)))
        }
        Err(error) if error.is_stale() => {
            let item = evidence_item(&app, &viewer, deal, criterion).await?;
            let page = Page::new(&viewer, &asked, item.name.clone());
            let (theirs, version) = (item.note.clone().unwrap_or_else(|| "—".into()), version_of(&item));
            let error = FieldError::new("note", "invalid-changed-meanwhile").with("theirs", theirs).text(viewer.locale);
            let note = get(&given, "note").to_owned();
            let form = EvidenceForm { page: &page, id: deal, item, note, version, error: Some(error) };
            respond_with(StatusCode::CONFLICT, &page, render(&form)?)
        }
        Err(error) => Err(error),
    }
}

/// The price list that a deal goes by, as far as the viewer may know it.
fn list_of(fields: &[&'static Field], row: &query::Row) -> Option<Uuid> {
    fields.iter().position(|field| field.key == "price_list").and_then(|at| row.cells[at].id())
}

/// `list`: the price list whose prices stand beside the products.
fn item_inputs(
    viewer: &Viewer,
    given: &BTreeMap<String, String>,
    product: Option<String>,
    currency: &str,
    list: Option<Uuid>,
    errors: &[FieldError],
) -> Vec<Input> {
    let locale = viewer.locale;
    let text = |key: &str| given.get(key).cloned().unwrap_or_default();
    let error = |key: &str| errors.iter().find(|error| error.field == key).map(|error| error.text(locale));
    let input = |key: &str, label: &str, kind: &'static str, value: String, required: bool| Input {
        id: format!("item-{key}"),
        key: key.into(),
        label: locale.text(label),
        kind,
        value,
        required,
        error: error(key),
        prefix: currency.into(),
        ..Input::default()
    };
    let mut chosen = input("product", "product", "picker", text("product"), true);
    chosen.picker = format!("/pick/product?currency={currency}");
    if let Some(list) = list {
        chosen.picker.push_str(&format!("&price_list={list}"));
    }
    chosen.wide = true;
    chosen.by_name = Some(text(&by_name::name_key("product")));
    if let Some(name) = product {
        chosen.options = vec![form::Choice { value: text("product"), text: name, chosen: true }];
    }
    let quantity = if given.contains_key("quantity") { text("quantity") } else { "1".into() };
    let mut price = input("unit_price", "items-price", "amount", text("unit_price"), false);
    price.hint = locale.text("items-price-hint");
    vec![
        chosen,
        input("quantity", "items-quantity", "text", quantity, true),
        price,
        input("discount", "items-discount-percent", "text", text("discount"), false),
    ]
}

fn respond_item(
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    version: i64,
    inputs: Vec<Input>,
    note: Option<String>,
    status: StatusCode,
) -> Result<Response> {
    let title = viewer.locale.text("items-add");
    let page = Page::new(viewer, asked, title.clone());
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{deal}/items"),
        submit: viewer.locale.text("items-add"),
        back: format!("/opportunities/{deal}?tab=related"),
        inputs,
        hidden: vec![("version".into(), version.to_string())],
        general: Vec::new(),
        note: note.unwrap_or_default(),
        alike: Vec::new(),
    };
    form::respond_form(status, &page, &body)
}

/// Errors: forbidden, of a deal that the viewer has been shown to see.
async fn check_change(session: &mut Session, viewer: &Viewer, deal: Uuid) -> Result<()> {
    let may = query::allowed(session, viewer, &OPPORTUNITY, deal, Right::Write).await?;
    if may { Ok(()) } else { Err(Error::Forbidden) }
}

/// GET /opportunities/{id}/items/new · who may change the deal, and its amount
async fn item_form(State(app): State<App>, viewer: Viewer, asked: Asked, Path(deal): Path<String>) -> Result<Response> {
    let deal = id(&deal)?;
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, &viewer, app.registry, &OPPORTUNITY, deal).await?;
    check_change(&mut session, &viewer, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let inputs = item_inputs(&viewer, &BTreeMap::new(), None, &row.currency, list_of(&fields, &row), &[]);
    // Nobody's typed amount goes unnoticed.
    let amount = fields.iter().position(|field| field.key == "amount").and_then(|at| row.cells[at].int()).unwrap_or(0);
    let sum: i64 = items::of_deal(&mut session, deal).await?.iter().map(|line| line.amount).sum();
    let typed = format::money(amount, &row.currency);
    let note = (amount != sum).then(|| viewer.locale.text_with("items-typed-note", &[("amount", &typed)]));
    respond_item(&viewer, &asked, deal, row.version, inputs, note, StatusCode::OK)
}

/// A decimal with up to `places` decimals as a whole number of its smallest part: `1.5` with 3 places → 1500.
fn scaled(text: &str, places: u32) -> Result<i64, Unread> {
    let number = format::parse_number(text.trim().trim_end_matches('%'))?;
    let scaled = number.checked_mul(Decimal::from(10u64.pow(places))).filter(|scaled| scaled.fract().is_zero());
    scaled.and_then(|scaled| scaled.to_i64()).ok_or(Unread::Number)
}

/// Reads a line from texts.
pub fn read_ask(given: &BTreeMap<String, String>, currency: &str) -> Result<Ask> {
    let text = |key: &str| given.get(key).map_or("", String::as_str).trim();
    let mut errors = Vec::new();
    let product = text("product").parse::<Uuid>().ok();
    if product.is_none() {
        errors.push(FieldError::new("product", "invalid-required"));
    }
    let mut number = |key: &str, places: u32, fits: fn(i64) -> bool, otherwise: FieldError| {
        let read = scaled(text(key), places);
        errors.push(match read {
            Ok(number) if fits(number) => return Some(number),
            Err(Unread::Separators) => FieldError::separators(key, text(key)),
            _ => otherwise,
        });
        None
    };
    let quantity = number("quantity", 3, |quantity| quantity > 0, FieldError::new("quantity", "invalid-quantity"));
    let range = FieldError::new("discount", "invalid-range").with("min", 0).with("max", 100);
    let discount = match text("discount") {
        "" => Some(0),
        _ => number("discount", 2, |discount| (0..=10_000).contains(&discount), range),
    };
    let price = match text("unit_price") {
        "" => Some(None),
        price => match format::parse_amount(price, currency) {
            Ok(price) => Some(Some(price)),
            Err(unread) => {
                errors.push(FieldError::no_amount("unit_price", price, currency, unread));
                None
            }
        },
    };
    match (product, quantity, price, discount) {
        (Some(product), Some(quantity), Some(unit_price), Some(discount)) => {
            Ok(Ask { product, quantity, unit_price, discount })
        }
        _ => Err(Error::Invalid(errors)),
    }
}

/// POST /opportunities/{id}/items
async fn add_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(deal): Path<String>,
    body: String,
) -> Result<Response> {
    let deal = id(&deal)?;
    let mut given: BTreeMap<String, String> = pairs(&body).into_iter().collect();
    let version = given.get("version").and_then(|text| text.parse().ok());
    let (row, fields) = {
        let mut session = app.db.read().await?;
        query::find(&mut session, &viewer, app.registry, &OPPORTUNITY, deal).await?
    };
    let outcome: Result<i64> = async {
        by_name::find(&app, &viewer, &OPPORTUNITY, &mut given).await?;
        let ask = read_ask(&given, &row.currency)?;
        app.at_page(&viewer, async |tx, actor| items::add(tx, actor, &OPPORTUNITY, deal, version, ask).await).await
    }
    .await;
    match outcome {
        Ok(_) => Ok(done(
            &asked,
            &format!("/opportunities/{deal}?tab=related"),
            Some(Toast::success(viewer.locale.text("items-added"))),
        )),
        Err(Error::Invalid(errors)) => {
            let mut session = app.db.read().await?;
            let product = match given.get("product").and_then(|text| text.parse().ok()) {
                Some(product) => {
                    crate::shell::records::name_of(&mut session, &app, &viewer, "product", product).await?
                }
                None => None,
            };
            let inputs = item_inputs(&viewer, &given, product, &row.currency, list_of(&fields, &row), &errors);
            respond_item(&viewer, &asked, deal, version.unwrap_or(0), inputs, None, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(error) => Err(error),
    }
}

/// A line as its form shows it.
fn line_texts(line: &Item, currency: &str) -> BTreeMap<String, String> {
    let decimal = |value: i64, places: u32| Decimal::new(value, places).normalize().to_string();
    BTreeMap::from([
        ("quantity".to_owned(), decimal(line.quantity, 3)),
        ("unit_price".to_owned(), format::plain_amount(line.unit_price, currency)),
        ("discount".to_owned(), decimal(line.discount, 2)),
    ])
}

/// The form of a line that stands: its product is its title.
fn respond_edit_item(
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    deal: &query::Row,
    line: &Item,
    given: &BTreeMap<String, String>,
    errors: &[FieldError],
) -> Result<Response> {
    let names_products = viewer.scope.level("product", Right::Read) > Level::None;
    let title = if names_products {
        viewer.locale.text_with("items-edit-title", &[("product", &line.product)])
    } else {
        viewer.locale.text("items-edit")
    };
    let page = Page::new(viewer, asked, title.clone());
    let mut inputs = item_inputs(viewer, given, None, &deal.currency, None, errors);
    inputs.retain(|input| input.key != "product");
    let of_line = |error: &&FieldError| !inputs.iter().any(|input| input.key == error.field);
    let general = errors.iter().filter(of_line).map(|error| error.text(viewer.locale)).collect();
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{}/items/{}", deal.id, line.id),
        submit: viewer.locale.text("save"),
        back: format!("/opportunities/{}?tab=related", deal.id),
        inputs,
        hidden: vec![("version".into(), line.version.to_string())],
        general,
        note: String::new(),
        alike: Vec::new(),
    };
    form::respond_form(status, &page, &body)
}

/// GET /opportunities/{id}/items/{item}/edit
async fn edit_item_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let mut session = app.db.read().await?;
    let (row, _) = query::find(&mut session, &viewer, app.registry, &OPPORTUNITY, deal).await?;
    let may = query::allowed(&mut session, &viewer, &OPPORTUNITY, deal, Right::Write).await?;
    if !may || !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let line = items::find(&mut session, deal, item).await?;
    respond_edit_item(&viewer, &asked, StatusCode::OK, &row, &line, &line_texts(&line, &row.currency), &[])
}

/// POST /opportunities/{id}/items/{item}
async fn change_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let given = pairs(&body);
    let version = version_in(&given)?;
    let mut given: BTreeMap<String, String> = given.into_iter().collect();
    let (mut tx, actor) = app.write_as(&viewer, "page").await?;
    command::load_for_write(&mut tx, &actor, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let (row, _) = query::find(&mut tx, &viewer, app.registry, &OPPORTUNITY, deal).await?;
    let line = items::find(&mut tx, deal, item).await?;
    if line.version != version {
        // What was typed stays; sent again, it replaces what stands now.
        let now = line_texts(&line, &row.currency);
        let error =
            now.iter().fold(FieldError::new("", "invalid-item-changed"), |error, (key, text)| error.with(key, text));
        return respond_edit_item(&viewer, &asked, StatusCode::CONFLICT, &row, &line, &given, &[error]);
    }
    given.insert("product".into(), line.product_id.to_string());
    let outcome = match read_ask(&given, &row.currency) {
        Ok(ask) => items::change(&mut tx, &actor, &OPPORTUNITY, deal, &line, ask).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            tx.commit().await?;
            let toast = Toast::success(viewer.locale.text("items-changed"));
            Ok(done(&asked, &format!("/opportunities/{deal}?tab=related"), Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            drop(tx);
            respond_edit_item(&viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &row, &line, &given, &errors)
        }
        Err(error) => Err(error),
    }
}

/// POST /opportunities/{id}/items/{item}/removal
async fn remove_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let version = get(&pairs(&body), "version").parse().ok();
    app.at_page(&viewer, async |tx, actor| items::remove(tx, actor, &OPPORTUNITY, deal, version, item).await).await?;
    Ok(done(
        &asked,
        &format!("/opportunities/{deal}?tab=related"),
        Some(Toast::success(viewer.locale.text("items-removed"))),
    ))
}
