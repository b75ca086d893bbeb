//! Long work is a row: queued in the caller's transaction, claimed by any server, with progress, cancel, and a
//! cursor from which it goes on after a crash. A job's work is done in chunks; each chunk's effects and the cursor
//! behind them are one transaction, so nothing happens twice.

use uuid::Uuid;

use crate::{Clock, Instant, Result, Session, Tx, sql};

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Job {
    pub id: Uuid,
    pub kind: String,
    pub payload: String,
    pub state: String,
    pub cursor: Option<String>,
    pub done: i64,
    pub total: Option<i64>,
    pub result: Option<String>,
    pub created_by: Option<Uuid>,
    pub created_at: Instant,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    pub cancel_requested: bool,
    /// How often in a row it found no room for its next portion.
    pub put_off: i64,
}

impl Job {
    pub fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "done" | "failed" | "cancelled")
    }

    /// It was asked to stop while it waited for room: another portion would wait again.
    pub fn is_given_up(&self) -> bool {
        self.cancel_requested && self.put_off > 0
    }
}

/// How a piece of long work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    Cancelled,
    /// Another server has taken the job over.
    Lost,
}

impl Ended {
    pub fn key(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Cancelled => "cancelled",
            Ended::Lost => "lost",
        }
    }
}

const COLUMNS: &str = "id, kind, payload, state, cursor, done, total, result, created_by, created_at, started_at, finished_at, cancel_requested, put_off";

/// How long a claimed job may go without a sign of life before another server takes it over, in seconds.
const LEASE: i64 = 60;

/// A job that is put off waits at most so long, in seconds.
const LONGEST_WAIT: i64 = 3600;

pub async fn enqueue(tx: &mut Tx, clock: &Clock, kind: &str, payload: &str, created_by: Option<Uuid>) -> Result<Uuid> {
    let id = crate::new_id(clock);
    tx.execute(sql!(
        "INSERT INTO job (id, kind, payload, state, done, created_by, created_at, cancel_requested) VALUES ($1, $2, $3, 'queued', 0, $4, $5, $6)",
        id,
        kind,
        payload,
        created_by,
        clock.now(),
        false
    ))
    .await?;
    Ok(id)
}

/// Takes the oldest job that nobody works on; jobs whose worker fell silent are taken over.
pub async fn claim(tx: &mut Tx, now: Instant) -> Result<Option<Job>> {
    let stale = now.plus_seconds(-LEASE);
    let found: Option<Uuid> = tx
        .value(sql!(
            "SELECT id FROM job WHERE state = 'queued' OR (state = 'running' AND alive_at < $1) ORDER BY created_at LIMIT 1 /*skip locked*/",
            stale
        ))
        .await?;
    let Some(id) = found else { return Ok(None) };
    tx.execute(sql!(
        "UPDATE job SET state = 'running', alive_at = $2, started_at = COALESCE(started_at, $2) WHERE id = $1",
        id,
        now
    ))
    .await?;
    find(tx, id).await
}

/// Starts a job at once in this process (command line), so that no server claims it.
pub async fn start(tx: &mut Tx, id: Uuid, now: Instant) -> Result<Option<Job>> {
    tx.execute(sql!(
        "UPDATE job SET state = 'running', alive_at = $2, started_at = $2 WHERE id = $1 AND state = 'queued'",
        id,
        now
    ))
    .await?;
    find(tx, id).await
}

/// Whether the job is still ours to work on: running, at the cursor behind the last chunk we did. Holds its row.
pub async fn is_ours(tx: &mut Tx, id: Uuid, cursor: Option<&str>) -> Result<bool> {
    let standing: Option<(String, Option<String>)> =
        tx.optional(sql!("SELECT state, cursor FROM job WHERE id = $1 /*for update*/", id)).await?;
    Ok(standing.is_some_and(|(state, standing)| state == "running" && standing.as_deref() == cursor))
}

pub async fn find(session: &mut Session, id: Uuid) -> Result<Option<Job>> {
    session.optional(sql!(format!("SELECT {COLUMNS} FROM job WHERE id = $1"), id)).await
}

/// The newest jobs of a person, for the job list.
pub async fn of_person(session: &mut Session, person: Uuid, limit: i64) -> Result<Vec<Job>> {
    session
        .all(sql!(
            format!("SELECT {COLUMNS} FROM job WHERE created_by = $1 ORDER BY created_at DESC LIMIT $2"),
            person,
            limit
        ))
        .await
}

/// The jobs of a kind that a person has ordered, newest first, behind a job. Payloads may be long: of each only the first `HEAD`
/// characters are read.
pub async fn of_kind(
    session: &mut Session,
    kind: &str,
    person: Uuid,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Job>> {
    let columns = COLUMNS.replace("payload", &format!("SUBSTR(payload, 1, {HEAD}) AS payload"));
    session
        .all(sql!(
            format!(
                "SELECT {columns} FROM job WHERE created_by = $1 AND kind = $2 AND ($3 IS NULL OR id < $3) ORDER BY id DESC LIMIT $4"
            ),
            person,
            kind,
            after,
            limit
        ))
        .await
}

/// So many characters of a payload are read for a list.
pub const HEAD: usize = 4_000;

/// Notes progress in the transaction of the chunk: what was put off before is not waited for any more. `false`: the job was asked
/// to stop.
pub async fn progress(
    tx: &mut Tx,
    id: Uuid,
    now: Instant,
    done: i64,
    total: Option<i64>,
    cursor: &str,
) -> Result<bool> {
    tx.execute(sql!(
        "UPDATE job SET done = $2, total = $3, cursor = $4, alive_at = $5, put_off = 0 WHERE id = $1",
        id,
        done,
        total,
        cursor,
        now
    ))
    .await?;
    let cancelled: Option<bool> = tx.value(sql!("SELECT cancel_requested FROM job WHERE id = $1", id)).await?;
    Ok(!cancelled.unwrap_or(true))
}

pub async fn finish(tx: &mut Tx, id: Uuid, now: Instant, state: &str, result: &str) -> Result<()> {
    tx.execute(sql!("UPDATE job SET state = $2, result = $3, finished_at = $4 WHERE id = $1", id, state, result, now))
        .await?;
    Ok(())
}

/// Keeps a job as it is until the end of the transaction. Whether there is one.
pub async fn hold(tx: &mut Tx, id: Uuid) -> Result<bool> {
    Ok(tx.value::<Uuid>(sql!("SELECT id FROM job WHERE id = $1 /*for update*/", id)).await?.is_some())
}

/// A job whose next chunk finds no room rests before it is taken up again: a minute, then twice as long each time, up to an hour.
pub async fn put_off(tx: &mut Tx, id: Uuid, now: Instant) -> Result<()> {
    const TIMES: &str = "SELECT put_off FROM job WHERE id = $1 AND state = 'running' /*for update*/";
    let Some(times) = tx.value::<i64>(sql!(TIMES, id)).await? else { return Ok(()) };
    let wait = (LEASE << times.clamp(0, 6)).min(LONGEST_WAIT);
    // Others take it up when its sign of life is as old as the lease.
    let alive_at = now.plus_seconds(wait - LEASE);
    tx.execute(sql!("UPDATE job SET put_off = $2, alive_at = $3 WHERE id = $1", id, times + 1, alive_at)).await?;
    Ok(())
}

pub async fn request_cancel(tx: &mut Tx, id: Uuid, now: Instant) -> Result<()> {
    tx.execute(sql!("UPDATE job SET cancel_requested = $2 WHERE id = $1", id, true)).await?;
    // One that was put off is taken up soon, to be ended.
    tx.execute(sql!("UPDATE job SET alive_at = $2 WHERE id = $1 AND state = 'running' AND alive_at > $2", id, now))
        .await?;
    tx.execute(sql!(
        "UPDATE job SET state = 'cancelled', finished_at = $2 WHERE id = $1 AND state = 'queued'",
        id,
        now
    ))
    .await?;
    Ok(())
}
