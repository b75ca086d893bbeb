//! A lead says why it is not qualified for as long as that is so, by whichever door its status comes and goes. On both engines.

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};

use crate::import::{counts, sent, uploaded, work};

const NO_BUDGET: [(&str, &str); 2] = [("status", "unqualified"), ("disqualify_reason", "No budget")];

/// One that was found unqualified; its external id is its name.
async fn unqualified(app: &TestApp, by: &Person, name: &str) -> Uuid {
    app.create("lead", by, &[&[("name", name), ("external_id", name)], &NO_BUDGET[..]].concat()).await
}

/// Status and reason.
async fn said(app: &TestApp, lead: Uuid) -> (String, Option<String>) {
    let mut session = app.db.read().await.expect("the database can be read");
    let select = "SELECT status, disqualify_reason FROM lead WHERE id = $1";
    session.one(sql!(select, lead)).await.expect("the lead is there")
}

fn no_budget() -> (String, Option<String>) {
    ("unqualified".into(), Some("No budget".into()))
}

fn only(status: &str) -> (String, Option<String>) {
    (status.into(), None)
}

#[test]
fn a_lead_that_is_worked_again_no_longer_says_why_it_was_not() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let token = app.api_token(&pat).await;

        // The form sends the reason along, as it stands in it.
        let lead = unqualified(app, &pat, "Form").await;
        let path = format!("/leads/{lead}");
        assert!(app.get(&pat, &format!("{path}?tab=details")).await.has("Why not qualified"));
        let form = [("version", "1"), ("status", "working"), ("disqualify_reason", "No budget")];
        assert_eq!(app.post_form(&pat, &path, &form).await.status, 303);
        assert_eq!(said(app, lead).await, only("working"));
        assert!(app.get(&pat, &path).await.has("No budget"), "the history keeps it");
        let details = app.get(&pat, &format!("{path}?tab=details")).await;
        assert!(!details.has("Why not qualified") && !details.has("No budget"), "{}", details.body);

        let lead = unqualified(app, &pat, "Cell").await;
        let cell = [("version", "1"), ("status", "qualified")];
        assert_eq!(app.post_form(&pat, &format!("/leads/{lead}/field/status"), &cell).await.status, 303);
        assert_eq!(said(app, lead).await, only("qualified"));

        let lead = unqualified(app, &pat, "Program").await;
        let body = json!({ "status": "working" });
        let answer =
            app.api(&token, Method::PATCH, &format!("/api/leads/{lead}"), &[("if-match", "*")], Some(&body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["disqualify_reason"], json!(null));
        assert_eq!(said(app, lead).await, only("working"));

        let lead = unqualified(app, &pat, "Many").await;
        app.clock.advance(60);
        let ids = lead.to_string();
        let many = [("action", "edit"), ("field", "status"), ("value", "working"), ("ids", ids.as_str())];
        assert_eq!(app.post_form(&pat, "/leads/bulk/apply", &many).await.status, 303);
        assert_eq!(said(app, lead).await, only("working"));
        // Undone, it says so again.
        let at: Option<i64> =
            app.value(sql!("SELECT at FROM event WHERE subject_id = $1 AND kind = 'updated'", lead)).await;
        let undo = format!("/leads/bulk/undo?at={}", at.expect("an event"));
        assert_eq!(app.post_form(&pat, &undo, &[]).await.status, 303);
        assert_eq!(said(app, lead).await, no_budget());
    });
}

#[test]
fn a_file_that_brings_a_lead_back_takes_its_reason_away_and_its_undo_gives_it_back() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let again = unqualified(app, &pat, "Again").await;
        let open = app.create("lead", &pat, &[("name", "Open"), ("external_id", "Open"), ("status", "working")]).await;
        let file = "external_id,name,status,disqualify_reason\n\
                    Again,Again,working,No budget\n\
                    Open,Open,working,Left over\n\
                    Fresh,Fresh,new,Left over\n\
                    Never,Never,unqualified,No need\n\
                    Mute,Mute,unqualified,\n";
        let import = uploaded(app, &pat, "lead", file).await;
        let columns = ["external_id", "name", "status", "disqualify_reason"].map(|key| (key, key));
        let how = [("then", "start"), ("key", "external_id"), ("on_match", "update")];
        sent(app, &pat, &import, &columns, &how).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 1, 1, 1), "made, changed, left as it was, refused");
        assert_eq!(said(app, again).await, only("working"));
        assert_eq!(said(app, open).await, only("working"));
        let named = async |name: &str| {
            let lead: Option<Uuid> = app.value(sql!("SELECT id FROM lead WHERE name = $1", name)).await;
            said(app, lead.expect("the lead is there")).await
        };
        assert_eq!(named("Fresh").await, only("new"));
        assert_eq!(named("Never").await, ("unqualified".into(), Some("No need".into())));
        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        assert_eq!(said(app, again).await, no_budget());
        assert_eq!(said(app, open).await, only("working"));
    });
}

#[test]
fn only_an_unqualified_lead_says_why_and_it_always_does() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let open = app.lead(&lin, "Open").await;
        let closed = unqualified(app, &lin, "Closed").await;
        let refused = [(open, "No need", "refused-lead-reason-qualified"), (closed, "", "refused-lead-reason")];
        for (lead, reason, key) in refused {
            let (before, path) = (said(app, lead).await, format!("/leads/{lead}"));
            let form = [("version", "1"), ("disqualify_reason", reason)];
            for path in [path.clone(), format!("{path}/field/disqualify_reason")] {
                assert_eq!(app.post_form(&lin, &path, &form).await.status, 422, "{path}");
            }
            let ids = lead.to_string();
            let many = [("action", "edit"), ("field", "disqualify_reason"), ("value", reason), ("ids", ids.as_str())];
            assert_eq!(app.post_form(&lin, "/leads/bulk/apply", &many).await.status, 422);
            let body = json!({ "disqualify_reason": if reason.is_empty() { json!(null) } else { json!(reason) } });
            let answer =
                app.api(&token, Method::PATCH, &format!("/api{path}"), &[("if-match", "*")], Some(&body)).await;
            let error = &answer.json()["errors"][0];
            assert_eq!(
                (answer.status.as_u16(), &error["field"], &error["code"]),
                (422, &json!("disqualify_reason"), &json!(key))
            );
            assert_eq!(said(app, lead).await, before, "{path}");
        }
        let told = [("name", "Odd"), ("status", "new"), ("disqualify_reason", "No need")];
        assert!(app.try_create("lead", &lin, &told).await.is_err());

        // The form has an input for the reason that waits for the status.
        let (shown, waiting) = ("<div class=\"field\">", "<div class=\"field when-asked\">");
        let input = "<label for=\"edit-disqualify_reason\">";
        for (lead, is_waiting) in [(open, true), (closed, false)] {
            let form = app.get(&lin, &format!("/leads/{lead}/edit")).await;
            assert_eq!(form.has(&format!("{waiting}{input}")), is_waiting, "{}", form.body);
            assert_eq!(form.has(&format!("{shown}{input}")), !is_waiting, "{}", form.body);
            assert_eq!(form.body.matches("class=\"asks\"").count(), 1, "{}", form.body);
        }
        let form = [("version", "1"), ("name", "Open"), ("status", "unqualified"), ("disqualify_reason", "")];
        let answer = app.post_form(&lin, &format!("/leads/{open}"), &form).await;
        assert_eq!(answer.status, 422);
        assert!(
            answer.has(&format!("{shown}{input}")) && answer.has("Say why the lead is not qualified"),
            "{}",
            answer.body
        );
        let form = [("version", "1"), ("status", "unqualified"), ("disqualify_reason", "No need")];
        assert_eq!(app.post_form(&lin, &format!("/leads/{open}"), &form).await.status, 303);
        assert_eq!(said(app, open).await, ("unqualified".into(), Some("No need".into())));
    });
}

#[test]
fn a_reason_and_a_status_that_two_people_change_at_once_are_not_overwritten_unseen() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        // Ben saw the old reason and leaves it; it goes with the status, and the history keeps the new one.
        let lead = unqualified(app, &pat, "One").await;
        app.try_update("lead", &pat, lead, None, &[("disqualify_reason", "No need")]).await.expect("Ana may");
        let form = [("version", "1"), ("status", "working"), ("disqualify_reason", "No budget")];
        assert_eq!(app.post_form(&pat, &format!("/leads/{lead}"), &form).await.status, 303);
        assert_eq!(said(app, lead).await, only("working"));
        // Ben changes the reason of a lead that Ana works again: he is told.
        let lead = unqualified(app, &pat, "Other").await;
        app.try_update("lead", &pat, lead, None, &[("status", "working")]).await.expect("Ana may");
        let form = [("version", "1"), ("status", "unqualified"), ("disqualify_reason", "Too small")];
        assert_eq!(app.post_form(&pat, &format!("/leads/{lead}"), &form).await.status, 409);
        assert_eq!(said(app, lead).await, only("working"));
    });
}
