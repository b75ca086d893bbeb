//! A company of any size as CSV files, taken in by the program's own import: the same numbers give the same files.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::Day;

/// How many rows of each kind.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub sellers: usize,
    pub accounts: usize,
    pub opportunities: usize,
    pub activities: usize,
}

/// A file with the mapping that reads it.
pub struct Table {
    pub name: &'static str,
    /// The kind of record, which is also its table in the database.
    pub object: &'static str,
    pub rows: usize,
    pub file: PathBuf,
    pub mapping: PathBuf,
}

const FIRST: [&str; 16] = [
    "North", "Blue", "Iron", "Silver", "Green", "Harbour", "Summit", "River", "Oak", "Bright", "Stone", "Clear",
    "East", "Grand", "Swift", "Union",
];
const SECOND: [&str; 16] = [
    "Instruments",
    "Logistics",
    "Foods",
    "Robotics",
    "Textiles",
    "Energy",
    "Optics",
    "Medical",
    "Paper",
    "Motors",
    "Glass",
    "Chemicals",
    "Systems",
    "Media",
    "Tools",
    "Marine",
];
/// So many sellers have one manager.
const TEAM: usize = 10;
/// How far back the company's history goes.
const HISTORY_DAYS: i64 = 700;
/// Most deals of the last months are still open, few of those before.
const YOUNG_DAYS: i64 = 200;
const MINUTES_OF_A_DAY: usize = 600;

/// Writes every table into the folder, in the order in which they must be imported.
pub fn write(folder: &Path, size: Size, stages: &Stages, today: Day, seed: u64) -> Result<Vec<Table>> {
    let mut random = StdRng::seed_from_u64(seed);
    let owner = |number: usize| format!("seller{}@load.test", number % size.sellers);
    // Spread, so that nobody's records stand side by side in the order of names. A deal is its account's owner's.
    let owner_of = |account: usize| owner(account % size.accounts * 7_919 % 1_000_003);
    let manager = |number: usize| format!("manager{}@load.test", number / TEAM);
    let columns = ["name", "email", "roles"];
    let managers = table(folder, "managers", "person", "email", &columns, size.sellers.div_ceil(TEAM), |number| {
        vec![format!("Manager {number}"), manager(number * TEAM), "manager".into()]
    })?;
    let columns = ["name", "email", "roles", "manager"];
    let people = table(folder, "people", "person", "email", &columns, size.sellers, |number| {
        vec![format!("Seller {number}"), owner(number), "seller".into(), manager(number)]
    })?;
    let accounts = table(folder, "accounts", "account", "name", &["name", "owner", "city"], size.accounts, |number| {
        vec![account(number), owner_of(number), SECOND[number % 7].into()]
    })?;
    let columns = [
        "external_id",
        "name",
        "owner",
        "account",
        "stage",
        "reached_stage",
        "created_on",
        "closed_on",
        "close_date",
        "amount",
        "next_step",
    ];
    let lives = lives(size.opportunities, today, &mut random);
    let opportunities =
        table(folder, "opportunities", "opportunity", "external_id", &columns, size.opportunities, |number| {
            let (first, last) = lives[number];
            let reached = &stages.open[random.random_range(0..stages.open.len())];
            let (stage, before, closed, close) = match last {
                None => (reached, String::new(), String::new(), today.plus(random.random_range(1..200)).to_string()),
                Some(last) => {
                    let stage = if random.random_ratio(1, 3) { &stages.won } else { &stages.lost };
                    (stage, reached.clone(), last.to_string(), last.to_string())
                }
            };
            vec![
                deal(number),
                format!("{} renewal {number}", FIRST[number % 16]),
                owner_of(number),
                account(number % size.accounts),
                stage.clone(),
                before,
                first.to_string(),
                closed,
                close,
                random.random_range(1_000..900_000).to_string(),
                if number % 4 > 0 { "Meet who decides".into() } else { String::new() },
            ]
        })?;
    let columns = ["kind", "subject", "body", "happened_at", "owner", "opportunity"];
    let mut under_way = UnderWay { lives: &lives, next: 0, deals: Vec::new() };
    let activities = table(folder, "activities", "activity", "", &columns, size.activities, |number| {
        let minute = number * HISTORY_DAYS as usize * MINUTES_OF_A_DAY / size.activities;
        let day = today.plus((minute / MINUTES_OF_A_DAY) as i64 - HISTORY_DAYS);
        let about = under_way.one(day, &mut random);
        vec![
            ["call", "meeting", "mail", "note"][number % 4].into(),
            format!("{} about {}", ["Call", "Meeting", "Mail", "Note"][number % 4], SECOND[about % 16]),
            "Asked who decides, by when, and what stands in the way.".into(),
            format!("{day} {:02}:{:02}", 8 + minute % MINUTES_OF_A_DAY / 60, minute % 60),
            owner_of(about),
            deal(about),
        ]
    })?;
    Ok(vec![managers, people, accounts, opportunities, activities])
}

/// The first and the last day of every deal, in the order in which they began; `None`: it is open.
fn lives(deals: usize, today: Day, random: &mut StdRng) -> Vec<(Day, Option<Day>)> {
    (0..deals)
        .map(|number| {
            let age = HISTORY_DAYS - number as i64 * HISTORY_DAYS / deals as i64;
            let first = today.plus(-age);
            let open = if age < YOUNG_DAYS { random.random_ratio(7, 10) } else { random.random_ratio(1, 20) };
            (first, (!open).then(|| first.plus(random.random_range(5..160)).min(today)))
        })
        .collect()
}

/// The deals that are being worked on, as the days pass: activities come in the order in which they happened, as any system
/// that is left behind writes them out, and belong to the life of their deal.
struct UnderWay<'l> {
    lives: &'l [(Day, Option<Day>)],
    next: usize,
    deals: Vec<usize>,
}

impl UnderWay<'_> {
    fn one(&mut self, day: Day, random: &mut StdRng) -> usize {
        while self.next < self.lives.len() && (self.lives[self.next].0 <= day || self.deals.is_empty()) {
            self.deals.push(self.next);
            self.next += 1;
        }
        loop {
            let at = random.random_range(0..self.deals.len());
            let deal = self.deals[at];
            if self.deals.len() == 1 || self.lives[deal].1.is_none_or(|last| last >= day) {
                return deal;
            }
            self.deals.swap_remove(at);
        }
    }
}

/// Names of the stages that deals are put into.
pub struct Stages {
    pub open: Vec<String>,
    pub won: String,
    pub lost: String,
}

fn account(number: usize) -> String {
    format!("{} {} {number}", FIRST[number % 16], SECOND[number / 16 % 16])
}

fn deal(number: usize) -> String {
    format!("D{number}")
}

fn table(
    folder: &Path,
    name: &'static str,
    object: &'static str,
    key: &str,
    columns: &[&str],
    rows: usize,
    mut row: impl FnMut(usize) -> Vec<String>,
) -> Result<Table> {
    let (file, mapping) = (folder.join(format!("{name}.csv")), folder.join(format!("{name}.toml")));
    let mut csv = BufWriter::new(File::create(&file)?);
    writeln!(csv, "{}", columns.join(","))?;
    for number in 0..rows {
        let cells: Vec<String> = row(number).iter().map(|cell| format!("\"{cell}\"")).collect();
        writeln!(csv, "{}", cells.join(","))?;
    }
    csv.flush()?;
    let mut toml = format!("object = \"{object}\"\non_match = \"create\"\n");
    if !key.is_empty() {
        toml = format!("object = \"{object}\"\nkey = \"{key}\"\non_match = \"update\"\n");
    }
    if object == "opportunity" {
        toml.push_str("reason = \"Taken over\"\n");
    }
    for column in columns {
        toml.push_str(&format!("[columns.{column}]\nfield = \"{column}\"\n"));
    }
    std::fs::write(&mapping, toml)?;
    Ok(Table { name, object, rows, file, mapping })
}
