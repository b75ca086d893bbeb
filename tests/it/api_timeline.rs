//! Timelines and the audit log through the API: what the pages show, to whom they show it, each entry once. On both engines.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use store::sql;
use testkit::{TestApp, on_both};
use trivet::shell::viewer::hash_token;

use crate::company::Company;
use crate::hidden::hide;

/// Everything of a list, page by page.
async fn whole(company: &Company<'_>, who: &str, path: &str) -> Vec<Json> {
    let (mut all, mut next) = (Vec::new(), String::new());
    for _ in 0..60 {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = company.get(who, &format!("{path}{sign}limit=7{next}")).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        all.extend(page.body["data"].as_array().expect("a page").iter().cloned());
        let Some(after) = page.body["next"].as_str() else { return all };
        assert!(page.header("link").contains(after));
        next = format!("&after={after}");
    }
    panic!("{path} has no end")
}

fn ids(entries: &[Json]) -> BTreeSet<&str> {
    entries.iter().filter_map(|entry| entry["id"].as_str()).collect()
}

#[test]
fn a_timeline_tells_what_hangs_on_the_record_each_entry_once() {
    on_both(async |app: &TestApp| {
        app.limits.set_api_per_minute(1_000_000);
        let company = Company::new(app).await;
        let account = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
        let at = account.header("location").to_owned();
        for number in 0..9 {
            let body = json!({ "kind": "call", "subject": format!("Call {number}"), "account": account.id(), "body": "At length" });
            assert_eq!(company.post("seller", "/api/activities", body).await.status, 201);
        }
        let deal =
            json!({ "name": "Forty seats", "account": account.id(), "amount": "100.00", "close_date": "2026-12-15" });
        let deal = company.post("seller", "/api/opportunities", deal).await;
        assert_eq!(deal.status, 201, "{}", deal.body);
        let dearer = json!({ "amount": "250.00" });
        let at_deal = deal.header("location").to_owned();
        assert_eq!(company.call("seller", "PATCH", &at_deal, dearer, &[("if-match", "*")]).await.status, 200);
        app.execute(sql!("UPDATE event SET at = (SELECT MAX(happened_at) FROM activity)")).await;

        let all = whole(&company, "seller", &format!("{at}/timeline")).await;
        assert_eq!((all.len(), ids(&all).len()), (12, 12), "{all:?}");
        let calls = all.iter().filter(|entry| entry["activity"]["kind"] == "call").count();
        assert_eq!(
            (calls, &all.iter().find(|e| e["event"].is_null()).expect("a call")["activity"]["body"]),
            (9, &json!("At length"))
        );
        let of_deal: Vec<&Json> =
            all.iter().map(|entry| &entry["event"]).filter(|e| e["object"] == "opportunity").collect();
        assert!(
            of_deal.iter().all(|event| event["record"] == json!(deal.id()) && event["record_label"] == "Forty seats")
        );
        let change = of_deal.iter().find(|event| event["kind"] == "updated").expect("the deal got dearer");
        let amount = change["changes"].as_array().into_iter().flatten().find(|change| change["field"] == "amount");
        assert_eq!(amount, Some(&json!({ "field": "amount", "old": "100.00", "new": "250.00" })));
        let on_deal = whole(&company, "seller", &format!("{at_deal}/timeline")).await;
        assert!(!on_deal.is_empty() && ids(&on_deal).is_subset(&ids(&all)));

        // Whose business it is not finds nothing; what is hidden is not told.
        let other = app.person("Olga Out").create().await;
        let other = app.api_token(&other).await;
        let theirs = app.api(&other, axum::http::Method::GET, &format!("{at}/timeline"), &[], None).await;
        assert_eq!(theirs.status, 404);
        assert_eq!(company.get("seller", &format!("{at}/timeline?after=nowhere")).await.status, 422);
        assert_eq!(company.get("seller", &format!("{at}/timeline?before=1")).await.status, 400);
        hide(app, "opportunity", &["amount", "amount_base"], "seller").await;
        hide(app, "activity", &["body"], "seller").await;
        let less = whole(&company, "seller", &format!("{at}/timeline")).await;
        assert_eq!(less.len(), 11, "a change of what is hidden is no entry");
        let text = json!(less).to_string();
        assert!(!text.contains("250.00") && !text.contains("At length"), "{text}");
        assert!(json!(whole(&company, "partner", &format!("{at}/timeline")).await).to_string().contains("250.00"));
    });
}

#[test]
fn a_timeline_names_whom_an_event_is_about_as_far_as_one_knows_them() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let account = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
        let at = account.header("location").to_owned();
        let manager: Option<store::Uuid> = app.value("SELECT id FROM person WHERE name = 'manager'").await;
        let person = format!("{at}/shares/{}", manager.expect("the manager"));
        let shared = company.call("seller", "PUT", &person, json!({ "may_write": false }), &[]).await;
        assert_eq!(shared.status, 200, "{}", shared.body);
        let all = whole(&company, "seller", &format!("{at}/timeline")).await;
        let told = all.iter().map(|entry| &entry["event"]).find(|event| event["kind"] == "shared").expect("it is told");
        assert_eq!(told["about"]["label"], "manager", "{told}");
    });
}

#[test]
fn the_audit_log_is_read_by_who_may_with_the_filters_of_the_page() {
    on_both(async |app: &TestApp| {
        app.limits.set_api_per_minute(1_000_000);
        let company = Company::new(app).await;
        let account = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
        let path = account.header("location").to_owned();
        company.call("seller", "PATCH", &path, json!({ "city": "Suzhou" }), &[("if-match", "*")]).await;
        let seller: Option<store::Uuid> = app.value("SELECT id FROM person WHERE name = 'seller'").await;
        let of_seller = format!("/api/audit?person={}&type=account", seller.expect("the seller"));

        let all = whole(&company, "auditor", "/api/audit").await;
        let events = app.value::<i64>("SELECT COUNT(*) FROM event").await;
        assert_eq!((Some(all.len() as i64), ids(&all).len()), (events, all.len()));
        let theirs = whole(&company, "auditor", &of_seller).await;
        let kinds: Vec<&Json> = theirs.iter().map(|entry| &entry["kind"]).collect();
        assert_eq!(kinds, ["updated", "created"]);
        assert_eq!((&theirs[0]["record_label"], &theirs[0]["via"]), (&json!("Harbour"), &json!("api")));
        assert_eq!(theirs[0]["changes"], json!([{ "field": "city", "old": null, "new": "Suzhou" }]));
        let manager: Option<store::Uuid> = app.value("SELECT id FROM person WHERE name = 'manager'").await;
        let given = json!({ "owner": manager });
        let given = company.call("partner", "PATCH", &path, given, &[("if-match", "*")]).await;
        assert_eq!(given.status, 200, "{}", given.body);
        let newest = company.get("auditor", "/api/audit?type=account&kind=updated&limit=1").await;
        let change = json!([{ "field": "owner", "old": seller, "new": manager }]);
        assert_eq!(newest.body["data"][0]["changes"], change);
        let nothing = company.get("auditor", &format!("{of_seller}&from=2030-01-01")).await;
        assert_eq!((nothing.status, &nothing.body["data"]), (200, &json!([])));

        // Who keeps the house reads that something happened, not what.
        let blind = whole(&company, "admin", &of_seller).await;
        assert_eq!((blind.len(), &blind[0]["record_label"], &blind[0]["changes"]), (2, &Json::Null, &json!([])));
        assert!(!json!(blind).to_string().contains("Suzhou"));
        for who in ["seller", "manager", "partner"] {
            assert_eq!(company.get(who, "/api/audit").await.status, 404, "{who}");
            assert_eq!(company.get(who, "/api/audit/export").await.status, 404, "{who}");
        }
        for (query, status) in [
            ("kind=magic", 400),
            ("type=secret", 400),
            ("from=yesterday", 400),
            ("from=0807-06-18", 422),
            ("person=me", 400),
            ("after=x", 422),
            ("q=x", 400),
        ] {
            assert_eq!(company.get("auditor", &format!("/api/audit?{query}")).await.status, status, "{query}");
        }

        // As a file for auditors, which is an event itself; a token that may only read is enough.
        assert_eq!(company.get("admin", "/api/audit/export").await.status, 404);
        let token = &company.tokens["auditor"];
        app.execute(sql!("UPDATE api_token SET scopes = 'read' WHERE token_hash = $1", hash_token(token))).await;
        let file = company.get("auditor", "/api/audit/export?kind=updated").await;
        assert_eq!((file.status, file.header("content-type")), (200, "text/csv; charset=utf-8"));
        assert!(file.answer.body.contains("Suzhou"), "{}", file.answer.body);
        let told = app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind = 'exported' AND via = 'api'").await;
        assert_eq!(told, Some(1));
    });
}
