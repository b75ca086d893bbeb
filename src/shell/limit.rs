//! Rate limits in memory of one server: sign-in attempts, API calls, exports.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use store::Instant;

use super::error::{Error, Result};

/// What is left of each key's uses, and when that was reckoned.
#[derive(Default)]
struct Buckets {
    of_key: HashMap<String, (f64, i64)>,
    swept: i64,
}

/// More keys than this at once are somebody who makes keys up.
const KEYS: usize = 100_000;
const MINUTE: i64 = 60_000_000;

/// A token bucket per key.
pub struct Limits {
    buckets: Mutex<Buckets>,
    /// Calls of the API that one person may make in a minute.
    api_per_minute: AtomicU32,
}

/// Calls of the API per minute and person, unless the operator says otherwise.
pub const API_PER_MINUTE: u32 = 600;

impl Default for Limits {
    fn default() -> Limits {
        Limits { buckets: Mutex::default(), api_per_minute: AtomicU32::new(API_PER_MINUTE) }
    }
}

impl Limits {
    pub fn api_per_minute(&self) -> u32 {
        self.api_per_minute.load(Ordering::Relaxed)
    }

    /// Whole lists that one person may take along in a minute: one call in thirty, and never fewer than twenty.
    pub fn exports_per_minute(&self) -> f64 {
        f64::from((self.api_per_minute() / 30).max(20))
    }

    /// Files that one person may bring for an import in a minute.
    pub fn imports_per_minute(&self) -> f64 {
        self.exports_per_minute()
    }

    /// Files that one person may hang on records in a minute: one call in ten, and never fewer than sixty.
    pub fn files_per_minute(&self) -> f64 {
        f64::from((self.api_per_minute() / 10).max(60))
    }

    pub fn set_api_per_minute(&self, allowed: u32) {
        self.api_per_minute.store(allowed.max(1), Ordering::Relaxed);
    }

    /// Takes one of `per_minute` allowed uses; they refill evenly. Returns how many are left.
    ///
    /// Errors: [`Error::TooMany`] with the seconds until the next use.
    pub fn take(&self, key: String, per_minute: f64, now: Instant) -> Result<u32> {
        let mut buckets = self.buckets.lock().expect("nobody panics while holding the buckets");
        if now.0 - buckets.swept >= MINUTE {
            // Whoever asked for nothing for a minute has all their uses again: a full bucket says nothing.
            buckets.of_key.retain(|_, (_, last)| now.0 - *last < MINUTE);
            buckets.swept = now.0;
        }
        if buckets.of_key.len() >= KEYS && !buckets.of_key.contains_key(&key) {
            return Err(Error::TooMany {
                seconds: ((buckets.swept + MINUTE - now.0).max(0) as u64).div_ceil(1_000_000),
            });
        }
        let (left, last) = buckets.of_key.entry(key).or_insert((per_minute, now.0));
        let refilled = (*left + (now.0 - *last).max(0) as f64 / MINUTE as f64 * per_minute).min(per_minute);
        *last = now.0;
        if refilled < 1.0 {
            *left = refilled;
            return Err(Error::TooMany { seconds: ((1.0 - refilled) / per_minute * 60.0).ceil() as u64 });
        }
        *left = refilled - 1.0;
        Ok(*left as u32)
    }
}
