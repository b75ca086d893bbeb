//! Amounts with too many noughts are refused, and those that stand already take no page away. On both engines.

use axum::http::Method;
use serde_json::json;
use store::sum::{sum, sum_over, sum_where};
use store::{Uuid, sql};
use testkit::{Role, TestApp, on_both};
use trivet::shell::error::Error;
use trivet::system::jobs;

use crate::hidden::won_deal;

#[test]
fn a_sum_is_exact_as_long_as_it_fits_and_the_largest_number_beyond() {
    on_both(async |app| {
        let engine = app.db.engine();
        let of = async |numbers: &[i64], sum: String| {
            let rows: Vec<String> =
                numbers.iter().map(|number| format!("SELECT CAST({number} AS BIGINT) AS n")).collect();
            let rows = if rows.is_empty() {
                "SELECT CAST(1 AS BIGINT) AS n LIMIT 0".to_owned()
            } else {
                rows.join(" UNION ALL ")
            };
            app.value::<i64>(format!("SELECT {sum} FROM ({rows}) x LIMIT 1").as_str()).await
        };
        let all = async |numbers: &[i64]| of(numbers, sum(engine, "x.n")).await;
        assert_eq!(all(&[]).await, Some(0));
        assert_eq!(all(&[1, 2, 39]).await, Some(42));
        // What SQLite adds up as a float is exact to the cent for any company there is.
        assert_eq!(all(&[1_000_000_000_001, 4_000_000_000_000_000, 123, 1]).await, Some(4_001_000_000_000_125));
        let most = [6_000_000_000_000_000_000, 1, 6_000_000_000_000_000_000];
        assert_eq!(all(&most).await, Some(i64::MAX));
        assert_eq!(all(&[i64::MAX]).await, Some(i64::MAX));
        assert_eq!(of(&most, sum_where(engine, "x.n > 1", "x.n")).await, Some(i64::MAX));
        assert_eq!(of(&most, sum_where(engine, "x.n = 1", "x.n")).await, Some(1));
        assert_eq!(of(&most, sum_where(engine, "x.n = 0", "x.n")).await, Some(0));
        assert_eq!(of(&most, sum_over(engine, "x.n", "PARTITION BY 1")).await, Some(i64::MAX));
        assert_eq!(of(&[20, 22], sum_over(engine, "x.n", "PARTITION BY 1")).await, Some(42));
    });
}

#[test]
fn deals_that_are_too_large_to_add_up_take_no_page_away() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        let account = app.account(&lin, "Harbour Optics").await;
        for number in 0..2 {
            app.opportunity(&lin, &format!("Open {number}"), account).await;
            won_deal(app, &lin, "Won", account).await;
        }
        // As an earlier program took them in: an amount was bounded more widely, its worth by what fits into 64 bits.
        let (amount, worth) = (100_000_000_000_000_000i64, 9_000_000_000_000_000_000i64);
        app.execute(sql!("UPDATE opportunity SET amount = $1, amount_base = $2", amount, worth)).await;
        for path in [
            "/",
            "/board",
            "/analysis",
            "/analysis?period=all&by=segment",
            "/opportunities?view=none",
            "/opportunities?view=none&sort=-amount&f=amount:min:1000",
            "/opportunities/sums?view=none",
        ] {
            let page = app.get(&lin, path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.body);
        }
        let board = app.api(&token, Method::GET, "/api/board", &[], None).await;
        assert_eq!(
            (board.status.as_u16(), &board.json()["total"]),
            (200, &json!("92233720368547758.07")),
            "{}",
            board.body
        );
        let analysis = app.api(&token, Method::GET, "/api/analysis?period=all", &[], None).await;
        assert_eq!(analysis.status, 200, "{}", analysis.body);
        // Such a deal is put right like any other.
        let deal: Uuid = app.value("SELECT id FROM opportunity WHERE name = 'Open 0'").await.expect("a deal");
        app.try_update("opportunity", &lin, deal, None, &[("amount", "10000")]).await.expect("an amount that can be");
    });
}

#[test]
fn an_amount_beyond_all_deals_is_refused_with_the_most_there_can_be() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let fields = |amount: &'static str| {
            [("name", "Forty seats"), ("close_date", "2026-12-24"), ("currency", "CNY"), ("amount", amount)]
        };
        for amount in ["10000000000000.01", "100001亿", "99999999999999999999"] {
            let page = app.post_form(&lin, "/opportunities", &fields(amount)).await;
            assert_eq!(page.status, 422, "{amount}: {}", page.body);
            assert!(page.has("The most that an amount can be is ¥10,000,000,000,000."), "{amount}: {}", page.body);
        }
        assert_eq!(app.post_form(&lin, "/opportunities", &fields("10000000000000")).await.status, 303);
    });
}

async fn worth(app: &TestApp, deal: Uuid) -> Option<i64> {
    app.value(sql!("SELECT amount_base FROM opportunity WHERE id = $1", deal)).await
}

#[test]
fn what_a_deal_is_worth_is_bounded_as_its_amount_is() {
    on_both(async |app| {
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let dollars = async |amount: &str| {
            let fields = [("name", "Seats"), ("close_date", "2026-12-24"), ("currency", "USD"), ("amount", amount)];
            app.try_create("opportunity", &lin, &fields).await
        };
        let Err(Error::Invalid(errors)) = dollars("2000000000000").await else { panic!("it is taken") };
        assert_eq!((errors[0].field.as_str(), errors[0].key.as_str()), ("amount", "invalid-worth-most"));
        assert_eq!(errors[0].arg("most"), Some("¥10,000,000,000,000"));
        let deal = dollars("1000000000000").await.expect("it is worth seven trillion");
        assert_eq!(worth(app, deal).await, Some(700_000_000_000_000));

        let admin = app.administrator.clone();
        let rate = async |day: &str, rate: &str| {
            let version = app.get(&admin, "/settings/rates").await.version();
            let fields = [("version", version.as_str()), ("currency", "USD"), ("day", day), ("rate", rate)];
            app.post_form(&admin, "/settings/rates", &fields).await
        };
        let refused = rate("2026-11-24", "11").await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        assert!(refused.has("would then be worth more than ¥10,000,000,000,000"), "{}", refused.body);
        assert_eq!(worth(app, deal).await, Some(700_000_000_000_000));
        assert_eq!(rate("2026-11-24", "9").await.status, 303);
        assert_eq!(worth(app, deal).await, Some(900_000_000_000_000));

        // One that comes into force by itself finds nobody to refuse it to, and the day begins.
        assert_eq!(rate("2026-11-25", "11").await.status, 303);
        app.clock.advance(86_400);
        jobs::next(&app.app).await.expect("the job loop goes round");
        assert_eq!(worth(app, deal).await, Some(1_000_000_000_000_000));
    });
}
