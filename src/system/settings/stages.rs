//! Settings: one stage of a pipeline, with what is asked for before a deal leaves it.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value as Json;
use store::{Session, Tx, Uuid, new_id, sql};

use super::pipelines::{
    HERE, PipelineRow, StageRow, pipeline, read_weights, refuse_same_name, stage, stage_inputs, stages_of,
};
use super::{answer, at_page, finish_row, next_version, tabs};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::{Error, Result};
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with};
use crate::shell::record::{Actor, Kind, Registry, Write};
use crate::shell::records::id as parse_id;
use crate::shell::viewer::Viewer;
use crate::system::form::{Reader, Sent, Typed, inputs};
use crate::system::history::Changes;

/// An exit criterion as the form shows it; the last ones are empty, for new ones.
struct CriterionRow {
    number: usize,
    id: String,
    name: String,
    required: bool,
    fields: Vec<(String, String, bool)>,
    error: String,
}

#[derive(askama::Template)]
#[template(path = "system/settings/stage.html")]
struct StageBody<'a> {
    page: &'a Page,
    tabs: Html,
    pipeline: PipelineRow,
    stage: StageRow,
    version: String,
    errors: Vec<(String, String)>,
    inputs: Vec<Html>,
    is_open: bool,
    criteria: Vec<CriterionRow>,
}

/// A criterion as it is stored.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(super) struct Criterion {
    pub id: Uuid,
    pub name: String,
    pub required: bool,
    pub field: Option<String>,
}

pub(super) async fn criteria_of(session: &mut Session, stage: Uuid) -> Result<Vec<Criterion>> {
    Ok(session
        .all(sql!(
            "SELECT id, name, required, field FROM criterion WHERE stage_id = $1 AND deleted_at IS NULL ORDER BY position, id",
            stage
        ))
        .await?)
}

/// Room for so many new criteria at a time.
const NEW_CRITERIA: usize = 2;

/// What can show that a criterion is met: a field of the deal that may be empty.
pub(super) fn showing_fields(registry: &Registry, locale: Locale) -> Vec<(String, String)> {
    let Some(deal) = registry.get("opportunity") else { return Vec::new() };
    deal.fields
        .iter()
        .filter(|field| field.write == Write::Always && !field.is_virtual() && !field.required)
        .filter(|field| !matches!(field.kind, Kind::Money | Kind::Currency | Kind::Percent))
        .filter(|field| field.only_while.is_none() && !matches!(field.key, "stage" | "owner" | "external_id"))
        .map(|field| (field.key.to_owned(), locale.text(&deal.label_key(field))))
        .collect()
}

/// GET /settings/stages/{id}
pub(super) async fn show_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response> {
    stage_page(&app, &viewer, &asked, parse_id(&id)?, StatusCode::OK, &Typed::default()).await
}

async fn stage_page(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    status: StatusCode,
    typed: &Typed,
) -> Result<Response> {
    let mut session = app.db.read().await?;
    let stage = stage(&mut session, id).await?;
    let pipeline = pipeline(&mut session, stage.pipeline_id).await?;
    let standing = criteria_of(&mut session, id).await?;
    drop(session);
    let locale = viewer.locale;
    let fields = stage_inputs(locale, Some(&stage));
    let showing = showing_fields(app.registry, locale);
    let criteria = (0..standing.len() + NEW_CRITERIA)
        .map(|number| {
            let one = standing.get(number);
            let chosen =
                typed.or(&format!("field-{number}"), one.and_then(|one| one.field.clone()).unwrap_or_default());
            CriterionRow {
                number,
                id: typed.or(&format!("id-{number}"), one.map(|one| one.id.to_string()).unwrap_or_default()),
                name: typed.or(&format!("criterion-{number}"), one.map_or("", |one| &one.name)),
                required: typed.ticked_or(&format!("required-{number}"), one.is_some_and(|one| one.required)),
                fields: showing.iter().map(|(key, name)| (key.clone(), name.clone(), *key == chosen)).collect(),
                error: typed.error(&format!("criterion-{number}"), locale),
            }
        })
        .collect();
    let page = Page::new(viewer, asked, stage.name.clone());
    let body = StageBody {
        tabs: tabs(&page, HERE)?,
        version: typed.or("version", stage.version),
        errors: typed.summary(locale, &[&fields]),
        inputs: inputs(fields, typed, locale)?,
        is_open: stage.kind() == StageKind::Open,
        criteria,
        pipeline,
        stage,
        page: &page,
    };
    respond_with(status, &page, render(&body)?)
}

async fn stage_answer(
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    id: Uuid,
    sent: Sent,
    outcome: Result<Uuid>,
) -> Result<Response> {
    let outcome = outcome.map(|pipeline| format!("{HERE}/{pipeline}"));
    answer(app, viewer, asked, ("/settings/stages", id), sent, outcome, async |sent, errors| {
        // A removal sends no fields: then the page shows the stage as it stands.
        let typed = match sent.contains_key("name") {
            true => Typed::refused(sent, errors),
            false => Typed::reasons(errors),
        };
        stage_page(app, viewer, asked, id, StatusCode::UNPROCESSABLE_ENTITY, &typed).await
    })
    .await
}

/// POST /settings/stages/{id}
pub(super) async fn save_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = at_page(&app, &viewer, async |tx, actor| store_stage(tx, actor, id, &sent).await).await;
    stage_answer(&app, &viewer, &asked, id, sent, outcome).await
}

pub(super) async fn store_stage(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<Uuid> {
    let mut form = Reader::of(sent);
    let version = next_version(tx, "stage", id, form.version()).await?;
    let before = stage(tx, id).await?;
    let name = form.required_line("name", 80);
    let (probability, days) = read_weights(&mut form, before.kind());
    let standing = criteria_of(tx, id).await?;
    let asked = if before.kind() == StageKind::Open {
        read_criteria(&mut form, &showing_fields(actor.registry, actor.viewer.locale), &standing)
    } else {
        Vec::new()
    };
    form.finish()?;
    let others = stages_of(tx, before.pipeline_id).await?;
    refuse_same_name(&name, others.iter().filter(|other| other.id != id).map(|other| other.name.as_str()))?;
    let mut changes = Changes::default();
    changes.add("stage.name", before.name.as_str(), name.as_str());
    changes.add("stage.probability", before.probability, probability);
    changes.add("stage.expected_days", before.expected_days, days);
    tx.execute(sql!(
        "UPDATE stage SET name = $2, probability = $3, expected_days = $4 WHERE id = $1",
        id,
        name,
        probability,
        days
    ))
    .await?;
    if before.kind() == StageKind::Open {
        write_criteria(tx, actor, id, &standing, asked, &mut changes).await?;
    }
    finish_row(tx, actor, "updated", id, version, changes).await?;
    Ok(before.pipeline_id)
}

/// The criteria of a sent form; a name that was emptied takes its criterion away.
pub(super) fn read_criteria(
    form: &mut Reader<'_>,
    known: &[(String, String)],
    standing: &[Criterion],
) -> Vec<(Option<Uuid>, Criterion)> {
    let mut asked = Vec::new();
    for number in 0..form.count_of("criterion-") {
        let key = format!("criterion-{number}");
        let name = form.line(&key, 200);
        if name.is_empty() {
            continue;
        }
        let before = form.raw(&format!("id-{number}")).parse::<Uuid>().ok();
        let before = before.filter(|id| standing.iter().any(|one| one.id == *id));
        let field = form.raw(&format!("field-{number}")).to_owned();
        if !field.is_empty() && !known.iter().any(|(key, _)| *key == field) {
            form.wrong(&key, "invalid-unknown-field");
        }
        let criterion = Criterion {
            id: before.unwrap_or_default(),
            name,
            required: form.is_ticked(&format!("required-{number}")),
            field: (!field.is_empty()).then_some(field),
        };
        asked.push((before, criterion));
    }
    asked
}

async fn write_criteria(
    tx: &mut Tx,
    actor: &Actor,
    stage: Uuid,
    standing: &[Criterion],
    asked: Vec<(Option<Uuid>, Criterion)>,
    changes: &mut Changes,
) -> Result<()> {
    let said = |criterion: &Criterion| {
        let field = criterion.field.as_deref().map(|field| format!(" [{field}]")).unwrap_or_default();
        format!("{}{field}{}", criterion.name, if criterion.required { " *" } else { "" })
    };
    for gone in standing.iter().filter(|one| !asked.iter().any(|(before, _)| *before == Some(one.id))) {
        tx.execute(sql!("UPDATE criterion SET deleted_at = $2 WHERE id = $1", gone.id, actor.clock.now())).await?;
        changes.add("stage.criterion", said(gone), Json::Null);
    }
    for (position, (before, criterion)) in asked.into_iter().enumerate() {
        let standing = before.and_then(|id| standing.iter().find(|one| one.id == id));
        match standing {
            Some(standing) => {
                changes.add("stage.criterion", said(standing), said(&criterion));
                tx.execute(sql!(
                    "UPDATE criterion SET position = $2, name = $3, required = $4, field = $5 WHERE id = $1",
                    standing.id,
                    position,
                    criterion.name,
                    criterion.required,
                    criterion.field
                ))
                .await?;
            }
            None => {
                changes.add("stage.criterion", Json::Null, said(&criterion));
                tx.execute(sql!(
                    "INSERT INTO criterion (id, stage_id, position, name, required, field) VALUES ($1, $2, $3, $4, $5, $6)",
                    new_id(&actor.clock),
                    stage,
                    position,
                    criterion.name,
                    criterion.required,
                    criterion.field
                ))
                .await?;
            }
        }
    }
    Ok(())
}

/// POST /settings/stages/{id}/removal
pub(super) async fn remove_stage(
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(id): Path<String>,
    Form(sent): Form<Sent>,
) -> Result<Response> {
    let id = parse_id(&id)?;
    let outcome = at_page(&app, &viewer, async |tx, actor| drop_stage(tx, actor, id, &sent).await).await;
    stage_answer(&app, &viewer, &asked, id, sent, outcome).await
}

pub(super) async fn drop_stage(tx: &mut Tx, actor: &Actor, id: Uuid, sent: &Sent) -> Result<Uuid> {
    let version = next_version(tx, "stage", id, Reader::of(sent).version()).await?;
    let before = stage(tx, id).await?;
    if before.deals > 0 {
        return Err(Error::field("", "refused-stage-in-use"));
    }
    let mut alike = stages_of(tx, before.pipeline_id).await?;
    alike.retain(|other| other.kind == before.kind);
    let at = alike.iter().position(|other| other.id == id).unwrap_or(0);
    let Some(heir) = alike.get(at.checked_sub(1).unwrap_or(1)) else {
        return Err(Error::field("", "refused-last-stage"));
    };
    tx.execute(sql!("UPDATE stage SET deleted_at = $2 WHERE id = $1", id, actor.clock.now())).await?;
    // Deals that came as far as here came as far as the stage before; so did those of stages that counted as this one.
    const INHERIT: &str = "
        UPDATE stage SET counts_as_id = $2, position = (SELECT h.position FROM stage h WHERE h.id = $2)
         WHERE id = $1 OR counts_as_id = $1";
    tx.execute(sql!(INHERIT, id, heir.id)).await?;
    let mut changes = Changes::default();
    changes.add("stage.name", before.name, Json::Null);
    finish_row(tx, actor, "deleted", id, version, changes).await?;
    Ok(before.pipeline_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_criterion_whose_name_was_emptied_goes_and_a_new_one_comes() {
        let old = Criterion { id: Uuid::from_u128(7), name: "Budget is known".into(), required: true, field: None };
        let sent: Sent = [
            ("id-0", old.id.to_string()),
            ("criterion-0", String::new()),
            ("criterion-1", "Next step is agreed".into()),
            ("field-1", "next_step".into()),
            ("required-1", "on".into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let mut form = Reader::of(&sent);
        let asked = read_criteria(&mut form, &[("next_step".to_owned(), String::new())], &[old]);
        assert_eq!(form.errors, []);
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].0, None);
        assert_eq!((asked[0].1.field.as_deref(), asked[0].1.required), (Some("next_step"), true));
    }
}
