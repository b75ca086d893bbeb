//! The drawing of the house and its rules, checked against the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use trivet::app::MIGRATIONS;
use trivet::shell::access::{Level, Role};
use trivet::shell::i18n::{Locale, keys};
use trivet::shell::record::Kind;
use trivet::shell::record::filter::{Op, SPANS};
use trivet::tools::crm::REGISTRY;

/// Who may call whom, top-down. Everybody may use `shell`; nothing but `app` and `cli` may be above everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("shell", &[]),
    ("system", &["shell"]),
    ("tools::crm", &["shell", "system"]),
    ("demo", &["shell", "system", "tools::crm"]),
    ("app", &["shell", "system", "tools", "tools::crm"]),
    ("cli_backup", &["shell", "app"]),
    ("cli_routes", &["shell", "system", "app"]),
    ("cli", &["shell", "system", "tools::crm", "demo", "app", "cli_backup", "cli_routes"]),
];

/// Arrows that point up and are known: each with the reason why it stays.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below a folder with this ending: its path from the root, and its text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    fn collect(folder: &Path, ending: &str, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())).flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(&path, ending, into);
            } else if path.to_string_lossy().ends_with(ending) {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(&root().join(folder), ending, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path.strip_prefix(root()).expect("it lies below").to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The room a file belongs to: `shell`, `tools::crm`, `process::quota`, …
fn room_of(path: &str) -> String {
    let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').skip(1).collect();
    match parts.as_slice() {
        [wing @ ("tools" | "process" | "people"), slice, ..] if *slice != "mod" => format!("{wing}::{slice}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// The rooms that a text names by `crate::…`, also in groups (`use crate::{system, tools::crm}`).
fn rooms_named(text: &str) -> BTreeSet<String> {
    fn split(group: &str) -> Vec<String> {
        let (mut parts, mut depth, mut part) = (Vec::new(), 0, String::new());
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(std::mem::take(&mut part));
                    continue;
                }
                _ => {}
            }
            part.push(c);
        }
        parts.push(part);
        parts
    }
    fn follow(path: &str, prefix: &str, into: &mut BTreeSet<String>) {
        let path = path.trim();
        if let Some(group) = path.strip_prefix('{') {
            for part in split(group) {
                follow(&part, prefix, into);
            }
            return;
        }
        let word: String = path.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let rest = &path[word.len()..];
        if prefix.is_empty() && matches!(word.as_str(), "tools" | "process" | "people") {
            match rest.strip_prefix("::") {
                Some(rest) => follow(rest, &format!("{word}::"), into),
                None => drop(into.insert(word)),
            }
        } else if !word.is_empty() && word != "self" {
            into.insert(format!("{prefix}{word}"));
        }
    }
    let mut rooms = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        if before != '$' && !before.is_alphanumeric() && before != '_' {
            follow(&text[at + "crate::".len()..], "", &mut rooms);
        }
    }
    rooms
}

/// Without comments, so that a word about another slice is no arrow to it.
fn code_of(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn rooms_are_read_from_all_ways_to_write_them() {
    let text = "use crate::shell::{a, b};\nuse crate::{system, tools::{crm, library::x}};\nlet x = crate::people::hiring::X; $crate::demo";
    let expected = ["people::hiring", "shell", "system", "tools::crm", "tools::library"];
    assert_eq!(rooms_named(text), expected.map(str::to_owned).into());
}

#[test]
fn slices_call_each_other_only_along_the_arrows() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", ".rs") {
        let room = room_of(&path);
        if matches!(room.as_str(), "lib" | "main") || path.ends_with("src/tools/mod.rs") {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == room) else {
            wrong.push(format!("{path}: the room {room:?} is not in the drawing (tests/it/house.rs)"));
            continue;
        };
        // Tests at the end of a file may use what the program itself may not.
        let text = code_of(&text);
        for named in rooms_named(text.split("#[cfg(test)]").next().unwrap_or("")) {
            let known = EXCEPTIONS.iter().any(|(file, to, _)| *file == path && *to == named);
            if named != room && !allowed.contains(&named.as_str()) && !known {
                wrong.push(format!("{path}: an arrow from {room} to {named}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_drawing_has_no_circle() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    fn reaches(arrows: &BTreeMap<&str, &[&str]>, from: &str, to: &str, depth: usize) -> bool {
        depth < 30
            && arrows
                .get(from)
                .is_some_and(|next| next.iter().any(|next| *next == to || reaches(arrows, next, to, depth + 1)))
    }
    for room in arrows.keys() {
        assert!(!reaches(&arrows, room, room, 0), "{room} reaches itself");
    }
}

#[test]
fn statements_run_only_through_the_store() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", ".rs") {
        for (number, line) in code_of(&text).lines().enumerate() {
            let derived = ["sqlx::FromRow", "sqlx::Type", "#[sqlx(flatten)]"];
            let derived = derived.into_iter().fold(line.to_owned(), |line, known| line.replace(known, ""));
            if derived.contains("sqlx") {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "outside crates/store only derives of sqlx are used:\n{}", wrong.join("\n"));
}

#[test]
fn every_migration_is_listed_in_order() {
    let found: Vec<String> = files("migrations", ".sql")
        .into_iter()
        .map(|(path, text)| {
            let name = path.trim_start_matches("migrations/").trim_end_matches(".sql").to_owned();
            let listed = MIGRATIONS.iter().find(|migration| migration.name == name);
            let listed = listed.unwrap_or_else(|| panic!("{path} is not in app::MIGRATIONS"));
            assert_eq!(listed.text, text, "{path} was changed after the build");
            name
        })
        .collect();
    let listed: Vec<&str> = MIGRATIONS.iter().map(|migration| migration.name).collect();
    assert_eq!(listed, found);
    let numbers: Vec<i64> = MIGRATIONS.iter().map(store::Migration::number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

// -- words ------------------------------------------------------------------------------------------------------------------

/// key → (file, text) of a language; every message is one line `key = text`.
fn messages(locale: Locale) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    for (path, text) in files(&format!("locales/{}", locale.tag()), ".ftl") {
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, message) =
                line.split_once(" = ").unwrap_or_else(|| panic!("{path}:{}: not `key = text`: {line}", number + 1));
            assert!(
                key.starts_with(|c: char| c.is_ascii_lowercase())
                    && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "{path}:{}: the key {key:?} is not written like-this",
                number + 1
            );
            assert!(!message.trim().is_empty(), "{path}:{}: {key} says nothing", number + 1);
            let file = path.rsplit('/').next().unwrap_or("").to_owned();
            if let Some((other, _)) = all.insert(key.to_owned(), (file, message.to_owned())) {
                panic!("{path}: {key} stands in {other} already");
            }
        }
    }
    all
}

/// The `{ $name }`s of a message.
fn arguments(message: &str) -> BTreeSet<String> {
    message
        .match_indices('$')
        .map(|(at, _)| {
            message[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
        })
        .collect()
}

#[test]
fn one_word_and_one_sign_stand_for_the_same_thing() {
    for (locale, other, instead) in [(Locale::En, "'", "’"), (Locale::Zh, "在途", "进行中")] {
        let stray = messages(locale).into_iter().filter(|(_, (_, text))| text.contains(other)).map(|(key, _)| key);
        let stray: Vec<String> = stray.collect();
        assert!(stray.is_empty(), "{instead} is written everywhere else than in {stray:?}");
    }
}

#[test]
fn open_deals_have_one_name_in_chinese() {
    let mut texts: Vec<(String, String)> =
        messages(Locale::Zh).into_iter().map(|(key, (_, message))| (key, message)).collect();
    texts.extend(files("docs", ".md").into_iter().filter(|(path, _)| path.contains("zh-CN")));
    let mut wrong = Vec::new();
    for (place, text) in &texts {
        for (at, short) in text.match_indices("进行中商机") {
            // The short form is a part of two figures: their number and their amount.
            if !text[at + short.len()..].starts_with(['数', '金']) {
                wrong.push(place);
            }
        }
    }
    assert!(wrong.is_empty(), "进行中的商机 is written everywhere else than in {wrong:?}");
}

#[test]
fn both_languages_hold_the_same_messages_with_the_same_arguments() {
    let (english, chinese) = (messages(Locale::En), messages(Locale::Zh));
    let mut wrong = Vec::new();
    for (key, (file, text)) in &english {
        match chinese.get(key) {
            None => wrong.push(format!("{file}: {key} is missing in Chinese")),
            Some((other, _)) if other != file => wrong.push(format!("{key}: in {file} and in {other}")),
            Some((_, other)) if arguments(text) != arguments(other) => {
                wrong.push(format!("{file}: {key}: {:?} and {:?}", arguments(text), arguments(other)));
            }
            Some(_) => {}
        }
    }
    wrong.extend(
        chinese
            .iter()
            .filter(|(key, _)| !english.contains_key(*key))
            .map(|(key, (file, _))| format!("{file}: {key} is missing in English")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What the program itself reads is the same.
    for locale in Locale::ALL {
        assert_eq!(keys(locale).len(), english.len());
    }
}

#[test]
fn chinese_messages_are_chinese() {
    // The same in both languages on purpose.
    let same =
        |text: &str| !text.chars().any(|c| c.is_alphabetic()) || text.chars().filter(|c| c.is_alphabetic()).count() < 4;
    let (english, chinese) = (messages(Locale::En), messages(Locale::Zh));
    let copied: Vec<&String> = english
        .iter()
        .filter(|(key, (_, text))| chinese.get(*key).is_some_and(|(_, other)| other == text && !same(text)))
        .map(|(key, _)| key)
        .filter(|key| {
            // Names of languages, products and formats.
            let text = &english[*key].1;
            !key.starts_with("import-encoding-")
                && text.contains(' ')
                && !text.starts_with("{ ")
                && !text.contains("http")
        })
        .collect();
    assert!(copied.is_empty(), "not translated: {copied:?}");
}

/// The first string literal after each `call`, counted from `argument` (0: the first argument).
fn literals_after(text: &str, call: &str, argument: usize) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(call) {
        let mut rest = &text[at + call.len()..];
        let mut missing = false;
        for _ in 0..argument {
            // Skips one argument that holds no comma outside of a string.
            let mut inside = false;
            let end = rest.char_indices().find(|(_, c)| {
                inside ^= *c == '"';
                !inside && matches!(c, ',' | ';')
            });
            match end {
                Some((end, ',')) => rest = &rest[end + 1..],
                _ => missing = true,
            }
        }
        let rest = rest.trim_start();
        if let (false, Some(literal)) = (missing, rest.strip_prefix('"')) {
            found.push(literal.split('"').next().unwrap_or("").to_owned());
        }
    }
    found
}

#[test]
fn every_message_that_is_used_exists() {
    let english = messages(Locale::En);
    let mut wrong = BTreeSet::new();
    let mut need = |key: &str, by: &str| {
        if !english.contains_key(key) {
            wrong.insert(format!("{by}: {key}"));
        }
    };
    for (path, text) in files("src", ".html") {
        for call in [".t(", ".t1(", ".text(", ".text_with("] {
            literals_after(&text, call, 0).iter().for_each(|key| need(key, &path));
        }
    }
    for (path, text) in files("src", ".rs") {
        if path.starts_with("src/demo/") {
            continue;
        }
        let text = code_of(&text);
        // Tests at the end of a file may use keys that do not exist.
        let text = text.split("#[cfg(test)]").next().unwrap_or("");
        for call in [".t(", ".t1(", "locale.text(", "locale.text_with(", "Locale::En.text("] {
            literals_after(text, call, 0).iter().filter(|key| !key.contains('{')).for_each(|key| need(key, &path));
        }
        for call in ["FieldError::new(", "Error::field(", "wrong("] {
            literals_after(text, call, 1).iter().for_each(|key| need(key, &path));
        }
        for literal in text.split('"').skip(1).step_by(2) {
            let is_key = ["error-", "invalid-", "refused-"].iter().any(|prefix| literal.starts_with(prefix));
            if is_key && literal.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !literal.ends_with('-') {
                need(literal, &path);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_kind_of_record_and_field_and_choice_has_its_words() {
    let english = messages(Locale::En);
    let mut missing = Vec::new();
    let mut need = |key: String| {
        if !english.contains_key(&key) {
            missing.push(key);
        }
    };
    for object in REGISTRY.objects {
        need(object.name.to_owned());
        for field in object.fields {
            let label = object.label_key(field);
            if field.hinted {
                need(format!("{label}-hint"));
            }
            need(label);
            if let Kind::Choice(choices) = field.kind {
                choices.iter().for_each(|choice| need(object.choice_key(field, choice)));
            }
        }
    }
    Role::ALL.iter().for_each(|role| need(format!("role-{}", role.key())));
    // Lists, filters and settings.
    if english.keys().any(|key| key.starts_with("op-")) {
        Op::ALL.iter().for_each(|op| need(format!("op-{}", op.key())));
        SPANS.iter().for_each(|span| need(format!("span-{span}")));
    }
    if english.keys().any(|key| key.starts_with("level-")) {
        Level::ALL.iter().for_each(|level| need(format!("level-{}", level.key())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What a template says by itself: its text without tags, comments and askama's blocks.
fn own_text(template: &str) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some(at) = rest.find(['<', '{']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = match () {
            () if rest.starts_with("<!--") => "-->",
            () if rest.starts_with("{#") => "#}",
            () if rest.starts_with("{%") => "%}",
            () if rest.starts_with("{{") => "}}",
            () if rest.starts_with('<') => {
                // A `>` inside askama's blocks or quotes does not end a tag.
                let (mut depth, mut quoted, mut end) = (0, None, rest.len());
                let characters: Vec<(usize, char)> = rest.char_indices().collect();
                for (index, (at, c)) in characters.iter().enumerate() {
                    let next = characters.get(index + 1).map(|(_, c)| *c);
                    match (c, next) {
                        ('{', Some('{' | '%')) => depth += 1,
                        ('}', _) if index > 0 && matches!(characters[index - 1].1, '}' | '%') && depth > 0 => {
                            depth -= 1
                        }
                        ('"', _) if depth == 0 => quoted = if quoted.is_some() { None } else { Some('"') },
                        ('>', _) if depth == 0 && quoted.is_none() => {
                            end = at + 1;
                            break;
                        }
                        _ => {}
                    }
                }
                rest = &rest[end..];
                text.push(' ');
                continue;
            }
            () => {
                rest = &rest[1..];
                continue;
            }
        };
        rest = rest.find(end).map_or("", |at| &rest[at + end.len()..]);
        text.push(' ');
    }
    text.push_str(rest);
    text
}

#[test]
fn templates_hold_no_words_colours_or_code_of_their_own() {
    let mut wrong = Vec::new();
    // Names of keys on a keyboard and of the product.
    let allowed = ["Trivet", "Ctrl", "Esc", "Enter", "Tab", "nbsp", "Alt", "Shift", "API", "CSV", "JSON", "XLSX"];
    for (path, text) in files("src", ".html") {
        for word in own_text(&text).split(|c: char| !c.is_alphabetic()) {
            if word.chars().count() > 1 && !allowed.contains(&word) {
                wrong.push(format!("{path}: the word {word:?}"));
            }
        }
        for (number, line) in text.lines().enumerate() {
            let mut complain = |what: &str| wrong.push(format!("{path}:{}: {what}", number + 1));
            // Hiragana to the end of the CJK blocks, and full-width forms.
            if line
                .chars()
                .any(|c| matches!(c, '\u{3040}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}'))
            {
                complain("Chinese text");
            }
            for attribute in
                [" style=", " onclick=", " onchange=", " onsubmit=", " oninput=", " onload=", "<style", "javascript:"]
            {
                if line.contains(attribute) {
                    complain(attribute);
                }
            }
            if line.contains("<script") && !line.contains("<script src=") && !line.contains("type=\"application/json\"")
            {
                complain("an inline script");
            }
            for (at, _) in line.match_indices('#') {
                let digits = line[at + 1..].chars().take_while(char::is_ascii_hexdigit).count();
                let after = line[at + 1..].chars().nth(digits);
                let is_reference = line[..at].ends_with(['&', '{']) || line[..at].ends_with("href=\"");
                if matches!(digits, 3 | 6 | 8)
                    && !is_reference
                    && !after.is_some_and(|c| c.is_alphanumeric() || c == '-')
                {
                    complain("a colour");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn own_text_of_a_template_is_what_a_reader_would_see() {
    let template = r#"<a href="x>y" {% if a > b %}class="c"{% endif %}>{{ page.t("save") }}</a> Hello <!-- no --> {# no #}<b>you</b>"#;
    let words: Vec<String> = own_text(template).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["Hello", "you"]);
}

// -- forms ------------------------------------------------------------------------------------------------------------------

/// The `div`s of a template whose tag begins so: each with what stands inside it.
fn boxes<'t>(template: &'t str, begins: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (at, _) in template.match_indices(begins) {
        let (rest, mut depth, mut end) = (&template[at..], 0, template.len() - at);
        for (at, _) in rest.match_indices("div") {
            if rest[..at].ends_with("</") {
                depth -= 1;
            } else if rest[..at].ends_with('<') {
                depth += 1;
            }
            if depth == 0 {
                end = at;
                break;
            }
        }
        found.push(&rest[..end]);
    }
    found
}

#[test]
fn a_box_of_a_template_ends_with_its_own_tag() {
    let template = "<div class=\"field wide\"><div>a</div>b</div>c<div class=\"field\">d</div>e";
    let expected = ["<div class=\"field wide\"><div>a</div>b</", "<div class=\"field\">d</"];
    assert_eq!(boxes(template, "<div class=\"field"), expected);
}

#[test]
fn the_way_out_of_every_form_stands_before_the_deed() {
    const OUT: &str = "page.t(\"cancel\")";
    // In a cell of a list two signs stand behind the input, with no box around them.
    const IN_CELL: &str = "data-cancel aria-label=\"{{ page.t(\"cancel\") }}\"";
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, text) in files("src", ".html") {
        let mut boxed = 0;
        for foot in [boxes(&text, "<div class=\"form-actions"), boxes(&text, "<div class=\"dialog-foot")].concat() {
            let Some(out) = foot.rfind(OUT) else { continue };
            boxed += foot.matches(OUT).count();
            let deed = ["btn-primary", "btn-danger"].iter().filter_map(|class| foot.find(class)).min();
            if deed.is_none_or(|deed| deed < out) {
                wrong.push(format!("{path}: the deed stands before Cancel: {foot}"));
            }
        }
        if boxed + text.matches(IN_CELL).count() != text.matches(OUT).count() {
            wrong.push(format!("{path}: Cancel stands apart from the buttons of its form"));
        }
        seen += boxed;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 20, "only {seen} were found");
}

#[test]
fn every_hint_below_a_field_is_named_by_its_field() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, text) in files("src", ".html") {
        let named: Vec<&str> =
            text.split("aria-describedby=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for field in boxes(&text, "<div class=\"field") {
            for hint in field.split("<p class=\"hint").skip(1) {
                seen += 1;
                let tag = hint.split('>').next().unwrap_or_default();
                let id = tag.split_once(" id=\"").and_then(|(_, rest)| rest.split('"').next());
                // Where the names are put together in Rust, tests/it/forms.rs reads the page.
                let is_named = |id: &str| named.iter().any(|names| names.contains(id) || *names == "{{ described }}");
                if !id.is_some_and(is_named) {
                    wrong.push(format!("{path}: no field names the hint{tag}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 15, "only {seen} were found");
}
