//! What nobody asks for any more is taken away once a day, so that the database does not grow for ever.

use store::{Tx, Uuid, first_id_at, sql};

use crate::shell::app::App;
use crate::shell::bulk_outcome;
use crate::shell::error::Result;

/// For so long a job can be looked at after its end. What it did is offered for undoing for 30 days; the history of the records
/// themselves stays.
const DAYS: i64 = 90;

/// Forgets the jobs that were over so long ago, with what became of each record. The job that an import names stays: an undo that
/// was stopped goes on from there, however late.
pub async fn forget_jobs(app: &App) -> Result<()> {
    let before = app.clock.now().plus_seconds(-DAYS * 86_400);
    // Ids begin with the time: jobs from since then are not looked at.
    const OVER: &str = "SELECT id FROM job WHERE id < $1 AND finished_at < $2
        AND id NOT IN (SELECT job_id FROM import WHERE job_id IS NOT NULL) ORDER BY id";
    let over: Vec<(Uuid,)> = app.db.read().await?.all(sql!(OVER, first_id_at(before), before)).await?;
    for (job,) in over {
        while !forget_portion(app, job).await? {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// A transaction of its own for each portion: nobody else's writing waits for a million rows. Whether this was the last one.
async fn forget_portion(app: &App, job: Uuid) -> Result<bool> {
    let mut tx = app.db.write().await?;
    if !store::job::hold(&mut tx, job).await? || is_being_undone(&mut tx, job).await? {
        return Ok(true);
    }
    let is_last = bulk_outcome::forget(&mut tx, job).await?;
    if is_last {
        tx.execute(sql!("DELETE FROM job WHERE id = $1", job)).await?;
    }
    tx.commit().await?;
    Ok(is_last)
}

/// Whether a job that is not over names this one.
async fn is_being_undone(tx: &mut Tx, job: Uuid) -> Result<bool> {
    const NAMED: &str = "SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running') AND payload LIKE $1";
    Ok(tx.value::<i64>(sql!(NAMED, format!("%{job}%"))).await? != Some(0))
}
