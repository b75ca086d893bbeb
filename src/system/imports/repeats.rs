//! Rows of one file that speak of the same record: they carry the same key. The second of them silently writes over what the
//! first one said, so the person who imports is told which rows these are.
//!
//! The file is read once for its keys alone before any row is taken in. That costs one more reading of the file, and what is
//! found holds for a check, for an import, and for one that goes on after a crash, in whatever order rows are taken in.
//! Memory is bounded: sixteen bytes a row while the keys are compared, and after that only the rows that repeat one.

use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use super::model::{OnMatch, Plan};
use super::rows::stored_key;
use crate::shell::config::Config;
use paper::sheet::{Options, Row, Sheet, SheetError};

/// Of a longer file only so many rows are compared.
const COMPARED: usize = 4_000_000;

/// Rows that share their key, each with another one of them: the first, and for the first itself the second.
#[derive(Debug, Default)]
pub struct Repeats(Vec<(u32, u32)>);

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
        let same_key = keys.chunk_by(|one, other| one.0 == other.0);
        let mut repeats: Vec<(u32, u32)> = Vec::new();
        for rows in same_key {
            if let [(_, first), (_, second), ..] = rows {
                repeats.push((*first, *second));
                repeats.extend(rows[1..].iter().map(|(_, row)| (*row, *first)));
            }
        }
        repeats.sort_unstable();
        Ok(Repeats(repeats))
    }

    /// The other row that has this row's key. Only a row that had to wait can be the first of them and still come after another.
    pub fn of(&self, row: i64, has_waited: bool) -> Option<i64> {
        let row = u32::try_from(row).ok()?;
        let at = self.0.binary_search_by_key(&row, |(row, _)| *row).ok()?;
        let (_, other) = self.0[at];
        (other < row || has_waited).then_some(i64::from(other))
    }
}
