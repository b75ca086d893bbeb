//! A mapping says how the columns of a file become the fields of a record. On the screen it is a form; between screens,
//! in `trivet import --mapping` and in `demo/mappings` it is TOML:
//!
//! ```toml
//! object = "opportunity"
//! key = "external_id"          # a field: how a row finds the record it belongs to; without it every row is a new record
//! on_match = "update"          # update | skip | create
//! date_order = "mdy"           # ymd | mdy | dmy, for dates that do not begin with the year
//! decimal_sign = "comma"       # point | comma: 1.234,50 instead of 1,234.50
//! shift_days = 0               # added to every date
//! reason = "Taken over"        # why deals begin in, or move to, stages for which nothing speaks yet
//! [columns.deal_stage]
//! field = "stage"              # "": not imported
//! replace = { Won = "赢单" }   # whole cells, before anything else
//! scale = "7"                  # numbers are multiplied
//! [defaults]                   # for new records, where the cell is empty or there is no column
//! name = "{account} · {product}"
//! ```

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use store::Day;

use crate::shell::api::Members;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::record::{Field, Kind, Object, Registry, Write};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub object: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default)]
    pub on_match: OnMatch,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
    #[serde(default, skip_serializing_if = "DecimalSign::is_point")]
    pub decimal_sign: DecimalSign,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift_days: i64,
    /// Why deals begin in, or move to, stages for which nothing speaks yet; for all rows that do not say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_REASON))]
    pub reason: Option<String>,
    /// How the file is read; what is not said is detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    #[serde(default, deserialize_with = "columns")]
    pub columns: BTreeMap<String, Column>,
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Empty: the column is not imported.
    #[serde(default)]
    pub field: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replace: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_order: Option<DateOrder>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMatch {
    #[default]
    Update,
    Skip,
    Create,
}

impl OnMatch {
    pub const ALL: [OnMatch; 3] = [OnMatch::Update, OnMatch::Skip, OnMatch::Create];
    pub fn key(self) -> &'static str {
        match self {
            OnMatch::Update => "update",
            OnMatch::Skip => "skip",
            OnMatch::Create => "create",
        }
    }
    pub fn parse(text: &str) -> Option<OnMatch> {
        OnMatch::ALL.into_iter().find(|choice| choice.key() == text)
    }
}

/// How a date is written that does not begin with the year: 3/1/2017 is in March or in January.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    Ymd,
    Mdy,
    Dmy,
}

impl DateOrder {
    pub const ALL: [DateOrder; 3] = [DateOrder::Ymd, DateOrder::Mdy, DateOrder::Dmy];
    pub fn key(self) -> &'static str {
        match self {
            DateOrder::Ymd => "ymd",
            DateOrder::Mdy => "mdy",
            DateOrder::Dmy => "dmy",
        }
    }
    pub fn parse(text: &str) -> Option<DateOrder> {
        DateOrder::ALL.into_iter().find(|order| order.key() == text)
    }
}

/// What stands before the decimals of a file's numbers; the other sign separates thousands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecimalSign {
    #[default]
    Point,
    Comma,
}

impl DecimalSign {
    pub const ALL: [DecimalSign; 2] = [DecimalSign::Point, DecimalSign::Comma];
    pub fn key(self) -> &'static str {
        match self {
            DecimalSign::Point => "point",
            DecimalSign::Comma => "comma",
        }
    }
    pub fn parse(text: &str) -> Option<DecimalSign> {
        DecimalSign::ALL.into_iter().find(|sign| sign.key() == text)
    }
    fn is_point(&self) -> bool {
        *self == DecimalSign::Point
    }
}

/// Each column is a table of its own; a list of its members is none.
fn columns<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Column>, D::Error> {
    let columns = BTreeMap::<String, Members<Column>>::deserialize(deserializer)?;
    Ok(columns.into_iter().map(|(name, Members(column))| (name, column)).collect())
}

/// As long as the reason that a single deal takes.
pub const LONGEST_REASON: usize = 500;
/// Dates are moved by at most a century.
const FURTHEST_SHIFT: i64 = 36_525;

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Mapping {
    pub fn new(object: &Object) -> Mapping {
        Mapping {
            object: object.name.into(),
            key: None,
            on_match: OnMatch::default(),
            date_order: None,
            decimal_sign: DecimalSign::default(),
            shift_days: 0,
            reason: None,
            encoding: None,
            delimiter: None,
            sheet: None,
            columns: BTreeMap::new(),
            defaults: BTreeMap::new(),
        }
    }

    /// Errors: what is no TOML of a mapping, with the place.
    pub fn parse(text: &str) -> Result<Mapping> {
        toml::from_str(text).map_err(|error| {
            Error::Invalid(vec![FieldError::new("mapping", "import-mapping-unreadable").with("cause", error.message())])
        })
    }

    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a mapping is plain text and tables")
    }

    /// The reason as it is kept; `None`: there is none.
    ///
    /// Errors: it is too long, or holds what can't be stored.
    fn reason(&self) -> Result<Option<String>, FieldError> {
        let Some(text) = self.reason.as_deref().map(one_line).filter(|text| !text.is_empty()) else { return Ok(None) };
        if text.chars().count() > LONGEST_REASON {
            return Err(FieldError::new("reason", "invalid-too-long").with("max", LONGEST_REASON));
        }
        if text.chars().any(char::is_control) {
            return Err(FieldError::new("reason", "invalid-text"));
        }
        Ok(Some(text))
    }

    pub fn options(&self) -> paper::sheet::Options {
        paper::sheet::Options {
            encoding: self.encoding.as_deref().and_then(paper::sheet::Encoding::parse),
            delimiter: self.delimiter,
            sheet: self.sheet.clone(),
        }
    }

    /// Fits the mapping to a file's headings.
    ///
    /// Errors: every name that does not exist, every field that two columns claim, a key that no column fills.
    pub fn plan(&self, registry: &Registry, headers: &[String]) -> Result<Plan> {
        let mut errors = Vec::new();
        let wrong = |field: &str, key: &str, value: &str| FieldError::new(field, key).with("value", value);
        let object = registry
            .get(&self.object)
            .ok_or_else(|| Error::Invalid(vec![wrong("object", "import-unknown-object", &self.object)]))?;
        let mut columns: Vec<PlannedColumn> = headers.iter().map(|_| PlannedColumn::default()).collect();
        let mut taken: Vec<&str> = Vec::new();
        for (name, column) in &self.columns {
            let Some(at) = headers.iter().position(|header| header == name) else {
                if !column.field.is_empty() {
                    errors.push(wrong(name, "import-no-such-column", name));
                }
                continue;
            };
            let planned = &mut columns[at];
            planned.replace = column.replace.clone();
            planned.order = column.date_order.or(self.date_order);
            planned.decimal_sign = self.decimal_sign;
            if let Some(scale) = &column.scale {
                match scale.trim().parse() {
                    Ok(factor) => planned.scale = Some(factor),
                    Err(_) => errors.push(wrong(name, "import-scale-no-number", scale)),
                }
            }
            if column.field.is_empty() {
                continue;
            }
            match object.field(&column.field).filter(|field| field.write != Write::Never) {
                None => errors.push(wrong(name, "import-unknown-field", &column.field)),
                Some(field) if taken.contains(&field.key) => {
                    errors.push(wrong(name, "import-field-twice", field.key));
                }
                Some(field) => {
                    taken.push(field.key);
                    planned.field = Some(field);
                }
            }
        }
        let mut defaults = Vec::new();
        for (key, text) in &self.defaults {
            match object.field(key).filter(|field| field.write != Write::Never) {
                None => errors.push(wrong(key, "import-unknown-field", key)),
                Some(field) => match Template::parse(text, headers) {
                    Ok(template) => defaults.push((field, template)),
                    Err(column) => errors.push(wrong(key, "import-no-such-column", &column)),
                },
            }
        }
        let key = self.key.as_deref().filter(|key| !key.is_empty());
        let key_field = key.and_then(|key| object.field(key)).filter(|field| !field.is_virtual());
        match (key, key_field) {
            (Some(key), None) => errors.push(wrong("key", "import-unknown-field", key)),
            (Some(key), Some(field)) if !taken.contains(&field.key) => {
                errors.push(wrong("key", "import-key-unmapped", key))
            }
            _ => {}
        }
        if !(-FURTHEST_SHIFT..=FURTHEST_SHIFT).contains(&self.shift_days) {
            let far = FieldError::new("shift_days", "invalid-range");
            errors.push(far.with("min", -FURTHEST_SHIFT).with("max", FURTHEST_SHIFT));
        }
        let reason = self.reason().unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if taken.is_empty() && errors.is_empty() {
            errors.push(FieldError::new("mapping", "import-nothing-mapped"));
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let Mapping { on_match, shift_days, decimal_sign, .. } = *self;
        Ok(Plan { object, columns, defaults, key: key_field, on_match, shift_days, decimal_sign, reason })
    }
}

/// A mapping that fits a file.
#[derive(Debug)]
pub struct Plan {
    pub object: &'static Object,
    columns: Vec<PlannedColumn>,
    defaults: Vec<(&'static Field, Template)>,
    pub key: Option<&'static Field>,
    pub on_match: OnMatch,
    shift_days: i64,
    decimal_sign: DecimalSign,
    /// Why deals begin in, or move to, stages for which nothing speaks yet.
    pub reason: Option<String>,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

#[derive(Debug, Default)]
struct PlannedColumn {
    field: Option<&'static Field>,
    replace: BTreeMap<String, String>,
    scale: Option<Decimal>,
    order: Option<DateOrder>,
    decimal_sign: DecimalSign,
}

impl PlannedColumn {
    fn replaced<'a>(&'a self, cell: Option<&'a String>) -> &'a str {
        let cell = cell.map_or("", |cell| cell.trim());
        self.replace.get(cell).map_or(cell, |to| to.trim())
    }

    fn read(&self, field: &Field, cell: &str, shift_days: i64) -> String {
        match field.kind {
            Kind::Date | Kind::Instant => dated(cell, self.order, shift_days),
            Kind::LongText => cell.to_owned(),
            _ => {
                let text = one_line(cell);
                let is_swapped = self.decimal_sign == DecimalSign::Comma && is_number(field);
                let text = if is_swapped { swapped(&text) } else { text };
                self.scale.and_then(|factor| scaled(field, &text, factor)).unwrap_or(text)
            }
        }
    }
}

/// A row as texts by field, still to be resolved and checked.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Inputs {
    /// What the file says; empty cells say nothing.
    pub given: BTreeMap<String, String>,
    /// What a new record gets where the file says nothing.
    pub defaults: BTreeMap<String, String>,
}

impl Plan {
    /// Which field a column fills.
    pub fn field_of(&self, column: usize) -> Option<&'static Field> {
        self.columns.get(column)?.field
    }

    /// The column that fills a field.
    pub fn column_of(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.field.is_some_and(|field| field.key == key))
    }

    /// What is wrong with a number, said as the file writes it.
    pub fn as_written(&self, mut error: FieldError) -> FieldError {
        const OF_NUMBERS: [&str; 3] = ["invalid-separators", "invalid-amount", "invalid-amount-other-currency"];
        if self.decimal_sign == DecimalSign::Comma && OF_NUMBERS.contains(&error.key.as_str()) {
            for (_, value) in error.args.iter_mut().filter(|(name, _)| matches!(name.as_str(), "value" | "example")) {
                *value = swapped(value);
            }
            if error.key == "invalid-separators" {
                error.key = "invalid-separators-comma".into();
            }
        }
        error
    }

    /// What a row says in the column of the key, as [`Plan::inputs`] reads it.
    pub fn key_text(&self, cells: &[String]) -> Option<String> {
        let at = self.column_of(self.key?.key)?;
        let column = &self.columns[at];
        Some(column.read(column.field?, column.replaced(cells.get(at)), self.shift_days))
            .filter(|text| !text.is_empty())
    }

    /// Replaces, shifts and scales a row. Never fails: what can't be read as a date or number stays as it is, and is
    /// refused where fields are read.
    pub fn inputs(&self, cells: &[String]) -> Inputs {
        let replaced: Vec<&str> =
            self.columns.iter().enumerate().map(|(at, column)| column.replaced(cells.get(at))).collect();
        let mut inputs = Inputs::default();
        for (column, cell) in self.columns.iter().zip(&replaced) {
            let Some(field) = column.field.filter(|_| !cell.is_empty()) else { continue };
            inputs.given.insert(field.key.to_owned(), column.read(field, cell, self.shift_days));
        }
        for (field, template) in &self.defaults {
            if !inputs.given.contains_key(field.key) {
                let filled = template.fill(&replaced);
                let text = if field.kind == Kind::LongText { filled } else { one_line(&filled) };
                if !text.is_empty() {
                    inputs.defaults.insert(field.key.to_owned(), text);
                }
            }
        }
        inputs
    }
}

/// Text with `{column}` in it.
#[derive(Debug)]
struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Column(usize),
}

impl Template {
    fn parse(text: &str, headers: &[String]) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            let at = headers.iter().position(|header| header == name).ok_or_else(|| name.to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Column(at));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Template(parts))
    }

    fn fill(&self, cells: &[&str]) -> String {
        let text: String = self
            .0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Column(at) => cells[*at],
            })
            .collect();
        // "{account} · {product}" without an account is the product alone.
        text.split(" · ").map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
    }
}

/// Line breaks and tabs inside a cell as spaces, for fields of one line.
fn one_line(text: &str) -> String {
    let breaks = |c: char| (c.is_control() && c.is_whitespace()) || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return text.trim().to_owned();
    }
    text.split(breaks).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether a file's numbers fill the field.
pub fn is_number(field: &Field) -> bool {
    field.is_amount() || matches!(field.kind, Kind::Integer { .. } | Kind::Percent)
}

/// `1.234,50` as `1,234.50`, and back.
fn swapped(text: &str) -> String {
    let swap = |c| match c {
        ',' | '，' => '.',
        '.' => ',',
        other => other,
    };
    text.chars().map(swap).collect()
}

/// `None`: what stands there is no number, and is refused where fields are read.
fn scaled(field: &Field, text: &str, factor: Decimal) -> Option<String> {
    if field.is_amount() {
        return format::multiplied_amount(text, factor);
    }
    let number = format::parse_number(text).ok()?.checked_mul(factor)?;
    Some(number.normalize().to_string())
}

/// A date as `2026-11-24`, with what follows it (a time of day), moved by some days. What is no date stays as it is.
fn dated(cell: &str, order: Option<DateOrder>, shift: i64) -> String {
    let (date, time) = match cell.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.trim()),
        None => (cell, ""),
    };
    let Some(day) = parse_day(date, order) else { return cell.to_owned() };
    let day = day.plus(shift);
    if time.is_empty() { day.to_string() } else { format!("{day} {time}") }
}

fn parse_day(text: &str, order: Option<DateOrder>) -> Option<Day> {
    let text = text.trim_end_matches(['日', '号']).replace(['年', '月', '/', '.'], "-");
    let compact = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = if compact { vec![&text[..4], &text[4..6], &text[6..]] } else { text.split('-').collect() };
    let [first, second, third] = parts.as_slice() else { return None };
    let number = |part: &str| part.parse::<i16>().ok().filter(|number| *number >= 0);
    let (year, month, day) = match order {
        _ if first.len() == 4 => (first, second, third),
        Some(DateOrder::Mdy) => (third, first, second),
        Some(DateOrder::Dmy) => (third, second, first),
        _ => return None,
    };
    let year = match (year.len(), number(year)?) {
        (2, short) => 2000 + short,
        (4, year) => year,
        _ => return None,
    };
    let date = jiff::civil::Date::new(year, number(month)? as i8, number(day)? as i8).ok()?;
    (1900..=2999).contains(&year).then(|| Day::of(date))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::crm::REGISTRY;

    fn plan(toml: &str, headers: &[&str]) -> Result<Plan> {
        let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        Mapping::parse(toml)?.plan(&REGISTRY, &headers)
    }

    fn row(plan: &Plan, cells: &[&str]) -> Inputs {
        plan.inputs(&cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
    }

    const DEALS: &str = r#"
        object = "opportunity"
        key = "external_id"
        date_order = "mdy"
        shift_days = 10
        [columns.id]
        field = "external_id"
        [columns.account]
        field = "account"
        replace = { Acme = "Acme Corporation" }
        [columns.product]
        field = "product"
        [columns.closed]
        field = "closed_on"
        [columns.value]
        field = "amount"
        scale = "7"
        replace = { 0 = "" }
        [defaults]
        name = "{account} · {product}"
        currency = "USD"
    "#;

    #[test]
    fn cells_are_replaced_then_shifted_and_scaled_and_names_are_put_together() {
        let plan = plan(DEALS, &["id", "account", "product", "closed", "value"]).unwrap();
        let inputs = row(&plan, &["1", " Acme ", "GTX", "3/1/2017", "1,054"]);
        assert_eq!(inputs.given["account"], "Acme Corporation");
        assert_eq!(inputs.given["closed_on"], "2017-03-11");
        assert_eq!(inputs.given["amount"], "7378");
        assert_eq!(inputs.defaults["name"], "Acme Corporation · GTX");
        // A sign is not lost, and what is no number is not multiplied: both are refused, or taken, where fields are read.
        let value = |cell: &str| row(&plan, &["1", "", "GTX", "", cell]).given["amount"].clone();
        assert_eq!([value("€1,054"), value("10,54"), value("a lot")], ["€7378", "10,54", "a lot"]);
        let without = row(&plan, &["1", "", "GTX", "", "0"]);
        assert_eq!(without.defaults["name"], "GTX");
        assert!(!without.given.contains_key("amount") && !without.given.contains_key("closed_on"));
    }

    #[test]
    fn a_file_may_write_a_comma_before_decimals() {
        let mapping = |sign: &str| {
            let columns =
                "[columns.a]\nfield = 'amount'\n[columns.b]\nfield = 'probability'\n[columns.c]\nfield = 'name'";
            plan(&format!("object = 'opportunity'\ndecimal_sign = '{sign}'\n{columns}"), &["a", "b", "c"]).unwrap()
        };
        let cells = ["1.234,50 €", "35", "Rollout, 2.0"];
        let comma = row(&mapping("comma"), &cells);
        assert_eq!([&comma.given["amount"], &comma.given["name"]], ["1,234.50 €", "Rollout, 2.0"]);
        assert_eq!(row(&mapping("point"), &cells).given["amount"], "1.234,50 €");
        let wrong = FieldError::separators("amount", "12,50");
        assert_eq!(mapping("point").as_written(wrong.clone()), wrong);
        let said = mapping("comma").as_written(wrong);
        assert_eq!((said.key.as_str(), said.arg("value")), ("invalid-separators-comma", Some("12.50")));
        assert!(Mapping::parse("object = 'lead'\ndecimal_sign = 'dot'").is_err());
    }

    #[test]
    fn a_line_break_inside_a_cell_is_a_space_unless_the_field_has_lines() {
        let mapping = "object = 'opportunity'\n[columns.a]\nfield = 'name'\n[columns.b]\nfield = 'description'";
        let plan = plan(mapping, &["a", "b"]).unwrap();
        let inputs = row(&plan, &["Harbour\r\nOptics\t rollout", "first\nsecond"]);
        assert_eq!(inputs.given["name"], "Harbour Optics rollout");
        assert_eq!(inputs.given["description"], "first\nsecond");
    }

    #[test]
    fn a_reason_for_all_rows_is_one_line_of_at_most_500_characters() {
        let with = |reason: &str| {
            let mapping =
                format!("object = 'opportunity'\nreason = {}\n[columns.a]\nfield = 'name'", toml::Value::from(reason));
            plan(&mapping, &["a"]).map(|plan| plan.reason)
        };
        assert_eq!(
            with(" Taken over \n from the old program ").unwrap().as_deref(),
            Some("Taken over from the old program")
        );
        assert_eq!(with(" ").unwrap(), None);
        for wrong in ["x".repeat(501), "\u{7}".to_owned()] {
            let Err(Error::Invalid(errors)) = with(&wrong) else { panic!("it fits") };
            assert_eq!(errors[0].field, "reason");
        }
    }

    #[test]
    fn a_mapping_that_does_not_fit_names_every_fault() {
        let Err(Error::Invalid(errors)) = plan(DEALS, &["id", "product", "closed"]) else { panic!("it fits") };
        let named: Vec<&str> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(named, ["account", "value", "name"]);
    }

    #[test]
    fn two_columns_cannot_fill_one_field() {
        let twice = "object = 'account'\n[columns.a]\nfield = 'name'\n[columns.b]\nfield = 'name'";
        assert!(matches!(plan(twice, &["a", "b"]), Err(Error::Invalid(_))));
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for (text, order, expected) in [
            ("2026-11-24", None, Some("2026-11-24")),
            ("2026/1/4", None, Some("2026-01-04")),
            ("2026年1月4日", None, Some("2026-01-04")),
            ("20260104", None, Some("2026-01-04")),
            ("04.01.2026", Some(DateOrder::Dmy), Some("2026-01-04")),
            ("1/4/26", Some(DateOrder::Mdy), Some("2026-01-04")),
            ("1/4/2026", None, None),
            ("2026-02-30", None, None),
        ] {
            assert_eq!(parse_day(text, order).map(|day| day.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_mapping_survives_being_written_and_read_again() {
        let mapping = Mapping::parse(DEALS).unwrap();
        assert_eq!(Mapping::parse(&mapping.to_toml()).unwrap(), mapping);
    }
}
