//! The CRM: accounts, contacts, leads, products, opportunities, activities and tasks, and the work people do with them.
//! Every kind of record is described in [`objects`]; who sees it in [`visibility`]; its own rules in the file of its name.
//! Lists, forms, filters, imports, exports and the API follow from the descriptions (`shell::record`).
//! What is particular lives here: the board, stage moves with evidence, line items, converting a lead, the timeline, analysis.
//! Requirements: S2, S4, S5, S22, S24.

mod account;
mod activity;
pub mod items;
mod lead;
pub mod objects;
mod opportunity;
mod visibility;

pub use objects::REGISTRY;

use crate::shell::records;
use crate::shell::routes::Routes;

pub fn routes() -> Routes {
    REGISTRY.objects.iter().fold(Routes::new(), |routes, object| routes.merge(records::routes(object)))
}
