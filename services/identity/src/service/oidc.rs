//! Signing in with a company's own identity provider.
//!
//! A provider is its company's, and the company's admin could make it vouch for anybody. So what it vouches for counts in
//! that company alone: the session can't enter another one and can't change what is the person's own everywhere; and
//! somebody who is known to the suite but no member of the company has to be invited, not asserted.

use kontor_chassis::{Caller, Error as Failure, TenantTx};
use subtle::ConstantTimeEq;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Identity, SignedIn, as_founder};
use crate::error::Error;
use crate::events;
use crate::model::audit::{Deed, Doer};
use crate::model::email::Email;
use crate::model::oidc::{Provider, ProviderForm};
use crate::model::person::{LONGEST_NAME, Person};
use crate::model::session::{Origin, Session};
use crate::oidc::{Registration, Vouched};
use crate::secret::Secret;
use crate::store;
use crate::store::oidc::Attempt;

/// How long a person may take at the provider.
const ATTEMPT_LIFE: Duration = Duration::minutes(10);

/// What a client needs to go on.
pub(crate) struct Started {
    pub(crate) authorization_url: String,
    pub(crate) attempt: Secret,
}

/// What came back from the provider.
pub(crate) struct Finish {
    pub(crate) code: String,
    pub(crate) state: String,
    pub(crate) attempt: String,
}

impl Identity {
    /// The provider of the caller's company.
    pub(crate) async fn oidc_provider(&self, caller: &Caller) -> Result<Provider, Error> {
        let mut tx = self.db.read(caller).await?;
        let provider = store::oidc::provider(&mut tx, caller.company_id()).await?;
        let (provider, _) = provider.ok_or(Error::NotFound("identity provider"))?;
        Ok(provider)
    }

    /// Sets the provider of the caller's company, once it answers as one. When it is to be the only way in, sessions that
    /// began with a password end, but for those of admins.
    pub(crate) async fn set_oidc_provider(
        &self,
        caller: &Caller,
        form: ProviderForm,
        now: OffsetDateTime,
    ) -> Result<Provider, Error> {
        let form = form.read()?;
        let company_id = caller.company_id();
        // No connection is held while a stranger is asked.
        if let Err(error) = self.relying.check(&form.issuer).await {
            tracing::info!(%error, "an identity provider was refused");
            return Err(Failure::invalid_field(
                "issuer",
                "unreachable_provider",
                "There is no discovery document of an OpenID provider, or it can't be reached.",
            )
            .into());
        }
        let mut tx = self.db.begin(caller).await?;
        let role = store::roles::named(&mut tx, company_id, &form.role)
            .await?
            .ok_or_else(|| Failure::unknown_reference("role"))?;
        let known = store::oidc::provider(&mut tx, company_id).await?;
        let sealed = match (&form.client_secret, known) {
            (Some(secret), _) => Some(self.vault.seal(secret.as_bytes(), company_id)?),
            // The secret of one provider is never sent to another.
            (None, Some((known, secret)))
                if known.issuer == form.issuer && known.client_id == form.client_id =>
            {
                secret
            }
            (None, _) => None,
        };
        let provider = Provider {
            issuer: form.issuer,
            client_id: form.client_id,
            domains: form.domains,
            just_in_time: form.just_in_time,
            role_id: role.id,
            role: role.name.clone(),
            enforced: form.enforced,
            updated_at: now,
        };
        store::oidc::put(&mut tx, company_id, &provider, sealed.as_deref()).await?;
        let ended = if provider.enforced {
            // A token of this company may be about in a session that has just moved to another one.
            let since = now - self.token_life - Duration::minutes(1);
            store::sessions::end_by_password(&mut tx, company_id, since, now).await?
        } else {
            Vec::new()
        };
        let deed = Deed::on("oidc_provider", "set", company_id, &provider.issuer);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        self.refuse(&ended);
        Ok(provider)
    }

    /// Takes the provider of the caller's company away, and with it that it is the only way in.
    pub(crate) async fn delete_oidc_provider(
        &self,
        caller: &Caller,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let company_id = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        if !store::oidc::delete(&mut tx, company_id).await? {
            return Err(Error::NotFound("identity provider"));
        }
        let deed = Deed::on("oidc_provider", "deleted", company_id, "");
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Begins to sign in to a company: the way to its provider, and what this client keeps until the end.
    pub(crate) async fn start_oidc(&self, company_id: Uuid, now: OffsetDateTime) -> Result<Started, Error> {
        let (provider, secret) = self.registered(company_id).await?;
        let way = self
            .relying
            .way(&registration(&provider, secret))
            .await
            .map_err(Error::Oidc)?;
        let secret = Secret::random()?;
        let attempt = Attempt {
            company_id,
            state: way.state,
            nonce: way.nonce,
            verifier: self.vault.seal(way.verifier.as_bytes(), company_id)?,
        };
        let mut tx = self.db.unscoped().await?;
        store::oidc::begin(&mut tx, &secret.hash(), &attempt, now + ATTEMPT_LIFE).await?;
        tx.commit().await?;
        Ok(Started {
            authorization_url: way.url,
            attempt: secret,
        })
    }

    /// Ends it: a session for whom the provider vouches, in its company alone.
    pub(crate) async fn finish_oidc(
        &self,
        finish: Finish,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Result<SignedIn, Error> {
        let hash = Secret::parse(&finish.attempt)
            .ok_or(Error::InvalidAttempt)?
            .hash();
        let mut tx = self.db.unscoped().await?;
        let attempt = store::oidc::take(&mut tx, &hash, now)
            .await?
            .ok_or(Error::InvalidAttempt)?;
        // Spent, whatever becomes of the rest.
        tx.commit().await?;
        let is_same: bool = attempt.state.as_bytes().ct_eq(finish.state.as_bytes()).into();
        if !is_same {
            return Err(Error::InvalidAttempt);
        }
        let company_id = attempt.company_id;
        let (provider, secret) = self.registered(company_id).await?;
        let verifier = self.vault.unseal(&attempt.verifier, company_id)?;
        let verifier = String::from_utf8(verifier).map_err(Failure::internal)?;
        let vouched = self
            .relying
            .vouched(
                &registration(&provider, secret),
                finish.code,
                attempt.nonce,
                verifier,
            )
            .await
            .map_err(Error::Oidc)?;
        // Nobody signs in with it; a stranger's password costs the same as anybody's.
        let unusable = self.hasher.hash(&Secret::random()?.reveal()).await?;

        let mut tx = self.db.unscoped().await?;
        store::companies::enter(&mut tx, company_id).await?;
        let user_id = meant(&mut tx, company_id, &provider, vouched, &unusable, now).await?;
        store::people::act_as(&mut tx, user_id).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NotAMember)?;
        let memberships = store::members::of_person(&mut tx, user_id).await?;
        let membership = memberships
            .iter()
            .find(|one| one.company_id == company_id)
            .cloned()
            .ok_or(Error::NotAMember)?;
        let company = store::companies::get(&mut tx, company_id)
            .await?
            .ok_or(Error::NotAMember)?;
        let session = Session {
            sso: true,
            ..Session::begin(Uuid::now_v7(), user_id, company_id, origin, now)
        };
        store::sessions::insert(&mut tx, &session).await?;
        let deed = Deed::on("session", "started", session.id, &provider.issuer);
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

    async fn registered(&self, company_id: Uuid) -> Result<(Provider, Option<String>), Error> {
        let mut tx = self.db.read(&Caller::system(company_id)).await?;
        let found = store::oidc::provider(&mut tx, company_id).await?;
        let (provider, sealed) = found.ok_or(Error::NotFound("identity provider"))?;
        let secret = match sealed {
            Some(sealed) => {
                let opened = self.vault.unseal(&sealed, company_id)?;
                Some(String::from_utf8(opened).map_err(Failure::internal)?)
            }
            None => None,
        };
        Ok((provider, secret))
    }
}

fn registration(provider: &Provider, client_secret: Option<String>) -> Registration<'_> {
    Registration {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        client_secret,
    }
}

/// The person whom the provider means: by its subject, or the first time by the address.
async fn meant(
    tx: &mut TenantTx,
    company_id: Uuid,
    provider: &Provider,
    vouched: Vouched,
    unusable: &str,
    now: OffsetDateTime,
) -> Result<Uuid, Error> {
    let Vouched {
        subject,
        email,
        first_name,
        last_name,
    } = vouched;
    if let Some(user_id) = store::oidc::member_of(tx, company_id, &provider.issuer, &subject).await? {
        return Ok(user_id);
    }
    let email = email
        .as_deref()
        .and_then(Email::parse)
        .ok_or(Error::DomainNotAllowed)?;
    if !provider.covers(&email) {
        return Err(Error::DomainNotAllowed);
    }
    let user_id = match store::people::credentials(tx, &email).await? {
        Some(known) => {
            let members = store::members::some(tx, company_id, &[known.user_id]).await?;
            if !members.iter().any(|member| member.active) {
                return Err(Error::NotAMember);
            }
            known.user_id
        }
        None if provider.just_in_time => {
            let name = |given: Option<String>, or: &str| -> String {
                let given: String = given
                    .unwrap_or_default()
                    .trim()
                    .chars()
                    .take(LONGEST_NAME)
                    .collect();
                if given.is_empty() { or.to_owned() } else { given }
            };
            let local = email.as_str().split('@').next().unwrap_or_default();
            let person = Person {
                id: Uuid::now_v7(),
                email: email.as_str().to_owned(),
                email_verified_at: None,
                first_name: name(first_name, local),
                last_name: name(last_name, ""),
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
            if !store::people::insert(tx, &person, &email, unusable).await? {
                return Err(Error::EmailTaken);
            }
            store::members::insert(tx, company_id, person.id, provider.role_id, now).await?;
            let change = events::MemberChange {
                person: &person,
                version: 1,
                active: true,
                action: "created",
                fields: &[],
            };
            events::member_changed(tx, company_id, person.id, change, now).await?;
            let doer = Doer::of(&as_founder(person.id, company_id), now);
            let deed = Deed::on("member", "joined", person.id, person.full_name());
            store::audit::append(tx, &doer, &[deed]).await?;
            person.id
        }
        None => return Err(Error::NotAMember),
    };
    store::oidc::link(tx, company_id, &provider.issuer, &subject, user_id, now).await?;
    Ok(user_id)
}
