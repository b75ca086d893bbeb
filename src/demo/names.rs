//! Invented people's names, with addresses and numbers that reach nobody: `.example` domains, the 555-01xx block,
//! and in Chinese the unassigned mobile prefix 111 and local numbers that begin with zero.

use std::collections::HashSet;

use super::Edition;
use super::chance::Chance;
use super::words::{City, Words};

pub struct Name {
    pub full: String,
    pub given: String,
    pub surname: String,
    /// Lower-case ASCII, as used in an address.
    pub address: String,
}

/// Gives out names, addresses and numbers, none of them twice: an importer that looks for duplicates finds none.
pub struct Names<'a> {
    edition: Edition,
    words: &'a Words,
    chance: Chance,
    people: HashSet<String>,
    addresses: HashSet<String>,
    numbers: usize,
}

impl<'a> Names<'a> {
    pub fn new(edition: Edition, words: &'a Words, seed: u64, taken: impl Iterator<Item = String>) -> Self {
        Names {
            edition,
            words,
            chance: Chance::new(seed, "names"),
            people: taken.collect(),
            addresses: HashSet::new(),
            numbers: 0,
        }
    }

    pub fn person(&mut self) -> Name {
        let parts = &self.words.names;
        loop {
            let (given, given_ascii) = spelled(self.chance.word(&parts.given));
            let (surname, surname_ascii) = spelled(self.chance.word(&parts.surnames));
            let (full, address) = if parts.surname_first {
                (format!("{surname}{}{given}", parts.gap), format!("{surname_ascii}.{given_ascii}"))
            } else {
                (format!("{given}{}{surname}", parts.gap), format!("{given_ascii}.{surname_ascii}"))
            };
            if self.people.insert(full.clone()) {
                return Name { full, given, surname, address };
            }
        }
    }

    pub fn email(&mut self, name: &Name, domain: &str) -> String {
        let mut email = format!("{}@{domain}.example", name.address);
        let mut again = 2;
        while !self.addresses.insert(email.clone()) {
            email = format!("{}{again}@{domain}.example", name.address);
            again += 1;
        }
        email
    }

    pub fn mobile(&mut self) -> String {
        let number = self.number();
        match self.edition {
            Edition::English => self.fiction_number(number),
            Edition::Chinese => format!("1110000{:04}", scattered(number)),
        }
    }

    pub fn landline(&mut self, city: &City) -> String {
        let number = self.number();
        match self.edition {
            Edition::English => self.fiction_number(number),
            Edition::Chinese => format!("{}-0000{:04}", city.area, scattered(number)),
        }
    }

    /// A handle for the Chinese edition; English-speaking contacts have none.
    pub fn wechat(&mut self, name: &Name) -> String {
        match self.edition {
            Edition::English => String::new(),
            Edition::Chinese => format!("demo_{}{:02}", name.address.replace('.', ""), self.chance.below(100)),
        }
    }

    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    fn fiction_number(&self, number: usize) -> String {
        let cities = &self.words.cities;
        format!("+1 {} 555 01{:02}", cities[number % cities.len()].area, number / cities.len() % 100)
    }
}

/// Spreads 0…9999 without repeating, since 7919 has no factor in common with 10,000.
fn scattered(number: usize) -> usize {
    (number * 7919 + 4021) % 10_000
}

/// `王 wang` → both spellings; `Maren` → itself and `maren`.
pub fn spelled(entry: &str) -> (String, String) {
    match entry.split_once(' ') {
        Some((shown, ascii)) => (shown.to_string(), ascii.to_string()),
        None => (entry.to_string(), ascii(entry)),
    }
}

/// A name as it stands in an address: lower case, dots between words.
pub fn ascii(name: &str) -> String {
    let mut out = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' | '-' => out.push(letter),
            ' ' if !out.ends_with('.') => out.push('.'),
            _ => {}
        }
    }
    out
}
