//! How a route is called: its address, a form or body that most of them take, and what the answer says.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value as Json, json};
use store::Uuid;
use testkit::app::{UPLOAD, form, upload};
use testkit::database::PASSWORD;
use testkit::{Answer, Role};
use trivet::app::api;
use trivet::shell::api::document::Description;
use trivet::shell::i18n::Locale;
use trivet::shell::record::Object;
use trivet::shell::routes::RouteInfo;

use super::{Caller, Trial};

impl Trial<'_> {
    pub async fn send(
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
            ("POST", "/api/imports") => Some(upload(&[("object", "account")], "file.csv", b"Name\nAcme\n")),
            ("POST", path) if path.ends_with("/files") => Some(upload(&[], "offer.txt", b"An offer")),
            _ => None,
        };
        if let Some(body) = file {
            if let Some(person) = person.filter(|_| !is_api) {
                return self.app.post_body(person, path, UPLOAD, body).await;
            }
            let bearer = format!("Bearer {token}");
            let headers =
                [("authorization", bearer.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", UPLOAD)];
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
                self.app.request(Method::POST, path, &headers, form(&fields)).await
            }
        }
    }

    pub fn object_of(&self, path: &str) -> Option<&'static Object> {
        let path = path.strip_prefix("/api").unwrap_or(path);
        let first = path.split('/').nth(1)?.split('.').next()?;
        self.app.registry.by_plural(first).ok()
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
}

/// What an answer says is wrong, without the page around it.
pub fn told(answer: &Answer) -> String {
    let errors = answer.body.split("class=\"error\"").skip(1).filter_map(|rest| rest.split("</p>").next());
    let errors = errors.collect::<Vec<_>>().join(" | ");
    if errors.is_empty() {
        answer.body.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect()
    } else {
        errors
    }
}

pub fn filled(path: &str, ids: &BTreeMap<&'static str, String>) -> String {
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

/// Bodies from the API's own document, by method and path.
pub fn examples() -> BTreeMap<(String, String), Json> {
    let document = Description::of(&api()).document(Locale::En);
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
