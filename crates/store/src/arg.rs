//! Values that go into a statement and come out of a row, the same on both engines.

use sqlx::{Row, TypeInfo, ValueRef};
use uuid::Uuid;

use crate::{Day, Instant};

/// One bound argument. `None` still carries its type, because PostgreSQL wants to know it.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Id(Option<Uuid>),
    Bool(Option<bool>),
    Float(Option<f64>),
    Bytes(Option<Vec<u8>>),
}

impl Arg {
    /// No value, of the same type.
    pub fn emptied(&self) -> Arg {
        match self {
            Arg::Int(_) => Arg::Int(None),
            Arg::Text(_) => Arg::Text(None),
            Arg::Id(_) => Arg::Id(None),
            Arg::Bool(_) => Arg::Bool(None),
            Arg::Float(_) => Arg::Float(None),
            Arg::Bytes(_) => Arg::Bytes(None),
        }
    }
}

macro_rules! arg_from {
    ($($from:ty => $variant:ident($map:expr);)*) => {$(
        impl From<$from> for Arg { fn from(value: $from) -> Arg { Arg::$variant(Some(($map)(value))) } }
        impl From<Option<$from>> for Arg { fn from(value: Option<$from>) -> Arg { Arg::$variant(value.map($map)) } }
    )*};
}
arg_from! {
    i64 => Int(|v| v);
    i32 => Int(i64::from);
    usize => Int(|v| v as i64);
    Day => Int(|v: Day| v.0);
    Instant => Int(|v: Instant| v.0);
    String => Text(|v| v);
    &str => Text(str::to_owned);
    &String => Text(String::clone);
    Uuid => Id(|v| v);
    bool => Bool(|v| v);
    f64 => Float(|v| v);
    Vec<u8> => Bytes(|v| v);
}

/// One value of a row whose columns are only known at run time (lists, exports, record pages).
/// Booleans arrive as `Int(0 | 1)` on both engines.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Id(Uuid),
    Float(f64),
}

impl Cell {
    pub fn int(&self) -> Option<i64> {
        if let Cell::Int(value) = self { Some(*value) } else { None }
    }
    pub fn text(&self) -> Option<&str> {
        if let Cell::Text(value) = self { Some(value) } else { None }
    }
    pub fn id(&self) -> Option<Uuid> {
        if let Cell::Id(value) = self { Some(*value) } else { None }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }
}

/// A whole row of run-time columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Cells(pub Vec<Cell>);

impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for Cells {
    fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
        (0..row.len())
            .map(|index| {
                let raw = row.try_get_raw(index)?;
                if raw.is_null() {
                    return Ok(Cell::Null);
                }
                let name = raw.type_info();
                Ok(match name.name() {
                    "TEXT" => Cell::Text(row.try_get(index)?),
                    "BLOB" => Cell::Id(row.try_get(index)?),
                    "REAL" => Cell::Float(row.try_get(index)?),
                    "BOOLEAN" => Cell::Int(i64::from(row.try_get::<bool, _>(index)?)),
                    _ => Cell::Int(row.try_get_unchecked(index)?),
                })
            })
            .collect::<Result<_, _>>()
            .map(Cells)
    }
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Cells {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        (0..row.len())
            .map(|index| {
                let raw = row.try_get_raw(index)?;
                if raw.is_null() {
                    return Ok(Cell::Null);
                }
                let name = raw.type_info();
                Ok(match name.name() {
                    "UUID" => Cell::Id(row.try_get(index)?),
                    "FLOAT8" => Cell::Float(row.try_get(index)?),
                    "BOOL" => Cell::Int(i64::from(row.try_get::<bool, _>(index)?)),
                    "INT4" => Cell::Int(i64::from(row.try_get::<i32, _>(index)?)),
                    "INT8" => Cell::Int(row.try_get(index)?),
                    _ => Cell::Text(row.try_get(index)?),
                })
            })
            .collect::<Result<_, _>>()
            .map(Cells)
    }
}
