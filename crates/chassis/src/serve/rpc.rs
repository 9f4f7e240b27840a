//! Around every rpc: its span, its metrics, a limit of load, a deadline, and a net for panics.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Request, Response};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::body::Watched;
use crate::error::{Error, Kind};
use crate::methods::{Access, Method};
use crate::{telemetry, trial};

/// Rpcs of one service at the same time; more are told to try again.
const AT_ONCE: usize = 1024;
/// The answer of an rpc that takes no stream must begin in this time.
const DEADLINE: Duration = Duration::from_secs(60);

/// The layer.
#[derive(Clone)]
pub(super) struct Rpcs {
    running: Arc<AtomicUsize>,
    draining: CancellationToken,
}

impl Rpcs {
    pub(super) fn new(draining: CancellationToken) -> Self {
        Self {
            running: Arc::default(),
            draining,
        }
    }
}

impl<S> Layer<S> for Rpcs {
    type Service = Rpc<S>;

    fn layer(&self, inner: S) -> Rpc<S> {
        Rpc {
            rpcs: self.clone(),
            inner,
        }
    }
}

#[derive(Clone)]
pub(super) struct Rpc<S> {
    rpcs: Rpcs,
    inner: S,
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Rpc<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some(method) = Method::find(request.uri().path()) else {
            // Health, reflection, and what doesn't exist.
            return Box::pin(self.inner.call(request));
        };
        // At error level, so that it is there whatever is logged: it carries the trace.
        let span = tracing::error_span!(
            "rpc",
            otel.name = method.name(),
            otel.kind = "server",
            otel.status_code = Empty,
            rpc.system = "grpc",
            rpc.grpc.status_code = Empty,
        );
        telemetry::continue_from_headers(&span, request.headers());
        let running = Running::new(method, span.clone(), Arc::clone(&self.rpcs.running));
        let Some(running) = running else {
            let error = Error::new(
                Kind::Unavailable,
                "overloaded",
                "Too much is going on just now; try again.",
            );
            return Box::pin(std::future::ready(Ok(Status::from(error).into_http())));
        };
        let on_trial = request.headers().contains_key(trial::HEADER);
        let answer = span.in_scope(|| self.inner.call(request));
        let ends_with = held_by_a_service(method).then(|| self.rpcs.draining.clone());
        let watched = watch(method, answer, running, ends_with).instrument(span);
        if on_trial {
            return Box::pin(trial::run(watched));
        }
        Box::pin(watched)
    }
}

/// Streams by which services listen to one another never end by themselves: they end when the process is to stop.
fn held_by_a_service(method: &Method) -> bool {
    method.server_streaming && method.access == Access::Service
}

async fn watch(
    method: &'static Method,
    answer: impl Future<Output = Answer>,
    mut running: Running,
    ends_with: Option<CancellationToken>,
) -> Answer {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let answer = if method.client_streaming {
        Ok(answer.await)
    } else {
        timeout(DEADLINE, answer).await
    };
    let response = match answer {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => status_after_panic().into_http(),
        Err(_elapsed) => Status::from(Error::unavailable("an answer in time")).into_http(),
    };
    if let Some(code) = code_of(response.headers()) {
        running.ended(code);
        return Ok(response);
    }
    Ok(response.map(|body| Body::new(Watched::new(body, running, ends_with))))
}

/// What panicked was logged by the panic hook.
pub(super) fn status_after_panic() -> Status {
    Status::from(Error::new(
        Kind::Internal,
        "internal",
        "Something went wrong on our side.",
    ))
}

/// The code in headers (of an answer without a body) or trailers.
pub(super) fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers
        .get("grpc-status")
        .map(|value| Code::from_bytes(value.as_bytes()))
}

/// An rpc that runs: counted until it ends, however it ends.
pub(super) struct Running {
    method: &'static Method,
    span: Span,
    count: Arc<AtomicUsize>,
    began: Instant,
    ended: bool,
}

impl Running {
    fn new(method: &'static Method, span: Span, count: Arc<AtomicUsize>) -> Option<Self> {
        if count.fetch_add(1, Ordering::Relaxed) >= AT_ONCE {
            count.fetch_sub(1, Ordering::Relaxed);
            method.measure(Code::Unavailable, 0.0);
            return None;
        }
        Some(Self {
            method,
            span,
            count,
            began: Instant::now(),
            ended: false,
        })
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    pub(super) fn ended(&mut self, code: Code) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.method.measure(code, self.began.elapsed().as_secs_f64());
        if !self.span.is_disabled() {
            self.span.record("rpc.grpc.status_code", code as i32);
            if matches!(
                code,
                Code::Unknown | Code::Internal | Code::Unavailable | Code::DataLoss
            ) {
                self.span.record("otel.status_code", "ERROR");
            }
        }
        tracing::debug!(parent: &self.span, method = self.method.name(), code = ?code, "answered");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody waited for the end.
        self.ended(Code::Cancelled);
    }
}
