//! The team of an account on its page: adding a colleague, saying anew what one does, and taking one off. Plain forms over [`team`].

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::response::Response;
use store::Uuid;

use super::objects::ACCOUNT;
use super::team;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::form::{self, FormBody, Input};
use crate::shell::hung_forms::{Cause, place};
use crate::shell::page::{Asked, Page, Toast, done};
use crate::shell::record::hung::Expected;
use crate::shell::record::share;
use crate::shell::records::{id, name_of, pairs};
use crate::shell::routes::{Policy, Routes};
use crate::shell::shares::person_input;
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("account");
    Routes::new().get("/accounts/{id}/team/new", change, new_form).post("/accounts/{id}/team", change, put).post(
        "/accounts/{id}/team/{person}/removal",
        change,
        remove,
    )
}

/// GET /accounts/{id}/team/new?person= · who may share the account; with a person, what that one does
async fn new_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(account): Path<String>,
) -> Result<Response> {
    let mut given: BTreeMap<String, String> = pairs(&asked.query).into_iter().collect();
    given.retain(|key, _| key == "person");
    respond(&app, &viewer, &asked, id(&account)?, &given, Cause::New).await
}

/// The form of a new member, or of one who is on the team: then it is about that one.
async fn respond(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    account: Uuid,
    given: &BTreeMap<String, String>,
    cause: Cause,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let name = name_of(&mut session, app, viewer, "account", account).await?.ok_or(Error::NotFound)?;
    if !share::rights(&mut session, viewer, &ACCOUNT, account).await?.give {
        return Err(Error::Forbidden);
    }
    let text = |key: &str| given.get(key).map_or("", String::as_str);
    let stands = match text("person").parse() {
        Ok(person) => team::find(&mut session, account, person).await?,
        Err(_) => None,
    };
    let standing = stands.as_ref().map(|member| (member.person_id, member.version));
    let (status, seen) = (cause.status(), cause.seen(given, standing));
    let duty = stands.as_ref().and_then(|member| member.duty.clone());
    let errors = cause.errors("duty", || duty.clone().unwrap_or_else(|| "—".into()));
    let locale = viewer.locale;
    let mut inputs = Vec::new();
    let (title, mut hidden) = match &stands {
        Some(member) => (
            locale.text_with("team-change", &[("name", &member.person_name)]),
            vec![("person".to_owned(), member.person_id.to_string())],
        ),
        None => {
            inputs.push(person_input(&mut session, viewer, "team", text("person"), &errors).await?);
            (locale.text_with("team-title", &[("name", &name)]), Vec::new())
        }
    };
    drop(session);
    hidden.push(seen);
    let page = Page::new(viewer, asked, title.clone());
    let submit = locale.text(if stands.is_some() { "save" } else { "team-add" });
    inputs.push(Input {
        value: given.get("duty").cloned().or(duty).unwrap_or_default(),
        hint: locale.text("team-duty-hint"),
        error: errors.iter().find(|error| error.field == "duty").map(|error| error.text(locale)),
        ..Input::plain("team", "duty", locale.text("team-duty"), "text")
    });
    let general = errors.iter().filter(|error| !inputs.iter().any(|input| input.key == error.field));
    let body = FormBody {
        page: &page,
        title,
        action: format!("/accounts/{account}/team"),
        submit,
        back: format!("/accounts/{account}"),
        general: general.map(|error| error.text(locale)).collect(),
        inputs,
        hidden,
        note: locale.text("team-note"),
        alike: Vec::new(),
        list: None,
    };
    form::respond_form(status, &page, &body)
}

/// POST /accounts/{id}/team · who may share the account
async fn put(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(account): Path<String>,
    body: String,
) -> Result<Response> {
    let account = id(&account)?;
    let given: BTreeMap<String, String> = pairs(&body).into_iter().collect();
    let joined: Result<team::Member> = async {
        let (person, seen) = place(&given, "person")?;
        let duty = given.get("duty").map(String::as_str);
        app.at_page(&viewer, async |tx, actor| team::put(tx, actor, account, person, duty, seen).await).await
    }
    .await;
    match joined {
        Ok(member) => {
            let toast = Toast::success(viewer.locale.text_with("team-added", &[("name", &member.person_name)]));
            Ok(done(&asked, &format!("/accounts/{account}"), Some(toast)))
        }
        Err(error) => respond(&app, &viewer, &asked, account, &given, Cause::of(error)?).await,
    }
}

/// POST /accounts/{id}/team/{person}/removal · who may share the account
async fn remove(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((account, person)): Path<(String, String)>,
) -> Result<Response> {
    let (account, person) = (id(&account)?, id(&person)?);
    app.at_page(&viewer, async |tx, actor| team::remove(tx, actor, account, person, Expected::Any).await).await?;
    Ok(done(&asked, &format!("/accounts/{account}"), Some(Toast::success(viewer.locale.text("team-removed")))))
}
