//! Sharing a record on its page: with one more person, to read or also to change, changing how far, and taking it back. Plain forms over
//! [`share`]; who may share is its rule.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use store::{Session, Uuid, sql};

use super::app::App;
use super::error::{Error, FieldError, Result};
use super::form::{self, Choice, FormBody, Input};
use super::hung_forms::{Cause, place};
use super::page::{Asked, Page, Toast, done};
use super::record::hung::Expected;
use super::record::{Object, query, share};
use super::records::{id, pairs};
use super::routes::{Policy, Routes};
use super::viewer::Viewer;

pub fn routes(object: &'static Object) -> Routes {
    let all = format!("/{}/{{id}}/shares", object.plural);
    let change = Policy::Change(object.name);
    Routes::new()
        .get(&format!("{all}/new"), change, move |app, viewer, asked, id| new_form(object, app, viewer, asked, id))
        .post(&all, change, move |app, viewer, asked, id, body| put(object, app, viewer, asked, id, body))
        .post(&format!("{all}/{{person}}/removal"), change, move |app, viewer, asked, path| {
            remove(object, app, viewer, asked, path)
        })
}

/// GET /{plural}/{id}/shares/new?person= · who may share the record; with a person, how far it is shared with that one
async fn new_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
) -> Result<Response> {
    let mut given: BTreeMap<String, String> = pairs(&asked.query).into_iter().collect();
    given.retain(|key, _| key == "person");
    respond(object, &app, &viewer, &asked, id(&record)?, &given, Cause::New).await
}

/// So many people stand in the form for browsers without scripts; with them everybody is found by typing.
const NAMED: i64 = 200;

const PEOPLE: &str = "
    SELECT p.id, p.name FROM person p
     WHERE p.deleted_at IS NULL AND p.state <> 'disabled' AND p.id <> $1 ORDER BY p.name_key, p.id LIMIT $2";

/// The input in which a colleague is chosen.
pub async fn person_input(
    session: &mut Session,
    viewer: &Viewer,
    form: &str,
    chosen: &str,
    errors: &[FieldError],
) -> Result<Input> {
    let people: Vec<(Uuid, String)> = session.all(sql!(PEOPLE, viewer.person, NAMED)).await?;
    let options = people.into_iter().map(|(id, text)| {
        let value = id.to_string();
        Choice { chosen: value == chosen, value, text }
    });
    let error = errors.iter().find(|error| error.field == "person");
    Ok(Input {
        value: chosen.to_owned(),
        required: true,
        error: error.map(|error| error.text(viewer.locale)),
        options: options.collect(),
        picker: "/pick/person".into(),
        ..Input::plain(form, "person", viewer.locale.text("person"), "picker")
    })
}

/// The form of a new share, or of one that stands: then it is about that person.
async fn respond(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    record: Uuid,
    given: &BTreeMap<String, String>,
    cause: Cause,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, object, record).await?;
    if !share::rights(&mut session, viewer, object, record).await?.give {
        return Err(Error::Forbidden);
    }
    let text = |key: &str| given.get(key).map_or("", String::as_str);
    let stands = match text("person").parse() {
        Ok(person) => share::find(&mut session, object, record, person).await?,
        Err(_) => None,
    };
    let locale = viewer.locale;
    let standing = stands.as_ref().map(|share| (share.person_id, share.version));
    let (status, seen) = (cause.status(), cause.seen(given, standing));
    let level = stands.as_ref().map(|share| share.may_write);
    let errors = cause.errors("may_write", || locale.text(level.map_or("share-not", level_key)));
    let mut inputs = Vec::new();
    let (title, mut hidden) = match &stands {
        Some(share) => (
            locale.text_with("share-change", &[("name", &share.person_name)]),
            vec![("person".to_owned(), share.person_id.to_string())],
        ),
        None => {
            inputs.push(person_input(&mut session, viewer, "share", text("person"), &errors).await?);
            let at = fields.iter().position(|field| field.key == object.title);
            let name = at.and_then(|at| row.cells[at].text()).unwrap_or("—");
            (locale.text_with("share-title", &[("name", name)]), Vec::new())
        }
    };
    drop(session);
    hidden.push(seen);
    let page = Page::new(viewer, asked, title.clone());
    let may_write = given.get("may_write").map_or(level == Some(true), |text| text == "true");
    let levels = [false, true].map(|level| Choice {
        value: level.to_string(),
        text: locale.text(level_key(level)),
        chosen: level == may_write,
    });
    inputs.push(Input {
        required: true,
        error: errors.iter().find(|error| error.field == "may_write").map(|error| error.text(locale)),
        options: levels.into(),
        ..Input::plain("share", "may_write", locale.text("share-level"), "select")
    });
    let general = errors.iter().filter(|error| !inputs.iter().any(|input| input.key == error.field));
    let body = FormBody {
        page: &page,
        title,
        action: format!("/{}/{record}/shares", object.plural),
        submit: locale.text("record-share"),
        back: format!("/{}/{record}", object.plural),
        general: general.map(|error| error.text(locale)).collect(),
        inputs,
        hidden,
        note: locale.text(&format!("share-{}-note", object.name)),
        alike: Vec::new(),
        list: Some(object),
    };
    form::respond_form(status, &page, &body)
}

/// POST /{plural}/{id}/shares · who may share the record
async fn put(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
    body: String,
) -> Result<Response> {
    let record = id(&record)?;
    let given: BTreeMap<String, String> = pairs(&body).into_iter().collect();
    let shared: Result<share::Share> = async {
        let (person, seen) = place(&given, "person")?;
        let may_write = given.get("may_write").is_some_and(|text| text == "true");
        let put = app
            .at_page(&viewer, async |tx, actor| share::put(tx, actor, object, record, person, may_write, seen).await);
        put.await
    }
    .await;
    match shared {
        Ok(share) => {
            let toast = Toast::success(viewer.locale.text_with("share-added", &[("name", &share.person_name)]));
            Ok(done(&asked, &format!("/{}/{record}", object.plural), Some(toast)))
        }
        Err(error) => respond(object, &app, &viewer, &asked, record, &given, Cause::of(error)?).await,
    }
}

/// How far a share reaches, in words.
pub fn level_key(may_write: bool) -> &'static str {
    if may_write { "share-write" } else { "share-read" }
}

/// POST /{plural}/{id}/shares/{person}/removal · who may share the record
async fn remove(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((record, person)): Path<(String, String)>,
) -> Result<Response> {
    let (record, person) = (id(&record)?, id(&person)?);
    app.at_page(&viewer, async |tx, actor| share::remove(tx, actor, object, record, person, Expected::Any).await)
        .await?;
    let toast = Toast::success(viewer.locale.text("share-removed"));
    Ok(done(&asked, &format!("/{}/{record}", object.plural), Some(toast)))
}
