//! Messages that have come at the same time, in one transaction for each type and company.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::{Consumer, handler::Failure};
use crate::{
    bus::{Arrival, settle_done},
    message::{Message, Verdict},
};

/// So many at most, and of so many bytes, unless one alone is larger.
const MESSAGES: usize = 64;
const BYTES: usize = 256 * 1024;

impl Consumer {
    /// Whether a message is handled together with others.
    pub(super) fn waits_for_others(&self, message: &Message) -> bool {
        !message.id.is_empty()
            && message.headers.company.is_some()
            && self
                .handlers
                .get(&message.kind)
                .is_some_and(|handlers| handlers.together)
    }

    /// Handles what has come, until nothing comes any more. While one transaction is on its way, the next ones gather.
    pub(super) async fn gather(self: Arc<Self>, mut gathering: UnboundedReceiver<Arrival>) {
        let mut come = Vec::new();
        while gathering.recv_many(&mut come, MESSAGES).await > 0 {
            let mut alike: BTreeMap<(Option<Uuid>, String), Vec<Arrival>> = BTreeMap::new();
            for arrival in come.drain(..) {
                let message = arrival.message();
                let key = (message.headers.company, message.kind.clone());
                alike.entry(key).or_default().push(arrival);
            }
            for batch in alike.into_values().flat_map(batches) {
                if self.shutdown.is_cancelled() {
                    // What isn't settled comes again.
                    return;
                }
                self.take_together(batch).await;
            }
        }
    }

    async fn take_together(self: &Arc<Self>, batch: Vec<Arrival>) {
        let spans: Vec<Span> = batch.iter().map(|arrival| self.span(arrival.message())).collect();
        let messages: Vec<&Message> = batch.iter().map(Arrival::message).collect();
        // The statements show in the trace of the first; the others tell how long theirs took with it.
        let first = spans.first().cloned().unwrap_or_else(Span::none);
        let done = self.attempt(&messages).instrument(first).await;
        drop(spans);
        match done {
            Ok(()) => {
                self.count(Verdict::Done, batch.len() as u64);
                if let Err(away) = settle_done(batch).await {
                    // They come again, and the inbox knows them.
                    tracing::debug!(service = %self.service, %away, "messages could not be settled");
                }
            }
            Err(failure) => {
                let error = match failure {
                    Failure::Undecodable => None,
                    Failure::Handler(error) => Some(error),
                };
                tracing::debug!(
                    service = %self.service, error = error.as_ref().map(tracing::field::display),
                    "messages are handled one by one"
                );
                for arrival in batch {
                    self.take_alone(arrival).await;
                }
            }
        }
    }
}

/// In their order, none too large.
fn batches(arrivals: Vec<Arrival>) -> Vec<Vec<Arrival>> {
    let mut batches: Vec<Vec<Arrival>> = Vec::new();
    let mut bytes = 0;
    for arrival in arrivals {
        let size = arrival.message().payload.len();
        match batches.last_mut() {
            Some(batch) if bytes + size <= BYTES => {
                bytes += size;
                batch.push(arrival);
            }
            _ => {
                bytes = size;
                batches.push(vec![arrival]);
            }
        }
    }
    batches
}
