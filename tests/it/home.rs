//! The home page says of each deal at risk why. On both engines.

use testkit::{Role, on_both};

use crate::analysis::{deal, rows_behind};

/// A section of a page, by the id of its head.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let from = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("there is a section {id}: {page}"));
    page[from..].split("</section>").next().unwrap_or("")
}

/// The rows of the table of people.
fn people(page: &str) -> Vec<&str> {
    section(page, "team").split("<tr><th scope=\"row\">").skip(1).collect()
}

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

#[test]
fn who_won_most_stands_in_the_table_whatever_their_name_and_the_others_are_counted() {
    on_both(async |app| {
        let partner = app.person("Pia Partner").role(Role::Partner).create().await;
        let boss = app.person("Mei Zhang").role(Role::Manager).create().await;
        for number in 0..41 {
            app.person(&format!("Seller {number:02}")).manager(&boss).create().await;
        }
        let best = app.person("Zoe Zwick").manager(&boss).create().await;
        let today = app.config(0).await.expect("settings").today(app.clock.now());
        let account = app.account(&best, "Harbour Optics").await.to_string();
        let fields = [
            ("name", "Won".to_owned()),
            ("account", account.clone()),
            ("amount", "90000".into()),
            ("created_on", today.plus(-40).to_string()),
            ("close_date", today.to_string()),
            ("stage", app.stage("Won").await.to_string()),
            ("reached_stage", app.stage("Prospecting").await.to_string()),
            ("closed_on", today.to_string()),
        ];
        deal(app, &best, &fields).await;
        let late = today.plus(-3).to_string();
        let fields = [("name", "Passed"), ("account", account.as_str()), ("amount", "500"), ("close_date", &late)];
        app.create("opportunity", &best, &fields).await;
        for (person, all) in
            [(&partner, "/analysis?by=owner#compare"), (&boss, "/analysis?by=owner&#38;owner=team#compare")]
        {
            let home = app.get(person, "/").await;
            assert!(home.statements <= 12, "{}: {} statements", person.name, home.statements);
            let rows = people(&home.body);
            assert_eq!(rows.len(), 40, "{}", person.name);
            assert!(rows[0].contains("Zoe Zwick"), "{}", rows[0]);
            // Who won nothing stands in the order of names.
            assert!(rows[1].contains("Mei Zhang") && rows[2].contains("Seller 00"), "{}{}", rows[1], rows[2]);
            let team = section(&home.body, "team");
            assert!(team.contains("3 more people are not shown") && team.contains(all), "{team}");
            let risk = section(&home.body, "risk");
            assert!(risk.contains("Passed") && risk.contains("Zoe Zwick"), "{risk}");
            let compared = app.get(person, &all.replace("#compare", "").replace("&#38;", "&")).await;
            assert!(section(&compared.body, "compare").contains("Zoe Zwick"), "{}", person.name);
        }
        let own = app.get(&best, "/").await;
        let risk = section(&own.body, "risk");
        assert!(risk.contains("Passed") && !risk.contains("Zoe Zwick"), "one's own deals name no owner: {risk}");
        app.execute("UPDATE person SET state = 'disabled' WHERE name > 'Seller 37' AND name < 'T'").await;
        let team = app.get(&boss, "/").await;
        assert_eq!(people(&team.body).len(), 40);
        assert!(!team.has("not shown"), "nobody is left out");
    });
}

#[test]
fn what_is_planned_is_no_last_activity_and_ends_no_silence() {
    on_both(async |app| {
        let boss = app.person("Mei Zhang").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let (now, id) = (app.clock.now(), deal.to_string());
        for (kind, days) in [("call", -61), ("visit", 3)] {
            let at = now.plus_seconds(days * 86_400).timestamp().to_string();
            let fields = [("kind", kind), ("subject", "Tour"), ("opportunity", id.as_str()), ("happened_at", &at)];
            app.create("activity", &lin, &fields).await;
        }
        // Too long in its stage, and nothing happened with it for two months.
        let today = app.config(0).await.expect("settings").today(now);
        app.execute(store::sql!("UPDATE opportunity SET stage_since = 0, created_day = $1", today.plus(-90))).await;
        let row = async || {
            let home = app.get(&boss, "/").await.body;
            let of_lin = people(&home).into_iter().find(|row| row.contains("Lin Yan")).expect("Lin's row").to_owned();
            (of_lin, section(&home, "risk").to_owned())
        };
        let (of_lin, risk) = row().await;
        assert!(of_lin.contains("61 days ago") && !of_lin.contains("Today"), "{of_lin}");
        let filters =
            of_lin.split("href=\"/activities?").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
        let filters = filters.replace("&amp;", "&").replace("&#38;", "&");
        assert_eq!(rows_behind(app, &boss, &format!("/activities?{filters}")).await, 1, "only the call: {filters}");
        let said = risk.contains("Nothing logged for 30 days") && !risk.contains("No next step");
        assert!(risk.contains("Forty seats") && said, "{risk}");
        // The visit took place.
        app.clock.advance(3 * 86_400);
        let (of_lin, risk) = row().await;
        assert!(of_lin.contains("Today") && !of_lin.contains("days ago"), "{of_lin}");
        assert!(risk.contains("No next step") && !risk.contains("Nothing logged"), "{risk}");
    });
}

#[test]
fn an_account_that_the_name_of_its_deal_tells_is_not_told_twice() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await.to_string();
        let late = app.config(0).await.expect("settings").today(app.clock.now()).plus(-3).to_string();
        let with = [("account", account.as_str()), ("close_date", late.as_str())];
        app.create("opportunity", &lin, &[&[("name", "Harbour Optics · Seats")][..], &with].concat()).await;
        let home = app.get(&lin, "/").await;
        assert_eq!(section(&home.body, "risk").matches("Harbour Optics").count(), 1, "{}", home.body);
        let board = app.get(&lin, "/board").await;
        assert!(!board.has("card-account"), "{}", board.body);
    });
}
