//! Events in words: what was changed, from what to what, as far as the viewer may know. The subject's name and its values are
//! told only to who may read the subject; people and settings are the house's own affairs and open to who may look at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};
use store::event::{Change, Recorded};
use store::{Day, Session, Sql, Uuid};

use super::audit;
use super::history::NOTHING;
use super::people;
use crate::shell::access::{Level, Right, Role};
use crate::shell::bulk;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::list::Asks;
use crate::shell::record::filter::Filter;
use crate::shell::record::{Field, Kind, Object, Registry, plain_target, told, value};
use crate::shell::shows::Shows;
use crate::shell::viewer::Viewer;
use crate::shell::views;

/// The names that a page of events needs, read in one statement through the viewer's scope.
pub struct Wording {
    viewer: Viewer,
    registry: &'static Registry,
    names: HashMap<Uuid, Named>,
}

#[derive(sqlx::FromRow)]
struct Named {
    id: Uuid,
    name: String,
    /// The currency of a record, the kind of record that a view lists, the table of a setting.
    beside: Option<String>,
    is_gone: i64,
}

/// What an event may tell of a record that is no field of it.
struct Fact {
    key: &'static str,
    kind: FactKind,
    /// Object and field: who is kept from one of them is not told.
    reads: &'static [(&'static str, &'static str)],
}

enum FactKind {
    /// The id of a person or of a record.
    Names(&'static str),
    /// A choice of a field of another kind of record.
    Choice(&'static str, &'static str),
    Text,
}

const COMMITTEE: &[(&str, &str)] = &[("opportunity", "contact"), ("contact", "name")];
const FACTS: &[Fact] = &[
    Fact { key: "shared_with", kind: FactKind::Names("person"), reads: &[] },
    Fact { key: "team_member", kind: FactKind::Names("person"), reads: &[] },
    Fact { key: "committee_member", kind: FactKind::Names("contact"), reads: COMMITTEE },
    Fact {
        key: "committee_role",
        kind: FactKind::Choice("contact", "buying_role"),
        reads: &[COMMITTEE[0], COMMITTEE[1], ("contact", "buying_role")],
    },
    Fact { key: "file", kind: FactKind::Text, reads: &[] },
    Fact { key: "evidence", kind: FactKind::Text, reads: &[("opportunity", "stage")] },
];

fn fact(key: &str) -> Option<&'static Fact> {
    FACTS.iter().find(|fact| fact.key == key)
}

/// Whether the event is about a list, not about one record.
pub fn is_of_list(event: &Recorded) -> bool {
    matches!(event.kind.as_str(), "exported" | bulk::EVENT)
}

impl Wording {
    pub async fn load(
        session: &mut Session,
        viewer: &Viewer,
        registry: &'static Registry,
        events: &[Recorded],
    ) -> Result<Wording> {
        let names = match names_of(viewer, registry, events) {
            Some(statement) => session.all::<Named>(statement).await?,
            None => Vec::new(),
        };
        let names = names.into_iter().map(|named| (named.id, named)).collect();
        Ok(Wording { viewer: viewer.clone(), registry, names })
    }

    fn name(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(|named| named.name.as_str())
    }

    /// Why it was done, as people read it.
    pub fn reason(&self, event: &Recorded) -> Option<String> {
        told::reason_of(event, self.viewer.locale, None)
    }

    /// The subject's name; `None` when it is not the viewer's to know.
    pub fn subject(&self, event: &Recorded) -> Option<String> {
        let locale = self.viewer.locale;
        let name = || self.name(event.subject_id).map(str::to_owned);
        match event.subject_type.as_str() {
            "settings" => Some(name().unwrap_or_else(|| locale.text("settings-house"))),
            "audit" => Some(locale.text("nav-audit")),
            // What is gone is told by its last event.
            views::SUBJECT if self.tells_of_lists() => name().or_else(|| {
                event.changes().iter().find(|change| change.field == "view.name")?.old.as_str().map(str::to_owned)
            }),
            kind if is_of_list(event) && self.registry.get(kind).is_some() => {
                Some(locale.text(&format!("{kind}-plural")))
            }
            _ => name(),
        }
    }

    /// Whether the subject lies in the trash or was deleted.
    pub fn is_gone(&self, event: &Recorded) -> bool {
        self.names.get(&event.subject_id).is_some_and(|named| named.is_gone == 1)
    }

    /// Where the subject is looked at, if the viewer may.
    pub fn href(&self, event: &Recorded) -> Option<String> {
        let id = event.subject_id;
        let keeps = self.viewer.has(Role::Admin);
        match self.registry.get(&event.subject_type) {
            Some(object) if self.viewer.scope.access(object.name).read == Level::None => None,
            Some(object) if is_of_list(event) => {
                let changes = self.visible_changes(event);
                let query = changes.iter().find(|change| change.field == "query");
                let query = query.and_then(|change| change.new.as_str()).unwrap_or_default();
                Some(format!("/{}?{}", object.plural, Asks::parse(query).to_query()))
            }
            Some(object) if self.names.contains_key(&id) => Some(match self.is_gone(event) {
                true => format!("/{}?view=none&trash=1", object.plural),
                false => format!("/{}/{id}", object.plural),
            }),
            Some(_) => None,
            None if event.subject_type == "audit" => Some("/audit".into()),
            None if event.subject_type == "settings" && keeps && !self.is_gone(event) => Some(self.setting(event)),
            None => None,
        }
    }

    /// The page on which a setting is kept.
    fn setting(&self, event: &Recorded) -> String {
        let id = event.subject_id;
        if let Some(table) = self.names.get(&id).and_then(|named| named.beside.as_deref()) {
            let page = match table {
                "stage" => "stages",
                "pipeline" => "pipelines",
                _ => "prices",
            };
            return format!("/settings/{page}/{id}");
        }
        let changes = event.changes();
        match changes.first().map(|change| change.field.split('.').collect::<Vec<_>>()).as_deref() {
            Some(["access", object, ..]) => format!("/settings/access/{object}"),
            Some(["rate", ..]) => "/settings/rates".into(),
            _ => "/settings/organization".into(),
        }
    }

    /// Filters speak of customers: a view's, an export's, those of work on many; they may be nobody else's business.
    fn tells_of_lists(&self) -> bool {
        self.viewer.has(Role::Auditor)
    }

    fn tells_of_list(&self, object: &Object) -> bool {
        self.tells_of_lists() && self.viewer.scope.access(object.name).read > Level::None
    }

    /// What an event tells of a list, without what is hidden from the viewer: also a filter speaks of a field's values.
    fn of_list(&self, object: &'static Object, change: Change) -> Option<Change> {
        let readable = |json: Json| match json.as_str() {
            Some(query) => json!(self.readable_query(object, query)),
            None => json,
        };
        match change.field.as_str() {
            "rows" | "format" | "work" => Some(change),
            "query" | "view.query" => {
                Some(Change { old: readable(change.old), new: readable(change.new), field: change.field })
            }
            field if field.starts_with("view.") => Some(change),
            field => self.tells(object, field).then_some(change),
        }
    }

    /// The address of a list without the filters, and the order, by fields that the viewer doesn't see or that are no more.
    fn readable_query(&self, object: &'static Object, query: &str) -> String {
        let mut asks = Asks::parse(query);
        asks.filters.retain(|text| Filter::parse(object, &self.viewer, text).is_ok());
        if !self.viewer.sees(object, asks.sort.trim_start_matches('-')) {
            asks.sort.clear();
        }
        asks.to_query()
    }

    /// Which changes of an event the viewer may know.
    pub fn visible_changes(&self, event: &Recorded) -> Vec<Change> {
        let changes = event.changes();
        let is_of_list = is_of_list(event);
        match self.registry.get(&event.subject_type) {
            // How much, but not of what: as when a leaving person's records are handed over.
            Some(object) if is_of_list && !self.tells_of_list(object) => {
                changes.into_iter().filter(|change| matches!(change.field.as_str(), "rows" | "format")).collect()
            }
            Some(object) if is_of_list => {
                changes.into_iter().filter_map(|change| self.of_list(object, change)).collect()
            }
            Some(object) if object.name != "person" && !is_of_list => match self.names.get(&event.subject_id) {
                Some(_) => changes.into_iter().filter(|change| self.tells(object, &change.field)).collect(),
                None => Vec::new(),
            },
            _ if event.subject_type == views::SUBJECT => match self.listed(event) {
                Some(object) if self.tells_of_list(object) => {
                    changes.into_iter().filter_map(|change| self.of_list(object, change)).collect()
                }
                _ => Vec::new(),
            },
            _ => changes,
        }
    }

    /// What was changed of a record that is not the viewer's to know: the names of the fields, not what stands in them.
    pub fn fields_only(&self, event: &Recorded) -> Vec<String> {
        let Some(object) = self.registry.get(&event.subject_type) else { return Vec::new() };
        if self.names.contains_key(&event.subject_id) || is_of_list(event) {
            return Vec::new();
        }
        let changes = event.changes().into_iter().filter(|change| self.tells(object, &change.field));
        changes.map(|change| self.label(event, &change.field)).collect()
    }

    fn tells(&self, object: &'static Object, key: &str) -> bool {
        let is_open = |(object, field): &(&str, &str)| {
            self.registry.get(object).is_some_and(|object| self.viewer.sees(object, field))
        };
        match fact(key) {
            Some(fact) => fact.reads.iter().all(is_open),
            None => self.viewer.sees(object, key),
        }
    }

    /// Label, old and new value of a change that [`Wording::visible_changes`] gave.
    pub fn change(&self, event: &Recorded, change: &Change) -> (String, String, String) {
        let label = match event.reason.as_deref().filter(|_| event.kind == "evidence") {
            Some(criterion) => criterion.to_owned(),
            None => self.label(event, &change.field),
        };
        (label, self.value(event, &change.field, &change.old), self.value(event, &change.field, &change.new))
    }

    fn label(&self, event: &Recorded, key: &str) -> String {
        field_label(self.viewer.locale, self.registry, &event.subject_type, key)
    }

    /// Old and new value of such a change as the API writes them. What is not the viewer's to know is null.
    pub fn plain(&self, event: &Recorded, change: &Change) -> (Json, Json) {
        let field = self.registry.get(&event.subject_type).and_then(|object| object.field(&change.field));
        let base = self.viewer.config.base_currency.as_str();
        let currency = self.names.get(&event.subject_id).and_then(|named| named.beside.as_deref()).unwrap_or(base);
        let is_named =
            |json: &Json| json.as_str().and_then(|id| id.parse().ok()).is_some_and(|id| self.name(id).is_some());
        let plain = |json: &Json| {
            if let Some(Fact { kind: FactKind::Names(_), .. }) = fact(&change.field) {
                return if is_named(json) { json.clone() } else { Json::Null };
            }
            let Some(field) = field.filter(|_| !json.is_null()) else { return json.clone() };
            let cell = value::from_raw_json(field, json);
            let is_hidden = matches!(field.kind, Kind::Ref(_)) && cell.id().is_none_or(|id| self.name(id).is_none());
            let currency = if field.kind == Kind::BaseMoney { base } else { currency };
            if is_hidden { Json::Null } else { value::to_json(field, &cell, currency) }
        };
        (plain(&change.old), plain(&change.new))
    }

    fn value(&self, event: &Recorded, key: &str, json: &Json) -> String {
        let object = self.registry.get(&event.subject_type);
        let field = object.and_then(|object| Some((object, object.field(key)?)));
        let text = match (field, fact(key)) {
            (_, Some(fact)) if object.is_some() => self.value_of_fact(fact, json),
            (Some((object, field)), _) => self.value_of_field(object, field, event.subject_id, json),
            _ => self.value_of_house(event, key, json),
        };
        if text.is_empty() { NOTHING.into() } else { text }
    }

    fn value_of_fact(&self, fact: &Fact, json: &Json) -> String {
        let Some(text) = json.as_str() else { return String::new() };
        match fact.kind {
            FactKind::Names(_) => text.parse().ok().and_then(|id| self.name(id)).unwrap_or("—").to_owned(),
            FactKind::Choice(object, field) => {
                let object = self.registry.get(object);
                let key = object.and_then(|object| Some(object.choice_key(object.field(field)?, text)));
                key.map(|key| self.viewer.locale.text(&key)).unwrap_or_default()
            }
            FactKind::Text => text.to_owned(),
        }
    }

    fn value_of_field(&self, object: &'static Object, field: &Field, id: Uuid, json: &Json) -> String {
        let (locale, config) = (self.viewer.locale, &self.viewer.config);
        let cell = value::from_raw_json(field, json);
        let label = cell.id().and_then(|id| self.name(id));
        let currency = self.names.get(&id).and_then(|named| named.beside.as_deref());
        value::shown(object, field, &cell, label, currency.unwrap_or(&config.base_currency), locale, &config.zone)
    }

    fn value_of_house(&self, event: &Recorded, key: &str, json: &Json) -> String {
        let locale = self.viewer.locale;
        let day = |text: &str| Day::parse(text).map_or_else(|| text.to_owned(), |day| format::date(locale, day));
        match json {
            Json::Null => String::new(),
            Json::Bool(value) => locale.text(if *value { "yes" } else { "no" }),
            Json::String(text) if key.starts_with("access.") && Level::parse(text).is_some() => {
                locale.text(&format!("level-{text}"))
            }
            Json::String(text) => match key {
                "locale" => locale.text(&format!("language-{}", text.to_lowercase())),
                "fiscal_calendar" => locale.text(&format!("calendar-{text}")),
                "view.audience" => locale.text(&format!("view-{text}")),
                "view.object" => locale.text(&format!("{text}-plural")),
                "view.owner" => text.parse().ok().and_then(|id| self.name(id)).unwrap_or("—").to_owned(),
                "view.query" | "query" => match self.listed(event) {
                    Some(object) => self.query_in_words(object, text),
                    None => text.clone(),
                },
                "view.columns" => match self.listed(event) {
                    Some(object) => self.columns_in_words(object, text),
                    None => text.clone(),
                },
                "filter" => {
                    let filter = audit::Filter::parse(text, self.registry);
                    filter.in_words(locale, |id| self.name(id).map(str::to_owned))
                }
                "stage.kind" => locale.text(&format!("stage-kind-{text}")),
                "format" => locale.text(&format!("change-format-{text}")),
                "work" => locale.text(&format!("change-work-{text}")),
                "from_day" | "price_list.from" | "price_list.to" => day(text),
                _ => text.clone(),
            },
            Json::Number(number) => match (key, number.as_i64()) {
                ("fiscal_start_month", Some(month)) => locale.text(&format!("month-{month}")),
                (_, Some(number)) => format::grouped(number),
                _ => number.to_string(),
            },
            other => other.to_string(),
        }
    }

    /// The kind of record whose list an event is about.
    fn listed(&self, event: &Recorded) -> Option<&'static Object> {
        if event.subject_type != views::SUBJECT {
            return self.registry.get(&event.subject_type);
        }
        listed_by(self.registry, event)
            .or_else(|| self.registry.get(self.names.get(&event.subject_id)?.beside.as_deref()?))
    }

    /// What a list shows, from its address: what is filtered by, searched for and ordered by.
    fn query_in_words(&self, object: &'static Object, query: &str) -> String {
        let (locale, viewer) = (self.viewer.locale, &self.viewer);
        let asks = Asks::parse(query);
        let files = self.names.iter().map(|(id, named)| (*id, named.name.clone())).collect();
        let shows = Shows { files, ..Shows::of(viewer, self.registry, object, Day(0)) };
        let mut parts = Vec::new();
        if object.views.iter().any(|(key, _)| *key == asks.view) {
            parts.push(locale.text(&format!("view-{}-{}", object.name, asks.view)));
        }
        for text in &asks.filters {
            let Ok(filter) = Filter::parse(object, viewer, text) else { continue };
            let chip = shows.chip(&filter, String::new());
            parts.push(locale.labelled(&chip.label, &chip.text));
        }
        if !asks.words.is_empty() {
            parts.push(locale.labelled(&locale.text("list-search"), &asks.words));
        }
        let (key, descending) = asks.sort.strip_prefix('-').map_or((asks.sort.as_str(), false), |key| (key, true));
        if let Some(field) = object.field(key) {
            let label = locale.text(&object.label_key(field));
            let order = if descending { "change-order-descending" } else { "change-order-ascending" };
            parts.push(locale.text_with(order, &[("field", &label)]));
        }
        if asks.trash {
            parts.push(locale.text("list-trash"));
        }
        parts.join(separator(locale))
    }

    fn columns_in_words(&self, object: &'static Object, columns: &str) -> String {
        let fields = columns.split(',').filter_map(|key| object.field(key));
        let labels = fields.map(|field| self.viewer.locale.text(&object.label_key(field)));
        labels.collect::<Vec<_>>().join(self.viewer.locale.list_comma())
    }
}

/// Between parts that hold commas themselves.
pub fn separator(locale: Locale) -> &'static str {
    if locale == Locale::Zh { "；" } else { "; " }
}

/// The kind of record that a view lists, from the event of its beginning or end.
fn listed_by(registry: &'static Registry, event: &Recorded) -> Option<&'static Object> {
    let changes = event.changes();
    let object = changes.iter().find(|change| change.field == "view.object")?;
    registry.get(object.new.as_str().or(object.old.as_str())?)
}

/// One statement that names every subject, and every record, person or stage that a change points to.
fn names_of(viewer: &Viewer, registry: &'static Registry, events: &[Recorded]) -> Option<Sql> {
    let wanted = wanted(viewer, registry, events);
    let mut statement = Sql::default();
    for (index, (target, ids)) in wanted.into_iter().enumerate() {
        statement.push(if index > 0 { " UNION ALL " } else { "" });
        let plain = plain_target(target).map(|plain| (plain.table, plain.title_column));
        let plain = plain.or(["price_list", views::SUBJECT].contains(&target).then_some((target, "name")));
        let mut select = |table: &str, title: &str, beside: &str, is_gone: &str| {
            statement.push(&format!(
                "SELECT t.id AS id, t.{title} AS name, {beside} AS beside, CAST({is_gone} AS BIGINT) AS is_gone
                   FROM {table} t WHERE t.id IN ("
            ));
            statement.bind_list(ids.iter().copied()).push(")");
        };
        const GONE: &str = "CASE WHEN t.deleted_at IS NULL THEN 0 ELSE 1 END";
        match (plain, registry.get(target)) {
            (Some((table, title)), _) => match table {
                "stage" | "pipeline" | "price_list" => select(table, title, &format!("'{table}'"), GONE),
                views::SUBJECT => select(table, title, "t.object", "0"),
                _ => select(table, title, "CAST(NULL AS TEXT)", "0"),
            },
            (None, Some(object)) => {
                let currency = if object.field("currency").is_some() { "t.currency" } else { "CAST(NULL AS TEXT)" };
                select(object.table, object.title_field().column, currency, GONE);
                statement.push(" AND ");
                (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
            }
            (None, None) => {
                statement.push("SELECT t.id, t.name, CAST(NULL AS TEXT), CAST(0 AS BIGINT) FROM stage t WHERE FALSE");
            }
        }
    }
    (!statement.text.is_empty()).then_some(statement)
}

/// What is to be named, by kind.
fn wanted(viewer: &Viewer, registry: &'static Registry, events: &[Recorded]) -> BTreeMap<&'static str, BTreeSet<Uuid>> {
    let mut wanted: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
    let ids = |change: &Change| {
        let both = [&change.old, &change.new].map(|json| json.as_str().and_then(|text| text.parse::<Uuid>().ok()));
        both.into_iter().flatten().collect::<Vec<_>>()
    };
    for event in events {
        let object = registry.get(&event.subject_type);
        let tells_of_lists = viewer.has(Role::Auditor);
        match (object, event.subject_type.as_str()) {
            (Some(object), _) => drop(wanted.entry(object.name).or_default().insert(event.subject_id)),
            (None, "settings") if !event.subject_id.is_nil() => {
                for table in ["stage", "pipeline", "price_list"] {
                    wanted.entry(table).or_default().insert(event.subject_id);
                }
            }
            (None, views::SUBJECT) if tells_of_lists => {
                wanted.entry(views::SUBJECT).or_default().insert(event.subject_id);
            }
            _ => {}
        }
        let listed = object.or_else(|| listed_by(registry, event));
        for change in event.changes() {
            let field = object.and_then(|object| object.field(&change.field));
            let pointed_to = match (field.map(|field| field.kind), fact(&change.field).map(|fact| &fact.kind)) {
                (Some(Kind::Ref(target)), _) => Some(target),
                (None, Some(FactKind::Names(target))) => Some(*target),
                _ => None,
            };
            match pointed_to {
                Some(target) => wanted.entry(target).or_default().extend(ids(&change)),
                _ if change.field == "view.owner" && tells_of_lists => {
                    wanted.entry("person").or_default().extend(ids(&change));
                }
                _ if change.field == "filter" => {
                    let filters = [&change.old, &change.new].into_iter().filter_map(Json::as_str);
                    let people = filters.filter_map(|text| audit::Filter::parse(text, registry).person);
                    wanted.entry("person").or_default().extend(people);
                }
                _ if matches!(change.field.as_str(), "query" | "view.query") && tells_of_lists => {
                    let Some(object) = listed else { continue };
                    let queries = [&change.old, &change.new].into_iter().filter_map(Json::as_str);
                    for filter in queries.flat_map(|query| Asks::parse(query).filters) {
                        let Ok(filter) = Filter::parse(object, viewer, &filter) else { continue };
                        let Kind::Ref(target) = filter.field.kind else { continue };
                        let ids = filter.values.iter().filter_map(|value| value.parse::<Uuid>().ok());
                        wanted.entry(target).or_default().extend(ids);
                    }
                }
                _ => {}
            }
        }
    }
    wanted.retain(|_, ids| !ids.is_empty());
    wanted
}

/// `seller manager` → "Seller, Sales manager".
pub fn role_names(locale: Locale, roles: &str) -> String {
    value::names_of(people::ROLE_NAMES, roles, locale)
}

/// What kind of thing an event happened to.
pub fn subject_type(locale: Locale, name: &str) -> String {
    match name {
        "settings" => locale.text("nav-settings"),
        "audit" => locale.text("nav-audit"),
        views::SUBJECT => locale.text("saved-view"),
        _ => locale.text(name),
    }
}

/// What happened: `signed_in` → "Signed in".
pub fn kind(locale: Locale, kind: &str) -> String {
    let key = format!("event-{}", kind.replace('_', "-"));
    if locale.has(&key) { locale.text(&key) } else { kind.to_owned() }
}

fn field_label(locale: Locale, registry: &'static Registry, subject: &str, key: &str) -> String {
    if let Some(object) = registry.get(subject)
        && let Some(field) = object.field(key)
    {
        return locale.text(&object.label_key(field));
    }
    let object_name = |object: &str| subject_type(locale, object);
    let hidden = |object: &str, field: &str| match registry
        .get(object)
        .and_then(|object| Some((object, object.field(field)?)))
    {
        Some((object, field)) => locale.text(&object.label_key(field)),
        None => field.to_owned(),
    };
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        ["access", object, "hidden", field, role] => {
            let role = role_names(locale, role);
            let what = hidden(object, field);
            locale.text_with("change-hidden", &[("object", &object_name(object)), ("field", &what), ("role", &role)])
        }
        ["access", object, "default"] => {
            format!("{} · {}", object_name(object), locale.text("settings-access-default"))
        }
        ["access", object, role, what] => {
            let what = locale.text(&format!("settings-access-{what}"));
            format!("{} · {} · {what}", object_name(object), role_names(locale, role))
        }
        ["rate", currency, day] => locale.text_with("change-rate", &[("currency", currency), ("day", day)]),
        ["price", ..] => locale.text_with("change-price", &[("product", key.trim_start_matches("price."))]),
        _ => {
            let message = format!("change-{}", key.replace(['.', '_'], "-"));
            if locale.has(&message) { locale.text(&message) } else { key.to_owned() }
        }
    }
}
