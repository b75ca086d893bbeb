//! What was done to many records at once is undone at once, from its events: they share their author and their instant. What a
//! job did is undone by a job.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::Response;
use store::event::Change;
use store::{Instant, Sql, Tx, Uuid, first_id_after, first_id_at};

use super::app::App;
use super::bulk_job;
use super::error::{Error, FieldError, Result};
use super::page::{Asked, Toast, done};
use super::record::{Actor, Draft, Object, command, value};
use super::records::{for_many, get, pairs};
use super::viewer::Viewer;

/// POST /{plural}/bulk/undo?at=: undoes what the person did at once at that instant.
pub async fn undo_page(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let mut given = pairs(&body);
    given.extend(pairs(&asked.query));
    let at = get(&given, "at").parse::<i64>().ok().filter(|at| *at >= 0);
    let at = at.ok_or(Error::Refused { status: 400, key: "error-bad-request" })?;
    let undone = match undo_or_order(&app, &viewer, object, at, get(&given, "query")).await? {
        Undoing::Ordered(job) => return Ok(done(&asked, &format!("/bulk-jobs/{job}"), None)),
        Undoing::Done(undone) => undone,
    };
    let (back, left) = (undone.back.len().to_string(), undone.left.len().to_string());
    let said = if undone.left.is_empty() { "bulk-undone" } else { "bulk-undone-some" };
    let text = viewer.locale.text_with(said, &[("back", &back), ("left", &left)]);
    Ok(done(&asked, &format!("/{}?{}", object.plural, get(&given, "query")), Some(Toast::success(text))))
}

/// The events of what was done in one transaction: they share an instant, and lie before this id.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub at: i64,
    pub last: Option<Uuid>,
}

/// What became of an undoing: records that are as they were, and those that had to be left.
#[derive(Debug, Default)]
pub struct Undone {
    pub back: Vec<Uuid>,
    pub left: Vec<Uuid>,
    /// The database refused this one: the transaction is not to be committed, and may be tried again without it.
    pub refused: Option<(Uuid, Vec<FieldError>)>,
}

#[derive(sqlx::FromRow)]
struct Done {
    kind: String,
    subject_id: Uuid,
    version: i64,
    changes: String,
}

/// Undoes what the person did at once in that span. A record that was changed, thrown away or restored since is left alone, and so
/// is what the caller wants left.
pub async fn undo(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    span: Span,
    leave: &HashSet<Uuid>,
) -> Result<Undone> {
    // Events are found by who made them and from when: their ids begin with the time.
    let mut statement = Sql::new("SELECT e.kind, e.subject_id, e.version, e.changes FROM event e WHERE e.actor_id = ");
    statement.bind(actor.viewer.person).push(" AND e.id >= ").bind(first_id_at(Instant(span.at)));
    if let Some(last) = span.last {
        statement.push(" AND e.id < ").bind(first_id_after(last));
    }
    statement.push(" AND e.at = ").bind(span.at);
    statement.push(" AND e.kind IN ('updated', 'deleted') AND e.subject_type = ").bind(object.name);
    statement.push(" ORDER BY e.id DESC");
    let mut undone = Undone::default();
    for event in tx.all::<Done>(statement).await? {
        if leave.contains(&event.subject_id) {
            undone.left.push(event.subject_id);
            continue;
        }
        let outcome = if event.kind == "deleted" {
            take_back(tx, actor, object, event.subject_id, span.at).await
        } else {
            set_back(tx, actor, object, &event).await
        };
        match outcome {
            Ok(()) => undone.back.push(event.subject_id),
            Err(Error::NotFound | Error::Forbidden | Error::Conflict(_)) => undone.left.push(event.subject_id),
            Err(Error::Invalid(errors)) if errors.iter().any(|error| error.key == "invalid-duplicate") => {
                undone.refused = Some((event.subject_id, errors));
                return Ok(undone);
            }
            // What it was may no longer be: its owner has left, say.
            Err(Error::Invalid(_)) => undone.left.push(event.subject_id),
            Err(error) => return Err(error),
        }
    }
    Ok(undone)
}

/// How an undoing went on.
pub enum Undoing {
    Done(Undone),
    /// A job does it, as a job did what is undone.
    Ordered(Uuid),
}

/// Undoes what the person did at once at that instant, or queues that.
async fn undo_or_order(app: &App, viewer: &Viewer, object: &'static Object, at: i64, from: &str) -> Result<Undoing> {
    let undoing = app.at_page(viewer, async |tx, actor| undo_in(tx, actor, object, at, from).await).await?;
    app.jobs.notify_one();
    Ok(undoing)
}

/// As [`undo_or_order`], in the caller's transaction; the caller wakes the jobs.
pub async fn undo_in(tx: &mut Tx, actor: &Actor, object: &'static Object, at: i64, from: &str) -> Result<Undoing> {
    if let Some(job) = bulk_job::behind(tx, actor.viewer.person, object, at).await? {
        return Ok(Undoing::Ordered(bulk_job::order_undo(tx, actor, object, job, from).await?));
    }
    let undone = undo(tx, actor, object, Span { at, last: None }, &HashSet::new()).await?;
    match undone.refused {
        Some((_, errors)) => Err(Error::Invalid(errors)),
        None => Ok(Undoing::Done(undone)),
    }
}

/// Out of the trash, if it lies there since.
async fn take_back(tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid, at: i64) -> Result<()> {
    let mut statement = Sql::new(format!("SELECT COUNT(*) FROM {} t WHERE t.id = ", object.table));
    statement.bind(id).push(" AND t.deleted_at = ").bind(at);
    if tx.value::<i64>(statement).await? != Some(1) {
        return Err(Error::NotFound);
    }
    command::set_deleted(tx, actor, object, id, false).await
}

/// The fields as they were before the event, if nothing happened to the record since.
async fn set_back(tx: &mut Tx, actor: &Actor, object: &'static Object, event: &Done) -> Result<()> {
    let before = command::load_for_write(tx, actor, object, event.subject_id).await?;
    if before.version != event.version {
        return Err(Error::NotFound);
    }
    let changes: Vec<Change> = serde_json::from_str(&event.changes).unwrap_or_default();
    let mut draft = Draft::default();
    for change in &changes {
        // What the program works out itself follows from the rest.
        if let Some(field) = object.field(&change.field).filter(|field| for_many(field)) {
            draft.set(field.key, value::from_raw_json(field, &change.old));
        }
    }
    command::update_loaded(tx, actor, object, &before, Some(before.version), draft).await.map(drop)
}
