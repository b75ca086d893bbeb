//! The house's own affairs: setting up, signing in, people and their rights, jobs, the user guide.

pub mod help;
pub mod jobs;
pub mod people;
pub mod setup;
pub mod sign_in;

use crate::shell::routes::Routes;

pub fn routes() -> Routes {
    Routes::new().merge(sign_in::routes()).merge(help::routes())
}
