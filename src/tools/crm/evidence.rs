//! What speaks for a deal's progress: each exit criterion of a stage, and the note that shows it was met.

use serde_json::json;
use store::event::{self, Change, Event};
use store::{Instant, Session, Tx, Uuid, new_id, sql};

use crate::shell::config::{Config, Criterion, Stage};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::hung::{Expected, first_version};
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
    /// Of the note.
    pub version: Option<i64>,
    pub by: Option<String>,
    pub at: Option<Instant>,
}

const GIVEN: &str = "
    SELECT e.criterion_id, e.note, p.name, e.at, e.version FROM evidence e LEFT JOIN person p ON p.id = e.by_id
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

/// Criterion, note, who, when, version.
type Given = (Uuid, String, Option<String>, Instant, i64);

fn item_of(criterion: &Criterion, given: &[Given]) -> Item {
    let note = given.iter().find(|(id, ..)| *id == criterion.id);
    Item {
        criterion: criterion.id,
        name: criterion.name.clone(),
        required: criterion.required,
        field: criterion.field.clone(),
        note: note.map(|(_, note, ..)| note.clone()),
        version: note.map(|(.., version)| *version),
        by: note.and_then(|(_, _, by, ..)| by.clone()),
        at: note.map(|(.., at, _)| *at),
    }
}

/// Browsers send line ends of their own.
pub fn plain(note: &str) -> String {
    note.replace("\r\n", "\n").trim().to_owned()
}

/// The notes that a deal has: criterion, note, version.
pub async fn notes(session: &mut Session, deal: Uuid) -> Result<Vec<(Uuid, String, i64)>> {
    Ok(session.all(sql!("SELECT criterion_id, note, version FROM evidence WHERE opportunity_id = $1", deal)).await?)
}

/// What somebody gives for a criterion.
#[derive(Debug, Clone, Copy, Default)]
pub struct Note<'a> {
    pub criterion: Uuid,
    /// Empty text takes it back.
    pub text: &'a str,
    pub expected: Expected,
    /// The pipeline that the deal is about to enter, if it is not the one it is in.
    pub pipeline: Option<Uuid>,
}

/// Keeps what was given for a criterion of the deal's pipeline, if what was given before is as the actor expects it to be; an earlier
/// note stays in the history. Returns the note's version.
pub async fn put(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    Note { criterion, text, expected, pipeline }: Note<'_>,
) -> Result<Option<i64>> {
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
    let note = plain(text);
    if note.chars().count() > NOTE {
        return Err(Error::Invalid(vec![FieldError::new(&field, "invalid-too-long").with("max", NOTE)]));
    }
    if note.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::field(&field, "invalid-text"));
    }
    let stands = notes(tx, deal).await?.into_iter().find(|(of, ..)| *of == criterion);
    let version = stands.as_ref().map(|(.., version)| *version);
    let before = stands.map(|(_, note, _)| note);
    if before.as_deref().unwrap_or("") == note {
        return Ok(version);
    }
    expected.check(version)?;
    let version = version.map_or_else(|| first_version(actor), |version| version + 1);
    if note.is_empty() {
        tx.execute(sql!("DELETE FROM evidence WHERE opportunity_id = $1 AND criterion_id = $2", deal, criterion))
            .await?;
    } else {
        const PUT: &str = "
            INSERT INTO evidence (opportunity_id, criterion_id, note, by_id, at, version) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (opportunity_id, criterion_id)
            DO UPDATE SET note = excluded.note, by_id = excluded.by_id, at = excluded.at, version = excluded.version";
        tx.execute(sql!(PUT, deal, criterion, &note, actor.viewer.person, actor.now, version)).await?;
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
    Ok((!note.is_empty()).then_some(version))
}

/// Takes back what was given for a criterion. A note that the page offers no way to change, because it was given in another pipeline,
/// is not there to be taken back.
pub async fn take_back(
    tx: &mut Tx,
    actor: &Actor,
    deal_object: &'static Object,
    deal: Uuid,
    criterion: Uuid,
    expected: Expected,
) -> Result<()> {
    command::load_for_write(tx, actor, deal_object, deal).await?;
    if !notes(tx, deal).await?.iter().any(|(of, ..)| *of == criterion) {
        return Err(Error::NotFound);
    }
    let nothing = Note { criterion, expected, ..Note::default() };
    match put(tx, actor, deal_object, deal, nothing).await {
        Err(Error::Invalid(_)) => Err(Error::NotFound),
        other => other.map(drop),
    }
}
