//! What speaks for a deal's progress: each exit criterion of a stage, and the note that shows it was met.

use serde_json::json;
use store::event::{self, Change, Event};
use store::{Instant, Session, Tx, Uuid, new_id, sql};

use crate::shell::config::{Config, Criterion, Stage};
use crate::shell::error::{Collision, Error, FieldError, Result};
use crate::shell::record::{Actor, Object, command};

/// A note may be so long.
pub const NOTE: usize = 2000;

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
    let given: Vec<Given> = session.all(sql!(GIVEN, deal)).await?;
    Ok(stage.criteria.iter().map(|criterion| item_of(criterion, &given)).collect())
}

/// The same for every stage of a pipeline.
pub async fn of_pipeline<'c>(
    session: &mut Session,
    config: &'c Config,
    deal: Uuid,
    pipeline: Uuid,
) -> Result<Vec<(&'c Stage, Item)>> {
    let mut all = of_all(session, config, deal).await?;
    all.retain(|(stage, _)| stage.pipeline == pipeline);
    Ok(all)
}

/// The same for every stage of every pipeline: a deal may have come from another one.
pub async fn of_all<'c>(session: &mut Session, config: &'c Config, deal: Uuid) -> Result<Vec<(&'c Stage, Item)>> {
    let given: Vec<Given> = session.all(sql!(GIVEN, deal)).await?;
    let of = |stage: &'c Stage| stage.criteria.iter().map(move |criterion| (stage, criterion));
    let stages = config.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
    Ok(stages.flat_map(of).map(|(stage, criterion)| (stage, item_of(criterion, &given))).collect())
}

/// Criterion, note, who, when.
type Given = (Uuid, String, Option<String>, Instant);

fn item_of(criterion: &Criterion, given: &[Given]) -> Item {
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
}

/// Browsers send line ends of their own.
fn plain(note: &str) -> String {
    note.replace("\r\n", "\n").trim().to_owned()
}

/// What somebody gives for a criterion.
#[derive(Debug, Clone, Copy, Default)]
pub struct Note<'a> {
    pub criterion: Uuid,
    /// Empty text takes it back.
    pub text: &'a str,
    /// The note that the person had before them, if they had.
    pub seen: Option<&'a str>,
    /// The pipeline that the deal is about to enter, if it is not the one it is in.
    pub pipeline: Option<Uuid>,
}

/// Keeps what was given for a criterion of the deal's pipeline; an earlier note stays in the history.
///
/// Errors: [`Error::Conflict`] when somebody else wrote another note since.
pub async fn put(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    Note { criterion, text, seen, pipeline }: Note<'_>,
) -> Result<()> {
    let loaded = command::load_for_write(tx, actor, deal_object, deal).await?;
    let config = &actor.viewer.config;
    let pipeline = pipeline.or(loaded.id_of("pipeline")).and_then(|pipeline| config.pipeline(pipeline));
    let field = format!("evidence.{criterion}");
    let known = pipeline
        .into_iter()
        .flat_map(|pipeline| &pipeline.stages)
        .flat_map(|stage| &stage.criteria)
        .find(|known| known.id == criterion && known.field.is_none())
        .ok_or_else(|| Error::field(&field, "invalid-criterion"))?;
    let note = text.trim();
    if note.chars().count() > NOTE {
        return Err(Error::Invalid(vec![FieldError::new(&field, "invalid-too-long").with("max", NOTE)]));
    }
    if note.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::field(&field, "invalid-text"));
    }
    let before: Option<String> = tx
        .value(sql!("SELECT note FROM evidence WHERE opportunity_id = $1 AND criterion_id = $2", deal, criterion))
        .await?;
    let stands = before.as_deref().unwrap_or("");
    if stands == note {
        return Ok(());
    }
    if let Some(seen) = seen.filter(|seen| plain(seen) != plain(stands)) {
        let fields = vec![(field, seen.to_owned(), note.to_owned(), stands.to_owned())];
        return Err(Error::Conflict(Box::new(Collision {
            object: deal_object.name,
            id: deal,
            version: loaded.version,
            fields,
        })));
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
    let new = if note.is_empty() { json!(null) } else { json!(note) };
    event::record(
        tx,
        Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: "evidence",
            subject_type: deal_object.name,
            subject_id: deal,
            account_id: loaded.id_of("account"),
            version: loaded.version,
            changes: &[Change { field: "evidence".into(), old: json!(before), new }],
            reason: Some(&known.name),
        },
    )
    .await?;
    Ok(())
}
