//! Files that never come to their end: their import ends as failed, within ten seconds, with nothing written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kontor_integration_tests::api::eventually;
use kontor_integration_tests::suite::Suite;
use kontor_proto::leads::v1::ImportLeadsRequest;
use kontor_proto::leads::v1::import_leads_request::Part;
use kontor_proto::leads::v1::lead_transfer_service_client::LeadTransferServiceClient;
use kontor_proto::records::v1::{ImportOptions, ImportState};
use libtest_mimic::Trial;
use serde_json::json;

use crate::trial;

pub(crate) fn trials(suite: &Arc<Suite>) -> Vec<Trial> {
    vec![
        trial(suite, "uploads::that_break_off_write_nothing", broken_off),
        trial(
            suite,
            "uploads::that_fall_silent_end_as_failed_within_ten_seconds",
            silent,
        ),
    ]
}

async fn broken_off(suite: &Suite) {
    let api = suite.api().company().await;
    let rows = (0..5_000).map(|n| format!("Half {n}\r\n")).collect::<String>();
    let pieces = vec![
        Ok(format!("Last Name\r\n{rows}")),
        Err(std::io::Error::other("the cable was pulled")),
    ];
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = api
        .request(reqwest::Method::POST, "/leads/import/")
        .header("content-type", "text/csv")
        .body(body);
    assert!(request.send().await.is_err(), "the upload broke off");
    eventually(10, "the job ends as failed", async || {
        let jobs = api.get("/leads/imports/").await.expect(200);
        jobs["imports"]
            .as_array()
            .unwrap()
            .iter()
            .all(|job| job["state"] == "failed" && job["created"] == 0)
    })
    .await;
    assert_eq!(
        api.get("/leads/?deleted=false").await.expect(200)["total_size"],
        0
    );
}

/// A client that keeps its connection open and sends nothing more: over HTTP, and past the gateway.
async fn silent(suite: &Suite) {
    let rows = (0..5_000).map(|n| format!("Half {n}\r\n")).collect::<String>();
    let file = format!("Last Name\r\n{rows}");

    let over_http = suite.api().company().await;
    let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(file.clone())]);
    let body = reqwest::Body::wrap_stream(begun.chain(futures_util::stream::pending()));
    let request = over_http
        .request(reqwest::Method::POST, "/leads/import/")
        .header("content-type", "text/csv")
        .body(body);

    let past_it = suite.api().company().await;
    let pieces = [Part::Options(ImportOptions::default()), Part::Data(file.into())];
    let pieces = pieces.map(|part| ImportLeadsRequest { part: Some(part) });
    let pieces = futures_util::stream::iter(pieces).chain(futures_util::stream::pending());
    let mut call = tonic::Request::new(pieces);
    let token = format!("Bearer {}", past_it.token.as_ref().unwrap());
    call.metadata_mut()
        .insert("authorization", token.parse().unwrap());
    let mut client = LeadTransferServiceClient::new(suite.channel("leads").await);

    let began = Instant::now();
    let (answer, job) = tokio::join!(over_http.send(request), client.import_leads(call));
    answer.problem(400, "incomplete_body");
    let job = job.unwrap().into_inner().job.unwrap();
    assert_eq!((job.state(), job.created), (ImportState::Failed, 0));
    eventually(1, "the jobs have ended as failed", async || {
        let jobs = over_http.get("/leads/imports/").await.expect(200);
        jobs["imports"][0]["state"] == "failed"
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for api in [&over_http, &past_it] {
        let jobs = api.get("/leads/imports/").await.expect(200);
        let ended: Vec<_> = jobs["imports"].as_array().unwrap().iter().collect();
        assert_eq!(ended.len(), 1, "{jobs}");
        assert_eq!(
            (&ended[0]["state"], &ended[0]["created"]),
            (&json!("failed"), &json!(0))
        );
        assert_eq!(api.get("/leads/").await.expect(200)["total_size"], 0);
    }
}
