//! The settings for programs. A body is read into the form that the page would send, and goes through the function that stores the
//! page's form: one rule, one history. Members that are not given stay as they are. Only administrators.

mod access;
mod house;
mod pipelines;
mod prices;

use axum::http::Method;
use serde_json::Value as Json;
use store::{Session, Tx, Uuid, sql};

use super::{ADMIN, version};
use crate::shell::api::call::Seen;
use crate::shell::api::{Answer, Api, Body, Operation, Post};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Actor, Registry};
use crate::shell::viewer::Viewer;
use crate::system::administrator::at_api;
use crate::system::form::Sent;

const SETTING: &str = "setting";

pub fn operations(registry: &'static Registry) -> Api {
    Api::new()
        .merge(house::operations())
        .merge(pipelines::operations())
        .merge(prices::operations())
        .merge(access::operations(registry))
}

fn get(path: &str, id: &str, summary: &'static str) -> Operation {
    Operation::get(path, id, SETTING, summary).policy(ADMIN)
}

fn post(path: &str, id: &str, summary: &'static str) -> Operation {
    Operation::post(path, id, SETTING, summary).policy(ADMIN)
}

/// A change on the version that was seen.
fn change(method: Method, path: &str, id: &str, summary: &'static str) -> Operation {
    Operation::new(method, path, id, SETTING, summary).policy(ADMIN).conditional()
}

/// Makes something new, or says again what was said when it was made.
async fn once(
    app: &App,
    viewer: &Viewer,
    post: &Post,
    make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<Answer>,
) -> Result<Answer> {
    at_api(app, viewer, async |tx, actor| post.once_in(tx, actor, make).await).await
}

/// The version of a row that a change goes by.
///
/// Errors: 412 for one that never was; one that is past is refused where the row is written.
async fn seen_of(tx: &mut Tx, table: &str, id: Uuid, seen: Seen) -> Result<i64> {
    let present = sql!(format!("SELECT version FROM {table} WHERE id = $1 AND deleted_at IS NULL"), id);
    let present: i64 = tx.value(present).await?.ok_or(Error::NotFound)?;
    Ok(seen.within(present)?.unwrap_or(present))
}

/// A form that was opened for the version of a row that the caller saw.
async fn form_on(tx: &mut Tx, table: &str, id: Uuid, seen: Seen) -> Result<Sent> {
    Ok(form_of([("version", seen_of(tx, table, id, seen).await?.to_string())]))
}

/// The version of the house-wide settings that a change goes by.
async fn seen_of_house(session: &mut Session, seen: Seen) -> Result<i64> {
    let present = version(session).await?;
    Ok(seen.within(present)?.unwrap_or(present))
}

/// Puts what a body says over a form: null is an empty input.
fn put_over(form: &mut Sent, body: &Body) -> Result<()> {
    for (name, given) in body.members()? {
        form.insert(name.clone(), text_of(given));
    }
    Ok(())
}

fn text_of(given: &Json) -> String {
    match given {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}

fn form_of<const N: usize>(inputs: [(&str, String); N]) -> Sent {
    inputs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Says of every error where it stands in the body instead of in the form.
fn placed(error: Error, place: impl Fn(&str) -> String) -> Error {
    match error {
        Error::Invalid(mut errors) => {
            for error in &mut errors {
                error.field = place(&error.field);
            }
            Error::Invalid(errors)
        }
        other => other,
    }
}
