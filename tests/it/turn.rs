//! Whoever waited for their turn to write writes by what is in force then: rights, rates, stages. On both engines.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value as Json, json};
use store::{Sql, Uuid, sql};
use testkit::{Answer, Person, Role, TestApp, on_both};

/// Sends the change of a deal while somebody else is changing settings, who then is done.
async fn meanwhile(app: &TestApp, seller: &Person, deal: Uuid, change: Json, settings: Sql) -> Answer {
    let token = app.api_token(seller).await;
    let mut held = app.app.db.write().await.expect("the database can be written");
    held.execute("UPDATE organization SET config_version = config_version + 1 WHERE id = 1").await.expect("settings");
    held.execute(settings).await.expect("a setting can be changed");
    let path = format!("/api/opportunities/{deal}");
    let headers = [("if-match", "*")];
    let asked = app.api(&token, Method::PATCH, &path, &headers, Some(&change));
    let done = async {
        // Until the request has been let in and waits.
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.commit().await.expect("the settings can be stored");
    };
    tokio::join!(asked, done).0
}

async fn deal(app: &TestApp, seller: &Person) -> Uuid {
    let fields = [("name", "Rollout"), ("amount", "100"), ("currency", "USD"), ("close_date", "2026-12-01")];
    app.create("opportunity", seller, &fields).await
}

async fn amount(app: &TestApp, deal: Uuid) -> Option<(i64, i64)> {
    let mut session = app.app.db.read().await.expect("the database can be read");
    let row = sql!("SELECT amount, amount_base FROM opportunity WHERE id = $1", deal);
    session.optional(row).await.expect("a deal can be read")
}

#[test]
fn a_deal_that_waited_is_worth_what_the_new_rate_says() {
    on_both(async |app| {
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let deal = deal(app, &lin).await;
        assert_eq!(amount(app, deal).await, Some((10_000, 70_000)));
        let dearer = Sql::new("UPDATE fx_rate SET rate = '8' WHERE currency = 'USD'");
        let answer = meanwhile(app, &lin, deal, json!({ "amount": "200.00" }), dearer).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(amount(app, deal).await, Some((20_000, 160_000)));
    });
}

#[test]
fn who_lost_a_right_or_left_the_house_while_waiting_writes_nothing() {
    on_both(async |app| {
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        let loses = "DELETE FROM person_role WHERE person_id = $1";
        let leaves = "UPDATE person SET state = 'disabled' WHERE id = $1";
        for (name, ends, told) in
            [("Lin Yan", loses, StatusCode::NOT_FOUND), ("Gao Ling", leaves, StatusCode::UNAUTHORIZED)]
        {
            let seller = app.person(name).role(Role::Seller).create().await;
            let deal = deal(app, &seller).await;
            let answer = meanwhile(app, &seller, deal, json!({ "amount": "200.00" }), sql!(ends, seller.id)).await;
            assert_eq!(answer.status, told, "{}", answer.body);
            assert_eq!(amount(app, deal).await, Some((10_000, 70_000)));
        }
    });
}

#[test]
fn no_deal_moves_into_a_stage_that_was_removed_while_it_waited() {
    on_both(async |app| {
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7')").await;
        app.settings_changed().await;
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let deal = deal(app, &lin).await;
        let stages = app.app.config(0).await.expect("the settings are there").pipelines[0].stages.clone();
        let (first, second) = (stages[0].id, stages[1].id);
        app.execute(sql!("UPDATE criterion SET deleted_at = 1 WHERE stage_id = $1", first)).await;
        app.settings_changed().await;
        let removed = sql!("UPDATE stage SET deleted_at = 1 WHERE id = $1", second);
        let answer = meanwhile(app, &lin, deal, json!({ "stage": second }), removed).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
        let stands = app.value::<Uuid>(sql!("SELECT stage_id FROM opportunity WHERE id = $1", deal)).await;
        assert_eq!(stands, Some(first));
    });
}
