//! Other services, which answer in the process of a test.

use kontor_chassis::peers::Peers;
use kontor_chassis::token::ServiceKey;
use kontor_proto::identity::v1::{
    Company, Currencies, GetCompanyRequest, GetCompanyResponse, GetCurrenciesRequest, GetCurrenciesResponse,
    company_service_server::{CompanyService, CompanyServiceServer},
};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tower::{ServiceExt as _, util::BoxCloneSyncService};

/// What a service knows of these others; each is away until it [`answers`].
#[must_use]
pub fn peers(service: &'static str, others: &[&'static str]) -> Peers {
    let builder = Peers::builder(ServiceKey::random());
    others
        .iter()
        .fold(builder, |builder, other| builder.local(other))
        .build(service)
}

/// Lets a service answer by these routes.
pub fn answers(peers: &Peers, service: &'static str, routes: Routes) {
    peers.set_local(
        service,
        BoxCloneSyncService::new(routes.map_request(|request| request)),
    );
}

/// Lets identity answer what companies count in: Swiss francs.
pub fn identity(peers: &Peers) {
    answers(
        peers,
        "identity",
        Routes::new(CompanyServiceServer::new(Identity)),
    );
}

/// Identity, of which services of records ask no more than what a company counts in.
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
