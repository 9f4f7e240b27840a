//! Signing in with a password.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, SignedIn, as_person};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::email::Email;
use crate::model::password::LONGEST;
use crate::model::session::{Origin, Session};
use crate::model::throttle::{Action, Attempt};
use crate::store;
use crate::store::people::Credentials;

/// Who wants to come in.
pub(crate) struct SignIn {
    pub(crate) email: String,
    pub(crate) password: String,
    /// A code of the authenticator or a recovery code.
    pub(crate) totp_code: Option<String>,
    /// The company to enter; none: the first joined.
    pub(crate) company_id: Option<Uuid>,
}

impl Identity {
    /// Begins a session. What is wrong with address or password is not said, and costs the same time.
    pub(crate) async fn login(
        &self,
        sign_in: SignIn,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let SignIn {
            email,
            password,
            totp_code,
            company_id,
        } = sign_in;
        let email = Email::parse(&email);
        let account = email.as_ref().map(Email::key).unwrap_or_default();
        let attempt = Attempt::new(Action::SignIn, &account, origin.address.as_deref());
        self.attempt(&attempt, now).await?;
        let mut known = None;
        if let Some(email) = email {
            let mut tx = self.db.unscoped().await?;
            known = store::people::credentials(&mut tx, &email).await?;
        }
        // No connection is held while the password is hashed. A password longer than any that can be chosen is not it.
        let password = if password.chars().count() > LONGEST {
            String::new()
        } else {
            password
        };
        let hash = known.as_ref().map(|known| known.password_hash.as_str());
        let is_right = self.hasher.verify(&password, hash).await?;
        let Some(known) = known.filter(|_| is_right) else {
            return Err(Error::InvalidCredentials);
        };
        if known.second_factor {
            let mut tx = self.db.unscoped().await?;
            self.second_factor(&mut tx, known.user_id, totp_code.as_deref(), now)
                .await?;
            // The code is spent, whatever becomes of the rest.
            tx.commit().await?;
        }
        let signed_in = self.enter(&known, company_id, origin, now).await?;
        self.succeeded(&attempt).await?;
        if self.hasher.is_outdated(&known.password_hash) {
            self.rehash(known, password);
        }
        Ok(signed_in)
    }

    /// Keeps the password under the present cost of hashing, for which nobody has to wait.
    fn rehash(&self, known: Credentials, password: String) {
        let identity = self.clone();
        self.tasks.spawn(async move {
            let rehash = async {
                let hash = identity.hasher.hash(&password).await?;
                let mut tx = identity.db.unscoped().await?;
                store::people::rehash(&mut tx, known.user_id, &known.password_hash, &hash).await?;
                Ok::<_, Error>(tx.commit().await?)
            };
            if let Err(error) = rehash.await {
                tracing::warn!(?error, "a password keeps its old hash until the next sign-in");
            }
        });
    }

    async fn enter(
        &self,
        known: &Credentials,
        company_id: Option<Uuid>,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let user_id = known.user_id;
        let mut tx = self.db.begin(&as_person(user_id)).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::InvalidCredentials)?;
        // Switched on while the password was hashed.
        if person.totp_enabled && !known.second_factor {
            return Err(Error::TotpRequired);
        }
        let memberships = store::members::of_person(&mut tx, user_id).await?;
        let wanted = memberships
            .iter()
            .find(|one| company_id.map_or(one.admits(false), |id| one.company_id == id))
            // Nothing but companies with a provider of their own.
            .or_else(|| memberships.first().filter(|_| company_id.is_none()));
        let membership = wanted.cloned().ok_or(Error::NotAMember)?;
        if !membership.admits(false) {
            return Err(Error::SsoRequired);
        }
        let company = store::companies::get(&mut tx, membership.company_id)
            .await?
            .ok_or(Error::NotAMember)?;
        let session = Session::begin(Uuid::now_v7(), user_id, company.id, origin, now);
        store::sessions::insert(&mut tx, &session).await?;
        store::companies::enter(&mut tx, company.id).await?;
        let deed = Deed::on("session", "started", session.id, "");
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
