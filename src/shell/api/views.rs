//! Saved views, for programs: what the dialog of a list does. A view is given in its parts (filters, words, order, columns),
//! as a list takes them.

use axum::extract::State;
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use store::{Session, Tx, Uuid};

use super::answer::Answer;
use super::call::{Body, Ids, IfMatch, Seen, given};
use super::operation::{Api, Operation, pascal};
use super::records::{FILTERS, filter_pattern, filters_of, sort_of, sorts};
use super::shape;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::list::{self, Asks};
use crate::shell::record::{Field, Object};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;
use crate::shell::views::{self, SavedView, Wish};

pub fn operations(api: Api, object: &'static Object) -> Api {
    let name = pascal(object.name);
    let all = format!("/api/{}/views", object.plural);
    let one = format!("{all}/{{id}}");
    let (group, read) = (object.name, Policy::Read(object.name));
    let shown = shown_schema();
    api.operation(
        Operation::get(&all, format!("list{name}Views"), group, "api-views").policy(read).gives(
            200,
            json!({
                "type": "object",
                "required": ["data"],
                "properties": { "data": { "type": "array", "items": shown.clone() } },
            }),
        ),
        move |State(app): State<App>, viewer: Viewer| async move { list(object, &app, &viewer).await },
    )
    .operation(
        Operation::post(&all, format!("create{name}View"), group, "api-view-create")
            .policy(read)
            .takes(written_schema(object, &["name"]))
            .example(example(object))
            .gives(201, shown.clone())
            .with_header("ETag"),
        move |State(app): State<App>, viewer: Viewer, body: Body| async move {
            create(object, &app, &viewer, &body).await
        },
    )
    .operation(
        Operation::get(&one, format!("get{name}View"), group, "api-view")
            .policy(read)
            .gives(200, shown.clone())
            .with_header("ETag"),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>| async move {
            get(object, &app, &viewer, id).await
        },
    )
    .operation(
        Operation::new(Method::PATCH, &one, format!("update{name}View"), group, "api-view-update")
            .policy(read)
            .conditional()
            .takes(written_schema(object, &[]))
            .gives(200, shown)
            .with_header("ETag"),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, seen: IfMatch, body: Body| async move {
            update(object, &app, &viewer, id, seen, &body).await
        },
    )
    .operation(
        Operation::new(Method::DELETE, &one, format!("delete{name}View"), group, "api-view-delete")
            .policy(read)
            .conditional()
            .gives_nothing(204),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, seen: IfMatch| async move {
            delete(object, &app, &viewer, id, seen).await
        },
    )
}

// ---- the shape

fn is_column(field: &Field) -> bool {
    field.is_read()
}

fn shown_schema() -> Json {
    let (text, texts, flag) = (
        json!({ "type": "string" }),
        json!({ "type": "array", "items": { "type": "string" } }),
        json!({ "type": "boolean" }),
    );
    let id = json!({ "type": "string", "format": "uuid" });
    json!({
        "type": "object",
        "required": ["id", "version", "name", "owner", "owner_label", "audience", "filters", "words", "sort", "columns", "is_default", "may_change"],
        "properties": {
            "id": id, "version": { "type": "integer" }, "name": text, "owner": id, "owner_label": text,
            "audience": { "type": "string", "enum": views::AUDIENCES },
            "filters": texts, "words": { "type": ["string", "null"] }, "sort": { "type": ["string", "null"] },
            "columns": texts, "is_default": flag, "may_change": flag,
        },
    })
}

fn written_schema(object: &'static Object, required: &[&str]) -> Json {
    let line = shape::Lexis::Line.pattern();
    let columns: Vec<&str> = object.fields.iter().filter(|field| is_column(field)).map(|field| field.key).collect();
    let orders: Vec<Json> = sorts(object).into_iter().map(Json::from).chain([Json::Null]).collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "minLength": 1, "maxLength": views::NAME, "pattern": line },
            "audience": { "type": "string", "enum": views::AUDIENCES },
            "filters": {
                "type": "array",
                "maxItems": FILTERS,
                "items": { "type": "string", "maxLength": 2000, "pattern": filter_pattern(object) },
            },
            "words": { "type": ["string", "null"], "maxLength": 200, "pattern": line },
            "sort": { "enum": orders },
            "columns": { "type": "array", "minItems": 1, "maxItems": 100, "items": { "type": "string", "enum": columns } },
            "is_default": { "type": "boolean" },
        },
    })
}

fn example(object: &'static Object) -> Json {
    let mine = object.field("owner").map(|_| "owner:is:me".to_owned());
    json!({ "name": "Mine", "filters": [mine.unwrap_or_else(|| format!("{}:has:a", object.title))] })
}

/// The parts of a view that a call gives. A part that may be empty is emptied by null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    audience: Option<String>,
    #[serde(default, deserialize_with = "given")]
    filters: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    words: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    sort: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    columns: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    is_default: Option<bool>,
}

impl Given {
    /// Checks the shape, then lays what is given over what stands; the list is settled as an address bar would be.
    fn onto(self, viewer: &Viewer, object: &'static Object, before: Wish) -> Result<Wish> {
        let stands = Asks::parse(&before.query);
        let asks = Asks {
            view: "none".into(),
            filters: match self.filters {
                Some(filters) => {
                    filters_of(object, viewer, &filters)?;
                    filters
                }
                None => stands.filters,
            },
            words: match self.words {
                Some(words) => check_line("words", words.unwrap_or_default(), 0, 200)?,
                None => stands.words,
            },
            sort: match self.sort {
                Some(sort) => {
                    sort_of(object, viewer, sort.as_deref())?;
                    sort.unwrap_or_default()
                }
                None => stands.sort,
            },
            columns: match self.columns {
                Some(columns) => check_columns(viewer, object, &columns)?,
                None => before.columns.clone(),
            },
            ..Asks::default()
        };
        let audience = self.audience.unwrap_or_else(|| before.audience.clone());
        if !views::AUDIENCES.contains(&audience.as_str()) {
            return Err(Error::Malformed(vec![FieldError::new("audience", "invalid-choice").with("value", audience)]));
        }
        let name = match self.name {
            Some(name) => check_line("name", name, 1, views::NAME)?.trim().to_owned(),
            None => before.name.clone(),
        };
        let list = list::settle(viewer, object, asks, &[])?;
        let is_default = self.is_default.unwrap_or(before.is_default);
        Ok(Wish { name, audience, is_default, ..before }.showing(&list.asks, &list.query))
    }
}

fn check_line(key: &str, text: String, least: usize, most: usize) -> Result<String> {
    let length = text.chars().count();
    if length > most {
        return Err(Error::Malformed(vec![FieldError::new(key, "invalid-too-long").with("max", most)]));
    }
    if length < least {
        return Err(Error::malformed(key, "invalid-required"));
    }
    if !shape::Lexis::Line.matches(&text) {
        return Err(Error::malformed(key, "invalid-text"));
    }
    Ok(text)
}

fn check_columns(viewer: &Viewer, object: &'static Object, columns: &[String]) -> Result<String> {
    if columns.is_empty() || columns.len() > 100 {
        return Err(Error::Malformed(vec![FieldError::new("columns", "invalid-too-many").with("max", 100)]));
    }
    for key in columns {
        let unknown = || vec![FieldError::new("columns", "invalid-field").with("value", key)];
        object.field(key).filter(|field| is_column(field)).ok_or_else(|| Error::Malformed(unknown()))?;
        if !viewer.sees(object, key) {
            return Err(Error::Invalid(unknown()));
        }
    }
    Ok(columns.join(","))
}

// ---- the calls

fn shown(viewer: &Viewer, object: &'static Object, view: &SavedView) -> Json {
    let list = Asks::parse(&view.query);
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    let columns: Vec<&str> =
        view.columns.split(',').filter(|key| !key.is_empty() && viewer.sees(object, key)).collect();
    json!({
        "id": view.id,
        "version": view.version,
        "name": view.name,
        "owner": view.owner_id,
        "owner_label": view.owner_name,
        "audience": view.audience,
        "filters": list.filters,
        "words": said(list.words),
        "sort": said(list.sort),
        "columns": columns,
        "is_default": view.is_default && view.owner_id == viewer.person,
        "may_change": views::may_change(viewer, object, view),
    })
}

/// A view that the caller sees, of this kind of record.
async fn find(session: &mut Session, viewer: &Viewer, object: &'static Object, id: Uuid) -> Result<SavedView> {
    let (of, view) = views::find(session, viewer, id).await?;
    if of.name == object.name { Ok(view) } else { Err(Error::NotFound) }
}

/// The view as the caller sees it now.
async fn present(session: &mut Session, viewer: &Viewer, object: &'static Object, id: Uuid) -> Result<Answer> {
    let view = find(session, viewer, object, id).await?;
    Ok(Answer::of_version(view.version, shown(viewer, object, &view)))
}

/// A view that the caller may change, at the version that they saw.
async fn find_to_change(
    tx: &mut Tx,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    seen: Seen,
) -> Result<SavedView> {
    find(tx, viewer, object, id).await?;
    let (_, view) = views::find_to_change(tx, viewer, id, None).await?;
    seen.exactly(view.version)?;
    Ok(view)
}

/// GET /api/{plural}/views · who reads this kind of record
async fn list(object: &'static Object, app: &App, viewer: &Viewer) -> Result<Answer> {
    let mut session = app.db.read().await?;
    let saved = views::saved_views(&mut session, viewer, object).await?;
    let data: Vec<Json> = saved.iter().map(|view| shown(viewer, object, view)).collect();
    Ok(Answer::ok(json!({ "data": data })))
}

/// GET /api/{plural}/views/{id} · who sees the view
async fn get(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid) -> Result<Answer> {
    present(&mut app.db.read().await?, viewer, object, id).await
}

/// POST /api/{plural}/views · who reads this kind of record
async fn create(object: &'static Object, app: &App, viewer: &Viewer, body: &Body) -> Result<Answer> {
    let given: Given = body.read()?;
    if given.name.is_none() {
        return Err(Error::malformed("name", "invalid-required"));
    }
    let empty = Wish {
        name: String::new(),
        audience: "private".into(),
        query: String::new(),
        columns: String::new(),
        is_default: false,
    };
    let wish = given.onto(viewer, object, empty)?;
    let made = body.post.once(app, viewer, async |tx, actor| {
        let id = views::create(tx, actor, object, &wish).await?;
        Ok(present(tx, viewer, object, id).await?.made_at(format!("/api/{}/views/{id}", object.plural)))
    });
    made.await
}

/// PATCH /api/{plural}/views/{id} · who may change the view
async fn update(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    IfMatch(seen): IfMatch,
    body: &Body,
) -> Result<Answer> {
    let given: Given = body.read()?;
    let changed = app.at_api(viewer, async |tx, actor| {
        let view = find_to_change(tx, viewer, object, id, seen).await?;
        let wish = given.onto(viewer, object, Wish::of(&view))?;
        views::change(tx, actor, object, &view, &wish).await?;
        present(tx, viewer, object, id).await
    });
    changed.await
}

/// DELETE /api/{plural}/views/{id} · who may change the view
async fn delete(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    IfMatch(seen): IfMatch,
) -> Result<Answer> {
    let deleted = app.at_api(viewer, async |tx, actor| {
        let view = find_to_change(tx, viewer, object, id, seen).await?;
        views::remove(tx, actor, object, &view).await?;
        Ok(Answer::nothing())
    });
    deleted.await
}
