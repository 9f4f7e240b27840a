//! The connections, made again when they were lost.
//!
//! There are two. A broker that is pressed stops reading from a connection that publishes, and nothing else on that
//! connection moves then: no acknowledgement, no new consumer. So telling and hearing have one each.

use std::{sync::Arc, time::Duration};

use lapin::{Channel, Connection, ConnectionProperties, ConnectionStatus, uri::AMQPUri};
use tokio::sync::Mutex;

use super::topology;
use crate::{audience::Audience, bus::Away};

/// Longer than a busy broker needs, shorter than a person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds after which a silent peer counts as gone, also behind a firewall that drops packets.
const HEARTBEAT: u16 = 15;

/// Bytes of a frame at the most, unless the address says otherwise. Each connection keeps room for 64 of them: at the
/// broker's own 128 KiB that would be 16 MiB for every idle process. Longer messages are sent in several frames.
const FRAME: u32 = 16 * 1024;

pub(crate) struct Amqp {
    pub(super) telling: Link,
    pub(super) hearing: Link,
    /// The channel that the relays publish on, with confirms.
    pub(super) publisher: Mutex<Option<Arc<Channel>>>,
    /// Whose queues have to be there before anything is told.
    pub(crate) audience: Audience,
}

impl Amqp {
    pub(crate) fn new(address: &str) -> Result<Self, String> {
        let mut uri: AMQPUri = address.parse()?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        uri.query.frame_max.get_or_insert(FRAME);
        Ok(Self {
            telling: Link::new(uri.clone(), "tells"),
            hearing: Link::new(uri, "hears"),
            publisher: Mutex::new(None),
            audience: Audience::default(),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.telling.is_up()
    }

    /// Connects, to see whether that is possible.
    pub(crate) async fn check(&self) -> Result<(), Away> {
        self.telling.connection().await.map(drop)
    }
}

/// One connection.
pub(super) struct Link {
    uri: AMQPUri,
    /// What it does, for whoever looks at the broker's list of connections.
    does: &'static str,
    connection: Mutex<Option<Arc<Connection>>>,
    status: std::sync::Mutex<Option<ConnectionStatus>>,
}

impl Link {
    fn new(uri: AMQPUri, does: &'static str) -> Self {
        Self {
            uri,
            does,
            connection: Mutex::new(None),
            status: std::sync::Mutex::new(None),
        }
    }

    fn is_up(&self) -> bool {
        let status = self
            .status
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        status
            .as_ref()
            .is_some_and(|status| status.connected() && !status.blocked())
    }

    /// The connection that is there, or a new one with the exchange declared.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, Away> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(connection.clone());
        }
        *slot = None;
        let connection = tokio::time::timeout(CONNECT_TIMEOUT, self.connect())
            .await
            .map_err(|_| Away("the broker does not answer".to_owned()))?
            .map_err(away)?;
        let connection = Arc::new(connection);
        *self
            .status
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(connection.status().clone());
        *slot = Some(connection.clone());
        tracing::info!(link = self.does, "connected to the broker");
        Ok(connection)
    }

    async fn connect(&self) -> lapin::Result<Connection> {
        let name = format!("kontor {} {}", std::process::id(), self.does);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
        let channel = connection.create_channel().await?;
        topology::declare_exchange(&channel).await?;
        // The channel was for declaring; closing it is only tidiness.
        let _ = channel.close(200, "declared".into()).await;
        Ok(connection)
    }

    /// Makes the next caller connect anew. What still uses the old connection ends with it.
    pub(super) async fn forget(&self) {
        *self.connection.lock().await = None;
    }
}

/// What the broker or the socket says; lapin's errors hold no credentials.
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn away(error: lapin::Error) -> Away {
    Away(error.to_string())
}
