//! What a person did to many records at once: standing on a page of its own, so that it can be looked at and undone also after
//! the toast has gone. Each entry says how many of its records are still as they were left; only these are put back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::extract::State;
use axum::response::Response;
use serde_json::Value as Json;
use store::event::Change;
use store::{Cell, Instant, Session, Sql, Uuid, first_id_after, first_id_at};

use super::access::Right;
use super::app::App;
use super::bulk::EVENT;
use super::bulk_job;
use super::error::{Error, Result};
use super::format;
use super::page::{Asked, Page, render, respond_with};
use super::record::{Field, Kind, Object, plain_target, query, value};
use super::records::{get, pairs};
use super::viewer::Viewer;

/// So far back a person looks for what they did at once.
const DAYS: i64 = 30;
pub const ENTRIES: i64 = 20;
/// So many records of one entry stand on a page, with what they were.
const SHOWN: i64 = 100;
/// What still stands of an entry is counted up to here.
const COUNTED: i64 = 10_000;

struct Entry {
    at: i64,
    when: String,
    what: Vec<(String, String)>,
    count: String,
    /// So many are still as they were left.
    standing: i64,
    still: String,
    is_open: bool,
}

struct Touched {
    name: String,
    href: String,
    changes: Vec<(String, String, String)>,
}

#[derive(askama::Template)]
#[template(path = "shell/bulk_history.html")]
struct Body<'a> {
    page: &'a Page,
    object: &'static Object,
    plural: String,
    title: String,
    entries: Vec<Entry>,
    /// One of them is looked at.
    is_one: bool,
    touched: Vec<Touched>,
    first_page: Option<String>,
    next_page: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Told {
    id: Uuid,
    at: i64,
    changes: String,
}

impl Told {
    /// "Of the events with which it was done": made in its transaction, or in those of its job, and it was written down last.
    fn push_its_events(&self, statement: &mut Sql, viewer: &Viewer, object: &Object) {
        statement.push("e.actor_id = ").bind(viewer.person);
        match bulk_job::job_in(&self.changes()) {
            Some(job) => {
                statement.push(" AND e.at IN (SELECT c.at FROM bulk_chunk c WHERE c.job_id = ").bind(job);
                statement.push(") AND e.id > ").bind(job);
            }
            None => {
                statement.push(" AND e.at = ").bind(self.at);
                statement.push(" AND e.id >= ").bind(first_id_at(Instant(self.at)));
            }
        }
        statement.push(" AND e.id < ").bind(first_id_after(self.id));
        statement.push(" AND e.subject_type = ").bind(object.name);
    }

    fn is_restoring(&self) -> bool {
        self.changes().iter().any(|change| change.field == "work" && change.new == "restore")
    }

    fn changes(&self) -> Vec<Change> {
        serde_json::from_str(&self.changes).unwrap_or_default()
    }

    fn rows(&self) -> i64 {
        self.changes().iter().find(|change| change.field == "rows").and_then(|change| change.new.as_i64()).unwrap_or(0)
    }
}

/// A record that was changed, as it is called now.
#[derive(sqlx::FromRow)]
struct Left {
    id: Uuid,
    event: Uuid,
    name: String,
    /// Of its amounts; `None` for records that have none, or none of their own.
    currency: Option<String>,
    changes: String,
    is_gone: i64,
}

/// GET /{plural}/bulk: what the person did at once; with `at`, the records of one of these with what they were, from the one
/// `after` an event.
pub async fn show(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let asks = pairs(&asked.query);
    let open = get(&asks, "at").parse::<i64>().ok();
    let after = get(&asks, "after").parse::<Uuid>().unwrap_or_default();
    let mut session = app.db.read().await?;
    let wanted = open.map_or(Wanted::Newest(None, ENTRIES), Wanted::At);
    let told = told(&mut session, &viewer, object, app.clock.now(), wanted).await?;
    let standing = standing(&mut session, &viewer, object, &told).await?;
    let mut left = if open.is_some() {
        let opened = told.first().ok_or(Error::NotFound)?;
        records_of(&mut session, &viewer, object, opened, after).await?
    } else {
        Vec::new()
    };
    let has_more = left.len() > SHOWN as usize;
    left.truncate(SHOWN as usize);
    let changes = |text: &str| serde_json::from_str::<Vec<Change>>(text).unwrap_or_default();
    let all: Vec<Change> =
        told.iter().flat_map(Told::changes).chain(left.iter().flat_map(|left| changes(&left.changes))).collect();
    let says = Says { viewer: &viewer, object, names: names_in(&mut session, &viewer, object, &all).await? };
    drop(session);
    let locale = viewer.locale;
    let entry = |told: &Told| {
        let (rows, standing) = (told.rows(), standing.get(&told.at).copied().unwrap_or(0));
        let more = if standing > COUNTED { "+" } else { "" };
        let counted = format!("{}{more}", format::grouped(standing.min(COUNTED)));
        let counts = [("standing", counted), ("count", format::grouped(rows))];
        let counts = counts.each_ref().map(|(name, text)| (*name, text.as_str()));
        let still = match standing {
            // What was taken out of the trash can't be undone at once.
            0 if told.is_restoring() => String::new(),
            0 => locale.text("bulk-history-none-left"),
            some if some < rows => locale.text_with("bulk-history-some-left", &counts),
            _ => locale.text_with("bulk-history-all-left", &counts),
        };
        Entry {
            at: told.at,
            when: format::instant(locale, Instant(told.at), &viewer.config.zone),
            what: told.changes().iter().filter_map(|change| says.done(change)).collect(),
            count: locale.counted("list-count", rows, &[("count", &format::grouped(rows))]),
            standing,
            still,
            is_open: open == Some(told.at),
        }
    };
    let touched = left.iter().map(|left| Touched {
        name: left.name.clone(),
        href: if left.is_gone == 1 { String::new() } else { format!("/{}/{}", object.plural, left.id) },
        changes: changes(&left.changes).iter().filter_map(|change| says.change(left, change)).collect(),
    });
    let title = locale.text("bulk-history");
    let page = Page::new(&viewer, &asked, title.clone());
    let of_one = |after: Option<Uuid>| {
        let after = after.map(|event| format!("&after={event}")).unwrap_or_default();
        format!("/{}/bulk?at={}{after}", object.plural, open.unwrap_or_default())
    };
    let body = Body {
        page: &page,
        object,
        plural: locale.text(&format!("{}-plural", object.name)),
        title,
        entries: told.iter().map(entry).collect(),
        is_one: open.is_some(),
        first_page: (!after.is_nil()).then(|| of_one(None)),
        next_page: left.last().filter(|_| has_more).map(|last| of_one(Some(last.event))),
        touched: touched.collect(),
    };
    respond_with(axum::http::StatusCode::OK, &page, render(&body)?)
}

/// One of these things, as a program is told of it.
pub struct Past {
    pub id: Uuid,
    pub at: Instant,
    /// `edit`, `trash` or `restore`.
    pub action: String,
    /// What the fields were set to, of fields that the person sees.
    pub set: BTreeMap<String, Json>,
    pub records: i64,
    /// So many are still as they were left.
    pub standing: i64,
    pub job: Option<Uuid>,
}

/// What the person did at once, newest first, behind an entry.
pub async fn past(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    now: Instant,
    (after, limit): (Option<Uuid>, i64),
) -> Result<Vec<Past>> {
    let told = told(session, viewer, object, now, Wanted::Newest(after, limit)).await?;
    let standing = standing(session, viewer, object, &told).await?;
    let all: Vec<Change> = told.iter().flat_map(Told::changes).collect();
    let names = names_in(session, viewer, object, &all).await?;
    let set = |change: &Change| {
        let field = viewer.projection(object).find(|field| field.key == change.field)?;
        let cell = match value::from_raw_json(field, &change.new) {
            // It stands as it was typed, since each record has its own currency.
            Cell::Text(text) if field.is_amount() => format::plain_number(&text).map_or(Cell::Null, Cell::Text),
            cell => cell,
        };
        let is_hidden = matches!(field.kind, Kind::Ref(_)) && cell.id().is_some_and(|id| !names.contains_key(&id));
        let cell = if is_hidden { Cell::Null } else { cell };
        Some((field.key.to_owned(), value::to_json(field, &cell, &viewer.config.base_currency)))
    };
    let past = told.iter().map(|told| {
        let changes = told.changes();
        let work = changes.iter().find(|change| change.field == "work").and_then(|change| change.new.as_str());
        Past {
            id: told.id,
            at: Instant(told.at),
            action: work.unwrap_or("edit").to_owned(),
            set: changes.iter().filter_map(set).collect(),
            records: told.rows(),
            standing: standing.get(&told.at).copied().unwrap_or(0).min(COUNTED),
            job: bulk_job::job_in(&changes),
        }
    });
    Ok(past.collect())
}

/// Which entries are asked for.
enum Wanted {
    /// Behind an entry, so many.
    Newest(Option<Uuid>, i64),
    /// What was done at an instant.
    At(i64),
    /// What was done after this id, by a job that the entry may name.
    Naming(Uuid),
}

async fn told(
    session: &mut Session,
    viewer: &Viewer,
    object: &Object,
    now: Instant,
    wanted: Wanted,
) -> Result<Vec<Told>> {
    // The kind stands in the text because an index is of this kind only.
    let mut statement =
        Sql::new(format!("SELECT e.id, e.at, e.changes FROM event e WHERE e.kind = '{EVENT}' AND e.actor_id = "));
    statement.bind(viewer.person).push(" AND e.id >= ").bind(first_id_at(now.plus_seconds(-DAYS * 86_400)));
    statement.push(" AND e.subject_type = ").bind(object.name);
    let limit = match wanted {
        Wanted::Newest(after, limit) => {
            if let Some(after) = after {
                statement.push(" AND e.id < ").bind(after);
            }
            limit
        }
        Wanted::At(at) => {
            statement.push(" AND e.id >= ").bind(first_id_at(Instant(at))).push(" AND e.at = ").bind(at);
            1
        }
        Wanted::Naming(job) => {
            statement.push(" AND e.id > ").bind(job).push(" AND e.changes LIKE ").bind(format!("%{job}%"));
            ENTRIES
        }
    };
    statement.push(" ORDER BY e.id DESC LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

/// When that job was written down as done at once, and whether undoing it would put anything back.
pub async fn of_job(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    now: Instant,
    job: Uuid,
) -> Result<Option<(i64, bool)>> {
    let told = told(session, viewer, object, now, Wanted::Naming(job)).await?;
    let Some(told) = told.into_iter().find(|told| bulk_job::job_in(&told.changes()) == Some(job)) else {
        return Ok(None);
    };
    let at = told.at;
    let standing = standing(session, viewer, object, &[told]).await?;
    Ok(Some((at, standing.get(&at).is_some_and(|standing| *standing > 0))))
}

/// Of each entry, how many records nobody has touched since: those that undoing puts back.
async fn standing(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    told: &[Told],
) -> Result<HashMap<i64, i64>> {
    let mut statement = Sql::default();
    for (index, told) in told.iter().enumerate() {
        statement.push(if index > 0 { " UNION ALL " } else { "" });
        statement.push("SELECT CAST(").bind(told.at).push(" AS BIGINT), COUNT(*) FROM (SELECT 1 FROM event e JOIN ");
        statement.push(object.table);
        statement.push(" t ON t.id = e.subject_id WHERE ");
        told.push_its_events(&mut statement, viewer, object);
        statement.push(
            " AND ((e.kind = 'updated' AND t.version = e.version AND t.deleted_at IS NULL)
                OR (e.kind = 'deleted' AND t.deleted_at = e.at)) AND ",
        );
        (object.visible)(&mut statement, &viewer.scope, Right::Write, "t");
        statement.push(" LIMIT ").bind(COUNTED + 1).push(") x");
    }
    if told.is_empty() {
        return Ok(HashMap::new());
    }
    Ok(session.all::<(i64, i64)>(statement).await?.into_iter().collect())
}

/// The records of one entry behind an event, as far as the person still sees them: a page of them, and one more.
async fn records_of(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    told: &Told,
    after: Uuid,
) -> Result<Vec<Left>> {
    let currency = if object.field("currency").is_some() { "t.currency" } else { "CAST(NULL AS TEXT)" };
    let mut statement = Sql::new(format!(
        "SELECT t.id, e.id AS event, t.{} AS name, {currency} AS currency, e.changes,
                CAST(CASE WHEN t.deleted_at IS NULL THEN 0 ELSE 1 END AS BIGINT) AS is_gone
           FROM event e JOIN {} t ON t.id = e.subject_id WHERE ",
        object.title_field().column,
        object.table
    ));
    told.push_its_events(&mut statement, viewer, object);
    statement.push(" AND e.id > ").bind(after).push(" AND e.kind IN ('updated', 'deleted', 'restored') AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    statement.push(" ORDER BY e.id LIMIT ").bind(SHOWN + 1);
    Ok(session.all(statement).await?)
}

/// What the changes point to is called, as far as the person may know; a statement for each kind.
async fn names_in(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    changes: &[Change],
) -> Result<HashMap<Uuid, String>> {
    let mut wanted: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
    for change in changes {
        let Some(Kind::Ref(target)) = object.field(&change.field).map(|field| field.kind) else { continue };
        let ids = [&change.old, &change.new].into_iter().filter_map(|json| json.as_str()?.parse::<Uuid>().ok());
        wanted.entry(target).or_default().extend(ids);
    }
    let mut names = HashMap::new();
    for (target, ids) in wanted.into_iter().filter(|(_, ids)| !ids.is_empty()) {
        match (plain_target(target), viewer.registry.get(target)) {
            (Some(plain), _) => {
                let mut statement =
                    Sql::new(format!("SELECT id, {} FROM {} WHERE id IN (", plain.title_column, plain.table));
                statement.bind_list(ids).push(")");
                names.extend(session.all::<(Uuid, String)>(statement).await?);
            }
            (None, Some(target)) => {
                let ids: Vec<Uuid> = ids.into_iter().collect();
                names.extend(query::names(session, viewer, target, &ids).await?);
            }
            (None, None) => {}
        }
    }
    Ok(names)
}

/// Puts into words what was done.
struct Says<'a> {
    viewer: &'a Viewer,
    object: &'static Object,
    names: HashMap<Uuid, String>,
}

impl Says<'_> {
    /// What an entry did to all of its records: label and value.
    fn done(&self, change: &Change) -> Option<(String, String)> {
        if change.field == "work" {
            let work = change.new.as_str()?;
            return Some((self.viewer.locale.text(&format!("change-work-{work}")), String::new()));
        }
        let field = self.field(&change.field)?;
        Some((self.viewer.locale.text(&self.object.label_key(field)), self.value(field, &change.new, None)))
    }

    /// What became of one record: label, before, after.
    fn change(&self, left: &Left, change: &Change) -> Option<(String, String, String)> {
        let field = self.field(&change.field)?;
        let label = self.viewer.locale.text(&self.object.label_key(field));
        let value = |json| self.value(field, json, left.currency.as_deref());
        Some((label, value(&change.old), value(&change.new)))
    }

    fn field(&self, key: &str) -> Option<&'static Field> {
        self.viewer.projection(self.object).find(|field| field.key == key)
    }

    fn value(&self, field: &'static Field, json: &Json, currency: Option<&str>) -> String {
        let (locale, config) = (self.viewer.locale, &self.viewer.config);
        let base = config.base_currency.as_str();
        let currency = if field.kind == Kind::BaseMoney { base } else { currency.unwrap_or(base) };
        let cell = value::from_raw_json(field, json);
        let label = cell.id().and_then(|id| self.names.get(&id)).map(String::as_str);
        let text = value::shown(self.object, field, &cell, label, currency, locale, &config.zone);
        if text.is_empty() { "–".into() } else { text }
    }
}
