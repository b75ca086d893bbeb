//! The demo is read here as the importer reads it: through its mappings. What fails here would fail in front of a user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};

use super::*;

type Row = BTreeMap<String, String>;
type World = BTreeMap<&'static str, Vec<Row>>;

const EDITIONS: [Edition; 2] = [Edition::English, Edition::Chinese];
/// The feeds that move deals on, in order.
const MOVED: [&str; 2] = ["opportunities_proposal", "opportunities_negotiation"];
const CLOSED: &str = "opportunities_closed";

fn today() -> Date {
    date(2026, 3, 2)
}

fn demo(of: Edition) -> &'static Demo {
    static ENGLISH: OnceLock<Demo> = OnceLock::new();
    static CHINESE: OnceLock<Demo> = OnceLock::new();
    let kept = if of == Edition::English { &ENGLISH } else { &CHINESE };
    kept.get_or_init(|| edition(of, today(), 1))
}

fn feeds(of: Edition) -> &'static [Feed] {
    &demo(of).feeds
}

fn world(of: Edition) -> &'static World {
    static ENGLISH: OnceLock<World> = OnceLock::new();
    static CHINESE: OnceLock<World> = OnceLock::new();
    let kept = if of == Edition::English { &ENGLISH } else { &CHINESE };
    kept.get_or_init(|| feeds(of).iter().map(|feed| (feed.name, rows(feed))).collect())
}

/// Field → value, after replacements, shifts and defaults.
fn rows(feed: &Feed) -> Vec<Row> {
    let mapping: toml::Table = feed.mapping.parse().expect("a mapping is TOML");
    let shift = mapping.get("shift_days").and_then(toml::Value::as_integer);
    let defaults = mapping.get("defaults").and_then(toml::Value::as_table);
    let mut reader = csv::Reader::from_reader(feed.csv.as_bytes());
    let headers = reader.headers().expect("headers").clone();
    let columns: Vec<(&str, Option<&toml::Value>)> = headers
        .iter()
        .map(|header| &mapping["columns"][header])
        .map(|column| (column["field"].as_str().expect("a field name"), column.get("replace")))
        .collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.expect("as many cells as headers");
        let replaced = record.iter().zip(&columns).map(|(cell, (_, replace))| {
            let cell = replace.and_then(|table| table.get(cell)).map_or(cell, |to| to.as_str().expect("text"));
            match shift.zip(maven::date(cell)) {
                Some((days, date)) => date.saturating_add(days.days()).to_string(),
                None => cell.to_string(),
            }
        });
        let cells: Vec<String> = replaced.collect();
        let mapped = columns.iter().zip(&cells).filter(|((field, _), _)| !field.is_empty());
        let mut row: Row = mapped.map(|((field, _), cell)| (field.to_string(), cell.clone())).collect();
        for (field, value) in defaults.into_iter().flatten() {
            if row.get(field).is_none_or(String::is_empty) {
                let mut text = value.as_str().expect("a default is text").to_string();
                for (header, cell) in headers.iter().zip(&cells) {
                    text = text.replace(&format!("{{{header}}}"), cell);
                }
                row.insert(field.clone(), text.trim_matches([' ', '·']).to_string());
            }
        }
        rows.push(row);
    }
    rows
}

fn set<'a>(rows: &'a [Row], field: &str) -> BTreeSet<&'a str> {
    rows.iter().map(|row| row[field].as_str()).collect()
}

/// Deal → its row. A deal has one row in a feed.
fn by_deal(rows: &[Row]) -> BTreeMap<&str, &Row> {
    let found: BTreeMap<&str, &Row> = rows.iter().map(|row| (row["external_id"].as_str(), row)).collect();
    assert_eq!(found.len(), rows.len(), "no deal stands in a file twice");
    found
}

fn day(text: &str) -> Date {
    text.parse().unwrap_or_else(|_| panic!("a date: {text}"))
}

/// One test: each has a process of its own, and reading both editions takes longer than all that is asked of them.
#[test]
fn the_demo_keeps_its_rules() {
    the_same_seed_gives_the_same_files_and_another_seed_others();
    the_files_of_the_set_are_imported_byte_for_byte();
    every_column_is_mapped_and_every_mapping_has_its_column();
    only_fields_that_can_be_imported_are_mapped();
    every_slot_is_filled();
    every_reference_leads_to_something_imported_before();
    choices_are_among_those_of_the_field();
    misspellings_of_the_set_are_cured_by_the_mappings();
    nothing_that_happened_lies_ahead_and_nothing_ends_before_it_begins();
    a_lost_deal_has_a_reason_and_a_worth_and_no_other_deal_has_a_reason();
    deals_end_as_the_set_says();
    deals_are_lost_in_every_stage_and_won_after_all_of_them();
    credit_codes_are_valid_and_stand_in_the_chinese_edition_only();
    nobody_shares_a_name_an_address_or_a_number();
    the_sign_ins_that_the_guide_names_exist();
    the_notes_do_not_repeat_themselves();
    the_chinese_edition_speaks_chinese();
    later_deals_have_evidence_and_some_of_it_is_missing();
}

fn the_same_seed_gives_the_same_files_and_another_seed_others() {
    for of in EDITIONS {
        let again = edition(of, today(), 1);
        let other = edition(of, today(), 2);
        assert_eq!(demo(of).evidence, again.evidence);
        assert_ne!(demo(of).evidence, other.evidence);
        for ((first, again), other) in feeds(of).iter().zip(&again.feeds).zip(&other.feeds) {
            assert_eq!(first.csv, again.csv, "{}", first.name);
            assert_eq!(first.mapping, again.mapping, "{}", first.name);
            let fixed = matches!(first.name, "people" | "products_supplement") || !first.generated;
            assert_eq!(first.csv == other.csv, fixed, "{}", first.name);
        }
    }
}

fn the_files_of_the_set_are_imported_byte_for_byte() {
    for of in EDITIONS {
        let files: Vec<(&str, &str)> =
            feeds(of).iter().filter(|feed| !feed.generated).map(|feed| (feed.name, feed.csv.as_str())).collect();
        assert_eq!(
            files,
            [("products", maven::PRODUCTS), ("accounts", maven::ACCOUNTS), ("opportunities", maven::PIPELINE)]
        );
    }
}

fn every_column_is_mapped_and_every_mapping_has_its_column() {
    for of in EDITIONS {
        for feed in feeds(of) {
            let mapping: toml::Table = feed.mapping.parse().expect("a mapping is TOML");
            let columns: BTreeSet<&str> =
                mapping["columns"].as_table().expect("columns").keys().map(String::as_str).collect();
            let mut reader = csv::Reader::from_reader(feed.csv.as_bytes());
            assert_eq!(reader.headers().expect("headers").iter().collect::<BTreeSet<_>>(), columns, "{}", feed.name);
            assert!(feed.mapping.lines().all(|line| !line.starts_with("# @")), "{} has an unfilled part", feed.name);
        }
    }
}

fn only_fields_that_can_be_imported_are_mapped() {
    let fields = |object: &str| match object {
        "person" => "name email roles manager office title locale password",
        "product" => "code name family list_price currency unit active",
        "account" => {
            "name external_id parent industry employees annual_revenue currency country province city address \
             website phone credit_code founded_year lifecycle owner description"
        }
        "contact" => "name account job_title department buying_role email mobile phone wechat owner",
        "lead" => {
            "name company job_title email mobile source status industry country city interest estimated_amount \
             currency consent consent_on disqualify_reason owner created_on"
        }
        "opportunity" => {
            "name external_id account stage amount currency close_date created_on closed_on next_step \
             next_step_date source competitors lost_reason lost_note contact product owner reached_stage moved_on"
        }
        "activity" => "kind subject body happened_at duration_minutes outcome account contact opportunity lead owner",
        "task" => "subject due_date priority status account contact opportunity lead owner description",
        other => panic!("no such object: {other}"),
    };
    for of in EDITIONS {
        for feed in feeds(of) {
            let mapping: toml::Table = feed.mapping.parse().expect("a mapping is TOML");
            let known: BTreeSet<&str> = fields(mapping["object"].as_str().unwrap()).split_whitespace().collect();
            for field in world(of)[feed.name][0].keys() {
                assert!(known.contains(field.as_str()), "{}: {field}", feed.name);
            }
            assert!(mapping.get("key").is_none_or(|key| known.contains(key.as_str().unwrap())), "{}", feed.name);
        }
    }
}

fn every_slot_is_filled() {
    for of in EDITIONS {
        for feed in feeds(of).iter().filter(|feed| feed.generated) {
            assert!(!feed.csv.contains(['{', '}']), "{}", feed.name);
        }
        for row in world(of)["activities"].iter().chain(&world(of)["tasks"]) {
            assert!(!row["subject"].is_empty() && !row["subject"].starts_with('+'), "{row:?}");
        }
    }
}

fn every_reference_leads_to_something_imported_before() {
    for of in EDITIONS {
        let world = world(of);
        let people = &world["people"];
        let owners: BTreeSet<&str> = set(people, "email").union(&set(people, "name")).copied().chain([""]).collect();
        let accounts: BTreeSet<&str> = set(&world["accounts"], "name").into_iter().chain([""]).collect();
        let deals: BTreeMap<&str, &Row> =
            world["opportunities"].iter().map(|row| (row["external_id"].as_str(), row)).collect();
        let contacts: BTreeSet<(&str, &str)> =
            world["contacts"].iter().map(|row| (row["account"].as_str(), row["name"].as_str())).collect();
        let leads = set(&world["leads"], "name");
        let mut products = set(&world["products_supplement"], "name");
        products.extend(set(&world["products"], "code"));

        let mut managers = BTreeSet::from([""]);
        for row in people {
            assert!(managers.contains(row["manager"].as_str()), "{} stands before {}", row["name"], row["manager"]);
            managers.insert(&row["email"]);
        }
        assert_eq!(set(&world["products"], "code"), set(&world["products_supplement"], "code"));
        assert_eq!(set(&world["accounts"], "name"), set(&world["accounts_supplement"], "name"));
        for row in &world["accounts"] {
            assert!(accounts.contains(row["parent"].as_str()), "{row:?}");
        }
        for row in &world["opportunities"] {
            assert!(products.contains(row["product"].as_str()), "{row:?}");
        }
        for name in ["opportunities_supplement", MOVED[0], MOVED[1], CLOSED] {
            assert!(world[name].iter().all(|row| deals.contains_key(row["external_id"].as_str())), "{name}");
        }
        for row in &world["opportunities_supplement"] {
            assert_eq!(row["account"], deals[row["external_id"].as_str()]["account"]);
        }
        for (feed, rows) in world {
            for row in rows {
                let get = |field: &str| row.get(field).map_or("", String::as_str);
                assert!(owners.contains(get("owner")), "{feed} {row:?}");
                assert!(accounts.contains(get("account")), "{feed} {row:?}");
                let contact = get("contact");
                assert!(contact.is_empty() || contacts.contains(&(get("account"), contact)), "{feed} {row:?}");
                let deal = get("opportunity");
                assert!(deal.is_empty() || deals[deal]["account"] == get("account"), "{feed} {row:?}");
                let lead = get("lead");
                assert!(lead.is_empty() || leads.contains(lead), "{feed} {row:?}");
            }
        }
        for feed in ["activities", "tasks"] {
            let tied = |row: &Row| ["account", "opportunity", "lead"].iter().any(|field| !row[*field].is_empty());
            assert!(world[feed].iter().all(|row| tied(row) && !row["owner"].is_empty()), "{feed}");
        }
    }
}

fn choices_are_among_those_of_the_field() {
    let allowed: [(&str, &str, &[&str]); 8] = [
        (
            "accounts",
            "industry",
            &[
                "technology",
                "medical",
                "retail",
                "software",
                "entertainment",
                "marketing",
                "telecommunications",
                "finance",
                "employment",
                "services",
            ],
        ),
        (
            "contacts",
            "buying_role",
            &["decision_maker", "economic_buyer", "champion", "influencer", "user", "gatekeeper", "blocker"],
        ),
        ("leads", "status", &["new", "working", "qualified", "unqualified"]),
        (
            "leads",
            "source",
            &["website", "referral", "event", "advertising", "partner", "outbound", "content", "other"],
        ),
        ("leads", "consent", &["unknown", "given", "withdrawn"]),
        (
            CLOSED,
            "lost_reason",
            &["", "price", "product", "timing", "competitor", "no_budget", "no_decision", "relationship", "other"],
        ),
        ("activities", "kind", &["call", "meeting", "visit", "mail", "note"]),
        ("tasks", "priority", &["low", "normal", "high"]),
    ];
    for of in EDITIONS {
        for (feed, field, choices) in allowed {
            assert_eq!(
                set(&world(of)[feed], field),
                choices.iter().copied().collect(),
                "{feed}.{field}: all of them occur, and no other"
            );
        }
        let stages = words::Words::of(of).stages;
        let mut entered = set(&world(of)["opportunities"], "stage");
        for name in [MOVED[0], MOVED[1], CLOSED] {
            entered.extend(set(&world(of)[name], "stage"));
        }
        assert_eq!(entered, stages.values().map(String::as_str).collect());
    }
}

fn misspellings_of_the_set_are_cured_by_the_mappings() {
    let world = world(Edition::English);
    assert_eq!(set(&world["opportunities"], "product"), set(&world["products"], "code"));
    let countries = set(&world["accounts"], "country");
    assert!(countries.contains("Philippines") && !countries.contains("Philipines"));
    assert_eq!(world["opportunities"].iter().filter(|row| row["account"].is_empty()).count(), 1425);
    let nameless = world["opportunities"].iter().find(|row| row["account"].is_empty()).unwrap();
    assert_eq!(nameless["name"], nameless["product"]);
}

fn nothing_that_happened_lies_ahead_and_nothing_ends_before_it_begins() {
    for (of, today) in [(EDITIONS[0], today()), (EDITIONS[1], date(2024, 2, 29)), (EDITIONS[0], date(2027, 1, 1))] {
        let demo = edition(of, today, 9);
        let world: World = demo.feeds.iter().map(|feed| (feed.name, rows(feed))).collect();
        let mut lives: BTreeMap<&str, (Date, Date)> = BTreeMap::new();
        let mut open: BTreeSet<&str> = BTreeSet::new();
        let mut newest = date(2000, 1, 1);
        let closings = by_deal(&world[CLOSED]);
        for (row, more) in world["opportunities"].iter().zip(&world["opportunities_supplement"]) {
            assert_eq!(row["external_id"], more["external_id"]);
            let created = day(if row["created_on"].is_empty() { &more["created_on"] } else { &row["created_on"] });
            let closed = closings.get(row["external_id"].as_str()).map(|closing| day(&closing["closed_on"]));
            let of_the_set = (!row["close_date"].is_empty()).then(|| day(&row["close_date"]));
            assert_eq!(closed, of_the_set, "a deal is closed on the day of the set");
            assert!(created <= closed.unwrap_or(today) && closed.is_none_or(|closed| closed <= today), "{row:?}");
            assert_eq!(closed.is_none(), !more["close_date"].is_empty(), "only open deals are given a close date");
            if closed.is_none() {
                open.insert(&row["external_id"]);
                let expected = day(&more["close_date"]);
                assert!(
                    expected > created
                        && expected >= today.saturating_add((-10).days())
                        && expected <= today.saturating_add(120.days()),
                    "{more:?}"
                );
            }
            newest = newest.max(created).max(closed.unwrap_or(created));
            lives.insert(&row["external_id"], (created, closed.unwrap_or(today)));
        }
        assert_eq!(newest, today, "the newest date of the set is today");
        let mut last_moves: BTreeMap<&str, Date> = BTreeMap::new();
        for row in MOVED.iter().flat_map(|name| &world[name]) {
            let deal = row["external_id"].as_str();
            let (created, end) = lives[deal];
            let moved = day(&row["moved_on"]);
            let ends_later = moved < end || moved == today && open.contains(deal);
            assert!(created < end && created < moved && ends_later, "{row:?}");
            let before = last_moves.insert(deal, moved);
            assert!(
                before.is_none_or(|before| before < moved),
                "each move has a later day than the one before: {row:?}"
            );
        }
        let mut asked = BTreeMap::new();
        for row in &world["leads"] {
            let created = day(&row["created_on"]);
            assert!(created <= today && created >= today.saturating_add((-120).days()));
            assert_eq!(row["consent"] == "unknown", row["consent_on"].is_empty());
            assert!(row["consent_on"].is_empty() || (created..=today).contains(&day(&row["consent_on"])), "{row:?}");
            assert_eq!(row["status"] == "unqualified", !row["disqualify_reason"].is_empty());
            asked.insert(row["name"].as_str(), created);
        }
        for row in &world["activities"] {
            let at = DateTime::strptime("%Y-%m-%d %H:%M", &row["happened_at"]).expect("a local date and time");
            assert!(at.date() < today && (8..19).contains(&at.hour()), "{row:?}");
            let (from, to) =
                lives.get(row["opportunity"].as_str()).copied().unwrap_or_else(|| (asked[row["lead"].as_str()], today));
            assert!((from..=to).contains(&at.date()), "{row:?}");
        }
        for note in &demo.evidence {
            let (from, to) = lives[note.deal.as_str()];
            assert!((from..=to).contains(&note.at.date()) && note.at.date() < today, "{note:?}");
        }
        for row in &world["tasks"] {
            let due = day(&row["due_date"]);
            assert!(due >= today.saturating_add((-40).days()) && due <= today.saturating_add(30.days()), "{row:?}");
        }
    }
}

fn a_lost_deal_has_a_reason_and_a_worth_and_no_other_deal_has_a_reason() {
    for of in EDITIONS {
        let lost = &words::Words::of(of).stages["lost"];
        let closings = by_deal(&world(of)[CLOSED]);
        for (row, more) in world(of)["opportunities"].iter().zip(&world(of)["opportunities_supplement"]) {
            let closing = closings.get(row["external_id"].as_str());
            let said = |field: &str| closing.map_or("", |closing| closing[field].as_str());
            assert_eq!(said("stage") == lost, !said("lost_reason").is_empty());
            assert_eq!(said("lost_reason").is_empty(), said("lost_note").is_empty());
            assert_ne!(
                row["amount"].is_empty(),
                more["amount"].is_empty(),
                "the amount is the set's or generated, never both"
            );
            assert!(said("lost_reason") != "competitor" || !more["competitors"].is_empty());
        }
    }
}

fn deals_end_as_the_set_says() {
    for of in EDITIONS {
        let stages = words::Words::of(of).stages;
        let closings = by_deal(&world(of)[CLOSED]);
        let pipeline: Vec<maven::Opportunity> = maven::rows(maven::PIPELINE);
        for (row, set) in world(of)["opportunities"].iter().zip(&pipeline) {
            assert_eq!(row["external_id"], set.opportunity_id);
            let end = closings.get(set.opportunity_id.as_str()).map(|closing| closing["stage"].as_str());
            let (first, of_the_set) = match set.deal_stage.as_str() {
                "Won" => ("engaging", Some(stages["won"].as_str())),
                "Lost" => ("engaging", Some(stages["lost"].as_str())),
                "Engaging" => ("engaging", None),
                _ => ("prospecting", None),
            };
            assert_eq!((&row["stage"], end), (&stages[first], of_the_set), "{row:?}");
            let is_paid = of_the_set == Some(stages["won"].as_str());
            assert_eq!(row["amount"], if is_paid { set.close_value.as_str() } else { "" }, "{row:?}");
        }
        assert_eq!(closings.len(), 6711);
    }
}

fn deals_are_lost_in_every_stage_and_won_after_all_of_them() {
    for of in EDITIONS {
        let stages = words::Words::of(of).stages;
        let world = world(of);
        let [proposals, negotiations] = MOVED.map(|name| by_deal(&world[name]));
        assert_eq!(set(&world[MOVED[0]], "stage"), BTreeSet::from([stages["proposal"].as_str()]));
        assert_eq!(set(&world[MOVED[1]], "stage"), BTreeSet::from([stages["negotiation"].as_str()]));
        let created = by_deal(&world["opportunities"]);
        // How many deals came no further than engaging, proposal and negotiation, and how many days they lived.
        let count = |end: &str| {
            let mut count = [(0i64, 0i64); 3];
            for (deal, closing) in by_deal(&world[CLOSED]) {
                if closing["stage"] == stages[end] {
                    let began = day(&created[deal]["created_on"]);
                    let days = began.until(day(&closing["closed_on"])).expect("civil dates").get_days();
                    let furthest = match (proposals.contains_key(deal), negotiations.contains_key(deal)) {
                        (_, true) => 2,
                        (true, false) => 1,
                        (false, false) => 0,
                    };
                    count[furthest].0 += 1;
                    count[furthest].1 += i64::from(days);
                }
            }
            count
        };
        let lost = count("lost");
        let share = |at: usize| lost[at].0 * 1000 / 2473;
        assert!((470..550).contains(&share(0)), "lost in engaging: {}", share(0));
        assert!((260..330).contains(&share(1)), "lost in proposal: {}", share(1));
        assert!((160..230).contains(&share(2)), "lost in negotiation: {}", share(2));
        let [engaging, proposal, negotiation] = lost.map(|(deals, days)| days / deals);
        assert!(engaging < proposal && proposal < negotiation, "{engaging} {proposal} {negotiation} days");
        let won = count("won");
        assert!(won[2].0 * 100 > 4238 * 85, "nearly all won deals were negotiated: {won:?}");
        assert!(won[0].0 > 0 && won[1].0 > 0, "a few skip stages: {won:?}");
        assert!(negotiations.len() > 4_400 && proposals.len() > negotiations.len());
    }
}

fn credit_codes_are_valid_and_stand_in_the_chinese_edition_only() {
    let codes = set(&world(Edition::Chinese)["accounts_supplement"], "credit_code");
    assert_eq!(codes.len(), 85);
    for code in codes {
        assert_eq!(code.len(), 18);
        assert_eq!(code.chars().last(), Some(credit::check(&code[..17])), "{code}");
    }
    assert_eq!(set(&world(Edition::English)["accounts_supplement"], "credit_code"), BTreeSet::from([""]));
}

fn nobody_shares_a_name_an_address_or_a_number() {
    for of in EDITIONS {
        let world = world(of);
        for field in ["name", "email", "mobile"] {
            let reachable = world["contacts"].iter().chain(&world["leads"]).chain(&world["people"]);
            let all: Vec<&str> = reachable.filter_map(|row| row.get(field)).map(String::as_str).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{field}");
            assert!(field != "email" || all.iter().all(|email| email.is_ascii() && email.ends_with(".example")));
        }
        for field in ["website", "phone"] {
            assert_eq!(set(&world["accounts_supplement"], field).len(), 85, "{field}");
        }
    }
}

fn the_sign_ins_that_the_guide_names_exist() {
    for of in EDITIONS {
        let people = &world(of)["people"];
        for role in ["partner", "manager", "seller", "hr", "marketing", "liaison", "admin", "auditor"] {
            let person = people
                .iter()
                .find(|row| row["email"] == format!("{role}@trivet.example"))
                .unwrap_or_else(|| panic!("{role}"));
            assert_eq!((person["roles"].as_str(), person["password"].as_str()), (role, PASSWORD));
        }
        let seller = people.iter().find(|row| row["email"] == "seller@trivet.example").unwrap();
        assert_eq!(seller["manager"], "manager@trivet.example");
        let deals = world(of)["opportunities"].iter().filter(|row| row["owner"] == seller["name"]).count();
        assert_eq!(deals, 747, "the seller of the guide has the most deals of the set");
    }
}

fn the_notes_do_not_repeat_themselves() {
    for of in EDITIONS {
        let activities = &world(of)["activities"];
        assert!((11_000..14_000).contains(&activities.len()), "{}", activities.len());
        assert!(
            set(activities, "body").len() * 10 > activities.len() * 8,
            "{} different bodies",
            set(activities, "body").len()
        );
        assert!(set(activities, "subject").len() > 1500, "{} different subjects", set(activities, "subject").len());
    }
}

fn the_chinese_edition_speaks_chinese() {
    let chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
    let world = world(Edition::Chinese);
    for (feed, field) in [
        ("people", "name"),
        ("accounts", "name"),
        ("contacts", "name"),
        ("opportunities", "name"),
        ("activities", "subject"),
        ("activities", "body"),
        ("tasks", "subject"),
        ("leads", "interest"),
    ] {
        assert!(world[feed].iter().all(|row| chinese(&row[field])), "{feed}.{field}");
    }
    for feed in feeds(Edition::English) {
        assert!(!chinese(&feed.csv) && !chinese(&feed.mapping), "{}", feed.name);
    }
}

fn later_deals_have_evidence_and_some_of_it_is_missing() {
    for of in EDITIONS {
        let (words, evidence) = (words::Words::of(of), &demo(of).evidence);
        assert!((2_200..3_200).contains(&evidence.len()), "{} notes", evidence.len());
        let mut stages: BTreeMap<&str, &str> = BTreeMap::new();
        for row in ["opportunities", MOVED[0], MOVED[1], CLOSED].iter().flat_map(|name| &world(of)[name]) {
            stages.insert(&row["external_id"], &row["stage"]);
        }
        let mut given: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for note in evidence {
            assert!(!note.text.is_empty() && !note.text.contains(['{', '}', '+']), "{note:?}");
            let is_first = given.entry(&note.deal).or_default().insert(&note.criterion);
            assert!(is_first, "one note for each criterion: {note:?}");
        }
        let late = [("proposal", "need"), ("negotiation", "need"), ("negotiation", "accepted"), ("won", "ordered")];
        for (stage, criterion) in late {
            let here = stages.iter().filter(|(_, name)| **name == words.stages[stage]).map(|(deal, _)| *deal);
            let name = words.criteria[criterion].as_str();
            let (with, without): (Vec<&str>, Vec<&str>) =
                here.partition(|deal| given.get(deal).is_some_and(|criteria| criteria.contains(name)));
            assert!(with.len() > 150 && without.len() > 50, "{stage}, {criterion}: {} {}", with.len(), without.len());
        }
        for stage in ["prospecting", "lost"] {
            let name = &words.stages[stage];
            assert!(given.keys().all(|deal| stages[deal] != name), "nobody is asked at {stage}");
        }
    }
}
