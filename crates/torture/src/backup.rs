//! Archives made while clients write.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use store::Db;

use crate::check;
use crate::client::{Kind, Refusal};
use crate::server::{Folder, Place, Server, set_up, sqlite_in};

#[derive(clap::Args)]
pub struct Arguments {
    /// How many archives
    #[arg(long, default_value_t = 20)]
    n: u32,
    #[arg(long, default_value_t = 16)]
    clients: u64,
    #[command(flatten)]
    place: Place,
}

pub async fn run(arguments: Arguments) -> Result<(), String> {
    let folder = Folder::new();
    let data = folder.0.join("data");
    std::fs::create_dir_all(&data).map_err(|error| error.to_string())?;
    let url = arguments.place.database(&data);
    let token = set_up(&url, &data).await?;
    let program = arguments.place.program();
    let (server, _) = Server::start(&arguments.place, &url, &data).await?;
    let acknowledged: Arc<Mutex<BTreeSet<(Kind, String)>>> = Arc::default();
    let wrong: Arc<Mutex<Vec<String>>> = Arc::default();
    let (stop, copying) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let next = Arc::new(AtomicU64::new(0));
    // Times of writes while no archive was made, and while one was.
    let times: Arc<[Mutex<Vec<Duration>>; 2]> = Arc::default();
    let clients: Vec<_> = (0..arguments.clients)
        .map(|client| {
            let (token, address, stop, copying) = (token.clone(), server.address, stop.clone(), copying.clone());
            let (next, acknowledged, wrong, times) = (next.clone(), acknowledged.clone(), wrong.clone(), times.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let kind = Kind::ALL[((number + client) % Kind::ALL.len() as u64) as usize];
                    let name = format!("Write {number}");
                    let (began, during) = (Instant::now(), copying.load(Ordering::Relaxed));
                    match kind.write(address, &token, &name).await {
                        Ok(()) => {
                            times[usize::from(during)].lock().expect("no panic").push(began.elapsed());
                            acknowledged.lock().expect("no panic").insert((kind, name));
                        }
                        Err(Refusal::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                        Err(refusal) => {
                            wrong.lock().expect("no panic").push(format!("{refusal:?}"));
                            return;
                        }
                    }
                }
            })
        })
        .collect();
    let call = |arguments: Vec<String>| {
        let program = program.clone();
        async move {
            let output = tokio::task::spawn_blocking(move || {
                Command::new(program).args(arguments).env("RUST_LOG", "warn").output()
            })
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
        }
    };
    for number in 1..=arguments.n {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = acknowledged.lock().expect("no panic").clone();
        let archive = folder.0.join(format!("{number}.trivet"));
        let copy = folder.0.join(format!("copy-{number}"));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let archived = archive.display().to_string();
        let began = Instant::now();
        copying.store(true, Ordering::Relaxed);
        let made =
            call(words(&["backup", &archived, "--data", &data.display().to_string(), "--database-url", &url])).await;
        copying.store(false, Ordering::Relaxed);
        made?;
        let took = began.elapsed();
        let onto =
            call(words(&["restore", &archived, "--data", &data.display().to_string(), "--database-url", &url])).await;
        if onto.is_ok() {
            return Err("a restore onto a running server was not refused".into());
        }
        // An archive is the same of either engine; a file is the quickest place to look at it.
        let copied = sqlite_in(&copy);
        call(words(&["restore", &archived, "--data", &copy.display().to_string(), "--database-url", &copied])).await?;
        let db = Db::open(&copied).await.map_err(|error| error.to_string())?;
        let findings = check::examine(&db).await?;
        db.close().await;
        let lost: Vec<_> = before.difference(&findings.found).take(5).collect();
        if !lost.is_empty() || !findings.faults.is_empty() {
            return Err(format!("archive {number}: lost {lost:?}, {:?}", findings.faults));
        }
        println!(
            "archive {number}: {} acknowledged before, {} found; made in {took:?}",
            before.len(),
            findings.found.len()
        );
        let _ = std::fs::remove_dir_all(&copy);
        let _ = std::fs::remove_file(&archive);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let _ = client.await;
    }
    if let Some(answer) = wrong.lock().expect("no panic").first() {
        return Err(format!("an answer that must not happen: {answer}"));
    }
    let promised = acknowledged.lock().expect("no panic").len();
    if promised < arguments.n as usize * 10 {
        return Err(format!("only {promised} writes: the test proves nothing"));
    }
    let late = |which: usize| {
        let mut times = times[which].lock().expect("no panic");
        times.sort();
        times.get(times.len() * 99 / 100).copied().unwrap_or_default()
    };
    println!(
        "{} archives, {promised} acknowledged writes; 99th percentile of writes: {:?}, while an archive is made {:?}",
        arguments.n,
        late(0),
        late(1)
    );
    Ok(())
}
