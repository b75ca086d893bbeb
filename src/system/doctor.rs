//! `trivet doctor`: looks whether everything is in its place, a line for each thing, and says what to do where it is not.

use std::path::Path;

use store::file::Files;
use store::{Cells, Clock, Db, Engine, Instant, Migration, Session, Uuid};

/// One thing looked at: what, and what to do if it is not well.
pub struct Finding {
    pub what: String,
    pub trouble: Option<String>,
}

fn well(what: impl Into<String>) -> Finding {
    Finding { what: what.into(), trouble: None }
}

fn trouble(what: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { what: what.into(), trouble: Some(advice.into()) }
}

/// Below this there may soon be no room for a write.
const ROOM: u64 = 512 * 1024 * 1024;

/// Looks at everything; changes nothing.
pub async fn examine(url: &str, folder: &Path, clock: &Clock, migrations: &[Migration]) -> Vec<Finding> {
    let mut findings = vec![data_folder(folder), disk_space(folder)];
    if let Some(file) = url.strip_prefix("sqlite:").map(|rest| rest.trim_start_matches("//"))
        && !Path::new(file).exists()
    {
        findings.push(trouble(
            format!("database {file}"),
            "it is not there: run `trivet serve` to begin, or give the folder of an existing house with --data",
        ));
        return findings;
    }
    let db = match Db::open(url).await {
        Ok(db) => db,
        Err(error) => {
            findings.push(trouble("database", format!("can't be reached: {error}")));
            return findings;
        }
    };
    match db.read().await {
        Err(error) => findings.push(trouble("database", format!("can't be read: {error}"))),
        Ok(mut session) => {
            findings.push(well(match db.engine() {
                Engine::Sqlite => "database: SQLite, can be read",
                Engine::Postgres => "database: PostgreSQL, can be read",
            }));
            let version = schema_version(&db, migrations).await;
            let is_present = version.trouble.is_none();
            findings.push(version);
            if is_present {
                findings.extend(contents(&mut session, folder, clock).await);
            }
        }
    }
    db.close().await;
    findings
}

fn data_folder(folder: &Path) -> Finding {
    let what = format!("data folder {}", folder.display());
    if !folder.is_dir() {
        return trouble(what, "it is not there: give the right one with --data, or run `trivet serve` to make it");
    }
    let probe = folder.join(".trivet-doctor");
    match std::fs::write(&probe, b"") {
        Ok(()) => {
            let _ = std::fs::remove_file(&probe);
            well(format!("{what}: can be written"))
        }
        Err(error) => trouble(what, format!("can't be written ({error}): give it to the user that Trivet runs as")),
    }
}

fn disk_space(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let what = format!("free disk space: {:.1} GB", free as f64 / 1e9);
            if free < ROOM { trouble(what, "make room: below 0.5 GB writes may soon be refused") } else { well(what) }
        }
        Err(error) => trouble("free disk space", format!("can't be read: {error}")),
    }
}

async fn schema_version(db: &Db, migrations: &[Migration]) -> Finding {
    let (found, known) = (db.schema_version().await, migrations.iter().map(Migration::number).max().unwrap_or(0));
    let what = format!("schema version {found}");
    match found {
        0 => trouble(what, "the database is empty: run `trivet serve` to begin"),
        _ if found > known => trouble(what, format!("this program knows only up to {known}: start the newer program")),
        _ if found < known => {
            trouble(what, format!("this program brings {known}: back up, then `trivet serve` upgrades it"))
        }
        _ => well(what),
    }
}

async fn contents(session: &mut Session, folder: &Path, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    if session.engine() == Engine::Sqlite {
        findings.push(integrity(session).await);
        findings.push(foreign_keys(session).await);
    }
    findings.push(house(session).await);
    findings.push(files(session, folder).await);
    findings.push(time(session, clock).await);
    findings
}

async fn integrity(session: &mut Session) -> Finding {
    const WHAT: &str = "integrity of the database file";
    match session.all::<(String,)>("PRAGMA integrity_check").await {
        Ok(rows) if rows.len() == 1 && rows[0].0 == "ok" => well(WHAT),
        Ok(rows) => {
            let first = rows.first().map(|(text,)| text.as_str()).unwrap_or("no answer");
            trouble(WHAT, format!("damaged ({first}): stop the server and restore the newest backup"))
        }
        Err(error) => trouble(WHAT, format!("could not be checked: {error}")),
    }
}

async fn foreign_keys(session: &mut Session) -> Finding {
    const WHAT: &str = "references between rows";
    match session.all::<Cells>("PRAGMA foreign_key_check").await {
        Ok(rows) if rows.is_empty() => well(WHAT),
        Ok(rows) => {
            let table = rows[0].0.first().and_then(|cell| cell.text()).unwrap_or("?").to_owned();
            trouble(WHAT, format!("{} point to nothing, the first in {table}: restore the newest backup", rows.len()))
        }
        Err(error) => trouble(WHAT, format!("could not be checked: {error}")),
    }
}

/// An organisation, and somebody who can let others in.
async fn house(session: &mut Session) -> Finding {
    const ADMINISTRATORS: &str = "
        SELECT COUNT(*) FROM person p JOIN person_role r ON r.person_id = p.id
         WHERE r.role = 'admin' AND p.state = 'active' AND p.deleted_at IS NULL";
    match session.value::<String>("SELECT name FROM organization WHERE id = 1").await {
        Err(error) => return trouble("organisation", format!("can't be read: {error}")),
        Ok(None) => return trouble("organisation", "there is none yet: run `trivet serve` and open its set-up page"),
        Ok(Some(_)) => {}
    }
    match session.value::<i64>(ADMINISTRATORS).await {
        Ok(Some(count)) if count > 0 => well(format!("administrators: {count}")),
        Ok(_) => trouble("administrators", "nobody can administer: run `trivet user roles EMAIL admin`"),
        Err(error) => trouble("administrators", format!("can't be read: {error}")),
    }
}

/// Every file that a row names lies in the folder, as long as the row says.
async fn files(session: &mut Session, folder: &Path) -> Finding {
    let rows: Vec<(Uuid, i64)> = match session.all("SELECT id, size FROM stored_file").await {
        Ok(rows) => rows,
        Err(error) => return trouble("uploaded files", format!("can't be read: {error}")),
    };
    let files = Files::new(folder.join("files"));
    let lost: Vec<&Uuid> = rows
        .iter()
        .filter(|(id, size)| !std::fs::metadata(files.path(*id)).is_ok_and(|found| found.len() as i64 == *size))
        .map(|(id, _)| id)
        .collect();
    match lost.first() {
        None => well(format!("uploaded files: {}", rows.len())),
        Some(first) => trouble(
            "uploaded files",
            format!(
                "{} of {} are missing or cut short, the first is {}: copy them back from a backup",
                lost.len(),
                rows.len(),
                files.path(**first).display()
            ),
        ),
    }
}

/// A clock that runs behind what has been written already gives wrong dates, and ids out of order.
async fn time(session: &mut Session, clock: &Clock) -> Finding {
    let now = clock.now();
    let what = format!("clock: {}", now.timestamp());
    // Ids are made from the clock: the newest event is the one with the greatest id.
    match session.value::<Instant>("SELECT at FROM event ORDER BY id DESC LIMIT 1").await {
        Ok(Some(newest)) if newest > now.plus_seconds(300) => {
            trouble(what, format!("it is behind the newest entry ({}): set it by a time server", newest.timestamp()))
        }
        Ok(_) if now.timestamp() < jiff::Timestamp::from_second(1_764_000_000).unwrap_or_default() => {
            trouble(what, "it is wrong: this program is younger than that; set it by a time server")
        }
        Ok(_) => well(what),
        Err(error) => trouble(what, format!("could not be compared: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named_with_what_to_do() {
        let folder = std::env::temp_dir().join(format!("trivet-doctor-{}", std::process::id()));
        let url = format!("sqlite:{}", folder.join("trivet.db").display());
        let findings = examine(&url, &folder, &Clock::system(), crate::app::MIGRATIONS).await;
        assert!(findings.iter().all(|finding| finding.trouble.is_some()), "nothing is well in a missing folder");
        assert!(!folder.exists(), "looking makes nothing");
    }
}
