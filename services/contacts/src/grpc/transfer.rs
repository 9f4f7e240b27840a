//! The rpcs of imports and exports.

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    contacts::v1::{self, contact_transfer_service_server::ContactTransferService, import_contacts_request},
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
impl ContactTransferService for Grpc {
    async fn import_contacts(
        &self,
        request: Request<Streaming<v1::ImportContactsRequest>>,
    ) -> Answer<v1::ImportContactsResponse> {
        let caller = Caller::of(&request)?;
        let parts = request.into_inner().map(|piece| part(piece?));
        let Imported { job, running } = self.imports.run(&caller, Box::pin(parts)).await?;
        let mut response = Response::new(v1::ImportContactsResponse { job: Some(job) });
        if running {
            let (key, value) = RUNNING_STATUS;
            response
                .metadata_mut()
                .insert(key, MetadataValue::from_static(value));
        }
        Ok(response)
    }

    async fn list_contact_imports(
        &self,
        request: Request<v1::ListContactImportsRequest>,
    ) -> Answer<v1::ListContactImportsResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListContactImportsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (imports, next_page_token) = self.imports.list(&caller, page_size, &page_token).await?;
        Ok(Response::new(v1::ListContactImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn get_contact_import(
        &self,
        request: Request<v1::GetContactImportRequest>,
    ) -> Answer<v1::GetContactImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .get(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::GetContactImportResponse { job: Some(job) }))
    }

    async fn download_contact_import_errors(
        &self,
        request: Request<v1::DownloadContactImportErrorsRequest>,
    ) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let download = self
            .imports
            .errors(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }

    async fn cancel_contact_import(
        &self,
        request: Request<v1::CancelContactImportRequest>,
    ) -> Answer<v1::CancelContactImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .cancel(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::CancelContactImportResponse { job: Some(job) }))
    }

    async fn export_contacts(&self, request: Request<v1::ExportContactsRequest>) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let v1::ExportContactsRequest { query, columns } = request.into_inner();
        let download = self
            .contacts
            .export(&caller, &query.unwrap_or_default(), &columns)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }
}

fn part(piece: v1::ImportContactsRequest) -> Result<Part, Status> {
    match piece.part {
        Some(import_contacts_request::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
        Some(import_contacts_request::Part::Data(data)) => Ok(Part::Data(data)),
        None => Err(Error::invalid("empty_piece", "A piece holds neither options nor data.").into()),
    }
}
