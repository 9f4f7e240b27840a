//! The rpcs of imports and exports.

use kontor_chassis::{Caller, Error};
use kontor_proto::{
    accounts::v1::{self, account_transfer_service_server::AccountTransferService, import_accounts_request},
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
impl AccountTransferService for Grpc {
    async fn import_accounts(
        &self,
        request: Request<Streaming<v1::ImportAccountsRequest>>,
    ) -> Answer<v1::ImportAccountsResponse> {
        let caller = Caller::of(&request)?;
        let parts = request.into_inner().map(|piece| part(piece?));
        let Imported { job, running } = self.imports.run(&caller, Box::pin(parts)).await?;
        let mut response = Response::new(v1::ImportAccountsResponse { job: Some(job) });
        if running {
            let (key, value) = RUNNING_STATUS;
            response
                .metadata_mut()
                .insert(key, MetadataValue::from_static(value));
        }
        Ok(response)
    }

    async fn list_account_imports(
        &self,
        request: Request<v1::ListAccountImportsRequest>,
    ) -> Answer<v1::ListAccountImportsResponse> {
        let caller = Caller::of(&request)?;
        let v1::ListAccountImportsRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let (imports, next_page_token) = self.imports.list(&caller, page_size, &page_token).await?;
        Ok(Response::new(v1::ListAccountImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn get_account_import(
        &self,
        request: Request<v1::GetAccountImportRequest>,
    ) -> Answer<v1::GetAccountImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .get(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::GetAccountImportResponse { job: Some(job) }))
    }

    async fn download_account_import_errors(
        &self,
        request: Request<v1::DownloadAccountImportErrorsRequest>,
    ) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let download = self
            .imports
            .errors(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }

    async fn cancel_account_import(
        &self,
        request: Request<v1::CancelAccountImportRequest>,
    ) -> Answer<v1::CancelAccountImportResponse> {
        let caller = Caller::of(&request)?;
        let job = self
            .imports
            .cancel(&caller, write::parse_id(&request.get_ref().id)?)
            .await?;
        Ok(Response::new(v1::CancelAccountImportResponse { job: Some(job) }))
    }

    async fn export_accounts(&self, request: Request<v1::ExportAccountsRequest>) -> Answer<Pieces> {
        let caller = Caller::of(&request)?;
        let v1::ExportAccountsRequest { query, columns } = request.into_inner();
        let download = self
            .accounts
            .export(&caller, &query.unwrap_or_default(), &columns)
            .await?;
        Ok(Response::new(Box::pin(download)))
    }
}

fn part(piece: v1::ImportAccountsRequest) -> Result<Part, Status> {
    match piece.part {
        Some(import_accounts_request::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
        Some(import_accounts_request::Part::Data(data)) => Ok(Part::Data(data)),
        None => Err(Error::invalid("empty_piece", "A piece holds neither options nor data.").into()),
    }
}
