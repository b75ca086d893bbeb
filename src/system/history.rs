//! What the house remembers about itself: people and their rights, settings, sign-ins, exports. Records keep their history
//! through [`crate::shell::record::command`]; everything else that changes something ends in [`note`].

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;
use store::event::{self, Change, Event};
use store::{Clock, Session, Tx, Uuid, new_id};

use super::wording::Wording;
use crate::shell::app::App;
use crate::shell::error::{Collision, Error, Result};
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, render, respond_with, who};
use crate::shell::record::Actor;
use crate::shell::viewer::Viewer;

/// Who did it, and through which door. No person: the system or the command line.
#[derive(Debug, Clone, Copy)]
pub struct By {
    pub person: Option<Uuid>,
    pub via: &'static str,
}

impl By {
    pub const COMMAND_LINE: By = By { person: None, via: "cli" };

    /// Whoever makes a change.
    pub fn of(actor: &Actor) -> By {
        By { person: Some(actor.viewer.person), via: actor.via }
    }

    pub fn page(viewer: &Viewer) -> By {
        By { person: Some(viewer.person), via: "page" }
    }

    pub fn api(viewer: &Viewer) -> By {
        By { person: Some(viewer.person), via: "api" }
    }
}

/// What changed; a value that stayed the same is no change.
#[derive(Debug, Default)]
pub struct Changes(pub Vec<Change>);

impl Changes {
    pub fn add(&mut self, field: impl Into<String>, old: impl Into<Json>, new: impl Into<Json>) {
        let (old, new) = (old.into(), new.into());
        if old != new {
            self.0.push(Change { field: field.into(), old, new });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes the event, in the transaction of what it tells about.
pub async fn note(
    tx: &mut Tx,
    clock: &Clock,
    by: By,
    kind: &str,
    subject: (&str, Uuid),
    version: i64,
    changes: &[Change],
) -> Result<()> {
    let at = clock.now();
    let event = Event {
        id: new_id(clock),
        at,
        actor: by.person,
        via: by.via,
        kind,
        subject_type: subject.0,
        subject_id: subject.1,
        account_id: None,
        version,
        changes,
        reason: None,
    };
    Ok(event::record(tx, event).await?)
}

/// Refuses a form that was opened before somebody else changed the same part of the subject. Other parts do not matter:
/// who edits exchange rates is not in the way of who renames the organisation.
///
/// Errors: [`Error::Conflict`]; [`conflict_page`] shows what happened.
pub async fn refuse_stale(
    session: &mut Session,
    subject: (&'static str, Uuid),
    current: i64,
    seen: i64,
    is_part: impl Fn(&str) -> bool,
) -> Result<()> {
    if current == seen {
        return Ok(());
    }
    let since = event::of_subject(session, subject.0, subject.1, seen, 500).await?;
    if since.iter().flat_map(|event| event.changes()).any(|change| is_part(&change.field)) {
        return Err(Error::Conflict(Box::new(Collision {
            object: subject.0,
            id: subject.1,
            version: current,
            fields: Vec::new(),
            besides: Vec::new(),
        })));
    }
    Ok(())
}

/// How an empty value is written.
pub const NOTHING: &str = "–";

/// One change as people read it.
pub struct ChangeRow {
    pub label: String,
    pub old: String,
    pub new: String,
    pub who: Html,
    pub at: String,
}

impl ChangeRow {
    /// There was nothing before: the new value says it all.
    pub fn was_empty(&self) -> bool {
        self.old == NOTHING && self.new != NOTHING
    }
}

#[derive(askama::Template)]
#[template(path = "system/conflict.html")]
struct ConflictBody<'a> {
    page: &'a Page,
    rows: Vec<ChangeRow>,
    back: &'a str,
}

/// "Somebody was quicker": what changed since the form was opened, and the way back to it.
pub async fn conflict_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    subject: (&'static str, Uuid),
    seen: i64,
    is_part: impl Fn(&str) -> bool,
    back: &str,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let since = event::of_subject(&mut session, subject.0, subject.1, seen, 100).await?;
    let wording = Wording::load(&mut session, viewer, app.registry, &since).await?;
    drop(session);
    let mut rows = Vec::new();
    for event in &since {
        for change in event.changes().into_iter().filter(|change| is_part(&change.field)) {
            let (label, old, new) = wording.change(event, &change);
            let at = format::instant(viewer.locale, event.at, &viewer.config.zone);
            rows.push(ChangeRow { label, old, new, who: who(event.actor_name.as_deref().unwrap_or("")), at });
        }
    }
    let page = Page::new(viewer, asked, viewer.locale.text("error-conflict"));
    respond_with(StatusCode::CONFLICT, &page, render(&ConflictBody { page: &page, rows, back })?)
}
