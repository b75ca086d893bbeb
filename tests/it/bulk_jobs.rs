//! Work on more records than somebody waits for. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::job::{Ended, Job};
use store::{Cell, Uuid, sql};
use testkit::{Answer, Engine, Person, Role, TestApp, on, on_both};
use trivet::shell::bulk_job;
use trivet::shell::record::{Draft, command};
use trivet::system::jobs;

use crate::company::Company;
use crate::import::{claimed, work};

/// More than are done while somebody waits: so many, and in several portions.
const MANY: usize = 320;

/// Accounts of one person in a city; returns them in the order of their ids.
pub async fn many_accounts(app: &TestApp, owner: &Person, city: &str) -> Vec<Uuid> {
    let actor = app.actor(owner).await;
    let object = app.object("account");
    let mut tx = app.db.write().await.expect("the database can be written");
    let mut drafts = Vec::new();
    for number in 0..MANY {
        let inputs = [("name", format!("Harbour {number}")), ("city", city.to_owned())];
        let inputs = inputs.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
        let draft = command::read_inputs(object, &actor.viewer, &inputs, None, command::Source::Strict).unwrap();
        let known = &mut command::Known::default();
        drafts.push(command::prepare_new(&mut tx, &actor, object, draft, known).await.unwrap());
    }
    let mut made = command::write_new(&mut tx, &actor, object, &drafts).await.unwrap();
    tx.commit().await.unwrap();
    made.sort_unstable();
    made
}

pub async fn in_city(app: &TestApp, city: &str) -> i64 {
    let there = "SELECT COUNT(*) FROM account WHERE deleted_at IS NULL AND city = $1";
    app.value(sql!(there, city)).await.unwrap_or(0)
}

async fn in_trash(app: &TestApp) -> i64 {
    app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NOT NULL").await.unwrap_or(0)
}

/// The value of a hidden input of a page.
fn hidden(page: &Answer, name: &str) -> String {
    let begin = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.body.split_once(&begin).unwrap_or_else(|| panic!("{name} is on the page: {}", page.body));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// Looks at what would be done to all that matches, goes on, and returns the address of the job.
pub async fn ordered(app: &TestApp, who: &Person, query: &str, fields: &[(&str, &str)]) -> String {
    let all = [fields, &[("all", "1"), ("query", query)]].concat();
    let preview = app.post_form(who, "/accounts/bulk", &all).await;
    assert!(preview.has(&format!("{MANY} records selected")), "{}", preview.body);
    apply(app, who, &all, &hidden(&preview, "seen")).await
}

async fn apply(app: &TestApp, who: &Person, all: &[(&str, &str)], seen: &str) -> String {
    let answer = app.post_form(who, "/accounts/bulk/apply", &[all, &[("seen", seen)]].concat()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(answer.location().starts_with("/bulk-jobs/"), "{}", answer.location());
    answer.location().to_owned()
}

/// The figure below a heading of the job's page.
fn figure(page: &Answer, heading: &str) -> String {
    let begin = format!("{heading}</dt><dd class=\"tile-value\">");
    let (_, rest) = page.body.split_once(&begin).unwrap_or_else(|| panic!("{heading} is there: {}", page.body));
    let figure = rest.split("</").next().unwrap_or_default();
    figure.rsplit('>').next().unwrap_or_default().to_owned()
}

/// Where the figure below a heading of the job's page leads.
fn leads_to(page: &Answer, heading: &str) -> String {
    let begin = format!("{heading}</dt><dd class=\"tile-value\"><a href=\"");
    let (_, rest) = page.body.split_once(&begin).unwrap_or_else(|| panic!("{heading} leads on: {}", page.body));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// A record of an entry of the history, and one behind a figure of a job's page.
const ENTRY: &str = "<del>Wuxi</del>";
const RECORD: &str = "<a href=\"/accounts/0";

/// How many records stand on a page and on those behind it.
async fn told(app: &TestApp, who: &Person, first: &str, record: &str) -> Vec<usize> {
    let (mut sizes, mut next) = (Vec::new(), Some(first.to_owned()));
    while let Some(path) = next {
        let page = app.get(who, &path).await;
        assert!(page.statements <= 12, "{} statements", page.statements);
        sizes.push(page.body.matches(record).count());
        let links = page.body.split("href=\"").skip(1).filter_map(|link| link.split_once('"'));
        let found = links.filter(|(_, rest)| rest.starts_with(" rel=\"next\"")).map(|(href, _)| href).next();
        next = found.map(|href| href.replace("&#38;", "&").replace("&amp;", "&"));
    }
    sizes
}

#[test]
fn everything_that_matches_is_edited_by_a_job_and_undone_by_one() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Partner).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let edit = [("action", "edit"), ("field", "city"), ("value", "Ningbo")];
        let all = [&edit[..], &[("all", "1"), ("query", "view=all")]].concat();
        let preview = app.post_form(&lin, "/accounts/bulk", &all).await;
        assert!(preview.has("320 records selected") && preview.has("behind the scenes"), "{}", preview.body);
        let seen = hidden(&preview, "seen");
        // Meanwhile one is made, of one the same field is changed, of one another field, and one is given away.
        app.clock.advance(60);
        app.create("account", &lin, &[("name", "Harbour late"), ("city", "Wuxi")]).await;
        app.try_update("account", &wu, made[5], None, &[("city", "Hefei")]).await.unwrap();
        app.try_update("account", &wu, made[6], None, &[("website", "https://harbour.example")]).await.unwrap();
        app.try_update("account", &wu, made[7], None, &[("owner", &wu.id.to_string())]).await.unwrap();
        app.clock.advance(60);
        let page = apply(app, &lin, &all, &seen).await;
        let waiting = app.get(&lin, &page).await;
        assert!(waiting.has("Waiting for its turn") && waiting.has("cancellation"), "{}", waiting.body);
        assert_eq!(in_city(app, "Ningbo").await, 0);
        assert_eq!(app.get(&wu, &page).await.status, 404, "a job is nobody else's");
        work(app).await;
        assert_eq!(
            (in_city(app, "Ningbo").await, in_city(app, "Hefei").await, in_city(app, "Wuxi").await),
            (318, 1, 2)
        );
        let over = app.get(&lin, &page).await;
        assert!(over.statements <= 12, "{} statements", over.statements);
        let figures = ["Done", "Changed by somebody meanwhile"].map(|heading| figure(&over, heading));
        assert_eq!(figures, ["318", "1"], "{}", over.body);
        assert_eq!(
            app.get_fragment(&lin, &format!("{page}/progress")).await.header("hx-redirect"),
            Some(page.as_str())
        );
        // Every record has its history, and the whole is told once.
        let events = "SELECT COUNT(*) FROM event WHERE kind = 'updated' AND via = 'page' AND actor_id = $1";
        assert_eq!(app.value::<i64>(sql!(events, lin.id)).await, Some(318));
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'bulk'").await, Some(1));
        let history = app.get(&lin, "/accounts/bulk").await;
        assert!(history.has("318 records") && history.has("all are as you left them"), "{}", history.body);
        // Somebody goes on with one of them; the rest is undone, by a job again.
        app.clock.advance(60);
        app.try_update("account", &wu, made[9], None, &[("city", "Bergen")]).await.unwrap();
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        let undo = format!("/accounts/bulk/undo?at={at}");
        assert!(over.has(&undo), "{}", over.body);
        // The figure leads to what it counts.
        let one = format!("/accounts/bulk?at={at}");
        assert!(over.has(&format!("<a href=\"{one}\">318</a>")), "{}", over.body);
        assert_eq!(told(app, &lin, &one, ENTRY).await, [100, 100, 100, 18]);
        let answer = app.post_form(&lin, &undo, &[]).await;
        assert!(answer.location().starts_with("/bulk-jobs/"), "{}", answer.location());
        work(app).await;
        assert_eq!(
            (in_city(app, "Ningbo").await, in_city(app, "Bergen").await, in_city(app, "Wuxi").await),
            (0, 1, 319)
        );
        let undone = app.get(&lin, answer.location()).await;
        assert_eq!(["As they were", "Changed since"].map(|heading| figure(&undone, heading)), ["317", "1"]);
        assert!(!app.get(&lin, &page).await.has(&undo), "there is nothing left to undo");
        // A colleague's undo of it finds nothing.
        assert_eq!(app.post_form(&wu, &undo, &[]).await.location(), "/accounts?");
    });
}

/// Works on a job until its first portion is done.
async fn half_way(app: &TestApp, job: &Job) {
    let running = bulk_job::run(&app.app, job);
    let looking = async {
        while in_trash(app).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! { biased; () = looking => {}, _ = running => {} }
}

/// Takes back the only work on many that was done.
async fn undo(app: &TestApp, by: &Person) {
    let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
    app.post_form(by, &format!("/accounts/bulk/undo?at={at}"), &[]).await;
    work(app).await;
}

#[test]
fn work_on_many_goes_on_where_it_stopped_and_is_stopped_between_portions() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let page = ordered(app, &lin, "view=all", &[("action", "trash")]).await;
        // Stopped while it runs: the portion at hand is finished, and is all that is done.
        let job = claimed(app).await;
        app.post_form(&lin, &format!("{page}/cancellation"), &[]).await;
        let outcome = bulk_job::run(&app.app, &job).await;
        jobs::finish(&app.app, &job, outcome).await.unwrap();
        let gone = in_trash(app).await;
        assert!((1..MANY as i64).contains(&gone), "{gone}");
        let over = app.get(&lin, &page).await;
        assert!(over.has("This was stopped") && over.has("/accounts/bulk/undo?at="), "{}", over.body);
        assert_eq!(figure(&over, "Done"), gone.to_string());
        // What had been done is undone as one.
        undo(app, &lin).await;
        assert_eq!(in_trash(app).await, 0);
        // Killed after a portion: another server takes it over, does the rest, and does nothing twice.
        app.clock.advance(60);
        ordered(app, &lin, "view=all", &[("action", "trash")]).await;
        let job = claimed(app).await;
        half_way(app, &job).await;
        app.clock.advance(120);
        // PostgreSQL may need a moment to roll the broken portion back; until then nobody else gets the job.
        for _ in 0..200 {
            work(app).await;
            if in_trash(app).await == MANY as i64 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        assert_eq!(in_trash(app).await, MANY as i64);
        let twice = "SELECT COUNT(*) FROM (SELECT subject_id FROM event WHERE kind = 'deleted' GROUP BY subject_id
            HAVING COUNT(*) > 2) x";
        assert_eq!(app.value::<i64>(twice).await, Some(0));
        // Nobody's job any more: the first server finds that it was overtaken, and leaves it.
        assert!(matches!(bulk_job::run(&app.app, &job).await, Ok(Ended::Lost)));
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'bulk'").await, Some(2));
    });
}

#[test]
fn what_a_job_had_done_that_could_not_go_on_is_told_and_undone() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let page = ordered(app, &lin, "view=all", &[("action", "trash")]).await;
        let job = claimed(app).await;
        let broken = async {
            half_way(app, &job).await;
            panic!("half way")
        };
        jobs::see_through(&app.app, &job, broken).await.expect("it is noted");
        let gone = in_trash(app).await;
        let over = app.get(&lin, &page).await;
        assert!(over.has("Something went wrong on our side"), "{}", over.body);
        assert_eq!(figure(&over, "Done"), gone.to_string());
        undo(app, &lin).await;
        assert_eq!(in_trash(app).await, 0);
    });
}

#[test]
fn a_change_that_waited_for_its_turn_is_no_older_than_what_others_saw_meanwhile() {
    // Only there do writers wait for each other before they have touched anything.
    on(Engine::Sqlite, async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Partner).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let edit = [("action", "edit"), ("field", "city"), ("value", "Ningbo"), ("all", "1"), ("query", "view=all")];
        let (object, viewer) = (app.object("account"), app.viewer(&wu).await);
        let busy = app.db.write().await.expect("the database can be written");
        let saving = app.at_page(&viewer, async |tx, actor| {
            let mut draft = Draft::default();
            draft.set("city", Cell::Text("Hefei".into()));
            command::update(tx, actor, object, made[5], None, draft).await
        });
        let looking = async {
            app.clock.advance(60);
            let preview = app.post_form(&lin, "/accounts/bulk", &edit).await;
            app.clock.advance(60);
            drop(busy);
            hidden(&preview, "seen")
        };
        let (saved, seen) = tokio::join!(saving, looking);
        saved.expect("it is saved");
        let page = apply(app, &lin, &edit, &seen).await;
        work(app).await;
        assert_eq!((in_city(app, "Hefei").await, in_city(app, "Ningbo").await), (1, MANY as i64 - 1));
        assert_eq!(figure(&app.get(&lin, &page).await, "Changed by somebody meanwhile"), "1");
    });
}

#[test]
fn in_a_job_the_rights_of_the_moment_count_and_one_record_against_a_rule_stops_no_other() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let far = app.person("Far Away").role(Role::Seller).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        // A value that no record can have queues nothing.
        let all = [("all", "1"), ("query", "view=all"), ("seen", "9000000000000000")];
        let wrong = [&[("action", "edit"), ("field", "employees"), ("value", "many")][..], &all].concat();
        let refused = app.post_form(&lin, "/accounts/bulk/apply", &wrong).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM job").await, Some(0));
        // A parent can't be its own: of all accounts that one is left, and named.
        let parent = made[200].to_string();
        let edit = [("action", "edit"), ("field", "parent"), ("value", parent.as_str())];
        let page = ordered(app, &lin, "view=all", &edit).await;
        work(app).await;
        let over = app.get(&lin, &page).await;
        assert_eq!(["Done", "Against a rule"].map(|heading| figure(&over, heading)), ["319", "1"], "{}", over.body);
        assert!(over.has("Harbour 200") || over.has(&format!("/accounts/{parent}\"")), "{}", over.body);
        // What was given away after the order is no longer theirs to throw away.
        app.clock.advance(60);
        let page = ordered(app, &lin, "view=all", &[("action", "trash")]).await;
        app.execute(sql!("UPDATE account SET owner_id = $2 WHERE id = $1", made[3], far.id)).await;
        work(app).await;
        let over = app.get(&lin, &page).await;
        assert_eq!((figure(&over, "Done").as_str(), in_trash(app).await), ("319", 319), "{}", over.body);
        // And all of them come out of the trash by a job as well.
        app.clock.advance(60);
        let restore = [("action", "restore"), ("all", "1"), ("query", "view=none&trash=1")];
        let answer = app.post_form(&lin, "/accounts/bulk", &restore).await;
        assert!(answer.location().starts_with("/bulk-jobs/"), "{}", answer.body);
        work(app).await;
        assert_eq!(in_trash(app).await, 0);
    });
}

#[test]
fn every_number_of_a_job_leads_to_the_records_that_it_counts() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let far = app.person("Far Away").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Partner).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let edit = [("action", "edit"), ("field", "city"), ("value", "Ningbo"), ("all", "1"), ("query", "view=all")];
        let seen = hidden(&app.post_form(&lin, "/accounts/bulk", &edit).await, "seen");
        app.clock.advance(60);
        app.try_update("account", &wu, made[5], None, &[("city", "Hefei")]).await.unwrap();
        app.clock.advance(60);
        let page = apply(app, &lin, &edit, &seen).await;
        work(app).await;
        let overtaken = leads_to(&app.get(&lin, &page).await, "Changed by somebody meanwhile");
        let listed = app.get(&lin, &overtaken).await;
        assert!(listed.has(&format!("<a href=\"/accounts/{}\">", made[5])), "{}", listed.body);
        assert_eq!(told(app, &lin, &overtaken, RECORD).await, [1]);
        assert_eq!(app.get(&wu, &overtaken).await.status, 404, "a job is nobody else's");
        // Of what is undone, others went on with 120; one of these is out of the person's sight by now.
        app.execute(sql!("UPDATE account SET version = version + 1 WHERE id <= $1", made[120])).await;
        app.execute(sql!("UPDATE account SET owner_id = $2 WHERE id = $1", made[0], far.id)).await;
        app.clock.advance(60);
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        let undoing = app.post_form(&lin, &format!("/accounts/bulk/undo?at={at}"), &[]).await;
        work(app).await;
        let undone = app.get(&lin, undoing.location()).await;
        assert_eq!(["As they were", "Changed since"].map(|heading| figure(&undone, heading)), ["199", "120"]);
        assert_eq!(told(app, &lin, &leads_to(&undone, "As they were"), RECORD).await, [100, 99]);
        let since = leads_to(&undone, "Changed since");
        assert_eq!(told(app, &lin, &since, RECORD).await, [100, 19], "as far as they are seen");
        assert!(!app.get(&lin, &since).await.has(&made[0].to_string()));
        // A program is told the same.
        let first = app.get(&lin, &format!("/api{since}&limit=200")).await;
        assert_eq!(first.status, 200, "{}", first.body);
        let ids = first.json()["data"].as_array().map(|data| data.iter().map(|one| one["id"].clone()).collect());
        let ids: Vec<Json> = ids.unwrap_or_default();
        assert!(ids.len() == 119 && ids.contains(&json!(made[120])) && !ids.contains(&json!(made[0])), "{ids:?}");
        assert_eq!(app.get(&wu, &format!("/api{since}")).await.status, 404);
        // What breaks a rule stands there with the rule.
        app.clock.advance(60);
        let parent = made[200].to_string();
        let edit =
            [("action", "edit"), ("field", "parent"), ("value", parent.as_str()), ("all", "1"), ("query", "view=all")];
        let seen = hidden(&app.post_form(&lin, "/accounts/bulk", &edit).await, "seen");
        let page = apply(app, &lin, &edit, &seen).await;
        work(app).await;
        let refused = leads_to(&app.get(&lin, &page).await, "Against a rule");
        let listed = app.get(&lin, &refused).await;
        assert!(
            listed.has(&format!("<a href=\"/accounts/{parent}\">")) && listed.has("class=\"error\""),
            "{}",
            listed.body
        );
        // A program too is told of it only as long as the record is in sight.
        let problems = async || app.get(&lin, &format!("/api{page}")).await.json()["problems"].clone();
        assert_eq!(problems().await[0]["record"], json!(parent));
        app.execute(sql!("UPDATE account SET owner_id = $2 WHERE id = $1", made[200], far.id)).await;
        assert_eq!(problems().await, json!([]));
        // Work of an older program has told nothing of its records.
        app.execute("UPDATE job SET cursor = REPLACE(cursor, '\"told\"', '\"once\"')").await;
        let older = app.get(&lin, undoing.location()).await;
        assert!(older.has("Changed since</dt><dd class=\"tile-value\">120"), "{}", older.body);
        // A part of them is not given out as all of them.
        assert_eq!(app.get(&lin, &format!("/api{since}")).await.json()["data"], json!([]));
        assert!(!app.get(&lin, &since).await.has(RECORD));
    });
}

#[test]
fn a_trial_says_on_each_of_its_pages_that_it_only_tried() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let token = app.api_token(&lin).await;
        let filter = json!({ "f": ["city:is:Wuxi"] });
        let wish = json!({ "action": "edit", "filter": filter, "set": { "city": "Ningbo" }, "dry_run": true });
        let tried = app.api(&token, Method::POST, "/api/accounts/bulk", &[], Some(&wish)).await;
        assert_eq!(tried.status, 202, "{}", tried.body);
        work(app).await;
        let over = app.get(&lin, tried.location().trim_start_matches("/api")).await;
        let would = leads_to(&over, "Would change");
        assert_eq!(told(app, &lin, &would, RECORD).await, [100, 100, 100, 20]);
        let listed = app.get(&lin, &would).await;
        assert!(listed.has("<h1>Would change</h1>") && listed.has("Would change 320"), "{}", listed.body);
        assert!(!listed.has("Done 320"), "{}", listed.body);
    });
}

#[test]
fn everything_that_matches_goes_out_as_a_file_without_being_named() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        many_accounts(app, &pat, "Wuxi").await;
        app.create("account", &pat, &[("name", "Elsewhere"), ("city", "Bergen")]).await;
        let all = [("action", "export"), ("all", "1"), ("query", "view=none&f=city:is:Wuxi")];
        let preview = app.post_form(&pat, "/accounts/bulk", &all).await;
        assert!(preview.has("320 records selected") && !preview.has("name=\"ids\""), "{}", preview.body);
        let seen = hidden(&preview, "seen");
        let file = app.post_form(&pat, "/accounts.csv", &[&all[..], &[("seen", seen.as_str())]].concat()).await;
        assert_eq!((file.status.as_u16(), file.body.lines().count()), (200, MANY + 1), "{}", file.body);
        assert!(!file.has("Elsewhere"));
    });
}

#[test]
fn a_program_is_told_where_the_job_is_that_works_on_many() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let seller: Uuid = app.value("SELECT id FROM person WHERE name = 'seller'").await.expect("a seller");
        let owner = app.person("Spare").role(Role::Partner).create().await;
        many_accounts(app, &owner, "Wuxi").await;
        app.execute(sql!("UPDATE account SET owner_id = $1", seller)).await;
        app.clock.advance(60);
        let wish = |dry_run: bool| json!({ "action": "edit", "filter": { "f": ["city:is:Wuxi"] }, "set": { "city": "Ningbo" }, "dry_run": dry_run });
        let act = async |body: Json, key: &str| {
            company.call("seller", "POST", "/api/accounts/bulk", body, &[("idempotency-key", key)]).await
        };
        let read = async |address: &str| company.get("seller", address).await.body;
        // Counted, and nothing kept.
        let tried = act(wish(true), "try").await;
        assert_eq!((tried.status, &tried.body["state"], &tried.body["total"]), (202, &json!("queued"), &json!(320)));
        let address = tried.header("location").to_owned();
        assert_eq!(tried.body["address"], json!(address));
        work(app).await;
        let over = read(&address).await;
        assert_eq!(
            (&over["state"], &over["changed"], &over["undo"]),
            (&json!("done"), &json!(320), &Json::Null),
            "{over}"
        );
        assert_eq!(
            (in_city(app, "Wuxi").await, app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'updated'").await),
            (320, Some(0))
        );
        // Done; the same call with its key is said again, not done again.
        let listed = company.get("seller", &format!("{address}/records?limit=200")).await;
        assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(200), "{}", listed.body);
        let next = format!("{address}/records?limit=200&after={}", listed.body["next"].as_str().unwrap_or_default());
        let rest = company.get("seller", &next).await;
        assert_eq!((rest.body["data"].as_array().map(Vec::len), &rest.body["next"]), (Some(120), &Json::Null));
        let first = act(wish(false), "once").await;
        work(app).await;
        let again = act(wish(false), "once").await;
        assert_eq!((again.status, &again.body["id"]), (202, &first.body["id"]));
        assert_eq!(
            (again.header("location"), again.header("idempotency-replayed")),
            (first.header("location"), "true")
        );
        assert_eq!(in_city(app, "Ningbo").await, 320);
        let over = read(first.header("location")).await;
        assert_eq!(
            (&over["changed"], &over["action"], &over["conflicts"], &over["refused"]),
            (&json!(320), &json!("edit"), &json!(0), &json!(0)),
            "{over}"
        );
        assert_eq!(company.get("partner", first.header("location")).await.status, 404, "whose it is");
        app.clock.advance(5);
        let undone = company.post("seller", "/api/accounts/bulk/undo", json!({ "undo": over["undo"] })).await;
        assert_eq!((undone.status, &undone.body["action"]), (202, &json!("undo")), "{}", undone.body);
        // Stopped before it began: nothing is done.
        let stop = format!("{}/cancellation", undone.header("location"));
        assert_eq!(company.call("seller", "POST", &stop, Json::Null, &[]).await.body["state"], json!("cancelled"));
        work(app).await;
        assert_eq!(in_city(app, "Ningbo").await, 320);
        company.post("seller", "/api/accounts/bulk/undo", json!({ "undo": over["undo"] })).await;
        work(app).await;
        assert_eq!(in_city(app, "Wuxi").await, 320);
        // All of it is listed, newest first, a page at a time, and to nobody else.
        let mut actions = Vec::new();
        let mut path = "/api/bulk-jobs?limit=3".to_owned();
        loop {
            let page = company.get("seller", &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let jobs = page.body["data"].as_array().cloned().unwrap_or_default();
            actions.extend(jobs.iter().map(|job| (job["action"].clone(), job["state"].clone())));
            let Some(next) = page.body["next"].as_str() else { break };
            path = format!("/api/bulk-jobs?limit=3&after={next}");
        }
        let expected = [("undo", "done"), ("undo", "cancelled"), ("edit", "done"), ("edit", "done")];
        assert_eq!(actions, expected.map(|(action, state)| (json!(action), json!(state))));
        assert_eq!(company.get("partner", "/api/bulk-jobs").await.body["data"], json!([]));
        // A value that no record can have is refused at once, with the records that were tried.
        let mut wrong = wish(false);
        wrong["set"] = json!({ "owner": "01930000-0000-7000-8000-000000000000" });
        assert_eq!(act(wrong, "wrong").await.status, 422);
    });
}

#[test]
fn a_job_is_undone_from_its_page_whatever_was_done_at_once_since() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let edit = [("action", "edit"), ("field", "city"), ("value", "Ningbo")];
        let page = ordered(app, &lin, "view=all", &edit).await;
        work(app).await;
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        let one = made[0].to_string();
        for number in 0..21 {
            app.clock.advance(60);
            let town = format!("Town {number}");
            let edit = [("action", "edit"), ("field", "city"), ("value", town.as_str()), ("ids", one.as_str())];
            assert_eq!(app.post_form(&lin, "/accounts/bulk/apply", &edit).await.status, 303);
        }
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'bulk'").await, Some(22));
        let over = app.get(&lin, &page).await;
        assert!(over.has(&format!("/accounts/bulk/undo?at={at}")), "{}", over.body);
        assert_eq!(app.get(&lin, &format!("/api{page}")).await.json()["undo"], json!(at.to_string()));
        // And its records are told, with what they were.
        assert_eq!(told(app, &lin, &leads_to(&over, "Done"), ENTRY).await, [100, 100, 100, 20]);
    });
}

#[test]
fn a_record_against_a_rule_that_lies_in_the_trash_is_named_without_a_way_there() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let made = many_accounts(app, &lin, "Wuxi").await;
        app.clock.advance(60);
        let parent = made[200].to_string();
        let edit = [("action", "edit"), ("field", "parent"), ("value", parent.as_str())];
        let page = ordered(app, &lin, "view=all", &edit).await;
        work(app).await;
        let link = format!("<a href=\"/accounts/{parent}\">");
        assert!(app.get(&lin, &page).await.has(&link));
        app.execute(sql!("UPDATE account SET deleted_at = 1 WHERE id = $1", made[200])).await;
        let over = app.get(&lin, &page).await;
        assert!(over.has("Harbour") && over.has("<p class=\"error\">") && !over.has(&link), "{}", over.body);
    });
}
