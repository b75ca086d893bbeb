//! Backup and restore. One archive format for both engines: a zip with `trivet.db` (a SQLite database), `files/…` and
//! `manifest.json`; so an archive is also the way from one engine to the other.
//!
//! The copy is of one instant: on SQLite by the online backup interface inside one read transaction (writers go on), on
//! PostgreSQL inside one `REPEATABLE READ` snapshot. The last 64 bytes of an archive (the zip's comment) are the SHA-256 of
//! everything before them: whatever was cut off or flipped is noticed before anything is taken from it.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt;
use libsqlite3_sys as sqlite;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::file::{self, Files};
use crate::migrate::hex;
use crate::{Arg, Cell, Cells, Db, Engine, Instant, Migration, Result, Session, Sql, StoreError, search, sql};

/// What an archive says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The newest migration of the copied database.
    pub schema: i64,
    /// The engine it was copied from.
    pub engine: String,
    pub created_at: Instant,
    /// Rows per table.
    pub rows: BTreeMap<String, i64>,
    /// SHA-256 of each part.
    pub parts: BTreeMap<String, String>,
    /// Files that the database names but that were not there any more.
    pub missing_files: Vec<Uuid>,
    /// Whether `trivet.db` carries the search index; otherwise it has to be built anew.
    pub has_search_index: bool,
}

const FORMAT: u32 = 1;
const DATABASE: &str = "trivet.db";
const MANIFEST: &str = "manifest.json";
/// Length of the digest in the zip's comment.
const DIGEST: u64 = 64;
/// Rows that go into one statement when tables are copied: few enough for both engines' limits on arguments.
const ROWS: usize = 200;

/// A file that is removed when it is not kept.
struct Draft(PathBuf);

impl Draft {
    fn beside(target: &Path, ending: &str) -> Draft {
        let mut name = target.as_os_str().to_owned();
        name.push(ending);
        Draft(name.into())
    }
    fn remove(&self) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(ending);
            let _ = fs::remove_file(PathBuf::from(name));
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Writes an archive of the database and its files. The server may run meanwhile.
///
/// Errors: when `to` exists already.
pub async fn create(db: &Db, files: &Files, migrations: &[Migration], at: Instant, to: &Path) -> Result<Manifest> {
    if to.exists() {
        return Err(StoreError::Invalid(format!("{}: exists already", to.display())));
    }
    let schema = db.schema_version().await;
    let copy = Draft::beside(to, ".database.part");
    copy.remove();
    match db.sqlite_path() {
        Some(path) => {
            let (from, into) = (path.to_owned(), copy.0.clone());
            blocking(move || copy_sqlite(&from, &into)).await?;
        }
        None => copy_from_postgres(db, &copy.0, migrations).await?,
    }
    let copied = open_copy(&copy.0).await?;
    let mut manifest = Manifest {
        format: FORMAT,
        schema,
        engine: if db.engine() == Engine::Sqlite { "sqlite" } else { "postgres" }.into(),
        created_at: at,
        rows: count_rows(&copied).await?,
        parts: BTreeMap::new(),
        missing_files: Vec::new(),
        has_search_index: db.engine() == Engine::Sqlite,
    };
    let stored: Vec<(Uuid,)> = if manifest.rows.contains_key("stored_file") {
        copied.read().await?.all("SELECT id FROM stored_file ORDER BY id").await?
    } else {
        Vec::new()
    };
    copied.close().await;
    let draft = Draft::beside(to, ".part");
    let (database, archive, files) = (copy.0.clone(), draft.0.clone(), files.clone());
    let manifest = blocking(move || {
        pack(&database, &files, stored.into_iter().map(|(id,)| id), &mut manifest, &archive)?;
        Ok(manifest)
    })
    .await?;
    fs::rename(&draft.0, to)?;
    sync_folder(to)?;
    Ok(manifest)
}

/// Reads a whole archive and compares it with its digests.
///
/// Errors: [`StoreError::Invalid`] when a byte is missing or differs.
pub async fn check(archive: &Path) -> Result<Manifest> {
    let archive = archive.to_owned();
    blocking(move || {
        let mut zip = open_archive(&archive)?;
        let manifest = read_manifest(&mut zip)?;
        for (name, digest) in &manifest.parts {
            unpack(&mut zip, name, digest, &mut std::io::sink())?;
        }
        Ok(manifest)
    })
    .await
}

/// Brings an archive into an empty place, on either engine, at the schema this program knows.
///
/// Errors: when the archive is damaged or newer than the program, when the database has an organisation already, or while a
/// server has it open.
pub async fn restore(archive: &Path, url: &str, files: &Files, migrations: &[Migration]) -> Result<Manifest> {
    let path = archive.to_owned();
    let known = migrations.iter().map(Migration::number).max().unwrap_or(0);
    let manifest = blocking(move || read_manifest(&mut open_archive(&path)?)).await?;
    if manifest.schema > known {
        return Err(StoreError::NewerSchema { found: manifest.schema, known });
    }
    let target = Target::prepare(url).await?;
    let place = match &target {
        Target::Sqlite(path) => path.clone(),
        Target::Postgres(_) => {
            fs::create_dir_all(files.folder())?;
            files.folder().join("restore.db")
        }
    };
    let copy = Draft::beside(&place, ".restore.part");
    copy.remove();
    {
        let (archive, database, files, manifest) =
            (archive.to_owned(), copy.0.clone(), files.clone(), manifest.clone());
        blocking(move || unpack_all(&archive, &database, &files, &manifest)).await?;
    }
    let copied = open_copy(&copy.0).await?;
    let sound = async {
        verify(&copied).await?;
        let found = count_rows(&copied).await?;
        if found != manifest.rows {
            return Err(StoreError::Invalid("the archive's row counts do not fit its database".into()));
        }
        copied.migrate(migrations).await?;
        make_ready(&copied, manifest.has_search_index && matches!(target, Target::Sqlite(_))).await?;
        if let Target::Postgres(db) = &target {
            copy_to_postgres(&copied, db, migrations).await?;
        }
        Ok(())
    }
    .await;
    copied.close().await;
    sound?;
    match target {
        Target::Sqlite(path) => {
            for ending in ["-wal", "-shm", "-journal"] {
                let mut old = path.as_os_str().to_owned();
                old.push(ending);
                let _ = fs::remove_file(PathBuf::from(old));
            }
            File::open(&copy.0)?.sync_all()?;
            fs::rename(&copy.0, &path)?;
            sync_folder(&path)?;
        }
        Target::Postgres(db) => db.close().await,
    }
    Ok(manifest)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Invalid("the work was broken off".into()))?
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Invalid(format!("the archive is damaged: {error}"))
}

/// A name in a folder is on disk only when the folder is.
fn sync_folder(of: &Path) -> Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

async fn open_copy(path: &Path) -> Result<Db> {
    let path = path.to_str().ok_or_else(|| StoreError::Invalid(format!("{}: not a UTF-8 path", path.display())))?;
    Db::open(&format!("sqlite:{path}")).await
}

/// The tables that hold data, without SQLite's own and those of the search index.
async fn tables(session: &mut Session) -> Result<Vec<String>> {
    const TABLES: &str = "
        SELECT name FROM pragma_table_list
         WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name <> 'search_doc'
         ORDER BY name";
    Ok(session.all::<(String,)>(TABLES).await?.into_iter().map(|(name,)| name).collect())
}

async fn count_rows(copied: &Db) -> Result<BTreeMap<String, i64>> {
    let mut session = copied.read().await?;
    let mut rows = BTreeMap::new();
    for table in tables(&mut session).await? {
        let count = session.value::<i64>(format!("SELECT COUNT(*) FROM \"{table}\"").as_str()).await?.unwrap_or(0);
        rows.insert(table, count);
    }
    Ok(rows)
}

/// SQLite's own checks of a copy.
async fn verify(copied: &Db) -> Result<()> {
    let mut session = copied.read().await?;
    let complaint: Option<String> = session.value("PRAGMA integrity_check").await?;
    if complaint.as_deref() != Some("ok") {
        return Err(damaged(complaint.unwrap_or_default()));
    }
    let orphans: Vec<Cells> = session.all("PRAGMA foreign_key_check").await?;
    match orphans.first() {
        Some(Cells(cells)) => Err(damaged(format_args!("a row of {:?} points to nothing", cells.first()))),
        None => Ok(()),
    }
}

/// Makes the copy what it is to be when it appears, so that a restore that is broken off leaves nothing to do that nobody does.
/// Who was signed in when it was made may have been shut out since. An index that does not come along is built by whoever opens
/// the database first.
async fn make_ready(copied: &Db, has_index: bool) -> Result<()> {
    let mut tx = copied.write().await?;
    if tables(&mut tx).await?.iter().any(|table| table == "session") {
        tx.execute("DELETE FROM session").await?;
        if !has_index {
            search::clear(&mut tx).await?;
            tx.execute("UPDATE organization SET words_edition = 0").await?;
        }
    }
    tx.commit().await
}

/// Copies a database that may be in use. One step inside one read transaction: in WAL mode nobody waits for it.
fn copy_sqlite(from: &Path, to: &Path) -> Result<()> {
    let source = Raw::open(from, sqlite::SQLITE_OPEN_READWRITE)?;
    let target = Raw::open(to, sqlite::SQLITE_OPEN_READWRITE | sqlite::SQLITE_OPEN_CREATE)?;
    // SAFETY: both handles are open and used by this thread only; the backup is finished before they are closed.
    unsafe {
        let backup = sqlite::sqlite3_backup_init(target.0, c"main".as_ptr(), source.0, c"main".as_ptr());
        if backup.is_null() {
            return Err(target.error());
        }
        let code = sqlite::sqlite3_backup_step(backup, -1);
        sqlite::sqlite3_backup_finish(backup);
        if code != sqlite::SQLITE_DONE {
            return Err(target.error_of(code));
        }
    }
    Ok(())
}

/// A SQLite connection of our own, for the interface that sqlx does not wrap.
struct Raw(*mut sqlite::sqlite3);

impl Raw {
    fn open(path: &Path, flags: i32) -> Result<Raw> {
        let name = CString::new(path.as_os_str().as_bytes())
            .map_err(|_| StoreError::Invalid(format!("{}: not a path", path.display())))?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the name ends with NUL and lives through the call; the handle is closed by `drop` even if opening failed.
        let code = unsafe { sqlite::sqlite3_open_v2(name.as_ptr(), &mut handle, flags, std::ptr::null()) };
        let raw = Raw(handle);
        if code != sqlite::SQLITE_OK {
            return Err(raw.error_of(code));
        }
        // SAFETY: the handle is open.
        unsafe { sqlite::sqlite3_busy_timeout(raw.0, 10_000) };
        Ok(raw)
    }

    /// `false`: somebody else has the database open.
    fn try_alone(&self) -> Result<bool> {
        // Leaving the WAL asks for the database alone; it also brings what the WAL holds into the file.
        let text = c"PRAGMA busy_timeout = 500; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; ROLLBACK;";
        // SAFETY: the handle is open, the text ends with NUL, no callback is given.
        let code =
            unsafe { sqlite::sqlite3_exec(self.0, text.as_ptr(), None, std::ptr::null_mut(), std::ptr::null_mut()) };
        match code & 0xff {
            sqlite::SQLITE_OK => Ok(true),
            sqlite::SQLITE_BUSY | sqlite::SQLITE_LOCKED => Ok(false),
            _ => Err(self.error_of(code)),
        }
    }

    fn error(&self) -> StoreError {
        // SAFETY: the handle is open.
        self.error_of(unsafe { sqlite::sqlite3_extended_errcode(self.0) })
    }

    fn error_of(&self, code: i32) -> StoreError {
        if code & 0xff == sqlite::SQLITE_FULL {
            return StoreError::Io(std::io::ErrorKind::StorageFull.into());
        }
        // SAFETY: SQLite returns a static text for every code.
        let text = unsafe { CStr::from_ptr(sqlite::sqlite3_errstr(code)) };
        StoreError::Invalid(format!("SQLite: {}", text.to_string_lossy()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: the handle came from `sqlite3_open_v2` and is closed once; closing null does nothing.
        unsafe { sqlite::sqlite3_close(self.0) };
    }
}

/// Copies every table of one snapshot into a fresh SQLite file of the same schema.
async fn copy_from_postgres(db: &Db, to: &Path, migrations: &[Migration]) -> Result<()> {
    let mut snapshot = db.write().await?;
    snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let schema = snapshot.value::<Option<i64>>("SELECT MAX(number) FROM schema_migration").await?.flatten();
    let known = migrations.iter().map(Migration::number).max();
    if schema != known {
        // Only a server of the same program knows the same tables.
        let (found, known) = (schema.unwrap_or(0), known.unwrap_or(0));
        return Err(StoreError::Invalid(format!(
            "the database has schema {found}, this program {known}: start the server once, so that it upgrades the database"
        )));
    }
    let copied = open_copy(to).await?;
    copied.migrate(migrations).await?;
    copied
        .with_sqlite_writer(async |connection| {
            sqlx::query("PRAGMA foreign_keys = OFF").execute(connection).await?;
            Ok(())
        })
        .await?;
    let outcome = async {
        let mut target = copied.write().await?;
        for table in tables(&mut target).await?.iter().filter(|table| *table != "schema_migration") {
            copy_table(&mut snapshot, &mut target, table).await?;
        }
        target.commit().await
    }
    .await;
    copied.close().await;
    outcome
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: String,
}

async fn columns(sqlite: &mut Session, table: &str) -> Result<Vec<Column>> {
    let found: Vec<(String, String)> =
        sqlite.all(sql!("SELECT name, type FROM pragma_table_info($1) ORDER BY cid", table)).await?;
    Ok(found.into_iter().map(|(name, kind)| Column { name, kind }).collect())
}

/// Copies all rows of one table. SQLite's declared types say how a value is bound; one of the two sides is SQLite.
async fn copy_table(from: &mut Session, to: &mut Session, table: &str) -> Result<()> {
    let columns = match to.engine() {
        Engine::Sqlite => columns(to, table).await?,
        Engine::Postgres => columns(from, table).await?,
    };
    let names = columns.iter().map(|column| format!("\"{}\"", column.name)).collect::<Vec<_>>().join(", ");
    let select = format!("SELECT {names} FROM \"{table}\"");
    let rows = from.stream::<Cells>(select.as_str());
    let mut batches = rows.try_chunks(ROWS);
    while let Some(batch) = batches.try_next().await.map_err(|chunk| chunk.1)? {
        let mut statement = Sql::new(format!("INSERT INTO \"{table}\" ({names}) VALUES "));
        for (index, Cells(cells)) in batch.into_iter().enumerate() {
            statement.push(if index > 0 { ", (" } else { "(" });
            let row = columns
                .iter()
                .zip(cells)
                .map(|(column, cell)| bound(table, column, cell))
                .collect::<Result<Vec<_>>>()?;
            statement.bind_list(row).push(")");
        }
        to.execute(statement).await?;
    }
    Ok(())
}

fn bound(table: &str, column: &Column, cell: Cell) -> Result<Arg> {
    Ok(match (column.kind.as_str(), cell) {
        ("BLOB", Cell::Null) => Arg::Id(None),
        ("BLOB", Cell::Id(id)) => Arg::Id(Some(id)),
        ("TEXT", Cell::Null) => Arg::Text(None),
        ("TEXT", Cell::Text(text)) => Arg::Text(Some(text)),
        ("BOOLEAN", Cell::Null) => Arg::Bool(None),
        ("BOOLEAN", Cell::Int(value)) => Arg::Bool(Some(value != 0)),
        ("BIGINT" | "INTEGER", Cell::Null) => Arg::Int(None),
        ("BIGINT" | "INTEGER", Cell::Int(value)) => Arg::Int(Some(value)),
        ("DOUBLE PRECISION" | "REAL", Cell::Null) => Arg::Float(None),
        ("DOUBLE PRECISION" | "REAL", Cell::Float(value)) => Arg::Float(Some(value)),
        (kind, _) => {
            let name = &column.name;
            return Err(StoreError::Invalid(format!("{table}.{name}: a value does not fit the type {kind}")));
        }
    })
}

/// Where an archive goes: an empty place that nobody uses.
enum Target {
    Sqlite(PathBuf),
    Postgres(Db),
}

/// Servers that are connected to this database, without our own connection.
const OTHERS: &str = "
    SELECT COUNT(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'trivet' AND pid <> pg_backend_pid()";

impl Target {
    async fn prepare(url: &str) -> Result<Target> {
        let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) else {
            let db = Db::open(url).await?;
            let mut session = db.read().await?;
            refuse_organization(&mut session).await?;
            // A connection that was closed just now may still be listed for a moment.
            for _ in 0..10 {
                let others: Option<i64> = session.value(OTHERS).await?;
                if others == Some(0) {
                    drop(session);
                    return Ok(Target::Postgres(db));
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
            return Err(in_use(url));
        };
        let path = PathBuf::from(path);
        if path.exists() {
            let held = path.clone();
            if !blocking(move || Raw::open(&held, sqlite::SQLITE_OPEN_READWRITE)?.try_alone()).await? {
                return Err(in_use(url));
            }
            let db = Db::open(url).await?;
            let outcome = match db.read().await {
                Ok(mut session) => refuse_organization(&mut session).await,
                Err(error) => Err(error),
            };
            db.close().await;
            outcome?;
        }
        Ok(Target::Sqlite(path))
    }
}

fn in_use(url: &str) -> StoreError {
    // The address may hold a password.
    let shown = url.rsplit('@').next().and_then(|rest| rest.split('?').next()).unwrap_or(url);
    StoreError::Invalid(format!("{shown}: a server has this database open; stop it first"))
}

/// A restore never overwrites: it goes into an empty database.
async fn refuse_organization(session: &mut Session) -> Result<()> {
    let tables = match session.engine() {
        Engine::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE name = 'organization'",
        Engine::Postgres => {
            "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'organization'"
        }
    };
    if session.value::<i64>(tables).await? == Some(0) {
        return Ok(());
    }
    match session.value::<i64>("SELECT COUNT(*) FROM organization").await? {
        Some(0) => Ok(()),
        _ => Err(StoreError::Invalid(
            "the database has an organisation already: an archive is restored only into an empty database".into(),
        )),
    }
}

/// Fills an empty PostgreSQL database in one transaction. Foreign keys are taken off and put back, so that the order of rows
/// does not matter and every one is checked at the end.
async fn copy_to_postgres(copied: &Db, db: &Db, migrations: &[Migration]) -> Result<()> {
    db.migrate(migrations).await?;
    let mut source = copied.read().await?;
    let mut target = db.write().await?;
    target.execute("LOCK TABLE organization IN ACCESS EXCLUSIVE MODE").await?;
    if target.value::<i64>("SELECT COUNT(*) FROM organization").await? != Some(0) {
        return Err(StoreError::Invalid("the database has been set up meanwhile".into()));
    }
    const KEYS: &str = "
        SELECT CAST(conrelid::regclass AS TEXT), CAST(conname AS TEXT), pg_get_constraintdef(oid)
          FROM pg_constraint WHERE contype = 'f' AND connamespace = CAST(current_schema() AS regnamespace)";
    let keys: Vec<(String, String, String)> = target.all(KEYS).await?;
    for (table, name, _) in &keys {
        target.execute(format!("ALTER TABLE {table} DROP CONSTRAINT \"{name}\"").as_str()).await?;
    }
    for table in tables(&mut source).await?.iter().filter(|table| *table != "schema_migration") {
        copy_table(&mut source, &mut target, table).await?;
    }
    for (table, name, definition) in &keys {
        target.execute(format!("ALTER TABLE {table} ADD CONSTRAINT \"{name}\" {definition}").as_str()).await?;
    }
    target.commit().await
}

/// Writes a part and notes its digest.
fn add(
    zip: &mut ZipWriter<BufWriter<File>>,
    manifest: &mut Manifest,
    name: &str,
    mut from: impl Read,
    packed: bool,
) -> Result<()> {
    let method = if packed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let options = SimpleFileOptions::default().compression_method(method).large_file(true);
    let options = if packed { options.compression_level(Some(3)) } else { options };
    zip.start_file(name, options).map_err(zip_failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        zip.write_all(&buffer[..read])?;
    }
    manifest.parts.insert(name.to_owned(), hex(&digest.finalize()));
    Ok(())
}

fn zip_failed(error: zip::result::ZipError) -> StoreError {
    match error {
        zip::result::ZipError::Io(error) => StoreError::Io(error),
        other => StoreError::Invalid(other.to_string()),
    }
}

fn part_of(id: Uuid) -> String {
    format!("files/{}", id.simple())
}

fn pack(
    database: &Path,
    files: &Files,
    stored: impl Iterator<Item = Uuid>,
    manifest: &mut Manifest,
    archive: &Path,
) -> Result<()> {
    let mut zip = ZipWriter::new(BufWriter::new(File::create(archive)?));
    add(&mut zip, manifest, DATABASE, BufReader::new(File::open(database)?), true)?;
    for id in stored {
        match File::open(files.path(id)) {
            Ok(file) => add(&mut zip, manifest, &part_of(id), BufReader::new(file), false)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => manifest.missing_files.push(id),
            Err(error) => return Err(error.into()),
        }
    }
    zip.start_file(MANIFEST, SimpleFileOptions::default()).map_err(zip_failed)?;
    zip.write_all(&serde_json::to_vec_pretty(manifest).expect("a manifest is plain JSON"))?;
    // The place for the digest, filled below.
    zip.set_comment("0".repeat(DIGEST as usize)).map_err(zip_failed)?;
    zip.finish().map_err(zip_failed)?.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    let mut file = File::options().read(true).write(true).open(archive)?;
    let length = file.metadata()?.len();
    let digest = digest_of(&mut file, length - DIGEST)?;
    file.seek(SeekFrom::Start(length - DIGEST))?;
    file.write_all(digest.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// SHA-256 of the first `length` bytes.
fn digest_of(file: &mut File, length: u64) -> Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut digest = Sha256::new();
    let mut rest = BufReader::with_capacity(1 << 16, file).take(length);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = rest.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
    }
}

/// Opens an archive after its digest was found to fit.
fn open_archive(path: &Path) -> Result<ZipArchive<BufReader<File>>> {
    let mut file = File::open(path).map_err(|error| StoreError::Invalid(format!("{}: {error}", path.display())))?;
    let length = file.metadata()?.len();
    let content = length.checked_sub(DIGEST).ok_or_else(|| damaged("it is too short"))?;
    let digest = digest_of(&mut file, content)?;
    file.seek(SeekFrom::Start(content))?;
    let mut noted = Vec::new();
    file.read_to_end(&mut noted)?;
    if noted != digest.as_bytes() {
        return Err(damaged("its digest does not fit, or it is no archive of Trivet"));
    }
    ZipArchive::new(BufReader::new(file)).map_err(damaged)
}

fn read_manifest(zip: &mut ZipArchive<BufReader<File>>) -> Result<Manifest> {
    let part = zip.by_name(MANIFEST).map_err(damaged)?;
    let mut text = Vec::new();
    part.take(1 << 30).read_to_end(&mut text)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(damaged)?;
    if manifest.format != FORMAT {
        return Err(StoreError::Invalid(format!(
            "the archive has format {}, this program reads format {FORMAT}",
            manifest.format
        )));
    }
    Ok(manifest)
}

/// Copies a part out and compares it with its digest.
fn unpack(zip: &mut ZipArchive<BufReader<File>>, name: &str, digest: &str, into: &mut impl Write) -> Result<()> {
    let mut part = zip.by_name(name).map_err(damaged)?;
    let mut found = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = part.read(&mut buffer).map_err(damaged)?;
        if read == 0 {
            break;
        }
        found.update(&buffer[..read]);
        into.write_all(&buffer[..read])?;
    }
    if hex(&found.finalize()) == digest { Ok(()) } else { Err(damaged(format_args!("{name} differs from its digest"))) }
}

fn unpack_all(archive: &Path, database: &Path, files: &Files, manifest: &Manifest) -> Result<()> {
    let mut zip = open_archive(archive)?;
    for (name, digest) in &manifest.parts {
        let path = match name.strip_prefix("files/") {
            None if name == DATABASE => database.to_owned(),
            // Only ids are names of files: nothing in an archive chooses where it is written.
            Some(id) => files.path(id.parse().map_err(|_| damaged(format_args!("{name} is no part of an archive")))?),
            None => return Err(damaged(format_args!("{name} is no part of an archive"))),
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = BufWriter::new(File::create(&path)?);
        unpack(&mut zip, name, digest, &mut file)?;
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        // The database gets its name, and is synced with it, when all is well.
        if name != DATABASE {
            file::sync_folders(&path)?;
        }
    }
    Ok(())
}
