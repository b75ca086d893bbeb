//! Handing over: what a leaving person looks after gets a new owner. A job, because it may be thousands of records; each one
//! goes through the ordinary command, so it has its history. What is finished (won deals, done tasks, activities) stays with
//! who did it.

use serde::{Deserialize, Serialize};
use store::job::{self, Job};
use store::{Cell, Clock, Session, Tx, Uuid, sql};

use crate::shell::access::{Access, Level, Role, Rules, Scope};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Draft, Object, Registry, command};
use crate::shell::viewer::Viewer;
use crate::system::history::By;

pub const KIND: &str = "hand_over";

/// What is handed over: the kind of record, and which of them are still alive.
const PARTS: [(&str, &str); 5] = [
    ("account", ""),
    ("contact", ""),
    ("opportunity", " AND stage_kind = 'open'"),
    ("lead", " AND status NOT IN ('converted', 'unqualified')"),
    ("task", " AND status = 'open'"),
];

fn objects(registry: &'static Registry) -> impl Iterator<Item = (&'static Object, &'static str)> {
    PARTS.iter().filter_map(|(name, alive)| Some((registry.get(name)?, *alive)))
}

#[derive(Serialize, Deserialize)]
struct Order {
    from: Uuid,
    to: Uuid,
}

/// How much a person looks after, by kind of record. Counts only: an administrator may know how much, not what.
pub async fn counts(
    session: &mut Session,
    registry: &'static Registry,
    person: Uuid,
) -> Result<Vec<(&'static Object, i64)>> {
    let mut statement = store::Sql::default();
    for (index, (object, alive)) in objects(registry).enumerate() {
        statement.push(if index > 0 { " UNION ALL " } else { "" });
        statement.push(&format!("SELECT '{}', COUNT(*) FROM {} WHERE owner_id = ", object.name, object.table));
        statement.bind(person).push(" AND deleted_at IS NULL").push(alive);
    }
    let rows: Vec<(String, i64)> = session.all(statement).await?;
    Ok(rows.into_iter().filter_map(|(name, count)| Some((registry.get(&name)?, count))).collect())
}

/// Queues the hand-over in the caller's transaction.
pub async fn order(tx: &mut Tx, clock: &Clock, by: By, from: Uuid, to: Uuid) -> Result<Uuid> {
    let state: Option<String> =
        tx.value(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", to)).await?;
    if from == to || state.is_none_or(|state| state == "disabled") {
        return Err(Error::Invalid(vec![
            FieldError::new("successor", "invalid-reference").with("value", to.to_string()),
        ]));
    }
    let order = serde_json::to_string(&Order { from, to }).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(job::enqueue(tx, clock, KIND, &order, by.person).await?)
}

/// The newest hand-over of a person, for their page.
pub async fn latest(session: &mut Session, person: Uuid) -> Result<Option<(String, i64, Option<i64>)>> {
    let jobs: Vec<(String, String, i64, Option<i64>)> = session
        .all(sql!(
            "SELECT payload, state, done, total FROM job WHERE kind = $1 ORDER BY created_at DESC LIMIT 200",
            KIND
        ))
        .await?;
    Ok(jobs.into_iter().find_map(|(payload, state, done, total)| {
        let order: Order = serde_json::from_str(&payload).ok()?;
        (order.from == person).then_some((state, done, total))
    }))
}

/// The administrator's right for this one purpose.
fn reach(viewer: &Viewer) -> Scope {
    let mut rules = Rules::default();
    for (name, _) in PARTS {
        let access = Access { read: Level::All, write: Level::All, create: false, export: false };
        rules.by_role.insert((Role::Admin, name.to_owned()), access);
    }
    Scope::new(viewer.person, &[Role::Admin], &rules, true)
}

/// Works an order off in chunks; goes on behind the last finished one after a crash.
pub async fn run(app: &App, job: &Job) -> Result<&'static str> {
    let order: Order = serde_json::from_str(&job.payload).map_err(|error| Error::Internal(error.to_string()))?;
    let person = job.created_by.ok_or_else(|| Error::Internal("a hand-over has somebody who ordered it".into()))?;
    let viewer = Viewer::of_person(app, person).await?;
    if !viewer.has(Role::Admin) {
        return Err(Error::Forbidden);
    }
    let actor = |app: &App| app.actor(&viewer.with_scope(reach(&viewer)), "job");
    let total: i64 = match job.total {
        Some(total) => total,
        None => counts(&mut app.db.read().await?, app.registry, order.from).await?.iter().map(|(_, count)| count).sum(),
    };
    let (first_part, mut after) = position(job.cursor.as_deref());
    let mut done = job.done;
    for (index, (object, alive)) in objects(app.registry).enumerate().skip(first_part) {
        loop {
            let mut tx = app.db.write().await?;
            let ids: Vec<(Uuid,)> = tx
                .all(sql!(
                    format!(
                        "SELECT id FROM {} WHERE owner_id = $1 AND id > $2 AND deleted_at IS NULL{alive} ORDER BY id LIMIT 100",
                        object.table
                    ),
                    order.from,
                    after
                ))
                .await?;
            let Some((last,)) = ids.last().copied() else { break };
            let actor = actor(app);
            for (id,) in ids {
                let mut draft = Draft::default();
                draft.set("owner", Cell::Id(order.to));
                draft.event_kind = Some("handed_over");
                match command::update(&mut tx, &actor, object, id, None, draft).await {
                    Ok(_) => done += 1,
                    // One record that breaks a rule of today stays behind; the person's page goes on counting it.
                    Err(Error::Invalid(errors)) => tracing::warn!(%id, ?errors, "could not be handed over"),
                    Err(error) => return Err(error),
                }
            }
            after = last;
            let go_on =
                job::progress(&mut tx, job.id, app.clock.now(), done, Some(total), &format!("{index} {last}")).await?;
            tx.commit().await?;
            if !go_on {
                return Ok("cancelled");
            }
        }
        after = Uuid::nil();
    }
    Ok("done")
}

/// Where to go on: which kind of record, behind which id.
fn position(cursor: Option<&str>) -> (usize, Uuid) {
    let parsed = cursor
        .and_then(|cursor| cursor.split_once(' '))
        .and_then(|(part, id)| Some((part.parse().ok()?, id.parse().ok()?)));
    parsed.unwrap_or((0, Uuid::nil()))
}
