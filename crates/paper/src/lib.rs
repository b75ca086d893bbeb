//! Documents in and out: spreadsheets as rows. No SQL, no web.

pub mod sheet;
