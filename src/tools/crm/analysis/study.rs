//! Everything that the analysis counts, gathered in a dozen grouped statements; the page draws it, the API tells it.

use std::collections::BTreeMap;

use store::{Cell, Day, Uuid};

use super::ask::{Ask, Dimension, Months, Span, months_of};
use super::sql::{self, ClosedGroup, Lens, OpenGroup, Outcome, ReachGroup, Sum};
use crate::shell::app::App;
use crate::shell::config::{Config, Pipeline, Stage, StageKind};
use crate::shell::error::Result;
use crate::shell::viewer::Viewer;
use crate::tools::crm::objects::OPPORTUNITY;
use crate::tools::crm::standing::Weighted;

/// Months ahead that have a bar of their own.
const AHEAD: usize = 12;
/// Months back that have a bar of their own when the period has no beginning.
const BACK: usize = 24;

pub struct Study<'a> {
    pub lens: Lens<'a>,
    pub months: Months,
    /// The period; `None`: without limit.
    pub days: Option<(Day, Day)>,
    /// Whether amounts may be shown; else deals are counted.
    pub money: bool,
    /// Whether they may be shown by their probability too.
    pub weighted: bool,
    /// Filters of the deals that were closed in the period, and of those that were created in it.
    pub closed_filters: Vec<String>,
    pub created_filters: Vec<String>,
    pub ahead: Named,
    pub back: Named,
    pub owners: Vec<(Uuid, String)>,
    pub open: Vec<OpenGroup>,
    pub closed: Vec<ClosedGroup>,
    /// The funnel is of one pipeline: the chosen one, else the first.
    pub pipeline: Option<&'a Pipeline>,
    pub reached: Vec<ReachGroup>,
    pub all: Outcome,
    /// By the dimensions that the viewer may see.
    pub compared: Vec<(Dimension, Vec<(Cell, Outcome)>)>,
}

/// Spans of days with the months they stand for.
pub struct Named {
    pub spans: Vec<(Day, Day)>,
    pub months: Vec<Span>,
}

impl Named {
    fn of(months: Vec<Span>) -> Named {
        Named { spans: months.iter().map(|month| (month.first_day, month.last_day)).collect(), months }
    }

    pub fn names(&self, locale: crate::shell::i18n::Locale) -> Vec<String> {
        self.months.iter().map(|month| month.month_name(locale)).collect()
    }
}

pub async fn gather<'a>(app: &App, viewer: &'a Viewer, config: &'a Config, ask: &Ask) -> Result<Study<'a>> {
    let today = config.today(app.clock.now());
    let mut session = app.db.read().await?;
    let months = months_of(&mut session, today, ask.own_days()?).await?;
    let days = months.days(ask)?;
    let lens = Lens { viewer, today, filters: ask.filters() };
    let ends = ends(days);
    let closed_filters = [vec!["state:is:won|lost".to_owned()], super::within("closed_on", ends.0, ends.1)].concat();
    let created_filters = super::within("created_on", ends.0, ends.1);
    let (ahead, back) = (months_ahead(&months), months_back(&months, days));
    let owners = sql::owners(&mut session, viewer).await?;
    let open = sql::open_by_month(&mut session, &lens, &ahead.spans).await?;
    let closed = sql::closed_by_month(&mut session, &lens, &closed_filters, &back.spans).await?;
    let pipeline = funnel_pipeline(config, ask);
    let reached = match pipeline {
        Some(pipeline) => {
            let cohort = [vec![format!("pipeline:is:{}", pipeline.id)], created_filters.clone()].concat();
            sql::reached(&mut session, &lens, &cohort).await?
        }
        None => Vec::new(),
    };
    let all = sql::outcomes(&mut session, &lens, None, days).await?;
    let all = all.into_iter().next().map(|(_, outcome)| outcome).unwrap_or_default();
    let mut compared = Vec::new();
    for dimension in Dimension::ALL.into_iter().filter(|dimension| viewer.sees(&OPPORTUNITY, dimension.key())) {
        compared.push((dimension, sql::outcomes(&mut session, &lens, Some(dimension), days).await?));
    }
    let money = viewer.sees(&OPPORTUNITY, "amount_base");
    Ok(Study {
        lens,
        months,
        days,
        money,
        weighted: money && viewer.sees(&OPPORTUNITY, "probability"),
        closed_filters,
        created_filters,
        ahead,
        back,
        owners,
        open,
        closed,
        pipeline,
        reached,
        all,
        compared,
    })
}

pub fn ends(days: Option<(Day, Day)>) -> (Option<Day>, Option<Day>) {
    days.map_or((None, None), |(first, last)| (Some(first), Some(last)))
}

/// What is left of this month, and those after it; the last span is everything later. What was expected before today is overdue,
/// also when that was this month.
fn months_ahead(months: &Months) -> Named {
    let coming = months.spans.iter().filter(|span| span.kind == "month" && span.last_day >= months.today);
    let mut ahead = Named::of(coming.take(AHEAD + 1).cloned().collect());
    if let Some((first, _)) = ahead.spans.first_mut() {
        *first = months.today;
    }
    ahead
}

/// The months of the period up to today.
fn months_back(months: &Months, days: Option<(Day, Day)>) -> Named {
    let (first, last) = days.unwrap_or((Day(i64::MIN), months.today));
    // Nothing is closed in the future, and a bar for each of a hundred months would say nothing.
    let last = last.min(months.today).max(first);
    let back = months.between(first, last);
    Named::of(back.iter().rev().take(BACK).rev().map(|span| (*span).clone()).collect())
}

fn funnel_pipeline<'c>(config: &'c Config, ask: &Ask) -> Option<&'c Pipeline> {
    match ask.pipeline.parse::<Uuid>() {
        Ok(id) => config.pipeline(id),
        Err(_) => config.pipelines.first(),
    }
}

pub fn open_stages(config: &Config) -> Vec<&Stage> {
    config
        .pipelines
        .iter()
        .flat_map(|pipeline| &pipeline.stages)
        .filter(|stage| stage.kind == StageKind::Open)
        .collect()
}

/// The sums of open deals by stage and bucket.
pub fn open_sums(groups: &[OpenGroup]) -> BTreeMap<(Uuid, i64), Sum> {
    groups
        .iter()
        .map(|group| ((group.stage_id, group.bucket), Sum { count: group.count, amount: group.amount }))
        .collect()
}

/// The amounts of the open deals of a bucket, times their probability.
pub fn weighted_in(groups: &[OpenGroup], bucket: i64) -> Weighted {
    groups.iter().filter(|group| group.bucket == bucket).map(|group| group.weighted).sum()
}

/// What was won in a bucket.
pub fn won_in(groups: &[ClosedGroup], bucket: i64) -> Sum {
    total(groups.iter().filter(|group| group.kind == "won" && group.bucket == bucket))
}

/// Why deals were lost, the commonest first.
pub fn lost_reasons(groups: &[ClosedGroup]) -> Vec<(Option<&str>, Sum)> {
    let mut by: BTreeMap<Option<&str>, Vec<&ClosedGroup>> = BTreeMap::new();
    for group in groups.iter().filter(|group| group.kind == "lost") {
        by.entry(group.reason.as_deref()).or_default().push(group);
    }
    let mut reasons: Vec<_> = by.into_iter().map(|(reason, groups)| (reason, total(groups))).collect();
    reasons.sort_by_key(|(reason, sum)| (std::cmp::Reverse(sum.count), reason.is_none()));
    reasons
}

fn total<'g>(groups: impl IntoIterator<Item = &'g ClosedGroup>) -> Sum {
    groups.into_iter().map(|group| Sum { count: group.count, amount: group.amount }).sum()
}
