//! Sharing a record on its page: only who has it shares it, and it ends when it is taken back. On both engines.

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{Answer, Person, Role, TestApp, form, on_both};
use trivet::shell::error::{Error, Result};

use crate::import::{counts, refusals, run, uploaded};

async fn people(app: &TestApp) -> [Person; 3] {
    let boss = app.person("Chen Wei").role(Role::Manager).create().await;
    let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
    let wu = app.person("Wu Di").role(Role::Seller).create().await;
    [boss, lin, wu]
}

/// Shows a record to a colleague: to read, or also to change.
pub async fn share(app: &TestApp, by: &Person, path: &str, to: &Person, may_write: bool) {
    let (person, may_write) = (to.id.to_string(), may_write.to_string());
    let fields = [("person", person.as_str()), ("may_write", may_write.as_str())];
    let answer = app.post_form(by, &format!("{path}/shares"), &fields).await;
    assert_eq!(answer.status, 303, "{path}: {}", answer.body);
}

#[test]
fn a_record_is_shared_on_its_page_and_the_sharing_ends_there() {
    on_both(async |app| {
        let [boss, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let lead = app.lead(&lin, "Zhao Min").await;
        for path in [format!("/accounts/{account}"), format!("/opportunities/{deal}"), format!("/leads/{lead}")] {
            let page = app.get(&lin, &path).await;
            assert!(page.has("Shared with") && page.has(&format!("{path}/shares/new")), "{}", page.body);
            // The form holds people to choose from, for browsers without scripts.
            let form = app.get(&lin, &format!("{path}/shares/new")).await;
            assert_eq!(form.status, 200, "{path}");
            assert!(form.has("Wu Di") && form.has("Chen Wei") && !form.has(&format!("value=\"{}\"", lin.id)));

            let who = wu.id.to_string();
            let fields = [("person", who.as_str()), ("may_write", "false")];
            assert_eq!(app.get(&wu, &path).await.status, 404, "{path}");
            assert_eq!(app.post_form(&wu, &format!("{path}/shares"), &fields).await.status, 404, "{path}");
            // The seller's manager has it within reach.
            let by = if path.starts_with("/accounts") { &boss } else { &lin };
            let answer = app.post_form(by, &format!("{path}/shares"), &fields).await;
            assert_eq!((answer.status.as_u16(), answer.location()), (303, path.as_str()), "{}", answer.body);

            let page = app.get(&lin, &path).await;
            assert!(
                page.has("shared it with Wu Di") && page.has(&format!("{path}/shares/{who}/removal")),
                "{}",
                page.body
            );
            // To read: not to change, and not to pass on.
            let page = app.get(&wu, &path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.has("Shared with") && !page.has("/shares/new") && !page.has("/removal"), "{}", page.body);
            assert!(!page.has(&format!("{path}/edit")), "{path}");
            assert_eq!(app.get(&wu, &format!("{path}/shares/new")).await.status, 403);
            // To change, too; still not to pass on.
            let form = app.get(&lin, &format!("{path}/shares/new?person={who}")).await;
            assert!(form.has("shared with Wu Di") && form.has("value=\"false\" selected"), "{}", form.body);
            let fields = [("person", who.as_str()), ("may_write", "true"), ("version", &form.version())];
            assert_eq!(app.post_form(&lin, &format!("{path}/shares"), &fields).await.status, 303);
            let page = app.get(&wu, &path).await;
            assert!(page.has(&format!("{path}/edit")) && !page.has("/shares/new"), "{}", page.body);
            let passed_on = [("person", boss.id.to_string()), ("may_write", "false".into())];
            let passed_on: Vec<(&str, &str)> = passed_on.iter().map(|(key, value)| (*key, value.as_str())).collect();
            assert_eq!(app.post_form(&wu, &format!("{path}/shares"), &passed_on).await.status, 403);
            let shown = app.value::<i64>("SELECT COUNT(*) FROM record_share").await;
            assert_eq!(shown, Some(1), "{path}");

            let gone = app.post_form(&lin, &format!("{path}/shares/{who}/removal"), &[]).await;
            assert_eq!(gone.status, 303);
            if path.starts_with("/accounts") {
                // Who has no deal of it either.
                assert_eq!(app.get(&wu, &path).await.status, 404);
            }
            assert!(app.get(&lin, &path).await.has("stopped sharing it with Wu Di"), "{path}");
        }
        let events = app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind IN ('shared', 'unshared')").await;
        assert_eq!(events, Some(9));
    });
}

async fn owner(app: &TestApp, table: &str, id: Uuid) -> Option<Uuid> {
    app.value(sql!(format!("SELECT owner_id FROM {table} WHERE id = $1"), id)).await
}

const STAYS: &str = "You may change this record, but not whose it is";

#[test]
fn what_was_shared_is_neither_taken_nor_passed_on_through_its_owner() {
    on_both(async |app| {
        let [boss, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let lead = app.lead(&lin, "Zhao Min").await;
        let token = app.api_token(&wu).await;
        for (kind, plural, id) in
            [("account", "accounts", account), ("opportunity", "opportunities", deal), ("lead", "leads", lead)]
        {
            let (path, ids) = (format!("/{plural}/{id}"), id.to_string());
            share(app, &lin, &path, &wu, true).await;
            // The owner is not asked for where another would be refused.
            let form = app.get(&wu, &format!("{path}/edit")).await;
            assert!(form.status == 200 && !form.has("name=\"owner\""), "{}", form.body);
            assert_eq!(app.get(&wu, &format!("{path}/field/owner")).await.status, 403);
            let in_place = format!("{path}/field/owner");
            let details = format!("{path}?tab=details");
            assert!(!app.get(&wu, &details).await.has(&in_place) && app.get(&lin, &details).await.has(&in_place));
            assert!(app.get(&lin, &format!("{path}/edit")).await.has("name=\"owner\""));
            for to in [&wu, &boss] {
                let to = to.id.to_string();
                let version = form.version();
                let fields = [("version", version.as_str()), ("owner", to.as_str())];
                for door in [&path, &in_place] {
                    let answer = app.post_form(&wu, door, &fields).await;
                    assert!(answer.status == 422 && answer.has(STAYS), "{door}: {}", answer.body);
                }
                let assign = [("action", "assign"), ("ids", &ids), ("value", &to), ("query", "view=none")];
                let preview = app.post_form(&wu, &format!("/{plural}/bulk"), &assign).await;
                assert!(preview.has("you may change 0 of them"), "{}", preview.body);
                let answer = app.post_form(&wu, &format!("/{plural}/bulk/apply"), &assign).await;
                assert_eq!(answer.status, 303, "{}", answer.body);
                let set = json!({ "owner": to });
                let answer =
                    app.api(&token, Method::PATCH, &format!("/api{path}"), &[("if-match", "*")], Some(&set)).await;
                assert_eq!(answer.status, 422, "{}", answer.body);
                assert_eq!(answer.json()["errors"][0]["field"], "owner", "{}", answer.body);
                let many = json!({ "action": "edit", "records": [{ "id": id }], "set": set });
                let answer = app.api(&token, Method::POST, &format!("/api/{plural}/bulk"), &[], Some(&many)).await;
                assert_eq!((answer.status.as_u16(), &answer.json()["left"]), (200, &json!([id])), "{}", answer.body);
                assert_eq!(owner(app, kind, id).await, Some(lin.id), "{kind}");
            }
            // What else the form changes is taken, and so is the owner as it stands.
            let (name, field) = ("Renamed", if kind == "account" { "city" } else { "description" });
            let fields = [(field, name), ("owner", &lin.id.to_string())];
            app.try_update(kind, &wu, id, None, &fields).await.expect("the rest is theirs to change");
            // The seller's manager gives it to the colleague; then it is theirs to give.
            app.try_update(kind, &boss, id, None, &[("owner", &wu.id.to_string())])
                .await
                .expect("the manager gives it");
            app.try_update(kind, &wu, id, None, &[("owner", &lin.id.to_string())]).await.expect("the owner gives it");
        }
    });
}

#[test]
fn a_file_changes_no_owner_of_what_was_shared() {
    on_both(async |app| {
        let [_, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        share(app, &lin, &format!("/accounts/{account}"), &wu, true).await;
        let import = uploaded(app, &wu, "account", "name,owner\nHarbour,Wu Di\n").await;
        run(app, &wu, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 0, 0, 1));
        assert!(refusals(app, &wu, &import).await.contains(STAYS));
        assert_eq!(owner(app, "account", account).await, Some(lin.id));
    });
}

fn stays(outcome: &Result<i64>) -> bool {
    matches!(outcome, Err(Error::Invalid(errors)) if errors[0].key == "refused-owner")
}

#[test]
fn a_task_is_given_on_by_who_has_it_and_by_who_made_it() {
    on_both(async |app| {
        let [boss, lin, wu] = people(app).await;
        let to = |person: &Person| person.id.to_string();
        let fields = [("subject", "Call back"), ("due_date", "2026-11-30"), ("owner", &to(&wu))];
        let task = app.create("task", &lin, &fields).await;
        app.try_update("task", &lin, task, None, &[("owner", &to(&boss))]).await.expect("she made it");
        app.try_update("task", &boss, task, None, &[("owner", &to(&wu))]).await.expect("he has it");
        app.try_update("task", &wu, task, None, &[("owner", &to(&lin))]).await.expect("he has it now");
        // A contact goes with its account, a note with who wrote it, or their manager.
        let account = app.account(&lin, "Harbour").await;
        let fields = [("name", "Wang Fang"), ("account", &account.to_string()), ("owner", &to(&wu))];
        let contact = app.create("contact", &lin, &fields).await;
        app.post_form(&lin, &format!("/accounts/{account}/team"), &[("person", &to(&wu)), ("duty", "Service")]).await;
        let taken = app.try_update("contact", &wu, contact, None, &[("owner", &to(&boss))]).await;
        assert!(stays(&taken), "{taken:?}");
        let taken = app.try_update("account", &wu, account, None, &[("owner", &to(&wu))]).await;
        assert!(stays(&taken), "{taken:?}");
        app.try_update("contact", &lin, contact, None, &[("owner", &to(&lin))]).await.expect("the account is hers");
        let note = app.activity(&lin, "First call", account).await;
        assert!(app.try_update("activity", &wu, note, None, &[("owner", &to(&wu))]).await.is_err());
        app.try_update("activity", &boss, note, None, &[("owner", &to(&wu))]).await.expect("her manager");
    });
}

#[test]
fn nobody_chosen_or_nobody_there_is_said_at_its_place() {
    on_both(async |app| {
        let [_, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let path = format!("/accounts/{account}/shares");
        let answer = app.post_form(&lin, &path, &[("person", ""), ("may_write", "true")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("share-person-error"), "{}", answer.body);
        app.execute(store::sql!("UPDATE person SET state = 'disabled' WHERE id = $1", wu.id)).await;
        assert!(!app.get(&lin, &format!("{path}/new")).await.has("Wu Di"));
        let answer = app.post_form(&lin, &path, &[("person", &wu.id.to_string())]).await;
        assert_eq!(answer.status, 422);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM record_share").await, Some(0));
        // A contact follows its account: it is not shared by itself.
        let contact = app.contact(&lin, "Wang Fang", account).await;
        assert!(!app.get(&lin, &format!("/contacts/{contact}")).await.has("Shared with"));
        assert_eq!(app.get(&lin, &format!("/contacts/{contact}/shares/new")).await.status, 404);
    });
}

#[test]
fn a_record_page_with_shares_still_costs_few_statements() {
    on_both(async |app| {
        let [_, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let paths = [format!("/accounts/{account}"), format!("/opportunities/{deal}")];
        for path in &paths {
            share(app, &lin, path, &wu, false).await;
        }
        for path in paths {
            for tab in ["timeline", "details", "related", "files"] {
                let page = app.get(&lin, &format!("{path}?tab={tab}")).await;
                assert_eq!(page.status, 200);
                assert!(page.statements <= 12, "{path} {tab}: {} statements", page.statements);
            }
        }
    });
}

/// What a toast on the next page will say.
fn told(answer: &Answer) -> String {
    use base64::Engine as _;
    let flash = answer.header("set-cookie").and_then(|cookie| cookie.strip_prefix("flash=")).expect("a toast");
    let flash = flash.split(';').next().unwrap_or("");
    let toast = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(flash).expect("a toast");
    let toast: serde_json::Value = serde_json::from_slice(&toast).expect("a toast");
    toast["text"].as_str().expect("words").to_owned()
}

#[test]
fn who_gives_a_record_away_is_told_that_it_was_saved_and_who_has_it() {
    on_both(async |app| {
        let [boss, lin, wu] = people(app).await;
        let theirs = wu.id.to_string();
        let owner = async |lead: Uuid| app.value::<Uuid>(sql!("SELECT owner_id FROM lead WHERE id = $1", lead)).await;
        let give = [("version", "1"), ("owner", theirs.as_str())];
        let is_told = |answer: &Answer, to: &str| {
            assert_eq!((answer.location(), told(answer).as_str()), (to, "Saved. It is now with Wu Di."));
        };
        // By script, in a cell: they stay in their list, unless they were on the record's own page.
        let filtered = "/leads?f=status%3Ais%3Anew";
        for on_its_page in [false, true] {
            let lead = app.lead(&lin, "Zhao Min").await;
            let (here, to) = match on_its_page {
                false => (format!("https://crm.test{filtered}#row"), filtered),
                true => (format!("https://crm.test/leads/{lead}?tab=details"), "/leads"),
            };
            let headers = [
                ("cookie", lin.cookie.as_str()),
                ("sec-fetch-site", "same-origin"),
                ("hx-request", "true"),
                ("hx-current-url", here.as_str()),
            ];
            let path = format!("/leads/{lead}/field/owner");
            let answer = app.request(Method::POST, &path, &headers, form(&give)).await;
            assert_eq!((answer.status.as_u16(), owner(lead).await), (204, Some(wu.id)), "{}", answer.body);
            is_told(&answer, to);
            assert_eq!(app.get(&lin, &format!("/leads/{lead}")).await.status, 404);
        }
        // Without scripts, in a cell and in the whole form.
        for rest in ["/field/owner", ""] {
            let lead = app.lead(&lin, "Sun Li").await;
            let answer = app.post_form(&lin, &format!("/leads/{lead}{rest}"), &give).await;
            assert_eq!((answer.status.as_u16(), owner(lead).await), (303, Some(wu.id)), "{}", answer.body);
            is_told(&answer, "/leads");
        }
        // Made for a colleague from the start.
        let answer = app.post_form(&lin, "/leads", &[("name", "Qian Bo"), ("owner", theirs.as_str())]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        is_told(&answer, "/leads");

        // Whoever still sees it stays with it.
        let lead = app.lead(&boss, "Li Wei").await;
        let mine = lin.id.to_string();
        let answer = app.post_form(&boss, &format!("/leads/{lead}"), &[("version", "1"), ("owner", &mine)]).await;
        assert_eq!((answer.location(), owner(lead).await), (format!("/leads/{lead}").as_str(), Some(lin.id)));
        assert_eq!(told(&answer), "Saved");
    });
}
