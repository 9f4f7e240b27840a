//! `LeadTransferService`. The preview, the progress and the undoing of imports are not built yet.

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    google::api::HttpBody,
    leads::v1::{self, import_leads_request, lead_transfer_service_server::LeadTransferService},
};
use kontor_records::{
    transfer::{Imported, Part, RUNNING_STATUS},
    write,
};
use tokio_stream::StreamExt;
use tonic::{Request, Response, Status, Streaming, codegen::BoxStream, metadata::MetadataValue};

use super::{Answer, Grpc};

type Pieces = BoxStream<HttpBody>;

#[tonic::async_trait]
impl LeadTransferService for Grpc {
    async fn import_leads(
        &self,
        request: Request<Streaming<v1::ImportLeadsRequest>>,
    ) -> Answer<v1::ImportLeadsResponse> {
        let caller = Caller::of(&request)?;
        let parts = request.into_inner().map(|piece| part(piece?));
        let Imported { job, running } = self.imports.run(&caller, Box::pin(parts)).await?;
        let mut response = Response::new(v1::ImportLeadsResponse { job: Some(job) });
        if running {
            let (key, value) = RUNNING_STATUS;
            response
                .metadata_mut()
                .insert(key, MetadataValue::from_static(value));
        }
        Ok(response)
    }

    async fn list_lead_imports(
        &self,
        request: Request<v1::ListLeadImportsRequest>,
    ) -> Answer<v1::ListLeadImportsResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListLeadImportsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (imports, next_page_token) = self.imports.list(&caller, page_size, &page_token).await?;
        Ok(Response::new(v1::ListLeadImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn get_lead_import(
        &self,
        request: Request<v1::GetLeadImportRequest>,
    ) -> Answer<v1::GetLeadImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .get(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::GetLeadImportResponse { job: Some(job) }))
    }

    async fn download_lead_import_errors(
        &self,
        request: Request<v1::DownloadLeadImportErrorsRequest>,
    ) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let download = self
            .imports
            .errors(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }

    async fn cancel_lead_import(
        &self,
        request: Request<v1::CancelLeadImportRequest>,
    ) -> Answer<v1::CancelLeadImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .cancel(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::CancelLeadImportResponse { job: Some(job) }))
    }

    async fn export_leads(&self, request: Request<v1::ExportLeadsRequest>) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let v1::ExportLeadsRequest { query, columns } = request.into_inner();
        let download = self
            .leads
            .export(&caller, &query.unwrap_or_default(), &columns)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }
}

fn part(piece: v1::ImportLeadsRequest) -> Result<Part, Status> {
    match piece.part {
        Some(import_leads_request::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
        Some(import_leads_request::Part::Data(data)) => Ok(Part::Data(data)),
        None => Err(Error::invalid("empty_piece", "A piece holds neither options nor data.").into()),
    }
}
