//! The moves of a deal, a narrow row of `stage_change` each, in the order in which they were made: ids tell it, as a move may be
//! told of the past. A move that is taken back stays, and so does the one that takes it back: both say so, and neither counts.

use store::event::{self, Recorded};
use store::{Instant, Sql, Tx, Uuid, new_id, sql};

use super::objects::OPPORTUNITY;
use crate::shell::error::Result;
use crate::shell::record::{Actor, Draft};

/// A move that is to be kept.
pub struct Move {
    pub deal: Uuid,
    pub from: Option<Uuid>,
    pub to: Uuid,
    pub at: Instant,
    /// Since when the deal had been in the stage that it leaves.
    pub since: Option<Instant>,
    /// What it was worth there in base currency.
    pub amount_base: Option<i64>,
    pub reason: Option<String>,
    pub counts: bool,
}

/// Amount and close date are those of the deal as it now stands.
const INSERT: &str = ") INSERT INTO stage_change
        (id, opportunity_id, from_stage_id, from_kind, from_since, from_amount_base, to_stage_id, to_kind, amount, currency,
         amount_base, close_day, at, by_id, seconds, reason, taken_back_at)
    SELECT m.id, o.id, m.from_stage, m.from_kind, m.from_since, m.from_amount_base, m.to_stage, m.to_kind, o.amount, o.currency,
           o.amount_base, o.close_day, m.at, m.by_id, m.seconds, m.reason, m.taken_back
      FROM moved m CROSS JOIN opportunity o WHERE o.id = m.deal";

pub async fn record(tx: &mut Tx, actor: &Actor, moves: &[Move]) -> Result<()> {
    let config = &actor.viewer.config;
    let kind = |stage: Uuid| config.stage(stage).map_or("open", |stage| stage.kind.key());
    for batch in store::batches(moves) {
        let mut statement = Sql::new(
            "WITH moved (id, deal, from_stage, from_kind, from_since, from_amount_base, to_stage, to_kind, at, by_id, seconds,
                         reason, taken_back) AS (VALUES ",
        );
        for (index, moved) in batch.iter().enumerate() {
            let seconds = moved.since.map_or(0, |since| seconds_between(since, moved.at));
            statement.push(if index == 0 { "(" } else { ", (" }).bind(new_id(&actor.clock));
            statement.push(", ").bind(moved.deal).push(", ").bind(moved.from).push(", ").bind(moved.from.map(kind));
            statement.push(", ").bind(moved.since).push(", ").bind(moved.amount_base);
            statement.push(", ").bind(moved.to).push(", ").bind(kind(moved.to)).push(", ").bind(moved.at);
            statement.push(", ").bind(actor.viewer.person).push(", ").bind(seconds);
            statement.push(", ").bind(moved.reason.clone());
            statement.push(", ").bind((!moved.counts).then_some(actor.now)).push(")");
        }
        statement.push(INSERT);
        tx.execute(statement).await?;
    }
    Ok(())
}

fn seconds_between(from: Instant, to: Instant) -> i64 {
    (to.0 - from.0).max(0) / 1_000_000
}

/// How a deal stood before moves that are to be taken back.
pub struct Standing {
    /// Since when it was in the stage that it goes back to.
    pub since: Instant,
    /// What it was worth in base currency, as far as that is known and of the amount that it has again.
    pub amount_base: Option<i64>,
    moves: Vec<Uuid>,
    /// What is taken back had itself taken a move back: that counts again, by the move that is now made.
    pub is_redone: bool,
}

#[derive(sqlx::FromRow)]
struct Made {
    id: Uuid,
    at: Instant,
    seconds: i64,
    from_since: Option<Instant>,
    from_amount_base: Option<i64>,
    taken_back_at: Option<Instant>,
}

/// How the deal stood at a version, if it has moved since. `draft` puts its fields back.
pub async fn standing_at(tx: &mut Tx, deal: Uuid, version: i64, draft: &Draft) -> Result<Option<Standing>> {
    let events = event::of_subject(tx, OPPORTUNITY.name, deal, version, 500).await?;
    let count = events.iter().filter(|event| event.kind == "stage").count();
    const LAST: &str = "
        SELECT id, at, seconds, from_since, from_amount_base, taken_back_at
          FROM stage_change WHERE opportunity_id = $1 ORDER BY id DESC LIMIT $2";
    let made: Vec<Made> = tx.all(sql!(LAST, deal, count as i64)).await?;
    let (Some(newest), Some(oldest)) = (made.first(), made.last()) else { return Ok(None) };
    let is_price = |key: &str| matches!(key, "amount" | "currency");
    let is_other_amount = events.iter().flat_map(Recorded::changes).any(|change| is_price(&change.field));
    let is_put_back = draft.keys().any(is_price);
    Ok(Some(Standing {
        since: oldest.from_since.unwrap_or_else(|| oldest.at.plus_seconds(-oldest.seconds)),
        amount_base: oldest.from_amount_base.filter(|_| !is_other_amount || is_put_back),
        is_redone: newest.taken_back_at.is_some(),
        moves: made.iter().map(|made| made.id).collect(),
    }))
}

/// From now on the moves since then count no more.
pub async fn take_back(tx: &mut Tx, actor: &Actor, standing: &Standing) -> Result<()> {
    let mut statement = Sql::new("UPDATE stage_change SET taken_back_at = ");
    statement.bind(actor.now).push(" WHERE id IN (").bind_list(standing.moves.iter().copied()).push(")");
    tx.execute(statement).await?;
    Ok(())
}

/// The deal entered the stage in which it is at another time than was kept, and is worth something else since.
pub async fn correct_entry(tx: &mut Tx, deal: Uuid, stage: Uuid, at: Instant) -> Result<()> {
    const ENTRY: &str = "
        SELECT id, at, seconds, from_since, from_amount_base, taken_back_at FROM stage_change
         WHERE opportunity_id = $1 AND to_stage_id = $2 AND taken_back_at IS NULL ORDER BY id DESC LIMIT 1";
    let Some(entry) = tx.optional::<Made>(sql!(ENTRY, deal, stage)).await? else { return Ok(()) };
    let since = entry.from_since.unwrap_or_else(|| entry.at.plus_seconds(-entry.seconds));
    const CORRECT: &str = "
        UPDATE stage_change SET at = $2, seconds = $3,
               amount_base = (SELECT o.amount_base FROM opportunity o WHERE o.id = stage_change.opportunity_id)
         WHERE id = $1";
    tx.execute(sql!(CORRECT, entry.id, at, seconds_between(since, at))).await?;
    Ok(())
}
