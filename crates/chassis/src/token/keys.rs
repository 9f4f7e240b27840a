//! The public keys of identity.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use kontor_proto::identity::v1 as identity;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::Error;
use crate::peers::Peer;

/// A token with an unknown key makes us ask identity again, but not more often than this.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Keys are asked for anew at least this often while identity is heard, which says something every 15 s: so a new key is
/// known before it first signs, and a withdrawn one stops counting.
const REFRESH: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Keys {
    known: RwLock<Arc<HashMap<String, Arc<DecodingKey>>>>,
    asked: Mutex<Option<Instant>>,
}

impl Keys {
    /// The key of this id; asks identity when it isn't known. `None` when identity doesn't know it either.
    pub(super) async fn get(&self, identity: &Peer, kid: &str) -> Result<Option<Arc<DecodingKey>>, Error> {
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        // One asks, those who wait for it find its answer.
        let mut asked = self.asked.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(Some(key));
        }
        if asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN) {
            self.fetch(identity).await?;
            *asked = Some(Instant::now());
        }
        Ok(self.known(kid))
    }

    /// Asks anew when the last answer is old.
    pub(super) async fn refresh(&self, identity: &Peer) -> Result<(), Error> {
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|at| at.elapsed() >= REFRESH) {
            self.fetch(identity).await?;
            *asked = Some(Instant::now());
        }
        Ok(())
    }

    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kid)
            .cloned()
    }

    async fn fetch(&self, peer: &Peer) -> Result<(), Error> {
        let mut client = identity::key_service_client::KeyServiceClient::new(peer.clone());
        let answer = client
            .get_signing_keys(identity::GetSigningKeysRequest {})
            .await?
            .into_inner();
        let mut keys = HashMap::new();
        for key in answer.keys {
            if key.kty == "OKP" && key.crv == "Ed25519" {
                keys.insert(
                    key.kid,
                    Arc::new(DecodingKey::from_ed_components(&key.x).map_err(Error::internal)?),
                );
            }
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}
