//! Kill, restart, compare.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::Db;

use crate::check;
use crate::client::{Kind, Refusal};
use crate::server::{Folder, Place, Server, set_up};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 20)]
    kills: u32,
    #[arg(long, default_value_t = 16)]
    clients: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    place: Place,
}

type Acknowledged = Arc<Mutex<BTreeSet<(Kind, String)>>>;

/// Restarts must be ready within this time.
const READY: Duration = Duration::from_secs(5);

pub async fn run(arguments: Arguments) -> Result<(), String> {
    let folder = Folder::new();
    let data = &folder.0;
    let url = arguments.place.database(data);
    let token = set_up(&url, data).await?;
    let mut random = StdRng::seed_from_u64(arguments.seed);
    let acknowledged = Acknowledged::default();
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let next = Arc::new(AtomicU64::new(0));
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    for kill in 1..=arguments.kills {
        let (server, ready) = Server::start(&arguments.place, &url, data).await?;
        slowest = slowest.max(ready);
        if ready > READY {
            return Err(format!("ready again only after {ready:?}"));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..arguments.clients)
            .map(|client| {
                let (token, address) = (token.clone(), server.address);
                let (stop, next, acknowledged, wrong) =
                    (stop.clone(), next.clone(), acknowledged.clone(), wrong.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let kind = Kind::ALL[((number + client) % Kind::ALL.len() as u64) as usize];
                        let name = format!("Write {number}");
                        match kind.write(address, &token, &name).await {
                            Ok(()) => drop(acknowledged.lock().expect("no panic").insert((kind, name))),
                            Err(Refusal::Gone) => tokio::time::sleep(Duration::from_millis(2)).await,
                            Err(Refusal::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                            Err(Refusal::Wrong(answer)) => {
                                wrong.lock().expect("no panic").push(answer);
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(50..2500))).await;
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            let _ = client.await;
        }
        if let Some(answer) = wrong.lock().expect("no panic").first() {
            return Err(format!("an answer that must not happen: {answer}"));
        }
        // Through a start of the program, as it would be, or at once.
        if random.random_bool(0.5) {
            let (server, ready) = Server::start(&arguments.place, &url, data).await?;
            slowest = slowest.max(ready);
            server.kill();
        }
        let db = Db::open(&url).await.map_err(|error| error.to_string())?;
        let findings = check::examine(&db).await?;
        db.close().await;
        let acknowledged = acknowledged.lock().expect("no panic");
        let lost: Vec<_> = acknowledged.difference(&findings.found).take(5).collect();
        if !lost.is_empty() || !findings.faults.is_empty() {
            return Err(format!("after kill {kill}: lost {lost:?}, {:?}", findings.faults));
        }
        let (promised, found) = (acknowledged.len(), findings.found.len());
        println!("kill {kill}: {promised} acknowledged, {found} found, 0 lost, 0 half; ready in {ready:?}");
    }
    let promised = acknowledged.lock().expect("no panic").len();
    if promised < arguments.kills as usize * 10 {
        return Err(format!("only {promised} writes: the test proves nothing"));
    }
    println!(
        "{} kills, {promised} acknowledged writes, 0 lost, 0 half transactions; slowest start {slowest:?}; {:?}",
        arguments.kills,
        began.elapsed()
    );
    Ok(())
}
