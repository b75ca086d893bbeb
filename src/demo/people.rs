//! Who works at the demo company: Maven's sellers and managers, and one person for each other role.

use std::collections::BTreeMap;

use super::maven;
use super::names::{ascii, spelled};
use super::sheet::Sheet;
use super::words::Words;

pub const DOMAIN: &str = "trivet.example";
pub const PASSWORD: &str = "trivet-demo";

/// The sign-ins that a visitor can remember. The seller has the most deals of the set and reports to the manager.
const SELLER: &str = "Darcel Schlecht";
const MANAGER: &str = "Melvin Marxen";

pub struct Person {
    pub name: String,
    pub email: String,
    roles: &'static str,
    manager: String,
    office: String,
    title: String,
}

pub struct Company {
    pub people: Vec<Person>,
    by_maven_name: BTreeMap<String, usize>,
}

impl Company {
    pub fn new(words: &Words) -> Company {
        let sellers: Vec<maven::Seller> = maven::rows(maven::TEAMS);
        let mut company = Company { people: Vec::new(), by_maven_name: BTreeMap::new() };
        let partner = company.staff(words, "partner", "partner", "");
        for (key, roles) in [
            ("hr", "hr"),
            ("marketing", "marketing"),
            ("liaison", "liaison"),
            ("admin", "admin"),
            ("auditor", "auditor"),
        ] {
            company.staff(words, key, roles, &partner);
        }
        for seller in &sellers {
            if !company.by_maven_name.contains_key(&seller.manager) {
                company.hire(words, &seller.manager, "manager", &partner, &seller.regional_office, "manager");
            }
        }
        for (position, seller) in sellers.iter().enumerate() {
            let manager = company.of(&seller.manager).email.clone();
            let title = if position % 3 == 0 || seller.sales_agent == SELLER { "senior_seller" } else { "seller" };
            company.hire(words, &seller.sales_agent, "seller", &manager, &seller.regional_office, title);
        }
        company
    }

    /// The person who stands in the set under this name.
    pub fn of(&self, maven_name: &str) -> &Person {
        &self.people[self.by_maven_name[maven_name]]
    }

    pub fn sellers(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.roles == "seller")
    }

    pub fn sheet(&self, words: &Words) -> Sheet {
        let mut sheet = Sheet::new(&["name", "email", "roles", "manager", "office", "title", "locale", "password"]);
        for person in &self.people {
            sheet.row([
                &person.name,
                &person.email,
                person.roles,
                &person.manager,
                &person.office,
                &person.title,
                &words.locale,
                PASSWORD,
            ]);
        }
        sheet
    }

    fn staff(&mut self, words: &Words, key: &str, roles: &'static str, manager: &str) -> String {
        let (name, local) = words.staff[key].rsplit_once(' ').expect("name and address of staff");
        let email = format!("{local}@{DOMAIN}");
        self.people.push(Person {
            name: name.to_string(),
            email: email.clone(),
            roles,
            manager: manager.to_string(),
            office: words.staff["office"].clone(),
            title: words.job_titles[key].clone(),
        });
        email
    }

    fn hire(&mut self, words: &Words, maven_name: &str, roles: &'static str, manager: &str, office: &str, title: &str) {
        let (name, local) = words
            .people
            .get(maven_name)
            .map_or_else(|| (maven_name.to_string(), ascii(maven_name)), |entry| spelled(entry));
        let local = match maven_name {
            SELLER => "seller",
            MANAGER => "manager",
            _ => &local,
        };
        self.by_maven_name.insert(maven_name.to_string(), self.people.len());
        self.people.push(Person {
            name,
            email: format!("{local}@{DOMAIN}"),
            roles,
            manager: manager.to_string(),
            office: words.offices[office].clone(),
            title: words.job_titles[title].clone(),
        });
    }
}
