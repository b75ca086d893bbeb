//! One binary for all integration tests: linking once is much quicker than linking each file.

mod administration;
mod analysis;
mod api;
mod backup;
mod bulk;
mod committee;
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
mod palette;
mod permission;
mod record;
mod routes;
mod sharing;
mod statements;
mod store;
mod team;
mod timeline;
mod upgrade;
