//! What is done to people: roles, reporting line, invitation, disabling. Page and command line call the same functions;
//! each writes its event in the caller's transaction. The last active administrator can't go.

use store::{Clock, Day, Session, Tx, Uuid, sql};

use super::{hand_over, invite, write_roles};
use crate::shell::access::Role;
use crate::shell::error::{Error, FieldError, Result};
use crate::system::administrator;
use crate::system::history::{By, Changes, note, refuse_stale};
use crate::system::setup;

/// A person as the commands need them.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Standing {
    pub id: Uuid,
    pub version: i64,
    pub state: String,
    pub has_password: bool,
}

/// The person, locked until the transaction ends.
pub async fn standing(tx: &mut Tx, person: Uuid) -> Result<Standing> {
    const STANDING: &str = "
        SELECT id, version, state, password_hash IS NOT NULL AS has_password
          FROM person WHERE id = $1 AND deleted_at IS NULL /*for update*/";
    tx.optional(sql!(STANDING, person)).await?.ok_or(Error::NotFound)
}

pub async fn roles_of(session: &mut Session, person: Uuid) -> Result<Vec<Role>> {
    let rows: Vec<(String,)> = session.all(sql!("SELECT role FROM person_role WHERE person_id = $1", person)).await?;
    Ok(Role::ALL.into_iter().filter(|role| rows.iter().any(|(key,)| key == role.key())).collect())
}

fn joined(roles: &[Role]) -> String {
    roles.iter().map(|role| role.key()).collect::<Vec<_>>().join(" ")
}

/// Somebody has to be able to let others in: refuses when nobody but `person` is an active administrator. Asked behind
/// [`administrator::lock`]: two who take each other's role at the same moment go one after the other.
async fn keep_an_administrator(tx: &mut Tx, person: Uuid) -> Result<()> {
    const OTHERS: &str = "
        SELECT COUNT(*) FROM person p JOIN person_role r ON r.person_id = p.id
         WHERE r.role = 'admin' AND p.state = 'active' AND p.deleted_at IS NULL AND p.id <> $1";
    match tx.value::<i64>(sql!(OTHERS, person)).await? {
        Some(others) if others > 0 => Ok(()),
        _ => Err(Error::field("roles", "refused-last-admin")),
    }
}

async fn touch(tx: &mut Tx, clock: &Clock, by: By, person: &Standing) -> Result<i64> {
    tx.execute(sql!(
        "UPDATE person SET version = version + 1, updated_at = $2, updated_by = $3 WHERE id = $1",
        person.id,
        clock.now(),
        by.person
    ))
    .await?;
    Ok(person.version + 1)
}

/// Gives a person exactly these roles. In force on the next request, because every request reads them anew.
pub async fn set_roles(
    tx: &mut Tx,
    clock: &Clock,
    by: By,
    person: Uuid,
    seen: Option<i64>,
    roles: &[Role],
) -> Result<()> {
    administrator::lock(tx).await?;
    let standing = standing(tx, person).await?;
    if let Some(seen) = seen {
        refuse_stale(tx, ("person", person), standing.version, seen, |field| field == "roles").await?;
    }
    if roles.is_empty() {
        return Err(Error::field("roles", "refused-no-role"));
    }
    let before = roles_of(tx, person).await?;
    let loses_admin = before.contains(&Role::Admin) && !roles.contains(&Role::Admin);
    if loses_admin && standing.state == "active" {
        keep_an_administrator(tx, person).await?;
    }
    let kept: Vec<Role> = Role::ALL.into_iter().filter(|role| roles.contains(role)).collect();
    let mut changes = Changes::default();
    changes.add("roles", joined(&before), joined(&kept));
    if changes.is_empty() {
        return Ok(());
    }
    write_roles(tx, person, &kept).await?;
    let version = touch(tx, clock, by, &standing).await?;
    note(tx, clock, by, "roles", ("person", person), version, &changes.0).await
}

/// The roles with which a new person begins, for the audit log.
pub async fn note_first_roles(tx: &mut Tx, clock: &Clock, by: By, person: Uuid, roles: &[Role]) -> Result<()> {
    let mut changes = Changes::default();
    changes.add("roles", "", joined(roles));
    note(tx, clock, by, "roles", ("person", person), 1, &changes.0).await
}

/// Who a person reports to from a day on; `None`: to nobody.
#[expect(clippy::too_many_arguments, reason = "one row of history: who, what, from when, by whom")]
pub async fn set_manager(
    tx: &mut Tx,
    clock: &Clock,
    by: By,
    person: Uuid,
    seen: Option<i64>,
    manager: Option<Uuid>,
    from: Day,
    today: Day,
) -> Result<()> {
    let standing = standing(tx, person).await?;
    if let Some(seen) = seen {
        refuse_stale(tx, ("person", person), standing.version, seen, |field| field == "manager").await?;
    }
    if let Some(manager) = manager {
        let state: Option<String> =
            tx.value(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", manager)).await?;
        if state.is_none_or(|state| state == "disabled") {
            return Err(Error::Invalid(vec![
                FieldError::new("manager", "invalid-reference").with("value", manager.to_string()),
            ]));
        }
    }
    const ON_THE_DAY: &str = "
        SELECT manager_id FROM reporting_line
         WHERE person_id = $1 AND from_day <= $2 AND (to_day IS NULL OR to_day >= $2)";
    let before: Option<Uuid> = tx.value(sql!(ON_THE_DAY, person, from)).await?;
    setup::set_manager(tx, clock, person, manager, from, today).await?;
    let mut changes = Changes::default();
    let text = |id: Option<Uuid>| id.map(|id| id.to_string());
    changes.add("manager", text(before), text(manager));
    if !changes.is_empty() {
        changes.add("from_day", serde_json::Value::Null, from.to_string());
    }
    let version = touch(tx, clock, by, &standing).await?;
    note(tx, clock, by, "manager", ("person", person), version, &changes.0).await
}

/// How many links for setting a password were made for a person so far. None is made beside it until the transaction ends.
pub async fn links_made(tx: &mut Tx, person: Uuid) -> Result<i64> {
    standing(tx, person).await?;
    const MADE: &str = "SELECT COUNT(*) FROM event WHERE subject_id = $1 AND kind = 'invited'";
    let made: Option<i64> = tx.value(sql!(MADE, person)).await?;
    Ok(made.unwrap_or(0))
}

/// A fresh link for setting a password; earlier ones no longer work.
pub async fn new_invitation(tx: &mut Tx, clock: &Clock, by: By, person: Uuid) -> Result<String> {
    let standing = standing(tx, person).await?;
    if standing.state == "disabled" {
        return Err(Error::field("", "refused-invite-disabled"));
    }
    let token = invite(tx, person, by.person, clock.now()).await?;
    note(tx, clock, by, "invited", ("person", person), standing.version, &[]).await?;
    Ok(token)
}

/// Closes the house to a person, at once and everywhere: sessions, tokens and open invitations end in this transaction.
/// With a successor, what the person looks after is handed over by a job.
pub async fn disable(
    tx: &mut Tx,
    clock: &Clock,
    by: By,
    person: Uuid,
    successor: Option<hand_over::Successor>,
) -> Result<()> {
    administrator::lock(tx).await?;
    let standing = standing(tx, person).await?;
    if standing.state == "active" && roles_of(tx, person).await?.contains(&Role::Admin) {
        keep_an_administrator(tx, person).await?;
    }
    if let Some(successor) = successor {
        hand_over::order(tx, clock, by, person, successor).await?;
    }
    if standing.state == "disabled" {
        return Ok(());
    }
    tx.execute(sql!("UPDATE person SET state = 'disabled' WHERE id = $1", person)).await?;
    tx.execute(sql!("DELETE FROM session WHERE person_id = $1", person)).await?;
    tx.execute(sql!("DELETE FROM invitation WHERE person_id = $1", person)).await?;
    tx.execute(sql!(
        "UPDATE api_token SET revoked_at = $2 WHERE person_id = $1 AND revoked_at IS NULL",
        person,
        clock.now()
    ))
    .await?;
    let mut changes = Changes::default();
    changes.add("state", standing.state.as_str(), "disabled");
    let version = touch(tx, clock, by, &standing).await?;
    note(tx, clock, by, "disabled", ("person", person), version, &changes.0).await
}

/// Opens the house again. Old sessions and tokens stay ended.
pub async fn enable(tx: &mut Tx, clock: &Clock, by: By, person: Uuid) -> Result<()> {
    let standing = standing(tx, person).await?;
    if standing.state != "disabled" {
        return Ok(());
    }
    let state = if standing.has_password { "active" } else { "invited" };
    tx.execute(sql!("UPDATE person SET state = $2 WHERE id = $1", person, state)).await?;
    let mut changes = Changes::default();
    changes.add("state", "disabled", state);
    let version = touch(tx, clock, by, &standing).await?;
    note(tx, clock, by, "enabled", ("person", person), version, &changes.0).await
}

/// Which of a person's sessions to end.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    One(&'a str),
    AllBut(&'a str),
    All,
}

/// Signs a person out. Returns how many sessions ended.
pub async fn end_sessions(tx: &mut Tx, clock: &Clock, by: By, person: Uuid, which: Which<'_>) -> Result<u64> {
    let standing = standing(tx, person).await?;
    let statement = match which {
        Which::One(hash) => sql!("DELETE FROM session WHERE person_id = $1 AND token_hash = $2", person, hash),
        Which::AllBut(hash) => sql!("DELETE FROM session WHERE person_id = $1 AND token_hash <> $2", person, hash),
        Which::All => sql!("DELETE FROM session WHERE person_id = $1", person),
    };
    let ended = tx.execute(statement).await?;
    if ended > 0 {
        note(tx, clock, by, "sessions_ended", ("person", person), standing.version, &[]).await?;
    }
    Ok(ended)
}
