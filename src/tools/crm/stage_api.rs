//! Pipelines and their stages in the API, and moving a deal through them.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use store::{Tx, Uuid};

use super::evidence;
use super::objects::OPPORTUNITY;
use super::stage::{Move, came_from, move_to};
use crate::shell::api::operation::reference;
use crate::shell::api::records::{change, inputs_of};
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Operation, schema_of, shape};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::Actor;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    const OF: &str = "opportunity";
    Api::new()
        .operation(
            Operation::get("/api/pipelines", "listPipelines", OF, "api-pipelines")
                .policy(Policy::Read(OF))
                .gives(200, schema_of::<Pipelines>()),
            pipelines,
        )
        .operation(
            Operation::post("/api/opportunities/{id}/stage", "moveOpportunity", OF, "api-stage-move")
                .policy(Policy::Change(OF))
                .conditional()
                .takes(move_schema())
                .gives(200, reference("Opportunity"))
                .with_header("ETag"),
            move_deal,
        )
}

#[derive(Serialize, schemars::JsonSchema)]
struct Pipelines {
    data: Vec<Pipeline>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Pipeline {
    id: Uuid,
    name: String,
    stages: Vec<Stage>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Stage {
    id: Uuid,
    name: String,
    #[schemars(extend("enum" = ["open", "won", "lost"]))]
    kind: &'static str,
    probability: i64,
    expected_days: Option<i64>,
    criteria: Vec<Criterion>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Criterion {
    id: Uuid,
    name: String,
    required: bool,
    field: Option<String>,
}

/// GET /api/pipelines · who reads deals
async fn pipelines(viewer: Viewer) -> Result<Answer> {
    let pipelines = viewer.config.pipelines.iter().map(|pipeline| Pipeline {
        id: pipeline.id,
        name: pipeline.name.clone(),
        stages: pipeline
            .stages
            .iter()
            .map(|stage| Stage {
                id: stage.id,
                name: stage.name.clone(),
                kind: stage.kind.key(),
                probability: stage.probability,
                expected_days: stage.expected_days,
                criteria: stage
                    .criteria
                    .iter()
                    .map(|criterion| Criterion {
                        id: criterion.id,
                        name: criterion.name.clone(),
                        required: criterion.required,
                        field: criterion.field.clone(),
                    })
                    .collect(),
            })
            .collect(),
    });
    Ok(Answer::ok(json!(Pipelines { data: pipelines.collect() })))
}

/// What a move may set beside the stage: fields of the deal that a stage may ask for.
const ALONG: [&str; 9] = [
    "closed_on",
    "lost_reason",
    "lost_note",
    "amount",
    "close_date",
    "next_step",
    "next_step_date",
    "account",
    "contact",
];

fn move_schema() -> Json {
    let line = shape::Lexis::Lines.pattern();
    let mut members = json!({
        "stage": { "type": "string", "format": "uuid" },
        "pipeline": { "type": ["string", "null"], "format": "uuid" },
        "reason": { "type": ["string", "null"], "minLength": 1, "maxLength": 500, "pattern": line },
        "undo": { "type": "boolean" },
        "evidence": {
            "type": "object",
            "maxProperties": 50,
            "propertyNames": { "type": "string", "format": "uuid" },
            "additionalProperties": { "type": "string", "minLength": 1, "maxLength": evidence::NOTE, "pattern": line },
        },
    });
    for field in ALONG.iter().filter_map(|key| OPPORTUNITY.field(key)) {
        members[field.key] = shape::written(field);
    }
    json!({ "type": "object", "required": ["stage"], "additionalProperties": false, "properties": members })
}

/// POST /api/opportunities/{id}/stage · who may change the deal
async fn move_deal(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let wish = read_move(body.members()?)?;
    change(&app, &viewer, &OPPORTUNITY, id, &body.post, async |tx, actor, deal| {
        let version = seen.within(deal.version)?;
        let wish = if wish.is_undo { undoing(tx, actor, id, wish).await? } else { wish };
        move_to(tx, actor, id, version, wish).await
    })
    .await
}

/// A move that takes the last one back: it leads to where the deal came from, and needs no reason but that. Where the page makes any
/// other move a plain one, a program is told, as it asked for a move that does not count.
async fn undoing(tx: &mut Tx, actor: &Actor, deal: Uuid, wish: Move) -> Result<Move> {
    match came_from(tx, deal).await? {
        None => return Err(Error::field("undo", "refused-nothing-to-undo")),
        Some(stage) if stage != wish.stage => return Err(Error::field("stage", "refused-undo-elsewhere")),
        Some(_) => {}
    }
    let reason = wish.reason.unwrap_or_else(|| actor.viewer.locale.text("stage-undo-reason"));
    Ok(Move { reason: Some(reason), ..wish })
}

/// The stage and its pipeline, the reason, whether it takes a move back, the notes by criterion, and the fields of the deal.
fn read_move(members: &Map<String, Json>) -> Result<Move> {
    let mut fields = members.clone();
    let reason = match fields.shift_remove("reason") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) if (1..=500).contains(&text.chars().count()) && shape::Lexis::Lines.matches(&text) => {
            Some(text.trim().to_owned()).filter(|text| !text.is_empty())
        }
        Some(_) => return Err(Error::malformed("reason", "invalid-text")),
    };
    let is_undo = match fields.shift_remove("undo") {
        None => false,
        Some(Json::Bool(is_undo)) => is_undo,
        Some(_) => return Err(Error::malformed("undo", "invalid-json-type")),
    };
    let mut notes = BTreeMap::new();
    match fields.shift_remove("evidence") {
        None => {}
        Some(Json::Object(given)) if given.len() <= 50 => {
            for (criterion, note) in given {
                let wrong = || Error::malformed(&format!("evidence.{criterion}"), "invalid-text");
                let id = shape::uuid(&criterion).ok_or_else(wrong)?;
                let note = note.as_str().filter(|note| {
                    (1..=evidence::NOTE).contains(&note.chars().count()) && shape::Lexis::Lines.matches(note)
                });
                notes.insert(id, note.ok_or_else(wrong)?.to_owned());
            }
        }
        Some(_) => return Err(Error::malformed("evidence", "invalid-json-type")),
    }
    let stage = match fields.shift_remove("stage") {
        Some(Json::String(text)) => shape::uuid(&text).ok_or(Error::malformed("stage", "invalid-stage"))?,
        Some(_) => return Err(Error::malformed("stage", "invalid-json-type")),
        None => return Err(Error::malformed("stage", "invalid-required")),
    };
    let pipeline = match fields.shift_remove("pipeline") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(shape::uuid(&text).ok_or(Error::malformed("pipeline", "invalid-pipeline"))?),
        Some(_) => return Err(Error::malformed("pipeline", "invalid-json-type")),
    };
    let unknown = fields.keys().filter(|key| !ALONG.contains(&key.as_str()));
    let errors: Vec<FieldError> = unknown.map(|key| FieldError::new(key, "invalid-unknown-field")).collect();
    if !errors.is_empty() {
        return Err(Error::Malformed(errors));
    }
    Ok(Move {
        stage,
        pipeline,
        reason,
        evidence: notes,
        inputs: inputs_of(&OPPORTUNITY, &fields, false)?,
        is_undo,
        ..Move::default()
    })
}
