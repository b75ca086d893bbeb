//! Analysis, home and calendar: what they show is what is there, and every figure has exactly its rows behind it.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use store::{Day, Uuid};
use testkit::{Answer, Engine, Person, Role, TestApp, on, on_both};
use trivet::shell::list::{Asks, settle};
use trivet::shell::record::command::{self, Source};
use trivet::shell::record::query::Question;

/// A team of two sellers, one beside it, and deals in every stage, industry and source.
pub struct World {
    pub manager: Person,
    pub lin: Person,
    pub tom: Person,
    pub outsider: Person,
}

/// A deal as a file from elsewhere tells it: with the days of the past.
pub async fn deal(app: &TestApp, owner: &Person, fields: &[(&str, String)]) -> Uuid {
    let mut actor = app.actor(owner).await;
    actor.import = Some(store::new_id(&app.clock));
    actor.import_reason = Some("Taken over".into());
    let object = app.object("opportunity");
    let inputs: BTreeMap<String, String> = fields.iter().map(|(key, text)| ((*key).to_owned(), text.clone())).collect();
    let draft =
        command::read_inputs(object, &actor.viewer, &inputs, None, Source::Import).expect("the deal is readable");
    let mut tx = app.db.write().await.expect("the database can be written");
    let id = command::create(&mut tx, &actor, object, draft).await.expect("the deal can be made");
    tx.commit().await.expect("the database can be written");
    id
}

pub async fn world(app: &TestApp) -> World {
    let manager = app.person("Mei Zhang").role(Role::Manager).create().await;
    let lin = app.person("Lin Yan").manager(&manager).create().await;
    let tom = app.person("Tom Becker").manager(&manager).create().await;
    let outsider = app.person("Olga Out").create().await;
    let stages = ["Prospecting", "Engaging", "Proposal", "Negotiation"];
    let mut ids = Vec::new();
    for stage in stages {
        ids.push(app.stage(stage).await);
    }
    let (won, lost) = (app.stage("Won").await, app.stage("Lost").await);
    let industries = ["retail", "medical", "software", ""];
    let sources = ["website", "referral", ""];
    let mut accounts = BTreeMap::new();
    for (owner, person) in [&lin, &tom, &outsider].into_iter().enumerate() {
        for (at, industry) in industries.iter().enumerate() {
            let name = format!("Account {owner}{at}");
            let id = app.create("account", person, &[("name", &name), ("industry", industry)]).await;
            accounts.insert((owner, at), id);
        }
    }
    let today = Day::parse("2026-11-24").expect("a day");
    for number in 0..75i64 {
        let who = (number % 3) as usize;
        let owner = [&lin, &tom, &outsider][who];
        let created = today.plus(-20 - number * 7);
        let reached = ids[(number % 4) as usize];
        let mut fields = vec![
            ("name", format!("Deal {number}")),
            ("account", accounts[&(who, (number / 3 % 4) as usize)].to_string()),
            ("amount", (1000 * (number + 1)).to_string()),
            ("created_on", created.to_string()),
            ("source", sources[(number / 2 % 3) as usize].to_owned()),
            ("close_date", today.plus(number * 11 - 90).to_string()),
        ];
        match number % 5 {
            0 | 1 => fields.push(("stage", reached.to_string())),
            closed => {
                fields.push(("stage", if closed == 4 { lost } else { won }.to_string()));
                fields.push(("reached_stage", reached.to_string()));
                fields.push(("closed_on", created.plus(10 + number).min(today).to_string()));
                if closed == 4 && number % 2 == 0 {
                    fields.push(("lost_reason", "price".into()));
                }
            }
        }
        deal(app, owner, &fields).await;
    }
    World { manager, lin, tom, outsider }
}

/// Links with the number of rows that the page says are behind them.
pub fn counted(body: &str) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for part in body.split("<a ").skip(1) {
        let tag = part.split('>').next().unwrap_or("");
        let attribute = |name: &str| {
            let from = tag.split(&format!("{name}=\"")).nth(1)?;
            Some(from.split('"').next()?.replace("&amp;", "&").replace("&#38;", "&"))
        };
        if let (Some(href), Some(count)) = (attribute("href"), attribute("data-count")) {
            found.push((href, count.parse().expect("a count is a number")));
        }
    }
    found
}

/// How many rows the list at this address has for the person.
pub async fn rows_behind(app: &TestApp, person: &Person, href: &str) -> i64 {
    let (path, query) = href.split_once('?').expect("a list has filters");
    let object = app.registry.by_plural(path.trim_start_matches('/')).expect("it is a list");
    let viewer = app.viewer(person).await;
    let today = viewer.config.today(app.clock.now());
    let settled = settle(&viewer, object, Asks::parse(query), &[]).unwrap_or_else(|error| panic!("{href}: {error:?}"));
    let question = Question { viewer: &viewer, object, query: &settled.query, today };
    let mut session = app.db.read().await.expect("the database can be read");
    question.count(&mut session, 100_000).await.expect("it can be counted")
}

/// Deals that one seller won over the years; returns who.
pub async fn history(app: &TestApp) -> Person {
    let lin = app.person("Lin Yan").create().await;
    let account = app.account(&lin, "Acme").await.to_string();
    let (won, first) = (app.stage("Won").await.to_string(), app.stage("Prospecting").await.to_string());
    for closed in ["2019-02-11", "2020-12-31", "2021-01-01", "2021-06-15", "2022-05-05", "2025-03-03"] {
        let day = Day::parse(closed).expect("a day");
        let fields = [
            ("name", format!("Won {closed}")),
            ("account", account.clone()),
            ("amount", "1000".into()),
            ("created_on", day.plus(-20).to_string()),
            ("close_date", closed.into()),
            ("stage", won.clone()),
            ("reached_stage", first.clone()),
            ("closed_on", closed.into()),
        ];
        deal(app, &lin, &fields).await;
    }
    lin
}

async fn check_links(app: &TestApp, person: &Person, path: &str, at_least: usize) {
    let page = app.get(person, path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.body);
    assert!(page.statements <= 12, "{path}: {} statements", page.statements);
    let links: BTreeSet<(String, i64)> = counted(&page.body).into_iter().collect();
    assert!(links.len() >= at_least, "{path} for {}: only {} figures", person.name, links.len());
    for (href, count) in &links {
        assert_eq!(rows_behind(app, person, href).await, *count, "{path} for {}: {href}", person.name);
    }
    // What one can click in a chart is also in its table.
    let hrefs: BTreeSet<&str> = links.iter().map(|(href, _)| href.as_str()).collect();
    for part in page.body.split("\"hrefs\":[").skip(1) {
        for href in part.split(']').next().unwrap_or("").split(',').map(|text| text.trim_matches('"')) {
            assert!(hrefs.contains(href), "{path}: {href} is only in a chart");
        }
    }
}

#[test]
fn every_figure_has_exactly_its_rows_behind_it() {
    on_both(async |app| {
        let world = world(app).await;
        let partner = app.person("Pia Partner").role(Role::Partner).create().await;
        for person in [&world.manager, &world.lin, &partner] {
            for path in [
                "/analysis",
                "/analysis?period=all&by=segment",
                "/analysis?period=last-quarter&by=source",
                "/analysis?period=days&from=2026-03-10&to=2026-09-20",
                "/analysis?period=year&source=referral",
                "/analysis?period=all&segment=none",
            ] {
                check_links(app, person, path, 15).await;
            }
            // Who leads nobody has no team, and then no figures: those of the manager are many.
            let at_least = if person.id == world.manager.id { 15 } else { 0 };
            check_links(app, person, "/analysis?period=year&source=referral&owner=team", at_least).await;
            check_links(app, person, "/", 4).await;
        }
    });
}

#[test]
fn an_old_or_long_period_has_its_months_and_each_bar_its_rows() {
    on_both(async |app| {
        let lin = history(app).await;
        for (days, at_least) in [
            ("from=2021-01-01&to=2021-12-31", 15),
            ("from=2021-03-10&to=2021-06-20", 8),
            ("from=2020-06-01&to=2026-11-24", 25),
            // Before the calendar begins.
            ("from=1950-01-01&to=1960-12-31", 0),
        ] {
            check_links(app, &lin, &format!("/analysis?period=days&{days}"), at_least).await;
        }
        let counts = |page: &Answer, from: &str, to: &str| {
            let (from, to) = (format!("closed_on%3Amin%3A{from}"), format!("closed_on%3Amax%3A{to}"));
            let won = "state%3Ais%3Awon";
            let of = |(href, count): (String, i64)| {
                [won, &from, &to].iter().all(|part| href.contains(*part)).then_some(count)
            };
            counted(&page.body).into_iter().find_map(of)
        };
        let year = app.get(&lin, "/analysis?period=days&from=2021-01-01&to=2021-12-31").await;
        for (from, to, count) in
            [("2021-01-01", "2021-01-31", 1), ("2021-06-01", "2021-06-30", 1), ("2021-12-01", "2021-12-31", 0)]
        {
            assert_eq!(counts(&year, from, to), Some(count), "{from}: {}", year.body);
        }
        assert!(year.has("2 deals won"), "{}", year.body);
        // The bar before the months begins with the period: what was won in 2019 is not behind it.
        let long = app.get(&lin, "/analysis?period=days&from=2020-06-01&to=2026-11-24").await;
        assert_eq!(counts(&long, "2020-06-01", "2024-11-30"), Some(4), "{}", long.body);
        assert!(long.has("the best month was Mar 2025"), "{}", long.body);
    });
}

#[test]
fn what_should_have_closed_is_counted_up_to_yesterday() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        let account = app.account(&lin, "Acme").await.to_string();
        for day in ["2026-10-05", "2026-11-02", "2026-11-23", "2026-11-24", "2026-11-30", "2026-12-24"] {
            let fields = [("name", day), ("account", account.as_str()), ("amount", "1000"), ("close_date", day)];
            app.create("opportunity", &lin, &fields).await;
        }
        check_links(app, &lin, "/analysis", 10).await;
        let page = app.get(&lin, "/analysis").await;
        assert!(page.has("3 deals should have closed already"), "{}", page.body);
        let overdue = counted(&page.body).into_iter().find(|(href, _)| {
            let by_stage = href.contains("stage%3Ais") || href.contains("close_date%3Amin");
            href.contains("close_date%3Amax%3A2026-11-23") && !by_stage
        });
        let (href, count) = overdue.expect("the overdue deals are linked");
        let list = "/opportunities?view=none&f=state:is:open&f=close_date:within:overdue";
        assert_eq!((count, rows_behind(app, &lin, &href).await, rows_behind(app, &lin, list).await), (3, 3, 3));
        let body = app.api(&app.api_token(&lin).await, Method::GET, "/api/analysis", &[], None).await.json();
        let month = |at: usize| {
            let month = &body["open_by_month"][at];
            (month["from"].as_str(), month["to"].as_str(), month["all"]["count"].as_i64())
        };
        assert_eq!(month(0), (None, Some("2026-11-23"), Some(3)), "{body}");
        assert_eq!(month(1), (Some("2026-11-24"), Some("2026-11-30"), Some(2)), "{body}");
        assert_eq!(month(2), (Some("2026-12-01"), Some("2026-12-31"), Some(1)), "{body}");
    });
}

#[test]
fn nobody_counts_deals_they_may_not_see() {
    on_both(async |app| {
        let world = world(app).await;
        let page = app.get(&world.lin, "/analysis?period=all").await;
        let open = counted(&page.body).into_iter().find(|(href, _)| href.ends_with("f=state%3Ais%3Aopen"));
        assert_eq!(open.map(|(_, count)| count), Some(10));
        assert!(!page.has("Tom Becker") && !page.has("Olga Out"), "other owners are named");
        let team = app.get(&world.manager, "/").await;
        assert!(team.has("Tom Becker") && !team.has("Olga Out"), "the team is not the company");
        let hr = app.person("Hana").role(Role::Hr).create().await;
        assert_eq!(app.get(&hr, "/analysis").await.status, 404);
        assert_eq!(app.get(&hr, "/").await.status, 200);
        let _ = (&world.tom, &world.outsider);
    });
}

#[test]
fn a_hidden_field_leaves_the_analysis() {
    on(Engine::Sqlite, async |app| {
        let world = world(app).await;
        app.execute("INSERT INTO hidden_field (object, field, role) VALUES ('account', 'industry', 'seller'), ('opportunity', 'amount', 'seller')").await;
        app.settings_changed().await;
        let page = app.get(&world.lin, "/analysis?period=all").await;
        assert_eq!(page.status, 200);
        assert!(!page.has("Win rate by industry") && page.has("Win rate by source"));
        assert!(!page.has("¥"), "amounts are hidden but shown");
        assert!(!page.has("by amount") && !page.has("Weighted"), "amounts are hidden but rates tell of them");
        assert_eq!(app.get(&world.lin, "/analysis?segment=retail").await.status, 422);
        assert_eq!(app.get(&world.lin, "/opportunities?f=segment:is:retail").await.status, 422);
        assert!(!app.get(&world.lin, "/").await.has("¥"));
    });
}

#[test]
fn what_is_asked_wrongly_is_named() {
    on(Engine::Sqlite, async |app| {
        let lin = app.person("Lin").create().await;
        for path in [
            "/analysis?period=yesterday",
            "/analysis?period=days&from=2026-02-30&to=2026-03-01",
            "/analysis?period=days&from=2026-03-02&to=2026-03-01",
            "/analysis?owner=nobody",
            "/analysis?by=colour",
            "/calendar?month=2026-13",
            "/calendar?week=2026-11",
        ] {
            assert_eq!(app.get(&lin, path).await.status, 422, "{path}");
        }
        for path in ["/analysis", "/", "/calendar", "/calendar?month=2026-12&who=team"] {
            assert_eq!(app.get(&lin, path).await.status, 200, "{path}");
        }
    });
}

#[test]
fn a_task_is_ticked_off_and_opened_again() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        let tom = app.person("Tom").create().await;
        let task = app.task(&lin, "Call Gao Lei", "2026-11-20").await;
        let home = app.get(&lin, "/").await;
        assert!(home.has("Call Gao Lei") && home.has("4 days late"), "{}", home.body);
        assert!(app.get(&lin, "/calendar").await.has("Call Gao Lei"));
        let done = format!("/tasks/{task}/done");
        assert_eq!(app.post_form(&tom, &done, &[]).await.status, 404);
        let answer = app.post_form(&lin, &done, &[("back", "/")]).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, "/"));
        assert!(!app.get(&lin, "/").await.has("Call Gao Lei"));
        let answer = app.post_form(&lin, &format!("/tasks/{task}/reopen"), &[("back", "//evil.test")]).await;
        assert_eq!(answer.location(), format!("/tasks/{task}"));
        assert!(app.get(&lin, "/").await.has("Call Gao Lei"));
        let events: Option<i64> =
            app.value("SELECT COUNT(*) FROM event WHERE subject_type = 'task' AND kind = 'updated'").await;
        assert_eq!(events, Some(2));
    });
}

#[test]
fn the_calendar_shows_what_falls_into_the_month() {
    on_both(async |app| {
        let boss = app.person("Mei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").manager(&boss).create().await;
        let account = app.account(&lin, "Acme").await;
        app.opportunity(&lin, "Rollout", account).await;
        app.task(&lin, "Christmas card", "2026-12-20").await;
        app.activity(&lin, "First call", account).await;
        let december = app.get(&lin, "/calendar?month=2026-12").await;
        assert!(december.has("Christmas card") && december.has("Rollout") && !december.has("First call"));
        assert!(december.has("/tasks/new?due_date=2026-12-24"));
        assert!(december.statements <= 8, "{} statements", december.statements);
        assert!(app.get(&lin, "/calendar").await.has("First call"));
        let own = app.get(&boss, "/calendar?month=2026-12").await;
        assert!(
            !own.has("Christmas card") && own.has("Show my team"),
            "it says where there is something: {}",
            own.body
        );
        let team = app.get(&boss, "/calendar?month=2026-12&who=team").await;
        assert!(team.has("Christmas card") && !team.has("Show my team"), "{}", team.body);
    });
}

/// The days of the grid, as the calendar shows them.
fn days(page: &Answer) -> Vec<&str> {
    page.body.split("<td").skip(1).map(|day| day.split("</td>").next().unwrap_or("")).collect()
}

#[test]
fn the_calendar_counts_on_each_day_what_it_does_not_show() {
    on_both(async |app| {
        let boss = app.person("Mei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").manager(&boss).create().await;
        let account = app.account(&lin, "Acme").await.to_string();
        let actor = app.actor(&lin).await;
        let mut tx = app.db.write().await.expect("the database can be written");
        let mut create = async |object: &str, count: i64, fields: &[(&str, &str)]| {
            let object = app.object(object);
            let inputs = fields.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
            for _ in 0..count {
                let draft = command::read_inputs(object, &actor.viewer, &inputs, None, Source::Form);
                let draft = draft.expect("it is readable");
                command::create(&mut tx, &actor, object, draft).await.expect("it can be made");
            }
        };
        create("task", 510, &[("subject", "Call"), ("due_date", "2026-12-01")]).await;
        create("task", 1, &[("subject", "Christmas card"), ("due_date", "2026-12-24")]).await;
        let noted = [("kind", "note"), ("subject", "Noted"), ("account", account.as_str())];
        create("activity", 30, &[&noted[..], &[("happened_at", "2026-12-02 09:00")]].concat()).await;
        tx.commit().await.expect("the database can be written");

        for (path, first, list) in
            [("/calendar?month=2026-12&who=team", 1, 8), ("/calendar?week=2026-12-01&who=team", 1, 10)]
        {
            let page = app.get(&boss, path).await;
            assert_eq!(page.status, 200, "{path}: {}", page.body);
            assert!(page.statements <= 8, "{path}: {} statements", page.statements);
            let days = days(&page);
            let entries = |day: &str, plural: &str| day.matches(&format!("href=\"/{plural}/0")).count();
            assert_eq!(entries(days[first], "tasks"), list, "{path}");
            assert_eq!(entries(days[first + 1], "activities"), list, "{path}");
            let counts = counted(days[first..first + 2].concat().as_str());
            assert_eq!(counts.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [510, 30], "{path}");
            for (href, count) in counts {
                assert_eq!(rows_behind(app, &boss, &href).await, count, "{path}: {href}");
            }
        }
        let month = app.get(&boss, "/calendar?month=2026-12&who=team").await;
        assert!(days(&month)[1].contains("507 more") && days(&month)[2].contains("27 more"), "{}", month.body);
        assert!(days(&month)[24].contains("Christmas card"), "the end of the month is there too");
        assert!(!app.get(&boss, "/calendar?month=2026-12").await.has("Christmas card"));
    });
}

#[test]
fn a_week_of_a_team_has_some_of_everything_and_says_whose_it_is() {
    on_both(async |app| {
        let boss = app.person("Mei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").manager(&boss).create().await;
        let tom = app.person("Tom Becker").manager(&boss).create().await;
        let account = app.account(&lin, "Acme").await.to_string();
        let other = app.account(&tom, "Globex").await.to_string();
        app.create("opportunity", &lin, &[("name", "Rollout"), ("account", &account), ("close_date", "2026-12-02")])
            .await;
        for number in 0..12 {
            app.task(&lin, "Call", "2026-12-02").await;
            let at = format!("2026-12-02 {:02}:00", 19 - number);
            let talked = [("kind", "call"), ("subject", "Talked"), ("account", &other), ("happened_at", &at)];
            app.create("activity", &tom, &talked).await;
        }
        let week = app.get(&boss, "/calendar?week=2026-12-02&who=team").await;
        assert!(week.status == 200 && week.statements <= 8, "{} statements", week.statements);
        let day = days(&week)[2];
        let kinds = ["tasks", "opportunities", "activities"].map(|plural| format!("href=\"/{plural}/0"));
        assert_eq!(kinds.each_ref().map(|kind| day.matches(kind.as_str()).count()), [5, 1, 4], "{day}");
        assert_eq!(kinds.each_ref().map(|kind| week.body.matches(kind.as_str()).count()), [10, 2, 8], "on a phone too");
        let times = ["08:00", "09:00", "10:00", "11:00"].map(|time| day.find(&format!("<time>{time}</time>")));
        assert!(times.is_sorted() && times[0] > day.rfind(kinds[0].as_str()), "in the order of time: {day}");
        assert!(day.contains("+ 7 of 12 tasks") && day.contains("+ 8 of 12 activities"), "{day}");
        let counts = counted(day);
        assert_eq!(counts.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [12, 12]);
        for (href, count) in counts {
            assert_eq!(rows_behind(app, &boss, &href).await, count, "{href}");
        }
        let names = ["<span>Lin Yan</span>", "<span>Tom Becker</span>"];
        assert_eq!(names.map(|name| day.matches(name).count()), [6, 4], "{day}");
        // What is done is struck out by its subject only, whosever it is.
        assert!(day.contains("<span class=\"cal-what\">Talked</span><small>"), "{day}");
        let month = app.get(&boss, "/calendar?month=2026-12&who=team").await;
        assert!(days(&month)[2].contains("<span class=\"visually-hidden\">Lin Yan</span>"), "{}", month.body);
        // Of one's own nobody has to say whose it is.
        let own = app.get(&lin, "/calendar?week=2026-12-02").await;
        assert!(days(&own)[2].contains("+ 3 of 12 tasks") && !days(&own)[2].contains("Lin Yan"), "{}", own.body);
    });
}

#[test]
fn an_activity_stands_on_its_day_in_the_zone_of_the_organisation() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        // The day on which the clocks go back has 25 hours.
        app.execute("UPDATE organization SET zone = 'Europe/Berlin', config_version = config_version + 1").await;
        for (subject, at) in [
            ("Eve", "2026-10-24 23:59"),
            ("Late", "2026-10-25 23:59"),
            ("Early", "2026-10-25 00:00"),
            ("After", "2026-10-26 00:00"),
        ] {
            app.create("activity", &lin, &[("kind", "call"), ("subject", subject), ("happened_at", at)]).await;
        }
        let month = app.get(&lin, "/calendar?month=2026-10").await;
        let week = app.get(&lin, "/calendar?week=2026-10-21").await;
        let (in_month, in_week) = (days(&month), days(&week));
        assert_eq!((in_month.len(), in_week.len()), (35, 7));
        assert!(in_month[26].contains("Eve") && in_month[28].contains("After"), "{}", month.body);
        assert!(in_week[5].contains("Eve") && !week.has("After"), "{}", week.body);
        for sunday in [in_month[27], in_week[6]] {
            assert!(sunday.find("Early") < sunday.find("Late") && sunday.contains("Early"), "{sunday}");
        }
        assert!(in_week[6].contains("<time>23:59</time>"), "{}", week.body);
    });
}

#[test]
fn a_week_leads_to_the_weeks_beside_it_and_to_its_month() {
    on_both(async |app| {
        let boss = app.person("Mei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").manager(&boss).locale("zh-CN").create().await;
        let account = app.account(&lin, "Acme").await;
        app.opportunity(&lin, "Rollout", account).await;
        app.task(&lin, "Christmas card", "2026-12-24").await;
        let page = app.get(&boss, "/calendar?week=2026-12-24&who=team").await;
        assert!(page.has("21 Dec 2026 – 27 Dec 2026") && days(&page)[3].contains("Christmas card"), "{}", page.body);
        assert!(page.statements <= 8, "{} statements", page.statements);
        for other in ["week=2026-12-14", "week=2026-12-28", "week=2026-11-23", "month=2026-12"] {
            assert!(page.has(&format!("\"/calendar?{other}&#38;who=team\"")), "{other}: {}", page.body);
        }
        let own = app.get(&lin, "/calendar?week=2026-12-24").await;
        assert!(own.has("2026-12-21 至 2026-12-27") && own.has("Christmas card"));
        let empty = app.get(&boss, "/calendar?week=2026-12-24").await;
        assert!(empty.has("Nothing this week.") && empty.has("Plan a task with New task"), "{}", empty.body);
        // Who may only look is not told to plan.
        let auditor = app.person("Qin Wei").role(Role::Auditor).create().await;
        let empty = app.get(&auditor, "/calendar?week=2026-12-24").await;
        assert!(empty.has("Nothing this week.") && !empty.has("Plan a task"), "{}", empty.body);
    });
}

#[test]
fn everybody_finds_something_on_the_home_page() {
    on(Engine::Sqlite, async |app| {
        for role in Role::ALL {
            let person = app.person(&format!("Person {}", role.key())).role(role).create().await;
            let page = app.get(&person, "/").await;
            assert_eq!(page.status, 200, "{role:?}");
            assert!(page.has("<section"), "{role:?} sees an empty page");
            assert!(page.statements <= 12, "{role:?}: {} statements", page.statements);
        }
    });
}
