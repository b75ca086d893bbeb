//! The grouped statements of the analysis. Each takes the filters as the texts that its figures' links carry, goes through the
//! viewer's scope, and returns groups, never deals. They read everything, so their rows are kept while nothing is written.

use std::collections::BTreeMap;

use solver::statistics::quantile;
use store::sum::{sum, sum_over};
use store::{Cell, Cells, Day, Engine, Session, Sql, Uuid};

use super::ask::Dimension;
use crate::shell::access::Right;
use crate::shell::error::Result;
use crate::shell::record::query::{ListQuery, Question};
use crate::shell::viewer::Viewer;
use crate::tools::crm::objects::OPPORTUNITY;
use crate::tools::crm::standing::Weighted;
use crate::tools::crm::{standing, visibility};

/// Through whose eyes, and which deals at all.
pub struct Lens<'a> {
    pub viewer: &'a Viewer,
    pub today: Day,
    pub filters: Vec<String>,
}

impl Lens<'_> {
    /// The common filters and some more, as a link carries them.
    pub fn with(&self, more: &[String]) -> Vec<String> {
        self.filters.iter().chain(more).cloned().collect()
    }

    /// `select` over the deals of these filters, without GROUP BY.
    pub fn over(&self, session: &Session, select: Sql, more: &[String]) -> Result<Sql> {
        let query = ListQuery::of_filters(self.viewer, &OPPORTUNITY, &self.with(more))?;
        let deals = Question { viewer: self.viewer, object: &OPPORTUNITY, query: &query, today: self.today };
        deals.aggregate(session.engine(), select)
    }

    fn push_dimension(&self, select: &mut Sql, dimension: Dimension) {
        match dimension {
            Dimension::Owner => {
                select.push("t.owner_id");
            }
            Dimension::Source => {
                select.push("t.source");
            }
            Dimension::Segment => {
                select.push("(");
                standing::segment(select, self.viewer, self.today);
                select.push(")");
            }
        }
    }
}

/// Which span of days a day lies in: −1 before the first, else the index of the last that has begun.
fn bucket(column: &str, spans: &[(Day, Day)]) -> String {
    let mut text = String::from("CAST(CASE");
    for (index, (first, _)) in spans.iter().enumerate() {
        text.push_str(&format!(" WHEN {column} < {} THEN {}", first.0, index as i64 - 1));
    }
    text.push_str(&format!(" ELSE {} END AS BIGINT)", spans.len() as i64 - 1));
    if spans.is_empty() { "CAST(-1 AS BIGINT)".into() } else { text }
}

/// Open deals of one stage and one month of expected close.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OpenGroup {
    pub stage_id: Uuid,
    pub bucket: i64,
    pub count: i64,
    pub amount: i64,
    #[sqlx(flatten)]
    pub weighted: Weighted,
}

pub async fn open_by_month(session: &mut Session, lens: &Lens<'_>, months: &[(Day, Day)]) -> Result<Vec<OpenGroup>> {
    let select = format!(
        "SELECT t.stage_id, {} AS bucket, COUNT(*) AS count, {} AS amount, {}",
        bucket("t.close_day", months),
        sum(session.engine(), "t.amount_base"),
        Weighted::columns(session.engine(), "t.stage_kind = 'open'")
    );
    let mut statement = lens.over(session, Sql::new(select), &["state:is:open".into()])?;
    statement.push(" GROUP BY 1, 2");
    Ok(session.all_kept(statement).await?)
}

/// Closed deals of one month, and why they were lost.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ClosedGroup {
    pub kind: String,
    pub bucket: i64,
    pub reason: Option<String>,
    pub count: i64,
    pub amount: i64,
}

pub async fn closed_by_month(
    session: &mut Session,
    lens: &Lens<'_>,
    closed: &[String],
    months: &[(Day, Day)],
) -> Result<Vec<ClosedGroup>> {
    let select = format!(
        "SELECT t.stage_kind AS kind, {} AS bucket, CASE WHEN t.stage_kind = 'lost' THEN t.lost_reason END AS reason,
                COUNT(*) AS count, {} AS amount",
        bucket("t.closed_day", months),
        sum(session.engine(), "t.amount_base")
    );
    let mut statement = lens.over(session, Sql::new(select), closed)?;
    statement.push(" GROUP BY 1, 2, 3");
    Ok(session.all_kept(statement).await?)
}

/// Deals by how far they came.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ReachGroup {
    pub furthest: Option<Uuid>,
    pub kind: String,
    pub count: i64,
}

pub async fn reached(session: &mut Session, lens: &Lens<'_>, cohort: &[String]) -> Result<Vec<ReachGroup>> {
    let mut select = Sql::new("SELECT x.furthest, x.kind, COUNT(*) AS count FROM (SELECT ");
    standing::furthest_stage(&mut select, lens.viewer, lens.today);
    select.push(" AS furthest, t.stage_kind AS kind");
    let mut statement = lens.over(session, select, cohort)?;
    statement.push(") x GROUP BY x.furthest, x.kind");
    Ok(session.all_kept(statement).await?)
}

/// What a group of deals (a person's, a segment's, all) comes to.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub open: Sum,
    pub won: Sum,
    pub lost: Sum,
    /// Days from creation to winning: lower quartile, median, upper quartile.
    pub cycle: Option<[f64; 3]>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub count: i64,
    pub amount: i64,
}

impl std::iter::Sum for Sum {
    fn sum<I: Iterator<Item = Sum>>(parts: I) -> Sum {
        parts.fold(Sum::default(), |all, part| Sum {
            count: all.count + part.count,
            amount: all.amount.saturating_add(part.amount),
        })
    }
}

impl Outcome {
    pub fn closed(&self) -> solver::statistics::Tally {
        solver::statistics::Tally::new(self.won.count, self.won.count + self.lost.count)
    }

    pub fn average(&self) -> Option<i64> {
        // Rounded half up to the minor unit; whole numbers, as there are amounts that a float does not hold.
        (self.won.count > 0).then(|| {
            let (amount, count) = (i128::from(self.won.amount), i128::from(self.won.count));
            (2 * amount + count).div_euclid(2 * count) as i64
        })
    }

    /// Of what the closed deals are worth, the part that was won; `None` while it rests on too little.
    pub fn rate_by_amount(&self) -> Option<f64> {
        let closed = self.won.amount as f64 + self.lost.amount as f64;
        (self.closed().is_enough() && closed > 0.0).then(|| self.won.amount as f64 / closed)
    }

    /// Open deals × win rate × average won deal ÷ days of a cycle: what the pipeline brings in per day, in minor units.
    /// `None` while one of the parts rests on too little.
    pub fn velocity(&self) -> Option<f64> {
        let tally = self.closed();
        let rate = tally.rate().filter(|_| tally.is_enough())?;
        let [_, median, _] = self.cycle?;
        Some(self.open.count as f64 * rate * self.average()? as f64 / median.max(1.0))
    }
}

/// A row: so many deals of this group and kind took so many days; with the running count and the sums of group and kind.
/// Grouping before the windows keeps them small: there are far fewer lengths than deals.
fn lengths(engine: Engine) -> Sql {
    Sql::new(format!(
        "SELECT x.g, x.kind, x.total, x.amount, x.upto, x.n, x.days FROM (
    SELECT y.g, y.kind, y.days, y.n,
           CAST(SUM(y.n) OVER (PARTITION BY y.g, y.kind ORDER BY y.days) AS BIGINT) AS upto,
           CAST(SUM(y.n) OVER (PARTITION BY y.g, y.kind) AS BIGINT) AS total,
           {} AS amount
      FROM (SELECT ",
        sum_over(engine, "y.amount", "PARTITION BY y.g, y.kind")
    ))
}

/// The first row of each group carries its sums; of won deals also the rows in which the quartiles lie.
const PICKED: &str = " GROUP BY 1, 2, 3) y) x WHERE x.upto = x.n";

fn push_picked(statement: &mut Sql) {
    statement.push(PICKED);
    for quarter in 1..=3 {
        for next in 1..=2 {
            let place = format!("(x.total - 1) * {quarter} / 4 + {next}");
            statement.push(&format!(" OR (x.kind = 'won' AND x.upto >= {place} AND x.upto - x.n < {place})"));
        }
    }
}

/// Outcomes by a dimension, or (`None`) of everything under the key `Null`. Open deals are those of today, closed ones those
/// between the days.
pub async fn outcomes(
    session: &mut Session,
    lens: &Lens<'_>,
    dimension: Option<Dimension>,
    days: Option<(Day, Day)>,
) -> Result<Vec<(Cell, Outcome)>> {
    let mut select = lengths(session.engine());
    match dimension {
        Some(dimension) => lens.push_dimension(&mut select, dimension),
        None => {
            select.push("CAST(NULL AS TEXT)");
        }
    }
    select.push(&format!(
        " AS g, t.stage_kind AS kind,
                    CASE WHEN t.stage_kind = 'won' THEN COALESCE(t.closed_day - t.created_day, 0) ELSE 0 END AS days,
                    COUNT(*) AS n, {} AS amount",
        sum(session.engine(), "t.amount_base")
    ));
    let mut statement = lens.over(session, select, &[])?;
    if let Some((first, last)) = days {
        statement
            .push(" AND (t.stage_kind = 'open' OR t.closed_day BETWEEN ")
            .bind(first)
            .push(" AND ")
            .bind(last)
            .push(")");
    }
    push_picked(&mut statement);
    // group, outcome, and of won deals: up to which place which length reaches
    let mut groups: Vec<(Cell, Outcome, BTreeMap<i64, (i64, f64)>)> = Vec::new();
    for Cells(cells) in session.all_kept::<Cells>(statement).await? {
        let [group, kind, count, amount, upto, same, days] = cells.as_slice() else { continue };
        let at = match groups.iter().position(|(key, ..)| key == group) {
            Some(at) => at,
            None => {
                groups.push((group.clone(), Outcome::default(), BTreeMap::new()));
                groups.len() - 1
            }
        };
        let (_, outcome, lengths) = &mut groups[at];
        let whole = |cell: &Cell| cell.int().unwrap_or(0);
        let sum = Sum { count: whole(count), amount: whole(amount) };
        match kind.text() {
            Some("won") => {
                outcome.won = sum;
                lengths.insert(whole(upto), (whole(upto) - whole(same), whole(days) as f64));
            }
            Some("lost") => outcome.lost = sum,
            _ => outcome.open = sum,
        }
    }
    Ok(groups
        .into_iter()
        .map(|(key, mut outcome, lengths)| {
            let at = |place: i64| {
                lengths.range(place..).next().filter(|(_, (before, _))| *before < place).map(|(_, (_, days))| *days)
            };
            let part = |quarter| quantile(outcome.won.count, quarter, 4, at);
            outcome.cycle = part(1).zip(part(2)).zip(part(3)).map(|((low, middle), high)| [low, middle, high]);
            (key, outcome)
        })
        .collect())
}

/// Everybody who owns a deal that the viewer sees, in the order of names.
pub async fn owners(session: &mut Session, viewer: &Viewer) -> Result<Vec<(Uuid, String)>> {
    // A look per person: there are few of them, and many deals.
    let mut statement = Sql::new(
        "SELECT p.id, p.name FROM person p
          WHERE EXISTS (SELECT t.id FROM opportunity t WHERE t.owner_id = p.id AND t.deleted_at IS NULL AND ",
    );
    visibility::opportunity(&mut statement, &viewer.scope, Right::Read, "t");
    statement.push(") ORDER BY p.name_key, p.id");
    Ok(session.all_kept(statement).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn velocity_is_what_the_parts_say() {
        let outcome = Outcome {
            open: Sum { count: 10, amount: 0 },
            won: Sum { count: 5, amount: 50_000 },
            lost: Sum { count: 5, amount: 0 },
            cycle: Some([10.0, 20.0, 30.0]),
        };
        assert_eq!(outcome.velocity(), Some(10.0 * 0.5 * 10_000.0 / 20.0));
        assert_eq!(Outcome { lost: Sum { count: 1, amount: 0 }, ..outcome }.velocity(), None);
    }

    #[test]
    fn a_rate_by_amount_weighs_each_deal_by_what_it_is_worth() {
        let won = Sum { count: 6, amount: 100 };
        let outcome = Outcome { won, lost: Sum { count: 2, amount: 300 }, ..Outcome::default() };
        assert_eq!(outcome.rate_by_amount(), Some(0.25));
        assert_eq!(Outcome { lost: Sum { count: 1, amount: 300 }, ..outcome }.rate_by_amount(), None, "too few");
        let nothing = Sum { count: 8, amount: 0 };
        assert_eq!(Outcome { won: nothing, lost: nothing, ..Outcome::default() }.rate_by_amount(), None);
    }

    #[test]
    fn buckets_leave_no_gap() {
        let spans = [(Day(10), Day(19)), (Day(20), Day(29))];
        assert_eq!(bucket("d", &spans), "CAST(CASE WHEN d < 10 THEN -1 WHEN d < 20 THEN 0 ELSE 1 END AS BIGINT)");
        assert_eq!(bucket("d", &[]), "CAST(-1 AS BIGINT)");
    }
}
