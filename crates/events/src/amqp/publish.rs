//! Telling, in windows: all messages of a window are on their way before the first confirm is awaited.

use std::{sync::Arc, time::Duration};

use lapin::{
    Channel, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::time::error::Elapsed;

use super::{
    envelope,
    link::{Amqp, away},
    topology::{self, EXCHANGE},
};
use crate::{
    bus::Away,
    message::{Fate, Message},
};

/// A broker that does not confirm for so long (an alarm blocks publishers) counts as away.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);
/// So long a new channel and the queues behind it may take on a connection that is there.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

impl Amqp {
    pub(crate) async fn publish(&self, messages: &[Message]) -> Result<Vec<Fate>, Away> {
        let channel = self.publisher().await?;
        let window = async {
            let mut confirms = Vec::with_capacity(messages.len());
            for message in messages {
                confirms.push(send(&channel, EXCHANGE, &message.kind, message).await?);
            }
            let mut fates = Vec::with_capacity(messages.len());
            for confirm in confirms {
                fates.push(fate(&confirm.await.map_err(away)?));
            }
            Ok(fates)
        };
        let told = tokio::time::timeout(CONFIRM_TIMEOUT, window)
            .await
            .unwrap_or_else(silent);
        if told.is_err() {
            self.forget_publisher(&channel).await;
        }
        told
    }

    /// Puts a message at the end of a queue again, as if it came for the first time.
    pub(super) async fn send_to_queue(&self, queue: &str, message: &Message) -> Result<(), Away> {
        let channel = self.publisher().await?;
        let telling = async {
            let confirm = send(&channel, "", queue, message).await?;
            Ok(fate(&confirm.await.map_err(away)?))
        };
        let told = tokio::time::timeout(CONFIRM_TIMEOUT, telling)
            .await
            .unwrap_or_else(silent);
        if told.is_err() {
            self.forget_publisher(&channel).await;
        }
        match told? {
            Fate::Taken => Ok(()),
            Fate::Unroutable | Fate::Failed | Fate::Postponed => Err(Away(format!(
                "the broker did not take a message back into {queue}"
            ))),
        }
    }

    async fn publisher(&self) -> Result<Arc<Channel>, Away> {
        let mut slot = self.publisher.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let connection = self.telling.connection().await?;
        let opening = async {
            let channel = connection.create_channel().await?;
            for (service, kinds) in self.audience.all() {
                topology::declare_queue(&channel, &service, &kinds).await?;
            }
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let opened = tokio::time::timeout(OPEN_TIMEOUT, opening)
            .await
            .map_or_else(silent, |opened| opened.map_err(away));
        match opened {
            Ok(channel) => Ok(slot.insert(Arc::new(channel)).clone()),
            Err(error) => {
                self.telling.forget().await;
                Err(error)
            }
        }
    }

    /// What is still unconfirmed on a channel that failed must not be mistaken for a later message's confirm. Its
    /// connection goes too: the broker may have stopped reading from it, and then even closing the channel waits.
    async fn forget_publisher(&self, failed: &Arc<Channel>) {
        let mut slot = self.publisher.lock().await;
        // Another relay may have a new one already.
        if slot.as_ref().is_some_and(|channel| Arc::ptr_eq(channel, failed)) {
            *slot = None;
            self.telling.forget().await;
        }
    }
}

fn silent<T>(_: Elapsed) -> Result<T, Away> {
    Err(Away("the broker does not confirm".to_owned()))
}

async fn send(
    channel: &Channel,
    exchange: &str,
    key: &str,
    message: &Message,
) -> Result<PublisherConfirm, Away> {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    channel
        .basic_publish(
            exchange.into(),
            key.into(),
            options,
            &message.payload,
            envelope::properties(message),
        )
        .await
        .map_err(away)
}

/// A message that no queue wants is confirmed all the same; that it was returned is said beside it.
fn fate(confirmation: &Confirmation) -> Fate {
    match confirmation {
        Confirmation::Ack(None) => Fate::Taken,
        Confirmation::Ack(Some(_)) => Fate::Unroutable,
        Confirmation::Nack(_) | Confirmation::NotRequested => Fate::Postponed,
    }
}
