//! The OpenAPI 3.1 document, written from the list of operations and the descriptions of the records. The same every time:
//! it can be compared, generated from, and tested against.

use serde_json::{Map, Value as Json, json};

use super::operation::{Api, Operation, Reply, pascal, reference};
use super::shape;
use crate::shell::i18n::Locale;
use crate::shell::record::{Field, Kind, Object};
use crate::shell::routes::Policy;
use crate::shell::viewer::SESSION_COOKIE;

/// What the document is written from.
pub struct Description {
    pub operations: Vec<Operation>,
    pub objects: Vec<&'static Object>,
}

impl Description {
    pub fn of(api: &Api) -> Description {
        Description { operations: api.operations.clone(), objects: api.objects.clone() }
    }

    /// The whole document; its words are in the given language.
    pub fn document(&self, locale: Locale) -> Json {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Trivet API",
                "version": env!("CARGO_PKG_VERSION"),
                "description": introduction(locale),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "security": [{ "bearer": [] }, { "session": [] }],
            "tags": self.groups().map(|group| json!({ "name": group, "description": things(locale, group) })).collect::<Vec<_>>(),
            "paths": self.paths(locale),
            "components": {
                "schemas": self.schemas(locale),
                "responses": refusals(locale),
                "headers": headers(locale),
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer", "description": locale.text("api-security-bearer") },
                    "session": { "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": locale.text("api-security-session") },
                },
            },
        })
    }

    /// The kinds of record, then what is about none of them.
    fn groups(&self) -> impl Iterator<Item = &'static str> {
        let mut groups: Vec<&'static str> = self.objects.iter().map(|object| object.name).collect();
        for operation in &self.operations {
            if !groups.contains(&operation.group) {
                groups.push(operation.group);
            }
        }
        groups.into_iter()
    }

    fn paths(&self, locale: Locale) -> Json {
        let mut paths: Map<String, Json> = Map::new();
        for operation in &self.operations {
            let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
            let mut entry = entry(operation, locale);
            self.add_links(operation, &mut entry);
            path[operation.method.as_str().to_ascii_lowercase()] = entry;
        }
        Json::Object(paths)
    }

    /// Where one can go from here: from what was made, and from the first of a list, to the operations on that one.
    fn add_links(&self, operation: &Operation, entry: &mut Json) {
        let (status, id, version) = match operation.method.as_str() {
            "POST" if operation.answers.iter().any(|reply| reply.status == 201) => {
                let tagged = operation.answers.iter().any(|reply| reply.headers.contains(&"ETag"));
                ("201", "$response.body#/id", if tagged { "$response.header.ETag" } else { "*" })
            }
            "GET" if !operation.path.contains('{') => ("200", "$response.body#/data/0/id", "*"),
            _ => return,
        };
        let below = format!("{}/{{", operation.path);
        let links: Map<String, Json> = self
            .operations
            .iter()
            .filter_map(|target| {
                let (name, rest) = target.path.strip_prefix(&below)?.split_once('}')?;
                // Only what needs no id but this one and those already in the path.
                (!rest.contains('{')).then(|| {
                    let mut parameters = json!({ format!("path.{name}"): id });
                    if operation.path.contains("{id}") {
                        parameters["path.id"] = json!("$request.path.id");
                    }
                    if target.parameters.iter().any(|parameter| parameter.name == "If-Match") {
                        parameters["header.If-Match"] = json!(version);
                    }
                    (target.id.clone(), json!({ "operationId": target.id, "parameters": parameters }))
                })
            })
            .collect();
        if !links.is_empty() {
            entry["responses"][status]["links"] = Json::Object(links);
        }
    }

    fn schemas(&self, locale: Locale) -> Json {
        let mut schemas = Map::new();
        for object in &self.objects {
            let name = pascal(object.name);
            schemas.insert(name.clone(), read_schema(object, locale));
            schemas.insert(format!("{name}Create"), written_schema(object, locale, true));
            schemas.insert(format!("{name}Patch"), written_schema(object, locale, false));
        }
        schemas.insert("Event".into(), event_schema());
        schemas.insert("Problem".into(), problem_schema());
        Json::Object(schemas)
    }
}

/// A few sentences that hold for every operation.
fn introduction(locale: Locale) -> String {
    ["forms", "paging", "versions", "idempotency", "errors", "limits"]
        .map(|part| locale.text(&format!("api-introduction-{part}")))
        .join("\n\n")
}

pub fn things(locale: Locale, object: &str) -> String {
    locale.text(&format!("api-things-{object}"))
}

fn summary(operation: &Operation, locale: Locale) -> String {
    let thing = locale.text(&format!("api-thing-{}", operation.group));
    let many = locale.text(&format!("api-many-{}", operation.group));
    locale.text_with(operation.summary, &[("thing", &thing), ("many", &many)])
}

fn entry(operation: &Operation, locale: Locale) -> Json {
    let mut entry = json!({
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": summary(operation, locale),
    });
    let text = format!("{}-text", operation.summary);
    if locale.has(&text) {
        entry["description"] = json!(locale.text(&text));
    }
    if operation.policy == Policy::Public {
        entry["security"] = json!([]);
    }
    let parameters: Vec<Json> = operation
        .parameters
        .iter()
        .map(|parameter| {
            let mut entry = json!({
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.required,
                "description": locale.text(parameter.text),
                "schema": parameter.schema,
            });
            if parameter.comma_separated {
                entry["style"] = json!("form");
                entry["explode"] = json!(false);
            }
            entry
        })
        .collect();
    if !parameters.is_empty() {
        entry["parameters"] = json!(parameters);
    }
    if let Some(schema) = &operation.request {
        let mut content = json!({ "schema": explained(schema.clone(), operation.summary, locale) });
        if let Some(example) = &operation.example {
            content["example"] = example.clone();
        }
        entry["requestBody"] = json!({ "required": true, "content": { operation.request_type: content } });
    }
    let mut responses: Vec<(u16, Json)> =
        operation.answers.iter().map(|reply| (reply.status, answered(reply, locale))).collect();
    responses.extend(
        operation
            .refusals()
            .into_iter()
            .map(|status| (status, json!({ "$ref": format!("#/components/responses/{}", refusal_name(status)) }))),
    );
    responses.sort_by_key(|(status, _)| *status);
    entry["responses"] =
        Json::Object(responses.into_iter().map(|(status, reply)| (status.to_string(), reply)).collect());
    entry
}

/// Adds what the message files say about the members of a body: `{summary}-{member}`.
fn explained(mut schema: Json, key: &str, locale: Locale) -> Json {
    if let Some(members) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        for (name, member) in members {
            let key = format!("{key}-{}", name.replace('_', "-"));
            if locale.has(&key) {
                member["description"] = json!(locale.text(&key));
            }
        }
    }
    schema
}

fn answered(reply: &Reply, locale: Locale) -> Json {
    let mut entry = json!({ "description": locale.text(&format!("api-status-{}", reply.status)) });
    let mut headers: Map<String, Json> =
        reply.headers.iter().map(|name| ((*name).to_owned(), header_reference(name))).collect();
    for name in LIMITS {
        headers.insert(name.into(), header_reference(name));
    }
    entry["headers"] = Json::Object(headers);
    if let Some(schema) = &reply.schema {
        entry["content"] = json!({ reply.media_type: { "schema": schema } });
    }
    entry
}

const LIMITS: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

fn header_reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn headers(locale: Locale) -> Json {
    let mut headers = Map::new();
    let mut add = |name: &str, schema: Json| {
        let text = locale.text(&format!("api-header-{}", name.to_ascii_lowercase()));
        headers.insert(name.into(), json!({ "required": true, "description": text, "schema": schema }));
    };
    add("ETag", json!({ "type": "string", "pattern": r#"^"[0-9]+(-[0-9A-Za-z_]+)?"$"# }));
    add("Location", json!({ "type": "string" }));
    for name in LIMITS {
        add(name, json!({ "type": "integer", "minimum": 0 }));
    }
    add("Retry-After", json!({ "type": "integer", "minimum": 0 }));
    add("WWW-Authenticate", json!({ "type": "string" }));
    Json::Object(headers)
}

const REFUSALS: [(u16, &str); 12] = [
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (409, "Conflict"),
    (412, "PreconditionFailed"),
    (413, "TooLarge"),
    (414, "TooLong"),
    (415, "UnsupportedMediaType"),
    (422, "Unprocessable"),
    (428, "PreconditionRequired"),
    (429, "TooManyRequests"),
];

fn refusal_name(status: u16) -> &'static str {
    REFUSALS.iter().find(|(known, _)| *known == status).expect("every refusal has a name").1
}

fn refusals(locale: Locale) -> Json {
    let entries = REFUSALS.iter().map(|(status, name)| {
        let description = locale.text(&format!("api-status-{status}"));
        if *status == 414 {
            // Said by the server itself, before anybody looks at the request.
            return ((*name).to_owned(), json!({ "description": description }));
        }
        let mut headers: Map<String, Json> =
            LIMITS.iter().map(|name| ((*name).to_owned(), header_reference(name))).collect();
        match status {
            401 => headers.insert("WWW-Authenticate".into(), header_reference("WWW-Authenticate")),
            429 => headers.insert("Retry-After".into(), header_reference("Retry-After")),
            _ => None,
        };
        let entry = json!({
            "description": description,
            "headers": headers,
            "content": { "application/problem+json": { "schema": reference("Problem") } },
        });
        ((*name).to_owned(), entry)
    });
    Json::Object(entries.collect())
}

/// The label, the hint below the input, and what a reference points to.
fn text_of(object: &Object, field: &Field, locale: Locale) -> String {
    let mut parts = Vec::new();
    let label = object.label_key(field);
    if locale.has(&label) {
        parts.push(locale.text(&label));
    }
    let hint = format!("{label}-hint");
    if field.hinted && locale.has(&hint) {
        parts.push(locale.text(&hint));
    }
    if let Kind::Ref(target) = field.kind {
        parts.push(format!("→ {target}"));
    }
    parts.join(" · ")
}

fn member(mut schema: Json, text: String) -> Json {
    if !text.is_empty() {
        schema["description"] = json!(text);
    }
    schema
}

fn read_schema(object: &'static Object, locale: Locale) -> Json {
    let mut members = Map::new();
    members.insert("id".into(), json!({ "type": "string", "format": "uuid", "readOnly": true }));
    members.insert("version".into(), json!({ "type": "integer", "minimum": 0, "readOnly": true }));
    for field in object.fields.iter().filter(|field| shape::is_read(field)) {
        members.insert(field.key.into(), member(shape::read(field), text_of(object, field, locale)));
        if matches!(field.kind, Kind::Ref(_)) {
            members.insert(format!("{}_label", field.key), json!({ "type": ["string", "null"], "readOnly": true }));
        }
    }
    json!({ "type": "object", "required": ["id", "version"], "properties": members })
}

fn written_schema(object: &'static Object, locale: Locale, creating: bool) -> Json {
    let mut members = Map::new();
    for field in object.fields.iter().filter(|field| shape::is_written(field, creating)) {
        let mut schema = member(shape::written(field), text_of(object, field, locale));
        schema["examples"] = json!([shape::example(object, field)]);
        if !shape::is_read(field) {
            schema["writeOnly"] = json!(true);
        }
        members.insert(field.key.into(), schema);
    }
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": members });
    let required: Vec<&str> = object.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    if creating && !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn event_schema() -> Json {
    json!({
        "type": "object",
        "required": ["id", "at", "actor", "actor_label", "via", "kind", "version", "reason", "changes"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "at": { "type": "string", "format": "date-time" },
            "actor": { "type": ["string", "null"], "format": "uuid" },
            "actor_label": { "type": ["string", "null"] },
            "via": { "type": "string" },
            "kind": { "type": "string" },
            "version": { "type": "integer" },
            "reason": { "type": ["string", "null"] },
            "changes": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "old", "new"],
                    "properties": { "field": { "type": "string" }, "old": {}, "new": {} },
                },
            },
        },
    })
}

/// RFC 9457, with the fields at fault.
fn problem_schema() -> Json {
    json!({
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "version": { "type": "integer" },
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code"],
                    "properties": {
                        "field": { "type": "string" },
                        "code": { "type": "string" },
                        "detail": { "type": "string" },
                        "original": { "type": "string" },
                        "yours": { "type": "string" },
                        "theirs": { "type": "string" },
                    },
                },
            },
        },
    })
}
