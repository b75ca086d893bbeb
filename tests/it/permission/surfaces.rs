//! Every address of a house that can be read: the GET routes of the router, filled with each record, person and part that fits. So
//! a new route is asked by Q15 and Q16 by itself. One with a name in its path that nobody here knows, and one that finds nothing
//! in any company, fails them until it is filled in or excepted with a reason.

use std::collections::BTreeSet;

use axum::http::Method;
use testkit::TestApp;
use trivet::app::routes;
use trivet::shell::routes::Policy;

use super::world::{House, KINDS};

/// Routes that are not asked: each with its reason.
const EXCEPTED: &[(&str, &str)] = &[
    ("/assets/{file}", "scripts and styles of the program"),
    ("/favicon.svg", "a picture of the program"),
    ("/health", "says only that the program runs"),
    ("/setup", "the house is set up"),
    ("/sign-in", "is for who is not signed in"),
    ("/invitations/{token}", "is for who is not signed in"),
    ("/api", "describes the API, the same for everybody"),
    ("/api/openapi.json", "describes the API, the same for everybody"),
    ("/imports/{id}", "holds the file of who brought it in, for nobody else: import_rows.rs"),
    ("/imports/{id}/progress", "as above"),
    ("/imports/{id}/rows", "as above"),
    ("/imports/{id}/errors.csv", "as above"),
    ("/api/imports/{id}", "as above: api_imports.rs"),
    ("/api/imports/{id}/rows", "as above"),
    ("/api/imports/{id}/errors", "as above"),
    ("/bulk-jobs/{id}", "counts what somebody has done to many, for nobody else: bulk_jobs.rs"),
    ("/bulk-jobs/{id}/progress", "as above"),
    ("/bulk-jobs/{id}/records", "as above"),
    ("/api/bulk-jobs/{id}", "as above"),
    ("/api/bulk-jobs/{id}/records", "as above"),
    ("/api/import-mappings/{id}", "names columns of a file, no records: api_imports.rs"),
];

/// What an address is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum About {
    Nothing,
    Record(usize),
    /// One field of a record.
    Field(usize, &'static str),
    /// One of the people, by number.
    Person(usize),
    View,
}

pub struct Surface {
    /// As the router has it.
    pub route: String,
    /// The same in two companies that differ only in their ids.
    pub name: String,
    pub path: String,
    pub policy: Policy,
    pub about: About,
}

/// Every address of the house that can be read.
pub async fn surfaces(app: &TestApp, house: &House) -> Vec<Surface> {
    let excepted: Vec<&str> = EXCEPTED.iter().map(|(path, _)| *path).collect();
    filled(app, house, &excepted).await
}

/// The GET routes but these, filled with what is in the house.
pub async fn filled(app: &TestApp, house: &House, excepted: &[&str]) -> Vec<Surface> {
    let config = app.config(0).await.expect("settings");
    let pipeline = &config.pipelines[0];
    let mut all = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for info in routes().infos.into_iter().filter(|info| info.method == Method::GET) {
        if excepted.contains(&info.path.as_str()) {
            continue;
        }
        let mut add = |about: About, fills: &[(&str, String)], name: String| {
            let about = match about {
                About::Record(record) if info.path.contains("{field}") => {
                    About::Field(record, house.field_in_place(app, record))
                }
                about => about,
            };
            let path =
                fills.iter().fold(info.path.clone(), |path, (key, value)| path.replace(&format!("{{{key}}}"), value));
            let (route, policy) = (info.path.clone(), info.policy);
            if path.contains('{') {
                unknown.push(route);
            } else {
                let path = format!("{path}{}", asked(app, &route));
                all.push(Surface { name: format!("{route} {name}"), route, path, policy, about });
            }
        };
        let plain = info.path.trim_start_matches("/api");
        let plural = plain.split('/').nth(1).unwrap_or("");
        let kind = KINDS.iter().find(|(name, ..)| app.object(name).plural == plural);
        match kind {
            _ if plain.contains("/views/{id}") => {
                let of_kind = |object: &str| plural == "views" || app.object(object).plural == plural;
                let of_kind = house.views.iter().filter(|(object, _)| of_kind(object));
                for (object, id) in of_kind {
                    add(About::View, &[("id", id.to_string())], (*object).to_owned());
                }
            }
            Some((name, ..)) if plain.contains("{id}") => {
                for record in house.world.of(name) {
                    let mut fills = vec![("id", house.ids[record].to_string())];
                    fills.push(("field", house.field_in_place(app, record).to_owned()));
                    for (_, part, id) in house.parts.iter().filter(|(of, ..)| *of == record) {
                        fills.push((part, id.clone()));
                    }
                    // Not every record has every part.
                    let lacks = |part: &&str| {
                        plain.contains(&format!("{{{part}}}")) && !fills.iter().any(|(key, _)| key == part)
                    };
                    if !["item", "file"].iter().any(lacks) {
                        add(About::Record(record), &fills, record.to_string());
                    }
                }
            }
            _ if plain.starts_with("/people/{id}") => {
                for (at, person) in house.people.iter().enumerate() {
                    let fills = [("id", person.id.to_string()), ("field", "name".into())];
                    add(About::Person(at), &fills, at.to_string());
                }
            }
            _ => {
                let id = match plain {
                    path if path.starts_with("/settings/stages") => pipeline.stages[0].id,
                    path if path.starts_with("/settings/price") => house.price_list,
                    _ => pipeline.id,
                };
                let mut fills = vec![("object", "opportunity".to_owned()), ("chapter", "start".into())];
                if plain.starts_with("/settings/") {
                    fills.push(("id", id.to_string()));
                }
                if plain.starts_with("/imports/templates/") {
                    fills.push(("file", "accounts.csv".into()));
                }
                add(About::Nothing, &fills, String::new());
            }
        }
    }
    assert!(unknown.is_empty(), "nobody knows how to ask for {unknown:?}");
    all
}

/// What a route needs to be asked, or to be asked for everything.
fn asked(app: &TestApp, route: &str) -> String {
    match route {
        "/search" | "/palette" | "/api/search" => "?q=kite".into(),
        "/analysis" | "/api/analysis" => "?period=all".into(),
        path if path.ends_with("/filter/input") => {
            let object = app.registry.by_plural(path.split('/').nth(1).unwrap_or("")).expect("a kind of record");
            format!("?field={}", object.title)
        }
        path if path.ends_with("/timeline") || path.ends_with("/events") => "?limit=200".into(),
        _ => String::new(),
    }
}

/// Every route found something in some company: else nothing was said about it.
pub fn check_all_found(found: &BTreeSet<String>) {
    let missing = missing(found, EXCEPTED);
    assert!(missing.is_empty(), "nobody found anything at\n{}", missing.join("\n"));
}

/// The GET routes that are neither among these nor excepted.
pub fn missing(found: &BTreeSet<String>, excepted: &[(&str, &str)]) -> Vec<String> {
    let infos = routes().infos.into_iter().filter(|info| info.method == Method::GET && !found.contains(&info.path));
    infos.map(|info| info.path).filter(|route| !excepted.iter().any(|(path, _)| path == route)).collect()
}
