//! The one executable of the suite, as a library: what the command line does, and the private servers that
//! the integration tests start the same way.

//!
//! Reading order: [`cli`] and [`commands`] (what there is), [`suite`] (the services), [`migrate`] (their schemas),
//! `process` (serving them), [`up`] (everything at once), [`servers`] (what that starts).

mod children;
pub mod cli;
pub mod commands;
mod dead;
pub mod demo;
pub mod doctor;
pub mod migrate;
pub mod private;
mod process;
pub mod servers;
mod signals;
pub mod suite;
mod terminal;
pub mod up;

/// An error of the chassis for the command line: with its cause, which it keeps from clients of the suite.
#[allow(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
pub(crate) fn explain(error: kontor_chassis::Error) -> anyhow::Error {
    match std::error::Error::source(&error) {
        Some(cause) => anyhow::anyhow!("{cause:#}"),
        None => anyhow::anyhow!("{error}"),
    }
}
