//! What comes and is no HTTP: a URL without end, a hundred headers, a length that is no number.
//!
//! hyper answers it by itself, with a bare status and before anybody is asked. Here that answer becomes a problem on its
//! way to the client, so that it is told like every other failure.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use kontor_chassis::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::gateway::Gateway;
use crate::{problem, request};

/// hyper's own answers are not longer than this.
const LONGEST: usize = 256;

/// A connection on which hyper's own refusals are told as problems.
pub(crate) struct Told<S> {
    socket: S,
    gateway: Arc<Gateway>,
    /// What is written in the place of so many bytes of hyper's, and how much of it has been.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S> Told<S> {
    /// Over this connection.
    pub(crate) fn new(socket: S, gateway: Arc<Gateway>) -> Self {
        Self {
            socket,
            gateway,
            instead: None,
        }
    }
}

impl<S: AsyncWrite + Unpin> Told<S> {
    /// Writes the problem that stands in the place of a bare refusal; none when this is no such thing.
    fn poll_instead(&mut self, cx: &mut Context<'_>, refusal: &[u8]) -> Poll<io::Result<Option<usize>>> {
        if self.instead.is_none() {
            let Some(status) = bare(refusal) else {
                return Poll::Ready(Ok(None));
            };
            self.instead = Some((told(&self.gateway, status), 0));
        }
        while let Some((problem, written)) = &mut self.instead {
            if *written == problem.len() {
                self.instead = None;
                break;
            }
            let more = ready!(Pin::new(&mut self.socket).poll_write(cx, &problem[*written..]))?;
            if more == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += more;
        }
        Poll::Ready(Ok(Some(refusal.len())))
    }
}

/// The status of an answer that hyper gave by itself. All of ours carry the request's id.
fn bare(answer: &[u8]) -> Option<StatusCode> {
    if answer.len() > LONGEST || !answer.starts_with(b"HTTP/1.1 4") || !answer.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(answer).ok()?.to_ascii_lowercase();
    if !head.contains("\r\ncontent-length: 0\r\n") || head.contains("\r\nx-request-id:") {
        return None;
    }
    StatusCode::from_bytes(&answer[9..12]).ok()
}

fn told(gateway: &Gateway, status: StatusCode) -> Vec<u8> {
    let error = match status {
        StatusCode::URI_TOO_LONG => Error::invalid("uri_too_long", "The URL is too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Error::invalid(
            "headers_too_large",
            "There are too many headers, or they are too long.",
        ),
        _ => Error::invalid("malformed_request", "This is no HTTP request that can be read."),
    };
    let id = request::request_id(&HeaderMap::new());
    let (mut response, body) = problem::whole(&error, status, id.to_str().unwrap_or_default());
    response.headers_mut().insert(request::REQUEST_ID, id);
    gateway.edge.finish(&HeaderMap::new(), &mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let mut out = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in response.headers() {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}

impl<S: AsyncRead + Unpin> AsyncRead for Told<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Told<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        match ready!(self.poll_instead(cx, buffer))? {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut self.socket).poll_write(cx, buffer),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = buffers.first().map_or(&[][..], |first| first);
        match ready!(self.poll_instead(cx, first))? {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => Pin::new(&mut self.socket).poll_write_vectored(cx, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hyper_says_by_itself_is_replaced() {
        let own = b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        assert_eq!(bare(own), Some(StatusCode::URI_TOO_LONG));
        for other in [
            &b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 404 Not Found\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nthere",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert_eq!(bare(other), None);
        }
    }
}
