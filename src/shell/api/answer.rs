//! What a call is answered with, and the memory of POSTs that carried a key: the answer is kept for a day, so that a
//! caller who lost it may ask again without doing the thing twice.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use store::{Instant, Tx, sql};

use super::call::Post;
use super::records::said_again;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::{Actor, Object};
use crate::shell::viewer::Viewer;

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    /// Where what was made can be found.
    pub location: Option<String>,
    pub link: Option<String>,
    pub body: Option<Json>,
    /// Said again, not done again.
    pub replayed: bool,
}

impl Answer {
    pub fn ok(body: Json) -> Answer {
        Answer { status: StatusCode::OK, etag: None, location: None, link: None, body: Some(body), replayed: false }
    }

    /// Something at a version.
    pub fn of_version(version: i64, body: Json) -> Answer {
        let tag = etag(version, &body);
        Answer { etag: Some(tag), ..Answer::ok(body) }
    }

    /// The same about something that was made just now, and can be found there.
    pub fn made_at(self, location: String) -> Answer {
        Answer { status: StatusCode::CREATED, location: Some(location), ..self }
    }

    pub fn nothing() -> Answer {
        Answer { status: StatusCode::NO_CONTENT, body: None, ..Answer::ok(Json::Null) }
    }

    /// A page of a list; `next`: where the following one begins, at the address `here`.
    pub fn page(data: impl serde::Serialize, next: Option<String>, here: &str) -> Answer {
        let link = next.as_ref().map(|next| format!("<{here}after={next}>; rel=\"next\""));
        Answer { link, ..Answer::ok(json!({ "data": data, "next": next })) }
    }
}

/// Of one row more than a page has: the rows of the page, and whether others follow.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    more
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response(),
            None => self.status.into_response(),
        };
        for (name, value) in [("etag", self.etag), ("location", self.location), ("link", self.link)] {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        if self.replayed {
            response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

/// A version and a hash of the representation: `If-Match` needs the first, `If-None-Match` the second, because labels of
/// other records and the viewer's rights change an answer without changing the record's version.
fn etag(version: i64, body: &Json) -> String {
    let hash = Sha256::digest(body.to_string().as_bytes());
    format!("\"{version}-{}\"", BASE64_URL_SAFE_NO_PAD.encode(&hash[..9]).replace('-', "_"))
}

/// How long an answer is kept, in seconds.
const KEPT: i64 = 24 * 3600;

#[derive(sqlx::FromRow)]
struct Kept {
    request_hash: String,
    status: i64,
    etag: Option<String>,
    body: String,
}

impl Post {
    /// Makes something as a program does; if it was made already, says again what was said then.
    pub async fn once(
        &self,
        app: &App,
        viewer: &Viewer,
        make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<Answer>,
    ) -> Result<Answer> {
        app.at_api(viewer, async |tx, actor| self.once_in(tx, actor, make).await).await
    }

    /// As [`Post::once`], in the caller's transaction.
    pub async fn once_in(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<Answer>,
    ) -> Result<Answer> {
        if let Some(answer) = self.begin(tx, actor).await? {
            return Ok(answer);
        }
        let answer = make(tx, actor).await?;
        self.keep(tx, actor, &answer).await?;
        Ok(answer)
    }

    /// As [`Post::once`], when the answer tells of a record: it is said again as far as the record may still be seen.
    pub async fn once_of(
        &self,
        object: &'static Object,
        app: &App,
        viewer: &Viewer,
        make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<Answer>,
    ) -> Result<Answer> {
        app.at_api(viewer, async |tx, actor| {
            let answer = self.once_in(tx, actor, make).await?;
            said_again(tx, viewer, object, answer).await
        })
        .await
    }

    /// Takes the key, in the transaction of the effect: a second call with it waits for the first, then finds its answer.
    ///
    /// Errors: 422 when the key was used for another request.
    pub async fn begin(&self, tx: &mut Tx, actor: &Actor) -> Result<Option<Answer>> {
        let Some(key) = &self.key else { return Ok(None) };
        let person = actor.viewer.person;
        let oldest: Instant = actor.now.plus_seconds(-KEPT);
        tx.execute(sql!("DELETE FROM idempotency WHERE person_id = $1 AND created_at < $2", person, oldest)).await?;
        let taken = tx
            .execute(sql!(
                "INSERT INTO idempotency (key, person_id, request_hash, status, body, created_at) VALUES ($1, $2, $3, 0, '', $4) ON CONFLICT DO NOTHING",
                key,
                person,
                &self.request_hash,
                actor.now
            ))
            .await?;
        if taken > 0 {
            return Ok(None);
        }
        let kept: Kept = tx
            .one(sql!(
                "SELECT request_hash, status, etag, body FROM idempotency WHERE person_id = $1 AND key = $2",
                person,
                key
            ))
            .await?;
        if kept.request_hash != self.request_hash {
            return Err(Error::Refused { status: 422, key: "error-idempotency-key" });
        }
        Ok(Some(self.answer_of(kept)))
    }

    fn answer_of(&self, kept: Kept) -> Answer {
        let status = StatusCode::from_u16(kept.status as u16).unwrap_or(StatusCode::OK);
        let body: Option<Json> = serde_json::from_str(&kept.body).ok();
        let said = |member: &str| body.as_ref().and_then(|body| body[member].as_str());
        let location = match status {
            // What is made lies below the address it was posted to, under its id; a job says where it is.
            StatusCode::CREATED => said("id").map(|id| format!("{}/{id}", self.path)),
            StatusCode::ACCEPTED => said("address").map(str::to_owned),
            _ => None,
        };
        Answer { status, etag: kept.etag, location, link: None, body, replayed: true }
    }

    /// Keeps the answer beside its effect.
    pub async fn keep(&self, tx: &mut Tx, actor: &Actor, answer: &Answer) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let body = answer.body.as_ref().map(Json::to_string).unwrap_or_default();
        tx.execute(sql!(
            "UPDATE idempotency SET status = $3, etag = $4, body = $5 WHERE person_id = $1 AND key = $2",
            actor.viewer.person,
            key,
            i64::from(answer.status.as_u16()),
            answer.etag.clone(),
            body
        ))
        .await?;
        Ok(())
    }
}
