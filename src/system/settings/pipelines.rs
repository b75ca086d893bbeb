//! Pipelines and their stages. The name of a stage is free; what it means (open, won, lost) is fixed when it is made, because
//! sums and history rest on it. A stage goes only when no deal is in it, and a pipeline always keeps an open, a won and a
//! lost stage. Probability and criteria count for deals that move from now on.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;
use store::{Session, Tx, Uuid, new_id, sql};

use super::stages::{remove_stage, save_stage, show_stage};
use super::{ADMIN, answer, at_page, finish_row, next_version, saved, tabs};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::record::Actor;
use crate::shell::records::id as parse_id;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Input, Reader, Sent, Typed};
use crate::system::history::Changes;
use crate::system::setup;

pub(super) const HERE: &str = "/settings/pipelines";

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
pub(super) struct PipelineRow {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct StageRow {
    pub id: Uuid,
    pub version: i64,
    pub pipeline_id: Uuid,
    pub name: String,
    pub kind: String,
    pub probability: i64,
    pub expected_days: Option<i64>,
    pub deals: i64,
    pub criteria: i64,
}

impl StageRow {
    pub fn kind(&self) -> StageKind {
        StageKind::parse(&self.kind)
    }
}

/// Deals in the trash count too: they may come back.
const STAGES: &str = "
    SELECT s.id, s.version, s.pipeline_id, s.name, s.kind, s.probability, s.expected_days,
           (SELECT COUNT(*) FROM opportunity o WHERE o.stage_id = s.id) AS deals,
           (SELECT COUNT(*) FROM criterion c WHERE c.stage_id = s.id AND c.deleted_at IS NULL) AS criteria
      FROM stage s WHERE s.deleted_at IS NULL";

pub(super) async fn pipelines(session: &mut Session) -> Result<Vec<PipelineRow>> {
    Ok(session.all("SELECT id, version, name FROM pipeline WHERE deleted_at IS NULL ORDER BY position, id").await?)
}

pub(super) async fn pipeline(session: &mut Session, id: Uuid) -> Result<PipelineRow> {
    session
        .optional(sql!("SELECT id, version, name FROM pipeline WHERE id = $1 AND deleted_at IS NULL", id))
        .await?
        .ok_or(Error::NotFound)
}

pub(super) async fn stages_of(session: &mut Session, pipeline: Uuid) -> Result<Vec<StageRow>> {
    Ok(session.all(sql!(format!("{STAGES} AND s.pipeline_id = $1 ORDER BY s.position, s.id"), pipeline)).await?)
}

pub(super) async fn stage(session: &mut Session, id: Uuid) -> Result<StageRow> {
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
    match at_page(&app, &viewer, async |tx, actor| store_pipeline(tx, actor, &sent).await).await {
        Ok(id) => Ok(saved(&viewer, &asked, &format!("{HERE}/{id}"))),
        Err(Error::Invalid(errors)) => {
            let typed = Typed::refused(sent, errors);
            list_page(&app, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn store_pipeline(tx: &mut Tx, actor: &Actor, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    form.finish()?;
    let others = pipelines(tx).await?;
    refuse_same_name(&name, others.iter().map(|other| other.name.as_str()))?;
    let position: i64 =
        tx.value("SELECT CAST(COALESCE(MAX(position), 0) AS BIGINT) FROM pipeline").await?.unwrap_or(0) + 1;
    let id = setup::create_pipeline(tx, &actor.clock, actor.viewer.config.locale, &name, position).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", Json::Null, name);
    finish_row(tx, actor, "created", id, 1, changes).await?;
    Ok(id)
}

/// Names are how imports and people tell them apart.
pub(super) fn refuse_same_name<'a>(name: &str, mut others: impl Iterator<Item = &'a str>) -> Result<()> {
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

pub(super) fn stage_inputs(locale: Locale, stage: Option<&StageRow>) -> Vec<Input> {
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
    let outcome = outcome.map(|()| format!("{HERE}/{id}"));
    answer(app, viewer, asked, (HERE, id), sent, outcome, async |sent, errors| {
        let (typed, nothing) = (Typed::refused(sent, errors), Typed::default());
        let (named, added) = if adding { (&nothing, &typed) } else { (&typed, &nothing) };
        pipeline_page(app, viewer, asked, id, StatusCode::UNPROCESSABLE_ENTITY, named, added).await
    })
    .await
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
    let outcome = at_page(&app, &viewer, async |tx, actor| store_name(tx, actor, id, &sent).await).await;
    pipeline_answer(&app, &viewer, &asked, id, sent, false, outcome).await
}

pub(super) async fn store_name(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let seen = form.version();
    form.finish()?;
    let version = next_version(tx, "pipeline", id, seen).await?;
    let all = pipelines(tx).await?;
    refuse_same_name(&name, all.iter().filter(|other| other.id != id).map(|other| other.name.as_str()))?;
    let before = pipeline(tx, id).await?;
    tx.execute(sql!("UPDATE pipeline SET name = $2 WHERE id = $1", id, &name)).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", before.name, name);
    finish_row(tx, actor, "updated", id, version, changes).await
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
    let outcome = at_page(&app, &viewer, async |tx, actor| store_order(tx, actor, id, &sent).await).await;
    pipeline_answer(&app, &viewer, &asked, id, sent, false, outcome).await
}

pub(super) async fn store_order(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<()> {
    let form = Reader::of(sent);
    let (up, moved) = match (form.raw("up"), form.raw("down")) {
        ("", down) => (false, parse_id(down)?),
        (up, _) => (true, parse_id(up)?),
    };
    let mut stages = stages_of(tx, id).await?;
    let at = stages.iter().position(|stage| stage.id == moved).ok_or(Error::NotFound)?;
    let to = if up { at.checked_sub(1) } else { Some(at + 1).filter(|to| *to < stages.len()) };
    // Open stages come before the closed ones: a deal moves from left to right.
    let Some(to) = to.filter(|to| (stages[*to].kind() == StageKind::Open) == (stages[at].kind() == StageKind::Open))
    else {
        return Ok(());
    };
    stages.swap(at, to);
    arrange(tx, actor, id, form.version(), &stages).await
}

/// Brings the stages of a pipeline into this order.
async fn arrange(tx: &mut Tx, actor: &Actor, id: Uuid, seen: i64, stages: &[StageRow]) -> Result<()> {
    let version = next_version(tx, "pipeline", id, seen).await?;
    let before = order_of(&stages_of(tx, id).await?);
    write_order(tx, stages).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.order", before, order_of(stages));
    finish_row(tx, actor, "updated", id, version, changes).await
}

/// Brings the stages of a pipeline into the order of these ids.
///
/// Errors: not each of them once, or a closed stage before an open one.
pub(super) async fn store_whole_order(tx: &mut Tx, actor: &Actor, id: Uuid, seen: i64, order: &[Uuid]) -> Result<()> {
    let mut stages = stages_of(tx, id).await?;
    let place = |stage: &StageRow| order.iter().position(|id| *id == stage.id);
    if order.len() != stages.len() || stages.iter().any(|stage| place(stage).is_none()) {
        return Err(Error::field("stages", "refused-stages-each-once"));
    }
    stages.sort_by_key(place);
    if !stages.is_sorted_by_key(|stage| stage.kind() != StageKind::Open) {
        return Err(Error::field("stages", "refused-open-stages-first"));
    }
    arrange(tx, actor, id, seen, &stages).await
}

fn order_of(stages: &[StageRow]) -> String {
    stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(" → ")
}

/// A removed stage goes where the one goes that it counts as.
async fn write_order(tx: &mut Tx, stages: &[StageRow]) -> Result<()> {
    for (position, stage) in stages.iter().enumerate() {
        tx.execute(sql!("UPDATE stage SET position = $2 WHERE id = $1 OR counts_as_id = $1", stage.id, position))
            .await?;
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
    let outcome = at_page(&app, &viewer, async |tx, actor| store_new_stage(tx, actor, id, &sent).await).await.map(drop);
    pipeline_answer(&app, &viewer, &asked, id, sent, true, outcome).await
}

pub(super) async fn store_new_stage(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let name = form.required_line("name", 80);
    let kinds = |text: &str| matches!(text, "open" | "won" | "lost").then(|| StageKind::parse(text));
    let kind = form.choice("kind", kinds, StageKind::Open);
    let (probability, days) = read_weights(&mut form, kind);
    let seen = form.version();
    form.finish()?;
    let version = next_version(tx, "pipeline", id, seen).await?;
    let mut stages = stages_of(tx, id).await?;
    refuse_same_name(&name, stages.iter().map(|stage| stage.name.as_str()))?;
    let stage = new_id(&actor.clock);
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
    write_order(tx, &stages).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.order", before, order_of(&stages));
    finish_row(tx, actor, "updated", id, version, changes).await?;
    let mut changes = Changes::default();
    changes.add("stage.name", Json::Null, name);
    changes.add("stage.kind", Json::Null, kind.key());
    changes.add("stage.probability", Json::Null, probability);
    finish_row(tx, actor, "created", stage, 1, changes).await?;
    Ok(stage)
}

/// A won deal is certain and a lost one is gone: only open stages have a chance and a length.
pub(super) fn read_weights(form: &mut Reader<'_>, kind: StageKind) -> (i64, Option<i64>) {
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
    match at_page(&app, &viewer, async |tx, actor| drop_pipeline(tx, actor, id, &sent).await).await {
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

pub(super) async fn drop_pipeline(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<()> {
    let version = next_version(tx, "pipeline", id, Reader::of(sent).version()).await?;
    if pipelines(tx).await?.len() < 2 {
        return Err(Error::field("", "refused-last-pipeline"));
    }
    let deals: i64 = tx.value(sql!("SELECT COUNT(*) FROM opportunity WHERE pipeline_id = $1", id)).await?.unwrap_or(0);
    if deals > 0 {
        return Err(Error::field("", "refused-pipeline-in-use"));
    }
    let before = pipeline(tx, id).await?;
    let now = actor.clock.now();
    tx.execute(sql!("UPDATE stage SET deleted_at = $2 WHERE pipeline_id = $1 AND deleted_at IS NULL", id, now)).await?;
    tx.execute(sql!("UPDATE pipeline SET deleted_at = $2 WHERE id = $1", id, now)).await?;
    let mut changes = Changes::default();
    changes.add("pipeline.name", before.name, Json::Null);
    finish_row(tx, actor, "deleted", id, version, changes).await
}
