//! Q18: every route of the router says who may call it, and is called once per role: who may not finds nothing there, nobody
//! who is not signed in gets past the sign-in, and nothing answers with a failure of ours. Q17: a write that was refused, for
//! whatever reason, touches no row of any table.
//!
//! The list of routes comes from the router. A new one is called with made-up ids and a form that holds what most forms ask
//! for; if that is refused to everybody, the test asks for a better call in `fields_of` or `body_of`: [`calls`]. What it is called
//! on is made in [`world`].

mod calls;
mod rows;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::Value as Json;
use store::{new_id, sql};
use testkit::{Engine, Person, Role, TestApp, on};
use trivet::app::routes;
use trivet::shell::routes::{Policy, RouteInfo};
use trivet::shell::viewer::hash_token;

use self::calls::{examples, filled, told};
use self::rows::note_touched;
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
    trial.forget_touched().await;
    app.person("Noticed").create().await;
    assert!(trial.touched().await.contains(&"person".to_owned()), "what is added is noted");
    let view = new_id(&app.clock);
    app.execute(sql!("INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, 'account', 'Noticed', $2, 'private', '', '', $3, 0)", view, trial.owner.id, false)).await;
    for change in ["UPDATE saved_view SET name = name WHERE id = $1", "DELETE FROM saved_view WHERE id = $1"] {
        trial.forget_touched().await;
        app.execute(sql!(change, view)).await;
        assert_eq!(trial.touched().await, ["saved_view"], "what is changed or removed is noted: {change}");
    }
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
        note_touched(app).await;
        let infos = routes().infos;
        Trial {
            app,
            people,
            tokens,
            read_only,
            owner,
            maker,
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
        if changes {
            self.forget_touched().await;
        }
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
        if changes && (!allowed || status >= 400) {
            self.refusals += 1;
            for table in self.touched().await {
                self.wrong.push(format!("{what}: {status}, but {table} was touched"));
            }
        }
    }
}
