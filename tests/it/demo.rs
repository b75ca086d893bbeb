//! The demo company's evidence is given as sellers give it, by the command behind the page of a deal, and its closed deals go through
//! the importer stage by stage. On both engines.

use std::collections::BTreeSet;

use jiff::civil::date;
use store::{Day, Instant, Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::demo::evidence::Note;
use trivet::demo::load::give_evidence;
use trivet::demo::{Demo, Edition, Feed, edition};
use trivet::shell::error::Error;
use trivet::shell::i18n::Locale;
use trivet::system::imports::model::Mapping;
use trivet::system::imports::run_here;
use trivet::system::setup;

const NEED: &str = "Buyer has confirmed the need in their own words";

/// A deal in the second stage, as a file of the demo has named it.
async fn deal(app: &TestApp, lin: &Person, external_id: &str) -> Uuid {
    let account = app.account(lin, external_id).await;
    let deal = app.opportunity(lin, "Rollout", account).await;
    let engaging = app.stage("Engaging").await.to_string();
    app.try_update("opportunity", lin, deal, None, &[("stage", &engaging)]).await.expect("the customer is named");
    app.execute(sql!("UPDATE opportunity SET external_id = $2 WHERE id = $1", deal, external_id)).await;
    deal
}

#[test]
fn the_sellers_of_the_demo_give_evidence_on_its_day_and_it_counts() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let (proven, bare) = (deal(app, &lin, "1C1I7A6R").await, deal(app, &lin, "Z063OYW0").await);
        let note = |deal: &str| Note {
            deal: deal.into(),
            by: lin.email.clone(),
            criterion: NEED.into(),
            text: "In their words: it will not last another year.".into(),
            at: date(2026, 11, 10).at(10, 30, 0, 0),
        };
        give_evidence(app, &[note("1C1I7A6R")]).await.expect("the deal and the criterion are there");
        let at: Option<Instant> = app.value(sql!("SELECT at FROM evidence WHERE opportunity_id = $1", proven)).await;
        let then: jiff::Timestamp = "2026-11-10T02:30:00Z".parse().expect("an instant");
        assert_eq!(at, Some(Instant(then.as_microsecond())), "half past ten in Shanghai");
        let told =
            "SELECT COUNT(*) FROM event WHERE kind = 'evidence' AND subject_id = $1 AND actor_id = $2 AND at = $3";
        assert_eq!(app.value(sql!(told, proven, lin.id, at)).await, Some(1i64));

        // One criterion is met, the other is not: both signs show.
        let page = app.get(&lin, &format!("/opportunities/{proven}")).await;
        let panel = page.body.split("id=\"side-evidence\"").nth(1).and_then(|rest| rest.split("</section>").next());
        let panel = panel.expect("a panel of evidence");
        assert!(panel.contains("another year. — Lin Yan · 10 Nov 2026"), "{panel}");
        let signs = ["<span class=\"good\">", "<span class=\"dim\">"].map(|sign| panel.matches(sign).count());
        assert_eq!(signs, [1, 1], "{panel}");

        let proposal = app.stage("Proposal").await.to_string();
        let go = async |deal: Uuid| app.try_update("opportunity", &lin, deal, None, &[("stage", &proposal)]).await;
        go(proven).await.expect("nothing is missing");
        assert!(matches!(go(bare).await, Err(Error::Invalid(_))), "the other deal has nothing to show");
        assert!(give_evidence(app, &[note("nowhere")]).await.is_err());
    });
}

#[test]
fn the_demo_knows_the_criteria_of_the_first_pipeline_in_both_languages() {
    on_both(async |app| {
        let mut tx = app.db.write().await.expect("writable");
        let chinese = setup::create_pipeline(&mut tx, &app.clock, Locale::Zh, "中文", 1).await.expect("a pipeline");
        tx.commit().await.expect("it is stored");
        let english: Uuid = app.value("SELECT id FROM pipeline WHERE position = 0").await.expect("a pipeline");
        for (of, pipeline) in [(Edition::English, english), (Edition::Chinese, chinese)] {
            let demo = edition(of, date(2026, 11, 24), 1);
            let used: BTreeSet<String> = demo.evidence.into_iter().map(|note| note.criterion).collect();
            const NOTED: &str = "SELECT c.name FROM criterion c JOIN stage s ON s.id = c.stage_id
                WHERE s.pipeline_id = $1 AND c.field IS NULL";
            let mut session = app.db.read().await.expect("readable");
            let noted: Vec<(String,)> = session.all(sql!(NOTED, pipeline)).await.expect("the criteria");
            let noted: BTreeSet<String> = noted.into_iter().map(|(name,)| name).collect();
            assert_eq!(used, noted, "{of:?}");
        }
    });
}

fn feed<'d>(demo: &'d Demo, name: &str) -> &'d Feed {
    demo.feeds.iter().find(|feed| feed.name == name).unwrap_or_else(|| panic!("there is no feed {name:?}"))
}

/// The row of a deal in a feed.
fn row_of<'d>(demo: &'d Demo, name: &str, deal: &str) -> Option<&'d str> {
    feed(demo, name).csv.lines().find(|line| line.starts_with(deal))
}

/// The first deal of the set that ended so and was in these of the stages between.
fn ended<'d>(demo: &'d Demo, stage: &str, passed: [bool; 2]) -> &'d str {
    let closings = feed(demo, "opportunities_closed").csv.lines().skip(1);
    let mut deals = closings.filter_map(|line| {
        let (deal, rest) = line.split_once(',')?;
        rest.starts_with(stage).then_some(deal)
    });
    let feeds = ["opportunities_proposal", "opportunities_negotiation"];
    let deal = deals.find(|deal| feeds.map(|name| row_of(demo, name, deal).is_some()) == passed);
    deal.unwrap_or_else(|| panic!("there is no deal {stage} {passed:?}"))
}

/// Takes in the rows of these deals as the demo does; all rows without any. In the currency of the tests, as there are no rates.
async fn take_in(app: &TestApp, by: &Person, demo: &Demo, name: &str, deals: &[&str]) {
    let Feed { csv, mapping, .. } = feed(demo, name);
    let is_kept = |line: &str| deals.is_empty() || deals.iter().any(|deal| line.starts_with(*deal));
    let rows: Vec<&str> = csv.lines().skip(1).filter(|line| is_kept(line)).collect();
    let header = csv.lines().next().expect("a header");
    let folder = std::env::temp_dir().join(format!("trivet-demo-{}", Uuid::now_v7()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join(format!("{name}.csv"));
    std::fs::write(&file, format!("{header}\n{}\n", rows.join("\n"))).expect("a file");
    let mapping = Mapping::parse(&mapping.replace("USD", "CNY")).expect("a mapping");
    let viewer = app.viewer(by).await;
    let import = run_here(&app.app, &viewer, &file, &mapping, false, |_| {}).await.expect("an import");
    let counts = (import.created + import.updated, import.failed, import.repeated);
    assert_eq!(counts, (rows.len() as i64, 0, 0), "{name}");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

#[test]
fn closed_deals_of_the_demo_pass_the_stages_between_and_end_as_the_set_says() {
    on_both(async |app| {
        let pat = app.person("Pat").role(Role::Partner).create().await;
        let demo = edition(Edition::English, date(2026, 11, 24), 1);
        let expected: [(&str, &[&str]); 5] = [
            (ended(&demo, "Won", [true, true]), &["Engaging", "Proposal", "Negotiation", "Won"]),
            (ended(&demo, "Won", [false, false]), &["Engaging", "Won"]),
            (ended(&demo, "Lost", [true, true]), &["Engaging", "Proposal", "Negotiation", "Lost"]),
            (ended(&demo, "Lost", [true, false]), &["Engaging", "Proposal", "Lost"]),
            (ended(&demo, "Lost", [false, false]), &["Engaging", "Lost"]),
        ];
        let deals = expected.map(|(deal, _)| deal);
        let (mut sellers, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for deal in deals {
            let cells: Vec<&str> = row_of(&demo, "opportunities", deal).expect("a row").split(',').collect();
            sellers.insert(cells[1]);
            accounts.insert(cells[3]);
        }
        for seller in sellers {
            app.person(seller).role(Role::Seller).create().await;
        }
        for account in accounts.into_iter().filter(|account| !account.is_empty()) {
            app.account(&pat, account).await;
        }
        take_in(app, &pat, &demo, "products", &[]).await;
        take_in(app, &pat, &demo, "opportunities", &deals).await;
        for (name, place) in [("opportunities_proposal", 1), ("opportunities_negotiation", 2)] {
            let moved: Vec<&str> = deals.into_iter().filter(|deal| row_of(&demo, name, deal).is_some()).collect();
            assert_eq!(moved.len(), 4 - place);
            take_in(app, &pat, &demo, name, &moved).await;
        }
        take_in(app, &pat, &demo, "opportunities_closed", &deals).await;

        let zone = app.app.config(0).await.expect("the settings are there").zone.clone();
        let mut session = app.app.db.read().await.expect("readable");
        for (deal, stages) in expected {
            const MOVES: &str = "SELECT s.name, c.at FROM stage_change c JOIN stage s ON s.id = c.to_stage_id
                JOIN opportunity o ON o.id = c.opportunity_id WHERE o.external_id = $1 ORDER BY c.id";
            let moves: Vec<(String, Instant)> = session.all(sql!(MOVES, deal)).await.expect("the moves");
            assert_eq!(moves.iter().map(|(stage, _)| stage.as_str()).collect::<Vec<_>>(), stages, "{deal}");
            assert!(moves.windows(2).all(|pair| pair[0].1.0 < pair[1].1.0), "{deal}: {moves:?}");
            const DEAL: &str = "SELECT created_day, closed_day, close_day, amount_base, lost_reason
                FROM opportunity WHERE external_id = $1";
            let found: Vec<(i64, i64, i64, i64, Option<String>)> = session.all(sql!(DEAL, deal)).await.expect("a deal");
            let (created, closed, expected_close, amount, reason) = &found[0];
            let ends = [moves[0].1, moves[moves.len() - 1].1];
            assert_eq!(ends, [*created, *closed].map(|day| Instant::start_of(Day(day), &zone)), "{deal}");
            assert_eq!(closed, expected_close, "{deal}");
            let cells: Vec<&str> = row_of(&demo, "opportunities", deal).expect("a row").split(',').collect();
            if stages.contains(&"Won") {
                let paid: i64 = cells[7].parse().expect("an amount");
                assert_eq!((*amount, reason), (paid * 100, &None), "{deal}");
            } else {
                assert!(reason.is_some(), "{deal}");
            }
        }
    });
}
