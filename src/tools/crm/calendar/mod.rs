//! The calendar: tasks by due date, activities by the day they happened, expected close dates of open deals. A month or a week
//! as a grid, on phones as an agenda. A click on a day begins a task on it.

mod pages;
mod span;

use crate::shell::routes::{Policy, Routes};

pub fn routes() -> Routes {
    Routes::new().get("/calendar", Policy::Read("task"), pages::show)
}
