//! All that a question finds, without pages: for exports, for bulk work, and how much it is.

use std::collections::HashMap;

use futures_util::StreamExt;
use store::{Cells, Instant, Session, Sql, Uuid};

use super::row::{row_of, select};
use super::{ListQuery, Question, Row};
use crate::shell::access::Right;
use crate::shell::error::{Error, Result};
use crate::shell::record::Object;
use crate::shell::viewer::Viewer;

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

impl Question<'_> {
    /// The ids of every record in the order of the list (exports). With `only`, those of them. They say which records are meant
    /// for as long as these are read with [`rows_of`]: paged by what the list is sorted by, one that is changed meanwhile would
    /// come twice or not at all.
    pub async fn everything(&self, session: &mut Session, only: &[Uuid]) -> Result<Vec<Uuid>> {
        let mut statement = self.aggregate(session.engine(), "SELECT t.id")?;
        if !only.is_empty() {
            statement.push(" AND t.id IN (").bind_list(only.iter().copied()).push(")");
        }
        self.push_order(&mut statement);
        // One after the other: an id takes sixteen bytes, a row of the database many times as many.
        let mut rows = session.stream::<(Uuid,)>(statement);
        let mut ids = Vec::new();
        while let Some((id,)) = rows.next().await.transpose()? {
            ids.push(id);
        }
        Ok(ids)
    }

    /// The ids of its records, for bulk work.
    pub async fn ids(&self, session: &mut Session, portion: Portion) -> Result<Vec<Uuid>> {
        let mut statement = self.aggregate(session.engine(), "SELECT t.id")?;
        statement.push(" AND t.id > ").bind(portion.after).push(" AND t.created_at <= ").bind(portion.seen);
        statement.push(" ORDER BY t.id LIMIT ").bind(portion.limit);
        Ok(session.all::<(Uuid,)>(statement).await?.into_iter().map(|(id,)| id).collect())
    }

    /// How many records it has, to the last one, and to how many of them the viewer has this right.
    pub async fn count_all(&self, session: &mut Session, right: Right) -> Result<(i64, i64)> {
        let mut select = Sql::new("SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN ");
        (self.object.visible)(&mut select, &self.viewer.scope.of_whole_sets(), right, "t");
        select.push(" THEN 1 ELSE 0 END), 0) AS BIGINT)");
        let statement = self.aggregate(session.engine(), select)?;
        session.one(statement).await.map_err(Error::from)
    }

    /// How many records it has, counted up to `cap`: a count must never be what a page waits for.
    pub async fn count(&self, session: &mut Session, cap: i64) -> Result<i64> {
        let mut statement = self.aggregate(session.engine(), "SELECT COUNT(*) FROM (SELECT 1")?;
        statement.push(" LIMIT ").bind(cap + 1).push(") capped");
        Ok(session.count_many(statement, cap).await?)
    }
}

/// The records of these ids with the fields of the query, as they are now, in this order, as far as they are where they were (in
/// the trash or not) and the viewer sees them.
pub async fn rows_of(
    session: &mut Session,
    viewer: &Viewer,
    object: &'static Object,
    query: &ListQuery,
    ids: &[Uuid],
) -> Result<Vec<Row>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = select(viewer, object, &query.fields, "", None);
    statement.push(" WHERE t.id IN (").bind_list(ids.iter().copied());
    statement.push(if query.trash { ") AND t.deleted_at IS NOT NULL AND " } else { ") AND t.deleted_at IS NULL AND " });
    (object.visible)(&mut statement, &viewer.scope, Right::Read, "t");
    let places: HashMap<Uuid, usize> = ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    let found = session.all::<Cells>(statement).await?;
    let mut rows: Vec<Row> = found.into_iter().map(|Cells(cells)| row_of(viewer, &query.fields, cells)).collect();
    rows.sort_by_key(|row| places.get(&row.id).copied());
    Ok(rows)
}
