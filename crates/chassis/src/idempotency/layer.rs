//! The layer before a service's rpcs that knows of keys.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, MissedTickBehavior};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::KEY;
use super::answer::Kept;
use super::body::{Overheard, Rest};
use super::store::{self, Key, Row};
use super::ticket::{PATIENCE, State, Ticket};
use crate::caller::Caller;
use crate::db::Db;
use crate::error::{Error, Kind};
use crate::methods::Method;

/// How long a repeat waits for the answer of the first.
const WAIT: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(100);
/// The longest message of an rpc, with its frame.
const LONGEST: usize = (4 << 20) + 5;

/// Stands behind the guard, who tells whose key it is. Cheap to clone.
#[derive(Clone)]
pub struct Idempotent {
    db: Db,
}

impl Idempotent {
    /// Keeps answers in the schema of this service.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }
}

impl<S> Layer<S> for Idempotent {
    type Service = Once<S>;

    fn layer(&self, inner: S) -> Once<S> {
        Once {
            db: self.db.clone(),
            inner,
        }
    }
}

/// A service whose rpcs take keys.
#[derive(Clone)]
pub struct Once<S> {
    db: Db,
    inner: S,
}

type Answer = Result<Response<Body>, Infallible>;

impl<S> Service<Request<Body>> for Once<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Answer> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Some((caller, method)) = keyed(&request) else {
            return Either::Left(self.inner.call(request));
        };
        // The one that was polled ready is used; its clone takes its place.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let db = self.db.clone();
        Either::Right(Box::pin(async move {
            let exchange = Exchange { db, caller, method };
            let answered = exchange.answer(inner, request).await;
            Ok(answered.unwrap_or_else(|error| Status::from(error).into_http()))
        }))
    }
}

/// The caller and the rpc of a request with a key; none of one that needs nothing of this.
fn keyed(request: &Request<Body>) -> Option<(Caller, &'static Method)> {
    if !request.headers().contains_key(KEY) {
        return None;
    }
    let caller = request
        .extensions()
        .get::<Caller>()
        .filter(|caller| caller.user_id().is_some())?;
    let method = Method::find(request.uri().path()).filter(|method| !method.server_streaming)?;
    Some((caller.clone(), method))
}

/// The body of a request with a key.
enum Asked {
    /// One message, which can be asked again.
    Whole(Bytes),
    /// A stream, which comes once.
    Stream(Rest),
}

struct Exchange {
    db: Db,
    caller: Caller,
    method: &'static Method,
}

impl Exchange {
    async fn answer<S>(&self, inner: S, request: Request<Body>) -> Result<Response<Body>, Error>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let (parts, body) = request.into_parts();
        let mut key = self.key(&parts)?;
        let (mut passed_on, asked) = if self.method.client_streaming {
            let (overheard, rest) = Overheard::new(body);
            (Some(Body::new(overheard)), Asked::Stream(rest))
        } else {
            let bytes = whole(body).await?;
            key.request = Some(Sha256::digest(&bytes).to_vec());
            (None, Asked::Whole(bytes))
        };
        let deadline = Instant::now() + WAIT;
        loop {
            let known = self.look(&key).await?;
            if let Some(known) = known {
                match self.known(known, &mut key, &asked, passed_on.take()).await? {
                    Some(answer) => return Ok(answer),
                    None if Instant::now() >= deadline => return Err(in_progress()),
                    None => tokio::time::sleep(LOOK).await,
                }
                continue;
            }
            let body = match (&asked, passed_on.take()) {
                (Asked::Whole(bytes), _) => Body::new(Full::new(bytes.clone())),
                (Asked::Stream(_), Some(body)) => body,
                // The first one was refused meanwhile, and this one's stream is spent.
                (Asked::Stream(_), None) => return Err(in_progress()),
            };
            let ticket = Arc::new(Ticket::new(key.clone()));
            let mut request = Request::from_parts(parts.clone(), body);
            request
                .extensions_mut()
                .insert(self.caller.clone().with_ticket(Arc::clone(&ticket)));
            let work = Work {
                db: self.db.clone(),
                caller: self.caller.clone(),
                method: self.method,
                ticket,
            };
            let rest = match &asked {
                Asked::Whole(_) => None,
                Asked::Stream(rest) => Some(rest.clone()),
            };
            // A task of its own: once begun it comes to its end and is kept, also when the client hangs up.
            let worked = tokio::spawn(work.run(inner.clone(), request, rest).in_current_span()).await;
            match worked {
                Ok(Worked::Answer(answer)) => return Ok(answer.into_response(false)),
                Ok(Worked::Failed(error)) => return Err(error),
                Ok(Worked::Lost) if Instant::now() >= deadline => return Err(in_progress()),
                Ok(Worked::Lost) => {}
                Err(ended) if ended.is_panic() => resume_unwind(ended.into_panic()),
                Err(ended) => return Err(Error::unavailable("this replica").with_source(ended)),
            }
        }
    }

    fn key(&self, parts: &Parts) -> Result<Key, Error> {
        let key = parts
            .headers
            .get(KEY)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !(1..=255).contains(&key.len()) {
            let message = "A key has 1 to 255 visible characters of ASCII.";
            return Err(Error::invalid_field(
                "Idempotency-Key",
                "invalid_idempotency_key",
                message,
            ));
        }
        Ok(Key {
            company_id: self.caller.company_id(),
            user_id: self.caller.user_id().unwrap_or_default(),
            key: key.to_owned(),
            rpc: &self.method.path,
            request: None,
        })
    }

    async fn look(&self, key: &Key) -> Result<Option<Row>, Error> {
        let mut tx = self.db.read(&self.caller).await?;
        Ok(store::find(&mut tx, key).await?)
    }

    /// What is answered to a key that is known; none while its work goes on.
    async fn known(
        &self,
        row: Row,
        key: &mut Key,
        asked: &Asked,
        unread: Option<Body>,
    ) -> Result<Option<Response<Body>>, Error> {
        // Dropped, it hands its rest over to be hashed.
        drop(unread);
        if row.rpc != key.rpc {
            return Err(reused());
        }
        if row.request.is_some()
            && let (None, Asked::Stream(rest)) = (&key.request, asked)
        {
            key.request = rest.digest().await;
        }
        if let (Some(first), Some(this)) = (&row.request, &key.request)
            && first != this
        {
            return Err(reused());
        }
        if row.busy {
            return Ok(None);
        }
        let answered = row.answered;
        match row.into_kept() {
            Some(kept) => Ok(Some(kept.into_response(true))),
            None if answered => Err(Error::conflict(
                "idempotency_answer_withheld",
                "This was done; its answer held a secret, which is told once and not kept.",
            )),
            None => Err(Error::conflict(
                "idempotency_outcome_unknown",
                "The first request was cut off after it had begun; look what it did.",
            )),
        }
    }
}

/// One message with its frame.
async fn whole(body: Body) -> Result<Bytes, Error> {
    match Limited::new(body, LONGEST).collect().await {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::new(
            Kind::TooLarge,
            "too_large",
            "A message has at most 4 MiB.",
        )),
        Err(error) => {
            Err(Error::invalid("incomplete_body", "The request ended too early.").with_source(error))
        }
    }
}

fn in_progress() -> Error {
    Error::conflict(
        "idempotency_in_progress",
        "The first request with this key is still at work; ask again.",
    )
}

fn reused() -> Error {
    Error::refused(
        "idempotency_key_reused",
        "This key came with another request; take a new one for each.",
    )
}

/// What became of a request that was let through.
enum Worked {
    /// It was answered.
    Answer(Kept),
    /// It could not be answered, or the answer not be kept together with the work.
    Failed(Error),
    /// Its key was another one's.
    Lost,
}

struct Work {
    db: Db,
    caller: Caller,
    method: &'static Method,
    ticket: Arc<Ticket>,
}

impl Work {
    async fn run<S>(self, mut inner: S, request: Request<Body>, rest: Option<Rest>) -> Worked
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send + 'static,
        S::Future: Send + 'static,
    {
        let answer = async {
            std::future::poll_fn(|cx| inner.poll_ready(cx)).await?;
            inner.call(request).await
        };
        let answered = self.alive(AssertUnwindSafe(answer).catch_unwind()).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => {
                self.settle(None, None).await.ok();
                resume_unwind(panic)
            }
        };
        let kept = match Kept::of(response).await {
            Ok(kept) => kept,
            Err(status) => return Worked::Failed(status.into()),
        };
        let digest = match rest {
            Some(rest) if kept.counts() => rest.digest().await,
            _ => None,
        };
        match self.settle(Some(&kept), digest).await {
            Ok(true) => Worked::Answer(kept),
            Ok(false) => Worked::Lost,
            Err(error) => Worked::Failed(error),
        }
    }

    /// Waits for the work, and gives signs of life while it goes on after its first commit.
    async fn alive<T>(&self, work: impl Future<Output = T>) -> T {
        let signs = async {
            let mut ticks =
                tokio::time::interval(Duration::from_secs(u64::from(PATIENCE.unsigned_abs() / 3)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks.tick().await;
            loop {
                ticks.tick().await;
                let sign = self.note(async |conn, key| store::busy(conn, key, PATIENCE, None).await);
                if let Err(error) = sign.await {
                    tracing::warn!(%error, "a request with a key could not give a sign of life");
                }
            }
        };
        tokio::select! {
            done = work => done,
            () = signs => std::future::pending().await,
        }
    }

    /// Ends it: the answer is kept in the transaction of the work where that is still open. False when the key is another's.
    async fn settle(&self, answer: Option<&Kept>, digest: Option<Vec<u8>>) -> Result<bool, Error> {
        let counts = answer.is_some_and(Kept::counts);
        let mut key = self.ticket.key.clone();
        key.request = key.request.or(digest);
        let kept = answer.filter(|_| !self.method.answers_secrets);
        match self.ticket.replace(State::Over) {
            State::Lost => return Ok(false),
            State::Parked { mut tx, committed } => {
                if !committed {
                    if !counts {
                        return Ok(true);
                    }
                    store::back_to_the_claim(&mut tx).await?;
                }
                if counts {
                    store::keep(&mut tx, &key, kept).await?;
                } else {
                    // It was committed as far as the use-case knows, and failed after that.
                    store::busy(&mut tx, &key, 0, None).await?;
                }
                tx.commit().await?;
            }
            // Nothing was written, or in a transaction of its own: the answer is all there is to keep.
            State::Fresh if counts => {
                self.unless_it_fails(async |conn, _| {
                    if store::claim(conn, &key).await? {
                        store::keep(conn, &key, kept).await?;
                    }
                    Ok(())
                })
                .await;
            }
            State::Acted if counts => {
                self.unless_it_fails(async |conn, _| store::keep(conn, &key, kept).await)
                    .await;
            }
            State::Acted if answer.is_none_or(Kept::is_a_fault) => {
                self.unless_it_fails(async |conn, key| store::busy(conn, key, 0, None).await)
                    .await;
            }
            State::Acted => self.unless_it_fails(store::forget).await,
            State::Fresh | State::Open | State::Over => {}
        }
        Ok(true)
    }

    /// The work is done, so it is answered also when its answer can't be kept.
    async fn unless_it_fails(
        &self,
        keep: impl AsyncFnOnce(&mut sqlx::PgConnection, &Key) -> Result<(), sqlx::Error>,
    ) {
        if let Err(error) = self.note(keep).await {
            tracing::warn!(%error, "the answer of a request with a key could not be kept");
        }
    }

    async fn note(
        &self,
        note: impl AsyncFnOnce(&mut sqlx::PgConnection, &Key) -> Result<(), sqlx::Error>,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin(&self.caller).await?;
        note(&mut tx, &self.ticket.key).await?;
        tx.commit().await
    }
}
