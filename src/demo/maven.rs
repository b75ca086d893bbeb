//! The four files of the set, byte for byte, and their rows as the other files here need them.
//! `demo/README.md` names the source.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub const ACCOUNTS: &str = include_str!("../../demo/maven/accounts.csv");
pub const PRODUCTS: &str = include_str!("../../demo/maven/products.csv");
pub const TEAMS: &str = include_str!("../../demo/maven/sales_teams.csv");
pub const PIPELINE: &str = include_str!("../../demo/maven/sales_pipeline.csv");

/// The newest date of the set; it becomes today.
pub fn newest() -> Date {
    jiff::civil::date(2017, 12, 31)
}

#[derive(Deserialize)]
pub struct Account {
    pub account: String,
    pub sector: String,
    pub office_location: String,
}

#[derive(Deserialize)]
pub struct Product {
    pub product: String,
    pub series: String,
    pub sales_price: i64,
}

#[derive(Deserialize)]
pub struct Seller {
    pub sales_agent: String,
    pub manager: String,
    pub regional_office: String,
}

#[derive(Deserialize)]
pub struct Opportunity {
    pub opportunity_id: String,
    pub sales_agent: String,
    pub product: String,
    pub account: String,
    pub deal_stage: String,
    pub engage_date: String,
    pub close_date: String,
    pub close_value: String,
}

pub fn rows<T: DeserializeOwned>(file: &str) -> Vec<T> {
    csv::Reader::from_reader(file.as_bytes())
        .into_deserialize()
        .map(|row| row.expect("the files of the set are well-formed"))
        .collect()
}

/// `10/20/2016` → a date. Empty where the set has none.
pub fn date(cell: &str) -> Option<Date> {
    let mut parts = cell.split('/').map(|part| part.parse::<i16>().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    Date::new(year, month as i8, day as i8).ok()
}

/// The same cures as in `demo/mappings`, for text that is generated beside the import.
pub fn cured(cell: &str) -> &str {
    match cell {
        "GTXPro" => "GTX Pro",
        "technolgy" => "technology",
        "Philipines" => "Philippines",
        other => other,
    }
}

/// For each account, the seller who has most of its deals; on equal numbers the first by name.
pub fn busiest_sellers(pipeline: &[Opportunity]) -> BTreeMap<&str, &str> {
    let mut deals: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for row in pipeline.iter().filter(|row| !row.account.is_empty()) {
        *deals.entry(&row.account).or_default().entry(&row.sales_agent).or_default() += 1;
    }
    deals
        .into_iter()
        .filter_map(|(account, sellers)| {
            sellers.into_iter().rev().max_by_key(|(_, deals)| *deals).map(|(seller, _)| (account, seller))
        })
        .collect()
}
