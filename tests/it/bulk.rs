//! Work on many records: undoing it, the trash, and who may only export. On both engines.

use store::{Uuid, sql};
use testkit::{Role, TestApp, on_both};

async fn in_trash(app: &TestApp) -> i64 {
    app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NOT NULL").await.unwrap_or(0)
}

fn ids(records: &[Uuid]) -> String {
    records.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn what_was_thrown_away_at_once_comes_back_at_once_and_nothing_else() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let mut made = Vec::new();
        for number in 0..5 {
            made.push(app.account(&lin, &format!("Harbour {number}")).await);
        }
        app.post_form(&lin, &format!("/accounts/{}/trash", made[0]), &[]).await;
        app.clock.advance(60);
        let chosen = ids(&made[1..4]);
        let fields = [("action", "trash"), ("ids", chosen.as_str()), ("query", "view=all&sort=name")];
        let answer = app.post_form(&lin, "/accounts/bulk/apply", &fields).await;
        assert_eq!((answer.status.as_u16(), in_trash(app).await), (303, 4), "{}", answer.body);
        let at: i64 = app
            .value(sql!("SELECT deleted_at FROM account WHERE id = $1", made[1]))
            .await
            .expect("it lies in the trash");
        // One was restored meanwhile and thrown away anew: that is another matter.
        app.clock.advance(60);
        app.post_form(&lin, &format!("/accounts/{}/restoration", made[3]), &[]).await;
        app.post_form(&lin, &format!("/accounts/{}/trash", made[3]), &[]).await;
        let undo = format!("/accounts/bulk/undo?at={at}&query=view%3Dall%26sort%3Dname");
        // Not by a colleague.
        app.post_form(&wu, &undo, &[]).await;
        assert_eq!(in_trash(app).await, 4);
        let answer = app.post_form(&lin, &undo, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/accounts?view=all&sort=name"));
        let left: Vec<bool> = {
            let mut left = Vec::new();
            for id in &made {
                let deleted = sql!("SELECT COUNT(*) FROM account WHERE id = $1 AND deleted_at IS NOT NULL", *id);
                left.push(app.value::<i64>(deleted).await == Some(1));
            }
            left
        };
        assert_eq!(left, [true, false, false, true, false]);
        assert_eq!(app.post_form(&lin, "/accounts/bulk/undo?at=soon", &[]).await.status, 400);
    });
}

#[test]
fn what_lies_in_the_trash_can_only_be_restored() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.post_form(&lin, &format!("/accounts/{account}/trash"), &[]).await;
        let page = app.get(&lin, "/accounts?view=none&trash=1").await;
        assert!(page.has("Harbour Optics") && page.has(&format!("/accounts/{account}/restoration")), "{}", page.body);
        let link = format!("href=\"/accounts/{account}\"");
        assert!(!page.has(&link) && !page.has(&format!("/accounts/{account}/field/")), "{}", page.body);
        let answer = app.post_form(&lin, &format!("/accounts/{account}/restoration"), &[]).await;
        assert_eq!((answer.status.as_u16(), in_trash(app).await), (303, 0));
    });
}

#[test]
fn who_may_only_export_picks_what_to_export_and_can_do_nothing_else() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let eve = app.person("Eve").role(Role::Auditor).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.execute("UPDATE access_rule SET may_export = (role = 'auditor') WHERE object = 'account'").await;
        app.execute("UPDATE organization SET config_version = config_version + 1 WHERE id = 1").await;
        let page = app.get(&eve, "/accounts?view=none").await;
        let ticks = format!("name=\"id\" value=\"{account}\"");
        assert!(page.has(&ticks) && page.has("value=\"export\""), "{}", page.body);
        assert!(!page.has("value=\"trash\"") && !page.has("value=\"edit\"") && !page.has("value=\"assign\""));
        let who = account.to_string();
        let act = async |person, action| {
            app.post_form(person, "/accounts/bulk", &[("action", action), ("id", who.as_str())]).await
        };
        assert_eq!(act(&eve, "export").await.status, 200);
        for action in ["trash", "edit", "assign", "restore"] {
            assert_eq!(act(&eve, action).await.status, 404, "{action}");
        }
        // And the other way round.
        assert_eq!(act(&lin, "export").await.status, 404);
        assert_eq!(act(&lin, "trash").await.status, 200);
        assert_eq!(in_trash(app).await, 0);
        let file = app.post_form(&eve, "/accounts.csv", &[("ids", who.as_str())]).await;
        assert!(file.status == 200 && file.has("Harbour Optics"), "{}", file.body);
    });
}
