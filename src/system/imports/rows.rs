//! One row of a file on its way to a record: which record it is about, what it says, and what would become of it. Nothing in
//! here writes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use store::{Cell, Sql, Tx, Uuid};

use super::model::{Inputs, OnMatch, Plan};
use super::names::Names;
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::config::{Config, StageKind};
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::record::command::{self, Source};
use crate::shell::record::value::{self, Reading};
use crate::shell::record::{Actor, Draft, Kind, Loaded, argument};
use crate::shell::viewer::Viewer;
use paper::sheet::Row;

pub enum Taken {
    New(Draft),
    Changed(Box<Loaded>, Draft),
    /// With the record that stays as it is.
    Skipped(Uuid),
}

/// One row up to the point where it can be written. Writes nothing.
pub async fn take(
    plan: &Plan,
    names: &mut Names,
    tx: &mut Tx,
    actor: &Actor,
    inputs: &Inputs,
    found: Option<&Vec<Uuid>>,
) -> Result<Taken> {
    let object = plan.object;
    let found = match (plan.on_match, found.map(Vec::as_slice)) {
        (OnMatch::Create, _) | (_, None | Some([])) => None,
        (OnMatch::Skip, Some([id, ..])) => return Ok(Taken::Skipped(*id)),
        (OnMatch::Update, Some([id])) => Some(*id),
        (OnMatch::Update, Some(_)) => {
            let key = plan.key.map_or("", |field| field.key);
            let value = inputs.given.get(key).map_or("", String::as_str);
            return Err(Error::Invalid(vec![FieldError::new(key, "invalid-ambiguous").with("value", value)]));
        }
    };
    let before = match found {
        Some(id) => Some(command::load_for_write(tx, actor, object, id).await?),
        None => None,
    };
    let mut texts = inputs.given.clone();
    if before.is_none() {
        for (key, text) in &inputs.defaults {
            texts.entry(key.clone()).or_insert_with(|| text.clone());
        }
    }
    // Every fault of the row at once, not only the first kind.
    let mut errors = names.resolve(tx, actor, object, &mut texts, before.as_ref()).await?;
    if let Some(before) = &before {
        errors.extend(other_currency(plan, actor, inputs, before));
    }
    let draft = match command::read_inputs(object, &actor.viewer, &texts, before.as_ref(), Source::Import) {
        Ok(draft) => draft,
        Err(Error::Invalid(more)) => {
            errors.extend(more.into_iter().map(|error| plan.as_written(error)));
            Draft::default()
        }
        Err(other) => return Err(other),
    };
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    match before {
        None => Ok(Taken::New(command::prepare_new(tx, actor, object, draft, &mut names.known).await?)),
        Some(before) => {
            match command::prepare_change(tx, actor, object, &before, None, draft, &mut names.known).await? {
                Some(draft) => Ok(Taken::Changed(Box::new(before), draft)),
                None => Ok(Taken::Skipped(before.id)),
            }
        }
    }
}

/// A value for all rows says in which currency the amounts of the file are; of a record that stands in another one they would be
/// taken as that.
fn other_currency(plan: &Plan, actor: &Actor, inputs: &Inputs, before: &Loaded) -> Vec<FieldError> {
    let stands = before.get("currency").text().unwrap_or(&actor.viewer.config.base_currency);
    let said = inputs.defaults.get("currency").filter(|said| !said.eq_ignore_ascii_case(stands));
    let Some(said) = said else { return Vec::new() };
    let amounts = plan.object.fields.iter().filter(|field| field.kind == Kind::Money);
    let given = amounts.filter(|field| inputs.given.contains_key(field.key));
    let wrong = |key| FieldError::new(key, "refused-import-currency").with("currency", said).with("stands", stands);
    given.map(|field| wrong(field.key)).collect()
}

/// In how many rows the file leaves open what a deal has to say, so that something is taken for granted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOpen {
    /// New deals without a close date, though a column says it for others.
    pub undated: i64,
    /// Deals that are lost and do not say why.
    pub unreasoned: i64,
}

impl LeftOpen {
    pub fn note(&mut self, plan: &Plan, config: &Config, inputs: &Inputs, draft: &Draft, before: Option<&Loaded>) {
        let is_said = |key: &str| inputs.given.contains_key(key) || inputs.defaults.contains_key(key);
        let is_undated = before.is_none() && plan.column_of("close_date").is_some() && !is_said("close_date");
        self.undated += i64::from(is_undated);
        let stage = draft.get("stage").and_then(Cell::id).and_then(|stage| config.stage(stage));
        let is_lost = stage.is_some_and(|stage| stage.kind == StageKind::Lost);
        self.unreasoned += i64::from(is_lost && draft.after(before, "lost_reason").is_null());
    }

    pub fn add(&mut self, more: LeftOpen) {
        self.undated += more.undated;
        self.unreasoned += more.unreasoned;
    }

    /// In words. `of`: which rows are meant, as the messages are called: all of the file, or those that are shown.
    pub fn texts(&self, locale: Locale, of: &str) -> Vec<String> {
        let counts = [("undated", self.undated), ("unreasoned", self.unreasoned)];
        let told = counts.into_iter().filter(|(_, count)| *count > 0);
        let told = told.map(|(what, count)| {
            locale.text_with(&format!("import-{what}-{of}"), &[("count", &format::grouped(count))])
        });
        told.collect()
    }
}

/// What would become of a row, and how it is read.
pub struct Foreseen {
    pub fate: Fate,
    /// The row before that has the same key.
    pub same_as: Option<i64>,
    /// Its amounts with their currency, by field.
    pub amounts: BTreeMap<&'static str, String>,
}

/// What would become of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    New,
    Changed,
    /// Left as it is: it exists already, or nothing would change.
    Unchanged,
    /// It names a record that is not there yet; it may stand further down in the file.
    Waiting(Vec<FieldError>),
    Refused(Vec<FieldError>),
}

/// The first rows of a file as the import would take them, for the mapping page, and what they leave open. The transaction is
/// dropped.
pub async fn preview(
    app: &App,
    viewer: &Viewer,
    plan: &Plan,
    columns: usize,
    rows: &[Row],
) -> Result<(Vec<Foreseen>, LeftOpen)> {
    // Nothing of it stays: the viewer of the request will do.
    let (mut tx, mut actor) = (app.db.write().await?, app.actor(viewer, "import"));
    actor.import = Some(Uuid::nil());
    actor.import_reason = plan.reason.clone();
    let mut names = Names::default();
    let inputs: Vec<Inputs> = rows.iter().map(|row| plan.inputs(&row.cells)).collect();
    let keys: Vec<Option<String>> = inputs.iter().map(|inputs| key_of(plan, &actor, inputs)).collect();
    names.look_ahead(&mut tx, &actor, plan.object, &inputs).await?;
    let standing = find_by_key(&mut tx, &actor, plan, &keys).await?;
    let mut fates = Vec::with_capacity(rows.len());
    let mut left_open = LeftOpen::default();
    // Keys of rows that would be taken in, with the first of these rows.
    let mut taken_in: HashMap<&str, i64> = HashMap::new();
    for ((row, inputs), key) in rows.iter().zip(&inputs).zip(&keys) {
        let taken = match extra_cells(columns, row) {
            Some(error) => Err(Error::Invalid(vec![error])),
            None => {
                let found = key.as_deref().and_then(|key| standing.get(key));
                take(plan, &mut names, &mut tx, &actor, inputs, found).await
            }
        };
        let key = key.as_deref().filter(|_| plan.on_match != OnMatch::Create);
        let same_as = key.filter(|_| taken.is_ok()).and_then(|key| match taken_in.entry(key) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(row.number as i64);
                None
            }
        });
        match &taken {
            Ok(Taken::New(draft)) if same_as.is_none() => {
                left_open.note(plan, &viewer.config, inputs, draft, None);
            }
            Ok(Taken::Changed(before, draft)) => left_open.note(plan, &viewer.config, inputs, draft, Some(before)),
            _ => {}
        }
        let amounts = match &taken {
            Ok(Taken::New(draft)) => amounts_in(plan, viewer, draft, None),
            Ok(Taken::Changed(before, draft)) => amounts_in(plan, viewer, draft, Some(before)),
            _ => BTreeMap::new(),
        };
        let fate = match taken {
            Ok(Taken::New(_)) if same_as.is_none() => Fate::New,
            // By then the row before has made the record.
            Ok(Taken::New(_)) if plan.on_match == OnMatch::Update => Fate::Changed,
            Ok(Taken::Changed(..)) => Fate::Changed,
            Ok(Taken::New(_) | Taken::Skipped(_)) => Fate::Unchanged,
            Err(error) => {
                let errors = row_errors(error)?;
                if errors.iter().all(|error| may_appear(plan, error)) {
                    Fate::Waiting(errors)
                } else {
                    Fate::Refused(errors)
                }
            }
        };
        fates.push(Foreseen { fate, same_as, amounts });
    }
    Ok((fates, left_open))
}

fn amounts_in(plan: &Plan, viewer: &Viewer, draft: &Draft, before: Option<&Loaded>) -> BTreeMap<&'static str, String> {
    let currency = draft.after(before, "currency").text().unwrap_or(&viewer.config.base_currency);
    let amounts = plan.object.fields.iter().filter(|field| field.kind == Kind::Money);
    let shown = |minor: i64| format::money(minor, currency);
    amounts.filter_map(|field| Some((field.key, shown(draft.after(before, field.key).int()?)))).collect()
}

/// Whether what is missing is of the kind that the file brings, so that it may stand further down.
pub fn may_appear(plan: &Plan, error: &FieldError) -> bool {
    error.key == "invalid-reference"
        && plan.object.field(&error.field).is_some_and(|field| field.kind == Kind::Ref(plan.object.name))
}

/// A row with more cells than headings has slipped: nobody knows which cell belongs where.
pub fn extra_cells(columns: usize, row: &Row) -> Option<FieldError> {
    let extra = row.cells.iter().skip(columns).any(|cell| !cell.trim().is_empty());
    extra.then(|| FieldError::new("", "import-extra-cells").with("count", columns))
}

/// What is wrong with a row; an error that is not the row's fault comes back.
pub fn row_errors(error: Error) -> Result<Vec<FieldError>> {
    match error {
        error if error.is_overtaken() => Err(error),
        Error::Invalid(errors) => Ok(errors),
        Error::Forbidden => Ok(vec![FieldError::new("", "error-forbidden")]),
        Error::NotFound => Ok(vec![FieldError::new("", "import-row-gone")]),
        Error::Refused { key, .. } => Ok(vec![FieldError::new("", key)]),
        other => Err(other),
    }
}

/// The row's key in the form in which it is stored.
pub fn key_of(plan: &Plan, actor: &Actor, inputs: &Inputs) -> Option<String> {
    stored_key(plan, &actor.viewer.config, inputs.given.get(plan.key?.key)?)
}

/// A key in the form in which it is stored; `None`: there is none like that.
pub fn stored_key(plan: &Plan, config: &Config, text: &str) -> Option<String> {
    let field = plan.key?;
    let reading = Reading { zone: &config.zone, currency: &config.base_currency };
    let cell = value::parse(plan.object, field, text, &reading).ok()?;
    Some(value::plain(field, &cell, &config.base_currency, &config.zone))
}

/// The records that the viewer can see under these keys; two are as good as many.
pub async fn find_by_key(
    tx: &mut Tx,
    actor: &Actor,
    plan: &Plan,
    keys: &[Option<String>],
) -> Result<HashMap<String, Vec<Uuid>>> {
    let mut found: HashMap<String, Vec<Uuid>> = HashMap::new();
    let Some(field) = plan.key.filter(|_| plan.on_match != OnMatch::Create) else { return Ok(found) };
    let mut wanted: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let config = &actor.viewer.config;
    for batch in store::batches(&wanted) {
        let mut statement = Sql::new(format!("SELECT t.id, t.{} FROM {} t WHERE ", field.column, plan.object.table));
        if field.sort_column == Some("name_key") {
            // The sort key has the index; the name itself decides.
            statement.push("t.name_key IN (");
            statement.bind_list(batch.iter().map(|key| plan.object.sort_key(key))).push(") AND ");
        }
        let reading = Reading { zone: &config.zone, currency: &config.base_currency };
        let cells = batch.iter().map(|key| value::parse(plan.object, field, key, &reading).unwrap_or(Cell::Null));
        statement.push(&format!("t.{} IN (", field.column));
        statement.bind_list(cells.map(|cell| argument(field, &cell))).push(") AND t.deleted_at IS NULL AND ");
        (plan.object.visible)(&mut statement, &actor.viewer.scope, Right::Read, "t");
        for store::Cells(cells) in tx.all::<store::Cells>(statement).await? {
            let [Cell::Id(id), cell] = cells.as_slice() else { continue };
            let key = value::plain(field, cell, &config.base_currency, &config.zone);
            found.entry(key).or_default().push(*id);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_record_is_gone_says_so_and_nothing_of_an_address() {
        let errors = row_errors(Error::NotFound).expect("it is the row's fault");
        let texts = Locale::ALL.map(|locale| errors.iter().map(|error| error.text(locale)).collect::<Vec<_>>());
        let expected = [
            "The record of this row is gone: it was deleted, or you may no longer see it.",
            "该行对应的数据已不存在：可能已被删除，或者您已无权查看。",
        ];
        assert_eq!(texts.concat(), expected);
    }
}
