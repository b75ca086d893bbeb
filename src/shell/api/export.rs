//! A list as a file, for programs: the filters of the list, the rules, audit event and formula guard of the page.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use serde_json::json;

use super::call::Asking;
use super::operation::{Api, Operation, pascal};
use super::records::{list_query, with_fields, with_filters};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::export::{self, Export, FileFormat};
use crate::shell::record::Object;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

pub fn operations(api: Api, object: &'static Object) -> Api {
    let path = format!("/api/{}/export", object.plural);
    let operation = Operation::get(path, format!("export{}", pascal(object.plural)), object.name, "api-export")
        .policy(Policy::Export(object.name))
        .query("format", json!({ "type": "string", "enum": ["csv", "xlsx"], "default": "csv" }), "api-parameter-format")
        .query("trash", json!({ "type": "boolean", "default": false }), "api-parameter-trash");
    let operation = with_fields(with_filters(operation, object), object).gives_file(200);
    api.operation(operation, move |State(app): State<App>, viewer: Viewer, uri: Uri, asking: Asking| async move {
        download(object, &app, viewer, &uri, &asking).await
    })
}

/// GET /api/{plural}/export · who may export this kind of record
async fn download(object: &'static Object, app: &App, viewer: Viewer, uri: &Uri, asking: &Asking) -> Result<Response> {
    asking.only(&["format", "f", "q", "sort", "fields", "trash"])?;
    let format = asking.one("format")?.unwrap_or("csv");
    let unknown = || Error::Malformed(vec![FieldError::new("format", "invalid-choice").with("value", format)]);
    let format = FileFormat::parse(format).ok_or_else(unknown)?;
    let query = list_query(object, &viewer, asking)?;
    let asked = uri.query().unwrap_or_default().to_owned();
    export::answer(app, Export { object, viewer, query, only: Vec::new(), format, via: "api", asked }).await
}
