//! Fills the `{slots}` of a sentence and picks sentences for which there is something to fill in.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::Edition;
use super::chance::Chance;
use super::words::Words;

/// What can be said about one deal or lead on one day.
pub struct Slots {
    values: Vec<(&'static str, String)>,
    /// Sentences that begin with `+` are kept for deals of some size.
    sizeable: bool,
}

/// What a sentence is about; the rest of the slots is drawn by chance.
pub struct About<'a> {
    pub product: &'a str,
    pub family: &'a str,
    pub industry: &'a str,
    pub contact: Option<&'a str>,
    pub account: Option<&'a str>,
    pub competitor: Option<&'a str>,
    /// In whole units of the edition's currency.
    pub amount: Option<i64>,
    pub sizeable: bool,
}

impl Slots {
    pub fn draw(about: &About, on: Date, edition: Edition, words: &Words, chance: &mut Chance) -> Slots {
        let family = &words.families[about.family];
        let soon = workday(on.saturating_add(chance.between(2, 15).days()));
        let mut values = vec![
            ("product", about.product.to_string()),
            ("contact", about.contact.unwrap_or(&words.customer).to_string()),
            ("account", about.account.unwrap_or(&words.customer).to_string()),
            ("feature", chance.pick(&family.features).clone()),
            ("concern", chance.pick(&family.concerns).clone()),
            ("use", chance.pick(words.uses(about.industry)).clone()),
            ("colleague", chance.pick(&words.colleagues).clone()),
            ("n", (chance.between(4, 80) * 5).to_string()),
            ("weeks", chance.between(2, 9).to_string()),
            ("percent", chance.between(4, 25).to_string()),
            ("date", spoken(soon, edition)),
        ];
        values.extend(about.competitor.map(|name| ("competitor", name.to_string())));
        values.extend(about.amount.map(|amount| ("money", money(amount, edition))));
        Slots { values, sizeable: about.sizeable }
    }

    pub fn with(mut self, slot: &'static str, value: &str) -> Slots {
        self.values.push((slot, value.to_string()));
        self
    }

    /// One sentence of the pool that fits, filled.
    pub fn say(&self, pool: &[String], chance: &mut Chance) -> String {
        self.passage(&[(pool, 1)], chance).pop().unwrap_or_default()
    }

    /// Up to so many sentences of each pool. No two speak of the same thing, or a note would name one worry three times.
    pub fn passage(&self, pools: &[(&[String], usize)], chance: &mut Chance) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        let mut touched: Vec<&str> = Vec::new();
        let mut taken: Vec<&String> = Vec::new();
        for (pool, n) in pools {
            for _ in 0..*n {
                let fresh = |sentence: &&String| {
                    !taken.contains(sentence) && !slots(sentence).any(|slot| touched.contains(&slot))
                };
                let fitting: Vec<&String> = pool.iter().filter(|sentence| self.fits(sentence)).filter(fresh).collect();
                if fitting.is_empty() {
                    break;
                }
                let sentence = *chance.pick(&fitting);
                touched.extend(slots(sentence));
                taken.push(sentence);
                said.push(self.fill(sentence));
            }
        }
        said
    }

    /// Every slot of the sentence has a value, and the deal is large enough for it.
    fn fits(&self, sentence: &str) -> bool {
        (self.sizeable || !sentence.starts_with('+')) && slots(sentence).all(|slot| self.value(slot).is_some())
    }

    fn value(&self, slot: &str) -> Option<&str> {
        self.values.iter().find(|(name, _)| *name == slot).map(|(_, value)| value.as_str())
    }

    fn fill(&self, sentence: &str) -> String {
        let mut rest = sentence.strip_prefix('+').unwrap_or(sentence);
        let mut filled = String::with_capacity(rest.len() + 40);
        while let Some((before, after)) = rest.split_once('{') {
            let (slot, after) = after.split_once('}').expect("slots are closed");
            let value = self.value(slot).unwrap_or_default();
            filled.push_str(before);
            // Chinese sets a space between a character and a Latin word.
            if filled.ends_with(is_chinese) && value.starts_with(|first: char| first.is_ascii_alphabetic()) {
                filled.push(' ');
            }
            filled.push_str(value);
            rest = after;
        }
        filled.push_str(rest);
        capitalised(filled)
    }
}

/// The names of the slots of a sentence.
fn slots(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(slot, _)| slot)
}

fn is_chinese(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

fn capitalised(text: String) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if first.is_lowercase() => first.to_uppercase().chain(letters).collect(),
        _ => text,
    }
}

fn spoken(date: Date, edition: Edition) -> String {
    match edition {
        Edition::English => date.strftime("%-d %B").to_string(),
        Edition::Chinese => format!("{}月{}日", date.month(), date.day()),
    }
}

fn money(amount: i64, edition: Edition) -> String {
    match edition {
        Edition::English if amount >= 1000 => format!("${},{:03}", amount / 1000, amount % 1000),
        Edition::English => format!("${amount}"),
        Edition::Chinese if amount >= 10_000 => format!("{:.1}万元", amount as f64 / 10_000.0),
        Edition::Chinese => format!("{amount}元"),
    }
}

/// The same day, or the Monday after a weekend.
pub fn workday(date: Date) -> Date {
    match date.weekday() {
        Weekday::Saturday => date.saturating_add(2.days()),
        Weekday::Sunday => date.saturating_add(1.days()),
        _ => date,
    }
}
