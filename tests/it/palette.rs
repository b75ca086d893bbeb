//! The command palette offers the pages that one may open and what can be done from anywhere. On both engines.

use std::sync::atomic::Ordering;

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

#[test]
fn the_newest_are_found_first_and_old_ones_still() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        app.account(&boss, "Zebra").await;
        for name in ["Kite 1", "Kite 2"] {
            app.account(&lin, name).await;
        }
        for number in 3..30 {
            app.account(&boss, &format!("Kite {number}")).await;
        }
        let find = async |person, words: &str| {
            let page = app.get_fragment(person, &format!("/palette?q={words}")).await;
            let names = ["Zebra".to_owned()].into_iter().chain((1..30).map(|number| format!("Kite {number}")));
            let mut found: Vec<(usize, String)> =
                names.filter_map(|name| Some((page.body.find(&format!(">{name}<"))?, name))).collect();
            found.sort();
            found.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(find(&boss, "zebra").await, ["Zebra"]);
        assert_eq!(find(&boss, "kite").await, ["Kite 29", "Kite 28", "Kite 27", "Kite 26", "Kite 25"]);
        // They are among many that are not in reach.
        assert_eq!(find(&lin, "kite").await, ["Kite 2", "Kite 1"]);
        assert!(find(&lin, "zebra").await.is_empty());
        assert_eq!(find(&boss, "kite+2").await.len(), 5);
        // The same when few of the newest are looked through first, and the rest in the two other ways.
        store::newest::FIRST.store(4, Ordering::Relaxed);
        for _ in 0..2 {
            assert_eq!(find(&boss, "zebra").await, ["Zebra"]);
            assert_eq!(find(&boss, "kite").await, ["Kite 29", "Kite 28", "Kite 27", "Kite 26", "Kite 25"]);
            assert_eq!(find(&lin, "kite").await, ["Kite 2", "Kite 1"]);
            assert_eq!(find(&lin, "kite+1").await, ["Kite 1"]);
            assert!(find(&lin, "zebra").await.is_empty());
            app.execute("ANALYZE").await;
        }
    });
}

/// The bar at the bottom of a phone.
#[test]
fn nobody_is_led_to_a_page_that_is_not_for_them() {
    on_both(async |app| {
        for role in Role::ALL {
            let person = app.person(&format!("Person {}", role.key())).role(role).create().await;
            let home = app.get(&person, "/").await;
            let bar = home.body.split("class=\"foot-nav\"").nth(1).and_then(|rest| rest.split("</nav>").next());
            let bar = bar.expect("there is a bar");
            let hrefs: Vec<&str> = bar.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            for href in hrefs.iter().filter(|href| href.starts_with('/') && !href.contains('#')) {
                assert_eq!(app.get(&person, href).await.status, 200, "{}: {href}", role.key());
            }
        }
    });
}

#[test]
fn deals_of_one_name_are_told_apart_by_stage_and_owner() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Partner).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for owner in [&boss, &lin] {
            let account = app.account(owner, &format!("Harbour of {}", owner.name)).await;
            app.opportunity(owner, "Forty seats", account).await;
        }
        let found = app.get(&boss, "/search?q=forty").await;
        assert!(found.has("Prospecting · Boss") && found.has("Prospecting · Lin Yan"), "{}", found.body);
        assert!(app.get(&boss, "/search?q=zzzz").await.has("Try the beginning of a word"));
    });
}
