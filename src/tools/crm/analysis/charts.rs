//! From groups to what stands on the page: figures that are links, charts with their table, rates with their intervals.

use serde_json::{Value as Json, json};
use solver::statistics::Tally;
use store::{Day, Uuid};

use super::behind;
use super::sql::{ClosedGroup, Lens, OpenGroup, ReachGroup, Sum};
use super::study::{ends, lost_reasons, open_sums, won_in};
use crate::shell::config::{Pipeline, Stage, StageKind};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Html, escape};
use crate::shell::record::Object;
use crate::tools::crm::objects::OPPORTUNITY;

/// More names than this do not fit into a chart; the table has them all.
pub(super) const DRAWN: usize = 12;

/// A figure and the deals behind it.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    pub text: String,
    /// Empty: nothing stands behind it.
    pub href: String,
    pub count: i64,
    pub exact: String,
}

impl Figure {
    pub fn html(&self) -> Html {
        let title = if self.exact.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(&self.exact)) };
        if self.href.is_empty() {
            return Html(format!("<span{title}>{}</span>", escape(&self.text)));
        }
        let class = if self.count == 0 { " class=\"dim\"" } else { "" };
        Html(format!(
            "<a href=\"{}\" data-count=\"{}\"{class}{title}>{}</a>",
            escape(&self.href),
            self.count,
            escape(&self.text)
        ))
    }
}

/// The address of the list of opportunities with these filters.
fn list_href(filters: &[String]) -> String {
    href_of(&OPPORTUNITY, filters)
}

/// The address of a list with just these filters; no view adds any.
pub fn href_of(object: &Object, filters: &[String]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("view", "none");
    for filter in filters {
        query.append_pair("f", filter);
    }
    format!("/{}?{}", object.plural, query.finish())
}

/// Filters for days of a field.
pub fn within(field: &str, first: Option<Day>, last: Option<Day>) -> Vec<String> {
    let first = first.map(|day| format!("{field}:min:{day}"));
    let last = last.map(|day| format!("{field}:max:{day}"));
    first.into_iter().chain(last).collect()
}

pub struct Column {
    pub label: String,
    pub number: bool,
}

pub struct Row {
    pub head: Html,
    pub cells: Vec<Html>,
}

/// A chart, the sentence that says what one sees, and the same numbers as a table.
pub struct Chart {
    pub id: &'static str,
    pub kind: &'static str,
    pub size: &'static str,
    pub title: String,
    pub sentence: String,
    /// How it was counted.
    pub method: String,
    pub picture: Html,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

impl Chart {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Everything a chart needs to know about who looks and at what.
pub struct Painter<'a> {
    pub lens: &'a Lens<'a>,
    pub locale: Locale,
    pub currency: &'a str,
    /// Whether amounts may be shown; else deals are counted.
    pub money: bool,
    /// The period; `None`: without limit.
    pub days: Option<(Day, Day)>,
    /// Closed deals of the period, and deals created in it.
    pub closed: Vec<String>,
    pub created: Vec<String>,
}

impl Painter<'_> {
    pub fn t(&self, key: &str) -> String {
        self.locale.text(key)
    }

    pub fn with(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.locale.text_with(key, args)
    }

    pub fn money(&self, minor: i64) -> String {
        format::money_compact(self.locale, minor, self.currency)
    }

    pub fn percent(rate: f64) -> String {
        format!("{:.0}%", rate * 100.0)
    }

    pub fn days(&self, days: f64) -> String {
        self.with("analysis-days", &[("days", &format!("{days:.0}"))])
    }

    /// A number of deals, linked to them.
    pub fn count(&self, count: i64, more: &[String]) -> Figure {
        Figure { text: format::grouped(count), href: self.href(more), count, exact: String::new() }
    }

    /// An amount, linked to the deals that make it up.
    pub fn amount(&self, sum: Sum, more: &[String]) -> Figure {
        Figure {
            text: self.money(sum.amount),
            href: self.href(more),
            count: sum.count,
            exact: format::money(sum.amount, self.currency),
        }
    }

    /// The measure of the charts: money, or numbers where the viewer may not see amounts.
    fn measure(&self, sum: Sum, more: &[String]) -> Figure {
        if self.money { self.amount(sum, more) } else { self.count(sum.count, more) }
    }

    fn measured(&self, sum: Sum) -> f64 {
        if self.money {
            sum.amount as f64 / 10f64.powi(format::decimals(self.currency) as i32)
        } else {
            sum.count as f64
        }
    }

    pub fn href(&self, more: &[String]) -> String {
        list_href(&self.lens.with(more))
    }

    fn unit(&self) -> String {
        if self.money { self.currency.to_owned() } else { self.t("analysis-deals") }
    }

    fn axis(&self) -> Json {
        match self.locale {
            Locale::En => json!([{ "at": 1e3, "text": "K" }, { "at": 1e6, "text": "M" }, { "at": 1e9, "text": "B" }]),
            Locale::Zh => json!([{ "at": 1e4, "text": "万" }, { "at": 1e8, "text": "亿" }]),
        }
    }

    pub(super) fn column(&self, key: &str, number: bool) -> Column {
        Column { label: self.t(key), number }
    }

    // Stage conversion ------------------------------------------------------------------------------------------

    /// The funnel of one pipeline over deals created in the period.
    pub fn funnel(&self, pipeline: &Pipeline, groups: &[ReachGroup], named: bool) -> Chart {
        let steps = steps(pipeline, groups);
        let behind = behind::Funnel::of(pipeline, &self.created, &self.lens.filters);
        let mut rows = Vec::new();
        let (mut names, mut values, mut texts, mut hrefs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (index, step) in steps.iter().enumerate() {
            let is_last = index == behind.open.len();
            let before = index.checked_sub(1).map(|before| steps[before].conversion());
            let share = before.and_then(|tally| tally.rate().filter(|_| tally.is_enough())).map(Self::percent);
            let reached = self.count(step.reached, &behind.reached(index));
            names.push(step.name.clone());
            values.push(step.reached);
            texts.push(match share {
                Some(share) => format!("{} · {share}", format::grouped(step.reached)),
                None => format::grouped(step.reached),
            });
            hrefs.push(reached.href.clone());
            let mut cells = vec![reached.html()];
            if !is_last {
                cells.push(self.count(step.conversion().trials, &behind.left(index)).html());
                cells.push(self.count(step.went_on, &behind.reached(index + 1)).html());
                cells.extend(self.rate_cells(step.conversion()));
                cells.push(self.count(step.waiting, &behind.ended_at(index, "open")).html());
                cells.push(self.count(step.lost, &behind.ended_at(index, "lost")).html());
            } else {
                cells.extend((0..6).map(|_| Html::default()));
            }
            rows.push(Row { head: Html(escape(&step.name)), cells });
        }
        let first = steps.first().map_or(0, |step| step.reached);
        let last = steps.last().map_or(0, |step| step.reached);
        let weakest = steps.iter().zip(steps.iter().skip(1)).filter(|(step, _)| step.conversion().is_enough()).min_by(
            |(left, _), (right, _)| {
                left.conversion().rate().partial_cmp(&right.conversion().rate()).unwrap_or(std::cmp::Ordering::Equal)
            },
        );
        let waiting: i64 = steps.iter().map(|step| step.waiting).sum();
        let mut sentence = self
            .with("analysis-funnel-sentence", &[("first", &format::grouped(first)), ("won", &format::grouped(last))]);
        if let Some((step, next)) = weakest {
            let tally = step.conversion();
            sentence.push_str(&self.with(
                "analysis-funnel-weakest",
                &[
                    ("from", &step.name),
                    ("to", &next.name),
                    ("k", &format::grouped(tally.successes)),
                    ("n", &format::grouped(tally.trials)),
                ],
            ));
        }
        let title = if named {
            self.with("analysis-funnel-of", &[("pipeline", &pipeline.name)])
        } else {
            self.t("analysis-funnel")
        };
        Chart {
            id: "funnel",
            kind: "funnel",
            size: "",
            title,
            sentence,
            method: self.with("analysis-funnel-method", &[("waiting", &format::grouped(waiting))]),
            picture: json_html(&json!({
                "categories": names,
                "series": [{ "name": "", "values": values, "text": texts, "hrefs": hrefs }],
            })),
            columns: vec![
                self.column("opportunity-stage", false),
                self.column("analysis-reached", true),
                self.column("analysis-left", true),
                self.column("analysis-went-on", true),
                self.column("analysis-conversion", true),
                self.column("analysis-interval", true),
                self.column("analysis-still-there", true),
                self.column("analysis-lost-there", true),
            ],
            rows: if first == 0 { Vec::new() } else { rows },
        }
    }

    fn rate_cells(&self, tally: Tally) -> [Html; 2] {
        match (tally.rate(), tally.interval()) {
            (Some(rate), Some((low, high))) if tally.is_enough() => {
                [Html(Self::percent(rate)), Html(format!("{}–{}", Self::percent(low), Self::percent(high)))]
            }
            _ => [
                Html(format!("<span class=\"dim\">{}</span>", escape(&self.t("analysis-not-enough")))),
                Html::default(),
            ],
        }
    }

    // Open pipeline by month ------------------------------------------------------------------------------------

    /// Open deals by month of expected close, a layer per stage. `spans[0]` is this month; the last one is "later".
    pub fn open_by_month(
        &self,
        stages: &[&Stage],
        groups: &[OpenGroup],
        spans: &[(Day, Day)],
        names: &[String],
    ) -> Chart {
        let later = spans.len() as i64 - 1;
        let name = |bucket: i64| match bucket {
            -1 => self.t("analysis-earlier"),
            bucket if bucket == later => self.t("analysis-later"),
            bucket => names[bucket as usize].clone(),
        };
        let has = |bucket: i64| groups.iter().any(|group| group.bucket == bucket);
        let last = groups.iter().map(|group| group.bucket).filter(|bucket| *bucket < later).max().unwrap_or(-1);
        let buckets: Vec<i64> = (-1..=last.max(0))
            .chain([later])
            .filter(|bucket| !matches!(*bucket, -1) && *bucket != later || has(*bucket))
            .collect();
        let by = open_sums(groups);
        let stages: Vec<&&Stage> =
            stages.iter().filter(|stage| groups.iter().any(|group| group.stage_id == stage.id)).collect();
        let at = |stage: Uuid, bucket: i64| by.get(&(stage, bucket)).copied().unwrap_or_default();
        let open = |bucket: i64, stage: Option<Uuid>| behind::open_within(behind::days_ahead(bucket, spans), stage);
        let series: Vec<Json> = stages
            .iter()
            .map(|stage| {
                let figures: Vec<Figure> = buckets
                    .iter()
                    .map(|bucket| self.measure(at(stage.id, *bucket), &open(*bucket, Some(stage.id))))
                    .collect();
                json!({
                    "name": stage.name,
                    "values": buckets.iter().map(|bucket| self.measured(at(stage.id, *bucket))).collect::<Vec<_>>(),
                    "text": figures.iter().map(|figure| &figure.text).collect::<Vec<_>>(),
                    "hrefs": figures.iter().map(|figure| &figure.href).collect::<Vec<_>>(),
                })
            })
            .collect();
        let total = |bucket: i64| {
            stages.iter().map(|stage| at(stage.id, bucket)).fold(Sum::default(), |sum, more| Sum {
                count: sum.count + more.count,
                amount: sum.amount + more.amount,
            })
        };
        let rows = buckets
            .iter()
            .map(|bucket| {
                let cells = stages
                    .iter()
                    .map(|stage| self.measure(at(stage.id, *bucket), &open(*bucket, Some(stage.id))).html())
                    .chain([self.measure(total(*bucket), &open(*bucket, None)).html()])
                    .collect();
                Row { head: Html(escape(&name(*bucket))), cells }
            })
            .collect();
        let largest = buckets.iter().copied().max_by(|left, right| {
            self.measured(total(*left)).partial_cmp(&self.measured(total(*right))).unwrap_or(std::cmp::Ordering::Equal)
        });
        let past = total(-1);
        let mut sentence = largest.map_or_else(String::new, |bucket| {
            let figure = self.measure(total(bucket), &[]);
            self.with("analysis-open-sentence", &[("month", &name(bucket)), ("value", &figure.text)])
        });
        if past.count > 0 {
            let count = format::grouped(past.count);
            sentence.push_str(&self.locale.counted("analysis-open-past", past.count, &[("count", &count)]));
        }
        Chart {
            id: "open",
            kind: "stacked",
            size: "",
            title: self.t("analysis-open-by-month"),
            sentence,
            method: self.t("analysis-open-method"),
            picture: json_html(&json!({
                "categories": buckets.iter().map(|bucket| name(*bucket)).collect::<Vec<_>>(),
                "unit": self.unit(), "axis": self.axis(), "series": series,
            })),
            columns: [self.column("analysis-month", false)]
                .into_iter()
                .chain(stages.iter().map(|stage| Column { label: stage.name.clone(), number: true }))
                .chain([self.column("analysis-total", true)])
                .collect(),
            rows: if groups.is_empty() { Vec::new() } else { rows },
        }
    }

    // Closed deals ----------------------------------------------------------------------------------------------

    /// Won deals by month. With an open beginning the first bar is everything before `spans[0]`.
    pub fn won_by_month(&self, groups: &[ClosedGroup], spans: &[(Day, Day)], names: &[String]) -> Chart {
        let sum = |bucket: i64| won_in(groups, bucket);
        let filters = |bucket: i64| behind::closed_within("won", behind::days_back(bucket, spans, self.days));
        let start = if sum(-1).count > 0 { -1 } else { 0 };
        let buckets: Vec<i64> = (start..spans.len() as i64).collect();
        let name = |bucket: i64| match usize::try_from(bucket) {
            Err(_) => self.t("analysis-earlier"),
            Ok(at) => names[at].clone(),
        };
        let figures: Vec<Figure> = buckets.iter().map(|bucket| self.measure(sum(*bucket), &filters(*bucket))).collect();
        let total = buckets
            .iter()
            .map(|bucket| sum(*bucket))
            .fold(Sum::default(), |all, one| Sum { count: all.count + one.count, amount: all.amount + one.amount });
        let best = buckets.iter().copied().max_by(|left, right| {
            self.measured(sum(*left)).partial_cmp(&self.measured(sum(*right))).unwrap_or(std::cmp::Ordering::Equal)
        });
        let sentence = best.map_or_else(String::new, |best| {
            self.with(
                "analysis-won-sentence",
                &[
                    ("count", &format::grouped(total.count)),
                    ("value", &self.measure(total, &[]).text),
                    ("month", &name(best)),
                    ("best", &self.measure(sum(best), &[]).text),
                ],
            )
        });
        let rows = buckets
            .iter()
            .zip(&figures)
            .map(|(bucket, figure)| {
                let mut cells = vec![self.count(sum(*bucket).count, &filters(*bucket)).html()];
                if self.money {
                    cells.push(figure.html());
                }
                Row { head: Html(escape(&name(*bucket))), cells }
            })
            .collect();
        let mut columns = vec![self.column("analysis-month", false), self.column("analysis-deals", true)];
        if self.money {
            columns.push(self.column("analysis-amount", true));
        }
        Chart {
            id: "won",
            kind: "bar",
            size: "",
            title: self.t("analysis-won-by-month"),
            sentence,
            method: self.t("analysis-won-method"),
            picture: json_html(&json!({
                "categories": buckets.iter().map(|bucket| name(*bucket)).collect::<Vec<_>>(),
                "unit": self.unit(), "axis": self.axis(),
                "series": [{
                    "name": "", "colour": "good",
                    "values": buckets.iter().map(|bucket| self.measured(sum(*bucket))).collect::<Vec<_>>(),
                    "text": figures.iter().map(|figure| &figure.text).collect::<Vec<_>>(),
                    "hrefs": figures.iter().map(|figure| &figure.href).collect::<Vec<_>>(),
                }],
            })),
            columns,
            rows: if total.count == 0 { Vec::new() } else { rows },
        }
    }

    /// Why deals were lost in the period, the commonest first.
    pub fn lost_reasons(&self, groups: &[ClosedGroup]) -> Chart {
        let reasons = lost_reasons(groups);
        let total: i64 = reasons.iter().map(|(_, sum)| sum.count).sum();
        let field = OPPORTUNITY.field("lost_reason").expect("opportunities say why they were lost");
        let name = |reason: Option<&str>| match reason {
            Some(reason) => self.t(&OPPORTUNITY.choice_key(field, reason)),
            None => self.t("analysis-no-reason"),
        };
        let filters = |reason: Option<&str>| behind::lost_for(reason, ends(self.days));
        let share = |sum: Sum| Self::percent(sum.count as f64 / total.max(1) as f64);
        let rows: Vec<Row> = reasons
            .iter()
            .map(|(reason, sum)| {
                let mut cells = vec![self.count(sum.count, &filters(*reason)).html(), Html(share(*sum))];
                if self.money {
                    cells.push(self.amount(*sum, &filters(*reason)).html());
                }
                Row { head: Html(escape(&name(*reason))), cells }
            })
            .collect();
        let sentence = reasons.first().map_or_else(String::new, |(reason, sum)| {
            self.with(
                "analysis-lost-sentence",
                &[
                    ("count", &format::grouped(total)),
                    ("reason", &name(*reason)),
                    ("k", &format::grouped(sum.count)),
                    ("share", &share(*sum)),
                ],
            )
        });
        let mut columns = vec![
            self.column("opportunity-lost-reason", false),
            self.column("analysis-deals", true),
            self.column("analysis-share", true),
        ];
        if self.money {
            columns.push(self.column("analysis-amount", true));
        }
        Chart {
            id: "lost",
            kind: "bar",
            size: "",
            title: self.t("analysis-lost"),
            sentence,
            method: self.t("analysis-lost-method"),
            picture: json_html(&json!({
                "categories": reasons.iter().map(|(reason, _)| name(*reason)).collect::<Vec<_>>(),
                "horizontal": true,
                "series": [{
                    "name": "", "colour": "bad",
                    "values": reasons.iter().map(|(_, sum)| sum.count).collect::<Vec<_>>(),
                    "text": reasons.iter().map(|(_, sum)| format!("{} · {}", format::grouped(sum.count), share(*sum))).collect::<Vec<_>>(),
                    "hrefs": reasons.iter().map(|(reason, _)| self.href(&filters(*reason))).collect::<Vec<_>>(),
                }],
            })),
            columns,
            rows,
        }
    }

    /// Filters of closed deals of one state.
    pub fn closed_as(&self, state: &str) -> Vec<String> {
        behind::closed_within(state, ends(self.days))
    }
}

pub(super) fn dash() -> Html {
    Html("<span class=\"dim\">–</span>".into())
}

pub(super) fn of_kind(pipeline: &Pipeline, kind: StageKind) -> impl Iterator<Item = &Stage> {
    pipeline.stages.iter().filter(move |stage| stage.kind == kind)
}

/// One step of the funnel.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub name: String,
    /// Deals that were in this stage or a later one.
    pub reached: i64,
    /// Of them, those that were in a later one.
    pub went_on: i64,
    /// Still open and never further: whether they go on is not known yet.
    pub waiting: i64,
    /// Lost without having been further.
    pub lost: i64,
}

impl Step {
    /// Of the deals that have left the stage, how many went on.
    pub fn conversion(&self) -> Tally {
        Tally::new(self.went_on, self.went_on + self.lost)
    }
}

/// The open stages of a pipeline in order, and "won" as the last step.
pub fn steps(pipeline: &Pipeline, groups: &[ReachGroup]) -> Vec<Step> {
    let open: Vec<&Stage> = of_kind(pipeline, StageKind::Open).collect();
    let won: Vec<Uuid> = of_kind(pipeline, StageKind::Won).map(|stage| stage.id).collect();
    let at = |stages: &[Uuid], kind: Option<&str>| -> i64 {
        groups
            .iter()
            .filter(|group| group.furthest.is_some_and(|stage| stages.contains(&stage)))
            .filter(|group| kind.is_none_or(|kind| group.kind == kind))
            .map(|group| group.count)
            .sum()
    };
    let from =
        |index: usize| -> Vec<Uuid> { open[index..].iter().map(|stage| stage.id).chain(won.iter().copied()).collect() };
    let mut steps: Vec<Step> = open
        .iter()
        .enumerate()
        .map(|(index, stage)| Step {
            name: stage.name.clone(),
            reached: at(&from(index), None),
            went_on: at(&from(index + 1), None),
            waiting: at(&[stage.id], Some("open")),
            lost: at(&[stage.id], Some("lost")),
        })
        .collect();
    if let Some(stage) = of_kind(pipeline, StageKind::Won).next() {
        steps.push(Step { name: stage.name.clone(), reached: at(&won, None), went_on: 0, waiting: 0, lost: 0 });
    }
    steps
}

/// A bar from 0 to the rate with a line over its interval; the numbers stand beside it as text.
pub(super) fn bar(rate: f64, (low, high): (f64, f64)) -> Html {
    let at = |part: f64| format!("{:.2}", part * 200.0);
    let (width, low, high) = (at(rate), at(low), at(high));
    Html(format!(
        "<svg class=\"rate\" viewBox=\"0 0 200 16\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"rate-back\" width=\"200\" height=\"16\"/><rect class=\"rate-bar\" width=\"{width}\" height=\"16\"/>\
         <path class=\"rate-interval\" d=\"M{low} 8H{high}M{low} 3V13M{high} 3V13\"/></svg>"
    ))
}

/// JSON inside a script element: no tag may end it.
fn json_html(value: &Json) -> Html {
    Html(value.to_string().replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(number: u128, kind: StageKind) -> Stage {
        Stage {
            id: Uuid::from_u128(number),
            pipeline: Uuid::from_u128(100),
            name: format!("S{number}"),
            position: number as i64,
            kind,
            probability: 0,
            expected_days: None,
            criteria: Vec::new(),
        }
    }

    #[test]
    fn conversion_counts_only_deals_that_left_the_stage() {
        let stages = vec![
            stage(1, StageKind::Open),
            stage(2, StageKind::Open),
            stage(3, StageKind::Won),
            stage(4, StageKind::Lost),
        ];
        let pipeline = Pipeline { id: Uuid::from_u128(100), name: "P".into(), stages };
        let group = |stage: u128, kind: &str, count: i64| ReachGroup {
            furthest: Some(Uuid::from_u128(stage)),
            kind: kind.into(),
            count,
        };
        let groups = [
            group(1, "open", 5),
            group(1, "lost", 3),
            group(2, "open", 2),
            group(2, "lost", 4),
            group(3, "won", 6),
            // Lost before any open stage was known: reached nothing.
            ReachGroup { furthest: None, kind: "lost".into(), count: 9 },
        ];
        let steps = steps(&pipeline, &groups);
        assert_eq!((steps[0].reached, steps[0].conversion()), (20, Tally::new(12, 15)));
        assert_eq!((steps[1].reached, steps[1].conversion()), (12, Tally::new(6, 10)));
        assert_eq!((steps[2].reached, steps[1].waiting), (6, 2));
    }

    #[test]
    fn a_name_can_not_end_the_script() {
        assert!(!json_html(&json!({ "name": "</script><b>" })).0.contains('<'));
    }
}
