//! A small identity: it signs tokens, tells its keys and which sessions ended. Its own rpcs serve as something to guard.

use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use futures_util::StreamExt;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kontor_chassis::host::{Host, Process};
use kontor_chassis::peers::Peers;
use kontor_chassis::settings::Settings;
use kontor_chassis::token::{Claims, ISSUER, ServiceKey};
use kontor_chassis::{Caller, serve};
use kontor_proto::identity::v1 as api;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::codegen::BoxStream;
use tonic::service::Routes;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// What the identity of a test knows.
#[derive(Clone)]
pub(crate) struct Identity(Arc<Inner>);

struct Inner {
    keys: Mutex<Vec<(String, SigningKey)>>,
    ended: Mutex<Vec<Uuid>>,
    ends: broadcast::Sender<Uuid>,
    /// Who has another role now, under which grant.
    rights: Mutex<Option<(String, Uuid)>>,
    held: tokio::sync::Semaphore,
    waiting: std::sync::atomic::AtomicBool,
}

/// A process that serves [`Identity`] and what there is to guard.
pub(crate) struct Suite {
    pub(crate) identity: Identity,
    pub(crate) process: Process,
    pub(crate) host: Host,
    pub(crate) channel: Channel,
    pub(crate) address: std::net::SocketAddr,
}

impl Suite {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        // A process measures from its start: an rpc that came before would be counted nowhere.
        crate::exported::metrics().await;
        let defaults = [
            ("identity_listen", "127.0.0.1:0"),
            ("database_url", "postgres://nobody@127.0.0.1:1/none"),
        ];
        let settings = Settings::from_pairs(defaults.iter().chain(settings).copied()).unwrap();
        let peers = Peers::builder(ServiceKey::random())
            .local("identity")
            .build("suite");
        let process = Process::start(Arc::new(settings), peers, "identity").unwrap();
        let host = process.host("identity", 0).unwrap();
        let identity = Identity::new();
        let address = serve::serve(&host, identity.routes()).await.unwrap();
        let channel = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy();
        let suite = Self {
            identity,
            process,
            host,
            channel,
            address,
        };
        crate::within::until("identity is heard", || async { suite.host.verifier.is_in_step() }).await;
        suite
    }

    pub(crate) async fn get_me(&self, token: &str) -> Result<Response<api::GetMeResponse>, Status> {
        let mut client = api::session_service_client::SessionServiceClient::new(self.channel.clone());
        client.get_me(with_token(api::GetMeRequest {}, token)).await
    }

    pub(crate) async fn get_member(&self, token: &str) -> Result<Response<api::GetMemberResponse>, Status> {
        let mut client = api::member_service_client::MemberServiceClient::new(self.channel.clone());
        client
            .get_member(with_token(api::GetMemberRequest::default(), token))
            .await
    }
}

pub(crate) fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    request
}

pub(crate) fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// Claims that let one in, to be spoilt.
pub(crate) fn claims() -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: Uuid::now_v7(),
        company: Uuid::now_v7(),
        sid: Uuid::now_v7(),
        role: "viewer".into(),
        permissions: vec!["members:read".into()],
        grant: Some(Uuid::now_v7()),
        iat: now(),
        exp: now() + 600,
    }
}

impl Identity {
    pub(crate) fn new() -> Self {
        let identity = Self(Arc::new(Inner {
            keys: Mutex::default(),
            ended: Mutex::default(),
            ends: broadcast::channel(16).0,
            rights: Mutex::default(),
            held: tokio::sync::Semaphore::new(0),
            waiting: false.into(),
        }));
        identity.rotate();
        identity
    }

    /// Signs with a new key from now on.
    pub(crate) fn rotate(&self) {
        let kid = Uuid::new_v4().to_string();
        self.0
            .keys
            .lock()
            .unwrap()
            .insert(0, (kid, SigningKey::from_bytes(&rand::random())));
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        let (kid, key) = self.0.keys.lock().unwrap()[0].clone();
        sign_with(&key, &kid, claims)
    }

    /// Signs what no honest identity would.
    pub(crate) fn sign_any(&self, claims: &serde_json::Value) -> String {
        let (kid, key) = self.0.keys.lock().unwrap()[0].clone();
        sign_with(&key, &kid, claims)
    }

    pub(crate) fn kid(&self) -> String {
        self.0.keys.lock().unwrap()[0].0.clone()
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.0.keys.lock().unwrap()[0].1.verifying_key().to_bytes()
    }

    pub(crate) fn end(&self, session: Uuid) {
        self.0.ended.lock().unwrap().push(session);
        // Nobody may listen just now; then the first message tells it.
        let _ = self.0.ends.send(session);
    }

    /// Everybody has this role from now on, under another grant than before.
    pub(crate) fn give(&self, role: &str, before: Uuid) {
        *self.0.rights.lock().unwrap() = Some((role.to_owned(), Uuid::now_v7()));
        self.end(before);
    }

    /// Nobody is a member any more.
    pub(crate) fn shut_out(&self, grant: Uuid) {
        *self.0.rights.lock().unwrap() = None;
        self.end(grant);
    }

    /// The grant by which everybody has the present role.
    pub(crate) fn grant(&self) -> Uuid {
        self.0.rights.lock().unwrap().as_ref().unwrap().1
    }

    /// Whether a `GetMe` of the role `held` is at work.
    pub(crate) fn waiting(&self) -> bool {
        self.0.waiting.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Lets one held `GetMe` of the role `held` go on.
    pub(crate) fn release(&self) {
        self.0.held.add_permits(1);
    }

    pub(crate) fn routes(&self) -> Routes {
        Routes::new(api::key_service_server::KeyServiceServer::new(self.clone()))
            .add_service(api::session_service_server::SessionServiceServer::new(
                self.clone(),
            ))
            .add_service(api::member_service_server::MemberServiceServer::new(self.clone()))
    }
}

pub(crate) fn sign_with(key: &SigningKey, kid: &str, claims: &impl serde::Serialize) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.to_owned());
    let der = key.to_pkcs8_der().unwrap();
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
}

fn told(sessions: Vec<Uuid>) -> api::WatchEndedSessionsResponse {
    let one = |id: Uuid| api::EndedSession {
        session_id: id.to_string(),
        ended_at: None,
    };
    api::WatchEndedSessionsResponse {
        sessions: sessions.into_iter().map(one).collect(),
    }
}

#[tonic::async_trait]
impl api::key_service_server::KeyService for Identity {
    async fn get_signing_keys(
        &self,
        _: Request<api::GetSigningKeysRequest>,
    ) -> Result<Response<api::GetSigningKeysResponse>, Status> {
        use base64::Engine;
        let keys = self.0.keys.lock().unwrap();
        let jwk = |(kid, key): &(String, SigningKey)| api::SigningKey {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key.verifying_key().to_bytes()),
            kid: kid.clone(),
            alg: "EdDSA".into(),
            r#use: "sig".into(),
        };
        Ok(Response::new(api::GetSigningKeysResponse {
            keys: keys.iter().map(jwk).collect(),
        }))
    }

    async fn watch_ended_sessions(
        &self,
        _: Request<api::WatchEndedSessionsRequest>,
    ) -> Result<Response<BoxStream<api::WatchEndedSessionsResponse>>, Status> {
        let later =
            BroadcastStream::new(self.0.ends.subscribe()).map(|session| Ok(told(vec![session.unwrap()])));
        let all = told(self.0.ended.lock().unwrap().clone());
        Ok(Response::new(
            futures_util::stream::once(async { Ok(all) }).chain(later).boxed(),
        ))
    }

    async fn resolve_rights(
        &self,
        _: Request<api::ResolveRightsRequest>,
    ) -> Result<Response<api::ResolveRightsResponse>, Status> {
        match &*self.0.rights.lock().unwrap() {
            Some((role, grant)) => Ok(Response::new(api::ResolveRightsResponse {
                role: role.clone(),
                permissions: vec!["members:read".into()],
                grant_id: grant.to_string(),
            })),
            None => Err(Status::not_found("no member")),
        }
    }
}

#[tonic::async_trait]
impl api::session_service_server::SessionService for Identity {
    /// Answers with the caller's role; the role `panics` panics, and `held` waits for [`Identity::release`].
    async fn get_me(
        &self,
        request: Request<api::GetMeRequest>,
    ) -> Result<Response<api::GetMeResponse>, Status> {
        let caller = Caller::of(&request)?;
        assert_ne!(caller.role(), "panics", "the handler was asked to");
        if caller.role() == "held" {
            self.0.waiting.store(true, std::sync::atomic::Ordering::SeqCst);
            self.0.held.acquire().await.unwrap().forget();
        }
        Ok(Response::new(api::GetMeResponse {
            role: caller.role().to_owned(),
            ..Default::default()
        }))
    }
}

#[tonic::async_trait]
impl api::member_service_server::MemberService for Identity {
    async fn get_member(
        &self,
        request: Request<api::GetMemberRequest>,
    ) -> Result<Response<api::GetMemberResponse>, Status> {
        Caller::of(&request)?;
        Ok(Response::new(api::GetMemberResponse::default()))
    }
}
