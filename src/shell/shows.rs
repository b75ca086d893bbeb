//! How stored values read: the cells of lists, boards and record pages, filters as words, and the small marks beside names.

use std::collections::{HashMap, HashSet};

use store::{Cell, Day, Session, Sql, Uuid};

use super::access::{Level, Role};
use super::config::StageKind;
use super::error::Result;
use super::format;
use super::i18n::Locale;
use super::page::{Html, avatar_colour, dash, escape, icon, initials, who};
use super::record::filter::{Filter, Op};
use super::record::query::Row;
use super::record::{Field, Kind, Object, Registry, Write, is_setting, value};
use super::viewer::Viewer;

pub struct CellView {
    pub html: Html,
    pub class: &'static str,
    pub edit: Option<String>,
    /// All of a text that its column may cut off.
    pub whole: String,
}

pub struct RowView {
    pub id: Uuid,
    pub version: i64,
    pub name: String,
    pub href: String,
    pub cells: Vec<CellView>,
}

pub struct ChipView {
    pub label: String,
    pub text: String,
    pub remove: String,
}

/// Turns stored values into what a viewer reads.
pub struct Shows<'a> {
    pub viewer: &'a Viewer,
    pub registry: &'a Registry,
    pub object: &'static Object,
    pub today: Day,
    /// Of imports that are filtered by: what the file was called.
    pub files: HashMap<Uuid, String>,
    /// Of the people in a list: for whom no link was made yet.
    pub uninvited: HashSet<Uuid>,
}

/// What the files were called whose imports are filtered by, as far as they are the viewer's own.
pub async fn own_files(session: &mut Session, viewer: &Viewer, filters: &[Filter]) -> Result<HashMap<Uuid, String>> {
    let of_imports = filters.iter().filter(|filter| filter.field.kind == Kind::Ref("import"));
    let imports: Vec<Uuid> =
        of_imports.flat_map(|filter| &filter.values).filter_map(|value| value.parse().ok()).collect();
    if imports.is_empty() {
        return Ok(HashMap::new());
    }
    let mut statement = Sql::new("SELECT i.id, i.name FROM import i WHERE i.owner_id = ");
    statement.bind(viewer.person).push(" AND i.id IN (").bind_list(imports).push(")");
    let names: Vec<(Uuid, String)> = session.all(statement).await?;
    Ok(names.into_iter().collect())
}

/// Of the people in a list, those who wait for a link that nobody has made yet, for who keeps the people.
pub async fn uninvited(
    session: &mut Session,
    viewer: &Viewer,
    object: &Object,
    fields: &[&'static Field],
    rows: &[Row],
) -> Result<HashSet<Uuid>> {
    let is_told = viewer.has(Role::Admin) || viewer.has(Role::Hr);
    let is_asked = is_told && object.name == "person" && fields.iter().any(|field| field.key == "state");
    if !is_asked || rows.is_empty() {
        return Ok(HashSet::new());
    }
    let mut statement = Sql::new("SELECT p.id FROM person p WHERE p.state = 'invited' AND p.id IN (");
    statement
        .bind_list(rows.iter().map(|row| row.id))
        .push(") AND NOT EXISTS (SELECT 1 FROM event e WHERE e.subject_id = p.id AND e.kind = 'invited')");
    Ok(session.all::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id).collect())
}

/// How a comparison is called: of days it is "on or after".
pub fn op_name(locale: Locale, kind: Kind, op: Op) -> String {
    let is_date = matches!(kind, Kind::Date | Kind::Instant) && matches!(op, Op::AtLeast | Op::AtMost);
    locale.text(&format!("op-{}{}", op.key(), if is_date { "-date" } else { "" }))
}

impl<'a> Shows<'a> {
    pub fn of(viewer: &'a Viewer, registry: &'a Registry, object: &'static Object, today: Day) -> Shows<'a> {
        Shows { viewer, registry, object, today, files: HashMap::new(), uninvited: HashSet::new() }
    }

    /// A filter in words, with the address that takes it away.
    pub fn chip(&self, filter: &Filter, remove: String) -> ChipView {
        let locale = self.viewer.locale;
        let values: Vec<String> = filter.values.iter().map(|value| self.filter_value(filter, value)).collect();
        let operator = match filter.op {
            Op::Is | Op::Within => String::new(),
            op => op_name(locale, filter.field.kind, op),
        };
        ChipView {
            label: locale.text(&self.object.label_key(filter.field)),
            text: format!("{operator} {}", alternatives(locale, &values)).trim().to_owned(),
            remove,
        }
    }

    fn filter_value(&self, filter: &Filter, text: &str) -> String {
        let (locale, config) = (self.viewer.locale, &self.viewer.config);
        match (filter.op, filter.field.kind) {
            (Op::Within, _) => locale.text(&format!("span-{text}")),
            (_, Kind::Choice(_)) => locale.text(&self.object.choice_key(filter.field, text)),
            (_, Kind::Ref("person")) if matches!(text, "me" | "team") => locale.text(&format!("person-{text}")),
            (_, Kind::Ref(target)) if is_setting(target) => {
                text.parse().ok().and_then(|id| config.name_of(target, id)).unwrap_or("—").to_owned()
            }
            (_, Kind::Bool) => locale.text(if text == "true" { "yes" } else { "no" }),
            (_, Kind::Date) => Day::parse(text).map_or_else(|| text.to_owned(), |day| format::date(locale, day)),
            (_, Kind::Ref(_)) => {
                let file = text.parse().ok().and_then(|id| self.files.get(&id));
                file.cloned().unwrap_or_else(|| locale.text("list-chosen-record"))
            }
            // Amounts in several currencies are compared in one.
            _ if filter.field.is_amount() => match format::parse_amount(text, &config.base_currency) {
                Ok(minor) => format::money_coded(minor, &config.base_currency),
                Err(_) => format!("{text} {}", config.base_currency),
            },
            _ => text.to_owned(),
        }
    }

    pub fn row(&self, fields: &[&'static Field], row: &Row, editable: bool) -> RowView {
        let href = format!("/{}/{}", self.object.plural, row.id);
        let may_change =
            editable && self.viewer.scope.access(self.object.name).write > Level::None && self.object.name != "person";
        let name = row.cells.first().and_then(Cell::text).unwrap_or("").to_owned();
        let cells = fields
            .iter()
            .enumerate()
            .map(|(index, field)| self.cell(fields, row, index, field, &href, may_change))
            .collect();
        RowView { id: row.id, version: row.version, name, href, cells }
    }

    /// What lies in the trash has no page and is not changed there.
    pub fn trashed_row(&self, fields: &[&'static Field], row: &Row) -> RowView {
        let mut view = self.row(fields, row, false);
        if let Some(first) = view.cells.first_mut() {
            let name = row.cells[0].text().unwrap_or("—");
            first.html = Html(format!(
                "<span class=\"who\">{}<span>{}</span></span>",
                self.mark(fields, row, name),
                escape(name)
            ));
        }
        view
    }

    fn cell(
        &self,
        fields: &[&'static Field],
        row: &Row,
        index: usize,
        field: &'static Field,
        href: &str,
        may_change: bool,
    ) -> CellView {
        // The row may not say whether the field has a sense for its record; if it holds something, it has.
        let has_sense = field.only_while.is_none() || !matches!(row.cells[index], Cell::Null);
        let editable = may_change && index > 0 && has_sense && can_edit_in_place(field);
        let named = match field.kind {
            _ if index == 0 => row.cells[0].text(),
            Kind::Url => row.cells[index].text().map(without_scheme),
            _ => row.labels[index].as_deref(),
        };
        let class = match field.kind {
            Kind::Money | Kind::BaseMoney | Kind::Integer { .. } | Kind::Percent => "num",
            Kind::Text { .. } if index > 0 => "text",
            Kind::LongText => "wrap",
            Kind::Ref("person" | "stage") => "",
            Kind::Text { .. } | Kind::Ref(_) | Kind::Url if named.is_some_and(|name| width_of(name) > IN_ONE_LINE) => {
                "long"
            }
            _ => "",
        };
        // Short forms of different sizes would not compare down a column.
        let amount = self.exact(field, &row.cells[index], &row.currency);
        let html = if index == 0 {
            let text = row.cells[0].text().unwrap_or("—");
            let mark = match self.is_open(fields, row) && may_change {
                true => self.tick(text, href),
                false => self.mark(fields, row, text),
            };
            let name = escape(text);
            Html(format!("<span class=\"who\">{mark}<a class=\"row-name\" href=\"{href}\" data-open>{name}</a></span>"))
        } else if let Some(amount) = amount {
            Html(escape(&amount))
        } else if field.key == "state" && self.uninvited.contains(&row.id) {
            let text = escape(&self.viewer.locale.text("person-state-uninvited"));
            Html(format!("<span class=\"pill pill-dot pill-plain\">{text}</span>"))
        } else {
            let state = self.state(fields, row);
            self.show(field, &row.cells[index], row.labels[index].as_deref(), &row.currency, state)
        };
        // A text is cut to the width of its column, a long name or address after two lines.
        let whole = match class {
            "text" => row.cells[index].text().map(|text| match field.several {
                Some(several) => value::names_of(several, text, self.viewer.locale),
                None => text.to_owned(),
            }),
            _ => named.filter(|_| class == "long").map(str::to_owned),
        };
        CellView {
            html,
            class,
            edit: editable.then(|| format!("{href}/field/{}", field.key)),
            whole: whole.unwrap_or_default(),
        }
    }

    /// The mark before a name: of an activity what kind it is, where its column beside it says so in words; of others a letter.
    fn mark(&self, fields: &[&'static Field], row: &Row, name: &str) -> Html {
        let kind = fields.iter().position(|field| field.key == "kind").and_then(|at| row.cells[at].text());
        match kind.filter(|_| self.object.name == "activity") {
            Some(kind) => kind_square(kind, ""),
            None => square(name, ""),
        }
    }

    /// Whether the row is one of those that are ticked off, and still to be done.
    fn is_open(&self, fields: &[&'static Field], row: &Row) -> bool {
        let status = fields.iter().position(|field| field.key == "status").map(|at| &row.cells[at]);
        self.object.is_ticked && status.and_then(Cell::text) == Some("open")
    }

    /// The button that ticks a row off; it sends the form `of-row`.
    fn tick(&self, name: &str, href: &str) -> Html {
        let label = self.viewer.locale.text_with(&format!("{}-mark-done", self.object.name), &[("subject", name)]);
        let (label, circle) = (escape(&label), icon("circle", ""));
        Html(format!(
            "<button class=\"task-tick\" form=\"of-row\" formaction=\"{href}/done\" aria-label=\"{label}\" title=\"{label}\">{circle}</button>"
        ))
    }

    /// Whether a row's dates are still to come, as far as its columns tell: `won`, `lost`, `done`, … Of a kind that has such a state
    /// and does not show it, no date is said to be late.
    fn state<'r>(&self, fields: &[&'static Field], row: &'r Row) -> Option<&'r str> {
        let cell = |key: &str| fields.iter().position(|field| field.key == key).map(|at| &row.cells[at]);
        let stage = cell("stage").and_then(Cell::id).and_then(|id| self.viewer.config.stage(id));
        let told = cell("state").or(cell("status")).and_then(Cell::text);
        told.or(stage.map(|stage| stage.kind.key())).or_else(|| {
            let has_state = self.object.field("stage").or(self.object.field("status")).is_some();
            has_state.then_some("done")
        })
    }

    fn currency_of<'c>(&'c self, field: &Field, currency: &'c str) -> &'c str {
        if field.kind == Kind::BaseMoney { &self.viewer.config.base_currency } else { currency }
    }

    /// An amount to the last digit, where [`Shows::show`] gives its short form.
    pub fn exact(&self, field: &Field, cell: &Cell, currency: &str) -> Option<String> {
        match cell {
            Cell::Int(minor) if field.is_amount() => Some(format::money(*minor, self.currency_of(field, currency))),
            _ => None,
        }
    }

    /// A value as markup: references as links, people with their avatar, late dates in warning colour.
    pub fn show(
        &self,
        field: &'static Field,
        cell: &Cell,
        label: Option<&str>,
        currency: &str,
        state: Option<&str>,
    ) -> Html {
        let locale = self.viewer.locale;
        let currency = self.currency_of(field, currency);
        match (field.kind, cell) {
            (_, Cell::Null) => dash(),
            (Kind::Ref("person"), _) => who(label.unwrap_or("—")),
            (Kind::Ref("stage"), Cell::Id(id)) => self.stage(*id),
            (Kind::Ref(target), Cell::Id(id)) => match self.registry.get(target) {
                Some(target) => {
                    Html(format!("<a href=\"/{}/{id}\">{}</a>", target.plural, escape(label.unwrap_or("—"))))
                }
                None => Html(escape(label.unwrap_or("—"))),
            },
            // A price is quoted with every digit.
            (Kind::Money, Cell::Int(minor)) if field.key == "list_price" => {
                Html(escape(&format::money(*minor, currency)))
            }
            (Kind::Money | Kind::BaseMoney, Cell::Int(minor)) => {
                Html(escape(&format::money_compact(locale, *minor, currency)))
            }
            (Kind::Date, Cell::Int(day)) => {
                let late = matches!(field.key, "close_date" | "due_date" | "next_step_date")
                    && *day < self.today.0
                    && !matches!(state, Some("won" | "lost" | "done"));
                let class = if late { "late tnum" } else { "tnum" };
                Html(format!("<span class=\"{class}\">{}</span>", format::date(locale, Day(*day))))
            }
            (Kind::Choice(_), Cell::Text(choice)) => {
                let tone = tone(choice);
                let text =
                    escape(&value::shown(self.object, field, cell, label, currency, locale, &self.viewer.config.zone));
                Html(if tone.is_empty() {
                    text
                } else {
                    format!("<span class=\"pill pill-dot pill-{tone}\">{text}</span>")
                })
            }
            (Kind::Email, Cell::Text(address)) => {
                // Where it is too long for its place it breaks at the sign or before a dot of its house, not within a word.
                let address = escape(address);
                let (person, house) = address.split_once('@').unwrap_or((&address, ""));
                let text = if house.is_empty() {
                    person.to_owned()
                } else {
                    format!("{person}@<wbr>{}", house.replace('.', "<wbr>."))
                };
                Html(format!("<a href=\"mailto:{address}\">{text}</a>"))
            }
            (Kind::Phone, Cell::Text(number)) => {
                Html(format!("<a href=\"tel:{}\" class=\"tnum\">{}</a>", dialled(number), escape(number)))
            }
            (Kind::Url, Cell::Text(url)) => Html(format!(
                "<a href=\"{0}\" rel=\"noopener noreferrer\" target=\"_blank\">{1}</a>",
                escape(url),
                // Like an address of mail it breaks before its dots.
                escape(without_scheme(url)).replace('.', "<wbr>.")
            )),
            (Kind::LongText, Cell::Text(text)) => Html(escape(text).replace('\n', "<br>")),
            _ => {
                Html(escape(&value::shown(self.object, field, cell, label, currency, locale, &self.viewer.config.zone)))
            }
        }
    }

    fn stage(&self, id: Uuid) -> Html {
        let Some(stage) = self.viewer.config.stage(id) else { return Html("—".into()) };
        let tone = match stage.kind {
            StageKind::Won => "good",
            StageKind::Lost => "bad",
            StageKind::Open => "info",
        };
        Html(format!("<span class=\"pill pill-dot pill-{tone}\">{}</span>", escape(&stage.name)))
    }
}

/// One of several: "New, Working or Qualified".
fn alternatives(locale: Locale, values: &[String]) -> String {
    match values.split_last() {
        Some((last, others)) if !others.is_empty() => {
            format!("{}{}{last}", others.join(&locale.text("list-comma")), locale.text("list-or"))
        }
        _ => values.concat(),
    }
}

/// How many letters wide a name is. A Chinese character is as wide as two letters.
pub fn width_of(name: &str) -> usize {
    name.chars().map(|c| if c < '\u{2e80}' { 1 } else { 2 }).sum()
}

/// A web address as it is shown.
fn without_scheme(url: &str) -> &str {
    url.trim_start_matches("https://").trim_start_matches("http://")
}

/// A name wider than this may take two lines in a list where room is short.
const IN_ONE_LINE: usize = 20;

/// Colour that a fixed choice carries; most carry none.
fn tone(choice: &str) -> &'static str {
    match choice {
        "customer" | "won" | "qualified" | "champion" | "active" | "done" | "given" => "good",
        "loyal" | "converted" => "accent",
        "new" | "open" | "invited" | "decision_maker" | "economic_buyer" => "info",
        "working" | "high" | "gatekeeper" => "warn",
        "lost" | "blocker" | "disabled" | "withdrawn" => "bad",
        "prospect" | "former" | "unqualified" | "unknown" | "influencer" | "user" => "plain",
        _ => "",
    }
}

/// Fields that may be changed by a click into the cell. Stages move by their own command, which may ask back.
pub fn can_edit_in_place(field: &Field) -> bool {
    field.write == Write::Always
        && !field.is_virtual()
        && !matches!(field.kind, Kind::LongText)
        && field.key != "stage"
        && field.key != "currency"
}

/// An avatar square of a record.
pub fn square(name: &str, size: &str) -> Html {
    Html(format!(
        "<span class=\"av {size} av-square av-{}\" aria-hidden=\"true\">{}</span>",
        avatar_colour(name),
        escape(&initials(name).chars().take(1).collect::<String>())
    ))
}

/// The square of an activity: what kind it is.
pub fn kind_square(kind: &str, size: &str) -> Html {
    Html(format!("<span class=\"av {size} av-square av-7\" aria-hidden=\"true\">{}</span>", activity_icon(kind)))
}

/// An icon for a kind of activity.
pub fn activity_icon(kind: &str) -> Html {
    icon(
        match kind {
            "call" => "phone",
            "meeting" => "users",
            "visit" => "map-pin",
            "mail" => "mail",
            _ => "note",
        },
        "",
    )
}

/// What a telephone dials (RFC 3966): the digits, and an extension that is set off by a word or a sign apart.
fn dialled(number: &str) -> String {
    let digits = |part: &str| part.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect::<String>();
    let extra = number.find(|c: char| c.is_alphabetic() || matches!(c, '#' | ',' | ';')).unwrap_or(number.len());
    let (main, extension) = (digits(&number[..extra]), digits(&number[extra..]));
    if extension.is_empty() || main.is_empty() { main + &extension } else { format!("{main};ext={extension}") }
}

#[cfg(test)]
mod tests {
    use super::dialled;

    #[test]
    fn an_extension_is_not_dialled_with_the_number() {
        assert_eq!(dialled("+1 512 555 0104 ext. 803"), "+15125550104;ext=803");
        assert_eq!(dialled("021-5555 0104 转 803"), "02155550104;ext=803");
        assert_eq!(dialled("+86 (138) 0013-8000"), "+8613800138000");
        assert_eq!(dialled("T: 030 12345"), "03012345");
    }
}
