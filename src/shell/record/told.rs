//! What a file tells is told by an import; the history says by which. The mark stands where a reason would, in front of the
//! reason if there is one, and is put into words when somebody reads it.

use std::collections::{HashMap, HashSet};

use store::event::Recorded;
use store::{Session, Sql, Uuid};

use crate::shell::error::Result;
use crate::shell::i18n::Locale;

const MARK: &str = "import:";

/// In place of a reason, or in front of it: this import tells it.
pub fn by_import(import: Uuid, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{MARK}{import} {reason}"),
        None => format!("{MARK}{import}"),
    }
}

/// The import that told it, if one did. Only what came by an import is read so: anybody may type such a text.
pub fn import_of(via: &str, reason: &str) -> Option<Uuid> {
    let marked = reason.strip_prefix(MARK).filter(|_| via == "import")?;
    marked.split_once(' ').map_or(marked, |(import, _)| import).parse().ok()
}

/// The reason without the mark; empty when there is nothing else.
pub fn words_of<'a>(via: &str, reason: &'a str) -> &'a str {
    match import_of(via, reason) {
        Some(_) => reason.split_once(' ').map_or("", |(_, words)| words),
        None => reason,
    }
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
    let words = words_of(&event.via, reason);
    Some(match import_of(&event.via, reason).map(|_| in_words(locale, file)) {
        None => words.to_owned(),
        Some(told) if words.is_empty() => told,
        Some(told) => locale.text_with("timeline-reason-told", &[("reason", words), ("told", &told)]),
    })
}
