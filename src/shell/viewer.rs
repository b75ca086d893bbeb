//! Who is looking: the signed-in person behind a request, with roles, language and scope. Found anew on every request
//! from the session or token in the database, so that disabling a person or taking away a role works at once.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use store::{Engine, Instant, Tx, Uuid, sql};

use super::access::{Role, Rules, Scope};
use super::app::App;
use super::config::Config;
use super::error::{Error, Result};
use super::i18n::Locale;
use super::record::{Field, Found, Object, Registry};

#[derive(Clone)]
pub struct Viewer(Arc<Person>);

#[derive(Clone)]
pub struct Person {
    pub person: Uuid,
    pub name: String,
    pub email: String,
    pub roles: Vec<Role>,
    pub locale: Locale,
    pub theme: String,
    pub density: String,
    pub shortcuts: bool,
    pub scope: Scope,
    pub config: Arc<Config>,
    /// The kinds of record of this house.
    pub registry: &'static Registry,
    /// Came with an API token that may only read.
    pub read_only: bool,
    /// The moment of the request: what comes after it still lies ahead.
    pub now: Instant,
    /// Hash of the session or token, the key of the person's sign-in.
    pub session: String,
}

impl std::ops::Deref for Viewer {
    type Target = Person;
    fn deref(&self) -> &Person {
        &self.0
    }
}

impl Viewer {
    /// A viewer outside a request (jobs, command line): the person with their present roles.
    pub async fn of_person(app: &App, person: Uuid) -> Result<Viewer> {
        let mut session = app.db.read().await?;
        let row: PersonRow = session.optional(sql!(format!("{PERSON}{BY_ID}"), person)).await?.ok_or(Error::SignIn)?;
        drop(session);
        row.viewer(app, String::new(), false).await
    }

    /// The same in a transaction: whoever changes something outside a request, as they are when their turn to write has come.
    pub async fn writing(app: &App, tx: &mut Tx, person: Uuid) -> Result<Viewer> {
        let row = PersonRow::held(tx, person).await?;
        let config = app.config_within(tx, row.config_version).await?;
        row.with(config, app, String::new(), false, app.clock.now())
    }

    /// Who asked for a change, as they are when their turn to write has come. A right may have ended while they waited, a stage may
    /// be gone, a rate be another; until the transaction ends all that stays as it is.
    pub async fn as_it_stands(&self, app: &App, tx: &mut Tx) -> Result<Viewer> {
        let row = PersonRow::held(tx, self.person).await?;
        let config = match row.config_version == self.config.version {
            true => self.config.clone(),
            false => app.config_within(tx, row.config_version).await?,
        };
        row.with(config, app, self.session.clone(), self.read_only, self.now)
    }

    pub fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// The fields of an object that exist for this viewer.
    pub fn projection<'a>(&'a self, object: &'static Object) -> impl Iterator<Item = &'static Field> + 'a {
        object.fields.iter().filter(|field| self.sees_field(object, field))
    }

    /// The fields whose values this viewer is shown: in lists, in files, in answers of the API.
    pub fn shown<'a>(&'a self, object: &'static Object) -> impl Iterator<Item = &'static Field> + 'a {
        let is_told = |field: &Field| match field.looked_up {
            Some(looked_up) => looked_up.told_to.iter().any(|role| self.has(*role)),
            None => !field.is_virtual(),
        };
        self.projection(object).filter(move |field| is_told(field))
    }

    pub fn sees(&self, object: &'static Object, key: &str) -> bool {
        object.fields.iter().any(|field| field.key == key && self.sees_field(object, field))
    }

    fn sees_field(&self, object: &Object, field: &Field) -> bool {
        let hidden = |object: &str, key: &str| self.rules().is_hidden(&self.roles, object, key);
        !hidden(object.name, field.key) && !field.reads.iter().any(|(object, key)| hidden(object, key))
    }

    /// Whether every field that is searched privately (phone, mail) is visible.
    pub fn sees_private(&self, object: &'static Object) -> bool {
        object
            .fields
            .iter()
            .filter(|field| matches!(field.found, Found::ByPrivateText | Found::ByPrivateNumber))
            .all(|field| !self.rules().is_hidden(&self.roles, object.name, field.key))
    }

    pub fn rules(&self) -> &Rules {
        &self.config.rules
    }

    pub fn may_create_any(&self) -> bool {
        self.scope.creates_any()
    }

    pub fn may_create(&self, object: &str) -> bool {
        self.scope.access(object).create
    }

    /// The same person with another scope. Only for handing a leaving person's records over, where an administrator
    /// decides whose they become without having a right to read them.
    pub fn with_scope(&self, scope: Scope) -> Viewer {
        Viewer(Arc::new(Person { scope, ..Person::clone(self) }))
    }
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    person: Uuid,
    name: String,
    email: String,
    locale: Option<String>,
    theme: String,
    density: String,
    shortcuts: bool,
    roles: Option<String>,
    config_version: i64,
    state: String,
    given: i64,
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    #[sqlx(flatten)]
    person: PersonRow,
    scopes: String,
    used_at: Option<Instant>,
}

const PERSON: &str = "
    SELECT p.id AS person, p.name, p.email, p.locale, p.theme, p.density, p.shortcuts, p.state,
           (SELECT STRING_AGG(r.role, ' ') FROM person_role r WHERE r.person_id = p.id) AS roles,
           (SELECT o.config_version FROM organization o WHERE o.id = 1) AS config_version,
           CAST(CASE WHEN EXISTS (SELECT 1 FROM record_share x WHERE x.person_id = p.id)
                       OR EXISTS (SELECT 1 FROM account_team x WHERE x.person_id = p.id) THEN 1 ELSE 0 END AS BIGINT) AS given";

const BY_ID: &str = " FROM person p WHERE p.id = $1";
const BY_SESSION: &str = "
      FROM person p JOIN session s ON s.person_id = p.id
     WHERE s.token_hash = $1 AND s.expires_at > $2 AND p.deleted_at IS NULL";
const BY_TOKEN: &str = ", s.scopes, s.used_at
      FROM person p JOIN api_token s ON s.person_id = p.id
     WHERE s.token_hash = $1 AND (s.expires_at IS NULL OR s.expires_at > $2) AND s.revoked_at IS NULL AND p.deleted_at IS NULL";

impl PersonRow {
    /// With the settings held as they are: who changes them, or the rights of people, waits (`administrator::lock`).
    async fn held(tx: &mut Tx, person: Uuid) -> Result<PersonRow> {
        if tx.engine() == Engine::Postgres {
            // A statement of its own: the next one sees what whoever held them before us has changed.
            tx.value::<i64>("SELECT version FROM organization WHERE id = 1 FOR SHARE").await?;
        }
        tx.optional(sql!(format!("{PERSON}{BY_ID}"), person)).await?.ok_or(Error::SignIn)
    }

    async fn viewer(self, app: &App, session: String, read_only: bool) -> Result<Viewer> {
        let config = app.config(self.config_version).await?;
        self.with(config, app, session, read_only, app.clock.now())
    }

    fn with(self, config: Arc<Config>, app: &App, session: String, read_only: bool, now: Instant) -> Result<Viewer> {
        if self.state != "active" {
            return Err(Error::SignIn);
        }
        let roles: Vec<Role> = self.roles.unwrap_or_default().split(' ').filter_map(Role::parse).collect();
        let scope = Scope::new(self.person, &roles, &config.rules, self.given == 1);
        Ok(Viewer(Arc::new(Person {
            person: self.person,
            name: self.name,
            email: self.email,
            locale: self.locale.as_deref().and_then(Locale::parse).unwrap_or(config.locale),
            roles,
            theme: self.theme,
            density: self.density,
            shortcuts: self.shortcuts,
            scope,
            config,
            registry: app.registry,
            read_only,
            now,
            session,
        })))
    }
}

pub const SESSION_COOKIE: &str = "trivet_session";
pub const SECURE_SESSION_COOKIE: &str = "__Host-trivet_session";

pub fn hash_token(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()))
}

/// 32 random bytes as text: session ids, invitation links, API tokens. Only their hash is stored.
pub fn new_token() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

/// Finds the viewer of a request: at the API a bearer token first, else the session cookie. `None`: not signed in. Pages know no
/// tokens: whoever has one that runs out could make one there that does not.
pub async fn identify(app: &App, headers: &HeaderMap, is_api: bool) -> Result<Option<Viewer>> {
    let now = app.clock.now();
    let bearer = headers
        .get(header::AUTHORIZATION)
        .filter(|_| is_api)
        .map(|value| value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or(""));
    let (key, row, read_only) = match bearer {
        Some(token) => {
            let key = hash_token(token);
            let statement = sql!(format!("{PERSON}{BY_TOKEN}"), &key, now);
            let found: Option<TokenRow> = app.db.read().await?.optional(statement).await?;
            let Some(TokenRow { person, scopes, used_at }) = found else { return Ok(None) };
            note_use(app, &key, used_at, now);
            (key, person, !scopes.split(' ').any(|scope| scope == "write"))
        }
        None => {
            let name = if app.https { SECURE_SESSION_COOKIE } else { SESSION_COOKIE };
            let Some(token) = cookie(headers, name) else { return Ok(None) };
            let key = hash_token(token);
            let statement = sql!(format!("{PERSON}{BY_SESSION}"), &key, now);
            let found: Option<PersonRow> = app.db.read().await?.optional(statement).await?;
            let Some(person) = found else { return Ok(None) };
            (key, person, false)
        }
    };
    match row.viewer(app, key, read_only).await {
        Ok(viewer) => Ok(Some(viewer)),
        Err(Error::SignIn) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Remembers when a token was last used: at most once a minute, and beside the request rather than in its way.
fn note_use(app: &App, key: &str, used_at: Option<Instant>, now: Instant) {
    let minute_ago = now.plus_seconds(-60);
    if used_at.is_some_and(|used_at| used_at > minute_ago)
        || app.limits.take(format!("token-use {key}"), 1.0, now).is_err()
    {
        return;
    }
    let (app, key) = (app.clone(), key.to_owned());
    tokio::spawn(async move {
        let noted = async {
            let mut tx = app.db.write().await?;
            tx.execute(sql!(
                "UPDATE api_token SET used_at = $2 WHERE token_hash = $1 AND (used_at IS NULL OR used_at < $3)",
                key,
                now,
                minute_ago
            ))
            .await?;
            tx.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the last use of a token could not be noted");
        }
    });
}

/// The identity layer has put the viewer into the request.
impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Viewer> {
        parts.extensions.get::<Viewer>().cloned().ok_or(Error::SignIn)
    }
}
