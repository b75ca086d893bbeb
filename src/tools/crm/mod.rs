//! The CRM: accounts, contacts, leads, products, opportunities, activities and tasks, and the work people do with them.
//! Every kind of record is described in [`objects`]; who sees it in [`visibility`]; its own rules in the file of its name.
//! Lists, forms, filters, imports, exports and the API follow from the descriptions (`shell::record`).
//! What is particular lives here: the board, stage moves with evidence, line items, converting a lead, the timeline, analysis.
//! Requirements: S2, S4, S5, S22, S24.

mod account;
mod activity;
pub mod analysis;
mod board;
mod calendar;
pub mod committee;
pub mod committee_api;
mod committee_pages;
pub mod convert;
pub mod convert_api;
mod convert_page;
pub mod evidence;
pub mod evidence_api;
mod evidence_pages;
pub mod file_api;
mod file_pages;
pub mod files;
mod home;
pub mod item_api;
mod item_pages;
pub mod items;
mod lead;
mod lifecycle;
mod moves;
pub mod objects;
mod opportunity;
pub mod overview_api;
pub mod price_api;
mod record_page;
mod search;
mod sight;
pub mod stage;
pub mod stage_api;
mod stage_pages;
pub mod standing;
mod tasks;
pub mod team;
pub mod team_api;
mod team_pages;
mod timeline;
pub mod timeline_api;
mod visibility;

pub use objects::REGISTRY;

use crate::shell::record::share;
use crate::shell::routes::{Policy, Routes};
use crate::shell::{bulk_job_page, records, shares, view_pages};

pub fn routes() -> Routes {
    let mut routes = Routes::new()
        .get("/board", Policy::Read("opportunity"), board::show)
        .get("/palette", Policy::SignedIn, search::palette)
        .get("/search", Policy::SignedIn, search::page)
        .merge(view_pages::routes())
        .merge(bulk_job_page::routes())
        .merge(stage_pages::routes())
        .merge(evidence_pages::routes())
        .merge(item_pages::routes())
        .merge(convert_page::routes())
        .merge(home::routes())
        .merge(tasks::routes())
        .merge(team_pages::routes())
        .merge(committee_pages::routes())
        .merge(calendar::routes())
        .merge(analysis::routes());
    for object in REGISTRY.objects.iter().copied() {
        routes = routes.merge(records::routes(object));
        if files::has_files(object) {
            routes = routes.merge(file_pages::routes(object));
        }
        if share::is_shared(object) {
            routes = routes.merge(shares::routes(object));
        }
        if object.name != "person" {
            routes = routes.get(
                &format!("/{}/{{id}}", object.plural),
                Policy::Read(object.name),
                move |app, viewer, asked, id| record_page::show(object, app, viewer, asked, id),
            );
        }
    }
    routes
}
