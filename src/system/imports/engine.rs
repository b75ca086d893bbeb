//! The importer. A job goes through the file in chunks; what a chunk does, its counts and the place behind it are one
//! transaction, so a crash loses nothing and doubles nothing. Rows become drafts and go through `record::command` as the
//! person who imports: their rights count, row by row.
//!
//! A chunk first tries to write its new records together. When the database refuses that, the chunk is rolled back and
//! done again record by record, without the rows that cannot be written. A check ("dry run") does the same work and
//! drops the transaction. Memory is bounded: a chunk of rows, and names that were just looked up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};

use serde::{Deserialize, Serialize};
use store::job::{self, Job};
use store::{Cell, Session, Sql, Tx, Uuid, sql};

use super::model::{Inputs, OnMatch, Plan};
use super::sql::{self as rows_sql, Import, Payload};
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::command::{self, Known, Source};
use crate::shell::record::value::{self, Reading};
use crate::shell::record::{Actor, Draft, Kind, Loaded, Object, argument};
use crate::shell::viewer::Viewer;
use paper::sheet::{Row, Sheet, SheetError};

/// How a piece of long work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    Cancelled,
    /// Another server has taken the job over.
    Lost,
}

impl Ended {
    pub fn key(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Cancelled => "cancelled",
            Ended::Lost => "lost",
        }
    }
}

/// What a chunk leaves to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    More,
    Ended(Ended),
}

/// Rows that wait for a record further down get this many further looks.
const PASSES: u8 = 3;
/// How long a chunk may hold the writer of a SQLite database: others want to write too.
const CHUNK_MICROS: u128 = 120_000;
const LARGEST_CHUNK: usize = 1_000;
const SMALLEST_CHUNK: usize = 25;
/// Names are looked up again after this, so that a right that was taken away counts at once.
const NAMES_SECONDS: u64 = 2;
const NAMES_KEPT: usize = 20_000;
/// A check remembers at most this many names and keys of the file.
const SEEN_KEPT: usize = 4_000_000;

pub fn sheet_error(error: SheetError) -> Error {
    let mut field = FieldError::new("file", error.key()).with("cause", &error);
    if let SheetError::RowTooLong { row } = error {
        field = field.with("row", row);
    }
    Error::Invalid(vec![field])
}

/// Runs an import job to its end.
pub async fn run(app: &App, job: &Job) -> Result<Ended> {
    let outcome = async {
        let Some(mut run) = Run::open(app, job).await? else { return Ok(Ended::Lost) };
        loop {
            if let Step::Ended(ended) = run.chunk().await? {
                return Ok(ended);
            }
            tokio::task::yield_now().await;
        }
    }
    .await;
    if outcome.is_err() {
        fail(app, job).await?;
    }
    outcome
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
struct Place {
    pass: u8,
    /// The number of the last row that was dealt with.
    row: i64,
    /// How many waiting rows this pass has taken in.
    resolved: i64,
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
}

impl Run {
    /// Opens the file and goes to the place where the job stopped last. `None`: another server works on it.
    pub async fn open(app: &App, job: &Job) -> Result<Option<Run>> {
        let payload = payload_of(job)?;
        let mut session = app.db.read().await?;
        let mut import = rows_sql::load(&mut session, payload.import).await?;
        drop(session);
        let mapping = import.mapping()?;
        let path = app.files.path(import.file_id);
        let mut sheet = tokio::task::spawn_blocking(move || Sheet::open(&path, &mapping.options()))
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
            .map_err(sheet_error)?;
        let plan = import.mapping()?.plan(app.registry, &sheet.headers)?;
        let standing = job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok());
        // A check keeps what it has seen in memory only, and costs nothing to begin again.
        let place: Place = standing.filter(|_| !payload.dry).unwrap_or_default();
        let cursor = serde_json::to_string(&place).expect("a place is plain JSON");
        if place.row == 0 && place.pass == 0 {
            (import.created, import.updated, import.skipped, import.failed) = (0, 0, 0, 0);
            let mut tx = app.db.write().await?;
            if !job::is_ours(&mut tx, job.id, job.cursor.as_deref()).await? {
                return Ok(None);
            }
            tx.execute(sql!("DELETE FROM import_row WHERE import_id = $1", import.id)).await?;
            rows_sql::set_counts(&mut tx, &import).await?;
            job::progress(&mut tx, job.id, app.clock.now(), 0, Some(import.rows_total), &cursor).await?;
            tx.commit().await?;
        }
        if place.pass == 0 {
            sheet = tokio::task::spawn_blocking(move || skip_to(sheet, place.row))
                .await
                .map_err(|error| Error::Internal(error.to_string()))??;
        }
        Ok(Some(Run {
            app: app.clone(),
            job: job.id,
            dry: payload.dry,
            columns: sheet.headers.len(),
            import,
            plan,
            sheet,
            place,
            cursor,
            size: 200,
            names: Names::default(),
            seen: Seen::default(),
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
        let viewer = Viewer::of_person(&self.app, self.import.owner_id).await?;
        let mut actor = self.app.actor(&viewer, "import");
        actor.import = Some(self.import.id);
        self.names.forget_old();
        let mut refused: HashMap<u64, Vec<FieldError>> = HashMap::new();
        let mut one_by_one = false;
        let (mut tx, outcome) = loop {
            let mut tx = self.app.db.write().await?;
            if !job::is_ours(&mut tx, self.job, Some(&self.cursor)).await? {
                return Ok(Step::Ended(Ended::Lost));
            }
            match self.apply(&mut tx, &actor, &rows, &refused, one_by_one).await {
                Ok(outcome) => break (tx, outcome),
                Err(Halt::Failed(error)) => return Err(error),
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
        self.keep(&mut tx, &rows, &outcome).await?;
        self.place.row = last;
        let goes_on = self.note_progress(&mut tx).await?;
        if !goes_on {
            let state = if self.dry { "mapping" } else { "cancelled" };
            self.give_up_waiting(&mut tx).await?;
            rows_sql::set_state(&mut tx, self.import.id, state, self.app.clock.now()).await?;
        }
        tx.commit().await?;
        let took = began.elapsed().as_micros().max(1);
        self.size = ((rows.len() as u128 * CHUNK_MICROS / took) as usize).clamp(SMALLEST_CHUNK, LARGEST_CHUNK);
        Ok(if goes_on { Step::More } else { Step::Ended(Ended::Cancelled) })
    }

    /// In the first pass from the file, then from the rows that wait.
    async fn next_rows(&mut self) -> Result<Vec<Row>> {
        if self.place.pass == 0 {
            let size = self.size;
            return self.sheet.by_ref().take(size).collect::<Result<Vec<_>, _>>().map_err(sheet_error);
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
            self.place = Place { pass: self.place.pass + 1, row: 0, resolved: 0 };
            self.note_progress(&mut tx).await?;
            tx.commit().await?;
            return Ok(Step::More);
        }
        if self.dry {
            self.settle_seen(&mut tx).await?;
        }
        self.give_up_waiting(&mut tx).await?;
        self.note_progress(&mut tx).await?;
        let state = if self.dry { "checked" } else { "done" };
        rows_sql::set_state(&mut tx, self.import.id, state, self.app.clock.now()).await?;
        tx.commit().await?;
        Ok(Step::Ended(Ended::Done))
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
                if fine {
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
    }

    async fn give_up_waiting(&mut self, tx: &mut Tx) -> Result<()> {
        let given_up = tx
            .execute(sql!(
                "UPDATE import_row SET action = 'failed' WHERE import_id = $1 AND action = 'waiting'",
                self.import.id
            ))
            .await?;
        self.import.failed += given_up as i64;
        rows_sql::set_counts(tx, &self.import).await
    }

    /// Counts a chunk and keeps its rows that need keeping.
    async fn keep(&mut self, tx: &mut Tx, rows: &[Row], outcome: &Outcome) -> Result<()> {
        self.import.created += outcome.created;
        self.import.updated += outcome.updated;
        self.import.skipped += outcome.skipped;
        let cells: HashMap<u64, &[String]> = rows.iter().map(|row| (row.number, row.cells.as_slice())).collect();
        let mut unfinished: HashSet<u64> = HashSet::new();
        for (number, errors) in &outcome.failed {
            unfinished.insert(*number);
            let may_wait = errors.iter().all(|error| may_appear(&self.plan, error));
            let action = if may_wait { "waiting" } else { "failed" };
            self.import.failed += i64::from(!may_wait);
            rows_sql::keep_row(tx, self.import.id, *number as i64, action, cells[number], errors).await?;
        }
        if self.place.pass > 0 {
            for row in rows.iter().filter(|row| !unfinished.contains(&row.number)) {
                self.place.resolved += 1;
                tx.execute(sql!(
                    "DELETE FROM import_row WHERE import_id = $1 AND row_number = $2",
                    self.import.id,
                    row.number as i64
                ))
                .await?;
            }
        }
        if !self.dry {
            rows_sql::note_updates(tx, self.import.id, &outcome.changed).await?;
        }
        Ok(())
    }

    /// Reads, resolves, checks and writes the rows inside the transaction.
    async fn apply(
        &mut self,
        tx: &mut Tx,
        actor: &Actor,
        rows: &[Row],
        refused: &HashMap<u64, Vec<FieldError>>,
        one_by_one: bool,
    ) -> Result<Outcome, Halt> {
        let mut outcome = Outcome::default();
        let inputs: Vec<Inputs> = rows.iter().map(|row| self.plan.inputs(&row.cells)).collect();
        let keys: Vec<Option<String>> = inputs.iter().map(|inputs| key_of(&self.plan, actor, inputs)).collect();
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
            let again = self.dry && key.as_deref().is_some_and(|key| self.seen.has_key(key));
            match take(&self.plan, &mut self.names, tx, actor, &inputs, found).await {
                Ok(Taken::Skipped) => outcome.skipped += 1,
                Ok(Taken::New(_)) if again => match self.plan.on_match {
                    OnMatch::Skip => outcome.skipped += 1,
                    _ => outcome.updated += 1,
                },
                Ok(Taken::New(draft)) => {
                    outcome.created += 1;
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
                    let version = command::write_change(tx, actor, self.plan.object, &before, &draft)
                        .await
                        .map_err(|error| Halt::of_row(row.number, error))?;
                    outcome.updated += 1;
                    outcome.changed.push((row.number as i64, before.id, version));
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

/// One row up to the point where it can be written. Writes nothing.
async fn take(
    plan: &Plan,
    names: &mut Names,
    tx: &mut Tx,
    actor: &Actor,
    inputs: &Inputs,
    found: Option<&Vec<Uuid>>,
) -> Result<Taken> {
    let object = plan.object;
    let found = match (plan.on_match, found.map(Vec::as_slice)) {
        (OnMatch::Create, _) | (_, None | Some([])) => None,
        (OnMatch::Skip, Some(_)) => return Ok(Taken::Skipped),
        (OnMatch::Update, Some([id])) => Some(*id),
        (OnMatch::Update, Some(_)) => {
            let key = plan.key.map_or("", |field| field.key);
            let value = inputs.given.get(key).map_or("", String::as_str);
            return Err(Error::Invalid(vec![FieldError::new(key, "invalid-ambiguous").with("value", value)]));
        }
    };
    let before = match found {
        Some(id) => Some(command::load_for_write(tx, actor, object, id).await?),
        None => None,
    };
    let mut texts = inputs.given.clone();
    if before.is_none() {
        for (key, text) in &inputs.defaults {
            texts.entry(key.clone()).or_insert_with(|| text.clone());
        }
    }
    // Every fault of the row at once, not only the first kind.
    let mut errors = names.resolve(tx, actor, object, &mut texts, before.as_ref()).await?;
    let draft = match command::read_inputs(object, &actor.viewer, &texts, before.as_ref(), Source::Import) {
        Ok(draft) => draft,
        Err(Error::Invalid(more)) => {
            errors.extend(more);
            Draft::default()
        }
        Err(other) => return Err(other),
    };
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    match before {
        None => Ok(Taken::New(command::prepare_new(tx, actor, object, draft, &mut names.known).await?)),
        Some(before) => {
            match command::prepare_change(tx, actor, object, &before, None, draft, &mut names.known).await? {
                Some(draft) => Ok(Taken::Changed(Box::new(before), draft)),
                None => Ok(Taken::Skipped),
            }
        }
    }
}

/// What would become of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    New,
    Changed,
    /// Left as it is: it exists already, or nothing would change.
    Unchanged,
    /// It names a record that is not there yet; it may stand further down in the file.
    Waiting(Vec<FieldError>),
    Refused(Vec<FieldError>),
}

/// The first rows of a file as the import would take them, for the mapping page. The transaction is dropped.
pub async fn preview(app: &App, viewer: &Viewer, plan: &Plan, columns: usize, rows: &[Row]) -> Result<Vec<Fate>> {
    let mut actor = app.actor(viewer, "import");
    actor.import = Some(Uuid::nil());
    let mut names = Names::default();
    let mut tx = app.db.write().await?;
    let inputs: Vec<Inputs> = rows.iter().map(|row| plan.inputs(&row.cells)).collect();
    let keys: Vec<Option<String>> = inputs.iter().map(|inputs| key_of(plan, &actor, inputs)).collect();
    let standing = find_by_key(&mut tx, &actor, plan, &keys).await?;
    let mut fates = Vec::with_capacity(rows.len());
    for ((row, inputs), key) in rows.iter().zip(&inputs).zip(&keys) {
        let taken = match extra_cells(columns, row) {
            Some(error) => Err(Error::Invalid(vec![error])),
            None => {
                let found = key.as_deref().and_then(|key| standing.get(key));
                take(plan, &mut names, &mut tx, &actor, inputs, found).await
            }
        };
        fates.push(match taken {
            Ok(Taken::New(_)) => Fate::New,
            Ok(Taken::Changed(..)) => Fate::Changed,
            Ok(Taken::Skipped) => Fate::Unchanged,
            Err(error) => {
                let errors = row_errors(error)?;
                if errors.iter().all(|error| may_appear(plan, error)) {
                    Fate::Waiting(errors)
                } else {
                    Fate::Refused(errors)
                }
            }
        });
    }
    Ok(fates)
}

/// Whether what is missing is of the kind that the file brings, so that it may stand further down.
fn may_appear(plan: &Plan, error: &FieldError) -> bool {
    error.key == "invalid-reference"
        && plan.object.field(&error.field).is_some_and(|field| field.kind == Kind::Ref(plan.object.name))
}

/// A row with more cells than headings has slipped: nobody knows which cell belongs where.
fn extra_cells(columns: usize, row: &Row) -> Option<FieldError> {
    let extra = row.cells.iter().skip(columns).any(|cell| !cell.trim().is_empty());
    extra.then(|| FieldError::new("", "import-extra-cells").with("count", columns))
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

#[derive(Default)]
struct Outcome {
    created: i64,
    updated: i64,
    skipped: i64,
    failed: Vec<(u64, Vec<FieldError>)>,
    /// Row, record and the record's version after the change.
    changed: Vec<(i64, Uuid, i64)>,
}

enum Taken {
    New(Draft),
    Changed(Box<Loaded>, Draft),
    Skipped,
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

/// What is wrong with a row; an error that is not the row's fault comes back.
fn row_errors(error: Error) -> Result<Vec<FieldError>> {
    match error {
        Error::Invalid(errors) => Ok(errors),
        Error::Forbidden => Ok(vec![FieldError::new("", "error-forbidden")]),
        Error::NotFound => Ok(vec![FieldError::new("", "error-not-found")]),
        Error::Refused { key, .. } => Ok(vec![FieldError::new("", key)]),
        other => Err(other),
    }
}

/// The row's key in the form in which it is stored.
fn key_of(plan: &Plan, actor: &Actor, inputs: &Inputs) -> Option<String> {
    let field = plan.key?;
    let text = inputs.given.get(field.key)?;
    let config = &actor.viewer.config;
    let reading = Reading { zone: &config.zone, currency: &config.base_currency };
    let cell = value::parse(plan.object, field, text, &reading).ok()?;
    let text = value::plain(field, &cell, &config.base_currency, &config.zone);
    // People's addresses are stored in lower case.
    Some(if plan.object.name == "person" && field.kind == Kind::Email { text.to_lowercase() } else { text })
}

/// The records that the viewer can see under these keys; two are as good as many.
async fn find_by_key(
    tx: &mut Tx,
    actor: &Actor,
    plan: &Plan,
    keys: &[Option<String>],
) -> Result<HashMap<String, Vec<Uuid>>> {
    let mut found: HashMap<String, Vec<Uuid>> = HashMap::new();
    let Some(field) = plan.key.filter(|_| plan.on_match != OnMatch::Create) else { return Ok(found) };
    let mut wanted: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let config = &actor.viewer.config;
    for batch in store::batches(&wanted) {
        let mut statement = Sql::new(format!("SELECT t.id, t.{} FROM {} t WHERE ", field.column, plan.object.table));
        if field.sort_column == Some("name_key") {
            // The sort key has the index; the name itself decides.
            statement.push("t.name_key IN (");
            statement.bind_list(batch.iter().map(|key| store::search::sort_key(key))).push(") AND ");
        }
        let reading = Reading { zone: &config.zone, currency: &config.base_currency };
        let cells = batch.iter().map(|key| value::parse(plan.object, field, key, &reading).unwrap_or(Cell::Null));
        statement.push(&format!("t.{} IN (", field.column));
        statement.bind_list(cells.map(|cell| argument(field, &cell))).push(") AND t.deleted_at IS NULL AND ");
        (plan.object.visible)(&mut statement, &actor.viewer.scope, Right::Read, "t");
        for store::Cells(cells) in tx.all::<store::Cells>(statement).await? {
            let [Cell::Id(id), cell] = cells.as_slice() else { continue };
            let key = value::plain(field, cell, &config.base_currency, &config.zone);
            found.entry(key).or_default().push(*id);
        }
    }
    Ok(found)
}

/// Names that were looked up lately.
struct Names {
    ids: HashMap<(&'static str, Option<Uuid>, String), Uuid>,
    known: Known,
    since: std::time::Instant,
}

impl Default for Names {
    fn default() -> Names {
        Names { ids: HashMap::new(), known: Known::new(), since: std::time::Instant::now() }
    }
}

impl Names {
    fn forget_old(&mut self) {
        if self.since.elapsed().as_secs() >= NAMES_SECONDS || self.ids.len() + self.known.len() > NAMES_KEPT {
            *self = Names::default();
        }
    }

    /// Puts ids in the place of names. Returns what could not be found.
    async fn resolve(
        &mut self,
        session: &mut Session,
        actor: &Actor,
        object: &'static Object,
        texts: &mut BTreeMap<String, String>,
        before: Option<&Loaded>,
    ) -> Result<Vec<FieldError>> {
        let mut errors = Vec::new();
        // The account first: contacts and deals are then looked for inside it.
        let mut references: Vec<_> = object
            .fields
            .iter()
            .filter(|field| matches!(field.kind, Kind::Ref(_)) && texts.contains_key(field.key))
            .collect();
        references.sort_by_key(|field| field.key != "account");
        for field in references {
            let Kind::Ref(target) = field.kind else { continue };
            let text = texts[field.key].clone();
            let within = match texts.get("account") {
                Some(account) => account.parse().ok(),
                None => before.and_then(|before| before.id_of("account")),
            }
            .filter(|_| matches!(target, "contact" | "opportunity"));
            let name = (target, within, text);
            let id = match self.ids.get(&name) {
                Some(id) => *id,
                None => match command::resolve(session, actor, field, &name.2, within).await {
                    Ok(id) => {
                        self.ids.insert(name, id);
                        id
                    }
                    Err(Error::Invalid(more)) => {
                        errors.extend(more);
                        texts.remove(field.key);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            texts.insert(field.key.to_owned(), id.to_string());
        }
        Ok(errors)
    }
}

/// What a check has come across in the file: names and keys, by hash.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    names: HashSet<u64>,
    keys: HashSet<u64>,
}

impl Seen {
    fn hash(&self, text: &str) -> u64 {
        let mut state = self.hasher.build_hasher();
        text.hash(&mut state);
        std::hash::Hasher::finish(&state)
    }

    fn note(&mut self, plan: &Plan, draft: &Draft, key: Option<&str>) {
        if self.names.len() + self.keys.len() > SEEN_KEPT {
            return;
        }
        for field in [plan.object.title, "external_id", "code", "email"] {
            if let Some(text) = draft.get(field).and_then(Cell::text) {
                self.names.insert(self.hash(text));
            }
        }
        if let Some(key) = key {
            self.keys.insert(self.hash(key));
        }
    }

    fn has_name(&self, name: &str) -> bool {
        self.names.contains(&self.hash(name))
    }

    fn has_key(&self, key: &str) -> bool {
        self.keys.contains(&self.hash(key))
    }
}
