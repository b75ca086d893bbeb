//! The demo company, as files that a user could have uploaded: Maven's "CRM Sales Opportunities" unchanged, and what
//! it lacks drawn from a seed. `make demo` pushes each file through the importer that users use, with the mapping
//! that they would set on its screen; misspellings and the Chinese names are cured and given there. Evidence is given as on
//! the page of a deal.
//! What is from the set and what is generated: `demo/README.md`.

mod activities;
mod chance;
mod credit;
mod customers;
mod deals;
pub mod evidence;
mod leads;
pub mod load;
mod mapping;
mod maven;
mod moves;
mod names;
mod people;
mod products;
mod sheet;
mod speech;
mod tasks;
#[cfg(test)]
mod tests;
mod words;

use jiff::civil::Date;

pub use people::PASSWORD;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edition {
    English,
    Chinese,
}

/// One file to import, in order.
pub struct Feed {
    pub name: &'static str,
    /// What the user would set on the mapping screen, as TOML.
    pub mapping: String,
    /// What the user would upload.
    pub csv: String,
    /// Drawn from the seed; otherwise a file of the set, byte for byte.
    pub generated: bool,
}

/// What the demo company is made of.
pub struct Demo {
    pub feeds: Vec<Feed>,
    /// Notes are nothing that a file could bring: they are given one by one, as on the page of a deal.
    pub evidence: Vec<evidence::Note>,
}

/// The first feed that moves deals on. What speaks for a move is given before it.
const MOVES: &str = "opportunities_proposal";

/// The same for the same edition, day and seed, on every machine.
pub fn edition(edition: Edition, today: Date, seed: u64) -> Demo {
    let words = words::Words::of(edition);
    let company = people::Company::new(&words);
    let pipeline: Vec<maven::Opportunity> = maven::rows(maven::PIPELINE);
    let products = products::products(edition, &words);
    let mut names = names::Names::new(edition, &words, seed, company.people.iter().map(|person| person.name.clone()));
    let customers = customers::customers(edition, &words, &company, &pipeline, &mut names, seed);
    let maker =
        deals::Maker { edition, words: &words, company: &company, customers: &customers, products: &products, today };
    let deals = maker.deals(&pipeline, seed);
    let leads = leads::leads(&maker, &mut names, seed);

    let mappings = mapping::Mappings::new(edition, &words, &company, today);
    let of_the_set =
        |name, file: &str| Feed { name, mapping: mappings.of(name), csv: file.to_string(), generated: false };
    let generated =
        |name, sheet: sheet::Sheet| Feed { name, mapping: mappings.of(name), csv: sheet.text(), generated: true };
    let feeds = vec![
        generated("people", company.sheet(&words)),
        of_the_set("products", maven::PRODUCTS),
        generated("products_supplement", products::supplement(&products)),
        of_the_set("accounts", maven::ACCOUNTS),
        generated("accounts_supplement", customers::supplement(&customers, edition, &words, today, seed)),
        generated("contacts", customers::contact_sheet(&customers, edition)),
        of_the_set("opportunities", maven::PIPELINE),
        generated("opportunities_supplement", deals::supplement(&deals, &maker)),
        generated(MOVES, moves::sheet(&deals, deals::Stage::Proposal, &words)),
        generated("opportunities_negotiation", moves::sheet(&deals, deals::Stage::Negotiation, &words)),
        generated("opportunities_closed", moves::closings(&deals, &words)),
        generated("leads", leads::sheet(&leads, &maker)),
        generated("activities", activities::sheet(&maker, &deals, &leads, seed)),
        generated("tasks", tasks::sheet(&maker, &deals, &leads, seed)),
    ];
    Demo { feeds, evidence: evidence::notes(&maker, &deals, seed) }
}
