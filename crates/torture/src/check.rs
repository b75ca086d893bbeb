//! What must hold in a database whatever happened.

use std::collections::BTreeSet;

use store::{Cells, Db, Engine};

use crate::client::Kind;

/// What is wrong with a database, and which records it holds.
pub struct Findings {
    pub found: BTreeSet<(Kind, String)>,
    pub faults: Vec<String>,
}

pub async fn examine(db: &Db) -> Result<Findings, String> {
    let outcome = async {
        let mut session = db.read().await?;
        let mut faults = Vec::new();
        // PostgreSQL offers no such question; there it is the rows that must be whole.
        if db.engine() == Engine::Sqlite {
            let sound: Option<String> = session.value("PRAGMA integrity_check").await?;
            if sound.as_deref() != Some("ok") {
                faults.push(format!("integrity_check: {sound:?}"));
            }
            let orphans: Vec<Cells> = session.all("PRAGMA foreign_key_check").await?;
            if !orphans.is_empty() {
                faults.push(format!("foreign_key_check: {} rows", orphans.len()));
            }
        }
        let mut found = BTreeSet::new();
        for kind in Kind::ALL {
            let table = kind.table();
            let names: Vec<(String,)> = session.all(format!("SELECT name FROM {table}").as_str()).await?;
            let whole = names.len();
            found.extend(names.into_iter().map(|(name,)| (kind, name)));
            if found.iter().filter(|(of, _)| *of == kind).count() != whole {
                faults.push(format!("{table}: a record is there twice"));
            }
            // A record without its event or its words, or those without the record, is half a transaction.
            let halves = [
                format!(
                    "SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.subject_id = t.id AND e.kind = 'created')"
                ),
                format!(
                    "SELECT COUNT(*) FROM event e WHERE e.subject_type = '{table}' AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = e.subject_id)"
                ),
                format!(
                    "SELECT COUNT(*) FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM search_doc d WHERE d.subject_id = t.id)"
                ),
                format!(
                    "SELECT COUNT(*) FROM search_doc d WHERE d.kind = '{table}' AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = d.subject_id)"
                ),
            ];
            for half in &halves {
                let count = session.value::<i64>(half.as_str()).await?.unwrap_or(0);
                if count > 0 {
                    faults.push(format!("{count} half transactions: {half}"));
                }
            }
        }
        // A conversion is three rows and a lead that names them, or none. Names are given once.
        const PARTS: [&str; 3] = ["account", "contact", "opportunity"];
        for part in PARTS {
            let halves = [
                format!(
                    "SELECT COUNT(*) FROM lead l WHERE l.status = 'converted'
                        AND NOT EXISTS (SELECT 1 FROM {part} p WHERE p.id = l.converted_{part}_id AND p.name = l.name)"
                ),
                format!(
                    "SELECT COUNT(*) FROM {part} p JOIN lead l ON l.name = p.name
                      WHERE l.status <> 'converted' OR l.converted_{part}_id <> p.id"
                ),
            ];
            for half in &halves {
                let count = session.value::<i64>(half.as_str()).await?.unwrap_or(0);
                if count > 0 {
                    faults.push(format!("{count} half conversions: {half}"));
                }
            }
        }
        let moves = "SELECT COUNT(*) FROM opportunity o WHERE NOT EXISTS (SELECT 1 FROM stage_change c WHERE c.opportunity_id = o.id)";
        let unmoved = session.value::<i64>(moves).await?.unwrap_or(0);
        if unmoved > 0 {
            faults.push(format!("{unmoved} deals without their first stage"));
        }
        Ok::<Findings, store::StoreError>(Findings { found, faults })
    };
    outcome.await.map_err(|error| error.to_string())
}
