//! What the address bar asks of the analysis, and the spans of days that follow from it.

use store::{Day, Session, Uuid, sql};

use crate::shell::error::{Error, FieldError, Result};
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::records::{get, pairs};

/// A period named relative to today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodName {
    ThisQuarter,
    LastQuarter,
    ThisYear,
    LastTwelveMonths,
    All,
    /// From one day to another.
    Days,
}

impl PeriodName {
    pub const ALL: [PeriodName; 6] = [
        PeriodName::ThisQuarter,
        PeriodName::LastQuarter,
        PeriodName::ThisYear,
        PeriodName::LastTwelveMonths,
        PeriodName::All,
        PeriodName::Days,
    ];

    pub fn key(self) -> &'static str {
        match self {
            PeriodName::ThisQuarter => "quarter",
            PeriodName::LastQuarter => "last-quarter",
            PeriodName::ThisYear => "year",
            PeriodName::LastTwelveMonths => "12-months",
            PeriodName::All => "all",
            PeriodName::Days => "days",
        }
    }
}

/// By what people, customers or sources are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    Owner,
    Segment,
    Source,
}

impl Dimension {
    pub const ALL: [Dimension; 3] = [Dimension::Owner, Dimension::Segment, Dimension::Source];

    /// Also the key of the field on the opportunity.
    pub fn key(self) -> &'static str {
        match self {
            Dimension::Owner => "owner",
            Dimension::Segment => "segment",
            Dimension::Source => "source",
        }
    }
}

/// The address bar, read. Filters on records are still texts: the filter engine checks them.
#[derive(Debug, Clone)]
pub struct Ask {
    pub period: PeriodName,
    pub from: String,
    pub to: String,
    pub owner: String,
    pub segment: String,
    pub source: String,
    pub pipeline: String,
    pub by: Dimension,
}

impl Ask {
    /// Errors: [`Error::Invalid`] naming the part that is not understood.
    pub fn parse(query: &str) -> Result<Ask> {
        let pairs = pairs(query);
        let text = |key: &str| get(&pairs, key).to_owned();
        let refuse = |field: &str, value: &str| {
            Error::Invalid(vec![FieldError::new(field, "invalid-choice").with("value", value)])
        };
        let period = text("period");
        let by = text("by");
        Ok(Ask {
            period: match period.as_str() {
                "" => PeriodName::LastTwelveMonths,
                key => {
                    PeriodName::ALL.into_iter().find(|name| name.key() == key).ok_or_else(|| refuse("period", key))?
                }
            },
            from: text("from"),
            to: text("to"),
            owner: text("owner"),
            segment: text("segment"),
            source: text("source"),
            pipeline: text("pipeline"),
            by: match by.as_str() {
                "" => Dimension::Owner,
                key => Dimension::ALL.into_iter().find(|by| by.key() == key).ok_or_else(|| refuse("by", key))?,
            },
        })
    }

    /// The filters on deals, as the list writes them.
    pub fn filters(&self) -> Vec<String> {
        [("owner", &self.owner), ("segment", &self.segment), ("source", &self.source), ("pipeline", &self.pipeline)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| if value == "none" { format!("{key}:empty:") } else { format!("{key}:is:{value}") })
            .collect()
    }

    /// The query string of the same page with another part.
    pub fn with(&self, key: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, own) in [
            ("period", self.period.key()),
            ("from", &self.from),
            ("to", &self.to),
            ("owner", &self.owner),
            ("segment", &self.segment),
            ("source", &self.source),
            ("pipeline", &self.pipeline),
            ("by", self.by.key()),
        ] {
            let value = if name == key { value } else { own };
            let dates = matches!(name, "from" | "to") && self.period != PeriodName::Days;
            if !value.is_empty() && !dates {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// The days of a period of own dates.
    ///
    /// Errors: [`Error::Invalid`] when they are no days or in the wrong order.
    pub fn own_days(&self) -> Result<Option<(Day, Day)>> {
        if self.period != PeriodName::Days {
            return Ok(None);
        }
        let first = Day::parse(&self.from).ok_or_else(|| Error::field("from", "invalid-date"))?;
        let last = Day::parse(&self.to).ok_or_else(|| Error::field("to", "invalid-date"))?;
        if last < first {
            return Err(Error::field("to", "invalid-analysis-order"));
        }
        Ok(Some((first, last)))
    }

    pub fn owner_id(&self) -> Option<Uuid> {
        self.owner.parse().ok()
    }
}

/// A fiscal month, quarter or year.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Span {
    pub kind: String,
    pub first_day: Day,
    pub last_day: Day,
    pub fiscal_year: i64,
    pub number: i64,
}

/// The fiscal calendar around today, three years back and two ahead, and back to the days that were asked for.
#[derive(Debug, Clone)]
pub struct Months {
    pub spans: Vec<Span>,
    pub today: Day,
}

const SPANS: &str = "
    SELECT kind, first_day, last_day, fiscal_year, number FROM period
     WHERE last_day >= $1 AND first_day <= $2 ORDER BY first_day";

pub async fn months_of(session: &mut Session, today: Day, asked: Option<(Day, Day)>) -> Result<Months> {
    let back = today.plus(-1200);
    let first = asked.map_or(back, |(from, _)| from.min(back));
    let spans = session.all(sql!(SPANS, first, today.plus(800))).await?;
    Ok(Months { spans, today })
}

impl Months {
    pub fn of(&self, kind: &str, day: Day) -> Option<&Span> {
        self.spans.iter().find(|span| span.kind == kind && span.first_day <= day && day <= span.last_day)
    }

    /// The fiscal months that overlap the days, in order.
    pub fn between(&self, first: Day, last: Day) -> Vec<&Span> {
        self.spans
            .iter()
            .filter(|span| span.kind == "month" && span.last_day >= first && span.first_day <= last)
            .collect()
    }

    /// This month and the eleven before it, until today; `None` before the calendar reaches so far back.
    pub fn last_twelve(&self) -> Option<(Day, Day)> {
        let months = self.between(Day(i64::MIN), self.today);
        months.iter().rev().nth(11).map(|month| (month.first_day, self.today))
    }

    /// The days of a period; `None`: without limit.
    ///
    /// Errors: those of [`Ask::own_days`].
    pub fn days(&self, ask: &Ask) -> Result<Option<(Day, Day)>> {
        let span = |kind: &str, day: Day| self.of(kind, day).map(|span| (span.first_day, span.last_day));
        Ok(match ask.period {
            PeriodName::ThisQuarter => span("quarter", self.today),
            PeriodName::LastQuarter => {
                span("quarter", self.today).and_then(|(first, _)| span("quarter", first.plus(-1)))
            }
            PeriodName::ThisYear => span("year", self.today),
            PeriodName::LastTwelveMonths => self.last_twelve(),
            PeriodName::All => None,
            PeriodName::Days => ask.own_days()?,
        })
    }
}

impl Span {
    /// `Nov 2026`, or `P2 FY2027` where fiscal months are no calendar months.
    pub fn month_name(&self, locale: Locale) -> String {
        if self.first_day.date().day() == 1 {
            return format::month(locale, self.first_day);
        }
        let (year, number) = (self.fiscal_year.to_string(), self.number.to_string());
        locale.text_with("analysis-fiscal-month", &[("year", &year), ("number", &number)])
    }

    /// `Q4 FY2026`.
    pub fn quarter_name(&self, locale: Locale) -> String {
        let (year, number) = (self.fiscal_year.to_string(), self.number.to_string());
        locale.text_with("analysis-fiscal-quarter", &[("year", &year), ("number", &number)])
    }
}
