//! One record: its pages, its forms, the commands on it, what is like it and what hangs on it.

use std::collections::BTreeSet;

use axum::http::Method;
use store::Cell;
use trivet::shell::creation::alike;
use trivet::shell::error::Error;
use trivet::shell::record::{Draft, command};

use super::eyes::Eyes;
use super::reading::{all_ids, ids_after, inputs};
use super::world::{VIEWERS, token, tokens};

impl Eyes<'_> {
    /// Everything about one record.
    pub async fn one(&mut self, record: usize) {
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
        self.expect(&format!("{what}: the command"), outcome, self.at_most(record));
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

    /// What the person does with a record at most, but for giving it away.
    fn at_most(&self, record: usize) -> &'static str {
        if self.world().writes(self.person, record) {
            "changes"
        } else if self.world().reads(self.person, record) {
            "reads"
        } else {
            "knows nothing"
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
        let expected = if world.gives(person, record) { "gives" } else { self.at_most(record) };
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
}
