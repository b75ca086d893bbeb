//! Q18: every route of the router says who may call it, and is called once per role: who may not finds nothing there, nobody
//! who is not signed in gets past the sign-in, and nothing answers with a failure of ours. Q17: a write that was refused, for
//! whatever reason, leaves every row of every table as it was.
//!
//! The list of routes comes from the router. A new one is called with made-up ids and a form that holds what most forms ask
//! for; if that is refused to everybody, the test asks for a better call in `fields_of` or `body_of`.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value as Json, json};
use store::{Engine, Uuid, new_id, sql};
use testkit::database::PASSWORD;
use testkit::{Answer, Person, Role, TestApp, on};
use trivet::app::routes;
use trivet::shell::api::document::Description;
use trivet::shell::i18n::Locale;
use trivet::shell::record::{Object, command};
use trivet::shell::routes::{Policy, RouteInfo};
use trivet::shell::viewer::{hash_token, new_token};

use crate::permission::model::Level;

/// Ends the session that the next call needs.
const NOT_CALLED: &[(&str, &str)] = &[("POST", "/sign-out")];

/// Calls that nobody's plain form or made-up address fits: why.
const REFUSED_TO_ALL: &[(&str, &str, &str)] = &[
    ("POST", "/setup", "the house is set up"),
    ("GET", "/setup", "the house is set up"),
    ("GET", "/assets/{file}", "the names of files carry a check sum"),
    ("POST", "/imports", "takes a file: tests/it/import.rs"),
    ("POST", "/me/password", "asks for the old password: administration.rs"),
    ("POST", "/people/{id}/trash", "people leave by being disabled"),
    ("POST", "/people/{id}/restoration", "nobody is in the trash"),
    ("POST", "/imports/{id}/undo", "the import has not run"),
    ("POST", "/api/imports/{id}/undo", "the import has not run"),
    ("POST", "/imports/{id}/cancellation", "the import does not run"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    /// Not signed in.
    Nobody,
    Of(Role),
    /// A partner's token that may only read.
    ReadOnly,
}

// Thousands of calls: the engines go side by side.
#[test]
fn every_route_keeps_to_its_policy_and_a_refused_write_leaves_no_trace_on_sqlite() {
    on(Engine::Sqlite, async |app| {
        let every: Vec<Caller> =
            Role::ALL.into_iter().map(Caller::Of).chain([Caller::Nobody, Caller::ReadOnly]).collect();
        let trial = call_everything(app, &every).await;
        let missing: Vec<String> = trial
            .routes
            .difference(&trial.served)
            .filter(|(method, path)| !REFUSED_TO_ALL.iter().any(|(m, p, _)| m == method && p == path))
            .filter(|(method, path)| !NOT_CALLED.iter().any(|(m, p)| m == method && p == path))
            .map(|route| format!("{route:?}: {}", trial.refused.get(route).map_or("", String::as_str)))
            .collect();
        assert!(missing.is_empty(), "nobody got an answer from\n{}", missing.join("\n"));
    });
}

#[test]
fn every_route_keeps_to_its_policy_and_a_refused_write_leaves_no_trace_on_postgres() {
    on(Engine::Postgres, async |app| {
        // A few roles, whose refusals have different reasons.
        let few = [Caller::Nobody, Caller::Of(Role::Seller), Caller::Of(Role::Auditor), Caller::Of(Role::Admin)];
        call_everything(app, &few).await;
    });
}

/// docs/routes.md is what a review reads: it says of each route what the router's policies and the rules in the database say.
#[test]
fn the_table_of_routes_says_who_may_call_what() {
    on(Engine::Sqlite, async |app| {
        let trial = Trial::new(app).await;
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/routes.md")).expect("the table");
        assert!(text == trivet::cli_routes::table(), "docs/routes.md is not current: make gen");
        let marks: BTreeMap<(String, String), Vec<bool>> = text
            .lines()
            .filter(|line| line.starts_with("| ") && line.contains('`'))
            .map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                let name = (cells[0].to_owned(), cells[1].trim_matches('`').to_owned());
                (name, cells[3..].iter().map(|cell| *cell == "x").collect())
            })
            .collect();
        let callers: Vec<Caller> =
            std::iter::once(Caller::Nobody).chain(Role::ALL.into_iter().map(Caller::Of)).collect();
        let infos = routes().infos;
        assert_eq!(marks.len(), infos.len());
        for route in infos {
            let expected: Vec<bool> = callers.iter().map(|caller| trial.allowed(*caller, route.policy)).collect();
            let name = (route.method.to_string(), route.path);
            assert_eq!(marks.get(&name), Some(&expected), "{name:?}");
        }
    });
}

async fn call_everything<'a>(app: &'a TestApp, callers: &[Caller]) -> Trial<'a> {
    let mut trial = Trial::new(app).await;
    let people = trial.rows().await.remove("person").flatten().unwrap_or_default();
    assert!(people.contains("Maker"), "what is compared holds the rows: {people}");
    for caller in callers {
        trial.call_everything(*caller).await;
    }
    let count = trial.wrong.len();
    trial.wrong.truncate(40);
    assert!(count == 0, "{count} faults\n{}", trial.wrong.join("\n"));
    eprintln!("{} calls, {} refused writes", trial.calls, trial.refusals);
    trial
}

struct Trial<'a> {
    app: &'a TestApp,
    people: BTreeMap<Role, Person>,
    tokens: BTreeMap<Role, String>,
    read_only: String,
    /// Owns what is called for.
    owner: Person,
    maker: Person,
    /// The statement that answers with all rows.
    contents: String,
    examples: BTreeMap<(String, String), Json>,
    rules: BTreeMap<(String, String), (Level, Level, bool, bool)>,
    routes: BTreeSet<(String, String)>,
    /// Routes that answered somebody.
    served: BTreeSet<(String, String)>,
    /// What was last said to somebody whose role may call the route.
    refused: BTreeMap<(String, String), String>,
    wrong: Vec<String>,
    calls: u64,
    refusals: u64,
    number: u64,
}

impl<'a> Trial<'a> {
    async fn new(app: &'a TestApp) -> Trial<'a> {
        app.limits.set_api_per_minute(1_000_000);
        let owner = app.person("Owner").create().await;
        let maker = app.person("Maker").role(Role::Partner).role(Role::Marketing).create().await;
        let (mut people, mut tokens) = (BTreeMap::new(), BTreeMap::new());
        for role in Role::ALL {
            let person = app.person(&format!("Only {}", role.key())).role(role).create().await;
            tokens.insert(role, app.api_token(&person).await);
            people.insert(role, person);
        }
        let partner = app.person("Reader").role(Role::Partner).create().await;
        let read_only = app.api_token(&partner).await;
        app.execute(sql!("UPDATE api_token SET scopes = 'read' WHERE token_hash = $1", hash_token(&read_only))).await;
        let rules = {
            let mut session = app.db.read().await.expect("the database can be read");
            let rows: Vec<(String, String, String, String, bool, bool)> = session
                .all("SELECT role, object, read_level, write_level, may_create, may_export FROM access_rule")
                .await
                .expect("rules");
            let level = |text: &str| match text {
                "all" => Level::All,
                "team" => Level::Team,
                "own" => Level::Own,
                _ => Level::None,
            };
            rows.into_iter()
                .map(|(role, object, read, write, create, export)| {
                    ((role, object), (level(&read), level(&write), create, export))
                })
                .collect()
        };
        let contents = contents(app).await;
        let infos = routes().infos;
        Trial {
            app,
            people,
            tokens,
            read_only,
            owner,
            maker,
            contents,
            examples: examples(),
            rules,
            routes: infos.iter().map(|info| (info.method.to_string(), info.path.clone())).collect(),
            served: BTreeSet::new(),
            refused: BTreeMap::new(),
            wrong: Vec::new(),
            calls: 0,
            refusals: 0,
            number: 0,
        }
    }

    async fn call_everything(&mut self, caller: Caller) {
        for route in routes().infos {
            let named = (route.method.as_str(), route.path.as_str());
            let is_api = route.path.starts_with("/api");
            if NOT_CALLED.contains(&named) || (caller == Caller::ReadOnly && !is_api) {
                continue;
            }
            // Exports and others are limited by the minute.
            self.app.clock.advance(5);
            self.call(caller, &route).await;
        }
    }

    /// Whether somebody with this role may call the route at all, from the table of rules.
    fn allowed(&self, caller: Caller, policy: Policy) -> bool {
        let role = match caller {
            Caller::Nobody => return policy == Policy::Public,
            Caller::ReadOnly => Role::Partner,
            Caller::Of(role) => role,
        };
        let rule =
            |object: &str| self.rules.get(&(role.key().to_owned(), object.to_owned())).copied().unwrap_or_default();
        match policy {
            Policy::Public | Policy::SignedIn => true,
            Policy::Read(object) => rule(object).0 > Level::None,
            Policy::Change(object) => rule(object).1 > Level::None,
            Policy::Create(object) => rule(object).2,
            Policy::CreateAny => self.rules.iter().any(|((of, _), rule)| of == role.key() && rule.2),
            Policy::Export(object) => rule(object).3,
            Policy::Roles(roles) => roles.contains(&role),
        }
    }

    async fn call(&mut self, caller: Caller, route: &RouteInfo) {
        let ids = self.ids(caller, route).await;
        let path = filled(&route.path, &ids);
        let changes = route.method != Method::GET;
        let before = if changes { Some(self.rows().await) } else { None };
        let answer = self.send(caller, route, &path, &ids).await;
        self.calls += 1;
        let (status, what) = (answer.status.as_u16(), format!("{caller:?} {} {}", route.method, route.path));
        if answer.status.is_server_error() || status == 405 {
            self.wrong.push(format!("{what}: {status} {}", answer.body));
        }
        let is_api = route.path.starts_with("/api");
        let allowed = self.allowed(caller, route.policy);
        let fits = match (caller, allowed) {
            (Caller::Nobody, false) if is_api => status == 401,
            (Caller::Nobody, false) => status == 303 && answer.location().starts_with("/sign-in"),
            (Caller::ReadOnly, _) if changes => status == 403,
            (_, false) => status == 404,
            (_, true) => status != 401 && !(status == 303 && answer.location().starts_with("/sign-in?next")),
        };
        if !fits {
            self.wrong.push(format!("{what}: {status}, although the policy says {:?} → {allowed}", route.policy));
        }
        let name = (route.method.to_string(), route.path.clone());
        if allowed && status < 400 {
            self.served.insert(name);
        } else if allowed && (status != 404 || !self.refused.contains_key(&name)) {
            self.refused.insert(name, format!("{caller:?} {status} {}", told(&answer)));
        }
        // Who is not signed in is sent to the sign-in page, which is a refusal too.
        if let (Some(before), true) = (before, !allowed || status >= 400) {
            self.refusals += 1;
            let after = self.rows().await;
            for (table, rows) in &before {
                if *rows != after[table] {
                    self.wrong.push(format!("{what}: {status}, but {table} changed"));
                }
            }
        }
    }

    async fn send(
        &self,
        caller: Caller,
        route: &RouteInfo,
        path: &str,
        ids: &BTreeMap<&'static str, String>,
    ) -> Answer {
        let is_api = route.path.starts_with("/api");
        let (person, token) = match caller {
            Caller::Nobody => (None, ""),
            Caller::ReadOnly => (None, self.read_only.as_str()),
            Caller::Of(role) => (Some(&self.people[&role]), self.tokens[&role].as_str()),
        };
        let file = match (route.method.as_str(), route.path.as_str()) {
            ("POST", "/api/imports") => {
                let form = crate::api_imports::form(&[("object", "account")], "file.csv", "Name\nAcme\n");
                Some((crate::api_imports::FORM, form))
            }
            ("POST", path) if path.ends_with("/files") => {
                Some((crate::files::FORM, crate::files::form("offer.txt", b"An offer")))
            }
            _ => None,
        };
        if let Some((form, body)) = file {
            if let Some(person) = person.filter(|_| !is_api) {
                return self.app.post_body(person, path, form, body).await;
            }
            let bearer = format!("Bearer {token}");
            let headers =
                [("authorization", bearer.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", form)];
            let headers = &headers[if caller == Caller::Nobody { 1 } else { 0 }..];
            return self.app.request(Method::POST, path, headers, Body::from(body)).await;
        }
        if is_api {
            let body = self.body_of(route, ids);
            let headers = [("if-match", "*")];
            if caller == Caller::Nobody {
                let text = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
                let headers = [("if-match", "*"), ("content-type", "application/json")];
                return self.app.request(route.method.clone(), path, &headers, text).await;
            }
            return self.app.api(token, route.method.clone(), path, &headers, body.as_ref()).await;
        }
        let fields = self.fields_of(route, ids).await;
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        match (person, &route.method) {
            (Some(person), method) if method == Method::GET => self.app.get(person, path).await,
            (Some(person), _) => self.app.post_form(person, path, &fields).await,
            (None, method) if method == Method::GET => self.app.get_public(path).await,
            (None, _) => {
                let headers = [("sec-fetch-site", "same-origin")];
                self.app.request(Method::POST, path, &headers, testkit::app::form(&fields)).await
            }
        }
    }

    // -- what a call needs ---------------------------------------------------------------------------------------------

    fn object_of(&self, path: &str) -> Option<&'static Object> {
        let path = path.strip_prefix("/api").unwrap_or(path);
        let first = path.split('/').nth(1)?.split('.').next()?;
        self.app.registry.by_plural(first).ok()
    }

    /// What stands for the names in the path: something of its own for every call that may change it.
    async fn ids(&mut self, caller: Caller, route: &RouteInfo) -> BTreeMap<&'static str, String> {
        self.number += 1;
        let (app, path) = (self.app, route.path.as_str());
        let me = match caller {
            Caller::Of(role) => self.people[&role].id,
            _ => self.maker.id,
        };
        let stage = app.stage("Proposal").await.to_string();
        let mut ids = BTreeMap::from([("field", "name".to_owned()), ("chapter", "start".into()), ("stage", stage)]);
        ids.insert("person", self.owner.id.to_string());
        ids.insert("file", "accounts.csv".into());
        let id = match path {
            _ if path.starts_with("/people/{id}") || path.starts_with("/api/people/{id}") => {
                app.person(&format!("Spare {}", self.number)).create().await.id
            }
            _ if path.trim_start_matches("/api").starts_with("/settings/") => {
                self.setting(path.trim_start_matches("/api"), &mut ids).await
            }
            _ if path.starts_with("/imports/mappings") || path.starts_with("/api/import-mappings/{id}") => {
                let id = new_id(&app.clock);
                app.execute(sql!("INSERT INTO import_mapping (id, version, name, object, mapping, owner_id, created_at) VALUES ($1, 1, 'Mine', 'account', '', $2, 0)", id, me)).await;
                id
            }
            _ if path.starts_with("/imports/{id}") || path.starts_with("/api/imports/{id}") => {
                self.import(caller).await
            }
            _ if path.contains("/bulk-jobs/{id}") => {
                let order =
                    json!({ "object": "account", "via": "page", "dry_run": true, "from": "", "what": { "Undo": me } });
                let mut tx = app.db.write().await.expect("the database can be written");
                let id = store::job::enqueue(&mut tx, &app.clock, "bulk", &order.to_string(), Some(me)).await;
                tx.commit().await.expect("the database can be written");
                id.expect("the job is queued")
            }
            "/me/tokens/{id}/revocation" => {
                let id = new_id(&app.clock);
                app.execute(sql!("INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at) VALUES ($1, $2, 'mine', $3, 'read', 0)", id, me, new_token())).await;
                id
            }
            _ if path.contains("/views/{id}") => {
                let id = new_id(&app.clock);
                let object = self.object_of(path).map_or("account", |object| object.name);
                app.execute(sql!("INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, $4, 'Mine', $2, 'private', '', '', $3, 0)", id, me, false, object)).await;
                if let (Caller::Of(role), true) = (caller, path.ends_with("/restoration")) {
                    let gone =
                        app.post_form(&self.people[&role], &format!("/views/{id}/removal"), &[("version", "1")]).await;
                    assert!(matches!(gone.status.as_u16(), 303 | 404), "{}", gone.body);
                }
                id
            }
            _ => match self.object_of(path).filter(|_| path.contains("{id}")) {
                Some(object) => self.record(object, path, &mut ids).await,
                None => Uuid::from_u128(7),
            },
        };
        if path.contains("{token}") {
            let token = new_token();
            let person = app.person(&format!("Invited {}", self.number)).create().await.id;
            app.execute(sql!("UPDATE person SET state = 'invited' WHERE id = $1", person)).await;
            app.execute(sql!(
                "INSERT INTO invitation (token_hash, person_id, created_at, expires_at) VALUES ($1, $2, 0, $3)",
                hash_token(&token),
                person,
                i64::MAX
            ))
            .await;
            ids.insert("token", token);
        }
        ids.insert("id", id.to_string());
        ids.insert("object", "opportunity".into());
        ids
    }

    /// A record of somebody else, in the trash when it is to come out of it, with the parts that the path names.
    async fn record(&self, object: &'static Object, path: &str, ids: &mut BTreeMap<&'static str, String>) -> Uuid {
        let (app, owner) = (self.app, self.owner.id.to_string());
        let code = format!("N-{}", self.number);
        let all = [("name", "Target"), ("subject", "Target"), ("kind", "note"), ("code", code.as_str())];
        let more = [("list_price", "1"), ("close_date", "2026-12-01"), ("owner", owner.as_str())];
        let fields: Vec<_> = all.into_iter().chain(more).filter(|(key, _)| object.field(key).is_some()).collect();
        let id = app.create(object.name, &self.maker, &fields).await;
        ids.insert("field", object.title.to_owned());
        let of_file = path.contains("/files/{file}");
        if of_file {
            let at = format!("/{}/{id}", object.plural);
            let added = crate::files::add(app, &self.maker, &at, "offer.txt", b"An offer").await;
            assert_eq!(added.status, 303, "{}", added.body);
            let file: Option<Uuid> = app.value(sql!("SELECT id FROM attachment WHERE subject_id = $1", id)).await;
            ids.insert("file", file.expect("the file hangs on its record").to_string());
            if path.contains("restoration") {
                app.execute(sql!("UPDATE attachment SET deleted_at = 1 WHERE subject_id = $1", id)).await;
            }
        }
        if path.contains("restoration") && !of_file {
            let actor = app.actor(&self.maker).await;
            let mut tx = app.db.write().await.expect("the database can be written");
            command::set_deleted(&mut tx, &actor, object, id, true).await.expect("to the trash");
            tx.commit().await.expect("the database can be written");
        }
        if path.contains("/items") {
            let product =
                app.create("product", &self.maker, &[("name", "Lamp"), ("code", &code), ("list_price", "9")]).await;
            ids.insert("product", product.to_string());
            let item = new_id(&app.clock);
            app.execute(sql!("INSERT INTO line_item (id, version, opportunity_id, product_id, quantity, unit_price, discount, amount, position) VALUES ($1, 1, $2, $3, 1000, 900, 0, 900, 0)", item, id, product)).await;
            ids.insert("item", item.to_string());
        }
        if path.contains("/committee") {
            let contact = app.create("contact", &self.maker, &[("name", "Target"), ("owner", &owner)]).await;
            ids.insert("contact", contact.to_string());
            if path.contains("/{contact}") {
                app.execute(sql!(
                    "INSERT INTO opportunity_contact (opportunity_id, contact_id) VALUES ($1, $2)",
                    id,
                    contact
                ))
                .await;
            }
        }
        if path.contains("/team/{person}") {
            app.execute(sql!("INSERT INTO account_team (account_id, person_id) VALUES ($1, $2)", id, self.owner.id))
                .await;
        }
        if path.contains("/shares/{person}") {
            app.execute(sql!("INSERT INTO record_share (object, record_id, person_id, may_write, created_at) VALUES ($1, $2, $3, $4, 0)", object.name, id, self.owner.id, true)).await;
        }
        let config = app.config(0).await.expect("settings");
        let criteria = config.pipelines[0].stages.iter().flat_map(|stage| &stage.criteria);
        if let Some(criterion) = criteria.into_iter().find(|criterion| criterion.field.is_none()) {
            ids.insert("criterion", criterion.id.to_string());
            if path.contains("/evidence/{criterion}") {
                let given =
                    "INSERT INTO evidence (opportunity_id, criterion_id, note, at) VALUES ($1, $2, 'So far', 0)";
                app.execute(sql!(given, id, criterion.id)).await;
            }
        }
        id
    }

    /// A pipeline, stage or price list of its own.
    async fn setting(&self, path: &str, ids: &mut BTreeMap<&'static str, String>) -> Uuid {
        let (app, id) = (self.app, new_id(&self.app.clock));
        if path.starts_with("/settings/price") {
            app.execute(sql!("INSERT INTO price_list (id, version, name, currency) VALUES ($1, 1, 'List', 'CNY')", id))
                .await;
            return id;
        }
        app.execute(sql!("INSERT INTO pipeline (id, version, name, position) VALUES ($1, 1, 'Other', 9)", id)).await;
        let stages = [("Open", "open", 10), ("Further", "open", 50), ("Won", "won", 100), ("Lost", "lost", 0)];
        let mut made = Vec::new();
        for (position, (name, kind, probability)) in stages.into_iter().enumerate() {
            let stage = new_id(&app.clock);
            app.execute(sql!("INSERT INTO stage (id, version, pipeline_id, name, position, kind, probability) VALUES ($1, 1, $2, $3, $4, $5, $6)", stage, id, name, position as i64, kind, probability)).await;
            made.push(stage.to_string());
        }
        app.execute("UPDATE organization SET config_version = config_version + 1").await;
        ids.insert("first_stage", made[0].clone());
        ids.insert("all_stages", made.join(" "));
        if path.starts_with("/settings/stages") { made[0].parse().expect("an id") } else { id }
    }

    /// A checked file of the caller's own, if they may bring one in; else somebody else's.
    async fn import(&self, caller: Caller) -> Uuid {
        let mine = match caller {
            Caller::Of(role) if self.allowed(caller, Policy::Create("account")) => &self.people[&role],
            _ => &self.maker,
        };
        let answer =
            crate::import::upload(self.app, mine, "account", "file.csv", b"Name,Employees\nAcme,3\nBeta,many\n").await;
        answer.location().rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{}", answer.body))
    }

    /// A form that holds what most forms ask for; others leave alone what they do not know.
    async fn fields_of(&self, route: &RouteInfo, ids: &BTreeMap<&'static str, String>) -> Vec<(String, String)> {
        let number = self.number;
        let path = route.path.as_str();
        let version = match path {
            "/settings/organization" | "/settings/rates" | "/settings/rates/removal" | "/settings/access/{object}" => {
                self.app.value::<i64>("SELECT version FROM organization").await.unwrap_or(1).to_string()
            }
            _ if path.contains("restoration") => "2".to_owned(),
            _ => "1".to_owned(),
        };
        if path == "/settings/access/{object}" {
            return self.rules_as_they_are(&ids["object"], version);
        }
        let mut fields: Vec<(String, String)> = [
            ("name", format!("Probe {number}").as_str()),
            ("token-name", "Probe"),
            ("subject", "Probe"),
            ("kind", if route.path.starts_with("/settings") { "open" } else { "note" }),
            ("code", &format!("P-{number}")),
            ("list_price", "1"),
            ("close_date", "2026-12-01"),
            ("version", &version),
            ("stage", &ids["stage"]),
            ("reason", "because"),
            ("note", "It was shown"),
            ("quantity", "1"),
            ("product", ids.get("product").map_or("", String::as_str)),
            ("action", "edit"),
            ("field", "owner"),
            ("value", &self.owner.id.to_string()),
            (
                "email",
                &if path == "/sign-in" { self.owner.email.clone() } else { format!("probe{number}@trivet.test") },
            ),
            ("role-seller", "on"),
            ("role", "seller"),
            ("person", &self.maker.id.to_string()),
            ("down", ids.get("first_stage").map_or("", String::as_str)),
            ("manager", &self.maker.id.to_string()),
            ("from", "2026-12-01"),
            ("password", if path == "/sign-in" { PASSWORD } else { "a long enough secret" }),
            ("repeat", "a long enough secret"),
            ("op", "has"),
            ("query", "view=none"),
            ("probability", "20"),
            ("currency", if path.starts_with("/settings") { "USD" } else { "CNY" }),
            ("rate", "7.1"),
            ("day", "2026-11-01"),
            ("locale", "en"),
            ("theme", "dark"),
            ("density", "normal"),
            ("zone", "Asia/Shanghai"),
            ("fiscal_calendar", "months"),
            ("fiscal_start_month", "1"),
            ("base_currency", "CNY"),
            ("scopes", "read"),
            ("days", "30"),
            ("at", "0"),
        ]
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .to_vec();
        let of_rows =
            [".csv", ".xlsx"].iter().any(|ending| route.path.ends_with(ending)) || route.path.contains("/bulk");
        if let Some(object) = self.object_of(&route.path).filter(|_| of_rows) {
            let first = format!("SELECT id FROM {} WHERE deleted_at IS NULL ORDER BY id LIMIT 1", object.table);
            let id: Option<Uuid> = self.app.value(first.as_str()).await;
            fields.push(("ids".into(), id.unwrap_or_default().to_string()));
            if object.field("owner").is_none() {
                let usable = object.fields.iter().find(|field| trivet::shell::records::for_many(field));
                fields.retain(|(key, _)| key != "field" && key != "value");
                fields.push(("field".into(), usable.map_or("", |field| field.key).into()));
                fields.push(("value".into(), String::new()));
            }
        }
        if let (Some(contact), true) = (ids.get("contact"), path.ends_with("/committee")) {
            fields.push(("contact".into(), contact.clone()));
        }
        if path == "/opportunities/{id}" {
            // Its form moves no deal; a move asks for evidence.
            fields.retain(|(key, _)| key != "stage");
        }
        if path.ends_with("/convert") {
            let company = format!("Company {number}");
            let parties = [("account", "new"), ("account_name", company.as_str()), ("contact", "new")];
            let parties = parties.into_iter().chain([("contact_name", "Zhao Min"), ("opportunity", "none")]);
            fields.extend(parties.map(|(key, text)| (key.to_owned(), text.to_owned())));
        }
        if path.ends_with("/filter") {
            let title = self.object_of(&route.path).map_or("", |object| object.title);
            fields.retain(|(key, _)| key != "field" && key != "value");
            fields.extend([("field".into(), title.into()), ("value".into(), "x".into())]);
        }
        fields
    }

    /// The form of what a kind of record is open for, as it stands: the other calls go by it.
    fn rules_as_they_are(&self, object: &str, version: String) -> Vec<(String, String)> {
        let mut fields = vec![("version".to_owned(), version), ("default".into(), "none".into())];
        for role in Role::ALL.map(|role| role.key()) {
            let (read, write, create, export) =
                self.rules.get(&(role.to_owned(), object.to_owned())).copied().unwrap_or_default();
            for (what, level) in [("read", read), ("write", write)] {
                fields.push((format!("{what}-{role}"), format!("{level:?}").to_lowercase()));
            }
            for (what, _) in [("create", create), ("export", export)].into_iter().filter(|(_, ticked)| *ticked) {
                fields.push((format!("{what}-{role}"), "on".into()));
            }
        }
        fields
    }

    fn body_of(&self, route: &RouteInfo, ids: &BTreeMap<&'static str, String>) -> Option<Json> {
        if matches!(route.method, Method::GET | Method::DELETE) || route.path.ends_with("restoration") {
            return None;
        }
        let known = self.examples.get(&(route.method.as_str().to_lowercase(), route.path.clone())).cloned();
        let body = match route.path.as_str() {
            path if path.ends_with("/stage") => json!({ "stage": ids["stage"], "reason": "because" }),
            path if path.ends_with("/items") => json!({ "product": ids["product"], "quantity": "1" }),
            path if path.contains("/evidence/") => json!({ "note": "It was shown" }),
            path if path.contains("/committee/") => json!({ "buying_role": "champion" }),
            path if path.contains("/team/") => json!({ "duty": "Service" }),
            path if path.ends_with("/order") => {
                json!({ "stages": ids["all_stages"].split(' ').collect::<Vec<_>>() })
            }
            // The other calls go by the rules as they are.
            path if path.contains("/settings/access/") => json!({}),
            path if path.contains("/shares/") => json!({ "may_write": false }),
            path if path.contains("/views/") => json!({ "name": "Probe" }),
            path if path.contains("/items/") => json!({ "quantity": "2" }),
            path if path.ends_with("/mapping") => {
                json!({ "object": "account", "columns": { "Name": { "field": "name" } } })
            }
            _ if route.method == Method::PATCH => {
                let title = self.object_of(&route.path).map_or("name", |object| object.title);
                json!({ title: "Probe" })
            }
            _ => {
                let mut body = known.unwrap_or(json!({}));
                for (key, text) in
                    [("code", format!("A-{}", self.number)), ("email", format!("api{}@trivet.test", self.number))]
                {
                    if body.get(key).is_some() {
                        body[key] = json!(text);
                    }
                }
                body
            }
        };
        Some(body)
    }

    // -- what stands in the tables -------------------------------------------------------------------------------------

    async fn rows(&self) -> BTreeMap<String, Option<String>> {
        let mut session = self.app.db.read().await.expect("the database can be read");
        // Read again only if anything was written.
        let tables: Vec<(String, Option<String>)> =
            session.all_kept(self.contents.as_str()).await.expect("the tables can be read");
        tables.into_iter().collect()
    }
}

/// What an answer says is wrong, without the page around it.
fn told(answer: &Answer) -> String {
    let errors = answer.body.split("class=\"error\"").skip(1).filter_map(|rest| rest.split("</p>").next());
    let errors = errors.collect::<Vec<_>>().join(" | ");
    if errors.is_empty() {
        answer.body.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect()
    } else {
        errors
    }
}

fn filled(path: &str, ids: &BTreeMap<&'static str, String>) -> String {
    let mut filled = path.to_owned();
    for (name, value) in ids {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    let mut rest = String::new();
    // Names that nothing is known for.
    for part in filled.split('/') {
        rest.push_str(if part.starts_with('{') { "00000000-0000-7000-8000-000000000007" } else { part });
        rest.push('/');
    }
    rest.pop();
    match path {
        "/api/settings/rates" => format!("{rest}?currency=USD&day=2026-11-01"),
        path if path.ends_with("/filter/input") => format!("{rest}?field=created_at"),
        _ => rest,
    }
}

/// A statement that answers with the name of each table whose rows a refused write must leave alone, and all its rows as one
/// text. Those are all tables but sign-ins and the fiscal calendar, which is long and fixed.
async fn contents(app: &TestApp) -> String {
    let columns = match app.db.engine() {
        Engine::Sqlite => {
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'"
        }
        Engine::Postgres => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_schema = current_schema()"
        }
    };
    let mut session = app.db.read().await.expect("the database can be read");
    let columns: Vec<(String, String)> = session.all(columns).await.expect("the columns can be listed");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (table, column) in columns {
        let is_kept = !matches!(table.as_str(), "session" | "period" | "schema_migration")
            && (!table.starts_with("search_") || table == "search_doc");
        if is_kept {
            tables.entry(table).or_default().push(column);
        }
    }
    assert!(tables.len() > 30, "only {:?}", tables.keys());
    let text = |column: &String| match app.db.engine() {
        Engine::Sqlite => format!("quote({column})"),
        Engine::Postgres => format!("COALESCE(quote_literal({column}), 'NULL')"),
    };
    let selects = tables.iter().map(|(table, columns)| {
        let from = match table.as_str() {
            // History is only ever added to; the index of words follows its record; the last use of a token is bookkeeping.
            "event" => return "SELECT 'event', CAST(COUNT(*) AS TEXT) FROM event".to_owned(),
            "search_doc" => return "SELECT 'search_doc', CAST(COUNT(*) AS TEXT) FROM search_doc".to_owned(),
            _ => columns.iter().filter(|column| table != "api_token" || *column != "used_at"),
        };
        let row = from.map(text).collect::<Vec<_>>().join(" || ',' || ");
        match app.db.engine() {
            Engine::Sqlite => format!("SELECT '{table}', group_concat({row}, ';') FROM {table}"),
            Engine::Postgres => format!("SELECT '{table}', string_agg({row}, ';' ORDER BY {row}) FROM {table}"),
        }
    });
    selects.collect::<Vec<_>>().join(" UNION ALL ")
}

/// Bodies from the API's own document, by method and path.
fn examples() -> BTreeMap<(String, String), Json> {
    let document = Description::of(&trivet::app::api()).document(Locale::En);
    let mut found = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            if !example.is_null() {
                found.insert((method.clone(), path.clone()), example.clone());
            }
        }
    }
    found
}
