//! What every handler can reach: the database, the clock, the files, the settings.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use store::file::Files;
use store::{Clock, Db, Tx};
use tokio::sync::Notify;

use super::config::Config;
use super::error::{Error, Result};
use super::limit::Limits;
use super::record::{Actor, Registry};
use super::viewer::Viewer;

#[derive(Clone)]
pub struct App(Arc<Inner>);

pub struct Inner {
    pub db: Db,
    pub clock: Clock,
    pub files: Files,
    pub registry: &'static Registry,
    pub limits: Limits,
    /// Rung when a job is queued here, so that it starts at once.
    pub jobs: Notify,
    /// Cookies are marked `Secure` and named `__Host-…` when the site is served by HTTPS.
    pub https: bool,
    /// Asked for by the set-up page: only who reads the server's terminal may found the organisation.
    pub setup_code: String,
    config: RwLock<Option<Arc<Config>>>,
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub fn new(db: Db, clock: Clock, files: Files, registry: &'static Registry, https: bool) -> App {
        App(Arc::new(Inner {
            db,
            clock,
            files,
            registry,
            limits: Limits::default(),
            jobs: Notify::new(),
            https,
            setup_code: new_code(),
            config: RwLock::new(None),
        }))
    }

    /// The settings of at least this version; read anew when they have grown.
    ///
    /// Errors: [`Error::Unavailable`] before an organisation was set up.
    pub async fn config(&self, at_least: i64) -> Result<Arc<Config>> {
        let kept = self.config.read().expect("nobody panics while holding the settings").clone();
        if let Some(config) = kept.filter(|config| config.version >= at_least) {
            return Ok(config);
        }
        let mut session = self.db.read().await?;
        let config = Arc::new(Config::load(&mut session).await?.ok_or(Error::Unavailable)?);
        *self.config.write().expect("nobody panics while holding the settings") = Some(config.clone());
        Ok(config)
    }

    /// The settings of a version as a transaction sees them. Not kept for others: it may be rolled back yet.
    pub async fn config_within(&self, tx: &mut Tx, version: i64) -> Result<Arc<Config>> {
        let kept = self.config.read().expect("nobody panics while holding the settings").clone();
        match kept.filter(|config| config.version == version) {
            Some(config) => Ok(config),
            None => Ok(Arc::new(Config::load(tx).await?.ok_or(Error::Unavailable)?)),
        }
    }

    /// Whether there is an organisation. Once there is one it stays, so the answer "yes" costs nothing.
    pub async fn is_set_up(&self) -> Result<bool> {
        if self.config.read().expect("nobody panics while holding the settings").is_some() {
            return Ok(true);
        }
        let mut session = self.db.read().await?;
        let Some(config) = Config::load(&mut session).await? else { return Ok(false) };
        *self.config.write().expect("nobody panics while holding the settings") = Some(Arc::new(config));
        Ok(true)
    }

    /// Makes a change as somebody at a page: all of it, or nothing when it is refused.
    pub async fn at_page<T>(&self, viewer: &Viewer, make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>) -> Result<T> {
        self.in_one_write(viewer, "page", make).await
    }

    /// Makes a change as a program does.
    pub async fn at_api<T>(&self, viewer: &Viewer, make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>) -> Result<T> {
        self.in_one_write(viewer, "api", make).await
    }

    async fn in_one_write<T>(
        &self,
        viewer: &Viewer,
        via: &'static str,
        make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>,
    ) -> Result<T> {
        let (mut tx, actor) = self.write_as(viewer, via).await?;
        let made = make(&mut tx, &actor).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// A transaction for a change, and who makes it, with the rights and settings that are in force then. Its instant is that at
    /// which its turn to write has come: a change that was stamped while it waited would seem older than what others have looked
    /// at meanwhile, and be written over unseen (Q31).
    pub async fn write_as(&self, viewer: &Viewer, via: &'static str) -> Result<(Tx, Actor)> {
        let mut tx = self.db.write().await?;
        let viewer = viewer.as_it_stands(self, &mut tx).await?;
        Ok((tx, self.actor(&viewer, via)))
    }

    pub fn actor(&self, viewer: &Viewer, via: &'static str) -> Actor {
        let now = self.clock.now();
        Actor {
            viewer: viewer.clone(),
            via,
            clock: self.clock.clone(),
            now,
            today: viewer.config.today(now),
            import: None,
            import_reason: None,
            registry: self.registry,
            accounts: HashMap::new(),
        }
    }
}

/// Ten letters and digits that can be read out: no 0 and O, no 1, I and L.
fn new_code() -> String {
    const SIGNS: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    let mut code: String =
        rand::random::<[u8; 10]>().iter().map(|byte| SIGNS[usize::from(*byte) % 31] as char).collect();
    code.insert(5, '-');
    code
}
