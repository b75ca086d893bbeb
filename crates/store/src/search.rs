//! Full-text search over records and notes: the one place where the engines differ (FTS5 and `tsvector`).
//!
//! Words are cut here, the same for both: Latin words as they are (searched by prefix), Chinese runs as overlapping
//! pairs of characters (云帆科技 → 云帆 帆科 科技), names also by sound (yunfankeji, its tails, and initials yfkj; see `sound`).
//! `open` words may be found by everyone who may see the record; `private` words (phone, mail) only by who may see
//! those fields. Results are ids: the caller joins them with its scoped tables.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

pub use crate::sound::{person_key, sort_key};
use crate::{Engine, Result, Session, Sql, Tx, batches, batches_of, sound, sql};

/// The words under which a record is found.
#[derive(Debug, Clone, Default)]
pub struct Words {
    open: BTreeSet<String>,
    private: BTreeSet<String>,
}

impl Words {
    /// Running text: notes, descriptions.
    pub fn text(&mut self, text: &str) -> &mut Words {
        cut(text, &mut self.open);
        self
    }
    /// A name or title: also by sound and initials.
    pub fn name(&mut self, text: &str) -> &mut Words {
        cut(text, &mut self.open);
        sounds(text, &mut self.open);
        self
    }
    /// An e-mail address or similar, hidden from some.
    pub fn private_text(&mut self, text: &str) -> &mut Words {
        cut(text, &mut self.private);
        self.private.insert(text.trim().to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect());
        self
    }
    /// A phone number: found from any digit on, at least four digits long.
    pub fn private_number(&mut self, text: &str) -> &mut Words {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        for start in 0..digits.len().saturating_sub(3) {
            self.private.insert(digits[start..].to_owned());
        }
        self
    }
}

/// A word is known by this many of its first letters.
const WORD: usize = 40;

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Lower case, without accents, full-width letters as plain ones: written and searched words meet whatever the engine does.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.nfkd().flat_map(char::to_lowercase).filter(|c| !matches!(c, '\u{300}'..='\u{36f}'))
}

/// Splits text into runs of Chinese characters and runs of other letters and digits, folded.
fn runs(text: &str) -> Vec<String> {
    let mut runs: Vec<String> = Vec::new();
    let mut open = false;
    let mut han = false;
    for c in folded(text) {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open || han != is_han(c) {
            runs.push(String::new());
        }
        (open, han) = (true, is_han(c));
        runs.last_mut().expect("a run was just begun").push(c);
    }
    runs
}

fn pairs(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    match characters.len() {
        0 | 1 => vec![run.to_owned()],
        _ => characters.windows(2).map(|pair| pair.iter().collect()).collect(),
    }
}

fn cut(text: &str, into: &mut BTreeSet<String>) {
    for run in runs(text) {
        if run.starts_with(is_han) {
            // The last character also stands alone, so that a one-character query finds it.
            into.extend(run.chars().last().map(String::from));
            into.extend(pairs(&run));
        } else {
            into.insert(run.chars().take(WORD).collect());
        }
    }
}

/// Full sound and initials of a Chinese name, from every character on: typing "yunfan" or "yf" finds 上海云帆.
fn sounds(text: &str, into: &mut BTreeSet<String>) {
    for run in runs(text).iter().filter(|run| run.starts_with(is_han)) {
        let syllables = sound::syllables(&run.chars().collect::<Vec<char>>());
        let letters = sound::letters(&syllables);
        for start in 0..syllables.len().min(16) {
            into.extend(sound::ways(&syllables[start..]).iter().map(|full| full.chars().take(WORD).collect()));
            into.extend(sound::ways(&letters[start..]).iter().map(|initials| initials.chars().take(16).collect()));
        }
    }
}

/// Grows when records are found by other words, or names sort by other keys, than before: an older database is then indexed anew.
pub const EDITION: i64 = 1;
/// The kinds of record; each has an index of its own.
pub const KINDS: [&str; 8] = ["account", "contact", "lead", "opportunity", "product", "activity", "task", "person"];
/// Those of them with words that not everybody may find them by.
const WITH_PRIVATE: [&str; 4] = ["account", "contact", "lead", "person"];

/// Replaces what a record is found by.
pub async fn put(tx: &mut Tx, kind: &str, subject: Uuid, words: &Words) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        remove(tx, kind, subject).await?;
    }
    put_all(tx, kind, &[(subject, words)]).await
}

/// Many records with few statements. On SQLite they must be new.
pub async fn put_all(tx: &mut Tx, kind: &str, records: &[(Uuid, &Words)]) -> Result<()> {
    debug_assert!(KINDS.contains(&kind));
    debug_assert!(WITH_PRIVATE.contains(&kind) || records.iter().all(|(_, words)| words.private.is_empty()));
    if tx.engine() == Engine::Sqlite {
        return put_sqlite(tx, kind, records).await;
    }
    for batch in batches(records) {
        put_postgres(tx, kind, batch).await?;
    }
    Ok(())
}

/// FTS5 collects the words of a transaction in memory, and writes a segment of its index whenever a statement of many rows
/// begins, in whichever table. So the names of all records go first, and then their words in as few statements as can be.
async fn put_sqlite(tx: &mut Tx, kind: &str, records: &[(Uuid, &Words)]) -> Result<()> {
    // Row ids are handed out here, under the writer's lock, because both tables must have the same.
    let last: i64 = tx.value("SELECT seq FROM sqlite_sequence WHERE name = 'search_doc'").await?.unwrap_or(0);
    let numbered: Vec<(i64, &(Uuid, &Words))> = (last + 1..).zip(records).collect();
    for batch in batches(&numbered) {
        let mut names = Sql::new("INSERT INTO search_doc (rowid, subject_id, kind) VALUES ");
        for (index, (row, (subject, _))) in batch.iter().enumerate() {
            names.push(if index == 0 { "(" } else { ", (" }).bind(*row).push(", ").bind(*subject).push(", ");
            names.bind(kind).push(")");
        }
        tx.execute(names).await?;
    }
    for batch in batches_of(&numbered, &[1000, 200, 50, 10, 1]) {
        let mut words = Sql::new(format!("INSERT INTO search_{kind} (rowid, open, private) VALUES "));
        for (index, (row, (_, found_by))) in batch.iter().enumerate() {
            words.push(if index == 0 { "(" } else { ", (" }).bind(*row).push(", ").bind(joined(&found_by.open));
            words.push(", ").bind(joined(&found_by.private)).push(")");
        }
        tx.execute(words).await?;
    }
    Ok(())
}

async fn put_postgres(tx: &mut Tx, kind: &str, batch: &[(Uuid, &Words)]) -> Result<()> {
    let mut statement = Sql::new("INSERT INTO search_doc (subject_id, kind, open, everything) VALUES ");
    for (index, (subject, found_by)) in batch.iter().enumerate() {
        let (open, private) = (joined(&found_by.open), joined(&found_by.private));
        let everything = if private.is_empty() { open.clone() } else { format!("{open} {private}").trim().to_owned() };
        statement.push(if index == 0 { "(" } else { ", (" }).bind(*subject).push(", ").bind(kind);
        statement.push(", array_to_tsvector(string_to_array(").bind(open).push(", ' '))");
        statement.push(", array_to_tsvector(string_to_array(").bind(everything).push(", ' ')))");
    }
    statement.push(" ON CONFLICT (subject_id) DO UPDATE SET open = EXCLUDED.open, everything = EXCLUDED.everything");
    tx.execute(statement).await?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, kind: &str, subject: Uuid) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        tx.execute(sql!(
            format!("DELETE FROM search_{kind} WHERE rowid = (SELECT rowid FROM search_doc WHERE subject_id = $1)"),
            subject
        ))
        .await?;
    }
    tx.execute(sql!("DELETE FROM search_doc WHERE subject_id = $1", subject)).await?;
    Ok(())
}

/// Forgets every word, before all are put in anew.
pub async fn clear(tx: &mut Tx) -> Result<()> {
    if tx.engine() == Engine::Sqlite {
        for kind in KINDS {
            tx.execute(format!("INSERT INTO search_{kind} (search_{kind}) VALUES ('delete-all')").as_str()).await?;
        }
    }
    tx.execute("DELETE FROM search_doc").await?;
    Ok(())
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().filter(|word| !word.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// A word that is looked for, or the beginning of one.
pub(crate) struct Term {
    text: String,
    by_prefix: bool,
}

impl Term {
    pub(crate) fn is_beginning(&self) -> bool {
        self.by_prefix
    }
    /// The same as a whole word.
    pub(crate) fn whole(&self) -> Term {
        Term { text: self.text.clone(), by_prefix: false }
    }
}

/// The words of a query; none: there is nothing in it that the index could be asked for.
pub(crate) fn terms(query: &str) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    for run in runs(query) {
        if !run.starts_with(is_han) || run.chars().count() == 1 {
            terms.push(Term { text: run.chars().take(WORD).collect(), by_prefix: true });
        } else {
            terms.extend(pairs(&run).into_iter().map(|text| Term { text, by_prefix: false }));
        }
    }
    terms.truncate(12);
    terms
}

/// What the engine's index is asked for, to find all of the terms.
pub(crate) fn expression<'a>(engine: Engine, terms: impl IntoIterator<Item = &'a Term>, with_private: bool) -> String {
    let (quote, and, prefix) = match engine {
        Engine::Sqlite => ('"', " AND ", "*"),
        Engine::Postgres => ('\'', " & ", ":*"),
    };
    let parts: Vec<String> = terms
        .into_iter()
        .map(|term| format!("{quote}{}{quote}{}", term.text, if term.by_prefix { prefix } else { "" }))
        .collect();
    let all = parts.join(and);
    match (engine, with_private) {
        (Engine::Postgres, _) => all,
        (Engine::Sqlite, true) => format!("{{open private}} : ({all})"),
        (Engine::Sqlite, false) => format!("{{open}} : ({all})"),
    }
}

/// Appends `id_column IN (records that match)` to a statement. `false`: the query holds no word, nothing was appended.
pub fn push_match(
    statement: &mut Sql,
    engine: Engine,
    kind: &str,
    id_column: &str,
    query: &str,
    with_private: bool,
) -> bool {
    debug_assert!(KINDS.contains(&kind));
    let terms = terms(query);
    if terms.is_empty() {
        return false;
    }
    let expression = expression(engine, &terms, with_private);
    statement.push(&format!("{id_column} IN (SELECT d.subject_id FROM "));
    match engine {
        Engine::Sqlite => statement
            .push(&format!("search_{kind} s JOIN search_doc d ON d.rowid = s.rowid WHERE search_{kind} MATCH "))
            .bind(expression)
            .push(")"),
        Engine::Postgres => statement
            .push(&format!("search_doc d WHERE d.kind = '{kind}' AND {} @@ CAST(", column(kind, with_private)))
            .bind(expression)
            .push(" AS tsquery))"),
    };
    true
}

/// Kinds without private words have only one index.
pub(crate) fn column(kind: &str, with_private: bool) -> &'static str {
    if with_private && WITH_PRIVATE.contains(&kind) { "d.everything" } else { "d.open" }
}

/// Whether there is anything in the query that the index of words could be asked for.
pub fn has_word(query: &str) -> bool {
    !runs(query).is_empty()
}

/// About how many rows the tables have, where a [page of the newest](crate::Newest) needs to know.
pub async fn sizes(session: &mut Session, tables: &[&str]) -> Result<Vec<i64>> {
    match session.engine() {
        Engine::Sqlite => Ok(vec![0; tables.len()]),
        Engine::Postgres => session.rows_about(tables).await,
    }
}

/// Appends "the column contains this text", whatever the case. SQLite lowers ASCII letters only and PostgreSQL what its locale
/// knows, so the usual ways to write other scripts (small, capital, with a capital first letter) are asked for one by one.
pub fn push_contains(statement: &mut Sql, column: &str, text: &str) {
    let lower = text.to_lowercase();
    let mut forms = vec![lower.clone()];
    if !lower.is_ascii() {
        let mut first = true;
        let titled: String = lower
            .chars()
            .flat_map(|c| {
                let starts = std::mem::replace(&mut first, !c.is_alphanumeric()) && c.is_alphanumeric();
                if starts { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
            })
            .collect();
        for form in [text.to_uppercase(), titled, text.to_owned()] {
            let form = form.to_ascii_lowercase();
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    statement.push("(");
    for (index, form) in forms.iter().enumerate() {
        let pattern = form.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        statement.push(if index > 0 { " OR " } else { "" });
        statement.push(&format!("LOWER({column}) LIKE ")).bind(format!("%{pattern}%")).push(" ESCAPE '\\'");
    }
    statement.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chinese_name_is_found_by_characters_sound_and_initials() {
        let mut words = Words::default();
        words.name("上海云帆科技有限公司");
        for expected in ["云帆", "科技", "yunfankejiyouxiangongsi", "yfkjyxgs", "司"] {
            assert!(words.open.contains(expected), "{expected} is missing in {:?}", words.open);
        }
    }

    #[test]
    fn a_phone_number_is_found_by_its_last_four_digits_only_in_private_words() {
        let mut words = Words::default();
        words.private_number("+86 138-0013-8000");
        assert!(words.private.contains("8000") && words.private.contains("13800138000"));
        assert!(words.open.is_empty());
    }

    #[test]
    fn a_character_of_several_readings_is_found_by_each() {
        for (name, sounds) in [
            ("长沙重工有限公司", ["changsha", "zhangsha", "cszg", "zhonggong"]),
            ("重庆长安汽车", ["chongqing", "cqca", "changan", "zhongqing"]),
            ("成都银行", ["chengdu", "yinhang", "cdyh", "duyinhang"]),
            ("厦门佛山", ["xiamen", "foshan", "xmfs", "menfoshan"]),
            ("曾单", ["zeng", "ceng", "zs", "shan"]),
            ("吕绿", ["lvlv", "lulv", "ll", "lv"]),
        ] {
            let mut words = Words::default();
            words.name(name);
            for sound in sounds {
                assert!(
                    words.open.iter().any(|word| word.starts_with(sound)),
                    "{sound} is missing in {:?}",
                    words.open
                );
            }
        }
    }
}
