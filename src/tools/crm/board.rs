//! The board: a column per stage with count, total and weighted total from SQL over the whole filter, never from the cards
//! that happen to be loaded; cards come page by page.

use axum::extract::State;
use axum::response::Response;
use store::{Cells, Day, Sql, Uuid};

use super::objects::OPPORTUNITY;
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::config::{Pipeline, StageKind};
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::list::{self, Asks};
use crate::shell::page::{Asked, Page, avatar_colour, initials, respond};
use crate::shell::record::query::{self, ListQuery};
use crate::shell::records::{get, pairs};
use crate::shell::viewer::Viewer;

/// Cards shown per column at first, and how many more each time.
const CARDS: i64 = 25;

struct CardView {
    id: Uuid,
    version: i64,
    name: String,
    account: String,
    amount: String,
    exact: String,
    close: String,
    late: bool,
    days: i64,
    long: bool,
    owner: String,
    owner_initials: String,
    colour: u32,
    /// `task`, `late`, `step`, `none`
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
    cards: Vec<CardView>,
    more: Option<String>,
}

struct Tab {
    name: String,
    href: String,
    here: bool,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/board.html")]
struct BoardBody<'a> {
    page: &'a Page,
    pipelines: Vec<Tab>,
    owners: Vec<Tab>,
    columns: Vec<ColumnView>,
    stages: Vec<(Uuid, String, &'static str)>,
    query: String,
    summary: String,
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
    let chosen = get(&given, "pipeline").parse().ok().and_then(|id| config.pipeline(id)).or(config.pipelines.first());
    let pipeline = chosen.ok_or(Error::NotFound)?;
    let shown: i64 = get(&given, "cards").parse().unwrap_or(CARDS).clamp(CARDS, 400);
    let mut asks = Asks::parse(&asked.query);
    asks.view = "none".into();
    let settled = list::settle(&viewer, &OPPORTUNITY, asks, &[])?;
    let filter = settled.query;

    let mut session = app.db.read().await?;
    let sums = sums(&mut session, &app, &viewer, pipeline, &filter, today).await?;
    let cards = cards(&mut session, &app, &viewer, pipeline, &filter, today, shown).await?;
    drop(session);

    let locale = viewer.locale;
    let money = |minor: i64| format::money_compact(locale, minor, &config.base_currency);
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
                .map_or((0, 0, 0), |(_, count, total, weighted)| (*count, *total, *weighted));
            let cards = by_stage.remove(&stage.id).unwrap_or_default();
            let more = (count > cards.len() as i64)
                .then(|| format!("?{}&cards={}", strip(&asked.query, "cards"), shown + 2 * CARDS));
            ColumnView {
                stage: stage.id,
                name: stage.name.clone(),
                dot: dot(stage.kind, position),
                count: format::grouped(count),
                total: money(total),
                weighted: money(weighted),
                cards,
                more,
            }
        })
        .collect();
    let (count, total, weighted) = sums
        .iter()
        .filter(|(id, ..)| open.iter().any(|stage| stage.id == *id))
        .fold((0, 0, 0), |sum, (_, count, total, weighted)| (sum.0 + count, sum.1 + total, sum.2 + weighted));
    let page = Page::new(&viewer, &asked, locale.text("nav-board"));
    let owner_filter = filter
        .filters
        .iter()
        .find(|filter| filter.field.key == "owner")
        .map(|filter| filter.values.join("|"))
        .unwrap_or_default();
    let body = BoardBody {
        page: &page,
        pipelines: if config.pipelines.len() > 1 {
            config
                .pipelines
                .iter()
                .map(|other| Tab {
                    name: other.name.clone(),
                    href: format!("?pipeline={}", other.id),
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
                href: if value.is_empty() {
                    format!("?pipeline={}", pipeline.id)
                } else {
                    format!("?pipeline={}&f=owner:is:{value}", pipeline.id)
                },
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
        summary: locale.text_with(
            "board-summary",
            &[("count", &format::grouped(count)), ("total", &money(total)), ("weighted", &money(weighted))],
        ),
        may_create: viewer.may_create("opportunity"),
        may_change: viewer.scope.access("opportunity").write > crate::shell::access::Level::None,
    };
    respond(&page, &body)
}

fn strip(query: &str, key: &str) -> String {
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs(query).into_iter().filter(|(name, _)| name != key) {
        kept.append_pair(&name, &value);
    }
    kept.finish()
}

/// stage, count, total and weighted total in the base currency; rounded once, at the end.
async fn sums(
    session: &mut store::Session,
    app: &App,
    viewer: &Viewer,
    pipeline: &Pipeline,
    filter: &ListQuery,
    today: Day,
) -> Result<Vec<(Uuid, i64, i64, i64)>> {
    let select = "SELECT t.stage_id, COUNT(*), CAST(SUM(t.amount_base) AS BIGINT), CAST((SUM(t.amount_base * t.probability) + 50) / 100 AS BIGINT)";
    let mut statement = query::aggregate(session.engine(), select, viewer, app.registry, &OPPORTUNITY, filter, today)?;
    statement.push(" AND t.stage_kind = 'open' AND t.pipeline_id = ").bind(pipeline.id).push(" GROUP BY t.stage_id");
    Ok(session.all(statement).await?)
}

/// The first cards of every open stage, in one statement.
async fn cards(
    session: &mut store::Session,
    app: &App,
    viewer: &Viewer,
    pipeline: &Pipeline,
    filter: &ListQuery,
    today: Day,
    shown: i64,
) -> Result<Vec<(Uuid, CardView)>> {
    const CARD: &str = "t.id, t.version, t.stage_id, t.name, a.name AS account, t.amount, t.currency, t.close_day, t.stage_since, p.name AS owner, t.next_step,
        (SELECT MIN(k.due_day) FROM task k WHERE k.opportunity_id = t.id AND k.status = 'open' AND k.deleted_at IS NULL AND k.due_day IS NOT NULL) AS due";
    let mut statement = Sql::default();
    for (index, stage) in pipeline.stages.iter().filter(|stage| stage.kind == StageKind::Open).enumerate() {
        if index > 0 {
            statement.push(" UNION ALL ");
        }
        let mut ids =
            query::aggregate(session.engine(), "SELECT t.id", viewer, app.registry, &OPPORTUNITY, filter, today)?;
        ids.push(" AND t.stage_id = ").bind(stage.id).push(" ORDER BY t.close_day, t.id LIMIT ").bind(shown);
        // Places are numbered anew when a statement becomes part of another.
        statement.push("SELECT * FROM (SELECT x.id FROM (");
        append(&mut statement, ids);
        statement.push(&format!(") x) s{index}"));
    }
    let mut whole = Sql::new(format!(
        "SELECT {CARD} FROM opportunity t JOIN person p ON p.id = t.owner_id LEFT JOIN account a ON a.id = t.account_id AND "
    ));
    (super::objects::ACCOUNT.visible)(&mut whole, &viewer.scope, Right::Read, "a");
    whole.push(" WHERE t.id IN (");
    append(&mut whole, statement);
    whole.push(") ORDER BY t.close_day, t.id");
    let locale = viewer.locale;
    let rows = session.all::<Cells>(whole).await?;
    Ok(rows
        .into_iter()
        .map(|Cells(cells)| {
            let text = |at: usize| cells[at].text().unwrap_or("").to_owned();
            let int = |at: usize| cells[at].int().unwrap_or(0);
            let stage = cells[2].id().unwrap_or_default();
            let days = (today.0 - store::Instant(int(8)).day_in(&viewer.config.zone).0).max(0);
            let expected = viewer.config.stage(stage).and_then(|stage| stage.expected_days);
            let due = cells[11].int();
            let (next, next_text) = match due {
                Some(due) if due < today.0 => ("late", locale.text("card-task-late")),
                Some(due) => ("task", locale.text_with("card-task", &[("date", &format::date(locale, Day(due)))])),
                None if !text(10).is_empty() => ("step", text(10)),
                None => ("none", locale.text("card-no-next")),
            };
            let owner = text(9);
            let card = CardView {
                id: cells[0].id().unwrap_or_default(),
                version: int(1),
                name: text(3),
                account: text(4),
                amount: format::money_compact(locale, int(5), &text(6)),
                exact: format::money(int(5), &text(6)),
                close: format::date(locale, Day(int(7))),
                late: int(7) < today.0,
                days,
                long: expected.is_some_and(|expected| days > expected),
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

/// Appends a statement, giving its `$n` new numbers.
fn append(statement: &mut Sql, part: Sql) {
    let offset = statement.args.len();
    let mut rest = part.text.as_str();
    while let Some(at) = rest.find('$') {
        statement.text.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let digits = rest.chars().take_while(char::is_ascii_digit).count();
        let number: usize = rest[..digits].parse().unwrap_or(0);
        statement.text.push_str(&(number + offset).to_string());
        rest = &rest[digits..];
    }
    statement.text.push_str(rest);
    statement.args.extend(part.args);
}
