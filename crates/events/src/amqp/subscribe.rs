//! Hearing: the queue of a service, declared and consumed again whenever the connection was lost.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use lapin::{
    Consumer,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions},
    types::FieldTable,
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
}

pub(crate) struct AmqpArrival {
    pub(crate) message: Message,
    delivery: Delivery,
    amqp: Arc<Amqp>,
    queue: String,
}

impl AmqpSubscription {
    pub(crate) fn new(amqp: Arc<Amqp>, service: &str, kinds: Vec<String>, prefetch: u16) -> Self {
        Self {
            amqp,
            service: service.to_owned(),
            kinds,
            prefetch,
            consumer: None,
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
                    return AmqpArrival {
                        message: envelope::message(&delivery.properties, payload),
                        delivery,
                        amqp: self.amqp.clone(),
                        queue: topology::queue(&self.service),
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
        settled.map(drop).map_err(away)
    }
}
