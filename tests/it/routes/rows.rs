//! What stands in the tables, before and after a refused write.

use std::collections::BTreeMap;

use store::Engine;
use testkit::TestApp;

use super::Trial;

impl Trial<'_> {
    pub async fn rows(&self) -> BTreeMap<String, Option<String>> {
        let mut session = self.app.db.read().await.expect("the database can be read");
        // Read again only if anything was written.
        let tables: Vec<(String, Option<String>)> =
            session.all_kept(self.contents.as_str()).await.expect("the tables can be read");
        tables.into_iter().collect()
    }
}

/// A statement that answers with the name of each table whose rows a refused write must leave alone, and all its rows as one
/// text. Those are all tables but sign-ins and the fiscal calendar, which is long and fixed.
pub async fn contents(app: &TestApp) -> String {
    let columns = match app.db.engine() {
        Engine::Sqlite => {
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema()"
        }
    };
    let mut session = app.db.read().await.expect("the database can be read");
    let columns: Vec<(String, String)> = session.all(columns).await.expect("the columns can be listed");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in columns {
        let is_kept = !matches!(table.as_str(), "session" | "period" | "schema_migration")
            && (!table.starts_with("search_") || table == "search_doc");
        if is_kept {
            tables.entry(table).or_default().push(column);
        }
    }
    assert!(tables.len() > 30, "only {:?}", tables.keys());
    let text = |column: &String| match app.db.engine() {
        Engine::Sqlite => format!("quote({column})"),
        Engine::Postgres => format!("COALESCE(quote_literal({column}), 'NULL')"),
    };
    let selects = tables.iter().map(|(table, columns)| {
        let from = match table.as_str() {
            // History is only ever added to; the index of words follows its record; the last use of a token is bookkeeping.
            "event" => return "SELECT 'event', CAST(COUNT(*) AS TEXT) FROM event".to_owned(),
            "search_doc" => return "SELECT 'search_doc', CAST(COUNT(*) AS TEXT) FROM search_doc".to_owned(),
            _ => columns.iter().filter(|column| table != "api_token" || *column != "used_at"),
        };
        let row = from.map(text).collect::<Vec<_>>().join(" || ',' || ");
        match app.db.engine() {
            Engine::Sqlite => format!("SELECT '{table}', group_concat({row}, ';') FROM {table}"),
            Engine::Postgres => format!("SELECT '{table}', string_agg({row}, ';' ORDER BY {row}) FROM {table}"),
        }
    });
    selects.collect::<Vec<_>>().join(" UNION ALL ")
}
