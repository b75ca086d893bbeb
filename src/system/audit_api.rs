//! The audit log for programs: the events of the page, with the filters of the page; as a file for auditors.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value as Json, json};
use store::Uuid;
use store::event::Recorded;

use super::audit::{Filter, VIA, hand_out, kinds, subject_types};
use super::history::By;
use super::wording::Wording;
use crate::shell::access::Role;
use crate::shell::api::{Answer, Api, Asking, Operation, cut, page_of, schema_of, shape};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::layers::url_encode;
use crate::shell::record::Registry;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

#[derive(Serialize, schemars::JsonSchema)]
struct Entry {
    id: Uuid,
    #[schemars(extend("format" = "date-time"))]
    at: String,
    actor: Option<Uuid>,
    actor_label: Option<String>,
    via: String,
    kind: String,
    object: String,
    record: Uuid,
    record_label: Option<String>,
    version: i64,
    reason: Option<String>,
    changes: Vec<Changed>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Changed {
    field: String,
    old: Json,
    new: Json,
}

const FILTERS: [&str; 7] = ["person", "kind", "type", "via", "record", "from", "to"];

pub fn operations(registry: &'static Registry) -> Api {
    let filtered = |operation: Operation| {
        let one_of = |names: Vec<&'static str>| json!({ "type": "string", "enum": names });
        let day = || json!({ "type": "string", "format": "date" });
        operation
            .query("person", json!({ "type": "string", "format": "uuid" }), "api-parameter-audit-person")
            .query("kind", one_of(kinds().collect()), "api-parameter-audit-kind")
            .query("type", one_of(subject_types(registry).collect()), "api-parameter-audit-type")
            .query("via", one_of(VIA.to_vec()), "api-parameter-audit-via")
            .query("record", json!({ "type": "string", "format": "uuid" }), "api-parameter-audit-record")
            .query("from", day(), "api-parameter-audit-from")
            .query("to", day(), "api-parameter-audit-to")
    };
    let get = |path: &str, id: &str, summary| Operation::get(path, id, "audit", summary);
    Api::new()
        .operation(
            filtered(get("/api/audit", "listAudit", "api-audit"))
                .policy(Policy::Roles(&[Role::Admin, Role::Auditor]))
                .paged()
                .gives(200, page_of(schema_of::<Entry>())),
            list,
        )
        .operation(
            filtered(get("/api/audit/export", "exportAudit", "api-audit-export"))
                .policy(Policy::Roles(&[Role::Auditor]))
                .gives_file(200),
            export,
        )
}

fn filter_of(asking: &Asking, registry: &'static Registry) -> Result<Filter> {
    let wrong =
        |name: &str, key: &str, value: &str| Error::Malformed(vec![FieldError::new(name, key).with("value", value)]);
    let one_of = |name: &str, known: Vec<&str>| match asking.one(name)? {
        Some(value) if !known.contains(&value) => Err(wrong(name, "invalid-choice", value)),
        value => Ok(value.unwrap_or_default().to_owned()),
    };
    let day = |name: &str| asking.one(name)?.map(|text| shape::day(name, text)).transpose();
    let id = |name: &str| {
        let text = asking.one(name)?;
        text.map(|text| shape::uuid(text).ok_or_else(|| wrong(name, "invalid-reference", text))).transpose()
    };
    Ok(Filter {
        person: id("person")?,
        via: one_of("via", VIA.to_vec())?,
        record: id("record")?,
        kind: one_of("kind", kinds().collect())?,
        subject_type: one_of("type", subject_types(registry).collect())?,
        from: day("from")?,
        to: day("to")?,
        after: None,
    })
}

/// GET /api/audit · administrators and auditors; names and values of records only for who may read these
async fn list(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Answer> {
    asking.only(&[&FILTERS[..], &["limit", "after"]].concat())?;
    let (limit, after) = asking.page_by_id()?;
    let filter = Filter { after, ..filter_of(&asking, app.registry)? };
    let mut session = app.db.read().await?;
    let mut events: Vec<Recorded> = session.all(filter.statement(&viewer.config.zone, limit + 1)).await?;
    let more = cut(&mut events, limit);
    let wording = Wording::load(&mut session, &viewer, app.registry, &events).await?;
    let data: Vec<Entry> = events.iter().map(|event| entry(&wording, event)).collect();
    let next = events.last().filter(|_| more).map(|last| last.id.to_string());
    let same: String = FILTERS
        .iter()
        .flat_map(|name| asking.all(name).iter().map(move |value| format!("{name}={}&", url_encode(value))))
        .collect();
    Ok(Answer::page(data, next, &format!("/api/audit?{same}limit={limit}&")))
}

fn entry(wording: &Wording, event: &Recorded) -> Entry {
    let label = wording.subject(event);
    let changes = wording.visible_changes(event).into_iter().map(|change| {
        let (old, new) = wording.plain(event, &change);
        Changed { field: change.field, old, new }
    });
    Entry {
        id: event.id,
        at: event.at.timestamp().to_string(),
        actor: event.actor_id,
        actor_label: event.actor_name.clone(),
        via: event.via.clone(),
        kind: event.kind.clone(),
        object: event.subject_type.clone(),
        record: event.subject_id,
        version: event.version,
        reason: wording.reason(event).filter(|_| label.is_some()),
        record_label: label,
        changes: changes.collect(),
    }
}

/// GET /api/audit/export · auditors; is in the audit log itself
async fn export(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Response> {
    asking.only(&FILTERS)?;
    let filter = filter_of(&asking, app.registry)?;
    let by = By::api(&viewer);
    hand_out(app, viewer, by, filter).await
}
