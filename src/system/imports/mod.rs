//! Imports: a file of somebody else's becomes records of ours. A person uploads a CSV or XLSX file, says which column is
//! which field ([`model::Mapping`]), sees the first rows as they would be read, may check the whole file, and starts.
//! The work is a job in chunks ([`engine`]); rows that can't be taken in do not stop the others and come back as a file.
//! A whole import can be taken back ([`undo`]). The command line and the demo data use the same engine.
//! Requirements: S4, Q12, Q25, Q26.

pub mod api;
mod arrival;
mod command;
mod comparing;
pub mod engine;
mod guess;
mod mapping_page;
pub mod model;
mod names;
mod pages;
mod repeats;
mod result_page;
mod rows;
mod rows_page;
mod seen;
mod sql;
pub mod undo;

use std::path::Path;

use store::job::{self, Job};
use store::{Uuid, new_id};

use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::viewer::Viewer;
use engine::{Ended, Run, Step, sheet_error};
use model::Mapping;
pub use pages::routes;
pub use sql::{Import, KeptRow, Work};

/// Takes a file in from this process (command line, demo data) and runs its import to the end. `progress` hears the counts
/// after every chunk.
pub async fn run_here(
    app: &App,
    viewer: &Viewer,
    file: &Path,
    mapping: &Mapping,
    dry: bool,
    mut progress: impl FnMut(&Import),
) -> Result<Import> {
    let object = app.registry.get(&mapping.object).ok_or_else(|| {
        Error::Invalid(vec![FieldError::new("object", "import-unknown-object").with("value", &mapping.object)])
    })?;
    if !viewer.may_create(object.name) {
        return Err(Error::Forbidden);
    }
    let stored = store_file(app, file).await?;
    let peek = arrival::peek(app, stored.id, mapping, true).await?;
    arrival::has_rows(&peek)?;
    let total = peek.total.unwrap_or(0);
    let mut tx = app.db.write().await?;
    let id = sql::insert(&mut tx, app, viewer.person, object, &stored, mapping, total).await?;
    let import = sql::load(&mut tx, id).await?;
    let job = sql::enqueue(&mut tx, app, &import, if dry { Work::Check } else { Work::Run }).await?;
    let job = job::start(&mut tx, job, app.clock.now()).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    let outcome = run_with(app, &job, &mut progress).await;
    super::jobs::finish(app, &job, outcome.clone()).await?;
    outcome?;
    sql::load(&mut app.db.read().await?, id).await
}

async fn run_with(app: &App, job: &Job, progress: &mut impl FnMut(&Import)) -> Result<Ended> {
    let mut run = match Run::open(app, job).await? {
        Ok(run) => run,
        Err(ended) => return Ok(ended),
    };
    loop {
        let step = run.chunk().await?;
        progress(run.counts());
        if let Step::Ended(ended) = step {
            return Ok(ended);
        }
    }
}

/// The rows that were refused, a page at a time.
pub async fn failed_rows(app: &App, import: Uuid, after: i64, limit: i64) -> Result<Vec<KeptRow>> {
    sql::rows(&mut app.db.read().await?, import, "failed", after, limit).await
}

/// The refused rows as CSV: the file's columns, and what was wrong with each in the viewer's language.
pub async fn write_failed(app: &App, viewer: &Viewer, import: &Import, mut to: impl std::io::Write) -> Result<()> {
    let unwritable = |error: std::io::Error| Error::Internal(error.to_string());
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mut lines = result_page::ErrorLines::open(app, viewer.locale, object, import).await?;
    while let Some(bytes) = lines.next().await? {
        to.write_all(&bytes).map_err(unwritable)?;
    }
    to.flush().map_err(unwritable)
}

/// Copies a file of this machine to where uploaded files lie.
async fn store_file(app: &App, path: &Path) -> Result<sql::Stored> {
    use tokio::io::AsyncReadExt;
    let unreadable = |error: std::io::Error| sheet_error(error.into());
    let mut from = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let id = new_id(&app.clock);
    let mut arriving = app.files.begin(id).await?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = from.read(&mut buffer).await.map_err(unreadable)?;
        if length == 0 {
            break;
        }
        arriving.write(&buffer[..length]).await?;
    }
    let (size, sha256) = arriving.finish().await?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(sql::Stored { id, name, size: size as i64, sha256 })
}
