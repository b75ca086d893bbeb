//! Moving a deal: what was given as evidence, then the move, in one transaction. Page, board and API call [`move_to`].

use std::collections::BTreeMap;

use store::{Cell, Tx, Uuid, sql};

use super::evidence::{self, Note};
use super::objects::OPPORTUNITY;
use crate::shell::error::{Error, Result};
use crate::shell::record::command::{self, Source};
use crate::shell::record::{Actor, Draft};

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
    /// Fields the move asked for: lost reason, next step, account, …
    pub inputs: BTreeMap<String, String>,
}

/// The stage that the deal's last move left.
pub async fn came_from(tx: &mut Tx, deal: Uuid) -> Result<Option<Uuid>> {
    const LAST: &str =
        "SELECT from_stage_id FROM stage_change WHERE opportunity_id = $1 ORDER BY at DESC, id DESC LIMIT 1";
    Ok(tx.value::<Option<Uuid>>(sql!(LAST, deal)).await?.flatten())
}

/// Moves the deal and returns its new version.
///
/// Errors: [`Error::Invalid`] with one entry per missing criterion (`evidence.{id}` or the field that shows it) or a missing
/// lost reason; the deal stays where it is.
pub async fn move_to(tx: &mut Tx, actor: &Actor, deal: Uuid, version: Option<i64>, wish: Move) -> Result<i64> {
    let before = command::load_for_write(tx, actor, &OPPORTUNITY, deal).await?;
    for (criterion, text) in &wish.evidence {
        let note = Note { criterion: *criterion, text, seen: None, pipeline: wish.pipeline };
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
    draft.reason = wish
        .reason
        .map(|reason| reason.trim().chars().take(500).collect::<String>())
        .filter(|reason| !reason.is_empty());
    command::update_loaded(tx, actor, &OPPORTUNITY, &before, version, draft).await
}
