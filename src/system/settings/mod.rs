//! Settings: the organisation, who may do what, exchange rates, pipelines, prices. Only the administrator sees them. Every
//! change bumps `config_version`, so that it is in force on every server's next request, and writes an event with old and new
//! value. House-wide settings share one version and one subject (the nil id); a form is stale only if the same part of them
//! changed since. Pipelines, stages and price lists are subjects of their own.

pub mod access;
pub mod api;
pub mod organization;
pub mod pipelines;
pub mod prices;
pub mod rates;
mod stages;

use axum::response::Response;
use store::{Tx, Uuid, sql};

use super::administrator::{ADMIN, at_page};
use super::form::{Reader, Sent};
use super::history::{By, Changes, conflict_page, note, refuse_stale};
use super::setup::settings_changed;
use crate::shell::app::App;
use crate::shell::error::{Collision, Error, FieldError, Result};
use crate::shell::page::{Asked, Html, Page, Toast, done, render, respond};
use crate::shell::record::Actor;
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;

/// The subject of what concerns the whole house.
const HOUSE: (&str, Uuid) = ("settings", Uuid::nil());

pub fn routes() -> Routes {
    Routes::new()
        .get("/settings", ADMIN, index)
        .merge(organization::routes())
        .merge(access::routes())
        .merge(rates::routes())
        .merge(pipelines::routes())
        .merge(prices::routes())
}

#[derive(askama::Template)]
#[template(path = "system/settings/tabs.html")]
struct Tabs<'a> {
    page: &'a Page,
    here: &'a str,
}

/// The row of sections above every settings page.
fn tabs(page: &Page, here: &str) -> Result<Html> {
    render(&Tabs { page, here })
}

#[derive(askama::Template)]
#[template(path = "system/settings/index.html")]
struct IndexBody<'a> {
    page: &'a Page,
}

/// GET /settings
async fn index(viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, viewer.locale.text("nav-settings"));
    respond(&page, &IndexBody { page: &page })
}

fn saved(viewer: &Viewer, asked: &Asked, to: &str) -> Response {
    done(asked, to, Some(Toast::success(viewer.locale.text("saved"))))
}

/// What became of a change of a pipeline, stage or price list, as a page: `outcome` says where it goes on, `again` shows the form with
/// what was sent. Where somebody else changed the same row meanwhile, the person decides, and comes back to its page below `section`.
async fn answer(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    (section, id): (&str, Uuid),
    sent: Sent,
    outcome: Result<String>,
    again: impl AsyncFnOnce(Sent, Vec<FieldError>) -> Result<Response>,
) -> Result<Response> {
    match outcome {
        Ok(to) => Ok(saved(viewer, asked, &to)),
        Err(Error::Invalid(errors)) => again(sent, errors).await,
        Err(Error::Conflict(_)) => {
            let (seen, here) = (Reader::of(&sent).version(), format!("{section}/{id}"));
            conflict_page(app, viewer, asked, ("settings", id), seen, |_| true, &here).await
        }
        Err(error) => Err(error),
    }
}

/// Begins a change of house-wide settings: not over somebody else's change of the same part.
async fn begin(tx: &mut Tx, seen: i64, is_part: impl Fn(&str) -> bool) -> Result<i64> {
    let current = version(tx).await?;
    refuse_stale(tx, HOUSE, current, seen, is_part).await?;
    Ok(current)
}

/// The version of the house-wide settings.
async fn version(session: &mut store::Session) -> Result<i64> {
    let version = session.value::<i64>("SELECT version FROM organization WHERE id = 1").await?;
    version.ok_or(Error::Unavailable)
}

/// Ends a change of house-wide settings. Nothing changed: nothing is written.
async fn finish(tx: &mut Tx, actor: &Actor, version: i64, changes: Changes) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    tx.execute("UPDATE organization SET version = version + 1 WHERE id = 1").await?;
    settings_changed(tx).await?;
    note(tx, &actor.clock, By::of(actor), "updated", HOUSE, version + 1, &changes.0).await
}

/// Takes the next version of a row that a form was opened for. Returns it.
///
/// Errors: [`Error::Conflict`] when the row has moved on since.
async fn next_version(tx: &mut Tx, table: &str, id: Uuid, seen: i64) -> Result<i64> {
    let current: Option<i64> = tx
        .value(sql!(format!("SELECT version FROM {table} WHERE id = $1 AND deleted_at IS NULL /*for update*/"), id))
        .await?;
    match current {
        None => Err(Error::NotFound),
        Some(current) if current != seen => {
            let (fields, besides) = (Vec::new(), Vec::new());
            Err(Error::Conflict(Box::new(Collision { object: "settings", id, version: current, fields, besides })))
        }
        Some(current) => {
            tx.execute(sql!(format!("UPDATE {table} SET version = version + 1 WHERE id = $1"), id)).await?;
            Ok(current + 1)
        }
    }
}

/// Ends a change of one row: the servers read the settings anew, and the history knows.
async fn finish_row(tx: &mut Tx, actor: &Actor, kind: &str, id: Uuid, version: i64, changes: Changes) -> Result<()> {
    settings_changed(tx).await?;
    note(tx, &actor.clock, By::of(actor), kind, ("settings", id), version, &changes.0).await
}
