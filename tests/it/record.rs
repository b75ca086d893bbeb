//! The record engine: whatever a list can ask for runs on both engines, and paging shows every row once.

use std::collections::{BTreeMap, BTreeSet};

use store::{Engine, Uuid};
use testkit::{Person, Role, TestApp, on, on_both};
use trivet::shell::record::filter::{Filter, Op, SPANS};
use trivet::shell::record::query::{self, Cursor, ListQuery, Portion, Question};
use trivet::shell::record::{Field, Kind, Object};
use trivet::shell::viewer::Viewer;

/// One person per role, a small team, and a few records of every kind.
struct World {
    people: BTreeMap<Role, Person>,
    seller: Person,
    account: Uuid,
}

async fn world(app: &TestApp) -> World {
    let mut people = BTreeMap::new();
    for role in Role::ALL {
        people.insert(role, app.person(&format!("Role {}", role.key())).role(role).create().await);
    }
    let seller = app.person("林燕").manager(&people[&Role::Manager]).create().await;
    let mut account = None;
    for (index, name) in ["上海云帆科技有限公司", "Acme Corporation", "Émile & Söhne"].into_iter().enumerate()
    {
        let employees = (index * 10).to_string();
        let fields = [("name", name), ("employees", &employees), ("phone", "+86 138-0013-8000"), ("city", "Shanghai")];
        let id = app.create("account", &seller, &fields).await;
        let fields = [
            ("name", "王芳"),
            ("account", &id.to_string()),
            ("mobile", "13912345678"),
            ("email", "purchasing@yunhai.example"),
        ];
        let contact = app.create("contact", &seller, &fields).await.to_string();
        let deal = app.opportunity(&seller, &format!("{name} CRM"), id).await.to_string();
        let lead = app.create("lead", &seller, &[("name", "Zhao Lei"), ("company", name)]).await.to_string();
        let both = [("opportunity", deal.as_str()), ("contact", contact.as_str())];
        app.create("activity", &seller, &[&[("kind", "call"), ("subject", "First call")][..], &both].concat()).await;
        app.create("activity", &seller, &[("kind", "note"), ("subject", "Note"), ("lead", &lead)]).await;
        app.create("task", &seller, &[&[("subject", "Call back"), ("due_date", "2026-11-25")][..], &both].concat())
            .await;
        account = Some(id);
    }
    for code in ["A-1", "B-2", "C-3"] {
        let fields = [("name", "Analyser"), ("code", code), ("list_price", "1234.50")];
        app.create("product", &people[&Role::Partner], &fields).await;
    }
    World { people, seller, account: account.expect("three accounts were made") }
}

fn plain_list(object: &'static Object, viewer: &Viewer) -> ListQuery {
    ListQuery {
        fields: viewer.projection(object).filter(|field| !field.is_virtual()).collect(),
        filters: Vec::new(),
        words: None,
        sort: sorts(object, viewer)[0],
        descending: false,
        after: None,
        limit: 2,
        trash: false,
    }
}

fn sorts(object: &'static Object, viewer: &Viewer) -> Vec<&'static Field> {
    viewer.projection(object).filter(|field| field.sort_column.is_some()).collect()
}

/// A filter text per operator, span and special value that a field offers.
pub fn filter_texts(field: &Field, some_id: &str) -> Vec<String> {
    let value = match field.kind {
        Kind::Text { .. } | Kind::LongText | Kind::Email | Kind::Phone | Kind::CreditCode => "a".to_owned(),
        Kind::Url => "https://example.com".to_owned(),
        Kind::Integer { min, .. } => min.max(1).to_string(),
        Kind::Percent => "10".to_owned(),
        Kind::Money | Kind::BaseMoney => "1234.50".to_owned(),
        Kind::Currency => "CNY".to_owned(),
        Kind::Date | Kind::Instant => "2026-11-24".to_owned(),
        Kind::Bool => "true".to_owned(),
        Kind::Choice(choices) => format!("{}|{}", choices[0], choices[1]),
        Kind::Ref(_) => some_id.to_owned(),
    };
    let value = match field.kind {
        Kind::Email => "wang.fang@example.com".to_owned(),
        Kind::Phone => "13912345678".to_owned(),
        Kind::CreditCode => "91350100M000100Y43".to_owned(),
        _ => value,
    };
    let mut texts = Vec::new();
    for op in Op::for_field(field) {
        match op {
            Op::Empty | Op::Filled => texts.push(format!("{}:{}:", field.key, op.key())),
            Op::Within => texts.extend(SPANS.iter().map(|span| format!("{}:within:{span}", field.key))),
            Op::Is | Op::IsNot if field.kind == Kind::Ref("person") => {
                texts.push(format!("{}:{}:me|team|{value}", field.key, op.key()));
            }
            _ => texts.push(format!("{}:{}:{value}", field.key, op.key())),
        }
    }
    texts
}

/// Runs a list to its end; returns the ids in order.
async fn walk(app: &TestApp, viewer: &Viewer, object: &'static Object, mut query: ListQuery) -> Vec<Uuid> {
    let today = viewer.config.today(app.clock.now());
    let mut found = Vec::new();
    loop {
        let mut session = app.db.read().await.expect("the database can be read");
        let asked = format!("{} {:?} by {} {}", object.name, query.filters, query.sort.key, query.descending);
        let question = Question { viewer, object, query: &query, today };
        let page = question.page(&mut session).await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        assert!(page.rows.len() as i64 <= query.limit);
        found.extend(page.rows.iter().map(|row| row.id));
        let Some(next) = page.next else { return found };
        // As it goes through the address bar.
        query.after =
            Some(Cursor::parse(query.sort, &next.to_text()).unwrap_or_else(|error| panic!("{asked}: {error:?}")));
        assert!(found.len() < 10_000, "{asked}: the pages never end");
    }
}

// Thousands of lists: the engines go side by side.
#[test]
fn every_list_that_can_be_asked_for_runs_on_sqlite() {
    on(Engine::Sqlite, every_list_runs);
}

#[test]
fn every_list_that_can_be_asked_for_runs_on_postgres() {
    on(Engine::Postgres, every_list_runs);
}

async fn every_list_runs(app: &TestApp) {
    let world = world(app).await;
    let id = world.account.to_string();
    let mut ran = 0;
    let people = world.people.iter().map(|(role, person)| (Some(*role), person)).chain([(None, &world.seller)]);
    for (turn, (role, person)) in people.enumerate() {
        let viewer = app.viewer(person).await;
        for object in app.registry.objects {
            let sorts = sorts(object, &viewer);
            let texts: Vec<String> = viewer
                .projection(object)
                .filter(|field| field.filtered)
                .flat_map(|field| filter_texts(field, &id))
                .chain([String::new()])
                .collect();
            for (index, text) in texts.iter().enumerate() {
                for (place, sort) in sorts.iter().enumerate() {
                    // Everything with everything for the seller, who has the widest predicates; the other roles take turns.
                    if role.is_some() && !(index + place + turn).is_multiple_of(sorts.len()) {
                        continue;
                    }
                    // PostgreSQL plans each list anew, which takes minutes: there the directions take turns.
                    let both = [false, true];
                    let directions = match app.db.engine() {
                        Engine::Sqlite => &both[..],
                        Engine::Postgres => &both[(index + place / 2 + turn) % 2..][..1],
                    };
                    for &descending in directions {
                        let mut query = ListQuery { sort, descending, ..plain_list(object, &viewer) };
                        if !text.is_empty() {
                            query.filters = vec![
                                Filter::parse(object, &viewer, text)
                                    .unwrap_or_else(|error| panic!("{text}: {error:?}")),
                            ];
                        }
                        walk(app, &viewer, object, query).await;
                        ran += 1;
                    }
                }
            }
        }
    }
    eprintln!("{ran} lists");
}

#[test]
fn counts_ids_exports_and_the_trash_agree_with_the_list() {
    on_both(async |app| {
        let world = world(app).await;
        for person in world.people.values().chain([&world.seller]) {
            let viewer = app.viewer(person).await;
            let today = viewer.config.today(app.clock.now());
            for object in app.registry.objects {
                for words in [None, Some("云帆"), Some("wang"), Some("13912345678"), Some("a_%\\")] {
                    let query = ListQuery { words: words.map(str::to_owned), ..plain_list(object, &viewer) };
                    let listed = walk(app, &viewer, object, query.clone()).await;
                    let question = Question { viewer: &viewer, object, query: &query, today };
                    let session = &mut app.db.read().await.expect("the database can be read");
                    let counted = question.count(session, 1000).await.expect("a count");
                    assert_eq!(counted, listed.len() as i64, "{} {words:?}", object.name);
                    let ids = question.ids(session, Portion::first(1000)).await.expect("ids");
                    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), listed.iter().copied().collect());
                    let exported = question.everything(session, &[]).await.expect("an export");
                    assert_eq!(exported, listed, "{} {words:?}", object.name);
                    let rows = query::rows_of(session, &viewer, object, &query, &listed).await;
                    let rows = rows.expect("rows of an export");
                    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), listed, "{}", object.name);
                    for id in listed {
                        query::find(session, &viewer, object, id).await.expect("what is listed can be opened");
                    }
                }
                let trash = ListQuery { trash: true, ..plain_list(object, &viewer) };
                assert!(walk(app, &viewer, object, trash).await.is_empty());
            }
        }
    });
}

#[test]
fn pages_show_every_row_exactly_once_with_empty_and_equal_values() {
    on_both(async |app| {
        let partner = app.person("Partner").role(Role::Partner).create().await;
        let mut dice = 7u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let names = ["云帆", "yunfan", "Acme", "acme", "ACME", "Émile", "emile", "Zhōu", "a b", "a-b", "北京"];
        for _ in 0..40 {
            let mut fields = vec![("name", names[roll(names.len() as u64) as usize].to_owned())];
            if roll(3) > 0 {
                fields.push(("employees", roll(4).to_string()));
            }
            if roll(2) > 0 {
                fields.push(("annual_revenue", (roll(3) * 1000).to_string()));
            }
            let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
            app.create("account", &partner, &fields).await;
            let day = format!("2026-12-{:02}", 1 + roll(4));
            let amount = (roll(3) * 500).to_string();
            let mut fields = vec![("name", "Deal"), ("amount", amount.as_str()), ("close_date", day.as_str())];
            if roll(2) > 0 {
                fields.push(("next_step_date", &day));
            }
            app.create("opportunity", &partner, &fields).await;
            let subject = [("subject", "Task"), ("due_date", day.as_str())];
            app.create("task", &partner, &subject[..1 + roll(2) as usize]).await;
        }
        let viewer = app.viewer(&partner).await;
        for name in ["account", "opportunity", "task"] {
            let object = app.object(name);
            for sort in sorts(object, &viewer) {
                for descending in [false, true] {
                    let mut reference = None;
                    for limit in [100, 1, 2, 3, 7] {
                        let query = ListQuery { sort, descending, limit, ..plain_list(object, &viewer) };
                        let ids = walk(app, &viewer, object, query).await;
                        let once: BTreeSet<Uuid> = ids.iter().copied().collect();
                        assert_eq!(
                            (ids.len(), once.len()),
                            (40, 40),
                            "{name} by {} {descending} in pages of {limit}",
                            sort.key
                        );
                        let whole = reference.get_or_insert_with(|| ids.clone());
                        assert_eq!(*whole, ids, "{name} by {} {descending} in pages of {limit}", sort.key);
                    }
                }
            }
        }
    });
}

#[test]
fn both_engines_sort_names_alike() {
    let orders = std::sync::Mutex::new(Vec::new());
    on_both(async |app| {
        let partner = app.person("Partner").role(Role::Partner).create().await;
        for name in ["北京", "上海", "Acme", "acme b", "Émile", "_x", "Zeta", "zebra", "云帆", "a-b", "a b", "ab"]
        {
            app.account(&partner, name).await;
        }
        let viewer = app.viewer(&partner).await;
        let object = app.object("account");
        let ids = walk(app, &viewer, object, plain_list(object, &viewer)).await;
        let mut names: Vec<String> = Vec::new();
        for id in ids {
            names
                .push(app.value(store::sql!("SELECT name FROM account WHERE id = $1", id)).await.expect("it is there"));
        }
        orders.lock().expect("no panic").push(names);
    });
    let orders = orders.into_inner().expect("no panic");
    assert_eq!(orders[0], orders[1]);
    let place = |name: &str| orders[0].iter().position(|found| found == name).expect("it is there");
    assert!(place("北京") < place("上海") && place("上海") < place("云帆") && place("云帆") < place("zebra"));
}

#[test]
fn text_filters_ignore_case_in_every_script() {
    on_both(async |app| {
        let partner = app.person("Partner").role(Role::Partner).create().await;
        let emile = app.create("account", &partner, &[("name", "Émile Ünal"), ("city", "ŁÓDŹ")]).await;
        app.account(&partner, "100% Müller_x").await;
        let viewer = app.viewer(&partner).await;
        let object = app.object("account");
        let ask = async |text: &str| {
            let filters = vec![Filter::parse(object, &viewer, text).expect("the filter is good")];
            walk(app, &viewer, object, ListQuery { filters, ..plain_list(object, &viewer) }).await
        };
        for text in ["name:has:émile", "name:has:ÉMILE", "name:has:ünal", "city:has:łódź", "city:has:Łódź"] {
            assert_eq!(ask(text).await, [emile], "{text}");
        }
        assert_eq!(ask("name:has:%").await.len(), 1);
        assert_eq!(ask("name:has:_").await.len(), 1);
        assert_eq!(ask("name:has:\\").await.len(), 0);
    });
}

#[test]
fn search_finds_by_pair_sound_initials_and_prefix_and_phones_only_where_they_may_be_seen() {
    on_both(async |app| {
        let world = world(app).await;
        let ask = async |person: &Person, kind: &str, words: &str| {
            let viewer = app.viewer(person).await;
            let object = app.object(kind);
            walk(app, &viewer, object, ListQuery { words: Some(words.into()), ..plain_list(object, &viewer) })
                .await
                .len()
        };
        let partner = &world.people[&Role::Partner];
        for words in
            ["云帆", "云帆科技", "上海云帆科技有限公司", "yunfan", "yunfankeji", "yfkj", "YFKJ", "shyf", "海云"]
        {
            assert_eq!(ask(partner, "account", words).await, 1, "{words}");
        }
        for words in ["acme", "ACM", "corp", "acme corp", "emile", "émile", "Söhne", "sohne"] {
            assert_eq!(ask(partner, "account", words).await, 1, "{words}");
        }
        for words in ["帆云", "云帆公司", "cme", "acme x"] {
            assert_eq!(ask(partner, "account", words).await, 0, "{words}");
        }
        // The liaison does not see how contacts are reached.
        let liaison = &world.people[&Role::Liaison];
        for words in ["5678", "13912345678", "purchasing@yunhai.example", "purchasing@"] {
            assert_eq!(ask(partner, "contact", words).await, 3, "{words}");
            assert_eq!(ask(&world.seller, "contact", words).await, 3, "{words}");
            assert_eq!(ask(liaison, "contact", words).await, 0, "{words}");
        }
        for words in ["王芳", "wangfang", "wf"] {
            assert_eq!(ask(liaison, "contact", words).await, 3, "{words}");
        }
        // What is not theirs is not found.
        assert_eq!(ask(&world.people[&Role::Seller], "contact", "王芳").await, 0);
        assert_eq!(ask(&world.people[&Role::Manager], "contact", "王芳").await, 3);
        // Hostile words are words.
        for words in ["\"", "'", "云\" OR \"帆", "a* OR b", "NEAR(", "-", "()", "a:b", ":*", "& | !", "{open} : x"] {
            ask(partner, "account", words).await;
            ask(partner, "task", words).await;
        }
        // A renamed record is found by its new name only; one in the trash not at all.
        app.try_update("account", partner, world.account, None, &[("name", "Neue Firma")])
            .await
            .expect("it is changed");
        assert_eq!(ask(partner, "account", "emile").await, 0);
        assert_eq!(ask(partner, "account", "neue").await, 1);
    });
}

#[test]
fn what_a_product_costs_is_told_to_the_last_digit() {
    on_both(async |app| {
        let pat = app.person("Pat Orr").role(Role::Partner).create().await;
        let fields = [("name", "Cabinet"), ("code", "C-500"), ("list_price", "26768.50"), ("currency", "USD")];
        let product = app.create("product", &pat, &fields).await;
        let list = app.get(&pat, "/products").await;
        assert!(list.has("$26,768.50") && !list.has("$26.8K"), "{}", list.body);
        let page = app.get(&pat, &format!("/products/{product}?tab=related")).await;
        assert!(page.has("<dd>$26,768.50</dd>") && page.has("Not on any price list"), "{}", page.body);
    });
}

#[test]
fn the_form_of_a_task_says_how_urgent_it_becomes() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        let form = app.get(&lin, "/tasks/new").await;
        assert!(form.has("value=\"normal\" selected"), "{}", form.body);
        let form = app.get(&lin, "/tasks/new?priority=high").await;
        assert!(form.has("value=\"high\" selected") && !form.has("value=\"normal\" selected"), "{}", form.body);
    });
}

#[test]
fn a_name_or_address_too_long_for_its_column_is_whole_in_its_title() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").create().await;
        let (long, short) = ("Harbour".repeat(20), "Harbour");
        let account = app.create("account", &lin, &[("name", long.as_str())]).await.to_string();
        app.create("contact", &lin, &[("name", "Wang Fang"), ("account", account.as_str())]).await;
        let (far, near) = (format!("{long}.example"), "harbour.example");
        for (name, website) in [(short, near), ("Quay", far.as_str())] {
            let website = format!("https://{website}");
            app.create("account", &lin, &[("name", name), ("website", website.as_str())]).await;
        }
        let page = app.get(&lin, "/accounts?view=none&cols=name,website").await;
        assert!(page.has(&format!("title=\"{far}\"")) && !page.has(&format!("title=\"{near}\"")), "{}", page.body);
        for path in ["/accounts?view=none&cols=name", "/contacts?view=none&cols=name,account"] {
            let page = app.get(&lin, path).await;
            assert!(page.has(&format!("title=\"{long}\"")), "{path}: {}", page.body);
            assert!(!page.has(&format!("title=\"{short}\"")), "{path}: {}", page.body);
        }
    });
}
