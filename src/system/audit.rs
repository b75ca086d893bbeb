//! The audit log: every event, by time. Administrators see who did what to what; names and values of customers' records only
//! who may read those records (auditors may), so that keeping the house gives no right to its content. An export is an event.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use paper::sheet::{Value, csv_rows};
use store::event::Recorded;
use store::{Day, Instant, Session, Sql, Uuid, first_id_at, sql};

use super::history::{By, ChangeRow, Changes, note};
use super::wording::{self, Wording};
use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::bulk;
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::layers::url_encode;
use crate::shell::page::{Asked, Html, Page, escape, respond, who};
use crate::shell::record::{FOLLOWED, Registry};
use crate::shell::records::{get, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;
use crate::shell::views;

pub fn routes() -> Routes {
    Routes::new().get("/audit", Policy::Roles(&[Role::Admin, Role::Auditor]), show).get(
        "/audit.csv",
        Policy::Roles(&[Role::Auditor]),
        export,
    )
}

/// Events of a page.
const PAGE: i64 = 50;
/// Events read at a time for an export.
const CHUNK: i64 = 500;

/// What the house itself writes about; everything else is about records.
const HOUSE_TYPES: [&str; 3] = ["person", "settings", "audit"];
/// Keep in step with the index `event_of_house`: word for word, or it is not used.
const OF_HOUSE: &str = " AND e.subject_type IN ('person', 'settings', 'audit')";
/// Likewise with `event_by_door` and `event_of_rare_kind`.
const NOT_BY_PAGE: &str = " AND e.via <> 'page'";
const OF_RARE_KIND: &str = " AND e.kind NOT IN ('created', 'updated')";

pub(super) const VIA: [&str; 5] = ["page", "api", "import", "cli", "job"];

const HOUSE_KINDS: [&str; 13] = [
    "signed_in",
    "sign_in_failed",
    "password_changed",
    "sessions_ended",
    "roles",
    "manager",
    "invited",
    "disabled",
    "enabled",
    "token_created",
    "token_revoked",
    "created",
    "exported",
];
const RECORD_KINDS: [&str; 19] = [
    "updated",
    FOLLOWED,
    "deleted",
    "restored",
    bulk::EVENT,
    "stage",
    "evidence",
    "items",
    "converted",
    "handed_over",
    "shared",
    "unshared",
    "team_joined",
    "team_left",
    "committee_joined",
    "committee_role",
    "committee_left",
    "attached",
    "detached",
];

/// Which events.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Filter {
    pub person: Option<Uuid>,
    pub kind: String,
    pub subject_type: String,
    /// Through which door: most of what an import does drowns what people do.
    pub via: String,
    /// Only what happened to this one.
    pub record: Option<Uuid>,
    pub from: Option<Day>,
    pub to: Option<Day>,
    pub after: Option<Uuid>,
}

impl Filter {
    /// Reads the address bar; what makes no sense is no filter.
    pub fn parse(query: &str, registry: &Registry) -> Filter {
        let pairs = pairs(query);
        let kind = get(&pairs, "kind");
        let subject_type = get(&pairs, "type");
        Filter {
            person: get(&pairs, "person").parse().ok(),
            kind: kinds().find(|known| *known == kind).unwrap_or("").into(),
            subject_type: subject_types(registry).find(|known| *known == subject_type).unwrap_or("").into(),
            via: VIA.into_iter().find(|known| *known == get(&pairs, "via")).unwrap_or("").into(),
            record: get(&pairs, "record").parse().ok(),
            from: Day::parse(get(&pairs, "from")),
            to: Day::parse(get(&pairs, "to")),
            after: get(&pairs, "after").parse().ok(),
        }
    }

    /// The filter as a query, without the place in the list.
    pub fn query(&self) -> String {
        let parts = [
            ("person", self.person.map(|id| id.to_string()).unwrap_or_default()),
            ("kind", self.kind.clone()),
            ("type", self.subject_type.clone()),
            ("via", self.via.clone()),
            ("record", self.record.map(|id| id.to_string()).unwrap_or_default()),
            ("from", self.from.map(|day| day.to_string()).unwrap_or_default()),
            ("to", self.to.map(|day| day.to_string()).unwrap_or_default()),
        ];
        let parts = parts.into_iter().filter(|(_, value)| !value.is_empty());
        parts.map(|(name, value)| format!("{name}={}", url_encode(&value))).collect::<Vec<_>>().join("&")
    }

    /// The filter as people read it; empty: everything. `name_of`: what a person is called.
    pub fn in_words(&self, locale: Locale, name_of: impl Fn(Uuid) -> Option<String>) -> String {
        let named = |key: &str, text: Option<String>| text.map(|text| locale.labelled(&locale.text(key), &text));
        let day = |day: Option<Day>| day.map(|day| format::date(locale, day));
        let parts = [
            named("audit-who", self.person.map(|id| name_of(id).unwrap_or_else(|| short_id(id)))),
            named("audit-what", (!self.kind.is_empty()).then(|| wording::kind(locale, &self.kind))),
            named(
                "audit-type",
                (!self.subject_type.is_empty()).then(|| wording::subject_type(locale, &self.subject_type)),
            ),
            named("audit-via", (!self.via.is_empty()).then(|| locale.text(&format!("via-{}", self.via)))),
            named("audit-id", self.record.map(short_id)),
            named("audit-from", day(self.from)),
            named("audit-to", day(self.to)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(wording::separator(locale))
    }

    /// The events after `after`, newest first. Ids sort by time, so the days narrow by id as well as by the time itself.
    pub fn statement(&self, zone: &jiff::tz::TimeZone, limit: i64) -> Sql {
        let mut statement = Sql::new(
            "SELECT e.id, e.at, e.actor_id, p.name AS actor_name, e.via, e.kind, e.subject_type, e.subject_id, e.version,
                    e.changes, e.reason
               FROM event e LEFT JOIN person p ON p.id = e.actor_id WHERE TRUE",
        );
        let is_of_house = HOUSE_TYPES.contains(&self.subject_type.as_str())
            || (HOUSE_KINDS.contains(&self.kind.as_str()) && self.kind != "created" && self.kind != "exported");
        if is_of_house {
            statement.push(OF_HOUSE);
        }
        if let Some(person) = self.person {
            statement.push(" AND e.actor_id = ").bind(person);
        }
        if !self.kind.is_empty() {
            statement.push(if ["created", "updated"].contains(&self.kind.as_str()) { "" } else { OF_RARE_KIND });
            statement.push(" AND e.kind = ").bind(self.kind.as_str());
        }
        if !self.subject_type.is_empty() {
            statement.push(" AND e.subject_type = ").bind(self.subject_type.as_str());
        }
        if !self.via.is_empty() {
            statement.push(if self.via == "page" { "" } else { NOT_BY_PAGE });
            statement.push(" AND e.via = ").bind(self.via.as_str());
        }
        if let Some(record) = self.record {
            statement.push(" AND e.subject_id = ").bind(record);
        }
        if let Some(from) = self.from {
            let start = Instant::start_of(from, zone);
            statement.push(" AND e.id >= ").bind(first_id_at(start)).push(" AND e.at >= ").bind(start);
        }
        if let Some(to) = self.to {
            let end = Instant::start_of(to.plus(1), zone);
            // A long transaction makes its ids later than its time.
            statement.push(" AND e.id < ").bind(first_id_at(end.plus_seconds(86_400))).push(" AND e.at < ").bind(end);
        }
        if let Some(after) = self.after {
            statement.push(" AND e.id < ").bind(after);
        }
        statement.push(" ORDER BY e.id DESC LIMIT ").bind(limit);
        statement
    }
}

pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    HOUSE_KINDS.into_iter().chain(RECORD_KINDS)
}

pub(super) fn subject_types(registry: &Registry) -> impl Iterator<Item = &'static str> {
    let records = registry.objects.iter().map(|object| object.name).filter(|name| *name != "person");
    HOUSE_TYPES.into_iter().chain(records).chain([views::SUBJECT])
}

struct EventView {
    at: String,
    who: Html,
    via: String,
    kind: String,
    subject_type: String,
    /// Name and link; without a name, because it is not for the viewer, a short id.
    subject: String,
    href: String,
    is_named: bool,
    is_gone: bool,
    /// Everything that happened to it; empty where that is what is shown.
    history: String,
    changes: Vec<ChangeRow>,
    /// Fields that were changed and whose values are not for the viewer.
    fields_only: String,
    is_warning: bool,
    reason: String,
}

struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "system/audit.html")]
struct AuditBody<'a> {
    page: &'a Page,
    events: Vec<EventView>,
    people: Vec<Choice>,
    kinds: Vec<Choice>,
    types: Vec<Choice>,
    doors: Vec<Choice>,
    from: String,
    to: String,
    record: String,
    is_filtered: bool,
    next: Option<String>,
    is_first: bool,
    first: String,
    csv: Option<String>,
    names_hidden: bool,
}

/// GET /audit
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let filter = Filter::parse(&asked.query, app.registry);
    let locale = viewer.locale;
    let mut session = app.db.read().await?;
    let mut recorded: Vec<Recorded> = session.all(filter.statement(&viewer.config.zone, PAGE + 1)).await?;
    let more = recorded.len() as i64 > PAGE;
    recorded.truncate(PAGE as usize);
    let wording = Wording::load(&mut session, &viewer, app.registry, &recorded).await?;
    let people: Vec<(Uuid, String)> =
        session.all("SELECT id, name FROM person ORDER BY name_key, id LIMIT 2000").await?;
    drop(session);
    let choice = |value: &str, text: String, chosen: bool| Choice { value: value.into(), text, chosen };
    let query = filter.query();
    let link =
        |rest: String| if query.is_empty() { format!("/audit?{rest}") } else { format!("/audit?{query}&{rest}") };
    let page = Page::new(&viewer, &asked, locale.text("nav-audit"));
    let body = AuditBody {
        events: recorded.iter().map(|event| event_view(&viewer, &wording, event, filter.record.is_some())).collect(),
        people: people.into_iter().map(|(id, name)| choice(&id.to_string(), name, filter.person == Some(id))).collect(),
        kinds: kinds().map(|kind| choice(kind, wording::kind(locale, kind), kind == filter.kind)).collect(),
        types: subject_types(app.registry)
            .map(|name| choice(name, wording::subject_type(locale, name), name == filter.subject_type))
            .collect(),
        doors: VIA.into_iter().map(|via| choice(via, locale.text(&format!("via-{via}")), via == filter.via)).collect(),
        record: filter.record.map(|id| id.to_string()).unwrap_or_default(),
        from: filter.from.map(|day| day.to_string()).unwrap_or_default(),
        to: filter.to.map(|day| day.to_string()).unwrap_or_default(),
        is_filtered: !query.is_empty(),
        next: recorded.last().filter(|_| more).map(|last| link(format!("after={}", last.id))),
        is_first: filter.after.is_none(),
        first: if query.is_empty() { "/audit".into() } else { format!("/audit?{query}") },
        csv: viewer.has(Role::Auditor).then(|| format!("/audit.csv?{query}")),
        names_hidden: !viewer.has(Role::Auditor),
        page: &page,
    };
    respond(&page, &body)
}

fn event_view(viewer: &Viewer, wording: &Wording, event: &Recorded, is_of_one: bool) -> EventView {
    let locale = viewer.locale;
    let named = wording.subject(event);
    let is_named = named.is_some();
    let changes = wording.visible_changes(event);
    let has_history = !is_of_one && !event.subject_id.is_nil() && !wording::is_of_list(event);
    EventView {
        at: format::instant(locale, event.at, &viewer.config.zone),
        who: match &event.actor_name {
            Some(name) => who(name),
            None => Html(escape(&locale.text(match event.via.as_str() {
                "cli" | "job" => "audit-nobody",
                _ => "audit-stranger",
            }))),
        },
        via: locale.text(&format!("via-{}", event.via)),
        kind: wording::kind(locale, &event.kind),
        subject_type: wording::subject_type(locale, &event.subject_type),
        subject: named.unwrap_or_else(|| short_id(event.subject_id)),
        href: wording.href(event).unwrap_or_default(),
        is_named,
        is_gone: wording.is_gone(event),
        history: if has_history { format!("/audit?record={}", event.subject_id) } else { String::new() },
        fields_only: wording.fields_only(event).join(locale.list_comma()),
        changes: changes
            .iter()
            .map(|change| {
                let (label, old, new) = wording.change(event, change);
                ChangeRow { label, old, new, who: Html::default(), at: String::new() }
            })
            .collect(),
        is_warning: matches!(event.kind.as_str(), "sign_in_failed" | "disabled"),
        // What was asked for stands before the evidence.
        reason: wording.reason(event).filter(|_| is_named && event.kind != "evidence").unwrap_or_default(),
    }
}

/// Enough of an id to find the record again; its end, because the beginning is the time.
fn short_id(id: Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", &text[24..])
}

/// GET /audit.csv
async fn export(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let filter = Filter { after: None, ..Filter::parse(&asked.query, app.registry) };
    let by = By::page(&viewer);
    hand_out(app, viewer, by, filter).await
}

/// Every matching event as a file, read in chunks, so that a long history needs no more memory than a short one.
pub(super) async fn hand_out(app: App, viewer: Viewer, by: By, filter: Filter) -> Result<Response> {
    // Half of what lists may: every export reads the whole history.
    let allowed = app.limits.exports_per_minute() / 2.0;
    app.limits.take(format!("export {}", viewer.person), allowed, app.clock.now())?;
    let mut tx = app.db.write().await?;
    let mut changes = Changes::default();
    changes.add("filter", serde_json::Value::Null, filter.query());
    note(&mut tx, &app.clock, by, "exported", ("audit", Uuid::nil()), 0, &changes.0).await?;
    tx.commit().await?;
    let columns = [
        "audit-when",
        "audit-who",
        "audit-via",
        "audit-what",
        "audit-type",
        "audit-subject",
        "audit-id",
        "audit-field",
        "audit-old",
        "audit-new",
    ];
    let headings = columns.map(|key| Value::Text(viewer.locale.text(key)));
    // Excel takes UTF-8 for what it is only with the mark in front.
    let mut head = "\u{feff}".as_bytes().to_vec();
    head.extend(csv_rows([headings.as_slice()]));
    let rest = stream::try_unfold((app, viewer, Some(filter)), async |(app, viewer, filter)| {
        let Some(mut filter) = filter else { return Ok(None) };
        let mut session = app.db.read().await.map_err(Error::from).map_err(io_error)?;
        let (lines, last) = chunk(&mut session, &viewer, app.registry, &filter).await.map_err(io_error)?;
        drop(session);
        filter.after = last;
        Ok(Some((Bytes::from(lines), (app, viewer, last.map(|_| filter)))))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(
        stream::once(async { Ok::<Bytes, std::io::Error>(Bytes::from(head)) }),
        rest,
    ));
    Ok((
        [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
        ],
        body,
    )
        .into_response())
}

fn io_error(error: Error) -> std::io::Error {
    std::io::Error::other(format!("{error:?}"))
}

/// The next events as lines, one for each change; and where to go on, if there is more.
async fn chunk(
    session: &mut Session,
    viewer: &Viewer,
    registry: &'static Registry,
    filter: &Filter,
) -> Result<(Vec<u8>, Option<Uuid>)> {
    // Asked again for every chunk: who loses the role while a long export runs gets no further.
    let role: Option<String> = session
        .value(sql!(
            "SELECT r.role FROM person_role r JOIN person p ON p.id = r.person_id WHERE p.id = $1 AND p.state = 'active' AND r.role = 'auditor'",
            viewer.person
        ))
        .await?;
    if role.is_none() {
        return Err(Error::Forbidden);
    }
    let recorded: Vec<Recorded> = session.all(filter.statement(&viewer.config.zone, CHUNK)).await?;
    let wording = Wording::load(session, viewer, registry, &recorded).await?;
    let locale = viewer.locale;
    let cells = |texts: Vec<String>| texts.into_iter().map(Value::Text).collect::<Vec<Value>>();
    let mut rows = Vec::new();
    for event in &recorded {
        let about = vec![
            event.at.timestamp().to_string(),
            event.actor_name.clone().unwrap_or_default(),
            locale.text(&format!("via-{}", event.via)),
            wording::kind(locale, &event.kind),
            wording::subject_type(locale, &event.subject_type),
            wording.subject(event).unwrap_or_default(),
            event.subject_id.to_string(),
        ];
        let changes = wording.visible_changes(event);
        if changes.is_empty() {
            rows.push(cells([about.clone(), vec![String::new(); 3]].concat()));
        }
        for change in changes {
            let (label, old, new) = wording.change(event, &change);
            rows.push(cells([about.clone(), vec![label, old, new]].concat()));
        }
    }
    let last = recorded.last().filter(|_| recorded.len() as i64 == CHUNK).map(|last| last.id);
    Ok((csv_rows(rows.iter().map(Vec::as_slice)), last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_survives_the_address_bar() {
        let nothing = Registry { objects: &[] };
        let parse = |query: &str| Filter::parse(query, &nothing);
        let filter = parse("kind=signed_in&type=person&from=2026-11-01&to=2026-11-30&person=nobody");
        assert_eq!(filter, parse(&filter.query()));
        assert_eq!((filter.person, filter.kind.as_str()), (None, "signed_in"));
        assert_eq!(parse("kind=%27%3B&type=secret&from=yesterday"), Filter::default());
    }

    #[test]
    fn the_first_id_of_a_time_is_not_after_any_id_made_then() {
        let clock = store::Clock::frozen(jiff::Timestamp::from_second(1_790_000_000).expect("a time"));
        let id = store::new_id(&clock);
        let at = Instant(1_790_000_000_000_000);
        assert!(first_id_at(at) <= id && id < first_id_at(at.plus_seconds(1)));
    }
}
