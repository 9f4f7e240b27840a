use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kontor_chassis::health::Fitness;
use kontor_chassis::settings::Listen;
use kontor_chassis::token::Claims;
use kontor_chassis::{Error, Kind, admin, telemetry};
use kontor_proto::identity::v1 as api;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::identity::{Suite, claims};
use crate::within::until;

pub(crate) async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_one_call_only() {
    let suite = Suite::start().await;
    let panics = suite.identity.sign(&Claims {
        role: "panics".into(),
        ..claims()
    });
    let error = suite.get_me(&panics).await.unwrap_err();
    assert_eq!(
        (error.code(), Error::from(error).code()),
        (Code::Internal, "internal")
    );
    suite.get_me(&suite.identity.sign(&claims())).await.unwrap();
}

#[tokio::test]
async fn health_tells_the_whole_and_each_check_by_its_name() {
    let suite = Suite::start().await;
    suite
        .host
        .health
        .register("database", || async { Fitness::Ready });
    suite
        .host
        .health
        .register("broker", || async { Fitness::Degraded });
    let status = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(suite.channel.clone()).check(request).await;
        answer.map_or("UNKNOWN", |answer| answer.into_inner().status().as_str_name())
    };
    until("the checks were made", || async {
        status("broker").await == "NOT_SERVING"
    })
    .await;
    until("degraded is good enough", || async {
        status("").await == "SERVING"
    })
    .await;
    assert_eq!(status("database").await, "SERVING");
    suite
        .host
        .health
        .register("database", || async { Fitness::Unavailable });
    until("the database is missed", || async {
        status("").await == "NOT_SERVING"
    })
    .await;
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_unless_it_is_off() {
    let listed = async |suite: &Suite| {
        let asked = MessageRequest::ListServices(String::new());
        let asked = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(asked),
        };
        let mut client = ServerReflectionClient::new(suite.channel.clone());
        let mut answers = client
            .server_reflection_info(tokio_stream::once(asked))
            .await?
            .into_inner();
        match answers.message().await?.unwrap().message_response {
            Some(MessageResponse::ListServicesResponse(list)) => Ok(list
                .service
                .into_iter()
                .map(|service| service.name)
                .collect::<Vec<_>>()),
            other => panic!("{other:?}"),
        }
    };
    let names = listed(&Suite::start().await).await.unwrap();
    assert!(
        names.contains(&"kontor.identity.v1.KeyService".to_owned()),
        "{names:?}"
    );
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("kontor.identity.") || name.starts_with("grpc.")),
        "{names:?}"
    );
    let off: Result<_, tonic::Status> = listed(&Suite::start_with(&[("reflection", "off")]).await).await;
    assert_eq!(off.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn the_admin_port_tells_readiness_check_by_check() {
    let suite = Suite::start().await;
    let metrics = crate::exported::metrics().await;
    let at = Listen::local(0);
    let address = admin::serve(
        &suite.process,
        &at,
        std::slice::from_ref(&suite.host),
        &[],
        metrics,
    )
    .await
    .unwrap();
    assert_eq!(get(address, "/healthz").await.0, 200);

    suite
        .host
        .health
        .register("database", || async { Fitness::Ready });
    suite
        .host
        .health
        .register("broker", || async { Fitness::Degraded });
    let told = json!({
        "status": "degraded",
        "checks": {
            "broker": {"status": "degraded"},
            "database": {"status": "ready"},
            "identity": {"status": "ready"},
        },
    });
    let ready = || async {
        let (status, body) = get(address, "/readyz").await;
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    until("a degraded service is ready", || async {
        ready().await == (200, told.clone())
    })
    .await;
    suite
        .host
        .health
        .register("database", || async { Fitness::Unavailable });
    let missing = || async {
        let (status, body) = ready().await;
        status == 503
            && body["status"] == "unavailable"
            && body["checks"]["database"]["status"] == "unavailable"
    };
    until("without its database it is not ready", missing).await;
    suite.process.stop().await;
    until("the admin port is closed", || async {
        TcpStream::connect(address).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn what_runs_when_the_process_is_told_to_stop_comes_to_its_end() {
    let suite = Suite::start().await;
    let held = suite.identity.sign(&Claims {
        role: "held".into(),
        ..claims()
    });
    let mut client = api::session_service_client::SessionServiceClient::new(suite.channel.clone());
    let running = tokio::spawn(async move {
        client
            .get_me(crate::identity::with_token(api::GetMeRequest {}, &held))
            .await
    });
    let counted = || async { suite.identity.waiting() };
    until("the call is at work", counted).await;

    let began = Instant::now();
    let process = suite.process.clone();
    let stopped = tokio::spawn(async move { process.stop().await });
    until("nothing new is taken", || async {
        TcpStream::connect(suite.address).await.is_err()
    })
    .await;
    assert!(!stopped.is_finished(), "it waits for what runs");
    suite.identity.release();
    assert_eq!(running.await.unwrap().unwrap().into_inner().role, "held");
    stopped.await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "and for nothing else: {:?}",
        began.elapsed()
    );
    assert!(suite.process.shutdown.is_cancelled());
}

#[tokio::test]
async fn a_stream_that_services_hold_ends_at_once_when_the_process_stops() {
    let suite = Suite::start().await;
    let key = suite
        .process
        .peers
        .service_key()
        .authorization("beta", None)
        .unwrap();
    let mut request = tonic::Request::new(api::WatchEndedSessionsRequest {});
    request
        .metadata_mut()
        .insert("authorization", key.to_str().unwrap().parse().unwrap());
    let mut client = api::key_service_client::KeyServiceClient::new(suite.channel.clone());
    let mut stream = client.watch_ended_sessions(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    suite.process.draining.cancel();
    let end = stream.message().await.unwrap_err();
    assert_eq!(Error::from(end).kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_dead_peer_is_unavailable() {
    let peers = kontor_chassis::peers::Peers::builder(kontor_chassis::token::ServiceKey::random())
        .remote("beta", "http://127.0.0.1:1")
        .unwrap()
        .local("gamma")
        .build("alpha");
    for name in ["beta", "gamma"] {
        let mut client = api::key_service_client::KeyServiceClient::new(peers.get(name).unwrap());
        let error = Error::from(
            client
                .get_signing_keys(api::GetSigningKeysRequest {})
                .await
                .unwrap_err(),
        );
        assert_eq!(error.kind(), Kind::Unavailable, "{name}");
        assert!(error.retry_after().is_some());
    }
    assert!(peers.get("delta").is_err());
    assert_eq!(telemetry::traceparent(), None);
}
