//! Exactly once, whatever dies.

mod conversions;
mod fate;
mod imports;
mod merges;
mod undo;

use std::sync::Arc;

use kontor_integration_tests::suite::Suite;
use libtest_mimic::Trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    [
        conversions::trials(suite),
        imports::trials(suite),
        merges::trials(suite),
        undo::trials(suite),
    ]
    .into_iter()
    .flatten()
    .collect()
}
