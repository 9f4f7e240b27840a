//! The members of the company, as identity tells of them.

use kontor_chassis::{Error, TenantTx};
use kontor_events::{Delivery, Handle};
use kontor_proto::identity::v1::MembersChanged;

use crate::implied::MEMBER;

/// Takes over what is told of members. To be given to the service's consumer.
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
