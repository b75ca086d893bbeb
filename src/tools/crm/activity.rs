//! What happened (calls, meetings, visits, mails, notes) and what is to be done (tasks). Both hang on a deal, a lead, a contact
//! or an account; what hangs on a deal also appears on the account's timeline.

use futures_util::future::BoxFuture;
use store::{Arg, Cell, Tx, Uuid, sql};

use super::account::fill_owner;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Actor, Draft, Loaded};

/// Fills the account in from the deal or contact, so that one account timeline shows everything.
async fn fill_account(tx: &mut Tx, actor: &Actor, draft: &mut Draft, before: Option<&Loaded>) -> Result<()> {
    if !(draft.has("opportunity") || draft.has("contact") || draft.has("account")) {
        return Ok(());
    }
    let mut account = None;
    if let Some(opportunity) = draft.after(before, "opportunity").id() {
        account = account_of(tx, actor, "SELECT account_id FROM opportunity WHERE id = $1", opportunity).await?;
    } else if draft.after(before, "account").is_null()
        && let Some(contact) = draft.after(before, "contact").id()
    {
        account = account_of(tx, actor, "SELECT account_id FROM contact WHERE id = $1", contact).await?;
    }
    if let Some(account) = account {
        draft.set("account", Cell::Id(account));
    }
    Ok(())
}

async fn account_of(tx: &mut Tx, actor: &Actor, select: &str, id: Uuid) -> Result<Option<Uuid>> {
    match actor.accounts.get(&id) {
        Some(account) => Ok(*account),
        None => Ok(tx.value::<Option<Uuid>>(sql!(select, id)).await?.flatten()),
    }
}

pub fn prepare<'a>(
    tx: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        fill_owner(actor, draft, before);
        draft.fill(before, "happened_at", || Cell::Int(actor.now.0));
        if draft.get("happened_at").and_then(Cell::int).is_some_and(|at| at > actor.now.plus_seconds(366 * 86_400).0) {
            return Err(Error::field("happened_at", "invalid-too-far-ahead"));
        }
        fill_account(tx, actor, draft, before).await
    })
}

pub fn prepare_task<'a>(
    tx: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        fill_owner(actor, draft, before);
        draft.fill(before, "priority", || Cell::Text("normal".into()));
        draft.fill(before, "status", || Cell::Text("open".into()));
        if let Some(status) = draft.get("status").and_then(Cell::text) {
            let done_at = (status == "done").then_some(actor.now);
            draft.derived.push(("done_at", Arg::from(done_at)));
        }
        fill_account(tx, actor, draft, before).await
    })
}
