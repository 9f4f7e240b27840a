//! A service on its port, and the end of a process.

mod body;
mod rpc;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::{Layer, ServiceBuilder};

use crate::error::Error;
use crate::guard::Guard;
use crate::host::{Host, Process};
use crate::idempotency::Idempotent;
use crate::peers::{HEADER_BYTES, InProcess};

/// How long what runs may take to end after the process was told to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long tasks may take to end after that.
const END: Duration = Duration::from_secs(5);

/// Serves a service: to the others of this process at once, and on its port. Answers with the address it listens at.
/// It runs until the process is told to stop; see [`until_stopped`].
///
/// Before the routes stand, in this order: the span, metrics, load limit, deadline and panic catcher of each rpc (`rpc`),
/// the [`Guard`], and [`Idempotent`]. Messages are at most 4 MiB, which is the default of generated servers.
///
/// # Errors
/// When the port can't be listened at.
pub async fn serve(host: &Host, routes: Routes) -> Result<SocketAddr, Error> {
    let routes = with_reflection(host, routes.add_service(host.health.service()))?.prepare();
    let rpcs = rpc::Rpcs::new(host.draining.clone());
    let layers = ServiceBuilder::new()
        .layer(rpcs)
        .layer(Guard::new(host.verifier.clone()))
        .layer(Idempotent::new(host.db.clone()))
        .into_inner();
    host.peers
        .set_local(host.name, InProcess::new(layers.layer(routes.clone())));

    let at = &host.service.listen;
    let listener = TcpListener::bind(at.to_string())
        .await
        .map_err(|error| Error::internal(format!("{} can't listen at {at}: {error}", host.name)))?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let server = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .http2_max_header_list_size(HEADER_BYTES)
        .layer(layers)
        .add_routes(routes);

    let (name, draining) = (host.name, host.draining.clone());
    host.servers.spawn(async move {
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        if let Err(error) = server
            .serve_with_incoming_shutdown(incoming, draining.cancelled_owned())
            .await
        {
            tracing::error!(
                service = name,
                error = crate::error::chain(&error),
                "a server ended"
            );
        }
    });
    host.tasks.spawn(host.health.clone().watch(host.shutdown.clone()));
    tracing::info!(service = name, %address, "serving");
    Ok(address)
}

fn with_reflection(host: &Host, routes: Routes) -> Result<Routes, Error> {
    if !host.settings.reflection {
        return Ok(routes);
    }
    let package = format!("kontor.{}.", host.name);
    let own: Vec<_> = kontor_proto::DESCRIPTORS
        .services()
        .map(|service| service.full_name().to_owned())
        .filter(|name| name.starts_with(&package))
        .chain([
            "grpc.health.v1.Health".to_owned(),
            "grpc.reflection.v1.ServerReflection".to_owned(),
        ])
        .collect();
    let builder = || {
        own.iter().fold(
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(kontor_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET),
            |builder, name| builder.with_service_name(name.as_str()),
        )
    };
    // Older clients ask for v1alpha.
    let (v1, v1alpha) = (builder().build_v1(), builder().build_v1alpha());
    Ok(routes
        .add_service(v1.map_err(Error::internal)?)
        .add_service(v1alpha.map_err(Error::internal)?))
}

/// Waits until the process is told to stop (SIGTERM, SIGINT, or its `draining` token), lets what runs come to an end, then
/// ends every task. At most 25 seconds pass from the signal on; a second signal cuts them short.
///
/// # Errors
/// When signals can't be listened for.
pub async fn until_stopped(process: &Process) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = process.draining.cancelled() => {}
    }
    tracing::info!("stopping: no new work is taken");
    tokio::select! {
        () = process.stop() => {}
        _ = terminate.recv() => process.shutdown.cancel(),
        _ = interrupt.recv() => process.shutdown.cancel(),
    }
    tracing::info!("stopped");
    Ok(())
}

impl Process {
    /// Lets what runs come to an end, then ends every task.
    pub async fn stop(&self) {
        self.draining.cancel();
        self.servers.close();
        if tokio::time::timeout(DRAIN, self.servers.wait()).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
        }
        self.shutdown.cancel();
        self.tasks.close();
        if tokio::time::timeout(END, self.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks did not end in time and are cut off");
        }
        self.peers.let_go();
    }
}
