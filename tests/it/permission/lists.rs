//! Many records at once: lists with their files, the API's lists, what is found by words, and work on many.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value as Json, json};
use store::Uuid;
use trivet::shell::record::Found;

use super::eyes::Eyes;
use super::reading::{ids_after, told};
use super::world::{hideable, token, tokens};

impl Eyes<'_> {
    /// The list with every column, its usual view, its trash, its files.
    pub async fn list(&mut self, name: &str, texts: &[&str]) {
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

    pub async fn api_list(&mut self, name: &str) {
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
        let hidden: Vec<&str> = hideable(self.app, name)
            .into_iter()
            .filter(|key| !self.world().sees(self.person, name, key))
            .filter(|key| rows.iter().any(|row| row.get(*key).is_some()))
            .collect();
        self.expect(&format!("{path}: hidden fields"), hidden, Vec::new());
    }

    /// Picker, palette and search: by a word that all names share, and by the words of single fields.
    pub async fn finding(&mut self, name: &str, texts: &[&str]) {
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
    pub async fn many_at_once(&mut self, name: &str) {
        let plural = self.app.object(name).plural;
        let world = self.world();
        let may_change = self.changes_kind(name);
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
                let chosen = page.has(&told(read.len(), " selected"));
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
}
