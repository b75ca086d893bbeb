//! History is data: every change writes one immutable event in the transaction that makes it. Timeline, audit,
//! conflict pages and as-of views read events; nothing else remembers the past.
//!
//! A `created` event names no fields: the state at any time is the present state with later events undone.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Instant, Result, Session, Sql, Tx, batches, sql};

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

const COLUMNS: &str = "id, at, actor_id, via, kind, subject_type, subject_id, account_id, version, changes, reason";

pub async fn record(tx: &mut Tx, event: Event<'_>) -> Result<()> {
    record_all(tx, std::slice::from_ref(&event)).await
}

/// Writes many events with few statements.
pub async fn record_all(tx: &mut Tx, events: &[Event<'_>]) -> Result<()> {
    for batch in batches(events) {
        let mut statement = Sql::new(format!("INSERT INTO event ({COLUMNS}) VALUES "));
        for (index, event) in batch.iter().enumerate() {
            let changes = if event.changes.is_empty() {
                "[]".into()
            } else {
                serde_json::to_string(event.changes).expect("changes are plain JSON")
            };
            statement.push(if index == 0 { "(" } else { ", (" });
            statement.bind(event.id).push(", ").bind(event.at).push(", ").bind(event.actor).push(", ").bind(event.via);
            statement.push(", ").bind(event.kind).push(", ").bind(event.subject_type).push(", ").bind(event.subject_id);
            statement.push(", ").bind(event.account_id).push(", ").bind(event.version).push(", ").bind(changes);
            statement.push(", ").bind(event.reason).push(")");
        }
        tx.execute(statement).await?;
    }
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
