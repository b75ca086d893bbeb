//! The form that makes a record, of any kind; who is about to make one that is there already is told first.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::{Cell, Cells, Sql, Uuid};

use super::access::Right;
use super::app::App;
use super::by_name;
use super::error::{Error, FieldError, Result};
use super::form::{self, Alike, Filled, FormBody};
use super::page::{Asked, Page, Toast, done, own_path};
use super::record::command::{self, Source};
use super::record::{Draft, Field, Kind, Object, argument, query};
use super::records::{currency_of, fill_labels, fill_owner, get, out_of_sight, pairs, texts};
use super::viewer::Viewer;

/// GET /{plural}/new: values may come with the link (`?account=…`), so that a form opens already filled.
pub async fn new_form(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
) -> Result<Response> {
    let mut filled = Filled { texts: texts(&pairs(&asked.query)), ..Filled::default() };
    fill_from_references(&app, &viewer, object, &mut filled).await?;
    fill_labels(&app, &viewer, object, &mut filled).await?;
    fill_owner(&viewer, object, &mut filled);
    if object.name == "activity" && !filled.texts.contains_key("happened_at") {
        let now = viewer.config.zone.to_datetime(app.clock.now().timestamp());
        filled.texts.insert("happened_at".into(), format!("{}T{:02}:{:02}", now.date(), now.hour(), now.minute()));
    }
    // The form says what a task becomes of which nothing else is said.
    if object.name == "task" && viewer.sees(object, "priority") {
        filled.texts.entry("priority".into()).or_insert_with(|| "normal".into());
    }
    respond_new(object, &viewer, &asked, StatusCode::OK, &filled, &[], Vec::new())
}

/// What hangs on a deal or a contact belongs to its account, and on a deal to its contact: the form says so from the start.
async fn fill_from_references(app: &App, viewer: &Viewer, object: &'static Object, filled: &mut Filled) -> Result<()> {
    for key in ["contact", "account"] {
        let asks = object.field(key).is_some() && viewer.sees(object, key);
        if !asks || filled.texts.contains_key(key) {
            continue;
        }
        for field in object.fields {
            let Kind::Ref(target) = field.kind else { continue };
            let Some(Ok(id)) = filled.texts.get(field.key).map(|text| text.parse::<Uuid>()) else { continue };
            let Some(target) = app.registry.get(target) else { continue };
            let Some(of) = target.field(key).filter(|of| viewer.sees(target, of.key)) else { continue };
            let mut statement = Sql::new(format!("SELECT t.{} FROM {} t WHERE t.id = ", of.column, target.table));
            statement.bind(id).push(" AND t.deleted_at IS NULL AND ");
            (target.visible)(&mut statement, &viewer.scope, Right::Read, "t");
            if let Some(found) = app.db.read().await?.value::<Option<Uuid>>(statement).await?.flatten() {
                filled.texts.insert(key.into(), found.to_string());
                break;
            }
        }
    }
    Ok(())
}

fn respond_new(
    object: &'static Object,
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    filled: &Filled,
    errors: &[FieldError],
    alike: Vec<Alike>,
) -> Result<Response> {
    let title = viewer.locale.text(&format!("{}-new", object.name));
    let page = Page::new(viewer, asked, title.clone());
    let fields = form::create_fields(viewer, object);
    let mut inputs = form::inputs(viewer, object, &fields, filled, errors, "new-");
    by_name::offer(&mut inputs, filled);
    form::set_currency(&mut inputs, &currency_of(viewer, filled));
    if object.name == "activity"
        && let Some(subject) = inputs.iter_mut().find(|input| input.key == object.title)
    {
        subject.required = false;
        // Whoever pressed Call has said of what kind it is.
        subject.autofocus = errors.is_empty() && !filled.text("kind").is_empty();
    }
    // Which of those that are like it the person was told of.
    let told: Vec<&str> = alike.iter().map(|one| one.href.as_str()).collect();
    let known = if alike.is_empty() { filled.text("again") } else { told.join(" ") };
    // What the link filled in but the form does not ask for goes along unseen.
    let hidden = filled
        .texts
        .iter()
        .filter(|(key, value)| {
            !value.is_empty()
                && object.field(key).is_some()
                && !fields.iter().any(|field| field.key == key.as_str() || implies(field, key))
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .chain(filled.texts.get("back").map(|back| ("back".to_owned(), back.clone())))
        .chain(Some(("again".to_owned(), known)).filter(|(_, known)| !known.is_empty()))
        .collect();
    let general = form::general_errors(viewer, object, &inputs, errors);
    let body = FormBody {
        page: &page,
        action: format!("/{}", object.plural),
        submit: viewer.locale.text(if alike.is_empty() { "create" } else { "create-all-the-same" }),
        back: format!("/{}", object.plural),
        inputs,
        hidden,
        general,
        note: String::new(),
        alike,
        list: Some(object),
        title,
    };
    form::respond_form(status, &page, &body)
}

/// Whoever chooses a stage has chosen its pipeline.
fn implies(field: &Field, key: &str) -> bool {
    field.kind == Kind::Ref("stage") && key == "pipeline"
}

/// POST /{plural}
pub async fn create_record(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let mut filled = Filled { texts: texts(&pairs), ..Filled::default() };
    for field in object.fields.iter().filter(|field| field.several.is_some()) {
        let ticked: Vec<&str> = pairs.iter().filter(|(key, _)| key == field.key).map(|(_, one)| one.as_str()).collect();
        filled.texts.insert(field.key.into(), ticked.join(", "));
    }
    // What has no subject is called by the first line of its notes, or else by its kind.
    let is_unnamed = object.name == "activity" && filled.text("subject").trim().is_empty();
    let by_kind = if is_unnamed { name_of_kind(object, &viewer, &filled) } else { None };
    if is_unnamed && (by_kind.is_some() || !filled.text("body").trim().is_empty()) {
        filled.texts.remove("subject");
    }
    let made: Result<Made> = async {
        by_name::find(&app, &viewer, object, &mut filled.texts).await?;
        let mut draft = command::read_new(object, &viewer, &filled.texts, Source::Form).await?;
        if let Some(name) = &by_kind {
            draft.set(object.title, Cell::Text(name.clone()));
        }
        let alike = alike(&app, &viewer, object, &draft).await?;
        let known = get(&pairs, "again");
        if alike.iter().any(|one| !known.split(' ').any(|known| known == one.href)) {
            return Ok(Made::Asked(alike));
        }
        let id = app.at_page(&viewer, async |tx, actor| command::create(tx, actor, object, draft).await).await?;
        Ok(Made::Record(id))
    }
    .await;
    match made {
        Ok(Made::Asked(alike)) => {
            fill_labels(&app, &viewer, object, &mut filled).await?;
            fill_owner(&viewer, object, &mut filled);
            respond_new(object, &viewer, &asked, StatusCode::CONFLICT, &filled, &[], alike)
        }
        Ok(Made::Record(id)) => {
            let mut session = app.db.read().await?;
            if !query::allowed(&mut session, &viewer, object, id, Right::Read).await? {
                return out_of_sight(object, &mut session, &app, &viewer, &asked, id, &filled.texts).await;
            }
            drop(session);
            let back = get(&pairs, "back");
            let to = own_path(back).map_or_else(|| format!("/{}/{id}", object.plural), str::to_owned);
            let toast = Toast::success(viewer.locale.text(&format!("{}-created", object.name)))
                .with_undo(format!("/{}/{id}/trash", object.plural));
            Ok(done(&asked, &to, Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            fill_labels(&app, &viewer, object, &mut filled).await?;
            fill_owner(&viewer, object, &mut filled);
            respond_new(object, &viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &filled, &errors, Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// “Call”, in the language of the person who logs one and has no more to say of it. A note without words is none.
fn name_of_kind(object: &'static Object, viewer: &Viewer, filled: &Filled) -> Option<String> {
    let field = object.field("kind")?;
    let Kind::Choice(kinds) = field.kind else { return None };
    let kind = filled.text(field.key);
    let has_notes = viewer.sees(object, "body") && !filled.text("body").trim().is_empty();
    let names_it = !has_notes && kind != "note" && kinds.contains(&kind.as_str());
    names_it.then(|| viewer.locale.text(&object.choice_key(field, &kind)))
}

/// POST /pick/{object}: a record that has a name and perhaps an account, made from within the form of another that points to it.
/// The rest is filled in on its own page.
pub async fn create_named(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    body: String,
) -> Result<Response> {
    let pairs = pairs(&body);
    let known = |key: &str| object.field(key).is_some() && !get(&pairs, key).is_empty();
    let given = [object.title, "account"].into_iter().filter(|key| known(key));
    let given = given.map(|key| (key.to_owned(), get(&pairs, key).to_owned())).collect();
    let draft = command::read_new(object, &viewer, &given, Source::Form).await?;
    let name = draft.get(object.title).and_then(Cell::text).unwrap_or("").to_owned();
    let id = app.at_page(&viewer, async |tx, actor| command::create(tx, actor, object, draft).await).await?;
    Ok((StatusCode::CREATED, axum::Json(json!({ "value": id, "text": name }))).into_response())
}

/// What became of a filled-in form.
enum Made {
    Record(Uuid),
    /// Nothing yet: there are records like it.
    Asked(Vec<Alike>),
}

/// At most so many are named.
const MOST_ALIKE: usize = 5;

/// Records like the one that is about to be made, among those that the viewer may see: what they may not see must not be
/// told by a warning either.
pub async fn alike(app: &App, viewer: &Viewer, object: &'static Object, draft: &Draft) -> Result<Vec<Alike>> {
    let mut alike: Vec<Alike> = Vec::new();
    if object.alike.is_empty() {
        return Ok(alike);
    }
    let mut session = app.db.read().await?;
    for group in object.alike {
        let fields: Vec<&'static Field> =
            viewer.projection(object).filter(|field| group.contains(&field.key)).collect();
        let given = |field: &&'static Field| draft.get(field.key).filter(|cell| !cell.is_null());
        if fields.len() < group.len() || !fields.iter().all(|field| given(field).is_some()) {
            continue;
        }
        let title = object.title_field();
        let mut statement = query::select_named(viewer, object);
        statement.push(&format!(" FROM {} t WHERE t.deleted_at IS NULL AND ", object.table));
        (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
        for field in &fields {
            let cell = draft.get(field.key).unwrap_or(&Cell::Null);
            match (field.sort_column, cell.text()) {
                // Capital letters make no difference. The key is of the sound of Chinese names: which are written alike is seen below.
                (Some("name_key"), Some(name)) => statement.push(" AND t.name_key = ").bind(object.sort_key(name)),
                _ => statement.push(&format!(" AND t.{} = ", field.column)).bind(argument(field, cell)),
            };
        }
        statement.push(" ORDER BY t.id LIMIT ").bind(50);
        let by_name = fields.iter().any(|field| field.key == title.key);
        let name = draft.get(title.key).and_then(Cell::text).unwrap_or("").to_lowercase();
        for Cells(cells) in session.all::<Cells>(statement).await? {
            let Some(id) = cells[0].id() else { continue };
            let called = cells[1].text().unwrap_or("—");
            let href = format!("/{}/{id}", object.plural);
            let is_known = alike.iter().any(|one| one.href == href);
            if alike.len() < MOST_ALIKE && !is_known && !(by_name && called.to_lowercase() != name) {
                let hint = cells.get(2).and_then(Cell::text).unwrap_or("").to_owned();
                alike.push(Alike { name: called.to_owned(), hint, href });
            }
        }
    }
    Ok(alike)
}
