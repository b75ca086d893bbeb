//! The buying committee of a deal in the API.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::Uuid;

use super::committee::{self, Tied};
use super::objects::{BUYING_ROLES, OPPORTUNITY};
use crate::shell::access::Right;
use crate::shell::api::{Answer, Api, Body, Ids, MayMatch, Replacing, hung};
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::query;
use crate::shell::viewer::Viewer;

/// The role is left out for somebody from whom the buying roles of contacts are hidden.
#[derive(Serialize, schemars::JsonSchema)]
struct CommitteeMember {
    contact: Uuid,
    contact_label: String,
    buying_role: Option<String>,
    version: i64,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Committee {
    data: Vec<CommitteeMember>,
}

/// The roles there are, or none.
fn roles() -> Json {
    BUYING_ROLES.iter().map(|role| json!(role)).chain([Json::Null]).collect()
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Playing {
    #[serde(default)]
    #[schemars(extend("enum" = roles(), "examples" = ["champion"]))]
    buying_role: Option<String>,
}

pub fn operations() -> Api {
    const OF: &str = "opportunity";
    let (all, one) = ("/api/opportunities/{id}/committee", "/api/opportunities/{id}/committee/{contact}");
    Api::new()
        .operation(hung::list::<Committee>(all, "listOpportunityCommittee", OF, "api-committee"), list)
        .operation(
            hung::put::<Playing, CommitteeMember>(one, "joinOpportunityCommittee", OF, "api-committee-join"),
            put,
        )
        .operation(hung::remove(one, "leaveOpportunityCommittee", OF, "api-committee-leave"), delete)
}

fn shown(tied: Tied) -> CommitteeMember {
    let Tied { id, name, buying_role, version, .. } = tied;
    CommitteeMember { contact: id, contact_label: name, buying_role, version }
}

/// GET /api/opportunities/{id}/committee · who reads the deal; only contacts whom they may see
async fn list(State(app): State<App>, viewer: Viewer, Ids([deal]): Ids<1>) -> Result<Answer> {
    let mut session = app.db.read().await?;
    if !query::allowed(&mut session, &viewer, &OPPORTUNITY, deal, Right::Read).await? {
        return Err(Error::NotFound);
    }
    let committee = committee::of_deal(&mut session, &viewer, deal).await?;
    Ok(Answer::ok(json!(Committee { data: committee.into_iter().map(shown).collect() })))
}

/// PUT /api/opportunities/{id}/committee/{contact} · who may change the deal and sees the contact
async fn put(
    State(app): State<App>,
    viewer: Viewer,
    Ids([deal, contact]): Ids<2>,
    Replacing(seen): Replacing,
    body: Body,
) -> Result<Answer> {
    let playing: Playing = body.read()?;
    let role = playing.buying_role.as_deref();
    if role.is_some_and(|role| !BUYING_ROLES.contains(&role)) {
        return Err(Error::malformed("buying_role", "invalid-json-type"));
    }
    let put = app.at_api(&viewer, async |tx, actor| committee::put(tx, actor, deal, contact, role, seen).await);
    let tied = put.await?;
    Ok(Answer::of_version(tied.version, json!(shown(tied))))
}

/// DELETE /api/opportunities/{id}/committee/{contact} · who may change the deal and sees the contact
async fn delete(
    State(app): State<App>,
    viewer: Viewer,
    Ids([deal, contact]): Ids<2>,
    MayMatch(seen): MayMatch,
) -> Result<Answer> {
    app.at_api(&viewer, async |tx, actor| committee::remove(tx, actor, deal, contact, seen.into()).await).await?;
    Ok(Answer::nothing())
}
