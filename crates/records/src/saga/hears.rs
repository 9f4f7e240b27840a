//! What a service that takes part in sagas hears. Given to its consumer.

use std::marker::PhantomData;

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Delivery, Handle};
use time::OffsetDateTime;

use super::Participant;

/// Does the steps that are asked for, read by a function as a [`Participant`].
#[derive(Clone, Copy, Debug)]
pub struct Steps<F>(pub F);

impl<E, F, P> Handle<E> for Steps<F>
where
    E: Send + 'static,
    F: Fn(E) -> P + Send + Sync + 'static,
    P: Participant + Send,
{
    async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: E) -> Result<(), Error> {
        let (company, part) = (delivery.company()?, (self.0)(event));
        super::step(tx, company, &part, OffsetDateTime::now_utc()).await
    }
}

/// Takes back the steps of the sagas that a function reads out of what is heard.
pub struct Undo<P, F> {
    saga: F,
    part: PhantomData<fn() -> P>,
}

impl<P, F> Undo<P, F> {
    /// Of this saga.
    #[must_use]
    pub const fn of(saga: F) -> Self {
        Self {
            saga,
            part: PhantomData,
        }
    }
}

impl<E, F, P> Handle<E> for Undo<P, F>
where
    E: Send + 'static,
    F: Fn(E) -> String + Send + Sync + 'static,
    P: Participant + 'static,
{
    async fn handle(&self, tx: &mut TenantTx, delivery: &Delivery, event: E) -> Result<(), Error> {
        let (company, saga) = (delivery.company()?, (self.saga)(event));
        super::undo::<P>(tx, company, &saga, OffsetDateTime::now_utc()).await
    }
}
