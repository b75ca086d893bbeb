//! The one road on which records are read and changed. A kind of record is described by an [`Object`]; from that
//! description come lists with filters and keyset pages ([`query`]), checked writes with history ([`command`]), and
//! the texts that go in and out ([`value`]). Slices add their rules through `prepare` and `after_save`.
//!
//! Every read takes the viewer's scope and their projection (fields that no role hides); filters, sorts and exports
//! know only projected fields. Every write authorises, checks the version, writes and records its event in one transaction.

pub mod command;
mod compared;
mod field;
pub mod filter;
pub mod hung;
pub mod lookup;
pub mod merge;
pub mod query;
pub mod reindex;
pub mod share;
pub mod told;
pub mod value;

use std::collections::{BTreeMap, HashMap};

use store::{Arg, Cell, Clock, Day, Instant, Uuid};

pub use field::{
    Expression, Field, Found, Kind, Object, Saved, Several, Target, Write, is_setting, nothing_after,
    nothing_to_prepare, plain_target,
};

use crate::shell::error::{Error, Result};
use crate::shell::viewer::Viewer;

/// Every kind of record the program knows, in the order of the menus.
pub struct Registry {
    pub objects: &'static [&'static Object],
}

impl Registry {
    pub fn get(&self, name: &str) -> Option<&'static Object> {
        self.objects.iter().copied().find(|object| object.name == name)
    }

    pub fn by_plural(&self, plural: &str) -> Result<&'static Object> {
        self.objects.iter().copied().find(|object| object.plural == plural).ok_or(Error::NotFound)
    }
}

/// The field that says whose a record is. It is changed by who may give the record, not by everybody who may change it.
pub const OWNER: &str = "owner";

/// The kind of an event by which a record only followed another: it has a new version, and nobody meant to change it.
pub const FOLLOWED: &str = "followed";

/// Who does something, when, and through which door.
#[derive(Clone)]
pub struct Actor {
    pub viewer: Viewer,
    pub via: &'static str,
    pub clock: Clock,
    pub now: Instant,
    pub today: Day,
    pub import: Option<Uuid>,
    /// What an import says of those of its deals that begin in, or move to, a stage for which nothing speaks yet.
    pub import_reason: Option<String>,
    pub registry: &'static Registry,
    /// Accounts of deals and contacts that were read ahead, in the transaction at work.
    pub accounts: HashMap<Uuid, Option<Uuid>>,
}

/// What is to be written: the fields somebody set, and columns that follow from them.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    values: BTreeMap<&'static str, Cell>,
    /// Fields that somebody set to what they hold already.
    confirmed: Vec<&'static str>,
    /// Columns without a field of their own (sort keys, copies for sums).
    pub derived: Vec<(&'static str, Arg)>,
    pub reason: Option<String>,
    /// `updated` unless the command is something more particular, like `stage`.
    pub event_kind: Option<&'static str>,
    /// The version that the record goes back to, where what was done since is taken back: what hangs on it goes back too.
    pub takes_back: Option<i64>,
}

impl Draft {
    pub fn get(&self, key: &str) -> Option<&Cell> {
        self.values.get(key)
    }
    pub fn set(&mut self, key: &'static str, cell: Cell) {
        self.values.insert(key, cell);
    }
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
    pub fn remove(&mut self, key: &str) -> Option<Cell> {
        self.values.remove(key)
    }
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.values.keys().copied()
    }
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
    /// What was set as it stands is no change, but stays as it stands whatever else changes.
    fn confirm(&mut self, key: &'static str) {
        self.values.remove(key);
        self.confirmed.push(key);
    }
    pub fn confirms(&self, key: &str) -> bool {
        self.confirmed.contains(&key)
    }
    /// The value after the write: what the draft sets, else what stands.
    pub fn after<'a>(&'a self, before: Option<&'a Loaded>, key: &str) -> &'a Cell {
        self.values.get(key).or_else(|| before.map(|loaded| loaded.get(key))).unwrap_or(&Cell::Null)
    }
    /// Sets a value unless somebody did or one stands already.
    pub fn fill(&mut self, before: Option<&Loaded>, key: &'static str, cell: impl FnOnce() -> Cell) {
        if self.after(before, key).is_null() && (before.is_none() || self.has(key)) {
            self.values.insert(key, cell());
        }
    }
}

/// A whole record as it stands, inside a transaction.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub id: Uuid,
    pub version: i64,
    values: BTreeMap<&'static str, Cell>,
}

impl Loaded {
    pub fn get(&self, key: &str) -> &Cell {
        self.values.get(key).unwrap_or(&Cell::Null)
    }
    pub fn text(&self, key: &str) -> &str {
        self.get(key).text().unwrap_or("")
    }
    pub fn id_of(&self, key: &str) -> Option<Uuid> {
        self.get(key).id()
    }
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key).int()
    }
}

/// A cell as an argument; an empty one still carries the column's type.
pub fn argument(field: &Field, cell: &Cell) -> Arg {
    match (field.kind, cell) {
        (Kind::Bool, Cell::Int(value)) => Arg::Bool(Some(*value == 1)),
        (Kind::Bool, _) => Arg::Bool(None),
        (_, Cell::Int(value)) => Arg::Int(Some(*value)),
        (_, Cell::Text(text)) => Arg::Text(Some(text.clone())),
        (_, Cell::Id(id)) => Arg::Id(Some(*id)),
        (_, Cell::Float(value)) => Arg::Float(Some(*value)),
        (Kind::Ref(_), Cell::Null) => Arg::Id(None),
        (_, Cell::Null) if field.is_measured() => Arg::Int(None),
        (_, Cell::Null) => Arg::Text(None),
    }
}
