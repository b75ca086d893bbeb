//! Q31: nobody's change is overwritten unseen. Two people have the same version before them and change the same field: the
//! first change stands, the second is told what stands there now (409). Different fields merge. Over the form, the cell, the API
//! and work on many; for every field that a form has, so that a new one is not forgotten; one after the other, and many at once.

mod amounts;
mod company;
mod hung;

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::json;
use store::{Uuid, sql};
use testkit::{Engine, Person, TestApp, on, on_both};
use trivet::shell::record::{Field, Kind, Object, Write};

use self::company::{Company, Door, FIELDS, doors, flash, json_of, row, stands, succeeded};
use crate::permission::{number as number_of, world::Dice};

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

/// The page of a conflict sends again what the person changed, and nothing of what their form only showed.
#[test]
fn who_settles_a_conflict_writes_over_nothing_that_they_left_as_it_was() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let [ana, ben, ..] = &company.editors[..] else { panic!("several people edit") };
        let id = company.make(app, "account", &[("name", "Harbour"), ("city", "Wuxi"), ("website", "")]).await;
        let save = async |who: &Person, version: &str, name: &str, city: &str, industry: &str| {
            let fields = [("version", version), ("name", name), ("city", city), ("industry", industry)];
            app.post_form(who, &format!("/accounts/{id}"), &fields).await
        };
        let stands = async || -> (i64, String, String, Option<String>) {
            let mut session = app.db.read().await.expect("the database can be read");
            let select = sql!("SELECT version, name, city, industry FROM account WHERE id = $1", id);
            session.one(select).await.expect("the account is there")
        };
        assert_eq!(save(ana, "1", "Harbour Glass", "Ningbo", "").await.status, 303);
        let page = save(ben, "1", "Harbour Optics", "Wuxi", "technology").await;
        assert_eq!(page.status, 409, "{}", page.body);
        // What the page holds, with Ben's name.
        let hidden = page.body.split("<input type=\"hidden\" name=\"").skip(1).filter_map(|input| {
            let (key, rest) = input.split_once('"')?;
            Some((key.to_owned(), rest.split_once("value=\"")?.1.split('"').next()?.to_owned()))
        });
        let mut fields: Vec<(String, String)> = hidden.collect();
        let keys: Vec<&str> = fields.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["version", "industry"], "{}", page.body);
        fields.push(("name".into(), "Harbour Optics".into()));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(app.post_form(ben, &format!("/accounts/{id}"), &fields).await.status, 303);
        assert_eq!(stands().await, (3, "Harbour Optics".into(), "Ningbo".into(), Some("technology".into())));
    });
}

#[test]
fn what_was_empty_before_a_conflict_is_told_as_such() {
    on_both(async |app| {
        let company = Company::new(app).await;
        let [ana, ben, ..] = &company.editors[..] else { panic!("several people edit") };
        let id = company.make(app, "account", &[("name", "Harbour"), ("city", ""), ("industry", "")]).await;
        let save = async |who: &Person, city: &str, industry: &str| {
            let fields = [("version", "1"), ("name", "Harbour"), ("city", city), ("industry", industry)];
            app.post_form(who, &format!("/accounts/{id}"), &fields).await
        };
        assert_eq!(save(ana, "Ningbo", "technology").await.status, 303);
        let page = save(ben, "Wuxi", "retail").await;
        assert_eq!((page.status.as_u16(), page.body.matches("Before: –").count()), (409, 2), "{}", page.body);
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
    let (version, cell) = stands(app, object, field, id).await;
    let text = cell.id().map(|id| id.to_string()).or(cell.text().map(str::to_owned));
    (version, text.unwrap_or_default())
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
