//! Jobs that work on many records, for programs: which there were, how far one is, what came of it and of each record, stopping it. A
//! job is its orderer's.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value as Json, json};
use store::{Session, Uuid, job};

use super::answer::{Answer, cut};
use super::call::{Asking, Ids, Post};
use super::operation::{Api, Operation, page_of, schema_of};
use crate::shell::app::App;
use crate::shell::bulk::Work;
use crate::shell::bulk_job::{self, Standing, What};
use crate::shell::bulk_job_page::{errors_of, refused_of, told_of};
use crate::shell::bulk_outcome::{self, Behind, Fate};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::i18n::Locale;
use crate::shell::viewer::Viewer;

const GROUP: &str = "bulk-job";

#[derive(Serialize, schemars::JsonSchema)]
struct Listed {
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
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    finished_at: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Shown {
    #[serde(flatten)]
    job: Listed,
    problems: Vec<Problem>,
    undo: Option<String>,
}

/// A record that the job dealt with.
#[derive(Serialize, schemars::JsonSchema)]
struct Dealt {
    id: Uuid,
    label: String,
    in_trash: bool,
    problems: Vec<Problem>,
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
    let fates = json!({ "type": "string", "enum": Fate::ALL.map(Fate::key), "default": Fate::Changed.key() });
    Api::new()
        .operation(
            Operation::get("/api/bulk-jobs", "listBulkJobs", GROUP, "api-bulk-jobs")
                .paged()
                .gives(200, page_of(schema_of::<Listed>())),
            list,
        )
        .operation(
            Operation::get("/api/bulk-jobs/{id}", "getBulkJob", GROUP, "api-bulk-job").gives(200, schema()),
            show,
        )
        .operation(
            Operation::get("/api/bulk-jobs/{id}/records", "listBulkJobRecords", GROUP, "api-bulk-job-records")
                .query("outcome", fates, "api-parameter-bulk-outcome")
                .paged()
                .gives(200, page_of(schema_of::<Dealt>())),
            records,
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
    let refused = refused_of(session, viewer, &standing).await?;
    let of_records = refused.iter().flat_map(|(one, errors)| errors.iter().map(move |error| (Some(one.id), error)));
    let job = &standing.job;
    let errors = if job.state == "failed" { errors_of(job) } else { Vec::new() };
    let problems = of_records.chain(errors.iter().map(|error| (None, error)));
    Ok(Answer::ok(json!(Shown {
        problems: problems.map(|(record, error)| problem(viewer.locale, record, error)).collect(),
        undo: undo.map(|at| at.to_string()),
        job: listed(&standing),
    })))
}

fn listed(standing: &Standing) -> Listed {
    let Standing { job, order, object, place } = standing;
    Listed {
        id: job.id,
        address: address_of(job.id),
        object: object.name.into(),
        action: action_of(&order.what).into(),
        dry_run: order.dry_run,
        cancelling: job.cancel_requested && !job.is_over(),
        done: place.done,
        total: job.total.unwrap_or(place.done),
        changed: place.changed,
        left: place.left,
        conflicts: place.stale,
        refused: place.refused,
        created_at: job.created_at.timestamp().to_string(),
        finished_at: job.finished_at.map(|at| at.timestamp().to_string()),
        state: job.state.clone(),
    }
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

/// GET /api/bulk-jobs · anybody; their own
async fn list(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let (limit, after) = asking.page_by_id()?;
    let (jobs, next) = bulk_job::of_viewer(&mut app.db.read().await?, &viewer, after, limit).await?;
    let data: Vec<Listed> = jobs.iter().map(listed).collect();
    Ok(Answer::page(data, next.map(|last| last.to_string()), &format!("/api/bulk-jobs?limit={limit}&")))
}

/// GET /api/bulk-jobs/{id} · who ordered it
async fn show(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    answer(&mut app.db.read().await?, &app, &viewer, id).await
}

/// GET /api/bulk-jobs/{id}/records · who ordered it; the records that they still see
async fn records(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, asking: Asking) -> Result<Answer> {
    asking.only(&["outcome", "limit", "after"])?;
    let wrong = |text: &str| Error::Malformed(vec![FieldError::new("outcome", "invalid-choice").with("value", text)]);
    let fate = asking.one("outcome")?.map(|text| Fate::parse(text).ok_or_else(|| wrong(text))).transpose()?;
    let fate = fate.unwrap_or(Fate::Changed);
    let (limit, after) = asking.page_by_id()?;
    let mut session = app.db.read().await?;
    let standing = bulk_job::find(&mut session, &viewer, id).await?;
    let page = (after.unwrap_or_default(), limit + 1);
    let mut found = bulk_outcome::behind(&mut session, &viewer, &standing, fate, page).await?;
    let more = cut(&mut found, limit);
    let next = found.last().filter(|_| more).map(|last| last.id.to_string());
    let data: Vec<Dealt> = found.into_iter().map(|one| dealt(viewer.locale, one)).collect();
    let here = format!("/api/bulk-jobs/{id}/records?outcome={}&limit={limit}&", fate.key());
    Ok(Answer::page(data, next, &here))
}

fn dealt(locale: Locale, one: Behind) -> Dealt {
    let problems = one.errors().iter().map(|error| problem(locale, Some(one.id), error)).collect();
    Dealt { id: one.id, in_trash: one.is_gone(), problems, label: one.name }
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
