//! The front door: one line per slice, the table of contents of the house; and the server around it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use store::file::Files;
use store::{Clock, Db, Migration};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutBody;

use crate::shell::api::{self, Api, bulk_jobs, records};
use crate::shell::app::App;
use crate::shell::connection::Connection;
use crate::shell::error::{Error, Result};
use crate::shell::layers;
use crate::shell::page;
use crate::shell::record::reindex;
use crate::shell::routes::{Policy, Routes};
use crate::{system, tools};

pub const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_house", text: include_str!("../migrations/0001_house.sql") },
    Migration { name: "0002_crm", text: include_str!("../migrations/0002_crm.sql") },
    Migration { name: "0008_audit", text: include_str!("../migrations/0008_audit.sql") },
    Migration { name: "0010_speed", text: include_str!("../migrations/0010_speed.sql") },
    Migration { name: "0011_lists", text: include_str!("../migrations/0011_lists.sql") },
    Migration { name: "0012_owners", text: include_str!("../migrations/0012_owners.sql") },
    Migration { name: "0013_timeline", text: include_str!("../migrations/0013_timeline.sql") },
    Migration { name: "0014_import_rows", text: include_str!("../migrations/0014_import_rows.sql") },
    Migration { name: "0015_long_work", text: include_str!("../migrations/0015_long_work.sql") },
    Migration { name: "0016_hung_versions", text: include_str!("../migrations/0016_hung_versions.sql") },
    Migration {
        name: "0017_tasks_and_people_found",
        text: include_str!("../migrations/0017_tasks_and_people_found.sql"),
    },
    Migration { name: "0018_contacts_bring_along", text: include_str!("../migrations/0018_contacts_bring_along.sql") },
    Migration { name: "0020_price_list_of_deals", text: include_str!("../migrations/0020_price_list_of_deals.sql") },
    Migration {
        name: "0021_audit_by_door_and_kind",
        text: include_str!("../migrations/0021_audit_by_door_and_kind.sql"),
    },
    Migration { name: "0022_consent_of_contacts", text: include_str!("../migrations/0022_consent_of_contacts.sql") },
    Migration { name: "0023_moves_taken_back", text: include_str!("../migrations/0023_moves_taken_back.sql") },
    Migration { name: "0025_nothing_unread", text: include_str!("../migrations/0025_nothing_unread.sql") },
    Migration {
        name: "0026_addresses_in_lower_case",
        text: include_str!("../migrations/0026_addresses_in_lower_case.sql"),
    },
    Migration {
        name: "0027_outcomes_of_bulk_work",
        text: include_str!("../migrations/0027_outcomes_of_bulk_work.sql"),
    },
    Migration { name: "0028_jobs_put_off", text: include_str!("../migrations/0028_jobs_put_off.sql") },
];

/// The JSON API: what every kind of record has, then what is particular, a line per slice.
pub fn api() -> Api {
    Api::new()
        .merge(records::operations(&tools::crm::REGISTRY))
        .merge(bulk_jobs::operations())
        .merge(tools::crm::stage_api::operations())
        .merge(tools::crm::evidence_api::operations())
        .merge(tools::crm::item_api::operations())
        .merge(tools::crm::convert_api::operations())
        .merge(tools::crm::file_api::operations())
        .merge(tools::crm::team_api::operations())
        .merge(tools::crm::committee_api::operations())
        .merge(tools::crm::overview_api::operations())
        .merge(tools::crm::price_api::operations())
        .merge(tools::crm::analysis::api::operations())
        .merge(tools::crm::timeline_api::operations())
        .merge(system::settings::api::operations(&tools::crm::REGISTRY))
        .merge(system::audit_api::operations(&tools::crm::REGISTRY))
        .merge(system::people::api::operations())
        .merge(system::me_api::operations())
        .merge(system::imports::api::operations(&tools::crm::REGISTRY))
}

/// Every route of the house.
pub fn routes() -> Routes {
    Routes::new()
        .get("/assets/{file}", Policy::Public, asset)
        .get("/favicon.svg", Policy::Public, favicon)
        .get("/health", Policy::Public, health)
        .merge(system::routes())
        .merge(tools::crm::routes())
        .merge(api::routes(api()))
}

/// Opens the database, brings it to the present schema, and makes the application on it.
pub async fn open(database_url: &str, folder: &Path, clock: Clock, https: bool) -> Result<App> {
    let db = Db::open(database_url).await?;
    db.migrate(MIGRATIONS).await.map_err(|error| Error::Internal(error.to_string()))?;
    let app = App::new(db, clock, Files::new(folder.join("files")), &tools::crm::REGISTRY, https);
    reindex::if_outdated(&app).await?;
    Ok(app)
}

pub fn router(app: App) -> Router {
    routes()
        .into_router()
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(axum::extract::DefaultBodyLimit::max(2 * 1024 * 1024))
        .layer(CatchPanicLayer::custom(|_| Error::Internal("a handler panicked".into()).into_response()))
        .layer(from_fn_with_state(app.clone(), layers::around))
        .layer(CompressionLayer::new().gzip(true).quality(tower_http::CompressionLevel::Fastest))
        .with_state(app)
}

/// At most this many connections at once; more wait at the door.
const CONNECTIONS: usize = 4096;

/// A body of which nothing more arrives for so long is given up.
const BODY_IDLES: Duration = Duration::from_secs(30);

/// A client that takes nothing of its answer for so long is given up. It is more than for a body: on a slow line nothing seems to
/// go while what lies between here and there is emptied.
const CLIENT_IDLES: Duration = Duration::from_secs(120);

/// Serves until the process is told to stop. Headers must arrive within 15 seconds, a body may not stop on its way, and neither
/// may who reads the answer, so that slow clients cannot hold the server (axum's own `serve` sets no such limits).
pub async fn serve(app: App, listener: TcpListener) -> std::io::Result<()> {
    let router = router(app.clone());
    let jobs = tokio::spawn(system::jobs::work(app.clone()));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = hyper_util::server::graceful::GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop_signal());
    loop {
        let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // Out of file handles or a connection that is gone already: take a breath, go on.
                Err(_) => { tokio::time::sleep(Duration::from_millis(20)).await; continue }
            },
            () = &mut stop => break,
        };
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request.map(|body| Body::new(TimeoutBody::new(BODY_IDLES, body))))
        });
        let stream = TokioIo::new(Connection::new(stream, CLIENT_IDLES));
        let mut builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(15));
        let connection = graceful.watch(builder.serve_connection(stream, service).into_owned());
        tokio::spawn(async move {
            let _ = connection.await;
            drop(place);
        });
    }
    jobs.abort();
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_secs(10)) => {}
    }
    app.db.close().await;
    Ok(())
}

async fn stop_signal() {
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signals can be listened to");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

async fn asset(axum::extract::Path(file): axum::extract::Path<String>, headers: HeaderMap) -> Response {
    let Some((plain, brotli, gzip)) = page::asset_bytes(&file) else { return Error::NotFound.into_response() };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (bytes, encoding) = match accepted {
        _ if accepted.contains("br") => (brotli, Some("br")),
        _ if accepted.contains("gzip") => (gzip, Some("gzip")),
        _ => (plain, None),
    };
    let media_type = match file.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let mut response = (
        [
            (header::CONTENT_TYPE, media_type),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (header::VARY, "Accept-Encoding"),
        ],
        bytes,
    )
        .into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

async fn favicon() -> Response {
    const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#4353d9"/><g stroke="#fff" stroke-width="2" fill="none" stroke-linecap="round"><path d="M12 9v10M12 9l-5.5 9M12 9l5.5 9"/><circle cx="12" cy="9" r="4"/></g></svg>"##;
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "public, max-age=86400")], ICON).into_response()
}

/// For load balancers: 200 when the database answers.
async fn health(axum::extract::State(app): axum::extract::State<App>) -> Result<&'static str> {
    let mut session = app.db.read().await?;
    session.value::<i64>("SELECT COUNT(*) FROM organization").await?;
    Ok("ok")
}
