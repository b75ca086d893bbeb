//! What became of the rows: numbers lead to them, repetitions are named, the refused are mended.

use axum::http::Method;
use store::{Uuid, job, sql};
use testkit::{Role, on_both};
use trivet::system::imports::engine::{Ended, Run};
use trivet::system::jobs;

use crate::import::{accounts, claimed, counts, many, partner, refusals, run, sent, upload, uploaded, work};

#[test]
fn the_refused_rows_are_mended_without_saying_everything_again() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "Firm,Heads,Remark\nAcme,12,fine\nBeta,many,\n";
        let columns = [("Firm", "name"), ("Heads", "employees"), ("Remark", "")];
        let import = uploaded(app, &pat, "account", file).await;
        let more =
            [("then", "start"), ("key", "name"), ("on_match", "skip"), ("default-city", "Wuxi"), ("scale-1", "10")];
        sent(app, &pat, &import, &columns, &more).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 1));
        let errors = refusals(app, &pat, &import).await;
        let heading = errors.trim_start_matches('\u{feff}').lines().next().unwrap().to_owned();
        assert_eq!(heading, "Firm,Heads,Remark,Row in the imported file,Why it was not imported");
        assert!(app.get(&pat, &import).await.has("Beta · many · –"), "an empty cell shows that it is empty");

        app.clock.advance(60);
        let mended = errors.replace("many", "seven");
        let again = uploaded(app, &pat, "account", &mended).await;
        let page = app.get(&pat, &again).await;
        assert!(page.has("value=\"Wuxi\"") && page.has("value=\"10\""), "mapping and options stand: {}", page.body);
        assert!(page.has("<option value=\"skip\" selected>"), "{}", page.body);
        let left_out = "These columns are not imported: Remark · Row in the imported file · Why it was not imported";
        assert!(page.has(left_out), "{}", page.body);
        run(app, &pat, &again).await;
        let errors = refusals(app, &pat, &again).await;
        assert_eq!(errors.matches("Why it was not imported").count(), 1, "{errors}");
        assert_eq!(errors.matches("Row in the imported file").count(), 1, "{errors}");
        assert!(errors.contains("Beta,seven,,3,"), "the row of the file that it first came from: {errors}");
        assert_eq!(errors.matches("whole number").count(), 1, "only what is wrong now: {errors}");
        app.clock.advance(60);
        let third = uploaded(app, &pat, "account", &errors.replace("seven", "7")).await;
        run(app, &pat, &third).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        assert_eq!(app.value::<i64>("SELECT employees FROM account WHERE name = 'Beta'").await, Some(70));
        // Somebody else's imports teach nothing.
        let una = app.person("Una").role(Role::Seller).create().await;
        let hers = uploaded(app, &una, "account", file).await;
        assert!(!app.get(&una, &hers).await.has("value=\"Wuxi\""));
    });
}

#[test]
fn the_file_of_refused_rows_is_called_after_the_imported_one_and_known_by_it() {
    on_both(async |app| {
        let pat = partner(app).await;
        let columns = [("Firm", "name"), ("Heads", "employees")];
        let mut at = Vec::new();
        for (name, city) in [("客户.csv", "Wuxi"), ("客户.csv", "Suzhou")] {
            let answer = upload(app, &pat, "account", name, b"Firm,Heads\nAcme,1\nBeta,many\n").await;
            at.push(answer.location().to_owned());
            sent(app, &pat, answer.location(), &columns, &[("then", "start"), ("default-city", city)]).await;
            work(app).await;
            app.clock.advance(60);
        }
        let answer = app.get(&pat, &format!("{}/errors.csv", at[0])).await;
        let sign = at[0].replace('-', "").split_off(at[0].replace('-', "").len() - 8);
        let named = format!(
            "attachment; filename=\"__-errors-{sign}.csv\"; filename*=UTF-8''%E5%AE%A2%E6%88%B7-errors-{sign}.csv"
        );
        assert_eq!(answer.header("content-disposition"), Some(named.as_str()));
        // Both imports had these headings and this name; the sign says which of them it was.
        let again = upload(app, &pat, "account", &format!("客户-errors-{sign} (1).csv"), answer.body.as_bytes()).await;
        let page = app.get(&pat, again.location()).await;
        assert!(page.has("value=\"Wuxi\"") && !page.has("value=\"Suzhou\""), "{}", page.body);
    });
}

#[test]
fn every_number_of_an_import_leads_to_the_rows_behind_it() {
    on_both(async |app| {
        let pat = partner(app).await;
        let old = app.create("account", &pat, &[("name", "Old"), ("employees", "5")]).await;
        let same = app.create("account", &pat, &[("name", "Same"), ("employees", "6")]).await;
        let file = "name,employees\nNew,1\nOld,50\nSame,6\nBad,many\n";
        let import = uploaded(app, &pat, "account", file).await;
        let behind = async |outcome: &str| app.get(&pat, &format!("{import}/rows?outcome={outcome}")).await;
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &import).await;
            for outcome in ["updated", "skipped", "failed"] {
                assert!(page.has(&format!("href=\"{import}/rows?outcome={outcome}\"")), "{go}: {}", page.body);
            }
            let (updated, skipped, failed) = (behind("updated").await, behind("skipped").await, behind("failed").await);
            assert!(
                updated.has(">3</td>") && updated.has(&format!("href=\"/accounts/{old}\">Old<")),
                "{}",
                updated.body
            );
            assert!(
                skipped.has(">4</td>") && skipped.has(&format!("href=\"/accounts/{same}\">Same<")),
                "{}",
                skipped.body
            );
            assert!(failed.has(">5</td>") && failed.has("Bad · many"), "{}", failed.body);
            assert!(!updated.has(&format!("/accounts/{same}")) && !skipped.has(&format!("/accounts/{old}")));
            assert!(failed.statements <= 8 && updated.statements <= 8, "{}", updated.statements);
        }
        let id = import.trim_start_matches("/imports/");
        let made = format!("/accounts?f=import:is:{id}");
        assert!(app.get(&pat, &import).await.has(&format!("href=\"{made}\">1</a>")));
        assert!(app.get(&pat, &made).await.has(">New</a>"));

        // A record that one no longer sees keeps its row, without its name.
        let una = app.person("Una").role(Role::Partner).create().await;
        app.execute(sql!("UPDATE account SET deleted_at = 1 WHERE id = $1", same)).await;
        let page = behind("skipped").await;
        assert!(page.has(">4</td>") && page.has("no longer there") && !page.has(">Same<"), "{}", page.body);
        assert_eq!(
            app.get(&una, &format!("{import}/rows?outcome=failed")).await.status,
            404,
            "an import is its owner's"
        );

        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        let page = app.get(&pat, &import).await;
        assert!(page.has(&format!("href=\"{made}&#38;trash=1\">1</a>")), "{}", page.body);
        let trash = app.get(&pat, &format!("{made}&trash=1")).await;
        assert!(trash.has(">New<") && !trash.has(">Old<"), "{}", trash.body);
    });
}

#[test]
fn the_rows_behind_a_number_show_only_records_that_their_reader_sees() {
    on_both(async |app| {
        let boss = app.person("Chen Wei").role(Role::Manager).create().await;
        let lin = app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await;
        let mine = app.create("account", &lin, &[("name", "Mine"), ("employees", "5")]).await;
        let import = uploaded(app, &boss, "account", "name,employees\nMine,6\n").await;
        run(app, &boss, &import).await;
        let rows = format!("{import}/rows?outcome=updated");
        assert!(app.get(&boss, &rows).await.has(">Mine</a>"));
        let other = app.person("Ola").role(Role::Seller).create().await;
        app.execute(sql!("UPDATE account SET owner_id = $2 WHERE id = $1", mine, other.id)).await;
        let page = app.get(&boss, &rows).await;
        assert!(page.has(">2</td>") && page.has("Not visible to you") && !page.has("Mine"), "{}", page.body);
        let token = app.api_token(&boss).await;
        let answer = app.api(&token, Method::GET, &format!("/api{rows}"), &[], None).await;
        assert_eq!(answer.json()["data"][0]["record"], serde_json::Value::Null, "{}", answer.body);
    });
}

#[test]
fn an_undo_takes_back_what_says_again_what_the_import_gave() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "name,city\nBack,Wuxi\nElse,Wuxi\nHalf,Wuxi\n").await;
        run(app, &pat, &import).await;
        for (name, steps) in [
            ("Back", &[("city", "Suzhou"), ("employees", "7"), ("employees", ""), ("city", "Wuxi")][..]),
            ("Else", &[("city", "Suzhou")][..]),
            ("Half", &[("city", "Suzhou"), ("employees", "7"), ("city", "Wuxi")][..]),
        ] {
            let id: Uuid = app.value(sql!("SELECT id FROM account WHERE name = $1", name)).await.unwrap();
            for step in steps {
                app.try_update("account", &pat, id, None, &[*step]).await.unwrap();
            }
        }
        app.post_form(&pat, &format!("{import}/undo"), &[]).await;
        work(app).await;
        let left: Vec<(String,)> = {
            let mut session = app.app.db.read().await.unwrap();
            session.all("SELECT name FROM account WHERE deleted_at IS NULL ORDER BY name").await.unwrap()
        };
        assert_eq!(left, [("Else".to_owned(),), ("Half".to_owned(),)]);
        let page = app.get(&pat, &import).await;
        assert!(
            page.has("1 record that it had created was removed") && page.has("2 records were left"),
            "{}",
            page.body
        );
    });
}

#[test]
fn a_long_list_of_rows_is_paged_in_the_order_of_the_file() {
    on_both(async |app| {
        let pat = partner(app).await;
        let first = uploaded(app, &pat, "account", &many(120)).await;
        run(app, &pat, &first).await;
        app.clock.advance(60);
        let again = uploaded(app, &pat, "account", &many(120)).await;
        run(app, &pat, &again).await;
        assert_eq!(counts(app).await, ("done".into(), 0, 0, 120, 0));
        let (mut path, mut seen) = (format!("{again}/rows?outcome=skipped"), 0);
        loop {
            let page = app.get(&pat, &path).await;
            assert!(page.has(&format!(">{}</td>", seen + 2)), "{}", page.body);
            seen += page.body.matches("row-name").count();
            let Some((before, _)) = page.body.split_once("\" rel=\"next\"") else { break };
            path = before.rsplit_once("href=\"").unwrap().1.replace("&#38;", "&");
        }
        assert_eq!(seen, 120);
    });
}

#[test]
fn two_rows_of_a_file_with_the_same_key_are_named() {
    on_both(async |app| {
        let pat = partner(app).await;
        app.create("account", &pat, &[("name", "Old"), ("employees", "5")]).await;
        // Rows 2 and 4 make and change a record, 3 and 5 meet one that exists; 6 and 8 say the same; 7 waits for 9 and comes after 10.
        let file = "name,employees,parent\nAcme,1,\nOld,50,\nAcme,2,\nOld,51,\nTwin,7,\nChild,1,Late\nTwin,7,\nLate,3,\nChild,1,\n";
        let import = uploaded(app, &pat, "account", file).await;
        let page = app.get(&pat, &import).await;
        let named = "row 4 like row 2, row 5 like row 3, row 8 like row 6";
        assert!(
            page.has(&format!(
                "3 rows have the same Name as another row of this file and count as the same record: {named}."
            )),
            "{}",
            page.body
        );
        assert!(page.has("Same Name as row 2"), "{}", page.body);
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &import).await;
            // The preview can't know that row 7 waits.
            let named = named.replace("row 8", "row 7 like row 10, row 8");
            assert!(page.has(&named), "{go}: {}", page.body);
            let (_, created, updated, skipped, failed) = counts(app).await;
            assert_eq!((created, updated + skipped, failed), (4, 5, 0), "{go}");
            let rows = format!("{import}/rows?outcome=repeated");
            assert!(page.has(&format!("href=\"{rows}\"")), "{go}: {}", page.body);
            let page = app.get(&pat, &rows).await;
            for (row, other) in [(4, 2), (5, 3), (8, 6)] {
                assert!(page.has(&format!(">{row}</td>")), "{go}: {}", page.body);
                assert!(page.has(&format!("Same Name as row {other}")), "{go}: {}", page.body);
            }
        }
        let (_, created, updated, skipped, failed) = counts(app).await;
        assert_eq!((created, updated, skipped, failed), (4, 4, 1, 0), "they are taken in all the same");
        // Row 7 had to wait, and came after row 10: it is named too.
        let others: Vec<(i64, i64)> = {
            let mut session = app.app.db.read().await.unwrap();
            let repeats = "SELECT row_number, same_as FROM import_row WHERE same_as IS NOT NULL ORDER BY row_number";
            session.all(repeats).await.unwrap()
        };
        assert_eq!(others, [(4, 2), (5, 3), (7, 10), (8, 6)]);
    });
}

#[test]
fn comparing_a_long_file_by_key_shows_how_far_it_is_and_can_be_stopped() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", &many(20_500)).await;
        for (go, state) in [("check", "mapping"), ("start", "cancelled")] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            let job = claimed(app).await;
            Run::open(&app.app, &job).await.unwrap().expect("nobody else works on it");
            let page = app.get(&pat, &format!("{import}/progress")).await;
            assert!(page.has("Looking for rows with the same key"), "{go}: {}", page.body);
            assert!(page.has("20,000 of 20,500"), "{go}: {}", page.body);
            // Taken up again after a crash, it is asked to stop while it compares.
            app.post_form(&pat, &format!("{import}/cancellation"), &[]).await;
            let job = job::find(&mut app.db.read().await.unwrap(), job.id).await.unwrap().expect("the job");
            assert_eq!(Run::open(&app.app, &job).await.unwrap().err(), Some(Ended::Cancelled), "{go}");
            jobs::finish(&app.app, &job, Ok(Ended::Cancelled)).await.unwrap();
            assert_eq!(counts(app).await, (state.into(), 0, 0, 0, 0), "{go}");
            assert_eq!(accounts(app).await, 0, "{go}");
        }
    });
}

#[test]
fn a_row_that_is_refused_is_nobodys_first() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "name,employees\nAcme,many\nAcme,5\nAcme,6\nBeta,many\nBeta,1\n";
        let import = uploaded(app, &pat, "account", file).await;
        for go in ["check", "start"] {
            app.post_form(&pat, &format!("{import}/{go}"), &[]).await;
            work(app).await;
            let page = app.get(&pat, &format!("{import}/rows?outcome=repeated")).await;
            assert!(page.has("Same Name as row 3") && page.has(">4</td>"), "{go}: {}", page.body);
            assert!(!page.has(">3</td>") && !page.has(">6</td>"), "{go}: {}", page.body);
        }
        let (_, created, updated, _, failed) = counts(app).await;
        assert_eq!((created, updated, failed), (2, 1, 2));
    });
}

#[test]
fn a_row_finds_its_record_by_an_address_in_capitals_or_not() {
    on_both(async |app| {
        let pat = partner(app).await;
        for object in ["contact", "lead"] {
            app.clock.advance(60);
            app.create(object, &pat, &[("name", "Ann Moe"), ("email", "Ann@One.Example")]).await;
            let file = "name,email,job_title\nAnn Moe,ANN@one.example,Buyer\nBen Oda,Ben@One.example,Buyer\n";
            let import = uploaded(app, &pat, object, file).await;
            let columns = ["name", "email", "job_title"].map(|key| (key, key));
            let how = [("then", "start"), ("key", "email"), ("on_match", "update")];
            sent(app, &pat, &import, &columns, &how).await;
            work(app).await;
            assert_eq!(counts(app).await, ("done".into(), 1, 1, 0, 0), "{object}");
            let kept = format!("SELECT COUNT(*) FROM {object} WHERE email IN ('ann@one.example', 'ben@one.example')");
            assert_eq!(app.value::<i64>(kept.as_str()).await, Some(2), "{object}");
        }
    });
}

#[test]
fn a_key_that_no_column_fills_is_named_as_the_page_names_it_and_is_seen() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "name,old number\nAcme,7\n").await;
        let columns = [("name", "name"), ("old number", "")];
        let said = "Known records are found by “External ID”, but no column fills it.";
        let preview = sent(app, &pat, &format!("{import}/preview"), &columns, &[("key", "external_id")]).await;
        assert!(preview.has(said) && !preview.has("external_id"), "{}", preview.body);
        let refused = sent(app, &pat, &import, &columns, &[("then", "check"), ("key", "external_id")]).await;
        assert_eq!(refused.status, 422);
        // The focus goes to the reasons, which stand above everything, and the field says it too.
        let begins = refused.body.split("id=\"mapping\"").next().unwrap_or_default();
        assert!(begins.contains("role=\"alert\" tabindex=\"-1\" autofocus") && begins.contains(said), "{begins}");
        assert!(refused.has("<p class=\"error\" id=\"key-error\">"), "{}", refused.body);
        let twice = [("name", "name"), ("old number", "name")];
        let refused = sent(app, &pat, &import, &twice, &[("then", "start")]).await;
        assert!(refused.status == 422 && refused.has("Two columns go to the same field (Name)."), "{}", refused.body);
        assert_eq!(accounts(app).await, 0);
    });
}

#[test]
fn rows_without_a_key_or_with_a_second_record_wanted_repeat_nothing() {
    on_both(async |app| {
        let pat = partner(app).await;
        let columns = [("name", "name"), ("employees", "employees")];
        for key in ["", "name"] {
            let import = uploaded(app, &pat, "account", "name,employees\nAcme,1\nAcme,2\n").await;
            let more = [("then", "check"), ("key", key), ("on_match", "create")];
            sent(app, &pat, &import, &columns, &more).await;
            work(app).await;
            assert!(!app.get(&pat, &import).await.has("another row of this file"));
            assert_eq!(counts(app).await, ("checked".into(), 2, 0, 0, 0), "{key}");
            app.clock.advance(60);
        }
    });
}

#[test]
fn a_file_that_was_taken_in_before_is_recognised_until_it_is_taken_back() {
    on_both(async |app| {
        let pat = partner(app).await;
        let file = "name,city\nAcme,Wuxi\n";
        let first = uploaded(app, &pat, "account", file).await;
        assert!(!app.get(&pat, &first).await.has("was imported before"));
        let draft = uploaded(app, &pat, "account", file).await;
        assert!(!app.get(&pat, &draft).await.has("was imported before"), "nothing was written yet");
        run(app, &pat, &first).await;
        app.clock.advance(60);
        let second = uploaded(app, &pat, "account", file).await;
        let link = format!("href=\"{first}\"");
        let page = app.get(&pat, &second).await;
        assert!(page.has("was imported before: file.csv") && page.has(&link) && page.has("1 created"), "{}", page.body);
        let other = uploaded(app, &pat, "account", "name,city\nZeta,Wuxi\n").await;
        assert!(app.get(&pat, &other).await.has(&link), "same name and size");
        let other = uploaded(app, &pat, "account", "name,city\nZeta Group,Wuxi\n").await;
        assert!(!app.get(&pat, &other).await.has("was imported before"));
        let una = app.person("Una").role(Role::Seller).create().await;
        let hers = uploaded(app, &una, "account", file).await;
        assert!(!app.get(&una, &hers).await.has("was imported before"), "an import is its owner's");
        app.post_form(&pat, &format!("{first}/undo"), &[]).await;
        work(app).await;
        assert!(!app.get(&pat, &second).await.has("was imported before"));
    });
}

#[test]
fn rows_of_megabytes_are_taken_in_few_at_a_time_and_none_is_lost() {
    on_both(async |app| {
        let pat = partner(app).await;
        let long = "x".repeat(3_000_000);
        // Their parent stands below them, so that they wait; the last one's stands nowhere.
        let mut file = "Name,Parent,Blob\n".to_owned();
        (0..5).for_each(|number| file.push_str(&format!("Child {number},Holding,{long}\n")));
        (0..4).for_each(|number| file.push_str(&format!("Orphan {number},Nowhere Ltd,{long}\n")));
        file.push_str("Holding,,\n");
        let import = uploaded(app, &pat, "account", &file).await;
        let columns = [("Name", "name"), ("Parent", "parent"), ("Blob", "")];
        let more = [("then", "start"), ("key", "name"), ("on_match", "skip")];
        sent(app, &pat, &import, &columns, &more).await;
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 6, 0, 0, 4));
        let errors = refusals(app, &pat, &import).await;
        let names: Vec<&str> = errors.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(names, ["Orphan 0", "Orphan 1", "Orphan 2", "Orphan 3"]);
    });
}
