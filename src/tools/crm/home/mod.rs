//! The home page: what to do next, then how it stands, for whoever looks. Sellers find their tasks and deals at risk, managers
//! their team beside it, partners the company, marketing its leads, administrators the house; nobody finds a grey page.

mod pages;
mod sql;

use crate::shell::routes::{Policy, Routes};

pub fn routes() -> Routes {
    Routes::new().get("/", Policy::SignedIn, pages::show)
}
