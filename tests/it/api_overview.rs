//! Search, the board's sums and exports through the API say what the pages say. On both engines.

use axum::http::Method;
use serde_json::json;
use testkit::{TestApp, on_both};

use crate::company::Company;

#[test]
fn what_is_found_is_what_the_caller_may_read() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let account = company.post("partner", "/api/accounts", json!({ "name": "Harbour Instruments" })).await;
        let found = company.get("partner", "/api/search?q=harbour").await;
        assert_eq!((found.status, &found.body["data"][0]["id"]), (200, &json!(account.id())), "{}", found.body);
        assert_eq!(found.body["data"][0]["path"], account.header("location"));
        // Somebody who may not see it finds nothing, as if it were not there.
        assert_eq!(company.get("seller", "/api/search?q=harbour").await.body, json!({ "data": [] }));
        assert_eq!(company.get("seller", "/api/search").await.body, json!({ "data": [] }));
        let wrong = company.get("seller", "/api/search?colour=red").await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (400, &json!("colour")));
    });
}

#[test]
fn the_sums_of_the_board_are_those_of_the_deals_in_reach() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        for (who, amount) in [("seller", "100.25"), ("seller", "200.50"), ("partner", "1000.00")] {
            let deal = json!({ "name": "Forty seats", "close_date": "2027-03-31", "amount": amount });
            let made = company.post(who, "/api/opportunities", deal).await;
            assert_eq!(made.status, 201, "{}", made.body);
        }
        let board = company.get("seller", "/api/board").await;
        assert_eq!(
            (board.status, &board.body["count"], &board.body["total"]),
            (200, &json!(2), &json!("300.75")),
            "{}",
            board.body
        );
        assert_eq!(board.body["data"][0]["total"], "300.75");
        assert_eq!(company.get("partner", "/api/board").await.body["total"], "1300.75");
        let few = company.get("partner", "/api/board?f=amount:min:150").await;
        assert_eq!((&few.body["count"], &few.body["total"]), (&json!(2), &json!("1200.50")), "{}", few.body);
        for (path, status) in [
            ("/api/board?pipeline=x", 400),
            ("/api/board?pipeline=01930000-0000-7000-8000-000000000000", 422),
            ("/api/board?cards=9", 400),
        ] {
            assert_eq!(company.get("seller", path).await.status, status, "{path}");
        }
    });
}

#[test]
fn an_export_is_what_the_list_says_guarded_and_written_down() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        for (name, city) in [("=1+1", "Wuxi"), ("Haven", "Suzhou")] {
            company.post("partner", "/api/accounts", json!({ "name": name, "city": city })).await;
        }
        let events = "SELECT COUNT(*) FROM event WHERE kind = 'exported' AND via = 'api'";
        let file = company.get("partner", "/api/accounts/export?f=city:has:Wuxi&fields=name,city").await;
        assert_eq!(file.status, 200, "{}", file.answer.body);
        assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
        assert!(file.header("content-disposition").starts_with("attachment"));
        assert!(file.answer.has("'=1+1") && !file.answer.has("Haven"), "{}", file.answer.body);
        assert_eq!(app.value::<i64>(events).await, Some(1));
        let wrong = company.get("partner", "/api/accounts/export?format=pdf").await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (400, &json!("format")));
        assert_eq!(app.value::<i64>(events).await, Some(1));
        // Without the right to export there is no such address.
        app.execute("UPDATE access_rule SET may_export = (1 = 0) WHERE role = 'seller'").await;
        app.settings_changed().await;
        let answer = app.api(&company.tokens["seller"], Method::GET, "/api/accounts/export", &[], None).await;
        assert_eq!(answer.status, 404);
    });
}
