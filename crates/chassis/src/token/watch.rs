//! Listens to identity for sessions that ended.

use std::sync::Weak;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use kontor_proto::identity::v1 as identity;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::now;
use super::verifier::Inner;
use crate::error::{Error, chain};

/// Ended sessions must be refused within a second, so a lost stream is looked for again soon.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// A stream that heard nothing for so long is asked for anew, in case the other side is gone without a word.
const SILENCE: Duration = Duration::from_secs(60);

/// A stream that is away for longer than this is worth a line in the log.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// Keeps a stream to identity open as long as the verifier lives. While it is lost, sessions known as ended stay refused;
/// the first message after it is there again tells what was missed.
pub(super) async fn run(verifier: Weak<Inner>) {
    let mut waits = backoff();
    let (mut lost_at, mut told) = (Instant::now(), false);
    while let Some(inner) = verifier.upgrade() {
        let began = Instant::now();
        let ended = listen(&inner, &verifier).await;
        drop(inner);
        if began.elapsed() > WORTH_A_LINE {
            (waits, lost_at, told) = (backoff(), Instant::now(), false);
        }
        if let Err(error) = ended
            && !told
            && lost_at.elapsed() > WORTH_A_LINE
        {
            // Once for each time it is lost, not for each try; and not while everything is just starting.
            tracing::warn!(
                error = chain(&error),
                "identity can't be listened to for ended sessions; trying again"
            );
            told = true;
        }
        tokio::time::sleep(waits.next().unwrap_or(LONGEST_WAIT)).await;
    }
}

async fn listen(inner: &Inner, verifier: &Weak<Inner>) -> Result<(), Error> {
    let peer = inner.identity().as_service()?;
    let mut client = identity::key_service_client::KeyServiceClient::new(peer);
    let mut stream = client
        .watch_ended_sessions(identity::WatchEndedSessionsRequest {})
        .await?
        .into_inner();
    while let Ok(message) = timeout(SILENCE, stream.message()).await {
        let Some(message) = message? else { return Ok(()) };
        inner.end(message.sessions.iter().filter_map(read));
        inner.refresh_keys().await?;
        inner.heard();
        if verifier.strong_count() <= 1 {
            return Ok(());
        }
    }
    Ok(())
}

fn read(session: &identity::EndedSession) -> Option<(Uuid, i64)> {
    let id = session.session_id.parse().ok()?;
    Some((id, session.ended_at.as_ref().map_or_else(now, |at| at.seconds)))
}

fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}
