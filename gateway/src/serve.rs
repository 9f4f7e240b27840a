//! Listening: HTTP/1.1 and HTTP/2 without TLS on one port, until the process drains.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use kontor_chassis::Error;
use kontor_chassis::host::Process;
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::Gateway;
use crate::unread::Told;

/// A client that sends its headers slower than this is cut off.
const SLOWEST_HEADERS: Duration = Duration::from_secs(15);
/// What runs when the process drains has so long to end.
const DRAIN: Duration = Duration::from_secs(20);
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Serves the gateway at `KONTOR_GATEWAY_LISTEN` until the process drains, and lets what runs end.
///
/// # Errors
/// When the address can't be bound, or the contract or a setting can't be served.
pub async fn serve(process: &Process) -> Result<(), Error> {
    let address = process.settings.gateway_listen.to_string();
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| Error::internal(format!("the gateway can't listen at {address}: {error}")))?;
    serve_at(process, listener).await
}

/// The same at a listener that is bound already.
///
/// # Errors
/// As [`serve`].
pub async fn serve_at(process: &Process, listener: TcpListener) -> Result<(), Error> {
    let gateway = Gateway::new(process)?;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "the gateway listens");
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_HEADERS)
        .keep_alive(true);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(250)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    let server = Arc::new(server);
    let open = GracefulShutdown::new();
    let mut forget = tokio::time::interval(FORGET_EVERY);
    loop {
        let accepted = tokio::select! {
            () = process.draining.cancelled() => break,
            _ = forget.tick() => {
                gateway.forget_idle();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, from)) => {
                let (gateway, server) = (Arc::clone(&gateway), Arc::clone(&server));
                let watcher = open.watcher();
                tokio::spawn(async move { connection(&gateway, &server, watcher, socket, from.ip()).await });
            }
            Err(error) => {
                // Out of file descriptors: connections that end make room.
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, open.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off: they did not end in time");
    }
    Ok(())
}

async fn connection(
    gateway: &Arc<Gateway>,
    server: &auto::Builder<TokioExecutor>,
    watcher: hyper_util::server::graceful::Watcher,
    socket: TcpStream,
    from: std::net::IpAddr,
) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection is gone");
        return;
    }
    let service = service_fn(|request: Request<Incoming>| {
        let gateway = Arc::clone(gateway);
        async move { Ok::<_, Infallible>(gateway.answer(request, from).await) }
    });
    let socket = Told::new(socket, Arc::clone(gateway));
    let served = watcher.watch(server.serve_connection(TokioIo::new(socket), service));
    if let Err(error) = served.await {
        tracing::debug!(error, "a connection broke");
    }
}
