//! A lead becomes account, contact and opportunity: once, all or nothing, within what the person may see (Q32). On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Day, Uuid, sql};
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
        app.execute("UPDATE organization SET config_version = config_version + 1").await;
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
        app.execute("UPDATE organization SET config_version = config_version + 1 WHERE id = 1").await;
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

/// What a contact says of consent and since when, and its version.
async fn consent_of(app: &TestApp, contact: Uuid) -> (String, Option<i64>, i64) {
    let mut session = app.db.read().await.expect("readable");
    let select = "SELECT consent, consent_day, version FROM contact WHERE id = $1";
    session.one(sql!(select, contact)).await.expect("the contact is there")
}

fn day(text: &str) -> Option<i64> {
    Day::parse(text).map(|day| day.0)
}

const WITHDRAWN: [(&str, &str); 2] = [("consent", "withdrawn"), ("consent_on", "2026-11-01")];

#[test]
fn whoever_withdrew_their_consent_has_not_given_it_by_becoming_a_contact() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let warning = "This person has withdrawn their consent";
        assert!(!app.get(&lin, &format!("/leads/{lead}/convert")).await.has(warning));
        app.try_update("lead", &lin, lead, None, &WITHDRAWN).await.expect("theirs");
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(form.has(warning), "{}", form.body);
        let answer = submit(app, &lin, lead, &with(&[("version", "2")])).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let contact: Uuid = app.value("SELECT id FROM contact").await.expect("a contact");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 1));
        let page = app.get(&lin, &format!("/contacts/{contact}")).await;
        assert!(page.has(warning) && page.has("pill-bad\">Withdrawn"), "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);

        let list = async |value: &str| {
            let path = format!("/contacts?view=none&cols=name,consent,consent_on&f=consent:is:{value}");
            app.get(&lin, &path).await.has(&contact.to_string())
        };
        assert!(list("withdrawn").await && !list("given").await && !list("unknown").await);
        let token = app.api_token(&lin).await;
        let told = app.api(&token, Method::GET, &format!("/api/contacts/{contact}"), &[], None).await.json();
        assert_eq!((&told["consent"], &told["consent_on"]), (&json!("withdrawn"), &json!("2026-11-01")));
        let file = app.get(&boss, "/contacts.csv?view=none&cols=name,consent,consent_on").await;
        assert!(file.has("Zhao Min,Withdrawn,2026-11-01"), "{}", file.body);
        // A contact of whom nobody said anything.
        let account = app.account(&lin, "Harbour").await;
        let other = app.contact(&lin, "Wang Fang", account).await;
        assert_eq!(consent_of(app, other).await, ("unknown".into(), None, 1));
        assert!(!app.get(&lin, &format!("/contacts/{other}")).await.has(warning));
    });
}

#[test]
fn of_what_lead_and_contact_say_of_consent_the_stricter_counts_and_then_the_newer() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (early, late) = ("2026-01-01", "2026-11-01");
        let cases = [
            (("withdrawn", early), ("given", late), ("withdrawn", early)),
            (("withdrawn", ""), ("given", late), ("withdrawn", "")),
            (("withdrawn", late), ("unknown", ""), ("withdrawn", late)),
            (("given", late), ("withdrawn", early), ("withdrawn", early)),
            (("unknown", ""), ("withdrawn", ""), ("withdrawn", "")),
            (("given", late), ("unknown", ""), ("given", late)),
            (("unknown", ""), ("given", early), ("given", early)),
            (("given", late), ("given", early), ("given", late)),
            (("given", early), ("given", late), ("given", late)),
        ];
        for (of_lead, of_contact, expected) in cases {
            let what = format!("{of_lead:?} and {of_contact:?}");
            let account = app.account(&lin, "Harbour").await.to_string();
            let make = async |object: &str, (consent, on): (&str, &str), more: &[(&str, &str)]| {
                let mut fields = vec![("name", "Zhao Min"), ("consent", consent)];
                fields.extend(Some(("consent_on", on)).filter(|_| !on.is_empty()));
                fields.extend_from_slice(more);
                app.create(object, &lin, &fields).await
            };
            let contact = make("contact", of_contact, &[("account", &account)]).await;
            let lead = make("lead", of_lead, &[]).await;
            let answer =
                submit(app, &lin, lead, &with(&[("account", &account), ("contact", &contact.to_string())])).await;
            assert_eq!(answer.status, 303, "{what}: {}", answer.body);
            let changed = i64::from(expected != of_contact);
            let stands = (expected.0.to_owned(), day(expected.1), 1 + changed);
            assert_eq!(consent_of(app, contact).await, stands, "{what}");
            let events: Option<i64> =
                app.value(sql!("SELECT COUNT(*) FROM event WHERE kind = 'updated' AND subject_id = $1", contact)).await;
            assert_eq!(events, Some(changed), "{what}");
        }
    });
}

/// Shows a record to a colleague, to read.
async fn share(app: &TestApp, by: &Person, path: &str, to: &Person) {
    let fields = [("person", to.id.to_string()), ("may_write", "false".into())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(app.post_form(by, &format!("{path}/shares"), &fields).await.status, 303);
}

#[test]
fn a_withdrawal_does_not_end_at_a_contact_that_one_may_not_change() {
    on_both(async |app| {
        let World { boss, lin, .. } = world(app).await;
        let account = app.account(&boss, "Harbour").await;
        let contact = app.contact(&boss, "Zhao Min", account).await;
        share(app, &boss, &format!("/accounts/{account}"), &lin).await;
        let convert = async |consent: &str| {
            let lead = app.create("lead", &lin, &[("name", "Zhao Min"), ("consent", consent)]).await;
            let fields = [("account", account.to_string()), ("contact", contact.to_string())];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let before = counts(app).await;
            let answer = submit(app, &lin, lead, &with(&fields)).await;
            if answer.status == 422 {
                assert!(answer.has("You may not change this contact"), "{}", answer.body);
                assert_eq!(counts(app).await, before, "all or nothing");
            }
            answer.status.as_u16()
        };
        assert_eq!(convert("unknown").await, 303);
        assert_eq!(convert("given").await, 303);
        assert_eq!(consent_of(app, contact).await, ("unknown".into(), None, 1), "it is not theirs to change");
        assert_eq!(convert("withdrawn").await, 422);
        app.try_update("contact", &boss, contact, None, &WITHDRAWN).await.expect("theirs");
        assert_eq!(convert("withdrawn").await, 303, "it says so already");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 2));
        // Who may not know what is said of consent cannot tell it from what is refused.
        crate::hidden::hide(app, "lead", &["consent"], "seller").await;
        let lead = app.create("lead", &boss, &[("name", "Zhao Min"), ("owner", &lin.id.to_string())]).await;
        let (account, contact) = (account.to_string(), contact.to_string());
        let convert = async |version: &str| {
            let fields = with(&[("version", version), ("account", &account), ("contact", &contact)]);
            submit(app, &lin, lead, &fields).await.status.as_u16()
        };
        assert_eq!(convert("1").await, 422);
        app.try_update("lead", &boss, lead, None, &[("consent", "withdrawn")]).await.expect("theirs");
        assert_eq!(convert("2").await, 422);
    });
}

#[test]
fn consent_that_is_hidden_goes_along_unseen() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        app.try_update("lead", &lin, lead, None, &WITHDRAWN).await.expect("theirs");
        crate::hidden::hide(app, "lead", &["consent", "consent_on"], "seller").await;
        let form = app.get(&lin, &format!("/leads/{lead}/convert")).await;
        assert!(!form.has("withdrawn"), "{}", form.body);
        assert_eq!(submit(app, &lin, lead, &with(&[("version", "2")])).await.status, 303);
        let contact: Uuid = app.value("SELECT id FROM contact").await.expect("a contact");
        assert_eq!(consent_of(app, contact).await, ("withdrawn".into(), day("2026-11-01"), 1));
        for path in ["", "?tab=details", "/edit"] {
            let page = app.get(&lin, &format!("/contacts/{contact}{path}")).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(!page.has("ithdrawn") && !page.has("onsent"), "{path}: {}", page.body);
        }
        assert_eq!(app.get(&lin, "/contacts?view=none&f=consent:is:withdrawn").await.status, 422);
        assert!(app.get(&boss, &format!("/contacts/{contact}")).await.has("This person has withdrawn their consent"));
    });
}

/// The lead, the source and the version of a deal, and how often it was changed.
async fn origin_of(app: &TestApp, deal: Uuid) -> (Option<Uuid>, Option<String>, i64, i64) {
    let mut session = app.db.read().await.expect("readable");
    let select = "SELECT o.lead_id, o.source, o.version,
                         (SELECT COUNT(*) FROM event e WHERE e.subject_id = o.id AND e.kind = 'updated')
                    FROM opportunity o WHERE o.id = $1";
    session.one(sql!(select, deal)).await.expect("the deal is there")
}

#[test]
fn a_deal_that_exists_says_which_lead_it_came_from_unless_it_says_so_already() {
    on_both(async |app| {
        let World { boss, lin, lead, .. } = world(app).await;
        let account = app.account(&lin, "Yunfan").await;
        let deal = app.opportunity(&lin, "Robots", account).await;
        let (account_id, deal_id) = (account.to_string(), deal.to_string());
        let fields = with(&[("account", &account_id), ("opportunity", "other"), ("opportunity_other", &deal_id)]);
        assert_eq!(submit(app, &lin, lead, &fields).await.status, 303);
        assert_eq!(origin_of(app, deal).await, (Some(lead), Some("event".into()), 2, 1));
        // The links lead both ways, and its history says so.
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        let link = format!("<a href=\"/leads/{lead}\">Zhao Min</a>");
        assert!(page.body.matches(&link).count() >= 2, "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);
        assert!(app.get(&lin, &format!("/leads/{lead}")).await.has(&format!("href=\"/opportunities/{deal}\"")));
        let second = app.create("lead", &lin, &[("name", "Qian Wu"), ("source", "referral")]).await;
        assert_eq!(submit(app, &lin, second, &fields).await.status, 303);
        assert_eq!(origin_of(app, deal).await, (Some(lead), Some("event".into()), 2, 1));
        // What somebody typed as the source stays.
        let typed = app.opportunity(&lin, "Arms", account).await;
        app.try_update("opportunity", &lin, typed, None, &[("source", "partner")]).await.expect("theirs");
        let third = app.create("lead", &lin, &[("name", "Sun Li"), ("source", "referral")]).await;
        let typed_id = typed.to_string();
        let of_typed = with(&[("account", &account_id), ("opportunity", "other"), ("opportunity_other", &typed_id)]);
        assert_eq!(submit(app, &lin, third, &of_typed).await.status, 303);
        assert_eq!(origin_of(app, typed).await, (Some(third), Some("partner".into()), 3, 2));

        // A deal that one may only look at is not given a lead.
        let theirs = app.account(&boss, "Harbour").await;
        let seen = app.opportunity(&boss, "Lamps", theirs).await;
        share(app, &boss, &format!("/accounts/{theirs}"), &lin).await;
        share(app, &boss, &format!("/opportunities/{seen}"), &lin).await;
        let fourth = app.lead(&lin, "Zhou Bo").await;
        let (theirs, seen_id) = (theirs.to_string(), seen.to_string());
        let fields = with(&[("account", &theirs), ("opportunity", "other"), ("opportunity_other", &seen_id)]);
        let before = counts(app).await;
        let answer = submit(app, &lin, fourth, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("You may look at this opportunity, but not change it"), "{}", answer.body);
        assert_eq!((counts(app).await, origin_of(app, seen).await), (before, (None, None, 1, 0)), "all or nothing");
    });
}

#[test]
fn of_leads_that_become_one_deal_at_the_same_time_it_came_from_one() {
    on_both(async |app| {
        let World { boss, lin, .. } = world(app).await;
        let account = app.account(&lin, "Yunfan").await;
        let contact = app.contact(&lin, "Zhao Min", account).await;
        let deal = app.opportunity(&lin, "Robots", account).await;
        let tokens = [app.api_token(&boss).await, app.api_token(&lin).await];
        let mut leads = Vec::new();
        for number in 0..10 {
            let name = format!("Lead {number}");
            // One of them withdrew: whenever its turn comes, the contact says so afterwards.
            let consent = if number == 4 { "withdrawn" } else { "given" };
            let fields = [("name", name.as_str()), ("source", "referral"), ("consent", consent)];
            leads.push(app.create("lead", &lin, &fields).await);
        }
        let body = json!({ "account": account, "contact": contact, "opportunity": deal });
        let calls = leads.iter().zip(tokens.iter().cycle()).map(|(lead, token)| {
            let body = &body;
            async move {
                let path = format!("/api/leads/{lead}/convert");
                app.api(token, Method::POST, &path, &[("if-match", "*")], Some(body)).await
            }
        });
        let answers = futures_util::future::join_all(calls).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        let (lead, source, version, changes) = origin_of(app, deal).await;
        assert!(lead.is_some_and(|lead| leads.contains(&lead)));
        assert_eq!((source.as_deref(), version, changes), (Some("referral"), 2, 1));
        assert_eq!(consent_of(app, contact).await.0, "withdrawn");
        let converted: Option<i64> = app
            .value(sql!("SELECT COUNT(*) FROM lead WHERE status = 'converted' AND converted_opportunity_id = $1", deal))
            .await;
        assert_eq!(converted, Some(10));
    });
}
