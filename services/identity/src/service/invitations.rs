//! Inviting people, and taking that back.

use kontor_chassis::{Caller, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, person_of};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::fields::Reader;
use crate::model::invitation::{Invitation, LIFE};
use crate::model::letter::Letter;
use crate::model::throttle::{Action, Attempt};
use crate::store;

impl Identity {
    /// Invites by mail. The same answer whether anybody has the address.
    pub(crate) async fn invite(
        &self,
        caller: &Caller,
        email: &str,
        role: &str,
        now: OffsetDateTime,
    ) -> Result<Invitation, Error> {
        let (user_id, company_id) = (person_of(caller)?, caller.company_id());
        // Before a connection is held: nobody who holds one waits for another.
        let attempt = Attempt::new(Action::Invite, &user_id.to_string(), None);
        self.attempt(&attempt, now).await?;
        let mut tx = self.db.begin(caller).await?;
        let inviter = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        if inviter.email_verified_at.is_none() {
            return Err(Error::EmailNotVerified);
        }
        let mut reader = Reader::default();
        let address = reader.email("email", email);
        reader.present("role", role);
        reader.finish()?;
        let address =
            address.ok_or_else(|| Failure::invalid_field("email", "invalid_email", "No address."))?;
        let role = store::members::role(&mut tx, company_id, role)
            .await?
            .ok_or_else(|| Failure::unknown_reference("role"))?;
        if store::members::is_there(&mut tx, company_id, &address).await? {
            return Err(Error::AlreadyMember);
        }
        let invitation = Invitation {
            id: Uuid::now_v7(),
            company_id,
            email: address.as_str().to_owned(),
            role_id: role.id,
            role: role.name,
            invited_by: user_id,
            created_at: now,
            expires_at: now + LIFE,
        };
        store::invitations::replace(&mut tx, &invitation, &address).await?;
        let letter = Letter::Invitation {
            company_id,
            id: invitation.id,
        };
        store::mails::put(&mut tx, address.as_str(), &letter, now).await?;
        let deed = Deed::on("invitation", "created", invitation.id, address.as_str());
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(invitation)
    }

    /// Takes an invitation back: its link is of no use any more.
    pub(crate) async fn withdraw_invitation(
        &self,
        caller: &Caller,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin(caller).await?;
        if !store::invitations::delete(&mut tx, caller.company_id(), id).await? {
            return Err(Error::NotFound("invitation"));
        }
        let deed = Deed::on("invitation", "deleted", id, "");
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        Ok(tx.commit().await?)
    }

    /// The invitations of the caller's company that were not accepted yet, newest first unless ordered otherwise.
    pub(crate) async fn invitations(
        &self,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<Page<Invitation>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::invitations::list(&mut tx, caller, query).await?)
    }
}
