//! Tests that need a real server and are hard on it.
//!
//! `torture crash`: clients write while the server is killed again and again; nothing acknowledged may be lost, nothing may
//! be half there (docs: Q1 of the test plan).
//! `torture backup`: clients write while archives are made; every archive, restored, is sound and holds whatever was
//! acknowledged before it began (Q4).
//! `torture load`: a large company is imported and its pages are asked for by many at once (`make bench`).

mod backup;
mod check;
mod client;
mod crash;
mod load;
mod server;

use clap::{Parser, Subcommand};

/// As the program has it: the engine that is measured as a page's peer must not have it worse.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(name = "torture", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kill the server under load
    Crash(crash::Arguments),
    /// Make and restore archives under load
    Backup(backup::Arguments),
    /// Fill a house and measure how fast it answers
    Load(load::Arguments),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be built");
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Crash(arguments) => crash::run(arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Load(arguments) => load::run(arguments).await,
        }
    });
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("FAILED: {failure}");
            std::process::ExitCode::FAILURE
        }
    }
}
