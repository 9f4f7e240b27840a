//! Waiting for a thing, never for a time.

use std::time::Duration;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until it is so.
pub(crate) async fn until<F, R>(what: &str, look: F)
where
    F: Fn() -> R,
    R: Future<Output = bool>,
{
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}
