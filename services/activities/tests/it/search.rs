//! One search over the records of four services, each of which answers in this process or is away.

use kontor_activities::search::Search;
use kontor_chassis::{Caller, Error, Kind, caller::Permissions, peers::Peers};
use kontor_proto::{
    accounts::v1::{
        Account, ListAccountsRequest, ListAccountsResponse,
        account_service_server::{AccountService, AccountServiceServer},
    },
    activities::v1::{RelatedKind, SearchRequest, SearchResponse},
    contacts::v1::{
        Contact, ListContactsRequest, ListContactsResponse,
        contact_service_server::{ContactService, ContactServiceServer},
    },
    leads::v1::{
        ListLeadsRequest, ListLeadsResponse,
        lead_service_server::{LeadService, LeadServiceServer},
    },
};
use kontor_testbed::neighbours::{self, answers};
use tonic::{Request, Response, Status, service::Routes};
use uuid::Uuid;

/// Each service finds the same whatever it is asked.
struct Finds;

#[tonic::async_trait]
impl AccountService for Finds {
    async fn list_accounts(
        &self,
        request: Request<ListAccountsRequest>,
    ) -> Result<Response<ListAccountsResponse>, Status> {
        assert_eq!(request.into_inner().query.unwrap().search, "brown acme");
        let named = |name: &str| Account {
            id: name.to_owned(),
            name: name.to_owned(),
            ..Account::default()
        };
        Ok(Response::new(ListAccountsResponse {
            accounts: vec![named("Brownish Acmeville Works"), named("Acme Brown")],
            ..ListAccountsResponse::default()
        }))
    }
}

#[tonic::async_trait]
impl ContactService for Finds {
    async fn list_contacts(
        &self,
        _: Request<ListContactsRequest>,
    ) -> Result<Response<ListContactsResponse>, Status> {
        let contact = Contact {
            id: "zoe".to_owned(),
            full_name: "Zoë Brown".to_owned(),
            email: Some("zoe@acme.example".to_owned()),
            ..Contact::default()
        };
        Ok(Response::new(ListContactsResponse {
            contacts: vec![contact],
            ..ListContactsResponse::default()
        }))
    }
}

/// The caller may not read leads.
#[tonic::async_trait]
impl LeadService for Finds {
    async fn list_leads(&self, _: Request<ListLeadsRequest>) -> Result<Response<ListLeadsResponse>, Status> {
        Err(Error::forbidden("leads:read").into())
    }
}

fn peers() -> Peers {
    neighbours::peers("activities", &["accounts", "contacts", "leads", "deals"])
}

async fn search(peers: &Peers, request: SearchRequest) -> Result<SearchResponse, Error> {
    let ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let rights = Permissions::parse(["accounts:read"]);
    let caller = Caller::person(ids[0], ids[1], ids[2], "rep", rights, None);
    Search::new(peers.clone()).run(&caller, &request).await
}

fn asked(q: &str) -> SearchRequest {
    SearchRequest {
        q: q.to_owned(),
        ..SearchRequest::default()
    }
}

#[tokio::test]
async fn the_best_of_all_kinds_come_first_and_a_service_that_is_away_is_named() {
    let peers = peers();
    answers(&peers, "accounts", Routes::new(AccountServiceServer::new(Finds)));
    answers(&peers, "contacts", Routes::new(ContactServiceServer::new(Finds)));
    answers(&peers, "leads", Routes::new(LeadServiceServer::new(Finds)));
    let found = search(&peers, asked("brown acme")).await.unwrap();
    let results: Vec<_> = found
        .results
        .iter()
        .map(|result| (result.kind(), result.name.as_str()))
        .collect();
    assert_eq!(
        results,
        [
            (RelatedKind::Account, "Acme Brown"),
            (RelatedKind::Contact, "Zoë Brown"),
            (RelatedKind::Account, "Brownish Acmeville Works"),
        ]
    );
    assert_eq!(found.results[1].matches, ["Brown", "zoe@acme.example"]);
    assert_eq!(found.results[0].id, "Acme Brown");
    assert!(found.results.iter().all(|r| (0.0..=1.0).contains(&r.score)));
    assert_eq!(
        found.unavailable().collect::<Vec<_>>(),
        [RelatedKind::Deal],
        "leads may not be read, which is no outage"
    );

    let one = SearchRequest {
        page_size: 1,
        kinds: vec![RelatedKind::Contact as i32],
        ..asked("brown acme")
    };
    let found = search(&peers, one).await.unwrap();
    assert_eq!((found.results.len(), found.unavailable.len()), (1, 0));
    assert_eq!(found.results[0].kind(), RelatedKind::Contact);
}

#[tokio::test]
async fn a_search_that_nobody_can_answer_is_unavailable() {
    let error = search(&peers(), asked("anything")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn a_search_for_nothing_is_refused() {
    let error = search(
        &peers(),
        SearchRequest {
            page_size: -1,
            ..asked("  ")
        },
    )
    .await
    .unwrap_err();
    let told: Vec<_> = error
        .fields()
        .iter()
        .map(|field| (field.field.as_ref(), field.code.as_ref()))
        .collect();
    assert_eq!(told, [("q", "required"), ("page_size", "out_of_range")]);
}
