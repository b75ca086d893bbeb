//! Backup and restore on and between both engines; damage is always noticed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use store::file::Files;
use store::{Cells, Engine, Migration, backup, sql};
use testkit::{Database, ENGINES, Folder, TestApp, on, on_both, on_both_empty};
use trivet::app::MIGRATIONS;
use trivet::cli_backup as command;

/// An application with a few records and an uploaded file; the path of its archive.
async fn archived(app: &TestApp, folder: &Folder) -> PathBuf {
    let seller = app.person("林燕").create().await;
    for name in ["上海云帆科技有限公司", "Acme Corporation"] {
        let account = app.account(&seller, name).await;
        app.create("contact", &seller, &[("name", "王芳"), ("mobile", "13912345678")]).await;
        app.opportunity(&seller, &format!("{name} CRM"), account).await;
    }
    let id = store::new_id(&app.clock);
    let sha256 = app.files.put(id, b"a contract").await.expect("a file can be stored");
    app.execute(sql!(
        "INSERT INTO stored_file (id, name, media_type, size, sha256, created_at) VALUES ($1, 'contract.pdf', 'application/pdf', 10, $2, $3)",
        id,
        sha256,
        app.clock.now()
    ))
    .await;
    let archive = folder.path().join("backup.trivet");
    backup::create(&app.db, &app.files, MIGRATIONS, app.clock.now(), &archive).await.expect("a backup can be made");
    archive
}

/// Every row of every table as text, for comparing databases of either engine.
async fn content(db: &store::Db, tables: impl Iterator<Item = &String>) -> BTreeMap<String, Vec<String>> {
    let mut content = BTreeMap::new();
    let mut session = db.read().await.expect("the database can be read");
    for table in tables.filter(|table| !["session", "schema_migration"].contains(&table.as_str())) {
        let rows: Vec<Cells> = session
            .all(format!("SELECT * FROM \"{table}\"").as_str())
            .await
            .unwrap_or_else(|error| panic!("{table}: {error}"));
        let mut rows: Vec<String> = rows.into_iter().map(|Cells(cells)| format!("{cells:?}")).collect();
        rows.sort();
        content.insert(table.clone(), rows);
    }
    content
}

#[test]
fn an_archive_of_either_engine_is_restored_on_either_engine() {
    for source in ENGINES {
        on(source, async |app| {
            let folder = Folder::new();
            let archive = archived(app, &folder).await;
            let manifest = backup::check(&archive).await.expect("the archive is sound");
            assert_eq!(manifest.schema, MIGRATIONS.last().map_or(0, Migration::number));
            assert_eq!(manifest.rows["account"], 2);
            assert_eq!(manifest.parts.len(), 2);
            let original = content(&app.db, manifest.rows.keys()).await;
            for engine in ENGINES {
                eprintln!("{source:?} to {engine:?}");
                let target = Database::empty(engine).await;
                let data = target.folder.path();
                command::restore(&target.url(), data, &archive).await.expect("the archive can be restored");
                let restored = target.open().await;
                assert_eq!(content(&restored, manifest.rows.keys()).await, original);
                restored.close().await;
                drop(restored);
                // The restored system works: people sign in, search finds, files are there.
                let again = TestApp::of(target).await;
                let lin = again.sign_in("linyan@trivet.test").await;
                assert_eq!(again.get(&lin, "/me").await.status, 200);
                assert_eq!(again.search(&lin, "account", "云帆").await, 1);
                assert_eq!(again.search(&lin, "contact", "5678").await, 2);
                let file: Option<store::Uuid> = again.value("SELECT id FROM stored_file").await;
                assert_eq!(again.files.get(file.expect("one file")).await.expect("it is there"), b"a contract");
                again.account(&lin, "Written after the restore").await;
            }
        });
    }
}

#[test]
fn sessions_do_not_come_back_with_a_restore() {
    on_both(async |app| {
        let folder = Folder::new();
        let archive = archived(app, &folder).await;
        assert_eq!(app.get(&app.administrator, "/me").await.status, 200);
        let target = Database::empty(app.db.engine()).await;
        command::restore(&target.url(), target.folder.path(), &archive).await.expect("the archive can be restored");
        let restored = target.open().await;
        let sessions: Option<i64> =
            restored.read().await.expect("a session").value("SELECT COUNT(*) FROM session").await.expect("a count");
        assert_eq!(sessions, Some(0));
        restored.close().await;
    });
}

#[test]
fn a_restore_that_is_broken_off_while_it_indexes_is_finished_by_the_next_start() {
    for source in ENGINES {
        on(source, async |app| {
            let folder = Folder::new();
            let archive = archived(app, &folder).await;
            for engine in ENGINES {
                eprintln!("{source:?} to {engine:?}");
                let target = Database::empty(engine).await;
                let files = Files::new(target.folder.path().join("files"));
                // All that the command does before it indexes.
                backup::restore(&archive, &target.url(), &files, MIGRATIONS).await.expect("it can be restored");
                let left = target.open().await;
                let mut session = left.read().await.expect("a session");
                let sessions: Option<i64> = session.value("SELECT COUNT(*) FROM session").await.expect("a count");
                assert_eq!(sessions, Some(0), "nobody is signed in");
                drop(session);
                left.close().await;
                drop(left);
                let again = TestApp::of(target).await;
                let lin = again.sign_in("linyan@trivet.test").await;
                assert_eq!(again.search(&lin, "account", "云帆").await, 1);
                assert_eq!(again.search(&lin, "contact", "5678").await, 2);
                let edition: Option<i64> = again.value("SELECT words_edition FROM organization").await;
                assert_eq!(edition, Some(store::search::EDITION));
            }
        });
    }
}

#[test]
fn a_restore_never_overwrites() {
    on_both(async |app| {
        let folder = Folder::new();
        let archive = archived(app, &folder).await;
        // Onto a database in use.
        let refused = command::restore(&app.database.url(), folder.path(), &archive).await.expect_err("it is refused");
        assert!(refused.contains("organisation") || refused.contains("a server has this database open"), "{refused}");
        // Onto one that is not in use, but full.
        let other = Database::set_up(app.db.engine()).await;
        let refused = command::restore(&other.url(), other.folder.path(), &archive).await.expect_err("it is refused");
        assert!(refused.contains("organisation"), "{refused}");
        // An empty one that a server has open.
        let empty = Database::empty(app.db.engine()).await;
        let server = empty.open().await;
        server.migrate(MIGRATIONS).await.expect("the schema can be made");
        server
            .read()
            .await
            .expect("a reader")
            .value::<i64>("SELECT COUNT(*) FROM organization")
            .await
            .expect("a count");
        let refused = command::restore(&empty.url(), empty.folder.path(), &archive).await.expect_err("it is refused");
        assert!(refused.contains("a server has this database open"), "{refused}");
        server.close().await;
        drop(server);
        // Closed, it can be filled.
        let mut outcome = Err(String::new());
        for _ in 0..50 {
            outcome = command::restore(&empty.url(), empty.folder.path(), &archive).await;
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        outcome.expect("an empty database can be filled");
        // A backup does not overwrite either.
        let again = backup::create(&app.db, &app.files, MIGRATIONS, app.clock.now(), &archive).await;
        assert!(again.expect_err("it is refused").to_string().contains("exists already"));
    });
}

#[test]
fn an_archive_of_a_newer_program_is_refused() {
    on(Engine::Sqlite, async |app| {
        let folder = Folder::new();
        let archive = archived(app, &folder).await;
        let target = Database::empty(Engine::Sqlite).await;
        let files = Files::new(target.folder.path().join("files"));
        let older = &MIGRATIONS[..MIGRATIONS.len() - 1];
        let refused = backup::restore(&archive, &target.url(), &files, older).await;
        assert!(matches!(refused, Err(store::StoreError::NewerSchema { .. })), "{refused:?}");
        assert!(!target.folder.path().join("trivet.db").exists());
    });
}

#[test]
fn an_archive_of_an_older_program_is_upgraded() {
    on_both_empty(async |database| {
        let folder = Folder::new();
        let older = &MIGRATIONS[..1];
        let db = database.open().await;
        db.migrate(older).await.expect("the schema can be made");
        let files = Files::new(folder.path().join("files"));
        let archive = folder.path().join("old.trivet");
        backup::create(&db, &files, older, store::Instant(0), &archive).await.expect("a backup can be made");
        let target = Database::empty(database.engine).await;
        backup::restore(&archive, &target.url(), &files, MIGRATIONS).await.expect("the archive can be restored");
        let restored = target.open().await;
        assert_eq!(restored.schema_version().await, MIGRATIONS.last().map_or(0, Migration::number));
        restored.close().await;
        db.close().await;
    });
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    on(Engine::Sqlite, async |app| {
        let folder = Folder::new();
        let archive = archived(app, &folder).await;
        let whole = fs::read(&archive).expect("the archive can be read");
        let damaged = folder.path().join("damaged.trivet");
        let mut noticed = 0;
        let mut dice = 5u64;
        let mut roll = |sides: usize| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) as usize % sides
        };
        for round in 0..1000 {
            let mut bytes = whole.clone();
            match round % 4 {
                // Anywhere, near the end (directory and digest), a cut, a piece that is missing.
                0 => bytes[roll(whole.len())] ^= 1 << roll(8),
                1 => bytes[whole.len() - 1 - roll(2000.min(whole.len()))] ^= 1 << roll(8),
                2 => bytes.truncate(roll(whole.len())),
                _ => {
                    let from = roll(whole.len() - 1);
                    bytes.drain(from..(from + 1 + roll(100)).min(whole.len()));
                }
            }
            fs::write(&damaged, bytes).expect("the copy can be written");
            match backup::check(&damaged).await {
                Ok(_) => panic!("round {round}: the damage was not noticed"),
                Err(error) => assert!(error.to_string().contains("damaged"), "round {round}: {error}"),
            }
            noticed += 1;
            if round % 100 == 0 {
                let target = Database::empty(Engine::Sqlite).await;
                let files = Files::new(target.folder.path().join("files"));
                assert!(backup::restore(&damaged, &target.url(), &files, MIGRATIONS).await.is_err());
                assert!(!target.folder.path().join("trivet.db").exists(), "nothing is left of a damaged archive");
            }
        }
        assert_eq!(noticed, 1000);
        for other in [
            &b""[..],
            b"x",
            b"PK\x05\x06 not an archive of ours, but long enough to hold a digest at its very end, or is it",
        ] {
            fs::write(&damaged, other).expect("the copy can be written");
            assert!(backup::check(&damaged).await.is_err());
        }
        assert!(backup::check(&folder.path().join("nowhere")).await.is_err());
    });
}

const PROBE: &[Migration] = &[Migration {
    name: "0001_probe",
    text: "CREATE TABLE organization (id BIGINT PRIMARY KEY);\nCREATE TABLE probe (id BIGINT PRIMARY KEY, half BIGINT NOT NULL);",
}];

#[test]
fn a_backup_under_load_holds_what_was_acknowledged_before_and_nothing_half() {
    on_both_empty(async |database| {
        let db = database.open().await;
        db.migrate(PROBE).await.expect("the probe table can be made");
        let (next, stored, stop) =
            (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let slowest = Arc::new(AtomicI64::new(0));
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let (db, next, stored, stop, slowest) =
                    (db.clone(), next.clone(), stored.clone(), stop.clone(), slowest.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        let began = std::time::Instant::now();
                        let id = next.fetch_add(2, Ordering::SeqCst);
                        let mut tx = db.write().await.expect("a transaction begins");
                        // Two rows or none.
                        for half in 0..2 {
                            tx.execute(sql!("INSERT INTO probe (id, half) VALUES ($1, $2)", id + half, half))
                                .await
                                .expect("a row");
                        }
                        tx.commit().await.expect("the commit succeeds");
                        stored.fetch_add(2, Ordering::SeqCst);
                        slowest.fetch_max(began.elapsed().as_millis() as i64, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let folder = Folder::new();
        let files = Files::new(folder.path().join("files"));
        for round in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            let before = stored.load(Ordering::SeqCst);
            let archive = folder.path().join(format!("{round}.trivet"));
            let manifest =
                backup::create(&db, &files, PROBE, store::Instant(0), &archive).await.expect("a backup can be made");
            assert!(manifest.rows["probe"] >= before, "{} of {before}", manifest.rows["probe"]);
            assert_eq!(manifest.rows["probe"] % 2, 0, "half a transaction");
            // A restore runs integrity_check and foreign_key_check itself.
            let target = Database::empty(Engine::Sqlite).await;
            backup::restore(&archive, &target.url(), &files, PROBE).await.expect("the archive can be restored");
        }
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.expect("no writer panics");
        }
        eprintln!("{:?} rows, slowest write {:?} ms", stored, slowest);
        assert!(stored.load(Ordering::SeqCst) > 100);
    });
}
