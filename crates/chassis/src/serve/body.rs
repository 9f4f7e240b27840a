//! The body of an answer, watched to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

use super::rpc::{Running, code_of, status_after_panic};
use crate::error::Error;

/// Polls within the rpc's span, notes the code in the trailers, turns a panic into INTERNAL, and ends with UNAVAILABLE
/// when it must not outlive the process's will to stop.
pub(super) struct Watched {
    body: Body,
    running: Running,
    ends_with: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    over: bool,
}

impl Watched {
    pub(super) fn new(body: Body, running: Running, ends_with: Option<CancellationToken>) -> Self {
        let ends_with = ends_with.map(|token| Box::pin(token.cancelled_owned()));
        Self {
            body,
            running,
            ends_with,
            over: false,
        }
    }

    fn end_with(&mut self, status: &Status) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.over = true;
        self.running.ended(status.code());
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(
            status
                .add_header(&mut trailers)
                .map(|()| Frame::trailers(trailers)),
        ))
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let span = this.running.span().clone();
        let _entered = span.enter();
        if let Some(end) = &mut this.ends_with
            && end.as_mut().poll(cx).is_ready()
        {
            return this.end_with(&Status::from(Error::unavailable("this replica")));
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.body).poll_frame(cx)));
        let Ok(polled) = polled else {
            return this.end_with(&status_after_panic());
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(code) = frame.trailers_ref().and_then(code_of) {
                    this.running.ended(code);
                }
            }
            Poll::Ready(Some(Err(status))) => this.running.ended(status.code()),
            Poll::Ready(None) => this.running.ended(Code::Ok),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
