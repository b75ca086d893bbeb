//! Files of a record: added and removed by who may change it, taken by who sees it, never opened in the page (Q28). On both engines.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::app::{UPLOAD, upload};
use testkit::{Answer, Person, Role, TestApp, on_both};
use trivet::shell::record::Object;

use crate::sharing::share;

pub async fn add(app: &TestApp, by: &Person, path: &str, name: &str, bytes: &[u8]) -> Answer {
    app.post_body(by, &format!("{path}/files"), UPLOAD, upload(&[], name, bytes)).await
}

/// Adds the only file of a record, and returns its id.
pub async fn added(app: &TestApp, by: &Person, object: &Object, record: Uuid, name: &str, bytes: &[u8]) -> Uuid {
    let answer = add(app, by, &format!("/{}/{record}", object.plural), name, bytes).await;
    assert_eq!(answer.status, 303, "{}: {}", object.name, answer.body);
    let file = sql!("SELECT id FROM attachment WHERE subject_id = $1", record);
    app.value(file).await.expect("the file hangs on its record")
}

/// Where the files of a page are taken.
fn hrefs(page: &Answer, path: &str) -> Vec<String> {
    let start = format!("href=\"{path}/files/");
    page.body
        .match_indices(&start)
        .map(|(at, _)| page.body[at + 6..].split('"').next().unwrap_or("").to_owned())
        .collect()
}

async fn on_disk(app: &TestApp) -> usize {
    fn count(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    count(app.files.folder())
}

#[test]
fn a_file_is_added_taken_removed_and_brought_back() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let account = app.account(&lin, "Harbour").await;
        let meeting = app.activity(&lin, "Kick-off", account).await;
        let task = app.task(&lin, "Send the minutes", "2026-12-01").await;
        let contact = app.contact(&lin, "Wang Fang", account).await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let lead = app.lead(&lin, "Zhao Min").await;
        for path in [
            format!("/accounts/{account}"),
            format!("/contacts/{contact}"),
            format!("/opportunities/{deal}"),
            format!("/leads/{lead}"),
            format!("/activities/{meeting}"),
            format!("/tasks/{task}"),
        ] {
            let answer = add(app, &lin, &path, "报价 2026.pdf", b"%PDF-1.7 an offer").await;
            assert_eq!(
                (answer.status.as_u16(), answer.location()),
                (303, format!("{path}?tab=files").as_str()),
                "{}",
                answer.body
            );
            let page = app.get(&boss, &format!("{path}?tab=files")).await;
            assert!(page.has("报价 2026.pdf") && page.has("17 B") && page.has("Lin Yan"), "{}", page.body);
            assert!(page.statements <= 12, "{path}: {}", page.statements);
            let href = hrefs(&page, &path).remove(0);
            let taken = app.get(&boss, &href).await;
            assert_eq!((taken.status.as_u16(), taken.bytes.as_slice()), (200, &b"%PDF-1.7 an offer"[..]));
            assert_eq!(taken.header("content-type"), Some("application/pdf"));
            assert_eq!(taken.header("x-content-type-options"), Some("nosniff"));
            assert_eq!(taken.header("content-security-policy"), Some("default-src 'none'; sandbox"));
            assert_eq!(
                taken.header("content-disposition"),
                Some("attachment; filename=\"__ 2026.pdf\"; filename*=UTF-8''%E6%8A%A5%E4%BB%B7%202026.pdf")
            );
            // In the history of the record; that of a contact or deal also on its account's.
            let history = app.get(&lin, &path).await;
            let link = format!("<a href=\"{path}?tab=files\">报价 2026.pdf</a>");
            assert!(history.has("added the file") && history.has(&link), "{path}: {}", history.body);

            let gone = app.post_form(&lin, &format!("{href}/removal"), &[]).await;
            assert_eq!(gone.status, 303);
            assert_eq!(app.get(&lin, &href).await.status, 404);
            assert!(hrefs(&app.get(&lin, &format!("{path}?tab=files")).await, &path).is_empty());
            assert_eq!(app.post_form(&lin, &format!("{href}/removal"), &[]).await.status, 404);
            assert_eq!(app.post_form(&lin, &format!("{href}/restoration"), &[]).await.status, 303);
            assert_eq!(app.get(&lin, &href).await.status, 200);
        }
        let timeline = app.get(&lin, &format!("/accounts/{account}")).await;
        assert!(timeline.has(&format!("/contacts/{contact}")) && timeline.has("removed the file"), "{}", timeline.body);
        let kinds = app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind IN ('attached', 'detached')").await;
        assert_eq!(kinds, Some(18));
        // A colleague has none.
        assert_eq!(add(app, &lin, &format!("/people/{}", boss.id), "a.txt", b"a").await.status, 404);
    });
}

#[test]
fn who_may_not_see_the_record_gets_no_file_and_who_may_only_see_it_adds_none() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let deal = app.opportunity(&lin, "Forty seats", app.account(&lin, "Harbour").await).await;
        let other = app.opportunity(&wu, "Theirs", app.account(&wu, "Haven").await).await;
        let path = format!("/opportunities/{deal}");
        add(app, &lin, &path, "offer.txt", b"secret").await;
        let href = hrefs(&app.get(&lin, &format!("{path}?tab=files")).await, &path).remove(0);
        let id = href.rsplit('/').next().unwrap_or("").to_owned();
        let (on_both_sides, lone) = (on_disk(app).await, Uuid::nil());
        // Not theirs: not there. Nor by way of a record that is theirs.
        for address in [href.clone(), format!("/opportunities/{other}/files/{id}"), format!("{path}/files/{lone}")] {
            assert_eq!(app.get(&wu, &address).await.status, 404, "{address}");
            assert_eq!(app.post_form(&wu, &format!("{address}/removal"), &[]).await.status, 404, "{address}");
        }
        assert_eq!(add(app, &wu, &path, "mine.txt", b"mine").await.status, 404);
        let token = app.api_token(&wu).await;
        for address in [format!("/api{path}/files"), format!("/api{path}/files/{id}")] {
            assert_eq!(app.api(&token, Method::GET, &address, &[], None).await.status, 404, "{address}");
        }
        // Shared to read: taken, but neither added nor removed.
        share(app, &lin, &path, &wu, false).await;
        let page = app.get(&wu, &format!("{path}?tab=files")).await;
        assert!(page.has("offer.txt") && !page.has("type=\"file\"") && !page.has("/removal"), "{}", page.body);
        assert_eq!(app.get(&wu, &href).await.bytes, b"secret");
        assert_eq!(add(app, &wu, &path, "mine.txt", b"mine").await.status, 403);
        assert_eq!(app.post_form(&wu, &format!("{href}/removal"), &[]).await.status, 403);
        assert_eq!(app.api(&token, Method::DELETE, &format!("/api{path}/files/{id}"), &[], None).await.status, 403);
        // A record in the trash hands nothing out.
        app.post_form(&lin, &format!("{path}/trash"), &[]).await;
        assert_eq!(app.get(&lin, &href).await.status, 404);
        assert_eq!(on_disk(app).await, on_both_sides, "what was refused left nothing behind");
    });
}

#[test]
fn minutes_of_a_meeting_and_data_of_a_product_are_for_who_sees_them() {
    on_both(async |app| {
        let pia = app.person("Pia").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let hr = app.person("Ada").role(Role::Hr).create().await;
        // A product is everybody's who sells; its data sheet is changed by who keeps the products.
        let product = app.create("product", &pia, &[("name", "Lamp"), ("code", "L-1"), ("list_price", "9")]).await;
        let path = format!("/products/{product}");
        assert_eq!(add(app, &pia, &path, "data.txt", b"9 W").await.status, 303);
        let page = app.get(&lin, &format!("{path}?tab=files")).await;
        assert!(page.has("data.txt") && !page.has("type=\"file\""), "{}", page.body);
        assert_eq!(app.get(&lin, &hrefs(&page, &path)[0]).await.bytes, b"9 W");
        assert_eq!(add(app, &lin, &path, "mine.txt", b"mine").await.status, 404, "a seller changes no product");
        assert_eq!(app.get(&hr, &hrefs(&page, &path)[0]).await.status, 404);
        // What hangs on a meeting or a task is seen by who sees that one, on the page and by programs.
        let meeting = app.activity(&lin, "Kick-off", app.account(&lin, "Harbour").await).await;
        let task = app.task(&lin, "Call", "2026-12-01").await;
        for path in [format!("/activities/{meeting}"), format!("/tasks/{task}")] {
            assert_eq!(add(app, &lin, &path, "minutes.txt", b"agreed").await.status, 303, "{path}");
            let href = hrefs(&app.get(&lin, &format!("{path}?tab=files")).await, &path).remove(0);
            assert_eq!(app.get(&wu, &href).await.status, 404, "{path}");
            assert_eq!(add(app, &wu, &path, "mine.txt", b"mine").await.status, 404, "{path}");
            let (mine, theirs) = (app.api_token(&lin).await, app.api_token(&wu).await);
            for address in [format!("/api{path}/files"), format!("/api{href}")] {
                assert_eq!(app.api(&mine, Method::GET, &address, &[], None).await.status, 200, "{address}");
                assert_eq!(app.api(&theirs, Method::GET, &address, &[], None).await.status, 404, "{address}");
            }
        }
    });
}

#[test]
fn what_is_too_large_or_empty_or_missing_is_said_beside_the_form() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let path = format!("/accounts/{account}");
        let large = vec![b'x'; 25 * 1024 * 1024 + 1];
        for (name, bytes, said) in [
            ("plan.pdf", large.as_slice(), "“plan.pdf” is larger than 25 MB."),
            ("plan.pdf", b"", "“plan.pdf” is empty."),
            ("", b"", "Choose a file first."),
        ] {
            let answer = add(app, &lin, &path, name, bytes).await;
            assert_eq!(answer.status, 422, "{name}");
            assert!(answer.has(said) && answer.has("id=\"file-error\""), "{said}: {}", answer.body);
        }
        assert_eq!(add(app, &lin, &path, "plan.pdf", &large[1..]).await.status, 303, "25 MB are allowed");
        assert_eq!(add(app, &lin, &path, "plan.pdf", &vec![b'x'; 101 * 1024 * 1024]).await.status, 413);
        assert_eq!(on_disk(app).await, 1);
        assert_eq!(app.post_body(&lin, &format!("{path}/files"), "text/plain", b"x".to_vec()).await.status, 400);
    });
}

#[test]
fn nothing_that_a_browser_runs_is_handed_out_as_such() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let path = format!("/accounts/{account}");
        for name in ["a.html", "a.svg", "a.xml", "a.js", "a.pdf", "a.pHaR", "..%2Fa\\b\".htm"] {
            add(app, &lin, &path, name, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>").await;
        }
        let page = app.get(&lin, &format!("{path}?tab=files")).await;
        let all = hrefs(&page, &path);
        assert_eq!(all.len(), 7);
        for href in all {
            let taken = app.get(&lin, &href).await;
            assert_eq!(taken.header("content-type"), Some("application/octet-stream"));
            assert!(
                taken.header("content-disposition").is_some_and(|value| value.starts_with("attachment; filename=\""))
            );
        }
    });
}

#[test]
fn programs_list_add_take_and_remove_files() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let token = app.api_token(&lin).await;
        let path = format!("/api/accounts/{account}/files");
        let bearer = format!("Bearer {token}");
        let post = async |name: &str, bytes: &[u8], key: &str| {
            let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD), ("idempotency-key", key)];
            app.request(Method::POST, &path, &headers, Body::from(upload(&[], name, bytes))).await
        };
        let made = post("notes.txt", b"Hello", "one").await;
        assert_eq!(made.status, 201, "{}", made.body);
        let file = made.json();
        assert_eq!(
            (&file["name"], &file["size"], &file["media_type"]),
            (&json!("notes.txt"), &json!(5), &json!("text/plain"))
        );
        assert_eq!(file["uploaded_by_label"], "Lin Yan");
        let place = made.location().to_owned();
        assert_eq!(place, format!("{path}/{}", file["id"].as_str().unwrap_or("")));
        // The same again is the same file; another one under that key is refused. Neither leaves bytes behind.
        let again = post("notes.txt", b"Hello", "one").await;
        assert_eq!((again.status.as_u16(), again.json(), again.location()), (201, file.clone(), place.as_str()));
        assert_eq!(post("notes.txt", b"Other", "one").await.status, 422);
        assert_eq!(on_disk(app).await, 1);
        assert_eq!(post("empty.txt", b"", "two").await.json()["errors"][0]["field"], "file");
        let wrong = app.api(&token, Method::POST, &path, &[], Some(&json!({}))).await;
        assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (415, Some("application/problem+json")));

        let list = app.api(&token, Method::GET, &path, &[], None).await.json();
        assert_eq!(list["data"], json!([file]));
        assert_eq!(app.api(&token, Method::GET, &place, &[], None).await.bytes, b"Hello");
        let events = app.api(&token, Method::GET, &format!("/api/accounts/{account}/events"), &[], None).await.json();
        assert_eq!(events["data"][0]["changes"], json!([{ "field": "file", "old": null, "new": "notes.txt" }]));
        assert_eq!(app.api(&token, Method::DELETE, &place, &[], None).await.status, 204);
        assert_eq!(app.api(&token, Method::GET, &place, &[], None).await.status, 404);
        assert_eq!(app.api(&token, Method::GET, &path, &[], None).await.json()["data"], json!([]));
    });
}
