//! Who did what.

use kontor_chassis::{Caller, Error as Failure, FieldErrors};
use kontor_proto::google::api::HttpBody;
use kontor_proto::identity::v1;
use kontor_proto::identity::v1::audit_service_server::AuditService;
use kontor_proto::records::v1::ListQuery;
use tokio_util::task::TaskTracker;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::{encode, page_size};
use crate::model::audit_query::{self, Field, Wanted};
use crate::service::{AuditPage, Identity};

/// [`AuditService`] by [`Identity`].
pub(crate) struct AuditRpcs {
    pub(crate) identity: Identity,
    /// Runs downloads.
    pub(crate) tasks: TaskTracker,
}

#[tonic::async_trait]
impl AuditService for AuditRpcs {
    async fn list_audit_log(
        &self,
        request: Request<v1::ListAuditLogRequest>,
    ) -> Result<Response<v1::ListAuditLogResponse>, Status> {
        let caller = Caller::of(&request)?;
        let query = request.into_inner().query.unwrap_or_default();
        let wanted = wanted(&caller, &query, FieldErrors::new())?;
        let AuditPage {
            entries,
            next_page_token,
            total,
        } = self
            .identity
            .audit_log(
                &caller,
                &wanted,
                page_size(query.page_size)?,
                &query.page_token,
                query.include_total.unwrap_or(true),
            )
            .await?;
        Ok(Response::new(v1::ListAuditLogResponse {
            entries: entries.into_iter().map(encode::audit_entry).collect(),
            next_page_token,
            total_size: total.map(|(total, _)| total),
            total_size_is_estimate: total.is_some_and(|(_, estimate)| estimate),
        }))
    }

    async fn export_audit_log(
        &self,
        request: Request<v1::ExportAuditLogRequest>,
    ) -> Result<Response<BoxStream<HttpBody>>, Status> {
        let caller = Caller::of(&request)?;
        let v1::ExportAuditLogRequest { query, columns } = request.into_inner();
        let mut errors = FieldErrors::new();
        let columns = columns_of(&columns, &mut errors);
        let wanted = wanted(&caller, &query.unwrap_or_default(), errors)?;
        let pieces = self
            .identity
            .export_audit_log(&self.tasks, &caller, &wanted, columns)
            .await?;
        Ok(Response::new(Box::pin(pieces)))
    }
}

/// Reads which entries are wanted, every bad parameter named.
fn wanted(caller: &Caller, query: &ListQuery, mut errors: FieldErrors) -> Result<Wanted, Failure> {
    let ListQuery {
        page_size: size,
        page_token: _,
        order_by,
        search,
        filter,
        deleted,
        include_total: _,
        expand,
        field_filters,
    } = query;
    if *size < 0 {
        errors.push("page_size", "out_of_range", "A page has no negative size.");
    }
    if *deleted {
        errors.push("deleted", "unknown_parameter", "Entries are never deleted.");
    }
    if !expand.is_empty() {
        errors.push("expand", "unknown_field", "Entries tell names as they were.");
    }
    let wanted = audit_query::read(caller, field_filters, filter, search, order_by, &mut errors);
    errors.into_result()?;
    Ok(wanted)
}

/// The columns of a download; left out: all.
fn columns_of(names: &str, errors: &mut FieldErrors) -> Vec<Field> {
    if names.trim().is_empty() {
        return Field::ALL.to_vec();
    }
    let mut columns = Vec::new();
    for name in names.split(',').map(str::trim) {
        match Field::named(name) {
            Some(field) => columns.push(field),
            None => errors.push(
                "columns",
                "unknown_field",
                format!("There is no field \"{name}\" to export."),
            ),
        }
    }
    columns
}
