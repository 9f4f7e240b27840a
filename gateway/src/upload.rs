//! Files that come in: `text/csv` with its options in the query, or `multipart/form-data` with `file` and `options`.
//!
//! The file goes on to the service in pieces as it comes, so that memory doesn't grow with it. When the client breaks
//! off, the call is broken off with an error, so that the service doesn't take half a file for a whole one. A client that
//! keeps its connection open and sends nothing has broken off, too; one that is only slow has not.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::header;
use http::uri::PathAndQuery;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use kontor_chassis::Error;
use kontor_chassis::peers::Peer;
use kontor_proto::api::v1::FieldError;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::call::{self, Outgoing};
use crate::endpoint::Body;
use crate::exchange::{all_of, on_trial};
use crate::gateway::{Asked, Gateway};
use crate::json::body::read;
use crate::plan::MessageId;
use crate::problem;
use crate::query::put_options;
use crate::request;
use crate::wire::{put_bytes, put_tag, put_varint};

mod form;

/// The largest piece in which a file travels.
const PIECE: usize = 64 << 10;
/// Pieces on their way to the service; with one more in hand that is all the memory an upload takes.
const PIECES: usize = 4;

/// A client that sends nothing for so long has broken off.
const SILENCE: Duration = Duration::from_secs(7);
/// So long the beginning of a piece waits for the rest of it; then it goes on as it is, so that the service sees that a
/// slow upload lives.
const LINGER: Duration = Duration::from_secs(1);
/// So long a broken call is kept for the service to notice.
const FAREWELL: Duration = Duration::from_secs(1);

/// What an upload's messages are made of.
#[derive(Debug, Clone, Copy)]
struct Plan {
    options: u32,
    message: MessageId,
    data: u32,
}

/// Why an upload can't go on.
enum Failure {
    /// The client is at fault, and is told so.
    Client(Error),
    /// Some options can't be read; the service is to judge the others, as far as they are encoded.
    Options(Vec<FieldError>, Vec<u8>),
    /// The service has answered already, and wants no more.
    Answered,
}

/// Sends an upload. The outer error is the client's, the inner the service's.
pub(crate) async fn send(
    gateway: &Arc<Gateway>,
    asked: Asked<'_>,
    body: &mut Option<Incoming>,
) -> Result<Result<(MetadataMap, Bytes), Status>, Error> {
    let Body::Upload {
        options,
        message,
        data,
    } = asked.endpoint.body
    else {
        return Err(Error::internal("no upload"));
    };
    let plan = Plan {
        options,
        message,
        data,
    };
    let headers = &asked.parts.headers;
    request::check_encoding(headers)?;
    let mut first = Vec::new();
    let errors = put_options(
        message,
        asked.parts.uri.query().unwrap_or_default(),
        &gateway.plans,
        &mut first,
    );
    let judge = Judge {
        plan,
        peer: asked.peer,
        rpc: asked.rpc.clone(),
        metadata: asked.metadata.clone(),
    };
    if !errors.is_empty() {
        return Err(judge.all_faults(errors, &first).await);
    }
    let boundary = match request::media_type(headers).as_str() {
        "text/csv" => None,
        "multipart/form-data" => {
            let value = headers
                .get(header::CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            let boundary = multer::parse_boundary(value);
            Some(
                boundary
                    .map_err(|_| Error::invalid("malformed_form", "The Content-Type names no boundary."))?,
            )
        }
        _ => return Err(problem::unsupported("text/csv or multipart/form-data")),
    };
    let unread = body.as_ref().ok_or_else(problem::broken_body)?;
    if unread.size_hint().lower() > gateway.largest_upload {
        return Err(problem::too_large(gateway.largest_upload));
    }
    let incoming = body.take().ok_or_else(problem::broken_body)?;
    let (sender, pieces) = mpsc::channel::<Outgoing>(PIECES);
    let pump = Pump {
        plan,
        sender,
        largest: gateway.largest_upload,
        sent: 0,
        rest: BytesMut::new(),
    };
    let gate = Arc::clone(gateway);
    let source = async move {
        match boundary {
            Some(boundary) => form::pump(pump, &gate, first, boundary, incoming).await,
            None => plain(pump, first, incoming).await,
        }
    };
    let rpc = call::streamed_request(asked.peer, asked.rpc, asked.metadata, received(pieces));
    match join(source, rpc).await {
        Ok(answer) => Ok(answer),
        Err(Failure::Client(error)) => Err(error),
        Err(Failure::Options(faults, options)) => Err(judge.all_faults(faults, &options).await),
        Err(Failure::Answered) => Err(Error::internal("an upload without its answer")),
    }
}

/// Runs both until the call has its answer. A client's fault breaks the call off.
async fn join(
    source: impl Future<Output = Result<(), Failure>>,
    rpc: impl Future<Output = Result<(MetadataMap, Bytes), Status>>,
) -> Result<Result<(MetadataMap, Bytes), Status>, Failure> {
    tokio::pin!(source, rpc);
    tokio::select! {
        biased;
        answer = &mut rpc => Ok(answer),
        pumped = &mut source => match pumped {
            Ok(()) | Err(Failure::Answered) => Ok(rpc.await),
            Err(failure) => {
                // The service gets to see that the upload broke off, and not only that nobody waits any more.
                let _ = timeout(FAREWELL, rpc).await;
                Err(failure)
            }
        },
    }
}

/// Who tells what else is wrong with options that can't be read in full: the service, without a file.
struct Judge<'u> {
    plan: Plan,
    peer: &'u Peer,
    rpc: PathAndQuery,
    metadata: MetadataMap,
}

impl Judge<'_> {
    async fn all_faults(self, faults: Vec<FieldError>, options: &[u8]) -> Error {
        let mut message = Vec::with_capacity(options.len() + 8);
        put_bytes(&mut message, self.plan.options, options);
        let alone = futures_util::stream::iter([Ok(message.into())]);
        let tried = call::streamed_request(self.peer, self.rpc, on_trial(self.metadata), alone).await;
        // Nobody uploads without a token.
        all_of(faults, tried.err(), false)
    }
}

fn received(mut pieces: mpsc::Receiver<Outgoing>) -> impl Stream<Item = Outgoing> {
    futures_util::stream::poll_fn(move |context| pieces.poll_recv(context))
}

/// Cuts a file into messages.
struct Pump {
    plan: Plan,
    sender: mpsc::Sender<Outgoing>,
    largest: u64,
    sent: u64,
    rest: BytesMut,
}

impl Pump {
    async fn options(&mut self, encoded: &[u8]) -> Result<(), Failure> {
        let mut message = Vec::with_capacity(encoded.len() + 8);
        put_bytes(&mut message, self.plan.options, encoded);
        self.pass(Ok(message.into())).await
    }

    async fn pass(&mut self, message: Outgoing) -> Result<(), Failure> {
        self.sender.send(message).await.map_err(|_| Failure::Answered)
    }

    /// Takes some of the file; whole pieces go out.
    async fn data(&mut self, mut data: Bytes) -> Result<(), Failure> {
        self.sent += data.len() as u64;
        if self.sent > self.largest {
            return self.fail(problem::too_large(self.largest)).await;
        }
        while !data.is_empty() {
            let part = data.split_to(data.len().min(PIECE - self.rest.len()));
            self.rest.extend_from_slice(&part);
            if self.rest.len() == PIECE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let mut message = Vec::with_capacity(self.rest.len() + 8);
        put_tag(&mut message, self.plan.data, crate::wire::WireType::Bytes);
        put_varint(&mut message, self.rest.len() as u64);
        message.extend_from_slice(&self.rest);
        self.rest.clear();
        self.pass(Ok(message.into())).await
    }

    /// Waits for what the client sends next.
    async fn next<T>(&mut self, coming: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::pin!(coming);
        if let Ok(come) = timeout(LINGER, &mut coming).await {
            return Ok(come);
        }
        self.flush().await?;
        match timeout(SILENCE - LINGER, coming).await {
            Ok(come) => Ok(come),
            Err(_) => self.fail(problem::silent_body()).await,
        }
    }

    /// Breaks the call off, so that the service learns of it, and tells the client why.
    async fn fail<T>(&mut self, error: Error) -> Result<T, Failure> {
        self.give_up(Failure::Client(error)).await
    }

    async fn give_up<T>(&mut self, failure: Failure) -> Result<T, Failure> {
        let _ = self
            .sender
            .send(Err(Status::cancelled("the upload broke off")))
            .await;
        Err(failure)
    }
}

async fn plain(mut pump: Pump, options: Vec<u8>, mut body: Incoming) -> Result<(), Failure> {
    pump.options(&options).await?;
    while let Some(frame) = pump.next(body.frame()).await? {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    pump.data(data).await?;
                }
            }
            Err(_) => return pump.fail(problem::broken_body()).await,
        }
    }
    pump.flush().await
}

/// Reads the part `options` of a form over what the query said; answers what can't be read of it.
fn read_options(
    gateway: &Gateway,
    plan: Plan,
    options: &mut Vec<u8>,
    text: &[u8],
) -> Result<Vec<FieldError>, Error> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::invalid("malformed_json", "The options are not UTF-8."))?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    let outcome =
        read(&gateway.plans, plan.message, text, &[], false).map_err(|bad| problem::malformed(text, bad))?;
    options.extend_from_slice(&outcome.wire);
    Ok(outcome.errors)
}
