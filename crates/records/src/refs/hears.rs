//! What a service hears of the records that its own refer to. Given to its consumer.

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Delivery, Handle, HandleTogether};
use kontor_proto::identity::v1::MembersChanged;
use kontor_proto::records::v1::RecordChange;
use uuid::Uuid;

use crate::implied::MEMBER;

/// Takes over what identity tells of the members of the company.
#[derive(Clone, Copy, Debug)]
pub struct Members;

impl Handle<MembersChanged> for Members {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: MembersChanged,
    ) -> Result<(), Error> {
        super::apply(tx, delivery.company()?, MEMBER, &event.changes).await
    }
}

/// Takes over what the owner of a kind tells of its records, which a function reads out of the event.
#[derive(Clone, Copy, Debug)]
pub struct Names<F>(pub &'static str, pub F);

impl<E, F> HandleTogether<E> for Names<F>
where
    E: Send + 'static,
    F: Fn(E) -> Vec<RecordChange> + Send + Sync + 'static,
{
    async fn handle_together(
        &self,
        tx: &mut TenantTx,
        company: Uuid,
        told: Vec<(Delivery, E)>,
    ) -> Result<(), Error> {
        let Self(kind, changes) = self;
        let changes: Vec<_> = told.into_iter().flat_map(|(_, event)| changes(event)).collect();
        super::apply(tx, company, kind, &changes).await
    }
}
