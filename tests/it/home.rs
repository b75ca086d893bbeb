//! The home page says of each deal at risk why. On both engines.

use testkit::{Role, on_both};

#[test]
fn a_deal_at_risk_stands_with_its_account_and_its_own_reasons() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await.to_string();
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        let (late, soon) = (today.plus(-3).to_string(), today.plus(9).to_string());
        let with = [("account", account.as_str()), ("next_step", "Call"), ("next_step_date", soon.as_str())];
        app.create("opportunity", &lin, &[&[("name", "Passed"), ("close_date", &late)][..], &with].concat()).await;
        app.create("opportunity", &lin, &[&[("name", "On its way"), ("close_date", &soon)][..], &with].concat()).await;
        let home = app.get(&lin, "/").await;
        let risks = &home.body[home.body.find("deals at risk").expect("there are deals at risk")..];
        for shown in ["Passed", "Harbour Optics", "Close date passed 3 days ago"] {
            assert!(risks.contains(shown), "{shown}: {risks}");
        }
        assert!(!risks.contains("No next step") && !risks.contains("Nothing logged"), "{risks}");
    });
}
