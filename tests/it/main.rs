//! One binary for all integration tests: linking once is much quicker than linking each file.

mod administration;
mod analysis;
mod api;
mod backup;
mod convert;
mod hidden;
mod house;
mod import;
mod kit;
mod record;
mod store;
mod upgrade;
