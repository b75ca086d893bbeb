//! What was said and done. Each entry lies inside the life of its deal or lead, in working hours, and talks of what is on the
//! table in that phase: nobody negotiates at the first call. How many there are: docs/operations.md.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

use super::chance::Chance;
use super::deals::{Deal, Maker, Stage};
use super::leads::Lead;
use super::sheet::Sheet;
use super::speech::{About, Slots};

struct Activity {
    at: DateTime,
    kind: &'static str,
    minutes: Option<i64>,
    subject: String,
    body: String,
    outcome: String,
    account: String,
    contact: String,
    opportunity: String,
    lead: String,
    owner: String,
}

pub fn sheet(maker: &Maker, deals: &[Deal], leads: &[Lead], seed: u64) -> Sheet {
    let mut chance = Chance::new(seed, "activities");
    let mut activities = Vec::new();
    for deal in deals {
        of_deal(maker, deal, &mut activities, &mut chance);
    }
    for lead in leads {
        of_lead(maker, lead, &mut activities, &mut chance);
    }
    activities.sort_by(|a, b| (a.at, &a.opportunity, &a.lead).cmp(&(b.at, &b.opportunity, &b.lead)));

    let mut sheet = Sheet::new(&[
        "kind",
        "subject",
        "body",
        "happened_at",
        "duration_minutes",
        "outcome",
        "account",
        "contact",
        "opportunity",
        "lead",
        "owner",
    ]);
    for activity in &activities {
        sheet.row([
            activity.kind,
            &activity.subject,
            &activity.body,
            &activity.at.strftime("%Y-%m-%d %H:%M").to_string(),
            &activity.minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
            &activity.outcome,
            &activity.account,
            &activity.contact,
            &activity.opportunity,
            &activity.lead,
            &activity.owner,
        ]);
    }
    sheet
}

fn of_deal(maker: &Maker, deal: &Deal, activities: &mut Vec<Activity>, chance: &mut Chance) {
    // Yesterday at the latest: today's conversations would lie ahead of a visitor who looks in the morning.
    let yesterday = maker.today.saturating_add((-1).days());
    let last = deal.closed.unwrap_or(yesterday).min(yesterday);
    if last < deal.created {
        return;
    }
    let length = i64::from(deal.created.until(last).expect("civil dates").get_days());
    let mut days: Vec<Date> = (0..how_many(maker, deal, chance))
        .map(|_| deal.created.saturating_add(chance.between(0, length).days()))
        .map(|day| at_work(day, deal.created, last))
        .collect();
    // Most open deals are being worked on.
    if deal.closed.is_none() && chance.percent(82) {
        days.pop();
        days.push(at_work(last.saturating_add((-chance.between(0, 24)).days()).max(deal.created), deal.created, last));
    }
    days.sort();
    for day in days {
        let elapsed = i64::from(deal.created.until(day).expect("civil dates").get_days());
        let phase = match phase(deal, day, elapsed * 100 / length.max(1)) {
            "first" if chance.percent(12) => "unreached",
            phase => phase,
        };
        activities.push(about_deal(maker, deal, phase, day, chance));
    }
    let ended = matches!(deal.stage, Stage::Won | Stage::Lost) && deal.closed.is_some_and(|day| day <= yesterday);
    let reported = if deal.stage == Stage::Lost { 45 } else { 30 };
    if ended && chance.percent(reported) {
        activities.push(about_deal(maker, deal, deal.stage.key(), at_work(last, deal.created, last), chance));
    }
}

/// More is written down about what is open, recent or large.
fn how_many(maker: &Maker, deal: &Deal, chance: &mut Chance) -> i64 {
    let large = i64::from(maker.products[deal.product].sizeable);
    match deal.stage {
        Stage::Prospecting => chance.between(0, 2),
        Stage::Engaging => chance.between(0, 3) + large,
        Stage::Proposal | Stage::Negotiation => chance.between(2, 4) + large,
        Stage::Won | Stage::Lost => {
            let days_ago = deal.closed.map_or(0, |day| day.until(maker.today).expect("civil dates").get_days());
            match days_ago {
                ..=90 => chance.between(0, 2) + large,
                91..=180 => chance.between(0, 1) + i64::from(large == 1 && chance.percent(40)),
                _ => i64::from(chance.percent(25)),
            }
        }
    }
}

/// What a deal is about on a given day. `progress` is the part of its life that is over, in percent.
fn phase(deal: &Deal, day: Date, progress: i64) -> &'static str {
    let first = if deal.closed.is_some() { 16 } else { 25 };
    match deal.passed.iter().rev().find(|(_, moved)| *moved <= day) {
        Some((stage, _)) => stage.key(),
        None if deal.stage == Stage::Prospecting || progress < first => "first",
        None => "need",
    }
}

fn about_deal(maker: &Maker, deal: &Deal, phase: &str, day: Date, chance: &mut Chance) -> Activity {
    let customer = deal.customer.map(|at| &maker.customers[at]);
    // Mostly the main contact, sometimes another person of the same customer.
    let contact = customer.map(|customer| match deal.contact {
        Some(main) if chance.percent(72) => main,
        _ => chance.below(customer.contacts.len()),
    });
    let kind = kind(phase, chance);
    let slots = maker.slots(deal, contact, day, chance).with("lost", &deal.lost_note);
    let written = Written::new(maker, phase, kind, &slots, chance);
    let at = at(day, kind, chance);
    Activity {
        at,
        kind,
        minutes: minutes(phase, kind, chance),
        subject: written.subject,
        body: written.body,
        outcome: written.outcome,
        account: customer.map(|customer| customer.name.clone()).unwrap_or_default(),
        contact: customer.zip(contact).map(|(customer, at)| customer.contacts[at].name.clone()).unwrap_or_default(),
        opportunity: deal.id.clone(),
        lead: String::new(),
        owner: deal.owner.clone(),
    }
}

fn of_lead(maker: &Maker, lead: &Lead, activities: &mut Vec<Activity>, chance: &mut Chance) {
    let yesterday = maker.today.saturating_add((-1).days());
    let untouched = lead.owner.is_empty() || lead.status == "new";
    if untouched || lead.created > yesterday {
        return;
    }
    // Work on a lead is done within three weeks, or not at all.
    let last = lead.created.saturating_add(21.days()).min(yesterday);
    let length = i64::from(lead.created.until(last).expect("civil dates").get_days());
    for _ in 0..chance.between(1, 3) {
        let day = at_work(lead.created.saturating_add(chance.between(0, length).days()), lead.created, last);
        let product = &maker.products[lead.product];
        let about = About {
            product: &product.name,
            family: &product.family,
            industry: &lead.industry,
            contact: Some(&lead.call),
            account: Some(&lead.short),
            competitor: None,
            amount: None,
            sizeable: product.sizeable,
        };
        let slots = Slots::draw(&about, day, maker.edition, maker.words, chance);
        let phase = if chance.percent(25) { "unreached" } else { "lead" };
        let kind = kind(phase, chance);
        let written = Written::new(maker, phase, kind, &slots, chance);
        activities.push(Activity {
            at: at(day, kind, chance),
            kind,
            minutes: minutes(phase, kind, chance),
            subject: written.subject,
            body: written.body,
            outcome: written.outcome,
            account: String::new(),
            contact: String::new(),
            opportunity: String::new(),
            lead: lead.name.clone(),
            owner: lead.owner.clone(),
        });
    }
}

struct Written {
    subject: String,
    body: String,
    outcome: String,
}

impl Written {
    fn new(maker: &Maker, phase: &str, kind: &str, slots: &Slots, chance: &mut Chance) -> Written {
        let talk = &maker.words.talk[phase];
        let sentences = match kind {
            "meeting" | "visit" => chance.between(2, 3),
            _ => chance.between(1, 2),
        };
        let with_next = kind != "note" && chance.percent(70);
        let body = slots.passage(&[(&talk.said, sentences as usize), (&talk.next, usize::from(with_next))], chance);
        let outcome = match kind {
            "note" => String::new(),
            "mail" if phase != "lost" && chance.percent(75) => String::new(),
            _ => slots.say(&talk.outcomes, chance),
        };
        Written { subject: slots.say(talk.subjects(kind), chance), body: body.join(&maker.words.join), outcome }
    }
}

fn kind(phase: &str, chance: &mut Chance) -> &'static str {
    let weights = match phase {
        "first" => [("call", 42), ("mail", 28), ("meeting", 12), ("visit", 8), ("note", 10)],
        "need" => [("call", 28), ("mail", 18), ("meeting", 26), ("visit", 18), ("note", 10)],
        "proposal" => [("call", 34), ("mail", 32), ("meeting", 16), ("visit", 8), ("note", 10)],
        "negotiation" => [("call", 38), ("mail", 24), ("meeting", 18), ("visit", 10), ("note", 10)],
        "unreached" => [("call", 70), ("mail", 30), ("meeting", 0), ("visit", 0), ("note", 0)],
        "lead" => [("call", 48), ("mail", 34), ("meeting", 8), ("visit", 2), ("note", 8)],
        _ => [("call", 42), ("mail", 20), ("meeting", 10), ("visit", 6), ("note", 22)],
    };
    chance.weighted(&weights)
}

fn minutes(phase: &str, kind: &str, chance: &mut Chance) -> Option<i64> {
    match kind {
        "call" if phase == "unreached" => Some(chance.between(1, 3)),
        "call" => Some(chance.between(1, 7) * 5),
        "meeting" => Some(chance.between(2, 6) * 15),
        "visit" => Some(chance.between(3, 12) * 15),
        _ => None,
    }
}

/// Working hours; notes and mails may be written after the last appointment.
fn at(day: Date, kind: &str, chance: &mut Chance) -> DateTime {
    let (from, to) = match kind {
        "visit" => (9, 15),
        "meeting" => (9, 16),
        _ => (8, 18),
    };
    let hour = chance.between(from, to) as i8;
    let minute = (chance.below(12) * 5) as i8;
    day.at(hour, minute, 0, 0)
}

/// Moves a weekend to the Monday after, or else the Friday before; a deal that lived one weekend only stays there.
pub fn at_work(day: Date, first: Date, last: Date) -> Date {
    let (to_monday, to_friday) = match day.weekday() {
        Weekday::Saturday => (2, -1),
        Weekday::Sunday => (1, -2),
        _ => return day,
    };
    [to_monday, to_friday]
        .into_iter()
        .map(|days: i64| day.saturating_add(days.days()))
        .find(|day| (first..=last).contains(day))
        .unwrap_or(day)
}
