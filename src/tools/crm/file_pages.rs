//! Files on a record's page: adding, taking, removing.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path, State};
use axum::response::Response;
use store::Uuid;

use super::{files, record_page};
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::page::{Asked, Toast, done};
use crate::shell::record::{Object, query};
use crate::shell::records::id;
use crate::shell::routes::{Policy, Routes};
use crate::shell::upload::{self, Received};
use crate::shell::viewer::Viewer;

pub fn routes(object: &'static Object) -> Routes {
    let all = format!("/{}/{{id}}/files", object.plural);
    let (read, change) = (Policy::Read(object.name), Policy::Change(object.name));
    Routes::new()
        .post_large(&all, change, files::LARGEST_REQUEST, move |app, viewer, asked, id, form| {
            add(object, app, viewer, asked, id, form)
        })
        .get(&format!("{all}/{{file}}"), read, move |app, viewer, path| take(object, app, viewer, path))
        .post(&format!("{all}/{{file}}/removal"), change, move |app, viewer, asked, path| {
            set_removed(object, true, app, viewer, asked, path)
        })
        .post(&format!("{all}/{{file}}/restoration"), change, move |app, viewer, asked, path| {
            set_removed(object, false, app, viewer, asked, path)
        })
}

fn tab(object: &Object, record: Uuid) -> String {
    format!("/{}/{record}?tab=files", object.plural)
}

/// Refuses before the bytes arrive: 404 for who may not see the record, 403 for who may only see it.
pub(super) async fn check_before(app: &App, viewer: &Viewer, object: &'static Object, record: Uuid) -> Result<()> {
    let mut session = app.db.read().await?;
    if query::allowed(&mut session, viewer, object, record, Right::Write).await? {
        return Ok(());
    }
    let seen = query::allowed(&mut session, viewer, object, record, Right::Read).await?;
    Err(if seen { Error::Forbidden } else { Error::NotFound })
}

/// The part named `file`; a field that was left empty is none.
pub(super) async fn read_form(app: &App, mut form: Multipart) -> Result<Option<Received>> {
    while let Some(mut part) = form.next_field().await.map_err(upload::unreadable)? {
        if part.name() == Some("file") && part.file_name().is_some_and(|name| !name.is_empty()) {
            return upload::receive(app, &mut part, files::LARGEST).await.map(Some);
        }
    }
    Ok(None)
}

/// POST /{plural}/{id}/files · who may change the record
async fn add(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    let record = id(&record)?;
    check_before(&app, &viewer, object, record).await?;
    app.limits.take(format!("file {}", viewer.person), app.limits.files_per_minute(), app.clock.now())?;
    let form = form.map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })?;
    let added: Result<Received> = async {
        let file = read_form(&app, form).await?.ok_or_else(|| Error::field("file", "invalid-no-file"))?;
        keep(&app, &viewer, object, record, file).await
    }
    .await;
    match added {
        Ok(file) => {
            let toast = Toast::success(viewer.locale.text_with("files-added", &[("name", &file.name)]));
            Ok(done(&asked, &tab(object, record), Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            let said = errors.iter().map(|error| error.text(viewer.locale)).collect::<Vec<_>>().join(" ");
            record_page::with_refused_file(object, &app, &viewer, &asked, record, said).await
        }
        Err(error) => Err(error),
    }
}

/// Writes the rows of a file that lies on the disk; if that fails, the file goes again.
async fn keep(app: &App, viewer: &Viewer, object: &'static Object, record: Uuid, file: Received) -> Result<Received> {
    let kept = app.at_page(viewer, async |tx, actor| files::attach(tx, actor, object, record, &file).await).await;
    match kept {
        Ok(_) => Ok(file),
        Err(error) => {
            app.files.remove(file.id).await?;
            Err(error)
        }
    }
}

/// GET /{plural}/{id}/files/{file} · who sees the record
async fn take(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    Path((record, file)): Path<(String, String)>,
) -> Result<Response> {
    hand_out(&app, &viewer, object, id(&record)?, id(&file)?).await
}

pub(super) async fn hand_out(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    record: Uuid,
    file: Uuid,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    if !query::allowed(&mut session, viewer, object, record, Right::Read).await? {
        return Err(Error::NotFound);
    }
    let file = files::find(&mut session, object, record, file).await?;
    drop(session);
    upload::download(app, file.file_id, &file.name, &file.media_type).await
}

/// POST /{plural}/{id}/files/{file}/removal and /restoration · who may change the record
async fn set_removed(
    object: &'static Object,
    removed: bool,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((record, file)): Path<(String, String)>,
) -> Result<Response> {
    let (record, file) = (id(&record)?, id(&file)?);
    app.at_page(&viewer, async |tx, actor| files::detach(tx, actor, object, record, file, !removed).await).await?;
    let toast = if removed {
        let undo = format!("/{}/{record}/files/{file}/restoration", object.plural);
        Toast::success(viewer.locale.text("files-removed")).with_undo(undo)
    } else {
        Toast::success(viewer.locale.text("restored"))
    };
    Ok(done(&asked, &tab(object, record), Some(toast)))
}
