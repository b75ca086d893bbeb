//! What a stranger meets at the door, and where a link may lead.

use axum::http::{Method, StatusCode};
use store::Clock;
use testkit::{Person, Role, TestApp, form, on_both};
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
