//! A record as one viewer sees it: where it stands, what is known of it, and what hangs on it.

use store::{Cell, Day, Instant, Session, Sql, Uuid};

use super::committee_pages::role_name;
use super::objects::{ACCOUNT, CONTACT, OPPORTUNITY, TASK};
use super::{committee, convert_page, evidence, files};
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::config::StageKind;
use crate::shell::error::Result;
use crate::shell::form::has_choices;
use crate::shell::format;
use crate::shell::page::{Html, escape, who};
use crate::shell::record::filter::{Filter, Op};
use crate::shell::record::query::{self, ListQuery, Row};
use crate::shell::record::share::Rights;
use crate::shell::record::{Field, Object};
use crate::shell::shows::{RowView, Shows, can_edit_in_place};
use crate::shell::viewer::Viewer;

pub(super) struct StageStep {
    pub id: Uuid,
    pub name: String,
    /// `done`, `here`, `ahead`
    pub place: &'static str,
    pub kind: &'static str,
}

pub(super) struct Fact {
    pub label: String,
    pub html: Html,
    pub exact: String,
}

pub(super) struct Prop {
    pub label: String,
    pub html: Html,
    pub edit: Option<String>,
}

pub(super) struct TaskView {
    pub id: Uuid,
    pub subject: String,
    pub due: String,
    pub late: bool,
}

pub(super) struct TiedView {
    pub id: Uuid,
    pub name: String,
    /// The state of a deal, the job title of a contact.
    pub hint: String,
    pub role: String,
}

pub(super) struct FileView {
    pub id: Uuid,
    pub name: String,
    pub size: String,
    pub by: Html,
    pub at: String,
}

pub(super) struct Related {
    pub title: String,
    pub new_href: Option<String>,
    pub all_href: String,
    pub labels: Vec<String>,
    pub rows: Vec<RowView>,
}

pub(super) struct EvidenceView {
    pub id: Uuid,
    pub name: String,
    pub required: bool,
    /// Shown by a field or a note.
    pub given: bool,
    pub note: String,
    /// Who wrote the note and when.
    pub by: String,
    pub by_field: bool,
    pub stage: String,
    pub is_present: bool,
    /// Of the pipeline that the deal is in: only there a note can be given.
    pub is_of_pipeline: bool,
}

/// So many are shown of what hangs on a record.
const RELATED: i64 = 8;

/// An amount with so many characters fits among the key facts, also on a phone.
const FACT_DIGITS: usize = 13;

/// A record as one viewer sees it.
pub(super) struct Sight<'a> {
    pub app: &'a App,
    pub viewer: &'a Viewer,
    pub shows: &'a Shows<'a>,
    pub fields: &'a [&'static Field],
    pub row: &'a Row,
    pub today: Day,
}

impl Sight<'_> {
    pub fn at(&self, key: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.key == key)
    }
    pub fn cell(&self, key: &str) -> Option<&Cell> {
        self.at(key).map(|at| &self.row.cells[at])
    }
    pub fn text(&self, key: &str) -> String {
        self.cell(key).and_then(Cell::text).unwrap_or("").to_owned()
    }
    pub fn label(&self, key: &str) -> Option<String> {
        self.at(key).and_then(|at| self.row.labels[at].clone())
    }
    pub fn reference(&self, key: &str) -> Option<(Uuid, String)> {
        Some((self.cell(key)?.id()?, self.label(key)?))
    }

    pub fn html(&self, key: &str) -> Html {
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

    pub fn became(&self) -> Vec<(String, String, String)> {
        convert_page::became(self.viewer, |key| Some((self.cell(key)?.clone(), self.label(key))))
    }

    pub fn file(&self, file: files::Attachment) -> FileView {
        FileView {
            id: file.id,
            size: format::bytes(file.size),
            by: who(file.by_name.as_deref().unwrap_or("")),
            at: format::instant(self.viewer.locale, file.at, &self.viewer.config.zone),
            name: file.name,
        }
    }

    pub fn tied(&self, tied: committee::Tied) -> TiedView {
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

    pub fn pill(&self) -> Html {
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
    pub fn path(&self, stage: Option<Uuid>) -> (Vec<StageStep>, Option<(Uuid, String)>, bool) {
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
                    // How far a lost deal came is told by its timeline, not by where "lost" stands.
                    && match here.kind {
                        StageKind::Open => stage.position < here.position,
                        StageKind::Won => true,
                        StageKind::Lost => false,
                    }
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

    pub fn facts(&self) -> Vec<Fact> {
        let keys: &[&str] = match self.shows.object.name {
            "account" => &["industry", "city", "employees", "annual_revenue", "phone"],
            "contact" => &["job_title", "mobile", "email", "department", "consent"],
            "lead" => &["company", "source", "estimated_amount", "consent", "created_on"],
            "opportunity" => match self.text("state").as_str() {
                // How long it has been closed says nothing; when it began does.
                "won" => &["amount", "created_on", "closed_on", "source"],
                "lost" => &["amount", "created_on", "closed_on", "lost_reason", "competitors"],
                _ => &["amount", "probability", "close_date", "next_step", "stage_since"],
            },
            "activity" => &["happened_at", "account", "opportunity", "contact", "outcome"],
            "task" => &["due_date", "priority", "account", "opportunity"],
            "product" => &["code", "family", "list_price", "unit"],
            _ => &[],
        };
        keys.iter()
            .filter_map(|key| {
                let at = self.at(key)?;
                let field = self.fields[at];
                let label = self.viewer.locale.text(&self.shows.object.label_key(field));
                let exact = self.shows.exact(field, &self.row.cells[at], &self.row.currency).unwrap_or_default();
                if *key == "stage_since" {
                    let days = self.days_in_stage();
                    return Some(Fact {
                        label: self.viewer.locale.text("record-days-in-stage"),
                        html: Html(self.viewer.locale.counted("days", days, &[("count", &days.to_string())])),
                        exact,
                    });
                }
                // The short form of an amount is for what does not fit.
                if !exact.is_empty() && exact.chars().count() <= FACT_DIGITS {
                    return Some(Fact { label, html: Html(escape(&exact)), exact: String::new() });
                }
                Some(Fact { label, html: self.html(key), exact })
            })
            .collect()
    }

    /// What an activity or a task says at length: most of what there is to read on its page.
    pub fn said(&self) -> Option<Prop> {
        let key = match self.shows.object.name {
            "activity" => "body",
            "task" => "description",
            _ => return None,
        };
        let at = self.at(key)?;
        self.row.cells[at].text().filter(|text| !text.is_empty())?;
        let label = self.viewer.locale.text(&self.shows.object.label_key(self.fields[at]));
        Some(Prop { label, html: self.html(key), edit: None })
    }

    pub fn days_in_stage(&self) -> i64 {
        let since = self.cell("stage_since").and_then(Cell::int).unwrap_or(0);
        (self.today.0 - store::Instant(since).day_in(&self.viewer.config.zone).0).max(0)
    }

    /// What most needs doing about this record, in one sentence, or not doing. `nothing_next`: as
    /// [`super::standing::push_nothing_next`] says it.
    pub fn notice(&self, closed: bool, nothing_next: bool) -> Option<String> {
        let locale = self.viewer.locale;
        if self.text("consent") == "withdrawn" {
            return Some(locale.text("notice-consent-withdrawn"));
        }
        if self.shows.object.name != "opportunity" || closed {
            return None;
        }
        let close = self.cell("close_date").and_then(Cell::int)?;
        if close < self.today.0 {
            let days = self.today.0 - close;
            return Some(locale.counted("notice-close-passed", days, &[("days", &days.to_string())]));
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
        nothing_next.then(|| locale.text("notice-no-next-step"))
    }

    /// The right panel: every field that is not shown above; on the details tab all of them.
    pub fn props(&self, rights: Rights, all: bool) -> Vec<Prop> {
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
            .filter(|field| self.has_sense(field))
            .filter(|field| {
                let is_empty = matches!(self.cell(field.key), Some(Cell::Null));
                all || !is_empty || (self.can_edit(field) && has_choices(self.viewer, field))
            })
            .map(|field| Prop {
                label: self.viewer.locale.text(&object.label_key(field)),
                html: self.in_full(field.key),
                edit: (rights.may_change(field) && self.can_edit(field))
                    .then(|| format!("/{}/{}/field/{}", object.plural, self.row.id, field.key)),
            })
            .collect()
    }

    /// By a click on its value.
    fn can_edit(&self, field: &Field) -> bool {
        can_edit_in_place(field) && self.has_sense(field)
    }

    /// Whether a field says something of the record as it stands.
    fn has_sense(&self, field: &Field) -> bool {
        field.only_while.is_none_or(|(key, values)| values.contains(&self.text(key).as_str()))
    }

    /// A value with every digit of an amount.
    fn in_full(&self, key: &str) -> Html {
        let exact =
            self.at(key).and_then(|at| self.shows.exact(self.fields[at], &self.row.cells[at], &self.row.currency));
        exact.map_or_else(|| self.html(key), |exact| Html(escape(&exact)))
    }

    pub async fn tasks(&self, session: &mut Session) -> Result<Vec<TaskView>> {
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

    /// What each criterion of the deal's pipeline has to show for it, and what was noted in another pipeline before.
    pub async fn evidence(&self, session: &mut Session, stage: Uuid) -> Result<Vec<EvidenceView>> {
        let config = &self.viewer.config;
        let Some(present) = config.stage(stage) else { return Ok(Vec::new()) };
        let found = evidence::of_all(session, config, self.row.id).await?;
        Ok(found
            .into_iter()
            .filter(|(of, item)| of.pipeline == present.pipeline || item.note.is_some())
            // Whether a hidden field is filled is not told.
            .filter(|(_, item)| item.field.as_deref().is_none_or(|field| self.at(field).is_some()))
            .map(|(of, item)| EvidenceView {
                id: item.criterion,
                required: item.required,
                given: match &item.field {
                    Some(field) => self.cell(field).is_some_and(|cell| !cell.is_null()),
                    None => item.note.is_some(),
                },
                note: item.note.unwrap_or_default(),
                by: item.by.into_iter().chain(item.at.map(|at| self.day_of(at))).collect::<Vec<_>>().join(" · "),
                by_field: item.field.is_some(),
                name: item.name,
                stage: of.name.clone(),
                is_present: of.id == stage,
                is_of_pipeline: of.pipeline == present.pipeline,
            })
            .collect())
    }

    fn day_of(&self, at: Instant) -> String {
        format::date(self.viewer.locale, at.day_in(&self.viewer.config.zone))
    }

    /// What hangs on the record: the first rows of each list, and a link to the whole.
    pub async fn related(&self, session: &mut Session) -> Result<Vec<Related>> {
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
            let fields: Vec<&'static Field> =
                self.viewer.shown(object).filter(|field| field.listed && field.key != *key).take(6).collect();
            let of_this = Filter { field: link, op: Op::Is, values: vec![self.row.id.to_string()] };
            let parts = self.in_turn(object).into_iter().map(|(state, sort, descending)| ListQuery {
                fields: fields.clone(),
                filters: [of_this.clone()].into_iter().chain(state).collect(),
                words: None,
                sort,
                descending,
                after: None,
                limit: RELATED,
                trash: false,
            });
            let parts: Vec<ListQuery> = parts.collect();
            let rows = query::in_turn(session, self.viewer, object, &parts, self.today).await?;
            let shows = Shows::of(self.viewer, self.app.registry, object, self.today);
            related.push(Related {
                title: self.viewer.locale.text(&format!("{}-plural", object.name)),
                new_href: self
                    .viewer
                    .may_create(object.name)
                    .then(|| format!("/{}/new?{key}={}", object.plural, self.row.id)),
                all_href: format!("/{}?view=none&f={key}:is:{}", object.plural, self.row.id),
                labels: fields.iter().map(|field| self.viewer.locale.text(&object.label_key(field))).collect(),
                rows: rows.iter().map(|row| shows.row(&fields, row, false)).collect(),
            });
        }
        Ok(related)
    }

    /// The parts of a list of what hangs on the record, one after the other: what is open, the earliest first; then what is over,
    /// the latest first. Each part with the state that it is of, what it goes by, and whether downwards.
    fn in_turn(&self, object: &'static Object) -> Vec<(Option<Filter>, &'static Field, bool)> {
        let parts: &[(&str, &[&str], &str)] = match object.name {
            "task" => &[("status", &["open"], "due_date"), ("status", &["done"], "-due_date")],
            "opportunity" => &[("state", &["open"], "close_date"), ("state", &["won", "lost"], "-closed_on")],
            _ => &[("", &[], object.default_sort)],
        };
        let part = |(state, values, sort): &(&str, &[&str], &str)| {
            let (key, descending) = sort.strip_prefix('-').map_or((*sort, false), |key| (key, true));
            // A role may be kept from the field that the list usually goes by.
            let usual = object.field(key).filter(|_| self.viewer.sees(object, key));
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            let filter = object.field(state).map(|field| Filter { field, op: Op::Is, values });
            (filter, usual.unwrap_or(object.title_field()), descending && usual.is_some())
        };
        parts.iter().map(part).collect()
    }
}
