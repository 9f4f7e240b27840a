//! Who knows the records that leads and conversions refer to.

use kontor_chassis::{Caller, Error, FieldErrors, Kind, peers::Peers};
use kontor_proto::{
    accounts::v1::{
        GetAccountRequest, GetTerritoryRequest, ListAccountTouchesRequest, PlanAccountStepRequest,
        account_conversion_service_client::AccountConversionServiceClient,
        account_service_client::AccountServiceClient, territory_service_client::TerritoryServiceClient,
    },
    contacts::v1::{
        GetContactRequest, ListContactTouchesRequest, PlanContactStepRequest,
        contact_conversion_service_client::ContactConversionServiceClient,
        contact_service_client::ContactServiceClient,
    },
    deals::v1::{
        GetDealRequest, ListDealTouchesRequest, ListPipelinesRequest, Pipeline, PlanDealStepRequest,
        deal_conversion_service_client::DealConversionServiceClient, deal_service_client::DealServiceClient,
        pipeline_service_client::PipelineServiceClient,
    },
    identity::v1::{GetCompanyRequest, company_service_client::CompanyServiceClient},
    leads::v1 as leads,
    records::v1::{SagaPlan, SagaTouch},
};
use kontor_records::{
    implied::MEMBER,
    refs::{self, Found, Lookup},
    territories,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::conversion::{Conversion, Part};

/// What a company's amounts are in when identity doesn't say.
const USUAL_CURRENCY: &str = "USD";

/// What a caller wants a conversion to use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given {
    /// This account.
    pub account: Option<Uuid>,
    /// This contact.
    pub contact: Option<Uuid>,
    /// This deal.
    pub deal: Option<Uuid>,
    /// This owner.
    pub owner: Option<Uuid>,
    /// This pipeline.
    pub pipeline: Option<Uuid>,
    /// This stage.
    pub stage: Option<Uuid>,
}

/// Looks references up where they are at home, with the caller's own token.
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

    /// Checks that everything given is there for the caller.
    ///
    /// # Errors
    /// Refused, naming every field that refers to nothing; Unavailable when an owner of records is away.
    pub async fn check(&self, caller: &Caller, given: Given) -> Result<(), Error> {
        let Given {
            account,
            contact,
            deal,
            owner,
            pipeline,
            stage,
        } = given;
        let mut unknown = Vec::new();
        let mut note = |field: &'static str, there: bool| {
            if !there {
                unknown.push(field);
            }
        };
        if let Some(id) = account {
            note("account_id", self.account(caller, id).await?);
        }
        if let Some(id) = contact {
            note("contact_id", self.contact(caller, id).await?);
        }
        if let Some(id) = deal {
            note("deal_id", self.deal(caller, id).await?);
        }
        if let Some(id) = owner.filter(|id| Some(*id) != caller.user_id()) {
            note("owner_id", refs::member(&self.peers, caller, id).await?.is_some());
        }
        if pipeline.is_some() || stage.is_some() {
            let pipelines = self.pipelines(caller).await?;
            let (pipeline_there, stage_there) = stands(&pipelines, pipeline, stage);
            note("deal.pipeline_id", pipeline_there);
            note("deal.stage_id", stage_there);
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let mut errors = FieldErrors::new();
        for field in unknown {
            errors.push(field, "unknown_reference", "There is no such record.");
        }
        Err(errors.into_error(Kind::Refused))
    }

    /// The currency of the caller's company.
    ///
    /// # Errors
    /// Unavailable when identity is away.
    pub async fn currency(&self, caller: &Caller) -> Result<String, Error> {
        let mut client = CompanyServiceClient::new(self.peers.on_behalf_of("identity", caller)?);
        let request = GetCompanyRequest {
            id: caller.company_id().to_string(),
        };
        let answer = refs::there(client.get_company(request).await)?;
        let currency = answer
            .and_then(|answer| answer.company)
            .map(|company| company.currency);
        Ok(currency
            .filter(|currency| !currency.is_empty())
            .unwrap_or_else(|| USUAL_CURRENCY.to_owned()))
    }

    /// What accounts would do for a conversion.
    ///
    /// # Errors
    /// As accounts refuses; Unavailable when it is away.
    pub async fn plan_account(
        &self,
        caller: &Caller,
        step: leads::AccountStepRequested,
    ) -> Result<SagaPlan, Error> {
        let mut client = AccountConversionServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = PlanAccountStepRequest { step: Some(step) };
        let answer = client.plan_account_step(request).await.map_err(Error::from)?;
        Ok(answer.into_inner().plan.unwrap_or_default())
    }

    /// What contacts would do for a conversion.
    ///
    /// # Errors
    /// As contacts refuses; Unavailable when it is away.
    pub async fn plan_contact(
        &self,
        caller: &Caller,
        step: leads::ContactStepRequested,
    ) -> Result<SagaPlan, Error> {
        let mut client = ContactConversionServiceClient::new(self.peers.on_behalf_of("contacts", caller)?);
        let request = PlanContactStepRequest { step: Some(step) };
        let answer = client.plan_contact_step(request).await.map_err(Error::from)?;
        Ok(answer.into_inner().plan.unwrap_or_default())
    }

    /// What deals would do for a conversion.
    ///
    /// # Errors
    /// As deals refuses; Unavailable when it is away.
    pub async fn plan_deal(
        &self,
        caller: &Caller,
        step: leads::DealStepRequested,
    ) -> Result<SagaPlan, Error> {
        let mut client = DealConversionServiceClient::new(self.peers.on_behalf_of("deals", caller)?);
        let request = PlanDealStepRequest { step: Some(step) };
        let answer = client.plan_deal_step(request).await.map_err(Error::from)?;
        Ok(answer.into_inner().plan.unwrap_or_default())
    }

    /// Everything that was touched since a conversion made it, or hangs on what it made: also what the caller may not read.
    ///
    /// # Errors
    /// Unavailable when one of the services is away.
    pub async fn touches(&self, conversion: &Conversion) -> Result<Vec<SagaTouch>, Error> {
        let company = Caller::system(conversion.company_id);
        let conversion_id = conversion.id.to_string();
        let made = |part| conversion.made(part).map(|id| id.to_string());
        let (account_id, contact_id) = (made(Part::Account), made(Part::Contact));
        let mut accounts =
            AccountConversionServiceClient::new(self.peers.on_behalf_of("accounts", &company)?);
        let mut contacts =
            ContactConversionServiceClient::new(self.peers.on_behalf_of("contacts", &company)?);
        let mut deals = DealConversionServiceClient::new(self.peers.on_behalf_of("deals", &company)?);
        let (accounts, contacts, deals) = tokio::try_join!(
            accounts.list_account_touches(ListAccountTouchesRequest {
                conversion_id: conversion_id.clone(),
                account_id: account_id.clone(),
                contact_id: contact_id.clone(),
            }),
            contacts.list_contact_touches(ListContactTouchesRequest {
                conversion_id: conversion_id.clone(),
                account_id: account_id.clone(),
                contact_id: contact_id.clone(),
            }),
            deals.list_deal_touches(ListDealTouchesRequest {
                conversion_id,
                account_id,
                contact_id,
            }),
        )
        .map_err(Error::from)?;
        let (accounts, contacts, deals) = (accounts.into_inner(), contacts.into_inner(), deals.into_inner());
        Ok([accounts.touches, contacts.touches, deals.touches].concat())
    }

    async fn account(&self, caller: &Caller, id: Uuid) -> Result<bool, Error> {
        let mut client = AccountServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = GetAccountRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        Ok(refs::there(client.get_account(request).await)?.is_some())
    }

    async fn territory(&self, caller: &Caller, id: Uuid) -> Result<Option<Found>, Error> {
        let mut client = TerritoryServiceClient::new(self.peers.on_behalf_of("accounts", caller)?);
        let request = GetTerritoryRequest { id: id.to_string() };
        let answer = refs::there(client.get_territory(request).await)?;
        let territory = answer.and_then(|answer| answer.territory);
        Ok(territory.map(|territory| Found::Elsewhere { name: territory.name }))
    }

    async fn contact(&self, caller: &Caller, id: Uuid) -> Result<bool, Error> {
        let mut client = ContactServiceClient::new(self.peers.on_behalf_of("contacts", caller)?);
        let request = GetContactRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        Ok(refs::there(client.get_contact(request).await)?.is_some())
    }

    async fn deal(&self, caller: &Caller, id: Uuid) -> Result<bool, Error> {
        let mut client = DealServiceClient::new(self.peers.on_behalf_of("deals", caller)?);
        let request = GetDealRequest {
            id: id.to_string(),
            expand: String::new(),
        };
        Ok(refs::there(client.get_deal(request).await)?.is_some())
    }

    async fn pipelines(&self, caller: &Caller) -> Result<Vec<Pipeline>, Error> {
        let mut client = PipelineServiceClient::new(self.peers.on_behalf_of("deals", caller)?);
        let answer = refs::there(client.list_pipelines(ListPipelinesRequest {}).await)?;
        Ok(answer.map(|answer| answer.pipelines).unwrap_or_default())
    }
}

/// Whether a pipeline is among these, and a stage in it, or in any when no pipeline is given.
fn stands(pipelines: &[Pipeline], pipeline: Option<Uuid>, stage: Option<Uuid>) -> (bool, bool) {
    let wanted = pipeline.map(|id| id.to_string());
    let mut there = pipelines
        .iter()
        .filter(|found| wanted.as_ref().is_none_or(|id| *id == found.id))
        .peekable();
    let pipeline_there = wanted.is_none() || there.peek().is_some();
    let stage = stage.map(|id| id.to_string());
    let stage_there = stage.is_none()
        || !pipeline_there
        || there
            .flat_map(|found| &found.stages)
            .any(|found| found.id == stage);
    (pipeline_there, stage_there)
}

impl Lookup for Homes {
    async fn find(
        &self,
        _: &mut PgConnection,
        caller: &Caller,
        kind: &'static str,
        id: Uuid,
    ) -> Result<Option<Found>, Error> {
        match kind {
            MEMBER => refs::member(&self.peers, caller, id).await,
            territories::KIND => self.territory(caller, id).await,
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use kontor_proto::deals::v1::Stage;

    use super::*;

    #[test]
    fn a_stage_is_looked_for_in_its_pipeline_or_in_all() {
        let ids: Vec<Uuid> = (0..4).map(|_| Uuid::now_v7()).collect();
        let pipeline = |id: Uuid, stage: Uuid| Pipeline {
            id: id.to_string(),
            stages: vec![Stage {
                id: Some(stage.to_string()),
                ..Stage::default()
            }],
            ..Pipeline::default()
        };
        let all = [pipeline(ids[0], ids[1]), pipeline(ids[2], ids[3])];
        assert_eq!(stands(&all, Some(ids[0]), Some(ids[1])), (true, true));
        assert_eq!(
            stands(&all, Some(ids[0]), Some(ids[3])),
            (true, false),
            "another pipeline's stage"
        );
        assert_eq!(stands(&all, None, Some(ids[3])), (true, true));
        assert_eq!(
            stands(&all, Some(ids[1]), None),
            (false, true),
            "no pipeline of that id"
        );
        assert_eq!(
            stands(&all, Some(ids[1]), Some(ids[3])),
            (false, true),
            "only the pipeline is to blame"
        );
    }
}
