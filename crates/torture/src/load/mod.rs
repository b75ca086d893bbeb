//! How fast a full house answers. A company of the wanted size is imported by the program itself (time and memory of every
//! import are shown), then browsers without pictures ask for pages and send forms, more and more of them at once.
//!
//! Absolute times say little about another machine; beside every page therefore stands what its statements take on the bare
//! engine in the same run ([`bare`]). Analysis, home, the sums of the board and the counts of lists are kept while nothing is
//! written, so these pages may be faster than the bare engine. How they do while somebody writes all the time is measured once
//! more at the end ([`WRITES_PER_SECOND`]). What a form writes cannot be written twice, so forms have no peer.

mod bare;
mod browser;
mod data;
mod goals;
mod pages;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use store::{Clock, Db};
use tokio::task::JoinHandle;

use crate::server::{Folder, Place, Server, memory, set_up};
use browser::{Ask, Browser, Measured};
use data::{Size, Stages, Table};
use pages::{Asks, Page};

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
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// So many times the rows
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Only the pages of these names, like `deals`
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Shows the statements of each page instead, with the time each takes alone
    #[arg(long)]
    statements: bool,
    /// With `--statements`: also how the engine goes about each
    #[arg(long, requires = "statements")]
    plans: bool,
    /// A fiftieth of the rows, and a short look at each page: shows that everything runs, in about a minute
    #[arg(long)]
    small: bool,
    /// Keeps the company's files in this folder (with its database, if that is SQLite), and uses the company that is there
    #[arg(long)]
    company: Option<PathBuf>,
    /// Also writes the figures into this file, a line of JSON each
    #[arg(long)]
    report: Option<PathBuf>,
    /// The report of a run with a tenth of the data (this one being with `--times 10`): says how much more each page takes
    #[arg(long)]
    tenth: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// While pages are measured once more, somebody logs so many activities a second.
const WRITES_PER_SECOND: u32 = 10;
/// With so many others who read.
const BESIDE_WRITER: usize = 16;

/// So many addresses of a page are shown with their statements.
const SHOWN: usize = 5;

impl Arguments {
    fn size(&self) -> Size {
        let scaled = |rows: usize| if self.small { rows.div_ceil(50) } else { rows * self.times.max(1) };
        Size {
            sellers: if self.small { 4 } else { self.sellers.max(1) },
            accounts: scaled(self.accounts.max(1)),
            opportunities: scaled(self.opportunities.max(1000)),
            activities: scaled(self.activities),
        }
    }

    fn asks_for(&self, page: &Page) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == page.name)
    }

    fn seconds(&self) -> Duration {
        Duration::from_secs_f64(if self.small { 0.2 } else { self.seconds })
    }
}

pub async fn run(arguments: Arguments) -> Result<(), String> {
    let passing = arguments.company.is_none().then(Folder::new);
    let data = match (&passing, &arguments.company) {
        (Some(folder), _) => folder.0.clone(),
        (None, company) => company.clone().unwrap_or_default(),
    };
    std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let url = arguments.place.database(&data);
    let mut report = Report::begin(arguments.report.as_deref(), arguments.tenth.as_deref())?;
    let stands = data.join("complete").exists();
    if !stands {
        fill(&arguments, &url, &data, &mut report).await?;
    }
    let app = trivet::app::open(&url, &data, Clock::system(), false).await.map_err(|error| format!("{error:?}"))?;
    let pages = pages::pages(&app.db).await?;

    if arguments.statements {
        for page in pages.iter().filter(|page| arguments.asks_for(page)) {
            let Asks::Pages(asks) = &page.asks else { continue };
            let heard = bare::statements(&app, &page.cookie, asks).await?;
            for (ask, statements) in asks.iter().zip(&heard).take(SHOWN) {
                println!("{} {} {}", page.who, page.name, ask.path());
                bare::show(&app.db, statements, arguments.plans).await?;
            }
        }
        return Ok(());
    }

    let mut starts = Vec::new();
    for _ in 0..2 {
        let (server, ready) = Server::start(&arguments.place, &url, &data).await?;
        starts.push(ready);
        server.kill();
    }
    let (server, ready) = Server::start(&arguments.place, &url, &data).await?;
    starts.push(ready);
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.standing(&starts, server.memory("VmRSS") / 1024, size_on_disk(&app.db).await?)?;

    let time = arguments.seconds();
    report.head();
    for clients in &arguments.clients {
        for page in pages.iter().filter(|page| arguments.asks_for(page)) {
            let peer = peer(&app, page, *clients, time / 2).await?;
            let measured = measure(server.address, page, *clients, time).await?;
            report.page(page, *clients, false, &measured, peer.as_ref())?;
        }
    }
    println!("\nwhile somebody logs {WRITES_PER_SECOND} activities a second");
    report.head();
    let writing = write_on(server.address, &pages)?;
    for page in pages.iter().filter(|page| arguments.asks_for(page) && matches!(page.asks, Asks::Pages(_))) {
        let measured = measure(server.address, page, BESIDE_WRITER, time).await?;
        report.page(page, BESIDE_WRITER, true, &measured, None)?;
    }
    if writing.is_finished() {
        return Err(format!("the writer stopped: {:?}", writing.await));
    }
    writing.abort();
    let (peak, own) = (server.memory("VmHWM") / 1024, server.memory("RssAnon") / 1024);
    println!("\nmemory under load: peak {peak} MB with the mapped database, at the end {own} MB of its own");
    report.note(&serde_json::json!({ "peak_mb": peak, "own_mb": own }))?;
    app.db.close().await;
    Ok(())
}

/// Sets the company up and imports it.
async fn fill(arguments: &Arguments, url: &str, data: &Path, report: &mut Report) -> Result<(), String> {
    set_up(url, data).await?;
    let db = Db::open(url).await.map_err(|error| error.to_string())?;
    let stages = stages(&db).await?;
    let today = Clock::system().now().day_in(&jiff::tz::TimeZone::UTC);
    let tables = data::write(data, arguments.size(), &stages, today, 1).map_err(|error| error.to_string())?;
    println!("{:?} on {} cores", db.engine(), std::thread::available_parallelism().map_or(0, usize::from));
    println!("\nimport                 rows      time    rows/s   peak memory  of its own");
    for table in &tables {
        import(&arguments.place.program(), url, data, table, report)?;
        check_count(&db, table).await?;
    }
    db.close().await;
    std::fs::write(data.join("complete"), "").map_err(|error| error.to_string())
}

/// Bytes of the database.
async fn size_on_disk(db: &Db) -> Result<i64, String> {
    let statement = match db.engine() {
        store::Engine::Sqlite => "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        store::Engine::Postgres => "SELECT pg_database_size(current_database())",
    };
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    Ok(session.value(statement).await.map_err(|error| error.to_string())?.unwrap_or(0))
}

/// Somebody who writes until they are stopped.
fn write_on(address: SocketAddr, pages: &[Page]) -> Result<JoinHandle<Result<(), String>>, String> {
    let form = pages.iter().find(|page| matches!(page.asks, Asks::Form(..))).ok_or("nothing is written")?;
    let (cookie, mut next) = (form.cookie.clone(), Next::of(&form.asks, 0));
    Ok(tokio::spawn(async move {
        let mut browser = Browser::connect(address, cookie).await?;
        loop {
            browser.ask(&next.ask()).await?;
            next.was_taken();
            tokio::time::sleep(Duration::from_secs(1) / WRITES_PER_SECOND).await;
        }
    }))
}

/// The bare engine with the statements of a page; `None` for forms, whose statements cannot be run twice.
async fn peer(
    app: &trivet::shell::app::App,
    page: &Page,
    clients: usize,
    time: Duration,
) -> Result<Option<Measured>, String> {
    let Asks::Pages(asks) = &page.asks else { return Ok(None) };
    let statements = bare::statements(app, &page.cookie, asks).await?;
    bare::measure(&app.db, &statements, clients, time).await.map(Some)
}

async fn stages(db: &Db) -> Result<Stages, String> {
    let mut session = db.read().await.map_err(|error| error.to_string())?;
    let rows: Vec<(String, String)> =
        session.all("SELECT kind, name FROM stage ORDER BY position").await.map_err(|error| error.to_string())?;
    let of = |kind: &str| rows.iter().filter(|(k, _)| k == kind).map(|(_, name)| name.clone()).collect::<Vec<_>>();
    Ok(Stages { open: of("open"), won: of("won").swap_remove(0), lost: of("lost").swap_remove(0) })
}

/// Runs `trivet import` and prints how long it took and how much memory it needed.
fn import(program: &Path, url: &str, data: &Path, table: &Table, report: &mut Report) -> Result<(), String> {
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
    let (mut peak, mut own) = (0, 0);
    let status = loop {
        peak = peak.max(memory(child.id(), "VmHWM") / 1024);
        own = own.max(memory(child.id(), "RssAnon") / 1024);
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
    let speed = rows as f64 / took;
    let million = rows as f64 / 1e6;
    let goal = if rows >= 1_000_000 {
        let time = goals::judged(took / million, goals::IMPORT_SECONDS, "s a million");
        format!("  time {time}, memory {}", goals::judged(own as f64, goals::IMPORT_MB, "MB"))
    } else {
        String::new()
    };
    println!("{name:<16} {rows:>10} {took:>7.1} s {speed:>9.0} {peak:>10} MB {own:>8} MB{goal}");
    report.note(&serde_json::json!({ "import": name, "rows": rows, "seconds": took, "peak_mb": peak, "own_mb": own }))
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

async fn measure(address: SocketAddr, page: &Page, clients: usize, time: Duration) -> Result<Measured, String> {
    let until = Instant::now() + time;
    let began = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let (cookie, mut next) = (page.cookie.clone(), Next::of(&page.asks, client));
            tokio::spawn(async move {
                let mut browser = Browser::connect(address, cookie).await?;
                let mut measured = Measured::default();
                // At least one answer each, however slow.
                while Instant::now() < until || measured.is_empty() {
                    let ask = next.ask();
                    let began = Instant::now();
                    let bytes = browser.ask(&ask).await?;
                    measured.add(began.elapsed(), bytes);
                    next.was_taken();
                }
                Ok::<Measured, String>(measured)
            })
        })
        .collect();
    Measured::of(tasks, began).await
}

/// What one client asks for next.
struct Next {
    client: usize,
    turn: usize,
    pages: Vec<Ask>,
    form: Option<(pages::Form, pages::Taken)>,
}

impl Next {
    fn of(asks: &Asks, client: usize) -> Next {
        match asks {
            Asks::Pages(pages) => Next { client, turn: client, pages: pages.clone(), form: None },
            Asks::Form(form, taken) => {
                Next { client, turn: 0, pages: Vec::new(), form: Some((form.clone(), taken.clone())) }
            }
        }
    }

    fn ask(&mut self) -> Ask {
        self.turn += 1;
        match &self.form {
            Some((form, _)) => form(self.client, self.turn),
            None => self.pages[self.turn % self.pages.len()].clone(),
        }
    }

    fn was_taken(&self) {
        if let Some((_, taken)) = &self.form {
            taken(self.client);
        }
    }
}

/// What is shown, and written as lines of JSON for who wants to compare runs.
struct Report {
    file: Option<std::fs::File>,
    /// p95 in ms of the run with a tenth of the data, by person, page and number of clients.
    tenth: HashMap<(String, String, u64), f64>,
}

impl Report {
    fn begin(file: Option<&Path>, tenth: Option<&Path>) -> Result<Report, String> {
        let open = |file: &Path| std::fs::File::create(file).map_err(|error| format!("{}: {error}", file.display()));
        let tenth = tenth.map(read_report).transpose()?.unwrap_or_default();
        Ok(Report { file: file.map(open).transpose()?, tenth })
    }

    fn note(&mut self, figures: &serde_json::Value) -> Result<(), String> {
        use std::io::Write;
        let Some(file) = &mut self.file else { return Ok(()) };
        writeln!(file, "{figures}").map_err(|error| error.to_string())
    }

    /// What the server needs before anybody asks for anything. The first start also reads the program from the disk, if it was
    /// not read before.
    fn standing(&mut self, starts: &[Duration], idle: u64, disk: i64) -> Result<(), String> {
        let starts: Vec<u64> = starts.iter().map(|start| start.as_millis() as u64).collect();
        let slowest = starts.iter().max().map_or(0.0, |start| *start as f64);
        println!("\nstarts until the first answer {starts:?} ms: {}", goals::judged(slowest, goals::START_MS, "ms"));
        println!("memory idle {idle} MB: {}", goals::judged(idle as f64, goals::IDLE_MB, "MB"));
        println!("database on disk {} MB", disk / 1024 / 1024);
        self.note(&serde_json::json!({ "starts_ms": starts, "idle_mb": idle, "disk_bytes": disk }))
    }

    fn head(&self) {
        println!(
            "\n{:<8} {:<22} {:>7} {:>9} {:>9} {:>9} {:>10} {:>9} {:>7} {:>6}  goals",
            "who", "page", "clients", "p50", "p95", "p99", "per second", "bare p50", "÷ bare", "KB"
        );
    }

    fn page(
        &mut self,
        page: &Page,
        clients: usize,
        beside_writer: bool,
        measured: &Measured,
        peer: Option<&Measured>,
    ) -> Result<(), String> {
        let ms = |measured: &Measured, percent| measured.percentile(percent) * 1000.0;
        let [p50, p95, p99] = [50, 95, 99].map(|percent| ms(measured, percent));
        let bare = peer.map(|peer| ms(peer, 50));
        let (speed, size) = (measured.per_second(), measured.size());
        let (who, name) = (page.who, page.name);
        let beside = match bare {
            Some(bare) => format!("{bare:>6.1} ms {:>7.1}", p50 / bare),
            None => format!("{:>9} {:>7}", "", ""),
        };
        let mut goal = goals::of_page(page.kind, clients, measured, peer);
        if let Some(tenth) = self.tenth.get(&(who.into(), name.into(), clients as u64)).filter(|_| !beside_writer) {
            goal = format!("{goal}; {}", goals::beside_tenth(p95, *tenth));
        }
        println!(
            "{who:<8} {name:<22} {clients:>7} {p50:>6.1} ms {p95:>6.1} ms {p99:>6.1} ms {speed:>10.0} {beside} {size:>6}  {goal}"
        );
        self.note(&serde_json::json!({
            "who": who, "page": name, "clients": clients, "beside_writer": beside_writer, "p50_ms": p50, "p95_ms": p95,
            "p99_ms": p99, "per_second": speed, "bare_p50_ms": bare, "kb": size, "goals": goal,
        }))
    }
}

fn read_report(file: &Path) -> Result<HashMap<(String, String, u64), f64>, String> {
    let wrong = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let mut found = HashMap::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).map_err(|error| wrong(&error))?;
        let text = |key: &str| line[key].as_str().map(str::to_owned);
        let figures = (text("who"), text("page"), line["clients"].as_u64(), line["p95_ms"].as_f64());
        if let ((Some(who), Some(page), Some(clients), Some(p95)), false) = (figures, line["beside_writer"] == true) {
            found.insert((who, page, clients), p95);
        }
    }
    Ok(found)
}
