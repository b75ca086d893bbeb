//! References without script. A list that script fills offers nothing but the present value to who has none; an input beside
//! it takes the name of the record. What was typed there arrives as `account.name` and counts before what the list says.

use std::collections::BTreeMap;

use store::Uuid;

use super::app::App;
use super::error::{Error, FieldError, Result};
use super::form::{Filled, Input};
use super::record::lookup::{self, Letters};
use super::record::{Field, Kind, Object};
use super::viewer::Viewer;

/// The name of the input beside the list of this name.
pub fn name_key(key: &str) -> String {
    format!("{key}.name")
}

/// Puts an input for a name beside every list that script fills.
pub fn offer(inputs: &mut [Input], filled: &Filled) {
    for input in inputs.iter_mut().filter(|input| input.kind == "picker") {
        input.by_name = Some(filled.text(&name_key(&input.key)));
    }
}

/// Puts ids in the place of typed names; of a name that leads to no record what was typed stays.
///
/// Errors: for each such name, at its field. Only what the viewer may see is found.
pub async fn find(
    app: &App,
    viewer: &Viewer,
    object: &'static Object,
    texts: &mut BTreeMap<String, String>,
) -> Result<()> {
    let mut errors = Vec::new();
    let mut fields: Vec<&'static Field> =
        viewer.projection(object).filter(|field| matches!(field.kind, Kind::Ref(_))).collect();
    // People and deals are looked for at the account that was named.
    fields.sort_by_key(|field| field.key != "account");
    for field in fields {
        let key = name_key(field.key);
        let name = texts.get(&key).map_or("", |name| name.trim());
        if name.is_empty() {
            continue;
        }
        let account = texts.get("account").filter(|_| field.key != "account").and_then(|account| account.parse().ok());
        match find_one(app, viewer, field, name, account).await {
            Ok(id) => {
                texts.remove(&key);
                texts.insert(field.key.into(), id.to_string());
            }
            Err(Error::Invalid(found)) => errors.extend(found),
            Err(error) => return Err(error),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// The record that a reference names.
pub async fn find_one(app: &App, viewer: &Viewer, field: &Field, name: &str, account: Option<Uuid>) -> Result<Uuid> {
    let mut session = app.db.read().await?;
    // Settings, which a currency may tell apart, are chosen in forms and not typed.
    let currency = &viewer.config.base_currency;
    lookup::resolve(&mut session, &app.actor(viewer, "page"), field, name, account, currency, Letters::Alike).await
}

/// Errors of a reference, at an input that is called otherwise.
pub fn at_input(error: Error, key: &str) -> Error {
    match error {
        Error::Invalid(errors) => {
            Error::Invalid(errors.into_iter().map(|error| FieldError { field: key.into(), ..error }).collect())
        }
        other => other,
    }
}
