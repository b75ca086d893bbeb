//! Moving a deal: what was given as evidence, then the move, in one transaction. Page, board and API call [`move_to`].

use std::collections::BTreeMap;

use store::event;
use store::{Cell, Tx, Uuid, sql};

use super::evidence::{self, Note};
use super::objects::OPPORTUNITY;
use super::opportunity::LOSS;
use crate::shell::error::{Collision, Error, Result};
use crate::shell::record::command::{self, Source};
use crate::shell::record::hung::Expected;
use crate::shell::record::{Actor, Draft, Loaded, value};

/// A wish to move a deal.
#[derive(Debug, Clone, Default)]
pub struct Move {
    pub stage: Uuid,
    /// The pipeline of the stage, for a deal that goes to another one. Without it the deal stays in its pipeline.
    pub pipeline: Option<Uuid>,
    /// Why it moves although evidence is missing.
    pub reason: Option<String>,
    /// criterion → note
    pub evidence: BTreeMap<Uuid, String>,
    /// criterion → version of the note that this one replaces; without it there was none before.
    pub replaced: BTreeMap<Uuid, i64>,
    /// Fields the move asked for: lost reason, next step, account, …
    pub inputs: BTreeMap<String, String>,
    /// It takes back the move that was made last.
    pub is_undo: bool,
}

/// The stage that the deal's last move left.
pub async fn came_from(tx: &mut Tx, deal: Uuid) -> Result<Option<Uuid>> {
    const LAST: &str = "SELECT from_stage_id FROM stage_change WHERE opportunity_id = $1 ORDER BY id DESC LIMIT 1";
    Ok(tx.value::<Option<Uuid>>(sql!(LAST, deal)).await?.flatten())
}

/// What follows from a move, and goes back with it: when the deal was closed, its chance, and what is said about its loss.
const FOLLOWS: [&str; 4] = ["closed_on", "probability", LOSS[0], LOSS[1]];

/// Puts back what followed from the deal's last move, unless somebody has changed it since.
async fn take_back(tx: &mut Tx, before: &Loaded, draft: &mut Draft) -> Result<()> {
    let events = event::of_subject(tx, OPPORTUNITY.name, before.id, 0, 50).await?;
    let Some(moved) = events.iter().find(|event| event.kind == "stage") else { return Ok(()) };
    draft.takes_back = Some(moved.version - 1);
    for change in moved.changes() {
        let Some(field) = OPPORTUNITY.field(&change.field).filter(|field| FOLLOWS.contains(&field.key)) else {
            continue;
        };
        let stands = *before.get(field.key) == value::from_raw_json(field, &change.new);
        if stands && !draft.has(field.key) {
            draft.set(field.key, value::from_raw_json(field, &change.old));
        }
    }
    Ok(())
}

/// A move writes over no note that was not before the person.
async fn check_notes(tx: &mut Tx, deal: &Loaded, wish: &Move) -> Result<()> {
    if wish.evidence.is_empty() {
        return Ok(());
    }
    let mut fields = Vec::new();
    for (criterion, stands, version) in evidence::notes(tx, deal.id).await? {
        let Some(mine) = wish.evidence.get(&criterion).filter(|mine| evidence::plain(mine) != stands) else { continue };
        if wish.replaced.get(&criterion) != Some(&version) {
            fields.push((format!("evidence.{criterion}"), String::new(), mine.clone(), stands));
        }
    }
    if fields.is_empty() {
        return Ok(());
    }
    let (object, id, version) = (OPPORTUNITY.name, deal.id, deal.version);
    Err(Error::Conflict(Box::new(Collision { object, id, version, fields, besides: Vec::new() })))
}

/// Moves the deal and returns its new version.
///
/// Errors: [`Error::Conflict`] naming `evidence.{id}` where a colleague has given another note; [`Error::Invalid`] with one entry per
/// missing criterion (`evidence.{id}` or the field that shows it) or a missing
/// lost reason; the deal stays where it is.
pub async fn move_to(tx: &mut Tx, actor: &Actor, deal: Uuid, version: Option<i64>, wish: Move) -> Result<i64> {
    let before = command::load_for_write(tx, actor, &OPPORTUNITY, deal).await?;
    check_notes(tx, &before, &wish).await?;
    for (criterion, text) in &wish.evidence {
        let note = Note { criterion: *criterion, text, expected: Expected::Any, pipeline: wish.pipeline };
        evidence::put(tx, actor, &OPPORTUNITY, deal, note).await?;
    }
    let mut draft: Draft =
        command::read_inputs(&OPPORTUNITY, &actor.viewer, &wish.inputs, Some(&before), Source::Form)?;
    if actor.viewer.config.stage(wish.stage).is_none() {
        return Err(Error::field("stage", "invalid-stage"));
    }
    draft.set("stage", Cell::Id(wish.stage));
    if let Some(pipeline) = wish.pipeline {
        draft.set("pipeline", Cell::Id(pipeline));
    }
    if wish.is_undo {
        take_back(tx, &before, &mut draft).await?;
    }
    draft.reason = wish
        .reason
        .map(|reason| reason.trim().chars().take(500).collect::<String>())
        .filter(|reason| !reason.is_empty());
    command::update_loaded(tx, actor, &OPPORTUNITY, &before, version, draft).await
}
