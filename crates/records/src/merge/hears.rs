//! What a service hears of merges of the records that its own refer to. Given to its consumer.

use std::marker::PhantomData;

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Delivery, Handle};
use kontor_proto::records::v1::Merging;
use time::OffsetDateTime;

use super::follow::follow;
use super::settle::Settle;

/// Lets the records of a kind [`follow`] the merges that a function reads out of what is heard.
pub struct Follow<R, F> {
    referred: &'static str,
    merging: F,
    kind: PhantomData<fn() -> R>,
}

impl<R, F> Follow<R, F> {
    /// Of records of `referred`.
    #[must_use]
    pub const fn of(referred: &'static str, merging: F) -> Self {
        Self {
            referred,
            merging,
            kind: PhantomData,
        }
    }
}

impl<E, F, R> Handle<E> for Follow<R, F>
where
    E: Send + 'static,
    F: Fn(E) -> Option<Merging> + Send + Sync + 'static,
    R: Settle,
{
    async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: E) -> Result<(), Error> {
        let (company, merging) = (delivery.company()?, (self.merging)(event).unwrap_or_default());
        follow::<R>(tx, company, self.referred, &merging, OffsetDateTime::now_utc()).await
    }
}
