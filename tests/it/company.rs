//! A company whose people call the API.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Method;
use serde_json::Value as Json;
use testkit::{Answer, Role, TestApp};

/// One person per role, named by it, each with a token; the seller reports to the manager.
pub struct Company<'a> {
    pub app: &'a TestApp,
    pub tokens: BTreeMap<&'static str, String>,
}

pub struct Reply {
    pub answer: Answer,
    pub status: u16,
    pub body: Json,
}

impl Reply {
    fn of(answer: Answer) -> Reply {
        Reply { status: answer.status.as_u16(), body: serde_json::from_str(&answer.body).unwrap_or(Json::Null), answer }
    }
    pub fn header(&self, name: &str) -> &str {
        self.answer.header(name).unwrap_or("")
    }
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("an id: {}", self.body)).to_owned()
    }
}

impl<'a> Company<'a> {
    pub async fn new(app: &'a TestApp) -> Company<'a> {
        let mut tokens = BTreeMap::new();
        let manager = app.person("manager").role(Role::Manager).create().await;
        tokens.insert("manager", app.api_token(&manager).await);
        let seller = app.person("seller").role(Role::Seller).manager(&manager).create().await;
        tokens.insert("seller", app.api_token(&seller).await);
        for role in [Role::Partner, Role::Liaison, Role::Auditor] {
            let person = app.person(role.key()).role(role).create().await;
            tokens.insert(role.key(), app.api_token(&person).await);
        }
        tokens.insert("admin", app.api_token(&app.administrator).await);
        Company { app, tokens }
    }

    pub async fn call(&self, who: &str, method: &str, path: &str, body: Json, headers: &[(&str, &str)]) -> Reply {
        let bearer = format!("Bearer {}", self.tokens.get(who).map(String::as_str).unwrap_or_default());
        let mut all = headers.to_vec();
        if self.tokens.contains_key(who) {
            all.push(("authorization", &bearer));
        }
        let body = if body.is_null() {
            Body::empty()
        } else {
            all.push(("content-type", "application/json"));
            Body::from(body.to_string())
        };
        Reply::of(self.app.request(method.parse().expect("a method"), path, &all, body).await)
    }

    /// A text as the seller's new account, of whatever media type.
    pub async fn send(&self, media_type: &str, text: String) -> Reply {
        let bearer = format!("Bearer {}", self.tokens["seller"]);
        let headers = [("authorization", bearer.as_str()), ("content-type", media_type)];
        Reply::of(self.app.request(Method::POST, "/api/accounts", &headers, Body::from(text)).await)
    }

    pub async fn get(&self, who: &str, path: &str) -> Reply {
        self.call(who, "GET", path, Json::Null, &[]).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Json) -> Reply {
        self.call(who, "POST", path, body, &[]).await
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.app.value(format!("SELECT COUNT(*) FROM {table}").as_str()).await.unwrap_or(0)
    }
}
