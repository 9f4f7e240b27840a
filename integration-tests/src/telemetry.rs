//! An OTLP receiver in the test process: keeps the spans that the suite exports.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::{Request, Response, Status};

/// A span that was exported.
#[derive(Debug, Clone)]
pub struct Span {
    /// `service.name` of the process that made it.
    pub service: String,
    /// The trace, in lower-case hex.
    pub trace_id: String,
    /// What it is.
    pub name: String,
    /// `db`, `messaging` and other namespaces of its attributes.
    pub namespaces: BTreeSet<String>,
}

/// The receiver; clones share what came.
#[derive(Clone, Default)]
pub struct Receiver {
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    /// Listens on a free port of this machine, on a thread of its own that lives as long as the process.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start() -> (Self, SocketAddr) {
        let receiver = Self::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a socket for tokio");
        let server = TraceServiceServer::new(receiver.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
                tonic::transport::Server::builder()
                    .add_service(server)
                    .serve_with_incoming(incoming)
                    .await
            })
        });
        (receiver, address)
    }

    /// The spans of a trace that have come so far.
    ///
    /// # Panics
    /// When a receiving thread panicked.
    pub fn trace(&self, trace_id: &str) -> Vec<Span> {
        let spans = self.spans.lock().expect("the spans");
        spans
            .iter()
            .filter(|span| span.trace_id == trace_id)
            .cloned()
            .collect()
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut kept = self.spans.lock().map_err(|_| Status::internal("the spans"))?;
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            let service = attributes
                .into_iter()
                .find(|attribute| attribute.key == "service.name")
                .map(|attribute| format!("{:?}", attribute.value))
                .unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                kept.push(Span {
                    service: service.clone(),
                    trace_id: span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect(),
                    name: span.name,
                    namespaces: span
                        .attributes
                        .iter()
                        .filter_map(|attribute| {
                            attribute.key.split_once('.').map(|(space, _)| space.to_owned())
                        })
                        .collect(),
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
