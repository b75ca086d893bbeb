//! Brings the demo company into an empty database: sets the organisation up, then imports every feed as a user would. What
//! speaks for the deals is given by the sellers, each note on its day.

use std::collections::{BTreeMap, HashMap};
use std::io::{IsTerminal, Write};
use std::path::Path;

use store::{Clock, Sql, Tx, Uuid, sql};

use super::evidence::Note;
use super::{Edition, MOVES, PASSWORD, edition};
use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::calendar::Calendar;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::record::Actor;
use crate::shell::viewer::Viewer;
use crate::system::history::By;
use crate::system::imports::model::Mapping;
use crate::system::imports::{self, failed_rows};
use crate::system::setup::{self, Organization};
use crate::tools::crm::evidence;
use crate::tools::crm::objects::OPPORTUNITY;

const SEED: u64 = 1;
const ADMIN: &str = "admin@trivet.example";
const PARTNER: &str = "partner@trivet.example";

/// One sign-in per role, in the order of the table that is printed.
pub const ROLES: [&str; 8] = ["partner", "manager", "seller", "hr", "marketing", "liaison", "admin", "auditor"];

pub fn organization(edition: Edition) -> Organization {
    let chinese = edition == Edition::Chinese;
    let say = |english: &str, in_chinese: &str| if chinese { in_chinese } else { english }.to_owned();
    Organization {
        name: say("Maven Sales", "三足鼎科技"),
        locale: if chinese { Locale::Zh } else { Locale::En },
        base_currency: say("USD", "CNY"),
        zone: say("America/Chicago", "Asia/Shanghai"),
        fiscal_start_month: 1,
        calendar: Calendar::Months,
    }
}

/// Loads whatever is missing; `false`: an organisation was there already.
pub async fn load(app: &App, of: Edition, folder: &Path) -> Result<bool> {
    if setup::is_done(&mut app.db.read().await?).await? {
        return Ok(false);
    }
    let organization = organization(of);
    let name = if of == Edition::Chinese { "管理员" } else { "Administrator" };
    let first = setup::First { name, email: ADMIN, password: PASSWORD, roles: &[Role::Admin] };
    setup::found(app, &organization, &first, By::COMMAND_LINE).await?;
    let zone = jiff::tz::TimeZone::get(&organization.zone).unwrap_or(jiff::tz::TimeZone::UTC);
    let today = app.clock.now().day_in(&zone).date();
    let demo = tokio::task::spawn_blocking(move || edition(of, today, SEED))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?;
    let waiting = folder.join("demo-feeds");
    std::fs::create_dir_all(&waiting).map_err(|error| Error::Internal(error.to_string()))?;
    for feed in demo.feeds {
        if feed.name == MOVES {
            let line = Line::new("evidence");
            give_evidence(app, &demo.evidence).await?;
            line.close(&format!("{} given", demo.evidence.len()));
        }
        let who = if feed.name == "people" { ADMIN } else { PARTNER };
        let viewer = viewer_of(app, who).await?;
        let file = waiting.join(format!("{}.csv", feed.name));
        std::fs::write(&file, &feed.csv).map_err(|error| Error::Internal(error.to_string()))?;
        let mapping = Mapping::parse(&feed.mapping)?;
        let mut line = Line::new(feed.name);
        let import = imports::run_here(app, &viewer, &file, &mapping, false, |import| {
            line.show(import.created + import.updated + import.skipped + import.failed, import.rows_total);
        })
        .await?;
        line.end(&import, false);
        if import.failed > 0 {
            let locale = organization.locale;
            for row in failed_rows(app, import.id, 0, 5).await? {
                let errors: Vec<String> =
                    row.errors().iter().map(|error| format!("{}: {}", error.field, error.text(locale))).collect();
                eprintln!("    row {}: {}", row.row_number, errors.join("; "));
            }
        }
    }
    let _ = std::fs::remove_dir_all(&waiting);
    Ok(true)
}

/// Gives the notes as the sellers of the deals, in one transaction for each of them.
///
/// Errors: a deal or a criterion is not there.
pub async fn give_evidence(app: &App, notes: &[Note]) -> Result<()> {
    let mut by_seller: BTreeMap<&str, Vec<&Note>> = BTreeMap::new();
    for note in notes {
        by_seller.entry(&note.by).or_default().push(note);
    }
    for (seller, notes) in by_seller {
        let viewer = viewer_of(app, seller).await?;
        app.at_page(&viewer, async |tx, actor| give(tx, actor, &notes).await).await?;
    }
    Ok(())
}

async fn give(tx: &mut Tx, actor: &Actor, notes: &[&Note]) -> Result<()> {
    let deals = deals_of(tx, notes).await?;
    let config = actor.viewer.config.clone();
    let stages = config.pipelines.first().map_or(&[][..], |pipeline| &pipeline.stages);
    let criteria: HashMap<&str, Uuid> = stages
        .iter()
        .flat_map(|stage| &stage.criteria)
        .map(|criterion| (criterion.name.as_str(), criterion.id))
        .collect();
    let mut then = actor.clone();
    for note in notes {
        let (Some(deal), Some(criterion)) = (deals.get(&note.deal), criteria.get(note.criterion.as_str())) else {
            return Err(Error::Internal(format!("no deal {} or no criterion {}", note.deal, note.criterion)));
        };
        // Ids sort by time: what was done then has an id of then.
        let at = config.zone.to_timestamp(note.at).map_err(|error| Error::Internal(error.to_string()))?;
        then.clock = Clock::frozen(at);
        then.now = then.clock.now();
        let given = evidence::Note { criterion: *criterion, text: &note.text, ..evidence::Note::default() };
        evidence::put(tx, &then, &OPPORTUNITY, *deal, given).await?;
    }
    Ok(())
}

/// The deals of these notes by their id in the set.
async fn deals_of(tx: &mut Tx, notes: &[&Note]) -> Result<HashMap<String, Uuid>> {
    let mut deals = HashMap::new();
    for batch in store::batches(notes) {
        let mut statement =
            Sql::new("SELECT external_id, id FROM opportunity WHERE deleted_at IS NULL AND external_id IN (");
        statement.bind_list(batch.iter().map(|note| note.deal.as_str())).push(")");
        deals.extend(tx.all::<(String, Uuid)>(statement).await?);
    }
    Ok(deals)
}

async fn viewer_of(app: &App, email: &str) -> Result<Viewer> {
    let person: Option<Uuid> =
        app.db.read().await?.value(sql!("SELECT id FROM person WHERE email = $1", email)).await?;
    Viewer::of_person(app, person.ok_or(Error::NotFound)?).await
}

/// A line of progress on standard error.
pub struct Line {
    name: String,
    began: std::time::Instant,
    shown: Option<std::time::Instant>,
    live: bool,
}

impl Line {
    pub fn new(name: &str) -> Line {
        Line {
            name: name.to_owned(),
            began: std::time::Instant::now(),
            shown: None,
            live: std::io::stderr().is_terminal(),
        }
    }

    pub fn show(&mut self, done: i64, total: i64) {
        if self.live && self.shown.is_none_or(|shown| shown.elapsed().as_millis() > 100) {
            self.shown = Some(std::time::Instant::now());
            let percent = if total > 0 { done * 100 / total } else { 100 };
            eprint!("\r  {:<26}{percent:>4} %  {done} / {total}", self.name);
            let _ = std::io::stderr().flush();
        }
    }

    pub fn end(&self, import: &imports::Import, dry: bool) {
        let failed = if import.failed > 0 { format!(", {} failed", import.failed) } else { String::new() };
        let unchanged = if import.skipped > 0 { format!(", {} unchanged", import.skipped) } else { String::new() };
        let be = if dry { "would be " } else { "" };
        let (created, updated) = (import.created, import.updated);
        self.close(&format!("{created} {be}created, {updated} {be}updated{unchanged}{failed}"));
    }

    /// The last word on it.
    pub fn close(&self, what: &str) {
        let start = if self.live { "\r" } else { "" };
        let seconds = self.began.elapsed().as_secs_f64();
        eprintln!("{start}  {:<26}{what}  ({seconds:.1} s)      ", self.name);
    }
}
