//! The test kit keeps its promises.

use testkit::{Role, on_both};

#[test]
fn a_person_signs_in_and_sees_their_own_page() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("林燕").role(Role::Seller).manager(&boss).locale("zh-CN").create().await;
        let signed_in = app.sign_in(&lin.email).await;
        let page = app.get(&signed_in, "/me").await;
        assert_eq!(page.status, 200);
        assert!(page.has("林燕") && page.has("lang=\"zh-CN\""), "{}", page.body);
        assert!(page.statements >= 1);
        assert_eq!(app.get_public("/me").await.location(), "/sign-in?next=/me");
    });
}

#[test]
fn records_are_made_by_their_owners() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").manager(&boss).create().await;
        let account = app.account(&lin, "上海云帆科技有限公司").await;
        app.contact(&lin, "王芳", account).await;
        app.opportunity(&lin, "CRM", account).await;
        app.lead(&lin, "Zhao").await;
        app.task(&lin, "Call back", "2026-11-25").await;
        app.activity(&boss, "First call", account).await;
        let events: Option<i64> = app.value("SELECT COUNT(*) FROM event WHERE kind = 'created'").await;
        assert_eq!(events, Some(10));
    });
}
