//! The 8,800 opportunities of the set, and what it leaves empty: when an open deal should close, what it is worth,
//! what comes next, where it came from, whom we meet there, why it was lost, and which of the engaging deals have
//! already got a quotation or are being negotiated. When they moved on: [`super::moves`].

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::Date;

use super::Edition;
use super::chance::Chance;
use super::customers::Customer;
use super::mapping::shift_days;
use super::maven;
use super::moves;
use super::people::Company;
use super::products::{Product, local};
use super::sheet::Sheet;
use super::speech::{About, Slots, workday};
use super::words::Words;

/// In the order in which a deal passes them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    Prospecting,
    Engaging,
    Proposal,
    Negotiation,
    Won,
    Lost,
}

impl Stage {
    pub fn key(self) -> &'static str {
        match self {
            Stage::Prospecting => "prospecting",
            Stage::Engaging => "engaging",
            Stage::Proposal => "proposal",
            Stage::Negotiation => "negotiation",
            Stage::Won => "won",
            Stage::Lost => "lost",
        }
    }
}

pub struct Deal {
    pub id: String,
    /// Address of the seller.
    pub owner: String,
    pub product: usize,
    pub customer: Option<usize>,
    /// Index among the contacts of the customer.
    pub contact: Option<usize>,
    pub stage: Stage,
    pub created: Date,
    /// When it came to its stage, for an open deal that the demo has moved on.
    pub moved: Option<Date>,
    /// When it came to the stages between engaging and the end, in order.
    pub passed: Vec<(Stage, Date)>,
    pub closed: Option<Date>,
    pub competitors: Vec<String>,
    pub lost_reason: &'static str,
    pub lost_note: String,
    /// What was paid, or for the rest an estimate near the list price, in the edition's currency.
    pub amount: i64,
    expected: Option<Date>,
    next_step: Option<(String, Date)>,
    source: &'static str,
}

pub const SOURCES: [(&str, u32); 8] = [
    ("website", 22),
    ("referral", 17),
    ("event", 14),
    ("partner", 13),
    ("outbound", 13),
    ("advertising", 9),
    ("content", 8),
    ("other", 4),
];

const LOST_REASONS: [(&str, u32); 8] = [
    ("price", 24),
    ("competitor", 22),
    ("no_decision", 17),
    ("timing", 12),
    ("no_budget", 11),
    ("product", 8),
    ("relationship", 4),
    ("other", 2),
];

pub struct Maker<'a> {
    pub edition: Edition,
    pub words: &'a Words,
    pub company: &'a Company,
    pub customers: &'a [Customer],
    pub products: &'a [Product],
    pub today: Date,
}

impl Maker<'_> {
    pub fn deals(&self, pipeline: &[maven::Opportunity], seed: u64) -> Vec<Deal> {
        let mut chance = Chance::new(seed, "opportunities");
        // A stream of its own: who changes the moves does not reshuffle the deals.
        let mut moves = Chance::new(seed, "moves");
        let customers: BTreeMap<&str, usize> =
            self.customers.iter().enumerate().map(|(at, customer)| (customer.maven_name.as_str(), at)).collect();
        let products: BTreeMap<&str, usize> =
            self.products.iter().enumerate().map(|(at, product)| (product.code.as_str(), at)).collect();
        pipeline
            .iter()
            .map(|row| {
                let mut deal = self.deal(
                    row,
                    customers.get(row.account.as_str()).copied(),
                    products[maven::cured(&row.product)],
                    &mut chance,
                );
                deal.passed = moves::of_deal(&deal, &mut moves);
                deal
            })
            .collect()
    }

    fn deal(&self, row: &maven::Opportunity, customer: Option<usize>, product: usize, chance: &mut Chance) -> Deal {
        let stage = stage_of(row, customer.is_some(), chance);
        let moved_days = shift_days(self.today).days();
        let closed = maven::date(&row.close_date).map(|day| day.saturating_add(moved_days));
        let created = match maven::date(&row.engage_date) {
            Some(day) => day.saturating_add(moved_days),
            // Young, but old enough for a first conversation to lie behind it; some have been left lying.
            None if chance.percent(15) => self.today.saturating_add((-chance.between(32, 85)).days()),
            None => self.today.saturating_add((-chance.between(3, 28)).days()),
        };
        let moved = matches!(stage, Stage::Proposal | Stage::Negotiation).then(|| self.moved(stage, created, chance));
        let lost_reason = if stage == Stage::Lost { chance.weighted(&LOST_REASONS) } else { "" };
        let competitors = self.competitors(stage, lost_reason, chance);
        let contact = customer.map(|at| self.main_contact(&self.customers[at], chance));
        let paid: i64 = row.close_value.parse().unwrap_or(0);
        let mut deal = Deal {
            id: row.opportunity_id.clone(),
            owner: self.company.of(&row.sales_agent).email.clone(),
            amount: if paid > 0 { local(paid, self.edition) } else { self.estimate(product, chance) },
            expected: closed.is_none().then(|| self.expected(stage, created, chance)),
            source: chance.weighted(&SOURCES),
            product,
            customer,
            contact,
            stage,
            created,
            moved,
            passed: Vec::new(),
            closed,
            competitors,
            lost_reason,
            lost_note: String::new(),
            next_step: None,
        };
        if stage == Stage::Lost {
            deal.lost_note =
                self.slots(&deal, deal.contact, created, chance).say(&self.words.lost_notes[lost_reason], chance);
        }
        // Some open deals have no next step: that is what a review looks for.
        if deal.closed.is_none() && chance.percent(85) {
            let late = chance.percent(15);
            let days = if late { -chance.between(1, 6) } else { chance.between(0, 20) };
            let day = workday(self.today.saturating_add(days.days())).max(created);
            // What comes next comes before the end, unless the end is already overdue.
            let day = deal.expected.filter(|end| *end >= self.today).map_or(day, |end| day.min(end));
            let step =
                self.slots(&deal, deal.contact, self.today, chance).say(&self.words.next_steps[stage.key()], chance);
            deal.next_step = Some((step, day));
        }
        deal
    }

    /// What can be said about a deal to one of the customer's people on one day.
    pub fn slots(&self, deal: &Deal, contact: Option<usize>, on: Date, chance: &mut Chance) -> Slots {
        let product = &self.products[deal.product];
        let customer = deal.customer.map(|at| &self.customers[at]);
        let contact = customer.zip(contact).map(|(customer, at)| customer.contacts[at].call.as_str());
        let competitor = (!deal.competitors.is_empty()).then(|| chance.word(&deal.competitors));
        let about = About {
            product: &product.name,
            family: &product.family,
            industry: customer.map_or("other", |customer| &customer.industry),
            account: customer.map(|customer| customer.short.as_str()),
            contact,
            competitor,
            amount: Some(deal.amount),
            sizeable: product.sizeable,
        };
        Slots::draw(&about, on, self.edition, self.words, chance)
    }

    /// Mostly no longer ago than the stage usually takes; one in seven is stuck.
    fn moved(&self, stage: Stage, created: Date, chance: &mut Chance) -> Date {
        let (usual, longest) = if stage == Stage::Negotiation { (21, 55) } else { (30, 75) };
        let days =
            if chance.percent(14) { chance.between(usual * 3 / 2 + 1, longest) } else { chance.between(1, usual) };
        let earliest = created.saturating_add(1.days());
        self.today.saturating_add((-days).days()).max(earliest).min(self.today)
    }

    /// From ten days overdue to 120 days ahead; the further the deal, the nearer the day.
    fn expected(&self, stage: Stage, created: Date, chance: &mut Chance) -> Date {
        let furthest = match stage {
            Stage::Negotiation => 35,
            Stage::Proposal => 70,
            _ => 120,
        };
        let nearest = if stage == Stage::Prospecting { 20 } else { 1 };
        let overdue = stage != Stage::Prospecting && chance.percent(12);
        let days = if overdue { -chance.between(1, 10) } else { chance.between(nearest, furthest) };
        self.today.saturating_add(days.days()).max(created.saturating_add(1.days()))
    }

    fn estimate(&self, product: usize, chance: &mut Chance) -> i64 {
        let amount = self.products[product].list_price * chance.between(90, 104) / 100;
        match self.edition {
            Edition::English => amount,
            Edition::Chinese => (amount + 50) / 100 * 100,
        }
    }

    fn competitors(&self, stage: Stage, lost_reason: &str, chance: &mut Chance) -> Vec<String> {
        let met = match stage {
            _ if lost_reason == "competitor" => 100,
            Stage::Prospecting => 10,
            Stage::Engaging => 25,
            Stage::Won => 30,
            _ => 45,
        };
        if !chance.percent(met) {
            return Vec::new();
        }
        let mut names = self.words.competitors.clone();
        chance.shuffle(&mut names);
        names.truncate(if chance.percent(15) { 2 } else { 1 });
        names
    }

    /// Sellers talk most with those who want the thing or decide on it.
    fn main_contact(&self, customer: &Customer, chance: &mut Chance) -> usize {
        let weights: Vec<(usize, u32)> = customer
            .contacts
            .iter()
            .enumerate()
            .map(|(at, contact)| match contact.role.as_str() {
                "champion" => (at, 5),
                "decision_maker" => (at, 4),
                "influencer" | "economic_buyer" => (at, 2),
                "blocker" => (at, 0),
                _ => (at, 1),
            })
            .collect();
        chance.weighted(&weights)
    }
}

/// The set knows no stage between engaging and the end. A deal with a known account has got further than one without.
fn stage_of(row: &maven::Opportunity, has_account: bool, chance: &mut Chance) -> Stage {
    match row.deal_stage.as_str() {
        "Won" => Stage::Won,
        "Lost" => Stage::Lost,
        "Prospecting" => Stage::Prospecting,
        _ if has_account => chance.weighted(&[(Stage::Engaging, 28), (Stage::Proposal, 40), (Stage::Negotiation, 32)]),
        _ => chance.weighted(&[(Stage::Engaging, 45), (Stage::Proposal, 38), (Stage::Negotiation, 17)]),
    }
}

/// An empty cell leaves the field as the import of the set has made it.
pub fn supplement(deals: &[Deal], maker: &Maker) -> Sheet {
    let words = maker.words;
    let columns = [
        "external_id",
        "account",
        "contact",
        "created_on",
        "close_date",
        "amount",
        "currency",
        "next_step",
        "next_step_date",
        "source",
        "competitors",
    ];
    let mut sheet = Sheet::new(&columns);
    for deal in deals {
        let customer = deal.customer.map(|at| &maker.customers[at]);
        let contact = customer.zip(deal.contact).map_or("", |(customer, at)| &customer.contacts[at].name);
        let (next_step, next_day) =
            deal.next_step.as_ref().map_or(("", String::new()), |(step, day)| (step, day.to_string()));
        let estimated = deal.stage != Stage::Won;
        sheet.row([
            deal.id.as_str(),
            customer.map_or("", |customer| &customer.name),
            contact,
            &if deal.stage == Stage::Prospecting { deal.created.to_string() } else { String::new() },
            &deal.expected.map(|day| day.to_string()).unwrap_or_default(),
            &if estimated { deal.amount.to_string() } else { String::new() },
            if estimated { &words.currency } else { "" },
            next_step,
            &next_day,
            deal.source,
            &deal.competitors.join(&words.list_separator),
        ]);
    }
    sheet
}
