//! Who did what.

use kontor_chassis::Caller;
use kontor_proto::google::api::HttpBody;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::audit_service_server::AuditService;
use kontor_records::query::Page;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::encode;
use crate::service::Identity;

/// [`AuditService`] by [`Identity`].
pub(crate) struct AuditRpcs {
    pub(crate) identity: Identity,
}

#[tonic::async_trait]
impl AuditService for AuditRpcs {
    async fn list_audit_log(
        &self,
        request: Request<v1::ListAuditLogRequest>,
    ) -> Result<Response<v1::ListAuditLogResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let Page {
            records,
            next_page_token,
            total_size,
            total_size_is_estimate,
        } = self.identity.audit_log(&caller, &query).await?;
        Ok(Response::new(v1::ListAuditLogResponse {
            entries: records.into_iter().map(encode::audit_entry).collect(),
            next_page_token,
            total_size,
            total_size_is_estimate,
        }))
    }

    async fn export_audit_log(
        &self,
        request: Request<v1::ExportAuditLogRequest>,
    ) -> Result<Response<BoxStream<HttpBody>>, Status> {
        let caller = Caller::of(&request)?;
        let v1::ExportAuditLogRequest { query, columns } = request.into_inner();
        let pieces = self
            .identity
            .export_audit_log(&caller, &query.unwrap_or_default(), &columns)
            .await?;
        Ok(Response::new(Box::pin(pieces)))
    }
}
