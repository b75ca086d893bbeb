//! Pipelines, their stages, and what these ask for.

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Session, Uuid};

use super::{change, form_of, form_on, get, once, placed, post, put_over, seen_of, text_of};
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Members, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::viewer::Viewer;
use crate::system::administrator::at_api;
use crate::system::form::Sent;
use crate::system::settings::pipelines::{
    PipelineRow, StageRow, drop_pipeline, pipeline, pipelines, stage, stages_of, store_name, store_new_stage,
    store_pipeline, store_whole_order,
};
use crate::system::settings::stages::{Criterion, criteria_of, drop_stage, store_stage};

#[derive(Serialize, schemars::JsonSchema)]
struct Pipeline {
    id: Uuid,
    version: i64,
    name: String,
    /// In their order.
    stages: Vec<Stage>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Pipelines {
    data: Vec<Pipeline>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Stage {
    id: Uuid,
    version: i64,
    pipeline: Uuid,
    name: String,
    kind: String,
    probability: i64,
    expected_days: Option<i64>,
    /// Opportunities in it, those in the trash too.
    opportunities: i64,
    criteria: Vec<ShownCriterion>,
}

/// Asked for before an opportunity leaves the stage; shown by a field of it, or by a note.
#[derive(Serialize, schemars::JsonSchema)]
struct ShownCriterion {
    id: Uuid,
    name: String,
    required: bool,
    field: Option<String>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct Named {
    #[schemars(length(min = 1, max = 80))]
    name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    #[schemars(length(min = 1, max = 200))]
    stages: Vec<Uuid>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct StageCreate {
    #[schemars(length(min = 1, max = 80))]
    name: String,
    #[schemars(extend("enum" = ["open", "won", "lost"]))]
    kind: String,
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    probability: Option<i64>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    expected_days: Option<i64>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // Read for its shape; what it says goes into the form.
struct StagePatch {
    #[serde(default)]
    #[schemars(length(min = 1, max = 80))]
    name: Option<String>,
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    probability: Option<i64>,
    #[serde(default)]
    #[schemars(range(min = 1, max = 3650))]
    expected_days: Option<i64>,
    #[serde(default)]
    #[schemars(length(max = 50))]
    criteria: Option<Vec<Members<GivenCriterion>>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct GivenCriterion {
    /// Of one that stands; without it it is new.
    #[serde(default)]
    id: Option<Uuid>,
    #[schemars(length(min = 1, max = 200))]
    name: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    field: Option<String>,
}

pub fn operations() -> Api {
    let (all, one) = ("/api/settings/pipelines", "/api/settings/pipelines/{id}");
    let stage = "/api/settings/stages/{id}";
    let gives_pipeline =
        |operation: Operation, status| operation.gives(status, schema_of::<Pipeline>()).with_header("ETag");
    let gives_stage = |operation: Operation, status| operation.gives(status, schema_of::<Stage>()).with_header("ETag");
    let named =
        |operation: Operation| operation.takes(schema_of::<Named>()).example(json!({ "name": "Partner business" }));
    Api::new()
        .operation(
            get(all, "listSettingsPipelines", "api-setting-pipelines").gives(200, schema_of::<Pipelines>()),
            list,
        )
        .operation(gives_pipeline(named(post(all, "createPipeline", "api-pipeline-create")), 201), create)
        .operation(gives_pipeline(get(one, "getPipeline", "api-pipeline"), 200), show)
        .operation(
            gives_pipeline(named(change(Method::PATCH, one, "renamePipeline", "api-pipeline-rename")), 200),
            rename,
        )
        .operation(change(Method::DELETE, one, "removePipeline", "api-pipeline-remove").gives_nothing(204), remove)
        .operation(
            gives_pipeline(
                change(Method::PUT, "/api/settings/pipelines/{id}/order", "orderStages", "api-stage-order")
                    .takes(schema_of::<Order>()),
                200,
            ),
            order,
        )
        .operation(
            gives_stage(
                post("/api/settings/pipelines/{id}/stages", "createStage", "api-stage-create")
                    .takes(schema_of::<StageCreate>())
                    .example(json!({ "name": "Pilot", "kind": "open", "probability": 40 })),
                201,
            ),
            create_stage,
        )
        .operation(gives_stage(get(stage, "getStage", "api-stage"), 200), show_stage)
        .operation(
            gives_stage(
                change(Method::PATCH, stage, "updateStage", "api-stage-update")
                    .takes(schema_of::<StagePatch>())
                    .example(json!({ "probability": 45 })),
                200,
            ),
            update_stage,
        )
        .operation(change(Method::DELETE, stage, "removeStage", "api-stage-remove").gives_nothing(204), remove_stage)
}

// ---- what is told

fn shown_stage(row: StageRow, criteria: Vec<Criterion>) -> Stage {
    let shown =
        |one: Criterion| ShownCriterion { id: one.id, name: one.name, required: one.required, field: one.field };
    Stage {
        id: row.id,
        version: row.version,
        pipeline: row.pipeline_id,
        name: row.name,
        kind: row.kind,
        probability: row.probability,
        expected_days: row.expected_days,
        opportunities: row.deals,
        criteria: criteria.into_iter().map(shown).collect(),
    }
}

async fn shown(session: &mut Session, row: PipelineRow) -> Result<Pipeline> {
    let mut stages = Vec::new();
    for stage in stages_of(session, row.id).await? {
        let criteria = if stage.criteria > 0 { criteria_of(session, stage.id).await? } else { Vec::new() };
        stages.push(shown_stage(stage, criteria));
    }
    Ok(Pipeline { id: row.id, version: row.version, name: row.name, stages })
}

async fn pipeline_answer(session: &mut Session, id: Uuid) -> Result<Answer> {
    let row = pipeline(session, id).await?;
    let version = row.version;
    Ok(Answer::of_version(version, json!(shown(session, row).await?)))
}

async fn stage_answer(session: &mut Session, id: Uuid) -> Result<Answer> {
    let row = stage(session, id).await?;
    let criteria = criteria_of(session, id).await?;
    let version = row.version;
    Ok(Answer::of_version(version, json!(shown_stage(row, criteria))))
}

// ---- pipelines

/// GET /api/settings/pipelines · administrators
async fn list(State(app): State<App>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    let mut data = Vec::new();
    for row in pipelines(&mut session).await? {
        data.push(shown(&mut session, row).await?);
    }
    Ok(Answer::ok(json!(Pipelines { data })))
}

/// GET /api/settings/pipelines/{id} · administrators
async fn show(State(app): State<App>, Ids([id]): Ids<1>) -> Result<Answer> {
    pipeline_answer(&mut app.db.read().await?, id).await
}

/// POST /api/settings/pipelines · administrators: with the stages that a new house has
async fn create(State(app): State<App>, viewer: Viewer, body: Body) -> Result<Answer> {
    body.read::<Named>()?;
    once(&app, &viewer, &body.post, async |tx, actor| {
        let mut form = Sent::default();
        put_over(&mut form, &body)?;
        let id = store_pipeline(tx, actor, &form).await?;
        Ok(pipeline_answer(tx, id).await?.made_at(format!("/api/settings/pipelines/{id}")))
    })
    .await
}

/// PATCH /api/settings/pipelines/{id} · administrators
async fn rename(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    body.read::<Named>()?;
    at_api(&app, &viewer, async |tx, actor| {
        let mut form = form_on(tx, "pipeline", id, seen).await?;
        put_over(&mut form, &body)?;
        store_name(tx, actor, id, &form).await?;
        pipeline_answer(tx, id).await
    })
    .await
}

/// DELETE /api/settings/pipelines/{id} · administrators: one without opportunities, and not the last
async fn remove(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, IfMatch(seen): IfMatch) -> Result<Answer> {
    at_api(&app, &viewer, async |tx, actor| {
        let form = form_on(tx, "pipeline", id, seen).await?;
        drop_pipeline(tx, actor, id, &form).await?;
        Ok(Answer::nothing())
    })
    .await
}

/// PUT /api/settings/pipelines/{id}/order · administrators
async fn order(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let asked: Order = body.read()?;
    at_api(&app, &viewer, async |tx, actor| {
        let seen = seen_of(tx, "pipeline", id, seen).await?;
        store_whole_order(tx, actor, id, seen, &asked.stages).await?;
        pipeline_answer(tx, id).await
    })
    .await
}

// ---- stages

/// POST /api/settings/pipelines/{id}/stages · administrators
async fn create_stage(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, body: Body) -> Result<Answer> {
    body.read::<StageCreate>()?;
    once(&app, &viewer, &body.post, async |tx, actor| {
        let present = pipeline(tx, id).await?.version;
        let mut form = form_of([("version", present.to_string())]);
        put_over(&mut form, &body)?;
        let stage = store_new_stage(tx, actor, id, &form).await?;
        Ok(stage_answer(tx, stage).await?.made_at(format!("/api/settings/stages/{stage}")))
    })
    .await
}

/// GET /api/settings/stages/{id} · administrators
async fn show_stage(State(app): State<App>, Ids([id]): Ids<1>) -> Result<Answer> {
    stage_answer(&mut app.db.read().await?, id).await
}

/// PATCH /api/settings/stages/{id} · administrators; criteria are given all at once
async fn update_stage(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let asked: StagePatch = body.read()?;
    at_api(&app, &viewer, async |tx, actor| {
        let mut form = form_on(tx, "stage", id, seen).await?;
        let before = stage(tx, id).await?;
        let standing = criteria_of(tx, id).await?;
        let is_open = before.kind() == StageKind::Open;
        form.extend(form_of([
            ("name", before.name),
            ("probability", before.probability.to_string()),
            ("expected_days", before.expected_days.map(|days| days.to_string()).unwrap_or_default()),
        ]));
        for (name, given) in body.members()?.iter().filter(|(name, _)| *name != "criteria") {
            // A closed deal is won or lost: there is nothing to weigh.
            if !is_open && name != "name" {
                return Err(Error::field(name, "invalid-read-only"));
            }
            form.insert(name.clone(), text_of(given));
        }
        let criteria = match &asked.criteria {
            Some(_) if !is_open => return Err(Error::field("criteria", "invalid-read-only")),
            Some(given) => given.iter().map(inputs_of).collect::<Result<Vec<_>>>()?,
            None => standing.iter().map(inputs_of_standing).collect(),
        };
        let known = |id: &str| standing.iter().any(|one| one.id.to_string() == id);
        for (number, [one, name, field, required]) in criteria.into_iter().enumerate() {
            if !one.is_empty() && !known(&one) {
                let error = FieldError::new(&format!("criteria.{number}"), "invalid-reference").with("value", one);
                return Err(Error::Invalid(vec![error]));
            }
            let inputs = [("id", one), ("criterion", name), ("field", field)];
            form.extend(inputs.map(|(input, text)| (format!("{input}-{number}"), text)));
            if !required.is_empty() {
                form.insert(format!("required-{number}"), required);
            }
        }
        let in_body = |field: &str| match field.strip_prefix("criterion-") {
            Some(number) => format!("criteria.{number}"),
            None => field.to_owned(),
        };
        store_stage(tx, actor, id, &form).await.map_err(|error| placed(error, in_body))?;
        stage_answer(tx, id).await
    })
    .await
}

/// A criterion as the inputs of the form: id, name, field, and whether it is required.
fn inputs_of(Members(given): &Members<GivenCriterion>) -> Result<[String; 4]> {
    // A name that was emptied takes its criterion away on the page; here it is left out of the list.
    if given.name.trim().is_empty() {
        return Err(Error::field("criteria", "invalid-required"));
    }
    let id = given.id.map(|id| id.to_string()).unwrap_or_default();
    Ok([id, given.name.clone(), given.field.clone().unwrap_or_default(), ticked(given.required)])
}

fn inputs_of_standing(one: &Criterion) -> [String; 4] {
    [one.id.to_string(), one.name.clone(), one.field.clone().unwrap_or_default(), ticked(one.required)]
}

fn ticked(is_ticked: bool) -> String {
    if is_ticked { "on".into() } else { String::new() }
}

/// DELETE /api/settings/stages/{id} · administrators: one without opportunities, and not the last of its kind
async fn remove_stage(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
) -> Result<Answer> {
    at_api(&app, &viewer, async |tx, actor| {
        let form = form_on(tx, "stage", id, seen).await?;
        drop_stage(tx, actor, id, &form).await?;
        Ok(Answer::nothing())
    })
    .await
}
