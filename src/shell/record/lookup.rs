//! From the names that a file or a form gives for a reference to ids: id, external id, code, e-mail or exact name. Only what
//! the viewer may see is found. Files ask for the names of many rows at once, because a statement per row and reference
//! would cost more than the rest of the row.

use std::collections::HashMap;

use store::search::sort_key;
use store::{Arg, Cell, Cells, Session, Sql, Uuid};

use super::field::{Field, Kind, is_setting};
use super::{Actor, Object};
use crate::shell::access::Right;
use crate::shell::config::{Pipeline, PriceList, Stage, StageKind};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::i18n::Locale;

/// A name to look for, perhaps only among the records of one account, or the stages of one pipeline.
pub type Name = (String, Option<Uuid>);

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    Nothing,
    One(Uuid),
    Several,
}

/// How a title has to be written to be the one that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    JustSo,
    /// Large and small letters make no difference.
    Alike,
}

/// Finds the id behind the text of a reference.
///
/// Errors: `invalid-reference` when nothing visible fits, for settings `invalid-not-among` with those there are;
/// `invalid-ambiguous` when several fit.
pub async fn resolve(
    session: &mut Session,
    actor: &Actor,
    field: &Field,
    text: &str,
    within: Option<Uuid>,
    currency: &str,
    letters: Letters,
) -> Result<Uuid> {
    let Kind::Ref(target) = field.kind else { return Err(Error::Internal(format!("{} is no reference", field.key))) };
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let behind = match of_settings(actor, target, text, within, currency) {
        Some(behind) => behind,
        None => {
            let name = (text.to_owned(), within);
            behind_names(session, actor, target, &[&name], letters).await?.map_or(Behind::Nothing, |found| found[0])
        }
    };
    let refused = |key| FieldError::new(field.key, key).with("value", text);
    match behind {
        Behind::One(id) => Ok(id),
        Behind::Nothing => Err(Error::Invalid(vec![match names_of_settings(actor, target, within, currency) {
            Some(known) => refused("invalid-not-among").with("known", known),
            None => refused("invalid-reference"),
        }])),
        Behind::Several => Err(Error::Invalid(vec![refused("invalid-ambiguous")])),
    }
}

/// What one can choose from is told as a whole, up to what somebody still reads: who corrects a file needs the one that is meant.
pub const MOST_CHOICES: usize = 30;

/// The first of some names, for a message; at most so many.
pub fn enumerated(locale: Locale, names: impl IntoIterator<Item = String>, most: usize) -> String {
    let mut names: Vec<String> = names.into_iter().take(most + 1).collect();
    if names.len() > most {
        names[most] = "…".into();
    }
    names.join(locale.list_comma())
}

/// The stages there are, of one pipeline or of all of them; the pipelines; the price lists of a currency.
fn names_of_settings(actor: &Actor, target: &str, within: Option<Uuid>, currency: &str) -> Option<String> {
    let pipelines = &actor.viewer.config.pipelines;
    let mut names: Vec<String> = Vec::new();
    match target {
        "stage" => {
            let looked_at = pipelines.iter().filter(|pipeline| within.is_none_or(|within| within == pipeline.id));
            for stage in looked_at.flat_map(|pipeline| &pipeline.stages) {
                if !names.contains(&stage.name) {
                    names.push(stage.name.clone());
                }
            }
        }
        "pipeline" => names.extend(pipelines.iter().map(|pipeline| pipeline.name.clone())),
        "price_list" => names.extend(lists_in(actor, currency).map(|list| list.name.clone())),
        _ => return None,
    }
    Some(enumerated(actor.viewer.locale, names, MOST_CHOICES))
}

/// The price lists in force in a currency, the newest first.
fn lists_in<'a>(actor: &'a Actor, currency: &str) -> impl Iterator<Item = &'a PriceList> {
    let lists = actor.viewer.config.price_lists.iter();
    lists.filter(move |list| list.currency == currency && list.is_in_force(actor.today))
}

/// Stages and pipelines are settings, which are at hand. Stages of several pipelines may have the same name: the one of the
/// pipeline that is named counts, else that of the first pipeline which has it. One that only another pipeline has is found all
/// the same; that it does not fit is said where the deal is written.
fn of_settings(actor: &Actor, target: &str, text: &str, within: Option<Uuid>, currency: &str) -> Option<Behind> {
    let pipelines = &actor.viewer.config.pipelines;
    let key = sort_key(text);
    let id = match target {
        "stage" => {
            let stages = pipelines.iter().flat_map(|pipeline| &pipeline.stages);
            let called: Vec<&Stage> = stages.filter(|stage| sort_key(&stage.name) == key).collect();
            let fitting = called.iter().find(|stage| Some(stage.pipeline) == within);
            let end = || end_called(pipelines, text, within);
            let fitting = fitting.copied().or_else(|| within.and_then(|_| end()));
            fitting.or_else(|| called.first().copied()).or_else(end).map(|stage| stage.id)
        }
        "pipeline" => pipelines.iter().find(|pipeline| sort_key(&pipeline.name) == key).map(|pipeline| pipeline.id),
        // Lists of several currencies, and of one year after the other, may be called the same.
        "price_list" => lists_in(actor, currency).find(|list| sort_key(&list.name) == key).map(|list| list.id),
        _ => return None,
    };
    Some(id.map_or(Behind::Nothing, Behind::One))
}

/// What other programs call the ends of their pipelines, in small letters and without signs.
const WON: &[&str] = &["won", "closedwon", "dealwon", "赢单", "已赢单", "关闭赢单", "成交", "已成交"];
const LOST: &[&str] = &["lost", "closedlost", "deallost", "输单", "已输单", "关闭输单", "丢单", "已丢单"];

/// The end of a pipeline that another program calls so: of the one that is named, else of the first. Where there are several
/// such ends, nobody can say which one is meant.
fn end_called<'a>(pipelines: &'a [Pipeline], text: &str, within: Option<Uuid>) -> Option<&'a Stage> {
    let name: String = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let kind = match name.as_str() {
        name if WON.contains(&name) => StageKind::Won,
        name if LOST.contains(&name) => StageKind::Lost,
        _ => return None,
    };
    let pipeline = pipelines.iter().find(|pipeline| within.is_none_or(|within| pipeline.id == within))?;
    let mut ends = pipeline.stages.iter().filter(|stage| stage.kind == kind);
    ends.next().filter(|_| ends.next().is_none())
}

/// The ids behind many names of one kind of record, as far as they can be told together. A name that is missing here must be
/// asked for alone: nothing or several records stand behind it, or it is so common that its records were not all read.
pub async fn resolve_all(
    session: &mut Session,
    actor: &Actor,
    target: &str,
    names: &[&Name],
    letters: Letters,
) -> Result<HashMap<Name, Uuid>> {
    let mut ids = HashMap::with_capacity(names.len());
    if is_setting(target) {
        return Ok(ids);
    }
    for batch in store::batches(names) {
        let Some(found) = behind_names(session, actor, target, batch, letters).await? else { continue };
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

/// What stands behind each of the names; `None` when their records are too many to be read. A record that is written just so goes
/// before one that differs in large and small letters; those are only looked for where there is none, and where that is wanted.
async fn behind_names(
    session: &mut Session,
    actor: &Actor,
    target: &str,
    names: &[&Name],
    letters: Letters,
) -> Result<Option<Vec<Behind>>> {
    let Some(object) = actor.registry.get(target) else { return Ok(Some(vec![Behind::Nothing; names.len()])) };
    // People are few: one look finds them either way.
    let first = if object.name == "person" { Letters::Alike } else { Letters::JustSo };
    let Some(mut behind) = behind_written(session, actor, object, names, first).await? else { return Ok(None) };
    if (first, letters) == (Letters::JustSo, Letters::Alike) && has_name_key(object) {
        let is_open = |at: &usize| behind[*at] == Behind::Nothing && has_two_cases(&names[*at].0);
        let open: Vec<usize> = (0..names.len()).filter(is_open).collect();
        for batch in store::batches(&open) {
            let others: Vec<&Name> = batch.iter().map(|at| names[*at]).collect();
            // Too many to be read together: each will be asked for alone.
            let Some(found) = behind_written(session, actor, object, &others, Letters::Alike).await? else { continue };
            for (at, found) in batch.iter().zip(found) {
                behind[*at] = found;
            }
        }
    }
    Ok(Some(behind))
}

async fn behind_written(
    session: &mut Session,
    actor: &Actor,
    object: &'static Object,
    names: &[&Name],
    letters: Letters,
) -> Result<Option<Vec<Behind>>> {
    let columns = columns_of(object, letters);
    let in_account = object.field("account").is_some();
    let limit = match names.len() {
        1 if letters == Letters::Alike => 500,
        1 => 2,
        many => 10 * many,
    };
    let accounts: Vec<Option<Uuid>> = names.iter().map(|(_, account)| *account).collect();
    let within = in_account && accounts.iter().all(Option::is_some);
    // A part for each column, each with its index: an OR over them made SQLite read the whole table.
    let mut statement = Sql::new("WITH named AS MATERIALIZED (");
    for (index, column) in columns.iter().enumerate() {
        statement.push(if index > 0 { " UNION " } else { "" });
        statement.push(&format!("SELECT n.id FROM {} n WHERE n.deleted_at IS NULL AND ", object.table));
        if index == 0 && has_name_key(object) {
            // The key narrows by index; the name itself decides.
            statement.push("n.name_key IN (").bind_list(names.iter().map(|(name, _)| object.sort_key(name))).push(")");
            statement.push(if letters == Letters::Alike { "" } else { " AND " });
        }
        if index > 0 || letters == Letters::JustSo {
            let written = names.iter().map(|(name, _)| as_stored(column, name));
            statement.push(&format!("n.{column} IN (")).bind_list(written).push(")");
        }
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
    if object.name != "person" {
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
    Ok(Some(sort_out(object, &columns, names, &candidates, letters)))
}

/// Gives each name its records.
fn sort_out(
    object: &Object,
    columns: &[&str],
    names: &[&Name],
    candidates: &[Candidate],
    letters: Letters,
) -> Vec<Behind> {
    let in_account = object.field("account").is_some();
    let folded = |at: usize, name: &str| match at {
        0 if letters == Letters::Alike => name.to_lowercase(),
        _ => name.to_owned(),
    };
    let mut by_name: HashMap<(usize, String), Vec<&Candidate>> = HashMap::new();
    for candidate in candidates {
        for (at, called) in candidate.called.iter().enumerate() {
            if let Some(called) = called.text() {
                by_name.entry((at, folded(at, called))).or_default().push(candidate);
            }
        }
    }
    let mut behind = Vec::with_capacity(names.len());
    for (name, account) in names {
        let mut found = Behind::Nothing;
        for (at, column) in columns.iter().enumerate() {
            let written = as_stored(column, name);
            let fitting = by_name.get(&(at, folded(at, &written))).map_or(&[][..], Vec::as_slice);
            // Of two who differ in nothing but large and small letters the one who is written just so.
            let just_so = |candidate: &&&Candidate| candidate.called[at].text() == Some(&written);
            let only_just_so = fitting.iter().any(|candidate| just_so(&candidate));
            for candidate in fitting.iter().filter(|candidate| !only_just_so || just_so(candidate)) {
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

/// The columns that a name may stand in, the title first. Numbers and codes are what they are, and were looked at before.
fn columns_of(object: &'static Object, letters: Letters) -> Vec<&'static str> {
    let mut columns = vec![object.title_field().column];
    if letters == Letters::Alike && object.name != "person" {
        return columns;
    }
    let others: &[&'static str] = if object.name == "person" { &["email"] } else { &["external_id", "code"] };
    columns.extend(others.iter().filter(|other| object.field(other).is_some()));
    columns
}

/// Whether names of this kind of record have a key, which is the same in large and small letters.
fn has_name_key(object: &Object) -> bool {
    object.title_field().sort_column == Some("name_key")
}

/// Chinese names and numbers are written in one way only.
fn has_two_cases(name: &str) -> bool {
    name.to_lowercase() != name.to_uppercase()
}

/// People's addresses are stored in lower case.
fn as_stored(column: &str, name: &str) -> String {
    if column == "email" { name.to_lowercase() } else { name.to_owned() }
}
