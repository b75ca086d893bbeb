//! The team of an account on its page: adding a colleague, and taking one off. Plain forms over [`team`].

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::Uuid;

use super::objects::ACCOUNT;
use super::team;
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::form::{self, FormBody, Input};
use crate::shell::page::{Asked, Page, Toast, done};
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

/// GET /accounts/{id}/team/new · who may share the account
async fn new_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(account): Path<String>,
) -> Result<Response> {
    respond(&app, &viewer, &asked, id(&account)?, &BTreeMap::new(), &[]).await
}

async fn respond(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    account: Uuid,
    given: &BTreeMap<String, String>,
    errors: &[FieldError],
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let name = name_of(&mut session, app, viewer, "account", account).await?.ok_or(Error::NotFound)?;
    if !share::rights(&mut session, viewer, &ACCOUNT, account).await?.share {
        return Err(Error::Forbidden);
    }
    let text = |key: &str| given.get(key).map_or("", String::as_str);
    let person = person_input(&mut session, viewer, "team", text("person"), errors).await?;
    drop(session);
    let locale = viewer.locale;
    let title = locale.text_with("team-title", &[("name", &name)]);
    let page = Page::new(viewer, asked, title.clone());
    let duty = Input {
        value: text("duty").to_owned(),
        hint: locale.text("team-duty-hint"),
        error: errors.iter().find(|error| error.field == "duty").map(|error| error.text(locale)),
        ..Input::plain("team", "duty", locale.text("team-duty"), "text")
    };
    let body = FormBody {
        page: &page,
        title,
        action: format!("/accounts/{account}/team"),
        submit: locale.text("team-add"),
        back: format!("/accounts/{account}"),
        inputs: vec![person, duty],
        hidden: Vec::new(),
        general: Vec::new(),
        note: locale.text("team-note"),
        alike: Vec::new(),
    };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
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
        let person = given.get("person").and_then(|text| text.parse().ok());
        let person = person.ok_or_else(|| Error::field("person", "invalid-required"))?;
        let duty = given.get("duty").map(String::as_str);
        app.at_page(&viewer, async |tx, actor| team::put(tx, actor, account, person, duty).await).await
    }
    .await;
    match joined {
        Ok(member) => {
            let toast = Toast::success(viewer.locale.text_with("team-added", &[("name", &member.person_name)]));
            Ok(done(&asked, &format!("/accounts/{account}"), Some(toast)))
        }
        Err(Error::Invalid(errors)) => respond(&app, &viewer, &asked, account, &given, &errors).await,
        Err(error) => Err(error),
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
    app.at_page(&viewer, async |tx, actor| team::remove(tx, actor, account, person).await).await?;
    Ok(done(&asked, &format!("/accounts/{account}"), Some(Toast::success(viewer.locale.text("team-removed")))))
}
