//! `kontor`: serves the suite, sets it up, and says what is wrong with it.

use std::process::ExitCode;

use clap::Parser;
use kontor::cli::{Cli, Command, Events, KeysCommand};
use kontor::commands;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
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
