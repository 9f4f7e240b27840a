//! Joining a company by the link of an invitation.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, SignedIn, as_founder, own_session};
use crate::error::Error;
use crate::events::{self, MemberChange};
use crate::model::audit::{Deed, Doer};
use crate::model::company::Company;
use crate::model::email::Email;
use crate::model::fields::Reader;
use crate::model::invitation::Invitation;
use crate::model::password::Identity as Named;
use crate::model::person::{LONGEST_NAME, Person};
use crate::model::session::{Origin, Session};
use crate::secret::Secret;
use crate::store;

/// What a person sends who joins: the token alone when signed in, a name and a password when new.
pub(crate) struct Acceptance {
    pub(crate) token: String,
    pub(crate) password: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

/// Who joins.
enum Joiner {
    /// Somebody who is signed in.
    Known(Person),
    /// Somebody new, with the hash of the password.
    New(Box<Person>, Email, String),
}

impl Identity {
    /// Joins the company of the link and signs in to it. The link is good for the one it was sent to, once.
    pub(crate) async fn accept_invitation(
        &self,
        caller: Option<&Caller>,
        acceptance: Acceptance,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let secret = Secret::parse(&acceptance.token).ok_or(Error::InvalidMailToken)?;
        let hash = secret.hash();
        if let Some(caller) = caller {
            let mut tx = self.db.read(caller).await?;
            own_session(&mut tx, caller).await?;
        }
        let (invitation, company, taken_by) = self.invited(&hash, now).await?;
        let joiner = match (caller.and_then(Caller::user_id), taken_by) {
            (Some(user_id), Some(person)) if person.id == user_id => Joiner::Known(person),
            // The link was sent to another address than the caller's.
            (Some(_), _) => return Err(Error::OtherRecipient),
            (None, Some(_)) => return Err(Error::SignInFirst),
            (None, None) => self.newcomer(acceptance, &invitation, &company, now).await?,
        };
        self.join(&hash, &invitation, company, joiner, origin, now).await
    }

    /// The invitation behind a link, its company, and who has its address.
    async fn invited(
        &self,
        hash: &[u8],
        now: OffsetDateTime,
    ) -> Result<(Invitation, Company, Option<Person>), Error> {
        let mut tx = self.db.unscoped().await?;
        let link = store::tokens::invitation(&mut tx, hash, now).await?;
        let (company_id, id) = link.ok_or(Error::InvalidMailToken)?;
        store::companies::enter(&mut tx, company_id).await?;
        let invitation = store::invitations::get(&mut tx, company_id, id).await?;
        let invitation = invitation
            .filter(|invitation| invitation.is_open(now))
            .ok_or(Error::InvalidMailToken)?;
        let company = store::companies::get(&mut tx, company_id)
            .await?
            .ok_or(Error::InvalidMailToken)?;
        let email = Email::parse(&invitation.email).ok_or(Error::InvalidMailToken)?;
        let person = store::people::by_email(&mut tx, &email).await?;
        Ok((invitation, company, person))
    }

    /// Reads what a new person filled in, every bad field named.
    async fn newcomer(
        &self,
        acceptance: Acceptance,
        invitation: &Invitation,
        company: &Company,
        now: OffsetDateTime,
    ) -> Result<Joiner, Error> {
        let Acceptance {
            token: _,
            password,
            first_name,
            last_name,
        } = acceptance;
        let email = Email::parse(&invitation.email).ok_or(Error::InvalidMailToken)?;
        let password = password.unwrap_or_default();
        let (first, last) = (first_name.unwrap_or_default(), last_name.unwrap_or_default());
        let mut reader = Reader::default();
        let named = Named {
            email: Some(&email),
            names: &[&first, &last, &company.name],
        };
        reader.new_password("password", &password, &named);
        let first_name = reader.required("first_name", &first, LONGEST_NAME);
        let last_name = reader.required("last_name", &last, LONGEST_NAME);
        reader.finish()?;
        let hash = self.hasher.hash(&password).await?;
        let person = Person {
            id: Uuid::now_v7(),
            email: email.as_str().to_owned(),
            // The link came by mail, so the address is proved.
            email_verified_at: Some(now),
            first_name: first_name.unwrap_or_default(),
            last_name: last_name.unwrap_or_default(),
            phone: None,
            job_title: None,
            time_zone: None,
            locale: None,
            avatar_url: None,
            totp_enabled: false,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        Ok(Joiner::New(Box::new(person), email, hash))
    }

    async fn join(
        &self,
        hash: &[u8],
        invitation: &Invitation,
        company: Company,
        joiner: Joiner,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let id = match &joiner {
            Joiner::Known(person) => person.id,
            Joiner::New(person, ..) => person.id,
        };
        let mut tx = self.db.begin(&as_founder(id, company.id)).await?;
        // Of several acceptances at once, one takes the link; it may have been withdrawn meanwhile, too.
        if !store::tokens::take_invitation(&mut tx, hash, now).await?
            || !store::invitations::delete(&mut tx, company.id, invitation.id).await?
        {
            return Err(Error::InvalidMailToken);
        }
        let person = match joiner {
            Joiner::New(person, email, password_hash) => {
                // Somebody may have registered with the address a moment ago.
                if !store::people::insert(&mut tx, &person, &email, &password_hash).await? {
                    return Err(Error::SignInFirst);
                }
                *person
            }
            Joiner::Known(_) => {
                let mut person = store::people::lock(&mut tx, id).await?.ok_or(Error::NoSession)?;
                if person.email_verified_at.is_none() {
                    person.email_verified_at = Some(now);
                    person.version += 1;
                    person.updated_at = now;
                    store::people::update(&mut tx, &person).await?;
                }
                person
            }
        };
        if let Some(version) = store::members::join(&mut tx, company.id, id, invitation.role_id, now).await? {
            let change = MemberChange {
                person: &person,
                version,
                active: true,
                action: "created",
                fields: &[],
            };
            events::member_changed(&mut tx, company.id, id, change, now).await?;
        }
        let memberships = store::members::of_person(&mut tx, id).await?;
        let membership = memberships
            .iter()
            .find(|one| one.company_id == company.id)
            .cloned()
            .ok_or(Error::NotAMember)?;
        if !membership.admits(false) {
            return Err(Error::SsoRequired);
        }
        let session = Session::begin(Uuid::now_v7(), id, company.id, origin, now);
        store::sessions::insert(&mut tx, &session).await?;
        let deed = Deed::on("invitation", "accepted", invitation.id, invitation.email.as_str());
        store::audit::append(&mut tx, &Doer::begins(&session, now), &[deed]).await?;
        let tokens = self.issue(&mut tx, &session, &membership, now).await?;
        tx.commit().await?;
        Ok(SignedIn {
            person,
            company,
            membership,
            memberships,
            tokens,
        })
    }
}
