//! The team of an account: colleagues who work on it beside its owner, each with what they do there. Who is on the team sees the
//! account and changes it as its owner does ([`super::visibility`]); who may share the account says who is on it.

use serde_json::json;
use store::event::Change;
use store::{Session, Tx, Uuid, sql};

use super::objects::ACCOUNT;
use crate::shell::access::Right;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::hung::{Expected, first_version};
use crate::shell::record::{Actor, command, query, share};
use crate::shell::viewer::Viewer;

/// How the team stands in the history: who came, or went.
pub const TEAM_MEMBER: &str = "team_member";

/// So long may the words about what somebody does on the team be.
pub const DUTY: usize = 60;

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Member {
    pub person_id: Uuid,
    pub person_name: String,
    pub duty: Option<String>,
    pub version: i64,
}

const MEMBERS: &str = "
    SELECT m.person_id, p.name AS person_name, m.duty, m.version FROM account_team m JOIN person p ON p.id = m.person_id
     WHERE m.account_id = $1 ORDER BY p.name_key, p.id";

/// Who is on the team of an account that the caller has shown to be visible.
pub async fn of_visible(session: &mut Session, account: Uuid) -> Result<Vec<Member>> {
    Ok(session.all(sql!(MEMBERS, account)).await?)
}

/// Who is on the team. Whoever may read the account may know.
pub async fn of_account(session: &mut Session, viewer: &Viewer, account: Uuid) -> Result<Vec<Member>> {
    if !query::allowed(session, viewer, &ACCOUNT, account, Right::Read).await? {
        return Err(Error::NotFound);
    }
    of_visible(session, account).await
}

/// One of the team of an account that the caller has shown to be visible.
pub async fn find(session: &mut Session, account: Uuid, person: Uuid) -> Result<Option<Member>> {
    Ok(of_visible(session, account).await?.into_iter().find(|member| member.person_id == person))
}

/// Puts a person on the team, or says anew what they do there, if that is as the actor expects it to be.
pub async fn put(
    tx: &mut Tx,
    actor: &Actor,
    account: Uuid,
    person: Uuid,
    duty: Option<&str>,
    expected: Expected,
) -> Result<Member> {
    let record = share::load_to_share(tx, actor, &ACCOUNT, account).await?;
    let duty = duty.map(str::trim).filter(|duty| !duty.is_empty());
    if duty.is_some_and(|duty| duty.chars().count() > DUTY || duty.chars().any(char::is_control)) {
        return Err(Error::Invalid(vec![FieldError::new("duty", "invalid-too-long").with("max", DUTY)]));
    }
    let before = find(tx, account, person).await?;
    if let Some(member) = before.as_ref().filter(|member| member.duty.as_deref() == duty) {
        return Ok(member.clone());
    }
    expected.check(before.as_ref().map(|member| member.version))?;
    match before {
        Some(_) => {
            let update =
                "UPDATE account_team SET duty = $3, version = version + 1 WHERE account_id = $1 AND person_id = $2";
            tx.execute(sql!(update, account, person, duty)).await?;
        }
        None => {
            share::check_colleague(tx, person).await?;
            let insert = "INSERT INTO account_team (account_id, person_id, duty, version) VALUES ($1, $2, $3, $4)";
            tx.execute(sql!(insert, account, person, duty, first_version(actor))).await?;
        }
    }
    let change = Change { field: TEAM_MEMBER.into(), old: json!(null), new: json!(person) };
    command::note(tx, actor, &ACCOUNT, &record, "team_joined", change).await?;
    find(tx, account, person).await?.ok_or(Error::NotFound)
}

pub async fn remove(tx: &mut Tx, actor: &Actor, account: Uuid, person: Uuid, expected: Expected) -> Result<()> {
    let record = share::load_to_share(tx, actor, &ACCOUNT, account).await?;
    let member = find(tx, account, person).await?.ok_or(Error::NotFound)?;
    expected.check(Some(member.version))?;
    let delete = "DELETE FROM account_team WHERE account_id = $1 AND person_id = $2";
    tx.execute(sql!(delete, account, person)).await?;
    let change = Change { field: TEAM_MEMBER.into(), old: json!(person), new: json!(null) };
    command::note(tx, actor, &ACCOUNT, &record, "team_left", change).await
}
