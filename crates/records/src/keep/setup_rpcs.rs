//! The rpcs of what a company sets up for itself, the same for every kind of record but for their names.

/// Implements a service's rpcs of saved views and of the company's own fields over the [`Keeper`](crate::keep::Keeper) in a
/// field of the type.
///
/// ```ignore
/// setup_rpcs! {
///     impl NoteSetupService for Grpc(notes), of kontor_proto::notes::v1;
///     list_note_views: ListNoteViewsRequest -> ListNoteViewsResponse,
///     create_note_view: CreateNoteViewRequest -> CreateNoteViewResponse,
///     update_note_view: UpdateNoteViewRequest -> UpdateNoteViewResponse,
///     delete_note_view: DeleteNoteViewRequest,
///     list_note_fields: ListNoteFieldsRequest -> ListNoteFieldsResponse,
///     create_note_field: CreateNoteFieldRequest -> CreateNoteFieldResponse,
///     update_note_field: UpdateNoteFieldRequest -> UpdateNoteFieldResponse,
///     delete_note_field: DeleteNoteFieldRequest,
/// }
/// ```
#[macro_export]
macro_rules! setup_rpcs {
    (
        impl $service:ident for $grpc:ident($cases:ident), of $contract:path;
        $list_views:ident : $list_views_request:ident -> $list_views_response:ident,
        $create_view:ident : $create_view_request:ident -> $create_view_response:ident,
        $update_view:ident : $update_view_request:ident -> $update_view_response:ident,
        $delete_view:ident : $delete_view_request:ident,
        $list_fields:ident : $list_fields_request:ident -> $list_fields_response:ident,
        $create_field:ident : $create_field_request:ident -> $create_field_response:ident,
        $update_field:ident : $update_field_request:ident -> $update_field_response:ident,
        $delete_field:ident : $delete_field_request:ident $(,)?
    ) => {
        const _: () = {
            use $contract as contract;
            use $crate::export::tonic::{self, Request, Response, Status};
            use $crate::export::{Caller, OffsetDateTime};
            use $crate::keep::Keeper;

            #[tonic::async_trait]
            impl $service for $grpc {
                async fn $list_views(
                    &self,
                    request: Request<contract::$list_views_request>,
                ) -> Result<Response<contract::$list_views_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let views = self.$cases.views().list(&caller).await?;
                    Ok(Response::new(contract::$list_views_response { views }))
                }

                async fn $create_view(
                    &self,
                    request: Request<contract::$create_view_request>,
                ) -> Result<Response<contract::$create_view_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let view = request.into_inner().view.unwrap_or_default();
                    let views = self.$cases.views();
                    let view = views
                        .create(&caller, view, OffsetDateTime::now_utc())
                        .await?;
                    Ok(Response::new(contract::$create_view_response {
                        view: Some(view),
                    }))
                }

                async fn $update_view(
                    &self,
                    request: Request<contract::$update_view_request>,
                ) -> Result<Response<contract::$update_view_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$update_view_request {
                        id,
                        view,
                        update_mask,
                        etag,
                    } = request.into_inner();
                    let (views, view) = (self.$cases.views(), view.unwrap_or_default());
                    let view = views
                        .update(&caller, &id, view, update_mask.as_ref(), &etag)
                        .await?;
                    Ok(Response::new(contract::$update_view_response {
                        view: Some(view),
                    }))
                }

                async fn $delete_view(
                    &self,
                    request: Request<contract::$delete_view_request>,
                ) -> Result<Response<()>, Status> {
                    let caller = Caller::of(&request)?;
                    let views = self.$cases.views();
                    let contract::$delete_view_request { id, etag } = request.into_inner();
                    views.delete(&caller, &id, &etag).await?;
                    Ok(Response::new(()))
                }

                async fn $list_fields(
                    &self,
                    request: Request<contract::$list_fields_request>,
                ) -> Result<Response<contract::$list_fields_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let fields = self.$cases.fields().list(&caller).await?;
                    Ok(Response::new(contract::$list_fields_response { fields }))
                }

                async fn $create_field(
                    &self,
                    request: Request<contract::$create_field_request>,
                ) -> Result<Response<contract::$create_field_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let field = request.into_inner().field.unwrap_or_default();
                    let field = self.$cases.fields().create(&caller, field).await?;
                    Ok(Response::new(contract::$create_field_response {
                        field: Some(field),
                    }))
                }

                async fn $update_field(
                    &self,
                    request: Request<contract::$update_field_request>,
                ) -> Result<Response<contract::$update_field_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$update_field_request {
                        key,
                        field,
                        update_mask,
                        etag,
                    } = request.into_inner();
                    let (fields, field) = (self.$cases.fields(), field.unwrap_or_default());
                    let field = fields
                        .update(&caller, &key, field, update_mask.as_ref(), &etag)
                        .await?;
                    Ok(Response::new(contract::$update_field_response {
                        field: Some(field),
                    }))
                }

                async fn $delete_field(
                    &self,
                    request: Request<contract::$delete_field_request>,
                ) -> Result<Response<()>, Status> {
                    let caller = Caller::of(&request)?;
                    let fields = self.$cases.fields();
                    let contract::$delete_field_request { key, etag } = request.into_inner();
                    fields.delete(&caller, &key, &etag).await?;
                    Ok(Response::new(()))
                }
            }
        };
    };
}
