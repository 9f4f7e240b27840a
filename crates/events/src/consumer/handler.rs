//! What a service does with what it hears.

use std::{future::Future, marker::PhantomData};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use kontor_chassis::{Error, db::TenantTx};
use uuid::Uuid;

use crate::Headers;

/// Does what a message asks for.
///
/// `tx` belongs to the message's company and holds the inbox's note already; it is committed when this returns `Ok`.
/// Unavailable means later, any other error means again, up to the delivery limit.
pub trait Handle<E>: Send + Sync + 'static {
    /// Handles one message.
    fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: E,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Takes note of facts, as many at once as have come. For what only keeps up with others, where a statement for many costs
/// little more than one for one.
///
/// All of `told` are of one company, that of `tx`, which holds the inbox's notes already. When this fails, each message
/// is handled again by itself, so that a bad one takes none with it. Rows that two messages may touch are to be locked
/// in one order.
pub trait HandleTogether<E>: Send + Sync + 'static {
    /// Handles messages, at least one.
    fn handle_together(
        &self,
        tx: &mut TenantTx,
        company: Uuid,
        told: Vec<(Delivery, E)>,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What is known of a message beside its content.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// Its full protobuf name.
    pub kind: String,
    /// What travelled beside it.
    pub headers: Headers,
}

impl Delivery {
    /// The tenant.
    ///
    /// # Errors
    /// Invalid for a message that belongs to none, where one is needed.
    pub fn company(&self) -> Result<Uuid, Error> {
        self.headers
            .company
            .ok_or_else(|| Error::invalid("no_company", "The message belongs to no company."))
    }
}

/// Why a message was not handled.
pub(super) enum Failure {
    Undecodable,
    Handler(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Handler(error)
    }
}

/// A handler of any type of message.
pub(super) trait Erased: Send + Sync {
    /// Handles messages of its type and of one company, at least one.
    fn call<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        told: Vec<(Delivery, Bytes)>,
    ) -> BoxFuture<'a, Result<(), Failure>>;
}

/// Handles one after the other.
pub(super) struct Each<E, H> {
    handler: H,
    event: PhantomData<fn() -> E>,
}

/// Handles all at once.
pub(super) struct Together<E, H> {
    handler: H,
    event: PhantomData<fn() -> E>,
}

impl<E, H> Each<E, H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler,
            event: PhantomData,
        }
    }
}

impl<E, H> Together<E, H> {
    pub(super) fn new(handler: H) -> Self {
        Self {
            handler,
            event: PhantomData,
        }
    }
}

fn decode<E: prost::Message + Default>(payload: Bytes) -> Result<E, Failure> {
    E::decode(payload).map_err(|_| Failure::Undecodable)
}

impl<E: prost::Message + Default, H: Handle<E>> Erased for Each<E, H> {
    fn call<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        told: Vec<(Delivery, Bytes)>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            for (delivery, payload) in told {
                self.handler.handle(tx, &delivery, decode(payload)?).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

impl<E: prost::Message + Default, H: HandleTogether<E>> Erased for Together<E, H> {
    fn call<'a>(
        &'a self,
        tx: &'a mut TenantTx,
        told: Vec<(Delivery, Bytes)>,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let Some((first, _)) = told.first() else {
                return Ok(());
            };
            let company = first.company()?;
            let decoded = told
                .into_iter()
                .map(|(delivery, payload)| Ok((delivery, decode(payload)?)));
            let told = decoded.collect::<Result<Vec<_>, Failure>>()?;
            Ok(self.handler.handle_together(tx, company, told).await?)
        }
        .boxed()
    }
}
