//! The team of an account: who is put on it sees and changes the account, until they are taken off. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use testkit::{Role, on_both};

#[test]
fn a_colleague_works_on_an_account_while_they_are_on_its_team() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let path = format!("/accounts/{account}");
        let who = wu.id.to_string();
        let joins = [("person", who.as_str()), ("duty", "Pre-sales")];
        assert_eq!(app.get(&wu, &path).await.status, 404);
        assert_eq!(app.post_form(&wu, &format!("{path}/team"), &joins).await.status, 404, "not by oneself");
        let form = app.get(&lin, &format!("{path}/team/new")).await;
        assert!(form.status == 200 && form.has("Wu Di") && form.has("name=\"duty\""), "{}", form.body);
        // The seller's manager has the account within reach.
        let answer = app.post_form(&boss, &format!("{path}/team"), &joins).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, path.as_str()), "{}", answer.body);
        let page = app.get(&lin, &path).await;
        assert!(page.has("put on the account team: Wu Di") && page.has("Pre-sales"), "{}", page.body);
        assert!(page.has(&format!("{path}/team/{who}/removal")));
        for tab in ["timeline", "details", "related", "files"] {
            let page = app.get(&lin, &format!("{path}?tab={tab}")).await;
            assert!(page.statements <= 12, "{tab}: {} statements", page.statements);
        }
        // On the team: to see and to change, not to pass on.
        let page = app.get(&wu, &path).await;
        assert!(page.has("Pre-sales") && page.has(&format!("{path}/edit")) && !page.has("/team/new"), "{}", page.body);
        assert!(!page.has("/removal"), "{}", page.body);
        app.try_update("account", &wu, account, None, &[("city", "Shanghai")]).await.expect("they are on the team");
        assert_eq!(app.get(&wu, &format!("{path}/team/new")).await.status, 403);
        let passed_on = [("person", boss.id.to_string())];
        let passed_on: Vec<(&str, &str)> = passed_on.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(app.post_form(&wu, &format!("{path}/team"), &passed_on).await.status, 403);
        // Said again, it is no news; with another duty it is.
        let events = async || app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind LIKE 'team%'").await;
        app.post_form(&lin, &format!("{path}/team"), &joins).await;
        assert_eq!(events().await, Some(1));
        let form = app.get(&lin, &format!("{path}/team/new?person={who}")).await;
        assert!(form.has("Change what Wu Di does") && form.has("value=\"Pre-sales\""), "{}", form.body);
        let fields = [("person", who.as_str()), ("duty", "Service"), ("version", &form.version())];
        app.post_form(&lin, &format!("{path}/team"), &fields).await;
        assert_eq!(events().await, Some(2));
        assert!(app.get(&lin, &path).await.has("Service"));
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM account_team").await, Some(1));

        assert_eq!(app.post_form(&lin, &format!("{path}/team/{who}/removal"), &[]).await.status, 303);
        assert_eq!(app.get(&wu, &path).await.status, 404);
        assert!(app.get(&lin, &path).await.has("took off the account team: Wu Di"));
        assert_eq!(app.post_form(&lin, &format!("{path}/team/{who}/removal"), &[]).await.status, 404, "they are off");
    });
}

#[test]
fn what_is_wrong_about_a_new_member_is_said_at_its_place() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let path = format!("/accounts/{account}/team");
        let answer = app.post_form(&lin, &path, &[("person", ""), ("duty", "Service")]).await;
        assert!(answer.status == 422 && answer.has("team-person-error") && answer.has("Service"), "{}", answer.body);
        let (who, long) = (wu.id.to_string(), "s".repeat(61));
        let answer = app.post_form(&lin, &path, &[("person", &who), ("duty", &long)]).await;
        assert!(answer.status == 422 && answer.has("team-duty-error"), "{}", answer.body);
        app.execute(store::sql!("UPDATE person SET state = 'disabled' WHERE id = $1", wu.id)).await;
        assert_eq!(app.post_form(&lin, &path, &[("person", &who)]).await.status, 422);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM account_team").await, Some(0));
    });
}

#[test]
fn the_team_in_the_api() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let (mine, theirs) = (app.api_token(&lin).await, app.api_token(&wu).await);
        let all = format!("/api/accounts/{account}/team");
        let one = format!("{all}/{}", wu.id);
        let call = async |token: &str, method: Method, path: &str, body: Option<Json>| {
            app.api(token, method, path, &[], body.as_ref()).await
        };
        assert_eq!(call(&theirs, Method::GET, &all, None).await.status, 404);
        assert_eq!(call(&theirs, Method::PUT, &one, Some(json!({}))).await.status, 404);
        let answer = call(&mine, Method::PUT, &one, Some(json!({ "duty": "Service" }))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let version = answer.json()["version"].clone();
        let member = json!({ "person": wu.id, "person_label": "Wu Di", "duty": "Service", "version": version });
        assert_eq!(answer.json(), member);
        assert!(answer.header("etag").is_some_and(|tag| tag.starts_with(&format!("\"{version}-"))));
        assert_eq!(call(&theirs, Method::GET, &all, None).await.json(), json!({ "data": [member] }));
        assert_eq!(call(&theirs, Method::DELETE, &one, None).await.status, 403);
        let answer = call(&mine, Method::PUT, &one, Some(json!({ "duty": "x".repeat(61) }))).await;
        assert!(answer.status.is_client_error(), "{}", answer.status);
        assert_eq!(call(&mine, Method::DELETE, &one, None).await.status, 204);
        assert_eq!(call(&mine, Method::DELETE, &one, None).await.status, 404);
    });
}
