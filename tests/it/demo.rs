//! The demo company's evidence is given as sellers give it, by the command behind the page of a deal. On both engines.

use std::collections::BTreeSet;

use jiff::civil::date;
use store::{Instant, Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::demo::evidence::Note;
use trivet::demo::load::give_evidence;
use trivet::demo::{Edition, edition};
use trivet::shell::error::Error;
use trivet::shell::i18n::Locale;
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
