//! Pipelines and their stages. The name of a stage is free; what it means (open, won, lost) is fixed when it is made, because
//! sums and history rest on it. A stage goes only when no deal is in it, and a pipeline always keeps an open, a won and a
//! lost stage. Probability and criteria count for deals that move from now on.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;
use store::{Session, Tx, Uuid, new_id, sql};

use super::{ADMIN, finish_row, lock, next_version, saved, tabs};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::record::{Kind, Registry, Write};
use crate::shell::records::id as parse_id;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Input, Reader, Sent, Typed, inputs};
use crate::system::history::{Changes, conflict_page};
use crate::system::setup;

const HERE: &str = "/settings/pipelines";

pub fn routes() -> Routes {
    Routes::new()
        .get(HERE, ADMIN, list)
        .post(HERE, ADMIN, add_pipeline)
        .get("/settings/pipelines/{id}", ADMIN, show_pipeline)
        .post("/settings/pipelines/{id}", ADMIN, rename_pipeline)
        .post("/settings/pipelines/{id}/order", ADMIN, move_stage)
        .post("/settings/pipelines/{id}/stages", ADMIN, add_stage)
        .post("/settings/pipelines/{id}/removal", ADMIN, remove_pipeline)
        .get("/settings/stages/{id}", ADMIN, show_stage)
        .post("/settings/stages/{id}", ADMIN, save_stage)
        .post("/settings/stages/{id}/removal", ADMIN, remove_stage)
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct PipelineRow {
    id: Uuid,
    version: i64,
    name: String,
}

#[derive(Debug, Clone, sqlx::FromRow)]
struct StageRow {
    id: Uuid,
    version: i64,
    pipeline_id: Uuid,
    name: String,
    kind: String,
    probability: i64,
    expected_days: Option<i64>,
    deals: i64,
    criteria: i64,
}

impl StageRow {
    fn kind(&self) -> StageKind {
        StageKind::parse(&self.kind)
    }
}

/// Deals in the trash count too: they may come back.
const STAGES: &str = "
    SELECT s.id, s.version, s.pipeline_id, s.name, s.kind, s.probability, s.expected_days,
           (SELECT COUNT(*) FROM opportunity o WHERE o.stage_id = s.id) AS deals,
           (SELECT COUNT(*) FROM criterion c WHERE c.stage_id = s.id AND c.deleted_at IS NULL) AS criteria
      FROM stage s WHERE s.deleted_at IS NULL";

async fn pipelines(session: &mut Session) -> Result<Vec<PipelineRow>> {
    Ok(session.all("SELECT id, version, name FROM pipeline WHERE deleted_at IS NULL ORDER BY position, id").await?)
}

async fn pipeline(session: &mut Session, id: Uuid) -> Result<PipelineRow> {
    session
        .optional(sql!("SELECT id, version, name FROM pipeline WHERE id = $1 AND deleted_at IS NULL", id))
        .await?
        .ok_or(Error::NotFound)
}

async fn stages_of(session: &mut Session, pipeline: Uuid) -> Result<Vec<StageRow>> {
    Ok(session.all(sql!(format!("{STAGES} AND s.pipeline_id = $1 ORDER BY s.position, s.id"), pipeline)).await?)
}

async fn stage(session: &mut Session, id: Uuid) -> Result<StageRow> {
    session.optional(sql!(format!("{STAGES} AND s.id = $1"), id)).await?.ok_or(Error::NotFound)
}

#[derive(askama::Template)]
#[template(path = "system/settings/pipelines.html")]
struct ListBody<'a> {
    page: &'a Page,
    tabs: Html,
    /// the pipeline and its stages
    pipelines: Vec<(PipelineRow, Vec<StageRow>)>,
    input: Html,
}

/// GET /settings/pipelines
async fn list(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    list_page(&app, &viewer, &asked, StatusCode::OK, &Typed::default()).await
}

async fn list_page(app: &App, viewer: &Viewer, asked: &Asked, status: StatusCode, typed: &Typed) -> Result<Response> {
    let mut session = app.db.read().await?;
    let pipelines = pipelines(&mut session).await?;
    let stages: Vec<StageRow> = session.all(format!("{STAGES} ORDER BY s.position, s.id").as_str()).await?;
    drop(session);
    let locale = viewer.locale;
    let input =
        Input::text("name", locale.text("pipeline-new-name"), "").required().hint(locale.text("pipeline-new-hint"));
    let page = Page::new(viewer, asked, locale.text("settings-pipelines"));
    let of = |pipeline: &PipelineRow| stages.iter().filter(|stage| stage.pipeline_id == pipeline.id).cloned().collect();
    let body = ListBody {
        tabs: tabs(&page, HERE)?,
        input: input.typed(typed, locale).html()?,
        pipelines: pipelines.iter().map(|pipeline| (pipeline.clone(), of(pipeline))).collect(),
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /settings/pipelines
async fn add_pipeline(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    match store_pipeline(&app, &viewer, &sent).await {
        Ok(id) => Ok(saved(&viewer, &asked, &format!("{HERE}/{id}"))),
        Err(Error::Invalid(errors)) => {
            let typed = Typed::refused(sent, errors);
            list_page(&app, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(error) => Err(error),
    }
}

async fn store_pipeline(app: &App, viewer: &Viewer, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    form.finish()?;
    let mut tx = app.db.write().await?;
    lock(&mut tx).await?;
    let others = pipelines(&mut tx).await?;
    refuse_same_name(&name, others.iter().map(|other| other.name.as_str()))?;
    let position: i64 =
        tx.value("SELECT CAST(COALESCE(MAX(position), 0) AS BIGINT) FROM pipeline").await?.unwrap_or(0) + 1;
    let id = setup::create_pipeline(&mut tx, &app.clock, viewer.config.locale, &name, position).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", Json::Null, name);
    finish_row(&mut tx, app, viewer, "created", id, 1, changes).await?;
    tx.commit().await?;
    Ok(id)
}

/// Names are how imports and people tell them apart.
fn refuse_same_name<'a>(name: &str, mut others: impl Iterator<Item = &'a str>) -> Result<()> {
    let key = store::search::sort_key(name);
    if others.any(|other| store::search::sort_key(other) == key) {
        return Err(Error::field("name", "invalid-duplicate"));
    }
    Ok(())
}

#[derive(askama::Template)]
#[template(path = "system/settings/pipeline.html")]
struct PipelineBody<'a> {
    page: &'a Page,
    tabs: Html,
    pipeline: PipelineRow,
    version: String,
    stages: Vec<StageRow>,
    errors: Vec<(String, String)>,
    name: Html,
    new_stage: Vec<Html>,
    is_empty: bool,
}

/// GET /settings/pipelines/{id}
async fn show_pipeline(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response> {
    pipeline_page(&app, &viewer, &asked, parse_id(&id)?, StatusCode::OK, &Typed::default(), &Typed::default()).await
}

/// `named`: what was typed into the name; `added`: what was typed for a new stage.
async fn pipeline_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    status: StatusCode,
    named: &Typed,
    added: &Typed,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let pipeline = pipeline(&mut session, id).await?;
    let stages = stages_of(&mut session, id).await?;
    let deals: i64 =
        session.value(sql!("SELECT COUNT(*) FROM opportunity WHERE pipeline_id = $1", id)).await?.unwrap_or(0);
    drop(session);
    let locale = viewer.locale;
    let t = |key: &str| locale.text(key);
    let name = Input::text("name", t("pipeline-name"), &pipeline.name).required();
    let new_stage = stage_inputs(locale, None);
    let page = Page::new(viewer, asked, pipeline.name.clone());
    let mut errors = named.summary(locale, &[std::slice::from_ref(&name)]);
    errors.extend(added.summary(locale, &[&new_stage]));
    let body = PipelineBody {
        tabs: tabs(&page, HERE)?,
        version: named.or("version", added.or("version", pipeline.version)),
        errors,
        name: name.typed(named, locale).html()?,
        new_stage: new_stage
            .into_iter()
            .map(|input| input.with_id_prefix("new-").typed(added, locale).html())
            .collect::<Result<_>>()?,
        is_empty: deals == 0,
        stages,
        pipeline,
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

fn stage_inputs(locale: Locale, stage: Option<&StageRow>) -> Vec<Input> {
    let t = |key: &str| locale.text(key);
    let mut fields =
        vec![Input::text("name", t("change-stage-name"), stage.map_or("", |stage| &stage.name)).required()];
    match stage {
        None => {
            let kinds = ["open", "won", "lost"].map(|kind| (kind.to_owned(), t(&format!("stage-kind-{kind}"))));
            fields
                .push(Input::select("kind", t("change-stage-kind"), "open", kinds.to_vec()).hint(t("stage-kind-hint")));
        }
        Some(stage) => {
            let kind = t(&format!("stage-kind-{}", stage.kind));
            fields.push(Input::text("kind", t("change-stage-kind"), kind).fixed().hint(t("stage-kind-fixed")));
        }
    }
    if stage.is_none_or(|stage| stage.kind() == StageKind::Open) {
        let probability = stage.map_or(String::new(), |stage| stage.probability.to_string());
        let days = stage.and_then(|stage| stage.expected_days).map(|days| days.to_string()).unwrap_or_default();
        fields.push(
            Input::new("number", "probability", t("change-stage-probability"), probability)
                .between(0, 100)
                .hint(t("stage-probability-hint")),
        );
        fields.push(
            Input::new("number", "expected_days", t("change-stage-expected-days"), days)
                .between(1, 3650)
                .hint(t("stage-days-hint")),
        );
    }
    fields
}

/// What became of a change of a pipeline. `adding`: the form for a new stage, else the one for the name.
async fn pipeline_answer(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    sent: Sent,
    adding: bool,
    outcome: Result<()>,
) -> Result<Response> {
    let here = format!("{HERE}/{id}");
    match outcome {
        Ok(()) => Ok(saved(viewer, asked, &here)),
        Err(Error::Invalid(errors)) => {
            let (typed, nothing) = (Typed::refused(sent, errors), Typed::default());
            let (named, added) = if adding { (&nothing, &typed) } else { (&typed, &nothing) };
            pipeline_page(app, viewer, asked, id, StatusCode::UNPROCESSABLE_ENTITY, named, added).await
        }
        Err(Error::Conflict(_)) => {
            let seen = Reader::of(&sent).version();
            conflict_page(app, viewer, asked, ("settings", id), seen, |_| true, &here).await
        }
        Err(error) => Err(error),
    }
}

/// POST /settings/pipelines/{id}
async fn rename_pipeline(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = store_name(&app, &viewer, id, &sent).await;
    pipeline_answer(&app, &viewer, &asked, id, sent, false, outcome).await
}

async fn store_name(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let seen = form.version();
    form.finish()?;
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "pipeline", id, seen).await?;
    let all = pipelines(&mut tx).await?;
    refuse_same_name(&name, all.iter().filter(|other| other.id != id).map(|other| other.name.as_str()))?;
    let before = pipeline(&mut tx, id).await?;
    tx.execute(sql!("UPDATE pipeline SET name = $2 WHERE id = $1", id, &name)).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", before.name, name);
    finish_row(&mut tx, app, viewer, "updated", id, version, changes).await?;
    Ok(tx.commit().await?)
}

/// POST /settings/pipelines/{id}/order: one stage a place up or down.
async fn move_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = store_order(&app, &viewer, id, &sent).await;
    pipeline_answer(&app, &viewer, &asked, id, sent, false, outcome).await
}

async fn store_order(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<()> {
    let form = Reader::of(sent);
    let (up, moved) = match (form.raw("up"), form.raw("down")) {
        ("", down) => (false, parse_id(down)?),
        (up, _) => (true, parse_id(up)?),
    };
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "pipeline", id, form.version()).await?;
    let mut stages = stages_of(&mut tx, id).await?;
    let before = order_of(&stages);
    let at = stages.iter().position(|stage| stage.id == moved).ok_or(Error::NotFound)?;
    let to = if up { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < stages.len()) };
    // Open stages come before the closed ones: a deal moves from left to right.
    let Some(to) = to.filter(|to| (stages[*to].kind() == StageKind::Open) == (stages[at].kind() == StageKind::Open))
    else {
        return Ok(());
    };
    stages.swap(at, to);
    write_order(&mut tx, &stages).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.order", before, order_of(&stages));
    finish_row(&mut tx, app, viewer, "updated", id, version, changes).await?;
    Ok(tx.commit().await?)
}

fn order_of(stages: &[StageRow]) -> String {
    stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(" → ")
}

async fn write_order(tx: &mut Tx, stages: &[StageRow]) -> Result<()> {
    for (position, stage) in stages.iter().enumerate() {
        tx.execute(sql!("UPDATE stage SET position = $2 WHERE id = $1", stage.id, position)).await?;
    }
    Ok(())
}

/// POST /settings/pipelines/{id}/stages
async fn add_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = store_new_stage(&app, &viewer, id, &sent).await;
    pipeline_answer(&app, &viewer, &asked, id, sent, true, outcome).await
}

async fn store_new_stage(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let kinds = |text: &str| matches!(text, "open" | "won" | "lost").then(|| StageKind::parse(text));
    let kind = form.choice("kind", kinds, StageKind::Open);
    let (probability, days) = read_weights(&mut form, kind);
    let seen = form.version();
    form.finish()?;
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "pipeline", id, seen).await?;
    let mut stages = stages_of(&mut tx, id).await?;
    refuse_same_name(&name, stages.iter().map(|stage| stage.name.as_str()))?;
    let stage = new_id(&app.clock);
    tx.execute(sql!(
        "INSERT INTO stage (id, version, pipeline_id, name, position, kind, probability, expected_days) VALUES ($1, 1, $2, $3, 0, $4, $5, $6)",
        stage,
        id,
        &name,
        kind.key(),
        probability,
        days
    ))
    .await?;
    let before = order_of(&stages);
    let first_closed = stages.iter().position(|stage| stage.kind() != StageKind::Open).unwrap_or(stages.len());
    let place = if kind == StageKind::Open { first_closed } else { stages.len() };
    let row = StageRow {
        id: stage,
        version: 1,
        pipeline_id: id,
        name: name.clone(),
        kind: kind.key().into(),
        probability,
        expected_days: days,
        deals: 0,
        criteria: 0,
    };
    stages.insert(place, row);
    write_order(&mut tx, &stages).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.order", before, order_of(&stages));
    finish_row(&mut tx, app, viewer, "updated", id, version, changes).await?;
    let mut changes = Changes::default();
    changes.add("stage.name", Json::Null, name);
    changes.add("stage.kind", Json::Null, kind.key());
    changes.add("stage.probability", Json::Null, probability);
    finish_row(&mut tx, app, viewer, "created", stage, 1, changes).await?;
    Ok(tx.commit().await?)
}

/// A won deal is certain and a lost one is gone: only open stages have a chance and a length.
fn read_weights(form: &mut Reader<'_>, kind: StageKind) -> (i64, Option<i64>) {
    match kind {
        StageKind::Won => (100, None),
        StageKind::Lost => (0, None),
        StageKind::Open => (form.whole("probability", 0, 100), form.optional_whole("expected_days", 1, 3650)),
    }
}

/// POST /settings/pipelines/{id}/removal
async fn remove_pipeline(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    match drop_pipeline(&app, &viewer, id, &sent).await {
        Ok(()) => Ok(saved(&viewer, &asked, HERE)),
        outcome => {
            // The page's name field was not part of this form.
            let mut sent = sent;
            if let Some(name) = viewer.config.pipeline(id).map(|pipeline| pipeline.name.clone()) {
                sent.insert("name".into(), name);
            }
            pipeline_answer(&app, &viewer, &asked, id, sent, false, outcome).await
        }
    }
}

async fn drop_pipeline(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<()> {
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "pipeline", id, Reader::of(sent).version()).await?;
    if pipelines(&mut tx).await?.len() < 2 {
        return Err(Error::field("", "refused-last-pipeline"));
    }
    let deals: i64 = tx.value(sql!("SELECT COUNT(*) FROM opportunity WHERE pipeline_id = $1", id)).await?.unwrap_or(0);
    if deals > 0 {
        return Err(Error::field("", "refused-pipeline-in-use"));
    }
    let before = pipeline(&mut tx, id).await?;
    let now = app.clock.now();
    tx.execute(sql!("UPDATE stage SET deleted_at = $2 WHERE pipeline_id = $1 AND deleted_at IS NULL", id, now)).await?;
    tx.execute(sql!("UPDATE pipeline SET deleted_at = $2 WHERE id = $1", id, now)).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", before.name, Json::Null);
    finish_row(&mut tx, app, viewer, "deleted", id, version, changes).await?;
    Ok(tx.commit().await?)
}

/// An exit criterion as the form shows it; the last ones are empty, for new ones.
struct CriterionRow {
    number: usize,
    id: String,
    name: String,
    required: bool,
    fields: Vec<(String, String, bool)>,
    error: String,
}

#[derive(askama::Template)]
#[template(path = "system/settings/stage.html")]
struct StageBody<'a> {
    page: &'a Page,
    tabs: Html,
    pipeline: PipelineRow,
    stage: StageRow,
    version: String,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    is_open: bool,
    criteria: Vec<CriterionRow>,
}

/// A criterion as it is stored.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
struct Criterion {
    id: Uuid,
    name: String,
    required: bool,
    field: Option<String>,
}

async fn criteria_of(session: &mut Session, stage: Uuid) -> Result<Vec<Criterion>> {
    Ok(session
        .all(sql!(
            "SELECT id, name, required, field FROM criterion WHERE stage_id = $1 AND deleted_at IS NULL ORDER BY position, id",
            stage
        ))
        .await?)
}

/// Room for so many new criteria at a time.
const NEW_CRITERIA: usize = 2;

/// What can show that a criterion is met: a field of the deal that may be empty.
fn showing_fields(registry: &Registry, locale: Locale) -> Vec<(String, String)> {
    let Some(deal) = registry.get("opportunity") else { return Vec::new() };
    deal.fields
        .iter()
        .filter(|field| field.write == Write::Always && !field.is_virtual() && !field.required)
        .filter(|field| !matches!(field.kind, Kind::Money | Kind::Currency | Kind::Percent))
        .filter(|field| !matches!(field.key, "stage" | "owner" | "external_id" | "lost_reason" | "lost_note"))
        .map(|field| (field.key.to_owned(), locale.text(&deal.label_key(field))))
        .collect()
}

/// GET /settings/stages/{id}
async fn show_stage(State(app): State<App>, viewer: Viewer, asked: Asked, Path(id): Path<String>) -> Result<Response> {
    stage_page(&app, &viewer, &asked, parse_id(&id)?, StatusCode::OK, &Typed::default()).await
}

async fn stage_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    status: StatusCode,
    typed: &Typed,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let stage = stage(&mut session, id).await?;
    let pipeline = pipeline(&mut session, stage.pipeline_id).await?;
    let standing = criteria_of(&mut session, id).await?;
    drop(session);
    let locale = viewer.locale;
    let fields = stage_inputs(locale, Some(&stage));
    let showing = showing_fields(viewer.registry, locale);
    let criteria = (0..standing.len() + NEW_CRITERIA)
        .map(|number| {
            let one = standing.get(number);
            let chosen =
                typed.or(&format!("field-{number}"), one.and_then(|one| one.field.clone()).unwrap_or_default());
            CriterionRow {
                number,
                id: typed.or(&format!("id-{number}"), one.map(|one| one.id.to_string()).unwrap_or_default()),
                name: typed.or(&format!("criterion-{number}"), one.map_or("", |one| &one.name)),
                required: typed.ticked_or(&format!("required-{number}"), one.is_some_and(|one| one.required)),
                fields: showing.iter().map(|(key, name)| (key.clone(), name.clone(), *key == chosen)).collect(),
                error: typed.error(&format!("criterion-{number}"), locale),
            }
        })
        .collect();
    let page = Page::new(viewer, asked, stage.name.clone());
    let body = StageBody {
        tabs: tabs(&page, HERE)?,
        version: typed.or("version", stage.version),
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        is_open: stage.kind() == StageKind::Open,
        criteria,
        pipeline,
        stage,
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

async fn stage_answer(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    sent: Sent,
    outcome: Result<Uuid>,
) -> Result<Response> {
    match outcome {
        Ok(pipeline) => Ok(saved(viewer, asked, &format!("{HERE}/{pipeline}"))),
        Err(Error::Invalid(errors)) => {
            // A removal sends no fields: then the page shows the stage as it stands.
            let typed = match sent.contains_key("name") {
                true => Typed::refused(sent, errors),
                false => Typed::reasons(errors),
            };
            stage_page(app, viewer, asked, id, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(Error::Conflict(_)) => {
            let seen = Reader::of(&sent).version();
            let here = format!("/settings/stages/{id}");
            conflict_page(app, viewer, asked, ("settings", id), seen, |_| true, &here).await
        }
        Err(error) => Err(error),
    }
}

/// POST /settings/stages/{id}
async fn save_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = store_stage(&app, &viewer, id, &sent).await;
    stage_answer(&app, &viewer, &asked, id, sent, outcome).await
}

async fn store_stage(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "stage", id, form.version()).await?;
    let before = stage(&mut tx, id).await?;
    let name = form.required_line("name", 80);
    let (probability, days) = read_weights(&mut form, before.kind());
    let standing = criteria_of(&mut tx, id).await?;
    let asked =
        if before.kind() == StageKind::Open { read_criteria(app.registry, &mut form, &standing) } else { Vec::new() };
    form.finish()?;
    let others = stages_of(&mut tx, before.pipeline_id).await?;
    refuse_same_name(&name, others.iter().filter(|other| other.id != id).map(|other| other.name.as_str()))?;
    let mut changes = Changes::default();
    changes.add("stage.name", before.name.as_str(), name.as_str());
    changes.add("stage.probability", before.probability, probability);
    changes.add("stage.expected_days", before.expected_days, days);
    tx.execute(sql!(
        "UPDATE stage SET name = $2, probability = $3, expected_days = $4 WHERE id = $1",
        id,
        name,
        probability,
        days
    ))
    .await?;
    if before.kind() == StageKind::Open {
        write_criteria(&mut tx, app, id, &standing, asked, &mut changes).await?;
    }
    finish_row(&mut tx, app, viewer, "updated", id, version, changes).await?;
    tx.commit().await?;
    Ok(before.pipeline_id)
}

/// The criteria of a sent form; a name that was emptied takes its criterion away.
fn read_criteria(registry: &Registry, form: &mut Reader<'_>, standing: &[Criterion]) -> Vec<(Option<Uuid>, Criterion)> {
    let known = showing_fields(registry, Locale::En);
    let mut asked = Vec::new();
    for number in 0..standing.len() + NEW_CRITERIA {
        let key = format!("criterion-{number}");
        let name = form.line(&key, 200);
        if name.is_empty() {
            continue;
        }
        let before = form.raw(&format!("id-{number}")).parse::<Uuid>().ok();
        let before = before.filter(|id| standing.iter().any(|one| one.id == *id));
        let field = form.raw(&format!("field-{number}")).to_owned();
        if !field.is_empty() && !known.iter().any(|(key, _)| *key == field) {
            form.wrong(&key, "invalid-unknown-field");
        }
        let criterion = Criterion {
            id: before.unwrap_or_default(),
            name,
            required: form.is_ticked(&format!("required-{number}")),
            field: (!field.is_empty()).then_some(field),
        };
        asked.push((before, criterion));
    }
    asked
}

async fn write_criteria(
    tx: &mut Tx,
    app: &App,
    stage: Uuid,
    standing: &[Criterion],
    asked: Vec<(Option<Uuid>, Criterion)>,
    changes: &mut Changes,
) -> Result<()> {
    let said = |criterion: &Criterion| {
        let field = criterion.field.as_deref().map(|field| format!(" [{field}]")).unwrap_or_default();
        format!("{}{field}{}", criterion.name, if criterion.required { " *" } else { "" })
    };
    for gone in standing.iter().filter(|one| !asked.iter().any(|(before, _)| *before == Some(one.id))) {
        tx.execute(sql!("UPDATE criterion SET deleted_at = $2 WHERE id = $1", gone.id, app.clock.now())).await?;
        changes.add("stage.criterion", said(gone), Json::Null);
    }
    for (position, (before, criterion)) in asked.into_iter().enumerate() {
        let standing = before.and_then(|id| standing.iter().find(|one| one.id == id));
        match standing {
            Some(standing) => {
                changes.add("stage.criterion", said(standing), said(&criterion));
                tx.execute(sql!(
                    "UPDATE criterion SET position = $2, name = $3, required = $4, field = $5 WHERE id = $1",
                    standing.id,
                    position,
                    criterion.name,
                    criterion.required,
                    criterion.field
                ))
                .await?;
            }
            None => {
                changes.add("stage.criterion", Json::Null, said(&criterion));
                tx.execute(sql!(
                    "INSERT INTO criterion (id, stage_id, position, name, required, field) VALUES ($1, $2, $3, $4, $5, $6)",
                    new_id(&app.clock),
                    stage,
                    position,
                    criterion.name,
                    criterion.required,
                    criterion.field
                ))
                .await?;
            }
        }
    }
    Ok(())
}

/// POST /settings/stages/{id}/removal
async fn remove_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = drop_stage(&app, &viewer, id, &sent).await;
    stage_answer(&app, &viewer, &asked, id, sent, outcome).await
}

async fn drop_stage(app: &App, viewer: &Viewer, id: Uuid, sent: &Sent) -> Result<Uuid> {
    let mut tx = app.db.write().await?;
    let version = next_version(&mut tx, "stage", id, Reader::of(sent).version()).await?;
    let before = stage(&mut tx, id).await?;
    if before.deals > 0 {
        return Err(Error::field("", "refused-stage-in-use"));
    }
    let others = stages_of(&mut tx, before.pipeline_id).await?;
    if others.iter().filter(|other| other.kind == before.kind).count() < 2 {
        return Err(Error::field("", "refused-last-stage"));
    }
    tx.execute(sql!("UPDATE stage SET deleted_at = $2 WHERE id = $1", id, app.clock.now())).await?;
    let mut changes = Changes::default();
    changes.add("stage.name", before.name, Json::Null);
    finish_row(&mut tx, app, viewer, "deleted", id, version, changes).await?;
    tx.commit().await?;
    Ok(before.pipeline_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::crm::REGISTRY;

    #[test]
    fn a_criterion_whose_name_was_emptied_goes_and_a_new_one_comes() {
        let old = Criterion { id: Uuid::from_u128(7), name: "Budget is known".into(), required: true, field: None };
        let sent: Sent = [
            ("id-0", old.id.to_string()),
            ("criterion-0", String::new()),
            ("criterion-1", "Next step is agreed".into()),
            ("field-1", "next_step".into()),
            ("required-1", "on".into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let mut form = Reader::of(&sent);
        let asked = read_criteria(&REGISTRY, &mut form, &[old]);
        assert_eq!(form.errors, []);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].0, None);
        assert_eq!((asked[0].1.field.as_deref(), asked[0].1.required), (Some("next_step"), true));
    }

    #[test]
    fn an_exit_criterion_can_be_shown_only_by_a_field_that_may_be_empty() {
        let keys: Vec<String> = showing_fields(&REGISTRY, Locale::En).into_iter().map(|(key, _)| key).collect();
        assert!(keys.contains(&"next_step".to_owned()) && keys.contains(&"account".to_owned()));
        assert!(!keys.contains(&"amount".to_owned()) && !keys.contains(&"name".to_owned()));
    }
}
