//! One binary for all integration tests: linking once is much quicker than linking each file.

mod administration;
mod analysis;
mod backup;
mod house;
mod kit;
mod record;
mod store;
mod upgrade;
