//! Spreadsheets as rows, one after the other: CSV in the encodings that office programs write, and XLSX behind a guard.
//! Memory stays bounded whatever the file: no row holds more than [`MAX_ROW_BYTES`], and it is handed out and forgotten. Of a
//! workbook the shared texts and the formats of cells stay in memory while it is open; the guard bounds both.

mod guard;
mod text;
mod workbook;
mod write;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use rust_xlsxwriter::XlsxError;

pub use guard::{MAX_CELLS, MAX_ENTRIES, MAX_INFLATED};
pub use text::{Encoding, MAX_ROW_BYTES};
pub use write::{Book, Value, csv_rows, guarded};

/// More columns than this are no table.
pub const MAX_COLUMNS: usize = 500;
/// A cell of a spreadsheet holds no more; the specification of the format says so.
pub const MAX_CELL_CHARACTERS: usize = 32_767;

/// Why a file can't be read. Every variant names what the person can do about it by its message key.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the file has no heading row")]
    Empty,
    #[error("the file is neither a text table nor an XLSX workbook")]
    UnknownFormat,
    #[error("old .xls workbooks are not read; save it as .xlsx")]
    OldWorkbook,
    #[error("row {row} is longer than {MAX_ROW_BYTES} bytes; is a quotation mark not closed?")]
    RowTooLong { row: u64 },
    #[error("row {row}, column {column}: more than {MAX_CELL_CHARACTERS} characters in one cell")]
    CellTooLong { row: u64, column: String },
    #[error("more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    #[error("the workbook holds {found} parts, at most {MAX_ENTRIES} are read")]
    TooManyEntries { found: usize },
    #[error("the workbook is larger than {MAX_INFLATED} bytes when unpacked")]
    TooLargeInflated,
    #[error("a part of the workbook is packed too tightly to be real")]
    SuspiciousRatio,
    #[error("the workbook names a part outside of itself")]
    UnsafePath,
    #[error("the workbook says that it holds {declared} texts, and holds {found}")]
    FalseCount { declared: u64, found: u64 },
    #[error("a part of the workbook is built as no spreadsheet program builds it")]
    Implausible,
    #[error("the sheet spans {found} cells, at most {MAX_CELLS} are read")]
    TooManyCells { found: u64 },
    #[error("the workbook holds too many different texts; save it as CSV")]
    TooManyTexts,
    #[error("there is no sheet called {0:?}")]
    UnknownSheet(String),
    #[error("the workbook is damaged: {0}")]
    Damaged(String),
}

impl SheetError {
    /// The message key under which the languages explain it.
    pub fn key(&self) -> &'static str {
        match self {
            SheetError::Io(_) => "sheet-unreadable",
            SheetError::Empty => "sheet-empty",
            SheetError::UnknownFormat => "sheet-unknown-format",
            SheetError::OldWorkbook => "sheet-old-workbook",
            SheetError::RowTooLong { .. } => "sheet-row-too-long",
            SheetError::CellTooLong { .. } => "sheet-cell-too-long",
            SheetError::TooManyColumns => "sheet-too-many-columns",
            SheetError::TooManyEntries { .. }
            | SheetError::TooLargeInflated
            | SheetError::SuspiciousRatio
            | SheetError::UnsafePath
            | SheetError::FalseCount { .. }
            | SheetError::Implausible => "sheet-unsafe",
            SheetError::TooManyCells { .. } => "sheet-too-many-cells",
            SheetError::TooManyTexts => "sheet-too-many-texts",
            SheetError::UnknownSheet(_) => "sheet-unknown-sheet",
            SheetError::Damaged(_) => "sheet-damaged",
        }
    }
}

pub type Result<T, E = SheetError> = std::result::Result<T, E>;

/// How to read a file; what is not said is detected.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    pub encoding: Option<Encoding>,
    pub delimiter: Option<char>,
    pub sheet: Option<String>,
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    Text { encoding: Encoding, delimiter: char },
    Workbook { sheets: Vec<String>, sheet: String },
}

/// A row below the headings. `number` counts as a spreadsheet does: the headings are row 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub number: u64,
    pub cells: Vec<String>,
}

impl Row {
    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.cells.iter().map(|cell| size_of::<String>() + cell.len()).sum()
    }
}

/// An open table: its headings, and its rows as an iterator.
pub struct Sheet {
    pub headers: Vec<String>,
    pub format: Format,
    rows: Box<dyn Iterator<Item = Result<Row>> + Send>,
}

impl Sheet {
    /// Opens a file and reads its headings: the first row that is not empty.
    pub fn open(path: &Path, options: &Options) -> Result<Sheet> {
        let mut magic = [0u8; 8];
        let mut file = File::open(path)?;
        let mut read = 0;
        while read < magic.len() {
            match file.read(&mut magic[read..])? {
                0 => break,
                more => read += more,
            }
        }
        let (format, mut rows): (Format, Box<dyn Iterator<Item = Result<Row>> + Send>) = match &magic[..read] {
            [b'P', b'K', 3, 4, ..] => {
                let (format, rows) = workbook::open(path, options)?;
                (format, Box::new(rows))
            }
            [0xd0, 0xcf, 0x11, 0xe0, ..] => return Err(SheetError::OldWorkbook),
            _ => {
                let (format, rows) = text::open(path, options)?;
                (format, Box::new(rows))
            }
        };
        let headers = loop {
            let row = rows.next().ok_or(SheetError::Empty)??;
            if row.cells.iter().any(|cell| !cell.trim().is_empty()) {
                break named(row.cells)?;
            }
        };
        Ok(Sheet { headers, format, rows })
    }
}

impl Iterator for Sheet {
    type Item = Result<Row>;
    /// The next row that holds anything.
    fn next(&mut self) -> Option<Result<Row>> {
        loop {
            match self.rows.next()? {
                Ok(row) if row.cells.iter().all(|cell| cell.trim().is_empty()) => continue,
                other => return Some(other),
            }
        }
    }
}

/// Headings as names of columns: trimmed, never empty, never twice the same.
fn named(cells: Vec<String>) -> Result<Vec<String>> {
    let mut headers: Vec<String> =
        cells.iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    while headers.last().is_some_and(String::is_empty) {
        headers.pop();
    }
    if headers.len() > MAX_COLUMNS {
        return Err(SheetError::TooManyColumns);
    }
    for index in 0..headers.len() {
        if headers[index].is_empty() {
            headers[index] = format!("#{}", index + 1);
        }
        let plain = headers[index].clone();
        let mut count = 1;
        while headers[..index].contains(&headers[index]) {
            count += 1;
            headers[index] = format!("{plain} ({count})");
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests;
