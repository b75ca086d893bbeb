//! Q15: whatever a small company's people, roles, lines, rules, shares and hidden fields are, every surface shows each of them
//! exactly what the model says, which knows no SQL: [`model`]. The companies are made by dice: [`world`].
//!
//! `TRIVET_WORLDS=300 TRIVET_SEED=1` tries more of them; a disagreement names its seed.

pub mod model;
pub mod surfaces;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Cell, Uuid};
use testkit::{Answer, Engine, Person, TestApp, on};
use trivet::shell::access::{Access, Level as RealLevel};
use trivet::shell::creation::alike;
use trivet::shell::error::Error;
use trivet::shell::format;
use trivet::shell::i18n::Locale;
use trivet::shell::record::{Draft, command, query};
use trivet::shell::routes::Policy;

use self::model::{Level, World};
use self::surfaces::{About, Surface, check_all_found, surfaces};
use self::world::{Dice, House, KINDS, VIEWERS, made, token, tokens};

/// Companies that a usual run looks at.
const WORLDS: [(Engine, u64); 2] = [(Engine::Sqlite, 6), (Engine::Postgres, 2)];

/// A number from outside, for long runs (`make test-long`).
pub fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn every_surface_shows_exactly_what_the_model_says() {
    let first = number("TRIVET_SEED", 1);
    let mut checks = 0;
    let found = std::sync::Mutex::new(BTreeSet::new());
    for (engine, usual) in WORLDS {
        for seed in first..first + number("TRIVET_WORLDS", usual) {
            // Lists are found in two ways, by how many records they have; a world is looked at in one of them.
            query::IN_ORDER
                .store(if seed % 2 == 1 { 0 } else { query::RECKONED }, std::sync::atomic::Ordering::Relaxed);
            // Searches on PostgreSQL in three: some of the newest, on in order, or collected.
            let few = seed % 2 == 0;
            store::newest::FIRST.store(if few { 3 } else { 512 }, std::sync::atomic::Ordering::Relaxed);
            let checked = std::sync::atomic::AtomicU64::new(0);
            on(engine, async |app| {
                let mut dice = Dice::new(seed);
                app.limits.set_api_per_minute(1_000_000);
                let today = app.config(0).await.expect("an organisation").today(app.clock.now());
                let world = made(&mut dice, app, today.0);
                let house = House::build(app, world, &mut dice).await;
                if few {
                    app.execute("ANALYZE").await;
                }
                let mut wrong = Vec::new();
                let surfaces = surfaces(app, &house).await;
                for person in 0..VIEWERS {
                    let mut eyes =
                        Eyes { app, house: &house, person, wrong: Vec::new(), checks: 0, asked: BTreeMap::new() };
                    eyes.look_around().await;
                    eyes.everything_else(&surfaces, seed as usize).await;
                    let answered = |surface: &&Surface| eyes.asked.get(&surface.path) == Some(&200);
                    let routes = surfaces.iter().filter(answered).map(|surface| surface.route.clone());
                    found.lock().expect("no panic").extend(routes);
                    checked.fetch_add(eyes.checks, std::sync::atomic::Ordering::Relaxed);
                    wrong.extend(eyes.wrong);
                }
                let count = wrong.len();
                let wrong = one_of_each(wrong);
                assert!(count == 0, "TRIVET_SEED={seed} TRIVET_WORLDS=1: {count} disagreements\n{wrong}");
            });
            checks += checked.into_inner();
        }
    }
    eprintln!("{checks} comparisons");
    assert!(checks > 10_000, "only {checks} comparisons");
    // A single company, looked at again after a disagreement, has not everything.
    if number("TRIVET_WORLDS", WORLDS[0].1) >= WORLDS[0].1 {
        check_all_found(&found.into_inner().expect("no panic"));
    }
}

/// The first of each kind of disagreement, and how many there are.
fn one_of_each(wrong: Vec<(String, String)>) -> String {
    let mut kinds: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (place, text) in wrong {
        // Ids and tokens apart, it is the same place.
        let place = all_ids(&place).iter().fold(place.clone(), |place, id| place.replace(&id.to_string(), ""));
        let words = place.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 2 && !word.starts_with("zq"));
        kinds.entry(words.collect::<Vec<_>>().join(" ")).or_insert((0, text)).0 += 1;
    }
    kinds.into_values().map(|(count, text)| format!("{count} times: {text}")).collect::<Vec<_>>().join("\n")
}

/// The settings offer to hide just the fields that the model lets be hidden.
#[test]
fn the_settings_offer_the_fields_that_can_be_hidden() {
    on(Engine::Sqlite, async |app| {
        for (object, _) in world::ALWAYS_SHOWN {
            let page = app.get(&app.administrator, &format!("/settings/access/{object}")).await;
            let offered: BTreeSet<String> = after(&page.body, "name=\"hide-")
                .into_iter()
                .map(|rest| rest.split(['-', '"']).next().unwrap_or("").to_owned())
                .collect();
            let expected: BTreeSet<String> = world::hideable(app, object).into_iter().map(str::to_owned).collect();
            assert_eq!(offered, expected, "{object}");
        }
    });
}

// -- reading pages -----------------------------------------------------------------------------------------------------

/// So many records, as a page says it.
fn told(records: usize, more: &str) -> String {
    format!("{records} record{}{more}", if records == 1 { "" } else { "s" })
}

/// What follows each `mark` in a text.
fn after<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.match_indices(mark).map(|(at, _)| &text[at + mark.len()..]).collect()
}

/// The ids that follow each `mark`.
fn ids_after(text: &str, mark: &str) -> BTreeSet<Uuid> {
    after(text, mark).into_iter().filter_map(|rest| rest.get(..36)?.parse().ok()).collect()
}

/// Every id in a text.
fn all_ids(text: &str) -> BTreeSet<Uuid> {
    let candidates = text.match_indices('-').filter_map(|(at, _)| text.get(at.checked_sub(8)?..at + 28));
    candidates.filter_map(|part| part.parse().ok()).collect()
}

/// The name and value of every input of the only form on a page.
fn inputs(page: &str) -> Vec<(String, String)> {
    let form = after(page, "<form class=\"form").into_iter().next().unwrap_or("");
    let form = form.split("</form>").next().unwrap_or("");
    let plain = |text: &str| {
        text.replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#38;", "&")
            .replace("&amp;", "&")
    };
    let attribute = |tag: &str, name: &str| {
        after(tag, &format!(" {name}=\"")).first().map(|rest| plain(rest.split('"').next().unwrap_or("")))
    };
    let mut found = Vec::new();
    for (tag, rest) in form.split('<').skip(1).map(|part| part.split_once('>').unwrap_or((part, ""))) {
        let name = attribute(tag, "name");
        match (tag.split_whitespace().next(), name) {
            (Some("input"), Some(name)) if !tag.contains("type=\"checkbox\"") => {
                found.push((name, attribute(tag, "value").unwrap_or_default()));
            }
            (Some("textarea"), Some(name)) => found.push((name, plain(rest.trim_start_matches('\n')))),
            (Some("select"), Some(name)) => found.push((name, String::new())),
            (Some("option"), _) if tag.contains(" selected") => {
                let last = found.last_mut().expect("an option stands in a select");
                last.1 = attribute(tag, "value").unwrap_or_default();
            }
            _ => {}
        }
    }
    found
}

// -- one person looks around -------------------------------------------------------------------------------------------

struct Eyes<'a> {
    app: &'a TestApp,
    house: &'a House,
    person: usize,
    wrong: Vec<(String, String)>,
    checks: u64,
    /// Addresses, and the status of their answers.
    asked: BTreeMap<String, u16>,
}

/// Routes that refuse some of those who may call them and see the record, or change it: how, and why.
const ALSO: &[(&str, u16, &str)] = &[
    ("/accounts/{id}/shares/new", 403, "only who has the owner within reach shares"),
    ("/opportunities/{id}/shares/new", 403, "as above"),
    ("/leads/{id}/shares/new", 403, "as above"),
    ("/accounts/{id}/team/new", 403, "as above"),
    ("/opportunities/{id}/items/new", 403, "prices are amounts, and those are hidden"),
    ("/opportunities/{id}/items/{item}/edit", 403, "as above"),
    ("/api/opportunities/{id}/items/{item}", 404, "then a deal has no lines"),
    ("/opportunities/{id}/committee/new", 403, "the contacts of deals are hidden"),
    ("/imports/templates/{file}", 404, "only for what one may bring in"),
];

/// Of the addresses that only the walk asks, and that are one per record, each person asks for one in so many.
const SAMPLE: usize = 3;

impl<'a> Eyes<'a> {
    fn world(&self) -> &'a World {
        &self.house.world
    }
    fn me(&self) -> &'a Person {
        &self.house.people[self.person]
    }

    fn expect<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, shown: T, expected: T) {
        self.checks += 1;
        if shown != expected {
            let roles: Vec<_> = self.world().people[self.person].iter().collect();
            let text = format!("{} {roles:?} {place}\n  shows {shown:?}\n  model {expected:?}", self.me().name);
            self.wrong.push((place.to_owned(), text));
        }
    }

    fn records(&self, ids: &BTreeSet<Uuid>) -> BTreeSet<usize> {
        ids.iter().filter_map(|id| self.house.by_id.get(id).copied()).collect()
    }

    /// Nothing on the page is about a record or a field that does not exist for the person.
    fn leaks(&mut self, place: &str, page: &str) {
        let (world, person) = (self.world(), self.person);
        let may_read = |(record, field): &(usize, &str)| {
            self.house.may_name(person, *record) && world.sees(person, world.records[*record].object, field)
        };
        let texts: Vec<_> = tokens(page).into_iter().filter(|text| !may_read(text)).collect();
        let named: Vec<String> = self
            .records(&all_ids(page))
            .into_iter()
            .filter(|record| !self.house.may_name(person, *record))
            .map(|record| format!("{} {record}", world.records[record].object))
            .collect();
        self.expect(&format!("{place}: texts that are not theirs to read"), texts, Vec::new());
        self.expect(&format!("{place}: records that are not theirs to know"), named, Vec::new());
    }

    /// The log names records by their ids to who keeps it, and a view that somebody shares with everybody goes by the id that they
    /// chose: what these records are is told to who may read them.
    fn leaks_words(&mut self, place: &str, page: &str) {
        self.leaks(place, &page.replace('-', " "));
    }

    /// Asks with a session, the API with a token. What is in a workbook stands in the answer as text.
    async fn ask(&mut self, path: &str) -> Answer {
        let mut answer = if path.starts_with("/api") {
            self.app.api(&self.house.tokens[self.person], Method::GET, path, &[], None).await
        } else {
            self.app.get(self.me(), path).await
        };
        self.asked.insert(path.to_owned(), answer.status.as_u16());
        if answer.bytes.starts_with(b"PK") {
            answer.body = rows_of(self.app, &answer.bytes);
        }
        answer
    }

    /// As [`Eyes::get`], with the answer of the API.
    async fn api(&mut self, path: &str, allowed: bool) -> Option<Json> {
        self.get(path, allowed).await.map(|answer| answer.json())
    }

    /// Asks for a page that exists for some.
    async fn get(&mut self, path: &str, allowed: bool) -> Option<Answer> {
        let mut page = self.ask(path).await;
        // What somebody typed is no news to them.
        if let Some((_, words)) = path.split_once("q=zq") {
            page.body = page.body.replace(&format!("zq{words}"), "");
        }
        self.expect(path, page.status.as_u16(), if allowed { 200 } else { 404 });
        self.leaks(path, &page.body);
        (page.status == 200).then_some(page)
    }

    async fn look_around(&mut self) {
        for (object, _, texts) in KINDS {
            self.list(object, texts).await;
            self.api_list(object).await;
            self.finding(object, texts).await;
            self.many_at_once(object).await;
        }
        for record in 0..self.world().records.len() {
            self.one(record).await;
        }
        self.board().await;
        self.calendar().await;
        self.figures().await;
        self.api_figures().await;
    }

    /// Every other address that the router has: nothing there is for another's eyes, and who may not see the record finds nothing.
    async fn everything_else(&mut self, surfaces: &[Surface], seed: usize) {
        let viewer = self.app.viewer(self.me()).await;
        let of_people = viewer.scope.access("person");
        for surface in surfaces {
            let turn = match surface.about {
                About::Record(at) | About::Field(at, _) | About::Person(at) => at + self.person + seed,
                About::Nothing | About::View => 0,
            };
            if self.asked.contains_key(&surface.path) || turn % SAMPLE != 0 {
                continue;
            }
            let answer = self.ask(&surface.path).await;
            let status = answer.status.as_u16();
            let expected = self.expected(surface, of_people);
            self.expect(&format!("{}: {status} fits {expected:?}", surface.name), expected.contains(&status), true);
            if surface.route.contains("/audit") || surface.route.contains("/views") {
                self.leaks_words(&surface.name, &answer.body);
            } else {
                self.leaks(&surface.name, &answer.body);
            }
        }
    }

    /// What a route answers to the person, from its policy and the rights of the model, which has none on people.
    fn expected(&self, surface: &Surface, of_people: Access) -> Vec<u16> {
        let (world, person) = (self.world(), self.person);
        let allowed = match surface.policy {
            Policy::Public | Policy::SignedIn => true,
            Policy::Read("person") => of_people.read > RealLevel::None,
            Policy::Change("person") => of_people.write > RealLevel::None,
            Policy::Create("person") => of_people.create,
            Policy::Export("person") => of_people.export,
            Policy::Read(object) => self.reads_kind(object),
            Policy::Change(object) => self.changes_kind(object),
            Policy::Create(object) => world.rule(person, object).create,
            Policy::Export(object) => world.rule(person, object).export,
            Policy::CreateAny => of_people.create || KINDS.iter().any(|(object, ..)| world.rule(person, object).create),
            Policy::Roles(roles) => roles.iter().any(|role| world.people[person].contains(role.key())),
        };
        let changes = matches!(surface.policy, Policy::Change(_));
        let also = ALSO.iter().filter(|(route, ..)| *route == surface.route).map(|(_, status, _)| *status);
        match surface.about {
            _ if !allowed => vec![404],
            About::Record(record) if !world.reads(person, record) => vec![404],
            About::Field(record, field)
                if !world.reads(person, record) || !world.sees(person, world.records[record].object, field) =>
            {
                vec![404]
            }
            About::Record(record) | About::Field(record, _) if changes && !world.writes(person, record) => vec![403],
            About::View => vec![200, 403, 404],
            _ => also.chain([200]).collect(),
        }
    }

    fn reads_kind(&self, object: &str) -> bool {
        self.world().rule(self.person, object).read > Level::None
    }

    fn texts_of(&self, records: &BTreeSet<usize>) -> BTreeSet<(usize, &'static str)> {
        records.iter().flat_map(|record| self.world().texts(self.person, *record)).collect()
    }

    /// The list with every column, its usual view, its trash, its files.
    async fn list(&mut self, name: &str, texts: &[&str]) {
        let object = self.app.object(name);
        let plural = object.plural;
        let (reads, rule) = (self.reads_kind(name), self.world().rule(self.person, name));
        let expected = self.world().read_of(self.person, name);
        let columns: Vec<&str> = object.fields.iter().filter(|field| !field.is_virtual()).map(|f| f.key).collect();
        let columns = columns.join(",");
        let all = format!("view=none&cols={columns}");
        let open = format!("class=\"row-name\" href=\"/{plural}/");
        if let Some(page) = self.get(&format!("/{plural}?{all}"), reads).await {
            self.expect(&format!("/{plural}"), self.records(&ids_after(&page.body, &open)), expected.clone());
            self.expect(&format!("/{plural}: texts"), tokens(&page.body), self.texts_of(&expected));
            let total = told(expected.len(), "");
            self.expect(&format!("/{plural}: {total}"), page.has(&total), true);
        }
        if let Some(page) = self.get(&format!("/{plural}?view=none&trash=1"), reads).await {
            let world = self.world();
            let trash = world.of(name).filter(|record| world.records[*record].in_trash);
            let trash: BTreeSet<usize> = trash.filter(|record| self.house.may_name(self.person, *record)).collect();
            self.expect(&format!("trash of {plural}"), self.records(&ids_after(&page.body, "data-row=\"")), trash);
        }
        self.get(&format!("/{plural}"), reads).await;
        for (_, view) in self.house.views.iter().filter(|(object, _)| *object == name) {
            let path = format!("/{plural}?view={view}");
            let page = self.ask(&path).await;
            self.expect(&path, page.status.as_u16(), if reads { 200 } else { 404 });
            self.leaks_words(&path, &page.body);
        }
        let seen: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| !field.is_virtual() && field.is_read() && self.world().sees(self.person, name, field.key))
            .map(|field| field.key)
            .collect();
        let fields = seen.join(",");
        for file in [
            format!("/{plural}.csv?{all}"),
            format!("/{plural}.xlsx?{all}"),
            format!("/api/{plural}/export?fields={fields}"),
            format!("/api/{plural}/export?format=xlsx&fields={fields}"),
        ] {
            if let Some(answer) = self.get(&file, rule.export).await {
                self.expect(&format!("{file}: texts"), tokens(&answer.body), self.texts_of(&expected));
            }
        }
        self.get(&format!("/{plural}/new"), rule.create).await;
        for key in texts {
            let sees = reads && self.world().sees(self.person, name, key);
            let path = format!("/{plural}?view=none&f={key}:has:zq");
            let page = self.app.get(self.me(), &path).await;
            let status = if sees { 200 } else { if reads { 422 } else { 404 } };
            self.expect(&path, page.status.as_u16(), status);
            if sees {
                self.expect(&path, self.records(&ids_after(&page.body, &open)), expected.clone());
            }
            let path = format!("/api/{plural}?limit=200&f={key}:has:zq");
            let answer = self.ask(&path).await;
            self.expect(&path, answer.status.as_u16(), status);
            if sees {
                self.expect(&path, self.listed(&answer.json()), expected.clone());
            }
        }
    }

    /// The records in the `data` of an answer.
    fn listed(&self, answer: &Json) -> BTreeSet<usize> {
        let rows = answer["data"].as_array().into_iter().flatten();
        self.records(&rows.filter_map(|row| row["id"].as_str()?.parse().ok()).collect())
    }

    async fn api_list(&mut self, name: &str) {
        let plural = self.app.object(name).plural;
        let token = &self.house.tokens[self.person];
        let path = format!("/api/{plural}?limit=200&count=true");
        let answer = self.app.api(token, Method::GET, &path, &[], None).await;
        let reads = self.reads_kind(name);
        self.expect(&path, answer.status.as_u16(), if reads { 200 } else { 404 });
        self.leaks(&path, &answer.body);
        if !reads {
            return;
        }
        let (expected, body) = (self.world().read_of(self.person, name), answer.json());
        let rows = body["data"].as_array().expect("an array").clone();
        let shown: BTreeSet<Uuid> =
            rows.iter().filter_map(|row| row["id"].as_str()).filter_map(|id| id.parse().ok()).collect();
        self.expect(&path, self.records(&shown), expected.clone());
        self.expect(&path, body["count"].as_u64(), Some(expected.len() as u64));
        self.expect(&path, tokens(&answer.body), self.texts_of(&expected));
        let hidden: Vec<&str> = world::hideable(self.app, name)
            .into_iter()
            .filter(|key| !self.world().sees(self.person, name, key))
            .filter(|key| rows.iter().any(|row| row.get(*key).is_some()))
            .collect();
        self.expect(&format!("{path}: hidden fields"), hidden, Vec::new());
    }

    /// Picker, palette and search: by a word that all names share, and by the words of single fields.
    async fn finding(&mut self, name: &str, texts: &[&str]) {
        let object = self.app.object(name);
        let expected = self.world().read_of(self.person, name);
        let reads = self.reads_kind(name);
        for path in [format!("/pick/{name}"), format!("/pick/{name}?q=kite")] {
            if let Some(page) = self.get(&path, reads).await {
                self.expect(&path, self.records(&ids_after(&page.body, "\"value\":\"")), expected.clone());
            }
        }
        let mark = format!("href=\"/{}/", object.plural);
        if let Some(page) = self.get("/search?q=kite", true).await {
            self.expect(&format!("search: {name}"), self.records(&ids_after(&page.body, &mark)), expected.clone());
        }
        if let Some(answer) = self.api("/api/search?q=kite&limit=50", true).await {
            let of_kind =
                self.listed(&answer).into_iter().filter(|record| self.world().records[*record].object == name);
            self.expect(&format!("API search: {name}"), of_kind.collect(), expected.clone());
        }
        if let Some(page) = self.get("/palette?q=kite", true).await {
            let shown = self.records(&ids_after(&page.body, &mark));
            self.expect(&format!("palette: {name}"), shown.len(), expected.len().min(5));
            self.expect(&format!("palette: {name}"), shown.is_subset(&expected), true);
        }
        // Words of an index of which a field is hidden are found by nobody whom it is hidden from.
        use trivet::shell::record::Found;
        let sees = |private: bool| {
            object.fields.iter().all(|field| match field.found {
                Found::No => true,
                Found::ByName | Found::ByText => private || self.world().sees(self.person, name, field.key),
                Found::ByPrivateText | Found::ByPrivateNumber => {
                    !private || self.world().sees(self.person, name, field.key)
                }
            })
        };
        let (open, private) = (sees(false), sees(true));
        for (index, record) in self.world().of(name).collect::<Vec<_>>().into_iter().enumerate() {
            let key = texts[index % texts.len()];
            let title = key == object.title;
            let found_by = match object.field(key).expect("a field").found {
                _ if title => true,
                Found::No => false,
                Found::ByName | Found::ByText => open,
                Found::ByPrivateText | Found::ByPrivateNumber => open && private,
            };
            let path = format!("/search?q={}", token(self.world(), record, key));
            let found = self.world().reads(self.person, record) && found_by;
            if let Some(page) = self.get(&path, true).await {
                let shown = self.records(&ids_after(&page.body, &mark));
                let expected = if found { BTreeSet::from([record]) } else { BTreeSet::new() };
                self.expect(&format!("{path} ({name} by {key})"), shown, expected.clone());
                if index == self.person {
                    let path = format!("/api{path}");
                    if let Some(answer) = self.api(&path, true).await {
                        self.expect(&format!("{path} ({name} by {key})"), self.listed(&answer), expected);
                    }
                }
            }
        }
    }

    /// The preview of work on many records counts what there is and what may be changed.
    async fn many_at_once(&mut self, name: &str) {
        let plural = self.app.object(name).plural;
        let world = self.world();
        let may_change = world.rule(self.person, name).write > Level::None;
        let read = world.read_of(self.person, name);
        let writable = world.of(name).filter(|record| world.writes(self.person, *record)).count();
        let givable = world.of(name).filter(|record| world.gives(self.person, *record)).count();
        let path = format!("/{plural}/bulk");
        let status = if !may_change {
            404
        } else if read.is_empty() {
            422
        } else {
            200
        };
        let has_owner = self.app.object(name).field("owner").is_some();
        for (action, open) in [("trash", writable), ("assign", givable)] {
            if action == "assign" && !has_owner {
                continue;
            }
            let fields = [("action", action), ("all", "1"), ("query", "view=none")];
            let page = self.app.post_form(self.me(), &path, &fields).await;
            let what = format!("{path} {action}");
            self.expect(&what, page.status.as_u16(), status);
            self.leaks(&what, &page.body);
            if page.status == 200 {
                let chosen = page.has(&told(read.len(), " chosen"));
                let some = format!("you may change {open} of them");
                self.expect(&format!("{what}: all {}", read.len()), chosen, true);
                self.expect(&format!("{what}: {some}"), page.has(&some), open < read.len());
            }
        }
        let path = format!("/api{path}");
        let ask = json!({ "action": "trash", "filter": { "f": [] }, "dry_run": true });
        let token = &self.house.tokens[self.person];
        let answer = self.app.api(token, Method::POST, &path, &[], Some(&ask)).await;
        self.expect(&path, answer.status.as_u16(), if may_change { 200 } else { 404 });
        self.leaks(&path, &answer.body);
        if answer.status == 200 {
            let told = answer.json();
            let left = told["left"].as_array().map_or(0, Vec::len);
            let counts = (told["chosen"].as_u64(), told["changed"].as_u64(), left);
            let expected = (Some(read.len() as u64), Some(writable as u64), read.len() - writable);
            self.expect(&format!("{path}: chosen, changed, left"), counts, expected);
        }
    }

    /// Everything about one record.
    async fn one(&mut self, record: usize) {
        let (world, app, person) = (self.world(), self.app, self.person);
        let (name, path) = (world.records[record].object, self.house.path(app, record));
        let object = app.object(name);
        let (reads, writes) = (world.reads(person, record), world.writes(person, record));
        let own: BTreeSet<_> = world.texts(person, record).into_iter().filter(|(at, _)| *at == record).collect();
        let what = format!("{path} ({name} {record})");
        if let Some(page) = self.get(&format!("{path}?tab=details"), reads).await {
            let shown: BTreeSet<_> = tokens(&page.body).into_iter().filter(|(at, _)| *at == record).collect();
            self.expect(&format!("{what}: fields"), shown, own.clone());
            self.expect(&format!("{what}: offers to edit"), page.has(&format!("{path}/edit")), writes);
            self.hanging(record, &page.body).await;
        }
        self.get(&path, reads).await;
        self.alike(record, &path, reads).await;
        let status = if writes {
            200
        } else if reads && self.changes_kind(name) {
            403
        } else {
            404
        };
        for form in [format!("{path}/edit"), format!("{path}/field/{}", object.title)] {
            let page = app.get(self.me(), &form).await;
            self.expect(&form, page.status.as_u16(), status);
            self.leaks(&form, &page.body);
            if writes && form.ends_with("/edit") && object.field("owner").is_some() {
                let asks = page.has("name=\"owner\"");
                self.expect(&format!("{form}: asks for its owner"), asks, world.gives(person, record));
            }
        }
        if writes {
            self.save_as_it_was(record).await;
        }
        if object.field("owner").is_some() {
            self.give(record).await;
        }
        let actor = app.actor(self.me()).await;
        let outcome = {
            let mut tx = app.db.write().await.expect("the database can be written");
            command::load_for_write(&mut tx, &actor, object, self.house.ids[record]).await
        };
        let outcome = match outcome {
            Ok(_) => "changes",
            Err(Error::Forbidden) => "reads",
            Err(Error::NotFound) => "knows nothing",
            Err(error) => panic!("{what}: {error:?}"),
        };
        let expected = if writes {
            "changes"
        } else if reads {
            "reads"
        } else {
            "knows nothing"
        };
        self.expect(&format!("{what}: the command"), outcome, expected);
        let api = format!("/api{path}");
        for path in [api.clone(), format!("{api}/events")] {
            let answer = app.api(&self.house.tokens[person], Method::GET, &path, &[], None).await;
            self.expect(&path, answer.status.as_u16(), if reads { 200 } else { 404 });
            self.leaks(&path, &answer.body);
            if reads && path == api {
                let shown: BTreeSet<_> = tokens(&answer.body).into_iter().filter(|(at, _)| *at == record).collect();
                self.expect(&path, shown, own.clone());
            }
        }
    }

    /// Another owner is named by who may give the record, in a transaction that is given up.
    async fn give(&mut self, record: usize) {
        let (world, app, person) = (self.world(), self.app, self.person);
        let one = &world.records[record];
        // The last one has left, the others work here.
        let other = (one.owner + 1) % VIEWERS;
        let mut draft = Draft::default();
        draft.set("owner", Cell::Id(self.house.people[other].id));
        let actor = app.actor(self.me()).await;
        let outcome = {
            let mut tx = app.db.write().await.expect("the database can be written");
            command::update(&mut tx, &actor, app.object(one.object), self.house.ids[record], None, draft).await
        };
        let outcome = match outcome {
            Ok(_) => "gives",
            Err(Error::Invalid(errors)) if errors[0].key == "refused-owner" => "changes",
            Err(Error::Forbidden) => "reads",
            Err(Error::NotFound) => "knows nothing",
            Err(error) => panic!("{} {record}: {error:?}", one.object),
        };
        let expected = if world.gives(person, record) {
            "gives"
        } else if world.writes(person, record) {
            "changes"
        } else if world.reads(person, record) {
            "reads"
        } else {
            "knows nothing"
        };
        self.expect(&format!("{} {record}: its owner", one.object), outcome, expected);
    }

    /// Who is about to make the record anew is told of it when they may see it, and what they would have to see to know.
    async fn alike(&mut self, record: usize, path: &str, reads: bool) {
        let (world, app) = (self.world(), self.app);
        let name = world.records[record].object;
        let by = match name {
            "account" => &["name"][..],
            "contact" => &["email"],
            "lead" => &["name", "company"],
            _ => return,
        };
        let mut draft = Draft::default();
        for key in by {
            let text = token(world, record, key);
            let text = match *key {
                "email" => format!("{text}@example.com"),
                "name" => format!("KITE {text}"),
                _ => text,
            };
            draft.set(key, Cell::Text(text));
        }
        let viewer = app.viewer(self.me()).await;
        let told = alike(app, &viewer, app.object(name), &draft).await.expect("an answer");
        let told: Vec<String> = told.into_iter().map(|one| one.href).collect();
        let sees = |key: &&str| world.records[record].fields.contains(key) && world.sees(self.person, name, key);
        let expected = if reads && by.iter().all(sees) { vec![path.to_owned()] } else { Vec::new() };
        self.expect(&format!("{path} ({name}): alike"), told, expected);
    }

    fn changes_kind(&self, object: &str) -> bool {
        self.world().rule(self.person, object).write > Level::None
    }

    /// A form that is sent as it was shown changes nothing, also not what it could not show.
    async fn save_as_it_was(&mut self, record: usize) {
        let path = self.house.path(self.app, record);
        let form = self.app.get(self.me(), &format!("{path}/edit")).await;
        let inputs = inputs(&form.body);
        let fields: Vec<(&str, &str)> = inputs.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        let version = async || -> Option<i64> {
            let object = self.app.object(self.world().records[record].object);
            self.app
                .value(store::sql!(
                    format!("SELECT version FROM {} WHERE id = $1", object.table),
                    self.house.ids[record]
                ))
                .await
        };
        let before = version().await;
        let answer = self.app.post_form(self.me(), &path, &fields).await;
        let after = version().await;
        self.expect(&format!("{path}: saving the form as it was"), answer.status.as_u16(), 303);
        self.expect(&format!("{path}: saving the form as it was"), after, before);
    }

    /// What hangs on a record: tasks beside it, lists below it, activities in its timeline.
    async fn hanging(&mut self, record: usize, details: &str) {
        let (world, app, person) = (self.world(), self.app, self.person);
        let (name, path) = (world.records[record].object, self.house.path(app, record));
        if !matches!(name, "account" | "contact" | "opportunity" | "lead") {
            return;
        }
        let with = |object: &str| world.hanging(person, object, name, record);
        let (tasks, activities) = (with("task"), with("activity"));
        let may_task = world.rule(person, "task").create;
        let aside = details.split("id=\"side-next\"").nth(1).unwrap_or("").split("</section>").next().unwrap_or("");
        let shown = self.records(&ids_after(aside, "href=\"/tasks/"));
        self.expect(&format!("{path}: tasks beside"), shown, if may_task { tasks.clone() } else { BTreeSet::new() });
        if let Some(page) = self.get(&format!("{path}?tab=timeline"), true).await {
            let line =
                page.body.split("<ol class=\"timeline\"").nth(1).unwrap_or("").split("</ol>").next().unwrap_or("");
            let shown = self.records(&ids_after(line, "class=\"event-title\" href=\"/activities/"));
            self.expect(&format!("{path}: timeline"), shown, activities.clone());
        }
        let timeline = format!("/api{path}/timeline?limit=200");
        if let Some(answer) = self.api(&timeline, true).await {
            let rows = answer["data"].as_array().into_iter().flatten().filter(|row| row["event"].is_null());
            let shown = self.records(&rows.filter_map(|row| row["id"].as_str()?.parse().ok()).collect());
            self.expect(&timeline, shown, activities);
            // Who sees all the rows sees what happened to the record itself.
            let own = format!("\"record\":\"{}\"", self.house.ids[record]);
            self.expect(&format!("{timeline}: its own history"), answer.to_string().contains(&own), true);
        }
        if name == "opportunity" {
            let committee = format!("/api{path}/committee");
            if let Some(answer) = self.get(&committee, true).await {
                let shown: BTreeSet<usize> = self.records(&all_ids(&answer.body));
                self.expect(&committee, shown, world.committee_of(person, record));
            }
        }
        if name == "account" {
            let team = format!("/api{path}/team");
            if let Some(answer) = self.get(&team, true).await {
                let people = &self.house.people;
                let shown = (0..people.len()).filter(|at| answer.has(&people[*at].id.to_string())).collect();
                let members: BTreeSet<usize> =
                    world.teams.iter().filter(|(of, _)| *of == record).map(|(_, person)| *person).collect();
                self.expect::<BTreeSet<usize>>(&team, shown, members);
            }
        }
        if name == "lead" && world.writes(person, record) {
            self.convert(&path).await;
        }
        if let Some(page) = self.get(&format!("{path}?tab=related"), true).await {
            let lists: &[(&str, &str)] = match name {
                "account" => {
                    &[("opportunity", "account"), ("contact", "account"), ("task", "account"), ("account", "parent")]
                }
                "contact" => &[("opportunity", "contact"), ("task", "contact")],
                "opportunity" => &[("task", "opportunity")],
                _ => &[("task", "lead")],
            };
            let main = page.body.split("<div class=\"stack\">").next().unwrap_or("");
            for (object, field) in lists {
                let plural = app.object(object).plural;
                let expected = self.world().hanging(person, object, field, record);
                let shown = self.records(&ids_after(main, &format!("class=\"row-name\" href=\"/{plural}/")));
                self.expect(&format!("{path}: {plural} by {field}"), shown, expected);
            }
        }
    }

    /// What a lead may have been before is offered to who may know both: all accounts here have the domain of its address.
    async fn convert(&mut self, path: &str) {
        let sees = |object: &str, field: &str| self.world().sees(self.person, object, field);
        let by_domain = sees("lead", "email") && sees("account", "website");
        let accounts = if by_domain { self.world().read_of(self.person, "account").len().min(5) } else { 0 };
        let path = format!("{path}/convert");
        if let Some(page) = self.get(&path, true).await {
            let offered = self.records(&ids_after(&page.body, "href=\"/accounts/")).len();
            self.expect(&format!("{path}: at least {accounts} accounts of {offered}"), offered >= accounts, true);
            if !self.reads_kind("account") {
                self.expect(&format!("{path}: accounts"), offered, 0);
            }
        }
    }

    /// Cards, counts and sums of the board; the sum below the list.
    async fn board(&mut self) {
        let reads = self.reads_kind("opportunity");
        let world = self.world();
        let sees = |field: &str| world.sees(self.person, "opportunity", field);
        let (sums, weighted) = (sees("amount_base"), sees("probability"));
        let read = world.read_of(self.person, "opportunity");
        let open: BTreeSet<usize> = read.iter().copied().filter(|deal| world.records[*deal].state == "open").collect();
        let amount = |deals: &BTreeSet<usize>| deals.iter().map(|deal| world.records[*deal].amount).sum::<i64>();
        let (total, whole) = (amount(&open), amount(&read));
        if let Some(page) = self.get("/board", reads).await {
            self.expect("/board", self.records(&ids_after(&page.body, "data-card=\"")), open.clone());
            let head = after(&page.body, "class=\"count\">");
            let counts = head.iter().filter_map(|rest| rest.split('<').next()?.parse::<usize>().ok());
            self.expect("/board: counts", counts.sum(), open.len());
            let total = format::money_compact(Locale::En, total, "CNY");
            let summary =
                page.body.split("class=\"page-sub\">").nth(1).unwrap_or("").split("</p>").next().unwrap_or("");
            self.expect(
                &format!("/board: the total {total} in {summary:?}"),
                summary.contains(&total),
                sums && weighted,
            );
            if !sums {
                self.expect("/board: no amount", page.has("class=\"board-sum\"><b>¥"), false);
            }
        }
        if let Some(answer) = self.api("/api/board", reads).await {
            self.expect("/api/board: count", answer["count"].as_u64(), Some(open.len() as u64));
            let total = sums.then(|| format::plain_amount(total, "CNY"));
            self.expect("/api/board: total", answer["total"].as_str(), total.as_deref());
            self.expect("/api/board: weighted", answer["weighted"].is_string(), sums && weighted);
            let columns = answer["data"].as_array().into_iter().flatten();
            let counts = columns.clone().filter_map(|column| column["count"].as_u64()).sum();
            self.expect("/api/board: counts", Some(counts), answer["count"].as_u64());
            self.expect("/api/board: sums", columns.filter(|column| column.get("total").is_some()).count() > 0, sums);
        }
        if let Some(page) = self.get("/opportunities/sums?view=none", reads).await {
            let whole = format::money(whole, "CNY");
            let expected = if sums { told(read.len(), &format!(" · {whole}")) } else { String::new() };
            self.expect("/opportunities/sums", page.body, expected);
        }
    }

    /// Tasks, expected closings and activities of the month, mine and the team's.
    async fn calendar(&mut self) {
        let reads = self.reads_kind("task");
        let world = self.world();
        let has_team = world.rule(self.person, "task").read >= Level::Team;
        for team in [false, true] {
            let people = if team && has_team { world.team(self.person) } else { BTreeSet::from([self.person]) };
            let mut expected = BTreeSet::new();
            for object in ["task", "activity", "opportunity"] {
                let of = self.world().read_of(self.person, object).into_iter().filter(|record| {
                    let one = &self.world().records[*record];
                    people.contains(&one.owner) && !matches!(one.state, "won" | "lost")
                });
                expected.extend(of);
            }
            let path = format!("/calendar?month=2026-11&who={}", if team { "team" } else { "me" });
            if let Some(page) = self.get(&path, reads).await {
                let table = page.body.split("</table>").next().unwrap_or("");
                let shown: BTreeSet<usize> = ["tasks", "activities", "opportunities"]
                    .iter()
                    .flat_map(|plural| self.records(&ids_after(table, &format!("href=\"/{plural}/"))))
                    .collect();
                self.expect(&path, shown, expected);
            }
        }
    }

    /// Every figure of the analysis and the home page has just the rows behind it that its reader may see.
    async fn figures(&mut self) {
        let reads = self.reads_kind("opportunity");
        let world = self.world();
        let open = world.read_of(self.person, "opportunity");
        let open = open.iter().filter(|deal| world.records[**deal].state == "open").count() as i64;
        for (path, allowed) in [("/analysis?period=all", reads), ("/", true)] {
            let Some(page) = self.get(path, allowed).await else { continue };
            let mut links = crate::analysis::counted(&page.body);
            links.dedup();
            for (href, count) in links {
                if href.starts_with("/people") {
                    continue;
                }
                let rows = crate::analysis::rows_behind(self.app, self.me(), &href).await;
                self.expect(&format!("{path}: {href}"), count, rows);
                if path != "/" && href == "/opportunities?view=none&f=state%3Ais%3Aopen" {
                    self.expect(&format!("{path}: open deals"), count, open);
                }
            }
        }
        let viewer = self.app.viewer(self.me()).await;
        for object in ["account", "person"] {
            let real = viewer.scope.access(object).read > RealLevel::None;
            self.get(&format!("/{}", self.app.object(object).plural), real).await;
        }
    }

    /// Every figure of the API's analysis has just the deals behind it that its reader may see.
    async fn api_figures(&mut self) {
        let Some(answer) = self.api("/api/analysis?period=all", self.reads_kind("opportunity")).await else { return };
        let mut figures = BTreeMap::new();
        crate::api_analysis::figures(&answer, &mut figures);
        for (path, count) in figures {
            let path = format!("{path}&count=true&limit=1&fields=name");
            if let Some(listed) = self.api(&path, true).await {
                self.expect(&path, listed["count"].as_i64(), Some(count));
            }
        }
    }
}

/// The rows of a workbook as text.
fn rows_of(app: &TestApp, bytes: &[u8]) -> String {
    let path = app.database.folder.path().join("taken.xlsx");
    std::fs::write(&path, bytes).expect("the folder is writable");
    let sheet = paper::sheet::Sheet::open(&path, &paper::sheet::Options::default()).expect("a workbook");
    let headers = sheet.headers.join(",");
    let rows = sheet.map(|row| row.expect("a row").cells.join(","));
    std::iter::once(headers).chain(rows).collect::<Vec<_>>().join("\n")
}
