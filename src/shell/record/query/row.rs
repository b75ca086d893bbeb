//! What is shown of a record: the statement that reads it, and the row that comes of it.

use store::{Cell, Sql, Uuid};

use crate::shell::access::Right;
use crate::shell::record::{Field, Kind, Object, plain_target};
use crate::shell::viewer::Viewer;

/// One record of a list: a cell and (for references) a label per asked field.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: Uuid,
    pub version: i64,
    pub currency: String,
    pub cells: Vec<Cell>,
    pub labels: Vec<Option<String>>,
}

/// `SELECT id, version, currency, (field [, label])…{more} FROM t`, of all records or of a page `p` of ids. Labels of references
/// come through a join that carries the target's scope: what the viewer may not see is neither named nor linked.
pub fn select(
    viewer: &Viewer,
    object: &'static Object,
    fields: &[&'static Field],
    more: &str,
    page: Option<Sql>,
) -> Sql {
    let mut statement = Sql::new("SELECT t.id, t.version, ");
    statement.push(if object.field("currency").is_some() { "t.currency" } else { "NULL" });
    for (index, field) in fields.iter().enumerate() {
        match field.kind {
            Kind::Ref(target) => {
                let title = plain_target(target)
                    .map(|target| target.title_column)
                    .or_else(|| viewer.registry.get(target).map(|object| object.title_field().column));
                statement.push(&format!(", r{index}.id, r{index}.{}", title.unwrap_or("id")));
            }
            _ => {
                statement.push(", ").push(&field.sql());
            }
        }
    }
    statement.push(more).push(" FROM ");
    match page {
        Some(page) => statement.push("(").append(page).push(&format!(") p JOIN {} t ON t.id = p.id", object.table)),
        None => statement.push(&format!("{} t", object.table)),
    };
    for (index, field) in fields.iter().enumerate() {
        let Kind::Ref(target) = field.kind else { continue };
        if let Some(plain) = plain_target(target) {
            statement.push(&format!(" LEFT JOIN {} r{index} ON r{index}.id = {}", plain.table, field.sql()));
        } else if let Some(target) = viewer.registry.get(target) {
            let alias = format!("r{index}");
            statement.push(&format!(
                " LEFT JOIN {} {alias} ON {alias}.id = {} AND {alias}.deleted_at IS NULL AND ",
                target.table,
                field.sql()
            ));
            (target.visible)(&mut statement, &viewer.scope, Right::Read, &alias);
        }
    }
    statement
}

pub fn row_of(viewer: &Viewer, fields: &[&'static Field], cells: Vec<Cell>) -> Row {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let id = next().id().unwrap_or_default();
    let version = next().int().unwrap_or(0);
    let currency = next().text().map_or_else(|| viewer.config.base_currency.clone(), str::to_owned);
    let mut row = Row {
        id,
        version,
        currency,
        cells: Vec::with_capacity(fields.len()),
        labels: Vec::with_capacity(fields.len()),
    };
    for field in fields {
        row.cells.push(next());
        let label = if matches!(field.kind, Kind::Ref(_)) { next() } else { Cell::Null };
        row.labels.push(label.text().map(str::to_owned));
    }
    row
}
