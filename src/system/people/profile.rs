//! What people set for themselves: their name, their language, and how the pages look to them. The profile page, the switches for
//! language and theme, and the API call [`set`].

use store::{Tx, Uuid, sql};

use super::{command, put_words};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::system::history::{By, Changes, note};

/// The longest name.
pub const NAME: usize = 200;
pub const THEMES: [&str; 3] = ["auto", "light", "dark"];
pub const DENSITIES: [&str; 2] = ["normal", "compact"];

/// What is to be set; the rest stays as it is.
#[derive(Debug, Default)]
pub struct Wish {
    pub name: Option<String>,
    pub locale: Option<Locale>,
    pub theme: Option<&'static str>,
    pub density: Option<&'static str>,
    pub shortcuts: Option<bool>,
}

/// The text, if it is one of these.
pub fn one_of(known: &[&'static str], text: &str) -> Option<&'static str> {
    known.iter().copied().find(|one| *one == text)
}

/// Sets it. The history tells of the name only: the rest is seen by nobody else.
pub async fn set(tx: &mut Tx, app: &App, by: By, person: Uuid, wish: &Wish) -> Result<()> {
    let name = wish.name.as_deref();
    if name.is_some_and(str::is_empty) {
        return Err(Error::field("name", "invalid-required"));
    }
    let standing = command::standing(tx, person).await?;
    let before: Option<String> = tx.value(sql!("SELECT name FROM person WHERE id = $1", person)).await?;
    const SET: &str = "
        UPDATE person
           SET name = COALESCE($2, name), name_key = COALESCE($3, name_key), locale = COALESCE($4, locale),
               theme = COALESCE($5, theme), density = COALESCE($6, density), shortcuts = COALESCE($7, shortcuts),
               version = version + 1, updated_at = $8, updated_by = $9
         WHERE id = $1";
    tx.execute(sql!(
        SET,
        person,
        name,
        name.map(store::search::person_key),
        wish.locale.map(Locale::tag),
        wish.theme,
        wish.density,
        wish.shortcuts,
        app.clock.now(),
        by.person
    ))
    .await?;
    let mut changes = Changes::default();
    if let Some(name) = name {
        changes.add("name", before.unwrap_or_default(), name);
    }
    if !changes.is_empty() {
        put_words(tx, app, person).await?;
        note(tx, &app.clock, by, "updated", ("person", person), standing.version + 1, &changes.0).await?;
    }
    Ok(())
}
