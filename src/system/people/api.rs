//! People for programs: roles, reporting line, invitation, disabling. Each operation calls what the person's page calls
//! ([`command`]); only administrators may.

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Day, Tx, Uuid};

use super::command;
use crate::shell::access::Role;
use crate::shell::api::operation::reference;
use crate::shell::api::records::{present, said_again};
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Operation, Post, schema_of};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::Object;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;
use crate::system::history::By;

const ADMIN: Policy = Policy::Roles(&[Role::Admin]);
const PERSON: &str = "person";

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    #[schemars(extend("minItems" = 1, "maxItems" = 20, "items" = role_schema()))]
    roles: Vec<String>,
}

fn role_schema() -> Json {
    json!({ "type": "string", "enum": Role::ALL.map(|role| role.key()) })
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    manager: Option<Uuid>,
    #[schemars(extend("format" = "date"))]
    from: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Disabling {
    #[serde(default)]
    successor: Option<Uuid>,
}

#[derive(Serialize, schemars::JsonSchema)]
struct Invitation {
    id: Uuid,
    path: Option<String>,
}

pub fn operations() -> Api {
    let gives_person = |operation: Operation| operation.gives(200, reference("Person")).with_header("ETag");
    let put = |path: &str, id: &str, summary| Operation::new(Method::PUT, path, id, PERSON, summary).policy(ADMIN);
    let post = |path: &str, id: &str, summary| Operation::post(path, id, PERSON, summary).policy(ADMIN);
    Api::new()
        .operation(
            gives_person(
                put("/api/people/{id}/roles", "setPersonRoles", "api-roles")
                    .conditional()
                    .takes(schema_of::<Roles>())
                    .example(json!({ "roles": ["seller"] })),
            ),
            set_roles,
        )
        .operation(
            gives_person(
                put("/api/people/{id}/manager", "setPersonManager", "api-manager")
                    .conditional()
                    .takes(schema_of::<Line>())
                    .example(json!({ "manager": null, "from": "2026-12-01" })),
            ),
            set_manager,
        )
        .operation(
            post("/api/people/{id}/invitation", "invitePerson", "api-invitation").gives(200, schema_of::<Invitation>()),
            invite,
        )
        .operation(
            gives_person(
                post("/api/people/{id}/disabling", "disablePerson", "api-disabling")
                    .takes(schema_of::<Disabling>())
                    .example(json!({})),
            ),
            disable,
        )
        .operation(gives_person(post("/api/people/{id}/enabling", "enablePerson", "api-enabling")), enable)
}

fn people(app: &App) -> Result<&'static Object> {
    app.registry.get(PERSON).ok_or(Error::NotFound)
}

/// The person as they now are.
async fn shown(tx: &mut Tx, app: &App, viewer: &Viewer, person: Uuid) -> Result<Answer> {
    let version = command::standing(tx, person).await?.version;
    present(tx, &app.actor(viewer, "api"), people(app)?, person, version).await
}

/// PUT /api/people/{id}/roles · administrators
async fn set_roles(
    State(app): State<App>,
    viewer: Viewer,
    Ids([person]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let asked: Roles = body.read()?;
    let roles = asked.roles.iter().map(|key| {
        let wrong = || Error::Malformed(vec![FieldError::new("roles", "invalid-role").with("value", key)]);
        Role::parse(key).ok_or_else(wrong)
    });
    let roles: Vec<Role> = roles.collect::<Result<_>>()?;
    let mut tx = app.db.write().await?;
    let seen = seen.within(command::standing(&mut tx, person).await?.version)?;
    command::set_roles(&mut tx, &app.clock, By::api(&viewer), person, seen, &roles).await?;
    let answer = shown(&mut tx, &app, &viewer, person).await?;
    tx.commit().await?;
    Ok(answer)
}

/// PUT /api/people/{id}/manager · administrators
async fn set_manager(
    State(app): State<App>,
    viewer: Viewer,
    Ids([person]): Ids<1>,
    IfMatch(seen): IfMatch,
    body: Body,
) -> Result<Answer> {
    let asked: Line = body.read()?;
    let from = Day::parse(&asked.from).filter(|day| day.to_string() == asked.from);
    let from = from.ok_or_else(|| Error::malformed("from", "invalid-date"))?;
    let today = viewer.config.today(app.clock.now());
    let mut tx = app.db.write().await?;
    let seen = seen.within(command::standing(&mut tx, person).await?.version)?;
    let by = By::api(&viewer);
    command::set_manager(&mut tx, &app.clock, by, person, seen, asked.manager, from, today).await?;
    let answer = shown(&mut tx, &app, &viewer, person).await?;
    tx.commit().await?;
    Ok(answer)
}

/// POST /api/people/{id}/invitation · administrators. The link is told once: what is kept for a repeated call is without it,
/// because only its hash may stay in the database.
async fn invite(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, post: Post) -> Result<Answer> {
    let actor = app.actor(&viewer, "api");
    let mut tx = app.db.write().await?;
    if let Some(answer) = post.begin(&mut tx, &actor).await? {
        return Ok(answer);
    }
    let token = command::new_invitation(&mut tx, &app.clock, By::api(&viewer), person).await?;
    let told = |path: Option<String>| Answer::ok(json!(Invitation { id: person, path }));
    post.keep(&mut tx, &actor, &told(None)).await?;
    tx.commit().await?;
    Ok(told(Some(format!("/invitations/{token}"))))
}

/// POST /api/people/{id}/disabling · administrators
async fn disable(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, body: Body) -> Result<Answer> {
    let asked: Disabling = body.read()?;
    let answer = once(&app, &viewer, person, &body.post, async |tx| {
        command::disable(tx, &app.clock, By::api(&viewer), person, asked.successor).await
    })
    .await?;
    app.jobs.notify_one();
    Ok(answer)
}

/// POST /api/people/{id}/enabling · administrators
async fn enable(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, post: Post) -> Result<Answer> {
    once(&app, &viewer, person, &post, async |tx| command::enable(tx, &app.clock, By::api(&viewer), person).await).await
}

/// Makes a change, or says again what was said when it was made.
async fn once(
    app: &App,
    viewer: &Viewer,
    person: Uuid,
    post: &Post,
    make: impl AsyncFnOnce(&mut Tx) -> Result<()>,
) -> Result<Answer> {
    let actor = app.actor(viewer, "api");
    let mut tx = app.db.write().await?;
    if let Some(answer) = post.begin(&mut tx, &actor).await? {
        return said_again(&mut tx, viewer, people(app)?, answer).await;
    }
    make(&mut tx).await?;
    let answer = shown(&mut tx, app, viewer, person).await?;
    post.keep(&mut tx, &actor, &answer).await?;
    tx.commit().await?;
    Ok(answer)
}
