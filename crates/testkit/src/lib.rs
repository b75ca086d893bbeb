//! Worlds for tests: a fresh database on either engine, a frozen clock, people with roles and managers, records made by the
//! same commands that pages use, and requests through the real router with a person's session.
//!
//! ```ignore
//! #[test]
//! fn a_seller_sees_their_account() {
//!     on_both(async |app| {
//!         let lin = app.person("Lin Yan").role(Role::Seller).create().await;
//!         let account = app.account(&lin, "Acme").await;
//!         let page = app.get(&lin, &format!("/accounts/{account}")).await;
//!         assert_eq!(page.status, 200);
//!         assert!(page.statements <= 12, "{} statements", page.statements);
//!     });
//! }
//! ```
//!
//! PostgreSQL is never skipped: [`postgres`] starts a temporary server that all test processes of this user share.

#![expect(clippy::zombie_processes, reason = "the server that all test processes share is stopped by its watchdog")]

pub mod app;
pub mod database;
pub mod postgres;

pub use app::{Answer, Person, PersonBuilder, TestApp, form};
pub use database::{Database, Folder};
pub use store::Engine;
pub use trivet::shell::access::Role;

/// Both engines, the quick one first.
pub const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// Runs a test on a fresh application on SQLite and then on PostgreSQL.
pub fn on_both(test: impl AsyncFn(&TestApp)) {
    for engine in ENGINES {
        on(engine, &test);
    }
}

/// Runs a test on a fresh application on one engine.
pub fn on(engine: Engine, test: impl AsyncFn(&TestApp)) {
    // Shown only when the test fails.
    eprintln!("on {engine:?}");
    // On the heap, because tests are long and not optimised: half the stack would be theirs.
    let test = Box::pin(async {
        let app = TestApp::new(engine).await;
        Box::pin(test(&app)).await;
        app.app.db.close().await;
    });
    runtime().block_on(test);
}

/// Runs a test on a database without any table, on both engines.
pub fn on_both_empty(test: impl AsyncFn(&Database)) {
    for engine in ENGINES {
        eprintln!("on {engine:?}");
        runtime().block_on(async {
            let database = Database::empty(engine).await;
            test(&database).await;
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime can be built")
}
