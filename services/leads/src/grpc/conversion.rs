//! `LeadConversionService`.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_conversion_service_server::LeadConversionService};
use kontor_records::{Record, transfer::RUNNING_STATUS};
use tonic::{Request, Response, metadata::MetadataValue};

use super::{Answer, Grpc, now};
use crate::service::Wish;

#[tonic::async_trait]
impl LeadConversionService for Grpc {
    async fn convert_lead(
        &self,
        request: Request<v1::ConvertLeadRequest>,
    ) -> Answer<v1::ConvertLeadResponse> {
        let caller = Caller::of(&request)?;
        let wish = Wish::of(request.into_inner())?;
        let (conversion, lead) = self.leads.convert(&caller, &wish, now()).await?;
        let running = !conversion.has_ended();
        let answer = v1::ConvertLeadResponse {
            conversion: Some(conversion.to_message()),
            lead: Some(lead.into_message()),
        };
        Ok(accepted(Response::new(answer), running))
    }

    async fn get_lead_conversion(
        &self,
        request: Request<v1::GetLeadConversionRequest>,
    ) -> Answer<v1::GetLeadConversionResponse> {
        let caller = Caller::of(&request)?;
        let conversion = self.leads.conversion(&caller, &request.get_ref().id).await?;
        Ok(Response::new(v1::GetLeadConversionResponse {
            conversion: Some(conversion.to_message()),
        }))
    }
    async fn preview_lead_conversion(
        &self,
        request: Request<v1::PreviewLeadConversionRequest>,
    ) -> Answer<v1::PreviewLeadConversionResponse> {
        let caller = Caller::of(&request)?;
        let wish = Wish::of_preview(request.into_inner())?;
        Ok(Response::new(self.leads.preview(&caller, &wish, now()).await?))
    }

    async fn undo_lead_conversion(
        &self,
        request: Request<v1::UndoLeadConversionRequest>,
    ) -> Answer<v1::UndoLeadConversionResponse> {
        let caller = Caller::of(&request)?;
        let v1::UndoLeadConversionRequest { id, etag } = request.into_inner();
        let (conversion, lead) = self.leads.undo_conversion(&caller, &id, &etag, now()).await?;
        let running = !conversion.has_ended();
        let answer = v1::UndoLeadConversionResponse {
            conversion: Some(conversion.to_message()),
            lead: Some(lead.into_message()),
        };
        Ok(accepted(Response::new(answer), running))
    }
}

/// 202 for what is still at work.
fn accepted<T>(mut response: Response<T>, running: bool) -> Response<T> {
    if running {
        let (name, status) = RUNNING_STATUS;
        response
            .metadata_mut()
            .insert(name, MetadataValue::from_static(status));
    }
    response
}
