//! What a call of the API brings along, taken apart and checked: ids in the path, the query, the conditions in the headers,
//! the JSON body. Everything that is not as documented is named in the answer.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use store::Uuid;

use super::shape;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::hung::Expected;

/// The ids in the path, in their order. What is no id names nothing: not found.
pub struct Ids<const N: usize>(pub [Uuid; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Ids<N>> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
        let ids: Vec<Uuid> = params.iter().filter_map(|(_, text)| shape::uuid(text)).collect();
        ids.try_into().map(Ids).map_err(|_| Error::NotFound)
    }
}

/// The query, every parameter with its values in order.
#[derive(Debug, Default)]
pub struct Asking(BTreeMap<String, Vec<String>>);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asking> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let pairs = pairs.map_err(|_| Error::malformed("", "invalid-query"))?;
        let mut asked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in pairs.0 {
            asked.entry(name).or_default().push(value);
        }
        Ok(Asking(asked))
    }
}

impl Asking {
    /// Refuses what is not a parameter of the operation.
    pub fn only(&self, known: &[&str]) -> Result<()> {
        let unknown: Vec<FieldError> = self
            .0
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
            .map(|name| FieldError::new(name, "invalid-unknown-parameter"))
            .collect();
        if unknown.is_empty() { Ok(()) } else { Err(Error::Malformed(unknown)) }
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// A parameter that stands at most once.
    pub fn one(&self, name: &str) -> Result<Option<&str>> {
        match self.all(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Error::malformed(name, "invalid-parameter-twice")),
        }
    }

    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::malformed(name, "invalid-flag")),
        }
    }

    pub fn whole(&self, name: &str, least: i64, most: i64, otherwise: i64) -> Result<i64> {
        let Some(text) = self.one(name)? else { return Ok(otherwise) };
        let plain = !text.is_empty() && text.len() <= 9 && text.chars().all(|c| c.is_ascii_digit());
        let number = plain.then(|| text.parse::<i64>().ok()).flatten().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            Error::Malformed(vec![FieldError::new(name, "invalid-range").with("min", least).with("max", most)])
        })
    }

    /// A text of at most `most` characters without control characters.
    pub fn text(&self, name: &str, most: usize) -> Result<Option<&str>> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        if text.chars().count() > most {
            return Err(Error::Malformed(vec![FieldError::new(name, "invalid-too-long").with("max", most)]));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::malformed(name, "invalid-text"));
        }
        Ok(Some(text))
    }

    /// `limit` and `after` of a list whose pages begin behind an id.
    pub fn page_by_id(&self) -> Result<(i64, Option<Uuid>)> {
        let limit = self.whole("limit", 1, 200, 50)?;
        let after = self.text("after", 1000)?;
        let after = after.map(|text| shape::uuid(text).ok_or(Error::field("after", "invalid-cursor")));
        Ok((limit, after.transpose()?))
    }
}

/// `If-Match`: which version the caller saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    Version(i64),
    /// `*`: whatever stands there now.
    Any,
}

impl Seen {
    /// Errors: 412 when no tag could be one of ours; such a tag matches nothing.
    fn of(headers: &HeaderMap) -> Result<Option<Seen>> {
        let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Ok(None);
        }
        let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim);
        // Of several tags the newest is the one that the caller saw last.
        tags.filter_map(|tag| if tag == "*" { Some(Seen::Any) } else { version_of(tag).map(Seen::Version) })
            .max()
            .map(Some)
            .ok_or(Error::Refused { status: 412, key: "error-version" })
    }

    /// The version to compare with; `None` for `*`.
    ///
    /// Errors: 412 when the caller names a version that never was.
    pub fn within(self, present: i64) -> Result<Option<i64>> {
        match self {
            Seen::Any => Ok(None),
            Seen::Version(version) if version > present => Err(Error::Refused { status: 412, key: "error-version" }),
            Seen::Version(version) => Ok(Some(version)),
        }
    }

    /// For changes that don't merge: the version must be the present one.
    pub fn exactly(self, present: i64) -> Result<()> {
        match self {
            Seen::Version(version) if version != present => Err(Error::Refused { status: 412, key: "error-version" }),
            _ => Ok(()),
        }
    }
}

/// `"7"` or `"7-k3x9…"`: the version in front is what counts for writing.
fn version_of(tag: &str) -> Option<i64> {
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (version, rest) = inner.split_once('-').map_or((inner, None), |(version, rest)| (version, Some(rest)));
    let hash = rest.is_none_or(|rest| {
        !rest.is_empty() && rest.len() <= 40 && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let digits = (1..=15).contains(&version.len()) && version.chars().all(|c| c.is_ascii_digit());
    (hash && digits).then(|| version.parse().ok()).flatten()
}

/// A write that must say which version it changes: without `If-Match` it is answered with 428.
pub struct IfMatch(pub Seen);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch> {
        Seen::of(&parts.headers)?.map(IfMatch).ok_or(Error::Refused { status: 428, key: "error-if-match" })
    }
}

/// A write that may say which version it was made for.
pub struct MayMatch(pub Seen);

impl<S: Send + Sync> FromRequestParts<S> for MayMatch {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<MayMatch> {
        Ok(MayMatch(Seen::of(&parts.headers)?.unwrap_or(Seen::Any)))
    }
}

/// A write to a place in which something may stand already: `If-Match` names the version that it replaces, `If-None-Match: *` says
/// that nothing stands there. Saying neither is enough where nothing does.
pub struct Replacing(pub Expected);

impl<S: Send + Sync> FromRequestParts<S> for Replacing {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Replacing> {
        let nothing = parts.headers.get_all(header::IF_NONE_MATCH).iter().any(|value| value == "*");
        Ok(Replacing(match Seen::of(&parts.headers)? {
            Some(seen) => seen.into(),
            None if nothing => Expected::Nothing,
            None => Expected::Unsaid,
        }))
    }
}

impl From<Seen> for Expected {
    fn from(seen: Seen) -> Expected {
        match seen {
            Seen::Version(version) => Expected::Version(version),
            Seen::Any => Expected::Any,
        }
    }
}

/// `If-None-Match`: what the caller has already.
pub struct Had(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Had {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Had> {
        let value = parts.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        Ok(Had(value.map(str::to_owned)))
    }
}

impl Had {
    /// Weak comparison, as the header wants it.
    pub fn has(&self, etag: &str) -> bool {
        self.0.as_deref().is_some_and(|value| {
            value.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
        })
    }
}

/// A JSON body of at most a mebibyte. Nesting is bounded by the parser.
pub struct Body {
    pub json: Json,
    pub post: Post,
}

/// The largest body of a call.
pub const BODY: usize = 1024 * 1024;

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Error;
    async fn from_request(request: Request, _: &S) -> Result<Body> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
        if !matches!(essence.as_str(), "application/json" | "application/merge-patch+json") {
            return Err(Error::Refused { status: 415, key: "error-media-type" });
        }
        let (post, bytes) = Post::read(request).await?;
        let json = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        Ok(Body { json, post })
    }
}

impl Body {
    /// The members of an object.
    pub fn members(&self) -> Result<&Map<String, Json>> {
        self.json.as_object().ok_or_else(|| Error::malformed("", "invalid-json-object"))
    }

    /// The body as a described structure; unknown members are refused by it.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        self.members()?;
        serde_json::from_value(self.json.clone()).map_err(|error| unreadable(&error))
    }
}

/// Reads a member that is there: so null is not taken for a member that is left out.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// A structure inside a body: written as an object and in no other way, where serde would also take a list of its members.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Members<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members<T>, D::Error> {
        let members = Map::<String, Json>::deserialize(deserializer)?;
        serde_json::from_value(Json::Object(members)).map(Members).map_err(serde::de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Members<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

fn unreadable(error: &serde_json::Error) -> Error {
    Error::Malformed(vec![FieldError::new("", "invalid-json").with("cause", error)])
}

/// What makes a repeated POST recognisable: its key, and a hash of everything it asks for.
#[derive(Debug)]
pub struct Post {
    pub key: Option<String>,
    pub path: String,
    pub request_hash: String,
}

impl Post {
    async fn read(request: Request) -> Result<(Post, Bytes)> {
        let (parts, body) = request.into_parts();
        let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > BODY) {
            return Err(Error::TooLarge);
        }
        let bytes = to_bytes(body, BODY).await.map_err(|_| Error::TooLarge)?;
        let path = parts.uri.path().to_owned();
        let mut hash = Sha256::new();
        hash.update(parts.method.as_str());
        hash.update([0]);
        hash.update(parts.uri.path_and_query().map_or("", |text| text.as_str()));
        hash.update([0]);
        hash.update(parts.headers.get(header::IF_MATCH).map_or(&b""[..], |value| value.as_bytes()));
        hash.update([0]);
        hash.update(&bytes);
        let request_hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((Post { key: key_of(&parts.headers)?, path, request_hash }, bytes))
    }
}

impl Post {
    /// Of a form with a file: the same file under the same name is the same request.
    pub fn of_upload(headers: &HeaderMap, uri: &Uri, name: &str, sha256: &str) -> Result<Post> {
        let path = uri.path().to_owned();
        let hash = Sha256::digest([path.as_str(), name, sha256].join("\0"));
        let request_hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Post { key: key_of(headers)?, path, request_hash })
    }
}

/// The pattern of `Idempotency-Key`, for the document.
pub const KEY_PATTERN: &str = "^[!-~]{1,200}$";

fn key_of(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or("");
    if (1..=200).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
        Ok(Some(key.to_owned()))
    } else {
        Err(Error::malformed("Idempotency-Key", "invalid-idempotency-key"))
    }
}

/// A POST without a body.
impl<S: Send + Sync> FromRequest<S> for Post {
    type Rejection = Error;
    async fn from_request(request: Request, _: &S) -> Result<Post> {
        let (post, bytes) = Post::read(request).await?;
        if !bytes.is_empty() && serde_json::from_slice::<Json>(&bytes).is_err() {
            return Err(Error::malformed("", "invalid-no-body"));
        }
        Ok(post)
    }
}

#[cfg(test)]
mod tests {
    use super::{Members, version_of};

    #[test]
    fn a_structure_in_a_body_is_an_object() {
        #[derive(serde::Deserialize)]
        struct Named {
            #[serde(default)]
            name: String,
        }
        let read = |text: &str| serde_json::from_str::<Members<Named>>(text).map(|read| read.0.name);
        assert_eq!(read(r#"{"name":"Harbour"}"#).ok().as_deref(), Some("Harbour"));
        assert!(read(r#"["Harbour"]"#).is_err() && read("[]").is_err());
    }

    #[test]
    fn the_version_is_what_stands_in_front_of_a_tag() {
        assert_eq!(version_of("\"7\""), Some(7));
        assert_eq!(version_of("\"7-Ab_9\""), Some(7));
        for tag in ["7", "W/\"7\"", "\"\"", "\"7-\"", "\"x\"", "\"-1\"", "\"7\", \"8\"", "\"7-a b\""] {
            assert_eq!(version_of(tag), None, "{tag}");
        }
    }
}
