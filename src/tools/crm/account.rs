//! Accounts, contacts and products: rules between their fields.

use futures_util::future::BoxFuture;
use store::{Cell, Day, Tx, Uuid, sql};

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Actor, Draft, Loaded};

/// Owner and currency of a new record, unless somebody said otherwise.
pub(super) fn fill_owner(actor: &Actor, draft: &mut Draft, before: Option<&Loaded>) {
    draft.fill(before, "owner", || Cell::Id(actor.viewer.person));
}

pub(super) fn fill_currency(actor: &Actor, draft: &mut Draft, before: Option<&Loaded>) {
    draft.fill(before, "currency", || Cell::Text(actor.viewer.config.base_currency.clone()));
}

/// Nothing was created on a day that is still to come: a deal that was could never be closed, and the figures of a period would
/// count what is not there yet.
pub(super) fn check_created(actor: &Actor, draft: &Draft) -> Result<()> {
    match draft.get("created_on").and_then(Cell::int) {
        Some(day) if day > actor.today.0 => {
            Err(Error::Invalid(vec![FieldError::new("created_on", "invalid-created-ahead").with("day", Day(day))]))
        }
        _ => Ok(()),
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
        fill_currency(actor, draft, before);
        draft.fill(before, "lifecycle", || Cell::Text("prospect".into()));
        if let (Some(before), Some(Cell::Id(parent))) = (before, draft.get("parent"))
            && is_below(tx, *parent, before.id).await?
        {
            return Err(Error::field("parent", "invalid-parent-cycle"));
        }
        if let Some(Cell::Text(code)) = draft.get("credit_code") {
            let taken: Option<Uuid> =
                tx.value(sql!("SELECT id FROM account WHERE credit_code = $1 AND deleted_at IS NULL", code)).await?;
            if taken.is_some_and(|taken| Some(taken) != before.map(|before| before.id)) {
                return Err(Error::Invalid(vec![FieldError::new("credit_code", "invalid-credit-code-taken")]));
            }
        }
        Ok(())
    })
}

/// Whether `account` is `ancestor` or hangs below it.
async fn is_below(tx: &mut Tx, account: Uuid, ancestor: Uuid) -> Result<bool> {
    let mut at = Some(account);
    for _ in 0..50 {
        match at {
            None => return Ok(false),
            Some(id) if id == ancestor => return Ok(true),
            Some(id) => {
                at = tx.value::<Option<Uuid>>(sql!("SELECT parent_id FROM account WHERE id = $1", id)).await?.flatten()
            }
        }
    }
    Ok(true)
}

pub fn prepare_contact<'a>(
    tx: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        // A contact belongs to whoever looks after the account.
        if before.is_none()
            && draft.after(None, "owner").is_null()
            && let Some(Cell::Id(account)) = draft.get("account")
            && let Some(owner) = tx.value::<Uuid>(sql!("SELECT owner_id FROM account WHERE id = $1", *account)).await?
        {
            draft.set("owner", Cell::Id(owner));
        }
        fill_owner(actor, draft, before);
        draft.fill(before, "consent", || Cell::Text("unknown".into()));
        Ok(())
    })
}

pub fn prepare_product<'a>(
    tx: &'a mut Tx,
    actor: &'a Actor,
    draft: &'a mut Draft,
    before: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        fill_currency(actor, draft, before);
        draft.fill(before, "active", || Cell::Int(1));
        if let Some(Cell::Text(code)) = draft.get("code") {
            let taken: Option<Uuid> =
                tx.value(sql!("SELECT id FROM product WHERE code = $1 AND deleted_at IS NULL", code)).await?;
            if taken.is_some_and(|taken| Some(taken) != before.map(|before| before.id)) {
                return Err(Error::field("code", "invalid-code-taken"));
            }
        }
        Ok(())
    })
}
