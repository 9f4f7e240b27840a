//! Reading what was done.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::google::api::HttpBody;
use kontor_records::transfer::csv;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::Status;
use uuid::Uuid;

use super::Identity;
use crate::error::Error;
use crate::model::audit::Entry;
use crate::model::audit_query::{Field, Wanted};
use crate::store;

/// Bytes of a download that are sent together.
const PIECE: usize = 64 * 1024;
/// Bytes of what tells the page tokens of one list from those of another.
const SEAL: usize = 16;

/// A page of entries.
pub(crate) struct AuditPage {
    pub(crate) entries: Vec<Entry>,
    pub(crate) next_page_token: String,
    /// How many match, and whether that is an estimate.
    pub(crate) total: Option<(i64, bool)>,
}

impl Identity {
    /// Entries of the caller's company.
    pub(crate) async fn audit_log(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        page_size: u16,
        page_token: &str,
        include_total: bool,
    ) -> Result<AuditPage, Error> {
        let company_id = caller.company_id();
        let after = place(page_token, company_id, wanted)?;
        let mut tx = self.db.read(caller).await?;
        // One more than asked for tells whether there is a next page.
        let limit = i64::from(page_size) + 1;
        let mut entries = store::audit_query::list(&mut tx, company_id, wanted, after, limit).await?;
        let has_more = entries.len() > usize::from(page_size);
        entries.truncate(usize::from(page_size));
        let last = entries.last().filter(|_| has_more);
        let next_page_token = last
            .map(|last| token(company_id, wanted, last.at, last.id))
            .unwrap_or_default();
        let total = match include_total {
            true => Some(store::audit_query::total(&mut tx, company_id, wanted).await?),
            false => None,
        };
        Ok(AuditPage {
            entries,
            next_page_token,
            total,
        })
    }

    /// The entries as CSV: one statement, so one snapshot; a row after the other, so constant memory.
    pub(crate) async fn export_audit_log(
        &self,
        tasks: &TaskTracker,
        caller: &Caller,
        wanted: &Wanted,
        columns: Vec<Field>,
    ) -> Result<ReceiverStream<Result<HttpBody, Status>>, Error> {
        let mut tx = self.db.read(caller).await?;
        let mut query = store::audit_query::all(caller.company_id(), wanted);
        let (pieces, download) = mpsc::channel(2);
        tasks.spawn(async move {
            let mut data = Vec::with_capacity(PIECE + PIECE / 4);
            csv::record(&mut data, columns.iter().map(|column| column.word()));
            let mut rows = query.build().persistent(false).fetch(&mut *tx);
            loop {
                let row = match rows.next().await {
                    Some(Ok(row)) => store::audit_query::decode(&row),
                    Some(Err(error)) => Err(error),
                    None => break,
                };
                match row {
                    Ok(entry) => write(&mut data, &entry, &columns),
                    Err(error) => {
                        // Nobody reads it when the client has gone away.
                        let _ = pieces.send(Err(Failure::from(error).into())).await;
                        return;
                    }
                }
                if data.len() >= PIECE {
                    let full = std::mem::replace(&mut data, Vec::with_capacity(PIECE + PIECE / 4));
                    if pieces.send(Ok(csv::piece(full))).await.is_err() {
                        return;
                    }
                }
            }
            // As above.
            let _ = pieces.send(Ok(csv::piece(data))).await;
        });
        Ok(ReceiverStream::new(download))
    }
}

fn write(out: &mut Vec<u8>, entry: &Entry, columns: &[Field]) {
    for (place, column) in columns.iter().enumerate() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (value, typed_by_a_person) = match column {
            Field::At => (entry.at.format(&Rfc3339).unwrap_or_default(), false),
            Field::UserId => (entry.user_id.map(|id| id.to_string()).unwrap_or_default(), false),
            Field::UserName => (text(&entry.user_name), true),
            Field::Action => (entry.action.clone(), true),
            Field::Resource => (text(&entry.resource), true),
            Field::ResourceId => (text(&entry.resource_id), true),
            Field::ResourceName => (text(&entry.resource_name), true),
            Field::Address => (text(&entry.address), true),
            Field::Device => (text(&entry.device), true),
            Field::Fields => (entry.fields.join(";"), true),
        };
        csv::cell(out, place == 0, &value, typed_by_a_person);
    }
    csv::end(out);
}

/// A token belongs to its company, its filter and its order.
fn token(company_id: Uuid, wanted: &Wanted, at: OffsetDateTime, id: Uuid) -> String {
    let micros = at.unix_timestamp_nanos() / 1000;
    let place = [&micros.to_be_bytes()[..], id.as_bytes()].concat();
    let list = format!("{company_id} {wanted:?}");
    let seal = Sha256::digest([list.as_bytes(), &place].concat());
    BASE64_URL_SAFE_NO_PAD.encode([&seal[..SEAL], &place].concat())
}

fn place(
    page_token: &str,
    company_id: Uuid,
    wanted: &Wanted,
) -> Result<Option<(OffsetDateTime, Uuid)>, Error> {
    if page_token.is_empty() {
        return Ok(None);
    }
    let read = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(page_token).ok()?;
        let (micros, id) = bytes.get(SEAL..)?.split_at_checked(16)?;
        let micros = i128::from_be_bytes(micros.try_into().ok()?);
        let at = OffsetDateTime::from_unix_timestamp_nanos(micros.checked_mul(1000)?).ok()?;
        let id = Uuid::from_slice(id).ok()?;
        (token(company_id, wanted, at, id) == page_token).then_some((at, id))
    };
    match read() {
        Some(place) => Ok(Some(place)),
        None => Err(Failure::invalid_field(
            "page_token",
            "invalid_page_token",
            "This page token belongs to another list.",
        )
        .into()),
    }
}
