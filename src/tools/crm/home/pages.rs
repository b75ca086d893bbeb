//! GET /: the parts that fit the viewer's roles, most urgent first.

use std::cmp::Reverse;
use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use solver::statistics::Tally;
use store::{Cell, Day, Instant, Session, Uuid};

use super::sql::{self, AtRisk, Colleague, House, LeadGroup, Standing};
use crate::shell::access::{Level, Right, Role};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, dash, respond};
use crate::shell::record::Object;
use crate::shell::record::query::{ListQuery, Question};
use crate::shell::viewer::Viewer;
use crate::tools::crm::analysis::{Figure, Lens, Months, href_of, months_of, within};
use crate::tools::crm::objects::{ACTIVITY, LEAD, LEAD_STATUSES, OPPORTUNITY, PERSON, SOURCES, TASK};
use crate::tools::crm::standing::{QUIET_DAYS, Risk, Weighted};

/// Tasks, deals at risk and recent records shown; the rest is a link away.
const SHOWN: i64 = 8;
/// People in the team table, those who won most; the others are a link away.
const PEOPLE: usize = 40;

/// Whose deals the figures add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Own,
    Team,
    Company,
}

impl Reach {
    /// By the widest role that has to do with deals; `None`: deals are not this person's work.
    fn of(viewer: &Viewer) -> Option<Reach> {
        if viewer.scope.level("opportunity", Right::Read) == Level::None {
            return None;
        }
        let has = |roles: &[Role]| roles.iter().any(|role| viewer.has(*role));
        match () {
            () if has(&[Role::Partner, Role::Auditor]) => Some(Reach::Company),
            () if has(&[Role::Manager]) => Some(Reach::Team),
            () if has(&[Role::Seller]) => Some(Reach::Own),
            () => None,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Reach::Own => "own",
            Reach::Team => "team",
            Reach::Company => "company",
        }
    }

    fn filters(self) -> Vec<String> {
        match self {
            Reach::Own => vec!["owner:is:me".into()],
            Reach::Team => vec!["owner:is:team".into()],
            Reach::Company => Vec::new(),
        }
    }
}

struct Tile {
    label: String,
    figure: Figure,
    note: String,
    late: bool,
}

struct TaskRow {
    id: Uuid,
    subject: String,
    about: String,
    due: String,
    late: bool,
    high: bool,
}

struct RiskRow {
    href: String,
    name: String,
    account: String,
    owner: String,
    reasons: String,
    amount: String,
    exact: String,
}

struct PersonRow {
    name: Html,
    cells: Vec<Html>,
}

struct RecentRow {
    icon: Html,
    href: String,
    name: String,
    kind: String,
    when: String,
}

struct LeadRow {
    name: String,
    cells: Vec<Html>,
}

struct Step {
    text: String,
    href: String,
    done: bool,
}

struct Place {
    icon: Html,
    href: String,
    name: String,
    hint: String,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/home/page.html")]
struct Body<'a> {
    page: &'a Page,
    greeting: String,
    sub: String,
    steps: Vec<Step>,
    tiles: Vec<Tile>,
    has_tasks: bool,
    may_add_task: bool,
    tasks: Vec<TaskRow>,
    more_tasks: bool,
    /// Title and rows of the deals at risk, and the link to all of them.
    risks: Option<(String, Vec<RiskRow>, Figure)>,
    may_add_deal: bool,
    has_deals: bool,
    team_title: String,
    team_columns: Vec<String>,
    team: Vec<PersonRow>,
    /// How many people the table leaves out, and the address that has them.
    team_more: Option<(String, &'static str)>,
    lead_columns: Vec<String>,
    leads: Option<Vec<LeadRow>>,
    house: Option<Vec<Tile>>,
    recent: Option<Vec<RecentRow>>,
    places: Vec<Place>,
}

/// What every part of the page needs.
struct Look<'a> {
    app: &'a App,
    viewer: &'a Viewer,
    today: Day,
    now: Instant,
    money: bool,
    /// Amounts times their probability.
    weighted: bool,
}

impl Look<'_> {
    fn t(&self, key: &str) -> String {
        self.viewer.locale.text(key)
    }
    fn with(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.viewer.locale.text_with(key, args)
    }
    fn count(&self, object: &Object, count: i64, filters: &[String]) -> Figure {
        Figure { text: format::grouped(count), href: href_of(object, filters), count, exact: String::new() }
    }
    fn amount(&self, minor: i64, count: i64, filters: &[String]) -> Figure {
        if !self.money {
            return self.count(&OPPORTUNITY, count, filters);
        }
        let currency = &self.viewer.config.base_currency;
        Figure {
            text: format::money_compact(self.viewer.locale, minor, currency),
            exact: format::money(minor, currency),
            ..self.count(&OPPORTUNITY, count, filters)
        }
    }
    fn deals(&self, count: i64) -> String {
        self.viewer.locale.counted("analysis-deal-count", count, &[("count", &format::grouped(count))])
    }
}

/// GET /
pub async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let now = app.clock.now();
    let today = viewer.config.today(now);
    let money = viewer.sees(&OPPORTUNITY, "amount_base");
    let weighted = money && viewer.sees(&OPPORTUNITY, "probability");
    let look = Look { app: &app, viewer: &viewer, today, now, money, weighted };
    let reads = |object: &str| viewer.scope.level(object, Right::Read) > Level::None;
    let mut session = app.db.read().await?;
    let months = months_of(&mut session, today, None).await?;
    let page = Page::new(&viewer, &asked, viewer.locale.text("nav-home"));

    let mut body = Body {
        page: &page,
        greeting: greeting(&look),
        sub: sub(&look, &months),
        steps: Vec::new(),
        tiles: Vec::new(),
        has_tasks: reads("task") && !viewer.has(Role::Auditor),
        may_add_task: viewer.may_create("task"),
        tasks: Vec::new(),
        more_tasks: false,
        risks: None,
        may_add_deal: viewer.may_create("opportunity"),
        has_deals: true,
        team_title: String::new(),
        team_columns: Vec::new(),
        team: Vec::new(),
        team_more: None,
        lead_columns: Vec::new(),
        leads: None,
        house: None,
        recent: None,
        places: places(&look),
    };
    let mut late = Vec::new();
    if reads("task") {
        late = sql::late_tasks(&mut session, &viewer, today).await?;
    }
    if body.has_tasks {
        let (rows, more) = tasks(&mut session, &look).await?;
        (body.tasks, body.more_tasks) = (rows, more);
    }
    if let Some(reach) = Reach::of(&viewer) {
        deals(&mut session, &look, reach, &months, &late, &mut body).await?;
    }
    if viewer.has(Role::Marketing) && reads("lead") {
        leads(&mut session, &look, &months, &mut body).await?;
    }
    if viewer.has(Role::Admin) {
        let house = sql::house(&mut session, now.plus_seconds(-7 * 86_400)).await?;
        body.steps = steps(&look, &house);
        body.house = Some(house_tiles(&look, &house));
    }
    if ["account", "contact", "opportunity", "lead"].into_iter().any(|object| viewer.may_create(object)) {
        body.recent = Some(recent(&mut session, &look).await?);
    }
    drop(session);
    respond(&page, &body)
}

fn greeting(look: &Look<'_>) -> String {
    let hour = look.viewer.config.zone.to_datetime(look.now.timestamp()).hour();
    let key = match hour {
        5..=11 => "home-morning",
        12..=17 => "home-afternoon",
        _ => "home-evening",
    };
    look.with(key, &[("name", &look.viewer.name)])
}

/// `Tuesday 24 Nov 2026 · Q4 FY2026, week 8`.
fn sub(look: &Look<'_>, months: &Months) -> String {
    let locale = look.viewer.locale;
    let weekday = look.t(&format!("weekday-{}", look.today.date().weekday().to_monday_one_offset()));
    let date = format::date(locale, look.today);
    match months.of("quarter", look.today) {
        Some(quarter) => {
            let week = ((look.today.0 - quarter.first_day.0) / 7 + 1).to_string();
            let quarter = quarter.quarter_name(locale);
            look.with("home-sub", &[("weekday", &weekday), ("date", &date), ("quarter", &quarter), ("week", &week)])
        }
        None => format!("{weekday} {date}"),
    }
}

/// Open tasks of the viewer that are late, due today or within a week.
async fn tasks(session: &mut Session, look: &Look<'_>) -> Result<(Vec<TaskRow>, bool)> {
    let filters =
        ["owner:is:me".to_owned(), "status:is:open".to_owned(), format!("due_date:max:{}", look.today.plus(7))];
    let fields = ["subject", "due_date", "priority", "account", "opportunity"];
    let sort = TASK.field("due_date").expect("tasks have it");
    let query = ListQuery { sort, limit: SHOWN, ..ListQuery::of_filters(look.viewer, &TASK, &filters)? };
    let question = Question { viewer: look.viewer, object: &TASK, query: &query, today: look.today };
    let found = question.page_named(session, &fields).await?;
    let rows = found
        .rows
        .iter()
        .map(|row| {
            let due = Day(row.cells[1].int().unwrap_or(look.today.0));
            let (deal, account) = (row.labels[4].as_deref(), row.labels[3].as_deref());
            let account = account.filter(|account| deal.is_none_or(|deal| !deal.contains(account)));
            let about: Vec<&str> = deal.into_iter().chain(account).collect();
            TaskRow {
                id: row.id,
                subject: row.cells[0].text().unwrap_or("—").to_owned(),
                about: about.join(" · "),
                due: when(look, due),
                late: due < look.today,
                high: row.cells[2] == Cell::Text("high".into()),
            }
        })
        .collect();
    Ok((rows, found.next.is_some()))
}

/// A due day as one says it.
fn when(look: &Look<'_>, day: Day) -> String {
    match day.0 - look.today.0 {
        0 => look.t("home-today"),
        1 => look.t("home-tomorrow"),
        late @ ..=-1 => look.viewer.locale.counted("home-late", -late, &[("days", &(-late).to_string())]),
        _ => {
            let weekday = look.t(&format!("weekday-{}", day.date().weekday().to_monday_one_offset()));
            format!("{weekday} {}", format::date(look.viewer.locale, day))
        }
    }
}

/// Figures, deals at risk, and the people behind them.
async fn deals(
    session: &mut Session,
    look: &Look<'_>,
    reach: Reach,
    months: &Months,
    late: &[(Uuid, i64)],
    body: &mut Body<'_>,
) -> Result<()> {
    let viewer = look.viewer;
    let lens = Lens { viewer, today: look.today, filters: reach.filters() };
    let quarter = months
        .of("quarter", look.today)
        .map_or((look.today, look.today), |quarter| (quarter.first_day, quarter.last_day));
    let year = months.last_twelve().map_or(look.today, |(first, _)| first);
    let standings = sql::standings(session, &lens, quarter, year).await?;
    let sum = |part: fn(&Standing) -> i64| standings.iter().map(part).fold(0, i64::saturating_add);
    let with = |more: &[String]| lens.with(more);
    let won = |more: &[String]| {
        [vec!["state:is:won".into()], within("closed_on", Some(quarter.0), Some(quarter.1)), more.to_vec()].concat()
    };
    let open = |more: &[String]| [vec!["state:is:open".to_owned()], more.to_vec()].concat();
    let closed = [vec!["state:is:won|lost".into()], within("closed_on", Some(year), Some(look.today))].concat();
    let late_of = |person: Uuid| late.iter().find(|(owner, _)| *owner == person).map_or(0, |(_, count)| *count);

    let mut tile = |key: &str, figure: Figure, note: String, late: bool| {
        body.tiles.push(Tile { label: look.t(key), figure, note, late });
    };
    let (won_count, open_count) = (sum(|one| one.won_count), sum(|one| one.open_count));
    // Without amounts the figure itself says how many.
    let note = if look.money { look.deals(won_count) } else { String::new() };
    tile("home-won", look.amount(sum(|one| one.won_amount), won_count, &with(&won(&[]))), note, false);
    let note = if look.weighted {
        let weighted: Weighted = standings.iter().map(|one| one.weighted).sum();
        let weighted = look.amount(weighted.minor(), open_count, &[]).text;
        look.with("home-open-note", &[("deals", &look.deals(open_count)), ("weighted", &weighted)])
    } else {
        String::new()
    };
    tile("analysis-open-pipeline", look.amount(sum(|one| one.open_amount), open_count, &with(&open(&[]))), note, false);
    let tally = Tally::new(sum(|one| one.year_won), sum(|one| one.year_closed));
    let (k, n) = (format::grouped(tally.successes), format::grouped(tally.trials));
    let rate = match tally.rate() {
        Some(rate) if tally.is_enough() => format!("{:.0}%", rate * 100.0),
        Some(_) => look.t("analysis-not-enough"),
        None => "–".into(),
    };
    let figure = Figure { text: rate, ..look.count(&OPPORTUNITY, tally.trials, &with(&closed)) };
    tile("home-win-rate", figure, look.with("home-win-rate-note", &[("k", &k), ("n", &n)]), false);
    let at_risk = sum(|one| one.at_risk);
    let risk_filters = ["at_risk:is:true".to_owned()];
    let risk_figure = look.count(&OPPORTUNITY, at_risk, &with(&risk_filters));
    let reads_tasks = viewer.scope.level("task", Right::Read) > Level::None;
    if reads_tasks && reach != Reach::Company {
        let filters = ["owner:is:me".to_owned(), "status:is:open".into(), "due_date:within:overdue".into()];
        let count = late_of(viewer.person);
        // Beside the figures of a team.
        let note = if reach == Reach::Own { "home-late-tasks-note" } else { "home-late-tasks-own" };
        tile("home-late-tasks", look.count(&TASK, count, &filters), look.t(note), count > 0);
    }

    if viewer.sees(&OPPORTUNITY, "at_risk") {
        let found = sql::at_risk(session, &lens, SHOWN).await?;
        tile_risk(look, body, &risk_figure, open_count);
        // Of their own deals nobody needs to be told whose they are.
        let owner = |deal: &AtRisk| if reach == Reach::Own { String::new() } else { deal.owner.clone() };
        let rows = found.iter().map(|deal| risk_row(look, deal, owner(deal))).collect();
        body.risks = Some((look.t(&format!("home-risk-{}", reach.key())), rows, risk_figure));
        if reach != Reach::Own {
            let empty = Standing::default();
            let by_owner: HashMap<Uuid, &Standing> = standings.iter().map(|one| (one.owner_id, one)).collect();
            let standing = |person: &Colleague| by_owner.get(&person.id).copied().unwrap_or(&empty);
            let mut people = sql::colleagues(session, viewer, reach == Reach::Team).await?;
            // An order tells as much as the amounts: who may not see them sees one by numbers of deals.
            people.sort_by_key(|person| {
                let one = standing(person);
                Reverse(if look.money { (one.won_amount, one.open_amount) } else { (one.won_count, one.open_count) })
            });
            body.team_more = more_people(look, reach, people.len().saturating_sub(PEOPLE));
            people.truncate(PEOPLE);
            body.team_title = look.t(&format!("home-people-{}", reach.key()));
            let columns: &[&str] = &[
                "opportunity-owner",
                "home-open",
                "analysis-weighted",
                "home-won",
                "home-at-risk",
                "home-late-tasks",
                "home-last-activity",
            ];
            body.team_columns = columns
                .iter()
                .filter(|key| look.weighted || **key != "analysis-weighted")
                .map(|key| look.t(key))
                .collect();
            body.team = people
                .iter()
                .map(|person| {
                    let standing = standing(person);
                    let own = [format!("owner:is:{}", person.id)];
                    let open = open(&own);
                    let mut cells = vec![look.amount(standing.open_amount, standing.open_count, &open).html()];
                    if look.weighted {
                        cells.push(look.amount(standing.weighted.minor(), standing.open_count, &open).html());
                    }
                    cells.push(look.amount(standing.won_amount, standing.won_count, &won(&own)).html());
                    let risk = [own[0].clone(), risk_filters[0].clone()];
                    cells.push(look.count(&OPPORTUNITY, standing.at_risk, &risk).html());
                    let late = [own[0].clone(), "status:is:open".into(), "due_date:within:overdue".into()];
                    cells.push(look.count(&TASK, late_of(person.id), &late).html());
                    cells.push(last_activity(look, person.last_activity, &own));
                    PersonRow { name: crate::shell::page::who(&person.name), cells }
                })
                .collect();
        }
    }
    body.has_deals = open_count + tally.trials > 0;
    Ok(())
}

/// What stands below a table of people that has no room for some.
fn more_people(look: &Look<'_>, reach: Reach, left_out: usize) -> Option<(String, &'static str)> {
    let count = format::grouped(left_out as i64);
    let text = look.viewer.locale.counted("home-people-more", left_out as i64, &[("count", &count)]);
    let href =
        if reach == Reach::Team { "/analysis?by=owner&owner=team#compare" } else { "/analysis?by=owner#compare" };
    (left_out > 0).then_some((text, href))
}

fn tile_risk(look: &Look<'_>, body: &mut Body<'_>, figure: &Figure, open: i64) {
    body.tiles.push(Tile {
        label: look.t("home-at-risk"),
        figure: figure.clone(),
        note: look.with("home-at-risk-note", &[("open", &format::grouped(open))]),
        late: figure.count > 0,
    });
}

fn last_activity(look: &Look<'_>, at: Option<i64>, own: &[String]) -> Html {
    let Some(at) = at else { return dash() };
    let day = Instant(at).day_in(&look.viewer.config.zone);
    let text = match look.today.0 - day.0 {
        ..=0 => look.t("home-today"),
        1 => look.t("home-yesterday"),
        days => look.with("home-days-ago", &[("days", &days.to_string())]),
    };
    // The list begins with the newest: what is planned would stand above it.
    let filters: Vec<String> = own.iter().cloned().chain(within("happened_at", None, Some(look.today))).collect();
    let href = href_of(&ACTIVITY, &filters);
    Html(format!("<a href=\"{}\">{}</a>", crate::shell::page::escape(&href), crate::shell::page::escape(&text)))
}

fn risk_row(look: &Look<'_>, deal: &AtRisk, owner: String) -> RiskRow {
    let reasons: Vec<String> = deal
        .risks
        .iter()
        .map(|risk| match risk {
            Risk::Overdue => {
                let days = look.today.0 - deal.close_day.0;
                look.viewer.locale.counted("home-risk-overdue", days, &[("days", &days.to_string())])
            }
            Risk::NoNextStep => look.t("home-risk-no-next-step"),
            Risk::Stuck => {
                let stage = look.viewer.config.stage(deal.stage);
                let since = deal.since.day_in(&look.viewer.config.zone);
                let expected = stage.and_then(|stage| stage.expected_days).unwrap_or(0);
                look.with(
                    "home-risk-stuck",
                    &[
                        ("days", &(look.today.0 - since.0).to_string()),
                        ("stage", stage.map_or("", |stage| stage.name.as_str())),
                        ("expected", &expected.to_string()),
                    ],
                )
            }
            Risk::Quiet => look.with("home-risk-quiet", &[("days", &QUIET_DAYS.to_string())]),
        })
        .collect();
    let amount =
        if look.money { format::money_compact(look.viewer.locale, deal.amount, &deal.currency) } else { String::new() };
    RiskRow {
        href: format!("/opportunities/{}", deal.id),
        name: deal.name.clone(),
        account: deal
            .account
            .clone()
            .filter(|account| look.viewer.sees(&OPPORTUNITY, "account") && !deal.name.contains(account))
            .unwrap_or_default(),
        owner,
        reasons: reasons.join(&look.t("home-and")),
        exact: if look.money { format::money(deal.amount, &deal.currency) } else { String::new() },
        amount,
    }
}

/// Leads of the quarter, a row per source and a column per status.
async fn leads(session: &mut Session, look: &Look<'_>, months: &Months, body: &mut Body<'_>) -> Result<()> {
    let Some(quarter) = months.of("quarter", look.today) else { return Ok(()) };
    let created = within("created_on", Some(quarter.first_day), Some(quarter.last_day));
    let groups = sql::leads(session, look.viewer, &created, look.today).await?;
    let with = |more: Vec<String>| [created.clone(), more].concat();
    let total = |fits: &dyn Fn(&LeadGroup) -> bool| {
        groups.iter().filter(|group| fits(group)).map(|group| group.count).sum::<i64>()
    };
    let all = total(&|_| true);
    let mut tile = |key: &str, figure: Figure, note: String| {
        body.tiles.push(Tile { label: look.t(key), figure, note, late: false });
    };
    let status = |name: &str| vec![format!("status:is:{name}")];
    tile("home-leads", look.count(&LEAD, all, &with(Vec::new())), look.t("home-leads-note"));
    let waiting = total(&|group| group.status == "new");
    tile("home-leads-new", look.count(&LEAD, waiting, &with(status("new"))), look.t("home-leads-new-note"));
    let converted = Tally::new(total(&|group| group.status == "converted"), all);
    // One of three hundred is not none.
    let percent = |rate: f64| {
        if rate > 0.0 && rate < 0.1 { format!("{:.1}%", rate * 100.0) } else { format!("{:.0}%", rate * 100.0) }
    };
    let rate = converted.rate().filter(|_| converted.is_enough()).map(percent);
    let note = look.with("home-converted-note", &[("rate", &rate.unwrap_or_else(|| look.t("analysis-not-enough")))]);
    tile("home-converted", look.count(&LEAD, converted.successes, &with(status("converted"))), note);
    if !look.viewer.sees(&LEAD, "source") {
        return Ok(());
    }
    let source_field = LEAD.field("source").expect("leads have a source");
    let status_field = LEAD.field("status").expect("leads have a status");
    body.lead_columns = [look.t("lead-source")]
        .into_iter()
        .chain(LEAD_STATUSES.iter().map(|status| look.t(&LEAD.choice_key(status_field, status))))
        .chain([look.t("analysis-total")])
        .collect();
    let sources = SOURCES.iter().map(|source| Some(*source)).chain([None]);
    let rows = sources
        .map(|source| (source, total(&|group| group.source.as_deref() == source)))
        .filter(|(_, count)| *count > 0)
        .map(|(source, count)| {
            let of = source.map_or_else(|| "source:empty:".to_owned(), |source| format!("source:is:{source}"));
            let cells = LEAD_STATUSES
                .iter()
                .map(|status| {
                    let count = total(&|group| group.source.as_deref() == source && group.status == *status);
                    look.count(&LEAD, count, &with(vec![of.clone(), format!("status:is:{status}")])).html()
                })
                .chain([look.count(&LEAD, count, &with(vec![of.clone()])).html()])
                .collect();
            let name = source
                .map_or_else(|| look.t("analysis-no-source"), |source| look.t(&LEAD.choice_key(source_field, source)));
            LeadRow { name, cells }
        })
        .collect();
    body.leads = Some(rows);
    Ok(())
}

async fn recent(session: &mut Session, look: &Look<'_>) -> Result<Vec<RecentRow>> {
    let rows = sql::recent(session, look.viewer, SHOWN).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let object = look.app.registry.get(&row.object)?;
            Some(RecentRow {
                icon: crate::shell::page::icon(object.icon, ""),
                href: format!("/{}/{}", object.plural, row.id),
                name: row.name,
                kind: look.t(object.name),
                when: format::instant(look.viewer.locale, row.updated_at, &look.viewer.config.zone),
            })
        })
        .collect())
}

/// What an administrator of a fresh house does first; nothing once all is done.
fn steps(look: &Look<'_>, house: &House) -> Vec<Step> {
    let step = |key: &str, href: &str, done| Step { text: look.t(key), href: href.into(), done };
    let mut steps = vec![
        step("home-step-people", "/people/new", house.active + house.invited > 1),
        step("home-step-pipeline", "/settings/pipelines", house.pipeline_changes > 0),
    ];
    if look.viewer.may_create("account") && look.viewer.may_create("opportunity") {
        steps.extend([
            step("home-step-accounts", "/imports/new?object=account", house.accounts > 0),
            step("home-step-deals", "/imports/new?object=opportunity", house.opportunities > 0),
        ]);
    } else {
        // An administrator alone has no right to customers: who brings them in needs another role first.
        let done = house.accounts > 0 && house.opportunities > 0;
        steps.push(step("home-step-rights", &format!("/people/{}", look.viewer.person), done));
    }
    // A house that works has people and deals; its pipeline may be right as it came.
    let works = house.active > 1 && house.accounts > 0 && house.opportunities > 0;
    if works { Vec::new() } else { steps }
}

fn house_tiles(look: &Look<'_>, house: &House) -> Vec<Tile> {
    let people = |state: &str, count: i64| {
        let filters = [format!("state:is:{state}")];
        Tile {
            label: look.t(&format!("home-people-{state}")),
            figure: look.count(&PERSON, count, &filters),
            note: look.t(&format!("home-people-{state}-note")),
            late: false,
        }
    };
    let jobs = |key: &str, count: i64, late: bool| Tile {
        label: look.t(key),
        figure: Figure { text: format::grouped(count), ..Figure::default() },
        note: look.t(&format!("{key}-note")),
        late,
    };
    vec![
        people("active", house.active),
        people("invited", house.invited),
        people("disabled", house.disabled),
        jobs("home-jobs-running", house.jobs_running, false),
        jobs("home-jobs-failed", house.jobs_failed, house.jobs_failed > 0),
    ]
}

/// Where people go whose work is not deals.
fn places(look: &Look<'_>) -> Vec<Place> {
    let viewer = look.viewer;
    let reads = |object: &str| viewer.scope.level(object, Right::Read) > Level::None;
    let place = |icon, href: &str, key: &str, hint: &str| Place {
        icon: crate::shell::page::icon(icon, ""),
        href: href.to_owned(),
        name: look.t(key),
        hint: look.t(hint),
    };
    let mut places = Vec::new();
    if viewer.has(Role::Auditor) || viewer.has(Role::Admin) {
        places.push(place("history", "/audit", "nav-audit", "home-place-audit"));
    }
    if viewer.has(Role::Admin) {
        places.push(place("settings", "/settings", "nav-settings", "home-place-settings"));
    }
    if viewer.has(Role::Hr) || viewer.has(Role::Admin) || viewer.has(Role::Auditor) {
        places.push(place("users-group", "/people", "nav-people", "home-place-people"));
    }
    let sells = [Role::Seller, Role::Manager, Role::Partner].into_iter().any(|role| viewer.has(role));
    if !sells {
        if reads("account") {
            places.push(place("building", "/accounts", "nav-accounts", "home-place-accounts"));
        }
        if reads("lead") && viewer.has(Role::Marketing) {
            places.push(place("user-search", "/leads", "nav-leads", "home-place-leads"));
        }
        if reads("opportunity") {
            places.push(place("layout-kanban", "/board", "nav-board", "home-place-board"));
            places.push(place("chart-bar", "/analysis", "nav-analysis", "home-place-analysis"));
        }
        if reads("product") {
            places.push(place("package", "/products", "nav-products", "home-place-products"));
        }
    }
    places
}
