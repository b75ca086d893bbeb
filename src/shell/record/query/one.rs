//! Records that are named by id: one with what it shows, one whole for a command, which of them are allowed, and what they are
//! called.

use std::collections::HashMap;

use store::{Cells, Session, Sql, Uuid};

use super::Row;
use super::row::{row_of, select};
use crate::shell::access::Right;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Field, Loaded, Object};
use crate::shell::viewer::Viewer;

/// One record with the fields of the viewer's projection; 404 when it is not there or not theirs to see.
pub async fn find(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
) -> Result<(Row, Vec<&'static Field>)> {
    let fields: Vec<&'static Field> = viewer.shown(object).collect();
    let mut statement = select(viewer, object, &fields, "", None);
    statement.push(" WHERE t.id = ").bind(id).push(" AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let Cells(cells) = session.optional::<Cells>(statement).await?.ok_or(Error::NotFound)?;
    Ok((row_of(viewer, &fields, cells), fields))
}

/// Whether the viewer may do this to the record now. One statement, inside the caller's transaction.
pub async fn allowed(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    right: Right,
) -> Result<bool> {
    let mut statement = Sql::new(format!("SELECT 1 FROM {} t WHERE t.id = ", object.table));
    statement.bind(id).push(" AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    // A bare literal is INT4 on PostgreSQL and INTEGER on SQLite: read it as a run-time cell.
    Ok(session.optional::<Cells>(statement).await?.is_some())
}

/// Errors: forbidden, of a record that the viewer has been shown to see and may not change.
pub async fn check_change(session: &mut Session, viewer: &Viewer, object: &'static Object, id: Uuid) -> Result<()> {
    if allowed(session, viewer, object, id, Right::Write).await? { Ok(()) } else { Err(Error::Forbidden) }
}

/// Which of these records the viewer may read or change, with their versions, in one statement.
pub async fn versions_allowed(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    ids: &[Uuid],
    right: Right,
) -> Result<HashMap<Uuid, i64>> {
    let mut statement = Sql::new(format!("SELECT t.id, t.version FROM {} t WHERE t.id IN (", object.table));
    statement.bind_list(ids.iter().copied()).push(") AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    Ok(session.all::<(Uuid, i64)>(statement).await?.into_iter().collect())
}

/// What the first of these records are called, in the order of their ids, as far as the viewer may see them; in the trash or not.
pub async fn names(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    let title = object.title_field();
    let mut statement = Sql::new(format!("SELECT t.id, t.{} FROM {} t WHERE t.id IN (", title.column, object.table));
    statement.bind_list(ids.iter().copied()).push(") AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let mut names: Vec<(Uuid, String)> = session.all(statement).await?;
    names.sort_by_key(|(id, _)| ids.iter().position(|one| one == id));
    Ok(names)
}

/// The whole record inside a transaction, every field, for the commands; locked on PostgreSQL.
pub async fn load(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    right: Right,
    in_trash: bool,
) -> Result<Loaded> {
    let fields: Vec<&'static Field> = object.fields.iter().filter(|field| !field.is_virtual()).collect();
    let mut statement = Sql::new("SELECT t.id, t.version");
    for field in &fields {
        statement.push(", t.").push(field.column);
    }
    statement.push(&format!(" FROM {} t WHERE t.id = ", object.table)).bind(id);
    statement.push(if in_trash { " AND t.deleted_at IS NOT NULL AND " } else { " AND t.deleted_at IS NULL AND " });
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    statement.push(" /*for update*/");
    let Cells(cells) = session.optional::<Cells>(statement).await?.ok_or(Error::NotFound)?;
    let version = cells[1].int().unwrap_or(0);
    let values = fields.iter().zip(cells.into_iter().skip(2)).map(|(field, cell)| (field.key, cell)).collect();
    Ok(Loaded { id, version, values })
}
