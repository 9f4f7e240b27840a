//! The rpcs of imports and exports, the same for every kind of record but for their names.

use futures_util::StreamExt as _;
use kontor_chassis::error::Error;
use tonic::metadata::MetadataValue;
use tonic::{Response, Status, Streaming};

use super::imports::RUNNING_STATUS;
use super::upload::{Part, Parts};

/// The pieces of a request's stream.
#[doc(hidden)]
pub fn parts<M: Send + 'static>(
    messages: Streaming<M>,
    part: impl Fn(M) -> Result<Part, Status> + Send + 'static,
) -> Parts {
    Box::pin(messages.map(move |message| part(message?)))
}

/// A message that is neither.
#[doc(hidden)]
#[must_use]
pub fn no_part() -> Status {
    Error::invalid("empty_piece", "A piece holds neither options nor data.").into()
}

/// An answer of a job, which is `202` over HTTP while it goes on.
#[doc(hidden)]
#[must_use]
pub fn started<M>(message: M, running: bool) -> Response<M> {
    let mut response = Response::new(message);
    if running {
        let (key, value) = RUNNING_STATUS;
        response
            .metadata_mut()
            .insert(key, MetadataValue::from_static(value));
    }
    response
}

/// Implements a service's rpcs of imports and exports over its [`Imports`](crate::transfer::Imports), which stand in the
/// field `imports` of the type.
///
/// ```ignore
/// transfer_rpcs! {
///     impl NoteTransferService for Grpc, of kontor_proto::notes::v1;
///     import_notes: ImportNotesRequest(import_notes_request) -> ImportNotesResponse,
///     preview_note_import: PreviewNoteImportRequest(preview_note_import_request) -> PreviewNoteImportResponse,
///     list_note_imports: ListNoteImportsRequest -> ListNoteImportsResponse,
///     get_note_import: GetNoteImportRequest -> GetNoteImportResponse,
///     watch_note_import: WatchNoteImportRequest,
///     download_note_import_errors: DownloadNoteImportErrorsRequest,
///     cancel_note_import: CancelNoteImportRequest -> CancelNoteImportResponse,
///     undo_note_import: UndoNoteImportRequest -> UndoNoteImportResponse,
///     export_notes: ExportNotesRequest,
/// }
/// ```
#[macro_export]
macro_rules! transfer_rpcs {
    (
        impl $service:ident for $grpc:ty, of $contract:path;
        $import:ident : $import_request:ident($import_part:ident) -> $import_response:ident,
        $preview:ident : $preview_request:ident($preview_part:ident) -> $preview_response:ident,
        $list:ident : $list_request:ident -> $list_response:ident,
        $get:ident : $get_request:ident -> $get_response:ident,
        $watch:ident : $watch_request:ident,
        $errors:ident : $errors_request:ident,
        $cancel:ident : $cancel_request:ident -> $cancel_response:ident,
        $undo:ident : $undo_request:ident -> $undo_response:ident,
        $export:ident : $export_request:ident $(,)?
    ) => {
        const _: () = {
            use $contract as contract;
            use $crate::export::tonic::{self, Request, Response, Status, Streaming, codegen::BoxStream};
            use $crate::export::{Caller, HttpBody};
            use $crate::transfer::{Imported, Part, Parts, no_part, started};
            use $crate::write::parse_id;

            #[tonic::async_trait]
            impl $service for $grpc {
                async fn $import(
                    &self,
                    request: Request<Streaming<contract::$import_request>>,
                ) -> Result<Response<contract::$import_response>, Status> {
                    use contract::$import_part as piece;
                    let caller = Caller::of(&request)?;
                    let parts: Parts =
                        $crate::transfer::parts(request.into_inner(), |message| match message.part {
                            Some(piece::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
                            Some(piece::Part::Data(data)) => Ok(Part::Data(data)),
                            None => Err(no_part()),
                        });
                    let Imported { job, running } = self.imports.run(&caller, parts).await?;
                    Ok(started(
                        contract::$import_response { job: Some(job) },
                        running,
                    ))
                }

                async fn $preview(
                    &self,
                    request: Request<Streaming<contract::$preview_request>>,
                ) -> Result<Response<contract::$preview_response>, Status> {
                    use contract::$preview_part as piece;
                    let caller = Caller::of(&request)?;
                    let parts: Parts =
                        $crate::transfer::parts(request.into_inner(), |message| match message.part {
                            Some(piece::Part::Options(options)) => Ok(Part::Options(Box::new(options))),
                            Some(piece::Part::Data(data)) => Ok(Part::Data(data)),
                            None => Err(no_part()),
                        });
                    let preview = self.imports.preview(&caller, parts).await?;
                    Ok(Response::new(contract::$preview_response {
                        preview: Some(preview),
                    }))
                }

                async fn $list(
                    &self,
                    request: Request<contract::$list_request>,
                ) -> Result<Response<contract::$list_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$list_request {
                        page_size,
                        page_token,
                    } = request.into_inner();
                    let (imports, next_page_token) =
                        self.imports.list(&caller, page_size, &page_token).await?;
                    Ok(Response::new(contract::$list_response {
                        imports,
                        next_page_token,
                    }))
                }

                async fn $get(
                    &self,
                    request: Request<contract::$get_request>,
                ) -> Result<Response<contract::$get_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let job = self
                        .imports
                        .get(&caller, parse_id(&request.get_ref().id)?)
                        .await?;
                    Ok(Response::new(contract::$get_response { job: Some(job) }))
                }

                async fn $watch(
                    &self,
                    request: Request<contract::$watch_request>,
                ) -> Result<Response<BoxStream<HttpBody>>, Status> {
                    let caller = Caller::of(&request)?;
                    let events = self
                        .imports
                        .watch(&caller, parse_id(&request.get_ref().id)?)
                        .await?;
                    Ok(Response::new(Box::pin(events)))
                }

                async fn $errors(
                    &self,
                    request: Request<contract::$errors_request>,
                ) -> Result<Response<BoxStream<HttpBody>>, Status> {
                    let caller = Caller::of(&request)?;
                    let download = self
                        .imports
                        .errors(&caller, parse_id(&request.get_ref().id)?)
                        .await?;
                    Ok(Response::new(Box::pin(download)))
                }

                async fn $cancel(
                    &self,
                    request: Request<contract::$cancel_request>,
                ) -> Result<Response<contract::$cancel_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let job = self
                        .imports
                        .cancel(&caller, parse_id(&request.get_ref().id)?)
                        .await?;
                    Ok(Response::new(contract::$cancel_response { job: Some(job) }))
                }

                async fn $undo(
                    &self,
                    request: Request<contract::$undo_request>,
                ) -> Result<Response<contract::$undo_response>, Status> {
                    let caller = Caller::of(&request)?;
                    let id = parse_id(&request.get_ref().id)?;
                    let Imported { job, running } = self.imports.undo(&caller, id).await?;
                    Ok(started(
                        contract::$undo_response { job: Some(job) },
                        running,
                    ))
                }

                async fn $export(
                    &self,
                    request: Request<contract::$export_request>,
                ) -> Result<Response<BoxStream<HttpBody>>, Status> {
                    let caller = Caller::of(&request)?;
                    let contract::$export_request { query, columns } = request.into_inner();
                    let query = query.unwrap_or_default();
                    let download = self.imports.export(&caller, &query, &columns).await?;
                    Ok(Response::new(Box::pin(download)))
                }
            }
        };
    };
}
