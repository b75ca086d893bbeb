//! The 85 accounts of the set and what is invented around them: place, numbers, owner, and the people who buy.

use std::collections::{BTreeMap, BTreeSet};

use super::Edition;
use super::chance::Chance;
use super::credit;
use super::maven;
use super::names::{Names, ascii};
use super::people::Company;
use super::sheet::Sheet;
use super::speech::{About, Slots};
use super::words::{City, Job, Words};

pub struct Customer {
    pub maven_name: String,
    pub name: String,
    /// What a seller calls the company in a note.
    pub short: String,
    pub industry: String,
    pub owner: String,
    pub contacts: Vec<Contact>,
    city: City,
    slug: String,
    phone: String,
}

pub struct Contact {
    pub name: String,
    /// 李总, 张工, or the given name.
    pub call: String,
    pub role: String,
    title: String,
    department: String,
    email: String,
    mobile: String,
    wechat: String,
}

pub fn customers(
    edition: Edition,
    words: &Words,
    company: &Company,
    pipeline: &[maven::Opportunity],
    names: &mut Names,
    seed: u64,
) -> Vec<Customer> {
    let owners = maven::busiest_sellers(pipeline);
    let mut places = Places::new(words, Chance::new(seed, "places"));
    let mut chance = Chance::new(seed, "contacts");
    let mut customers = Vec::new();
    for row in maven::rows::<maven::Account>(maven::ACCOUNTS) {
        let chinese = words.accounts.get(&row.account);
        let city = match (edition, chinese) {
            (Edition::Chinese, Some(account)) => places.named(&account.city),
            _ => places.somewhere_in(maven::cured(&row.office_location)),
        };
        let slug = chinese.map_or_else(|| ascii(&row.account).replace(['.', '-'], ""), |account| account.slug.clone());
        let phone = names.landline(&city);
        customers.push(Customer {
            name: chinese.map_or(&row.account, |account| &account.name).clone(),
            short: chinese.map_or(&row.account, |account| &account.short).clone(),
            industry: maven::cured(&row.sector).to_string(),
            owner: owners.get(row.account.as_str()).map(|seller| company.of(seller).email.clone()).unwrap_or_default(),
            contacts: contacts(words, names, maven::cured(&row.sector), &slug, &mut chance),
            maven_name: row.account,
            city,
            slug,
            phone,
        });
    }
    customers
}

/// Three to six people. Each account has someone who decides, someone who wants it and someone who works with it.
fn contacts(words: &Words, names: &mut Names, industry: &str, domain: &str, chance: &mut Chance) -> Vec<Contact> {
    const FURTHER: [(&str, u32); 6] =
        [("economic_buyer", 30), ("influencer", 28), ("gatekeeper", 16), ("user", 14), ("champion", 6), ("blocker", 6)];
    let mut roles = vec!["decision_maker", "champion", "user"];
    for _ in 0..chance.weighted(&[(0, 20), (1, 35), (2, 30), (3, 15)]) {
        roles.push(chance.weighted(&FURTHER));
    }
    let mut titles_taken = BTreeSet::new();
    let mut contacts = Vec::new();
    for role in roles {
        let fits = |job: &&Job| job.exists_in(industry) && job.roles.iter().any(|held| held == role);
        let fitting: Vec<&Job> =
            words.jobs.iter().filter(fits).filter(|job| !titles_taken.contains(&job.title)).collect();
        if fitting.is_empty() {
            continue;
        }
        let job = *chance.pick(&fitting);
        titles_taken.insert(job.title.clone());
        let name = names.person();
        contacts.push(Contact {
            call: job
                .call
                .replace("{surname}", &name.surname)
                .replace("{given}", &name.given)
                .replace("{name}", &name.full),
            role: role.to_string(),
            title: job.title.clone(),
            department: job.department.clone(),
            email: names.email(&name, domain),
            mobile: names.mobile(),
            wechat: if chance.percent(70) { names.wechat(&name) } else { String::new() },
            name: name.full,
        });
    }
    contacts
}

/// What the set does not say about its accounts.
pub fn supplement(
    customers: &[Customer],
    edition: Edition,
    words: &Words,
    today: jiff::civil::Date,
    seed: u64,
) -> Sheet {
    let mut chance = Chance::new(seed, "accounts supplement");
    let mut sheet =
        Sheet::new(&["name", "owner", "province", "city", "address", "website", "phone", "credit_code", "description"]);
    for customer in customers {
        let address = words
            .address
            .replace("{road}", chance.word(&words.roads))
            .replace("{no}", &chance.between(1, 480).to_string())
            .replace("{floor}", &chance.between(2, 21).to_string());
        let credit_code = match edition {
            Edition::English => String::new(),
            Edition::Chinese => credit::code(&customer.city.code, &mut chance),
        };
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
        let description =
            Slots::draw(&about, today, edition, words, &mut chance).say(&words.account_notes, &mut chance);
        sheet.row([
            customer.name.as_str(),
            &customer.owner,
            &customer.city.province,
            &customer.city.name,
            &address,
            &words.website.replace("{slug}", &customer.slug),
            &customer.phone,
            &credit_code,
            &description,
        ]);
    }
    sheet
}

pub fn contact_sheet(customers: &[Customer], edition: Edition) -> Sheet {
    let extension = match edition {
        Edition::English => " ext. ",
        Edition::Chinese => "转",
    };
    let mut sheet = Sheet::new(&[
        "name",
        "account",
        "job_title",
        "department",
        "buying_role",
        "email",
        "mobile",
        "phone",
        "wechat",
        "owner",
    ]);
    for customer in customers {
        for (position, contact) in customer.contacts.iter().enumerate() {
            let phone = format!("{}{extension}{}", customer.phone, 801 + position);
            sheet.row([
                contact.name.as_str(),
                &customer.name,
                &contact.title,
                &contact.department,
                &contact.role,
                &contact.email,
                &contact.mobile,
                &phone,
                &contact.wechat,
                &customer.owner,
            ]);
        }
    }
    sheet
}

/// Cities by country and by name; within a country they are dealt out in turn, so that no two neighbours repeat.
struct Places<'a> {
    by_name: BTreeMap<&'a str, &'a City>,
    by_country: BTreeMap<&'a str, Vec<&'a City>>,
    dealt: usize,
}

impl<'a> Places<'a> {
    fn new(words: &'a Words, mut chance: Chance) -> Self {
        let mut by_country: BTreeMap<&str, Vec<&City>> = BTreeMap::new();
        for city in &words.cities {
            by_country.entry(&city.country).or_default().push(city);
        }
        for cities in by_country.values_mut() {
            chance.shuffle(cities);
        }
        Places { by_name: words.cities.iter().map(|city| (city.name.as_str(), city)).collect(), by_country, dealt: 0 }
    }

    fn named(&self, name: &str) -> City {
        self.by_name[name].clone()
    }

    fn somewhere_in(&mut self, country: &str) -> City {
        let cities = &self.by_country[country];
        self.dealt += 1;
        cities[self.dealt % cities.len()].clone()
    }
}
