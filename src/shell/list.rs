//! The list of any kind of record: views, filters, columns, keyset pages, selection. State lives in the address bar, so a list
//! can be bookmarked, sent to a colleague and saved as a view.

use axum::extract::State;
use axum::response::Response;
use store::{Cell, Day, Uuid};

use super::app::App;
use super::error::{Error, Result};
use super::format;
use super::page::{Asked, Html, Page, avatar_colour, escape, icon, initials, respond, who};
use super::record::filter::{Filter, Op};
use super::record::query::{self, Cursor, ListQuery, Row};
use super::record::{Field, Kind, Object, Registry, Write, value};
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
    let mut fields: Vec<&'static Field> = columns
        .split(',')
        .filter_map(|key| viewer.projection(object).find(|field| field.key == key && !field.is_virtual()))
        .collect();
    if fields.is_empty() {
        fields = viewer.projection(object).filter(|field| field.listed).collect();
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

pub struct CellView {
    pub html: Html,
    pub class: &'static str,
    pub label: String,
    pub edit: Option<String>,
    /// The exact figure, when a short form is shown.
    pub exact: String,
}

pub struct RowView {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    pub href: String,
    pub cells: Vec<CellView>,
}

struct ColumnView {
    label: String,
    number: bool,
    href: String,
    sorted: &'static str,
}

pub struct ChipView {
    pub label: String,
    pub text: String,
    pub remove: String,
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
    tabs: Vec<TabView>,
    chips: Vec<ChipView>,
    columns: Vec<ColumnView>,
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
    let found = query::list(&mut session, &viewer, app.registry, object, &query, today).await?;
    let count = match found.counted {
        _ if query.after.is_none() && found.next.is_none() => found.rows.len() as i64,
        Some(counted) => counted,
        None => query::count(&mut session, &viewer, app.registry, object, &query, today, COUNT_CAP).await?,
    };
    drop(session);
    let locale = viewer.locale;
    let title = locale.text(&format!("{}-plural", object.name));
    let page = Page::new(&viewer, &asked, title.clone());
    let access = viewer.scope.access(object.name);
    let may_change = access.write > super::access::Level::None && object.name != "person";
    let shows = Shows { viewer: &viewer, registry: app.registry, object, today };
    let total = if count > COUNT_CAP { format!("{}+", format::grouped(COUNT_CAP)) } else { format::grouped(count) };
    let body = ListBody {
        page: &page,
        object,
        new_label: locale.text(&format!("{}-new", object.name)),
        count: locale.text_with("list-count", &[("count", &total)]),
        tabs: tabs(&viewer, object, &asks, &saved),
        chips: query.filters.iter().map(|filter| chip(&shows, &asks, &query, filter)).collect(),
        columns: query.fields.iter().map(|field| column(&viewer, object, &asks, &query, field)).collect(),
        rows: found
            .rows
            .iter()
            .map(|row| match query.trash {
                true => shows.trashed_row(&query.fields, row),
                false => shows.row(&query.fields, row, true),
            })
            .collect(),
        sums: query.fields.iter().any(|field| field.key == "amount") && !found.rows.is_empty(),
        query: asks.to_query(),
        words: asks.words.clone(),
        filters: asks.filters.clone(),
        total,
        first_page: query.after.is_some().then(|| asks.with(|_| {})),
        next_page: found.next.map(|cursor| format!("?{}&after={}", asks.to_query(), cursor.to_text())),
        may_create: access.create,
        may_change,
        may_pick: may_change || (access.export && !query.trash),
        may_export: access.export,
        trash: query.trash,
        trash_href: asks.with(|asks| asks.trash = !asks.trash),
        board: object.name == "opportunity",
        view: shown_view(&viewer, object, &asks, &query, &saved),
        title,
    };
    respond(&page, &body)
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

/// GET /{plural}/sums: the footer, asked for by the page once it stands, so that adding up a big list never delays it.
pub async fn sums(object: &'static Object, State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let today = viewer.config.today(app.clock.now());
    let mut session = app.db.read().await?;
    let saved = saved_views(&mut session, &viewer, object).await?;
    let Settled { query, .. } = settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let mut text = String::new();
    if viewer.sees(object, "amount") {
        let select = "SELECT COUNT(*), CAST(COALESCE(SUM(t.amount_base), 0) AS BIGINT)";
        let statement = query::aggregate(app.db.engine(), select, &viewer, app.registry, object, &query, today)?;
        let (count, sum): (i64, i64) = session.one(statement).await?;
        let money = format::money(sum, &viewer.config.base_currency);
        text = viewer.locale.text_with("list-sum", &[("count", &format::grouped(count)), ("sum", &money)]);
    }
    Ok(axum::response::Html(escape(&text)).into_response())
}

use axum::response::IntoResponse;

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

/// Turns stored values into what a viewer reads.
pub struct Shows<'a> {
    pub viewer: &'a Viewer,
    pub registry: &'a Registry,
    pub object: &'static Object,
    pub today: Day,
}

impl Shows<'_> {
    /// A filter in words, with the address that takes it away.
    pub fn chip(&self, filter: &Filter, remove: String) -> ChipView {
        let locale = self.viewer.locale;
        let values: Vec<String> = filter.values.iter().map(|value| self.filter_value(filter, value)).collect();
        let operator = match filter.op {
            Op::Is | Op::Within => String::new(),
            op => locale.text(&format!("op-{}", op.key())),
        };
        ChipView {
            label: locale.text(&self.object.label_key(filter.field)),
            text: format!("{operator} {}", values.join(&locale.text("list-or"))).trim().to_owned(),
            remove,
        }
    }

    fn filter_value(&self, filter: &Filter, text: &str) -> String {
        let (locale, config) = (self.viewer.locale, &self.viewer.config);
        match (filter.op, filter.field.kind) {
            (Op::Within, _) => locale.text(&format!("span-{text}")),
            (_, Kind::Choice(_)) => locale.text(&self.object.choice_key(filter.field, text)),
            (_, Kind::Ref("person")) if matches!(text, "me" | "team") => locale.text(&format!("person-{text}")),
            (_, Kind::Ref("stage")) => {
                text.parse().ok().and_then(|id| config.stage(id)).map_or_else(|| "—".into(), |stage| stage.name.clone())
            }
            (_, Kind::Ref("pipeline")) => text
                .parse()
                .ok()
                .and_then(|id| config.pipeline(id))
                .map_or_else(|| "—".into(), |pipeline| pipeline.name.clone()),
            (_, Kind::Bool) => locale.text(if text == "true" { "yes" } else { "no" }),
            (_, Kind::Date) => Day::parse(text).map_or_else(|| text.to_owned(), |day| format::date(locale, day)),
            (_, Kind::Ref(_)) => locale.text("list-chosen-record"),
            _ => text.to_owned(),
        }
    }

    pub fn row(&self, fields: &[&'static Field], row: &Row, editable: bool) -> RowView {
        let href = format!("/{}/{}", self.object.plural, row.id);
        let may_change = editable
            && self.viewer.scope.access(self.object.name).write > super::access::Level::None
            && self.object.name != "person";
        let name = row.cells.first().and_then(Cell::text).unwrap_or("").to_owned();
        let cells = fields
            .iter()
            .enumerate()
            .map(|(index, field)| self.cell(fields, row, index, field, &href, may_change))
            .collect();
        RowView { id: row.id, version: row.version, name, href, cells }
    }

    /// What lies in the trash has no page and is not changed there.
    fn trashed_row(&self, fields: &[&'static Field], row: &Row) -> RowView {
        let mut view = self.row(fields, row, false);
        if let Some(first) = view.cells.first_mut() {
            let name = row.cells[0].text().unwrap_or("—");
            first.html = Html(format!("<span class=\"who\">{}{}</span>", square(name, ""), escape(name)));
        }
        view
    }

    fn cell(
        &self,
        fields: &[&'static Field],
        row: &Row,
        index: usize,
        field: &'static Field,
        href: &str,
        may_change: bool,
    ) -> CellView {
        let editable = may_change && index > 0 && can_edit_in_place(field);
        let class = match field.kind {
            Kind::Money | Kind::BaseMoney | Kind::Integer { .. } | Kind::Percent => "num",
            _ => "",
        };
        let html = if index == 0 {
            let text = row.cells[0].text().unwrap_or("—");
            let first = escape(&text.chars().next().map(String::from).unwrap_or_default());
            Html(format!(
                "<span class=\"who\"><span class=\"av av-square av-{}\" aria-hidden=\"true\">{first}</span><a class=\"row-name\" href=\"{href}\" data-open>{}</a></span>",
                avatar_colour(text),
                escape(text)
            ))
        } else {
            let state = fields.iter().position(|other| other.key == "state").and_then(|at| row.cells[at].text());
            self.show(field, &row.cells[index], row.labels[index].as_deref(), &row.currency, state)
        };
        let exact = match (field.is_amount(), &row.cells[index]) {
            (true, Cell::Int(minor)) => format::money(
                *minor,
                if field.kind == Kind::BaseMoney { &self.viewer.config.base_currency } else { &row.currency },
            ),
            _ => String::new(),
        };
        CellView {
            html,
            class,
            label: self.viewer.locale.text(&self.object.label_key(field)),
            edit: editable.then(|| format!("{href}/field/{}", field.key)),
            exact,
        }
    }

    /// A value as markup: references as links, people with their avatar, late dates in warning colour.
    pub fn show(
        &self,
        field: &'static Field,
        cell: &Cell,
        label: Option<&str>,
        currency: &str,
        state: Option<&str>,
    ) -> Html {
        let locale = self.viewer.locale;
        let currency = if field.kind == Kind::BaseMoney { &self.viewer.config.base_currency } else { currency };
        match (field.kind, cell) {
            (_, Cell::Null) => Html("<span class=\"dim\">–</span>".into()),
            (Kind::Ref("person"), _) => who(label.unwrap_or("—")),
            (Kind::Ref("stage"), Cell::Id(id)) => self.stage(*id),
            (Kind::Ref(target), Cell::Id(id)) => match self.registry.get(target) {
                Some(target) => {
                    Html(format!("<a href=\"/{}/{id}\">{}</a>", target.plural, escape(label.unwrap_or("—"))))
                }
                None => Html(escape(label.unwrap_or("—"))),
            },
            (Kind::Money | Kind::BaseMoney, Cell::Int(minor)) => {
                Html(escape(&format::money_compact(locale, *minor, currency)))
            }
            (Kind::Date, Cell::Int(day)) => {
                let late = matches!(field.key, "close_date" | "due_date" | "next_step_date")
                    && *day < self.today.0
                    && !matches!(state, Some("won" | "lost" | "done"));
                let class = if late { "late tnum" } else { "tnum" };
                Html(format!("<span class=\"{class}\">{}</span>", format::date(locale, Day(*day))))
            }
            (Kind::Choice(_), Cell::Text(choice)) => {
                let tone = tone(choice);
                let text =
                    escape(&value::shown(self.object, field, cell, label, currency, locale, &self.viewer.config.zone));
                Html(if tone.is_empty() {
                    text
                } else {
                    format!("<span class=\"pill pill-dot pill-{tone}\">{text}</span>")
                })
            }
            (Kind::Email, Cell::Text(address)) => Html(format!("<a href=\"mailto:{0}\">{0}</a>", escape(address))),
            (Kind::Phone, Cell::Text(number)) => {
                let digits: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
                Html(format!("<a href=\"tel:{digits}\" class=\"tnum\">{}</a>", escape(number)))
            }
            (Kind::Url, Cell::Text(url)) => Html(format!(
                "<a href=\"{0}\" rel=\"noopener noreferrer\" target=\"_blank\">{1}</a>",
                escape(url),
                escape(url.trim_start_matches("https://").trim_start_matches("http://"))
            )),
            (Kind::LongText, Cell::Text(text)) => Html(escape(text).replace('\n', "<br>")),
            _ => {
                Html(escape(&value::shown(self.object, field, cell, label, currency, locale, &self.viewer.config.zone)))
            }
        }
    }

    fn stage(&self, id: Uuid) -> Html {
        let Some(stage) = self.viewer.config.stage(id) else { return Html("—".into()) };
        let tone = match stage.kind {
            super::config::StageKind::Won => "good",
            super::config::StageKind::Lost => "bad",
            super::config::StageKind::Open => "info",
        };
        Html(format!("<span class=\"pill pill-dot pill-{tone}\">{}</span>", escape(&stage.name)))
    }
}

/// Colour that a fixed choice carries; most carry none.
fn tone(choice: &str) -> &'static str {
    match choice {
        "customer" | "won" | "qualified" | "champion" | "active" | "done" | "given" => "good",
        "loyal" | "converted" => "accent",
        "new" | "open" | "invited" | "decision_maker" | "economic_buyer" => "info",
        "working" | "high" | "gatekeeper" => "warn",
        "lost" | "blocker" | "disabled" | "withdrawn" => "bad",
        "prospect" | "former" | "unqualified" | "unknown" | "influencer" | "user" => "plain",
        _ => "",
    }
}

/// Fields that may be changed by a click into the cell. Stages move by their own command, which may ask back.
pub fn can_edit_in_place(field: &Field) -> bool {
    field.write == Write::Always
        && !field.is_virtual()
        && !matches!(field.kind, Kind::LongText)
        && field.key != "stage"
        && field.key != "currency"
}

/// An avatar square of a record.
pub fn square(name: &str, size: &str) -> Html {
    Html(format!(
        "<span class=\"av {size} av-square av-{}\" aria-hidden=\"true\">{}</span>",
        avatar_colour(name),
        escape(&initials(name).chars().take(1).collect::<String>())
    ))
}

/// Shown in place of a value that is not there.
pub fn dash() -> Html {
    Html("<span class=\"dim\">–</span>".into())
}

/// An icon for a kind of activity.
pub fn activity_icon(kind: &str) -> Html {
    icon(
        match kind {
            "call" => "phone",
            "meeting" => "users",
            "visit" => "map-pin",
            "mail" => "mail",
            _ => "note",
        },
        "",
    )
}
