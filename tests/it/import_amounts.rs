//! What an import takes amounts for: how many, and of which currency. Whatever is not clear is refused, and never guessed.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use store::sql;
use testkit::app::{UPLOAD, upload};
use testkit::{Person, Role, TestApp, on_both};

use crate::import::{counts, refusals, run, sent, uploaded, work};

async fn seller(app: &TestApp) -> Person {
    app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7'), ('EUR', 0, '8')").await;
    app.settings_changed().await;
    app.person("Lin Yan").role(Role::Seller).create().await
}

/// The amount and the currency of a deal.
async fn deal(app: &TestApp, name: &str) -> Option<(i64, String)> {
    let mut session = app.db.read().await.expect("the database can be read");
    session.optional(sql!("SELECT amount, currency FROM opportunity WHERE name = $1", name)).await.expect("a deal")
}

#[test]
fn an_amount_is_shown_as_it_will_be_read_and_what_its_currency_is() {
    on_both(async |app| {
        let lin = seller(app).await;
        let import = uploaded(app, &lin, "opportunity", "Deal Name,Amount\nPlain,\"12,000\"\nShort,1.2万\n").await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("Amounts of new records are taken as CNY"), "{}", page.body);
        assert!(page.has("¥12,000") && page.has("from “12,000”") && page.has("from “1.2万”"), "{}", page.body);

        // The heading says it: for all rows, and before the eyes of who imports.
        let file = "Deal Name,Amount (USD),Close Date\nDollars,12000,2026-12-24\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("name=\"default-currency\" value=\"USD\""), "{}", page.body);
        assert!(page.has("$12,000") && !page.has("are taken as CNY"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(deal(app, "Dollars").await, Some((1_200_000, "USD".into())));
    });
}

#[test]
fn an_amount_in_another_currency_than_its_row_is_refused() {
    on_both(async |app| {
        let lin = seller(app).await;
        let file = "Deal Name,Amount,Close Date\nEuros,\"€12,000\",2026-12-24\nYuan,\"¥12,000\",2026-12-24\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("“€12,000” names a currency other than CNY"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1));
        assert_eq!((deal(app, "Euros").await, deal(app, "Yuan").await), (None, Some((1_200_000, "CNY".into()))));
        assert!(refusals(app, &lin, &import).await.contains("names a currency other than CNY"));

        app.clock.advance(60);
        let import = uploaded(app, &lin, "opportunity", file).await;
        let columns = [("Deal Name", "name"), ("Amount", "amount"), ("Close Date", "close_date")];
        let answer = sent(app, &lin, &import, &columns, &[("then", "start"), ("default-currency", "EUR")]).await;
        assert_eq!(answer.location(), import, "{}", answer.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1), "now the yuan are not in the currency of their row");
        assert_eq!(deal(app, "Euros").await, Some((1_200_000, "EUR".into())));
    });
}

#[test]
fn amounts_of_a_file_in_dollars_do_not_become_yuan_of_records_that_stand() {
    on_both(async |app| {
        let lin = seller(app).await;
        for (name, currency) in [("Yuan", "CNY"), ("Dollars", "USD")] {
            let fields =
                [("external_id", name), ("amount", "100"), ("currency", currency), ("close_date", "2026-12-24")];
            app.create("opportunity", &lin, &[&fields[..], &[("name", name)]].concat()).await;
        }
        let file = "External ID,Amount (USD)\nYuan,500\nDollars,500\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("amounts are in USD, but this record is in CNY"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 1, 0, 1));
        assert_eq!(deal(app, "Yuan").await, Some((10_000, "CNY".into())));
        assert_eq!(deal(app, "Dollars").await, Some((50_000, "USD".into())));
    });
}

#[test]
fn a_comma_before_decimals_is_recognised_or_refused_and_never_left_out() {
    on_both(async |app| {
        let lin = seller(app).await;
        let file = "Deal Name;Amount;Probability;Close Date\nCents;1234,50;30;2026-12-24\nWhole;1.200;30;2026-12-24\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("<option value=\"comma\" selected>With a comma before decimals"), "{}", page.body);
        assert!(page.has("¥1,234.50") && page.has("¥1,200"), "{}", page.body);

        // Said to be written with points, nothing of it is taken for another number.
        let columns =
            [("Deal Name", "name"), ("Amount", "amount"), ("Probability", "probability"), ("Close Date", "close_date")];
        let answer = sent(app, &lin, &import, &columns, &[("then", "start"), ("decimal_sign", "point")]).await;
        assert_eq!(answer.location(), import, "{}", answer.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 0, 0, 2));
        let errors = refusals(app, &lin, &import).await;
        assert!(errors.contains("which number “1234,50” is") && errors.contains("which number “1.200” is"), "{errors}");

        app.clock.advance(60);
        let import = uploaded(app, &lin, "opportunity", &file.replace("Deal Name", "Deal")).await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 0));
        assert_eq!(deal(app, "Cents").await, Some((123_450, "CNY".into())));
        assert_eq!(deal(app, "Whole").await, Some((120_000, "CNY".into())));

        // The same said by a program, of a number that does not fit.
        app.clock.advance(60);
        let token = app.api_token(&lin).await;
        let bearer = format!("Bearer {token}");
        let columns = json!({ "Who": { "field": "name" }, "Staff": { "field": "employees" }, "Sales": { "field": "annual_revenue" } });
        let mapping = json!({ "object": "account", "decimal_sign": "comma", "columns": columns }).to_string();
        let file = "Who;Staff;Sales\nAcme;1.200;12,5\nBeta;7;12.50\n";
        let body = Body::from(upload(&[("object", "account"), ("mapping", &mapping)], "accounts.csv", file.as_bytes()));
        let headers = [("authorization", bearer.as_str()), ("content-type", UPLOAD)];
        let made = app.request(Method::POST, "/api/imports", &headers, body).await;
        assert_eq!(
            (made.status.as_u16(), &made.json()["mapping"]["decimal_sign"]),
            (201, &json!("comma")),
            "{}",
            made.body
        );
        let at = made.header("location").expect("an address").to_owned();
        let begun = app.api(&token, Method::POST, &format!("{at}/start"), &[], Some(&json!({}))).await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1));
        let mut session = app.db.read().await.expect("the database can be read");
        let read: (i64, i64) = session.one("SELECT employees, annual_revenue FROM account").await.expect("one account");
        assert_eq!(read, (1_200, 1_250));
        let rows = app.api(&token, Method::GET, &format!("{at}/rows?outcome=failed"), &[], None).await;
        assert!(rows.body.contains("which number “12.50” is"), "{}", rows.body);
    });
}
