//! From what people, files and programs write to stored values, and back to what they read.

use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value as Json, json};
use store::{Cell, Day, Instant, Uuid};

use super::field::{Field, Kind, Object, Several};
use crate::shell::error::FieldError;
use crate::shell::format::{self, Unread};
use crate::shell::i18n::Locale;

/// Where a typed text comes from decides what is understood.
#[derive(Debug, Clone)]
pub struct Reading<'a> {
    pub zone: &'a jiff::tz::TimeZone,
    /// The currency of the record that is being written.
    pub currency: &'a str,
}

/// Reads a text as the field's kind. Empty text is "no value".
///
/// Errors: a message key with the arguments the user needs to mend it. References are resolved elsewhere: here only ids pass.
pub fn parse(object: &Object, field: &Field, text: &str, reading: &Reading<'_>) -> Result<Cell, FieldError> {
    let text = text.trim();
    let wrong = |key: &str| FieldError::new(field.key, key);
    if text.is_empty() {
        return if field.required { Err(wrong("invalid-required")) } else { Ok(Cell::Null) };
    }
    if text.contains('\0') {
        return Err(wrong("invalid-text"));
    }
    let cell = match field.kind {
        Kind::Text { max } => limited(field, text, max)?,
        Kind::LongText => limited(field, text, 20_000)?,
        Kind::Email => {
            let plausible = text.len() <= 254
                && text.split_once('@').is_some_and(|(name, host)| {
                    !name.is_empty()
                        && host.contains('.')
                        && !host.starts_with('.')
                        && !host.ends_with('.')
                        && !host.contains('@')
                })
                && !text.contains(|c: char| {
                    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"')
                });
            if !plausible {
                return Err(wrong("invalid-email"));
            }
            // One address, however it is typed: what compares addresses need not think of capitals.
            Cell::Text(text.to_lowercase())
        }
        Kind::Phone => {
            let digits = text.chars().filter(char::is_ascii_digit).count();
            // Only what leads to an extension may be written in letters.
            let mut number = text.to_lowercase();
            for word in ["ext.", "ext", "转", "分机", "（", "）"] {
                number = number.replace(word, " ");
            }
            let plausible = (3..=20).contains(&digits)
                && text.chars().count() <= 40
                && number.chars().all(|c| c.is_ascii_digit() || "+-() .x/#".contains(c));
            if !plausible {
                return Err(wrong("invalid-phone"));
            }
            Cell::Text(text.to_owned())
        }
        Kind::Url => {
            let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
            let rest = full.strip_prefix("https://").or_else(|| full.strip_prefix("http://"));
            let plausible = rest.is_some_and(|rest| rest.contains('.') && rest.len() > 3)
                && full.len() <= 500
                && !full.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'));
            if !plausible {
                return Err(wrong("invalid-url"));
            }
            Cell::Text(full)
        }
        Kind::CreditCode => {
            let code = text.to_uppercase();
            if !is_credit_code(&code) {
                return Err(wrong("invalid-credit-code"));
            }
            Cell::Text(code)
        }
        Kind::Integer { min, max } => {
            let number = format::parse_number(text).map_err(|unread| match unread {
                Unread::Separators => FieldError::separators(field.key, text),
                _ => wrong("invalid-integer"),
            })?;
            // 1.000 is one, or a thousand where points separate thousands: a whole number has no point at all.
            let number = Some(number).filter(|_| !text.contains('.')).and_then(|number| number.to_i64());
            let number = number.ok_or_else(|| wrong("invalid-integer"))?;
            if !(min..=max).contains(&number) {
                return Err(wrong("invalid-range").with("min", min).with("max", max));
            }
            Cell::Int(number)
        }
        Kind::Percent => {
            let number: i64 = text.trim_end_matches(['%', '％', ' ']).parse().map_err(|_| wrong("invalid-integer"))?;
            if !(0..=100).contains(&number) {
                return Err(wrong("invalid-range").with("min", 0).with("max", 100));
            }
            Cell::Int(number)
        }
        Kind::Money | Kind::BaseMoney => Cell::Int(
            format::parse_amount(text, reading.currency)
                .map_err(|unread| FieldError::no_amount(field.key, text, reading.currency, unread))?,
        ),
        Kind::Currency => {
            let code = text.to_uppercase();
            if !format::is_currency(&code) {
                return Err(wrong("invalid-currency"));
            }
            Cell::Text(code)
        }
        Kind::Date => Cell::Int(Day::parse(text).ok_or_else(|| wrong("invalid-date"))?.0),
        Kind::Instant => Cell::Int(parse_instant(text, reading.zone).ok_or_else(|| wrong("invalid-instant"))?.0),
        Kind::Bool => match text.to_lowercase().as_str() {
            "1" | "true" | "yes" | "on" | "y" | "是" => Cell::Int(1),
            "0" | "false" | "no" | "off" | "n" | "否" => Cell::Int(0),
            _ => return Err(wrong("invalid-bool")),
        },
        Kind::Choice(choices) => match choose(object, field, choices, text) {
            Some(choice) => Cell::Text(choice.to_owned()),
            None => return Err(wrong("invalid-choice").with("value", text)),
        },
        Kind::Ref(_) => Cell::Id(text.parse().map_err(|_| wrong("invalid-reference").with("value", text))?),
    };
    Ok(cell)
}

/// A choice by its key or by its label in either language.
fn choose(object: &Object, field: &Field, choices: &[&'static str], text: &str) -> Option<&'static str> {
    // The key first: looking labels up in two languages for every cell of a file would cost more than the rest of its row.
    choices.iter().copied().find(|choice| choice.eq_ignore_ascii_case(text)).or_else(|| {
        let lower = text.to_lowercase();
        choices.iter().copied().find(|choice| {
            let key = object.choice_key(field, choice);
            Locale::ALL.iter().any(|locale| locale.text(&key).to_lowercase() == lower)
        })
    })
}

fn limited(field: &Field, text: &str, max: usize) -> Result<Cell, FieldError> {
    if text.chars().count() > max {
        return Err(FieldError::new(field.key, "invalid-too-long").with("max", max));
    }
    let one_line = !matches!(field.kind, Kind::LongText);
    if text.chars().any(|c| c.is_control() && (one_line || !matches!(c, '\n' | '\r' | '\t'))) {
        return Err(FieldError::new(field.key, "invalid-text"));
    }
    Ok(Cell::Text(text.to_owned()))
}

/// `2026-11-24T09:30`, with a space, with seconds, or with a zone; without one it is local time of the organisation.
pub fn parse_instant(text: &str, zone: &jiff::tz::TimeZone) -> Option<Instant> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(Instant(timestamp.as_microsecond()));
    }
    if let Some(day) = Day::parse(text) {
        return Some(Instant::start_of(day, zone));
    }
    let local: jiff::civil::DateTime = text.replacen(' ', "T", 1).parse().ok()?;
    (1900..=2999).contains(&local.year()).then_some(())?;
    Some(Instant(zone.to_timestamp(local).ok()?.as_microsecond()))
}

/// Check digit of GB 32100-2015: weights are powers of 3 modulo 31 over an alphabet without I, O, S, V, Z.
pub fn is_credit_code(code: &str) -> bool {
    const ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    if code.len() != 18 {
        return false;
    }
    let Some(digits) = code.chars().map(|c| ALPHABET.find(c).map(|at| at as u32)).collect::<Option<Vec<u32>>>() else {
        return false;
    };
    let mut weight = 1u32;
    let mut sum = 0u32;
    for digit in &digits[..17] {
        sum += digit * weight;
        weight = weight * 3 % 31;
    }
    (31 - sum % 31) % 31 == digits[17]
}

/// The stored value as a form or export writes it: exact, round-trips through [`parse`].
pub fn plain(field: &Field, cell: &Cell, currency: &str, zone: &jiff::tz::TimeZone) -> String {
    match (field.kind, cell) {
        (_, Cell::Null) => String::new(),
        (Kind::Money | Kind::BaseMoney, Cell::Int(minor)) => format::plain_amount(*minor, currency),
        (Kind::Date, Cell::Int(day)) => Day(*day).to_string(),
        (Kind::Instant, Cell::Int(micros)) => {
            let local = zone.to_datetime(Instant(*micros).timestamp());
            format!("{}T{:02}:{:02}", local.date(), local.hour(), local.minute())
        }
        (Kind::Bool, Cell::Int(value)) => if *value == 1 { "true" } else { "false" }.into(),
        (_, Cell::Int(value)) => value.to_string(),
        (_, Cell::Text(text)) => text.clone(),
        (_, Cell::Id(id)) => id.to_string(),
        (_, Cell::Float(value)) => value.to_string(),
    }
}

/// The stored value as the viewer reads it. References come with their label.
pub fn shown(
    object: &Object,
    field: &Field,
    cell: &Cell,
    label: Option<&str>,
    currency: &str,
    locale: Locale,
    zone: &jiff::tz::TimeZone,
) -> String {
    if let (Some(several), Cell::Text(text)) = (field.several, cell) {
        return names_of(several, text, locale);
    }
    match (field.kind, cell) {
        (_, Cell::Null) => String::new(),
        (Kind::Money | Kind::BaseMoney, Cell::Int(minor)) => format::money(*minor, currency),
        (Kind::Date, Cell::Int(day)) => format::date(locale, Day(*day)),
        (Kind::Instant, Cell::Int(micros)) => format::instant(locale, Instant(*micros), zone),
        (Kind::Bool, Cell::Int(value)) => locale.text(if *value == 1 { "yes" } else { "no" }),
        (Kind::Percent, Cell::Int(value)) => format!("{value}%"),
        (Kind::Integer { .. }, Cell::Int(value)) if field.key == "founded_year" => value.to_string(),
        (Kind::Integer { .. }, Cell::Int(value)) => format::grouped(*value),
        (Kind::Choice(_), Cell::Text(choice)) => locale.text(&object.choice_key(field, choice)),
        (Kind::Ref(_), Cell::Id(_)) => label.unwrap_or("—").to_owned(),
        _ => plain(field, cell, currency, zone),
    }
}

/// `seller manager` → "Sales manager, Seller", in the order in which a form offers them.
pub fn names_of(several: Several, text: &str, locale: Locale) -> String {
    let is_named = |key: &&&str| text.split([' ', ',', ';']).any(|named| named == **key);
    let names = several.keys.iter().filter(is_named).map(|key| locale.text(&format!("{}-{key}", several.prefix)));
    names.collect::<Vec<_>>().join(locale.list_comma())
}

/// The stored value as the API gives it.
pub fn to_json(field: &Field, cell: &Cell, currency: &str) -> Json {
    match (field.kind, cell) {
        (_, Cell::Null) => Json::Null,
        (Kind::Money | Kind::BaseMoney, Cell::Int(minor)) => json!(format::plain_amount(*minor, currency)),
        (Kind::Date, Cell::Int(day)) => json!(Day(*day).to_string()),
        (Kind::Instant, Cell::Int(micros)) => json!(Instant(*micros).timestamp().to_string()),
        (Kind::Bool, Cell::Int(value)) => json!(*value == 1),
        (_, Cell::Int(value)) => json!(value),
        (_, Cell::Text(text)) => json!(text),
        (_, Cell::Id(id)) => json!(id),
        (_, Cell::Float(value)) => json!(value),
    }
}

/// JSON of the API as the text that [`parse`] reads; the JSON type must fit the field.
pub fn from_json(field: &Field, value: &Json) -> Result<String, FieldError> {
    let wrong = || Err(FieldError::new(field.key, "invalid-json-type"));
    match (field.kind, value) {
        (_, Json::Null) => Ok(String::new()),
        (Kind::Integer { .. } | Kind::Percent, Json::Number(number)) if number.is_i64() => Ok(number.to_string()),
        (Kind::Integer { .. } | Kind::Percent, _) => wrong(),
        (Kind::Bool, Json::Bool(value)) => Ok(value.to_string()),
        (Kind::Bool, _) => wrong(),
        (_, Json::String(text)) => Ok(text.clone()),
        _ => wrong(),
    }
}

/// A cell as JSON inside events: stored form, no formatting.
pub fn raw_json(cell: &Cell) -> Json {
    match cell {
        Cell::Null => Json::Null,
        Cell::Int(value) => json!(value),
        Cell::Text(text) => json!(text),
        Cell::Id(id) => json!(id),
        Cell::Float(value) => json!(value),
    }
}

/// The inverse of [`raw_json`] for a field.
pub fn from_raw_json(field: &Field, value: &Json) -> Cell {
    match (field.kind, value) {
        (_, Json::Null) => Cell::Null,
        (Kind::Ref(_), Json::String(text)) => text.parse::<Uuid>().map_or(Cell::Null, Cell::Id),
        // Old events may tell of one in capitals; what is put back stands as it would be read today.
        (Kind::Email, Json::String(text)) => Cell::Text(text.to_lowercase()),
        (_, Json::String(text)) => Cell::Text(text.clone()),
        (_, Json::Number(number)) => {
            number.as_i64().map(Cell::Int).or(number.as_f64().map(Cell::Float)).unwrap_or(Cell::Null)
        }
        (_, Json::Bool(value)) => Cell::Int(i64::from(*value)),
        _ => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_may_have_an_extension_but_no_other_words() {
        let reading = Reading { zone: &jiff::tz::TimeZone::UTC, currency: "USD" };
        let object = crate::tools::crm::REGISTRY.get("contact").unwrap();
        let phone = object.field("phone").unwrap();
        for text in ["+86 10 0000 1234 转 801", "312-555-0100 ext. 801", "(312) 555-0100 x801"] {
            assert!(parse(object, phone, text, &reading).is_ok(), "{text}");
        }
        for text in ["12", "call me", "555-0100<script>", "1234567890123456789012"] {
            assert!(parse(object, phone, text, &reading).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let reading = Reading { zone: &jiff::tz::TimeZone::UTC, currency: "USD" };
        for name in ["contact", "lead", "person"] {
            let object = crate::tools::crm::REGISTRY.get(name).unwrap();
            let email = object.field("email").unwrap();
            let read = parse(object, email, " Ann.Moe@One.Example ", &reading);
            assert_eq!(read, Ok(Cell::Text("ann.moe@one.example".into())), "{name}");
            let put_back = from_raw_json(email, &json!("Ann.Moe@One.Example"));
            assert_eq!(put_back, Cell::Text("ann.moe@one.example".into()), "{name}");
        }
    }

    #[test]
    fn a_whole_number_is_never_read_as_another_one() {
        let reading = Reading { zone: &jiff::tz::TimeZone::UTC, currency: "USD" };
        let object = crate::tools::crm::REGISTRY.get("account").unwrap();
        let employees = object.field("employees").unwrap();
        let read = |text: &str| parse(object, employees, text, &reading);
        for (text, number) in [("1500", 1500), ("1,500", 1500), ("1，500", 1500), ("1 500", 1500)] {
            assert_eq!(read(text), Ok(Cell::Int(number)), "{text}");
        }
        for (text, key) in [
            ("1,5", "invalid-separators"),
            ("15,00", "invalid-separators"),
            ("1.500", "invalid-integer"),
            ("15.0", "invalid-integer"),
            ("many", "invalid-integer"),
        ] {
            assert_eq!(read(text).map_err(|error| error.key), Err(key.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_credit_code_with_a_wrong_digit_is_refused() {
        assert!(is_credit_code("91350100M000100Y43"));
        assert!(!is_credit_code("91350100M000100Y44"));
        assert!(!is_credit_code("91350100M000100Y4"));
        assert!(!is_credit_code("91350100I000100Y43"));
    }
}
