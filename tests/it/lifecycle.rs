//! S24: a won deal makes a customer of the account; what was no win takes it back; nobody else's word is overwritten.

use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::record::command;
use trivet::tools::crm::stage::{self, Move};

use crate::hidden::hide;
use crate::import::{counts, partner, reason_for_all, run, uploaded, work};

async fn lifecycle(app: &TestApp, account: Uuid) -> String {
    app.value(sql!("SELECT lifecycle FROM account WHERE id = $1", account)).await.expect("an account has a state")
}

async fn move_to(app: &TestApp, by: &Person, deal: Uuid, stage: &str) {
    let wish = Move { stage: app.stage(stage).await, reason: Some("agreed".into()), ..Move::default() };
    let actor = app.actor(by).await;
    let mut tx = app.db.write().await.expect("a transaction");
    stage::move_to(&mut tx, &actor, deal, None, wish).await.expect("the deal moves");
    tx.commit().await.expect("it is stored");
}

#[test]
fn a_won_deal_makes_a_customer_and_a_mistaken_one_takes_it_back() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let (first, second) =
            (app.opportunity(&lin, "First", account).await, app.opportunity(&lin, "Second", account).await);
        assert_eq!(lifecycle(app, account).await, "prospect");
        move_to(app, &lin, first, "Won").await;
        assert_eq!(lifecycle(app, account).await, "customer");
        let timeline = app.get(&lin, &format!("/accounts/{account}")).await;
        assert!(timeline.has("updated this along with a deal"), "the timeline says so: {}", timeline.body);
        move_to(app, &lin, second, "Won").await;
        move_to(app, &lin, first, "Prospecting").await;
        assert_eq!(lifecycle(app, account).await, "customer", "the other one is still won");
        move_to(app, &lin, second, "Prospecting").await;
        assert_eq!(lifecycle(app, account).await, "prospect");
        let told: Option<i64> =
            app.value(sql!("SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'followed'", account)).await;
        assert_eq!(told, Some(2), "each change has its event");
        let version: Option<i64> = app.value(sql!("SELECT version FROM account WHERE id = $1", account)).await;
        assert_eq!(version, Some(3));
    });
}

#[test]
fn a_won_deal_that_somebody_throws_away_was_won_all_the_same() {
    on_both(async |app| {
        let pat = partner(app).await;
        let account = app.account(&pat, "Harbour Optics").await;
        let (first, second) =
            (app.opportunity(&pat, "First", account).await, app.opportunity(&pat, "Second", account).await);
        let put = async |deal: Uuid, deleted: bool| {
            let actor = app.actor(&pat).await;
            let mut tx = app.db.write().await.expect("a transaction");
            command::set_deleted(&mut tx, &actor, app.object("opportunity"), deal, deleted)
                .await
                .expect("it is theirs");
            tx.commit().await.expect("it is stored");
        };
        for deal in [first, second] {
            move_to(app, &pat, deal, "Won").await;
        }
        put(first, true).await;
        assert_eq!(lifecycle(app, account).await, "customer");
        move_to(app, &pat, second, "Prospecting").await;
        assert_eq!(lifecycle(app, account).await, "prospect", "no deal says otherwise");
        put(first, false).await;
        assert_eq!(lifecycle(app, account).await, "customer", "now one does");
    });
}

#[test]
fn who_may_not_see_the_life_cycle_is_not_told_that_it_changed() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Only", account).await;
        move_to(app, &lin, deal, "Won").await;
        hide(app, "account", &["lifecycle"], "seller").await;
        let page = app.get(&lin, &format!("/accounts/{account}")).await;
        assert!(!page.has("along with a deal"), "{}", page.body);
    });
}

#[test]
fn what_somebody_said_of_an_account_stands() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let won = app.stage("Won").await.to_string();
        let loyal = app.create("account", &lin, &[("name", "Loyal"), ("lifecycle", "loyal")]).await;
        let former = app.create("account", &lin, &[("name", "Former"), ("lifecycle", "former")]).await;
        for account in [loyal, former] {
            let account = account.to_string();
            let deal = [("name", "Deal"), ("account", account.as_str()), ("stage", &won), ("close_date", "2026-11-20")];
            let deal = [&deal[..], &[("reason", "They signed at once.")]].concat();
            app.create("opportunity", &lin, &deal).await;
        }
        assert_eq!(lifecycle(app, loyal).await, "loyal", "more than a customer already");
        assert_eq!(lifecycle(app, former).await, "customer", "who buys again is one again");
        app.try_update("account", &lin, former, None, &[("lifecycle", "former")]).await.expect("a seller may say so");
        app.try_update("account", &lin, former, None, &[("lifecycle", "customer")]).await.expect("and otherwise");
        let deal: Uuid =
            app.value(sql!("SELECT id FROM opportunity WHERE account_id = $1", former)).await.expect("the deal");
        move_to(app, &lin, deal, "Prospecting").await;
        assert_eq!(lifecycle(app, former).await, "customer", "the last word was a person's");
    });
}

#[test]
fn who_may_not_change_the_account_wins_a_deal_with_it_all_the_same() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let account = app.account(&boss, "Harbour Optics").await;
        let deal = app.opportunity(&boss, "Handed on", account).await;
        app.try_update("opportunity", &boss, deal, None, &[("owner", &lin.id.to_string())]).await.expect("handed on");
        assert!(
            app.try_update("account", &lin, account, None, &[("city", "Suzhou")]).await.is_err(),
            "the account is not hers"
        );
        move_to(app, &lin, deal, "Won").await;
        assert_eq!(lifecycle(app, account).await, "customer");
    });
}

#[test]
fn an_import_of_deals_makes_customers_and_both_imports_can_be_taken_back() {
    on_both(async |app| {
        let pat = partner(app).await;
        let accounts = uploaded(app, &pat, "account", "name,city\nHarbour Optics,Xiamen\nQuiet Labs,Wuxi\n").await;
        run(app, &pat, &accounts).await;
        let file = "name,account,stage,amount\nA,Harbour Optics,Won,10\nB,Harbour Optics,Won,20\nC,Quiet Labs,,30\n";
        let deals = uploaded(app, &pat, "opportunity", file).await;
        reason_for_all(app, &deals, "Taken over").await;
        run(app, &pat, &deals).await;
        assert_eq!(counts(app).await, ("done".into(), 3, 0, 0, 0));
        let customers: Option<String> = app.value("SELECT name FROM account WHERE lifecycle = 'customer'").await;
        assert_eq!(customers.as_deref(), Some("Harbour Optics"));
        let versions: Option<i64> = app.value("SELECT CAST(SUM(version) AS BIGINT) FROM account").await;
        assert_eq!(versions, Some(3), "two deals change an account once");
        app.post_form(&pat, &format!("{deals}/undo"), &[]).await;
        work(app).await;
        let customers: Option<i64> = app.value("SELECT COUNT(*) FROM account WHERE lifecycle <> 'prospect'").await;
        assert_eq!(customers, Some(0), "with the deals goes what they did");
        app.post_form(&pat, &format!("{accounts}/undo"), &[]).await;
        work(app).await;
        let left: Option<i64> = app.value("SELECT COUNT(*) FROM account WHERE deleted_at IS NULL").await;
        assert_eq!(left, Some(0), "nobody touched the accounts");
    });
}
