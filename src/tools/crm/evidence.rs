//! What speaks for a deal's progress: each exit criterion of a stage, and the note that shows it was met.

use store::{Instant, Session, Tx, Uuid, sql};

use crate::shell::config::Config;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Actor, Object, command};

/// A criterion of a deal's present stage with what was given for it.
#[derive(Debug, Clone)]
pub struct Item {
    pub criterion: Uuid,
    pub name: String,
    pub required: bool,
    /// The field that shows it; `None`: a note does.
    pub field: Option<String>,
    pub note: Option<String>,
    pub by: Option<String>,
    pub at: Option<Instant>,
}

const GIVEN: &str = "
    SELECT e.criterion_id, e.note, p.name, e.at FROM evidence e LEFT JOIN person p ON p.id = e.by_id
     WHERE e.opportunity_id = $1";

/// The criteria of a stage and what the deal has for each. The caller has shown that the deal is visible.
pub async fn of_stage(session: &mut Session, config: &Config, deal: Uuid, stage: Uuid) -> Result<Vec<Item>> {
    let Some(stage) = config.stage(stage).filter(|stage| !stage.criteria.is_empty()) else { return Ok(Vec::new()) };
    let given: Vec<(Uuid, String, Option<String>, Instant)> = session.all(sql!(GIVEN, deal)).await?;
    Ok(stage
        .criteria
        .iter()
        .map(|criterion| {
            let note = given.iter().find(|(id, ..)| *id == criterion.id);
            Item {
                criterion: criterion.id,
                name: criterion.name.clone(),
                required: criterion.required,
                field: criterion.field.clone(),
                note: note.map(|(_, note, ..)| note.clone()),
                by: note.and_then(|(_, _, by, _)| by.clone()),
                at: note.map(|(.., at)| *at),
            }
        })
        .collect())
}

/// Keeps what was given for a criterion. Empty text takes it back.
pub async fn put(tx: &mut Tx, actor: &Actor, deal_object: &'static Object, deal: Uuid, criterion: Uuid, note: &str) -> Result<()> {
    command::load_for_write(tx, actor, deal_object, deal).await?;
    let config = &actor.viewer.config;
    let known = config.pipelines.iter().flat_map(|pipeline| &pipeline.stages).flat_map(|stage| &stage.criteria).any(|known| known.id == criterion && known.field.is_none());
    let field = format!("evidence.{criterion}");
    if !known {
        return Err(Error::field(&field, "invalid-criterion"));
    }
    let note = note.trim();
    if note.chars().count() > 2000 || note.contains('\0') {
        return Err(Error::Invalid(vec![FieldError::new(&field, "invalid-too-long").with("max", 2000)]));
    }
    tx.execute(sql!("DELETE FROM evidence WHERE opportunity_id = $1 AND criterion_id = $2", deal, criterion)).await?;
    if !note.is_empty() {
        tx.execute(sql!(
            "INSERT INTO evidence (opportunity_id, criterion_id, note, by_id, at) VALUES ($1, $2, $3, $4, $5)",
            deal,
            criterion,
            note,
            actor.viewer.person,
            actor.now
        ))
        .await?;
    }
    Ok(())
}
