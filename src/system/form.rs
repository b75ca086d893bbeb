//! Forms of the house's own pages: what was typed, what is wrong with it, and the inputs as markup. A refused form comes
//! back as it was typed, with the reason at each input.

use std::collections::BTreeMap;

use store::Day;

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::form::described_by;
use crate::shell::i18n::Locale;
use crate::shell::page::{Html, icon, render};

/// What somebody sent, by input name.
pub type Sent = BTreeMap<String, String>;

/// A form as it was sent, if it was, and what was wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    sent: Option<Sent>,
    pub errors: Vec<FieldError>,
}

impl Typed {
    pub fn refused(sent: Sent, errors: Vec<FieldError>) -> Typed {
        Typed { sent: Some(sent), errors }
    }

    /// Only why it was refused; the page shows what stands.
    pub fn reasons(errors: Vec<FieldError>) -> Typed {
        Typed { sent: None, errors }
    }

    /// What was typed, else what stands.
    pub fn or(&self, name: &str, standing: impl ToString) -> String {
        match &self.sent {
            Some(sent) => sent.get(name).cloned().unwrap_or_default(),
            None => standing.to_string(),
        }
    }

    pub fn ticked_or(&self, name: &str, standing: bool) -> bool {
        self.sent.as_ref().map_or(standing, |sent| sent.contains_key(name))
    }

    pub fn error(&self, name: &str, locale: Locale) -> String {
        self.errors.iter().find(|error| error.field == name).map(|error| error.text(locale)).unwrap_or_default()
    }

    /// Every error as (input, "label: text"), for the summary above the form.
    pub fn summary(&self, locale: Locale, inputs: &[&[Input]]) -> Vec<(String, String)> {
        let label = |name: &str| inputs.iter().flat_map(|part| part.iter()).find(|input| input.name == name);
        let text = |error: &FieldError| match label(&error.field) {
            Some(input) => locale.labelled(&input.label, &error.text(locale)),
            None => error.text(locale),
        };
        self.errors.iter().map(|error| (error.field.clone(), text(error))).collect()
    }
}

/// Reads a sent form, gathering every error.
pub struct Reader<'a> {
    sent: &'a Sent,
    pub errors: Vec<FieldError>,
}

impl<'a> Reader<'a> {
    pub fn of(sent: &'a Sent) -> Reader<'a> {
        Reader { sent, errors: Vec::new() }
    }

    pub fn raw(&self, name: &str) -> &'a str {
        self.sent.get(name).map_or("", |text| text.trim())
    }

    pub fn is_ticked(&self, name: &str) -> bool {
        self.sent.contains_key(name)
    }

    /// The inputs whose names begin like this, by the rest of their names.
    pub fn names(&self, prefix: &str) -> impl Iterator<Item = &'a str> {
        self.sent.keys().filter_map(move |name| name.strip_prefix(prefix))
    }

    /// How many inputs there are whose names begin like this.
    pub fn count_of(&self, prefix: &str) -> usize {
        self.names(prefix).count()
    }

    pub fn wrong(&mut self, name: &str, key: &str) {
        self.errors.push(FieldError::new(name, key));
    }

    /// A line of text that may be empty.
    pub fn line(&mut self, name: &str, max: usize) -> String {
        let text = self.raw(name);
        if text.chars().any(char::is_control) {
            self.wrong(name, "invalid-text");
        } else if text.chars().count() > max {
            self.errors.push(FieldError::new(name, "invalid-too-long").with("max", max));
        }
        text.to_owned()
    }

    pub fn required_line(&mut self, name: &str, max: usize) -> String {
        let text = self.line(name, max);
        if text.is_empty() {
            self.wrong(name, "invalid-required");
        }
        text
    }

    pub fn whole(&mut self, name: &str, min: i64, max: i64) -> i64 {
        self.optional_whole(name, min, max).unwrap_or_else(|| {
            if self.raw(name).is_empty() {
                self.wrong(name, "invalid-required");
            }
            min
        })
    }

    pub fn optional_whole(&mut self, name: &str, min: i64, max: i64) -> Option<i64> {
        let text = self.raw(name);
        if text.is_empty() {
            return None;
        }
        match text.parse::<i64>() {
            Ok(number) if (min..=max).contains(&number) => Some(number),
            Ok(_) => {
                self.errors.push(FieldError::new(name, "invalid-range").with("min", min).with("max", max));
                None
            }
            Err(_) => {
                self.wrong(name, "invalid-integer");
                None
            }
        }
    }

    pub fn optional_day(&mut self, name: &str) -> Option<Day> {
        let text = self.raw(name);
        if text.is_empty() {
            return None;
        }
        let day = Day::parse(text);
        if day.is_none() {
            self.wrong(name, "invalid-date");
        }
        day
    }

    pub fn day(&mut self, name: &str) -> Day {
        let day = self.optional_day(name);
        if self.raw(name).is_empty() {
            self.wrong(name, "invalid-required");
        }
        day.unwrap_or(Day(0))
    }

    /// One of the values that the input offers.
    pub fn choice<T>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, otherwise: T) -> T {
        let text = self.raw(name);
        parse(text).unwrap_or_else(|| {
            self.errors.push(FieldError::new(name, "invalid-choice").with("value", text));
            otherwise
        })
    }

    /// What `parse` makes of the text; `key` says why it can't.
    pub fn parsed<T: Default>(&mut self, name: &str, parse: impl Fn(&str) -> Option<T>, key: &str) -> T {
        parse(self.raw(name)).unwrap_or_else(|| {
            self.wrong(name, if self.raw(name).is_empty() { "invalid-required" } else { key });
            T::default()
        })
    }

    /// The version that the person saw.
    pub fn version(&self) -> i64 {
        self.raw("version").parse().unwrap_or(0)
    }

    pub fn finish(self) -> Result<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.errors)) }
    }
}

/// One labelled input.
#[derive(Debug, Clone, Default, askama::Template)]
#[template(path = "system/input.html")]
pub struct Input {
    /// `id` of the element; the name, unless a page has two inputs of that name.
    id: String,
    name: String,
    label: String,
    kind: &'static str,
    value: String,
    options: Vec<(String, String)>,
    hint: String,
    error: String,
    required: bool,
    wide: bool,
    autofocus: bool,
    fixed: bool,
    autocomplete: &'static str,
    list: &'static str,
    range: Option<(i64, i64)>,
    warning: Html,
}

impl Input {
    pub fn new(kind: &'static str, name: &str, label: impl Into<String>, value: impl Into<String>) -> Input {
        Input {
            id: name.into(),
            name: name.into(),
            label: label.into(),
            kind,
            value: value.into(),
            autocomplete: "off",
            warning: icon("alert-circle", "icon-s"),
            ..Input::default()
        }
    }
    pub fn text(name: &str, label: impl Into<String>, value: impl Into<String>) -> Input {
        Input::new("text", name, label, value)
    }
    pub fn date(name: &str, label: impl Into<String>, value: Option<Day>) -> Input {
        Input::new("date", name, label, value.map(|day| day.to_string()).unwrap_or_default())
    }
    pub fn select(
        name: &str,
        label: impl Into<String>,
        value: impl Into<String>,
        options: Vec<(String, String)>,
    ) -> Input {
        Input { options, ..Input::new("select", name, label, value) }
    }
    pub fn check(name: &str, label: impl Into<String>, ticked: bool) -> Input {
        Input::new("checkbox", name, label, if ticked { "on" } else { "" })
    }
    pub fn with_id_prefix(mut self, prefix: &str) -> Input {
        self.id = format!("{prefix}{}", self.name);
        self
    }
    pub fn required(mut self) -> Input {
        self.required = true;
        self
    }
    pub fn wide(mut self) -> Input {
        self.wide = true;
        self
    }
    /// Shown, and not to be changed.
    pub fn fixed(mut self) -> Input {
        self.fixed = true;
        self
    }
    pub fn focused(mut self) -> Input {
        self.autofocus = true;
        self
    }
    pub fn hint(mut self, hint: impl Into<String>) -> Input {
        self.hint = hint.into();
        self
    }
    pub fn completed_as(mut self, what: &'static str) -> Input {
        self.autocomplete = what;
        self
    }
    /// Suggestions of a `<datalist>` on the page.
    pub fn suggesting(mut self, list: &'static str) -> Input {
        self.list = list;
        self
    }
    pub fn between(mut self, min: i64, max: i64) -> Input {
        self.range = Some((min, max));
        self
    }
    /// Takes over what was typed and what was wrong with it.
    pub fn typed(mut self, typed: &Typed, locale: Locale) -> Input {
        self.value = match self.kind {
            "checkbox" => if typed.ticked_or(&self.name, self.value == "on") { "on" } else { "" }.into(),
            "password" => String::new(),
            _ if self.fixed => self.value,
            _ => typed.or(&self.name, &self.value),
        };
        self.error = typed.error(&self.name, locale);
        self
    }
    fn described_by(&self) -> String {
        described_by(&self.id, !self.error.is_empty(), !self.hint.is_empty())
    }
    pub fn html(&self) -> Result<Html> {
        render(self)
    }
}

/// Renders the inputs of a form, with what was typed into them.
pub fn inputs(inputs: Vec<Input>, typed: &Typed, locale: Locale) -> Result<Vec<Html>> {
    inputs.into_iter().map(|input| input.typed(typed, locale).html()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_tells_everything_that_is_wrong_with_it_at_once() {
        let sent = sent(&[("name", " "), ("days", "many"), ("share", "140"), ("from", "2026-02-30")]);
        let mut form = Reader::of(&sent);
        form.required_line("name", 80);
        form.optional_whole("days", 1, 999);
        form.whole("share", 0, 100);
        form.optional_day("from");
        let found: Vec<(&str, &str)> =
            form.errors.iter().map(|error| (error.field.as_str(), error.key.as_str())).collect();
        assert_eq!(
            found,
            [
                ("name", "invalid-required"),
                ("days", "invalid-integer"),
                ("share", "invalid-range"),
                ("from", "invalid-date")
            ]
        );
    }

    #[test]
    fn a_refused_form_comes_back_as_it_was_typed() {
        let typed = Typed::refused(sent(&[("name", "Nord")]), vec![FieldError::new("name", "invalid-duplicate")]);
        assert_eq!(typed.or("name", "Süd"), "Nord");
        assert!(!typed.ticked_or("required", true), "an unticked box is not sent at all");
        assert!(!typed.error("name", Locale::Zh).is_empty());
    }
}
