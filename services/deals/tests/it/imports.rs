//! Deals from files.

use kontor_chassis::peers::Peers;
use kontor_proto::{
    deals::v1::{self, deal_service_server::DealService},
    identity::v1::{
        Company, Currencies, GetCompanyRequest, GetCompanyResponse, GetCurrenciesRequest,
        GetCurrenciesResponse,
        company_service_server::{CompanyService, CompanyServiceServer},
    },
    records::v1::{ImportJob, ListQuery},
};
use kontor_records::transfer::Part;
use tonic::{Request, Response, Status, service::Routes};
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::world::{World, answer};

/// Identity, of which deals ask no more than what the company counts in.
struct Identity;

#[tonic::async_trait]
impl CompanyService for Identity {
    async fn get_company(
        &self,
        _: Request<GetCompanyRequest>,
    ) -> Result<Response<GetCompanyResponse>, Status> {
        let company = Company {
            currency: "CHF".to_owned(),
            ..Company::default()
        };
        Ok(Response::new(GetCompanyResponse {
            company: Some(company),
        }))
    }

    async fn get_currencies(
        &self,
        _: Request<GetCurrenciesRequest>,
    ) -> Result<Response<GetCurrenciesResponse>, Status> {
        Ok(Response::new(GetCurrenciesResponse {
            currencies: Some(Currencies::default()),
        }))
    }
}

fn identity(peers: &Peers) {
    let routes = Routes::new(CompanyServiceServer::new(Identity));
    peers.set_local(
        "identity",
        BoxCloneSyncService::new(routes.map_request(|request| request)),
    );
}

async fn import(world: &World, file: &str) -> ImportJob {
    let parts = vec![
        Ok(Part::Options(Box::default())),
        Ok(Part::Data(file.as_bytes().to_vec().into())),
    ];
    let imported = world
        .imports
        .run(&world.caller(), Box::pin(tokio_stream::iter(parts)))
        .await
        .unwrap();
    imported.job
}

fn by(order: &str) -> ListQuery {
    ListQuery {
        order_by: order.to_owned(),
        ..ListQuery::default()
    }
}

#[tokio::test]
async fn a_file_becomes_deals_in_the_first_stage_of_sales() {
    let world = World::beside(identity).await;
    let file = "Deal Name,Amount,Probability,Close Date\nOne,1000,,2027-01-31\nTwo,10,80,\n";
    let job = import(&world, file).await;
    assert_eq!((job.total_rows, job.created, job.failed), (2, 2, 0), "{job:?}");

    let request = world.asks(v1::ListDealsRequest {
        query: Some(by("name")),
    });
    let deals = answer(world.grpc.list_deals(request).await).unwrap().deals;
    let chances: Vec<_> = deals
        .iter()
        .map(|deal| (deal.name.as_str(), deal.probability))
        .collect();
    assert_eq!(chances, [("One", Some(10)), ("Two", Some(80))]);
    assert_eq!(deals[0].expected_close_date.as_deref(), Some("2027-01-31"));
    let weighted = deals[0].weighted_amount.as_ref().unwrap();
    assert_eq!(
        (weighted.amount.as_str(), weighted.currency.as_str()),
        ("100.00", "CHF")
    );
    assert_eq!(deals[0].stage_id, deals[1].stage_id);
    assert_ne!(deals[0].position, deals[1].position);
}
