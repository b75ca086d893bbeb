//! Ticking tasks off and opening them again. Both are ordinary changes of the task, with history; ticking one that is done
//! already changes nothing.

use axum::extract::{Path, State};
use axum::response::Response;
use store::Cell;

use super::objects::TASK;
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::layers::url_encode;
use crate::shell::page::{Asked, Page, Toast, done, fragment, own_path, toast_event, trigger};
use crate::shell::record::{Draft, command};
use crate::shell::records::{get, id, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    Routes::new().post("/tasks/{id}/done", Policy::Change("task"), tick).post(
        "/tasks/{id}/reopen",
        Policy::Change("task"),
        reopen,
    )
}

/// The row of a task in a list of things to do, after it was ticked.
#[derive(askama::Template)]
#[template(path = "tools/crm/home/ticked.html")]
struct Ticked<'a> {
    page: &'a Page,
    id: &'a str,
    subject: String,
    undo: String,
}

/// POST /tasks/{id}/done
async fn tick(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(task): Path<String>,
    body: String,
) -> Result<Response> {
    let subject = set_status(&app, &viewer, &task, "done").await?;
    let back = back(&body, &asked.query, &task);
    let undo = format!("/tasks/{task}/reopen?back={}", url_encode(&back));
    let toast = Toast::success(viewer.locale.text_with("task-ticked", &[("subject", &subject)])).with_undo(&undo);
    if !asked.fragment {
        return Ok(done(&asked, &back, Some(toast)));
    }
    let page = Page::new(&viewer, &asked, "");
    let mut response = fragment(&Ticked { page: &page, id: &task, subject, undo })?;
    trigger(&mut response, toast_event(&toast));
    Ok(response)
}

/// POST /tasks/{id}/reopen
async fn reopen(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(task): Path<String>,
    body: String,
) -> Result<Response> {
    let subject = set_status(&app, &viewer, &task, "open").await?;
    let toast = Toast::success(viewer.locale.text_with("task-reopened", &[("subject", &subject)]));
    Ok(done(&asked, &back(&body, &asked.query, &task), Some(toast)))
}

/// Returns the task's subject.
async fn set_status(app: &App, viewer: &Viewer, task: &str, status: &str) -> Result<String> {
    let task = id(task)?;
    app.at_page(viewer, async |tx, actor| {
        let before = command::load_for_write(tx, actor, &TASK, task).await?;
        let mut draft = Draft::default();
        draft.set("status", Cell::Text(status.to_owned()));
        command::update_loaded(tx, actor, &TASK, &before, None, draft).await?;
        Ok(before.text("subject").to_owned())
    })
    .await
}

/// Where the person came from, inside the house; else the task.
fn back(body: &str, query: &str, task: &str) -> String {
    let (body, query) = (pairs(body), pairs(query));
    let asked = [get(&body, "back"), get(&query, "back")].into_iter().find(|back| !back.is_empty()).unwrap_or("");
    own_path(asked).map_or_else(|| format!("/tasks/{task}"), str::to_owned)
}
