//! One timeline of everything (S22): what people did and plan (calls, meetings, visits, mails, notes), what is to be done (tasks),
//! and what changed (fields, stages, owners), newest first. Whose events stand on it is asked of the records as they hang together now: a
//! deal brings its whole history along to the account it is given. Visibility comes from the subject of each entry; hidden fields
//! are left out.

use std::collections::{BTreeMap, HashMap, HashSet};

use store::event::Change;
use store::{Cells, Day, Instant, Session, Sql, Uuid};

use super::committee_pages::role_name;
use super::objects::{ACTIVITY, CONTACT, PERSON, REGISTRY};
use super::{activity, committee, files, standing, team};
use crate::shell::access::Right;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Html, escape, icon};
use crate::shell::record::{FOLLOWED, Kind, Object, is_setting, share, told, value};
use crate::shell::viewer::Viewer;

/// How many entries a page of the timeline shows.
const PAGE: i64 = 30;

pub struct Entry {
    pub at: Instant,
    pub day: String,
    pub time: String,
    pub iso: String,
    pub mark: &'static str,
    pub icon: Html,
    /// Who did what, as markup.
    pub line: Html,
    pub body: Html,
    /// A heading before this entry, when it differs from the one above: the day, or that it is planned.
    pub heading: Option<String>,
}

pub struct Timeline {
    pub entries: Vec<Entry>,
    /// Show what lies before this place.
    pub older: Option<Place>,
}

/// A place in a timeline. Many entries share an instant (an import writes hundreds at once), so the id belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub at: Instant,
    pub id: Uuid,
}

impl std::fmt::Display for Place {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}.{}", self.at.0, self.id)
    }
}

impl std::str::FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Place, ()> {
        let (at, id) = text.split_once('.').ok_or(())?;
        Ok(Place { at: Instant(at.parse().map_err(drop)?), id: id.parse().map_err(drop)? })
    }
}

/// A row that an entry may be made of.
pub(super) struct Raw {
    pub place: Place,
    pub is_event: bool,
    pub cells: Cells,
}

/// The timeline of a record that the caller has shown to be visible; its amounts are in this currency today.
pub async fn of_record(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    currency: &str,
    before: Option<Place>,
    today: Day,
) -> Result<Timeline> {
    let (rows, older) = rows_of(session, viewer, object, id, before, PAGE).await?;
    let names = names_in(session, viewer, &rows).await?;
    let mut currencies = HashMap::new();
    let entries = rows.iter().filter_map(|Raw { is_event, cells: Cells(cells), .. }| {
        if !is_event {
            return Some(activity_entry(viewer, object, cells));
        }
        let of_deal = cells[10].text().unwrap_or(currency);
        let in_force = currencies.entry(cells[6].id()).or_insert_with(|| of_deal.to_owned());
        event_entry(viewer, object, cells, &names, in_force)
    });
    let mut entries: Vec<Entry> = entries.collect();
    head_days(viewer, &mut entries, today);
    Ok(Timeline { entries, older })
}

/// The rows of a page, newest first, and where the next one begins.
pub(super) async fn rows_of(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    before: Option<Place>,
    limit: i64,
) -> Result<(Vec<Raw>, Option<Place>)> {
    let mut rows = activities(session, viewer, object, id, before, limit).await?;
    rows.extend(events(session, viewer, object, id, before, limit).await?);
    rows.sort_by_key(|row| std::cmp::Reverse(row.place));
    // Counted before anything is left out for this viewer: an entry that shows nothing does not end the timeline.
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let older = rows.last().filter(|_| more).map(|row| row.place);
    Ok((rows, older))
}

/// Ends a statement: only what lies before the place, newest first, one more than a page shows.
fn push_page(statement: &mut Sql, at: &str, id: &str, before: Option<Place>, limit: i64) {
    if let Some(before) = before {
        statement.push(&format!(" AND ({at}, {id}) < (")).bind(before.at).push(", ").bind(before.id).push(")");
    }
    statement.push(&format!(" ORDER BY {at} DESC, {id} DESC LIMIT ")).bind(limit + 1);
}

async fn raw(session: &mut Session, statement: Sql, is_event: bool, [id, at]: [usize; 2]) -> Result<Vec<Raw>> {
    let rows = session.all::<Cells>(statement).await?;
    let place = |Cells(cells): &Cells| Place {
        at: Instant(cells[at].int().unwrap_or(0)),
        id: cells[id].id().unwrap_or_default(),
    };
    Ok(rows.into_iter().map(|cells| Raw { place: place(&cells), is_event, cells }).collect())
}

fn head_days(viewer: &Viewer, entries: &mut [Entry], today: Day) {
    let locale = viewer.locale;
    let mut last = String::new();
    for entry in entries {
        let day = entry.at.day_in(&viewer.config.zone);
        let heading = match today.0 - day.0 {
            _ if is_planned(viewer, entry.at) => locale.text("timeline-planned"),
            ..=0 => locale.text("timeline-today"),
            1 => locale.text("timeline-yesterday"),
            2..=6 => locale.text("timeline-this-week"),
            _ => format::month(locale, day),
        };
        if heading != last {
            entry.heading = Some(heading.clone());
            last = heading;
        }
    }
}

/// What lies ahead is not told as if it had happened.
fn is_planned(viewer: &Viewer, at: Instant) -> bool {
    at >= standing::ahead(viewer.now)
}

fn entry(viewer: &Viewer, at: Instant, mark: &'static str, icon_name: &str, line: String, body: String) -> Entry {
    let day = at.day_in(&viewer.config.zone);
    Entry {
        at,
        day: format::date(viewer.locale, day),
        time: format::time(at, &viewer.config.zone),
        iso: at.timestamp().to_string(),
        mark,
        icon: icon(icon_name, ""),
        line: Html(line),
        body: Html(body),
        heading: None,
    }
}

/// The column by which activities and tasks hang on a kind of record.
pub(super) fn link_column(object: &Object) -> Option<&'static str> {
    match object.name {
        "account" => Some("account_id"),
        "contact" => Some("contact_id"),
        "opportunity" => Some("opportunity_id"),
        "lead" => Some("lead_id"),
        _ => None,
    }
}

async fn activities(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Raw>> {
    let Some(column) = link_column(object).filter(|_| viewer.sees(&ACTIVITY, object.name)) else {
        return Ok(Vec::new());
    };
    // What is hidden from the viewer never leaves the database.
    let shown = |key: &str, column: &'static str| if viewer.sees(&ACTIVITY, key) { column } else { "NULL" };
    let mut statement = Sql::new(format!(
        "SELECT t.id, t.kind, t.subject, {}, t.happened_at, {}, {}, {}, {}, {}, c.id, o.id
           FROM activity t JOIN person p ON p.id = t.owner_id
           LEFT JOIN contact c ON c.id = t.contact_id AND ",
        shown("body", "t.body"),
        shown("duration_minutes", "t.minutes"),
        shown("outcome", "t.outcome"),
        shown("owner", "p.name"),
        shown("contact", "c.name"),
        shown("opportunity", "o.name"),
    ));
    (CONTACT.visible)(&mut statement, &viewer.scope, Right::Read, "c");
    statement.push(" LEFT JOIN opportunity o ON o.id = t.opportunity_id AND ");
    (super::objects::OPPORTUNITY.visible)(&mut statement, &viewer.scope, Right::Read, "o");
    statement.push(&format!(" WHERE t.{column} = ")).bind(id).push(" AND t.deleted_at IS NULL AND ");
    (ACTIVITY.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    push_page(&mut statement, "t.happened_at", "t.id", before, limit);
    raw(session, statement, false, [0, 4]).await
}

fn activity_entry(viewer: &Viewer, object: &'static Object, cells: &[store::Cell]) -> Entry {
    let locale = viewer.locale;
    let text = |at: usize| cells[at].text().unwrap_or("");
    let kind = text(1).to_owned();
    let at = Instant(cells[4].int().unwrap_or(0));
    let is_planned = is_planned(viewer, at);
    let said = locale.text(&format!("timeline-{}{kind}", if is_planned { "planned-" } else { "" }));
    let mut line = format!("<b>{}</b> {said}", escape(text(7)));
    if !text(8).is_empty() {
        line.push_str(&format!(
            " <a href=\"/contacts/{}\">{}</a>",
            cells[10].id().unwrap_or_default(),
            escape(text(8))
        ));
    }
    if object.name != "opportunity" && !text(9).is_empty() {
        line.push_str(&format!(
            " · <a href=\"/opportunities/{}\">{}</a>",
            cells[11].id().unwrap_or_default(),
            escape(text(9))
        ));
    }
    if let Some(minutes) = cells[5].int() {
        line.push_str(&format!(" · {}", locale.text_with("timeline-minutes", &[("count", &minutes.to_string())])));
    }
    let mut body = format!(
        "<p><a class=\"event-title\" href=\"/activities/{}\">{}</a></p>",
        cells[0].id().unwrap_or_default(),
        escape(text(2))
    );
    let more = activity::beyond_subject(text(2), text(3));
    if !more.is_empty() {
        body.push_str(&format!("<p>{}</p>", escape(more).replace('\n', "<br>")));
    }
    if !text(6).is_empty() {
        let outcome = locale.labelled(&locale.text("activity-outcome"), text(6));
        body.push_str(&format!("<p class=\"dim small\">{}</p>", escape(&outcome)));
    }
    let icon_name = match kind.as_str() {
        "call" => "phone",
        "meeting" => "users",
        "visit" => "map-pin",
        "mail" => "mail",
        _ => "note",
    };
    let mark = if kind == "note" || is_planned { "" } else { "is-good" };
    entry(viewer, at, mark, icon_name, line, body)
}

/// Kinds whose events also stand on the page of a record they hang on, and the fields by which they do.
const HANGING: &[(&str, &str, &str)] = &[
    ("account", "contact", "account"),
    ("account", "opportunity", "account"),
    // A lead counts with the account it became.
    ("account", "lead", "converted_account"),
    ("account", "task", "account"),
    ("contact", "task", "contact"),
    ("opportunity", "task", "opportunity"),
    ("lead", "task", "lead"),
];

/// Events of the record itself and of what hangs on it now, each seen with its own scope. Every subject's events are looked up by
/// its id; their order is that of no index, so that no engine walks through the whole history to find the newest.
async fn events(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Raw>> {
    let mut statement = Sql::new(
        "SELECT e.id, e.at, p.name, e.via, e.kind, e.subject_type, e.subject_id, e.changes, e.reason, s.name, s.currency,
                e.actor_id, e.version
           FROM (",
    );
    let own = format!(
        "SELECT '{}' AS kind, t.id AS id, t.{} AS name, CAST(NULL AS TEXT) AS currency FROM {} t WHERE t.id = ",
        object.name,
        object.title_field().column,
        object.table
    );
    statement.push(&own).bind(id);
    for (index, (_, kind, key)) in HANGING.iter().filter(|(of, ..)| *of == object.name).enumerate() {
        let Some(other) = REGISTRY.get(kind).filter(|other| viewer.sees(other, key)) else { continue };
        let Some(link) = other.field(key) else { continue };
        let alias = format!("s{index}");
        let currency = if other.field("currency").is_some() { format!("{alias}.currency") } else { "NULL".into() };
        let select = format!(
            " UNION ALL SELECT '{kind}', {alias}.id, {alias}.{}, {currency} FROM {} {alias} WHERE {alias}.{} = ",
            other.title_field().column,
            other.table,
            link.column
        );
        statement.push(&select).bind(id).push(" AND ");
        (other.visible)(&mut statement, &viewer.scope, Right::Read, &alias);
    }
    statement.push(
        ") s CROSS JOIN event e LEFT JOIN person p ON p.id = e.actor_id
          WHERE e.subject_id = s.id AND e.subject_type = s.kind",
    );
    push_page(&mut statement, "e.at", "e.id", before, limit);
    raw(session, statement, true, [0, 1]).await
}

/// What events name by its id: people, records as far as the viewer sees them, and the files of imports that tell of moves. Asked
/// only when there are some, in one statement.
pub(super) async fn names_in(session: &mut Session, viewer: &Viewer, rows: &[Raw]) -> Result<HashMap<String, String>> {
    let (mut records, mut imports) = (BTreeMap::<&str, HashSet<Uuid>>::new(), HashSet::new());
    for Raw { cells: Cells(cells), .. } in rows.iter().filter(|row| row.is_event) {
        imports.extend(import_in(cells));
        let kind = cells[4].text().unwrap_or("");
        let changes: Vec<Change> = serde_json::from_str(cells[7].text().unwrap_or("")).unwrap_or_default();
        let subject = cells[5].text().and_then(|name| REGISTRY.get(name));
        for change in &changes {
            let field = subject.and_then(|subject| viewer.projection(subject).find(|field| field.key == change.field));
            let target = match field.map(|field| field.kind) {
                Some(Kind::Ref(target)) if !is_setting(target) => target,
                _ if !names_somebody(kind) || named(change).is_none() => continue,
                _ if kind.starts_with("committee") => CONTACT.name,
                _ => PERSON.name,
            };
            let ids = [&change.old, &change.new].into_iter().filter_map(|id| id.as_str()?.parse::<Uuid>().ok());
            records.entry(target).or_default().extend(ids);
        }
    }
    let mut statement = Sql::default();
    for (target, ids) in records {
        let Some(target) = REGISTRY.get(target).filter(|_| !ids.is_empty()) else { continue };
        let title = target.title_field().column;
        statement.push(if statement.text.is_empty() { "" } else { " UNION ALL " });
        statement.push(&format!("SELECT x.id, x.{title} FROM {} x WHERE x.id IN (", target.table)).bind_list(ids);
        statement.push(")");
        // Who did something is told everywhere, also of who left.
        if target.name != PERSON.name {
            statement.push(" AND x.deleted_at IS NULL AND ");
            (target.visible)(&mut statement, &viewer.scope, Right::Read, "x");
        }
    }
    if !imports.is_empty() {
        statement.push(if statement.text.is_empty() { "" } else { " UNION ALL " });
        statement.push("SELECT i.id, i.name FROM import i WHERE i.id IN (").bind_list(imports).push(")");
    }
    if statement.text.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<(Uuid, String)> = session.all(statement).await?;
    Ok(names.into_iter().map(|(id, name)| (id.to_string(), name)).collect())
}

/// The import that an event says it was told by.
fn import_in(cells: &[store::Cell]) -> Option<Uuid> {
    told::import_of(cells[3].text()?, cells[8].text()?)
}

pub(super) fn names_somebody(kind: &str) -> bool {
    matches!(kind, "shared" | "unshared" | "team_joined" | "team_left") || kind.starts_with("committee_")
}

/// Whom the record was shared with, or no longer is; who joined or left its team or committee.
pub(super) fn named(change: &Change) -> Option<&str> {
    let names = matches!(change.field.as_str(), share::SHARED_WITH | team::TEAM_MEMBER | committee::MEMBER);
    change.new.as_str().or(change.old.as_str()).filter(|_| names)
}

/// Whether events of this kind stand on the timeline at all.
pub(super) fn is_told(viewer: &Viewer, page_of: &Object, subject: &'static Object, kind: &str) -> bool {
    // That its tasks came along is told by the deal that moved.
    let told_elsewhere = kind == FOLLOWED && subject.name == "task" && page_of.name != "task";
    // Who may not know in which stage a deal is, is not told what was asked for there.
    let is_evidence_hidden = kind == "evidence" && !viewer.sees(subject, "stage");
    !told_elsewhere && !is_evidence_hidden && (!kind.starts_with("committee_") || committee::is_shown(viewer))
}

/// `currency`: what the record's amounts were in after the event; before it, when the event is that they turned.
fn event_entry(
    viewer: &Viewer,
    page_of: &'static Object,
    cells: &[store::Cell],
    names: &HashMap<String, String>,
    currency: &mut String,
) -> Option<Entry> {
    let locale = viewer.locale;
    let text = |at: usize| cells[at].text().unwrap_or("");
    let subject = REGISTRY.get(text(5))?;
    let who = if text(2).is_empty() { locale.text("timeline-system") } else { text(2).to_owned() };
    let changes: Vec<Change> = serde_json::from_str(text(7)).unwrap_or_default();
    // What a lead became stands on its page, with links.
    let told = if text(4) == "converted" { &[][..] } else { &changes[..] };
    let turned = changes.iter().find(|change| change.field == "currency").and_then(|change| change.old.as_str());
    let old_currency = turned.unwrap_or(currency).to_owned();
    let currencies = [old_currency.as_str(), currency.as_str()];
    let lines = told.iter().filter_map(|change| change_line(viewer, subject, change, names, currencies));
    let shown: Vec<String> = lines.collect();
    *currency = old_currency;
    let kind = text(4);
    if (matches!(kind, "updated" | FOLLOWED) && shown.is_empty()) || !is_told(viewer, page_of, subject, kind) {
        return None;
    }
    let is_own = subject.name == page_of.name;
    // What an import made is not said to be "created by import".
    let did = match (kind, text(3)) {
        ("created", "import") if is_own => locale.text("timeline-event-imported-here"),
        ("created", "import") => locale.text("timeline-event-imported"),
        ("updated", _) if is_own && shown.len() > 1 => locale.text("timeline-event-updated-here"),
        _ => locale.text(&format!("timeline-event-{}", kind.replace('_', "-"))),
    };
    let mut line = format!("<b>{}</b> {did}", escape(&who));
    if names_somebody(kind) {
        let name = changes.iter().find_map(named).and_then(|id| names.get(id));
        line.push_str(&format!(" {}", escape(name.map_or("—", String::as_str))));
        // The role of somebody whom the viewer does not know is not told.
        let role = changes.iter().find(|change| change.field == committee::ROLE).and_then(|change| change.new.as_str());
        if let Some(role) = role.filter(|_| name.is_some() && viewer.sees(&CONTACT, "buying_role")) {
            line.push_str(&format!(" <span class=\"change\"><ins>{}</ins></span>", role_name(locale, Some(role))));
        }
    }
    let page = format!("/{}/{}", subject.plural, cells[6].id().unwrap_or_default());
    if let Some(file) = changes.iter().find(|change| change.field == files::FILE) {
        let name = escape(file.new.as_str().or(file.old.as_str()).unwrap_or("—"));
        let name = if kind == "attached" { format!("<a href=\"{page}?tab=files\">{name}</a>") } else { name };
        line.push_str(&format!(" <span class=\"change\"><ins>{name}</ins></span>"));
    }
    if !is_own {
        line.push_str(&format!(" <a href=\"{page}\">{}</a>", escape(text(9))));
        // "Moved the deal" and "converted the lead" say already what it is.
        if !matches!(kind, "stage" | "converted") {
            let thing = locale.text_with("timeline-thing", &[("thing", &locale.text(subject.name).to_lowercase())]);
            line.push_str(&format!("{}<span class=\"dim\">{thing}</span>", gap(&thing)));
        }
    }
    if let [only] = &shown[..] {
        // "changed Amount: …", but "moved the deal · Stage: …".
        let joint = if kind == "updated" && is_own { " " } else { " · " };
        line.push_str(&format!("{joint}{only}"));
    }
    let import = import_in(cells);
    let via = match text(3) {
        "import" if kind == "created" && import.is_none() => None,
        "import" => {
            let file = import.filter(|_| viewer.sees(subject, "import")).and_then(|id| names.get(&id.to_string()));
            Some(told::in_words(locale, file.map(String::as_str)))
        }
        via @ ("api" | "job") => Some(locale.text(&format!("timeline-via-{via}"))),
        _ => None,
    };
    if let Some(via) = via {
        line.push_str(&format!("{}<span class=\"dim\">{}</span>", gap(&via), escape(&via)));
    }
    let mut body = String::new();
    if shown.len() > 1 {
        body = format!(
            "<ul class=\"changes\">{}</ul>",
            shown.iter().map(|line| format!("<li>{line}</li>")).collect::<String>()
        );
    }
    let reason = told::words_of(text(3), text(8));
    if kind == "evidence" {
        body.push_str(&evidence_line(locale, reason, &changes));
    } else if !reason.is_empty() {
        body.push_str(&format!("<p>{}</p>", escape(&locale.labelled(&locale.text("timeline-reason"), reason))));
    }
    let (mark, icon_name) = match kind {
        "created" if subject.name == "task" => ("", "checkbox"),
        "created" | "converted" => ("is-accent", "sparkles"),
        "stage" => ("is-accent", "flag"),
        "deleted" => ("is-warn", "trash"),
        "restored" => ("", "arrow-back-up"),
        "shared" | "unshared" | "team_joined" | "team_left" => ("", "user-plus"),
        "committee_joined" | "committee_role" | "committee_left" => ("", "users"),
        "attached" | "detached" => ("", "paperclip"),
        _ => ("", "arrows-exchange"),
    };
    Some(entry(viewer, Instant(cells[1].int().unwrap_or(0)), mark, icon_name, line, body))
}

/// What stands between a word and what follows it: a full-width bracket brings its own room along.
fn gap(next: &str) -> &'static str {
    if next.starts_with('（') { "" } else { " " }
}

/// What was met, and what shows it now; a note that was taken back is struck out.
fn evidence_line(locale: Locale, criterion: &str, changes: &[Change]) -> String {
    let change = changes.iter().find(|change| change.field == "evidence");
    let note = |of: fn(&Change) -> &serde_json::Value| change.and_then(|change| of(change).as_str()).unwrap_or("");
    let (old, new) = (note(|change| &change.old), note(|change| &change.new));
    let told = if new.is_empty() { format!("<del>{}</del>", escape(old)) } else { escape(new) };
    format!("<p>{}{}</p>", escape(&locale.labelled(criterion, "")), told.replace('\n', "<br>"))
}

/// `Amount: $10 → $12`; nothing for a field that is hidden from the viewer. The currencies: before and after.
fn change_line(
    viewer: &Viewer,
    object: &'static Object,
    change: &Change,
    names: &HashMap<String, String>,
    [before, after]: [&str; 2],
) -> Option<String> {
    let field = viewer.projection(object).find(|field| field.key == change.field)?;
    let (locale, config) = (viewer.locale, &viewer.config);
    let show = |json: &serde_json::Value, currency: &str| {
        let currency = if field.kind == Kind::BaseMoney { &config.base_currency } else { currency };
        let cell = value::from_raw_json(field, json);
        match (field.kind, &cell) {
            (Kind::Ref(target), store::Cell::Id(id)) if is_setting(target) => {
                escape(config.name_of(target, *id).unwrap_or("—"))
            }
            (Kind::Ref(target), store::Cell::Id(id)) => match (REGISTRY.get(target), names.get(&id.to_string())) {
                (Some(target), Some(name)) if target.name != PERSON.name => {
                    format!("<a href=\"/{}/{id}\">{}</a>", target.plural, escape(name))
                }
                (_, Some(name)) => escape(name),
                // Gone, or not for this person to know.
                (_, None) => "—".into(),
            },
            _ => escape(&value::shown(object, field, &cell, None, currency, locale, &config.zone)),
        }
    };
    let (old, new) = (show(&change.old, before), show(&change.new, after));
    let name = locale.text(&object.label_key(field));
    let label = escape(&locale.labelled(&name, ""));
    Some(match (old.is_empty(), new.is_empty()) {
        (true, true) => escape(&name),
        (true, false) => format!("{label}<span class=\"change\"><ins>{new}</ins></span>"),
        (false, true) => format!("{label}<span class=\"change\"><del>{old}</del></span>"),
        _ => format!(
            "{label}<span class=\"change\"><del>{old}</del>{}<ins>{new}</ins></span>",
            icon("arrow-right", "icon-s")
        ),
    })
}
