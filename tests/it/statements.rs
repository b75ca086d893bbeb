//! What a screen costs: statements per request, exact on any machine. A list asks at most 8, every other page at most 12, and
//! ten times the rows ask no more. Who sees a part keeps to the same bounds. The screens come from the router, so a new one is
//! counted too.

use std::collections::BTreeMap;

use axum::http::Method;
use store::{Uuid, sql};
use testkit::{Person, Role, TestApp, on_both};
use trivet::app::routes;
use trivet::shell::record::{Kind, command};
use trivet::shell::viewer::hash_token;

/// Screens that may ask for more, each with its bound and the reason.
const MORE: &[(&str, u64, &str)] = &[];

/// The list without a saved view, beside the one that opens with a view.
const PAGE_ONE: &str = " page 1";

/// How much the first of the three sees who are asked for.
const EVERYTHING: &str = "everything";

const LIST: u64 = 8;
const OTHER: u64 = 12;

/// Files that go out in portions: the longer, the more. The log is one file, for people and for programs.
const PORTIONS: &[&str] = &["/audit.csv", "/api/audit/export"];

/// Addresses that are no page of a person who is signed in.
const OTHERS: &[&str] = &["/assets/{file}", "/invitations/{token}", "/setup", "/sign-in", "/api/openapi.json"];

#[test]
fn every_screen_asks_little_and_no_more_of_ten_times_the_rows() {
    on_both(async |app| {
        app.limits.set_api_per_minute(1_000_000);
        let all = Role::ALL.into_iter().filter(|role| *role != Role::Liaison);
        let boss = all.fold(app.person("Boss"), testkit::PersonBuilder::role).create().await;
        let manager = app.person("Mei Zhang").role(Role::Manager).manager(&boss).create().await;
        let seller = app.person("Lin Yan").manager(&manager).create().await;
        let mut ids = fill(app, &seller, 60).await;
        save_views(app, &seller, &mut ids).await;
        let everybody = [(EVERYTHING, &boss), ("their team's", &manager), ("their own", &seller)];
        let few = counted_for(app, &everybody, &ids).await;
        fill(app, &seller, 540).await;
        // Exports are limited by the minute.
        app.clock.advance(60);
        let many = counted_for(app, &everybody, &ids).await;
        let mut wrong = Vec::new();
        for ((sees, path), count) in &few {
            let (bound, more) = (bound(path), many[&(*sees, path.clone())]);
            let in_portions = PORTIONS.contains(&path.as_str());
            if *count > bound || (more > bound && !in_portions) {
                wrong.push(format!("{path} for who sees {sees}: {count} or {more} statements, at most {bound}"));
            }
            // Who sees a part is shown few records in one way and many in another (`query::list`), within the bound.
            if *sees == EVERYTHING && more != *count && !in_portions {
                wrong.push(format!("{path}: {count} statements, and {more} with ten times the rows"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for (sees, at_least) in [(EVERYTHING, 200), ("their team's", 150), ("their own", 150)] {
            let screens = few.keys().filter(|(of, _)| *of == sees).count();
            assert!(screens > at_least, "only {screens} screens for who sees {sees}");
        }
        let dearest = few.iter().max_by_key(|(_, count)| **count).expect("there are screens");
        eprintln!("{} screens; the dearest: {dearest:?}", few.len());
    });
}

#[test]
fn who_comes_with_a_token_costs_no_more_than_who_is_signed_in() {
    on_both(async |app| {
        let lin = app.person("Lin Yan").role(Role::Seller).create().await;
        let token = app.api_token(&lin).await;
        token_is_noted(app, &token).await;
        nothing_is_kept(app).await;
        let by_token = app.api(&token, Method::GET, "/api/tasks", &[], None).await;
        nothing_is_kept(app).await;
        let by_session = app.get(&lin, "/api/tasks").await;
        assert_eq!((by_token.status.as_u16(), by_session.status.as_u16()), (200, 200), "{}", by_token.body);
        assert_eq!(by_token.statements, by_session.statements);
    });
}

fn bound(path: &str) -> u64 {
    let path = path.trim_end_matches(PAGE_ONE);
    let is_list = !path.contains('{')
        && !path.starts_with("/api")
        && trivet::tools::crm::REGISTRY.objects.iter().any(|object| path == format!("/{}", object.plural));
    let stated = MORE.iter().find(|(of, ..)| *of == path).map(|(_, bound, _)| *bound);
    stated.unwrap_or(if is_list { LIST } else { OTHER })
}

/// So many more records of every kind; returns one of each.
async fn fill(app: &TestApp, owner: &Person, count: usize) -> BTreeMap<&'static str, Uuid> {
    let maker = app.person(&format!("Maker of {count}")).role(Role::Partner).role(Role::Marketing).create().await;
    let mut first: BTreeMap<&'static str, Uuid> = BTreeMap::new();
    for name in ["product", "account", "contact", "lead", "opportunity", "activity", "task"] {
        let object = app.object(name);
        let actor = app.actor(&maker).await;
        let mut tx = app.db.write().await.expect("the database can be written");
        let mut drafts = Vec::new();
        for number in 0..count {
            let mut inputs: BTreeMap<String, String> =
                BTreeMap::from([(object.title.to_owned(), format!("Kite {number}"))]);
            let mut set = |key: &str, text: String| drop(inputs.insert(key.to_owned(), text));
            if object.field("owner").is_some() {
                set("owner", owner.id.to_string());
            }
            match name {
                "product" => {
                    set("code", format!("C{count}-{number}"));
                    set("list_price", "12".into());
                }
                "opportunity" => {
                    set("close_date", format!("2026-{:02}-{:02}", 1 + number % 12, 1 + number % 28));
                    set("amount", (1000 + number).to_string());
                    set("next_step", "Call".into());
                }
                "activity" => set("kind", "call".into()),
                "task" => set("due_date", format!("2026-11-{:02}", 1 + number % 30)),
                _ => {}
            }
            // Everything hangs on the first records, so that their pages have the most to show.
            for field in object
                .fields
                .iter()
                .filter(|field| !field.is_virtual() && field.write == trivet::shell::record::Write::Always)
            {
                let Kind::Ref(target) = field.kind else { continue };
                if let (Some(to), true) = (first.get(target), field.key != "lead" && field.key != "parent") {
                    set(field.key, to.to_string());
                }
            }
            let draft =
                command::read_inputs(object, &actor.viewer, &inputs, None, command::Source::Strict).expect("inputs");
            let draft = command::prepare_new(&mut tx, &actor, object, draft, &mut command::Known::default()).await;
            drafts.push(draft.unwrap_or_else(|error| panic!("{name} {inputs:?}: {error:?}")));
        }
        let ids = command::write_new(&mut tx, &actor, object, &drafts).await.expect("records can be made");
        tx.commit().await.expect("the database can be written");
        first.insert(name, ids[0]);
    }
    first.insert("person", owner.id);
    first
}

/// A view of every kind of record that everybody may use: under the plural of the kind.
async fn save_views(app: &TestApp, owner: &Person, ids: &mut BTreeMap<&'static str, Uuid>) {
    for object in trivet::tools::crm::REGISTRY.objects {
        let view = store::new_id(&app.clock);
        app.execute(sql!(
            "INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, $2, 'Ours', $3, 'all', '', '', $4, 0)",
            view,
            object.name,
            owner.id,
            false
        ))
        .await;
        ids.insert(object.plural, view);
    }
}

/// That a token was used is written down beside the first answer of a minute; it must not be counted with any screen.
async fn token_is_noted(app: &TestApp, token: &str) {
    let before = app.clock.now();
    let noted = "SELECT COUNT(*) FROM api_token WHERE token_hash = $1 AND used_at >= $2";
    app.api(token, Method::GET, "/api/tasks", &[], None).await;
    for _ in 0..500 {
        if app.value::<i64>(sql!(noted, hash_token(token), before)).await == Some(1) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the use of the token was not noted");
}

/// Counts are kept for as long as nothing is written, on PostgreSQL by any test of the same server: whether one still holds is a
/// matter of time. After a write none does, and every screen shows what it costs at the most.
async fn nothing_is_kept(app: &TestApp) {
    let mut tx = app.db.write().await.expect("the database can be written");
    tx.execute(sql!("UPDATE api_token SET used_at = used_at")).await.expect("tokens can be written");
    tx.commit().await.expect("the database can be written");
}

/// By how much somebody sees, and by screen.
type Counts = BTreeMap<(&'static str, String), u64>;

async fn counted_for(
    app: &TestApp,
    everybody: &[(&'static str, &Person)],
    ids: &BTreeMap<&'static str, Uuid>,
) -> Counts {
    let mut all = Counts::new();
    for (sees, person) in everybody {
        let of_one = counted(app, person, *sees == EVERYTHING, ids).await;
        all.extend(of_one.into_iter().map(|(path, count)| ((*sees, path), count)));
    }
    all
}

/// Every page and answer that can be read, with what it asked of the database. Who sees everything is refused nothing.
async fn counted(
    app: &TestApp,
    person: &Person,
    sees_all: bool,
    ids: &BTreeMap<&'static str, Uuid>,
) -> BTreeMap<String, u64> {
    let token = &app.api_token(person).await;
    token_is_noted(app, token).await;
    let mut counts = BTreeMap::new();
    for route in routes().infos.iter().filter(|route| route.method == Method::GET) {
        if OTHERS.contains(&route.path.as_str()) {
            continue;
        }
        let Some(path) = with_ids(app, &route.path, ids) else { continue };
        let mut variants = vec![(route.path.clone(), path.clone())];
        if route.path.ends_with("/{id}") && !path.starts_with("/api") {
            variants.extend(
                ["details", "related"].map(|tab| (format!("{}?tab={tab}", route.path), format!("{path}?tab={tab}"))),
            );
        }
        if path == "/search" || path == "/palette" {
            variants.push((format!("{path}?q"), format!("{path}?q=kite")));
        }
        if route.path.starts_with("/{") || app.registry.by_plural(path.trim_start_matches('/')).is_ok() {
            variants.push((format!("{path}{PAGE_ONE}"), format!("{path}?view=none")));
        }
        for (name, path) in variants {
            nothing_is_kept(app).await;
            let answer = if path.starts_with("/api") {
                app.api(token, Method::GET, &path, &[], None).await
            } else {
                app.get(person, &path).await
            };
            // A fragment that asks for a choice, and what is closed to who sees a part.
            let is_refused = !sees_all && [403, 404].contains(&answer.status.as_u16());
            if answer.status == 200 {
                counts.insert(name, answer.statements);
            } else {
                assert!(is_refused, "{path} for {}: {}", person.name, answer.status);
            }
        }
    }
    counts
}

/// The path with the ids that it asks for; `None`: this house has none.
fn with_ids(app: &TestApp, path: &str, ids: &BTreeMap<&'static str, Uuid>) -> Option<String> {
    let kind = path.trim_start_matches("/api").split('/').nth(1).and_then(|plural| app.registry.by_plural(plural).ok());
    let mut filled = path.to_owned();
    if path.contains("/views/{id}") {
        filled = filled.replace("{id}", &ids[kind.map_or("accounts", |object| object.plural)].to_string());
    }
    if let (Some(object), true) = (kind, filled.contains("{id}")) {
        filled = filled.replace("{id}", &ids[object.name].to_string());
        filled = filled
            .replace("{field}", object.fields.iter().find(|field| field.key == object.title).map_or("", |f| f.key));
    }
    if let (Some(object), true) = (kind, path.ends_with("/filter/input")) {
        filled.push_str(&format!("?field={}", object.title));
    }
    filled = filled.replace("{object}", "opportunity").replace("{chapter}", "start");
    (!filled.contains('{')).then_some(filled)
}
