//! The rpcs of single records, the same for every kind but for their names.

/// Implements a service's rpcs of single records over the [`Keeper`](crate::keep::Keeper) in a field of the type, by the
/// names of one and many in the messages. What else the service has stands after the list, where `Request`, `Response`, `Caller`,
/// `OffsetDateTime`, [`keep`](crate::keep) and [`Record`](crate::Record) need not be imported.
///
/// ```ignore
/// record_rpcs! {
///     impl NoteService for Grpc(notes), of kontor_proto::notes::v1, as note and notes;
///     create_note: CreateNoteRequest -> CreateNoteResponse,
///     list_notes: ListNotesRequest -> ListNotesResponse,
///     get_note: GetNoteRequest -> GetNoteResponse,
///     get_note_stats: GetNoteStatsRequest -> GetNoteStatsResponse,
///     update_note: UpdateNoteRequest -> UpdateNoteResponse,
///     delete_note: DeleteNoteRequest,
///     restore_note: RestoreNoteRequest -> RestoreNoteResponse,
///     assign_note_owner: AssignNoteOwnerRequest -> AssignNoteOwnerResponse,
///     bulk_action_notes: BulkActionNotesRequest -> BulkActionNotesResponse,
///     get_note_bulk_action: GetNoteBulkActionRequest -> GetNoteBulkActionResponse,
/// }
/// ```
#[macro_export]
macro_rules! record_rpcs {
    (
        impl $service:ident for $grpc:ident($cases:ident), of $contract:path, as $one:ident and $many:ident;
        $create:ident : $create_request:ident -> $create_response:ident,
        $list:ident : $list_request:ident -> $list_response:ident,
        $get:ident : $get_request:ident -> $get_response:ident,
        $stats:ident : $stats_request:ident -> $stats_response:ident,
        $update:ident : $update_request:ident -> $update_response:ident,
        $delete:ident : $delete_request:ident,
        $restore:ident : $restore_request:ident -> $restore_response:ident,
        $assign:ident : $assign_request:ident -> $assign_response:ident,
        $bulk:ident : $bulk_request:ident -> $bulk_response:ident,
        $progress:ident : $progress_request:ident -> $progress_response:ident $(,)?
        $(; $($more:tt)*)?
    ) => {
        const _: () = {
            use $contract as contract;
            use $crate::export::tonic::{self, Request, Response, Status};
            use $crate::export::{Caller, OffsetDateTime};
            use $crate::keep::{self, Keeper, Revision};
            use $crate::{Record, bulk, query, transfer::started};

            #[tonic::async_trait]
            impl $service for $grpc {
                async fn $create(
                    &self,
                    request: Request<contract::$create_request>,
                ) -> Result<Response<contract::$create_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let message = request.into_inner().$one.unwrap_or_default();
                    let now = OffsetDateTime::now_utc();
                    let record = keep::create(&self.$cases, &caller, message, now).await?;
                    Ok(Response::new(contract::$create_response {
                        $one: Some(record.into_message()),
                    }))
                }

                async fn $list(
                    &self,
                    request: Request<contract::$list_request>,
                ) -> Result<Response<contract::$list_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let query = request.into_inner().query.unwrap_or_default();
                    let query::Page {
                        records,
                        next_page_token,
                        total_size,
                        total_size_is_estimate,
                    } = keep::list(&self.$cases, &caller, &query).await?;
                    Ok(Response::new(contract::$list_response {
                        $many: records,
                        next_page_token,
                        total_size,
                        total_size_is_estimate,
                    }))
                }

                async fn $get(
                    &self,
                    request: Request<contract::$get_request>,
                ) -> Result<Response<contract::$get_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$get_request { id, expand } = request.into_inner();
                    let message = keep::get(&self.$cases, &caller, &id, &expand).await?;
                    Ok(Response::new(contract::$get_response { $one: Some(message) }))
                }

                async fn $stats(
                    &self,
                    request: Request<contract::$stats_request>,
                ) -> Result<Response<contract::$stats_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let query = request.into_inner().query.unwrap_or_default();
                    Ok(Response::new(self.$cases.stats(&caller, &query).await?))
                }

                async fn $update(
                    &self,
                    request: Request<contract::$update_request>,
                ) -> Result<Response<contract::$update_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$update_request {
                        id,
                        $one: message,
                        update_mask: mask,
                        etag,
                    } = request.into_inner();
                    let revision = Revision {
                        id,
                        message: message.unwrap_or_default(),
                        mask,
                        etag,
                    };
                    let now = OffsetDateTime::now_utc();
                    let record = keep::update(&self.$cases, &caller, revision, now).await?;
                    Ok(Response::new(contract::$update_response {
                        $one: Some(record.into_message()),
                    }))
                }

                async fn $delete(
                    &self,
                    request: Request<contract::$delete_request>,
                ) -> Result<Response<()>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$delete_request { id, etag } = request.into_inner();
                    keep::delete(&self.$cases, &caller, &id, &etag, OffsetDateTime::now_utc()).await?;
                    Ok(Response::new(()))
                }

                async fn $restore(
                    &self,
                    request: Request<contract::$restore_request>,
                ) -> Result<Response<contract::$restore_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$restore_request { id, etag } = request.into_inner();
                    let now = OffsetDateTime::now_utc();
                    let record = keep::restore(&self.$cases, &caller, &id, &etag, now).await?;
                    Ok(Response::new(contract::$restore_response {
                        $one: Some(record.into_message()),
                    }))
                }

                async fn $assign(
                    &self,
                    request: Request<contract::$assign_request>,
                ) -> Result<Response<contract::$assign_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$assign_request { id, owner_id, etag } = request.into_inner();
                    let now = OffsetDateTime::now_utc();
                    let record =
                        keep::assign_owner(&self.$cases, &caller, &id, &owner_id, &etag, now).await?;
                    Ok(Response::new(contract::$assign_response {
                        $one: Some(record.into_message()),
                    }))
                }

                async fn $bulk(
                    &self,
                    request: Request<contract::$bulk_request>,
                ) -> Result<Response<contract::$bulk_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let action = request.into_inner().action.unwrap_or_default();
                    let cases = &self.$cases;
                    let result =
                        bulk::run(cases.db(), cases, &caller, action, OffsetDateTime::now_utc()).await?;
                    let goes_on = bulk::goes_on(&result);
                    let result = Some(result);
                    Ok(started(contract::$bulk_response { result }, goes_on))
                }

                async fn $progress(
                    &self,
                    request: Request<contract::$progress_request>,
                ) -> Result<Response<contract::$progress_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let id = &request.get_ref().id;
                    let result = bulk::progress(self.$cases.db(), &self.$cases, &caller, id).await?;
                    Ok(Response::new(contract::$progress_response {
                        result: Some(result),
                    }))
                }

                $($($more)*)?
            }
        };
    };
}
