//! What an import is at, what came of it, and the rows that were refused as a file.

use super::arrival::{errors_file_name, peek, tells_errors, tells_row};
use super::comparing::is_at_it;
use super::mapping_page::{labelled, shortened};
use super::pages::{attachment, find, object_name, pill};
use super::rows_page::{Repeated, address, figures, repeats_of};
use super::sql::{self, Import, Outcome};
use super::undo::taken_back;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, done, respond};
use crate::shell::progress::ProgressView;
use crate::shell::record::Object;
use crate::shell::records::id;
use crate::shell::viewer::Viewer;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt as _;
use paper::sheet::{Value, csv_rows};
use store::Uuid;
use store::job::{self, Job};

/// Refused rows shown on a page; all of them are in the file.
pub(super) const SHOWN_FAILURES: i64 = 20;
/// What is shown of a row as it was in the file.
const LONGEST_CONTENT: usize = 160;

fn progress_view(app: &App, locale: Locale, import: &Import, job: &Job) -> ProgressView {
    let doing = if is_at_it(job) { "comparing" } else { import.state.as_str() };
    let headline = locale.text(&format!("import-doing-{doing}"));
    ProgressView::of(app, locale, job, import.rows_total, headline, format!("/imports/{}", import.id))
}

/// GET /imports/{id}/progress: asked for every second while something runs.
pub(super) async fn progress(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let import = sql::find(&mut session, &viewer, id(&text)?).await?;
    let job = match import.job_id {
        Some(id) => job::find(&mut session, id).await?,
        None => None,
    };
    drop(session);
    match job.filter(|job| !job.is_over() && is_busy(&import)) {
        Some(job) => {
            let page = Page::new(&viewer, &asked, "");
            progress_view(&app, viewer.locale, &import, &job).respond(&page)
        }
        None => Ok(done(&asked, &format!("/imports/{}", import.id), None)),
    }
}

pub(super) fn is_busy(import: &Import) -> bool {
    matches!(import.state.as_str(), "checking" | "running" | "undoing")
}

#[derive(askama::Template)]
#[template(path = "system/imports/result.html")]
struct ResultBody<'a> {
    page: &'a Page,
    import: &'a Import,
    object_name: String,
    plural: &'static str,
    state: String,
    pill: &'static str,
    when: String,
    tiles: Vec<TileView>,
    repeats: Option<Repeated>,
    failures: Vec<FailureView>,
    undone: Option<Undone>,
    kept: Vec<KeptView>,
    progress: Option<ProgressView>,
    problem: Option<String>,
    may_undo: bool,
}

struct TileView {
    label: String,
    icon: &'static str,
    count: String,
    href: Option<String>,
}

/// A record that an undo left as it is, and why.
struct KeptView {
    name: String,
    /// Empty: it can't be opened.
    href: String,
    why: String,
}

/// What came of an undo.
struct Undone {
    text: String,
    /// Where the records lie that were removed.
    trash: Option<String>,
    /// The records that the import had made and that are still there.
    left: Option<String>,
}

impl Undone {
    /// With its tiles. Given is how many were left as they are of those that the import had made, and of those it had changed.
    fn of(
        locale: Locale,
        object: &Object,
        import: &Import,
        job: Option<&Job>,
        (made_left, changed_left): (i64, i64),
    ) -> (Undone, Vec<TileView>) {
        let left = made_left + changed_left;
        // Undos of long ago were not counted.
        let counted = job.and_then(taken_back);
        let removed = counted.map(|counted| counted.removed).filter(|_| import.created > 0);
        let restored = counted.map(|counted| counted.restored).filter(|restored| restored + changed_left > 0);
        let list = format!("/{}?f=import:is:{}", object.plural, import.id);
        let trash = (import.created > 0 && removed != Some(0)).then(|| format!("{list}&trash=1"));
        let changed = (restored > Some(0)).then(|| address(import, Outcome::Updated));
        let told = [
            ("removed", "trash", removed, trash.clone()),
            ("restored", "arrow-back-up", restored, changed),
            ("left", "lock", (left > 0).then_some(left), Some("#kept".to_owned())),
        ];
        let (mut texts, mut tiles) = (vec![locale.text("import-undone")], Vec::new());
        for (what, icon, count, href) in told {
            let Some(number) = count else { continue };
            let count = format::grouped(number);
            if number > 0 {
                let few = if what == "left" && number > SHOWN_FAILURES { "left-many" } else { what };
                let shown = SHOWN_FAILURES.to_string();
                let args = [("count", count.as_str()), ("shown", shown.as_str())];
                texts.push(locale.counted(&format!("import-undone-{few}"), number, &args));
            }
            tiles.push(TileView { label: locale.text(&format!("import-undone-tile-{what}")), icon, count, href });
        }
        (Undone { text: texts.join(" "), trash, left: (made_left > 0).then_some(list) }, tiles)
    }
}

pub(super) struct FailureView {
    pub number: i64,
    pub errors: Vec<String>,
    pub cells: String,
}

pub(super) fn failure(locale: Locale, object: &Object, row: &sql::KeptRow) -> FailureView {
    FailureView {
        number: row.row_number,
        errors: row.errors().iter().map(|error| labelled(locale, object, error)).collect(),
        cells: content(&row.cells()),
    }
}

/// What a row of the file says, cell by cell, with a dash for an empty one.
pub(super) fn content(cells: &[String]) -> String {
    let shown = cells.iter().map(|cell| if cell.trim().is_empty() { "–" } else { cell.as_str() });
    shortened(&shown.collect::<Vec<_>>().join(" · "), LONGEST_CONTENT)
}

/// Why a job could not go on.
pub(super) fn job_errors(job: &Job) -> Vec<FieldError> {
    job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

pub(super) fn job_error(locale: Locale, job: &Job) -> Option<String> {
    let errors = job_errors(job);
    let texts: Vec<String> = errors.iter().map(|error| error.text(locale)).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

pub(super) async fn result_page(app: &App, viewer: &Viewer, asked: &Asked, import: &Import) -> Result<Response> {
    let locale = viewer.locale;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mut session = app.db.read().await?;
    let job = match import.job_id {
        Some(id) => job::find(&mut session, id).await?,
        None => None,
    };
    let failures = sql::rows(&mut session, import.id, "failed", i64::MIN, SHOWN_FAILURES).await?;
    let kept = sql::kept_records(&mut session, viewer, object, import.id, SHOWN_FAILURES).await?;
    let repeats = repeats_of(&mut session, viewer, object, import).await?;
    let (undone, mut tiles) = if import.state == "undone" {
        let kept = sql::count_kept(&mut session, object, import.id).await?;
        let (undone, tiles) = Undone::of(locale, object, import, job.as_ref(), kept);
        (Some(undone), tiles)
    } else {
        (None, Vec::new())
    };
    drop(session);
    let busy = job.as_ref().filter(|job| !job.is_over() && is_busy(import));
    let page = Page::new(viewer, asked, locale.text_with("import-title", &[("name", &import.name)]));
    let shown = figures(object, import).into_iter().zip(["circle-check", "pencil", "minus", "alert-circle"]);
    // What was made and changed is told otherwise once it is taken back.
    let shown = shown.filter(|(figure, _)| undone.is_none() || !matches!(figure.key, "created" | "updated"));
    tiles.extend(shown.map(|(figure, icon)| TileView {
        label: figure.label(locale),
        icon,
        count: format::grouped(figure.count),
        href: figure.href,
    }));
    let body = ResultBody {
        page: &page,
        import,
        object_name: object_name(locale, object.name),
        plural: object.plural,
        state: locale.text(&format!("import-state-{}", import.state)),
        pill: pill(&import.state),
        when: import.finished_at.map(|at| format::instant(locale, at, &viewer.config.zone)).unwrap_or_default(),
        tiles,
        repeats,
        failures: failures.iter().map(|row| failure(locale, object, row)).collect(),
        undone,
        kept: kept
            .into_iter()
            .map(|kept| KeptView {
                href: kept.id.map(|id| format!("/{}/{id}", object.plural)).unwrap_or_default(),
                name: kept.name.unwrap_or_else(|| "—".into()),
                why: kept.why.iter().map(|error| error.text(locale)).collect::<Vec<_>>().join(" "),
            })
            .collect(),
        progress: busy.map(|job| progress_view(app, locale, import, job)),
        problem: job.filter(|job| job.state == "failed").and_then(|job| job_error(locale, &job)),
        may_undo: matches!(import.state.as_str(), "done" | "cancelled" | "failed")
            && import.created + import.updated > 0
            && object.name != "person",
    };
    respond(&page, &body)
}

/// GET /imports/{id}/errors.csv
pub(super) async fn errors_file(State(app): State<App>, viewer: Viewer, Path(text): Path<String>) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    errors_of(&app, &viewer, &import).await
}

/// The rows that were refused, as they were, with the reason in the reader's language.
pub(super) async fn errors_of(app: &App, viewer: &Viewer, import: &Import) -> Result<Response> {
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let lines = ErrorLines::open(app, viewer.locale, object, import).await?;
    let portions = futures_util::stream::unfold(lines, async |mut lines| match lines.next().await {
        Ok(Some(bytes)) => Some((Ok(Bytes::from(bytes)), lines)),
        Ok(None) => None,
        Err(error) => Some((Err(std::io::Error::other(error.key())), lines)),
    });
    // Fused: compression asks once more after the end, and `unfold` would panic.
    let body = Body::from_stream(portions.fuse());
    Ok(attachment("text/csv; charset=utf-8", &errors_file_name(&import.name, import.id), body))
}

/// The refused rows as CSV, a portion at a time.
pub(super) struct ErrorLines {
    app: App,
    locale: Locale,
    object: &'static Object,
    import: Uuid,
    headers: Vec<String>,
    /// Which column of the file holds the errors of an earlier import.
    told_before: Option<usize>,
    /// The file holds refused rows itself: its rows are numbered already, as in the file that they first came from.
    is_numbered: bool,
    begun: bool,
    after: i64,
}

impl ErrorLines {
    pub async fn open(app: &App, locale: Locale, object: &'static Object, import: &Import) -> Result<ErrorLines> {
        let mut headers = peek(app, import.file_id, &import.mapping()?, false).await?.headers;
        // What was wrong the last time is told no more.
        let told_before = headers.iter().position(|header| tells_errors(header));
        if let Some(at) = told_before {
            headers.remove(at);
        }
        let is_numbered = headers.iter().any(|header| tells_row(header));
        let (app, import) = (app.clone(), import.id);
        Ok(ErrorLines { app, locale, object, import, headers, told_before, is_numbered, begun: false, after: i64::MIN })
    }

    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if !std::mem::replace(&mut self.begun, true) {
            let mut heading: Vec<Value> = self.headers.iter().cloned().map(Value::Text).collect();
            heading.extend((!self.is_numbered).then(|| Value::Text(self.locale.text("import-row-column"))));
            heading.push(Value::Text(self.locale.text("import-error-column")));
            let mut bytes = "\u{feff}".as_bytes().to_vec();
            bytes.extend(csv_rows([heading.as_slice()]));
            return Ok(Some(bytes));
        }
        let rows = super::failed_rows(&self.app, self.import, self.after, 500).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.after = last.row_number;
        let lines: Vec<Vec<Value>> = rows.iter().map(|row| self.line(row)).collect();
        Ok(Some(csv_rows(lines.iter().map(Vec::as_slice))))
    }

    fn line(&self, row: &sql::KeptRow) -> Vec<Value> {
        let mut cells = row.cells();
        if let Some(at) = self.told_before.filter(|at| *at < cells.len()) {
            cells.remove(at);
        }
        cells.resize(self.headers.len().max(cells.len()), String::new());
        let errors: Vec<String> = row.errors().iter().map(|error| labelled(self.locale, self.object, error)).collect();
        let number = (!self.is_numbered).then(|| row.row_number.to_string());
        cells.into_iter().chain(number).chain([errors.join(" ")]).map(Value::Text).collect()
    }
}
