//! Saved views: who sees, changes, shares, deletes them and brings them back, on the pages and through the API. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::system::{jobs, setup};

use crate::company::{Company, Reply};

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Row {
    id: Uuid,
    version: i64,
    name: String,
    audience: String,
    query: String,
    columns: String,
    is_default: bool,
}

async fn rows(app: &TestApp) -> Vec<Row> {
    let mut session = app.db.read().await.expect("the database can be read");
    let all = "SELECT id, version, name, audience, query, columns, is_default FROM saved_view ORDER BY created_at, id";
    session.all(all).await.expect("views")
}

/// Kinds and doors of the events of a view, oldest first.
async fn told(app: &TestApp, view: Uuid) -> Vec<String> {
    let mut session = app.db.read().await.expect("the database can be read");
    let all: Vec<(String,)> = session
        .all(sql!("SELECT kind FROM event WHERE subject_type = 'saved_view' AND subject_id = $1 ORDER BY id", view))
        .await
        .expect("events");
    all.into_iter().map(|(kind,)| kind).collect()
}

async fn save(app: &TestApp, by: &Person, name: &str, audience: &str, query: &str) -> Uuid {
    let fields = [("name", name), ("audience", audience), ("query", query)];
    let answer = app.post_form(by, "/accounts/view", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.location().rsplit_once('=').and_then(|(_, id)| id.parse().ok()).expect("the new view is shown")
}

#[test]
fn a_view_is_renamed_given_new_content_made_the_first_and_brought_back_after_it_was_deleted() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        app.account(&lin, "Harbour Optics").await;
        let view = save(app, &lin, "Harbours", "private", "f=name:has:harbour&cols=name,city&sort=-name").await;
        let other = save(app, &lin, "Mine", "private", "f=owner:is:me&sort=name").await;
        let post = async |rest: &str, fields: &[(&str, &str)]| {
            app.clock.advance(1);
            app.post_form(&lin, &format!("/views/{view}{rest}"), fields).await
        };
        // Renamed and made the first view.
        let answer = post("", &[("version", "1"), ("name", "Ports"), ("audience", "team"), ("default", "on")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let page = app.get(&lin, "/accounts").await;
        assert!(page.has("Ports") && page.has("Harbour Optics"), "{}", page.body);
        assert!(page.has(&format!("href=\"?view={view}\" aria-current=\"page\"")), "{}", page.body);
        // Only one is the first.
        let answer = app.post_form(&lin, &format!("/views/{other}/default"), &[("version", "1"), ("on", "1")]).await;
        assert_eq!(answer.status, 303);
        let defaults: Vec<bool> = rows(app).await.iter().map(|row| row.is_default).collect();
        assert_eq!(defaults, [false, true]);
        let answer = app.post_form(&lin, &format!("/views/{other}/default"), &[("version", "2"), ("on", "0")]).await;
        assert_eq!(answer.status, 303);
        // The filters are changed on it: the list offers to keep them in it.
        let query = format!("view=none&from={view}&f=name:has:optics&sort=name&cols=name,website");
        let page = app.get(&lin, &format!("/accounts?{query}")).await;
        assert!(page.has(&format!("/views/{view}/content")) && page.has("Update “Ports”"), "{}", page.body);
        let answer = post("/content", &[("version", "3"), ("query", &query)]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, format!("/accounts?view={view}").as_str()));
        let kept = &rows(app).await[0];
        assert_eq!(
            (kept.version, kept.name.as_str(), kept.query.as_str(), kept.columns.as_str(), kept.audience.as_str()),
            (4, "Ports", "f=name%3Ahas%3Aoptics&sort=name", "name,website", "team")
        );
        let page = app.get(&lin, &format!("/accounts?view={view}")).await;
        assert!(page.has("Harbour Optics") && !page.has(&format!("/views/{view}/content")), "{}", page.body);
        // A filter taken away or added keeps the view's order and columns, and which view it was.
        let rest = format!("sort=name&amp;cols=name%2Cwebsite&amp;from={view}");
        assert!(
            page.has(&format!("?view=none&amp;{rest}"))
                || page.has(&format!("?view=none&#38;{}", rest.replace("&amp;", "&#38;"))),
            "{}",
            page.body
        );
        let query = format!("view={view}");
        let filter = [("query", query.as_str()), ("field", "city"), ("op", "is"), ("value", "Wuxi")];
        let answer = app.post_form(&lin, "/accounts/filter", &filter).await;
        let (kept, own) = ("f=name%3Ahas%3Aoptics", "f=city%3Ais%3AWuxi&sort=name&cols=name%2Cwebsite");
        assert_eq!(answer.location(), format!("/accounts?view=none&{kept}&{own}&from={view}"));
        // Deleted, and brought back as it was.
        let before = rows(app).await;
        let answer = post("/removal", &[("version", "4"), ("query", &format!("view={view}"))]).await;
        assert_eq!((answer.status.as_u16(), rows(app).await.len()), (303, 1));
        assert_eq!(post("/restoration", &[]).await.status, 303);
        let mut after = rows(app).await;
        after.sort_by_key(|row| row.id);
        assert_eq!((after[0].id, after[0].version), (view, 6));
        after[0].version = 4;
        assert_eq!(after, before);
        // What stands there is not brought back once more.
        assert_eq!(post("/restoration", &[]).await.status, 404);
        assert_eq!(told(app, view).await, ["created", "updated", "updated", "updated", "deleted", "restored"]);
    });
}

#[test]
fn a_view_that_somebody_changed_meanwhile_is_not_overwritten_unseen_and_what_was_typed_stays() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let view = save(app, &lin, "Harbours", "private", "f=name:has:harbour").await;
        let path = format!("/views/{view}");
        let first = [("version", "1"), ("name", "Ports"), ("audience", "private")];
        assert_eq!(app.post_form(&lin, &path, &first).await.status, 303);
        let second = [("version", "1"), ("name", "Quays <b>"), ("audience", "private")];
        let answer = app.post_form(&lin, &path, &second).await;
        assert_eq!(answer.status, 409);
        assert!(answer.has("Ports") && answer.has("value=\"Quays &#60;b&#62;\"") || answer.has("Quays &lt;b&gt;"));
        assert!(answer.has("name=\"version\" value=\"2\""), "{}", answer.body);
        for rest in ["/content", "/default", "/removal"] {
            let answer = app.post_form(&lin, &format!("{path}{rest}"), &[("version", "1"), ("on", "1")]).await;
            assert_eq!(answer.status, 409, "{rest}");
            assert!(answer.has("Somebody changed this view meanwhile"), "{}", answer.body);
            let answer = app.post_form(&lin, &format!("{path}{rest}"), &[]).await;
            assert_eq!(answer.status, 400, "{rest}");
        }
        // A name that cannot be is named at its field, and stays.
        let long = "n".repeat(61);
        for name in ["", long.as_str()] {
            let wrong = [("version", "2"), ("name", name), ("audience", "team"), ("default", "on")];
            let answer = app.post_form(&lin, &path, &wrong).await;
            assert_eq!(answer.status, 422);
            assert!(answer.has("view-name-error") && answer.has(&format!("value=\"{name}\"")), "{}", answer.body);
            assert!(answer.has("value=\"team\" selected") && answer.has("checked"), "{}", answer.body);
        }
        let kept = &rows(app).await[0];
        assert_eq!((kept.version, kept.name.as_str(), kept.is_default), (2, "Ports", false));
    });
}

#[test]
fn a_view_is_changed_by_its_owner_and_one_for_everybody_also_by_who_may_change_all() {
    on_both(async |app| {
        let chief = app.person("Chief").role(Role::Partner).create().await;
        let boss = app.person("Boss").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let team = save(app, &boss, "For my team", "team", "f=name:has:a").await;
        let all = save(app, &chief, "For everybody", "all", "f=name:has:b").await;
        // A seller sees only part of the accounts: sharing with everybody is not offered, and not taken.
        let form = app.get(&lin, "/accounts/view").await;
        assert!(form.has("value=\"team\"") && !form.has("value=\"all\""), "{}", form.body);
        let fields = [("name", "Mine for all"), ("audience", "all"), ("query", "")];
        let answer = app.post_form(&lin, "/accounts/view", &fields).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        let private = save(app, &lin, "Only mine", "private", "f=name:has:c").await;
        let page = app.get(&lin, "/accounts/views").await;
        assert!(page.has("For my team") && page.has("For everybody") && page.has("Only mine"), "{}", page.body);
        assert!(page.has("Boss · ") && page.has(&format!("/views/{private}/removal")), "{}", page.body);
        assert!(!page.has(&format!("/views/{team}/")) && !page.has(&format!("/views/{all}/")), "{}", page.body);
        let wish = [("version", "1"), ("name", "Taken"), ("audience", "private")];
        let attempts =
            [(&lin, team, 403), (&lin, all, 403), (&wu, team, 404), (&boss, private, 404), (&chief, team, 404)];
        for (who, view, status) in attempts {
            for rest in ["", "/content", "/default", "/removal"] {
                let answer = app.post_form(who, &format!("/views/{view}{rest}"), &wish).await;
                assert_eq!(answer.status, status, "{rest}");
            }
            assert_eq!(app.get(who, &format!("/views/{view}/edit")).await.status, status);
        }
        // Another partner keeps house among the views of everybody, but decides for nobody what their list opens with.
        let second = app.person("Second").role(Role::Partner).create().await;
        let fields = [("version", "1"), ("name", "Renamed"), ("audience", "all"), ("default", "on")];
        assert_eq!(app.post_form(&second, &format!("/views/{all}"), &fields).await.status, 303);
        let answer = app.post_form(&second, &format!("/views/{all}/default"), &[("version", "2"), ("on", "1")]).await;
        assert_eq!(answer.status, 422);
        let row = rows(app).await.into_iter().find(|row| row.id == all).expect("it stands");
        assert_eq!((row.name.as_str(), row.is_default), ("Renamed", false));
        assert_eq!(app.post_form(&second, &format!("/views/{all}/removal"), &[("version", "2")]).await.status, 303);
        // Only who owned it would get it back, and only what they deleted themselves.
        for who in [&second, &chief] {
            assert_eq!(app.post_form(who, &format!("/views/{all}/restoration"), &[]).await.status, 404);
        }
    });
}

/// Who of these people sees a view of this name.
async fn seen_by(app: &TestApp, name: &str, people: &[&Person]) -> Vec<String> {
    let mut seen = Vec::new();
    for person in people {
        if app.get(person, "/accounts/views").await.has(name) {
            seen.push(person.name.clone());
        }
    }
    seen
}

#[test]
fn a_team_is_who_one_reports_to_the_others_below_that_one_and_who_is_below_oneself() {
    on_both(async |app| {
        let chief = app.person("Chief").role(Role::Partner).create().await;
        let boss = app.person("Boss").role(Role::Manager).manager(&chief).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).manager(&boss).create().await;
        let junior = app.person("Junior").role(Role::Seller).manager(&lin).create().await;
        let other = app.person("Other").role(Role::Manager).create().await;
        let far = app.person("Far Away").role(Role::Seller).manager(&other).create().await;
        let all = [&chief, &boss, &lin, &wu, &junior, &other, &far];
        save(app, &lin, "Of Lin", "team", "f=name:has:a").await;
        assert_eq!(seen_by(app, "Of Lin", &all).await, ["Boss", "Lin Yan", "Wu Di", "Junior"]);
        save(app, &junior, "Of Junior", "team", "f=name:has:b").await;
        assert_eq!(seen_by(app, "Of Junior", &all).await, ["Lin Yan", "Junior"]);
        save(app, &boss, "Of Boss", "team", "f=name:has:c").await;
        assert_eq!(seen_by(app, "Of Boss", &all).await, ["Chief", "Boss", "Lin Yan", "Wu Di", "Junior"]);
        // From tomorrow on a colleague is on another team.
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        let mut tx = app.db.write().await.expect("the database can be written");
        setup::set_manager(&mut tx, &app.clock, wu.id, Some(other.id), today.plus(1), today).await.expect("a line");
        tx.commit().await.expect("the database can be written");
        assert_eq!(seen_by(app, "Of Lin", &all).await, ["Boss", "Lin Yan", "Wu Di", "Junior"]);
        app.clock.advance(86_400);
        jobs::next(&app.app).await.expect("the job loop goes round");
        assert_eq!(seen_by(app, "Of Lin", &all).await, ["Boss", "Lin Yan", "Junior"]);
        save(app, &wu, "Of Wu", "team", "f=name:has:d").await;
        assert_eq!(seen_by(app, "Of Wu", &all).await, ["Wu Di", "Other", "Far Away"]);
    });
}

#[test]
fn without_managers_there_are_peers_and_who_has_nobody_is_offered_no_team() {
    on_both(async |app| {
        let chief = app.person("Chief").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&chief).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).manager(&chief).create().await;
        let alone = app.person("Alone").role(Role::Seller).create().await;
        let all = [&chief, &lin, &wu, &alone];
        save(app, &lin, "Of Lin", "team", "f=name:has:a").await;
        assert_eq!(seen_by(app, "Of Lin", &all).await, ["Chief", "Lin Yan", "Wu Di"]);
        save(app, &chief, "Of Chief", "team", "f=name:has:b").await;
        assert_eq!(seen_by(app, "Of Chief", &all).await, ["Chief", "Lin Yan", "Wu Di"]);
        // Nobody would see it: that is not offered, and not taken either.
        assert!(app.get(&lin, "/accounts/view").await.has("value=\"team\""));
        let form = app.get(&alone, "/accounts/view").await;
        assert!(form.has("value=\"private\"") && !form.has("value=\"team\""), "{}", form.body);
        let fields = [("name", "Of nobody"), ("audience", "team"), ("query", "")];
        let answer = app.post_form(&alone, "/accounts/view", &fields).await;
        assert!(answer.status == 422 && answer.has("There is nobody to share it with"), "{}", answer.body);
        let token = app.api_token(&alone).await;
        let wish = json!({ "name": "Of nobody", "audience": "team", "filters": [] });
        let answer = app.api(&token, Method::POST, "/api/accounts/views", &[], Some(&wish)).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["errors"][0]["field"]), (422, &json!("audience")));
        // Who loses their team keeps their views; one that was deleted comes back for oneself.
        let view = save(app, &wu, "Of Wu", "team", "f=name:has:c").await;
        app.execute("DELETE FROM reporting_line").await;
        let mut tx = app.db.write().await.expect("the database can be written");
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        setup::rebuild_team(&mut tx, today).await.expect("who is below whom");
        tx.commit().await.expect("the database can be written");
        assert_eq!(seen_by(app, "Of Wu", &all).await, ["Wu Di"]);
        assert!(app.get(&wu, &format!("/views/{view}/edit")).await.has("value=\"team\" selected"), "as it stands");
        assert_eq!(app.post_form(&wu, &format!("/views/{view}/removal"), &[("version", "1")]).await.status, 303);
        assert_eq!(app.post_form(&wu, &format!("/views/{view}/restoration"), &[]).await.status, 303);
        let restored = rows(app).await.into_iter().find(|row| row.id == view).expect("it is back");
        assert_eq!(restored.audience, "private");
    });
}

#[test]
fn the_audit_names_a_view_and_its_filters_only_to_auditors() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let view = save(app, &lin, "About Siemens", "private", "f=name:has:Siemens").await;
        app.post_form(&lin, &format!("/views/{view}/removal"), &[("version", "1")]).await;
        let page = app.get(&eve, "/audit?type=saved_view").await;
        assert!(page.has("About Siemens") && page.has("Name: contains Siemens"), "{}", page.body);
        assert!(page.has("Who sees it") && page.has("Only me") && page.has("Accounts"), "{}", page.body);
        let administrator = &app.administrator;
        let page = app.get(administrator, "/audit?type=saved_view").await;
        assert!(page.has("Saved view") && !page.has("Siemens"), "{}", page.body);
    });
}

// ---- through the API

async fn patch(company: &Company<'_>, who: &str, path: &str, tag: &str, body: Json) -> Reply {
    company.call(who, "PATCH", path, body, &[("if-match", tag)]).await
}

#[test]
fn views_are_made_read_changed_and_deleted_by_programs_with_their_version() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let wish = json!({
            "name": "Ports", "filters": ["name:has:port"], "words": "sea", "sort": "-name",
            "columns": ["name", "city"], "is_default": true,
        });
        let headers = [("idempotency-key", "one-view")];
        let made = company.call("seller", "POST", "/api/accounts/views", wish.clone(), &headers).await;
        assert_eq!(made.status, 201, "{}", made.body);
        for (key, value) in wish.as_object().expect("members") {
            assert_eq!(&made.body[key], value, "{key}");
        }
        assert_eq!((&made.body["audience"], &made.body["may_change"]), (&json!("private"), &json!(true)));
        let again = company.call("seller", "POST", "/api/accounts/views", wish, &headers).await;
        assert_eq!((again.body, company.count("saved_view").await), (made.body.clone(), 1));
        let path = made.header("location").to_owned();
        let read = company.get("seller", &path).await;
        assert_eq!((read.status, &read.body, read.header("etag")), (200, &made.body, made.header("etag")));
        assert_eq!(company.get("seller", "/api/accounts/views").await.body, json!({ "data": [made.body] }));
        // Only what is given changes.
        let tag = made.header("etag");
        let changed = patch(&company, "seller", &path, tag, json!({ "words": null, "filters": ["owner:is:me"] })).await;
        assert_eq!(changed.status, 200, "{}", changed.body);
        assert_eq!(
            (&changed.body["words"], &changed.body["filters"], &changed.body["name"], &changed.body["sort"]),
            (&Json::Null, &json!(["owner:is:me"]), &json!("Ports"), &json!("-name"))
        );
        let events = "SELECT COUNT(*) FROM event WHERE subject_type = 'saved_view' AND via = 'api'";
        assert_eq!(app.value::<i64>(events).await, Some(2));
        // Not without the version, and not with an old one.
        let without = company.call("seller", "PATCH", &path, json!({ "name": "X" }), &[]).await;
        assert_eq!(without.status, 428);
        assert_eq!(patch(&company, "seller", &path, tag, json!({ "name": "X" })).await.status, 412);
        assert_eq!(company.call("seller", "DELETE", &path, Json::Null, &[("if-match", tag)]).await.status, 412);
        let now = changed.header("etag");
        for (body, status, field) in [
            (json!({ "name": "" }), 400, "name"),
            (json!({ "name": "n".repeat(61) }), 400, "name"),
            (json!({ "name": null }), 400, ""),
            (json!({ "colour": "red" }), 400, ""),
            (json!({ "audience": "world" }), 400, "audience"),
            (json!({ "audience": "all" }), 422, "audience"),
            (json!({ "sort": "colour" }), 400, "sort"),
            (json!({ "columns": ["colour"] }), 400, "columns"),
            (json!({ "columns": [] }), 400, "columns"),
        ] {
            let answer = patch(&company, "seller", &path, now, body.clone()).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (status, &json!(field)), "{body}");
        }
        assert!(
            [400, 422].contains(&patch(&company, "seller", &path, now, json!({ "filters": ["x:is:y"] })).await.status)
        );
        let made = company.post("seller", "/api/accounts/views", json!({ "filters": [] })).await;
        assert_eq!((made.status, &made.body["errors"][0]["field"]), (400, &json!("name")));
        let gone = company.call("seller", "DELETE", &path, Json::Null, &[("if-match", now)]).await;
        assert_eq!((gone.status, company.count("saved_view").await), (204, 0));
        assert_eq!(company.get("seller", &path).await.status, 404);
    });
}

#[test]
fn programs_see_and_change_the_views_that_their_owner_may() {
    on_both(async |app: &TestApp| {
        let company = Company::new(app).await;
        let make = async |who: &str, audience: &str| {
            let made = company.post(who, "/api/accounts/views", json!({ "name": who, "audience": audience })).await;
            assert_eq!(made.status, 201, "{}", made.body);
            made.header("location").to_owned()
        };
        let (team, all, own) =
            (make("manager", "team").await, make("partner", "all").await, make("seller", "private").await);
        let names = async |who: &str| -> Vec<Json> {
            let list = company.get(who, "/api/accounts/views").await;
            list.body["data"].as_array().expect("views").iter().map(|view| view["name"].clone()).collect()
        };
        assert_eq!(names("seller").await, ["manager", "partner", "seller"]);
        assert_eq!(names("partner").await, ["partner"]);
        assert_eq!(company.get("seller", &all).await.body["may_change"], json!(false));
        for (who, path, status) in [("seller", &team, 403), ("seller", &all, 403), ("partner", &own, 404)] {
            assert_eq!(patch(&company, who, path, "*", json!({ "name": "Mine" })).await.status, status);
            assert_eq!(company.call(who, "DELETE", path, Json::Null, &[("if-match", "*")]).await.status, status);
        }
        // A view is found only under its own kind of record.
        let elsewhere = own.replace("accounts", "contacts");
        assert_eq!(company.get("seller", &elsewhere).await.status, 404);
        assert_eq!(patch(&company, "seller", &elsewhere, "*", json!({ "name": "Mine" })).await.status, 404);
        // A field that is hidden from somebody takes the views that go by it along.
        let made = company
            .post(
                "partner",
                "/api/accounts/views",
                json!({ "name": "By phone", "audience": "all", "filters": ["phone:has:138"] }),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.body);
        app.execute("INSERT INTO hidden_field (object, field, role) VALUES ('account', 'phone', 'seller')").await;
        app.settings_changed().await;
        assert_eq!(company.get("seller", made.header("location")).await.status, 404);
        let wish = json!({ "name": "Probe", "filters": ["phone:has:138"] });
        let probe = app.api(&company.tokens["seller"], Method::POST, "/api/accounts/views", &[], Some(&wish)).await;
        assert!([400, 422].contains(&probe.status.as_u16()), "{}", probe.body);
    });
}

#[test]
fn an_address_with_conditions_that_do_not_fit_leads_to_the_list_without_them() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for query in ["f=colour:is:red", "f=name:near:kite", "sort=colour"] {
            let answer = app.get(&lin, &format!("/accounts?{query}")).await;
            assert!(answer.status.is_client_error(), "{query}: {}", answer.status);
            assert!(answer.has("href=\"/accounts\">Open it without these conditions"), "{query}: {}", answer.body);
        }
        let missing = app.get(&lin, &format!("/accounts/{}?tab=related", store::Uuid::nil())).await;
        assert_eq!(missing.status, 404);
        assert!(!missing.has("Open it without these conditions"));
    });
}
