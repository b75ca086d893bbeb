//! What hangs on a record: its stage and evidence, the people of a deal and of an account, shares.

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{Answer, TestApp, on_both};

use super::company::Company;

#[test]
fn a_deal_is_moved_by_one_and_evidence_is_not_written_over() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let deal = company.make(app, "opportunity", &[]).await;
        let path = format!("/opportunities/{deal}/stage");
        let (engaging, proposal) = (app.stage("Engaging").await.to_string(), app.stage("Proposal").await.to_string());
        let fields = |stage| [("version", "1"), ("stage", stage), ("reason", "because")];
        let ana = app.post_form(&company.editors[0], &path, &fields(engaging.as_str())).await;
        assert_eq!(ana.status, 303, "{}", ana.body);
        let ben = app.post_form(&company.editors[1], &path, &fields(proposal.as_str())).await;
        assert_eq!(ben.status, 409, "{}", ben.body);
        let stands: Option<Uuid> = app.value(sql!("SELECT stage_id FROM opportunity WHERE id = $1", deal)).await;
        assert_eq!(stands.map(|id| id.to_string()), Some(engaging));

        let criterion = app.criterion().await;
        let path = format!("/opportunities/{deal}/evidence/{criterion}");
        let form = async |editor: usize| app.get(&company.editors[editor], &path).await.version();
        let seen = form(0).await;
        let ana = app.post_form(&company.editors[0], &path, &[("note", "They wrote so"), ("version", &seen)]).await;
        assert_eq!(ana.status, 303, "{}", ana.body);
        let ben = app.post_form(&company.editors[1], &path, &[("note", "They said so"), ("version", &seen)]).await;
        assert_eq!(ben.status, 409);
        assert!(ben.has("They wrote so") && ben.has("They said so"), "{}", ben.body);
        let again = [("note", "They said so"), ("version", &ben.version())];
        let again = app.post_form(&company.editors[1], &path, &again).await;
        assert_eq!(again.status, 303, "{}", again.body);

        // A move writes over a note as little: who gives another one is told of it first.
        let noted = async || {
            let note =
                sql!("SELECT note FROM evidence WHERE opportunity_id = $1 AND criterion_id = $2", deal, criterion);
            app.value::<String>(note).await.expect("a note")
        };
        let (key, path) = (format!("evidence.{criterion}"), format!("/opportunities/{deal}/stage"));
        let body = json!({ "stage": proposal, "reason": "because", "evidence": { criterion.to_string(): "By mail" } });
        let (token, api) = (&company.tokens[0], format!("/api{path}"));
        let refused = app.api(token, Method::POST, &api, &[("if-match", "*")], Some(&body)).await;
        assert_eq!(refused.status, 409, "{}", refused.body);
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["field"], &error["theirs"]), (&json!(key), &json!("They said so")));
        let wish = [("stage", proposal.as_str()), ("reason", "because"), ("asked", "1"), (&key, "By mail")];
        let refused = app.post_form(&company.editors[0], &path, &wish).await;
        assert_eq!((refused.status.as_u16(), noted().await.as_str()), (409, "They said so"));
        assert!(refused.has("They said so") && refused.has("By mail"), "{}", refused.body);
        let (replaced, rest) = (format!("replaced.{criterion}"), refused.body.split_once("name=\"replaced."));
        let version = rest.and_then(|(_, rest)| rest.split('"').nth(2)).expect("the version of the note");
        let again = [&wish[..], &[(replaced.as_str(), version)]].concat();
        let again = app.post_form(&company.editors[0], &path, &again).await;
        assert_eq!((again.status.as_u16(), noted().await.as_str()), (303, "By mail"), "{}", again.body);
    });
}

/// A place in which something hangs on a record, once for each of what it is about.
struct Place {
    api: String,
    /// The page with the form, and where that is sent.
    form: String,
    post: String,
    /// What the form says beside the value.
    about: Option<(&'static str, String)>,
    key: &'static str,
    values: [&'static str; 2],
}

async fn places(app: &TestApp, company: &Company) -> Vec<Place> {
    let deal = company.make(app, "opportunity", &[]).await;
    let account = company.make(app, "account", &[]).await;
    let (contact, person) = (company.targets["contact"][0], company.targets["person"][2]);
    let criterion = app.criterion().await;
    let note = format!("/opportunities/{deal}/evidence/{criterion}");
    let among = |at: String, of: &'static str, id: Uuid, key, values| Place {
        api: format!("/api{at}/{id}"),
        form: format!("{at}/new?{of}={id}"),
        post: at,
        about: Some((of, id.to_string())),
        key,
        values,
    };
    vec![
        among(format!("/opportunities/{deal}/committee"), "contact", contact, "buying_role", ["champion", "blocker"]),
        among(format!("/accounts/{account}/team"), "person", person, "duty", ["Service", "Pre-sales"]),
        among(format!("/accounts/{account}/shares"), "person", person, "may_write", ["true", "false"]),
        among(format!("/opportunities/{deal}/shares"), "person", person, "may_write", ["true", "false"]),
        Place {
            api: format!("/api{note}"),
            form: note.clone(),
            post: note,
            about: None,
            key: "note",
            values: ["They wrote so", "They said so"],
        },
    ]
}

#[test]
fn what_hangs_on_a_record_is_not_written_over_unseen() {
    on_both(async |app| {
        let company = Company::new(app).await;
        for Place { api, form, post, about, key, values: [one, other] } in places(app, &company).await {
            let put = async |editor: usize, headers: &[(&str, &str)], value: &str| {
                let value = if key == "may_write" { json!(value == "true") } else { json!(value) };
                app.api(&company.tokens[editor], Method::PUT, &api, headers, Some(&json!({ key: value }))).await
            };
            let tag = |answer: &Answer| answer.header("etag").expect("an ETag").to_owned();
            let save = async |editor: usize, version: &str, value: &str| {
                let mut fields = vec![("version", version), (key, value)];
                fields.extend(about.iter().map(|(of, id)| (*of, id.as_str())));
                app.post_form(&company.editors[editor], &post, &fields).await
            };
            // Both have seen that there is nothing.
            let empty = app.get(&company.editors[0], &form).await.version();
            assert_eq!(empty, "", "{api}");
            let made = put(0, &[("if-none-match", "*")], one).await;
            assert_eq!(made.status, 200, "{api}: {}", made.body);
            assert_eq!(put(1, &[], other).await.status, 428, "{api}");
            assert_eq!(put(1, &[("if-none-match", "*")], other).await.status, 412, "{api}");
            assert_eq!(save(1, &empty, other).await.status, 409, "{api}");
            // What stands already is no change of anybody's.
            assert_eq!(tag(&put(1, &[], one).await), tag(&made), "{api}");
            // Both have the same before them.
            let (seen, first) = (app.get(&company.editors[0], &form).await.version(), tag(&made));
            let changed = put(1, &[("if-match", &first)], other).await;
            assert_eq!(changed.status, 200, "{api}: {}", changed.body);
            assert_eq!(put(0, &[("if-match", &first)], one).await.status, 412, "{api}");
            let told = save(0, &seen, one).await;
            assert_eq!(told.status, 409, "{api}: {}", told.body);
            assert_eq!(tag(&put(1, &[], other).await), tag(&changed), "{api}: it stands");
            // Sent back for something else, a form is as old as it was.
            if let (Some((of, id)), false) = (&about, key == "may_write") {
                let long = "x".repeat(99);
                let fields = [("version", seen.as_str()), (key, long.as_str()), (*of, id.as_str())];
                let back = app.post_form(&company.editors[0], &post, &fields).await;
                assert_eq!((back.status.as_u16(), back.version()), (422, seen.clone()), "{api}: {}", back.body);
            }
            // Who was told replaces what they were told of.
            let replaced = save(0, &told.version(), one).await;
            assert_eq!(replaced.status, 303, "{api}: {}", replaced.body);
            let last = tag(&put(0, &[], one).await);
            let take = async |tag: &str| {
                app.api(&company.tokens[1], Method::DELETE, &api, &[("if-match", tag)], None).await.status.as_u16()
            };
            assert_eq!([take(&first).await, take(&last).await, take("*").await], [412, 204, 404], "{api}");
            assert_eq!(put(1, &[("if-match", &last)], other).await.status, 412, "{api}: it is gone");
            // What hangs there anew is something else, and who had the form of the one before them is told.
            app.clock.advance(1);
            let anew = put(0, &[], one).await;
            assert_eq!(anew.status, 200, "{api}: {}", anew.body);
            for stale in [&first, &last] {
                assert_eq!(put(1, &[("if-match", stale)], other).await.status, 412, "{api}");
            }
            assert_eq!(save(1, &seen, other).await.status, 409, "{api}");
        }
    });
}
