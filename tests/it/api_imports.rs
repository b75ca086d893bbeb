//! Imports through the API: a file comes in with its mapping, is checked, taken in, and taken back; and nobody else's. On both
//! engines.

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value as Json, json};
use store::sql;
use testkit::app::{UPLOAD, upload};
use testkit::{TestApp, on_both};
use trivet::shell::viewer::hash_token;

use crate::company::{Company, Reply};
use crate::import::work;

const FILE: &str = "Name,Sector,Employees\nAcme,technology,12\nBeta,medical,many\nCancity,retail,7\n";

async fn bring(company: &Company<'_>, who: &str, texts: &[(&str, &str)], key: &str) -> Reply {
    let bearer = format!("Bearer {}", company.tokens[who]);
    let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD), ("idempotency-key", key)];
    let headers = &headers[..if key.is_empty() { 2 } else { 3 }];
    let body = Body::from(upload(texts, "accounts.csv", FILE.as_bytes()));
    let answer = company.app.request(Method::POST, "/api/imports", headers, body).await;
    Reply { status: answer.status.as_u16(), body: serde_json::from_str(&answer.body).unwrap_or(Json::Null), answer }
}

fn counts(reply: &Reply) -> (&str, [i64; 4]) {
    let count = |name: &str| reply.body[name].as_i64().unwrap_or(-1);
    let state = reply.body["state"].as_str().unwrap_or_default();
    (state, [count("created"), count("updated"), count("skipped"), count("failed")])
}

#[test]
fn a_file_is_checked_taken_in_and_taken_back() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let made = bring(&company, "partner", &[("object", "account"), ("dry_run", "true")], "").await;
        assert_eq!((made.status, counts(&made).0), (201, "checking"), "{}", made.body);
        let at = made.header("location").to_owned();
        assert_eq!(at, format!("/api/imports/{}", made.id()));
        assert_eq!(made.body["mapping"]["columns"]["Sector"]["field"], "industry");
        assert_eq!(made.body["rows_total"], 3);
        assert_eq!(made.body["progress"]["cancelling"], false);
        work(app).await;
        let checked = company.get("partner", &at).await;
        assert_eq!(counts(&checked), ("checked", [2, 0, 0, 1]), "{}", checked.body);
        assert_eq!((company.count("account").await, &checked.body["progress"]), (0, &Json::Null));

        let begun = company.post("partner", &format!("{at}/start"), json!({})).await;
        assert_eq!((begun.status, counts(&begun).0), (202, "running"), "{}", begun.body);
        let twice = company.post("partner", &format!("{at}/start"), json!({})).await;
        assert_eq!(twice.status, 409, "{}", twice.body);
        work(app).await;
        assert_eq!(counts(&company.get("partner", &at).await), ("done", [2, 0, 0, 1]));
        assert_eq!(company.count("account").await, 2);
        let errors = company.get("partner", &format!("{at}/errors")).await;
        assert_eq!((errors.status, errors.header("content-type")), (200, "text/csv; charset=utf-8"));
        let refused: Vec<&str> = errors.answer.body.lines().skip(1).collect();
        assert!(refused.len() == 1 && refused[0].starts_with("Beta,medical,many,3,"), "{refused:?}");
        let rows = company.get("partner", &format!("{at}/rows?outcome=failed")).await;
        assert_eq!(rows.status, 200, "{}", rows.body);
        let row = &rows.body["data"][0];
        assert_eq!((&row["row"], &row["outcome"], &row["cells"][2]), (&json!(3), &json!("failed"), &json!("many")));
        assert_eq!((&row["problems"][0]["field"], &row["record"]), (&json!("employees"), &Json::Null));

        let undone = company.post("partner", &format!("{at}/undo"), Json::Null).await;
        assert_eq!((undone.status, counts(&undone).0), (202, "undoing"), "{}", undone.body);
        work(app).await;
        let after = company.get("partner", &at).await;
        assert_eq!(after.body["state"], "undone");
        assert!(after.body["undone_at"].is_string(), "{}", after.body);
        let left: Option<i64> = app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL").await;
        assert_eq!(left, Some(0));
        let removed = company.call("partner", "DELETE", &at, Json::Null, &[("if-match", "*")]).await;
        assert_eq!(removed.status, 409, "what ran is not forgotten");
    });
}

#[test]
fn a_mapping_is_given_with_the_file_changed_on_its_version_or_kept_for_the_next() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let mapping = json!({ "object": "account", "key": "name", "columns": { "Name": { "field": "name" } } });
        let text = mapping.to_string();
        let made = bring(&company, "partner", &[("object", "account"), ("mapping", &text)], "").await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert_eq!(made.body["mapping"]["columns"], mapping["columns"], "nothing is guessed beside it");
        let at = format!("{}/mapping", made.header("location"));
        let tag = made.header("etag").to_owned();

        let unnamed = company.call("partner", "PUT", &at, mapping.clone(), &[]).await;
        assert_eq!(unnamed.status, 428);
        let wrong =
            json!({ "object": "account", "columns": { "Name": { "field": "nickname" }, "Town": { "field": "city" } } });
        let wrong = company.call("partner", "PUT", &at, wrong, &[("if-match", &tag)]).await;
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        let fields: Vec<&Json> = wrong.body["errors"].as_array().into_iter().flatten().map(|e| &e["field"]).collect();
        assert_eq!(fields, ["Name", "Town"]);
        let more = json!({ "object": "account", "columns": { "Name": { "field": "name" }, "Employees": { "field": "employees" } } });
        let mapped = company.call("partner", "PUT", &at, more.clone(), &[("if-match", &tag)]).await;
        assert_eq!(
            (mapped.status, &mapped.body["mapping"]["columns"]["Employees"]["field"]),
            (200, &json!("employees"))
        );
        let stale = company.call("partner", "PUT", &at, more.clone(), &[("if-match", &tag)]).await;
        assert_eq!(stale.status, 412);
        let far = json!({ "object": "account", "shift_days": 99_999_999, "columns": { "Name": { "field": "name" } } });
        let far = company.call("partner", "PUT", &at, far, &[("if-match", "*")]).await;
        assert_eq!((far.status, &far.body["errors"][0]["field"]), (422, &json!("shift_days")));

        let kept = json!({ "name": "Old program", "mapping": more });
        let kept = company.post("partner", "/api/import-mappings", kept).await;
        assert_eq!(kept.status, 201, "{}", kept.body);
        assert_eq!(company.get("partner", kept.header("location")).await.body, kept.body);
        let listed = company.get("partner", "/api/import-mappings").await;
        assert_eq!(listed.body["data"][0]["name"], "Old program");
        for named in ["Old program", &kept.id()] {
            let again = bring(&company, "partner", &[("object", "account"), ("saved_mapping", named)], "").await;
            assert_eq!(again.status, 201, "{}", again.body);
            let columns = &again.body["mapping"]["columns"];
            assert_eq!(
                (&columns["Employees"]["field"], &columns["Sector"]["field"]),
                (&json!("employees"), &json!("industry"))
            );
        }
        // A mapping belongs to who keeps it.
        let others = [("object", "account"), ("saved_mapping", "Old program")];
        let others = bring(&company, "seller", &others, "").await;
        assert_eq!((others.status, &others.body["errors"][0]["field"]), (422, &json!("saved_mapping")));
        assert_eq!(company.get("seller", kept.header("location")).await.status, 404);
        let theirs = company.call("seller", "DELETE", kept.header("location"), Json::Null, &[]).await;
        assert_eq!(theirs.status, 404);
        assert_eq!(company.call("partner", "DELETE", kept.header("location"), Json::Null, &[]).await.status, 204);
        assert_eq!(company.get("partner", "/api/import-mappings").await.body["data"], json!([]));
    });
}

#[test]
fn an_import_is_seen_by_who_made_it_and_refused_with_the_reason() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let made = bring(&company, "partner", &[("object", "account")], "once").await;
        let again = bring(&company, "partner", &[("object", "account")], "once").await;
        assert_eq!((again.status, again.header("idempotency-replayed"), again.id()), (201, "true", made.id()));
        let another = bring(&company, "partner", &[("object", "account"), ("dry_run", "true")], "once").await;
        assert_eq!(another.status, 422, "another request with the same key");
        assert_eq!((company.count("import").await, company.count("stored_file").await), (1, 1));

        let at = made.header("location").to_owned();
        for (method, path) in [
            ("GET", ""),
            ("GET", "/errors"),
            ("GET", "/rows"),
            ("POST", "/undo"),
            ("POST", "/cancellation"),
            ("DELETE", ""),
        ] {
            let theirs = company.call("seller", method, &format!("{at}{path}"), Json::Null, &[("if-match", "*")]).await;
            assert_eq!(theirs.status, 404, "{method} {path}");
        }
        assert_eq!(company.post("seller", &format!("{at}/start"), json!({})).await.status, 404);
        assert_eq!(company.get("seller", "/api/imports").await.body["data"], json!([]));
        assert_eq!(company.get("auditor", "/api/imports").await.status, 404, "who may make nothing has no imports");

        for (texts, status, field) in [
            (vec![], 400, "object"),
            (vec![("object", "dragon")], 400, "object"),
            (vec![("object", "account"), ("dry_run", "maybe")], 400, "dry_run"),
            (vec![("object", "account"), ("reason", &"x".repeat(501))], 400, "reason"),
            (vec![("object", "person")], 422, "object"),
            (vec![("object", "account"), ("mapping", "{")], 422, "mapping"),
            (vec![("object", "account"), ("mapping", "{}"), ("saved_mapping", "x")], 422, "mapping"),
            (vec![("object", "contact"), ("mapping", r#"{"object":"account"}"#)], 422, "mapping"),
        ] {
            let refused = bring(&company, "seller", &texts, "").await;
            assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (status, &json!(field)), "{texts:?}");
        }
        assert_eq!(company.count("stored_file").await, 1);
        let plain = company.post("partner", "/api/imports", json!({ "object": "account" })).await;
        assert_eq!(plain.status, 415);

        // A token that may only read brings nothing in.
        let token = &company.tokens["partner"];
        app.execute(sql!("UPDATE api_token SET scopes = 'read' WHERE token_hash = $1", hash_token(token))).await;
        assert_eq!(bring(&company, "partner", &[("object", "account")], "").await.status, 403);
        assert_eq!(company.post("partner", &format!("{at}/start"), json!({})).await.status, 403);
        assert_eq!(company.get("partner", &at).await.status, 200);
    });
}

#[test]
fn a_long_list_of_imports_is_paged_and_a_waiting_one_can_be_stopped() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(bring(&company, "partner", &[("object", "account")], "").await.id());
            app.clock.advance(5);
        }
        made.reverse();
        let (mut seen, mut path) = (Vec::new(), "/api/imports?limit=2".to_owned());
        loop {
            let page = company.get("partner", &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let data = page.body["data"].as_array().expect("a page");
            seen.extend(data.iter().map(|import| import["id"].as_str().unwrap_or_default().to_owned()));
            let Some(next) = page.body["next"].as_str() else { break };
            assert!(page.header("link").contains(next));
            path = format!("/api/imports?limit=2&after={next}");
        }
        assert_eq!(seen, made);
        assert_eq!(company.get("partner", "/api/imports?after=nowhere").await.status, 422);
        assert_eq!(company.get("partner", "/api/imports?sort=name").await.status, 400);

        let at = format!("/api/imports/{}", made[0]);
        company.post("partner", &format!("{at}/start"), json!({})).await;
        let stopped = company.post("partner", &format!("{at}/cancellation"), Json::Null).await;
        assert_eq!((stopped.status, &stopped.body["state"]), (202, &json!("mapping")), "{}", stopped.body);
        work(app).await;
        assert_eq!(company.count("account").await, 0);
        let gone = company.call("partner", "DELETE", &at, Json::Null, &[("if-match", "*")]).await;
        assert_eq!(gone.status, 204, "{}", gone.body);
        assert_eq!((company.get("partner", &at).await.status, company.count("stored_file").await), (404, 4));
    });
}

#[test]
fn a_program_reads_what_became_of_each_row() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let bearer = format!("Bearer {}", company.tokens["partner"]);
        let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD)];
        let file = "Name,Employees\nAcme,1\nAcme,2\nAcme,2\nBeta,many\n";
        let body = Body::from(upload(&[("object", "account")], "accounts.csv", file.as_bytes()));
        let made = app.request(Method::POST, "/api/imports", &headers, body).await;
        let at = made.header("location").expect("it was made").to_owned();
        company.post("partner", &format!("{at}/start"), json!({})).await;
        work(app).await;
        let done = company.get("partner", &at).await;
        assert_eq!((counts(&done), &done.body["repeated"]), (("done", [1, 1, 1, 1]), &json!(2)), "{}", done.body);
        let acme: store::Uuid = app.value("SELECT id FROM account WHERE name = 'Acme'").await.unwrap();
        let (mut seen, mut path) = (Vec::new(), format!("{at}/rows?limit=1"));
        loop {
            let page = company.get("partner", &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            let row = &page.body["data"][0];
            seen.push(json!([row["row"], row["outcome"], row["record"], row["same_as"]]));
            let Some(next) = page.body["next"].as_str() else { break };
            assert!(page.header("link").contains(next));
            path = format!("{at}/rows?limit=1&after={next}");
        }
        let expected =
            [json!([3, "updated", acme, 2]), json!([4, "skipped", acme, 2]), json!([5, "failed", null, null])];
        assert_eq!(seen, expected);
        for (outcome, rows) in [("updated", 1), ("skipped", 1), ("failed", 1), ("repeated", 2)] {
            let page = company.get("partner", &format!("{at}/rows?outcome={outcome}")).await;
            assert_eq!(page.body["data"].as_array().map(Vec::len), Some(rows), "{outcome}: {}", page.body);
        }
        assert_eq!(company.get("partner", &format!("{at}/rows?outcome=lost")).await.status, 400);
        assert_eq!(company.get("partner", &format!("{at}/rows?after=nowhere")).await.status, 422);
    });
}

#[test]
fn a_program_gives_one_reason_for_its_deals_in_later_stages() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let deals = "Name,Stage,Close date\nEnd,Won,2026-12-24\n";
        let bearer = format!("Bearer {}", company.tokens["partner"]);
        let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD)];
        let bring = async |texts: &[(&str, &str)]| -> String {
            let body = Body::from(upload(texts, "deals.csv", deals.as_bytes()));
            let answer = app.request(Method::POST, "/api/imports", &headers, body).await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.body);
            answer.header("location").unwrap().to_owned()
        };
        let at = bring(&[("object", "opportunity"), ("dry_run", "true")]).await;
        work(app).await;
        assert_eq!(counts(&company.get("partner", &at).await), ("checked", [0, 0, 0, 1]));
        let mut mapping = company.get("partner", &at).await.body["mapping"].clone();
        mapping["reason"] = json!("Taken over");
        let mapped = company.call("partner", "PUT", &format!("{at}/mapping"), mapping, &[("if-match", "*")]).await;
        assert_eq!((mapped.status, &mapped.body["mapping"]["reason"]), (200, &json!("Taken over")), "{}", mapped.body);
        company.post("partner", &format!("{at}/start"), json!({})).await;
        work(app).await;
        assert_eq!(counts(&company.get("partner", &at).await), ("done", [1, 0, 0, 0]));

        app.clock.advance(60);
        let at = bring(&[("object", "opportunity"), ("reason", "Another one"), ("dry_run", "true")]).await;
        let said = company.get("partner", &at).await.body["mapping"]["reason"].clone();
        assert_eq!(said, json!("Another one"), "instead of that of the last one");
        work(app).await;
        assert_eq!(counts(&company.get("partner", &at).await), ("checked", [1, 0, 0, 0]));
    });
}

#[test]
fn an_empty_table_for_an_import_is_there_for_who_may_bring_one_in() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let csv = company.get("seller", "/api/accounts/import-template").await;
        assert_eq!((csv.status, csv.header("content-type")), (200, "text/csv; charset=utf-8"));
        assert!(csv.header("content-disposition").contains("accounts.csv"), "{}", csv.header("content-disposition"));
        let headings = csv.answer.body.trim_start_matches('\u{feff}').trim_end();
        assert!(headings.lines().count() == 1 && headings.split(',').any(|one| one == "Name"), "{headings}");
        // Just these headings are recognised: a row below them comes in.
        let row: Vec<&str> = headings.split(',').map(|one| if one == "Name" { "Harbour Pumps" } else { "" }).collect();
        let file = format!("{headings}\n{}\n", row.join(","));
        let bearer = format!("Bearer {}", company.tokens["seller"]);
        let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD)];
        let body = Body::from(upload(&[("object", "account")], "accounts.csv", file.as_bytes()));
        let made = app.request(Method::POST, "/api/imports", &headers, body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let columns = &made.json()["mapping"]["columns"];
        assert_eq!(
            (&columns["Name"]["field"], &columns["City"]["field"]),
            (&json!("name"), &json!("city")),
            "{columns}"
        );
        let xlsx = company.get("seller", "/api/accounts/import-template?format=xlsx").await;
        assert_eq!(xlsx.status, 200);
        assert!(xlsx.header("content-type").ends_with("spreadsheetml.sheet"), "{}", xlsx.header("content-type"));
        let wrong = company.get("seller", "/api/accounts/import-template?format=pdf").await;
        assert_eq!((wrong.status, &wrong.body["errors"][0]["field"]), (400, &json!("format")));
        // The auditor reads accounts, and brings none in; people come in by the administrator.
        assert_eq!(company.get("auditor", "/api/accounts/import-template").await.status, 404);
        assert_eq!(company.get("seller", "/api/people/import-template").await.status, 404);
        assert_eq!(company.get("admin", "/api/people/import-template").await.status, 200);
    });
}
