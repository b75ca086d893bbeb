//! What every page uses: who is looking and what they may see, records and their fields, languages, money, time, the page frame, errors.

pub mod access;
pub mod api;
pub mod app;
pub mod bulk;
mod bulk_history;
pub mod calendar;
pub mod config;
pub mod creation;
pub mod error;
pub mod export;
pub mod form;
pub mod format;
pub mod i18n;
pub mod layers;
pub mod limit;
pub mod list;
pub mod list_forms;
pub mod page;
pub mod record;
pub mod records;
pub mod routes;
pub mod shares;
pub mod shows;
pub mod upload;
pub mod view_pages;
pub mod viewer;
pub mod views;
