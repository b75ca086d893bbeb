//! One binary for all integration tests: linking once is much quicker than linking each file.

mod administration;
mod analysis;
mod api;
mod backup;
mod convert;
mod files;
mod hidden;
mod house;
mod import;
mod kit;
mod permission;
mod record;
mod sharing;
mod store;
mod upgrade;
