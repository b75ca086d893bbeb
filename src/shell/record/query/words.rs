//! Finding by words, and how what was found is named.

use store::{Cells, Newest, Session, Sql, Uuid, search};

use crate::shell::access::Right;
use crate::shell::error::Result;
use crate::shell::record::{Field, Found, Kind, Object, plain_target};
use crate::shell::viewer::Viewer;

/// Appends "the row `t` is found by these words". Lists, search, palette and pickers all find through it.
///
/// The index cannot leave single fields out. Somebody from whom a field is hidden that goes into it finds by name only, or
/// they could feel for its content word by word.
pub fn push_words(statement: &mut Sql, engine: store::Engine, viewer: &Viewer, object: &'static Object, words: &str) {
    let private = viewer.sees_private(object);
    if is_indexed_for(viewer, object) && search::push_match(statement, engine, object.name, "t.id", words, private) {
        return;
    }
    // They are looked through; names also by sound.
    let title = object.title_field();
    statement.push("(");
    search::push_contains(statement, &format!("t.{}", title.column), words.trim());
    if title.sort_column == Some("name_key") {
        let key = search::sort_key(words.trim()).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        statement.push(" OR t.name_key LIKE ").bind(format!("{key}%")).push(" ESCAPE '\\'");
    }
    statement.push(")");
}

/// Whether the viewer may find these records through the index of words.
fn is_indexed_for(viewer: &Viewer, object: &'static Object) -> bool {
    let open = |field: &&Field| matches!(field.found, Found::ByName | Found::ByText);
    object.fields.iter().filter(open).all(|field| viewer.sees(object, field.key))
}

/// `SELECT t.id, …` of the records `t` that are found by words, or are the one with this id, and that the viewer may see: the newest,
/// at most `limit`. `rows` is the table's of [`search::sizes`].
pub async fn newest(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    select: &Sql,
    words: &str,
    limit: i64,
    rows: i64,
) -> Result<Vec<Cells>> {
    let engine = session.engine();
    let readable = |statement: &mut Sql| {
        statement.push("t.deleted_at IS NULL AND ");
        (object.visible)(statement, &viewer.scope, Right::Read, "t");
    };
    let id = words.parse::<Uuid>().ok();
    if id.is_none() && is_indexed_for(viewer, object) && search::has_word(words) {
        let with_private = viewer.sees_private(object);
        let newest = Newest { kind: object.name, table: object.table, rows, query: words, with_private, limit };
        return Ok(newest.read(session, select, readable).await?);
    }
    let mut statement = select.clone();
    statement.push(&format!(" FROM {} t WHERE ", object.table));
    readable(&mut statement);
    statement.push(" AND ");
    match id {
        Some(id) => {
            statement.push("t.id = ").bind(id);
        }
        None => push_words(&mut statement, engine, viewer, object, words),
    }
    statement.push(" ORDER BY t.updated_at DESC, t.id DESC LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

/// `SELECT` of a record `t`: its id, its name, and what tells it from others of that name.
pub fn select_named(viewer: &Viewer, object: &'static Object) -> Sql {
    let mut select = Sql::new(format!("SELECT t.id, t.{}, ", object.title_field().column));
    select.append(hint(viewer, object)).clone()
}

/// What is shown beside a record's name, as SQL on the row `t`; `NULL` when there is nothing, or it is hidden from the viewer.
fn hint(viewer: &Viewer, object: &'static Object) -> Sql {
    let shown = |key: &str| viewer.projection(object).find(|field| field.key == key);
    let mut parts = object.hint.split(' ').filter_map(shown).map(|field| hint_part(viewer, field));
    let first = parts.next().unwrap_or_else(|| Sql::new("NULL"));
    parts.fold(first, |mut hint, part| hint.push(" || COALESCE(' · ' || ").append(part).push(", '')").clone())
}

fn hint_part(viewer: &Viewer, field: &Field) -> Sql {
    let Kind::Ref(target) = field.kind else { return Sql::new(format!("t.{}", field.column)) };
    let named = |title: &str, table: &str| format!("(SELECT x.{title} FROM {table} x WHERE x.id = t.{}", field.column);
    match (plain_target(target), viewer.registry.get(target)) {
        (Some(plain), _) => Sql::new(format!("{})", named(plain.title_column, plain.table))),
        (None, Some(target)) => {
            let mut hint = Sql::new(named(target.title_field().column, target.table));
            hint.push(" AND x.deleted_at IS NULL AND ");
            (target.visible)(&mut hint, &viewer.scope, Right::Read, "x");
            hint.push(")").clone()
        }
        (None, None) => Sql::new("NULL"),
    }
}
