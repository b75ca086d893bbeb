//! Brings a database to the schema this program knows. One text for both engines with a few placeholders:
//! `{id}` row id, `{key}` text that is compared byte by byte (sort keys), `{first}` the clause that lets an index
//! serve "empty values first", and sections `-- sqlite:` … `-- end` / `-- postgres:` … `-- end`.

use sha2::{Digest, Sha256};

use crate::{Db, Engine, Result, StoreError, sql};

/// One numbered step. `name` starts with its number: `0001_house`.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub name: &'static str,
    pub text: &'static str,
}

impl Migration {
    pub fn number(&self) -> i64 {
        self.name
            .split('_')
            .next()
            .and_then(|digits| digits.parse().ok())
            .expect("a migration's name starts with its number")
    }

    fn text_for(&self, engine: Engine) -> String {
        let (ours, theirs) = match engine {
            Engine::Sqlite => ("-- sqlite:", "-- postgres:"),
            Engine::Postgres => ("-- postgres:", "-- sqlite:"),
        };
        let mut kept = String::new();
        let mut skipping = false;
        for line in self.text.lines() {
            match line.trim() {
                marker if marker == theirs => skipping = true,
                marker if marker == ours => {}
                "-- end" => skipping = false,
                _ if skipping => {}
                _ => {
                    kept.push_str(line);
                    kept.push('\n');
                }
            }
        }
        let (id, key, first) = match engine {
            Engine::Sqlite => ("BLOB", "TEXT", ""),
            Engine::Postgres => ("UUID", "TEXT COLLATE \"C\"", "NULLS FIRST"),
        };
        kept.replace("{id}", id).replace("{key}", key).replace("{first}", first)
    }
}

impl Db {
    /// Applies what is missing, each step in its own transaction, under a lock so that servers which start together
    /// do it once. Returns how many steps ran.
    ///
    /// Errors: [`StoreError::NewerSchema`] when the database was written by a newer program.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<usize> {
        let mut applied = 0;
        for migration in migrations {
            let mut tx = self.write().await?;
            if tx.engine() == Engine::Postgres {
                tx.execute("SELECT pg_advisory_xact_lock(7412831)").await?;
            }
            tx.execute(
                "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL)",
            )
            .await?;
            let known = migrations.iter().map(Migration::number).max().unwrap_or(0);
            let found =
                tx.value::<Option<i64>>("SELECT MAX(number) FROM schema_migration").await?.flatten().unwrap_or(0);
            if found > known {
                return Err(StoreError::NewerSchema { found, known });
            }
            let checksum = hex(&Sha256::digest(migration.text.as_bytes()));
            let before: Option<String> =
                tx.value(sql!("SELECT checksum FROM schema_migration WHERE number = $1", migration.number())).await?;
            match before {
                Some(before) if before == checksum => continue,
                Some(_) => return Err(StoreError::ChangedMigration(migration.name.into())),
                None => {}
            }
            let text = migration.text_for(tx.engine());
            tx.script(text).await?;
            tx.execute(sql!(
                "INSERT INTO schema_migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number(),
                migration.name,
                checksum
            ))
            .await?;
            tx.commit().await?;
            applied += 1;
        }
        Ok(applied)
    }

    /// The number of the newest migration in the database; 0 when it is empty.
    pub async fn schema_version(&self) -> i64 {
        let Ok(mut session) = self.read().await else { return 0 };
        session
            .value::<Option<i64>>("SELECT MAX(number) FROM schema_migration")
            .await
            .ok()
            .flatten()
            .flatten()
            .unwrap_or(0)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
