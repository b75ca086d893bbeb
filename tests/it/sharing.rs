//! Sharing a record on its page: only who has it shares it, and it ends when it is taken back. On both engines.

use testkit::{Person, Role, TestApp, on_both};

async fn people(app: &TestApp) -> [Person; 3] {
    let boss = app.person("Chen Wei").role(Role::Manager).create().await;
    let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
    let wu = app.person("Wu Di").role(Role::Seller).create().await;
    [boss, lin, wu]
}

#[test]
fn a_record_is_shared_on_its_page_and_the_sharing_ends_there() {
    on_both(async |app| {
        let [boss, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let lead = app.lead(&lin, "Zhao Min").await;
        for path in [format!("/accounts/{account}"), format!("/opportunities/{deal}"), format!("/leads/{lead}")] {
            let page = app.get(&lin, &path).await;
            assert!(page.has("Shared with") && page.has(&format!("{path}/shares/new")), "{}", page.body);
            // The form holds people to choose from, for browsers without scripts.
            let form = app.get(&lin, &format!("{path}/shares/new")).await;
            assert_eq!(form.status, 200, "{path}");
            assert!(form.has("Wu Di") && form.has("Chen Wei") && !form.has(&format!("value=\"{}\"", lin.id)));

            let who = wu.id.to_string();
            let fields = [("person", who.as_str()), ("may_write", "false")];
            assert_eq!(app.get(&wu, &path).await.status, 404, "{path}");
            assert_eq!(app.post_form(&wu, &format!("{path}/shares"), &fields).await.status, 404, "{path}");
            // The seller's manager has it within reach.
            let by = if path.starts_with("/accounts") { &boss } else { &lin };
            let answer = app.post_form(by, &format!("{path}/shares"), &fields).await;
            assert_eq!((answer.status.as_u16(), answer.location()), (303, path.as_str()), "{}", answer.body);

            let page = app.get(&lin, &path).await;
            assert!(
                page.has("shared it with Wu Di") && page.has(&format!("{path}/shares/{who}/removal")),
                "{}",
                page.body
            );
            // To read: not to change, and not to pass on.
            let page = app.get(&wu, &path).await;
            assert_eq!(page.status, 200, "{path}");
            assert!(page.has("Shared with") && !page.has("/shares/new") && !page.has("/removal"), "{}", page.body);
            assert!(!page.has(&format!("{path}/edit")), "{path}");
            assert_eq!(app.get(&wu, &format!("{path}/shares/new")).await.status, 403);
            // To change, too; still not to pass on.
            let form = app.get(&lin, &format!("{path}/shares/new?person={who}")).await;
            assert!(form.has("shared with Wu Di") && form.has("value=\"false\" selected"), "{}", form.body);
            let fields = [("person", who.as_str()), ("may_write", "true"), ("version", &form.version())];
            assert_eq!(app.post_form(&lin, &format!("{path}/shares"), &fields).await.status, 303);
            let page = app.get(&wu, &path).await;
            assert!(page.has(&format!("{path}/edit")) && !page.has("/shares/new"), "{}", page.body);
            let passed_on = [("person", boss.id.to_string()), ("may_write", "false".into())];
            let passed_on: Vec<(&str, &str)> = passed_on.iter().map(|(key, value)| (*key, value.as_str())).collect();
            assert_eq!(app.post_form(&wu, &format!("{path}/shares"), &passed_on).await.status, 403);
            let shown = app.value::<i64>("SELECT COUNT(*) FROM record_share").await;
            assert_eq!(shown, Some(1), "{path}");

            let gone = app.post_form(&lin, &format!("{path}/shares/{who}/removal"), &[]).await;
            assert_eq!(gone.status, 303);
            if path.starts_with("/accounts") {
                // Who has no deal of it either.
                assert_eq!(app.get(&wu, &path).await.status, 404);
            }
            assert!(app.get(&lin, &path).await.has("stopped sharing it with Wu Di"), "{path}");
        }
        let events = app.value::<i64>("SELECT COUNT(*) FROM event WHERE kind IN ('shared', 'unshared')").await;
        assert_eq!(events, Some(9));
    });
}

#[test]
fn nobody_chosen_or_nobody_there_is_said_at_its_place() {
    on_both(async |app| {
        let [_, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let path = format!("/accounts/{account}/shares");
        let answer = app.post_form(&lin, &path, &[("person", ""), ("may_write", "true")]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("share-person-error"), "{}", answer.body);
        app.execute(store::sql!("UPDATE person SET state = 'disabled' WHERE id = $1", wu.id)).await;
        assert!(!app.get(&lin, &format!("{path}/new")).await.has("Wu Di"));
        let answer = app.post_form(&lin, &path, &[("person", &wu.id.to_string())]).await;
        assert_eq!(answer.status, 422);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM record_share").await, Some(0));
        // A contact follows its account: it is not shared by itself.
        let contact = app.contact(&lin, "Wang Fang", account).await;
        assert!(!app.get(&lin, &format!("/contacts/{contact}")).await.has("Shared with"));
        assert_eq!(app.get(&lin, &format!("/contacts/{contact}/shares/new")).await.status, 404);
    });
}

#[test]
fn a_record_page_with_shares_still_costs_few_statements() {
    on_both(async |app| {
        let [_, lin, wu] = people(app).await;
        let account = app.account(&lin, "Harbour").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        app.post_form(&lin, &format!("/opportunities/{deal}/shares"), &[("person", &wu.id.to_string())]).await;
        app.post_form(&lin, &format!("/accounts/{account}/shares"), &[("person", &wu.id.to_string())]).await;
        for path in [format!("/accounts/{account}"), format!("/opportunities/{deal}")] {
            for tab in ["timeline", "details", "related", "files"] {
                let page = app.get(&lin, &format!("{path}?tab={tab}")).await;
                assert_eq!(page.status, 200);
                assert!(page.statements <= 12, "{path} {tab}: {} statements", page.statements);
            }
        }
    });
}
