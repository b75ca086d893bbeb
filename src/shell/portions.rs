//! Long work goes portion by portion. A portion is a transaction of its own: what it does and the place behind it are kept together,
//! so a crash loses nothing and does nothing twice.

use store::Tx;
use store::job::{self, Job};

use super::app::App;
use super::error::{Error, Result, Tries};

/// A job at work.
pub struct Portions<'a> {
    pub app: &'a App,
    pub job: &'a Job,
    /// The place as it stands in the database.
    cursor: Option<String>,
    /// At the portion at hand.
    tries: Tries,
}

impl<'a> Portions<'a> {
    /// Goes on where the job stands.
    pub fn of(app: &'a App, job: &'a Job) -> Portions<'a> {
        Portions { app, job, cursor: job.cursor.clone(), tries: Tries::default() }
    }

    /// A transaction for the next portion, or for another try at it. `None`: another server works on the job.
    pub async fn begin(&self) -> Result<Option<Tx>> {
        let mut tx = self.app.db.write().await?;
        Ok(job::is_ours(&mut tx, self.job.id, self.cursor.as_deref()).await?.then_some(tx))
    }

    /// After an error: the portion is tried again if others overtook it, but not for ever.
    pub fn again(&mut self, error: Error) -> Result<()> {
        self.tries.again(error)
    }

    /// Keeps a portion with the place behind it. `false`: the job was asked to stop.
    pub async fn keep(&mut self, mut tx: Tx, done: i64, total: Option<i64>, place: String) -> Result<bool> {
        let goes_on = job::progress(&mut tx, self.job.id, self.app.clock.now(), done, total, &place).await?;
        tx.commit().await?;
        (self.cursor, self.tries) = (Some(place), Tries::default());
        tokio::task::yield_now().await;
        Ok(goes_on)
    }

    /// Ends the job in the transaction of what is done at its end: both or neither.
    pub async fn end(&self, mut tx: Tx, state: &str) -> Result<()> {
        job::finish(&mut tx, self.job.id, self.app.clock.now(), state, "").await?;
        Ok(tx.commit().await?)
    }
}
