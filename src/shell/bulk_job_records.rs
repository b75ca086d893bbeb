//! The records behind a number of a job that works on many, page by page: those that were done, left, overtaken or refused, as far
//! as who ordered it still sees them.

use axum::extract::{Path, State};
use axum::response::Response;
use store::Uuid;

use super::app::App;
use super::bulk_job::{self, Standing};
use super::bulk_job_page::{texts, title};
use super::bulk_outcome::{self, Fate};
use super::error::Result;
use super::format;
use super::page::{Asked, Page, respond};
use super::record::Object;
use super::records::{get, id, pairs};
use super::viewer::Viewer;

/// So many records stand on a page.
const SHOWN: i64 = 100;

struct Tab {
    href: String,
    text: String,
    here: bool,
}

struct RecordView {
    name: String,
    /// Empty: it lies in the trash.
    href: String,
    /// What is wrong, of one that breaks a rule.
    errors: String,
}

#[derive(askama::Template)]
#[template(path = "shell/bulk_job_records.html")]
struct RecordsBody<'a> {
    page: &'a Page,
    object: &'static Object,
    plural: String,
    /// The job, and where it is.
    work: String,
    address: String,
    here: String,
    count: String,
    tabs: Vec<Tab>,
    records: Vec<RecordView>,
    first_page: Option<String>,
    next_page: Option<String>,
}

/// Where the records behind a number of the job are; `None` where nothing tells which they were.
pub fn address(standing: &Standing, fate: Fate) -> Option<String> {
    let (job, place) = (&standing.job, &standing.place);
    place.is_told().then(|| format!("/bulk-jobs/{}/records?outcome={}", job.id, fate.key()))
}

/// GET /bulk-jobs/{id}/records?outcome=left&after=… · who ordered it
pub async fn show(State(app): State<App>, viewer: Viewer, asked: Asked, Path(text): Path<String>) -> Result<Response> {
    let (locale, asks) = (viewer.locale, pairs(&asked.query));
    let mut session = app.db.read().await?;
    let standing = bulk_job::find(&mut session, &viewer, id(&text)?).await?;
    let (object, place, order) = (standing.object, &standing.place, &standing.order);
    let known = Fate::of(&order.what);
    let fate = Fate::parse(get(&asks, "outcome")).filter(|fate| known.contains(fate)).unwrap_or(Fate::Changed);
    let after = get(&asks, "after").parse::<Uuid>().unwrap_or_default();
    let mut found = bulk_outcome::behind(&mut session, &viewer, &standing, fate, (after, SHOWN + 1)).await?;
    drop(session);
    let has_more = found.len() > SHOWN as usize;
    found.truncate(SHOWN as usize);
    let here = address(&standing, fate);
    let next = found.last().filter(|_| has_more).zip(here.as_ref());
    let tab = |one: Fate| {
        let text = format!("{} {}", locale.text(one.label(order)), format::grouped(one.count(place)));
        let href = address(&standing, one).filter(|_| one.count(place) > 0)?;
        Some(Tab { href, text, here: one == fate })
    };
    let count = fate.count(place);
    let heading = locale.text(fate.label(order));
    let page = Page::new(&viewer, &asked, heading.clone());
    let body = RecordsBody {
        page: &page,
        object,
        plural: locale.text(&format!("{}-plural", object.name)),
        work: title(locale, &standing),
        address: format!("/bulk-jobs/{}", standing.job.id),
        here: heading,
        count: locale.counted("list-count", count, &[("count", &format::grouped(count))]),
        tabs: known.iter().copied().filter_map(tab).collect(),
        next_page: next.map(|(last, here)| format!("{here}&after={}", last.id)),
        first_page: here.filter(|_| !after.is_nil()),
        records: found
            .into_iter()
            .map(|one| RecordView {
                href: if one.is_gone() { String::new() } else { format!("/{}/{}", object.plural, one.id) },
                errors: texts(locale, &one.errors()),
                name: one.name,
            })
            .collect(),
    };
    respond(&page, &body)
}
