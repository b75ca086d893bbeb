//! What a job that works on many records did with each of them: written down with the portion that did it, and read a page at a
//! time, so that every number on the job's page leads to the records that it counts.

use store::{Session, Sql, Tx, Uuid, batches, sql};

use super::access::Right;
use super::bulk_job::{Order, Place, Standing, What};
use super::error::{FieldError, Result};
use super::record::Object;
use super::viewer::Viewer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Done; of an undoing, as it was.
    Changed,
    /// Not to be changed by this person; of an undoing, changed since.
    Left,
    /// Changed by somebody else since it was chosen.
    Stale,
    /// Against a rule.
    Refused,
}

impl Fate {
    pub const ALL: [Fate; 4] = [Fate::Changed, Fate::Left, Fate::Stale, Fate::Refused];

    /// As the table, the address bar and the API have it.
    pub fn key(self) -> &'static str {
        match self {
            Fate::Changed => "changed",
            Fate::Left => "left",
            Fate::Stale => "conflicts",
            Fate::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Fate> {
        Fate::ALL.into_iter().find(|fate| fate.key() == text)
    }

    /// The fates that such work knows.
    pub fn of(what: &What) -> &'static [Fate] {
        match what {
            What::Work(..) => &Fate::ALL,
            What::Undo(_) => &[Fate::Changed, Fate::Left],
        }
    }

    pub fn count(self, place: &Place) -> i64 {
        match self {
            Fate::Changed => place.changed,
            Fate::Left => place.left,
            Fate::Stale => place.stale,
            Fate::Refused => place.refused,
        }
    }

    /// The words above its number.
    pub fn label(self, order: &Order) -> &'static str {
        match (self, &order.what) {
            (Fate::Changed, What::Undo(_)) => "bulk-job-back",
            (Fate::Left, What::Undo(_)) => "bulk-job-changed-since",
            (Fate::Changed, What::Work(..)) if order.dry_run => "bulk-job-would-change",
            (Fate::Changed, What::Work(..)) => "bulk-job-changed",
            (Fate::Left, What::Work(..)) => "bulk-job-left",
            (Fate::Stale, _) => "bulk-job-stale",
            (Fate::Refused, _) => "bulk-job-refused",
        }
    }
}

/// What became of a record, and of one that breaks a rule, what is wrong.
pub struct Fated {
    pub record: Uuid,
    pub fate: Fate,
    pub problems: Option<String>,
}

impl Fated {
    pub fn all(records: &[Uuid], fate: Fate) -> impl Iterator<Item = Fated> {
        records.iter().map(move |record| Fated { record: *record, fate, problems: None })
    }

    pub fn refused(record: Uuid, errors: &[FieldError]) -> Fated {
        let problems = serde_json::to_string(errors).expect("errors are plain JSON");
        Fated { record, fate: Fate::Refused, problems: Some(problems) }
    }
}

/// Writes a portion down in its transaction.
pub async fn write_down(tx: &mut Tx, job: Uuid, fated: &[Fated]) -> Result<()> {
    for batch in batches(fated) {
        let mut statement = Sql::new("INSERT INTO bulk_outcome (job_id, outcome, record_id, problems) VALUES ");
        for (index, one) in batch.iter().enumerate() {
            statement.push(if index > 0 { ", (" } else { "(" });
            statement.bind(job).push(", ").bind(one.fate.key()).push(", ").bind(one.record);
            statement.push(", ").bind(one.problems.clone()).push(")");
        }
        statement.push(" ON CONFLICT (job_id, outcome, record_id) DO NOTHING");
        tx.execute(statement).await?;
    }
    Ok(())
}

/// Takes away a portion of what a job has written down, with the instants at which it worked. Whether this was the last portion.
pub async fn forget(tx: &mut Tx, job: Uuid) -> Result<bool> {
    const PORTION: i64 = 2_000;
    const NEXT_RECORD: &str =
        "SELECT record_id FROM bulk_outcome WHERE job_id = $1 AND outcome = $2 ORDER BY record_id LIMIT 1 OFFSET $3";
    const RECORDS: &str = "DELETE FROM bulk_outcome WHERE job_id = $1 AND outcome = $2 AND record_id < $3";
    for fate in Fate::ALL {
        if let Some(behind) = tx.value::<Uuid>(sql!(NEXT_RECORD, job, fate.key(), PORTION)).await? {
            tx.execute(sql!(RECORDS, job, fate.key(), behind)).await?;
            return Ok(false);
        }
    }
    // All instants at once, with the job: an undo finds all of them or none.
    tx.execute(sql!("DELETE FROM bulk_outcome WHERE job_id = $1", job)).await?;
    tx.execute(sql!("DELETE FROM bulk_chunk WHERE job_id = $1", job)).await?;
    Ok(true)
}

/// A record of such work, as it is called now.
#[derive(sqlx::FromRow)]
pub struct Behind {
    pub id: Uuid,
    pub name: String,
    is_gone: i64,
    problems: Option<String>,
}

impl Behind {
    /// It lies in the trash.
    pub fn is_gone(&self) -> bool {
        self.is_gone == 1
    }

    pub fn errors(&self) -> Vec<FieldError> {
        self.problems.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

/// The records with this fate behind an id, in the order of their ids, as far as the person sees them now. None where an older
/// program did some of the work: a part of them would be taken for all.
pub async fn behind(
    session: &mut Session,
    viewer: &Viewer,
    standing: &Standing,
    fate: Fate,
    (after, limit): (Uuid, i64),
) -> Result<Vec<Behind>> {
    if !standing.place.is_told() {
        return Ok(Vec::new());
    }
    let object = standing.object;
    let (called, table) = (called(object), object.table);
    let mut statement = Sql::new(format!(
        "SELECT {called}, o.problems FROM bulk_outcome o JOIN {table} t ON t.id = o.record_id WHERE o.job_id = "
    ));
    statement.bind(standing.job.id).push(" AND o.outcome = ").bind(fate.key()).push(" AND o.record_id > ").bind(after);
    statement.push(" AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    statement.push(" ORDER BY o.record_id LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

/// These records in the order of their ids, as far as the person sees them now. What is wrong with them the caller knows.
pub async fn named(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    ids: &[Uuid],
) -> Result<Vec<Behind>> {
    let (called, table) = (called(object), object.table);
    let mut statement =
        Sql::new(format!("SELECT {called}, CAST(NULL AS TEXT) AS problems FROM {table} t WHERE t.id IN ("));
    statement.bind_list(ids.iter().copied()).push(") AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    statement.push(" ORDER BY t.id");
    Ok(session.all(statement).await?)
}

fn called(object: &Object) -> String {
    let title = object.title_field().column;
    format!("t.id, t.{title} AS name, CAST(CASE WHEN t.deleted_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_gone")
}
