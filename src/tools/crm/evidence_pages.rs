//! Evidence on the page of a deal: the note that shows that an exit criterion was met. A plain form over [`evidence`].

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::Uuid;

use super::evidence::{self, Note};
use super::objects::OPPORTUNITY;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::page::{Asked, Page, Toast, done, render, respond, respond_with};
use crate::shell::record::hung::Expected;
use crate::shell::record::query;
use crate::shell::records::{get, id, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("opportunity");
    let one = "/opportunities/{id}/evidence/{criterion}";
    Routes::new().get(one, change, evidence_form).post(one, change, save_evidence)
}

#[derive(askama::Template)]
#[template(path = "tools/crm/evidence_form.html")]
struct EvidenceForm<'a> {
    page: &'a Page,
    id: Uuid,
    item: evidence::Item,
    note: String,
    /// Of the note that stands, to notice that somebody else wrote another one meanwhile.
    version: String,
    error: Option<String>,
}

async fn evidence_item(app: &App, viewer: &Viewer, deal: Uuid, criterion: Uuid) -> Result<evidence::Item> {
    let mut session = app.db.read().await?;
    query::find(&mut session, viewer, &OPPORTUNITY, deal).await?;
    let stage = viewer
        .config
        .pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.stages)
        .find(|stage| stage.criteria.iter().any(|known| known.id == criterion));
    let stage = stage.ok_or(Error::NotFound)?;
    evidence::of_stage(&mut session, &viewer.config, deal, stage.id)
        .await?
        .into_iter()
        .find(|item| item.criterion == criterion)
        .ok_or(Error::NotFound)
}

fn version_of(item: &evidence::Item) -> String {
    item.version.map_or_else(String::new, |version| version.to_string())
}

/// GET /opportunities/{id}/evidence/{criterion} · who may change the deal
async fn evidence_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, criterion)): Path<(String, String)>,
) -> Result<Response> {
    let (deal, criterion) = (id(&deal)?, id(&criterion)?);
    let item = evidence_item(&app, &viewer, deal, criterion).await?;
    query::check_change(&mut app.db.read().await?, &viewer, &OPPORTUNITY, deal).await?;
    let page = Page::new(&viewer, &asked, item.name.clone());
    let (note, version) = (item.note.clone().unwrap_or_default(), version_of(&item));
    respond(&page, &EvidenceForm { page: &page, id: deal, item, note, version, error: None })
}

/// POST /opportunities/{id}/evidence/{criterion}
async fn save_evidence(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, criterion)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, criterion) = (id(&deal)?, id(&criterion)?);
    let given = pairs(&body);
    let expected = Expected::version(get(&given, "version"));
    let note = Note { criterion, text: get(&given, "note"), expected, pipeline: None };
    match app.at_page(&viewer, async |tx, actor| evidence::put(tx, actor, &OPPORTUNITY, deal, note).await).await {
        Ok(_) => {
            let toast = Toast::success(viewer.locale.text("saved"));
            Ok(done(&asked, &format!("/opportunities/{deal}"), Some(toast)))
        }
        Err(error) if error.is_stale() => {
            let item = evidence_item(&app, &viewer, deal, criterion).await?;
            let page = Page::new(&viewer, &asked, item.name.clone());
            let (theirs, version) = (item.note.clone().unwrap_or_else(|| "—".into()), version_of(&item));
            let error = FieldError::new("note", "invalid-changed-meanwhile").with("theirs", theirs).text(viewer.locale);
            let note = get(&given, "note").to_owned();
            let form = EvidenceForm { page: &page, id: deal, item, note, version, error: Some(error) };
            respond_with(StatusCode::CONFLICT, &page, render(&form)?)
        }
        Err(error) => Err(error),
    }
}
