//! The line items of a deal on its page: adding one, changing one, taking one off. Plain forms over [`items`].

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Session, Uuid};

use super::items::{self, Ask, Item};
use super::objects::OPPORTUNITY;
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::by_name;
use crate::shell::error::{Collision, Error, FieldError, Result};
use crate::shell::form::{self, FormBody, Input};
use crate::shell::format;
use crate::shell::page::{Asked, Page, Toast, done};
use crate::shell::record::{Field, command, query};
use crate::shell::records::{get, id, name_of, pairs, version_in};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("opportunity");
    Routes::new()
        .get("/opportunities/{id}/items/new", change, item_form)
        .post("/opportunities/{id}/items", change, add_item)
        .get("/opportunities/{id}/items/{item}/edit", change, edit_item_form)
        .post("/opportunities/{id}/items/{item}", change, change_item)
        .post("/opportunities/{id}/items/{item}/removal", change, remove_item)
}

/// The price list that a deal goes by, as far as the viewer may know it.
fn list_of(fields: &[&'static Field], row: &query::Row) -> Option<Uuid> {
    fields.iter().position(|field| field.key == "price_list").and_then(|at| row.cells[at].id())
}

/// `list`: the price list whose prices stand beside the products.
fn item_inputs(
    viewer: &Viewer,
    given: &BTreeMap<String, String>,
    product: Option<String>,
    currency: &str,
    list: Option<Uuid>,
    errors: &[FieldError],
) -> Vec<Input> {
    let locale = viewer.locale;
    let text = |key: &str| given.get(key).cloned().unwrap_or_default();
    let error = |key: &str| errors.iter().find(|error| error.field == key).map(|error| error.text(locale));
    let input = |key: &str, label: &str, kind: &'static str, value: String, required: bool| Input {
        id: format!("item-{key}"),
        key: key.into(),
        label: locale.text(label),
        kind,
        value,
        required,
        error: error(key),
        prefix: currency.into(),
        ..Input::default()
    };
    let mut chosen = input("product", "product", "picker", text("product"), true);
    chosen.picker = format!("/pick/product?currency={currency}");
    if let Some(list) = list {
        chosen.picker.push_str(&format!("&price_list={list}"));
    }
    chosen.wide = true;
    chosen.by_name = Some(text(&by_name::name_key("product")));
    if let Some(name) = product {
        chosen.options = vec![form::Choice { value: text("product"), text: name, chosen: true }];
    }
    let quantity = if given.contains_key("quantity") { text("quantity") } else { "1".into() };
    let mut price = input("unit_price", "items-price", "amount", text("unit_price"), false);
    price.hint = locale.text("items-price-hint");
    vec![
        chosen,
        input("quantity", "items-quantity", "text", quantity, true),
        price,
        input("discount", "items-discount-percent", "text", text("discount"), false),
    ]
}

/// The deal's amount; none is nothing.
fn amount_of(fields: &[&'static Field], row: &query::Row) -> i64 {
    fields.iter().position(|field| field.key == "amount").and_then(|at| row.cells[at].int()).unwrap_or(0)
}

/// What somebody else made of the deal while a line for it was being typed.
fn meanwhile(collision: &Collision, fields: &[&'static Field], row: &query::Row) -> FieldError {
    if collision.fields.iter().any(|(key, ..)| key == "currency") {
        return FieldError::new("", "invalid-item-currency-changed").with("currency", &row.currency);
    }
    let amount = format::money(amount_of(fields, row), &row.currency);
    FieldError::new("", "invalid-item-amount-typed").with("amount", amount)
}

#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
fn respond_item(
    viewer: &Viewer,
    asked: &Asked,
    deal: Uuid,
    version: i64,
    inputs: Vec<Input>,
    note: Option<String>,
    general: Vec<String>,
    status: StatusCode,
) -> Result<Response> {
    let title = viewer.locale.text("items-add");
    let page = Page::new(viewer, asked, title.clone());
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{deal}/items"),
        submit: viewer.locale.text("items-add"),
        back: format!("/opportunities/{deal}?tab=related"),
        inputs,
        hidden: vec![("version".into(), version.to_string())],
        general,
        note: note.unwrap_or_default(),
        alike: Vec::new(),
        list: None,
    };
    form::respond_form(status, &page, &body)
}

/// GET /opportunities/{id}/items/new · who may change the deal, and its amount
async fn item_form(State(app): State<App>, viewer: Viewer, asked: Asked, Path(deal): Path<String>) -> Result<Response> {
    let deal = id(&deal)?;
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, &viewer, &OPPORTUNITY, deal).await?;
    query::check_change(&mut session, &viewer, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let inputs = item_inputs(&viewer, &BTreeMap::new(), None, &row.currency, list_of(&fields, &row), &[]);
    // Nobody's typed amount goes unnoticed.
    let amount = amount_of(&fields, &row);
    let sum: i64 = items::of_deal(&mut session, deal).await?.iter().map(|line| line.amount).sum();
    let typed = format::money(amount, &row.currency);
    let note = (amount != sum).then(|| viewer.locale.text_with("items-typed-note", &[("amount", &typed)]));
    respond_item(&viewer, &asked, deal, row.version, inputs, note, Vec::new(), StatusCode::OK)
}

/// POST /opportunities/{id}/items
async fn add_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(deal): Path<String>,
    body: String,
) -> Result<Response> {
    let deal = id(&deal)?;
    let mut given: BTreeMap<String, String> = pairs(&body).into_iter().collect();
    let version = given.get("version").and_then(|text| text.parse().ok());
    let (row, fields) = {
        let mut session = app.db.read().await?;
        query::find(&mut session, &viewer, &OPPORTUNITY, deal).await?
    };
    let outcome: Result<i64> = async {
        by_name::find(&app, &viewer, &OPPORTUNITY, &mut given).await?;
        let ask = Ask::read(&given, &row.currency)?;
        app.at_page(&viewer, async |tx, actor| items::add(tx, actor, &OPPORTUNITY, deal, version, ask).await).await
    }
    .await;
    match outcome {
        Ok(_) => Ok(done(
            &asked,
            &format!("/opportunities/{deal}?tab=related"),
            Some(Toast::success(viewer.locale.text("items-added"))),
        )),
        Err(Error::Invalid(errors)) => {
            let mut session = app.db.read().await?;
            let product = product_of(&mut session, &app, &viewer, &given).await?;
            let inputs = item_inputs(&viewer, &given, product, &row.currency, list_of(&fields, &row), &errors);
            let (version, status) = (version.unwrap_or(0), StatusCode::UNPROCESSABLE_ENTITY);
            respond_item(&viewer, &asked, deal, version, inputs, None, Vec::new(), status)
        }
        Err(Error::Conflict(collision)) => {
            // What was typed stays; sent again, it goes by the deal as it is now.
            let mut session = app.db.read().await?;
            let (row, fields) = query::find(&mut session, &viewer, &OPPORTUNITY, deal).await?;
            let product = product_of(&mut session, &app, &viewer, &given).await?;
            let inputs = item_inputs(&viewer, &given, product, &row.currency, list_of(&fields, &row), &[]);
            let told = vec![meanwhile(&collision, &fields, &row).text(viewer.locale)];
            respond_item(&viewer, &asked, deal, row.version, inputs, None, told, StatusCode::CONFLICT)
        }
        Err(error) => Err(error),
    }
}

/// The name of the product that was chosen.
async fn product_of(
    session: &mut Session,
    app: &App,
    viewer: &Viewer,
    given: &BTreeMap<String, String>,
) -> Result<Option<String>> {
    match given.get("product").and_then(|text| text.parse().ok()) {
        Some(product) => name_of(session, app, viewer, "product", product).await,
        None => Ok(None),
    }
}

/// The form of a line that stands: its product is its title.
fn respond_edit_item(
    viewer: &Viewer,
    asked: &Asked,
    status: StatusCode,
    deal: &query::Row,
    line: &Item,
    given: &BTreeMap<String, String>,
    errors: &[FieldError],
) -> Result<Response> {
    let names_products = viewer.scope.level("product", Right::Read) > Level::None;
    let title = if names_products {
        viewer.locale.text_with("items-edit-title", &[("product", &line.product)])
    } else {
        viewer.locale.text("items-edit")
    };
    let page = Page::new(viewer, asked, title.clone());
    let mut inputs = item_inputs(viewer, given, None, &deal.currency, None, errors);
    inputs.retain(|input| input.key != "product");
    let of_line = |error: &&FieldError| !inputs.iter().any(|input| input.key == error.field);
    let general = errors.iter().filter(of_line).map(|error| error.text(viewer.locale)).collect();
    let body = FormBody {
        page: &page,
        title,
        action: format!("/opportunities/{}/items/{}", deal.id, line.id),
        submit: viewer.locale.text("save"),
        back: format!("/opportunities/{}?tab=related", deal.id),
        inputs,
        hidden: vec![("version".into(), line.version.to_string())],
        general,
        note: String::new(),
        alike: Vec::new(),
        list: None,
    };
    form::respond_form(status, &page, &body)
}

/// GET /opportunities/{id}/items/{item}/edit
async fn edit_item_form(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let mut session = app.db.read().await?;
    let (row, _) = query::find(&mut session, &viewer, &OPPORTUNITY, deal).await?;
    query::check_change(&mut session, &viewer, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let line = items::find(&mut session, deal, item).await?;
    respond_edit_item(&viewer, &asked, StatusCode::OK, &row, &line, &line.texts(&row.currency), &[])
}

/// POST /opportunities/{id}/items/{item}
async fn change_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let given = pairs(&body);
    let version = version_in(&given)?;
    let mut given: BTreeMap<String, String> = given.into_iter().collect();
    let (mut tx, actor) = app.write_as(&viewer, "page").await?;
    command::load_for_write(&mut tx, &actor, &OPPORTUNITY, deal).await?;
    if !viewer.sees(&OPPORTUNITY, "amount") {
        return Err(Error::Forbidden);
    }
    let (row, _) = query::find(&mut tx, &viewer, &OPPORTUNITY, deal).await?;
    let line = items::find(&mut tx, deal, item).await?;
    if line.version != version {
        // What was typed stays; sent again, it replaces what stands now.
        let now = line.texts(&row.currency);
        let error =
            now.iter().fold(FieldError::new("", "invalid-item-changed"), |error, (key, text)| error.with(key, text));
        return respond_edit_item(&viewer, &asked, StatusCode::CONFLICT, &row, &line, &given, &[error]);
    }
    given.insert("product".into(), line.product_id.to_string());
    let outcome = match Ask::read(&given, &row.currency) {
        Ok(ask) => items::change(&mut tx, &actor, &OPPORTUNITY, deal, &line, ask).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            tx.commit().await?;
            let toast = Toast::success(viewer.locale.text("items-changed"));
            Ok(done(&asked, &format!("/opportunities/{deal}?tab=related"), Some(toast)))
        }
        Err(Error::Invalid(errors)) => {
            drop(tx);
            respond_edit_item(&viewer, &asked, StatusCode::UNPROCESSABLE_ENTITY, &row, &line, &given, &errors)
        }
        Err(error) => Err(error),
    }
}

/// POST /opportunities/{id}/items/{item}/removal
async fn remove_item(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path((deal, item)): Path<(String, String)>,
    body: String,
) -> Result<Response> {
    let (deal, item) = (id(&deal)?, id(&item)?);
    let version = get(&pairs(&body), "version").parse().ok();
    app.at_page(&viewer, async |tx, actor| items::remove(tx, actor, &OPPORTUNITY, deal, version, item).await).await?;
    Ok(done(
        &asked,
        &format!("/opportunities/{deal}?tab=related"),
        Some(Toast::success(viewer.locale.text("items-removed"))),
    ))
}
