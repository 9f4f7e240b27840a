//! The progress of a job as server-sent events.

use std::time::Duration;

use kontor_chassis::Caller;
use kontor_proto::google::api::HttpBody;
use kontor_proto::records::v1::{BulkFailure, ImportError, ImportJob, ImportUndo};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tonic::Status;
use uuid::Uuid;

use super::importer::Importer;
use super::imports::Imports;

/// How often the job is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// After so many looks without news a comment is sent, so that nobody in between takes the silence for the end.
const SILENT: u32 = 30;

/// Sends the job at once and whenever it has changed, until it has ended or nobody listens.
pub(super) async fn send<I: Importer>(
    imports: &Imports<I>,
    caller: &Caller,
    mut job: ImportJob,
    events: mpsc::Sender<Result<HttpBody, Status>>,
) {
    let Ok(id) = job.id.parse::<Uuid>() else { return };
    let mut told: Option<ImportJob> = None;
    let mut silent = 0;
    loop {
        let ended = job.finished_at.is_some();
        let news = if told.as_ref() != Some(&job) {
            Some(event("progress", &job))
        } else if silent >= SILENT {
            Some(piece(":\n\n".to_owned()))
        } else {
            None
        };
        silent += 1;
        if let Some(news) = news {
            silent = 0;
            if events.send(Ok(news)).await.is_err() {
                return;
            }
        }
        if ended {
            // Nobody reads it when the client has gone away.
            let _ = events.send(Ok(event("done", &job))).await;
            return;
        }
        told = Some(job);
        let gone = tokio::time::timeout(LOOK, events.closed()).await;
        if gone.is_ok() {
            return;
        }
        job = match imports.get(caller, id).await {
            Ok(job) => job,
            Err(error) => {
                // Nobody reads it when the client has gone away.
                let _ = events.send(Err(error.into())).await;
                return;
            }
        };
    }
}

fn event(name: &str, job: &ImportJob) -> HttpBody {
    piece(format!("event: {name}\ndata: {}\n\n", job_json(job)))
}

fn piece(text: String) -> HttpBody {
    HttpBody {
        content_type: "text/event-stream".to_owned(),
        data: text.into_bytes().into(),
        extensions: Vec::new(),
    }
}

/// The job as the gateway writes it in the answer of any other route.
fn job_json(job: &ImportJob) -> Json {
    let ImportJob {
        id,
        state: _,
        total_rows,
        created,
        updated,
        skipped,
        failed,
        mapping,
        unmapped_columns,
        errors,
        started_at,
        finished_at,
        failure,
        file_name,
        dry_run,
        undo,
    } = job;
    let state = job.state().as_str_name().trim_start_matches("IMPORT_STATE_");
    json!({
        "id": id,
        "state": state.to_lowercase(),
        "total_rows": total_rows,
        "created": created,
        "updated": updated,
        "skipped": skipped,
        "failed": failed,
        "mapping": mapping,
        "unmapped_columns": unmapped_columns,
        "errors": errors.iter().map(error_json).collect::<Vec<_>>(),
        "started_at": started_at.as_ref().map(ToString::to_string),
        "finished_at": finished_at.as_ref().map(ToString::to_string),
        "failure": failure,
        "file_name": file_name,
        "dry_run": dry_run,
        "undo": undo.as_ref().map(undo_json),
    })
}

fn error_json(error: &ImportError) -> Json {
    let ImportError {
        row,
        column,
        value,
        code,
        message,
    } = error;
    json!({"row": row, "column": column, "value": value, "code": code, "message": message})
}

fn undo_json(undo: &ImportUndo) -> Json {
    let ImportUndo {
        deleted,
        restored,
        kept,
        failures,
    } = undo;
    let failure = |failure: &BulkFailure| {
        let BulkFailure { id, code, message } = failure;
        json!({"id": id, "code": code, "message": message})
    };
    let failures: Vec<Json> = failures.iter().map(failure).collect();
    json!({"deleted": deleted, "restored": restored, "kept": kept, "failures": failures})
}
