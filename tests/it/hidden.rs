//! What is hidden stays hidden on every surface that shows a deal, and nothing tells of what cannot be seen.

use store::sql;
use testkit::{Role, TestApp, on_both};

pub async fn hide(app: &TestApp, object: &str, fields: &[&str], role: &str) {
    for field in fields {
        app.execute(sql!("INSERT INTO hidden_field (object, field, role) VALUES ($1, $2, $3)", object, *field, role))
            .await;
    }
    app.execute("UPDATE organization SET config_version = config_version + 1 WHERE id = 1").await;
}

#[test]
fn fields_hidden_from_a_role_show_on_no_page_and_are_found_by_no_word() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.create("account", &lin, &[("name", "Acme"), ("city", "Timbuktu")]).await;
        let product = {
            let partner = app.person("Boss").role(Role::Partner).create().await;
            app.create(
                "product",
                &partner,
                &[("name", "Lamp"), ("code", "L1"), ("list_price", "12"), ("currency", "USD")],
            )
            .await
        };
        let fields = [
            ("name", "Big deal"),
            ("account", &account.to_string()),
            ("amount", "7654321"),
            ("close_date", "2026-12-24"),
            ("next_step", "zebracrossing"),
            ("product", &product.to_string()),
        ];
        let deal = app.create("opportunity", &lin, &fields).await;
        app.create(
            "activity",
            &lin,
            &[("kind", "call"), ("subject", "First call"), ("opportunity", &deal.to_string()), ("body", "quaggabody")],
        )
        .await;
        let pages = [
            "/board".to_owned(),
            "/opportunities".to_owned(),
            "/opportunities/sums".to_owned(),
            format!("/opportunities/{deal}"),
            format!("/opportunities/{deal}?tab=related"),
            format!("/opportunities/{deal}?tab=details"),
            "/palette?q=acme".to_owned(),
            "/search?q=acme".to_owned(),
            "/pick/account?q=acme".to_owned(),
        ];
        let secrets = ["7,654,321", "7.65M", "zebracrossing", "24 Dec 2026", "quaggabody", "Timbuktu"];
        let seen = async |secret: &str| {
            let mut places = Vec::new();
            for path in &pages {
                let page = app.get(&lin, path).await;
                assert_eq!(page.status, 200, "{path}");
                if page.has(secret) {
                    places.push(path.clone());
                }
            }
            places
        };
        for secret in secrets {
            assert!(!seen(secret).await.is_empty(), "{secret} should be seen while nothing is hidden");
        }
        for word in ["zebracrossing", "quaggabody"] {
            assert!(app.get(&lin, &format!("/search?q={word}")).await.body.contains("class=\"rows\""), "{word}");
        }
        hide(app, "opportunity", &["amount", "amount_base", "next_step", "close_date"], "seller").await;
        hide(app, "activity", &["body"], "seller").await;
        hide(app, "account", &["city"], "seller").await;
        for secret in secrets {
            assert_eq!(seen(secret).await, Vec::<String>::new(), "{secret}");
        }
        for word in ["zebracrossing", "quaggabody"] {
            let page = app.get(&lin, &format!("/search?q={word}")).await;
            assert!(!page.body.contains("class=\"rows\""), "{word} finds what is hidden");
            assert!(!app.get(&lin, &format!("/opportunities?view=none&q={word}")).await.has("Big deal"), "{word}");
        }
    });
}

#[test]
fn pointing_at_a_deal_of_somebody_else_tells_nothing_of_its_account() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let account = app.account(&lin, "Acme").await;
        let deal = app.opportunity(&lin, "Secret", account).await;
        for (object, subject) in [("activity", vec![("kind", "call")]), ("task", vec![])] {
            let deal = deal.to_string();
            let mut fields = subject;
            fields.extend([("subject", "Probe"), ("opportunity", deal.as_str())]);
            let error = format!("{:?}", app.try_create(object, &wu, &fields).await.expect_err("it is not theirs"));
            assert!(error.contains("invalid-reference") && error.contains(&deal), "{error}");
            assert!(!error.contains(&account.to_string()), "{error}");
        }
    });
}

#[test]
fn the_board_says_nothing_of_tasks_that_are_not_ones_own() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let account = app.account(&lin, "Acme").await;
        let deal = app.opportunity(&lin, "Deal", account).await.to_string();
        app.create("task", &boss, &[("subject", "Ask HR"), ("due_date", "2026-12-03"), ("opportunity", &deal)]).await;
        assert!(app.get(&boss, "/board").await.has("3 Dec 2026"));
        assert!(!app.get(&lin, "/board").await.has("3 Dec 2026"));
    });
}
