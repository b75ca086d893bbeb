//! Instants, civil days and the clock that hands them out. Tests freeze the clock; nothing else asks the system for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Instant(pub i64);

/// A civil date without a zone: days since 1970-01-01. Close dates, due dates and periods are days, never instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(pub i64);

impl Instant {
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
    pub fn day_in(self, zone: &jiff::tz::TimeZone) -> Day {
        Day::of(zone.to_datetime(self.timestamp()).date())
    }
    /// The first instant of a day in a zone.
    pub fn start_of(day: Day, zone: &jiff::tz::TimeZone) -> Instant {
        match zone.to_timestamp(day.date().at(0, 0, 0, 0)) {
            Ok(timestamp) => Instant(timestamp.as_microsecond()),
            Err(_) => Instant(day.0 * 86_400_000_000),
        }
    }
    pub fn plus_seconds(self, seconds: i64) -> Instant {
        Instant(self.0 + seconds * 1_000_000)
    }
}

const EPOCH: jiff::civil::Date = jiff::civil::date(1970, 1, 1);

impl Day {
    pub fn of(date: jiff::civil::Date) -> Day {
        Day(i64::from((date - EPOCH).get_days()))
    }
    pub fn date(self) -> jiff::civil::Date {
        let days = self.0.clamp(-4_000_000, 2_900_000);
        EPOCH.checked_add(jiff::Span::new().days(days)).unwrap_or(EPOCH)
    }
    pub fn plus(self, days: i64) -> Day {
        Day(self.0 + days)
    }
    /// Parses `2026-11-24`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Day> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let date: jiff::civil::Date = text.parse().ok()?;
        (1900..=2999).contains(&date.year()).then(|| Day::of(date))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.date())
    }
}

macro_rules! stored_as_bigint {
    ($($name:ident)*) => {$(
        impl Type<Sqlite> for $name {
            fn type_info() -> <Sqlite as sqlx::Database>::TypeInfo { <i64 as Type<Sqlite>>::type_info() }
            fn compatible(ty: &<Sqlite as sqlx::Database>::TypeInfo) -> bool { <i64 as Type<Sqlite>>::compatible(ty) }
        }
        impl Type<Postgres> for $name {
            fn type_info() -> <Postgres as sqlx::Database>::TypeInfo { <i64 as Type<Postgres>>::type_info() }
            fn compatible(ty: &<Postgres as sqlx::Database>::TypeInfo) -> bool { <i64 as Type<Postgres>>::compatible(ty) }
        }
        impl<'r> Decode<'r, Sqlite> for $name {
            fn decode(value: <Sqlite as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <i64 as Decode<Sqlite>>::decode(value).map($name)
            }
        }
        impl<'r> Decode<'r, Postgres> for $name {
            fn decode(value: <Postgres as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
                <i64 as Decode<Postgres>>::decode(value).map($name)
            }
        }
        impl<'q> Encode<'q, Postgres> for $name {
            fn encode_by_ref(&self, buffer: &mut <Postgres as sqlx::Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <i64 as Encode<Postgres>>::encode_by_ref(&self.0, buffer)
            }
        }
    )*};
}
stored_as_bigint!(Instant Day);

/// Where "now" comes from: the system, or a frozen instant that only moves when told.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    pub fn system() -> Clock {
        Clock(None)
    }
    pub fn frozen(at: jiff::Timestamp) -> Clock {
        Clock(Some(Arc::new(AtomicI64::new(at.as_microsecond()))))
    }
    pub fn is_real(&self) -> bool {
        self.0.is_none()
    }
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant(jiff::Timestamp::now().as_microsecond()),
            // A frozen clock still moves one microsecond per look, so that things keep their order.
            Some(frozen) => Instant(frozen.fetch_add(1, Ordering::SeqCst)),
        }
    }
    pub fn advance(&self, seconds: i64) {
        if let Some(frozen) = &self.0 {
            frozen.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }
    }
}
