//! Two languages as equals. Messages live in `locales/{en,zh-CN}/*.ftl`, a file per slice; both hold the same keys
//! (tests/house.rs checks it, and that every key used in code and templates exists).

use std::collections::HashMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub enum Locale {
    #[default]
    #[serde(rename = "en")]
    En,
    #[serde(rename = "zh-CN")]
    Zh,
}

include!(concat!(env!("OUT_DIR"), "/locales.rs")); // const SOURCES: &[(locale, file, text)]

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 2]> =
    LazyLock::new(|| [bundle(Locale::En), bundle(Locale::Zh)]);

/// Messages that hold nothing but words and arguments, taken apart once: a list asks for several in each of its rows.
static PARTS: LazyLock<[HashMap<String, Vec<Part>>; 2]> = LazyLock::new(|| [parted(Locale::En), parted(Locale::Zh)]);

enum Part {
    Words(String),
    Argument(String),
}

fn parted(locale: Locale) -> HashMap<String, Vec<Part>> {
    messages(locale).filter_map(|(key, text)| Some((key.to_owned(), parts_of(text)?))).collect()
}

/// `None` for whatever is more than words and arguments.
fn parts_of(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('{') {
        let (placed, after) = after.split_once('}')?;
        let name = placed.trim().strip_prefix('$')?;
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return None;
        }
        parts.extend([Part::Words(words.to_owned()), Part::Argument(name.to_owned())]);
        rest = after;
    }
    parts.push(Part::Words(rest.to_owned()));
    Some(parts)
}

/// `None` if an argument is missing, which the formatter knows how to show.
fn filled(parts: &[Part], args: &[(&str, &str)]) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        text.push_str(match part {
            Part::Words(words) => words,
            Part::Argument(name) => args.iter().find(|(of, _)| of == name)?.1,
        });
    }
    Some(text)
}

fn bundle(locale: Locale) -> FluentBundle<FluentResource> {
    let tag = locale.tag().parse().expect("our language tags are well formed");
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Direction marks around arguments would end up in CSV files and window titles.
    bundle.set_use_isolating(false);
    for (of, file, text) in SOURCES {
        if *of == locale.tag() {
            let resource =
                FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(_, errors)| panic!("{file}: {errors:?}"));
            bundle.add_resource(resource).unwrap_or_else(|errors| panic!("{file}: {errors:?}"));
        }
    }
    bundle
}

/// Every message key of a language.
pub fn keys(locale: Locale) -> Vec<String> {
    messages(locale).map(|(key, _)| key.to_owned()).collect()
}

/// Every message with its key, as it is written.
fn messages(locale: Locale) -> impl Iterator<Item = (&'static str, &'static str)> {
    SOURCES
        .iter()
        .filter(move |(of, _, _)| *of == locale.tag())
        .flat_map(|(_, _, text)| text.lines())
        .filter_map(|line| line.split_once(" ="))
        .filter(|(key, _)| key.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|(key, text)| (key, text.trim()))
}

impl Locale {
    /// The language one may switch to.
    pub fn other(self) -> Locale {
        match self {
            Locale::En => Locale::Zh,
            Locale::Zh => Locale::En,
        }
    }

    pub const ALL: [Locale; 2] = [Locale::En, Locale::Zh];

    pub fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::Zh => "zh-CN",
        }
    }

    pub fn parse(text: &str) -> Option<Locale> {
        match text {
            "en" => Some(Locale::En),
            "zh-CN" | "zh" => Some(Locale::Zh),
            _ => None,
        }
    }

    /// The first language of an `Accept-Language` header that we speak.
    pub fn accepted(header: &str) -> Option<Locale> {
        header.split(',').map(|part| part.trim()).find_map(|part| match part {
            _ if part.starts_with("zh") => Some(Locale::Zh),
            _ if part.starts_with("en") => Some(Locale::En),
            _ => None,
        })
    }

    /// The message. An unknown key is shown as itself, so that the screen test sees it.
    pub fn text(self, key: &str) -> String {
        self.text_with(key, &[])
    }

    /// The message with arguments.
    pub fn text_with(self, key: &str, args: &[(&str, &str)]) -> String {
        if let Some(text) = PARTS[self as usize].get(key).and_then(|parts| filled(parts, args)) {
            return text;
        }
        self.formatted(key, args)
    }

    /// Whole numbers take part in plural rules.
    fn formatted(self, key: &str, args: &[(&str, &str)]) -> String {
        let bundle = &BUNDLES[self as usize];
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        let mut values = FluentArgs::new();
        for (name, value) in args {
            match value.parse::<i64>() {
                Ok(number) if number.to_string() == *value => values.set(*name, FluentValue::from(number)),
                _ => values.set(*name, FluentValue::from(*value)),
            }
        }
        bundle.format_pattern(pattern, Some(&values), &mut Vec::new()).into_owned()
    }

    /// The message for a number of things: `{key}-one` for one of them. Messages are one line each, so that files can be
    /// compared; a select expression would need several.
    pub fn counted(self, key: &str, count: i64, args: &[(&str, &str)]) -> String {
        let single = format!("{key}-one");
        self.text_with(if count == 1 && self.has(&single) { &single } else { key }, args)
    }

    /// `Reason: too dear`, with the colon of the language.
    pub fn labelled(self, label: &str, text: &str) -> String {
        match self {
            Locale::En => format!("{label}: {text}"),
            Locale::Zh => format!("{label}：{text}"),
        }
    }

    /// Between the members of a list.
    pub fn list_comma(self) -> &'static str {
        match self {
            Locale::En => ", ",
            Locale::Zh => "、",
        }
    }

    pub fn has(self, key: &str) -> bool {
        BUNDLES[self as usize].has_message(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_both_languages_can_be_read() {
        for locale in Locale::ALL {
            let keys = keys(locale);
            assert!(keys.len() > 100);
            for key in keys {
                assert!(locale.has(&key), "{} {key}", locale.tag());
            }
        }
        assert_eq!(Locale::En.counted("days", 1, &[("count", "1")]), "1 day");
    }

    #[test]
    fn a_message_reads_the_same_whichever_way_its_arguments_are_filled_in() {
        let names = |parts: &[Part]| -> Vec<String> {
            let name = |part: &Part| match part {
                Part::Argument(name) => Some(name.clone()),
                Part::Words(_) => None,
            };
            parts.iter().filter_map(name).collect()
        };
        for locale in Locale::ALL {
            assert!(PARTS[locale as usize].len() > 100);
            for (key, parts) in &PARTS[locale as usize] {
                let names = names(parts);
                for value in ["7", "007", "1,000", "Hövel & \"Söhne\"", ""] {
                    let args: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), value)).collect();
                    assert_eq!(filled(parts, &args), Some(locale.formatted(key, &args)), "{key}");
                }
            }
        }
        assert!(parts_of("{ $count -> [one] a }").is_none() && parts_of("{ -brand } and { $name }").is_none());
    }
}
