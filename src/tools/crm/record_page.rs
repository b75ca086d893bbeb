//! The page of one record: who and what it is, where it stands, what happened, what is next, and what hangs on it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use store::{Cell, Day, Session, Sql, Uuid, sql};

use super::committee_pages::role_name;
use super::objects::{ACCOUNT, ACTIVITY, CONTACT, OPPORTUNITY, TASK};
use super::timeline::{self, Timeline};
use super::{committee, convert_page, evidence, files, items, team};
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::list::{RowView, Shows, can_edit_in_place, square};
use crate::shell::page::{Asked, Html, Page, render, respond_with, who};
use crate::shell::record::query::{self, ListQuery, Row};
use crate::shell::record::share;
use crate::shell::record::{Field, Kind, Object};
use crate::shell::records::{get, id, pairs};
use crate::shell::viewer::Viewer;

pub struct StageStep {
    pub id: Uuid,
    pub name: String,
    /// `done`, `here`, `ahead`
    pub place: &'static str,
    pub kind: &'static str,
}

struct Fact {
    label: String,
    html: Html,
    exact: String,
}

struct Prop {
    label: String,
    html: Html,
    edit: Option<String>,
}

struct TaskView {
    id: Uuid,
    subject: String,
    due: String,
    late: bool,
}

struct ShareView {
    person: Uuid,
    name: String,
    level: String,
}

struct TiedView {
    id: Uuid,
    name: String,
    /// The state of a deal, the job title of a contact.
    hint: String,
    role: String,
}

struct FileView {
    id: Uuid,
    name: String,
    size: String,
    by: Html,
    at: String,
}

struct Related {
    title: String,
    new_href: Option<String>,
    all_href: String,
    labels: Vec<String>,
    rows: Vec<RowView>,
}

struct EvidenceView {
    id: Uuid,
    name: String,
    required: bool,
    /// Shown by a field or a note.
    given: bool,
    note: String,
    by: String,
    by_field: bool,
}

struct ItemView {
    id: Uuid,
    product: String,
    href: Option<String>,
    quantity: String,
    price: String,
    discount: String,
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
    next_stage: Option<(Uuid, String)>,
    closed: bool,
    /// There is another pipeline that the deal may go to.
    may_go_elsewhere: bool,
    may_convert: bool,
    /// A task that is ticked off; it can be opened again.
    is_done: bool,
    /// Kind, address and name of what a converted lead became.
    became: Vec<(String, String, String)>,
    facts: Vec<Fact>,
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
    evidence: Vec<EvidenceView>,
    items: Vec<ItemView>,
    /// Prices are amounts: without the right to see the amount there are no line items.
    shows_items: bool,
    items_total: String,
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
    let (row, fields) = query::find(&mut session, viewer, app.registry, object, record).await?;
    let rights = share::rights(&mut session, viewer, object, record).await?;
    let may_change = rights.write;
    let shows = Shows { viewer, registry: app.registry, object, today };
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
    let editor: Option<String> = session
        .value(sql!(
            format!("SELECT p.name FROM {} t JOIN person p ON p.id = t.updated_by WHERE t.id = $1", object.table),
            record
        ))
        .await?;
    drop(session);

    let name = sight.text(object.title);
    let page = Page::new(viewer, asked, name.clone());
    let (path, next_stage, closed) = sight.path(stage);
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
    if matches!(object.name, "account" | "contact" | "opportunity" | "lead" | "product") {
        tabs.push(("related", locale.text("tab-related")));
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
        avatar: square(&name, "av-xl"),
        name,
        account: sight.reference("account").filter(|_| object.name != "account"),
        owner: sight.label("owner").map_or_else(Html::default, |name| who(&name)),
        pill: sight.pill(),
        edited,
        may_change,
        may_log: viewer.may_create("activity") && matches!(object.name, "account" | "contact" | "opportunity" | "lead"),
        notes_have_text: viewer.sees(&ACTIVITY, "body"),
        tab,
        tabs,
        path,
        next_stage: next_stage.filter(|_| may_change),
        closed,
        may_go_elsewhere: is_deal && may_change && viewer.config.pipelines.len() > 1,
        may_convert: object.name == "lead" && may_change && convert_page::is_offered(viewer, &sight.text("status")),
        is_done: object.name == "task" && sight.text("status") == "done",
        became: if object.name == "lead" { sight.became() } else { Vec::new() },
        facts: sight.facts(),
        notice: sight.notice(closed),
        timeline,
        props: sight.props(may_change, tab == "details"),
        tasks,
        may_task: viewer.may_create("task")
            && object.name != "task"
            && object.name != "product"
            && object.name != "activity",
        may_share: rights.share,
        shares: shares
            .into_iter()
            .map(|share| ShareView {
                person: share.person_id,
                name: share.person_name,
                level: locale.text(if share.may_write { "share-write" } else { "share-read" }),
            })
            .collect(),
        team,
        tied: tied.into_iter().map(|tied| sight.tied(tied)).collect(),
        may_tie: is_deal && may_change && committee::is_shown(viewer),
        related,
        files: attachments.into_iter().map(|file| sight.file(file)).collect(),
        refused_file,
        evidence,
        shows_items: is_deal && viewer.sees(object, "amount"),
        items_total: format::money(lines.iter().map(|line| line.amount).sum(), &row.currency),
        items: lines.iter().map(|line| item_view(line, &row.currency, names_products)).collect(),
    };
    respond_with(status, &page, render(&body)?)
}

fn item_view(line: &items::Item, currency: &str, names_products: bool) -> ItemView {
    ItemView {
        id: line.id,
        product: if names_products { line.product.clone() } else { "–".into() },
        href: names_products.then(|| format!("/products/{}", line.product_id)),
        quantity: plain_decimal(line.quantity, 3),
        price: format::money(line.unit_price, currency),
        discount: if line.discount == 0 { "–".into() } else { format!("{}%", plain_decimal(line.discount, 2)) },
        amount: format::money(line.amount, currency),
    }
}

/// 1500 with three decimals → `1.5`.
fn plain_decimal(value: i64, decimals: u32) -> String {
    rust_decimal::Decimal::new(value, decimals).normalize().to_string()
}

/// A record as one viewer sees it.
struct Sight<'a> {
    app: &'a App,
    viewer: &'a Viewer,
    shows: &'a Shows<'a>,
    fields: &'a [&'static Field],
    row: &'a Row,
    today: Day,
}

impl Sight<'_> {
    fn at(&self, key: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.key == key)
    }
    fn cell(&self, key: &str) -> Option<&Cell> {
        self.at(key).map(|at| &self.row.cells[at])
    }
    fn text(&self, key: &str) -> String {
        self.cell(key).and_then(Cell::text).unwrap_or("").to_owned()
    }
    fn label(&self, key: &str) -> Option<String> {
        self.at(key).and_then(|at| self.row.labels[at].clone())
    }
    fn reference(&self, key: &str) -> Option<(Uuid, String)> {
        Some((self.cell(key)?.id()?, self.label(key)?))
    }

    fn html(&self, key: &str) -> Html {
        match self.at(key) {
            Some(at) => {
                let state = self.text(if self.shows.object.name == "task" { "status" } else { "state" });
                self.shows.show(
                    self.fields[at],
                    &self.row.cells[at],
                    self.row.labels[at].as_deref(),
                    &self.row.currency,
                    Some(&state),
                )
            }
            None => Html::default(),
        }
    }

    fn became(&self) -> Vec<(String, String, String)> {
        convert_page::became(self.viewer, |key| Some((self.cell(key)?.clone(), self.label(key))))
    }

    fn file(&self, file: files::Attachment) -> FileView {
        FileView {
            id: file.id,
            size: format::bytes(file.size),
            by: who(file.by_name.as_deref().unwrap_or("")),
            at: format::instant(self.viewer.locale, file.at, &self.viewer.config.zone),
            name: file.name,
        }
    }

    fn tied(&self, tied: committee::Tied) -> TiedView {
        let hint = tied.hint.unwrap_or_default();
        TiedView {
            id: tied.id,
            name: tied.name,
            role: role_name(self.viewer.locale, tied.buying_role.as_deref()),
            hint: if self.shows.object.name == "contact" {
                self.viewer.locale.text(&format!("opportunity-state-{hint}"))
            } else {
                hint
            },
        }
    }

    fn pill(&self) -> Html {
        match self.shows.object.name {
            "account" => self.html("lifecycle"),
            "contact" => self.html("buying_role"),
            "lead" | "task" => self.html("status"),
            "opportunity" => self.html("state"),
            "activity" => self.html("kind"),
            _ => Html::default(),
        }
    }

    /// The stages of the deal's pipeline as steps, and the open stage that comes next.
    fn path(&self, stage: Option<Uuid>) -> (Vec<StageStep>, Option<(Uuid, String)>, bool) {
        let Some(here) =
            stage.and_then(|stage| self.viewer.config.stage(stage)).filter(|_| self.shows.object.name == "opportunity")
        else {
            return (Vec::new(), None, false);
        };
        let stages = self.viewer.config.pipeline(here.pipeline).map_or(&[][..], |pipeline| &pipeline.stages);
        let steps = stages
            .iter()
            .map(|stage| StageStep {
                id: stage.id,
                name: stage.name.clone(),
                place: if stage.id == here.id {
                    "here"
                } else if stage.kind == StageKind::Open
                    && (stage.position < here.position || here.kind == StageKind::Won)
                {
                    "done"
                } else {
                    "ahead"
                },
                kind: stage.kind.key(),
            })
            .collect();
        let next = stages.iter().find(|stage| {
            here.kind == StageKind::Open && stage.position > here.position && stage.kind != StageKind::Lost
        });
        (steps, next.map(|stage| (stage.id, stage.name.clone())), here.kind != StageKind::Open)
    }

    fn facts(&self) -> Vec<Fact> {
        let keys: &[&str] = match self.shows.object.name {
            "account" => &["industry", "city", "employees", "annual_revenue", "phone"],
            "contact" => &["job_title", "mobile", "email", "department"],
            "lead" => &["company", "source", "estimated_amount", "consent", "created_on"],
            "opportunity" => &["amount", "probability", "close_date", "next_step", "stage_since"],
            "activity" => &["happened_at", "account", "contact", "outcome"],
            "task" => &["due_date", "priority", "account", "opportunity"],
            "product" => &["code", "family", "list_price", "unit"],
            _ => &[],
        };
        keys.iter()
            .filter_map(|key| {
                let at = self.at(key)?;
                let (field, cell) = (self.fields[at], &self.row.cells[at]);
                let label = self.viewer.locale.text(&self.shows.object.label_key(field));
                let exact = match (field.kind, cell) {
                    (Kind::Money, Cell::Int(minor)) => format::money(*minor, &self.row.currency),
                    _ => String::new(),
                };
                if *key == "stage_since" {
                    let days = self.days_in_stage();
                    return Some(Fact {
                        label: self.viewer.locale.text("record-days-in-stage"),
                        html: Html(self.viewer.locale.counted("days", days, &[("count", &days.to_string())])),
                        exact,
                    });
                }
                Some(Fact { label, html: self.html(key), exact })
            })
            .collect()
    }

    fn days_in_stage(&self) -> i64 {
        let since = self.cell("stage_since").and_then(Cell::int).unwrap_or(0);
        (self.today.0 - store::Instant(since).day_in(&self.viewer.config.zone).0).max(0)
    }

    /// What most needs doing about this record, in one sentence.
    fn notice(&self, closed: bool) -> Option<String> {
        let locale = self.viewer.locale;
        if self.shows.object.name != "opportunity" || closed {
            return None;
        }
        let close = self.cell("close_date").and_then(Cell::int)?;
        if close < self.today.0 {
            return Some(locale.text_with("notice-close-passed", &[("days", &(self.today.0 - close).to_string())]));
        }
        let expected = self
            .cell("stage")
            .and_then(Cell::id)
            .and_then(|stage| self.viewer.config.stage(stage))
            .and_then(|stage| stage.expected_days);
        if let Some(expected) = expected.filter(|expected| self.days_in_stage() > expected * 3 / 2) {
            return Some(locale.text_with(
                "notice-long-in-stage",
                &[("days", &self.days_in_stage().to_string()), ("expected", &expected.to_string())],
            ));
        }
        if self.at("next_step").is_some() && self.text("next_step").is_empty() {
            return Some(locale.text("notice-no-next-step"));
        }
        None
    }

    /// The right panel: every field that is not shown above; on the details tab all of them.
    fn props(&self, may_change: bool, all: bool) -> Vec<Prop> {
        let object = self.shows.object;
        self.fields
            .iter()
            .filter(|field| {
                field.key != object.title
                    && (all
                        || !matches!(
                            field.key,
                            "description" | "updated_at" | "stage" | "state" | "stage_since" | "amount_base" | "body"
                        ))
            })
            .filter(|field| all || !matches!(self.cell(field.key), Some(Cell::Null)) || can_edit_in_place(field))
            .map(|field| Prop {
                label: self.viewer.locale.text(&object.label_key(field)),
                html: self.html(field.key),
                edit: (may_change && can_edit_in_place(field))
                    .then(|| format!("/{}/{}/field/{}", object.plural, self.row.id, field.key)),
            })
            .collect()
    }

    async fn tasks(&self, session: &mut Session) -> Result<Vec<TaskView>> {
        let column = match self.shows.object.name {
            "account" => "account_id",
            "contact" => "contact_id",
            "opportunity" => "opportunity_id",
            "lead" => "lead_id",
            _ => return Ok(Vec::new()),
        };
        if !self.viewer.sees(&TASK, self.shows.object.name) {
            return Ok(Vec::new());
        }
        let mut statement = Sql::new(format!("SELECT t.id, t.subject, t.due_day FROM task t WHERE t.{column} = "));
        statement.bind(self.row.id).push(" AND t.deleted_at IS NULL AND t.status = 'open' AND ");
        (TASK.visible)(&mut statement, &self.viewer.scope, Right::Read, "t");
        statement.push(" ORDER BY t.due_day ASC NULLS FIRST, t.id LIMIT 8");
        let rows: Vec<(Uuid, String, Option<i64>)> = session.all(statement).await?;
        Ok(rows
            .into_iter()
            .map(|(id, subject, due)| TaskView {
                id,
                subject,
                due: due.map_or_else(String::new, |day| format::date(self.viewer.locale, Day(day))),
                late: due.is_some_and(|day| day < self.today.0),
            })
            .collect())
    }

    async fn evidence(&self, session: &mut Session, stage: Uuid) -> Result<Vec<EvidenceView>> {
        let found = evidence::of_stage(session, &self.viewer.config, self.row.id, stage).await?;
        Ok(found
            .into_iter()
            // Whether a hidden field is filled is not told.
            .filter(|item| item.field.as_deref().is_none_or(|field| self.at(field).is_some()))
            .map(|item| EvidenceView {
                id: item.criterion,
                required: item.required,
                given: match &item.field {
                    Some(field) => self.cell(field).is_some_and(|cell| !cell.is_null()),
                    None => item.note.is_some(),
                },
                note: item.note.unwrap_or_default(),
                by: item.by.unwrap_or_default(),
                by_field: item.field.is_some(),
                name: item.name,
            })
            .collect())
    }

    /// What hangs on the record: the first rows of each list, and a link to the whole.
    async fn related(&self, session: &mut Session) -> Result<Vec<Related>> {
        let lists: &[(&'static Object, &'static str)] = match self.shows.object.name {
            "account" => &[(&OPPORTUNITY, "account"), (&CONTACT, "account"), (&TASK, "account"), (&ACCOUNT, "parent")],
            "contact" => &[(&OPPORTUNITY, "contact"), (&TASK, "contact")],
            "opportunity" => &[(&TASK, "opportunity")],
            "lead" => &[(&TASK, "lead")],
            _ => &[],
        };
        let mut related = Vec::new();
        for (object, key) in lists {
            // Without the field that ties them to this record there is no list of them.
            if self.viewer.scope.access(object.name).read == Level::None || !self.viewer.sees(object, key) {
                continue;
            }
            let Some(link) = object.field(key) else { continue };
            let filter = crate::shell::record::filter::Filter {
                field: link,
                op: crate::shell::record::filter::Op::Is,
                values: vec![self.row.id.to_string()],
            };
            let fields: Vec<&'static Field> =
                self.viewer.projection(object).filter(|field| field.listed && field.key != *key).take(6).collect();
            let sort = object
                .fields
                .iter()
                .find(|field| field.key == object.default_sort.trim_start_matches('-'))
                .unwrap_or(object.title_field());
            let query = ListQuery {
                fields: fields.clone(),
                filters: vec![filter],
                words: None,
                sort,
                descending: matches!(sort.kind, Kind::Date | Kind::Instant),
                after: None,
                limit: 8,
                trash: false,
            };
            let found = query::list(session, self.viewer, self.app.registry, object, &query, self.today).await?;
            let shows = Shows { viewer: self.viewer, registry: self.app.registry, object, today: self.today };
            related.push(Related {
                title: self.viewer.locale.text(&format!("{}-plural", object.name)),
                new_href: self
                    .viewer
                    .may_create(object.name)
                    .then(|| format!("/{}/new?{key}={}", object.plural, self.row.id)),
                all_href: format!("/{}?view=none&f={key}:is:{}", object.plural, self.row.id),
                labels: fields.iter().map(|field| self.viewer.locale.text(&object.label_key(field))).collect(),
                rows: found.rows.iter().map(|row| shows.row(&fields, row, false)).collect(),
            });
        }
        Ok(related)
    }
}
