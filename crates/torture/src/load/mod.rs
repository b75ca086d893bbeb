//! How fast a full house answers. A company of the wanted size is imported by the program itself (time and memory of every
//! import are shown), then browsers without pictures ask for pages, more and more of them at once.
//!
//! Absolute times say little about another machine; every table therefore has a peer measured in the same run: `ping`, the
//! guide's first page, which asks the database only who is there. The bare engine as a peer is still to come.

mod browser;
mod data;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use store::{Clock, Db};

use crate::server::{Folder, PASSWORD, Place, Server, database_url, set_up};
use browser::{Browser, Measured};
use data::{Size, Stages, Table};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 50_000)]
    accounts: usize,
    #[arg(long, default_value_t = 100_000)]
    opportunities: usize,
    #[arg(long, default_value_t = 1_000_000)]
    activities: usize,
    #[arg(long, default_value_t = 40)]
    sellers: usize,
    /// Clients that ask at the same time
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    clients: Vec<usize>,
    /// For how long each page is asked for
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// An empty database; without it a SQLite file in a temporary folder
    #[arg(long, env = "TRIVET_DATABASE_URL")]
    database_url: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub async fn run(arguments: Arguments) -> Result<(), String> {
    let folder = Folder::new();
    let data = &folder.0;
    let url = arguments.database_url.unwrap_or_else(|| database_url(data));
    let program = arguments.place.program();
    set_up(&url, data).await?;
    let db = Db::open(&url).await.map_err(|error| error.to_string())?;
    let stages = stages(&db).await?;
    let size = Size {
        sellers: arguments.sellers.max(1),
        accounts: arguments.accounts.max(1),
        opportunities: arguments.opportunities.max(1),
        activities: arguments.activities,
    };
    let today = Clock::system().now().day_in(&jiff::tz::TimeZone::UTC);
    let tables = data::write(data, size, &stages, today, 1).map_err(|error| error.to_string())?;
    println!("{:?} on {} cores", db.engine(), std::thread::available_parallelism().map_or(0, usize::from));
    println!("\nimport                 rows      time    rows/s   peak memory");
    for table in &tables {
        import(&program, &url, data, table)?;
        check_count(&db, table).await?;
    }
    let ids = ids(&db).await?;
    db.close().await;

    let (server, ready) = Server::start(&arguments.place, &url, data).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("\nstart until the first answer {ready:.0?}; memory idle {} MB", server.memory("VmRSS") / 1024);
    println!("\npage (as a partner, who sees all)    clients    p50      p95      p99   requests/s  p95 ÷ ping   size");
    let cookie = browser::sign_in(server.address, "admin@trivet.test", PASSWORD).await?;
    for clients in arguments.clients {
        let mut ping: Option<f64> = None;
        for (name, paths) in pages(&ids) {
            let measured =
                measure(server.address, &cookie, &paths, clients, Duration::from_secs(arguments.seconds)).await?;
            let peer = *ping.get_or_insert(measured.percentile(95));
            println!("{name:<36} {clients:>7} {}", measured.line(peer));
        }
    }
    println!("\nmemory under load: peak {} MB", server.memory("VmHWM") / 1024);
    Ok(())
}

async fn stages(db: &Db) -> Result<Stages, String> {
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    let rows: Vec<(String, String)> =
        session.all("SELECT kind, name FROM stage ORDER BY position").await.map_err(|error| error.to_string())?;
    let of = |kind: &str| rows.iter().filter(|(k, _)| k == kind).map(|(_, name)| name.clone()).collect::<Vec<_>>();
    Ok(Stages { open: of("open"), won: of("won").swap_remove(0), lost: of("lost").swap_remove(0) })
}

/// Runs `trivet import` and prints how long it took and how much memory it needed.
fn import(program: &Path, url: &str, data: &Path, table: &Table) -> Result<(), String> {
    let began = Instant::now();
    let mut child = Command::new(program)
        .arg("import")
        .arg(&table.file)
        .arg("--mapping")
        .arg(&table.mapping)
        .args(["--as", "admin@trivet.test"])
        .arg("--data")
        .arg(data)
        .args(["--database-url", url])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(crate::server::memory(child.id(), "VmHWM"));
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("the import of {} ended with {status}", table.file.display()));
    }
    let took = began.elapsed().as_secs_f64();
    let (name, rows) = (table.name, table.rows);
    println!("{name:<16} {rows:>10} {took:>7.1} s {:>9.0} {:>10} MB", rows as f64 / took, peak / 1024);
    Ok(())
}

/// Rows that were refused would make everything after them look fast.
async fn check_count(db: &Db, table: &Table) -> Result<(), String> {
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    let count = format!("SELECT COUNT(*) FROM {}", table.object);
    let found: i64 = session.value(count.as_str()).await.map_err(|error| error.to_string())?.unwrap_or(0);
    if found < table.rows as i64 {
        return Err(format!("{} of {} rows of {} were imported", found, table.rows, table.file.display()));
    }
    Ok(())
}

/// Some records to open: deals and accounts.
async fn ids(db: &Db) -> Result<[Vec<store::Uuid>; 2], String> {
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    let mut some = [Vec::new(), Vec::new()];
    for (table, ids) in ["opportunity", "account"].into_iter().zip(&mut some) {
        let rows: Vec<(store::Uuid,)> = session
            .all(format!("SELECT id FROM {table} ORDER BY name_key LIMIT 200").as_str())
            .await
            .map_err(|error| error.to_string())?;
        *ids = rows.into_iter().map(|(id,)| id).collect();
    }
    Ok(some)
}

/// What is asked for, each with addresses that take turns; the first is the peer of the others.
fn pages([deals, accounts]: &[Vec<store::Uuid>; 2]) -> Vec<(&'static str, Vec<String>)> {
    let one = |path: &str| vec![path.to_owned()];
    let all = |plural: &str, ids: &[store::Uuid]| ids.iter().map(|id| format!("/{plural}/{id}")).collect();
    let words = ["north", "optics", "harbour glass", "renewal 77", "summit marine 4"];
    vec![
        ("ping", one("/help")),
        ("deals", one("/opportunities")),
        ("deals by amount, filtered", one("/opportunities?f=state%3Ais%3Aopen&sort=-amount")),
        ("accounts", one("/accounts")),
        ("activities", one("/activities")),
        ("board", one("/board")),
        ("a deal", all("opportunities", deals)),
        ("an account", all("accounts", accounts)),
        ("search", words.iter().map(|word| format!("/search?q={}", word.replace(' ', "+"))).collect()),
        ("home", one("/")),
        ("analysis", one("/analysis")),
    ]
}

async fn measure(
    address: SocketAddr,
    cookie: &str,
    paths: &[String],
    clients: usize,
    time: Duration,
) -> Result<Measured, String> {
    let until = Instant::now() + time;
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (cookie, paths) = (cookie.to_owned(), paths.to_vec());
            tokio::spawn(async move {
                let mut browser = Browser::connect(address, cookie).await?;
                let mut measured = Measured::default();
                let mut turn = client;
                // At least one answer each, however slow.
                while Instant::now() < until || measured.is_empty() {
                    let began = Instant::now();
                    let bytes = browser.get(&paths[turn % paths.len()]).await?;
                    measured.add(began.elapsed(), bytes);
                    turn += 1;
                }
                Ok::<Measured, String>(measured)
            })
        })
        .collect();
    let began = Instant::now();
    let mut all = Measured::default();
    for task in tasks {
        all.merge(task.await.map_err(|error| error.to_string())??);
    }
    all.took = began.elapsed();
    Ok(all)
}
