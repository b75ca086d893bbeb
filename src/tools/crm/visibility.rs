//! Who sees which record. One predicate per kind, used by every surface:
//!
//! - account: its owner reaches me by my level, or it was shared with me, I am on its team, or I see a deal of it
//!   (who works a deal must know the customer);
//! - opportunity, lead: owner by level, or shared;
//! - contact: as its account; without an account as its owner;
//! - activity: its owner is me, or I see the lead it began with, or what it hangs on (deal, else account, else contact). What was said
//!   with a lead is thereby also seen by those who see what the lead became, and lost to nobody who saw it before;
//! - task: owner by level, or I made it;
//! - product, person: everybody with a right on the kind.
//!
//! Who may give a record to somebody is who may change it without its having been given to them: shares and teams do not count.

use store::Sql;

use crate::shell::access::{Level, Right, Scope};

type Visible = fn(&mut Sql, &Scope, Right, &str);

pub fn account(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    let level = scope.level("account", right);
    match level {
        Level::All | Level::None => scope.push_owner(statement, level, ""),
        Level::Own | Level::Team => {
            statement.push("(");
            scope.push_owner(statement, level, &format!("{alias}.owner_id"));
            scope.push_or_shared(statement, "account", right, &format!("{alias}.id"));
            scope.push_or_in_team(statement, right, &format!("{alias}.id"));
            if right == Right::Read {
                statement.push(" OR ");
                scope.push_leads_to(statement, &format!("{alias}.id"), "opportunity o", "o.account_id", |statement| {
                    statement.push("o.deleted_at IS NULL AND ");
                    opportunity(statement, scope, Right::Read, "o");
                });
            }
            statement.push(")");
        }
    }
}

pub fn contact(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    let level = scope.level("contact", right);
    match level {
        Level::All | Level::None => scope.push_owner(statement, level, ""),
        Level::Own | Level::Team => {
            statement.push("(");
            scope.push_leads_to(statement, &format!("{alias}.account_id"), "account ca", "ca.id", |statement| {
                account(statement, scope, right, "ca");
            });
            statement.push(" OR ");
            contact_of_no_account(statement, scope, right, alias);
            statement.push(")");
        }
    }
}

/// A contact who belongs to no account yet.
fn contact_of_no_account(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    statement.push(&format!("({alias}.account_id IS NULL AND "));
    scope.push_owner(statement, scope.level("contact", right), &format!("{alias}.owner_id"));
    statement.push(")");
}

fn owned_or_shared(statement: &mut Sql, scope: &Scope, right: Right, object: &str, alias: &str) {
    let level = scope.level(object, right);
    match level {
        Level::All | Level::None => scope.push_owner(statement, level, ""),
        Level::Own | Level::Team => {
            statement.push("(");
            scope.push_owner(statement, level, &format!("{alias}.owner_id"));
            scope.push_or_shared(statement, object, right, &format!("{alias}.id"));
            statement.push(")");
        }
    }
}

pub fn opportunity(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    owned_or_shared(statement, scope, right, "opportunity", alias);
}

pub fn lead(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    owned_or_shared(statement, scope, right, "lead", alias);
}

pub fn activity(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    let level = scope.level("activity", right);
    match (level, right) {
        (Level::All | Level::None, _) => scope.push_owner(statement, level, ""),
        // Only who wrote a note changes it, or their manager, if the note is theirs to read.
        (Level::Own, Right::Write | Right::Give) => scope.push_owner(statement, level, &format!("{alias}.owner_id")),
        (_, Right::Write | Right::Give) => {
            statement.push("(");
            scope.push_owner(statement, level, &format!("{alias}.owner_id"));
            statement.push(" AND ");
            activity(statement, scope, Right::Read, alias);
            statement.push(")");
        }
        (_, Right::Read) => {
            statement.push(&format!("({alias}.owner_id = ")).bind(scope.person);
            for (column, from, key, visible) in
                [("opportunity_id", "opportunity ao", "ao", opportunity as Visible), ("lead_id", "lead al", "al", lead)]
            {
                statement.push(" OR ");
                let column = format!("{alias}.{column}");
                scope.push_leads_to(statement, &column, from, &format!("{key}.id"), |statement| {
                    statement.push(&format!("{key}.deleted_at IS NULL AND "));
                    visible(statement, scope, Right::Read, key);
                });
            }
            // Written so that SQLite does not go by the index of deals through everything that has none; PostgreSQL reads it as
            // the plain comparison that it is.
            statement.push(&format!(" OR (COALESCE({alias}.opportunity_id, NULL) IS NULL AND "));
            scope.push_leads_to(statement, &format!("{alias}.account_id"), "account aa", "aa.id", |statement| {
                statement.push("aa.deleted_at IS NULL AND ");
                account(statement, scope, Right::Read, "aa");
            });
            // A contact with an account has given it to what hangs on the contact: only the others are asked. Asked for both at
            // once, SQLite does not go through everything that has no deal, and looks the contacts up instead.
            statement.push(&format!(") OR (COALESCE({alias}.opportunity_id, {alias}.account_id) IS NULL AND "));
            scope.push_leads_to(statement, &format!("{alias}.contact_id"), "contact ac", "ac.id", |statement| {
                statement.push("ac.deleted_at IS NULL AND ");
                contact_of_no_account(statement, scope, Right::Read, "ac");
            });
            statement.push("))");
        }
    }
}

pub fn task(statement: &mut Sql, scope: &Scope, right: Right, alias: &str) {
    let level = scope.level("task", right);
    match level {
        Level::All | Level::None => scope.push_owner(statement, level, ""),
        Level::Own | Level::Team => {
            statement.push("(");
            scope.push_owner(statement, level, &format!("{alias}.owner_id"));
            statement.push(&format!(" OR {alias}.created_by = ")).bind(scope.person).push(")");
        }
    }
}

fn everybody_with_a_right(statement: &mut Sql, scope: &Scope, right: Right, object: &str) {
    statement.push(if scope.level(object, right) > Level::None { "TRUE" } else { "FALSE" });
}

pub fn product(statement: &mut Sql, scope: &Scope, right: Right, _: &str) {
    everybody_with_a_right(statement, scope, right, "product");
}

pub fn person(statement: &mut Sql, scope: &Scope, right: Right, _: &str) {
    everybody_with_a_right(statement, scope, right, "person");
}
