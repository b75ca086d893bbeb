//! Moving a deal on screen: to another stage, from wherever it is shown, and to another pipeline; what is missing for the move is
//! asked for. Plain forms over [`super::stage`].

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::Uuid;

use super::evidence;
use super::objects::OPPORTUNITY;
use super::stage::{Move, came_from, move_to};
use crate::shell::app::App;
use crate::shell::config::{Stage, StageKind};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::form::{self, Choice, Filled, FormBody, Input};
use crate::shell::page::{Asked, Page, Toast, done, render, respond_with, toast_event, trigger};
use crate::shell::record::{Field, command, query};
use crate::shell::records::{get, id, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("opportunity");
    Routes::new()
        .post("/opportunities/{id}/stage", change, move_stage)
        .get("/opportunities/{id}/pipeline", change, pipeline_form)
        .post("/opportunities/{id}/pipeline", change, move_elsewhere)
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
    let closes = target.kind != StageKind::Open && was != Some(stage) && viewer.sees(&OPPORTUNITY, "closed_on");
    match move_to(&mut tx, &actor, deal, version, wish).await {
        // Nothing is missing; but what closes a deal may have happened before today. Cards are dragged between open stages only.
        Ok(_) if closes && !undone && get(given, "ask") == "1" => {
            drop(tx);
            ask_for_missing(app, viewer, asked, deal, &target, pipeline, given, &[]).await
        }
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
const RESERVED: [&str; 7] = ["stage", "pipeline", "version", "reason", "undo", "ask", "asked"];

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
    let (row, fields) = query::find(&mut session, viewer, &OPPORTUNITY, deal).await?;
    query::check_change(&mut session, viewer, &OPPORTUNITY, deal).await?;
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
        hidden: vec![("version".into(), row.version.to_string()), ("ask".into(), "1".into())],
        general: Vec::new(),
        note: locale.text(if others.is_empty() { "pipeline-move-none" } else { "pipeline-move-note" }),
        alike: Vec::new(),
        list: None,
    };
    form::respond_form(status, &page, &body)
}

/// The form that names what is missing for the move, with a place to give it, and asks when a deal was closed.
#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
async fn ask_for_missing(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    target: &Stage,
    pipeline: Option<Uuid>,
    given: &[(String, String)],
    errors: &[FieldError],
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, &OPPORTUNITY, deal).await?;
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
        if !asked_fields.iter().any(|other: &&'static Field| other.key == field.key) {
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
    // Why a deal was lost has to be said; no reason is chosen beforehand.
    if target.kind == StageKind::Lost
        && let Some(reason) = inputs.iter_mut().find(|input| input.key == "lost_reason" && !input.required)
    {
        reason.required = true;
        reason.options.insert(0, Choice { value: String::new(), text: String::new(), chosen: false });
    }
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
