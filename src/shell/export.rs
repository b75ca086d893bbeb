//! A list as a file: the same view, filters, sort, columns and rights as on the screen. CSV goes out row by row while the
//! database gives it; XLSX is written to a temporary file in constant memory first. Every export is in the audit trail
//! before the first row leaves, and ends when the right to export is taken away meanwhile.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use paper::sheet::{Book, Value, csv_rows};
use serde_json::json;
use store::event::{self, Change, Event};
use store::{Cell, Cells, Day, Instant, Uuid, new_id};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::Sender;

use super::app::App;
use super::bulk;
use super::error::{Error, Result};
use super::format;
use super::list::{self, Asks};
use super::page::Asked;
use super::record::query::{self, ListQuery, Row};
use super::record::{Field, Kind, Object, value};
use super::records::{get, pairs};
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
    fn extension(self) -> &'static str {
        match self {
            FileFormat::Csv => "csv",
            FileFormat::Xlsx => "xlsx",
        }
    }
    fn media_type(self) -> &'static str {
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

/// Some bytes of the file, or why it breaks off.
type Portion = Result<Bytes, std::io::Error>;

/// Rows are handed on in portions of this many.
const PORTION: usize = 500;
/// A running export looks again after this many seconds whether the person may still do it.
const LOOK_AGAIN: u64 = 2;
/// The audit trail tells the number of records up to here.
const COUNTED: i64 = 100_000;

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
    app.limits.take(format!("export {}", export.viewer.person), app.limits.exports_per_minute(), app.clock.now())?;
    let today = export.viewer.config.today(app.clock.now());
    let (format, name) = (export.format, format!("{}-{today}.{}", export.object.plural, export.format.extension()));
    let mut response = export.body(app).await?.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

impl Export {
    /// The file as an answer that is made while it is sent.
    async fn body(self, app: &App) -> Result<Body> {
        self.audit(app).await?;
        let (send, receive) = tokio::sync::mpsc::channel::<Portion>(4);
        let app = app.clone();
        match self.format {
            FileFormat::Csv => {
                tokio::spawn(async move {
                    if let Err(error) = self.portions(&app, &send).await {
                        // A file that breaks off must not look complete.
                        let _ = send.send(Err(std::io::Error::other(error.key()))).await;
                    }
                });
            }
            FileFormat::Xlsx => {
                let path = self.workbook(&app).await?;
                tokio::spawn(async move {
                    if let Ok(mut file) = tokio::fs::File::open(&path).await {
                        let _ = tokio::fs::remove_file(&path).await;
                        let mut buffer = vec![0; 128 * 1024];
                        while let Ok(length @ 1..) = file.read(&mut buffer).await {
                            if send.send(Ok(Bytes::copy_from_slice(&buffer[..length]))).await.is_err() {
                                break;
                            }
                        }
                    }
                });
            }
        }
        // Fused: compression asks once more after the end, and `unfold` would panic.
        let portions = futures_util::stream::unfold(receive, async |mut receive| {
            receive.recv().await.map(|portion| (portion, receive))
        });
        Ok(Body::from_stream(portions.fuse()))
    }

    /// The file into a writer (command line). Returns how many records it holds.
    pub async fn write(self, app: &App, to: &mut (impl AsyncWrite + Unpin)) -> Result<u64> {
        let unwritable = |error: std::io::Error| Error::Internal(error.to_string());
        self.audit(app).await?;
        let mut rows = 0;
        match self.format {
            FileFormat::Csv => {
                let (send, mut receive) = tokio::sync::mpsc::channel::<Portion>(4);
                let give = async {
                    let given = self.portions(app, &send).await;
                    drop(send);
                    given
                };
                let take = async {
                    while let Some(Ok(bytes)) = receive.recv().await {
                        to.write_all(&bytes).await?;
                    }
                    Ok(())
                };
                let (given, taken) = tokio::join!(give, take);
                taken.map_err(unwritable)?;
                rows = given?;
            }
            FileFormat::Xlsx => {
                let path = self.workbook(app).await?;
                let mut file = tokio::fs::File::open(&path).await.map_err(unwritable)?;
                tokio::io::copy(&mut file, to).await.map_err(unwritable)?;
                let _ = tokio::fs::remove_file(&path).await;
            }
        }
        to.flush().await.map_err(unwritable)?;
        Ok(rows)
    }

    /// Who took what out is written down before anything leaves.
    async fn audit(&self, app: &App) -> Result<()> {
        let mut tx = app.db.write().await?;
        let now = app.clock.now();
        let today = self.viewer.config.today(now);
        let count = if self.only.is_empty() {
            query::count(&mut tx, &self.viewer, app.registry, self.object, &self.query, today, COUNTED).await?
        } else {
            self.only.len() as i64
        };
        let change = |field: &str, new| Change { field: field.into(), old: json!(null), new };
        let changes = [
            change("rows", json!(count)),
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
    fn columns(&self) -> (Vec<&'static Field>, Vec<String>, bool) {
        let fields = self.query.fields.clone();
        let locale = self.viewer.locale;
        let mut headings: Vec<String> = fields.iter().map(|field| locale.text(&self.object.label_key(field))).collect();
        let adds_currency = fields.iter().any(|field| field.kind == Kind::Money)
            && !fields.iter().any(|field| field.key == "currency")
            && self.viewer.sees(self.object, "currency");
        if let Some(currency) = self.object.field("currency").filter(|_| adds_currency) {
            headings.push(locale.text(&self.object.label_key(currency)));
        }
        (fields, headings, adds_currency)
    }

    fn values(&self, fields: &[&'static Field], adds_currency: bool, cells: Cells) -> Vec<Value> {
        let row = query::exported_row(&self.viewer, fields, cells);
        let mut values: Vec<Value> =
            fields.iter().enumerate().map(|(at, field)| value_of(&self.viewer, self.object, field, &row, at)).collect();
        if adds_currency {
            values.push(Value::Text(row.currency));
        }
        values
    }

    /// Hands out the rows as CSV, a portion at a time; returns how many there were.
    async fn portions(&self, app: &App, to: &Sender<Portion>) -> Result<u64> {
        let (fields, headings, adds_currency) = self.columns();
        let heading: Vec<Value> = headings.into_iter().map(Value::Text).collect();
        let mut first = "\u{feff}".as_bytes().to_vec();
        first.extend(csv_rows([heading.as_slice()]));
        to.send(Ok(first.into())).await.map_err(|_| gone())?;
        let mut session = app.db.read().await?;
        let mut rows = session.stream::<Cells>(self.statement(app)?);
        let mut portion: Vec<Vec<Value>> = Vec::with_capacity(PORTION);
        let (mut count, mut looked) = (0, std::time::Instant::now());
        loop {
            let row = rows.next().await.transpose()?;
            let is_over = row.is_none();
            if let Some(cells) = row {
                portion.push(self.values(&fields, adds_currency, cells));
                count += 1;
            }
            if portion.len() == PORTION || (is_over && !portion.is_empty()) {
                let bytes = csv_rows(portion.iter().map(Vec::as_slice));
                to.send(Ok(bytes.into())).await.map_err(|_| gone())?;
                portion.clear();
                if looked.elapsed().as_secs() >= LOOK_AGAIN {
                    self.still_allowed(app).await?;
                    looked = std::time::Instant::now();
                }
            }
            if is_over {
                return Ok(count);
            }
        }
    }

    async fn workbook(&self, app: &App) -> Result<PathBuf> {
        let broken = |error: paper::sheet::XlsxError| Error::Internal(error.to_string());
        let (fields, headings, adds_currency) = self.columns();
        let title = self.viewer.locale.text(&format!("{}-plural", self.object.name));
        let mut book = Book::new(&title, headings).map_err(broken)?;
        let mut session = app.db.read().await?;
        let mut rows = session.stream::<Cells>(self.statement(app)?);
        let mut looked = std::time::Instant::now();
        while let Some(cells) = rows.next().await.transpose()? {
            book.row(&self.values(&fields, adds_currency, cells)).map_err(broken)?;
            if looked.elapsed().as_secs() >= LOOK_AGAIN {
                self.still_allowed(app).await?;
                looked = std::time::Instant::now();
            }
        }
        drop(rows);
        drop(session);
        tokio::fs::create_dir_all(app.files.folder()).await.map_err(store::StoreError::from)?;
        let path = app.files.folder().join(format!("export-{}.part", new_id(&app.clock).simple()));
        let target = path.clone();
        tokio::task::spawn_blocking(move || book.save(&target))
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
            .map_err(broken)?;
        Ok(path)
    }

    fn statement(&self, app: &App) -> Result<store::Sql> {
        let today = self.viewer.config.today(app.clock.now());
        query::everything(app.db.engine(), &self.viewer, app.registry, self.object, &self.query, &self.only, today)
    }

    async fn still_allowed(&self, app: &App) -> Result<()> {
        let viewer = Viewer::of_person(app, self.viewer.person).await?;
        if viewer.scope.access(self.object.name).export { Ok(()) } else { Err(Error::Forbidden) }
    }
}

fn gone() -> Error {
    Error::Internal("the reader has gone".into())
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
