//! Work on more records than somebody waits for: a job does it in portions. A portion is a transaction with the rights of that
//! moment, and an instant of its own; its effects, that instant and the place behind it are kept together, so a crash loses
//! nothing and doubles nothing. What breaks a rule is left and counted, since what was done before stands already.
//!
//! Everything that matches is taken as it was when it was looked at: what was made since stays out, what was changed since merges or
//! is left, as with records that were named (Q31). Undoing goes back portion by portion.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::event::Change;
use store::job::{self, Ended, Job};
use store::{Instant, Session, Sql, Tx, Uuid, first_id_at, new_id, sql};

use super::access::Right;
use super::app::App;
use super::bulk::{self, Chosen, EVENT, JOB, Outcome, Work};
use super::bulk_outcome::{self, Fate, Fated};
use super::bulk_undo::{self, Span, Undone};
use super::error::{Error, FieldError, Result};
use super::portions::Portions;
use super::record::command::Source;
use super::record::query::{ListQuery, Portion, Question};
use super::record::{Actor, Object};
use super::viewer::Viewer;

pub const KIND: &str = "bulk";

/// Records in one transaction: others want to write too.
const CHUNK: usize = 100;
/// So many are looked up at once.
const LOOKED_UP: i64 = 5_000;
/// What breaks a rule is told of so many records; nobody reads more.
const TOLD: usize = 100;
/// If none of so many can be given the value, it is the value that is wrong.
const TRIED: usize = 20;

// ---- what is ordered

/// Which records a job works on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Which {
    /// In the order of their ids.
    Named(Vec<Chosen>),
    /// What a list found at an instant.
    Matching { filters: Vec<String>, words: Option<String>, trash: bool, seen: i64 },
}

impl Which {
    pub fn named(mut chosen: Vec<Chosen>) -> Which {
        chosen.sort_by_key(|(id, _)| *id);
        chosen.dedup_by_key(|(id, _)| *id);
        Which::Named(chosen)
    }

    pub fn matching(query: &ListQuery, seen: Instant) -> Which {
        Which::Matching {
            filters: query.filters.iter().map(|filter| filter.to_text()).collect(),
            words: query.words.clone(),
            trash: query.trash,
            seen: seen.0,
        }
    }

    /// The next records behind an id, as far as the person sees them now.
    async fn next(
        &self,
        session: &mut Session,
        viewer: &Viewer,
        object: &'static Object,
        after: Uuid,
        limit: i64,
    ) -> Result<Vec<Chosen>> {
        match self {
            Which::Named(chosen) => {
                Ok(chosen.iter().filter(|(id, _)| *id > after).take(limit as usize).copied().collect())
            }
            Which::Matching { seen, .. } => {
                let seen = Instant(*seen);
                let query = self.query(viewer, object)?;
                // "This week" is the week in which the list was looked at, however long the job takes.
                let today = viewer.config.today(seen);
                let question = Question { viewer, object, query: &query, today };
                let ids = question.ids(session, Portion { after, seen, limit }).await?;
                Ok(ids.into_iter().map(|id| (id, None)).collect())
            }
        }
    }

    fn query(&self, viewer: &Viewer, object: &'static Object) -> Result<ListQuery> {
        let Which::Matching { filters, words, trash, .. } = self else {
            return ListQuery::of_filters(viewer, object, &[]);
        };
        Ok(ListQuery { words: words.clone(), trash: *trash, ..ListQuery::of_filters(viewer, object, filters)? })
    }
}

/// Work on many records, as somebody wants it done.
pub struct Wish {
    pub object: &'static Object,
    pub work: Work,
    pub which: Which,
    /// Everything is tried, and nothing kept.
    pub dry_run: bool,
    /// The list on which the person was.
    pub from: String,
}

impl Wish {
    /// How many records it is about.
    pub async fn total(&self, app: &App, viewer: &Viewer) -> Result<i64> {
        match &self.which {
            Which::Named(chosen) => Ok(chosen.len() as i64),
            Which::Matching { seen, .. } => {
                let query = self.which.query(viewer, self.object)?;
                let today = viewer.config.today(Instant(*seen));
                let question = Question { viewer, object: self.object, query: &query, today };
                let (count, _) = question.count_all(&mut app.db.read().await?, Right::Write).await?;
                Ok(count)
            }
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    pub object: String,
    /// The door through which it was ordered: `page` or `api`.
    via: String,
    pub dry_run: bool,
    pub from: String,
    pub what: What,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum What {
    Work(Work, Which),
    /// What that job did is undone.
    Undo(Uuid),
}

impl Order {
    fn of(job: &Job) -> Result<Order> {
        serde_json::from_str(&job.payload).map_err(|error| Error::Internal(format!("job {}: {error}", job.id)))
    }

    /// Of a text that may be cut: what is ordered, without the records that are named. `None`: that is not all there, or it is no
    /// order that this program knows.
    fn of_head(text: &str) -> Option<Order> {
        const NAMED: &str = "{\"Named\":[";
        serde_json::from_str(text).ok().or_else(|| {
            // In what somebody typed a quotation mark has a backslash before it.
            let (head, _) = text.split_once(NAMED)?;
            serde_json::from_str(&[head, NAMED, "]}]}}"].concat()).ok()
        })
    }

    fn via(&self) -> &'static str {
        if self.via == "api" { "api" } else { "page" }
    }
}

/// Tries the first of the records and keeps nothing: a value that no record can have is told before anything is queued.
pub async fn try_out(
    app: &App,
    viewer: &Viewer,
    via: &'static str,
    wish: &Wish,
) -> Result<Vec<(Uuid, Vec<FieldError>)>> {
    let object = wish.object;
    let (mut tx, actor) = app.write_as(viewer, via).await?;
    let first = wish.which.next(&mut tx, viewer, object, Uuid::nil(), TRIED as i64).await?;
    let outcome = bulk::run(&mut tx, &actor, object, &first, &wish.work, source(via)).await?;
    Ok(if outcome.changed.is_empty() { outcome.wrong } else { Vec::new() })
}

/// Forms carry other inputs too; what a program says is taken by the letter.
fn source(via: &str) -> Source {
    if via == "api" { Source::Strict } else { Source::Form }
}

/// Queues the work in the caller's transaction; the caller wakes the jobs.
pub async fn order(tx: &mut Tx, actor: &Actor, wish: Wish, total: i64) -> Result<Uuid> {
    let order = Order {
        object: wish.object.name.into(),
        via: actor.via.into(),
        dry_run: wish.dry_run,
        from: wish.from,
        what: What::Work(wish.work, wish.which),
    };
    enqueue(tx, actor, &order, total).await
}

/// Queues the undoing of what a job of this person did.
///
/// Errors: when that was so long ago that the job is forgotten.
pub async fn order_undo(tx: &mut Tx, actor: &Actor, object: &'static Object, of: Uuid, from: &str) -> Result<Uuid> {
    // Held: it is forgotten, its portions with it, before this or not while it is undone.
    if !job::hold(tx, of).await? {
        return Err(Error::Refused { status: 404, key: "error-undo-too-old" });
    }
    let undone = job::find(tx, of).await?.ok_or(Error::NotFound)?;
    let total = Place::of(&undone).touched as i64;
    let order = Order {
        object: object.name.into(),
        via: actor.via.into(),
        dry_run: false,
        from: from.into(),
        what: What::Undo(of),
    };
    enqueue(tx, actor, &order, total).await
}

async fn enqueue(tx: &mut Tx, actor: &Actor, order: &Order, total: i64) -> Result<Uuid> {
    let payload = serde_json::to_string(order).expect("an order is plain JSON");
    let id = job::enqueue(tx, &actor.clock, KIND, &payload, Some(actor.viewer.person)).await?;
    job::progress(tx, id, actor.now, 0, Some(total), &Place::default().to_text()).await?;
    Ok(id)
}

/// The job that did what the person did at once at that instant, if it was one.
pub async fn behind(session: &mut Session, person: Uuid, object: &Object, at: i64) -> Result<Option<Uuid>> {
    let mut statement = Sql::new(format!("SELECT e.changes FROM event e WHERE e.kind = '{EVENT}' AND e.actor_id = "));
    statement.bind(person).push(" AND e.id >= ").bind(first_id_at(Instant(at))).push(" AND e.at = ").bind(at);
    statement.push(" AND e.subject_type = ").bind(object.name);
    let changes: Option<String> = session.value(statement).await?;
    Ok(changes.and_then(|changes| job_in(&serde_json::from_str::<Vec<Change>>(&changes).unwrap_or_default())))
}

/// The job that such an event names.
pub fn job_in(changes: &[Change]) -> Option<Uuid> {
    changes.iter().find(|change| change.field == JOB)?.new.as_str()?.parse().ok()
}

// ---- how far it is

/// Where a job stands, and what came of it so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    /// The last record that was dealt with; of an undoing, the instant of the last portion.
    after: Uuid,
    before: i64,
    pub done: i64,
    /// Changed; of an undoing, as they were.
    pub changed: i64,
    touched: usize,
    set: BTreeMap<String, Json>,
    /// Not to be changed by this person; of an undoing, changed since.
    pub left: i64,
    /// Changed by somebody else since they were chosen.
    pub stale: i64,
    /// Against a rule.
    pub refused: i64,
    /// The first of these, with what is wrong.
    pub wrong: Vec<(Uuid, Vec<FieldError>)>,
    /// Of so many it is written down what became of them: of none, where an older program did the work.
    #[serde(default)]
    told: i64,
}

impl Default for Place {
    fn default() -> Place {
        Place {
            after: Uuid::nil(),
            before: i64::MAX,
            done: 0,
            changed: 0,
            touched: 0,
            set: BTreeMap::new(),
            left: 0,
            stale: 0,
            refused: 0,
            wrong: Vec::new(),
            told: 0,
        }
    }
}

impl Place {
    pub fn of(job: &Job) -> Place {
        job.cursor.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a place is plain JSON")
    }

    /// Whether the records behind every number are known.
    pub fn is_told(&self) -> bool {
        self.told == self.done
    }

    /// Whether all that were dealt with are not as they were: each has its event.
    pub fn has_touched_all(&self) -> bool {
        self.touched as i64 == self.changed
    }

    /// Behind these records.
    fn behind(&self, chunk: &[Chosen], outcome: &Outcome, refused: Refused) -> Place {
        let mut next = self.clone();
        next.after = chunk.last().map_or(self.after, |(id, _)| *id);
        next.done += chunk.len() as i64;
        next.told += chunk.len() as i64;
        next.changed += outcome.changed.len() as i64;
        next.touched += outcome.touched;
        next.left += outcome.left.len() as i64;
        next.stale += outcome.stale.len() as i64;
        next.refused += refused.len() as i64;
        next.wrong.extend(refused);
        next.wrong.truncate(TOLD);
        if !outcome.set.is_empty() {
            next.set.clone_from(&outcome.set);
        }
        next
    }
}

/// A job as who ordered it may look at it.
pub struct Standing {
    pub job: Job,
    pub order: Order,
    pub object: &'static Object,
    pub place: Place,
}

impl Standing {
    fn of(viewer: &Viewer, job: Job, order: Order) -> Result<Standing> {
        let object = viewer.registry.get(&order.object).ok_or(Error::NotFound)?;
        let place = Place::of(&job);
        Ok(Standing { job, order, object, place })
    }
}

/// Errors: not found unless this person ordered it.
pub async fn find(session: &mut Session, viewer: &Viewer, id: Uuid) -> Result<Standing> {
    let job = job::find(session, id).await?;
    let job = job.filter(|job| job.kind == KIND && job.created_by == Some(viewer.person)).ok_or(Error::NotFound)?;
    let order = Order::of(&job)?;
    Standing::of(viewer, job, order)
}

/// What this person has ordered, newest first, behind a job, without the records that were named; and behind which job there is
/// more. What this program can't read is left out.
pub async fn of_viewer(
    session: &mut Session,
    viewer: &Viewer,
    after: Option<Uuid>,
    limit: i64,
) -> Result<(Vec<Standing>, Option<Uuid>)> {
    let mut jobs = job::of_kind(session, KIND, viewer.person, after, limit + 1).await?;
    let more = jobs.len() as i64 > limit;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| more).map(|last| last.id);
    let mut standing = Vec::new();
    for job in jobs {
        let order = match Order::of_head(&job.payload) {
            // What was typed, or the filter, may be long itself.
            None if job.payload.chars().count() >= job::HEAD => {
                job::find(session, job.id).await?.and_then(|whole| Order::of(&whole).ok())
            }
            order => order,
        };
        let id = job.id;
        match order.ok_or(Error::NotFound).and_then(|order| Standing::of(viewer, job, order)) {
            Ok(one) => standing.push(one),
            Err(_) => tracing::warn!(%id, "a job's order can't be read"),
        }
    }
    Ok((standing, next))
}

// ---- the work

type Refused = Vec<(Uuid, Vec<FieldError>)>;

/// Runs such a job to its end; goes on behind the last finished portion after a crash.
pub async fn run(app: &App, job: &Job) -> Result<Ended> {
    let mut at_work = AtWork::of(app, job)?;
    if job.is_given_up() {
        return at_work.end("cancelled").await;
    }
    match at_work.order.what.clone() {
        What::Work(work, which) => at_work.work(&work, &which).await,
        What::Undo(of) => at_work.take_back(of).await,
    }
}

/// Such a job could not go on: what it has done is written down all the same.
pub async fn fail(app: &App, job: &Job) -> Result<()> {
    let job = job::find(&mut app.db.read().await?, job.id).await?.ok_or(Error::NotFound)?;
    AtWork::of(app, &job)?.end("failed").await.map(drop)
}

struct AtWork<'a> {
    portions: Portions<'a>,
    order: Order,
    object: &'static Object,
    person: Uuid,
    place: Place,
}

impl<'a> AtWork<'a> {
    fn of(app: &'a App, job: &'a Job) -> Result<AtWork<'a>> {
        let order = Order::of(job)?;
        let object = app.registry.get(&order.object).ok_or(Error::NotFound)?;
        let person = job.created_by.ok_or_else(|| Error::Internal("bulk work has somebody who ordered it".into()))?;
        Ok(AtWork { portions: Portions::of(app, job), order, object, person, place: Place::of(job) })
    }

    fn app(&self) -> &'a App {
        self.portions.app
    }

    async fn work(&mut self, work: &Work, which: &Which) -> Result<Ended> {
        loop {
            let viewer = Viewer::of_person(self.app(), self.person).await?;
            let mut session = self.app().db.read().await?;
            let next = which.next(&mut session, &viewer, self.object, self.place.after, LOOKED_UP).await?;
            drop(session);
            if next.is_empty() {
                return self.end("done").await;
            }
            for chunk in next.chunks(CHUNK) {
                if let Some(ended) = self.chunk(work, which, chunk).await? {
                    return Ok(ended);
                }
            }
        }
    }

    async fn chunk(&mut self, work: &Work, which: &Which, chunk: &[Chosen]) -> Result<Option<Ended>> {
        let (app, object, via) = (self.app(), self.object, self.order.via());
        let mut refused: Refused = Vec::new();
        let (mut tx, actor, outcome) = loop {
            let Some(mut tx) = self.portions.begin().await? else { return Ok(Some(Ended::Lost)) };
            let actor = app.actor(&Viewer::writing(app, &mut tx, self.person).await?, via);
            let leave: HashSet<Uuid> = refused.iter().map(|(id, _)| *id).collect();
            let mut wanted: Vec<Chosen> = chunk.iter().filter(|(id, _)| !leave.contains(id)).copied().collect();
            if let Which::Matching { seen, trash: false, .. } = which {
                wanted = as_seen(&mut tx, object, &wanted, Instant(*seen)).await?;
            }
            match bulk::run(&mut tx, &actor, object, &wanted, work, source(via)).await {
                Ok(outcome) if outcome.wrong.is_empty() => break (tx, actor, outcome),
                // Some of it may be written already: the portion is done anew without what breaks a rule.
                Ok(outcome) => refused.extend(outcome.wrong),
                Err(error) => self.portions.again(error)?,
            }
        };
        if self.order.dry_run {
            drop(tx);
            let Some(again) = self.portions.begin().await? else { return Ok(Some(Ended::Lost)) };
            tx = again;
        } else if outcome.touched > 0 {
            let last = new_id(&actor.clock);
            const DONE: &str = "INSERT INTO bulk_chunk (job_id, at, last_id) VALUES ($1, $2, $3)
                ON CONFLICT (job_id, at) DO UPDATE SET last_id = EXCLUDED.last_id";
            tx.execute(sql!(DONE, self.portions.job.id, actor.now, last)).await?;
        }
        let mut fated: Vec<Fated> = Fated::all(&outcome.changed, Fate::Changed).collect();
        fated.extend(Fated::all(&outcome.left, Fate::Left).chain(Fated::all(&outcome.stale, Fate::Stale)));
        fated.extend(refused.iter().map(|(id, errors)| Fated::refused(*id, errors)));
        bulk_outcome::write_down(&mut tx, self.portions.job.id, &fated).await?;
        let next = self.place.behind(chunk, &outcome, refused);
        self.keep(tx, next).await
    }

    /// Undoes portion by portion, the last one first.
    async fn take_back(&mut self, of: Uuid) -> Result<Ended> {
        const NEXT: &str = "SELECT at, last_id FROM bulk_chunk WHERE job_id = $1 AND at < $2 ORDER BY at DESC LIMIT 1";
        loop {
            let next = sql!(NEXT, of, self.place.before);
            let next: Option<(i64, Uuid)> = self.app().db.read().await?.optional(next).await?;
            let Some((at, last)) = next else { return self.end("done").await };
            if let Some(ended) = self.take_back_chunk(Span { at, last: Some(last) }).await? {
                return Ok(ended);
            }
        }
    }

    async fn take_back_chunk(&mut self, span: Span) -> Result<Option<Ended>> {
        let (app, object, via) = (self.app(), self.object, self.order.via());
        let mut leave: HashSet<Uuid> = HashSet::new();
        let (mut tx, undone) = loop {
            let Some(mut tx) = self.portions.begin().await? else { return Ok(Some(Ended::Lost)) };
            let actor = app.actor(&Viewer::writing(app, &mut tx, self.person).await?, via);
            match bulk_undo::undo(&mut tx, &actor, object, span, &leave).await {
                Ok(Undone { refused: Some((id, _)), .. }) => {
                    leave.insert(id);
                }
                Ok(undone) => break (tx, undone),
                Err(error) => self.portions.again(error)?,
            }
        };
        let mut fated: Vec<Fated> = Fated::all(&undone.back, Fate::Changed).collect();
        fated.extend(Fated::all(&undone.left, Fate::Left));
        bulk_outcome::write_down(&mut tx, self.portions.job.id, &fated).await?;
        let mut next = self.place.clone();
        next.before = span.at;
        next.done += fated.len() as i64;
        next.told += fated.len() as i64;
        next.changed += undone.back.len() as i64;
        next.left += undone.left.len() as i64;
        self.keep(tx, next).await
    }

    /// Keeps a portion with the place behind it; ends the work if it was asked to stop.
    async fn keep(&mut self, tx: Tx, next: Place) -> Result<Option<Ended>> {
        let total = self.portions.job.total.map(|total| total.max(next.done));
        let goes_on = self.portions.keep(tx, next.done, total, next.to_text()).await?;
        self.place = next;
        if goes_on { Ok(None) } else { self.end("cancelled").await.map(Some) }
    }

    /// Writes down what was done at once, so that it is found and undone, and that the job is over: both or neither.
    async fn end(&mut self, state: &str) -> Result<Ended> {
        let Some(mut tx) = self.portions.begin().await? else { return Ok(Ended::Lost) };
        if let (What::Work(work, _), false) = (&self.order.what, self.order.dry_run) {
            match Viewer::writing(self.app(), &mut tx, self.person).await {
                Ok(viewer) => {
                    let actor = self.app().actor(&viewer, self.order.via());
                    let (touched, set) = (self.place.touched, self.place.set.clone());
                    let outcome = Outcome { touched, set, ..Outcome::default() };
                    bulk::note(&mut tx, &actor, self.object, work, &outcome, Some(self.portions.job.id)).await?;
                }
                Err(error) if error.will_pass() => return Err(error),
                // Somebody who has left the house undoes nothing any more.
                Err(_) => {}
            }
        }
        self.portions.end(tx, state).await?;
        Ok(if state == "cancelled" { Ended::Cancelled } else { Ended::Done })
    }
}

/// The records with the version that each had at an instant.
async fn as_seen(tx: &mut Tx, object: &'static Object, wanted: &[Chosen], seen: Instant) -> Result<Vec<Chosen>> {
    let mut statement =
        Sql::new(format!("SELECT t.id, t.version, t.updated_at FROM {} t WHERE t.id IN (", object.table));
    statement.bind_list(wanted.iter().map(|(id, _)| *id)).push(")");
    let now: HashMap<Uuid, (i64, i64)> =
        tx.all::<(Uuid, i64, i64)>(statement).await?.into_iter().map(|(id, version, at)| (id, (version, at))).collect();
    let changed: Vec<Uuid> = now.iter().filter(|(_, (_, at))| *at > seen.0).map(|(id, _)| *id).collect();
    let mut then: HashMap<Uuid, i64> = HashMap::new();
    if !changed.is_empty() {
        let mut statement = Sql::new("SELECT e.subject_id, MAX(e.version) FROM event e WHERE e.subject_id IN (");
        statement.bind_list(changed.iter().copied()).push(") AND e.at <= ").bind(seen).push(" GROUP BY e.subject_id");
        then.extend(tx.all::<(Uuid, i64)>(statement).await?);
    }
    let version = |id: &Uuid| match now.get(id) {
        Some((_, at)) if *at > seen.0 => Some(then.get(id).copied().unwrap_or(0)),
        Some((version, _)) => Some(*version),
        None => None,
    };
    Ok(wanted.iter().map(|(id, _)| (*id, version(id))).collect())
}
