//! Rows of one file that speak of the same record: they carry the same key. The second of them silently writes over what the
//! first one said, so the person who imports is told which rows these are.
//!
//! The file is read once for its keys alone before any row is taken in ([`super::comparing`]). That costs one more reading of the
//! file, and what is found holds for a check, for an import, and for one that goes on after a crash, in whatever order rows are
//! taken in. Memory is bounded: sixteen bytes a row while the keys are compared, and after that only the rows that repeat one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::model::{OnMatch, Plan};
use super::rows::stored_key;
use crate::shell::config::Config;
use paper::sheet::{Row, Sheet, SheetError};

/// Of a longer file only so many rows are compared.
const COMPARED: usize = 4_000_000;

/// The keys of a file, as far as it has been read.
pub struct Keys {
    rows: Sheet,
    plan: Plan,
    config: Arc<Config>,
    hasher: RandomState,
    keys: Vec<(u64, u32)>,
    read: usize,
}

impl Keys {
    /// Of a file at its first row.
    pub fn of(rows: Sheet, plan: Plan, config: Arc<Config>) -> Keys {
        Keys { rows, plan, config, hasher: RandomState::new(), keys: Vec::new(), read: 0 }
    }

    /// Nothing is compared where rows do not look for records.
    pub fn are_compared(&self) -> bool {
        self.plan.key.is_some() && self.plan.on_match != OnMatch::Create
    }

    /// How many rows have been read.
    pub fn read(&self) -> i64 {
        self.read as i64
    }

    /// Reads so many further rows. `false`: these were the last that are compared.
    pub fn read_on(&mut self, rows: usize) -> Result<bool, SheetError> {
        for _ in 0..rows {
            if self.read >= COMPARED {
                return Ok(false);
            }
            let Some(row) = self.rows.next() else { return Ok(false) };
            let Row { number, cells } = row?;
            self.read += 1;
            let key = self.plan.key_text(&cells).and_then(|text| stored_key(&self.plan, &self.config, &text));
            if let (Some(key), Ok(number)) = (key, u32::try_from(number)) {
                self.keys.push((self.hasher.hash_one(key), number));
            }
        }
        Ok(true)
    }

    /// What the rows that were read have in common. The file is let go.
    pub fn repeats(self) -> (Plan, Repeats) {
        let Keys { plan, mut keys, .. } = self;
        keys.sort_unstable();
        let same_key = keys.chunk_by(|one, other| one.0 == other.0).filter(|rows| rows.len() > 1);
        let mut rows: Vec<(u32, u32)> =
            same_key.flat_map(|rows| rows.iter().map(|(_, row)| (*row, rows[0].1))).collect();
        rows.sort_unstable();
        (plan, Repeats { rows, taken_in: HashMap::new() })
    }
}

/// Rows that share their key. Which of them is another's repetition shows only when they are taken in: a row that is refused is
/// nobody's first, and one that has to wait comes after rows that stand below it.
#[derive(Debug, Default)]
pub struct Repeats {
    /// Each row of a key that several rows have, in order, with the first row of that key.
    rows: Vec<(u32, u32)>,
    /// Of each key, by that first row: the row that was taken in first.
    taken_in: HashMap<u32, i64>,
}

impl Repeats {
    /// Notes that this row is taken in. Returns the row with the same key that was so before it.
    pub fn take_in(&mut self, row: i64) -> Option<i64> {
        let number = u32::try_from(row).ok()?;
        let at = self.rows.binary_search_by_key(&number, |(row, _)| *row).ok()?;
        match self.taken_in.entry(self.rows[at].1) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(place) => {
                place.insert(row);
                None
            }
        }
    }

    /// Goes on where an import stopped: the rows up to this one were taken in, except those that were `left`.
    pub fn go_on_after(&mut self, last: i64, left: &HashSet<i64>) {
        for (row, first) in &self.rows {
            let row = i64::from(*row);
            if row <= last && !left.contains(&row) {
                self.taken_in.entry(*first).or_insert(row);
            }
        }
    }
}
