//! The operations that every kind of record has: list, make, read, change, put into the trash and take out again, history, and
//! shares where the kind knows them. Each is five lines over the record engine; nothing here knows what an account is.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};
use store::{Session, Tx, Uuid};

use super::answer::Answer;
use super::call::{Asking, Body, Had, Ids, IfMatch, Post};
use super::operation::{Api, Operation, page_of, pascal, reference};
use super::{bulk, export, history, shape, shares, views};
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::layers::url_encode;
use crate::shell::record::command::{self, Source};
use crate::shell::record::filter::{Filter, Op};
use crate::shell::record::query::{self, Cursor, ListQuery, Question, Row};
use crate::shell::record::{Actor, Draft, Field, Kind, Loaded, Object, Registry, share, value};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

/// People leave by being disabled; what they did stays theirs. They are never deleted.
fn has_trash(object: &Object) -> bool {
    object.name != "person"
}

/// The operations of every kind of record.
pub fn operations(registry: &'static Registry) -> Api {
    let mut api = registry.objects.iter().fold(Api::new(), |api, object| of_object(api, object));
    api.objects = registry.objects.to_vec();
    api
}

fn of_object(api: Api, object: &'static Object) -> Api {
    let name = pascal(object.name);
    let all = format!("/api/{}", object.plural);
    let one = format!("{all}/{{id}}");
    let group = object.name;
    let api = api
        .operation(
            list_operation(object, &all),
            move |State(app): State<App>, viewer: Viewer, asking: Asking| async move {
                list(object, &app, &viewer, &asking).await
            },
        )
        .operation(
            Operation::post(&all, format!("create{name}"), group, "api-create")
                .policy(Policy::Create(object.name))
                .takes(reference(&format!("{name}Create")))
                .example(example(object))
                .gives(201, reference(&name))
                .with_header("ETag"),
            move |State(app): State<App>, viewer: Viewer, body: Body| async move {
                create(object, &app, &viewer, &body).await
            },
        )
        .operation(
            Operation::get(&one, format!("get{name}"), group, "api-get")
                .policy(Policy::Read(object.name))
                .header("If-None-Match", json!({ "type": "string" }), "api-parameter-if-none-match")
                .gives(200, reference(&name))
                .with_header("ETag")
                .gives_nothing(304)
                .with_header("ETag"),
            move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, had: Had| async move {
                get(object, &app, &viewer, id, &had).await
            },
        )
        .operation(
            Operation::new(Method::PATCH, &one, format!("update{name}"), group, "api-update")
                .policy(Policy::Change(object.name))
                .conditional()
                .takes(reference(&format!("{name}Patch")))
                .gives(200, reference(&name))
                .with_header("ETag"),
            move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, seen: IfMatch, body: Body| async move {
                update(object, &app, &viewer, id, seen, &body).await
            },
        )
        .operation(
            Operation::get(format!("{one}/events"), format!("list{name}Events"), group, "api-events")
                .policy(Policy::Read(object.name))
                .paged()
                .gives(200, page_of(reference("Event"))),
            move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, asking: Asking| async move {
                history::list(object, &app, &viewer, id, &asking).await
            },
        );
    let api = export::operations(api, object);
    let api = views::operations(api, object);
    let api = if has_trash(object) { bulk::operations(with_trash(api, object, &one, &name), object) } else { api };
    if share::is_shared(object) { shares::operations(api, object) } else { api }
}

fn with_trash(api: Api, object: &'static Object, one: &str, name: &str) -> Api {
    api.operation(
        Operation::new(Method::DELETE, one, format!("delete{name}"), object.name, "api-delete")
            .policy(Policy::Change(object.name))
            .conditional()
            .gives_nothing(204),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, seen: IfMatch| async move {
            delete(object, &app, &viewer, id, seen).await
        },
    )
    .operation(
        Operation::post(format!("{one}/restoration"), format!("restore{name}"), object.name, "api-restore")
            .policy(Policy::Change(object.name))
            .gives(200, reference(name))
            .with_header("ETag"),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, post: Post| async move {
            restore(object, &app, &viewer, id, &post).await
        },
    )
}

/// A body that makes a record: what is required, and a few words more. Amounts are in the organisation's own currency.
fn example(object: &'static Object) -> Json {
    let shown = |field: &&Field| {
        shape::is_written(field, true)
            && (field.required || field.quick)
            && !field.when_asked
            && !matches!(field.kind, Kind::Ref(_) | Kind::CreditCode | Kind::Currency)
            && field.key != "password"
    };
    let members: Map<String, Json> =
        object.fields.iter().filter(shown).map(|field| (field.key.to_owned(), shape::example(object, field))).collect();
    Json::Object(members)
}

// ---- listing

fn sortable(object: &'static Object) -> impl Iterator<Item = &'static Field> {
    object.fields.iter().filter(|field| field.sort_column.is_some())
}

fn list_operation(object: &'static Object, path: &str) -> Operation {
    let mut page = page_of(reference(&pascal(object.name)));
    page["properties"]["count"] = json!({ "type": "integer", "minimum": 0, "maximum": COUNT });
    page["properties"]["count_is_capped"] = json!({ "type": "boolean" });
    let operation = Operation::get(path, format!("list{}", pascal(object.plural)), object.name, "api-list")
        .policy(Policy::Read(object.name));
    with_fields(with_filters(operation, object), object)
        .query("count", json!({ "type": "boolean", "default": false }), "api-parameter-count")
        .query("trash", json!({ "type": "boolean", "default": false }), "api-parameter-trash")
        .paged()
        .gives(200, page)
}

/// What a filter of this kind of record looks like.
pub fn filter_pattern(object: &'static Object) -> String {
    let filtered = |field: &&Field| field.filtered && shape::is_read(field);
    let filterable: Vec<&str> = object.fields.iter().filter(filtered).map(|f| f.key).collect();
    let operators: Vec<&str> = Op::ALL.iter().map(|op| op.key()).collect();
    format!(r"^({}):({}):[^\u0000-\u001f\u007f-\u009f]*$", filterable.join("|"), operators.join("|"))
}

/// `f` and `q`: which records.
pub fn with_filters(operation: Operation, object: &'static Object) -> Operation {
    let filter = filter_pattern(object);
    operation
        .query(
            "f",
            json!({ "type": "array", "maxItems": FILTERS, "items": { "type": "string", "maxLength": 2000, "pattern": filter } }),
            "api-parameter-f",
        )
        .query("q", json!({ "type": "string", "maxLength": 200, "pattern": shape::Lexis::Line.pattern() }), "api-parameter-q")
}

/// Every order that a list can have.
pub fn sorts(object: &'static Object) -> Vec<String> {
    sortable(object).flat_map(|field| [field.key.to_owned(), format!("-{}", field.key)]).collect()
}

/// `sort` and `fields`: in which order, and what of them.
pub fn with_fields(operation: Operation, object: &'static Object) -> Operation {
    let readable: Vec<&str> = object.fields.iter().filter(|f| shape::is_read(f)).map(|f| f.key).collect();
    operation
        .query(
            "sort",
            json!({ "type": "string", "enum": sorts(object), "default": object.default_sort }),
            "api-parameter-sort",
        )
        .query_list(
            "fields",
            json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": readable } }),
            "api-parameter-fields",
        )
}

/// At most so many filters in one call.
pub const FILTERS: usize = 20;
/// Counting stops here.
const COUNT: i64 = 1000;

async fn list(object: &'static Object, app: &App, viewer: &Viewer, asking: &Asking) -> Result<Answer> {
    asking.only(&["f", "q", "sort", "fields", "count", "trash", "limit", "after"])?;
    let (asked, query) = (asking.flag("count")?, list_query(object, viewer, asking)?);
    let question = Question { viewer, object, query: &query, today: viewer.config.today(app.clock.now()) };
    let mut session = app.db.read().await?;
    let page = question.page(&mut session).await?;
    let next = page.next.map(|cursor| cursor.to_text());
    let data: Vec<Json> = page.rows.iter().map(|row| of_row(viewer, row, &query.fields)).collect();
    let mut body = json!({ "data": data, "next": next });
    if asked {
        let count = question.count(&mut session, COUNT).await?;
        body["count"] = json!(count.min(COUNT));
        body["count_is_capped"] = json!(count > COUNT);
    }
    let link = next.map(|cursor| format!("</api/{}?{}>; rel=\"next\"", object.plural, next_query(asking, &cursor)));
    Ok(Answer { link, ..Answer::ok(body) })
}

fn next_query(asking: &Asking, cursor: &str) -> String {
    let mut pairs = Vec::new();
    for name in ["f", "q", "sort", "fields", "count", "trash", "limit"] {
        pairs.extend(asking.all(name).iter().map(|value| format!("{name}={}", url_encode(value))));
    }
    pairs.push(format!("after={cursor}"));
    pairs.join("&")
}

/// Which records a call asks for, in which order and with which fields.
pub fn list_query(object: &'static Object, viewer: &Viewer, asking: &Asking) -> Result<ListQuery> {
    let (sort, descending) = sort_of(object, viewer, asking.one("sort")?)?;
    let after = asking.one("after")?;
    if after.is_some_and(|text| text.is_empty() || text.len() > 1000) {
        return Err(Error::malformed("after", "invalid-cursor"));
    }
    Ok(ListQuery {
        fields: fields_of(object, viewer, asking.one("fields")?)?,
        filters: filters_of(object, viewer, asking.all("f"))?,
        words: asking.text("q", 200)?.map(str::to_owned),
        sort,
        descending,
        after: after.map(|text| Cursor::parse(sort, text)).transpose()?,
        limit: asking.whole("limit", 1, 200, 50)?,
        trash: asking.flag("trash")?,
    })
}

/// Hidden fields sort nothing: their order would tell their values.
pub fn sort_of(object: &'static Object, viewer: &Viewer, asked: Option<&str>) -> Result<(&'static Field, bool)> {
    let text = asked.unwrap_or(object.default_sort);
    let (key, descending) = text.strip_prefix('-').map_or((text, false), |key| (key, true));
    let field = sortable(object).find(|field| field.key == key).ok_or(Error::malformed("sort", "invalid-sort"))?;
    if viewer.sees(object, key) {
        return Ok((field, descending));
    }
    match asked {
        Some(_) => Err(Error::field("sort", "invalid-sort")),
        None => sortable(object)
            .find(|field| viewer.sees(object, field.key))
            .map(|field| (field, descending))
            .ok_or(Error::field("sort", "invalid-sort")),
    }
}

fn fields_of(object: &'static Object, viewer: &Viewer, asked: Option<&str>) -> Result<Vec<&'static Field>> {
    let visible = || viewer.shown(object);
    let Some(text) = asked else { return Ok(visible().collect()) };
    let unknown = |key: &str| vec![FieldError::new("fields", "invalid-field").with("value", key)];
    let mut fields: Vec<&'static Field> = Vec::new();
    for key in text.split(',') {
        if !object.fields.iter().any(|field| field.key == key && shape::is_read(field)) {
            return Err(Error::Malformed(unknown(key)));
        }
        let field = visible().find(|field| field.key == key).ok_or_else(|| Error::Invalid(unknown(key)))?;
        if !fields.iter().any(|other| other.key == key) {
            fields.push(field);
        }
    }
    Ok(fields)
}

pub fn filters_of(object: &'static Object, viewer: &Viewer, texts: &[String]) -> Result<Vec<Filter>> {
    if texts.len() > FILTERS {
        return Err(Error::Malformed(vec![FieldError::new("f", "invalid-too-many").with("max", FILTERS)]));
    }
    texts
        .iter()
        .map(|text| {
            if text.chars().count() > 2000 || text.chars().any(char::is_control) {
                return Err(Error::malformed("f", "invalid-text"));
            }
            Filter::parse(object, viewer, text)
        })
        .collect()
}

/// A record as the API gives it. References stand as ids, each with the label of what it points to.
pub fn of_row(viewer: &Viewer, row: &Row, fields: &[&'static Field]) -> Json {
    let mut members = Map::new();
    members.insert("id".into(), json!(row.id));
    members.insert("version".into(), json!(row.version));
    for ((field, cell), label) in fields.iter().zip(&row.cells).zip(&row.labels) {
        let currency = if field.kind == Kind::BaseMoney { &viewer.config.base_currency } else { &row.currency };
        members.insert(field.key.into(), value::to_json(field, cell, currency));
        if matches!(field.kind, Kind::Ref(_)) {
            members.insert(format!("{}_label", field.key), json!(label));
        }
    }
    Json::Object(members)
}

/// The record with everything the viewer may see of it. Somebody who gave a record away no longer sees it: then only
/// its id and version are left to say.
pub async fn present(
    session: &mut Session,
    actor: &Actor,
    object: &'static Object,
    id: Uuid,
    version: i64,
) -> Result<Answer> {
    let body = match query::find(session, &actor.viewer, object, id).await {
        Ok((row, fields)) => of_row(&actor.viewer, &row, &fields),
        Err(Error::NotFound) => json!({ "id": id, "version": version }),
        Err(error) => return Err(error),
    };
    Ok(Answer::of_version(body["version"].as_i64().unwrap_or(version), body))
}

// ---- reading and writing one

async fn get(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid, had: &Had) -> Result<Answer> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, object, id).await?;
    let answer = Answer::of_version(row.version, of_row(viewer, &row, &fields));
    if answer.etag.as_deref().is_some_and(|tag| had.has(tag)) {
        return Ok(Answer { status: StatusCode::NOT_MODIFIED, body: None, ..answer });
    }
    Ok(answer)
}

/// Checks the shape of a body and turns its members into the texts that the record engine reads.
pub fn inputs_of(
    object: &'static Object,
    members: &Map<String, Json>,
    creating: bool,
) -> Result<BTreeMap<String, String>> {
    let mut inputs = BTreeMap::new();
    let mut errors = Vec::new();
    for (key, given) in members {
        let Some(field) = object.field(key).filter(|field| shape::is_written(field, creating)) else {
            let known =
                key == "id" || key == "version" || object.field(key.strip_suffix("_label").unwrap_or(key)).is_some();
            errors.push(FieldError::new(key, if known { "invalid-read-only" } else { "invalid-unknown-field" }));
            continue;
        };
        let whole = if given.is_number() {
            shape::whole(given).map_or_else(|| given.clone(), |n| json!(n))
        } else {
            given.clone()
        };
        match shape::check(field, &whole).and_then(|()| value::from_json(field, &whole)) {
            Ok(text) => {
                inputs.insert(key.clone(), text);
            }
            Err(error) => errors.push(error),
        }
    }
    if creating {
        let missing = |field: &&Field| field.required && !members.contains_key(field.key);
        errors.extend(object.fields.iter().filter(missing).map(|field| FieldError::new(field.key, "invalid-required")));
    }
    if errors.is_empty() { Ok(inputs) } else { Err(Error::Malformed(errors)) }
}

async fn create(object: &'static Object, app: &App, viewer: &Viewer, body: &Body) -> Result<Answer> {
    let inputs = inputs_of(object, body.members()?, true)?;
    let draft = command::read_new(object, viewer, &inputs, Source::Strict).await?;
    let made = body.post.once_of(object, app, viewer, async |tx, actor| {
        let id = command::create(tx, actor, object, draft).await?;
        Ok(present(tx, actor, object, id, 1).await?.made_at(format!("/api/{}/{id}", object.plural)))
    });
    made.await
}

/// A kept answer about a record is given only to somebody who may still see it, and only what they may still see. Asked in the
/// transaction that found the answer: of calls that come together the first one's record is not stored yet.
pub async fn said_again(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    mut answer: Answer,
) -> Result<Answer> {
    let Some(Json::Object(members)) = answer.body.as_mut().filter(|_| answer.replayed) else { return Ok(answer) };
    let id = members.get("id").and_then(Json::as_str).and_then(shape::uuid);
    let visible = match id {
        Some(id) => query::allowed(session, viewer, object, id, Right::Read).await?,
        None => false,
    };
    members.retain(|key, _| {
        let key_of_field = key.strip_suffix("_label").filter(|_| object.field(key).is_none()).unwrap_or(key);
        key == "id" || key == "version" || (visible && viewer.sees(object, key_of_field))
    });
    Ok(answer)
}

async fn update(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    IfMatch(seen): IfMatch,
    body: &Body,
) -> Result<Answer> {
    let inputs = inputs_of(object, body.members()?, false)?;
    let changed = app.at_api(viewer, async |tx, actor| {
        let before = command::load_for_write(tx, actor, object, id).await?;
        let version = seen.within(before.version)?;
        let draft: Draft = command::read_inputs(object, viewer, &inputs, Some(&before), Source::Strict)?;
        let version = command::update_loaded(tx, actor, object, &before, version, draft).await?;
        present(tx, actor, object, id, version).await
    });
    changed.await
}

/// A change that more than the fields of one record are part of. Said again if it was made already; authorised, made and
/// kept in one transaction; answered with the record as it then is. `make` gives the record's new version.
pub async fn change(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    post: &Post,
    make: impl AsyncFnOnce(&mut Tx, &Actor, &Loaded) -> Result<i64>,
) -> Result<Answer> {
    let changed = post.once_of(object, app, viewer, async |tx, actor| {
        let record = command::load_for_write(tx, actor, object, id).await?;
        let version = make(tx, actor, &record).await?;
        present(tx, actor, object, id, version).await
    });
    changed.await
}

async fn delete(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    IfMatch(seen): IfMatch,
) -> Result<Answer> {
    let deleted = app.at_api(viewer, async |tx, actor| {
        let before = command::load_for_write(tx, actor, object, id).await?;
        seen.exactly(before.version)?;
        command::set_deleted(tx, actor, object, id, true).await?;
        Ok(Answer::nothing())
    });
    deleted.await
}

async fn restore(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid, post: &Post) -> Result<Answer> {
    let restored = post.once_of(object, app, viewer, async |tx, actor| {
        command::set_deleted(tx, actor, object, id, false).await?;
        present(tx, actor, object, id, 0).await
    });
    restored.await
}
