//! Charts of bars: what is open and what was won by month, and why deals were lost.

use serde_json::{Value as Json, json};
use store::{Day, Uuid};

use super::behind;
use super::charts::{Chart, Column, Figure, Painter, Row, json_html};
use super::sql::{ClosedGroup, OpenGroup, Sum};
use super::study::{ends, lost_reasons, open_sums, weighted_in, won_in};
use crate::shell::config::Stage;
use crate::shell::format;
use crate::shell::page::{Html, escape};
use crate::tools::crm::objects::OPPORTUNITY;

impl Painter<'_> {
    /// Open deals by month of expected close, a layer per stage, and beside it what they are worth by their probability. `spans[0]`
    /// is what is left of this month; the last one is "later".
    pub fn open_by_month(
        &self,
        stages: &[&Stage],
        groups: &[OpenGroup],
        spans: &[(Day, Day)],
        names: &[String],
    ) -> Chart {
        let later = spans.len() as i64 - 1;
        let name = |bucket: i64| match bucket {
            -1 => self.t("analysis-overdue"),
            bucket if bucket == later => self.t("analysis-later"),
            bucket => names[bucket as usize].clone(),
        };
        let has = |bucket: i64| groups.iter().any(|group| group.bucket == bucket);
        let last = groups.iter().map(|group| group.bucket).filter(|bucket| *bucket < later).max().unwrap_or(-1);
        let buckets: Vec<i64> = (-1..=last.max(0).min(later - 1))
            .chain([later])
            .filter(|bucket| !matches!(*bucket, -1) && *bucket != later || has(*bucket))
            .collect();
        let by = open_sums(groups);
        let stages: Vec<&&Stage> =
            stages.iter().filter(|stage| groups.iter().any(|group| group.stage_id == stage.id)).collect();
        let at = |stage: Uuid, bucket: i64| by.get(&(stage, bucket)).copied().unwrap_or_default();
        let open = |bucket: i64, stage: Option<Uuid>| behind::open_within(behind::days_ahead(bucket, spans), stage);
        let mut series: Vec<Json> = stages
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
        let total = |bucket: i64| stages.iter().map(|stage| at(stage.id, bucket)).sum::<Sum>();
        let weighted = |bucket: i64| Sum { amount: weighted_in(groups, bucket).minor(), ..total(bucket) };
        if self.weighted {
            let figures: Vec<Figure> =
                buckets.iter().map(|bucket| self.measure(weighted(*bucket), &open(*bucket, None))).collect();
            series.push(json!({
                "name": self.t("analysis-weighted"), "stack": "weighted", "dashed": true, "colour": "quiet",
                "values": buckets.iter().map(|bucket| self.measured(weighted(*bucket))).collect::<Vec<_>>(),
                "text": figures.iter().map(|figure| &figure.text).collect::<Vec<_>>(),
                "hrefs": figures.iter().map(|figure| &figure.href).collect::<Vec<_>>(),
            }));
        }
        let rows = buckets
            .iter()
            .map(|bucket| {
                let all = open(*bucket, None);
                let cells = stages
                    .iter()
                    .map(|stage| self.measure(at(stage.id, *bucket), &open(*bucket, Some(stage.id))).html())
                    .chain([self.measure(total(*bucket), &all).html()])
                    .chain(self.weighted.then(|| self.measure(weighted(*bucket), &all).html()))
                    .collect();
                Row { head: Html(escape(&name(*bucket))), cells }
            })
            .collect();
        // What is overdue is said by itself.
        let expected = buckets.iter().copied().filter(|bucket| *bucket >= 0 && total(*bucket).count > 0);
        let largest = expected.max_by(|left, right| {
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
        let mut method = self.t("analysis-open-method");
        if self.weighted {
            method.push_str(&self.t("analysis-open-weighted"));
        }
        Chart {
            id: "open",
            kind: "stacked",
            size: "",
            title: self.t("analysis-open-by-month"),
            sentence: sentence.trim_start().to_owned(),
            method,
            picture: json_html(&json!({
                "categories": buckets.iter().map(|bucket| name(*bucket)).collect::<Vec<_>>(),
                "unit": self.unit(), "axis": self.axis(), "series": series,
            })),
            columns: [self.column("analysis-month", false)]
                .into_iter()
                .chain(stages.iter().map(|stage| Column { label: stage.name.clone(), number: true }))
                .chain([self.column("analysis-total", true)])
                .chain(self.weighted.then(|| self.column("analysis-weighted", true)))
                .collect(),
            rows: if groups.is_empty() { Vec::new() } else { rows },
        }
    }

    /// Won deals by month. Of a long period, or one without a beginning, the first bar is everything before `spans[0]`.
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
        let total: Sum = buckets.iter().map(|bucket| sum(*bucket)).sum();
        // All that lies before the months is no month, unless there is nothing else.
        let months = buckets.iter().copied().filter(|bucket| *bucket >= 0 || buckets.len() == 1);
        let best = months.max_by(|left, right| {
            self.measured(sum(*left)).partial_cmp(&self.measured(sum(*right))).unwrap_or(std::cmp::Ordering::Equal)
        });
        let sentence = best.map_or_else(String::new, |best| {
            // Without amounts the number of deals is all there is to say.
            let key = if self.money { "analysis-won-sentence" } else { "analysis-won-sentence-count" };
            self.with(
                key,
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
}
