//! XLSX: a thread of its own reads the cells and hands finished rows over, a few hundred at most ahead of the reader, and fewer
//! when they are long.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use super::guard::{self, MAX_CELLS};
use super::{Format, MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_ROW_BYTES, Options, Result, Row, SheetError};

/// Rows are handed over together: so many, or so many bytes of them and the row that goes beyond.
const AHEAD: usize = 128;
const AHEAD_BYTES: usize = 1024 * 1024;

pub struct Rows {
    told: Receiver<Result<Vec<Row>>>,
    ready: std::vec::IntoIter<Row>,
}

impl Iterator for Rows {
    type Item = Result<Row>;
    fn next(&mut self) -> Option<Result<Row>> {
        loop {
            if let Some(row) = self.ready.next() {
                return Some(Ok(row));
            }
            match self.told.recv().ok()? {
                Ok(rows) => self.ready = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// The rows on their way to who reads them.
struct Sending {
    to: SyncSender<Result<Vec<Row>>>,
    rows: Vec<Row>,
    bytes: usize,
}

/// Nobody reads any more.
struct Gone;

impl Sending {
    fn row(&mut self, row: Row) -> Result<(), Gone> {
        self.bytes += row.bytes();
        self.rows.push(row);
        if self.rows.len() >= AHEAD || self.bytes >= AHEAD_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        self.bytes = 0;
        match std::mem::take(&mut self.rows) {
            rows if rows.is_empty() => Ok(()),
            rows => self.to.send(Ok(rows)).map_err(|_| Gone),
        }
    }
}

pub fn open(path: &Path, options: &Options) -> Result<(Format, Rows)> {
    guard::check(path)?;
    let (to, rows) = sync_channel(1);
    let (tell, told) = sync_channel(1);
    let (path, wanted) = (path.to_owned(), options.sheet.clone());
    std::thread::Builder::new().name("workbook".into()).spawn(move || {
        let mut tell = Some(tell);
        let mut sending = Sending { to, rows: Vec::new(), bytes: 0 };
        let reading = std::panic::AssertUnwindSafe(|| read(&path, wanted, &mut tell, &mut sending));
        let outcome = std::panic::catch_unwind(reading);
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(SheetError::Damaged("the reader gave up".into())),
        };
        // What was read before a fault goes out before it. Whoever does not read any more needs to know nothing.
        let _ = sending.flush();
        // Before the workbook is open the opener waits for the answer; afterwards the error takes its place among the rows.
        let _ = match (error, tell) {
            (None, _) => Ok(()),
            (Some(error), Some(tell)) => tell.send(Err(error)).map_err(|_| Gone),
            (Some(error), None) => sending.to.send(Err(error)).map_err(|_| Gone),
        };
    })?;
    let format = told.recv().map_err(|_| SheetError::Damaged("the reader gave up".into()))??;
    Ok((format, Rows { told: rows, ready: Vec::new().into_iter() }))
}

fn damaged(error: XlsxError) -> SheetError {
    SheetError::Damaged(error.to_string())
}

fn read(
    path: &Path,
    wanted: Option<String>,
    tell: &mut Option<SyncSender<Result<Format>>>,
    sending: &mut Sending,
) -> Result<()> {
    let mut workbook: Xlsx<_> = Xlsx::new(BufReader::new(File::open(path)?)).map_err(damaged)?;
    let sheets = workbook.sheet_names();
    let sheet = match wanted {
        Some(name) if sheets.contains(&name) => name,
        Some(name) => return Err(SheetError::UnknownSheet(name)),
        None => sheets.first().cloned().ok_or(SheetError::Empty)?,
    };
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(damaged)?;
    let span = cells.dimensions();
    let rows = u64::from(span.end.0.saturating_sub(span.start.0)) + 1;
    let found = rows.saturating_mul(u64::from(span.end.1.saturating_sub(span.start.1)) + 1);
    if found > MAX_CELLS {
        return Err(SheetError::TooManyCells { found });
    }
    let format = Format::Workbook { sheets, sheet };
    if tell.take().is_none_or(|tell| tell.send(Ok(format)).is_err()) {
        return Ok(());
    }
    let mut row: Option<Row> = None;
    let mut bytes = 0;
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (at, column) = cell.get_position();
        let number = u64::from(at) + 1;
        if row.as_ref().is_none_or(|row| row.number != number) {
            bytes = 0;
            if let Some(done) = row.replace(Row { number, cells: Vec::new() })
                && sending.row(done).is_err()
            {
                return Ok(());
            }
        }
        let text = shown(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(SheetError::TooManyColumns);
        }
        // A shared text is named by as many cells as one likes, and every one of them copies it.
        if text.len() > MAX_CELL_CHARACTERS && text.chars().count() > MAX_CELL_CHARACTERS {
            return Err(SheetError::CellTooLong { row: number, column: letters(column) });
        }
        bytes += text.len();
        if bytes > MAX_ROW_BYTES {
            return Err(SheetError::RowTooLong { row: number });
        }
        if let Some(row) = &mut row {
            if row.cells.len() <= column {
                row.cells.resize(column + 1, String::new());
            }
            row.cells[column] = text.into_owned();
        }
    }
    if let Some(done) = row {
        // Whether anybody still reads is found out when the last rows are handed over.
        let _ = sending.row(done);
    }
    Ok(())
}

/// A column as a spreadsheet names it: A, B, …, Z, AA, …
fn letters(column: usize) -> String {
    let (before, last) = (column / 26, (b'A' + (column % 26) as u8) as char);
    if before == 0 { last.to_string() } else { letters(before - 1) + &last.to_string() }
}

/// A cell as the text that a person would have typed.
fn shown<'c>(value: &'c DataRef<'_>) -> Cow<'c, str> {
    Cow::Owned(match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::SharedString(text) => return Cow::Borrowed(text),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => return Cow::Borrowed(text),
        DataRef::Bool(value) => value.to_string(),
        DataRef::Error(error) => error.to_string(),
        DataRef::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            if at.is_duration() || at.as_f64() < 1.0 {
                format!("{hour:02}:{minute:02}:{second:02}")
            } else if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
    })
}
