//! Work on many records: undoing it, the trash, and who may only export. On both engines.

use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Answer, Role, TestApp, on_both};
use trivet::shell::record::command;

use crate::company::Company;

async fn in_trash(app: &TestApp) -> i64 {
    app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NOT NULL").await.unwrap_or(0)
}

fn ids(records: &[Uuid]) -> String {
    records.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn what_was_thrown_away_at_once_comes_back_at_once_and_nothing_else() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let mut made = Vec::new();
        for number in 0..5 {
            made.push(app.account(&lin, &format!("Harbour {number}")).await);
        }
        app.post_form(&lin, &format!("/accounts/{}/trash", made[0]), &[]).await;
        app.clock.advance(60);
        let chosen = ids(&made[1..4]);
        let fields = [("action", "trash"), ("ids", chosen.as_str()), ("query", "view=all&sort=name")];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &fields).await;
        assert_eq!((answer.status.as_u16(), in_trash(app).await), (303, 4), "{}", answer.body);
        let at: i64 = app
            .value(sql!("SELECT deleted_at FROM account WHERE id = $1", made[1]))
            .await
            .expect("it lies in the trash");
        // One was restored meanwhile and thrown away anew: that is another matter.
        app.clock.advance(60);
        app.post_form(&lin, &format!("/accounts/{}/restoration", made[3]), &[]).await;
        app.post_form(&lin, &format!("/accounts/{}/trash", made[3]), &[]).await;
        let undo = format!("/accounts/bulk/undo?at={at}&query=view%3Dall%26sort%3Dname");
        // Not by a colleague.
        app.post_form(&wu, &undo, &[]).await;
        assert_eq!(in_trash(app).await, 4);
        let answer = app.post_form(&lin, &undo, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/accounts?view=all&sort=name"));
        let left: Vec<bool> = {
            let mut left = Vec::new();
            for id in &made {
                let deleted = sql!("SELECT COUNT(*) FROM account WHERE id = $1 AND deleted_at IS NOT NULL", *id);
                left.push(app.value::<i64>(deleted).await == Some(1));
            }
            left
        };
        assert_eq!(left, [true, false, false, true, false]);
        assert_eq!(app.post_form(&lin, "/accounts/bulk/undo?at=soon", &[]).await.status, 400);
    });
}

#[test]
fn what_lies_in_the_trash_can_only_be_restored() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.post_form(&lin, &format!("/accounts/{account}/trash"), &[]).await;
        let page = app.get(&lin, "/accounts?view=none&trash=1").await;
        assert!(page.has("Harbour Optics") && page.has(&format!("/accounts/{account}/restoration")), "{}", page.body);
        let link = format!("href=\"/accounts/{account}\"");
        assert!(!page.has(&link) && !page.has(&format!("/accounts/{account}/field/")), "{}", page.body);
        let answer = app.post_form(&lin, &format!("/accounts/{account}/restoration"), &[]).await;
        assert_eq!((answer.status.as_u16(), in_trash(app).await), (303, 0));
    });
}

#[test]
fn who_may_only_export_picks_what_to_export_and_can_do_nothing_else() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.execute("UPDATE access_rule SET may_export = (role = 'auditor') WHERE object = 'account'").await;
        app.settings_changed().await;
        let page = app.get(&eve, "/accounts?view=none").await;
        let ticks = format!("name=\"id\" value=\"{account}\"");
        assert!(page.has(&ticks) && page.has("value=\"export\""), "{}", page.body);
        assert!(!page.has("value=\"trash\"") && !page.has("value=\"edit\"") && !page.has("value=\"assign\""));
        let who = account.to_string();
        let act = async |person, action| {
            app.post_form(person, "/accounts/bulk", &[("action", action), ("id", who.as_str())]).await
        };
        assert_eq!(act(&eve, "export").await.status, 200);
        for action in ["trash", "edit", "assign", "restore"] {
            assert_eq!(act(&eve, action).await.status, 404, "{action}");
        }
        // And the other way round.
        assert_eq!(act(&lin, "export").await.status, 404);
        assert_eq!(act(&lin, "trash").await.status, 200);
        assert_eq!(in_trash(app).await, 0);
        let file = app.post_form(&eve, "/accounts.csv", &[("ids", who.as_str())]).await;
        assert!(file.status == 200 && file.has("Harbour Optics"), "{}", file.body);
    });
}

async fn cities(app: &TestApp, accounts: &[Uuid]) -> Vec<String> {
    let mut cities = Vec::new();
    for id in accounts {
        let city: Option<String> = app.value(sql!("SELECT COALESCE(city, '-') FROM account WHERE id = $1", *id)).await;
        cities.push(city.expect("the account is there"));
    }
    cities
}

/// Where the toast of an answer would undo it.
fn undo_of(answer: &Answer) -> Option<String> {
    use base64::Engine as _;
    let flash = answer.header("set-cookie")?.strip_prefix("flash=")?.split(';').next()?;
    let toast = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(flash).expect("a toast");
    let toast: Json = serde_json::from_slice(&toast).expect("a toast");
    toast["undo"].as_str().map(str::to_owned)
}

#[test]
fn what_was_edited_at_once_is_as_it_was_unless_somebody_changed_it_since() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Partner).create().await;
        let mut made = Vec::new();
        for number in 0..4 {
            let city = ["Wuxi", "Suzhou", "", "Hefei"][number];
            let name = format!("Harbour {number}");
            made.push(app.create("account", &lin, &[("name", &name), ("city", city)]).await);
        }
        let before = cities(app, &made).await;
        app.clock.advance(60);
        let chosen = ids(&made[..3]);
        let fields =
            [("action", "edit"), ("field", "city"), ("value", "Ningbo"), ("ids", &chosen), ("query", "view=all")];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &fields).await;
        assert_eq!(cities(app, &made).await, ["Ningbo", "Ningbo", "Ningbo", "Hefei"], "{}", answer.body);
        let undo = undo_of(&answer).expect("it can be undone");
        // A colleague changes another field of one: whoever looks at it since sees it as it is.
        app.clock.advance(60);
        let other = [("version", "2"), ("website", "https://harbour.example")];
        let answer = app.post_form(&wu, &format!("/accounts/{}/field/website", made[1]), &other).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        app.post_form(&wu, &undo, &[]).await;
        assert_eq!(cities(app, &made[..1]).await, ["Ningbo"], "only who did it undoes it");
        let answer = app.post_form(&lin, &undo, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/accounts?view=all"));
        assert_eq!(cities(app, &made).await, [before[0].as_str(), "Ningbo", "-", "Hefei"]);
        let kinds = "SELECT COUNT(*) FROM event WHERE subject_type = 'account' AND kind = 'updated'";
        assert_eq!(app.value::<i64>(kinds).await, Some(3 + 1 + 2));
        // Undone once: a second time there is nothing left of it.
        app.post_form(&lin, &undo, &[]).await;
        assert_eq!(app.value::<i64>(kinds).await, Some(3 + 1 + 2));
    });
}

#[test]
fn a_field_whose_value_was_not_asked_yet_is_asked_for_it_and_not_emptied() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let made = [app.create("account", &lin, &[("name", "Harbour"), ("city", "Wuxi")]).await];
        let chosen = ids(&made);
        // The page asks for the industry. The city is chosen instead and the change asked for at once.
        let other = [("action", "edit"), ("shown", "industry"), ("field", "city"), ("value", ""), ("ids", &chosen)];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &other).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.has("name=\"shown\" value=\"city\""), "{}", answer.body);
        assert_eq!(cities(app, &made).await, ["Wuxi"]);
        let same = [("action", "edit"), ("shown", "city"), ("field", "city"), ("value", "Ningbo"), ("ids", &chosen)];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &same).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert_eq!(cities(app, &made).await, ["Ningbo"]);
    });
}

#[test]
fn amounts_that_were_changed_at_once_stand_in_the_currency_of_their_deal() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('JPY', 0, '0.05')").await;
        app.settings_changed().await;
        let fields = [("account", account.to_string()), ("currency", "JPY".into()), ("amount", "5000".into())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let deal = app
            .create("opportunity", &lin, &[&fields[..], &[("name", "Rollout"), ("close_date", "2026-12-20")]].concat())
            .await;
        app.clock.advance(60);
        let chosen = ids(&[deal]);
        let asked = [("action", "edit"), ("field", "amount"), ("ids", chosen.as_str()), ("query", "")];
        let asked = app.post_form(&lin, "/opportunities/bulk", &asked).await;
        assert!(asked.has("Of each record in its own currency") && !asked.has(">CNY<"), "{}", asked.body);
        let fields = [("action", "edit"), ("field", "amount"), ("value", "7000"), ("ids", &chosen), ("query", "")];
        let answer = app.post_form(&lin, "/opportunities/bulk/apply", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        let page = app.get(&lin, &format!("/opportunities/bulk?at={at}")).await;
        assert!(page.has("5,000</del>") && page.has("7,000</ins>") && !page.has("50.00"), "{}", page.body);
        // A program is told the number, however it was typed.
        app.clock.advance(60);
        let fields =
            [("action", "edit"), ("field", "amount"), ("value", "¥1,234.5 万"), ("ids", &chosen), ("query", "")];
        let answer = app.post_form(&lin, "/opportunities/bulk/apply", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let told = app.get(&lin, "/api/opportunities/bulk").await.json();
        let amounts = [&told["data"][0]["set"]["amount"], &told["data"][1]["set"]["amount"]];
        assert_eq!(amounts, [&json!("12345000"), &json!("7000")], "{told}");
    });
}

#[test]
fn what_was_done_at_once_stands_on_a_page_from_which_it_is_undone_later() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Partner).create().await;
        let mut made = Vec::new();
        for city in ["Wuxi", "Suzhou", "Hefei"] {
            made.push(app.create("account", &lin, &[("name", &format!("Harbour {city}")), ("city", city)]).await);
        }
        let before = cities(app, &made).await;
        assert!(app.get(&lin, "/accounts/bulk").await.has("Nothing yet"));
        app.clock.advance(60);
        let chosen = ids(&made);
        let fields = [("action", "edit"), ("field", "city"), ("value", "Ningbo"), ("ids", &chosen), ("query", "")];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        // The same again changes nothing, and is not told as if it did.
        app.clock.advance(60);
        app.post_form(&lin, "/accounts/bulk/apply", &fields).await;
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'bulk'").await, Some(1));
        app.clock.advance(7 * 86_400);
        let page = app.get(&lin, "/accounts/bulk").await;
        assert!(page.statements <= 12, "{} statements", page.statements);
        assert!(
            page.has("3 records") && page.has("City: Ningbo") && page.has("all are as you left them"),
            "{}",
            page.body
        );
        let at: i64 = app.value("SELECT at FROM event WHERE kind = 'bulk'").await.expect("it was noted");
        // What each of them was.
        let one = app.get(&lin, &format!("/accounts/bulk?at={at}")).await;
        assert!(
            one.has("Harbour Hefei") && one.has("<del>Hefei</del>") && one.has("<ins>Ningbo</ins>"),
            "{}",
            one.body
        );
        assert_eq!(app.get(&wu, &format!("/accounts/bulk?at={at}")).await.status, 404, "nobody else's business");
        assert!(app.get(&wu, "/accounts/bulk").await.has("Nothing yet"));
        // A program is told the same.
        let told = app.get(&lin, "/api/accounts/bulk").await;
        assert_eq!(told.status, 200, "{}", told.body);
        let told = &told.json()["data"][0];
        assert_eq!((&told["action"], &told["set"]), (&json!("edit"), &json!({ "city": "Ningbo" })), "{told}");
        assert_eq!((&told["records"], &told["standing"]), (&json!(3), &json!(3)), "{told}");
        assert_eq!((&told["undo"], &told["job"]), (&json!(at.to_string()), &Json::Null), "{told}");
        assert_eq!(app.get(&wu, "/api/accounts/bulk").await.json()["data"], json!([]), "nobody else's business");
        // Somebody goes on with one of them: that one stays.
        let other = [("version", "2"), ("city", "Bergen")];
        app.post_form(&wu, &format!("/accounts/{}/field/city", made[1]), &other).await;
        let page = app.get(&lin, "/accounts/bulk").await;
        assert!(page.has("2 of 3 are as you left them"), "{}", page.body);
        let undo = format!("/accounts/bulk/undo?at={at}");
        assert!(page.has(&undo), "{}", page.body);
        app.post_form(&lin, &undo, &[]).await;
        assert_eq!(cities(app, &made).await, [before[0].as_str(), "Bergen", before[2].as_str()]);
        let page = app.get(&lin, "/accounts/bulk").await;
        assert!(page.has("nothing left that you can undo") && !page.has(&undo), "{}", page.body);
        assert_eq!(app.get(&lin, "/api/accounts/bulk").await.json()["data"][0]["undo"], Json::Null);
        // A page at a time, the newest first.
        app.clock.advance(60);
        app.post_form(&lin, "/accounts/bulk/apply", &[("action", "trash"), ("ids", &chosen), ("query", "")]).await;
        let first = app.get(&lin, "/api/accounts/bulk?limit=1").await.json();
        assert_eq!((&first["data"][0]["action"], &first["data"][0]["set"]), (&json!("trash"), &json!({})), "{first}");
        let after = format!("/api/accounts/bulk?limit=1&after={}", first["next"].as_str().unwrap_or_default());
        let last = app.get(&lin, &after).await.json();
        assert_eq!((&last["data"][0]["action"], &last["next"]), (&json!("edit"), &Json::Null), "{last}");
    });
}

#[test]
fn a_long_list_says_one_number_everywhere() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let actor = app.actor(&pat).await;
        let object = app.object("opportunity");
        let mut tx = app.db.write().await.expect("the database can be written");
        let mut drafts = Vec::new();
        for number in 0..1_001 {
            let inputs = [("name", format!("Deal {number}")), ("close_date", "2026-12-24".to_owned())];
            let inputs = inputs.into_iter().map(|(key, text)| (key.to_owned(), text)).collect();
            let draft = command::read_inputs(object, &actor.viewer, &inputs, None, command::Source::Strict).unwrap();
            let known = &mut command::Known::default();
            drafts.push(command::prepare_new(&mut tx, &actor, object, draft, known).await.unwrap());
        }
        command::write_new(&mut tx, &actor, object, &drafts).await.unwrap();
        tx.commit().await.unwrap();
        let page = app.get(&pat, "/opportunities?view=all").await;
        assert!(page.has("id=\"list-head-count\" class=\"page-sub\">1,000+ records</p>"), "{}", page.body);
        let sums = app.get_fragment(&pat, "/opportunities/sums?view=all").await;
        assert!(sums.body.starts_with("1,001 records · "), "{}", sums.body);
        // The head, and the button that chooses them all, become as exact as the foot.
        assert!(
            sums.has("id=\"list-head-count\" class=\"page-sub\" hx-swap-oob=\"true\">1,001 records<"),
            "{}",
            sums.body
        );
        assert!(sums.has("Select all 1,001 matching"), "{}", sums.body);
    });
}

#[test]
fn an_assignment_is_undone_as_far_as_one_may_still_change_it() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).manager(&boss).create().await;
        let far = app.person("Far Away").role(Role::Seller).create().await;
        let made = [app.account(&lin, "Harbour One").await, app.account(&wu, "Harbour Two").await];
        let owners = async || -> Vec<Uuid> {
            let mut owners = Vec::new();
            for id in &made {
                owners
                    .push(app.value(sql!("SELECT owner_id FROM account WHERE id = $1", *id)).await.expect("an owner"));
            }
            owners
        };
        let assign = async |who, to: Uuid| {
            app.clock.advance(60);
            let (chosen, to) = (ids(&made), to.to_string());
            let fields = [("action", "assign"), ("value", to.as_str()), ("ids", chosen.as_str()), ("query", "")];
            app.post_form(who, "/accounts/bulk/apply", &fields).await
        };
        let answer = assign(&boss, wu.id).await;
        assert_eq!(owners().await, [wu.id, wu.id], "{}", answer.body);
        app.clock.advance(5);
        app.post_form(&boss, &undo_of(&answer).expect("it can be undone"), &[]).await;
        assert_eq!(owners().await, [lin.id, wu.id]);
        // Given out of one's own reach: no undo is offered, and none is to be had.
        let answer = assign(&boss, far.id).await;
        assert_eq!((owners().await, undo_of(&answer)), (vec![far.id, far.id], None), "{}", answer.body);
        let at: i64 = app.value("SELECT MAX(at) FROM event WHERE kind = 'updated'").await.expect("an event");
        app.post_form(&boss, &format!("/accounts/bulk/undo?at={at}"), &[]).await;
        assert_eq!(owners().await, [far.id, far.id]);
    });
}

#[test]
fn a_program_counts_first_then_changes_many_then_undoes_it() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let mut made = Vec::new();
        for (who, name) in [("seller", "Harbour A"), ("seller", "Harbour B"), ("partner", "Harbour C")] {
            let account = company.post(who, "/api/accounts", json!({ "name": name, "city": "Wuxi" })).await;
            made.push(account.id().parse::<Uuid>().expect("an id"));
        }
        let act = async |body: Json| {
            app.clock.advance(5);
            company.post("seller", "/api/accounts/bulk", body).await
        };
        let events = async || app.value::<i64>("SELECT COUNT(*) FROM event").await.unwrap_or(0);
        // Counted, and nothing is kept.
        let filter = json!({ "f": ["city:is:Wuxi"] });
        let before = events().await;
        let wish = |dry_run: bool| json!({ "action": "edit", "filter": filter, "set": { "city": "Ningbo" }, "dry_run": dry_run });
        let counted = act(wish(true)).await;
        assert_eq!(
            (counted.status, &counted.body["changed"], &counted.body["dry_run"], &counted.body["undo"]),
            (200, &json!(2), &json!(true), &Json::Null),
            "{}",
            counted.body
        );
        assert_eq!((cities(app, &made).await, events().await), (vec!["Wuxi".to_owned(); 3], before));
        // Done, with the same count; the partner's account was never among them.
        let done = act(wish(false)).await;
        assert_eq!((&done.body["changed"], &done.body["chosen"]), (&json!(2), &json!(2)), "{}", done.body);
        assert_eq!(cities(app, &made).await, ["Ningbo", "Ningbo", "Wuxi"]);
        app.clock.advance(5);
        let undo = json!({ "undo": done.body["undo"] });
        let undone = company.post("seller", "/api/accounts/bulk/undo", undo.clone()).await;
        assert_eq!(undone.body, json!({ "back": 2, "left": 0 }));
        assert_eq!(cities(app, &made).await, vec!["Wuxi".to_owned(); 3]);
        assert_eq!(
            company.post("partner", "/api/accounts/bulk/undo", undo).await.body,
            json!({ "back": 0, "left": 0 })
        );
        // By id: what is not theirs is left and named, what has another version is a conflict.
        let named = json!([{ "id": made[0], "version": 1 }, { "id": made[1], "version": 3 }, { "id": made[2] }]);
        let named = act(json!({ "action": "trash", "records": named })).await;
        assert_eq!(
            (&named.body["changed"], &named.body["left"], &named.body["conflicts"]),
            (&json!(1), &json!([made[2]]), &json!([made[0]])),
            "{}",
            named.body
        );
        assert_eq!(in_trash(app).await, 1);
        let back = act(json!({ "action": "restore", "filter": {} })).await;
        assert_eq!((&back.body["changed"], in_trash(app).await), (&json!(1), 0), "{}", back.body);
        // The same call with its key is said again, not done again.
        let headers = [("idempotency-key", "once")];
        let wish = json!({ "action": "edit", "records": [{ "id": made[0] }], "set": { "city": "Hefei" } });
        let first = company.call("seller", "POST", "/api/accounts/bulk", wish.clone(), &headers).await;
        let again = company.call("seller", "POST", "/api/accounts/bulk", wish, &headers).await;
        assert_eq!((&again.body, again.header("idempotency-replayed")), (&first.body, "true"));
    });
}

#[test]
fn one_record_against_a_rule_keeps_all_others_from_being_changed_and_each_is_named() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let mut made = Vec::new();
        for name in ["Forty seats", "Fifty seats"] {
            let deal = json!({ "name": name, "close_date": "2027-03-31" });
            made.push(company.post("seller", "/api/opportunities", deal).await.id());
        }
        let nobody = "01930000-0000-7000-8000-000000000000";
        let records: Vec<Json> = made.iter().map(|id| json!({ "id": id })).collect();
        let act = async |body: Json| company.post("seller", "/api/opportunities/bulk", body).await;
        for dry_run in [true, false] {
            let wish = json!({ "action": "edit", "records": records, "set": { "owner": nobody }, "dry_run": dry_run });
            let refused = act(wish).await;
            let fields: Vec<&str> = refused.body["errors"]
                .as_array()
                .expect("errors")
                .iter()
                .filter_map(|error| error["field"].as_str())
                .collect();
            assert_eq!(refused.status, 422);
            assert_eq!(fields, [format!("{}.owner", made[0]), format!("{}.owner", made[1])]);
        }
        let versions: Option<i64> = app.value("SELECT MAX(version) FROM opportunity").await;
        assert_eq!(versions, Some(1));
        let one = json!([{ "id": made[0] }]);
        for (body, status, field) in [
            (json!({ "action": "edit", "records": one }), 422, "set"),
            (json!({ "action": "edit", "records": one, "set": {} }), 422, "set"),
            (json!({ "action": "edit", "records": one, "set": { "name": "X" } }), 400, "name"),
            (json!({ "action": "edit", "records": one, "set": { "colour": "red" } }), 400, "colour"),
            (json!({ "action": "edit", "records": one, "set": { "close_date": 7 } }), 400, "close_date"),
            (json!({ "action": "trash", "records": one, "set": { "close_date": "2027-01-01" } }), 422, "set"),
            (json!({ "action": "trash" }), 422, "records"),
            (json!({ "action": "trash", "records": one, "filter": {} }), 422, "records"),
            (json!({ "action": "trash", "records": [] }), 400, "records"),
            (json!({ "action": "trash", "records": null }), 400, "records"),
            (json!({ "action": "shred", "records": one }), 400, "action"),
            (json!({ "action": "trash", "records": [{ "id": "7" }] }), 400, "records"),
        ] {
            let answer = act(body.clone()).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (status, &json!(field)), "{body}");
        }
        assert_eq!(company.post("seller", "/api/opportunities/bulk/undo", json!({ "undo": "soon" })).await.status, 400);
        // Who may change nothing of the kind finds no such address.
        assert_eq!(company.post("auditor", "/api/opportunities/bulk", json!({ "action": "trash" })).await.status, 404);
    });
}
