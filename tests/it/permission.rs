//! Q15: whatever a small company's people, roles, lines, rules, shares and hidden fields are, every surface shows each of them
//! exactly what the model says, which knows no SQL: [`model`]. The companies are made by dice: [`world`]. Each person looks around
//! with [`eyes`]: at [`lists`], at each [`record`], at [`figures`], and at everything else that the router has: [`surfaces`].
//!
//! `TRIVET_WORLDS=300 TRIVET_SEED=1` tries more of them; a disagreement names its seed.

mod eyes;
mod figures;
mod lists;
pub mod model;
mod reading;
mod record;
pub mod surfaces;
pub mod world;

use std::collections::{BTreeMap, BTreeSet};

use testkit::{Engine, on};
use trivet::shell::access::{Access, Level as RealLevel};
use trivet::shell::record::query;
use trivet::shell::routes::Policy;

use self::eyes::Eyes;
use self::reading::{after, all_ids};
use self::surfaces::{About, Surface, check_all_found, surfaces};
use self::world::{Dice, House, KINDS, VIEWERS, made};

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

impl Eyes<'_> {
    /// What the model says of single records, lists and figures.
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
}
