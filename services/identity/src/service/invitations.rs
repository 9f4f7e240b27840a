//! Inviting people, and taking that back.

use kontor_chassis::{Caller, Error as Failure};
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

/// A page of invitations, newest first.
pub(crate) struct InvitationPage {
    pub(crate) invitations: Vec<Invitation>,
    pub(crate) next_page_token: String,
}

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

    /// The invitations of the caller's company that were not accepted yet.
    pub(crate) async fn invitations(
        &self,
        caller: &Caller,
        page_size: u16,
        page_token: &str,
    ) -> Result<InvitationPage, Error> {
        let company_id = caller.company_id();
        let before = place(company_id, page_token)?;
        let mut tx = self.db.read(caller).await?;
        // One more than asked for tells whether there is a next page.
        let mut invitations =
            store::invitations::list(&mut tx, company_id, before, i64::from(page_size) + 1).await?;
        let has_more = invitations.len() > usize::from(page_size);
        invitations.truncate(usize::from(page_size));
        let next_page_token = match invitations.last().filter(|_| has_more) {
            Some(last) => format!("{}{}", company_id.simple(), last.id.simple()),
            None => String::new(),
        };
        Ok(InvitationPage {
            invitations,
            next_page_token,
        })
    }
}

/// A token is the company and the last invitation of the page before.
fn place(company_id: Uuid, token: &str) -> Result<Option<Uuid>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let last = token
        .strip_prefix(&company_id.simple().to_string())
        .and_then(|rest| Uuid::try_parse(rest).ok());
    last.map(Some).ok_or_else(|| {
        let message = "This page token belongs to another list.";
        Failure::invalid_field("page_token", "invalid_page_token", message).into()
    })
}
