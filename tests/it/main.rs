//! One binary for all integration tests: linking once is much quicker than linking each file.

mod administration;
mod analysis;
mod api;
mod api_overview;
mod api_people;
mod backup;
mod convert;
mod files;
mod hidden;
mod house;
mod import;
mod interference;
mod kit;
mod lifecycle;
mod lost_update;
mod money;
mod permission;
mod record;
mod routes;
mod sharing;
mod statements;
mod store;
mod upgrade;
