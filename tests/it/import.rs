//! Files come in and go out.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use store::{Uuid, job, sql};
use testkit::{Answer, Person, Role, TestApp, on_both};
use trivet::cli::say;
use trivet::system::imports::engine::{Ended, Run, Step};
use trivet::system::imports::model::Mapping;
use trivet::system::imports::run_here;
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
    let mut body = format!("--x\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n{object}\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--x--\r\n");
    app.post_body(by, "/imports", "multipart/form-data; boundary=x", body).await
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

async fn accounts(app: &TestApp) -> i64 {
    app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL").await.unwrap()
}

pub async fn partner(app: &TestApp) -> Person {
    app.person("Pat").role(Role::Partner).create().await
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
        app.post_form(&pat, &format!("{import}/check"), &[]).await;
        work(app).await;
        assert_eq!(counts(app).await, ("checked".into(), 4, 0, 0, 3));
        assert_eq!(accounts(app).await, 0);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event").await, events);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM search_doc").await, Some(0));
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 4, 0, 0, 3), "the import itself comes to the same");
    });
}

fn many(count: usize) -> String {
    let rows = (0..count).map(|n| format!("Company {n:04},{}\n", n * 3));
    std::iter::once("name,employees\n".to_owned()).chain(rows).collect()
}

#[test]
fn after_a_crash_an_import_goes_on_where_it_stopped() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", &many(450)).await;
        app.post_form(&pat, &format!("{import}/start"), &[]).await;
        let mut tx = app.app.db.write().await.unwrap();
        let claimed = job::claim(&mut tx, app.app.clock.now()).await.unwrap().expect("the job waits");
        tx.commit().await.unwrap();
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

#[test]
fn a_stopped_import_keeps_what_was_taken_in_and_can_be_undone() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", &many(450)).await;
        app.post_form(&pat, &format!("{import}/start"), &[]).await;
        let mut tx = app.app.db.write().await.unwrap();
        let claimed = job::claim(&mut tx, app.app.clock.now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
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

/// The form of the mapping page: what column is which field, and more.
fn form_of(columns: &[(&str, &str)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form: Vec<(String, String)> = Vec::new();
    for (index, (column, field)) in columns.iter().enumerate() {
        form.push((format!("column-{index}"), (*column).to_owned()));
        form.push((format!("field-{index}"), (*field).to_owned()));
    }
    form.extend(more.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())));
    form
}

async fn sent(app: &TestApp, by: &Person, path: &str, columns: &[(&str, &str)], more: &[(&str, &str)]) -> Answer {
    let form = form_of(columns, more);
    let form: Vec<(&str, &str)> = form.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    app.post_form(by, path, &form).await
}

/// What is wrong with the refused rows, as the page says it.
async fn refusals(app: &TestApp, by: &Person, import: &str) -> String {
    app.get(by, &format!("{import}/errors.csv")).await.body
}

const DEALS: &str =
    "name,stage,close_date,next_step\nFront,Prospecting,2026-12-24,\nEnd,Won,2026-12-24,\nGone,Lost,2026-12-24,\n";
const DEAL_COLUMNS: [(&str, &str); 4] =
    [("name", "name"), ("stage", "stage"), ("close_date", "close_date"), ("next_step", "next_step")];

#[test]
fn a_file_is_no_way_around_the_exit_criteria() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let won = async || app.value::<i64>("SELECT COUNT(*) FROM opportunity WHERE stage_kind = 'won'").await;
        let import = uploaded(app, &lin, "opportunity", DEALS).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("name=\"reason\"") && page.has("it needs a reason"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 1), "the front and a lost deal need none");
        assert_eq!(won().await, Some(0));
        let errors = refusals(app, &lin, &import).await;
        assert!(errors.contains("End,Won") && errors.contains("“Won” it needs a reason"), "{errors}");

        // The file that holds what was refused begins with the same mapping; only the reason is missing.
        app.clock.advance(60);
        let name = format!("import-errors-{}.csv", import.trim_start_matches("/imports/"));
        let again = upload(app, &lin, "opportunity", &name, errors.as_bytes()).await;
        let again = again.location().to_owned();
        let reason = [("then", "start"), ("reason", "Sold before\nwe had this program")];
        let answer = sent(app, &lin, &again, &DEAL_COLUMNS, &reason).await;
        assert_eq!(answer.location(), again, "{}", answer.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        assert_eq!(won().await, Some(1));
        let deal: Uuid = app.value("SELECT id FROM opportunity WHERE name = 'End'").await.unwrap();
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(
            page.has("Sold before we had this program") && page.has(&format!("by import of {name}")),
            "{}",
            page.body
        );
        let token = app.api_token(&lin).await;
        let events = app.api(&token, Method::GET, &format!("/api/opportunities/{deal}/events"), &[], None).await;
        let said = format!("Sold before we had this program (by import of {name})");
        assert_eq!(events.json()["data"][0]["reason"], said.as_str(), "{}", events.body);
        let reasons: Vec<(Option<String>,)> = {
            let mut session = app.app.db.read().await.unwrap();
            session.all(sql!("SELECT reason FROM stage_change WHERE opportunity_id = $1", deal)).await.unwrap()
        };
        assert_eq!(reasons.len(), 2);
        assert!(reasons.iter().all(|(reason,)| reason.as_deref().is_some_and(|it| it.contains("Sold before"))));
    });
}

#[test]
fn deals_of_a_program_with_one_date_are_closed_on_that_date() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file =
            "Deal Name,Deal Stage,Close Date\nPast,Lost,2026-02-01\nTo come,Lost,2099-01-01\nOpen,Prospecting,\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("No column says when deals were closed"), "{}", page.body);
        assert!(page.has("No column says when the deals were created"), "{}", page.body);
        assert!(!page.has("No column says when deals are expected to close"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 3, 0, 0, 0));
        let today = app.viewer(&lin).await.config.today(app.clock.now()).0;
        let past = store::Day::parse("2026-02-01").expect("a day").0;
        let days = async |name: &str| -> (Option<i64>, i64) {
            let mut session = app.app.db.read().await.unwrap();
            session.one(sql!("SELECT closed_day, created_day FROM opportunity WHERE name = $1", name)).await.unwrap()
        };
        assert_eq!(days("Past").await, (Some(past), past));
        assert_eq!(days("To come").await, (Some(today), today));
        assert_eq!(days("Open").await, (None, today));
    });
}

#[test]
fn a_close_date_that_cannot_be_the_day_of_closing_refuses_nothing() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file = "Deal Name,Deal Stage,Created Date,Close Date,Closed Lost Reason\n\
                    Entered late,Lost,2026-03-01,2026-02-20,They bought from our neighbour\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        let today = app.viewer(&lin).await.config.today(app.clock.now()).0;
        let closed = app.value::<i64>("SELECT closed_day FROM opportunity").await;
        let note = app.value::<String>("SELECT lost_note FROM opportunity").await;
        assert_eq!((closed, note.as_deref()), (Some(today), Some("They bought from our neighbour")));
    });
}

#[test]
fn a_first_and_a_last_name_make_a_contact() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        app.account(&lin, "Harbour Optics").await;
        let file = "First Name,Last Name,Account Name,Email\nAda,Moss,Harbour Optics,ada@harbour.example\n";
        let import = uploaded(app, &lin, "contact", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("Ada Moss") && !page.has("These columns are not imported"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        let name: String = app
            .value("SELECT c.name || ' of ' || a.name FROM contact c JOIN account a ON a.id = c.account_id")
            .await
            .unwrap();
        assert_eq!(name, "Ada Moss of Harbour Optics");
    });
}

#[test]
fn the_ends_of_a_pipeline_are_known_by_the_names_that_other_programs_give_them() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file = "name,stage,close_date\nA,Closed Won,2026-12-24\nB,closed-lost,2026-12-24\nC,赢单,2026-12-24\n\
                    D,输单,2026-12-24\nE,丢单,2026-12-24\nF,Closed,2026-12-24\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        reason_for_all(app, &import, "Taken over").await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 5, 0, 0, 1), "{}", refusals(app, &lin, &import).await);
        let mut session = app.app.db.read().await.unwrap();
        let ends: Vec<(String, String)> =
            session.all("SELECT name, stage_kind FROM opportunity ORDER BY name").await.unwrap();
        let ends: Vec<(&str, &str)> = ends.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
        assert_eq!(ends, [("A", "won"), ("B", "lost"), ("C", "won"), ("D", "lost"), ("E", "lost")]);
    });
}

#[test]
fn a_file_moves_deals_further_only_with_a_reason_or_what_the_stages_ask_for() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        app.execute(sql!("UPDATE opportunity SET external_id = 'A' WHERE id = $1", deal)).await;
        let stage = async || -> String {
            app.value(sql!("SELECT s.name FROM opportunity o JOIN stage s ON s.id = o.stage_id WHERE o.id = $1", deal))
                .await
                .unwrap()
        };
        let columns = [("external_id", "external_id"), ("stage", "stage"), ("reason", "reason")];
        let go = async |row: &str, more: &[(&str, &str)]| {
            app.clock.advance(60);
            let import = uploaded(app, &lin, "opportunity", &format!("external_id,stage,reason\nA,{row}\n")).await;
            let keyed = [&[("then", "start"), ("key", "external_id"), ("on_match", "update")], more].concat();
            let answer = sent(app, &lin, &import, &columns, &keyed).await;
            assert_eq!(answer.location(), import, "{}", answer.body);
            work(app).await;
            import
        };
        go("Negotiation,", &[]).await;
        assert_eq!((counts(app).await, stage().await), (("done".into(), 0, 0, 0, 1), "Prospecting".into()));
        go("Negotiation,Agreed at the fair", &[]).await;
        assert_eq!(stage().await, "Negotiation", "a row may say it itself");
        let back = go("Engaging,", &[]).await;
        assert_eq!(stage().await, "Engaging", "back asks for nothing");
        // What was taken back is where it was, and nobody need say why.
        app.post_form(&lin, &format!("{back}/undo"), &[]).await;
        work(app).await;
        assert_eq!(stage().await, "Negotiation");
        go("Won,", &[("reason", "From the list of the fair")]).await;
        assert_eq!(stage().await, "Won");
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(page.has("Agreed at the fair") && page.has("From the list of the fair"), "{}", page.body);
        let long = "x".repeat(501);
        let import = uploaded(app, &lin, "opportunity", DEALS).await;
        let answer = sent(app, &lin, &import, &DEAL_COLUMNS, &[("then", "start"), ("reason", &long)]).await;
        assert!(answer.status == 422 && answer.has("At most 500 characters"), "{}", answer.body);
    });
}

#[test]
fn the_refused_rows_are_mended_without_saying_everything_again() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "Firm,Heads,Remark\nAcme,12,fine\nBeta,many,\n";
        let columns = [("Firm", "name"), ("Heads", "employees"), ("Remark", "")];
        let import = uploaded(app, &pat, "account", file).await;
        let more =
            [("then", "start"), ("key", "name"), ("on_match", "skip"), ("default-city", "Wuxi"), ("scale-1", "10")];
        sent(app, &pat, &import, &columns, &more).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1));
        let errors = refusals(app, &pat, &import).await;
        let heading = errors.trim_start_matches('\u{feff}').lines().next().unwrap().to_owned();
        assert_eq!(heading, "Firm,Heads,Remark,Row in the imported file,Why it was not imported");

        app.clock.advance(60);
        let mended = errors.replace("many", "seven");
        let again = uploaded(app, &pat, "account", &mended).await;
        let page = app.get(&pat, &again).await;
        assert!(page.has("value=\"Wuxi\"") && page.has("value=\"10\""), "mapping and options stand: {}", page.body);
        assert!(page.has("<option value=\"skip\" selected>"), "{}", page.body);
        let left_out = "These columns are not imported: Remark · Row in the imported file · Why it was not imported";
        assert!(page.has(left_out), "{}", page.body);
        run(app, &pat, &again).await;
        let errors = refusals(app, &pat, &again).await;
        assert_eq!(errors.matches("Why it was not imported").count(), 1, "{errors}");
        assert_eq!(errors.matches("Row in the imported file").count(), 1, "{errors}");
        assert!(errors.contains("Beta,seven,,3,"), "the row of the file that it first came from: {errors}");
        assert_eq!(errors.matches("whole number").count(), 1, "only what is wrong now: {errors}");
        app.clock.advance(60);
        let third = uploaded(app, &pat, "account", &errors.replace("seven", "7")).await;
        run(app, &pat, &third).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        assert_eq!(app.value::<i64>("SELECT employees FROM account WHERE name = 'Beta'").await, Some(70));
        // Somebody else's imports teach nothing.
        let una = app.person("Una").role(Role::Seller).create().await;
        let hers = uploaded(app, &una, "account", file).await;
        assert!(!app.get(&una, &hers).await.has("value=\"Wuxi\""));
    });
}

#[test]
fn every_number_of_an_import_leads_to_the_rows_behind_it() {
    on_both(async |app| {
        let pat = partner(app).await;
        let old = app.create("account", &pat, &[("name", "Old"), ("employees", "5")]).await;
        let same = app.create("account", &pat, &[("name", "Same"), ("employees", "6")]).await;
        let file = "name,employees\nNew,1\nOld,50\nSame,6\nBad,many\n";
        let import = uploaded(app, &pat, "account", file).await;
        let behind = async |outcome: &str| app.get(&pat, &format!("{import}/rows?outcome={outcome}")).await;
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &import).await;
            for outcome in ["updated", "skipped", "failed"] {
                assert!(page.has(&format!("href=\"{import}/rows?outcome={outcome}\"")), "{go}: {}", page.body);
            }
            let (updated, skipped, failed) = (behind("updated").await, behind("skipped").await, behind("failed").await);
            assert!(
                updated.has(">3</td>") && updated.has(&format!("href=\"/accounts/{old}\">Old<")),
                "{}",
                updated.body
            );
            assert!(
                skipped.has(">4</td>") && skipped.has(&format!("href=\"/accounts/{same}\">Same<")),
                "{}",
                skipped.body
            );
            assert!(failed.has(">5</td>") && failed.has("Bad · many"), "{}", failed.body);
            assert!(!updated.has(&format!("/accounts/{same}")) && !skipped.has(&format!("/accounts/{old}")));
            assert!(failed.statements <= 8 && updated.statements <= 8, "{}", updated.statements);
        }
        let id = import.trim_start_matches("/imports/");
        let made = format!("/accounts?f=import:is:{id}");
        assert!(app.get(&pat, &import).await.has(&format!("href=\"{made}\">1</a>")));
        assert!(app.get(&pat, &made).await.has(">New</a>"));

        // A record that one no longer sees keeps its row, without its name.
        let una = app.person("Una").role(Role::Partner).create().await;
        app.execute(sql!("UPDATE account SET deleted_at = 1 WHERE id = $1", same)).await;
        let page = behind("skipped").await;
        assert!(page.has(">4</td>") && page.has("no longer there") && !page.has(">Same<"), "{}", page.body);
        assert_eq!(
            app.get(&una, &format!("{import}/rows?outcome=failed")).await.status,
            404,
            "an import is its owner's"
        );

        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        let page = app.get(&pat, &import).await;
        assert!(page.has(&format!("href=\"{made}&#38;trash=1\">1</a>")), "{}", page.body);
        let trash = app.get(&pat, &format!("{made}&trash=1")).await;
        assert!(trash.has(">New<") && !trash.has(">Old<"), "{}", trash.body);
    });
}

#[test]
fn the_rows_behind_a_number_show_only_records_that_their_reader_sees() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let mine = app.create("account", &lin, &[("name", "Mine"), ("employees", "5")]).await;
        let import = uploaded(app, &boss, "account", "name,employees\nMine,6\n").await;
        run(app, &boss, &import).await;
        let rows = format!("{import}/rows?outcome=updated");
        assert!(app.get(&boss, &rows).await.has(">Mine</a>"));
        let other = app.person("Ola").role(Role::Seller).create().await;
        app.execute(sql!("UPDATE account SET owner_id = $2 WHERE id = $1", mine, other.id)).await;
        let page = app.get(&boss, &rows).await;
        assert!(page.has(">2</td>") && page.has("Not visible to you") && !page.has("Mine"), "{}", page.body);
        let token = app.api_token(&boss).await;
        let answer = app.api(&token, Method::GET, &format!("/api{rows}"), &[], None).await;
        assert_eq!(answer.json()["data"][0]["record"], serde_json::Value::Null, "{}", answer.body);
    });
}

#[test]
fn a_long_list_of_rows_is_paged_in_the_order_of_the_file() {
    on_both(async |app| {
        let pat = partner(app).await;
        let first = uploaded(app, &pat, "account", &many(120)).await;
        run(app, &pat, &first).await;
        app.clock.advance(60);
        let again = uploaded(app, &pat, "account", &many(120)).await;
        run(app, &pat, &again).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 0, 120, 0));
        let (mut path, mut seen) = (format!("{again}/rows?outcome=skipped"), 0);
        loop {
            let page = app.get(&pat, &path).await;
            assert!(page.has(&format!(">{}</td>", seen + 2)), "{}", page.body);
            seen += page.body.matches("row-name").count();
            let Some((before, _)) = page.body.split_once("\" rel=\"next\"") else { break };
            path = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
        }
        assert_eq!(seen, 120);
    });
}

#[test]
fn two_rows_of_a_file_with_the_same_key_are_named() {
    on_both(async |app| {
        let pat = partner(app).await;
        app.create("account", &pat, &[("name", "Old"), ("employees", "5")]).await;
        // Rows 2 and 4 make and change a record, 3 and 5 meet one that exists; 6 and 8 say the same; 7 waits for 9 and comes after 10.
        let file = "name,employees,parent\nAcme,1,\nOld,50,\nAcme,2,\nOld,51,\nTwin,7,\nChild,1,Late\nTwin,7,\nLate,3,\nChild,1,\n";
        let import = uploaded(app, &pat, "account", file).await;
        let page = app.get(&pat, &import).await;
        let named = "row 4 like row 2, row 5 like row 3, row 8 like row 6";
        assert!(
            page.has(&format!(
                "3 rows have the same Name as another row of this file and count as the same record: {named}."
            )),
            "{}",
            page.body
        );
        assert!(page.has("Same Name as row 2"), "{}", page.body);
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &import).await;
            // The preview can't know that row 7 waits.
            let named = named.replace("row 8", "row 7 like row 10, row 8");
            assert!(page.has(&named), "{go}: {}", page.body);
            let (_, created, updated, skipped, failed) = counts(app).await;
            assert_eq!((created, updated + skipped, failed), (4, 5, 0), "{go}");
            let rows = format!("{import}/rows?outcome=repeated");
            assert!(page.has(&format!("href=\"{rows}\"")), "{go}: {}", page.body);
            let page = app.get(&pat, &rows).await;
            for (row, other) in [(4, 2), (5, 3), (8, 6)] {
                assert!(page.has(&format!(">{row}</td>")), "{go}: {}", page.body);
                assert!(page.has(&format!("Same Name as row {other}")), "{go}: {}", page.body);
            }
        }
        let (_, created, updated, skipped, failed) = counts(app).await;
        assert_eq!((created, updated, skipped, failed), (4, 4, 1, 0), "they are taken in all the same");
        // Row 7 had to wait, and came after row 10: it is named too.
        let others: Vec<(i64, i64)> = {
            let mut session = app.app.db.read().await.unwrap();
            let repeats = "SELECT row_number, same_as FROM import_row WHERE same_as IS NOT NULL ORDER BY row_number";
            session.all(repeats).await.unwrap()
        };
        assert_eq!(others, [(4, 2), (5, 3), (7, 10), (8, 6)]);
    });
}

#[test]
fn a_row_that_is_refused_is_nobodys_first() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "name,employees\nAcme,many\nAcme,5\nAcme,6\nBeta,many\nBeta,1\n";
        let import = uploaded(app, &pat, "account", file).await;
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &format!("{import}/rows?outcome=repeated")).await;
            assert!(page.has("Same Name as row 3") && page.has(">4</td>"), "{go}: {}", page.body);
            assert!(!page.has(">3</td>") && !page.has(">6</td>"), "{go}: {}", page.body);
        }
        let (_, created, updated, _, failed) = counts(app).await;
        assert_eq!((created, updated, failed), (2, 1, 2));
    });
}

#[test]
fn rows_without_a_key_or_with_a_second_record_wanted_repeat_nothing() {
    on_both(async |app| {
        let pat = partner(app).await;
        let columns = [("name", "name"), ("employees", "employees")];
        for key in ["", "name"] {
            let import = uploaded(app, &pat, "account", "name,employees\nAcme,1\nAcme,2\n").await;
            let more = [("then", "check"), ("key", key), ("on_match", "create")];
            sent(app, &pat, &import, &columns, &more).await;
            work(app).await;
            assert!(!app.get(&pat, &import).await.has("another row of this file"));
            assert_eq!(counts(app).await, ("checked".into(), 2, 0, 0, 0), "{key}");
            app.clock.advance(60);
        }
    });
}

#[test]
fn a_file_that_was_taken_in_before_is_recognised_until_it_is_taken_back() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "name,city\nAcme,Wuxi\n";
        let first = uploaded(app, &pat, "account", file).await;
        assert!(!app.get(&pat, &first).await.has("was imported before"));
        let draft = uploaded(app, &pat, "account", file).await;
        assert!(!app.get(&pat, &draft).await.has("was imported before"), "nothing was written yet");
        run(app, &pat, &first).await;
        app.clock.advance(60);
        let second = uploaded(app, &pat, "account", file).await;
        let link = format!("href=\"{first}\"");
        let page = app.get(&pat, &second).await;
        assert!(page.has("was imported before: file.csv") && page.has(&link) && page.has("1 created"), "{}", page.body);
        let other = uploaded(app, &pat, "account", "name,city\nZeta,Wuxi\n").await;
        assert!(app.get(&pat, &other).await.has(&link), "same name and size");
        let other = uploaded(app, &pat, "account", "name,city\nZeta Group,Wuxi\n").await;
        assert!(!app.get(&pat, &other).await.has("was imported before"));
        let una = app.person("Una").role(Role::Seller).create().await;
        let hers = uploaded(app, &una, "account", file).await;
        assert!(!app.get(&una, &hers).await.has("was imported before"), "an import is its owner's");
        app.post_form(&pat, &format!("{first}/undo"), &[]).await;
        work(app).await;
        assert!(!app.get(&pat, &second).await.has("was imported before"));
    });
}

#[test]
fn a_check_says_what_would_be_done_and_the_button_how_many_rows_can_be_taken_in() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "name,employees\nAcme,many\nBeta,few\nGood,3\n").await;
        assert!(app.get(&pat, &import).await.has("Import 1 of 3 rows"));
        app.post_form(&pat, &format!("{import}/check"), &[]).await;
        work(app).await;
        let page = app.get(&pat, &import).await;
        let failed = format!("<a href=\"{import}/rows?outcome=failed\">2 with errors</a>");
        assert!(page.has(&format!("1 would be created · {failed}")), "{}", page.body);
        assert!(page.has("Import 1 of 3 rows"), "{}", page.body);
        assert!(app.get(&pat, "/imports").await.has("1 would be created"));
        run(app, &pat, &import).await;
        assert!(app.get(&pat, "/imports").await.has("1 created · 2 failed"));
        let fine = uploaded(app, &pat, "account", "name,employees\nGamma,3\n").await;
        assert!(app.get(&pat, &fine).await.has("Import 1 row<"));
        let long = uploaded(app, &pat, "account", &format!("{}Acme,many\n", many(30))).await;
        assert!(app.get(&pat, &long).await.has("Import 31 rows<"), "only the beginning was looked at");
        let columns = [("name", "name"), ("employees", "employees")];
        let preview = sent(app, &pat, &format!("{import}/preview"), &columns, &[("default-industry", "fishing")]).await;
        assert!(preview.has("id=\"start-text\" hx-swap-oob=\"true\">Import 0 of 3 rows"), "{}", preview.body);
    });
}

#[test]
fn what_a_cell_may_say_is_told_and_people_are_found_in_any_case() {
    on_both(async |app| {
        let pat = partner(app).await;
        let darcel = app.person("Darcel Schlecht").role(Role::Seller).create().await;
        let wei = app.person("Chen Wei").role(Role::Seller).create().await;
        let loud = app.person("Loud").role(Role::Seller).create().await;
        app.execute(sql!("UPDATE person SET name = 'CHEN WEI', name_key = 'chen wei' WHERE id = $1", loud.id)).await;
        let file = "name,stage,owner,source,close_date\nDream,Dreaming,,,2026-12-24\nWhence,,,hearsay,2026-12-24\n\
            \"Two\nlines\",,darcel SCHLECHT,,2026-12-24\nJust so,,Chen Wei,,2026-12-24\nWhich,,chen wei,,2026-12-24\n";
        let import = uploaded(app, &pat, "opportunity", file).await;
        let page = app.get(&pat, &import).await;
        assert!(page.has("There is no “Dreaming”. There is: Prospecting, Engaging, Proposal, "), "{}", page.body);
        assert!(page.has("There is no “hearsay”. There is: "), "{}", page.body);
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 3));
        let errors = refusals(app, &pat, &import).await;
        assert!(
            errors.contains("There is no “Dreaming”. There is: Prospecting, ")
                && errors.contains("“hearsay”. There is"),
            "{errors}"
        );
        assert!(errors.contains("Several records are called “chen wei”"), "{errors}");
        let owner =
            async |name: &str| app.value::<Uuid>(sql!("SELECT owner_id FROM opportunity WHERE name = $1", name)).await;
        assert_eq!(owner("Two lines").await, Some(darcel.id));
        assert_eq!(owner("Just so").await, Some(wei.id), "who is written just so comes first");
    });
}

#[test]
fn a_list_filtered_by_an_import_names_its_file() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "opportunity", "name,close_date\nRollout,2026-12-24\n").await;
        run(app, &pat, &import).await;
        let id = import.trim_start_matches("/imports/");
        for list in ["/opportunities?view=none&", "/board?"] {
            let page = app.get(&pat, &format!("{list}f=import:is:{id}")).await;
            assert!(page.has("file.csv") && !page.has("this record"), "{}", page.body);
        }
        let una = app.person("Una").role(Role::Partner).create().await;
        let page = app.get(&una, &format!("/opportunities?view=none&f=import:is:{id}")).await;
        assert!(!page.has("file.csv") && page.has("this record"), "somebody else's file is not named");
    });
}

#[test]
fn the_command_line_says_which_kind_of_record_is_unknown_and_takes_a_reason() {
    on_both(async |app| {
        let pat = partner(app).await;
        let viewer = app.viewer(&pat).await;
        let folder = std::env::temp_dir().join(format!("trivet-import-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("deals.csv");
        std::fs::write(&file, DEALS).unwrap();
        let columns = "[columns.name]\nfield = \"name\"\n[columns.stage]\nfield = \"stage\"\n[columns.close_date]\nfield = \"close_date\"\n";
        let mut mapping = Mapping::parse(&format!("object = \"dragon\"\n{columns}")).unwrap();
        let refused = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.expect_err("no such kind");
        assert!(say(refused).contains("There is no kind of record called “dragon”."));
        mapping.object = "opportunity".into();
        let import = run_here(&app.app, &viewer, &file, &mapping, true, |_| {}).await.unwrap();
        assert_eq!((import.created, import.failed), (2, 1));
        mapping.reason = Some("Taken over".into());
        let import = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.unwrap();
        assert_eq!((import.created, import.failed), (3, 0));
        std::fs::write(&file, "name\n").unwrap();
        let refused = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.expect_err("nothing in it");
        assert!(say(refused).contains("no rows below them"));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
