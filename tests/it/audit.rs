//! The audit log is evidence: who did what to what, from what to what, in words, for people who never saw a key. On both engines.

use axum::http::Method;
use serde_json::json;
use testkit::{Answer, Person, Role, TestApp, on_both};

use crate::company::Company;
use crate::hidden::hide;

/// Somebody sells, shares, edits many records, takes a list out and keeps a view.
async fn busy_day(app: &TestApp) -> (Person, store::Uuid) {
    let pat = app.person("Pat Moss").role(Role::Partner).create().await;
    let wu = app.person("Wu Di").role(Role::Seller).create().await;
    let account = app.account(&pat, "Harbour Optics").await;
    let contact = app.contact(&pat, "Ann Moe", account).await;
    let deal = app.opportunity(&pat, "Rollout", account).await;
    let post = async |path: String, fields: &[(&str, &str)]| {
        app.clock.advance(60);
        let answer = app.post_form(&pat, &path, fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
    };
    let (person, contact, many) = (wu.id.to_string(), contact.to_string(), account.to_string());
    post(format!("/accounts/{account}/shares"), &[("person", &person), ("may_write", "on")]).await;
    post(format!("/accounts/{account}/team"), &[("person", &person), ("duty", "Technical")]).await;
    post(format!("/opportunities/{deal}/committee"), &[("contact", &contact), ("buying_role", "champion")]).await;
    let fields = [("action", "edit"), ("field", "city"), ("value", "Suzhou"), ("ids", &many), ("query", "")];
    post("/accounts/bulk/apply".into(), &fields).await;
    let query = format!("f=city:is:Suzhou&f=owner:is:{person}&sort=-employees");
    let fields = [("name", "Ours"), ("audience", "private"), ("query", query.as_str())];
    post("/accounts/view".into(), &fields).await;
    let file = app.get(&pat, &format!("/accounts.csv?view=none&f=city:is:Suzhou&f=owner:is:{person}")).await;
    assert_eq!(file.status, 200);
    (pat, account)
}

/// Of the page what stands in its table.
fn table(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    page.body.split("<tbody>").nth(1).unwrap_or("").split("</tbody>").next().unwrap_or("").to_owned()
}

/// What people read of it, without what stands in the tags.
fn read_aloud(html: &str) -> String {
    html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_auditor_reads_in_words_what_was_done_to_what() {
    on_both(async |app| {
        let (_, account) = busy_day(app).await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let page = app.get(&eve, "/audit").await;
        assert!(page.statements <= 8, "{} statements", page.statements);
        let told = table(&page);
        for words in [
            "Shared with: <span class=\"change\"><ins>Wu Di</ins>",
            "Member of the account team: <span class=\"change\"><ins>Wu Di</ins>",
            "Member of the buying committee: <span class=\"change\"><ins>Ann Moe</ins>",
            "Role on the committee: <span class=\"change\"><ins>Champion</ins>",
            "City: <span class=\"change\"><ins>Suzhou</ins>",
            "Many changed at once",
            "Records: <span class=\"change\"><ins>1</ins>",
            "City: Suzhou; Owner: Wu Di; ordered by Employees, descending",
            "Format: <span class=\"change\"><ins>CSV</ins>",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        // No key, no id, no query.
        let aloud = read_aloud(&told);
        for raw in ["shared_with", "committee_", "f=", "sort=", "is:", "view.", "saved_view", "csv", "null"] {
            assert!(!aloud.contains(raw), "{raw}: {aloud}");
        }
        assert!(told.contains(&format!("href=\"/accounts/{account}\"")), "{told}");
        // Everything about one record, and nothing else.
        let one = table(&app.get(&eve, &format!("/audit?record={account}")).await);
        assert!(one.contains("Harbour Optics") && !one.contains("Rollout") && !one.contains("Exported"), "{one}");
        // What came by one door.
        let by_program = table(&app.get(&eve, "/audit?via=api").await);
        assert!(by_program.is_empty(), "{by_program}");
        let zh = app.person("钱薇").role(Role::Auditor).locale("zh-CN").create().await;
        let told = table(&app.get(&zh, "/audit").await);
        assert!(told.contains("共享给：") && told.contains("批量修改") && told.contains("城市：Suzhou；"), "{told}");
    });
}

#[test]
fn what_is_hidden_from_an_auditor_is_not_told_of_lists_either() {
    on_both(async |app| {
        busy_day(app).await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let token = app.api_token(&eve).await;
        let places = ["/audit", "/audit.csv", "/api/audit"];
        let told = async |place: &str| match place.starts_with("/api") {
            true => app.api(&token, Method::GET, place, &[], None).await.body,
            false => app.get(&eve, place).await.body,
        };
        for place in places {
            let told = told(place).await;
            assert!(told.contains("Suzhou") && told.contains("Wu Di"), "{place}: {told}");
        }
        hide(app, "account", &["city"], "auditor").await;
        for place in places {
            let told = told(place).await;
            assert!(!told.contains("Suzhou") && told.contains("Wu Di"), "{place}: {told}");
        }
        app.execute("UPDATE access_rule SET read_level = 'none' WHERE role = 'auditor' AND object = 'account'").await;
        app.settings_changed().await;
        for place in places {
            let told = told(place).await;
            assert!(!told.contains("employees") && !told.contains("Employees, descending"), "{place}: {told}");
        }
    });
}

#[test]
fn whoever_failed_to_sign_in_is_not_the_house() {
    on_both(async |app| {
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let form = testkit::app::form(&[("email", &eve.email), ("password", "not the password")]);
        app.request(Method::POST, "/sign-in", &[("sec-fetch-site", "same-origin")], form).await;
        // It is noted beside the answer.
        let noted = "SELECT COUNT(*) FROM event WHERE kind = 'sign_in_failed'";
        for _ in 0..200 {
            if app.value::<i64>(noted).await == Some(1) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let told = table(&app.get(&eve, "/audit?kind=sign_in_failed").await);
        assert!(told.contains("Not signed in") && !told.contains("The system"), "{told}");
    });
}

#[test]
fn an_administrator_reads_which_fields_were_changed_but_not_what_stands_in_them() {
    on_both(async |app| {
        let (_, account) = busy_day(app).await;
        let told = table(&app.get(&app.administrator, "/audit").await);
        for words in ["City <span class=\"dim\">(values not open to you)", "Not open to you", "Format: ", "Records: "] {
            assert!(told.contains(words), "{words}: {told}");
        }
        for hidden in ["Harbour", "Suzhou", "Ann Moe", "Champion", "Rollout", "Ours"] {
            assert!(!told.contains(hidden), "{hidden}: {told}");
        }
        assert!(!told.contains(&format!("/accounts/{account}")), "no way to what is not theirs: {told}");
    });
}

#[test]
fn what_lies_in_the_trash_leads_there_and_settings_lead_to_their_page() {
    on_both(async |app| {
        let pat = app.person("Pat Moss").role(Role::Partner).role(Role::Admin).role(Role::Auditor).create().await;
        let account = app.account(&pat, "Harbour Optics").await;
        app.post_form(&pat, &format!("/accounts/{account}/trash"), &[]).await;
        let pipeline = app.post_form(&pat, "/settings/pipelines", &[("name", "Partners")]).await;
        assert_eq!(pipeline.status, 303, "{}", pipeline.body);
        let told = table(&app.get(&pat, "/audit").await);
        assert!(told.contains("trash=1\">Harbour Optics</a>"), "{told}");
        assert!(!told.contains(&format!("href=\"/accounts/{account}\"")), "{told}");
        assert!(told.contains("href=\"/settings/pipelines/"), "{told}");
    });
}

#[test]
fn programs_read_of_one_record_and_of_one_door() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let path = company.post("seller", "/api/accounts", json!({ "name": "Harbour" })).await;
        let path = path.header("location").to_owned();
        let id = path.rsplit('/').next().expect("an id").to_owned();
        let of_one = company.get("auditor", &format!("/api/audit?record={id}&via=api")).await;
        let kinds: Vec<&str> =
            of_one.body["data"].as_array().expect("events").iter().filter_map(|one| one["kind"].as_str()).collect();
        assert_eq!(kinds, ["created"], "{}", of_one.body);
        for wrong in ["record=here", "via=window"] {
            assert_eq!(company.get("auditor", &format!("/api/audit?{wrong}")).await.status, 400, "{wrong}");
        }
    });
}
