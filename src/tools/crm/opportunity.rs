//! Opportunities: a deal moves through the stages of its pipeline. Names of stages are free, their meaning (`open`, `won`,
//! `lost`) is fixed. A move forward needs the evidence that the stages it leaves ask for, or a reason; so does a deal that begins
//! further on, or that goes to another pipeline, as if it came from the front. An import may give one reason for all its rows. A
//! lost deal says why, and a closed one when it was closed. Every move is a narrow row in `stage_change`, written in the same
//! transaction ([`super::moves`]).

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use store::{Arg, Cell, Day, Instant, Tx, Uuid, sql};

use super::account::{check_created, fill_currency, fill_owner};
use super::moves::{self, Move, Standing};
use super::{activity, lifecycle};
use crate::shell::config::{Config, Criterion, Pipeline, Stage, StageKind};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format::{self, LARGEST_AMOUNT};
use crate::shell::prices;
use crate::shell::record::{Actor, Draft, Loaded, Saved, told};

pub fn prepare<'a>(
    tx: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        fill_owner(actor, draft, before);
        fill_currency(actor, draft, before);
        check_created(actor, draft)?;
        if let Some(Cell::Text(reason)) = draft.remove("reason") {
            draft.reason = Some(match actor.import {
                Some(import) => told::by_import(import, Some(&reason)),
                None => reason,
            });
        }
        let config = actor.viewer.config.clone();
        settle_price_list(actor, &config, draft, before)?;
        if before.is_none() {
            fill_amount(tx, actor, draft).await?;
        }
        let stage = settle_stage(&config, draft, before)?;
        let enters = before.is_none_or(|deal| deal.id_of("stage") != Some(stage.id));
        let stood = match (before, draft.takes_back) {
            (Some(deal), Some(version)) if enters => moves::standing_at(tx, deal.id, version, draft).await?,
            _ => None,
        };
        keep_unclosed(actor, draft, stage)?;
        if enters {
            enter_stage(tx, actor, &config, draft, before, stage, stood.as_ref()).await?;
        }
        settle_closing(actor, draft, before, stage, enters)?;
        settle_loss(actor, draft, before, stage, enters)?;
        draft.fill(before, "created_on", || Cell::Int(actor.today.0));
        // Emptied: the stage's own probability counts again.
        draft.fill(before, "probability", || Cell::Int(stage.probability));
        if let (Some(deal), Some(created), true) =
            (before, draft.get("created_on").and_then(Cell::int), actor.import.is_some())
        {
            correct_beginning(actor, draft, deal, Day(created), stage);
        }
        settle_amount(tx, actor, &config, draft, before, stage, stood.as_ref()).await
    })
}

/// A file that corrects the day of creation also corrects since when the deal is in its first stage.
fn correct_beginning(actor: &Actor, draft: &mut Draft, deal: &Loaded, created: Day, stage: &Stage) {
    let zone = &actor.viewer.config.zone;
    let began = deal.int("created_on").map(|day| Instant::start_of(Day(day), zone).0);
    // A closed deal is in its stage since it was closed.
    if began == deal.int("stage_since") && !draft.has("stage") && stage.kind == StageKind::Open {
        draft.derived.push(("stage_since", Arg::from(Instant::start_of(created, zone))));
    }
}

/// The stage after the write; for a new deal the first open one of its pipeline.
fn settle_stage<'c>(config: &'c Config, draft: &mut Draft, before: Option<&Loaded>) -> Result<&'c Stage> {
    let stage = match draft.after(before, "stage").id() {
        Some(id) => config.stage(id).ok_or_else(|| Error::field("stage", "invalid-stage"))?,
        None => {
            let pipeline = match draft.after(before, "pipeline").id() {
                Some(id) => config.pipeline(id),
                None => config.pipelines.first(),
            };
            pipeline.and_then(Pipeline::first_stage).ok_or_else(|| Error::field("pipeline", "invalid-pipeline"))?
        }
    };
    let reached = draft.get("reached_stage").and_then(Cell::id).and_then(|id| config.stage(id));
    if reached.is_some_and(|reached| reached.pipeline != stage.pipeline) {
        return Err(Error::field("reached_stage", "invalid-stage-pipeline"));
    }
    match draft.after(before, "pipeline").id() {
        // A stage of another pipeline means that the deal was not looked at: moving between pipelines is a choice of its own,
        // and names the pipeline too.
        Some(pipeline) if pipeline != stage.pipeline => return Err(Error::field("stage", "invalid-stage-pipeline")),
        Some(_) => {}
        None => draft.set("pipeline", Cell::Id(stage.pipeline)),
    }
    if draft.has("stage") || before.is_none() {
        draft.set("stage", Cell::Id(stage.id));
    }
    Ok(stage)
}

/// What has to hold, and what follows, when a deal enters a stage.
async fn enter_stage(
    tx: &mut Tx,
    actor: &Actor,
    config: &Config,
    draft: &mut Draft,
    before: Option<&Loaded>,
    stage: &Stage,
    stood: Option<&Standing>,
) -> Result<()> {
    // A file that is taken over tells what has happened elsewhere; instead of the evidence it gives one reason for all its rows.
    let told = actor.import.is_some();
    if draft.reason.is_none() {
        let missing = missing_evidence(tx, config, draft, before, stage).await?;
        match (actor.import, &actor.import_reason) {
            _ if missing.is_empty() => {}
            (Some(import), Some(reason)) => draft.reason = Some(told::by_import(import, Some(reason))),
            (Some(_), None) => return Err(Error::Invalid(vec![unexplained(stage, &missing)])),
            (None, _) => return Err(Error::Invalid(missing.iter().map(missing_error).collect())),
        }
    }
    // What stood before a move that is taken back is in the draft, or stands still.
    let is_given = stood.is_some() || draft.get("probability").is_some_and(|given| !given.is_null());
    if !is_given || stage.kind != StageKind::Open {
        draft.set("probability", Cell::Int(stage.probability));
    }
    let was_closed = !draft.after(before, "closed_on").is_null();
    match stage.kind {
        StageKind::Open => draft.set("closed_on", Cell::Null),
        StageKind::Won | StageKind::Lost if was_closed && (stood.is_some() || draft.confirms("closed_on")) => {
            draft.set("closed_on", draft.after(before, "closed_on").clone());
        }
        StageKind::Won | StageKind::Lost if draft.get("closed_on").is_none_or(Cell::is_null) => {
            // Programs that know one date only mean by it, of a closed deal, the day it was closed.
            let day = |key: &str| draft.get(key).and_then(Cell::int);
            let began = draft.after(before, "created_on").int().unwrap_or(i64::MIN);
            let only = day("moved_on").or(day("close_date"));
            let only = only.filter(|day| told && (began..=actor.today.0).contains(day));
            draft.set("closed_on", Cell::Int(only.unwrap_or(actor.today.0)));
        }
        _ => {}
    }
    let closed = draft.get("closed_on").and_then(Cell::int);
    if told && before.is_none() && draft.after(before, "created_on").is_null() {
        // Not known when: then it was not later than this.
        draft.set("created_on", Cell::Int(closed.unwrap_or(actor.today.0).min(actor.today.0)));
    }
    let created = draft.after(before, "created_on").int().unwrap_or(actor.today.0);
    if told && draft.after(before, "close_date").is_null() {
        // Lists from elsewhere often know no expected date: then a deal is expected after the usual length of its pipeline.
        draft.set("close_date", Cell::Int(closed.unwrap_or(created + usual_days(config, stage))));
    }
    let since = match stood {
        Some(stood) => stood.since,
        None => entry(actor, draft, before.is_none().then_some(created)),
    };
    draft.derived.push(("stage_kind", Arg::from(stage.kind.key())));
    draft.derived.push(("stage_since", Arg::from(since)));
    if before.is_some() {
        draft.event_kind = Some("stage");
        draft.reason = reason_of(actor, draft);
    }
    Ok(())
}

/// Only a closed deal has a day of closing. A file tells what has happened elsewhere: of a deal that is open it says nothing by it.
fn keep_unclosed(actor: &Actor, draft: &mut Draft, stage: &Stage) -> Result<()> {
    let is_given = draft.get("closed_on").is_some_and(|day| !day.is_null());
    if stage.kind != StageKind::Open || !is_given {
        return Ok(());
    }
    if actor.import.is_none() {
        return Err(Error::field("closed_on", "refused-closing-not-closed"));
    }
    draft.set("closed_on", Cell::Null);
    Ok(())
}

/// A closed deal keeps a day of closing, which is neither ahead nor before it was created. Who corrects it corrects since when the
/// deal is in its stage.
fn settle_closing(
    actor: &Actor,
    draft: &mut Draft,
    before: Option<&Loaded>,
    stage: &Stage,
    enters: bool,
) -> Result<()> {
    if stage.kind == StageKind::Open {
        return Ok(());
    }
    if draft.get("closed_on").is_some_and(Cell::is_null) {
        if actor.import.is_none() {
            return Err(Error::field("closed_on", "invalid-required"));
        }
        draft.remove("closed_on");
    }
    // What is put back stood before.
    if draft.takes_back.is_none() {
        let given = draft.get("closed_on").and_then(Cell::int);
        if given.is_some_and(|closed| closed > actor.today.0) {
            return Err(Error::field("closed_on", "invalid-closed-ahead"));
        }
        let closed = draft.after(before, "closed_on").int();
        // Deals from before days ahead were refused may be created on one: they can be closed all the same.
        let created = draft.after(before, "created_on").int().unwrap_or(actor.today.0).min(actor.today.0);
        let is_new = draft.has("closed_on") || draft.has("created_on");
        if is_new && closed.is_some_and(|closed| closed < created) {
            return Err(Error::field("closed_on", "invalid-closed-before-created"));
        }
    }
    if let (false, Some(closed)) = (enters, draft.get("closed_on").and_then(Cell::int)) {
        draft.derived.push(("stage_since", Arg::from(closed_at(actor, Day(closed)))));
    }
    Ok(())
}

/// When a deal was closed that was closed on this day: of today it is known to the second.
fn closed_at(actor: &Actor, day: Day) -> Instant {
    if day < actor.today { Instant::start_of(day, &actor.viewer.config.zone) } else { actor.now }
}

/// What is said about a loss.
pub(super) const LOSS: [&str; 2] = ["lost_reason", "lost_note"];

/// A lost deal says why, as long as it is lost; no other deal does, and one that is opened again no longer. A file tells what has
/// happened elsewhere: it is not asked.
fn settle_loss(actor: &Actor, draft: &mut Draft, before: Option<&Loaded>, stage: &Stage, enters: bool) -> Result<()> {
    let told = actor.import.is_some();
    if stage.kind == StageKind::Lost {
        let is_asked = !told && (enters || draft.has("lost_reason"));
        if is_asked && draft.after(before, "lost_reason").is_null() {
            return Err(Error::field("lost_reason", "refused-lost-reason"));
        }
        return Ok(());
    }
    for key in LOSS {
        if !told && draft.get(key).is_some_and(|said| !said.is_null()) {
            return Err(Error::field(key, "refused-loss-not-lost"));
        }
        if enters && !draft.has(key) && !draft.after(before, key).is_null() {
            draft.set(key, Cell::Null);
        }
    }
    Ok(())
}

/// Why a deal moves: what somebody says, else the file that tells it.
fn reason_of(actor: &Actor, draft: &Draft) -> Option<String> {
    draft.reason.clone().or_else(|| actor.import.map(|import| told::by_import(import, None)))
}

/// How long deals usually take from the first stage to the end, by the pipeline's own expectation.
pub(super) fn usual_days(config: &Config, stage: &Stage) -> i64 {
    let stages = config.pipeline(stage.pipeline).map_or(&[][..], |pipeline| &pipeline.stages);
    stages.iter().filter_map(|stage| stage.expected_days).sum::<i64>().max(30)
}

/// When a deal enters its stage: now, but for one that is closed, which was closed on its day, and one that is taken over.
fn entry(actor: &Actor, draft: &Draft, created: Option<i64>) -> Instant {
    match draft.get("closed_on").and_then(Cell::int) {
        _ if actor.import.is_some() => told_entry(actor, draft, created),
        Some(closed) => closed_at(actor, Day(closed)),
        None => actor.now,
    }
}

/// When a deal taken over entered its stage: on the day the file names, else when it was closed, else when it was created.
fn told_entry(actor: &Actor, draft: &Draft, created: Option<i64>) -> Instant {
    let day = |key: &str| draft.get(key).and_then(Cell::int);
    match day("moved_on").or(day("closed_on")).or(created) {
        Some(day) => Instant::start_of(Day(day), &actor.viewer.config.zone).min(actor.now),
        None => actor.now,
    }
}

/// A deal goes by a price list of its currency, which is in force when it is chosen; in another currency it goes by none.
fn settle_price_list(actor: &Actor, config: &Config, draft: &mut Draft, before: Option<&Loaded>) -> Result<()> {
    let Some(list) = draft.after(before, "price_list").id().and_then(|id| config.price_list(id)) else {
        return Ok(());
    };
    let fits = draft.after(before, "currency").text() == Some(&list.currency);
    match draft.has("price_list") {
        true if !fits => {
            let error = FieldError::new("price_list", "refused-price-list-currency");
            Err(Error::Invalid(vec![error.with("currency", &list.currency)]))
        }
        true if !list.is_in_force(actor.today) => Err(Error::field("price_list", "refused-price-list-days")),
        false if !fits => {
            draft.set("price_list", Cell::Null);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A new deal over a product begins with its price, unless somebody says otherwise.
async fn fill_amount(tx: &mut Tx, actor: &Actor, draft: &mut Draft) -> Result<()> {
    let product = draft.get("product").and_then(Cell::id).filter(|_| draft.after(None, "amount").is_null());
    if let Some(product) = product {
        let currency = draft.after(None, "currency").text().unwrap_or("").to_owned();
        let list = draft.after(None, "price_list").id();
        let price = prices::price_of(tx, product, &currency, list, actor.today).await?;
        draft.set("amount", price.map_or(Cell::Null, Cell::Int));
    }
    Ok(())
}

/// The amount in both currencies. While open it is worth today's rate; when closed, the rate of that day for good.
async fn settle_amount(
    tx: &mut Tx,
    actor: &Actor,
    config: &Config,
    draft: &mut Draft,
    before: Option<&Loaded>,
    stage: &Stage,
    stood: Option<&Standing>,
) -> Result<()> {
    if before.is_none() {
        draft.fill(None, "amount", || Cell::Int(0));
    }
    if draft.get("amount").is_some_and(Cell::is_null) {
        draft.set("amount", Cell::Int(0));
    }
    if let (Some(deal), true) = (before, draft.has("currency")) {
        let lines: i64 =
            tx.value(sql!("SELECT COUNT(*) FROM line_item WHERE opportunity_id = $1", deal.id)).await?.unwrap_or(0);
        if lines > 0 {
            return Err(Error::field("currency", "refused-currency-items"));
        }
    }
    let amount = draft.after(before, "amount").int().unwrap_or(0);
    if amount < 0 {
        return Err(Error::field("amount", "invalid-negative"));
    }
    let was_worth = stood.filter(|_| stage.kind != StageKind::Open).and_then(|stood| stood.amount_base);
    if let Some(base) = was_worth {
        draft.derived.push(("amount_base", Arg::from(base)));
        return Ok(());
    }
    let moves = ["amount", "currency", "stage", "closed_on"].iter().any(|key| draft.has(key));
    if moves {
        let currency = draft.after(before, "currency").text().unwrap_or(&config.base_currency);
        let day = match stage.kind {
            StageKind::Open => actor.today,
            _ => Day(draft.after(before, "closed_on").int().unwrap_or(actor.today.0)),
        };
        let base = worth(config, amount, currency, day)?;
        draft.derived.push(("amount_base", Arg::from(base)));
    }
    Ok(())
}

/// What an amount is worth in the base currency on a day. It is bounded as what people type is.
fn worth(config: &Config, amount: i64, currency: &str, day: Day) -> Result<i64> {
    let is_known = currency == config.base_currency || config.rate(currency, day).is_some();
    if !is_known {
        return Err(Error::Invalid(vec![FieldError::new("currency", "invalid-no-rate").with("currency", currency)]));
    }
    let worth = config.to_base(amount, currency, day).filter(|worth| *worth <= LARGEST_AMOUNT);
    worth.ok_or_else(|| {
        let most = format::money(LARGEST_AMOUNT, &config.base_currency);
        Error::Invalid(vec![FieldError::new("amount", "invalid-worth-most").with("most", most)])
    })
}

/// The required criteria of the stages that the deal leaves behind and that nothing speaks for yet.
async fn missing_evidence<'c>(
    tx: &mut store::Session,
    config: &'c Config,
    draft: &Draft,
    before: Option<&Loaded>,
    target: &Stage,
) -> Result<Vec<&'c Criterion>> {
    let from = before.and_then(|deal| deal.id_of("stage")).and_then(|id| config.stage(id));
    // Positions tell what lies between two stages of one pipeline only.
    let from = from.filter(|from| from.pipeline == target.pipeline);
    if from.is_some_and(|from| from.kind == target.kind && from.kind != StageKind::Open) {
        return Ok(Vec::new());
    }
    // Who opens a closed deal again begins at the front: otherwise losing a deal first would be a way around every question.
    // So does a new deal, and one that comes from another pipeline.
    let begin = from.filter(|from| from.kind == StageKind::Open).map(|from| from.position);
    let pipeline = config.pipeline(target.pipeline);
    let left = pipeline.into_iter().flat_map(|pipeline| pipeline.left_behind(begin, target));
    let asked: Vec<&Criterion> =
        left.flat_map(|stage| &stage.criteria).filter(|criterion| criterion.required).collect();
    let given: Vec<(Uuid,)> = match before {
        Some(deal) if !asked.is_empty() => {
            tx.all(sql!("SELECT criterion_id FROM evidence WHERE opportunity_id = $1", deal.id)).await?
        }
        _ => Vec::new(),
    };
    let is_missing = |criterion: &&Criterion| match &criterion.field {
        Some(field) => draft.after(before, field).is_null(),
        None => !given.iter().any(|(id,)| *id == criterion.id),
    };
    Ok(asked.into_iter().filter(is_missing).collect())
}

fn missing_error(criterion: &&Criterion) -> FieldError {
    let field = criterion.field.clone().unwrap_or_else(|| format!("evidence.{}", criterion.id));
    FieldError::new(&field, "refused-evidence-missing").with("criterion", &criterion.name)
}

/// Of a row of a file: it needs a reason, and neither the row nor the import gives one.
fn unexplained(stage: &Stage, missing: &[&Criterion]) -> FieldError {
    let criteria: Vec<&str> = missing.iter().map(|criterion| criterion.name.as_str()).collect();
    let error = FieldError::new("stage", "refused-import-reason").with("stage", &stage.name);
    error.with("criteria", criteria.join("; "))
}

pub fn after_save<'a>(tx: &'a mut Tx, actor: &'a Actor, saved: Saved<'a>) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        match saved {
            Saved::New(deals) => begin(tx, actor, deals).await,
            Saved::Changed(draft, before) => follow(tx, actor, draft, before).await,
            // An import that is taken back never happened. What somebody throws away was won all the same.
            Saved::Deleted(deal) => match won_for(actor, deal).filter(|_| actor.import.is_some()) {
                Some(account) => lifecycle::no_longer_won(tx, actor, account).await,
                None => Ok(()),
            },
            Saved::Restored(deal) => lifecycle::won(tx, actor, &won_for(actor, deal).into_iter().collect()).await,
        }
    })
}

/// The first stages of new deals, and the product they begin with.
async fn begin(tx: &mut Tx, actor: &Actor, deals: &[(&Draft, Uuid)]) -> Result<()> {
    let first: Vec<Move> = deals.iter().flat_map(|(draft, id)| first_moves(actor, draft, *id)).collect();
    moves::record(tx, actor, &first).await?;
    for (draft, id) in deals {
        if let Some(product) = draft.get("product").and_then(Cell::id) {
            let amount = draft.get("amount").and_then(Cell::int).unwrap_or(0);
            super::items::insert_one(tx, actor, *id, product, amount).await?;
        }
    }
    let won = deals.iter().filter(|(draft, _)| kind_after(actor, draft, None) == Some(StageKind::Won));
    let customers = won.filter_map(|(draft, _)| draft.get("account").and_then(Cell::id)).collect();
    lifecycle::won(tx, actor, &customers).await
}

/// A stage that was left, a closing that was on another day, and a beginning that a file tells otherwise.
async fn follow(tx: &mut Tx, actor: &Actor, draft: &Draft, before: &Loaded) -> Result<()> {
    let stage = draft.get("stage").and_then(Cell::id).filter(|stage| before.id_of("stage") != Some(*stage));
    if let Some(stage) = stage {
        leave_stage(tx, actor, draft, before, stage).await?;
    } else if let (Some(closed), Some(stage)) = (draft.get("closed_on").and_then(Cell::int), before.id_of("stage")) {
        moves::correct_entry(tx, before.id, stage, closed_at(actor, Day(closed))).await?;
    }
    if let (Some(created), true) = (draft.get("created_on").and_then(Cell::int), actor.import.is_some()) {
        let began = Instant::start_of(Day(created), &actor.viewer.config.zone);
        tx.execute(sql!(
            "UPDATE stage_change SET at = $2 WHERE opportunity_id = $1 AND from_stage_id IS NULL",
            before.id,
            began
        ))
        .await?;
    }
    let account = draft.after(Some(before), "account").id();
    if account != before.id_of("account") {
        activity::follow_deal(tx, actor, before.id, account).await?;
    }
    follow_account(tx, actor, draft, before).await
}

/// The move to another stage. One that takes others back counts no more than they do, unless they had taken something back
/// themselves: then it counts for that, from when that was on.
async fn leave_stage(tx: &mut Tx, actor: &Actor, draft: &Draft, before: &Loaded, stage: Uuid) -> Result<()> {
    let stood = match draft.takes_back {
        Some(version) => moves::standing_at(tx, before.id, version, draft).await?,
        None => None,
    };
    let at = match &stood {
        None => entry(actor, draft, None),
        Some(stood) if stood.is_redone => stood.since,
        Some(_) => actor.now,
    };
    let moved = Move {
        deal: before.id,
        from: before.id_of("stage"),
        to: stage,
        at,
        since: before.int("stage_since").map(Instant),
        amount_base: before.int("amount_base"),
        reason: reason_of(actor, draft),
        counts: stood.as_ref().is_none_or(|stood| stood.is_redone),
    };
    if let Some(stood) = &stood {
        moves::take_back(tx, actor, stood).await?;
    }
    moves::record(tx, actor, &[moved]).await
}

/// What a deal that was won, or is no longer, means for its account.
async fn follow_account(tx: &mut Tx, actor: &Actor, draft: &Draft, before: &Loaded) -> Result<()> {
    let (account_before, account) = (before.id_of("account"), draft.after(Some(before), "account").id());
    let was_won = kind_after(actor, &Draft::default(), Some(before)) == Some(StageKind::Won);
    let is_won = kind_after(actor, draft, Some(before)) == Some(StageKind::Won);
    if (is_won, account) == (was_won, account_before) {
        return Ok(());
    }
    if let (true, Some(account)) = (was_won, account_before) {
        lifecycle::no_longer_won(tx, actor, account).await?;
    }
    if let (true, Some(account)) = (is_won, account) {
        lifecycle::won(tx, actor, &BTreeSet::from([account])).await?;
    }
    Ok(())
}

/// The account of a won deal.
fn won_for(actor: &Actor, deal: &Loaded) -> Option<Uuid> {
    deal.id_of("account").filter(|_| kind_after(actor, &Draft::default(), Some(deal)) == Some(StageKind::Won))
}

fn kind_after(actor: &Actor, draft: &Draft, before: Option<&Loaded>) -> Option<StageKind> {
    let stage = draft.after(before, "stage").id()?;
    actor.viewer.config.stage(stage).map(|stage| stage.kind)
}

/// A new deal entered its stage when it was created. A deal taken over as closed was open before: in the stage the file
/// names (`reached_stage`), else the first one.
fn first_moves(actor: &Actor, draft: &Draft, deal: Uuid) -> Vec<Move> {
    let config = &actor.viewer.config;
    let Some(stage) = draft.get("stage").and_then(Cell::id).and_then(|id| config.stage(id)) else { return Vec::new() };
    let created = Day(draft.get("created_on").and_then(Cell::int).unwrap_or(actor.today.0));
    let is_told = actor.import.is_some();
    let enter = |from: Option<(Uuid, Instant)>, to: Uuid, at: Instant| Move {
        deal,
        from: from.map(|(stage, _)| stage),
        to,
        at,
        since: from.map(|(_, since)| since),
        amount_base: None,
        reason: reason_of(actor, draft),
        counts: true,
    };
    if stage.kind == StageKind::Open {
        let began = if is_told { Instant::start_of(created, &config.zone) } else { actor.now };
        return vec![enter(None, stage.id, began)];
    }
    let reached = draft.get("reached_stage").and_then(Cell::id).and_then(|id| config.stage(id));
    let first = config.pipeline(stage.pipeline).and_then(Pipeline::first_stage);
    let Some(open) = reached.or(first) else { return Vec::new() };
    let closed = entry(actor, draft, None);
    let began = if is_told || created < actor.today { Instant::start_of(created, &config.zone) } else { actor.now };
    vec![enter(None, open.id, began), enter(Some((open.id, began)), stage.id, closed)]
}
