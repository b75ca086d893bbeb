//! The mappings of `demo/mappings`, with the parts filled in that only the run knows: how many days the set is moved, why
//! its deals stand further on, and, in the Chinese edition, what each account, person, product and stage is called.

use jiff::civil::Date;

use super::Edition;
use super::maven;
use super::people::Company;
use super::words::Words;

pub struct Mappings<'a> {
    edition: Edition,
    words: &'a Words,
    company: &'a Company,
    shift_days: i32,
}

impl<'a> Mappings<'a> {
    pub fn new(edition: Edition, words: &'a Words, company: &'a Company, today: Date) -> Self {
        Mappings { edition, words, company, shift_days: shift_days(today) }
    }

    pub fn of(&self, feed: &str) -> String {
        let (english, chinese) = match feed {
            "people" => both(include_str!("../../demo/mappings/people.toml")),
            "products" => (
                include_str!("../../demo/mappings/products.en.toml"),
                include_str!("../../demo/mappings/products.zh.toml"),
            ),
            "products_supplement" => both(include_str!("../../demo/mappings/products_supplement.toml")),
            "accounts" => (
                include_str!("../../demo/mappings/accounts.en.toml"),
                include_str!("../../demo/mappings/accounts.zh.toml"),
            ),
            "accounts_supplement" => both(include_str!("../../demo/mappings/accounts_supplement.toml")),
            "contacts" => both(include_str!("../../demo/mappings/contacts.toml")),
            "opportunities" => (
                include_str!("../../demo/mappings/opportunities.en.toml"),
                include_str!("../../demo/mappings/opportunities.zh.toml"),
            ),
            "opportunities_supplement" => both(include_str!("../../demo/mappings/opportunities_supplement.toml")),
            "opportunities_proposal" | "opportunities_negotiation" => {
                both(include_str!("../../demo/mappings/opportunities_stages.toml"))
            }
            "opportunities_closed" => both(include_str!("../../demo/mappings/opportunities_closed.toml")),
            "leads" => both(include_str!("../../demo/mappings/leads.toml")),
            "activities" => both(include_str!("../../demo/mappings/activities.toml")),
            "tasks" => both(include_str!("../../demo/mappings/tasks.toml")),
            other => unreachable!("no mapping for {other}"),
        };
        let template = match self.edition {
            Edition::English => english,
            Edition::Chinese => chinese,
        };
        let mut filled = String::new();
        for line in template.lines() {
            match line {
                "# @accounts" => self.words.accounts.iter().for_each(|(from, to)| push(&mut filled, from, &to.name)),
                "# @people" => {
                    self.words.people.keys().for_each(|from| push(&mut filled, from, &self.company.of(from).name))
                }
                "# @stages" => self.stages().for_each(|(from, to)| push(&mut filled, from, to)),
                "# @products" => {
                    self.words.products.iter().for_each(|(from, to)| push(&mut filled, from, &to.name));
                    push(&mut filled, "GTXPro", &self.words.products[maven::cured("GTXPro")].name);
                }
                "# @reason" => push(&mut filled, "reason", &self.words.taken_over),
                "shift_days = 0" => filled.push_str(&format!("shift_days = {}\n", self.shift_days)),
                other => {
                    filled.push_str(other);
                    filled.push('\n');
                }
            }
        }
        filled
    }

    /// Closed deals come in as engaging; how they ended comes after the stages that they passed.
    fn stages(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("Prospecting", "prospecting"), ("Engaging", "engaging"), ("Won", "engaging"), ("Lost", "engaging")]
            .into_iter()
            .map(|(from, key)| (from, self.words.stages[key].as_str()))
    }
}

/// From the newest date of the set to today.
pub fn shift_days(today: Date) -> i32 {
    maven::newest().until(today).expect("both are civil dates").get_days()
}

fn both(text: &'static str) -> (&'static str, &'static str) {
    (text, text)
}

fn push(filled: &mut String, from: &str, to: &str) {
    filled.push_str(&format!("{} = {}\n", toml::Value::from(from), toml::Value::from(to)));
}
