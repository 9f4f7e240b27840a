//! Decode, one call, encode.

mod conversion;
mod history;
mod lead;
mod scoring;
mod setup;
mod territory;
mod transfer;

use kontor_records::transfer::Imports;
use time::OffsetDateTime;
use tonic::{Response, Status};

use crate::service::Leads;

type Answer<T> = Result<Response<T>, Status>;

/// The rpcs of leads.
#[derive(Clone)]
pub struct Grpc {
    leads: Leads,
    imports: Imports<Leads>,
}

impl Grpc {
    /// Over these use-cases.
    #[must_use]
    pub fn new(leads: Leads, imports: Imports<Leads>) -> Self {
        Self { leads, imports }
    }
}

/// The time at which a request is handled: here it enters the use-cases.
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
