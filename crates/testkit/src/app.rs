//! The application under test, its people and their requests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use store::{Cell, Clock, Engine, Uuid, sql};
use tower::ServiceExt;
use trivet::shell::access::Role;
use trivet::shell::app::App;
use trivet::shell::error::Result;
use trivet::shell::record::query::{ListQuery, Question};
use trivet::shell::record::{Actor, Object, command};
use trivet::shell::viewer::{SESSION_COOKIE, Viewer, hash_token, new_token};

use crate::database::{ADMINISTRATOR, Database, PASSWORD, start};

/// A whole application on a database of its own, with an organisation (CNY, Asia/Shanghai, fiscal year from January) and an
/// administrator. The clock stands at 2026-11-24 09:30 in Shanghai and moves only when told.
pub struct TestApp {
    pub app: App,
    pub database: Database,
    pub administrator: Person,
    router: Router,
}

impl Deref for TestApp {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

/// Somebody of the test's world, with a session of their own.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub name: String,
    pub email: String,
    /// For requests with other headers than the usual ones.
    pub cookie: String,
}

impl TestApp {
    pub async fn new(engine: Engine) -> TestApp {
        TestApp::of(Database::set_up(engine).await).await
    }

    /// On a database that has an organisation and the kit's administrator already.
    pub async fn of(database: Database) -> TestApp {
        let app = trivet::app::open(&database.url(), database.folder.path(), Clock::frozen(start()), false)
            .await
            .expect("the test application opens");
        let id: Option<Uuid> = {
            let mut session = app.db.read().await.expect("the database can be read");
            session
                .value(sql!("SELECT id FROM person WHERE email = $1", ADMINISTRATOR))
                .await
                .expect("people can be read")
        };
        let router = trivet::app::router(app.clone());
        let mut test = TestApp {
            app,
            database,
            administrator: Person {
                id: id.expect("the template has an administrator"),
                name: "Administrator".into(),
                email: ADMINISTRATOR.into(),
                cookie: String::new(),
            },
            router,
        };
        test.administrator.cookie = test.open_session(test.administrator.id).await;
        test
    }

    /// Begins a person: `app.person("Lin Yan").role(Role::Seller).manager(&boss).create().await`.
    pub fn person(&self, name: &str) -> PersonBuilder<'_> {
        PersonBuilder { test: self, name: name.into(), roles: Vec::new(), manager: None, locale: None }
    }

    /// What the person may do now, outside a request.
    pub async fn viewer(&self, person: &Person) -> Viewer {
        Viewer::of_person(&self.app, person.id).await.expect("the person is active")
    }

    pub async fn actor(&self, person: &Person) -> Actor {
        self.app.actor(&self.viewer(person).await, "page")
    }

    pub fn object(&self, name: &str) -> &'static Object {
        self.app.registry.get(name).unwrap_or_else(|| panic!("there is no kind of record {name:?}"))
    }

    /// Makes a record from typed texts as a form or the API would.
    pub async fn try_create(&self, object: &str, by: &Person, fields: &[(&str, &str)]) -> Result<Uuid> {
        let actor = self.actor(by).await;
        let object = self.object(object);
        let inputs: BTreeMap<String, String> =
            fields.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        let draft = command::read_inputs(object, &actor.viewer, &inputs, None, command::Source::Strict)?;
        let mut tx = self.app.db.write().await?;
        let id = command::create(&mut tx, &actor, object, draft).await?;
        tx.commit().await?;
        Ok(id)
    }

    pub async fn create(&self, object: &str, by: &Person, fields: &[(&str, &str)]) -> Uuid {
        self.try_create(object, by, fields)
            .await
            .unwrap_or_else(|error| panic!("{} cannot make this {object} {fields:?}: {error:?}", by.name))
    }

    /// Changes a record from typed texts; without a version the present one counts. Returns the new version.
    pub async fn try_update(
        &self,
        object: &str,
        by: &Person,
        id: Uuid,
        version: Option<i64>,
        fields: &[(&str, &str)],
    ) -> Result<i64> {
        let actor = self.actor(by).await;
        let object = self.object(object);
        let inputs: BTreeMap<String, String> =
            fields.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        let mut tx = self.app.db.write().await?;
        let before = command::load_for_write(&mut tx, &actor, object, id).await?;
        let draft = command::read_inputs(object, &actor.viewer, &inputs, Some(&before), command::Source::Strict)?;
        let version = command::update_loaded(&mut tx, &actor, object, &before, version, draft).await?;
        tx.commit().await?;
        Ok(version)
    }

    pub async fn account(&self, owner: &Person, name: &str) -> Uuid {
        self.create("account", owner, &[("name", name)]).await
    }

    pub async fn contact(&self, owner: &Person, name: &str, account: Uuid) -> Uuid {
        self.create("contact", owner, &[("name", name), ("account", &account.to_string())]).await
    }

    pub async fn lead(&self, owner: &Person, name: &str) -> Uuid {
        self.create("lead", owner, &[("name", name)]).await
    }

    /// An open deal over 10,000.00 in the base currency, in the first stage, expected in a month.
    pub async fn opportunity(&self, owner: &Person, name: &str, account: Uuid) -> Uuid {
        let account = account.to_string();
        let fields = [("name", name), ("account", account.as_str()), ("amount", "10000"), ("close_date", "2026-12-24")];
        self.create("opportunity", owner, &fields).await
    }

    pub async fn task(&self, owner: &Person, subject: &str, due: &str) -> Uuid {
        self.create("task", owner, &[("subject", subject), ("due_date", due)]).await
    }

    pub async fn activity(&self, owner: &Person, subject: &str, account: Uuid) -> Uuid {
        let account = account.to_string();
        self.create("activity", owner, &[("kind", "call"), ("subject", subject), ("account", &account)]).await
    }

    /// A stage of the first pipeline by its English name.
    pub async fn stage(&self, name: &str) -> Uuid {
        let config = self.app.config(0).await.expect("the settings are there");
        let stage = config.pipelines[0].stages.iter().find(|stage| stage.name == name);
        stage.unwrap_or_else(|| panic!("there is no stage {name:?}")).id
    }

    /// A criterion of the first pipeline that takes a note as evidence.
    pub async fn criterion(&self) -> Uuid {
        let config = self.app.config(0).await.expect("the settings are there");
        let mut criteria = config.pipelines[0].stages.iter().flat_map(|stage| &stage.criteria);
        criteria.find(|criterion| criterion.field.is_none()).expect("a criterion that takes a note").id
    }

    /// How many records of a kind the person finds by these words.
    pub async fn search(&self, person: &Person, object: &str, words: &str) -> i64 {
        let viewer = self.viewer(person).await;
        let object = self.object(object);
        let query = ListQuery {
            fields: vec![object.title_field()],
            filters: Vec::new(),
            words: Some(words.into()),
            sort: object.title_field(),
            descending: false,
            after: None,
            limit: 1000,
            trash: false,
        };
        let today = viewer.config.today(self.app.clock.now());
        let question = Question { viewer: &viewer, object, query: &query, today };
        let mut session = self.app.db.read().await.expect("the database can be read");
        question.count(&mut session, 1000).await.expect("a search runs")
    }

    /// The first column of the first row, for looking behind the scenes.
    pub async fn value<T>(&self, statement: impl Into<store::Sql>) -> Option<T>
    where
        (T,): store::StoreRow,
    {
        self.app.db.read().await.expect("the database can be read").value(statement).await.expect("the statement runs")
    }

    /// Changes a row behind the scenes.
    pub async fn execute(&self, statement: impl Into<store::Sql>) -> u64 {
        let mut tx = self.app.db.write().await.expect("the database can be written");
        let touched = tx.execute(statement).await.expect("the statement runs");
        tx.commit().await.expect("the database can be written");
        touched
    }

    /// What was changed of the settings behind the scenes counts from the next request.
    pub async fn settings_changed(&self) {
        self.execute("UPDATE organization SET config_version = config_version + 1").await;
    }

    /// An API token of the person with the scopes `read write`.
    pub async fn api_token(&self, person: &Person) -> String {
        let token = new_token();
        let now = self.app.clock.now();
        self.execute(sql!(
            "INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at) VALUES ($1, $2, 'test', $3, 'read write', $4)",
            store::new_id(&self.app.clock),
            person.id,
            hash_token(&token),
            now
        ))
        .await;
        token
    }

    async fn open_session(&self, person: Uuid) -> String {
        let token = new_token();
        let now = self.app.clock.now();
        self.execute(sql!(
            "INSERT INTO session (token_hash, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
            hash_token(&token),
            person,
            now,
            now.plus_seconds(14 * 86_400)
        ))
        .await;
        format!("{SESSION_COOKIE}={token}")
    }

    /// Signs in by the form, as a browser does; everybody's password is [`PASSWORD`].
    pub async fn sign_in(&self, email: &str) -> Person {
        let answer =
            self.request(Method::POST, "/sign-in", &[], form(&[("email", email), ("password", PASSWORD)])).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{email} cannot sign in: {}", answer.body);
        let set = answer.headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let (id, name) = {
            let mut session = self.app.db.read().await.expect("the database can be read");
            session.one(sql!("SELECT id, name FROM person WHERE email = $1", email)).await.expect("people can be read")
        };
        Person { id, name, email: email.into(), cookie: set.split(';').next().unwrap_or("").to_owned() }
    }

    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        self.request(Method::GET, path, &[("cookie", &person.cookie)], Body::empty()).await
    }

    /// As htmx asks: the answer is a fragment.
    pub async fn get_fragment(&self, person: &Person, path: &str) -> Answer {
        self.request(Method::GET, path, &[("cookie", &person.cookie), ("hx-request", "true")], Body::empty()).await
    }

    /// A body of another kind than a plain form, like an upload.
    pub async fn post_body(&self, person: &Person, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let headers =
            [("cookie", person.cookie.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", content_type)];
        self.request(Method::POST, path, &headers, Body::from(body)).await
    }

    pub async fn post_form(&self, person: &Person, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.request(Method::POST, path, &[("cookie", &person.cookie), ("sec-fetch-site", "same-origin")], form(fields))
            .await
    }

    /// A JSON request with a bearer token (see [`TestApp::api_token`]). `headers`: `If-Match`, `Idempotency-Key`, …
    pub async fn api(
        &self,
        token: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.request(method, path, &all, body.map_or(Body::empty(), |body| Body::from(body.to_string()))).await
    }

    /// Without anybody's session.
    pub async fn get_public(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[], Body::empty()).await
    }

    /// An answer whose body has not been taken yet, as of a download that has just begun.
    pub async fn begin(&self, person: &Person, path: &str) -> Response {
        self.respond(None, Method::GET, path, &[("cookie", &person.cookie)], Body::empty()).await
    }

    async fn respond(
        &self,
        peer: Option<SocketAddr>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Response {
        let mut request = Request::builder().method(&method).uri(path).header(header::HOST, "trivet.test");
        if method == Method::POST && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(peer) = peer {
            request = request.extension(peer);
        }
        let request = request.body(body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        self.router.clone().oneshot(request).await.expect("the router always answers")
    }

    /// Any request, through the whole router.
    pub async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        self.request_from(None, method, path, headers, body).await
    }

    /// As the server's own loop hands it on: with the address at the other end of the connection.
    pub async fn request_from(
        &self,
        peer: Option<SocketAddr>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Answer {
        let before = self.app.db.statements();
        let (parts, body) = self.respond(peer, method, path, headers, body).await.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("the body arrives");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.to_vec(),
            statements: self.app.db.statements() - before,
        }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
    pub bytes: Vec<u8>,
    /// How many database statements the request cost.
    pub statements: u64,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
    pub fn location(&self) -> &str {
        self.header("location").or(self.header("hx-redirect")).unwrap_or("")
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    /// What the form on the page holds as its version; empty where it holds none.
    pub fn version(&self) -> String {
        let value = self.body.split_once("name=\"version\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        value.map_or_else(String::new, |(version, _)| version.to_owned())
    }
    pub fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

pub struct PersonBuilder<'a> {
    test: &'a TestApp,
    name: String,
    roles: Vec<Role>,
    manager: Option<Uuid>,
    locale: Option<&'static str>,
}

impl PersonBuilder<'_> {
    /// May be called several times; without any the person is a seller.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }
    pub fn manager(mut self, manager: &Person) -> Self {
        self.manager = Some(manager.id);
        self
    }
    /// `en` or `zh-CN`.
    pub fn locale(mut self, locale: &'static str) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Made by the administrator, and active as if they had followed their invitation.
    pub async fn create(self) -> Person {
        let test = self.test;
        let key = store::search::sort_key(&self.name).replace(|c: char| !c.is_ascii_alphanumeric(), ".");
        let email = format!("{key}@trivet.test");
        let roles: Vec<&str> = self.roles.iter().map(|role| role.key()).collect();
        let actor = test.actor(&test.administrator).await;
        let mut draft = trivet::shell::record::Draft::default();
        draft.set("name", Cell::Text(self.name.clone()));
        draft.set("email", Cell::Text(email.clone()));
        draft.set("roles", Cell::Text(if roles.is_empty() { "seller".into() } else { roles.join(" ") }));
        if let Some(manager) = self.manager {
            draft.set("manager", Cell::Id(manager));
        }
        if let Some(locale) = self.locale {
            draft.set("locale", Cell::Text(locale.into()));
        }
        let object = test.object("person");
        let mut tx = test.app.db.write().await.expect("the database can be written");
        let id = command::create(&mut tx, &actor, object, draft)
            .await
            .unwrap_or_else(|error| panic!("{} cannot be made: {error:?}", self.name));
        // Hashing a password takes tens of milliseconds: everybody shares the administrator's.
        tx.execute(sql!(
            "UPDATE person SET state = 'active', password_hash = (SELECT a.password_hash FROM person a WHERE a.email = $2) WHERE id = $1",
            id,
            ADMINISTRATOR
        ))
        .await
        .expect("people can be changed");
        tx.commit().await.expect("the database can be written");
        let cookie = test.open_session(id).await;
        Person { id, name: self.name, email, cookie }
    }
}

/// `application/x-www-form-urlencoded`.
pub fn form(fields: &[(&str, &str)]) -> Body {
    let encode = |text: &str| trivet::shell::layers::url_encode(text).replace('/', "%2F");
    let pairs: Vec<String> = fields.iter().map(|(key, value)| format!("{}={}", encode(key), encode(value))).collect();
    Body::from(pairs.join("&"))
}

/// What an [`upload`] is sent as.
pub const UPLOAD: &str = "multipart/form-data; boundary=cut";

/// A form with texts and a file, which claims to be a page, whatever it is.
pub fn upload(texts: &[(&str, &str)], name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, text) in texts {
        let part = format!("--cut\r\ncontent-disposition: form-data; name=\"{key}\"\r\n\r\n{text}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head = format!("--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(b"content-type: text/html\r\n\r\n");
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    body
}
