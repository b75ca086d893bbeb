//! The first look through a file, for rows that carry the same key. Nothing is taken in yet. A long file takes long: it is read
//! portion by portion, in between the page learns how far that is, and the job may be stopped.

use store::job::{self, Job};

use super::engine::{Ended, Place, payload_of, sheet_error};
use super::repeats::Keys;
use super::sql::{self as rows_sql, Import};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};

/// So many rows are read in a portion: half a second or so of a workbook.
const PORTION: usize = 20_000;

/// Reads the keys of the whole file. `cursor` is the job's, which is marked as long as this goes on. `Err`: how the job has ended
/// meanwhile.
pub async fn compare(
    app: &App,
    job: &Job,
    import: &mut Import,
    mut keys: Keys,
    place: Place,
    cursor: &mut Option<String>,
) -> Result<Result<Keys, Ended>> {
    let mut marked = place;
    marked.comparing = true;
    let marked = serde_json::to_string(&marked).expect("a place is plain JSON");
    loop {
        let mut tx = app.db.write().await?;
        if !job::is_ours(&mut tx, job.id, cursor.as_deref()).await? {
            return Ok(Err(Ended::Lost));
        }
        let (now, total) = (app.clock.now(), import.rows_total.max(keys.read()));
        if !job::progress(&mut tx, job.id, now, keys.read(), Some(total), &marked).await? {
            let state = if payload_of(job)?.dry { "mapping" } else { "cancelled" };
            rows_sql::give_up_waiting(&mut tx, import).await?;
            rows_sql::set_state(&mut tx, import.id, state, now).await?;
            job::finish(&mut tx, job.id, now, Ended::Cancelled.key(), "").await?;
            tx.commit().await?;
            return Ok(Err(Ended::Cancelled));
        }
        tx.commit().await?;
        *cursor = Some(marked.clone());
        let portion = tokio::task::spawn_blocking(move || {
            let has_more = keys.read_on(PORTION).map_err(sheet_error)?;
            Ok::<_, Error>((keys, has_more))
        });
        let (read, has_more) = portion.await.map_err(|error| Error::Internal(error.to_string()))??;
        if !has_more {
            return Ok(Ok(read));
        }
        keys = read;
    }
}

/// Whether the job is at it.
pub fn is_at_it(job: &Job) -> bool {
    let place: Option<Place> = job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok());
    place.is_some_and(|place| place.comparing)
}
