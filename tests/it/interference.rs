//! Q16: two companies that differ only in what a person may not see are the same to that person: every page and answer,
//! byte by byte, once ids are numbered in the order in which they appear. Whatever they ask for, filter by, sort by, search for or
//! point at, nothing of the rest shows: no count, no order, no other error.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use store::Uuid;
use testkit::{Answer, Engine, TestApp, on};
use trivet::shell::record::{Kind, Object};

use crate::permission::model::Right;
use crate::permission::number;
use crate::permission::surfaces::{About, surfaces};
use crate::permission::world::{Dice, House, KINDS, VIEWERS, made};
use crate::record::filter_texts;

/// Pairs of companies that a usual run compares.
const PAIRS: u64 = 3;
/// Of the addresses only every such one is asked on PostgreSQL, which prepares each of the many statements anew.
const SAMPLE: usize = 5;

#[test]
fn what_one_may_not_see_shows_nowhere() {
    let most = number("TRIVET_PAIRS", PAIRS);
    let (mut seed, mut pairs, mut pages) = (100, 0, 0);
    while pairs < most {
        seed += 1;
        let mut compared = 0;
        for engine in testkit::ENGINES {
            if engine == Engine::Postgres && pairs > 0 {
                continue;
            }
            let Some((person, one)) = looked_at(engine, seed, None) else { continue };
            let (_, other) = looked_at(engine, seed, Some(person)).expect("the same company");
            compared = compare(&format!("seed {seed}, {engine:?}, person {person}"), &one, &other);
        }
        pairs += u64::from(compared > 0);
        pages += compared;
    }
    eprintln!("{pages} pages");
}

/// Status, headers that speak of the content, body.
type Seen = (u16, String, String);
type Pages = BTreeMap<String, Seen>;

/// Routes that show something of what one may not see, as decided: each with its reason. What they say of it is looked at in Q15.
const TELLS: &[(&str, &str)] = &[
    ("/audit", "who reads the log sees that something happened to any record"),
    ("/audit.csv", "as above"),
    ("/api/audit", "as above"),
    ("/api/audit/export", "as above"),
];

fn compare(what: &str, one: &Pages, other: &Pages) -> usize {
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for (path, (status, headers, body)) in one {
        let (other_status, other_headers, other_body) = &other[path];
        if (status, headers, body) != (other_status, other_headers, other_body) {
            let at = body.bytes().zip(other_body.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                let whole: Vec<char> =
                    String::from_utf8_lossy(&text.as_bytes()[..at.min(text.len())]).chars().collect();
                let before: String = whole[whole.len().saturating_sub(80)..].iter().collect();
                format!(
                    "{before}[{}",
                    String::from_utf8_lossy(&text.as_bytes()[at.min(text.len())..])
                        .chars()
                        .take(80)
                        .collect::<String>()
                )
            };
            let (one, other) = (part(body), part(other_body));
            wrong.push(format!("{path}: {status} {headers} {one}\n    and: {other_status} {other_headers} {other}"));
        }
    }
    let count = wrong.len();
    wrong.truncate(15);
    assert!(count == 0, "{what}: {count} of {} pages differ\n{}", one.len(), wrong.join("\n"));
    one.len()
}

/// Builds the company of a seed and looks at everything with the eyes of somebody who sees a part of it. With a person, what
/// they may not see is another. `None`: nobody sees a part only.
fn looked_at(engine: Engine, seed: u64, unseen_by: Option<usize>) -> Option<(usize, Pages)> {
    let found = std::sync::Mutex::new(None);
    on(engine, async |app| {
        app.limits.set_api_per_minute(1_000_000);
        let mut dice = Dice::new(seed);
        let today = app.config(0).await.expect("an organisation").today(app.clock.now());
        let world = made(&mut dice, app, today.0);
        let unseen =
            |person: usize| (0..world.records.len()).filter(|record| !world.may(person, *record, Right::Read)).count();
        let part = (0..VIEWERS).filter(|person| unseen(*person) < world.records.len() - 8);
        let Some(person) = part.max_by_key(|person| unseen(*person)).filter(|person| unseen(*person) > 10) else {
            return;
        };
        let house = House::build_for(app, world, &mut dice, unseen_by).await;
        // It took more or fewer looks at the clock; both companies are looked at from the same instant on.
        while app.clock.now().0 % 1_000_000 != 0 {}
        let pages = Looking { app, house: &house, person }.everything().await;
        *found.lock().expect("no panic") = Some((person, pages));
    });
    found.into_inner().expect("no panic")
}

struct Looking<'a> {
    app: &'a TestApp,
    house: &'a House,
    person: usize,
}

impl Looking<'_> {
    async fn everything(&self) -> Pages {
        let mut pages = Pages::new();
        let step = if self.app.db.engine() == Engine::Postgres { SAMPLE } else { 1 };
        for (name, path) in self.paths().await.into_iter().step_by(step) {
            pages.insert(name, self.get(&path).await);
        }
        self.pointing(&mut pages).await;
        self.unknown(&pages).await;
        pages
    }

    fn normal(&self, answer: &Answer) -> Seen {
        // The rest of a tag is made of the body, in which the ids are others.
        let version = answer.header("etag").map(|tag| tag.split('-').next().unwrap_or("").to_owned());
        let others = ["content-type", "content-disposition", "link", "location"].map(|name| answer.header(name));
        let headers = numbered(&format!("{version:?} {others:?}"));
        // Workbooks are compared with the lists that they hold in Q15: how they are packed says nothing.
        let body = if answer.bytes.starts_with(b"PK") { String::new() } else { numbered(&answer.body) };
        (answer.status.as_u16(), headers, body)
    }

    async fn get(&self, path: &str) -> Seen {
        let answer = if path.starts_with("/api") {
            self.app.api(&self.house.tokens[self.person], Method::GET, path, &[], None).await
        } else {
            self.app.get(&self.house.people[self.person], path).await
        };
        self.normal(&answer)
    }

    /// Addresses by a name that is the same in both companies.
    async fn paths(&self) -> Vec<(String, String)> {
        let mut paths: Vec<String> =
            ["/", "/board", "/analysis", "/analysis?period=all&by=segment", "/analysis?by=owner"]
                .map(str::to_owned)
                .to_vec();
        paths.extend(
            [
                "/calendar?month=2026-11&who=team",
                "/calendar?week=2026-11-24&who=team",
                "/calendar?month=2026-10",
                "/people",
                "/palette",
                "/me",
            ]
            .map(str::to_owned),
        );
        for words in ["kite", "other", "something", "zqb", "zqd", "another"] {
            paths.extend([format!("/search?q={words}"), format!("/palette?q={words}")]);
        }
        let (seen, unseen) = self.two_of_each();
        for (name, ..) in KINDS {
            let object = self.app.object(name);
            let plural = object.plural;
            paths.push(format!("/{plural}"));
            paths.push(format!("/{plural}?view=none&trash=1"));
            paths.push(format!("/{plural}.csv?view=none"));
            paths.push(format!("/{plural}/sums?view=none"));
            paths.push(format!("/{plural}/new"));
            paths.push(format!("/pick/{name}"));
            paths.push(format!("/pick/{name}?q=kite"));
            paths.push(format!("/api/{plural}?limit=200&count=true"));
            for field in object.fields.iter().filter(|field| field.sort_column.is_some()) {
                paths.push(format!("/{plural}?view=none&sort={0}&cols={0}", field.key));
                paths.push(format!("/{plural}?view=none&sort=-{0}&cols={0}", field.key));
            }
        }
        let mut named: Vec<(String, String)> = paths.into_iter().map(|path| (path.clone(), path)).collect();
        for (name, view) in &self.house.views {
            let plural = self.app.object(name).plural;
            named.push((format!("{name} by a view of everybody"), format!("/{plural}?view={view}")));
        }
        for (name, ..) in KINDS {
            let object = self.app.object(name);
            for field in object.fields.iter().filter(|field| field.filtered) {
                let ids = match field.kind {
                    Kind::Ref(target) => vec![seen.get(target), unseen.get(target)],
                    _ => vec![None],
                };
                let texts = |id: Option<&usize>| filter_texts(field, &self.id(id).to_string());
                for (index, id) in ids.into_iter().enumerate() {
                    for (at, text) in texts(id).into_iter().enumerate() {
                        let path = format!("/{}?view=none&f={}", object.plural, text.replace('|', "%7C"));
                        named.push((format!("{name} {} {index} {at}", field.key), path.clone()));
                        named.push((
                            format!("api {name} {} {index} {at}", field.key),
                            format!("/api{}", path.replace("view=none&", "count=true&")),
                        ));
                    }
                }
            }
        }
        for record in 0..self.house.ids.len() {
            let path = self.house.path(self.app, record);
            let of = |rest: &str| (format!("{record}{rest}"), format!("{path}{rest}"));
            named.extend(["", "?tab=details", "?tab=related", "?tab=files", "/field/description"].map(of));
            named.push((format!("api {record}"), format!("/api{path}")));
        }
        // Everything else that the router has.
        let asked: BTreeSet<String> = named.iter().map(|(_, path)| path.clone()).collect();
        let gone = self.house.people.len() - 1;
        for surface in surfaces(self.app, self.house).await {
            let tells = TELLS.iter().any(|(route, _)| *route == surface.route);
            // Who left is shown to an administrator with the number of records to hand over.
            if !tells && surface.about != About::Person(gone) && !asked.contains(&surface.path) {
                named.push((surface.name, surface.path));
            }
        }
        named
    }

    fn id(&self, record: Option<&usize>) -> Uuid {
        record.map_or(UNKNOWN, |record| self.house.ids[*record])
    }

    /// One record of each kind that the person may see, and one that they may not.
    fn two_of_each(&self) -> (BTreeMap<&'static str, usize>, BTreeMap<&'static str, usize>) {
        let (mut seen, mut unseen) = (BTreeMap::new(), BTreeMap::new());
        for (record, one) in self.house.world.records.iter().enumerate() {
            let sees = self.house.world.may(self.person, record, Right::Read);
            if sees { &mut seen } else { &mut unseen }.entry(one.object).or_insert(record);
        }
        (seen, unseen)
    }

    /// A form that points at what cannot be seen is refused as if it were not there.
    async fn pointing(&self, pages: &mut Pages) {
        let (_, unseen) = self.two_of_each();
        for (name, ..) in KINDS {
            let object = self.app.object(name);
            for field in object.fields {
                let (Kind::Ref(target), true) = (field.kind, field.write != trivet::shell::record::Write::Never) else {
                    continue;
                };
                let Some(record) = unseen.get(target) else { continue };
                let hidden = self.probe(object, field.key, self.house.ids[*record]).await;
                let unknown = self.probe(object, field.key, UNKNOWN).await;
                assert_eq!(hidden, unknown, "a {name} with {} of an unseen {target}", field.key);
                pages.insert(format!("{name} pointing by {}", field.key), hidden);
            }
        }
    }

    async fn probe(&self, object: &'static Object, key: &str, id: Uuid) -> Seen {
        let id = id.to_string();
        let mut fields = vec![(object.title, "Probe"), ("kind", "note"), ("code", "P"), ("list_price", "1")];
        fields.extend([("close_date", "2026-12-01"), (key, id.as_str())]);
        let path = format!("/{}", object.plural);
        self.normal(&self.app.post_form(&self.house.people[self.person], &path, &fields).await)
    }

    /// A record that may not be seen and one that never was are the same.
    async fn unknown(&self, pages: &Pages) {
        for record in 0..self.house.ids.len() {
            if self.house.may_name(self.person, record) {
                continue;
            }
            let plural = self.app.object(self.house.world.records[record].object).plural;
            for (name, api) in [(record.to_string(), ""), (format!("api {record}"), "/api")] {
                if let Some(shown) = pages.get(&name) {
                    assert_eq!(*shown, self.get(&format!("{api}/{plural}/{UNKNOWN}")).await, "{name} {plural}");
                }
            }
        }
    }
}

const UNKNOWN: Uuid = Uuid::from_u128(0x01a2_0b2c_91c0_7fff_bfff_ffff_ffff_ffff);

/// The text with every id replaced by its place among the ids of the text.
fn numbered(text: &str) -> String {
    let bytes = text.as_bytes();
    let hex = |byte: &u8| byte.is_ascii_hexdigit();
    let (mut known, mut out, mut at): (Vec<Uuid>, String, usize) = (Vec::new(), String::new(), 0);
    let mut starts: BTreeSet<(usize, usize)> = BTreeSet::new();
    for start in (0..bytes.len()).filter(|start| hex(&bytes[*start])) {
        for length in [36, 32] {
            let Some(part) = bytes.get(start..start + length) else { continue };
            let is_id = match length {
                36 => {
                    [8, 13, 18, 23].iter().all(|dash| part[*dash] == b'-')
                        && part.iter().filter(|byte| hex(byte)).count() == 32
                }
                _ => part.iter().all(hex),
            };
            if is_id {
                starts.insert((start, length));
            }
        }
    }
    for (start, length) in starts {
        if start < at {
            continue;
        }
        let Ok(id) = text[start..start + length].parse::<Uuid>() else { continue };
        let number = known.iter().position(|other| *other == id).unwrap_or(known.len());
        if number == known.len() {
            known.push(id);
        }
        out.push_str(&text[at..start]);
        out.push_str(&format!("#{number}"));
        at = start + length;
    }
    out.push_str(&text[at..]);
    out
}
