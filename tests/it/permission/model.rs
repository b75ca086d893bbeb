//! Who sees what, in plain sets and loops: the reference that every surface is compared with (Q15).
//!
//! Written from docs/decisions/0007-visibility.md and the guide's chapter on access, without SQL and without the program's own
//! code, so that a fault there cannot repeat itself here. A record, a person and a role are numbers and names; nothing is quick.

use std::collections::{BTreeMap, BTreeSet};

/// How far a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    #[default]
    None,
    Own,
    Team,
    All,
}

impl Level {
    pub fn key(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Own => "own",
            Level::Team => "team",
            Level::All => "all",
        }
    }
}

/// What a role may do with a kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rule {
    pub read: Level,
    pub write: Level,
    pub create: bool,
    pub export: bool,
}

/// `person` reports to `manager` from the first to the last of these days.
#[derive(Debug, Clone)]
pub struct Line {
    pub person: usize,
    pub manager: usize,
    pub from: i64,
    pub to: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct Record {
    pub object: &'static str,
    /// Products have none.
    pub owner: usize,
    /// Who made it.
    pub author: usize,
    /// What it points to: field and record.
    pub links: BTreeMap<&'static str, usize>,
    /// Fields that are filled, beside the links.
    pub fields: Vec<&'static str>,
    pub in_trash: bool,
    /// `open`, `won`, `lost` for deals; empty else.
    pub state: &'static str,
    /// Deals: minor units of the base currency.
    pub amount: i64,
}

#[derive(Debug, Clone, Default)]
pub struct World {
    pub today: i64,
    /// The roles of each person.
    pub people: Vec<BTreeSet<&'static str>>,
    pub lines: Vec<Line>,
    pub rules: BTreeMap<(&'static str, &'static str), Rule>,
    /// What everybody with any right on a kind of record reads at least.
    pub defaults: BTreeMap<&'static str, Level>,
    /// Kind of record, field, role.
    pub hidden: BTreeSet<(&'static str, &'static str, &'static str)>,
    pub records: Vec<Record>,
    /// Record, person, whether they may also change it.
    pub shares: Vec<(usize, usize, bool)>,
    /// People who work on an account beside its owner.
    pub teams: Vec<(usize, usize)>,
    /// Deal and product.
    pub items: Vec<(usize, usize)>,
    /// Deal and contact who decides on it.
    pub committee: Vec<(usize, usize)>,
    /// Records on which a file hangs.
    pub files: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Right {
    Read,
    Write,
    /// To say who else has it, and whose it is: what was given to somebody does not count.
    Give,
}

impl World {
    // -- rights --------------------------------------------------------------------------------------------------------

    /// Roles add up. The company's default widens reading for whoever has any right on the kind of record.
    pub fn rule(&self, person: usize, object: &str) -> Rule {
        let mut sum = Rule::default();
        for rule in self.people[person].iter().filter_map(|role| self.rules.get(&(*role, object))) {
            sum.read = sum.read.max(rule.read);
            sum.write = sum.write.max(rule.write);
            sum.create |= rule.create;
            sum.export |= rule.export;
        }
        if sum != Rule::default() {
            sum.read = sum.read.max(self.defaults.get(object).copied().unwrap_or_default());
        }
        // Nobody changes what they may not see.
        sum.write = sum.write.min(sum.read);
        sum
    }

    fn level(&self, person: usize, object: &str, right: Right) -> Level {
        let rule = self.rule(person, object);
        if right == Right::Read { rule.read } else { rule.write }
    }

    /// A field is hidden from a person when all of their roles hide it. What an amount is worth is hidden with it, and a contact's
    /// consent with the lead's.
    pub fn sees(&self, person: usize, object: &str, field: &str) -> bool {
        let tells = match (object, field) {
            ("opportunity", "amount_base") => Some(("opportunity", "amount")),
            ("contact", "consent" | "consent_on") => Some(("lead", field)),
            _ => None,
        };
        if tells.is_some_and(|(object, field)| !self.sees(person, object, field)) {
            return false;
        }
        let hides = |role: &str| self.hidden.iter().any(|(of, key, by)| *of == object && *key == field && *by == role);
        self.people[person].is_empty() || !self.people[person].iter().all(|role| hides(role))
    }

    /// Everybody below a person in the reporting line today, and the person.
    pub fn team(&self, person: usize) -> BTreeSet<usize> {
        let mut team = BTreeSet::from([person]);
        loop {
            let more: Vec<usize> = self
                .lines
                .iter()
                .filter(|line| line.from <= self.today && line.to.is_none_or(|to| to >= self.today))
                .filter(|line| team.contains(&line.manager) && !team.contains(&line.person))
                .map(|line| line.person)
                .collect();
            if more.is_empty() {
                return team;
            }
            team.extend(more);
        }
    }

    // -- records -------------------------------------------------------------------------------------------------------

    /// Whether the person may read or change the record, were it not in the trash.
    pub fn may(&self, person: usize, record: usize, right: Right) -> bool {
        let one = &self.records[record];
        match self.level(person, one.object, right) {
            Level::None => false,
            Level::All => true,
            level => match one.object {
                "opportunity" | "lead" => self.owns(person, one, level) || self.shared(person, record, right),
                "account" => {
                    self.owns(person, one, level)
                        || self.shared(person, record, right)
                        || (right != Right::Give && self.teams.contains(&(record, person)))
                        || (right == Right::Read && self.sees_a_deal_of(person, record))
                }
                "contact" => match one.links.get("account") {
                    Some(account) => self.may(person, *account, right),
                    None => self.owns(person, one, level),
                },
                "activity" if right != Right::Read => {
                    self.may(person, record, Right::Read) && self.owns(person, one, level)
                }
                "activity" => one.owner == person || self.sees_the_matter_of(person, one),
                "task" => self.owns(person, one, level) || one.author == person,
                // Products: everybody with a right on the kind.
                _ => true,
            },
        }
    }

    /// The record is there for the person.
    pub fn reads(&self, person: usize, record: usize) -> bool {
        !self.records[record].in_trash && self.may(person, record, Right::Read)
    }

    pub fn writes(&self, person: usize, record: usize) -> bool {
        !self.records[record].in_trash && self.may(person, record, Right::Write)
    }

    pub fn gives(&self, person: usize, record: usize) -> bool {
        !self.records[record].in_trash && self.may(person, record, Right::Give)
    }

    fn owns(&self, person: usize, record: &Record, level: Level) -> bool {
        match level {
            Level::Team => self.team(person).contains(&record.owner),
            _ => record.owner == person,
        }
    }

    fn shared(&self, person: usize, record: usize, right: Right) -> bool {
        let given = |share: &&(usize, usize, bool)| share.0 == record && share.1 == person;
        self.shares.iter().filter(given).any(|(.., may_write)| match right {
            Right::Read => true,
            Right::Write => *may_write,
            Right::Give => false,
        })
    }

    /// Who works a deal must know the customer.
    fn sees_a_deal_of(&self, person: usize, account: usize) -> bool {
        self.of("opportunity").any(|deal| self.links(deal, "account") == Some(account) && self.reads(person, deal))
    }

    /// The lead that an activity began with, or the deal that it hangs on, else the account, else the contact.
    fn sees_the_matter_of(&self, person: usize, activity: &Record) -> bool {
        let sees = |field: &str| activity.links.get(field).is_some_and(|on| self.reads(person, *on));
        let has = |field: &str| activity.links.contains_key(field);
        sees("lead")
            || sees("opportunity")
            || (!has("opportunity") && sees("account"))
            || (!has("opportunity") && !has("account") && sees("contact"))
    }

    // -- what a surface shows ------------------------------------------------------------------------------------------

    pub fn of<'a>(&'a self, object: &'a str) -> impl Iterator<Item = usize> + 'a {
        (0..self.records.len()).filter(move |record| self.records[*record].object == object)
    }

    /// All records of a kind that are there for the person.
    pub fn read_of(&self, person: usize, object: &str) -> BTreeSet<usize> {
        self.of(object).filter(|record| self.reads(person, *record)).collect()
    }

    pub fn links(&self, record: usize, field: &str) -> Option<usize> {
        self.records[record].links.get(field).copied()
    }

    /// What hangs on a record by a field, as far as the person may know both the record and the field.
    pub fn hanging(&self, person: usize, object: &str, field: &str, on: usize) -> BTreeSet<usize> {
        if !self.sees(person, object, field) {
            return BTreeSet::new();
        }
        self.read_of(person, object).into_iter().filter(|record| self.links(*record, field) == Some(on)).collect()
    }

    /// Who decides on a deal, as far as the person may know both and that deals have contacts.
    pub fn committee_of(&self, person: usize, deal: usize) -> BTreeSet<usize> {
        let members =
            self.committee.iter().filter(|(of, _)| *of == deal && self.sees(person, "opportunity", "contact"));
        members.map(|(_, contact)| *contact).filter(|contact| self.reads(person, *contact)).collect()
    }

    /// The texts of a record that the person may read: its own fields, and the name of what it points to.
    pub fn texts(&self, person: usize, record: usize) -> BTreeSet<(usize, &'static str)> {
        let one = &self.records[record];
        let own = one.fields.iter().filter(|field| self.sees(person, one.object, field)).map(|field| (record, *field));
        let named = one
            .links
            .iter()
            .filter(|(field, to)| self.sees(person, one.object, field) && self.reads(person, **to))
            .map(|(_, to)| (*to, self.title(*to)));
        own.chain(named).collect()
    }

    pub fn title(&self, record: usize) -> &'static str {
        if matches!(self.records[record].object, "activity" | "task") { "subject" } else { "name" }
    }
}
