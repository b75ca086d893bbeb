//! One operation of the API as it is written down beside its handler. [`Api::operation`] registers the route and the entry
//! in the OpenAPI document in one step, so neither can be without the other.
//!
//! ```ignore
//! Operation::post("/api/opportunities/{id}/stage", "moveOpportunity", "opportunity", "api-stage-move")
//!     .policy(Policy::Change("opportunity"))
//!     .conditional()
//!     .takes(schema_of::<Move>())
//!     .gives(200, record("opportunity"))
//! ```

use axum::handler::Handler;
use axum::http::Method;
use serde_json::{Value as Json, json};

use super::call;
use crate::shell::app::App;
use crate::shell::record::Object;
use crate::shell::routes::{Policy, Routes};

#[derive(Debug, Clone)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    /// `operationId`, unique.
    pub id: String,
    /// The kind of record under which it is listed.
    pub group: &'static str,
    /// Message key of the one-line summary; takes `$thing` and `$many`. `{summary}-text` may say more, and
    /// `{summary}-{member}` explains a member of the body.
    pub summary: &'static str,
    pub policy: Policy,
    pub parameters: Vec<Parameter>,
    pub request: Option<Json>,
    /// What the body is; JSON unless it is a file in a form.
    pub request_type: &'static str,
    /// A request that the handler takes as it stands.
    pub example: Option<Json>,
    /// Successful answers; what can go wrong follows from the rest ([`Operation::refusals`]).
    pub answers: Vec<Reply>,
    conditional: Condition,
}

#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: &'static str,
    /// `path`, `query` or `header`.
    pub place: &'static str,
    pub required: bool,
    pub schema: Json,
    /// Message key.
    pub text: &'static str,
    /// Query lists written with commas.
    pub comma_separated: bool,
}

#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub schema: Option<Json>,
    pub media_type: &'static str,
    pub headers: Vec<&'static str>,
}

const JSON: &str = "application/json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    No,
    /// `If-Match` may be sent.
    May,
    /// `If-Match` must be sent: 428 without.
    Must,
    /// `If-Match` must be sent where something stands already.
    Replaces,
}

impl Operation {
    pub fn new(
        method: Method,
        path: impl Into<String>,
        id: impl Into<String>,
        group: &'static str,
        summary: &'static str,
    ) -> Operation {
        let (path, policy) = (path.into(), Policy::SignedIn);
        let mut parameters: Vec<Parameter> = path_names(&path)
            .map(|name| Parameter {
                name,
                place: "path",
                required: true,
                schema: json!({ "type": "string", "format": "uuid" }),
                text: "api-parameter-id",
                comma_separated: false,
            })
            .collect();
        if method == Method::POST {
            parameters.push(Parameter {
                name: "Idempotency-Key",
                place: "header",
                required: false,
                schema: json!({ "type": "string", "pattern": call::KEY_PATTERN, "minLength": 1, "maxLength": 200 }),
                text: "api-parameter-idempotency-key",
                comma_separated: false,
            });
        }
        Operation {
            method,
            path,
            id: id.into(),
            group,
            summary,
            policy,
            parameters,
            request: None,
            request_type: JSON,
            example: None,
            answers: Vec::new(),
            conditional: Condition::No,
        }
    }

    pub fn get(
        path: impl Into<String>,
        id: impl Into<String>,
        group: &'static str,
        summary: &'static str,
    ) -> Operation {
        Operation::new(Method::GET, path, id, group, summary)
    }

    pub fn post(
        path: impl Into<String>,
        id: impl Into<String>,
        group: &'static str,
        summary: &'static str,
    ) -> Operation {
        Operation::new(Method::POST, path, id, group, summary)
    }

    pub fn policy(mut self, policy: Policy) -> Operation {
        self.policy = policy;
        self
    }

    /// Needs `If-Match`; the handler takes [`call::IfMatch`].
    pub fn conditional(mut self) -> Operation {
        self.conditional = Condition::Must;
        self.with_if_match(true, "api-parameter-if-match")
    }

    /// Takes `If-Match`; the handler takes [`call::MayMatch`].
    pub fn may_be_conditional(mut self) -> Operation {
        self.conditional = Condition::May;
        self.with_if_match(false, "api-parameter-if-match")
    }

    /// Puts something in a place, or replaces what stands there; the handler takes [`call::Replacing`].
    pub fn replaces(mut self) -> Operation {
        self.conditional = Condition::Replaces;
        let star = json!({ "type": "string", "examples": ["*"] });
        self.with_if_match(false, "api-parameter-if-match-replaced").header(
            "If-None-Match",
            star,
            "api-parameter-if-none-match-put",
        )
    }

    fn with_if_match(mut self, required: bool, text: &'static str) -> Operation {
        self.parameters.push(Parameter {
            name: "If-Match",
            place: "header",
            required,
            schema: json!({ "type": "string", "examples": ["\"1\""] }),
            text,
            comma_separated: false,
        });
        self
    }

    pub fn query(mut self, name: &'static str, schema: Json, text: &'static str) -> Operation {
        self.parameters.push(Parameter { name, place: "query", required: false, schema, text, comma_separated: false });
        self
    }

    /// A list in one query parameter: `a,b,c`.
    pub fn query_list(mut self, name: &'static str, schema: Json, text: &'static str) -> Operation {
        self = self.query(name, schema, text);
        self.parameters.last_mut().expect("it was just added").comma_separated = true;
        self
    }

    /// A page of a list: `limit` and `after`.
    pub fn paged(self) -> Operation {
        self.query(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
            "api-parameter-limit",
        )
        .query(
            "after",
            json!({ "type": "string", "pattern": "^[0-9A-Za-z_-]+$", "maxLength": 1000 }),
            "api-parameter-after",
        )
    }

    pub fn header(mut self, name: &'static str, schema: Json, text: &'static str) -> Operation {
        self.parameters.push(Parameter {
            name,
            place: "header",
            required: false,
            schema,
            text,
            comma_separated: false,
        });
        self
    }

    /// The schema of the body.
    pub fn takes(mut self, schema: Json) -> Operation {
        self.request = Some(schema);
        self
    }

    /// A form with one part `file`; the route takes more than the usual size ([`Api::upload`]).
    pub fn takes_file(self) -> Operation {
        self.takes_form(json!({
            "type": "object",
            "required": ["file"],
            "properties": { "file": { "type": "string", "format": "binary" } },
        }))
    }

    /// A form, with a file among its parts.
    pub fn takes_form(mut self, schema: Json) -> Operation {
        self.request_type = "multipart/form-data";
        self.takes(schema)
    }

    pub fn example(mut self, body: Json) -> Operation {
        self.example = Some(body);
        self
    }

    /// A successful answer with its body.
    pub fn gives(mut self, status: u16, schema: Json) -> Operation {
        let headers = if status == 201 { vec!["Location"] } else { Vec::new() };
        self.answers.push(Reply { status, schema: Some(schema), media_type: JSON, headers });
        self
    }

    pub fn gives_nothing(mut self, status: u16) -> Operation {
        self.answers.push(Reply { status, schema: None, media_type: JSON, headers: Vec::new() });
        self
    }

    /// The bytes of a file, of whatever kind.
    pub fn gives_file(mut self, status: u16) -> Operation {
        let schema = Some(json!({ "type": "string", "format": "binary" }));
        self.answers.push(Reply { status, schema, media_type: "*/*", headers: Vec::new() });
        self
    }

    /// Names a header of the answer added last.
    pub fn with_header(mut self, name: &'static str) -> Operation {
        self.answers.last_mut().expect("an answer was given").headers.push(name);
        self
    }

    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// The statuses with which the operation may refuse.
    pub fn refusals(&self) -> Vec<u16> {
        let is_public = self.policy == Policy::Public;
        let reads_queries = self.parameters.iter().any(|parameter| parameter.place == "query");
        let mut statuses = vec![429];
        let mut add = |when: bool, more: &[u16]| {
            if when {
                statuses.extend(more);
            }
        };
        // A path with an id is read before its query: what is no id is not found.
        add(!is_public, &[401, 404]);
        add(self.changes(), &[403]);
        add(self.method == Method::POST || reads_queries, &[400, 422]);
        add(reads_queries, &[414]);
        add(self.method == Method::POST, &[409, 413]);
        add(self.request.is_some(), &[400, 413, 415, 422]);
        add(self.conditional != Condition::No, &[400, 409, 412]);
        add(matches!(self.conditional, Condition::Must | Condition::Replaces), &[428]);
        statuses.sort_unstable();
        statuses.dedup();
        statuses
    }
}

/// `/api/a/{id}/b/{other}` → `id`, `other`.
fn path_names(path: &str) -> impl Iterator<Item = &'static str> + '_ {
    const NAMES: [&str; 6] = ["id", "item", "person", "contact", "criterion", "file"];
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).map(|name| {
        NAMES
            .into_iter()
            .find(|known| *known == name)
            .unwrap_or_else(|| panic!("{name}: name path parameters in NAMES"))
    })
}

/// The API of a slice, or of the whole house: routes and their description grow together.
#[derive(Default)]
pub struct Api {
    routes: Routes,
    pub operations: Vec<Operation>,
    /// The kinds of record whose schemas the document holds.
    pub objects: Vec<&'static Object>,
}

impl Api {
    pub fn new() -> Api {
        Api::default()
    }

    pub fn operation<T: 'static>(mut self, operation: Operation, handler: impl Handler<T, App>) -> Api {
        self.check(&operation);
        self.routes = self.routes.add(operation.method.clone(), &operation.path, operation.policy, handler);
        self.operations.push(operation);
        self
    }

    /// A POST that takes a body of up to `most` bytes.
    pub fn upload<T: 'static>(mut self, operation: Operation, most: usize, handler: impl Handler<T, App>) -> Api {
        assert!(operation.method == Method::POST, "{}: files are posted", operation.id);
        self.check(&operation);
        self.routes = self.routes.post_large(&operation.path, operation.policy, most, handler);
        self.operations.push(operation);
        self
    }

    fn check(&self, operation: &Operation) {
        assert!(operation.path.starts_with("/api/"), "{}: an operation lies below /api", operation.path);
        assert!(!operation.answers.is_empty(), "{}: say what it answers", operation.id);
        assert!(
            self.operations.iter().all(|other| other.id != operation.id),
            "{}: two operations have this id",
            operation.id
        );
    }

    pub fn merge(mut self, other: Api) -> Api {
        for operation in &other.operations {
            assert!(self.operations.iter().all(|own| own.id != operation.id), "{}: twice", operation.id);
        }
        self.routes = self.routes.merge(other.routes);
        self.operations.extend(other.operations);
        self.objects.extend(other.objects);
        self
    }

    /// Adds to the routes what is no operation: the document itself and its page.
    pub fn into_routes(self) -> Routes {
        self.routes
    }
}

/// The schema of a structure that a handler reads or writes.
pub fn schema_of<T: schemars::JsonSchema>() -> Json {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(members) = schema.as_object_mut() {
        members.remove("title");
    }
    leave_out_comments(&mut schema);
    schema
}

/// Comments of the code are in one language; what the document explains stands in the message files.
fn leave_out_comments(schema: &mut Json) {
    match schema {
        Json::Object(members) => {
            // A member of that name has a schema, no text.
            if members.get("description").is_some_and(Json::is_string) {
                members.remove("description");
            }
            members.values_mut().for_each(leave_out_comments);
        }
        Json::Array(items) => items.iter_mut().for_each(leave_out_comments),
        _ => {}
    }
}

/// A page of things: what lists answer.
pub fn page_of(item: Json) -> Json {
    json!({
        "type": "object",
        "required": ["data", "next"],
        "properties": { "data": { "type": "array", "items": item }, "next": { "type": ["string", "null"] } },
    })
}

/// Points to a named schema of the document.
pub fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// `stage_change` → `StageChange`.
pub fn pascal(name: &str) -> String {
    name.split(['_', '-'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_speaks_no_language_of_its_own() {
        /// In English only.
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Outer {
            /// A member of that name.
            description: String,
            inner: Vec<Inner>,
        }
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Inner {
            /// Bytes.
            size: i64,
        }
        let schema = schema_of::<Outer>();
        assert_eq!(schema["properties"]["description"], json!({ "type": "string" }));
        assert!(!schema.to_string().contains("Bytes") && !schema.to_string().contains("English"), "{schema}");
    }
}
