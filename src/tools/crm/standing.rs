//! How a deal stands, worked out from other rows: its segment, how far it came, whether it is at risk. Lists filter by these
//! and the analysis groups by the same expressions, so that a bar and the list behind it can't disagree.

use store::sum::sum_where;
use store::{Day, Engine, Instant, Sql};

use super::objects::{ACTIVITY, OPPORTUNITY, TASK};
use super::visibility;
use crate::shell::access::{Level, Right};
use crate::shell::viewer::Viewer;

/// Nothing happened on the deal for this many days: it is quiet.
pub const QUIET_DAYS: i64 = 30;
/// A deal is stuck when it has been in its stage for half as long again as the stage expects.
const STUCK_HALVES: i64 = 3;

/// The industry of the account, when the viewer may see the account.
pub fn segment(statement: &mut Sql, viewer: &Viewer, _: Day) {
    statement.push("SELECT sa.industry FROM account sa WHERE sa.id = t.account_id AND sa.deleted_at IS NULL AND ");
    visibility::account(statement, &viewer.scope.of_whole_sets(), Right::Read, "sa");
}

/// The furthest stage the deal was ever in: the won one for a won deal, else the last open one of its history. A deal
/// that went back, or was lost, keeps how far it came. One that came from another pipeline only to be closed was at the front of
/// this one. A removed stage counts as the one that stood before it; a move that was taken back counts nowhere.
pub fn furthest_stage(statement: &mut Sql, _: &Viewer, _: Day) {
    statement.push(
        "CASE WHEN t.stage_kind = 'won' THEN t.stage_id ELSE COALESCE(
            (SELECT COALESCE(fs.counts_as_id, fs.id) FROM stage_change fc JOIN stage fs ON fs.id = fc.to_stage_id
              WHERE fc.opportunity_id = t.id AND fc.taken_back_at IS NULL AND fs.kind = 'open' AND fs.pipeline_id = t.pipeline_id
              ORDER BY fs.position DESC LIMIT 1),
            CASE WHEN t.stage_kind = 'open' THEN t.stage_id END,
            (SELECT ff.id FROM stage ff WHERE ff.pipeline_id = t.pipeline_id AND ff.kind = 'open' AND ff.deleted_at IS NULL
              ORDER BY ff.position LIMIT 1)) END",
    );
}

/// The furthest stage of a deal that is still open: whether it gets further is not known yet.
pub fn waiting_stage(statement: &mut Sql, viewer: &Viewer, today: Day) {
    statement.push("CASE WHEN t.stage_kind = 'open' THEN ");
    furthest_stage(statement, viewer, today);
    statement.push(" END");
}

/// Amounts times their probability, added up exactly and rounded once, when they are shown: the board, the analysis and the
/// home page agree to the cent however they group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Weighted {
    /// Whole hundreds of minor units times percent: the product of the largest amounts does not overflow.
    weighted_whole: i64,
    /// What is left of them, in hundredths of a minor unit.
    weighted_rest: i64,
}

impl Weighted {
    /// The two columns of the sum over the deals `t` that meet a condition.
    pub fn columns(engine: Engine, condition: &str) -> String {
        let whole = sum_where(engine, condition, "t.amount_base / 100 * t.probability");
        // What is left of each deal is less than 10,000: it always fits.
        let rest = format!("SUM(CASE WHEN {condition} THEN t.amount_base % 100 * t.probability END)");
        format!("{whole} AS weighted_whole, CAST(COALESCE({rest}, 0) AS BIGINT) AS weighted_rest")
    }

    pub fn new(whole: i64, rest: i64) -> Weighted {
        Weighted { weighted_whole: whole, weighted_rest: rest }
    }

    /// In minor units, rounded half up.
    pub fn minor(self) -> i64 {
        self.weighted_whole.saturating_add((self.weighted_rest + 50).div_euclid(100))
    }
}

impl std::iter::Sum for Weighted {
    fn sum<I: Iterator<Item = Weighted>>(parts: I) -> Weighted {
        parts.fold(Weighted::default(), |sum, part| {
            let whole = sum.weighted_whole.saturating_add(part.weighted_whole);
            Weighted::new(whole, sum.weighted_rest + part.weighted_rest)
        })
    }
}

/// Whether the viewer may know what was said and planned on a deal that they see: who sees the deal sees its activities.
fn reads_activities(viewer: &Viewer) -> bool {
    viewer.scope.level("activity", Right::Read) > Level::None && viewer.sees(&ACTIVITY, "opportunity")
}

/// What is planned lies ahead from this moment on; what lies before it has happened. It goes by five minutes: figures are kept for
/// as long as their question is the same (decision 0011).
pub fn ahead(now: Instant) -> Instant {
    const STEP: i64 = 300_000_000;
    Instant((now.0 / STEP + 1) * STEP)
}

/// Appends the day on which the next open task of the deal `t` is due, of those that the viewer may see.
pub fn push_next_task(statement: &mut Sql, viewer: &Viewer) {
    statement.push(
        "(SELECT MIN(k.due_day) FROM task k WHERE k.opportunity_id = t.id AND k.status = 'open' AND k.deleted_at IS NULL AND ",
    );
    if !viewer.sees(&TASK, "opportunity") {
        statement.push("FALSE AND ");
    }
    visibility::task(statement, &viewer.scope, Right::Read, "k");
    statement.push(")");
}

/// Appends when the next call, meeting or visit that is planned with the deal `t` begins.
pub fn push_next_activity(statement: &mut Sql, viewer: &Viewer) {
    statement.push(&format!(
        "(SELECT MIN(ka.happened_at) FROM activity ka
           WHERE ka.opportunity_id = t.id AND ka.deleted_at IS NULL AND ka.happened_at >= {}",
        ahead(viewer.now).0
    ));
    statement.push(if reads_activities(viewer) { ")" } else { " AND FALSE)" });
}

/// Appends "nothing is to happen next with the deal `t`": no step is written down, no task is due, nothing is planned. Cards, record
/// pages and lists of deals at risk say it of the same deals; of the step only to who may read it.
pub fn push_nothing_next(statement: &mut Sql, viewer: &Viewer) {
    if !viewer.sees(&OPPORTUNITY, "next_step") {
        statement.push("FALSE");
        return;
    }
    statement.push("((t.next_step IS NULL OR t.next_step = '') AND ");
    push_next_task(statement, viewer);
    statement.push(" IS NULL AND ");
    push_next_activity(statement, viewer);
    statement.push(" IS NULL)");
}

pub const RISK_READS: &[(&str, &str)] =
    &[("opportunity", "close_date"), ("opportunity", "next_step"), ("opportunity", "stage")];

/// Why a deal is at risk, in the order in which it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Risk {
    /// The expected close date has passed.
    Overdue,
    /// No step written down, no task, nothing planned.
    NoNextStep,
    /// Much longer in its stage than the stage expects.
    Stuck,
    /// Nothing happened for [`QUIET_DAYS`].
    Quiet,
}

impl Risk {
    pub const ALL: [Risk; 4] = [Risk::Overdue, Risk::NoNextStep, Risk::Stuck, Risk::Quiet];

    pub fn key(self) -> &'static str {
        match self {
            Risk::Overdue => "overdue",
            Risk::NoNextStep => "no-next-step",
            Risk::Stuck => "stuck",
            Risk::Quiet => "quiet",
        }
    }

    /// Appends the condition on the open deal `t`.
    pub fn push(self, statement: &mut Sql, viewer: &Viewer, today: Day) {
        let start = |day: Day| Instant::start_of(day, &viewer.config.zone).0;
        match self {
            Risk::Overdue => statement.push(&format!("t.close_day < {}", today.0)),
            Risk::NoNextStep => {
                push_nothing_next(statement, viewer);
                statement
            }
            Risk::Stuck => statement.push(&format!(
                "EXISTS (SELECT rs.id FROM stage rs WHERE rs.id = t.stage_id AND rs.expected_days IS NOT NULL
                    AND t.stage_since + rs.expected_days * {} < {})",
                STUCK_HALVES * 43_200_000_000,
                start(today)
            )),
            // Who may not read activities is not told that there are none.
            Risk::Quiet if !reads_activities(viewer) => statement.push("FALSE"),
            Risk::Quiet => statement.push(&format!(
                "(t.created_day <= {} AND NOT EXISTS (SELECT rv.id FROM activity rv
                    WHERE rv.opportunity_id = t.id AND rv.deleted_at IS NULL
                      AND rv.happened_at >= {} AND rv.happened_at < {}))",
                today.0 - QUIET_DAYS,
                start(today.plus(-QUIET_DAYS)),
                ahead(viewer.now).0
            )),
        };
    }
}

/// An open deal whose close date has passed, or with two other signs of [`Risk`]: one alone (no next step, a month
/// without an entry) is true of every other deal and would bury those that need somebody.
pub fn at_risk(statement: &mut Sql, viewer: &Viewer, today: Day) {
    statement.push("t.stage_kind = 'open' AND (");
    Risk::Overdue.push(statement, viewer, today);
    statement.push(" OR ");
    for (index, risk) in Risk::ALL.into_iter().filter(|risk| *risk != Risk::Overdue).enumerate() {
        statement.push(if index > 0 { " + CASE WHEN " } else { "CASE WHEN " });
        risk.push(statement, viewer, today);
        statement.push(" THEN 1 ELSE 0 END");
    }
    statement.push(" >= 2)");
}
