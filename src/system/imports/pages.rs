//! The screens of an import: upload, mapping with a live preview, progress, result. Every step is a plain form; scripts only
//! make the preview and the progress come by themselves.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{Multipart, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use paper::sheet::{Book, Encoding, Format, Row, Sheet, Value, csv_rows};
use store::job::{self, Job};
use store::{Uuid, new_id};

use super::engine::sheet_error;
use super::guess;
use super::model::{Column, DateOrder, Mapping, OnMatch};
use super::rows::{self, Fate};
use super::sql::{self, Import, SavedMapping, Stored, Work};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, Toast, done, fragment, render, respond, respond_with};
use crate::shell::record::{Field, Kind, Object};
use crate::shell::records::{get, id, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::upload::{file_name, unreadable};
use crate::shell::viewer::Viewer;

/// What one may upload, with a little room for the form around it.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
const LARGEST_UPLOAD: usize = LARGEST_FILE as usize + 64 * 1024;
/// Rows shown before anything is imported.
const PREVIEWED: usize = 20;
/// Refused rows shown on the result page; all of them are in the file.
const SHOWN_FAILURES: i64 = 20;

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
        .get("/imports/{id}/errors.csv", creates, errors_file)
        .post("/imports/mappings/{id}/removal", creates, remove_mapping)
}

/// A choice in a select.
struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

fn choice(value: &str, text: impl Into<String>, chosen: bool) -> Choice {
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

fn object_name(locale: Locale, object: &str) -> String {
    locale.text(&format!("{object}-plural"))
}

fn pill(state: &str) -> &'static str {
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
    let imports = sql::of_viewer(&mut session, &viewer, 100).await?;
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

fn counts_line(locale: Locale, import: &Import) -> String {
    let parts = [
        ("import-n-created", import.created),
        ("import-n-updated", import.updated),
        ("import-n-skipped", import.skipped),
        ("import-n-failed", import.failed),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| locale.text_with(key, &[("count", &format::grouped(count))]))
        .collect();
    if parts.is_empty() {
        locale.text_with("import-n-rows", &[("count", &format::grouped(import.rows_total))])
    } else {
        parts.join(" · ")
    }
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

/// What a look into a file shows.
struct Peek {
    headers: Vec<String>,
    format: Format,
    rows: Vec<Row>,
    /// `None`: not counted.
    total: Option<i64>,
}

async fn peek(app: &App, file: Uuid, mapping: &Mapping, count: bool) -> Result<Peek> {
    let (path, options) = (app.files.path(file), mapping.options());
    tokio::task::spawn_blocking(move || {
        let mut sheet = Sheet::open(&path, &options).map_err(sheet_error)?;
        let (headers, format) = (sheet.headers.clone(), sheet.format.clone());
        let rows = sheet.by_ref().take(PREVIEWED).collect::<Result<Vec<Row>, _>>().map_err(sheet_error)?;
        let mut total = None;
        if count {
            let mut rest = 0;
            for row in sheet {
                row.map_err(sheet_error)?;
                rest += 1;
            }
            total = Some(rows.len() as i64 + rest);
        }
        Ok(Peek { headers, format, rows, total })
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?
}

/// POST /imports: the file goes to the disk as it arrives.
async fn upload(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    multipart: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response> {
    app.limits.take(format!("upload {}", viewer.person), 20.0, app.clock.now())?;
    let mut multipart = multipart.map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })?;
    let mut object = String::new();
    let mut file: Option<Stored> = None;
    while let Some(mut part) = multipart.next_field().await.map_err(unreadable)? {
        match part.name() {
            Some("object") => object = part.text().await.map_err(unreadable)?,
            Some("file") if file.is_none() => {
                let name = file_name(part.file_name().unwrap_or_default());
                let id = new_id(&app.clock);
                let mut arriving = app.files.begin(id).await?;
                while let Some(bytes) = part.chunk().await.map_err(unreadable)? {
                    if arriving.size() + bytes.len() as u64 > LARGEST_FILE {
                        return Err(Error::TooLarge);
                    }
                    arriving.write(&bytes).await?;
                }
                if arriving.size() == 0 {
                    break;
                }
                let (size, sha256) = arriving.finish().await?;
                file = Some(Stored { id, name, size: size as i64, sha256 });
            }
            _ => {}
        }
    }
    let object_of = app.registry.get(&object).filter(|object| viewer.may_create(object.name));
    let locale = viewer.locale;
    let Some(file) = file else {
        return new_page(&app, &viewer, &asked, &object, Some(locale.text("import-no-file")));
    };
    let Some(object_of) = object_of else {
        app.files.remove(file.id).await?;
        return new_page(&app, &viewer, &asked, &object, Some(locale.text("import-no-object")));
    };
    let mut mapping = Mapping::new(object_of);
    let peek = match peek(&app, file.id, &mapping, true).await {
        Ok(peek) => peek,
        Err(Error::Invalid(errors)) => {
            app.files.remove(file.id).await?;
            let text = errors.first().map(|error| error.text(locale));
            return new_page(&app, &viewer, &asked, &object, text);
        }
        Err(error) => return Err(error),
    };
    guess::columns(object_of, &peek.headers, &mut mapping.columns);
    mapping.key = guess::key(object_of, &mapping);
    let mut tx = app.db.write().await?;
    let total = peek.total.unwrap_or(0);
    let import = sql::insert(&mut tx, &app, viewer.person, object_of, &file, &mapping, total).await?;
    tx.commit().await?;
    Ok(done(&asked, &format!("/imports/{import}"), None))
}

/// GET /imports/templates/accounts.csv: the headings that are recognised, in the reader's language.
async fn template(State(app): State<App>, viewer: Viewer, Path(file): Path<String>) -> Result<Response> {
    let (plural, extension) = file.rsplit_once('.').ok_or(Error::NotFound)?;
    let object = app.registry.by_plural(plural)?;
    if !viewer.may_create(object.name) {
        return Err(Error::NotFound);
    }
    let headings: Vec<String> =
        fields_of(&viewer, object).map(|field| viewer.locale.text(&object.label_key(field))).collect();
    let (media_type, bytes) = match extension {
        "csv" => {
            let cells: Vec<Value> = headings.into_iter().map(Value::Text).collect();
            let mut bytes = "\u{feff}".as_bytes().to_vec();
            bytes.extend(csv_rows([cells.as_slice()]));
            ("text/csv; charset=utf-8", bytes)
        }
        "xlsx" => {
            let title = object_name(viewer.locale, object.name);
            let book = Book::new(&title, headings).and_then(Book::bytes);
            let bytes = book.map_err(|error| Error::Internal(error.to_string()))?;
            ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", bytes)
        }
        _ => return Err(Error::NotFound),
    };
    Ok(attachment(media_type, &file, Body::from(bytes)))
}

fn attachment(media_type: &'static str, name: &str, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The fields that this person may fill from a file.
fn fields_of<'a>(viewer: &'a Viewer, object: &'static Object) -> impl Iterator<Item = &'static Field> + 'a {
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

async fn find(app: &App, viewer: &Viewer, text: &str) -> Result<Import> {
    sql::find(&mut app.db.read().await?, viewer, id(text)?).await
}

struct ColumnView {
    index: usize,
    header: String,
    samples: Vec<String>,
    fields: Vec<Choice>,
    replace: String,
    scale: String,
    orders: Vec<Choice>,
    /// Something in the options is set: they are shown open.
    open: bool,
    dates: bool,
    numbers: bool,
    error: Option<String>,
}

struct DefaultView {
    key: String,
    label: String,
    value: String,
    choices: Vec<Choice>,
}

struct PreviewRow {
    number: u64,
    fate: String,
    pill: &'static str,
    note: String,
    cells: Vec<PreviewCell>,
}

struct PreviewCell {
    label: String,
    text: String,
    /// Filled by a value for all rows.
    default: bool,
    error: Option<String>,
}

struct Preview {
    heads: Vec<String>,
    rows: Vec<PreviewRow>,
    errors: Vec<String>,
    bad: usize,
}

#[derive(askama::Template)]
#[template(path = "system/imports/mapping.html")]
struct MappingBody<'a> {
    page: &'a Page,
    import: &'a Import,
    object_name: String,
    rows_total: String,
    columns: Vec<ColumnView>,
    defaults: Vec<DefaultView>,
    defaults_open: bool,
    keys: Vec<Choice>,
    on_match: Vec<Choice>,
    orders: Vec<Choice>,
    encodings: Vec<Choice>,
    delimiters: Vec<Choice>,
    sheets: Vec<Choice>,
    saved: Vec<Choice>,
    preview: Preview,
    check: Option<CheckView>,
    problem: Option<String>,
}

struct CheckView {
    counts: String,
    failed: i64,
    failures: Vec<FailureView>,
}

struct FailureView {
    number: i64,
    errors: Vec<String>,
    cells: String,
}

#[derive(askama::Template)]
#[template(path = "system/imports/preview.html")]
struct PreviewBody<'a> {
    page: &'a Page,
    preview: &'a Preview,
}

async fn mapping_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    import: &Import,
    mut mapping: Mapping,
    errors: Vec<FieldError>,
) -> Result<Response> {
    let locale = viewer.locale;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let (peek, problem) = match peek(app, import.file_id, &mapping, false).await {
        Ok(peek) => (peek, None),
        // Read in another way it may make no table at all: then it is shown as detected, with the reason.
        Err(Error::Invalid(errors)) => {
            (mapping.encoding, mapping.delimiter, mapping.sheet) = (None, None, None);
            let text = errors.first().map(|error| error.text(locale));
            (peek_detected(app, import, &mapping).await?, text)
        }
        Err(error) => return Err(error),
    };
    guess::columns(object, &peek.headers, &mut mapping.columns);
    let preview = previewed(app, viewer, object, &mapping, &peek).await?;
    let mut session = app.db.read().await?;
    let saved = sql::saved_mappings(&mut session, viewer).await?;
    let job = match import.job_id {
        Some(job) => job::find(&mut session, job).await?,
        None => None,
    };
    let failures = if import.state == "checked" {
        sql::rows(&mut session, import.id, "failed", i64::MIN, SHOWN_FAILURES).await?
    } else {
        Vec::new()
    };
    drop(session);
    let problem = problem.or_else(|| job.filter(|job| job.state == "failed").and_then(|job| job_error(locale, &job)));
    let check = (import.state == "checked").then(|| CheckView {
        counts: counts_line(locale, import),
        failed: import.failed,
        failures: failures.iter().map(|row| failure(locale, object, row)).collect(),
    });
    let page = Page::new(viewer, asked, locale.text_with("import-title", &[("name", &import.name)]));
    let fields: Vec<&'static Field> = fields_of(viewer, object).collect();
    let labels = |key: &str| object.field(key).map_or_else(String::new, |field| locale.text(&object.label_key(field)));
    let columns = column_views(locale, &fields, &labels, &mapping, &peek, &errors);
    let mapped: Vec<&str> = mapping.columns.values().map(|column| column.field.as_str()).collect();
    let defaults: Vec<DefaultView> = fields
        .iter()
        .filter(|field| !mapped.contains(&field.key) || mapping.defaults.contains_key(field.key))
        .map(|field| default_view(locale, object, field, mapping.defaults.get(field.key).map_or("", String::as_str)))
        .collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = MappingBody {
        page: &page,
        import,
        object_name: object_name(locale, object.name),
        rows_total: locale.text_with("import-n-rows", &[("count", &format::grouped(import.rows_total))]),
        columns,
        defaults_open: !mapping.defaults.is_empty(),
        defaults,
        keys: fields
            .iter()
            .filter(|field| guess::may_be_key(field))
            .map(|field| choice(field.key, labels(field.key), mapping.key.as_deref() == Some(field.key)))
            .collect(),
        on_match: OnMatch::ALL
            .into_iter()
            .filter(|on| *on != OnMatch::Create)
            .map(|on| choice(on.key(), locale.text(&format!("import-on-match-{}", on.key())), on == mapping.on_match))
            .collect(),
        orders: order_choices(locale, mapping.date_order),
        encodings: match &peek.format {
            Format::Text { encoding, .. } => Encoding::ALL
                .into_iter()
                .map(|known| {
                    choice(known.key(), locale.text(&format!("import-encoding-{}", known.key())), known == *encoding)
                })
                .collect(),
            Format::Workbook { .. } => Vec::new(),
        },
        delimiters: match &peek.format {
            Format::Text { delimiter, .. } => [(',', "comma"), (';', "semicolon"), ('\t', "tab")]
                .into_iter()
                .map(|(sign, name)| choice(name, locale.text(&format!("import-delimiter-{name}")), sign == *delimiter))
                .collect(),
            Format::Workbook { .. } => Vec::new(),
        },
        sheets: match &peek.format {
            Format::Workbook { sheets, sheet } => {
                sheets.iter().map(|name| choice(name, name.clone(), name == sheet)).collect()
            }
            Format::Text { .. } => Vec::new(),
        },
        saved: saved_choices(&saved, object),
        preview,
        check,
        problem,
    };
    respond_with(status, &page, render(&body)?)
}

async fn peek_detected(app: &App, import: &Import, mapping: &Mapping) -> Result<Peek> {
    peek(app, import.file_id, mapping, false).await
}

fn saved_choices(saved: &[SavedMapping], object: &Object) -> Vec<Choice> {
    saved
        .iter()
        .filter(|mapping| mapping.object == object.name)
        .map(|mapping| choice(&mapping.id.to_string(), mapping.name.clone(), false))
        .collect()
}

fn order_choices(locale: Locale, chosen: Option<DateOrder>) -> Vec<Choice> {
    DateOrder::ALL
        .into_iter()
        .map(|order| choice(order.key(), locale.text(&format!("import-order-{}", order.key())), chosen == Some(order)))
        .collect()
}

fn column_views(
    locale: Locale,
    fields: &[&'static Field],
    labels: &impl Fn(&str) -> String,
    mapping: &Mapping,
    peek: &Peek,
    errors: &[FieldError],
) -> Vec<ColumnView> {
    let none = Column::default();
    peek.headers
        .iter()
        .enumerate()
        .map(|(index, header)| {
            let column = mapping.columns.get(header).unwrap_or(&none);
            let field = fields.iter().find(|field| field.key == column.field);
            let mut samples: Vec<String> = Vec::new();
            for row in &peek.rows {
                let cell = row.cells.get(index).map_or("", |cell| cell.trim());
                if !cell.is_empty() && samples.len() < 3 && !samples.iter().any(|known| known == cell) {
                    samples.push(shortened(cell, 60));
                }
            }
            ColumnView {
                index,
                header: header.clone(),
                samples,
                fields: fields
                    .iter()
                    .map(|field| choice(field.key, labels(field.key), field.key == column.field))
                    .collect(),
                replace: column.replace.iter().map(|(from, to)| format!("{from} => {to}\n")).collect(),
                scale: column.scale.clone().unwrap_or_default(),
                orders: order_choices(locale, column.date_order),
                open: !column.replace.is_empty() || column.scale.is_some() || column.date_order.is_some(),
                dates: field.is_some_and(|field| matches!(field.kind, Kind::Date | Kind::Instant)),
                numbers: field.is_some_and(|field| {
                    field.is_amount() || matches!(field.kind, Kind::Integer { .. } | Kind::Percent)
                }),
                error: errors.iter().find(|error| error.field == *header).map(|error| error.text(locale)),
            }
        })
        .collect()
}

fn default_view(locale: Locale, object: &'static Object, field: &'static Field, value: &str) -> DefaultView {
    let choices = match field.kind {
        Kind::Choice(keys) => {
            keys.iter().map(|key| choice(key, locale.text(&object.choice_key(field, key)), *key == value)).collect()
        }
        Kind::Bool => vec![
            choice("true", locale.text("yes"), value == "true"),
            choice("false", locale.text("no"), value == "false"),
        ],
        _ => Vec::new(),
    };
    DefaultView { key: field.key.into(), label: locale.text(&object.label_key(field)), value: value.into(), choices }
}

fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > most {
        short.push('…');
    }
    short
}

/// The first rows as they would be taken in.
async fn previewed(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    mapping: &Mapping,
    peek: &Peek,
) -> Result<Preview> {
    let locale = viewer.locale;
    let mut fitting = mapping.clone();
    fitting.columns.retain(|name, _| peek.headers.contains(name));
    let plan = match fitting.plan(app.registry, &peek.headers) {
        Ok(plan) => plan,
        Err(Error::Invalid(errors)) => {
            let errors = errors.iter().map(|error| labelled(locale, object, error)).collect();
            return Ok(Preview { heads: Vec::new(), rows: Vec::new(), errors, bad: 0 });
        }
        Err(error) => return Err(error),
    };
    let fates = rows::preview(app, viewer, &plan, peek.headers.len(), &peek.rows).await?;
    let shown: Vec<&'static Field> = fields_of(viewer, object)
        .filter(|field| plan.column_of(field.key).is_some() || mapping.defaults.contains_key(field.key))
        .collect();
    let mut rows = Vec::new();
    let mut bad = 0;
    for (row, fate) in peek.rows.iter().zip(fates) {
        let inputs = plan.inputs(&row.cells);
        let (key, pill, errors) = match fate {
            Fate::New => ("new", "pill-good", Vec::new()),
            Fate::Changed => ("changed", "pill-info", Vec::new()),
            Fate::Unchanged => ("unchanged", "", Vec::new()),
            Fate::Waiting(errors) => ("waiting", "pill-warn", errors),
            Fate::Refused(errors) => {
                bad += 1;
                ("refused", "pill-bad", errors)
            }
        };
        let cells = shown
            .iter()
            .map(|field| {
                let given = inputs.given.get(field.key);
                let text = if field.key == "password" && given.is_some() {
                    "••••••••".to_owned()
                } else {
                    given.or(inputs.defaults.get(field.key)).map_or_else(String::new, |text| shortened(text, 60))
                };
                PreviewCell {
                    label: locale.text(&object.label_key(field)),
                    text,
                    default: given.is_none(),
                    error: errors.iter().find(|error| error.field == field.key).map(|error| error.text(locale)),
                }
            })
            .collect();
        // What is wrong with no shown cell is said beside the row.
        let note: Vec<String> = errors
            .iter()
            .filter(|error| !shown.iter().any(|field| field.key == error.field))
            .map(|error| labelled(locale, object, error))
            .collect();
        rows.push(PreviewRow {
            number: row.number,
            fate: locale.text(&format!("import-fate-{key}")),
            pill,
            note: note.join(" "),
            cells,
        });
    }
    let heads = shown.iter().map(|field| locale.text(&object.label_key(field))).collect();
    Ok(Preview { heads, rows, errors: Vec::new(), bad })
}

/// An error with the label of its field in front.
fn labelled(locale: Locale, object: &Object, error: &FieldError) -> String {
    match object.field(&error.field) {
        Some(field) => {
            let label = locale.text(&object.label_key(field));
            locale.text_with("import-field-error", &[("field", &label), ("error", &error.text(locale))])
        }
        None => error.text(locale),
    }
}

/// What the mapping form says. Names of columns come with it, so that a file read in another way cannot mix them up.
fn mapping_of(pairs: &[(String, String)], before: &Mapping) -> Mapping {
    let filled = |key: &str| Some(get(pairs, key).trim().to_owned()).filter(|text| !text.is_empty());
    let mut columns = BTreeMap::new();
    for (key, name) in pairs {
        let Some(index) = key.strip_prefix("column-") else { continue };
        let of = |part: &str| get(pairs, &format!("{part}-{index}")).to_owned();
        let scale = Some(of("scale").trim().to_owned()).filter(|text| !text.is_empty());
        let column = Column {
            field: of("field"),
            replace: replacements(&of("replace")),
            scale,
            date_order: DateOrder::parse(&of("order")),
        };
        columns.insert(name.clone(), column);
    }
    let defaults = pairs
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("default-")?.to_owned(), value.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let delimiter = match get(pairs, "delimiter") {
        "comma" => Some(','),
        "semicolon" => Some(';'),
        "tab" => Some('\t'),
        _ => None,
    };
    Mapping {
        object: before.object.clone(),
        key: filled("key"),
        on_match: OnMatch::parse(get(pairs, "on_match")).unwrap_or_default(),
        date_order: DateOrder::parse(get(pairs, "date_order")),
        shift_days: before.shift_days,
        encoding: filled("encoding"),
        delimiter,
        sheet: filled("sheet"),
        columns,
        defaults,
    }
}

/// `from => to`, one a line.
fn replacements(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once("=>").or_else(|| line.split_once('→')))
        .map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()))
        .collect()
}

/// POST /imports/{id}/preview: how the rows would look, without keeping anything.
async fn preview(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
    body: String,
) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mapping = mapping_of(&pairs(&body), &import.mapping()?);
    let preview = match peek(&app, import.file_id, &mapping, false).await {
        Ok(peek) => previewed(&app, &viewer, object, &mapping, &peek).await?,
        Err(Error::Invalid(errors)) => Preview {
            heads: Vec::new(),
            rows: Vec::new(),
            errors: errors.iter().map(|error| error.text(viewer.locale)).collect(),
            bad: 0,
        },
        Err(error) => return Err(error),
    };
    let page = Page::new(&viewer, &asked, "");
    fragment(&PreviewBody { page: &page, preview: &preview })
}

/// POST /imports/{id}: keeps the mapping; `then` says what follows.
async fn save(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
    body: String,
) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let pairs = pairs(&body);
    let before = import.mapping()?;
    let mut mapping = mapping_of(&pairs, &before);
    let then = get(&pairs, "then");
    let locale = viewer.locale;
    if then == "load" {
        let wanted = id(get(&pairs, "saved"))?;
        let saved = sql::saved_mappings(&mut app.db.read().await?, &viewer).await?;
        let saved = saved.iter().find(|saved| saved.id == wanted && saved.object == object.name);
        mapping = Mapping::parse(&saved.ok_or(Error::NotFound)?.mapping)?;
    }
    let reads_anew = mapping.options() != before.options();
    let peek = match peek(&app, import.file_id, &mapping, reads_anew).await {
        Ok(peek) => peek,
        Err(Error::Invalid(errors)) => return mapping_page(&app, &viewer, &asked, &import, mapping, errors).await,
        Err(error) => return Err(error),
    };
    mapping.columns.retain(|name, _| peek.headers.contains(name));
    guess::columns(object, &peek.headers, &mut mapping.columns);
    let checked = mapping.plan(app.registry, &peek.headers);
    let may_be_unfinished = matches!(then, "preview" | "load");
    if let (Err(Error::Invalid(errors)), false) = (&checked, may_be_unfinished) {
        return mapping_page(&app, &viewer, &asked, &import, mapping, errors.clone()).await;
    }
    let mut tx = app.db.write().await?;
    sql::save_mapping_of(&mut tx, &import, &mapping, peek.total.unwrap_or(import.rows_total)).await?;
    let mut toast = None;
    match then {
        "check" | "start" => {
            let work = if then == "check" { Work::Check } else { Work::Run };
            sql::enqueue(&mut tx, &app, &import, work).await?;
        }
        "keep" => {
            let name: String =
                get(&pairs, "mapping_name").trim().chars().filter(|c| !c.is_control()).take(80).collect();
            let name = if name.is_empty() { import.name.clone() } else { name };
            sql::save_mapping(&mut tx, &app, &viewer, &name, &mapping).await?;
            toast = Some(Toast::success(locale.text_with("import-mapping-saved", &[("name", &name)])));
        }
        _ => {}
    }
    tx.commit().await?;
    app.jobs.notify_one();
    Ok(done(&asked, &format!("/imports/{}", import.id), toast))
}

async fn queue(app: &App, viewer: &Viewer, asked: &Asked, text: &str, work: Work) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let import = sql::find(&mut tx, viewer, id(text)?).await?;
    if work == Work::Undo && import.object == "person" {
        return Err(Error::Refused { status: 409, key: "import-people-stay" });
    }
    sql::enqueue(&mut tx, app, &import, work).await?;
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

/// POST /imports/{id}/cancellation: stops between two chunks; what was taken in stays and can be undone.
async fn cancel(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let import = sql::find(&mut tx, &viewer, id(&text)?).await?;
    if let Some(id) = import.job_id {
        let now = app.clock.now();
        job::request_cancel(&mut tx, id, now).await?;
        let job = job::find(&mut tx, id).await?;
        // Nobody had begun: then nobody will note it either.
        if job.is_some_and(|job| job.state == "cancelled" && job.started_at.is_none()) {
            let back = if import.state == "undoing" { "done" } else { "mapping" };
            sql::set_state(&mut tx, import.id, back, now).await?;
        }
    }
    tx.commit().await?;
    Ok(done(&asked, &format!("/imports/{}", import.id), None))
}

/// POST /imports/{id}/removal: an import that never ran is forgotten with its file.
async fn remove(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let mut tx = app.db.write().await?;
    let import = sql::find(&mut tx, &viewer, id(&text)?).await?;
    sql::remove(&mut tx, &import).await?;
    tx.commit().await?;
    app.files.remove(import.file_id).await?;
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

struct ProgressView {
    headline: String,
    percent: i64,
    line: String,
    stopping: bool,
}

#[derive(askama::Template)]
#[template(path = "system/imports/progress.html")]
struct ProgressBody<'a> {
    page: &'a Page,
    import: &'a Import,
    progress: ProgressView,
}

fn progress_view(app: &App, locale: Locale, import: &Import, job: &Job) -> ProgressView {
    let total = job.total.unwrap_or(import.rows_total).max(1);
    let percent = (job.done * 100 / total).min(100);
    let mut line = locale
        .text_with("import-progress", &[("done", &format::grouped(job.done)), ("total", &format::grouped(total))]);
    if let Some(seconds) = job.started_at.map(|began| (app.clock.now().0 - began.0) / 1_000_000).filter(|s| *s >= 2) {
        let speed = job.done / seconds;
        if speed > 0 {
            let left = ((total - job.done) / speed).max(0);
            let args = [("speed", format::grouped(speed)), ("left", left.to_string())];
            let args: Vec<(&str, &str)> = args.iter().map(|(name, value)| (*name, value.as_str())).collect();
            line = format!("{line} · {}", locale.text_with("import-speed", &args));
        }
    }
    ProgressView {
        headline: locale.text(&format!("import-doing-{}", import.state)),
        percent,
        line,
        stopping: job.cancel_requested,
    }
}

/// GET /imports/{id}/progress: asked for every second while something runs.
async fn progress(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let mut session = app.db.read().await?;
    let import = sql::find(&mut session, &viewer, id(&text)?).await?;
    let job = match import.job_id {
        Some(id) => job::find(&mut session, id).await?,
        None => None,
    };
    drop(session);
    match job.filter(|job| !job.is_over() && is_busy(&import)) {
        Some(job) => {
            let page = Page::new(&viewer, &asked, "");
            let progress = progress_view(&app, viewer.locale, &import, &job);
            fragment(&ProgressBody { page: &page, import: &import, progress })
        }
        None => Ok(done(&asked, &format!("/imports/{}", import.id), None)),
    }
}

fn is_busy(import: &Import) -> bool {
    matches!(import.state.as_str(), "checking" | "running" | "undoing")
}

#[derive(askama::Template)]
#[template(path = "system/imports/result.html")]
struct ResultBody<'a> {
    page: &'a Page,
    import: &'a Import,
    object_name: String,
    plural: &'static str,
    state: String,
    pill: &'static str,
    when: String,
    tiles: Vec<(String, String, &'static str)>,
    failures: Vec<FailureView>,
    kept: Vec<(String, String)>,
    progress: Option<ProgressView>,
    problem: Option<String>,
    may_undo: bool,
}

fn failure(locale: Locale, object: &Object, row: &sql::KeptRow) -> FailureView {
    FailureView {
        number: row.row_number,
        errors: row.errors().iter().map(|error| labelled(locale, object, error)).collect(),
        cells: shortened(&row.cells().join(" · "), 160),
    }
}

fn job_error(locale: Locale, job: &Job) -> Option<String> {
    let errors: Vec<FieldError> = serde_json::from_str(job.result.as_deref()?).ok()?;
    let texts: Vec<String> = errors.iter().map(|error| error.text(locale)).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

async fn result_page(app: &App, viewer: &Viewer, asked: &Asked, import: &Import) -> Result<Response> {
    let locale = viewer.locale;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mut session = app.db.read().await?;
    let job = match import.job_id {
        Some(id) => job::find(&mut session, id).await?,
        None => None,
    };
    let failures = sql::rows(&mut session, import.id, "failed", i64::MIN, SHOWN_FAILURES).await?;
    let kept = sql::kept_records(&mut session, viewer, object, import.id, SHOWN_FAILURES).await?;
    drop(session);
    let busy = job.as_ref().filter(|job| !job.is_over() && is_busy(import));
    let page = Page::new(viewer, asked, locale.text_with("import-title", &[("name", &import.name)]));
    let tiles = [
        ("import-created", import.created, "circle-check"),
        ("import-updated", import.updated, "pencil"),
        ("import-skipped", import.skipped, "minus"),
        ("import-failed", import.failed, "alert-circle"),
    ];
    let body = ResultBody {
        page: &page,
        import,
        object_name: object_name(locale, object.name),
        plural: object.plural,
        state: locale.text(&format!("import-state-{}", import.state)),
        pill: pill(&import.state),
        when: import.finished_at.map(|at| format::instant(locale, at, &viewer.config.zone)).unwrap_or_default(),
        tiles: tiles.map(|(key, count, icon)| (locale.text(key), format::grouped(count), icon)).into(),
        failures: failures.iter().map(|row| failure(locale, object, row)).collect(),
        kept: kept
            .into_iter()
            .map(|(name, errors)| {
                let name = name.unwrap_or_else(|| "—".into());
                (name, errors.iter().map(|error| error.text(locale)).collect::<Vec<_>>().join(" "))
            })
            .collect(),
        progress: busy.map(|job| progress_view(app, locale, import, job)),
        problem: job.filter(|job| job.state == "failed").and_then(|job| job_error(locale, &job)),
        may_undo: matches!(import.state.as_str(), "done" | "cancelled" | "failed")
            && import.created + import.updated > 0
            && object.name != "person",
    };
    respond(&page, &body)
}

/// GET /imports/{id}/errors.csv: the rows that were refused, as they were, with the reason in the reader's language.
async fn errors_file(State(app): State<App>, viewer: Viewer, Path(text): Path<String>) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let lines = ErrorLines::open(&app, viewer.locale, object, &import).await?;
    let portions = futures_util::stream::unfold(lines, async |mut lines| match lines.next().await {
        Ok(Some(bytes)) => Some((Ok(Bytes::from(bytes)), lines)),
        Ok(None) => None,
        Err(error) => Some((Err(std::io::Error::other(error.key())), lines)),
    });
    // Fused: compression asks once more after the end, and `unfold` would panic.
    let body = Body::from_stream(portions.fuse());
    Ok(attachment("text/csv; charset=utf-8", &format!("import-errors-{}.csv", import.id), body))
}

/// The refused rows as CSV, a portion at a time.
pub(super) struct ErrorLines {
    app: App,
    locale: Locale,
    object: &'static Object,
    import: Uuid,
    headers: Vec<String>,
    begun: bool,
    after: i64,
}

impl ErrorLines {
    pub async fn open(app: &App, locale: Locale, object: &'static Object, import: &Import) -> Result<ErrorLines> {
        let headers = peek(app, import.file_id, &import.mapping()?, false).await?.headers;
        Ok(ErrorLines { app: app.clone(), locale, object, import: import.id, headers, begun: false, after: i64::MIN })
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if !std::mem::replace(&mut self.begun, true) {
            let mut heading: Vec<Value> = self.headers.iter().cloned().map(Value::Text).collect();
            heading.push(Value::Text(self.locale.text("import-error-column")));
            let mut bytes = "\u{feff}".as_bytes().to_vec();
            bytes.extend(csv_rows([heading.as_slice()]));
            return Ok(Some(bytes));
        }
        let rows = super::failed_rows(&self.app, self.import, self.after, 500).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.row_number;
        let lines: Vec<Vec<Value>> = rows.iter().map(|row| self.line(row)).collect();
        Ok(Some(csv_rows(lines.iter().map(Vec::as_slice))))
    }

    fn line(&self, row: &sql::KeptRow) -> Vec<Value> {
        let mut cells = row.cells();
        cells.resize(self.headers.len().max(cells.len()), String::new());
        let errors: Vec<String> = row.errors().iter().map(|error| labelled(self.locale, self.object, error)).collect();
        cells.into_iter().chain([errors.join(" ")]).map(Value::Text).collect()
    }
}
