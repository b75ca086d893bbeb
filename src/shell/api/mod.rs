//! The JSON API. Every kind of record has the same operations, made from its description ([`records`]); what is particular
//! is written down as an [`Operation`] beside its handler, in a file of its slice whose name ends in `api`. From the same list come the routes, the
//! OpenAPI document ([`document`]) and the reference page at `/api` ([`reference`]).
//!
//! Rules that hold everywhere: ids are UUIDs, money is a decimal text, a day is `YYYY-MM-DD`, an instant RFC 3339. Answers carry
//! an `ETag`; changes name the version they were made on (`If-Match`). A POST with an `Idempotency-Key` happens once.
//! A body that does not have the documented shape is answered with 400, one that breaks a rule with 422.

pub mod answer;
mod bulk;
pub mod bulk_jobs;
pub mod call;
pub mod document;
mod export;
pub mod history;
pub mod hung;
pub mod operation;
pub mod records;
mod reference;
pub mod shape;
mod shares;
mod views;

pub use answer::{Answer, cut};
pub use call::{Asking, Body, Ids, IfMatch, MayMatch, Members, Post, Replacing, given};
pub use operation::{Api, Operation, page_of, schema_of};
pub use reference::routes;
