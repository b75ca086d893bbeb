//! The first start: one organisation with its fiscal calendar, access rules and a pipeline, in one transaction.

pub mod page;

use std::collections::HashSet;

use store::{Clock, Day, Tx, Uuid, new_id, sql};

use super::history::{By, note};
use super::people;
use crate::shell::access::{Access, Level, Role};
use crate::shell::app::App;
use crate::shell::calendar::{Calendar, store_periods};
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;

#[derive(Debug, Clone)]
pub struct Organization {
    pub name: String,
    pub locale: Locale,
    pub base_currency: String,
    pub zone: String,
    pub fiscal_start_month: i8,
    pub calendar: Calendar,
}

/// The first person of a house; nobody is there yet to add them.
pub struct First<'a> {
    pub name: &'a str,
    pub email: &'a str,
    pub password: &'a str,
    pub roles: &'a [Role],
}

/// Founds the house: organisation and first person, all or nothing. Returns who the first person is.
pub async fn found(app: &App, organization: &Organization, first: &First<'_>, by: By) -> Result<Uuid> {
    let password = first.password.to_owned();
    let hash = people::beside(move || people::hash_password(&password)).await??;
    let mut tx = app.db.write().await?;
    create(&mut tx, &app.clock, organization).await?;
    let person = people::create_first(&mut tx, app, first.name, first.email, &hash, first.roles).await?;
    let zone = jiff::tz::TimeZone::get(&organization.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    rebuild_team(&mut tx, app.clock.now().day_in(&zone)).await?;
    note(&mut tx, &app.clock, by, "created", ("settings", Uuid::nil()), 1, &[]).await?;
    note(&mut tx, &app.clock, by, "created", ("person", person), 1, &[]).await?;
    people::command::note_first_roles(&mut tx, &app.clock, by, person, first.roles).await?;
    tx.commit().await?;
    Ok(person)
}

/// Whether an organisation exists already.
pub async fn is_done(session: &mut store::Session) -> Result<bool> {
    Ok(session.value::<i64>("SELECT COUNT(*) FROM organization").await?.unwrap_or(0) > 0)
}

/// Writes the organisation with what it needs to work.
pub async fn create(tx: &mut Tx, clock: &Clock, organization: &Organization) -> Result<()> {
    if is_done(tx).await? {
        return Err(Error::Refused { status: 409, key: "error-already-set-up" });
    }
    tx.execute(sql!(
        "INSERT INTO organization (id, version, name, base_currency, fiscal_start_month, fiscal_calendar, locale, zone, config_version, lines_as_of, words_edition)
         VALUES (1, 1, $1, $2, $3, $4, $5, $6, 1, 0, $7)",
        &organization.name,
        &organization.base_currency,
        i64::from(organization.fiscal_start_month),
        organization.calendar.key(),
        organization.locale.tag(),
        &organization.zone,
        store::search::EDITION
    ))
    .await
    // Two people at two servers: the second is told so.
    .map_err(|error| {
        if error.is_unique_violation() {
            Error::Refused { status: 409, key: "error-already-set-up" }
        } else {
            error.into()
        }
    })?;
    store_periods(tx, organization.calendar, organization.fiscal_start_month).await?;
    for (role, object, access) in default_rules() {
        tx.execute(sql!(
            "INSERT INTO access_rule (role, object, read_level, write_level, may_create, may_export) VALUES ($1, $2, $3, $4, $5, $6)",
            role.key(),
            object,
            access.read.key(),
            access.write.key(),
            access.create,
            access.export
        ))
        .await?;
    }
    for field in ["email", "mobile", "phone", "wechat"] {
        tx.execute(sql!("INSERT INTO hidden_field (object, field, role) VALUES ('contact', $1, 'liaison')", field))
            .await?;
    }
    let name = if organization.locale == Locale::Zh { "销售" } else { "Sales" };
    create_pipeline(tx, clock, organization.locale, name, 0).await?;
    Ok(())
}

/// Everything that changes settings ends with this, in its transaction: servers then read them anew.
pub async fn settings_changed(tx: &mut Tx) -> Result<()> {
    tx.execute("UPDATE organization SET config_version = config_version + 1 WHERE id = 1").await?;
    Ok(())
}

/// Who may do what on the first day. The administrator keeps the house and has no right to content.
pub fn default_rules() -> Vec<(Role, &'static str, Access)> {
    use Level::{All, None, Own, Team};
    const CUSTOMER: [&str; 4] = ["account", "contact", "opportunity", "lead"];
    let rule = |read, write, create, export| Access { read, write, create, export };
    let mut rules = Vec::new();
    for object in CUSTOMER {
        rules.push((Role::Partner, object, rule(All, All, true, true)));
        rules.push((Role::Manager, object, rule(Team, Team, true, true)));
        rules.push((Role::Seller, object, rule(Own, Own, true, false)));
        rules.push((Role::Auditor, object, rule(All, None, false, true)));
        let marketing = if object == "lead" { rule(All, All, true, true) } else { rule(All, None, false, false) };
        rules.push((Role::Marketing, object, marketing));
        if object != "lead" {
            rules.push((Role::Liaison, object, rule(All, None, false, false)));
        }
    }
    for object in ["activity", "task"] {
        rules.push((Role::Partner, object, rule(All, All, true, true)));
        rules.push((Role::Manager, object, rule(Team, Team, true, true)));
        rules.push((Role::Seller, object, rule(Own, Own, true, false)));
        rules.push((Role::Marketing, object, rule(Own, Own, true, false)));
        rules.push((Role::Liaison, object, rule(Own, Own, true, false)));
        rules.push((Role::Auditor, object, rule(All, None, false, true)));
        if object == "task" {
            rules.push((Role::Hr, object, rule(Own, Own, true, false)));
        }
    }
    for role in Role::ALL {
        let keeps_products = matches!(role, Role::Partner | Role::Marketing);
        if !matches!(role, Role::Hr | Role::Admin) {
            rules.push((role, "product", rule(All, if keeps_products { All } else { None }, keeps_products, true)));
        }
        let keeps_people = role == Role::Admin;
        rules.push((
            role,
            "person",
            rule(All, if keeps_people { All } else { None }, keeps_people, matches!(role, Role::Hr | Role::Admin)),
        ));
    }
    rules
}

struct FirstStage {
    english: &'static str,
    chinese: &'static str,
    kind: &'static str,
    probability: i64,
    expected_days: Option<i64>,
    /// English, Chinese, required, the field that shows it
    criteria: &'static [(&'static str, &'static str, bool, Option<&'static str>)],
}

/// The pipeline of the first day; an administrator changes it under settings.
const FIRST_STAGES: [FirstStage; 6] = [
    FirstStage {
        english: "Prospecting",
        chinese: "初步接触",
        kind: "open",
        probability: 10,
        expected_days: Some(21),
        criteria: &[("Customer is named", "已明确客户", true, Some("account"))],
    },
    FirstStage {
        english: "Engaging",
        chinese: "需求确认",
        kind: "open",
        probability: 30,
        expected_days: Some(45),
        criteria: &[
            ("Buyer has confirmed the need in their own words", "客户已用自己的话确认需求", true, None),
            ("Decision maker has been met", "已与决策人见面", false, None),
        ],
    },
    FirstStage {
        english: "Proposal",
        chinese: "方案报价",
        kind: "open",
        probability: 55,
        expected_days: Some(30),
        criteria: &[
            ("Buyer has accepted the proposal as a basis", "客户认可方案作为谈判基础", true, None),
            ("Next step with a date is agreed", "已约定下一步及日期", true, Some("next_step_date")),
        ],
    },
    FirstStage {
        english: "Negotiation",
        chinese: "商务谈判",
        kind: "open",
        probability: 75,
        expected_days: Some(21),
        criteria: &[("Order or signed contract is at hand", "已收到订单或签署的合同", true, None)],
    },
    FirstStage { english: "Won", chinese: "赢单", kind: "won", probability: 100, expected_days: None, criteria: &[] },
    FirstStage { english: "Lost", chinese: "输单", kind: "lost", probability: 0, expected_days: None, criteria: &[] },
];

/// A pipeline with the usual stages.
pub async fn create_pipeline(tx: &mut Tx, clock: &Clock, locale: Locale, name: &str, position: i64) -> Result<Uuid> {
    let say = |english: &'static str, chinese: &'static str| if locale == Locale::Zh { chinese } else { english };
    let pipeline = new_id(clock);
    tx.execute(sql!(
        "INSERT INTO pipeline (id, version, name, position) VALUES ($1, 1, $2, $3)",
        pipeline,
        name,
        position
    ))
    .await?;
    for (position, stage) in FIRST_STAGES.iter().enumerate() {
        let id = new_id(clock);
        tx.execute(sql!(
            "INSERT INTO stage (id, version, pipeline_id, name, position, kind, probability, expected_days) VALUES ($1, 1, $2, $3, $4, $5, $6, $7)",
            id,
            pipeline,
            say(stage.english, stage.chinese),
            position,
            stage.kind,
            stage.probability,
            stage.expected_days
        ))
        .await?;
        for (position, (english, chinese, required, field)) in stage.criteria.iter().enumerate() {
            tx.execute(sql!(
                "INSERT INTO criterion (id, stage_id, position, name, required, field) VALUES ($1, $2, $3, $4, $5, $6)",
                new_id(clock),
                id,
                position,
                say(english, chinese),
                *required,
                *field
            ))
            .await?;
        }
    }
    Ok(pipeline)
}

/// Works `person_below` out for a day from the reporting lines in force on it. Everybody is below themselves.
pub async fn rebuild_team(tx: &mut Tx, day: Day) -> Result<()> {
    const BELOW: &str = "
        WITH RECURSIVE
          -- a row: this person reports to that manager on the day
          line (person_id, manager_id) AS (
              SELECT person_id, manager_id FROM reporting_line WHERE from_day <= $1 AND (to_day IS NULL OR to_day >= $1)),
          -- a row: this person is somewhere below that manager; UNION ends even a circle
          below (manager_id, person_id) AS (
              SELECT id, id FROM person
              UNION
              SELECT b.manager_id, l.person_id FROM below b JOIN line l ON l.manager_id = b.person_id)
        INSERT INTO person_below (manager_id, person_id) SELECT manager_id, person_id FROM below";
    tx.execute("DELETE FROM person_below").await?;
    // SQLite wants the WITH after INSERT, PostgreSQL takes both.
    let (with, insert) = BELOW.split_once("INSERT INTO").expect("the statement has both parts");
    let (into, select) = insert.split_once(") SELECT").expect("the statement has both parts");
    tx.execute(sql!(format!("INSERT INTO{into}) {with} SELECT{select}"), day)).await?;
    tx.execute(sql!("UPDATE organization SET lines_as_of = $1 WHERE id = 1", day)).await?;
    Ok(())
}

/// Turns the house over when a new day has begun: reporting lines and exchange rates that start today come into force.
/// Called by the job loop.
pub async fn turn_day(tx: &mut Tx, today: Day) -> Result<()> {
    let as_of: Option<i64> = tx.value("SELECT lines_as_of FROM organization WHERE id = 1 /*for update*/").await?;
    if let Some(as_of) = as_of.filter(|as_of| *as_of != today.0) {
        super::settings::rates::revalue_due(tx, Day(as_of), today).await?;
        rebuild_team(tx, today).await?;
    }
    Ok(())
}

/// Reports to `manager` from `from` on; an earlier line ends the day before. `None`: to nobody.
pub async fn set_manager(
    tx: &mut Tx,
    clock: &Clock,
    person: Uuid,
    manager: Option<Uuid>,
    from: Day,
    today: Day,
) -> Result<()> {
    write_line(tx, clock, person, manager, from).await?;
    rebuild_team(tx, today).await
}

/// [`set_manager`] for several people one after the other: whoever calls it lets [`rebuild_team`] follow.
pub async fn write_line(tx: &mut Tx, clock: &Clock, person: Uuid, manager: Option<Uuid>, from: Day) -> Result<()> {
    if let Some(manager) = manager
        && makes_circle(tx, person, manager, from).await?
    {
        return Err(Error::field("manager", "invalid-manager-circle"));
    }
    tx.execute(sql!("DELETE FROM reporting_line WHERE person_id = $1 AND from_day >= $2", person, from)).await?;
    tx.execute(sql!(
        "UPDATE reporting_line SET to_day = $2 WHERE person_id = $1 AND (to_day IS NULL OR to_day >= $3)",
        person,
        from.plus(-1),
        from
    ))
    .await?;
    if let Some(manager) = manager {
        tx.execute(sql!(
            "INSERT INTO reporting_line (id, person_id, manager_id, from_day) VALUES ($1, $2, $3, $4)",
            new_id(clock),
            person,
            manager,
            from
        ))
        .await?;
    }
    Ok(())
}

/// Whether `manager`, on any day from `from` on, would report to `person`. Goes up line by line and keeps to the days
/// on which the whole chain is in force, so that lines which begin next quarter count as well as today's.
async fn makes_circle(tx: &mut Tx, person: Uuid, manager: Uuid, from: Day) -> Result<bool> {
    const ABOVE: &str = "
        SELECT manager_id, from_day, to_day FROM reporting_line
         WHERE person_id = $1 AND from_day <= $3 AND (to_day IS NULL OR to_day >= $2)";
    let mut waiting = vec![(manager, from.0, i64::MAX)];
    let mut seen = HashSet::new();
    while let Some((who, first, last)) = waiting.pop() {
        if who == person {
            return Ok(true);
        }
        if !seen.insert((who, first, last)) {
            continue;
        }
        let above: Vec<(Uuid, i64, Option<i64>)> = tx.all(sql!(ABOVE, who, first, last)).await?;
        waiting.extend(
            above.into_iter().map(|(up, begins, ends)| (up, first.max(begins), last.min(ends.unwrap_or(i64::MAX)))),
        );
    }
    Ok(false)
}
