//! How every service knows a caller without asking.

use std::time::Duration;

use kontor_proto::identity::v1;
use kontor_proto::identity::v1::key_service_server::KeyService;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::{encode::timestamp, id, now};
use crate::ended::{Ended, EndedSessions};
use crate::error::Error;
use crate::keys::{Keyring, PublicKey};
use crate::service::{Identity, Resolved};

/// A watcher hears at least this often, if only that nothing happened: so it knows that the line is whole.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// [`KeyService`] by the keys and the news of this process.
pub(crate) struct KeyRpcs {
    pub(crate) identity: Identity,
    pub(crate) keys: Keyring,
    pub(crate) ended: EndedSessions,
    /// Ends the streams, which end by nothing else, when the service drains.
    pub(crate) draining: CancellationToken,
}

type News = Result<v1::WatchEndedSessionsResponse, Status>;

#[tonic::async_trait]
impl KeyService for KeyRpcs {
    async fn get_signing_keys(
        &self,
        _request: Request<v1::GetSigningKeysRequest>,
    ) -> Result<Response<v1::GetSigningKeysResponse>, Status> {
        let keys = self.keys.published(now()).map_err(Error::from)?;
        let keys = keys
            .into_iter()
            .map(|PublicKey { kid, x }| v1::SigningKey {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                x,
                kid,
                alg: "EdDSA".to_owned(),
                r#use: "sig".to_owned(),
            })
            .collect();
        Ok(Response::new(v1::GetSigningKeysResponse { keys }))
    }

    async fn watch_ended_sessions(
        &self,
        _request: Request<v1::WatchEndedSessionsRequest>,
    ) -> Result<Response<BoxStream<v1::WatchEndedSessionsResponse>>, Status> {
        // First the ear, then the look: what ends between is heard.
        let heard = self.ended.subscribe();
        let recent = self.ended.recent(now()).await?;
        let (tell, told) = mpsc::channel(16);
        let line =
            self.draining
                .clone()
                .run_until_cancelled_owned(pass_on(self.ended.clone(), heard, recent, tell));
        tokio::spawn(line);
        Ok(Response::new(Box::pin(ReceiverStream::new(told))))
    }

    async fn resolve_api_key(
        &self,
        request: Request<v1::ResolveApiKeyRequest>,
    ) -> Result<Response<v1::ResolveApiKeyResponse>, Status> {
        let Resolved {
            key,
            company_id,
            role,
            permissions,
            grant_id,
        } = self
            .identity
            .resolve_api_key(&request.into_inner().secret_hash, now())
            .await?;
        Ok(Response::new(v1::ResolveApiKeyResponse {
            api_key_id: key.id.to_string(),
            user_id: key.user_id.to_string(),
            company_id: company_id.to_string(),
            role,
            permissions,
            expires_at: key.expires_at.map(timestamp),
            grant_id: grant_id.to_string(),
        }))
    }

    async fn resolve_rights(
        &self,
        request: Request<v1::ResolveRightsRequest>,
    ) -> Result<Response<v1::ResolveRightsResponse>, Status> {
        let v1::ResolveRightsRequest { user_id, company_id } = request.into_inner();
        let (user_id, company_id) = (id("user_id", &user_id)?, id("company_id", &company_id)?);
        let membership = self.identity.rights(user_id, company_id).await?;
        Ok(Response::new(v1::ResolveRightsResponse {
            permissions: membership.held(),
            role: membership.role,
            grant_id: membership.grant_id.to_string(),
        }))
    }
}

/// Tells a watcher of what ended until it hangs up.
async fn pass_on(
    ended: EndedSessions,
    mut heard: broadcast::Receiver<std::sync::Arc<[Ended]>>,
    recent: Vec<Ended>,
    tell: mpsc::Sender<News>,
) {
    let mut next = message(&recent);
    while tell.send(Ok(next)).await.is_ok() {
        let news = tokio::select! {
            () = tell.closed() => return,
            news = tokio::time::timeout(HEARTBEAT, heard.recv()) => news,
        };
        next = match news {
            Err(_) => message(&[]),
            Ok(Ok(news)) => message(&news),
            Ok(Err(broadcast::error::RecvError::Closed)) => return,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => match ended.recent(now()).await {
                Ok(all) => message(&all),
                Err(error) => {
                    // The watcher calls again and then reads all.
                    let _ = tell.send(Err(error.into())).await;
                    return;
                }
            },
        };
    }
}

fn message(ended: &[Ended]) -> v1::WatchEndedSessionsResponse {
    let sessions = ended
        .iter()
        .map(|(id, at)| v1::EndedSession {
            session_id: id.to_string(),
            ended_at: Some(timestamp(*at)),
        })
        .collect();
    v1::WatchEndedSessionsResponse { sessions }
}
