//! The pages that every kind of record has: new, edit, one field in place, trash, pickers, filters, columns, views, bulk work.
//! A slice adds its record page; the rest follows from the description.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::{Cells, Sql, Uuid, new_id, sql};

use super::access::{Level, Right};
use super::app::App;
use super::error::{Collision, Error, FieldError, Result};
use super::export::{self, FileFormat};
use super::form::{self, Filled, FormBody, Input};
use super::format;
use super::list::{self, Asks, Shows, can_edit_in_place};
use super::page::{Asked, Html, Page, Toast, done, fragment, render, respond, respond_with, toast_event, trigger};
use super::record::command::{self, Source};
use super::record::filter::{Op, SPANS};
use super::record::{Draft, Field, Kind, Object, Write, query};
use super::routes::{Policy, Routes};
use super::viewer::Viewer;

/// The generic routes of one kind of record, all but its record page.
pub fn routes(object: &'static Object) -> Routes {
    let at = |rest: &str| format!("/{}{rest}", object.plural);
    let file = |extension: &str| format!("/{}.{extension}", object.plural);
    let (read, change, create) = (Policy::Read(object.name), Policy::Change(object.name), Policy::Create(object.name));
    let export = Policy::Export(object.name);
    Routes::new()
        .get(&at(""), read, move |app, viewer, asked| list::show(object, app, viewer, asked))
        .get(&at("/sums"), read, move |app, viewer, asked| list::sums(object, app, viewer, asked))
        .get(&at("/new"), create, move |app, viewer, asked| new_form(object, app, viewer, asked))
        .post(&at(""), create, move |app, viewer, asked, body| create_record(object, app, viewer, asked, body))
        .get(&at("/{id}/edit"), change, move |app, viewer, asked, id| edit_form(object, app, viewer, asked, id))
        .post(&at("/{id}"), change, move |app, viewer, asked, id, body| {
            update_record(object, app, viewer, asked, id, body)
        })
        .get(&at("/{id}/field/{field}"), change, move |app, viewer, asked, path| {
            field_form(object, app, viewer, asked, path)
        })
        .post(&at("/{id}/field/{field}"), change, move |app, viewer, asked, path, body| {
            save_field(object, app, viewer, asked, path, body)
        })
        .post(&at("/{id}/trash"), change, move |app, viewer, asked, id| {
            set_deleted(object, true, app, viewer, asked, id)
        })
        .post(&at("/{id}/restoration"), change, move |app, viewer, asked, id| {
            set_deleted(object, false, app, viewer, asked, id)
        })
        .get(&at("/filter"), read, move |viewer, asked| filter_form(object, viewer, asked))
        .get(&at("/filter/input"), read, move |viewer, asked| filter_input(object, viewer, asked))
        .post(&at("/filter"), read, move |viewer, asked, body| add_filter(object, viewer, asked, body))
        .get(&at("/columns"), read, move |app, viewer, asked| columns_form(object, app, viewer, asked))
        .post(&at("/columns"), read, move |viewer, asked, body| set_columns(object, viewer, asked, body))
        .get(&at("/view"), read, move |viewer, asked| view_form(object, viewer, asked))
        .post(&at("/view"), read, move |app, viewer, asked, body| save_view(object, app, viewer, asked, body))
        .post(&at("/bulk"), change, move |app, viewer, asked, body| {
            super::bulk::preview(object, app, viewer, asked, body)
        })
        .post(&at("/bulk/apply"), change, move |app, viewer, asked, body| {
            super::bulk::apply(object, app, viewer, asked, body)
        })
        .get(&file("csv"), export, move |app, viewer, asked| {
            export::download(object, FileFormat::Csv, app, viewer, asked)
        })
        .get(&file("xlsx"), export, move |app, viewer, asked| {
            export::download(object, FileFormat::Xlsx, app, viewer, asked)
        })
        .post(&file("csv"), export, move |app, viewer, body| {
            export::download_chosen(object, FileFormat::Csv, app, viewer, body)
        })
        .post(&file("xlsx"), export, move |app, viewer, body| {
            export::download_chosen(object, FileFormat::Xlsx, app, viewer, body)
        })
        .get(&format!("/pick/{}", object.name), read, move |app, viewer, asked| pick(object, app, viewer, asked))
}

/// Pairs of a form body or query string, in order.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

pub fn get<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    pairs.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

fn texts(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}

/// An id in a path; what is none leads to a page that is not there.
pub fn id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::NotFound)
}

/// GET /{plural}/new: values may come with the link (`?account=…`), so that a form opens already filled.
async fn new_form(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let mut filled = Filled { texts: texts(&pairs(&asked.query)), ..Filled::default() };
    fill_labels(&app, &viewer, object, &mut filled).await?;
    if object.name == "activity" && !filled.texts.contains_key("happened_at") {
        let now = viewer.config.zone.to_datetime(app.clock.now().timestamp());
        filled.texts.insert("happened_at".into(), format!("{}T{:02}:{:02}", now.date(), now.hour(), now.minute()));
    }
    respond_new(object, &viewer, &asked, StatusCode::OK, &filled, &[])
}

/// Names of the records that references in a form point to.
async fn fill_labels(app: &App, viewer: &Viewer, object: &'static Object, filled: &mut Filled) -> Result<()> {
    let mut session = None;
    for field in object.fields {
        let (Kind::Ref(target), Some(Ok(id))) =
            (field.kind, filled.texts.get(field.key).filter(|text| !text.is_empty()).map(|text| text.parse::<Uuid>()))
        else {
            continue;
        };
        let session = match &mut session {
            Some(session) => session,
            empty => empty.insert(app.db.read().await?),
        };
        if let Some(name) = name_of(session, app, viewer, target, id).await? {
            filled.labels.insert(field.key.into(), name);
        } else {
            filled.texts.remove(field.key);
        }
    }
    if object.field("owner").is_some() && !filled.texts.contains_key("owner") {
        filled.texts.insert("owner".into(), viewer.person.to_string());
        filled.labels.insert("owner".into(), viewer.name.clone());
    }
    Ok(())
}

/// The name of a record or person, if the viewer may see it.
pub async fn name_of(
    session: &mut store::Session,
    app: &App,
    viewer: &Viewer,
    target: &str,
    id: Uuid,
) -> Result<Option<String>> {
    if target == "person" {
        return Ok(session.value(sql!("SELECT name FROM person WHERE id = $1", id)).await?);
    }
    let Some(target) = app.registry.get(target) else { return Ok(None) };
    let mut statement =
        Sql::new(format!("SELECT t.{} FROM {} t WHERE t.id = ", target.title_field().column, target.table));
    statement.bind(id).push(" AND t.deleted_at IS NULL AND ");
    (target.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    Ok(session.value(statement).await?)
}

fn respond_new(
    object: &'static Object,
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    filled: &Filled,
    errors: &[FieldError],
) -> Result<Response> {
    let title = viewer.locale.text(&format!("{}-new", object.name));
    let page = Page::new(viewer, asked, title.clone());
    let fields = form::create_fields(viewer, object);
    let mut inputs = form::inputs(viewer, object, &fields, filled, errors, "new-");
    form::set_currency(&mut inputs, &currency_of(viewer, filled));
    // What the link filled in but the form does not ask for goes along unseen.
    let hidden = filled
        .texts
        .iter()
        .filter(|(key, value)| {
            !value.is_empty() && object.field(key).is_some() && !fields.iter().any(|field| field.key == key.as_str())
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain(filled.texts.get("back").map(|back| ("back".to_owned(), back.clone())))
        .collect();
    let general = form::general_errors(viewer, object, &inputs, errors);
    let body = FormBody {
        page: &page,
        action: format!("/{}", object.plural),
        submit: viewer.locale.text("create"),
        back: format!("/{}", object.plural),
        inputs,
        hidden,
        general,
        note: String::new(),
        title,
    };
    form::respond_form(status, &page, &body)
}

fn currency_of(viewer: &Viewer, filled: &Filled) -> String {
    let typed = filled.text("currency");
    if typed.is_empty() { viewer.config.base_currency.clone() } else { typed }
}

/// POST /{plural}
async fn create_record(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let mut filled = Filled { texts: texts(&pairs), ..Filled::default() };
    let actor = app.actor(&viewer, "page");
    let made: Result<Uuid> = async {
        let draft = command::read_inputs(object, &viewer, &filled.texts, None, Source::Form)?;
        let mut tx = app.db.write().await?;
        let id = command::create(&mut tx, &actor, object, draft).await?;
        tx.commit().await?;
        Ok(id)
    }
    .await;
    match made {
        Ok(id) => {
            let back = get(&pairs, "back");
            let to = if back.starts_with('/') && !back.starts_with("//") {
                back.to_owned()
            } else {
                format!("/{}/{id}", object.plural)
            };
            let toast = Toast::success(viewer.locale.text(&format!("{}-created", object.name)))
                .with_undo(format!("/{}/{id}/trash", object.plural));
            Ok(done(&asked, &to, Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            fill_labels(&app, &viewer, object, &mut filled).await?;
            respond_new(object, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &filled, &errors)
        }
        Err(error) => Err(error),
    }
}

/// GET /{plural}/{id}/edit
async fn edit_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, &viewer, app.registry, object, id(&record)?).await?;
    if !query::allowed(&mut session, &viewer, object, row.id, Right::Write).await? {
        return Err(Error::Forbidden);
    }
    let filled = Filled::of_row(&viewer, &fields, &row);
    respond_edit(object, &viewer, &asked, StatusCode::OK, row.id, row.version, &filled, &[])
}

#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
fn respond_edit(
    object: &'static Object,
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    record: Uuid,
    version: i64,
    filled: &Filled,
    errors: &[FieldError],
) -> Result<Response> {
    let title = viewer.locale.text_with("edit-title", &[("name", &filled.text(object.title))]);
    let page = Page::new(viewer, asked, title.clone());
    let mut inputs = form::inputs(viewer, object, &form::edit_fields(viewer, object), filled, errors, "edit-");
    form::set_currency(&mut inputs, &currency_of(viewer, filled));
    let general = form::general_errors(viewer, object, &inputs, errors);
    let body = FormBody {
        page: &page,
        action: format!("/{}/{record}", object.plural),
        submit: viewer.locale.text("save"),
        back: format!("/{}/{record}", object.plural),
        inputs,
        hidden: vec![("version".into(), version.to_string())],
        general,
        note: String::new(),
        title,
    };
    form::respond_form(status, &page, &body)
}

/// POST /{plural}/{id}
async fn update_record(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
    body: String,
) -> Result<Response> {
    let record = id(&record)?;
    let pairs = pairs(&body);
    let version: i64 =
        get(&pairs, "version").parse().map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })?;
    let mut filled = Filled { texts: texts(&pairs), ..Filled::default() };
    match write(&app, &viewer, object, record, version, &filled.texts).await {
        Ok(_) => {
            Ok(done(&asked, &format!("/{}/{record}", object.plural), Some(Toast::success(viewer.locale.text("saved")))))
        }
        Err(Error::Invalid(errors)) => {
            fill_labels(&app, &viewer, object, &mut filled).await?;
            respond_edit(object, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, record, version, &filled, &errors)
        }
        Err(Error::Conflict(collision)) => {
            respond_conflict(object, &app, &viewer, &asked, &collision, &filled.texts).await
        }
        Err(error) => Err(error),
    }
}

async fn write(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    record: Uuid,
    version: i64,
    inputs: &BTreeMap<String, String>,
) -> Result<i64> {
    let actor = app.actor(viewer, "page");
    let mut tx = app.db.write().await?;
    let before = command::load_for_write(&mut tx, &actor, object, record).await?;
    let draft = command::read_inputs(object, viewer, inputs, Some(&before), Source::Form)?;
    let version = command::update_loaded(&mut tx, &actor, object, &before, Some(version), draft).await?;
    tx.commit().await?;
    Ok(version)
}

struct ConflictField {
    key: String,
    label: String,
    original: String,
    mine: String,
    theirs: String,
    mine_value: String,
    theirs_value: String,
}

#[derive(askama::Template)]
#[template(path = "shell/conflict.html")]
struct ConflictBody<'a> {
    page: &'a Page,
    action: String,
    back: String,
    version: i64,
    by: String,
    fields: Vec<ConflictField>,
    others: Vec<(String, String)>,
}

/// A value of a collision as a person reads it.
async fn told(
    session: &mut store::Session,
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    field: &Field,
    value: &str,
) -> Result<String> {
    Ok(match (field.kind, value.parse::<Uuid>()) {
        (Kind::Ref(target), Ok(id)) => name_of(session, app, viewer, target, id).await?.unwrap_or_else(|| "—".into()),
        (Kind::Choice(_), _) if !value.is_empty() => viewer.locale.text(&object.choice_key(field, value)),
        _ => value.to_owned(),
    })
}

/// The page that lets the person choose, field by field, between their text and what somebody else wrote meanwhile.
async fn respond_conflict(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    collision: &Collision,
    inputs: &BTreeMap<String, String>,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let by: Option<String> = session
        .value(sql!(
            format!("SELECT p.name FROM {} t JOIN person p ON p.id = t.updated_by WHERE t.id = $1", object.table),
            collision.id
        ))
        .await?;
    let mut fields = Vec::new();
    for (key, was, mine, now) in &collision.fields {
        let Some(field) = object.field(key).filter(|_| viewer.sees(object, key)) else { continue };
        fields.push(ConflictField {
            key: key.clone(),
            label: viewer.locale.text(&object.label_key(field)),
            original: told(&mut session, app, viewer, object, field, was).await?,
            mine: told(&mut session, app, viewer, object, field, mine).await?,
            theirs: told(&mut session, app, viewer, object, field, now).await?,
            mine_value: mine.clone(),
            theirs_value: now.clone(),
        });
    }
    let page = Page::new(viewer, asked, viewer.locale.text("error-conflict"));
    let others = inputs
        .iter()
        .filter(|(key, _)| key.as_str() != "version" && !collision.fields.iter().any(|(field, ..)| field == *key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let body = ConflictBody {
        page: &page,
        action: format!("/{}/{}", object.plural, collision.id),
        back: format!("/{}/{}", object.plural, collision.id),
        version: collision.version,
        by: by.unwrap_or_default(),
        fields,
        others,
    };
    respond_with(StatusCode::CONFLICT, &page, render(&body)?)
}

#[derive(askama::Template)]
#[template(path = "shell/field_form.html")]
struct FieldBody<'a> {
    page: &'a Page,
    action: String,
    version: i64,
    input: Input,
}

fn editable_field(object: &'static Object, viewer: &Viewer, key: &str) -> Result<&'static Field> {
    viewer.projection(object).find(|field| field.key == key && can_edit_in_place(field)).ok_or(Error::NotFound)
}

/// GET /{plural}/{id}/field/{field}: the cell turned into an input.
async fn field_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((record, key)): Path<(String, String)>,
) -> Result<Response> {
    let field = editable_field(object, &viewer, &key)?;
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, &viewer, app.registry, object, id(&record)?).await?;
    if !query::allowed(&mut session, &viewer, object, row.id, Right::Write).await? {
        return Err(Error::Forbidden);
    }
    let filled = Filled::of_row(&viewer, &fields, &row);
    respond_field(object, &viewer, &asked, &row, field, &filled, StatusCode::OK, &[])
}

#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
fn respond_field(
    object: &'static Object,
    viewer: &Viewer,
    asked: &Asked,
    row: &query::Row,
    field: &'static Field,
    filled: &Filled,
    status: StatusCode,
    errors: &[FieldError],
) -> Result<Response> {
    let page = Page::new(viewer, asked, viewer.locale.text(&object.label_key(field)));
    let mut inputs = vec![form::input(viewer, object, field, filled, errors, &format!("in-{}-", row.id.simple()))];
    form::set_currency(&mut inputs, &row.currency);
    let input = inputs.remove(0);
    let action = format!("/{}/{}/field/{}", object.plural, row.id, field.key);
    let body = FieldBody { page: &page, action, version: row.version, input };
    respond_with(status, &page, render(&body)?)
}

/// POST /{plural}/{id}/field/{field}: saves and shows the cell again.
async fn save_field(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((record, key)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let field = editable_field(object, &viewer, &key)?;
    let record = id(&record)?;
    let pairs = pairs(&body);
    let version: i64 =
        get(&pairs, "version").parse().map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })?;
    let inputs = BTreeMap::from([(field.key.to_owned(), get(&pairs, field.key).to_owned())]);
    let outcome = write(&app, &viewer, object, record, version, &inputs).await;
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, &viewer, app.registry, object, record).await?;
    match outcome {
        Ok(_) if !asked.fragment => {
            Ok(done(&asked, &format!("/{}/{record}", object.plural), Some(Toast::success(viewer.locale.text("saved")))))
        }
        Ok(_) => {
            let shows =
                Shows { viewer: &viewer, registry: app.registry, object, today: viewer.config.today(app.clock.now()) };
            let at = fields.iter().position(|other| other.key == field.key).unwrap_or(0);
            let state = fields.iter().position(|other| other.key == "state").and_then(|at| row.cells[at].text());
            let Html(html) = shows.show(field, &row.cells[at], row.labels[at].as_deref(), &row.currency, state);
            Ok(axum::response::Html(html).into_response())
        }
        Err(Error::Invalid(errors)) => {
            let mut filled = Filled::of_row(&viewer, &fields, &row);
            filled.texts.insert(field.key.into(), get(&pairs, field.key).into());
            let errors: Vec<FieldError> =
                errors.into_iter().map(|error| FieldError { field: field.key.into(), ..error }).collect();
            respond_field(object, &viewer, &asked, &row, field, &filled, StatusCode::UNPROCESSABLE_ENTITY, &errors)
        }
        Err(Error::Conflict(collision)) => {
            let now = collision.fields.first().map_or("", |(.., now)| now);
            let theirs = told(&mut session, &app, &viewer, object, field, now).await?;
            let mut filled = Filled::of_row(&viewer, &fields, &row);
            filled.texts.insert(field.key.into(), get(&pairs, field.key).into());
            let error = FieldError::new(field.key, "invalid-changed-meanwhile").with("theirs", theirs);
            respond_field(object, &viewer, &asked, &row, field, &filled, StatusCode::CONFLICT, &[error])
        }
        Err(error) => Err(error),
    }
}

/// POST /{plural}/{id}/trash and /restoration
async fn set_deleted(
    object: &'static Object,
    deleted: bool,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
) -> Result<Response> {
    let record = id(&record)?;
    let actor = app.actor(&viewer, "page");
    let mut tx = app.db.write().await?;
    command::set_deleted(&mut tx, &actor, object, record, deleted).await?;
    tx.commit().await?;
    let locale = viewer.locale;
    let (to, toast) = if deleted {
        let undo = format!("/{}/{record}/restoration", object.plural);
        (format!("/{}", object.plural), Toast::success(locale.text("moved-to-trash")).with_undo(undo))
    } else {
        (format!("/{}/{record}", object.plural), Toast::success(locale.text("restored")))
    };
    Ok(done(&asked, &to, Some(toast)))
}

/// GET /pick/{object}?q=: at most 20, found by name, pinyin or initials.
async fn pick(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let words = get(&pairs(&asked.query), "q").chars().take(100).filter(|c| *c != '\0').collect::<String>();
    let title = object.title_field();
    let hint = query::hint(&viewer, object);
    let mut statement = Sql::new(format!("SELECT t.id, t.{}, {hint} FROM {} t", title.column, object.table));
    statement.push(" WHERE t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    match object.name {
        "person" => {
            statement.push(" AND t.state <> 'disabled'");
        }
        "product" => {
            statement.push(" AND t.active");
        }
        _ => {}
    }
    if !words.trim().is_empty() {
        statement.push(" AND ");
        query::push_words(&mut statement, app.db.engine(), &viewer, object, &words);
    }
    statement.push(&format!(" ORDER BY t.{} LIMIT 20", title.sort_column.unwrap_or(title.column)));
    let mut session = app.db.read().await?;
    let rows = session.all::<Cells>(statement).await?;
    let answer: Vec<serde_json::Value> = rows
        .iter()
        .map(|Cells(cells)| {
            json!({ "value": cells[0].id(), "text": cells[1].text().unwrap_or("—"), "hint": cells.get(2).and_then(|cell| cell.text()) })
        })
        .collect();
    Ok(axum::Json(answer).into_response())
}

struct FieldChoice {
    key: &'static str,
    label: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/filter.html")]
struct FilterBody<'a> {
    page: &'a Page,
    object: &'static Object,
    query: String,
    fields: Vec<FieldChoice>,
    inner: FilterInput<'a>,
}

#[derive(askama::Template)]
#[template(path = "shell/filter_input.html")]
struct FilterInput<'a> {
    page: &'a Page,
    operators: Vec<(&'static str, String)>,
    spans: Vec<(&'static str, String)>,
    /// The input for one value of the field, and what kind of several choices it offers.
    input: Option<Input>,
    many: bool,
    is_date: bool,
}

fn filter_parts<'a>(
    page: &'a Page,
    object: &'static Object,
    viewer: &Viewer,
    key: &str,
) -> Result<(&'static Field, FilterInput<'a>)> {
    let field = viewer.projection(object).find(|field| field.key == key && field.filtered).ok_or(Error::NotFound)?;
    let locale = viewer.locale;
    let mut input = form::input(viewer, object, field, &Filled::default(), &[], "filter-");
    input.required = false;
    input.hint = String::new();
    input.label = locale.text("filter-value");
    input.wide = true;
    if input.kind == "datetime-local" {
        input.kind = "date";
    }
    if matches!(input.kind, "amount" | "area" | "email" | "tel" | "url") {
        input.kind = "text";
    }
    if field.kind == Kind::Ref("person") {
        input.options = ["me", "team"]
            .into_iter()
            .map(|key| form::Choice { value: key.into(), text: locale.text(&format!("person-{key}")), chosen: false })
            .collect();
    }
    input.key = "value".into();
    let is_date = matches!(field.kind, Kind::Date | Kind::Instant);
    let parts = FilterInput {
        page,
        operators: Op::for_field(field).iter().map(|op| (op.key(), locale.text(&format!("op-{}", op.key())))).collect(),
        spans: if is_date {
            SPANS.iter().map(|span| (*span, locale.text(&format!("span-{span}")))).collect()
        } else {
            Vec::new()
        },
        many: matches!(field.kind, Kind::Choice(_) | Kind::Ref("stage" | "pipeline")),
        is_date,
        input: Some(input),
    };
    Ok((field, parts))
}

/// GET /{plural}/filter: choose a field, an operator, a value.
async fn filter_form(object: &'static Object, viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, viewer.locale.text("list-filter"));
    let chosen = get(&pairs(&asked.query), "field").to_owned();
    let usable: Vec<&'static Field> = viewer.projection(object).filter(|field| field.filtered).collect();
    let first = usable.iter().find(|field| field.key == chosen).or(usable.get(1)).ok_or(Error::NotFound)?;
    let (_, inner) = filter_parts(&page, object, &viewer, first.key)?;
    let fields = usable
        .iter()
        .map(|field| FieldChoice {
            key: field.key,
            label: viewer.locale.text(&object.label_key(field)),
            chosen: field.key == first.key,
        })
        .collect();
    let body = FilterBody { page: &page, object, query: Asks::parse(&asked.query).to_query(), fields, inner };
    respond(&page, &body)
}

/// GET /{plural}/filter/input?field=
async fn filter_input(object: &'static Object, viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, String::new());
    let (_, inner) = filter_parts(&page, object, &viewer, get(&pairs(&asked.query), "field"))?;
    fragment(&inner)
}

/// POST /{plural}/filter: back to the list with one filter more.
async fn add_filter(object: &'static Object, viewer: Viewer, asked: Asked, body: String) -> Result<Response> {
    let pairs = pairs(&body);
    let mut asks = Asks::parse(get(&pairs, "query"));
    let settled = list::settle(&viewer, object, asks.clone(), &[])?;
    let op = get(&pairs, "op");
    let needs_value = Op::parse(op).is_some_and(Op::needs_value);
    let name = if op == "within" { "span" } else { "value" };
    let values: Vec<&str> = if needs_value {
        pairs.iter().filter(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str()).collect()
    } else {
        Vec::new()
    };
    if asks.filters.is_empty() {
        asks.filters = settled.asks.filters;
    }
    let field = get(&pairs, "field");
    asks.filters.retain(|filter| !filter.starts_with(&format!("{field}:{op}:")));
    asks.filters.push(format!("{field}:{op}:{}", values.join("|")));
    asks.view = "none".into();
    // A filter that does not fit is said here, not on a page of its own.
    list::settle(&viewer, object, asks.clone(), &[])?;
    Ok(done(&asked, &format!("/{}?{}", object.plural, asks.to_query()), None))
}

struct ColumnChoice {
    key: &'static str,
    label: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/columns.html")]
struct ColumnsBody<'a> {
    page: &'a Page,
    object: &'static Object,
    query: String,
    columns: Vec<ColumnChoice>,
}

/// GET /{plural}/columns
async fn columns_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let saved = list::saved_views(&mut session, &viewer, object).await?;
    let settled = list::settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let page = Page::new(&viewer, &asked, viewer.locale.text("list-columns"));
    let shown = &settled.query.fields;
    let rest = viewer
        .projection(object)
        .filter(|field| !field.is_virtual() && !shown.iter().any(|other| other.key == field.key));
    let columns = shown
        .iter()
        .copied()
        .map(|field| (field, true))
        .chain(rest.map(|field| (field, false)))
        .map(|(field, chosen)| ColumnChoice {
            key: field.key,
            label: viewer.locale.text(&object.label_key(field)),
            chosen,
        })
        .collect();
    respond(&page, &ColumnsBody { page: &page, object, query: settled.asks.to_query(), columns })
}

/// POST /{plural}/columns: `col` in the chosen order; `up` / `down` move one and show the dialog again is done by order numbers.
async fn set_columns(object: &'static Object, viewer: Viewer, asked: Asked, body: String) -> Result<Response> {
    let pairs = pairs(&body);
    let mut asks = Asks::parse(get(&pairs, "query"));
    let mut chosen: Vec<(i64, &str)> = pairs
        .iter()
        .filter(|(key, value)| key == "col" && viewer.sees(object, value))
        .map(|(_, value)| (get(&pairs, &format!("order-{value}")).parse().unwrap_or(99), value.as_str()))
        .collect();
    chosen.sort_by_key(|(order, _)| *order);
    asks.columns = chosen.into_iter().map(|(_, key)| key).collect::<Vec<_>>().join(",");
    Ok(done(&asked, &format!("/{}?{}", object.plural, asks.to_query()), None))
}

#[derive(askama::Template)]
#[template(path = "shell/view.html")]
struct ViewBody<'a> {
    page: &'a Page,
    object: &'static Object,
    query: String,
    error: Option<String>,
}

/// GET /{plural}/view: keep this list under a name.
async fn view_form(object: &'static Object, viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, viewer.locale.text("list-save-view"));
    respond(&page, &ViewBody { page: &page, object, query: Asks::parse(&asked.query).to_query(), error: None })
}

/// POST /{plural}/view
async fn save_view(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let name = get(&pairs, "name").trim().to_owned();
    let audience = match get(&pairs, "audience") {
        "team" => "team",
        "all" if viewer.scope.access(object.name).read == Level::All => "all",
        _ => "private",
    };
    if name.is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
        let page = Page::new(&viewer, &asked, viewer.locale.text("list-save-view"));
        let error = Some(viewer.locale.text("invalid-required"));
        let body = ViewBody { page: &page, object, query: get(&pairs, "query").into(), error };
        return respond_with(StatusCode::UNPROCESSABLE_ENTITY, &page, render(&body)?);
    }
    let mut tx = app.db.write().await?;
    let saved = list::saved_views(&mut tx, &viewer, object).await?;
    let settled = list::settle(&viewer, object, Asks::parse(get(&pairs, "query")), &saved)?;
    let columns: Vec<&str> = settled.query.fields.iter().map(|field| field.key).collect();
    let sort = format!("{}{}", if settled.query.descending { "-" } else { "" }, settled.query.sort.key);
    let kept = Asks { filters: settled.asks.filters, words: settled.asks.words, sort, ..Asks::default() };
    let view = new_id(&app.clock);
    let is_default = get(&pairs, "default") == "on";
    if is_default {
        tx.execute(sql!(
            "UPDATE saved_view SET is_default = $3 WHERE object = $1 AND owner_id = $2",
            object.name,
            viewer.person,
            false
        ))
        .await?;
    }
    tx.execute(sql!(
        "INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)",
        view,
        object.name,
        name,
        viewer.person,
        audience,
        kept.to_query(),
        columns.join(","),
        is_default,
        app.clock.now()
    ))
    .await?;
    tx.commit().await?;
    Ok(done(
        &asked,
        &format!("/{}?view={view}", object.plural),
        Some(Toast::success(viewer.locale.text("list-view-saved"))),
    ))
}

/// Deletes one of the viewer's own views.
pub async fn delete_view(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(view): Path<String>,
) -> Result<Response> {
    let view = id(&view)?;
    let mut tx = app.db.write().await?;
    let object: Option<String> =
        tx.value(sql!("SELECT object FROM saved_view WHERE id = $1 AND owner_id = $2", view, viewer.person)).await?;
    let object = object.and_then(|name| app.registry.get(&name)).ok_or(Error::NotFound)?;
    tx.execute(sql!("DELETE FROM saved_view WHERE id = $1 AND owner_id = $2", view, viewer.person)).await?;
    tx.commit().await?;
    Ok(done(&asked, &format!("/{}", object.plural), Some(Toast::success(viewer.locale.text("list-view-deleted")))))
}

/// The answer to a script: nothing to swap, a toast.
pub fn toast_only(toast: &Toast) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    trigger(&mut response, toast_event(toast));
    response
}

/// A count for people: capped.
pub fn capped(count: i64) -> String {
    if count > list::COUNT_CAP { format!("{}+", format::grouped(list::COUNT_CAP)) } else { format::grouped(count) }
}

/// A draft that sets one field.
pub fn one(field: &'static Field, cell: store::Cell) -> Draft {
    let mut draft = Draft::default();
    draft.set(field.key, cell);
    draft
}

/// Whether a field can be set for many records at once.
pub fn for_many(field: &Field) -> bool {
    field.write == Write::Always
        && !field.is_virtual()
        && !matches!(field.key, "name" | "stage" | "external_id" | "credit_code" | "code" | "email" | "subject")
}
