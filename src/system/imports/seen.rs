//! What a check has come across in the file. It writes nothing, so what the file itself brings must be remembered here.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use store::Cell;

use super::model::Plan;
use crate::shell::record::Draft;

/// A check remembers at most this many names and keys of the file.
const SEEN_KEPT: usize = 4_000_000;

/// Names and keys, by hash.
#[derive(Default)]
pub struct Seen {
    hasher: RandomState,
    names: HashSet<u64>,
    keys: HashSet<u64>,
}

impl Seen {
    pub fn hash(&self, text: &str) -> u64 {
        let mut state = self.hasher.build_hasher();
        text.hash(&mut state);
        std::hash::Hasher::finish(&state)
    }

    pub fn note(&mut self, plan: &Plan, draft: &Draft, key: Option<&str>) {
        if self.names.len() + self.keys.len() > SEEN_KEPT {
            return;
        }
        if let Some(title) = draft.get(plan.object.title).and_then(Cell::text) {
            self.names.insert(self.hash(&in_any_case(title)));
        }
        for field in ["external_id", "code", "email"] {
            if let Some(text) = draft.get(field).and_then(Cell::text) {
                self.names.insert(self.hash(text));
            }
        }
        if let Some(key) = key {
            self.keys.insert(self.hash(key));
        }
    }

    pub fn has_name(&self, name: &str) -> bool {
        self.names.contains(&self.hash(name)) || self.names.contains(&self.hash(&in_any_case(name)))
    }

    pub fn has_key(&self, key: &str) -> bool {
        self.keys.contains(&self.hash(key))
    }
}

/// A title is found in large and small letters, an external id only as it is: the sign in front tells them apart.
fn in_any_case(title: &str) -> String {
    format!("\u{0}{}", title.to_lowercase())
}
