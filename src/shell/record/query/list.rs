//! Lists: a page, the first records of several queries in turn, and the first of each group.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};

use store::{Cell, Cells, Day, Session, Sql};

use super::row::{row_of, select};
use super::{Cursor, ListQuery, Question, Row};
use crate::shell::access::Right;
use crate::shell::error::Result;
use crate::shell::record::{Field, Kind, Object, plain_target};
use crate::shell::viewer::Viewer;

pub struct Page {
    pub rows: Vec<Row>,
    pub next: Option<Cursor>,
    /// How many there are, up to one more than [`MANY`], where it had to be known.
    pub counted: Option<i64>,
}

/// Records that belong together, for instance those of a day: the first of them, and how many there are.
#[derive(Debug, Clone, Default)]
pub struct Group {
    pub rows: Vec<Row>,
    pub count: i64,
}

/// So many records are many: nobody is shown a greater number.
pub const MANY: i64 = 1_000;
/// A page of more than so many is found soonest by going through all records in the order of the list; fewer are collected and
/// sorted, which takes the same time wherever in the order they stand. [`RECKONED`] from the size of the table; tests set it to
/// see both.
pub static IN_ORDER: AtomicI64 = AtomicI64::new(RECKONED);
pub const RECKONED: i64 = -1;

impl Question<'_> {
    /// One page of records.
    pub async fn page(&self, session: &mut Session) -> Result<Page> {
        let Question { viewer, object, query, .. } = *self;
        let mut visible = Sql::default();
        (object.visible)(&mut visible, &viewer.scope, Right::Read, "t");
        let sees_some = !matches!(visible.text.as_str(), "TRUE" | "FALSE");
        let (mut counted, mut in_order) = (None, false);
        if sees_some && !self.finds_few() {
            let seen = self.count(session, MANY).await?;
            let most = self.in_order_from(session, seen).await?;
            in_order = if seen <= MANY || most <= MANY { seen > most } else { self.count(session, most).await? > most };
            counted = Some(seen);
        }
        // The page is found first, and only its rows are joined with what their references are called.
        let mut page = Sql::new(format!("SELECT t.id FROM {} t", object.table));
        self.push_where(&mut page, session.engine(), in_order)?;
        self.push_after(&mut page);
        self.push_order(&mut page);
        page.push(" LIMIT ").bind(query.limit + 1);
        let mut statement = select(viewer, object, &query.fields, &format!(", {}", self.order()), Some(page));
        self.push_order(&mut statement);
        let rows = session.all::<Cells>(statement).await?;
        let more = rows.len() as i64 > query.limit;
        let mut page = Page { rows: Vec::with_capacity(rows.len()), next: None, counted };
        let mut last = None;
        for Cells(mut cells) in rows.into_iter().take(query.limit as usize) {
            let sort_value = cells.pop().unwrap_or(Cell::Null);
            let row = row_of(viewer, &query.fields, cells);
            last = Some(Cursor { value: sort_value, id: row.id });
            page.rows.push(row);
        }
        page.next = last.filter(|_| more);
        Ok(page)
    }

    /// What is found by words, or hangs on one record, is few, and there is an index for it.
    fn finds_few(&self) -> bool {
        let is_record = |field: &Field| matches!(field.kind, Kind::Ref(target) if plain_target(target).is_none());
        let by_words = self.query.words.as_deref().is_some_and(|words| !words.trim().is_empty());
        by_words || self.query.filters.iter().any(|filter| is_record(filter.field))
    }

    /// Going in order meets about `limit · all / seen` records until a page of those that may be seen is full. Collecting meets
    /// the `seen` ones, and each costs about three times as much: it is looked up by another index and sorted. Both cost the same
    /// at `seen = √(limit · all / 3)`.
    async fn in_order_from(&self, session: &mut Session, seen: i64) -> Result<i64> {
        let limit = self.query.limit;
        match IN_ORDER.load(Ordering::Relaxed) {
            // There are at least as many as are seen: the table need not be asked.
            RECKONED if 3 * seen <= limit => Ok(seen),
            RECKONED => {
                let all = session.rows_about(&[self.object.table]).await?.iter().sum::<i64>();
                Ok((limit.max(1) * all / 3).isqrt())
            }
            set => Ok(set),
        }
    }

    /// [`Question::page`] with fields that the program names: one that is hidden from the viewer stays in its place and is empty.
    pub async fn page_named(&self, session: &mut Session, keys: &[&str]) -> Result<Page> {
        let (fields, places) = self.named(keys);
        let query = ListQuery { fields, ..self.query.clone() };
        let mut page = Question { query: &query, ..*self }.page(session).await?;
        for row in &mut page.rows {
            put_in_place(row, &places);
        }
        Ok(page)
    }

    /// The first `query.limit` records of each group, with fields that the program names as in [`Question::page_named`], and how
    /// many each group has: one statement, and no more rows than that, however many records there are. `group` is a whole number
    /// worked out from the row `t`.
    pub async fn groups(&self, session: &mut Session, keys: &[&str], group: Sql) -> Result<BTreeMap<i64, Group>> {
        let (fields, places) = self.named(keys);
        let mut grouped = Sql::new("SELECT t.id, ");
        grouped.append(group).push(" AS of_group");
        grouped.push(&format!(", {} AS sorted_by", self.order()));
        let grouped = self.aggregate(session.engine(), grouped)?;
        let direction = if self.query.descending { "DESC" } else { "ASC" };
        let mut first = Sql::new("SELECT id, of_group, place, many FROM (SELECT id, of_group, ROW_NUMBER() OVER (");
        first.push(&format!("PARTITION BY of_group ORDER BY sorted_by {direction}, id {direction}) AS place"));
        first.push(", COUNT(*) OVER (PARTITION BY of_group) AS many FROM (").append(grouped);
        first.push(") grouped) numbered WHERE place <= ").bind(self.query.limit);
        let mut statement = select(self.viewer, self.object, &fields, ", p.of_group, p.many", Some(first));
        statement.push(" ORDER BY p.of_group, p.place");
        let mut groups = BTreeMap::<i64, Group>::new();
        for Cells(mut cells) in session.all::<Cells>(statement).await? {
            let many = cells.pop().and_then(|many| many.int()).unwrap_or(0);
            let Some(of_group) = cells.pop().and_then(|group| group.int()) else { continue };
            let mut row = row_of(self.viewer, &fields, cells);
            put_in_place(&mut row, &places);
            let group = groups.entry(of_group).or_default();
            group.count = many;
            group.rows.push(row);
        }
        Ok(groups)
    }

    /// The fields of these keys that the viewer sees, and where among them each key's stands.
    fn named(&self, keys: &[&str]) -> (Vec<&'static Field>, Vec<Option<usize>>) {
        let seen = self.viewer.projection(self.object);
        let fields: Vec<&'static Field> = seen.filter(|field| keys.contains(&field.key)).collect();
        let places = keys.iter().map(|key| fields.iter().position(|field| field.key == *key)).collect();
        (fields, places)
    }
}

fn put_in_place(row: &mut Row, places: &[Option<usize>]) {
    row.cells = places.iter().map(|at| at.map_or(Cell::Null, |at| row.cells[at].clone())).collect();
    row.labels = places.iter().map(|at| at.and_then(|at| row.labels[at].clone())).collect();
}

/// The first records of several queries of one kind, those of each query after those of the one before, together no more than the
/// first query's limit. One statement, and each part in the order of its own index. For queries that find few.
pub async fn in_turn(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    parts: &[ListQuery],
    today: Day,
) -> Result<Vec<Row>> {
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    let parts: Vec<Question<'_>> = parts.iter().map(|query| Question { viewer, object, query, today }).collect();
    let mut page = Sql::default();
    for (number, part) in parts.iter().enumerate() {
        page.push(if number == 0 { "" } else { " UNION ALL " });
        page.push(&format!("SELECT id, part FROM (SELECT t.id, {number} AS part"));
        page = part.aggregate(session.engine(), page)?;
        part.push_order(&mut page);
        page.push(" LIMIT ").bind(first.limit).push(&format!(") p{number}"));
    }
    let mut statement = select(viewer, object, &first.fields, "", Some(page));
    statement.push(" ORDER BY p.part");
    for (number, part) in parts.iter().enumerate() {
        let order = format!("CASE WHEN p.part = {number} THEN {} END", part.order());
        statement.push(&format!(", {order}{}", part.direction()));
    }
    statement.push(", t.id LIMIT ").bind(first.limit);
    let rows = session.all::<Cells>(statement).await?;
    Ok(rows.into_iter().map(|Cells(cells)| row_of(viewer, &first.fields, cells)).collect())
}
