//! Builds the search index anew from the records: after a restore onto another engine.

use store::{Cells, Sql, Uuid, search};

use super::{Draft, Field, Loaded, Object, command};
use crate::shell::app::App;
use crate::shell::error::Result;

/// Records that go into one transaction.
const CHUNK: i64 = 500;

/// Every record of every kind that is searched, without those in the trash. Returns how many there are.
pub async fn everything(app: &App) -> Result<usize> {
    let mut tx = app.db.write().await?;
    search::clear(&mut tx).await?;
    tx.commit().await?;
    let mut indexed = 0;
    for object in app.registry.objects.iter().copied().filter(|object| object.searched) {
        let mut after = Uuid::nil();
        loop {
            let (records, last) = chunk(app, object, after).await?;
            indexed += records;
            match last {
                Some(last) => after = last,
                None => break,
            }
        }
    }
    Ok(indexed)
}

/// Indexes the records after an id; how many, and the last one's id.
async fn chunk(app: &App, object: &'static Object, after: Uuid) -> Result<(usize, Option<Uuid>)> {
    let fields: Vec<&'static Field> = object.fields.iter().filter(|field| !field.is_virtual()).collect();
    let mut statement = Sql::new("SELECT t.id, t.version");
    for field in &fields {
        statement.push(", t.").push(field.column);
    }
    statement.push(&format!(" FROM {} t WHERE t.deleted_at IS NULL AND t.id > ", object.table)).bind(after);
    statement.push(" ORDER BY t.id LIMIT ").bind(CHUNK);
    let mut tx = app.db.write().await?;
    let rows: Vec<Cells> = tx.all(statement).await?;
    let records = rows.len();
    let mut last = None;
    for Cells(cells) in rows {
        let (Some(id), version) = (cells[0].id(), cells[1].int().unwrap_or(0)) else { continue };
        let values = fields.iter().zip(cells.into_iter().skip(2)).map(|(field, cell)| (field.key, cell)).collect();
        command::put_words(&mut tx, object, &Draft::default(), id, Some(&Loaded { id, version, values })).await?;
        last = Some(id);
    }
    tx.commit().await?;
    Ok((records, last))
}
