//! Calling other services: by a channel, or within the process without a socket.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::caller::Caller;
use crate::error::Error;
use crate::origin::{self, Origin};
use crate::telemetry;
use crate::token::ServiceKey;

/// A service of this process, with its guard and all else that stands before it.
pub type InProcess = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Answers carry every bad field in their headers.
pub(crate) const HEADER_BYTES: u32 = 64 * 1024;

/// The other services, by name. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    all: Arc<BTreeMap<String, Way>>,
    key: ServiceKey,
    /// Whom this side proves itself as.
    own_name: Arc<str>,
}

#[derive(Clone)]
enum Way {
    Channel(Channel),
    /// Set while the service runs; before and after it is unavailable.
    Local(Arc<RwLock<Option<InProcess>>>),
}

/// Gathers where each service is.
pub struct PeersBuilder {
    all: BTreeMap<String, Way>,
    key: ServiceKey,
}

impl PeersBuilder {
    /// A service behind a URL. It need not be up: each call tries to connect.
    ///
    /// # Errors
    /// When the URL can't be read.
    pub fn remote(mut self, name: &str, url: &str) -> Result<Self, Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| Error::internal(format!("the URL of {name} can't be read: {error}")))?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .http2_max_header_list_size(HEADER_BYTES);
        self.all
            .insert(name.to_owned(), Way::Channel(endpoint.connect_lazy()));
        Ok(self)
    }

    /// A service of this process, handed over later by [`Peers::set_local`].
    #[must_use]
    pub fn local(mut self, name: &str) -> Self {
        self.all.insert(name.to_owned(), Way::Local(Arc::default()));
        self
    }

    /// The peers, as they look from this service.
    #[must_use]
    pub fn build(self, own_name: &str) -> Peers {
        Peers {
            all: Arc::new(self.all),
            key: self.key,
            own_name: own_name.into(),
        }
    }
}

impl Peers {
    /// Begins to gather them.
    #[must_use]
    pub fn builder(key: ServiceKey) -> PeersBuilder {
        PeersBuilder {
            all: BTreeMap::new(),
            key,
        }
    }

    /// The same peers, as they look from another service of this process.
    #[must_use]
    pub fn seen_from(&self, own_name: &str) -> Self {
        Self {
            own_name: own_name.into(),
            ..self.clone()
        }
    }

    /// The key by which services prove themselves.
    #[must_use]
    pub fn service_key(&self) -> &ServiceKey {
        &self.key
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// Hands over a service of this process that was announced by [`PeersBuilder::local`]. Only the first counts.
    pub fn set_local(&self, name: &str, service: InProcess) {
        if let Some(Way::Local(slot)) = self.all.get(name) {
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            slot.get_or_insert(service);
        }
    }

    /// Lets go of the services of this process. They hold these peers in their turn, so without it neither would ever be
    /// freed, nor their connections to the database closed.
    pub fn let_go(&self) {
        for way in self.all.values() {
            if let Way::Local(slot) = way {
                slot.write().unwrap_or_else(PoisonError::into_inner).take();
            }
        }
    }

    /// The service of this name, not yet on anybody's behalf: for public rpcs.
    ///
    /// # Errors
    /// When there is none of that name, which is a fault of ours.
    pub fn get(&self, name: &str) -> Result<Peer, Error> {
        let way = self
            .all
            .get(name)
            .ok_or_else(|| Error::internal(format!("no service is named {name}")))?;
        Ok(Peer {
            way: way.clone(),
            key: self.key.clone(),
            own_name: Arc::clone(&self.own_name),
            authorization: None,
            origin: Origin::default(),
        })
    }

    /// The service of this name, on behalf of this caller: with the caller's own token, or as this service at work for the
    /// caller's company.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn on_behalf_of(&self, name: &str, caller: &Caller) -> Result<Peer, Error> {
        self.get(name)?.on_behalf_of(caller)
    }
}

/// One other service: `KeyServiceClient::new(peer)` makes its client. The trace goes along by itself. Cheap to clone.
#[derive(Clone)]
pub struct Peer {
    way: Way,
    key: ServiceKey,
    own_name: Arc<str>,
    authorization: Option<HeaderValue>,
    origin: Origin,
}

impl Peer {
    /// On behalf of this caller: see [`Peers::on_behalf_of`].
    ///
    /// # Errors
    /// When no token can be made, which doesn't happen.
    pub fn on_behalf_of(mut self, caller: &Caller) -> Result<Self, Error> {
        self.authorization = Some(match caller.authorization() {
            Some(token) => token.clone(),
            None => self
                .key
                .authorization(&self.own_name, Some(caller.company_id()))?,
        });
        self.origin = caller.origin().clone();
        Ok(self)
    }

    /// As this service itself, without a company.
    ///
    /// # Errors
    /// When no token can be made, which doesn't happen.
    pub fn as_service(&self) -> Result<Self, Error> {
        let authorization = Some(self.key.authorization(&self.own_name, None)?);
        Ok(Self {
            authorization,
            ..self.clone()
        })
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        match &mut self.way {
            Way::Channel(channel) => channel.poll_ready(cx).map_err(unreachable),
            Way::Local(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(authorization) = &self.authorization
            && !request.headers().contains_key(header::AUTHORIZATION)
        {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, authorization.clone());
        }
        self.origin.tell(request.headers_mut());
        origin::vouch(request.headers_mut(), &self.key);
        telemetry::inject(request.headers_mut());
        match &mut self.way {
            Way::Channel(channel) => {
                let answer = channel.call(request);
                Box::pin(async move { answer.await.map_err(unreachable) })
            }
            Way::Local(slot) => match slot.read().unwrap_or_else(PoisonError::into_inner).clone() {
                Some(service) => {
                    let answer = service.oneshot(request);
                    Box::pin(async move { answer.await.map_err(|never| match never {}) })
                }
                None => Box::pin(std::future::ready(Err(Status::unavailable(
                    "the service is starting",
                )))),
            },
        }
    }
}

/// Whatever breaks on the way, the service can't be reached just now.
fn unreachable(error: tonic::transport::Error) -> Status {
    let mut status = Status::unavailable("the service can't be reached");
    status.set_source(Arc::new(error));
    status
}
