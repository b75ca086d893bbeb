//! Settings through the API: the rules of the pages, on the version that was seen, in force at once, by administrators only. On both
//! engines.

use serde_json::{Value as Json, json};
use store::sql;
use testkit::{Engine, TestApp, on, on_both};
use trivet::shell::viewer::hash_token;

use crate::company::{Company, Reply};

const ANY: [(&str, &str); 1] = [("if-match", "*")];

fn field(reply: &Reply) -> &str {
    reply.body["errors"][0]["field"].as_str().unwrap_or_default()
}

#[test]
fn a_pipeline_is_made_with_its_stages_and_what_they_ask_for() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let named = json!({ "name": "Partner business" });
        let key = [("idempotency-key", "pipeline-1")];
        let made = company.call("admin", "POST", "/api/settings/pipelines", named.clone(), &key).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let again = company.call("admin", "POST", "/api/settings/pipelines", named.clone(), &key).await;
        assert_eq!((again.status, again.id(), again.header("location")), (201, made.id(), made.header("location")));
        let twin = company.post("admin", "/api/settings/pipelines", named).await;
        assert_eq!((twin.status, field(&twin)), (422, "name"));
        let at = made.header("location").to_owned();

        // A stage of its own, in its place, with what it asks for.
        let pilot = json!({ "name": "Pilot", "kind": "open", "probability": 40, "expected_days": 20 });
        let pilot = company.post("admin", &format!("{at}/stages"), pilot).await;
        assert_eq!((pilot.status, &pilot.body["pipeline"]), (201, &json!(made.id())), "{}", pilot.body);
        let without = json!({ "name": "Trial", "kind": "open" });
        let without = company.post("admin", &format!("{at}/stages"), without).await;
        assert_eq!((without.status, field(&without)), (422, "probability"));
        let stage = pilot.header("location").to_owned();
        let tag = pilot.header("etag").to_owned();
        let asks = json!({ "probability": 45, "expected_days": null, "criteria": [
            { "name": "The pilot is agreed", "required": true },
            { "name": "The next step is known", "field": "next_step" },
            { "name": "A budget", "required": true },
        ] });
        let asks = company.call("admin", "PATCH", &stage, asks, &[("if-match", &tag)]).await;
        assert_eq!(
            (asks.status, &asks.body["probability"], &asks.body["expected_days"]),
            (200, &json!(45), &Json::Null),
            "{}",
            asks.body
        );
        let criteria = asks.body["criteria"].as_array().expect("criteria").clone();
        assert_eq!((criteria.len(), &criteria[1]["field"]), (3, &json!("next_step")));
        let stale = company.call("admin", "PATCH", &stage, json!({ "name": "Try" }), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        // One goes, one stays under its id, what is not named stays.
        let fewer = json!({ "criteria": [{ "id": criteria[2]["id"], "name": "The budget is known" }] });
        let fewer = company.call("admin", "PATCH", &stage, fewer, &ANY).await;
        assert_eq!((fewer.status, &fewer.body["name"]), (200, &json!("Pilot")), "{}", fewer.body);
        let left =
            json!([{ "id": criteria[2]["id"], "name": "The budget is known", "required": false, "field": null }]);
        assert_eq!(fewer.body["criteria"], left);
        for (wrong, place) in [
            (json!({ "criteria": [{ "name": "x", "field": "amount" }] }), "criteria.0"),
            (json!({ "criteria": [{ "id": criteria[0]["id"], "name": "gone" }] }), "criteria.0"),
            (json!({ "name": "" }), "name"),
            (json!({ "probability": 101 }), "probability"),
        ] {
            let refused = company.call("admin", "PATCH", &stage, wrong, &ANY).await;
            assert_eq!((refused.status, field(&refused)), (422, place), "{}", refused.body);
        }
        let kind = company.call("admin", "PATCH", &stage, json!({ "kind": "won" }), &ANY).await;
        assert_eq!(kind.status, 400, "what a stage means is fixed");

        // The order, the name; both are in force for everybody who reads pipelines.
        let shown = company.get("admin", &at).await;
        let mut order: Vec<Json> =
            shown.body["stages"].as_array().into_iter().flatten().map(|one| one["id"].clone()).collect();
        order.swap(0, 1);
        let open_last: Vec<Json> = order.iter().rev().cloned().collect();
        let path = format!("{at}/order");
        for wrong in [json!(open_last), json!(order[1..]), json!(vec![order[0].clone(); order.len()])] {
            let refused = company.call("admin", "PUT", &path, json!({ "stages": wrong }), &ANY).await;
            assert_eq!((refused.status, field(&refused)), (422, "stages"), "{}", refused.body);
        }
        assert_eq!(
            company.get("admin", &at).await.body["version"],
            shown.body["version"],
            "a refusal counts as no change"
        );
        let ordered = company.call("admin", "PUT", &path, json!({ "stages": order }), &ANY).await;
        assert_eq!((ordered.status, &ordered.body["stages"][0]["id"]), (200, &order[0]), "{}", ordered.body);
        let renamed = company.call("admin", "PATCH", &at, json!({ "name": "Partners" }), &ANY).await;
        assert_eq!(renamed.status, 200, "{}", renamed.body);
        let listed = company.get("seller", "/api/pipelines").await;
        assert!(
            listed.body.to_string().contains("Partners") && listed.body.to_string().contains("The budget is known")
        );

        assert_eq!(company.call("admin", "DELETE", &stage, Json::Null, &ANY).await.status, 204);
        assert_eq!(company.get("admin", &stage).await.status, 404);
        assert_eq!(company.call("admin", "DELETE", &at, Json::Null, &[("if-match", "\"99\"")]).await.status, 412);
        assert_eq!(company.call("admin", "DELETE", &at, Json::Null, &ANY).await.status, 204);
        let rest = company.get("admin", "/api/settings/pipelines").await;
        let last = format!("/api/settings/pipelines/{}", rest.body["data"][0]["id"].as_str().unwrap_or_default());
        assert_eq!(company.call("admin", "DELETE", &last, Json::Null, &ANY).await.status, 422, "the last one stays");
        let told = app
            .value::<i64>(
                "SELECT COUNT(*) FROM event WHERE subject_type = 'settings' AND via = 'api' AND kind = 'deleted'",
            )
            .await;
        assert_eq!(told, Some(2));
    });
}

#[test]
fn a_price_list_holds_prices_of_products_that_are_there() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let mut products = Vec::new();
        for number in 0..3 {
            let body =
                json!({ "name": format!("Suite {number}"), "code": format!("S-{number}"), "list_price": "100.00" });
            products.push(company.post("partner", "/api/products", body).await.id());
        }
        let wrong = json!({ "name": "Back", "currency": "USD", "from": "2027-02-01", "to": "2027-01-01" });
        let wrong = company.post("admin", "/api/settings/price-lists", wrong).await;
        assert_eq!((wrong.status, field(&wrong)), (422, "to"));
        let list = json!({ "name": "List 2027", "currency": "USD", "from": "2027-01-01" });
        let list = company.post("admin", "/api/settings/price-lists", list).await;
        assert_eq!(list.status, 201, "{}", list.body);
        let at = list.header("location").to_owned();
        let tag = list.header("etag").to_owned();
        let prices = json!({ "to": "2027-12-31", "prices": { &products[0]: "90.50", &products[1]: "80", &products[2]: "70.00" } });
        let priced = company.call("admin", "PATCH", &at, prices, &[("if-match", &tag)]).await;
        assert_eq!(
            (priced.status, &priced.body["prices"], &priced.body["from"]),
            (200, &json!(3), &json!("2027-01-01")),
            "{}",
            priced.body
        );
        let stale = company.call("admin", "PATCH", &at, json!({ "name": "Late" }), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        let out = json!({ "prices": { &products[1]: null } });
        let out = company.call("admin", "PATCH", &at, out, &ANY).await;
        assert_eq!(
            (&out.body["prices"], &out.body["name"], &out.body["to"]),
            (&json!(2), &json!("List 2027"), &json!("2027-12-31"))
        );
        let first = company.get("admin", &format!("{at}/prices?limit=1")).await;
        let next = first.body["next"].as_str().expect("a second page").to_owned();
        let second = company.get("admin", &format!("{at}/prices?limit=1&after={next}")).await;
        let told = |reply: &Reply| (reply.body["data"][0]["code"].clone(), reply.body["data"][0]["price"].clone());
        assert_eq!((told(&first), told(&second)), ((json!("S-0"), json!("90.50")), (json!("S-2"), json!("70.00"))));
        assert_eq!(second.body["next"], Json::Null);
        let nobody = "00000000-0000-7000-8000-000000000007";
        for (product, price, status) in [(nobody, "1.00", 422), (products[0].as_str(), "-1", 422), ("S-0", "1.00", 400)]
        {
            let refused = company.call("admin", "PATCH", &at, json!({ "prices": { product: price } }), &ANY).await;
            assert_eq!(refused.status, status, "{product}: {}", refused.body);
            assert!(status == 400 || field(&refused) == format!("prices.{product}"), "{}", refused.body);
        }
        assert_eq!(company.call("admin", "DELETE", &at, Json::Null, &ANY).await.status, 204);
        assert_eq!(company.get("admin", "/api/settings/price-lists").await.body["data"], json!([]));
    });
}

#[test]
fn a_rate_re_values_open_deals_and_the_organisation_keeps_its_rules() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let rates = "/api/settings/rates";
        let rate = |value: &str| json!({ "currency": "USD", "day": "2026-11-01", "rate": value });
        let set = company.call("admin", "PUT", rates, rate("7.1"), &ANY).await;
        assert_eq!((set.status, &set.body["revalued"]), (200, &json!(0)), "{}", set.body);
        let account = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
        let deal = json!({ "name": "Forty seats", "account": account.id(), "amount": "100.00", "currency": "USD", "close_date": "2026-12-15" });
        let deal = company.post("seller", "/api/opportunities", deal).await;
        assert_eq!((deal.status, &deal.body["amount_base"]), (201, &json!("710.00")), "{}", deal.body);
        let tag = company.get("admin", rates).await.header("etag").to_owned();
        let dearer = company.call("admin", "PUT", rates, rate("8"), &[("if-match", &tag)]).await;
        assert_eq!((dearer.status, &dearer.body["revalued"]), (200, &json!(1)), "{}", dearer.body);
        assert_eq!(company.get("seller", deal.header("location")).await.body["amount_base"], "800.00");
        let stale = company.call("admin", "PUT", rates, rate("9"), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 409, "the same rate was changed meanwhile: {}", stale.body);
        let other = json!({ "currency": "EUR", "day": "2026-11-01", "rate": "7.8" });
        assert_eq!(company.call("admin", "PUT", rates, other, &[("if-match", &tag)]).await.status, 200, "another part");
        let listed = company.get("admin", rates).await;
        assert_eq!(
            listed.body["data"][1],
            json!({ "currency": "USD", "day": "2026-11-01", "rate": "8", "in_force": true })
        );
        for (wrong, place) in
            [(rate("0"), "rate"), (json!({ "currency": "CNY", "day": "2026-11-01", "rate": "1" }), "currency")]
        {
            let refused = company.call("admin", "PUT", rates, wrong, &ANY).await;
            assert_eq!((refused.status, field(&refused)), (422, place));
        }
        let gone = |currency: &str| format!("{rates}?currency={currency}&day=2026-11-01");
        let used = company.call("admin", "DELETE", &gone("USD"), Json::Null, &ANY).await;
        assert_eq!((used.status, field(&used)), (422, "currency"));
        assert_eq!(company.call("admin", "DELETE", &gone("EUR"), Json::Null, &ANY).await.status, 200);
        assert_eq!(company.call("admin", "DELETE", rates, Json::Null, &ANY).await.status, 422);

        let at = "/api/settings/organization";
        let before = company.get("admin", at).await;
        let moved = json!({ "fiscal_start_month": 4, "fiscal_calendar": "4-4-5" });
        let moved = company.call("admin", "PATCH", at, moved, &[("if-match", before.header("etag"))]).await;
        assert_eq!((moved.status, &moved.body["fiscal_start_month"]), (200, &json!(4)), "{}", moved.body);
        assert_eq!((&moved.body["name"], &moved.body["zone"]), (&before.body["name"], &before.body["zone"]));
        for (wrong, place) in [
            (json!({ "base_currency": "EUR" }), "base_currency"),
            (json!({ "zone": "Atlantis/Harbour" }), "zone"),
            (json!({ "locale": "xx" }), "locale"),
            (json!({ "fiscal_start_month": 13 }), "fiscal_start_month"),
        ] {
            let refused = company.call("admin", "PATCH", at, wrong, &ANY).await;
            assert_eq!((refused.status, field(&refused)), (422, place), "{}", refused.body);
        }
        assert_eq!(company.call("admin", "PATCH", at, json!({ "motto": "x" }), &ANY).await.status, 400);
        assert_eq!(company.call("admin", "PATCH", at, json!({ "name": "x" }), &[]).await.status, 428);
    });
}

#[test]
fn rights_that_a_program_changes_are_in_force_on_the_next_call() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let at = "/api/settings/access/accounts";
        company.post("seller", "/api/accounts", json!({ "name": "Harbour", "industry": "medical" })).await;
        let before = company.get("admin", at).await;
        assert_eq!((before.status, &before.body["roles"]["seller"]["create"]), (200, &json!(true)), "{}", before.body);
        let tag = before.header("etag").to_owned();
        let less = json!({ "roles": { "seller": { "create": false } }, "hidden": [{ "field": "industry", "role": "seller" }] });
        let less = company.call("admin", "PATCH", at, less, &[("if-match", &tag)]).await;
        assert_eq!(less.status, 200, "{}", less.body);
        let mut expected = before.body["roles"].clone();
        expected["seller"]["create"] = json!(false);
        assert_eq!(less.body["roles"], expected, "what is not named stays");
        assert_eq!(company.post("seller", "/api/accounts", json!({ "name": "Second" })).await.status, 404);
        let listed = company.get("seller", "/api/accounts").await;
        assert!(!listed.body.to_string().contains("medical"), "{}", listed.body);
        let stale = company.call("admin", "PATCH", at, json!({ "hidden": [] }), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 409, "{}", stale.body);
        for (wrong, status, place) in [
            (json!({ "roles": { "seller": { "write": "all", "read": "own" } } }), 422, "roles.seller.write"),
            (json!({ "roles": { "king": { "read": "all" } } }), 400, "roles"),
            (json!({ "roles": { "seller": { "read": "most" } } }), 422, "roles.seller.read"),
            (json!({ "hidden": [{ "field": "name", "role": "seller" }] }), 422, "hidden"),
            (json!({ "hidden": [{ "field": "industry", "role": "king" }] }), 400, "hidden"),
            (json!({ "default_read": "most" }), 422, "default_read"),
            (json!({ "roles": { "seller": ["all", "all"] } }), 400, ""),
            (json!({ "hidden": [["industry", "seller"]] }), 400, ""),
        ] {
            let refused = company.call("admin", "PATCH", at, wrong, &ANY).await;
            assert_eq!((refused.status, field(&refused)), (status, place), "{}", refused.body);
        }
        let shown = company.call("admin", "PATCH", at, json!({ "hidden": [] }), &ANY).await;
        assert_eq!((&shown.body["hidden"], &shown.body["roles"]), (&json!([]), &expected));
    });
}

#[test]
fn settings_are_there_for_administrators_only_and_a_token_that_reads_changes_none() {
    on(Engine::Sqlite, async |app: &TestApp| {
        let company = Company::new(app).await;
        let token = &company.tokens["admin"];
        app.execute(sql!("UPDATE api_token SET scopes = 'read' WHERE token_hash = $1", hash_token(token))).await;
        for path in ["organization", "rates", "pipelines", "price-lists", "access/accounts"] {
            let path = format!("/api/settings/{path}");
            assert_eq!(company.get("admin", &path).await.status, 200, "{path}");
            for who in ["partner", "manager", "seller", "auditor"] {
                assert_eq!(company.get(who, &path).await.status, 404, "{who} {path}");
            }
        }
        for (method, path) in [
            ("PATCH", "organization"),
            ("PUT", "rates"),
            ("POST", "pipelines"),
            ("POST", "price-lists"),
            ("PATCH", "access/accounts"),
        ] {
            let refused =
                company.call("admin", method, &format!("/api/settings/{path}"), json!({ "name": "x" }), &ANY).await;
            assert_eq!(refused.status, 403, "{method} {path}");
        }
    });
}
