//! What a screen costs: statements per request, exact on any machine. A list asks at most 8, every other page at most 12, and
//! ten times the rows ask no more. Who sees a part keeps to the same bounds. The screens come from the router, filled as for Q15:
//! a new one is counted too, and one that nobody here can ask for fails.

use std::collections::BTreeMap;

use axum::http::Method;
use store::{Uuid, sql};
use testkit::{Answer, Person, Role, TestApp, on_both};
use trivet::shell::bulk::Work;
use trivet::shell::bulk_job::{self, Which, Wish};
use trivet::shell::record::{Kind, command};
use trivet::shell::viewer::hash_token;

use crate::permission::model::{Record, World};
use crate::permission::surfaces::{About, Surface, filled, missing};
use crate::permission::world::House;

/// Screens that may ask for more, each with its bound and the reason.
const MORE: &[(&str, u64, &str)] = &[(
    "/imports/{id}",
    16,
    "to be mapped, it tries the first rows: looks up what they name, kind by kind, and asks the rules of each row",
)];

/// Routes that are not asked: each with its reason.
const EXCEPTED: &[(&str, &str)] = &[
    ("/assets/{file}", "scripts and styles of the program"),
    ("/setup", "the house is set up"),
    ("/sign-in", "is for who is not signed in"),
    ("/invitations/{token}", "is for who is not signed in"),
    ("/api/openapi.json", "is made once, of the program alone"),
];

/// How much the first of the three sees who are asked for.
const EVERYTHING: &str = "everything";

const LIST: u64 = 8;
const OTHER: u64 = 12;

/// Files that go out in portions: the longer, the more. The log is one file, for people and for programs.
const PORTIONS: &[&str] = &["/audit.csv", "/api/audit/export"];

/// The list as it begins without a view.
const PAGE_ONE: &str = " page 1";

/// A search for words, and a list of what they and a filter find: in which way, goes by how much that is (`Question::page`).
const FOUND: &str = " found";

#[test]
fn every_screen_asks_little_and_no_more_of_ten_times_the_rows() {
    on_both(async |app| {
        app.limits.set_api_per_minute(1_000_000);
        let all = Role::ALL.into_iter().filter(|role| *role != Role::Liaison);
        let boss = all.fold(app.person("Boss"), testkit::PersonBuilder::role).create().await;
        let manager = app.person("Mei Zhang").role(Role::Manager).manager(&boss).create().await;
        let seller = app.person("Lin Yan").manager(&manager).create().await;
        let ids = fill(app, &seller, 60).await;
        let house = house(app, &boss, &seller, &ids).await;
        let everybody = [(EVERYTHING, &boss), ("their team's", &manager), ("their own", &seller)];
        let few = counted_for(app, &everybody, &house, 60).await;
        fill(app, &seller, 540).await;
        // Exports are limited by the minute.
        app.clock.advance(60);
        let many = counted_for(app, &everybody, &house, 600).await;
        let mut wrong = Vec::new();
        for ((sees, name), (route, count)) in &few {
            let (bound, (_, more)) = (bound(route), &many[&(*sees, name.clone())]);
            let in_portions = PORTIONS.contains(&route.as_str());
            if *count > bound || (*more > bound && !in_portions) {
                wrong.push(format!("{name} for who sees {sees}: {count} or {more} statements, at most {bound}"));
            }
            // Who sees a part is shown few records in one way and many in another (`Question::page`), within the bound.
            if *sees == EVERYTHING && more != count && !in_portions && !name.ends_with(FOUND) {
                wrong.push(format!("{name}: {count} statements, and {more} with ten times the rows"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for (sees, at_least) in [(EVERYTHING, 300), ("their team's", 220), ("their own", 220)] {
            let screens = few.keys().filter(|(of, _)| *of == sees).count();
            assert!(screens > at_least, "only {screens} screens for who sees {sees}");
        }
        let unasked = missing(&few.values().map(|(route, _)| route.clone()).collect(), EXCEPTED);
        assert!(unasked.is_empty(), "nobody was shown\n{}", unasked.join("\n"));
        let dearest = few.iter().max_by_key(|(_, (_, count))| *count).expect("there are screens");
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
        app.db.listen();
        let by_token = app.api(&token, Method::GET, "/api/tasks", &[], None).await;
        let heard: Vec<String> = app.db.listen().into_iter().map(|statement| statement.text).collect();
        nothing_is_kept(app).await;
        let by_session = app.get(&lin, "/api/tasks").await;
        assert_eq!((by_token.status.as_u16(), by_session.status.as_u16()), (200, 200), "{}", by_token.body);
        assert_eq!(by_token.statements, by_session.statements, "{heard:#?}");
    });
}

fn bound(route: &str) -> u64 {
    let is_list = trivet::tools::crm::REGISTRY.objects.iter().any(|object| route == format!("/{}", object.plural));
    let stated = MORE.iter().find(|(of, ..)| *of == route).map(|(_, bound, _)| *bound);
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
    first
}

/// What hangs on the first records, and what everybody may use: for the addresses that name it.
async fn house(app: &TestApp, boss: &Person, owner: &Person, first: &BTreeMap<&'static str, Uuid>) -> House {
    let (mut records, mut ids, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let criterion = app.criterion().await;
    for (object, id) in first.iter().map(|(object, id)| (*object, *id)) {
        let (at, kind) = (records.len(), app.object(object));
        let file = crate::files::added(app, boss, kind, id, "offer.txt", b"An offer").await;
        parts.push((at, "file", file.to_string()));
        if object == "opportunity" {
            let item = store::new_id(&app.clock);
            app.execute(sql!(
                "INSERT INTO line_item (id, version, opportunity_id, product_id, quantity, unit_price, discount, amount, position) VALUES ($1, 1, $2, $3, 1000, 1200, 0, 1200, 0)",
                item,
                id,
                first["product"]
            ))
            .await;
            parts.extend([(at, "item", item.to_string()), (at, "criterion", criterion.to_string())]);
        }
        records.push(Record { object, fields: vec![kind.title], ..Record::default() });
        ids.push(id);
    }
    let mut views = Vec::new();
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
        views.push((object.name, view));
    }
    let price_list = store::new_id(&app.clock);
    let list = "INSERT INTO price_list (id, version, name, currency) VALUES ($1, 1, 'Partners', 'CNY')";
    app.execute(sql!(list, price_list)).await;
    app.settings_changed().await;
    House {
        world: World { records, ..World::default() },
        people: vec![owner.clone()],
        tokens: Vec::new(),
        by_id: BTreeMap::new(),
        ids,
        parts,
        views,
        price_list,
    }
}

/// A screen to be counted: as the router has it, as it is told, and where it is.
struct Screen {
    route: String,
    name: String,
    path: String,
}

impl Screen {
    fn new(route: &str, more: &str, path: String) -> Screen {
        Screen { route: route.to_owned(), name: format!("{route}{more}"), path }
    }
}

/// What somebody has ordered, which nobody else finds: an import of so many rows that waits for its mapping, one that is over and
/// one that has begun, a mapping that they keep, and work on many that is over and that has begun.
async fn own_screens(app: &TestApp, person: &Person, account: Uuid, rows: usize) -> Vec<Screen> {
    let file: String = (0..rows)
        .map(|row| format!("Firm {row} of {rows} by {},{}\n", person.name, if row % 2 == 0 { "7" } else { "many" }))
        .collect();
    let file = format!("Name,Employees\n{file}");
    let over = crate::import::uploaded(app, person, "account", &file).await;
    crate::import::run(app, person, &over).await;
    let done = ordered(app, person, account).await;
    crate::import::work(app).await;
    // What begins now does so when somebody works again.
    let mapped = crate::import::uploaded(app, person, "account", &file).await;
    let begun = crate::import::uploaded(app, person, "account", &file).await;
    let started = app.post_form(person, &format!("{begun}/start"), &[]).await;
    assert_eq!(started.location(), begun, "{}", started.body);
    let running = ordered(app, person, account).await;
    let mapping = store::new_id(&app.clock);
    app.execute(sql!(
        "INSERT INTO import_mapping (id, version, name, object, mapping, owner_id, created_at) VALUES ($1, 1, $2, 'account', '', $3, 0)",
        mapping,
        format!("Of {rows}"),
        person.id
    ))
    .await;
    vec![
        Screen::new("/imports/{id}", "", over.clone()),
        Screen::new("/imports/{id}", " to be mapped", mapped),
        Screen::new("/imports/{id}", " that runs", begun.clone()),
        Screen::new("/imports/{id}/progress", "", format!("{begun}/progress")),
        Screen::new("/imports/{id}/rows", "", format!("{over}/rows")),
        Screen::new("/imports/{id}/errors.csv", "", format!("{over}/errors.csv")),
        Screen::new("/api/imports/{id}", "", format!("/api{over}")),
        Screen::new("/api/imports/{id}/rows", "", format!("/api{over}/rows")),
        Screen::new("/api/imports/{id}/errors", "", format!("/api{over}/errors")),
        Screen::new("/api/import-mappings/{id}", "", format!("/api/import-mappings/{mapping}")),
        Screen::new("/bulk-jobs/{id}", "", format!("/bulk-jobs/{done}")),
        Screen::new("/bulk-jobs/{id}", " that runs", format!("/bulk-jobs/{running}")),
        Screen::new("/bulk-jobs/{id}/progress", "", format!("/bulk-jobs/{running}/progress")),
        Screen::new("/bulk-jobs/{id}/records", "", format!("/bulk-jobs/{done}/records?outcome=changed")),
        Screen::new("/api/bulk-jobs/{id}", "", format!("/api/bulk-jobs/{done}")),
        Screen::new("/api/bulk-jobs/{id}/records", "", format!("/api/bulk-jobs/{done}/records")),
    ]
}

/// Work on an account, as on more than somebody waits for.
async fn ordered(app: &TestApp, person: &Person, account: Uuid) -> Uuid {
    app.clock.advance(1);
    let actor = app.actor(person).await;
    let wish = Wish {
        object: app.object("account"),
        work: Work::Set(BTreeMap::from([("city".to_owned(), format!("Wuxi of {}", app.clock.now().0))])),
        which: Which::named(vec![(account, None)]),
        dry_run: false,
        from: String::new(),
    };
    let mut tx = app.db.write().await.expect("the database can be written");
    let job = bulk_job::order(&mut tx, &actor, wish, 1).await.expect("the job is queued");
    tx.commit().await.expect("the database can be written");
    job
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
    // SQLite writes nothing where a row stays as it is.
    tx.execute(sql!("UPDATE session SET expires_at = expires_at + 1")).await.expect("sessions can be written");
    tx.commit().await.expect("the database can be written");
}

/// By how much somebody sees and by screen: its route, and what it costs.
type Counts = BTreeMap<(&'static str, String), (String, u64)>;

async fn counted_for(app: &TestApp, everybody: &[(&'static str, &Person)], house: &House, rows: usize) -> Counts {
    let account = house.world.of("account").next().expect("an account");
    let mut all = Counts::new();
    for (sees, person) in everybody {
        let own = own_screens(app, person, house.ids[account], rows).await;
        let mut screens = screens(app, house, &own).await;
        screens.extend(own);
        let of_one = counted(app, person, *sees == EVERYTHING, screens).await;
        all.extend(of_one.into_iter().map(|(name, cost)| ((*sees, name), cost)));
    }
    all
}

/// Every page and answer that can be read, but what is somebody's own.
async fn screens(app: &TestApp, house: &House, own: &[Screen]) -> Vec<Screen> {
    let own = own.iter().map(|screen| screen.route.as_str());
    let excepted: Vec<&str> = EXCEPTED.iter().map(|(path, _)| *path).chain(own).collect();
    let mut screens = Vec::new();
    for Surface { route, name, path, about, .. } in filled(app, house, &excepted).await {
        let is_api = route.starts_with("/api");
        if route.ends_with("/{id}") && !is_api && matches!(about, About::Record(_) | About::Person(_)) {
            for tab in ["details", "related", "files"] {
                screens.push(Screen::new(&route, &format!("?tab={tab}"), format!("{path}?tab={tab}")));
            }
        }
        if ["/search", "/palette", "/analysis"].contains(&route.as_str()) {
            screens.push(Screen::new(&route, " at first", route.clone()));
        }
        let kind = app.registry.by_plural(route.trim_start_matches("/api").trim_start_matches('/')).ok();
        if let Some(object) = kind {
            let found = format!("f={}%3Ahas%3Akite&q=kite", object.title);
            let begin = if is_api { "?" } else { "?view=none&" };
            screens.push(Screen::new(&route, FOUND, format!("{path}{begin}{found}")));
            // The list without a saved view, beside the one that opens with a view; and what follows on it.
            screens.push(Screen::new(&route, PAGE_ONE, format!("{path}{}", begin.trim_end_matches(['?', '&']))));
        }
        screens.push(Screen { name: name.trim_end().to_owned(), route, path });
    }
    screens
}

/// What the screens asked of the database. Who sees everything is refused nothing.
async fn counted(
    app: &TestApp,
    person: &Person,
    sees_all: bool,
    screens: Vec<Screen>,
) -> BTreeMap<String, (String, u64)> {
    let token = &app.api_token(person).await;
    token_is_noted(app, token).await;
    let mut counts = BTreeMap::new();
    let ask = async |path: &str| {
        nothing_is_kept(app).await;
        if path.starts_with("/api") {
            app.api(token, Method::GET, path, &[], None).await
        } else {
            app.get(person, path).await
        }
    };
    for Screen { route, name, path } in screens {
        let answer = ask(&path).await;
        if answer.status != 200 {
            // A fragment that asks for a choice, and what is closed to who sees a part.
            let is_refused = !sees_all && [403, 404].contains(&answer.status.as_u16());
            assert!(is_refused, "{path} for {}: {}", person.name, answer.status);
            continue;
        }
        if let Some(first) = name.strip_suffix(PAGE_ONE) {
            match next_of(&answer, &path) {
                Some(path) => {
                    let next = ask(&path).await;
                    assert_eq!(next.status, 200, "{path} for {}: {}", person.name, next.body);
                    counts.insert(format!("{first} page 2"), (route.clone(), next.statements));
                }
                None => assert!(route.ends_with("/people"), "{path} for {} has one page: {}", person.name, answer.body),
            }
        }
        counts.insert(name, (route, answer.statements));
    }
    counts
}

/// Where the next page of a list is.
fn next_of(page: &Answer, path: &str) -> Option<String> {
    if path.starts_with("/api") {
        return page.json()["next"].as_str().map(|cursor| format!("{path}?after={cursor}"));
    }
    let (_, rest) = page.body.split_once(";after=")?;
    Some(format!("{path}&after={}", rest.split('"').next()?))
}
