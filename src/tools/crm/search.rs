//! Finding things: the command palette (Ctrl-K) and the search page. Every hit comes through the viewer's scope; phone and mail
//! are searched only for who may see them.

use axum::extract::State;
use axum::response::Response;
use store::search::sort_key;
use store::{Cells, Day, Instant, Sql, Uuid};

use super::objects::REGISTRY;
use crate::shell::access::{Level, Right, Role};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::page::{Asked, Html, Page, SETTINGS, fragment, icon, navigation, respond};
use crate::shell::record::{Field, Kind, Object, query};
use crate::shell::records::{get, pairs};
use crate::shell::viewer::Viewer;

pub struct Hit {
    href: String,
    icon: Html,
    text: String,
    hint: String,
    /// An action rather than a page: what is sent, name and value.
    given: Option<(&'static str, &'static str)>,
}

impl Hit {
    fn page(name: &str, href: String, text: String) -> Hit {
        Hit { href, icon: icon(name, ""), text, hint: String::new(), given: None }
    }
}

pub struct Group {
    title: String,
    hits: Vec<Hit>,
    all: Option<String>,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/palette.html")]
struct Palette {
    groups: Vec<Group>,
    count: String,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/search.html")]
struct SearchBody<'a> {
    page: &'a Page,
    words: String,
    groups: Vec<Group>,
    count: String,
}

fn asked_words(asked: &Asked) -> String {
    get(&pairs(&asked.query), "q").chars().take(100).filter(|c| *c != '\0').collect::<String>().trim().to_owned()
}

/// GET /palette?q=
pub async fn palette(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let words = asked_words(&asked);
    let mut groups =
        if words.is_empty() { recent(&app, &viewer).await? } else { records(&app, &viewer, &words, 5).await? };
    groups.extend(pages(&viewer, &words));
    groups.extend(actions(&viewer, &words));
    let count = counted(&viewer, &groups);
    fragment(&Palette { groups, count })
}

/// GET /search?q=
pub async fn page(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let words = asked_words(&asked);
    let mut groups = if words.is_empty() { Vec::new() } else { records(&app, &viewer, &words, 20).await? };
    if !words.is_empty() {
        groups.extend(pages(&viewer, &words));
    }
    let count = counted(&viewer, &groups);
    let page = Page::new(&viewer, &asked, viewer.locale.text("search-title"));
    respond(&page, &SearchBody { page: &page, words, groups, count })
}

fn counted(viewer: &Viewer, groups: &[Group]) -> String {
    let count = groups.iter().map(|group| group.hits.len()).sum::<usize>();
    if count == 0 {
        return viewer.locale.text("nothing-found");
    }
    // A group that leads on shows only its newest.
    let more = if groups.iter().any(|group| group.all.is_some()) { "+" } else { "" };
    viewer.locale.counted("search-count", count as i64, &[("count", &format!("{count}{more}"))])
}

/// A record that was found: its kind, its title, and what tells it from others of that title.
pub struct Found {
    pub id: Uuid,
    pub title: String,
    pub hint: String,
    /// When a deal closes, a task is due, an activity was.
    pub day: Option<Day>,
}

impl Found {
    fn of(viewer: &Viewer, object: &'static Object, Cells(cells): &Cells) -> Found {
        let text = |at: usize| cells.get(at).and_then(|cell| cell.text()).unwrap_or("").to_owned();
        let day =
            day_field(viewer, object).zip(cells.get(3).and_then(|cell| cell.int())).map(|(field, at)| {
                match field.kind {
                    Kind::Instant => viewer.config.today(Instant(at)),
                    _ => Day(at),
                }
            });
        Found { id: cells[0].id().unwrap_or_default(), title: text(1), hint: text(2), day }
    }
}

/// What [`Found`] reads of a record `t`.
fn select(viewer: &Viewer, object: &'static Object) -> Sql {
    let mut select = query::select_named(viewer, object);
    if let Some(field) = day_field(viewer, object) {
        select.push(&format!(", t.{}", field.column));
    }
    select
}

/// Deals, tasks and activities are often called the same; their day tells them apart.
fn day_field(viewer: &Viewer, object: &'static Object) -> Option<&'static Field> {
    let key = match object.name {
        "opportunity" => "close_date",
        "task" => "due_date",
        "activity" => "happened_at",
        _ => return None,
    };
    viewer.projection(object).find(|field| field.key == key)
}

/// What the viewer may read and the words find, at most `limit` of each kind of record.
pub async fn found(app: &App, viewer: &Viewer, words: &str, limit: i64) -> Result<Vec<(&'static Object, Vec<Found>)>> {
    let mut session = app.db.read().await?;
    let readable = |object: &&Object| viewer.scope.access(object.name).read > Level::None;
    let objects: Vec<&'static Object> = REGISTRY.objects.iter().copied().filter(|object| readable(object)).collect();
    let tables: Vec<&str> = objects.iter().map(|object| object.table).collect();
    let sizes = store::search::sizes(&mut session, &tables).await?;
    let mut groups = Vec::new();
    for (object, size) in objects.into_iter().zip(sizes) {
        let rows = query::newest(&mut session, viewer, object, &select(viewer, object), words, limit, size).await?;
        if !rows.is_empty() {
            groups.push((object, rows.iter().map(|row| Found::of(viewer, object, row)).collect()));
        }
    }
    Ok(groups)
}

async fn records(app: &App, viewer: &Viewer, words: &str, limit: i64) -> Result<Vec<Group>> {
    let mut groups = found(app, viewer, words, limit).await?;
    // What is called so comes before what only mentions it: within a kind, and among the kinds.
    let called = |object: &Object, found: &Found| is_called(&found.title, &object.sort_key(&found.title), words);
    for (object, found) in &mut groups {
        found.sort_by_key(|one| !called(object, one));
    }
    groups.sort_by_key(|(object, found)| !found.iter().any(|one| called(object, one)));
    Ok(groups
        .into_iter()
        .map(|(object, found)| Group {
            title: viewer.locale.text(&format!("{}-plural", object.name)),
            all: (found.len() as i64 == limit)
                .then(|| format!("/{}?view=none&q={}", object.plural, crate::shell::layers::url_encode(words))),
            hits: found.into_iter().map(|found| hit(viewer, object, found)).collect(),
        })
        .collect())
}

fn hit(viewer: &Viewer, object: &'static Object, found: Found) -> Hit {
    // A product whose code is its name is not named twice.
    let hint = Some(found.hint).filter(|hint| !hint.is_empty() && *hint != found.title);
    let day = found.day.map(|day| format::date(viewer.locale, day));
    let hint = hint.into_iter().chain(day).collect::<Vec<_>>().join(" · ");
    Hit {
        href: format!("/{}/{}", object.plural, found.id),
        icon: icon(object.icon, ""),
        text: if found.title.is_empty() { "—".to_owned() } else { found.title },
        hint,
        given: None,
    }
}

/// What the person last changed, before they have typed anything.
async fn recent(app: &App, viewer: &Viewer) -> Result<Vec<Group>> {
    let mut session = app.db.read().await?;
    let mut hits = Vec::new();
    for object in REGISTRY.objects.iter().copied().filter(|object| {
        matches!(object.name, "opportunity" | "account" | "lead") && viewer.scope.access(object.name).read > Level::None
    }) {
        let mut statement = select(viewer, object);
        statement.push(&format!(" FROM {} t WHERE t.deleted_at IS NULL AND t.owner_id = ", object.table));
        statement.bind(viewer.person).push(" AND ");
        (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
        statement.push(" ORDER BY t.updated_at DESC LIMIT 3");
        hits.extend(
            session
                .all::<Cells>(statement)
                .await?
                .iter()
                .map(|row| hit(viewer, object, Found::of(viewer, object, row))),
        );
    }
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Group { title: viewer.locale.text("palette-recent"), hits, all: None }])
}

fn fits(text: &str, words: &str) -> bool {
    words.is_empty() || is_called(text, &sort_key(text), words)
}

/// Whether a text, or how it sounds, contains the words.
fn is_called(text: &str, sound: &str, words: &str) -> bool {
    text.to_lowercase().contains(&words.to_lowercase()) || sound.contains(&sort_key(words))
}

/// Pages by name: the menu's own list, and what stands beside it.
fn pages(viewer: &Viewer, words: &str) -> Option<Group> {
    let mut all: Vec<(&str, &str, &str)> = navigation(viewer)
        .into_iter()
        .flat_map(|group| group.links)
        .map(|link| (link.icon, link.href, link.key))
        .collect();
    if viewer.has(Role::Admin) {
        all.push(("settings", "/settings", "nav-settings"));
        all.extend(SETTINGS.iter().map(|section| (section.icon, section.href, section.key)));
    }
    all.extend([
        ("user-circle", "/me", "me-title"),
        ("help-circle", "/help", "nav-help"),
        ("file-text", "/api", "palette-api"),
    ]);
    let hits = all.into_iter().map(|(name, href, key)| Hit::page(name, href.into(), viewer.locale.text(key)));
    group(viewer, "palette-pages", words, hits)
}

/// What can be done from anywhere: making a record, importing, and what the frame's own buttons do.
fn actions(viewer: &Viewer, words: &str) -> Option<Group> {
    let text = |key: &str| viewer.locale.text(key);
    let makes = REGISTRY.objects.iter().filter(|object| viewer.may_create(object.name));
    let makes =
        makes.map(|object| Hit::page("plus", format!("/{}/new", object.plural), text(&format!("{}-new", object.name))));
    let import = viewer.may_create_any().then(|| Hit::page("upload", "/imports/new".into(), text("list-import")));
    let other = viewer.locale.other().tag();
    let frame = [
        ("language", "/me/locale", ("locale", other), "switch-language"),
        ("moon", "/me/theme", ("theme", "dark"), "theme-dark"),
        ("sun", "/me/theme", ("theme", "light"), "theme-light"),
        ("logout", "/sign-out", ("", ""), "sign-out"),
    ];
    let frame = frame
        .into_iter()
        .map(|(name, href, given, key)| Hit { given: Some(given), ..Hit::page(name, href.into(), text(key)) });
    group(viewer, "palette-actions", words, makes.chain(import).chain(frame))
}

/// A few of the hits that fit the words.
fn group(viewer: &Viewer, title: &str, words: &str, hits: impl Iterator<Item = Hit>) -> Option<Group> {
    let most = if words.is_empty() { 4 } else { 6 };
    let hits: Vec<Hit> = hits.filter(|hit| fits(&hit.text, words)).take(most).collect();
    (!hits.is_empty()).then(|| Group { title: viewer.locale.text(title), hits, all: None })
}
