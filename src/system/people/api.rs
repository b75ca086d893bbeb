//! People for programs: roles, reporting line, invitation, disabling. Each operation calls what the person's page calls
//! ([`command`]); only administrators may.

use axum::extract::State;
use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::{Tx, Uuid};

use super::command;
use super::hand_over::Successor;
use crate::shell::access::Role;
use crate::shell::api::operation::reference;
use crate::shell::api::records::{present, said_again};
use crate::shell::api::{Answer, Api, Body, Ids, IfMatch, Operation, Post, schema_of, shape};
use crate::shell::app::App;
use crate::shell::error::{Error, FieldError, Result};
use crate::shell::record::{Actor, Object, Registry};
use crate::shell::viewer::Viewer;
use crate::system::administrator::{ADMIN, at_api};
use crate::system::history::By;

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
    #[serde(default = "yes")]
    closed_deals: bool,
}

fn yes() -> bool {
    true
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

fn people(registry: &'static Registry) -> Result<&'static Object> {
    registry.get(PERSON).ok_or(Error::NotFound)
}

/// The person as they now are.
async fn shown(tx: &mut Tx, actor: &Actor, person: Uuid) -> Result<Answer> {
    let version = command::standing(tx, person).await?.version;
    present(tx, actor, people(actor.registry)?, person, version).await
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
    let changed = at_api(&app, &viewer, async |tx, actor| {
        let seen = seen.within(command::standing(tx, person).await?.version)?;
        command::set_roles(tx, &actor.clock, By::of(actor), person, seen, &roles).await?;
        shown(tx, actor, person).await
    });
    changed.await
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
    let from = shape::day("from", &asked.from)?;
    let changed = at_api(&app, &viewer, async |tx, actor| {
        let seen = seen.within(command::standing(tx, person).await?.version)?;
        let (clock, by) = (&actor.clock, By::of(actor));
        command::set_manager(tx, clock, by, person, seen, asked.manager, from, actor.today).await?;
        shown(tx, actor, person).await
    });
    changed.await
}

/// POST /api/people/{id}/invitation · administrators. The link is told once: what is kept for a repeated call is without it,
/// because only its hash may stay in the database.
async fn invite(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, post: Post) -> Result<Answer> {
    let invited = at_api(&app, &viewer, async |tx, actor| {
        if let Some(answer) = post.begin(tx, actor).await? {
            return Ok(answer);
        }
        let token = command::new_invitation(tx, &actor.clock, By::of(actor), person).await?;
        let told = |path: Option<String>| Answer::ok(json!(Invitation { id: person, path }));
        post.keep(tx, actor, &told(None)).await?;
        Ok(told(Some(format!("/invitations/{token}"))))
    });
    invited.await
}

/// POST /api/people/{id}/disabling · administrators
async fn disable(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, body: Body) -> Result<Answer> {
    let asked: Disabling = body.read()?;
    let successor = asked.successor.map(|person| Successor { person, sees_closed: asked.closed_deals });
    let answer = once(&app, &viewer, person, &body.post, async |tx, actor| {
        command::disable(tx, &actor.clock, By::of(actor), person, successor).await
    })
    .await?;
    app.jobs.notify_one();
    Ok(answer)
}

/// POST /api/people/{id}/enabling · administrators
async fn enable(State(app): State<App>, viewer: Viewer, Ids([person]): Ids<1>, post: Post) -> Result<Answer> {
    let enabled = once(&app, &viewer, person, &post, async |tx, actor| {
        command::enable(tx, &actor.clock, By::of(actor), person).await
    });
    enabled.await
}

/// Makes a change, or says again what was said when it was made.
async fn once(
    app: &App,
    viewer: &Viewer,
    person: Uuid,
    post: &Post,
    make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<()>,
) -> Result<Answer> {
    let made = at_api(app, viewer, async |tx, actor| {
        let shown = async |tx: &mut Tx, actor: &Actor| {
            make(tx, actor).await?;
            shown(tx, actor, person).await
        };
        let answer = post.once_in(tx, actor, shown).await?;
        said_again(tx, viewer, people(actor.registry)?, answer).await
    });
    made.await
}
