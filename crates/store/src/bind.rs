//! A statement as each engine takes it.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, Postgres, Sqlite};

use crate::{Arg, Sql};

/// The arguments of a statement in an engine's own form.
macro_rules! arguments_of {
    ($engine:ty, $args:expr) => {{
        let mut arguments = <$engine>::default();
        for arg in $args {
            let added = match arg {
                Arg::Int(value) => arguments.add(value),
                Arg::Text(value) => arguments.add(value),
                Arg::Id(value) => arguments.add(value),
                Arg::Bool(value) => arguments.add(value),
                Arg::Float(value) => arguments.add(value),
                Arg::Bytes(value) => arguments.add(value),
            };
            added.expect("plain values always encode");
        }
        arguments
    }};
}

pub(crate) fn sqlite_query(statement: Sql) -> Query<'static, Sqlite, SqliteArguments> {
    let arguments = arguments_of!(SqliteArguments, statement.args);
    // SQLite looks numbered places up one by one, which for statements of many rows costs more than running them.
    let text = if arguments.len() > 40 { in_turn(statement.text) } else { statement.text };
    sqlx::query_with(AssertSqlSafe(text), arguments)
}

/// `$1 … $2 … $3` as `? … ? … ?`; a text that names its places in another order stays as it is.
fn in_turn(text: String) -> String {
    let mut turned = String::with_capacity(text.len());
    let mut parts = text.split('$');
    turned.push_str(parts.next().unwrap_or(""));
    for (index, part) in parts.enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if part[..digits].parse() != Ok(index + 1) {
            return text;
        }
        turned.push('?');
        turned.push_str(&part[digits..]);
    }
    turned
}

pub(crate) fn postgres_query(statement: Sql) -> Query<'static, Postgres, PgArguments> {
    let arguments = arguments_of!(PgArguments, statement.args);
    // The one place where row locks differ: SQLite's single writer needs none.
    let text = statement
        .text
        .replace("/*for update*/", "FOR UPDATE")
        .replace("/*for no key update*/", "FOR NO KEY UPDATE")
        .replace("/*skip locked*/", "FOR UPDATE SKIP LOCKED");
    sqlx::query_with(AssertSqlSafe(text), arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_turn_need_no_numbers_and_others_keep_them() {
        assert_eq!(in_turn("VALUES ($1, $2), ($3)".into()), "VALUES (?, ?), (?)");
        assert_eq!(in_turn("VALUES ($1, $1)".into()), "VALUES ($1, $1)");
        assert_eq!(in_turn("VALUES ($2, $1)".into()), "VALUES ($2, $1)");
        assert_eq!(in_turn("SELECT '$', $1".into()), "SELECT '$', $1");
    }
}
