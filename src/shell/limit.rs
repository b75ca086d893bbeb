//! Limits in memory of one server: how often something may be done (sign-in attempts, API calls, exports), and how often at once.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
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
    /// What goes on at this moment, by key.
    running: Arc<Mutex<HashMap<String, u32>>>,
    /// Calls of the API that one person may make in a minute.
    api_per_minute: AtomicU32,
}

/// Counts as running until it is dropped.
pub struct Running {
    all: Arc<Mutex<HashMap<String, u32>>>,
    key: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut all = self.all.lock().expect("nobody panics while holding the counts");
        if let Some(count) = all.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

/// Calls of the API per minute and person, unless the operator says otherwise.
pub const API_PER_MINUTE: u32 = 600;

impl Default for Limits {
    fn default() -> Limits {
        Limits { buckets: Mutex::default(), running: Arc::default(), api_per_minute: AtomicU32::new(API_PER_MINUTE) }
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

    /// Begins something of which at most so many may go on at once. It has ended when the answer is dropped.
    ///
    /// Errors: [`Error::TooMany`]; when one of the others will end is not known.
    pub fn begin(&self, key: String, most: u32) -> Result<Running> {
        let mut all = self.running.lock().expect("nobody panics while holding the counts");
        let count = all.entry(key.clone()).or_insert(0);
        if *count >= most {
            return Err(Error::TooMany { seconds: 10 });
        }
        *count += 1;
        Ok(Running { all: self.running.clone(), key })
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

/// Whom a limit per address counts: where a request comes from, as far as that is known. A proxy on this machine speaks for
/// others and says last for whom; what stands before that, anybody can have written. Of IPv6 it is the network, as one
/// customer has all addresses of it.
pub fn source(peer: Option<&SocketAddr>, headers: &HeaderMap) -> Option<String> {
    let peer = peer?.ip().to_canonical();
    let address = if peer.is_loopback() { forwarded_for(headers)? } else { peer };
    match address {
        IpAddr::V4(address) => Some(address.to_string()),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Some(format!("{a:x}:{b:x}:{c:x}:{d:x}::/64"))
        }
    }
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let line = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    let last = line.rsplit(',').next()?.trim();
    // Some write the port, too.
    let address = last.parse::<IpAddr>().or_else(|_| last.parse::<SocketAddr>().map(|address| address.ip()));
    Some(address.ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::source;
    use axum::http::{HeaderMap, HeaderValue};

    fn counted(peer: &str, forwarded: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        source(Some(&peer.parse().expect("an address")), &headers)
    }

    #[test]
    fn a_proxy_on_this_machine_is_believed_in_what_it_says_last_and_nobody_else_is() {
        let someone = Some("203.0.113.7".to_owned());
        assert_eq!(counted("203.0.113.7:4000", &[]), someone);
        assert_eq!(counted("203.0.113.7:4000", &["198.51.100.2"]), someone);
        assert_eq!(counted("[::ffff:203.0.113.7]:4000", &["198.51.100.2"]), someone);
        for proxy in ["127.0.0.1:4000", "[::1]:4000", "[::ffff:127.0.0.1]:4000"] {
            for forwarded in [
                &["203.0.113.7"][..],
                &["198.51.100.2, 203.0.113.7"],
                &["198.51.100.2", "203.0.113.7"],
                &["203.0.113.7:4000"],
                &["::ffff:203.0.113.7"],
            ] {
                assert_eq!(counted(proxy, forwarded), someone, "{proxy} {forwarded:?}");
            }
            for nobody in [&[][..], &[""], &["unknown"], &["203.0.113.7, unknown"]] {
                assert_eq!(counted(proxy, nobody), None, "{proxy} {nobody:?}");
            }
        }
        assert_eq!(source(None, &HeaderMap::new()), None);
    }

    #[test]
    fn all_addresses_of_a_network_are_one_customers() {
        let home = Some("2001:db8:1:2::/64".to_owned());
        assert_eq!(counted("[2001:db8:1:2::7]:4000", &[]), home);
        assert_eq!(counted("127.0.0.1:4000", &["2001:db8:1:2:3:4:5:6"]), home);
        assert_eq!(counted("127.0.0.1:4000", &["[2001:db8:1:2::9]:4000"]), home);
        assert_ne!(counted("127.0.0.1:4000", &["2001:db8:1:3::7"]), home);
    }
}
