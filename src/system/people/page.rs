//! A person's page. Everybody sees name, title and office; HR sees how people are placed; the administrator changes roles,
//! reporting line and access. The profile itself is edited with the record form, like any record.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use store::{Day, Instant, Session, Uuid, sql};

use super::command::{self, Which};
use super::hand_over;
use super::sessions::{SessionView, session_by_key, sessions_of};
use crate::shell::access::{Level, Role};
use crate::shell::app::App;
use crate::shell::by_name;
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, Toast, avatar_colour, done, initials, render, respond_with, who};
use crate::shell::record::OWNER;
use crate::shell::records::id as parse_id;
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;
use crate::system::administrator::{ADMIN, at_page};
use crate::system::form::{Reader, Sent, Typed};
use crate::system::history::{By, conflict_page};
use crate::system::wording::role_names;

pub fn routes() -> Routes {
    Routes::new()
        .get("/people/{id}", Policy::Read("person"), show)
        .post("/people/{id}/roles", ADMIN, set_roles)
        .post("/people/{id}/manager", ADMIN, set_manager)
        .post("/people/{id}/invitation", ADMIN, invite)
        .get("/people/{id}/disable", ADMIN, ask_disable)
        .post("/people/{id}/disable", ADMIN, disable)
        .post("/people/{id}/enable", ADMIN, enable)
        .post("/people/{id}/sessions", ADMIN, end_sessions)
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    version: i64,
    name: String,
    email: String,
    title: Option<String>,
    office: Option<String>,
    locale: Option<String>,
    state: String,
    created_at: Instant,
    roles: Option<String>,
    tokens: i64,
    /// How many links for a password were made so far.
    links: i64,
}

impl PersonRow {
    /// Who keeps the people is told whether a link was made.
    fn state_key(&self, viewer: &Viewer) -> String {
        let is_told = super::TOLD_TO.iter().any(|role| viewer.has(*role));
        let state =
            if is_told && self.state == "invited" && self.links == 0 { "uninvited" } else { self.state.as_str() };
        format!("person-state-{state}")
    }
}

const PERSON: &str = "
    SELECT p.version, p.name, p.email, p.title, p.office, p.locale, p.state, p.created_at,
           (SELECT STRING_AGG(r.role, ' ') FROM person_role r WHERE r.person_id = p.id) AS roles,
           (SELECT COUNT(*) FROM api_token k WHERE k.person_id = p.id AND k.revoked_at IS NULL
                                               AND (k.expires_at IS NULL OR k.expires_at > $2)) AS tokens,
           (SELECT COUNT(*) FROM event e WHERE e.subject_id = p.id AND e.kind = 'invited') AS links
      FROM person p WHERE p.id = $1 AND p.deleted_at IS NULL";

struct LineView {
    manager_id: Uuid,
    manager: String,
    href: String,
    from: String,
    to: String,
    is_now: bool,
    is_ahead: bool,
}

#[derive(askama::Template)]
#[template(path = "system/people/record.html")]
struct RecordBody<'a> {
    page: &'a Page,
    id: Uuid,
    person: &'a PersonRow,
    colour: u32,
    initials: String,
    /// Administrator: forms instead of facts.
    keeps: bool,
    /// Administrator, HR and the person: roles, reporting line, language.
    sees: bool,
    /// As in the list of people.
    sees_email: bool,
    sees_state: bool,
    may_edit: bool,
    state_name: String,
    locale_name: String,
    role_names: String,
    roles: Vec<(&'static str, String, String, bool)>,
    created: String,
    lines: Vec<LineView>,
    manager: Option<(Uuid, String)>,
    reports: Vec<(String, String, String)>,
    /// The lists of what they own, where the viewer may read such records.
    owned: Vec<(String, String)>,
    sessions: Vec<SessionView>,
    today: Day,
    errors: Vec<String>,
    link: Option<String>,
    left: Vec<(String, i64)>,
    hand_over: Option<HandOver>,
}

struct HandOver {
    state: String,
    done: i64,
    total: i64,
    runs: bool,
}

/// GET /people/{id}
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(person): Path<String>) -> Result<Response> {
    record_page(&app, &viewer, &asked, parse_id(&person)?, StatusCode::OK, &Typed::default(), None).await
}

async fn record_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    status: StatusCode,
    typed: &Typed,
    link: Option<String>,
) -> Result<Response> {
    let (locale, zone) = (viewer.locale, &viewer.config.zone);
    let now = app.clock.now();
    let today = viewer.config.today(now);
    let keeps = viewer.has(Role::Admin);
    let sees = keeps || viewer.has(Role::Hr) || viewer.person == id;
    let object = app.registry.get("person").ok_or(Error::NotFound)?;
    let mut session = app.db.read().await?;
    let person: PersonRow = session.optional(sql!(PERSON, id, now)).await?.ok_or(Error::NotFound)?;
    let (lines, reports) = if sees {
        (lines_of(&mut session, viewer, id, today).await?, reports_of(&mut session, id).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    let sessions = if keeps { sessions_of(&mut session, viewer, id, now).await? } else { Vec::new() };
    let (left, hand_over) = if keeps && person.state == "disabled" {
        let counts = hand_over::counts(&mut session, app.registry, id, now).await?;
        let left = counts.into_iter().filter(|(_, count)| *count > 0);
        let left = left.map(|(object, count)| (locale.text(&format!("hand-over-{}", object.plural)), count)).collect();
        (left, hand_over::latest(&mut session, id).await?)
    } else {
        (Vec::new(), None)
    };
    drop(session);
    let held = person.roles.clone().unwrap_or_default();
    let roles = Role::ALL.into_iter().map(|role| {
        let key = role.key();
        let ticked = typed.ticked_or(&format!("role-{key}"), held.split(' ').any(|one| one == key));
        (key, locale.text(&format!("role-{key}")), locale.text(&format!("role-{key}-hint")), ticked)
    });
    let page = Page::new(viewer, asked, person.name.clone());
    let now_line = lines.iter().find(|line| line.is_now);
    let body = RecordBody {
        page: &page,
        id,
        colour: avatar_colour(&person.name),
        initials: initials(&person.name),
        keeps,
        sees,
        sees_email: sees || viewer.sees(object, "email"),
        sees_state: sees || viewer.sees(object, "state"),
        may_edit: viewer.scope.access("person").write > Level::None,
        locale_name: person
            .locale
            .as_deref()
            .map(|tag| locale.text(&format!("person-locale-{tag}")))
            .unwrap_or_default(),
        state_name: locale.text(&person.state_key(viewer)),
        role_names: role_names(locale, &held),
        roles: roles.collect(),
        created: format::instant(locale, person.created_at, zone),
        manager: now_line.map(|line| (line.manager_id, line.manager.clone())),
        lines,
        reports,
        owned: owned_lists(app, viewer, id),
        sessions,
        today,
        errors: typed.errors.iter().map(|error| error.text(locale)).collect(),
        link,
        left,
        hand_over: hand_over.map(|(state, done, total)| HandOver {
            runs: matches!(state.as_str(), "queued" | "running"),
            state,
            done,
            total: total.unwrap_or(done),
        }),
        person: &person,
    };
    respond_with(status, &page, render(&body)?)
}

/// The lists of what a person owns, of the kinds of record that the viewer may read.
fn owned_lists(app: &App, viewer: &Viewer, person: Uuid) -> Vec<(String, String)> {
    let objects = app.registry.objects.iter().copied();
    let readable =
        objects.filter(|object| viewer.sees(object, OWNER) && viewer.scope.access(object.name).read > Level::None);
    let lists = readable.map(|object| {
        let address = format!("/{}?f={OWNER}:is:{person}", object.plural);
        (address, viewer.locale.text(&format!("{}-plural", object.name)))
    });
    lists.collect()
}

/// Whom a person reported to, reports to and will report to; newest first.
async fn lines_of(session: &mut Session, viewer: &Viewer, person: Uuid, today: Day) -> Result<Vec<LineView>> {
    const LINES: &str = "
        SELECT l.manager_id, m.name, l.from_day, l.to_day
          FROM reporting_line l JOIN person m ON m.id = l.manager_id
         WHERE l.person_id = $1 AND (l.to_day IS NULL OR l.to_day >= l.from_day) ORDER BY l.from_day DESC";
    let rows: Vec<(Uuid, String, Day, Option<Day>)> = session.all(sql!(LINES, person)).await?;
    let locale = viewer.locale;
    Ok(rows
        .into_iter()
        .map(|(id, manager, from, to)| LineView {
            manager_id: id,
            manager,
            href: format!("/people/{id}"),
            is_now: from <= today && to.is_none_or(|to| to >= today),
            is_ahead: from > today,
            from: format::date(locale, from),
            to: to.map(|to| format::date(locale, to)).unwrap_or_default(),
        })
        .collect())
}

/// Who reports to a person today, directly.
async fn reports_of(session: &mut Session, person: Uuid) -> Result<Vec<(String, String, String)>> {
    const REPORTS: &str = "
        SELECT p.id, p.name, p.title
          FROM reporting_line l JOIN person p ON p.id = l.person_id, organization o
         WHERE l.manager_id = $1 AND l.from_day <= o.lines_as_of AND (l.to_day IS NULL OR l.to_day >= o.lines_as_of)
           AND p.deleted_at IS NULL AND p.state <> 'disabled'
         ORDER BY p.name_key, p.id LIMIT 200";
    let rows: Vec<(Uuid, String, Option<String>)> = session.all(sql!(REPORTS, person)).await?;
    Ok(rows.into_iter().map(|(id, name, title)| (format!("/people/{id}"), name, title.unwrap_or_default())).collect())
}

/// What a refused action leads to: the page again, with the reason.
async fn refused(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    person: Uuid,
    sent: Sent,
    part: &'static str,
    error: Error,
) -> Result<Response> {
    match error {
        Error::Invalid(errors) => {
            let typed = if part == "roles" { Typed::refused(sent, errors) } else { Typed::reasons(errors) };
            record_page(app, viewer, asked, person, StatusCode::UNPROCESSABLE_ENTITY, &typed, None).await
        }
        Error::Conflict(_) => {
            let seen = Reader::of(&sent).version();
            let back = format!("/people/{person}");
            conflict_page(app, viewer, asked, ("person", person), seen, |field| field == part, &back).await
        }
        other => Err(other),
    }
}

fn saved(viewer: &Viewer, asked: &Asked, person: Uuid, key: &str) -> Response {
    done(asked, &format!("/people/{person}"), Some(Toast::success(viewer.locale.text(key))))
}

/// POST /people/{id}/roles
async fn set_roles(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(person): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let person = parse_id(&person)?;
    let form = Reader::of(&sent);
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| form.is_ticked(&format!("role-{}", role.key()))).collect();
    let version = Some(form.version());
    let outcome = at_page(&app, &viewer, async |tx, actor| {
        command::set_roles(tx, &actor.clock, By::of(actor), person, version, &roles).await
    });
    match outcome.await {
        Ok(()) => Ok(saved(&viewer, &asked, person, "staff-roles-saved")),
        Err(error) => refused(&app, &viewer, &asked, person, sent, "roles", error).await,
    }
}

/// POST /people/{id}/manager
async fn set_manager(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(person): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let person = parse_id(&person)?;
    let outcome = save_manager(&app, &viewer, person, &sent).await;
    match outcome {
        Ok(()) => Ok(saved(&viewer, &asked, person, "staff-line-saved")),
        Err(error) => refused(&app, &viewer, &asked, person, sent, "manager", error).await,
    }
}

/// The person whose name was typed because no script could look them up.
async fn person_named(app: &App, viewer: &Viewer, sent: &Sent, key: &str) -> Result<Option<Uuid>> {
    let form = Reader::of(sent);
    let name = form.raw(&by_name::name_key(key)).trim();
    let field = app.registry.get("person").and_then(|person| person.field("manager"));
    let Some(field) = field.filter(|_| !name.is_empty()) else { return Ok(None) };
    let found = by_name::find_one(app, viewer, field, name, None).await;
    found.map(Some).map_err(|error| by_name::at_input(error, key))
}

async fn save_manager(app: &App, viewer: &Viewer, person: Uuid, sent: &Sent) -> Result<()> {
    let mut form = Reader::of(sent);
    let from = form.day("from");
    let named = person_named(app, viewer, sent, "manager").await?;
    let manager = match form.raw("manager") {
        _ if named.is_some() => named,
        "" => None,
        text => form.choice("manager", |text| text.parse::<Uuid>().ok().map(Some), None).or_else(|| text.parse().ok()),
    };
    let version = form.version();
    form.finish()?;
    at_page(app, viewer, async |tx, actor| {
        let (clock, by) = (&actor.clock, By::of(actor));
        command::set_manager(tx, clock, by, person, Some(version), manager, from, actor.today).await
    })
    .await
}

/// POST /people/{id}/invitation: the link is shown in this answer and never again. A form that arrives once more, because its answer
/// is loaded again, makes no second link: it says how many there were when it was shown.
async fn invite(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    headers: HeaderMap,
    Path(person): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let person = parse_id(&person)?;
    let seen: Option<i64> = Reader::of(&sent).raw("links").parse().ok();
    let invited = at_page(&app, &viewer, async |tx, actor| {
        if seen.is_some() && seen != Some(command::links_made(tx, person).await?) {
            return Ok(None);
        }
        command::new_invitation(tx, &actor.clock, By::of(actor), person).await.map(Some)
    });
    match invited.await {
        Ok(None) => {
            let toast = Toast::danger(viewer.locale.text("staff-link-made"));
            Ok(done(&asked, &format!("/people/{person}"), Some(toast)))
        }
        Ok(Some(token)) => {
            let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("");
            let scheme = if app.https { "https" } else { "http" };
            let link = format!("{scheme}://{host}/invitations/{token}");
            record_page(&app, &viewer, &asked, person, StatusCode::OK, &Typed::default(), Some(link)).await
        }
        Err(error) => refused(&app, &viewer, &asked, person, Sent::new(), "", error).await,
    }
}

#[derive(askama::Template)]
#[template(path = "system/people/disable.html")]
struct DisableBody<'a> {
    page: &'a Page,
    id: Uuid,
    name: Html,
    plain_name: String,
    is_self: bool,
    already: bool,
    counts: Vec<(String, i64)>,
    owns: bool,
    /// Closed deals, which the successor may be shown; and whether they are to be.
    closed: i64,
    sees_closed: bool,
    errors: Vec<String>,
}

/// GET /people/{id}/disable: what the person looks after, and who takes it over.
async fn ask_disable(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(person): Path<String>,
) -> Result<Response> {
    disable_page(&app, &viewer, &asked, parse_id(&person)?, StatusCode::OK, true, Vec::new()).await
}

async fn disable_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    person: Uuid,
    status: StatusCode,
    sees_closed: bool,
    errors: Vec<String>,
) -> Result<Response> {
    let locale = viewer.locale;
    let mut session = app.db.read().await?;
    let (name, state): (String, String) = session
        .optional(sql!("SELECT name, state FROM person WHERE id = $1 AND deleted_at IS NULL", person))
        .await?
        .ok_or(Error::NotFound)?;
    let counts = hand_over::counts(&mut session, app.registry, person, app.clock.now()).await?;
    let closed = hand_over::closed(&mut session, person).await?;
    drop(session);
    let title_key = if state == "disabled" { "staff-hand-over" } else { "staff-disable" };
    let page = Page::new(viewer, asked, locale.text(title_key));
    let body = DisableBody {
        page: &page,
        id: person,
        name: who(&name),
        plain_name: name,
        is_self: person == viewer.person,
        already: state == "disabled",
        owns: closed > 0 || counts.iter().any(|(_, count)| *count > 0),
        closed,
        sees_closed,
        counts: counts
            .into_iter()
            .map(|(object, count)| (locale.text(&format!("hand-over-{}", object.plural)), count))
            .collect(),
        errors,
    };
    respond_with(status, &page, render(&body)?)
}

/// POST /people/{id}/disable
async fn disable(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(person): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let person = parse_id(&person)?;
    match close(&app, &viewer, person, &sent).await {
        Ok(handed_over) => {
            app.jobs.notify_one();
            let key = if handed_over { "staff-disabled-handing-over" } else { "staff-disabled" };
            Ok(saved(&viewer, &asked, person, key))
        }
        Err(Error::Invalid(errors)) => {
            let errors = errors.iter().map(|error| error.text(viewer.locale)).collect();
            let (status, sees_closed) = (StatusCode::UNPROCESSABLE_ENTITY, sees_closed(&sent));
            disable_page(&app, &viewer, &asked, person, status, sees_closed, errors).await
        }
        Err(error) => Err(error),
    }
}

fn sees_closed(sent: &Sent) -> bool {
    Reader::of(sent).is_ticked("closed")
}

async fn close(app: &App, viewer: &Viewer, person: Uuid, sent: &Sent) -> Result<bool> {
    let mut form = Reader::of(sent);
    let named = person_named(app, viewer, sent, "successor").await?;
    let successor = match form.raw("successor") {
        _ if named.is_some() => named,
        "" => None,
        _ => form.choice("successor", |text| text.parse::<Uuid>().ok().map(Some), None),
    };
    form.finish()?;
    let successor = successor.map(|person| hand_over::Successor { person, sees_closed: sees_closed(sent) });
    at_page(app, viewer, async |tx, actor| {
        command::disable(tx, &actor.clock, By::of(actor), person, successor).await?;
        Ok(successor.is_some())
    })
    .await
}

/// POST /people/{id}/enable
async fn enable(State(app): State<App>, viewer: Viewer, asked: Asked, Path(person): Path<String>) -> Result<Response> {
    let person = parse_id(&person)?;
    let enabled =
        at_page(&app, &viewer, async |tx, actor| command::enable(tx, &actor.clock, By::of(actor), person).await);
    enabled.await?;
    Ok(saved(&viewer, &asked, person, "staff-enabled"))
}

/// POST /people/{id}/sessions: ends the named one, or all.
async fn end_sessions(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(person): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let person = parse_id(&person)?;
    let ended = at_page(&app, &viewer, async |tx, actor| {
        let hash = match Reader::of(&sent).raw("session") {
            "" => None,
            key => session_by_key(tx, person, key).await?,
        };
        let which = match (&hash, sent.contains_key("session")) {
            (Some(hash), _) => Which::One(hash),
            (None, false) => Which::All,
            // It has ended by itself meanwhile.
            (None, true) => return Ok(()),
        };
        command::end_sessions(tx, &actor.clock, By::of(actor), person, which).await.map(drop)
    });
    ended.await?;
    Ok(saved(&viewer, &asked, person, "sessions-ended"))
}
