//! Access rules: what each role may do with a kind of record, what everybody reads at least, and which fields are hidden.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::Session;

use super::{form_of, placed, seen_of_house};
use crate::shell::access::{Level, Role};
use crate::shell::api::operation::pascal;
use crate::shell::api::{Answer, Api, Body, IfMatch, Members, Operation, schema_of};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Object, Registry};
use crate::shell::viewer::Viewer;
use crate::system::administrator::at_api;
use crate::system::form::Sent;
use crate::system::settings::access::{Standing, hideable, store};
use crate::system::settings::{ADMIN, version};

#[derive(Serialize, schemars::JsonSchema)]
struct Access {
    version: i64,
    /// What everybody reads at least who may read this kind of record at all.
    default_read: &'static str,
    roles: BTreeMap<&'static str, Rule>,
    hidden: Vec<HiddenField>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Rule {
    read: &'static str,
    write: &'static str,
    create: bool,
    export: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct HiddenField {
    field: String,
    #[schemars(extend("enum" = roles()))]
    role: String,
}

fn levels() -> Json {
    Level::ALL.map(Level::key).into_iter().collect()
}

fn roles() -> Json {
    Role::ALL.iter().map(|role| role.key()).collect()
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(default)]
    #[schemars(extend("enum" = levels()))]
    default_read: Option<String>,
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "enum": roles() }))]
    roles: BTreeMap<String, Members<RulePatch>>,
    #[serde(default)]
    hidden: Option<Vec<Members<HiddenField>>>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RulePatch {
    #[serde(default)]
    #[schemars(extend("enum" = levels()))]
    read: Option<String>,
    #[serde(default)]
    #[schemars(extend("enum" = levels()))]
    write: Option<String>,
    #[serde(default)]
    create: Option<bool>,
    #[serde(default)]
    export: Option<bool>,
}

pub fn operations(registry: &'static Registry) -> Api {
    registry.objects.iter().copied().fold(Api::new(), of_object)
}

fn of_object(api: Api, object: &'static Object) -> Api {
    let (path, name) = (format!("/api/settings/access/{}", object.plural), pascal(object.name));
    let gives = |operation: Operation| operation.policy(ADMIN).gives(200, schema_of::<Access>()).with_header("ETag");
    api.operation(
        gives(Operation::get(&path, format!("get{name}Access"), object.name, "api-access")),
        move |State(app): State<App>| async move { told(&mut app.db.read().await?, object).await },
    )
    .operation(
        gives(
            Operation::new(Method::PATCH, &path, format!("update{name}Access"), object.name, "api-access-update")
                .conditional()
                .takes(schema_of::<Patch>())
                .example(json!({ "roles": { "seller": { "export": false } } })),
        ),
        move |State(app): State<App>, viewer: Viewer, seen: IfMatch, body: Body| async move {
            update(object, &app, &viewer, seen, &body).await
        },
    )
}

/// GET /api/settings/access/{plural} · administrators
async fn told(session: &mut Session, object: &'static Object) -> Result<Answer> {
    let (standing, version) = (Standing::load(session, object.name).await?, version(session).await?);
    let rule = |access: &crate::shell::access::Access| Rule {
        read: access.read.key(),
        write: access.write.key(),
        create: access.create,
        export: access.export,
    };
    let mut hidden: Vec<HiddenField> = standing
        .hidden
        .iter()
        .map(|(field, role)| HiddenField { field: field.clone(), role: role.key().to_owned() })
        .collect();
    hidden.sort();
    let body = json!(Access {
        version,
        default_read: standing.default.key(),
        roles: standing.rules.iter().map(|(role, access)| (role.key(), rule(access))).collect(),
        hidden,
    });
    Ok(Answer::of_version(version, body))
}

/// PATCH /api/settings/access/{plural} · administrators: roles that are named, hidden fields all at once
async fn update(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    IfMatch(seen): IfMatch,
    body: &Body,
) -> Result<Answer> {
    let asked: Patch = body.read()?;
    at_api(app, viewer, async |tx, actor| {
        let seen = seen_of_house(tx, seen).await?;
        let standing = Standing::load(tx, object.name).await?;
        let mut form = form_of([("version", seen.to_string()), ("default", standing.default.key().to_owned())]);
        put_standing(&mut form, &standing);
        put_asked(&mut form, object, asked)?;
        store(tx, actor, object, &form).await.map_err(|error| placed(error, in_body))?;
        told(tx, object).await
    })
    .await
}

fn put_standing(form: &mut Sent, standing: &Standing) {
    for (role, access) in &standing.rules {
        let role = role.key();
        form.insert(format!("read-{role}"), access.read.key().to_owned());
        form.insert(format!("write-{role}"), access.write.key().to_owned());
        tick(form, format!("create-{role}"), access.create);
        tick(form, format!("export-{role}"), access.export);
    }
    for (field, role) in &standing.hidden {
        tick(form, format!("hide-{field}-{}", role.key()), true);
    }
}

fn put_asked(form: &mut Sent, object: &'static Object, asked: Patch) -> Result<()> {
    let malformed =
        |field: &str, value: &str| Error::Malformed(vec![FieldError::new(field, "invalid-role").with("value", value)]);
    if let Some(level) = asked.default_read {
        form.insert("default".into(), level);
    }
    for (role, Members(rule)) in asked.roles {
        Role::parse(&role).ok_or_else(|| malformed("roles", &role))?;
        for (what, level) in [("read", rule.read), ("write", rule.write)] {
            form.extend(level.map(|level| (format!("{what}-{role}"), level)));
        }
        for (what, given) in [("create", rule.create), ("export", rule.export)] {
            if let Some(given) = given {
                tick(form, format!("{what}-{role}"), given);
            }
        }
    }
    let Some(hidden) = asked.hidden else { return Ok(()) };
    form.retain(|name, _| !name.starts_with("hide-"));
    for Members(HiddenField { field, role }) in hidden {
        Role::parse(&role).ok_or_else(|| malformed("hidden", &role))?;
        if !hideable(object).any(|known| known.key == field) {
            return Err(Error::Invalid(vec![FieldError::new("hidden", "invalid-field").with("value", field)]));
        }
        tick(form, format!("hide-{field}-{role}"), true);
    }
    Ok(())
}

fn tick(form: &mut Sent, name: String, is_ticked: bool) {
    if is_ticked {
        form.insert(name, "on".into());
    } else {
        form.remove(&name);
    }
}

/// `write-seller` → `roles.seller.write`.
fn in_body(field: &str) -> String {
    match field.split_once('-') {
        Some((what @ ("read" | "write"), role)) => format!("roles.{role}.{what}"),
        _ if field == "default" => "default_read".into(),
        _ => field.to_owned(),
    }
}
