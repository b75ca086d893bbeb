//! The house's own affairs: setting up, signing in, people and their rights, imports, jobs.

pub mod imports;
pub mod jobs;
pub mod people;
pub mod setup;
pub mod sign_in;

use crate::shell::routes::Routes;

pub fn routes() -> Routes {
    Routes::new().merge(sign_in::routes())
}
