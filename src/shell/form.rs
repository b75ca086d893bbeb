//! Forms of any kind of record: inputs from the field descriptions, errors beside the field, what was typed is never lost.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use store::Uuid;

use super::config::{Pipeline, PriceList};
use super::error::{FieldError, Result};
use super::page::{Page, render, respond_with};
use super::record::query::Row;
use super::record::{Field, Kind, OWNER, Object, value};
use super::viewer::Viewer;

/// One input as the template draws it.
#[derive(Default)]
pub struct Input {
    pub id: String,
    pub key: String,
    pub label: String,
    /// `text`, `area`, `date`, `datetime-local`, `email`, `tel`, `url`, `number`, `amount`, `select`, `picker`, `check`, `several`
    pub kind: &'static str,
    pub value: String,
    pub required: bool,
    pub hint: String,
    pub error: Option<String>,
    pub options: Vec<Choice>,
    pub ticks: Vec<Tick>,
    /// More options, under a heading each.
    pub groups: Vec<(String, Vec<Choice>)>,
    /// Values among the options that ask for an input that waits.
    pub asking: Vec<String>,
    /// Shows only when an option that asks for it is chosen.
    pub waits: bool,
    pub picker: String,
    /// What was typed as the name of the record, where a name may be typed instead of choosing.
    pub by_name: Option<String>,
    /// What is not found may be made from here.
    pub creates: bool,
    pub wide: bool,
    pub prefix: String,
    /// The form opens with the focus in it.
    pub autofocus: bool,
}

impl Input {
    /// One that belongs to no field of a record: `team-duty`, with the key `duty`.
    pub fn plain(form: &str, key: &str, label: String, kind: &'static str) -> Input {
        Input {
            id: format!("{form}-{}", key.replace('_', "-")),
            key: key.into(),
            label,
            kind,
            wide: true,
            ..Input::default()
        }
    }

    /// The ids of what is read out with it: what is wrong, then the hint.
    pub fn described_by(&self) -> String {
        described_by(&self.id, self.error.is_some(), !self.hint.is_empty())
    }

    /// Whether an input waits for this option.
    pub fn asks(&self, option: &Choice) -> bool {
        self.asking.contains(&option.value)
    }
}

/// The ids of the error and of the hint below a field, as `aria-describedby` names them.
pub fn described_by(id: &str, has_error: bool, has_hint: bool) -> String {
    let parts = [(has_error, "error"), (has_hint, "hint")].into_iter().filter(|(is_there, _)| *is_there);
    parts.map(|(_, part)| format!("{id}-{part}")).collect::<Vec<_>>().join(" ")
}

pub struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

/// A box to tick, of several.
pub struct Tick {
    pub value: String,
    pub text: String,
    pub hint: String,
    pub chosen: bool,
}

/// What stands in the inputs: texts by field key, and labels of chosen records.
#[derive(Default, Clone)]
pub struct Filled {
    pub texts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}

impl Filled {
    /// From a record as it stands.
    pub fn of_row(viewer: &Viewer, fields: &[&'static Field], row: &Row) -> Filled {
        let mut filled = Filled::default();
        for (index, field) in fields.iter().enumerate() {
            filled
                .texts
                .insert(field.key.into(), value::plain(field, &row.cells[index], &row.currency, &viewer.config.zone));
            if let Some(label) = &row.labels[index] {
                filled.labels.insert(field.key.into(), label.clone());
            }
        }
        filled
    }

    pub fn text(&self, key: &str) -> String {
        self.texts.get(key).cloned().unwrap_or_default()
    }
}

/// Builds the inputs of some fields.
pub fn inputs(
    viewer: &Viewer,
    object: &'static Object,
    fields: &[&'static Field],
    filled: &Filled,
    errors: &[FieldError],
    prefix: &str,
) -> Vec<Input> {
    let with_creating = |field: &&'static Field| {
        let mut input = input(viewer, object, field, filled, errors, prefix);
        input.creates = matches!(field.kind, Kind::Ref(target) if NAMED.contains(&target) && viewer.may_create(target));
        input
    };
    let mut inputs: Vec<Input> = fields.iter().map(with_creating).collect();
    // What says something only while another field has a value waits for that value, where the form asks for both.
    for field in fields {
        let Some((key, values)) = field.only_while else { continue };
        let Some(decides) = inputs.iter_mut().find(|input| input.key == key) else { continue };
        let is_so = values.contains(&decides.value.as_str());
        decides.asking.extend(values.iter().map(|value| (*value).into()));
        for waiting in inputs.iter_mut().filter(|input| input.key == field.key) {
            waiting.waits = !is_so && waiting.error.is_none();
        }
    }
    inputs
}

/// Kinds of record that can be made of nothing but a name, where another form asks for one: `POST /pick/{kind}`.
pub const NAMED: [&str; 2] = ["account", "contact"];

pub fn input(
    viewer: &Viewer,
    object: &'static Object,
    field: &'static Field,
    filled: &Filled,
    errors: &[FieldError],
    prefix: &str,
) -> Input {
    let locale = viewer.locale;
    let config = &viewer.config;
    let text = filled.text(field.key);
    let mut input = Input {
        id: format!("{prefix}{}", field.key),
        key: field.key.into(),
        label: locale.text(&object.label_key(field)),
        kind: "text",
        value: text.clone(),
        required: field.required,
        hint: if field.hinted { locale.text(&format!("{}-hint", object.label_key(field))) } else { String::new() },
        error: errors.iter().find(|error| error.field == field.key).map(|error| error.text(locale)),
        waits: field.when_asked
            && text.is_empty()
            && !errors.iter().any(|error| error.field == field.key || error.key == "refused-evidence-missing"),
        wide: field.key == object.title || field.when_asked,
        ..Input::default()
    };
    if let Some(several) = field.several {
        let named = if text.trim().is_empty() { several.unless_given } else { &text };
        let named: Vec<String> = named.split([',', ';']).map(|one| one.trim().to_lowercase()).collect();
        input.kind = "several";
        input.wide = true;
        let tick = |key: &&str| Tick {
            value: (*key).into(),
            text: locale.text(&format!("{}-{key}", several.prefix)),
            hint: locale.text(&format!("{}-{key}-hint", several.prefix)),
            chosen: named.iter().any(|one| one == key),
        };
        input.ticks = several.keys.iter().map(tick).collect();
        return input;
    }
    match field.kind {
        Kind::LongText => {
            input.kind = "area";
            input.wide = true;
        }
        Kind::Date => input.kind = "date",
        Kind::Instant => input.kind = "datetime-local",
        Kind::Email => input.kind = "email",
        Kind::Phone => input.kind = "tel",
        Kind::Integer { .. } | Kind::Percent => input.kind = "number",
        Kind::Money | Kind::BaseMoney => input.kind = "amount",
        Kind::Bool => {
            input.kind = "select";
            input.options = [("true", "yes"), ("false", "no")]
                .into_iter()
                .map(|(value, key)| Choice { value: value.into(), text: locale.text(key), chosen: text == value })
                .collect();
        }
        Kind::Currency => {
            input.kind = "select";
            let chosen = if text.is_empty() { config.base_currency.clone() } else { text };
            let mut codes = config.currencies();
            if !codes.contains(&chosen) {
                codes.push(chosen.clone());
            }
            input.required = true;
            input.options = codes
                .into_iter()
                .map(|code| Choice { text: code.clone(), chosen: code == chosen, value: code })
                .collect();
        }
        Kind::Choice(choices) => {
            input.kind = "select";
            input.options = choices
                .iter()
                .map(|choice| Choice {
                    value: (*choice).into(),
                    text: locale.text(&object.choice_key(field, choice)),
                    chosen: *choice == text,
                })
                .collect();
        }
        Kind::Ref("stage") => {
            input.kind = "select";
            input.required = true;
            let pipeline = filled.text("pipeline").parse().ok().and_then(|id| config.pipeline(id));
            let first = pipeline.and_then(Pipeline::first_stage).map(|stage| stage.id);
            set_stages(&mut input, &config.pipelines, text.parse().ok().or(first));
        }
        Kind::Ref("pipeline") => {
            input.kind = "select";
            input.options = config
                .pipelines
                .iter()
                .map(|pipeline| Choice {
                    value: pipeline.id.to_string(),
                    text: pipeline.name.clone(),
                    chosen: pipeline.id.to_string() == text,
                })
                .collect();
        }
        Kind::Ref("price_list") => {
            input.kind = "select";
            let (today, chosen) = (config.today(viewer.now), text.parse().ok());
            let currency = filled.text("currency");
            let offered = |list: &&PriceList| {
                Some(list.id) == chosen
                    || (list.is_in_force(today) && (currency.is_empty() || list.currency == currency))
            };
            input.options = list_choices(config.price_lists.iter().filter(offered), chosen);
        }
        Kind::Ref(target) => {
            input.kind = "picker";
            input.picker = format!("/pick/{target}");
            if !text.is_empty() {
                let label = filled.labels.get(field.key).cloned().unwrap_or_else(|| "—".into());
                input.options = vec![Choice { value: text, text: label, chosen: true }];
            }
        }
        _ => {}
    }
    input
}

/// Price lists to choose from, each with its currency: lists of several currencies are called alike.
pub fn list_choices<'a>(lists: impl Iterator<Item = &'a PriceList>, chosen: Option<Uuid>) -> Vec<Choice> {
    let choice = |list: &PriceList| Choice {
        value: list.id.to_string(),
        text: format!("{} · {}", list.name, list.currency),
        chosen: Some(list.id) == chosen,
    };
    lists.map(choice).collect()
}

/// The stages of every pipeline to choose from; a stage implies its pipeline.
pub fn set_stages(input: &mut Input, pipelines: &[Pipeline], chosen: Option<Uuid>) {
    set_stage_groups(input, pipelines, chosen);
    if let [only] = pipelines {
        input.options = input.groups.remove(0).1;
        for (option, stage) in input.options.iter_mut().zip(&only.stages) {
            option.text = stage.name.clone();
        }
    }
}

/// The stages of pipelines to choose from, each under the name of its pipeline and with it: pipelines call their stages alike,
/// and a list that is closed shows no headings.
pub fn set_stage_groups(input: &mut Input, pipelines: &[Pipeline], chosen: Option<Uuid>) {
    for pipeline in pipelines {
        let choices = pipeline.stages.iter().map(|stage| Choice {
            value: stage.id.to_string(),
            text: format!("{} · {}", stage.name, pipeline.name),
            chosen: Some(stage.id) == chosen,
        });
        input.groups.push((pipeline.name.clone(), choices.collect()));
        let asking = pipeline.stages.iter().filter(|stage| pipeline.asks_before(stage));
        input.asking.extend(asking.map(|stage| stage.id.to_string()));
    }
}

/// The fields of the form that makes a record: what is asked for first; the rest is filled in later.
pub fn create_fields(viewer: &Viewer, object: &'static Object) -> Vec<&'static Field> {
    let is_asked = |field: &&'static Field| {
        field.quick && field.write != super::record::Write::Never && has_choices(viewer, field)
    };
    viewer.projection(object).filter(is_asked).collect()
}

/// The fields of the form that changes a record. Its owner is asked for where the form says who it is.
pub fn edit_fields(viewer: &Viewer, object: &'static Object, filled: &Filled) -> Vec<&'static Field> {
    let is_asked = |field: &&'static Field| {
        field.write == super::record::Write::Always && !field.is_virtual() && field.key != "stage"
    };
    // Where the form asks for what decides, the field waits in it. Else a form that comes back does not say what decides, and what
    // it had before counts.
    let has_sense = |field: &&'static Field| match field.only_while {
        Some((key, _)) if viewer.projection(object).filter(is_asked).any(|decides| decides.key == key) => true,
        Some((key, values)) => match filled.texts.get(key) {
            Some(now) => values.contains(&now.as_str()),
            None => filled.texts.contains_key(field.key),
        },
        None => true,
    };
    viewer
        .projection(object)
        .filter(is_asked)
        .filter(has_sense)
        .filter(|field| field.key != OWNER || filled.texts.contains_key(OWNER))
        .filter(|field| has_choices(viewer, field))
        .collect()
}

/// Who keeps no price lists is not asked for one.
pub fn has_choices(viewer: &Viewer, field: &Field) -> bool {
    field.kind != Kind::Ref("price_list") || viewer.config.price_lists.iter().any(|list| !list.is_removed)
}

#[derive(askama::Template)]
#[template(path = "shell/form.html")]
pub struct FormBody<'a> {
    pub page: &'a Page,
    pub title: String,
    pub action: String,
    pub submit: String,
    pub back: String,
    pub inputs: Vec<Input>,
    /// name, value
    pub hidden: Vec<(String, String)>,
    /// Errors that belong to no input shown here.
    pub general: Vec<String>,
    pub note: String,
    /// Records like the one that is about to be made.
    pub alike: Vec<Alike>,
    /// The list that the page belongs to, to go back to.
    pub list: Option<&'static Object>,
}

/// A record that may be the one somebody is about to make again.
pub struct Alike {
    pub name: String,
    pub hint: String,
    pub href: String,
}

impl FormBody<'_> {
    fn has_errors(&self) -> bool {
        !self.general.is_empty() || self.inputs.iter().any(|input| input.error.is_some())
    }
}

/// Errors whose field has no input in the form.
pub fn general_errors(
    viewer: &Viewer,
    object: &'static Object,
    inputs: &[Input],
    errors: &[FieldError],
) -> Vec<String> {
    errors
        .iter()
        .filter(|error| !inputs.iter().any(|input| input.key == error.field))
        .map(|error| match object.field(&error.field) {
            Some(field) => {
                viewer.locale.labelled(&viewer.locale.text(&object.label_key(field)), &error.text(viewer.locale))
            }
            None => error.text(viewer.locale),
        })
        .collect()
}

pub fn respond_form(status: StatusCode, page: &Page, body: &FormBody<'_>) -> Result<Response> {
    respond_with(status, page, render(body)?)
}

/// The amount input shows the record's currency in front.
pub fn set_currency(inputs: &mut [Input], currency: &str) {
    for input in inputs.iter_mut().filter(|input| input.kind == "amount") {
        input.prefix = currency.to_owned();
    }
}
