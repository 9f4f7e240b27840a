//! One lead by its id.

use anyhow::{Context, Result};
use kontor_proto::leads::v1::GetLeadRequest;
use kontor_proto::leads::v1::lead_service_client::LeadServiceClient;
use prost::Message as _;

use crate::arena::Arena;
use crate::grpc::Rpc;
use crate::script::{Pick, Recipe, script};
use crate::sent;
use crate::table::{Demand, Row};
use crate::turns::in_turn;

/// How many ids the requests choose from.
const IDS: i64 = 5_000;

pub(super) async fn by_http(arena: &Arena<'_>) -> Result<Row> {
    let ids = arena.leads(IDS).await?;
    let paths: Vec<String> = ids.iter().map(|id| format!("/api/v1/leads/{id}")).collect();
    let file = arena.file("leads", &paths)?;
    let limit = arena.limit("leads").await;
    let read = [of_one(arena, &ids).await?];
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| arena.gets(&file, turn.seconds, turn.number).await,
        async |turn| limit.pgbench(&read, turn.seconds).await,
    )
    .await?;
    Ok(Row {
        workload: "GET one lead".to_owned(),
        demands: vec![Demand::share(&measured, 0.20), Demand::p99(&measured, 5.0)],
        measured,
        ..Row::default()
    })
}

pub(super) async fn by_grpc(arena: &Arena<'_>) -> Result<Row> {
    let ids = arena.leads(IDS).await?;
    let channel = arena.suite.channel("leads").await;
    let mut requests = Vec::new();
    for id in ids.iter().take(crate::limit::CONNECTIONS as usize) {
        let message = GetLeadRequest {
            id: id.clone(),
            ..GetLeadRequest::default()
        };
        let encoded = message.encode_to_vec();
        let mut request = tonic::Request::new(message);
        let token = format!("Bearer {}", arena.token());
        request.metadata_mut().insert("authorization", token.parse()?);
        let answer = LeadServiceClient::new(channel.clone()).get_lead(request).await?;
        requests.push((encoded, answer.into_inner().encoded_len()));
    }
    let rpc = Rpc {
        service: arena.suite.url("leads"),
        path: "/kontor.leads.v1.LeadService/GetLead",
        token: arena.token(),
        requests,
    };
    let limit = arena.limit("leads").await;
    let read = [of_one(arena, &ids).await?];
    let measured = in_turn(
        &arena.meter,
        arena.seconds,
        async |turn| rpc.run(&arena.folder, turn.seconds).await,
        async |turn| limit.pgbench(&read, turn.seconds).await,
    )
    .await?;
    Ok(Row {
        workload: "the same by gRPC, past the gateway".to_owned(),
        demands: vec![Demand::share(&measured, 0.33)],
        measured,
        ..Row::default()
    })
}

/// What the service sends for one of these.
async fn of_one(arena: &Arena<'_>, ids: &[String]) -> Result<String> {
    let id = ids.first().context("there are no leads")?;
    let path = format!("/leads/{id}");
    let read = sent::transaction(
        arena.suite,
        "leads",
        |statement| statement.has(id),
        async || {
            arena.api.get(&path).await.expect(200);
            Ok(())
        },
    )
    .await?;
    let recipe = Recipe {
        picks: vec![Pick {
            sent: id.clone(),
            kind: "uuid",
            values: ids.to_vec(),
        }],
        ..Recipe::default()
    };
    Ok(script(&read, &recipe, 0))
}
