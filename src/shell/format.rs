//! How numbers, money and dates look to a person, in either language.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use store::{Day, Instant};

use super::i18n::Locale;

/// How many decimals a currency's minor unit stands for (JPY 0, CNY 2, KWD 3).
pub fn decimals(currency: &str) -> u32 {
    iso_currency::Currency::from_code(currency).and_then(|known| known.exponent()).map_or(2, u32::from)
}

pub fn is_currency(code: &str) -> bool {
    iso_currency::Currency::from_code(code).is_some_and(|known| known.exponent().is_some())
}

fn symbol(currency: &str) -> String {
    match currency {
        "CNY" => "¥".into(),
        "USD" => "$".into(),
        "EUR" => "€".into(),
        "GBP" => "£".into(),
        "JPY" => "JP¥".into(),
        other => format!("{other} "),
    }
}

/// Groups the digits of a whole number in threes.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Minor units as a plain decimal, as exports and the API show it: `1234.50`.
pub fn plain_amount(minor: i64, currency: &str) -> String {
    Decimal::from_i128_with_scale(i128::from(minor), decimals(currency)).to_string()
}

/// `$1,234.50`; whole amounts go without decimals.
pub fn money(minor: i64, currency: &str) -> String {
    let scale = 10i64.pow(decimals(currency));
    let (whole, part) = (minor.unsigned_abs() / scale as u64, minor.unsigned_abs() % scale as u64);
    let sign = if minor < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}{}", symbol(currency), grouped(whole as i64));
    if part != 0 {
        text.push_str(&format!(".{part:0width$}", width = decimals(currency) as usize));
    }
    text
}

/// A short form with at most four digits: `$1.28M`, `¥128.5万`. The full figure belongs into the tooltip.
pub fn money_compact(locale: Locale, minor: i64, currency: &str) -> String {
    let value = minor as f64 / 10f64.powi(decimals(currency) as i32);
    format!("{}{}{}", if minor < 0 { "-" } else { "" }, symbol(currency), compact(locale, value.abs()))
}

/// A number as 12.3K / 1.2M / 3.4B, in Chinese as 万 / 亿.
pub fn compact(locale: Locale, value: f64) -> String {
    let steps: &[(f64, &str)] = match locale {
        Locale::En => &[(1e9, "B"), (1e6, "M"), (1e3, "K")],
        Locale::Zh => &[(1e8, "亿"), (1e4, "万")],
    };
    for (step, unit) in steps {
        if value >= *step * 0.99995 {
            return format!("{}{unit}", short(value / step));
        }
    }
    short(value)
}

fn short(value: f64) -> String {
    let text = if value >= 1000.0 {
        grouped(value.round() as i64)
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// `24 Nov 2026` in English, `2026-11-24` in Chinese: unmistakable in both.
pub fn date(locale: Locale, day: Day) -> String {
    let date = day.date();
    match locale {
        Locale::En => format!("{} {} {}", date.day(), MONTHS[date.month() as usize - 1], date.year()),
        Locale::Zh => date.to_string(),
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub fn month(locale: Locale, day: Day) -> String {
    let date = day.date();
    match locale {
        Locale::En => format!("{} {}", MONTHS[date.month() as usize - 1], date.year()),
        Locale::Zh => format!("{}年{}月", date.year(), date.month()),
    }
}

/// Date and time of day in the organisation's zone.
pub fn instant(locale: Locale, at: Instant, zone: &jiff::tz::TimeZone) -> String {
    format!("{} {}", date(locale, at.day_in(zone)), time(at, zone))
}

/// The time of day in the organisation's zone: `09:30`.
pub fn time(at: Instant, zone: &jiff::tz::TimeZone) -> String {
    let local = zone.to_datetime(at.timestamp());
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `0.237` → `23.7%`.
pub fn percent(value: f64) -> String {
    format!("{}%", short(value * 100.0))
}

/// In minor units. A thousand trillion is beyond any deal and still far from overflowing a sum over millions of rows.
pub const LARGEST_AMOUNT: i64 = 100_000_000_000_000_000;

/// Reads an amount as people type it: `1,234.5`, `$12.3k`, `¥128.5万`, `3亿`. Returns minor units.
///
/// Errors: `None` when it is not a number, has more decimals than the currency, or does not fit.
pub fn parse_amount(text: &str, currency: &str) -> Option<i64> {
    let mut text = text.trim().replace([',', '，', ' ', '\u{a0}'], "");
    for sign in ["¥", "￥", "$", "€", "£", "元"] {
        text = text.replace(sign, "");
    }
    let lower = text.to_lowercase();
    let (digits, factor) = [
        ("亿", 100_000_000u64),
        ("万", 10_000),
        ("bn", 1_000_000_000),
        ("b", 1_000_000_000),
        ("m", 1_000_000),
        ("k", 1_000),
    ]
    .iter()
    .find_map(|(unit, factor)| lower.strip_suffix(unit).map(|digits| (digits.to_owned(), *factor)))
    .unwrap_or((lower, 1));
    if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-') {
        return None;
    }
    let value: Decimal = digits.parse().ok()?;
    let minor = value.checked_mul(Decimal::from(factor))?.checked_mul(Decimal::from(10u64.pow(decimals(currency))))?;
    if minor.fract() != Decimal::ZERO {
        return None;
    }
    minor.to_i64().filter(|minor| minor.abs() <= LARGEST_AMOUNT)
}

/// `640 B`, `12.3 KB`, `4.0 MB`: the same in both languages.
pub fn bytes(size: i64) -> String {
    match size {
        ..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{:.1} KB", size as f64 / 1024.0),
        _ => format!("{:.1} MB", size as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_type_them() {
        for (text, currency, minor) in [
            ("1,234.5", "USD", 123_450),
            ("¥128.5万", "CNY", 128_500_000),
            ("3亿", "CNY", 30_000_000_000),
            ("12.3k", "USD", 1_230_000),
            ("-5", "USD", -500),
            ("1500", "JPY", 1500),
            ("1.234", "KWD", 1234),
        ] {
            assert_eq!(parse_amount(text, currency), Some(minor), "{text}");
        }
        for text in ["", "abc", "1.2.3", "1.005", "--1", "1e9", "99999999999999999999"] {
            assert_eq!(parse_amount(text, "USD"), None, "{text}");
        }
    }

    #[test]
    fn money_is_shown_in_the_readers_way() {
        assert_eq!(money(123_450, "USD"), "$1,234.50");
        assert_eq!(money(-120_000_000, "CNY"), "-¥1,200,000");
        assert_eq!(money_compact(Locale::Zh, 128_500_000, "CNY"), "¥128.5万");
        assert_eq!(money_compact(Locale::En, 128_000_000, "USD"), "$1.28M");
        assert_eq!(compact(Locale::Zh, 123_456_789_000.0), "1,235亿");
        assert_eq!(compact(Locale::Zh, 1_054.0), "1,054");
    }
}
