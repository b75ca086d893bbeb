//! What happened (calls, meetings, visits, mails, notes) and what is to be done (tasks). Both hang on a deal, a lead, a contact
//! or an account; what hangs on a deal or a contact also appears on the account's timeline.

use futures_util::future::BoxFuture;
use serde_json::json;
use store::event::{self, Change, Event};
use store::{Arg, Cell, Sql, Tx, Uuid, new_id, sql};

use super::account::fill_owner;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Actor, Draft, FOLLOWED, Loaded, Saved};

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

/// What hangs on a deal follows it to another account, with an event each.
pub async fn follow_deal(tx: &mut Tx, actor: &Actor, deal: Uuid, gets: Option<Uuid>) -> Result<()> {
    follow(tx, actor, "opportunity_id = ", deal, gets).await
}

/// What hangs on a contact and nowhere else goes along to the account that the contact gets.
async fn follow_contact(tx: &mut Tx, actor: &Actor, contact: Uuid, gets: Uuid) -> Result<()> {
    follow(tx, actor, "account_id IS NULL AND opportunity_id IS NULL AND contact_id = ", contact, Some(gets)).await
}

/// A contact who so far was nobody's brings along what was said and is to be done.
pub fn after_contact<'a>(tx: &'a mut Tx, actor: &'a Actor, saved: Saved<'a>) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let Saved::Changed(draft, before) = saved else { return Ok(()) };
        match (before.id_of("account"), draft.get("account").and_then(Cell::id)) {
            (None, Some(account)) => follow_contact(tx, actor, before.id, account).await,
            _ => Ok(()),
        }
    })
}

/// Gives the activities and tasks of which this holds another account.
async fn follow(tx: &mut Tx, actor: &Actor, which: &str, of: Uuid, gets: Option<Uuid>) -> Result<()> {
    for kind in ["activity", "task"] {
        let mut statement = Sql::new(format!("SELECT id, version, account_id FROM {kind} WHERE {which}"));
        statement.bind(of).push(" ORDER BY id /*for update*/");
        let hanging: Vec<(Uuid, i64, Option<Uuid>)> = tx.all(statement).await?;
        let moved: Vec<_> = hanging.into_iter().filter(|(_, _, had)| *had != gets).collect();
        for batch in store::batches(&moved) {
            let mut statement = Sql::new(format!("UPDATE {kind} SET version = version + 1, account_id = "));
            statement.bind(gets).push(", updated_at = ").bind(actor.now);
            statement.push(", updated_by = ").bind(actor.viewer.person).push(" WHERE id IN (");
            statement.bind_list(batch.iter().map(|(id, ..)| *id)).push(")");
            tx.execute(statement).await?;
        }
        let changes: Vec<[Change; 1]> = moved
            .iter()
            .map(|(_, _, had)| [Change { field: "account".into(), old: json!(had), new: json!(gets) }])
            .collect();
        let events = moved.iter().zip(&changes).map(|((id, version, _), changes)| Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: FOLLOWED,
            subject_type: kind,
            subject_id: *id,
            account_id: gets,
            version: version + 1,
            changes,
            reason: None,
        });
        event::record_all(tx, &events.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// So long is a subject at most.
const SUBJECT: usize = 200;

/// What nobody gave a subject goes by the first line of its text; the text stays whole.
fn name_by_body(draft: &mut Draft, before: Option<&Loaded>) {
    let body = draft.after(before, "body").text().unwrap_or("");
    let Some(line) = body.lines().map(str::trim).find(|line| !line.is_empty()) else { return };
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let subject = if line.chars().count() > SUBJECT {
        format!("{}…", line.chars().take(SUBJECT - 1).collect::<String>().trim_end())
    } else {
        line
    };
    draft.fill(before, "subject", || Cell::Text(subject));
}

/// What a text says beyond its subject, when that is its first line.
pub fn beyond_subject<'a>(subject: &str, body: &'a str) -> &'a str {
    match body.trim_start().strip_prefix(subject) {
        Some(rest) if rest.is_empty() || rest.starts_with(['\n', '\r']) => rest.trim(),
        _ => body,
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
        name_by_body(draft, before);
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
