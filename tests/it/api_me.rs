//! A person's own account through the API: profile, tokens, sign-ins; nobody else's. On both engines.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value as Json, json};
use store::sql;
use testkit::{Answer, Person, Role, TestApp, on_both};
use trivet::shell::viewer::hash_token;

async fn call(app: &TestApp, token: &str, method: Method, path: &str, if_match: &str, body: Option<Json>) -> Answer {
    let headers = [("if-match", if_match)];
    let headers = if if_match.is_empty() { &[][..] } else { &headers[..] };
    app.api(token, method, path, headers, body.as_ref()).await
}

async fn get(app: &TestApp, token: &str, path: &str) -> Answer {
    let answer = call(app, token, Method::GET, path, "", None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer
}

/// The status, and the first field at fault with its code.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let error = answer.json()["errors"][0].clone();
    let told = |member: &str| error[member].as_str().unwrap_or("").to_owned();
    (answer.status.as_u16(), told("field"), told("code"))
}

async fn reader(app: &TestApp, person: &Person) -> String {
    let token = app.api_token(person).await;
    app.execute(sql!("UPDATE api_token SET scopes = 'read' WHERE token_hash = $1", hash_token(&token))).await;
    token
}

async fn told(app: &TestApp, person: &Person, kind: &str) -> i64 {
    const TOLD: &str = "SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = $2 AND via = 'api'";
    app.value(sql!(TOLD, person.id, kind)).await.expect("a number")
}

#[test]
fn a_program_reads_and_sets_what_its_person_sets_on_the_page() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let before = get(app, &token, "/api/me").await;
        let me = before.json();
        assert_eq!(me["id"], json!(lin.id));
        assert_eq!(
            (&me["name"], &me["email"], &me["roles"]),
            (&json!("Lin Yan"), &json!(lin.email), &json!(["seller"]))
        );
        assert_eq!((&me["theme"], &me["density"], &me["shortcuts"]), (&json!("auto"), &json!("normal"), &json!(true)));
        let tag = before.header("etag").expect("a tag").to_owned();

        let patch =
            async |if_match: &str, body: Json| call(app, &token, Method::PATCH, "/api/me", if_match, Some(body)).await;
        assert_eq!(patch("", json!({ "density": "compact" })).await.status, 428);
        let wish = json!({ "name": "Lin Yan-Xu", "locale": "zh-CN", "theme": "dark", "density": "compact", "shortcuts": false });
        let changed = patch(&tag, wish.clone()).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        for (member, value) in wish.as_object().expect("members") {
            assert_eq!(&changed.json()[member], value, "{member}");
        }
        assert_eq!(changed.json()["version"].as_i64(), me["version"].as_i64().map(|version| version + 1));
        // The page speaks Chinese now, and shows the name by which colleagues find her.
        let page = app.get(&lin, "/me").await;
        assert!(page.has("<html lang=\"zh-CN\"") && page.has("Lin Yan-Xu"), "{}", page.body);
        assert_eq!(told(app, &lin, "updated").await, 1);
        // On a version that has passed nothing is set; without a wish for it, nothing else changes.
        assert_eq!(patch(&tag, json!({ "theme": "light" })).await.status, 412);
        let theme = patch("*", json!({ "theme": "light" })).await.json();
        assert_eq!(
            (&theme["theme"], &theme["density"], &theme["locale"]),
            (&json!("light"), &json!("compact"), &json!("zh-CN"))
        );
        // What the switch in the frame sets is told, and has a version of its own.
        app.post_form(&lin, "/me/theme", &[("theme", "dark")]).await;
        let now = get(app, &token, "/api/me").await.json();
        assert_eq!(
            (&now["theme"], now["version"].as_i64()),
            (&json!("dark"), theme["version"].as_i64().map(|v| v + 1))
        );

        let wrong = [
            (json!({ "theme": "pink" }), 400, "theme", "invalid-choice"),
            (json!({ "locale": "fr" }), 400, "locale", "invalid-choice"),
            (json!({ "density": 1 }), 400, "density", "invalid-json-type"),
            (json!({ "shortcuts": "yes" }), 400, "shortcuts", "invalid-json-type"),
            (json!({ "name": "x".repeat(201) }), 400, "name", "invalid-too-long"),
            (json!({ "name": " " }), 422, "name", "invalid-required"),
            (json!({ "roles": ["admin"] }), 400, "roles", "invalid-read-only"),
            (json!({ "password": "a long enough secret" }), 400, "password", "invalid-unknown-field"),
        ];
        for (body, status, field, code) in wrong {
            let answer = patch("*", body.clone()).await;
            assert_eq!(refusal(&answer), (status, field.to_owned(), code.to_owned()), "{body}");
        }
        assert_eq!(get(app, &token, "/api/me").await.json(), now);

        let reads = reader(app, &lin).await;
        assert_eq!(get(app, &reads, "/api/me").await.json(), now);
        let refused = call(app, &reads, Method::PATCH, "/api/me", "*", Some(json!({ "theme": "auto" }))).await;
        assert_eq!(refused.status, 403);
        assert_eq!(call(app, "nobody", Method::GET, "/api/me", "", None).await.status, 401);
    });
}

#[test]
fn a_program_lists_and_revokes_tokens_of_its_person_only() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let boss = app.person("Chen Wei").role(Role::Partner).create().await;
        let (first, others) = (app.api_token(&lin).await, app.api_token(&boss).await);
        app.clock.advance(60);
        let reads = reader(app, &lin).await;
        let listed = get(app, &first, "/api/me/tokens").await;
        let tokens = listed.json()["data"].clone();
        let current: Vec<_> = tokens.as_array().expect("a list").iter().map(|token| token["current"].clone()).collect();
        assert_eq!(current, [json!(false), json!(true)], "the newest first: {tokens}");
        assert_eq!((&tokens[0]["scopes"], &tokens[1]["scopes"]), (&json!(["read"]), &json!(["read", "write"])));
        assert_eq!(
            (&tokens[0]["name"], &tokens[0]["used_at"], &tokens[0]["expires_at"]),
            (&json!("test"), &Json::Null, &Json::Null)
        );
        assert!(tokens[0]["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "{tokens}");
        assert!(!listed.has(&hash_token(&first)) && !listed.has(&first), "{}", listed.body);

        let of = |list: &Json, at: usize| format!("/api/me/tokens/{}", list[at]["id"].as_str().expect("an id"));
        let revoke = async |by: &str, path: &str| call(app, by, Method::DELETE, path, "", None).await.status.as_u16();
        let theirs = get(app, &others, "/api/me/tokens").await.json()["data"].clone();
        assert_eq!(revoke(&first, &of(&theirs, 0)).await, 404);
        assert_eq!(revoke(&reads, &of(&tokens, 1)).await, 403);
        get(app, &others, "/api/me").await;
        assert_eq!((revoke(&first, &of(&tokens, 0)).await, revoke(&first, &of(&tokens, 0)).await), (204, 404));
        assert_eq!(call(app, &reads, Method::GET, "/api/me", "", None).await.status, 401);
        assert_eq!(told(app, &lin, "token_revoked").await, 1);
        // Also the one that the call comes with.
        assert_eq!(revoke(&first, &of(&tokens, 1)).await, 204);
        assert_eq!(call(app, &first, Method::GET, "/api/me", "", None).await.status, 401);
        // None is made here.
        assert_eq!(
            call(app, &others, Method::POST, "/api/me/tokens", "", Some(json!({ "name": "more" }))).await.status,
            405
        );
    });
}

#[test]
fn a_program_lists_and_ends_sessions_of_its_person_only() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let boss = app.person("Chen Wei").role(Role::Partner).create().await;
        let (token, others) = (app.api_token(&lin).await, app.api_token(&boss).await);
        app.clock.advance(60);
        let phone = app.sign_in(&lin.email).await;
        let listed = get(app, &token, "/api/me/sessions").await.json()["data"].clone();
        assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
        assert_eq!((&listed[0]["device"], &listed[0]["current"]), (&Json::Null, &json!(false)));
        assert!(listed[0]["expires_at"].as_str() > listed[0]["created_at"].as_str(), "{listed}");
        // Who calls from a browser is in one of them.
        let cookie = [("cookie", phone.cookie.as_str())];
        let own = app.request(Method::GET, "/api/me/sessions", &cookie, Body::empty()).await.json()["data"].clone();
        assert_eq!((&own[0]["current"], &own[1]["current"]), (&json!(true), &json!(false)));

        let of = |list: &Json, at: usize| format!("/api/me/sessions/{}", list[at]["id"].as_str().expect("an id"));
        let end = async |by: &str, path: &str| call(app, by, Method::DELETE, path, "", None).await.status.as_u16();
        let reads = reader(app, &lin).await;
        assert_eq!(end(&others, &of(&listed, 0)).await, 404);
        assert_eq!(end(&reads, &of(&listed, 0)).await, 403);
        assert_eq!(app.get(&phone, "/me").await.status, 200);
        assert_eq!((end(&token, &of(&listed, 0)).await, end(&token, &of(&listed, 0)).await), (204, 404));
        assert_eq!(app.get(&phone, "/me").await.status, 303);
        assert_eq!(app.get(&lin, "/me").await.status, 200);
        assert_eq!(told(app, &lin, "sessions_ended").await, 1);
    });
}
