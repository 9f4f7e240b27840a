//! The body of a streamed request, hashed as it passes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use sha2::{Digest, Sha256};
use tonic::Status;
use tonic::body::Body;

/// What became of a body that was passed on: its hash so far, and the rest that nobody wanted to read.
#[derive(Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<(Body, Sha256)>>>);

/// A body that is overheard while somebody reads it.
pub(super) struct Overheard {
    body: Option<Body>,
    hash: Sha256,
    rest: Rest,
}

impl Overheard {
    pub(super) fn new(body: Body) -> (Self, Rest) {
        let rest = Rest::default();
        let overheard = Self {
            body: Some(body),
            hash: Sha256::new(),
            rest: rest.clone(),
        };
        (overheard, rest)
    }
}

impl Rest {
    /// The hash of the whole body; what nobody read is read now. None when it breaks off, or is still read by somebody.
    pub(super) async fn digest(&self) -> Option<Vec<u8>> {
        let (mut body, mut hash) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.ok()?.into_data() {
                hash.update(&data);
            }
        }
        Some(hash.finalize().to_vec())
    }
}

impl http_body::Body for Overheard {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            this.hash.update(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Overheard {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            let hash = std::mem::take(&mut self.hash);
            *self.rest.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((body, hash));
        }
    }
}
