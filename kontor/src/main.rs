//! `kontor`: serves the suite, sets it up, and says what is wrong with it.

use std::process::ExitCode;

use clap::Parser;
use kontor::cli::{Cli, Command, Events, KeysCommand};
use kontor::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        runtime.worker_threads(threads());
    }
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => {
            eprintln!("kontor: no threads can be started: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Half of the cores, the others are PostgreSQL's and the broker's: a thread more than a core has time for costs each
/// request wake-ups and saves it nothing. What computes for long has threads of its own. `TOKIO_WORKER_THREADS` wins.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).max(1)
}

async fn run(Cli { config, command }: Cli) -> ExitCode {
    let config = config.as_deref();
    let outcome = match command {
        Command::Serve { services } => commands::serve(config, &services).await,
        Command::Up { distributed, no_demo } => commands::up(config, distributed, !no_demo).await,
        Command::Migrate { services, status } => commands::migrate(config, &services, status).await,
        Command::Keys {
            command: KeysCommand::Rotate,
        } => commands::rotate_keys(config),
        Command::Demo { url, password } => commands::demo(config, url, &password).await,
        Command::Events {
            command: Events::Dead { command },
        } => commands::dead(config, command).await,
        Command::Doctor => commands::doctor(config).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("kontor: {error:#}");
        ExitCode::FAILURE
    })
}
