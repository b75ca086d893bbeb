//! The worker: takes queued jobs from the database and runs them, one after the other per server. Also turns the day over.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use store::job::{self, Ended, Job};

use super::imports;
use super::people::hand_over;
use super::upkeep;
use crate::shell::app::App;
use crate::shell::bulk_job;
use crate::shell::error::{Error, FieldError, Result};

/// Runs for as long as the server does.
pub async fn work(app: App) {
    loop {
        match supervised(next(&app)).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(?error, "the job loop could not go on"),
        }
        tokio::select! {
            () = app.jobs.notified() => {}
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

/// Runs one waiting job. `false`: there was none.
///
/// Errors: one that [will pass](Error::will_pass) came in between. The job stays as it stands, and is taken up again at its cursor
/// when nothing has been heard of it for a while.
pub async fn next(app: &App) -> Result<bool> {
    turn_day(app).await?;
    let mut tx = app.db.write().await?;
    let Some(job) = job::claim(&mut tx, app.clock.now()).await? else { return Ok(false) };
    tx.commit().await?;
    see_through(app, &job, run(app, &job)).await?;
    Ok(true)
}

/// Waits for the work of a job, whatever becomes of it, and notes that.
pub async fn see_through(app: &App, job: &Job, work: impl Future<Output = Result<Ended>>) -> Result<()> {
    let outcome = supervised(work).await;
    finish(app, job, outcome).await
}

/// Boxed: what a job keeps while it waits is large, and would be copied from stack to stack.
async fn run(app: &App, job: &Job) -> Result<Ended> {
    match job.kind.as_str() {
        "import" => Box::pin(imports::engine::run(app, job)).await,
        "import-undo" => Box::pin(imports::undo::run(app, job)).await,
        bulk_job::KIND => Box::pin(bulk_job::run(app, job)).await,
        hand_over::KIND => Box::pin(hand_over::run(app, job)).await,
        other => Err(Error::Internal(format!("no worker knows jobs of kind {other:?}"))),
    }
}

/// A panic ends what it happened in, and nothing after it.
async fn supervised<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or_else(|_| Err(Error::Internal("it panicked".into())))
}

/// Notes how a job ended. What was wrong is kept as JSON, to be shown in the reader's language.
///
/// Errors: what stopped the job if it [will pass](Error::will_pass). Then it has not ended.
pub async fn finish(app: &App, job: &Job, outcome: Result<Ended>) -> Result<()> {
    let (state, result) = match outcome {
        Ok(Ended::Lost) => return Ok(()),
        Ok(ended) => (ended.key(), String::new()),
        Err(error) if error.will_pass() => {
            tracing::warn!(id = %job.id, kind = job.kind, ?error, "a job was interrupted and goes on later");
            // Where there is no room even for this, it is taken up after a minute.
            if matches!(error, Error::StorageFull)
                && let Err(error) = put_off(app, job).await
            {
                tracing::warn!(id = %job.id, ?error, "a job without room could not be put off");
            }
            return Err(error);
        }
        Err(error) => {
            tracing::error!(id = %job.id, kind = job.kind, ?error, "a job failed");
            match supervised(fail(app, job)).await {
                Err(error) if error.will_pass() => return Err(error),
                Err(error) => tracing::error!(id = %job.id, ?error, "what a failed job had done could not be noted"),
                Ok(()) => {}
            }
            let errors = match error {
                Error::Invalid(errors) => errors,
                other => vec![FieldError::new("", other.key())],
            };
            ("failed", serde_json::to_string(&errors).unwrap_or_default())
        }
    };
    let mut tx = app.db.write().await?;
    job::finish(&mut tx, job.id, app.clock.now(), state, &result).await?;
    tx.commit().await?;
    Ok(())
}

async fn put_off(app: &App, job: &Job) -> Result<()> {
    let mut tx = app.db.write().await?;
    job::put_off(&mut tx, job.id, app.clock.now()).await?;
    Ok(tx.commit().await?)
}

/// What a job leaves behind that could not go on.
async fn fail(app: &App, job: &Job) -> Result<()> {
    match job.kind.as_str() {
        "import" | "import-undo" => imports::engine::fail(app, job).await,
        bulk_job::KIND => bulk_job::fail(app, job).await,
        _ => Ok(()),
    }
}

/// Reporting lines that begin or end today come into force, and what is over for long is forgotten.
async fn turn_day(app: &App) -> Result<()> {
    let Ok(config) = app.config(0).await else { return Ok(()) };
    let today = config.today(app.clock.now());
    let as_of: Option<i64> = { app.db.read().await?.value("SELECT lines_as_of FROM organization WHERE id = 1").await? };
    if as_of.is_some_and(|as_of| as_of != today.0) {
        let mut tx = app.db.write().await?;
        super::setup::turn_day(&mut tx, today).await?;
        tx.commit().await?;
        // What is left over is forgotten tomorrow.
        if let Err(error) = upkeep::forget_jobs(app).await {
            tracing::warn!(?error, "old jobs could not be forgotten");
        }
    }
    Ok(())
}
