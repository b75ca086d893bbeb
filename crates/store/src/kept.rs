//! Figures over everything cost more than all else on their page. Their rows are kept for as long as nothing at all is
//! written: under the statement with its arguments, which carries the viewer's scope, so that nobody meets what was read for
//! somebody else unless they asked the very same question. Who asks while it is being answered waits for that answer.

use std::any::{Any, type_name};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, PgConnection, Postgres, Sqlite};
use tokio::sync::OnceCell;

use crate::{Result, Sql};

/// As many answers, of as many rows.
const ANSWERS: usize = 1_000;
const ROWS: usize = 2_000;

/// What was many is many for so long.
const MINUTE: Duration = Duration::from_secs(60);

type Answer = Arc<OnceCell<Arc<dyn Any + Send + Sync>>>;

#[derive(Default)]
pub(crate) struct Kept {
    /// Looks at a SQLite file and never writes: to such a connection the engine says whether somebody else has.
    watch: tokio::sync::Mutex<Option<SqliteConnection>>,
    state: Mutex<State>,
    /// Questions whose answer was "many", and since when.
    many: Mutex<HashMap<String, Instant>>,
}

#[derive(Default)]
struct State {
    /// The data that the answers were read from, or later.
    stamp: String,
    answers: HashMap<String, Answer>,
}

/// The question with its arguments.
pub(crate) fn key_of(question: &Sql) -> String {
    format!("{} {:?}", question.text, question.args)
}

impl Kept {
    /// Changes whenever another connection or process commits to the file.
    pub(crate) async fn stamp_of_sqlite(&self, path: PathBuf) -> Result<String> {
        let mut watch = self.watch.lock().await;
        if watch.is_none() {
            *watch = Some(SqliteConnectOptions::new().filename(path).read_only(true).connect().await?);
        }
        let connection = watch.as_mut().expect("it was just opened");
        let version: i64 = sqlx::query_scalar::<Sqlite, i64>("PRAGMA data_version").fetch_one(connection).await?;
        Ok(version.to_string())
    }

    /// Which transactions are visible: the same ones show the same data.
    pub(crate) async fn stamp_of_postgres(connection: &mut PgConnection) -> Result<String> {
        let text = "SELECT CAST(pg_current_snapshot() AS TEXT)";
        Ok(sqlx::query_scalar::<Postgres, String>(text).fetch_one(connection).await?)
    }

    /// The place of the answer. The stamp was read before: what is put there may be newer than it, never older.
    pub(crate) fn place<T>(&self, stamp: String, question: &Sql) -> (String, Answer) {
        let key = format!("{} {}", key_of(question), type_name::<T>());
        let mut state = self.state.lock().expect("nobody panics while holding the answers");
        if state.stamp != stamp || state.answers.len() >= ANSWERS {
            state.stamp = stamp;
            state.answers.clear();
        }
        let answer = state.answers.entry(key.clone()).or_default().clone();
        (key, answer)
    }

    /// Whether the answer was "many" within the last minute.
    pub(crate) fn was_many(&self, key: &str) -> bool {
        let many = self.many.lock().expect("nobody panics while holding the answers");
        many.get(key).is_some_and(|since| since.elapsed() < MINUTE)
    }

    pub(crate) fn is_many(&self, key: String) {
        let mut many = self.many.lock().expect("nobody panics while holding the answers");
        if many.len() >= ANSWERS {
            many.retain(|_, since| since.elapsed() < MINUTE);
        }
        if many.len() < ANSWERS {
            many.insert(key, Instant::now());
        }
    }

    /// Long answers are not kept.
    pub(crate) fn weigh(&self, key: &str, rows: usize) {
        if rows > ROWS {
            self.state.lock().expect("nobody panics while holding the answers").answers.remove(key);
        }
    }

    pub(crate) async fn close(&self) {
        *self.watch.lock().await = None;
    }
}
