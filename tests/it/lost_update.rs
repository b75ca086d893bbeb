//! Q31: nobody's change is overwritten unseen. Two people have the same version before them and change the same field: the
//! first change stands, the second is told what stands there now (409). Different fields merge. Over the form, the cell, the API
//! and work on many; for every field that a form has, so that a new one is not forgotten; one after the other, and many at once.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};
use store::{Uuid, sql};
use testkit::{Answer, Engine, Person, Role, TestApp, on, on_both};
use trivet::shell::record::{Field, Kind, Object, Write};
use trivet::shell::records::for_many;
use trivet::shell::shows::can_edit_in_place;

use crate::permission::{number as number_of, world::Dice};

const DOORS: [Door; 4] = [Door::Form, Door::Cell, Door::Api, Door::Many];

/// How a change comes in.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Door {
    Form,
    Cell,
    Api,
    Many,
    /// A file that names the record by its key. It knows no version: it changes what stands, as somebody who has just looked.
    Import,
    /// Of a deal to another stage.
    Move,
}

struct Company {
    editors: Vec<Person>,
    tokens: Vec<String>,
    /// Records and people that references can point to.
    targets: BTreeMap<&'static str, Vec<Uuid>>,
}

const FIELDS: [(&str, &[(&str, &str)]); 8] = [
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
    async fn new(app: &TestApp) -> Company {
        app.limits.set_api_per_minute(1_000_000);
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('USD', 0, '7'), ('EUR', 0, '8')").await;
        app.execute("UPDATE organization SET config_version = config_version + 1").await;
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

    async fn make(&self, app: &TestApp, name: &str, more: &[(&str, &str)]) -> Uuid {
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
    fn values(&self, object: &Object, field: &Field, number: usize) -> Option<[String; 3]> {
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
    async fn send(
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

fn json_of(object: &Object, key: &str, value: &str) -> Json {
    if value.is_empty() {
        return Json::Null;
    }
    match object.field(key).map(|field| field.kind) {
        Some(Kind::Integer { .. } | Kind::Percent) => json!(value.parse::<i64>().expect("a number")),
        Some(Kind::Instant) => json!(format!("{}:00Z", value.replace(' ', "T"))),
        _ => json!(value),
    }
}

fn doors(field: &Field) -> Vec<Door> {
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

fn succeeded(door: Door, answer: &Answer) -> bool {
    match door {
        Door::Api => answer.status == 200,
        _ => answer.status == 303,
    }
}

/// What the next page will say.
fn flash(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap_or("");
    let value = cookie.trim_start_matches("flash=").split(';').next().unwrap_or("");
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(value).unwrap_or_default()).unwrap_or_default()
}

async fn row(app: &TestApp, object: &Object, field: &Field, id: Uuid) -> (i64, String) {
    let mut session = app.db.read().await.expect("the database can be read");
    let select = format!("SELECT version, {} FROM {} WHERE id = $1", field.column, object.table);
    let store::Cells(cells) = session.one(sql!(select, id)).await.expect("the record is there");
    (cells[0].int().expect("a version"), format!("{:?}", cells[1]))
}

#[test]
fn no_kind_of_record_is_forgotten() {
    let tried: BTreeSet<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    let known: BTreeSet<&str> = trivet::tools::crm::REGISTRY.objects.iter().map(|object| object.name).collect();
    assert_eq!(tried, known);
}

#[test]
fn of_two_changes_of_a_field_made_on_the_same_version_the_first_stands() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let lost = app.stage("Lost").await.to_string();
        let mut tried = 0;
        for (name, _) in FIELDS {
            let object = app.object(name);
            let editable = object
                .fields
                .iter()
                .filter(|field| field.write == Write::Always && !field.is_virtual() && field.key != "stage");
            for field in editable {
                for (index, door) in doors(field).into_iter().enumerate() {
                    let Some([first, from_ana, from_ben]) = company.values(object, field, index) else { continue };
                    let what = format!("{name}.{} by {door:?}", field.key);
                    let code = format!("{}-{index}", field.key);
                    let mut more = vec![];
                    match field.only_while {
                        Some((_, states)) if states.contains(&"lost") => {
                            let made =
                                [("stage", lost.as_str()), ("lost_reason", "price"), ("created_on", "2026-10-01")];
                            more.extend(made);
                        }
                        Some(("status", ["unqualified"])) => {
                            more.extend([("status", "unqualified"), ("disqualify_reason", "No budget")]);
                        }
                        _ => {}
                    }
                    if !first.is_empty() {
                        more.push((field.key, first.as_str()));
                    }
                    let id = company.make(app, name, &[&[("code", code.as_str())], &more[..]].concat()).await;
                    let (version, _) = row(app, object, field, id).await;
                    let known = doors(field);
                    let other = known[(index + 1) % known.len()];
                    let ana = company.send(app, 0, other, object, id, version, field.key, &from_ana).await;
                    assert!(succeeded(other, &ana), "{what}: Ana by {other:?}: {} {}", ana.status, ana.body);
                    let stands = row(app, object, field, id).await;
                    assert_eq!(stands.0, version + 1, "{what}: Ana's change was made");
                    let ben = company.send(app, 1, door, object, id, version, field.key, &from_ben).await;
                    assert_eq!(row(app, object, field, id).await, stands, "{what}: Ana's change stands");
                    match door {
                        Door::Many => {
                            assert_eq!(ben.status, 303, "{what}");
                            assert!(flash(&ben).contains("meanwhile"), "{what}: {}", flash(&ben));
                        }
                        Door::Api => {
                            assert_eq!(ben.status, 409, "{what}: {}", ben.body);
                            let error = &ben.json()["errors"][0];
                            assert_eq!(error["field"], json!(field.key), "{what}");
                            assert!(
                                ["original", "yours", "theirs"].iter().all(|part| error[part].is_string()),
                                "{what}"
                            );
                        }
                        _ => {
                            assert_eq!(ben.status, 409, "{what}: {}", ben.body);
                            // What Ben typed is not lost, and he is told what stands there.
                            if matches!(field.kind, Kind::Text { .. } | Kind::LongText | Kind::Email) {
                                assert!(ben.has(&from_ana) && ben.has(&from_ben), "{what}: {}", ben.body);
                            }
                            if let Kind::Ref(_) = field.kind {
                                assert!(!ben.has(&format!("“{from_ana}”")), "{what}: an id is not a name");
                            }
                        }
                    }
                    tried += 1;
                }
            }
        }
        assert!(tried > 200, "only {tried} collisions");
    });
}

#[test]
fn changes_of_different_fields_made_on_the_same_version_merge() {
    on_both(async |app| {
        let company = Company::new(app).await;
        for (name, _) in FIELDS {
            let object = app.object(name);
            let usable = |field: &&Field| field.write == Write::Always && !field.is_virtual() && !field.required;
            let with_values = object.fields.iter().filter(usable).filter_map(|field| {
                let values =
                    company.values(object, field, 0).filter(|_| field.key != "stage" && field.key != "currency")?;
                Some((field, values))
            });
            let fields: Vec<_> = with_values.take(6).collect();
            for pair in fields.windows(2) {
                let [(one, [one_first, from_ana, _]), (other, [other_first, _, from_ben])] = pair else { continue };
                let first = [("code", one.key), (one.key, one_first), (other.key, other_first)];
                let first: Vec<(&str, &str)> = first.into_iter().filter(|(_, text)| !text.is_empty()).collect();
                let id = company.make(app, name, &first).await;
                let version = row(app, object, one, id).await.0;
                let what = format!("{name}.{} and {}", one.key, other.key);
                let ana = company.send(app, 0, Door::Form, object, id, version, one.key, from_ana).await;
                assert_eq!(ana.status, 303, "{what}: {}", ana.body);
                let stands = row(app, object, one, id).await.1;
                for door in doors(other) {
                    let ben = company.send(app, 1, door, object, id, version, other.key, from_ben).await;
                    assert!(succeeded(door, &ben), "{what} by {door:?}: {} {}", ben.status, ben.body);
                }
                assert_eq!(row(app, object, one, id).await.1, stands, "{what}: both stay");
                assert_eq!(row(app, object, other, id).await.0, version + 2, "{what}: both stay");
            }
        }
    });
}

/// The versions of which the history tells, each as often as it does.
async fn told(app: &TestApp, id: Uuid) -> Vec<i64> {
    let mut session = app.db.read().await.expect("the database can be read");
    let told = "SELECT version FROM event WHERE subject_id = $1 ORDER BY version";
    let rows: Vec<(i64,)> = session.all(sql!(told, id)).await.expect("the history can be read");
    rows.into_iter().map(|(version,)| version).collect()
}

#[test]
fn of_twenty_changes_of_a_field_at_once_one_stands() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let (object, id) = (app.object("account"), company.make(app, "account", &[("city", "as it was")]).await);
        let texts: Vec<String> = (0..20).map(|number| format!("from {number}")).collect();
        let sent = texts
            .iter()
            .enumerate()
            .map(|(number, text)| company.send(app, number % 5, Door::Api, object, id, 1, "city", text));
        let answers = futures_util::future::join_all(sent).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
        assert_eq!((count(200), count(409)), (1, 19), "{statuses:?}");
        let stands = &texts[statuses.iter().position(|status| *status == 200).expect("one was taken")];
        assert_eq!(typed(app, object, object.field("city").expect("a field"), id).await, (2, stands.clone()));
        assert_eq!(told(app, id).await, [1, 2]);
        // Each of the others is told what stands there now.
        for (text, refused) in texts.iter().zip(&answers).filter(|(_, answer)| answer.status == 409) {
            let error = &refused.json()["errors"][0];
            let said = [&error["original"], &error["yours"], &error["theirs"]];
            assert_eq!(said, [&json!("as it was"), &json!(text), &json!(stands)], "{}", refused.body);
        }
        // Who does not say what they saw changes nothing.
        let path = format!("/api/accounts/{id}");
        let unsaid = app.api(&company.tokens[0], Method::PATCH, &path, &[], Some(&json!({ "city": "mine" }))).await;
        assert_eq!(unsaid.status, 428);
    });
}

#[test]
fn changes_of_different_fields_at_once_all_stand() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let (object, id) = (app.object("account"), company.make(app, "account", &[]).await);
        // An amount is written in the currency that stands.
        let usable = |field: &&Field| field.write == Write::Always && !field.is_virtual() && field.key != "currency";
        let changes: Vec<(&Field, Door, String)> = object
            .fields
            .iter()
            .filter(usable)
            .enumerate()
            .filter_map(|(index, field)| {
                let doors: Vec<Door> = doors(field).into_iter().filter(|door| *door != Door::Many).collect();
                let [_, text, _] = company.values(object, field, 0)?;
                Some((field, doors[index % doors.len()], text))
            })
            .collect();
        assert!(changes.len() > 15, "only {} fields", changes.len());
        for door in [Door::Form, Door::Cell, Door::Api] {
            assert!(changes.iter().any(|(_, by, _)| *by == door), "nobody comes by {door:?}");
        }
        let sent = changes
            .iter()
            .enumerate()
            .map(|(number, (field, door, text))| company.send(app, number % 5, *door, object, id, 1, field.key, text));
        let answers = futures_util::future::join_all(sent).await;
        for ((field, door, _), answer) in changes.iter().zip(&answers) {
            assert!(succeeded(*door, answer), "{} by {door:?}: {} {}", field.key, answer.status, answer.body);
        }
        let last = 1 + changes.len() as i64;
        assert_eq!(told(app, id).await, (1..=last).collect::<Vec<i64>>(), "every version is told once");
        let record = app.api(&company.tokens[0], Method::GET, &format!("/api/accounts/{id}"), &[], None).await.json();
        assert_eq!(record["version"], json!(last));
        for (field, _, text) in &changes {
            let expected = if field.kind == Kind::Money { json!("200.50") } else { json_of(object, field.key, text) };
            assert_eq!(record[field.key], expected, "{}", field.key);
        }
    });
}

/// What stands in a field, as it is typed.
async fn typed(app: &TestApp, object: &Object, field: &Field, id: Uuid) -> (i64, String) {
    let mut session = app.db.read().await.expect("the database can be read");
    let select = format!("SELECT version, {} FROM {} WHERE id = $1", field.column, object.table);
    let store::Cells(cells) = session.one(sql!(select, id)).await.expect("the record is there");
    let text = cells[1].id().map(|id| id.to_string()).or(cells[1].text().map(str::to_owned));
    (cells[0].int().expect("a version"), text.unwrap_or_default())
}

/// The fields of a kind of record that take any words at any time, and of a deal also its stage.
fn wordy(object: &'static Object) -> Vec<&'static Field> {
    let takes_words = |field: &&Field| matches!(field.kind, Kind::Text { .. } | Kind::LongText);
    let is_own = |field: &&Field| field.write == Write::Always && !field.is_virtual() && field.only_while.is_none();
    let is_key = |field: &&Field| matches!(field.key, "code" | "external_id");
    let fields = object.fields.iter().filter(takes_words).filter(is_own).filter(|field| !is_key(field));
    fields.take(4).chain(object.fields.iter().filter(|field| field.key == "stage")).collect()
}

/// 2 to 5 people load and save one record of any kind in any order through any door. What each save does follows from what they
/// had before them: a model of a few lines knows the outcome.
#[test]
fn whatever_the_order_no_change_is_overwritten_unseen() {
    for (engine, usual) in [(Engine::Sqlite, 120), (Engine::Postgres, 25)] {
        let runs = number_of("TRIVET_RUNS", usual);
        on(engine, async |app| {
            let company = Company::new(app).await;
            let mut stages = Vec::new();
            for name in ["Prospecting", "Engaging", "Proposal"] {
                stages.push(app.stage(name).await.to_string());
            }
            for run in 0..runs {
                let mut dice = Dice::new(run);
                let (name, _) = dice.pick(&FIELDS);
                let object = app.object(name);
                let fields = wordy(object);
                let code = format!("R-{run}");
                let id = company.make(app, name, &[("code", &code), ("external_id", &code)]).await;
                // All versions there have been, as field values.
                let mut history: Vec<BTreeMap<&str, String>> = vec![BTreeMap::new()];
                for field in &fields {
                    history[0].insert(field.key, typed(app, object, field, id).await.1);
                }
                let mut seen = vec![1usize; 2 + dice.roll(4)];
                for step in 0..12 {
                    let editor = dice.roll(seen.len());
                    if dice.chance(35) {
                        seen[editor] = history.len();
                        continue;
                    }
                    let field = dice.pick(&fields);
                    let key = field.key;
                    let mut door = dice.pick(&doors(field));
                    let mut text = format!("text {}", dice.roll(3));
                    if key == "stage" {
                        (door, text) = (Door::Move, stages[dice.roll(3)].clone());
                    } else if object.field("external_id").is_some() && dice.chance(8) {
                        door = Door::Import;
                    }
                    let version = if door == Door::Import { history.len() } else { seen[editor] };
                    let answer = company.send(app, editor, door, object, id, version as i64, key, &text).await;
                    let was = history[version - 1][key].clone();
                    let mut now = history.last().expect("a version").clone();
                    let stands = now[key].clone();
                    // Somebody who leaves a field as they found it does not change it.
                    let changes = text != was || version == history.len();
                    let collides = changes && text != stands && was != stands;
                    let what = format!("run {run} step {step}: {name}.{key} = {text} on version {version} by {door:?}");
                    if collides && door != Door::Many {
                        assert_eq!(answer.status, 409, "{what}: {}", answer.body);
                    } else {
                        assert!(succeeded(door, &answer), "{what}: {} {}", answer.status, answer.body);
                    }
                    if changes && !collides && text != stands {
                        now.insert(key, text);
                        history.push(now.clone());
                    }
                    for field in &fields {
                        let (version, text) = typed(app, object, field, id).await;
                        assert_eq!((version as usize, text), (history.len(), now[field.key].clone()), "{what}");
                    }
                }
            }
        });
    }
}

/// 2,000 typed when the currency was USD is never €2,000; and $1,000 turned into euros is not what somebody gave meanwhile.
#[test]
fn an_amount_meant_in_one_currency_is_never_stored_in_another() {
    let amounts = [
        ("product", "list_price"),
        ("account", "annual_revenue"),
        ("lead", "estimated_amount"),
        ("opportunity", "amount"),
    ];
    on_both(async |app| {
        let company = Company::new(app).await;
        let money = |amount: &str, currency: &str| format!("{currency} {amount}");
        for (name, key) in amounts {
            let object = app.object(name);
            let field = |key: &str| object.field(key).expect("a field of the kind");
            let (amount, currency) = (field(key), field("currency"));
            let stands = async |id: Uuid| (row(app, object, amount, id).await, row(app, object, currency, id).await.1);
            let both = |answer: &Answer| -> BTreeMap<String, [String; 3]> {
                let text = |error: &Json, part: &str| error[part].as_str().unwrap_or_default().to_owned();
                let parts = |error: &Json| ["original", "yours", "theirs"].map(|part| text(error, part));
                let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
                errors.iter().map(|error| (text(error, "field"), parts(error))).collect()
            };
            let texts = |parts: [&str; 3]| parts.map(str::to_owned);
            for (index, door) in doors(amount).into_iter().enumerate() {
                let what = format!("{name} by {door:?}");
                let code = format!("C-{index}");
                let more = [("code", code.as_str()), (key, "1000"), ("currency", "USD")];
                let id = company.make(app, name, &more).await;
                let ana = company.send(app, 0, Door::Form, object, id, 1, "currency", "EUR").await;
                assert_eq!(ana.status, 303, "{what}: {}", ana.body);
                let euros = stands(id).await;
                let ben = company.send(app, 1, door, object, id, 1, key, "2000").await;
                assert_eq!(stands(id).await, euros, "{what}: no dollars became euros");
                match door {
                    Door::Many => assert!(flash(&ben).contains("meanwhile"), "{what}: {}", flash(&ben)),
                    Door::Api => {
                        assert_eq!(
                            (ben.status.as_u16(), &ben.json()["errors"][0]["field"]),
                            (409, &json!(key)),
                            "{what}"
                        );
                        let told = both(&ben);
                        assert_eq!(told[key], texts(["1000.00", "2000.00", "1000.00"]), "{what}");
                        assert_eq!(told["currency"], texts(["USD", "USD", "EUR"]), "{what}");
                    }
                    _ => {
                        assert_eq!(ben.status, 409, "{what}: {}", ben.body);
                        assert!(ben.has(&money("1000.00", "EUR")) && ben.has("2000"), "{what}: {}", ben.body);
                    }
                }
                // The other way round.
                let code = format!("D-{index}");
                let id = company.make(app, name, &[("code", code.as_str()), more[1], more[2]]).await;
                let ana = company.send(app, 0, door, object, id, 1, key, "3000").await;
                assert!(succeeded(door, &ana), "{what}: {} {}", ana.status, ana.body);
                let dollars = stands(id).await;
                let ben = company.send(app, 1, Door::Form, object, id, 1, "currency", "EUR").await;
                assert_eq!((ben.status.as_u16(), stands(id).await), (409, dollars.clone()), "{what}: {}", ben.body);
                assert!(ben.has(&money("1000.00", "EUR")) && ben.has(&money("3000.00", "USD")), "{what}: {}", ben.body);
                let ben = company.send(app, 1, Door::Api, object, id, 1, "currency", "EUR").await;
                assert_eq!(
                    (ben.status.as_u16(), &ben.json()["errors"][0]["field"]),
                    (409, &json!("currency")),
                    "{what}"
                );
                assert_eq!(both(&ben)[key], texts(["1000.00", "1000.00", "3000.00"]), "{what}");
                assert_eq!(stands(id).await, dollars, "{what}");
            }
        }
    });
}

#[test]
fn a_whole_form_about_an_amount_in_another_currency_is_told_both_and_decides() {
    on_both(async |app| {
        let company = Company::new(app).await;
        app.execute("INSERT INTO fx_rate (currency, on_day, rate) VALUES ('JPY', 0, '0.05')").await;
        app.execute("UPDATE organization SET config_version = config_version + 1").await;
        let deal = async || company.make(app, "opportunity", &[("amount", "1000"), ("currency", "USD")]).await;
        let stands = async |id: Uuid| -> (i64, i64, String) {
            let mut session = app.db.read().await.expect("the database can be read");
            let select = sql!("SELECT version, amount, currency FROM opportunity WHERE id = $1", id);
            session.one(select).await.expect("the deal is there")
        };
        let save = async |editor: usize, id: Uuid, version: &str, amount: &str, currency: &str, step: &str| {
            let fields = [
                ("version", version),
                ("amount", amount),
                ("currency", currency),
                ("next_step", step),
                ("name", "Rollout"),
            ];
            app.post_form(&company.editors[editor], &format!("/opportunities/{id}"), &fields).await
        };
        // The finding: the same decimals, so that only the currency has an event.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "1000.00", "EUR", "").await.status, 303);
        let ben = save(1, id, "1", "2,000", "USD", "").await;
        assert_eq!((ben.status.as_u16(), stands(id).await), (409, (2, 100_000, "EUR".into())), "{}", ben.body);
        for shown in ["USD 1000.00", "USD 2000.00", "EUR 1000.00"] {
            assert!(ben.has(shown), "{shown}: {}", ben.body);
        }
        // One person's amount in the other's currency is nobody's: it is asked again.
        let mixed = save(1, id, &ben.version(), "USD 2000.00", "EUR", "").await;
        assert_eq!((mixed.status.as_u16(), stands(id).await), (422, (2, 100_000, "EUR".into())));
        assert!(mixed.has("names a currency other than EUR"), "{}", mixed.body);
        assert_eq!(save(1, id, &ben.version(), "USD 2000.00", "USD", "").await.status, 303);
        assert_eq!(stands(id).await, (3, 200_000, "USD".into()));

        // Whoever leaves both as they found them changes neither, whatever decimals there are.
        for currency in ["EUR", "JPY"] {
            let id = deal().await;
            assert_eq!(save(0, id, "1", "1000.00", currency, "").await.status, 303);
            let euros = stands(id).await;
            assert_eq!(save(1, id, "1", "1000.00", "USD", "Call back").await.status, 303);
            assert_eq!(stands(id).await, (3, euros.1, currency.into()));
            let ben = save(1, id, "1", "2000.00", "USD", "").await;
            assert_eq!((ben.status.as_u16(), stands(id).await.1), (409, euros.1), "{}", ben.body);
            let theirs = if currency == "EUR" { "EUR 1000.00" } else { "JPY 1000" };
            assert!(ben.has("USD 1000.00") && ben.has("USD 2000.00") && ben.has(theirs), "{}", ben.body);
        }
        // Two people who want the same are no conflict; who wants the number in another currency is.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "2000.00", "EUR", "").await.status, 303);
        assert_eq!(save(1, id, "1", "2000.00", "EUR", "").await.status, 303);
        assert_eq!(stands(id).await, (2, 200_000, "EUR".into()));
        assert_eq!(save(1, id, "1", "2000.00", "USD", "").await.status, 409);
        // Who only wants the currency that stands wants nothing of the amount.
        let only = [("version", "1"), ("currency", "EUR")];
        let only = app.post_form(&company.editors[1], &format!("/opportunities/{id}"), &only).await;
        assert_eq!((only.status.as_u16(), stands(id).await), (303, (2, 200_000, "EUR".into())), "{}", only.body);

        // A line typed in dollars is no line of a deal in euros.
        let id = deal().await;
        assert_eq!(save(0, id, "1", "1000.00", "EUR", "").await.status, 303);
        let product = company.targets["product"][0].to_string();
        let line = [("version", "1"), ("product", product.as_str()), ("quantity", "2"), ("unit_price", "900")];
        let line = app.post_form(&company.editors[1], &format!("/opportunities/{id}/items"), &line).await;
        assert_eq!((line.status.as_u16(), stands(id).await), (409, (2, 100_000, "EUR".into())), "{}", line.body);
        let lines = sql!("SELECT COUNT(*) FROM line_item WHERE opportunity_id = $1", id);
        assert_eq!(app.value::<i64>(lines).await, Some(0));
    });
}

#[test]
fn a_deal_is_moved_by_one_and_evidence_is_not_written_over() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let deal = company.make(app, "opportunity", &[]).await;
        let path = format!("/opportunities/{deal}/stage");
        let (engaging, proposal) = (app.stage("Engaging").await.to_string(), app.stage("Proposal").await.to_string());
        let fields = |stage| [("version", "1"), ("stage", stage), ("reason", "because")];
        let ana = app.post_form(&company.editors[0], &path, &fields(engaging.as_str())).await;
        assert_eq!(ana.status, 303, "{}", ana.body);
        let ben = app.post_form(&company.editors[1], &path, &fields(proposal.as_str())).await;
        assert_eq!(ben.status, 409, "{}", ben.body);
        let stands: Option<Uuid> = app.value(sql!("SELECT stage_id FROM opportunity WHERE id = $1", deal)).await;
        assert_eq!(stands.map(|id| id.to_string()), Some(engaging));

        let config = app.config(0).await.expect("settings");
        let criteria = config.pipelines[0].stages.iter().flat_map(|stage| &stage.criteria);
        let criterion = criteria.into_iter().find(|one| one.field.is_none()).expect("a criterion that takes a note").id;
        let path = format!("/opportunities/{deal}/evidence/{criterion}");
        let form = async |editor: usize| app.get(&company.editors[editor], &path).await.version();
        let seen = form(0).await;
        let ana = app.post_form(&company.editors[0], &path, &[("note", "They wrote so"), ("version", &seen)]).await;
        assert_eq!(ana.status, 303, "{}", ana.body);
        let ben = app.post_form(&company.editors[1], &path, &[("note", "They said so"), ("version", &seen)]).await;
        assert_eq!(ben.status, 409);
        assert!(ben.has("They wrote so") && ben.has("They said so"), "{}", ben.body);
        let again = [("note", "They said so"), ("version", &ben.version())];
        let again = app.post_form(&company.editors[1], &path, &again).await;
        assert_eq!(again.status, 303, "{}", again.body);

        // A move writes over a note as little: who gives another one is told of it first.
        let noted = async || {
            let note =
                sql!("SELECT note FROM evidence WHERE opportunity_id = $1 AND criterion_id = $2", deal, criterion);
            app.value::<String>(note).await.expect("a note")
        };
        let (key, path) = (format!("evidence.{criterion}"), format!("/opportunities/{deal}/stage"));
        let body = json!({ "stage": proposal, "reason": "because", "evidence": { criterion.to_string(): "By mail" } });
        let (token, api) = (&company.tokens[0], format!("/api{path}"));
        let refused = app.api(token, Method::POST, &api, &[("if-match", "*")], Some(&body)).await;
        assert_eq!(refused.status, 409, "{}", refused.body);
        let error = &refused.json()["errors"][0];
        assert_eq!((&error["field"], &error["theirs"]), (&json!(key), &json!("They said so")));
        let wish = [("stage", proposal.as_str()), ("reason", "because"), ("asked", "1"), (&key, "By mail")];
        let refused = app.post_form(&company.editors[0], &path, &wish).await;
        assert_eq!((refused.status.as_u16(), noted().await.as_str()), (409, "They said so"));
        assert!(refused.has("They said so") && refused.has("By mail"), "{}", refused.body);
        let (replaced, rest) = (format!("replaced.{criterion}"), refused.body.split_once("name=\"replaced."));
        let version = rest.and_then(|(_, rest)| rest.split('"').nth(2)).expect("the version of the note");
        let again = [&wish[..], &[(replaced.as_str(), version)]].concat();
        let again = app.post_form(&company.editors[0], &path, &again).await;
        assert_eq!((again.status.as_u16(), noted().await.as_str()), (303, "By mail"), "{}", again.body);
    });
}

/// A place in which something hangs on a record, once for each of what it is about.
struct Place {
    api: String,
    /// The page with the form, and where that is sent.
    form: String,
    post: String,
    /// What the form says beside the value.
    about: Option<(&'static str, String)>,
    key: &'static str,
    values: [&'static str; 2],
}

async fn places(app: &TestApp, company: &Company) -> Vec<Place> {
    let deal = company.make(app, "opportunity", &[]).await;
    let account = company.make(app, "account", &[]).await;
    let (contact, person) = (company.targets["contact"][0], company.targets["person"][2]);
    let config = app.config(0).await.expect("settings");
    let criteria = config.pipelines[0].stages.iter().flat_map(|stage| &stage.criteria);
    let criterion = criteria.into_iter().find(|one| one.field.is_none()).expect("a criterion that takes a note").id;
    let note = format!("/opportunities/{deal}/evidence/{criterion}");
    let among = |at: String, of: &'static str, id: Uuid, key, values| Place {
        api: format!("/api{at}/{id}"),
        form: format!("{at}/new?{of}={id}"),
        post: at,
        about: Some((of, id.to_string())),
        key,
        values,
    };
    vec![
        among(format!("/opportunities/{deal}/committee"), "contact", contact, "buying_role", ["champion", "blocker"]),
        among(format!("/accounts/{account}/team"), "person", person, "duty", ["Service", "Pre-sales"]),
        among(format!("/accounts/{account}/shares"), "person", person, "may_write", ["true", "false"]),
        among(format!("/opportunities/{deal}/shares"), "person", person, "may_write", ["true", "false"]),
        Place {
            api: format!("/api{note}"),
            form: note.clone(),
            post: note,
            about: None,
            key: "note",
            values: ["They wrote so", "They said so"],
        },
    ]
}

#[test]
fn what_hangs_on_a_record_is_not_written_over_unseen() {
    on_both(async |app| {
        let company = Company::new(app).await;
        for Place { api, form, post, about, key, values: [one, other] } in places(app, &company).await {
            let put = async |editor: usize, headers: &[(&str, &str)], value: &str| {
                let value = if key == "may_write" { json!(value == "true") } else { json!(value) };
                app.api(&company.tokens[editor], Method::PUT, &api, headers, Some(&json!({ key: value }))).await
            };
            let tag = |answer: &Answer| answer.header("etag").expect("an ETag").to_owned();
            let save = async |editor: usize, version: &str, value: &str| {
                let mut fields = vec![("version", version), (key, value)];
                fields.extend(about.iter().map(|(of, id)| (*of, id.as_str())));
                app.post_form(&company.editors[editor], &post, &fields).await
            };
            // Both have seen that there is nothing.
            let empty = app.get(&company.editors[0], &form).await.version();
            assert_eq!(empty, "", "{api}");
            let made = put(0, &[("if-none-match", "*")], one).await;
            assert_eq!(made.status, 200, "{api}: {}", made.body);
            assert_eq!(put(1, &[], other).await.status, 428, "{api}");
            assert_eq!(put(1, &[("if-none-match", "*")], other).await.status, 412, "{api}");
            assert_eq!(save(1, &empty, other).await.status, 409, "{api}");
            // What stands already is no change of anybody's.
            assert_eq!(tag(&put(1, &[], one).await), tag(&made), "{api}");
            // Both have the same before them.
            let (seen, first) = (app.get(&company.editors[0], &form).await.version(), tag(&made));
            let changed = put(1, &[("if-match", &first)], other).await;
            assert_eq!(changed.status, 200, "{api}: {}", changed.body);
            assert_eq!(put(0, &[("if-match", &first)], one).await.status, 412, "{api}");
            let told = save(0, &seen, one).await;
            assert_eq!(told.status, 409, "{api}: {}", told.body);
            assert_eq!(tag(&put(1, &[], other).await), tag(&changed), "{api}: it stands");
            // Sent back for something else, a form is as old as it was.
            if let (Some((of, id)), false) = (&about, key == "may_write") {
                let long = "x".repeat(99);
                let fields = [("version", seen.as_str()), (key, long.as_str()), (*of, id.as_str())];
                let back = app.post_form(&company.editors[0], &post, &fields).await;
                assert_eq!((back.status.as_u16(), back.version()), (422, seen.clone()), "{api}: {}", back.body);
            }
            // Who was told replaces what they were told of.
            let replaced = save(0, &told.version(), one).await;
            assert_eq!(replaced.status, 303, "{api}: {}", replaced.body);
            let last = tag(&put(0, &[], one).await);
            let take = async |tag: &str| {
                app.api(&company.tokens[1], Method::DELETE, &api, &[("if-match", tag)], None).await.status.as_u16()
            };
            assert_eq!([take(&first).await, take(&last).await, take("*").await], [412, 204, 404], "{api}");
            assert_eq!(put(1, &[("if-match", &last)], other).await.status, 412, "{api}: it is gone");
            // What hangs there anew is something else, and who had the form of the one before them is told.
            app.clock.advance(1);
            let anew = put(0, &[], one).await;
            assert_eq!(anew.status, 200, "{api}: {}", anew.body);
            for stale in [&first, &last] {
                assert_eq!(put(1, &[("if-match", stale)], other).await.status, 412, "{api}");
            }
            assert_eq!(save(1, &seen, other).await.status, 409, "{api}");
        }
    });
}
