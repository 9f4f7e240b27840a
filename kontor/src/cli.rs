//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Kontor, a multi-tenant CRM. Settings are KONTOR_… variables or the same keys in a TOML file; `kontor doctor`
/// prints them with their manual.
#[derive(Debug, Parser)]
#[command(name = "kontor", version)]
pub struct Cli {
    /// A TOML file of settings (keys as the variables, without `KONTOR_`, in lower case).
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `kontor` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves what is named: services, `gateway`, or `all` of it in one process.
    Serve {
        /// identity, accounts, contacts, leads, deals, activities, gateway; or all.
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// Starts everything: a private PostgreSQL unless KONTOR_DATABASE_URL is set, the migration, all services.
    Up {
        /// A process for each service, joined by RabbitMQ (a private one unless KONTOR_EVENTS is set).
        #[arg(long)]
        distributed: bool,
        /// Leaves a new database empty.
        #[arg(long)]
        no_demo: bool,
    },
    /// Makes roles and schemas and brings them to this version, signed in with KONTOR_MIGRATE_DATABASE_URL.
    Migrate {
        /// These services alone; without any, all.
        #[arg(value_name = "SERVICE")]
        services: Vec<String>,
        /// Changes nothing; prints what is pending, and exits with 1 when something is.
        #[arg(long)]
        status: bool,
    },
    /// The keys that sign access tokens.
    Keys {
        /// What to do with them.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Loads the demonstration company into a running suite.
    Demo {
        /// The gateway. Default: KONTOR_GATEWAY_LISTEN on this machine.
        #[arg(long)]
        url: Option<String>,
        /// The password of the demonstration's user.
        #[arg(long, default_value = crate::demo::PASSWORD)]
        password: String,
    },
    /// Looks after events.
    Events {
        /// What of them.
        #[command(subcommand)]
        command: Events,
    },
    /// Prints the settings in force, what is reachable, pending and wrong. Exits with 1 when something is wrong.
    Doctor,
}

/// What `kontor keys` can do.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a new key in KONTOR_KEYS_DIR. It signs in a minute; tokens of the old one count until they expire, so that
    /// nobody is signed out. Nothing has to be restarted.
    Rotate,
}

/// What can be done with events.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Messages that a service gave up.
    Dead {
        /// What with them.
        #[command(subcommand)]
        command: Dead,
    },
}

/// What can be done with messages that were given up.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// Lists them: service, id, type, company, time and reason.
    List {
        /// This service alone; without any, all.
        #[arg(value_name = "SERVICE")]
        service: Option<String>,
    },
    /// Prints one with everything it says.
    Show {
        /// The service that gave it up.
        #[arg(value_name = "SERVICE")]
        service: String,
        /// Its id, as `list` prints it.
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Gives one to its service again, or all of them. Exits with 1 when there is none.
    Retry {
        /// The service that gave it up.
        #[arg(value_name = "SERVICE")]
        service: String,
        /// Its id, as `list` prints it.
        #[arg(value_name = "ID", required_unless_present = "all")]
        id: Option<String>,
        /// All of the service.
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
}
