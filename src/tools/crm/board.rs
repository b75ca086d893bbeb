//! The board: a column per stage with count, total and weighted total from SQL over the whole filter, never from the cards
//! that happen to be loaded; cards come page by page.

use axum::extract::State;
use axum::response::Response;
use store::sum::sum;
use store::{Cells, Day, Sql, Uuid};

use super::objects::OPPORTUNITY;
use super::standing::{self, Weighted};
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::config::{Config, Pipeline, StageKind};
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::layers::url_encode;
use crate::shell::list::{self, Asks};
use crate::shell::page::{Asked, Page, avatar_colour, initials, respond};
use crate::shell::record::filter::{Filter, Op};
use crate::shell::record::query::{ListQuery, Question};
use crate::shell::records::{get, pairs};
use crate::shell::shows::{ChipView, Shows, own_files};
use crate::shell::viewer::Viewer;

/// Cards shown per column at first; each time, twice as many more.
const CARDS: i64 = 15;
/// Nobody looks through more cards than this: there is the list.
const MOST_CARDS: i64 = CARDS + 12 * 2 * CARDS;

struct CardView {
    id: Uuid,
    version: i64,
    name: String,
    account: String,
    amount: String,
    exact: String,
    close: String,
    late: bool,
    days: Option<i64>,
    long: bool,
    owner: String,
    owner_initials: String,
    colour: u32,
    /// `task`, `late`, `planned`, `step`, `none`, `hidden`
    next: &'static str,
    next_text: String,
}

struct ColumnView {
    stage: Uuid,
    name: String,
    dot: &'static str,
    count: String,
    total: String,
    weighted: String,
    /// The list of the column's deals.
    list_href: String,
    cards: Vec<CardView>,
    /// Where the cards are that are not shown, and in words.
    more: Option<(String, String)>,
}

struct Tab {
    name: String,
    href: String,
    here: bool,
}

/// What the address bar says of a board: what a list is asked for, and the pipeline. The filters of a list come along; those
/// that a board can't follow are kept for the way back, and named.
struct Wanted<'a> {
    pipeline: &'a Pipeline,
    asks: Asks,
    /// Filters that count here.
    counted: Vec<Filter>,
    /// Those that don't: the board shows open deals of one pipeline, whatever they say.
    ignored: Vec<Filter>,
}

impl<'a> Wanted<'a> {
    fn parse(viewer: &Viewer, config: &'a Config, query: &str) -> Result<Wanted<'a>> {
        let mut asks = Asks { view: String::new(), after: String::new(), ..Asks::parse(query) };
        let filters = asks.filters.iter().map(|text| Filter::parse(&OPPORTUNITY, viewer, text));
        let filters = filters.collect::<Result<Vec<Filter>>>()?;
        let named = get(&pairs(query), "pipeline").parse().ok();
        let filtered = filters.iter().find_map(one_pipeline);
        let chosen = named.or(filtered).and_then(|id| config.pipeline(id)).or(config.pipelines.first());
        let pipeline = chosen.ok_or(Error::NotFound)?;
        // The board's own pipeline is said by its tab.
        let (_, filters): (Vec<Filter>, Vec<Filter>) =
            filters.into_iter().partition(|filter| one_pipeline(filter).is_some());
        asks.filters = filters.iter().map(Filter::to_text).collect();
        let (counted, ignored) = filters.into_iter().partition(|filter| counts(pipeline, filter));
        Ok(Wanted { pipeline, asks, counted, ignored })
    }

    /// The deals of the board.
    fn list(&self, viewer: &Viewer) -> Result<ListQuery> {
        let filters = self.counted.iter().map(Filter::to_text).collect();
        let words = self.asks.words.clone();
        Ok(list::settle(viewer, &OPPORTUNITY, Asks { filters, words, view: "none".into(), ..Asks::default() }, &[])?
            .query)
    }

    /// This board with other filters or another pipeline.
    fn href(&self, pipeline: Uuid, change: impl FnOnce(&mut Asks)) -> String {
        let mut asks = self.asks.clone();
        change(&mut asks);
        format!("?pipeline={pipeline}&{}", asks.to_query()).trim_end_matches('&').to_owned()
    }

    /// Whether fewer deals are asked for than a board shows anyway: those that are open.
    fn narrows(&self) -> bool {
        !self.asks.words.is_empty() || self.counted.iter().any(|filter| filter.field.key != "state")
    }

    fn without(&self, filter: &Filter) -> String {
        self.href(self.pipeline.id, |asks| asks.filters.retain(|text| *text != filter.to_text()))
    }

    /// The list of the same deals; `stage`: only those of that column.
    fn list_href(&self, viewer: &Viewer, stage: Option<Uuid>) -> String {
        self.list_of(viewer, Asks { view: "none".into(), ..self.asks.clone() }, stage)
    }

    /// The list of just the deals that a figure counts: without what the board can't follow.
    fn figure_href(&self, viewer: &Viewer, stage: Option<Uuid>) -> String {
        let filters = self.counted.iter().map(Filter::to_text).collect();
        self.list_of(viewer, Asks { view: "none".into(), filters, trash: false, ..self.asks.clone() }, stage)
    }

    fn list_of(&self, viewer: &Viewer, mut asks: Asks, stage: Option<Uuid>) -> String {
        // A list may be asked only for what its reader may see.
        let (sees_state, sees_pipeline) = (viewer.sees(&OPPORTUNITY, "state"), viewer.sees(&OPPORTUNITY, "pipeline"));
        if sees_state && !asks.filters.iter().any(|text| text.starts_with("state:")) {
            asks.filters.push("state:is:open".into());
        }
        if sees_pipeline && viewer.config.pipelines.len() > 1 {
            asks.filters.push(format!("pipeline:is:{}", self.pipeline.id));
        }
        if let Some(stage) = stage {
            asks.filters.push(format!("stage:is:{stage}"));
            asks.sort = "close_date".into();
        }
        format!("/opportunities?{}", asks.to_query())
    }
}

/// The one pipeline that a filter asks for.
fn one_pipeline(filter: &Filter) -> Option<Uuid> {
    let is_one = filter.field.key == "pipeline" && filter.op == Op::Is && filter.values.len() == 1;
    filter.values.first().filter(|_| is_one)?.parse().ok()
}

/// Whether a board of this pipeline can follow a filter.
fn counts(pipeline: &Pipeline, filter: &Filter) -> bool {
    let is_column = |value: &String| {
        let stage = pipeline.stages.iter().find(|stage| stage.id.to_string() == *value);
        stage.is_some_and(|stage| stage.kind == StageKind::Open)
    };
    match (filter.field.key, filter.op) {
        ("pipeline", _) => false,
        ("state", op) => op == Op::Is && filter.values == ["open"],
        ("stage", Op::Is) => filter.values.iter().all(is_column),
        _ => true,
    }
}

#[derive(askama::Template)]
#[template(path = "tools/crm/board.html")]
struct BoardBody<'a> {
    page: &'a Page,
    /// Opens the form for a deal of this board, and leads back to it.
    new_href: String,
    pipelines: Vec<Tab>,
    owners: Vec<Tab>,
    columns: Vec<ColumnView>,
    stages: Vec<(Uuid, String, &'static str)>,
    query: String,
    chips: Vec<ChipView>,
    /// Filters that the board can't follow.
    ignored: Vec<ChipView>,
    pipeline: Uuid,
    list_query: String,
    list_href: String,
    /// The deals that the summary counts.
    figures_href: String,
    summary: String,
    /// Without a single deal, and not because of a filter.
    is_bare: bool,
    /// When a filter or the words left no deal: the board without them.
    clear_href: Option<String>,
    may_create: bool,
    may_change: bool,
}

fn dot(kind: StageKind, position: usize) -> &'static str {
    match kind {
        StageKind::Won => "won",
        StageKind::Lost => "lost",
        StageKind::Open => ["0", "1", "2", "3"][position.min(3)],
    }
}

/// GET /board
pub async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let given = pairs(&asked.query);
    let config = viewer.config.clone();
    let today = config.today(app.clock.now());
    let wanted = Wanted::parse(&viewer, &config, &asked.query)?;
    let pipeline = wanted.pipeline;
    let shown: i64 = get(&given, "cards").parse().unwrap_or(CARDS).clamp(CARDS, MOST_CARDS);
    let filter = wanted.list(&viewer)?;

    let mut session = app.db.read().await?;
    let deals = Question { viewer: &viewer, object: &OPPORTUNITY, query: &filter, today };
    let sums = sums(&mut session, deals, pipeline).await?;
    let cards = cards(&mut session, deals, pipeline, shown).await?;
    let files = own_files(&mut session, &viewer, &filter.filters).await?;
    drop(session);

    let locale = viewer.locale;
    let money = |minor: i64| format::money_compact(locale, minor, &config.base_currency);
    let (sees_total, sees_weighted) = sees_sums(&viewer);
    let open: Vec<_> = pipeline.stages.iter().filter(|stage| stage.kind == StageKind::Open).collect();
    let mut by_stage: std::collections::HashMap<Uuid, Vec<CardView>> = std::collections::HashMap::new();
    for (stage, card) in cards {
        by_stage.entry(stage).or_default().push(card);
    }
    let columns: Vec<ColumnView> = open
        .iter()
        .enumerate()
        .map(|(position, stage)| {
            let (count, total, weighted) = sums
                .iter()
                .find(|(id, ..)| *id == stage.id)
                .map_or((0, 0, Weighted::default()), |(_, count, total, weighted)| (*count, *total, *weighted));
            let cards = by_stage.remove(&stage.id).unwrap_or_default();
            let more = (count > cards.len() as i64).then(|| {
                let rest = strip(&asked.query, "cards");
                if shown < MOST_CARDS {
                    (format!("?{rest}&cards={}", shown + 2 * CARDS), locale.text("board-more"))
                } else {
                    (
                        wanted.figure_href(&viewer, Some(stage.id)),
                        locale.text_with("board-all", &[("count", &format::grouped(count))]),
                    )
                }
            });
            ColumnView {
                stage: stage.id,
                name: stage.name.clone(),
                dot: dot(stage.kind, position),
                count: format::grouped(count),
                total: if sees_total { money(total) } else { String::new() },
                weighted: if sees_weighted { money(weighted.minor()) } else { String::new() },
                list_href: wanted.figure_href(&viewer, Some(stage.id)),
                cards,
                more,
            }
        })
        .collect();
    let all = || sums.iter().filter(|(id, ..)| open.iter().any(|stage| stage.id == *id));
    let count: i64 = all().map(|(_, count, ..)| count).sum();
    let total = all().map(|(.., total, _)| *total).fold(0, i64::saturating_add);
    let weighted: Weighted = all().map(|(.., weighted)| *weighted).sum();
    let page = Page::new(&viewer, &asked, locale.text("nav-board"));
    let owner_filter = filter
        .filters
        .iter()
        .find(|filter| filter.field.key == "owner")
        .map(|filter| filter.values.join("|"))
        .unwrap_or_default();
    let shows = Shows { files, ..Shows::of(&viewer, app.registry, &OPPORTUNITY, today) };
    let here = format!("/board{}", wanted.href(pipeline.id, |_| {}));
    let body = BoardBody {
        page: &page,
        new_href: format!("/opportunities/new?pipeline={}&back={}", pipeline.id, url_encode(&here)),
        pipelines: if config.pipelines.len() > 1 {
            config
                .pipelines
                .iter()
                .map(|other| Tab {
                    name: other.name.clone(),
                    href: wanted.href(other.id, |_| {}),
                    here: other.id == pipeline.id,
                })
                .collect()
        } else {
            Vec::new()
        },
        owners: [("", "board-everyone"), ("me", "board-mine"), ("team", "board-team")]
            .into_iter()
            .map(|(value, key)| Tab {
                name: locale.text(key),
                href: wanted.href(pipeline.id, |asks| {
                    asks.filters.retain(|text| !text.starts_with("owner:is:"));
                    if !value.is_empty() {
                        asks.filters.push(format!("owner:is:{value}"));
                    }
                }),
                here: owner_filter == value,
            })
            .collect(),
        columns,
        stages: pipeline
            .stages
            .iter()
            .enumerate()
            .map(|(position, stage)| (stage.id, stage.name.clone(), dot(stage.kind, position)))
            .collect(),
        query: strip(&asked.query, ""),
        chips: chips(&wanted, &shows),
        ignored: ignored(&wanted, &shows),
        pipeline: pipeline.id,
        list_query: wanted.asks.to_query(),
        list_href: wanted.list_href(&viewer, None),
        figures_href: wanted.figure_href(&viewer, None),
        summary: if sees_weighted {
            locale.text_with(
                "board-summary",
                &[("count", &format::grouped(count)), ("total", &money(total)), ("weighted", &money(weighted.minor()))],
            )
        } else {
            locale.counted("list-count", count, &[("count", &format::grouped(count))])
        },
        is_bare: count == 0 && !wanted.narrows(),
        clear_href: (count == 0 && wanted.narrows()).then(|| {
            wanted.href(pipeline.id, |asks| {
                asks.filters.clear();
                asks.words.clear();
            })
        }),
        may_create: viewer.may_create("opportunity"),
        may_change: viewer.scope.access("opportunity").write > crate::shell::access::Level::None,
    };
    respond(&page, &body)
}

/// What narrows the board, but for what its tabs say already.
fn chips(wanted: &Wanted<'_>, shows: &Shows<'_>) -> Vec<ChipView> {
    let of_tabs = |filter: &&Filter| {
        let is_whose = filter.field.key == "owner" && filter.op == Op::Is;
        filter.field.key == "state"
            || (is_whose && matches!(filter.values.as_slice(), [one] if one == "me" || one == "team"))
    };
    let filters = wanted.counted.iter().filter(|filter| !of_tabs(filter));
    let words = (!wanted.asks.words.is_empty()).then(|| ChipView {
        label: shows.viewer.locale.text("board-words"),
        text: wanted.asks.words.clone(),
        remove: wanted.href(wanted.pipeline.id, |asks| asks.words.clear()),
    });
    filters.map(|filter| shows.chip(filter, wanted.without(filter))).chain(words).collect()
}

fn ignored(wanted: &Wanted<'_>, shows: &Shows<'_>) -> Vec<ChipView> {
    let filters = wanted.ignored.iter().map(|filter| shows.chip(filter, wanted.without(filter)));
    let trash = wanted.asks.trash.then(|| ChipView {
        label: String::new(),
        text: shows.viewer.locale.text("list-trash-sub"),
        remove: wanted.href(wanted.pipeline.id, |asks| asks.trash = false),
    });
    filters.chain(trash).collect()
}

fn strip(query: &str, key: &str) -> String {
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs(query).into_iter().filter(|(name, _)| name != key) {
        kept.append_pair(&name, &value);
    }
    kept.finish()
}

/// Whether the viewer may see totals, and weighted totals.
pub fn sees_sums(viewer: &Viewer) -> (bool, bool) {
    let total = viewer.sees(&OPPORTUNITY, "amount_base");
    (total, total && viewer.sees(&OPPORTUNITY, "probability"))
}

/// stage, count, total and weighted total in the base currency; rounded once, at the end. Hidden sums are not added up.
pub async fn sums(
    session: &mut store::Session,
    deals: Question<'_>,
    pipeline: &Pipeline,
) -> Result<Vec<(Uuid, i64, i64, Weighted)>> {
    let (total, weighted) = sees_sums(deals.viewer);
    let select = format!(
        "SELECT t.stage_id, COUNT(*), {}, {}",
        if total { sum(session.engine(), "t.amount_base") } else { "CAST(0 AS BIGINT)".into() },
        Weighted::columns(session.engine(), if weighted { "TRUE" } else { "FALSE" }),
    );
    let mut statement = deals.aggregate(session.engine(), select.as_str())?;
    statement.push(" AND t.stage_kind = 'open' AND t.pipeline_id = ").bind(pipeline.id).push(" GROUP BY t.stage_id");
    let rows: Vec<(Uuid, i64, i64, i64, i64)> = session.all_kept(statement).await?;
    let sums = rows.into_iter().map(|(stage, count, sum, whole, rest)| (stage, count, sum, Weighted::new(whole, rest)));
    Ok(sums.collect())
}

/// The first cards of every open stage, in one statement.
async fn cards(
    session: &mut store::Session,
    deals: Question<'_>,
    pipeline: &Pipeline,
    limit: i64,
) -> Result<Vec<(Uuid, CardView)>> {
    let Question { viewer, today, .. } = deals;
    // What is hidden from the viewer never leaves the database.
    let shown = |key: &str, column: &'static str| if viewer.sees(&OPPORTUNITY, key) { column } else { "NULL" };
    let order = if viewer.sees(&OPPORTUNITY, "close_date") { "t.close_day, t.id" } else { "t.id" };
    let mut statement = Sql::default();
    for (index, stage) in pipeline.stages.iter().filter(|stage| stage.kind == StageKind::Open).enumerate() {
        if index > 0 {
            statement.push(" UNION ALL ");
        }
        let mut ids = deals.aggregate(session.engine(), "SELECT t.id")?;
        ids.push(" AND t.stage_id = ").bind(stage.id).push(&format!(" ORDER BY {order} LIMIT ")).bind(limit);
        // Places are numbered anew when a statement becomes part of another.
        statement.push("SELECT * FROM (SELECT x.id FROM (");
        statement.append(ids);
        statement.push(&format!(") x) s{index}"));
    }
    let mut whole = Sql::new(format!(
        "SELECT t.id, t.version, t.stage_id, t.name, {}, {}, t.currency, {}, {}, {}, {}, ",
        shown("account", "a.name"),
        shown("amount", "t.amount"),
        shown("close_date", "t.close_day"),
        shown("stage_since", "t.stage_since"),
        shown("owner", "p.name"),
        shown("next_step", "t.next_step"),
    ));
    standing::push_next_task(&mut whole, viewer);
    standing::push_next_activity(whole.push(", "), viewer);
    whole
        .push(" FROM opportunity t JOIN person p ON p.id = t.owner_id LEFT JOIN account a ON a.id = t.account_id AND ");
    (super::objects::ACCOUNT.visible)(&mut whole, &viewer.scope, Right::Read, "a");
    whole.push(" WHERE t.id IN (");
    whole.append(statement);
    whole.push(&format!(") ORDER BY {order}"));
    let locale = viewer.locale;
    let rows = session.all::<Cells>(whole).await?;
    Ok(rows
        .into_iter()
        .map(|Cells(cells)| {
            let text = |at: usize| cells[at].text().unwrap_or("").to_owned();
            let stage = cells[2].id().unwrap_or_default();
            let days =
                cells[8].int().map(|since| (today.0 - store::Instant(since).day_in(&viewer.config.zone).0).max(0));
            let expected = viewer.config.stage(stage).and_then(|stage| stage.expected_days);
            let due = cells[11].int();
            let planned = cells[12].int().map(|at| store::Instant(at).day_in(&viewer.config.zone).0);
            let on = |key: &str, day: i64| locale.text_with(key, &[("date", &format::date(locale, Day(day)))]);
            // Of a task and an appointment the earlier one is the next.
            let (next, next_text) = match (due, planned) {
                (Some(due), _) if due < today.0 => ("late", locale.text("card-task-late")),
                (Some(due), planned) if planned.is_none_or(|planned| due <= planned) => ("task", on("card-task", due)),
                (_, Some(planned)) => ("planned", on("card-planned", planned)),
                _ if !text(10).is_empty() => ("step", text(10)),
                _ if viewer.sees(&OPPORTUNITY, "next_step") => ("none", locale.text("card-no-next")),
                _ => ("hidden", String::new()),
            };
            let owner = text(9);
            let card = CardView {
                id: cells[0].id().unwrap_or_default(),
                version: cells[1].int().unwrap_or(0),
                name: text(3),
                account: text(4),
                amount: cells[5].int().map_or_else(String::new, |minor| format::money_compact(locale, minor, &text(6))),
                exact: cells[5].int().map_or_else(String::new, |minor| format::money(minor, &text(6))),
                close: cells[7].int().map_or_else(String::new, |day| format::date(locale, Day(day))),
                late: cells[7].int().is_some_and(|day| day < today.0),
                days,
                long: days.zip(expected).is_some_and(|(days, expected)| days > expected),
                owner_initials: initials(&owner),
                colour: avatar_colour(&owner),
                owner,
                next,
                next_text,
            };
            (stage, card)
        })
        .collect())
}
