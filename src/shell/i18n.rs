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

/// Messages without arguments or references are looked up far more often than formatted: they are kept as plain text.
static PLAIN: LazyLock<[HashMap<String, String>; 2]> = LazyLock::new(|| [plain(Locale::En), plain(Locale::Zh)]);

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

fn plain(locale: Locale) -> HashMap<String, String> {
    let bundle = &BUNDLES[locale as usize];
    keys(locale)
        .into_iter()
        .filter_map(|key| {
            let pattern = bundle.get_message(&key)?.value()?;
            let mut errors = Vec::new();
            let text = bundle.format_pattern(pattern, None, &mut errors).into_owned();
            errors.is_empty().then_some((key, text))
        })
        .collect()
}

/// Every message key of a language.
pub fn keys(locale: Locale) -> Vec<String> {
    SOURCES
        .iter()
        .filter(|(of, _, _)| *of == locale.tag())
        .flat_map(|(_, _, text)| text.lines())
        .filter_map(|line| line.split_once(" ="))
        .filter(|(key, _)| key.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|(key, _)| key.to_owned())
        .collect()
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
        match PLAIN[self as usize].get(key) {
            Some(text) => text.clone(),
            None => self.text_with(key, &[]),
        }
    }

    /// The message with arguments; whole numbers take part in plural rules.
    pub fn text_with(self, key: &str, args: &[(&str, &str)]) -> String {
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
}
