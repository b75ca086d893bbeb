//! Imports for programs: bring a file, say which column is which field, check, start, stop, take back. Each operation calls what
//! the pages call; an import belongs to who made it, and so do the mappings they kept.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Session, Tx, Uuid, job};

use super::arrival::{self, Arrived, LARGEST_UPLOAD, peek};
use super::command;
use super::model::{LONGEST_REASON, Mapping};
use super::pages::template_of;
use super::result_page::{errors_of, is_busy, job_errors};
use super::sql::{self, DoneRow, Import, Outcome, SavedMapping, Stored, Work};
use crate::shell::api::operation::pascal;
use crate::shell::api::{
    Answer, Api, Asking, Body, Ids, IfMatch, Members, Operation, Post, cut, page_of, schema_of, shape,
};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::export::FileFormat;
use crate::shell::i18n::Locale;
use crate::shell::record::{Object, Registry};
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

const IMPORT: &str = "import";
const CREATES: Policy = Policy::CreateAny;

/// An import, and how far it has come.
#[derive(Serialize, schemars::JsonSchema)]
struct Shown {
    id: Uuid,
    version: i64,
    object: String,
    /// The file's name.
    name: String,
    #[schemars(extend("enum" = STATES))]
    state: String,
    rows_total: i64,
    created: i64,
    updated: i64,
    skipped: i64,
    failed: i64,
    /// Rows that count as the same record as another row of the file, because they have the same key.
    repeated: i64,
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    #[schemars(extend("format" = "date-time"))]
    finished_at: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    undone_at: Option<String>,
}

/// A row of the file, and what became of it.
#[derive(Serialize, schemars::JsonSchema)]
struct ShownRow {
    /// As a spreadsheet counts: the headings are row 1.
    row: i64,
    #[schemars(extend("enum" = ["updated", "skipped", "failed"]))]
    outcome: String,
    /// The record that the row found, if you may see it.
    record: Option<Uuid>,
    /// Another row of the file with the same key.
    same_as: Option<i64>,
    /// Of a row that was refused: what it says.
    cells: Vec<String>,
    problems: Vec<Problem>,
}

const STATES: [&str; 9] =
    ["mapping", "checking", "checked", "running", "done", "cancelled", "failed", "undoing", "undone"];

#[derive(Serialize, schemars::JsonSchema)]
struct ShownWhole {
    #[serde(flatten)]
    import: Shown,
    mapping: Mapping,
    /// While something runs.
    progress: Option<Progress>,
    /// Why the last piece of work could not go on.
    problems: Vec<Problem>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Progress {
    done: i64,
    total: i64,
    cancelling: bool,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Problem {
    field: String,
    code: String,
    detail: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct ShownMapping {
    id: Uuid,
    name: String,
    object: String,
    mapping: Option<Mapping>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Mappings {
    data: Vec<ShownMapping>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Start {
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Keep {
    #[schemars(length(min = 1, max = 80))]
    name: String,
    mapping: Members<Mapping>,
}

/// The form with the file.
fn form_of(registry: &Registry) -> Json {
    let objects: Vec<&str> = registry.objects.iter().map(|object| object.name).collect();
    json!({
        "type": "object",
        "required": ["file", "object"],
        "properties": {
            "file": { "type": "string", "format": "binary" },
            "object": { "type": "string", "enum": objects },
            "mapping": { "type": "string" },
            "saved_mapping": { "type": "string" },
            "reason": { "type": "string", "maxLength": LONGEST_REASON },
            "dry_run": { "type": "string", "enum": ["true", "false"] },
        },
    })
}

fn example_of_mapping() -> Json {
    json!({ "object": "account", "key": "name", "columns": { "Name": { "field": "name" } } })
}

pub fn operations(registry: &'static Registry) -> Api {
    let get = |path: &str, id: &str, summary| Operation::get(path, id, IMPORT, summary).policy(CREATES);
    let post = |path: &str, id: &str, summary| Operation::post(path, id, IMPORT, summary).policy(CREATES);
    let on = |method, path: &str, id: &str, summary| Operation::new(method, path, id, IMPORT, summary).policy(CREATES);
    let gives_import =
        |operation: Operation, status| operation.gives(status, schema_of::<ShownWhole>()).with_header("ETag");
    let api = Api::new()
        .operation(
            get("/api/imports", "listImports", "api-imports").paged().gives(200, page_of(schema_of::<Shown>())),
            list,
        )
        .upload(
            gives_import(post("/api/imports", "createImport", "api-import-create").takes_form(form_of(registry)), 201),
            LARGEST_UPLOAD,
            create,
        )
        .operation(gives_import(get("/api/imports/{id}", "getImport", "api-import"), 200), show)
        .operation(
            on(Method::DELETE, "/api/imports/{id}", "removeImport", "api-import-remove")
                .conditional()
                .gives_nothing(204),
            remove,
        )
        .operation(
            gives_import(
                on(Method::PUT, "/api/imports/{id}/mapping", "mapImport", "api-import-map")
                    .conditional()
                    .takes(schema_of::<Mapping>())
                    .example(example_of_mapping()),
                200,
            ),
            map,
        )
        .operation(
            gives_import(
                post("/api/imports/{id}/start", "startImport", "api-import-start")
                    .takes(schema_of::<Start>())
                    .example(json!({ "dry_run": false })),
                202,
            ),
            start,
        )
        .operation(
            gives_import(post("/api/imports/{id}/cancellation", "cancelImport", "api-import-cancel"), 202),
            cancel,
        )
        .operation(gives_import(post("/api/imports/{id}/undo", "undoImport", "api-import-undo"), 202), undo)
        .operation(
            get("/api/imports/{id}/rows", "listImportRows", "api-import-rows")
                .query(
                    "outcome",
                    json!({ "type": "string", "enum": Outcome::ALL.map(Outcome::key) }),
                    "api-parameter-import-outcome",
                )
                .paged()
                .gives(200, page_of(schema_of::<ShownRow>())),
            rows,
        )
        .operation(get("/api/imports/{id}/errors", "downloadImportErrors", "api-import-errors").gives_file(200), errors)
        .operation(
            get("/api/import-mappings", "listImportMappings", "api-import-mappings")
                .gives(200, schema_of::<Mappings>()),
            list_mappings,
        )
        .operation(
            post("/api/import-mappings", "keepImportMapping", "api-import-mapping-keep")
                .takes(schema_of::<Keep>())
                .example(json!({ "name": "Accounts of the old program", "mapping": example_of_mapping() }))
                .gives(201, schema_of::<ShownMapping>()),
            keep_mapping,
        )
        .operation(
            get("/api/import-mappings/{id}", "getImportMapping", "api-import-mapping")
                .gives(200, schema_of::<ShownMapping>()),
            show_mapping,
        )
        .operation(
            on(Method::DELETE, "/api/import-mappings/{id}", "removeImportMapping", "api-import-mapping-remove")
                .gives_nothing(204),
            remove_mapping,
        );
    registry.objects.iter().fold(api, |api, object| with_template(api, object))
}

fn with_template(api: Api, object: &'static Object) -> Api {
    let id = format!("downloadImportTemplateOf{}", pascal(object.plural));
    let operation =
        Operation::get(format!("/api/{}/import-template", object.plural), id, IMPORT, "api-import-template")
            .policy(Policy::Create(object.name))
            .query(
                "format",
                json!({ "type": "string", "enum": ["csv", "xlsx"], "default": "csv" }),
                "api-parameter-format",
            )
            .gives_file(200);
    api.operation(operation, move |viewer: Viewer, asking: Asking| async move { template(object, &viewer, &asking) })
}

/// GET /api/{plural}/import-template · who may make this kind of record; the headings are in their language
fn template(object: &'static Object, viewer: &Viewer, asking: &Asking) -> Result<Response> {
    asking.only(&["format"])?;
    let format = asking.one("format")?.unwrap_or("csv");
    let unknown = || Error::Malformed(vec![FieldError::new("format", "invalid-choice").with("value", format)]);
    template_of(viewer, object, FileFormat::parse(format).ok_or_else(unknown)?)
}

// ---- what is told of an import

fn shown(import: &Import) -> Shown {
    Shown {
        id: import.id,
        version: import.version,
        object: import.object.clone(),
        name: import.name.clone(),
        state: import.state.clone(),
        rows_total: import.rows_total,
        created: import.created,
        updated: import.updated,
        skipped: import.skipped,
        failed: import.failed,
        repeated: import.repeated,
        created_at: import.created_at.timestamp().to_string(),
        finished_at: import.finished_at.map(|at| at.timestamp().to_string()),
        undone_at: import.undone_at.map(|at| at.timestamp().to_string()),
    }
}

async fn answer(session: &mut Session, viewer: &Viewer, id: Uuid, status: StatusCode) -> Result<Answer> {
    let import = sql::find(session, viewer, id).await?;
    let job = match import.job_id {
        Some(job) => job::find(session, job).await?,
        None => None,
    };
    let running = job.as_ref().filter(|job| !job.is_over() && is_busy(&import));
    let failed = job.as_ref().filter(|job| job.state == "failed");
    let body = json!(ShownWhole {
        mapping: import.mapping()?,
        progress: running.map(|job| Progress {
            done: job.done,
            total: job.total.unwrap_or(import.rows_total),
            cancelling: job.cancel_requested,
        }),
        problems: failed.map(|job| problems(viewer.locale, &job_errors(job))).unwrap_or_default(),
        import: shown(&import),
    });
    let answer = Answer::of_version(import.version, body);
    Ok(match status {
        StatusCode::CREATED => answer.made_at(format!("/api/imports/{id}")),
        _ => Answer { status, ..answer },
    })
}

fn problems(locale: Locale, errors: &[FieldError]) -> Vec<Problem> {
    let problem = |error: &FieldError| Problem {
        field: error.field.clone(),
        code: error.key.clone(),
        detail: error.text(locale),
    };
    errors.iter().map(problem).collect()
}

/// GET /api/imports · who may make records; their own
async fn list(State(app): State<App>, viewer: Viewer, asking: Asking) -> Result<Answer> {
    asking.only(&["limit", "after"])?;
    let (limit, after) = asking.page_by_id()?;
    let mut imports = sql::of_viewer(&mut app.db.read().await?, &viewer, after, limit + 1).await?;
    let more = cut(&mut imports, limit);
    let next = imports.last().filter(|_| more).map(|last| last.id.to_string());
    let data: Vec<Shown> = imports.iter().map(shown).collect();
    Ok(Answer::page(data, next, &format!("/api/imports?limit={limit}&")))
}

/// GET /api/imports/{id} · whose it is
async fn show(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    answer(&mut app.db.read().await?, &viewer, id, StatusCode::OK).await
}

/// GET /api/imports/{id}/rows · whose it is
async fn rows(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, asking: Asking) -> Result<Answer> {
    asking.only(&["outcome", "limit", "after"])?;
    let limit = asking.whole("limit", 1, 200, 50)?;
    let wrong = |text: &str| Error::Malformed(vec![FieldError::new("outcome", "invalid-choice").with("value", text)]);
    let outcome = asking.one("outcome")?.map(|text| Outcome::parse(text).ok_or_else(|| wrong(text))).transpose()?;
    let after =
        asking.text("after", 1000)?.map(|text| text.parse().map_err(|_| Error::field("after", "invalid-cursor")));
    let after: i64 = after.transpose()?.unwrap_or(0);
    let mut session = app.db.read().await?;
    let import = sql::find(&mut session, &viewer, id).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mut rows = sql::rows_behind(&mut session, &viewer, object, id, outcome, (after, limit + 1)).await?;
    let more = cut(&mut rows, limit);
    let next = rows.last().filter(|_| more).map(|last| last.kept.row_number.to_string());
    let data: Vec<ShownRow> = rows.iter().map(|row| shown_row(viewer.locale, row)).collect();
    let filter = outcome.map_or_else(String::new, |outcome| format!("outcome={}&", outcome.key()));
    Ok(Answer::page(data, next, &format!("/api/imports/{id}/rows?{filter}limit={limit}&")))
}

fn shown_row(locale: Locale, row: &DoneRow) -> ShownRow {
    ShownRow {
        row: row.kept.row_number,
        outcome: row.action.clone(),
        record: row.record_id,
        same_as: row.same_as,
        cells: row.kept.cells(),
        problems: problems(locale, &row.kept.errors()),
    }
}

/// GET /api/imports/{id}/errors · whose it is: the rows that were refused, as CSV
async fn errors(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Response> {
    let import = sql::find(&mut app.db.read().await?, &viewer, id).await?;
    errors_of(&app, &viewer, &import).await
}

// ---- a file comes in

/// Everything that the form says, read.
struct Wanted {
    object: &'static Object,
    file: Stored,
    mapping: Mapping,
    rows: i64,
    dry_run: bool,
}

/// POST /api/imports · who may make this kind of record
async fn create(
    State(app): State<App>,
    viewer: Viewer,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Answer> {
    app.limits.take(format!("upload {}", viewer.person), app.limits.imports_per_minute(), app.clock.now())?;
    let form = form.map_err(|_| Error::Refused { status: 415, key: "error-no-form" })?;
    let arrived = arrival::receive(&app, form, &["object", "mapping", "saved_mapping", "reason", "dry_run"]).await?;
    let file = arrived.file.as_ref().map(|file| file.id);
    let outcome = take_in(&app, &viewer, arrived, (&headers, &uri)).await;
    if let Some(file) = file.filter(|_| outcome.as_ref().map_or(true, |answer| answer.replayed)) {
        app.files.remove(file).await?;
    }
    app.jobs.notify_one();
    outcome
}

async fn take_in(app: &App, viewer: &Viewer, arrived: Arrived, (headers, uri): (&HeaderMap, &Uri)) -> Result<Answer> {
    let sha256 = arrived.file.as_ref().map_or("", |file| &file.sha256);
    let asked = serde_json::to_string(&(&arrived.texts, arrived.file.as_ref().map(|file| &file.name)));
    let asked = asked.map_err(|error| Error::Internal(error.to_string()))?;
    let post = Post::of_upload(headers, uri, &asked, sha256)?;
    let wanted = read_form(app, viewer, arrived).await?;
    let Wanted { object, file, mapping, rows, dry_run } = wanted;
    let taken_in = post.once(app, viewer, async |tx, _| {
        let id = sql::insert(tx, app, viewer.person, object, &file, &mapping, rows).await?;
        if dry_run {
            command::queue(tx, app, viewer, id, Work::Check).await?;
        }
        answer(tx, viewer, id, StatusCode::CREATED).await
    });
    taken_in.await
}

async fn read_form(app: &App, viewer: &Viewer, arrived: Arrived) -> Result<Wanted> {
    let text = |name: &str| arrived.texts.get(name).map(String::as_str);
    let name = text("object").ok_or_else(|| Error::malformed("object", "invalid-required"))?;
    let object = app.registry.get(name).ok_or_else(|| {
        Error::Malformed(vec![FieldError::new("object", "import-unknown-object").with("value", name)])
    })?;
    let dry_run = match text("dry_run") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Error::malformed("dry_run", "invalid-flag")),
    };
    if !viewer.may_create(object.name) {
        return Err(Error::field("object", "import-no-object"));
    }
    let given = match (text("mapping"), text("saved_mapping")) {
        (Some(_), Some(_)) => return Err(Error::field("mapping", "import-mapping-twice")),
        (Some(text), None) => Some(Given::Said(mapping_in(text)?)),
        (None, Some(named)) => {
            let saved = sql::saved_mappings(&mut app.db.read().await?, viewer).await?;
            Some(Given::Kept(kept(&saved, object, named)?))
        }
        (None, None) => None,
    };
    let file = arrived.file.ok_or_else(|| Error::field("file", "import-no-file"))?;
    let reason = text("reason").map(str::to_owned);
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST_REASON) {
        let long = FieldError::new("reason", "invalid-too-long").with("max", LONGEST_REASON);
        return Err(Error::Malformed(vec![long]));
    }
    let (mut mapping, rows) = match given {
        None => arrival::begin(app, viewer, object, &file).await.map(|begun| (begun.mapping, begun.rows))?,
        Some(given) => read_with(app, object, file.id, given).await?,
    };
    mapping.reason = reason.or(mapping.reason);
    if dry_run {
        planned(app, file.id, &mapping).await?;
    }
    Ok(Wanted { object, file, mapping, rows, dry_run })
}

/// A mapping from outside: said as it is to be, or kept for files like this one.
enum Given {
    Said(Mapping),
    Kept(Mapping),
}

/// Opens the file with a mapping, and counts its rows.
///
/// Errors: [`Error::Invalid`] with everything of the mapping that does not fit.
async fn read_with(app: &App, object: &'static Object, file: Uuid, given: Given) -> Result<(Mapping, i64)> {
    let (mut mapping, is_kept) = match given {
        Given::Said(mapping) => (mapping, false),
        Given::Kept(mapping) => (mapping, true),
    };
    if mapping.object != object.name {
        return Err(Error::field("mapping", "import-mapping-of-another"));
    }
    let peek = peek(app, file, &mapping, true).await?;
    arrival::has_rows(&peek)?;
    if is_kept {
        arrival::fit(object, &peek.headers, &mut mapping);
    }
    mapping.plan(app.registry, &peek.headers)?;
    Ok((mapping, peek.total.unwrap_or(0)))
}

/// Whether a mapping is ready to work with.
async fn planned(app: &App, file: Uuid, mapping: &Mapping) -> Result<()> {
    let headers = peek(app, file, mapping, false).await?.headers;
    mapping.plan(app.registry, &headers).map(drop)
}

fn mapping_in(text: &str) -> Result<Mapping> {
    serde_json::from_str(text).map(|Members(mapping)| mapping).map_err(|error| {
        Error::Invalid(vec![FieldError::new("mapping", "import-mapping-unreadable").with("cause", error)])
    })
}

/// The kept mapping of this kind of record with this id or name.
fn kept(saved: &[SavedMapping], object: &Object, named: &str) -> Result<Mapping> {
    let of_object = || saved.iter().filter(|saved| saved.object == object.name);
    let by_id = shape::uuid(named).and_then(|id| of_object().find(|saved| saved.id == id));
    let unknown =
        || Error::Invalid(vec![FieldError::new("saved_mapping", "import-no-such-mapping").with("value", named)]);
    let found = by_id.or_else(|| of_object().find(|saved| saved.name == named)).ok_or_else(unknown)?;
    Mapping::parse(&found.mapping)
}

// ---- what is done with it

/// PUT /api/imports/{id}/mapping · whose it is, as long as nothing runs
async fn map(
    State(app): State<App>,
    viewer: Viewer,
    Ids([id]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let mapping: Mapping = body.read()?;
    let import = sql::find(&mut app.db.read().await?, &viewer, id).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let (mapping, rows) = read_with(&app, object, import.file_id, Given::Said(mapping)).await?;
    let mapped = app.at_api(&viewer, async |tx, _| {
        let import = sql::find(tx, &viewer, id).await?;
        seen.exactly(import.version)?;
        sql::save_mapping_of(tx, &import, &mapping, rows).await?;
        answer(tx, &viewer, id, StatusCode::OK).await
    });
    mapped.await
}

/// DELETE /api/imports/{id} · whose it is: one that never ran is forgotten with its file
async fn remove(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, IfMatch(seen): IfMatch) -> Result<Answer> {
    command::remove(&app, &viewer, id, |import| seen.exactly(import.version)).await?;
    Ok(Answer::nothing())
}

/// POST /api/imports/{id}/start · whose it is
async fn start(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, body: Body) -> Result<Answer> {
    let asked: Start = body.read()?;
    let import = sql::find(&mut app.db.read().await?, &viewer, id).await?;
    planned(&app, import.file_id, &import.mapping()?).await?;
    let work = if asked.dry_run { Work::Check } else { Work::Run };
    once(&app, &viewer, id, &body.post, async |tx| command::queue(tx, &app, &viewer, id, work).await).await
}

/// POST /api/imports/{id}/cancellation · whose it is
async fn cancel(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, post: Post) -> Result<Answer> {
    once(&app, &viewer, id, &post, async |tx| command::cancel(tx, &app, &viewer, id).await).await
}

/// POST /api/imports/{id}/undo · whose it is
async fn undo(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>, post: Post) -> Result<Answer> {
    once(&app, &viewer, id, &post, async |tx| command::queue(tx, &app, &viewer, id, Work::Undo).await).await
}

/// Sets something going, or says again what was said when it was.
async fn once(
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    post: &Post,
    set_going: impl AsyncFnOnce(&mut Tx) -> Result<Import>,
) -> Result<Answer> {
    let answer = post.once(app, viewer, async |tx, _| {
        set_going(tx).await?;
        answer(tx, viewer, id, StatusCode::ACCEPTED).await
    });
    let answer = answer.await?;
    app.jobs.notify_one();
    Ok(answer)
}

// ---- kept mappings

fn shown_mapping(saved: SavedMapping) -> ShownMapping {
    let mapping = Mapping::parse(&saved.mapping).ok();
    ShownMapping { id: saved.id, name: saved.name, object: saved.object, mapping }
}

/// GET /api/import-mappings · who may make records; their own
async fn list_mappings(State(app): State<App>, viewer: Viewer) -> Result<Answer> {
    let saved = sql::saved_mappings(&mut app.db.read().await?, &viewer).await?;
    Ok(Answer::ok(json!(Mappings { data: saved.into_iter().map(shown_mapping).collect() })))
}

async fn find_mapping(session: &mut Session, viewer: &Viewer, id: Uuid) -> Result<ShownMapping> {
    let saved = sql::saved_mappings(session, viewer).await?;
    saved.into_iter().find(|saved| saved.id == id).map(shown_mapping).ok_or(Error::NotFound)
}

/// GET /api/import-mappings/{id} · whose it is
async fn show_mapping(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    Ok(Answer::ok(json!(find_mapping(&mut app.db.read().await?, &viewer, id).await?)))
}

/// POST /api/import-mappings · who may make records; one of the same name is replaced
async fn keep_mapping(State(app): State<App>, viewer: Viewer, body: Body) -> Result<Answer> {
    let Keep { name: given, mapping: Members(mapping) } = body.read()?;
    if !(1..=80).contains(&given.chars().count()) {
        return Err(Error::malformed("name", "invalid-required"));
    }
    let name = sql::mapping_name(&given);
    if name.is_empty() {
        return Err(Error::field("name", "invalid-required"));
    }
    // Without a file at hand it must fit one that has just these columns.
    let columns: Vec<String> = mapping.columns.keys().cloned().collect();
    mapping.plan(app.registry, &columns)?;
    let kept = body.post.once(&app, &viewer, async |tx, _| {
        let id = sql::save_mapping(tx, &app, &viewer, &name, &mapping).await?;
        let made = find_mapping(tx, &viewer, id).await?;
        Ok(Answer::ok(json!(made)).made_at(format!("/api/import-mappings/{id}")))
    });
    kept.await
}

/// DELETE /api/import-mappings/{id} · whose it is
async fn remove_mapping(State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>) -> Result<Answer> {
    let mut tx = app.db.write().await?;
    sql::delete_mapping(&mut tx, &viewer, id).await?;
    tx.commit().await?;
    Ok(Answer::nothing())
}
