//! `multipart/form-data` with `file` and `options`.
//!
//! The service needs the options before the file. When the file comes first, its beginning waits in memory for the end
//! of the form; a file too long for that goes on with the options of the query alone, and options behind it are refused.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use kontor_chassis::Error;
use multer::{Field, Multipart};

use super::{Failure, Pump, read_options};
use crate::gateway::Gateway;
use crate::problem;
use crate::wire::put_bytes;

/// So much of a file waits for options that may come behind it.
const PATIENT: usize = 4 << 20;
/// Options are at most this long.
const LARGEST_OPTIONS: usize = 256 << 10;

/// Reads the form and passes its file on.
pub(super) async fn pump(
    mut pump: Pump,
    gateway: &Gateway,
    mut options: Vec<u8>,
    boundary: String,
    body: Incoming,
) -> Result<(), Failure> {
    let mut form = Multipart::new(BodyDataStream::new(body), boundary);
    let mut file = File::Awaited;
    loop {
        let mut field = match pump.next(form.next_field()).await? {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(error) => return pump.fail(broken(&error)).await,
        };
        match (field.name(), &file) {
            (Some("options"), File::Sent) => {
                let detail = "The part options must stand before the part file when the file is long.";
                return pump.fail(Error::invalid("options_after_file", detail)).await;
            }
            (Some("options"), _) => {
                let text = whole(&mut pump, &mut field).await?;
                match read_options(gateway, pump.plan, &mut options, &text) {
                    Ok(faults) if faults.is_empty() => {}
                    Ok(faults) => return pump.give_up(Failure::Options(faults, options)).await,
                    Err(error) => return pump.fail(error).await,
                }
            }
            (Some("file"), File::Awaited) => {
                if let Some(name) = field.file_name().filter(|name| !name.contains('\0')) {
                    name_file(gateway, &pump, &mut options, name);
                }
                file = match take(&mut pump, &options, &mut field).await? {
                    Some(waiting) => File::Waiting(waiting),
                    None => File::Sent,
                };
            }
            (name, _) => {
                let name: String = name
                    .unwrap_or_default()
                    .chars()
                    .filter(|letter| !letter.is_control())
                    .take(100)
                    .collect();
                let error =
                    Error::invalid_field(name, "unknown_field", "a form has one file and one options");
                return pump.fail(error).await;
            }
        }
    }
    match file {
        File::Awaited => {
            pump.fail(Error::invalid_field("file", "required", "is required"))
                .await
        }
        File::Waiting(data) => {
            pump.options(&options).await?;
            pump.data(data).await?;
            pump.flush().await
        }
        File::Sent => pump.flush().await,
    }
}

enum File {
    Awaited,
    Waiting(Bytes),
    Sent,
}

/// Takes the file: waiting as long as it is short, sent when it is long.
async fn take(pump: &mut Pump, options: &[u8], field: &mut Field<'_>) -> Result<Option<Bytes>, Failure> {
    let mut waiting = BytesMut::new();
    let mut sending = false;
    loop {
        match pump.next(field.chunk()).await? {
            Ok(Some(chunk)) if sending => pump.data(chunk).await?,
            Ok(Some(chunk)) if waiting.len() + chunk.len() > PATIENT => {
                pump.options(options).await?;
                pump.data(waiting.split().freeze()).await?;
                pump.data(chunk).await?;
                sending = true;
            }
            Ok(Some(chunk)) => waiting.extend_from_slice(&chunk),
            Ok(None) => return Ok((!sending).then(|| waiting.freeze())),
            Err(error) => return pump.fail(broken(&error)).await,
        }
    }
}

async fn whole(pump: &mut Pump, field: &mut Field<'_>) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    loop {
        match pump.next(field.chunk()).await? {
            Ok(Some(chunk)) if text.len() + chunk.len() > LARGEST_OPTIONS => {
                return pump.fail(problem::too_large(LARGEST_OPTIONS as u64)).await;
            }
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) => return Ok(text),
            Err(error) => return pump.fail(broken(&error)).await,
        }
    }
}

/// The name of the file, for lists; options that come later may say another.
fn name_file(gateway: &Gateway, pump: &Pump, options: &mut Vec<u8>, name: &str) {
    if let Some(field) = gateway.plans.message(pump.plan.message).named("file_name") {
        let name: String = name.chars().take(255).collect();
        put_bytes(options, field.number, name.as_bytes());
    }
}

fn broken(error: &multer::Error) -> Error {
    match error {
        multer::Error::IncompleteStream
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::StreamReadFailed(_) => problem::broken_body(),
        _ => Error::invalid(
            "malformed_form",
            "The body is not a form of the boundary that is named.",
        ),
    }
}
