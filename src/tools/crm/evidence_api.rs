//! What speaks for a deal's progress, in the API: every criterion of its pipeline, and the note that was given for it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Cell, Session, Uuid};

use super::evidence;
use super::objects::OPPORTUNITY;
use crate::shell::api::{Answer, Api, Body, Ids, MayMatch, Replacing, hung, shape};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::record::query;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    const OF: &str = "opportunity";
    let (all, one) = ("/api/opportunities/{id}/evidence", "/api/opportunities/{id}/evidence/{criterion}");
    Api::new()
        .operation(hung::list::<Evidence>(all, "listOpportunityEvidence", OF, "api-evidence"), list)
        .operation(hung::put::<Note, Evidence>(one, "giveOpportunityEvidence", OF, "api-evidence-give"), put)
        .operation(hung::remove(one, "takeBackOpportunityEvidence", OF, "api-evidence-take-back"), delete)
}

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
async fn list(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    Ok(Answer::ok(json!(shown(&mut session, &viewer, id).await?)))
}

/// PUT /api/opportunities/{id}/evidence/{criterion} · who may change the deal
async fn put(
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
        let shown = json!(shown(tx, &viewer, id).await?);
        // A note of nothing but blanks is none.
        Ok(match version {
            Some(version) => Answer::of_version(version, shown),
            None => Answer::ok(shown),
        })
    });
    given.await
}

/// DELETE /api/opportunities/{id}/evidence/{criterion} · who may change the deal
async fn delete(
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
async fn shown(session: &mut Session, viewer: &Viewer, id: Uuid) -> Result<Evidence> {
    let (row, fields) = query::find(session, viewer, &OPPORTUNITY, id).await?;
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
