//! What only administrators may do: people, their rights, settings. A route lets in who is an administrator when the request comes;
//! by the time it writes, the role may be gone. So the role is read again in the transaction of the change, behind a lock that who
//! takes the role away waits for as well. The same lock puts changes of settings one after the other, which rules between rows need
//! (a pipeline keeps an open stage).

use store::{Tx, Uuid, sql};

use crate::shell::access::Role;
use crate::shell::app::App;
use crate::shell::error::{Error, Result};
use crate::shell::record::Actor;
use crate::shell::routes::Policy;
use crate::shell::viewer::Viewer;

/// Administrators, and nobody else.
pub const ADMIN: Policy = Policy::Roles(&[Role::Admin]);

/// Makes a change as an administrator at a page.
pub async fn at_page<T>(app: &App, viewer: &Viewer, make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>) -> Result<T> {
    in_one_write(app, viewer, "page", make).await
}

/// Makes a change as a program of an administrator does.
pub async fn at_api<T>(app: &App, viewer: &Viewer, make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>) -> Result<T> {
    in_one_write(app, viewer, "api", make).await
}

async fn in_one_write<T>(
    app: &App,
    viewer: &Viewer,
    via: &'static str,
    make: impl AsyncFnOnce(&mut Tx, &Actor) -> Result<T>,
) -> Result<T> {
    let mut tx = app.db.write().await?;
    lock(&mut tx).await?;
    refuse_others(&mut tx, viewer.person).await?;
    // Here, where whoever had to wait for somebody else has waited.
    let viewer = viewer.as_it_stands(app, &mut tx).await?;
    let made = make(&mut tx, &app.actor(&viewer, via)).await?;
    tx.commit().await?;
    Ok(made)
}

/// Until the transaction ends nobody else changes settings or takes the role of an administrator away.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    tx.value::<i64>("SELECT version FROM organization WHERE id = 1 /*for update*/").await?;
    Ok(())
}

/// As the route does: to somebody without the right there is nothing here.
async fn refuse_others(tx: &mut Tx, person: Uuid) -> Result<()> {
    const ADMINISTRATOR: &str = "
        SELECT COUNT(*) FROM person p JOIN person_role r ON r.person_id = p.id
         WHERE p.id = $1 AND r.role = 'admin' AND p.state = 'active' AND p.deleted_at IS NULL";
    match tx.value::<i64>(sql!(ADMINISTRATOR, person)).await? {
        Some(found) if found > 0 => Ok(()),
        _ => Err(Error::NotFound),
    }
}
