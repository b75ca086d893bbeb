//! From the names that a file or a form gives for a reference to ids: id, external id, code, e-mail or exact name. Only what
//! the viewer may see is found. Files ask for the names of many rows at once, because a statement per row and reference
//! would cost more than the rest of the row.

use std::collections::HashMap;

use store::search::sort_key;
use store::{Arg, Cell, Cells, Session, Sql, Uuid};

use super::field::{Field, Kind};
use super::{Actor, Object};
use crate::shell::access::Right;
use crate::shell::config::Stage;
use crate::shell::error::{Error, FieldError, Result};

/// A name to look for, perhaps only among the records of one account, or the stages of one pipeline.
pub type Name = (String, Option<Uuid>);

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    Nothing,
    One(Uuid),
    Several,
}

/// Finds the id behind the text of a reference.
///
/// Errors: `invalid-reference` when nothing visible fits, `invalid-ambiguous` when several do.
pub async fn resolve(
    session: &mut Session,
    actor: &Actor,
    field: &Field,
    text: &str,
    within: Option<Uuid>,
) -> Result<Uuid> {
    let Kind::Ref(target) = field.kind else { return Err(Error::Internal(format!("{} is no reference", field.key))) };
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let behind = match of_settings(actor, target, text, within) {
        Some(behind) => behind,
        None => {
            let name = (text.to_owned(), within);
            behind_names(session, actor, target, &[&name]).await?.map_or(Behind::Nothing, |found| found[0])
        }
    };
    let refused = |key| Err(Error::Invalid(vec![FieldError::new(field.key, key).with("value", text)]));
    match behind {
        Behind::One(id) => Ok(id),
        Behind::Nothing => refused("invalid-reference"),
        Behind::Several => refused("invalid-ambiguous"),
    }
}

/// Stages and pipelines are settings, which are at hand. Stages of several pipelines may have the same name: the one of the
/// pipeline that is named counts, else that of the first pipeline which has it. One that only another pipeline has is found all
/// the same; that it does not fit is said where the deal is written.
fn of_settings(actor: &Actor, target: &str, text: &str, within: Option<Uuid>) -> Option<Behind> {
    let pipelines = &actor.viewer.config.pipelines;
    let key = sort_key(text);
    let id = match target {
        "stage" => {
            let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
            let called: Vec<&Stage> = stages.filter(|stage| sort_key(&stage.name) == key).collect();
            let fitting = called.iter().find(|stage| Some(stage.pipeline) == within);
            fitting.or(called.first()).map(|stage| stage.id)
        }
        "pipeline" => pipelines.iter().find(|pipeline| sort_key(&pipeline.name) == key).map(|pipeline| pipeline.id),
        _ => return None,
    };
    Some(id.map_or(Behind::Nothing, Behind::One))
}

/// The ids behind many names of one kind of record, as far as they can be told together. A name that is missing here must be
/// asked for alone: nothing or several records stand behind it, or it is so common that its records were not all read.
pub async fn resolve_all(
    session: &mut Session,
    actor: &Actor,
    target: &str,
    names: &[&Name],
) -> Result<HashMap<Name, Uuid>> {
    let mut ids = HashMap::with_capacity(names.len());
    if matches!(target, "stage" | "pipeline") {
        return Ok(ids);
    }
    for batch in store::batches(names) {
        let Some(found) = behind_names(session, actor, target, batch).await? else { continue };
        for (name, behind) in batch.iter().zip(found) {
            if let Behind::One(id) = behind {
                ids.insert(Name::clone(name), id);
            }
        }
    }
    Ok(ids)
}

/// A record that may stand behind one of the names.
struct Candidate {
    id: Uuid,
    account: Option<Uuid>,
    /// What it is called, in the order of `columns`.
    called: Vec<Cell>,
}

/// What stands behind each of the names; `None` when their records are too many to be read.
async fn behind_names(
    session: &mut Session,
    actor: &Actor,
    target: &str,
    names: &[&Name],
) -> Result<Option<Vec<Behind>>> {
    let Some(object) = actor.registry.get(target) else { return Ok(Some(vec![Behind::Nothing; names.len()])) };
    let columns = columns_of(object);
    let in_account = object.field("account").is_some();
    let limit = if names.len() == 1 { 2 } else { 10 * names.len() };
    let accounts: Vec<Option<Uuid>> = names.iter().map(|(_, account)| *account).collect();
    let within = in_account && accounts.iter().all(Option::is_some);
    // A part for each column, each with its index: an OR over them made SQLite read the whole table.
    let mut statement = Sql::new("WITH named AS MATERIALIZED (");
    for (index, column) in columns.iter().enumerate() {
        statement.push(if index > 0 { " UNION " } else { "" });
        statement.push(&format!("SELECT n.id FROM {} n WHERE n.deleted_at IS NULL AND ", object.table));
        if index == 0 && object.title_field().sort_column == Some("name_key") {
            // The key narrows by index; the name itself decides.
            statement.push("n.name_key IN (").bind_list(names.iter().map(|(name, _)| sort_key(name))).push(") AND ");
        }
        let written = names.iter().map(|(name, _)| as_stored(column, name));
        statement.push(&format!("n.{column} IN (")).bind_list(written).push(")");
        if within {
            statement.push(" AND n.account_id IN (").bind_list(accounts.iter().map(|account| Arg::from(*account)));
            statement.push(")");
        }
    }
    statement.push(") SELECT t.id, ").push(if in_account { "t.account_id" } else { "NULL" });
    for column in &columns {
        statement.push(", t.").push(column);
    }
    statement.push(&format!(" FROM named CROSS JOIN {} t WHERE t.id = named.id", object.table));
    // People are known to everybody by name; what may be seen of them is another matter.
    if target != "person" {
        statement.push(" AND ");
        (object.visible)(&mut statement, &actor.viewer.scope, Right::Read, "t");
    }
    statement.push(" LIMIT ").bind(limit);
    let rows = session.all::<Cells>(statement).await?;
    if names.len() > 1 && rows.len() == limit {
        return Ok(None);
    }
    let candidates: Vec<Candidate> = rows
        .into_iter()
        .filter_map(|Cells(mut cells)| {
            let called = cells.split_off(2);
            Some(Candidate { id: cells[0].id()?, account: cells[1].id(), called })
        })
        .collect();
    Ok(Some(sort_out(&columns, in_account, names, &candidates)))
}

/// Gives each name its records.
fn sort_out(columns: &[&str], in_account: bool, names: &[&Name], candidates: &[Candidate]) -> Vec<Behind> {
    let mut by_name: HashMap<(usize, &str), Vec<&Candidate>> = HashMap::new();
    for candidate in candidates {
        for (at, called) in candidate.called.iter().enumerate() {
            if let Some(called) = called.text() {
                by_name.entry((at, called)).or_default().push(candidate);
            }
        }
    }
    let mut behind = Vec::with_capacity(names.len());
    for (name, account) in names {
        let mut found = Behind::Nothing;
        for (at, column) in columns.iter().enumerate() {
            let written = as_stored(column, name);
            for candidate in by_name.get(&(at, written.as_str())).into_iter().flatten() {
                let elsewhere = in_account && account.is_some() && candidate.account != *account;
                found = match found {
                    _ if elsewhere => found,
                    Behind::Nothing => Behind::One(candidate.id),
                    Behind::One(id) if id == candidate.id => found,
                    _ => Behind::Several,
                };
            }
        }
        behind.push(found);
    }
    behind
}

/// The columns that a name may stand in, the title first.
fn columns_of(object: &'static Object) -> Vec<&'static str> {
    let mut columns = vec![object.title_field().column];
    let others: &[&'static str] = if object.name == "person" { &["email"] } else { &["external_id", "code"] };
    columns.extend(others.iter().filter(|other| object.field(other).is_some()));
    columns
}

/// People's addresses are stored in lower case.
fn as_stored(column: &str, name: &str) -> String {
    if column == "email" { name.to_lowercase() } else { name.to_owned() }
}
