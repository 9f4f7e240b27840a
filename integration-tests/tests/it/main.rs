//! The suite as a user sees it, in one test binary: it starts PostgreSQL, RabbitMQ, every service and the gateway as
//! processes, runs the trials beside one another against them, and stops all of it. Trials that kill processes
//! have a suite of their own and run alone, after the others.
//!
//! `cargo test -p kontor-integration-tests -- tenancy` runs the trials whose names hold that word.

#![allow(
    clippy::unwrap_used,
    reason = "a trial that does not find what it looks for fails"
)]

use std::sync::Arc;

use kontor_integration_tests::suite::{RUNTIME, Suite};
use libtest_mimic::{Arguments, Trial};

mod auth;
mod bad_input;
mod bulk;
mod conversion;
mod dead_letters;
mod deals;
mod delivery;
mod exporting;
mod idempotency;
mod importing;
mod leads;
mod merging;
mod outage;
mod people;
mod records;
mod rights;
mod setup;
mod status;
mod story;
mod survival;
mod tenancy;
mod territories;
mod texts;
mod tracing;
mod uploads;

/// The trials of all files: a name that is a claim, and the proof.
fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    [
        story::trials(suite),
        auth::trials(suite),
        rights::trials(suite),
        people::trials(suite),
        leads::trials(suite),
        records::trials(suite),
        status::trials(suite),
        setup::trials(suite),
        merging::trials(suite),
        idempotency::trials(suite),
        importing::trials(suite),
        exporting::trials(suite),
        bad_input::trials(suite),
        texts::trials(suite),
        bulk::trials(suite),
        conversion::trials(suite),
        deals::trials(suite),
        delivery::trials(suite),
        dead_letters::trials(suite),
        tenancy::trials(suite),
        territories::trials(suite),
        tracing::trials(suite),
        uploads::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The trials that break things.
fn breaking_trials(suite: &Arc<Suite>) -> Vec<Trial> {
    [
        outage::trials(suite),
        rights::breaking_trials(suite),
        survival::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() {
    let mut arguments = Arguments::from_args();
    let peaceful = Suite::declare("peaceful");
    let broken = Suite::declare("broken");
    let conclusion = libtest_mimic::run(&arguments, trials(&peaceful));
    peaceful.stop();
    arguments.test_threads = Some(1);
    let breaking = libtest_mimic::run(&arguments, breaking_trials(&broken));
    broken.stop();
    if conclusion.has_failed() {
        conclusion.exit();
    }
    breaking.exit();
}

/// A trial: an async proof on a runtime of its own, against a suite that the first trial starts.
pub(crate) fn trial<F>(suite: &Arc<Suite>, name: &str, proof: F) -> Trial
where
    F: AsyncFnOnce(&Suite) + Send + 'static,
{
    let suite = Arc::clone(suite);
    Trial::test(name, move || {
        suite.start();
        RUNTIME.block_on(proof(&suite));
        Ok(())
    })
}
