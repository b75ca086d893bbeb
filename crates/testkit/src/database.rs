//! A database of its own for every test: a SQLite file in a temporary folder, or a database on the shared PostgreSQL server.
//! The schema and the organisation come from a template that is made once per build of the tests.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use store::{Clock, Engine};
use trivet::shell::calendar::Calendar;
use trivet::shell::i18n::Locale;
use trivet::system::setup;

use crate::postgres;

/// The first administrator of every template, and the password of everybody in a test.
pub const ADMINISTRATOR: &str = "admin@trivet.test";
pub const PASSWORD: &str = "correct horse battery";

/// When tests happen: a Tuesday morning in Shanghai.
pub fn start() -> jiff::Timestamp {
    "2026-11-24T01:30:00Z".parse().expect("the instant is well formed")
}

/// A temporary folder that goes with the value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = postgres::base().join(unique("run"));
        // One that was killed may have left its folder: numbers of processes come again, and a log of writes that lay there would be
        // taken for the new file's.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Default for Folder {
    fn default() -> Folder {
        Folder::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn unique(kind: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{kind}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A database that exists for as long as the value does.
pub struct Database {
    pub engine: Engine,
    pub folder: Folder,
    name: String,
}

impl Database {
    /// Without any table.
    pub async fn empty(engine: Engine) -> Database {
        let database = Database { engine, folder: Folder::new(), name: unique("test") };
        if engine == Engine::Postgres {
            administer(&format!("CREATE DATABASE {}", database.name)).await;
        }
        database
    }

    /// Migrated, with an organisation and its administrator.
    pub async fn set_up(engine: Engine) -> Database {
        let template = template(engine).await;
        let database = Database { engine, folder: Folder::new(), name: unique("test") };
        match engine {
            Engine::Sqlite => {
                fs::copy(base_file(&template), database.folder.path().join("trivet.db"))
                    .expect("the template is there");
            }
            Engine::Postgres => {
                let _lock = tokio::task::spawn_blocking(|| postgres::lock("template.lock")).await;
                administer(&format!("CREATE DATABASE {} TEMPLATE {template}", database.name)).await;
            }
        }
        database
    }

    pub fn url(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite:{}", self.folder.path().join("trivet.db").display()),
            Engine::Postgres => postgres::url(&self.name),
        }
    }

    pub async fn open(&self) -> store::Db {
        store::Db::open(&self.url()).await.expect("the test database opens")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.engine == Engine::Postgres {
            let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            let dropped = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let _ = runtime.block_on(postgres::administer(&statement));
                std::io::Result::Ok(())
            });
            let _ = dropped.join();
        }
    }
}

async fn administer(statement: &str) {
    postgres::administer(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

fn base_file(template: &str) -> PathBuf {
    postgres::base().join(format!("{template}.db"))
}

/// Which build of the tests this is: a template made by another one may have another schema.
fn build() -> u64 {
    let program = std::env::current_exe().expect("a program knows its file");
    let metadata = fs::metadata(&program).expect("a program's file is there");
    let mut hasher = DefaultHasher::new();
    (program, metadata.len(), metadata.modified().ok()).hash(&mut hasher);
    hasher.finish()
}

/// Makes the template of this build unless it is there, and names it.
async fn template(engine: Engine) -> String {
    let name = format!("template_{:016x}", build());
    let _lock =
        tokio::task::spawn_blocking(|| postgres::lock("template.lock")).await.expect("taking a lock does not panic");
    match engine {
        Engine::Sqlite => {
            let ready = base_file(&name);
            if !ready.exists() {
                sweep();
                let folder = Folder::new();
                let file = folder.path().join("trivet.db");
                fill(&format!("sqlite:{}", file.display())).await;
                fs::rename(file, ready).expect("the temporary folder is writable");
            }
        }
        Engine::Postgres => {
            let made = format!("ALTER DATABASE {name} IS_TEMPLATE true");
            if postgres::administer(&made).await.is_err() {
                let draft = unique("draft");
                administer(&format!("CREATE DATABASE {draft}")).await;
                fill(&postgres::url(&draft)).await;
                administer(&format!("ALTER DATABASE {draft} RENAME TO {name}")).await;
                administer(&made).await;
            }
        }
    }
    name
}

/// Templates and folders of earlier builds and runs that ended badly.
fn sweep() {
    let Ok(entries) = fs::read_dir(postgres::base()) else { return };
    let old = SystemTime::now() - Duration::from_secs(6 * 3600);
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_old = entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|at| at < old);
        if is_old && name.starts_with("template_") {
            let _ = fs::remove_file(entry.path());
        } else if is_old && name.starts_with("run_") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

async fn fill(url: &str) {
    let app = trivet::app::open(url, Path::new("/nonexistent"), Clock::frozen(start()), false)
        .await
        .expect("the template can be migrated");
    let organization = setup::Organization {
        name: "Trivet Test".into(),
        locale: Locale::En,
        base_currency: "CNY".into(),
        zone: "Asia/Shanghai".into(),
        fiscal_start_month: 1,
        calendar: Calendar::Months,
    };
    trivet::cli::set_up(&app, &organization, "Administrator", ADMINISTRATOR, PASSWORD)
        .await
        .expect("the organisation can be set up");
    app.db.close().await;
}
