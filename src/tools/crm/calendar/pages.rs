//! GET /calendar?month=2026-11&who=me|team

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;
use store::{Cell, Day, Instant, Session};

use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::format;
use crate::shell::layers::url_encode;
use crate::shell::page::{Asked, Html, Page, icon, respond};
use crate::shell::record::query::{self, ListQuery, Row};
use crate::shell::record::{Field, Object};
use crate::shell::records::{get, pairs};
use crate::shell::shows::activity_icon;
use crate::shell::viewer::Viewer;
use crate::tools::crm::analysis::href_of;
use crate::tools::crm::objects::{ACTIVITY, OPPORTUNITY, TASK};

/// Entries in a cell of the grid; the rest is a link away.
const IN_CELL: usize = 4;
/// Of each kind in one month.
const MOST: i64 = 500;

struct Entry {
    icon: Html,
    text: String,
    href: String,
    /// `task`, `late`, `done`, `activity` or `close`
    class: &'static str,
    note: String,
}

struct DayView {
    number: i8,
    name: String,
    add: String,
    add_label: String,
    within: bool,
    today: bool,
    past: bool,
    shown: Vec<Entry>,
    more: usize,
    more_text: String,
    more_href: String,
    rest: Vec<Entry>,
}

#[derive(askama::Template)]
#[template(path = "tools/crm/calendar/page.html")]
struct Body<'a> {
    page: &'a Page,
    title: String,
    weekdays: Vec<(String, String)>,
    weeks: Vec<Vec<DayView>>,
    previous: String,
    next: String,
    this_month: String,
    mine: String,
    team: Option<String>,
    is_team: bool,
    may_add: bool,
    is_empty: bool,
    /// Days of this month that are over; and whether the whole month is.
    has_past: bool,
    is_past: bool,
}

/// GET /calendar
pub async fn show(State(app): State<App>, viewer: Viewer, asked: Asked) -> Result<Response> {
    let today = viewer.config.today(app.clock.now());
    let query = pairs(&asked.query);
    let first = month(get(&query, "month"), today)?;
    let has_team = viewer.scope.level("task", Right::Read) >= Level::Team;
    let is_team = has_team && get(&query, "who") == "team";
    let from = Day::of(first).plus(-i64::from(first.weekday().to_monday_zero_offset()));
    let last = Day::of(first.last_of_month());
    let to = last.plus(6 - i64::from(last.date().weekday().to_monday_zero_offset()));

    let reading = Reading { app: &app, viewer: &viewer, today, from, to, is_team };
    let mut session = app.db.read().await?;
    let mut entries: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    reading.tasks(&mut session, &mut entries).await?;
    reading.closings(&mut session, &mut entries).await?;
    reading.activities(&mut session, &mut entries).await?;
    drop(session);

    let locale = viewer.locale;
    let page = Page::new(&viewer, &asked, locale.text("nav-calendar"));
    let address = |month: Date, team: bool| {
        let who = if team { "&who=team" } else { "" };
        format!("/calendar?month={:04}-{:02}{who}", month.year(), month.month())
    };
    let here = address(first, is_team);
    let step = |months: i32| first.saturating_add(jiff::Span::new().months(months));
    let is_empty = !entries.keys().any(|day| (Day::of(first).0..=last.0).contains(day));
    let has_past = entries.keys().any(|day| Day::of(first).0 <= *day && *day < today.0.min(last.0 + 1));
    let mut days: Vec<DayView> = (from.0..=to.0)
        .map(|day| reading.day(Day(day), first, entries.remove(&day).unwrap_or_default(), &here))
        .collect();
    let mut weeks = Vec::new();
    while !days.is_empty() {
        let rest = days.split_off(days.len().min(7));
        weeks.push(std::mem::replace(&mut days, rest));
    }
    let body = Body {
        page: &page,
        title: format::month(locale, Day::of(first)),
        weekdays: (1..=7)
            .map(|day| (locale.text(&format!("weekday-short-{day}")), locale.text(&format!("weekday-{day}"))))
            .collect(),
        weeks,
        previous: address(step(-1), is_team),
        next: address(step(1), is_team),
        this_month: address(today.date(), is_team),
        mine: address(first, false),
        team: has_team.then(|| address(first, true)),
        is_team,
        may_add: viewer.may_create("task"),
        is_empty,
        has_past,
        is_past: last < today,
    };
    respond(&page, &body)
}

/// The first day of the month asked for, else of this one.
///
/// Errors: [`Error::Invalid`] when it is no month like `2026-11`.
fn month(text: &str, today: Day) -> Result<Date> {
    if text.is_empty() {
        return Ok(today.date().first_of_month());
    }
    Day::parse(&format!("{text}-01")).map(Day::date).ok_or_else(|| Error::field("month", "invalid-date"))
}

struct Reading<'a> {
    app: &'a App,
    viewer: &'a Viewer,
    today: Day,
    from: Day,
    to: Day,
    is_team: bool,
}

impl Reading<'_> {
    fn owner(&self) -> String {
        format!("owner:is:{}", if self.is_team { "team" } else { "me" })
    }

    fn span(&self, field: &str) -> [String; 2] {
        [format!("{field}:min:{}", self.from), format!("{field}:max:{}", self.to)]
    }

    async fn rows(
        &self,
        session: &mut Session,
        object: &'static Object,
        by: &str,
        fields: &[&str],
        more: &[String],
    ) -> Result<Vec<Row>> {
        let sees = |key: &str| self.viewer.sees(object, key);
        if self.viewer.scope.level(object.name, Right::Read) == Level::None || !sees(by) {
            return Ok(Vec::new());
        }
        let filters = [vec![self.owner()], self.span(by).to_vec(), more.to_vec()].concat();
        let field = |key: &str| -> &'static Field { object.field(key).expect("the calendar knows what it sorts by") };
        let query = ListQuery { sort: field(by), limit: MOST, ..ListQuery::of_filters(self.viewer, object, &filters)? };
        let found =
            query::list_named(session, self.viewer, self.app.registry, object, fields, query, self.today).await?;
        Ok(found.rows)
    }

    async fn tasks(&self, session: &mut Session, entries: &mut BTreeMap<i64, Vec<Entry>>) -> Result<()> {
        let fields = ["subject", "due_date", "status", "opportunity", "account", "owner"];
        for row in self.rows(session, &TASK, "due_date", &fields, &[]).await? {
            let Some(day) = row.cells[1].int() else { continue };
            let is_done = row.cells[2] == Cell::Text("done".into());
            let class = match (is_done, day < self.today.0) {
                (true, _) => "done",
                (false, true) => "late",
                _ => "task",
            };
            let about = row.labels[3].clone().or_else(|| row.labels[4].clone());
            let name = if is_done { "circle-check" } else { "checkbox" };
            entries.entry(day).or_default().push(Entry {
                icon: icon(name, "icon-s"),
                text: row.cells[0].text().unwrap_or("—").to_owned(),
                href: format!("/tasks/{}", row.id),
                class,
                note: self.note(about, row.labels[5].clone()),
            });
        }
        Ok(())
    }

    async fn closings(&self, session: &mut Session, entries: &mut BTreeMap<i64, Vec<Entry>>) -> Result<()> {
        let open = ["state:is:open".to_owned()];
        for row in
            self.rows(session, &OPPORTUNITY, "close_date", &["name", "close_date", "account", "owner"], &open).await?
        {
            let Some(day) = row.cells[1].int() else { continue };
            let name = row.cells[0].text().unwrap_or("—");
            entries.entry(day).or_default().push(Entry {
                icon: icon("target-arrow", "icon-s"),
                text: self.viewer.locale.text_with("calendar-closes", &[("name", name)]),
                href: format!("/opportunities/{}", row.id),
                class: if day < self.today.0 { "late" } else { "close" },
                note: self.note(row.labels[2].clone(), row.labels[3].clone()),
            });
        }
        Ok(())
    }

    async fn activities(&self, session: &mut Session, entries: &mut BTreeMap<i64, Vec<Entry>>) -> Result<()> {
        let fields = ["subject", "happened_at", "kind", "account", "owner"];
        for row in self.rows(session, &ACTIVITY, "happened_at", &fields, &[]).await? {
            let Some(at) = row.cells[1].int() else { continue };
            let day = Instant(at).day_in(&self.viewer.config.zone);
            entries.entry(day.0).or_default().push(Entry {
                icon: activity_icon(row.cells[2].text().unwrap_or("")),
                text: row.cells[0].text().unwrap_or("—").to_owned(),
                href: format!("/activities/{}", row.id),
                class: "activity",
                note: self.note(row.labels[3].clone(), row.labels[4].clone()),
            });
        }
        Ok(())
    }

    /// What an entry is about, and whose it is when several people's are shown.
    fn note(&self, about: Option<String>, owner: Option<String>) -> String {
        let owner = owner.filter(|_| self.is_team);
        about.into_iter().chain(owner).collect::<Vec<_>>().join(" · ")
    }

    fn day(&self, day: Day, month: Date, mut entries: Vec<Entry>, here: &str) -> DayView {
        let locale = self.viewer.locale;
        let date = format::date(locale, day);
        let weekday = locale.text(&format!("weekday-{}", day.date().weekday().to_monday_one_offset()));
        let keep = if entries.len() > IN_CELL { IN_CELL - 1 } else { IN_CELL };
        let rest = entries.split_off(entries.len().min(keep));
        let due = [self.owner(), format!("due_date:min:{day}"), format!("due_date:max:{day}")];
        DayView {
            number: day.date().day(),
            add: format!("/tasks/new?due_date={day}&back={}", url_encode(here)),
            add_label: locale.text_with("calendar-add", &[("date", &date)]),
            name: format!("{weekday} {date}"),
            within: day.date().month() == month.month(),
            today: day == self.today,
            past: day < self.today,
            more: rest.len(),
            more_text: locale.text_with("calendar-more", &[("count", &rest.len().to_string())]),
            more_href: href_of(&TASK, &due),
            shown: entries,
            rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_read_or_refused() {
        let today = Day::parse("2026-11-24").expect("a day");
        assert_eq!(month("", today).expect("this month").to_string(), "2026-11-01");
        assert_eq!(month("2027-02", today).expect("a month").to_string(), "2027-02-01");
        for text in ["2026-13", "2026", "x", "2026-11-24"] {
            assert!(month(text, today).is_err(), "{text}");
        }
    }
}
