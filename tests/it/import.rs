//! Files come in and go out.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use store::{Uuid, job, sql};
use testkit::app::UPLOAD;
use testkit::database::PASSWORD;
use testkit::{Answer, Engine, Person, Role, TestApp, on_both};
use trivet::shell::error::Error;
use trivet::system::imports::engine::{Ended, Run, Step};
use trivet::system::jobs;

const FILE: &str = "\u{feff}Name,Sector,Employees,Parent,Phone,Notes
Acme Holding,technology,2822,,+86 10 5555 0100,\"first, of all\"
Acme Labs,technology,12,Acme Holding,,
Betasoloin,medical,many,,,
Cancity,retail,2500,Nowhere Ltd,,
Dontechi,software,7,Zeta Group,,
Zeta Group,finance,1,,,
,finance,3,,,
";

pub async fn upload(app: &TestApp, by: &Person, object: &str, name: &str, content: &[u8]) -> Answer {
    app.post_body(by, "/imports", UPLOAD, testkit::app::upload(&[("object", object)], name, content)).await
}

/// Uploads and returns the address of the import.
pub async fn uploaded(app: &TestApp, by: &Person, object: &str, content: &str) -> String {
    let answer = upload(app, by, object, "file.csv", content.as_bytes()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.location().to_owned()
}

pub async fn work(app: &TestApp) {
    while jobs::next(&app.app).await.expect("the job loop works") {}
}

pub async fn run(app: &TestApp, by: &Person, import: &str) {
    let answer = app.post_form(by, &format!("{import}/start"), &[]).await;
    assert_eq!(answer.location(), import, "{}", answer.body);
    work(app).await;
}

/// Gives a waiting import a reason for its deals in later stages, as its mapping page would.
pub async fn reason_for_all(app: &TestApp, import: &str, reason: &str) {
    let id: Uuid = import.trim_start_matches("/imports/").parse().unwrap();
    let mapping: String = app.value(sql!("SELECT mapping FROM import WHERE id = $1", id)).await.unwrap();
    let mapping = format!("reason = {reason:?}\n{mapping}");
    app.execute(sql!("UPDATE import SET mapping = $2 WHERE id = $1", id, mapping)).await;
}

pub async fn counts(app: &TestApp) -> (String, i64, i64, i64, i64) {
    let mut session = app.app.db.read().await.unwrap();
    session
        .one("SELECT state, created, updated, skipped, failed FROM import ORDER BY created_at DESC LIMIT 1")
        .await
        .unwrap()
}

pub async fn accounts(app: &TestApp) -> i64 {
    app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL").await.unwrap()
}

pub async fn partner(app: &TestApp) -> Person {
    app.person("Pat").role(Role::Partner).create().await
}

/// The form of the mapping page: what column is which field, and more.
pub fn form_of(columns: &[(&str, &str)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form: Vec<(String, String)> = Vec::new();
    for (index, (column, field)) in columns.iter().enumerate() {
        form.push((format!("column-{index}"), (*column).to_owned()));
        form.push((format!("field-{index}"), (*field).to_owned()));
    }
    form.extend(more.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())));
    form
}

pub async fn sent(app: &TestApp, by: &Person, path: &str, columns: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let form = form_of(columns, more);
    let form: Vec<(&str, &str)> = form.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    app.post_form(by, path, &form).await
}

/// What is wrong with the refused rows, as the page says it.
pub async fn refusals(app: &TestApp, by: &Person, import: &str) -> String {
    app.get(by, &format!("{import}/errors.csv")).await.body
}

#[test]
fn rows_with_errors_do_not_stop_the_others_and_come_back_as_a_file() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", FILE).await;
        let mapping = app.get(&pat, &import).await;
        assert_eq!(mapping.status, 200);
        assert!(mapping.has("Acme Holding") && mapping.has("Betasoloin"), "the first rows are shown");
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 4, 0, 0, 3));
        let parent: Option<String> = app
            .value("SELECT p.name FROM account a JOIN account p ON p.id = a.parent_id WHERE a.name = 'Dontechi'")
            .await;
        assert_eq!(parent.as_deref(), Some("Zeta Group"), "a parent may stand further down");
        let result = app.get(&pat, &import).await;
        assert!(result.has("Betasoloin") && result.has("Nowhere Ltd"), "{}", result.body);
        let errors = app.get(&pat, &format!("{import}/errors.csv")).await;
        let lines: Vec<&str> = errors.body.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 4, "{}", errors.body);
        assert_eq!(
            lines[0],
            "Name,Sector,Employees,Parent,Phone,Notes,Row in the imported file,Why it was not imported"
        );
        for (line, begins) in lines[1..].iter().zip([
            "Betasoloin,medical,many,,,,4,",
            "Cancity,retail,2500,Nowhere Ltd,,,5,",
            ",finance,3,,,,8,",
        ]) {
            assert!(line.starts_with(begins) && line.len() > begins.len() + 3, "{line}");
        }
    });
}

#[test]
fn a_check_counts_everything_and_writes_nothing() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", FILE).await;
        let events: Option<i64> = app.value("SELECT COUNT(*) FROM event").await;
        let found: Option<i64> = app.value("SELECT COUNT(*) FROM search_doc").await;
        app.post_form(&pat, &format!("{import}/check"), &[]).await;
        work(app).await;
        assert_eq!(counts(app).await, ("checked".into(), 4, 0, 0, 3));
        assert_eq!(accounts(app).await, 0);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event").await, events);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM search_doc").await, found);
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 4, 0, 0, 3), "the import itself comes to the same");
    });
}

pub fn many(count: usize) -> String {
    let rows = (0..count).map(|n| format!("Company {n:04},{}\n", n * 3));
    std::iter::once("name,employees\n".to_owned()).chain(rows).collect()
}

/// An import of 450 accounts that has been started, and its job.
async fn begun(app: &TestApp, by: &Person) -> (String, job::Job) {
    let import = uploaded(app, by, "account", &many(450)).await;
    app.post_form(by, &format!("{import}/start"), &[]).await;
    (import, claimed(app).await)
}

#[test]
fn after_a_crash_an_import_goes_on_where_it_stopped() {
    on_both(async |app| {
        let pat = partner(app).await;
        let (_, claimed) = begun(app, &pat).await;
        let mut before_the_crash = Run::open(&app.app, &claimed).await.unwrap().expect("nobody else works on it");
        assert_eq!(before_the_crash.chunk().await.unwrap(), Step::More);
        let taken_in = accounts(app).await;
        assert!((1..450).contains(&taken_in), "{taken_in}");
        // Nothing is heard of the first server for longer than its lease: another one takes over.
        app.app.clock.advance(120);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 450, 0, 0, 0));
        assert_eq!(accounts(app).await, 450);
        // The first one wakes up again and notices.
        assert_eq!(before_the_crash.chunk().await.unwrap(), Step::Ended(Ended::Lost));
        assert_eq!(accounts(app).await, 450);
    });
}

/// The job whose turn it is.
pub async fn claimed(app: &TestApp) -> job::Job {
    let mut tx = app.db.write().await.unwrap();
    let claimed = job::claim(&mut tx, app.clock.now()).await.unwrap().expect("a job waits");
    tx.commit().await.unwrap();
    claimed
}

/// Cuts every connection of the application to its PostgreSQL server, as a restart does.
async fn cut_off(app: &TestApp) {
    const CUT: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let other = app.database.open().await;
    other.read().await.unwrap().all::<(bool,)>(CUT).await.unwrap();
    other.close().await;
}

/// Whoever meets a connection that was cut throws it away.
async fn until_it_answers(app: &TestApp) {
    for _ in 0..40 {
        if let Ok(mut session) = app.db.read().await {
            let _ = session.value::<i64>("SELECT COUNT(*) FROM organization").await;
        }
    }
}

#[test]
fn an_import_goes_on_when_the_database_was_away_for_a_moment() {
    on_both(async |app| {
        let pat = partner(app).await;
        let (_, job) = begun(app, &pat).await;
        let interrupted = async {
            let mut run = Run::open(&app.app, &job).await?.expect("nobody else works on it");
            assert_eq!(run.chunk().await?, Step::More);
            if app.db.engine() == Engine::Sqlite {
                return Err(Error::Unavailable);
            }
            cut_off(app).await;
            Err(run.chunk().await.expect_err("there is no database"))
        };
        let met = jobs::see_through(&app.app, &job, interrupted).await.expect_err("the job is not over");
        assert!(met.will_pass(), "{met:?}");
        until_it_answers(app).await;
        let taken_in = accounts(app).await;
        assert!((1..450).contains(&taken_in), "{taken_in}");
        assert_eq!(counts(app).await, ("running".into(), taken_in, 0, 0, 0));
        assert_eq!(jobs::next(&app.app).await.ok(), Some(false), "its worker may still be at it");
        app.clock.advance(61);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 450, 0, 0, 0));
        assert_eq!(accounts(app).await, 450);
        let states: Option<i64> = app.value("SELECT COUNT(*) FROM job WHERE state <> 'done'").await;
        assert_eq!(states, Some(0));
    });
}

#[test]
fn a_job_that_panics_has_failed_and_the_next_one_runs() {
    on_both(async |app| {
        let pat = partner(app).await;
        let first = uploaded(app, &pat, "account", "name\nAcme\n").await;
        app.post_form(&pat, &format!("{first}/start"), &[]).await;
        let second = uploaded(app, &pat, "account", "name\nBetasoloin\n").await;
        app.post_form(&pat, &format!("{second}/start"), &[]).await;
        let job = claimed(app).await;
        let broken = async { panic!("as a fault in the program would") };
        jobs::see_through(&app.app, &job, broken).await.expect("it is noted");
        let state: Option<String> = app.value("SELECT state FROM import ORDER BY created_at LIMIT 1").await;
        assert_eq!(state.as_deref(), Some("failed"));
        let said = app.get(&pat, &first).await;
        assert!(said.has("Something went wrong on our side"), "{}", said.body);
        assert_eq!(jobs::next(&app.app).await.ok(), Some(true));
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        assert_eq!(accounts(app).await, 1);
        assert_eq!(jobs::next(&app.app).await.ok(), Some(false));
        app.clock.advance(120);
        assert_eq!(jobs::next(&app.app).await.ok(), Some(false), "nobody takes it up again");
    });
}

#[test]
fn a_stopped_import_keeps_what_was_taken_in_and_can_be_undone() {
    on_both(async |app| {
        let pat = partner(app).await;
        let (import, claimed) = begun(app, &pat).await;
        let mut run = Run::open(&app.app, &claimed).await.unwrap().unwrap();
        app.post_form(&pat, &format!("{import}/cancellation"), &[]).await;
        assert_eq!(run.chunk().await.unwrap(), Step::Ended(Ended::Cancelled));
        jobs::finish(&app.app, &claimed, Ok(Ended::Cancelled)).await.unwrap();
        let (state, created, ..) = counts(app).await;
        assert_eq!((state.as_str(), created), ("cancelled", accounts(app).await));
        assert!(created < 450);
        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        assert_eq!(accounts(app).await, 0);
    });
}

#[test]
fn an_undo_restores_what_nobody_touched_since() {
    on_both(async |app| {
        let pat = partner(app).await;
        let old = app.create("account", &pat, &[("name", "Old"), ("employees", "5"), ("city", "Xi'an")]).await;
        let busy = app.create("account", &pat, &[("name", "Busy"), ("employees", "6")]).await;
        let import =
            uploaded(app, &pat, "account", "name,employees\nOld,50\nBusy,60\nFresh,1\nTouched,2\nOld,55\n").await;
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 3, 0, 0));
        let touched: Uuid = app.value("SELECT id FROM account WHERE name = 'Touched'").await.unwrap();
        app.try_update("account", &pat, busy, None, &[("city", "Suzhou")]).await.unwrap();
        app.try_update("account", &pat, touched, None, &[("city", "Wuxi")]).await.unwrap();
        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        let employees =
            async |id: Uuid| app.value::<i64>(sql!("SELECT employees FROM account WHERE id = $1", id)).await;
        assert_eq!(employees(old).await, Some(5), "changed twice by the import, back to the beginning");
        assert_eq!(employees(busy).await, Some(60), "somebody changed it since");
        let left: Option<i64> =
            app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL AND name IN ('Fresh', 'Touched')").await;
        assert_eq!(left, Some(1));
        let page = app.get(&pat, &import).await;
        assert!(page.has("Busy") && page.has("Touched"), "what was left is named: {}", page.body);
        for said in [
            "1 record that it had created was removed; it is in the trash.",
            "1 record that it had changed has its old values again.",
            "2 records were left as they are; the reasons stand below.",
        ] {
            assert!(page.has(said), "{}", page.body);
        }
        let list = format!("/accounts?f=import:is:{}", import.trim_start_matches("/imports/"));
        let tile = |label: &str, count: &str| {
            let after = page.body.split(label).nth(1).unwrap_or_default().split("</dd>").next().unwrap_or_default();
            assert!(after.contains(&format!(">{count}</a>")), "{label}: {after}");
        };
        tile(" Removed</dt>", "1");
        tile(" Old values again</dt>", "1");
        tile(" Left as they are</dt>", "2");
        assert!(page.has(&format!("href=\"{list}&#38;trash=1\"")) && page.has(&format!("href=\"{list}\"")));
        assert!(page.has(&format!("href=\"/accounts/{touched}\"")), "what was left is a click away");
        assert!(page.statements <= 12, "{}", page.statements);
    });
}

#[test]
fn an_undo_that_was_stopped_or_failed_goes_on_where_it_stood() {
    on_both(async |app| {
        let pat = partner(app).await;
        let companies = uploaded(app, &pat, "account", &many(150)).await;
        run(app, &pat, &companies).await;
        app.clock.advance(60);
        let rows: String = (0..150).map(|n| format!("Company {n:04},{}\n", n * 3 + 1)).collect();
        let import = uploaded(app, &pat, "account", &format!("name,employees\n{rows}")).await;
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 150, 0, 0));
        // One that the first portion of the undo meets, and one that the last does.
        let mut touched: Vec<String> = Vec::new();
        for select in ["SELECT id FROM account ORDER BY id LIMIT 1", "SELECT id FROM account ORDER BY id DESC LIMIT 1"]
        {
            let id: Uuid = app.value(select).await.unwrap();
            app.try_update("account", &pat, id, None, &[("city", "Suzhou")]).await.unwrap();
            touched.push(app.value(sql!("SELECT name FROM account WHERE id = $1", id)).await.unwrap());
        }
        let undo = async || {
            let answer = app.post_form(&pat, &format!("{import}/undo"), &[]).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        };
        let kept = async || app.value::<i64>("SELECT COUNT(*) FROM import_row WHERE action = 'kept'").await;
        let new = async || app.value::<i64>("SELECT COUNT(*) FROM account WHERE employees % 3 = 1").await;

        undo().await;
        app.execute(sql!("UPDATE job SET cancel_requested = $1 WHERE state = 'queued'", true)).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 150, 0, 0));
        assert_eq!((kept().await, new().await), (Some(1), Some(51)), "it was stopped after a hundred");
        // Started again it fails before it comes to anything.
        undo().await;
        let job = claimed(app).await;
        jobs::see_through(&app.app, &job, async { panic!("as a fault in the program would") }).await.unwrap();
        assert_eq!(counts(app).await, ("failed".into(), 0, 150, 0, 0));
        undo().await;
        work(app).await;
        assert_eq!(counts(app).await, ("undone".into(), 0, 150, 0, 0));
        assert_eq!((kept().await, new().await), (Some(2), Some(2)), "only what somebody changed is kept");
        let page = app.get(&pat, &import).await;
        assert!(touched.iter().all(|name| page.has(name)), "what was left is named: {}", page.body);
        // It had made nothing: nothing lies in the trash.
        assert!(
            page.has("148 records that it had changed have their old values again.") && !page.has("trash=1"),
            "{}",
            page.body
        );
    });
}

/// The live accounts whose names begin so, in alphabetical order.
async fn alive(app: &TestApp, begins: &str) -> Vec<String> {
    let mut session = app.app.db.read().await.unwrap();
    let named = "SELECT name FROM account WHERE deleted_at IS NULL AND name LIKE $1 ORDER BY name";
    session.all::<(String,)>(sql!(named, format!("{begins}%"))).await.unwrap().into_iter().map(|(name,)| name).collect()
}

#[test]
fn an_undo_leaves_what_others_have_built_on() {
    on_both(async |app| {
        let pat = partner(app).await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let names = ["contact", "deal", "call", "task", "file", "team", "share", "gone", "nothing"];
        let lines: String = names.iter().map(|name| format!("Built {name}\n")).collect();
        let file = format!("name,parent\n{lines}Built group,\nBuilt plant,Built group\nBuilt shop,Built plant\n");
        let import = uploaded(app, &pat, "account", &file).await;
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 12, 0, 0, 0));
        let account = async |name: &str| -> String {
            let named = sql!("SELECT id FROM account WHERE name = $1", format!("Built {name}"));
            app.value::<Uuid>(named).await.unwrap().to_string()
        };
        for (kind, name, more) in [
            ("contact", "contact", vec![("name", "Wang Hua")]),
            ("opportunity", "deal", vec![("name", "Rollout"), ("close_date", "2027-03-31")]),
            ("activity", "call", vec![("kind", "call"), ("subject", "First talk")]),
            ("task", "task", vec![("subject", "Send the offer")]),
            ("contact", "gone", vec![("name", "Zhao Min")]),
            // A whole line of accounts stays because of its last one.
            ("contact", "shop", vec![("name", "Sun Li")]),
        ] {
            let account = account(name).await;
            let fields = [&[("account", account.as_str())][..], &more].concat();
            app.create(kind, &pat, &fields).await;
        }
        app.execute("UPDATE contact SET deleted_at = 1 WHERE name = 'Zhao Min'").await;
        let (team, shared) = (account("team").await, account("share").await);
        app.post_form(&pat, &format!("/accounts/{team}/team"), &[("person", &lin.id.to_string())]).await;
        crate::sharing::share(app, &pat, &format!("/accounts/{shared}"), &lin, false).await;
        let file = format!("/accounts/{}", account("file").await);
        crate::files::add(app, &pat, &file, "offer.txt", b"An offer").await;
        let versions = "SELECT MAX(version) FROM account";
        assert_eq!(app.value::<i64>(versions).await, Some(1), "none of this changes the account itself");
        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        let left = ["call", "contact", "deal", "file", "group", "plant", "share", "shop", "task", "team"];
        assert_eq!(alive(app, "Built").await, left.map(|name| format!("Built {name}")));
        let page = app.get(&pat, &import).await;
        assert!(page.has("Built team") && page.has("Others have built on it since"), "{}", page.body);
        // Rows of the same file that hang together are nobody's work.
        let family = uploaded(app, &pat, "account", "name,parent\nKin A,\nKin B,Kin A\nKin C,Kin B\n").await;
        run(app, &pat, &family).await;
        app.post_form(&pat, &format!("{family}/undo"), &[]).await;
        work(app).await;
        assert_eq!(alive(app, "Kin").await, Vec::<String>::new());
    });
}

#[test]
fn an_import_has_the_rights_of_who_imports() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let other = app.person("Ola").role(Role::Seller).create().await;
        let theirs = app.account(&other, "Theirs").await;
        let import =
            uploaded(app, &lin, "account", &format!("name,parent\nMine,\nChild,{theirs}\nSecond,Theirs\n")).await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 2), "what one can't see can't be pointed to");
        assert_eq!(app.get(&other, &import).await.status, 404, "an import is its owner's");
        let auditor = app.person("Ada").role(Role::Auditor).create().await;
        assert_eq!(app.get(&auditor, "/imports").await.status, 404, "who may make nothing does not import");
        assert_eq!(upload(app, &lin, "product", "p.csv", b"name,code\nA,1\n").await.status, 422);
    });
}

#[test]
fn people_with_and_without_a_superior_come_in_together() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).create().await;
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let file = "name,email,manager\nBob,bob@file.example,Chen Wei\nCarl,carl@file.example,\n";
        let import = uploaded(app, &ada, "person", file).await;
        app.post_form(&ada, &format!("{import}/check"), &[]).await;
        work(app).await;
        assert_eq!(counts(app).await, ("checked".into(), 2, 0, 0, 0));
        run(app, &ada, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 0));
        const BELOW: &str = "
            SELECT STRING_AGG(x.name, ' ') FROM (
                SELECT p.name FROM person_below b JOIN person p ON p.id = b.person_id
                 WHERE b.manager_id = $1 ORDER BY p.name) x";
        let below = async |manager: Uuid| app.value::<String>(sql!(BELOW, manager)).await;
        assert_eq!(below(boss.id).await.as_deref(), Some("Bob Chen Wei"));
        let carl: Uuid = app.value("SELECT id FROM person WHERE name = 'Carl'").await.unwrap();
        assert_eq!(below(carl).await.as_deref(), Some("Carl"));
        let everybody: Option<i64> = app.value("SELECT COUNT(*) FROM person").await;
        let themselves = "SELECT COUNT(*) FROM person_below WHERE manager_id = person_id";
        assert_eq!(app.value::<i64>(themselves).await, everybody);
    });
}

#[test]
fn people_come_in_with_their_passwords_and_one_that_is_too_short_costs_one_row() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).create().await;
        let file = format!(
            "name,email,password\nBob,bob@file.example,{PASSWORD}\nCarl,carl@file.example,short\nDora,dora@file.example,\n"
        );
        let import = uploaded(app, &ada, "person", &file).await;
        let columns = [("name", "name"), ("email", "email"), ("password", "password")];
        sent(app, &ada, &import, &columns, &[("then", "check")]).await;
        work(app).await;
        assert_eq!(counts(app).await, ("checked".into(), 2, 0, 0, 1));
        run(app, &ada, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 1));
        let bob = app.sign_in("bob@file.example").await;
        assert_eq!(app.get(&bob, "/me").await.status, 200);
        let dora: Option<String> = app.value("SELECT state FROM person WHERE name = 'Dora'").await;
        assert_eq!(dora.as_deref(), Some("invited"));
    });
}

#[test]
fn two_rows_that_cannot_stand_together_cost_only_one_of_them() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "name,credit_code\nA,91350100M000100Y43\nB,\nC,91350100M000100Y43\nD,\n";
        let import = uploaded(app, &pat, "account", file).await;
        let answer = app
            .post_form(
                &pat,
                &import,
                &[
                    ("then", "start"),
                    ("column-0", "name"),
                    ("field-0", "name"),
                    ("column-1", "credit_code"),
                    ("field-1", "credit_code"),
                ],
            )
            .await;
        assert_eq!(answer.location(), import, "{}", answer.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 3, 0, 0, 1));
        assert_eq!(accounts(app).await, 3);
    });
}

#[test]
fn a_list_goes_out_as_it_is_seen() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let other = app.person("Ola").role(Role::Seller).create().await;
        app.create("account", &lin, &[("name", "=1+1"), ("city", "Xi'an")]).await;
        app.create("account", &lin, &[("name", "Later"), ("city", "Wuxi")]).await;
        app.create("account", &other, &[("name", "Hidden")]).await;
        let csv = app.get(&boss, "/accounts.csv?view=none&cols=name,city&sort=name&f=city:has:xi").await;
        assert_eq!(csv.status, 200);
        let lines: Vec<&str> = csv.body.trim_start_matches('\u{feff}').lines().collect();
        assert_eq!(lines.len(), 3, "{}", csv.body);
        assert_eq!(lines[1], "'=1+1,Xi'an");
        assert!(!csv.has("Hidden"));
        assert_eq!(app.get(&lin, "/accounts.csv").await.status, 404, "a seller may not take the list out");
        let audited: Option<i64> = app.value("SELECT COUNT(*) FROM event WHERE kind = 'exported'").await;
        assert_eq!(audited, Some(1));
        let xlsx = app.get(&boss, "/accounts.xlsx?view=none").await;
        assert_eq!(xlsx.status, 200);
        assert_eq!(xlsx.header("content-disposition"), Some("attachment; filename=\"accounts-2026-11-24.xlsx\""));
    });
}

/// Compression asks a body once more after its end; a stream that does not bear that broke off in every browser.
#[test]
fn who_takes_compressed_files_gets_whole_ones() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        app.create("account", &boss, &[("name", "Whole")]).await;
        let headers = [("cookie", boss.cookie.as_str()), ("accept-encoding", "gzip")];
        for file in ["/accounts.csv", "/accounts.xlsx"] {
            let answer = app.request(Method::GET, file, &headers, Body::empty()).await;
            assert_eq!((answer.status.as_u16(), answer.bytes.is_empty()), (200, false), "{file}");
        }
        let answer = app.request(Method::GET, "/accounts.csv", &headers, Body::empty()).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "else this says nothing");
    });
}

#[test]
fn a_chinese_file_in_gb18030_needs_no_choice() {
    on_both(async |app| {
        let pat = app.person("林燕").role(Role::Partner).locale("zh-CN").create().await;
        // 客户名称;城市 / 上海云帆科技有限公司;上海
        const FILE: &[u8] = b"\xbf\xcd\xbb\xa7\xc3\xfb\xb3\xc6;\xb3\xc7\xca\xd0\n\xc9\xcf\xba\xa3\xd4\xc6\xb7\xab\xbf\xc6\xbc\xbc\xd3\xd0\xcf\xde\xb9\xab\xcb\xbe;\xc9\xcf\xba\xa3\n";
        let answer = upload(app, &pat, "account", "客户.csv", FILE).await;
        let import = answer.location().to_owned();
        let page = app.get(&pat, &import).await;
        assert!(page.has("上海云帆科技有限公司"), "{}", page.body);
        run(app, &pat, &import).await;
        assert_eq!(app.value::<String>("SELECT city FROM account").await.as_deref(), Some("上海"));
    });
}

#[test]
fn a_file_that_is_no_table_is_refused_with_the_reason() {
    on_both(async |app| {
        let pat = partner(app).await;
        for content in
            [&b"\xd0\xcf\x11\xe0 old workbook"[..], b"PK\x03\x04 not really a zip", b"\0\x01\x02\0\0\x03", b"\n\n"]
        {
            let answer = upload(app, &pat, "account", "x.csv", content).await;
            assert_eq!(answer.status, 422, "{content:?}");
            assert!(answer.has("role=\"alert\""));
        }
        let junk = b"\x89\x01\x03\x9e\x1b\x02,\xff\x07\x0e\xd3\n\x04\x93\x15,\x18\x05\xea";
        let answer = upload(app, &pat, "account", "x.csv", junk).await;
        assert!(answer.status == 422 && answer.has("This is not text"), "{}", answer.body);
        let answer = upload(app, &pat, "account", "x.csv", b"Name,City\n,\n").await;
        assert!(answer.status == 422 && answer.has("no rows below them"), "{}", answer.body);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM stored_file").await, Some(0));
    });
}

#[test]
fn names_of_many_rows_lead_to_the_records_that_the_importer_sees() {
    on_both(async |app| {
        let (sam, una) =
            (app.person("Sam").role(Role::Seller).create().await, app.person("Una").role(Role::Seller).create().await);
        let (north, south) = (app.account(&sam, "North").await, app.account(&sam, "South").await);
        let only = app.opportunity(&sam, "Only one", north).await;
        let renewal = app.opportunity(&sam, "Renewal", south).await;
        app.opportunity(&sam, "Renewal", north).await;
        app.execute(sql!("UPDATE opportunity SET external_id = 'D-7' WHERE id = $1", renewal)).await;
        let hers = app.account(&una, "Hers").await;
        app.opportunity(&una, "Secret", hers).await;
        let file = "kind,subject,account,opportunity
call,by name,,Only one
call,by number,,D-7
call,by name and account,South,Renewal
call,ambiguous,,Renewal
call,of somebody else,,Secret
call,in the wrong account,South,Only one
";
        let import = uploaded(app, &sam, "activity", file).await;
        run(app, &sam, &import).await;
        let (state, created, _, _, failed) = counts(app).await;
        assert_eq!((state.as_str(), created, failed), ("done", 3, 3));
        let of = async |subject: &str| -> (Option<Uuid>, Option<Uuid>) {
            let mut session = app.app.db.read().await.unwrap();
            let select = "SELECT opportunity_id, account_id FROM activity WHERE subject = $1";
            session.one(sql!(select, subject)).await.unwrap()
        };
        assert_eq!(of("by name").await, (Some(only), Some(north)));
        assert_eq!(of("by number").await, (Some(renewal), Some(south)));
        assert_eq!(of("by name and account").await, (Some(renewal), Some(south)));
        let keys: Vec<(String,)> = {
            let mut session = app.app.db.read().await.unwrap();
            session.all("SELECT errors FROM import_row WHERE action = 'failed' ORDER BY row_number").await.unwrap()
        };
        for ((errors,), key) in keys.iter().zip(["invalid-ambiguous", "invalid-reference", "invalid-reference"]) {
            assert!(errors.contains(key), "{errors}");
        }
    });
}

#[test]
fn a_long_list_holds_what_its_reader_may_see_in_order_and_once() {
    on_both(async |app| {
        let (sam, una) =
            (app.person("Sam").role(Role::Seller).create().await, app.person("Una").role(Role::Seller).create().await);
        let rows = |from: usize, to: usize| {
            let lines = (from..to)
                .map(|number| format!("call,Number {number:05},2026-01-0{} 10:{:02}\n", number % 7 + 1, number % 60));
            format!("kind,subject,happened_at\n{}", lines.collect::<String>())
        };
        for (who, from, to) in [(&sam, 0, 1_200), (&una, 5_000, 5_300)] {
            let import = uploaded(app, who, "activity", &rows(from, to)).await;
            run(app, who, &import).await;
        }
        let token = app.api_token(&sam).await;
        let mut path = "/api/activities?limit=200&sort=-happened_at&fields=subject,happened_at".to_owned();
        let mut seen: Vec<(String, String)> = Vec::new();
        loop {
            let page = app.api(&token, axum::http::Method::GET, &path, &[], None).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            for row in page.json()["data"].as_array().unwrap() {
                let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                seen.push((text("happened_at"), text("subject")));
            }
            match page.header("link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")) {
                Some(next) => path = next.to_owned(),
                None => break,
            }
        }
        assert!(seen.windows(2).all(|two| two[0].0 >= two[1].0), "newest first");
        let subjects: std::collections::BTreeSet<&str> = seen.iter().map(|(_, subject)| subject.as_str()).collect();
        assert_eq!((seen.len(), subjects.len()), (1_200, 1_200));
        assert!(subjects.iter().all(|subject| *subject < "Number 05000"));
    });
}
