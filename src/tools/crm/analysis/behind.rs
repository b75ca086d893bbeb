//! Which deals stand behind a figure: the very filters that counted it, for the links of the page and of the API.

use store::{Day, Uuid};

use super::charts::within;
use super::funnel::of_kind;
use crate::shell::config::{Pipeline, StageKind};

pub const OPEN: &str = "state:is:open";

/// The deals of a funnel: those of one pipeline that were created in the period.
pub struct Funnel {
    cohort: Vec<String>,
    /// The open stages in their order, and the won ones.
    pub open: Vec<Uuid>,
    won: Vec<Uuid>,
}

impl Funnel {
    /// `common`: what filters everything already.
    pub fn of(pipeline: &Pipeline, created: &[String], common: &[String]) -> Funnel {
        let in_pipeline = format!("pipeline:is:{}", pipeline.id);
        let extra = (!common.contains(&in_pipeline)).then_some(in_pipeline);
        let ids = |kind| of_kind(pipeline, kind).map(|stage| stage.id).collect();
        Funnel {
            cohort: extra.into_iter().chain(created.iter().cloned()).collect(),
            open: ids(StageKind::Open),
            won: ids(StageKind::Won),
        }
    }

    fn with(&self, more: impl IntoIterator<Item = String>) -> Vec<String> {
        self.cohort.iter().cloned().chain(more).collect()
    }

    fn from(&self, index: usize) -> String {
        is_any("furthest_stage", self.open[index..].iter().chain(&self.won).copied())
    }

    /// Came as far as this step; the last one is winning.
    pub fn reached(&self, index: usize) -> Vec<String> {
        if index < self.open.len() {
            self.with([self.from(index)])
        } else {
            self.with([is_any("furthest_stage", self.won.iter().copied())])
        }
    }

    /// Is no longer in the stage, whichever way it went.
    pub fn left(&self, index: usize) -> Vec<String> {
        self.with([self.from(index), format!("waiting_stage:not:{}", self.open[index])])
    }

    /// Came as far as this stage and no further, and is now open or lost.
    pub fn ended_at(&self, index: usize, state: &str) -> Vec<String> {
        self.with([is_any("furthest_stage", [self.open[index]]), format!("state:is:{state}")])
    }
}

fn is_any(field: &str, ids: impl IntoIterator<Item = Uuid>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("{field}:is:{}", ids.join("|"))
}

/// The days of expected close that a bucket stands for: −1 is everything before the first span, which begins today; the last one
/// everything later.
pub fn days_ahead(bucket: i64, spans: &[(Day, Day)]) -> (Option<Day>, Option<Day>) {
    let later = spans.len() as i64 - 1;
    match bucket {
        -1 => (None, spans.first().map(|(first, _)| first.plus(-1))),
        bucket if bucket == later => (Some(spans[bucket as usize].0), None),
        bucket => (Some(spans[bucket as usize].0), Some(spans[bucket as usize].1)),
    }
}

/// Open deals that are expected in these days, of one stage or of all.
pub fn open_within((first, last): (Option<Day>, Option<Day>), stage: Option<Uuid>) -> Vec<String> {
    let mut all = vec![OPEN.to_owned()];
    all.extend(within("close_date", first, last));
    all.extend(stage.map(|stage| format!("stage:is:{stage}")));
    all
}

/// The days of closing that a bucket stands for: −1 is what the period has before the first span, all of it where there is none. The
/// ends of a period may lie within a month.
pub fn days_back(bucket: i64, spans: &[(Day, Day)], period: Option<(Day, Day)>) -> (Option<Day>, Option<Day>) {
    let Ok(at) = usize::try_from(bucket) else {
        let (from, to) = period.unzip();
        return (from, spans.first().map(|(first, _)| first.plus(-1)).or(to));
    };
    let (first, last) = spans[at];
    match period {
        Some((from, to)) => (Some(from.max(first)), Some(to.min(last))),
        None => (Some(first), (at + 1 < spans.len()).then_some(last)),
    }
}

/// Closed deals of one state.
pub fn closed_within(state: &str, (first, last): (Option<Day>, Option<Day>)) -> Vec<String> {
    [vec![format!("state:is:{state}")], within("closed_on", first, last)].concat()
}

/// Deals lost for a reason, or for none that was said.
pub fn lost_for(reason: Option<&str>, days: (Option<Day>, Option<Day>)) -> Vec<String> {
    let mut all = closed_within("lost", days);
    all.push(reason.map_or_else(|| "lost_reason:empty:".into(), |reason| format!("lost_reason:is:{reason}")));
    all
}
