//! A request on trial is judged like any other and changes nothing.
//!
//! The gateway finds some mistakes by itself (an unknown word, a number where text belongs), a service finds the others.
//! So that a client learns of all at once, the gateway sends what is left of such a request with [`HEADER`], and adds what
//! the service refuses to its own findings. A use-case knows nothing of it: it goes its usual way until its first commit,
//! which fails.

use tokio::task_local;

use crate::error::Error;

/// The header of such an rpc; its value doesn't matter.
pub const HEADER: &str = "kontor-trial";

task_local! {
    static ON_TRIAL: ();
}

/// Runs work on trial: no transaction that it begins can be committed.
pub async fn run<F: Future>(work: F) -> F::Output {
    ON_TRIAL.scope((), work).await
}

/// Whether the work at hand is on trial.
pub(crate) fn is_on() -> bool {
    ON_TRIAL.try_with(|()| ()).is_ok()
}

/// What a commit fails with: of the kind that is never kept for a repeat.
pub(crate) fn over() -> Error {
    Error::invalid(
        "on_trial",
        "It was only tried: nothing is wrong, and nothing was done.",
    )
}
