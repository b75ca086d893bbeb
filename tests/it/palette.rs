//! The command palette offers the pages that one may open and what can be done from anywhere. On both engines.

use testkit::{Role, on_both};

#[test]
fn every_page_and_action_is_found_by_its_name_by_who_may_use_it() {
    on_both(async |app| {
        let ada = app.person("Ada").role(Role::Admin).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let find = async |person, words: &str| app.get_fragment(person, &format!("/palette?q={words}")).await;
        for (words, href) in [
            ("calendar", "/calendar"),
            ("products", "/products"),
            ("imports", "/imports"),
            ("help", "/help"),
            ("api", "/api"),
            ("import", "/imports/new"),
        ] {
            let page = find(&lin, words).await;
            assert!(page.has(&format!("href=\"{href}\"")), "{words}: {}", page.body);
        }
        for (words, action) in [("dark", "/me/theme"), ("chinese", "/me/locale"), ("sign", "/sign-out")] {
            let page = find(&lin, words).await;
            assert!(page.has(&format!("action=\"{action}\"")), "{words}: {}", page.body);
        }
        for (words, href) in [("audit", "/audit"), ("pipelines", "/settings/pipelines"), ("rates", "/settings/rates")] {
            let href = format!("href=\"{href}\"");
            let page = find(&ada, words).await;
            assert!(page.has(&href), "{words}: {}", page.body);
            assert!(!find(&lin, words).await.has(&href), "{words}");
        }
    });
}
