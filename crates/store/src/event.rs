//! History is data: every change writes one immutable event in the transaction that makes it. Timeline, audit,
//! conflict pages and as-of views read events; nothing else remembers the past.
//!
//! A `created` event names no fields: the state at any time is the present state with later events undone.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Instant, Result, Session, Tx, sql};

/// One field that changed. Values are the stored ones as JSON; readers format (and hide) them per viewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    #[serde(rename = "f")]
    pub field: String,
    #[serde(rename = "o")]
    pub old: serde_json::Value,
    #[serde(rename = "n")]
    pub new: serde_json::Value,
}

/// What happened, to be written.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    pub id: Uuid,
    pub at: Instant,
    /// `None`: the system itself.
    pub actor: Option<Uuid>,
    /// Where it came in: `page`, `api`, `import`, `cli`, `job`.
    pub via: &'a str,
    /// `created`, `updated`, `deleted`, `restored`, `stage`, `converted`, …
    pub kind: &'a str,
    pub subject_type: &'a str,
    pub subject_id: Uuid,
    /// The account on whose timeline it appears, if any.
    pub account_id: Option<Uuid>,
    /// The subject's version after the change.
    pub version: i64,
    pub changes: &'a [Change],
    pub reason: Option<&'a str>,
}

/// An event as read back.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Recorded {
    pub id: Uuid,
    pub at: Instant,
    pub actor_id: Option<Uuid>,
    pub actor_name: Option<String>,
    pub via: String,
    pub kind: String,
    pub subject_type: String,
    pub subject_id: Uuid,
    pub version: i64,
    pub changes: String,
    pub reason: Option<String>,
}

impl Recorded {
    pub fn changes(&self) -> Vec<Change> {
        serde_json::from_str(&self.changes).unwrap_or_default()
    }
}

const INSERT: &str = "
    INSERT INTO event (id, at, actor_id, via, kind, subject_type, subject_id, account_id, version, changes, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub async fn record(tx: &mut Tx, event: Event<'_>) -> Result<()> {
    let changes = if event.changes.is_empty() {
        "[]".into()
    } else {
        serde_json::to_string(event.changes).expect("changes are plain JSON")
    };
    tx.execute(sql!(
        INSERT,
        event.id,
        event.at,
        event.actor,
        event.via,
        event.kind,
        event.subject_type,
        event.subject_id,
        event.account_id,
        event.version,
        changes,
        event.reason
    ))
    .await?;
    Ok(())
}

const OF_SUBJECT: &str = "
    SELECT e.id, e.at, e.actor_id, p.name AS actor_name, e.via, e.kind, e.subject_type, e.subject_id, e.version,
           e.changes, e.reason
      FROM event e LEFT JOIN person p ON p.id = e.actor_id
     WHERE e.subject_id = $1 AND e.subject_type = $2 AND e.version > $3
     ORDER BY e.id DESC LIMIT $4";

/// The newest events of one subject with a version above `after`. The caller has already shown that its viewer may
/// see the subject.
pub async fn of_subject(
    session: &mut Session,
    subject_type: &str,
    subject: Uuid,
    after: i64,
    limit: i64,
) -> Result<Vec<Recorded>> {
    session.all(sql!(OF_SUBJECT, subject, subject_type, after, limit)).await
}
