//! Who calls, from where, and whether they may: decided from the descriptors and the bearer token, before the body is read.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{HeaderMap, Request, Response, header};
use tonic::Status;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

use crate::caller::Caller;
use crate::error::{Error, Kind};
use crate::methods::{Access, Method};
use crate::origin::{self, Origin};
use crate::token::Verifier;

/// Paths outside the contract that anybody may call: health and reflection.
const OPEN: [&str; 2] = ["/grpc.health.v1.", "/grpc.reflection."];

/// Admits callers. As a tower layer it stands before every gRPC server; the gateway asks [`Guard::admit`].
#[derive(Clone)]
pub struct Guard {
    verifier: Verifier,
}

impl Guard {
    /// A guard that trusts this verifier.
    #[must_use]
    pub const fn new(verifier: Verifier) -> Self {
        Self { verifier }
    }

    /// Whether identity has been heard, so that people's tokens can be judged.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        self.verifier.is_in_step()
    }

    /// The caller, if this access rule lets them in; `None` for a public rpc without a valid token.
    ///
    /// # Errors
    /// Unauthenticated without a valid token, Forbidden without the permission, Unavailable when identity can't be asked.
    pub async fn admit(&self, access: &Access, headers: &HeaderMap) -> Result<Option<Caller>, Error> {
        match headers.get(header::AUTHORIZATION) {
            Some(authorization) => judge(access, self.verifier.verify(authorization).await),
            None => judge(access, Err(no_token())),
        }
    }

    /// As [`Self::admit`] when it can be decided without asking anybody.
    fn admit_now(&self, access: &Access, headers: &HeaderMap) -> Option<Result<Option<Caller>, Error>> {
        match headers.get(header::AUTHORIZATION) {
            Some(authorization) => self
                .verifier
                .remembered(authorization)
                .map(|remembered| judge(access, remembered)),
            None => Some(judge(access, Err(no_token()))),
        }
    }
}

fn no_token() -> Error {
    Error::unauthenticated("unauthenticated", "Sign in first: a bearer token is needed.")
}

fn judge(access: &Access, caller: Result<Caller, Error>) -> Result<Option<Caller>, Error> {
    match (access, caller) {
        // Who signs in anew may still send an old token.
        (Access::Public, caller) => Ok(caller.ok()),
        (_, Err(error)) => Err(error),
        (Access::SignedIn, Ok(caller)) => Ok(Some(caller)),
        (Access::Permission(permission), Ok(caller)) => caller.require(permission).map(|_| Some(caller)),
        (Access::Service, Ok(caller)) if caller.is_service() => Ok(Some(caller)),
        (Access::Service, Ok(_)) => Err(Error::new(
            Kind::Forbidden,
            "forbidden",
            "This is for services of the suite only.",
        )),
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            guard: self.clone(),
            inner,
        }
    }
}

/// A gRPC service behind a [`Guard`].
#[derive(Clone)]
pub struct Guarded<S> {
    guard: Guard,
    inner: S,
}

type Answer<E> = Result<Response<Body>, E>;
type Slow<E> = Pin<Box<dyn Future<Output = Answer<E>> + Send>>;

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Either<Ready<Answer<S::Error>>, Slow<S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<TcpConnectInfo>();
        let peer = peer.and_then(|peer| Some(peer.remote_addr()?.ip()));
        origin::judge(request.headers_mut(), self.guard.verifier.service_key(), peer);
        let Some(method) = Method::find(request.uri().path()) else {
            if OPEN.iter().any(|open| request.uri().path().starts_with(open)) {
                return Either::Left(self.inner.call(request));
            }
            let error = Error::new(Kind::Unimplemented, "unknown_method", "There is no such rpc.");
            return Either::Right(Either::Left(ready(Ok(answer(error)))));
        };
        match self.guard.admit_now(&method.access, request.headers()) {
            Some(Ok(caller)) => {
                introduce(&mut request, caller);
                Either::Left(self.inner.call(request))
            }
            Some(Err(error)) => Either::Right(Either::Left(ready(Ok(answer(error))))),
            None => {
                let guard = self.guard.clone();
                // The one that was polled ready is used; its clone takes its place.
                let next = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, next);
                Either::Right(Either::Right(Box::pin(async move {
                    match guard.admit(&method.access, request.headers()).await {
                        Ok(caller) => {
                            introduce(&mut request, caller);
                            inner.call(request).await
                        }
                        Err(error) => Ok(answer(error)),
                    }
                })))
            }
        }
    }
}

fn introduce(request: &mut Request<Body>, caller: Option<Caller>) {
    if let Some(caller) = caller {
        let origin = Origin::of(request.headers());
        request.extensions_mut().insert(caller.from(origin));
    }
}

fn answer(error: Error) -> Response<Body> {
    Status::from(error).into_http()
}
