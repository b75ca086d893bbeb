//! What the home page reads: sums by owner, deals at risk with their reasons, people, recent records, leads, the house itself.

use store::sum::sum_where;
use store::{Cell, Cells, Day, Instant, Session, Sql, Uuid, sql};

use crate::shell::access::{Level, Right};
use crate::shell::error::Result;
use crate::shell::record::Object;
use crate::shell::record::query::{ListQuery, Question};
use crate::shell::viewer::Viewer;
use crate::tools::crm::analysis::Lens;
use crate::tools::crm::objects::{ACCOUNT, CONTACT, LEAD, OPPORTUNITY, TASK};
use crate::tools::crm::standing::{self, Risk, Weighted};
use crate::tools::crm::visibility;

/// How one owner's deals stand.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct Standing {
    pub owner_id: Uuid,
    pub open_count: i64,
    pub open_amount: i64,
    #[sqlx(flatten)]
    pub weighted: Weighted,
    /// Won in the present quarter.
    pub won_count: i64,
    pub won_amount: i64,
    /// Won and closed in the last twelve months.
    pub year_won: i64,
    pub year_closed: i64,
    pub at_risk: i64,
}

/// The deals of the lens by owner: open ones of today, won ones of the quarter, closed ones since `year`.
pub async fn standings(
    session: &mut Session,
    lens: &Lens<'_>,
    quarter: (Day, Day),
    year: Day,
) -> Result<Vec<Standing>> {
    let engine = session.engine();
    let open = "t.stage_kind = 'open'";
    let won = format!("t.stage_kind = 'won' AND t.closed_day BETWEEN {} AND {}", quarter.0.0, quarter.1.0);
    let closed = format!("t.closed_day BETWEEN {} AND {}", year.0, lens.today.0);
    let mut select = Sql::new(format!(
        "SELECT t.owner_id,
                COUNT(CASE WHEN {open} THEN t.id END) AS open_count,
                {} AS open_amount,
                {},
                COUNT(CASE WHEN {won} THEN t.id END) AS won_count,
                {} AS won_amount,
                COUNT(CASE WHEN t.stage_kind = 'won' AND {closed} THEN t.id END) AS year_won,
                COUNT(CASE WHEN t.stage_kind <> 'open' AND {closed} THEN t.id END) AS year_closed,
                COUNT(CASE WHEN ",
        sum_where(engine, open, "t.amount_base"),
        Weighted::columns(engine, open),
        sum_where(engine, &won, "t.amount_base")
    ));
    standing::at_risk(&mut select, lens.viewer, lens.today);
    select.push(" THEN t.id END) AS at_risk");
    let mut statement = lens.over(session, select, &[])?;
    statement.push(&format!(
        " AND ({open} OR t.closed_day BETWEEN {} AND {}) GROUP BY t.owner_id",
        year.0.min(quarter.0.0),
        lens.today.0.max(quarter.1.0)
    ));
    Ok(session.all_kept(statement).await?)
}

/// A deal at risk, and why.
pub struct AtRisk {
    pub id: Uuid,
    pub name: String,
    pub amount: i64,
    pub currency: String,
    pub close_day: Day,
    pub stage: Uuid,
    pub since: Instant,
    pub owner: String,
    /// When the viewer may see it.
    pub account: Option<String>,
    pub risks: Vec<Risk>,
}

/// The largest deals at risk; for who may not know which are, those that should be closed first.
pub async fn at_risk(session: &mut Session, lens: &Lens<'_>, limit: i64) -> Result<Vec<AtRisk>> {
    let mut select = Sql::new(
        "SELECT t.id, t.name, t.amount, t.currency, t.close_day, t.stage_id, t.stage_since,
                (SELECT ow.name FROM person ow WHERE ow.id = t.owner_id),
                (SELECT sa.name FROM account sa WHERE sa.id = t.account_id AND sa.deleted_at IS NULL AND ",
    );
    visibility::account(&mut select, &lens.viewer.scope, Right::Read, "sa");
    select.push(")");
    for risk in Risk::ALL {
        select.push(", CAST(CASE WHEN ");
        risk.push(&mut select, lens.viewer, lens.today);
        select.push(" THEN 1 ELSE 0 END AS BIGINT)");
    }
    let mut statement = lens.over(session, select, &["at_risk:is:true".into()])?;
    let order = if lens.viewer.sees(&OPPORTUNITY, "amount_base") { "t.amount_base DESC" } else { "t.close_day" };
    statement.push(&format!(" ORDER BY {order}, t.id LIMIT ")).bind(limit);
    let rows = session.all_kept::<Cells>(statement).await?;
    Ok(rows
        .into_iter()
        .map(|Cells(cells)| AtRisk {
            id: cells[0].id().unwrap_or_default(),
            name: cells[1].text().unwrap_or("").to_owned(),
            amount: cells[2].int().unwrap_or(0),
            currency: cells[3].text().unwrap_or("").to_owned(),
            close_day: Day(cells[4].int().unwrap_or(0)),
            stage: cells[5].id().unwrap_or_default(),
            since: Instant(cells[6].int().unwrap_or(0)),
            owner: cells[7].text().unwrap_or("").to_owned(),
            account: cells[8].text().map(str::to_owned),
            risks: Risk::ALL
                .into_iter()
                .zip(&cells[9..])
                .filter(|(_, cell)| **cell == Cell::Int(1))
                .map(|(risk, _)| risk)
                .collect(),
        })
        .collect())
}

/// Open tasks that are late, by owner.
pub async fn late_tasks(session: &mut Session, viewer: &Viewer, today: Day) -> Result<Vec<(Uuid, i64)>> {
    let filters = ["status:is:open".to_owned(), "due_date:within:overdue".to_owned()];
    let query = ListQuery::of_filters(viewer, &TASK, &filters)?;
    let late = Question { viewer, object: &TASK, query: &query, today };
    let mut statement = late.aggregate(session.engine(), "SELECT t.owner_id, COUNT(*)")?;
    statement.push(" GROUP BY t.owner_id");
    Ok(session.all(statement).await?)
}

/// Somebody who sells, and when they last did something the viewer may see.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Colleague {
    pub id: Uuid,
    pub name: String,
    pub last_activity: Option<i64>,
}

/// Active sellers and managers, of the viewer's team or everybody, in the order of their names. All of them: who is shown is
/// decided by figures that this statement does not know.
pub async fn colleagues(session: &mut Session, viewer: &Viewer, team: bool) -> Result<Vec<Colleague>> {
    let mut statement = Sql::new("SELECT p.id, p.name, ");
    if viewer.scope.level("activity", Right::Read) == Level::None {
        statement.push("CAST(NULL AS BIGINT)");
    } else {
        statement
            .push("(SELECT MAX(a.happened_at) FROM activity a WHERE a.owner_id = p.id AND a.deleted_at IS NULL AND ");
        visibility::activity(&mut statement, &viewer.scope.of_whole_sets(), Right::Read, "a");
        statement.push(&format!(" AND a.happened_at < {})", standing::ahead(viewer.now).0));
    }
    statement.push(
        " AS last_activity FROM person p WHERE p.state = 'active' AND p.deleted_at IS NULL
            AND p.id IN (SELECT r.person_id FROM person_role r WHERE r.role IN ('seller', 'manager'))",
    );
    if team {
        statement
            .push(" AND p.id IN (SELECT b.person_id FROM person_below b WHERE b.manager_id = ")
            .bind(viewer.person)
            .push(")");
    }
    statement.push(" ORDER BY p.name_key, p.id");
    Ok(session.all_kept(statement).await?)
}

/// A record of the viewer's own.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Recent {
    pub object: String,
    pub id: Uuid,
    pub name: String,
    pub updated_at: Instant,
}

/// What the viewer owns, the last changed first.
pub async fn recent(session: &mut Session, viewer: &Viewer, limit: i64) -> Result<Vec<Recent>> {
    const OBJECTS: [&Object; 4] = [&OPPORTUNITY, &ACCOUNT, &CONTACT, &LEAD];
    let mut statement = Sql::default();
    for object in OBJECTS.iter().filter(|object| viewer.scope.level(object.name, Right::Read) > Level::None) {
        statement.push(if statement.text.is_empty() { "" } else { " UNION ALL " });
        statement.push(&format!(
            "SELECT * FROM (SELECT CAST('{}' AS TEXT) AS object, t.id, t.name, t.updated_at FROM {} t
               WHERE t.deleted_at IS NULL AND t.owner_id = ",
            object.name, object.table
        ));
        statement.bind(viewer.person).push(" AND ");
        (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
        statement.push(" ORDER BY t.updated_at DESC, t.id DESC LIMIT ").bind(limit);
        statement.push(&format!(") {}_rows", object.table));
    }
    if statement.text.is_empty() {
        return Ok(Vec::new());
    }
    statement.push(" ORDER BY updated_at DESC, id DESC LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

/// Leads of one source and status.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LeadGroup {
    pub source: Option<String>,
    pub status: String,
    pub count: i64,
}

pub async fn leads(session: &mut Session, viewer: &Viewer, created: &[String], today: Day) -> Result<Vec<LeadGroup>> {
    let query = ListQuery::of_filters(viewer, &LEAD, created)?;
    let leads = Question { viewer, object: &LEAD, query: &query, today };
    let mut statement = leads.aggregate(session.engine(), "SELECT t.source, t.status, COUNT(*) AS count")?;
    statement.push(" GROUP BY t.source, t.status");
    Ok(session.all(statement).await?)
}

/// How far the house is furnished. Only whether something is there: the administrator has no right to content.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct House {
    pub active: i64,
    pub invited: i64,
    pub disabled: i64,
    pub accounts: i64,
    pub opportunities: i64,
    pub pipeline_changes: i64,
    pub jobs_running: i64,
    pub jobs_failed: i64,
}

const HOUSE: &str = "
    SELECT (SELECT COUNT(*) FROM person WHERE state = 'active' AND deleted_at IS NULL) AS active,
           (SELECT COUNT(*) FROM person WHERE state = 'invited' AND deleted_at IS NULL) AS invited,
           (SELECT COUNT(*) FROM person WHERE state = 'disabled' AND deleted_at IS NULL) AS disabled,
           (SELECT COUNT(*) FROM (SELECT id FROM account LIMIT 1) a) AS accounts,
           (SELECT COUNT(*) FROM (SELECT id FROM opportunity LIMIT 1) o) AS opportunities,
           (SELECT COUNT(*) FROM stage WHERE version > 1 OR deleted_at IS NOT NULL)
             + (SELECT COUNT(*) FROM pipeline WHERE position > 0 OR version > 1) AS pipeline_changes,
           (SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running')) AS jobs_running,
           (SELECT COUNT(*) FROM job WHERE state = 'failed' AND created_at >= $1) AS jobs_failed";

pub async fn house(session: &mut Session, since: Instant) -> Result<House> {
    Ok(session.one(sql!(HOUSE, since)).await?)
}
