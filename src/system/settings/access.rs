//! Access rules: role × kind of record. How far reading and changing reach, who may make new ones and take them out, what
//! everybody reads at least, and which fields a role doesn't see. In force on the next request.

use std::collections::HashSet;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Session, Tx, sql};

use super::{ADMIN, HOUSE, at_page, begin, finish, saved, tabs, version};
use crate::shell::access::{Access, Level, Role};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond, respond_with};
use crate::shell::record::{Actor, Field, Object};
use crate::shell::routes::Routes;
use crate::shell::viewer::Viewer;
use crate::system::form::{Reader, Sent, Typed};
use crate::system::history::{Changes, conflict_page};

const HERE: &str = "/settings/access";

pub fn routes() -> Routes {
    Routes::new().get(HERE, ADMIN, matrix).get("/settings/access/{object}", ADMIN, show).post(
        "/settings/access/{object}",
        ADMIN,
        save,
    )
}

/// The rules of one kind of record as they stand in the database.
pub(super) struct Standing {
    pub rules: Vec<(Role, Access)>,
    pub default: Level,
    pub hidden: HashSet<(String, Role)>,
}

impl Standing {
    pub async fn load(session: &mut Session, object: &str) -> Result<Standing> {
        let rows: Vec<(String, String, String, bool, bool)> = session
            .all(sql!(
                "SELECT role, read_level, write_level, may_create, may_export FROM access_rule WHERE object = $1",
                object
            ))
            .await?;
        let of = |role: Role| {
            let row = rows.iter().find(|(key, ..)| key == role.key());
            row.map_or(Access::default(), |(_, read, write, create, export)| Access {
                read: Level::parse(read).unwrap_or_default(),
                write: Level::parse(write).unwrap_or_default(),
                create: *create,
                export: *export,
            })
        };
        let rules = Role::ALL.into_iter().map(|role| (role, of(role))).collect();
        let default: Option<String> =
            session.value(sql!("SELECT read_level FROM default_access WHERE object = $1", object)).await?;
        let hidden: Vec<(String, String)> =
            session.all(sql!("SELECT field, role FROM hidden_field WHERE object = $1", object)).await?;
        Ok(Standing {
            rules,
            default: default.as_deref().and_then(Level::parse).unwrap_or_default(),
            hidden: hidden.into_iter().filter_map(|(field, role)| Some((field, Role::parse(&role)?))).collect(),
        })
    }
}

struct CellView {
    read: String,
    write: String,
    is_none: bool,
    marks: String,
}

struct RowView {
    object: String,
    href: String,
    default: String,
    cells: Vec<CellView>,
}

#[derive(askama::Template)]
#[template(path = "system/settings/access.html")]
struct MatrixBody<'a> {
    page: &'a Page,
    tabs: Html,
    roles: Vec<String>,
    rows: Vec<RowView>,
    /// Kind of record, and what the levels mean for it.
    exceptions: Vec<(String, String)>,
}

/// GET /settings/access: the whole matrix to look at; a row opens the form of its kind of record.
async fn matrix(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let locale = viewer.locale;
    let page = Page::new(&viewer, &asked, locale.text("settings-access"));
    let rules = viewer.rules();
    let rows = app
        .registry
        .objects
        .iter()
        .map(|object| RowView {
            object: object_title(locale, object),
            href: format!("{HERE}/{}", object.name),
            default: level_text(locale, rules.default_read.get(object.name).copied().unwrap_or_default()),
            cells: Role::ALL
                .into_iter()
                .map(|role| {
                    let access = rules.by_role.get(&(role, object.name.to_owned())).copied().unwrap_or_default();
                    let marks = [(access.create, "settings-access-create"), (access.export, "settings-access-export")];
                    let marks: Vec<String> =
                        marks.into_iter().filter(|(given, _)| *given).map(|(_, key)| locale.text(key)).collect();
                    CellView {
                        read: level_text(locale, access.read),
                        write: level_text(locale, access.write),
                        is_none: access == Access::default(),
                        marks: marks.join(" · "),
                    }
                })
                .collect(),
        })
        .collect();
    let roles = Role::ALL.into_iter().map(|role| locale.text(&format!("role-{}", role.key()))).collect();
    let exceptions = app.registry.objects.iter().filter_map(|object| {
        let exception = exception(object)?;
        Some((object_title(locale, object), locale.text(exception)))
    });
    let exceptions = exceptions.collect();
    respond(&page, &MatrixBody { tabs: tabs(&page, HERE)?, roles, rows, exceptions, page: &page })
}

/// What the levels mean where it is not just who looks after a record (decision 0007).
fn exception(object: &Object) -> Option<&'static str> {
    match object.name {
        "contact" => Some("settings-access-levels-contact"),
        "activity" => Some("settings-access-levels-activity"),
        _ => None,
    }
}

fn object_title(locale: Locale, object: &Object) -> String {
    locale.text(&format!("nav-{}", object.plural))
}

fn level_text(locale: Locale, level: Level) -> String {
    locale.text(&format!("level-{}", level.key()))
}

/// Products and people have no owner: one reads all of them or none.
pub(super) fn levels(object: &Object) -> &'static [Level] {
    if object.field("owner").is_some() { &Level::ALL } else { &[Level::None, Level::All] }
}

/// What may be hidden: not what names a record, must be filled in or keeps the house in order.
pub(super) fn hideable(object: &'static Object) -> impl Iterator<Item = &'static Field> {
    let fields = object.fields.iter().filter(|field| !field.is_virtual() && !field.required && !field.always_shown);
    fields.filter(|field| field.key != object.title)
}

struct Choice {
    key: &'static str,
    text: String,
    chosen: bool,
}

struct RoleRow {
    key: &'static str,
    name: String,
    read: Vec<Choice>,
    write: Vec<Choice>,
    create: bool,
    export: bool,
    error: String,
}

struct FieldRow {
    key: &'static str,
    name: String,
    /// role key, role name, hidden
    boxes: Vec<(&'static str, String, bool)>,
}

#[derive(askama::Template)]
#[template(path = "system/settings/access_object.html")]
struct ObjectBody<'a> {
    page: &'a Page,
    title: String,
    levels: String,
    action: String,
    version: String,
    errors: Vec<String>,
    defaults: Vec<Choice>,
    rows: Vec<RoleRow>,
    roles: Vec<String>,
    fields: Vec<FieldRow>,
    others: Vec<(String, String, bool)>,
}

fn object_of(app: &App, name: &str) -> Result<&'static Object> {
    app.registry.get(name).ok_or(Error::NotFound)
}

/// GET /settings/access/{object}
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(object): Path<String>) -> Result<Response> {
    form(&app, &viewer, &asked, object_of(&app, &object)?, StatusCode::OK, &Typed::default()).await
}

async fn form(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    object: &'static Object,
    status: StatusCode,
    typed: &Typed,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let standing = Standing::load(&mut session, object.name).await?;
    let version = version(&mut session).await?;
    drop(session);
    let locale = viewer.locale;
    let choices = |name: &str, standing: Level| -> Vec<Choice> {
        let chosen = typed.or(name, standing.key());
        let choice = |level: &Level| Choice {
            key: level.key(),
            text: level_text(locale, *level),
            chosen: level.key() == chosen,
        };
        levels(object).iter().map(choice).collect()
    };
    let rows = standing
        .rules
        .iter()
        .map(|(role, access)| {
            let key = role.key();
            RoleRow {
                key,
                name: locale.text(&format!("role-{key}")),
                read: choices(&format!("read-{key}"), access.read),
                write: choices(&format!("write-{key}"), access.write),
                create: typed.ticked_or(&format!("create-{key}"), access.create),
                export: typed.ticked_or(&format!("export-{key}"), access.export),
                error: typed.error(&format!("write-{key}"), locale),
            }
        })
        .collect();
    let fields = hideable(object)
        .map(|field| FieldRow {
            key: field.key,
            name: locale.text(&object.label_key(field)),
            boxes: Role::ALL
                .into_iter()
                .map(|role| {
                    let is_hidden = standing.hidden.contains(&(field.key.to_owned(), role));
                    let ticked = typed.ticked_or(&format!("hide-{}-{}", field.key, role.key()), is_hidden);
                    (role.key(), locale.text(&format!("role-{}", role.key())), ticked)
                })
                .collect(),
        })
        .collect();
    let page =
        Page::new(viewer, asked, format!("{} · {}", locale.text("settings-access"), object_title(locale, object)));
    let body = ObjectBody {
        title: object_title(locale, object),
        levels: locale.text(exception(object).unwrap_or("settings-access-levels")),
        action: format!("{HERE}/{}", object.name),
        version: typed.or("version", version),
        errors: typed.errors.iter().map(|error| error.text(locale)).collect(),
        defaults: choices("default", standing.default),
        rows,
        roles: Role::ALL.into_iter().map(|role| locale.text(&format!("role-{}", role.key()))).collect(),
        fields,
        others: app
            .registry
            .objects
            .iter()
            .map(|one| (format!("{HERE}/{}", one.name), object_title(locale, one), one.name == object.name))
            .collect(),
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /settings/access/{object}
async fn save(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(object): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let object = object_of(&app, &object)?;
    let here = format!("{HERE}/{}", object.name);
    match at_page(&app, &viewer, async |tx, actor| store(tx, actor, object, &sent).await).await {
        Ok(()) => Ok(saved(&viewer, &asked, &here)),
        Err(Error::Invalid(errors)) => {
            let typed = Typed::refused(sent, errors);
            form(&app, &viewer, &asked, object, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
        }
        Err(Error::Conflict(_)) => {
            let seen = Reader::of(&sent).version();
            let part = part(object);
            conflict_page(&app, &viewer, &asked, HOUSE, seen, |field| field.starts_with(&part), &here).await
        }
        Err(error) => Err(error),
    }
}

fn part(object: &Object) -> String {
    format!("access.{}.", object.name)
}

/// What a sent form asks for.
fn read(object: &'static Object, form: &mut Reader<'_>) -> Standing {
    let level = |text: &str| Level::parse(text).filter(|level| levels(object).contains(level));
    let default = form.choice("default", level, Level::None);
    let mut rules = Vec::new();
    for role in Role::ALL {
        let key = role.key();
        let access = Access {
            read: form.choice(&format!("read-{key}"), level, Level::None),
            write: form.choice(&format!("write-{key}"), level, Level::None),
            create: form.is_ticked(&format!("create-{key}")),
            export: form.is_ticked(&format!("export-{key}")),
        };
        // Nobody changes what they may not see: the rule would say something that isn't so.
        if access.write > access.read.max(default) {
            form.wrong(&format!("write-{key}"), "refused-write-beyond-read");
        }
        rules.push((role, access));
    }
    let mut hidden = HashSet::new();
    for field in hideable(object) {
        for role in Role::ALL {
            if form.is_ticked(&format!("hide-{}-{}", field.key, role.key())) {
                hidden.insert((field.key.to_owned(), role));
            }
        }
    }
    Standing { rules, default, hidden }
}

pub(super) async fn store(tx: &mut Tx, actor: &Actor, object: &'static Object, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let asked = read(object, &mut form);
    let seen = form.version();
    form.finish()?;
    let part = part(object);
    let version = begin(tx, seen, |field| field.starts_with(&part)).await?;
    let before = Standing::load(tx, object.name).await?;
    let changes = differences(object, &before, &asked);
    write(tx, object, &asked).await?;
    finish(tx, actor, version, changes).await
}

fn differences(object: &Object, before: &Standing, after: &Standing) -> Changes {
    let mut changes = Changes::default();
    let name = object.name;
    changes.add(format!("access.{name}.default"), before.default.key(), after.default.key());
    for ((role, old), (_, new)) in before.rules.iter().zip(&after.rules) {
        let at = |what: &str| format!("access.{name}.{}.{what}", role.key());
        changes.add(at("read"), old.read.key(), new.read.key());
        changes.add(at("write"), old.write.key(), new.write.key());
        changes.add(at("create"), old.create, new.create);
        changes.add(at("export"), old.export, new.export);
    }
    let mut fields: Vec<&(String, Role)> = before.hidden.symmetric_difference(&after.hidden).collect();
    fields.sort();
    for at in fields {
        let is_hidden = after.hidden.contains(at);
        changes.add(format!("access.{name}.hidden.{}.{}", at.0, at.1.key()), !is_hidden, is_hidden);
    }
    changes
}

async fn write(tx: &mut Tx, object: &Object, asked: &Standing) -> Result<()> {
    tx.execute(sql!("DELETE FROM access_rule WHERE object = $1", object.name)).await?;
    for (role, access) in &asked.rules {
        tx.execute(sql!(
            "INSERT INTO access_rule (role, object, read_level, write_level, may_create, may_export) VALUES ($1, $2, $3, $4, $5, $6)",
            role.key(),
            object.name,
            access.read.key(),
            access.write.key(),
            access.create,
            access.export
        ))
        .await?;
    }
    tx.execute(sql!("DELETE FROM default_access WHERE object = $1", object.name)).await?;
    if asked.default > Level::None {
        tx.execute(sql!(
            "INSERT INTO default_access (object, read_level) VALUES ($1, $2)",
            object.name,
            asked.default.key()
        ))
        .await?;
    }
    tx.execute(sql!("DELETE FROM hidden_field WHERE object = $1", object.name)).await?;
    for (field, role) in &asked.hidden {
        tx.execute(sql!(
            "INSERT INTO hidden_field (object, field, role) VALUES ($1, $2, $3)",
            object.name,
            field,
            role.key()
        ))
        .await?;
    }
    Ok(())
}
