//! How the texts of answers are read: pages, forms and workbooks.

use std::collections::BTreeSet;

use store::Uuid;
use testkit::TestApp;

/// So many records, as a page says it.
pub fn told(records: usize, more: &str) -> String {
    format!("{records} record{}{more}", if records == 1 { "" } else { "s" })
}

/// What follows each `mark` in a text.
pub fn after<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.match_indices(mark).map(|(at, _)| &text[at + mark.len()..]).collect()
}

/// The ids that follow each `mark`.
pub fn ids_after(text: &str, mark: &str) -> BTreeSet<Uuid> {
    after(text, mark).into_iter().filter_map(|rest| rest.get(..36)?.parse().ok()).collect()
}

/// Every id in a text.
pub fn all_ids(text: &str) -> BTreeSet<Uuid> {
    let candidates = text.match_indices('-').filter_map(|(at, _)| text.get(at.checked_sub(8)?..at + 28));
    candidates.filter_map(|part| part.parse().ok()).collect()
}

/// The name and value of every input of the only form on a page.
pub fn inputs(page: &str) -> Vec<(String, String)> {
    let form = after(page, "<form class=\"form").into_iter().next().unwrap_or("");
    let form = form.split("</form>").next().unwrap_or("");
    let plain = |text: &str| {
        text.replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#38;", "&")
            .replace("&amp;", "&")
    };
    let attribute = |tag: &str, name: &str| {
        after(tag, &format!(" {name}=\"")).first().map(|rest| plain(rest.split('"').next().unwrap_or("")))
    };
    let mut found = Vec::new();
    for (tag, rest) in form.split('<').skip(1).map(|part| part.split_once('>').unwrap_or((part, ""))) {
        let name = attribute(tag, "name");
        match (tag.split_whitespace().next(), name) {
            (Some("input"), Some(name)) if !tag.contains("type=\"checkbox\"") => {
                found.push((name, attribute(tag, "value").unwrap_or_default()));
            }
            (Some("textarea"), Some(name)) => found.push((name, plain(rest.trim_start_matches('\n')))),
            (Some("select"), Some(name)) => found.push((name, String::new())),
            (Some("option"), _) if tag.contains(" selected") => {
                let last = found.last_mut().expect("an option stands in a select");
                last.1 = attribute(tag, "value").unwrap_or_default();
            }
            _ => {}
        }
    }
    found
}

/// The rows of a workbook as text.
pub fn rows_of(app: &TestApp, bytes: &[u8]) -> String {
    let path = app.database.folder.path().join("taken.xlsx");
    std::fs::write(&path, bytes).expect("the folder is writable");
    let sheet = paper::sheet::Sheet::open(&path, &paper::sheet::Options::default()).expect("a workbook");
    let headers = sheet.headers.join(",");
    let rows = sheet.map(|row| row.expect("a row").cells.join(","));
    std::iter::once(headers).chain(rows).collect::<Vec<_>>().join("\n")
}
