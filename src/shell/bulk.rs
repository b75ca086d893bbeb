//! Work on many records at once: first what it will touch, then the doing. Each record goes through the same command as
//! if it were changed alone; what may not be changed is counted, not hidden. The preview carries the
//! versions it counted: what somebody else changed in between is left as they left it (Q31).
//!
//! What was done at once is undone at once (`bulk_undo`). More than a few hundred records are not done while somebody
//! waits, but by a job ([`super::bulk_job`]), which does them in portions.

use std::collections::{BTreeMap, HashMap};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::event::{self, Change, Event};
use store::{Cell, Instant, Session, Tx, Uuid, new_id};

use super::access::{Level, Right};
use super::app::App;
use super::bulk_job::{self, Which, Wish};
use super::by_name;
use super::error::{Error, FieldError, Result};
use super::form::{self, Filled, Input};
use super::layers::url_encode;
use super::list::{self, Asks};
use super::page::{Asked, Page, Toast, done, render, respond_with};
use super::record::command::{self, Source};
use super::record::query::{self, ListQuery, Portion, Question};
use super::record::{Actor, Kind, OWNER, Object, value};
use super::records::{for_many, get, pairs};
use super::viewer::Viewer;
use super::views;

/// The kind of the event that tells what was done at once; it is about no single record.
pub const EVENT: &str = "bulk";
/// What names the job that did it, among the changes of such an event.
pub const JOB: &str = "job";

/// So many records are worked on while somebody waits, in one transaction; more are a job's business.
pub const AT_ONCE: usize = 300;

/// So many can be named one by one. What matches a filter is as much as it is.
pub const MOST: i64 = 5000;

#[derive(askama::Template)]
#[template(path = "shell/bulk.html")]
struct BulkBody<'a> {
    page: &'a Page,
    object: &'static Object,
    action: String,
    title: String,
    count: usize,
    changeable: usize,
    named: Vec<Named>,
    ids: String,
    /// Everything that matches, as it was at this instant, instead of `ids`.
    seen: Option<i64>,
    is_job: bool,
    query: String,
    fields: Vec<(&'static str, String, bool)>,
    input: Option<Input>,
    /// The field that the input is for.
    key: String,
    error: Option<String>,
}

/// One of the records that an action is about.
struct Named {
    name: String,
    href: String,
    /// It is left as it is.
    is_left: bool,
}

/// So many are named; the rest is counted.
const LISTED: usize = 12;

impl BulkBody<'_> {
    fn unnamed(&self) -> usize {
        self.count - self.named.len()
    }
}

/// A record, and the version that the preview was of.
pub type Chosen = (Uuid, Option<i64>);

fn read_chosen(text: &str) -> Option<Chosen> {
    match text.split_once('@') {
        Some((id, version)) => Some((id.parse().ok()?, Some(version.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// What an action is about.
enum Selection {
    Named(Vec<Chosen>),
    /// Everything that matches, as it was at an instant: too much to name each.
    Matching(Box<ListQuery>, Instant),
}

impl Selection {
    fn is_job(&self) -> bool {
        match self {
            Selection::Named(chosen) => chosen.len() > AT_ONCE,
            Selection::Matching(..) => true,
        }
    }
}

/// The records that were ticked, or everything that matches.
async fn chosen(object: &'static Object, app: &App, viewer: &Viewer, pairs: &[(String, String)]) -> Result<Selection> {
    if get(pairs, "all") == "1" {
        let now = app.clock.now();
        let mut session = app.db.read().await?;
        let saved = views::saved_views(&mut session, viewer, object).await?;
        let query = list::settle(viewer, object, Asks::parse(get(pairs, "query")), &saved)?.query;
        let seen = get(pairs, "seen").parse::<i64>().ok();
        if seen.is_none() && get(pairs, "action") != "export" {
            let question = Question { viewer, object, query: &query, today: viewer.config.today(now) };
            let found = question.ids(&mut session, Portion::first(AT_ONCE as i64 + 1)).await?;
            if found.len() <= AT_ONCE {
                return Ok(Selection::Named(found.into_iter().map(|id| (id, None)).collect()));
            }
        }
        let seen = seen.map_or(now, |seen| Instant(seen.min(now.0)));
        return Ok(Selection::Matching(Box::new(query), seen));
    }
    let listed = get(pairs, "ids").split(',').map(str::to_owned).collect::<Vec<_>>();
    let ticked = pairs.iter().filter(|(key, _)| key == "id").map(|(_, value)| value.clone());
    let named = ticked.chain(listed).filter_map(|text| read_chosen(&text)).take(MOST as usize).collect();
    Ok(Selection::Named(named))
}

/// What the preview tells of the records before anything is done to them.
struct Foreseen {
    count: usize,
    changeable: usize,
    /// The first of them.
    first: Vec<Uuid>,
    /// Of those that may be changed.
    versions: HashMap<Uuid, i64>,
}

async fn foresee(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    session: &mut Session,
    selection: &Selection,
    right: Right,
) -> Result<Foreseen> {
    match selection {
        Selection::Named(chosen) => {
            let ids: Vec<Uuid> = chosen.iter().map(|(id, _)| *id).collect();
            let versions = query::versions_allowed(session, viewer, object, &ids, right).await?;
            let first = ids[..ids.len().min(LISTED)].to_vec();
            Ok(Foreseen { count: ids.len(), changeable: versions.len(), first, versions })
        }
        Selection::Matching(query, _) => {
            let question = Question { viewer, object, query, today: viewer.config.today(app.clock.now()) };
            let (count, changeable) = question.count_all(session, right).await?;
            let first = question.ids(session, Portion::first(LISTED as i64)).await?;
            let versions = query::versions_allowed(session, viewer, object, &first, right).await?;
            Ok(Foreseen { count: count as usize, changeable: changeable as usize, first, versions })
        }
    }
}

/// POST /{plural}/bulk: shows how many records an action would touch, and asks for its value.
pub async fn preview(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let access = viewer.scope.access(object.name);
    let may = if get(&pairs, "action") == "export" { access.export } else { access.write > Level::None };
    if !may {
        return Err(Error::NotFound);
    }
    let selection = chosen(object, &app, &viewer, &pairs).await?;
    if matches!(&selection, Selection::Named(chosen) if chosen.is_empty()) {
        return Err(Error::field("id", "invalid-bulk-none"));
    }
    if get(&pairs, "action") == "restore" {
        return apply(object, State(app), viewer, asked, body).await;
    }
    respond_preview(object, &app, &viewer, &asked, &pairs, &selection, None).await
}

async fn respond_preview(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    pairs: &[(String, String)],
    selection: &Selection,
    error: Option<String>,
) -> Result<Response> {
    let action = get(pairs, "action").to_owned();
    let locale = viewer.locale;
    let usable: Vec<_> = viewer.projection(object).filter(|field| for_many(field)).collect();
    let key = match action.as_str() {
        "assign" => OWNER,
        "edit" if !get(pairs, "field").is_empty() => get(pairs, "field"),
        "edit" => usable.first().map_or("", |field| field.key),
        _ => "",
    };
    let right = if key == OWNER { Right::Give } else { Right::Write };
    let mut session = app.db.read().await?;
    let Foreseen { count, changeable, first, versions } =
        foresee(object, app, viewer, &mut session, selection, right).await?;
    if count == 0 {
        return Err(Error::field("id", "invalid-bulk-none"));
    }
    let named = query::names(&mut session, viewer, object, &first).await?;
    drop(session);
    let named = named.into_iter().map(|(id, name)| Named {
        name,
        href: format!("/{}/{id}", object.plural),
        is_left: action != "export" && !versions.contains_key(&id),
    });
    let carried = |(id, seen): &Chosen| match seen.or(versions.get(id).copied().filter(|_| action != "export")) {
        Some(version) => format!("{id}@{version}"),
        None => id.to_string(),
    };
    let (ids, seen) = match selection {
        Selection::Named(chosen) => (chosen.iter().map(carried).collect::<Vec<_>>().join(","), None),
        Selection::Matching(_, seen) => (String::new(), Some(seen.0)),
    };
    let field = usable.iter().find(|field| field.key == key);
    if field.is_none() && matches!(action.as_str(), "assign" | "edit") {
        return Err(Error::NotFound);
    }
    let title = locale.text(match action.as_str() {
        "assign" => "bulk-assign-title",
        "edit" => "bulk-edit-title",
        "trash" => "bulk-trash-title",
        "export" => "bulk-export-title",
        _ => return Err(Error::NotFound),
    });
    let page = Page::new(viewer, asked, title.clone());
    let mut filled = Filled::default();
    // What was typed for another field is none of this one's values.
    let shown = get(pairs, "shown");
    let typed = if shown.is_empty() || shown == key { get(pairs, "value") } else { "" };
    filled.texts.insert(key.into(), typed.into());
    let input = field.map(|field| {
        let mut input = form::input(viewer, object, field, &filled, &[], "bulk-");
        by_name::offer(std::slice::from_mut(&mut input), &Filled::default());
        input.key = "value".into();
        input.required = false;
        input.wide = true;
        if field.kind == Kind::Money {
            input.prefix = "¤".into();
            input.hint = locale.text("bulk-amount-hint");
        }
        input
    });
    let body = BulkBody {
        page: &page,
        object,
        title,
        count,
        changeable: if action == "export" { count } else { changeable },
        is_job: selection.is_job() && action != "export",
        named: named.collect(),
        ids,
        seen,
        query: get(pairs, "query").to_owned(),
        fields: if action == "edit" {
            usable.iter().map(|field| (field.key, locale.text(&object.label_key(field)), field.key == key)).collect()
        } else {
            Vec::new()
        },
        input,
        key: key.to_owned(),
        error,
        action,
    };
    let status = if body.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    respond_with(status, &page, render(&body)?)
}

/// POST /{plural}/bulk/apply: one transaction for the whole; either all that may be changed is, or nothing. Of more than a few
/// hundred it makes a job.
pub async fn apply(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let selection = chosen(object, &app, &viewer, &pairs).await?;
    let action = get(&pairs, "action");
    let shown = get(&pairs, "shown");
    if get(&pairs, "choose") == "1" || (!shown.is_empty() && shown != get(&pairs, "field")) {
        // A field is chosen by a button of its own. Without it, its own value was not asked yet, and nothing would empty it.
        return respond_preview(object, &app, &viewer, &asked, &pairs, &selection, None).await;
    }
    let key = if action == "assign" { OWNER } else { get(&pairs, "field") };
    let field = viewer.projection(object).find(|field| field.key == key && for_many(field));
    if field.is_none() && matches!(action, "assign" | "edit") {
        return Err(Error::NotFound);
    }
    let work = match action {
        "trash" => Work::Trash,
        "restore" => Work::Restore,
        "assign" | "edit" => {
            let typed = [(key.to_owned(), "value".to_owned()), (by_name::name_key(key), by_name::name_key("value"))];
            let mut inputs = BTreeMap::from(typed.map(|(key, sent)| (key, get(&pairs, &sent).to_owned())));
            match by_name::find(&app, &viewer, object, &mut inputs).await {
                Err(Error::Invalid(errors)) => {
                    let said: Vec<String> = errors.iter().map(|error| error.text(viewer.locale)).collect();
                    let said = Some(said.join(" "));
                    return respond_preview(object, &app, &viewer, &asked, &pairs, &selection, said).await;
                }
                found => found?,
            }
            inputs.retain(|input, _| input == key);
            Work::Set(inputs)
        }
        _ => return Err(Error::NotFound),
    };
    let refuse = async |wrong: Vec<(Uuid, Vec<FieldError>)>| {
        let mut texts: Vec<String> =
            wrong.iter().flat_map(|(_, errors)| errors).map(|error| error.text(viewer.locale)).collect();
        texts.dedup();
        respond_preview(object, &app, &viewer, &asked, &pairs, &selection, Some(texts.join(" "))).await
    };
    let named = match &selection {
        Selection::Named(named) if !selection.is_job() => named,
        _ => {
            let which = match &selection {
                Selection::Named(named) => Which::named(named.clone()),
                Selection::Matching(query, seen) => Which::matching(query, *seen),
            };
            let wish = Wish { object, work, which, dry_run: false, from: get(&pairs, "query").to_owned() };
            let wrong = bulk_job::try_out(&app, &viewer, "page", &wish).await?;
            if !wrong.is_empty() {
                return refuse(wrong).await;
            }
            let total = wish.total(&app, &viewer).await?;
            let job = app.at_page(&viewer, async |tx, actor| bulk_job::order(tx, actor, wish, total).await).await?;
            app.jobs.notify_one();
            return Ok(done(&asked, &format!("/bulk-jobs/{job}"), None));
        }
    };
    let (mut tx, actor) = app.write_as(&viewer, "page").await?;
    let done_with = run(&mut tx, &actor, object, named, &work, Source::Form).await?;
    if !done_with.wrong.is_empty() {
        drop(tx);
        return refuse(done_with.wrong).await;
    }
    let may_undo = may_undo(&mut tx, &actor, object, &work, &done_with).await?;
    note(&mut tx, &actor, object, &work, &done_with, None).await?;
    tx.commit().await?;
    let (changed, left) = (done_with.changed.len().to_string(), done_with.left.len().to_string());
    let mut text = viewer.locale.text_with("bulk-done", &[("changed", &changed), ("left", &left)]);
    if !done_with.stale.is_empty() {
        let count = done_with.stale.len().to_string();
        text.push_str(&viewer.locale.text_with("bulk-stale", &[("count", &count)]));
    }
    if may_undo {
        text.push_str(&viewer.locale.text("bulk-undo-later"));
    }
    let mut toast = Toast::success(text);
    if may_undo {
        let query = url_encode(get(&pairs, "query"));
        toast = toast.with_undo(format!("/{}/bulk/undo?at={}&query={query}", object.plural, actor.now.0));
    }
    Ok(done(&asked, &format!("/{}?{}", object.plural, get(&pairs, "query")), Some(toast)))
}

// ---- the work itself, for pages and API

/// What is to be done with each record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// These fields get these texts.
    Set(BTreeMap<String, String>),
    Trash,
    Restore,
}

/// What became of each record.
#[derive(Debug, Default)]
pub struct Outcome {
    pub changed: Vec<Uuid>,
    /// Of those, how many are not as they were: some stood at the value already.
    pub touched: usize,
    /// What the fields were set to, as events keep it.
    pub set: BTreeMap<String, Json>,
    /// Not there, or not to be changed by this person.
    pub left: Vec<Uuid>,
    /// Changed by somebody else since they were chosen.
    pub stale: Vec<Uuid>,
    /// Against a rule. One is enough for the whole not to be done.
    pub wrong: Vec<(Uuid, Vec<FieldError>)>,
}

/// So many records that break a rule are named; nobody reads more.
const NAMED: usize = 100;

/// Does the work in the caller's transaction, which is not to be committed when anything is wrong.
pub async fn run(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    chosen: &[Chosen],
    work: &Work,
    source: Source,
) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for (id, seen) in chosen {
        let done = match work {
            Work::Set(inputs) => {
                let set = set_fields(tx, actor, object, (*id, *seen), inputs, source).await;
                set.map(|(set, is_touched)| {
                    outcome.set = set;
                    is_touched
                })
            }
            Work::Restore => command::set_deleted(tx, actor, object, *id, false).await.map(|()| true),
            Work::Trash => match throw_away(tx, actor, object, (*id, *seen)).await {
                Ok(Thrown::Stale) => {
                    outcome.stale.push(*id);
                    continue;
                }
                other => other.map(|_| true),
            },
        };
        match done {
            Ok(is_touched) => {
                outcome.changed.push(*id);
                outcome.touched += usize::from(is_touched);
            }
            Err(Error::NotFound | Error::Forbidden) => outcome.left.push(*id),
            // Theirs to change, but not to give to somebody else: no fault of what was asked for.
            Err(Error::Invalid(errors)) if errors.iter().any(|error| error.key == command::OWNER_STAYS) => {
                outcome.left.push(*id);
            }
            Err(Error::Conflict(_)) => outcome.stale.push(*id),
            Err(Error::Invalid(errors)) => {
                // After a statement that the database refused, PostgreSQL takes no other in this transaction.
                let is_over = errors.iter().any(|error| error.key == "invalid-duplicate");
                outcome.wrong.push((*id, errors));
                if is_over || outcome.wrong.len() >= NAMED {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

async fn set_fields(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    (id, seen): Chosen,
    inputs: &BTreeMap<String, String>,
    source: Source,
) -> Result<(BTreeMap<String, Json>, bool)> {
    let before = command::load_for_write(tx, actor, object, id).await?;
    let draft = command::read_inputs(object, &actor.viewer, inputs, Some(&before), source)?;
    // An empty value for a person would leave a record without an owner.
    if inputs.contains_key(OWNER) && draft.get(OWNER).is_none_or(Cell::is_null) {
        return Err(Error::field(OWNER, "invalid-required"));
    }
    let set = inputs.iter().filter_map(|(key, text)| {
        let field = object.field(key)?;
        // An amount is in the currency of each record.
        let cell = draft.get(key)?;
        Some((key.clone(), if field.is_amount() { json!(text) } else { value::raw_json(cell) }))
    });
    let set = set.collect();
    let version = command::update_loaded(tx, actor, object, &before, seen, draft).await?;
    Ok((set, version != before.version))
}

/// Writes down that this was done at once, in the transaction in which it was, or by which job: so it is found again, and undone
/// as one.
pub async fn note(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    work: &Work,
    outcome: &Outcome,
    job: Option<Uuid>,
) -> Result<()> {
    if outcome.touched == 0 {
        return Ok(());
    }
    let fact = |field: &str, new: Json| Change { field: field.into(), old: Json::Null, new };
    let mut changes = vec![fact("rows", json!(outcome.touched))];
    match work {
        Work::Set(_) => changes.extend(outcome.set.iter().map(|(field, value)| fact(field, value.clone()))),
        Work::Trash => changes.push(fact("work", json!("trash"))),
        Work::Restore => changes.push(fact("work", json!("restore"))),
    }
    changes.extend(job.map(|job| fact(JOB, json!(job))));
    let event = Event {
        id: new_id(&actor.clock),
        at: actor.now,
        actor: Some(actor.viewer.person),
        via: actor.via,
        kind: EVENT,
        subject_type: object.name,
        subject_id: new_id(&actor.clock),
        account_id: None,
        version: 0,
        changes: &changes,
        reason: None,
    };
    Ok(event::record(tx, event).await?)
}

/// Into the trash, unless somebody else changed it since it was chosen.
async fn throw_away(tx: &mut Tx, actor: &Actor, object: &'static Object, (id, seen): Chosen) -> Result<Thrown> {
    if let Some(seen) = seen
        && command::load_for_write(tx, actor, object, id).await?.version != seen
    {
        return Ok(Thrown::Stale);
    }
    command::set_deleted(tx, actor, object, id, true).await.map(|()| Thrown::Away)
}

enum Thrown {
    Away,
    Stale,
}

/// Whether undoing would find anything that the person may still change: what they gave out of their own reach stays there.
pub async fn may_undo(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    work: &Work,
    outcome: &Outcome,
) -> Result<bool> {
    Ok(match work {
        Work::Restore => false,
        Work::Trash => !outcome.changed.is_empty(),
        Work::Set(_) if outcome.changed.is_empty() => false,
        Work::Set(_) => {
            !query::versions_allowed(tx, &actor.viewer, object, &outcome.changed, Right::Write).await?.is_empty()
        }
    })
}
