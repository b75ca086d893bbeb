//! An amount and its currency count as one.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Answer, on_both};

use super::company::{Company, Door, doors, flash, row, succeeded};

/// 2,000 typed when the currency was USD is never €2,000; and $1,000 turned into euros is not what somebody gave meanwhile.
#[test]
fn an_amount_meant_in_one_currency_is_never_stored_in_another() {
    let amounts = [
        ("product", "list_price"),
        ("account", "annual_revenue"),
        ("lead", "estimated_amount"),
        ("opportunity", "amount"),
    ];
    on_both(async |app| {
        let company = Company::new(app).await;
        let money = |amount: &str, currency: &str| format!("{currency} {amount}");
        for (name, key) in amounts {
            let object = app.object(name);
            let field = |key: &str| object.field(key).expect("a field of the kind");
            let (amount, currency) = (field(key), field("currency"));
            let stands = async |id: Uuid| (row(app, object, amount, id).await, row(app, object, currency, id).await.1);
            let both = |answer: &Answer| -> BTreeMap<String, [String; 3]> {
                let text = |error: &Json, part: &str| error[part].as_str().unwrap_or_default().to_owned();
                let parts = |error: &Json| ["original", "yours", "theirs"].map(|part| text(error, part));
                let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
                errors.iter().map(|error| (text(error, "field"), parts(error))).collect()
            };
            let texts = |parts: [&str; 3]| parts.map(str::to_owned);
            for (index, door) in doors(amount).into_iter().enumerate() {
                let what = format!("{name} by {door:?}");
                let code = format!("C-{index}");
                let more = [("code", code.as_str()), (key, "1000"), ("currency", "USD")];
                let id = company.make(app, name, &more).await;
                let ana = company.send(app, 0, Door::Form, object, id, 1, "currency", "EUR").await;
                assert_eq!(ana.status, 303, "{what}: {}", ana.body);
                let euros = stands(id).await;
                let ben = company.send(app, 1, door, object, id, 1, key, "2000").await;
                assert_eq!(stands(id).await, euros, "{what}: no dollars became euros");
                match door {
                    Door::Many => assert!(flash(&ben).contains("meanwhile"), "{what}: {}", flash(&ben)),
                    Door::Api => {
                        assert_eq!(
                            (ben.status.as_u16(), &ben.json()["errors"][0]["field"]),
                            (409, &json!(key)),
                            "{what}"
                        );
                        let told = both(&ben);
                        assert_eq!(told[key], texts(["1000.00", "2000.00", "1000.00"]), "{what}");
                        assert_eq!(told["currency"], texts(["USD", "USD", "EUR"]), "{what}");
                    }
                    _ => {
                        assert_eq!(ben.status, 409, "{what}: {}", ben.body);
                        assert!(ben.has(&money("1000.00", "EUR")) && ben.has("2000"), "{what}: {}", ben.body);
                    }
                }
                // The other way round.
                let code = format!("D-{index}");
                let id = company.make(app, name, &[("code", code.as_str()), more[1], more[2]]).await;
                let ana = company.send(app, 0, door, object, id, 1, key, "3000").await;
                assert!(succeeded(door, &ana), "{what}: {} {}", ana.status, ana.body);
                let dollars = stands(id).await;
                let ben = company.send(app, 1, Door::Form, object, id, 1, "currency", "EUR").await;
                assert_eq!((ben.status.as_u16(), stands(id).await), (409, dollars.clone()), "{what}: {}", ben.body);
                assert!(ben.has(&money("1000.00", "EUR")) && ben.has(&money("3000.00", "USD")), "{what}: {}", ben.body);
                let ben = company.send(app, 1, Door::Api, object, id, 1, "currency", "EUR").await;
                assert_eq!(
                    (ben.status.as_u16(), &ben.json()["errors"][0]["field"]),
                    (409, &json!("currency")),
                    "{what}"
                );
                assert_eq!(both(&ben)[key], texts(["1000.00", "1000.00", "3000.00"]), "{what}");
                assert_eq!(stands(id).await, dollars, "{what}");
            }
        }
    });
}

#[test]
fn a_whole_form_about_an_amount_in_another_currency_is_told_both_and_decides() {
    on_both(async |app| {
        let company = Company::new(app).await;
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('JPY', 0, '0.05')").await;
        app.settings_changed().await;
        let deal = async || company.make(app, "opportunity", &[("amount", "1000"), ("currency", "USD")]).await;
        let stands = async |id: Uuid| -> (i64, i64, String) {
            let mut session = app.db.read().await.expect("the database can be read");
            let select = sql!("SELECT version, amount, currency FROM opportunity WHERE id = $1", id);
            session.one(select).await.expect("the deal is there")
        };
        let save = async |editor: usize, id: Uuid, version: &str, amount: &str, currency: &str, step: &str| {
            let fields = [
                ("version", version),
                ("amount", amount),
                ("currency", currency),
                ("next_step", step),
                ("name", "Rollout"),
            ];
            app.post_form(&company.editors[editor], &format!("/opportunities/{id}"), &fields).await
        };
        // The finding: the same decimals, so that only the currency has an event.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "1000.00", "EUR", "").await.status, 303);
        let ben = save(1, id, "1", "2,000", "USD", "").await;
        assert_eq!((ben.status.as_u16(), stands(id).await), (409, (2, 100_000, "EUR".into())), "{}", ben.body);
        for shown in ["USD 1000.00", "USD 2000.00", "EUR 1000.00"] {
            assert!(ben.has(shown), "{shown}: {}", ben.body);
        }
        // One person's amount in the other's currency is nobody's: it is asked again.
        let mixed = save(1, id, &ben.version(), "USD 2000.00", "EUR", "").await;
        assert_eq!((mixed.status.as_u16(), stands(id).await), (422, (2, 100_000, "EUR".into())));
        assert!(mixed.has("names a currency other than EUR"), "{}", mixed.body);
        assert_eq!(save(1, id, &ben.version(), "USD 2000.00", "USD", "").await.status, 303);
        assert_eq!(stands(id).await, (3, 200_000, "USD".into()));

        // Whoever leaves both as they found them changes neither, whatever decimals there are.
        for currency in ["EUR", "JPY"] {
            let id = deal().await;
            assert_eq!(save(0, id, "1", "1000.00", currency, "").await.status, 303);
            let euros = stands(id).await;
            assert_eq!(save(1, id, "1", "1000.00", "USD", "Call back").await.status, 303);
            assert_eq!(stands(id).await, (3, euros.1, currency.into()));
            let ben = save(1, id, "1", "2000.00", "USD", "").await;
            assert_eq!((ben.status.as_u16(), stands(id).await.1), (409, euros.1), "{}", ben.body);
            let theirs = if currency == "EUR" { "EUR 1000.00" } else { "JPY 1000" };
            assert!(ben.has("USD 1000.00") && ben.has("USD 2000.00") && ben.has(theirs), "{}", ben.body);
        }
        // Two people who want the same are no conflict; who wants the number in another currency is.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "2000.00", "EUR", "").await.status, 303);
        assert_eq!(save(1, id, "1", "2000.00", "EUR", "").await.status, 303);
        assert_eq!(stands(id).await, (2, 200_000, "EUR".into()));
        assert_eq!(save(1, id, "1", "2000.00", "USD", "").await.status, 409);
        // Who only wants the currency that stands wants nothing of the amount.
        let only = [("version", "1"), ("currency", "EUR")];
        let only = app.post_form(&company.editors[1], &format!("/opportunities/{id}"), &only).await;
        assert_eq!((only.status.as_u16(), stands(id).await), (303, (2, 200_000, "EUR".into())), "{}", only.body);

        // A line typed in dollars is no line of a deal in euros.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "1000.00", "EUR", "").await.status, 303);
        let product = company.targets["product"][0].to_string();
        let line = [("version", "1"), ("product", product.as_str()), ("quantity", "2"), ("unit_price", "900")];
        let line = app.post_form(&company.editors[1], &format!("/opportunities/{id}/items"), &line).await;
        assert_eq!((line.status.as_u16(), stands(id).await), (409, (2, 100_000, "EUR".into())), "{}", line.body);
        let lines = sql!("SELECT COUNT(*) FROM line_item WHERE opportunity_id = $1", id);
        assert_eq!(app.value::<i64>(lines).await, Some(0));
    });
}
