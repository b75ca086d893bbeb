//! The one writer of a SQLite database. Writers queue on a mutex; when more than one waits, their
//! transactions share one `COMMIT` (group commit), so that `synchronous=FULL` costs one disk flush for many writers.
//! Each member of a group after the first is a savepoint: a member that fails takes nothing of the others with it, and no member
//! is told "done" before the group is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::Sqlite;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::{Result, StoreError};

/// Who may write, one after the other.
pub(crate) struct Writer {
    pub(crate) state: Arc<Mutex<WriterState>>,
    waiting: AtomicUsize,
    /// The log will be carried over soon.
    carries: AtomicBool,
}

/// The connection, and the group that is open on it.
pub(crate) struct WriterState {
    pub(crate) connection: SqliteConnection,
    /// A `BEGIN IMMEDIATE` is open and may hold finished members that wait for the shared `COMMIT`.
    open: bool,
    /// The member at work is a savepoint. The first of a group is none: until it is finished the transaction is its own, and
    /// SQLite need not keep a copy of every page that it changes.
    apart: bool,
    /// The last member went away without commit; its savepoint must be rolled back before anything else. What it met
    /// (`Failed`: nothing special) is what the group is told if that proves impossible.
    pub(crate) abandoned: Option<Fate>,
    members: Vec<oneshot::Sender<Fate>>,
    /// How many groups are on disk.
    pub(crate) commits: u64,
}

/// What became of a finished member of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Stored,
    StorageFull,
    Failed,
}

impl Fate {
    pub(crate) fn of(error: &StoreError) -> Fate {
        if error.is_storage_full() { Fate::StorageFull } else { Fate::Failed }
    }

    fn outcome(self) -> Result<()> {
        match self {
            Fate::Stored => Ok(()),
            Fate::StorageFull => Err(StoreError::Io(std::io::ErrorKind::StorageFull.into())),
            Fate::Failed => Err(StoreError::Invalid("the write could not be stored".into())),
        }
    }
}

/// How many transactions share one `COMMIT` at most.
const GROUP: usize = 64;

/// How long after a change its pages go from the log into the database. As long as the log holds any, readers look every page
/// up there first.
const CARRY_OVER: Duration = Duration::from_secs(2);

pub(crate) async fn raw(connection: &mut SqliteConnection, text: &'static str) -> Result<()> {
    sqlx::query::<Sqlite>(text).execute(connection).await?;
    Ok(())
}

/// Steps in which the writer's state and its connection must stay in agreement: they go on when the client that asked for
/// them goes away in the middle (its handler is then dropped at whatever it waits for).
pub(crate) async fn to_the_end<T: Send + 'static>(
    steps: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match tokio::spawn(steps).await {
        Ok(outcome) => outcome,
        Err(_) => Err(StoreError::Invalid("the write was broken off".into())),
    }
}

/// A place in the writers' queue. Given up early (a client that went away), it makes sure that a group which
/// counted on it still gets its commit.
pub(crate) struct Place {
    writer: Arc<Writer>,
    taken: bool,
}

impl Place {
    pub(crate) fn queue(writer: Arc<Writer>) -> Place {
        writer.waiting.fetch_add(1, Ordering::SeqCst);
        Place { writer, taken: false }
    }
    pub(crate) async fn take(mut self) -> OwnedMutexGuard<WriterState> {
        let guard = self.writer.state.clone().lock_owned().await;
        self.taken = true;
        guard
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.writer.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.taken {
            self.writer.flush_soon();
        }
    }
}

impl Writer {
    pub(crate) fn of(connection: SqliteConnection) -> Writer {
        let state =
            WriterState { connection, open: false, apart: false, abandoned: None, members: Vec::new(), commits: 0 };
        Writer { state: Arc::new(Mutex::new(state)), waiting: AtomicUsize::new(0), carries: AtomicBool::new(false) }
    }

    /// Carries the log over into the database, once for all that is written until then.
    fn carry_over_soon(self: &Arc<Self>) {
        if self.carries.swap(true, Ordering::SeqCst) {
            return;
        }
        let writer = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(CARRY_OVER).await;
            let Some(writer) = writer.upgrade() else { return };
            writer.carries.store(false, Ordering::SeqCst);
            let mut state = writer.state.lock().await;
            // A group that is open asks again when it ends.
            if !state.open {
                let _ = raw(&mut state.connection, "PRAGMA wal_checkpoint(PASSIVE)").await;
            }
        });
    }

    /// Commits whatever group is still open.
    pub(crate) async fn flush(&self) {
        let mut state = self.state.lock().await;
        state.settle_abandoned().await;
        let _ = state.commit_group().await;
    }

    pub(crate) fn flush_soon(self: &Arc<Self>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let writer = self.clone();
            runtime.spawn(async move { writer.flush().await });
        }
    }
}

impl WriterState {
    pub(crate) async fn begin_member(&mut self) -> Result<()> {
        self.settle_abandoned().await;
        self.apart = self.open;
        if self.apart {
            return raw(&mut self.connection, "SAVEPOINT member").await;
        }
        raw(&mut self.connection, "BEGIN IMMEDIATE").await?;
        self.open = true;
        Ok(())
    }

    async fn settle_abandoned(&mut self) {
        let Some(met) = self.abandoned.take() else { return };
        if !self.apart {
            // Nobody else is in the transaction yet.
            return self.fail_group(met).await;
        }
        // This fails when the engine has rolled everything back by itself: then the whole group is lost.
        if raw(&mut self.connection, "ROLLBACK TO member; RELEASE member").await.is_err() {
            self.fail_group(met).await;
        }
    }

    async fn commit_group(&mut self) -> Result<()> {
        if !self.open {
            return Ok(());
        }
        match raw(&mut self.connection, "COMMIT").await {
            Ok(()) => {
                self.open = false;
                self.commits += 1;
                for member in self.members.drain(..) {
                    let _ = member.send(Fate::Stored);
                }
                Ok(())
            }
            Err(error) => {
                self.fail_group(Fate::of(&error)).await;
                Err(error)
            }
        }
    }

    /// The engine gave the whole group up (disk full, I/O error): nobody was told "done" yet, so all are told "failed".
    pub(crate) async fn fail_group(&mut self, fate: Fate) {
        let _ = raw(&mut self.connection, "ROLLBACK").await;
        self.open = false;
        for member in self.members.drain(..) {
            let _ = member.send(fate);
        }
    }
}

/// Ends a member: alone or as the last of its group with the `COMMIT`; else it waits for the one that comes.
pub(crate) async fn commit_member(mut guard: OwnedMutexGuard<WriterState>, writer: Arc<Writer>) -> Result<()> {
    if guard.apart
        && let Err(error) = raw(&mut guard.connection, "RELEASE member").await
    {
        guard.fail_group(Fate::of(&error)).await;
        return Err(error);
    }
    let someone_waits = writer.waiting.load(Ordering::SeqCst) > 0;
    if !someone_waits || guard.members.len() + 1 >= GROUP {
        writer.carry_over_soon();
        return guard.commit_group().await;
    }
    let (tell, told) = oneshot::channel();
    guard.members.push(tell);
    drop(guard);
    // A waiter that was counted may have left just before we queued; its Place flushes for us.
    told.await.unwrap_or(Fate::Failed).outcome()
}
