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

#[test]
fn what_is_planned_with_a_deal_is_its_next_step_on_card_page_and_home() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let chen = app.person("Chen Wei").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let now = app.clock.now();
        let today = app.config(0).await.expect("settings").today(now);
        let at = |hours: i64| now.plus_seconds(hours * 3600).timestamp().to_string();
        let mut deals = Vec::new();
        for name in ["Met", "Planned", "Bound", "Thrown away", "Colleague's", "Undated"] {
            deals.push(app.opportunity(&lin, name, account).await);
        }
        for (deal, hours) in [(0, -1), (1, 30), (1, 300), (3, 30)] {
            let deal = deals[deal].to_string();
            let fields =
                [("kind", "meeting"), ("subject", "Tour"), ("opportunity", &deal), ("happened_at", &at(hours))];
            let meeting = app.create("activity", &lin, &fields).await;
            if deal == deals[3].to_string() {
                app.execute(store::sql!("UPDATE activity SET deleted_at = 1 WHERE id = $1", meeting)).await;
            }
        }
        let due = today.plus(4).to_string();
        for (deal, by, due) in [(2, &lin, Some(&due)), (4, &chen, Some(&due)), (5, &lin, None)] {
            let deal = deals[deal].to_string();
            let mut fields = vec![("subject", "Send it"), ("opportunity", deal.as_str())];
            fields.extend(due.map(|due| ("due_date", due.as_str())));
            // A colleague's task on it is not for everybody to see.
            let task = app.create("task", &lin, &fields).await;
            app.execute(store::sql!("UPDATE task SET owner_id = $2, created_by = $2 WHERE id = $1", task, by.id)).await;
        }
        // All of them have stood in their stage for too long: with nothing next they are at risk.
        app.execute("UPDATE opportunity SET stage_since = 0").await;
        let bare = [0, 3, 4, 5];
        let list = app.get(&lin, "/opportunities?view=none&f=at_risk:is:true").await;
        for (place, deal) in deals.iter().enumerate() {
            let is_bare = bare.contains(&place);
            assert_eq!(list.has(&format!("/opportunities/{deal}")), is_bare, "{place}: {}", list.body);
        }
        app.execute("UPDATE opportunity SET stage_since = created_at").await;
        let board = app.get(&lin, "/board").await;
        let day = |day: store::Day| trivet::shell::format::date(trivet::shell::i18n::Locale::En, day);
        let zone = app.config(0).await.expect("settings").zone.clone();
        for (place, deal) in deals.iter().enumerate() {
            let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
            let warned = page.has("There is no next step");
            assert_eq!(warned, bare.contains(&place), "{place}: {}", page.body);
            let card = board.body.split(&format!("id=\"card-{deal}\"")).nth(1).expect("a card");
            let card = &card[..card.find("</li>").expect("its end")];
            let expected = match place {
                1 => format!("Planned {}", day(now.plus_seconds(30 * 3600).day_in(&zone))),
                2 => format!("Task {}", day(today.plus(4))),
                _ => "No next step".to_owned(),
            };
            assert!(card.contains(&expected), "{place}, {expected}: {card}");
        }
        // What was planned lies behind.
        app.clock.advance(301 * 3600);
        app.execute("UPDATE opportunity SET stage_since = 0").await;
        let list = app.get(&lin, "/opportunities?view=none&f=at_risk:is:true").await;
        assert!(list.has(&format!("/opportunities/{}", deals[1])), "{}", list.body);
        assert!(!list.has(&format!("/opportunities/{}", deals[2])), "{}", list.body);
    });
}
