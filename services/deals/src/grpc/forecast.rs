//! The rpcs of the board, the forecast and the quotas.

use kontor_chassis::Caller;
use kontor_proto::deals::v1::{self, deal_forecast_service_server::DealForecastService};
use time::OffsetDateTime;
use tonic::{Request, Response};

use super::{Answer, Grpc};
use crate::{company::money, month::Month, store::quotas::Quota};

#[tonic::async_trait]
impl DealForecastService for Grpc {
    async fn get_deal_board(
        &self,
        request: Request<v1::GetDealBoardRequest>,
    ) -> Answer<v1::GetDealBoardResponse> {
        let caller = Caller::of(&request)?;
        let board = self
            .deals
            .board(&caller, request.into_inner(), OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(board))
    }

    async fn get_deal_forecast(
        &self,
        request: Request<v1::GetDealForecastRequest>,
    ) -> Answer<v1::GetDealForecastResponse> {
        let caller = Caller::of(&request)?;
        let forecast = self.deals.forecast(&caller, request.into_inner()).await?;
        Ok(Response::new(forecast))
    }

    async fn get_deal_win_loss(
        &self,
        request: Request<v1::GetDealWinLossRequest>,
    ) -> Answer<v1::GetDealWinLossResponse> {
        let caller = Caller::of(&request)?;
        let win_loss = self.deals.win_loss(&caller, request.into_inner()).await?;
        Ok(Response::new(win_loss))
    }

    async fn list_quotas(&self, request: Request<v1::ListQuotasRequest>) -> Answer<v1::ListQuotasResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListQuotasRequest { from, to } = request.into_inner();
        let quotas = self.deals.quotas(&caller, &from, &to).await?;
        Ok(Response::new(v1::ListQuotasResponse {
            quotas: quotas.into_iter().map(quota).collect(),
        }))
    }

    async fn update_quotas(
        &self,
        request: Request<v1::UpdateQuotasRequest>,
    ) -> Answer<v1::UpdateQuotasResponse> {
        let caller = Caller::of(&request)?;
        let quotas = self
            .deals
            .set_quotas(&caller, request.into_inner().quotas, OffsetDateTime::now_utc())
            .await?;
        Ok(Response::new(v1::UpdateQuotasResponse {
            quotas: quotas.into_iter().map(quota).collect(),
        }))
    }
}

fn quota(quota: Quota) -> v1::Quota {
    let Quota {
        owner_id,
        month,
        amount,
        amount_currency,
    } = quota;
    v1::Quota {
        owner_id: owner_id.to_string(),
        month: Month::of(month).to_string(),
        amount: Some(money(amount, &amount_currency)),
    }
}
