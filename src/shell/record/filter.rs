//! Filters as they stand in the address bar, a saved view or an API call: `field:operator:value|value`.

use store::{Day, Instant, Sql};

use super::argument;
use super::compared::filtered_by;
use super::field::{Field, Kind, Object};
use super::value::{Reading, parse};
use crate::shell::access::Right;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::viewer::Viewer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Is,
    IsNot,
    Contains,
    AtLeast,
    AtMost,
    Within,
    Empty,
    Filled,
}

impl Op {
    pub const ALL: [Op; 8] =
        [Op::Is, Op::IsNot, Op::Contains, Op::AtLeast, Op::AtMost, Op::Within, Op::Empty, Op::Filled];

    pub fn key(self) -> &'static str {
        match self {
            Op::Is => "is",
            Op::IsNot => "not",
            Op::Contains => "has",
            Op::AtLeast => "min",
            Op::AtMost => "max",
            Op::Within => "within",
            Op::Empty => "empty",
            Op::Filled => "filled",
        }
    }

    pub fn parse(text: &str) -> Option<Op> {
        Op::ALL.into_iter().find(|op| op.key() == text)
    }

    pub fn needs_value(self) -> bool {
        !matches!(self, Op::Empty | Op::Filled)
    }

    /// The operators that make sense for a field, the most useful first.
    pub fn for_field(field: &Field) -> &'static [Op] {
        match field.kind {
            Kind::Text { .. } | Kind::LongText | Kind::Email | Kind::Phone | Kind::Url | Kind::CreditCode => {
                &[Op::Contains, Op::Is, Op::IsNot, Op::Empty, Op::Filled]
            }
            Kind::Integer { .. } | Kind::Percent | Kind::Money | Kind::BaseMoney => {
                &[Op::AtLeast, Op::AtMost, Op::Is, Op::Empty, Op::Filled]
            }
            Kind::Date | Kind::Instant => &[Op::Within, Op::AtLeast, Op::AtMost, Op::Empty, Op::Filled],
            Kind::Bool => &[Op::Is],
            Kind::Choice(_) | Kind::Ref(_) | Kind::Currency => &[Op::Is, Op::IsNot, Op::Empty, Op::Filled],
        }
    }
}

/// Spans of days named relative to today, for [`Op::Within`].
pub const SPANS: [&str; 13] = [
    "today",
    "overdue",
    "last-7",
    "last-30",
    "last-90",
    "next-7",
    "next-30",
    "next-90",
    "this-week",
    "this-month",
    "this-quarter",
    "this-year",
    "next-quarter",
];

#[derive(Debug, Clone)]
pub struct Filter {
    pub field: &'static Field,
    pub op: Op,
    pub values: Vec<String>,
}

impl Filter {
    /// Reads `field:operator:value|value`. Only fields of the viewer's projection exist.
    pub fn parse(object: &'static Object, viewer: &Viewer, text: &str) -> Result<Filter> {
        let mut parts = text.splitn(3, ':');
        let (key, op, values) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let refuse = || Error::Invalid(vec![FieldError::new("f", "invalid-filter").with("filter", text)]);
        let field = viewer.projection(object).find(|field| field.key == key && field.filtered).ok_or_else(refuse)?;
        let op = Op::parse(op).filter(|op| Op::for_field(field).contains(op)).ok_or_else(refuse)?;
        let values: Vec<String> = values.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect();
        if values.len() > 50 || op.needs_value() == values.is_empty() {
            return Err(refuse());
        }
        let filter = Filter { field, op, values };
        // Every value is read once here, so that a bad one is named before any statement runs.
        for value in &filter.values {
            filter.check(object, viewer, value).map_err(|error| match error {
                Error::Invalid(_) => refuse(),
                other => other,
            })?;
        }
        Ok(filter)
    }

    pub fn to_text(&self) -> String {
        format!("{}:{}:{}", self.field.key, self.op.key(), self.values.join("|"))
    }

    fn check(&self, object: &Object, viewer: &Viewer, value: &str) -> Result<()> {
        match self.op {
            Op::Within => SPANS.contains(&value).then_some(()).ok_or(Error::field("f", "invalid-filter")),
            Op::Contains => (value.chars().count() <= 200 && !value.contains('\0'))
                .then_some(())
                .ok_or(Error::field("f", "invalid-filter")),
            _ if self.field.kind == Kind::Ref("person") && matches!(value, "me" | "team") => Ok(()),
            _ => self.read(object, viewer, value).map(drop),
        }
    }

    fn read(&self, object: &Object, viewer: &Viewer, value: &str) -> Result<store::Cell> {
        let config = &viewer.config;
        let text = if self.field.kind == Kind::Instant && value.len() == 10 {
            format!("{value} 00:00")
        } else {
            value.to_owned()
        };
        parse(object, self.field, &text, &Reading { zone: &config.zone, currency: &config.base_currency })
            .map_err(|error| Error::Invalid(vec![error]))
    }

    /// Appends the predicate on the row `t`.
    pub fn push(&self, statement: &mut Sql, object: &Object, viewer: &Viewer, today: Day) -> Result<()> {
        let column = match self.field.expression {
            // The text may stand several times in the statement; its arguments are bound once.
            Some(push) => {
                let mut expression = Sql { text: "(".into(), args: std::mem::take(&mut statement.args) };
                push(&mut expression, viewer, today);
                statement.args = expression.args;
                format!("{})", expression.text)
            }
            // Whether there is an amount does not depend on what it is worth.
            None if matches!(self.op, Op::Empty | Op::Filled) => format!("t.{}", self.field.column),
            None => filtered_by(self.field, &viewer.config, today),
        };
        match self.op {
            Op::Empty => {
                statement.push(&format!("{column} IS NULL"));
            }
            Op::Filled => {
                statement.push(&format!("{column} IS NOT NULL"));
            }
            Op::Contains => {
                store::search::push_contains(statement, &column, &self.values.join(" "));
            }
            Op::AtLeast | Op::AtMost => {
                let value = self.read(object, viewer, &self.values[0])?;
                let is_day_of_instant = self.field.kind == Kind::Instant && self.values[0].len() == 10;
                let (operator, cell) = match (self.op, is_day_of_instant, Day::parse(&self.values[0])) {
                    // "Until the 3rd" includes the 3rd.
                    (Op::AtMost, true, Some(day)) => {
                        ("<", store::Cell::Int(Instant::start_of(day.plus(1), &viewer.config.zone).0))
                    }
                    (Op::AtLeast, ..) => (">=", value),
                    _ => ("<=", value),
                };
                statement.push(&format!("{column} {operator} ")).bind(argument(self.field, &cell));
            }
            Op::Within => self.push_within(statement, &column, viewer, today),
            Op::Is | Op::IsNot => self.push_is(statement, &column, object, viewer)?,
        }
        self.push_target_scope(statement, viewer);
        Ok(())
    }

    fn push_is(&self, statement: &mut Sql, column: &str, object: &Object, viewer: &Viewer) -> Result<()> {
        let negated = self.op == Op::IsNot;
        if negated {
            statement.push(&format!("({column} IS NULL OR NOT "));
        }
        statement.push("(");
        let of_person = matches!(self.field.kind, Kind::Ref("person"));
        let mut values = Vec::new();
        for value in &self.values {
            match value.as_str() {
                "me" if of_person => values.push(store::Arg::from(viewer.person)),
                "team" if of_person => {
                    statement
                        .push(&format!("{column} IN (SELECT person_id FROM person_below WHERE manager_id = "))
                        .bind(viewer.person)
                        .push(") OR ");
                }
                text => values.push(argument(self.field, &self.read(object, viewer, text)?)),
            }
        }
        match values.as_slice() {
            [] => statement.push("FALSE"),
            [value] => statement.push(&format!("{column} = ")).bind(value.clone()),
            _ => statement.push(&format!("{column} IN (")).bind_list(values).push(")"),
        };
        statement.push(if negated { "))" } else { ")" });
        Ok(())
    }

    fn push_within(&self, statement: &mut Sql, column: &str, viewer: &Viewer, today: Day) {
        let weekday = i64::from(today.date().weekday().to_monday_zero_offset());
        let fiscal = |kind: &str, on: &str| {
            (
                format!("(SELECT MAX(first_day) FROM period WHERE kind = '{kind}' AND first_day <= {on})"),
                format!("(SELECT MIN(last_day) FROM period WHERE kind = '{kind}' AND last_day >= {on})"),
            )
        };
        let on = today.0.to_string();
        let days = |from: i64, to: i64| (today.plus(from).0.to_string(), today.plus(to).0.to_string());
        let (first, last) = match self.values[0].as_str() {
            "today" => days(0, 0),
            "overdue" => days(-400_000, -1),
            "last-7" => days(-6, 0),
            "last-30" => days(-29, 0),
            "last-90" => days(-89, 0),
            "next-7" => days(0, 6),
            "next-30" => days(0, 29),
            "next-90" => days(0, 89),
            "this-week" => days(-weekday, 6 - weekday),
            "this-month" => fiscal("month", &on),
            "this-quarter" => fiscal("quarter", &on),
            "this-year" => fiscal("year", &on),
            _ => {
                let after =
                    format!("(SELECT MIN(last_day) + 1 FROM period WHERE kind = 'quarter' AND last_day >= {on})");
                fiscal("quarter", &after)
            }
        };
        if self.field.kind == Kind::Instant {
            // The zone's offset today is applied to both ends: a list of "last 30 days" may be an hour off across a clock change.
            let start = Instant::start_of(today, &viewer.config.zone).0 - today.0 * 86_400_000_000;
            statement.push(&format!(
                "{column} >= {first} * 86400000000 + ({start}) AND {column} < ({last} + 1) * 86400000000 + ({start})"
            ));
        } else {
            statement.push(&format!("{column} BETWEEN {first} AND {last}"));
        }
    }

    /// A filter on a reference finds only through records that the viewer may see, or it would be an oracle.
    fn push_target_scope(&self, statement: &mut Sql, viewer: &Viewer) {
        if let Kind::Ref(target) = self.field.kind
            && let Some(target) = viewer.registry.get(target)
        {
            let column = format!("t.{}", self.field.column);
            // What cannot be seen counts as empty and as different.
            let wanted = matches!(self.op, Op::Is | Op::Filled);
            statement.push(if wanted { " AND " } else { " OR NOT " });
            viewer.scope.push_leads_to(statement, &column, &format!("{} x", target.table), "x.id", |statement| {
                (target.visible)(statement, &viewer.scope, Right::Read, "x");
            });
        }
    }
}
