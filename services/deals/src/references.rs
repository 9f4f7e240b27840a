//! Who knows the records that deals refer to.

use kontor_chassis::{Caller, Error, peers::Peers};
use kontor_proto::{
    accounts::v1::{GetAccountRequest, account_service_client::AccountServiceClient},
    contacts::v1::{GetContactRequest, contact_service_client::ContactServiceClient},
    identity::v1::{
        Company, CurrencyRate, GetCompanyRequest, GetCurrenciesRequest,
        company_service_client::CompanyServiceClient,
    },
    leads::v1::{GetLeadRequest, lead_service_client::LeadServiceClient},
};
use kontor_records::{
    implied::MEMBER,
    refs::{self, Found, Lookup},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::store;

/// Looks references up where they are at home: members at identity, pipelines and stages here, the others at the
/// services of their name.
#[derive(Clone)]
pub struct Homes {
    peers: Peers,
}

impl Homes {
    /// Beside these services.
    #[must_use]
    pub fn new(peers: Peers) -> Self {
        Self { peers }
    }

    /// The caller's company, and what other currencies are worth in its own.
    ///
    /// # Errors
    /// Unavailable when identity is away; what else it fails with.
    pub async fn company(&self, caller: &Caller) -> Result<(Company, Vec<CurrencyRate>), Error> {
        let mut client = CompanyServiceClient::new(self.peers.on_behalf_of("identity", caller)?);
        let id = caller.company_id().to_string();
        let answer = client.get_company(GetCompanyRequest { id }).await?.into_inner();
        let company = answer
            .company
            .ok_or_else(|| Error::internal("identity answered no company"))?;
        let answer = client.get_currencies(GetCurrenciesRequest {}).await?.into_inner();
        let rates = answer
            .currencies
            .map(|currencies| currencies.rates)
            .unwrap_or_default();
        Ok((company, rates))
    }
}

impl Homes {
    async fn account(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = AccountServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = GetAccountRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        let answer = refs::there(client.get_account(request).await)?;
        let account = answer.and_then(|answer| answer.account);
        Ok(account.map(|account| Found::Elsewhere { name: account.name }))
    }

    async fn contact(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = ContactServiceClient::new(self.peers.on_behalf_of("contacts", caller)?);
        let request = GetContactRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        let answer = refs::there(client.get_contact(request).await)?;
        let contact = answer.and_then(|answer| answer.contact);
        Ok(contact.map(|contact| Found::Elsewhere {
            name: contact.full_name,
        }))
    }

    async fn lead(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = LeadServiceClient::new(self.peers.on_behalf_of("leads", caller)?);
        let request = GetLeadRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        let answer = refs::there(client.get_lead(request).await)?;
        let lead = answer.and_then(|answer| answer.lead);
        Ok(lead.map(|lead| Found::Elsewhere { name: lead.full_name }))
    }
}

impl Lookup for Homes {
    async fn find(
        &self,
        conn: &mut PgConnection,
        caller: &Caller,
        kind: &'static str,
        id: Uuid,
    ) -> Result<Option<Found>, Error> {
        match kind {
            // Not given: the use-case chooses.
            "pipeline" | "stage" if id.is_nil() => Ok(Some(Found::Here)),
            "pipeline" => {
                let there = store::pipelines::get(conn, caller.company_id(), id).await?;
                Ok(there.map(|_| Found::Here))
            }
            "stage" => {
                let there = store::pipelines::of_stage(conn, caller.company_id(), id).await?;
                Ok(there.map(|_| Found::Here))
            }
            "account" => self.account(caller, id).await,
            "contact" => self.contact(caller, id).await,
            "lead" => self.lead(caller, id).await,
            MEMBER => refs::member(&self.peers, caller, id).await,
            _ => Ok(None),
        }
    }
}
