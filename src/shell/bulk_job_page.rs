//! The page of a job that works on many records: how far it is, then what came of it.

use axum::extract::{Path, State};
use axum::response::Response;
use store::job::{self, Job};
use store::{Session, Uuid};

use super::app::App;
use super::bulk::Work;
use super::bulk_history;
use super::bulk_job::{self, Standing, What};
use super::bulk_job_records;
use super::bulk_outcome::{self, Behind, Fate};
use super::error::{FieldError, Result};
use super::format;
use super::i18n::Locale;
use super::page::{Asked, Page, done, respond};
use super::progress::ProgressView;
use super::record::Object;
use super::records::id;
use super::routes::{Policy, Routes};
use super::viewer::Viewer;

pub fn routes() -> Routes {
    // A job is its orderer's: nobody else finds it.
    Routes::new()
        .get("/bulk-jobs/{id}", Policy::SignedIn, show)
        .get("/bulk-jobs/{id}/progress", Policy::SignedIn, progress)
        .get("/bulk-jobs/{id}/records", Policy::SignedIn, bulk_job_records::show)
        .post("/bulk-jobs/{id}/cancellation", Policy::SignedIn, cancel)
}

struct TileView {
    label: String,
    icon: &'static str,
    count: String,
    /// Where its records are.
    href: Option<String>,
}

struct WrongView {
    name: String,
    /// Empty: it lies in the trash.
    href: String,
    errors: String,
}

#[derive(askama::Template)]
#[template(path = "shell/bulk_job.html")]
struct JobBody<'a> {
    page: &'a Page,
    object: &'static Object,
    plural: String,
    title: String,
    state: String,
    when: String,
    query: String,
    is_cancelled: bool,
    /// Nothing was kept.
    is_trial: bool,
    progress: Option<ProgressView>,
    problem: Option<String>,
    tiles: Vec<TileView>,
    wrong: Vec<WrongView>,
    more_wrong: usize,
    /// Where all of these are.
    all_wrong: Option<String>,
    /// Where it is undone, as long as that would put anything back.
    undo: Option<i64>,
}

/// What the job does, as the heading of its page.
pub(super) fn title(locale: Locale, standing: &Standing) -> String {
    locale.text(match &standing.order.what {
        What::Work(Work::Set(fields), _) if fields.contains_key("owner") => "bulk-assign-title",
        What::Work(Work::Set(_), _) => "bulk-edit-title",
        What::Work(Work::Trash, _) => "bulk-trash-title",
        What::Work(Work::Restore, _) => "bulk-restore-title",
        What::Undo(_) => "bulk-undo-title",
    })
}

fn progress_of(app: &App, locale: Locale, standing: &Standing) -> Option<ProgressView> {
    let job = &standing.job;
    let headline = locale.text(if job.state == "queued" { "bulk-job-queued" } else { "bulk-job-running" });
    (!job.is_over()).then(|| ProgressView::of(app, locale, job, 1, headline, format!("/bulk-jobs/{}", job.id)))
}

/// GET /bulk-jobs/{id} · who ordered it
async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let locale = viewer.locale;
    let mut session = app.db.read().await?;
    let standing = bulk_job::find(&mut session, &viewer, id(&text)?).await?;
    let progress = progress_of(&app, locale, &standing);
    let told = match &progress {
        None => told_of(&mut session, &app, &viewer, &standing).await?,
        Some(_) => None,
    };
    let wrong = wrong_of(&mut session, &viewer, &standing).await?;
    drop(session);
    let (job, place) = (&standing.job, &standing.place);
    let title = title(locale, &standing);
    let page = Page::new(&viewer, &asked, title.clone());
    let body = JobBody {
        page: &page,
        object: standing.object,
        plural: locale.text(&format!("{}-plural", standing.object.name)),
        title,
        state: locale.text(&format!("job-state-{}", job.state)),
        when: job.finished_at.map(|at| format::instant(locale, at, &viewer.config.zone)).unwrap_or_default(),
        query: standing.order.from.clone(),
        is_cancelled: job.state == "cancelled",
        is_trial: standing.order.dry_run,
        progress,
        problem: (job.state == "failed").then(|| problem_of(locale, job)),
        tiles: tiles_of(locale, &standing, told.map(|(at, _)| at)),
        more_wrong: (place.refused as usize).saturating_sub(wrong.len()),
        all_wrong: bulk_job_records::address(&standing, Fate::Refused),
        wrong,
        undo: told.filter(|(_, can_undo)| *can_undo).map(|(at, _)| at),
    };
    respond(&page, &body)
}

/// Where what it did is told record by record, and whether undoing it there would put anything back. An undoing is told where the
/// work is told that it undid.
pub async fn told_of(
    session: &mut Session,
    app: &App,
    viewer: &Viewer,
    standing: &Standing,
) -> Result<Option<(i64, bool)>> {
    let (of, is_work) = match standing.order.what {
        What::Work(..) => (standing.job.id, true),
        What::Undo(of) => (of, false),
    };
    let told = bulk_history::of_job(session, viewer, standing.object, app.clock.now(), of).await?;
    Ok(told.map(|(at, can_undo)| (at, can_undo && is_work)))
}

/// `told`: where the work is told record by record, with what each was before.
fn tiles_of(locale: Locale, standing: &Standing, told: Option<i64>) -> Vec<TileView> {
    let (place, order) = (&standing.place, &standing.order);
    let history = told.map(|at| format!("/{}/bulk?at={at}", standing.object.plural));
    let is_work = matches!(order.what, What::Work(..));
    let tile = |fate: &Fate| {
        let listed = bulk_job_records::address(standing, *fate);
        let (icon, href) = match fate {
            Fate::Changed if is_work => {
                // Some may have stood at the value already: of these the history knows nothing.
                let whole = history.clone().filter(|_| place.has_touched_all());
                ("circle-check", whole.or(listed).or(history.clone()))
            }
            Fate::Changed => ("arrow-back-up", listed.or(history.clone())),
            Fate::Left => ("minus", listed),
            Fate::Stale => ("pencil", listed),
            Fate::Refused => ("alert-circle", listed.or(Some("#refused".into()))),
        };
        let count = fate.count(place);
        let href = href.filter(|_| count > 0);
        TileView { label: locale.text(fate.label(order)), icon, count: format::grouped(count), href }
    };
    Fate::of(&order.what).iter().map(tile).collect()
}

async fn wrong_of(session: &mut Session, viewer: &Viewer, standing: &Standing) -> Result<Vec<WrongView>> {
    let refused = refused_of(session, viewer, standing).await?;
    let view = |(one, errors): (Behind, &[FieldError])| {
        let href = if one.is_gone() { String::new() } else { format!("/{}/{}", standing.object.plural, one.id) };
        WrongView { name: one.name, href, errors: texts(viewer.locale, errors) }
    };
    Ok(refused.into_iter().map(view).collect())
}

/// The first of the records that break a rule, as far as the person still sees them: what they are called, and what is wrong.
pub async fn refused_of<'a>(
    session: &mut Session,
    viewer: &Viewer,
    standing: &'a Standing,
) -> Result<Vec<(Behind, &'a [FieldError])>> {
    let wrong = &standing.place.wrong;
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = wrong.iter().map(|(id, _)| *id).collect();
    let named = bulk_outcome::named(session, viewer, standing.object, &ids).await?;
    let found = named.into_iter().filter_map(|one| {
        let (_, errors) = wrong.iter().find(|(other, _)| *other == one.id)?;
        Some((one, &errors[..]))
    });
    Ok(found.collect())
}

pub(super) fn texts(locale: Locale, errors: &[FieldError]) -> String {
    errors.iter().map(|error| error.text(locale)).collect::<Vec<_>>().join(" ")
}

/// Why it could not go on.
fn problem_of(locale: Locale, job: &Job) -> String {
    texts(locale, &errors_of(job))
}

pub fn errors_of(job: &Job) -> Vec<FieldError> {
    job.result.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// GET /bulk-jobs/{id}/progress: asked for every second while it runs.
async fn progress(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let standing = bulk_job::find(&mut app.db.read().await?, &viewer, id(&text)?).await?;
    match progress_of(&app, viewer.locale, &standing) {
        Some(progress) => progress.respond(&Page::new(&viewer, &asked, "")),
        None => Ok(done(&asked, &format!("/bulk-jobs/{}", standing.job.id), None)),
    }
}

/// POST /bulk-jobs/{id}/cancellation: stops between two portions. What was done stays, and can be undone.
async fn cancel(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let id = id(&text)?;
    app.at_page(&viewer, async |tx, actor| {
        bulk_job::find(tx, &actor.viewer, id).await?;
        Ok(job::request_cancel(tx, id, actor.now).await?)
    })
    .await?;
    Ok(done(&asked, &format!("/bulk-jobs/{id}"), None))
}
