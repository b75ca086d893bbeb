//! What charts are made of: figures that are links, tables behind pictures, bars of rates; and who paints them.

use serde_json::{Value as Json, json};
use store::Day;

use super::behind;
use super::sql::{Lens, Sum};
use super::study::ends;
use crate::shell::format;
use crate::shell::i18n::Locale;
use crate::shell::page::{Html, escape};
use crate::shell::record::Object;
use crate::tools::crm::objects::OPPORTUNITY;

/// More names than this do not fit into a chart; the table has them all.
pub(super) const DRAWN: usize = 12;

/// A figure and the deals behind it.
#[derive(Debug, Clone, Default)]
pub struct Figure {
    pub text: String,
    /// Empty: nothing stands behind it.
    pub href: String,
    pub count: i64,
    pub exact: String,
}

impl Figure {
    pub fn html(&self) -> Html {
        let title = if self.exact.is_empty() { String::new() } else { format!(" title=\"{}\"", escape(&self.exact)) };
        if self.href.is_empty() {
            return Html(format!("<span{title}>{}</span>", escape(&self.text)));
        }
        let class = if self.count == 0 { " class=\"dim\"" } else { "" };
        Html(format!(
            "<a href=\"{}\" data-count=\"{}\"{class}{title}>{}</a>",
            escape(&self.href),
            self.count,
            escape(&self.text)
        ))
    }
}

/// The address of the list of opportunities with these filters.
fn list_href(filters: &[String]) -> String {
    href_of(&OPPORTUNITY, filters)
}

/// The address of a list with just these filters; no view adds any.
pub fn href_of(object: &Object, filters: &[String]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("view", "none");
    for filter in filters {
        query.append_pair("f", filter);
    }
    format!("/{}?{}", object.plural, query.finish())
}

/// Filters for days of a field.
pub fn within(field: &str, first: Option<Day>, last: Option<Day>) -> Vec<String> {
    let first = first.map(|day| format!("{field}:min:{day}"));
    let last = last.map(|day| format!("{field}:max:{day}"));
    first.into_iter().chain(last).collect()
}

pub struct Column {
    pub label: String,
    pub number: bool,
}

pub struct Row {
    pub head: Html,
    pub cells: Vec<Html>,
}

/// A chart, the sentence that says what one sees, and the same numbers as a table.
pub struct Chart {
    pub id: &'static str,
    pub kind: &'static str,
    pub size: &'static str,
    pub title: String,
    pub sentence: String,
    /// How it was counted.
    pub method: String,
    pub picture: Html,
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
}

impl Chart {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Everything a chart needs to know about who looks and at what.
pub struct Painter<'a> {
    pub lens: &'a Lens<'a>,
    pub locale: Locale,
    pub currency: &'a str,
    /// Whether amounts may be shown; else deals are counted.
    pub money: bool,
    /// Whether they may be shown by their probability too.
    pub weighted: bool,
    /// The period; `None`: without limit.
    pub days: Option<(Day, Day)>,
    /// Closed deals of the period, and deals created in it.
    pub closed: Vec<String>,
    pub created: Vec<String>,
}

impl Painter<'_> {
    pub fn t(&self, key: &str) -> String {
        self.locale.text(key)
    }

    pub fn with(&self, key: &str, args: &[(&str, &str)]) -> String {
        self.locale.text_with(key, args)
    }

    pub fn money(&self, minor: i64) -> String {
        format::money_compact(self.locale, minor, self.currency)
    }

    pub fn percent(rate: f64) -> String {
        format!("{:.0}%", rate * 100.0)
    }

    pub fn days(&self, days: f64) -> String {
        self.with("analysis-days", &[("days", &format!("{days:.0}"))])
    }

    /// A number of deals, linked to them.
    pub fn count(&self, count: i64, more: &[String]) -> Figure {
        Figure { text: format::grouped(count), href: self.href(more), count, exact: String::new() }
    }

    /// An amount, linked to the deals that make it up.
    pub fn amount(&self, sum: Sum, more: &[String]) -> Figure {
        Figure {
            text: self.money(sum.amount),
            href: self.href(more),
            count: sum.count,
            exact: format::money(sum.amount, self.currency),
        }
    }

    /// The measure of the charts: money, or numbers where the viewer may not see amounts.
    pub(super) fn measure(&self, sum: Sum, more: &[String]) -> Figure {
        if self.money { self.amount(sum, more) } else { self.count(sum.count, more) }
    }

    pub(super) fn measured(&self, sum: Sum) -> f64 {
        if self.money {
            sum.amount as f64 / 10f64.powi(format::decimals(self.currency) as i32)
        } else {
            sum.count as f64
        }
    }

    pub fn href(&self, more: &[String]) -> String {
        list_href(&self.lens.with(more))
    }

    pub(super) fn unit(&self) -> String {
        if self.money { self.currency.to_owned() } else { self.t("analysis-deals") }
    }

    pub(super) fn axis(&self) -> Json {
        match self.locale {
            Locale::En => json!([{ "at": 1e3, "text": "K" }, { "at": 1e6, "text": "M" }, { "at": 1e9, "text": "B" }]),
            Locale::Zh => json!([{ "at": 1e4, "text": "万" }, { "at": 1e8, "text": "亿" }]),
        }
    }

    pub(super) fn column(&self, key: &str, number: bool) -> Column {
        Column { label: self.t(key), number }
    }

    /// Filters of closed deals of one state.
    pub fn closed_as(&self, state: &str) -> Vec<String> {
        behind::closed_within(state, ends(self.days))
    }
}

/// A bar from 0 to the rate with a line over its interval; the numbers stand beside it as text.
pub(super) fn bar(rate: f64, (low, high): (f64, f64)) -> Html {
    let at = |part: f64| format!("{:.2}", part * 200.0);
    let (width, low, high) = (at(rate), at(low), at(high));
    Html(format!(
        "<svg class=\"rate\" viewBox=\"0 0 200 16\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"rate-back\" width=\"200\" height=\"16\"/><rect class=\"rate-bar\" width=\"{width}\" height=\"16\"/>\
         <path class=\"rate-interval\" d=\"M{low} 8H{high}M{low} 3V13M{high} 3V13\"/></svg>"
    ))
}

/// JSON inside a script element: no tag may end it.
pub(super) fn json_html(value: &Json) -> Html {
    Html(value.to_string().replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_end_the_script() {
        assert!(!json_html(&json!({ "name": "</script><b>" })).0.contains('<'));
    }
}
