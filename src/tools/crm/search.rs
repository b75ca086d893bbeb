//! Finding things: the command palette (Ctrl-K) and the search page. Every hit comes through the viewer's scope; phone and mail
//! are searched only for who may see them.

use axum::extract::State;
use axum::response::Response;
use store::{Cells, Sql, Uuid};

use super::objects::REGISTRY;
use crate::shell::access::{Level, Right, Role};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::page::{Asked, Html, Page, fragment, icon, respond};
use crate::shell::record::{Object, query};
use crate::shell::records::{get, pairs};
use crate::shell::viewer::Viewer;

pub struct Hit {
    href: String,
    icon: Html,
    text: String,
    hint: String,
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
    let groups = if words.is_empty() { Vec::new() } else { records(&app, &viewer, &words, 20).await? };
    let count = counted(&viewer, &groups);
    let page = Page::new(&viewer, &asked, viewer.locale.text("search-title"));
    respond(&page, &SearchBody { page: &page, words, groups, count })
}

fn counted(viewer: &Viewer, groups: &[Group]) -> String {
    let count = groups.iter().map(|group| group.hits.len()).sum::<usize>();
    if count == 0 {
        return viewer.locale.text("nothing-found");
    }
    viewer.locale.counted("search-count", count as i64, &[("count", &count.to_string())])
}

fn matching(engine: store::Engine, viewer: &Viewer, object: &'static Object, words: &str, limit: i64) -> Sql {
    let title = object.title_field().column;
    let mut statement = Sql::new(format!("SELECT t.id, t.{title}, {}", query::hint(viewer, object)));
    query::push_newest(&mut statement, engine, viewer, object, words, limit);
    statement
}

/// A record that was found: its kind, its title, and what tells it from others of that title.
pub struct Found {
    pub id: Uuid,
    pub title: String,
    pub hint: String,
}

impl Found {
    fn of(Cells(cells): &Cells) -> Found {
        let text = |at: usize| cells.get(at).and_then(|cell| cell.text()).unwrap_or("").to_owned();
        Found { id: cells[0].id().unwrap_or_default(), title: text(1), hint: text(2) }
    }
}

/// What the viewer may read and the words find, at most `limit` of each kind of record.
pub async fn found(app: &App, viewer: &Viewer, words: &str, limit: i64) -> Result<Vec<(&'static Object, Vec<Found>)>> {
    let mut session = app.db.read().await?;
    let mut groups = Vec::new();
    for object in REGISTRY.objects.iter().copied().filter(|object| viewer.scope.access(object.name).read > Level::None)
    {
        let rows = session.all::<Cells>(matching(app.db.engine(), viewer, object, words, limit)).await?;
        if !rows.is_empty() {
            groups.push((object, rows.iter().map(Found::of).collect()));
        }
    }
    Ok(groups)
}

async fn records(app: &App, viewer: &Viewer, words: &str, limit: i64) -> Result<Vec<Group>> {
    let groups = found(app, viewer, words, limit).await?;
    Ok(groups
        .into_iter()
        .map(|(object, found)| Group {
            title: viewer.locale.text(&format!("{}-plural", object.name)),
            all: (found.len() as i64 == limit && object.searched)
                .then(|| format!("/{}?view=none&q={}", object.plural, crate::shell::layers::url_encode(words))),
            hits: found.into_iter().map(|found| hit(object, found)).collect(),
        })
        .collect())
}

fn hit(object: &'static Object, found: Found) -> Hit {
    Hit {
        href: format!("/{}/{}", object.plural, found.id),
        icon: icon(object.icon, ""),
        text: if found.title.is_empty() { "—".to_owned() } else { found.title },
        hint: found.hint,
    }
}

/// What the person last changed, before they have typed anything.
async fn recent(app: &App, viewer: &Viewer) -> Result<Vec<Group>> {
    let mut session = app.db.read().await?;
    let mut hits = Vec::new();
    for object in REGISTRY.objects.iter().copied().filter(|object| {
        matches!(object.name, "opportunity" | "account" | "lead") && viewer.scope.access(object.name).read > Level::None
    }) {
        let title = object.title_field().column;
        let mut statement = Sql::new(format!(
            "SELECT t.id, t.{title}, {} FROM {} t WHERE t.deleted_at IS NULL AND t.owner_id = ",
            query::hint(viewer, object),
            object.table
        ));
        statement.bind(viewer.person).push(" AND ");
        (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
        statement.push(" ORDER BY t.updated_at DESC LIMIT 3");
        hits.extend(session.all::<Cells>(statement).await?.iter().map(|row| hit(object, Found::of(row))));
    }
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Group { title: viewer.locale.text("palette-recent"), hits, all: None }])
}

fn fits(text: &str, words: &str) -> bool {
    words.is_empty()
        || text.to_lowercase().contains(&words.to_lowercase())
        || store::search::sort_key(text).contains(&store::search::sort_key(words))
}

fn pages(viewer: &Viewer, words: &str) -> Option<Group> {
    let reads = |object: &str| viewer.scope.access(object).read > Level::None;
    let all = [
        ("home", "/", "nav-home", true),
        ("layout-kanban", "/board", "nav-board", reads("opportunity")),
        ("list", "/opportunities", "nav-opportunities", reads("opportunity")),
        ("building", "/accounts", "nav-accounts", reads("account")),
        ("address-book", "/contacts", "nav-contacts", reads("contact")),
        ("user-search", "/leads", "nav-leads", reads("lead")),
        ("activity", "/activities", "nav-activities", reads("activity")),
        ("checkbox", "/tasks", "nav-tasks", reads("task")),
        ("chart-bar", "/analysis", "nav-analysis", reads("opportunity")),
        ("users-group", "/people", "nav-people", reads("person")),
        ("settings", "/settings", "nav-settings", viewer.has(Role::Admin)),
        ("user-circle", "/me", "me-title", true),
    ];
    let hits: Vec<Hit> = all
        .into_iter()
        .filter(|(.., shown)| *shown)
        .map(|(name, href, key, _)| Hit {
            href: href.into(),
            icon: icon(name, ""),
            text: viewer.locale.text(key),
            hint: String::new(),
        })
        .filter(|hit| fits(&hit.text, words))
        .take(if words.is_empty() { 4 } else { 6 })
        .collect();
    (!hits.is_empty()).then(|| Group { title: viewer.locale.text("palette-pages"), hits, all: None })
}

fn actions(viewer: &Viewer, words: &str) -> Option<Group> {
    let hits: Vec<Hit> = REGISTRY
        .objects
        .iter()
        .filter(|object| viewer.may_create(object.name))
        .map(|object| Hit {
            href: format!("/{}/new", object.plural),
            icon: icon("plus", ""),
            text: viewer.locale.text(&format!("{}-new", object.name)),
            hint: String::new(),
        })
        .filter(|hit| fits(&hit.text, words))
        .take(if words.is_empty() { 4 } else { 6 })
        .collect();
    (!hits.is_empty()).then(|| Group { title: viewer.locale.text("palette-actions"), hits, all: None })
}
