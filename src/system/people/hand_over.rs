//! Handing over: what a leaving person looks after gets a new owner. A job, because it may be thousands of records; each one
//! goes through the ordinary command, so it has its history. What is finished (won deals, done tasks, past activities) stays
//! with who did it; the closed deals may be shown to the successor, who then knows what the customer bought (decision 0015).

use serde::{Deserialize, Serialize};
use store::job::{self, Ended, Job};
use store::{Cell, Clock, Instant, Session, Sql, Tx, Uuid, sql};

use crate::shell::access::{Access, Level, Role, Rules, Scope};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::portions::Portions;
use crate::shell::record::hung::Expected;
use crate::shell::record::{Actor, Draft, OWNER, Object, Registry, command, share};
use crate::shell::viewer::Viewer;
use crate::system::history::By;

pub const KIND: &str = "hand_over";

/// What is handed over: the kind of record, and which of them are still alive. What comes new stands last: the place of a job at
/// work names its step by number.
const PARTS: [(&str, Alive); 6] = [
    ("account", Alive::Where("")),
    ("contact", Alive::Where("")),
    (DEAL, Alive::Where(" AND stage_kind = 'open'")),
    ("lead", Alive::Where(" AND status NOT IN ('converted', 'unqualified')")),
    ("task", Alive::Where(" AND status = 'open'")),
    ("activity", Alive::Ahead("happened_at")),
];

/// Which records of a kind somebody still has to look after.
#[derive(Clone, Copy)]
enum Alive {
    Where(&'static str),
    /// Those whose time is still to come.
    Ahead(&'static str),
}

impl Alive {
    fn push(self, statement: &mut Sql, now: Instant) {
        match self {
            Alive::Where(condition) => statement.push(condition),
            Alive::Ahead(column) => statement.push(&format!(" AND {column} > ")).bind(now),
        };
    }
}

const DEAL: &str = "opportunity";

/// The closed deals that tell what became of a person's customers: their own, and those of their accounts that were shared with
/// them, as their own predecessor's were. `$1` is the person.
const CLOSED: &str = "
      FROM opportunity o
     WHERE o.deleted_at IS NULL AND o.stage_kind <> 'open'
       AND (o.owner_id = $1
            OR (o.account_id IN (SELECT a.id FROM account a WHERE a.owner_id = $1 AND a.deleted_at IS NULL)
                AND o.id IN (SELECT s.record_id FROM record_share s WHERE s.object = 'opportunity' AND s.person_id = $1)))";

fn objects(registry: &'static Registry) -> impl Iterator<Item = (&'static Object, Alive)> {
    PARTS.iter().filter_map(|(name, alive)| Some((registry.get(name)?, *alive)))
}

/// Who takes over.
#[derive(Debug, Clone, Copy)]
pub struct Successor {
    pub person: Uuid,
    /// The closed deals are shared with them, to read.
    pub sees_closed: bool,
}

#[derive(Serialize, Deserialize)]
struct Order {
    from: Uuid,
    to: Uuid,
    #[serde(default)]
    sees_closed: bool,
}

/// How much a person looks after now, by kind of record. Counts only: an administrator may know how much, not what.
pub async fn counts(
    session: &mut Session,
    registry: &'static Registry,
    person: Uuid,
    now: Instant,
) -> Result<Vec<(&'static Object, i64)>> {
    let mut statement = Sql::default();
    for (index, (object, alive)) in objects(registry).enumerate() {
        statement.push(if index > 0 { " UNION ALL " } else { "" });
        statement.push(&format!("SELECT '{}', COUNT(*) FROM {} WHERE owner_id = ", object.name, object.table));
        statement.bind(person).push(" AND deleted_at IS NULL");
        alive.push(&mut statement, now);
    }
    let rows: Vec<(String, i64)> = session.all(statement).await?;
    Ok(rows.into_iter().filter_map(|(name, count)| Some((registry.get(&name)?, count))).collect())
}

/// How many closed deals a successor could be shown.
pub async fn closed(session: &mut Session, person: Uuid) -> Result<i64> {
    Ok(session.value(sql!(format!("SELECT COUNT(*) {CLOSED}"), person)).await?.unwrap_or(0))
}

/// Queues the hand-over in the caller's transaction.
pub async fn order(tx: &mut Tx, clock: &Clock, by: By, from: Uuid, successor: Successor) -> Result<Uuid> {
    let Successor { person: to, sees_closed } = successor;
    let state: Option<String> =
        tx.value(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", to)).await?;
    if from == to || state.is_none_or(|state| state == "disabled") {
        return Err(Error::Invalid(vec![
            FieldError::new("successor", "invalid-reference").with("value", to.to_string()),
        ]));
    }
    let order =
        serde_json::to_string(&Order { from, to, sees_closed }).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(job::enqueue(tx, clock, KIND, &order, by.person).await?)
}

/// The newest hand-over of a person, for their page.
pub async fn latest(session: &mut Session, person: Uuid) -> Result<Option<(String, i64, Option<i64>)>> {
    let jobs: Vec<(String, String, i64, Option<i64>)> = session
        .all(sql!(
            "SELECT payload, state, done, total FROM job WHERE kind = $1 ORDER BY created_at DESC LIMIT 200",
            KIND
        ))
        .await?;
    Ok(jobs.into_iter().find_map(|(payload, state, done, total)| {
        let order: Order = serde_json::from_str(&payload).ok()?;
        (order.from == person).then_some((state, done, total))
    }))
}

/// The administrator's right for this one purpose.
fn reach(viewer: &Viewer) -> Scope {
    let mut rules = Rules::default();
    for (name, _) in PARTS {
        let access = Access { read: Level::All, write: Level::All, create: false, export: false };
        rules.by_role.insert((Role::Admin, name.to_owned()), access);
    }
    Scope::new(viewer.person, &[Role::Admin], &rules, true)
}

/// A part of the work.
#[derive(Clone, Copy)]
enum Step {
    /// The closed deals are shown to the successor.
    Show,
    /// Records of a kind get their new owner: those that are still alive.
    Give(&'static Object, Alive),
}

/// The closed deals come first, as long as it is told by their owner which accounts are handed over.
fn steps(registry: &'static Registry, order: &Order) -> Vec<Step> {
    let show = order.sees_closed.then_some(Step::Show);
    show.into_iter().chain(objects(registry).map(|(object, alive)| Step::Give(object, alive))).collect()
}

/// Works an order off in portions; goes on behind the last finished one after a crash.
pub async fn run(app: &App, job: &Job) -> Result<Ended> {
    let order: Order = serde_json::from_str(&job.payload).map_err(|error| Error::Internal(error.to_string()))?;
    let total = match job.total {
        Some(total) => total,
        None => how_much(&mut app.db.read().await?, app.registry, &order, job.created_at).await?,
    };
    let steps = steps(app.registry, &order);
    let mut work =
        AtWork { portions: Portions::of(app, job), order, ordered_at: job.created_at, total, done: job.done };
    let (first_step, mut after) = position(job.cursor.as_deref());
    for (index, step) in steps.into_iter().enumerate().skip(first_step) {
        loop {
            match work.portion(index, step, after).await? {
                Portion::Done(last) => after = last,
                Portion::Nothing => break,
                Portion::Ended(ended) => return Ok(ended),
            }
        }
        after = Uuid::nil();
    }
    Ok(Ended::Done)
}

async fn how_much(
    session: &mut Session,
    registry: &'static Registry,
    order: &Order,
    ordered_at: Instant,
) -> Result<i64> {
    let given: i64 = counts(session, registry, order.from, ordered_at).await?.iter().map(|(_, count)| count).sum();
    let shown = if order.sees_closed { closed(session, order.from).await? } else { 0 };
    Ok(given + shown)
}

/// So many records are one transaction.
const PORTION: i64 = 100;

enum Portion {
    /// Behind this record it goes on.
    Done(Uuid),
    /// There is no more of this step.
    Nothing,
    Ended(Ended),
}

struct AtWork<'a> {
    portions: Portions<'a>,
    order: Order,
    /// What was planned for later than this was still to come: whoever left did not do it.
    ordered_at: Instant,
    total: i64,
    done: i64,
}

impl AtWork<'_> {
    /// The next records of a step and the place behind them: one transaction.
    async fn portion(&mut self, index: usize, step: Step, after: Uuid) -> Result<Portion> {
        let (tx, last, done) = loop {
            let Some(mut tx) = self.portions.begin().await? else { return Ok(Portion::Ended(Ended::Lost)) };
            let actor = self.portions.app.actor(&self.viewer(&mut tx).await?, "job");
            match self.hand_over(&mut tx, &actor, step, after).await {
                Ok(Some((last, done))) => break (tx, last, done),
                Ok(None) => return Ok(Portion::Nothing),
                Err(error) => self.portions.again(error)?,
            }
        };
        self.done += done;
        let goes_on = self.portions.keep(tx, self.done, Some(self.total), format!("{index} {last}")).await?;
        Ok(if goes_on { Portion::Done(last) } else { Portion::Ended(Ended::Cancelled) })
    }

    /// Who ordered it, as long as they are an administrator.
    async fn viewer(&self, tx: &mut Tx) -> Result<Viewer> {
        let Portions { app, job, .. } = &self.portions;
        let person = job.created_by.ok_or_else(|| Error::Internal("a hand-over has somebody who ordered it".into()))?;
        let viewer = Viewer::writing(app, tx, person).await?;
        if !viewer.has(Role::Admin) {
            return Err(Error::Forbidden);
        }
        let reach = reach(&viewer);
        Ok(viewer.with_scope(reach))
    }

    /// Hands the next records over, each as far as that can be done: the last of them, and how many it were. `None`: there are none.
    async fn hand_over(&self, tx: &mut Tx, actor: &Actor, step: Step, after: Uuid) -> Result<Option<(Uuid, i64)>> {
        let ids = self.next(tx, step, after).await?;
        let Some(last) = ids.last().copied() else { return Ok(None) };
        let mut done = 0;
        for id in ids {
            let handed_over = match step {
                Step::Show => self.show(tx, actor, id).await,
                Step::Give(object, _) => self.give(tx, actor, object, id).await,
            };
            match handed_over {
                Ok(is_changed) => done += i64::from(is_changed),
                // One record that breaks a rule of today stays behind; the person's page goes on counting it.
                Err(Error::Invalid(errors)) => tracing::warn!(%id, ?errors, "could not be handed over"),
                // Thrown away since it was found.
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some((last, done)))
    }

    async fn next(&self, tx: &mut Tx, step: Step, after: Uuid) -> Result<Vec<Uuid>> {
        let mut statement = match step {
            Step::Show => sql!(format!("SELECT o.id {CLOSED} AND o.id > "), self.order.from),
            Step::Give(object, alive) => {
                let mut statement = Sql::new(format!("SELECT id FROM {} WHERE owner_id = ", object.table));
                statement.bind(self.order.from).push(" AND deleted_at IS NULL");
                alive.push(&mut statement, self.ordered_at);
                statement.push(" AND id > ");
                statement
            }
        };
        statement.bind(after).push(" ORDER BY id LIMIT ").bind(PORTION);
        let ids: Vec<(Uuid,)> = tx.all(statement).await?;
        Ok(ids.into_iter().map(|(id,)| id).collect())
    }

    /// Shares a closed deal with the successor, unless it is theirs or shared with them already.
    async fn show(&self, tx: &mut Tx, actor: &Actor, id: Uuid) -> Result<bool> {
        let deal = actor.registry.get(DEAL).ok_or(Error::NotFound)?;
        let before = command::load_for_write(tx, actor, deal, id).await?;
        let to = self.order.to;
        if before.id_of(OWNER) == Some(to) || share::find(tx, deal, id, to).await?.is_some() {
            return Ok(false);
        }
        share::put(tx, actor, deal, id, to, false, Expected::Any).await?;
        Ok(true)
    }

    /// Makes the successor the owner, unless somebody has given the record away since it was found.
    async fn give(&self, tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid) -> Result<bool> {
        let before = command::load_for_write(tx, actor, object, id).await?;
        if before.id_of(OWNER) != Some(self.order.from) {
            return Ok(false);
        }
        let mut draft = Draft::default();
        draft.set(OWNER, Cell::Id(self.order.to));
        draft.event_kind = Some("handed_over");
        command::update_loaded(tx, actor, object, &before, None, draft).await?;
        Ok(true)
    }
}

/// Where to go on: at which step, behind which id.
fn position(cursor: Option<&str>) -> (usize, Uuid) {
    let parsed = cursor
        .and_then(|cursor| cursor.split_once(' '))
        .and_then(|(step, id)| Some((step.parse().ok()?, id.parse().ok()?)));
    parsed.unwrap_or((0, Uuid::nil()))
}
