//! What the calendar shows at once: a month, or a week. Weeks begin on Monday.

use std::ops::RangeInclusive;

use jiff::civil::Date;
use store::Day;

use crate::shell::error::{Error, Result};
use crate::shell::records::get;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// By its first day.
    Month(Date),
    /// By its Monday.
    Week(Day),
}

impl Span {
    /// `month=2026-11`, or `week=2026-11-24` with any day of it; else this month.
    ///
    /// Errors: [`Error::Invalid`] when it is no month or no day.
    pub fn read(query: &[(String, String)], today: Day) -> Result<Span> {
        let (month, week) = (get(query, "month"), get(query, "week"));
        match (month, week) {
            ("", "") => Ok(Span::month_of(today)),
            (_, "") => Day::parse(&format!("{month}-01"))
                .map(Span::month_of)
                .ok_or_else(|| Error::field("month", "invalid-date")),
            _ => Day::parse(week).map(Span::week_of).ok_or_else(|| Error::field("week", "invalid-date")),
        }
    }

    pub fn month_of(day: Day) -> Span {
        Span::Month(day.date().first_of_month())
    }

    pub fn week_of(day: Day) -> Span {
        Span::Week(day.plus(-i64::from(day.date().weekday().to_monday_zero_offset())))
    }

    pub fn is_week(self) -> bool {
        matches!(self, Span::Week(_))
    }

    pub fn first(self) -> Day {
        match self {
            Span::Month(first) => Day::of(first),
            Span::Week(monday) => monday,
        }
    }

    pub fn last(self) -> Day {
        match self {
            Span::Month(first) => Day::of(first.last_of_month()),
            Span::Week(monday) => monday.plus(6),
        }
    }

    pub fn holds(self, day: Day) -> bool {
        self.first() <= day && day <= self.last()
    }

    /// The days of the grid: whole weeks.
    pub fn shown(self) -> RangeInclusive<i64> {
        let weekday = |day: Day| i64::from(day.date().weekday().to_monday_zero_offset());
        self.first().0 - weekday(self.first())..=self.last().0 + 6 - weekday(self.last())
    }

    pub fn previous(self) -> Span {
        self.like(self.first().plus(-1))
    }

    pub fn next(self) -> Span {
        self.like(self.last().plus(1))
    }

    /// The month or the week, as this is one, that holds a day.
    pub fn like(self, day: Day) -> Span {
        if self.is_week() { Span::week_of(day) } else { Span::month_of(day) }
    }

    /// The day around which to show something else: today if it is among these, else the first of a month, the Thursday of a
    /// week, because most of the week lies in that month.
    pub fn middle(self, today: Day) -> Day {
        match self {
            _ if self.holds(today) => today,
            Span::Month(first) => Day::of(first),
            Span::Week(monday) => monday.plus(3),
        }
    }

    /// As the address bar says it.
    pub fn to_text(self) -> String {
        match self {
            Span::Month(first) => format!("month={:04}-{:02}", first.year(), first.month()),
            Span::Week(monday) => format!("week={monday}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::records::pairs;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("a day")
    }

    #[test]
    fn a_month_or_a_week_is_read_or_refused() {
        let today = day("2026-11-24");
        let read = |query: &str| Span::read(&pairs(query), today);
        for (query, text) in [
            ("", "month=2026-11"),
            ("month=&week=", "month=2026-11"),
            ("month=2027-02", "month=2027-02"),
            ("week=2026-11-29", "week=2026-11-23"),
            ("week=2027-01-01", "week=2026-12-28"),
        ] {
            assert_eq!(read(query).expect(query).to_text(), text, "{query}");
        }
        for query in ["month=2026-13", "month=2026", "month=x", "month=2026-11-24", "week=2026-11", "week=2026-11-31"] {
            assert!(read(query).is_err(), "{query}");
        }
    }

    #[test]
    fn months_and_weeks_follow_each_other() {
        let (today, month) = (day("2026-11-24"), Span::month_of(day("2026-02-28")));
        assert_eq!(
            (month.previous().to_text(), month.next().to_text()),
            ("month=2026-01".into(), "month=2026-03".into())
        );
        assert_eq!(month.shown(), day("2026-01-26").0..=day("2026-03-01").0);
        let week = Span::week_of(day("2026-11-30"));
        assert_eq!(
            (week.previous().to_text(), week.next().to_text()),
            ("week=2026-11-23".into(), "week=2026-12-07".into())
        );
        assert_eq!(week.shown(), week.first().0..=week.last().0);
        assert_eq!(Span::month_of(week.middle(today)).to_text(), "month=2026-12", "most of it lies in December");
        assert_eq!(Span::month_of(today).middle(today), today);
    }
}
