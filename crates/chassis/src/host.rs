//! What a process and its services live from.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::db::Db;
use crate::error::Error;
use crate::health::{Fitness, Health};
use crate::peers::Peers;
use crate::settings::{ServiceSettings, Settings};
use crate::token::Verifier;

/// What all services of a process share. Cheap to clone.
#[derive(Clone)]
pub struct Process {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The other services.
    pub peers: Peers,
    /// Judges tokens.
    pub verifier: Verifier,
    /// Cancelled when the process is told to stop: no new work is taken, what runs is ended.
    pub draining: CancellationToken,
    /// Cancelled once what ran is done, or has had its time: every task ends.
    pub shutdown: CancellationToken,
    /// Every server: they are drained first.
    pub servers: TaskTracker,
    /// Every task that must have ended before the process does.
    pub tasks: TaskTracker,
}

impl Process {
    /// Begins the life of a process whose services call one another through these peers; `identity` is the name of the
    /// one that signs tokens.
    ///
    /// Call it within the run time.
    ///
    /// # Errors
    /// When `identity` is not among the peers.
    pub fn start(settings: Arc<Settings>, peers: Peers, identity: &str) -> Result<Self, Error> {
        let (draining, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let verifier = Verifier::start(
            peers.service_key().clone(),
            peers.get(identity)?,
            settings.access_token_seconds,
            shutdown.clone(),
        );
        Ok(Self {
            settings,
            peers,
            verifier,
            draining,
            shutdown,
            servers: TaskTracker::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// A service of this process, with its database opened (not yet connected) and checked by its health.
    ///
    /// # Errors
    /// When its settings can't be read or name no database.
    pub fn host(&self, name: &'static str, default_port: u16) -> Result<Host, Error> {
        let service = self.settings.service(name, default_port)?;
        let db = Db::open(service.database_url()?, name, self.settings.database_connections)?;
        let health = Health::new(self.draining.clone());
        health.register("database", {
            let db = db.clone();
            move || {
                let db = db.clone();
                async move {
                    if db.ping().await.is_ok() {
                        Fitness::Ready
                    } else {
                        Fitness::Unavailable
                    }
                }
            }
        });
        let (listening, shutdown) = (db.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            shutdown.cancelled().await;
            listening.stop_listening();
        });
        health.register("identity", {
            let verifier = self.verifier.clone();
            move || {
                let in_step = verifier.is_in_step();
                async move {
                    if in_step {
                        Fitness::Ready
                    } else {
                        Fitness::Unavailable
                    }
                }
            }
        });
        Ok(Host {
            name,
            settings: Arc::clone(&self.settings),
            service,
            db,
            peers: self.peers.seen_from(name),
            verifier: self.verifier.clone(),
            health,
            draining: self.draining.clone(),
            shutdown: self.shutdown.clone(),
            servers: self.servers.clone(),
            tasks: self.tasks.clone(),
        })
    }
}

/// What one service gets. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Its name.
    pub name: &'static str,
    /// The settings of the process.
    pub settings: Arc<Settings>,
    /// Its own.
    pub service: ServiceSettings,
    /// Its database.
    pub db: Db,
    /// The other services, as seen from it.
    pub peers: Peers,
    /// Judges tokens.
    pub verifier: Verifier,
    /// Its checks; `database` is there already.
    pub health: Health,
    /// Cancelled when the process is told to stop: streams that would never end must end.
    pub draining: CancellationToken,
    /// Cancelled once what ran is done, or has had its time: consumers, relays and jobs end.
    pub shutdown: CancellationToken,
    /// Every server of the process.
    pub servers: TaskTracker,
    /// Spawn here what must have ended before the process does.
    pub tasks: TaskTracker,
}
