//! What becomes of jobs in the long run: they wait where there is no room, stand in the list, and are forgotten. On both engines.

use serde_json::{Value as Json, json};
use store::{Uuid, job, new_id, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::bulk_outcome::{self, Fate, Fated};
use trivet::shell::error::Error;
use trivet::shell::i18n::Locale;
use trivet::system::jobs;

use crate::bulk_jobs::{in_city, many_accounts, ordered};
use crate::import::{partner, run, uploaded, work};

const DAY: i64 = 86_400;

async fn rows(app: &TestApp, table: &str) -> i64 {
    app.value(format!("SELECT COUNT(*) FROM {table}").as_str()).await.unwrap_or(0)
}

#[test]
fn what_was_over_long_ago_is_forgotten_but_not_while_it_is_undone() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let edit = [("action", "edit"), ("field", "city"), ("value", "Ningbo")];
        let page = ordered(app, &lin, "view=all", &edit).await;
        work(app).await;
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        let undo = format!("/accounts/bulk/undo?at={at}");
        app.clock.advance(80 * DAY);
        work(app).await;
        let lin = app.sign_in(&lin.email).await;
        assert_eq!(app.get(&lin, &page).await.status, 200);
        assert_eq!((rows(app, "bulk_outcome").await, in_city(app, "Ningbo").await), (320, 320));
        // On the day on which it would be forgotten its undoing waits.
        app.clock.advance(11 * DAY);
        let undoing = app.post_form(&lin, &undo, &[]).await;
        assert!(undoing.location().starts_with("/bulk-jobs/"), "{}", undoing.body);
        work(app).await;
        assert_eq!((in_city(app, "Ningbo").await, in_city(app, "Wuxi").await), (0, 320));
        assert_eq!(app.get(&lin, &page).await.status, 200);
        app.clock.advance(DAY);
        work(app).await;
        for gone in [page.clone(), format!("{page}/records?outcome=changed"), format!("/api{page}")] {
            assert_eq!(app.get(&lin, &gone).await.status, 404, "{gone}");
        }
        let late = app.post_form(&lin, &undo, &[]).await;
        assert_eq!(late.status, 404, "nothing is left to undo it with");
        assert!(late.has("This is too long ago to be undone") && !late.has("Check the address"), "{}", late.body);
        assert_eq!(Locale::Zh.text("error-undo-too-old"), "时间太久，已无法撤销");
        // The undoing is a job of its own, and not that old.
        assert_eq!(app.get(&lin, undoing.location()).await.status, 200);
        assert_eq!((rows(app, "job").await, rows(app, "bulk_chunk").await), (1, 0));
        assert_eq!(rows(app, "bulk_outcome").await, 320);
        // What happened to the records stays told.
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'updated'").await, Some(640));
    });
}

#[test]
fn the_job_that_an_import_names_stays() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "Name\nHarbour\n").await;
        run(app, &pat, &import).await;
        let mut tx = app.db.write().await.expect("the database can be written");
        let other = job::enqueue(&mut tx, &app.clock, "probe", "{}", None).await.expect("the job is queued");
        job::finish(&mut tx, other, app.clock.now(), "done", "").await.expect("the job ends");
        tx.commit().await.expect("the database can be written");
        app.clock.advance(91 * DAY);
        work(app).await;
        let left: Option<i64> = app.value("SELECT COUNT(*) FROM job WHERE kind = 'import'").await;
        assert_eq!((left, rows(app, "job").await), (Some(1), 1));
    });
}

#[test]
fn many_outcomes_are_forgotten_in_portions() {
    on_both(async |app| {
        let mut tx = app.db.write().await.expect("the database can be written");
        let job = job::enqueue(&mut tx, &app.clock, "bulk", "{}", None).await.expect("the job is queued");
        let records: Vec<Uuid> = (0..4_500).map(|_| new_id(&app.clock)).collect();
        let fated: Vec<Fated> = Fated::all(&records, Fate::Changed).collect();
        bulk_outcome::write_down(&mut tx, job, &fated).await.expect("it is written down");
        let mut left = Vec::new();
        loop {
            let is_last = bulk_outcome::forget(&mut tx, job).await.expect("it is forgotten");
            let count = tx.value::<i64>("SELECT COUNT(*) FROM bulk_outcome").await.expect("rows are counted");
            left.push(count.unwrap_or(0));
            if is_last {
                break;
            }
        }
        assert_eq!(left, [2_500, 500, 0]);
    });
}

/// Takes a waiting job, if there is one.
async fn taken(app: &TestApp) -> Option<job::Job> {
    let mut tx = app.db.write().await.expect("the database can be written");
    let taken = job::claim(&mut tx, app.clock.now()).await.expect("a claim runs");
    tx.commit().await.expect("the database can be written");
    taken
}

async fn finds_no_room(app: &TestApp, job: &job::Job) {
    let met = jobs::see_through(&app.app, job, async { Err(Error::StorageFull) }).await;
    assert!(met.is_err_and(|error| error.will_pass()));
}

#[test]
fn a_job_that_finds_no_room_waits_longer_each_time() {
    on_both(async |app| {
        let mut tx = app.db.write().await.expect("the database can be written");
        let id = job::enqueue(&mut tx, &app.clock, "probe", "{}", None).await.expect("the job is queued");
        tx.commit().await.expect("the database can be written");
        let mut job = taken(app).await.expect("the job waits");
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            finds_no_room(app, &job).await;
            app.clock.advance(minutes * 60 - 5);
            assert!(taken(app).await.is_none(), "it rests for {minutes} minutes");
            app.clock.advance(10);
            job = taken(app).await.unwrap_or_else(|| panic!("it goes on after {minutes} minutes"));
        }
        // Once there was room for a portion it is as new.
        let mut tx = app.db.write().await.expect("the database can be written");
        job::progress(&mut tx, id, app.clock.now(), 1, None, "a").await.expect("progress is noted");
        tx.commit().await.expect("the database can be written");
        finds_no_room(app, &job).await;
        app.clock.advance(65);
        job = taken(app).await.expect("it goes on after a minute");
        // One that is asked to stop is not waited for.
        finds_no_room(app, &job).await;
        let mut tx = app.db.write().await.expect("the database can be written");
        job::request_cancel(&mut tx, id, app.clock.now()).await.expect("it is asked to stop");
        tx.commit().await.expect("the database can be written");
        app.clock.advance(65);
        assert!(taken(app).await.is_some_and(|job| job.cancel_requested));
    });
}

/// Somebody's job that a worker has taken up: who ordered it, and its page.
async fn begun(app: &TestApp) -> (Person, String, job::Job) {
    let lin = app.person("Lin Yan").role(Role::Seller).create().await;
    many_accounts(app, &lin, "Wuxi").await;
    app.clock.advance(60);
    let page = ordered(app, &lin, "view=all", &[("action", "trash")]).await;
    (lin, page, taken(app).await.expect("the job waits"))
}

#[test]
fn a_job_that_waits_for_room_ends_without_another_portion_when_it_is_asked_to_stop() {
    on_both(async |app| {
        let (lin, page, job) = begun(app).await;
        finds_no_room(app, &job).await;
        let asked = app.post_form(&lin, &format!("{page}/cancellation"), &[]).await;
        assert_eq!(asked.status, 303, "{}", asked.body);
        app.clock.advance(65);
        work(app).await;
        let state: Option<String> = app.value(sql!("SELECT state FROM job WHERE id = $1", job.id)).await;
        assert_eq!(state.as_deref(), Some("cancelled"));
        let gone: Option<i64> = app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NOT NULL").await;
        assert_eq!(gone, Some(0));
    });
}

#[test]
fn the_page_of_a_job_that_waits_for_room_says_so_until_it_goes_on() {
    on_both(async |app| {
        let (lin, page, job) = begun(app).await;
        let cursor = job.cursor.clone().unwrap_or_default();
        let portion = async |done: i64| {
            let mut tx = app.db.write().await.expect("the database can be written");
            let goes_on = job::progress(&mut tx, job.id, app.clock.now(), done, Some(320), &cursor).await;
            assert!(goes_on.expect("progress is noted"));
            tx.commit().await.expect("the database can be written");
        };
        let shown = async || app.get_fragment(&lin, &format!("{page}/progress")).await;
        let speed = " a second, about ";
        portion(160).await;
        app.clock.advance(10);
        assert!(shown().await.has(speed));
        finds_no_room(app, &job).await;
        let waiting = shown().await;
        let line = "50% · 160 of 320 · Waiting for room on the server’s disk; it goes on by itself.<";
        assert!(waiting.has(line) && !waiting.has(speed), "{}", waiting.body);
        app.execute(sql!("UPDATE person SET locale = 'zh-CN' WHERE id = $1", lin.id)).await;
        let waiting = shown().await;
        let line = "50% · 160 / 320 · 服务器磁盘空间不足，正在等待；有空间后会自动继续。<";
        assert!(waiting.has(line), "{}", waiting.body);
        app.execute(sql!("UPDATE person SET locale = 'en' WHERE id = $1", lin.id)).await;
        portion(200).await;
        let running = shown().await;
        assert!(running.has(speed) && !running.has("Waiting for room"), "{}", running.body);
        // One that was asked to stop does not go on by itself.
        finds_no_room(app, &job).await;
        app.post_form(&lin, &format!("{page}/cancellation"), &[]).await;
        let stopping = shown().await;
        assert!(stopping.has("62% · 200 of 320<"), "{}", stopping.body);
    });
}

/// Orders work on everything and gives the order another text.
async fn ordered_as(app: &TestApp, who: &Person, payload: &str) {
    app.clock.advance(60);
    let page = ordered(app, who, "view=all", &[("action", "trash")]).await;
    let id: Uuid = page.trim_start_matches("/bulk-jobs/").parse().expect("the id of a job");
    app.execute(sql!("UPDATE job SET payload = $2 WHERE id = $1", id, payload)).await;
}

#[test]
fn a_list_of_jobs_reads_no_record_that_was_named_and_leaves_out_what_it_cannot_read() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let ids = made.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",");
        // What somebody types may look like a part of an order.
        let edit = [("action", "edit"), ("field", "city"), ("value", "{\"Named\":["), ("ids", ids.as_str())];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &edit).await;
        assert!(answer.location().starts_with("/bulk-jobs/"), "{}", answer.body);
        ordered_as(app, &lin, "{\"object\":\"account\"}").await;
        let order = |object: &str| {
            json!({
                "object": object, "via": "page", "dry_run": false, "from": "x".repeat(5_000),
                "what": { "Work": ["Trash", { "Named": [] }] },
            })
        };
        ordered_as(app, &lin, &order("account").to_string()).await;
        ordered_as(app, &lin, &order("unheard-of").to_string()).await;
        let mut session = app.db.read().await.expect("the database can be read");
        let read = job::of_kind(&mut session, "bulk", lin.id, None, 10).await.expect("jobs are listed");
        drop(session);
        assert_eq!(read.len(), 4);
        assert!(read.iter().all(|job| job.payload.chars().count() <= job::HEAD));
        let listed = async |limit: usize| {
            let (mut actions, mut path) = (Vec::new(), Some(format!("/api/bulk-jobs?limit={limit}")));
            while let Some(asked) = path {
                let page = app.get(&lin, &asked).await;
                assert_eq!(page.status, 200, "{}", page.body);
                let page = page.json();
                let jobs = page["data"].as_array().cloned().unwrap_or_default();
                actions.extend(jobs.iter().map(|job| (job["action"].clone(), job["total"].clone())));
                path = page["next"].as_str().map(|next| format!("/api/bulk-jobs?limit={limit}&after={next}"));
            }
            actions
        };
        let expected: Vec<(Json, Json)> = vec![(json!("trash"), json!(320)), (json!("edit"), json!(320))];
        assert_eq!(listed(10).await, expected);
        assert_eq!(listed(1).await, expected, "what is left out ends no list");
    });
}
