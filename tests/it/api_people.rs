//! Roles, reporting line, invitation and disabling of people through the API: the rules of the page. On both engines.

use clap::Parser;
use serde_json::{Value as Json, json};
use store::sql;
use testkit::database::PASSWORD;
use testkit::{Role, TestApp, on_both};
use trivet::shell::error::Error;
use trivet::system::people::command_line::{UserCommand, run};

use crate::company::Company;

#[test]
fn administrators_change_roles_and_lines_on_the_version_they_saw() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").create().await;
        let at = |what: &str| format!("/api/people/{}/{what}", lin.id);
        let roles = json!({ "roles": ["manager", "seller"] });
        assert_eq!(company.call("partner", "PUT", &at("roles"), roles.clone(), &[("if-match", "*")]).await.status, 404);
        assert_eq!(company.call("admin", "PUT", &at("roles"), roles.clone(), &[]).await.status, 428);
        let unknown = json!({ "roles": ["seller"], "state": "disabled" });
        assert_eq!(company.call("admin", "PUT", &at("roles"), unknown, &[("if-match", "*")]).await.status, 400);
        let wrong =
            company.call("admin", "PUT", &at("roles"), json!({ "roles": ["king"] }), &[("if-match", "*")]).await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (400, &json!("roles")));
        let tag = company.get("admin", &format!("/api/people/{}", lin.id)).await.header("etag").to_owned();
        let done = company.call("admin", "PUT", &at("roles"), roles, &[("if-match", &tag)]).await;
        assert_eq!(done.status, 200, "{}", done.body);
        // The same part again on the version from before: somebody was quicker.
        let stale = company.call("admin", "PUT", &at("roles"), json!({ "roles": ["hr"] }), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        let line = json!({ "manager": boss.id, "from": "2026-11-01" });
        let done = company.call("admin", "PUT", &at("manager"), line, &[("if-match", "*")]).await;
        assert_eq!(done.status, 200, "{}", done.body);
        // What is no date does not have the shape; the year of one is a rule that no schema says.
        for (from, status) in [("tomorrow", 400), ("0807-06-18", 422)] {
            let line = json!({ "manager": null, "from": from });
            let wrong = company.call("admin", "PUT", &at("manager"), line, &[("if-match", "*")]).await;
            assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (status, &json!("from")));
        }
        let held =
            sql!("SELECT COUNT(*) FROM reporting_line WHERE person_id = $1 AND manager_id = $2", lin.id, boss.id);
        assert_eq!(app.value::<i64>(held).await, Some(1));
        // The last administrator stays one.
        let me = format!("/api/people/{}/roles", app.administrator.id);
        let last = company.call("admin", "PUT", &me, json!({ "roles": ["seller"] }), &[("if-match", "*")]).await;
        assert_eq!(last.status, 422, "{}", last.body);
        let me = format!("/api/people/{}/disabling", app.administrator.id);
        assert_eq!(company.post("admin", &me, json!({})).await.status, 422);
    });
}

#[test]
fn a_password_is_hashed_before_others_have_to_wait() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let bob = |password: &str| json!({ "name": "Bob", "email": "bob@trivet.test", "roles": "seller", "password": password });
        // That it is too short is told while somebody else writes.
        let busy = app.db.write().await.expect("the database can be written");
        let short = company.post("admin", "/api/people", bob("short")).await;
        assert_eq!((short.status, &short.body["errors"][0]["field"]), (422, &json!("password")), "{}", short.body);
        drop(busy);
        let made = company.post("admin", "/api/people", bob(PASSWORD)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(app.sign_in("bob@trivet.test").await.name, "Bob");
        // There is no way past it.
        let fields = [("name", "Eve"), ("email", "eve@trivet.test"), ("password", PASSWORD)];
        let skipped = app.try_create("person", &app.administrator, &fields).await;
        assert!(matches!(skipped, Err(Error::Internal(_))), "{skipped:?}");
    });
}

#[test]
fn who_is_disabled_is_out_at_once_and_an_invitation_is_told_once() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let lin = app.person("Lin Yan").create().await;
        let token = app.api_token(&lin).await;
        let at = |what: &str| format!("/api/people/{}/{what}", lin.id);
        let key = [("idempotency-key", "out-1")];
        let out = company.call("admin", "POST", &at("disabling"), json!({}), &key).await;
        assert_eq!(out.status, 200, "{}", out.body);
        let again = company.call("admin", "POST", &at("disabling"), json!({}), &key).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (200, "true"));
        let refused = app.api(&token, axum::http::Method::GET, "/api/accounts", &[], None).await;
        assert_eq!(refused.status, 401);
        assert_eq!(company.post("admin", &at("invitation"), Json::Null).await.status, 422);
        assert_eq!(company.post("admin", &at("enabling"), Json::Null).await.status, 200);
        let key = [("idempotency-key", "in-1")];
        let link = company.call("admin", "POST", &at("invitation"), Json::Null, &key).await;
        assert!(link.body["path"].as_str().is_some_and(|path| path.starts_with("/invitations/")), "{}", link.body);
        let again = company.call("admin", "POST", &at("invitation"), Json::Null, &key).await;
        assert_eq!((again.status, &again.body["path"]), (200, &Json::Null));
        assert_eq!(company.post("seller", &at("disabling"), json!({})).await.status, 404);
        let told =
            sql!("SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'disabled' AND via = 'api'", lin.id);
        assert_eq!(app.value::<i64>(told).await, Some(1));
    });
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: UserCommand,
}

#[test]
fn a_token_from_the_command_line_is_known_by_its_prefix_and_written_down() {
    on_both(async |app: &TestApp| {
        let lin = app.person("Lin Yan").create().await;
        let line = Line::parse_from(["user", "token", lin.email.as_str()]);
        let token = run(app, line.command).await.expect("a token");
        assert!(token.starts_with("trivet_"), "{token}");
        let answer = app.api(&token, axum::http::Method::GET, "/api/accounts", &[], None).await;
        assert_eq!(answer.status, 200);
        let told =
            sql!("SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'token_created' AND via = 'cli'", lin.id);
        assert_eq!(app.value::<i64>(told).await, Some(1));
    });
}

#[test]
fn a_person_is_invited_by_the_first_link_and_a_form_that_arrives_again_makes_no_second() {
    on_both(async |app: &TestApp| {
        let admin = app.person("Ada").role(Role::Admin).create().await;
        let lin = app.person("Lin Yan").create().await;
        app.execute(sql!("UPDATE person SET state = 'invited', password_hash = NULL WHERE id = $1", lin.id)).await;
        let (page, invitation) = (format!("/people/{}", lin.id), format!("/people/{}/invitation", lin.id));
        let links = async || {
            let made = sql!("SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'invited'", lin.id);
            app.value::<i64>(made).await
        };
        for path in [page.as_str(), "/people"] {
            let before = app.get(&admin, path).await;
            assert!(before.has(">Not invited yet</span>"), "{path}: {}", before.body);
            assert!(before.statements <= if path == "/people" { 8 } else { 12 }, "{path}: {}", before.statements);
        }
        let form = [("links", "0")];
        let made = app.post_form(&admin, &invitation, &form).await;
        assert!(made.status == 200 && made.has("/invitations/"), "{}", made.body);
        for path in [page.as_str(), "/people"] {
            let after = app.get(&admin, path).await;
            assert!(after.has(">Invited</span>") && !after.has("Not invited yet"), "{path}: {}", after.body);
        }
        let again = app.post_form(&admin, &invitation, &form).await;
        assert_eq!((again.status.as_u16(), again.location(), links().await), (303, page.as_str(), Some(1)));
        // The page that shows the link has the form for the next one.
        assert!(made.has("name=\"links\" value=\"1\""), "{}", made.body);
        assert_eq!(app.post_form(&admin, &invitation, &[("links", "1")]).await.status, 200);
        assert_eq!(links().await, Some(2));
    });
}
