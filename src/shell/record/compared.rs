//! What the values of a field are compared by, in filters and in the order of a list. An amount stands in the currency of its record,
//! and bare numbers of two currencies say nothing about each other: amounts are compared by their worth in the base currency.

use rust_decimal::Decimal;
use store::Day;

use super::field::{Field, Kind};
use crate::shell::config::Config;

/// The value that a filter compares, as SQL on the row `t`.
pub fn filtered_by(field: &Field, config: &Config, today: Day) -> String {
    match field.kind {
        Kind::Money => ordered_by(field, config, today),
        _ => format!("t.{}", field.column),
    }
}

/// The value that a list is sorted by, as SQL on the row `t`.
pub fn ordered_by(field: &Field, config: &Config, today: Day) -> String {
    match field.sort_column {
        // Their worth is kept with some amounts (decision 0006).
        Some(kept) if kept != field.column => format!("t.{kept}"),
        _ if field.kind == Kind::Money => worth(&format!("t.{}", field.column), config, today),
        _ => format!("t.{}", field.column),
    }
}

/// An amount in minor units of the base currency, at the rates in force; NULL where there is no rate.
fn worth(amount: &str, config: &Config, today: Day) -> String {
    let mut text = "CASE t.currency".to_owned();
    for currency in config.currencies() {
        if currency == config.base_currency {
            text.push_str(&format!(" WHEN '{currency}' THEN {amount}"));
        } else if let Some(factor) = config.minor_rate(&currency, today) {
            let bounded = bounded(amount, factor);
            // With a point in it, PostgreSQL multiplies exactly and beyond 64 bits.
            let point = if factor.fract().is_zero() { ".0" } else { "" };
            let factor = format!("{}{point}", factor.normalize());
            text.push_str(&format!(" WHEN '{currency}' THEN CAST(ROUND({bounded} * {factor}) AS BIGINT)"));
        }
    }
    text + " END"
}

/// In minor units: no amount was ever larger. What is typed is bounded more narrowly by now, what was typed before may still stand.
const LARGEST_EVER: i64 = 100_000_000_000_000_000;

/// An amount whose worth fits into 64 bits: what is worth more counts as the most that fits.
fn bounded(amount: &str, factor: Decimal) -> String {
    let most = (Decimal::from(i64::MAX) / factor).floor();
    if most >= Decimal::from(LARGEST_EVER) {
        return amount.to_owned();
    }
    format!("CASE WHEN {amount} > {most} THEN {most} WHEN {amount} < -{most} THEN -{most} ELSE {amount} END")
}
