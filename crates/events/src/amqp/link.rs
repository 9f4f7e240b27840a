//! The connection, made again when it was lost.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus, uri::AMQPUri};
use tokio::sync::Mutex;

use super::topology;
use crate::bus::Away;

/// Longer than a busy broker needs, shorter than a person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds after which a silent peer counts as gone, also behind a firewall that drops packets.
const HEARTBEAT: u16 = 15;

pub(crate) struct Amqp {
    uri: AMQPUri,
    connection: Mutex<Option<Arc<Connection>>>,
    status: std::sync::Mutex<Option<ConnectionStatus>>,
    /// The channel that the relays publish on, with confirms.
    pub(super) publisher: Mutex<Option<Channel>>,
}

impl Amqp {
    pub(crate) fn new(address: &str) -> Result<Self, String> {
        let mut uri: AMQPUri = address.parse()?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self {
            uri,
            connection: Mutex::new(None),
            status: std::sync::Mutex::new(None),
            publisher: Mutex::new(None),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        let status = self
            .status
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        status
            .as_ref()
            .is_some_and(|status| status.connected() && !status.blocked())
    }

    /// The connection that is there, or a new one with the exchange declared.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Away> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let name = format!("kontor {}", std::process::id());
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| Away("the broker does not answer".to_owned()))?
            .map_err(away)?;
        let channel = connection.create_channel().await.map_err(away)?;
        topology::declare_exchange(&channel).await.map_err(away)?;
        // The channel was for declaring; closing it is only tidiness.
        let _ = channel.close(200, "declared".into()).await;
        let connection = Arc::new(connection);
        *self
            .status
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(connection.status().clone());
        *slot = Some(connection.clone());
        tracing::info!("connected to the broker");
        Ok(connection)
    }
}

/// What the broker or the socket says; lapin's errors hold no credentials.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn away(error: lapin::Error) -> Away {
    Away(error.to_string())
}
