//! What is to be done around today: most of it ahead, some overdue, some done.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use super::chance::Chance;
use super::deals::{Deal, Maker, Stage};
use super::leads::Lead;
use super::sheet::Sheet;
use super::speech::{About, Slots, workday};

const ON_OPEN_DEALS: usize = 340;
const ON_WON_DEALS: usize = 50;
const ON_LEADS: usize = 60;
const ON_ACCOUNTS: usize = 50;

pub fn sheet(maker: &Maker, deals: &[Deal], leads: &[Lead], seed: u64) -> Sheet {
    let mut chance = Chance::new(seed, "tasks");
    let mut sheet = Sheet::new(&[
        "subject",
        "due_date",
        "priority",
        "status",
        "account",
        "contact",
        "opportunity",
        "lead",
        "owner",
        "description",
    ]);
    let recent = maker.today.saturating_add((-30).days());
    let open: Vec<&Deal> = deals.iter().filter(|deal| deal.closed.is_none()).collect();
    let won: Vec<&Deal> =
        deals.iter().filter(|deal| deal.stage == Stage::Won && deal.closed.is_some_and(|day| day >= recent)).collect();
    let worked: Vec<&Lead> = leads.iter().filter(|lead| lead.status == "working" && !lead.owner.is_empty()).collect();
    for deal in some_of(&open, ON_OPEN_DEALS, &mut chance).into_iter().chain(some_of(&won, ON_WON_DEALS, &mut chance)) {
        of_deal(maker, deal, &mut sheet, &mut chance);
    }
    for lead in some_of(&worked, ON_LEADS, &mut chance) {
        of_lead(maker, lead, &mut sheet, &mut chance);
    }
    for customer in some_of(&maker.customers.iter().collect::<Vec<_>>(), ON_ACCOUNTS, &mut chance) {
        let about = About {
            product: "",
            family: "GTX",
            industry: &customer.industry,
            contact: None,
            account: Some(&customer.short),
            competitor: None,
            amount: None,
            sizeable: true,
        };
        let slots = Slots::draw(&about, maker.today, maker.edition, maker.words, &mut chance);
        let when = When::draw(maker.today, maker.today.saturating_add((-40).days()), &mut chance);
        let subject = slots.say(&maker.words.tasks["general"], &mut chance);
        sheet.row([
            subject.as_str(),
            &when.due.to_string(),
            when.priority,
            when.status,
            &customer.name,
            "",
            "",
            "",
            &customer.owner,
            "",
        ]);
    }
    sheet
}

fn of_deal(maker: &Maker, deal: &Deal, sheet: &mut Sheet, chance: &mut Chance) {
    let customer = deal.customer.map(|at| &maker.customers[at]);
    let when = When::draw(maker.today, deal.created, chance);
    // Days named in the description lie before the task is due.
    let slots = maker.slots(deal, deal.contact, when.due.saturating_add((-17).days()), chance);
    let subject = slots.say(&maker.words.tasks[deal.stage.key()], chance);
    let description = if chance.percent(35) { slots.say(&maker.words.task_notes, chance) } else { String::new() };
    sheet.row([
        subject.as_str(),
        &when.due.to_string(),
        when.priority,
        when.status,
        customer.map_or("", |customer| &customer.name),
        customer.zip(deal.contact).map_or("", |(customer, at)| &customer.contacts[at].name),
        &deal.id,
        "",
        &deal.owner,
        &description,
    ]);
}

fn of_lead(maker: &Maker, lead: &Lead, sheet: &mut Sheet, chance: &mut Chance) {
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
    let slots = Slots::draw(&about, maker.today, maker.edition, maker.words, chance);
    let when = When::draw(maker.today, lead.created, chance);
    let subject = slots.say(&maker.words.tasks["lead"], chance);
    sheet.row([
        subject.as_str(),
        &when.due.to_string(),
        when.priority,
        when.status,
        "",
        "",
        "",
        &lead.name,
        &lead.owner,
        "",
    ]);
}

struct When {
    due: Date,
    status: &'static str,
    priority: &'static str,
}

impl When {
    fn draw(today: Date, not_before: Date, chance: &mut Chance) -> When {
        let (status, days) = match chance.weighted(&[("done", 30), ("overdue", 15), ("today", 10), ("ahead", 45)]) {
            "done" => ("done", -chance.between(0, 30)),
            "overdue" => ("open", -chance.between(3, 14)),
            "today" => ("open", 0),
            _ => ("open", chance.between(1, 21)),
        };
        let due = workday(today.saturating_add(days.days())).max(not_before);
        When { due, status, priority: chance.weighted(&[("low", 20), ("normal", 58), ("high", 22)]) }
    }
}

/// Different ones, in the order in which they stand.
fn some_of<'a, T>(all: &[&'a T], n: usize, chance: &mut Chance) -> Vec<&'a T> {
    let mut order: Vec<usize> = (0..all.len()).collect();
    chance.shuffle(&mut order);
    let chosen: BTreeSet<usize> = order.into_iter().take(n).collect();
    chosen.into_iter().map(|at| all[at]).collect()
}
