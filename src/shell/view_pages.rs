//! The views of a list on screen: one dialog that shows them all, with what may be done to each, and the form of one.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Session, Uuid};

use super::app::App;
use super::error::{Error, FieldError, Result};
use super::list::{self, Asks, Settled};
use super::list_forms;
use super::page::{Asked, Page, Toast, done, render, respond, respond_with};
use super::record::Object;
use super::records::{get, id, pairs, version_in};
use super::routes::{Policy, Routes};
use super::viewer::Viewer;
use super::views::{self, SavedView, Wish};

/// What is done to one view, of whatever kind of record.
pub fn routes() -> Routes {
    Routes::new()
        .get("/views/{id}/edit", Policy::SignedIn, edit_form)
        .post("/views/{id}", Policy::SignedIn, save)
        .post("/views/{id}/content", Policy::SignedIn, replace_content)
        .post("/views/{id}/default", Policy::SignedIn, set_default)
        .post("/views/{id}/removal", Policy::SignedIn, remove)
        .post("/views/{id}/restoration", Policy::SignedIn, restore)
}

struct ViewRow {
    id: Uuid,
    version: i64,
    name: String,
    href: String,
    /// Whose it is, and who sees it.
    about: String,
    is_default: bool,
    is_mine: bool,
    may_change: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/views.html")]
struct ViewsBody<'a> {
    page: &'a Page,
    title: String,
    object: &'static Object,
    query: String,
    rows: Vec<ViewRow>,
}

/// GET /{plural}/views
pub(super) async fn show(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let saved = views::saved_views(&mut session, &viewer, object).await?;
    let settled = list::settle(&viewer, object, Asks::parse(&asked.query), &saved)?;
    let locale = viewer.locale;
    let title = list_forms::title_of(&viewer, object, "list-views");
    let page = Page::new(&viewer, &asked, title.clone());
    let (own, others): (Vec<_>, Vec<_>) = saved.iter().partition(|view| view.owner_id == viewer.person);
    let row = |view: &SavedView| {
        let is_mine = view.owner_id == viewer.person;
        let audience = locale.text(&format!("view-{}", view.audience));
        ViewRow {
            id: view.id,
            version: view.version,
            name: view.name.clone(),
            href: format!("/{}?view={}", object.plural, view.id),
            about: if is_mine { audience } else { format!("{} · {audience}", view.owner_name) },
            is_default: is_mine && view.is_default,
            is_mine,
            may_change: views::may_change(&viewer, object, view),
        }
    };
    let rows = own.into_iter().chain(others).map(row).collect();
    respond(&page, &ViewsBody { page: &page, title, object, query: settled.asks.to_query(), rows })
}

struct Audience {
    key: &'static str,
    label: String,
    chosen: bool,
}

#[derive(askama::Template)]
#[template(path = "shell/view.html")]
struct ViewBody<'a> {
    page: &'a Page,
    title: String,
    action: String,
    /// Where to go without saving.
    back: String,
    query: String,
    version: Option<i64>,
    name: String,
    name_error: Option<String>,
    /// What is wrong with the whole, such as that somebody else was faster.
    general: Option<String>,
    audiences: Vec<Audience>,
    /// Whether the list opens with it; nobody decides that for another.
    is_default: Option<bool>,
}

/// A view that is being named: a new one, or one that stands.
struct Naming<'a> {
    object: &'static Object,
    standing: Option<&'a SavedView>,
    query: &'a str,
    name: &'a str,
    audience: &'a str,
    is_default: bool,
}

async fn respond_naming(
    session: &mut Session,
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    naming: &Naming<'_>,
    errors: &[FieldError],
) -> Result<Response> {
    let (object, locale) = (naming.object, viewer.locale);
    let title = match naming.standing {
        None => locale.text("list-save-view"),
        Some(view) => locale.text_with("view-edit-title", &[("name", &view.name)]),
    };
    let page = Page::new(viewer, asked, title.clone());
    let (of_name, others): (Vec<_>, Vec<_>) = errors.iter().partition(|error| error.field == "name");
    let text = |errors: Vec<&FieldError>| {
        let texts: Vec<String> = errors.into_iter().map(|error| error.text(locale)).collect();
        (!texts.is_empty()).then(|| texts.join(" "))
    };
    let stays = naming.standing.map(|view| view.audience.as_str());
    let open = views::audiences(session, viewer, object).await?;
    let offered = views::AUDIENCES.into_iter().filter(|key| stays == Some(key) || open.contains(key));
    let body = ViewBody {
        page: &page,
        title,
        action: match naming.standing {
            None => format!("/{}/view", object.plural),
            Some(view) => format!("/views/{}", view.id),
        },
        back: format!("/{}/views?{}", object.plural, naming.query),
        query: naming.query.to_owned(),
        version: naming.standing.map(|view| view.version),
        name: naming.name.to_owned(),
        name_error: text(of_name),
        general: text(others),
        audiences: offered
            .map(|key| Audience { key, label: locale.text(&format!("view-{key}")), chosen: key == naming.audience })
            .collect(),
        is_default: naming.standing.is_none_or(|view| view.owner_id == viewer.person).then_some(naming.is_default),
    };
    respond_with(status, &page, render(&body)?)
}

/// GET /{plural}/view: keep this list under a name.
pub(super) async fn new_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    let query = Asks::parse(&asked.query).to_query();
    let naming = Naming { object, standing: None, query: &query, name: "", audience: "private", is_default: false };
    let mut session = app.db.read().await?;
    respond_naming(&mut session, &viewer, &asked, StatusCode::OK, &naming, &[]).await
}

/// POST /{plural}/view
pub(super) async fn create(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let (query, name, audience) = (get(&pairs, "query"), get(&pairs, "name").trim(), audience(&pairs));
    let is_default = get(&pairs, "default") == "on";
    let (mut tx, actor) = app.write_as(&viewer, "page").await?;
    let list = present(&mut tx, &viewer, object, query).await?;
    let wish = Wish {
        name: name.to_owned(),
        audience: audience.to_owned(),
        query: String::new(),
        columns: String::new(),
        is_default,
    };
    match views::create(&mut tx, &actor, object, &wish.showing(&list.asks, &list.query)).await {
        Ok(view) => {
            tx.commit().await?;
            let toast = Toast::success(viewer.locale.text("list-view-saved"));
            Ok(done(&asked, &format!("/{}?view={view}", object.plural), Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            let naming = Naming { object, standing: None, query, name, audience, is_default };
            respond_naming(&mut tx, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &naming, &errors).await
        }
        Err(error) => Err(error),
    }
}

fn audience(pairs: &[(String, String)]) -> &str {
    Some(get(pairs, "audience")).filter(|audience| !audience.is_empty()).unwrap_or("private")
}

/// The list that an address bar says.
async fn present(session: &mut Session, viewer: &Viewer, object: &'static Object, query: &str) -> Result<Settled> {
    let saved = views::saved_views(session, viewer, object).await?;
    list::settle(viewer, object, Asks::parse(query), &saved)
}

/// GET /views/{id}/edit
async fn edit_form(State(app): State<App>, viewer: Viewer, asked: Asked, Path(view): Path<String>) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (object, view) = views::find(&mut session, &viewer, id(&view)?).await?;
    if !views::may_change(&viewer, object, &view) {
        return Err(Error::Forbidden);
    }
    let query = Asks::parse(&asked.query).to_query();
    let (name, audience) = (view.name.as_str(), view.audience.as_str());
    let naming = Naming { object, standing: Some(&view), query: &query, name, audience, is_default: view.is_default };
    respond_naming(&mut session, &viewer, &asked, StatusCode::OK, &naming, &[]).await
}

/// POST /views/{id}: another name, other readers, first view or no longer.
async fn save(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(view): Path<String>,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let (query, name, audience) = (get(&pairs, "query"), get(&pairs, "name").trim(), audience(&pairs));
    let (mut tx, actor) = app.write_as(&viewer, "page").await?;
    let (object, view) = views::find_to_change(&mut tx, &viewer, id(&view)?, None).await?;
    let is_mine = view.owner_id == viewer.person;
    let is_default = if is_mine { get(&pairs, "default") == "on" } else { view.is_default };
    let naming = Naming { object, standing: Some(&view), query, name, audience, is_default };
    if version_in(&pairs)? != view.version {
        // What was typed stays; sent again, it is meant for the view as it now is.
        let error = FieldError::new("", "invalid-view-changed").with("name", &view.name);
        return respond_naming(&mut tx, &viewer, &asked, StatusCode::CONFLICT, &naming, &[error]).await;
    }
    let wish = Wish { name: name.to_owned(), audience: audience.to_owned(), is_default, ..Wish::of(&view) };
    match views::change(&mut tx, &actor, object, &view, &wish).await {
        Ok(_) => {
            tx.commit().await?;
            Ok(back(&viewer, &asked, object, query, "list-view-saved"))
        }
        Err(Error::Invalid(errors)) => {
            respond_naming(&mut tx, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &naming, &errors).await
        }
        Err(error) => Err(error),
    }
}

fn back(viewer: &Viewer, asked: &Asked, object: &Object, query: &str, said: &str) -> Response {
    let to = format!("/{}?{}", object.plural, Asks::parse(query).to_query());
    done(asked, &to, Some(Toast::success(viewer.locale.text(said))))
}

/// POST /views/{id}/content: from now on it shows what the list shows.
async fn replace_content(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(view): Path<String>,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let (view, seen) = (id(&view)?, version_in(&pairs)?);
    let changed = app.at_page(&viewer, async |tx, actor| {
        let (object, view) = views::find_to_change(tx, &viewer, view, Some(seen)).await?;
        let list = present(tx, &viewer, object, get(&pairs, "query")).await?;
        let wish = Wish::of(&view).showing(&list.asks, &list.query);
        views::change(tx, actor, object, &view, &wish).await?;
        Ok(object)
    });
    let object = changed.await?;
    Ok(back(&viewer, &asked, object, &format!("view={view}"), "list-view-updated"))
}

/// POST /views/{id}/default: the owner's list opens with it (`on=1`), or no longer.
async fn set_default(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(view): Path<String>,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let (view, seen, is_default) = (id(&view)?, version_in(&pairs)?, get(&pairs, "on") == "1");
    let changed = app.at_page(&viewer, async |tx, actor| {
        let (object, view) = views::find_to_change(tx, &viewer, view, Some(seen)).await?;
        views::change(tx, actor, object, &view, &Wish { is_default, ..Wish::of(&view) }).await?;
        Ok(object)
    });
    let object = changed.await?;
    let said = if is_default { "list-view-default-set" } else { "list-view-default-unset" };
    Ok(back(&viewer, &asked, object, get(&pairs, "query"), said))
}

/// POST /views/{id}/removal. Its owner may undo it.
async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(view): Path<String>,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let (view, seen) = (id(&view)?, version_in(&pairs)?);
    let removed = app.at_page(&viewer, async |tx, actor| {
        let (object, view) = views::find_to_change(tx, &viewer, view, Some(seen)).await?;
        views::remove(tx, actor, object, &view).await?;
        Ok((object, view))
    });
    let (object, view) = removed.await?;
    let mut toast = Toast::success(viewer.locale.text("list-view-deleted"));
    if view.owner_id == viewer.person {
        toast = toast.with_undo(format!("/views/{}/restoration", view.id));
    }
    // The list that showed it goes back to its first view.
    let mut asks = Asks::parse(get(&pairs, "query"));
    if asks.view == view.id.to_string() {
        asks = Asks::default();
    }
    Ok(done(&asked, &format!("/{}?{}", object.plural, asks.to_query()), Some(toast)))
}

/// POST /views/{id}/restoration
async fn restore(State(app): State<App>, viewer: Viewer, asked: Asked, Path(view): Path<String>) -> Result<Response> {
    let view = id(&view)?;
    let object = app.at_page(&viewer, async |tx, actor| views::restore(tx, actor, view).await).await?;
    Ok(back(&viewer, &asked, object, &format!("view={view}"), "list-view-restored"))
}
