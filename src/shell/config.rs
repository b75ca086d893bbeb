//! The organisation's settings, read once and kept until `config_version` in the database grows. The version comes
//! with every session look-up, so a change made on one server is in force on every server's next request.

use std::collections::{BTreeMap, HashMap};

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use store::{Day, Instant, Session, Uuid};

use super::access::{Access, Level, Role, Rules};
use super::error::Result;
use super::format::decimals;
use super::i18n::Locale;

#[derive(Debug, Clone)]
pub struct Config {
    pub version: i64,
    pub name: String,
    pub base_currency: String,
    pub fiscal_start_month: i8,
    pub fiscal_calendar: String,
    pub locale: Locale,
    pub zone: jiff::tz::TimeZone,
    pub rules: Rules,
    /// currency → (from day → units of base currency for one unit)
    rates: HashMap<String, BTreeMap<i64, Decimal>>,
    pub pipelines: Vec<Pipeline>,
    /// By currency, the newest first; also those that were removed, which deals may still name.
    pub price_lists: Vec<PriceList>,
}

/// What products cost in a currency, from a day to a day.
#[derive(Debug, Clone)]
pub struct PriceList {
    pub id: Uuid,
    pub name: String,
    pub currency: String,
    pub from: Option<Day>,
    pub to: Option<Day>,
    pub is_removed: bool,
}

impl PriceList {
    pub fn is_in_force(&self, day: Day) -> bool {
        !self.is_removed && self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| to >= day)
    }
}

#[derive(Debug, Clone)]
pub struct Pipeline {
    pub id: Uuid,
    pub name: String,
    pub stages: Vec<Stage>,
}

impl Pipeline {
    /// Where deals begin.
    pub fn first_stage(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.kind == StageKind::Open)
    }

    /// The open stages that a deal leaves behind when it goes to `target` from this position; from the front without one.
    /// Nothing has to be shown for a deal that is lost.
    pub fn left_behind(&self, from: Option<i64>, target: &Stage) -> impl Iterator<Item = &Stage> {
        let (kind, position) = (target.kind, target.position);
        let is_left = move |stage: &&Stage| {
            stage.kind == StageKind::Open
                && from.is_none_or(|from| stage.position >= from)
                && match kind {
                    StageKind::Open => stage.position < position,
                    StageKind::Won => true,
                    StageKind::Lost => false,
                }
        };
        self.stages.iter().filter(is_left)
    }

    /// Whether a deal that begins in this stage has to show something, or say why it begins there.
    pub fn asks_before(&self, stage: &Stage) -> bool {
        self.left_behind(None, stage).flat_map(|stage| &stage.criteria).any(|criterion| criterion.required)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageKind {
    Open,
    Won,
    Lost,
}

impl StageKind {
    pub fn key(self) -> &'static str {
        match self {
            StageKind::Open => "open",
            StageKind::Won => "won",
            StageKind::Lost => "lost",
        }
    }
    pub fn parse(text: &str) -> StageKind {
        match text {
            "won" => StageKind::Won,
            "lost" => StageKind::Lost,
            _ => StageKind::Open,
        }
    }
}

/// A step of a pipeline. The name is free, the meaning (`kind`) is fixed.
#[derive(Debug, Clone)]
pub struct Stage {
    pub id: Uuid,
    pub pipeline: Uuid,
    pub name: String,
    pub position: i64,
    pub kind: StageKind,
    pub probability: i64,
    pub expected_days: Option<i64>,
    pub criteria: Vec<Criterion>,
}

/// Exit criterion: what must be shown before a deal may go on from this stage.
#[derive(Debug, Clone)]
pub struct Criterion {
    pub id: Uuid,
    pub name: String,
    pub required: bool,
    /// A field that must be filled; `None`: a statement that needs evidence in words.
    pub field: Option<String>,
}

#[derive(sqlx::FromRow)]
struct OrganizationRow {
    name: String,
    base_currency: String,
    fiscal_start_month: i64,
    fiscal_calendar: String,
    locale: String,
    zone: String,
    config_version: i64,
}

impl Config {
    /// `None`: the database has no organisation yet.
    pub async fn load(session: &mut Session) -> Result<Option<Config>> {
        let Some(row) = session
            .optional::<OrganizationRow>(
                "SELECT name, base_currency, fiscal_start_month, fiscal_calendar, locale, zone, config_version FROM organization WHERE id = 1",
            )
            .await?
        else {
            return Ok(None);
        };
        Ok(Some(Config {
            version: row.config_version,
            name: row.name,
            base_currency: row.base_currency,
            fiscal_start_month: row.fiscal_start_month as i8,
            fiscal_calendar: row.fiscal_calendar,
            locale: Locale::parse(&row.locale).unwrap_or_default(),
            zone: jiff::tz::TimeZone::get(&row.zone).unwrap_or(jiff::tz::TimeZone::UTC),
            rules: load_rules(session).await?,
            rates: load_rates(session).await?,
            pipelines: load_pipelines(session).await?,
            price_lists: load_price_lists(session).await?,
        }))
    }

    pub fn today(&self, now: Instant) -> Day {
        now.day_in(&self.zone)
    }

    /// Converts to the base currency at the rate in force on a day; rounds half away from zero, once.
    ///
    /// `None`: no rate is known for that currency on that day.
    pub fn to_base(&self, minor: i64, currency: &str, day: Day) -> Option<i64> {
        if currency == self.base_currency {
            return Some(minor);
        }
        let (_, rate) = self.rate(currency, day)?;
        convert(minor, currency, &self.base_currency, rate)
    }

    /// The rate in force on a day and the day it dates from.
    pub fn rate(&self, currency: &str, day: Day) -> Option<(Day, Decimal)> {
        self.rates.get(currency)?.range(..=day.0).next_back().map(|(day, rate)| (Day(*day), *rate))
    }

    /// What one minor unit of a currency is worth in minor units of the base currency.
    pub fn minor_rate(&self, currency: &str, day: Day) -> Option<Decimal> {
        let (_, rate) = self.rate(currency, day)?;
        let (from, to) = (10u64.pow(decimals(currency)), 10u64.pow(decimals(&self.base_currency)));
        rate.checked_mul(Decimal::from(to))?.checked_div(Decimal::from(from))
    }

    pub fn currencies(&self) -> Vec<String> {
        let mut known: Vec<String> = self.rates.keys().cloned().collect();
        known.push(self.base_currency.clone());
        known.sort();
        known.dedup();
        known
    }

    pub fn stage(&self, id: Uuid) -> Option<&Stage> {
        self.pipelines.iter().flat_map(|pipeline| &pipeline.stages).find(|stage| stage.id == id)
    }

    pub fn pipeline(&self, id: Uuid) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }

    pub fn price_list(&self, id: Uuid) -> Option<&PriceList> {
        self.price_lists.iter().find(|list| list.id == id)
    }

    /// What a stage, pipeline or price list is called, by the target of a reference.
    pub fn name_of(&self, target: &str, id: Uuid) -> Option<&str> {
        match target {
            "stage" => self.stage(id).map(|stage| stage.name.as_str()),
            "pipeline" => self.pipeline(id).map(|pipeline| pipeline.name.as_str()),
            "price_list" => self.price_list(id).map(|list| list.name.as_str()),
            _ => None,
        }
    }
}

/// An amount in another currency, rounded half away from zero, once. `None`: it does not fit.
pub fn convert(minor: i64, from: &str, to: &str, rate: Decimal) -> Option<i64> {
    let whole = Decimal::from_i128_with_scale(i128::from(minor), decimals(from)).checked_mul(rate)?;
    let scaled = whole.checked_mul(Decimal::from(10u64.pow(decimals(to))))?;
    scaled.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero).to_i64()
}

async fn load_rules(session: &mut Session) -> Result<Rules> {
    let mut rules = Rules::default();
    let rows: Vec<(String, String, String, String, bool, bool)> =
        session.all("SELECT role, object, read_level, write_level, may_create, may_export FROM access_rule").await?;
    for (role, object, read, write, create, export) in rows {
        if let Some(role) = Role::parse(&role) {
            let access = Access {
                read: Level::parse(&read).unwrap_or_default(),
                write: Level::parse(&write).unwrap_or_default(),
                create,
                export,
            };
            rules.by_role.insert((role, object), access);
        }
    }
    for (object, level) in session.all::<(String, String)>("SELECT object, read_level FROM default_access").await? {
        rules.default_read.insert(object, Level::parse(&level).unwrap_or_default());
    }
    for (object, field, role) in
        session.all::<(String, String, String)>("SELECT object, field, role FROM hidden_field").await?
    {
        let by = rules.hidden.entry(object).or_default().entry(field).or_default();
        by.extend(Role::parse(&role));
    }
    Ok(rules)
}

async fn load_rates(session: &mut Session) -> Result<HashMap<String, BTreeMap<i64, Decimal>>> {
    let mut rates: HashMap<String, BTreeMap<i64, Decimal>> = HashMap::new();
    for (currency, day, rate) in
        session.all::<(String, i64, String)>("SELECT currency, on_day, rate FROM fx_rate").await?
    {
        if let Ok(rate) = rate.parse() {
            rates.entry(currency).or_default().insert(day, rate);
        }
    }
    Ok(rates)
}

async fn load_price_lists(session: &mut Session) -> Result<Vec<PriceList>> {
    type Row = (Uuid, String, String, Option<Day>, Option<Day>, Option<i64>);
    const LISTS: &str = "SELECT id, name, currency, from_day, to_day, deleted_at FROM price_list
                          ORDER BY currency, from_day DESC NULLS LAST, id";
    let rows: Vec<Row> = session.all(LISTS).await?;
    let list = |(id, name, currency, from, to, removed): Row| PriceList {
        id,
        name,
        currency,
        from,
        to,
        is_removed: removed.is_some(),
    };
    Ok(rows.into_iter().map(list).collect())
}

#[derive(sqlx::FromRow)]
struct StageRow {
    id: Uuid,
    pipeline_id: Uuid,
    name: String,
    position: i64,
    kind: String,
    probability: i64,
    expected_days: Option<i64>,
}

async fn load_pipelines(session: &mut Session) -> Result<Vec<Pipeline>> {
    let mut pipelines: Vec<Pipeline> = session
        .all::<(Uuid, String)>("SELECT id, name FROM pipeline WHERE deleted_at IS NULL ORDER BY position")
        .await?
        .into_iter()
        .map(|(id, name)| Pipeline { id, name, stages: Vec::new() })
        .collect();
    let stages: Vec<StageRow> = session
        .all("SELECT id, pipeline_id, name, position, kind, probability, expected_days FROM stage WHERE deleted_at IS NULL ORDER BY position")
        .await?;
    let criteria: Vec<(Uuid, Uuid, String, bool, Option<String>)> = session
        .all("SELECT id, stage_id, name, required, field FROM criterion WHERE deleted_at IS NULL ORDER BY position")
        .await?;
    for row in stages {
        let criteria = criteria
            .iter()
            .filter(|(_, stage, ..)| *stage == row.id)
            .map(|(id, _, name, required, field)| Criterion {
                id: *id,
                name: name.clone(),
                required: *required,
                field: field.clone(),
            })
            .collect();
        if let Some(pipeline) = pipelines.iter_mut().find(|pipeline| pipeline.id == row.pipeline_id) {
            pipeline.stages.push(Stage {
                id: row.id,
                pipeline: row.pipeline_id,
                name: row.name,
                position: row.position,
                kind: StageKind::parse(&row.kind),
                probability: row.probability,
                expected_days: row.expected_days,
                criteria,
            });
        }
    }
    Ok(pipelines)
}
