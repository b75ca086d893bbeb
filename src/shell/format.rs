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
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}{}", symbol(currency), digits(minor.unsigned_abs(), currency))
}

/// `1,234.50 USD`: with the code of the currency, where amounts in others stand beside it.
pub fn money_coded(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{} {currency}", digits(minor.unsigned_abs(), currency))
}

fn digits(minor: u64, currency: &str) -> String {
    let scale = 10u64.pow(decimals(currency));
    let (whole, part) = (minor / scale, minor % scale);
    let mut text = grouped(whole as i64);
    if part != 0 {
        text.push_str(&format!(".{part:0width$}", width = decimals(currency) as usize));
    }
    text
}

/// A short form with at most four digits: `$1.28M`, `¥128.5万`. The full figure belongs into the tooltip.
pub fn money_compact(locale: Locale, minor: i64, currency: &str) -> String {
    let value = minor as f64 / 10f64.powi(decimals(currency) as i32);
    // Below a thousand too there are no cents, and never a single decimal of a unit.
    let text = compact(locale, if value.abs() < 1000.0 { value.abs().round() } else { value.abs() });
    format!("{}{}{text}", if minor < 0 && text != "0" { "-" } else { "" }, symbol(currency))
}

/// A number as 12.3K / 1.2M / 3.4B, in Chinese as 万 / 亿. Four digits stand as they are: nothing would be shorter.
pub fn compact(locale: Locale, value: f64) -> String {
    let steps: &[(f64, f64, &str)] = match locale {
        Locale::En => &[(1e9, 1e9, "B"), (1e6, 1e6, "M"), (1e4, 1e3, "K")],
        Locale::Zh => &[(1e8, 1e8, "亿"), (1e4, 1e4, "万")],
    };
    for (from, step, unit) in steps {
        if value >= *from * 0.99995 {
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

/// In minor units. Ten trillion of a currency with cents are beyond any deal, also where money counts little (in rupiah some 600
/// million dollars), and keep a slip of the finger or two out. Thousands of such amounts would still be too many for 64 bits, and
/// databases from before this bound hold larger ones: what adds amounts up does so by `store::sum`.
pub const LARGEST_AMOUNT: i64 = 1_000_000_000_000_000;

/// Why a text is no number, or no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is no number, or has more decimals than there are.
    Number,
    /// It is more than [`LARGEST_AMOUNT`].
    Large,
    /// Its commas or points can mean thousands or decimals, depending on who wrote them.
    Separators,
    /// It names a currency other than the one it should be in.
    Currency,
}

/// What may stand between thousands.
const THOUSANDS: [char; 5] = [',', '，', ' ', '\u{a0}', '\u{202f}'];

/// Reads a decimal number as people type it: `1234.5`, `1,234.5`, `1 234`. A comma stands only before groups of three digits: in
/// half of the world it begins the decimals, and 1,5 must not become 15.
pub fn parse_number(text: &str) -> Result<Decimal, Unread> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let groups: Vec<&str> = whole.split(THOUSANDS).collect();
    let is_grouped = match groups.as_slice() {
        [_] => true,
        [first, rest @ ..] => {
            (1..=3).contains(&first.len()) && !first.starts_with('0') && rest.iter().all(|group| group.len() == 3)
        }
        [] => false,
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number =
        !(whole.is_empty() && part.is_empty()) && are_digits(part) && groups.iter().all(|it| are_digits(it));
    if !is_number || !is_grouped {
        let is_separator = |c: char| c == '.' || THOUSANDS.contains(&c);
        let only_separated = digits.chars().all(|c| c.is_ascii_digit() || is_separator(c));
        let has_digits = digits.contains(|c: char| c.is_ascii_digit());
        return Err(if only_separated && has_digits { Unread::Separators } else { Unread::Number });
    }
    let point = if part.is_empty() { "" } else { "." };
    let plain = format!("{sign}0{}{point}{part}", groups.concat());
    Decimal::from_str_exact(&plain).map(|number| number.normalize()).map_err(|_| Unread::Number)
}

/// The currencies that a bare dollar sign is written for, the commonest first.
const DOLLARS: &[&str] = &[
    "USD", "AUD", "CAD", "HKD", "SGD", "NZD", "TWD", "MXN", "ARS", "BBD", "BMD", "BND", "BSD", "BZD", "CLP", "COP",
    "DOP", "FJD", "GYD", "JMD", "KYD", "LRD", "NAD", "SBD", "SRD", "TTD", "UYU", "XCD",
];

/// What names a currency beside an amount, apart from its code, and the currencies it may mean. What ends like another one stands
/// before it.
const MARKS: &[(&str, &[&str])] = &[
    ("US$", &["USD"]),
    ("HK$", &["HKD"]),
    ("NT$", &["TWD"]),
    ("NZ$", &["NZD"]),
    ("AU$", &["AUD"]),
    ("CA$", &["CAD"]),
    ("A$", &["AUD"]),
    ("C$", &["CAD"]),
    ("S$", &["SGD"]),
    ("R$", &["BRL"]),
    ("$", DOLLARS),
    ("CN¥", &["CNY"]),
    ("JP¥", &["JPY"]),
    ("¥", &["CNY", "JPY"]),
    ("￥", &["CNY", "JPY"]),
    ("€", &["EUR"]),
    ("£", &["GBP"]),
    ("RMB", &["CNY"]),
    ("人民币", &["CNY"]),
    ("美元", &["USD"]),
    ("欧元", &["EUR"]),
    ("英镑", &["GBP"]),
    ("日元", &["JPY"]),
    ("港元", &["HKD"]),
    ("港币", &["HKD"]),
    ("新台币", &["TWD"]),
    ("元", &["CNY", "HKD", "TWD", "MOP"]),
];

/// Whether a sign, a word or a code can stand for the currency.
fn names(mark: &str, currency: &str) -> bool {
    let known = MARKS.iter().find(|(known, _)| known.eq_ignore_ascii_case(mark));
    mark.eq_ignore_ascii_case(currency) || known.is_some_and(|(_, codes)| codes.contains(&currency))
}

/// The currency that a sign, a word or a code stands for; of several that it may mean, the company's own or else the commonest.
pub fn currency_named(mark: &str, own: &str) -> Option<String> {
    let mark = mark.trim();
    let code = mark.to_uppercase();
    if is_currency(&code) {
        return Some(code);
    }
    let (_, codes) = MARKS.iter().find(|(known, _)| known.eq_ignore_ascii_case(mark))?;
    Some(if codes.contains(&own) { own } else { codes[0] }.to_owned())
}

/// What stands for many digits behind a number.
const UNITS: &[(&str, u64)] =
    &[("亿", 100_000_000), ("万", 10_000), ("bn", 1_000_000_000), ("b", 1_000_000_000), ("m", 1_000_000), ("k", 1_000)];

fn begins<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.get(..mark.len()).filter(|begin| begin.eq_ignore_ascii_case(mark))
}

fn ends<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.get(text.len().checked_sub(mark.len())?..).filter(|end| end.eq_ignore_ascii_case(mark))
}

fn is_code(text: &&str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic()) && is_currency(&text.to_uppercase())
}

/// An amount taken apart: `-US$ 12.5k` is a minus, a mark in front, digits and a unit.
struct Written<'a> {
    is_negative: bool,
    digits: &'a str,
    factor: u64,
    before: &'a str,
    behind: &'a str,
}

impl<'a> Written<'a> {
    fn of(text: &'a str) -> Written<'a> {
        let text = text.trim();
        let (mut is_negative, mut rest) =
            text.strip_prefix('-').map_or((false, text), |rest| (true, rest.trim_start()));
        let named = MARKS.iter().find_map(|(mark, _)| begins(rest, mark));
        let before = named.or_else(|| rest.get(..3).filter(is_code)).unwrap_or("");
        rest = rest[before.len()..].trim_start();
        if let (false, Some(digits)) = (is_negative || before.is_empty(), rest.strip_prefix('-')) {
            (is_negative, rest) = (true, digits);
        }
        let named = MARKS.iter().find_map(|(mark, _)| ends(rest, mark));
        let code = || rest.get(rest.len().checked_sub(3)?..).filter(is_code);
        let behind = named.or_else(code).unwrap_or("");
        rest = rest[..rest.len() - behind.len()].trim_end();
        let unit = UNITS.iter().find_map(|(unit, factor)| Some((ends(rest, unit)?.len(), *factor)));
        let (length, factor) = unit.unwrap_or((0, 1));
        Written { is_negative, digits: rest[..rest.len() - length].trim(), factor, before, behind }
    }

    fn number(&self) -> Result<Decimal, Unread> {
        // A second minus is none.
        if self.digits.starts_with('-') {
            return Err(Unread::Number);
        }
        let number = parse_number(self.digits)?.checked_mul(Decimal::from(self.factor)).ok_or(Unread::Number)?;
        Ok(if self.is_negative { -number } else { number })
    }

    /// `12.500` is twelve and a half, or twelve thousand five hundred where points separate thousands.
    fn may_mean_thousands(&self) -> bool {
        let is_group =
            |(whole, part): (&str, &str)| (1..=3).contains(&whole.len()) && !whole.starts_with('0') && part.len() == 3;
        self.factor == 1 && self.digits.split_once('.').is_some_and(is_group)
    }
}

/// Reads an amount as people type it: `1,234.5`, `$12.3k`, `¥128.5万`, `3亿`, `USD 1,200`. Returns minor units.
///
/// Errors: it is no number, has more decimals than the currency or is too large; its separators are not clear; or it names another
/// currency. `$` may be any dollar, `¥` CNY or JPY.
pub fn parse_amount(text: &str, currency: &str) -> Result<i64, Unread> {
    let written = Written::of(text);
    if [written.before, written.behind].iter().any(|mark| !mark.is_empty() && !names(mark, currency)) {
        return Err(Unread::Currency);
    }
    let number = written.number()?;
    if decimals(currency) < 3 && written.may_mean_thousands() {
        return Err(Unread::Separators);
    }
    let minor = number.checked_mul(Decimal::from(10u64.pow(decimals(currency))));
    let minor = minor.filter(|minor| minor.fract().is_zero()).ok_or(Unread::Number)?;
    Some(minor)
        .filter(|minor| minor.abs() <= Decimal::from(LARGEST_AMOUNT))
        .and_then(|it| it.to_i64())
        .ok_or(Unread::Large)
}

/// The number of an amount as people type it, without its currency, separators and unit: `12345000` for `¥1,234.5 万`. `None`: it is
/// no number.
pub fn plain_number(text: &str) -> Option<String> {
    Some(Written::of(text).number().ok()?.normalize().to_string())
}

/// An amount multiplied, with the currency it names. `None`: it is no number.
pub fn multiplied_amount(text: &str, by: Decimal) -> Option<String> {
    let written = Written::of(text);
    let number = written.number().ok()?.checked_mul(by)?.normalize();
    Some(format!("{}{number}{}", written.before, written.behind))
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
    use proptest::prelude::*;

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
            assert_eq!(parse_amount(text, currency), Ok(minor), "{text}");
        }
        for text in ["", "-", ".", "abc", "1.0055", "--1", "$--1", "-$-1", "1e9", "1.5万亿"] {
            assert_eq!(parse_amount(text, "USD"), Err(Unread::Number), "{text}");
        }
        for (text, currency) in [
            ("10000000000000.01", "USD"),
            ("-10000000000000.01", "USD"),
            ("1000000000000001", "JPY"),
            ("-92233720368547758.08", "USD"),
            ("99999999999999999999", "USD"),
        ] {
            assert_eq!(parse_amount(text, currency), Err(Unread::Large), "{text}");
        }
        assert_eq!(parse_amount("10,000,000,000,000", "USD"), Ok(LARGEST_AMOUNT));
    }

    #[test]
    fn a_comma_stands_between_thousands_and_nowhere_else() {
        for (text, number) in [
            ("1234567.25", "1234567.25"),
            ("1,234,567.25", "1234567.25"),
            ("1，234", "1234"),
            ("1 234\u{a0}567", "1234567"),
            ("-12,345", "-12345"),
            (".5", "0.5"),
            ("5.", "5"),
        ] {
            assert_eq!(parse_number(text).map(|number| number.to_string()).as_deref(), Ok(number), "{text}");
        }
        for text in
            ["1234,50", "1,5", "12,34", "1,2345", "1234,567", "0,500", "1.234,50", "1.234.567", "1,,234", ",5", "1 5"]
        {
            assert_eq!(parse_number(text), Err(Unread::Separators), "{text}");
            assert_eq!(parse_amount(text, "EUR"), Err(Unread::Separators), "{text}");
            assert_eq!(parse_amount(&format!("€{text}"), "EUR"), Err(Unread::Separators), "{text}");
        }
        // With three decimals a point may be meant to separate thousands, but not where there are three decimals.
        for (text, currency, minor) in [
            ("12.500", "EUR", Err(Unread::Separators)),
            ("1.000", "JPY", Err(Unread::Separators)),
            ("12.500", "KWD", Ok(12_500)),
            ("0.500", "EUR", Ok(50)),
            ("1500.000", "EUR", Ok(150_000)),
            ("12.500万", "CNY", Ok(12_500_000)),
        ] {
            assert_eq!(parse_amount(text, currency), minor, "{text} {currency}");
        }
    }

    #[test]
    fn an_amount_that_names_another_currency_is_refused() {
        for (text, currencies) in [
            ("€12,000", &["EUR"][..]),
            ("12,000 €", &["EUR"]),
            ("£12,000", &["GBP"]),
            ("¥12,000", &["CNY", "JPY"]),
            ("￥12000", &["CNY", "JPY"]),
            ("JP¥12,000", &["JPY"]),
            ("12,000元", &["CNY", "HKD"]),
            ("1.2万美元", &["USD"]),
            ("人民币 1.2万元", &["CNY"]),
            ("$12,000", &["USD", "HKD"]),
            ("US$12k", &["USD"]),
            ("hk$ 12,000", &["HKD"]),
            ("usd 12,000", &["USD"]),
            ("12000EUR", &["EUR"]),
            ("$12,000 USD", &["USD"]),
            ("CHF 12,000", &["CHF"]),
        ] {
            for currency in ["CNY", "USD", "EUR", "GBP", "JPY", "HKD", "CHF"] {
                let scale = 10i64.pow(decimals(currency));
                let read = parse_amount(text, currency);
                let negative = parse_amount(&format!("-{text}"), currency);
                match currencies.contains(&currency) {
                    true => {
                        assert_eq!((read, negative), (Ok(12_000 * scale), Ok(-12_000 * scale)), "{text} {currency}")
                    }
                    false => assert_eq!(read, Err(Unread::Currency), "{text} {currency}"),
                }
            }
        }
        for (mark, own, named) in [
            ("USD", "CNY", Some("USD")),
            ("usd", "CNY", Some("USD")),
            ("$", "CNY", Some("USD")),
            ("$", "HKD", Some("HKD")),
            ("¥", "JPY", Some("JPY")),
            ("元", "USD", Some("CNY")),
            ("美元", "CNY", Some("USD")),
            ("expected", "CNY", None),
            ("k", "CNY", None),
        ] {
            assert_eq!(currency_named(mark, own).as_deref(), named, "{mark}");
        }
    }

    #[test]
    fn an_amount_that_is_multiplied_keeps_its_currency_and_its_sign() {
        let times = |text: &str| multiplied_amount(text, Decimal::from(1_000));
        assert_eq!(times("1,054").as_deref(), Some("1054000"));
        assert_eq!(times("-$1.25").as_deref(), Some("$-1250"));
        assert_eq!(times("1.5k USD").as_deref(), Some("1500000USD"));
        assert_eq!(times("1,5"), None);
        assert_eq!(parse_amount("$-1250", "USD"), Ok(-125_000));
        assert_eq!(parse_amount("1500000USD", "CNY"), Err(Unread::Currency));
    }

    proptest! {
        /// However an amount is shown, it is read back to the last minor unit; and as an amount of no other currency.
        #[test]
        fn what_is_shown_is_read_back(
            minor in -LARGEST_AMOUNT..=LARGEST_AMOUNT,
            currency in proptest::sample::select(vec!["CNY", "USD", "EUR", "GBP", "JPY", "KWD", "HKD", "CHF"]),
            other in proptest::sample::select(vec!["SEK", "PLN", "KRW"]),
        ) {
            let shown = money(minor, currency);
            prop_assert_eq!(parse_amount(&shown, currency), Ok(minor), "{}", shown);
            prop_assert_eq!(parse_amount(&shown, other), Err(Unread::Currency), "{}", shown);
            let plain = plain_amount(minor, currency);
            prop_assert_eq!(parse_amount(&plain, currency), Ok(minor), "{}", plain);
        }

        /// What is read is the number that stands there when its commas are gone; and where a comma is left out or put elsewhere,
        /// it is never another number.
        #[test]
        fn commas_change_no_number(whole in 0i64..1_000_000_000_000, cents in 0u32..100, at in 0usize..16) {
            let grouped = format!("{}.{cents:02}", grouped(whole));
            let number = Decimal::from(whole) + Decimal::new(i64::from(cents), 2);
            prop_assert_eq!(parse_number(&grouped), Ok(number.normalize()));
            let mut moved = format!("{whole}.{cents:02}");
            moved.insert(at.min(moved.len()), ',');
            if let Ok(read) = parse_number(&moved) {
                prop_assert_eq!(read, number.normalize(), "{}", moved);
            }
        }

        /// Whatever stands in a cell, reading it ends in a number or in a reason.
        #[test]
        fn no_text_is_too_odd(text in "[-0-9.,，$¥€£元万亿 A-Za-z]{0,12}") {
            if let Ok(minor) = parse_amount(&text, "CNY") {
                prop_assert!(minor.abs() <= LARGEST_AMOUNT);
                // A comma that was taken had three digits behind it.
                for (at, _) in text.match_indices(',') {
                    prop_assert!(text[at + 1..].bytes().take(3).filter(u8::is_ascii_digit).count() == 3, "{}", text);
                }
            }
        }
    }

    #[test]
    fn money_is_shown_in_the_readers_way() {
        assert_eq!(money(123_450, "USD"), "$1,234.50");
        assert_eq!(money(-120_000_000, "CNY"), "-¥1,200,000");
        assert_eq!(money_coded(702_001, "CNY"), "7,020.01 CNY");
        assert_eq!(money_coded(-100_000, "JPY"), "-100,000 JPY");
        assert_eq!(money_compact(Locale::Zh, 128_500_000, "CNY"), "¥128.5万");
        assert_eq!(money_compact(Locale::En, 128_000_000, "USD"), "$1.28M");
        assert_eq!(money_compact(Locale::En, 62_560, "USD"), "$626");
        assert_eq!(money_compact(Locale::En, -62_560, "USD"), "-$626");
        assert_eq!(money_compact(Locale::En, 99_960, "USD"), "$1,000");
        assert_eq!(money_compact(Locale::En, -40, "USD"), "$0");
        assert_eq!(money_compact(Locale::Zh, 4_830_050, "CNY"), "¥4.83万");
        assert_eq!(compact(Locale::Zh, 123_456_789_000.0), "1,235亿");
        assert_eq!(compact(Locale::Zh, 1_054.0), "1,054");
        assert_eq!(compact(Locale::En, 1_054.0), "1,054");
        assert_eq!(compact(Locale::En, 9_999.6), "10K");
        assert_eq!(compact(Locale::En, 76_838.8), "76.8K");
        assert_eq!(compact(Locale::En, 999_960.0), "1M");
    }
}
