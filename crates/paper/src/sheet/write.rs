//! Tables going out. A spreadsheet program must never take a text of ours for a formula.

use std::borrow::Cow;
use std::path::Path;

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use super::MAX_CELL_CHARACTERS;

/// A cell going out.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Empty,
    /// Always a string, also when it looks like a number: telephone numbers, ids, credit codes.
    Text(String),
    /// Exact decimal digits; a number in XLSX as long as a spreadsheet can hold it exactly.
    Number(String),
    Day(jiff::civil::Date),
    Instant(jiff::civil::DateTime),
}

impl Value {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Value::Empty => Cow::Borrowed(""),
            Value::Text(text) => guarded(text),
            Value::Number(digits) => Cow::Borrowed(digits),
            Value::Day(day) => Cow::Owned(day.to_string()),
            Value::Instant(at) => Cow::Owned(format!("{} {:02}:{:02}", at.date(), at.hour(), at.minute())),
        }
    }
}

pub(super) fn may_start_a_formula(c: char) -> bool {
    matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠')
}

/// A text that a spreadsheet would take for a formula gets an apostrophe in front, unless it is a plain number or a
/// telephone number.
pub fn guarded(text: &str) -> Cow<'_, str> {
    if !text.starts_with(may_start_a_formula) || is_number(text) || is_phone(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{text}"))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = digits.strip_suffix('%').unwrap_or(digits);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ','))
        && digits.matches('.').count() <= 1
}

fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    rest.starts_with(|c: char| c.is_ascii_digit())
        && rest.chars().filter(char::is_ascii_digit).count() >= 5
        && rest.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.'))
}

/// Rows as CSV bytes. The first bytes of a file must be a byte order mark (`"\u{feff}"`), or Excel takes UTF-8 for
/// something else; the caller writes it once.
pub fn csv_rows<'a>(rows: impl IntoIterator<Item = &'a [Value]>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).flexible(true).from_writer(Vec::new());
    for row in rows {
        let cells = row.iter().map(Value::text);
        let record: Vec<Cow<'_, str>> = cells.collect();
        writer.write_record(record.iter().map(|cell| cell.as_bytes())).expect("memory does not fail");
    }
    writer.into_inner().expect("memory does not fail")
}

/// Rows that one worksheet holds.
const SHEET_ROWS: u32 = 1_048_576;
/// Above this an amount does not fit a spreadsheet's number without loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A workbook being written, row after row in constant memory; it goes on in another worksheet when one is full.
pub struct Book {
    workbook: Workbook,
    name: String,
    headers: Vec<String>,
    sheets: usize,
    row: u32,
    day: Format,
    instant: Format,
    bold: Format,
}

impl Book {
    pub fn new(name: &str, headers: Vec<String>) -> Result<Book, XlsxError> {
        let mut book = Book {
            workbook: Workbook::new(),
            name: name.chars().filter(|c| !"[]:*?/\\'".contains(*c)).take(24).collect(),
            headers,
            sheets: 0,
            row: 0,
            day: Format::new().set_num_format("yyyy-mm-dd"),
            instant: Format::new().set_num_format("yyyy-mm-dd hh:mm"),
            bold: Format::new().set_bold(),
        };
        book.begin_sheet()?;
        Ok(book)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        self.sheets += 1;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(if self.sheets == 1 { self.name.clone() } else { format!("{} {}", self.name, self.sheets) })?;
        for (column, header) in self.headers.iter().enumerate() {
            sheet.set_column_width(column as u16, (header.chars().count() as f64 * 1.6).clamp(12.0, 40.0))?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (column, header) in self.headers.iter().enumerate() {
            sheet.write_string_with_format(0, column as u16, header, &self.bold)?;
        }
        self.row = 1;
        Ok(())
    }

    pub fn row(&mut self, cells: &[Value]) -> Result<(), XlsxError> {
        if self.row == SHEET_ROWS {
            self.begin_sheet()?;
        }
        let sheet = self.workbook.worksheet_from_index(self.sheets - 1)?;
        for (column, cell) in cells.iter().enumerate() {
            let column = column as u16;
            match cell {
                Value::Empty => {}
                Value::Text(text) => {
                    // More in a cell would make the file unreadable.
                    let text: String = text.chars().take(MAX_CELL_CHARACTERS).collect();
                    sheet.write_string(self.row, column, text)?;
                }
                Value::Number(digits) => match digits.parse::<f64>() {
                    Ok(number) if number.abs() < EXACT => {
                        sheet.write_number(self.row, column, number)?;
                    }
                    _ => {
                        sheet.write_string(self.row, column, digits)?;
                    }
                },
                Value::Day(day) => {
                    match rust_xlsxwriter::ExcelDateTime::from_ymd(
                        day.year() as u16,
                        day.month() as u8,
                        day.day() as u8,
                    ) {
                        Ok(at) => sheet.write_datetime_with_format(self.row, column, &at, &self.day)?,
                        // Before 1900 a spreadsheet knows no days.
                        Err(_) => sheet.write_string(self.row, column, day.to_string())?,
                    };
                }
                Value::Instant(local) => {
                    let at = rust_xlsxwriter::ExcelDateTime::from_ymd(
                        local.year() as u16,
                        local.month() as u8,
                        local.day() as u8,
                    )
                    .and_then(|at| at.and_hms(local.hour() as u16, local.minute() as u8, f64::from(local.second())));
                    match at {
                        Ok(at) => sheet.write_datetime_with_format(self.row, column, &at, &self.instant)?,
                        Err(_) => sheet.write_string(self.row, column, local.to_string())?,
                    };
                }
            }
        }
        self.row += 1;
        Ok(())
    }

    pub fn save(mut self, path: &Path) -> Result<(), XlsxError> {
        self.workbook.save(path)
    }

    /// A small workbook in memory.
    pub fn bytes(mut self) -> Result<Vec<u8>, XlsxError> {
        self.workbook.save_to_buffer()
    }
}
