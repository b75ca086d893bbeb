//! GET /calendar?month=2026-11&who=me|team, or week=2026-11-23

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use store::{Cell, Day, Instant, Session, Sql};

use super::span::Span;
use crate::shell::access::{Level, Right};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::format;
use crate::shell::layers::url_encode;
use crate::shell::page::{Asked, Html, Page, avatar, icon, respond, who};
use crate::shell::record::query::{ListQuery, Question, Row};
use crate::shell::record::{Field, Kind, Object};
use crate::shell::records::{get, pairs};
use crate::shell::shows::activity_icon;
use crate::shell::viewer::Viewer;
use crate::tools::crm::analysis::href_of;
use crate::tools::crm::objects::{ACTIVITY, OPPORTUNITY, TASK};

/// Entries in a cell of a month; some more unfold.
const IN_CELL: usize = 4;
/// So many of a kind are read for each day of a month; of the others their number is told, and their list is a link away.
const PER_DAY: i64 = 8;
/// So many entries a day of a week has, of all kinds together, or the week of a whole team would be read by nobody.
const PER_DAY_OF_WEEK: usize = 10;

/// A kind of record on the calendar: the field by which it lies on a day, what is read of it, and what else it has to be.
struct OnCalendar {
    object: &'static Object,
    by: &'static str,
    fields: &'static [&'static str],
    only: &'static [&'static str],
}

static TASKS: OnCalendar = OnCalendar {
    object: &TASK,
    by: "due_date",
    fields: &["subject", "status", "opportunity", "account", "owner"],
    only: &[],
};
static CLOSINGS: OnCalendar = OnCalendar {
    object: &OPPORTUNITY,
    by: "close_date",
    fields: &["name", "account", "owner"],
    only: &["state:is:open"],
};
static ACTIVITIES: OnCalendar = OnCalendar {
    object: &ACTIVITY,
    by: "happened_at",
    fields: &["subject", "kind", "account", "owner", "happened_at"],
    only: &[],
};

struct Entry {
    icon: Html,
    text: String,
    href: String,
    /// `task`, `late`, `done`, `activity` or `close`
    class: &'static str,
    /// The time of day, of what has one.
    time: String,
    note: String,
    /// Whose it is, when several people's are shown.
    owner: String,
}

impl Entry {
    /// The whole of it, where a cell has room for its text only.
    fn hint(&self) -> String {
        let parts = [&self.text, &self.note, &self.owner].into_iter().filter(|part| !part.is_empty());
        parts.map(String::as_str).collect::<Vec<_>>().join(" · ")
    }

    fn who(&self) -> Html {
        who(&self.owner)
    }

    fn avatar(&self) -> Html {
        avatar(&self.owner)
    }
}

/// A day's records of one kind: how many there are, and the list of just them.
struct KindOfDay {
    object: &'static Object,
    icon: Html,
    text: String,
    href: String,
    count: i64,
    /// The first of them.
    entries: Vec<Entry>,
    /// How many there are besides the entries; empty if these are all.
    more: String,
}

/// What falls on a day.
#[derive(Default)]
struct OfDay {
    kinds: Vec<KindOfDay>,
    count: i64,
}

type Days = BTreeMap<i64, OfDay>;

struct DayView {
    number: i8,
    name: String,
    add: String,
    add_label: String,
    within: bool,
    today: bool,
    past: bool,
    shown: Vec<Entry>,
    /// How many the cell does not show.
    more: i64,
    more_text: String,
    rest: Vec<Entry>,
    kinds: Vec<KindOfDay>,
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
    now: String,
    as_month: String,
    as_week: String,
    is_week: bool,
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
    let span = Span::read(&query, today)?;
    let has_team = viewer.scope.level("task", Right::Read) >= Level::Team;
    let is_team = has_team && get(&query, "who") == "team";

    let reading = Reading { viewer: &viewer, today, span, is_team };
    let mut session = app.db.read().await?;
    let mut found = Days::new();
    reading.read(&mut session, &TASKS, &mut found, Reading::task).await?;
    reading.read(&mut session, &CLOSINGS, &mut found, Reading::closing).await?;
    reading.read(&mut session, &ACTIVITIES, &mut found, Reading::activity).await?;
    drop(session);

    let locale = viewer.locale;
    let page = Page::new(&viewer, &asked, locale.text("nav-calendar"));
    let address = |span: Span, team: bool| {
        let who = if team { "&who=team" } else { "" };
        format!("/calendar?{}{who}", span.to_text())
    };
    let here = address(span, is_team);
    let (first, last) = (span.first(), span.last());
    let is_empty = !found.keys().any(|day| span.holds(Day(*day)));
    let has_past = found.keys().any(|day| span.holds(Day(*day)) && *day < today.0);
    let mut days: Vec<DayView> =
        span.shown().map(|day| reading.day(Day(day), found.remove(&day).unwrap_or_default(), &here)).collect();
    let mut weeks = Vec::new();
    while !days.is_empty() {
        let rest = days.split_off(days.len().min(7));
        weeks.push(std::mem::replace(&mut days, rest));
    }
    let body = Body {
        page: &page,
        title: match span {
            Span::Month(_) => format::month(locale, first),
            Span::Week(_) => {
                let args = [("first", format::date(locale, first)), ("last", format::date(locale, last))];
                let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
                locale.text_with("calendar-week-title", &args)
            }
        },
        weekdays: (1..=7)
            .map(|day| (locale.text(&format!("weekday-short-{day}")), locale.text(&format!("weekday-{day}"))))
            .collect(),
        weeks,
        previous: address(span.previous(), is_team),
        next: address(span.next(), is_team),
        now: address(span.like(today), is_team),
        as_month: address(Span::month_of(span.middle(today)), is_team),
        as_week: address(Span::week_of(span.middle(today)), is_team),
        is_week: span.is_week(),
        mine: address(span, false),
        team: has_team.then(|| address(span, true)),
        is_team,
        may_add: viewer.may_create("task"),
        is_empty,
        has_past,
        is_past: last < today,
    };
    respond(&page, &body)
}

struct Reading<'a> {
    viewer: &'a Viewer,
    today: Day,
    span: Span,
    is_team: bool,
}

impl Reading<'_> {
    fn owner(&self) -> String {
        format!("owner:is:{}", if self.is_team { "team" } else { "me" })
    }

    /// The first records of a kind on each day, and how many they are; the list of a day has just these filters.
    async fn read(
        &self,
        session: &mut Session,
        kind: &OnCalendar,
        found: &mut Days,
        entry: impl Fn(&Self, Day, &Row) -> Entry,
    ) -> Result<()> {
        let (viewer, object) = (self.viewer, kind.object);
        if viewer.scope.level(object.name, Right::Read) == Level::None || !viewer.sees(object, kind.by) {
            return Ok(());
        }
        let filters = |from: Day, to: Day| {
            let mut filters = vec![self.owner(), format!("{}:min:{from}", kind.by), format!("{}:max:{to}", kind.by)];
            filters.extend(kind.only.iter().map(|filter| (*filter).to_owned()));
            filters
        };
        let field: &'static Field = object.field(kind.by).expect("the calendar knows what it goes by");
        let shown = self.span.shown();
        let asked = ListQuery::of_filters(viewer, object, &filters(Day(*shown.start()), Day(*shown.end())))?;
        let limit = if self.span.is_week() { PER_DAY_OF_WEEK as i64 } else { PER_DAY };
        let query = ListQuery { sort: field, limit, ..asked };
        let question = Question { viewer, object, query: &query, today: self.today };
        let groups = question.groups(session, kind.fields, self.day_of(field)).await?;
        for (number, group) in groups {
            let (day, of_day) = (Day(number), found.entry(number).or_default());
            of_day.count += group.count;
            let count = format::grouped(group.count);
            of_day.kinds.push(KindOfDay {
                object,
                icon: icon(object.icon, "icon-s"),
                text: viewer.locale.text_with(&format!("calendar-all-{}", object.name), &[("count", &count)]),
                href: href_of(object, &filters(day, day)),
                count: group.count,
                entries: group.rows.iter().map(|row| entry(self, day, row)).collect(),
                more: String::new(),
            });
        }
        Ok(())
    }

    /// The day of a field as SQL on the row `t`. Days of the organisation's zone are not all equally long: an instant lies on
    /// the first day that ends after it.
    fn day_of(&self, field: &Field) -> Sql {
        let column = format!("t.{}", field.column);
        if field.kind != Kind::Instant {
            return Sql::new(column);
        }
        let mut day = Sql::new("CASE");
        for number in self.span.shown() {
            let end = Instant::start_of(Day(number + 1), &self.viewer.config.zone);
            day.push(&format!(" WHEN {column} < ")).bind(end).push(&format!(" THEN {number}"));
        }
        day.push(" END").clone()
    }

    fn task(&self, day: Day, row: &Row) -> Entry {
        let is_done = row.cells[1] == Cell::Text("done".into());
        let class = match (is_done, day < self.today) {
            (true, _) => "done",
            (false, true) => "late",
            _ => "task",
        };
        let about = row.labels[2].clone().or_else(|| row.labels[3].clone());
        let name = if is_done { "circle-check" } else { "checkbox" };
        Entry {
            icon: icon(name, "icon-s"),
            text: row.cells[0].text().unwrap_or("—").to_owned(),
            href: format!("/tasks/{}", row.id),
            class,
            time: String::new(),
            note: about.unwrap_or_default(),
            owner: self.owner_of(&row.labels[4]),
        }
    }

    fn closing(&self, day: Day, row: &Row) -> Entry {
        let name = row.cells[0].text().unwrap_or("—");
        Entry {
            icon: icon("target-arrow", "icon-s"),
            text: self.viewer.locale.text_with("calendar-closes", &[("name", name)]),
            href: format!("/opportunities/{}", row.id),
            class: if day < self.today { "late" } else { "close" },
            time: String::new(),
            note: row.labels[1].clone().filter(|account| !name.contains(account)).unwrap_or_default(),
            owner: self.owner_of(&row.labels[2]),
        }
    }

    fn activity(&self, _: Day, row: &Row) -> Entry {
        Entry {
            icon: activity_icon(row.cells[1].text().unwrap_or("")),
            text: row.cells[0].text().unwrap_or("—").to_owned(),
            href: format!("/activities/{}", row.id),
            class: "activity",
            time: row.cells[4].int().map_or_else(String::new, |at| format::time(Instant(at), &self.viewer.config.zone)),
            note: row.labels[2].clone().unwrap_or_default(),
            owner: self.owner_of(&row.labels[3]),
        }
    }

    fn owner_of(&self, label: &Option<String>) -> String {
        label.clone().filter(|_| self.is_team).unwrap_or_default()
    }

    /// The entries of a day in the order of time, what has none before the rest. Of a week there are no more than fit, and each
    /// kind says how many are left out.
    fn entries(&self, kinds: &mut [KindOfDay]) -> Vec<Entry> {
        if self.span.is_week() {
            let there: Vec<usize> = kinds.iter().map(|kind| kind.entries.len()).collect();
            for (kind, share) in kinds.iter_mut().zip(shares(&there, PER_DAY_OF_WEEK)) {
                kind.entries.truncate(share);
            }
        }
        let mut entries = Vec::new();
        for kind in kinds {
            let more = kind.count - kind.entries.len() as i64;
            if more > 0 {
                let args = [("more", format::grouped(more)), ("count", format::grouped(kind.count))];
                let args = args.each_ref().map(|(name, value)| (*name, value.as_str()));
                kind.more = self.viewer.locale.text_with(&format!("calendar-rest-{}", kind.object.name), &args);
            }
            entries.append(&mut kind.entries);
        }
        entries
    }

    fn day(&self, day: Day, mut of_day: OfDay, here: &str) -> DayView {
        let locale = self.viewer.locale;
        let date = format::date(locale, day);
        let weekday = locale.text(&format!("weekday-{}", day.date().weekday().to_monday_one_offset()));
        let mut shown = self.entries(&mut of_day.kinds);
        let keep = match shown.len() {
            all if self.span.is_week() => all,
            _ if of_day.count > IN_CELL as i64 => IN_CELL - 1,
            _ => IN_CELL,
        };
        let rest = shown.split_off(shown.len().min(keep));
        let more = of_day.count - shown.len() as i64;
        DayView {
            number: day.date().day(),
            add: format!("/tasks/new?due_date={day}&back={}", url_encode(here)),
            add_label: locale.text_with("calendar-add", &[("date", &date)]),
            name: locale.text_with("calendar-day", &[("weekday", &weekday), ("date", &date)]),
            within: self.span.holds(day),
            today: day == self.today,
            past: day < self.today,
            more,
            more_text: locale.text_with("calendar-more", &[("count", &format::grouped(more))]),
            shown,
            rest,
            kinds: of_day.kinds,
        }
    }
}

/// How many of each kind are shown, when no more than `most` are: as many of one as of another, as long as there are. Thirty
/// calls hide no deadline.
fn shares(there: &[usize], most: usize) -> Vec<usize> {
    let mut shares = vec![0; there.len()];
    for _ in 0..most {
        let kinds = (0..there.len()).filter(|kind| shares[*kind] < there[*kind]);
        let Some(next) = kinds.min_by_key(|kind| shares[*kind]) else { break };
        shares[next] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_a_day_are_shared_among_the_kinds() {
        for (there, most, shown) in [
            ([2, 3, 4], 10, [2, 3, 4]),
            ([10, 10, 10], 10, [4, 3, 3]),
            ([10, 0, 10], 10, [5, 0, 5]),
            ([1, 10, 10], 10, [1, 5, 4]),
            ([10, 0, 0], 10, [10, 0, 0]),
        ] {
            assert_eq!(shares(&there, most), shown, "{there:?}");
        }
    }
}
