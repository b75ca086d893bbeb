//! A list as a file: the same view, filters, sort, columns and rights as on the screen. Which records it holds, and in which
//! order, is settled at the beginning, and written into the audit trail before the first row leaves; what they hold is read
//! portion by portion as the client takes it. A connection to the database is never held while somebody is waited for: a
//! download may take hours, and there are few connections. An export ends when the right to it is taken away meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use paper::sheet::{Book, Value, csv_rows};
use serde_json::json;
use store::event::{self, Change, Event};
use store::{Cell, Day, Instant, Uuid, new_id};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::app::App;
use super::bulk;
use super::error::{Error, Result};
use super::format;
use super::limit::Running;
use super::list::{self, Asks};
use super::page::Asked;
use super::record::query::{ListQuery, Question, Row, rows_of};
use super::record::{Field, Kind, Object, value};
use super::records::{get, pairs};
use super::upload::body_of;
use super::viewer::Viewer;
use super::views;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Csv,
    Xlsx,
}

impl FileFormat {
    pub fn parse(text: &str) -> Option<FileFormat> {
        match text {
            "csv" => Some(FileFormat::Csv),
            "xlsx" => Some(FileFormat::Xlsx),
            _ => None,
        }
    }
    pub fn extension(self) -> &'static str {
        match self {
            FileFormat::Csv => "csv",
            FileFormat::Xlsx => "xlsx",
        }
    }
    pub fn media_type(self) -> &'static str {
        match self {
            FileFormat::Csv => "text/csv; charset=utf-8",
            FileFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// What goes out: which records of which kind, for whom.
pub struct Export {
    pub object: &'static Object,
    pub viewer: Viewer,
    pub query: ListQuery,
    /// Only these, as far as the query has them.
    pub only: Vec<Uuid>,
    pub format: FileFormat,
    pub via: &'static str,
    /// The query string, for the audit trail.
    pub asked: String,
}

/// So many records are read together; tests set it to see several portions of few records.
pub static PORTION: AtomicUsize = AtomicUsize::new(1_000);
/// So many exports of one person go on at once. Each remembers its records, or is a file on the disk, until it has been taken.
const AT_ONCE: u32 = 4;

/// GET /{plural}.csv and /{plural}.xlsx
pub async fn download(
    object: &'static Object,
    format: FileFormat,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    answer_page(object, format, app, viewer, &asked.query, Vec::new()).await
}

/// POST /{plural}.csv and /{plural}.xlsx: the records that were ticked, or everything that matches.
pub async fn download_chosen(
    object: &'static Object,
    format: FileFormat,
    State(app): State<App>,
    viewer: Viewer,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    if get(&pairs, "all") == "1" {
        return answer_page(object, format, app, viewer, get(&pairs, "query"), Vec::new()).await;
    }
    let ids = get(&pairs, "ids").split(',');
    let only: Vec<Uuid> = ids.filter_map(|id| id.parse().ok()).take(bulk::MOST as usize).collect();
    if only.is_empty() {
        return Err(Error::field("id", "invalid-bulk-none"));
    }
    answer_page(object, format, app, viewer, get(&pairs, "query"), only).await
}

async fn answer_page(
    object: &'static Object,
    format: FileFormat,
    app: App,
    viewer: Viewer,
    asked: &str,
    only: Vec<Uuid>,
) -> Result<Response> {
    let query = {
        let mut session = app.db.read().await?;
        let saved = views::saved_views(&mut session, &viewer, object).await?;
        list::settle(&viewer, object, Asks::parse(asked), &saved)?.query
    };
    answer(&app, Export { object, viewer, query, only, format, via: "page", asked: asked.to_owned() }).await
}

/// The file as a download, for pages and programs.
pub async fn answer(app: &App, export: Export) -> Result<Response> {
    let key = format!("export {}", export.viewer.person);
    app.limits.take(key.clone(), app.limits.exports_per_minute(), app.clock.now())?;
    let running = app.limits.begin(key, AT_ONCE)?;
    let today = export.viewer.config.today(app.clock.now());
    let (format, name) = (export.format, format!("{}-{today}.{}", export.object.plural, export.format.extension()));
    let mut response = export.body(app, running).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

impl Export {
    /// The file as an answer: CSV is made while it is sent, a workbook before.
    async fn body(self, app: &App, running: Running) -> Result<Body> {
        let format = self.format;
        let mut begun = self.begin(app).await?;
        match format {
            FileFormat::Csv => {
                let portions = stream::try_unfold((begun, running), async |(mut begun, running)| {
                    // A file that breaks off must not look complete.
                    let lines = begun.lines().await.map_err(|error| std::io::Error::other(error.key()))?;
                    Ok::<_, std::io::Error>(lines.map(|lines| (lines, (begun, running))))
                });
                Ok(Body::from_stream(portions))
            }
            FileFormat::Xlsx => Ok(body_of(begun.workbook().await?, running)),
        }
    }

    /// The file into a writer (command line). Returns how many records it holds.
    pub async fn write(self, app: &App, to: &mut (impl AsyncWrite + Unpin)) -> Result<u64> {
        let unwritable = |error: std::io::Error| Error::Internal(error.to_string());
        let format = self.format;
        let mut begun = self.begin(app).await?;
        match format {
            FileFormat::Csv => {
                while let Some(lines) = begun.lines().await? {
                    to.write_all(&lines).await.map_err(unwritable)?;
                }
            }
            FileFormat::Xlsx => {
                let mut file = begun.workbook().await?;
                tokio::io::copy(&mut file, to).await.map_err(unwritable)?;
            }
        }
        to.flush().await.map_err(unwritable)?;
        Ok(begun.written)
    }

    /// Settles which records go out, and writes down who takes them before anything leaves.
    async fn begin(self, app: &App) -> Result<Begun> {
        let today = self.viewer.config.today(app.clock.now());
        let question = Question { viewer: &self.viewer, object: self.object, query: &self.query, today };
        let mut session = app.db.read().await?;
        let ids = question.everything(&mut session, &self.only).await?;
        drop(session);
        self.audit(app, ids.len()).await?;
        let (headings, adds_currency) = self.columns();
        Ok(Begun {
            export: self,
            app: app.clone(),
            headings: Some(headings),
            adds_currency,
            left: ids.into_iter(),
            written: 0,
        })
    }

    async fn audit(&self, app: &App, rows: usize) -> Result<()> {
        let mut tx = app.db.write().await?;
        let now = app.clock.now();
        let change = |field: &str, new| Change { field: field.into(), old: json!(null), new };
        let changes = [
            change("rows", json!(rows)),
            change("format", json!(self.format.extension())),
            change("query", json!(self.asked)),
        ];
        let event = Event {
            id: new_id(&app.clock),
            at: now,
            actor: Some(self.viewer.person),
            via: self.via,
            kind: "exported",
            subject_type: self.object.name,
            subject_id: new_id(&app.clock),
            account_id: None,
            version: 0,
            changes: &changes,
            reason: None,
        };
        event::record(&mut tx, event).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The heading of every column. An amount is nothing without its currency: where the list writes it with its sign, the
    /// file has a column for it.
    fn columns(&self) -> (Vec<String>, bool) {
        let (fields, locale) = (&self.query.fields, self.viewer.locale);
        let mut headings: Vec<String> = fields.iter().map(|field| locale.text(&self.object.label_key(field))).collect();
        let adds_currency = fields.iter().any(|field| field.kind == Kind::Money)
            && !fields.iter().any(|field| field.key == "currency")
            && self.viewer.sees(self.object, "currency");
        if let Some(currency) = self.object.field("currency").filter(|_| adds_currency) {
            headings.push(locale.text(&self.object.label_key(currency)));
        }
        (headings, adds_currency)
    }
}

/// An export on its way.
struct Begun {
    export: Export,
    app: App,
    /// Until they are written.
    headings: Option<Vec<String>>,
    adds_currency: bool,
    /// The records that are not read yet.
    left: std::vec::IntoIter<Uuid>,
    written: u64,
}

impl Begun {
    /// The next lines of a CSV file.
    async fn lines(&mut self) -> Result<Option<Bytes>> {
        if let Some(headings) = self.headings.take() {
            let headings: Vec<Value> = headings.into_iter().map(Value::Text).collect();
            let mut first = "\u{feff}".as_bytes().to_vec();
            first.extend(csv_rows([headings.as_slice()]));
            return Ok(Some(first.into()));
        }
        let rows = self.rows().await?;
        Ok(rows.map(|rows| csv_rows(rows.iter().map(Vec::as_slice)).into()))
    }

    /// All of it as a workbook: a file that is gone from the folder already, and from the disk when it is closed.
    async fn workbook(&mut self) -> Result<tokio::fs::File> {
        let broken = |error: paper::sheet::XlsxError| Error::Internal(error.to_string());
        let title = self.export.viewer.locale.text(&format!("{}-plural", self.export.object.name));
        let mut book = Book::new(&title, self.headings.take().unwrap_or_default()).map_err(broken)?;
        while let Some(rows) = self.rows().await? {
            for row in &rows {
                book.row(row).map_err(broken)?;
            }
        }
        let folder = self.app.files.folder().to_owned();
        let path = folder.join(format!("export-{}.part", new_id(&self.app.clock).simple()));
        let saved = tokio::task::spawn_blocking(move || {
            let lost = |error: std::io::Error| Error::from(store::StoreError::from(error));
            std::fs::create_dir_all(folder).map_err(lost)?;
            let file = book.save(&path).map_err(broken).and_then(|()| std::fs::File::open(&path).map_err(lost));
            let _ = std::fs::remove_file(&path);
            file
        });
        let file = saved.await.map_err(|error| Error::Internal(error.to_string()))??;
        Ok(tokio::fs::File::from_std(file))
    }

    /// The next records as they are now, for as long as there are any.
    async fn rows(&mut self) -> Result<Option<Vec<Vec<Value>>>> {
        loop {
            let ids: Vec<Uuid> = self.left.by_ref().take(PORTION.load(Ordering::Relaxed).max(1)).collect();
            if ids.is_empty() {
                return Ok(None);
            }
            let viewer = self.still_allowed().await?;
            let mut session = self.app.db.read().await?;
            let rows = rows_of(&mut session, &viewer, self.export.object, &self.export.query, &ids).await?;
            drop(session);
            if !rows.is_empty() {
                self.written += rows.len() as u64;
                return Ok(Some(rows.into_iter().map(|row| self.values(row)).collect()));
            }
        }
    }

    /// The person as they are now: an export takes long enough for rights to be taken away meanwhile.
    async fn still_allowed(&self) -> Result<Viewer> {
        let object = self.export.object;
        let viewer = Viewer::of_person(&self.app, self.export.viewer.person).await?;
        let sees_columns = self.export.query.fields.iter().all(|field| viewer.sees(object, field.key))
            && (!self.adds_currency || viewer.sees(object, "currency"));
        if viewer.scope.access(object.name).export && sees_columns { Ok(viewer) } else { Err(Error::Forbidden) }
    }

    fn values(&self, row: Row) -> Vec<Value> {
        let Export { object, viewer, query, .. } = &self.export;
        let fields = query.fields.iter().enumerate();
        let mut values: Vec<Value> = fields.map(|(at, field)| value_of(viewer, object, field, &row, at)).collect();
        if self.adds_currency {
            values.push(Value::Text(row.currency));
        }
        values
    }
}

/// A cell as a spreadsheet wants it: numbers and dates as such, everything that only looks like a number as text.
fn value_of(viewer: &Viewer, object: &Object, field: &Field, row: &Row, at: usize) -> Value {
    let (locale, zone) = (viewer.locale, &viewer.config.zone);
    match (field.kind, &row.cells[at]) {
        (_, Cell::Null) => Value::Empty,
        (_, cell @ Cell::Text(_)) if field.several.is_some() => {
            Value::Text(value::shown(object, field, cell, None, &row.currency, locale, zone))
        }
        (Kind::Money, Cell::Int(minor)) => Value::Number(format::plain_amount(*minor, &row.currency)),
        (Kind::BaseMoney, Cell::Int(minor)) => {
            Value::Number(format::plain_amount(*minor, &viewer.config.base_currency))
        }
        (Kind::Integer { .. } | Kind::Percent, Cell::Int(number)) => Value::Number(number.to_string()),
        (Kind::Date, Cell::Int(day)) => Value::Day(Day(*day).date()),
        (Kind::Instant, Cell::Int(micros)) => Value::Instant(zone.to_datetime(Instant(*micros).timestamp())),
        (Kind::Bool, Cell::Int(value)) => Value::Text(locale.text(if *value == 1 { "yes" } else { "no" })),
        (Kind::Choice(_), Cell::Text(choice)) => Value::Text(locale.text(&object.choice_key(field, choice))),
        (Kind::Ref(_), _) => Value::Text(row.labels[at].clone().unwrap_or_default()),
        (_, Cell::Text(text)) => Value::Text(text.clone()),
        (_, Cell::Int(number)) => Value::Number(number.to_string()),
        (_, Cell::Float(number)) => Value::Number(number.to_string()),
        (_, Cell::Id(id)) => Value::Text(id.to_string()),
    }
}
