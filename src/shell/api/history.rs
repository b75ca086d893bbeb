//! What happened to a record, newest first, as far as the viewer may know it: changes of hidden fields are left out, and an
//! id of another record stands only if the viewer may see that record.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use store::event::{Change, Recorded};
use store::{Session, Sql, Uuid, sql};

use super::answer::{Answer, cut};
use super::call::Asking;
use super::shape;
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::share::SHARED_WITH;
use crate::shell::record::{Field, Kind, Object, Registry, query, told, value};
use crate::shell::viewer::Viewer;

const EVENTS: &str = "
    SELECT e.id, e.at, e.actor_id, p.name AS actor_name, e.via, e.kind, e.subject_type, e.subject_id, e.version,
           e.changes, e.reason
      FROM event e LEFT JOIN person p ON p.id = e.actor_id
     WHERE e.subject_id = $1 AND e.subject_type = $2 AND ($3 IS NULL OR e.id < $3)
     ORDER BY e.id DESC LIMIT $4";

/// Facts in a history that are no field of the record; nobody hides them.
const FACTS: [&str; 4] = [SHARED_WITH, "team_member", "evidence", "file"];

/// Where a page ends: the event's id, and the currency that amounts before it are in.
struct Place {
    event: Uuid,
    currency: String,
}

impl Place {
    fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{} {}", self.event, self.currency))
    }

    fn parse(text: &str) -> Result<Place> {
        let read = || {
            let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (event, currency) = text.split_once(' ')?;
            let currency = crate::shell::format::is_currency(currency).then(|| currency.to_owned())?;
            Some(Place { event: shape::uuid(event)?, currency })
        };
        read().ok_or(Error::field("after", "invalid-cursor"))
    }
}

pub async fn list(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid, asking: &Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let limit = asking.whole("limit", 1, 200, 50)?;
    let after = asking.text("after", 1000)?.map(Place::parse).transpose()?;
    let mut session = app.db.read().await?;
    let (row, _) = query::find(&mut session, viewer, object, id).await?;
    let before: Option<Uuid> = after.as_ref().map(|place| place.event);
    let mut events: Vec<Recorded> = session.all(sql!(EVENTS, id, object.name, before, limit + 1)).await?;
    let more = cut(&mut events, limit);
    let named: Vec<(&'static Object, &Recorded)> = events.iter().map(|event| (object, event)).collect();
    let seen = Seen::of(&mut session, viewer, app.registry, &named).await?;
    let imports = events.iter().filter_map(import_in).filter(|_| viewer.sees(object, "import")).collect();
    let files = told::files_of(&mut session, imports).await?;
    let mut currency = after.map_or(row.currency, |place| place.currency);
    let told = events.iter().filter_map(|event| {
        let mut told = of_event(viewer, object, event, &seen, &mut currency)?;
        let file = import_in(event).and_then(|import| files.get(&import));
        told["reason"] = json!(told::reason_of(event, viewer.locale, file.map(String::as_str)));
        Some(told)
    });
    let data: Vec<Json> = told.collect();
    let last = events.last().filter(|_| more).map(|event| Place { event: event.id, currency });
    let next = last.map(|place| place.to_text());
    Ok(Answer::page(data, next, &format!("/api/{}/{id}/events?limit={limit}&", object.plural)))
}

/// The import that an event says it was told by.
pub fn import_in(event: &Recorded) -> Option<Uuid> {
    told::import_of(&event.via, event.reason.as_deref()?)
}

/// An event as the viewer may know it; `None` when they may know nothing of it. `currency`: what the record's amounts were in
/// after the event; before it, when the event is that they turned.
pub fn of_event(
    viewer: &Viewer,
    object: &'static Object,
    event: &Recorded,
    seen: &Seen,
    currency: &mut String,
) -> Option<Json> {
    let all = event.changes();
    let turned = all.iter().find(|change| change.field == "currency");
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let new_currency = turned.and_then(|change| text(&change.new)).unwrap_or_else(|| currency.clone());
    let old_currency = turned.and_then(|change| text(&change.old)).unwrap_or_else(|| new_currency.clone());
    let base = &viewer.config.base_currency;
    let changes: Vec<Json> = all
        .iter()
        .filter_map(|change| {
            if FACTS.contains(&change.field.as_str()) {
                return Some(json!({ "field": change.field, "old": change.old, "new": change.new }));
            }
            let field = viewer.projection(object).find(|field| field.key == change.field)?;
            let say = |raw: &Json, currency: &str| {
                let currency = if field.kind == Kind::BaseMoney { base } else { currency };
                if seen.has(field, raw) {
                    value::to_json(field, &value::from_raw_json(field, raw), currency)
                } else {
                    Json::Null
                }
            };
            Some(json!({
                "field": field.key,
                "old": say(&change.old, &old_currency),
                "new": say(&change.new, &new_currency),
            }))
        })
        .collect();
    *currency = old_currency;
    // Somebody who may not see any of the changes does not learn that there were some.
    if changes.is_empty() && !all.is_empty() {
        return None;
    }
    Some(json!({
        "id": event.id,
        "at": event.at.timestamp().to_string(),
        "actor": event.actor_id,
        "actor_label": event.actor_name,
        "via": event.via,
        "kind": event.kind,
        "version": event.version,
        "reason": event.reason,
        "changes": changes,
    }))
}

/// The other records named in a page of events that the viewer may see.
pub struct Seen(HashSet<Uuid>);

impl Seen {
    /// `events`: each with the kind of record that it happened to.
    pub async fn of(
        session: &mut Session,
        viewer: &Viewer,
        registry: &Registry,
        events: &[(&'static Object, &Recorded)],
    ) -> Result<Seen> {
        let mut named: HashMap<&'static str, HashSet<Uuid>> = HashMap::new();
        let changes =
            events.iter().flat_map(|(object, event)| event.changes().into_iter().map(move |one| (object, one)));
        for (object, Change { field, old, new }) in changes {
            let Some(Kind::Ref(target)) = object.field(&field).map(|field| field.kind) else { continue };
            let ids =
                [old, new].into_iter().filter_map(|value| value.as_str().and_then(|text| text.parse::<Uuid>().ok()));
            named.entry(target).or_default().extend(ids);
        }
        let mut seen = HashSet::new();
        for (target, ids) in named {
            match registry.get(target) {
                // People, stages and pipelines are named to everybody; all else has its own scope.
                Some(target) if target.name != "person" && !ids.is_empty() => {
                    let mut statement = Sql::new(format!("SELECT t.id FROM {} t WHERE t.id IN (", target.table));
                    statement.bind_list(ids).push(") AND t.deleted_at IS NULL AND ");
                    (target.visible)(&mut statement, &viewer.scope, Right::Read, "t");
                    seen.extend(session.all::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id));
                }
                _ => seen.extend(ids),
            }
        }
        Ok(Seen(seen))
    }

    fn has(&self, field: &Field, raw: &Json) -> bool {
        match (field.kind, raw.as_str()) {
            (Kind::Ref(_), Some(text)) => text.parse().is_ok_and(|id| self.0.contains(&id)),
            _ => true,
        }
    }
}
