//! Where an account stands with us (S24): a prospect becomes a customer with its first won deal, and so does a former customer
//! who buys again. A deal that was called won by mistake takes back what it did. Who sees an account sees this; of the deal behind
//! it they are told nothing.

use std::collections::BTreeSet;

use serde_json::json;
use store::event::{self, Change, Event};
use store::{Sql, Tx, Uuid, new_id, sql};

use super::objects::ACCOUNT;
use crate::shell::error::Result;
use crate::shell::record::{Actor, FOLLOWED};

/// Who is not a customer, and becomes one by buying.
const OTHERS: [&str; 2] = ["prospect", "former"];

/// Makes customers of the accounts whose deals were won.
pub async fn won(tx: &mut Tx, actor: &Actor, accounts: &BTreeSet<Uuid>) -> Result<()> {
    let accounts: Vec<Uuid> = accounts.iter().copied().collect();
    lock(tx, &accounts).await?;
    for from in OTHERS {
        for batch in store::batches(&accounts) {
            put(tx, actor, batch, from, "customer").await?;
        }
    }
    Ok(())
}

/// A deal is no longer won. If it was the only one, and the account's state has not been set since by somebody, the account is
/// again what it was before.
pub async fn no_longer_won(tx: &mut Tx, actor: &Actor, account: Uuid) -> Result<()> {
    lock(tx, &[account]).await?;
    const WON: &str = "SELECT id FROM opportunity
        WHERE account_id = $1 AND stage_kind = 'won' AND deleted_at IS NULL LIMIT 1";
    if tx.value::<Uuid>(sql!(WON, account)).await?.is_some() {
        return Ok(());
    }
    let events = event::of_subject(tx, ACCOUNT.name, account, 0, 500).await?;
    let last = events
        .iter()
        .find_map(|event| event.changes().into_iter().find(|change| change.field == "lifecycle").map(|c| (event, c)));
    if let Some((event, change)) = last
        && event.kind == FOLLOWED
        && let Some(before) = OTHERS.into_iter().find(|state| change.old == json!(state))
    {
        put(tx, actor, &[account], "customer", before).await?;
    }
    Ok(())
}

/// Two deals of an account that are won and taken back at the same time see each other: one waits here for the other. In the order of
/// ids, so that nobody waits in a circle.
async fn lock(tx: &mut Tx, accounts: &[Uuid]) -> Result<()> {
    for batch in store::batches(accounts) {
        let mut statement = Sql::new("SELECT id FROM account WHERE id IN (");
        statement.bind_list(batch.iter().copied()).push(") ORDER BY id /*for no key update*/");
        tx.all::<(Uuid,)>(statement).await?;
    }
    Ok(())
}

/// Moves those of the accounts that are in one state to another, with an event each.
async fn put(tx: &mut Tx, actor: &Actor, accounts: &[Uuid], from: &str, to: &str) -> Result<()> {
    let mut statement = Sql::new("UPDATE account SET version = version + 1, lifecycle = ");
    statement.bind(to).push(", updated_at = ").bind(actor.now).push(", updated_by = ").bind(actor.viewer.person);
    statement.push(" WHERE deleted_at IS NULL AND lifecycle = ").bind(from).push(" AND id IN (");
    statement.bind_list(accounts.iter().copied()).push(") RETURNING id, version");
    let changed: Vec<(Uuid, i64)> = tx.all(statement).await?;
    let changes = [Change { field: "lifecycle".into(), old: json!(from), new: json!(to) }];
    let events: Vec<Event<'_>> = changed
        .iter()
        .map(|(id, version)| Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: FOLLOWED,
            subject_type: ACCOUNT.name,
            subject_id: *id,
            account_id: Some(*id),
            version: *version,
            changes: &changes,
            reason: None,
        })
        .collect();
    Ok(event::record_all(tx, &events).await?)
}
