//! A lead becomes account, contact and opportunity: once, all or nothing, within what the person may see (Q32). On both engines.

mod consent;
mod origin;

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Answer, Person, Role, TestApp, on_both};

struct World {
    boss: Person,
    lin: Person,
    wu: Person,
    lead: Uuid,
}

/// A manager, two sellers, and a lead of the first with a call and a task.
async fn world(app: &TestApp) -> World {
    let boss = app.person("Chen Wei").role(Role::Manager).create().await;
    let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
    let wu = app.person("Wu Di").role(Role::Seller).manager(&boss).create().await;
    let fields = [
        ("name", "Zhao Min"),
        ("company", "Yunfan Robotics Co., Ltd."),
        ("email", "zhao@yunfan.example"),
        ("mobile", "+86 138 0000 1234"),
        ("job_title", "Buyer"),
        ("city", "Suzhou"),
        ("industry", "manufacturing"),
        ("source", "event"),
        ("interest", "Forty seats"),
        ("estimated_amount", "120000"),
        ("status", "qualified"),
    ];
    let lead = app.create("lead", &lin, &fields).await;
    let id = lead.to_string();
    app.create("activity", &lin, &[("kind", "call"), ("subject", "First call"), ("lead", &id)]).await;
    app.create("task", &lin, &[("subject", "Send the offer"), ("due_date", "2026-12-01"), ("lead", &id)]).await;
    World { boss, lin, wu, lead }
}

const NEW: [(&str, &str); 7] = [
    ("version", "1"),
    ("account", "new"),
    ("account_name", "Yunfan Robotics"),
    ("contact", "new"),
    ("contact_name", "Zhao Min"),
    ("opportunity", "none"),
    ("opportunity_name", ""),
];

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields: Vec<(&str, &str)> = NEW.to_vec();
    fields.retain(|(key, _)| !changes.iter().any(|(other, _)| other == key));
    fields.extend_from_slice(changes);
    fields
}

async fn counts(app: &TestApp) -> [i64; 4] {
    let mut counts = [0; 4];
    for (at, table) in ["account", "contact", "opportunity", "event"].into_iter().enumerate() {
        counts[at] = app.value(format!("SELECT COUNT(*) FROM {table}").as_str()).await.unwrap_or(0);
    }
    counts
}

async fn submit(app: &TestApp, by: &Person, lead: Uuid, fields: &[(&str, &str)]) -> Answer {
    app.post_form(by, &format!("/leads/{lead}/convert"), fields).await
}

#[test]
fn a_lead_becomes_a_new_account_with_contact_and_deal_and_its_history_goes_along() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let page = app.get(&lin, &format!("/leads/{lead}")).await;
        assert!(page.has(&format!("href=\"/leads/{lead}/convert\"")), "{}", page.body);
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert_eq!(form.status, 200);
        assert!(form.statements <= 12, "{}", form.statements);
        assert!(
            form.has("Yunfan Robotics Co., Ltd.") && form.has("120000.00") && form.has("Forty seats"),
            "{}",
            form.body
        );
        let fields = with(&[
            ("opportunity", "new"),
            ("opportunity_name", "Forty robots"),
            ("opportunity_amount", "99,000"),
            ("opportunity_close_date", "2027-01-31"),
        ]);
        // The manager does it; what comes of the lead is the seller's.
        let answer = submit(app, &boss, lead, &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let deal: Uuid = app.value("SELECT id FROM opportunity").await.expect("a deal");
        assert_eq!(answer.location(), format!("/opportunities/{deal}"));
        let account: (String, String, String, Uuid) = {
            let mut session = app.db.read().await.expect("readable");
            session.one("SELECT name, city, industry, owner_id FROM account").await.expect("one account")
        };
        assert_eq!(account, ("Yunfan Robotics".into(), "Suzhou".into(), "manufacturing".into(), lin.id));
        let contact: (String, String, String, String) = {
            let mut session = app.db.read().await.expect("readable");
            session.one("SELECT name, email, mobile, job_title FROM contact").await.expect("one contact")
        };
        assert_eq!(
            (contact.0.as_str(), contact.1.as_str(), contact.3.as_str()),
            ("Zhao Min", "zhao@yunfan.example", "Buyer")
        );
        let of_deal: (i64, Uuid, Option<Uuid>, String) = {
            let mut session = app.db.read().await.expect("readable");
            session.one("SELECT amount, owner_id, lead_id, source FROM opportunity").await.expect("one deal")
        };
        assert_eq!(of_deal, (9_900_000, lin.id, Some(lead), "event".into()));
        // The lead says what it became, once, and is offered no more.
        let page = app.get(&lin, &format!("/leads/{lead}")).await;
        assert!(
            page.has(&format!("href=\"/opportunities/{deal}\"")) && page.has("This lead was converted"),
            "{}",
            page.body
        );
        assert!(!page.has("/convert\""), "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);
        // What was said is on the account's timeline and the deal's, and still on the lead's.
        let account: Uuid = app.value("SELECT id FROM account").await.expect("an account");
        for path in [format!("/accounts/{account}"), format!("/opportunities/{deal}"), format!("/leads/{lead}")] {
            assert!(app.get(&lin, &path).await.has("First call"), "{path}");
        }
        let timeline = app.get(&lin, &format!("/accounts/{account}")).await;
        assert!(timeline.has("converted the lead") && timeline.has(&format!("/leads/{lead}")), "{}", timeline.body);
        let task: Option<Uuid> = app.value("SELECT account_id FROM task").await.flatten();
        assert_eq!(task, Some(account));
        let kinds: Option<i64> = app
            .value(sql!(
                "SELECT COUNT(*) FROM event WHERE kind = 'converted' AND subject_id = $1 AND account_id = $2",
                lead,
                account
            ))
            .await;
        assert_eq!(kinds, Some(1));
        let moved: Option<i64> = app
            .value("SELECT COUNT(*) FROM event WHERE kind = 'updated' AND subject_type IN ('activity', 'task')")
            .await;
        assert_eq!(moved, Some(2));
    });
}

#[test]
fn a_lead_becomes_part_of_what_exists_and_what_exists_is_offered() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        let account = app.create("account", &lin, &[("name", "Yunfan Robotics")]).await;
        let by_domain =
            app.create("account", &lin, &[("name", "YF Holding"), ("website", "https://www.yunfan.example/en")]).await;
        let other = app.account(&lin, "Harbour").await;
        let contact = app
            .create(
                "contact",
                &lin,
                &[("name", "Min Zhao"), ("account", &account.to_string()), ("mobile", "138 0000 1234")],
            )
            .await;
        let deal = app.opportunity(&lin, "Robots", account).await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        for offered in [account, by_domain, contact] {
            assert!(form.has(&format!("value=\"{offered}\"")), "{offered}: {}", form.body);
        }
        assert!(!form.has(&other.to_string()));
        assert!(form.statements <= 12, "{}", form.statements);
        let (account_id, contact_id, deal_id) = (account.to_string(), contact.to_string(), deal.to_string());
        // A contact of another account does not fit.
        let wrong =
            submit(app, &lin, lead, &with(&[("account", &by_domain.to_string()), ("contact", &contact_id)])).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.has("Belongs to another account"), "{}", wrong.body);
        let fields = with(&[
            ("account", &account_id),
            ("contact", &contact_id),
            ("opportunity", "other"),
            ("opportunity_other", &deal_id),
        ]);
        let before = counts(app).await;
        let answer = submit(app, &lin, lead, &fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.location()),
            (303, format!("/opportunities/{deal}").as_str()),
            "{}",
            answer.body
        );
        let after = counts(app).await;
        assert_eq!(after[..3], before[..3], "nothing new");
        let became: (Option<Uuid>, Option<Uuid>, Option<Uuid>, String) = {
            let mut session = app.db.read().await.expect("readable");
            session
                .one("SELECT converted_account_id, converted_contact_id, converted_opportunity_id, status FROM lead")
                .await
                .expect("one lead")
        };
        assert_eq!(became, (Some(account), Some(contact), Some(deal), "converted".into()));
    });
}

#[test]
fn a_contact_with_the_address_in_capitals_is_offered() {
    on_both(async |app| {
        let World { lin, .. } = world(app).await;
        let contact = app.create("contact", &lin, &[("name", "Zhou Min"), ("email", "Zhou@Yunfan.Example")]).await;
        let lead = app.create("lead", &lin, &[("name", "Z. Min"), ("email", "ZHOU@yunfan.example")]).await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(form.has(&contact.to_string()), "{}", form.body);
    });
}

#[test]
fn what_one_may_not_see_is_refused_like_what_does_not_exist() {
    on_both(async |app| {
        let World { lin, wu, lead, .. } = world(app).await;
        let account =
            app.create("account", &wu, &[("name", "Yunfan Robotics"), ("website", "https://yunfan.example")]).await;
        let contact = app
            .create(
                "contact",
                &wu,
                &[("name", "Secret"), ("account", &account.to_string()), ("email", "zhao@yunfan.example")],
            )
            .await;
        let deal = app.opportunity(&wu, "Hidden deal", account).await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(!form.has(&account.to_string()) && !form.has("Secret"), "{}", form.body);
        let before = counts(app).await;
        let nothing = Uuid::nil();
        for (key, hidden) in [("account", account), ("contact", contact), ("opportunity", deal)] {
            let answer = async |id: Uuid| {
                let id = id.to_string();
                let other = format!("{key}_other");
                let page = submit(app, &lin, lead, &with(&[(key, "other"), (&other, &id)])).await;
                (page.status.as_u16(), page.body.replace(&id, "ID"))
            };
            let (status, said) = answer(hidden).await;
            assert_eq!(status, 422, "{key}");
            assert_eq!((status, said), answer(nothing).await, "{key}");
        }
        assert_eq!(counts(app).await, before, "all or nothing");
        // A lead that is not theirs is not there.
        assert_eq!(app.get(&wu, &format!("/leads/{lead}/convert")).await.status, 404);
        assert_eq!(submit(app, &wu, lead, &NEW).await.status, 404);
        let token = app.api_token(&wu).await;
        let path = format!("/api/leads/{lead}/convert");
        assert_eq!(app.api(&token, Method::POST, &path, &[("if-match", "*")], Some(&json!({}))).await.status, 404);
        assert_eq!(counts(app).await, before);
    });
}

#[test]
fn of_two_who_convert_at_the_same_time_exactly_one_does() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let tokens = [app.api_token(&boss).await, app.api_token(&lin).await];
        let path = format!("/api/leads/{lead}/convert");
        let body = json!({ "opportunity_name": "Forty robots" });
        let calls = (0..100).map(|number| {
            let (token, path, body) = (&tokens[number % 2], &path, &body);
            async move { app.api(token, Method::POST, path, &[("if-match", "\"1\"")], Some(body)).await }
        });
        let answers = futures_util::future::join_all(calls).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
        assert_eq!((count(200), count(409)), (1, 99), "{:?}", answers.iter().map(|a| &a.body).collect::<Vec<_>>());
        let refused = answers.iter().find(|answer| answer.status.as_u16() == 409).expect("one").json();
        assert_eq!(refused["title"], "This lead was converted already");
        assert_eq!(counts(app).await[..3], [1, 1, 1]);
        // On screen the second one is led to what it became.
        let late = submit(app, &lin, lead, &NEW).await;
        assert_eq!((late.status.as_u16(), late.location()), (303, format!("/leads/{lead}").as_str()));
        assert_eq!(app.get(&lin, &format!("/leads/{lead}/convert")).await.location(), format!("/leads/{lead}"));
        assert_eq!(counts(app).await[..3], [1, 1, 1]);
    });
}

#[test]
fn a_status_changed_meanwhile_is_a_conflict_and_other_changes_are_none() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        app.try_update("lead", &boss, lead, None, &[("city", "Wuxi")]).await.expect("theirs");
        app.try_update("lead", &boss, lead, None, &[("status", "working")]).await.expect("theirs");
        let before = counts(app).await;
        let answer = submit(app, &lin, lead, &NEW).await;
        assert_eq!(answer.status, 409);
        assert!(
            answer.has("Somebody changed the status") && answer.has("name=\"version\" value=\"3\""),
            "{}",
            answer.body
        );
        assert_eq!(counts(app).await, before);
        // The city is no matter of the conversion.
        assert_eq!(submit(app, &lin, lead, &with(&[("version", "2")])).await.status, 409);
        app.try_update("lead", &boss, lead, None, &[("city", "Nanjing")]).await.expect("theirs");
        assert_eq!(submit(app, &lin, lead, &with(&[("version", "3")])).await.status, 303);
        assert_eq!(app.value::<String>("SELECT city FROM account").await.as_deref(), Some("Nanjing"));
    });
}

#[test]
fn an_amount_typed_for_a_lead_is_stored_in_no_other_currency() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        app.try_update("lead", &boss, lead, None, &[("currency", "USD")]).await.expect("theirs");
        let before = counts(app).await;
        let deal = [("opportunity", "new"), ("opportunity_name", "Robots"), ("opportunity_close_date", "2027-01-31")];
        let fields =
            |version, amount| with(&[&deal[..], &[("version", version), ("opportunity_amount", amount)]].concat());
        let answer = submit(app, &lin, lead, &fields("1", "99,000")).await;
        assert_eq!(answer.status, 409);
        assert!(answer.has("or the currency of this lead") && answer.has(">USD<"), "{}", answer.body);
        assert_eq!(counts(app).await, before);
        let token = app.api_token(&lin).await;
        let body = json!({ "opportunity_name": "Robots", "opportunity_amount": "99000" });
        let path = format!("/api/leads/{lead}/convert");
        let answer = app.api(&token, Method::POST, &path, &[("if-match", "\"1\"")], Some(&body)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["errors"][0]["field"]), (409, &json!("currency")));
        // Who has seen the dollars means dollars.
        let seen = answer.json()["version"].to_string();
        assert_eq!(submit(app, &lin, lead, &fields(&seen, "99,000")).await.status, 303);
        let mut session = app.db.read().await.expect("readable");
        let deal: (i64, String) = session.one("SELECT amount, currency FROM opportunity").await.expect("a deal");
        assert_eq!(deal, (9_900_000, "USD".into()));
    });
}

#[test]
fn what_is_missing_is_said_at_its_place_and_what_was_typed_stays() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        let fields = with(&[
            ("account_name", " "),
            ("opportunity", "new"),
            ("opportunity_name", "Kept words"),
            ("opportunity_close_date", "tomorrow"),
        ]);
        let answer = submit(app, &lin, lead, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("href=\"#convert-account-name\"") && answer.has("Kept words"), "{}", answer.body);
        let fields =
            with(&[("opportunity", "new"), ("opportunity_name", "Kept words"), ("opportunity_close_date", "")]);
        let answer = submit(app, &lin, lead, &fields).await;
        assert!(answer.has("href=\"#convert-opportunity-close-date\""), "{}", answer.body);
        assert_eq!(counts(app).await[..3], [0, 0, 0]);
        app.try_update("lead", &lin, lead, None, &[("status", "unqualified"), ("disqualify_reason", "No budget")])
            .await
            .expect("theirs");
        let answer = submit(app, &lin, lead, &with(&[("version", "2")])).await;
        assert_eq!(answer.status, 409);
        assert!(answer.has("unqualified lead is not converted"), "{}", answer.body);
    });
}

#[test]
fn programs_convert_with_the_same_command() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        let token = app.api_token(&lin).await;
        let path = format!("/api/leads/{lead}/convert");
        let call = async |body: Json, headers: &[(&str, &str)]| {
            app.api(&token, Method::POST, &path, headers, Some(&body)).await
        };
        assert_eq!(call(json!({}), &[]).await.status, 428);
        assert_eq!(call(json!({ "colour": "red" }), &[("if-match", "*")]).await.status, 400);
        let both = call(json!({ "account": Uuid::nil(), "account_name": "A" }), &[("if-match", "*")]).await;
        assert_eq!((both.status.as_u16(), both.json()["errors"][0]["field"].clone()), (422, json!("account_name")));
        let unknown = call(json!({ "account": Uuid::nil() }), &[("if-match", "*")]).await;
        assert_eq!((unknown.status.as_u16(), unknown.json()["errors"][0]["field"].clone()), (422, json!("account")));
        assert_eq!(call(json!({}), &[("if-match", "\"9\"")]).await.status, 412);
        let headers = [("if-match", "\"1\""), ("idempotency-key", "once")];
        let made = call(json!({ "opportunity_amount": "5000.00" }), &headers).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let lead = made.json();
        assert_eq!(
            (&lead["status"], &lead["version"], &lead["converted_account_label"]),
            (&json!("converted"), &json!(2), &json!("Yunfan Robotics Co., Ltd."))
        );
        let deal = app
            .api(
                &token,
                Method::GET,
                &format!("/api/opportunities/{}", lead["converted_opportunity"].as_str().unwrap_or("")),
                &[],
                None,
            )
            .await
            .json();
        assert_eq!(
            (&deal["amount"], &deal["lead"], &deal["name"]),
            (&json!("5000.00"), &lead["id"], &json!("Yunfan Robotics Co., Ltd. – Forty seats"))
        );
        let again = call(json!({ "opportunity_amount": "5000.00" }), &headers).await;
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (200, Some("true")));
        assert_eq!(call(json!({}), &[("if-match", "*")]).await.status, 409);
    });
}

#[test]
fn a_hidden_amount_of_the_lead_does_not_show_in_the_deal() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        app.execute("INSERT INTO hidden_field (object, field, role) VALUES ('lead', 'estimated_amount', 'seller')")
            .await;
        app.settings_changed().await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(!form.has("120000"), "{}", form.body);
        let fields =
            with(&[("opportunity", "new"), ("opportunity_name", "Robots"), ("opportunity_close_date", "2027-01-31")]);
        assert_eq!(submit(app, &lin, lead, &fields).await.status, 303);
        assert_eq!(app.value::<i64>("SELECT amount FROM opportunity").await, Some(0));
    });
}

#[test]
fn what_comes_of_a_lead_begins_at_the_front_of_its_pipeline() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        app.post_form(&app.administrator, "/settings/pipelines", &[("name", "Partners")]).await;
        let pipeline: Uuid = app.value("SELECT id FROM pipeline WHERE name = 'Partners'").await.expect("a pipeline");
        let token = app.api_token(&lin).await;
        let call = async |body: Json| {
            let path = format!("/api/leads/{lead}/convert");
            app.api(&token, Method::POST, &path, &[("if-match", "*")], Some(&body)).await
        };
        // There is no way to begin further on without being asked.
        let stage = app.stage("Won").await;
        assert_eq!(call(json!({ "opportunity_name": "Robots", "opportunity_stage": stage })).await.status, 400);
        let made = call(json!({ "opportunity_name": "Robots", "opportunity_pipeline": pipeline })).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let place: (Uuid, String) = {
            let mut session = app.db.read().await.expect("readable");
            let of = "SELECT o.pipeline_id, s.name FROM opportunity o JOIN stage s ON s.id = o.stage_id";
            session.one(of).await.expect("the deal")
        };
        assert_eq!(place, (pipeline, "Prospecting".into()));
    });
}

#[test]
fn a_contact_who_gets_an_account_by_a_conversion_brings_along_what_was_said() {
    on_both(async |app| {
        let World { lin, lead, .. } = world(app).await;
        let contact = app.create("contact", &lin, &[("name", "Zhao Min")]).await.to_string();
        let call = [("kind", "call"), ("subject", "Call at the fair"), ("contact", contact.as_str())];
        let call = app.create("activity", &lin, &call).await;
        let answer = submit(app, &lin, lead, &with(&[("contact", &contact)])).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let accounts: Option<i64> = app
            .value(sql!(
                "SELECT COUNT(*) FROM activity a JOIN lead l ON l.converted_account_id = a.account_id
                  WHERE a.id = $1 OR a.lead_id = l.id",
                call
            ))
            .await;
        assert_eq!(accounts, Some(2), "the call with the contact and that with the lead");
    });
}
