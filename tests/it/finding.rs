//! Tasks and people are found as everything else is: by words, by pinyin and its initials, and only what may be seen. On both engines.

use store::{Cell, Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::error::Error;
use trivet::shell::record::{Draft, command, reindex};

use crate::hidden::hide;

/// Who is offered in the picker of people.
async fn picked(app: &TestApp, by: &Person, words: &str) -> Vec<String> {
    let answer = app.get(by, &format!("/pick/person?q={words}")).await;
    let rows = answer.json();
    let rows = rows.as_array().expect("a picker answers with a list");
    rows.iter().map(|row| row["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_values_of_a_filter_stand_apart_in_both_languages() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Jia").role(Role::Seller).locale("zh-CN").create().await;
        for (who, said) in [(&lin, "<b>New or Working</b>"), (&wu, "<b>新线索、跟进中</b>")] {
            let list = app.get(who, "/leads?f=status:is:new%7Cworking").await;
            assert!(list.has(said), "{}", list.body);
        }
        for (who, said) in [(&lin, "<b>New, Working or Qualified</b>"), (&wu, "<b>新线索、跟进中、合格</b>")]
        {
            let list = app.get(who, "/leads?f=status:is:new%7Cworking%7Cqualified").await;
            assert!(list.has(said), "{}", list.body);
        }
    });
}

#[test]
fn a_task_is_found_by_subject_sound_and_description_by_who_may_see_it() {
    on_both(async |app| {
        let manager = app.person("Manager").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&manager).create().await;
        let wu = app.person("Wu Jia").role(Role::Seller).create().await;
        let task = app
            .create("task", &lin, &[("subject", "给重庆的银行回电"), ("description", "Ask about the pumps, 周五之前")])
            .await;
        for words in ["重庆", "chongqing", "cq", "yinhang", "gcqdyhhd", "pump", "周五", "回电 pumps"] {
            assert_eq!(app.search(&lin, "task", words).await, 1, "{words}");
            assert_eq!(app.search(&manager, "task", words).await, 1, "{words}: their seller's");
            assert_eq!(app.search(&wu, "task", words).await, 0, "{words}: somebody else's");
            let link = format!("href=\"/tasks/{task}\"");
            let words = words.replace(' ', "+");
            assert!(app.get(&lin, &format!("/search?q={words}")).await.has(&link), "{words}");
            for path in [format!("/search?q={words}"), format!("/palette?q={words}"), format!("/api/search?q={words}")]
            {
                assert!(!app.get(&wu, &path).await.has(&task.to_string()), "{path}");
            }
        }
        assert_eq!(app.search(&lin, "task", "zhouwu").await, 0, "text is not found by sound");
        app.try_update("task", &lin, task, None, &[("subject", "Done with")]).await.expect("it is changed");
        assert_eq!((app.search(&lin, "task", "cq").await, app.search(&lin, "task", "done").await), (0, 1));
        app.post_form(&lin, &format!("/tasks/{task}/trash"), &[]).await;
        assert_eq!(app.search(&lin, "task", "done").await, 0);
    });
}

#[test]
fn a_hidden_description_finds_no_task() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        app.create("task", &lin, &[("subject", "Call the harbour"), ("description", "secret")]).await;
        assert_eq!(app.search(&lin, "task", "secret").await, 1);
        hide(app, "task", &["description"], "seller").await;
        assert_eq!(app.search(&lin, "task", "secret").await, 0);
        assert_eq!(app.search(&lin, "task", "harbour").await, 1);
    });
}

#[test]
fn many_tasks_lead_on_to_all_of_them() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for number in 0..21 {
            app.create("task", &lin, &[("subject", &format!("Kite {number}"))]).await;
        }
        let page = app.get(&lin, "/search?q=kite").await;
        assert!(page.has("/tasks?view=none&amp;q=kite") || page.has("/tasks?view=none&#38;q=kite"), "{}", page.body);
        let list = app.get(&lin, "/tasks?view=none&q=kite").await;
        assert!((0..21).all(|number| list.has(&format!("Kite {number}"))), "{}", list.body);
    });
}

#[test]
fn a_day_tells_records_of_one_name_apart() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.create("account", &lin, &[("name", "Harbour works")]).await.to_string();
        for (due, close) in [("2030-03-05", "2030-05-07"), ("2030-04-06", "2030-06-08")] {
            app.create("task", &lin, &[("subject", "Send the quotation"), ("due_date", due), ("account", &account)])
                .await;
            app.create("opportunity", &lin, &[("name", "Quotation for cranes"), ("close_date", close)]).await;
        }
        for path in ["/search?q=quotation", "/palette?q=quotation"] {
            let page = app.get(&lin, path).await;
            for hint in ["Harbour works · 5 Mar 2030", "Harbour works · 6 Apr 2030", " · 7 May 2030", " · 8 Jun 2030"]
            {
                assert!(page.has(hint), "{path}: {hint}\n{}", page.body);
            }
        }
        let found = app.get(&lin, "/api/search?q=quotation").await;
        assert!(found.has("\"day\":\"2030-03-05\"") && found.has("\"day\":\"2030-06-08\""), "{}", found.body);
        hide(app, "opportunity", &["close_date"], "seller").await;
        for path in ["/search?q=quotation", "/palette?q=quotation", "/api/search?q=quotation"] {
            let page = app.get(&lin, path).await;
            assert!(page.has("Quotation for cranes") && !page.has("7 May 2030") && !page.has("2030-05-07"), "{path}");
        }
    });
}

#[test]
fn people_are_picked_by_any_part_of_their_name_by_sound_and_initials() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for name in ["张三", "曾乐行", "Ann Moe"] {
            app.person(name).role(Role::Seller).create().await;
        }
        for (words, name) in [
            ("张三", "张三"),
            ("三", "张三"),
            ("zhangsan", "张三"),
            ("zhang+san", "张三"),
            ("zs", "张三"),
            ("san", "张三"),
            ("zeng", "曾乐行"),
            ("lexing", "曾乐行"),
            ("zlx", "曾乐行"),
            ("clh", "曾乐行"),
            ("moe", "Ann Moe"),
            ("ann.moe@trivet", "Ann Moe"),
        ] {
            assert_eq!(picked(app, &lin, words).await, [name], "{words}");
        }
        assert!(picked(app, &lin, "nobody").await.is_empty());
        // In the order in which the surname sounds.
        let all = picked(app, &lin, "").await;
        let place = |name: &str| all.iter().position(|one| one == name);
        assert!(place("Lin Yan") < place("曾乐行") && place("曾乐行") < place("张三"), "{all:?}");
        // Who has left is offered to nobody.
        app.execute(sql!("UPDATE person SET state = 'disabled' WHERE name = $1", "张三")).await;
        assert!(picked(app, &lin, "zs").await.is_empty());
        // Whoever may not see addresses finds nobody by them.
        hide(app, "person", &["email"], "seller").await;
        assert!(picked(app, &lin, "ann.moe@trivet").await.is_empty());
        assert_eq!(picked(app, &lin, "moe").await, ["Ann Moe"]);
    });
}

#[test]
fn a_person_is_found_however_they_came_in_and_by_the_name_they_have_now() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let first: Option<String> =
            app.value(sql!("SELECT name FROM person WHERE id = $1", app.administrator.id)).await;
        let first = first.expect("the first person is there");
        assert!(picked(app, &lin, &first.replace(' ', "+")).await.contains(&first));
        let profile = [("name", "仇单"), ("density", "normal"), ("shortcuts", "on")];
        assert_eq!(app.post_form(&lin, "/me", &profile).await.location(), "/me");
        for words in ["qiushan", "qs", "仇单"] {
            assert_eq!(picked(app, &lin, words).await, ["仇单"], "{words}");
        }
        // The address still says the name of before.
        hide(app, "person", &["email"], "seller").await;
        assert!(picked(app, &lin, "yan").await.is_empty());
        let key: Option<String> = app.value(sql!("SELECT name_key FROM person WHERE id = $1", lin.id)).await;
        assert_eq!(key.as_deref(), Some("qiudan"));
    });
}

#[test]
fn names_with_characters_of_several_readings_are_found_by_each_and_sorted_by_the_usual_one() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        for name in ["长沙重工", "重庆长安汽车", "成都佛山银行", "厦门行知", "Dahua", "曾都机械"]
        {
            app.account(&lin, name).await;
        }
        for words in ["changsha", "cszg", "chongqing", "cqca", "chengdu", "foshan", "yinhang", "xiamen", "xmxz"] {
            assert_eq!(app.search(&lin, "account", words).await, 1, "{words}");
        }
        let names: Vec<(String,)> = {
            let mut session = app.db.read().await.expect("the database can be read");
            session.all("SELECT name FROM account ORDER BY name_key, id").await.expect("the names are read")
        };
        let names: Vec<&str> = names.iter().map(|(name,)| name.as_str()).collect();
        assert_eq!(names, ["曾都机械", "长沙重工", "成都佛山银行", "重庆长安汽车", "Dahua", "厦门行知"]);
    });
}

#[test]
fn a_database_that_was_indexed_by_an_older_program_is_indexed_anew() {
    on_both(async |app| {
        let lin = app.person("林燕").role(Role::Seller).create().await;
        app.account(&lin, "长沙银行").await;
        let contact = app.create("contact", &lin, &[("name", "曾伟")]).await;
        app.create("task", &lin, &[("subject", "回电")]).await;
        let binned = app.account(&lin, "重庆啤酒").await;
        app.post_form(&lin, &format!("/accounts/{binned}/trash"), &[]).await;
        // As it was left: no words, keys by the first reading of each character.
        let mut tx = app.db.write().await.expect("the database can be written");
        store::search::clear(&mut tx).await.expect("the index is emptied");
        tx.execute("UPDATE account SET name_key = 'z', version = 7").await.expect("accounts are changed");
        tx.execute("UPDATE contact SET name_key = 'cengwei'").await.expect("contacts are changed");
        tx.execute("UPDATE organization SET words_edition = 0").await.expect("the organisation is changed");
        tx.commit().await.expect("it is written");
        let key = async |table: &str, id: Uuid| -> Option<String> {
            app.value(sql!(format!("SELECT name_key FROM {table} WHERE id = $1"), id)).await
        };
        reindex::if_outdated(app).await.expect("it is indexed");
        for (kind, words) in [("account", "changsha"), ("contact", "zw"), ("task", "huidian"), ("person", "ly")] {
            assert_eq!(app.search(&lin, kind, words).await, 1, "{kind}");
        }
        assert_eq!(app.search(&lin, "account", "chongqing").await, 0, "what lies in the trash is not found");
        assert_eq!(key("account", binned).await.as_deref(), Some("chongqingpijiu"), "but has its place in the trash");
        assert_eq!(key("contact", contact).await.as_deref(), Some("zengwei"));
        let version: Option<i64> = app.value(sql!("SELECT version FROM account WHERE id = $1", binned)).await;
        assert_eq!(version, Some(7), "nobody changed it");
        // The present edition is left alone.
        app.execute("UPDATE contact SET name_key = 'kept'").await;
        reindex::if_outdated(app).await.expect("nothing is to be done");
        assert_eq!(key("contact", contact).await.as_deref(), Some("kept"));
    });
}

#[test]
fn a_record_that_is_renamed_while_it_is_indexed_is_found_by_its_new_name() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Acme").await;
        let object = app.object("account");
        let actor = app.actor(&lin).await;
        let mut tx = app.db.write().await.expect("the database can be written");
        let mut draft = Draft::default();
        draft.set("name", Cell::Text("Betasoloin".into()));
        command::update(&mut tx, &actor, object, account, None, draft).await.expect("it is renamed");
        let house = app.app.clone();
        let indexing = tokio::spawn(async move {
            let mut tx = house.db.write().await?;
            reindex::one(&mut tx, object, account).await?;
            tx.commit().await?;
            Ok::<(), Error>(())
        });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        tx.commit().await.expect("it is written");
        indexing.await.expect("nothing panics").expect("it is indexed");
        let found = [app.search(&lin, "account", "betasoloin").await, app.search(&lin, "account", "acme").await];
        assert_eq!(found, [1, 0]);
    });
}

#[test]
fn the_arrow_of_the_order_stands_with_the_last_word_of_its_heading() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        app.opportunity(&lin, "Forty seats", account).await;
        for (order, heading) in [("close_date", "Close <span>date<svg"), ("name", "<span>Name<svg")] {
            let list = app.get(&lin, &format!("/opportunities?view=none&sort={order}")).await;
            assert!(list.has(heading), "{order}: {}", list.body);
        }
    });
}
