//! The bare engine as the peer of a page: the statements that the page runs, with their arguments, on the same database through
//! the same driver, without anything of ours around them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use hyper::Request;
use store::{Cells, Db, Sql};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use trivet::shell::app::App;

use super::browser::{Ask, Measured};

/// So many at once: more than two cores can use, and no more than there are connections, so that nobody waits in vain for one.
const CONNECTIONS: usize = 4;
/// So many of a page's addresses are replayed.
const ADDRESSES: usize = 20;

/// The statements of some addresses, as the program runs them when nothing is kept.
pub async fn statements(app: &App, cookie: &str, asks: &[Ask]) -> Result<Vec<Vec<Sql>>, String> {
    let router = trivet::app::router(app.clone());
    let mut heard = Vec::new();
    for ask in asks.iter().take(ADDRESSES) {
        let Ask::Get(path) = ask else { continue };
        let request = Request::get(path).header("host", "localhost").header("cookie", cookie).body(Body::empty());
        app.db.listen();
        let answer = router.clone().oneshot(request.map_err(|error| error.to_string())?).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("GET {path}: {}", answer.status()));
        }
        to_bytes(answer.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
        heard.push(app.db.listen());
    }
    Ok(heard)
}

/// Shows what a page asks and how long each statement takes alone.
pub async fn show(db: &Db, statements: &[Sql], plans: bool) -> Result<(), String> {
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    for statement in statements {
        let began = Instant::now();
        let rows = session.all::<Cells>(statement.clone()).await.map_err(|error| error.to_string())?.len();
        let text = statement.text.split_whitespace().collect::<Vec<_>>().join(" ");
        println!("  {:>7.2} ms {rows:>6} rows  {text}", began.elapsed().as_secs_f64() * 1000.0);
        if plans {
            let explain = if db.engine() == store::Engine::Sqlite { "EXPLAIN QUERY PLAN " } else { "EXPLAIN " };
            let mut explained = Sql::new(explain);
            explained.append(statement.clone());
            for Cells(step) in session.all::<Cells>(explained).await.map_err(|error| error.to_string())? {
                println!("             {}", step.last().and_then(store::Cell::text).unwrap_or(""));
            }
        }
    }
    Ok(())
}

pub async fn measure(db: &Db, pages: &[Vec<Sql>], clients: usize, time: Duration) -> Result<Measured, String> {
    let until = Instant::now() + time;
    let began = Instant::now();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (db, pages, places) = (db.clone(), pages.to_vec(), places.clone());
            tokio::spawn(async move {
                let mut measured = Measured::default();
                let mut turn = client;
                while Instant::now() < until || measured.is_empty() {
                    let began = Instant::now();
                    let _place = places.acquire().await.map_err(|error| error.to_string())?;
                    let mut session = db.read().await.map_err(|error| error.to_string())?;
                    for statement in &pages[turn % pages.len()] {
                        session.all::<Cells>(statement.clone()).await.map_err(|error| error.to_string())?;
                    }
                    measured.add(began.elapsed(), 0);
                    turn += 1;
                }
                Ok::<Measured, String>(measured)
            })
        })
        .collect();
    Measured::of(tasks, began).await
}
