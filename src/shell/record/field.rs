//! What a kind of record is made of. Lists, filters, forms, inline edit, bulk edit, import, export, search, the API and
//! its OpenAPI description all read these descriptions; nothing is listed twice.

use futures_util::future::BoxFuture;
use store::{Day, Sql, Tx, Uuid, search};

use super::{Actor, Draft, Loaded};
use crate::shell::access::{Right, Role, Scope};
use crate::shell::error::Result;
use crate::shell::viewer::Viewer;

/// A kind of record: `account`, `opportunity`, …
pub struct Object {
    /// Key in rules, events, message keys (`account-name`) and URLs of the API (`/api/accounts`).
    pub name: &'static str,
    pub plural: &'static str,
    pub table: &'static str,
    /// The field that names a record.
    pub title: &'static str,
    pub icon: &'static str,
    /// The fields shown beside the name in search results and pickers, with a space between them; empty: none.
    pub hint: &'static str,
    /// Whose timeline the record's events also stand on: the field that names the account, `id` for accounts themselves;
    /// empty: nobody's.
    pub account: &'static str,
    pub fields: &'static [Field],
    /// Sorted by this field unless asked otherwise; `-` in front: newest or largest first.
    pub default_sort: &'static str,
    /// Appends the predicate "this viewer may read / change the row `alias`".
    pub visible: fn(&mut Sql, &Scope, Right, alias: &str),
    /// What a new record needs that takes too long for a transaction, in which others wait: it is done before.
    pub beforehand: Option<for<'a> fn(&'a mut Draft) -> BoxFuture<'a, Result<()>>>,
    /// Checks and completes a draft before it is written: defaults, derived values, rules between fields.
    pub prepare: for<'a> fn(&'a mut Tx, &'a Actor, &'a mut Draft, Option<&'a Loaded>) -> BoxFuture<'a, Result<()>>,
    /// Writes what hangs on the record (stage history, line items) in the same transaction.
    pub after_save: for<'a> fn(&'a mut Tx, &'a Actor, Saved<'a>) -> BoxFuture<'a, Result<()>>,
    /// Fields that tell one and the same thing when all of a group are equal: who makes another such record is told of the first.
    /// The first of each group has an index.
    pub alike: &'static [&'static [&'static str]],
    /// What hangs on a record in tables of its own: SQL from the table, called `x`, up to the column that names the record.
    /// Other records that point to it, files and shares go without saying.
    pub hung: &'static [&'static str],
    /// Done where it stands in a list: `POST /{plural}/{id}/done`. The field `status` says `open` until then.
    pub is_ticked: bool,
    /// Views that everybody has: message key `view-{object}-{key}` and the filters and sort as in the address bar.
    pub views: &'static [(&'static str, &'static str)],
}

/// What was just written.
#[derive(Clone, Copy)]
pub enum Saved<'a> {
    /// New records; a file brings many at once.
    New(&'a [(&'a Draft, Uuid)]),
    Changed(&'a Draft, &'a Loaded),
    /// Put into the trash.
    Deleted(&'a Loaded),
    /// Taken out of it.
    Restored(&'a Loaded),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Text {
        max: usize,
    },
    LongText,
    Email,
    Phone,
    Url,
    /// 统一社会信用代码, 18 characters with a check digit (GB 32100-2015).
    CreditCode,
    Integer {
        min: i64,
        max: i64,
    },
    Percent,
    /// Minor units in the record's own `currency`.
    Money,
    /// Minor units in the organisation's base currency.
    BaseMoney,
    Currency,
    Date,
    Instant,
    Bool,
    Choice(&'static [&'static str]),
    /// Another record (or `person`, `stage`, `pipeline`) by id.
    Ref(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    Always,
    /// Set when the record is made, by import or the API; never edited.
    OnCreate,
    /// Worked out by the program.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    No,
    ByName,
    ByText,
    ByPrivateText,
    ByPrivateNumber,
}

/// Appends an SQL expression on the row `t`: a value that no column holds, as this viewer sees it today.
pub type Expression = fn(&mut Sql, &Viewer, Day);

/// What a text may name several of.
#[derive(Debug, Clone, Copy)]
pub struct Several {
    pub prefix: &'static str,
    pub keys: &'static [&'static str],
    /// Holds when none is named.
    pub unless_given: &'static str,
}

/// How a value is read that other tables keep, and who is told of it.
#[derive(Debug, Clone, Copy)]
pub struct LookedUp {
    pub sql: &'static str,
    pub told_to: &'static [Role],
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub key: &'static str,
    /// Empty: not a column; `after_save` makes something of it.
    pub column: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub write: Write,
    /// Shown in the list unless the person chose other columns.
    pub listed: bool,
    pub sort_column: Option<&'static str>,
    pub filtered: bool,
    pub found: Found,
    /// A short hint below the input: message key `{object}-{key}-hint` exists.
    pub hinted: bool,
    /// Text that names several of these, separated by commas; a form has a box to tick for each, called by the message
    /// `{prefix}-{key}` and explained by `{prefix}-{key}-hint`.
    pub several: Option<Several>,
    /// Offered in the "new" form; the rest is filled in later on the record page.
    pub quick: bool,
    /// The "new" form has an input for it that shows only when something else in the form asks for it.
    pub when_asked: bool,
    /// Says something only while another field has one of these values: otherwise no page shows it, and no form offers it but one
    /// that asks for the other field too.
    pub only_while: Option<(&'static str, &'static [&'static str])>,
    /// Hidden from nobody: whose a record is, where it stands, what the house counts and orders by.
    pub always_shown: bool,
    /// Only filters and groups by: worked out from other rows, neither shown nor written.
    pub expression: Option<Expression>,
    /// Kept by other tables: SQL on the row `t` that reads it. Lists, files and answers show it; it is written as an input.
    pub looked_up: Option<LookedUp>,
    /// Object and field that the value gives away: hidden with them, and the first one names the choices.
    pub reads: &'static [(&'static str, &'static str)],
}

impl Field {
    pub const fn new(key: &'static str, kind: Kind) -> Field {
        Field {
            key,
            column: key,
            kind,
            required: false,
            write: Write::Always,
            listed: false,
            sort_column: None,
            filtered: true,
            found: Found::No,
            hinted: false,
            several: None,
            quick: false,
            when_asked: false,
            only_while: None,
            always_shown: false,
            expression: None,
            looked_up: None,
            reads: &[],
        }
    }
    /// A field that filters and groups by an expression, for instance the industry of a deal's account.
    pub const fn filter_only(
        key: &'static str,
        kind: Kind,
        expression: Expression,
        reads: &'static [(&'static str, &'static str)],
    ) -> Field {
        Field { column: "", write: Write::Never, expression: Some(expression), reads, ..Field::new(key, kind) }
    }
    pub const fn column(mut self, column: &'static str) -> Field {
        self.column = column;
        self
    }
    pub const fn required(mut self) -> Field {
        self.required = true;
        self.quick = true;
        self
    }
    pub const fn quick(mut self) -> Field {
        self.quick = true;
        self
    }
    pub const fn when_asked(mut self) -> Field {
        self.quick = true;
        self.hinted = true;
        self.when_asked = true;
        self
    }
    pub const fn only_while(mut self, key: &'static str, values: &'static [&'static str]) -> Field {
        self.only_while = Some((key, values));
        self
    }
    pub const fn listed(mut self) -> Field {
        self.listed = true;
        self
    }
    /// Sortable by its own column.
    pub const fn sorted(mut self) -> Field {
        self.sort_column = Some(self.column);
        self
    }
    pub const fn sorted_by(mut self, column: &'static str) -> Field {
        self.sort_column = Some(column);
        self
    }
    pub const fn computed(mut self) -> Field {
        self.write = Write::Never;
        self
    }
    pub const fn on_create(mut self) -> Field {
        self.write = Write::OnCreate;
        self
    }
    pub const fn found(mut self, found: Found) -> Field {
        self.found = found;
        self
    }
    pub const fn several(mut self, several: Several) -> Field {
        self.several = Some(several);
        self
    }
    pub const fn hinted(mut self) -> Field {
        self.hinted = true;
        self
    }
    pub const fn always_shown(mut self) -> Field {
        self.always_shown = true;
        self
    }
    pub const fn reads(mut self, reads: &'static [(&'static str, &'static str)]) -> Field {
        self.reads = reads;
        self
    }
    /// Not a column of the table: an input that `after_save` understands.
    pub const fn virtual_input(mut self) -> Field {
        self.column = "";
        self.filtered = false;
        self
    }

    pub const fn looked_up(mut self, sql: &'static str, told_to: &'static [Role]) -> Field {
        self.looked_up = Some(LookedUp { sql, told_to });
        self
    }

    pub fn is_virtual(&self) -> bool {
        self.column.is_empty()
    }

    /// Whether a record has a value of it to show.
    pub fn is_read(&self) -> bool {
        !self.is_virtual() || self.looked_up.is_some()
    }

    /// The value as SQL on the row `t`.
    pub fn sql(&self) -> String {
        match self.looked_up {
            Some(looked_up) => looked_up.sql.to_owned(),
            None => format!("t.{}", self.column),
        }
    }

    pub fn is_amount(&self) -> bool {
        matches!(self.kind, Kind::Money | Kind::BaseMoney)
    }

    /// A number, amount or date: right-aligned, compared by size.
    pub fn is_measured(&self) -> bool {
        matches!(
            self.kind,
            Kind::Integer { .. } | Kind::Percent | Kind::Money | Kind::BaseMoney | Kind::Date | Kind::Instant
        )
    }
}

impl Object {
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    pub fn title_field(&self) -> &'static Field {
        self.field(self.title).expect("an object has its title field")
    }

    /// The key by which a record of this name sorts. A person's begins with a surname, which may sound otherwise than elsewhere.
    pub fn sort_key(&self, name: &str) -> String {
        match self.name {
            "contact" | "lead" | "person" => search::person_key(name),
            _ => search::sort_key(name),
        }
    }

    /// `account-name`: the message key of a field's label.
    pub fn label_key(&self, field: &Field) -> String {
        format!("{}-{}", self.name, field.key.replace('_', "-"))
    }

    /// `account-industry-technology`: the message key of a choice.
    pub fn choice_key(&self, field: &Field, choice: &str) -> String {
        if let (Kind::Choice(_), [(object, key), ..]) = (field.kind, field.reads) {
            return format!("{object}-{}-{}", key.replace('_', "-"), choice.replace('_', "-"));
        }
        format!("{}-{}-{}", self.name, field.key.replace('_', "-"), choice.replace('_', "-"))
    }
}

/// For objects without rules of their own between fields.
pub fn nothing_to_prepare<'a>(
    _: &'a mut Tx,
    _: &'a Actor,
    _: &'a mut Draft,
    _: Option<&'a Loaded>,
) -> BoxFuture<'a, Result<()>> {
    Box::pin(async { Ok(()) })
}

pub fn nothing_after<'a>(_: &'a mut Tx, _: &'a Actor, _: Saved<'a>) -> BoxFuture<'a, Result<()>> {
    Box::pin(async { Ok(()) })
}

/// A table that is referred to but is no record of its own kind: people and settings. Their names are no secret.
pub struct Target {
    pub table: &'static str,
    pub title_column: &'static str,
}

pub fn plain_target(name: &str) -> Option<Target> {
    match name {
        "person" => Some(Target { table: "person", title_column: "name" }),
        "import" => Some(Target { table: "import", title_column: "name" }),
        "stage" => Some(Target { table: "stage", title_column: "name" }),
        "pipeline" => Some(Target { table: "pipeline", title_column: "name" }),
        "price_list" => Some(Target { table: "price_list", title_column: "name" }),
        _ => None,
    }
}

/// Settings that records refer to: they are at hand, and known without asking the database.
pub fn is_setting(target: &str) -> bool {
    matches!(target, "stage" | "pipeline" | "price_list")
}
