//! Enquiries of the last 120 days, in every state. Some of the new ones have no owner yet: they wait to be given out.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::Date;

use super::Edition;
use super::chance::Chance;
use super::deals::{Maker, SOURCES};
use super::names::{Names, spelled};
use super::sheet::Sheet;
use super::speech::{About, Slots};
use super::words::Job;

const HOW_MANY: usize = 600;

pub struct Lead {
    pub name: String,
    pub call: String,
    pub company: String,
    /// What a seller calls the company.
    pub short: String,
    pub industry: String,
    pub product: usize,
    pub created: Date,
    pub status: &'static str,
    pub owner: String,
    title: String,
    email: String,
    mobile: String,
    source: &'static str,
    city: String,
    country: String,
    interest: String,
    amount: i64,
    consent: &'static str,
    consent_on: Option<Date>,
    reason: String,
}

pub fn leads(maker: &Maker, names: &mut Names, seed: u64) -> Vec<Lead> {
    let mut chance = Chance::new(seed, "leads");
    let taken: BTreeSet<&str> = maker.customers.iter().map(|customer| customer.name.as_str()).collect();
    (0..HOW_MANY).map(|_| lead(maker, names, &taken, &mut chance)).collect()
}

fn lead(maker: &Maker, names: &mut Names, taken: &BTreeSet<&str>, chance: &mut Chance) -> Lead {
    let words = maker.words;
    let at_home: Vec<_> = words.cities.iter().filter(|city| city.country == words.country()).collect();
    let city = *chance.pick(&at_home);
    let industries: Vec<&String> = words.lead_companies.kinds.keys().collect();
    let industry = chance.pick(&industries).to_string();
    let (company, short, domain) = loop {
        let (company, short, domain) = company(maker, &city.name, &industry, chance);
        if !taken.contains(company.as_str()) {
            break (company, short, domain);
        }
    };
    let age = chance.between(0, 120);
    let created = maker.today.saturating_add((-age).days());
    let status = match age {
        0..=6 => chance.weighted(&[("new", 75), ("working", 20), ("unqualified", 5)]),
        7..=30 => chance.weighted(&[("new", 22), ("working", 48), ("qualified", 16), ("unqualified", 14)]),
        _ => chance.weighted(&[("new", 4), ("working", 26), ("qualified", 36), ("unqualified", 34)]),
    };
    let sellers: Vec<_> = maker.company.sellers().collect();
    let owner = if status == "new" && chance.percent(55) { String::new() } else { chance.pick(&sellers).email.clone() };
    // Nobody sends an enquiry for the big cabinet every other day.
    let mut product = chance.below(maker.products.len());
    if maker.products[product].family == "GTK" && chance.percent(70) {
        product = 0;
    }
    let about = &maker.products[product];
    let slots = Slots::draw(
        &About {
            product: &about.name,
            family: &about.family,
            industry: &industry,
            contact: None,
            account: Some(&short),
            competitor: None,
            amount: None,
            sizeable: about.sizeable,
        },
        created,
        maker.edition,
        words,
        chance,
    );
    let jobs: Vec<&Job> = words
        .jobs
        .iter()
        .filter(|job| job.exists_in(&industry) && !job.roles.iter().any(|role| role == "blocker"))
        .collect();
    let job = *chance.pick(&jobs);
    let name = names.person();
    let consent = chance.weighted(&[("given", 52), ("unknown", 43), ("withdrawn", 5)]);
    let consent_on = match consent {
        "given" => Some(created),
        "withdrawn" => Some(created.saturating_add(chance.between(0, age).days())),
        _ => None,
    };
    Lead {
        call: job
            .call
            .replace("{surname}", &name.surname)
            .replace("{given}", &name.given)
            .replace("{name}", &name.full),
        title: job.title.clone(),
        email: names.email(&name, &domain),
        mobile: names.mobile(),
        source: chance.weighted(&SOURCES),
        city: city.name.clone(),
        country: city.country.clone(),
        interest: slots.say(&words.lead_text.interest, chance),
        amount: about.list_price * chance.weighted(&[(1, 60), (2, 20), (3, 10), (5, 10)]),
        reason: if status == "unqualified" { slots.say(&words.lead_text.disqualified, chance) } else { String::new() },
        name: name.full,
        company,
        short,
        industry,
        product,
        created,
        status,
        owner,
        consent,
        consent_on,
    }
}

/// An invented company: its name, what sellers call it, and the name of its domain.
fn company(maker: &Maker, city: &str, industry: &str, chance: &mut Chance) -> (String, String, String) {
    let parts = &maker.words.lead_companies;
    let (front, front_ascii) = spelled(chance.word(&parts.front));
    let (back, back_ascii) = spelled(chance.word(&parts.back));
    let kind = chance.word(&parts.kinds[industry]);
    match maker.edition {
        Edition::English => (format!("{front} {kind}"), front.clone(), front_ascii),
        Edition::Chinese => {
            let short = format!("{front}{back}{kind}");
            (
                format!("{}{short}{}", city.trim_end_matches('市'), parts.tail),
                short,
                format!("{front_ascii}{back_ascii}"),
            )
        }
    }
}

pub fn sheet(leads: &[Lead], maker: &Maker) -> Sheet {
    let columns = [
        "name",
        "company",
        "job_title",
        "email",
        "mobile",
        "source",
        "status",
        "industry",
        "country",
        "city",
        "interest",
        "estimated_amount",
        "currency",
        "consent",
        "consent_on",
        "disqualify_reason",
        "owner",
        "created_on",
    ];
    let mut sheet = Sheet::new(&columns);
    for lead in leads {
        sheet.row([
            lead.name.as_str(),
            &lead.company,
            &lead.title,
            &lead.email,
            &lead.mobile,
            lead.source,
            lead.status,
            &lead.industry,
            &lead.country,
            &lead.city,
            &lead.interest,
            &lead.amount.to_string(),
            &maker.words.currency,
            lead.consent,
            &lead.consent_on.map(|day| day.to_string()).unwrap_or_default(),
            &lead.reason,
            &lead.owner,
            &lead.created.to_string(),
        ]);
    }
    sheet
}
