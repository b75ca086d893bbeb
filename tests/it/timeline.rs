//! The timeline: everything of an account, wherever it hung at the time; each entry once, however many share an instant. On both
//! engines.

use std::collections::{BTreeMap, BTreeSet};

use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::record::command;

use crate::hidden::hide;
use crate::sharing::share;

async fn seller(app: &TestApp) -> Person {
    app.person("Lin Yan").role(Role::Seller).create().await
}

/// The entries of a page of the timeline, as markup.
fn entries(page: &str) -> Vec<String> {
    let list = page.split("<ol class=\"timeline\"").nth(1).unwrap_or("").split("</ol>").next().unwrap_or("");
    list.split("<li class=\"event\">").skip(1).map(str::to_owned).collect()
}

/// Every entry of a timeline, page by page, and how many pages it took.
async fn whole(app: &TestApp, person: &Person, path: &str) -> (Vec<String>, usize) {
    let (mut all, mut next, mut pages) = (Vec::new(), Some(path.to_owned()), 0);
    while let Some(path) = next {
        let page = app.get(person, &path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.statements <= 12, "{path}: {} statements", page.statements);
        all.extend(entries(&page.body));
        pages += 1;
        assert!(pages < 50, "the timeline has an end");
        let older = page.body.split("?before=").nth(1).and_then(|rest| rest.split('"').next());
        next = older.map(|before| format!("{}?before={before}", path.split('?').next().unwrap_or_default()));
    }
    (all, pages)
}

fn on(entries: &[String], text: &str) -> usize {
    entries.iter().filter(|entry| entry.contains(text)).count()
}

#[test]
fn entries_of_one_instant_are_each_found_once() {
    on_both(async |app| {
        let lin = seller(app).await;
        let account = app.account(&lin, "Harbour Optics").await;
        // As an import writes them: the clock stands still between the rows.
        let object = app.object("activity");
        let actor = app.actor(&lin).await;
        let mut tx = app.db.write().await.expect("a transaction");
        let mut drafts = Vec::new();
        for number in 0..95 {
            let inputs = BTreeMap::from([
                ("kind".to_owned(), "call".to_owned()),
                ("subject".to_owned(), format!("Call {number:03}")),
                ("account".to_owned(), account.to_string()),
            ]);
            let draft =
                command::read_inputs(object, &actor.viewer, &inputs, None, command::Source::Strict).expect("inputs");
            let known = &mut command::Known::default();
            drafts.push(command::prepare_new(&mut tx, &actor, object, draft, known).await.expect("they may be made"));
        }
        command::write_new(&mut tx, &actor, object, &drafts).await.expect("they are made");
        tx.commit().await.expect("it is stored");
        for number in 0..40 {
            app.contact(&lin, &format!("Contact {number:03}"), account).await;
        }
        app.execute(sql!("UPDATE activity SET happened_at = (SELECT MAX(happened_at) FROM activity)")).await;
        app.execute(sql!("UPDATE event SET at = (SELECT MAX(happened_at) FROM activity)")).await;
        let (all, pages) = whole(app, &lin, &format!("/accounts/{account}")).await;
        let different: BTreeSet<&String> = all.iter().collect();
        assert_eq!((all.len(), different.len(), pages), (95 + 40 + 1, 95 + 40 + 1, 5));
        for number in 0..95 {
            assert_eq!(on(&all, &format!(">Call {number:03}<")), 1, "call {number}");
        }
    });
}

#[test]
fn what_a_viewer_may_not_see_does_not_end_the_timeline() {
    on_both(async |app| {
        let lin = seller(app).await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.activity(&lin, "The first call", account).await;
        for number in 0..40 {
            app.clock.advance(60);
            let text = format!("+86 21 5566 {number:04}");
            app.try_update("account", &lin, account, None, &[("phone", &text)]).await.expect("it is theirs");
        }
        hide(app, "account", &["phone"], "seller").await;
        // The first request after a change of settings reads them anew.
        app.get(&lin, "/me").await;
        let (all, _) = whole(app, &lin, &format!("/accounts/{account}")).await;
        assert_eq!(on(&all, "The first call"), 1);
        assert_eq!(on(&all, "5566"), 0);
        // A place that nobody gave is the newest.
        let page = app.get(&lin, &format!("/accounts/{account}?before=yesterday")).await;
        assert_eq!(page.status, 200);
    });
}

#[test]
fn a_deal_brings_its_history_along_to_its_account() {
    on_both(async |app| {
        let lin = seller(app).await;
        let (first, second) = (app.account(&lin, "Harbour").await, app.account(&lin, "Lighthouse").await);
        let deal = app
            .create("opportunity", &lin, &[("name", "Forty seats"), ("amount", "100"), ("close_date", "2026-12-24")])
            .await;
        let hangs = deal.to_string();
        let call =
            app.create("activity", &lin, &[("kind", "call"), ("subject", "Early call"), ("opportunity", &hangs)]).await;
        let task = app.create("task", &lin, &[("subject", "Send the offer"), ("opportunity", &hangs)]).await;
        app.clock.advance(60);
        app.try_update("opportunity", &lin, deal, None, &[("next_step", "Call again")]).await.expect("it is theirs");
        let account_of = async |table: &str, id: Uuid| {
            app.value::<Option<Uuid>>(sql!(format!("SELECT account_id FROM {table} WHERE id = $1"), id)).await.flatten()
        };
        let shows = async |account: Uuid| {
            let (all, _) = whole(app, &lin, &format!("/accounts/{account}")).await;
            ["Early call", ">Send the offer<", "Call again"].map(|text| on(&all, text))
        };
        assert_eq!((shows(first).await, shows(second).await), ([0, 0, 0], [0, 0, 0]));
        for (here, there) in [(first, second), (second, first)] {
            app.clock.advance(60);
            let account = here.to_string();
            app.try_update("opportunity", &lin, deal, None, &[("account", &account)]).await.expect("it is theirs");
            assert_eq!((shows(here).await, shows(there).await), ([1, 1, 1], [0, 0, 0]));
            assert_eq!((account_of("activity", call).await, account_of("task", task).await), (Some(here), Some(here)));
        }
        let told = "SELECT COUNT(*) FROM event WHERE kind = 'followed' AND subject_type IN ('activity', 'task')";
        assert_eq!(app.value::<i64>(told).await, Some(4), "each has its event");
        assert_eq!(app.value::<i64>(sql!("SELECT version FROM task WHERE id = $1", task)).await, Some(3));
        app.try_update("opportunity", &lin, deal, None, &[("account", "")]).await.expect("it is theirs");
        assert_eq!((account_of("activity", call).await, account_of("task", task).await), (None, None));
    });
}

#[test]
fn a_contact_brings_along_what_was_said_to_the_account_that_the_contact_gets() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).manager(&boss).create().await;
        let (first, second) = (app.account(&lin, "Harbour").await, app.account(&lin, "Lighthouse").await);
        let contact = app.create("contact", &lin, &[("name", "Wang Fang")]).await;
        let deal = app
            .create("opportunity", &lin, &[("name", "Forty seats"), ("amount", "100"), ("close_date", "2026-12-24")])
            .await;
        let (on_contact, on_deal, elsewhere) = (contact.to_string(), deal.to_string(), second.to_string());
        let with = ("contact", on_contact.as_str());
        let call = app.create("activity", &boss, &[("kind", "call"), ("subject", "Early call"), with]).await;
        let task = app.create("task", &lin, &[("subject", "Send the offer"), with]).await;
        // These hang on something else: the deal, which has no account, and another account.
        let of_deal = [("kind", "call"), ("subject", "About seats"), with, ("opportunity", &on_deal)];
        let of_deal = app.create("activity", &lin, &of_deal).await;
        let of_other = [("kind", "call"), ("subject", "About light"), with, ("account", &elsewhere)];
        let of_other = app.create("activity", &lin, &of_other).await;
        // Until then, who sees the contact sees what was said with the contact, and nobody else does.
        for (person, sees) in [(&lin, true), (&boss, true), (&wu, false)] {
            let listed = app.get(person, "/activities?view=none").await.has("Early call");
            let opened = app.get(person, &format!("/activities/{call}")).await.status == 200;
            assert_eq!((listed, opened), (sees, sees), "{}", person.name);
            assert_eq!(app.search(person, "activity", "early").await, i64::from(sees), "{}", person.name);
        }
        let (on_timeline, _) = whole(app, &lin, &format!("/contacts/{contact}")).await;
        assert_eq!(on(&on_timeline, "Early call"), 1);

        let account_of = async |table: &str, id: Uuid| {
            app.value::<Option<Uuid>>(sql!(format!("SELECT account_id FROM {table} WHERE id = $1"), id)).await.flatten()
        };
        let accounts = async || {
            let found = [account_of("activity", call).await, account_of("task", task).await];
            (found, account_of("activity", of_deal).await, account_of("activity", of_other).await)
        };
        assert_eq!(accounts().await, ([None; 2], None, Some(second)));
        app.clock.advance(60);
        for account in [first, second] {
            let account = account.to_string();
            app.try_update("contact", &lin, contact, None, &[("account", &account)]).await.expect("it is theirs");
            // Another account later is another matter: what was said with the first one stays there.
            assert_eq!(accounts().await, ([Some(first); 2], None, Some(second)));
        }
        let (timeline, _) = whole(app, &lin, &format!("/accounts/{first}")).await;
        assert_eq!(["Early call", ">Send the offer<", "About seats"].map(|text| on(&timeline, text)), [1, 1, 0]);
        let told = "SELECT COUNT(*) FROM event WHERE kind = 'followed' AND subject_type IN ('activity', 'task')";
        assert_eq!(app.value::<i64>(told).await, Some(2), "each has its event");
        assert_eq!(app.value::<i64>(sql!("SELECT version FROM task WHERE id = $1", task)).await, Some(2));

        // A database from before is put right when it is upgraded.
        for table in ["activity", "task"] {
            app.execute(format!("UPDATE {table} SET account_id = NULL").as_str()).await;
        }
        let upgrade = trivet::app::MIGRATIONS.iter().find(|one| one.name == "0018_contacts_bring_along");
        let statements = upgrade.expect("the migration").text.split(';').filter(|text| text.contains("UPDATE "));
        for statement in statements {
            app.execute(statement).await;
        }
        assert_eq!(accounts().await, ([Some(second); 2], None, Some(second)));
    });
}

#[test]
fn tasks_stand_on_the_timelines_of_what_they_belong_to_for_those_who_see_them() {
    on_both(async |app| {
        let lin = seller(app).await;
        let wu = app.person("Wu Di").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour").await;
        let contact = app.contact(&lin, "Wang Fang", account).await;
        let lead = app.lead(&lin, "Zhao Min").await;
        let deal = app.opportunity(&lin, "Forty seats", account).await;
        let of = async |field: &str, id: Uuid| {
            app.create("task", &lin, &[("subject", "Ask the board"), (field, &id.to_string())]).await
        };
        for (field, plural, id) in [
            ("contact", "contacts", contact),
            ("lead", "leads", lead),
            ("opportunity", "opportunities", deal),
            ("account", "accounts", account),
        ] {
            let task = of(field, id).await;
            let answer = app.post_form(&lin, &format!("/tasks/{task}/done"), &[]).await;
            assert_eq!(answer.status, 303);
            let (all, _) = whole(app, &lin, &format!("/{plural}/{id}")).await;
            let about = on(&all, &format!("href=\"/tasks/{task}\""));
            assert_eq!(about, 2, "made and ticked off: {plural}");
        }
        // A colleague with whom the account is shared does not see whose tasks they are not.
        share(app, &lin, &format!("/accounts/{account}"), &wu, false).await;
        let (all, _) = whole(app, &wu, &format!("/accounts/{account}")).await;
        assert!(!all.is_empty());
        assert_eq!((on(&all, "Ask the board"), on(&all, "/tasks/"), on(&all, "Forty seats")), (0, 0, 0));
    });
}

#[test]
fn a_quick_note_keeps_every_line() {
    on_both(async |app| {
        let lin = seller(app).await;
        let account = app.account(&lin, "Harbour").await;
        let path = format!("/accounts/{account}");
        assert!(app.get(&lin, &path).await.has("<textarea id=\"note\" name=\"body\""));
        let note = async |text: &str| {
            let id = account.to_string();
            let fields = [("kind", "note"), ("account", id.as_str()), ("back", path.as_str()), ("body", text)];
            app.post_form(&lin, "/activities", &fields).await
        };
        let newest = async |column: &str| {
            let select = format!("SELECT {column} FROM activity ORDER BY id DESC LIMIT 1");
            app.value::<Option<String>>(select.as_str()).await.flatten().unwrap_or_default()
        };
        let text = "They will decide in spring.\r\nThe budget is there.\r\n\r\nAsk Wang Fang.";
        let answer = note(text).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, path.as_str()), "{}", answer.body);
        assert_eq!(
            (newest("subject").await, newest("body").await),
            ("They will decide in spring.".into(), text.into())
        );
        let (all, _) = whole(app, &lin, &path).await;
        assert_eq!((on(&all, "They will decide in spring."), on(&all, "Ask Wang Fang.")), (1, 1));
        assert_eq!(all[0].matches("They will decide in spring.").count(), 1, "not said twice: {}", all[0]);
        // A long line is shortened in the subject only.
        let long = "长".repeat(450);
        assert_eq!(note(&format!("\n  {long}\nand more")).await.status, 303);
        let subject = newest("subject").await;
        assert_eq!((subject.chars().count(), subject.ends_with('…')), (200, true));
        assert!(newest("body").await.contains(&long));
        // Nothing was said.
        assert_eq!(note(" \n ").await.status, 422);
        // From whom the text is hidden they write one line.
        hide(app, "activity", &["body"], "seller").await;
        assert!(app.get(&lin, &path).await.has("<input id=\"note\" name=\"subject\""));
    });
}

#[test]
fn what_a_reference_was_changed_to_is_named_to_who_may_see_it() {
    on_both(async |app| {
        let boss = app.person("Boss").role(Role::Partner).create().await;
        let lin = seller(app).await;
        let account = app.account(&lin, "Harbour Optics").await;
        let secret = app.account(&boss, "Secret Works").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        let dana = app.contact(&lin, "Dana Reyes", account).await.to_string();
        app.try_update("opportunity", &lin, deal, None, &[("contact", &dana)]).await.expect("a change");
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        let told = entries(&page.body).into_iter().find(|entry| entry.contains("Main contact"));
        let told = told.unwrap_or_else(|| panic!("{}", page.body));
        assert!(told.contains(&format!("<ins><a href=\"/contacts/{dana}\">Dana Reyes</a></ins>")), "{told}");
        // The deal goes to an account of somebody else, and comes back: its name stays theirs.
        let away = secret.to_string();
        app.try_update("opportunity", &boss, deal, None, &[("account", &away), ("contact", "")]).await.expect("moved");
        app.try_update("opportunity", &boss, deal, None, &[("account", &account.to_string())]).await.expect("back");
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(!page.has("Secret Works"), "{}", page.body);
        assert!(app.get(&boss, &format!("/opportunities/{deal}")).await.has("Secret Works"));
    });
}

#[test]
fn what_is_planned_stands_above_what_happened_and_is_not_told_as_done() {
    on_both(async |app| {
        let boss = app.person("Mei Zhang").role(Role::Manager).locale("zh-CN").create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let contact = app.contact(&lin, "Wang Fang", account).await.to_string();
        let (path, account) = (format!("/accounts/{account}"), account.to_string());
        let now = app.clock.now();
        for (kind, subject, hours) in [("visit", "Tour", 240), ("call", "Ring back", 3), ("meeting", "Kick-off", -1)] {
            let at = now.plus_seconds(hours * 3600).timestamp().to_string();
            let on = [("account", account.as_str()), ("contact", contact.as_str()), ("happened_at", at.as_str())];
            app.create("activity", &lin, &[&[("kind", kind), ("subject", subject)][..], &on].concat()).await;
        }
        let headings = |page: &str| -> Vec<String> {
            let parts = page.split("<li class=\"timeline-day\">").skip(1);
            parts.map(|part| part.split("</li>").next().unwrap_or("").to_owned()).collect()
        };
        let page = app.get(&lin, &path).await;
        assert_eq!(headings(&page.body), ["Planned", "Today"]);
        let all = entries(&page.body);
        for (place, subject, said) in [(0, "Tour", "plans to visit"), (1, "Ring back", "plans to call")] {
            let entry = &all[place];
            assert!(entry.contains(subject) && entry.contains(said) && entry.contains("Wang Fang"), "{entry}");
            assert!(!entry.contains("visited") && !entry.contains("called"), "{entry}");
        }
        let met = all.iter().find(|entry| entry.contains("Kick-off")).expect("the meeting");
        assert!(met.contains("</b> met "), "{met}");
        let in_chinese = app.get(&boss, &path).await;
        assert_eq!(headings(&in_chinese.body), ["计划中", "今天"]);
        assert!(entries(&in_chinese.body)[0].contains("计划拜访"), "{}", in_chinese.body);
        // The day has come.
        app.clock.advance(240 * 3600);
        let page = app.get(&lin, &path).await;
        assert_eq!(headings(&page.body).first().map(String::as_str), Some("Today"));
        assert!(entries(&page.body)[0].contains("</b> visited "), "{}", page.body);
    });
}

#[test]
fn the_page_of_an_activity_or_a_task_says_what_it_is_about() {
    on_both(async |app| {
        let lin = seller(app).await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Sixty seats", account).await.to_string();
        let on = [("subject", "About seats"), ("opportunity", deal.as_str())];
        let fields = [&on[..], &[("kind", "call"), ("body", "They want\nsixty.")]].concat();
        let call = app.create("activity", &lin, &fields).await;
        let page = app.get(&lin, &format!("/activities/{call}")).await;
        let fact = format!("<dt>Opportunity</dt><dd><a href=\"/opportunities/{deal}\">Sixty seats</a></dd>");
        assert!(page.has("They want<br>sixty.") && page.has(&fact), "{}", page.body);
        assert!(page.has("<span class=\"av av-xl av-square av-7\" aria-hidden=\"true\"><svg"), "{}", page.body);
        let fields = [&on[..], &[("description", "Sixty, with lamps.")]].concat();
        let task = app.create("task", &lin, &fields).await;
        let page = app.get(&lin, &format!("/tasks/{task}")).await;
        assert!(page.has("Sixty, with lamps."), "{}", page.body);
        // Who may not read it does not find it here.
        hide(app, "activity", &["body"], "seller").await;
        let page = app.get(&lin, &format!("/activities/{call}")).await;
        assert!(!page.has("They want") && page.has(&fact), "{}", page.body);
    });
}
