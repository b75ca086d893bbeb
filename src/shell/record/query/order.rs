//! The order of a list, and what comes behind a place in it. Empty values count as the smallest, on both engines and in both
//! directions.

use store::{Arg, Cell, Sql};

use super::Question;
use crate::shell::record::compared::ordered_by;
use crate::shell::record::{Field, Kind, Write};

impl Question<'_> {
    /// What the list is sorted by, as SQL on the row `t`.
    pub(super) fn order(&self) -> String {
        ordered_by(self.query.sort, &self.viewer.config, self.today)
    }

    pub(super) fn push_order(&self, statement: &mut Sql) {
        let id = if self.query.descending { "t.id DESC" } else { "t.id ASC" };
        statement.push(&format!(" ORDER BY {}{}, {id}", self.order(), self.direction()));
    }

    pub(super) fn direction(&self) -> &'static str {
        if self.query.descending { " DESC NULLS LAST" } else { " ASC NULLS FIRST" }
    }

    /// Only the rows after the cursor, if there is one.
    pub(super) fn push_after(&self, statement: &mut Sql) {
        let Some(cursor) = &self.query.after else { return };
        let column = self.order();
        let value = match &cursor.value {
            Cell::Int(value) => Arg::Int(Some(*value)),
            other => Arg::Text(other.text().map(str::to_owned)),
        };
        statement.push(" AND ");
        match (self.query.descending, cursor.value.is_null()) {
            (true, false) => {
                statement.push(&format!("(({column}, t.id) < (")).bind(value).push(", ").bind(cursor.id);
                statement.push(if always_filled(self.query.sort) { "))" } else { ")" });
                if !always_filled(self.query.sort) {
                    statement.push(&format!(" OR {column} IS NULL)"));
                }
            }
            (true, true) => {
                statement.push(&format!("({column} IS NULL AND t.id < ")).bind(cursor.id).push(")");
            }
            (false, false) => {
                statement.push(&format!("({column}, t.id) > (")).bind(value).push(", ").bind(cursor.id).push(")");
            }
            (false, true) => {
                statement.push(&format!("({column} IS NOT NULL OR t.id > ")).bind(cursor.id).push(")");
            }
        }
    }
}

fn always_filled(sort: &Field) -> bool {
    // An amount in a currency without a rate is worth nothing known.
    let is_kept = sort.kind != Kind::Money || sort.sort_column.is_some_and(|kept| kept != sort.column);
    (sort.required && is_kept) || sort.write == Write::Never || sort.sort_column == Some("name_key")
}
