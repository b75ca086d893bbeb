//! Imports, their rows and saved mappings. An import belongs to who made it: every read names the owner.

use std::collections::HashSet;

use futures_util::StreamExt;
use store::{Instant, Session, Tx, Uuid, new_id, sql};

use super::model::Mapping;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::Object;
use crate::shell::viewer::Viewer;

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Import {
    pub id: Uuid,
    pub version: i64,
    pub object: String,
    pub name: String,
    pub file_id: Uuid,
    pub mapping: String,
    pub state: String,
    pub job_id: Option<Uuid>,
    pub rows_total: i64,
    pub created: i64,
    pub updated: i64,
    pub skipped: i64,
    pub failed: i64,
    /// Rows that were taken for the same record as another row of the file.
    pub repeated: i64,
    pub owner_id: Uuid,
    pub created_at: Instant,
    pub finished_at: Option<Instant>,
    pub undone_at: Option<Instant>,
}

const COLUMNS: &str = "id, version, object, name, file_id, mapping, state, job_id, rows_total, created, updated, skipped, failed, repeated, owner_id, created_at, finished_at, undone_at";

impl Import {
    pub fn mapping(&self) -> Result<Mapping> {
        Mapping::parse(&self.mapping)
    }
}

/// A file that lies in `app.files`, with its row.
pub struct Stored {
    pub id: Uuid,
    pub name: String,
    pub size: i64,
    pub sha256: String,
}

pub async fn insert(
    tx: &mut Tx,
    app: &App,
    owner: Uuid,
    object: &Object,
    file: &Stored,
    mapping: &Mapping,
    rows: i64,
) -> Result<Uuid> {
    let now = app.clock.now();
    tx.execute(sql!(
        "INSERT INTO stored_file (id, name, media_type, size, sha256, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        file.id,
        &file.name,
        "application/octet-stream",
        file.size,
        &file.sha256,
        owner,
        now
    ))
    .await?;
    let id = new_id(&app.clock);
    tx.execute(sql!(
        "INSERT INTO import (id, version, object, name, file_id, mapping, state, rows_total, created, updated, skipped, failed, owner_id, created_at)
         VALUES ($1, 1, $2, $3, $4, $5, 'mapping', $6, 0, 0, 0, 0, $7, $8)",
        id,
        object.name,
        &file.name,
        file.id,
        mapping.to_toml(),
        rows,
        owner,
        now
    ))
    .await?;
    Ok(id)
}

/// For the engine, which acts as the owner.
pub async fn load(session: &mut Session, id: Uuid) -> Result<Import> {
    session.optional(sql!(format!("SELECT {COLUMNS} FROM import WHERE id = $1"), id)).await?.ok_or(Error::NotFound)
}

pub async fn find(session: &mut Session, viewer: &Viewer, id: Uuid) -> Result<Import> {
    session
        .optional(sql!(format!("SELECT {COLUMNS} FROM import WHERE id = $1 AND owner_id = $2"), id, viewer.person))
        .await?
        .ok_or(Error::NotFound)
}

/// The newest first; of a page of them what lies before another one.
pub async fn of_viewer(
    session: &mut Session,
    viewer: &Viewer,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Import>> {
    const BEFORE: &str = "($2 IS NULL OR (created_at, id) <
        (SELECT b.created_at, b.id FROM import b WHERE b.id = $2 AND b.owner_id = $1))";
    Ok(session
        .all(sql!(
            format!(
                "SELECT {COLUMNS} FROM import WHERE owner_id = $1 AND {BEFORE} ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
            viewer.person,
            before,
            limit
        ))
        .await?)
}

/// Their imports of this kind whose mapping somebody has looked at, the newest first.
pub async fn mapped_by(session: &mut Session, viewer: &Viewer, object: &Object, limit: i64) -> Result<Vec<Import>> {
    Ok(session
        .all(sql!(
            format!(
                "SELECT {COLUMNS} FROM import WHERE owner_id = $1 AND object = $2 AND state <> 'mapping'
                  ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
            viewer.person,
            object.name,
            limit
        ))
        .await?)
}

/// Their last import of the same file that wrote something and was not taken back: the same content, or name and size.
pub async fn taken_in_before(session: &mut Session, import: &Import) -> Result<Option<Import>> {
    const SAME: &str = "EXISTS (SELECT 1 FROM stored_file f JOIN stored_file g ON g.id = $4
        WHERE f.id = import.file_id AND (f.sha256 = g.sha256 OR (f.name = g.name AND f.size = g.size)))";
    Ok(session
        .optional(sql!(
            format!(
                "SELECT {COLUMNS} FROM import WHERE owner_id = $1 AND object = $2 AND id <> $3
                    AND state IN ('running', 'done', 'cancelled', 'failed') AND created + updated > 0 AND {SAME}
                  ORDER BY created_at DESC, id DESC LIMIT 1"
            ),
            import.owner_id,
            &import.object,
            import.id,
            import.file_id
        ))
        .await?)
}

/// Keeps what the mapping page said. Only as long as nothing runs.
pub async fn save_mapping_of(tx: &mut Tx, import: &Import, mapping: &Mapping, rows: i64) -> Result<()> {
    let touched = tx
        .execute(sql!(
            "UPDATE import SET mapping = $2, rows_total = $3, version = version + 1, state = 'mapping' WHERE id = $1 AND state IN ('mapping', 'checked')",
            import.id,
            mapping.to_toml(),
            rows
        ))
        .await?;
    if touched == 0 { Err(Error::Refused { status: 409, key: "import-already-runs" }) } else { Ok(()) }
}

/// What a job works on: which import, and whether it only checks.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Payload {
    pub import: Uuid,
    #[serde(default)]
    pub dry: bool,
}

const UNDO: &str = "import-undo";

/// Queues the check, the import itself or its undo, all in the caller's transaction; only from a state that allows it.
pub async fn enqueue(tx: &mut Tx, app: &App, import: &Import, work: Work) -> Result<Uuid> {
    let (kind, from, to) = match work {
        Work::Check => ("import", "'mapping', 'checked'", "checking"),
        Work::Run => ("import", "'mapping', 'checked'", "running"),
        Work::Undo => (UNDO, "'done', 'cancelled', 'failed'", "undoing"),
    };
    let payload = Payload { import: import.id, dry: work == Work::Check };
    let payload = serde_json::to_string(&payload).expect("a payload is plain JSON");
    let job = store::job::enqueue(tx, &app.clock, kind, &payload, Some(import.owner_id)).await?;
    if let (Work::Undo, Some(former)) = (work, import.job_id) {
        go_on_from(tx, app, job, former).await?;
    }
    let touched = tx
        .execute(sql!(
            format!(
                "UPDATE import SET state = $2, job_id = $3, version = version + 1 WHERE id = $1 AND state IN ({from})"
            ),
            import.id,
            to,
            job
        ))
        .await?;
    if touched == 0 { Err(Error::Refused { status: 409, key: "import-already-runs" }) } else { Ok(job) }
}

/// An undo that was stopped, or failed, goes on where it stood. Begun anew it would meet what it has put back itself, take that for
/// somebody's change, and tell so.
async fn go_on_from(tx: &mut Tx, app: &App, job: Uuid, former: Uuid) -> Result<()> {
    let former = store::job::find(tx, former).await?.filter(|former| former.kind == UNDO);
    if let Some(former) = former
        && let Some(cursor) = &former.cursor
    {
        store::job::progress(tx, job, app.clock.now(), former.done, former.total, cursor).await?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Check,
    Run,
    Undo,
}

/// The counts as they stand, in the transaction of the chunk.
pub async fn set_counts(tx: &mut Tx, import: &Import) -> Result<()> {
    tx.execute(sql!(
        "UPDATE import SET created = $2, updated = $3, skipped = $4, failed = $5, repeated = $6 WHERE id = $1",
        import.id,
        import.created,
        import.updated,
        import.skipped,
        import.failed,
        import.repeated
    ))
    .await?;
    Ok(())
}

/// What still waits for a record further down is refused: nobody looks again.
pub async fn give_up_waiting(tx: &mut Tx, import: &mut Import) -> Result<()> {
    let given_up = tx
        .execute(sql!("UPDATE import_row SET action = 'failed' WHERE import_id = $1 AND action = 'waiting'", import.id))
        .await?;
    import.failed += given_up as i64;
    set_counts(tx, import).await
}

pub async fn set_state(tx: &mut Tx, import: Uuid, state: &str, now: Instant) -> Result<()> {
    tx.execute(sql!(
        "UPDATE import SET state = $2, finished_at = $3, version = version + 1 WHERE id = $1",
        import,
        state,
        now
    ))
    .await?;
    Ok(())
}

/// A row of the file as it was kept. Its cells and errors are there if it was refused or waits for a record further down.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeptRow {
    pub row_number: i64,
    pub cells: Option<String>,
    pub errors: Option<String>,
}

/// Rows that are so long together are handed out without a further one.
const LONGEST_ROWS: usize = 8 * 1024 * 1024;

impl KeptRow {
    fn bytes(&self) -> usize {
        [&self.cells, &self.errors].into_iter().flatten().map(String::len).sum()
    }
    pub fn cells(&self) -> Vec<String> {
        texts(self.cells.as_deref())
    }
    pub fn errors(&self) -> Vec<FieldError> {
        texts(self.errors.as_deref())
    }
}

fn texts<T: serde::de::DeserializeOwned>(json: Option<&str>) -> Vec<T> {
    json.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The next rows with this outcome: at most `limit`, and fewer when they are long. There are no more only when none comes.
pub async fn rows(session: &mut Session, import: Uuid, action: &str, after: i64, limit: i64) -> Result<Vec<KeptRow>> {
    let mut found = session.stream::<KeptRow>(sql!(
        "SELECT row_number, cells, errors FROM import_row WHERE import_id = $1 AND action = $2 AND row_number > $3 ORDER BY row_number LIMIT $4",
        import,
        action,
        after,
        limit
    ));
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while bytes < LONGEST_ROWS
        && let Some(row) = found.next().await.transpose()?
    {
        bytes += row.bytes();
        rows.push(row);
    }
    Ok(rows)
}

pub async fn keep_row(
    tx: &mut Tx,
    import: Uuid,
    number: i64,
    action: &str,
    cells: &[String],
    errors: &[FieldError],
) -> Result<()> {
    tx.execute(sql!(
        "INSERT INTO import_row (import_id, row_number, action, cells, errors) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (import_id, row_number) DO UPDATE SET action = EXCLUDED.action, cells = EXCLUDED.cells, errors = EXCLUDED.errors",
        import,
        number,
        action,
        serde_json::to_string(cells).expect("cells are texts"),
        serde_json::to_string(errors).expect("errors are texts")
    ))
    .await?;
    Ok(())
}

/// A row that found its record.
#[derive(Debug, Clone)]
pub struct Matched {
    pub number: i64,
    /// `None`: in a check, which makes none.
    pub record: Option<Uuid>,
    /// The record's version after the change, which undo looks up. `None`: nothing was changed.
    pub version: Option<i64>,
    pub is_change: bool,
    /// The row of the file that spoke of the same record.
    pub same_as: Option<i64>,
}

/// Keeps which record a row found, and what became of it.
pub async fn note_matched(tx: &mut Tx, import: Uuid, rows: &[Matched]) -> Result<()> {
    const INTO: &str = "INSERT INTO import_row (import_id, row_number, action, record_id, version, same_as) VALUES ";
    for batch in store::batches(rows) {
        let mut statement = store::Sql::new(INTO);
        for (index, row) in batch.iter().enumerate() {
            statement.push(if index == 0 { "(" } else { ", (" }).bind(import).push(", ").bind(row.number);
            statement.push(if row.is_change { ", 'updated', " } else { ", 'skipped', " }).bind(row.record);
            statement.push(", ").bind(row.version).push(", ").bind(row.same_as).push(")");
        }
        statement.push(" ON CONFLICT (import_id, row_number) DO UPDATE SET action = EXCLUDED.action, record_id = EXCLUDED.record_id, version = EXCLUDED.version, same_as = EXCLUDED.same_as, cells = NULL, errors = NULL");
        tx.execute(statement).await?;
    }
    Ok(())
}

/// What became of a row, as far as rows are kept one by one: those that made a record are found by the record's import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Updated,
    Skipped,
    Failed,
    /// Updated or left alone, and another row of the file spoke of the same record.
    Repeated,
}

impl Outcome {
    pub const ALL: [Outcome; 4] = [Outcome::Updated, Outcome::Skipped, Outcome::Failed, Outcome::Repeated];
    pub fn key(self) -> &'static str {
        match self {
            Outcome::Updated => "updated",
            Outcome::Skipped => "skipped",
            Outcome::Failed => "failed",
            Outcome::Repeated => "repeated",
        }
    }
    pub fn parse(text: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.key() == text)
    }
    pub fn count(self, import: &Import) -> i64 {
        match self {
            Outcome::Updated => import.updated,
            Outcome::Skipped => import.skipped,
            Outcome::Failed => import.failed,
            Outcome::Repeated => import.repeated,
        }
    }
    fn condition(self) -> &'static str {
        match self {
            Outcome::Updated => "r.action = 'updated'",
            Outcome::Skipped => "r.action = 'skipped'",
            Outcome::Failed => "r.action = 'failed'",
            Outcome::Repeated => "r.same_as IS NOT NULL",
        }
    }
}

/// A row of the file and what became of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DoneRow {
    #[sqlx(flatten)]
    pub kept: KeptRow,
    pub action: String,
    pub same_as: Option<i64>,
    /// The record, if the viewer sees it and it does not lie in the trash.
    pub record_id: Option<Uuid>,
    pub record_name: Option<String>,
}

/// The rows behind a number of an import, in the order of the file.
pub async fn rows_behind(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    import: Uuid,
    outcome: Option<Outcome>,
    (after, limit): (i64, i64),
) -> Result<Vec<DoneRow>> {
    let mut statement = store::Sql::new(format!(
        "SELECT r.row_number, r.action, r.same_as, r.cells, r.errors, t.id AS record_id, t.{} AS record_name
           FROM import_row r LEFT JOIN {} t ON t.id = r.record_id AND t.deleted_at IS NULL AND ",
        object.title_field().column,
        object.table
    ));
    (object.visible)(&mut statement, &viewer.scope, crate::shell::access::Right::Read, "t");
    statement.push(" WHERE r.import_id = ").bind(import).push(" AND r.row_number > ").bind(after).push(" AND ");
    statement.push(outcome.map_or("r.action NOT IN ('waiting', 'kept')", Outcome::condition));
    statement.push(" ORDER BY r.row_number LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SavedMapping {
    pub id: Uuid,
    pub name: String,
    pub object: String,
    pub mapping: String,
}

pub async fn saved_mappings(session: &mut Session, viewer: &Viewer) -> Result<Vec<SavedMapping>> {
    Ok(session
        .all(sql!(
            "SELECT id, name, object, mapping FROM import_mapping WHERE owner_id = $1 ORDER BY object, name, id",
            viewer.person
        ))
        .await?)
}

/// A name as a mapping is kept under; empty when nothing is left of it.
pub fn mapping_name(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Keeps a mapping under a name; one of that name is replaced.
pub async fn save_mapping(tx: &mut Tx, app: &App, viewer: &Viewer, name: &str, mapping: &Mapping) -> Result<Uuid> {
    tx.execute(sql!(
        "DELETE FROM import_mapping WHERE owner_id = $1 AND object = $2 AND name = $3",
        viewer.person,
        &mapping.object,
        name
    ))
    .await?;
    let id = new_id(&app.clock);
    tx.execute(sql!(
        "INSERT INTO import_mapping (id, version, name, object, mapping, owner_id, created_at) VALUES ($1, 1, $2, $3, $4, $5, $6)",
        id,
        name,
        &mapping.object,
        mapping.to_toml(),
        viewer.person,
        app.clock.now()
    ))
    .await?;
    Ok(id)
}

pub async fn delete_mapping(tx: &mut Tx, viewer: &Viewer, id: Uuid) -> Result<()> {
    let touched =
        tx.execute(sql!("DELETE FROM import_mapping WHERE id = $1 AND owner_id = $2", id, viewer.person)).await?;
    if touched == 0 { Err(Error::NotFound) } else { Ok(()) }
}

/// The rows that were not taken in: refused, or waiting still.
pub async fn left_rows(session: &mut Session, import: Uuid) -> Result<HashSet<i64>> {
    let rows = "SELECT row_number FROM import_row WHERE import_id = $1 AND action IN ('failed', 'waiting')";
    Ok(session.all::<(i64,)>(sql!(rows, import)).await?.into_iter().map(|(row,)| row).collect())
}

/// Takes away what a check left, a portion in each transaction: nobody else's writing waits for a million rows. Whether this was
/// the last portion.
pub async fn forget_rows(tx: &mut Tx, import: Uuid) -> Result<bool> {
    const PORTION: i64 = 5_000;
    let gone = tx
        .execute(sql!(
            "DELETE FROM import_row WHERE import_id = $1 AND row_number IN
                (SELECT row_number FROM import_row WHERE import_id = $1 ORDER BY row_number LIMIT $2)",
            import,
            PORTION
        ))
        .await?;
    Ok((gone as i64) < PORTION)
}

/// Whether nothing was written yet: only then is an import forgotten.
pub fn may_be_removed(import: &Import) -> bool {
    matches!(import.state.as_str(), "mapping" | "checked")
}

/// Forgets an import that never wrote anything.
pub async fn remove(tx: &mut Tx, import: &Import) -> Result<()> {
    let touched =
        tx.execute(sql!("DELETE FROM import WHERE id = $1 AND state IN ('mapping', 'checked')", import.id)).await?;
    if touched == 0 {
        return Err(Error::Refused { status: 409, key: "import-already-runs" });
    }
    tx.execute(sql!("DELETE FROM stored_file WHERE id = $1", import.file_id)).await?;
    Ok(())
}

/// How many records an undo left as they are: of those that the import had made, and of those that it had changed.
pub async fn count_kept(session: &mut Session, object: &'static Object, import: Uuid) -> Result<(i64, i64)> {
    let counts = format!(
        "SELECT COUNT(CASE WHEN t.import_id = $1 THEN 1 END), COUNT(*)
           FROM import_row r LEFT JOIN {} t ON t.id = r.record_id WHERE r.import_id = $1 AND r.action = 'kept'",
        object.table
    );
    let (made, all): (i64, i64) = session.one(sql!(counts, import)).await?;
    Ok((made, all - made))
}

/// A record that an undo left as it is.
pub struct Kept {
    /// `None`: the viewer doesn't see it.
    pub name: Option<String>,
    /// If it does not lie in the trash.
    pub id: Option<Uuid>,
    pub why: Vec<FieldError>,
}

/// What an undo left as it is.
pub async fn kept_records(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    import: Uuid,
    limit: i64,
) -> Result<Vec<Kept>> {
    let mut statement = store::Sql::new(format!(
        "SELECT t.{}, CASE WHEN t.deleted_at IS NULL THEN t.id END, r.errors FROM import_row r LEFT JOIN {} t ON t.id = r.record_id AND ",
        object.title_field().column,
        object.table
    ));
    (object.visible)(&mut statement, &viewer.scope, crate::shell::access::Right::Read, "t");
    statement.push(" WHERE r.import_id = ").bind(import);
    statement.push(" AND r.action = 'kept' ORDER BY r.row_number DESC LIMIT ").bind(limit);
    let rows: Vec<(Option<String>, Option<Uuid>, Option<String>)> = session.all(statement).await?;
    Ok(rows.into_iter().map(|(name, id, errors)| Kept { name, id, why: texts(errors.as_deref()) }).collect())
}
