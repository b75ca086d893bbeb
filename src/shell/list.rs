//! The list of any kind of record: views, filters, columns, keyset pages, selection. State lives in the address bar, so a list
//! can be bookmarked, sent to a colleague and saved as a view.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use store::Uuid;

use super::app::App;
use super::error::{Error, Result};
use super::format;
use super::page::{Asked, Page, render, respond};
use super::record::filter::Filter;
use super::record::query::{self, Cursor, ListQuery, Question};
use super::record::{Field, Kind, Object};
use super::shows::{ChipView, RowView, Shows, own_files, uninvited};
use super::viewer::Viewer;
use super::views::{self, SavedView, is_usable, saved_views};

/// Rows on a page of a list.
pub const PAGE: i64 = 50;
/// Counts stop here: "1,000+" says enough and costs little.
pub const COUNT_CAP: i64 = query::MANY;

/// What the address bar says.
#[derive(Debug, Clone, Default)]
pub struct Asks {
    pub filters: Vec<String>,
    pub words: String,
    pub sort: String,
    pub columns: String,
    pub view: String,
    /// The saved view that the filters were changed on.
    pub from: String,
    pub after: String,
    pub trash: bool,
}

impl Asks {
    pub fn parse(query: &str) -> Asks {
        let mut asks = Asks::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match key.as_ref() {
                "f" => asks.filters.push(value.into_owned()),
                "q" => asks.words = value.chars().take(200).filter(|c| *c != '\0').collect(),
                "sort" => asks.sort = value.into_owned(),
                "cols" => asks.columns = value.into_owned(),
                "view" => asks.view = value.into_owned(),
                "from" => asks.from = value.into_owned(),
                "after" => asks.after = value.into_owned(),
                "trash" => asks.trash = value == "1",
                _ => {}
            }
        }
        asks
    }

    /// The query string of the same list, without paging.
    pub fn to_query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.view.is_empty() {
            query.append_pair("view", &self.view);
        }
        for filter in &self.filters {
            query.append_pair("f", filter);
        }
        for (key, value) in [("q", &self.words), ("sort", &self.sort), ("cols", &self.columns), ("from", &self.from)] {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        if self.trash {
            query.append_pair("trash", "1");
        }
        query.finish()
    }

    /// Away from a view: its filters are no longer the list's. Of a saved one order and columns stay, and which it was is kept,
    /// so that it can be changed.
    pub fn leave_view(&mut self, shown: &ListQuery) {
        if self.view.parse::<Uuid>().is_ok() {
            self.from = std::mem::take(&mut self.view);
            self.sort = shown.sort_text();
            self.columns = shown.columns_text();
        }
        self.view = "none".into();
    }

    fn with(&self, change: impl FnOnce(&mut Asks)) -> String {
        let mut other = Asks { after: String::new(), ..self.clone() };
        change(&mut other);
        format!("?{}", other.to_query())
    }
}

/// The views that everybody has, as far as the viewer can use them: key, and the query as in the address bar.
fn built_in(viewer: &Viewer, object: &'static Object) -> impl Iterator<Item = (&'static str, &'static str)> {
    object.views.iter().copied().filter(move |(_, query)| is_usable(viewer, object, query))
}

/// What the list shows once view, filters and columns are settled.
pub struct Settled {
    pub asks: Asks,
    pub query: ListQuery,
}

/// Reads the address bar against the viewer's projection. With nothing said, the first view of the object counts.
pub fn settle(viewer: &Viewer, object: &'static Object, mut asks: Asks, saved: &[SavedView]) -> Result<Settled> {
    let bare =
        asks.view.is_empty() && asks.filters.is_empty() && asks.words.is_empty() && asks.sort.is_empty() && !asks.trash;
    if bare {
        match saved.iter().find(|view| view.is_default && view.owner_id == viewer.person) {
            Some(view) => asks.view = view.id.to_string(),
            None => asks.view = built_in(viewer, object).next().map(|(key, _)| key.to_owned()).unwrap_or_default(),
        }
    }
    // A view gives filters, sort and columns; what stands in the address bar beside it goes on top.
    let mut filters = asks.filters.clone();
    let mut sort = asks.sort.clone();
    let mut columns = asks.columns.clone();
    let view = saved.iter().find(|view| view.id.to_string() == asks.view);
    let of_view = match view {
        Some(view) => Some(view.query.as_str()),
        None => built_in(viewer, object).find(|(key, _)| *key == asks.view).map(|(_, query)| query),
    };
    if let Some(of_view) = of_view.map(Asks::parse) {
        if asks.filters.is_empty() {
            filters = of_view.filters;
        }
        if sort.is_empty() {
            sort = of_view.sort;
        }
        if columns.is_empty() {
            columns = view.map(|view| view.columns.clone()).unwrap_or_default();
        }
    } else if !asks.view.is_empty() {
        asks.view.clear();
    }
    asks.filters = filters.clone();
    let filters = filters.iter().map(|text| Filter::parse(object, viewer, text)).collect::<Result<Vec<_>>>()?;
    if sort.is_empty() {
        // A role may be kept from the field that the list usually goes by.
        let usual = object.default_sort.trim_start_matches('-');
        sort = if viewer.sees(object, usual) { object.default_sort } else { object.title }.to_owned();
    }
    let (key, descending) = sort.strip_prefix('-').map_or((sort.as_str(), false), |key| (key, true));
    let sort_field = viewer
        .projection(object)
        .find(|field| field.key == key && field.sort_column.is_some())
        .ok_or_else(|| Error::field("sort", "invalid-unknown-field"))?;
    let mut fields: Vec<&'static Field> =
        columns.split(',').filter_map(|key| viewer.shown(object).find(|field| field.key == key)).collect();
    if fields.is_empty() {
        fields = viewer.shown(object).filter(|field| field.listed).collect();
    }
    let title = object.title_field();
    fields.retain(|field| field.key != title.key);
    fields.insert(0, title);
    let after = if asks.after.is_empty() { None } else { Some(Cursor::parse(sort_field, &asks.after)?) };
    let words = Some(asks.words.clone()).filter(|words| !words.trim().is_empty());
    let query =
        ListQuery { fields, filters, words, sort: sort_field, descending, after, limit: PAGE, trash: asks.trash };
    Ok(Settled { asks, query })
}

struct ColumnView {
    label: String,
    number: bool,
    href: String,
    sorted: &'static str,
}

impl ColumnView {
    /// The last word of the heading by itself: the arrow stays beside it where the heading takes two lines.
    fn parted(&self) -> (&str, &str) {
        self.label.split_at(self.label.rfind(' ').map_or(0, |space| space + 1))
    }
}

struct TabView {
    name: String,
    href: String,
    here: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/list.html")]
struct ListBody<'a> {
    page: &'a Page,
    object: &'static Object,
    title: String,
    new_label: String,
    count: String,
    head: String,
    tabs: Vec<TabView>,
    chips: Vec<ChipView>,
    columns: Vec<ColumnView>,
    /// On a phone, where there are no headings to click: every order that the list can have.
    orders: Vec<ColumnView>,
    rows: Vec<RowView>,
    sums: bool,
    query: String,
    words: String,
    filters: Vec<String>,
    total: String,
    first_page: Option<String>,
    next_page: Option<String>,
    may_create: bool,
    may_change: bool,
    /// There is something to be done with records that are ticked.
    may_pick: bool,
    may_export: bool,
    trash: bool,
    trash_href: String,
    board: bool,
    /// The saved view that is shown, or that was, before its filters were changed: one that the viewer may change.
    view: Option<ShownView>,
}

struct ShownView {
    id: Uuid,
    version: i64,
    name: String,
    /// The list is no longer as the view says.
    is_changed: bool,
}

/// GET /{plural}
pub async fn show(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let today = viewer.config.today(app.clock.now());
    let mut session = app.db.read().await?;
    let saved = saved_views(&mut session, &viewer, object).await?;
    let Settled { asks, query } = settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let question = Question { viewer: &viewer, object, query: &query, today };
    let found = question.page(&mut session).await?;
    let count = match found.counted {
        _ if query.after.is_none() && found.next.is_none() => found.rows.len() as i64,
        Some(counted) => counted,
        None => question.count(&mut session, COUNT_CAP).await?,
    };
    let files = own_files(&mut session, &viewer, &query.filters).await?;
    let uninvited = uninvited(&mut session, &viewer, object, &query.fields, &found.rows).await?;
    drop(session);
    let locale = viewer.locale;
    let title = locale.text(&format!("{}-plural", object.name));
    let page = Page::new(&viewer, &asked, title.clone());
    let access = viewer.scope.access(object.name);
    let may_change = may_change(&viewer, object);
    let shows = Shows { files, uninvited, ..Shows::of(&viewer, app.registry, object, today) };
    let total = if count > COUNT_CAP { format!("{}+", format::grouped(COUNT_CAP)) } else { format::grouped(count) };
    let body = ListBody {
        page: &page,
        object,
        new_label: locale.text(&format!("{}-new", object.name)),
        count: locale.counted("list-count", count, &[("count", &total)]),
        head: said_count(&viewer, count, &total, query.trash),
        tabs: tabs(&viewer, object, &asks, &saved),
        chips: query.filters.iter().map(|filter| chip(&shows, &asks, &query, filter)).collect(),
        columns: query.fields.iter().map(|field| column(&viewer, object, &asks, &query, field)).collect(),
        orders: viewer
            .shown(object)
            .filter(|field| field.sort_column.is_some())
            .map(|field| column(&viewer, object, &asks, &query, field))
            .collect(),
        rows: found
            .rows
            .iter()
            .map(|row| match query.trash {
                true => shows.trashed_row(&query.fields, row),
                false => shows.row(&query.fields, row, true),
            })
            .collect(),
        sums: query.fields.iter().any(|field| field.key == "amount")
            && sees_sum(&viewer, object)
            && !found.rows.is_empty(),
        query: asks.to_query(),
        words: asks.words.clone(),
        filters: asks.filters.clone(),
        total,
        first_page: query.after.is_some().then(|| asks.with(|_| {})),
        next_page: found.next.map(|cursor| format!("?{}&after={}", asks.to_query(), cursor.to_text())),
        may_create: access.create,
        may_change,
        may_pick: may_pick(&viewer, object, query.trash),
        may_export: access.export,
        trash: query.trash,
        trash_href: asks.with(|asks| asks.trash = !asks.trash),
        board: object.name == "opportunity",
        view: shown_view(&viewer, object, &asks, &query, &saved),
        title,
    };
    respond(&page, &body)
}

fn may_change(viewer: &Viewer, object: &Object) -> bool {
    viewer.scope.access(object.name).write > super::access::Level::None && object.name != "person"
}

/// Whether there is something to be done with records that are ticked.
fn may_pick(viewer: &Viewer, object: &Object, trash: bool) -> bool {
    may_change(viewer, object) || (viewer.scope.access(object.name).export && !trash)
}

/// What stands below the heading of a list.
fn said_count(viewer: &Viewer, count: i64, total: &str, trash: bool) -> String {
    let said = viewer.locale.counted("list-count", count, &[("count", total)]);
    if trash { format!("{} · {said}", viewer.locale.text("list-trash-sub")) } else { said }
}

fn shown_view(
    viewer: &Viewer,
    object: &'static Object,
    asks: &Asks,
    query: &ListQuery,
    saved: &[SavedView],
) -> Option<ShownView> {
    let of = |id: &str| saved.iter().find(|view| view.id.to_string() == id);
    let view = of(&asks.view).or_else(|| of(&asks.from)).filter(|view| views::may_change(viewer, object, view))?;
    let now = views::Wish::of(view).showing(asks, query);
    let is_changed = now != views::Wish::of(view) && !asks.trash;
    Some(ShownView { id: view.id, version: view.version, name: view.name.clone(), is_changed })
}

/// What is added up is the worth in the base currency, which is hidden with the amount.
fn sees_sum(viewer: &Viewer, object: &'static Object) -> bool {
    viewer.sees(object, "amount_base")
}

/// The footer with its sum. Where the page says "1,000+", what it says elsewhere comes along, so that it is as exact.
#[derive(askama::Template)]
#[template(path = "shell/sums.html")]
struct SumsBody {
    sum: String,
    exact: Option<Exact>,
}

struct Exact {
    head: String,
    total: String,
    /// The button that chooses all of them; nothing for who chooses none.
    matching: Option<String>,
}

/// GET /{plural}/sums: the footer, asked for by the page once it stands, so that adding up a big list never delays it.
pub async fn sums(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let today = viewer.config.today(app.clock.now());
    let mut session = app.db.read().await?;
    let saved = saved_views(&mut session, &viewer, object).await?;
    let Settled { query, .. } = settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let mut body = SumsBody { sum: String::new(), exact: None };
    if sees_sum(&viewer, object) {
        let question = Question { viewer: &viewer, object, query: &query, today };
        let select = format!("SELECT COUNT(*), {}", store::sum::sum(app.db.engine(), "t.amount_base"));
        let statement = question.aggregate(app.db.engine(), select.as_str())?;
        let (count, sum): (i64, i64) = session.one(statement).await?;
        let money = format::money(sum, &viewer.config.base_currency);
        let grouped = format::grouped(count);
        body.sum = viewer.locale.counted("list-sum", count, &[("count", &grouped), ("sum", &money)]);
        body.exact = (count > COUNT_CAP).then(|| Exact {
            head: said_count(&viewer, count, &grouped, query.trash),
            matching: may_pick(&viewer, object, query.trash)
                .then(|| viewer.locale.text_with("list-select-matching", &[("total", &grouped)])),
            total: grouped,
        });
    }
    Ok(axum::response::Html(render(&body)?.0).into_response())
}

fn tabs(viewer: &Viewer, object: &'static Object, asks: &Asks, saved: &[SavedView]) -> Vec<TabView> {
    let built_in = built_in(viewer, object).map(|(key, _)| TabView {
        name: viewer.locale.text(&format!("view-{}-{key}", object.name)),
        href: format!("?view={key}"),
        here: asks.view == key,
    });
    let own = saved.iter().map(|view| TabView {
        name: view.name.clone(),
        href: format!("?view={}", view.id),
        here: asks.view == view.id.to_string(),
    });
    built_in.chain(own).collect()
}

fn column(
    viewer: &Viewer,
    object: &'static Object,
    asks: &Asks,
    query: &ListQuery,
    field: &'static Field,
) -> ColumnView {
    let is_sorted = query.sort.key == field.key;
    // First click: smallest or A first, for amounts and times the largest first.
    let descending_first = field.is_measured() && field.kind != Kind::Date;
    let descending = if is_sorted { !query.descending } else { descending_first };
    ColumnView {
        label: viewer.locale.text(&object.label_key(field)),
        number: matches!(field.kind, Kind::Money | Kind::BaseMoney | Kind::Integer { .. } | Kind::Percent),
        href: if field.sort_column.is_some() {
            asks.with(|asks| asks.sort = format!("{}{}", if descending { "-" } else { "" }, field.key))
        } else {
            String::new()
        },
        sorted: match (is_sorted, query.descending) {
            (false, _) => "",
            (true, true) => "descending",
            (true, false) => "ascending",
        },
    }
}

fn chip(shows: &Shows<'_>, asks: &Asks, query: &ListQuery, filter: &Filter) -> ChipView {
    let remove = asks.with(|asks| {
        asks.filters.retain(|text| *text != filter.to_text());
        asks.leave_view(query);
    });
    shows.chip(filter, remove)
}
