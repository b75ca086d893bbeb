//! Sums that never fail. Beyond 64 bits SQLite's SUM is an error, and PostgreSQL's does not fit into the whole number that it is
//! read as: a few amounts with too many noughts would take away every page that adds them up. Such a sum is the largest number
//! there is.

use crate::Engine;

/// SQLite adds up what is larger than this as a float, which never overflows. Nine million numbers up to here fit into a sum, which
/// is exact; with a larger one among them it is exact up to 9,007,199,254,740,992 and to 15 digits beyond.
const WHOLE: i64 = 1_000_000_000_000;

/// The sum of whole numbers that are not negative, as SQL; 0 where there are none.
pub fn sum(engine: Engine, number: &str) -> String {
    fitting(engine, &format!("SUM({})", summand(engine, number)))
}

/// The sum over the rows that meet a condition.
pub fn sum_where(engine: Engine, condition: &str, number: &str) -> String {
    fitting(engine, &format!("SUM(CASE WHEN {condition} THEN {} END)", summand(engine, number)))
}

/// The sum over the rows of a window.
pub fn sum_over(engine: Engine, number: &str, window: &str) -> String {
    fitting(engine, &format!("SUM({}) OVER ({window})", summand(engine, number)))
}

fn summand(engine: Engine, number: &str) -> String {
    match engine {
        Engine::Sqlite => format!("CASE WHEN {number} > {WHOLE} THEN CAST({number} AS REAL) ELSE {number} END"),
        Engine::Postgres => number.to_owned(),
    }
}

fn fitting(engine: Engine, sum: &str) -> String {
    match engine {
        // A float that is too large becomes the largest whole number.
        Engine::Sqlite => format!("CAST(COALESCE({sum}, 0) AS BIGINT)"),
        Engine::Postgres => format!("CAST(LEAST(COALESCE({sum}, 0), {}) AS BIGINT)", i64::MAX),
    }
}
