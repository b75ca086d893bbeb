//! XLSX: a thread of its own reads the cells and hands finished rows over, a few hundred at most ahead of the reader.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use calamine::{DataRef, Reader, Xlsx, XlsxError};

use super::guard::{self, MAX_CELLS};
use super::{Format, MAX_COLUMNS, Options, Result, Row, SheetError};

const AHEAD: usize = 256;

pub struct Rows(Receiver<Result<Row>>);

impl Iterator for Rows {
    type Item = Result<Row>;
    fn next(&mut self) -> Option<Result<Row>> {
        self.0.recv().ok()
    }
}

pub fn open(path: &Path, options: &Options) -> Result<(Format, Rows)> {
    guard::check(path)?;
    let (send, rows) = sync_channel(AHEAD);
    let (tell, told) = sync_channel(1);
    let (path, wanted) = (path.to_owned(), options.sheet.clone());
    std::thread::Builder::new().name("workbook".into()).spawn(move || {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&path, wanted, &tell, &send)));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => report(&tell, &send, error),
            Err(_) => report(&tell, &send, SheetError::Damaged("the reader gave up".into())),
        }
    })?;
    let format = told.recv().map_err(|_| SheetError::Damaged("the reader gave up".into()))??;
    Ok((format, Rows(rows)))
}

/// Before the workbook is open the opener waits for the answer; afterwards the error takes its place among the rows.
fn report(tell: &SyncSender<Result<Format>>, send: &SyncSender<Result<Row>>, error: SheetError) {
    if let Err(std::sync::mpsc::TrySendError::Full(unsent) | std::sync::mpsc::TrySendError::Disconnected(unsent)) =
        tell.try_send(Err(error))
        && let Err(error) = unsent
    {
        let _ = send.send(Err(error));
    }
}

fn damaged(error: XlsxError) -> SheetError {
    SheetError::Damaged(error.to_string())
}

fn read(
    path: &Path,
    wanted: Option<String>,
    tell: &SyncSender<Result<Format>>,
    send: &SyncSender<Result<Row>>,
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
    let found = (u64::from(span.end.0.saturating_sub(span.start.0)) + 1)
        * (u64::from(span.end.1.saturating_sub(span.start.1)) + 1);
    if found > MAX_CELLS {
        return Err(SheetError::TooManyCells { found });
    }
    if tell.send(Ok(Format::Workbook { sheets, sheet })).is_err() {
        return Ok(());
    }
    let mut row: Option<Row> = None;
    while let Some(cell) = cells.next_cell().map_err(damaged)? {
        let (at, column) = cell.get_position();
        let number = u64::from(at) + 1;
        if row.as_ref().is_none_or(|row| row.number != number)
            && let Some(done) = row.replace(Row { number, cells: Vec::new() })
            && send.send(Ok(done)).is_err()
        {
            return Ok(());
        }
        let text = shown(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(SheetError::TooManyColumns);
        }
        if let Some(row) = &mut row {
            if row.cells.len() <= column {
                row.cells.resize(column + 1, String::new());
            }
            row.cells[column] = text;
        }
    }
    if let Some(done) = row {
        let _ = send.send(Ok(done));
    }
    Ok(())
}

/// A cell as the text that a person would have typed.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
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
    }
}
