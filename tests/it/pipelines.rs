//! Several pipelines: which stage belongs to which, and how a deal goes from one to another. On both engines.

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::shell::error::Error;
use trivet::shell::record::told;

use crate::analysis::rows_behind;
use crate::import::{counts, reason_for_all, run, uploaded};

struct World {
    lin: Person,
    deal: Uuid,
    /// The second pipeline, whose stages are called like those of the first.
    partners: Uuid,
}

/// A seller, a deal of theirs at the front of the first pipeline, and a second pipeline.
async fn world(app: &TestApp) -> World {
    let lin = app.person("Lin Yan").role(Role::Seller).create().await;
    let answer = app.post_form(&app.administrator, "/settings/pipelines", &[("name", "Partners")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let partners = app.value("SELECT id FROM pipeline WHERE name = 'Partners'").await.expect("a second pipeline");
    let account = app.account(&lin, "Harbour Optics").await;
    let deal = app.opportunity(&lin, "Rollout", account).await;
    World { lin, deal, partners }
}

async fn stage_of(app: &TestApp, pipeline: Uuid, name: &str) -> Uuid {
    app.value(sql!("SELECT id FROM stage WHERE pipeline_id = $1 AND name = $2", pipeline, name)).await.expect("a stage")
}

/// Pipeline and stage of a deal.
async fn place(app: &TestApp, deal: Uuid) -> (Uuid, Uuid) {
    let mut session = app.db.read().await.expect("readable");
    session.one(sql!("SELECT pipeline_id, stage_id FROM opportunity WHERE id = $1", deal)).await.expect("the deal")
}

/// The moves of a deal, oldest first: from, to, seconds, reason.
async fn moves(app: &TestApp, deal: Uuid) -> Vec<(Option<Uuid>, Uuid, i64, Option<String>)> {
    const MOVES: &str = "SELECT from_stage_id, to_stage_id, seconds, reason FROM stage_change
        WHERE opportunity_id = $1 ORDER BY at, id";
    let mut session = app.db.read().await.expect("readable");
    session.all(sql!(MOVES, deal)).await.expect("the moves")
}

#[test]
fn the_form_of_a_new_deal_offers_the_stages_of_every_pipeline() {
    on_both(async |app| {
        let World { lin, partners, .. } = world(app).await;
        let first = stage_of(app, partners, "Prospecting").await;
        let board = app.get(&lin, &format!("/board?pipeline={partners}")).await;
        let link = format!("/opportunities/new?pipeline={partners}");
        assert!(board.has(&link), "{}", board.body);
        let form = app.get(&lin, &format!("{link}&back=%2Fboard%3Fpipeline%3D{partners}")).await;
        assert!(form.has("<optgroup label=\"Partners\">"), "{}", form.body);
        assert!(form.has(&format!("<option value=\"{first}\" selected>")), "{}", form.body);
        assert!(!form.has("name=\"pipeline\""), "the stage says which pipeline it is of");
        let back = format!("/board?pipeline={partners}");
        let stage = first.to_string();
        let fields = [("name", "Through a dealer"), ("stage", &stage), ("close_date", "2026-12-24"), ("back", &back)];
        let answer = app.post_form(&lin, "/opportunities", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.location()), (303, back.as_str()), "{}", answer.body);
        let deal = app.value("SELECT id FROM opportunity WHERE name = 'Through a dealer'").await.expect("the deal");
        assert_eq!(place(app, deal).await, (partners, first));
        // Lists are filtered by the stages of both.
        let filter = app.get(&lin, "/opportunities/filter/input?field=stage").await;
        let other = app.stage("Prospecting").await;
        for stage in [first, other] {
            assert!(filter.has(&format!("name=\"value\" value=\"{stage}\"")), "{}", filter.body);
        }
        assert!(filter.has("Prospecting · Partners"), "{}", filter.body);
        // A pipeline that the stage is not of is a mistake, and what was typed stays.
        let other = other.to_string();
        let pipeline = partners.to_string();
        let fields =
            [("name", "Kept"), ("stage", other.as_str()), ("pipeline", &pipeline), ("close_date", "2026-12-24")];
        let answer = app.post_form(&lin, "/opportunities", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("belongs to another pipeline") && answer.has("value=\"Kept\""), "{}", answer.body);
        assert!(answer.has(&format!("<option value=\"{other}\" selected>")), "{}", answer.body);
    });
}

#[test]
fn a_deal_goes_to_another_pipeline_only_when_somebody_means_it() {
    on_both(async |app| {
        let World { lin, deal, partners } = world(app).await;
        let (here, was) = place(app, deal).await;
        let front = stage_of(app, partners, "Prospecting").await;
        let (id, pipeline) = (front.to_string(), partners.to_string());
        let refused = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &[("stage", &id)]).await;
        assert_eq!(refused.status, 422, "{}", refused.body);
        let refused = app.try_update("opportunity", &lin, deal, None, &[("stage", &id)]).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        assert_eq!(place(app, deal).await, (here, was));
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(page.has(&format!("/opportunities/{deal}/pipeline")), "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);
        let form = app.get(&lin, &format!("/opportunities/{deal}/pipeline")).await;
        assert!(form.has(&id) && !form.has(&format!("value=\"{was}\"")), "{}", form.body);
        app.clock.advance(3600);
        let nowhere = app.post_form(&lin, &format!("/opportunities/{deal}/pipeline"), &[("stage", "")]).await;
        assert_eq!(nowhere.status, 422);
        let moved = app.post_form(&lin, &format!("/opportunities/{deal}/pipeline"), &[("stage", &id)]).await;
        assert_eq!(moved.status, 303, "the front asks for nothing: {}", moved.body);
        assert_eq!(place(app, deal).await, (partners, front));
        let page = app.get(&lin, &format!("/opportunities/{deal}")).await;
        assert!(page.has("<span>Partners</span>"), "the page says where the deal is: {}", page.body);
        assert_eq!(
            moves(app, deal).await,
            [(None, was, 0, None), (Some(was), front, 3600, None)],
            "from the stage of the old pipeline to that of the new"
        );
        const COUNTED: &str = "SELECT COUNT(*) FROM opportunity o WHERE o.id = $1 AND o.stage_since =
            (SELECT MAX(c.at) FROM stage_change c WHERE c.opportunity_id = o.id AND c.to_stage_id = o.stage_id)";
        assert_eq!(app.value::<i64>(sql!(COUNTED, deal)).await, Some(1), "days are counted from the move on");
        assert!(app.get(&lin, &format!("/board?pipeline={partners}")).await.has("Rollout"));
        assert!(!app.get(&lin, "/board").await.has("Rollout"));
        // Undone, it is where it was.
        let undo = [("stage", was.to_string()), ("pipeline", here.to_string()), ("undo", "1".to_owned())];
        let undo: Vec<(&str, &str)> = undo.iter().map(|(key, text)| (*key, text.as_str())).collect();
        app.clock.advance(1);
        let back = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &undo).await;
        assert_eq!((back.status.as_u16(), place(app, deal).await), (303, (here, was)), "{}", back.body);
        let mismatch = [("stage", id.as_str()), ("pipeline", &here.to_string())];
        let mismatch = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &mismatch).await;
        assert_eq!(mismatch.status, 422, "{pipeline}");
    });
}

#[test]
fn another_pipeline_asks_as_if_the_deal_began_at_its_front() {
    on_both(async |app| {
        let World { lin, deal, partners } = world(app).await;
        let proposal = stage_of(app, partners, "Proposal").await.to_string();
        let asked = app.post_form(&lin, &format!("/opportunities/{deal}/pipeline"), &[("stage", &proposal)]).await;
        assert_eq!(asked.status, 422);
        let criterion: Uuid = app
            .value(sql!(
                "SELECT c.id FROM criterion c JOIN stage s ON s.id = c.stage_id
                  WHERE s.pipeline_id = $1 AND s.name = 'Engaging' AND c.required",
                partners
            ))
            .await
            .expect("a criterion");
        let note = format!("evidence.{criterion}");
        let pipeline = partners.to_string();
        assert!(asked.has(&note) && asked.has(&format!("name=\"pipeline\" value=\"{pipeline}\"")), "{}", asked.body);
        // A note for a stage of the new pipeline is enough; without the pipeline it does not belong to the deal.
        let fields = [("stage", proposal.as_str()), ("pipeline", &pipeline), (&note, "They wrote: we need this.")];
        let moved = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &fields).await;
        assert_eq!(moved.status, 303, "{}", moved.body);
        assert_eq!(place(app, deal).await.0, partners);
        // What was said in one pipeline says nothing in the other, however far the deal came there.
        let token = app.api_token(&lin).await;
        let won = app.stage("Won").await;
        let first: Uuid = app.value(sql!("SELECT pipeline_id FROM stage WHERE id = $1", won)).await.expect("one");
        let path = format!("/api/opportunities/{deal}/stage");
        let call = async |body: Json| app.api(&token, Method::POST, &path, &[("if-match", "*")], Some(&body)).await;
        let refused = call(json!({ "stage": won })).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["field"]), (422, &json!("stage")));
        let refused = call(json!({ "stage": won, "pipeline": first })).await;
        let fields: Vec<Json> =
            refused.json()["errors"].as_array().expect("errors").iter().map(|error| error["field"].clone()).collect();
        assert_eq!((refused.status.as_u16(), fields.len()), (422, 4), "one for each criterion: {}", refused.body);
        assert!(fields.contains(&json!("next_step_date")), "{}", refused.body);
        let moved = call(json!({ "stage": won, "pipeline": first, "reason": "It was sold directly." })).await;
        assert_eq!((moved.status.as_u16(), &moved.json()["pipeline"]), (200, &json!(first)), "{}", moved.body);
        assert_eq!(moves(app, deal).await.last().expect("a move").3.as_deref(), Some("It was sold directly."));
    });
}

#[test]
fn the_funnel_counts_a_deal_where_it_is_and_as_far_as_it_came_there() {
    on_both(async |app| {
        let World { lin, deal, partners } = world(app).await;
        let first = place(app, deal).await.0;
        let go = async |pipeline: Uuid, name: &str| {
            app.clock.advance(1);
            let fields = [
                ("stage", stage_of(app, pipeline, name).await.to_string()),
                ("pipeline", pipeline.to_string()),
                ("reason", "As it is.".to_owned()),
                ("lost_reason", "price".to_owned()),
            ];
            let said = fields.iter().filter(|(key, _)| *key != "lost_reason" || name == "Lost");
            let fields: Vec<(&str, &str)> = said.map(|(key, text)| (*key, text.as_str())).collect();
            let answer = app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &fields).await;
            assert_eq!(answer.status, 303, "{}", answer.body);
        };
        let reached = async |pipeline: Uuid, name: &str| {
            let stage = stage_of(app, pipeline, name).await;
            rows_behind(app, &lin, &format!("/opportunities?view=none&f=furthest_stage:is:{stage}")).await
        };
        go(first, "Negotiation").await;
        assert_eq!(reached(first, "Negotiation").await, 1);
        go(partners, "Engaging").await;
        assert_eq!((reached(first, "Negotiation").await, reached(partners, "Engaging").await), (0, 1));
        // Back in the first one it came as far as ever; closed in another, it was at the front there.
        go(first, "Prospecting").await;
        assert_eq!(reached(first, "Negotiation").await, 1);
        app.execute(sql!("DELETE FROM stage_change WHERE to_stage_id = $1", stage_of(app, partners, "Engaging").await))
            .await;
        go(partners, "Lost").await;
        assert_eq!((reached(first, "Negotiation").await, reached(partners, "Prospecting").await), (0, 1));
    });
}

#[test]
fn a_file_names_stages_within_its_pipeline_and_the_history_says_which_file_it_was() {
    on_both(async |app| {
        let World { lin, partners, .. } = world(app).await;
        let stage = stage_of(app, partners, "Negotiation").await;
        app.execute(sql!(
            "UPDATE stage SET name = 'Joint offer' WHERE id = $1",
            stage_of(app, partners, "Proposal").await
        ))
        .await;
        app.settings_changed().await;
        let head = "external_id,name,stage,pipeline,close_date\n";
        let file = format!(
            "{head}A,Named,Negotiation,Partners,2026-12-24\nB,Unnamed,Negotiation,,2026-12-24\nC,Implied,Joint offer,,2026-12-24\n\
             D,Mistaken,Proposal,Partners,2026-12-24\n"
        );
        let import = uploaded(app, &lin, "opportunity", &file).await;
        reason_for_all(app, &import, "Taken over").await;
        run(app, &lin, &import).await;
        assert_eq!(counts(app).await, ("done".into(), 3, 0, 0, 1), "one stage is of another pipeline");
        let of = async |key: &str| -> Uuid {
            app.value(sql!("SELECT id FROM opportunity WHERE external_id = $1", key)).await.expect("a deal")
        };
        let (a, b, c) = (of("A").await, of("B").await, of("C").await);
        assert_eq!(place(app, a).await, (partners, stage));
        assert_eq!(place(app, b).await.1, app.stage("Negotiation").await, "the first pipeline that has it");
        assert_eq!(place(app, c).await.0, partners, "only one has it");
        let by = app.value::<Uuid>("SELECT id FROM import").await.expect("an import");
        assert_eq!(moves(app, a).await, [(None, stage, 0, Some(told::by_import(by, Some("Taken over"))))]);
        // A second file moves them: within the pipeline they are in, or to the one it names.
        app.clock.advance(60);
        let file = "external_id,stage,pipeline\nA,Engaging,\nB,Engaging,Partners\n";
        let import = uploaded(app, &lin, "opportunity", file).await;
        reason_for_all(app, &import, "They sell it with us").await;
        let by_key = [("on_match", "update"), ("key", "external_id")];
        let mapping = app.get(&lin, &import).await;
        assert!(mapping.has("name=\"on_match\""), "{}", mapping.body);
        app.post_form(&lin, &format!("{import}/start"), &by_key).await;
        crate::import::work(app).await;
        let engaging = stage_of(app, partners, "Engaging").await;
        assert_eq!((place(app, a).await, place(app, b).await), ((partners, engaging), (partners, engaging)));
        let page = app.get(&lin, &format!("/opportunities/{a}")).await;
        assert!(page.has("by import of file.csv") && !page.has("import:"), "{}", page.body);
        assert!(page.has("imported this record"), "{}", page.body);
        assert!(page.statements <= 12, "{}", page.statements);
        let token = app.api_token(&lin).await;
        let events = app.api(&token, Method::GET, &format!("/api/opportunities/{a}/events"), &[], None).await;
        assert_eq!(events.json()["data"][0]["reason"], "by import of file.csv", "{}", events.body);
        let audit = app.get(&app.administrator, "/audit").await;
        assert!(!audit.has("import:"), "{}", audit.body);
        // Taken back, they are where they were, pipeline and all.
        app.clock.advance(60);
        app.post_form(&lin, &format!("{import}/undo"), &[]).await;
        crate::import::work(app).await;
        assert_eq!(place(app, a).await, (partners, stage));
        assert_eq!(place(app, b).await.1, app.stage("Negotiation").await);
    });
}

#[test]
fn what_an_import_made_is_said_to_be_imported() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let wu = app.person("Wu Di").role(Role::Seller).locale("zh-CN").manager(&lin).create().await;
        let account = app.account(&lin, "Harbour Optics").await;
        let import = uploaded(app, &lin, "task", "subject,due_date,account\nSend it,2026-12-24,Harbour Optics\n").await;
        run(app, &lin, &import).await;
        let page = app.get(&lin, &format!("/accounts/{account}")).await;
        assert!(page.has("</b> imported <a"), "{}", page.body);
        assert!(page.has("<span class=\"dim\">(task)</span>") && !page.has("by import"), "{}", page.body);
        app.execute(sql!("UPDATE account SET owner_id = $1", wu.id)).await;
        app.execute(sql!("UPDATE task SET owner_id = $1", wu.id)).await;
        let page = app.get(&wu, &format!("/accounts/{account}")).await;
        assert!(page.has("</b> 导入了 <a") && page.has("（任务）") && !page.has("（导入）"), "{}", page.body);
    });
}

#[test]
fn somebody_who_types_the_mark_of_an_import_has_typed_a_reason() {
    on_both(async |app| {
        let World { lin, deal, .. } = world(app).await;
        let stage = app.stage("Won").await.to_string();
        let typed = told::by_import(Uuid::nil(), None);
        let fields = [("stage", stage.as_str()), ("reason", &typed)];
        app.post_form(&lin, &format!("/opportunities/{deal}/stage"), &fields).await;
        assert!(app.get(&lin, &format!("/opportunities/{deal}")).await.has(&typed));
    });
}
