//! Analysis of the pipeline (S4): how much is open, how deals go from stage to stage, who and what wins how often, how long
//! it takes, why deals are lost. Everything is added up by the database through the viewer's scope, in a dozen grouped
//! statements however many deals there are. Every figure links to the deals behind it, with the very filter that counted
//! them. Small samples are shown as such: intervals, no bars below eight deals, people compared only after their rates
//! are pulled towards the group's.
//! Requirements: S4. Mathematics: `solver::statistics`.

pub mod api;
mod ask;
mod bars;
mod behind;
mod charts;
mod funnel;
mod pages;
mod rates;
mod sql;
mod study;

use crate::shell::routes::{Policy, Routes};

pub use ask::{Months, Span, months_of};
pub use charts::{Figure, href_of, within};
pub use sql::Lens;

pub fn routes() -> Routes {
    Routes::new().get("/analysis", Policy::Read("opportunity"), pages::show)
}
