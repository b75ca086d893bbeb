//! The people who write over each other, the doors through which they come, and what each field may hold.

use std::collections::BTreeMap;

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use store::{Cell, Uuid, sql};
use testkit::{Answer, Person, Role, TestApp};
use trivet::shell::record::{Field, Kind, Object};
use trivet::shell::records::for_many;
use trivet::shell::shows::can_edit_in_place;

const DOORS: [Door; 4] = [Door::Form, Door::Cell, Door::Api, Door::Many];

/// How a change comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Door {
    Form,
    Cell,
    Api,
    Many,
    /// A file that names the record by its key. It knows no version: it changes what stands, as somebody who has just looked.
    Import,
    /// Of a deal to another stage.
    Move,
}

pub struct Company {
    pub editors: Vec<Person>,
    pub tokens: Vec<String>,
    /// Records and people that references can point to.
    pub targets: BTreeMap<&'static str, Vec<Uuid>>,
}

pub const FIELDS: [(&str, &[(&str, &str)]); 8] = [
    ("person", &[("name", "Gao Ling")]),
    ("product", &[("name", "Lamp"), ("code", "L-0"), ("list_price", "10")]),
    ("account", &[("name", "Acme")]),
    ("contact", &[("name", "Wang Fang")]),
    ("lead", &[("name", "Zhao Lei")]),
    ("opportunity", &[("name", "Rollout"), ("close_date", "2026-12-01"), ("amount", "100")]),
    ("activity", &[("kind", "call"), ("subject", "First call")]),
    ("task", &[("subject", "Call back")]),
];

impl Company {
    pub async fn new(app: &TestApp) -> Company {
        app.limits.set_api_per_minute(1_000_000);
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7'), ('EUR', 0, '8')").await;
        app.settings_changed().await;
        let (mut editors, mut tokens) = (Vec::new(), Vec::new());
        for name in ["Ana", "Ben", "Cleo", "Dan", "Eve"] {
            let roles = [Role::Partner, Role::Marketing, Role::Admin];
            let editor = roles.into_iter().fold(app.person(name), testkit::PersonBuilder::role).create().await;
            tokens.push(app.api_token(&editor).await);
            editors.push(editor);
        }
        let mut targets: BTreeMap<&'static str, Vec<Uuid>> = BTreeMap::new();
        targets.insert("person", editors[..3].iter().map(|editor| editor.id).collect());
        let mut company = Company { editors, tokens, targets };
        for (name, _) in FIELDS {
            for number in 0..3 {
                let id = company.make(app, name, &[("code", &format!("T-{number}"))]).await;
                company.targets.entry(name).or_default().push(id);
            }
        }
        company
    }

    pub async fn make(&self, app: &TestApp, name: &str, more: &[(&str, &str)]) -> Uuid {
        let fields = FIELDS.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, fields)| fields);
        // Nobody else may have a person's address.
        let code = more.iter().find(|(key, _)| *key == "code").map_or("", |(_, code)| code);
        let email = format!("{}@example.com", code.replace('_', "-"));
        let own = [("email", email.as_str())];
        let own = if name == "person" { &own[..] } else { &[] };
        let more = more.iter().filter(|(key, _)| app.object(name).field(key).is_some());
        let all: BTreeMap<&str, &str> = fields.iter().chain(own).chain(more).copied().collect();
        let all: Vec<(&str, &str)> = all.into_iter().collect();
        app.create(name, &self.editors[0], &all).await
    }

    /// Three values that a field can have: at first, and what two people make of it. Of another number they are others,
    /// where no two records may have the same.
    pub fn values(&self, object: &Object, field: &Field, number: usize) -> Option<[String; 3]> {
        let texts = |texts: [&str; 3]| Some(texts.map(str::to_owned));
        match field.kind {
            Kind::Text { .. } if field.key == "code" => Some([0, 1, 2].map(|of| format!("{number}-{of}"))),
            // Two people who turn a switch turn it the same way.
            Kind::Bool => None,
            Kind::Text { .. } | Kind::LongText => texts(["as it was", "from Ana", "from Ben"]),
            Kind::Email => Some(["was", "ana", "ben"].map(|name| format!("{name}{number}@example.com"))),
            Kind::Phone => texts(["13800138000", "13900139001", "13700137002"]),
            Kind::Url => texts(["https://was.example", "https://ana.example", "https://ben.example"]),
            Kind::CreditCode => Some([1, 2, 3].map(|of| checked(format!("91310000MA1AAA{number}A{of}")))),
            Kind::Integer { min, .. } => Some([1, 2, 3].map(|more| (min + 10 + more).to_string())),
            Kind::Percent => texts(["10", "20", "30"]),
            Kind::Money | Kind::BaseMoney => texts(["100.25", "200.5", "300.75"]),
            Kind::Currency => texts(["CNY", "USD", "EUR"]),
            // Not ahead, and not before the deal was created.
            Kind::Date if field.key == "closed_on" => texts(["2026-11-01", "2026-11-02", "2026-11-03"]),
            Kind::Date => texts(["2026-12-01", "2026-12-02", "2026-12-03"]),
            Kind::Instant => texts(["2026-11-01 08:00", "2026-11-02 08:00", "2026-11-03 08:00"]),
            Kind::Choice(_) if object.name == "lead" && field.key == "status" => texts(["new", "working", "qualified"]),
            // It is open from the beginning.
            Kind::Choice(["open", "done"]) => None,
            Kind::Choice([one, two]) if !field.required => Some([String::new(), (*one).into(), (*two).into()]),
            Kind::Choice(choices) if choices.len() > 2 => Some([0, 1, 2].map(|at| choices[at].to_owned())),
            // Of two choices the second person finds theirs taken or not: there is no third.
            Kind::Choice(_) => None,
            Kind::Ref(target) => {
                let known = self.targets.get(target)?;
                Some([0, 1, 2].map(|at| known[at].to_string()))
            }
        }
    }

    /// Sends a change of one field, made on a version. `Many` sends the preview that somebody made at that version.
    #[expect(clippy::too_many_arguments, reason = "who changes what, where, how and on which version")]
    pub async fn send(
        &self,
        app: &TestApp,
        editor: usize,
        door: Door,
        object: &'static Object,
        id: Uuid,
        version: i64,
        key: &str,
        value: &str,
    ) -> Answer {
        let (person, path) = (&self.editors[editor], format!("/{}/{id}", object.plural));
        let typed = version.to_string();
        match door {
            Door::Form => app.post_form(person, &path, &[("version", typed.as_str()), (key, value)]).await,
            Door::Cell => {
                let path = format!("{path}/field/{key}");
                app.post_form(person, &path, &[("version", typed.as_str()), (key, value)]).await
            }
            Door::Many => {
                let ids = format!("{id}@{version}");
                let fields =
                    [("action", "edit"), ("field", key), ("value", value), ("ids", ids.as_str()), ("query", "")];
                app.post_form(person, &format!("/{}/bulk/apply", object.plural), &fields).await
            }
            Door::Api => {
                let value = json_of(object, key, value);
                let tag = format!("\"{version}\"");
                let headers = [("if-match", tag.as_str())];
                let path = format!("/api{path}");
                app.api(&self.tokens[editor], Method::PATCH, &path, &headers, Some(&json!({ key: value }))).await
            }
            Door::Import => {
                let named = format!("SELECT external_id FROM {} WHERE id = $1", object.table);
                let named: String = app.value(sql!(named, id)).await.expect("it has a key");
                let file = format!("external_id,{key}\n{named},{value}\n");
                let import = crate::import::uploaded(app, person, object.name, &file).await;
                let columns = [("external_id", "external_id"), (key, key)];
                let how = [("then", "start"), ("key", "external_id"), ("on_match", "update")];
                let answer = crate::import::sent(app, person, &import, &columns, &how).await;
                crate::import::work(app).await;
                let (state, created, .., failed) = crate::import::counts(app).await;
                assert_eq!((state.as_str(), created, failed), ("done", 0, 0), "{file}");
                answer
            }
            Door::Move => {
                let fields = [("version", typed.as_str()), ("stage", value), ("reason", "because")];
                app.post_form(person, &format!("{path}/stage"), &fields).await
            }
        }
    }
}

/// With its check character (GB 32100-2015).
fn checked(first_17: String) -> String {
    const SIGNS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let value = |sign| SIGNS.find(sign).expect("a sign of the standard") as u32;
    let (sum, _) = first_17.chars().fold((0, 1), |(sum, weight), sign| (sum + value(sign) * weight, weight * 3 % 31));
    format!("{first_17}{}", SIGNS.chars().nth(((31 - sum % 31) % 31) as usize).expect("31 signs"))
}

pub fn json_of(object: &Object, key: &str, value: &str) -> Json {
    if value.is_empty() {
        return Json::Null;
    }
    match object.field(key).map(|field| field.kind) {
        Some(Kind::Integer { .. } | Kind::Percent) => json!(value.parse::<i64>().expect("a number")),
        Some(Kind::Instant) => json!(format!("{}:00Z", value.replace(' ', "T"))),
        _ => json!(value),
    }
}

pub fn doors(field: &Field) -> Vec<Door> {
    DOORS
        .into_iter()
        .filter(|door| match door {
            Door::Form | Door::Api => true,
            Door::Cell => can_edit_in_place(field),
            Door::Many => for_many(field),
            Door::Import | Door::Move => false,
        })
        .collect()
}

pub fn succeeded(door: Door, answer: &Answer) -> bool {
    match door {
        Door::Api => answer.status == 200,
        _ => answer.status == 303,
    }
}

/// What the next page will say.
pub fn flash(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or("");
    let value = cookie.trim_start_matches("flash=").split(';').next().unwrap_or("");
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(value).unwrap_or_default()).unwrap_or_default()
}

/// The version of a record, and what stands in a field of it.
pub async fn stands(app: &TestApp, object: &Object, field: &Field, id: Uuid) -> (i64, Cell) {
    let mut session = app.db.read().await.expect("the database can be read");
    let select = format!("SELECT version, {} FROM {} WHERE id = $1", field.column, object.table);
    let store::Cells(mut cells) = session.one(sql!(select, id)).await.expect("the record is there");
    (cells[0].int().expect("a version"), cells.remove(1))
}

/// The same, to be compared whatever it is.
pub async fn row(app: &TestApp, object: &Object, field: &Field, id: Uuid) -> (i64, String) {
    let (version, cell) = stands(app, object, field, id).await;
    (version, format!("{cell:?}"))
}
