//! Jobs that work on many records, for programs: how far one is, what came of it, stopping it. A job is its orderer's.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value as Json, json};
use store::{Session, Uuid, job};

use super::answer::Answer;
use super::call::{Ids, Post};
use super::operation::{Api, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::bulk::Work;
use crate::shell::bulk_job::{self, Standing, What};
use crate::shell::bulk_job_page::{errors_of, told_of};
use crate::shell::error::{FieldError, Result};
use crate::shell::i18n::Locale;
use crate::shell::viewer::Viewer;

const GROUP: &str = "bulk-job";

#[derive(Serialize, schemars::JsonSchema)]
struct Shown {
    id: Uuid,
    address: String,
    object: String,
    #[schemars(extend("enum" = ["edit", "trash", "restore", "undo"]))]
    action: String,
    dry_run: bool,
    #[schemars(extend("enum" = ["queued", "running", "done", "cancelled", "failed"]))]
    state: String,
    cancelling: bool,
    done: i64,
    total: i64,
    changed: i64,
    left: i64,
    conflicts: i64,
    refused: i64,
    problems: Vec<Problem>,
    undo: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    finished_at: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Problem {
    record: Option<Uuid>,
    field: String,
    code: String,
    detail: String,
}

pub fn schema() -> Json {
    schema_of::<Shown>()
}

pub fn operations() -> Api {
    Api::new()
        .operation(
            Operation::get("/api/bulk-jobs/{id}", "getBulkJob", GROUP, "api-bulk-job").gives(200, schema()),
            show,
        )
        .operation(
            Operation::post("/api/bulk-jobs/{id}/cancellation", "cancelBulkJob", GROUP, "api-bulk-job-cancel")
                .gives(202, schema()),
            cancel,
        )
}

/// What is answered to a call that made a job.
pub async fn accepted(session: &mut Session, app: &App, viewer: &Viewer, id: Uuid) -> Result<Answer> {
    let answer = answer(session, app, viewer, id).await?;
    Ok(Answer { status: StatusCode::ACCEPTED, location: Some(address_of(id)), ..answer })
}

fn address_of(id: Uuid) -> String {
    format!("/api/bulk-jobs/{id}")
}

async fn answer(session: &mut Session, app: &App, viewer: &Viewer, id: Uuid) -> Result<Answer> {
    let standing = bulk_job::find(session, viewer, id).await?;
    let is_over = standing.job.is_over();
    let told = if is_over { told_of(session, app, viewer, &standing).await? } else { None };
    let undo = told.filter(|(_, can_undo)| *can_undo).map(|(at, _)| at);
    let Standing { job, order, object, place } = standing;
    let of_records = place.wrong.iter().flat_map(|(id, errors)| errors.iter().map(|error| (Some(*id), error)));
    let errors = if job.state == "failed" { errors_of(&job) } else { Vec::new() };
    let problems = of_records.chain(errors.iter().map(|error| (None, error)));
    Ok(Answer::ok(json!(Shown {
        id,
        address: address_of(id),
        object: object.name.into(),
        action: action_of(&order.what).into(),
        dry_run: order.dry_run,
        cancelling: job.cancel_requested && !is_over,
        done: place.done,
        total: job.total.unwrap_or(place.done),
        changed: place.changed,
        left: place.left,
        conflicts: place.stale,
        refused: place.refused,
        problems: problems.map(|(record, error)| problem(viewer.locale, record, error)).collect(),
        undo: undo.map(|at| at.to_string()),
        created_at: job.created_at.timestamp().to_string(),
        finished_at: job.finished_at.map(|at| at.timestamp().to_string()),
        state: job.state,
    })))
}

fn action_of(what: &What) -> &'static str {
    match what {
        What::Work(Work::Set(_), _) => "edit",
        What::Work(Work::Trash, _) => "trash",
        What::Work(Work::Restore, _) => "restore",
        What::Undo(_) => "undo",
    }
}

fn problem(locale: Locale, record: Option<Uuid>, error: &FieldError) -> Problem {
    Problem { record, field: error.field.clone(), code: error.key.clone(), detail: error.text(locale) }
}

/// GET /api/bulk-jobs/{id} · who ordered it
async fn show(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    answer(&mut app.db.read().await?, &app, &viewer, id).await
}

/// POST /api/bulk-jobs/{id}/cancellation · who ordered it
async fn cancel(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, post: Post) -> Result<Answer> {
    let cancelled = post.once(&app, &viewer, async |tx, actor| {
        bulk_job::find(tx, &actor.viewer, id).await?;
        job::request_cancel(tx, id, actor.now).await?;
        Ok(Answer { status: StatusCode::ACCEPTED, ..answer(tx, &app, &viewer, id).await? })
    });
    cancelled.await
}
