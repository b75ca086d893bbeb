//! What a deal must not do unnoticed: go around what its stages ask for, or change its amount with its currency.

use store::{Uuid, new_id, sql};
use testkit::{Role, on_both};
use trivet::shell::error::Error;
use trivet::tools::crm::stage::{self, Move};

#[test]
fn losing_a_deal_first_is_no_way_around_what_the_stages_ask_for() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let go = async |name: &str, reason: Option<&str>, lost: bool| {
            let wish = Move {
                stage: app.stage(name).await,
                reason: reason.map(str::to_owned),
                inputs: lost.then(|| ("lost_reason".to_owned(), "price".to_owned())).into_iter().collect(),
                ..Move::default()
            };
            let actor = app.actor(&lin).await;
            let mut tx = app.db.write().await.expect("a transaction");
            let moved = stage::move_to(&mut tx, &actor, deal, None, wish).await;
            if moved.is_ok() {
                tx.commit().await.expect("it is stored");
            }
            moved
        };
        assert!(matches!(go("Won", None, false).await, Err(Error::Invalid(_))), "the stages ask for something");
        go("Lost", None, true).await.expect("a deal can be lost");
        assert!(matches!(go("Won", None, false).await, Err(Error::Invalid(_))), "they still do");
        go("Won", Some("They called back and signed."), false).await.expect("a reason is enough");
    });
}

#[test]
fn undo_only_goes_back_to_where_the_deal_came_from() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let go = async |name: &str, more: (&str, &str)| {
            app.clock.advance(1);
            let stage = app.stage(name).await.to_string();
            app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &[("stage", &stage), more]).await.status
        };
        assert_eq!(go("Won", ("undo", "1")).await, 422, "nothing was done that could be undone");
        assert_eq!(go("Won", ("reason", "They signed.")).await, 303);
        assert_eq!(go("Negotiation", ("undo", "1")).await, 422, "it did not come from there");
        assert_eq!(go("Prospecting", ("undo", "1")).await, 303);
        assert_eq!(go("Won", ("undo", "1")).await, 303, "an undone move can be undone too");
    });
}

#[test]
fn an_amount_is_still_the_same_amount_in_another_currency() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let amount = async |object: &str, id: Uuid, column: &str| -> i64 {
            app.value(sql!(format!("SELECT {column} FROM {object} WHERE id = $1"), id)).await.expect("an amount")
        };
        app.try_update("account", &lin, account, None, &[("annual_revenue", "1000"), ("currency", "USD")])
            .await
            .expect("saved");
        app.try_update("account", &lin, account, None, &[("currency", "JPY")]).await.expect("whole amounts go along");
        assert_eq!(amount("account", account, "annual_revenue").await, 1_000);
        app.try_update("account", &lin, account, None, &[("currency", "USD")]).await.expect("and back");
        assert_eq!(amount("account", account, "annual_revenue").await, 100_000);
        app.try_update("account", &lin, account, None, &[("annual_revenue", "10.50")]).await.expect("saved");
        let refused = app.try_update("account", &lin, account, None, &[("currency", "JPY")]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "yen have no cents: {refused:?}");
        app.try_update("account", &lin, account, None, &[("currency", "JPY"), ("annual_revenue", "1050")])
            .await
            .expect("given");
        assert_eq!(amount("account", account, "annual_revenue").await, 1_050);
    });
}

#[test]
fn the_newest_price_in_force_counts_and_lines_hold_the_currency_of_their_deal() {
    on_both(async |app| {
        let partner = app.person("Mei Qiao").role(Role::Partner).create().await;
        let account = app.account(&partner, "Harbour Optics").await;
        let deal = app.opportunity(&partner, "Rollout", account).await;
        let product = app.create("product", &partner, &[("name", "Suite"), ("code", "S"), ("list_price", "100")]).await;
        let currency: String =
            app.value(sql!("SELECT currency FROM opportunity WHERE id = $1", deal)).await.expect("one");
        // One list without a first day, one that came into force later: whichever engine sorts, the later one counts.
        for (from, amount) in [(None, 9_000_i64), (Some(1_i64), 8_000)] {
            let list = new_id(&app.clock);
            app.execute(sql!(
                "INSERT INTO price_list (id, version, name, currency, from_day) VALUES ($1, 1, 'List', $2, $3)",
                list,
                &currency,
                from
            ))
            .await;
            app.execute(sql!(
                "INSERT INTO price (price_list_id, product_id, amount) VALUES ($1, $2, $3)",
                list,
                product,
                amount
            ))
            .await;
        }
        let fields = [("product", product.to_string()), ("quantity", "2".to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let answer = app.post_form(&partner, &format!("/opportunities/{deal}/items"), &fields).await;
        assert!(answer.status.is_redirection() || answer.status.is_success(), "{}", answer.body);
        let amount: i64 = app.value(sql!("SELECT amount FROM opportunity WHERE id = $1", deal)).await.expect("one");
        assert_eq!(amount, 16_000);
        let other = if currency == "USD" { "CNY" } else { "USD" };
        let refused = app.try_update("opportunity", &partner, deal, None, &[("currency", other)]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    });
}
