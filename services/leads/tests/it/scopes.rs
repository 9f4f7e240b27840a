//! How far a right reaches is decided in one place: every way to read gives the same answer.

use std::collections::BTreeSet;

use kontor_chassis::{Caller, Kind, caller::Permissions};
use kontor_proto::leads::v1::{
    self, lead_service_server::LeadService, lead_transfer_service_server::LeadTransferService,
};
use kontor_proto::records::v1::{ListQuery, RecordChange};
use kontor_records::implied::MEMBER;
use tokio_stream::StreamExt;
use tonic::Request;
use uuid::Uuid;

use crate::world::{World, answer, named};

/// A request of this caller.
fn by<T>(caller: &Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

/// What a caller finds, by every way to look.
struct Found {
    one_by_one: BTreeSet<String>,
    listed: BTreeSet<String>,
    filtered: BTreeSet<String>,
    searched: BTreeSet<String>,
    exported: BTreeSet<String>,
    total: i64,
    counted: i64,
    counted_by_status: i64,
}

async fn find(world: &World, caller: &Caller, all: &[String]) -> Found {
    let mut one_by_one = BTreeSet::new();
    for id in all {
        let request = v1::GetLeadRequest {
            id: id.clone(),
            expand: String::new(),
        };
        match answer(world.grpc.get_lead(by(caller, request)).await) {
            Ok(found) => drop(one_by_one.insert(found.lead.unwrap().id)),
            Err(error) => assert_eq!(error.kind(), Kind::NotFound, "what one may not read is not there"),
        }
    }
    let list = async |query: ListQuery| {
        let request = v1::ListLeadsRequest { query: Some(query) };
        let page = answer(world.grpc.list_leads(by(caller, request)).await).unwrap();
        let ids: BTreeSet<String> = page.leads.into_iter().map(|lead| lead.id).collect();
        (ids, page.total_size.unwrap())
    };
    let (listed, total) = list(ListQuery::default()).await;
    let filter = "last_name = \"Scoped\"".to_owned();
    let (filtered, _) = list(ListQuery {
        filter,
        ..ListQuery::default()
    })
    .await;
    let search = "Scoped".to_owned();
    let (searched, _) = list(ListQuery {
        search,
        ..ListQuery::default()
    })
    .await;

    let request = v1::ExportLeadsRequest {
        query: None,
        columns: "id".to_owned(),
    };
    let mut pieces = answer(world.grpc.export_leads(by(caller, request)).await).unwrap();
    let mut csv = Vec::new();
    while let Some(piece) = pieces.next().await {
        csv.extend_from_slice(&piece.unwrap().data);
    }
    let csv = String::from_utf8(csv).unwrap();
    let exported = csv.lines().skip(1).map(str::to_owned).collect();

    let stats = answer(
        world
            .grpc
            .get_lead_stats(by(caller, v1::GetLeadStatsRequest::default()))
            .await,
    )
    .unwrap();
    Found {
        one_by_one,
        listed,
        filtered,
        searched,
        exported,
        total,
        counted: stats.total,
        counted_by_status: stats.by_status.iter().map(|status| status.count).sum(),
    }
}

/// These are members of the company, as identity has told.
async fn know(world: &World, members: &[Uuid]) {
    let changes: Vec<RecordChange> = members
        .iter()
        .map(|id| RecordChange {
            id: id.to_string(),
            name: "Somebody".to_owned(),
            version: 1,
            ..RecordChange::default()
        })
        .collect();
    world.told_of(MEMBER, &changes).await;
}

#[tokio::test]
async fn what_is_ones_own_is_the_same_for_get_list_search_totals_export_and_statistics() {
    let world = World::new().await;
    let colleague = Uuid::now_v7();
    know(&world, &[world.user, colleague]).await;
    let made = async |owner: Option<Uuid>, maker: Uuid| {
        let rights = Permissions::parse(["leads:read", "leads:create", "leads:update"]);
        let maker = Caller::person(maker, world.company, Uuid::now_v7(), "rep", rights, None);
        let lead = v1::Lead {
            owner_id: Some(owner.unwrap_or(colleague).to_string()),
            ..named("Scoped")
        };
        let request = v1::CreateLeadRequest { lead: Some(lead) };
        let lead = answer(world.grpc.create_lead(by(&maker, request)).await)
            .unwrap()
            .lead
            .unwrap();
        if owner.is_none() {
            let request = v1::UpdateLeadRequest {
                id: lead.id.clone(),
                lead: Some(v1::Lead::default()),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["owner_id".to_owned()],
                }),
                etag: String::new(),
            };
            answer(world.grpc.update_lead(by(&maker, request)).await).unwrap();
        }
        lead.id
    };
    let me = world.user;
    let owned = made(Some(me), colleague).await;
    let made_and_unowned = made(None, me).await;
    let made_for_a_colleague = made(Some(colleague), me).await;
    let the_colleagues_own = made(Some(colleague), colleague).await;
    let unowned_by_a_colleague = made(None, colleague).await;
    let all = [
        owned.clone(),
        made_and_unowned.clone(),
        made_for_a_colleague,
        the_colleagues_own,
        unowned_by_a_colleague,
    ];

    let own = BTreeSet::from([owned, made_and_unowned]);
    let everything: BTreeSet<String> = all.iter().cloned().collect();
    for (scope, expected) in [("own", &own), ("territory", &own), ("all", &everything)] {
        let rights = [format!("leads:read:{scope}"), "leads:export".to_owned()];
        let caller = world.caller_with(&rights.each_ref().map(String::as_str));
        let found = find(&world, &caller, &all).await;
        for (way, ids) in [
            ("one by one", &found.one_by_one),
            ("listed", &found.listed),
            ("filtered", &found.filtered),
            ("searched", &found.searched),
            ("exported", &found.exported),
        ] {
            assert_eq!(ids, expected, "{way} with the scope {scope}");
        }
        let count = i64::try_from(expected.len()).unwrap();
        let counts = (found.total, found.counted, found.counted_by_status);
        assert_eq!(counts, (count, count, count), "counted with the scope {scope}");
    }
    // Reading all and exporting one's own: the narrower of both leaves the house.
    let caller = world.caller_with(&["leads:read:all", "leads:export:own"]);
    let found = find(&world, &caller, &all).await;
    assert_eq!((found.listed, found.exported), (everything, own));
}
