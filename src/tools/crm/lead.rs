//! Leads: somebody who may become a customer. New → working → qualified or unqualified; a qualified lead is converted into
//! account, contact and opportunity in one transaction ([`super::convert`]).

use futures_util::future::BoxFuture;
use store::{Cell, Tx};

use super::account::{check_created, fill_currency, fill_owner};
use crate::shell::error::{Error, Result};
use crate::shell::record::{Actor, Draft, Loaded};

pub fn prepare<'a>(
    _: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        fill_owner(actor, draft, before);
        fill_currency(actor, draft, before);
        check_created(actor, draft)?;
        draft.fill(before, "status", || Cell::Text("new".into()));
        draft.fill(before, "consent", || Cell::Text("unknown".into()));
        draft.fill(before, "created_on", || Cell::Int(actor.today.0));
        check_status(draft, before)?;
        settle_reason(actor, draft, before)
    })
}

/// "Converted" is reached by converting only, and never left.
fn check_status(draft: &Draft, before: Option<&Loaded>) -> Result<()> {
    let was = before.map_or("", |lead| lead.text("status"));
    let now = draft.after(before, "status").text().unwrap_or("");
    if (now == "converted") != (was == "converted") && draft.event_kind != Some("converted") {
        return Err(Error::field("status", "refused-lead-converted"));
    }
    Ok(())
}

/// An unqualified lead says why, as long as it is unqualified; one that is worked again no longer does. What a file says of any
/// other lead is left out.
fn settle_reason(actor: &Actor, draft: &mut Draft, before: Option<&Loaded>) -> Result<()> {
    const REASON: &str = "disqualify_reason";
    let is_unqualified = |status: Option<&str>| status == Some("unqualified");
    if is_unqualified(draft.after(before, "status").text()) {
        if draft.after(before, REASON).is_null() {
            return Err(Error::field(REASON, "refused-lead-reason"));
        }
        return Ok(());
    }
    if draft.get(REASON).is_some_and(|said| !said.is_null()) {
        if actor.import.is_none() {
            return Err(Error::field(REASON, "refused-lead-reason-qualified"));
        }
        draft.remove(REASON);
    }
    if before.is_some_and(|lead| is_unqualified(lead.get("status").text())) {
        draft.set(REASON, Cell::Null);
    }
    Ok(())
}
