//! Events in words: what was changed, from what to what, as far as the viewer may know. The subject's name and its values are
//! told only to who may read the subject; people and settings are the house's own affairs and open to who may look at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;
use store::event::{Change, Recorded};
use store::{Session, Sql, Uuid};

use crate::shell::access::{Level, Right, Role};
use crate::shell::error::Result;
use crate::shell::i18n::Locale;
use crate::shell::record::{Kind, Object, Registry, plain_target, told, value};
use crate::shell::viewer::Viewer;
use crate::shell::views;

/// The names that a page of events needs, read in one statement through the viewer's scope.
pub struct Wording {
    viewer: Viewer,
    registry: &'static Registry,
    names: HashMap<Uuid, (String, Option<String>)>,
}

impl Wording {
    pub async fn load(
        session: &mut Session,
        viewer: &Viewer,
        registry: &'static Registry,
        events: &[Recorded],
    ) -> Result<Wording> {
        let statement = names_of(viewer, registry, events);
        let names = match statement {
            Some(statement) => session
                .all::<(Uuid, String, Option<String>)>(statement)
                .await?
                .into_iter()
                .map(|(id, name, currency)| (id, (name, currency)))
                .collect(),
            None => HashMap::new(),
        };
        Ok(Wording { viewer: viewer.clone(), registry, names })
    }

    /// Why it was done, as people read it.
    pub fn reason(&self, event: &Recorded) -> Option<String> {
        told::reason_of(event, self.viewer.locale, None)
    }

    /// The subject's name; `None` when it is not the viewer's to know.
    pub fn subject(&self, event: &Recorded) -> Option<String> {
        let locale = self.viewer.locale;
        match event.subject_type.as_str() {
            "settings" => Some(match self.names.get(&event.subject_id) {
                Some((name, _)) => name.clone(),
                None => locale.text("settings-house"),
            }),
            "audit" => Some(locale.text("nav-audit")),
            // What is gone is told by its last event.
            views::SUBJECT if self.tells_of_views() => {
                self.names.get(&event.subject_id).map(|(name, _)| name.clone()).or_else(|| {
                    event.changes().iter().find(|change| change.field == "view.name")?.old.as_str().map(str::to_owned)
                })
            }
            _ => self.names.get(&event.subject_id).map(|(name, _)| name.clone()),
        }
    }

    /// A view's name and filters speak of customers; it may be nobody else's business.
    fn tells_of_views(&self) -> bool {
        self.viewer.has(Role::Auditor)
    }

    /// Which changes of an event the viewer may know.
    pub fn visible_changes(&self, event: &Recorded) -> Vec<Change> {
        let changes = event.changes();
        match self.registry.get(&event.subject_type) {
            Some(object) if object.name != "person" => match self.names.get(&event.subject_id) {
                Some(_) => changes.into_iter().filter(|change| self.viewer.sees(object, &change.field)).collect(),
                None => Vec::new(),
            },
            _ if event.subject_type == views::SUBJECT && !self.tells_of_views() => Vec::new(),
            _ => changes,
        }
    }

    /// Label, old and new value of a change that [`Wording::visible_changes`] gave.
    pub fn change(&self, event: &Recorded, change: &Change) -> (String, String, String) {
        let label = field_label(self.viewer.locale, self.registry, &event.subject_type, &change.field);
        (label, self.value(event, &change.field, &change.old), self.value(event, &change.field, &change.new))
    }

    /// Old and new value of such a change as the API writes them. What is not the viewer's to know is null.
    pub fn plain(&self, event: &Recorded, change: &Change) -> (Json, Json) {
        let field = self.registry.get(&event.subject_type).and_then(|object| object.field(&change.field));
        let base = self.viewer.config.base_currency.as_str();
        let currency = self.names.get(&event.subject_id).and_then(|(_, currency)| currency.as_deref()).unwrap_or(base);
        let plain = |json: &Json| {
            let Some(field) = field.filter(|_| !json.is_null()) else { return json.clone() };
            let cell = value::from_raw_json(field, json);
            let is_hidden =
                matches!(field.kind, Kind::Ref(_)) && cell.id().is_none_or(|id| !self.names.contains_key(&id));
            let currency = if field.kind == Kind::BaseMoney { base } else { currency };
            if is_hidden { Json::Null } else { value::to_json(field, &cell, currency) }
        };
        (plain(&change.old), plain(&change.new))
    }

    fn value(&self, event: &Recorded, field: &str, json: &Json) -> String {
        let text = match self.registry.get(&event.subject_type) {
            Some(object) => self.value_of_record(object, event.subject_id, field, json),
            None => value_of_house(self.viewer.locale, field, json),
        };
        if text.is_empty() { "–".into() } else { text }
    }

    fn value_of_record(&self, object: &'static Object, id: Uuid, key: &str, json: &Json) -> String {
        let (locale, config) = (self.viewer.locale, &self.viewer.config);
        if object.name == "person" && key == "roles" {
            return json.as_str().map(|roles| role_names(locale, roles)).unwrap_or_default();
        }
        let Some(field) = object.field(key) else { return value_of_house(locale, key, json) };
        let cell = value::from_raw_json(field, json);
        let label = cell.id().and_then(|id| self.names.get(&id)).map(|(name, _)| name.as_str());
        let currency = self.names.get(&id).and_then(|(_, currency)| currency.as_deref());
        value::shown(object, field, &cell, label, currency.unwrap_or(&config.base_currency), locale, &config.zone)
    }
}

/// One statement that names every subject, and every record, person or stage that a change points to.
fn names_of(viewer: &Viewer, registry: &'static Registry, events: &[Recorded]) -> Option<Sql> {
    let mut wanted: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
    for event in events {
        let Some(object) = registry.get(&event.subject_type) else {
            if event.subject_type == "settings" && !event.subject_id.is_nil() {
                for table in ["stage", "pipeline", "price_list"] {
                    wanted.entry(table).or_default().insert(event.subject_id);
                }
            }
            if event.subject_type == views::SUBJECT && viewer.has(Role::Auditor) {
                wanted.entry(views::SUBJECT).or_default().insert(event.subject_id);
            }
            continue;
        };
        wanted.entry(object.name).or_default().insert(event.subject_id);
        for change in event.changes() {
            let Some(Kind::Ref(target)) = object.field(&change.field).map(|field| field.kind) else { continue };
            let ids = [&change.old, &change.new].into_iter().filter_map(|json| json.as_str()?.parse::<Uuid>().ok());
            wanted.entry(target).or_default().extend(ids);
        }
    }
    wanted.retain(|_, ids| !ids.is_empty());
    let mut statement = Sql::default();
    for (index, (target, ids)) in wanted.into_iter().enumerate() {
        statement.push(if index > 0 { " UNION ALL " } else { "" });
        let plain = plain_target(target).map(|plain| (plain.table, plain.title_column));
        let plain = plain.or(["price_list", views::SUBJECT].contains(&target).then_some((target, "name")));
        match (plain, registry.get(target)) {
            (Some((table, title)), _) => {
                statement.push(&format!("SELECT t.id, t.{title}, CAST(NULL AS TEXT) FROM {table} t WHERE t.id IN ("));
                statement.bind_list(ids).push(")");
            }
            (None, Some(object)) => {
                let currency = if object.field("currency").is_some() { "t.currency" } else { "CAST(NULL AS TEXT)" };
                let title = object.title_field().column;
                statement.push(&format!("SELECT t.id, t.{title}, {currency} FROM {} t WHERE t.id IN (", object.table));
                statement.bind_list(ids).push(") AND ");
                (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
            }
            (None, None) => {
                statement.push("SELECT t.id, t.name, CAST(NULL AS TEXT) FROM stage t WHERE FALSE");
            }
        }
    }
    (!statement.text.is_empty()).then_some(statement)
}

/// `seller manager` → "Seller, Sales manager".
pub fn role_names(locale: Locale, roles: &str) -> String {
    let names: Vec<String> = roles.split_whitespace().map(|role| locale.text(&format!("role-{role}"))).collect();
    names.join(if locale == Locale::Zh { "、" } else { ", " })
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

fn value_of_house(locale: Locale, key: &str, json: &Json) -> String {
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
            "stage.kind" => locale.text(&format!("stage-kind-{text}")),
            _ => text.clone(),
        },
        other => other.to_string(),
    }
}
