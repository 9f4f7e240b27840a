//! The rpcs of what records were and whether one is two, the same for every kind of record but for their names.

/// Implements a service's rpcs of history, duplicates and merges over the [`Keeper`](crate::keep::Keeper) in a field of
/// the type. What else the service has stands after the list.
///
/// ```ignore
/// history_rpcs! {
///     impl NoteHistoryService for Grpc(notes), of kontor_proto::notes::v1, as note;
///     list_note_history: ListNoteHistoryRequest -> ListNoteHistoryResponse,
///     list_note_duplicates: ListNoteDuplicatesRequest -> ListNoteDuplicatesResponse,
///     dismiss_note_duplicates: DismissNoteDuplicatesRequest,
///     merge_note: MergeNoteRequest -> MergeNoteResponse,
///     unmerge_note: UnmergeNoteRequest -> UnmergeNoteResponse,
///     list_note_merges: ListNoteMergesRequest -> ListNoteMergesResponse,
/// }
/// ```
#[macro_export]
macro_rules! history_rpcs {
    (
        impl $service:ident for $grpc:ident($cases:ident), of $contract:path, as $one:ident;
        $history:ident : $history_request:ident -> $history_response:ident,
        $duplicates:ident : $duplicates_request:ident -> $duplicates_response:ident,
        $dismiss:ident : $dismiss_request:ident,
        $merge:ident : $merge_request:ident -> $merge_response:ident,
        $unmerge:ident : $unmerge_request:ident -> $unmerge_response:ident,
        $merges:ident : $merges_request:ident -> $merges_response:ident $(,)?
        $(; $($more:tt)*)?
    ) => {
        const _: () = {
            use $contract as contract;
            use $crate::export::tonic::{self, Request, Response, Status};
            use $crate::export::{Caller, OffsetDateTime};
            use $crate::keep::{self, Keeper};
            use $crate::merge::{Merged, Unmerged, Wish};
            use $crate::{Record, duplicates, history};

            #[tonic::async_trait]
            impl $service for $grpc {
                async fn $history(
                    &self,
                    request: Request<contract::$history_request>,
                ) -> Result<Response<contract::$history_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$history_request {
                        id,
                        page_size,
                        page_token,
                    } = request.into_inner();
                    let history::Page {
                        changes,
                        next_page_token,
                    } = keep::history(&self.$cases, &caller, &id, page_size, &page_token).await?;
                    Ok(Response::new(contract::$history_response {
                        changes,
                        next_page_token,
                    }))
                }

                async fn $duplicates(
                    &self,
                    request: Request<contract::$duplicates_request>,
                ) -> Result<Response<contract::$duplicates_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$duplicates_request {
                        page_size,
                        page_token,
                    } = request.into_inner();
                    let found = self.$cases.duplicates();
                    let duplicates::Page {
                        groups,
                        next_page_token,
                    } = found.list(&caller, page_size, &page_token).await?;
                    Ok(Response::new(contract::$duplicates_response {
                        groups,
                        next_page_token,
                    }))
                }

                async fn $dismiss(
                    &self,
                    request: Request<contract::$dismiss_request>,
                ) -> Result<Response<()>, Status> {
                    let caller = Caller::of(&request)?;
                    let found = self.$cases.duplicates();
                    found.dismiss(&caller, &request.get_ref().ids).await?;
                    Ok(Response::new(()))
                }

                async fn $merge(
                    &self,
                    request: Request<contract::$merge_request>,
                ) -> Result<Response<contract::$merge_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$merge_request {
                        id,
                        source_ids,
                        fields,
                        dry_run,
                        etag,
                    } = request.into_inner();
                    let wish = Wish {
                        id,
                        source_ids,
                        fields,
                        dry_run,
                        etag,
                    };
                    let merges = self.$cases.merges();
                    let Merged { merge_id, record } =
                        merges.merge(&caller, &wish, OffsetDateTime::now_utc()).await?;
                    Ok(Response::new(contract::$merge_response {
                        merge_id: merge_id.map(|id| id.to_string()).unwrap_or_default(),
                        $one: Some(record.into_message()),
                    }))
                }

                async fn $unmerge(
                    &self,
                    request: Request<contract::$unmerge_request>,
                ) -> Result<Response<contract::$unmerge_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$unmerge_request { id, merge_id } = request.into_inner();
                    let merges = self.$cases.merges();
                    // In a box: it holds several whole records.
                    let unmerged = merges.unmerge(&caller, &id, &merge_id, OffsetDateTime::now_utc());
                    let Unmerged {
                        record,
                        restored,
                        lost,
                    } = Box::pin(unmerged).await?;
                    Ok(Response::new(contract::$unmerge_response {
                        $one: Some(record.into_message()),
                        restored: restored.into_iter().map(Record::into_message).collect(),
                        lost,
                    }))
                }

                async fn $merges(
                    &self,
                    request: Request<contract::$merges_request>,
                ) -> Result<Response<contract::$merges_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let merges = self.$cases.merges();
                    let merges = merges.list(&caller, &request.get_ref().id).await?;
                    Ok(Response::new(contract::$merges_response { merges }))
                }

                $($($more)*)?
            }
        };
    };
}
