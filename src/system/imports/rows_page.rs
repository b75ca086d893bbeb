//! The rows behind the numbers of an import: which row of the file it was, which record it found, and what was wrong with it.
//! Rows that made a record are not kept one by one: the list of records is filtered by the import.

use super::mapping_page::labelled;
use super::model::Mapping;
use super::pages::{find, object_name};
use super::result_page::content;
use super::sql::{self, DoneRow, Import, Outcome};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, respond};
use crate::shell::record::Object;
use crate::shell::record::lookup::enumerated;
use crate::shell::records::{get, pairs};
use crate::shell::viewer::Viewer;
use axum::extract::{Path, State};
use axum::response::Response;
use store::Session;

const PAGE: i64 = 50;
/// Of rows that repeat others the first are named in a message.
const MOST_NAMED: usize = 10;

/// A number of an import as it is shown, with the address of what is behind it. `None`: nothing is.
pub(super) struct Figure {
    pub key: &'static str,
    pub count: i64,
    pub href: Option<String>,
}

impl Figure {
    pub fn label(&self, locale: Locale) -> String {
        locale.text(&format!("import-{}", self.key))
    }
}

/// What came of the rows: made, changed, left as they are, refused.
pub(super) fn figures(object: &Object, import: &Import) -> Vec<Figure> {
    // A check has made nothing yet, and what was taken back lies in the trash.
    let made = match import.state.as_str() {
        "mapping" | "checking" | "checked" => None,
        "undone" => Some(format!("/{}?f=import:is:{}&trash=1", object.plural, import.id)),
        _ => Some(format!("/{}?f=import:is:{}", object.plural, import.id)),
    };
    let made = Figure { key: "created", count: import.created, href: made.filter(|_| import.created > 0) };
    let kept = [Outcome::Updated, Outcome::Skipped, Outcome::Failed].map(|outcome| figure(import, outcome));
    std::iter::once(made).chain(kept).collect()
}

fn figure(import: &Import, outcome: Outcome) -> Figure {
    let count = outcome.count(import);
    Figure { key: outcome.key(), count, href: (count > 0).then(|| address(import, outcome)) }
}

pub(super) fn address(import: &Import, outcome: Outcome) -> String {
    format!("/imports/{}/rows?outcome={}", import.id, outcome.key())
}

/// Rows that were taken for the records of others, in words.
pub(super) struct Repeated {
    pub text: String,
    pub href: String,
}

struct Tab {
    href: String,
    text: String,
    here: bool,
}

struct RowView {
    number: i64,
    fate: String,
    pill: &'static str,
    record: String,
    /// Empty: the viewer may not see the record, or it is gone.
    href: String,
    note: String,
    errors: Vec<String>,
    cells: String,
}

#[derive(askama::Template)]
#[template(path = "system/imports/rows.html")]
struct RowsBody<'a> {
    page: &'a Page,
    import: &'a Import,
    object_name: String,
    tabs: Vec<Tab>,
    here: String,
    is_failed: bool,
    rows: Vec<RowView>,
    first_page: Option<String>,
    next_page: Option<String>,
}

/// GET /imports/{id}/rows?outcome=failed&after=120 · whose it is
pub(super) async fn rows_page(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let asks = pairs(&asked.query);
    let locale = viewer.locale;
    let has_rows = |outcome: &Outcome| outcome.count(&import) > 0;
    let chosen = Outcome::parse(get(&asks, "outcome"));
    let chosen = chosen.or_else(|| Outcome::ALL.into_iter().find(has_rows)).unwrap_or(Outcome::Updated);
    let after = get(&asks, "after").parse().ok();
    let page = (after.unwrap_or(0), PAGE + 1);
    let mut rows = sql::rows_behind(&mut app.db.read().await?, &viewer, object, import.id, Some(chosen), page).await?;
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    let here = address(&import, chosen);
    let next_page = rows.last().filter(|_| more).map(|last| format!("{here}&after={}", last.kept.row_number));
    let tabs = figures(object, &import).into_iter().chain([figure(&import, Outcome::Repeated)]);
    let tabs = tabs.filter_map(|figure| {
        let text = format!("{} {}", figure.label(locale), format::grouped(figure.count));
        Some(Tab { here: figure.key == chosen.key(), href: figure.href?, text })
    });
    let page = Page::new(&viewer, &asked, locale.text_with("import-rows-of", &[("name", &import.name)]));
    let key = key_label(locale, object, &import.mapping()?);
    let body = RowsBody {
        page: &page,
        import: &import,
        object_name: object_name(locale, object.name),
        tabs: tabs.collect(),
        here: figure(&import, chosen).label(locale),
        is_failed: chosen == Outcome::Failed,
        rows: rows.iter().map(|row| row_view(locale, object, &import, &key, row)).collect(),
        first_page: after.map(|_| here),
        next_page,
    };
    respond(&page, &body)
}

fn row_view(locale: Locale, object: &Object, import: &Import, key: &str, row: &DoneRow) -> RowView {
    let (fate, pill) = match row.action.as_str() {
        // A check says what would become of the row.
        "updated" if import.state == "checked" => ("changed", "pill-info"),
        "updated" => ("updated", "pill-info"),
        "skipped" => ("unchanged", ""),
        _ => ("refused", "pill-bad"),
    };
    let href = row.record_id.map(|id| format!("/{}/{id}", object.plural)).unwrap_or_default();
    // In a check the record may be one that the file itself would bring.
    let is_gone = href.is_empty() && row.action != "failed" && import.state != "checked";
    RowView {
        number: row.kept.row_number,
        fate: locale.text(&format!("import-fate-{fate}")),
        pill,
        record: match (&row.record_name, is_gone) {
            (Some(name), _) => name.clone(),
            (None, true) => locale.text("import-record-gone"),
            (None, false) => "–".into(),
        },
        href,
        note: row.same_as.map(|other| same_as(locale, key, other)).unwrap_or_default(),
        errors: row.kept.errors().iter().map(|error| labelled(locale, object, error)).collect(),
        cells: content(&row.kept.cells()),
    }
}

/// The field by which rows find their records, as people call it.
pub(super) fn key_label(locale: Locale, object: &Object, mapping: &Mapping) -> String {
    let field = mapping.key.as_deref().and_then(|key| object.field(key));
    field.map_or_else(String::new, |field| locale.text(&object.label_key(field)))
}

/// Beside a row that was taken for the record of another one.
pub(super) fn same_as(locale: Locale, key: &str, other: i64) -> String {
    locale.text_with("import-same-as", &[("field", key), ("row", &other.to_string())])
}

/// That rows were taken for the records of others, and which.
pub(super) fn repeats_text(locale: Locale, key: &str, count: i64, rows: &[(i64, i64)]) -> String {
    let pairs = rows.iter().map(|(row, other)| {
        locale.text_with("import-repeats-row", &[("row", &row.to_string()), ("other", &other.to_string())])
    });
    let rows = enumerated(locale, pairs, MOST_NAMED);
    let args = [("count", format::grouped(count)), ("field", key.to_owned()), ("rows", rows)];
    let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
    locale.counted("import-repeats", count, &args)
}

/// What is said of an import in which rows share their key; `None`: there are none.
pub(super) async fn repeats_of(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    import: &Import,
) -> Result<Option<Repeated>> {
    if import.repeated == 0 {
        return Ok(None);
    }
    let first = (0, MOST_NAMED as i64 + 1);
    let rows = sql::rows_behind(session, viewer, object, import.id, Some(Outcome::Repeated), first).await?;
    let rows: Vec<(i64, i64)> = rows.iter().filter_map(|row| Some((row.kept.row_number, row.same_as?))).collect();
    let key = key_label(viewer.locale, object, &import.mapping()?);
    let text = repeats_text(viewer.locale, &key, import.repeated, &rows);
    Ok(Some(Repeated { text, href: address(import, Outcome::Repeated) }))
}
