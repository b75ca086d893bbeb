//! The buying committee on the page of a deal: adding a contact, changing their role, taking them off. Plain forms over
//! [`committee`].

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use store::{Sql, Uuid};

use super::committee::{self, Tied};
use super::objects::{BUYING_ROLES, CONTACT, OPPORTUNITY};
use crate::shell::access::Right;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::form::{self, Choice, FormBody, Input};
use crate::shell::hung_forms::{Cause, place};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Page, Toast, done};
use crate::shell::record::hung::Expected;
use crate::shell::record::query;
use crate::shell::records::{id, name_of, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("opportunity");
    Routes::new()
        .get("/opportunities/{id}/committee/new", change, new_form)
        .post("/opportunities/{id}/committee", change, put)
        .post("/opportunities/{id}/committee/{contact}/removal", change, remove)
}

/// A role in words; nothing for none.
pub fn role_name(locale: Locale, role: Option<&str>) -> String {
    role.map_or_else(String::new, |role| locale.text(&format!("contact-buying-role-{}", role.replace('_', "-"))))
}

/// GET /opportunities/{id}/committee/new?contact= · who may change the deal; with a contact, that one's role
async fn new_form(State(app): State<App>, viewer: Viewer, asked: Asked, Path(deal): Path<String>) -> Result<Response> {
    let mut given: BTreeMap<String, String> = pairs(&asked.query).into_iter().collect();
    given.retain(|key, _| key == "contact");
    respond(&app, &viewer, &asked, id(&deal)?, &given, Cause::New).await
}

async fn respond(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    given: &BTreeMap<String, String>,
    cause: Cause,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let name = name_of(&mut session, app, viewer, "opportunity", deal).await?.ok_or(Error::NotFound)?;
    query::check_change(&mut session, viewer, &OPPORTUNITY, deal).await?;
    if !committee::is_shown(viewer) {
        return Err(Error::Forbidden);
    }
    let text = |key: &str| given.get(key).map_or("", String::as_str);
    let locale = viewer.locale;
    let chosen = text("contact").parse().ok();
    // Whether somebody whom the viewer may not see is on it is not told.
    let stands = match chosen {
        Some(contact) => committee::find(&mut session, viewer, deal, contact).await?,
        None => None,
    };
    let (status, seen) = (cause.status(), cause.seen(given, stands.as_ref().map(|tied| (tied.id, tied.version))));
    let role = stands.and_then(|tied| tied.buying_role);
    let errors = cause.errors("buying_role", || match &role {
        Some(role) => role_name(locale, Some(role)),
        None => "—".into(),
    });
    let error_of = |key: &str| errors.iter().find(|error| error.field == key).map(|error| error.text(locale));
    let chosen_role = given.get("buying_role").cloned().or(role).unwrap_or_default();
    let contact = Input {
        value: text("contact").to_owned(),
        required: true,
        error: error_of("contact"),
        options: session
            .all(choosable(viewer, deal, chosen))
            .await?
            .into_iter()
            .map(|(id, name)| as_choice(id, name, chosen))
            .collect(),
        picker: "/pick/contact".into(),
        ..Input::plain("committee", "contact", locale.text("contact"), "picker")
    };
    drop(session);
    let title = locale.text_with("committee-title", &[("name", &name)]);
    let page = Page::new(viewer, asked, title.clone());
    let mut inputs = vec![contact];
    if viewer.sees(&CONTACT, "buying_role") {
        let roles = BUYING_ROLES.iter().map(|role| Choice {
            value: (*role).to_owned(),
            text: role_name(locale, Some(role)),
            chosen: chosen_role == *role,
        });
        inputs.push(Input {
            options: roles.collect(),
            error: error_of("buying_role"),
            ..Input::plain("committee", "buying_role", locale.text("committee-role"), "select")
        });
    }
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{deal}/committee"),
        submit: locale.text("save"),
        back: format!("/opportunities/{deal}"),
        inputs,
        hidden: vec![seen],
        general: Vec::new(),
        note: locale.text("committee-note"),
        alike: Vec::new(),
        list: None,
    };
    form::respond_form(status, &page, &body)
}

fn as_choice(id: Uuid, text: String, chosen: Option<Uuid>) -> Choice {
    Choice { value: id.to_string(), text, chosen: chosen == Some(id) }
}

/// The contacts of the deal's account, for browsers without scripts, and the one who was chosen; with scripts everybody is found
/// by typing.
fn choosable(viewer: &Viewer, deal: Uuid, chosen: Option<Uuid>) -> Sql {
    let mut statement = Sql::new("SELECT c.id, c.name FROM contact c WHERE c.deleted_at IS NULL AND (c.id = ");
    statement.bind(chosen).push(" OR c.account_id = (SELECT o.account_id FROM opportunity o WHERE o.id = ");
    statement.bind(deal).push(")) AND ");
    (CONTACT.visible)(&mut statement, &viewer.scope, Right::Read, "c");
    statement.push(" ORDER BY c.name_key, c.id LIMIT 200");
    statement
}

/// POST /opportunities/{id}/committee · who may change the deal; a contact who is on it already gets another role
async fn put(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(deal): Path<String>,
    body: String,
) -> Result<Response> {
    let deal = id(&deal)?;
    let given: BTreeMap<String, String> = pairs(&body).into_iter().collect();
    let joined: Result<Tied> = async {
        let (contact, seen) = place(&given, "contact")?;
        let role = given.get("buying_role").map(String::as_str).filter(|role| !role.is_empty());
        app.at_page(&viewer, async |tx, actor| committee::put(tx, actor, deal, contact, role, seen).await).await
    }
    .await;
    match joined {
        Ok(tied) => {
            let toast = Toast::success(viewer.locale.text_with("committee-saved", &[("name", &tied.name)]));
            Ok(done(&asked, &format!("/opportunities/{deal}"), Some(toast)))
        }
        Err(error) => respond(&app, &viewer, &asked, deal, &given, Cause::of(error)?).await,
    }
}

/// POST /opportunities/{id}/committee/{contact}/removal · who may change the deal
async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, contact)): Path<(String, String)>,
) -> Result<Response> {
    let (deal, contact) = (id(&deal)?, id(&contact)?);
    app.at_page(&viewer, async |tx, actor| committee::remove(tx, actor, deal, contact, Expected::Any).await).await?;
    let toast = Toast::success(viewer.locale.text("committee-removed"));
    Ok(done(&asked, &format!("/opportunities/{deal}"), Some(toast)))
}
