//! Two people who change the same record: what each did stays, and what both did is told to the second.

use std::collections::BTreeMap;

use store::event;
use store::{Cell, Tx};

use super::command::is_unseen;
use super::field::{Field, Kind, Object};
use super::{Actor, Draft, Loaded, value};
use crate::shell::error::{Collided, Collision, Error, Result};

/// Three-way merge against what happened since `version`. A field that the person left as it was then is no change of theirs.
pub(super) async fn merge(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    version: i64,
    draft: &mut Draft,
) -> Result<()> {
    let original = seen_at(tx, object, before, version).await?;
    let of_amounts = merge_amounts(actor, object, before, &original, draft);
    let have_moved = of_amounts.is_some();
    let mut collisions = of_amounts.unwrap_or_default();
    for key in draft.keys().collect::<Vec<_>>() {
        let (Some(field), Some(was)) = (object.field(key), original.get(key).cloned()) else { continue };
        if have_moved && matches!(field.kind, Kind::Money | Kind::Currency) {
            continue;
        }
        let (mine, now) = (draft.get(key).cloned().unwrap_or(Cell::Null), before.get(key).clone());
        if mine == was || mine == now {
            draft.remove(key);
        // Changed and changed back: it stands as the person saw it.
        } else if was != now {
            let currency = before.text("currency").to_owned();
            // What stands there now may be a record that the person may not know.
            let now = if is_unseen(tx, actor, field, &now).await? { Cell::Null } else { now };
            let was = if is_unseen(tx, actor, field, &was).await? { Cell::Null } else { was };
            let show = |cell: &Cell| value::plain(field, cell, &currency, &actor.viewer.config.zone);
            collisions.push((key.to_owned(), show(&was), show(&mine), show(&now)));
        }
    }
    if collisions.is_empty() {
        return Ok(());
    }
    let collides = |key: &&str| collisions.iter().any(|(other, ..)| other == key);
    let besides = draft.keys().filter(|key| !collides(key)).collect();
    Err(collided(object, before, collisions, besides))
}

/// The fields that were changed since `version`, as they stood then.
async fn seen_at(
    tx: &mut Tx,
    object: &'static Object,
    before: &Loaded,
    version: i64,
) -> Result<BTreeMap<&'static str, Cell>> {
    let since = event::of_subject(tx, object.name, before.id, version, 500).await?;
    // Oldest last: the last write is the value at `version`.
    let mut original = BTreeMap::new();
    for change in since.iter().flat_map(|event| event.changes()) {
        if let Some(field) = object.field(&change.field) {
            original.insert(field.key, value::from_raw_json(field, &change.old));
        }
    }
    Ok(original)
}

fn collided(object: &'static Object, before: &Loaded, fields: Vec<Collided>, besides: Vec<&'static str>) -> Error {
    Error::Conflict(Box::new(Collision {
        object: object.name,
        id: before.id,
        version: before.version,
        fields,
        besides,
    }))
}

/// Merges amounts with the currency they are in. They collide as one: whoever typed 2,000 when the currency was USD did not mean
/// €2,000, and whoever turned $1,000 into euros did not mean the amount that somebody gave meanwhile. `None`: neither has moved
/// since. What collides comes with what the person touched first.
fn merge_amounts(
    actor: &Actor,
    object: &'static Object,
    before: &Loaded,
    original: &BTreeMap<&'static str, Cell>,
    draft: &mut Draft,
) -> Option<Vec<Collided>> {
    let currency = object.field("currency")?;
    let zone = &actor.viewer.config.zone;
    let was_of = |key: &str| original.get(key).unwrap_or_else(|| before.get(key)).clone();
    // A record without a currency is in the company's own.
    let code = |cell: &Cell| cell.text().unwrap_or(&actor.viewer.config.base_currency).to_owned();
    let (was, now) = (code(&was_of("currency")), code(before.get("currency")));
    let mine = draft.get("currency").map_or_else(|| was.clone(), &code);
    // Typed without a currency, an amount was read in the one that stands.
    let read_in = draft.get("currency").map_or_else(|| now.clone(), &code);
    let currency = Side { key: currency.key, was, mine, now };
    let seen = |field: &&Field| field.kind == Kind::Money && actor.viewer.sees(object, field.key);
    let amount = |field: &Field| {
        let was = value::plain(field, &was_of(field.key), &currency.was, zone);
        let mine = draft.get(field.key).map(|mine| value::plain(field, mine, &read_in, zone));
        let now = value::plain(field, before.get(field.key), &currency.now, zone);
        Side { key: field.key, mine: mine.unwrap_or_else(|| was.clone()), was, now }
    };
    let mut sides: Vec<Side> = object.fields.iter().filter(seen).map(amount).collect();
    let touches_amount = sides.iter().any(Side::is_touched);
    // What stands is as the person wants it; an amount is that only in the currency in which they typed it.
    let stands = sides.iter().chain([&currency]).all(|side| side.is_as_wanted() || !side.is_touched())
        && (currency.is_as_wanted() || !touches_amount);
    sides.push(currency);
    if sides.iter().all(|side| !side.has_moved()) {
        return None;
    }
    if stands || !sides.iter().any(Side::is_touched) {
        for side in &sides {
            draft.remove(side.key);
        }
        return Some(Vec::new());
    }
    sides.sort_by_key(|side| !side.is_touched());
    let differ = sides.into_iter().filter(|side| side.is_touched() || side.has_moved());
    Some(differ.map(|side| (side.key.to_owned(), side.was, side.mine, side.now)).collect())
}

/// An amount or its currency: as the person saw it, as they want it, as it stands.
struct Side {
    key: &'static str,
    was: String,
    mine: String,
    now: String,
}

impl Side {
    fn is_touched(&self) -> bool {
        !reads_same(&self.was, &self.mine)
    }
    fn has_moved(&self) -> bool {
        !reads_same(&self.was, &self.now)
    }
    fn is_as_wanted(&self) -> bool {
        reads_same(&self.mine, &self.now)
    }
}

/// Amounts in currencies with other decimals read the same: USD 1,000.00 and JPY 1,000.
fn reads_same(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<rust_decimal::Decimal>().ok();
    one == other || number(one).is_some_and(|one| number(other) == Some(one))
}

/// Refuses an amount that somebody typed in the currency a record had at `version`, when it has another one now.
///
/// Errors: [`Error::Conflict`] naming the currency.
pub async fn check_currency(tx: &mut Tx, object: &'static Object, record: &Loaded, version: Option<i64>) -> Result<()> {
    let Some(version) = version.filter(|version| *version != record.version) else { return Ok(()) };
    let was = seen_at(tx, object, record, version).await?.remove("currency");
    match was.filter(|was| was != record.get("currency")) {
        Some(was) => {
            let text = |cell: &Cell| cell.text().unwrap_or_default().to_owned();
            let (was, now) = (text(&was), text(record.get("currency")));
            Err(collided(object, record, vec![("currency".into(), was.clone(), was, now)], Vec::new()))
        }
        None => Ok(()),
    }
}
