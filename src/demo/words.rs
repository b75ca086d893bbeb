//! The words of an edition: names, sentences, places. They stand in `demo/words/*.toml`, so that both editions
//! run through the same code and a sentence is changed without touching any.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Edition;

type Lists = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    pub locale: String,
    pub currency: String,
    /// What stands between two sentences: a space, or nothing in Chinese.
    pub join: String,
    /// Stands in for the contact of a deal that has no account yet.
    pub taken_over: String,
    pub customer: String,
    pub list_separator: String,
    pub competitors: Vec<String>,
    pub colleagues: Vec<String>,
    pub roads: Vec<String>,
    pub address: String,
    pub website: String,
    pub account_notes: Vec<String>,
    pub task_notes: Vec<String>,
    pub cities: Vec<City>,
    pub stages: BTreeMap<String, String>,
    /// What the first pipeline calls its exit criteria, and what sellers write to show that one is met.
    pub criteria: BTreeMap<String, String>,
    pub evidence: Lists,
    pub products: BTreeMap<String, ProductWords>,
    pub families: BTreeMap<String, Family>,
    pub uses: Lists,
    pub offices: BTreeMap<String, String>,
    pub staff: BTreeMap<String, String>,
    pub job_titles: BTreeMap<String, String>,
    /// Maven's name → "name local-part-of-the-address". Empty in the English edition, which keeps Maven's names.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// Maven's account name → what it is called in this edition. Empty in the English edition.
    #[serde(default)]
    pub accounts: BTreeMap<String, AccountWords>,
    pub names: NameParts,
    pub jobs: Vec<Job>,
    pub lead_companies: LeadCompanies,
    pub lead_text: LeadText,
    pub next_steps: Lists,
    pub tasks: Lists,
    pub lost_notes: Lists,
    /// What is said, by phase of a deal: first, need, proposal, negotiation, won, lost; lead and unreached.
    pub talk: BTreeMap<String, Talk>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductWords {
    pub name: String,
    pub unit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    pub features: Vec<String>,
    pub concerns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountWords {
    pub name: String,
    pub short: String,
    pub city: String,
    pub slug: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameParts {
    pub surname_first: bool,
    pub gap: String,
    pub given: Vec<String>,
    pub surnames: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub title: String,
    pub department: String,
    /// The buying roles that a holder of this job plausibly has.
    pub roles: Vec<String>,
    /// Where such a job exists; everywhere if empty. A bank has no shop floor.
    #[serde(default)]
    pub industries: Vec<String>,
    /// How a seller speaks of the holder in a note: by given name, or 李总 and 张工.
    pub call: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadCompanies {
    pub front: Vec<String>,
    pub back: Vec<String>,
    pub tail: String,
    pub kinds: Lists,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadText {
    pub interest: Vec<String>,
    pub disqualified: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    pub call: Vec<String>,
    pub meeting: Vec<String>,
    pub visit: Vec<String>,
    pub mail: Vec<String>,
    pub note: Vec<String>,
    pub said: Vec<String>,
    pub next: Vec<String>,
    pub outcomes: Vec<String>,
}

/// Written as `city|region|country|area code|administrative code`; the last is empty outside China.
#[derive(Deserialize, Clone)]
#[serde(try_from = "String")]
pub struct City {
    pub name: String,
    pub province: String,
    pub country: String,
    pub area: String,
    pub code: String,
}

impl TryFrom<String> for City {
    type Error = String;
    fn try_from(line: String) -> Result<Self, String> {
        let parts: Vec<&str> = line.split('|').collect();
        let [name, province, country, area, code] = parts[..] else {
            return Err(format!("five parts expected in {line}"));
        };
        Ok(City {
            name: name.into(),
            province: province.into(),
            country: country.into(),
            area: area.into(),
            code: code.into(),
        })
    }
}

impl Job {
    pub fn exists_in(&self, industry: &str) -> bool {
        self.industries.is_empty() || self.industries.iter().any(|known| known == industry)
    }
}

impl Words {
    pub fn of(edition: Edition) -> Words {
        let text = match edition {
            Edition::English => include_str!("../../demo/words/en.toml"),
            Edition::Chinese => include_str!("../../demo/words/zh.toml"),
        };
        toml::from_str(text).unwrap_or_else(|fault| panic!("the words of the demo: {fault}"))
    }

    pub fn uses(&self, industry: &str) -> &[String] {
        self.uses.get(industry).unwrap_or(&self.uses["other"])
    }

    pub fn country(&self) -> &str {
        &self.cities[0].country
    }
}

impl Talk {
    pub fn subjects(&self, kind: &str) -> &[String] {
        match kind {
            "call" => &self.call,
            "meeting" => &self.meeting,
            "visit" => &self.visit,
            "mail" => &self.mail,
            _ => &self.note,
        }
    }
}
