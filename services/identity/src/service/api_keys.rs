//! API keys: made, listed and deleted by their makers, and resolved for the services that are shown one.

use kontor_chassis::Caller;
use kontor_chassis::caller::Permissions;
use kontor_chassis::token::ApiKey as Secret;
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use time::OffsetDateTime;
use uuid::Uuid;

use super::roles::membership;
use super::{Identity, person_of};
use crate::error::Error;
use crate::model::api_key::{ApiKey, NewApiKey};
use crate::model::audit::{Deed, Doer};
use crate::store;

/// Whose a key is, and what it may do now.
pub(crate) struct Resolved {
    pub(crate) key: ApiKey,
    pub(crate) company_id: Uuid,
    pub(crate) role: String,
    /// The narrower of the key's and its maker's.
    pub(crate) permissions: Vec<String>,
    /// By which its maker holds that role.
    pub(crate) grant_id: Uuid,
}

impl Identity {
    /// Makes a key for the caller's company and tells its secret, this once.
    pub(crate) async fn create_api_key(
        &self,
        caller: &Caller,
        asked: NewApiKey,
        now: OffsetDateTime,
    ) -> Result<(ApiKey, Secret), Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        if person.email_verified_at.is_none() {
            return Err(Error::EmailNotVerified);
        }
        let secret = Secret::random();
        let key = asked.read(caller, user_id, secret.shown(), now)?;
        store::api_keys::insert(&mut tx, caller.company_id(), &key, &secret.hash()).await?;
        let deed = Deed::on("api_key", "created", key.id, &key.name);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok((key, secret))
    }

    /// The caller's own keys in the company, newest first unless ordered otherwise.
    pub(crate) async fn api_keys(&self, caller: &Caller, query: &ListQuery) -> Result<Page<ApiKey>, Error> {
        person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        Ok(store::api_keys::list(&mut tx, caller, query).await?)
    }

    /// Deletes one of the caller's keys. When it returns, the fact is committed and told.
    pub(crate) async fn delete_api_key(
        &self,
        caller: &Caller,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        let name = store::api_keys::delete(&mut tx, caller.company_id(), user_id, id, now)
            .await?
            .ok_or(Error::NotFound("API key"))?;
        let deed = Deed::on("api_key", "deleted", id, name);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        self.verifier.session_ended(id);
        Ok(())
    }

    /// Whose the key of this hash is, and what it may do as its maker's role is now.
    pub(crate) async fn resolve_api_key(&self, hash: &[u8], now: OffsetDateTime) -> Result<Resolved, Error> {
        let mut tx = self.db.unscoped().await?;
        let (company_id, key) = store::api_keys::by_hash(&mut tx, hash)
            .await?
            .ok_or(Error::NotFound("API key"))?;
        let membership = membership(&mut tx, key.user_id, company_id).await?;
        store::api_keys::used(&mut tx, company_id, &key, now).await?;
        tx.commit().await?;
        let held = Permissions::parse(membership.held());
        let permissions = Permissions::parse(&key.permissions).within(&held).words();
        Ok(Resolved {
            key,
            company_id,
            role: membership.role,
            permissions,
            grant_id: membership.grant_id,
        })
    }
}
