//! The timeline of a record for programs: the rows of the page, as far as the caller may know them.

use std::collections::HashMap;

use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use store::event::Recorded;
use store::{Cell, Cells, Instant, Uuid};

use super::objects::{ACTIVITY, REGISTRY};
use super::timeline::{Place, Raw, is_told, link_column, named, names_in, names_somebody, rows_of};
use crate::shell::api::history::{Seen, import_in, of_event};
use crate::shell::api::operation::{pascal, reference};
use crate::shell::api::{Answer, Api, Asking, Ids, Operation, page_of};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Object, query, told};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations() -> Api {
    REGISTRY.objects.iter().copied().filter(|object| link_column(object).is_some()).fold(Api::new(), of_object)
}

fn of_object(api: Api, object: &'static Object) -> Api {
    let path = format!("/api/{}/{{id}}/timeline", object.plural);
    let operation = Operation::get(path, format!("get{}Timeline", pascal(object.name)), object.name, "api-timeline")
        .policy(Policy::Read(object.name))
        .paged()
        .gives(200, page_of(entry_schema()));
    api.operation(
        operation,
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, asking: Asking| async move {
            list(object, &app, &viewer, id, &asking).await
        },
    )
}

/// Either something that people did or plan, or something that changed.
fn entry_schema() -> Json {
    let text = || json!({ "type": ["string", "null"] });
    let link = json!({
        "type": ["object", "null"],
        "required": ["id", "label"],
        "properties": { "id": { "type": "string", "format": "uuid" }, "label": text() },
    });
    json!({
        "type": "object",
        "required": ["id", "at", "activity", "event"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "at": { "type": "string", "format": "date-time" },
            "activity": {
                "type": ["object", "null"],
                "required": ["kind", "subject", "body", "outcome", "duration_minutes", "owner_label", "contact", "opportunity"],
                "properties": {
                    "kind": { "type": "string" },
                    "subject": { "type": "string" },
                    "body": text(),
                    "outcome": text(),
                    "duration_minutes": { "type": ["integer", "null"] },
                    "owner_label": text(),
                    "contact": link,
                    "opportunity": link,
                },
            },
            "event": { "anyOf": [{ "type": "null" }, {
                "allOf": [reference("Event")],
                "required": ["object", "record", "record_label", "about"],
                "properties": {
                    "object": { "type": "string" },
                    "record": { "type": "string", "format": "uuid" },
                    "record_label": text(),
                    "about": link,
                },
            }] },
        },
    })
}

/// GET /api/{plural}/{id}/timeline · who sees the record; each entry with its own scope
async fn list(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid, asking: &Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let limit = asking.whole("limit", 1, 200, 50)?;
    let before = asking.text("after", 1000)?.map(place_of).transpose()?;
    let mut session = app.db.read().await?;
    let (row, _) = query::find(&mut session, viewer, object, id).await?;
    let (rows, older) = rows_of(&mut session, viewer, object, id, before, limit).await?;
    let events: Vec<Option<(&'static Object, Recorded)>> = rows.iter().map(recorded).collect();
    let all: Vec<(&'static Object, &Recorded)> = events.iter().flatten().map(|(of, event)| (*of, event)).collect();
    let seen = Seen::of(&mut session, viewer, app.registry, &all).await?;
    let names = names_in(&mut session, viewer, &rows).await?;
    let mut currencies: HashMap<Uuid, String> = HashMap::new();
    let mut data = Vec::new();
    for (raw, event) in rows.iter().zip(&events) {
        let Cells(cells) = &raw.cells;
        let told = match event {
            None if raw.is_event => None,
            None => Some(json!({ "activity": activity(viewer, cells), "event": null })),
            Some((subject, event)) => {
                let today = cells[10].text().unwrap_or(&row.currency);
                let currency = currencies.entry(event.subject_id).or_insert_with(|| today.to_owned());
                event_entry(viewer, object, subject, event, (&seen, &names), cells[9].text(), currency)
            }
        };
        if let Some(mut told) = told {
            told["id"] = json!(raw.place.id);
            told["at"] = json!(raw.place.at.timestamp().to_string());
            data.push(told);
        }
    }
    let next = older.map(|place| BASE64_URL_SAFE_NO_PAD.encode(place.to_string()));
    let link = next
        .as_ref()
        .map(|next| format!("</api/{}/{id}/timeline?limit={limit}&after={next}>; rel=\"next\"", object.plural));
    Ok(Answer { link, ..Answer::ok(json!({ "data": data, "next": next })) })
}

fn place_of(text: &str) -> Result<Place> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.and_then(|text| text.parse().ok()).ok_or(Error::field("after", "invalid-cursor"))
}

/// The event in a row; `None` for an activity, or of a kind of record that is no more.
fn recorded(raw: &Raw) -> Option<(&'static Object, Recorded)> {
    let Raw { is_event: true, cells: Cells(cells), .. } = raw else { return None };
    let text = |at: usize| cells[at].text().unwrap_or("").to_owned();
    let event = Recorded {
        id: cells[0].id()?,
        at: Instant(cells[1].int()?),
        actor_id: cells[11].id(),
        actor_name: cells[2].text().map(str::to_owned),
        via: text(3),
        kind: text(4),
        subject_type: text(5),
        subject_id: cells[6].id()?,
        version: cells[12].int().unwrap_or(0),
        changes: text(7),
        reason: cells[8].text().map(str::to_owned),
    };
    Some((REGISTRY.get(&event.subject_type)?, event))
}

fn activity(viewer: &Viewer, cells: &[Cell]) -> Json {
    let link = |key: &str, id: usize, name: usize| match (cells[id].id(), cells[name].text()) {
        (Some(id), Some(name)) if viewer.sees(&ACTIVITY, key) => json!({ "id": id, "label": name }),
        _ => Json::Null,
    };
    json!({
        "kind": cells[1].text(),
        "subject": cells[2].text().unwrap_or(""),
        "body": cells[3].text(),
        "outcome": cells[6].text(),
        "duration_minutes": cells[5].int(),
        "owner_label": cells[7].text(),
        "contact": link("contact", 10, 8),
        "opportunity": link("opportunity", 11, 9),
    })
}

/// `about`: the person or contact whom the event names, as far as the viewer knows them.
fn event_entry(
    viewer: &Viewer,
    page_of: &'static Object,
    subject: &'static Object,
    event: &Recorded,
    (seen, names): (&Seen, &HashMap<String, String>),
    label: Option<&str>,
    currency: &mut String,
) -> Option<Json> {
    let told = of_event(viewer, subject, event, seen, currency);
    if !is_told(viewer, page_of, subject, &event.kind) {
        return None;
    }
    let changes = event.changes();
    let about = changes.iter().filter(|_| names_somebody(&event.kind)).find_map(named);
    let about = about.and_then(|id| names.get_key_value(id));
    let mut told = match told {
        Some(told) => told,
        // Of a committee only who it is about is told here.
        None if names_somebody(&event.kind) => bare(event),
        None => return None,
    };
    let import = import_in(event).filter(|_| viewer.sees(subject, "import"));
    let file = import.and_then(|import| names.get(&import.to_string()));
    told["reason"] = json!(told::reason_of(event, viewer.locale, file.map(String::as_str)));
    told["object"] = json!(subject.name);
    told["record"] = json!(event.subject_id);
    told["record_label"] = json!(label);
    told["about"] = about.map_or(Json::Null, |(id, name)| json!({ "id": id, "label": name }));
    Some(json!({ "activity": null, "event": told }))
}

/// An event without its changes.
fn bare(event: &Recorded) -> Json {
    json!({
        "id": event.id,
        "at": event.at.timestamp().to_string(),
        "actor": event.actor_id,
        "actor_label": event.actor_name,
        "via": event.via,
        "kind": event.kind,
        "version": event.version,
        "changes": [],
    })
}
