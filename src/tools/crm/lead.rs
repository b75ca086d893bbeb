//! Leads: somebody who may become a customer. New → working → qualified or unqualified; a qualified lead is converted into
//! account, contact and opportunity in one transaction ([`super::convert`]).

use futures_util::future::BoxFuture;
use store::{Cell, Tx};

use super::account::{fill_currency, fill_owner};
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
        draft.fill(before, "status", || Cell::Text("new".into()));
        draft.fill(before, "consent", || Cell::Text("unknown".into()));
        draft.fill(before, "created_on", || Cell::Int(actor.today.0));
        check_status(draft, before)
    })
}

/// "Converted" is reached by converting only, and never left; "unqualified" says why.
fn check_status(draft: &Draft, before: Option<&Loaded>) -> Result<()> {
    let was = before.map_or("", |lead| lead.text("status"));
    let now = draft.after(before, "status").text().unwrap_or("").to_owned();
    if (now == "converted") != (was == "converted") && draft.event_kind != Some("converted") {
        return Err(Error::field("status", "refused-lead-converted"));
    }
    if now == "unqualified" && draft.after(before, "disqualify_reason").is_null() {
        return Err(Error::field("disqualify_reason", "refused-lead-reason"));
    }
    Ok(())
}
