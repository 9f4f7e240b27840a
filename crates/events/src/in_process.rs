//! The bus of one process: a message is taken when every consumer that wants it has committed its effect. Until then
//! it stays in the outbox, so that a process that dies loses nothing.

use std::sync::RwLock;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};

use crate::{
    audience::Audience,
    message::{Fate, Message, Verdict},
};

#[derive(Default)]
pub(crate) struct InProcess {
    queues: RwLock<Vec<Queue>>,
    pub(crate) audience: Audience,
}

struct Queue {
    service: String,
    kinds: Vec<String>,
    sender: mpsc::Sender<InProcessArrival>,
}

pub(crate) struct InProcessArrival {
    pub(crate) message: Message,
    settled: oneshot::Sender<Verdict>,
}

pub(crate) struct InProcessSubscription {
    arrivals: mpsc::Receiver<InProcessArrival>,
}

impl InProcess {
    pub(crate) fn subscribe(
        &self,
        service: &str,
        kinds: Vec<String>,
        prefetch: u16,
    ) -> InProcessSubscription {
        let (sender, arrivals) = mpsc::channel(usize::from(prefetch.max(1)));
        let mut queues = self
            .queues
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        queues.push(Queue {
            service: service.to_owned(),
            kinds,
            sender,
        });
        InProcessSubscription { arrivals }
    }

    pub(crate) async fn publish(&self, messages: &[Message]) -> Vec<Fate> {
        join_all(messages.iter().map(|message| self.hand_over(message))).await
    }

    async fn hand_over(&self, message: &Message) -> Fate {
        let senders: Vec<_> = {
            let queues = self
                .queues
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            let is_there = |service: &str| queues.iter().any(|queue| queue.service == service);
            if !self.audience.of(&message.kind).iter().all(|one| is_there(one)) {
                // Somebody who hears it is still starting.
                return Fate::Postponed;
            }
            queues
                .iter()
                .filter(|q| q.kinds.contains(&message.kind))
                .map(|q| q.sender.clone())
                .collect()
        };
        if senders.is_empty() {
            return Fate::Unroutable;
        }
        let verdicts = join_all(senders.into_iter().map(async |sender| {
            let (settled, verdict) = oneshot::channel();
            let arrival = InProcessArrival {
                message: message.clone(),
                settled,
            };
            if sender.send(arrival).await.is_err() {
                return Verdict::Later;
            }
            // A consumer that stops without a verdict is one that comes back.
            verdict.await.unwrap_or(Verdict::Later)
        }))
        .await;
        // One that is done will know the message when it comes again for the sake of another.
        if verdicts.contains(&Verdict::Again) {
            Fate::Failed
        } else if verdicts.contains(&Verdict::Later) {
            Fate::Postponed
        } else {
            Fate::Taken
        }
    }
}

impl InProcessSubscription {
    pub(crate) async fn next(&mut self) -> InProcessArrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            // The hub holds a sender as long as it lives; without it nothing will ever come.
            None => std::future::pending().await,
        }
    }
}

impl InProcessArrival {
    pub(crate) fn settle(self, verdict: Verdict) {
        // Nobody listens when the relay was stopped; the row is still in the outbox then.
        let _ = self.settled.send(verdict);
    }
}
