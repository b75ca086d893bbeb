//! What is hidden stays hidden on every surface that shows a deal, and nothing tells of what cannot be seen.

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};

pub async fn hide(app: &TestApp, object: &str, fields: &[&str], role: &str) {
    for field in fields {
        app.execute(sql!("INSERT INTO hidden_field (object, field, role) VALUES ($1, $2, $3)", object, *field, role))
            .await;
    }
    app.settings_changed().await;
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
fn an_amount_is_hidden_in_every_currency_and_its_worth_also_alone() {
    on_both(async |app| {
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let token = app.api_token(&boss).await;
        let fields = [("name", "Big deal"), ("amount", "7654321"), ("currency", "USD"), ("close_date", "2026-12-24")];
        let deal = app.create("opportunity", &boss, &fields).await;
        let pages = [
            "/".to_owned(),
            "/board".into(),
            "/analysis?period=all".into(),
            "/opportunities?view=all".into(),
            "/opportunities?view=all&cols=name,amount,amount_base".into(),
            "/opportunities?view=all&cols=name,amount_base".into(),
            "/opportunities/sums?view=all".into(),
            "/opportunities.csv?view=all&cols=name,amount,amount_base".into(),
            format!("/opportunities/{deal}"),
            format!("/opportunities/{deal}?tab=details"),
            "/api/opportunities".into(),
            format!("/api/opportunities/{deal}"),
            "/api/opportunities/export?format=csv".into(),
            "/api/board".into(),
            "/api/analysis?period=all".into(),
        ];
        let seen = async |digits: &[&str]| {
            let mut places = Vec::new();
            for path in &pages {
                let answer = match path.starts_with("/api/") {
                    true => app.api(&token, Method::GET, path, &[], None).await,
                    false => app.get(&boss, path).await,
                };
                assert_eq!(answer.status, 200, "{path}: {}", answer.body);
                if digits.iter().any(|digits| answer.has(digits)) {
                    places.push(path.as_str());
                }
            }
            places
        };
        let asked = async || {
            let mut statuses = Vec::new();
            for asks in ["f=amount_base:min:1", "sort=-amount_base", "f=amount:min:1", "sort=-amount"] {
                statuses.push(app.get(&boss, &format!("/opportunities?{asks}")).await.status.as_u16());
                let answer = app.api(&token, Method::GET, &format!("/api/opportunities?{asks}"), &[], None).await;
                statuses.push(answer.status.as_u16());
            }
            statuses
        };
        let (amount, worth) = (["7,654,321", "7654321", "7.65M"], ["53,580,247", "53580247", "53.58M", "53.6M"]);
        assert!(seen(&amount).await.len() >= 7 && seen(&worth).await.len() >= 9, "{:?}", seen(&worth).await);
        assert_eq!(asked().await, [200; 8]);

        hide(app, "opportunity", &["amount"], "manager").await;
        assert_eq!((seen(&amount).await, seen(&worth).await), (vec![], vec![]), "only the amount is hidden");
        assert_eq!(asked().await, [422; 8]);

        app.execute("DELETE FROM hidden_field").await;
        hide(app, "opportunity", &["amount_base"], "manager").await;
        assert!(seen(&amount).await.len() >= 7);
        assert_eq!(seen(&worth).await, Vec::<&str>::new(), "only the worth is hidden");
        assert_eq!(asked().await, [422, 422, 422, 422, 200, 200, 200, 200]);
    });
}

#[test]
fn who_does_not_see_the_amount_sees_neither_the_lines_nor_an_order_by_it() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let boss = app.person("Boss").role(Role::Partner).create().await;
        let token = app.api_token(&lin).await;
        let product = [("name", "Lamp"), ("code", "L1"), ("list_price", "12"), ("currency", "CNY")];
        let product = app.create("product", &boss, &product).await.to_string();
        let late = |name, amount, day| [("name", name), ("amount", amount), ("close_date", day)];
        let small = [&late("Small deal", "", "2026-10-01")[..], &[("product", product.as_str())]].concat();
        let small = app.create("opportunity", &lin, &small).await;
        app.create("opportunity", &lin, &late("Large deal", "900", "2026-10-02")).await;
        let first_at_risk = async || {
            let home = app.get(&lin, "/").await.body;
            let risks = &home[home.find("deals at risk").expect("there are deals at risk")..];
            risks.find("Small deal").expect("the small one") < risks.find("Large deal").expect("the large one")
        };
        let lines = format!("/api/opportunities/{small}/items");
        let items = async || app.api(&token, Method::GET, &lines, &[], None).await.json()["data"].clone();
        let line = items().await[0]["id"].as_str().expect("a line").to_owned();
        assert!(!first_at_risk().await);

        hide(app, "opportunity", &["amount"], "seller").await;
        assert!(first_at_risk().await, "what should be closed first comes first");
        assert_eq!(items().await, json!([]));
        let wish = json!({ "product": product, "quantity": "1" });
        for (method, path, body, status) in [
            (Method::GET, format!("{lines}/{line}"), None, 404),
            (Method::POST, lines.clone(), Some(&wish), 403),
            (Method::DELETE, format!("{lines}/{line}"), None, 403),
        ] {
            assert_eq!(app.api(&token, method, &path, &[], body).await.status, status, "{path}");
        }
        let form = [("product", product.as_str()), ("quantity", "1")];
        assert_eq!(app.get(&lin, &format!("/opportunities/{small}/items/new")).await.status, 403);
        assert_eq!(app.post_form(&lin, &format!("/opportunities/{small}/items"), &form).await.status, 403);
        let removal = format!("/opportunities/{small}/items/{line}/removal");
        assert_eq!(app.post_form(&lin, &removal, &[]).await.status, 403);
        assert_eq!(app.value::<i64>("SELECT COUNT(*) FROM line_item").await, Some(1));
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

/// A deal of 10,000 that was won in the clock's quarter.
pub async fn won_deal(app: &TestApp, owner: &Person, name: &str, account: Uuid) -> Uuid {
    let (account, won) = (account.to_string(), app.stage("Won").await.to_string());
    let fields = [
        ("name", name),
        ("account", account.as_str()),
        ("amount", "10000"),
        ("close_date", "2026-11-20"),
        ("stage", won.as_str()),
        ("reason", "Signed."),
        ("created_on", "2026-11-01"),
        ("closed_on", "2026-11-20"),
    ];
    app.create("opportunity", owner, &fields).await
}

#[test]
fn without_amounts_a_number_of_deals_is_not_said_twice() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Acme").await;
        for name in ["First", "Second"] {
            won_deal(app, &lin, name, account).await;
        }
        let note = "<dd class=\"tile-note\">2 deals</dd>";
        let home = app.get(&lin, "/").await;
        assert!(home.has("¥20K") && home.has(note), "{}", home.body);
        hide(app, "opportunity", &["amount", "amount_base"], "seller").await;
        let home = app.get(&lin, "/").await;
        assert!(home.has("Won this quarter") && !home.has(note), "{}", home.body);
        let analysis = app.get(&lin, "/analysis?period=all").await;
        assert!(analysis.has("2 deals won; the best month was Nov 2026 with 2."), "{}", analysis.body);
    });
}
