//! Telling, in windows: all messages of a window are on their way before the first confirm is awaited.

use std::time::Duration;

use lapin::{
    Channel, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};

use super::{
    envelope,
    link::{Amqp, away},
    topology::EXCHANGE,
};
use crate::{
    bus::Away,
    message::{Fate, Message},
};

/// A broker that does not confirm for so long (an alarm blocks publishers) counts as away.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

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
        match tokio::time::timeout(CONFIRM_TIMEOUT, window).await {
            Ok(Ok(fates)) => Ok(fates),
            Ok(Err(error)) => {
                self.forget_publisher(&channel).await;
                Err(error)
            }
            Err(_) => {
                self.forget_publisher(&channel).await;
                Err(Away("the broker does not confirm".to_owned()))
            }
        }
    }

    /// Puts a message at the end of a queue again, as if it came for the first time.
    pub(super) async fn send_to_queue(&self, queue: &str, message: &Message) -> Result<(), Away> {
        let channel = self.publisher().await?;
        let confirm = send(&channel, "", queue, message).await?;
        match tokio::time::timeout(CONFIRM_TIMEOUT, confirm).await {
            Ok(Ok(confirmation)) => match fate(&confirmation) {
                Fate::Taken => Ok(()),
                Fate::Unroutable | Fate::Failed | Fate::Postponed => Err(Away(format!(
                    "the broker did not take a message back into {queue}"
                ))),
            },
            Ok(Err(error)) => Err(away(error)),
            Err(_) => Err(Away("the broker does not confirm".to_owned())),
        }
    }

    async fn publisher(&self) -> Result<Channel, Away> {
        let mut slot = self.publisher.lock().await;
        if let Some(channel) = slot.as_ref().filter(|channel| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let channel = self.connection().await?.create_channel().await.map_err(away)?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await
            .map_err(away)?;
        *slot = Some(channel.clone());
        Ok(channel)
    }

    /// What is still unconfirmed on a channel that failed must not be mistaken for a later message's confirm.
    async fn forget_publisher(&self, failed: &Channel) {
        let mut slot = self.publisher.lock().await;
        if slot.as_ref().is_some_and(|channel| channel.id() == failed.id()) {
            *slot = None;
        }
        drop(slot);
        // It may be closed already.
        let _ = failed.close(200, "abandoned".into()).await;
    }
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
