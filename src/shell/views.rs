//! Saved views: a list (filters, words, order, columns) kept under a name, for its owner, their team or everybody. The team is who the
//! owner reports to, whoever else is below that one, and whoever is below the owner. Its owner
//! changes it; one that everybody sees also whoever may change every record of the kind. Each change is an event
//! with the old and the new text, and from the event of its removal a view can be brought back.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use store::event::{self, Change, Event};
use store::{Session, Sql, Tx, Uuid, new_id, sql};

use super::access::Level;
use super::error::{Error, FieldError, Result};
use super::list::Asks;
use super::record::filter::Filter;
use super::record::query::ListQuery;
use super::record::{Actor, Object};
use super::viewer::Viewer;

/// Under which name events speak of views.
pub const SUBJECT: &str = "saved_view";
/// The longest name of a view.
pub const NAME: usize = 60;
/// Only its owner, the owner's team, everybody who reads the kind of record.
pub const AUDIENCES: [&str; 3] = ["private", "team", "all"];

/// A view somebody saved.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct SavedView {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    pub owner_id: Uuid,
    pub owner_name: String,
    pub audience: String,
    /// Filters, words and order as in the address bar.
    pub query: String,
    /// Keys of fields, with commas.
    pub columns: String,
    /// Its owner's list opens with it.
    pub is_default: bool,
    pub object: String,
}

/// That the row `b` of `person_below` is about somebody of a person's team: below the person, or below who they report to on the day
/// that `person_below` is about. Without managers there are peers nevertheless, below the one that all of them report to.
fn in_team_of(person: &str) -> String {
    format!(
        "(b.manager_id = {person}
          OR b.manager_id IN (SELECT l.manager_id FROM reporting_line l, organization g
                               WHERE l.person_id = {person} AND l.from_day <= g.lines_as_of
                                 AND (l.to_day IS NULL OR l.to_day >= g.lines_as_of)))"
    )
}

/// The views that a person sees.
fn views_of(person: Uuid) -> Sql {
    let in_team = in_team_of("v.owner_id");
    let views = format!(
        "SELECT v.id, v.version, v.name, v.owner_id, p.name AS owner_name, v.audience, v.query, v.columns, v.is_default, v.object
           FROM saved_view v JOIN person p ON p.id = v.owner_id
          WHERE (v.owner_id = $1 OR v.audience = 'all'
                 OR (v.audience = 'team' AND EXISTS (SELECT 1 FROM person_below b WHERE b.person_id = $1 AND {in_team})))"
    );
    sql!(views, person)
}

/// The views of a kind of record that the viewer sees and can use, by name.
pub async fn saved_views(session: &mut Session, viewer: &Viewer, object: &'static Object) -> Result<Vec<SavedView>> {
    let mut statement = views_of(viewer.person);
    statement.push(" AND v.object = ").bind(object.name).push(" ORDER BY v.name, v.id");
    let views: Vec<SavedView> = session.all(statement).await?;
    Ok(views.into_iter().filter(|view| is_usable(viewer, object, &view.query)).collect())
}

/// Whether the viewer knows every field that a view filters and sorts by. A view that goes by a hidden one is not offered:
/// without its filter it would be another view.
pub(super) fn is_usable(viewer: &Viewer, object: &'static Object, query: &str) -> bool {
    let view = Asks::parse(query);
    view.filters.iter().all(|filter| Filter::parse(object, viewer, filter).is_ok())
        && (view.sort.is_empty() || viewer.sees(object, view.sort.trim_start_matches('-')))
}

/// A view that the viewer sees, with the kind of record that it lists.
///
/// Errors: not found, also when the kind of record is closed to the viewer.
pub async fn find(session: &mut Session, viewer: &Viewer, view: Uuid) -> Result<(&'static Object, SavedView)> {
    let mut statement = views_of(viewer.person);
    statement.push(" AND v.id = ").bind(view);
    let view: SavedView = session.optional(statement).await?.ok_or(Error::NotFound)?;
    let object = open_object(viewer, &view.object)?;
    if is_usable(viewer, object, &view.query) { Ok((object, view)) } else { Err(Error::NotFound) }
}

fn open_object(viewer: &Viewer, name: &str) -> Result<&'static Object> {
    let object = viewer.registry.get(name).filter(|object| viewer.scope.access(object.name).read > Level::None);
    object.ok_or(Error::NotFound)
}

/// As [`find`], for somebody who wants to change it.
///
/// Errors: forbidden when it is seen, but another's to change; 409 when it is no longer the version that was seen.
pub async fn find_to_change(
    tx: &mut Tx,
    viewer: &Viewer,
    view: Uuid,
    seen: Option<i64>,
) -> Result<(&'static Object, SavedView)> {
    let (object, view) = find(tx, viewer, view).await?;
    if !may_change(viewer, object, &view) {
        return Err(Error::Forbidden);
    }
    if seen.is_some_and(|seen| seen != view.version) {
        return Err(OVERTAKEN);
    }
    Ok((object, view))
}

/// Somebody changed the view after it was looked at.
pub const OVERTAKEN: Error = Error::Refused { status: 409, key: "error-view-changed" };

pub fn may_change(viewer: &Viewer, object: &Object, view: &SavedView) -> bool {
    let keeps_all = viewer.scope.access(object.name).write == Level::All;
    view.owner_id == viewer.person || (view.audience == "all" && keeps_all)
}

/// With whom the viewer may share: with a team only who has one, with everybody only who sees every record of the kind.
pub async fn audiences(session: &mut Session, viewer: &Viewer, object: &Object) -> Result<Vec<&'static str>> {
    let with_team = has_team(session, viewer.person).await?;
    let with_all = viewer.scope.access(object.name).read == Level::All;
    let is_open = |audience: &&str| match *audience {
        "team" => with_team,
        "all" => with_all,
        _ => true,
    };
    Ok(AUDIENCES.into_iter().filter(is_open).collect())
}

/// Whether anybody who works here would see what the person shares with their team.
async fn has_team(session: &mut Session, person: Uuid) -> Result<bool> {
    let others = format!(
        "SELECT COUNT(*) FROM person_below b JOIN person p ON p.id = b.person_id
          WHERE b.person_id <> $1 AND p.deleted_at IS NULL AND p.state <> 'disabled' AND {}",
        in_team_of("$1")
    );
    Ok(session.value::<i64>(sql!(others, person)).await?.unwrap_or(0) > 0)
}

/// What a view shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub name: String,
    pub audience: String,
    pub query: String,
    pub columns: String,
    pub is_default: bool,
}

impl Wish {
    /// What the view is now.
    pub fn of(view: &SavedView) -> Wish {
        Wish {
            name: view.name.clone(),
            audience: view.audience.clone(),
            query: view.query.clone(),
            columns: view.columns.clone(),
            is_default: view.is_default,
        }
    }

    /// With the filters, words, order and columns of a list.
    pub fn showing(self, asks: &Asks, query: &ListQuery) -> Wish {
        let (filters, words, sort) = (asks.filters.clone(), asks.words.clone(), query.sort_text());
        let kept = Asks { filters, words, sort, ..Asks::default() };
        Wish { query: kept.to_query(), columns: query.columns_text(), ..self }
    }

    async fn check(&self, tx: &mut Tx, viewer: &Viewer, object: &Object, before: Option<&SavedView>) -> Result<()> {
        let mut errors = Vec::new();
        if self.name.is_empty() {
            errors.push(FieldError::new("name", "invalid-required"));
        } else if self.name.chars().count() > NAME {
            errors.push(FieldError::new("name", "invalid-too-long").with("max", NAME));
        } else if self.name.chars().any(char::is_control) {
            errors.push(FieldError::new("name", "invalid-text"));
        }
        let stays = before.is_some_and(|before| before.audience == self.audience);
        if !stays && !audiences(tx, viewer, object).await?.contains(&self.audience.as_str()) {
            let key = if self.audience == "team" { "invalid-view-team" } else { "invalid-view-audience" };
            errors.push(FieldError::new("audience", key));
        }
        // Which view a list opens with is its owner's own affair.
        if before.is_some_and(|before| before.owner_id != viewer.person && before.is_default != self.is_default) {
            errors.push(FieldError::new("is_default", "invalid-view-default"));
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
    }

    /// The texts that events tell of, each under the key by which they are worded.
    fn facts(&self) -> [(&'static str, Json); 5] {
        [
            ("view.name", json!(self.name)),
            ("view.audience", json!(self.audience)),
            ("view.query", json!(self.query)),
            ("view.columns", json!(self.columns)),
            ("view.default", json!(self.is_default)),
        ]
    }
}

/// Keeps a list as a view of the viewer's own.
pub async fn create(tx: &mut Tx, actor: &Actor, object: &'static Object, wish: &Wish) -> Result<Uuid> {
    wish.check(tx, &actor.viewer, object, None).await?;
    let id = new_id(&actor.clock);
    insert(tx, actor, object, id, 1, wish).await?;
    note(tx, actor, "created", (id, 1), born(object, wish)).await?;
    Ok(id)
}

async fn insert(tx: &mut Tx, actor: &Actor, object: &Object, id: Uuid, version: i64, wish: &Wish) -> Result<()> {
    if wish.is_default {
        end_default(tx, actor, object).await?;
    }
    tx.execute(sql!(
        "INSERT INTO saved_view (id, version, object, name, owner_id, audience, query, columns, is_default, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        id,
        version,
        object.name,
        &wish.name,
        actor.viewer.person,
        &wish.audience,
        &wish.query,
        &wish.columns,
        wish.is_default,
        actor.now
    ))
    .await?;
    Ok(())
}

/// Every fact of a view, for the events of its beginning and, turned round, of its end.
fn born(object: &Object, wish: &Wish) -> Vec<Change> {
    let facts = wish.facts().into_iter().chain([("view.object", json!(object.name))]);
    facts.map(|(field, new)| Change { field: field.into(), old: Json::Null, new }).collect()
}

/// A list opens with one view: the one that it opened with so far no longer is it.
async fn end_default(tx: &mut Tx, actor: &Actor, object: &Object) -> Result<()> {
    const DEFAULTS: &str =
        "SELECT id, version FROM saved_view WHERE object = $1 AND owner_id = $2 AND is_default ORDER BY id";
    let former: Vec<(Uuid, i64)> = tx.all(sql!(DEFAULTS, object.name, actor.viewer.person)).await?;
    for (id, version) in former {
        tx.execute(sql!("UPDATE saved_view SET is_default = $2, version = version + 1 WHERE id = $1", id, false))
            .await?;
        let change = Change { field: "view.default".into(), old: json!(true), new: json!(false) };
        note(tx, actor, "updated", (id, version + 1), vec![change]).await?;
    }
    Ok(())
}

/// Makes a view that was found to change into what is wished; returns its version then.
pub async fn change(tx: &mut Tx, actor: &Actor, object: &'static Object, view: &SavedView, wish: &Wish) -> Result<i64> {
    wish.check(tx, &actor.viewer, object, Some(view)).await?;
    let (was, is) = (Wish::of(view).facts(), wish.facts());
    let changes: Vec<Change> = was
        .into_iter()
        .zip(is)
        .filter(|((_, old), (_, new))| old != new)
        .map(|((field, old), (_, new))| Change { field: field.into(), old, new })
        .collect();
    if changes.is_empty() {
        return Ok(view.version);
    }
    if wish.is_default && !view.is_default {
        end_default(tx, actor, object).await?;
    }
    let touched = tx
        .execute(sql!(
            "UPDATE saved_view SET version = version + 1, name = $3, audience = $4, query = $5, columns = $6, is_default = $7 WHERE id = $1 AND version = $2",
            view.id,
            view.version,
            &wish.name,
            &wish.audience,
            &wish.query,
            &wish.columns,
            wish.is_default
        ))
        .await?;
    if touched == 0 {
        return Err(OVERTAKEN);
    }
    note(tx, actor, "updated", (view.id, view.version + 1), changes).await?;
    Ok(view.version + 1)
}

/// Deletes a view that was found to change.
pub async fn remove(tx: &mut Tx, actor: &Actor, object: &'static Object, view: &SavedView) -> Result<()> {
    let gone = tx.execute(sql!("DELETE FROM saved_view WHERE id = $1 AND version = $2", view.id, view.version)).await?;
    if gone == 0 {
        return Err(OVERTAKEN);
    }
    let owner = Change { field: "view.owner".into(), old: json!(view.owner_id), new: Json::Null };
    let facts = born(object, &Wish::of(view)).into_iter();
    let ended = facts.map(|change| Change { old: change.new, new: Json::Null, ..change });
    note(tx, actor, "deleted", (view.id, view.version + 1), ended.chain([owner]).collect()).await
}

/// Brings back one of the viewer's own views that they deleted, as it was; returns the kind of record that it lists.
///
/// Errors: not found, when it was another's, or was deleted by somebody else, or stands there.
pub async fn restore(tx: &mut Tx, actor: &Actor, view: Uuid) -> Result<&'static Object> {
    let last = event::of_subject(tx, SUBJECT, view, 0, 1).await?.into_iter().next().ok_or(Error::NotFound)?;
    let me = actor.viewer.person;
    if last.kind != "deleted" || last.actor_id != Some(me) {
        return Err(Error::NotFound);
    }
    let facts: BTreeMap<String, Json> = last.changes().into_iter().map(|change| (change.field, change.old)).collect();
    let text = |key: &str| facts.get(key).and_then(Json::as_str).unwrap_or("").to_owned();
    if text("view.owner") != me.to_string() {
        return Err(Error::NotFound);
    }
    let object = open_object(&actor.viewer, &text("view.object"))?;
    const DEFAULT: &str = "SELECT COUNT(*) FROM saved_view WHERE object = $1 AND owner_id = $2 AND is_default";
    let has_default = tx.value::<i64>(sql!(DEFAULT, object.name, me)).await?.unwrap_or(0) > 0;
    let mut wish = Wish {
        name: text("view.name"),
        audience: text("view.audience"),
        query: text("view.query"),
        columns: text("view.columns"),
        is_default: facts.get("view.default") == Some(&json!(true)) && !has_default,
    };
    // Who may no longer share with everybody, or has no team any more, gets it back for themselves.
    if !audiences(tx, &actor.viewer, object).await?.contains(&wish.audience.as_str()) {
        wish.audience = "private".into();
    }
    insert(tx, actor, object, view, last.version + 1, &wish).await?;
    note(tx, actor, "restored", (view, last.version + 1), born(object, &wish)).await?;
    Ok(object)
}

async fn note(tx: &mut Tx, actor: &Actor, kind: &str, view: (Uuid, i64), changes: Vec<Change>) -> Result<()> {
    let event = Event {
        id: new_id(&actor.clock),
        at: actor.now,
        actor: Some(actor.viewer.person),
        via: actor.via,
        kind,
        subject_type: SUBJECT,
        subject_id: view.0,
        account_id: None,
        version: view.1,
        changes: &changes,
        reason: None,
    };
    Ok(event::record(tx, event).await?)
}
