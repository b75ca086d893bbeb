//! The team of an account in the API.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::Uuid;

use super::team;
use crate::shell::api::{Answer, Api, Body, Ids, MayMatch, Replacing, hung, shape};
use crate::shell::app::App;
use crate::shell::error::Result;
use crate::shell::viewer::Viewer;

#[derive(Serialize, schemars::JsonSchema)]
struct TeamMember {
    person: Uuid,
    person_label: String,
    duty: Option<String>,
    version: i64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Team {
    data: Vec<TeamMember>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Joining {
    #[serde(default)]
    #[schemars(length(max = 60), extend("pattern" = shape::Lexis::Line.pattern()))]
    duty: Option<String>,
}

pub fn operations() -> Api {
    const OF: &str = "account";
    let (all, one) = ("/api/accounts/{id}/team", "/api/accounts/{id}/team/{person}");
    Api::new()
        .operation(hung::list::<Team>(all, "listAccountTeam", OF, "api-team"), list)
        .operation(hung::put::<Joining, TeamMember>(one, "joinAccountTeam", OF, "api-team-join"), put)
        .operation(hung::remove(one, "leaveAccountTeam", OF, "api-team-leave"), delete)
}

fn shown(member: team::Member) -> TeamMember {
    let team::Member { person_id, person_name, duty, version } = member;
    TeamMember { person: person_id, person_label: person_name, duty, version }
}

/// GET /api/accounts/{id}/team · who reads the account
async fn list(State(app): State<App>, viewer: Viewer, Ids([account]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    let members = team::of_account(&mut session, &viewer, account).await?;
    Ok(Answer::ok(json!(Team { data: members.into_iter().map(shown).collect() })))
}

/// PUT /api/accounts/{id}/team/{person} · who may share the account
async fn put(
    State(app): State<App>,
    viewer: Viewer,
    Ids([account, person]): Ids<2>,
    Replacing(seen): Replacing,
    body: Body,
) -> Result<Answer> {
    let joining: Joining = body.read()?;
    let duty = joining.duty.as_deref();
    let put = app.at_api(&viewer, async |tx, actor| team::put(tx, actor, account, person, duty, seen).await);
    let member = put.await?;
    Ok(Answer::of_version(member.version, json!(shown(member))))
}

/// DELETE /api/accounts/{id}/team/{person} · who may share the account
async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Ids([account, person]): Ids<2>,
    MayMatch(seen): MayMatch,
) -> Result<Answer> {
    app.at_api(&viewer, async |tx, actor| team::remove(tx, actor, account, person, seen.into()).await).await?;
    Ok(Answer::nothing())
}
