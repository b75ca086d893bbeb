//! Files of a record for programs: list, add, take, remove.

use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, Method, Uri};
use serde::Serialize;
use serde_json::json;
use store::Uuid;

use super::file_pages::{check_before, hand_out, read_form};
use super::files::{self, Attachment};
use super::objects::REGISTRY;
use crate::shell::access::Right;
use crate::shell::api::operation::pascal;
use crate::shell::api::{Answer, Api, Ids, Operation, Post, schema_of};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Object, query};
use crate::shell::routes::Policy;
use crate::shell::upload::Received;
use crate::shell::viewer::Viewer;

#[derive(Serialize, schemars::JsonSchema)]
struct File {
    id: Uuid,
    name: String,
    media_type: String,
    /// Bytes.
    size: i64,
    sha256: String,
    uploaded_by: Option<Uuid>,
    uploaded_by_label: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    uploaded_at: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Files {
    data: Vec<File>,
}

fn shown(file: Attachment) -> File {
    File {
        id: file.id,
        name: file.name,
        media_type: file.media_type,
        size: file.size,
        sha256: file.sha256,
        uploaded_by: file.by_id,
        uploaded_by_label: file.by_name,
        uploaded_at: file.at.timestamp().to_string(),
    }
}

pub fn operations() -> Api {
    REGISTRY.objects.iter().copied().filter(|object| files::has_files(object)).fold(Api::new(), of_object)
}

fn of_object(api: Api, object: &'static Object) -> Api {
    let name = pascal(object.name);
    let all = format!("/api/{}/{{id}}/files", object.plural);
    let one = format!("{all}/{{file}}");
    let (read, change) = (Policy::Read(object.name), Policy::Change(object.name));
    api.operation(
        Operation::get(&all, format!("list{name}Files"), object.name, "api-files")
            .policy(read)
            .gives(200, schema_of::<Files>()),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>| async move {
            list(object, &app, &viewer, id).await
        },
    )
    .upload(
        Operation::post(&all, format!("upload{name}File"), object.name, "api-file-upload")
            .policy(change)
            .takes_file()
            .gives(201, schema_of::<File>()),
        files::LARGEST_REQUEST,
        move |State(app): State<App>,
              viewer: Viewer,
              Ids([id]): Ids<1>,
              headers: HeaderMap,
              uri: Uri,
              form: Result<Multipart, MultipartRejection>| async move {
            add(object, &app, &viewer, id, (&headers, &uri), form).await
        },
    )
    .operation(
        Operation::get(&one, format!("download{name}File"), object.name, "api-file").policy(read).gives_file(200),
        move |State(app): State<App>, viewer: Viewer, Ids([id, file]): Ids<2>| async move {
            hand_out(&app, &viewer, object, id, file).await
        },
    )
    .operation(
        Operation::new(Method::DELETE, &one, format!("remove{name}File"), object.name, "api-file-remove")
            .policy(change)
            .gives_nothing(204),
        move |State(app): State<App>, viewer: Viewer, Ids([id, file]): Ids<2>| async move {
            remove(object, &app, &viewer, id, file).await
        },
    )
}

async fn list(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid) -> Result<Answer> {
    let mut session = app.db.read().await?;
    if !query::allowed(&mut session, viewer, object, id, Right::Read).await? {
        return Err(Error::NotFound);
    }
    let found = files::of_visible(&mut session, object, id).await?;
    Ok(Answer::ok(json!(Files { data: found.into_iter().map(shown).collect() })))
}

async fn add(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    (headers, uri): (&HeaderMap, &Uri),
    form: Result<Multipart, MultipartRejection>,
) -> Result<Answer> {
    check_before(app, viewer, object, id).await?;
    app.limits.take(format!("file {}", viewer.person), app.limits.files_per_minute(), app.clock.now())?;
    let form = form.map_err(|_| Error::Refused { status: 415, key: "error-no-form" })?;
    let file = read_form(app, form).await?.ok_or_else(|| Error::malformed("file", "invalid-required"))?;
    let kept: Result<Answer> = keep(object, app, viewer, id, (headers, uri), &file).await;
    if kept.as_ref().map_or(true, |answer| answer.replayed) {
        app.files.remove(file.id).await?;
    }
    kept
}

async fn keep(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    id: Uuid,
    (headers, uri): (&HeaderMap, &Uri),
    file: &Received,
) -> Result<Answer> {
    let post = Post::of_upload(headers, uri, &file.name, &file.sha256)?;
    let kept = post.once(app, viewer, async |tx, actor| {
        let attachment = files::attach(tx, actor, object, id, file).await?;
        let found = files::find(tx, object, id, attachment).await?;
        Ok(Answer::ok(json!(shown(found))).made_at(format!("/api/{}/{id}/files/{attachment}", object.plural)))
    });
    kept.await
}

async fn remove(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid, file: Uuid) -> Result<Answer> {
    app.at_api(viewer, async |tx, actor| files::detach(tx, actor, object, id, file, false).await).await?;
    Ok(Answer::nothing())
}
