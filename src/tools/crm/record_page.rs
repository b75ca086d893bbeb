//! The page of one record: who and what it is, where it stands, what happened, what is next, and what hangs on it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Cell, Cells, Day, Session, Sql, Uuid};

use super::objects::ACTIVITY;
use super::sight::{EvidenceView, Fact, FileView, Prop, Related, Sight, StageStep, TaskView, TiedView};
use super::timeline::{self, Timeline};
use super::{committee, convert_page, files, items, standing, team};
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Asked, Html, Page, render, respond_with, who};
use crate::shell::prices::{self, Listed};
use crate::shell::record::{Object, query, share};
use crate::shell::records::{get, id, pairs};
use crate::shell::shares::level_key;
use crate::shell::shows::{Shows, kind_square, square};
use crate::shell::viewer::Viewer;

struct ShareView {
    person: Uuid,
    name: String,
    level: String,
}

struct PriceView {
    list: String,
    /// From when to when; empty: always.
    span: String,
    is_now: bool,
    price: String,
}

struct ItemView {
    id: Uuid,
    product: String,
    href: Option<String>,
    quantity: String,
    price: String,
    discount: String,
    is_full_price: bool,
    amount: String,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/record.html")]
struct RecordBody<'a> {
    page: &'a Page,
    object: &'static Object,
    plural: String,
    id: Uuid,
    version: i64,
    name: String,
    avatar: Html,
    account: Option<(Uuid, String)>,
    owner: Html,
    pill: Html,
    edited: String,
    may_change: bool,
    may_log: bool,
    /// The text of an activity is hidden from some: their notes are one line.
    notes_have_text: bool,
    tab: &'static str,
    tabs: Vec<(&'static str, String)>,
    path: Vec<StageStep>,
    /// Where there are several.
    pipeline: Option<String>,
    next_stage: Option<(Uuid, String)>,
    /// There is another pipeline that the deal may go to.
    may_go_elsewhere: bool,
    may_convert: bool,
    /// A task that is ticked off; it can be opened again.
    is_done: bool,
    /// Kind, address and name of what a converted lead became.
    became: Vec<(String, String, String)>,
    facts: Vec<Fact>,
    /// What an activity or a task says at length.
    said: Option<Prop>,
    notice: Option<String>,
    timeline: Timeline,
    props: Vec<Prop>,
    tasks: Vec<TaskView>,
    may_task: bool,
    may_share: bool,
    shares: Vec<ShareView>,
    team: Vec<team::Member>,
    /// The contacts who decide on a deal; the deals on which a contact decides.
    tied: Vec<TiedView>,
    may_tie: bool,
    related: Vec<Related>,
    files: Vec<FileView>,
    /// Why the file that was just sent is not among them.
    refused_file: Option<String>,
    /// What the present stage asks for.
    evidence: Vec<EvidenceView>,
    /// What was written down for the others, and for all of them once the deal is closed.
    proven: Vec<EvidenceView>,
    /// What a product costs by list.
    prices: Vec<PriceView>,
    items: Vec<ItemView>,
    /// Prices are amounts: without the right to see the amount there are no line items.
    shows_items: bool,
    items_total: String,
    /// That the amount is another one than the lines come to.
    items_differ: Option<String>,
}

/// GET /{plural}/{id}
pub async fn show(
    object: &'static Object,
    State(app): State<App>,
    viewer: Viewer,
    asked: Asked,
    Path(record): Path<String>,
) -> Result<Response> {
    let record = id(&record)?;
    let tab = get(&pairs(&asked.query), "tab").to_owned();
    respond_record(object, &app, &viewer, &asked, record, &tab, None).await
}

/// The record's files after one was refused, with the reason.
pub(super) async fn with_refused_file(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    record: Uuid,
    reason: String,
) -> Result<Response> {
    respond_record(object, app, viewer, asked, record, "files", Some(reason)).await
}

async fn respond_record(
    object: &'static Object,
    app: &App,
    viewer: &Viewer,
    asked: &Asked,
    record: Uuid,
    tab: &str,
    refused_file: Option<String>,
) -> Result<Response> {
    let now = app.clock.now();
    let today = viewer.config.today(now);
    let asks = pairs(&asked.query);
    let mut session = app.db.read().await?;
    let (row, fields) = query::find(&mut session, viewer, object, record).await?;
    let rights = share::rights(&mut session, viewer, object, record).await?;
    let may_change = rights.write;
    let shows = Shows::of(viewer, app.registry, object, today);
    let sight = Sight { app, viewer, shows: &shows, fields: &fields, row: &row, today };
    let locale = viewer.locale;

    let tab = match tab {
        "files" if files::has_files(object) => "files",
        "related" => "related",
        "details" => "details",
        _ => "timeline",
    };
    let before = get(&asks, "before").parse().ok();
    let timeline = if tab == "timeline" {
        timeline::of_record(&mut session, viewer, object, record, &row.currency, before, today).await?
    } else {
        Timeline { entries: Vec::new(), older: None }
    };
    let related = if tab == "related" { sight.related(&mut session).await? } else { Vec::new() };
    let is_product = object.name == "product";
    let listed =
        if is_product && tab == "related" { prices::of_product(&mut session, record).await? } else { Vec::new() };
    let attachments = if tab == "files" { files::of_visible(&mut session, object, record).await? } else { Vec::new() };
    let tasks = sight.tasks(&mut session).await?;
    let is_deal = object.name == "opportunity";
    let stage = sight.cell("stage").and_then(Cell::id);
    let evidence = match stage {
        Some(stage) if is_deal => sight.evidence(&mut session, stage).await?,
        _ => Vec::new(),
    };
    let lines =
        if is_deal && viewer.sees(object, "amount") { items::of_deal(&mut session, record).await? } else { Vec::new() };
    let shares =
        if share::is_shared(object) { share::of_visible(&mut session, object, record).await? } else { Vec::new() };
    let team = if object.name == "account" { team::of_visible(&mut session, record).await? } else { Vec::new() };
    let tied = match object.name {
        "opportunity" => committee::of_deal(&mut session, viewer, record).await?,
        "contact" => committee::of_contact(&mut session, viewer, record).await?,
        _ => Vec::new(),
    };
    let (editor, nothing_next) = last_and_next(&mut session, viewer, object, record).await?;
    drop(session);

    let name = sight.text(object.title);
    let page = Page::new(viewer, asked, name.clone());
    let (path, next_stage, closed) = sight.path(stage);
    let (evidence, other): (Vec<_>, Vec<_>) = evidence.into_iter().partition(|item| item.is_present && !closed);
    let proven = other.into_iter().filter(|item| !item.note.is_empty()).collect();
    let here = stage.and_then(|stage| viewer.config.stage(stage)).and_then(|at| viewer.config.pipeline(at.pipeline));
    let pipeline = here.filter(|_| viewer.config.pipelines.len() > 1).map(|pipeline| pipeline.name.clone());
    let names_products = viewer.scope.level("product", Right::Read) > Level::None;
    let updated = sight.cell("updated_at").and_then(Cell::int).unwrap_or(now.0);
    let edited = locale.text_with(
        "record-edited",
        &[
            ("when", &format::instant(locale, store::Instant(updated), &viewer.config.zone)),
            ("name", editor.as_deref().unwrap_or("—")),
        ],
    );
    let mut tabs = vec![("timeline", locale.text("tab-timeline")), ("details", locale.text("tab-details"))];
    match object.name {
        "account" | "contact" | "opportunity" | "lead" => tabs.push(("related", locale.text("tab-related"))),
        // Nothing but what it costs.
        "product" => tabs.push(("related", locale.text("tab-prices"))),
        _ => {}
    }
    if files::has_files(object) {
        tabs.push(("files", locale.text("tab-files")));
    }
    let status = if refused_file.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let body = RecordBody {
        page: &page,
        object,
        plural: locale.text(&format!("{}-plural", object.name)),
        id: record,
        version: row.version,
        avatar: match sight.cell("kind").and_then(Cell::text).filter(|_| object.name == "activity") {
            Some(kind) => kind_square(kind, "av-xl"),
            None => square(&name, "av-xl"),
        },
        name,
        account: sight.reference("account").filter(|_| object.name != "account"),
        // A contact or an account may be nobody's.
        owner: sight.label("owner").filter(|name| !name.is_empty()).map_or_else(Html::default, |name| who(&name)),
        pill: sight.pill(),
        edited,
        may_change,
        may_log: viewer.may_create("activity") && matches!(object.name, "account" | "contact" | "opportunity" | "lead"),
        notes_have_text: viewer.sees(&ACTIVITY, "body"),
        tab,
        tabs,
        path,
        pipeline,
        next_stage: next_stage.filter(|_| may_change),
        may_go_elsewhere: is_deal && may_change && viewer.config.pipelines.len() > 1,
        may_convert: object.name == "lead" && may_change && convert_page::is_offered(viewer, &sight.text("status")),
        is_done: object.name == "task" && sight.text("status") == "done",
        became: if object.name == "lead" { sight.became() } else { Vec::new() },
        facts: sight.facts(),
        said: sight.said(),
        notice: sight.notice(closed, nothing_next),
        timeline,
        props: sight.props(rights, tab == "details"),
        tasks,
        may_task: viewer.may_create("task")
            && object.name != "task"
            && object.name != "product"
            && object.name != "activity",
        may_share: rights.give && share::is_shared(object),
        shares: shares
            .into_iter()
            .map(|share| ShareView {
                person: share.person_id,
                name: share.person_name,
                level: locale.text(level_key(share.may_write)),
            })
            .collect(),
        team,
        tied: tied.into_iter().map(|tied| sight.tied(tied)).collect(),
        may_tie: is_deal && may_change && committee::is_shown(viewer),
        related,
        files: attachments.into_iter().map(|file| sight.file(file)).collect(),
        refused_file,
        evidence,
        proven,
        shows_items: is_deal && viewer.sees(object, "amount"),
        items_differ: items_differ(viewer, &row.currency, sight.cell("amount").and_then(Cell::int), &lines),
        items_total: format::money(lines.iter().map(|line| line.amount).sum(), &row.currency),
        prices: listed.iter().map(|listed| price_view(locale, today, listed)).collect(),
        items: lines.iter().map(|line| item_view(line, &row.currency, names_products)).collect(),
    };
    respond_with(status, &page, render(&body)?)
}

/// Who changed the record last, and of a deal whether nothing is to happen next.
async fn last_and_next(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    record: Uuid,
) -> Result<(Option<String>, bool)> {
    let mut statement = Sql::new("SELECT p.name, CAST(CASE WHEN ");
    if object.name == "opportunity" {
        standing::push_nothing_next(&mut statement, viewer);
    } else {
        statement.push("FALSE");
    }
    statement.push(&format!(
        " THEN 1 ELSE 0 END AS BIGINT) FROM {} t LEFT JOIN person p ON p.id = t.updated_by WHERE t.id = ",
        object.table
    ));
    statement.bind(record);
    let Cells(cells) = session.one(statement).await?;
    Ok((cells[0].text().map(str::to_owned), cells[1] == Cell::Int(1)))
}

/// That the deal's amount was typed, and by how much its lines come to something else.
fn items_differ(viewer: &Viewer, currency: &str, amount: Option<i64>, lines: &[items::Item]) -> Option<String> {
    let (amount, sum) = (amount?, lines.iter().map(|line| line.amount).sum::<i64>());
    let (key, by) = if amount > sum { ("items-less", amount - sum) } else { ("items-more", sum - amount) };
    let args = [("amount", format::money(amount, currency)), ("by", format::money(by, currency))];
    let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
    (!lines.is_empty() && by != 0).then(|| viewer.locale.text_with(key, &args))
}

fn price_view(locale: Locale, today: Day, listed: &Listed) -> PriceView {
    let day = |day: Option<Day>| day.map_or_else(|| "…".into(), |day| format::date(locale, day));
    let is_always = listed.from_day.is_none() && listed.to_day.is_none();
    PriceView {
        list: listed.name.clone(),
        span: if is_always { String::new() } else { format!("{} – {}", day(listed.from_day), day(listed.to_day)) },
        is_now: listed.from_day.is_none_or(|from| from <= today) && listed.to_day.is_none_or(|to| to >= today),
        price: format::money(listed.price, &listed.currency),
    }
}

fn item_view(line: &items::Item, currency: &str, names_products: bool) -> ItemView {
    ItemView {
        id: line.id,
        product: if names_products { line.product.clone() } else { "–".into() },
        href: names_products.then(|| format!("/products/{}", line.product_id)),
        quantity: line.quantity_text(),
        price: format::money(line.unit_price, currency),
        is_full_price: line.discount == 0,
        discount: if line.discount == 0 { "–".into() } else { format!("{}%", line.discount_text()) },
        amount: format::money(line.amount, currency),
    }
}
