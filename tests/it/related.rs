//! What hangs on a record stands on its page with what is open first, the most urgent at the top. On both engines.

use store::Uuid;
use testkit::{Answer, Person, Role, TestApp, on_both};

/// The names in a list of the page, in their order.
fn rows(page: &Answer, plural: &str) -> Vec<String> {
    let main = page.body.split("<div class=\"stack\">").next().unwrap_or("");
    let begins = format!("class=\"row-name\" href=\"/{plural}/");
    let name =
        |part: &str| part.split_once('>').and_then(|(_, rest)| rest.split_once('<')).map(|(name, _)| name.into());
    main.split(&begins).skip(1).filter_map(name).collect()
}

/// Three tasks that are open and seven that are done, made in an order that is not the one they stand in.
async fn tasks(app: &TestApp, by: &Person, key: &str, of: Uuid) {
    let of = of.to_string();
    let open = [("Open later", "2027-03-01"), ("Open late", "2026-11-20"), ("Open next", "2026-12-01")];
    let done = (1..=7).map(|month| (format!("Done {month}"), format!("2026-{month:02}-15")));
    for (subject, due) in done {
        let fields =
            [("subject", subject.as_str()), ("due_date", due.as_str()), ("status", "done"), (key, of.as_str())];
        app.create("task", by, &fields).await;
    }
    for (subject, due) in open {
        app.create("task", by, &[("subject", subject), ("due_date", due), (key, of.as_str())]).await;
    }
}

#[test]
fn what_is_to_be_done_comes_first_and_what_was_done_last_after_it() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let other = app.account(&lin, "Lighthouse").await;
        let records = [
            ("accounts", "account", account),
            ("opportunities", "opportunity", app.opportunity(&lin, "Forty lamps", other).await),
            ("contacts", "contact", app.create("contact", &lin, &[("name", "Wang Fang")]).await),
            ("leads", "lead", app.lead(&lin, "Zhao Min").await),
        ];
        let expected = ["Open late", "Open next", "Open later", "Done 7", "Done 6", "Done 5", "Done 4", "Done 3"];
        for (plural, key, id) in records {
            tasks(app, &lin, key, id).await;
            let page = app.get(&lin, &format!("/{plural}/{id}?tab=related")).await;
            assert_eq!(rows(&page, "tasks"), expected, "{plural}");
            assert!(page.statements <= 12, "{plural}: {}", page.statements);
        }
    });
}

#[test]
fn open_deals_come_first_by_their_close_date_and_closed_ones_after_them() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let contact = app.contact(&lin, "Wang Fang", account).await.to_string();
        let (of, won, lost) =
            (account.to_string(), app.stage("Won").await.to_string(), app.stage("Lost").await.to_string());
        let deals = [
            ("Alpha", "2027-02-01", None),
            ("Won in May", "2026-12-31", Some((&won, "2026-05-02"))),
            ("Lost in June", "2026-03-01", Some((&lost, "2026-06-02"))),
            ("Beta", "2026-12-01", None),
            ("Won in April", "2026-04-01", Some((&won, "2026-04-02"))),
        ];
        for (name, close, closed) in deals {
            let mut fields = vec![("name", name), ("account", of.as_str()), ("close_date", close)];
            if let Some((stage, day)) = closed {
                fields.extend([("stage", stage.as_str()), ("reason", "Told"), ("created_on", "2026-01-01")]);
                fields.extend([("closed_on", day), ("lost_reason", "price")]);
                fields.retain(|(key, _)| *key != "lost_reason" || *stage == lost);
            }
            let deal = app.create("opportunity", &lin, &fields).await;
            let committee = format!("/opportunities/{deal}/committee");
            let version = app.get(&lin, &format!("{committee}/new?contact={contact}")).await.version();
            let tie = [("contact", contact.as_str()), ("buying_role", ""), ("version", version.as_str())];
            assert_eq!(app.post_form(&lin, &committee, &tie).await.status, 303);
        }
        let decides_on = async || {
            let page = app.get(&lin, &format!("/contacts/{contact}")).await.body;
            let list = page.split("id=\"side-deals\"").nth(1).and_then(|rest| rest.split("</ul>").next()).unwrap_or("");
            let names = list.split("<a href=\"/opportunities/").skip(1);
            let name = |part: &str| part.split(['>', '<']).nth(1).unwrap_or("").to_owned();
            names.map(name).collect::<Vec<_>>()
        };
        let shown = async || {
            let page = app.get(&lin, &format!("/accounts/{account}?tab=related")).await;
            assert!(page.statements <= 12, "{}", page.statements);
            rows(&page, "opportunities")
        };
        let in_order = ["Beta", "Alpha", "Lost in June", "Won in May", "Won in April"];
        assert_eq!(shown().await, in_order);
        assert_eq!(decides_on().await, in_order);
        // Who does not know the close date cannot tell it from the order.
        crate::hidden::hide(app, "opportunity", &["close_date"], "seller").await;
        // Reads the settings that have changed.
        app.get(&lin, "/").await;
        let by_nothing = ["Alpha", "Beta", "Lost in June", "Won in May", "Won in April"];
        assert_eq!(shown().await, by_nothing);
        assert_eq!(decides_on().await, by_nothing);
    });
}

#[test]
fn amounts_below_each_other_stand_in_full() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let of = account.to_string();
        for amount in ["1137.50", "12500", "1000000"] {
            let fields = [("name", amount), ("account", of.as_str()), ("amount", amount), ("close_date", "2026-12-24")];
            app.create("opportunity", &lin, &fields).await;
        }
        for path in [
            "/opportunities?view=none&cols=name,amount".to_owned(),
            "/opportunities?view=none&cols=name,amount_base".to_owned(),
            format!("/accounts/{account}?tab=related"),
        ] {
            let page = app.get(&lin, &path).await;
            for shown in ["¥1,137.50", "¥12,500", "¥1,000,000"] {
                assert!(page.has(&format!(">{shown}</td>")), "{path}: {shown}: {}", page.body);
            }
        }
        // On a card, where nothing stands below it, an amount is short.
        let board = app.get(&lin, "/board").await;
        assert!(board.has(">¥12.5K</span>") && board.has(">¥1M</span>"), "{}", board.body);
    });
}
