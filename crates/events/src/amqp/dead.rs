//! The queue of dead messages of a service, looked at without taking anything out of it.

use lapin::{
    Channel, ErrorKind,
    message::BasicGetMessage,
    options::{BasicAckOptions, BasicGetOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
};

use super::{
    envelope,
    link::{Amqp, away},
    topology,
};
use crate::{bus::Away, message::Message};

impl Amqp {
    /// The first messages of the queue, each with the broker's word for why it is there. They go back to their places when
    /// the channel is closed.
    pub(crate) async fn dead(&self, service: &str, limit: usize) -> Result<Vec<(Message, String)>, Away> {
        let channel = self.channel().await?;
        let queue = topology::dead_queue(service);
        let mut found = Vec::new();
        while found.len() < limit
            && let Some(mut got) = next(&channel, &queue).await?
        {
            let payload = std::mem::take(&mut got.delivery.data);
            let reason = envelope::death(&got.delivery.properties);
            found.push((envelope::message(&got.delivery.properties, payload), reason));
        }
        close(&channel).await;
        Ok(found)
    }

    /// Puts the message of an id at the end of its service's queue, and then takes it out of the queue of the dead: killed
    /// between the two it is in both, and the inbox knows it.
    pub(crate) async fn retry_dead(&self, service: &str, id: &str) -> Result<bool, Away> {
        let channel = self.channel().await?;
        let queue = topology::dead_queue(service);
        let mut found = false;
        while let Some(mut got) = next(&channel, &queue).await? {
            let payload = std::mem::take(&mut got.delivery.data);
            let message = envelope::message(&got.delivery.properties, payload);
            if message.id == id {
                self.send_to_queue(&topology::queue(service), &message).await?;
                got.delivery.ack(BasicAckOptions::default()).await.map_err(away)?;
                found = true;
                break;
            }
        }
        close(&channel).await;
        Ok(found)
    }

    async fn channel(&self) -> Result<Channel, Away> {
        let connection = self.hearing.connection().await?;
        connection.create_channel().await.map_err(away)
    }
}

/// The next message; none when there is no more, or no such queue.
async fn next(channel: &Channel, queue: &str) -> Result<Option<BasicGetMessage>, Away> {
    match channel.basic_get(queue.into(), BasicGetOptions::default()).await {
        Ok(got) => Ok(got),
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(refused)
                if *refused.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) =>
            {
                Ok(None)
            }
            _ => Err(away(error)),
        },
    }
}

/// Everything that was looked at goes back.
async fn close(channel: &Channel) {
    // A channel that is closed already has done the same.
    let _ = channel.close(200, "looked at".into()).await;
}
