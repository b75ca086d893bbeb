//! Converting a lead: it becomes an account, a contact and perhaps an opportunity, new ones or some that exist, in one
//! transaction. The lead is locked first, so of two people who convert it at once one does and the other is told. What
//! was said and planned with the lead goes along: its activities and tasks also hang on what it became, and whoever withdrew
//! their consent has not given it by becoming a contact. Page and API call [`convert`]; what is offered to choose from comes
//! from [`accounts_like`] and [`contacts_like`].

use std::collections::BTreeMap;

use serde_json::json;
use store::event::{self, Change, Event};
use store::search::sort_key;
use store::{Arg, Cell, Cells, Session, Sql, Tx, Uuid, new_id, sql};

use super::objects::{ACCOUNT, CONSENTS, CONTACT, LEAD, OPPORTUNITY};
use super::opportunity::usual_days;
use crate::shell::access::Right;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::command::{self, Known, Source};
use crate::shell::record::query::{self, Row};
use crate::shell::record::{Actor, Draft, Field, Loaded, Object, merge};
use crate::shell::viewer::Viewer;

/// A record that is made, or one that exists.
#[derive(Debug, Clone)]
pub enum Party {
    /// Its name; without one the lead's own words count.
    New(Option<String>),
    Existing(Uuid),
}

/// The deal that comes of it.
#[derive(Debug, Clone)]
pub enum Deal {
    None,
    /// Typed texts by field: name, amount, close_date, pipeline.
    New(BTreeMap<String, String>),
    Existing(Uuid),
}

/// What the lead is to become.
#[derive(Debug, Clone)]
pub struct Wish {
    pub account: Party,
    pub contact: Party,
    pub deal: Deal,
}

/// What it became, and the lead's new version.
#[derive(Debug, Clone, Copy)]
pub struct Became {
    pub account: Uuid,
    pub contact: Uuid,
    pub opportunity: Option<Uuid>,
    pub version: i64,
}

/// Whether a lead with this status can be converted.
pub fn is_open(status: &str) -> bool {
    matches!(status, "new" | "working" | "qualified")
}

/// Refuses what cannot be converted, and says why.
pub fn check_open(status: &str) -> Result<()> {
    match status {
        "converted" => Err(Error::Refused { status: 409, key: "refused-lead-already-converted" }),
        status if is_open(status) => Ok(()),
        _ => Err(Error::Refused { status: 409, key: "refused-lead-unqualified" }),
    }
}

/// Converts the lead.
///
/// Errors: 409 when it was converted already; [`Error::Conflict`] when its status changed since `version`, or its currency and an
/// amount is given;
/// [`Error::Invalid`] with `account`, `contact`, `opportunity` or one of their fields (`opportunity_close_date`). What
/// the actor may not see is refused like what does not exist.
pub async fn convert(tx: &mut Tx, actor: &Actor, lead: Uuid, version: Option<i64>, wish: Wish) -> Result<Became> {
    let lead = command::load_for_write(tx, actor, &LEAD, lead).await?;
    check_open(lead.text("status"))?;
    let owner = owner_of(tx, actor, &lead).await?;
    // Made here or shown to be visible: who converts a colleague's lead need not see what becomes the colleague's.
    let mut known = Known::from([("lead", lead.id), ("person", owner)]);
    let account = match wish.account {
        Party::Existing(id) => visible(tx, actor, &ACCOUNT, id, "account").await?.id,
        Party::New(name) => {
            let draft = account_draft(actor, &lead, owner, name);
            make(tx, actor, &ACCOUNT, draft, &mut known, "account").await?
        }
    };
    known.insert(("account", account));
    let contact = match wish.contact {
        Party::Existing(id) => existing_contact(tx, actor, &lead, id, account, &mut known).await?,
        Party::New(name) => {
            let draft = contact_draft(actor, &lead, account, name);
            make(tx, actor, &CONTACT, draft, &mut known, "contact").await?
        }
    };
    known.insert(("contact", contact));
    let opportunity = match wish.deal {
        Deal::None => None,
        Deal::Existing(id) => Some(existing_deal(tx, actor, &lead, id, account, &mut known).await?),
        Deal::New(texts) => {
            // The deal is in the currency of its lead: an amount was typed in the one that the person saw there.
            if texts.get("amount").is_some_and(|amount| !amount.trim().is_empty()) {
                merge::check_currency(tx, &LEAD, &lead, version).await?;
            }
            let mut draft = deal_draft(actor, &lead, owner, texts).map_err(|error| named(error, "opportunity"))?;
            draft.set("account", Cell::Id(account));
            draft.set("contact", Cell::Id(contact));
            Some(make(tx, actor, &OPPORTUNITY, draft, &mut known, "opportunity").await?)
        }
    };
    known.extend(opportunity.map(|id| ("opportunity", id)));
    let mut became = Became { account, contact, opportunity, version: lead.version };
    became.version = close(tx, actor, &lead, version, &became, &mut known).await?;
    for table in ["activity", "task"] {
        take_along(tx, actor, table, lead.id, &became).await?;
    }
    Ok(became)
}

/// What comes of a lead belongs to its owner; if that person has left, to who converts it.
async fn owner_of(tx: &mut Tx, actor: &Actor, lead: &Loaded) -> Result<Uuid> {
    let Some(owner) = lead.id_of("owner") else { return Ok(actor.viewer.person) };
    let state: Option<String> =
        tx.value(sql!("SELECT state FROM person WHERE id = $1 AND deleted_at IS NULL", owner)).await?;
    Ok(if state.is_some_and(|state| state != "disabled") { owner } else { actor.viewer.person })
}

/// An existing record by id, if the actor sees it.
async fn visible(tx: &mut Tx, actor: &Actor, object: &'static Object, id: Uuid, key: &str) -> Result<Loaded> {
    match query::load(tx, &actor.viewer, object, id, Right::Read, false).await {
        Err(Error::NotFound) => Err(Error::Invalid(vec![FieldError::new(key, "invalid-reference").with("value", id)])),
        other => other,
    }
}

/// An existing contact: one of the account's, or one that has no account yet and gets it. What the lead says of consent counts
/// there too. Of a withdrawal the contact has to learn, or the lead does not become part of it: who may not know what is said of
/// consent needs the right to change the contact in any case, so that no refusal tells.
async fn existing_contact(
    tx: &mut Tx,
    actor: &Actor,
    lead: &Loaded,
    id: Uuid,
    account: Uuid,
    known: &mut Known,
) -> Result<Uuid> {
    let contact = visible(tx, actor, &CONTACT, id, "contact").await?;
    let mut draft = to_account(&contact, account, "contact")?;
    let is_told = |object: &'static Object| actor.viewer.sees(object, "consent");
    let is_withdrawn = |record: &Loaded| record.text("consent") == "withdrawn";
    let must_learn = (is_withdrawn(lead) || !is_told(&LEAD)) && (!is_withdrawn(&contact) || !is_told(&CONTACT));
    let contact = match command::load_for_write(tx, actor, &CONTACT, id).await {
        Err(Error::Forbidden) if draft.has("account") => {
            return Err(Error::field("contact", "invalid-other-account"));
        }
        Err(Error::Forbidden) if must_learn => return Err(Error::field("contact", "refused-convert-consent")),
        Err(Error::Forbidden) => return Ok(id),
        other => other?,
    };
    add_consent(lead, &contact, &mut draft);
    change(tx, actor, &CONTACT, &contact, draft, known, "contact").await
}

/// A withdrawal stands against whatever else was said, and any statement against none; of two that say the same the newer
/// counts. Its day belongs to the statement.
fn add_consent(lead: &Loaded, contact: &Loaded, draft: &mut Draft) {
    let weight = |record: &Loaded| CONSENTS.iter().position(|said| *said == record.text("consent"));
    let day = |record: &Loaded| record.int("consent_on");
    if (weight(lead), day(lead)) > (weight(contact), day(contact)) {
        for key in ["consent", "consent_on"] {
            draft.set(key, lead.get(key).clone());
        }
    }
}

/// An existing deal: one of the account's, or one that has no account yet and gets it. It says which lead it came from, and from
/// where, unless it says so already. Who may only look at it cannot give it a lead.
async fn existing_deal(
    tx: &mut Tx,
    actor: &Actor,
    lead: &Loaded,
    id: Uuid,
    account: Uuid,
    known: &mut Known,
) -> Result<Uuid> {
    let deal = visible(tx, actor, &OPPORTUNITY, id, "opportunity").await?;
    let mut draft = to_account(&deal, account, "opportunity")?;
    let deal = match command::load_for_write(tx, actor, &OPPORTUNITY, id).await {
        Err(Error::Forbidden) => return Err(Error::field("opportunity", "refused-convert-read-only")),
        other => other?,
    };
    if deal.get("lead").is_null() {
        draft.set("lead", Cell::Id(lead.id));
    }
    if deal.get("source").is_null() {
        carry(actor, lead, &OPPORTUNITY, &mut draft, &[("source", "source")]);
    }
    change(tx, actor, &OPPORTUNITY, &deal, draft, known, "opportunity").await
}

/// What makes an existing record one of the account's; refused where it is another's.
fn to_account(record: &Loaded, account: Uuid, key: &str) -> Result<Draft> {
    let mut draft = Draft::default();
    match record.id_of("account") {
        Some(of) if of == account => {}
        Some(_) => return Err(Error::field(key, "invalid-other-account")),
        None => draft.set("account", Cell::Id(account)),
    }
    Ok(draft)
}

async fn change(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    record: &Loaded,
    draft: Draft,
    known: &mut Known,
    key: &str,
) -> Result<Uuid> {
    let prepared = command::prepare_change(tx, actor, object, record, None, draft, known).await;
    if let Some(draft) = prepared.map_err(|error| named(error, key))? {
        command::write_change(tx, actor, object, record, &draft).await?;
    }
    Ok(record.id)
}

async fn make(
    tx: &mut Tx,
    actor: &Actor,
    object: &'static Object,
    draft: Draft,
    known: &mut Known,
    key: &str,
) -> Result<Uuid> {
    let draft = command::prepare_new(tx, actor, object, draft, known).await.map_err(|error| named(error, key))?;
    let ids = command::write_new(tx, actor, object, std::slice::from_ref(&draft)).await;
    Ok(ids.map_err(|error| named(error, key))?[0])
}

/// Errors of a part under the name it has in the whole: `close_date` → `opportunity_close_date`.
fn named(error: Error, part: &str) -> Error {
    let rename = |error: FieldError| FieldError {
        field: if error.field.is_empty() { part.to_owned() } else { format!("{part}_{}", error.field) },
        ..error
    };
    match error {
        Error::Invalid(errors) => Error::Invalid(errors.into_iter().map(rename).collect()),
        other => other,
    }
}

/// Copies what the lead says into fields of the new record. What is hidden from the actor in the lead is not shown to
/// them in what it becomes.
fn carry(actor: &Actor, lead: &Loaded, target: &'static Object, draft: &mut Draft, fields: &[(&str, &'static str)]) {
    let viewer = &actor.viewer;
    for (from, to) in fields {
        let cell = lead.get(from);
        if !cell.is_null() && !draft.has(to) && (viewer.sees(&LEAD, from) || !viewer.sees(target, to)) {
            draft.set(to, cell.clone());
        }
    }
}

/// The texts somebody typed, without empty ones around.
fn typed(name: Option<String>) -> Option<Cell> {
    name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).map(Cell::Text)
}

fn account_draft(actor: &Actor, lead: &Loaded, owner: Uuid, name: Option<String>) -> Draft {
    let mut draft = Draft::default();
    draft.set("owner", Cell::Id(owner));
    if let Some(name) = typed(name) {
        draft.set("name", name);
    }
    let same = ["industry", "country", "city", "currency", "source"].map(|key| (key, key));
    carry(actor, lead, &ACCOUNT, &mut draft, &same);
    // Somebody without a company is a customer by their own name.
    carry(actor, lead, &ACCOUNT, &mut draft, &[("company", "name"), ("name", "name")]);
    draft
}

fn contact_draft(actor: &Actor, lead: &Loaded, account: Uuid, name: Option<String>) -> Draft {
    let mut draft = Draft::default();
    draft.set("account", Cell::Id(account));
    if let Some(name) = typed(name) {
        draft.set("name", name);
    }
    let same = ["name", "job_title", "email", "mobile", "consent", "consent_on"].map(|key| (key, key));
    carry(actor, lead, &CONTACT, &mut draft, &same);
    draft
}

/// A name for the deal that nobody has named yet: who it is with, and what they want.
pub fn deal_name(company: &str, name: &str, interest: &str) -> String {
    let with = if company.is_empty() { name } else { company };
    let whole = if interest.is_empty() { with.to_owned() } else { format!("{with} – {interest}") };
    whole.chars().take(200).collect()
}

/// The day on which a deal that begins today is usually decided.
pub fn usual_close(viewer: &Viewer, today: store::Day, pipeline: Option<Uuid>) -> store::Day {
    let config = &viewer.config;
    let pipeline = pipeline.and_then(|id| config.pipeline(id)).or(config.pipelines.first());
    let first = pipeline.and_then(|pipeline| pipeline.stages.iter().find(|stage| stage.kind == StageKind::Open));
    today.plus(first.map_or(30, |stage| usual_days(config, stage)))
}

fn deal_draft(actor: &Actor, lead: &Loaded, owner: Uuid, mut texts: BTreeMap<String, String>) -> Result<Draft> {
    let viewer = &actor.viewer;
    let currency = Cell::Text(match lead.text("currency") {
        "" => viewer.config.base_currency.clone(),
        currency => currency.to_owned(),
    });
    texts.insert("currency".into(), currency.text().unwrap_or_default().to_owned());
    let mut draft = command::read_inputs(&OPPORTUNITY, viewer, &texts, None, Source::Form)?;
    draft.set("currency", currency);
    draft.set("owner", Cell::Id(owner));
    draft.set("lead", Cell::Id(lead.id));
    carry(actor, lead, &OPPORTUNITY, &mut draft, &[("estimated_amount", "amount"), ("source", "source")]);
    if !draft.has("name") {
        let text = |key: &str| if viewer.sees(&LEAD, key) { lead.text(key) } else { "" };
        draft.set("name", Cell::Text(deal_name(text("company"), text("name"), text("interest"))));
    }
    if !texts.contains_key("close_date") {
        let pipeline = draft.get("pipeline").and_then(Cell::id);
        draft.set("close_date", Cell::Int(usual_close(viewer, actor.today, pipeline).0));
    }
    Ok(draft)
}

/// The lead says what it became; this is the event on its and the account's timeline.
async fn close(
    tx: &mut Tx,
    actor: &Actor,
    lead: &Loaded,
    version: Option<i64>,
    became: &Became,
    known: &mut Known,
) -> Result<i64> {
    let mut draft = Draft::default();
    draft.event_kind = Some("converted");
    draft.set("status", Cell::Text("converted".into()));
    draft.set("converted_account", Cell::Id(became.account));
    draft.set("converted_contact", Cell::Id(became.contact));
    if let Some(opportunity) = became.opportunity {
        draft.set("converted_opportunity", Cell::Id(opportunity));
    }
    draft.derived.push(("converted_at", Arg::from(actor.now)));
    match command::prepare_change(tx, actor, &LEAD, lead, version, draft, known).await? {
        Some(draft) => command::write_change(tx, actor, &LEAD, lead, &draft).await,
        None => Err(Error::Refused { status: 409, key: "refused-lead-already-converted" }),
    }
}

/// What hangs on the lead also hangs on what it became, where it does not hang on something else already.
async fn take_along(tx: &mut Tx, actor: &Actor, table: &'static str, lead: Uuid, became: &Became) -> Result<()> {
    type Hanging = (Uuid, i64, Option<Uuid>, Option<Uuid>, Option<Uuid>);
    let rows: Vec<Hanging> = tx
        .all(sql!(
            format!(
                "SELECT id, version, account_id, contact_id, opportunity_id FROM {table} WHERE lead_id = $1 ORDER BY id /*for update*/"
            ),
            lead
        ))
        .await?;
    let is_free = |had: Option<Uuid>, gets: Option<Uuid>| had.is_none() || had == gets;
    let moved: Vec<(Uuid, i64, Vec<Change>)> = rows
        .into_iter()
        .filter(|(_, _, account, _, deal)| {
            is_free(*account, Some(became.account)) && is_free(*deal, became.opportunity)
        })
        .map(|(id, version, account, contact, deal)| {
            let changes = [
                ("account", account, Some(became.account)),
                ("contact", contact, Some(became.contact)),
                ("opportunity", deal, became.opportunity),
            ];
            let changes = changes.into_iter().filter(|(_, had, gets)| had.is_none() && gets.is_some());
            let changes =
                changes.map(|(field, _, gets)| Change { field: field.into(), old: json!(null), new: json!(gets) });
            (id, version + 1, changes.collect())
        })
        .filter(|(_, _, changes): &(Uuid, i64, Vec<Change>)| !changes.is_empty())
        .collect();
    for batch in store::batches(&moved) {
        let mut statement = Sql::new(format!("UPDATE {table} SET account_id = "));
        statement.bind(became.account).push(", contact_id = COALESCE(contact_id, ").bind(became.contact);
        statement.push("), opportunity_id = COALESCE(opportunity_id, ").bind(became.opportunity);
        statement.push("), version = version + 1, updated_at = ").bind(actor.now);
        statement.push(", updated_by = ").bind(actor.viewer.person);
        statement.push(" WHERE id IN (").bind_list(batch.iter().map(|(id, ..)| *id)).push(")");
        tx.execute(statement).await?;
    }
    let events: Vec<Event<'_>> = moved
        .iter()
        .map(|(id, version, changes)| Event {
            id: new_id(&actor.clock),
            at: actor.now,
            actor: Some(actor.viewer.person),
            via: actor.via,
            kind: "updated",
            subject_type: table,
            subject_id: *id,
            account_id: Some(became.account),
            version: *version,
            changes,
            reason: None,
        })
        .collect();
    event::record_all(tx, &events).await?;
    Ok(())
}

// ---- what exists already

/// A record that may be the same as the lead's.
#[derive(Debug, Clone)]
pub struct Likeness {
    pub id: Uuid,
    pub name: String,
    /// The town, or the job title.
    pub hint: String,
    /// The account of a contact, where the viewer sees it.
    pub account: Option<(Uuid, String)>,
    /// Not only alike: the same name, web address, e-mail or number.
    pub is_same: bool,
}

/// So many are offered; more are found by typing.
const OFFERED: i64 = 5;

/// The lead's texts as far as the viewer sees them.
pub struct Words<'a> {
    pub fields: &'a [&'static Field],
    pub row: &'a Row,
}

impl Words<'_> {
    pub fn text(&self, key: &str) -> &str {
        self.fields.iter().position(|field| field.key == key).and_then(|at| self.row.cells[at].text()).unwrap_or("")
    }
}

/// Accounts that may be the lead's company: by name (without the legal form), or by the domain of the lead's e-mail address.
pub async fn accounts_like(session: &mut Session, viewer: &Viewer, lead: &Words<'_>) -> Result<Vec<Likeness>> {
    let mut found: Vec<Likeness> = Vec::new();
    let company = lead.text("company");
    let (core, key) = (core_name(company), sort_key(company));
    if !core.is_empty() {
        let mut statement = select_accounts(viewer);
        statement.push(" AND ");
        query::push_words(&mut statement, session.engine(), viewer, &ACCOUNT, &core);
        statement
            .push(" ORDER BY CASE WHEN t.name_key = ")
            .bind(&key)
            .push(" THEN 0 ELSE 1 END, t.name_key, t.id LIMIT ");
        statement.bind(OFFERED);
        found = likenesses(session, statement).await?;
        for account in &mut found {
            account.is_same = sort_key(&account.name) == key;
        }
    }
    if let Some(domain) = company_domain(lead.text("email")).filter(|_| viewer.sees(&ACCOUNT, "website")) {
        let mut statement = select_accounts(viewer);
        statement.push(" AND (");
        for (index, host) in [domain.clone(), format!("www.{domain}")].into_iter().enumerate() {
            for (at, scheme) in ["https", "http"].into_iter().enumerate() {
                statement.push(if index + at > 0 { " OR " } else { "" });
                let address = format!("{scheme}://{host}");
                statement.push("LOWER(t.website) = ").bind(&address);
                statement.push(" OR LOWER(t.website) LIKE ").bind(format!("{address}/%"));
            }
        }
        statement.push(") ORDER BY t.name_key, t.id LIMIT ").bind(OFFERED);
        for account in likenesses(session, statement).await? {
            match found.iter_mut().find(|other| other.id == account.id) {
                Some(known) => known.is_same = true,
                None => found.push(Likeness { is_same: true, ..account }),
            }
        }
    }
    found.sort_by_key(|account| !account.is_same);
    Ok(found)
}

fn select_accounts(viewer: &Viewer) -> Sql {
    let mut statement = query::select_named(viewer, &ACCOUNT);
    statement.push(", NULL, NULL FROM account t WHERE t.deleted_at IS NULL AND ");
    (ACCOUNT.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    statement
}

/// Contacts with the lead's e-mail address or number.
pub async fn contacts_like(session: &mut Session, viewer: &Viewer, lead: &Words<'_>) -> Result<Vec<Likeness>> {
    let email = Some(lead.text("email")).filter(|email| !email.is_empty() && viewer.sees(&CONTACT, "email"));
    // With or without the country's code: the last ten digits count.
    let digits: String = lead.text("mobile").chars().filter(char::is_ascii_digit).collect();
    let number = Some(digits[digits.len().saturating_sub(10)..].to_owned())
        .filter(|number| number.len() >= 7 && viewer.sees_private(&CONTACT));
    if email.is_none() && number.is_none() {
        return Ok(Vec::new());
    }
    let hint = if viewer.sees(&CONTACT, "job_title") { "t.job_title" } else { "NULL" };
    let mut statement = Sql::new(format!(
        "SELECT t.id, t.name, {hint}, a.id, a.name FROM contact t
           LEFT JOIN account a ON a.id = t.account_id AND a.deleted_at IS NULL AND "
    ));
    (ACCOUNT.visible)(&mut statement, &viewer.scope, Right::Read, "a");
    if !viewer.sees(&CONTACT, "account") {
        statement.push(" AND FALSE");
    }
    statement.push(" WHERE t.deleted_at IS NULL AND ");
    (CONTACT.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    statement.push(" AND (");
    if let Some(email) = email {
        statement.push("t.email = ").bind(email);
    }
    if let Some(number) = &number {
        statement.push(if email.is_some() { " OR " } else { "" });
        query::push_words(&mut statement, session.engine(), viewer, &CONTACT, number);
    }
    statement.push(") ORDER BY t.name_key, t.id LIMIT ").bind(OFFERED);
    let mut found = likenesses(session, statement).await?;
    found.iter_mut().for_each(|contact| contact.is_same = true);
    Ok(found)
}

async fn likenesses(session: &mut Session, statement: Sql) -> Result<Vec<Likeness>> {
    let rows = session.all::<Cells>(statement).await?;
    let likeness = |Cells(cells): Cells| {
        let text = |at: usize| cells[at].text().unwrap_or("").to_owned();
        Likeness {
            id: cells[0].id().unwrap_or_default(),
            name: text(1),
            hint: text(2),
            account: cells[3].id().map(|id| (id, text(4))),
            is_same: false,
        }
    };
    Ok(rows.into_iter().map(likeness).collect())
}

/// Legal forms: they tell no company from another.
const FORMS: [&str; 16] = [
    "inc",
    "incorporated",
    "corp",
    "corporation",
    "co",
    "company",
    "ltd",
    "limited",
    "llc",
    "llp",
    "plc",
    "gmbh",
    "ag",
    "kg",
    "sa",
    "bv",
];
const FORMS_ZH: [&str; 5] = ["股份有限公司", "有限责任公司", "集团有限公司", "有限公司", "公司"];

/// A company's name without its legal form.
fn core_name(name: &str) -> String {
    let name = FORMS_ZH.iter().fold(name.trim().to_owned(), |name, form| {
        let cut = name.strip_suffix(form).map(str::to_owned);
        cut.filter(|cut| cut.chars().count() > 1).unwrap_or(name)
    });
    let is_form = |word: &str| {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        word.is_empty() || FORMS.contains(&word.as_str())
    };
    let words: Vec<&str> = name.split_whitespace().filter(|word| !is_form(word)).collect();
    if words.is_empty() { name } else { words.join(" ") }
}

/// Where everybody has an address: they say nothing about the company.
const FREE_MAIL: [&str; 18] = [
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "msn.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "proton.me",
    "qq.com",
    "foxmail.com",
    "163.com",
    "126.com",
    "sina.com",
    "sohu.com",
    "139.com",
];

/// The domain of a company's own address.
fn company_domain(email: &str) -> Option<String> {
    let domain = email.rsplit_once('@')?.1.trim().to_lowercase();
    let plain = domain.contains('.') && domain.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    (plain && !FREE_MAIL.contains(&domain.as_str())).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::{company_domain, core_name};

    #[test]
    fn a_legal_form_does_not_tell_companies_apart() {
        assert_eq!(core_name("Acme, Inc."), "Acme,");
        assert_eq!(core_name("Acme Trading Co., Ltd."), "Acme Trading");
        assert_eq!(core_name("上海云帆科技有限公司"), "上海云帆科技");
        assert_eq!(core_name("上海云帆科技股份有限公司"), "上海云帆科技");
        assert_eq!(core_name("Co"), "Co");
        assert_eq!(core_name("  "), "");
    }

    #[test]
    fn a_free_address_says_nothing_about_the_company() {
        assert_eq!(company_domain("lin@Acme.example").as_deref(), Some("acme.example"));
        assert_eq!(company_domain("lin@qq.com"), None);
        assert_eq!(company_domain("lin"), None);
        assert_eq!(company_domain("lin@a_b.example"), None);
    }
}
