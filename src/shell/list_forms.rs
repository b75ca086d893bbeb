//! Forms beside a list: its filter and its columns. Keeping both as a view: [`super::view_pages`].

use axum::extract::State;
use axum::response::Response;
use store::Uuid;

use super::app::App;
use super::by_name;
use super::error::{Error, Result};
use super::form::{self, Filled, Input};
use super::list::{self, Asks};
use super::page::{Asked, Page, done, fragment, respond};
use super::record::filter::{Op, SPANS};
use super::record::{Field, Kind, Object, is_setting};
use super::records::{get, pairs};
use super::shows::op_name;
use super::viewer::Viewer;
use super::views;

struct FieldChoice {
    key: &'static str,
    label: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/filter.html")]
struct FilterBody<'a> {
    page: &'a Page,
    object: &'static Object,
    query: String,
    /// The pipeline on whose board the filter is set, if it is for a board.
    board: String,
    fields: Vec<FieldChoice>,
    inner: FilterInput<'a>,
}

#[derive(askama::Template)]
#[template(path = "shell/filter_input.html")]
struct FilterInput<'a> {
    page: &'a Page,
    operators: Vec<(&'static str, String)>,
    spans: Vec<(&'static str, String)>,
    /// The input for one value of the field, and what kind of several choices it offers.
    input: Option<Input>,
    many: bool,
    is_date: bool,
}

fn filter_parts<'a>(
    page: &'a Page,
    object: &'static Object,
    viewer: &Viewer,
    key: &str,
) -> Result<(&'static Field, FilterInput<'a>)> {
    let field = viewer.projection(object).find(|field| field.key == key && field.filtered).ok_or(Error::NotFound)?;
    let locale = viewer.locale;
    let mut input = form::input(viewer, object, field, &Filled::default(), &[], "filter-");
    input.required = false;
    input.hint = String::new();
    input.label = match field.is_amount() {
        true => locale.text_with("filter-value-in", &[("currency", &viewer.config.base_currency)]),
        false => locale.text("filter-value"),
    };
    input.wide = true;
    if input.kind == "datetime-local" {
        input.kind = "date";
    }
    if matches!(input.kind, "amount" | "area" | "email" | "tel" | "url") {
        input.kind = "text";
    }
    if field.kind == Kind::Ref("price_list") {
        // Deals also go by lists that have run out.
        input.options = form::list_choices(viewer.config.price_lists.iter().filter(|list| !list.is_removed), None);
    }
    if field.kind == Kind::Ref("person") {
        input.options = ["me", "team"]
            .into_iter()
            .map(|key| form::Choice { value: key.into(), text: locale.text(&format!("person-{key}")), chosen: false })
            .collect();
    }
    // Ticked one by one, they need no headings: each says its pipeline too.
    let grouped = std::mem::take(&mut input.groups).into_iter().flat_map(|(_, options)| options);
    input.options.extend(grouped);
    by_name::offer(std::slice::from_mut(&mut input), &Filled::default());
    input.key = "value".into();
    let is_date = matches!(field.kind, Kind::Date | Kind::Instant);
    let parts = FilterInput {
        page,
        operators: Op::for_field(field).iter().map(|op| (op.key(), op_name(locale, field.kind, *op))).collect(),
        spans: if is_date {
            SPANS.iter().map(|span| (*span, locale.text(&format!("span-{span}")))).collect()
        } else {
            Vec::new()
        },
        many: matches!(field.kind, Kind::Choice(_)) || matches!(field.kind, Kind::Ref(target) if is_setting(target)),
        is_date,
        input: Some(input),
    };
    Ok((field, parts))
}

/// What the page is called where it stands alone: of which list, and what.
pub(super) fn title_of(viewer: &Viewer, object: &Object, key: &str) -> String {
    format!("{} · {}", viewer.locale.text(&format!("{}-plural", object.name)), viewer.locale.text(key))
}

/// GET /{plural}/filter: choose a field, an operator, a value.
pub(super) async fn filter_form(object: &'static Object, viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, title_of(&viewer, object, "list-filter"));
    let chosen = get(&pairs(&asked.query), "field").to_owned();
    let usable: Vec<&'static Field> = viewer.projection(object).filter(|field| field.filtered).collect();
    let first = usable.iter().find(|field| field.key == chosen).or(usable.get(1)).ok_or(Error::NotFound)?;
    let (_, inner) = filter_parts(&page, object, &viewer, first.key)?;
    let fields = usable
        .iter()
        .map(|field| FieldChoice {
            key: field.key,
            label: viewer.locale.text(&object.label_key(field)),
            chosen: field.key == first.key,
        })
        .collect();
    let board = get(&pairs(&asked.query), "board").to_owned();
    let query = Asks::parse(&asked.query).to_query();
    respond(&page, &FilterBody { page: &page, object, query, board, fields, inner })
}

/// GET /{plural}/filter/input?field=
pub(super) async fn filter_input(object: &'static Object, viewer: Viewer, asked: Asked) -> Result<Response> {
    let page = Page::new(&viewer, &asked, String::new());
    let (_, inner) = filter_parts(&page, object, &viewer, get(&pairs(&asked.query), "field"))?;
    fragment(&inner)
}

/// POST /{plural}/filter: back to the list with one filter more.
pub(super) async fn add_filter(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let mut asks = Asks::parse(get(&pairs, "query"));
    let saved = views::saved_views(&mut app.db.read().await?, &viewer, object).await?;
    let settled = list::settle(&viewer, object, asks.clone(), &saved)?;
    let op = get(&pairs, "op");
    let needs_value = Op::parse(op).is_some_and(Op::needs_value);
    let name = if op == "within" { "span" } else { "value" };
    let values: Vec<&str> = if needs_value {
        pairs.iter().filter(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str()).collect()
    } else {
        Vec::new()
    };
    if asks.filters.is_empty() {
        asks.filters = settled.asks.filters;
    }
    let field = get(&pairs, "field");
    let named = get(&pairs, &by_name::name_key("value")).trim();
    let found = match object.field(field).filter(|field| matches!(field.kind, Kind::Ref(_)) && needs_value) {
        Some(field) if !named.is_empty() => {
            Some(by_name::find_one(&app, &viewer, field, named, None).await?.to_string())
        }
        _ => None,
    };
    let values: Vec<&str> = found.as_deref().map_or(values, |found| vec![found]);
    asks.filters.retain(|filter| !filter.starts_with(&format!("{field}:{op}:")));
    asks.filters.push(format!("{field}:{op}:{}", values.join("|")));
    asks.leave_view(&settled.query);
    // A filter that does not fit is said here, not on a page of its own.
    list::settle(&viewer, object, asks.clone(), &[])?;
    let to = match get(&pairs, "board").parse::<Uuid>() {
        Ok(pipeline) => format!("/board?pipeline={pipeline}&{}", asks.to_query()),
        Err(_) => format!("/{}?{}", object.plural, asks.to_query()),
    };
    Ok(done(&asked, &to, None))
}

struct ColumnChoice {
    key: &'static str,
    label: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/columns.html")]
struct ColumnsBody<'a> {
    page: &'a Page,
    object: &'static Object,
    query: String,
    columns: Vec<ColumnChoice>,
}

/// GET /{plural}/columns
pub(super) async fn columns_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let saved = views::saved_views(&mut session, &viewer, object).await?;
    let settled = list::settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let page = Page::new(&viewer, &asked, title_of(&viewer, object, "list-columns"));
    let shown = &settled.query.fields;
    let rest = viewer.shown(object).filter(|field| !shown.iter().any(|other| other.key == field.key));
    let columns = shown
        .iter()
        .copied()
        .map(|field| (field, true))
        .chain(rest.map(|field| (field, false)))
        .map(|(field, chosen)| ColumnChoice {
            key: field.key,
            label: viewer.locale.text(&object.label_key(field)),
            chosen,
        })
        .collect();
    respond(&page, &ColumnsBody { page: &page, object, query: settled.asks.to_query(), columns })
}

/// POST /{plural}/columns: `col` in the chosen order; `up` / `down` move one and show the dialog again is done by order numbers.
pub(super) async fn set_columns(
    object: &'static Object,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let mut asks = Asks::parse(get(&pairs, "query"));
    let mut chosen: Vec<(i64, &str)> = pairs
        .iter()
        .filter(|(key, value)| key == "col" && viewer.sees(object, value))
        .map(|(_, value)| (get(&pairs, &format!("order-{value}")).parse().unwrap_or(99), value.as_str()))
        .collect();
    chosen.sort_by_key(|(order, _)| *order);
    asks.columns = chosen.into_iter().map(|(_, key)| key).collect::<Vec<_>>().join(",");
    Ok(done(&asked, &format!("/{}?{}", object.plural, asks.to_query()), None))
}
