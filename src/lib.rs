//! Trivet: the sales system a B2B company runs on. The house is drawn in ARCHITECTURE.md.

pub mod app;
pub mod cli;
pub mod cli_backup;
pub mod cli_routes;
pub mod demo;
pub mod shell;
pub mod system;
pub mod tools;
