//! The JSON API: versions, keys, what may be set (Q21), what is hidden. On both engines.

use serde_json::{Value as Json, json};
use store::Uuid;
use testkit::{TestApp, on_both};
use trivet::shell::api::operation::pascal;
use trivet::shell::record::Write;
use trivet::tools::crm::REGISTRY;

use crate::api_document::document;
use crate::company::Company;

// ---- reading and writing

#[test]
fn the_example_of_every_kind_of_record_can_be_made_and_is_found_again() {
    on_both(the_example_of_every_kind_of_record_can_be_made_and_is_found_again_on);
}

async fn the_example_of_every_kind_of_record_can_be_made_and_is_found_again_on(app: &TestApp) {
    let company = Company::new(app).await;
    let document = document();
    for object in REGISTRY.objects {
        let who = if object.name == "person" { "admin" } else { "partner" };
        let path = format!("/api/{}", object.plural);
        let example = &document["paths"][&path]["post"]["requestBody"]["content"]["application/json"]["example"];
        let made = company.post(who, &path, example.clone()).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
        assert_eq!(made.header("location"), format!("{path}/{}", made.id()));
        let found = company.get(who, made.header("location")).await;
        assert_eq!(found.status, 200, "{path}");
        assert_eq!((found.body.clone(), found.header("etag")), (made.body.clone(), made.header("etag")));
        let schema = &document["components"]["schemas"][pascal(object.name)]["properties"];
        for key in found.body.as_object().expect("a record").keys() {
            assert!(schema.get(key).is_some(), "{path}: {key} is not in the document");
        }
        let events = company.get(who, &format!("{path}/{}/events", made.id())).await;
        assert_eq!((events.status, &events.body["data"][0]["kind"]), (200, &json!("created")), "{path}");
    }
}

#[test]
fn a_change_names_the_version_it_was_made_on() {
    on_both(a_change_names_the_version_it_was_made_on_on);
}

async fn a_change_names_the_version_it_was_made_on_on(app: &TestApp) {
    let company = Company::new(app).await;
    let made = company.post("seller", "/api/accounts", json!({ "name": "Harbour", "city": "Shanghai" })).await;
    let path = made.header("location").to_owned();
    let tag = made.header("etag").to_owned();

    let unchanged = company.call("seller", "GET", &path, Json::Null, &[("if-none-match", &tag)]).await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (304, tag.as_str()));
    let without = company.call("seller", "PATCH", &path, json!({ "city": "Suzhou" }), &[]).await;
    assert_eq!(without.status, 428);
    let changed = company.call("seller", "PATCH", &path, json!({ "city": "Suzhou" }), &[("if-match", &tag)]).await;
    assert_eq!((changed.status, &changed.body["city"], &changed.body["version"]), (200, &json!("Suzhou"), &json!(2)));
    assert_ne!(changed.header("etag"), tag);

    // Somebody who still sees the first version changes another field: both stay.
    let merged =
        company.call("partner", "PATCH", &path, json!({ "phone": "+86 21 5555 0100" }), &[("if-match", &tag)]).await;
    assert_eq!((merged.status, &merged.body["city"]), (200, &json!("Suzhou")));
    // The same field: original, yours and theirs.
    let conflict =
        company.call("partner", "PATCH", &path, json!({ "city": "Hangzhou" }), &[("if-match", "\"1\"")]).await;
    assert_eq!(conflict.status, 409);
    let detail = "It was changed meanwhile. Read it again and repeat the change with its new version.";
    assert_eq!(conflict.body["detail"], json!(detail), "not what one does on a page");
    let said = &conflict.body["errors"][0];
    assert_eq!(
        (&said["field"], &said["original"], &said["yours"], &said["theirs"]),
        (&json!("city"), &json!("Shanghai"), &json!("Hangzhou"), &json!("Suzhou"))
    );
    let never = company.call("seller", "PATCH", &path, json!({ "city": "Wuxi" }), &[("if-match", "\"99\"")]).await;
    assert_eq!(never.status, 412);
    let stale = company.call("seller", "DELETE", &path, Json::Null, &[("if-match", &tag)]).await;
    assert_eq!(stale.status, 412);
    let deleted = company.call("seller", "DELETE", &path, Json::Null, &[("if-match", "\"3\"")]).await;
    assert_eq!(deleted.status, 204);
    assert_eq!(company.get("seller", &path).await.status, 404);
    let trash = company.get("seller", "/api/accounts?trash=true").await;
    assert_eq!(trash.body["data"].as_array().map(Vec::len), Some(1));
    let restored = company.post("seller", &format!("{path}/restoration"), Json::Null).await;
    assert_eq!((restored.status, &restored.body["city"]), (200, &json!("Suzhou")), "{}", restored.body);
}

#[test]
fn a_label_that_changes_elsewhere_is_not_answered_with_304() {
    on_both(a_label_that_changes_elsewhere_is_not_answered_with_304_on);
}

async fn a_label_that_changes_elsewhere_is_not_answered_with_304_on(app: &TestApp) {
    let company = Company::new(app).await;
    let account = company.post("partner", "/api/accounts", json!({ "name": "Harbour" })).await;
    let contact = company.post("partner", "/api/contacts", json!({ "name": "Lin Yue", "account": account.id() })).await;
    let tag = contact.header("etag").to_owned();
    let path = account.header("location").to_owned();
    company.call("partner", "PATCH", &path, json!({ "name": "Haven" }), &[("if-match", "*")]).await;
    let again =
        company.call("partner", "GET", contact.header("location"), Json::Null, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, &again.body["account_label"]), (200, &json!("Haven")));
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    on_both(pages_follow_each_other_without_gap_or_repeat_on);
}

async fn pages_follow_each_other_without_gap_or_repeat_on(app: &TestApp) {
    let company = Company::new(app).await;
    for number in 0..7 {
        company.post("seller", "/api/leads", json!({ "name": format!("Lead {number}"), "company": "云帆" })).await;
    }
    let mut path = "/api/leads?limit=3&sort=-name&f=company:has:%E4%BA%91&count=true&fields=name".to_owned();
    let mut names = Vec::new();
    loop {
        let page = company.get("seller", &path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!((&page.body["count"], &page.body["count_is_capped"]), (&json!(7), &json!(false)));
        names.extend(
            page.body["data"]
                .as_array()
                .expect("data")
                .iter()
                .map(|lead| lead["name"].as_str().unwrap_or("").to_owned()),
        );
        match page.header("link").strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")) {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    let expected: Vec<String> = (0..7).rev().map(|number| format!("Lead {number}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn what_is_not_as_documented_is_named() {
    on_both(what_is_not_as_documented_is_named_on);
}

async fn what_is_not_as_documented_is_named_on(app: &TestApp) {
    let company = Company::new(app).await;
    for (path, status, field) in [
        ("/api/accounts?limit=0", 400, "limit"),
        ("/api/accounts?limit=1&limit=2", 400, "limit"),
        ("/api/accounts?colour=red", 400, "colour"),
        ("/api/accounts?sort=city", 400, "sort"),
        ("/api/accounts?fields=name,colour", 400, "fields"),
        ("/api/accounts?count=yes", 400, "count"),
        ("/api/accounts?q=%00", 400, "q"),
        ("/api/accounts?f=city:min:3", 422, "f"),
        ("/api/accounts?after=zzz", 422, "after"),
    ] {
        let reply = company.get("seller", path).await;
        assert_eq!((reply.status, reply.body["errors"][0]["field"].as_str()), (status, Some(field)), "{path}");
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
    }
    for (body, status, field) in [
        (json!({ "name": "A", "colour": "red" }), 400, "colour"),
        (json!({ "name": "A", "created_at": "2026-01-01T00:00:00Z" }), 400, "created_at"),
        (json!({ "name": "A", "owner_label": "Lin" }), 400, "owner_label"),
        (json!({ "name": 5 }), 400, "name"),
        (json!({ "city": "Wuxi" }), 400, "name"),
        (json!({ "name": "A", "employees": -1 }), 400, "employees"),
        (json!({ "name": "A", "annual_revenue": 5 }), 400, "annual_revenue"),
        (json!({ "name": "A", "industry": "Technology" }), 400, "industry"),
        (json!({ "name": "A", "owner": "not-an-id" }), 400, "owner"),
        (json!({ "name": "A", "owner": Uuid::nil() }), 422, "owner"),
        (json!({ "name": "A", "credit_code": "91350100M000100Y44" }), 422, "credit_code"),
        (json!({ "name": "A", "annual_revenue": "1.005" }), 422, "annual_revenue"),
        (json!([]), 400, ""),
    ] {
        let reply = company.post("seller", "/api/accounts", body.clone()).await;
        assert_eq!((reply.status, reply.body["errors"][0]["field"].as_str()), (status, Some(field)), "{body}");
    }
    assert_eq!(company.count("account").await, 0);
    assert_eq!(company.send("text/plain", "{}".into()).await.status, 415);
    let large =
        company.post("seller", "/api/accounts", json!({ "name": "A", "description": "x".repeat(1 << 20) })).await;
    assert_eq!(large.status, 413);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(company.send("application/json", deep).await.status, 400);
    assert_eq!(company.get("seller", "/api/accounts/not-an-id").await.status, 404);
    let method = company.call("seller", "PUT", "/api/accounts", json!({}), &[]).await;
    assert_eq!((method.status, method.header("content-type")), (405, "application/problem+json"));
    assert!(
        method.header("allow").contains("GET") && method.header("allow").contains("POST"),
        "{:?}",
        method.answer.headers
    );
    let options = company.call("seller", "OPTIONS", "/api/accounts", Json::Null, &[]).await;
    assert_eq!((options.status, options.header("allow").contains("POST")), (204, true));
}

#[test]
fn without_a_token_nothing_is_told_and_calls_are_counted() {
    on_both(without_a_token_nothing_is_told_and_calls_are_counted_on);
}

async fn without_a_token_nothing_is_told_and_calls_are_counted_on(app: &TestApp) {
    let company = Company::new(app).await;
    let reply = company.get("nobody", "/api/accounts").await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(reply.header("ratelimit-remaining"), "119");
    assert_eq!(company.get("nobody", "/api/openapi.json").await.body["openapi"], "3.1.0");
    company.app.limits.set_api_per_minute(2);
    assert_eq!(company.get("seller", "/api/accounts").await.header("ratelimit-remaining"), "1");
    assert_eq!(company.get("seller", "/api/accounts").await.status, 200);
    let refused = company.get("seller", "/api/accounts").await;
    assert_eq!((refused.status, refused.header("ratelimit-remaining")), (429, "0"));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=30).contains(&seconds)));
}

#[test]
fn a_token_that_only_reads_changes_nothing() {
    on_both(a_token_that_only_reads_changes_nothing_on);
}

async fn a_token_that_only_reads_changes_nothing_on(app: &TestApp) {
    let company = Company::new(app).await;
    company.app.execute("UPDATE api_token SET scopes = 'read'").await;
    assert_eq!(company.get("seller", "/api/accounts").await.status, 200);
    assert_eq!(company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await.status, 403);
    assert_eq!(company.count("account").await, 0);
}

/// What schemathesis found: values of the documented shape that the database refused, or that were not read as meant.
#[test]
fn odd_values_of_the_documented_shape_are_answered() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let deal = |more: Json| {
            let mut body = json!({ "name": "Forty seats", "close_date": "2027-03-31" });
            body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            body
        };
        for (more, status) in [
            (json!({ "probability": null, "amount": null, "stage": null, "pipeline": null, "owner": null }), 201),
            (json!({ "product": Uuid::nil() }), 422),
            (json!({ "reached_stage": Uuid::nil() }), 422),
            (json!({ "amount": "-1" }), 422),
            (json!({ "close_date": "0001-01-01" }), 422),
            (json!({ "probability": 30.0 }), 201),
        ] {
            let reply = company.post("partner", "/api/opportunities", deal(more.clone())).await;
            assert_eq!(reply.status, status, "{more}: {}", reply.body);
        }
        let made = company.post("partner", "/api/opportunities", deal(json!({ "probability": 77 }))).await;
        let path = made.header("location").to_owned();
        let emptied =
            company.call("partner", "PATCH", &path, json!({ "probability": null }), &[("if-match", "*")]).await;
        assert_eq!((emptied.status, &emptied.body["probability"]), (200, &json!(10)), "{}", emptied.body);
        // A tag that is none of ours matches nothing.
        for tag in ["0", "W/\"1\"", "\"abc\""] {
            let reply = company.call("partner", "PATCH", &path, json!({ "name": "A" }), &[("if-match", tag)]).await;
            assert_eq!(reply.status, 412, "{tag}");
        }
        let reply = company
            .call(
                "admin",
                "POST",
                "/api/people",
                json!({ "name": "Lin", "email": "lin@a.example", "manager": Uuid::nil() }),
                &[],
            )
            .await;
        assert_eq!(reply.status, 422, "{}", reply.body);
    });
}

// ---- once

#[test]
fn a_post_with_a_key_happens_once_even_when_many_come_at_the_same_time() {
    on_both(a_post_with_a_key_happens_once_even_when_many_come_at_the_same_time_on);
}

async fn a_post_with_a_key_happens_once_even_when_many_come_at_the_same_time_on(app: &TestApp) {
    let company = Company::new(app).await;
    let body = json!({ "name": "Harbour" });
    let key = [("idempotency-key", "order-1")];
    let calls = (0..20).map(|_| company.call("seller", "POST", "/api/accounts", body.clone(), &key));
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(company.count("account").await, 1);
    let first = &replies[0];
    for reply in &replies {
        assert_eq!((reply.status, &reply.body, reply.header("etag")), (201, &first.body, first.header("etag")));
        assert_eq!(reply.header("location"), first.header("location"));
    }
    let replayed = replies.iter().filter(|reply| reply.header("idempotency-replayed") == "true").count();
    assert_eq!(replayed, 19);

    let other = company.call("seller", "POST", "/api/accounts", json!({ "name": "Haven" }), &key).await;
    assert_eq!(other.status, 422);
    let somebody_else = company.call("partner", "POST", "/api/accounts", body.clone(), &key).await;
    assert_eq!((somebody_else.status, somebody_else.header("idempotency-replayed")), (201, ""));
    // What was refused did not happen: the same key may be used again.
    let refused = company
        .call(
            "seller",
            "POST",
            "/api/accounts",
            json!({ "name": "A", "owner": Uuid::nil() }),
            &[("idempotency-key", "k")],
        )
        .await;
    assert_eq!(refused.status, 422);
    let mended =
        company.call("seller", "POST", "/api/accounts", json!({ "name": "A" }), &[("idempotency-key", "k")]).await;
    assert_eq!(mended.status, 201);
    // A day later the key is forgotten.
    company.app.execute("UPDATE idempotency SET created_at = created_at - 86401000000").await;
    let later = company.call("seller", "POST", "/api/accounts", body, &key).await;
    assert_eq!((later.status, later.header("idempotency-replayed")), (201, ""));
}

#[test]
fn a_kept_answer_is_not_given_to_somebody_who_may_no_longer_see_the_record() {
    on_both(a_kept_answer_is_not_given_to_somebody_who_may_no_longer_see_the_record_on);
}

async fn a_kept_answer_is_not_given_to_somebody_who_may_no_longer_see_the_record_on(app: &TestApp) {
    let company = Company::new(app).await;
    let key = [("idempotency-key", "order-1")];
    let made = company.call("seller", "POST", "/api/accounts", json!({ "name": "Harbour" }), &key).await;
    let person =
        company.get("partner", "/api/people?f=email:is:partner@trivet.test").await.body["data"][0]["id"].clone();
    let given = company
        .call("seller", "PATCH", made.header("location"), json!({ "owner": person }), &[("if-match", "*")])
        .await;
    assert_eq!((given.status, given.body.get("name")), (200, None), "{}", given.body);
    let again = company.call("seller", "POST", "/api/accounts", json!({ "name": "Harbour" }), &key).await;
    assert_eq!((again.status, again.body.get("name")), (201, None));
}

// ---- Q21

#[test]
fn no_property_of_an_answer_can_be_set_unless_it_is_meant_to_be() {
    on_both(no_property_of_an_answer_can_be_set_unless_it_is_meant_to_be_on);
}

async fn no_property_of_an_answer_can_be_set_unless_it_is_meant_to_be_on(app: &TestApp) {
    let company = Company::new(app).await;
    company.app.limits.set_api_per_minute(1_000_000);
    let document = document();
    let mut tried = 0;
    for object in REGISTRY.objects {
        let who = if object.name == "person" { "admin" } else { "partner" };
        let path = format!("/api/{}", object.plural);
        let example = document["paths"][&path]["post"]["requestBody"]["content"]["application/json"]["example"].clone();
        let made = company.post(who, &path, example.clone()).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
        let record = company.get(who, made.header("location")).await.body;
        let events = company.count("event").await;
        let writable = |key: &str, creating: bool| {
            object.field(key).is_some_and(|field| match field.write {
                Write::Always => true,
                Write::OnCreate => creating,
                Write::Never => false,
            })
        };
        let inner = [
            "created_by",
            "updated_by",
            "deleted_at",
            "import_id",
            "name_key",
            "password_hash",
            "lead_id",
            "stage_kind",
            "state",
            "scopes",
        ];
        for key in record.as_object().expect("a record").keys().map(String::as_str).chain(inner) {
            for value in [json!("2031-01-01"), json!(7), json!(Uuid::nil()), record[key].clone()] {
                if !writable(key, true) {
                    let mut body = example.clone();
                    body[key] = value.clone();
                    let reply = company.post(who, &path, body).await;
                    assert_eq!(reply.status, 400, "POST {path} {key}: {}", reply.body);
                    tried += 1;
                }
                if !writable(key, false) {
                    let reply = company
                        .call(who, "PATCH", made.header("location"), json!({ key: value }), &[("if-match", "*")])
                        .await;
                    assert_eq!(reply.status, 400, "PATCH {path} {key}: {}", reply.body);
                    tried += 1;
                }
            }
        }
        assert_eq!(company.get(who, made.header("location")).await.body, record, "{path}: nothing changed");
        assert_eq!(company.count("event").await, events, "{path}: nothing happened");
    }
    assert!(tried > 400, "only {tried} tries");
}

#[test]
fn a_hidden_field_is_neither_told_nor_asked_for_nor_in_the_history() {
    on_both(a_hidden_field_is_neither_told_nor_asked_for_nor_in_the_history_on);
}

async fn a_hidden_field_is_neither_told_nor_asked_for_nor_in_the_history_on(app: &TestApp) {
    let company = Company::new(app).await;
    let account = company.post("partner", "/api/accounts", json!({ "name": "Harbour" })).await;
    let body = json!({ "name": "Lin Yue", "account": account.id(), "mobile": "+86 138 0000 0000" });
    let contact = company.post("partner", "/api/contacts", body).await;
    let path = contact.header("location").to_owned();
    company.call("partner", "PATCH", &path, json!({ "mobile": "+86 139 0000 0000" }), &[("if-match", "*")]).await;
    company
        .call(
            "partner",
            "PATCH",
            &path,
            json!({ "job_title": "Buyer", "email": "lin@harbour.example" }),
            &[("if-match", "*")],
        )
        .await;
    let seen = company.get("liaison", &path).await;
    assert_eq!((seen.status, seen.body.get("mobile"), &seen.body["job_title"]), (200, None, &json!("Buyer")));
    for query in ["f=mobile:has:139", "fields=mobile"] {
        assert_eq!(company.get("liaison", &format!("/api/contacts?{query}")).await.status, 422, "{query}");
    }
    let found = company.get("liaison", "/api/contacts?q=13900000000").await;
    assert_eq!(found.body["data"], json!([]));
    let events = company.get("liaison", &format!("{path}/events")).await.body;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(2), "{events}");
    assert!(
        !events.to_string().contains("139 0000")
            && !events.to_string().contains("mobile")
            && !events.to_string().contains("email")
    );
}

// ---- deals and shares

#[test]
fn a_deal_moves_with_evidence_and_its_lines_make_its_amount() {
    on_both(a_deal_moves_with_evidence_and_its_lines_make_its_amount_on);
}

async fn a_deal_moves_with_evidence_and_its_lines_make_its_amount_on(app: &TestApp) {
    let company = Company::new(app).await;
    let pipelines = company.get("seller", "/api/pipelines").await.body;
    let stages = pipelines["data"][0]["stages"].as_array().expect("stages").clone();
    let product =
        company.post("partner", "/api/products", json!({ "name": "Suite", "code": "S", "list_price": "100.00" })).await;
    let deal = company
        .post("seller", "/api/opportunities", json!({ "name": "Forty seats", "close_date": "2027-03-31" }))
        .await;
    let path = deal.header("location").to_owned();
    let tag = deal.header("etag").to_owned();

    let refused = company
        .call("seller", "POST", &format!("{path}/stage"), json!({ "stage": stages[1]["id"] }), &[("if-match", &tag)])
        .await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("account")));
    let account = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
    let body = json!({ "stage": stages[1]["id"], "account": account.id() });
    let moved = company.call("seller", "POST", &format!("{path}/stage"), body, &[("if-match", &tag)]).await;
    assert_eq!((moved.status, &moved.body["stage"]), (200, &stages[1]["id"]), "{}", moved.body);
    let needed = stages[1]["criteria"][0]["id"].as_str().expect("a criterion").to_owned();
    let tag = moved.header("etag").to_owned();
    let without = company
        .call("seller", "POST", &format!("{path}/stage"), json!({ "stage": stages[2]["id"] }), &[("if-match", &tag)])
        .await;
    assert_eq!(without.body["errors"][0]["field"], format!("evidence.{needed}"));
    let body = json!({ "stage": stages[2]["id"], "evidence": { needed.clone(): "They wrote: we need this." } });
    let moved = company.call("seller", "POST", &format!("{path}/stage"), body, &[("if-match", &tag)]).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
    let evidence = company.get("seller", &format!("{path}/evidence")).await.body;
    let given = evidence["data"]
        .as_array()
        .expect("data")
        .iter()
        .find(|item| item["criterion"] == needed.as_str())
        .expect("it");
    assert_eq!((&given["given"], &given["by"]), (&json!(true), &json!("seller")));

    let line = company
        .post(
            "seller",
            &format!("{path}/items"),
            json!({ "product": product.id(), "quantity": "2.5", "discount": "10" }),
        )
        .await;
    assert_eq!(
        (line.status, &line.body["amount"], &line.body["quantity"]),
        (201, &json!("225.00"), &json!("2.5")),
        "{}",
        line.body
    );
    assert_eq!(company.get("seller", line.header("location")).await.body, line.body);
    assert_eq!(company.get("seller", &path).await.body["amount"], "225.00");
    assert_eq!(company.call("seller", "DELETE", line.header("location"), Json::Null, &[]).await.status, 204);
    assert_eq!(company.get("seller", &path).await.body["amount"], "0.00");
    let kinds: Vec<Json> = company.get("seller", &format!("{path}/events")).await.body["data"]
        .as_array()
        .expect("data")
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["items", "items", "stage", "evidence", "stage", "created"]);
}

#[test]
fn a_record_is_shared_by_whoever_has_it_and_not_passed_on() {
    on_both(a_record_is_shared_by_whoever_has_it_and_not_passed_on_on);
}

async fn a_record_is_shared_by_whoever_has_it_and_not_passed_on_on(app: &TestApp) {
    let company = Company::new(app).await;
    let people = company.get("partner", "/api/people").await.body;
    let id = |role: &str| {
        let all = people["data"].as_array().expect("people");
        all.iter().find(|person| person["name"] == role).expect("the person")["id"].as_str().expect("an id").to_owned()
    };
    let account = company.post("partner", "/api/accounts", json!({ "name": "Harbour" })).await;
    let path = account.header("location").to_owned();
    assert_eq!(company.get("seller", &path).await.status, 404);
    let to_seller = format!("{path}/shares/{}", id("seller"));
    assert_eq!(company.call("seller", "PUT", &to_seller, json!({ "may_write": true }), &[]).await.status, 404);
    let shared = company.call("partner", "PUT", &to_seller, json!({ "may_write": true }), &[]).await;
    assert_eq!(shared.status, 200);
    assert_eq!(
        company.call("seller", "PATCH", &path, json!({ "city": "Wuxi" }), &[("if-match", "*")]).await.status,
        200
    );
    let passed_on = company
        .call("seller", "PUT", &format!("{path}/shares/{}", id("manager")), json!({ "may_write": false }), &[])
        .await;
    assert_eq!(passed_on.status, 403);
    let seen = [("if-match", shared.header("etag"))];
    assert_eq!(
        company.call("partner", "PUT", &to_seller, json!({ "may_write": false }), &seen).await.body["may_write"],
        false
    );
    assert_eq!(
        company.call("seller", "PATCH", &path, json!({ "city": "Suzhou" }), &[("if-match", "*")]).await.status,
        403
    );
    assert_eq!(company.get("seller", &format!("{path}/shares")).await.body["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(company.call("partner", "DELETE", &to_seller, Json::Null, &[]).await.status, 204);
    assert_eq!(company.get("seller", &path).await.status, 404);
    let events = company.get("partner", &format!("{path}/events")).await.body;
    assert_eq!(events["data"][0]["changes"][0]["old"], id("seller"));
}
