//! Sharing: one more person reads, or also changes, one record. Whoever may give the record ([`Right::Give`]: it is their own, or
//! their write level covers the owner) may share it; somebody it was shared with may not pass it on, nor take it
//! ([`command::prepare_change`]).

use serde_json::json;
use store::event::Change;
use store::{Instant, Session, Sql, Tx, Uuid, sql};

use super::hung::{Expected, first_version};
use super::{Actor, Field, Loaded, OWNER, Object, command, query};
use crate::shell::access::Right;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::viewer::Viewer;

/// The kinds of record whose visibility asks `record_share`; what hangs on them follows.
const SHARED: [&str; 3] = ["account", "opportunity", "lead"];

/// How a share stands in the history: the person it was given to, or taken from.
pub const SHARED_WITH: &str = "shared_with";

pub fn is_shared(object: &Object) -> bool {
    SHARED.contains(&object.name)
}

#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Share {
    pub person_id: Uuid,
    pub person_name: String,
    pub may_write: bool,
    pub version: i64,
    pub created_by: Option<Uuid>,
    pub created_at: Instant,
}

const OF_RECORD: &str = "
    SELECT s.person_id, p.name AS person_name, s.may_write, s.version, s.created_by, s.created_at
      FROM record_share s JOIN person p ON p.id = s.person_id
     WHERE s.record_id = $1 AND s.object = $2 ORDER BY p.name_key, p.id";

/// With whom a record is shared. Whoever may read the record may know.
pub async fn of_record(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
) -> Result<Vec<Share>> {
    if !query::allowed(session, viewer, object, id, Right::Read).await? {
        return Err(Error::NotFound);
    }
    of_visible(session, object, id).await
}

/// With whom a record is shared that the caller has shown to be visible.
pub async fn of_visible(session: &mut Session, object: &'static Object, id: Uuid) -> Result<Vec<Share>> {
    Ok(session.all(sql!(OF_RECORD, id, object.name)).await?)
}

/// What a viewer may do to a record that they see.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rights {
    pub write: bool,
    pub give: bool,
}

impl Rights {
    pub fn may_change(self, field: &Field) -> bool {
        if field.key == OWNER { self.give } else { self.write }
    }
}

/// Both rights in one statement.
pub async fn rights(session: &mut Session, viewer: &Viewer, object: &'static Object, id: Uuid) -> Result<Rights> {
    let mut statement = Sql::new("SELECT CASE WHEN ");
    (object.visible)(&mut statement, &viewer.scope, Right::Give, "t");
    statement.push(&format!(" THEN 'give' ELSE 'write' END FROM {} t WHERE t.id = ", object.table)).bind(id);
    statement.push(" AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Write, "t");
    let found: Option<String> = session.value(statement).await?;
    Ok(Rights { write: found.is_some(), give: found.is_some_and(|right| right == "give") })
}

/// The record, if the actor may share it.
pub async fn load_to_share(tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid) -> Result<Loaded> {
    let record = command::load_for_write(tx, actor, object, id).await?;
    if query::allowed(tx, &actor.viewer, object, id, Right::Give).await? { Ok(record) } else { Err(Error::Forbidden) }
}

/// Only who works here is given anything.
pub async fn check_colleague(tx: &mut Tx, person: Uuid) -> Result<()> {
    let state: Option<String> =
        tx.value(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", person)).await?;
    if state.is_none_or(|state| state == "disabled") {
        return Err(Error::Invalid(vec![FieldError::new("person", "invalid-reference").with("value", person)]));
    }
    Ok(())
}

/// Shares a record with a person, or changes how far, if the share is as the actor expects it to be.
pub async fn put(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    id: Uuid,
    person: Uuid,
    may_write: bool,
    expected: Expected,
) -> Result<Share> {
    let record = load_to_share(tx, actor, object, id).await?;
    check_colleague(tx, person).await?;
    let before = find(tx, object, id, person).await?;
    let version = before.as_ref().map(|share| share.version);
    if let Some(before) = before.filter(|share| share.may_write == may_write) {
        return Ok(before);
    }
    expected.check(version)?;
    const PUT: &str = "
        INSERT INTO record_share (object, record_id, person_id, may_write, created_by, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (record_id, person_id) DO UPDATE SET may_write = excluded.may_write, created_by = excluded.created_by,
               created_at = excluded.created_at, version = excluded.version";
    let version = version.map_or_else(|| first_version(actor), |version| version + 1);
    let by = actor.viewer.person;
    tx.execute(sql!(PUT, object.name, id, person, may_write, by, actor.now, version)).await?;
    let change = Change { field: SHARED_WITH.into(), old: json!(null), new: json!(person) };
    command::note(tx, actor, object, &record, "shared", change).await?;
    find(tx, object, id, person).await?.ok_or(Error::NotFound)
}

pub async fn remove(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    id: Uuid,
    person: Uuid,
    expected: Expected,
) -> Result<()> {
    let record = load_to_share(tx, actor, object, id).await?;
    let share = find(tx, object, id, person).await?.ok_or(Error::NotFound)?;
    expected.check(Some(share.version))?;
    tx.execute(sql!("DELETE FROM record_share WHERE record_id = $1 AND person_id = $2", id, person)).await?;
    let change = Change { field: SHARED_WITH.into(), old: json!(person), new: json!(null) };
    command::note(tx, actor, object, &record, "unshared", change).await
}

/// The share with one person of a record that the caller has shown to be visible.
pub async fn find(session: &mut Session, object: &'static Object, id: Uuid, person: Uuid) -> Result<Option<Share>> {
    let text = OF_RECORD.replace("ORDER BY p.name_key, p.id", "AND s.person_id = $3");
    Ok(session.optional(sql!(text, id, object.name, person)).await?)
}
