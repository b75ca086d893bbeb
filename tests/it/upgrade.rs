//! Q6: a database of every earlier schema, with a row in every table, is upgraded to the schema of a fresh install and keeps
//! its rows, with what stands in every column that is still there. The schema of every release, and one from before the first, are kept in
//! `tests/dumps/{number}.json` as the program of that day made them, written once by
//! `cargo it --run-ignored only -E 'test(write_a_dump)'` and never changed again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};
use store::{Arg, Cell, Cells, Db, Engine, Migration, Sql, Uuid, sql};
use testkit::{Database, on_both_empty};
use trivet::app::MIGRATIONS;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dumps")
}

/// A column as SQLite declares it; PostgreSQL's differ only in the names of types.
struct Column {
    name: String,
    kind: String,
    /// The table it points to.
    target: Option<String>,
}

/// The tables of a SQLite database, each after those it points to.
async fn tables(db: &Db) -> Vec<(String, Vec<Column>)> {
    let mut session = db.read().await.expect("the database can be read");
    let names: Vec<(String,)> = session
        .all("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name NOT IN ('schema_migration', 'search_doc') ORDER BY name")
        .await
        .expect("tables are listed");
    let mut waiting = Vec::new();
    for (name,) in names {
        let keys: Vec<(String, String)> = session
            .all(sql!("SELECT \"from\", \"table\" FROM pragma_foreign_key_list($1)", &name))
            .await
            .expect("keys are listed");
        let columns: Vec<(String, String)> = session
            .all(sql!("SELECT name, type FROM pragma_table_info($1) ORDER BY cid", &name))
            .await
            .expect("columns are listed");
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(column, kind)| Column {
                target: keys.iter().find(|(from, _)| *from == column).map(|(_, table)| table.clone()),
                name: column,
                kind,
            })
            .collect();
        waiting.push((name, columns));
    }
    let mut sorted: Vec<(String, Vec<Column>)> = Vec::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        for (name, columns) in std::mem::take(&mut waiting) {
            let is_free = columns
                .iter()
                .filter_map(|column| column.target.as_ref())
                .all(|target| *target == name || sorted.iter().any(|(done, _)| done == target));
            if is_free { sorted.push((name, columns)) } else { waiting.push((name, columns)) }
        }
        assert!(waiting.len() < before, "tables point to each other in a circle");
    }
    sorted
}

/// The same id for the same table every time.
fn id_of(name: &str) -> Uuid {
    let mut bytes = [7u8; 16];
    for (index, byte) in name.bytes().enumerate() {
        bytes[index % 16] = bytes[index % 16].wrapping_mul(31).wrapping_add(byte);
    }
    Uuid::from_bytes(bytes)
}

/// A schema as SQLite describes it, with a row for every table of it.
async fn dump(migrations: &[Migration]) -> Json {
    let database = Database::empty(Engine::Sqlite).await;
    let db = database.open().await;
    db.migrate(migrations).await.expect("the schema can be made");
    let mut rows = Vec::new();
    for (table, columns) in tables(&db).await {
        let mut row = Map::new();
        for column in columns {
            let value = match (column.kind.as_str(), &column.target) {
                (_, Some(target)) => json!(id_of(target)),
                ("BLOB", None) if column.name == "id" => json!(id_of(&table)),
                ("BLOB", None) => json!(id_of(&column.name)),
                ("TEXT", None) => json!(format!("{table} {}", column.name)),
                ("BOOLEAN", None) => json!(true),
                _ => json!(1),
            };
            row.insert(column.name, json!([column.kind, value]));
        }
        rows.push(json!({ "table": table, "row": row }));
    }
    let schema = schema(&db).await;
    db.close().await;
    let digests: BTreeMap<&str, String> =
        migrations.iter().map(|migration| (migration.name, digest(migration.text))).collect();
    json!({ "migrations": digests, "rows": rows, "schema": schema })
}

/// FNV-1a: enough to notice that a released migration was edited.
fn digest(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

async fn load(db: &Db, dump: &Json) {
    let known = dump["migrations"].as_object().expect("a dump names its migrations");
    for (name, digest_then) in known {
        let migration = MIGRATIONS.iter().find(|migration| migration.name == name);
        let migration = migration.unwrap_or_else(|| panic!("the released migration {name} is gone"));
        assert_eq!(
            Some(digest(migration.text).as_str()),
            digest_then.as_str(),
            "the released migration {name} was edited: write a new one"
        );
    }
    let old: Vec<Migration> =
        MIGRATIONS.iter().filter(|migration| known.contains_key(migration.name)).copied().collect();
    db.migrate(&old).await.expect("the old schema can be made");
    if db.engine() == Engine::Sqlite {
        // What the program of that day made of the same text; PostgreSQL's own descriptions change with its versions.
        let then: BTreeSet<String> = serde_json::from_value(dump["schema"].clone()).expect("a dump has a schema");
        let now = schema(db).await;
        let differences: Vec<&String> = now.symmetric_difference(&then).collect();
        assert!(differences.is_empty(), "a released migration makes another schema than it did: {differences:#?}");
    }
    let mut tx = db.write().await.expect("a transaction begins");
    for row in dump["rows"].as_array().expect("a dump has rows") {
        let table = row["table"].as_str().unwrap_or("");
        let row = row["row"].as_object().expect("a row has columns");
        let names: Vec<String> = row.keys().map(|name| format!("\"{name}\"")).collect();
        let mut statement = Sql::new(format!("INSERT INTO \"{table}\" ({}) VALUES (", names.join(", ")));
        statement.bind_list(row.values().map(|cell| match (cell[0].as_str().unwrap_or(""), &cell[1]) {
            ("BLOB", Json::String(id)) => Arg::Id(id.parse().ok()),
            (_, Json::String(text)) => Arg::Text(Some(text.clone())),
            (_, Json::Bool(value)) => Arg::Bool(Some(*value)),
            (kind, Json::Number(number)) if kind.starts_with("DOUBLE") || kind == "REAL" => Arg::Float(number.as_f64()),
            (_, number) => Arg::Int(number.as_i64()),
        }));
        statement.push(")");
        tx.execute(statement).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    tx.commit().await.expect("the commit succeeds");
}

/// The schema as the engine itself describes it.
async fn schema(db: &Db) -> BTreeSet<String> {
    let mut session = db.read().await.expect("the database can be read");
    let statement = match db.engine() {
        Engine::Sqlite => "SELECT type || ' ' || name || ': ' || COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'",
        Engine::Postgres => {
            "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') || ' ' || COALESCE(collation_name, '')
               FROM information_schema.columns WHERE table_schema = current_schema()
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
             UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = current_schema()::regnamespace"
        }
    };
    let rows: Vec<(String,)> = session.all(statement).await.expect("the schema can be read");
    rows.into_iter().map(|(row,)| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

async fn count(db: &Db, table: &str) -> i64 {
    let mut session = db.read().await.expect("the database can be read");
    session.value(format!("SELECT COUNT(*) FROM \"{table}\"").as_str()).await.expect("rows are counted").unwrap_or(0)
}

async fn columns(db: &Db, table: &str) -> Vec<String> {
    let mut session = db.read().await.expect("the database can be read");
    let statement = match db.engine() {
        Engine::Sqlite => "SELECT name FROM pragma_table_info($1) ORDER BY cid",
        Engine::Postgres => {
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns
              WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let rows: Vec<(String,)> = session.all(sql!(statement, table)).await.expect("columns are listed");
    rows.into_iter().map(|(name,)| name).collect()
}

async fn contents(db: &Db, table: &str, columns: &[String]) -> Vec<Cells> {
    let mut session = db.read().await.expect("the database can be read");
    let columns = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    session.all(format!("SELECT {columns} FROM \"{table}\"").as_str()).await.expect("rows can be read")
}

/// Loads an old database, upgrades it, and compares it with a fresh one.
async fn upgrade(database: &Database, dump: &Json, what: &str) {
    let db = database.open().await;
    load(&db, dump).await;
    let mut before = Vec::new();
    for row in dump["rows"].as_array().expect("a dump has rows") {
        let table = row["table"].as_str().unwrap_or("");
        before.push((table, columns(&db, table).await, contents(&db, table, &columns(&db, table).await).await));
    }
    db.migrate(MIGRATIONS).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    for (table, had, rows) in before {
        let has = columns(&db, table).await;
        let at: Vec<usize> = (0..had.len()).filter(|at| has.contains(&had[*at])).collect();
        let common: Vec<String> = at.iter().map(|at| had[*at].clone()).collect();
        let kept = contents(&db, table, &common).await;
        for Cells(row) in rows {
            let row = Cells(at.iter().map(|at| row[*at].clone()).collect());
            assert!(kept.contains(&row), "{what}: {table} {common:?} held {row:?}, and now {kept:?}");
        }
    }
    for row in dump["rows"].as_array().expect("a dump has rows") {
        let table = row["table"].as_str().unwrap_or("");
        assert!(count(&db, table).await >= 1, "{what}: the row in {table} is lost");
        if let Some(id) = row["row"].get("id").filter(|id| id[0] == "BLOB") {
            let id: Uuid = id[1].as_str().and_then(|id| id.parse().ok()).expect("an id");
            let mut session = db.read().await.expect("the database can be read");
            let kept: Vec<Cells> = session
                .all(sql!(format!("SELECT id FROM \"{table}\" WHERE id = $1"), id))
                .await
                .expect("rows can be read");
            assert_eq!(kept, [Cells(vec![Cell::Id(id)])], "{what}: {table}");
        }
    }
    let fresh = Database::empty(database.engine).await;
    let fresh_db = fresh.open().await;
    fresh_db.migrate(MIGRATIONS).await.expect("a fresh schema can be made");
    let (upgraded, fresh_schema) = (schema(&db).await, schema(&fresh_db).await);
    let differences: Vec<&String> = upgraded.symmetric_difference(&fresh_schema).collect();
    assert!(differences.is_empty(), "{what}: {differences:#?}");
    fresh_db.close().await;
    db.close().await;
}

#[test]
fn a_database_of_every_earlier_schema_is_upgraded_and_keeps_its_rows() {
    on_both_empty(async |database| {
        for steps in 1..=MIGRATIONS.len() {
            let dump = dump(&MIGRATIONS[..steps]).await;
            assert!(!dump["rows"].as_array().expect("rows").is_empty());
            let own = Database::empty(database.engine).await;
            upgrade(&own, &dump, MIGRATIONS[steps - 1].name).await;
        }
    });
}

#[test]
fn a_database_of_every_released_schema_is_upgraded_and_keeps_its_rows() {
    let mut dumps: Vec<PathBuf> = fs::read_dir(folder())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    dumps.sort();
    assert!(!dumps.is_empty(), "there is no dump in {}", folder().display());
    on_both_empty(async |database| {
        for path in &dumps {
            let dump: Json =
                serde_json::from_str(&fs::read_to_string(path).expect("a dump can be read")).expect("a dump is JSON");
            let own = Database::empty(database.engine).await;
            upgrade(&own, &dump, &path.display().to_string()).await;
        }
    });
}

#[test]
fn addresses_that_were_kept_as_they_were_typed_are_in_lower_case_after_an_upgrade() {
    on_both_empty(async |database| {
        let steps =
            MIGRATIONS.iter().position(|migration| migration.number() == 26).expect("the step that lowers them");
        let dump = dump(&MIGRATIONS[..steps]).await;
        let own = Database::empty(database.engine).await;
        let db = own.open().await;
        load(&db, &dump).await;
        let mut tx = db.write().await.expect("a transaction begins");
        for table in ["contact", "lead"] {
            let typed = sql!(format!("UPDATE {table} SET email = $1"), "Ann.Moe@One.Example");
            assert_eq!(tx.execute(typed).await.expect("the row is changed"), 1, "{table}");
        }
        tx.commit().await.expect("the commit succeeds");
        db.migrate(MIGRATIONS).await.expect("the schema can be brought up");
        let mut session = db.read().await.expect("the database can be read");
        for table in ["contact", "lead"] {
            let kept: Option<String> =
                session.value(format!("SELECT email FROM {table}").as_str()).await.expect("rows can be read");
            assert_eq!(kept.as_deref(), Some("ann.moe@one.example"), "{table}");
        }
        drop(session);
        db.close().await;
    });
}

#[test]
#[ignore = "run once for every release, to keep its schema for the test above"]
fn write_a_dump() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let dump = runtime.block_on(dump(MIGRATIONS));
    fs::create_dir_all(folder()).expect("the folder can be made");
    let number = MIGRATIONS.last().map_or(0, Migration::number);
    let path = folder().join(format!("{number:04}.json"));
    assert!(!path.exists(), "{} is there already: a released schema does not change", path.display());
    let mut text = serde_json::to_string(&dump).expect("JSON");
    // A line each, so that a review can read it.
    for (before, after) in [("{\"table\"", "\n{\"table\""), ("\"index ", "\n\"index "), ("\"table ", "\n\"table ")] {
        text = text.replace(before, after);
    }
    fs::write(path, text).expect("the dump can be written");
}
