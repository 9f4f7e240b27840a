//! `LeadConversionService`. Preview and undo are not built yet.

use kontor_chassis::Caller;
use kontor_proto::leads::v1::{self, lead_conversion_service_server::LeadConversionService};
use kontor_records::{Record, transfer::RUNNING_STATUS};
use tonic::{Request, Response, metadata::MetadataValue};

use super::{Answer, Grpc, now};
use crate::{conversion::ConversionState, service::Wish};

#[tonic::async_trait]
impl LeadConversionService for Grpc {
    async fn convert_lead(
        &self,
        request: Request<v1::ConvertLeadRequest>,
    ) -> Answer<v1::ConvertLeadResponse> {
        let caller = Caller::of(&request)?;
        let wish = Wish::of(request.into_inner())?;
        let (conversion, lead) = self.leads.convert(&caller, &wish, now()).await?;
        let answer = v1::ConvertLeadResponse {
            conversion: Some(conversion.to_message()),
            lead: Some(lead.into_message()),
        };
        let mut response = Response::new(answer);
        if conversion.state == ConversionState::Running {
            let (name, status) = RUNNING_STATUS;
            response
                .metadata_mut()
                .insert(name, MetadataValue::from_static(status));
        }
        Ok(response)
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
}
