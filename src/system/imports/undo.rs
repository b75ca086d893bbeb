//! Takes a whole import back: records that it made go to the trash, records that it changed get their old values, as
//! far as nobody has touched them since. A record that it made and that says again what it said then is as good as untouched.
//! What has been touched, or built on, stays as it is and is reported.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use store::job::Job;
use store::{Sql, Tx, Uuid, event, sql};

use super::engine::{Ended, payload_of};
use super::sql::{self as rows_sql, Import};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::portions::Portions;
use crate::shell::record::command::{self, Known};
use crate::shell::record::{Actor, Draft, FOLLOWED, Kind, Loaded, Object, Registry, Write, value};
use crate::shell::viewer::Viewer;

/// Records in one transaction.
const CHUNK: i64 = 100;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Place {
    /// First what was changed, then what was made.
    made: bool,
    /// What was changed goes in the order of ids. What was made goes backwards: what hangs on another record of the file was
    /// made after it, and has to go before it.
    after: Uuid,
    done: i64,
    kept: i64,
    /// `None`: nobody counted when this undo began.
    #[serde(default)]
    taken_back: Option<TakenBack>,
}

/// What an undo did.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct TakenBack {
    /// Records that the import had made, and that went to the trash.
    pub removed: i64,
    /// Records that it had changed, and that have their old values again.
    pub restored: i64,
}

/// What an undo did so far, if it was counted.
pub(super) fn taken_back(job: &Job) -> Option<TakenBack> {
    let place: Place = serde_json::from_str(job.cursor.as_deref()?).ok()?;
    place.taken_back
}

/// Runs an undo job to its end. One that was ordered after another had been stopped begins where that one stood.
pub async fn run(app: &App, job: &Job) -> Result<Ended> {
    let import = rows_sql::load(&mut app.db.read().await?, payload_of(job)?.import).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mut portions = Portions::of(app, job);
    let standing = job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut place: Place = standing.unwrap_or(Place { taken_back: Some(TakenBack::default()), ..Place::default() });
    if job.is_given_up() {
        return stop(app, &mut portions, import.id).await;
    }
    loop {
        let mut refused: HashSet<Uuid> = HashSet::new();
        let (mut tx, next) = loop {
            let Some(mut tx) = portions.begin().await? else { return Ok(Ended::Lost) };
            let mut actor = app.actor(&Viewer::writing(app, &mut tx, import.owner_id).await?, "import");
            actor.import = Some(import.id);
            // Back to where they were: nobody need say why.
            actor.import_reason = Some(String::new());
            match Box::pin(chunk(&mut tx, &actor, &import, object, place, &refused)).await {
                Ok(Chunk::Done(next)) => break (tx, next),
                // What can't be written is rolled back with its chunk and left alone in the next try.
                Ok(Chunk::Refused(record)) => {
                    refused.insert(record);
                }
                Err(error) => portions.again(error)?,
            }
        };
        if next.is_none() && place.made {
            let now = app.clock.now();
            rows_sql::set_state(&mut tx, import.id, "undone", now).await?;
            tx.execute(sql!("UPDATE import SET undone_at = $2 WHERE id = $1", import.id, now)).await?;
            portions.end(tx, "done").await?;
            return Ok(Ended::Done);
        }
        place = next.unwrap_or(Place { made: true, after: Uuid::max(), ..place });
        let total = Some((import.created + import.updated).max(place.done));
        let text = serde_json::to_string(&place).expect("a place is plain JSON");
        if !portions.keep(tx, place.done, total, text).await? {
            return stop(app, &mut portions, import.id).await;
        }
    }
}

/// The import stands as before; what was undone stays undone.
async fn stop(app: &App, portions: &mut Portions<'_>, import: Uuid) -> Result<Ended> {
    let Some(mut tx) = portions.begin().await? else { return Ok(Ended::Lost) };
    rows_sql::set_state(&mut tx, import, "done", app.clock.now()).await?;
    portions.end(tx, "cancelled").await?;
    Ok(Ended::Cancelled)
}

enum Chunk {
    /// `None`: there are no more records of this sort.
    Done(Option<Place>),
    Refused(Uuid),
}

async fn chunk(
    tx: &mut Tx,
    actor: &Actor,
    import: &Import,
    object: &'static Object,
    mut place: Place,
    refused: &HashSet<Uuid>,
) -> Result<Chunk> {
    let records: Vec<(Uuid,)> = if place.made {
        let made = format!(
            "SELECT id FROM {} WHERE import_id = $1 AND deleted_at IS NULL AND id < $2 ORDER BY id DESC LIMIT $3",
            object.table
        );
        tx.all(sql!(made, import.id, place.after, CHUNK)).await?
    } else {
        const CHANGED: &str = "
            SELECT DISTINCT record_id FROM import_row
             WHERE import_id = $1 AND action = 'updated' AND record_id > $2 ORDER BY record_id LIMIT $3";
        tx.all(sql!(CHANGED, import.id, place.after, CHUNK)).await?
    };
    if records.is_empty() {
        return Ok(Chunk::Done(None));
    }
    let records: Vec<Uuid> = records.into_iter().map(|(id,)| id).collect();
    let mut standing = if place.made {
        BuiltOn::among(tx, actor.registry, import, object, &records).await?
    } else {
        BuiltOn::default()
    };
    for record in records {
        place.after = record;
        let outcome = if refused.contains(&record) {
            Outcome::Kept("import-kept-refused")
        } else if standing.carries(record) {
            Outcome::Kept("import-kept-built-on")
        } else if place.made {
            trash(tx, actor, import, object, record).await?
        } else {
            restore(tx, actor, import, object, record).await?
        };
        match outcome {
            Outcome::Undone => {
                place.done += 1;
                if let Some(taken_back) = &mut place.taken_back {
                    *(if place.made { &mut taken_back.removed } else { &mut taken_back.restored }) += 1;
                }
            }
            Outcome::NotOurs => {}
            Outcome::Refused => return Ok(Chunk::Refused(record)),
            Outcome::Kept(reason) => {
                place.done += 1;
                place.kept += 1;
                standing.kept.insert(record);
                keep(tx, import, record, place.kept, reason).await?;
            }
        }
    }
    Ok(Chunk::Done(Some(place)))
}

enum Outcome {
    Undone,
    /// Was made by this import as well: it goes to the trash with the others.
    NotOurs,
    Kept(&'static str),
    /// Refused after something was written: the chunk must be rolled back.
    Refused,
}

/// What others have built on among the records of a chunk: without it, what they did would hang in the air, and nobody would see
/// it any more who sees it because of the record.
#[derive(Default)]
struct BuiltOn {
    records: HashSet<Uuid>,
    /// A record of the chunk, and another one of it that points to it.
    pointing: Vec<(Uuid, Uuid)>,
    /// What was kept of the chunk so far.
    kept: HashSet<Uuid>,
}

impl BuiltOn {
    fn carries(&self, record: Uuid) -> bool {
        self.records.contains(&record)
            || self.pointing.iter().any(|(to, from)| *to == record && self.kept.contains(from))
    }

    /// Asks for a whole chunk at once: whatever else there is in the house, by the index of each reference.
    async fn among(
        tx: &mut Tx,
        registry: &'static Registry,
        import: &Import,
        object: &'static Object,
        records: &[Uuid],
    ) -> Result<BuiltOn> {
        let mut built_on = BuiltOn::default();
        let Some(last) = records.iter().max() else { return Ok(built_on) };
        let mut statement = Sql::new(format!("SELECT t.id FROM {} t WHERE t.id IN (", object.table));
        statement.bind_list(records.iter().copied()).push(") AND (");
        statement.push("EXISTS (SELECT 1 FROM attachment x WHERE x.subject_id = t.id AND x.deleted_at IS NULL)");
        statement.push(" OR EXISTS (SELECT 1 FROM record_share x WHERE x.record_id = t.id)");
        for hung in object.hung {
            statement.push(&format!(" OR EXISTS (SELECT 1 FROM {hung} = t.id)"));
        }
        for (from, column) in references(registry, object) {
            statement.push(&format!(
                " OR EXISTS (SELECT 1 FROM {} x WHERE x.{column} = t.id AND x.deleted_at IS NULL
                                AND (x.import_id IS NULL OR x.import_id <> ",
                from.table
            ));
            statement.bind(import.id);
            if from.name == object.name {
                // Its turn has been: it was kept.
                statement.push(" OR x.id > ").bind(*last);
            }
            statement.push("))");
        }
        statement.push(")");
        built_on.records.extend(tx.all::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id));
        for (_, column) in references(registry, object).filter(|(from, _)| from.name == object.name) {
            let mut statement = Sql::new(format!("SELECT x.{column}, x.id FROM {} x WHERE x.id IN (", object.table));
            statement.bind_list(records.iter().copied()).push(&format!(") AND x.{column} IS NOT NULL"));
            built_on.pointing.extend(tx.all::<(Uuid, Uuid)>(statement).await?);
        }
        Ok(built_on)
    }
}

/// The kinds of record that point to one of this kind, each with the column that does.
fn references(
    registry: &'static Registry,
    object: &'static Object,
) -> impl Iterator<Item = (&'static Object, &'static str)> {
    registry.objects.iter().flat_map(move |from| {
        let pointing = from.fields.iter().filter(|field| !field.is_virtual() && field.kind == Kind::Ref(object.name));
        pointing.map(|field| (*from, field.column))
    })
}

async fn keep(tx: &mut Tx, import: &Import, record: Uuid, count: i64, reason: &str) -> Result<()> {
    let errors = serde_json::to_string(&[FieldError::new("", reason)]).expect("errors are texts");
    // Rows of the file count up from 1; what an undo keeps counts down.
    tx.execute(sql!(
        "INSERT INTO import_row (import_id, row_number, action, record_id, errors) VALUES ($1, $2, 'kept', $3, $4)
         ON CONFLICT (import_id, row_number) DO UPDATE SET record_id = EXCLUDED.record_id, errors = EXCLUDED.errors",
        import.id,
        -count,
        record,
        errors
    ))
    .await?;
    Ok(())
}

/// The versions that the import gave a record, ascending.
async fn versions_of(tx: &mut Tx, import: &Import, record: Uuid) -> Result<Vec<i64>> {
    const GIVEN: &str = "SELECT version FROM import_row
        WHERE import_id = $1 AND record_id = $2 AND action = 'updated' ORDER BY version";
    let versions: Vec<(i64,)> = tx.all(sql!(GIVEN, import.id, record)).await?;
    Ok(versions.into_iter().map(|(version,)| version).collect())
}

/// Whether nobody changed a record since the import gave it these versions. What followed another record is nobody's change.
async fn untouched(tx: &mut Tx, record: &Loaded, given: &[i64]) -> Result<bool> {
    const FOLLOWING: &str = "SELECT version FROM event WHERE subject_id = $1 AND kind = $2 AND version > $3";
    let first = given.first().copied().unwrap_or(0);
    let followed: Vec<(i64,)> = tx.all(sql!(FOLLOWING, record.id, FOLLOWED, first)).await?;
    let mut versions = given.to_vec();
    versions.extend(followed.into_iter().map(|(version,)| version));
    versions.sort_unstable();
    Ok(versions.last() == Some(&record.version) && versions.windows(2).all(|pair| pair[1] == pair[0] + 1))
}

/// Whether a record says again what the import gave it: others have changed fields of it since, and put each of them back. What
/// was done beyond fields, or too often to be looked through, counts as done.
async fn says_the_same(tx: &mut Tx, object: &'static Object, record: &Loaded, given: &[i64]) -> Result<bool> {
    const LOOKED_THROUGH: i64 = 100;
    let first = given.first().copied().unwrap_or(0);
    let mut events = event::of_subject(tx, object.name, record.id, first, LOOKED_THROUGH).await?;
    // Not by their ids: the clocks of two servers differ.
    events.sort_by_key(|event| event.version);
    if events.len() as i64 == LOOKED_THROUGH {
        return Ok(false);
    }
    let mut versions = given.to_vec();
    // What a field said before the first of these changes, and says after the last.
    let mut changed: BTreeMap<String, (serde_json::Value, serde_json::Value)> = BTreeMap::new();
    for event in events.iter().filter(|event| !given.contains(&event.version)) {
        versions.push(event.version);
        if event.kind == FOLLOWED {
            continue;
        }
        let changes = event.changes();
        if event.kind != "updated" || changes.is_empty() {
            return Ok(false);
        }
        for change in changes {
            changed.entry(change.field).or_insert((change.old, serde_json::Value::Null)).1 = change.new;
        }
    }
    versions.sort_unstable();
    let all_known = versions.last() == Some(&record.version) && versions.windows(2).all(|pair| pair[1] == pair[0] + 1);
    Ok(all_known && changed.values().all(|(before, after)| before == after))
}

async fn trash(tx: &mut Tx, actor: &Actor, import: &Import, object: &'static Object, record: Uuid) -> Result<Outcome> {
    let before = match command::load_for_write(tx, actor, object, record).await {
        Ok(before) => before,
        Err(Error::NotFound | Error::Forbidden) => return Ok(Outcome::Kept("import-kept-not-yours")),
        Err(error) => return Err(error),
    };
    if before.version != 1 {
        let mut versions = vec![1];
        versions.extend(versions_of(tx, import, record).await?);
        if !untouched(tx, &before, &versions).await? && !says_the_same(tx, object, &before, &versions).await? {
            return Ok(Outcome::Kept("import-kept-changed"));
        }
    }
    command::set_deleted(tx, actor, object, record, true).await?;
    Ok(Outcome::Undone)
}

async fn restore(
    tx: &mut Tx,
    actor: &Actor,
    import: &Import,
    object: &'static Object,
    record: Uuid,
) -> Result<Outcome> {
    let before = match command::load_for_write(tx, actor, object, record).await {
        Ok(before) => before,
        Err(Error::NotFound | Error::Forbidden) => return Ok(Outcome::Kept("import-kept-not-yours")),
        Err(error) => return Err(error),
    };
    if before.id_of("import") == Some(import.id) {
        return Ok(Outcome::NotOurs);
    }
    let versions = versions_of(tx, import, record).await?;
    let Some(first) = versions.first() else { return Ok(Outcome::NotOurs) };
    if !untouched(tx, &before, &versions).await? {
        return Ok(Outcome::Kept("import-kept-changed"));
    }
    let events = event::of_subject(tx, object.name, record, first - 1, 500).await?;
    let followed: HashSet<String> = events
        .iter()
        .filter(|event| event.kind == FOLLOWED)
        .flat_map(|event| event.changes())
        .map(|change| change.field)
        .collect();
    // Newest first: the last value that is put in is the oldest. What has followed another record since stays.
    let mut old: BTreeMap<&'static str, store::Cell> = BTreeMap::new();
    for change in events.iter().flat_map(|event| event.changes()).filter(|change| !followed.contains(&change.field)) {
        if let Some(field) = object.field(&change.field).filter(|field| field.write != Write::Never) {
            old.insert(field.key, value::from_raw_json(field, &change.old));
        }
    }
    let mut draft = Draft::default();
    draft.takes_back = Some(first - 1);
    for (key, cell) in old {
        draft.set(key, cell);
    }
    match command::prepare_change(tx, actor, object, &before, None, draft, &mut Known::default()).await {
        Ok(None) => Ok(Outcome::Undone),
        Ok(Some(draft)) => match command::write_change(tx, actor, object, &before, &draft).await {
            Ok(_) => Ok(Outcome::Undone),
            Err(error) if error.is_overtaken() => Err(error),
            Err(Error::Invalid(_) | Error::Refused { .. }) => Ok(Outcome::Refused),
            Err(error) => Err(error),
        },
        Err(Error::Invalid(_)) => Ok(Outcome::Kept("import-kept-refused")),
        Err(error) => Err(error),
    }
}
