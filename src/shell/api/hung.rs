//! The three operations of what hangs on a record in one place each ([`crate::shell::record::hung`]): who reads the record reads
//! all of it; who changes the record puts something in a place and takes it away again.

use axum::http::Method;
use schemars::JsonSchema;

use super::operation::{Operation, schema_of};
use crate::shell::routes::Policy;

/// Everything that hangs there.
pub fn list<All: JsonSchema>(path: &str, id: impl Into<String>, of: &'static str, summary: &'static str) -> Operation {
    Operation::get(path, id, of, summary).policy(Policy::Read(of)).gives(200, schema_of::<All>())
}

/// Puts something in a place, or replaces what stands there; the handler takes [`super::Replacing`].
pub fn put<Takes: JsonSchema, Gives: JsonSchema>(
    place: &str,
    id: impl Into<String>,
    of: &'static str,
    summary: &'static str,
) -> Operation {
    Operation::new(Method::PUT, place, id, of, summary)
        .policy(Policy::Change(of))
        .replaces()
        .takes(schema_of::<Takes>())
        .gives(200, schema_of::<Gives>())
        .with_header("ETag")
}

/// Takes it away; the handler takes [`super::MayMatch`].
pub fn remove(place: &str, id: impl Into<String>, of: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::DELETE, place, id, of, summary)
        .policy(Policy::Change(of))
        .may_be_conditional()
        .gives_nothing(204)
}
