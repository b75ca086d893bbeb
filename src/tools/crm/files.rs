//! Files that hang on a record: an offer, a contract, minutes, a data sheet. Who sees the record may take them, who may change it adds and
//! removes them; both are looked at again with every request. A removed file can be brought back by undo.

use serde_json::json;
use store::event::Change;
use store::{Instant, Session, Tx, Uuid, new_id, sql};

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Actor, Object, command};
use crate::shell::upload::Received;

/// One file may be so large. The words in `files-limit` say so, too.
pub const LARGEST: u64 = 25 * 1024 * 1024;
/// A request that brings more than this is cut off; up to here it is answered properly.
pub const LARGEST_REQUEST: usize = 4 * LARGEST as usize;
/// A record may have so many files.
const MOST: i64 = 200;

/// How a file stands in the history: its name.
pub const FILE: &str = "file";

/// The kinds of record that files hang on: all but people.
pub fn has_files(object: &Object) -> bool {
    object.name != "person"
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attachment {
    pub id: Uuid,
    pub file_id: Uuid,
    pub name: String,
    pub media_type: String,
    pub size: i64,
    pub sha256: String,
    pub by_id: Option<Uuid>,
    pub by_name: Option<String>,
    pub at: Instant,
}

const FILES: &str = "
    SELECT a.id, a.file_id, f.name, f.media_type, f.size, f.sha256, a.created_by AS by_id, p.name AS by_name,
           a.created_at AS at
      FROM attachment a JOIN stored_file f ON f.id = a.file_id LEFT JOIN person p ON p.id = a.created_by
     WHERE a.subject_id = $1 AND a.subject_type = $2 AND a.deleted_at IS NULL";

/// The files of a record that the caller has shown to be visible, newest first.
pub async fn of_visible(session: &mut Session, object: &'static Object, record: Uuid) -> Result<Vec<Attachment>> {
    let text = format!("{FILES} ORDER BY a.created_at DESC, a.id DESC LIMIT {MOST}");
    Ok(session.all(sql!(text, record, object.name)).await?)
}

/// One file of such a record.
pub async fn find(session: &mut Session, object: &'static Object, record: Uuid, id: Uuid) -> Result<Attachment> {
    let found = session.optional(sql!(format!("{FILES} AND a.id = $3"), record, object.name, id)).await?;
    found.ok_or(Error::NotFound)
}

/// Hangs a received file on a record; returns the attachment's id.
pub async fn attach(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    record: Uuid,
    file: &Received,
) -> Result<Uuid> {
    let loaded = command::load_for_write(tx, actor, object, record).await?;
    let count: Option<i64> =
        tx.value(sql!("SELECT COUNT(*) FROM attachment WHERE subject_id = $1 AND deleted_at IS NULL", record)).await?;
    if count.unwrap_or(0) >= MOST {
        return Err(Error::Invalid(vec![FieldError::new("file", "invalid-too-many-files").with("max", MOST)]));
    }
    tx.execute(sql!(
        "INSERT INTO stored_file (id, name, media_type, size, sha256, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        file.id,
        &file.name,
        file.media_type,
        file.size,
        &file.sha256,
        actor.viewer.person,
        actor.now
    ))
    .await?;
    let id = new_id(&actor.clock);
    tx.execute(sql!(
        "INSERT INTO attachment (id, version, subject_type, subject_id, file_id, created_by, created_at) VALUES ($1, 1, $2, $3, $4, $5, $6)",
        id,
        object.name,
        record,
        file.id,
        actor.viewer.person,
        actor.now
    ))
    .await?;
    let change = Change { field: FILE.into(), old: json!(null), new: json!(file.name) };
    command::note(tx, actor, object, &loaded, "attached", change).await?;
    Ok(id)
}

/// Takes a file off a record, or (`back`) puts it on again. The bytes stay: undo needs them, and so does the history.
pub async fn detach(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    record: Uuid,
    id: Uuid,
    back: bool,
) -> Result<()> {
    let loaded = command::load_for_write(tx, actor, object, record).await?;
    const NAME: &str = "
        SELECT f.name FROM attachment a JOIN stored_file f ON f.id = a.file_id
         WHERE a.id = $1 AND a.subject_id = $2 AND a.subject_type = $3 AND a.deleted_at IS";
    let standing = if back { "NOT NULL" } else { "NULL" };
    let name: Option<String> = tx.value(sql!(format!("{NAME} {standing}"), id, record, object.name)).await?;
    let name = name.ok_or(Error::NotFound)?;
    tx.execute(sql!(
        "UPDATE attachment SET deleted_at = $2, version = version + 1 WHERE id = $1",
        id,
        (!back).then_some(actor.now)
    ))
    .await?;
    let (kind, old, new) =
        if back { ("attached", json!(null), json!(name)) } else { ("detached", json!(name), json!(null)) };
    command::note(tx, actor, object, &loaded, kind, Change { field: FILE.into(), old, new }).await
}
