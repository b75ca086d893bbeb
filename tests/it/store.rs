//! The database under everything: migrations, transactions in groups, storage that runs full, jobs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store::{Clock, Db, Engine, Migration, StoreError, job, sql};
use testkit::{Database, on_both_empty};
use trivet::app::MIGRATIONS;

const PROBE: &[Migration] = &[Migration {
    name: "0001_probe",
    text: "CREATE TABLE probe (id BIGINT PRIMARY KEY, writer BIGINT NOT NULL, filler TEXT NOT NULL);",
}];

async fn probe(database: &Database) -> Db {
    let db = database.open().await;
    db.migrate(PROBE).await.expect("the probe table can be made");
    db
}

async fn insert(db: &Db, id: i64) -> store::Result<()> {
    let mut tx = db.write().await?;
    tx.execute(sql!("INSERT INTO probe (id, writer, filler) VALUES ($1, $2, $3)", id, 0, "x")).await?;
    tx.commit().await
}

async fn ids(db: &Db) -> BTreeSet<i64> {
    let mut session = db.read().await.expect("the database can be read");
    let rows: Vec<(i64,)> = session.all("SELECT id FROM probe").await.expect("the probe can be read");
    rows.into_iter().map(|(id,)| id).collect()
}

/// A hang is a failure, not a test run that never ends.
async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.unwrap_or_else(|_| panic!("{what} hangs"))
}

/// Small numbers that look random and are the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn twenty_servers_that_start_at_once_migrate_once() {
    on_both_empty(async |database| {
        let url = database.url();
        let barrier = Arc::new(tokio::sync::Barrier::new(20));
        let servers: Vec<_> = (0..20)
            .map(|_| {
                let (url, barrier) = (url.clone(), barrier.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    let db = Db::open(&url).await.map_err(|error| format!("open: {error}"))?;
                    let applied = db.migrate(MIGRATIONS).await.map_err(|error| format!("migrate: {error}"))?;
                    db.close().await;
                    Ok::<usize, String>(applied)
                })
            })
            .collect();
        let mut applied = 0;
        for server in servers {
            applied += soon("a start", server).await.expect("no start panics").expect("every start succeeds");
        }
        assert_eq!(applied, MIGRATIONS.len());
        let db = database.open().await;
        assert_eq!(db.schema_version().await, MIGRATIONS.last().map_or(0, Migration::number));
    });
}

#[test]
fn a_newer_schema_is_refused() {
    on_both_empty(async |database| {
        let db = database.open().await;
        let newer = [PROBE[0], Migration { name: "0002_later", text: "CREATE TABLE later (id BIGINT PRIMARY KEY);" }];
        db.migrate(&newer).await.expect("both steps run");
        let refused = db.migrate(PROBE).await;
        assert!(matches!(refused, Err(StoreError::NewerSchema { found: 2, known: 1 })), "{refused:?}");
    });
}

#[test]
fn a_migration_that_was_changed_after_it_ran_is_refused() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let changed = [Migration { name: "0001_probe", text: "CREATE TABLE probe (id BIGINT);" }];
        let refused = db.migrate(&changed).await;
        assert!(matches!(refused, Err(StoreError::ChangedMigration(_))), "{refused:?}");
    });
}

#[test]
fn a_migration_that_fails_leaves_nothing_behind() {
    on_both_empty(async |database| {
        let db = database.open().await;
        let broken = [Migration {
            name: "0001_broken",
            text: "CREATE TABLE half (id BIGINT PRIMARY KEY);\nCREATE TABLE half (id BIGINT PRIMARY KEY);",
        }];
        assert!(db.migrate(&broken).await.is_err());
        assert_eq!(db.schema_version().await, 0);
        assert_eq!(db.migrate(PROBE).await.expect("a good one runs afterwards"), 1);
    });
}

#[test]
fn every_acknowledged_write_is_there_and_nothing_of_the_others() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let next = Arc::new(AtomicI64::new(0));
        let writers: Vec<_> = (0..32)
            .map(|seed| {
                let (db, next) = (db.clone(), next.clone());
                tokio::spawn(async move {
                    let mut dice = Dice(seed);
                    let (mut stored, mut refused) = (Vec::new(), Vec::new());
                    for _ in 0..30 {
                        let id = next.fetch_add(1, Ordering::SeqCst);
                        let mut tx = db.write().await.expect("a transaction begins");
                        tx.execute(sql!(
                            "INSERT INTO probe (id, writer, filler) VALUES ($1, $2, $3)",
                            id,
                            seed as i64,
                            "x"
                        ))
                        .await
                        .expect("the row goes in");
                        match dice.roll(5) {
                            // Dropped without commit.
                            0 => refused.push(id),
                            // A statement fails, the transaction is given up.
                            1 => {
                                assert!(tx.execute(sql!("INSERT INTO probe (id) VALUES ($1)", id)).await.is_err());
                                refused.push(id);
                            }
                            _ => {
                                tx.commit().await.expect("the commit succeeds");
                                stored.push(id);
                            }
                        }
                    }
                    (stored, refused)
                })
            })
            .collect();
        let (mut stored, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for writer in writers {
            let (more_stored, more_refused) = soon("a writer", writer).await.expect("no writer panics");
            stored.extend(more_stored);
            refused.extend(more_refused);
        }
        let found = ids(&db).await;
        assert_eq!(found, stored);
        assert!(found.is_disjoint(&refused));
    });
}

#[test]
fn clients_that_go_away_at_any_moment_hang_nobody_and_lose_nothing() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let next = Arc::new(AtomicI64::new(0));
        let writers: Vec<_> = (0..24)
            .map(|seed| {
                let (db, next) = (db.clone(), next.clone());
                tokio::spawn(async move {
                    let mut dice = Dice(seed);
                    let mut stored = Vec::new();
                    for _ in 0..60 {
                        let id = next.fetch_add(1, Ordering::SeqCst);
                        let patience = match dice.roll(3) {
                            0 => Duration::from_secs(30),
                            _ => Duration::from_micros(dice.roll(3000)),
                        };
                        match tokio::time::timeout(patience, insert(&db, id)).await {
                            Ok(Ok(())) => stored.push(id),
                            Ok(Err(error)) => panic!("a write of somebody else was hurt: {error}"),
                            Err(_) => {}
                        }
                    }
                    stored
                })
            })
            .collect();
        let mut stored = BTreeSet::new();
        for writer in writers {
            stored.extend(soon("a writer", writer).await.expect("no writer panics"));
        }
        let found = ids(&db).await;
        assert!(stored.is_subset(&found), "lost: {:?}", stored.difference(&found).collect::<Vec<_>>());
        soon("the next write", insert(&db, -1)).await.expect("the next write succeeds");
    });
}

#[test]
fn a_waiter_that_gives_up_does_not_keep_the_group_waiting() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let mut first = db.write().await.expect("a transaction begins");
        first.execute("INSERT INTO probe (id, writer, filler) VALUES (1, 0, 'x')").await.expect("the row goes in");
        let waiter = tokio::spawn({
            let db = db.clone();
            async move { insert(&db, 2).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let commit = tokio::spawn(first.commit());
        waiter.abort();
        soon("the commit", commit).await.expect("no panic").expect("the commit succeeds");
        assert!(ids(&db).await.contains(&1));
    });
}

#[test]
fn nobody_reads_what_is_not_stored_yet() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let mut first = db.write().await.expect("a transaction begins");
        first.execute("INSERT INTO probe (id, writer, filler) VALUES (1, 0, 'x')").await.expect("the row goes in");
        assert!(ids(&db).await.is_empty());
        if db.engine() == Engine::Sqlite {
            // The second waits, so the first commits into the group, and is told only with the group.
            let second = tokio::spawn({
                let db = db.clone();
                async move { db.write().await }
            });
            tokio::time::sleep(Duration::from_millis(50)).await;
            let commit = tokio::spawn(first.commit());
            let mut second = soon("the second", second).await.expect("no panic").expect("the second begins");
            second.execute("INSERT INTO probe (id, writer, filler) VALUES (2, 0, 'x')").await.expect("the row goes in");
            assert!(ids(&db).await.is_empty());
            assert!(!commit.is_finished(), "told before it was on disk");
            drop(second);
            soon("the first", commit).await.expect("no panic").expect("the commit succeeds");
            assert_eq!(ids(&db).await, BTreeSet::from([1]));
        }
    });
}

#[test]
fn what_was_written_goes_from_the_log_into_the_database_by_itself() {
    let database = tokio_block(Database::empty(Engine::Sqlite));
    tokio_block(async {
        let db = probe(&database).await;
        insert(&db, 1).await.expect("storable");
        let path = db.sqlite_path().expect("a file").to_path_buf();
        // The file alone, without its log. While the log is carried over a copy may be half.
        let holds_it = async |copy: std::path::PathBuf| {
            std::fs::copy(&path, &copy).expect("the file can be copied");
            let copied = Db::open(&format!("sqlite:{}", copy.display())).await?;
            copied.read().await?.value::<i64>("SELECT id FROM probe").await
        };
        let arrived = async {
            let mut copies = 0;
            while !holds_it(path.with_extension(copies.to_string())).await.is_ok_and(|found| found == Some(1)) {
                copies += 1;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            copies
        };
        assert!(soon("the log", arrived).await > 0, "the log was carried over before anybody could share a commit");
    });
}

#[test]
fn many_writers_share_a_commit() {
    let database = tokio_block(Database::empty(Engine::Sqlite));
    tokio_block(async {
        let db = probe(&database).await;
        let (started, before) = (std::time::Instant::now(), db.commits().await);
        let writers: Vec<_> = (0..64)
            .map(|writer| {
                let db = db.clone();
                tokio::spawn(async move {
                    for step in 0..20 {
                        insert(&db, writer * 1000 + step).await.expect("the write succeeds");
                    }
                })
            })
            .collect();
        for writer in writers {
            soon("a writer", writer).await.expect("no writer panics");
        }
        let commits = db.commits().await - before;
        eprintln!("1280 writes in {:?}, {commits} commits", started.elapsed());
        assert_eq!(ids(&db).await.len(), 1280);
        // A group holds up to 64; some are smaller, as writers are told and come back one by one.
        assert!((1..=1280 / 4).contains(&commits), "{commits} commits of 1280 writes");
        insert(&db, 99_999).await.expect("the write succeeds");
        assert_eq!(db.commits().await - before, commits + 1, "who writes alone has a commit alone");
    });
}

fn tokio_block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime can be built").block_on(work)
}

#[test]
fn full_storage_refuses_writes_keeps_reads_and_recovers() {
    let database = tokio_block(Database::empty(Engine::Sqlite));
    tokio_block(async {
        let db = probe(&database).await;
        insert(&db, 1).await.expect("there is room");
        let filler = "x".repeat(200_000);
        let limit = |pages: i64| format!("PRAGMA max_page_count = {pages}");
        let mut tx = db.write().await.expect("a transaction begins");
        let pages: i64 = tx.value("PRAGMA page_count").await.expect("pages are counted").unwrap_or(0);
        tx.value::<i64>(limit(pages + 20).as_str()).await.expect("the limit can be set");
        tx.commit().await.expect("the commit succeeds");

        // Several at once: those of one group with the big one must not be told "done" for nothing.
        let stored = Arc::new(std::sync::Mutex::new(BTreeSet::from([1])));
        let writers: Vec<_> = (2..18)
            .map(|id| {
                let (db, stored, filler) = (db.clone(), stored.clone(), filler.clone());
                tokio::spawn(async move {
                    let filler = if id % 4 == 0 { filler } else { "small".to_owned() };
                    let outcome = async {
                        let mut tx = db.write().await?;
                        tx.execute(sql!("INSERT INTO probe (id, writer, filler) VALUES ($1, 0, $2)", id, filler))
                            .await?;
                        tx.commit().await
                    };
                    match outcome.await {
                        Ok(()) => drop(stored.lock().expect("no panic").insert(id)),
                        Err(error) => assert!(error.is_storage_full(), "{id}: {error:?}"),
                    }
                    id
                })
            })
            .collect();
        for writer in writers {
            soon("a writer", writer).await.expect("no writer panics");
        }
        let expected = stored.lock().expect("no panic").clone();
        assert!(expected.iter().all(|id| id % 4 != 0), "there was room for a big one: the test proves nothing");
        assert_eq!(ids(&db).await, expected, "reads go on and show what was acknowledged");

        // A transaction that met the full storage cannot be committed by mistake.
        let mut tx = db.write().await.expect("a transaction begins");
        tx.execute(sql!("INSERT INTO probe (id, writer, filler) VALUES ($1, 0, $2)", 50, "small"))
            .await
            .expect("small fits");
        let full = tx.execute(sql!("INSERT INTO probe (id, writer, filler) VALUES ($1, 0, $2)", 51, &filler)).await;
        assert!(full.expect_err("no room").is_storage_full());
        assert!(tx.commit().await.is_err());
        assert!(!ids(&db).await.contains(&50));

        let mut tx = db.write().await.expect("a transaction begins");
        tx.value::<i64>(limit(1_000_000).as_str()).await.expect("the limit can be lifted");
        tx.commit().await.expect("the commit succeeds");
        let mut tx = db.write().await.expect("a transaction begins");
        tx.execute(sql!("INSERT INTO probe (id, writer, filler) VALUES ($1, 0, $2)", 60, &filler))
            .await
            .expect("room again");
        tx.commit().await.expect("the commit succeeds");
        assert!(ids(&db).await.contains(&60));
    });
}

#[test]
fn a_job_is_claimed_by_one_worker_only() {
    on_both_empty(async |database| {
        // Two servers, each with several workers.
        let servers = [database.open().await, database.open().await];
        servers[0].migrate(MIGRATIONS).await.expect("the schema can be made");
        let clock = Clock::system();
        for _ in 0..100 {
            let mut tx = servers[0].write().await.expect("a transaction begins");
            job::enqueue(&mut tx, &clock, "probe", "{}", None).await.expect("the job is queued");
            tx.commit().await.expect("the commit succeeds");
        }
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (db, clock) = (servers[worker % 2].clone(), clock.clone());
                tokio::spawn(async move {
                    let mut claimed = Vec::new();
                    loop {
                        let mut tx = db.write().await.expect("a transaction begins");
                        let Some(job) = job::claim(&mut tx, clock.now()).await.expect("a claim runs") else {
                            return claimed;
                        };
                        tx.commit().await.expect("the commit succeeds");
                        claimed.push(job.id);
                        let mut tx = db.write().await.expect("a transaction begins");
                        job::finish(&mut tx, job.id, clock.now(), "done", "").await.expect("the job ends");
                        tx.commit().await.expect("the commit succeeds");
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(soon("a worker", worker).await.expect("no worker panics"));
        }
        assert_eq!(all.len(), 100);
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 100);
    });
}

#[test]
fn a_job_whose_worker_fell_silent_is_taken_over() {
    on_both_empty(async |database| {
        let db = database.open().await;
        db.migrate(MIGRATIONS).await.expect("the schema can be made");
        let clock = Clock::frozen(jiff::Timestamp::UNIX_EPOCH);
        let mut tx = db.write().await.expect("a transaction begins");
        let id = job::enqueue(&mut tx, &clock, "probe", "{}", None).await.expect("the job is queued");
        assert!(job::claim(&mut tx, clock.now()).await.expect("a claim runs").is_some());
        assert!(job::claim(&mut tx, clock.now()).await.expect("a claim runs").is_none());
        clock.advance(50);
        job::progress(&mut tx, id, clock.now(), 1, None, "a").await.expect("progress is noted");
        clock.advance(50);
        assert!(job::claim(&mut tx, clock.now()).await.expect("a claim runs").is_none());
        clock.advance(20);
        let again = job::claim(&mut tx, clock.now()).await.expect("a claim runs").expect("the job is free again");
        assert_eq!((again.id, again.cursor.as_deref(), again.done), (id, Some("a"), 1));
        tx.commit().await.expect("the commit succeeds");
    });
}

#[test]
fn an_answer_is_kept_until_anything_is_written_and_only_for_the_same_question() {
    on_both_empty(async |database| {
        let db = probe(database).await;
        let count = async |above: i64| -> (i64, u64) {
            let mut session = db.read().await.expect("the database can be read");
            let before = db.statements();
            let rows: Vec<(i64,)> = session
                .all_kept(sql!("SELECT COUNT(*) FROM probe WHERE id > $1", above))
                .await
                .expect("the probe can be counted");
            (rows[0].0, db.statements() - before)
        };
        // On PostgreSQL a write of any test on the same server counts: between two of them the answer is a kept one.
        let is_kept = async |rows: i64| {
            for _ in 0..1000 {
                let (counted, statements) = count(0).await;
                assert_eq!(counted, rows);
                if statements == 0 {
                    return true;
                }
            }
            false
        };
        assert_eq!(count(0).await, (0, 1));
        assert!(is_kept(0).await, "the same question while nothing was written");
        assert_eq!(count(1).await, (0, 1), "another argument is another question");
        insert(&db, 1).await.unwrap();
        assert_eq!(count(0).await, (1, 1), "a write shows at once");
        assert!(is_kept(1).await);
        // Another server, or the command line.
        let other = database.open().await;
        insert(&other, 2).await.unwrap();
        assert_eq!(count(0).await, (2, 1), "also one from elsewhere");
        let mut tx = db.write().await.unwrap();
        tx.execute("DELETE FROM probe").await.unwrap();
        let within: Vec<(i64,)> = tx.all_kept("SELECT COUNT(*) FROM probe").await.unwrap();
        assert_eq!(within, [(0,)], "a transaction sees what it wrote");
        drop(tx);
        assert_eq!(count(0).await.0, 2);
        other.close().await;
    });
}
