//! The screens of an import: upload, mapping with a live preview, progress, result. Every step is a plain form; scripts only
//! make the preview and the progress come by themselves.

use axum::body::Body;
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use paper::sheet::{Book, Value, csv_rows};
use store::Uuid;

use super::arrival::{self, Arrived, Beginning, LARGEST_UPLOAD};
use super::mapping_page::{mapping_page, preview, save};
use super::result_page::{errors_file, progress, result_page};
use super::rows_page::{figures, rows_page};
use super::sql::{self, Import, Work};
use super::{command, guess};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::export::FileFormat;
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, Toast, done, render, respond, respond_with};
use crate::shell::record::{Field, Object};
use crate::shell::records::{get, id, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::upload::disposition;
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let creates = Policy::CreateAny;
    Routes::new()
        .get("/imports", creates, index)
        .get("/imports/new", creates, new)
        .post_large("/imports", creates, LARGEST_UPLOAD, upload)
        .get("/imports/templates/{file}", creates, template)
        .get("/imports/{id}", creates, show)
        .post("/imports/{id}", creates, save)
        .post("/imports/{id}/preview", creates, preview)
        .post("/imports/{id}/check", creates, check)
        .post("/imports/{id}/start", creates, start)
        .get("/imports/{id}/progress", creates, progress)
        .post("/imports/{id}/cancellation", creates, cancel)
        .post("/imports/{id}/undo", creates, undo)
        .post("/imports/{id}/removal", creates, remove)
        .get("/imports/{id}/rows", creates, rows_page)
        .get("/imports/{id}/errors.csv", creates, errors_file)
        .post("/imports/mappings/{id}/removal", creates, remove_mapping)
}

/// A choice in a select.
pub(super) struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

pub(super) fn choice(value: &str, text: impl Into<String>, chosen: bool) -> Choice {
    Choice { value: value.to_owned(), text: text.into(), chosen }
}

struct ImportRow {
    id: Uuid,
    name: String,
    object: String,
    state: String,
    pill: &'static str,
    counts: String,
    when: String,
}

#[derive(askama::Template)]
#[template(path = "system/imports/index.html")]
struct IndexBody<'a> {
    page: &'a Page,
    imports: Vec<ImportRow>,
    mappings: Vec<(Uuid, String, String)>,
}

pub(super) fn object_name(locale: Locale, object: &str) -> String {
    locale.text(&format!("{object}-plural"))
}

pub(super) fn pill(state: &str) -> &'static str {
    match state {
        "done" => "pill-good",
        "checking" | "running" | "undoing" => "pill-info",
        "failed" => "pill-bad",
        "cancelled" => "pill-warn",
        _ => "",
    }
}

/// GET /imports
async fn index(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let mut session = app.db.read().await?;
    let imports = sql::of_viewer(&mut session, &viewer, None, 100).await?;
    let mappings = sql::saved_mappings(&mut session, &viewer).await?;
    drop(session);
    let locale = viewer.locale;
    let page = Page::new(&viewer, &asked, locale.text("nav-imports"));
    let imports = imports
        .into_iter()
        .map(|import| ImportRow {
            id: import.id,
            object: object_name(locale, &import.object),
            state: locale.text(&format!("import-state-{}", import.state)),
            pill: pill(&import.state),
            counts: counts_line(locale, &import),
            when: format::instant(locale, import.created_at, &viewer.config.zone),
            name: import.name,
        })
        .collect();
    let mappings =
        mappings.into_iter().map(|mapping| (mapping.id, mapping.name, object_name(locale, &mapping.object))).collect();
    respond(&page, &IndexBody { page: &page, imports, mappings })
}

pub(super) fn counts_line(locale: Locale, import: &Import) -> String {
    let figures = [
        ("created", import.created),
        ("updated", import.updated),
        ("skipped", import.skipped),
        ("failed", import.failed),
    ];
    let figures = figures.into_iter().filter(|(_, count)| *count > 0);
    let parts: Vec<String> = figures.map(|(key, count)| count_text(locale, import, key, count)).collect();
    if parts.is_empty() { n_rows(locale, import.rows_total) } else { parts.join(" · ") }
}

/// The same, each with the address of the rows behind it.
pub(super) fn counts(locale: Locale, object: &Object, import: &Import) -> Vec<(String, Option<String>)> {
    let figures = figures(object, import).into_iter().filter(|figure| figure.count > 0);
    figures.map(|figure| (count_text(locale, import, figure.key, figure.count), figure.href)).collect()
}

fn count_text(locale: Locale, import: &Import, key: &str, count: i64) -> String {
    // A check has done nothing yet.
    let done = if matches!(import.state.as_str(), "checking" | "checked") { "would-be-" } else { "" };
    locale.text_with(&format!("import-n-{done}{key}"), &[("count", &format::grouped(count))])
}

pub(super) fn n_rows(locale: Locale, rows: i64) -> String {
    locale.counted("import-n-rows", rows, &[("count", &format::grouped(rows))])
}

#[derive(askama::Template)]
#[template(path = "system/imports/new.html")]
struct NewBody<'a> {
    page: &'a Page,
    objects: Vec<Choice>,
    templates: Vec<(String, String)>,
    error: Option<String>,
}

/// The kinds of record that the viewer may make.
fn objects<'a>(app: &'a App, viewer: &'a Viewer) -> impl Iterator<Item = &'static Object> + 'a {
    app.registry.objects.iter().copied().filter(|object| viewer.may_create(object.name))
}

fn new_page(app: &App, viewer: &Viewer, asked: &Asked, chosen: &str, error: Option<String>) -> Result<Response> {
    let locale = viewer.locale;
    let page = Page::new(viewer, asked, locale.text("import-new"));
    let choices = objects(app, viewer)
        .map(|object| choice(object.name, object_name(locale, object.name), object.name == chosen))
        .collect();
    let templates =
        objects(app, viewer).map(|object| (object.plural.to_owned(), object_name(locale, object.name))).collect();
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    respond_with(status, &page, render(&NewBody { page: &page, objects: choices, templates, error })?)
}

/// GET /imports/new?object=account
async fn new(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let chosen = get(&pairs(&asked.query), "object").to_owned();
    new_page(&app, &viewer, &asked, &chosen, None)
}

/// POST /imports: the file goes to the disk as it arrives.
async fn upload(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    multipart: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response> {
    app.limits.take(format!("upload {}", viewer.person), app.limits.imports_per_minute(), app.clock.now())?;
    let form = multipart.map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })?;
    let Arrived { mut texts, file } = arrival::receive(&app, form, &["object"]).await?;
    let object = texts.remove("object").unwrap_or_default();
    let object_of = app.registry.get(&object).filter(|object| viewer.may_create(object.name));
    let locale = viewer.locale;
    let Some(file) = file else {
        return new_page(&app, &viewer, &asked, &object, Some(locale.text("import-no-file")));
    };
    let Some(object_of) = object_of else {
        app.files.remove(file.id).await?;
        return new_page(&app, &viewer, &asked, &object, Some(locale.text("import-no-object")));
    };
    let Beginning { mapping, rows, like } = match arrival::begin(&app, &viewer, object_of, &file).await {
        Ok(beginning) => beginning,
        Err(Error::Invalid(errors)) => {
            app.files.remove(file.id).await?;
            let text = errors.first().map(|error| error.text(locale));
            return new_page(&app, &viewer, &asked, &object, text);
        }
        Err(error) => return Err(error),
    };
    let mut tx = app.db.write().await?;
    let import = sql::insert(&mut tx, &app, viewer.person, object_of, &file, &mapping, rows).await?;
    tx.commit().await?;
    let toast = like.map(|like| {
        let when = format::instant(locale, like.created_at, &viewer.config.zone);
        Toast::success(locale.text_with("import-begins-like", &[("name", &like.name), ("when", &when)]))
    });
    Ok(done(&asked, &format!("/imports/{import}"), toast))
}

/// GET /imports/templates/accounts.csv: the headings that are recognised, in the reader's language.
async fn template(State(app): State<App>, viewer: Viewer, Path(file): Path<String>) -> Result<Response> {
    let (plural, extension) = file.rsplit_once('.').ok_or(Error::NotFound)?;
    let object = app.registry.by_plural(plural)?;
    if !viewer.may_create(object.name) {
        return Err(Error::NotFound);
    }
    template_of(&viewer, object, FileFormat::parse(extension).ok_or(Error::NotFound)?)
}

/// An empty table with the headings of the fields that this person may fill.
pub(super) fn template_of(viewer: &Viewer, object: &'static Object, format: FileFormat) -> Result<Response> {
    let headings: Vec<String> =
        fields_of(viewer, object).map(|field| viewer.locale.text(&object.label_key(field))).collect();
    let bytes = match format {
        FileFormat::Csv => {
            let cells: Vec<Value> = headings.into_iter().map(Value::Text).collect();
            let mut bytes = "\u{feff}".as_bytes().to_vec();
            bytes.extend(csv_rows([cells.as_slice()]));
            bytes
        }
        FileFormat::Xlsx => {
            let title = object_name(viewer.locale, object.name);
            let book = Book::new(&title, headings).and_then(Book::bytes);
            book.map_err(|error| Error::Internal(error.to_string()))?
        }
    };
    let name = format!("{}.{}", object.plural, format.extension());
    Ok(attachment(format.media_type(), &name, Body::from(bytes)))
}

pub(super) fn attachment(media_type: &'static str, name: &str, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&disposition(name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The fields that this person may fill from a file.
pub(super) fn fields_of<'a>(viewer: &'a Viewer, object: &'static Object) -> impl Iterator<Item = &'static Field> + 'a {
    guess::fields(object).filter(move |field| viewer.sees(object, field.key))
}

/// GET /imports/{id}: whatever the import is at.
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    match import.state.as_str() {
        "mapping" | "checked" => mapping_page(&app, &viewer, &asked, &import, import.mapping()?, Vec::new()).await,
        _ => result_page(&app, &viewer, &asked, &import).await,
    }
}

pub(super) async fn find(app: &App, viewer: &Viewer, text: &str) -> Result<Import> {
    sql::find(&mut app.db.read().await?, viewer, id(text)?).await
}

async fn queue(app: &App, viewer: &Viewer, asked: &Asked, text: &str, work: Work) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let import = command::queue(&mut tx, app, viewer, id(text)?, work).await?;
    tx.commit().await?;
    app.jobs.notify_one();
    Ok(done(asked, &format!("/imports/{}", import.id), None))
}

/// POST /imports/{id}/check
async fn check(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    queue(&app, &viewer, &asked, &text, Work::Check).await
}

/// POST /imports/{id}/start
async fn start(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    queue(&app, &viewer, &asked, &text, Work::Run).await
}

/// POST /imports/{id}/undo
async fn undo(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    queue(&app, &viewer, &asked, &text, Work::Undo).await
}

/// POST /imports/{id}/cancellation
async fn cancel(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let import = command::cancel(&mut tx, &app, &viewer, id(&text)?).await?;
    tx.commit().await?;
    Ok(done(&asked, &format!("/imports/{}", import.id), None))
}

/// POST /imports/{id}/removal: an import that never ran is forgotten with its file.
async fn remove(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    command::remove(&app, &viewer, id(&text)?, |_| Ok(())).await?;
    Ok(done(&asked, "/imports", Some(Toast::success(viewer.locale.text("import-removed")))))
}

/// POST /imports/mappings/{id}/removal
async fn remove_mapping(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
) -> Result<Response> {
    let mut tx = app.db.write().await?;
    sql::delete_mapping(&mut tx, &viewer, id(&text)?).await?;
    tx.commit().await?;
    Ok(done(&asked, "/imports", Some(Toast::success(viewer.locale.text("import-mapping-removed")))))
}
