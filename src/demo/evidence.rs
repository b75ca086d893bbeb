//! What speaks for the deals: notes for the exit criteria of the stages that a deal has passed, and for some of the stage in
//! which it stands. Not everybody keeps notes, and those who do forget some: a review has to find what is missing.

use std::cmp::Ordering;

use jiff::ToSpan;
use jiff::civil::DateTime;

use super::activities::at_work;
use super::chance::Chance;
use super::deals::{Deal, Maker, Stage};

/// A note as the seller of a deal gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The deal's id in the set.
    pub deal: String,
    /// Address of the seller.
    pub by: String,
    /// The criterion's name, as the first pipeline calls it.
    pub criterion: String,
    pub text: String,
    pub at: DateTime,
}

/// A criterion that a note shows to be met: how often there is one, in percent, and when, as a part of the time until then.
struct Asked {
    key: &'static str,
    stage: Stage,
    /// Of the deals that have left the stage, and of those that stand in it.
    behind: u32,
    present: u32,
    part: i64,
}

const ASKED: [Asked; 4] = [
    Asked { key: "need", stage: Stage::Engaging, behind: 86, present: 35, part: 35 },
    Asked { key: "met", stage: Stage::Engaging, behind: 55, present: 20, part: 50 },
    Asked { key: "accepted", stage: Stage::Proposal, behind: 82, present: 25, part: 80 },
    Asked { key: "ordered", stage: Stage::Negotiation, behind: 92, present: 12, part: 100 },
];

/// So many deals have notes at all, in percent.
const KEPT: u32 = 80;
/// Nobody reads up on what was won longer ago, in days.
const RECENT: i64 = 30;

pub fn notes(maker: &Maker, deals: &[Deal], seed: u64) -> Vec<Note> {
    let mut chance = Chance::new(seed, "evidence");
    let mut notes = Vec::new();
    let recent = maker.today.saturating_add((-RECENT).days());
    for deal in deals {
        let is_told = match deal.stage {
            Stage::Prospecting | Stage::Lost => false,
            Stage::Won => deal.closed.is_some_and(|day| day >= recent),
            Stage::Engaging | Stage::Proposal | Stage::Negotiation => true,
        };
        if is_told && chance.percent(KEPT) {
            of_deal(maker, deal, &mut notes, &mut chance);
        }
    }
    notes
}

fn of_deal(maker: &Maker, deal: &Deal, notes: &mut Vec<Note>, chance: &mut Chance) {
    // Yesterday at the latest: today's notes would lie ahead of a visitor who looks in the morning.
    let yesterday = maker.today.saturating_add((-1).days());
    let end = deal.closed.unwrap_or(yesterday).min(yesterday);
    for asked in &ASKED {
        let odds = match deal.stage.cmp(&asked.stage) {
            Ordering::Less => return,
            Ordering::Equal => asked.present,
            Ordering::Greater => asked.behind,
        };
        // Of a stage that the deal skipped, it was noted in the one before.
        let entered = deal.passed.iter().rev().find(|(stage, _)| *stage <= asked.stage);
        let left = deal.passed.iter().find(|(stage, _)| *stage > asked.stage);
        let (first, last) = (entered.map_or(deal.created, |(_, day)| *day), left.map_or(end, |(_, day)| end.min(*day)));
        // Who has no name of anybody there has met nobody who decides.
        let knows_nobody = asked.key == "met" && deal.contact.is_none();
        if first > last || knows_nobody || !chance.percent(odds) {
            continue;
        }
        let length = i64::from(first.until(last).expect("civil dates").get_days());
        let day = at_work(first.saturating_add((length * asked.part / 100).days()), first, last);
        let hour = chance.between(9, 17) as i8;
        let minute = (chance.below(12) * 5) as i8;
        let slots = maker.slots(deal, deal.contact, day, chance);
        notes.push(Note {
            deal: deal.id.clone(),
            by: deal.owner.clone(),
            criterion: maker.words.criteria[asked.key].clone(),
            text: slots.say(&maker.words.evidence[asked.key], chance),
            at: day.at(hour, minute, 0, 0),
        });
    }
}
