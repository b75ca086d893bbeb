//! Which column of a file is which field, with the first rows as they would be read.

use super::arrival::{self, Peek, peek};
use super::engine::left_open;
use super::guess;
use super::model::{Column, DateOrder, DecimalSign, LONGEST_REASON, Mapping, OnMatch, is_number};
use super::pages::{Choice, choice, counts, counts_line, fields_of, find, n_rows, object_name};
use super::result_page::{FailureView, SHOWN_FAILURES, failure, job_error};
use super::rows::{self, Fate, Foreseen};
use super::rows_page::{Repeated, key_label, repeats_of, repeats_text, same_as};
use super::sql::{self, Import, SavedMapping, Work};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, Toast, done, fragment, render, respond_with};
use crate::shell::record::lookup::{MOST_CHOICES, enumerated};
use crate::shell::record::{Field, Kind, Object};
use crate::shell::records::{get, id, pairs};
use crate::shell::shows::width_of;
use crate::shell::viewer::Viewer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use paper::sheet::{Encoding, Format};
use std::collections::BTreeMap;
use store::Uuid;
use store::job::{self};

struct ColumnView {
    index: usize,
    header: String,
    samples: Vec<String>,
    fields: Vec<Choice>,
    replace: String,
    scale: String,
    orders: Vec<Choice>,
    /// Something in the options is set: they are shown open.
    open: bool,
    dates: bool,
    numbers: bool,
    error: Option<String>,
}

/// What is wider than so many letters stands on several lines, so that the columns beside it stay in sight.
const ON_ONE_LINE: usize = 30;

impl ColumnView {
    fn is_long(&self) -> bool {
        width_of(&self.header) > ON_ONE_LINE
    }
}

struct DefaultView {
    key: String,
    label: String,
    value: String,
    choices: Vec<Choice>,
}

struct PreviewRow {
    number: u64,
    fate: String,
    pill: &'static str,
    note: String,
    warning: String,
    cells: Vec<PreviewCell>,
}

struct PreviewCell {
    label: String,
    text: String,
    /// What the file says, of an amount that is shown as it is read.
    raw: Option<String>,
    /// Filled by a value for all rows.
    default: bool,
    error: Option<String>,
}

impl PreviewCell {
    fn is_long(&self) -> bool {
        width_of(&self.text) + self.raw.as_deref().map_or(0, width_of) > ON_ONE_LINE
    }
}

struct Preview {
    heads: Vec<String>,
    rows: Vec<PreviewRow>,
    errors: Vec<String>,
    bad: usize,
    /// Columns that fill no field.
    left_out: String,
    /// What is taken for granted because no column says it.
    warnings: Vec<String>,
    /// What the button says that starts the import.
    start: String,
}

impl Preview {
    /// Of a mapping that does not fit.
    fn unfit(errors: Vec<String>, start: String) -> Preview {
        Preview {
            heads: Vec::new(),
            rows: Vec::new(),
            errors,
            bad: 0,
            left_out: String::new(),
            warnings: Vec::new(),
            start,
        }
    }
}

#[derive(askama::Template)]
#[template(path = "system/imports/mapping.html")]
struct MappingBody<'a> {
    page: &'a Page,
    import: &'a Import,
    object_name: String,
    rows_total: String,
    columns: Vec<ColumnView>,
    defaults: Vec<DefaultView>,
    defaults_open: bool,
    keys: Vec<Choice>,
    on_match: Vec<Choice>,
    orders: Vec<Choice>,
    decimal_signs: Vec<Choice>,
    encodings: Vec<Choice>,
    delimiters: Vec<Choice>,
    sheets: Vec<Choice>,
    saved: Vec<Choice>,
    preview: Preview,
    /// Only the page is asked for, not its preview alone.
    alone: bool,
    /// Deals come in with their stages: why they stand there.
    reason: Option<String>,
    longest_reason: usize,
    before: Option<BeforeView>,
    check: Option<CheckView>,
    problem: Option<String>,
    /// Why it was not begun: the mapping does not fit.
    errors: Vec<String>,
    key_error: Option<String>,
}

/// The same file was taken in before.
struct BeforeView {
    id: Uuid,
    text: String,
}

struct CheckView {
    counts: Vec<(String, Option<String>)>,
    repeats: Option<Repeated>,
    failed: i64,
    /// What is taken for granted where a row does not say it.
    warnings: Vec<String>,
    failures: Vec<FailureView>,
}

#[derive(askama::Template)]
#[template(path = "system/imports/preview.html")]
struct PreviewBody<'a> {
    page: &'a Page,
    preview: &'a Preview,
    alone: bool,
}

pub(super) async fn mapping_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    import: &Import,
    mut mapping: Mapping,
    errors: Vec<FieldError>,
) -> Result<Response> {
    let locale = viewer.locale;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let (peek, problem) = match peek(app, import.file_id, &mapping, false).await {
        Ok(peek) => (peek, None),
        // Read in another way it may make no table at all: then it is shown as detected, with the reason.
        Err(Error::Invalid(errors)) => {
            (mapping.encoding, mapping.delimiter, mapping.sheet) = (None, None, None);
            let text = errors.first().map(|error| error.text(locale));
            (peek_detected(app, import, &mapping).await?, text)
        }
        Err(error) => return Err(error),
    };
    let problem = problem.or_else(|| errors.iter().find(|error| error.field == "file").map(|error| error.text(locale)));
    guess::columns(object, &peek.headers, &mut mapping.columns);
    let mut preview = previewed(app, viewer, object, import, &mapping, &peek).await?;
    if import.state == "checked" {
        preview.start = start_text(locale, import.rows_total, Some(import.failed));
    }
    let mut session = app.db.read().await?;
    let before = sql::taken_in_before(&mut session, import).await?;
    let saved = sql::saved_mappings(&mut session, viewer).await?;
    let job = match import.job_id {
        Some(job) => job::find(&mut session, job).await?,
        None => None,
    };
    let failures = if import.state == "checked" {
        sql::rows(&mut session, import.id, "failed", i64::MIN, SHOWN_FAILURES).await?
    } else {
        Vec::new()
    };
    let repeats =
        if import.state == "checked" { repeats_of(&mut session, viewer, object, import).await? } else { None };
    drop(session);
    let left_open = job.as_ref().map(left_open).unwrap_or_default();
    let empty = (import.rows_total == 0).then(|| locale.text("sheet-no-rows"));
    let problem =
        problem.or(empty).or_else(|| job.filter(|job| job.state == "failed").and_then(|job| job_error(locale, &job)));
    let check = (import.state == "checked").then(|| CheckView {
        counts: counts(locale, object, import),
        repeats,
        failed: import.failed,
        warnings: left_open.texts(locale, "all"),
        failures: failures.iter().map(|row| failure(locale, object, row)).collect(),
    });
    let page = Page::new(viewer, asked, locale.text_with("import-title", &[("name", &import.name)]));
    let fields: Vec<&'static Field> = fields_of(viewer, object).collect();
    let labels = |key: &str| object.field(key).map_or_else(String::new, |field| locale.text(&object.label_key(field)));
    let columns = column_views(locale, object, &fields, &labels, &mapping, &peek, &errors);
    let mapped: Vec<&str> = mapping.columns.values().map(|column| column.field.as_str()).collect();
    let defaults: Vec<DefaultView> = fields
        .iter()
        .filter(|field| !mapped.contains(&field.key) || mapping.defaults.contains_key(field.key))
        // Asked for by a question of its own.
        .filter(|field| field.key != "reason" || mapping.defaults.contains_key(field.key))
        .map(|field| default_view(locale, object, field, mapping.defaults.get(field.key).map_or("", String::as_str)))
        .collect();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = MappingBody {
        page: &page,
        import,
        object_name: object_name(locale, object.name),
        rows_total: n_rows(locale, import.rows_total),
        columns,
        defaults_open: !mapping.defaults.is_empty(),
        defaults,
        keys: fields
            .iter()
            .filter(|field| guess::may_be_key(field))
            .map(|field| choice(field.key, labels(field.key), mapping.key.as_deref() == Some(field.key)))
            .collect(),
        on_match: OnMatch::ALL
            .into_iter()
            .filter(|on| *on != OnMatch::Create)
            .map(|on| choice(on.key(), locale.text(&format!("import-on-match-{}", on.key())), on == mapping.on_match))
            .collect(),
        orders: order_choices(locale, mapping.date_order),
        decimal_signs: DecimalSign::ALL
            .into_iter()
            .map(|sign| {
                let text = locale.text(&format!("import-decimal-sign-{}", sign.key()));
                choice(sign.key(), text, sign == mapping.decimal_sign)
            })
            .collect(),
        encodings: match &peek.format {
            Format::Text { encoding, .. } => Encoding::ALL
                .into_iter()
                .map(|known| {
                    choice(known.key(), locale.text(&format!("import-encoding-{}", known.key())), known == *encoding)
                })
                .collect(),
            Format::Workbook { .. } => Vec::new(),
        },
        delimiters: match &peek.format {
            Format::Text { delimiter, .. } => [(',', "comma"), (';', "semicolon"), ('\t', "tab")]
                .into_iter()
                .map(|(sign, name)| choice(name, locale.text(&format!("import-delimiter-{name}")), sign == *delimiter))
                .collect(),
            Format::Workbook { .. } => Vec::new(),
        },
        sheets: match &peek.format {
            Format::Workbook { sheets, sheet } => {
                sheets.iter().map(|name| choice(name, name.clone(), name == sheet)).collect()
            }
            Format::Text { .. } => Vec::new(),
        },
        saved: saved_choices(&saved, object),
        preview,
        alone: false,
        reason: object.field("reason").map(|_| mapping.reason.clone().unwrap_or_default()),
        longest_reason: LONGEST_REASON,
        before: before.map(|before| {
            let when = format::instant(locale, before.created_at, &viewer.config.zone);
            let args = [("name", before.name.as_str()), ("when", &when), ("counts", &counts_line(locale, &before))];
            BeforeView { id: before.id, text: locale.text_with("import-before", &args) }
        }),
        check,
        problem,
        // Of the file the problem speaks.
        errors: errors
            .iter()
            .filter(|error| error.field != "file")
            .map(|error| labelled(locale, object, error))
            .collect(),
        key_error: errors.iter().find(|error| error.field == "key").map(|error| in_words(locale, object, error)),
    };
    respond_with(status, &page, render(&body)?)
}

async fn peek_detected(app: &App, import: &Import, mapping: &Mapping) -> Result<Peek> {
    peek(app, import.file_id, mapping, false).await
}

fn saved_choices(saved: &[SavedMapping], object: &Object) -> Vec<Choice> {
    saved
        .iter()
        .filter(|mapping| mapping.object == object.name)
        .map(|mapping| choice(&mapping.id.to_string(), mapping.name.clone(), false))
        .collect()
}

fn order_choices(locale: Locale, chosen: Option<DateOrder>) -> Vec<Choice> {
    DateOrder::ALL
        .into_iter()
        .map(|order| choice(order.key(), locale.text(&format!("import-order-{}", order.key())), chosen == Some(order)))
        .collect()
}

fn column_views(
    locale: Locale,
    object: &Object,
    fields: &[&'static Field],
    labels: &impl Fn(&str) -> String,
    mapping: &Mapping,
    peek: &Peek,
    errors: &[FieldError],
) -> Vec<ColumnView> {
    let none = Column::default();
    peek.headers
        .iter()
        .enumerate()
        .map(|(index, header)| {
            let column = mapping.columns.get(header).unwrap_or(&none);
            let field = fields.iter().find(|field| field.key == column.field);
            let mut samples: Vec<String> = Vec::new();
            for row in &peek.rows {
                let cell = row.cells.get(index).map_or("", |cell| cell.trim());
                if !cell.is_empty() && samples.len() < 3 && !samples.iter().any(|known| known == cell) {
                    samples.push(shortened(cell, 60));
                }
            }
            ColumnView {
                index,
                header: header.clone(),
                samples,
                fields: fields
                    .iter()
                    .map(|field| choice(field.key, labels(field.key), field.key == column.field))
                    .collect(),
                replace: column.replace.iter().map(|(from, to)| format!("{from} => {to}\n")).collect(),
                scale: column.scale.clone().unwrap_or_default(),
                orders: order_choices(locale, column.date_order),
                open: !column.replace.is_empty() || column.scale.is_some() || column.date_order.is_some(),
                dates: field.is_some_and(|field| matches!(field.kind, Kind::Date | Kind::Instant)),
                numbers: field.is_some_and(|field| is_number(field)),
                error: errors.iter().find(|error| error.field == *header).map(|error| in_words(locale, object, error)),
            }
        })
        .collect()
}

fn default_view(locale: Locale, object: &'static Object, field: &'static Field, value: &str) -> DefaultView {
    let choices = match field.kind {
        Kind::Choice(keys) => {
            keys.iter().map(|key| choice(key, locale.text(&object.choice_key(field, key)), *key == value)).collect()
        }
        Kind::Bool => vec![
            choice("true", locale.text("yes"), value == "true"),
            choice("false", locale.text("no"), value == "false"),
        ],
        _ => Vec::new(),
    };
    DefaultView { key: field.key.into(), label: locale.text(&object.label_key(field)), value: value.into(), choices }
}

pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > most {
        short.push('…');
    }
    short
}

/// What the button says: how many rows there are, and how many of them can be taken in. `bad`: how many can't, if that is known.
fn start_text(locale: Locale, rows: i64, bad: Option<i64>) -> String {
    let all = n_rows(locale, rows);
    match bad {
        Some(0) => locale.text_with("import-start", &[("rows", &all)]),
        Some(bad) => {
            let good = format::grouped((rows - bad).max(0));
            locale.text_with("import-start-some", &[("count", &good), ("rows", &all)])
        }
        None => locale.text_with("import-start-right", &[("rows", &all)]),
    }
}

/// The first rows as they would be taken in.
async fn previewed(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    import: &Import,
    mapping: &Mapping,
    peek: &Peek,
) -> Result<Preview> {
    let locale = viewer.locale;
    let mut fitting = mapping.clone();
    fitting.columns.retain(|name, _| peek.headers.contains(name));
    let plan = match fitting.plan(app.registry, &peek.headers) {
        Ok(plan) => plan,
        Err(Error::Invalid(errors)) => {
            let errors = errors.iter().map(|error| labelled(locale, object, error)).collect();
            return Ok(Preview::unfit(errors, start_text(locale, import.rows_total, Some(0))));
        }
        Err(error) => return Err(error),
    };
    let (fates, left_open) = rows::preview(app, viewer, &plan, peek.headers.len(), &peek.rows).await?;
    let shown: Vec<&'static Field> = fields_of(viewer, object)
        .filter(|field| plan.column_of(field.key).is_some() || mapping.defaults.contains_key(field.key))
        .collect();
    let mut rows = Vec::new();
    let mut bad = 0;
    let key_label = key_label(locale, object, mapping);
    let mut repeats: Vec<(i64, i64)> = Vec::new();
    for (row, Foreseen { fate, same_as: other, amounts }) in peek.rows.iter().zip(fates) {
        repeats.extend(other.map(|other| (row.number as i64, other)));
        let inputs = plan.inputs(&row.cells);
        let (key, pill, errors) = match fate {
            Fate::New => ("new", "pill-good", Vec::new()),
            Fate::Changed => ("changed", "pill-info", Vec::new()),
            Fate::Unchanged => ("unchanged", "", Vec::new()),
            Fate::Waiting(errors) => ("waiting", "pill-warn", errors),
            Fate::Refused(errors) => {
                bad += 1;
                ("refused", "pill-bad", errors)
            }
        };
        let cells = shown
            .iter()
            .map(|field| {
                let given = inputs.given.get(field.key);
                let says = given.or(inputs.defaults.get(field.key)).map(|text| shortened(text, 60));
                let amount = amounts.get(field.key).filter(|_| says.is_some());
                let text = match amount {
                    Some(amount) => amount.clone(),
                    None if field.key == "password" && given.is_some() => "••••••••".to_owned(),
                    None => says.unwrap_or_default(),
                };
                let cell = plan.column_of(field.key).and_then(|at| row.cells.get(at)).map(|cell| cell.trim());
                let raw = cell.filter(|cell| amount.is_some() && !cell.is_empty() && *cell != text);
                PreviewCell {
                    label: locale.text(&object.label_key(field)),
                    raw: raw.map(|cell| shortened(cell, 60)),
                    text,
                    default: given.is_none(),
                    error: errors
                        .iter()
                        .find(|error| error.field == field.key)
                        .map(|error| in_words(locale, object, error)),
                }
            })
            .collect();
        // What is wrong with no shown cell is said beside the row.
        let note: Vec<String> = errors
            .iter()
            .filter(|error| !shown.iter().any(|field| field.key == error.field))
            .map(|error| labelled(locale, object, error))
            .collect();
        rows.push(PreviewRow {
            number: row.number,
            fate: locale.text(&format!("import-fate-{key}")),
            pill,
            note: note.join(" "),
            warning: other.map(|other| same_as(locale, &key_label, other)).unwrap_or_default(),
            cells,
        });
    }
    let heads = shown.iter().map(|field| locale.text(&object.label_key(field))).collect();
    let filled = |header: &&String| {
        let part = format!("{{{header}}}");
        mapping.columns.get(*header).is_some_and(|column| !column.field.is_empty())
            || mapping.defaults.values().any(|text| text.contains(&part))
    };
    let left_out: Vec<&str> = peek.headers.iter().filter(|header| !filled(header)).map(String::as_str).collect();
    // Of a long file only the beginning was looked at.
    let all_seen = import.rows_total <= rows.len() as i64;
    let start = start_text(locale, import.rows_total, (all_seen || bad == 0).then_some(bad as i64));
    let left_out = left_out.join(" · ");
    let missing = fields_of(viewer, object).filter(|field| !shown.iter().any(|filled| filled.key == field.key));
    let assumed = missing.map(|field| format!("import-without-{}-{}", object.name, field.key.replace('_', "-")));
    let assumed = assumed.filter(|key| locale.has(key)).map(|key| locale.text(&key));
    let is_shown = |is: fn(&Kind) -> bool| shown.iter().any(|field| is(&field.kind));
    let in_currency = (is_shown(|kind| *kind == Kind::Money) && !is_shown(|kind| *kind == Kind::Currency))
        .then(|| locale.text_with("import-amounts-in", &[("currency", &viewer.config.base_currency)]));
    let repeats = (!repeats.is_empty()).then(|| repeats_text(locale, &key_label, repeats.len() as i64, &repeats));
    let open = left_open.texts(locale, if all_seen { "all" } else { "shown" });
    let warnings = in_currency.into_iter().chain(assumed).chain(open).chain(repeats).collect();
    Ok(Preview { heads, rows, errors: Vec::new(), bad, left_out, warnings, start })
}

/// What is wrong with a cell or with the mapping; of a choice that is none, what there is to choose from.
fn in_words(locale: Locale, object: &Object, error: &FieldError) -> String {
    let kind = object.field(&error.field).map(|field| (field, field.kind));
    match (error.key.as_str(), kind) {
        ("invalid-choice", Some((field, Kind::Choice(choices)))) => {
            let known = choices.iter().map(|choice| locale.text(&object.choice_key(field, choice)));
            let known = enumerated(locale, known, MOST_CHOICES);
            let args = [("value", error.arg("value").unwrap_or_default()), ("known", &known)];
            locale.text_with("invalid-not-among", &args)
        }
        // Fields are named as the page names them.
        ("import-key-unmapped" | "import-field-twice", _) => {
            let key = error.arg("value").unwrap_or_default();
            let label = object.field(key).map_or_else(|| key.to_owned(), |field| locale.text(&object.label_key(field)));
            locale.text_with(&error.key, &[("value", &label)])
        }
        _ => error.text(locale),
    }
}

/// An error with the label of its field in front.
pub(super) fn labelled(locale: Locale, object: &Object, error: &FieldError) -> String {
    match object.field(&error.field) {
        Some(field) => {
            let label = locale.text(&object.label_key(field));
            locale.text_with("import-field-error", &[("field", &label), ("error", &in_words(locale, object, error))])
        }
        None => in_words(locale, object, error),
    }
}

/// What the mapping form says. Names of columns come with it, so that a file read in another way cannot mix them up.
fn mapping_of(pairs: &[(String, String)], before: &Mapping) -> Mapping {
    let filled = |key: &str| Some(get(pairs, key).trim().to_owned()).filter(|text| !text.is_empty());
    let mut columns = BTreeMap::new();
    for (key, name) in pairs {
        let Some(index) = key.strip_prefix("column-") else { continue };
        let of = |part: &str| get(pairs, &format!("{part}-{index}")).to_owned();
        let scale = Some(of("scale").trim().to_owned()).filter(|text| !text.is_empty());
        let column = Column {
            field: of("field"),
            replace: replacements(&of("replace")),
            scale,
            date_order: DateOrder::parse(&of("order")),
        };
        columns.insert(name.clone(), column);
    }
    let defaults = pairs
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("default-")?.to_owned(), value.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let delimiter = match get(pairs, "delimiter") {
        "comma" => Some(','),
        "semicolon" => Some(';'),
        "tab" => Some('\t'),
        _ => None,
    };
    Mapping {
        object: before.object.clone(),
        key: filled("key"),
        on_match: OnMatch::parse(get(pairs, "on_match")).unwrap_or_default(),
        date_order: DateOrder::parse(get(pairs, "date_order")),
        decimal_sign: DecimalSign::parse(get(pairs, "decimal_sign")).unwrap_or_default(),
        shift_days: before.shift_days,
        reason: filled("reason"),
        encoding: filled("encoding"),
        delimiter,
        sheet: filled("sheet"),
        columns,
        defaults,
    }
}

/// `from => to`, one a line.
fn replacements(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once("=>").or_else(|| line.split_once('→')))
        .map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()))
        .collect()
}

/// POST /imports/{id}/preview: how the rows would look, without keeping anything.
pub(super) async fn preview(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
    body: String,
) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let mapping = mapping_of(&pairs(&body), &import.mapping()?);
    let preview = match peek(&app, import.file_id, &mapping, false).await {
        Ok(peek) => previewed(&app, &viewer, object, &import, &mapping, &peek).await?,
        Err(Error::Invalid(errors)) => {
            let errors = errors.iter().map(|error| error.text(viewer.locale)).collect();
            Preview::unfit(errors, start_text(viewer.locale, import.rows_total, Some(0)))
        }
        Err(error) => return Err(error),
    };
    let page = Page::new(&viewer, &asked, "");
    fragment(&PreviewBody { page: &page, preview: &preview, alone: true })
}

/// POST /imports/{id}: keeps the mapping; `then` says what follows.
pub(super) async fn save(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(text): Path<String>,
    body: String,
) -> Result<Response> {
    let import = find(&app, &viewer, &text).await?;
    let object = app.registry.get(&import.object).ok_or(Error::NotFound)?;
    let pairs = pairs(&body);
    let before = import.mapping()?;
    let mut mapping = mapping_of(&pairs, &before);
    let then = get(&pairs, "then");
    let locale = viewer.locale;
    if then == "load" {
        let wanted = id(get(&pairs, "saved"))?;
        let saved = sql::saved_mappings(&mut app.db.read().await?, &viewer).await?;
        let saved = saved.iter().find(|saved| saved.id == wanted && saved.object == object.name);
        mapping = Mapping::parse(&saved.ok_or(Error::NotFound)?.mapping)?;
    }
    let reads_anew = mapping.options() != before.options();
    let peek = match peek(&app, import.file_id, &mapping, reads_anew).await {
        Ok(peek) => peek,
        Err(Error::Invalid(errors)) => return mapping_page(&app, &viewer, &asked, &import, mapping, errors).await,
        Err(error) => return Err(error),
    };
    arrival::fit(object, &peek.headers, &mut mapping);
    let checked = mapping.plan(app.registry, &peek.headers);
    let may_be_unfinished = matches!(then, "preview" | "load");
    if let (Err(Error::Invalid(errors)), false) = (&checked, may_be_unfinished) {
        return mapping_page(&app, &viewer, &asked, &import, mapping, errors.clone()).await;
    }
    let rows = peek.total.unwrap_or(import.rows_total);
    if rows == 0 && matches!(then, "check" | "start") {
        let nothing = vec![FieldError::new("file", "sheet-no-rows")];
        return mapping_page(&app, &viewer, &asked, &import, mapping, nothing).await;
    }
    let mut tx = app.db.write().await?;
    sql::save_mapping_of(&mut tx, &import, &mapping, rows).await?;
    let mut toast = None;
    match then {
        "check" | "start" => {
            let work = if then == "check" { Work::Check } else { Work::Run };
            sql::enqueue(&mut tx, &app, &import, work).await?;
        }
        "keep" => {
            let name = sql::mapping_name(get(&pairs, "mapping_name"));
            let name = if name.is_empty() { import.name.clone() } else { name };
            sql::save_mapping(&mut tx, &app, &viewer, &name, &mapping).await?;
            toast = Some(Toast::success(locale.text_with("import-mapping-saved", &[("name", &name)])));
        }
        _ => {}
    }
    tx.commit().await?;
    app.jobs.notify_one();
    Ok(done(&asked, &format!("/imports/{}", import.id), toast))
}
