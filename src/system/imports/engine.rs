//! The importer. A job goes through the file in chunks; what a chunk does, its counts and the place behind it are one
//! transaction, so a crash loses nothing and doubles nothing. Rows become drafts and go through `record::command` as the
//! person who imports: their rights count, row by row.
//!
//! A chunk first tries to write its new records together. When the database refuses that, the chunk is rolled back and
//! done again record by record, without the rows that cannot be written. A check ("dry run") does the same work and
//! drops the transaction. Memory is bounded: a chunk of rows, fewer when they are long, and names that were just looked up.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
pub use store::job::Ended;
use store::job::{self, Job};
use store::{Cell, Tx, Uuid, sql};

use super::comparing::compare;
use super::model::{Inputs, OnMatch, Plan};
use super::names::Names;
use super::repeats::{Keys, Repeats};
use super::rows::{LeftOpen, Taken, extra_cells, find_by_key, key_of, may_appear, row_errors, take};
use super::seen::Seen;
use super::sql::{self as rows_sql, Import, Matched, Payload};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result, Tries};
use crate::shell::record::command;
use crate::shell::record::value::{self, Reading};
use crate::shell::record::{Actor, Draft};
use crate::shell::viewer::Viewer;
use crate::system::people;
use paper::sheet::{Row, Sheet, SheetError};

/// What a chunk leaves to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    More,
    Ended(Ended),
}

/// Rows that wait for a record further down get this many further looks.
const PASSES: u8 = 3;
/// How long a chunk may hold the writer of a SQLite database when others want to write too, and when nobody does: the more rows
/// are written together, the fewer pages of its indexes are written again and again.
const CHUNK_MICROS: u128 = 150_000;
const QUIET_CHUNK_MICROS: u128 = 600_000;
/// Whoever wrote in between kept us waiting at least that long.
const QUIET_MICROS: u128 = 2_000;
const LARGEST_CHUNK: usize = 8_000;
const SMALLEST_CHUNK: usize = 25;
/// However many rows a chunk may have, it takes no further one when those that it has are so long: each lies in memory several
/// times, as it was read and as it is written.
const LONGEST_CHUNK: usize = 8 * 1024 * 1024;
/// The database looks at what was brought in after so many rows, and whenever there are four times as many.
const FIRST_LOOK: i64 = 1_000;

pub fn sheet_error(error: SheetError) -> Error {
    let field = FieldError::new("file", error.key()).with("cause", &error);
    Error::Invalid(vec![match error {
        SheetError::RowTooLong { row } => field.with("row", row),
        SheetError::CellTooLong { row, column } => field.with("row", row).with("column", column),
        _ => field,
    }])
}

/// Runs an import job to its end.
pub async fn run(app: &App, job: &Job) -> Result<Ended> {
    let mut run = match Run::open(app, job).await? {
        Ok(run) => run,
        Err(ended) => return Ok(ended),
    };
    if job.is_given_up() {
        return run.stop().await;
    }
    loop {
        if let Step::Ended(ended) = run.chunk().await? {
            return Ok(ended);
        }
        tokio::task::yield_now().await;
    }
}

/// The import as a whole could not go on: the person sees why on its page. What was committed stays and can be undone.
pub async fn fail(app: &App, job: &Job) -> Result<()> {
    let payload = payload_of(job)?;
    let mut tx = app.db.write().await?;
    let state = if payload.dry { "mapping" } else { "failed" };
    rows_sql::set_state(&mut tx, payload.import, state, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

pub(super) fn payload_of(job: &Job) -> Result<Payload> {
    serde_json::from_str(&job.payload).map_err(|error| Error::Internal(format!("job {}: {error}", job.id)))
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Place {
    pass: u8,
    /// The number of the last row that was dealt with.
    row: i64,
    /// How many waiting rows this pass has taken in.
    resolved: i64,
    /// It is still being compared which rows of the file have the same key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub comparing: bool,
    #[serde(default)]
    left_open: LeftOpen,
}

/// What the rows leave open that a job has gone through in this pass.
pub(super) fn left_open(job: &Job) -> LeftOpen {
    let place: Option<Place> = job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok());
    place.unwrap_or_default().left_open
}

/// An import at work.
pub struct Run {
    app: App,
    job: Uuid,
    dry: bool,
    import: Import,
    plan: Plan,
    columns: usize,
    sheet: Sheet,
    place: Place,
    /// The place as it stands in the database.
    cursor: String,
    size: usize,
    names: Names,
    seen: Seen,
    repeats: Repeats,
    next_look: i64,
}

impl Run {
    /// Opens the file, compares the keys of its rows, and goes to the place where the job stopped last. `Err`: how the job has ended
    /// before it came to that. Another server works on it, or it was asked to stop.
    pub async fn open(app: &App, job: &Job) -> Result<Result<Run, Ended>> {
        let payload = payload_of(job)?;
        let mut session = app.db.read().await?;
        let mut import = rows_sql::load(&mut session, payload.import).await?;
        drop(session);
        let config = Viewer::of_person(app, import.owner_id).await?.config.clone();
        let (mapping, registry) = (import.mapping()?, app.registry);
        let (path, options) = (app.files.path(import.file_id), mapping.options());
        let (first_path, first_options) = (path.clone(), options.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let sheet = Sheet::open(&first_path, &first_options).map_err(sheet_error)?;
            let plan = mapping.plan(registry, &sheet.headers)?;
            Ok::<_, Error>(Keys::of(sheet, plan, config))
        });
        let mut keys = opened.await.map_err(|error| Error::Internal(error.to_string()))??;
        let standing: Option<Place> = job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok());
        // A check keeps what it has seen in memory only, and costs nothing to begin again.
        let place = Place { comparing: false, ..standing.filter(|_| !payload.dry).unwrap_or_default() };
        let begins = place.row == 0 && place.pass == 0;
        let mut cursor = job.cursor.clone();
        if begins {
            let beginning = serde_json::to_string(&place).expect("a place is plain JSON");
            (import.created, import.updated, import.skipped, import.failed, import.repeated) = (0, 0, 0, 0, 0);
            loop {
                let mut tx = app.db.write().await?;
                if !job::is_ours(&mut tx, job.id, cursor.as_deref()).await? {
                    return Ok(Err(Ended::Lost));
                }
                let is_last = rows_sql::forget_rows(&mut tx, import.id).await?;
                if is_last {
                    rows_sql::set_counts(&mut tx, &import).await?;
                    job::progress(&mut tx, job.id, app.clock.now(), 0, Some(import.rows_total), &beginning).await?;
                }
                tx.commit().await?;
                if is_last {
                    break;
                }
            }
            cursor = Some(beginning);
        }
        if keys.are_compared() {
            keys = match compare(app, job, &mut import, keys, place, &mut cursor).await? {
                Ok(keys) => keys,
                Err(ended) => return Ok(Err(ended)),
            };
        }
        let opened = tokio::task::spawn_blocking(move || {
            // The file is let go before it is opened again: a workbook's texts lie in memory as long as it is open.
            let (plan, repeats) = keys.repeats();
            let sheet = Sheet::open(&path, &options).map_err(sheet_error)?;
            let sheet = if place.pass == 0 { skip_to(sheet, place.row)? } else { sheet };
            Ok::<_, Error>((sheet, plan, repeats))
        });
        let (sheet, plan, mut repeats) = opened.await.map_err(|error| Error::Internal(error.to_string()))??;
        if !begins {
            let left = rows_sql::left_rows(&mut app.db.read().await?, import.id).await?;
            // What waits is looked through from its beginning in every pass, when the file is at its end.
            repeats.go_on_after(if place.pass == 0 { place.row } else { i64::MAX }, &left);
        }
        Ok(Ok(Run {
            app: app.clone(),
            job: job.id,
            dry: payload.dry,
            columns: sheet.headers.len(),
            import,
            plan,
            sheet,
            place,
            cursor: cursor.unwrap_or_default(),
            size: 200,
            names: Names::default(),
            seen: Seen::default(),
            repeats,
            next_look: FIRST_LOOK,
        }))
    }

    pub fn counts(&self) -> &Import {
        &self.import
    }

    pub fn rows_done(&self) -> i64 {
        self.import.created + self.import.updated + self.import.skipped + self.import.failed
    }

    /// Takes in the next rows.
    pub async fn chunk(&mut self) -> Result<Step> {
        let rows = self.next_rows().await?;
        let Some(last) = rows.last().map(|row| row.number as i64) else { return self.end_pass().await };
        let began = std::time::Instant::now();
        let hashes = self.hashes(&rows).await?;
        self.names.forget_old();
        let mut refused: HashMap<u64, Vec<FieldError>> = HashMap::new();
        let mut one_by_one = false;
        let (mut waited, mut tries) = (0, Tries::default());
        let (mut tx, mut outcome) = loop {
            let asked = std::time::Instant::now();
            let mut tx = self.app.db.write().await?;
            waited = waited.max(asked.elapsed().as_micros());
            if !job::is_ours(&mut tx, self.job, Some(&self.cursor)).await? {
                return Ok(Step::Ended(Ended::Lost));
            }
            let viewer = Viewer::writing(&self.app, &mut tx, self.import.owner_id).await?;
            let mut actor = self.app.actor(&viewer, "import");
            actor.import = Some(self.import.id);
            actor.import_reason = self.plan.reason.clone();
            match Box::pin(self.apply(&mut tx, &mut actor, &rows, &hashes, &refused, one_by_one)).await {
                Ok(outcome) => break (tx, outcome),
                Err(Halt::Failed(error)) => tries.again(error)?,
                Err(Halt::Together) => {}
                Err(Halt::Row(number, errors)) => {
                    refused.insert(number, errors);
                }
            }
            // Rolled back: what was looked up may have been made in there.
            drop(tx);
            one_by_one = true;
            self.names = Names::default();
        };
        if self.dry {
            drop(tx);
            self.names = Names::default();
            tx = self.app.db.write().await?;
            if !job::is_ours(&mut tx, self.job, Some(&self.cursor)).await? {
                return Ok(Step::Ended(Ended::Lost));
            }
        }
        self.keep(&mut tx, &rows, &mut outcome).await?;
        self.place.row = last;
        let goes_on = self.note_progress(&mut tx).await?;
        if !goes_on {
            self.give_up(&mut tx).await?;
        }
        tx.commit().await?;
        if !self.dry && self.rows_done() >= self.next_look {
            self.next_look = self.rows_done() * 4;
            refresh_statistics(&self.app, self.plan.object.table).await?;
        }
        let took = began.elapsed().as_micros().max(1);
        let time = if waited < QUIET_MICROS { QUIET_CHUNK_MICROS } else { CHUNK_MICROS };
        self.size = ((rows.len() as u128 * time / took) as usize).clamp(SMALLEST_CHUNK, LARGEST_CHUNK);
        Ok(if goes_on { Step::More } else { Step::Ended(Ended::Cancelled) })
    }

    async fn stop(&mut self) -> Result<Ended> {
        let mut tx = self.app.db.write().await?;
        if !job::is_ours(&mut tx, self.job, Some(&self.cursor)).await? {
            return Ok(Ended::Lost);
        }
        self.give_up(&mut tx).await?;
        tx.commit().await?;
        Ok(Ended::Cancelled)
    }

    /// It was asked to stop.
    async fn give_up(&mut self, tx: &mut Tx) -> Result<()> {
        let state = if self.dry { "mapping" } else { "cancelled" };
        rows_sql::give_up_waiting(tx, &mut self.import).await?;
        self.end(tx, state, Ended::Cancelled).await
    }

    /// The passwords of people in these rows, by the number of the row. It takes long, and is done before others have to wait for us;
    /// a check keeps none.
    async fn hashes(&mut self, rows: &[Row]) -> Result<HashMap<u64, String>> {
        let mut hashes = HashMap::new();
        let object = self.plan.object;
        let Some(field) = object.field("password").filter(|_| !self.dry) else { return Ok(hashes) };
        let config = self.app.config(0).await?;
        let reading = Reading { zone: &config.zone, currency: &config.base_currency };
        for row in rows {
            let Inputs { given, defaults } = self.plan.inputs(&row.cells);
            let typed = given.get(field.key).or(defaults.get(field.key));
            let Some(Ok(Cell::Text(password))) = typed.map(|text| value::parse(object, field, text, &reading)) else {
                continue;
            };
            match people::beside(move || people::hash_password(&password)).await? {
                Ok(hash) => {
                    hashes.insert(row.number, hash);
                }
                // The row will be refused for it.
                Err(Error::Invalid(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hashes)
    }

    /// In the first pass from the file, then from the rows that wait.
    async fn next_rows(&mut self) -> Result<Vec<Row>> {
        if self.place.pass == 0 {
            return first_of(&mut self.sheet, self.size);
        }
        let mut session = self.app.db.read().await?;
        let waiting = rows_sql::rows(&mut session, self.import.id, "waiting", self.place.row, self.size as i64).await?;
        Ok(waiting.iter().map(|row| Row { number: row.row_number as u64, cells: row.cells() }).collect())
    }

    /// Another pass over the rows that wait, as long as the last one brought something; else they are failures.
    async fn end_pass(&mut self) -> Result<Step> {
        let mut tx = self.app.db.write().await?;
        if !job::is_ours(&mut tx, self.job, Some(&self.cursor)).await? {
            return Ok(Step::Ended(Ended::Lost));
        }
        let waits: Option<i64> = tx
            .value(sql!(
                "SELECT row_number FROM import_row WHERE import_id = $1 AND action = 'waiting' ORDER BY row_number LIMIT 1",
                self.import.id
            ))
            .await?;
        let brought_something = self.place.pass == 0 || self.place.resolved > 0;
        if waits.is_some() && brought_something && self.place.pass < PASSES && !self.dry {
            self.place = Place { pass: self.place.pass + 1, ..Place::default() };
            self.note_progress(&mut tx).await?;
            tx.commit().await?;
            return Ok(Step::More);
        }
        if self.dry {
            self.settle_seen(&mut tx).await?;
        }
        rows_sql::give_up_waiting(&mut tx, &mut self.import).await?;
        self.note_progress(&mut tx).await?;
        let state = if self.dry { "checked" } else { "done" };
        self.end(&mut tx, state, Ended::Done).await?;
        tx.commit().await?;
        if !self.dry {
            refresh_statistics(&self.app, self.plan.object.table).await?;
        }
        Ok(Step::Ended(Ended::Done))
    }

    /// The import and its job are over together: what comes in between makes none of the two go on.
    async fn end(&mut self, tx: &mut Tx, state: &str, ended: Ended) -> Result<()> {
        let now = self.app.clock.now();
        rows_sql::set_state(tx, self.import.id, state, now).await?;
        Ok(job::finish(tx, self.job, now, ended.key(), "").await?)
    }

    async fn note_progress(&mut self, tx: &mut Tx) -> Result<bool> {
        rows_sql::set_counts(tx, &self.import).await?;
        self.cursor = serde_json::to_string(&self.place).expect("a place is plain JSON");
        let total = Some(self.import.rows_total.max(self.rows_done()));
        Ok(job::progress(tx, self.job, self.app.clock.now(), self.rows_done(), total, &self.cursor).await?)
    }

    /// In a check nothing is ever there that the file itself brings: what waits for a name in the file is fine.
    async fn settle_seen(&mut self, tx: &mut Tx) -> Result<()> {
        let mut after = 0;
        loop {
            let waiting = rows_sql::rows(tx, self.import.id, "waiting", after, 500).await?;
            let Some(last) = waiting.last() else { return Ok(()) };
            after = last.row_number;
            for row in &waiting {
                let fine =
                    row.errors().iter().all(|error| error.arg("value").is_some_and(|name| self.seen.has_name(name)));
                if !fine {
                    continue;
                }
                if let Some(other) = self.repeats.take_in(row.row_number) {
                    // By then the other row has made the record.
                    let is_change = self.plan.on_match == OnMatch::Update;
                    *(if is_change { &mut self.import.updated } else { &mut self.import.skipped }) += 1;
                    self.import.repeated += 1;
                    let matched = Matched {
                        number: row.row_number,
                        record: None,
                        version: None,
                        is_change,
                        same_as: Some(other),
                    };
                    rows_sql::note_matched(tx, self.import.id, &[matched]).await?;
                    continue;
                }
                self.import.created += 1;
                tx.execute(sql!(
                    "DELETE FROM import_row WHERE import_id = $1 AND row_number = $2",
                    self.import.id,
                    row.row_number
                ))
                .await?;
            }
        }
    }

    /// Counts a chunk and keeps its rows that need keeping.
    async fn keep(&mut self, tx: &mut Tx, rows: &[Row], outcome: &mut Outcome) -> Result<()> {
        let updated = outcome.matched.iter().filter(|row| row.is_change).count() as i64;
        self.import.created += outcome.created;
        self.import.updated += updated;
        self.import.skipped += outcome.matched.len() as i64 - updated;
        self.place.left_open.add(outcome.left_open);
        let failed: HashSet<u64> = outcome.failed.iter().map(|(number, _)| *number).collect();
        let taken_in = rows.iter().filter(|row| !failed.contains(&row.number)).map(|row| row.number as i64);
        let same_as: HashMap<i64, i64> = taken_in.filter_map(|row| Some((row, self.repeats.take_in(row)?))).collect();
        for row in &mut outcome.matched {
            row.same_as = same_as.get(&row.number).copied();
            self.import.repeated += i64::from(row.same_as.is_some());
        }
        let cells: HashMap<u64, &[String]> = rows.iter().map(|row| (row.number, row.cells.as_slice())).collect();
        for (number, errors) in &outcome.failed {
            let may_wait = errors.iter().all(|error| may_appear(&self.plan, error));
            let action = if may_wait { "waiting" } else { "failed" };
            self.import.failed += i64::from(!may_wait);
            rows_sql::keep_row(tx, self.import.id, *number as i64, action, cells[number], errors).await?;
        }
        if self.place.pass > 0 {
            for row in rows.iter().filter(|row| !failed.contains(&row.number)) {
                self.place.resolved += 1;
                tx.execute(sql!(
                    "DELETE FROM import_row WHERE import_id = $1 AND row_number = $2",
                    self.import.id,
                    row.number as i64
                ))
                .await?;
            }
        }
        rows_sql::note_matched(tx, self.import.id, &outcome.matched).await
    }

    /// Reads, resolves, checks and writes the rows inside the transaction.
    async fn apply(
        &mut self,
        tx: &mut Tx,
        actor: &mut Actor,
        rows: &[Row],
        hashes: &HashMap<u64, String>,
        refused: &HashMap<u64, Vec<FieldError>>,
        one_by_one: bool,
    ) -> Result<Outcome, Halt> {
        let mut outcome = Outcome::default();
        let inputs: Vec<Inputs> = rows.iter().map(|row| self.plan.inputs(&row.cells)).collect();
        let keys: Vec<Option<String>> = inputs.iter().map(|inputs| key_of(&self.plan, actor, inputs)).collect();
        let object = self.plan.object;
        // What is written otherwise in a record that stands already counts when the file has brought nothing that is written so.
        self.names.own_just_so = !self.dry && self.place.pass == 0;
        self.names.look_ahead(tx, actor, object, &inputs).await.map_err(Halt::Failed)?;
        actor.accounts = self.names.accounts(tx, object, &inputs).await.map_err(Halt::Failed)?;
        let actor = &*actor;
        let mut standing = find_by_key(tx, actor, &self.plan, &keys).await.map_err(Halt::Failed)?;
        let mut pending: Vec<Draft> = Vec::new();
        // Keys of records that this chunk makes, as long as they are not written.
        let mut unwritten: HashSet<&str> = HashSet::new();
        for ((row, inputs), key) in rows.iter().zip(inputs).zip(&keys) {
            if let Some(errors) = refused.get(&row.number) {
                outcome.failed.push((row.number, errors.clone()));
                continue;
            }
            if let Some(error) = extra_cells(self.columns, row) {
                outcome.failed.push((row.number, vec![error]));
                continue;
            }
            if key.as_deref().is_some_and(|key| unwritten.contains(key)) {
                command::write_new(tx, actor, self.plan.object, &pending).await.map_err(Halt::of_batch)?;
                pending.clear();
                unwritten.clear();
                standing = find_by_key(tx, actor, &self.plan, &keys).await.map_err(Halt::Failed)?;
            }
            let found = key.as_deref().and_then(|key| standing.get(key));
            let finds = self.plan.on_match != OnMatch::Create;
            let again = self.dry && finds && key.as_deref().is_some_and(|key| self.seen.has_key(key));
            match take(&self.plan, &mut self.names, tx, actor, &inputs, found).await {
                Ok(Taken::Skipped(record)) => outcome.matched(row, Some(record), None, false),
                Ok(Taken::New(_)) if again => {
                    outcome.matched(row, None, None, self.plan.on_match != OnMatch::Skip);
                }
                Ok(Taken::New(mut draft)) => {
                    if people::password_in(&draft).is_some() && (self.dry || hashes.contains_key(&row.number)) {
                        people::give_hash(&mut draft, hashes.get(&row.number).cloned());
                    }
                    outcome.created += 1;
                    outcome.left_open.note(&self.plan, &actor.viewer.config, &inputs, &draft, None);
                    if self.dry {
                        self.seen.note(&self.plan, &draft, key.as_deref());
                    }
                    if one_by_one {
                        let written = command::write_new(tx, actor, self.plan.object, &[draft]).await;
                        let ids = written.map_err(|error| Halt::of_row(row.number, error))?;
                        if let (Some(key), Some(id)) = (key, ids.first()) {
                            standing.entry(key.clone()).or_default().push(*id);
                        }
                    } else {
                        unwritten.extend(key.as_deref());
                        pending.push(draft);
                    }
                }
                Ok(Taken::Changed(before, draft)) => {
                    outcome.left_open.note(&self.plan, &actor.viewer.config, &inputs, &draft, Some(&before));
                    let version = command::write_change(tx, actor, self.plan.object, &before, &draft)
                        .await
                        .map_err(|error| Halt::of_row(row.number, error))?;
                    outcome.matched(row, Some(before.id), Some(version), true);
                }
                Err(error) => match row_errors(error) {
                    Ok(errors) => outcome.failed.push((row.number, errors)),
                    Err(error) => return Err(Halt::Failed(error)),
                },
            }
        }
        if !pending.is_empty() {
            command::write_new(tx, actor, self.plan.object, &pending).await.map_err(Halt::of_batch)?;
        }
        Ok(outcome)
    }
}

/// The next rows of a file: so many, and fewer when they are long.
fn first_of(rows: &mut impl Iterator<Item = Result<Row, SheetError>>, most: usize) -> Result<Vec<Row>> {
    let (mut taken, mut bytes) = (Vec::new(), 0);
    while taken.len() < most && bytes < LONGEST_CHUNK {
        let Some(row) = rows.next() else { break };
        let row = row.map_err(sheet_error)?;
        bytes += row.bytes();
        taken.push(row);
    }
    Ok(taken)
}

fn skip_to(mut sheet: Sheet, row: i64) -> Result<Sheet> {
    if row > 0 {
        for read in sheet.by_ref() {
            if read.map_err(sheet_error)?.number as i64 >= row {
                break;
            }
        }
    }
    Ok(sheet)
}

async fn refresh_statistics(app: &App, table: &str) -> Result<()> {
    Ok(store::statistics::refresh(&app.db, &[table, "event", "search_doc"]).await?)
}

#[derive(Default)]
struct Outcome {
    created: i64,
    matched: Vec<Matched>,
    failed: Vec<(u64, Vec<FieldError>)>,
    left_open: LeftOpen,
}

impl Outcome {
    fn matched(&mut self, row: &Row, record: Option<Uuid>, version: Option<i64>, is_change: bool) {
        self.matched.push(Matched { number: row.number as i64, record, version, is_change, same_as: None });
    }
}

/// Why a chunk must be rolled back.
enum Halt {
    /// New records can't be written together: one of them is at fault.
    Together,
    /// This row can't be written.
    Row(u64, Vec<FieldError>),
    /// The import can't go on at all.
    Failed(Error),
}

impl Halt {
    fn of_batch(error: Error) -> Halt {
        match row_errors(error) {
            Ok(_) => Halt::Together,
            Err(error) => Halt::Failed(error),
        }
    }
    fn of_row(number: u64, error: Error) -> Halt {
        match row_errors(error) {
            Ok(errors) => Halt::Row(number, errors),
            Err(error) => Halt::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_fewer_rows_when_they_are_long() {
        let long = |number| Ok(Row { number, cells: vec!["x".repeat(3 * 1024 * 1024)] });
        let mut rows = (1..).map(long);
        let taken = first_of(&mut rows, LARGEST_CHUNK).expect("the rows are fine");
        assert_eq!(taken.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(first_of(&mut rows, LARGEST_CHUNK).expect("the rows are fine")[0].number, 4, "none is left out");
        let short = |number| Ok(Row { number, cells: vec!["x".into()] });
        assert_eq!(first_of(&mut (1..).map(short), 25).expect("the rows are fine").len(), 25);
    }
}
