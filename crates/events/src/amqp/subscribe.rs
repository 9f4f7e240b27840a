//! Hearing: the queue of a service, declared and consumed again whenever the connection was lost.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::{DeliveryTag, FieldTable},
};

use super::{
    envelope,
    link::{Amqp, away},
    topology,
};
use crate::{
    bus::Away,
    message::{Message, Verdict},
};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// So long it may take to declare the queue and to consume it. A queue whose leader is away answers late or never.
const CONSUME_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct AmqpSubscription {
    amqp: Arc<Amqp>,
    service: String,
    kinds: Vec<String>,
    prefetch: u16,
    consumer: Option<Consumer>,
    unsettled: Unsettled,
}

/// The tags of what a channel has brought and what isn't settled yet.
#[derive(Clone, Default)]
struct Unsettled(Arc<Mutex<BTreeSet<DeliveryTag>>>);

impl Unsettled {
    fn tags(&self) -> MutexGuard<'_, BTreeSet<DeliveryTag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct AmqpArrival {
    pub(crate) message: Message,
    delivery: Delivery,
    amqp: Arc<Amqp>,
    queue: String,
    unsettled: Unsettled,
}

impl AmqpSubscription {
    pub(crate) fn new(amqp: Arc<Amqp>, service: &str, kinds: Vec<String>, prefetch: u16) -> Self {
        Self {
            amqp,
            service: service.to_owned(),
            kinds,
            prefetch,
            consumer: None,
            unsettled: Unsettled::default(),
        }
    }

    pub(crate) async fn next(&mut self) -> AmqpArrival {
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(consumer) = self.consumer.as_mut() else {
                let consuming = tokio::time::timeout(CONSUME_TIMEOUT, self.consume());
                match consuming.await.unwrap_or_else(|_| Err(silent())) {
                    Ok(consumer) => {
                        self.consumer = Some(consumer);
                        self.unsettled = Unsettled::default();
                        pause = FIRST_PAUSE;
                    }
                    Err(Away(reason)) => {
                        if pause == FIRST_PAUSE {
                            tracing::warn!(service = %self.service, reason, "the broker is away; trying again");
                        }
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
                continue;
            };
            match consumer.next().await {
                Some(Ok(mut delivery)) => {
                    let payload = std::mem::take(&mut delivery.data);
                    self.unsettled.tags().insert(delivery.delivery_tag);
                    return AmqpArrival {
                        message: envelope::message(&delivery.properties, payload),
                        delivery,
                        amqp: self.amqp.clone(),
                        queue: topology::queue(&self.service),
                        unsettled: self.unsettled.clone(),
                    };
                }
                Some(Err(error)) => {
                    tracing::warn!(service = %self.service, %error, "the broker was lost");
                    self.consumer = None;
                }
                None => self.consumer = None,
            }
        }
    }

    async fn consume(&self) -> Result<Consumer, Away> {
        let channel = self
            .amqp
            .hearing
            .connection()
            .await?
            .create_channel()
            .await
            .map_err(away)?;
        topology::declare_queue(&channel, &self.service, &self.kinds)
            .await
            .map_err(away)?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await
            .map_err(away)?;
        channel
            .basic_consume(
                topology::queue(&self.service).as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(away)
    }
}

fn silent() -> Away {
    Away("the queue does not answer".to_owned())
}

impl AmqpArrival {
    pub(crate) async fn settle(self, verdict: Verdict) -> Result<(), Away> {
        let settled = match verdict {
            Verdict::Done => self.delivery.ack(BasicAckOptions::default()).await,
            Verdict::Again => {
                self.delivery
                    .nack(BasicNackOptions {
                        multiple: false,
                        requeue: true,
                    })
                    .await
            }
            Verdict::Dead => {
                self.delivery
                    .nack(BasicNackOptions {
                        multiple: false,
                        requeue: false,
                    })
                    .await
            }
            Verdict::Later => {
                // Giving it back would count as a failed delivery, so it is told to the queue anew.
                self.amqp.send_to_queue(&self.queue, &self.message).await?;
                self.delivery.ack(BasicAckOptions::default()).await
            }
        };
        settled.map_err(away)?;
        // Only now: whatever acknowledges all up to a later one comes behind it.
        self.unsettled.tags().remove(&self.tag());
        Ok(())
    }

    /// Acknowledges several: by one word those before which the channel has brought nothing else that is unsettled.
    pub(crate) async fn settle_done(arrivals: Vec<Self>) -> Result<(), Away> {
        let Some(unsettled) = arrivals.last().map(|newest| newest.unsettled.clone()) else {
            return Ok(());
        };
        // The channel may have been lost and made again in between, and tags begin anew with each.
        let of_channel = |arrival: &Self| Arc::ptr_eq(&arrival.unsettled.0, &unsettled.0);
        let own: BTreeSet<DeliveryTag> = arrivals
            .iter()
            .filter(|arrival| of_channel(arrival))
            .map(Self::tag)
            .collect();
        let first_of_others = unsettled.tags().difference(&own).next().copied();
        let (together, apart): (Vec<Self>, Vec<Self>) = arrivals.into_iter().partition(|arrival| {
            of_channel(arrival) && first_of_others.is_none_or(|other| arrival.tag() < other)
        });
        let mut settled = Ok(());
        if let Some(last) = together.iter().max_by_key(|arrival| arrival.tag()) {
            let all = BasicAckOptions { multiple: true };
            settled = last.delivery.ack(all).await.map(drop).map_err(away);
            let mut tags = unsettled.tags();
            for arrival in &together {
                tags.remove(&arrival.tag());
            }
        }
        for arrival in apart {
            settled = settled.and(arrival.settle(Verdict::Done).await);
        }
        settled
    }

    fn tag(&self) -> DeliveryTag {
        self.delivery.delivery_tag
    }
}
