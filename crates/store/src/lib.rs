//! The database under Trivet: SQLite or PostgreSQL from one SQL text, transactions, migrations, search, jobs,
//! events, files and backup. Nothing in here knows what an account or a quota is.
//!
//! Conventions of the schema, the same on both engines:
//! - ids are UUIDv7 (`{id}` in migrations: 16 bytes on SQLite, `uuid` on PostgreSQL), so they sort by time;
//! - instants are BIGINT microseconds since 1970 UTC ([`Instant`]), civil dates are BIGINT days since 1970-01-01
//!   ([`Day`]): durations are then plain subtraction and no SQL needs an engine's own date functions;
//! - money is BIGINT minor units beside a currency column; aggregates are `CAST` to BIGINT or DOUBLE PRECISION.

mod arg;
pub mod backup;
mod bind;
mod db;
pub mod event;
pub mod file;
pub mod job;
mod kept;
mod migrate;
pub mod newest;
pub mod search;
mod sound;
mod sql;
mod sqlite;
pub mod statistics;
pub mod sum;
mod time;
mod writer;

pub use arg::{Arg, Cell, Cells};
pub use db::{Db, Engine, Session, StoreRow, Tx};
pub use migrate::Migration;
pub use newest::Newest;
pub use sql::Sql;
pub use time::{Clock, Day, Instant};
pub use uuid::Uuid;

/// A fresh row id: UUIDv7, made from the clock so that ids sort by time.
pub fn new_id(clock: &Clock) -> Uuid {
    if clock.is_real() {
        return Uuid::now_v7();
    }
    // A frozen clock moves by single microseconds: they stand right behind the millisecond, so that order is kept.
    let micros = clock.now().0.max(0) as u64;
    let (seconds, nanos) = (micros / 1_000_000, (micros % 1_000_000) as u32 * 1000);
    Uuid::new_v7(uuid::Timestamp::from_unix_time(seconds, nanos, u128::from(micros % 1000), 12))
}

/// The smallest id that can have been made at this time: ids begin with its milliseconds.
pub fn first_id_at(at: Instant) -> Uuid {
    Uuid::from_u128((at.0.max(0) as u128 / 1000) << 80)
}

/// The smallest id of the millisecond after the one in which this id was made.
pub fn first_id_after(id: Uuid) -> Uuid {
    Uuid::from_u128(((id.as_u128() >> 80) + 1) << 80)
}

/// Cuts rows into batches for statements of many rows: of a few fixed sizes, so that each statement's text is prepared once.
pub fn batches<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    batches_of(rows, &[200, 50, 10, 1])
}

/// Batches of these sizes, the largest first; the last one is 1.
fn batches_of<'r, T>(rows: &'r [T], sizes: &'static [usize]) -> impl Iterator<Item = &'r [T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let size = sizes.iter().copied().find(|size| *size <= rest.len())?;
        let (batch, after) = rest.split_at(size);
        rest = after;
        Some(batch)
    })
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("database: {0}")]
    Sqlx(#[from] sqlx::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(
        "the database has schema {found}, this program knows only up to {known}; start the newer program, or restore a backup made before the upgrade"
    )]
    NewerSchema { found: i64, known: i64 },
    #[error("migration {0} differs from the one that was applied; the program and the database do not belong together")]
    ChangedMigration(String),
    #[error("{0}")]
    Invalid(String),
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// A unique key stood in the way: the caller turns it into a field error.
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, StoreError::Sqlx(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// The disk (or the database's space) is full: reads go on, writes are refused until there is room.
    pub fn is_storage_full(&self) -> bool {
        match self {
            StoreError::Sqlx(sqlx::Error::Database(error)) => {
                // SQLITE_FULL, no room for the shared memory of the WAL, disk_full.
                matches!(error.code().as_deref(), Some("13" | "4874" | "53100"))
            }
            StoreError::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    /// PostgreSQL broke this transaction off because two waited for each other: the same again may well succeed.
    pub fn is_overtaken(&self) -> bool {
        let StoreError::Sqlx(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("40P01" | "40001"))
    }

    /// Somebody else has the SQLite file locked (SQLITE_BUSY and what it is made more precise to: recovery, snapshot, time-out).
    pub(crate) fn is_busy(&self) -> bool {
        let StoreError::Sqlx(sqlx::Error::Database(error)) = self else { return false };
        matches!(error.code().as_deref(), Some("5" | "261" | "517" | "773"))
    }

    /// SQLite may roll a whole transaction back by itself on these: busy, out of memory, interrupted, I/O, corrupt, full.
    pub(crate) fn ends_transaction(&self) -> bool {
        let StoreError::Sqlx(sqlx::Error::Database(error)) = self else { return false };
        let Some(error) = error.try_downcast_ref::<sqlx::sqlite::SqliteError>() else { return false };
        let code = sqlx::error::DatabaseError::code(error).and_then(|code| code.parse::<i32>().ok());
        code.is_some_and(|code| matches!(code & 0xff, 5 | 7 | 9 | 10 | 11 | 13))
    }

    /// The database can't be reached right now; the same request may succeed in a moment.
    pub fn is_unavailable(&self) -> bool {
        match self {
            StoreError::Sqlx(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            StoreError::Sqlx(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08") || code == "53300")
            }
            _ => false,
        }
    }
}
