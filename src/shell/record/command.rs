//! Changing records. Page, API, command line, import and bulk edit all end here: one validation, one authorisation
//! inside the write transaction, one event.

use std::collections::{BTreeMap, HashSet};

use store::event::{self, Change, Event};
use store::search::{self, Words};
use store::{Arg, Cell, Sql, Tx, Uuid, new_id, sql};

use super::field::{Field, Found, Kind, Object, Saved, Write};
use super::value::{self, Reading};
use super::{Actor, Draft, Loaded, OWNER, argument, merge, query};
use crate::shell::access::Right;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format::decimals;
use crate::shell::viewer::Viewer;

/// How much a source of typed texts may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Forms carry other inputs too: keys that are no field are left alone.
    Form,
    /// The API: an unknown or read-only key is an error.
    Strict,
    /// Files that are taken over tell how things came to be: they may also set what is otherwise fixed at creation.
    Import,
}

/// Reads typed texts into a draft, gathering every error.
pub fn read_inputs(
    object: &'static Object,
    viewer: &Viewer,
    inputs: &BTreeMap<String, String>,
    before: Option<&Loaded>,
    source: Source,
) -> Result<Draft> {
    let config = &viewer.config;
    let typed_currency = inputs
        .get("currency")
        .map(|code| code.trim().to_uppercase())
        .filter(|code| crate::shell::format::is_currency(code));
    let standing = before.map(|loaded| loaded.text("currency")).filter(|code| !code.is_empty());
    let currency = typed_currency.as_deref().or(standing).unwrap_or(&config.base_currency).to_owned();
    let reading = Reading { zone: &config.zone, currency: &currency };
    let mut draft = Draft::default();
    let mut errors = Vec::new();
    for (key, text) in inputs {
        let field = viewer.projection(object).find(|field| field.key == key);
        let writable = field.filter(|field| {
            field.write == Write::Always
                || (field.write == Write::OnCreate && (before.is_none() || source == Source::Import))
        });
        let strict = source == Source::Strict;
        match (field, writable) {
            (_, Some(field)) => match value::parse(object, field, text, &reading) {
                Ok(cell) => draft.set(field.key, cell),
                Err(error) => errors.push(error),
            },
            (Some(_), None) if strict => errors.push(FieldError::new(key, "invalid-read-only")),
            (None, _) if strict => errors.push(FieldError::new(key, "invalid-unknown-field")),
            _ => {}
        }
    }
    if errors.is_empty() { Ok(draft) } else { Err(Error::Invalid(errors)) }
}

/// Reads typed texts into the draft of a new record that is written next.
pub async fn read_new(
    object: &'static Object,
    viewer: &Viewer,
    inputs: &BTreeMap<String, String>,
    source: Source,
) -> Result<Draft> {
    let mut draft = read_inputs(object, viewer, inputs, None, source)?;
    // Whoever may make none is refused in the transaction, and costs nothing here.
    if let Some(beforehand) = object.beforehand.filter(|_| viewer.may_create(object.name)) {
        beforehand(&mut draft).await?;
    }
    Ok(draft)
}

/// Makes a record; returns its id.
pub async fn create(tx: &mut Tx, actor: &Actor, object: &'static Object, draft: Draft) -> Result<Uuid> {
    let draft = prepare_new(tx, actor, object, draft, &mut Known::default()).await?;
    let ids = write_new(tx, actor, object, std::slice::from_ref(&draft)).await?;
    Ok(ids[0])
}

/// References that were just shown to exist and to be visible; bulk work need not ask again for every row.
pub type Known = HashSet<(&'static str, Uuid)>;

/// Authorises, completes and checks a new record. Reads, but writes nothing: a draft that is refused here leaves no trace.
pub async fn prepare_new(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    mut draft: Draft,
    known: &mut Known,
) -> Result<Draft> {
    if !actor.viewer.scope.access(object.name).create {
        return Err(Error::Forbidden);
    }
    check_references(tx, actor, object, &draft, known).await?;
    (object.prepare)(tx, actor, &mut draft, None).await?;
    check_required(object, &draft, None)?;
    Ok(draft)
}

/// Writes prepared records with their history and search words; returns their ids. Many at once cost few statements.
pub async fn write_new(tx: &mut Tx, actor: &Actor, object: &'static Object, drafts: &[Draft]) -> Result<Vec<Uuid>> {
    let ids: Vec<Uuid> = drafts.iter().map(|_| new_id(&actor.clock)).collect();
    insert(tx, actor, object, drafts, &ids).await?;
    let saved: Vec<(&Draft, Uuid)> = drafts.iter().zip(ids.iter().copied()).collect();
    (object.after_save)(tx, actor, Saved::New(&saved)).await?;
    let events: Vec<Event<'_>> = drafts
        .iter()
        .zip(&ids)
        .map(|(draft, id)| Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: "created",
            subject_type: object.name,
            subject_id: *id,
            account_id: account_of(object, *id, draft, None),
            version: 1,
            changes: &[],
            reason: draft.reason.as_deref(),
        })
        .collect();
    event::record_all(tx, &events).await?;
    let words: Vec<Words> = drafts.iter().map(|draft| words_of(object, draft, None)).collect();
    let records: Vec<(Uuid, &Words)> = ids.iter().copied().zip(&words).collect();
    search::put_all(tx, object.name, &records).await?;
    Ok(ids)
}

async fn insert(tx: &mut Tx, actor: &Actor, object: &'static Object, drafts: &[Draft], ids: &[Uuid]) -> Result<()> {
    let rows: Vec<(&Draft, &Uuid)> = drafts.iter().zip(ids).collect();
    for batch in store::batches(&rows) {
        // Every row names the same columns, whatever it fills, so that one prepared statement takes them all.
        let given: Vec<Vec<(&'static str, Arg)>> = batch.iter().map(|(draft, _)| columns_of(object, draft)).collect();
        let mut columns: Vec<(&'static str, Arg)> = object
            .fields
            .iter()
            .filter(|field| field.write != Write::Never && !field.is_virtual())
            .map(|field| (field.column, argument(field, &Cell::Null)))
            .collect();
        for (column, value) in given.iter().flatten() {
            if !columns.iter().any(|(known, _)| known == column) {
                columns.push((column, value.emptied()));
            }
        }
        let mut statement = Sql::new(format!(
            "INSERT INTO {} (id, version, created_at, created_by, updated_at, updated_by, import_id",
            object.table
        ));
        for (column, _) in &columns {
            statement.push(", ").push(column);
        }
        statement.push(") VALUES ");
        for (index, ((_, id), given)) in batch.iter().zip(given).enumerate() {
            statement.push(if index == 0 { "(" } else { ", (" });
            statement.bind(**id).push(", 1, ").bind(actor.now).push(", ").bind(actor.viewer.person).push(", ");
            statement.bind(actor.now).push(", ").bind(actor.viewer.person).push(", ").bind(actor.import);
            for (column, empty) in &columns {
                // A column set twice counts once, as the last one said.
                let value = given.iter().rev().find(|(name, _)| name == column).map_or(empty, |(_, value)| value);
                statement.push(", ").bind(value.clone());
            }
            statement.push(")");
        }
        tx.execute(statement).await.map_err(|error| duplicate(object, error))?;
    }
    Ok(())
}

/// The field of a kind that no two records may share.
fn duplicate(object: &Object, error: store::StoreError) -> Error {
    let unique = match object.name {
        "person" => "email",
        "account" => "credit_code",
        "product" => "code",
        _ => "",
    };
    if error.is_unique_violation() { Error::field(unique, "invalid-duplicate") } else { error.into() }
}

/// The columns a draft sets: its fields, what was derived, and the sort key of a name.
fn columns_of(object: &'static Object, draft: &Draft) -> Vec<(&'static str, Arg)> {
    let mut columns: Vec<(&'static str, Arg)> = Vec::new();
    for field in object.fields.iter().filter(|field| !field.is_virtual()) {
        if let Some(cell) = draft.get(field.key) {
            columns.push((field.column, argument(field, cell)));
            if field.sort_column == Some("name_key") {
                columns.push(("name_key", Arg::from(object.sort_key(cell.text().unwrap_or("")))));
            }
        }
    }
    columns.extend(draft.derived.iter().cloned());
    columns
}

/// Changes a record. `version` is the one the person saw; without one (bulk work on the server's own read) the present one counts.
/// Returns the new version.
///
/// Errors: [`Error::Conflict`] when somebody else changed one of the same fields since; other fields merge.
pub async fn update(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    id: Uuid,
    version: Option<i64>,
    draft: Draft,
) -> Result<i64> {
    let before = load_for_write(tx, actor, object, id).await?;
    update_loaded(tx, actor, object, &before, version, draft).await
}

/// The record as it stands, if the viewer may change it. Readable but not theirs to change: forbidden; else not found.
pub async fn load_for_write(tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid) -> Result<Loaded> {
    match query::load(tx, &actor.viewer, object, id, Right::Write, false).await {
        Err(Error::NotFound) if query::allowed(tx, &actor.viewer, object, id, Right::Read).await? => {
            Err(Error::Forbidden)
        }
        other => other,
    }
}

pub async fn update_loaded(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    version: Option<i64>,
    draft: Draft,
) -> Result<i64> {
    // Boxed, because it is large and stands deep within others.
    match Box::pin(prepare_change(tx, actor, object, before, version, draft, &mut Known::default())).await? {
        Some(draft) => write_change(tx, actor, object, before, &draft).await,
        None => Ok(before.version),
    }
}

/// Merges, completes and checks a change. Reads, but writes nothing. `None`: nothing would change.
pub async fn prepare_change(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    version: Option<i64>,
    mut draft: Draft,
    known: &mut Known,
) -> Result<Option<Draft>> {
    keep_unseen(tx, actor, object, before, &mut draft).await?;
    if let Some(version) = version.filter(|version| *version != before.version) {
        merge::merge(tx, actor, object, before, version, &mut draft).await?;
    }
    keep_amounts(actor, object, before, &mut draft)?;
    for key in draft.keys().collect::<Vec<_>>() {
        if draft.get(key) == Some(before.get(key)) && object.field(key).is_some_and(|field| !field.is_virtual()) {
            draft.confirm(key);
        }
    }
    if draft.is_empty() {
        return Ok(None);
    }
    check_owner(tx, actor, object, before, &draft).await?;
    check_references(tx, actor, object, &draft, known).await?;
    (object.prepare)(tx, actor, &mut draft, Some(before)).await?;
    check_required(object, &draft, Some(before))?;
    // The kind's own rules may have left out all that was said.
    let says_nothing = draft.is_empty() && draft.derived.is_empty() && draft.reason.is_none();
    Ok(Some(draft).filter(|_| !says_nothing))
}

/// Why an owner stays who they are.
pub const OWNER_STAYS: &str = "refused-owner";

/// What was shared with somebody, or is theirs to change as one of a team, they neither take nor pass on through its owner.
async fn check_owner(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    draft: &Draft,
) -> Result<()> {
    if draft.has(OWNER) && !query::allowed(tx, &actor.viewer, object, before.id, Right::Give).await? {
        return Err(Error::field(OWNER, OWNER_STAYS));
    }
    Ok(())
}

/// Where only the currency changes, $1,000.00 becomes ¥1,000: the amount that people read stays, not the number of minor units.
/// Whoever doesn't see an amount can't turn its currency, whatever it is: a refusal would tell whether it has cents.
fn keep_amounts(actor: &Actor, object: &'static Object, before: &Loaded, draft: &mut Draft) -> Result<()> {
    let currencies = (before.get("currency").text(), draft.get("currency").and_then(Cell::text));
    let (Some(from), Some(to)) = currencies else { return Ok(()) };
    let is_hidden = |field: &Field| field.kind == Kind::Money && !actor.viewer.sees(object, field.key);
    if from != to && object.fields.iter().any(is_hidden) {
        return Err(Error::field("currency", "refused-currency-hidden"));
    }
    let (from, to) = (decimals(from), decimals(to));
    for field in object.fields.iter().filter(|field| field.kind == Kind::Money && from != to) {
        let Some(minor) = before.get(field.key).int().filter(|_| !draft.has(field.key)) else { continue };
        let scale = |by: u32| 10_i64.pow(by);
        let kept = if to > from {
            minor.checked_mul(scale(to - from))
        } else {
            Some(minor / scale(from - to)).filter(|kept| kept * scale(from - to) == minor)
        };
        let kept = kept.ok_or_else(|| Error::field(field.key, "invalid-amount-currency"))?;
        draft.set(field.key, Cell::Int(kept));
    }
    Ok(())
}

/// A form shows a reference to a record that its reader may not see as empty. Sent back empty, it is left as it stands.
async fn keep_unseen(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    draft: &mut Draft,
) -> Result<()> {
    for field in object.fields {
        if draft.get(field.key) == Some(&Cell::Null) && is_unseen(tx, actor, field, before.get(field.key)).await? {
            draft.remove(field.key);
        }
    }
    Ok(())
}

/// Whether a reference leads to a record that the person may not see. People, stages and pipelines are known to everybody.
pub(super) async fn is_unseen(tx: &mut Tx, actor: &Actor, field: &Field, cell: &Cell) -> Result<bool> {
    let (Kind::Ref(target), Cell::Id(id)) = (field.kind, cell) else { return Ok(false) };
    match actor.registry.get(target).filter(|target| target.name != "person") {
        Some(target) => Ok(!query::allowed(tx, &actor.viewer, target, *id, Right::Read).await?),
        None => Ok(false),
    }
}

/// Writes a prepared change with its history and search words; returns the new version.
pub async fn write_change(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    draft: &Draft,
) -> Result<i64> {
    let mut statement = Sql::new(format!("UPDATE {} SET version = version + 1, updated_at = ", object.table));
    statement.bind(actor.now).push(", updated_by = ").bind(actor.viewer.person);
    for (column, arg) in columns_of(object, draft) {
        statement.push(", ").push(column).push(" = ").bind(arg);
    }
    statement.push(" WHERE id = ").bind(before.id).push(" AND version = ").bind(before.version);
    let touched = tx.execute(statement).await.map_err(|error| duplicate(object, error))?;
    if touched == 0 {
        return Err(Error::Refused { status: 409, key: "error-conflict" });
    }
    (object.after_save)(tx, actor, Saved::Changed(draft, before)).await?;
    let changes = changes_of(object, before, draft);
    event::record(
        tx,
        Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: draft.event_kind.unwrap_or("updated"),
            subject_type: object.name,
            subject_id: before.id,
            account_id: account_of(object, before.id, draft, Some(before)),
            version: before.version + 1,
            changes: &changes,
            reason: draft.reason.as_deref(),
        },
    )
    .await?;
    if draft.keys().any(|key| object.field(key).is_some_and(|field| field.found != Found::No)) {
        put_words(tx, object, draft, before).await?;
    }
    Ok(before.version + 1)
}

/// Puts a record into the trash, or takes it out again.
pub async fn set_deleted(tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid, deleted: bool) -> Result<()> {
    // People leave by being disabled, which hands their records over; the trash would also get round the last administrator.
    if deleted && object.name == "person" {
        return Err(Error::Refused { status: 409, key: "refused-person-trash" });
    }
    let before = if deleted {
        load_for_write(tx, actor, object, id).await?
    } else {
        query::load(tx, &actor.viewer, object, id, Right::Write, true).await?
    };
    tx.execute(sql!(
        format!(
            "UPDATE {} SET deleted_at = $2, version = version + 1, updated_at = $3, updated_by = $4 WHERE id = $1",
            object.table
        ),
        id,
        deleted.then_some(actor.now),
        actor.now,
        actor.viewer.person
    ))
    .await
    // What was unique may have been taken by another record while this one lay in the trash.
    .map_err(|error| duplicate(object, error))?;
    (object.after_save)(tx, actor, if deleted { Saved::Deleted(&before) } else { Saved::Restored(&before) }).await?;
    event::record(
        tx,
        Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: if deleted { "deleted" } else { "restored" },
            subject_type: object.name,
            subject_id: id,
            account_id: account_of(object, id, &Draft::default(), Some(&before)),
            version: before.version + 1,
            changes: &[],
            reason: None,
        },
    )
    .await?;
    if deleted {
        search::remove(tx, object.name, id).await?;
    } else {
        put_words(tx, object, &Draft::default(), &before).await?;
    }
    Ok(())
}

fn check_required(object: &'static Object, draft: &Draft, before: Option<&Loaded>) -> Result<()> {
    let errors: Vec<FieldError> = object
        .fields
        .iter()
        .filter(|field| field.required && draft.after(before, field.key).is_null())
        .map(|field| FieldError::new(field.key, "invalid-required"))
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// What a draft points to must exist and be visible to who points: otherwise ids could be probed. Checked before `prepare`,
/// which reads what references point to; what `prepare` fills in follows from these.
async fn check_references(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    draft: &Draft,
    known: &mut Known,
) -> Result<()> {
    for field in object.fields {
        let (Kind::Ref(target), Some(Cell::Id(id))) = (field.kind, draft.get(field.key)) else { continue };
        if known.contains(&(target, *id)) {
            continue;
        }
        let exists = match target {
            "person" if *id == actor.viewer.person => true,
            "person" => tx
                .value::<String>(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", *id))
                .await?
                .is_some_and(|state| state != "disabled"),
            "stage" => actor.viewer.config.stage(*id).is_some(),
            "pipeline" => actor.viewer.config.pipeline(*id).is_some(),
            "price_list" => actor.viewer.config.price_list(*id).is_some_and(|list| !list.is_removed),
            other => match actor.registry.get(other) {
                Some(target) => query::allowed(tx, &actor.viewer, target, *id, Right::Read).await?,
                None => false,
            },
        };
        if !exists {
            return Err(Error::Invalid(vec![FieldError::new(field.key, "invalid-reference").with("value", id)]));
        }
        known.insert((target, *id));
    }
    Ok(())
}

fn changes_of(object: &'static Object, before: &Loaded, draft: &Draft) -> Vec<Change> {
    draft
        .keys()
        .filter_map(|key| object.field(key))
        .filter(|field| !field.is_virtual() && draft.get(field.key) != Some(before.get(field.key)))
        .map(|field| Change {
            field: field.key.into(),
            old: value::raw_json(before.get(field.key)),
            new: value::raw_json(draft.get(field.key).unwrap_or(&Cell::Null)),
        })
        .collect()
}

/// Writes down what happened around a record whose own fields stayed as they are: it was shared, a file was hung on it.
pub async fn note(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    record: &Loaded,
    kind: &str,
    change: Change,
) -> Result<()> {
    note_all(tx, actor, object, record, kind, &[change]).await
}

/// As [`note`], with more than one thing to say about it.
pub async fn note_all(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    record: &Loaded,
    kind: &str,
    changes: &[Change],
) -> Result<()> {
    let event = Event {
        id: new_id(&actor.clock),
        at: actor.now,
        actor: Some(actor.viewer.person),
        via: actor.via,
        kind,
        subject_type: object.name,
        subject_id: record.id,
        account_id: account_of(object, record.id, &Draft::default(), Some(record)),
        version: record.version,
        changes,
        reason: None,
    };
    Ok(event::record(tx, event).await?)
}

/// The account whose timeline an event of this record stands on.
fn account_of(object: &'static Object, id: Uuid, draft: &Draft, before: Option<&Loaded>) -> Option<Uuid> {
    match object.account {
        "" => None,
        "id" => Some(id),
        field => draft.after(before, field).id(),
    }
}

/// Puts in anew what a record is found by.
pub(super) async fn put_words(tx: &mut Tx, object: &'static Object, draft: &Draft, before: &Loaded) -> Result<()> {
    Ok(search::put(tx, object.name, before.id, &words_of(object, draft, Some(before))).await?)
}

/// Under which words a record is found.
fn words_of(object: &'static Object, draft: &Draft, before: Option<&Loaded>) -> Words {
    let mut words = Words::default();
    for field in object.fields.iter().filter(|field| !field.is_virtual()) {
        let Some(text) = draft.after(before, field.key).text() else { continue };
        match field.found {
            Found::No => continue,
            Found::ByName => words.name(text),
            Found::ByText => words.text(text),
            Found::ByPrivateText => words.private_text(text),
            Found::ByPrivateNumber => words.private_number(text),
        };
    }
    words
}
