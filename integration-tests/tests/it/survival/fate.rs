//! Chance that can be had again: `KONTOR_SEED` repeats what a failed run printed.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// The dice of a trial.
pub(super) fn dice(trial: &str) -> StdRng {
    let seed = match std::env::var("KONTOR_SEED") {
        Ok(seed) => seed.parse().expect("KONTOR_SEED is a number"),
        Err(_) => rand::random(),
    };
    eprintln!("{trial}: KONTOR_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
