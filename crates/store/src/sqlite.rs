//! How a SQLite file is opened: the connection that writes, and those that read.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::{Result, StoreError};

/// How long a locked file is waited for.
const BUSY: Duration = Duration::from_secs(10);

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(600)
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-8000")
        .pragma("mmap_size", "1073741824")
        .row_buffer_size(256)
        .disable_statement_logging()
}

/// The one writer changes pages all over the indexes. Room for them, and a log that is carried over less often, let many
/// changes of a page be written as one; what is mapped into memory would only count twice.
pub(crate) fn writer_options(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.pragma("cache_size", "-64000").pragma("mmap_size", "0").pragma("wal_autocheckpoint", "15000")
}

/// Servers that start together on a new file: whoever turns it to WAL, or closes it last, locks it whole for a moment, and SQLite
/// tells the others "busy" at once, whatever their time-out says.
pub(crate) async fn connect_alone(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    let until = Instant::now() + BUSY;
    loop {
        match options.connect().await.map_err(StoreError::from) {
            Err(error) if error.is_busy() && Instant::now() < until => tokio::time::sleep(BUSY / 500).await,
            outcome => return outcome,
        }
    }
}

pub(crate) fn readers() -> u32 {
    std::thread::available_parallelism().map_or(4, |n| (n.get() as u32 * 2).clamp(4, 16))
}
