//! What can be done with an import once its file is there; called by the pages and by programs, inside their transaction.

use store::{Tx, Uuid, job};

use super::sql::{self, Import, Work};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::Viewer;

/// Queues the check, the import itself or its undo. The caller wakes the jobs when it has committed.
///
/// Errors: 409 from a state that does not allow it.
pub(super) async fn queue(tx: &mut Tx, app: &App, viewer: &Viewer, id: Uuid, work: Work) -> Result<Import> {
    let import = sql::find(tx, viewer, id).await?;
    if work == Work::Undo && import.object == "person" {
        return Err(Error::Refused { status: 409, key: "import-people-stay" });
    }
    sql::enqueue(tx, app, &import, work).await?;
    Ok(import)
}

/// Forgets an import that never wrote anything, with its rows and its file. `fits`: whether it is the version that was seen.
///
/// Errors: 409 once it has run.
pub(super) async fn remove(app: &App, viewer: &Viewer, id: Uuid, fits: impl Fn(&Import) -> Result<()>) -> Result<()> {
    let import = loop {
        let mut tx = app.db.write().await?;
        let import = sql::find(&mut tx, viewer, id).await?;
        fits(&import)?;
        if !sql::may_be_removed(&import) {
            return Err(Error::Refused { status: 409, key: "import-already-runs" });
        }
        let is_last = sql::forget_rows(&mut tx, import.id).await?;
        if is_last {
            sql::remove(&mut tx, &import).await?;
        }
        tx.commit().await?;
        if is_last {
            break import;
        }
    };
    Ok(app.files.remove(import.file_id).await?)
}

/// Stops between two chunks; what was taken in stays and can be undone.
pub(super) async fn cancel(tx: &mut Tx, app: &App, viewer: &Viewer, id: Uuid) -> Result<Import> {
    let import = sql::find(tx, viewer, id).await?;
    if let Some(id) = import.job_id {
        let now = app.clock.now();
        job::request_cancel(tx, id, now).await?;
        let job = job::find(tx, id).await?;
        // Nobody had begun: then nobody will note it either.
        if job.is_some_and(|job| job.state == "cancelled" && job.started_at.is_none()) {
            let back = if import.state == "undoing" { "done" } else { "mapping" };
            sql::set_state(tx, import.id, back, now).await?;
        }
    }
    Ok(import)
}
