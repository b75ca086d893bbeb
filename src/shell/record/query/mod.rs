//! Reading records: lists by keyset, one record, counts and sums. The statement is put together from the object's
//! description; the viewer's scope and projection are part of it, never added afterwards.
//!
//! A [`Question`] is answered in pages (`list`) or as a whole (`whole`); `one` reads records that are named by id, `words` finds
//! them by words. `row` and `order` hold the parts of statements that these share.

mod list;
mod one;
mod order;
mod row;
mod whole;
mod words;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use store::{Cell, Day, Sql, Uuid};

pub use list::{Group, IN_ORDER, MANY, Page, RECKONED, in_turn};
pub use one::{allowed, check_change, find, load, names, versions_allowed};
pub use row::Row;
pub use whole::{Portion, rows_of};
pub use words::{newest, push_words, select_named};

use super::field::{Field, Kind, Object};
use super::filter::Filter;
use super::value::raw_json;
use crate::shell::access::Right;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::Viewer;

/// Which records, in which order, which page.
#[derive(Debug, Clone)]
pub struct ListQuery {
    pub fields: Vec<&'static Field>,
    pub filters: Vec<Filter>,
    /// Full-text words.
    pub words: Option<String>,
    pub sort: &'static Field,
    pub descending: bool,
    pub after: Option<Cursor>,
    pub limit: i64,
    /// Only what lies in the trash.
    pub trash: bool,
}

impl ListQuery {
    /// The order as the address bar says it.
    pub fn sort_text(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort.key)
    }

    /// The fields as the address bar says them.
    pub fn columns_text(&self) -> String {
        self.fields.iter().map(|field| field.key).collect::<Vec<_>>().join(",")
    }

    /// Every record of these filters (`field:operator:value`), in the order of titles. They are read as the address bar writes
    /// them, so that a figure and the list it links to agree.
    pub fn of_filters(viewer: &Viewer, object: &'static Object, filters: &[String]) -> Result<ListQuery> {
        Ok(ListQuery {
            fields: Vec::new(),
            filters: filters.iter().map(|text| Filter::parse(object, viewer, text)).collect::<Result<_>>()?,
            words: None,
            sort: object.title_field(),
            descending: false,
            after: None,
            limit: 0,
            trash: false,
        })
    }
}

/// The last row of a page: the value it sorts by, and its id.
#[derive(Debug, Clone)]
pub struct Cursor {
    value: Cell,
    id: Uuid,
}

impl Cursor {
    pub fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(json!([raw_json(&self.value), self.id]).to_string())
    }

    pub fn parse(sort: &Field, text: &str) -> Result<Cursor> {
        let refuse = || Error::field("after", "invalid-cursor");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let Ok(Json::Array(parts)) = serde_json::from_slice(&bytes) else { return Err(refuse()) };
        let [value, id] = parts.as_slice() else { return Err(refuse()) };
        // The column that a field sorts by may be of another type than the field itself (a name sorts by its key).
        let value = match value {
            Json::String(text) => Cell::Text(text.clone()),
            Json::Number(number) => number.as_i64().map_or(Cell::Null, Cell::Int),
            _ => Cell::Null,
        };
        let id = id.as_str().and_then(|id| id.parse().ok()).ok_or_else(refuse)?;
        let fits = match &value {
            Cell::Int(_) => sort.is_measured() || sort.kind == Kind::Bool,
            Cell::Text(text) => !sort.is_measured() && !text.contains('\0'),
            Cell::Null => true,
            _ => false,
        };
        if fits { Ok(Cursor { value, id }) } else { Err(refuse()) }
    }
}

/// A query as somebody asks it of a kind of record on a day: what "me", "overdue" and an amount's worth mean goes by who asks,
/// and when.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub viewer: &'a Viewer,
    pub object: &'static Object,
    pub query: &'a ListQuery,
    pub today: Day,
}

impl Question<'_> {
    /// `FROM … WHERE …` of all its records, for statements that group or add up; begins with `select` (which may name `t` and
    /// bind).
    pub fn aggregate(&self, engine: store::Engine, select: impl Into<Sql>) -> Result<Sql> {
        let mut statement: Sql = select.into();
        statement.push(&format!(" FROM {} t", self.object.table));
        self.push_where(&mut statement, engine, false)?;
        Ok(statement)
    }

    /// `in_order`: the scope is asked of each record that comes along in the order of the list. SQLite would otherwise collect
    /// every record of the scope, by one index after the other, and sort them for a page of fifty.
    fn push_where(&self, statement: &mut Sql, engine: store::Engine, in_order: bool) -> Result<()> {
        let Question { viewer, object, query, today } = *self;
        statement.push(if query.trash {
            " WHERE t.deleted_at IS NOT NULL AND "
        } else {
            " WHERE t.deleted_at IS NULL AND "
        });
        statement.push(if in_order { "CASE WHEN " } else { "" });
        let scope = if in_order { viewer.scope.clone() } else { viewer.scope.of_whole_sets() };
        (object.visible)(statement, &scope, Right::Read, "t");
        statement.push(if in_order { " THEN 1 ELSE 0 END = 1" } else { "" });
        for filter in &query.filters {
            statement.push(" AND (");
            filter.push(statement, object, viewer, today)?;
            statement.push(")");
        }
        if let Some(words) = query.words.as_deref().filter(|words| !words.trim().is_empty()) {
            statement.push(" AND ");
            push_words(statement, engine, viewer, object, words);
        }
        Ok(())
    }
}
