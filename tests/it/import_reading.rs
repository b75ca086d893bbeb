//! What the cells of a file are taken for: deals of other programs, stages and reasons, people, names.

use axum::http::Method;
use store::{Uuid, sql};
use testkit::{Role, on_both};
use trivet::cli::say;
use trivet::system::imports::model::Mapping;
use trivet::system::imports::run_here;

use crate::import::{counts, many, partner, reason_for_all, refusals, run, sent, upload, uploaded, work};

const DEALS: &str =
    "name,stage,close_date,next_step\nFront,Prospecting,2026-12-24,\nEnd,Won,2026-12-24,\nGone,Lost,2026-12-24,\n";
const DEAL_COLUMNS: [(&str, &str); 4] =
    [("name", "name"), ("stage", "stage"), ("close_date", "close_date"), ("next_step", "next_step")];

#[test]
fn a_file_is_no_way_around_the_exit_criteria() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let won = async || app.value::<i64>("SELECT COUNT(*) FROM opportunity WHERE stage_kind = 'won'").await;
        let import = uploaded(app, &lin, "opportunity", DEALS).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("name=\"reason\"") && page.has("it needs a reason"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 1), "the front and a lost deal need none");
        assert_eq!(won().await, Some(0));
        let errors = refusals(app, &lin, &import).await;
        assert!(errors.contains("End,Won") && errors.contains("“Won” it needs a reason"), "{errors}");

        // The file that holds what was refused begins with the same mapping; only the reason is missing.
        app.clock.advance(60);
        let name = format!("import-errors-{}.csv", import.trim_start_matches("/imports/"));
        let again = upload(app, &lin, "opportunity", &name, errors.as_bytes()).await;
        let again = again.location().to_owned();
        let reason = [("then", "start"), ("reason", "Sold before\nwe had this program")];
        let answer = sent(app, &lin, &again, &DEAL_COLUMNS, &reason).await;
        assert_eq!(answer.location(), again, "{}", answer.body);
        work(app).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        assert_eq!(won().await, Some(1));
        let deal: Uuid = app.value("SELECT id FROM opportunity WHERE name = 'End'").await.unwrap();
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(
            page.has("Sold before we had this program") && page.has(&format!("by import of {name}")),
            "{}",
            page.body
        );
        let token = app.api_token(&lin).await;
        let events = app.api(&token, Method::GET, &format!("/api/opportunities/{deal}/events"), &[], None).await;
        let said = format!("Sold before we had this program (by import of {name})");
        assert_eq!(events.json()["data"][0]["reason"], said.as_str(), "{}", events.body);
        let reasons: Vec<(Option<String>,)> = {
            let mut session = app.app.db.read().await.unwrap();
            session.all(sql!("SELECT reason FROM stage_change WHERE opportunity_id = $1", deal)).await.unwrap()
        };
        assert_eq!(reasons.len(), 2);
        assert!(reasons.iter().all(|(reason,)| reason.as_deref().is_some_and(|it| it.contains("Sold before"))));
    });
}

#[test]
fn deals_of_a_program_with_one_date_are_closed_on_that_date() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file =
            "Deal Name,Deal Stage,Close Date\nPast,Lost,2026-02-01\nTo come,Lost,2099-01-01\nOpen,Prospecting,\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("No column says when deals were closed"), "{}", page.body);
        assert!(page.has("No column says when the deals were created"), "{}", page.body);
        assert!(!page.has("No column says when deals are expected to close"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 3, 0, 0, 0));
        let today = app.viewer(&lin).await.config.today(app.clock.now()).0;
        let past = store::Day::parse("2026-02-01").expect("a day").0;
        let days = async |name: &str| -> (Option<i64>, i64) {
            let mut session = app.app.db.read().await.unwrap();
            session.one(sql!("SELECT closed_day, created_day FROM opportunity WHERE name = $1", name)).await.unwrap()
        };
        assert_eq!(days("Past").await, (Some(past), past));
        assert_eq!(days("To come").await, (Some(today), today));
        assert_eq!(days("Open").await, (None, today));
    });
}

#[test]
fn a_close_date_that_cannot_be_the_day_of_closing_refuses_nothing() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file = "Deal Name,Deal Stage,Created Date,Close Date,Closed Lost Reason\n\
                    Entered late,Lost,2026-03-01,2026-02-20,They bought from our neighbour\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        let today = app.viewer(&lin).await.config.today(app.clock.now()).0;
        let closed = app.value::<i64>("SELECT closed_day FROM opportunity").await;
        let note = app.value::<String>("SELECT lost_note FROM opportunity").await;
        assert_eq!((closed, note.as_deref()), (Some(today), Some("They bought from our neighbour")));
    });
}

#[test]
fn a_first_and_a_last_name_make_a_contact() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        app.account(&lin, "Harbour Optics").await;
        let file = "First Name,Last Name,Account Name,Email\nAda,Moss,Harbour Optics,ada@harbour.example\n";
        let import = uploaded(app, &lin, "contact", file).await;
        let page = app.get(&lin, &import).await;
        assert!(page.has("Ada Moss") && !page.has("These columns are not imported"), "{}", page.body);
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 1, 0, 0, 0));
        let name: String = app
            .value("SELECT c.name || ' of ' || a.name FROM contact c JOIN account a ON a.id = c.account_id")
            .await
            .unwrap();
        assert_eq!(name, "Ada Moss of Harbour Optics");
    });
}

#[test]
fn the_ends_of_a_pipeline_are_known_by_the_names_that_other_programs_give_them() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let file = "name,stage,close_date\nA,Closed Won,2026-12-24\nB,closed-lost,2026-12-24\nC,赢单,2026-12-24\n\
                    D,输单,2026-12-24\nE,丢单,2026-12-24\nF,Closed,2026-12-24\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        reason_for_all(app, &import, "Taken over").await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 5, 0, 0, 1), "{}", refusals(app, &lin, &import).await);
        let mut session = app.app.db.read().await.unwrap();
        let ends: Vec<(String, String)> =
            session.all("SELECT name, stage_kind FROM opportunity ORDER BY name").await.unwrap();
        let ends: Vec<(&str, &str)> = ends.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
        assert_eq!(ends, [("A", "won"), ("B", "lost"), ("C", "won"), ("D", "lost"), ("E", "lost")]);
    });
}

#[test]
fn a_file_moves_deals_further_only_with_a_reason_or_what_the_stages_ask_for() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let deal = app.opportunity(&lin, "Rollout", account).await;
        app.execute(sql!("UPDATE opportunity SET external_id = 'A' WHERE id = $1", deal)).await;
        let stage = async || -> String {
            app.value(sql!("SELECT s.name FROM opportunity o JOIN stage s ON s.id = o.stage_id WHERE o.id = $1", deal))
                .await
                .unwrap()
        };
        let columns = [("external_id", "external_id"), ("stage", "stage"), ("reason", "reason")];
        let go = async |row: &str, more: &[(&str, &str)]| {
            app.clock.advance(60);
            let import = uploaded(app, &lin, "opportunity", &format!("external_id,stage,reason\nA,{row}\n")).await;
            let keyed = [&[("then", "start"), ("key", "external_id"), ("on_match", "update")], more].concat();
            let answer = sent(app, &lin, &import, &columns, &keyed).await;
            assert_eq!(answer.location(), import, "{}", answer.body);
            work(app).await;
            import
        };
        go("Negotiation,", &[]).await;
        assert_eq!((counts(app).await, stage().await), (("done".into(), 0, 0, 0, 1), "Prospecting".into()));
        go("Negotiation,Agreed at the fair", &[]).await;
        assert_eq!(stage().await, "Negotiation", "a row may say it itself");
        let back = go("Engaging,", &[]).await;
        assert_eq!(stage().await, "Engaging", "back asks for nothing");
        // What was taken back is where it was, and nobody need say why.
        app.post_form(&lin, &format!("{back}/undo"), &[]).await;
        work(app).await;
        assert_eq!(stage().await, "Negotiation");
        go("Won,", &[("reason", "From the list of the fair")]).await;
        assert_eq!(stage().await, "Won");
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(page.has("Agreed at the fair") && page.has("From the list of the fair"), "{}", page.body);
        let long = "x".repeat(501);
        let import = uploaded(app, &lin, "opportunity", DEALS).await;
        let answer = sent(app, &lin, &import, &DEAL_COLUMNS, &[("then", "start"), ("reason", &long)]).await;
        assert!(answer.status == 422 && answer.has("At most 500 characters"), "{}", answer.body);
    });
}

#[test]
fn a_check_says_what_would_be_done_and_the_button_how_many_rows_can_be_taken_in() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "name,employees\nAcme,many\nBeta,few\nGood,3\n").await;
        assert!(app.get(&pat, &import).await.has("Import 1 of 3 rows"));
        app.post_form(&pat, &format!("{import}/check"), &[]).await;
        work(app).await;
        let page = app.get(&pat, &import).await;
        let failed = format!("<a href=\"{import}/rows?outcome=failed\">2 with errors</a>");
        assert!(
            page.has(&format!("1 would be created · <span class=\"text-nowrap\">{failed}</span>")),
            "{}",
            page.body
        );
        assert!(page.has("Import 1 of 3 rows"), "{}", page.body);
        assert!(app.get(&pat, "/imports").await.has("1 would be created"));
        run(app, &pat, &import).await;
        assert!(app.get(&pat, "/imports").await.has("1 created · 2 failed"));
        let fine = uploaded(app, &pat, "account", "name,employees\nGamma,3\n").await;
        assert!(app.get(&pat, &fine).await.has("Import 1 row<"));
        let long = uploaded(app, &pat, "account", &format!("{}Acme,many\n", many(30))).await;
        assert!(app.get(&pat, &long).await.has("Import 31 rows<"), "only the beginning was looked at");
        let columns = [("name", "name"), ("employees", "employees")];
        let preview = sent(app, &pat, &format!("{import}/preview"), &columns, &[("default-industry", "fishing")]).await;
        assert!(preview.has("id=\"start-text\" hx-swap-oob=\"true\">Import 0 of 3 rows"), "{}", preview.body);
    });
}

#[test]
fn what_a_cell_may_say_is_told_and_people_are_found_in_any_case() {
    on_both(async |app| {
        let pat = partner(app).await;
        let darcel = app.person("Darcel Schlecht").role(Role::Seller).create().await;
        let wei = app.person("Chen Wei").role(Role::Seller).create().await;
        let loud = app.person("Loud").role(Role::Seller).create().await;
        app.execute(sql!("UPDATE person SET name = 'CHEN WEI', name_key = 'chen wei' WHERE id = $1", loud.id)).await;
        let file = "name,stage,owner,source,close_date\nDream,Dreaming,,,2026-12-24\nWhence,,,hearsay,2026-12-24\n\
            \"Two\nlines\",,darcel SCHLECHT,,2026-12-24\nJust so,,Chen Wei,,2026-12-24\nWhich,,chen wei,,2026-12-24\n";
        let import = uploaded(app, &pat, "opportunity", file).await;
        let page = app.get(&pat, &import).await;
        assert!(page.has("There is no “Dreaming”. There is: Prospecting, Engaging, Proposal, "), "{}", page.body);
        assert!(page.has("There is no “hearsay”. There is: "), "{}", page.body);
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 3));
        let errors = refusals(app, &pat, &import).await;
        assert!(
            errors.contains("There is no “Dreaming”. There is: Prospecting, ")
                && errors.contains("“hearsay”. There is"),
            "{errors}"
        );
        assert!(errors.contains("Several records are called “chen wei”"), "{errors}");
        let owner =
            async |name: &str| app.value::<Uuid>(sql!("SELECT owner_id FROM opportunity WHERE name = $1", name)).await;
        assert_eq!(owner("Two lines").await, Some(darcel.id));
        assert_eq!(owner("Just so").await, Some(wei.id), "who is written just so comes first");
    });
}

#[test]
fn names_of_records_are_found_in_any_case_and_the_one_written_just_so_first() {
    on_both(async |app| {
        let pat = app.person("Sam").role(Role::Seller).create().await;
        let una = app.person("Una").role(Role::Seller).create().await;
        let acme = app.account(&pat, "Acme Corporation").await;
        let (bolt, loud) = (app.account(&pat, "Bolt").await, app.account(&pat, "BOLT").await);
        app.account(&una, "Hers").await;
        app.execute(sql!("UPDATE account SET external_id = 'K-7' WHERE id = $1", acme)).await;
        let file = "name,account,close_date\nSmall,acme corporation,2026-12-24\nLarge,ACME CORPORATION,2026-12-24\n\
            Just so,Bolt,2026-12-24\nLoud,BOLT,2026-12-24\nWhich,bolt,2026-12-24\nSecret,hers,2026-12-24\n\
            Number,k-7,2026-12-24\n";
        let import = uploaded(app, &pat, "opportunity", file).await;
        run(app, &pat, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 4, 0, 0, 3));
        let of = async |name: &str| {
            app.value::<Uuid>(sql!("SELECT account_id FROM opportunity WHERE name = $1", name)).await
        };
        assert_eq!((of("Small").await, of("Large").await), (Some(acme), Some(acme)));
        assert_eq!((of("Just so").await, of("Loud").await), (Some(bolt), Some(loud)));
        let errors = refusals(app, &pat, &import).await;
        assert!(errors.contains("Several records are called “bolt”"), "{errors}");
        assert!(errors.contains("“hers” is not there, or not yours to see"), "{errors}");
        assert!(errors.contains("“k-7” is not there"), "a number is written as it is: {errors}");

        // What the file brings itself is found alike, by the check as by the import.
        app.clock.advance(60);
        let family = uploaded(app, &pat, "account", "name,parent\nPlant,zeta group\nZeta Group,\n").await;
        app.post_form(&pat, &format!("{family}/check"), &[]).await;
        work(app).await;
        assert_eq!(counts(app).await, ("checked".into(), 2, 0, 0, 0));
        run(app, &pat, &family).await;
        assert_eq!(counts(app).await, ("done".into(), 2, 0, 0, 0));

        // One that is written otherwise stands already: the one that the file brings is meant, before it or after it.
        app.clock.advance(60);
        app.account(&pat, "OMEGA GROUP").await;
        let file = "name,parent\nFirst,Omega Group\nOmega Group,\nSecond,Omega Group\nThird,zETA gROUP\n";
        let family = uploaded(app, &pat, "account", file).await;
        run(app, &pat, &family).await;
        assert_eq!(counts(app).await, ("done".into(), 4, 0, 0, 0));
        for (name, parent) in [("First", "Omega Group"), ("Second", "Omega Group"), ("Third", "Zeta Group")] {
            let found = "SELECT p.name FROM account a JOIN account p ON p.id = a.parent_id WHERE a.name = $1";
            assert_eq!(app.value::<String>(sql!(found, name)).await.as_deref(), Some(parent), "{name}");
        }
    });
}

#[test]
fn a_check_counts_the_rows_without_a_close_date_and_the_lost_deals_without_a_reason() {
    on_both(async |app| {
        let pat = partner(app).await;
        let open: String = (0..20).map(|n| format!("Open {n},Prospecting,2026-12-24,\n")).collect();
        let file =
            format!("name,stage,close_date,lost_reason\n{open}A,Prospecting,,\nB,Lost,2026-10-01,\nC,Lost,,price\n");
        let import = uploaded(app, &pat, "opportunity", &file).await;
        let page = app.get(&pat, &import).await;
        assert!(!page.has("without a close date"), "the first twenty all have one: {}", page.body);
        for _ in 0..2 {
            app.post_form(&pat, &format!("{import}/check"), &[]).await;
            work(app).await;
            assert_eq!(counts(app).await, ("checked".into(), 23, 0, 0, 0));
            let page = app.get(&pat, &import).await;
            assert!(page.has("Rows without a close date: 2. An open deal is given"), "{}", page.body);
            assert!(page.has("Lost deals without a reason: 1. "), "{}", page.body);
        }
        app.clock.advance(60);
        let short =
            "name,stage,close_date,lost_reason\nD,Prospecting,,\nE,Prospecting,2026-12-24,\nF,Lost,2026-10-01,\n";
        let short = uploaded(app, &pat, "opportunity", short).await;
        let page = app.get(&pat, &short).await;
        assert!(
            page.has("Rows without a close date: 1. ") && page.has("Lost deals without a reason: 1. "),
            "{}",
            page.body
        );
        let columns = ["name", "stage", "close_date", "lost_reason"].map(|name| (name, name));
        let more = [("default-close_date", "2027-03-31")];
        let page = sent(app, &pat, &format!("{short}/preview"), &columns, &more).await;
        assert!(!page.has("without a close date") && page.has("without a reason: 1. "), "{}", page.body);
    });
}

#[test]
fn of_an_unknown_choice_everything_is_named_that_one_can_choose() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "account", "name,industry\nAcme,fishing\n").await;
        run(app, &pat, &import).await;
        let errors = refusals(app, &pat, &import).await;
        assert!(
            errors.contains("“fishing”. There is: Technology, ") && errors.contains("Logistics, Other"),
            "{errors}"
        );
        assert!(!errors.contains('…'), "{errors}");
    });
}

#[test]
fn a_list_filtered_by_an_import_names_its_file() {
    on_both(async |app| {
        let pat = partner(app).await;
        let import = uploaded(app, &pat, "opportunity", "name,close_date\nRollout,2026-12-24\n").await;
        run(app, &pat, &import).await;
        let id = import.trim_start_matches("/imports/");
        for list in ["/opportunities?view=none&", "/board?"] {
            let page = app.get(&pat, &format!("{list}f=import:is:{id}")).await;
            assert!(page.has("file.csv") && !page.has("this record"), "{}", page.body);
        }
        let una = app.person("Una").role(Role::Partner).create().await;
        let page = app.get(&una, &format!("/opportunities?view=none&f=import:is:{id}")).await;
        assert!(!page.has("file.csv") && page.has("this record"), "somebody else's file is not named");
    });
}

#[test]
fn the_command_line_says_which_kind_of_record_is_unknown_and_takes_a_reason() {
    on_both(async |app| {
        let pat = partner(app).await;
        let viewer = app.viewer(&pat).await;
        let folder = std::env::temp_dir().join(format!("trivet-import-{}", Uuid::now_v7()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("deals.csv");
        std::fs::write(&file, DEALS).unwrap();
        let columns = "[columns.name]\nfield = \"name\"\n[columns.stage]\nfield = \"stage\"\n[columns.close_date]\nfield = \"close_date\"\n";
        let mut mapping = Mapping::parse(&format!("object = \"dragon\"\n{columns}")).unwrap();
        let refused = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.expect_err("no such kind");
        assert!(say(refused).contains("There is no kind of record called “dragon”."));
        mapping.object = "opportunity".into();
        let import = run_here(&app.app, &viewer, &file, &mapping, true, |_| {}).await.unwrap();
        assert_eq!((import.created, import.failed), (2, 1));
        mapping.reason = Some("Taken over".into());
        let import = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.unwrap();
        assert_eq!((import.created, import.failed), (3, 0));
        std::fs::write(&file, "name\n").unwrap();
        let refused = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.expect_err("nothing in it");
        assert!(say(refused).contains("no rows below them"));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}
