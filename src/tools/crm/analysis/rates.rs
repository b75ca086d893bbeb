//! Rates of groups side by side, and their comparison: with n and an interval, shrunk towards the whole, grey where too few deals closed.

use solver::statistics::{Prior, Tally};
use store::{Cell, Uuid};

use super::ask::Dimension;
use super::charts::{Column, DRAWN, Figure, Painter, Row, bar};
use super::sql::{Outcome, Sum};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Html, dash, escape};
use crate::tools::crm::objects::OPPORTUNITY;

/// A rate of one group of deals.
pub struct Rate {
    pub name: String,
    pub bar: Option<Html>,
    pub shown: String,
    pub tally: Html,
    pub interval: String,
    /// The observed rate, where the shown one is pulled towards the group's.
    pub observed: String,
}

/// Rates side by side, with intervals; drawn by the server, so that they print and read aloud.
pub struct Rates {
    pub id: &'static str,
    pub title: String,
    pub sentence: String,
    pub method: String,
    pub shrunk: bool,
    pub rows: Vec<Rate>,
}

/// One group of the comparison, with its name and the filter that finds it.
#[derive(Debug, Clone)]
pub struct Group {
    /// The owner's id, the choice, or nothing.
    pub key: Cell,
    pub name: String,
    pub filter: String,
    pub outcome: Outcome,
}

impl Painter<'_> {
    /// Win rates of groups, the highest first; those with too few closed deals come last, grey and without a bar.
    pub fn rates(&self, dimension: Dimension, groups: &[Group]) -> Rates {
        let expected = Expected::of(dimension, groups);
        let estimate = |tally: Tally| expected.rate(tally);
        let of_group = |group| -> (&Group, Tally) { (group, group.outcome.closed()) };
        let mut order: Vec<(&Group, Tally)> =
            groups.iter().map(of_group).filter(|(_, tally)| tally.trials > 0).collect();
        order.sort_by(|(_, left), (_, right)| {
            let key = |tally: Tally| (tally.is_enough(), estimate(tally).map_or(0.0, |(rate, _)| rate));
            key(*right).partial_cmp(&key(*left)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let rows: Vec<Rate> = order
            .iter()
            .map(|(group, tally)| {
                let mut filters = self.closed.clone();
                filters.push(group.filter.clone());
                let text = self.with(
                    "analysis-k-of-n",
                    &[("k", &format::grouped(tally.successes)), ("n", &format::grouped(tally.trials))],
                );
                let figure = Figure { text, ..self.count(tally.trials, &filters) };
                let drawn = estimate(*tally).filter(|_| tally.is_enough());
                Rate {
                    name: group.name.clone(),
                    bar: drawn.map(|(rate, interval)| bar(rate, interval)),
                    shown: drawn.map_or_else(|| self.t("analysis-not-enough"), |(rate, _)| Self::percent(rate)),
                    tally: figure.html(),
                    interval: drawn.map_or_else(String::new, |(_, (low, high))| {
                        format!("{}–{}", Self::percent(low), Self::percent(high))
                    }),
                    observed: tally.rate().map_or_else(String::new, Self::percent),
                }
            })
            .collect();
        let enough: Vec<&(&Group, Tally)> = order.iter().filter(|(_, tally)| tally.is_enough()).collect();
        let few = order.len() - enough.len();
        let sentence = match (enough.first(), enough.last()) {
            (Some((best, high)), Some((worst, low))) if enough.len() > 1 => {
                let (Some((high, (above, _))), Some((low, (_, below)))) = (estimate(*high), estimate(*low)) else {
                    unreachable!("groups with enough deals have an estimate")
                };
                let key = if above > below { "analysis-rates-differ" } else { "analysis-rates-alike" };
                self.with(
                    key,
                    &[
                        ("best", &best.name),
                        ("high", &Self::percent(high)),
                        ("worst", &worst.name),
                        ("low", &Self::percent(low)),
                    ],
                )
            }
            _ => self.t("analysis-rates-none"),
        };
        let mut method =
            self.t(if dimension == Dimension::Owner { "analysis-rates-shrunk" } else { "analysis-rates-wilson" });
        if few > 0 {
            let args = [("few", few.to_string())];
            let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
            method.push_str(&self.locale.counted("analysis-rates-few", few as i64, &args));
        }
        Rates {
            id: match dimension {
                Dimension::Owner => "rate-owner",
                Dimension::Segment => "rate-segment",
                Dimension::Source => "rate-source",
            },
            title: self.t(&format!("analysis-rate-by-{}", dimension.key())),
            sentence,
            method,
            shrunk: expected.is_shrunk(),
            rows,
        }
    }

    // The table -------------------------------------------------------------------------------------------------

    /// Groups side by side in numbers.
    pub fn comparison(&self, groups: &[Group]) -> Vec<Row> {
        let mut groups: Vec<&Group> = groups.iter().collect();
        groups.sort_by_key(|group| {
            let outcome = &group.outcome;
            std::cmp::Reverse((outcome.won.amount, outcome.won.count, outcome.open.amount, outcome.open.count))
        });
        groups
            .into_iter()
            .map(|group| {
                let outcome = &group.outcome;
                let of = |filters: Vec<String>| -> Vec<String> {
                    filters.into_iter().chain([group.filter.clone()]).collect()
                };
                let open = of(vec!["state:is:open".into()]);
                let won = of(self.closed_as("won"));
                let closed = of(self.closed.clone());
                let tally = outcome.closed();
                let mut cells = vec![self.count(outcome.open.count, &open).html()];
                if self.money {
                    cells.push(self.amount(outcome.open, &open).html());
                }
                cells.push(self.count(outcome.won.count, &won).html());
                cells.push(self.count(outcome.lost.count, &of(self.closed_as("lost"))).html());
                cells.push(match tally.rate().filter(|_| tally.is_enough()) {
                    Some(rate) => {
                        let figure = Figure { text: Self::percent(rate), ..self.count(tally.trials, &closed) }.html();
                        let by_amount = self.by_amount(outcome).map(|text| escape(&text));
                        let below = by_amount.map(|text| format!("<div class=\"tiny dim\">{text}</div>"));
                        Html(format!("{figure}{}", below.unwrap_or_default()))
                    }
                    None => self.too_few(),
                });
                if self.money {
                    cells.push(match outcome.average() {
                        Some(average) => {
                            let sum = Sum { count: outcome.won.count, amount: average };
                            self.amount(sum, &won).html()
                        }
                        None => dash(),
                    });
                }
                cells.push(match outcome.cycle {
                    Some([low, middle, high]) => Html(format!(
                        "{}<div class=\"tiny dim\">{:.0}–{:.0}</div>",
                        Figure { text: self.days(middle), ..self.count(outcome.won.count, &won) }.html(),
                        low,
                        high
                    )),
                    None => dash(),
                });
                if self.money {
                    cells.push(match outcome.velocity() {
                        Some(perday) => {
                            Figure { text: self.per_day(perday), ..self.count(outcome.open.count, &open) }.html()
                        }
                        None => self.too_few(),
                    });
                }
                Row { head: Html(escape(&group.name)), cells }
            })
            .collect()
    }

    pub fn comparison_columns(&self, dimension: Dimension) -> Vec<Column> {
        let mut columns = vec![
            self.column(&format!("opportunity-{}", dimension.key()), false),
            self.column("analysis-open-deals", true),
        ];
        if self.money {
            columns.push(self.column("analysis-open-amount", true));
        }
        columns.push(self.column("analysis-won", true));
        columns.push(self.column("analysis-lost-deals", true));
        columns.push(self.column("analysis-win-rate", true));
        if self.money {
            columns.push(self.column("analysis-average", true));
        }
        columns.push(self.column("analysis-cycle", true));
        if self.money {
            columns.push(self.column("analysis-velocity", true));
        }
        columns
    }

    /// The win rate by amount, beside the one by number.
    pub fn by_amount(&self, outcome: &Outcome) -> Option<String> {
        let rate = outcome.rate_by_amount().filter(|_| self.money)?;
        Some(self.with("analysis-by-amount", &[("rate", &Self::percent(rate))]))
    }

    pub fn per_day(&self, minor: f64) -> String {
        self.with("analysis-per-day", &[("value", &self.money(minor.round() as i64))])
    }

    fn too_few(&self) -> Html {
        Html(format!("<span class=\"dim tiny\">{}</span>", escape(&self.t("analysis-not-enough"))))
    }
}

/// Names and filters for the groups of a dimension.
pub fn groups(
    locale: Locale,
    dimension: Dimension,
    outcomes: &[(Cell, Outcome)],
    owners: &[(Uuid, String)],
) -> Vec<Group> {
    let field = OPPORTUNITY.field(dimension.key()).expect("dimensions are fields of the opportunity");
    let owner = |id: &Uuid| owners.iter().find(|(owner, _)| owner == id).map(|(_, name)| name.clone());
    outcomes
        .iter()
        .map(|(key, outcome)| {
            let (name, filter) = match key {
                Cell::Id(id) => (owner(id).unwrap_or_else(|| "—".into()), format!("{}:is:{id}", field.key)),
                Cell::Text(text) => {
                    (locale.text(&OPPORTUNITY.choice_key(field, text)), format!("{}:is:{text}", field.key))
                }
                _ => (locale.text(&format!("analysis-no-{}", dimension.key())), format!("{}:empty:", field.key)),
            };
            Group { key: key.clone(), name, filter, outcome: outcome.clone() }
        })
        .collect()
}

/// What rate one should expect of a group. People are compared only after theirs are pulled towards everybody's.
pub struct Expected(Option<Prior>);

impl Expected {
    pub fn of(dimension: Dimension, groups: &[Group]) -> Expected {
        let tallies: Vec<Tally> = groups.iter().map(|group| group.outcome.closed()).collect();
        Expected(if dimension == Dimension::Owner { Prior::fit(&tallies) } else { None })
    }

    pub fn is_shrunk(&self) -> bool {
        self.0.is_some()
    }

    /// Expected rate and interval; without a prior what was observed.
    pub fn rate(&self, tally: Tally) -> Option<(f64, (f64, f64))> {
        let observed = tally.rate().zip(tally.interval())?;
        Some(self.0.as_ref().map_or(observed, |prior| prior.shrink(tally)))
    }
}

pub fn drawn(rows: &[Rate]) -> (&[Rate], &[Rate]) {
    rows.split_at(rows.len().min(DRAWN))
}
