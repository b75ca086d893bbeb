//! A file comes in, by the page or from a program, and is read for the first time: its headings, its first rows, and which column
//! probably is which field.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::Multipart;
use axum::extract::multipart::Field as Part;
use paper::sheet::{Format, Row, Sheet};
use store::{Uuid, new_id};

use super::engine::sheet_error;
use super::guess;
use super::model::Mapping;
use super::sql::{self, Import, Stored};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::record::Object;
use crate::shell::upload::{file_name, unreadable};
use crate::shell::viewer::Viewer;

/// What one may upload, with a little room for the form around it.
const LARGEST_FILE: u64 = 64 * 1024 * 1024;
pub(super) const LARGEST_UPLOAD: usize = LARGEST_FILE as usize + 2 * LARGEST_TEXT + 64 * 1024;
/// What a part of the form that is no file may hold.
const LARGEST_TEXT: usize = 1024 * 1024;
/// So many earlier imports are looked through for one with the same headings.
const REMEMBERED: i64 = 50;
/// Rows shown before anything is imported.
const PREVIEWED: usize = 20;

/// A form with a file.
#[derive(Default)]
pub(super) struct Arrived {
    /// The parts of the form that are no file, by name.
    pub texts: BTreeMap<String, String>,
    /// The file, if there was one with something in it. It lies on the disk; whoever received it writes its row, or removes it.
    pub file: Option<Stored>,
}

/// Takes a form in. The file goes to the disk as it arrives; parts that nobody asked for are left aside.
///
/// Errors: [`Error::TooLarge`]; then nothing is left on the disk.
pub(super) async fn receive(app: &App, mut form: Multipart, asked: &[&str]) -> Result<Arrived> {
    let mut arrived = Arrived::default();
    let outcome = read_parts(app, &mut form, asked, &mut arrived).await;
    if let (Err(_), Some(file)) = (&outcome, &arrived.file) {
        app.files.remove(file.id).await?;
    }
    outcome.map(|()| arrived)
}

async fn read_parts(app: &App, form: &mut Multipart, asked: &[&str], arrived: &mut Arrived) -> Result<()> {
    while let Some(mut part) = form.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "file" && arrived.file.is_none() {
            arrived.file = read_file(app, &mut part).await?;
        } else if asked.contains(&name.as_str()) {
            arrived.texts.insert(name, read_text(&mut part).await?);
        }
    }
    Ok(())
}

async fn read_file(app: &App, part: &mut Part<'_>) -> Result<Option<Stored>> {
    let name = file_name(part.file_name().unwrap_or_default());
    let id = new_id(&app.clock);
    let mut arriving = app.files.begin(id).await?;
    while let Some(bytes) = part.chunk().await.map_err(unreadable)? {
        if arriving.size() + bytes.len() as u64 > LARGEST_FILE {
            return Err(Error::TooLarge);
        }
        arriving.write(&bytes).await?;
    }
    if arriving.size() == 0 {
        return Ok(None);
    }
    let (size, sha256) = arriving.finish().await?;
    Ok(Some(Stored { id, name, size: size as i64, sha256 }))
}

async fn read_text(part: &mut Part<'_>) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(more) = part.chunk().await.map_err(unreadable)? {
        if bytes.len() + more.len() > LARGEST_TEXT {
            return Err(Error::TooLarge);
        }
        bytes.extend_from_slice(&more);
    }
    String::from_utf8(bytes).map_err(|_| Error::Refused { status: 400, key: "error-bad-request" })
}

/// What a look into a file shows.
pub(super) struct Peek {
    pub headers: Vec<String>,
    pub format: Format,
    pub rows: Vec<Row>,
    /// `None`: not counted.
    pub total: Option<i64>,
}

/// Opens a file as its mapping says.
///
/// Errors: [`Error::Invalid`] at `file` when it makes no table.
pub(super) async fn peek(app: &App, file: Uuid, mapping: &Mapping, count: bool) -> Result<Peek> {
    let (path, options) = (app.files.path(file), mapping.options());
    tokio::task::spawn_blocking(move || {
        let mut sheet = Sheet::open(&path, &options).map_err(sheet_error)?;
        let (headers, format) = (sheet.headers.clone(), sheet.format.clone());
        let rows = sheet.by_ref().take(PREVIEWED).collect::<Result<Vec<Row>, _>>().map_err(sheet_error)?;
        let mut total = None;
        if count {
            let mut rest = 0;
            for row in sheet {
                row.map_err(sheet_error)?;
                rest += 1;
            }
            total = Some(rows.len() as i64 + rest);
        }
        Ok(Peek { headers, format, rows, total })
    })
    .await
    .map_err(|error| Error::Internal(error.to_string()))?
}

/// A file without rows brings nothing; unless they stand on another sheet, which can still be chosen.
///
/// Errors: [`Error::Invalid`] at `file`.
pub(super) fn has_rows(peek: &Peek) -> Result<()> {
    let is_only_sheet = !matches!(&peek.format, Format::Workbook { sheets, .. } if sheets.len() > 1);
    if peek.total == Some(0) && is_only_sheet { Err(Error::field("file", "sheet-no-rows")) } else { Ok(()) }
}

/// What a new import begins with.
pub(super) struct Beginning {
    pub mapping: Mapping,
    pub rows: i64,
    /// The earlier import whose mapping it is; `None`: the headings suggested it.
    pub like: Option<Import>,
}

/// The mapping of an earlier import of this person whose refused rows these are, or which had the same headings; else the one
/// that the headings suggest.
pub(super) async fn begin(app: &App, viewer: &Viewer, object: &'static Object, file: &Stored) -> Result<Beginning> {
    let mut mapping = Mapping::new(object);
    let peek = peek(app, file.id, &mapping, true).await?;
    has_rows(&peek)?;
    let rows = peek.total.unwrap_or(0);
    let earlier = sql::mapped_by(&mut app.db.read().await?, viewer, object, REMEMBERED).await?;
    let fitting = earlier.iter().find(|import| is_errors_file_of(import, file));
    let fitting = fitting.or_else(|| earlier.iter().find(|import| has_columns(import, &peek.headers)));
    if let Some(like) = fitting
        && let Ok(mut known) = like.mapping()
    {
        (known.encoding, known.delimiter, known.sheet) = (None, None, None);
        fit(object, &peek.headers, &mut known);
        if known.plan(app.registry, &peek.headers).is_ok() {
            return Ok(Beginning { mapping: known, rows, like: Some(like.clone()) });
        }
    }
    guess::columns(object, &peek.headers, &mut mapping.columns);
    guess::whole_name(object, &peek.headers, &mut mapping);
    guess::currency(object, &viewer.config.base_currency, &mut mapping);
    mapping.decimal_sign = guess::decimal_sign(object, &peek.headers, &peek.rows, &mapping);
    mapping.key = guess::key(object, &mapping);
    Ok(Beginning { mapping, rows, like: None })
}

/// What the file of an import's refused rows is called: after the imported file, once however often rows are refused again, and
/// with a sign of the import, because many are called alike.
pub(super) fn errors_file_name(imported: &str, import: Uuid) -> String {
    let stem = imported.rsplit_once('.').map_or(imported, |(stem, _)| stem);
    let stem = stem.split(ERRORS).next().unwrap_or(stem);
    format!("{stem}{}.csv", errors_sign(import))
}

const ERRORS: &str = "-errors-";

/// The end of an id is by chance; its beginning is the time.
fn errors_sign(import: Uuid) -> String {
    let id = import.simple().to_string();
    format!("{ERRORS}{}", &id[id.len() - 8..])
}

/// Whether these are the refused rows of an import. Browsers add a number to the name of a file that they have already.
fn is_errors_file_of(import: &Import, file: &Stored) -> bool {
    // So they were called before; such a file may lie around still.
    let formerly = format!("import-errors-{}", import.id);
    file.name.starts_with(&formerly) || file.name.contains(&errors_sign(import.id))
}

fn has_columns(import: &Import, headers: &[String]) -> bool {
    let Ok(mapping) = import.mapping() else { return false };
    let is_theirs = |header: &&String| !tells_errors(header) && !tells_row(header);
    let of_file: BTreeSet<&String> = headers.iter().filter(is_theirs).collect();
    let known: BTreeSet<&String> = mapping.columns.keys().filter(is_theirs).collect();
    of_file == known
}

/// Whether this is the column that we put beside refused rows, in either language.
pub(super) fn tells_errors(header: &str) -> bool {
    Locale::ALL.iter().any(|locale| locale.text("import-error-column") == header)
}

/// Whether this is the column with the number that a refused row had in its file, in either language.
pub(super) fn tells_row(header: &str) -> bool {
    Locale::ALL.iter().any(|locale| locale.text("import-row-column") == header)
}

/// A kept mapping on another file: columns that are not there are left out, new ones are guessed.
pub(super) fn fit(object: &'static Object, headers: &[String], mapping: &mut Mapping) {
    mapping.columns.retain(|name, _| headers.contains(name));
    guess::columns(object, headers, &mut mapping.columns);
}

#[cfg(test)]
mod tests {
    use store::Uuid;

    use super::errors_file_name;

    #[test]
    fn the_file_of_refused_rows_is_called_after_the_imported_one() {
        let import = Uuid::from_u128(0x1a2b_3c4d);
        for (imported, errors) in [
            ("deals.csv", "deals-errors-1a2b3c4d.csv"),
            ("2026.Q1 商机.xlsx", "2026.Q1 商机-errors-1a2b3c4d.csv"),
            ("deals-errors-00000000 (1).csv", "deals-errors-1a2b3c4d.csv"),
            ("deals", "deals-errors-1a2b3c4d.csv"),
        ] {
            assert_eq!(errors_file_name(imported, import), errors);
        }
    }
}
