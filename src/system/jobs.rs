//! The worker: takes queued jobs from the database and runs them, one after the other per server. Also turns the day over.

use std::time::Duration;

use store::job::{self, Ended, Job};

use super::imports;
use super::people::hand_over;
use crate::shell::app::App;
use crate::shell::bulk_job;
use crate::shell::error::{Error, FieldError, Result};

/// Runs for as long as the server does.
pub async fn work(app: App) {
    loop {
        match next(&app).await {
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
pub async fn next(app: &App) -> Result<bool> {
    turn_day(app).await?;
    let mut tx = app.db.write().await?;
    let Some(job) = job::claim(&mut tx, app.clock.now()).await? else { return Ok(false) };
    tx.commit().await?;
    let outcome = match job.kind.as_str() {
        "import" => imports::engine::run(app, &job).await,
        "import-undo" => imports::undo::run(app, &job).await,
        bulk_job::KIND => bulk_job::run(app, &job).await,
        hand_over::KIND => hand_over::run(app, &job).await,
        other => Err(Error::Internal(format!("no worker knows jobs of kind {other:?}"))),
    };
    finish(app, &job, outcome).await?;
    Ok(true)
}

/// Notes how a job ended. What was wrong is kept as JSON, to be shown in the reader's language.
pub async fn finish(app: &App, job: &Job, outcome: Result<Ended>) -> Result<()> {
    let (state, result) = match outcome {
        Ok(Ended::Lost) => return Ok(()),
        Ok(ended) => (ended.key(), String::new()),
        Err(error) => {
            tracing::error!(id = %job.id, kind = job.kind, ?error, "a job failed");
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

/// Reporting lines that begin or end today come into force.
async fn turn_day(app: &App) -> Result<()> {
    let Ok(config) = app.config(0).await else { return Ok(()) };
    let today = config.today(app.clock.now());
    let as_of: Option<i64> = { app.db.read().await?.value("SELECT lines_as_of FROM organization WHERE id = 1").await? };
    if as_of.is_some_and(|as_of| as_of != today.0) {
        let mut tx = app.db.write().await?;
        super::setup::turn_day(&mut tx, today).await?;
        tx.commit().await?;
    }
    Ok(())
}
