//! PostgreSQL plans by what it knows about a table. While a table is filled for the first time it knows nothing, takes a look-up
//! of some names for a quarter of all rows, and reads the whole table for each; its own upkeep comes only after minutes.

use crate::{Db, Engine, Result};

/// Lets the engine look at these tables now. SQLite's plans do not hang on it.
pub async fn refresh(db: &Db, tables: &[&str]) -> Result<()> {
    if db.engine() == Engine::Postgres {
        let mut session = db.read().await?;
        for table in tables {
            session.execute(format!("ANALYZE {table}").as_str()).await?;
        }
    }
    Ok(())
}
