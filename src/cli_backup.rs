//! `trivet backup` and `trivet restore`: one archive of database and files, from either engine onto either engine.
//! An archive is made while the server runs; it is brought back only into an empty place that no server has open.

use std::path::Path;

use store::backup::{self, Manifest};
use store::file::Files;
use store::{Clock, Db};

use crate::app;
use crate::shell::error::Error;
use crate::shell::i18n::Locale;

/// Writes an archive; the database keeps the schema it has.
pub async fn write(url: &str, data: &Path, archive: &Path) -> Result<Manifest, String> {
    if let Some(path) = url.strip_prefix("sqlite:")
        && !Path::new(path.trim_start_matches("//")).exists()
    {
        return Err(format!("{path}: there is no database"));
    }
    let db = Db::open(url).await.map_err(|error| error.to_string())?;
    let files = Files::new(data.join("files"));
    let made = backup::create(&db, &files, app::MIGRATIONS, Clock::system().now(), archive).await;
    db.close().await;
    made.map_err(|error| error.to_string())
}

/// Compares an archive with its digests, without bringing it back.
pub async fn check(archive: &Path) -> Result<Manifest, String> {
    backup::check(archive).await.map_err(|error| error.to_string())
}

/// Brings an archive back into an empty place and makes it ready to serve: schema of this program, nobody signed in, search index.
/// Broken off while the index is built, the database is opened by whatever opens it next, which goes on with that.
pub async fn restore(url: &str, data: &Path, archive: &Path) -> Result<Manifest, String> {
    let files = Files::new(data.join("files"));
    std::fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let manifest = backup::restore(archive, url, &files, app::MIGRATIONS).await.map_err(|error| error.to_string())?;
    let opened = app::open(url, data, Clock::system(), false).await.map_err(say)?;
    opened.db.close().await;
    Ok(manifest)
}

fn say(error: Error) -> String {
    format!("{} ({error:?})", Locale::En.text(error.key()))
}

/// What an archive holds, in one line.
pub fn described(manifest: &Manifest) -> String {
    let rows: i64 = manifest.rows.values().sum();
    let files = manifest.parts.len().saturating_sub(1);
    let missing = match manifest.missing_files.len() {
        0 => String::new(),
        missing => format!(", {missing} uploaded files were missing when it was made"),
    };
    let (schema, engine) = (manifest.schema, &manifest.engine);
    format!("{rows} rows and {files} files at schema {schema}, from {engine}{missing}")
}
