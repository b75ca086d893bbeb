//! A small company made by dice, as the model knows it and as a database holds it.

use std::collections::{BTreeMap, BTreeSet};

use store::{Cells, Day, Uuid, sql};
use testkit::{Person, Role, TestApp};
use trivet::shell::record::{Kind, command};
use trivet::shell::shows::can_edit_in_place;
use trivet::system::setup;

use super::model::{Level, Line, Record, Right, Rule, World};

/// Numbers that are the same on every machine for the same seed (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
    pub fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.roll(among.len())]
    }
}

/// Everybody in the company; all but the last sign in and look around.
pub const PEOPLE: usize = 6;
pub const VIEWERS: usize = 5;

/// Kinds of record in the order in which they can be made, how many, and the texts that each is filled with.
pub const KINDS: [(&str, usize, &[&str]); 7] = [
    ("product", 3, &["name", "code", "family", "description"]),
    ("account", 8, &["name", "city", "province", "address", "external_id", "description"]),
    ("contact", 8, &["name", "job_title", "department", "email", "wechat", "external_id", "description"]),
    ("opportunity", 10, &["name", "next_step", "competitors", "external_id", "description"]),
    ("lead", 6, &["name", "company", "interest", "job_title", "city", "external_id", "description"]),
    ("activity", 9, &["subject", "outcome", "body"]),
    ("task", 8, &["subject", "description"]),
];

/// Fields that are never hidden, beside titles and required ones: whose a record is, where it stands, and what the house counts by.
pub const ALWAYS_SHOWN: [(&str, &[&str]); 8] = [
    ("account", &["owner", "currency"]),
    ("contact", &["owner"]),
    ("lead", &["owner", "status", "currency", "created_on"]),
    ("opportunity", &["owner", "stage", "state", "pipeline", "currency", "created_on", "closed_on"]),
    ("activity", &["owner", "happened_at"]),
    ("task", &["owner", "status", "due_date"]),
    ("product", &["currency"]),
    ("person", &["state"]),
];

/// The fields of a kind of record that a role can be kept from.
pub fn hideable(app: &TestApp, object: &str) -> Vec<&'static str> {
    let kept = ALWAYS_SHOWN.iter().find(|(name, _)| *name == object).map_or(&[][..], |(_, fields)| fields);
    let object = app.object(object);
    let fields = object.fields.iter().filter(|field| !field.is_virtual() && !field.required);
    fields.map(|field| field.key).filter(|key| *key != object.title && !kept.contains(key)).collect()
}

/// `zqc012b`: the text of a field of a record, which stands nowhere else.
pub fn token(world: &World, record: usize, field: &str) -> String {
    let kind = KINDS.iter().position(|(name, ..)| *name == world.records[record].object).expect("a kind");
    let at = KINDS[kind].2.iter().position(|key| *key == field).expect("a text field");
    let letter = |index: usize| (b'a' + index as u8) as char;
    format!("zq{}{record:03}{}", letter(kind), letter(at))
}

/// Every token in a page, as record and field.
pub fn tokens(page: &str) -> BTreeSet<(usize, &'static str)> {
    let mut found = BTreeSet::new();
    for (at, _) in page.match_indices("zq") {
        let text = page.as_bytes();
        let Some([kind, a, b, c, field]) = text.get(at + 2..at + 7) else { continue };
        let digits = [a, b, c].iter().all(|digit| digit.is_ascii_digit());
        let (kind, field) = (kind.wrapping_sub(b'a') as usize, field.wrapping_sub(b'a') as usize);
        if let (true, Some(key)) = (digits, KINDS.get(kind).and_then(|(.., fields)| fields.get(field))) {
            found.insert((page[at + 3..at + 6].parse().expect("three digits"), *key));
        }
    }
    found
}

// -- as the model knows it ---------------------------------------------------------------------------------------------

pub fn made(dice: &mut Dice, app: &TestApp, today: i64) -> World {
    let mut world = World { today, ..World::default() };
    for person in 0..PEOPLE {
        let count = [1, 1, 1, 2, 2, 3][dice.roll(6)];
        world.people.push((0..count).map(|_| dice.pick(&Role::ALL).key()).collect());
        for _ in 0..if person == 0 { 0 } else { dice.roll(3) } {
            let from = world.today + dice.pick(&[-400, -30, -1, 0, 1, 30]);
            let to = dice.chance(40).then(|| from + dice.pick(&[0, 1, 29, 30, 500]));
            world.lines.push(Line { person, manager: dice.roll(person), from, to });
        }
    }
    for (object, ..) in KINDS {
        let whole = object == "product";
        let level = |dice: &mut Dice| match dice.roll(10) {
            0..=2 => Level::None,
            3..=5 if !whole => Level::Own,
            6..=7 if !whole => Level::Team,
            _ => Level::All,
        };
        let default = if dice.chance(25) { level(dice) } else { Level::None };
        world.defaults.insert(object, default);
        for role in Role::ALL {
            let read = level(dice);
            // The settings refuse more.
            let write = level(dice).min(read.max(default));
            let rule = Rule { read, write, create: dice.chance(40), export: dice.chance(60) };
            world.rules.insert((role.key(), object), rule);
        }
        for field in hideable(app, object) {
            if dice.chance(25) {
                let roles = Role::ALL.into_iter().filter(|_| dice.chance(75)).collect::<Vec<_>>();
                world.hidden.extend(roles.into_iter().map(|role| (object, field, role.key())));
            }
        }
        for _ in 0..KINDS.iter().find(|(name, ..)| *name == object).map_or(0, |(_, count, _)| *count) {
            let record = record(dice, &world, object);
            world.records.push(record);
        }
    }
    for record in 0..world.records.len() {
        let object = world.records[record].object;
        if matches!(object, "account" | "opportunity" | "lead") && dice.chance(25) {
            world.shares.push((record, dice.roll(PEOPLE), dice.chance(50)));
        }
        if object == "account" && dice.chance(25) {
            world.teams.push((record, dice.roll(PEOPLE)));
        }
        if object == "opportunity" {
            let product = dice.pick(&world.of("product").collect::<Vec<_>>());
            let contact = dice.pick(&world.of("contact").collect::<Vec<_>>());
            if dice.chance(50) {
                world.items.push((record, product));
            }
            if dice.chance(60) {
                world.committee.push((record, contact));
            }
        }
        if object != "person" && dice.chance(30) {
            world.files.push(record);
        }
    }
    world
}

fn record(dice: &mut Dice, world: &World, object: &'static str) -> Record {
    let fields = KINDS.iter().find(|(name, ..)| *name == object).map_or(&[][..], |(.., fields)| fields);
    let mut record = Record {
        object,
        owner: dice.roll(PEOPLE),
        author: dice.roll(PEOPLE),
        fields: fields.to_vec(),
        in_trash: dice.chance(8),
        ..Record::default()
    };
    let mut link = |dice: &mut Dice, field: &'static str, to: &str| {
        let among: Vec<usize> = world.of(to).collect();
        record.links.insert(field, dice.pick(&among));
    };
    match object {
        "account" if dice.chance(20) && world.of("account").next().is_some() => link(dice, "parent", "account"),
        "contact" if dice.chance(80) => link(dice, "account", "account"),
        "opportunity" => {
            if dice.chance(85) {
                link(dice, "account", "account");
            }
            if dice.chance(30) {
                link(dice, "contact", "contact");
            }
        }
        "activity" | "task" => match dice.roll(6) {
            0 | 1 => link(dice, "opportunity", "opportunity"),
            2 => link(dice, "lead", "lead"),
            3 => link(dice, "account", "account"),
            4 => link(dice, "contact", "contact"),
            _ => {}
        },
        _ => {}
    }
    if object == "opportunity" {
        record.state = dice.pick(&["open", "open", "open", "won", "lost"]);
        // Amounts that are no sum of others.
        record.amount = 1_000_000 * (1 << world.of(object).count()) + 37;
    }
    record
}

// -- as a database holds it --------------------------------------------------------------------------------------------

/// The world with its people and ids.
pub struct House {
    pub world: World,
    pub people: Vec<Person>,
    pub tokens: Vec<String>,
    pub ids: Vec<Uuid>,
    pub by_id: BTreeMap<Uuid, usize>,
    /// What hangs on a record and has an address of its own: record, name in the path, id.
    pub parts: Vec<(usize, &'static str, String)>,
    /// Views that everybody may use, by kind of record.
    pub views: Vec<(&'static str, Uuid)>,
    pub price_list: Uuid,
}

impl House {
    pub async fn build(app: &TestApp, world: World, dice: &mut Dice) -> House {
        House::build_for(app, world, dice, None).await
    }

    /// With `unseen_by`, everything that this person may not see is another: other texts, amounts and days, some in the trash or
    /// taken out of it, some twice.
    pub async fn build_for(app: &TestApp, mut world: World, dice: &mut Dice, unseen_by: Option<usize>) -> House {
        let maker = app.person("Maker").role(Role::Partner).role(Role::Marketing).create().await;
        let mut people = Vec::new();
        for (index, roles) in world.people.iter().enumerate() {
            let roles = Role::ALL.into_iter().filter(|role| roles.contains(role.key()));
            let builder = roles.fold(app.person(&format!("Person {index}")), testkit::PersonBuilder::role);
            people.push(builder.create().await);
        }
        let mut tokens = Vec::new();
        for person in &people[..VIEWERS] {
            tokens.push(app.api_token(person).await);
        }
        let mut ids = Vec::new();
        for record in 0..world.records.len() {
            let id = make(app, &maker, &people, &world, &ids, record, dice).await;
            ids.push(id);
        }
        read_links(app, &mut world, &ids).await;
        let parts = hang_parts(app, &world, &ids, &maker).await;
        if let Some(person) = unseen_by {
            change_unseen(app, &maker, &people, &mut world, &ids, person).await;
        }
        let (views, price_list) = save_views(app, &world, &ids, &maker).await;
        behind_the_scenes(app, &world, &people, &ids, &maker).await;
        let last = people[PEOPLE - 1].id;
        app.execute(sql!("UPDATE person SET state = 'disabled' WHERE id = $1", last)).await;
        let by_id = ids.iter().copied().zip(0..).collect();
        House { world, people, tokens, ids, by_id, parts, views, price_list }
    }

    /// How the person may deal with the record, and where it is.
    pub fn path(&self, app: &TestApp, record: usize) -> String {
        format!("/{}/{}", app.object(self.world.records[record].object).plural, self.ids[record])
    }

    /// One of the texts of a record that are edited in their place, of every record another one.
    pub fn field_in_place(&self, app: &TestApp, record: usize) -> &'static str {
        let object = app.object(self.world.records[record].object);
        let in_place = |key: &&&str| object.field(key).is_some_and(can_edit_in_place);
        let texts: Vec<&str> = self.world.records[record].fields.iter().filter(in_place).copied().collect();
        texts[record % texts.len()]
    }

    /// What may be named on a page for the person: also records in the trash, which are shown there.
    pub fn may_name(&self, person: usize, record: usize) -> bool {
        self.world.may(person, record, Right::Read)
    }
}

async fn make(
    app: &TestApp,
    maker: &Person,
    people: &[Person],
    world: &World,
    ids: &[Uuid],
    record: usize,
    dice: &mut Dice,
) -> Uuid {
    let one = &world.records[record];
    let object = app.object(one.object);
    let mut fields: Vec<(&str, String)> = Vec::new();
    for key in &one.fields {
        let token = token(world, record, key);
        let text = match object.field(key).map(|field| field.kind) {
            Some(Kind::Email) => format!("{token}@example.com"),
            _ if *key == world.title(record) => format!("Kite {token}"),
            _ => token,
        };
        fields.push((key, text));
    }
    if object.field("owner").is_some() {
        fields.push(("owner", people[one.owner].id.to_string()));
    }
    for (key, to) in &one.links {
        fields.push((key, ids[*to].to_string()));
    }
    let day = format!("2026-11-{:02}", 2 + dice.roll(27));
    match one.object {
        "product" => fields.push(("list_price", "12".into())),
        // What a lead may have been before: its company by the address, its contact by the number.
        "account" => fields.push(("website", "https://kite.example".into())),
        "contact" => fields.push(("mobile", "13800138000".into())),
        "lead" => {
            fields.push(("email", "somebody@kite.example".into()));
            fields.push(("mobile", "13800138000".into()));
        }
        "opportunity" => {
            fields.push(("amount", format!("{}.{:02}", one.amount / 100, one.amount % 100)));
            fields.push(("close_date", day));
            let stage = match one.state {
                "won" => "Won",
                "lost" => "Lost",
                _ => dice.pick(&OPEN_STAGES),
            };
            fields.push(("stage", app.stage(stage).await.to_string()));
            fields.push(("reason", "It was so when it was found.".into()));
            if one.state == "lost" {
                fields.push(("lost_reason", "price".into()));
            }
        }
        "activity" => {
            fields.push(("kind", dice.pick(&["call", "note", "meeting"]).into()));
            fields.push(("happened_at", format!("{day} 10:00")));
        }
        "task" => fields.push(("due_date", day)),
        _ => {}
    }
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, text)| (*key, text.as_str())).collect();
    let id = app.create(one.object, maker, &fields).await;
    // A history: a text that was another one, and an owner who was somebody else.
    let changed = one.fields[dice.roll(one.fields.len())];
    if changed != world.title(record) && !matches!(changed, "email" | "code") {
        let text = token(world, record, changed);
        app.try_update(one.object, maker, id, None, &[(changed, &format!("{text} before"))]).await.expect("a change");
        app.try_update(one.object, maker, id, None, &[(changed, &text)]).await.expect("a change");
    }
    id
}

async fn change_unseen(
    app: &TestApp,
    maker: &Person,
    people: &[Person],
    world: &mut World,
    ids: &[Uuid],
    person: usize,
) {
    let mut dice = Dice::new(person as u64);
    let unseen: Vec<usize> = (0..ids.len()).filter(|record| !world.may(person, *record, Right::Read)).collect();
    for record in unseen {
        let one = &world.records[record];
        let table = app.object(one.object).table;
        let twin = format!("{}zz", token(world, record, world.title(record)));
        if one.object != "product" && dice.chance(50) {
            let twin = make(app, maker, people, world, ids, record, &mut dice).await;
            let author = people[one.author].id;
            app.execute(sql!(format!("UPDATE {table} SET created_by = $2 WHERE id = $1"), twin, author)).await;
        }
        let title = format!("Kite other {twin}");
        let mut fields: Vec<(&str, &str)> = vec![(world.title(record), &title)];
        for key in one.fields.iter().filter(|key| **key != world.title(record) && !matches!(**key, "email" | "code")) {
            fields.push((key, if dice.chance(80) { "something else" } else { "" }));
        }
        match one.object {
            "opportunity" => {
                fields.extend([("amount", "98765.43"), ("close_date", "2026-10-01"), ("probability", "77")])
            }
            "activity" => fields.push(("happened_at", "2026-11-21 08:00")),
            "task" => fields.extend([("due_date", "2026-11-03"), ("priority", "high")]),
            "account" => fields.extend([("industry", "retail"), ("employees", "77")]),
            "contact" => fields.extend([("email", "another@example.com"), ("buying_role", "champion")]),
            "lead" => fields.extend([("source", "event"), ("estimated_amount", "5")]),
            _ => {}
        }
        app.try_update(one.object, maker, ids[record], None, &fields).await.expect("a change");
        if dice.chance(30) {
            world.records[record].in_trash = !world.records[record].in_trash;
        }
    }
}

/// Lines, files and evidence, each with an address of its own, and committees.
async fn hang_parts(app: &TestApp, world: &World, ids: &[Uuid], maker: &Person) -> Vec<(usize, &'static str, String)> {
    let mut parts = Vec::new();
    for (deal, product) in &world.items {
        let id = store::new_id(&app.clock);
        app.execute(sql!(
            "INSERT INTO line_item (id, version, opportunity_id, product_id, quantity, unit_price, discount, amount, position) VALUES ($1, 1, $2, $3, 1000, 1200, 0, 1200, 0)",
            id,
            ids[*deal],
            ids[*product]
        ))
        .await;
        parts.push((*deal, "item", id.to_string()));
    }
    for (deal, contact) in &world.committee {
        app.execute(sql!(
            "INSERT INTO opportunity_contact (opportunity_id, contact_id, buying_role) VALUES ($1, $2, 'champion')",
            ids[*deal],
            ids[*contact]
        ))
        .await;
    }
    for record in &world.files {
        let object = app.object(world.records[*record].object);
        let text = token(world, *record, world.title(*record));
        let name = format!("{text}.txt");
        let file = crate::files::added(app, maker, object, ids[*record], &name, text.as_bytes()).await;
        parts.push((*record, "file", file.to_string()));
    }
    let criterion = app.criterion().await;
    for deal in world.of("opportunity") {
        let text = token(world, deal, world.title(deal));
        app.execute(sql!(
            "INSERT INTO evidence (opportunity_id, criterion_id, note, by_id, at) VALUES ($1, $2, $3, $4, 0)",
            ids[deal],
            criterion,
            format!("Shown to {text}"),
            maker.id
        ))
        .await;
        parts.push((deal, "criterion", criterion.to_string()));
    }
    parts
}

/// A view of each kind of record that everybody may use, filtered by a record that not everybody may see; a list of prices.
async fn save_views(app: &TestApp, world: &World, ids: &[Uuid], maker: &Person) -> (Vec<(&'static str, Uuid)>, Uuid) {
    let mut views = Vec::new();
    for (name, text) in KINDS.iter().map(|(name, _, texts)| (*name, texts[0])).chain([("person", "name")]) {
        let object = app.object(name);
        let link = object.fields.iter().filter(|field| field.filtered).find_map(|field| match field.kind {
            Kind::Ref(target) => Some((field.key, world.of(target).next()?)),
            _ => None,
        });
        let filter = match link {
            Some((key, to)) => format!("f={key}%3Ais%3A{}", ids[to]),
            None => format!("f={text}%3Ahas%3Akite"),
        };
        let view = store::new_id(&app.clock);
        app.execute(sql!(
            "INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, 1, $2, 'Of everybody', $3, 'all', $4, '', $5, 0)",
            view,
            name,
            maker.id,
            filter,
            false
        ))
        .await;
        views.push((name, view));
    }
    let list = store::new_id(&app.clock);
    app.execute(sql!("INSERT INTO price_list (id, version, name, currency) VALUES ($1, 1, 'Partners', 'CNY')", list))
        .await;
    (views, list)
}

const OPEN_STAGES: [&str; 3] = ["Prospecting", "Engaging", "Proposal"];

/// What no form offers, or only to somebody with rights that this company may not have given to anybody.
async fn behind_the_scenes(app: &TestApp, world: &World, people: &[Person], ids: &[Uuid], maker: &Person) {
    for (record, one) in world.records.iter().enumerate() {
        let table = app.object(one.object).table;
        let author = people[one.author].id;
        app.execute(sql!(format!("UPDATE {table} SET created_by = $2 WHERE id = $1"), ids[record], author)).await;
        if one.in_trash {
            let actor = app.actor(maker).await;
            let mut tx = app.db.write().await.expect("the database can be written");
            command::set_deleted(&mut tx, &actor, app.object(one.object), ids[record], true)
                .await
                .expect("to the trash");
            tx.commit().await.expect("the database can be written");
        }
    }
    // The same in every company, however long it took to make.
    let now = store::Instant(0);
    let mut tx = app.db.write().await.expect("the database can be written");
    let mut all: Vec<store::Sql> = Vec::new();
    for (record, person, may_write) in &world.shares {
        all.push(sql!(
            "INSERT INTO record_share (object, record_id, person_id, may_write, created_at) VALUES ($1, $2, $3, $4, $5)",
            world.records[*record].object,
            ids[*record],
            people[*person].id,
            *may_write,
            now
        ));
    }
    for (account, person) in &world.teams {
        let person = people[*person].id;
        all.push(sql!("INSERT INTO account_team (account_id, person_id) VALUES ($1, $2)", ids[*account], person));
    }
    for line in &world.lines {
        all.push(sql!(
            "INSERT INTO reporting_line (id, person_id, manager_id, from_day, to_day) VALUES ($1, $2, $3, $4, $5)",
            store::new_id(&app.clock),
            people[line.person].id,
            people[line.manager].id,
            line.from,
            line.to
        ));
    }
    for object in KINDS.map(|(object, ..)| object) {
        all.push(sql!("DELETE FROM access_rule WHERE object = $1", object));
    }
    all.extend(["DELETE FROM default_access", "DELETE FROM hidden_field"].map(store::Sql::from));
    for ((role, object), rule) in &world.rules {
        all.push(sql!(
            "INSERT INTO access_rule (role, object, read_level, write_level, may_create, may_export) VALUES ($1, $2, $3, $4, $5, $6)",
            *role,
            *object,
            rule.read.key(),
            rule.write.key(),
            rule.create,
            rule.export
        ));
    }
    for (object, level) in world.defaults.iter().filter(|(_, level)| **level > Level::None) {
        all.push(sql!("INSERT INTO default_access (object, read_level) VALUES ($1, $2)", *object, level.key()));
    }
    for (object, field, role) in &world.hidden {
        all.push(sql!("INSERT INTO hidden_field (object, field, role) VALUES ($1, $2, $3)", *object, *field, *role));
    }
    all.push("UPDATE organization SET config_version = config_version + 1 WHERE id = 1".into());
    for statement in all {
        tx.execute(statement).await.expect("the statement runs");
    }
    setup::rebuild_team(&mut tx, Day(world.today)).await.expect("the team can be worked out");
    tx.commit().await.expect("the database can be written");
}

/// What a record points to as it was stored: an activity of a deal also points to the deal's account.
async fn read_links(app: &TestApp, world: &mut World, ids: &[Uuid]) {
    for record in 0..ids.len() {
        let object = app.object(world.records[record].object);
        let links: Vec<_> = object
            .fields
            .iter()
            .filter(|field| {
                !field.is_virtual() && matches!(field.kind, Kind::Ref(to) if KINDS.iter().any(|(name, ..)| *name == to))
            })
            .collect();
        if links.is_empty() {
            continue;
        }
        let columns: Vec<&str> = links.iter().map(|field| field.column).collect();
        let select = format!("SELECT {} FROM {} WHERE id = $1", columns.join(", "), object.table);
        let mut session = app.db.read().await.expect("the database can be read");
        let Cells(cells) = session.one(sql!(select, ids[record])).await.expect("the record is there");
        world.records[record].links = links
            .iter()
            .zip(cells)
            .filter_map(|(field, cell)| Some((field.key, ids.iter().position(|id| Some(*id) == cell.id())?)))
            .collect();
    }
}
