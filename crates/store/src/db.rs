//! Connections and transactions on either engine.

use std::any::Any;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream::BoxStream;
use futures_util::{TryFutureExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgRow};
use sqlx::sqlite::{SqliteConnection, SqlitePoolOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, FromRow, PgPool, Postgres, Sqlite, SqlitePool};
use tokio::sync::OwnedMutexGuard;

use crate::bind::{postgres_query, sqlite_query};
use crate::kept::{self, Kept};
use crate::writer::{Fate, Place, Writer, WriterState, commit_member, raw, to_the_end};
use crate::{Cells, Result, Sql, StoreError, sqlite};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A row type that both engines can fill: derive `sqlx::FromRow`, or use a tuple.
pub trait StoreRow: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> StoreRow for T {}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    shared: Arc<Shared>,
}

/// What all sessions of a handle have in common.
#[derive(Default)]
struct Shared {
    statements: AtomicU64,
    kept: Kept,
    /// Statements as they are run, for who measures the bare engine with them.
    heard: std::sync::Mutex<Option<Vec<Sql>>>,
    listens: AtomicBool,
}

impl Shared {
    fn note(&self, statement: &Sql) {
        self.statements.fetch_add(1, Ordering::Relaxed);
        if self.listens.load(Ordering::Relaxed)
            && let Some(heard) = &mut *self.heard.lock().expect("nobody panics while holding the list")
        {
            heard.push(statement.clone());
        }
    }
}

#[derive(Clone)]
enum Pool {
    Sqlite { readers: SqlitePool, writer: Arc<Writer>, path: PathBuf },
    Postgres(PgPool),
}

impl Db {
    /// Opens `sqlite:path/to/file.db`, `sqlite://…` or `postgres://…`. SQLite files are created when missing.
    pub async fn open(url: &str) -> Result<Db> {
        let pool = if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)?
                .application_name("trivet")
                .statement_cache_capacity(600)
                .disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(connections_for_postgres())
                .acquire_timeout(Duration::from_secs(8))
                .test_before_acquire(false)
                // A page's statements are over before machine code for them is made.
                .after_connect(|connection, _| Box::pin(connection.execute("SET jit = off").map_ok(drop)))
                .connect_with(options)
                .await?;
            Pool::Postgres(pool)
        } else {
            let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).ok_or_else(|| {
                StoreError::Invalid(format!("database address {url:?}: must begin with sqlite: or postgres:"))
            })?;
            let options = sqlite::options(Path::new(path));
            let connection = sqlite::connect_alone(&sqlite::writer_options(options.clone())).await?;
            let readers = SqlitePoolOptions::new()
                .max_connections(sqlite::readers())
                .acquire_timeout(Duration::from_secs(8))
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
                .connect_lazy_with(options.read_only(true).create_if_missing(false));
            Pool::Sqlite { readers, writer: Arc::new(Writer::of(connection)), path: path.into() }
        };
        Ok(Db { pool, shared: Arc::default() })
    }

    pub fn engine(&self) -> Engine {
        match self.pool {
            Pool::Sqlite { .. } => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// The file of a SQLite database.
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.pool {
            Pool::Sqlite { path, .. } => Some(path),
            Pool::Postgres(_) => None,
        }
    }

    /// How many statements this handle has run: the measure behind "a list page costs at most 8".
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// How many times the one writer of a SQLite database waited for the disk: less often than there were writes, where they
    /// shared a commit. PostgreSQL groups them itself.
    pub async fn commits(&self) -> u64 {
        match &self.pool {
            Pool::Sqlite { writer, .. } => writer.state.lock().await.commits,
            Pool::Postgres(_) => 0,
        }
    }

    /// Writes down every statement from now on; what was written down so far.
    pub fn listen(&self) -> Vec<Sql> {
        self.shared.listens.store(true, Ordering::Relaxed);
        let mut heard = self.shared.heard.lock().expect("nobody panics while holding the list");
        heard.replace(Vec::new()).unwrap_or_default()
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Session> {
        let inner = match &self.pool {
            Pool::Sqlite { readers, path, .. } => Inner::SqliteRead(readers.acquire().await?, path.clone()),
            Pool::Postgres(pool) => Inner::PgRead(pool.acquire().await?),
        };
        Ok(Session { inner, shared: self.shared.clone(), poisoned: None })
    }

    /// A transaction for writing. Dropped without [`Tx::commit`], it leaves nothing behind.
    pub async fn write(&self) -> Result<Tx> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                let guard = Place::queue(writer.clone()).take().await;
                let (shared, writer) = (self.shared.clone(), writer.clone());
                to_the_end(async move {
                    let inner = Inner::SqliteWrite(guard);
                    let session = Session { inner, shared, poisoned: None };
                    let mut tx = Tx { session: Some(session), writer: Some(writer) };
                    tx.begin().await?;
                    Ok(tx)
                })
                .await
            }
            Pool::Postgres(pool) => {
                let inner = Inner::PgWrite(pool.begin().await?);
                let session = Session { inner, shared: self.shared.clone(), poisoned: None };
                Ok(Tx { session: Some(session), writer: None })
            }
        }
    }

    /// Waits for open work and closes every connection.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { readers, writer, .. } => {
                writer.flush().await;
                readers.close().await;
                self.shared.kept.close().await;
                let _ = raw(&mut writer.state.lock().await.connection, "PRAGMA wal_checkpoint(TRUNCATE)").await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    /// Runs `use_connection` on the raw SQLite writer, outside any transaction (backup, pragmas).
    pub(crate) async fn with_sqlite_writer<T>(
        &self,
        use_connection: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T>,
    ) -> Result<T> {
        let Pool::Sqlite { writer, .. } = &self.pool else {
            return Err(StoreError::Invalid("not a SQLite database".into()));
        };
        writer.flush().await;
        use_connection(&mut writer.state.lock().await.connection).await
    }
}

fn connections_for_postgres() -> u32 {
    std::env::var("TRIVET_DATABASE_CONNECTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(16)
}

/// A connection on which statements run; [`Tx`] is one that also commits.
pub struct Session {
    inner: Inner,
    shared: Arc<Shared>,
    poisoned: Option<Fate>,
}

enum Inner {
    /// With the file, which may be looked at from elsewhere.
    SqliteRead(PoolConnection<Sqlite>, PathBuf),
    SqliteWrite(OwnedMutexGuard<WriterState>),
    PgRead(PoolConnection<Postgres>),
    PgWrite(sqlx::Transaction<'static, Postgres>),
}

/// Runs the same expression on whichever engine is behind the session.
macro_rules! on_engine {
    ($session:expr, $statement:expr, |$query:ident, $connection:ident| $body:expr) => {{
        let statement: Sql = $statement;
        $session.shared.note(&statement);
        match &mut $session.inner {
            Inner::SqliteRead(held, _) => {
                let $connection: &mut SqliteConnection = &mut *held;
                let $query = sqlite_query(statement);
                $body
            }
            Inner::SqliteWrite(held) => {
                let $connection: &mut SqliteConnection = &mut held.connection;
                let $query = sqlite_query(statement);
                $body
            }
            Inner::PgRead(held) => {
                let $connection: &mut PgConnection = &mut *held;
                let $query = postgres_query(statement);
                $body
            }
            Inner::PgWrite(held) => {
                let $connection: &mut PgConnection = &mut *held;
                let $query = postgres_query(statement);
                $body
            }
        }
    }};
}

impl Session {
    pub fn engine(&self) -> Engine {
        match self.inner {
            Inner::SqliteRead(..) | Inner::SqliteWrite(_) => Engine::Sqlite,
            Inner::PgRead(_) | Inner::PgWrite(_) => Engine::Postgres,
        }
    }

    /// Every row.
    pub async fn all<T: StoreRow>(&mut self, statement: impl Into<Sql>) -> Result<Vec<T>> {
        self.refuse_if_poisoned()?;
        let outcome = on_engine!(self, statement.into(), |query, connection| {
            let rows = query.fetch_all(connection).await;
            rows.and_then(|rows| rows.iter().map(T::from_row).collect())
        });
        self.watch(outcome)
    }

    /// Every row, kept for the next who asks the same while nothing is written: for figures over many rows.
    pub async fn all_kept<T: StoreRow + Clone + Sync + 'static>(
        &mut self,
        statement: impl Into<Sql>,
    ) -> Result<Vec<T>> {
        let statement = statement.into();
        let shared = self.shared.clone();
        let stamp = match &mut self.inner {
            Inner::SqliteRead(_, path) => shared.kept.stamp_of_sqlite(path.clone()).await?,
            Inner::PgRead(held) => Kept::stamp_of_postgres(held).await?,
            // A transaction sees what it wrote itself.
            Inner::SqliteWrite(_) | Inner::PgWrite(_) => return self.all(statement).await,
        };
        let (key, answer) = shared.kept.place::<T>(stamp, &statement);
        let answer = answer
            .get_or_try_init(async || {
                let rows: Vec<T> = self.all(statement).await?;
                shared.kept.weigh(&key, rows.len());
                Ok::<Arc<dyn Any + Send + Sync>, StoreError>(Arc::new(rows))
            })
            .await?;
        Ok(answer.downcast_ref::<Vec<T>>().cloned().unwrap_or_default())
    }

    /// A count that stops above `many`: more than that is believed for a minute, also while others write, because counting far is
    /// what a page would wait for. Less is counted anew as soon as anything was written.
    pub async fn count_many(&mut self, statement: impl Into<Sql>, many: i64) -> Result<i64> {
        let statement = statement.into();
        // A transaction counts for itself: what it writes down is exact.
        if matches!(self.inner, Inner::SqliteWrite(_) | Inner::PgWrite(_)) {
            return Ok(self.value::<i64>(statement).await?.unwrap_or(0));
        }
        let (shared, key) = (self.shared.clone(), kept::key_of(&statement));
        if shared.kept.was_many(&key) {
            return Ok(many + 1);
        }
        let counted = self.all_kept::<(i64,)>(statement).await?.first().map_or(0, |(counted,)| *counted);
        if counted > many {
            shared.kept.is_many(key);
        }
        Ok(counted)
    }

    /// About how many rows each of the tables has, quickly: to choose between two ways, not to be shown.
    pub async fn rows_about(&mut self, tables: &[&str]) -> Result<Vec<i64>> {
        let about = |table: &&str| match self.engine() {
            // Rows are numbered as they come; deleted ones are few.
            Engine::Sqlite => format!("COALESCE((SELECT MAX(rowid) FROM {table}), 0)"),
            // −1 until the table was looked at for the first time: then it is small.
            Engine::Postgres => {
                format!("(SELECT GREATEST(0, CAST(reltuples AS BIGINT)) FROM pg_class WHERE oid = '{table}'::regclass)")
            }
        };
        let counts: Vec<String> = tables.iter().map(about).collect();
        // Not kept: to ask whether it still holds would cost as much.
        let row = self.optional::<Cells>(format!("SELECT {}", counts.join(", ")).as_str()).await?;
        Ok(row.map_or_else(Vec::new, |Cells(cells)| cells.iter().map(|cell| cell.int().unwrap_or(0)).collect()))
    }

    /// The row, if there is one.
    pub async fn optional<T: StoreRow>(&mut self, statement: impl Into<Sql>) -> Result<Option<T>> {
        self.refuse_if_poisoned()?;
        let outcome = on_engine!(self, statement.into(), |query, connection| {
            let row = query.fetch_optional(connection).await;
            row.and_then(|row| row.as_ref().map(T::from_row).transpose())
        });
        self.watch(outcome)
    }

    /// Exactly one row; an error when there is none.
    pub async fn one<T: StoreRow>(&mut self, statement: impl Into<Sql>) -> Result<T> {
        self.optional(statement).await?.ok_or(StoreError::Sqlx(sqlx::Error::RowNotFound))
    }

    /// The first column of the first row.
    pub async fn value<T>(&mut self, statement: impl Into<Sql>) -> Result<Option<T>>
    where
        (T,): StoreRow,
    {
        Ok(self.optional::<(T,)>(statement).await?.map(|(value,)| value))
    }

    /// Runs a statement; how many rows it touched.
    pub async fn execute(&mut self, statement: impl Into<Sql>) -> Result<u64> {
        self.refuse_if_poisoned()?;
        let outcome = on_engine!(self, statement.into(), |query, connection| {
            query.execute(connection).await.map(|done| done.rows_affected())
        });
        self.watch(outcome)
    }

    /// Rows one after the other, for exports that must not hold a whole table.
    pub fn stream<'a, T: StoreRow + 'a>(&'a mut self, statement: impl Into<Sql>) -> BoxStream<'a, Result<T>> {
        on_engine!(self, statement.into(), |query, connection| {
            Box::pin(query.fetch(connection).map_err(StoreError::from).and_then(async |row| Ok(T::from_row(&row)?)))
        })
    }

    /// A script of several statements without arguments (migrations).
    pub(crate) async fn script(&mut self, text: String) -> Result<()> {
        let script = sqlx::raw_sql(AssertSqlSafe(text));
        match &mut self.inner {
            Inner::SqliteRead(held, _) => script.execute(&mut **held).await.map(drop)?,
            Inner::SqliteWrite(held) => script.execute(&mut held.connection).await.map(drop)?,
            Inner::PgRead(held) => script.execute(&mut **held).await.map(drop)?,
            Inner::PgWrite(held) => script.execute(&mut **held).await.map(drop)?,
        }
        Ok(())
    }

    fn refuse_if_poisoned(&self) -> Result<()> {
        if self.poisoned.is_some() {
            return Err(StoreError::Invalid("the transaction has already failed".into()));
        }
        Ok(())
    }

    /// After an I/O failure SQLite may have rolled back by itself: nothing more may run on this transaction,
    /// or it would run outside of any.
    fn watch<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T> {
        let outcome = outcome.map_err(StoreError::from);
        if let Err(error) = &outcome
            && (error.is_storage_full() || error.is_unavailable() || error.ends_transaction())
        {
            self.poisoned = Some(Fate::of(error));
        }
        outcome
    }
}

/// A write transaction; a [`Session`] that must be committed.
pub struct Tx {
    session: Option<Session>,
    writer: Option<Arc<Writer>>,
}

impl Tx {
    /// Joins or opens the group.
    async fn begin(&mut self) -> Result<()> {
        let Some(Session { inner: Inner::SqliteWrite(guard), .. }) = &mut self.session else { return Ok(()) };
        if let Err(error) = guard.begin_member().await {
            // A failure here must not leave the members before us waiting for a commit that never comes.
            guard.fail_group(Fate::of(&error)).await;
            self.writer = None;
            return Err(error);
        }
        Ok(())
    }

    /// Makes it durable. Returns only when it is on disk.
    pub async fn commit(mut self) -> Result<()> {
        // What is refused here is rolled back by `drop`.
        self.refuse_if_poisoned()?;
        let session = self.session.take().expect("a transaction holds its session until it ends");
        match session.inner {
            Inner::PgWrite(transaction) => Ok(transaction.commit().await?),
            Inner::SqliteWrite(guard) => {
                let writer = self.writer.take().expect("a SQLite transaction knows its writer");
                to_the_end(commit_member(guard, writer)).await
            }
            Inner::SqliteRead(..) | Inner::PgRead(_) => unreachable!("a transaction is never a reader"),
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let (Some(Session { inner: Inner::SqliteWrite(mut guard), poisoned, .. }), Some(writer)) =
            (self.session.take(), self.writer.take())
        {
            guard.abandoned = Some(poisoned.unwrap_or(Fate::Failed));
            drop(guard);
            writer.flush_soon();
        }
    }
}

impl Deref for Tx {
    type Target = Session;
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("a transaction holds its session until it ends")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        self.session.as_mut().expect("a transaction holds its session until it ends")
    }
}

/// `sql!("SELECT … WHERE id = $1", id)`: a statement with its arguments.
#[macro_export]
macro_rules! sql {
    ($text:expr $(, $arg:expr)* $(,)?) => {
        $crate::Sql { text: ::std::string::String::from($text), args: ::std::vec![$($crate::Arg::from($arg)),*] }
    };
}

impl From<&str> for Sql {
    fn from(text: &str) -> Sql {
        Sql::new(text)
    }
}
