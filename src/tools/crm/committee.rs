//! The buying committee of a deal: the contacts who decide on it, each with the role they play in this deal, which may be another
//! one than elsewhere. Who sees deal and contact sees that they belong together; who may change the deal says so.

use serde_json::{Value as Json, json};
use store::event::Change;
use store::{Session, Sql, Tx, Uuid, sql};

use super::objects::{BUYING_ROLES, CONTACT, OPPORTUNITY};
use crate::shell::access::Right;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::hung::{Expected, first_version};
use crate::shell::record::{Actor, Loaded, command, query};
use crate::shell::viewer::Viewer;

/// How the committee stands in the history: who came or went, and the role they play.
pub const MEMBER: &str = "committee_member";
pub const ROLE: &str = "committee_role";

/// So many contacts at most decide on one deal.
const MOST: usize = 50;

/// One end of the tie, seen from the other.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Tied {
    pub id: Uuid,
    pub name: String,
    /// The job title of a contact, the state of a deal.
    pub hint: Option<String>,
    pub buying_role: Option<String>,
    pub version: i64,
}

/// Whether the viewer may know who belongs to which deal at all.
pub fn is_shown(viewer: &Viewer) -> bool {
    viewer.sees(&OPPORTUNITY, "contact") && viewer.sees(&CONTACT, CONTACT.title)
}

fn role_column(viewer: &Viewer) -> &'static str {
    if viewer.sees(&CONTACT, "buying_role") { "m.buying_role" } else { "CAST(NULL AS TEXT)" }
}

/// The contacts of a deal that the caller has shown to be visible, as far as the viewer sees them.
pub async fn of_deal(session: &mut Session, viewer: &Viewer, deal: Uuid) -> Result<Vec<Tied>> {
    if !is_shown(viewer) {
        return Ok(Vec::new());
    }
    let hint = if viewer.sees(&CONTACT, "job_title") { "c.job_title" } else { "CAST(NULL AS TEXT)" };
    let mut statement = Sql::new(format!(
        "SELECT c.id, c.name, {hint} AS hint, {} AS buying_role, m.version
           FROM opportunity_contact m JOIN contact c ON c.id = m.contact_id WHERE m.opportunity_id = ",
        role_column(viewer)
    ));
    statement.bind(deal).push(" AND c.deleted_at IS NULL AND ");
    (CONTACT.visible)(&mut statement, &viewer.scope, Right::Read, "c");
    statement.push(" ORDER BY c.name_key, c.id");
    Ok(session.all(statement).await?)
}

/// The deals on which a contact decides, as far as the viewer sees them: those that are open, the one that closes first at the
/// top, then what is closed, the latest first.
pub async fn of_contact(session: &mut Session, viewer: &Viewer, contact: Uuid) -> Result<Vec<Tied>> {
    if !is_shown(viewer) {
        return Ok(Vec::new());
    }
    let mut statement = Sql::new(format!(
        "SELECT o.id, o.name, o.stage_kind AS hint, {} AS buying_role, m.version
           FROM opportunity_contact m JOIN opportunity o ON o.id = m.opportunity_id WHERE m.contact_id = ",
        role_column(viewer)
    ));
    statement.bind(contact).push(" AND o.deleted_at IS NULL AND ");
    (OPPORTUNITY.visible)(&mut statement, &viewer.scope, Right::Read, "o");
    statement.push(" ORDER BY CASE WHEN o.stage_kind = 'open' THEN 0 ELSE 1 END");
    // Whoever may not know when a deal closes is not shown an order by it.
    if viewer.sees(&OPPORTUNITY, "close_date") {
        statement.push(", CASE WHEN o.stage_kind = 'open' THEN o.close_day END");
    }
    statement.push(", o.closed_day DESC, o.id LIMIT ").bind(MOST as i64);
    Ok(session.all(statement).await?)
}

/// The deal, if the actor may change who decides on it.
async fn load(tx: &mut Tx, actor: &Actor, deal: Uuid) -> Result<Loaded> {
    let deal = command::load_for_write(tx, actor, &OPPORTUNITY, deal).await?;
    if is_shown(&actor.viewer) { Ok(deal) } else { Err(Error::Forbidden) }
}

/// One of the committee of a deal that the caller has shown to be visible, if the viewer sees them.
pub async fn find(session: &mut Session, viewer: &Viewer, deal: Uuid, contact: Uuid) -> Result<Option<Tied>> {
    Ok(of_deal(session, viewer, deal).await?.into_iter().find(|tied| tied.id == contact))
}

/// Puts a contact on the committee of a deal, or says anew which role they play, if that is as the actor expects it to be.
pub async fn put(
    tx: &mut Tx,
    actor: &Actor,
    deal: Uuid,
    contact: Uuid,
    role: Option<&str>,
    expected: Expected,
) -> Result<Tied> {
    let loaded = load(tx, actor, deal).await?;
    if !query::allowed(tx, &actor.viewer, &CONTACT, contact, Right::Read).await? {
        return Err(Error::Invalid(vec![FieldError::new("contact", "invalid-reference").with("value", contact)]));
    }
    if let Some(role) = role.filter(|role| !BUYING_ROLES.contains(role)) {
        return Err(Error::Invalid(vec![FieldError::new("buying_role", "invalid-choice").with("value", role)]));
    }
    const ROLES: &str = "SELECT contact_id, buying_role, version FROM opportunity_contact WHERE opportunity_id = $1";
    let members: Vec<(Uuid, Option<String>, i64)> = tx.all(sql!(ROLES, deal)).await?;
    let stands = members.iter().find(|(member, ..)| *member == contact);
    let before = stands.map(|(_, role, _)| role.clone());
    // Who may not see roles leaves the one that stands.
    let role =
        if actor.viewer.sees(&CONTACT, "buying_role") { role.map(str::to_owned) } else { before.clone().flatten() };
    if before.as_ref() != Some(&role) {
        expected.check(stands.map(|(.., version)| *version))?;
    }
    match &before {
        Some(had) if *had == role => {}
        Some(had) => {
            const UPDATE: &str = "
                UPDATE opportunity_contact SET buying_role = $3, version = version + 1
                 WHERE opportunity_id = $1 AND contact_id = $2";
            tx.execute(sql!(UPDATE, deal, contact, role.clone())).await?;
            let changes = [member(json!(contact), json!(contact)), played(json!(had), json!(role))];
            command::note_all(tx, actor, &OPPORTUNITY, &loaded, "committee_role", &changes).await?;
        }
        None if members.len() >= MOST => {
            return Err(Error::Invalid(vec![FieldError::new("contact", "invalid-committee-full").with("most", MOST)]));
        }
        None => {
            const INSERT: &str = "
                INSERT INTO opportunity_contact (opportunity_id, contact_id, buying_role, version) VALUES ($1, $2, $3, $4)";
            tx.execute(sql!(INSERT, deal, contact, role.clone(), first_version(actor))).await?;
            let changes = [member(Json::Null, json!(contact)), played(Json::Null, json!(role))];
            command::note_all(tx, actor, &OPPORTUNITY, &loaded, "committee_joined", &changes).await?;
        }
    }
    find(tx, &actor.viewer, deal, contact).await?.ok_or(Error::NotFound)
}

/// Takes a contact off the committee. One whom the actor may not see is not there.
pub async fn remove(tx: &mut Tx, actor: &Actor, deal: Uuid, contact: Uuid, expected: Expected) -> Result<()> {
    let loaded = load(tx, actor, deal).await?;
    let tied = find(tx, &actor.viewer, deal, contact).await?.ok_or(Error::NotFound)?;
    expected.check(Some(tied.version))?;
    const DELETE: &str = "DELETE FROM opportunity_contact WHERE opportunity_id = $1 AND contact_id = $2";
    tx.execute(sql!(DELETE, deal, contact)).await?;
    let changes = [member(json!(contact), Json::Null)];
    command::note_all(tx, actor, &OPPORTUNITY, &loaded, "committee_left", &changes).await
}

fn member(old: Json, new: Json) -> Change {
    Change { field: MEMBER.into(), old, new }
}

fn played(old: Json, new: Json) -> Change {
    Change { field: ROLE.into(), old, new }
}
