//! The one permission model. Roles give levels per kind of record; a [`Scope`] turns them into SQL. Lists, counts, sums, search,
//! exports, the API, charts and jobs all read through it, because [`crate::shell::record`] asks for it by type.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use store::{Sql, Uuid};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Partner,
    Manager,
    Seller,
    Hr,
    Marketing,
    Liaison,
    Admin,
    Auditor,
}

impl Role {
    pub const ALL: [Role; 8] = [
        Role::Partner,
        Role::Manager,
        Role::Seller,
        Role::Hr,
        Role::Marketing,
        Role::Liaison,
        Role::Admin,
        Role::Auditor,
    ];

    /// Their keys, in the same order.
    pub const KEYS: [&str; 8] = {
        let mut keys = [""; 8];
        let mut at = 0;
        while at < keys.len() {
            keys[at] = Role::ALL[at].key();
            at += 1;
        }
        keys
    };

    pub const fn key(self) -> &'static str {
        match self {
            Role::Partner => "partner",
            Role::Manager => "manager",
            Role::Seller => "seller",
            Role::Hr => "hr",
            Role::Marketing => "marketing",
            Role::Liaison => "liaison",
            Role::Admin => "admin",
            Role::Auditor => "auditor",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.key() == text)
    }
}

/// How far a right reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    #[default]
    None,
    /// What one owns, and what was shared.
    Own,
    /// Also what people below one in the reporting line own.
    Team,
    All,
}

impl Level {
    pub const ALL: [Level; 4] = [Level::None, Level::Own, Level::Team, Level::All];

    pub fn key(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Own => "own",
            Level::Team => "team",
            Level::All => "all",
        }
    }

    pub fn parse(text: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.key() == text)
    }
}

/// What a role, or a person with several, may do with one kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    pub read: Level,
    pub write: Level,
    pub create: bool,
    pub export: bool,
}

impl Access {
    fn join(self, other: Access) -> Access {
        Access {
            read: self.read.max(other.read),
            write: self.write.max(other.write),
            create: self.create || other.create,
            export: self.export || other.export,
        }
    }
}

/// The rules as configured: per role and object, with a company-wide default and fields hidden from roles.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    pub by_role: HashMap<(Role, String), Access>,
    pub default_read: HashMap<String, Level>,
    /// By object and field: the roles from which it is hidden.
    pub hidden: HashMap<String, HashMap<String, Vec<Role>>>,
}

impl Rules {
    /// The joined rights of somebody with these roles.
    pub fn access(&self, roles: &[Role], object: &str) -> Access {
        let joined = roles
            .iter()
            .filter_map(|role| self.by_role.get(&(*role, object.to_owned())))
            .fold(Access::default(), |sum, access| sum.join(*access));
        // The default widens what one may read; it never opens an object to somebody who has no right on it at all.
        match self.default_read.get(object) {
            Some(level) if joined != Access::default() => Access { read: joined.read.max(*level), ..joined },
            _ => joined,
        }
    }

    /// A field is hidden only when every role of the person hides it.
    pub fn is_hidden(&self, roles: &[Role], object: &str, field: &str) -> bool {
        // Asked for every field of every row.
        let Some(by) = self.hidden.get(object).and_then(|fields| fields.get(field)) else { return false };
        !roles.is_empty() && roles.iter().all(|role| by.contains(role))
    }
}

/// Whose eyes a query looks through.
#[derive(Debug, Clone)]
pub struct Scope {
    pub person: Uuid,
    access: Arc<HashMap<String, Access>>,
    whole_sets: bool,
    /// Whether any record at all was shared with the person, or they are on the team of one: without, nothing of it is asked, and
    /// an index in the order of a list suffices.
    given: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Read,
    Write,
    /// To say who else has it: to share it, to put somebody on its team, to name another owner. What was shared with somebody, or is
    /// theirs to change as one of a team, they change, but do not give.
    Give,
}

impl Scope {
    pub fn new(person: Uuid, roles: &[Role], rules: &Rules, given: bool) -> Scope {
        let objects: HashSet<&String> = rules.by_role.keys().map(|(_, object)| object).collect();
        let access = objects.into_iter().map(|object| (object.clone(), rules.access(roles, object))).collect();
        Scope { person, access: Arc::new(access), whole_sets: false, given }
    }

    /// For statements that go through a whole table. What a record's visibility depends on is then collected once, instead of
    /// being looked up for each record, which is quicker for few of them.
    pub fn of_whole_sets(&self) -> Scope {
        Scope { whole_sets: true, ..self.clone() }
    }

    /// Appends "the column leads to a row of `from` (table and alias) of which the conditions hold". Asked for each record it is a
    /// scalar query, because of an `EXISTS` PostgreSQL may collect the whole set after all.
    pub fn push_leads_to(
        &self,
        statement: &mut Sql,
        column: &str,
        from: &str,
        key: &str,
        conditions: impl FnOnce(&mut Sql),
    ) {
        if self.whole_sets {
            conditions(statement.push(&format!("{column} IN (SELECT {key} FROM {from} WHERE {key} IS NOT NULL AND ")));
            statement.push(")");
        } else {
            conditions(statement.push(&format!("(SELECT 1 FROM {from} WHERE {key} = {column} AND ")));
            statement.push(" LIMIT 1) IS NOT NULL");
        }
    }

    pub fn access(&self, object: &str) -> Access {
        self.access.get(object).copied().unwrap_or_default()
    }

    pub fn creates_any(&self) -> bool {
        self.access.values().any(|access| access.create)
    }

    pub fn level(&self, object: &str, right: Right) -> Level {
        let access = self.access(object);
        match right {
            Right::Read => access.read,
            // Nobody changes what they may not see.
            Right::Write | Right::Give => access.write.min(access.read),
        }
    }

    /// `TRUE`, `FALSE`, or "the owner is me / below me".
    pub fn push_owner(&self, statement: &mut Sql, level: Level, owner_column: &str) {
        match level {
            Level::All => {
                statement.push("TRUE");
            }
            Level::None => {
                statement.push("FALSE");
            }
            Level::Own => {
                statement.push(owner_column).push(" = ").bind(self.person);
            }
            Level::Team => {
                statement
                    .push(owner_column)
                    .push(" IN (SELECT person_id FROM person_below WHERE manager_id = ")
                    .bind(self.person)
                    .push(")");
            }
        }
    }

    /// "…or I am on this account's team."
    pub fn push_or_in_team(&self, statement: &mut Sql, right: Right, id_column: &str) {
        if !self.given || right == Right::Give {
            return;
        }
        statement
            .push(&format!(" OR {id_column} IN (SELECT account_id FROM account_team WHERE person_id = "))
            .bind(self.person)
            .push(")");
    }

    /// "…or this record was shared with me." Nothing where nothing was: SQLite would not use an index beside `OR FALSE`.
    pub fn push_or_shared(&self, statement: &mut Sql, object: &str, right: Right, id_column: &str) {
        if !self.given || right == Right::Give {
            return;
        }
        statement
            .push(&format!(
                " OR {id_column} IN (SELECT record_id FROM record_share WHERE object = '{object}' AND person_id = "
            ))
            .bind(self.person);
        if right == Right::Write {
            statement.push(" AND may_write");
        }
        statement.push(")");
    }
}
