//! The rpcs of imports and exports.

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    deals::v1::{self, deal_transfer_service_server::DealTransferService, import_deals_request},
    google::api::HttpBody,
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
impl DealTransferService for Grpc {
    async fn import_deals(
        &self,
        request: Request<Streaming<v1::ImportDealsRequest>>,
    ) -> Answer<v1::ImportDealsResponse> {
        let caller = Caller::of(&request)?;
        let parts = request.into_inner().map(|piece| part(piece?));
        let Imported { job, running } = self.imports.run(&caller, Box::pin(parts)).await?;
        let mut response = Response::new(v1::ImportDealsResponse { job: Some(job) });
        if running {
            let (key, value) = RUNNING_STATUS;
            response
                .metadata_mut()
                .insert(key, MetadataValue::from_static(value));
        }
        Ok(response)
    }

    async fn list_deal_imports(
        &self,
        request: Request<v1::ListDealImportsRequest>,
    ) -> Answer<v1::ListDealImportsResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListDealImportsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (imports, next_page_token) = self.imports.list(&caller, page_size, &page_token).await?;
        Ok(Response::new(v1::ListDealImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn get_deal_import(
        &self,
        request: Request<v1::GetDealImportRequest>,
    ) -> Answer<v1::GetDealImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .get(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::GetDealImportResponse { job: Some(job) }))
    }

    async fn download_deal_import_errors(
        &self,
        request: Request<v1::DownloadDealImportErrorsRequest>,
    ) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let download = self
            .imports
            .errors(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }

    async fn cancel_deal_import(
        &self,
        request: Request<v1::CancelDealImportRequest>,
    ) -> Answer<v1::CancelDealImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .cancel(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::CancelDealImportResponse { job: Some(job) }))
    }

    async fn export_deals(&self, request: Request<v1::ExportDealsRequest>) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let v1::ExportDealsRequest { query, columns } = request.into_inner();
        let download = self
            .deals
            .export(&caller, &query.unwrap_or_default(), &columns)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }
}

fn part(piece: v1::ImportDealsRequest) -> Result<Part, Status> {
    match piece.part {
        Some(import_deals_request::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
        Some(import_deals_request::Part::Data(data)) => Ok(Part::Data(data)),
        None => Err(Error::invalid("empty_piece", "A piece holds neither options nor data.").into()),
    }
}
