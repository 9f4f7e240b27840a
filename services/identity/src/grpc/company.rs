//! Companies and what they count in.

use kontor_chassis::Caller;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::company_service_server::CompanyService;
use tonic::{Request, Response, Status};

use super::mask::Mask;
use super::{encode, id, now};
use crate::model::company::CompanyChange;
use crate::service::{Currencies, Identity};

/// [`CompanyService`] by [`Identity`].
pub(crate) struct CompanyRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl CompanyService for CompanyRpcs {
    async fn list_companies(
        &self,
        request: Request<v1::ListCompaniesRequest>,
    ) -> Result<Response<v1::ListCompaniesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let companies = self.identity.companies(&caller).await?;
        let companies = companies.into_iter().map(encode::company).collect();
        Ok(Response::new(v1::ListCompaniesResponse { companies }))
    }

    async fn create_company(
        &self,
        request: Request<v1::CreateCompanyRequest>,
    ) -> Result<Response<v1::CreateCompanyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let given = change(request.into_inner().company.unwrap_or_default(), None)?;
        let company = self.identity.found_company(&caller, given, now()).await?;
        Ok(Response::new(v1::CreateCompanyResponse {
            company: Some(encode::company(company)),
        }))
    }

    async fn get_company(
        &self,
        request: Request<v1::GetCompanyRequest>,
    ) -> Result<Response<v1::GetCompanyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let id = id("id", &request.into_inner().id)?;
        let company = self.identity.company(&caller, id).await?;
        Ok(Response::new(v1::GetCompanyResponse {
            company: Some(encode::company(company)),
        }))
    }

    async fn update_company(
        &self,
        request: Request<v1::UpdateCompanyRequest>,
    ) -> Result<Response<v1::UpdateCompanyResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::UpdateCompanyRequest {
            id: text,
            company,
            update_mask,
            etag,
        } = request.into_inner();
        let id = id("id", &text)?;
        let change = change(company.unwrap_or_default(), update_mask)?;
        let company = self
            .identity
            .update_company(&caller, id, change, &etag, now())
            .await?;
        Ok(Response::new(v1::UpdateCompanyResponse {
            company: Some(encode::company(company)),
        }))
    }

    async fn get_currencies(
        &self,
        request: Request<v1::GetCurrenciesRequest>,
    ) -> Result<Response<v1::GetCurrenciesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let currencies = self.identity.currencies(&caller).await?;
        Ok(Response::new(v1::GetCurrenciesResponse {
            currencies: Some(currencies_message(currencies)),
        }))
    }

    async fn update_currencies(
        &self,
        request: Request<v1::UpdateCurrenciesRequest>,
    ) -> Result<Response<v1::UpdateCurrenciesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let v1::Currencies { currency, rates } = request.into_inner().currencies.unwrap_or_default();
        let rates = rates
            .into_iter()
            .map(|v1::CurrencyRate { currency, rate }| (currency, rate));
        let given = Currencies {
            currency,
            rates: rates.collect(),
        };
        let currencies = self.identity.set_currencies(&caller, given, now()).await?;
        Ok(Response::new(v1::UpdateCurrenciesResponse {
            currencies: Some(currencies_message(currencies)),
        }))
    }
}

fn currencies_message(currencies: Currencies) -> v1::Currencies {
    let Currencies { currency, rates } = currencies;
    v1::Currencies {
        currency,
        rates: rates
            .into_iter()
            .map(|(currency, rate)| v1::CurrencyRate { currency, rate })
            .collect(),
    }
}

const WRITABLE: &[&str] = &[
    "name",
    "currency",
    "time_zone",
    "locale",
    "fiscal_year_start_month",
    "website",
];
const READ_ONLY: &[&str] = &["id", "created_at", "updated_at", "etag"];

fn change(
    company: v1::Company,
    mask: Option<prost_types::FieldMask>,
) -> Result<CompanyChange, kontor_chassis::Error> {
    let mask = Mask::read(mask, WRITABLE, READ_ONLY)?;
    let month = company.fiscal_year_start_month;
    Ok(CompanyChange {
        name: mask.pick("name", !company.name.is_empty(), company.name),
        currency: mask.pick("currency", !company.currency.is_empty(), company.currency),
        time_zone: mask.pick("time_zone", !company.time_zone.is_empty(), company.time_zone),
        locale: mask.pick("locale", !company.locale.is_empty(), company.locale),
        fiscal_year_start_month: mask.pick("fiscal_year_start_month", month != 0, month),
        website: mask.pick("website", company.website.is_some(), company.website),
    })
}
