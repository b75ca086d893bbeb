//! The names in a file and the records behind them. A chunk's names are looked up together, before its rows are taken one by
//! one; what was found is kept for a moment, because files name the same records again and again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use store::{Session, Sql, Uuid};

use super::model::Inputs;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::command::Known;
use crate::shell::record::lookup::{self, Letters, Name};
use crate::shell::record::{Actor, Field, Kind, Loaded, Object};

/// Names are looked up again after this, so that a right that was taken away counts at once.
const NAMES_SECONDS: u64 = 2;
const NAMES_KEPT: usize = 20_000;

/// Names that were looked up lately, by the kind of record they name.
pub struct Names {
    ids: HashMap<&'static str, HashMap<Name, Uuid>>,
    pub known: Known,
    since: std::time::Instant,
    /// Records of the imported kind are found only as they are written: the file may yet bring the one that is written so.
    pub own_just_so: bool,
}

impl Default for Names {
    fn default() -> Names {
        Names { ids: HashMap::new(), known: Known::new(), since: std::time::Instant::now(), own_just_so: false }
    }
}

impl Names {
    pub fn forget_old(&mut self) {
        let kept: usize = self.ids.values().map(HashMap::len).sum();
        if self.since.elapsed().as_secs() >= NAMES_SECONDS || kept + self.known.len() > NAMES_KEPT {
            *self = Names::default();
        }
    }

    /// Looks up what the rows name, with few statements. What stays open is asked for row by row, and refused there.
    pub async fn look_ahead(
        &mut self,
        session: &mut Session,
        actor: &Actor,
        object: &'static Object,
        rows: &[Inputs],
    ) -> Result<()> {
        for (field, target) in references(object) {
            let wanted: BTreeSet<Name> = rows.iter().filter_map(|row| self.name_in(row, field, target)).collect();
            let wanted: Vec<&Name> = wanted.iter().filter(|name| self.find(target, name).is_none()).collect();
            let letters = self.letters(object, target);
            let found = lookup::resolve_all(session, actor, target, &wanted, letters).await?;
            for (name, id) in found {
                self.keep(target, name, id);
            }
        }
        Ok(())
    }

    fn letters(&self, object: &'static Object, target: &str) -> Letters {
        if self.own_just_so && object.name == target { Letters::JustSo } else { Letters::Alike }
    }

    /// What a row names in a field, as [`Names::resolve`] will look for it. `None`: nothing, or an id.
    fn name_in(&self, row: &Inputs, field: &Field, target: &str) -> Option<Name> {
        let text_of = |key: &str| row.given.get(key).or_else(|| row.defaults.get(key));
        let text = text_of(field.key).filter(|text| text.parse::<Uuid>().is_err())?;
        let within = match within_of(target).and_then(|whole| Some((whole, text_of(whole)?))) {
            None => None,
            Some((whole, name)) => match name.parse() {
                Ok(id) => Some(id),
                Err(_) => Some(self.find(whole, &(name.clone(), None))?),
            },
        };
        Some((text.clone(), within))
    }

    fn find(&self, target: &str, name: &Name) -> Option<Uuid> {
        self.ids.get(target)?.get(name).copied()
    }

    fn keep(&mut self, target: &'static str, name: Name, id: Uuid) {
        // Only what is visible is found by name, so nobody need ask again. Whether a person is still there is another question.
        if target != "person" && name.0.parse::<Uuid>().is_err() {
            self.known.insert((target, id));
        }
        self.ids.entry(target).or_default().insert(name, id);
    }

    /// Puts ids in the place of names. Returns what could not be found.
    pub async fn resolve(
        &mut self,
        session: &mut Session,
        actor: &Actor,
        object: &'static Object,
        texts: &mut BTreeMap<String, String>,
        before: Option<&Loaded>,
    ) -> Result<Vec<FieldError>> {
        let mut errors = Vec::new();
        let stands = before.map_or("", |before| before.text("currency"));
        let currency = texts.get("currency").map_or(stands, |text| text.trim()).to_uppercase();
        let currency = if currency.is_empty() { actor.viewer.config.base_currency.clone() } else { currency };
        for (field, target) in references(object) {
            let Some(text) = texts.get(field.key).cloned() else { continue };
            let within = within_of(target).and_then(|whole| match texts.get(whole) {
                Some(id) => id.parse().ok(),
                None => before.and_then(|before| before.id_of(whole)),
            });
            // A row that names no pipeline names it by its stage.
            let within = within.or_else(|| pipeline_of(actor, texts).filter(|_| target == "stage"));
            let name = (text, within);
            let id = match self.find(target, &name) {
                Some(id) => id,
                None => match lookup::resolve(
                    session,
                    actor,
                    field,
                    &name.0,
                    within,
                    &currency,
                    self.letters(object, target),
                )
                .await
                {
                    Ok(id) => {
                        // What a price list is called depends on the currency of the row.
                        if target != "price_list" {
                            self.keep(target, name, id);
                        }
                        id
                    }
                    Err(Error::Invalid(more)) => {
                        errors.extend(more);
                        texts.remove(field.key);
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            texts.insert(field.key.to_owned(), id.to_string());
        }
        Ok(errors)
    }

    /// The accounts of the deals and contacts that the rows point to: what hangs on a deal also hangs on its account.
    pub async fn accounts(
        &self,
        session: &mut Session,
        object: &'static Object,
        rows: &[Inputs],
    ) -> Result<HashMap<Uuid, Option<Uuid>>> {
        let mut accounts = HashMap::new();
        let hang_on_account = object.field("account").is_some();
        for (field, target) in
            references(object).into_iter().filter(|(_, target)| hang_on_account && within_of(target) == Some("account"))
        {
            let ids = rows.iter().filter_map(|row| {
                let text = row.given.get(field.key).or_else(|| row.defaults.get(field.key))?;
                text.parse().ok().or_else(|| self.find(target, &self.name_in(row, field, target)?))
            });
            let ids: Vec<Uuid> = ids.collect::<BTreeSet<Uuid>>().into_iter().collect();
            for batch in store::batches(&ids) {
                let mut statement = Sql::new(format!("SELECT id, account_id FROM {target} WHERE id IN ("));
                statement.bind_list(batch.iter().copied()).push(")");
                accounts.extend(session.all::<(Uuid, Option<Uuid>)>(statement).await?);
            }
        }
        Ok(accounts)
    }
}

/// The references of a kind of record, account and pipeline first: contacts, deals and stages are then looked for inside them.
fn references(object: &'static Object) -> Vec<(&'static Field, &'static str)> {
    let mut references: Vec<(&'static Field, &'static str)> = object
        .fields
        .iter()
        .filter_map(|field| if let Kind::Ref(target) = field.kind { Some((field, target)) } else { None })
        .collect();
    references.sort_by_key(|(field, _)| !matches!(field.key, "account" | "pipeline"));
    references
}

/// The pipeline of the stage that has been found already.
fn pipeline_of(actor: &Actor, texts: &BTreeMap<String, String>) -> Option<Uuid> {
    let stage = texts.get("stage")?.parse().ok()?;
    Some(actor.viewer.config.stage(stage)?.pipeline)
}

/// Contacts and deals belong to an account, stages to a pipeline; the same name may stand in several.
fn within_of(target: &str) -> Option<&'static str> {
    match target {
        "contact" | "opportunity" => Some("account"),
        "stage" => Some("pipeline"),
        _ => None,
    }
}
