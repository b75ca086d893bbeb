//! The funnel: how many deals reached each stage, how many of those that left it went on, and how many still wait.

use serde_json::json;
use solver::statistics::Tally;
use store::Uuid;

use super::behind;
use super::charts::{Chart, Painter, Row, json_html};
use super::sql::ReachGroup;
use crate::shell::config::{Pipeline, Stage, StageKind};
use crate::shell::format;
use crate::shell::page::{Html, escape};

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

pub(super) fn of_kind(pipeline: &Pipeline, kind: StageKind) -> impl Iterator<Item = &Stage> {
    pipeline.stages.iter().filter(move |stage| stage.kind == kind)
}

impl Painter<'_> {
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
}
