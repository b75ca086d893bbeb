//! A page of the newest records that hold some words: what the search of a whole company shows first. On SQLite those that hold
//! the words themselves come before those that hold longer ones.

use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use crate::search::{KINDS, Term, column, expression, terms};
use crate::{Cells, Engine, Result, Session, Sql};

/// A page of the newest records that match.
#[derive(Debug, Clone, Copy)]
pub struct Newest<'a> {
    pub kind: &'a str,
    pub table: &'a str,
    /// Of its [`sizes`](crate::search::sizes).
    pub rows: i64,
    /// What is looked for; it [has a word](crate::search::has_word).
    pub query: &'a str,
    pub with_private: bool,
    pub limit: i64,
}

/// So many of the newest are looked through first: few enough to cost hardly anything, enough to tell how frequent a word is.
/// Tests make it few, to see every way with few records.
pub static FIRST: AtomicI64 = AtomicI64::new(512);

/// Collecting a record through the index of words costs about as much as looking through three in order.
const COLLECTING: i64 = 3;

/// A table of more than so many times [`FIRST`] is looked into everywhere: in smaller ones each of the ways is quick.
const LARGE: i64 = 100;

/// So much of the stored words is looked at there, in bytes: some hundreds of records, read in a millisecond.
const EVERYWHERE: i64 = 256 * 1024;

impl Newest<'_> {
    /// Reads `select`, which begins with `SELECT t.id`, of the records `t` that match, the newest first. `restrict` appends what
    /// else must hold of `t`.
    pub async fn read(&self, session: &mut Session, select: &Sql, restrict: impl Fn(&mut Sql)) -> Result<Vec<Cells>> {
        debug_assert!(KINDS.contains(&self.kind));
        let terms = terms(self.query);
        match session.engine() {
            Engine::Sqlite => session.all(self.on_sqlite(&terms, select, restrict)).await,
            Engine::Postgres => self.on_postgres(session, &terms, select, restrict).await,
        }
    }

    /// SQLite reads its index no further than the page needs, what was written last first: but only for whole words. To find the
    /// beginning of one it collects every record that holds such a word. So records that hold the words as they are asked for
    /// come first, and the others are looked for only where those do not fill the page.
    fn on_sqlite(&self, terms: &[Term], select: &Sql, restrict: impl Fn(&mut Sql)) -> Sql {
        let all = expression(Engine::Sqlite, terms, self.with_private);
        if !terms.iter().any(Term::is_beginning) {
            return self.matching(all, select, &restrict);
        }
        let whole: Vec<Term> = terms.iter().map(Term::whole).collect();
        let whole = expression(Engine::Sqlite, &whole, self.with_private);
        let others = format!("({all}) NOT ({whole})");
        let mut statement = Sql::new("SELECT * FROM (");
        statement.append(self.matching(whole, select, &restrict)).push(") UNION ALL SELECT * FROM (");
        statement.append(self.matching(others, select, &restrict)).push(") LIMIT ").bind(self.limit);
        statement
    }

    /// What an expression of SQLite's index finds.
    fn matching(&self, expression: String, select: &Sql, restrict: impl Fn(&mut Sql)) -> Sql {
        let Newest { kind, table, .. } = self;
        let mut statement = select.clone();
        statement.push(&format!(
            " FROM search_{kind} s CROSS JOIN search_doc d ON d.rowid = s.rowid CROSS JOIN {table} t ON t.id = d.subject_id
             WHERE search_{kind} MATCH "
        ));
        restrict(statement.bind(expression).push(" AND "));
        statement.push(" ORDER BY s.rowid DESC LIMIT ").bind(self.limit);
        statement
    }

    /// PostgreSQL cannot read its index of words in the order of records; ids are in that order, because they begin with the time
    /// at which they were given. So some of the newest are looked through. Where they do not fill the page, they tell how
    /// frequent each word is, and so which is cheaper: to go on in order until the page should be full, or to collect through the
    /// index what holds the rarest words. The newest may be unlike the others (a thousand notes of the same wording, just
    /// brought in), so of a large table some from everywhere are asked too. At most three statements, of a large table four.
    /// (Within one the planner would choose, and it guesses the same frequency for every beginning of a word.)
    async fn on_postgres(
        &self,
        session: &mut Session,
        terms: &[Term],
        select: &Sql,
        restrict: impl Fn(&mut Sql),
    ) -> Result<Vec<Cells>> {
        let first = FIRST.load(Ordering::Relaxed);
        let looked_through = self.looked_through(terms, select, &restrict, first);
        let Sample { frequency, last, mut page } = Sample::of(session.all(looked_through).await?, terms);
        let (Some(mut older_than), true) = (last, frequency.of == first && (page.len() as i64) < self.limit) else {
            return Ok(page);
        };
        let everywhere = match self.rows > LARGE * first {
            true => Frequency::of(session.all(self.looked_around(terms, &restrict)).await?, terms),
            false => Frequency::none(terms),
        };
        let Frequency { of, found, holding } = frequency.with(everywhere);
        let rarest = holding.iter().copied().min().unwrap_or(0);
        let missing = self.limit - page.len() as i64;
        // Half a record more than was found, lest nothing found be taken for nothing there.
        let going_on = (2 * missing * of / (2 * found + 1)).min(self.rows);
        let collecting = COLLECTING.saturating_mul(self.rows).saturating_mul(rarest) / of;
        if going_on < collecting {
            // Those that come next may hold the words less often: then it ends when it has cost as much as collecting.
            let at_most = Some(collecting.max(going_on.saturating_mul(4))).filter(|at_most| *at_most < self.rows);
            page.extend(session.all(self.gone_through(terms, select, &restrict, older_than, missing, at_most)).await?);
            if at_most.is_none() || page.len() as i64 == self.limit {
                return Ok(page);
            }
            older_than = page.last().and_then(|Cells(cells)| cells[0].id()).unwrap_or(older_than);
        }
        let missing = self.limit - page.len() as i64;
        if collecting > self.rows {
            // Hardly anybody's, but of words that stand everywhere.
            page.extend(session.all(self.gone_through(terms, select, &restrict, older_than, missing, None)).await?);
            return Ok(page);
        }
        // A word twice as frequent costs as much to ask the index for as it saves.
        let rare: Vec<&Term> =
            terms.iter().zip(&holding).filter(|(_, holding)| **holding <= 2 * rarest).map(|(term, _)| term).collect();
        page.extend(session.all(self.collected(terms, &rare, select, &restrict, older_than, missing)).await?);
        Ok(page)
    }

    /// The first records of the page, from the newest of all; beside them what a [`Sample`] tells.
    fn looked_through(&self, terms: &[Term], select: &Sql, restrict: impl Fn(&mut Sql), first: i64) -> Sql {
        let Newest { kind, table, limit, .. } = self;
        let words = column(kind, self.with_private);
        let mut statement = Sql::new("WITH newest AS MATERIALIZED (SELECT d.subject_id");
        for (index, term) in terms.iter().enumerate() {
            self.push_asked(statement.push(", d.words @@ "), [term]);
            statement.push(&format!(" AS holds_{index}"));
        }
        statement.push(&format!(
            " FROM (SELECT d.subject_id, {words} AS words FROM search_doc d WHERE d.kind = '{kind}'
                    ORDER BY d.subject_id DESC LIMIT {first}) d)
             SELECT sample.*, page.* FROM (SELECT COUNT(*) AS looked_through,
                                                  (SELECT n.subject_id FROM newest n ORDER BY n.subject_id LIMIT 1) AS last"
        ));
        for index in 0..terms.len() {
            statement.push(&format!(", COUNT(*) FILTER (WHERE n.holds_{index}) AS holding_{index}"));
        }
        statement.push(" FROM newest n) sample LEFT JOIN (").append(select.clone());
        statement.push(&format!(" FROM newest d JOIN {table} t ON t.id = d.subject_id WHERE "));
        for index in 0..terms.len() {
            statement.push(&format!("d.holds_{index} AND "));
        }
        restrict(&mut statement);
        statement.push(&format!(" ORDER BY d.subject_id DESC LIMIT {limit}) page ON TRUE ORDER BY page.id DESC"));
        statement
    }

    /// How many of some records from everywhere in the table hold each of the words, and how many would be on the page.
    fn looked_around(&self, terms: &[Term], restrict: impl Fn(&mut Sql)) -> Sql {
        let Newest { kind, table, .. } = self;
        let words = column(kind, self.with_private);
        let mut statement = Sql::new("SELECT COUNT(*), COUNT(*) FILTER (WHERE ");
        for index in 0..terms.len() {
            statement.push(&format!("d.holds_{index} AND "));
        }
        statement.push(&format!("EXISTS (SELECT 1 FROM {table} t WHERE t.id = d.subject_id AND "));
        restrict(&mut statement);
        statement.push("))");
        for index in 0..terms.len() {
            statement.push(&format!(", COUNT(*) FILTER (WHERE d.holds_{index})"));
        }
        statement.push(" FROM (SELECT d.subject_id");
        for (index, term) in terms.iter().enumerate() {
            self.push_asked(statement.push(&format!(", {words} @@ ")), [term]);
            statement.push(&format!(" AS holds_{index}"));
        }
        // `OFFSET 0`: each is compared with each word once.
        statement.push(&format!(
            " FROM search_doc d TABLESAMPLE SYSTEM (LEAST(100, 100.0 * {EVERYWHERE} / GREATEST(1, pg_relation_size('search_doc'))))
              WHERE d.kind = '{kind}' OFFSET 0) d"
        ));
        statement
    }

    /// The newest of the records older than one, from the next `at_most` of them all.
    fn gone_through(
        &self,
        terms: &[Term],
        select: &Sql,
        restrict: impl Fn(&mut Sql),
        older_than: Uuid,
        missing: i64,
        at_most: Option<i64>,
    ) -> Sql {
        let Newest { kind, table, .. } = self;
        let words = column(kind, self.with_private);
        let mut statement = select.clone();
        statement.push(&format!(
            " FROM (SELECT d.subject_id, {words} AS words FROM search_doc d WHERE d.kind = '{kind}' AND d.subject_id < "
        ));
        statement.bind(older_than).push(" ORDER BY d.subject_id DESC ");
        match at_most {
            Some(at_most) => statement.push("LIMIT ").bind(at_most),
            // First the order.
            None => statement.push("OFFSET 0"),
        };
        statement.push(&format!(") d JOIN {table} t ON t.id = d.subject_id WHERE d.words @@ "));
        self.push_asked(&mut statement, terms);
        restrict(statement.push(" AND "));
        statement.push(" ORDER BY d.subject_id DESC LIMIT ").bind(missing);
        statement
    }

    /// The newest of the records older than one, from all that hold the rare words.
    fn collected(
        &self,
        terms: &[Term],
        rare: &[&Term],
        select: &Sql,
        restrict: impl Fn(&mut Sql),
        older_than: Uuid,
        missing: i64,
    ) -> Sql {
        let Newest { kind, table, .. } = self;
        let words = column(kind, self.with_private);
        let mut statement = select.clone();
        // `OFFSET 0`: first the rare words, then their order, and the other tables only until the page is full.
        statement.push(&format!(
            " FROM (SELECT c.subject_id FROM (SELECT d.subject_id, {words} AS words FROM search_doc d
                                              WHERE d.kind = '{kind}' AND {words} @@ "
        ));
        self.push_asked(&mut statement, rare.iter().copied());
        self.push_asked(statement.push(" OFFSET 0) c WHERE c.words @@ "), terms);
        statement.push(" AND c.subject_id < ").bind(older_than);
        statement
            .push(&format!(" ORDER BY c.subject_id DESC OFFSET 0) d JOIN {table} t ON t.id = d.subject_id WHERE "));
        restrict(&mut statement);
        statement.push(" ORDER BY d.subject_id DESC LIMIT ").bind(missing);
        statement
    }

    /// Appends what the words are compared with; read once for the statement, not once for each record.
    fn push_asked<'a>(&self, statement: &mut Sql, terms: impl IntoIterator<Item = &'a Term>) {
        let asked = expression(Engine::Postgres, terms, self.with_private);
        statement.push("(SELECT CAST(").bind(asked).push(" AS tsquery))");
    }
}

/// What some records tell of all.
struct Frequency {
    /// How many were looked at.
    of: i64,
    /// How many of them belong on the page.
    found: i64,
    /// How many of them hold each of the words.
    holding: Vec<i64>,
}

impl Frequency {
    fn none(terms: &[Term]) -> Frequency {
        Frequency { of: 0, found: 0, holding: vec![0; terms.len()] }
    }

    /// Of the one row of [`Newest::looked_around`].
    fn of(rows: Vec<Cells>, terms: &[Term]) -> Frequency {
        let count = |at: usize| count_at(&rows, at);
        Frequency { of: count(0), found: count(1), holding: (2..2 + terms.len()).map(count).collect() }
    }

    fn with(self, other: Frequency) -> Frequency {
        Frequency {
            of: self.of + other.of,
            found: self.found + other.found,
            holding: self.holding.iter().zip(&other.holding).map(|(one, other)| one + other).collect(),
        }
    }
}

/// What looking through the newest records tells.
struct Sample {
    frequency: Frequency,
    /// The oldest of them.
    last: Option<Uuid>,
    page: Vec<Cells>,
}

impl Sample {
    fn of(rows: Vec<Cells>, terms: &[Term]) -> Sample {
        let count = |at: usize| count_at(&rows, at);
        let (of, holding) = (count(0), (2..2 + terms.len()).map(count).collect());
        let last = rows.first().and_then(|Cells(cells)| cells.get(1)?.id());
        let page = rows.into_iter().map(|Cells(mut cells)| Cells(cells.split_off(2 + terms.len())));
        // Beside no record at all stands the sample alone.
        let page: Vec<Cells> = page.filter(|Cells(cells)| cells[0].id().is_some()).collect();
        Sample { frequency: Frequency { of, found: page.len() as i64, holding }, last, page }
    }
}

/// A count in the first of the rows.
fn count_at(rows: &[Cells], at: usize) -> i64 {
    rows.first().and_then(|Cells(cells)| cells.get(at)?.int()).unwrap_or(0)
}
