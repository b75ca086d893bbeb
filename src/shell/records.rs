//! The pages that every kind of record has: new, edit, one field in place, trash, pickers, filters, columns, views, bulk work.
//! A slice adds its record page; the rest follows from the description.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::{Cells, Sql, Uuid, sql};

use super::access::Right;
use super::app::App;
use super::bulk_history;
use super::by_name;
use super::creation;
use super::error::{Collided, Collision, Error, FieldError, Result};
use super::export::{self, FileFormat};
use super::form::{self, Filled, FormBody, Input};
use super::format;
use super::list;
use super::list_forms::{add_filter, columns_form, filter_form, filter_input, set_columns};
use super::page::{Asked, Html, Page, Toast, done, escape, render, respond_with, toast_event, trigger};
use super::prices;
use super::record::command::{self, Source};
use super::record::{Draft, Field, Kind, OWNER, Object, Write, is_setting, query, share};
use super::routes::{Policy, Routes};
use super::shows::{Shows, can_edit_in_place};
use super::view_pages;
use super::viewer::Viewer;

/// The generic routes of one kind of record, all but its record page.
pub fn routes(object: &'static Object) -> Routes {
    let at = |rest: &str| format!("/{}{rest}", object.plural);
    let file = |extension: &str| format!("/{}.{extension}", object.plural);
    let (read, change, create) = (Policy::Read(object.name), Policy::Change(object.name), Policy::Create(object.name));
    let export = Policy::Export(object.name);
    let named = match form::NAMED.contains(&object.name) {
        true => Routes::new().post(&format!("/pick/{}", object.name), create, move |app, viewer, body| {
            creation::create_named(object, app, viewer, body)
        }),
        false => Routes::new(),
    };
    named
        .get(&at(""), read, move |app, viewer, asked| list::show(object, app, viewer, asked))
        .get(&at("/sums"), read, move |app, viewer, asked| list::sums(object, app, viewer, asked))
        .get(&at("/new"), create, move |app, viewer, asked| creation::new_form(object, app, viewer, asked))
        .post(&at(""), create, move |app, viewer, asked, body| {
            creation::create_record(object, app, viewer, asked, body)
        })
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
        .post(&at("/filter"), read, move |app, viewer, asked, body| add_filter(object, app, viewer, asked, body))
        .get(&at("/columns"), read, move |app, viewer, asked| columns_form(object, app, viewer, asked))
        .post(&at("/columns"), read, move |viewer, asked, body| set_columns(object, viewer, asked, body))
        .get(&at("/views"), read, move |app, viewer, asked| view_pages::show(object, app, viewer, asked))
        .get(&at("/view"), read, move |app, viewer, asked| view_pages::new_form(object, app, viewer, asked))
        .post(&at("/view"), read, move |app, viewer, asked, body| view_pages::create(object, app, viewer, asked, body))
        // Who may only export chooses records too: what an action asks for is its own affair.
        .post(&at("/bulk"), read, move |app, viewer, asked, body| {
            super::bulk::preview(object, app, viewer, asked, body)
        })
        .get(&at("/bulk"), change, move |app, viewer, asked| bulk_history::show(object, app, viewer, asked))
        .post(&at("/bulk/apply"), change, move |app, viewer, asked, body| {
            super::bulk::apply(object, app, viewer, asked, body)
        })
        .post(&at("/bulk/undo"), change, move |app, viewer, asked, body| {
            super::bulk_undo::undo_page(object, app, viewer, asked, body)
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

pub fn texts(pairs: &[(String, String)]) -> BTreeMap<String, String> {
    pairs.iter().cloned().collect()
}

/// The version that a form was made from.
pub fn version_in(pairs: &[(String, String)]) -> Result<i64> {
    get(pairs, "version").parse().map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })
}

/// An id in a path; what is none leads to a page that is not there.
pub fn id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::NotFound)
}

/// Names of the records that references in a form point to.
pub async fn fill_labels(app: &App, viewer: &Viewer, object: &'static Object, filled: &mut Filled) -> Result<()> {
    let mut session = None;
    for field in object.fields {
        let (Kind::Ref(target), Some(Ok(id))) =
            (field.kind, filled.texts.get(field.key).filter(|text| !text.is_empty()).map(|text| text.parse::<Uuid>()))
        else {
            continue;
        };
        // Settings are named by the form itself.
        if is_setting(target) {
            continue;
        }
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
    Ok(())
}

/// What is made belongs to who makes it, unless the form says otherwise.
pub fn fill_owner(viewer: &Viewer, object: &'static Object, filled: &mut Filled) {
    if object.field(OWNER).is_some() && !filled.texts.contains_key(OWNER) {
        filled.texts.insert(OWNER.into(), viewer.person.to_string());
        filled.labels.insert(OWNER.into(), viewer.name.clone());
    }
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
    if is_setting(target) {
        return Ok(viewer.config.name_of(target, id).map(str::to_owned));
    }
    let Some(target) = app.registry.get(target) else { return Ok(None) };
    let mut statement =
        Sql::new(format!("SELECT t.{} FROM {} t WHERE t.id = ", target.title_field().column, target.table));
    statement.bind(id).push(" AND t.deleted_at IS NULL AND ");
    (target.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    Ok(session.value(statement).await?)
}

/// The currency that a form's amounts are in.
pub fn currency_of(viewer: &Viewer, filled: &Filled) -> String {
    let typed = filled.text("currency");
    if typed.is_empty() { viewer.config.base_currency.clone() } else { typed }
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
    let (row, fields) = query::find(&mut session, &viewer, object, id(&record)?).await?;
    let rights = share::rights(&mut session, &viewer, object, row.id).await?;
    if !rights.write {
        return Err(Error::Forbidden);
    }
    let mut filled = Filled::of_row(&viewer, &fields, &row);
    if !rights.give {
        filled.texts.remove(OWNER);
    }
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
    let mut inputs = form::inputs(viewer, object, &form::edit_fields(viewer, object, filled), filled, errors, "edit-");
    by_name::offer(&mut inputs, filled);
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
        alike: Vec::new(),
        list: Some(object),
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
    let version = version_in(&pairs)?;
    let mut filled = Filled { texts: texts(&pairs), ..Filled::default() };
    let written = async {
        by_name::find(&app, &viewer, object, &mut filled.texts).await?;
        write(&app, &viewer, object, record, version, &filled.texts).await
    };
    match written.await {
        Ok(_) => {
            let mut session = app.db.read().await?;
            if !query::allowed(&mut session, &viewer, object, record, Right::Read).await? {
                return out_of_sight(object, &mut session, &app, &viewer, &asked, record, &filled.texts).await;
            }
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

/// The answer after a change by which the record went out of the viewer's sight, as when they gave it to a colleague: it was saved,
/// and who has it now. They stay where they were, unless that was the record's own page.
pub async fn out_of_sight(
    object: &'static Object,
    session: &mut store::Session,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    record: Uuid,
    given: &BTreeMap<String, String>,
) -> Result<Response> {
    let owner = given.get(OWNER).and_then(|text| text.parse::<Uuid>().ok()).filter(|owner| *owner != viewer.person);
    let name = match owner {
        Some(owner) => name_of(session, app, viewer, "person", owner).await?,
        None => None,
    };
    let text = match name {
        Some(name) => viewer.locale.text_with("saved-with", &[("name", &name)]),
        None => viewer.locale.text("saved-unseen"),
    };
    let list = format!("/{}", object.plural);
    let own_page = format!("{list}/{record}");
    let to = asked.came_from.as_deref().filter(|from| !from.starts_with(&own_page)).unwrap_or(&list);
    Ok(done(asked, to, Some(Toast::success(text))))
}

async fn write(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    record: Uuid,
    version: i64,
    inputs: &BTreeMap<String, String>,
) -> Result<i64> {
    app.at_page(viewer, async |tx, actor| {
        let before = command::load_for_write(tx, actor, object, record).await?;
        let draft = command::read_inputs(object, viewer, inputs, Some(&before), Source::Form)?;
        command::update_loaded(tx, actor, object, &before, Some(version), draft).await
    })
    .await
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
        _ if value.is_empty() => "–".into(),
        (Kind::Ref(target), Ok(id)) => name_of(session, app, viewer, target, id).await?.unwrap_or_else(|| "—".into()),
        (Kind::Choice(_), _) => viewer.locale.text(&object.choice_key(field, value)),
        _ => value.to_owned(),
    })
}

/// What collides of an amount, with the currency of each side where that collides too: who then chooses one person's amount and the
/// other's currency is asked again.
fn with_currency(object: &Object, collision: &Collision, collided: &Collided) -> Collided {
    let (key, was, mine, now) = collided.clone();
    let currency = collision.fields.iter().find(|(other, ..)| other == "currency");
    match currency.filter(|_| object.field(&key).is_some_and(Field::is_amount)) {
        Some((_, was_in, mine_in, now_in)) => {
            let of = |currency: &str, amount: String| {
                if amount.is_empty() { amount } else { format!("{currency} {amount}") }
            };
            (key, of(was_in, was), of(mine_in, mine), of(now_in, now))
        }
        None => (key, was, mine, now),
    }
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
    for collided in &collision.fields {
        let (key, was, mine, now) = with_currency(object, collision, collided);
        let Some(field) = object.field(&key).filter(|_| viewer.sees(object, &key)) else { continue };
        fields.push(ConflictField {
            label: viewer.locale.text(&object.label_key(field)),
            original: told(&mut session, app, viewer, object, field, &was).await?,
            mine: told(&mut session, app, viewer, object, field, &mine).await?,
            theirs: told(&mut session, app, viewer, object, field, &now).await?,
            mine_value: mine,
            theirs_value: now,
            key,
        });
    }
    let page = Page::new(viewer, asked, viewer.locale.text("error-conflict"));
    // What the person left as it was is not sent again: under the new version it would write over what others made of it.
    let others =
        collision.besides.iter().filter_map(|key| Some(((*key).to_owned(), inputs.get(*key)?.clone()))).collect();
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
    back: String,
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
    let (row, fields) = query::find(&mut session, &viewer, object, id(&record)?).await?;
    if !share::rights(&mut session, &viewer, object, row.id).await?.may_change(field) {
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
    // As a page of its own it says of which record it is; what it asks stands beside the input.
    let name = row.cells.first().and_then(store::Cell::text).unwrap_or("—");
    let page = Page::new(viewer, asked, viewer.locale.text_with("edit-title", &[("name", name)]));
    let mut inputs = vec![form::input(viewer, object, field, filled, errors, &format!("in-{}-", row.id.simple()))];
    by_name::offer(&mut inputs, filled);
    form::set_currency(&mut inputs, &row.currency);
    let input = inputs.remove(0);
    let back = format!("/{}/{}", object.plural, row.id);
    let action = format!("{back}/field/{}", field.key);
    let body = FieldBody { page: &page, action, back, version: row.version, input };
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
    let version = version_in(&pairs)?;
    let name_key = by_name::name_key(field.key);
    let typed = [field.key, &name_key].map(|key| (key.to_owned(), get(&pairs, key).to_owned()));
    let mut inputs = BTreeMap::from(typed.clone());
    let outcome = async {
        by_name::find(&app, &viewer, object, &mut inputs).await?;
        write(&app, &viewer, object, record, version, &inputs).await
    };
    let outcome = outcome.await;
    let mut session = app.db.read().await?;
    let (row, fields) = match query::find(&mut session, &viewer, object, record).await {
        Err(Error::NotFound) if outcome.is_ok() => {
            return out_of_sight(object, &mut session, &app, &viewer, &asked, record, &inputs).await;
        }
        found => found?,
    };
    match outcome {
        Ok(_) if !asked.fragment => {
            Ok(done(&asked, &format!("/{}/{record}", object.plural), Some(Toast::success(viewer.locale.text("saved")))))
        }
        Ok(_) => {
            let shows = Shows::of(&viewer, app.registry, object, viewer.config.today(app.clock.now()));
            let at = fields.iter().position(|other| other.key == field.key).unwrap_or(0);
            let state = fields.iter().position(|other| other.key == "state").and_then(|at| row.cells[at].text());
            // What was just typed is seen to the last digit.
            let exact = shows.exact(field, &row.cells[at], &row.currency).map(|exact| Html(escape(&exact)));
            let shown = || shows.show(field, &row.cells[at], row.labels[at].as_deref(), &row.currency, state);
            let Html(html) = exact.unwrap_or_else(shown);
            Ok(axum::response::Html(html).into_response())
        }
        Err(Error::Invalid(errors)) => {
            let mut filled = Filled::of_row(&viewer, &fields, &row);
            filled.texts.extend(typed);
            let errors: Vec<FieldError> =
                errors.into_iter().map(|error| FieldError { field: field.key.into(), ..error }).collect();
            respond_field(object, &viewer, &asked, &row, field, &filled, StatusCode::UNPROCESSABLE_ENTITY, &errors)
        }
        Err(Error::Conflict(collision)) => {
            let shown = collision.fields.first().map(|collided| with_currency(object, &collision, collided));
            let now = shown.map_or_else(String::new, |(.., now)| now);
            let theirs = told(&mut session, &app, &viewer, object, field, &now).await?;
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
    app.at_page(&viewer, async |tx, actor| command::set_deleted(tx, actor, object, record, deleted).await).await?;
    let locale = viewer.locale;
    let (to, toast) = if deleted {
        let undo = format!("/{}/{record}/restoration", object.plural);
        (format!("/{}", object.plural), Toast::success(locale.text("moved-to-trash")).with_undo(undo))
    } else {
        (format!("/{}/{record}", object.plural), Toast::success(locale.text("restored")))
    };
    Ok(done(&asked, &to, Some(toast)))
}

/// So many are offered to choose from.
const PICKED: usize = 20;

/// GET /pick/{object}?q=&account=: found by name, pinyin or initials; those of the account before the others. Products with their price
/// in a `currency` and perhaps of a `price_list`.
async fn pick(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let asks = pairs(&asked.query);
    let words = get(&asks, "q").chars().take(100).filter(|c| *c != '\0').collect::<String>();
    let title = object.title_field();
    // Those of the account that the form is about come first.
    let account = viewer.projection(object).find(|field| field.key == "account");
    let near = account.and_then(|field| Some((field.column, get(&asks, "account").parse::<Uuid>().ok()?)));
    let currency = Some(get(&asks, "currency")).filter(|code| object.name == "product" && format::is_currency(code));
    let list = get(&asks, "price_list").parse().ok();
    let today = viewer.config.today(viewer.now);
    let parts: &[&str] = if near.is_some() { &["=", "IS DISTINCT FROM"] } else { &[""] };
    let mut session = app.db.read().await?;
    let mut rows: Vec<Cells> = Vec::new();
    for part in parts {
        // First which, then what is shown of them.
        let mut statement = query::select_named(&viewer, object);
        if let Some(currency) = currency {
            prices::push_price(statement.push(", "), currency, list, today);
        }
        statement.push(&format!(
            " FROM {table} t WHERE t.id IN (SELECT t.id FROM {table} t WHERE t.deleted_at IS NULL AND ",
            table = object.table
        ));
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
        if let Some((column, account)) = near {
            statement.push(&format!(" AND t.{column} {part} ")).bind(account);
        }
        if !words.trim().is_empty() {
            statement.push(" AND ");
            query::push_words(&mut statement, app.db.engine(), &viewer, object, &words);
        }
        let order = title.sort_column.unwrap_or(title.column);
        statement.push(&format!(" ORDER BY t.{order} LIMIT {}) ORDER BY t.{order}", PICKED - rows.len()));
        rows.extend(session.all::<Cells>(statement).await?);
    }
    let answer: Vec<serde_json::Value> = rows
        .iter()
        .map(|Cells(cells)| {
            let text = cells[1].text().unwrap_or("—");
            // A product whose code is its name is not named twice.
            let hint = cells.get(2).and_then(|cell| cell.text()).filter(|hint| *hint != text).map(str::to_owned);
            let price = cells.get(3).and_then(store::Cell::int).zip(currency);
            let price = price.map(|(minor, currency)| format::money(minor, currency));
            let hint: Vec<String> = hint.into_iter().chain(price).collect();
            json!({ "value": cells[0].id(), "text": text, "hint": (!hint.is_empty()).then(|| hint.join(" · ")) })
        })
        .collect();
    Ok(axum::Json(answer).into_response())
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
        && !matches!(
            field.key,
            "name" | "stage" | "currency" | "external_id" | "credit_code" | "code" | "email" | "subject"
        )
}
