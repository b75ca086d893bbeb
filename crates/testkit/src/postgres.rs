//! One temporary PostgreSQL server for all test processes of a user: started by the first that needs it, on a unix socket in
//! a temporary folder, without fsync, never as root. A watchdog beside it stops it and removes the folder when no process
//! that used it is left, however those processes ended.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

const CONNECTIONS: u32 = 400;

/// Stops the server once nobody uses it: every user has a file named by its process id. `current` is taken away before the
/// last look, so that whoever still reads it is seen by that look.
const WATCHDOG: &str = r#"
idle=0
used() {
    for file in "$1"/users/*; do
        pid=${file##*/}
        if [ "$pid" != '*' ]; then if ps -p "$pid" >/dev/null 2>&1; then return 0; else rm -f "$file"; fi; fi
    done
    return 1
}
while :; do
    sleep 2
    kill -0 "$2" 2>/dev/null || break
    if used "$1"; then idle=0; continue; fi
    idle=$((idle + 1))
    [ "$idle" -ge 8 ] || continue
    mv "$1/ready" "$1/parting" 2>/dev/null
    if used "$1"; then mv "$1/parting" "$1/ready"; idle=0; continue; fi
    kill -INT "$2"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$2" 2>/dev/null || break; sleep 1; done
    break
done
rm -rf "$1"
"#;

/// The folder that all test processes of this user share.
pub fn base() -> PathBuf {
    let own = fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
    let base = std::env::temp_dir().join(format!("trivet-tests-{own}"));
    fs::create_dir_all(&base).expect("the temporary folder is writable");
    // The server's own account must be able to pass through.
    let _ = fs::set_permissions(&base, fs::Permissions::from_mode(0o755));
    base
}

/// Holds a lock of the user's test processes until dropped.
pub fn lock(name: &str) -> fs::File {
    let file = fs::File::create(base().join(name)).expect("the lock file can be made");
    file.lock().expect("the lock can be taken");
    file
}

/// The address of a database on the shared server.
pub fn url(database: &str) -> String {
    format!("postgres://trivet@localhost/{database}?host={}", server().display())
}

/// Runs one statement on the server's own database (`CREATE DATABASE …`).
pub async fn administer(statement: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&url("postgres")).await?;
    let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
    connection.close().await?;
    outcome.map(drop)
}

/// The socket folder of the running server, started when there is none.
fn server() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| {
        let _lock = lock("postgres.lock");
        let named = fs::read_to_string(base().join("postgres")).unwrap_or_default();
        let running = PathBuf::from(named.trim());
        if !named.is_empty() && join(&running) {
            return running;
        }
        let folder = base().join(format!("pg-{}", std::process::id()));
        start(&folder);
        assert!(join(&folder), "PostgreSQL was started but is not ready");
        fs::write(base().join("postgres"), folder.display().to_string()).expect("the temporary folder is writable");
        folder
    })
}

/// Signs this process up as a user of a server. `false`: the server is gone or about to go.
fn join(folder: &Path) -> bool {
    let user = folder.join("users").join(std::process::id().to_string());
    if fs::write(&user, "").is_err() {
        return false;
    }
    let ready = folder.join("ready").exists() && std::os::unix::net::UnixStream::connect(socket(folder)).is_ok();
    if !ready {
        let _ = fs::remove_file(user);
    }
    ready
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(".s.PGSQL.5432")
}

fn start(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    let account = account();
    fs::create_dir_all(folder.join("users")).expect("the temporary folder is writable");
    if let Some((uid, gid)) = account {
        chown(folder, Some(uid), Some(gid)).expect("root may give a folder away");
    }
    let run = |program: &str| {
        let mut command = Command::new(binary(program));
        command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").env_remove("PGOPTIONS");
        if let Some((uid, gid)) = account {
            command.gid(gid).uid(uid);
        }
        command
    };
    let data = folder.join("data");
    // Dictionary order as the default, so that a column that relies on byte order without saying so is found out.
    let initialise = |options: &[&str]| {
        let _ = fs::remove_dir_all(&data);
        run("initdb")
            .args(["--username=trivet", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions"])
            .args(options)
            .arg("--pgdata")
            .arg(&data)
            .output()
            .expect("initdb can be run")
    };
    let mut made = initialise(&["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]);
    if !made.status.success() {
        made = initialise(&["--locale=C"]);
    }
    assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));

    let log = fs::File::create(folder.join("log")).expect("the temporary folder is writable");
    let server = run("postgres")
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(folder)
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off"])
        .args(["-c", "full_page_writes=off", "-c", "shared_buffers=64MB", "-c", "autovacuum=off"])
        // Most of its time goes into planning statements that are asked once: joins stay in the order in which they are written.
        .args(["-c", "join_collapse_limit=1", "-c", "from_collapse_limit=1", "-c", "jit=off"])
        .args(["-c", &format!("max_connections={CONNECTIONS}"), "-c", "max_locks_per_transaction=256"])
        .stdout(log.try_clone().expect("a file handle can be copied"))
        .stderr(log)
        // Its own group: a test runner that ends its children's group must not end the server of the others.
        .process_group(0)
        .spawn()
        .expect("postgres can be run");
    wait_until_ready(folder);
    fs::write(folder.join("ready"), "").expect("the temporary folder is writable");
    let users = folder.join("users");
    let _ = fs::set_permissions(&users, fs::Permissions::from_mode(0o777));
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .arg(server.id().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell can be run");
}

fn wait_until_ready(folder: &Path) {
    let until = Instant::now() + Duration::from_secs(30);
    let database = format!("postgres://trivet@localhost/postgres?host={}", folder.display());
    let runtime = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        runtime.block_on(async {
            loop {
                match PgConnection::connect(&database).await {
                    Ok(connection) => return connection.close().await.map_err(|error| error.to_string()),
                    Err(error) if Instant::now() > until => return Err(error.to_string()),
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
    });
    let outcome = runtime.join().expect("waiting does not panic");
    if let Err(error) = outcome {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not answer: {error}\n{log}");
    }
}

/// The program from `PATH`, or from the newest version where distributions put it.
fn binary(program: &str) -> PathBuf {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>())
        .map(|folder| folder.join(program));
    let mut versions: Vec<PathBuf> = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(program))))
        .collect();
    versions.sort();
    in_path.chain(versions.into_iter().rev()).find(|path| path.is_file()).unwrap_or_else(|| {
        let message = format!(
            "{program} was not found. The tests run on PostgreSQL too and start a temporary server themselves: install it (Debian: apt-get install postgresql; no service needs to run) or put its programs into PATH."
        );
        let _ = writeln!(std::io::stderr(), "{message}");
        panic!("{message}")
    })
}

/// The account that the server runs as when we are root, because PostgreSQL refuses to be root.
fn account() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").map_or(1, |metadata| metadata.uid()) != 0 {
        return None;
    }
    let accounts = match fs::read_to_string("/etc/passwd") {
        Ok(accounts) => accounts,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => panic!("/etc/passwd: {error}"),
    };
    let of = |name: &str| {
        accounts.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|parts| match parts.as_slice() {
            [found, _, uid, gid, ..] if *found == name => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        })
    };
    Some(of("postgres").or_else(|| of("nobody")).unwrap_or((65534, 65534)))
}
