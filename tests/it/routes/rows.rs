//! Which tables a write touched: triggers note it in the same transaction, so that what was taken back leaves no note.

use std::collections::BTreeMap;

use store::Engine;
use testkit::TestApp;

use super::Trial;

impl Trial<'_> {
    /// From here on only what is touched anew counts.
    pub async fn forget_touched(&self) {
        self.app.execute("DELETE FROM touched").await;
    }

    /// The tables of which a row was added, changed or removed since, even if it is as it was.
    pub async fn touched(&self) -> Vec<String> {
        let mut session = self.app.db.read().await.expect("the database can be read");
        let tables = session.all::<(String,)>("SELECT DISTINCT name FROM touched ORDER BY name").await;
        tables.expect("the touched tables can be read").into_iter().map(|(name,)| name).collect()
    }
}

/// Puts triggers on all tables that a refused write must leave alone. Those are all but sign-ins and the fiscal calendar, which
/// is long and fixed.
pub async fn note_touched(app: &TestApp) {
    let engine = app.db.engine();
    let columns = match engine {
        Engine::Sqlite => {
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema()"
        }
    };
    let columns: Vec<(String, String)> = {
        let mut session = app.db.read().await.expect("the database can be read");
        session.all(columns).await.expect("the columns can be listed")
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in columns {
        let is_kept = !matches!(table.as_str(), "session" | "period" | "schema_migration")
            && (!table.starts_with("search_") || table == "search_doc");
        // The last use of a token is bookkeeping.
        if is_kept && (table.as_str(), column.as_str()) != ("api_token", "used_at") {
            tables.entry(table).or_default().push(column);
        }
    }
    assert!(tables.len() > 30, "only {:?}", tables.keys());
    app.execute("CREATE TABLE touched (name TEXT NOT NULL)").await;
    if engine == Engine::Postgres {
        app.execute(
            "CREATE FUNCTION note_touched() RETURNS TRIGGER LANGUAGE plpgsql AS \
             'BEGIN INSERT INTO touched VALUES (TG_TABLE_NAME); RETURN NULL; END'",
        )
        .await;
    }
    for (table, columns) in tables {
        let update = format!("UPDATE OF {}", columns.join(", "));
        for (number, event) in ["INSERT", "DELETE", &update].into_iter().enumerate() {
            // The index of words follows its record.
            if table == "search_doc" && event == update {
                continue;
            }
            let action = match engine {
                Engine::Sqlite => format!("BEGIN INSERT INTO touched VALUES ('{table}'); END"),
                Engine::Postgres => "EXECUTE FUNCTION note_touched()".to_owned(),
            };
            app.execute(
                format!("CREATE TRIGGER touched_{table}_{number} AFTER {event} ON {table} FOR EACH ROW {action}")
                    .as_str(),
            )
            .await;
        }
    }
}
