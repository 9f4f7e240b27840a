//! One trace from the caller's `traceparent` to the transaction, as a collector receives it; and the metrics beside it.

use std::sync::Mutex;

use kontor_chassis::settings::{Listen, Settings};
use kontor_chassis::telemetry::{self, Metrics, Telemetry};
use kontor_chassis::{Caller, admin};
use kontor_proto::identity::v1 as api;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tracing::Instrument;
use uuid::Uuid;

use crate::identity::{Suite, claims, with_token};
use crate::within::until;

static RECEIVED: Mutex<Vec<Span>> = Mutex::new(Vec::new());
static BEGUN: OnceCell<Telemetry> = OnceCell::const_new();

struct Collector;

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        RECEIVED.lock().unwrap().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// The telemetry of this test binary, with a collector in it. It outlives the run time of any single test.
async fn telemetry() -> &'static Telemetry {
    BEGUN
        .get_or_init(|| async {
            let (ready, begun) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                let run_time = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                run_time.block_on(async move {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let endpoint = format!("http://{}", listener.local_addr().unwrap());
                    let settings = Settings::from_pairs([
                        ("otlp_endpoint", endpoint.as_str()),
                        ("log", "off"),
                        ("log_format", "json"),
                    ]);
                    assert!(
                        ready
                            .send(telemetry::init(&settings.unwrap(), "alpha").unwrap())
                            .is_ok()
                    );
                    let server =
                        tonic::transport::Server::builder().add_service(TraceServiceServer::new(Collector));
                    server
                        .serve_with_incoming(TcpIncoming::from(listener))
                        .await
                        .unwrap();
                });
            });
            begun.await.unwrap()
        })
        .await
}

pub(crate) async fn metrics() -> Metrics {
    telemetry().await.metrics()
}

fn received(trace: Uuid) -> Vec<Span> {
    let spans = RECEIVED.lock().unwrap();
    spans
        .iter()
        .filter(|span| span.trace_id == trace.as_bytes())
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_call_and_its_transaction_are_spans_of_the_caller_s_trace() {
    telemetry().await;
    let suite = Suite::start().await;
    let trace = Uuid::new_v4();
    let mut request = with_token(api::GetMeRequest {}, &suite.identity.sign(&claims()));
    let traceparent = format!("00-{}-00f067aa0ba902b7-01", trace.simple());
    request
        .metadata_mut()
        .insert("traceparent", traceparent.parse().unwrap());
    let mut client = api::session_service_client::SessionServiceClient::new(suite.channel.clone());
    client.get_me(request).await.unwrap();
    until("the span of the rpc arrives", || async {
        !received(trace).is_empty()
    })
    .await;
    let rpc = received(trace).remove(0);
    assert_eq!(rpc.name, "kontor.identity.v1.SessionService/GetMe");
    assert_eq!(rpc.kind, 2, "a server's span");
    assert_eq!(rpc.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
}

#[tokio::test]
async fn a_transaction_and_its_statements_are_spans_and_a_peer_continues_the_trace() {
    telemetry().await;
    let suite = Suite::start().await;
    let database = crate::postgres::Database::new().await;
    let db = kontor_chassis::Db::open(&database.url(), "alpha", 1).unwrap();
    let trace = Uuid::new_v4();
    let work = tracing::info_span!(target: "kontor_test", "work");
    telemetry::continue_from(&work, Some(&format!("00-{}-00f067aa0ba902b7-01", trace.simple())));
    async {
        let mut tx = db.begin(&Caller::system(Uuid::now_v7())).await.unwrap();
        let statement = tx.statement("count things");
        sqlx::query("select count(*) from things")
            .execute(&mut *tx)
            .instrument(statement)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut client =
            api::key_service_client::KeyServiceClient::new(suite.process.peers.get("identity").unwrap());
        client
            .get_signing_keys(api::GetSigningKeysRequest {})
            .await
            .unwrap();
    }
    .instrument(work)
    .await;

    until("all four spans arrive", || async { received(trace).len() >= 4 }).await;
    let spans = received(trace);
    let find = |name: &str| {
        spans
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("{name}: {spans:?}"))
    };
    let (work, transaction) = (find("work"), find("db.transaction"));
    assert_eq!(transaction.parent_span_id, work.span_id);
    assert_eq!(find("count things").parent_span_id, transaction.span_id);
    assert_eq!(
        find("kontor.identity.v1.KeyService/GetSigningKeys").parent_span_id,
        work.span_id
    );
}

#[tokio::test]
async fn a_span_without_a_parent_begins_a_trace_and_can_still_be_named() {
    telemetry().await;
    let name = format!("named later {}", Uuid::new_v4());
    let span = tracing::info_span!(target: "kontor_test", "first", otel.name = tracing::field::Empty);
    telemetry::continue_from(&span, None);
    span.in_scope(|| span.record("otel.name", name.as_str()));
    let traceparent = telemetry::traceparent_of(&span).unwrap();
    drop(span);
    let arrived = || {
        RECEIVED
            .lock()
            .unwrap()
            .iter()
            .find(|span| span.name == name)
            .cloned()
    };
    until("the span arrives", || async { arrived().is_some() }).await;
    let span = arrived().unwrap();
    assert!(span.parent_span_id.is_empty());
    let trace = Uuid::from_slice(&span.trace_id).unwrap().simple().to_string();
    assert!(traceparent.contains(&trace));
}

#[tokio::test]
async fn rpcs_and_pools_are_measured() {
    let metrics = metrics().await;
    let suite = Suite::start().await;
    suite.get_me("").await.unwrap_err();
    let hosts = std::slice::from_ref(&suite.host);
    let address = admin::serve(&suite.process, &Listen::local(0), hosts, &[], metrics)
        .await
        .unwrap();
    let (status, text) = crate::served::get(address, "/metrics").await;
    assert_eq!(status, 200);
    let labels = r#"method="kontor.identity.v1.SessionService/GetMe",code="Unauthenticated""#;
    assert!(text.contains(&format!("kontor_rpc_total{{{labels}}}")), "{text}");
    assert!(
        text.contains(&format!("kontor_rpc_seconds_bucket{{{labels},le=\"0.01\"}}")),
        "{text}"
    );
    assert!(
        text.contains(r#"kontor_db_connections{service="identity",state="idle"}"#),
        "{text}"
    );
}
