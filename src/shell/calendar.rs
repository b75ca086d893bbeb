//! The fiscal calendar: every day lies in exactly one month, quarter and year of the organisation. Worked out here,
//! stored in table `period`, joined by everything that groups by time.
//!
//! `months`: fiscal months are calendar months, the year begins on the 1st of a month. `4-4-5`: the year begins on the
//! Monday nearest to the 1st of the start month; each quarter has months of 4, 4 and 5 weeks; a year that is 53 weeks
//! long gives the extra week to its last month. Fiscal year N is the one that *ends* in calendar year N
//! (with a January start: that begins in N).

use jiff::civil::{Date, Weekday, date};
use store::{Day, Result, Tx, sql};

/// The years for which periods are laid out.
pub const YEARS: std::ops::RangeInclusive<i16> = 1990..=2060;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    Months,
    FourFourFive,
}

impl Calendar {
    pub fn parse(text: &str) -> Option<Calendar> {
        match text {
            "months" => Some(Calendar::Months),
            "4-4-5" => Some(Calendar::FourFourFive),
            _ => None,
        }
    }

    pub fn key(self) -> &'static str {
        match self {
            Calendar::Months => "months",
            Calendar::FourFourFive => "4-4-5",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// `month`, `quarter` or `year`.
    pub kind: &'static str,
    pub first: Day,
    pub last: Day,
    pub fiscal_year: i64,
    pub number: i64,
}

/// The first day of the fiscal year that begins in calendar year `begins`.
fn year_start(calendar: Calendar, start_month: i8, begins: i16) -> Date {
    let first = date(begins, start_month, 1);
    match calendar {
        Calendar::Months => first,
        Calendar::FourFourFive => {
            let after_monday = i64::from(first.weekday().since(Weekday::Monday));
            let shift = if after_monday <= 3 { -after_monday } else { 7 - after_monday };
            Day::of(first).plus(shift).date()
        }
    }
}

/// All periods of the fiscal years that touch [`YEARS`].
pub fn periods(calendar: Calendar, start_month: i8) -> Vec<Period> {
    let mut periods = Vec::new();
    for begins in YEARS.start() - 1..=YEARS.end() + 1 {
        let fiscal_year = i64::from(begins) + i64::from(start_month != 1);
        let next_year = Day::of(year_start(calendar, start_month, begins + 1));
        let starts: Vec<Day> = (0..12).map(|index| month_start(calendar, start_month, begins, index)).collect();
        let end_of = |index: usize| starts.get(index + 1).copied().unwrap_or(next_year).plus(-1);
        for (index, first) in starts.iter().enumerate() {
            periods.push(Period {
                kind: "month",
                first: *first,
                last: end_of(index),
                fiscal_year,
                number: index as i64 + 1,
            });
            if index % 3 == 0 {
                periods.push(Period {
                    kind: "quarter",
                    first: *first,
                    last: end_of(index + 2),
                    fiscal_year,
                    number: index as i64 / 3 + 1,
                });
            }
        }
        periods.push(Period { kind: "year", first: starts[0], last: next_year.plus(-1), fiscal_year, number: 1 });
    }
    periods
}

fn month_start(calendar: Calendar, start_month: i8, begins: i16, index: i8) -> Day {
    match calendar {
        Calendar::Months => {
            let month = start_month - 1 + index;
            Day::of(date(begins + i16::from(month / 12), month % 12 + 1, 1))
        }
        Calendar::FourFourFive => {
            let weeks = i64::from(index / 3) * 13 + i64::from(index % 3) * 4;
            Day::of(year_start(calendar, start_month, begins)).plus(weeks * 7)
        }
    }
}

/// Writes the table `period` anew.
pub async fn store_periods(tx: &mut Tx, calendar: Calendar, start_month: i8) -> Result<()> {
    tx.execute("DELETE FROM period").await?;
    for chunk in periods(calendar, start_month).chunks(150) {
        let mut insert = store::Sql::new("INSERT INTO period (kind, first_day, last_day, fiscal_year, number) VALUES ");
        for (index, period) in chunk.iter().enumerate() {
            insert.push(if index > 0 { ", (" } else { "(" });
            insert.bind(period.kind).push(", ").bind(period.first).push(", ").bind(period.last).push(", ");
            insert.bind(period.fiscal_year).push(", ").bind(period.number).push(")");
        }
        tx.execute(insert).await?;
    }
    Ok(())
}

/// The period of a kind that holds a day.
pub async fn period_of(session: &mut store::Session, kind: &str, day: Day) -> Result<Option<(Day, Day)>> {
    session
        .optional(sql!("SELECT first_day, last_day FROM period WHERE kind = $1 AND first_day <= $2 ORDER BY first_day DESC LIMIT 1", kind, day))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Q33: every day from 1990 to 2060 is in exactly one month, quarter and year, whatever the calendar.
        #[test]
        fn every_day_is_in_exactly_one_period(start_month in 1i8..=12, four_four_five: bool, offset in 0i64..25_900) {
            let calendar = if four_four_five { Calendar::FourFourFive } else { Calendar::Months };
            let day = Day::of(date(1990, 1, 1)).plus(offset);
            for kind in ["month", "quarter", "year"] {
                let holding = periods(calendar, start_month).into_iter().filter(|p| p.kind == kind && p.first <= day && day <= p.last).count();
                prop_assert_eq!(holding, 1, "{} {}", kind, day);
            }
        }
    }

    #[test]
    fn the_last_day_of_the_quarter_belongs_to_the_quarter() {
        let all = periods(Calendar::Months, 4);
        let quarter =
            all.iter().find(|p| p.kind == "quarter" && p.fiscal_year == 2027 && p.number == 1).expect("it is laid out");
        assert_eq!((quarter.first.date(), quarter.last.date()), (date(2026, 4, 1), date(2026, 6, 30)));
    }
}
