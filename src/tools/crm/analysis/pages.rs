//! GET /analysis: reads the address bar, lays out figures and charts.

use axum::extract::State;
use axum::response::Response;
use store::{Day, Uuid};

use super::ask::{Ask, Dimension, Months, PeriodName};
use super::charts::{Chart, Column, Figure, Painter, Row};
use super::rates::{Group, Rate, Rates, drawn, groups};
use super::sql::{OpenGroup, Outcome, Sum};
use super::study::{Named, Study, gather, open_stages};
use crate::shell::app::App;
use crate::shell::config::{Config, Stage};
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::page::{Asked, Page, respond};
use crate::shell::viewer::Viewer;
use crate::tools::crm::objects::{INDUSTRIES, OPPORTUNITY, SOURCES};
use crate::tools::crm::standing::Weighted;

struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

struct Select {
    name: &'static str,
    label: String,
    options: Vec<Choice>,
}

struct Tile {
    label: String,
    figure: Figure,
    note: String,
}

struct Tab {
    text: String,
    href: String,
    here: bool,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/analysis/page.html")]
struct Body<'a> {
    page: &'a Page,
    sub: String,
    selects: Vec<Select>,
    from: String,
    to: String,
    by: &'static str,
    is_bare: bool,
    may_create: bool,
    is_empty: bool,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    rates: Vec<Rates>,
    tabs: Vec<Tab>,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Body<'_> {
    fn shown<'r>(&self, rates: &'r Rates) -> &'r [Rate] {
        drawn(&rates.rows).0
    }
    fn rest<'r>(&self, rates: &'r Rates) -> &'r [Rate] {
        drawn(&rates.rows).1
    }
}

/// GET /analysis
pub async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let ask = Ask::parse(&asked.query)?;
    let config = viewer.config.clone();
    let study = gather(&app, &viewer, &config, &ask).await?;
    let Study { months, days, ahead, back, owners, open, closed, pipeline, all, .. } = &study;
    let days = *days;
    let painter = Painter {
        lens: &study.lens,
        locale: viewer.locale,
        currency: &config.base_currency,
        money: study.money,
        weighted: study.weighted,
        days,
        closed: study.closed_filters.clone(),
        created: study.created_filters.clone(),
    };
    let named =
        |(dimension, outcomes): &(Dimension, Vec<_>)| (*dimension, groups(viewer.locale, *dimension, outcomes, owners));
    let compared: Vec<(Dimension, Vec<Group>)> = study.compared.iter().map(named).collect();
    let names = |months: &Named| months.names(viewer.locale);
    let stages: Vec<&Stage> = open_stages(&config);
    let mut charts = Vec::new();
    if let Some(pipeline) = *pipeline {
        charts.push(painter.funnel(pipeline, &study.reached, config.pipelines.len() > 1));
    }
    charts.push(painter.open_by_month(&stages, open, &ahead.spans, &names(ahead)));
    charts.push(painter.won_by_month(closed, &back.spans, &names(back)));
    if viewer.sees(&OPPORTUNITY, "lost_reason") {
        charts.push(painter.lost_reasons(closed));
    }
    let by = if compared.iter().any(|(dimension, _)| *dimension == ask.by) {
        ask.by
    } else {
        compared.first().map_or(ask.by, |(dimension, _)| *dimension)
    };
    let table = compared.iter().find(|(dimension, _)| *dimension == by);
    let page = Page::new(&viewer, &asked, viewer.locale.text("nav-analysis")).with_charts();
    let body = Body {
        page: &page,
        sub: sub(&painter, &ask, months, days, owners),
        selects: selects(&painter, &ask, owners, &config),
        from: days.map(|(first, _)| first.to_string()).unwrap_or_default(),
        to: days.map(|(_, last)| last.to_string()).unwrap_or_default(),
        by: by.key(),
        is_bare: study.lens.filters.is_empty(),
        may_create: viewer.may_create("opportunity"),
        is_empty: all.open.count + all.won.count + all.lost.count == 0 && charts.iter().all(Chart::is_empty),
        tiles: tiles(&painter, open, all),
        rates: compared
            .iter()
            // With one owner, as a seller sees it, there is nobody to compare with.
            .filter(|(_, groups)| groups.len() > 1)
            .map(|(dimension, groups)| painter.rates(*dimension, groups))
            .collect(),
        tabs: compared
            .iter()
            .map(|(dimension, _)| Tab {
                text: painter.t(&format!("opportunity-{}", dimension.key())),
                href: format!("?{}#compare", ask.with("by", dimension.key())),
                here: *dimension == by,
            })
            .collect(),
        columns: painter.comparison_columns(by),
        rows: table.map(|(_, groups)| painter.comparison(groups)).unwrap_or_default(),
        charts,
    };
    respond(&page, &body)
}

fn sub(
    painter: &Painter<'_>,
    ask: &Ask,
    months: &Months,
    days: Option<(Day, Day)>,
    owners: &[(Uuid, String)],
) -> String {
    let locale = painter.locale;
    let range = match days {
        Some((first, last)) => format!("{} – {}", format::date(locale, first), format::date(locale, last)),
        None => painter.t("analysis-period-all"),
    };
    let period = match (ask.period, days) {
        (PeriodName::ThisQuarter | PeriodName::LastQuarter, Some((first, _))) => months
            .of("quarter", first)
            .map_or(range.clone(), |quarter| format!("{} · {range}", quarter.quarter_name(locale))),
        _ => range,
    };
    let whose = match (ask.owner.as_str(), ask.owner_id()) {
        ("", _) => painter.t("analysis-everyone"),
        ("me" | "team", _) => painter.t(&format!("analysis-owner-{}", ask.owner)),
        (_, Some(id)) => {
            owners.iter().find(|(owner, _)| *owner == id).map_or_else(|| "—".into(), |(_, name)| name.clone())
        }
        _ => "—".into(),
    };
    format!("{period} · {whose}")
}

fn selects(painter: &Painter<'_>, ask: &Ask, owners: &[(Uuid, String)], config: &Config) -> Vec<Select> {
    let viewer = painter.lens.viewer;
    let any =
        |key: &str, chosen: &str| Choice { value: String::new(), text: painter.t(key), chosen: chosen.is_empty() };
    let option = |value: String, text: String, chosen: &str| Choice { chosen: value == chosen, value, text };
    let mut selects = vec![Select {
        name: "period",
        label: painter.t("analysis-period"),
        options: PeriodName::ALL
            .into_iter()
            .map(|name| {
                option(name.key().into(), painter.t(&format!("analysis-period-{}", name.key())), ask.period.key())
            })
            .collect(),
    }];
    let choices = |name: &'static str, all: &str, keys: &[&str]| {
        let field = OPPORTUNITY.field(name).expect("it is a field of the opportunity");
        Select {
            name,
            label: painter.t(&OPPORTUNITY.label_key(field)),
            options: std::iter::once(any(all, &text_of(ask, name)))
                .chain(keys.iter().map(|key| {
                    option((*key).into(), painter.t(&OPPORTUNITY.choice_key(field, key)), &text_of(ask, name))
                }))
                .chain([option("none".into(), painter.t(&format!("analysis-no-{name}")), &text_of(ask, name))])
                .collect(),
        }
    };
    if viewer.sees(&OPPORTUNITY, "owner") {
        let people =
            ["me", "team"].into_iter().map(|key| (key.to_owned(), painter.t(&format!("analysis-owner-{key}"))));
        let people = people.chain(owners.iter().map(|(id, name)| (id.to_string(), name.clone())));
        selects.push(Select {
            name: "owner",
            label: painter.t("opportunity-owner"),
            options: std::iter::once(any("analysis-everyone", &ask.owner))
                .chain(people.map(|(value, text)| option(value, text, &ask.owner)))
                .collect(),
        });
    }
    if viewer.sees(&OPPORTUNITY, "segment") {
        selects.push(choices("segment", "analysis-all-segments", INDUSTRIES));
    }
    if viewer.sees(&OPPORTUNITY, "source") {
        selects.push(choices("source", "analysis-all-sources", SOURCES));
    }
    if config.pipelines.len() > 1 {
        selects.push(Select {
            name: "pipeline",
            label: painter.t("opportunity-pipeline"),
            options: std::iter::once(any("analysis-all-pipelines", &ask.pipeline))
                .chain(
                    config
                        .pipelines
                        .iter()
                        .map(|pipeline| option(pipeline.id.to_string(), pipeline.name.clone(), &ask.pipeline)),
                )
                .collect(),
        });
    }
    selects
}

fn text_of(ask: &Ask, name: &str) -> String {
    match name {
        "segment" => ask.segment.clone(),
        _ => ask.source.clone(),
    }
}

fn tiles(painter: &Painter<'_>, open: &[OpenGroup], all: &Outcome) -> Vec<Tile> {
    let sum = |part: fn(&OpenGroup) -> i64| open.iter().map(part).fold(0, i64::saturating_add);
    let pipeline = Sum { count: sum(|group| group.count), amount: sum(|group| group.amount) };
    let weighted: Weighted = open.iter().map(|group| group.weighted).sum();
    let weighted = Sum { count: pipeline.count, amount: weighted.minor() };
    let open_filter = vec!["state:is:open".to_owned()];
    let won_filter = painter.closed_as("won");
    let tally = all.closed();
    let deals =
        |count: i64| painter.locale.counted("analysis-deal-count", count, &[("count", &format::grouped(count))]);
    let mut tiles = Vec::new();
    let mut tile = |key: &str, figure: Figure, note: String| {
        tiles.push(Tile { label: painter.t(key), figure, note });
    };
    let missing = || Figure { text: "–".into(), ..Figure::default() };
    if painter.money {
        tile("analysis-open-pipeline", painter.amount(pipeline, &open_filter), deals(pipeline.count));
        if painter.weighted {
            tile("analysis-weighted", painter.amount(weighted, &open_filter), painter.t("analysis-weighted-note"));
        }
    } else {
        tile("analysis-open-pipeline", painter.count(pipeline.count, &open_filter), String::new());
    }
    match tally.rate().zip(tally.interval()) {
        Some((rate, (low, high))) => {
            let shown = if tally.is_enough() { Painter::percent(rate) } else { painter.t("analysis-not-enough") };
            let figure = Figure { text: shown, ..painter.count(tally.trials, &painter.closed) };
            let mut note = painter.with(
                "analysis-win-rate-note",
                &[
                    ("k", &format::grouped(tally.successes)),
                    ("n", &format::grouped(tally.trials)),
                    ("low", &Painter::percent(low)),
                    ("high", &Painter::percent(high)),
                ],
            );
            if let Some(by_amount) = painter.by_amount(all) {
                note.push_str(&format!(" · {by_amount}"));
            }
            tile("analysis-win-rate", figure, note);
        }
        None => tile("analysis-win-rate", missing(), painter.t("analysis-nothing-closed")),
    }
    if painter.money {
        match all.average() {
            Some(average) => {
                let figure = painter.amount(Sum { count: all.won.count, amount: average }, &won_filter);
                tile(
                    "analysis-average",
                    figure,
                    painter.locale.counted(
                        "analysis-won-count",
                        all.won.count,
                        &[("count", &format::grouped(all.won.count))],
                    ),
                );
            }
            None => tile("analysis-average", missing(), painter.t("analysis-nothing-won")),
        }
    }
    match all.cycle {
        Some([low, middle, high]) => {
            let figure = Figure { text: painter.days(middle), ..painter.count(all.won.count, &won_filter) };
            let (low, high) = (format!("{low:.0}"), format!("{high:.0}"));
            tile("analysis-cycle", figure, painter.with("analysis-cycle-note", &[("low", &low), ("high", &high)]));
        }
        None => tile("analysis-cycle", missing(), painter.t("analysis-nothing-won")),
    }
    if painter.money {
        match all.velocity() {
            Some(velocity) => {
                let figure = Figure { text: painter.per_day(velocity), ..painter.count(all.open.count, &open_filter) };
                tile("analysis-velocity", figure, painter.t("analysis-velocity-note"));
            }
            None => tile("analysis-velocity", missing(), painter.t("analysis-not-enough")),
        }
    }
    tiles
}
