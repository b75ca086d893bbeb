//! Every address the program answers and who may call it: as lines, and as the table that is kept in docs/routes.md, so that a
//! review shows when a route is opened wider.

use std::fmt::Write;

use store::Uuid;

use crate::app;
use crate::shell::access::{Role, Rules, Scope};
use crate::shell::routes::RouteInfo;
use crate::system::setup;

/// A line per route: method, address, policy.
pub fn lines() -> String {
    let line = |route: RouteInfo| format!("{:<6} {:<45} {}\n", route.method, route.path, route.policy);
    app::routes().infos.into_iter().map(line).collect()
}

const HEAD: &str = "\
# Who may call what

Every address the program answers, and which role may call it by the rules of the first day. It says who gets past the door: what
they then find or change is decided by what they may see ([0007](decisions/0007-visibility.md)). Written by `make gen` from the
program (`trivet routes --table`); a role that appears here anew was let in by the change that is being reviewed.
";

/// By address: a column for whoever is not signed in and for each role.
pub fn table() -> String {
    let by_role = setup::default_rules().into_iter().map(|(role, object, access)| ((role, object.to_owned()), access));
    let rules = Rules { by_role: by_role.collect(), ..Rules::default() };
    let roles = Role::ALL.map(|role| (role, Scope::new(Uuid::nil(), &[role], &rules, false)));
    let mut routes = app::routes().infos;
    routes.sort_by(|one, other| (&one.path, one.method.as_str()).cmp(&(&other.path, other.method.as_str())));
    let (api, pages): (Vec<_>, Vec<_>) = routes.into_iter().partition(|route| route.path.starts_with("/api"));
    let mut text = HEAD.to_owned();
    for (title, routes) in [("Pages", pages), ("API", api)] {
        let names = Role::KEYS.join(" | ");
        let _ = write!(
            text,
            "\n## {title}\n\n| method | address | policy | nobody | {names} |\n|{}\n",
            " --- |".repeat(12)
        );
        for route in routes {
            let mark = |may: bool| if may { " x |" } else { " |" };
            let marks = roles.iter().map(|(role, scope)| mark(route.policy.allows_with(&[*role], scope)));
            let (nobody, marks) = (mark(route.policy.allows(None)), marks.collect::<String>());
            let _ = writeln!(text, "| {} | `{}` | {} |{nobody}{marks}", route.method, route.path, route.policy);
        }
    }
    text
}
