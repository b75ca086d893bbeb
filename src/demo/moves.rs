//! On which days a deal moved on. The set knows no stage between engaging and the end: how far a lost deal came is drawn here, and
//! when a deal entered the stages between. Each move has a day of its own, after the first day of the deal and before its last: a
//! deal that lived a few days skips stages, as in life.

use jiff::ToSpan;
use jiff::civil::Date;

use super::activities::at_work;
use super::chance::Chance;
use super::deals::{Deal, Stage};
use super::sheet::Sheet;
use super::words::Words;

/// A deal that stands at negotiation had its proposal this many days before, at most.
const LONGEST_PROPOSAL: i64 = 60;

/// The stages between engaging and the end that a deal came to, each with its day, in order.
pub fn of_deal(deal: &Deal, chance: &mut Chance) -> Vec<(Stage, Date)> {
    match (deal.stage, deal.moved, deal.closed) {
        (Stage::Proposal, Some(moved), _) => vec![(Stage::Proposal, moved)],
        (Stage::Negotiation, Some(moved), _) => until_negotiation(deal.created, moved, chance),
        (Stage::Won, _, Some(closed)) => until_won(deal.created, closed, chance),
        (Stage::Lost, _, Some(closed)) => until_lost(deal.created, closed, chance),
        _ => Vec::new(),
    }
}

fn until_negotiation(created: Date, moved: Date, chance: &mut Chance) -> Vec<(Stage, Date)> {
    let days = days_between(created, moved);
    let mut moves = Vec::new();
    if days >= 2 {
        let before = chance.between(1, (days - 1).min(LONGEST_PROPOSAL));
        moves.push((Stage::Proposal, at_work(after(moved, -before), after(created, 1), after(moved, -1))));
    }
    moves.push((Stage::Negotiation, moved));
    moves
}

fn until_won(created: Date, closed: Date, chance: &mut Chance) -> Vec<(Stage, Date)> {
    match days_between(created, closed) {
        // Who buys at once skips both.
        ..=1 => Vec::new(),
        2 => one_move(Stage::Proposal, created, closed, chance),
        3..=7 if chance.percent(25) => one_move(Stage::Proposal, created, closed, chance),
        _ => both_moves(created, closed, chance),
    }
}

/// Half of the lost deals came no further than engaging, three in ten to the proposal. The longer a deal lived, the further it came.
fn until_lost(created: Date, closed: Date, chance: &mut Chance) -> Vec<(Stage, Date)> {
    let (engaging, proposal, negotiation) = match days_between(created, closed) {
        ..=1 => (100, 0, 0),
        2 => (75, 25, 0),
        3..=29 => (58, 28, 14),
        _ => (36, 35, 29),
    };
    let reached = [(Stage::Engaging, engaging), (Stage::Proposal, proposal), (Stage::Negotiation, negotiation)];
    match chance.weighted(&reached) {
        Stage::Proposal => one_move(Stage::Proposal, created, closed, chance),
        Stage::Negotiation => both_moves(created, closed, chance),
        _ => Vec::new(),
    }
}

/// One move in the middle of a life of two days or more.
fn one_move(to: Stage, created: Date, closed: Date, chance: &mut Chance) -> Vec<(Stage, Date)> {
    let days = days_between(created, closed);
    let day = (days * chance.between(35, 70) / 100).clamp(1, days - 1);
    vec![(to, at_work(after(created, day), after(created, 1), after(closed, -1)))]
}

/// Both moves, in a life of three days or more.
fn both_moves(created: Date, closed: Date, chance: &mut Chance) -> Vec<(Stage, Date)> {
    let days = days_between(created, closed);
    let day = (days * chance.between(25, 50) / 100).clamp(1, days - 2);
    let proposal = at_work(after(created, day), after(created, 1), after(closed, -2));
    let day = days * chance.between(60, 85) / 100;
    let negotiation = after(created, day).clamp(after(proposal, 1), after(closed, -1));
    let negotiation = at_work(negotiation, after(proposal, 1), after(closed, -1));
    vec![(Stage::Proposal, proposal), (Stage::Negotiation, negotiation)]
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from(from.until(to).expect("civil dates").get_days())
}

fn after(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

/// The deals that came to one of the stages between. In one file each, so that no file speaks of a deal twice.
pub fn sheet(deals: &[Deal], to: Stage, words: &Words) -> Sheet {
    let mut sheet = Sheet::new(&["external_id", "stage", "moved_on"]);
    for deal in deals {
        if let Some((_, day)) = deal.passed.iter().find(|(stage, _)| *stage == to) {
            sheet.row([deal.id.as_str(), &words.stages[to.key()], &day.to_string()]);
        }
    }
    sheet
}

/// How the deals ended, and on which day, as the set says; and why they were lost.
pub fn closings(deals: &[Deal], words: &Words) -> Sheet {
    let mut sheet = Sheet::new(&["external_id", "stage", "closed_on", "lost_reason", "lost_note"]);
    for deal in deals {
        if let Some(day) = deal.closed {
            let stage = &words.stages[deal.stage.key()];
            sheet.row([deal.id.as_str(), stage, &day.to_string(), deal.lost_reason, &deal.lost_note]);
        }
    }
    sheet
}
