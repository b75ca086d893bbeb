//! The house's own affairs: setting up, signing in, people and their rights, settings, history, imports, jobs, upkeep, the
//! user guide.

mod administrator;
pub mod audit;
pub mod audit_api;
pub mod doctor;
mod form;
pub mod help;
pub mod history;
pub mod imports;
pub mod jobs;
mod me;
pub mod me_api;
pub mod people;
pub mod settings;
pub mod setup;
pub mod sign_in;
mod upkeep;
mod wording;

use crate::shell::routes::Routes;

pub fn routes() -> Routes {
    Routes::new()
        .merge(setup::page::routes())
        .merge(sign_in::routes())
        .merge(imports::routes())
        .merge(me::routes())
        .merge(people::routes())
        .merge(settings::routes())
        .merge(audit::routes())
        .merge(help::routes())
}
