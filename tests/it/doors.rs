//! What a stranger meets at the door, and where a link may lead.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;
use store::{Clock, sql};
use testkit::database::PASSWORD;
use testkit::{Engine, Person, Role, TestApp, form, on, on_both};
use trivet::shell::limit::Limits;
use trivet::shell::page::own_path;

async fn sign_in(app: &TestApp, email: &str) -> StatusCode {
    let form = form(&[("email", email), ("password", "not the password")]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
    app.request(Method::POST, "/sign-in", &headers, form).await.status
}

#[test]
fn guessing_passwords_is_slowed_down_and_a_huge_address_is_nobodys() {
    on_both(async |app| {
        app.person("Lin Yan").create().await;
        for _ in 0..10 {
            assert_eq!(sign_in(app, "lin.yan@trivet.test").await, StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(sign_in(app, "lin.yan@trivet.test").await, StatusCode::TOO_MANY_REQUESTS);
        // Made-up addresses of any length share one place in the memory of the limit.
        for length in 0..10 {
            assert_eq!(sign_in(app, &"x".repeat(100_000 + length)).await, StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(sign_in(app, &"y".repeat(200_000)).await, StatusCode::TOO_MANY_REQUESTS);
    });
}

/// Tries a password by the proxy that operations.md describes: it says last for whom it speaks.
async fn sign_in_for(app: &TestApp, forwarded: &str, email: &str, password: &str) -> u16 {
    let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", forwarded)];
    let proxy = Some("127.0.0.1:4000".parse().expect("an address"));
    let form = form(&[("email", email), ("password", password)]);
    app.request_from(proxy, Method::POST, "/sign-in", &headers, form).await.status.as_u16()
}

#[test]
fn who_guesses_a_password_keeps_nobody_out_who_comes_from_elsewhere() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await.email;
        for _ in 0..10 {
            assert_eq!(sign_in_for(app, "203.0.113.7", &lin, "not the password").await, 422);
        }
        assert_eq!(sign_in_for(app, "203.0.113.7", &lin, PASSWORD).await, 429);
        // What stands before the proxy's own word, the guesser has written.
        assert_eq!(sign_in_for(app, "198.51.100.2, 203.0.113.7", &lin, PASSWORD).await, 429);
        assert_eq!(sign_in_for(app, "198.51.100.2", &lin, PASSWORD).await, 303);
        // Who comes without a proxy is who they are, whatever they say.
        let peer = Some("203.0.113.8:4000".parse().expect("an address"));
        let mut last = 0;
        for number in 0..11 {
            let forwarded = format!("198.51.100.{number}");
            let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", forwarded.as_str())];
            let form = form(&[("email", lin.as_str()), ("password", "not the password")]);
            last = app.request_from(peer, Method::POST, "/sign-in", &headers, form).await.status.as_u16();
        }
        assert_eq!(last, 429);
    });
}

// The limits are in the memory of the server, whatever the engine.
#[test]
fn neither_many_addresses_nor_many_people_are_a_way_around_the_limit_of_tries() {
    on(Engine::Sqlite, async |app| {
        let lin = app.person("Lin Yan").create().await.email;
        let mut tried = 0;
        for address in 0..12 {
            for _ in 0..10 {
                let status = sign_in_for(app, &format!("192.0.2.{address}"), &lin, "not the password").await;
                tried += i32::from(status == 422);
            }
        }
        assert_eq!(tried, 100, "so often a minute one person can be tried, from wherever");
        tried = 0;
        for person in 0..125 {
            let email = format!("person{person}@trivet.test");
            tried += i32::from(sign_in_for(app, "203.0.113.7", &email, "Password1!").await == 422);
        }
        assert_eq!(tried, 120, "so often a minute one address can try, whomever");
        assert_eq!(sign_in_for(app, "203.0.113.8", "person1@trivet.test", "Password1!").await, 422);
    });
}

#[test]
fn calls_of_the_api_without_a_sign_in_are_counted_by_where_they_come_from() {
    on_both(async |app| {
        let call = async |forwarded: &str| {
            let proxy = Some("127.0.0.1:4000".parse().expect("an address"));
            let headers = [("x-forwarded-for", forwarded)];
            app.request_from(proxy, Method::GET, "/api/accounts", &headers, Body::empty()).await.status.as_u16()
        };
        let mut answers = Vec::new();
        for _ in 0..121 {
            answers.push(call("203.0.113.7").await);
        }
        assert_eq!((answers[119], answers[120]), (401, 429));
        assert_eq!(call("198.51.100.2").await, 401);
    });
}

#[test]
fn a_token_opens_the_api_and_no_page() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Partner).role(Role::Admin).create().await;
        let bearer = format!("Bearer {}", app.api_token(&boss).await);
        let headers = [("authorization", bearer.as_str())];
        let get = async |path: &str| app.request(Method::GET, path, &headers, Body::empty()).await;
        for path in ["/api/accounts", "/api/accounts/export", "/api/settings/organization"] {
            assert_eq!(get(path).await.status, 200, "{path}");
        }
        for open in ["/health", "/api", "/api/openapi.json"] {
            assert_eq!(get(open).await.status, 200, "{open}");
        }
        for page in ["/", "/me", "/accounts", "/accounts.csv", "/settings", "/settings/organization"] {
            let answer = get(page).await;
            assert_eq!((answer.status.as_u16(), answer.location().starts_with("/sign-in")), (303, true), "{page}");
        }
        // Least of all the one on which a token that runs out would make one that does not.
        let wish = [("token-name", "For ever"), ("scopes", "read write"), ("expires", "")];
        let made = app.request(Method::POST, "/me/tokens", &headers, form(&wish)).await;
        assert_eq!((made.status.as_u16(), made.location().starts_with("/sign-in")), (303, true), "{}", made.body);
        let tokens = "SELECT COUNT(*) FROM api_token";
        assert_eq!(app.value::<i64>(tokens).await, Some(1));
        // At a page the header of a proxy that asks for a password says neither who looks nor that a form is ours.
        let at_proxy = |from: &'static str| {
            [("cookie", boss.cookie.as_str()), ("authorization", "Basic Ym9zczpi"), ("sec-fetch-site", from)]
        };
        let foreign = app.request(Method::POST, "/me/tokens", &at_proxy("cross-site"), form(&wish)).await;
        assert_eq!((foreign.status.as_u16(), app.value::<i64>(tokens).await), (403, Some(1)));
        let own = app.request(Method::POST, "/me/tokens", &at_proxy("same-origin"), form(&wish)).await;
        assert_eq!((own.status.as_u16(), app.value::<i64>(tokens).await), (200, Some(2)), "{}", own.body);
    });
}

#[test]
fn a_token_writes_if_it_may_and_until_it_is_over() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let write = async || {
            let body = json!({ "name": "Harbour" });
            app.api(&token, Method::POST, "/api/accounts", &[], Some(&body)).await.status.as_u16()
        };
        assert_eq!(write().await, 201);
        app.execute("UPDATE api_token SET scopes = 'read'").await;
        assert_eq!(write().await, 403);
        app.execute(sql!("UPDATE api_token SET scopes = 'read write', expires_at = $1", app.clock.now())).await;
        assert_eq!(write().await, 401);
    });
}

#[test]
fn made_up_keys_do_not_fill_the_memory_of_the_limits() {
    let (limits, now) = (Limits::default(), Clock::system().now());
    let refused = (0..200_000).filter(|key| limits.take(format!("key {key}"), 10.0, now).is_err()).count();
    assert_eq!(refused, 100_000);
    assert!(limits.take("key 1".into(), 10.0, now).is_ok(), "whoever is known already goes on");
    assert!(limits.take("another".into(), 10.0, now).is_err());
    assert!(limits.take("another".into(), 10.0, now.plus_seconds(61)).is_ok(), "a minute later all is forgotten");
}

#[test]
fn only_a_path_of_our_own_is_a_place_to_go_back_to() {
    for own in ["/", "/accounts?q=a&f=state%3Ais%3Aopen", "/accounts/1#notes"] {
        assert_eq!(own_path(own), Some(own));
    }
    for other in
        ["", "accounts", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nx: y", "/云帆", "/a b"]
    {
        assert_eq!(own_path(other), None, "{other:?}");
    }
}

#[test]
fn a_form_that_was_opened_by_a_foreign_link_does_not_lead_out_of_the_house() {
    on_both(async |app| {
        let lin: Person = app.person("Lin Yan").role(Role::Seller).create().await;
        for (name, back) in [("One", "/\\evil.example"), ("Two", "//evil.example"), ("Three", "/云帆")] {
            let answer = app.post_form(&lin, "/accounts", &[("name", name), ("back", back)]).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
            assert!(answer.location().starts_with("/accounts/"), "{}", answer.location());
        }
        let answer = app.post_form(&lin, "/accounts", &[("name", "Harbour Optics"), ("back", "/board")]).await;
        assert_eq!(answer.location(), "/board");
    });
}

#[test]
fn a_link_that_no_longer_works_says_so_and_what_to_do() {
    on_both(async |app| {
        let page = app.get_public("/invitations/nothing-like-that").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(page.has("This link no longer works") && page.has("Ask your administrator"), "{}", page.body);
        // Who comes from a mail sees whose page this is.
        assert!(page.has("class=\"plain-mark\""), "{}", page.body);
    });
}
