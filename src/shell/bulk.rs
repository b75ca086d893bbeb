//! Work on many records at once: first what it will touch, then the doing. Each record goes through the same command as
//! if it were changed alone; what may not be changed is counted, not hidden. The preview carries the
//! versions it counted: what somebody else changed in between is left as they left it (Q31).

use std::collections::HashMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use store::{Cell, Sql, Uuid};

use super::access::{Level, Right};
use super::app::App;
use super::error::{Error, FieldError, Result};
use super::form::{self, Filled, Input};
use super::layers::url_encode;
use super::list::{self, Asks};
use super::page::{Asked, Page, Toast, done, render, respond_with};
use super::record::command::{self, Source};
use super::record::{Object, query};
use super::records::{for_many, get, pairs};
use super::viewer::Viewer;

/// At most this many records in one go; more is an import's or a job's business.
const MOST: i64 = 5000;

#[derive(askama::Template)]
#[template(path = "shell/bulk.html")]
struct BulkBody<'a> {
    page: &'a Page,
    object: &'static Object,
    action: String,
    title: String,
    count: usize,
    changeable: usize,
    ids: String,
    query: String,
    fields: Vec<(&'static str, String, bool)>,
    input: Option<Input>,
    error: Option<String>,
}

/// A record, and the version that the preview was of.
type Chosen = (Uuid, Option<i64>);

fn read_chosen(text: &str) -> Option<Chosen> {
    match text.split_once('@') {
        Some((id, version)) => Some((id.parse().ok()?, Some(version.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// The records that were ticked, or everything that matches.
async fn chosen(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    pairs: &[(String, String)],
) -> Result<Vec<Chosen>> {
    if get(pairs, "all") == "1" {
        let mut session = app.db.read().await?;
        let saved = list::saved_views(&mut session, viewer, object).await?;
        let settled = list::settle(viewer, object, Asks::parse(get(pairs, "query")), &saved)?;
        let today = viewer.config.today(app.clock.now());
        let found = query::ids(&mut session, viewer, app.registry, object, &settled.query, today, MOST + 1).await?;
        if found.len() as i64 > MOST {
            return Err(Error::Invalid(vec![FieldError::new("all", "invalid-bulk-too-many").with("most", MOST)]));
        }
        return Ok(found.into_iter().map(|id| (id, None)).collect());
    }
    let listed = get(pairs, "ids").split(',').map(str::to_owned).collect::<Vec<_>>();
    let ticked = pairs.iter().filter(|(key, _)| key == "id").map(|(_, value)| value.clone());
    Ok(ticked.chain(listed).filter_map(|text| read_chosen(&text)).take(MOST as usize).collect())
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
    let ids = chosen(object, &app, &viewer, &pairs).await?;
    if ids.is_empty() {
        return Err(Error::field("id", "invalid-bulk-none"));
    }
    if get(&pairs, "action") == "restore" {
        return apply(object, State(app), viewer, asked, body).await;
    }
    respond_preview(object, &app, &viewer, &asked, &pairs, &ids, None).await
}

async fn respond_preview(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    pairs: &[(String, String)],
    chosen: &[Chosen],
    error: Option<String>,
) -> Result<Response> {
    let action = get(pairs, "action").to_owned();
    let locale = viewer.locale;
    let ids: Vec<Uuid> = chosen.iter().map(|(id, _)| *id).collect();
    let versions = if action == "export" {
        HashMap::new()
    } else {
        let mut session = app.db.read().await?;
        query::versions_allowed(&mut session, viewer, object, &ids, Right::Write).await?
    };
    let changeable = if action == "export" { ids.len() } else { versions.len() };
    let carried = |(id, seen): &Chosen| match seen.or(versions.get(id).copied()) {
        Some(version) => format!("{id}@{version}"),
        None => id.to_string(),
    };
    let usable: Vec<_> = viewer.projection(object).filter(|field| for_many(field)).collect();
    let key = match action.as_str() {
        "assign" => "owner",
        "edit" if !get(pairs, "field").is_empty() => get(pairs, "field"),
        "edit" => usable.first().map_or("", |field| field.key),
        _ => "",
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
    filled.texts.insert(key.into(), get(pairs, "value").into());
    let input = field.map(|field| {
        let mut input = form::input(viewer, object, field, &filled, &[], "bulk-");
        input.key = "value".into();
        input.required = false;
        input.wide = true;
        input.prefix = viewer.config.base_currency.clone();
        input
    });
    let body = BulkBody {
        page: &page,
        object,
        title,
        count: ids.len(),
        changeable,
        ids: chosen.iter().map(carried).collect::<Vec<_>>().join(","),
        query: get(pairs, "query").to_owned(),
        fields: if action == "edit" {
            usable.iter().map(|field| (field.key, locale.text(&object.label_key(field)), field.key == key)).collect()
        } else {
            Vec::new()
        },
        input,
        error,
        action,
    };
    let status = if body.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    respond_with(status, &page, render(&body)?)
}

/// POST /{plural}/bulk/apply: one transaction for the whole; either all that may be changed is, or nothing.
pub async fn apply(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let ids = chosen(object, &app, &viewer, &pairs).await?;
    let action = get(&pairs, "action");
    if get(&pairs, "choose") == "1" {
        // Without scripts the field is chosen by a button of its own.
        return respond_preview(object, &app, &viewer, &asked, &pairs, &ids, None).await;
    }
    let key = if action == "assign" { "owner" } else { get(&pairs, "field") };
    let field = viewer.projection(object).find(|field| field.key == key && for_many(field));
    if field.is_none() && matches!(action, "assign" | "edit") {
        return Err(Error::NotFound);
    }
    let actor = app.actor(&viewer, "page");
    let mut tx = app.db.write().await?;
    let (mut changed, mut left, mut stale) = (0usize, 0usize, 0i64);
    for (id, seen) in &ids {
        let outcome = match action {
            "trash" => command::set_deleted(&mut tx, &actor, object, *id, true).await,
            "restore" => command::set_deleted(&mut tx, &actor, object, *id, false).await,
            "assign" | "edit" => set_field(&mut tx, &actor, object, *id, *seen, key, get(&pairs, "value")).await,
            _ => return Err(Error::NotFound),
        };
        match outcome {
            Ok(()) => changed += 1,
            Err(Error::NotFound | Error::Forbidden) => left += 1,
            Err(Error::Conflict(_)) => stale += 1,
            Err(Error::Invalid(errors)) => {
                drop(tx);
                let text = errors.iter().map(|error| error.text(viewer.locale)).collect::<Vec<_>>().join(" ");
                return respond_preview(object, &app, &viewer, &asked, &pairs, &ids, Some(text)).await;
            }
            Err(error) => return Err(error),
        }
    }
    tx.commit().await?;
    let (changed, left) = (changed.to_string(), left.to_string());
    let mut text = viewer.locale.text_with("bulk-done", &[("changed", &changed), ("left", &left)]);
    if stale > 0 {
        text.push_str(&viewer.locale.text_with("bulk-stale", &[("count", &stale.to_string())]));
    }
    let mut toast = Toast::success(text);
    if action == "trash" && changed != "0" {
        let query = url_encode(get(&pairs, "query"));
        toast = toast.with_undo(format!("/{}/bulk/undo?at={}&query={query}", object.plural, actor.now.0));
    }
    Ok(done(&asked, &format!("/{}?{}", object.plural, get(&pairs, "query")), Some(toast)))
}

/// POST /{plural}/bulk/undo?at=: takes out of the trash what the person put there at once at that instant, and what still lies
/// there since.
pub async fn undo_trash(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let mut given = pairs(&body);
    given.extend(pairs(&asked.query));
    let at = get(&given, "at").parse::<i64>().ok().filter(|at| *at >= 0);
    let at = at.ok_or(Error::Refused { status: 400, key: "error-bad-request" })?;
    let actor = app.actor(&viewer, "page");
    let mut tx = app.db.write().await?;
    // Events are found by who made them and from when: their ids begin with the time.
    let since = Uuid::from_u128(u128::from(at.unsigned_abs() / 1000) << 80);
    let mut statement = Sql::new(format!("SELECT t.id FROM {} t WHERE t.deleted_at = ", object.table));
    statement.bind(at).push(" AND t.id IN (SELECT e.subject_id FROM event e WHERE e.actor_id = ").bind(viewer.person);
    statement.push(" AND e.id >= ").bind(since).push(" AND e.at = ").bind(at);
    statement.push(&format!(" AND e.kind = 'deleted' AND e.subject_type = '{}') ORDER BY t.id", object.name));
    let (mut back, mut left) = (0usize, 0usize);
    for (id,) in tx.all::<(Uuid,)>(statement).await? {
        match command::set_deleted(&mut tx, &actor, object, id, false).await {
            Ok(()) => back += 1,
            Err(Error::NotFound | Error::Forbidden) => left += 1,
            Err(error) => return Err(error),
        }
    }
    tx.commit().await?;
    let text = viewer.locale.text_with("bulk-done", &[("changed", &back.to_string()), ("left", &left.to_string())]);
    Ok(done(&asked, &format!("/{}?{}", object.plural, get(&given, "query")), Some(Toast::success(text))))
}

async fn set_field(
    tx: &mut store::Tx,
    actor: &super::record::Actor,
    object: &'static Object,
    id: Uuid,
    seen: Option<i64>,
    key: &str,
    value: &str,
) -> Result<()> {
    let before = command::load_for_write(tx, actor, object, id).await?;
    let inputs = std::collections::BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let draft = command::read_inputs(object, &actor.viewer, &inputs, Some(&before), Source::Form)?;
    // An empty value for a person would leave a record without an owner.
    if key == "owner" && draft.get("owner").is_none_or(Cell::is_null) {
        return Err(Error::field("owner", "invalid-required"));
    }
    command::update_loaded(tx, actor, object, &before, seen, draft).await.map(drop)
}
