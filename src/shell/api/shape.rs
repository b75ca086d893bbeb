//! The JSON shape of a field. One table is both what the OpenAPI document says and what a body is checked against, so
//! the document cannot promise what the program refuses. A body that does not have the shape is answered with 400;
//! one that has it and still breaks a rule (a reference that is not there, a stage without evidence) with 422.

use jiff::civil::Date;
use serde_json::{Map, Value as Json, json};
use store::{Day, Uuid};

use crate::shell::error::{Error, FieldError};
use crate::shell::record::{Field, Kind, Object, Write};

/// A set of texts, as a pattern for readers of the document and as a test for the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lexis {
    /// One line without control characters.
    Line,
    /// Lines, tabs, no other control characters.
    Lines,
    Phone,
    Url,
    CreditCode,
    Amount,
    Currency,
}

impl Lexis {
    pub const ALL: [Lexis; 7] =
        [Lexis::Line, Lexis::Lines, Lexis::Phone, Lexis::Url, Lexis::CreditCode, Lexis::Amount, Lexis::Currency];

    pub fn pattern(self) -> &'static str {
        match self {
            Lexis::Line => r"^[^\u0000-\u001f\u007f-\u009f]*$",
            Lexis::Lines => r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$",
            Lexis::Phone => r"^[0-9+().x/# -]{3,40}$",
            Lexis::Url => r"^https?://[!#-;=?-~]+$",
            Lexis::CreditCode => "^[0-9A-HJ-NPQRTUWXY]{18}$",
            Lexis::Amount => r"^-?[0-9]{1,15}(\.[0-9]{1,3})?$",
            Lexis::Currency => "^[A-Z]{3}$",
        }
    }

    pub fn matches(self, text: &str) -> bool {
        match self {
            Lexis::Line => !text.chars().any(char::is_control),
            Lexis::Lines => !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')),
            Lexis::Phone => {
                (3..=40).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit() || "+().x/# -".contains(c))
            }
            Lexis::Url => text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).is_some_and(|rest| {
                !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>'))
            }),
            Lexis::CreditCode => {
                text.len() == 18
                    && text.chars().all(|c| {
                        c.is_ascii_digit() || (c.is_ascii_uppercase() && !matches!(c, 'I' | 'O' | 'S' | 'V' | 'Z'))
                    })
            }
            Lexis::Amount => is_decimal(text.strip_prefix('-').unwrap_or(text), 15, 3),
            Lexis::Currency => text.len() == 3 && text.chars().all(|c| c.is_ascii_uppercase()),
        }
    }
}

/// Whether a text is a decimal number with at most so many digits before and behind its point.
pub fn is_decimal(text: &str, whole: usize, part: usize) -> bool {
    let (before, behind) = text.split_once('.').map_or((text, None), |(before, behind)| (before, Some(behind)));
    let are_digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
    are_digits(before, whole) && behind.is_none_or(|behind| are_digits(behind, part))
}

/// What a field looks like in JSON.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Text { most: usize, lexis: Option<Lexis>, format: Option<&'static str> },
    Whole { least: i64, most: i64 },
    Bool,
    Choice(&'static [&'static str]),
    Id,
    Date,
    Instant,
}

impl Shape {
    pub fn of(field: &Field) -> Shape {
        let text = |most, lexis| Shape::Text { most, lexis: Some(lexis), format: None };
        match field.kind {
            Kind::Text { max } => text(max, Lexis::Line),
            Kind::LongText => text(20_000, Lexis::Lines),
            Kind::Email => Shape::Text { most: 254, lexis: None, format: Some("email") },
            Kind::Phone => text(40, Lexis::Phone),
            Kind::Url => text(500, Lexis::Url),
            Kind::CreditCode => text(18, Lexis::CreditCode),
            Kind::Integer { min, max } => Shape::Whole { least: min, most: max },
            Kind::Percent => Shape::Whole { least: 0, most: 100 },
            Kind::Money | Kind::BaseMoney => text(20, Lexis::Amount),
            Kind::Currency => text(3, Lexis::Currency),
            Kind::Date => Shape::Date,
            Kind::Instant => Shape::Instant,
            Kind::Bool => Shape::Bool,
            Kind::Choice(choices) => Shape::Choice(choices),
            Kind::Ref(_) => Shape::Id,
        }
    }

    /// The schema of a value that is there. `reading`: what is stored may be older than today's bounds, so answers
    /// promise type and format only.
    fn schema(self, reading: bool) -> Map<String, Json> {
        let schema = match self {
            Shape::Text { format: Some(format), .. } if reading => json!({ "type": "string", "format": format }),
            Shape::Text { .. } if reading => json!({ "type": "string" }),
            Shape::Text { most, lexis, format } => {
                let mut schema = json!({ "type": "string", "maxLength": most });
                if let Some(lexis) = lexis {
                    schema["pattern"] = json!(lexis.pattern());
                }
                if let Some(format) = format {
                    schema["format"] = json!(format);
                }
                schema
            }
            Shape::Whole { .. } if reading => json!({ "type": "integer" }),
            Shape::Whole { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Shape::Bool => json!({ "type": "boolean" }),
            Shape::Choice(choices) => json!({ "type": "string", "enum": choices }),
            Shape::Id => json!({ "type": "string", "format": "uuid" }),
            Shape::Date => json!({ "type": "string", "format": "date" }),
            Shape::Instant => json!({ "type": "string", "format": "date-time" }),
        };
        let Json::Object(schema) = schema else { unreachable!("every schema above is an object") };
        schema
    }

    /// Whether a value that is there has this shape. Formats (dates, mail addresses) are read later, where their
    /// errors are told apart.
    fn fits(self, value: &Json) -> bool {
        match (self, value) {
            (Shape::Text { most, lexis, .. }, Json::String(text)) => {
                text.chars().count() <= most && lexis.is_none_or(|lexis| lexis.matches(text))
            }
            (Shape::Whole { least, most }, Json::Number(_)) => {
                whole(value).is_some_and(|number| (least..=most).contains(&number))
            }
            (Shape::Bool, Json::Bool(_)) => true,
            (Shape::Choice(choices), Json::String(text)) => choices.contains(&text.as_str()),
            (Shape::Id, Json::String(text)) => uuid(text).is_some(),
            (Shape::Date | Shape::Instant, Json::String(text)) => text.len() <= 60,
            _ => false,
        }
    }
}

/// JSON knows one kind of number: `5.0` is the whole number 5.
pub fn whole(value: &Json) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// An id as the API writes it, in no other spelling.
pub fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

/// A day that stands beside the fields of a record.
///
/// Errors: malformed if it is no date; refused, as no schema says it, if it is none of the years that are kept.
pub fn day(name: &str, text: &str) -> Result<Day, Error> {
    let is_date = text.len() == 10 && text.parse::<Date>().is_ok_and(|date| date.to_string() == text);
    match Day::parse(text).filter(|day| day.to_string() == text) {
        Some(day) => Ok(day),
        None if is_date => Err(Error::field(name, "invalid-date")),
        None => Err(Error::malformed(name, "invalid-date")),
    }
}

/// Whether a body that makes or changes a record may hold the field.
pub fn is_written(field: &Field, creating: bool) -> bool {
    match field.write {
        // An input without a column belongs to files that are taken over, unless it says something about a new record.
        Write::Always => !field.is_virtual(),
        Write::OnCreate => creating,
        Write::Never => false,
    }
}

/// The fields of an answer.
pub fn is_read(field: &Field) -> bool {
    field.is_read()
}

/// Checks one value against its field. `null` empties a field that need not be filled.
pub fn check(field: &Field, value: &Json) -> Result<(), FieldError> {
    if value.is_null() {
        return if field.required { Err(FieldError::new(field.key, "invalid-required")) } else { Ok(()) };
    }
    let shape = Shape::of(field);
    if shape.fits(value) && !(field.required && value.as_str() == Some("")) {
        return Ok(());
    }
    let error = FieldError::new(field.key, key_of(shape, value));
    Err(match shape {
        Shape::Whole { least, most } => error.with("min", least).with("max", most),
        Shape::Text { most, .. } => error.with("max", most),
        _ => error.with("value", value.as_str().unwrap_or_default()),
    })
}

fn key_of(shape: Shape, value: &Json) -> &'static str {
    match (shape, value) {
        (Shape::Whole { .. }, Json::Number(_)) if whole(value).is_some() => "invalid-range",
        (Shape::Whole { .. }, Json::Number(_)) => "invalid-integer",
        (Shape::Choice(_), Json::String(_)) => "invalid-choice",
        (Shape::Id, Json::String(_)) => "invalid-reference",
        (Shape::Text { .. }, Json::String(text)) if text.is_empty() => "invalid-required",
        (Shape::Text { most, .. }, Json::String(text)) if text.chars().count() > most => "invalid-too-long",
        (Shape::Text { lexis: Some(lexis), .. }, Json::String(_)) => match lexis {
            Lexis::Line | Lexis::Lines => "invalid-text",
            Lexis::Phone => "invalid-phone",
            Lexis::Url => "invalid-url",
            Lexis::CreditCode => "invalid-credit-code",
            Lexis::Amount => "invalid-amount-text",
            Lexis::Currency => "invalid-currency",
        },
        _ => "invalid-json-type",
    }
}

/// The schema of a field in a body.
pub fn written(field: &Field) -> Json {
    let mut schema = Shape::of(field).schema(false);
    if field.required {
        if schema.get("type") == Some(&json!("string")) && schema.contains_key("maxLength") {
            schema.insert("minLength".into(), json!(1));
        }
    } else {
        allow_null(&mut schema);
    }
    Json::Object(schema)
}

/// The schema of a field in an answer: empty values are `null`.
pub fn read(field: &Field) -> Json {
    let mut schema = Shape::of(field).schema(true);
    if field.is_amount() {
        schema.insert("pattern".into(), json!(r"^-?[0-9]+(\.[0-9]+)?$"));
    }
    allow_null(&mut schema);
    if field.write == Write::Never {
        schema.insert("readOnly".into(), json!(true));
    }
    Json::Object(schema)
}

fn allow_null(schema: &mut Map<String, Json>) {
    if let Some(name) = schema.get("type").cloned() {
        schema.insert("type".into(), json!([name, "null"]));
    }
    if let Some(Json::Array(choices)) = schema.get_mut("enum") {
        choices.push(Json::Null);
    }
}

/// A value that the field takes, for the document.
pub fn example(object: &Object, field: &Field) -> Json {
    let named = match (object.name, field.key) {
        ("person", "name") | ("contact", "name") | ("lead", "name") => Some("Lin Yue"),
        ("opportunity", "name") => Some("Harbour Instruments: 40 seats"),
        ("product", "name") => Some("Analysis suite"),
        ("account", "name") | (_, "company") => Some("Harbour Instruments"),
        ("product", "code") => Some("AS-100"),
        (_, "subject") => Some("Agree on the test installation"),
        (_, "country") => Some("China"),
        (_, "province") | (_, "city") => Some("Shanghai"),
        (_, "job_title") => Some("Head of purchasing"),
        (_, "next_step") => Some("Send the proposal"),
        (_, "roles") => Some("seller"),
        (_, "password") => Some("at-least-ten-characters"),
        // Not on a day that is still to come.
        (_, "created_on") => Some("2026-11-20"),
        _ => None,
    };
    if let Some(text) = named {
        return json!(text);
    }
    match field.kind {
        Kind::Text { .. } | Kind::LongText => json!("Some words"),
        Kind::Email => json!("lin.yue@harbour.example"),
        Kind::Phone => json!("+86 21 5555 0100"),
        Kind::Url => json!("https://harbour.example"),
        Kind::CreditCode => json!("91350100M000100Y43"),
        Kind::Integer { min, max } => json!(50.clamp(min, max)),
        Kind::Percent => json!(30),
        Kind::Money | Kind::BaseMoney => json!("12500.00"),
        Kind::Currency => json!("USD"),
        Kind::Date => json!("2026-12-15"),
        Kind::Instant => json!("2026-11-24T09:30:00Z"),
        Kind::Bool => json!(true),
        Kind::Choice(choices) => json!(choices.first()),
        Kind::Ref(_) => json!("01930000-0000-7000-8000-000000000000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        assert_eq!(whole(&json!(5.0)), Some(5));
        assert_eq!(whole(&json!(5.5)), None);
        assert_eq!(whole(&json!(1e300)), None);
    }

    #[test]
    fn the_texts_of_a_lexis_are_told_from_others() {
        for (lexis, text, matches) in [
            (Lexis::Line, "云帆 & Co", true),
            (Lexis::Line, "two\nlines", false),
            (Lexis::Lines, "two\nlines", true),
            (Lexis::Lines, "bell\u{7}", false),
            (Lexis::Phone, "+86 (21) 5555-0100", true),
            (Lexis::Phone, "12", false),
            (Lexis::Url, "https://a.example/x?y=1", true),
            (Lexis::Url, "javascript:alert(1)", false),
            (Lexis::Url, "https://a b", false),
            (Lexis::CreditCode, "91350100M000100Y43", true),
            (Lexis::CreditCode, "91350100I000100Y43", false),
            (Lexis::Amount, "-12.345", true),
            (Lexis::Amount, "1,200", false),
            (Lexis::Amount, "12.", false),
            (Lexis::Currency, "CNY", true),
            (Lexis::Currency, "cny", false),
        ] {
            assert_eq!(lexis.matches(text), matches, "{lexis:?} {text:?}");
        }
    }
}
