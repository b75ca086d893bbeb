//! The page that asks what a lead is to become. Everything is on it at once and works without scripts: what exists already
//! is offered beside "new", so that no customer gets entered twice.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Cell, Uuid};

use super::convert::{self, Became, Deal, Likeness, Party, Wish, Words};
use super::objects::{ACCOUNT, CONTACT, LEAD, OPPORTUNITY, TASK};
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::by_name;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::form::{self, Choice, Filled, Input};
use crate::shell::page::{Asked, Page, Toast, done, render, respond_with};
use crate::shell::record::{Object, query};
use crate::shell::records::{get, id, name_of, pairs, version_in};
use crate::shell::routes::{Policy, Routes};
use crate::shell::viewer::Viewer;

pub fn routes() -> Routes {
    let change = Policy::Change("lead");
    Routes::new().get("/leads/{id}/convert", change, form).post("/leads/{id}/convert", change, submit)
}

/// Whether the viewer is offered to convert this lead, which they may change.
pub fn is_offered(viewer: &Viewer, status: &str) -> bool {
    let reads = |object: &str| viewer.scope.level(object, Right::Read) > Level::None;
    convert::is_open(status) && reads("account") && reads("contact")
}

/// One of the answers to "which one?".
struct Possibility {
    value: String,
    text: String,
    hint: String,
    href: String,
    chosen: bool,
    /// Asked when this is the answer.
    inputs: Vec<Input>,
}

/// One question: which account, which contact, which deal.
struct Question {
    key: &'static str,
    legend: String,
    hint: String,
    error: Option<String>,
    options: Vec<Possibility>,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/convert.html")]
struct ConvertBody<'a> {
    page: &'a Page,
    id: Uuid,
    version: i64,
    name: String,
    questions: Vec<Question>,
    general: Vec<String>,
    /// The person no longer wants to be contacted.
    is_withdrawn: bool,
}

impl ConvertBody<'_> {
    /// What is wrong, each with the place where it is mended.
    fn faults(&self) -> Vec<(String, String)> {
        let of = |question: &Question| {
            let own = question.error.iter().map(|error| (format!("convert-{}", question.key), error.clone()));
            let inputs = question.options.iter().flat_map(|option| &option.inputs);
            // Each part has a name: the part is said, too.
            let inputs = inputs.filter_map(|input| {
                Some((input.id.clone(), format!("{} · {}: {}", question.legend, input.label, input.error.as_ref()?)))
            });
            own.chain(inputs).collect::<Vec<_>>()
        };
        self.questions.iter().flat_map(of).collect()
    }
}

/// GET /leads/{id}/convert · who may change the lead
async fn form(State(app): State<App>, viewer: Viewer, asked: Asked, Path(lead): Path<String>) -> Result<Response> {
    ask(&app, &viewer, &asked, id(&lead)?, &[], StatusCode::OK, &[], None).await
}

/// POST /leads/{id}/convert · who may change the lead
async fn submit(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(lead): Path<String>,
    body: String,
) -> Result<Response> {
    let lead = id(&lead)?;
    let mut given = pairs(&body);
    let outcome: Result<Became> = async {
        find_named(&app, &viewer, &mut given).await?;
        let wish = read(&given)?;
        let version = Some(version_in(&given)?);
        app.at_page(&viewer, async |tx, actor| convert::convert(tx, actor, lead, version, wish).await).await
    }
    .await;
    match outcome {
        Ok(became) => {
            let to = place(&app, &viewer, lead, &became).await?;
            Ok(done(&asked, &to, Some(Toast::success(viewer.locale.text("lead-is-converted")))))
        }
        Err(Error::Invalid(errors)) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            ask(&app, &viewer, &asked, lead, &given, status, &errors, None).await
        }
        Err(Error::Conflict(_)) => {
            let text = viewer.locale.text("lead-changed-meanwhile");
            ask(&app, &viewer, &asked, lead, &given, StatusCode::CONFLICT, &[], Some(text)).await
        }
        // Clicked twice, or a colleague was quicker: the lead's page shows what it became.
        Err(Error::Refused { key: "refused-lead-already-converted", .. }) => Ok(already(&viewer, &asked, lead)),
        Err(error) => Err(error),
    }
}

fn already(viewer: &Viewer, asked: &Asked, lead: Uuid) -> Response {
    done(asked, &format!("/leads/{lead}"), Some(Toast::danger(viewer.locale.text("refused-lead-already-converted"))))
}

/// Where the work goes on: at the deal, else at the account; who doesn't see them stays with the lead.
async fn place(app: &App, viewer: &Viewer, lead: Uuid, became: &Became) -> Result<String> {
    let mut session = app.db.read().await?;
    let deal = became.opportunity.map(|deal| (&OPPORTUNITY, deal));
    for (object, record) in deal.into_iter().chain([(&ACCOUNT, became.account)]) {
        if query::allowed(&mut session, viewer, object, record, Right::Read).await? {
            return Ok(format!("/{}/{record}", object.plural));
        }
    }
    Ok(format!("/leads/{lead}"))
}

/// Records whose names were typed because no script could look them up.
async fn find_named(app: &App, viewer: &Viewer, given: &mut Vec<(String, String)>) -> Result<()> {
    for field in ["account", "contact", "opportunity"].into_iter().filter_map(|key| TASK.field(key)) {
        let key = format!("{}_other", field.key);
        let name = get(given, &by_name::name_key(&key)).trim();
        if name.is_empty() || get(given, field.key) != "other" {
            continue;
        }
        let found = by_name::find_one(app, viewer, field, name, None).await;
        let id = found.map_err(|error| by_name::at_input(error, field.key))?;
        given.retain(|(sent, _)| *sent != key && *sent != by_name::name_key(&key));
        given.push((key, id.to_string()));
    }
    Ok(())
}

/// What the form asks for.
fn read(given: &[(String, String)]) -> Result<Wish> {
    let mut errors = Vec::new();
    let mut chosen = |key: &'static str| -> Answer {
        match get(given, key) {
            "new" => Answer::New,
            "none" => Answer::None,
            answer => {
                let text = if answer == "other" { get(given, &format!("{key}_other")) } else { answer };
                text.parse().map(Answer::Existing).unwrap_or_else(|_| {
                    errors.push(FieldError::new(key, "invalid-choose-one"));
                    Answer::None
                })
            }
        }
    };
    let (account, contact, deal) = (chosen("account"), chosen("contact"), chosen("opportunity"));
    let named = |key: &str, answer: Answer| match answer {
        Answer::Existing(id) => Party::Existing(id),
        _ => Party::New(Some(get(given, key).to_owned())),
    };
    for (key, is_new) in [("account", matches!(account, Answer::New)), ("contact", matches!(contact, Answer::New))] {
        let name = format!("{key}_name");
        if is_new && get(given, &name).trim().is_empty() {
            errors.push(FieldError::new(&name, "invalid-required"));
        }
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let deal = match deal {
        Answer::None => Deal::None,
        Answer::Existing(id) => Deal::Existing(id),
        Answer::New => {
            let typed = given.iter().filter_map(|(key, value)| {
                let field = key.strip_prefix("opportunity_").filter(|field| DEAL.contains(field))?;
                Some((field.to_owned(), value.clone()))
            });
            Deal::New(typed.collect())
        }
    };
    Ok(Wish { account: named("account_name", account), contact: named("contact_name", contact), deal })
}

enum Answer {
    New,
    None,
    Existing(Uuid),
}

/// What is asked of a new deal.
const DEAL: [&str; 4] = ["name", "amount", "close_date", "pipeline"];

/// The form, filled with what was given, else with what the lead says.
#[expect(clippy::too_many_arguments, reason = "a form is made of just these parts")]
async fn ask(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    lead: Uuid,
    given: &[(String, String)],
    status: StatusCode,
    errors: &[FieldError],
    note: Option<String>,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, &LEAD, lead).await?;
    query::check_change(&mut session, viewer, &LEAD, lead).await?;
    let words = Words { fields: &fields, row: &row };
    match convert::check_open(words.text("status")) {
        Err(Error::Refused { key: "refused-lead-already-converted", .. }) => return Ok(already(viewer, asked, lead)),
        other => other?,
    }
    let mut accounts = convert::accounts_like(&mut session, viewer, &words).await?;
    let contacts = convert::contacts_like(&mut session, viewer, &words).await?;
    // Where somebody with this address works already is the best guess for the account.
    for (account, name) in contacts.iter().filter_map(|contact| contact.account.clone()) {
        match accounts.iter_mut().find(|known| known.id == account) {
            Some(known) => known.is_same = true,
            None => {
                let hint = String::new();
                accounts.insert(0, Likeness { id: account, name, hint, account: None, is_same: true });
            }
        }
    }
    let mut others = BTreeMap::new();
    for object in [&ACCOUNT, &CONTACT, &OPPORTUNITY] {
        if let Ok(record) = get(given, &format!("{}_other", object.name)).parse() {
            others.extend(
                name_of(&mut session, app, viewer, object.name, record)
                    .await?
                    .map(|name| (object.name, (record, name))),
            );
        }
    }
    drop(session);
    let sight = Sight { viewer, given, errors, words: &words, others };
    let today = viewer.config.today(app.clock.now());
    let questions = vec![sight.party(&ACCOUNT, &accounts), sight.party(&CONTACT, &contacts), sight.deal(today)];
    let shown = |error: &&FieldError| {
        questions.iter().any(|question| {
            question.key == error.field
                || question.options.iter().flat_map(|option| &option.inputs).any(|input| input.key == error.field)
        })
    };
    let rest = errors.iter().filter(|error| !shown(error)).map(|error| error.text(viewer.locale));
    let general = note.into_iter().chain(rest).collect();
    let name = words.text("name").to_owned();
    let page = Page::new(viewer, asked, viewer.locale.text_with("convert-title", &[("name", &name)]));
    let is_withdrawn = words.text("consent") == "withdrawn";
    let body = ConvertBody { page: &page, id: lead, version: row.version, name, questions, general, is_withdrawn };
    respond_with(status, &page, render(&body)?)
}

/// The form as one viewer sees it.
struct Sight<'a> {
    viewer: &'a Viewer,
    given: &'a [(String, String)],
    errors: &'a [FieldError],
    words: &'a Words<'a>,
    /// Records found by typing, with their names.
    others: BTreeMap<&'static str, (Uuid, String)>,
}

impl Sight<'_> {
    fn text(&self, key: &str) -> String {
        self.viewer.locale.text(key)
    }

    fn error(&self, key: &str) -> Option<String> {
        self.errors.iter().find(|error| error.field == key).map(|error| error.text(self.viewer.locale))
    }

    /// What was typed, else a proposal.
    fn filled(&self, key: &str, otherwise: impl FnOnce() -> String) -> String {
        let typed = self.given.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
        typed.unwrap_or_else(otherwise)
    }

    /// Which account or contact: a new one, one that looks like it, or another.
    fn party(&self, object: &'static Object, alike: &[Likeness]) -> Question {
        let key = object.name;
        let may_create = self.viewer.may_create(key);
        let otherwise = match alike.iter().find(|record| record.is_same) {
            Some(same) => same.id.to_string(),
            None if may_create => "new".into(),
            None => "other".into(),
        };
        let answer = self.filled(key, || otherwise);
        let mut options = Vec::new();
        if may_create {
            let name = self.filled(&format!("{key}_name"), || {
                let company = self.words.text("company");
                let person = self.words.text("name");
                if key == "account" && !company.is_empty() { company.to_owned() } else { person.to_owned() }
            });
            let mut input = self.input(object, "name", &name);
            input.required = true;
            options.push(self.option("new", self.text(&format!("{key}-new")), &answer, vec![input]));
        }
        for record in alike {
            let place = record.account.as_ref().map(|(_, name)| name.clone());
            let hint = [Some(record.hint.clone()), place].into_iter().flatten().filter(|text| !text.is_empty());
            let hint = hint.collect::<Vec<_>>().join(" · ");
            let href = format!("/{}/{}", object.plural, record.id);
            let option = self.option(&record.id.to_string(), record.name.clone(), &answer, Vec::new());
            options.push(Possibility { hint, href, ..option });
        }
        options.push(self.other(object, &answer));
        let has_alike = !alike.is_empty();
        Question {
            key,
            legend: self.text(key),
            hint: if has_alike { self.text(&format!("convert-{key}-alike")) } else { String::new() },
            error: self.error(key),
            options,
        }
    }

    /// Which deal: a new one, one that exists, or none yet.
    fn deal(&self, today: store::Day) -> Question {
        let viewer = self.viewer;
        let may_create = viewer.may_create("opportunity");
        let answer = self.filled("opportunity", || if may_create { "new" } else { "none" }.into());
        let mut options = Vec::new();
        if may_create {
            let shown = DEAL.iter().filter(|key| viewer.sees(&OPPORTUNITY, key));
            // One pipeline is no choice.
            let shown = shown.filter(|key| **key != "pipeline" || viewer.config.pipelines.len() > 1);
            let inputs = shown.map(|key| {
                let value = self.filled(&format!("opportunity_{key}"), || self.proposal(key, today));
                let mut input = self.input(&OPPORTUNITY, key, &value);
                input.required = matches!(*key, "name" | "close_date" | "pipeline");
                input
            });
            let mut inputs: Vec<Input> = inputs.collect();
            form::set_currency(&mut inputs, &self.words.row.currency);
            options.push(self.option("new", self.text("opportunity-new"), &answer, inputs));
        }
        if viewer.scope.level("opportunity", Right::Read) > Level::None {
            options.push(self.other(&OPPORTUNITY, &answer));
        }
        options.push(self.option("none", self.text("convert-no-opportunity"), &answer, Vec::new()));
        let legend = self.text("opportunity");
        Question { key: "opportunity", legend, hint: String::new(), error: self.error("opportunity"), options }
    }

    /// What a new deal starts with.
    fn proposal(&self, key: &str, today: store::Day) -> String {
        let words = self.words;
        match key {
            "name" => convert::deal_name(words.text("company"), words.text("name"), words.text("interest")),
            "amount" => {
                let at = words.fields.iter().position(|field| field.key == "estimated_amount");
                let amount = at.and_then(|at| words.row.cells[at].int());
                amount.map_or_else(String::new, |minor| crate::shell::format::plain_amount(minor, &words.row.currency))
            }
            "close_date" => convert::usual_close(self.viewer, today, None).to_string(),
            "pipeline" => self.viewer.config.pipelines.first().map_or_else(String::new, |first| first.id.to_string()),
            _ => String::new(),
        }
    }

    fn input(&self, object: &'static Object, key: &str, value: &str) -> Input {
        let field = object.field(key).expect("the form asks for fields of the record");
        let texts = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let filled = Filled { texts, ..Filled::default() };
        let mut input = form::input(self.viewer, object, field, &filled, &[], "");
        let name = format!("{}_{key}", object.name);
        input.error = self.error(&name);
        input.id = format!("convert-{}-{}", object.name, key.replace('_', "-"));
        input.key = name;
        input
    }

    fn option(&self, value: &str, text: String, answer: &str, inputs: Vec<Input>) -> Possibility {
        Possibility {
            value: value.into(),
            text,
            hint: String::new(),
            href: String::new(),
            chosen: answer == value,
            inputs,
        }
    }

    /// Another record, found by typing.
    fn other(&self, object: &'static Object, answer: &str) -> Possibility {
        let key = object.name;
        let found = self.others.get(key);
        let input = Input {
            id: format!("convert-{key}-other"),
            key: format!("{key}_other"),
            label: self.text(&format!("convert-{key}-which")),
            kind: "picker",
            value: found.map_or_else(String::new, |(id, _)| id.to_string()),
            options: found
                .map(|(id, name)| Choice { value: id.to_string(), text: name.clone(), chosen: true })
                .into_iter()
                .collect(),
            picker: format!("/pick/{key}"),
            by_name: Some(get(self.given, &by_name::name_key(&format!("{key}_other"))).to_owned()),
            wide: true,
            ..Input::default()
        };
        self.option("other", self.text(&format!("convert-{key}-other")), answer, vec![input])
    }
}

/// What a converted lead became, as far as the viewer sees it: kind, address and name.
pub fn became(viewer: &Viewer, cell: impl Fn(&str) -> Option<(Cell, Option<String>)>) -> Vec<(String, String, String)> {
    [&ACCOUNT, &CONTACT, &OPPORTUNITY]
        .into_iter()
        .filter_map(|object| {
            let (record, name) = cell(&format!("converted_{}", object.name))?;
            Some((viewer.locale.text(object.name), format!("/{}/{}", object.plural, record.id()?), name?))
        })
        .collect()
}
