//! The worker: takes queued jobs from the database and runs them, one after the other per server. Also turns the day over.

use std::time::Duration;

use store::job;

use super::people::hand_over;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};

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
    let (id, kind) = (job.id, job.kind.clone());
    let outcome = match kind.as_str() {
        hand_over::KIND => hand_over::run(app, &job).await,
        other => Err(Error::Internal(format!("no worker knows jobs of kind {other:?}"))),
    };
    let (state, result) = match outcome {
        Ok(state) => (state, String::new()),
        Err(error) => {
            tracing::error!(%id, kind, ?error, "a job failed");
            ("failed", format!("{error:?}"))
        }
    };
    let mut tx = app.db.write().await?;
    job::finish(&mut tx, id, app.clock.now(), state, &result).await?;
    tx.commit().await?;
    Ok(true)
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
