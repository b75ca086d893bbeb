//! The real program on a temporary folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use store::{Clock, sql};
use trivet::shell::access::Role;
use trivet::shell::calendar::Calendar;
use trivet::shell::i18n::Locale;
use trivet::shell::viewer::{hash_token, new_token};
use trivet::system::{people, setup};

use crate::client;

/// A folder that goes with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("trivet-torture-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("the temporary folder is writable");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The SQLite database of a folder.
pub fn sqlite_in(data: &Path) -> String {
    format!("sqlite:{}", data.join("trivet.db").display())
}

/// Of the administrator.
pub const PASSWORD: &str = "correct horse battery";

/// Sets an organisation up; returns a token of somebody who may write everything.
pub async fn set_up(url: &str, data: &Path) -> Result<String, String> {
    let app = trivet::app::open(url, data, Clock::system(), false).await.map_err(|error| format!("{error:?}"))?;
    let organization = setup::Organization {
        name: "Torture".into(),
        locale: Locale::En,
        base_currency: "CNY".into(),
        zone: "Asia/Shanghai".into(),
        fiscal_start_month: 1,
        calendar: Calendar::Months,
    };
    let email = "admin@trivet.test";
    trivet::cli::set_up(&app, &organization, "Administrator", email, PASSWORD)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let token = new_token();
    let written = async {
        let mut tx = app.db.write().await?;
        let person: store::Uuid =
            tx.one::<(store::Uuid,)>(sql!("SELECT id FROM person WHERE email = $1", email)).await?.0;
        people::write_roles(&mut tx, person, &[Role::Admin, Role::Partner]).await?;
        tx.execute(sql!(
            "INSERT INTO api_token (id, person_id, name, token_hash, scopes, created_at) VALUES ($1, $2, 'torture', $3, 'read write', $4)",
            store::new_id(&app.clock),
            person,
            hash_token(&token),
            app.clock.now()
        ))
        .await?;
        tx.commit().await?;
        Ok::<(), trivet::shell::error::Error>(())
    };
    written.await.map_err(|error| format!("{error:?}"))?;
    app.db.close().await;
    Ok(token)
}

/// Which program is strained, and where it listens.
#[derive(clap::Args, Clone)]
pub struct Place {
    /// Port 0: any that is free
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The program; without it the one built beside this one
    #[arg(long)]
    program: Option<PathBuf>,
    /// An empty database; without it a SQLite file
    #[arg(long, env = "TRIVET_DATABASE_URL")]
    database_url: Option<String>,
}

impl Place {
    pub fn program(&self) -> PathBuf {
        let own = std::env::current_exe().expect("a program knows its file");
        self.program.clone().unwrap_or_else(|| own.with_file_name("trivet"))
    }

    /// Of the server that is strained.
    pub fn database(&self, data: &Path) -> String {
        self.database_url.clone().unwrap_or_else(|| sqlite_in(data))
    }
}

/// A running `trivet serve`; killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts the program and waits until it answers; returns also how long that took.
    pub async fn start(place: &Place, url: &str, data: &Path) -> Result<(Server, Duration), String> {
        let (program, address) = (place.program(), place.listen);
        // The server is told its port, so that it can be asked right from the start.
        let address = std::net::TcpListener::bind(address)
            .and_then(|free| free.local_addr())
            .map_err(|error| format!("{address}: {error}"))?;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(data.join("server.log"))
            .map_err(|error| error.to_string())?;
        let child = Command::new(&program)
            .arg("serve")
            .args(["--listen", &address.to_string(), "--api-per-minute", "1000000"])
            .arg("--data")
            .arg(data)
            .args(["--database-url", url])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}; build it first: cargo build --release", program.display()))?;
        let mut server = Server { child, address };
        let began = Instant::now();
        loop {
            if client::get(address, "/health").await.is_ok_and(|answer| answer.status == 200) {
                return Ok((server, began.elapsed()));
            }
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended: {status}; see {}", data.join("server.log").display()));
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err("the server does not answer within 30 s".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A line of the kernel's account of the process, like `VmRSS`: KB.
    pub fn memory(&self, line: &str) -> u64 {
        memory(self.child.id(), line)
    }

    /// SIGKILL, as when the power button of a virtual machine is pressed.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// KB; 0 once the process is gone.
pub fn memory(process: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    found.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
