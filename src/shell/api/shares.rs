//! Sharing a record with one more person, by whoever may write it and has its owner within reach.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Uuid;

use super::answer::Answer;
use super::call::{Body, Ids, MayMatch, Replacing};
use super::hung;
use super::operation::{Api, pascal};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::record::hung::Expected;
use crate::shell::record::{Object, share};
use crate::shell::viewer::Viewer;

#[derive(Serialize, schemars::JsonSchema)]
struct Share {
    person: Uuid,
    person_label: String,
    may_write: bool,
    version: i64,
    shared_by: Option<Uuid>,
    #[schemars(extend("format" = "date-time"))]
    shared_at: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Shares {
    data: Vec<Share>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ask {
    may_write: bool,
}

pub fn operations(api: Api, object: &'static Object) -> Api {
    let name = pascal(object.name);
    let all = format!("/api/{}/{{id}}/shares", object.plural);
    let one = format!("{all}/{{person}}");
    api.operation(
        hung::list::<Shares>(&all, format!("list{name}Shares"), object.name, "api-shares"),
        move |State(app): State<App>, viewer: Viewer, Ids([id]): Ids<1>| async move {
            list(object, &app, &viewer, id).await
        },
    )
    .operation(
        hung::put::<Ask, Share>(&one, format!("share{name}"), object.name, "api-share"),
        move |State(app): State<App>, viewer: Viewer, Ids(ids): Ids<2>, seen: Replacing, body: Body| async move {
            put(object, &app, &viewer, ids, seen.0, body.read()?).await
        },
    )
    .operation(
        hung::remove(&one, format!("unshare{name}"), object.name, "api-unshare"),
        move |State(app): State<App>, viewer: Viewer, Ids(ids): Ids<2>, MayMatch(seen): MayMatch| async move {
            delete(object, &app, &viewer, ids, seen.into()).await
        },
    )
}

fn shown(share: share::Share) -> Share {
    Share {
        person: share.person_id,
        person_label: share.person_name,
        may_write: share.may_write,
        version: share.version,
        shared_by: share.created_by,
        shared_at: share.created_at.timestamp().to_string(),
    }
}

async fn list(object: &'static Object, app: &App, viewer: &Viewer, id: Uuid) -> Result<Answer> {
    let mut session = app.db.read().await?;
    let shares = share::of_record(&mut session, viewer, object, id).await?;
    Ok(Answer::ok(json!(Shares { data: shares.into_iter().map(shown).collect() })))
}

async fn put(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    [id, person]: [Uuid; 2],
    seen: Expected,
    ask: Ask,
) -> Result<Answer> {
    let may_write = ask.may_write;
    let put = app.at_api(viewer, async |tx, actor| share::put(tx, actor, object, id, person, may_write, seen).await);
    let share = put.await?;
    Ok(Answer::of_version(share.version, json!(shown(share))))
}

async fn delete(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    [id, person]: [Uuid; 2],
    seen: Expected,
) -> Result<Answer> {
    app.at_api(viewer, async |tx, actor| share::remove(tx, actor, object, id, person, seen).await).await?;
    Ok(Answer::nothing())
}
