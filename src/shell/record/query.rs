//! Reading records: lists by keyset, one record, counts and sums. The statement is put together from the object's
//! description; the viewer's scope and projection are part of it, never added afterwards.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use serde_json::{Value as Json, json};
use store::search;
use store::{Cell, Cells, Day, Instant, Newest, Session, Sql, Uuid};

use super::compared::ordered_by;
use super::field::{Field, Found, Kind, Object, plain_target};
use super::filter::Filter;
use super::value::raw_json;
use super::{Loaded, Registry};
use crate::shell::access::Right;
use crate::shell::error::{Error, Result};
use crate::shell::viewer::Viewer;

/// Which records, in which order, which page.
#[derive(Debug, Clone)]
pub struct ListQuery {
    pub fields: Vec<&'static Field>,
    pub filters: Vec<Filter>,
    /// Full-text words.
    pub words: Option<String>,
    pub sort: &'static Field,
    pub descending: bool,
    pub after: Option<Cursor>,
    pub limit: i64,
    /// Only what lies in the trash.
    pub trash: bool,
}

impl ListQuery {
    /// The order as the address bar says it.
    pub fn sort_text(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort.key)
    }

    /// What the list is sorted by, as SQL on the row `t`.
    fn order(&self, viewer: &Viewer, today: Day) -> String {
        ordered_by(self.sort, &viewer.config, today)
    }

    /// The fields as the address bar says them.
    pub fn columns_text(&self) -> String {
        self.fields.iter().map(|field| field.key).collect::<Vec<_>>().join(",")
    }

    /// Every record of these filters (`field:operator:value`), in the order of titles.
    pub fn of_filters(viewer: &Viewer, object: &'static Object, filters: &[String]) -> Result<ListQuery> {
        Ok(ListQuery {
            fields: Vec::new(),
            filters: filters.iter().map(|text| Filter::parse(object, viewer, text)).collect::<Result<_>>()?,
            words: None,
            sort: object.title_field(),
            descending: false,
            after: None,
            limit: 0,
            trash: false,
        })
    }

    /// What is found by words, or hangs on one record, is few, and there is an index for it.
    fn finds_few(&self) -> bool {
        let is_record = |field: &Field| matches!(field.kind, Kind::Ref(target) if plain_target(target).is_none());
        let by_words = self.words.as_deref().is_some_and(|words| !words.trim().is_empty());
        by_words || self.filters.iter().any(|filter| is_record(filter.field))
    }
}

/// The last row of a page: the value it sorts by, and its id.
#[derive(Debug, Clone)]
pub struct Cursor {
    value: Cell,
    id: Uuid,
}

impl Cursor {
    pub fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(json!([raw_json(&self.value), self.id]).to_string())
    }

    pub fn parse(sort: &Field, text: &str) -> Result<Cursor> {
        let refuse = || Error::field("after", "invalid-cursor");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| refuse())?;
        let Ok(Json::Array(parts)) = serde_json::from_slice(&bytes) else { return Err(refuse()) };
        let [value, id] = parts.as_slice() else { return Err(refuse()) };
        // The column that a field sorts by may be of another type than the field itself (a name sorts by its key).
        let value = match value {
            Json::String(text) => Cell::Text(text.clone()),
            Json::Number(number) => number.as_i64().map_or(Cell::Null, Cell::Int),
            _ => Cell::Null,
        };
        let id = id.as_str().and_then(|id| id.parse().ok()).ok_or_else(refuse)?;
        let fits = match &value {
            Cell::Int(_) => sort.is_measured() || sort.kind == Kind::Bool,
            Cell::Text(text) => !sort.is_measured() && !text.contains('\0'),
            Cell::Null => true,
            _ => false,
        };
        if fits { Ok(Cursor { value, id }) } else { Err(refuse()) }
    }
}

/// One record of a list: a cell and (for references) a label per asked field.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: Uuid,
    pub version: i64,
    pub currency: String,
    pub cells: Vec<Cell>,
    pub labels: Vec<Option<String>>,
}

pub struct Page {
    pub rows: Vec<Row>,
    pub next: Option<Cursor>,
    /// How many there are, up to one more than [`MANY`], where it had to be known.
    pub counted: Option<i64>,
}

/// So many records are many: nobody is shown a greater number.
pub const MANY: i64 = 1_000;
/// A page of more than so many is found soonest by going through all records in the order of the list; fewer are collected and
/// sorted, which takes the same time wherever in the order they stand. [`RECKONED`] from the size of the table; tests set it to
/// see both.
pub static IN_ORDER: AtomicI64 = AtomicI64::new(RECKONED);
pub const RECKONED: i64 = -1;

/// Going in order meets about `limit · all / seen` records until a page of those that may be seen is full. Collecting meets the
/// `seen` ones, and each costs about three times as much: it is looked up by another index and sorted. Both cost the same at
/// `seen = √(limit · all / 3)`.
async fn in_order_from(session: &mut Session, object: &Object, limit: i64, seen: i64) -> Result<i64> {
    match IN_ORDER.load(Ordering::Relaxed) {
        // There are at least as many as are seen: the table need not be asked.
        RECKONED if 3 * seen <= limit => Ok(seen),
        RECKONED => Ok((limit.max(1) * session.rows_about(&[object.table]).await?.iter().sum::<i64>() / 3).isqrt()),
        set => Ok(set),
    }
}

/// One page of records.
pub async fn list(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
) -> Result<Page> {
    let mut visible = Sql::default();
    (object.visible)(&mut visible, &viewer.scope, Right::Read, "t");
    let sees_some = !matches!(visible.text.as_str(), "TRUE" | "FALSE");
    let (mut counted, mut in_order) = (None, false);
    if sees_some && !query.finds_few() {
        let seen = count(session, viewer, registry, object, query, today, MANY).await?;
        let most = in_order_from(session, object, query.limit, seen).await?;
        in_order = if seen <= MANY || most <= MANY {
            seen > most
        } else {
            count(session, viewer, registry, object, query, today, most).await? > most
        };
        counted = Some(seen);
    }
    // The page is found first, and only its rows are joined with what their references are called.
    let order = query.order(viewer, today);
    let mut page = Sql::new(format!("SELECT t.id FROM {} t", object.table));
    push_where(&mut page, session.engine(), viewer, registry, object, query, today, in_order)?;
    push_order(&mut page, query, &order);
    page.push(" LIMIT ").bind(query.limit + 1);
    let mut statement = select(viewer, registry, object, &query.fields, &format!(", {order}"), Some(page));
    push_order(&mut statement, query, &order);
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

/// The first records of several queries of one kind, those of each query after those of the one before, together no more than the
/// first query's limit. One statement, and each part in the order of its own index. For queries that find few.
pub async fn in_turn(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    parts: &[ListQuery],
    today: Day,
) -> Result<Vec<Row>> {
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    let mut page = Sql::default();
    for (number, query) in parts.iter().enumerate() {
        page.push(if number == 0 { "" } else { " UNION ALL " });
        page.push(&format!("SELECT id, part FROM (SELECT t.id, {number} AS part FROM {} t", object.table));
        push_where(&mut page, session.engine(), viewer, registry, object, query, today, false)?;
        push_order(&mut page, query, &query.order(viewer, today));
        page.push(" LIMIT ").bind(first.limit).push(&format!(") p{number}"));
    }
    let mut statement = select(viewer, registry, object, &first.fields, "", Some(page));
    statement.push(" ORDER BY p.part");
    for (number, query) in parts.iter().enumerate() {
        let order = format!("CASE WHEN p.part = {number} THEN {} END", query.order(viewer, today));
        statement.push(&format!(", {order}{}", direction(query)));
    }
    statement.push(", t.id LIMIT ").bind(first.limit);
    let rows = session.all::<Cells>(statement).await?;
    Ok(rows.into_iter().map(|Cells(cells)| row_of(viewer, &first.fields, cells)).collect())
}

/// [`list`] with fields that the program names: one that is hidden from the viewer stays in its place and is empty.
pub async fn list_named(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    keys: &[&str],
    query: ListQuery,
    today: Day,
) -> Result<Page> {
    let (fields, places) = named(viewer, object, keys);
    let mut page = list(session, viewer, registry, object, &ListQuery { fields, ..query }, today).await?;
    for row in &mut page.rows {
        put_in_place(row, &places);
    }
    Ok(page)
}

/// The fields of these keys that the viewer sees, and where among them each key's stands.
fn named(viewer: &Viewer, object: &'static Object, keys: &[&str]) -> (Vec<&'static Field>, Vec<Option<usize>>) {
    let fields: Vec<&'static Field> = viewer.projection(object).filter(|field| keys.contains(&field.key)).collect();
    let places = keys.iter().map(|key| fields.iter().position(|field| field.key == *key)).collect();
    (fields, places)
}

fn put_in_place(row: &mut Row, places: &[Option<usize>]) {
    row.cells = places.iter().map(|at| at.map_or(Cell::Null, |at| row.cells[at].clone())).collect();
    row.labels = places.iter().map(|at| at.and_then(|at| row.labels[at].clone())).collect();
}

/// Records that belong together, for instance those of a day: the first of them, and how many there are.
#[derive(Debug, Clone, Default)]
pub struct Group {
    pub rows: Vec<Row>,
    pub count: i64,
}

/// The first `query.limit` records of each group, with fields that the program names as in [`list_named`], and how many each
/// group has: one statement, and no more rows than that, however many records there are. `group` is a whole number worked out
/// from the row `t`.
#[expect(clippy::too_many_arguments, reason = "the parts of a question; each caller has them at hand")]
pub async fn first_of_groups(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    keys: &[&str],
    group: Sql,
    query: &ListQuery,
    today: Day,
) -> Result<BTreeMap<i64, Group>> {
    let (fields, places) = named(viewer, object, keys);
    let mut grouped = Sql::new("SELECT t.id, ");
    grouped.append(group).push(" AS of_group");
    grouped.push(&format!(", {} AS sorted_by", query.order(viewer, today)));
    let grouped = aggregate(session.engine(), grouped, viewer, registry, object, query, today)?;
    let direction = if query.descending { "DESC" } else { "ASC" };
    let mut first = Sql::new("SELECT id, of_group, place, many FROM (SELECT id, of_group, ROW_NUMBER() OVER (");
    first.push(&format!("PARTITION BY of_group ORDER BY sorted_by {direction}, id {direction}) AS place"));
    first.push(", COUNT(*) OVER (PARTITION BY of_group) AS many FROM (").append(grouped);
    first.push(") grouped) numbered WHERE place <= ").bind(query.limit);
    let mut statement = select(viewer, registry, object, &fields, ", p.of_group, p.many", Some(first));
    statement.push(" ORDER BY p.of_group, p.place");
    let mut groups = BTreeMap::<i64, Group>::new();
    for Cells(mut cells) in session.all::<Cells>(statement).await? {
        let many = cells.pop().and_then(|many| many.int()).unwrap_or(0);
        let Some(of_group) = cells.pop().and_then(|group| group.int()) else { continue };
        let mut row = row_of(viewer, &fields, cells);
        put_in_place(&mut row, &places);
        let group = groups.entry(of_group).or_default();
        group.count = many;
        group.rows.push(row);
    }
    Ok(groups)
}

/// The ids of every record of a query in its order, without paging (exports). With `only`, those of them. They say which records
/// are meant for as long as these are read with [`rows_of`]: paged by what the list is sorted by, one that is changed meanwhile
/// would come twice or not at all.
pub async fn everything(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    only: &[Uuid],
    today: Day,
) -> Result<Vec<Uuid>> {
    let mut statement = aggregate(session.engine(), "SELECT t.id", viewer, registry, object, query, today)?;
    if !only.is_empty() {
        statement.push(" AND t.id IN (").bind_list(only.iter().copied()).push(")");
    }
    push_order(&mut statement, query, &query.order(viewer, today));
    // One after the other: an id takes sixteen bytes, a row of the database many times as many.
    let mut rows = session.stream::<(Uuid,)>(statement);
    let mut ids = Vec::new();
    while let Some((id,)) = rows.next().await.transpose()? {
        ids.push(id);
    }
    Ok(ids)
}

/// These records as they are now, in this order, as far as they are where they were (in the trash or not) and the viewer sees
/// them.
pub async fn rows_of(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    fields: &[&'static Field],
    trash: bool,
    ids: &[Uuid],
) -> Result<Vec<Row>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = select(viewer, registry, object, fields, "", None);
    statement.push(" WHERE t.id IN (").bind_list(ids.iter().copied());
    statement.push(if trash { ") AND t.deleted_at IS NOT NULL AND " } else { ") AND t.deleted_at IS NULL AND " });
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let places: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let found = session.all::<Cells>(statement).await?;
    let mut rows: Vec<Row> = found.into_iter().map(|Cells(cells)| row_of(viewer, fields, cells)).collect();
    rows.sort_by_key(|row| places.get(&row.id).copied());
    Ok(rows)
}

/// Which of the records of a query bulk work takes in hand next: in the order of their ids.
pub struct Portion {
    /// Those behind this id.
    pub after: Uuid,
    /// Those that were there at this instant.
    pub seen: Instant,
    pub limit: i64,
}

impl Portion {
    pub fn first(limit: i64) -> Portion {
        Portion { after: Uuid::nil(), seen: Instant(i64::MAX), limit }
    }
}

/// The ids of a query, for bulk work.
pub async fn ids(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
    portion: Portion,
) -> Result<Vec<Uuid>> {
    let mut statement = aggregate(session.engine(), "SELECT t.id", viewer, registry, object, query, today)?;
    statement.push(" AND t.id > ").bind(portion.after).push(" AND t.created_at <= ").bind(portion.seen);
    statement.push(" ORDER BY t.id LIMIT ").bind(portion.limit);
    Ok(session.all::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id).collect())
}

/// How many records a query has, to the last one, and to how many of them the viewer has this right.
pub async fn count_all(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
    right: Right,
) -> Result<(i64, i64)> {
    let mut select = Sql::new("SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN ");
    (object.visible)(&mut select, &viewer.scope.of_whole_sets(), right, "t");
    select.push(" THEN 1 ELSE 0 END), 0) AS BIGINT)");
    let statement = aggregate(session.engine(), select, viewer, registry, object, query, today)?;
    session.one(statement).await.map_err(Error::from)
}

/// How many records a query has, counted up to `cap`: a count must never be what a page waits for.
pub async fn count(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
    cap: i64,
) -> Result<i64> {
    let mut statement = Sql::new(format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} t", object.table));
    let whole = ListQuery { after: None, ..query.clone() };
    push_where(&mut statement, session.engine(), viewer, registry, object, &whole, today, false)?;
    statement.push(" LIMIT ").bind(cap + 1).push(") capped");
    Ok(session.count_many(statement, cap).await?)
}

/// `FROM … WHERE …` of a query for statements that group or add up; begins with `select` (which may name `t` and bind).
pub fn aggregate(
    engine: store::Engine,
    select: impl Into<Sql>,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
) -> Result<Sql> {
    let mut statement: Sql = select.into();
    statement.push(&format!(" FROM {} t", object.table));
    let whole = ListQuery { after: None, ..query.clone() };
    push_where(&mut statement, engine, viewer, registry, object, &whole, today, false)?;
    Ok(statement)
}

/// [`aggregate`] with filters as the address bar writes them, so that a figure and the list it links to agree.
pub fn aggregate_over(
    engine: store::Engine,
    select: impl Into<Sql>,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    filters: &[String],
    today: Day,
) -> Result<Sql> {
    let query = ListQuery::of_filters(viewer, object, filters)?;
    aggregate(engine, select, viewer, registry, object, &query, today)
}

/// One record with the fields of the viewer's projection; 404 when it is not there or not theirs to see.
pub async fn find(
    session: &mut Session,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    id: Uuid,
) -> Result<(Row, Vec<&'static Field>)> {
    let fields: Vec<&'static Field> = viewer.shown(object).collect();
    let mut statement = select(viewer, registry, object, &fields, "", None);
    statement.push(" WHERE t.id = ").bind(id).push(" AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let Cells(cells) = session.optional::<Cells>(statement).await?.ok_or(Error::NotFound)?;
    Ok((row_of(viewer, &fields, cells), fields))
}

/// Whether the viewer may do this to the record now. One statement, inside the caller's transaction.
pub async fn allowed(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    right: Right,
) -> Result<bool> {
    let mut statement = Sql::new(format!("SELECT 1 FROM {} t WHERE t.id = ", object.table));
    statement.bind(id).push(" AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    // A bare literal is INT4 on PostgreSQL and INTEGER on SQLite: read it as a run-time cell.
    Ok(session.optional::<Cells>(statement).await?.is_some())
}

/// Errors: forbidden, of a record that the viewer has been shown to see and may not change.
pub async fn check_change(session: &mut Session, viewer: &Viewer, object: &'static Object, id: Uuid) -> Result<()> {
    if allowed(session, viewer, object, id, Right::Write).await? { Ok(()) } else { Err(Error::Forbidden) }
}

/// Which of these records the viewer may read or change, with their versions, in one statement.
pub async fn versions_allowed(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    ids: &[Uuid],
    right: Right,
) -> Result<HashMap<Uuid, i64>> {
    let mut statement = Sql::new(format!("SELECT t.id, t.version FROM {} t WHERE t.id IN (", object.table));
    statement.bind_list(ids.iter().copied()).push(") AND t.deleted_at IS NULL AND ");
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    Ok(session.all::<(Uuid, i64)>(statement).await?.into_iter().collect())
}

/// What the first of these records are called, in the order of their ids, as far as the viewer may see them; in the trash or not.
pub async fn names(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>> {
    let title = object.title_field();
    let mut statement = Sql::new(format!("SELECT t.id, t.{} FROM {} t WHERE t.id IN (", title.column, object.table));
    statement.bind_list(ids.iter().copied()).push(") AND ");
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let mut names: Vec<(Uuid, String)> = session.all(statement).await?;
    names.sort_by_key(|(id, _)| ids.iter().position(|one| one == id));
    Ok(names)
}

/// The whole record inside a transaction, every field, for the commands; locked on PostgreSQL.
pub async fn load(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    id: Uuid,
    right: Right,
    in_trash: bool,
) -> Result<Loaded> {
    let fields: Vec<&'static Field> = object.fields.iter().filter(|field| !field.is_virtual()).collect();
    let mut statement = Sql::new("SELECT t.id, t.version");
    for field in &fields {
        statement.push(", t.").push(field.column);
    }
    statement.push(&format!(" FROM {} t WHERE t.id = ", object.table)).bind(id);
    statement.push(if in_trash { " AND t.deleted_at IS NOT NULL AND " } else { " AND t.deleted_at IS NULL AND " });
    (object.visible)(&mut statement, &viewer.scope, right, "t");
    statement.push(" /*for update*/");
    let Cells(cells) = session.optional::<Cells>(statement).await?.ok_or(Error::NotFound)?;
    let version = cells[1].int().unwrap_or(0);
    let values = fields.iter().zip(cells.into_iter().skip(2)).map(|(field, cell)| (field.key, cell)).collect();
    Ok(Loaded { id, version, values })
}

/// `SELECT id, version, currency, (field [, label])…{more} FROM t`, of all records or of a page `p` of ids. Labels of references
/// come through a join that carries the target's scope: what the viewer may not see is neither named nor linked.
fn select(
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    fields: &[&'static Field],
    more: &str,
    page: Option<Sql>,
) -> Sql {
    let mut statement = Sql::new("SELECT t.id, t.version, ");
    statement.push(if object.field("currency").is_some() { "t.currency" } else { "NULL" });
    for (index, field) in fields.iter().enumerate() {
        match field.kind {
            Kind::Ref(target) => {
                let title = plain_target(target)
                    .map(|target| target.title_column)
                    .or_else(|| registry.get(target).map(|object| object.title_field().column));
                statement.push(&format!(", r{index}.id, r{index}.{}", title.unwrap_or("id")));
            }
            _ => {
                statement.push(", ").push(&field.sql());
            }
        }
    }
    statement.push(more).push(" FROM ");
    match page {
        Some(page) => statement.push("(").append(page).push(&format!(") p JOIN {} t ON t.id = p.id", object.table)),
        None => statement.push(&format!("{} t", object.table)),
    };
    for (index, field) in fields.iter().enumerate() {
        let Kind::Ref(target) = field.kind else { continue };
        if let Some(plain) = plain_target(target) {
            statement.push(&format!(" LEFT JOIN {} r{index} ON r{index}.id = {}", plain.table, field.sql()));
        } else if let Some(target) = registry.get(target) {
            let alias = format!("r{index}");
            statement.push(&format!(
                " LEFT JOIN {} {alias} ON {alias}.id = {} AND {alias}.deleted_at IS NULL AND ",
                target.table,
                field.sql()
            ));
            (target.visible)(&mut statement, &viewer.scope, Right::Read, &alias);
        }
    }
    statement
}

fn row_of(viewer: &Viewer, fields: &[&'static Field], cells: Vec<Cell>) -> Row {
    let mut cells = cells.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let id = next().id().unwrap_or_default();
    let version = next().int().unwrap_or(0);
    let currency = next().text().map_or_else(|| viewer.config.base_currency.clone(), str::to_owned);
    let mut row = Row {
        id,
        version,
        currency,
        cells: Vec::with_capacity(fields.len()),
        labels: Vec::with_capacity(fields.len()),
    };
    for field in fields {
        row.cells.push(next());
        let label = if matches!(field.kind, Kind::Ref(_)) { next() } else { Cell::Null };
        row.labels.push(label.text().map(str::to_owned));
    }
    row
}

/// `in_order`: the scope is asked of each record that comes along in the order of the list. SQLite would otherwise collect
/// every record of the scope, by one index after the other, and sort them for a page of fifty.
#[expect(clippy::too_many_arguments, reason = "the parts of a question; each caller has them at hand")]
fn push_where(
    statement: &mut Sql,
    engine: store::Engine,
    viewer: &Viewer,
    registry: &Registry,
    object: &'static Object,
    query: &ListQuery,
    today: Day,
    in_order: bool,
) -> Result<()> {
    statement.push(if query.trash {
        " WHERE t.deleted_at IS NOT NULL AND "
    } else {
        " WHERE t.deleted_at IS NULL AND "
    });
    statement.push(if in_order { "CASE WHEN " } else { "" });
    let scope = if in_order { viewer.scope.clone() } else { viewer.scope.of_whole_sets() };
    (object.visible)(statement, &scope, Right::Read, "t");
    statement.push(if in_order { " THEN 1 ELSE 0 END = 1" } else { "" });
    for filter in &query.filters {
        statement.push(" AND (");
        filter.push(statement, object, viewer, registry, today)?;
        statement.push(")");
    }
    if let Some(words) = query.words.as_deref().filter(|words| !words.trim().is_empty()) {
        statement.push(" AND ");
        push_words(statement, engine, viewer, object, words);
    }
    if let Some(cursor) = &query.after {
        statement.push(" AND ");
        push_after(statement, query, &query.order(viewer, today), cursor);
    }
    Ok(())
}

/// Appends "the row `t` is found by these words". Lists, search, palette and pickers all find through it.
///
/// The index cannot leave single fields out. Somebody from whom a field is hidden that goes into it finds by name only, or
/// they could feel for its content word by word.
pub fn push_words(statement: &mut Sql, engine: store::Engine, viewer: &Viewer, object: &'static Object, words: &str) {
    let private = viewer.sees_private(object);
    if is_indexed_for(viewer, object) && search::push_match(statement, engine, object.name, "t.id", words, private) {
        return;
    }
    // They are looked through; names also by sound.
    let title = object.title_field();
    statement.push("(");
    search::push_contains(statement, &format!("t.{}", title.column), words.trim());
    if title.sort_column == Some("name_key") {
        let key = search::sort_key(words.trim()).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        statement.push(" OR t.name_key LIKE ").bind(format!("{key}%")).push(" ESCAPE '\\'");
    }
    statement.push(")");
}

/// Whether the viewer may find these records through the index of words.
fn is_indexed_for(viewer: &Viewer, object: &'static Object) -> bool {
    let open = |field: &&Field| matches!(field.found, Found::ByName | Found::ByText);
    object.fields.iter().filter(open).all(|field| viewer.sees(object, field.key))
}

/// `SELECT t.id, …` of the records `t` that are found by words, or are the one with this id, and that the viewer may see: the newest,
/// at most `limit`. `rows` is the table's of [`search::sizes`].
pub async fn newest(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    select: &Sql,
    words: &str,
    limit: i64,
    rows: i64,
) -> Result<Vec<Cells>> {
    let engine = session.engine();
    let readable = |statement: &mut Sql| {
        statement.push("t.deleted_at IS NULL AND ");
        (object.visible)(statement, &viewer.scope, Right::Read, "t");
    };
    let id = words.parse::<Uuid>().ok();
    if id.is_none() && is_indexed_for(viewer, object) && search::has_word(words) {
        let with_private = viewer.sees_private(object);
        let newest = Newest { kind: object.name, table: object.table, rows, query: words, with_private, limit };
        return Ok(newest.read(session, select, readable).await?);
    }
    let mut statement = select.clone();
    statement.push(&format!(" FROM {} t WHERE ", object.table));
    readable(&mut statement);
    statement.push(" AND ");
    match id {
        Some(id) => {
            statement.push("t.id = ").bind(id);
        }
        None => push_words(&mut statement, engine, viewer, object, words),
    }
    statement.push(" ORDER BY t.updated_at DESC, t.id DESC LIMIT ").bind(limit);
    Ok(session.all(statement).await?)
}

/// What is shown beside a record's name, as SQL on the row `t`; `NULL` when there is nothing, or it is hidden from the viewer.
pub fn hint(viewer: &Viewer, object: &'static Object) -> Sql {
    let Some(field) = viewer.projection(object).find(|field| field.key == object.hint) else { return Sql::new("NULL") };
    let Kind::Ref(target) = field.kind else { return Sql::new(format!("t.{}", field.column)) };
    let named = |title: &str, table: &str| format!("(SELECT x.{title} FROM {table} x WHERE x.id = t.{}", field.column);
    match (plain_target(target), viewer.registry.get(target)) {
        (Some(plain), _) => Sql::new(format!("{})", named(plain.title_column, plain.table))),
        (None, Some(target)) => {
            let mut hint = Sql::new(named(target.title_field().column, target.table));
            hint.push(" AND x.deleted_at IS NULL AND ");
            (target.visible)(&mut hint, &viewer.scope, Right::Read, "x");
            hint.push(")").clone()
        }
        (None, None) => Sql::new("NULL"),
    }
}

/// `SELECT` of a record `t`: its id, its name, and what tells it from others of that name.
pub fn select_named(viewer: &Viewer, object: &'static Object) -> Sql {
    let mut select = Sql::new(format!("SELECT t.id, t.{}, ", object.title_field().column));
    select.append(hint(viewer, object)).clone()
}

/// Rows after the cursor. Empty values count as the smallest, on both engines and in both directions.
fn push_after(statement: &mut Sql, query: &ListQuery, column: &str, cursor: &Cursor) {
    let value = match &cursor.value {
        Cell::Int(value) => store::Arg::Int(Some(*value)),
        other => store::Arg::Text(other.text().map(str::to_owned)),
    };
    match (query.descending, cursor.value.is_null()) {
        (true, false) => {
            statement.push(&format!("(({column}, t.id) < (")).bind(value).push(", ").bind(cursor.id);
            statement.push(if always_filled(query.sort) { "))" } else { ")" });
            if !always_filled(query.sort) {
                statement.push(&format!(" OR {column} IS NULL)"));
            }
        }
        (true, true) => {
            statement.push(&format!("({column} IS NULL AND t.id < ")).bind(cursor.id).push(")");
        }
        (false, false) => {
            statement.push(&format!("({column}, t.id) > (")).bind(value).push(", ").bind(cursor.id).push(")");
        }
        (false, true) => {
            statement.push(&format!("({column} IS NOT NULL OR t.id > ")).bind(cursor.id).push(")");
        }
    }
}

fn always_filled(sort: &Field) -> bool {
    // An amount in a currency without a rate is worth nothing known.
    let is_kept = sort.kind != Kind::Money || sort.sort_column.is_some_and(|kept| kept != sort.column);
    (sort.required && is_kept) || sort.write == super::Write::Never || sort.sort_column == Some("name_key")
}

fn push_order(statement: &mut Sql, query: &ListQuery, column: &str) {
    let id = if query.descending { "t.id DESC" } else { "t.id ASC" };
    statement.push(&format!(" ORDER BY {column}{}, {id}", direction(query)));
}

/// Empty values count as the smallest.
fn direction(query: &ListQuery) -> &'static str {
    if query.descending { " DESC NULLS LAST" } else { " ASC NULLS FIRST" }
}
