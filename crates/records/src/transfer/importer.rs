//! What a service says of records that come, change or go many at a time.

use std::future::Future;

use kontor_chassis::error::{Error, FieldErrors};
use kontor_chassis::{Caller, TenantTx};
use time::OffsetDateTime;

use crate::record::Record;

/// A record of a row, on its way into the table.
#[derive(Debug)]
pub struct Candidate<R> {
    /// The record; valid by itself.
    pub record: R,
    /// The record as it is, when the row changes one that is there.
    pub before: Option<R>,
    /// The row says whose it is; else its owner is whoever imports it, or whom the service chooses.
    pub owner_given: bool,
    /// What the service finds wrong with it, at the path of the field. With an error it is refused.
    pub errors: FieldErrors,
}

impl<R> Candidate<R> {
    /// A new record.
    #[must_use]
    pub const fn new(record: R, owner_given: bool) -> Self {
        Self {
            record,
            before: None,
            owner_given,
            errors: FieldErrors::new(),
        }
    }

    /// A record that is there, as it is to be.
    #[must_use]
    pub const fn of(before: R, record: R, owner_given: bool) -> Self {
        Self {
            record,
            before: Some(before),
            owner_given,
            errors: FieldErrors::new(),
        }
    }
}

/// A service's part of an import.
pub trait Importer: Clone + Send + Sync + 'static {
    /// What rows become.
    type Record: Record;

    /// The currency of amounts that come without one: the company's.
    ///
    /// # Errors
    /// When it can't be found out.
    fn currency(&self, caller: &Caller) -> impl Future<Output = Result<String, Error>> + Send;

    /// Takes what must be held before the records of a batch are locked, so that it and others who lock them don't wait for
    /// one another.
    ///
    /// # Errors
    /// As the database fails.
    fn hold_many(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (tx, caller);
        std::future::ready(Ok(()))
    }

    /// Completes a batch of valid records before they are kept: looks references up, derives fields, scores. Called with at
    /// most 1,000 at a time.
    ///
    /// # Errors
    /// When nothing can be said of the batch, for example because the database is down; the import then fails.
    fn complete(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        now: OffsetDateTime,
        batch: &mut [Candidate<Self::Record>],
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a record may be deleted, as its state stands: any, unless the service says otherwise.
    ///
    /// # Errors
    /// Why not.
    fn may_delete(&self, record: &Self::Record) -> Result<(), Error> {
        let _ = record;
        Ok(())
    }
}
