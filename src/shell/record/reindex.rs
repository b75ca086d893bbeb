//! Works out anew what records are found and sorted by: after a restore onto another engine, or where an older program did it otherwise.

use store::{Cells, Sql, Tx, Uuid, search, sql};

use super::{Draft, Field, Loaded, Object, command};
use crate::shell::app::App;
use crate::shell::error::{Result, Tries};

/// Records that go into one transaction.
const CHUNK: i64 = 500;

/// Does it where the database was last indexed by an older edition. What was indexed before stays until its record's turn comes, so
/// that two servers that open the database at once do the same work twice, and neither undoes the other's.
pub async fn if_outdated(app: &App) -> Result<()> {
    let mut session = app.db.read().await?;
    let edition: Option<i64> = session.value("SELECT words_edition FROM organization WHERE id = 1").await?;
    drop(session);
    if edition.is_some_and(|edition| edition < search::EDITION) {
        tracing::info!("every record is indexed anew, which takes some minutes where there are many");
        everything(app).await?;
    }
    Ok(())
}

/// Indexes every record of every kind; what lies in the trash is found by nothing, but has its place in the order of the trash.
async fn everything(app: &App) -> Result<()> {
    for object in app.registry.objects.iter().copied() {
        let mut after = Uuid::nil();
        while let Some(last) = chunk(app, object, after).await? {
            after = last;
        }
        sort_names(app, object).await?;
    }
    let mut tx = app.db.write().await?;
    tx.execute(sql!("UPDATE organization SET words_edition = $1 WHERE id = 1", search::EDITION)).await?;
    tx.commit().await?;
    Ok(())
}

/// One record that was written past the commands for records.
pub async fn one(tx: &mut Tx, object: &'static Object, id: Uuid) -> Result<()> {
    let mut which = Sql::new("t.id = ");
    which.bind(id);
    index(tx, object, which).await.map(|_| ())
}

/// Indexes the next records after an id; the last one's id.
async fn chunk(app: &App, object: &'static Object, after: Uuid) -> Result<Option<Uuid>> {
    let mut which = Sql::new("t.id > ");
    which.bind(after).push(" ORDER BY t.id LIMIT ").bind(CHUNK);
    in_one_write(app, async |tx| index(tx, object, which.clone()).await).await
}

/// Another server may be at work already, and wait for the same records: whom the database then breaks off tries again.
async fn in_one_write<T>(app: &App, work: impl AsyncFn(&mut Tx) -> Result<T>) -> Result<T> {
    let mut tries = Tries::default();
    loop {
        let mut tx = app.db.write().await?;
        match work(&mut tx).await {
            Ok(done) => {
                tx.commit().await?;
                return Ok(done);
            }
            Err(error) => tries.again(error)?,
        }
    }
}

async fn index(tx: &mut Tx, object: &'static Object, which: Sql) -> Result<Option<Uuid>> {
    let fields: Vec<&'static Field> = object.fields.iter().filter(|field| !field.is_virtual()).collect();
    let mut statement = Sql::new("SELECT t.id, t.version");
    for field in &fields {
        statement.push(", t.").push(field.column);
    }
    // Locked, or a record that somebody changes meanwhile would be found by its old words.
    statement.push(&format!(" FROM {} t WHERE t.deleted_at IS NULL AND ", object.table)).append(which);
    statement.push(" /*for update*/");
    let rows: Vec<Cells> = tx.all(statement).await?;
    let mut last = None;
    for Cells(cells) in rows {
        let (Some(id), version) = (cells[0].id(), cells[1].int().unwrap_or(0)) else { continue };
        let values = fields.iter().zip(cells.into_iter().skip(2)).map(|(field, cell)| (field.key, cell)).collect();
        command::put_words(tx, object, &Draft::default(), &Loaded { id, version, values }).await?;
        last = Some(id);
    }
    Ok(last)
}

/// Gives the names of a kind the keys by which they sort now.
async fn sort_names(app: &App, object: &'static Object) -> Result<()> {
    let title = object.title_field();
    if title.sort_column != Some("name_key") {
        return Ok(());
    }
    let (table, name) = (object.table, title.column);
    let next = format!("SELECT id, {name}, name_key FROM {table} WHERE id > $1 ORDER BY id LIMIT $2 /*for update*/");
    let mut after = Uuid::nil();
    loop {
        let sorted = in_one_write(app, async |tx| {
            let rows: Vec<(Uuid, String, String)> = tx.all(sql!(next.as_str(), after, CHUNK)).await?;
            let last = rows.last().map(|(last, ..)| *last);
            for (id, name, key) in rows {
                let now = object.sort_key(&name);
                if now != key {
                    tx.execute(sql!(format!("UPDATE {table} SET name_key = $2 WHERE id = $1"), id, now)).await?;
                }
            }
            Ok(last)
        });
        match sorted.await? {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}
