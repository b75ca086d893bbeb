//! Searching everything, and the sums of the board, for programs.

use axum::extract::State;
use serde::Serialize;
use serde_json::json;
use store::Uuid;

use super::objects::OPPORTUNITY;
use super::standing::Weighted;
use super::{board, search};
use crate::shell::api::records::{list_query, with_filters};
use crate::shell::api::{Answer, Api, Asking, Operation, schema_of, shape};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::record::query::Question;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    let board = Operation::get("/api/board", "getBoard", "opportunity", "api-board")
        .policy(Policy::Read("opportunity"))
        .query("pipeline", json!({ "type": "string", "format": "uuid" }), "api-parameter-pipeline");
    Api::new()
        .operation(
            Operation::get("/api/search", "search", "search", "api-search-all")
                .policy(Policy::SignedIn)
                .query(
                    "q",
                    json!({ "type": "string", "maxLength": 100, "pattern": shape::Lexis::Line.pattern() }),
                    "api-parameter-q",
                )
                .query(
                    "limit",
                    json!({ "type": "integer", "minimum": 1, "maximum": 50, "default": 20 }),
                    "api-parameter-search-limit",
                )
                .gives(200, schema_of::<Hits>()),
            search,
        )
        .operation(with_filters(board, &OPPORTUNITY).gives(200, schema_of::<Board>()), sums)
}

// ---- search

#[derive(Serialize, schemars::JsonSchema)]
struct Hits {
    data: Vec<Hit>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Hit {
    object: &'static str,
    id: Uuid,
    title: String,
    hint: String,
    #[schemars(extend("format" = "date"))]
    day: Option<String>,
    path: String,
}

/// GET /api/search · anybody; each hit comes through the caller's scope
async fn search(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Answer> {
    asking.only(&["q", "limit"])?;
    let words = asking.text("q", 100)?.unwrap_or_default().trim();
    let limit = asking.whole("limit", 1, 50, 20)?;
    let found = if words.is_empty() { Vec::new() } else { search::found(&app, &viewer, words, limit).await? };
    let hits = found.into_iter().flat_map(|(object, found)| {
        found.into_iter().map(move |found| Hit {
            object: object.name,
            id: found.id,
            title: found.title,
            hint: found.hint,
            day: found.day.map(|day| day.to_string()),
            path: format!("/api/{}/{}", object.plural, found.id),
        })
    });
    Ok(Answer::ok(json!(Hits { data: hits.collect() })))
}

// ---- the board

/// Sums are in the base currency, and left out for somebody to whom they are hidden.
#[derive(Serialize, schemars::JsonSchema)]
struct Board {
    pipeline: Uuid,
    pipeline_label: String,
    currency: String,
    data: Vec<Column>,
    #[serde(flatten)]
    all: Sum,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Column {
    stage: Uuid,
    stage_label: String,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Sum {
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weighted: Option<String>,
}

/// GET /api/board · who reads deals: the open stages of a pipeline, in their order
async fn sums(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Answer> {
    asking.only(&["pipeline", "f", "q"])?;
    let config = viewer.config.clone();
    let pipeline = match asking.one("pipeline")? {
        None => config.pipelines.first().ok_or(Error::NotFound)?,
        Some(text) => {
            let unknown = || vec![FieldError::new("pipeline", "invalid-reference").with("value", text)];
            let id = shape::uuid(text).ok_or_else(|| Error::Malformed(unknown()))?;
            config.pipeline(id).ok_or_else(|| Error::Invalid(unknown()))?
        }
    };
    let filter = list_query(&OPPORTUNITY, &viewer, &asking)?;
    let today = config.today(app.clock.now());
    let mut session = app.db.read().await?;
    let deals = Question { viewer: &viewer, object: &OPPORTUNITY, query: &filter, today };
    let found = board::sums(&mut session, deals, pipeline).await?;
    let (sees_total, sees_weighted) = board::sees_sums(&viewer);
    let money = |minor: i64| format::plain_amount(minor, &config.base_currency);
    let sum = |count: i64, total: i64, weighted: Weighted| Sum {
        count,
        total: sees_total.then(|| money(total)),
        weighted: sees_weighted.then(|| money(weighted.minor())),
    };
    let of_stages: Vec<_> = pipeline
        .stages
        .iter()
        .filter(|stage| stage.kind == StageKind::Open)
        .map(|stage| {
            let found = found.iter().find(|(id, ..)| *id == stage.id);
            let (count, total, weighted) = found.map_or_else(Default::default, |(_, c, t, w)| (*c, *t, *w));
            (stage, count, total, weighted)
        })
        .collect();
    let all = sum(
        of_stages.iter().map(|(_, count, ..)| count).sum(),
        of_stages.iter().map(|(.., total, _)| *total).fold(0, i64::saturating_add),
        of_stages.iter().map(|(.., weighted)| *weighted).sum(),
    );
    let columns = of_stages.into_iter().map(|(stage, count, total, weighted)| Column {
        stage: stage.id,
        stage_label: stage.name.clone(),
        sum: sum(count, total, weighted),
    });
    Ok(Answer::ok(json!(Board {
        pipeline: pipeline.id,
        pipeline_label: pipeline.name.clone(),
        currency: config.base_currency.clone(),
        data: columns.collect(),
        all,
    })))
}
