//! What a move leaves behind: taken back it leaves no figure, the day of closing can be told and corrected, and how far a deal came
//! outlives the stage in which it was.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Day, Instant, Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::error::Error;

use crate::analysis::{deal, rows_behind};
use crate::import::{counts, refusals, sent, uploaded, work};

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

/// A dollar costs 7 yuan, and 8 from a day on.
async fn dollars(app: &TestApp, from: &str) {
    const RATES: &str = "INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7'), ('USD', $1, '8')";
    app.execute(sql!(RATES, day(from))).await;
    app.settings_changed().await;
}

/// Stage, day of closing, probability, since when it is in its stage, and its worth in base currency.
type Standing = (Uuid, Option<i64>, i64, i64, i64);

async fn standing(app: &TestApp, deal: Uuid) -> Standing {
    const STANDS: &str =
        "SELECT stage_id, closed_day, probability, stage_since, amount_base FROM opportunity WHERE id = $1";
    let mut session = app.db.read().await.expect("the database can be read");
    session.one(sql!(STANDS, deal)).await.expect("the deal is there")
}

async fn go(app: &TestApp, by: &Person, deal: Uuid, stage: Uuid, more: &[(&str, &str)]) {
    app.clock.advance(10);
    let stage = stage.to_string();
    let wish = [&[("stage", stage.as_str())][..], more].concat();
    let answer = app.post_form(by, &format!("/opportunities/{deal}/stage"), &wish).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

async fn furthest(app: &TestApp, by: &Person, stage: Uuid) -> i64 {
    rows_behind(app, by, &format!("/opportunities?view=none&f=furthest_stage:is:{stage}")).await
}

const BECAUSE: (&str, &str) = ("reason", "By mistake.");
const UNDO: (&str, &str) = ("undo", "1");

/// A deal over 100 dollars that was won in March, at the rate of then.
async fn won_in_march(app: &TestApp, by: &Person) -> Uuid {
    let stage = app.stage("Won").await.to_string();
    let fields = [
        ("name", "Won in March"),
        ("external_id", "WON"),
        ("stage", stage.as_str()),
        ("reason", "Signed."),
        ("amount", "100"),
        ("currency", "USD"),
        ("created_on", "2026-01-10"),
        ("closed_on", "2026-03-15"),
        ("close_date", "2026-03-15"),
    ];
    app.create("opportunity", by, &fields).await
}

#[test]
fn a_won_deal_that_was_moved_by_mistake_is_won_when_it_was_and_worth_what_it_was() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        dollars(app, "2026-04-01").await;
        let deal = won_in_march(app, &lin).await;
        let (won, proposal) = (app.stage("Won").await, app.stage("Proposal").await);
        let before = standing(app, deal).await;
        let zone = app.viewer(&lin).await.config.zone.clone();
        let closed = day("2026-03-15");
        assert_eq!(before, (won, Some(closed.0), 100, Instant::start_of(closed, &zone).0, 70_000));
        go(app, &lin, deal, proposal, &[BECAUSE]).await;
        let moved = standing(app, deal).await;
        assert_eq!((moved.0, moved.1, moved.4), (proposal, None, 80_000));
        // A rate that is corrected meanwhile does not reach a deal that was closed at the old one.
        app.execute("UPDATE fx_rate SET rate = '9' WHERE on_day = 0").await;
        app.settings_changed().await;
        go(app, &lin, deal, won, &[UNDO]).await;
        assert_eq!(standing(app, deal).await, before);
        assert_eq!(furthest(app, &lin, proposal).await, 0);

        // From one end to the other on the day of closing, and back.
        let lost = app.stage("Lost").await;
        go(app, &lin, deal, lost, &[("lost_reason", "price"), ("closed_on", "2026-03-15")]).await;
        let moved = standing(app, deal).await;
        assert_eq!((moved.0, moved.1, moved.2), (lost, Some(closed.0), 0));
        go(app, &lin, deal, won, &[UNDO]).await;
        assert_eq!(standing(app, deal).await, before);

        // Another amount since: then it is worth that, at the rate of the day of closing.
        go(app, &lin, deal, proposal, &[BECAUSE]).await;
        app.try_update("opportunity", &lin, deal, None, &[("amount", "200")]).await.expect("saved");
        go(app, &lin, deal, won, &[UNDO]).await;
        assert_eq!(standing(app, deal).await, (before.0, before.1, before.2, before.3, 180_000));
    });
}

#[test]
fn an_open_deal_that_was_dragged_by_mistake_keeps_its_days_and_its_chance() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let (prospecting, negotiation) = (app.stage("Prospecting").await, app.stage("Negotiation").await);
        let usual: i64 =
            app.value(sql!("SELECT probability FROM stage WHERE id = $1", negotiation)).await.expect("one");
        // Also where the other stage has just the chance that was typed.
        for typed in [35, usual] {
            let deal = app.opportunity(&lin, "Rollout", account).await;
            let text = typed.to_string();
            app.clock.advance(60);
            app.try_update("opportunity", &lin, deal, None, &[("probability", &text)]).await.expect("saved");
            app.clock.advance(5 * 86_400);
            let before = standing(app, deal).await;
            assert_eq!((before.0, before.2), (prospecting, typed));
            go(app, &lin, deal, negotiation, &[BECAUSE]).await;
            let moved = standing(app, deal).await;
            assert_eq!((moved.0, moved.2), (negotiation, usual));
            assert_eq!(furthest(app, &lin, negotiation).await, 1);
            // Taken back, done again, and taken back once more.
            go(app, &lin, deal, prospecting, &[UNDO]).await;
            assert_eq!((standing(app, deal).await, furthest(app, &lin, negotiation).await), (before, 0), "{typed}");
            go(app, &lin, deal, negotiation, &[UNDO]).await;
            assert_eq!((standing(app, deal).await, furthest(app, &lin, negotiation).await), (moved, 1), "{typed}");
            go(app, &lin, deal, prospecting, &[UNDO]).await;
            assert_eq!((standing(app, deal).await, furthest(app, &lin, negotiation).await), (before, 0), "{typed}");
            // The history keeps it all.
            let moves = sql!("SELECT COUNT(*) FROM stage_change WHERE opportunity_id = $1", deal);
            let told = sql!("SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'stage'", deal);
            assert_eq!((app.value::<i64>(moves).await, app.value::<i64>(told).await), (Some(5), Some(4)));
        }
    });
}

#[test]
fn what_was_typed_after_a_move_is_not_lost_when_the_move_is_undone() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let prospecting = app.stage("Prospecting").await;
        go(app, &lin, deal, app.stage("Negotiation").await, &[BECAUSE]).await;
        app.clock.advance(10);
        app.try_update("opportunity", &lin, deal, None, &[("probability", "85")]).await.expect("saved");
        go(app, &lin, deal, prospecting, &[UNDO]).await;
        let now = standing(app, deal).await;
        assert_eq!((now.0, now.2), (prospecting, 85));
    });
}

#[test]
fn a_file_that_is_taken_back_leaves_no_trace_in_the_figures() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        dollars(app, "2026-04-01").await;
        let fields = [("name", "Open"), ("external_id", "OPEN"), ("amount", "10"), ("close_date", "2026-12-24")];
        let open = app.create("opportunity", &lin, &[&fields[..], &[("probability", "35")]].concat()).await;
        let won = won_in_march(app, &lin).await;
        app.clock.advance(5 * 86_400);
        let before = (standing(app, open).await, standing(app, won).await);
        let (proposal, negotiation) = (app.stage("Proposal").await, app.stage("Negotiation").await);

        let file = "external_id,stage\nOPEN,Negotiation\nWON,Proposal\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let columns = [("external_id", "external_id"), ("stage", "stage")];
        let how = [("then", "start"), ("key", "external_id"), ("on_match", "update"), ("reason", "From elsewhere")];
        sent(app, &lin, &import, &columns, &how).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 2, 0, 0));
        assert_eq!((standing(app, open).await.0, standing(app, won).await.0), (negotiation, proposal));
        assert_eq!((furthest(app, &lin, negotiation).await, furthest(app, &lin, proposal).await), (1, 1));

        app.clock.advance(60);
        app.post_form(&lin, &format!("{import}/undo"), &[]).await;
        work(app).await;
        assert_eq!((standing(app, open).await, standing(app, won).await), before);
        assert_eq!((furthest(app, &lin, negotiation).await, furthest(app, &lin, proposal).await), (0, 0));
    });
}

/// When the deal entered the end where it is, and what it was worth there, as the history of its stages says it.
async fn entered(app: &TestApp, deal: Uuid) -> (i64, i64) {
    const ENTERED: &str = "SELECT c.at, c.amount_base FROM stage_change c JOIN opportunity o ON o.id = c.opportunity_id
        WHERE o.id = $1 AND c.to_stage_id = o.stage_id";
    let mut session = app.db.read().await.expect("the database can be read");
    session.one(sql!(ENTERED, deal)).await.expect("one move")
}

#[test]
fn the_day_on_which_a_deal_was_closed_can_be_told_and_corrected() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        dollars(app, "2026-11-20").await;
        let fields = [
            ("name", "Rollout"),
            ("external_id", "R"),
            ("amount", "100"),
            ("currency", "USD"),
            ("created_on", "2026-11-01"),
            ("close_date", "2026-12-24"),
        ];
        let deal = app.create("opportunity", &lin, &fields).await;
        let (won, path) = (app.stage("Won").await, format!("/opportunities/{deal}"));
        let zone = app.viewer(&lin).await.config.zone.clone();
        let is_closed_on = async |text: &str, worth: i64| {
            let closed = day(text);
            let since = Instant::start_of(closed, &zone).0;
            assert_eq!(standing(app, deal).await, (won, Some(closed.0), 100, since, worth), "{text}");
            assert_eq!(entered(app, deal).await, (since, worth), "{text}");
        };

        // The form of the move asks for it.
        app.clock.advance(60);
        let id = won.to_string();
        let move_to = async |more: &[(&str, &str)]| {
            let wish = [&[("stage", id.as_str()), ("asked", "1")][..], more].concat();
            app.post_form(&lin, &format!("{path}/stage"), &wish).await
        };
        let form = move_to(&[]).await;
        assert_eq!(form.status, 422);
        assert!(form.has("name=\"closed_on\" type=\"date\" value=\"2026-11-24\""), "{}", form.body);
        let ahead = move_to(&[("reason", "Signed."), ("closed_on", "2026-11-25")]).await;
        assert!(ahead.has("still to come") && ahead.has("value=\"2026-11-25\""), "{}", ahead.body);
        let early = move_to(&[("reason", "Signed."), ("closed_on", "2026-10-31")]).await;
        assert!(early.has("before it was created"), "{}", early.body);
        let moved = move_to(&[("reason", "Signed."), ("closed_on", "2026-11-19")]).await;
        assert_eq!(moved.status, 303, "{}", moved.body);
        is_closed_on("2026-11-19", 70_000).await;

        // Whoever may change the deal corrects it where it stands.
        app.clock.advance(60);
        assert!(app.get(&lin, &format!("{path}?tab=details")).await.has(&format!("{path}/field/closed_on")));
        let edit = app.get(&lin, &format!("{path}/edit")).await;
        assert!(edit.has("name=\"closed_on\""), "{}", edit.body);
        let cell = [("version", edit.version()), ("closed_on", "2026-11-21".to_owned())];
        let cell: Vec<(&str, &str)> = cell.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let saved = app.post_form(&lin, &format!("{path}/field/closed_on"), &cell).await;
        assert_eq!(saved.status, 303, "{}", saved.body);
        is_closed_on("2026-11-21", 80_000).await;
        let told: String = app
            .value(sql!("SELECT changes FROM event WHERE subject_id = $1 AND kind = 'updated'", deal))
            .await
            .expect("an event");
        assert!(told.contains("closed_on"), "{told}");

        // So do programs.
        let patch = async |deal: Uuid, closed: Json| {
            app.clock.advance(60);
            let body = json!({ "closed_on": closed });
            let path = format!("/api/opportunities/{deal}");
            let answer = app.api(&token, Method::PATCH, &path, &[("if-match", "*")], Some(&body)).await;
            let code = answer.json()["errors"][0]["code"].as_str().unwrap_or("").to_owned();
            (answer.status.as_u16(), code)
        };
        assert_eq!(patch(deal, json!("2026-11-19")).await, (200, String::new()));
        is_closed_on("2026-11-19", 70_000).await;
        let refused = |code: &str| (422, code.to_owned());
        assert_eq!(patch(deal, json!("2026-11-25")).await, refused("invalid-closed-ahead"));
        assert_eq!(patch(deal, json!("2026-10-31")).await, refused("invalid-closed-before-created"));
        assert_eq!(patch(deal, Json::Null).await, refused("invalid-required"));
        is_closed_on("2026-11-19", 70_000).await;

        // And files.
        let file = async |closed: &str| {
            app.clock.advance(60);
            let import = uploaded(app, &lin, "opportunity", &format!("external_id,closed_on\nR,{closed}\n")).await;
            let columns = [("external_id", "external_id"), ("closed_on", "closed_on")];
            let how = [("then", "start"), ("key", "external_id"), ("on_match", "update")];
            sent(app, &lin, &import, &columns, &how).await;
            work(app).await;
            counts(app).await
        };
        assert_eq!(file("2026-11-22").await, ("done".into(), 0, 1, 0, 0));
        is_closed_on("2026-11-22", 80_000).await;
        assert_eq!(file("2026-11-25").await, ("done".into(), 0, 0, 0, 1), "a day to come is refused");
        is_closed_on("2026-11-22", 80_000).await;
    });
}

#[test]
fn only_a_closed_deal_has_a_day_of_closing_and_it_is_not_ahead() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let path = format!("/opportunities/{deal}");
        assert!(!app.get(&lin, &format!("{path}/edit")).await.has("name=\"closed_on\""));
        let refused = app.try_update("opportunity", &lin, deal, None, &[("closed_on", "2026-11-24")]).await;
        assert!(format!("{refused:?}").contains("refused-closing-not-closed"), "{refused:?}");
        let new = async |stage: &str, closed: &str| {
            let stage = app.stage(stage).await.to_string();
            let fields = [("name", "New"), ("close_date", "2026-12-24"), ("stage", stage.as_str())];
            let more = [("reason", "As told."), ("created_on", "2026-11-01"), ("closed_on", closed)];
            app.try_create("opportunity", &lin, &[&fields[..], &more].concat()).await
        };
        for (stage, closed, key) in [
            ("Prospecting", "2026-11-20", "refused-closing-not-closed"),
            ("Won", "2026-11-25", "invalid-closed-ahead"),
            ("Won", "2026-10-31", "invalid-closed-before-created"),
        ] {
            let Err(Error::Invalid(errors)) = new(stage, closed).await else { panic!("{stage} {closed} is taken") };
            assert_eq!((errors[0].field.as_str(), errors[0].key.as_str()), ("closed_on", key), "{stage} {closed}");
        }
        new("Won", "2026-11-20").await.expect("a day that has been is taken");

        // A move by a program says it too, to an end only.
        app.clock.advance(60);
        let call = async |body: Json| {
            app.api(&token, Method::POST, &format!("/api{path}/stage"), &[("if-match", "*")], Some(&body)).await
        };
        let (engaging, lost) = (app.stage("Engaging").await, app.stage("Lost").await);
        let answer = call(json!({ "stage": engaging, "closed_on": "2026-11-24" })).await;
        let code = answer.json()["errors"][0]["code"].clone();
        assert_eq!((answer.status.as_u16(), code), (422, json!("refused-closing-not-closed")), "{}", answer.body);
        let answer = call(json!({ "stage": lost, "lost_reason": "price", "closed_on": "2026-11-25" })).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        let answer = call(json!({ "stage": lost, "lost_reason": "price", "closed_on": "2026-11-24" })).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["closed_on"]),
            (200, &json!("2026-11-24")),
            "{}",
            answer.body
        );
        let document = app.api(&token, Method::GET, "/api/openapi.json", &[], None).await.json();
        assert!(document["components"]["schemas"]["OpportunityPatch"]["properties"]["closed_on"].is_object());
    });
}

#[test]
fn a_removed_stage_takes_no_deal_out_of_the_funnel() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let names = ["Prospecting", "Engaging", "Proposal", "Negotiation"];
        let mut stages = Vec::new();
        for name in names {
            stages.push(app.stage(name).await);
        }
        let lost = app.stage("Lost").await;
        // So many were lost from each stage.
        for (stage, count) in stages.iter().zip([1, 2, 3, 4]) {
            for number in 0..count {
                let fields = [
                    ("name", format!("Deal {number}")),
                    ("stage", lost.to_string()),
                    ("reached_stage", stage.to_string()),
                    ("created_on", "2026-10-01".to_owned()),
                    ("closed_on", "2026-11-01".to_owned()),
                ];
                deal(app, &lin, &fields).await;
            }
        }
        let counted = async || {
            let mut counted = Vec::new();
            for stage in &stages {
                counted.push(furthest(app, &lin, *stage).await);
            }
            counted
        };
        assert_eq!(counted().await, [1, 2, 3, 4]);
        let admin = &app.administrator;
        let remove = async |stage: Uuid| {
            let removed = app.post_form(admin, &format!("/settings/stages/{stage}/removal"), &[("version", "1")]).await;
            assert_eq!(removed.status, 303, "{}", removed.body);
        };
        remove(stages[2]).await;
        assert_eq!(counted().await, [1, 5, 0, 4], "they came as far as the stage before");
        assert_eq!(app.get(&lin, "/analysis?period=all").await.status, 200);

        // Wherever that one goes, and whatever joins.
        let pipeline: Uuid = app.value(sql!("SELECT pipeline_id FROM stage WHERE id = $1", lost)).await.expect("one");
        let change = async |to: &str, more: &[(&str, &str)]| {
            let version: i64 =
                app.value(sql!("SELECT version FROM pipeline WHERE id = $1", pipeline)).await.expect("a version");
            let version = version.to_string();
            let fields = [&[("version", version.as_str())][..], more].concat();
            let answer = app.post_form(admin, &format!("/settings/pipelines/{pipeline}/{to}"), &fields).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
        };
        change("stages", &[("name", "Pilot"), ("kind", "open"), ("probability", "80")]).await;
        assert_eq!(counted().await, [1, 5, 0, 4]);
        let engaging = stages[1].to_string();
        change("order", &[("up", &engaging)]).await;
        assert_eq!(counted().await, [1, 5, 0, 4]);
        // The one that it counts as is removed too, and was the first: both count as the one that is first now.
        remove(stages[1]).await;
        assert_eq!(counted().await, [6, 0, 0, 4]);
        remove(stages[3]).await;
        assert_eq!(counted().await, [10, 0, 0, 0]);
    });
}

/// A deal that may be moved to the end without evidence.
async fn ready_to_close(app: &TestApp, by: &Person) -> Uuid {
    app.execute(sql!("UPDATE criterion SET required = $1", false)).await;
    app.settings_changed().await;
    let account = app.account(by, "Harbour Optics").await;
    app.opportunity(by, "Rollout", account).await
}

#[test]
fn who_closes_a_deal_on_its_page_or_by_the_menu_is_asked_for_the_day() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let deal = ready_to_close(app, &lin).await;
        let before = standing(app, deal).await;
        let (won, path) = (app.stage("Won").await, format!("/opportunities/{deal}"));
        let text = won.to_string();
        app.clock.advance(60);
        for page in [path.clone(), "/board".into()] {
            let page = app.get(&lin, &page).await;
            assert!(page.has("name=\"ask\" value=\"1\""), "{}", page.body);
        }

        // Nothing is missing; the form asks for the day, and nothing has moved yet.
        let asked = app.post_form(&lin, &format!("{path}/stage"), &[("stage", &text), ("ask", "1")]).await;
        assert_eq!(asked.status, 422);
        assert!(asked.has("name=\"closed_on\" type=\"date\" value=\"2026-11-24\""), "{}", asked.body);
        assert!(!asked.has("id=\"move-reason\""), "{}", asked.body);
        assert_eq!(standing(app, deal).await, before);
        let wish = [("stage", text.as_str()), ("asked", "1"), ("closed_on", "2026-11-24")];
        let moved = app.post_form(&lin, &format!("{path}/stage"), &wish).await;
        assert_eq!(moved.status, 303, "{}", moved.body);
        assert_eq!((standing(app, deal).await.0, standing(app, deal).await.1), (won, Some(day("2026-11-24").0)));

        // To an open stage, and back by Undo, it goes without a form.
        go(app, &lin, deal, before.0, &[("ask", "1")]).await;
        go(app, &lin, deal, won, &[UNDO, ("ask", "1")]).await;
        // Nor is there one where no page asks for it.
        go(app, &lin, deal, before.0, &[]).await;
        go(app, &lin, deal, won, &[]).await;
        assert_eq!(standing(app, deal).await.0, won);
    });
}

#[test]
fn a_program_takes_a_move_back_and_is_told_when_there_is_none() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let (prospecting, negotiation) = (app.stage("Prospecting").await, app.stage("Negotiation").await);
        let call = async |stage: Uuid, more: Json| {
            app.clock.advance(60);
            let mut body = json!({ "stage": stage });
            for (key, value) in more.as_object().expect("members") {
                body[key] = value.clone();
            }
            let path = format!("/api/opportunities/{deal}/stage");
            let answer = app.api(&token, Method::POST, &path, &[("if-match", "*")], Some(&body)).await;
            let error = answer.json()["errors"][0].clone();
            let told = |member: &str| error[member].as_str().unwrap_or("").to_owned();
            (answer.status.as_u16(), told("field"), told("code"))
        };
        let done = (200, String::new(), String::new());
        let undo = json!({ "undo": true });
        let before = standing(app, deal).await;
        let nothing = (422, "undo".to_owned(), "refused-nothing-to-undo".to_owned());
        assert_eq!(call(prospecting, undo.clone()).await, nothing);
        let no_flag = (400, "undo".to_owned(), "invalid-json-type".to_owned());
        assert_eq!(call(prospecting, json!({ "undo": "yes" })).await, no_flag);

        assert_eq!(call(negotiation, json!({ "reason": "By mistake.", "undo": false })).await, done);
        let moved = standing(app, deal).await;
        assert_eq!(furthest(app, &lin, negotiation).await, 1);
        let elsewhere = (422, "stage".to_owned(), "refused-undo-elsewhere".to_owned());
        assert_eq!(call(app.stage("Proposal").await, undo.clone()).await, elsewhere);
        assert_eq!(standing(app, deal).await, moved);

        // Taken back, it leaves no figure; taken back once more, it counts again, without another reason.
        assert_eq!(call(prospecting, undo.clone()).await, done);
        assert_eq!((standing(app, deal).await, furthest(app, &lin, negotiation).await), (before, 0));
        assert_eq!(call(negotiation, undo).await, done);
        assert_eq!((standing(app, deal).await, furthest(app, &lin, negotiation).await), (moved, 1));
    });
}

#[test]
fn nothing_is_created_on_a_day_that_is_still_to_come() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        for (object, plural) in [("opportunity", "opportunities"), ("lead", "leads")] {
            let created = |day: &'static str| {
                let more = (object == "opportunity").then_some(("close_date", "2026-12-24"));
                [("name", "New"), ("created_on", day)].into_iter().chain(more).collect::<Vec<_>>()
            };
            let Err(Error::Invalid(errors)) = app.try_create(object, &pat, &created("2026-11-25")).await else {
                panic!("{object}: it is taken")
            };
            assert_eq!((errors[0].field.as_str(), errors[0].key.as_str()), ("created_on", "invalid-created-ahead"));
            assert_eq!(errors[0].arg("day"), Some("2026-11-25"), "{object}");
            let page = app.post_form(&pat, &format!("/{plural}"), &created("2026-11-25")).await;
            assert!(page.status == 422 && page.has("2026-11-25 is still to come"), "{object}: {}", page.body);
            app.try_create(object, &pat, &created("2026-11-24")).await.expect("today is taken");

            app.clock.advance(60);
            let file = "name,created_on\nAnn,2026-11-25\nBen,2026-11-20\n";
            let import = uploaded(app, &pat, object, file).await;
            let columns = ["name", "created_on"].map(|key| (key, key));
            sent(app, &pat, &import, &columns, &[("then", "start"), ("key", ""), ("on_match", "create")]).await;
            work(app).await;
            assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1), "{object}");
            let said = refusals(app, &pat, &import).await;
            assert!(said.contains("Ann,2026-11-25,2,") && said.contains("still to come"), "{object}: {said}");
        }
    });
}

#[test]
fn a_deal_that_was_created_on_a_day_ahead_before_that_was_refused_can_be_closed() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Seats", account).await;
        app.execute(sql!("UPDATE opportunity SET created_day = $2 WHERE id = $1", deal, day("2026-12-01"))).await;
        let won = app.stage("Won").await.to_string();
        let wish = [("stage", won.as_str()), ("asked", "1"), ("reason", "Signed."), ("closed_on", "2026-11-24")];
        let moved = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &wish).await;
        assert_eq!(moved.status, 303, "{}", moved.body);
    });
}
