//! The analysis for programs: the figures of the page, from the same statements, each with the address that lists its deals.

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::json;
use solver::statistics::Tally;
use store::{Cell, Day, Uuid};

use super::ask::{Ask, Dimension, PeriodName};
use super::behind::{self, OPEN};
use super::funnel::steps;
use super::rates::{Expected, Group, groups};
use super::sql::{Lens, Outcome, Sum};
use super::study::{Study, ends, gather, lost_reasons, open_stages, open_sums, weighted_in, won_in};
use crate::shell::api::{Answer, Api, Asking, Operation, schema_of, shape};
use crate::shell::app::App;
use crate::shell::config::Config;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::layers::url_encode;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;
use crate::tools::crm::objects::{INDUSTRIES, OPPORTUNITY, SOURCES};
use crate::tools::crm::standing::Weighted;

/// Amounts are in the base currency, and left out for somebody to whom they are hidden.
#[derive(Serialize, schemars::JsonSchema)]
struct Analysis {
    currency: String,
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    all: Totals,
    funnel: Option<Funnel>,
    open_by_month: Vec<OpenMonth>,
    won_by_month: Vec<WonMonth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_reasons: Option<Vec<LostReason>>,
    compared: Compared,
}

/// A number of deals, and the address that lists them.
#[derive(Serialize, schemars::JsonSchema)]
struct Figure {
    count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    path: String,
}

/// So many of so many, with the 95 % interval of the rate; the rate is left open while there are too few.
#[derive(Serialize, schemars::JsonSchema)]
struct Rate {
    k: i64,
    n: i64,
    rate: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    path: String,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Cycle {
    lower_quartile: f64,
    median: f64,
    upper_quartile: f64,
}

/// Open deals are those of today, closed ones those of the period.
#[derive(Serialize, schemars::JsonSchema)]
struct Numbers {
    open: Figure,
    won: Figure,
    lost: Figure,
    win_rate: Rate,
    /// Of what the closed deals are worth, the part that was won.
    #[serde(skip_serializing_if = "Option::is_none")]
    win_rate_by_amount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_won: Option<String>,
    cycle_days: Option<Cycle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    velocity_per_day: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Totals {
    #[serde(flatten)]
    numbers: Numbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    weighted: Option<String>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Funnel {
    pipeline: Uuid,
    pipeline_label: String,
    steps: Vec<Step>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Step {
    label: String,
    reached: Figure,
    /// Not of the last step.
    onward: Option<Onward>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Onward {
    stage: Uuid,
    conversion: Rate,
    went_on: Figure,
    still_there: Figure,
    lost_there: Figure,
}

/// What should have closed before today has no `from`, what is expected after the last month no `to`; this month begins today.
#[derive(Serialize, schemars::JsonSchema)]
struct OpenMonth {
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    all: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    weighted: Option<String>,
    stages: Vec<OfStage>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct OfStage {
    stage: Uuid,
    stage_label: String,
    #[serde(flatten)]
    figure: Figure,
}

#[derive(Serialize, schemars::JsonSchema)]
struct WonMonth {
    #[schemars(extend("format" = "date"))]
    from: Option<String>,
    #[schemars(extend("format" = "date"))]
    to: Option<String>,
    won: Figure,
}

#[derive(Serialize, schemars::JsonSchema)]
struct LostReason {
    reason: Option<String>,
    lost: Figure,
}

/// A dimension is left out for somebody to whom it is hidden.
#[derive(Serialize, Default, schemars::JsonSchema)]
struct Compared {
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Vec<OfGroup>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<Vec<OfGroup>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Vec<OfGroup>>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct OfGroup {
    /// The owner's id or the choice; null for deals without one.
    value: Option<String>,
    label: String,
    #[serde(flatten)]
    numbers: Numbers,
    /// The win rate to compare by: of owners pulled towards everybody's, the more the fewer deals they closed.
    expected_win_rate: Option<f64>,
}

const PARAMETERS: [&str; 7] = ["period", "from", "to", "owner", "segment", "source", "pipeline"];

fn choices(keys: &[&'static str]) -> Vec<&'static str> {
    keys.iter().copied().chain(["none"]).collect()
}

pub fn operations() -> Api {
    let periods: Vec<&str> = PeriodName::ALL.into_iter().map(PeriodName::key).collect();
    let day = || json!({ "type": "string", "format": "date" });
    let one_of = |keys: Vec<&'static str>| json!({ "type": "string", "enum": keys });
    let owner = json!({ "type": "string", "pattern": "^(me|team|none|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$" });
    let period = json!({ "type": "string", "enum": periods, "default": PeriodName::LastTwelveMonths.key() });
    Api::new().operation(
        Operation::get("/api/analysis", "getAnalysis", "analysis", "api-analysis")
            .policy(Policy::Read("opportunity"))
            .query("period", period, "api-parameter-period")
            .query("from", day(), "api-parameter-from")
            .query("to", day(), "api-parameter-to")
            .query("owner", owner, "api-parameter-owner")
            .query("segment", one_of(choices(INDUSTRIES)), "api-parameter-segment")
            .query("source", one_of(choices(SOURCES)), "api-parameter-source")
            .query("pipeline", json!({ "type": "string", "format": "uuid" }), "api-parameter-analysis-pipeline")
            .gives(200, schema_of::<Analysis>()),
        show,
    )
}

/// GET /api/analysis · who reads deals; of those they see
async fn show(State(app): State<App>, viewer: Viewer, uri: Uri, asking: Asking) -> Result<Answer> {
    check(&asking, &viewer.config)?;
    let ask = Ask::parse(uri.query().unwrap_or_default())?;
    let config = viewer.config.clone();
    let study = gather(&app, &viewer, &config, &ask).await?;
    let teller = Teller { study: &study, lens: &study.lens, config: &config };
    Ok(Answer::ok(json!(teller.analysis())))
}

/// Whether the query has the documented shape.
fn check(asking: &Asking, config: &Config) -> Result<()> {
    asking.only(&PARAMETERS)?;
    let refuse = |name: &str, key: &str, value: &str| FieldError::new(name, key).with("value", value);
    let periods: Vec<&str> = PeriodName::ALL.into_iter().map(PeriodName::key).collect();
    for (name, known) in [("period", periods), ("segment", choices(INDUSTRIES)), ("source", choices(SOURCES))] {
        if let Some(value) = asking.one(name)?.filter(|value| !known.contains(value)) {
            return Err(Error::Malformed(vec![refuse(name, "invalid-choice", value)]));
        }
    }
    for name in ["from", "to"] {
        if let Some(text) = asking.one(name)? {
            shape::day(name, text)?;
        }
    }
    let is_owner = |text: &str| matches!(text, "me" | "team" | "none") || shape::uuid(text).is_some();
    if let Some(value) = asking.one("owner")?.filter(|text| !is_owner(text)) {
        return Err(Error::Malformed(vec![refuse("owner", "invalid-reference", value)]));
    }
    if let Some(text) = asking.one("pipeline")? {
        let unknown = || vec![refuse("pipeline", "invalid-reference", text)];
        let id = shape::uuid(text).ok_or_else(|| Error::Malformed(unknown()))?;
        config.pipeline(id).ok_or_else(|| Error::Invalid(unknown()))?;
    }
    Ok(())
}

/// Turns what was counted into what is told.
struct Teller<'a> {
    study: &'a Study<'a>,
    lens: &'a Lens<'a>,
    config: &'a Config,
}

impl Teller<'_> {
    fn analysis(&self) -> Analysis {
        let Study { days, owners, .. } = self.study;
        let (from, to) = ends(*days);
        let mut compared = Compared::default();
        for (dimension, outcomes) in &self.study.compared {
            let groups = groups(self.lens.viewer.locale, *dimension, outcomes, owners);
            let told = Some(self.groups(*dimension, &groups));
            match dimension {
                Dimension::Owner => compared.owner = told,
                Dimension::Segment => compared.segment = told,
                Dimension::Source => compared.source = told,
            }
        }
        Analysis {
            currency: self.config.base_currency.clone(),
            from: text(from),
            to: text(to),
            all: self.totals(),
            funnel: self.funnel(),
            open_by_month: self.open_by_month(),
            won_by_month: self.won_by_month(),
            lost_reasons: self.lens.viewer.sees(&OPPORTUNITY, "lost_reason").then(|| self.lost_reasons()),
            compared,
        }
    }

    fn path(&self, filters: &[String]) -> String {
        let filters: Vec<String> =
            self.lens.with(filters).iter().map(|filter| format!("f={}", url_encode(filter))).collect();
        format!("/api/opportunities?{}", filters.join("&"))
    }

    fn money(&self, minor: i64) -> Option<String> {
        self.study.money.then(|| format::plain_amount(minor, &self.config.base_currency))
    }

    fn figure(&self, sum: Sum, filters: &[String]) -> Figure {
        Figure { count: sum.count, amount: self.money(sum.amount), path: self.path(filters) }
    }

    fn count(&self, count: i64, filters: &[String]) -> Figure {
        Figure { count, amount: None, path: self.path(filters) }
    }

    fn rate(&self, tally: Tally, filters: &[String]) -> Rate {
        let known = tally.rate().zip(tally.interval()).filter(|_| tally.is_enough());
        Rate {
            k: tally.successes,
            n: tally.trials,
            rate: known.map(|(rate, _)| rate),
            low: known.map(|(_, (low, _))| low),
            high: known.map(|(_, (_, high))| high),
            path: self.path(filters),
        }
    }

    /// `of`: the filter of the group, if it is one.
    fn numbers(&self, outcome: &Outcome, of: Option<&str>) -> Numbers {
        let with = |filters: Vec<String>| -> Vec<String> { filters.into_iter().chain(of.map(str::to_owned)).collect() };
        let closed = |state: &str| with(behind::closed_within(state, ends(self.study.days)));
        Numbers {
            open: self.figure(outcome.open, &with(vec![OPEN.to_owned()])),
            won: self.figure(outcome.won, &closed("won")),
            lost: self.figure(outcome.lost, &closed("lost")),
            win_rate: self.rate(outcome.closed(), &with(self.study.closed_filters.clone())),
            win_rate_by_amount: outcome.rate_by_amount().filter(|_| self.study.money),
            average_won: outcome.average().and_then(|average| self.money(average)),
            cycle_days: outcome.cycle.map(|[lower_quartile, median, upper_quartile]| Cycle {
                lower_quartile,
                median,
                upper_quartile,
            }),
            velocity_per_day: outcome.velocity().and_then(|velocity| self.money(velocity.round() as i64)),
        }
    }

    fn totals(&self) -> Totals {
        let weighted: Weighted = self.study.open.iter().map(|group| group.weighted).sum();
        Totals { numbers: self.numbers(&self.study.all, None), weighted: self.weighted(weighted) }
    }

    fn weighted(&self, weighted: Weighted) -> Option<String> {
        self.money(weighted.minor()).filter(|_| self.study.weighted)
    }

    fn groups(&self, dimension: Dimension, groups: &[Group]) -> Vec<OfGroup> {
        let expected = Expected::of(dimension, groups);
        let told = groups.iter().map(|group| {
            let tally = group.outcome.closed();
            OfGroup {
                value: match &group.key {
                    Cell::Id(id) => Some(id.to_string()),
                    Cell::Text(text) => Some(text.clone()),
                    _ => None,
                },
                label: group.name.clone(),
                numbers: self.numbers(&group.outcome, Some(&group.filter)),
                expected_win_rate: expected.rate(tally).filter(|_| tally.is_enough()).map(|(rate, _)| rate),
            }
        });
        told.collect()
    }

    fn funnel(&self) -> Option<Funnel> {
        let pipeline = self.study.pipeline?;
        let behind = behind::Funnel::of(pipeline, &self.study.created_filters, &self.lens.filters);
        let steps = steps(pipeline, &self.study.reached);
        let told = steps.iter().enumerate().map(|(index, step)| Step {
            label: step.name.clone(),
            reached: self.count(step.reached, &behind.reached(index)),
            onward: behind.open.get(index).map(|stage| Onward {
                stage: *stage,
                conversion: self.rate(step.conversion(), &behind.left(index)),
                went_on: self.count(step.went_on, &behind.reached(index + 1)),
                still_there: self.count(step.waiting, &behind.ended_at(index, "open")),
                lost_there: self.count(step.lost, &behind.ended_at(index, "lost")),
            }),
        });
        Some(Funnel { pipeline: pipeline.id, pipeline_label: pipeline.name.clone(), steps: told.collect() })
    }

    fn open_by_month(&self) -> Vec<OpenMonth> {
        let (spans, sums) = (&self.study.ahead.spans, open_sums(&self.study.open));
        let stages = open_stages(self.config);
        let months = (-1..spans.len() as i64).filter(|bucket| sums.keys().any(|(_, at)| at == bucket));
        months
            .map(|bucket| {
                let days = behind::days_ahead(bucket, spans);
                let all: Sum = sums.iter().filter(|((_, at), _)| *at == bucket).map(|(_, sum)| *sum).sum();
                let of_stage = |stage: &&crate::shell::config::Stage| {
                    let sum = *sums.get(&(stage.id, bucket))?;
                    let figure = self.figure(sum, &behind::open_within(days, Some(stage.id)));
                    Some(OfStage { stage: stage.id, stage_label: stage.name.clone(), figure })
                };
                OpenMonth {
                    from: text(days.0),
                    to: text(days.1),
                    all: self.figure(all, &behind::open_within(days, None)),
                    weighted: self.weighted(weighted_in(&self.study.open, bucket)),
                    stages: stages.iter().filter_map(of_stage).collect(),
                }
            })
            .collect()
    }

    fn won_by_month(&self) -> Vec<WonMonth> {
        let spans = &self.study.back.spans;
        let earlier = won_in(&self.study.closed, -1).count > 0;
        let months = if earlier { -1 } else { 0 }..spans.len() as i64;
        months
            .map(|bucket| {
                let days = behind::days_back(bucket, spans, self.study.days);
                let won = won_in(&self.study.closed, bucket);
                let won = self.figure(won, &behind::closed_within("won", days));
                WonMonth { from: text(days.0), to: text(days.1), won }
            })
            .collect()
    }

    fn lost_reasons(&self) -> Vec<LostReason> {
        let told = lost_reasons(&self.study.closed).into_iter().map(|(reason, sum)| LostReason {
            reason: reason.map(str::to_owned),
            lost: self.figure(sum, &behind::lost_for(reason, ends(self.study.days))),
        });
        told.collect()
    }
}

fn text(day: Option<Day>) -> Option<String> {
    day.map(|day| day.to_string())
}
