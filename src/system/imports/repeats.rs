//! Rows of one file that speak of the same record: they carry the same key. The second of them silently writes over what the
//! first one said, so the person who imports is told which rows these are.
//!
//! The file is read once for its keys alone before any row is taken in. That costs one more reading of the file, and what is
//! found holds for a check, for an import, and for one that goes on after a crash, in whatever order rows are taken in.
//! Memory is bounded: sixteen bytes a row while the keys are compared, and after that only the rows that repeat one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::model::{OnMatch, Plan};
use super::rows::stored_key;
use crate::shell::config::Config;
use paper::sheet::{Options, Row, Sheet, SheetError};

/// Of a longer file only so many rows are compared.
const COMPARED: usize = 4_000_000;

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
    /// Reads the whole file. Nothing is compared where rows do not look for records.
    pub fn in_file(path: &Path, options: &Options, plan: &Plan, config: &Config) -> Result<Repeats, SheetError> {
        if plan.key.is_none() || plan.on_match == OnMatch::Create {
            return Ok(Repeats::default());
        }
        let hasher = RandomState::new();
        let mut keys: Vec<(u64, u32)> = Vec::new();
        for row in Sheet::open(path, options)?.take(COMPARED) {
            let Row { number, cells } = row?;
            let key = plan.key_text(&cells).and_then(|text| stored_key(plan, config, &text));
            if let (Some(key), Ok(number)) = (key, u32::try_from(number)) {
                keys.push((hasher.hash_one(key), number));
            }
        }
        keys.sort_unstable();
        let same_key = keys.chunk_by(|one, other| one.0 == other.0).filter(|rows| rows.len() > 1);
        let mut rows: Vec<(u32, u32)> =
            same_key.flat_map(|rows| rows.iter().map(|(_, row)| (*row, rows[0].1))).collect();
        rows.sort_unstable();
        Ok(Repeats { rows, taken_in: HashMap::new() })
    }

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
