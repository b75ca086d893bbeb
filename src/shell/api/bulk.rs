//! Work on many records at once, for programs: the rules of the page, as one operation. `dry_run` does everything and keeps
//! nothing, so that what it counts is what would happen.

use std::collections::{BTreeMap, HashSet};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use store::{Instant, Uuid};

use super::answer::{Answer, cut};
use super::bulk_jobs;
use super::call::{Asking, Body};
use super::operation::{Api, Operation, page_of, pascal, schema_of};
use super::records::{FILTERS, filter_pattern, filters_of, inputs_of};
use super::shape;
use crate::shell::app::App;
use crate::shell::bulk::{self, AT_ONCE, Chosen, MOST, Outcome, Work};
use crate::shell::bulk_history;
use crate::shell::bulk_job::{self, Which, Wish};
use crate::shell::bulk_undo::{self, Undoing};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::command::Source;
use crate::shell::record::query::{ListQuery, Portion, Question};
use crate::shell::record::{Field, Object};
use crate::shell::records::for_many;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations(api: Api, object: &'static Object) -> Api {
    let name = pascal(object.plural);
    let change = Policy::Change(object.name);
    let path = format!("/api/{}/bulk", object.plural);
    api.operation(
        Operation::get(&path, format!("listChangesOf{name}"), object.name, "api-bulk-past")
            .policy(change)
            .query(
                "limit",
                json!({ "type": "integer", "minimum": 1, "maximum": bulk_history::ENTRIES, "default": bulk_history::ENTRIES }),
                "api-parameter-limit",
            )
            .query("after", json!({ "type": "string", "format": "uuid" }), "api-parameter-after")
            .gives(200, page_of(schema_of::<Past>())),
        move |State(app): State<App>, viewer: Viewer, asking: Asking| async move {
            past(object, &app, &viewer, &asking).await
        },
    )
    .operation(
        Operation::post(&path, format!("change{name}"), object.name, "api-bulk")
            .policy(change)
            .takes(ask_schema(object))
            .example(json!({ "action": "edit", "filter": { "f": [] }, "set": example(object), "dry_run": true }))
            .gives(200, outcome_schema())
            .gives(202, bulk_jobs::schema())
            .with_header("Location"),
        move |State(app): State<App>, viewer: Viewer, body: Body| async move { work(object, &app, &viewer, &body).await },
    )
    .operation(
        Operation::post(format!("{path}/undo"), format!("undoChangeOf{name}"), object.name, "api-bulk-undo")
            .policy(change)
            .takes(schema_of::<Undo>())
            .example(json!({ "undo": "1790000000000000" }))
            .gives(
                200,
                json!({
                    "type": "object",
                    "required": ["back", "left"],
                    "properties": { "back": { "type": "integer" }, "left": { "type": "integer" } },
                }),
            )
            .gives(202, bulk_jobs::schema())
            .with_header("Location"),
        move |State(app): State<App>, viewer: Viewer, body: Body| async move { undo(object, &app, &viewer, &body).await },
    )
}

// ---- the shape

const ACTIONS: [&str; 3] = ["edit", "trash", "restore"];

/// Fields that can be set for many records at once.
fn settable(object: &'static Object) -> impl Iterator<Item = &'static Field> {
    object.fields.iter().filter(|field| for_many(field) && shape::is_written(field, false))
}

fn example(object: &'static Object) -> Json {
    let field = settable(object).find(|field| !matches!(field.kind, crate::shell::record::Kind::Ref(_)));
    field.map_or(json!({}), |field| json!({ field.key: shape::example(object, field) }))
}

fn ask_schema(object: &'static Object) -> Json {
    let line = shape::Lexis::Line.pattern();
    let set: Map<String, Json> = settable(object).map(|field| (field.key.to_owned(), shape::written(field))).collect();
    json!({
        "type": "object",
        "required": ["action"],
        "additionalProperties": false,
        "properties": {
            "action": { "type": "string", "enum": ACTIONS },
            "records": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST,
                "items": {
                    "type": "object",
                    "required": ["id"],
                    "additionalProperties": false,
                    "properties": {
                        "id": { "type": "string", "format": "uuid" },
                        "version": { "type": "integer", "minimum": 1, "maximum": 999_999_999 },
                    },
                },
            },
            "filter": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "f": {
                        "type": "array",
                        "maxItems": FILTERS,
                        "items": { "type": "string", "maxLength": 2000, "pattern": filter_pattern(object) },
                    },
                    "q": { "type": "string", "maxLength": 200, "pattern": line },
                },
            },
            "set": { "type": "object", "minProperties": 1, "additionalProperties": false, "properties": set },
            "dry_run": { "type": "boolean", "default": false },
        },
    })
}

fn outcome_schema() -> Json {
    let ids = json!({ "type": "array", "items": { "type": "string", "format": "uuid" } });
    json!({
        "type": "object",
        "required": ["dry_run", "chosen", "changed", "left", "conflicts", "undo"],
        "properties": {
            "dry_run": { "type": "boolean" },
            "chosen": { "type": "integer" },
            "changed": { "type": "integer" },
            "left": ids,
            "conflicts": ids,
            "undo": { "type": ["string", "null"] },
        },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    action: String,
    #[serde(default)]
    records: Option<Vec<Named>>,
    #[serde(default)]
    filter: Option<Filters>,
    #[serde(default)]
    set: Option<Map<String, Json>>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
    #[serde(default)]
    version: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    #[serde(default)]
    f: Vec<String>,
    #[serde(default)]
    q: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Undo {
    #[schemars(extend("pattern" = "^[0-9]{1,18}$"))]
    undo: String,
}

/// Something that was done to many at once.
#[derive(Serialize, schemars::JsonSchema)]
struct Past {
    id: Uuid,
    #[schemars(extend("format" = "date-time"))]
    at: String,
    #[schemars(extend("enum" = ACTIONS))]
    action: String,
    set: BTreeMap<String, Json>,
    records: i64,
    standing: i64,
    undo: Option<String>,
    job: Option<Uuid>,
}

// ---- the calls

/// GET /api/{plural}/bulk · who may change this kind of record; what they did themselves
async fn past(object: &'static Object, app: &App, viewer: &Viewer, asking: &Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let limit = asking.whole("limit", 1, bulk_history::ENTRIES, bulk_history::ENTRIES)?;
    let after = asking.text("after", 1000)?;
    let after = after.map(|text| shape::uuid(text).ok_or(Error::field("after", "invalid-cursor"))).transpose()?;
    let mut session = app.db.read().await?;
    let page = (after, limit + 1);
    let mut past = bulk_history::past(&mut session, viewer, object, app.clock.now(), page).await?;
    let more = cut(&mut past, limit);
    let next = past.last().filter(|_| more).map(|last| last.id.to_string());
    let data: Vec<Past> = past.into_iter().map(told_of).collect();
    Ok(Answer::page(data, next, &format!("/api/{}/bulk?limit={limit}&", object.plural)))
}

fn told_of(past: bulk_history::Past) -> Past {
    Past {
        id: past.id,
        at: past.at.timestamp().to_string(),
        undo: (past.standing > 0).then(|| past.at.0.to_string()),
        action: past.action,
        set: past.set,
        records: past.records,
        standing: past.standing,
        job: past.job,
    }
}

/// POST /api/{plural}/bulk · who may change this kind of record; each record then by its own right
async fn work(object: &'static Object, app: &App, viewer: &Viewer, body: &Body) -> Result<Answer> {
    for (key, given) in body.members()? {
        if given.is_null() {
            return Err(Error::malformed(key, "invalid-json-type"));
        }
    }
    let ask: Ask = body.read()?;
    let work = read_work(object, &ask)?;
    let chosen = match chosen(object, app, viewer, &ask).await? {
        Selection::Few(chosen) => chosen,
        Selection::Many(which) => {
            let wish = Wish { object, work, which, dry_run: ask.dry_run, from: String::new() };
            return order(app, viewer, body, wish).await;
        }
    };
    let (mut tx, actor) = app.write_as(viewer, "api").await?;
    if !ask.dry_run
        && let Some(answer) = body.post.begin(&mut tx, &actor).await?
    {
        return Ok(answer);
    }
    let outcome = bulk::run(&mut tx, &actor, object, &chosen, &work, Source::Strict).await?;
    if !outcome.wrong.is_empty() {
        return Err(refusal(outcome.wrong));
    }
    let undo = bulk::may_undo(&mut tx, &actor, object, &work, &outcome).await?.then_some(actor.now);
    let answer = Answer::ok(told(&chosen, &outcome, ask.dry_run, undo.filter(|_| !ask.dry_run)));
    if ask.dry_run {
        drop(tx);
    } else {
        bulk::note(&mut tx, &actor, object, &work, &outcome, None).await?;
        body.post.keep(&mut tx, &actor, &answer).await?;
        tx.commit().await?;
    }
    Ok(answer)
}

/// Work on more records than a call waits for is a job's.
async fn order(app: &App, viewer: &Viewer, body: &Body, wish: Wish) -> Result<Answer> {
    let (mut tx, actor) = app.write_as(viewer, "api").await?;
    if let Some(answer) = body.post.begin(&mut tx, &actor).await? {
        return Ok(answer);
    }
    drop(tx);
    let wrong = bulk_job::try_out(app, viewer, "api", &wish).await?;
    if !wrong.is_empty() {
        return Err(refusal(wrong));
    }
    let total = wish.total(app, viewer).await?;
    let ordered = body.post.once(app, viewer, async |tx, actor| {
        let job = bulk_job::order(tx, actor, wish, total).await?;
        bulk_jobs::accepted(tx, app, viewer, job).await
    });
    let answer = ordered.await?;
    app.jobs.notify_one();
    Ok(answer)
}

fn told(chosen: &[Chosen], outcome: &Outcome, dry_run: bool, undo: Option<Instant>) -> Json {
    json!({
        "dry_run": dry_run,
        "chosen": chosen.len(),
        "changed": outcome.changed.len(),
        "left": outcome.left,
        "conflicts": outcome.stale,
        "undo": undo.map(|at| at.0.to_string()),
    })
}

/// Every record that breaks a rule, each error under `{id}.{field}`. Nothing was done.
fn refusal(wrong: Vec<(Uuid, Vec<FieldError>)>) -> Error {
    let named = wrong.into_iter().flat_map(|(id, errors)| {
        errors.into_iter().map(move |error| {
            let place = if error.field.is_empty() { id.to_string() } else { format!("{id}.{}", error.field) };
            FieldError { field: place, ..error }
        })
    });
    Error::Invalid(named.collect())
}

fn read_work(object: &'static Object, ask: &Ask) -> Result<Work> {
    if ask.action != "edit" && ask.set.is_some() {
        return Err(Error::field("set", "invalid-bulk-set"));
    }
    match ask.action.as_str() {
        "trash" => Ok(Work::Trash),
        "restore" => Ok(Work::Restore),
        "edit" => read_fields(object, ask.set.as_ref()).map(Work::Set),
        other => Err(Error::Malformed(vec![FieldError::new("action", "invalid-choice").with("value", other)])),
    }
}

fn read_fields(object: &'static Object, set: Option<&Map<String, Json>>) -> Result<BTreeMap<String, String>> {
    let set = set.filter(|set| !set.is_empty()).ok_or(Error::field("set", "invalid-required"))?;
    let alone =
        |key: &&String| object.field(key).is_some_and(|field| !settable(object).any(|other| other.key == field.key));
    let errors: Vec<FieldError> =
        set.keys().filter(alone).map(|key| FieldError::new(key, "invalid-bulk-field")).collect();
    if errors.is_empty() { inputs_of(object, set, false) } else { Err(Error::Malformed(errors)) }
}

enum Selection {
    Few(Vec<Chosen>),
    Many(Which),
}

/// The records that are named, each once; or everything that the filter finds.
async fn chosen(object: &'static Object, app: &App, viewer: &Viewer, ask: &Ask) -> Result<Selection> {
    match (&ask.records, &ask.filter) {
        (Some(records), None) => {
            let chosen = named(records)?;
            let is_few = chosen.len() <= AT_ONCE;
            Ok(if is_few { Selection::Few(chosen) } else { Selection::Many(Which::named(chosen)) })
        }
        (None, Some(which)) => {
            let now = app.clock.now();
            let query = list_of(object, viewer, which, ask.action == "restore")?;
            let question = Question { viewer, object, query: &query, today: viewer.config.today(now) };
            let mut session = app.db.read().await?;
            let found = question.ids(&mut session, Portion::first(AT_ONCE as i64 + 1)).await?;
            if found.len() > AT_ONCE {
                return Ok(Selection::Many(Which::matching(&query, now)));
            }
            Ok(Selection::Few(found.into_iter().map(|id| (id, None)).collect()))
        }
        _ => Err(Error::field("records", "invalid-bulk-which")),
    }
}

fn named(records: &[Named]) -> Result<Vec<Chosen>> {
    if records.is_empty() || records.len() as i64 > MOST {
        return Err(Error::Malformed(vec![
            FieldError::new("records", "invalid-range").with("min", 1).with("max", MOST),
        ]));
    }
    let mut seen: HashSet<Uuid> = HashSet::new();
    let mut chosen = Vec::new();
    for record in records {
        let id = shape::uuid(&record.id);
        let id = id.ok_or_else(|| {
            Error::Malformed(vec![FieldError::new("records", "invalid-reference").with("value", &record.id)])
        })?;
        if record.version.is_some_and(|version| !(1..=999_999_999).contains(&version)) {
            return Err(Error::malformed("records", "invalid-json-type"));
        }
        if seen.insert(id) {
            chosen.push((id, record.version));
        }
    }
    Ok(chosen)
}

fn list_of(object: &'static Object, viewer: &Viewer, which: &Filters, trash: bool) -> Result<ListQuery> {
    if which.q.chars().count() > 200 || !shape::Lexis::Line.matches(&which.q) {
        return Err(Error::malformed("filter.q", "invalid-text"));
    }
    let words = Some(which.q.clone()).filter(|words| !words.trim().is_empty());
    Ok(ListQuery {
        fields: vec![object.title_field()],
        filters: filters_of(object, viewer, &which.f)?,
        words,
        sort: object.title_field(),
        descending: false,
        after: None,
        limit: MOST,
        trash,
    })
}

/// POST /api/{plural}/bulk/undo · who did it
async fn undo(object: &'static Object, app: &App, viewer: &Viewer, body: &Body) -> Result<Answer> {
    let ask: Undo = body.read()?;
    let plain = (1..=18).contains(&ask.undo.len()) && ask.undo.chars().all(|c| c.is_ascii_digit());
    let at: i64 = ask.undo.parse().ok().filter(|_| plain).ok_or(Error::malformed("undo", "invalid-text"))?;
    let undone =
        body.post.once(app, viewer, async |tx, actor| match bulk_undo::undo_in(tx, actor, object, at, "").await? {
            Undoing::Done(undone) => Ok(Answer::ok(json!({ "back": undone.back.len(), "left": undone.left.len() }))),
            Undoing::Ordered(job) => bulk_jobs::accepted(tx, app, viewer, job).await,
        });
    let answer = undone.await?;
    app.jobs.notify_one();
    Ok(answer)
}
