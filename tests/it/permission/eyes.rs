//! What one person is shown, and what the model expects: each comparison is counted, each disagreement kept.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::Value as Json;
use store::Uuid;
use testkit::{Answer, Person, TestApp};

use super::model::{Level, World};
use super::reading::{all_ids, rows_of};
use super::world::{House, tokens};

pub struct Eyes<'a> {
    pub app: &'a TestApp,
    pub house: &'a House,
    pub person: usize,
    pub wrong: Vec<(String, String)>,
    pub checks: u64,
    /// Addresses, and the status of their answers.
    pub asked: BTreeMap<String, u16>,
}

impl<'a> Eyes<'a> {
    pub fn world(&self) -> &'a World {
        &self.house.world
    }
    pub fn me(&self) -> &'a Person {
        &self.house.people[self.person]
    }

    pub fn expect<T: PartialEq + std::fmt::Debug>(&mut self, place: &str, shown: T, expected: T) {
        self.checks += 1;
        if shown != expected {
            let roles: Vec<_> = self.world().people[self.person].iter().collect();
            let text = format!("{} {roles:?} {place}\n  shows {shown:?}\n  model {expected:?}", self.me().name);
            self.wrong.push((place.to_owned(), text));
        }
    }

    pub fn records(&self, ids: &BTreeSet<Uuid>) -> BTreeSet<usize> {
        ids.iter().filter_map(|id| self.house.by_id.get(id).copied()).collect()
    }

    /// Nothing on the page is about a record or a field that does not exist for the person.
    pub fn leaks(&mut self, place: &str, page: &str) {
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
    pub fn leaks_words(&mut self, place: &str, page: &str) {
        self.leaks(place, &page.replace('-', " "));
    }

    /// Asks with a session, the API with a token. What is in a workbook stands in the answer as text.
    pub async fn ask(&mut self, path: &str) -> Answer {
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
    pub async fn api(&mut self, path: &str, allowed: bool) -> Option<Json> {
        self.get(path, allowed).await.map(|answer| answer.json())
    }

    /// Asks for a page that exists for some.
    pub async fn get(&mut self, path: &str, allowed: bool) -> Option<Answer> {
        let mut page = self.ask(path).await;
        // What somebody typed is no news to them.
        if let Some((_, words)) = path.split_once("q=zq") {
            page.body = page.body.replace(&format!("zq{words}"), "");
        }
        self.expect(path, page.status.as_u16(), if allowed { 200 } else { 404 });
        self.leaks(path, &page.body);
        (page.status == 200).then_some(page)
    }

    pub fn reads_kind(&self, object: &str) -> bool {
        self.world().rule(self.person, object).read > Level::None
    }
    pub fn changes_kind(&self, object: &str) -> bool {
        self.world().rule(self.person, object).write > Level::None
    }

    pub fn texts_of(&self, records: &BTreeSet<usize>) -> BTreeSet<(usize, &'static str)> {
        records.iter().flat_map(|record| self.world().texts(self.person, *record)).collect()
    }
}
