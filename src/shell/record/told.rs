//! What a file tells needs no reason from anybody; the history says which import told it. The mark stands where a reason would,
//! and is put into words when somebody reads it.

use std::collections::{HashMap, HashSet};

use store::event::Recorded;
use store::{Session, Sql, Uuid};

use crate::shell::error::Result;
use crate::shell::i18n::Locale;

const MARK: &str = "import:";

/// In place of a reason: this import tells it.
pub fn by_import(import: Uuid) -> String {
    format!("{MARK}{import}")
}

/// The import that told it, if one did. Only what came by an import is read so: anybody may type such a text.
pub fn import_of(via: &str, reason: &str) -> Option<Uuid> {
    reason.strip_prefix(MARK).filter(|_| via == "import")?.parse().ok()
}

/// What the files of these imports were called.
pub async fn files_of(session: &mut Session, imports: HashSet<Uuid>) -> Result<HashMap<Uuid, String>> {
    if imports.is_empty() {
        return Ok(HashMap::new());
    }
    let mut statement = Sql::new("SELECT i.id, i.name FROM import i WHERE i.id IN (");
    statement.bind_list(imports).push(")");
    let names: Vec<(Uuid, String)> = session.all(statement).await?;
    Ok(names.into_iter().collect())
}

/// The mark in words. `file`: what the file was called, for somebody who may see which import it was.
pub fn in_words(locale: Locale, file: Option<&str>) -> String {
    match file {
        Some(file) => locale.text_with("timeline-via-import-of", &[("file", file)]),
        None => locale.text("timeline-via-import"),
    }
}

/// The reason of an event as people read it; see [`in_words`].
pub fn reason_of(event: &Recorded, locale: Locale, file: Option<&str>) -> Option<String> {
    let reason = event.reason.as_deref()?;
    Some(import_of(&event.via, reason).map_or_else(|| reason.to_owned(), |_| in_words(locale, file)))
}
