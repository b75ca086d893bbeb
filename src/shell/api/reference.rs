//! The document at `/api/openapi.json`, and the page at `/api` that shows the same document to people.

use std::sync::{Arc, OnceLock};

use axum::Extension;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value as Json;

use super::document::Description;
use super::operation::Api;
use crate::shell::error::Result;
use crate::shell::i18n::Locale;
use crate::shell::layers::locale_of;
use crate::shell::page::{Asked, Page, respond};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

/// The routes of the whole API: its operations, the document and the page.
pub fn routes(api: Api) -> Routes {
    let description = Arc::new(Description::of(&api));
    let text: Arc<OnceLock<String>> = Arc::default();
    let of_document = description.clone();
    Routes::new()
        .get("/api", Policy::Public, move |viewer, headers, asked, sought| {
            page(description, viewer, headers, asked, sought)
        })
        .get("/api/openapi.json", Policy::Public, move || async move {
            // Made at the first call: it takes some milliseconds, and most servers are never asked.
            let text = text.get_or_init(|| of_document.document(Locale::En).to_string()).clone();
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        })
        .merge(api.into_routes())
}

#[derive(Deserialize)]
struct Sought {
    #[serde(default)]
    q: String,
}

struct Group {
    name: String,
    title: String,
    operations: Vec<Entry>,
}

struct Entry {
    id: String,
    method: String,
    path: String,
    summary: String,
    text: String,
    parameters: Vec<Member>,
    body: Vec<Member>,
    example: String,
    answer: Vec<Member>,
    statuses: Vec<(String, String)>,
}

struct Member {
    name: String,
    kind: String,
    required: bool,
    text: String,
}

#[derive(askama::Template)]
#[template(path = "shell/api/reference.html")]
struct ReferenceBody<'a> {
    page: &'a Page,
    introduction: Vec<String>,
    groups: Vec<Group>,
    q: String,
    found: usize,
}

async fn page(
    description: Arc<Description>,
    viewer: Option<Extension<Viewer>>,
    headers: HeaderMap,
    asked: Asked,
    sought: axum::extract::Query<Sought>,
) -> Result<Response> {
    let page = match &viewer {
        Some(Extension(viewer)) => Page::new(viewer, &asked, viewer.locale.text("api-title")),
        None => {
            let locale = locale_of(&headers);
            Page::public(locale, &asked, locale.text("api-title"))
        }
    };
    let document = description.document(page.locale);
    let q: String = sought.q.trim().chars().take(80).collect();
    let groups = groups(&document, &q.to_lowercase());
    let found = groups.iter().map(|group| group.operations.len()).sum();
    let introduction = text(&document["info"]["description"]).split("\n\n").map(str::to_owned).collect();
    respond(&page, &ReferenceBody { page: &page, introduction, groups, q, found })
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The operations that hold every word sought, by kind of record.
fn groups(document: &Json, sought: &str) -> Vec<Group> {
    let mut groups: Vec<Group> = document["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tag| Group { name: text(&tag["name"]), title: text(&tag["description"]), operations: Vec::new() })
        .collect();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, method, operation) in
        paths.flat_map(|(path, methods)| methods.as_object().into_iter().flatten().map(move |(m, o)| (path, m, o)))
    {
        let entry = entry_of(document, path, method, operation);
        let group = groups.iter_mut().find(|group| operation["tags"][0] == group.name.as_str());
        let Some(group) = group else { continue };
        let names = entry.parameters.iter().chain(&entry.body).map(|member| member.name.as_str());
        let haystack = [&entry.method, path, &entry.summary, &entry.text, &entry.id, &group.title].map(String::as_str);
        let haystack = haystack.into_iter().chain(names).collect::<Vec<_>>().join(" ").to_lowercase();
        if sought.split_whitespace().all(|word| haystack.contains(word)) {
            group.operations.push(entry);
        }
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn entry_of(document: &Json, path: &str, method: &str, operation: &Json) -> Entry {
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| Member {
        name: text(&parameter["name"]),
        kind: kind_of(document, &parameter["schema"]),
        required: parameter["required"] == true,
        text: text(&parameter["description"]),
    });
    let content = first(&operation["requestBody"]["content"]);
    let example = &content["example"];
    let responses = operation["responses"].as_object().into_iter().flatten();
    let statuses =
        responses.clone().map(|(status, response)| (status.clone(), text(&resolve(document, response)["description"])));
    let success = responses.clone().find(|(status, _)| status.starts_with('2'));
    let answer = success.map_or(&Json::Null, |(_, response)| &first(&response["content"])["schema"]);
    Entry {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        text: text(&operation["description"]),
        parameters: parameters.collect(),
        body: members_of(document, &content["schema"]),
        example: if example.is_null() { String::new() } else { format!("{example:#}") },
        answer: members_of(document, answer),
        statuses: statuses.collect(),
    }
}

/// Bodies and answers are of one media type each.
fn first(content: &Json) -> &Json {
    content.as_object().and_then(|types| types.values().next()).unwrap_or(&Json::Null)
}

fn resolve<'a>(document: &'a Json, value: &'a Json) -> &'a Json {
    match value["$ref"].as_str().and_then(|pointer| document.pointer(pointer.trim_start_matches('#'))) {
        Some(found) => found,
        None => value,
    }
}

/// The members of an object, or of the items of a page.
fn members_of(document: &Json, schema: &Json) -> Vec<Member> {
    let schema = resolve(document, schema);
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let members = schema["properties"].as_object().into_iter().flatten();
    members
        .flat_map(|(name, member)| {
            let own = Member {
                name: name.clone(),
                kind: kind_of(document, member),
                required: required(name),
                text: text(&member["description"]),
            };
            let items = members_of(document, &member["items"]);
            let nested = items.into_iter().map(move |item| Member { name: format!("{name}[].{}", item.name), ..item });
            std::iter::once(own).chain(nested)
        })
        .collect()
}

/// `string (uuid)`, `integer 0–100`, `a | b | c`: a type in a few words.
fn kind_of(document: &Json, schema: &Json) -> String {
    let schema = resolve(document, schema);
    if let Some(choices) = schema["enum"].as_array() {
        let shown: Vec<&str> = choices.iter().filter_map(Json::as_str).collect();
        return shown.join(" | ");
    }
    let name = match &schema["type"] {
        Json::Array(names) => names.iter().filter_map(Json::as_str).filter(|name| *name != "null").collect(),
        name => text(name),
    };
    let mut words = vec![name.clone()];
    if name == "array" {
        words = vec![format!("[{}]", kind_of(document, &schema["items"]))];
    }
    words.extend(schema["format"].as_str().map(|format| format!("({format})")));
    match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(least), Some(most)) => words.push(format!("{least}–{most}")),
        (Some(least), None) if least != 0 => words.push(format!("≥ {least}")),
        _ => {}
    }
    words.extend(schema["maxLength"].as_u64().map(|most| format!("≤ {most}")));
    words.join(" ")
}
