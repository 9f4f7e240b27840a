//! API keys: made, listed and deleted by their makers, and resolved for the services that are shown one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kontor_chassis::caller::Permissions;
use kontor_chassis::token::ApiKey as Secret;
use kontor_chassis::{Caller, Error as Failure};
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

    /// The caller's own keys in the company, newest first, and the token of the next page.
    pub(crate) async fn api_keys(
        &self,
        caller: &Caller,
        page_size: u16,
        page_token: &str,
    ) -> Result<(Vec<ApiKey>, String), Error> {
        let (user_id, company_id) = (person_of(caller)?, caller.company_id());
        let after = place(page_token, company_id, user_id)?;
        let mut tx = self.db.read(caller).await?;
        // One more than asked for tells whether there is a next page.
        let limit = i64::from(page_size) + 1;
        let mut keys = store::api_keys::list(&mut tx, company_id, user_id, after, limit).await?;
        let has_more = keys.len() > usize::from(page_size);
        keys.truncate(usize::from(page_size));
        let next = keys.last().filter(|_| has_more);
        let next = next
            .map(|last| token(company_id, user_id, last.id))
            .unwrap_or_default();
        Ok((keys, next))
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

fn token(company_id: Uuid, user_id: Uuid, last: Uuid) -> String {
    let bytes = [company_id, user_id, last].map(Uuid::into_bytes).concat();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Where the page begins: a token belongs to its company and its person.
fn place(page_token: &str, company_id: Uuid, user_id: Uuid) -> Result<Option<Uuid>, Error> {
    if page_token.is_empty() {
        return Ok(None);
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(page_token).ok();
    let last = bytes
        .filter(|bytes| bytes.len() == 48)
        .and_then(|bytes| Uuid::from_slice(&bytes[32..]).ok())
        .filter(|last| token(company_id, user_id, *last) == page_token);
    match last {
        Some(last) => Ok(Some(last)),
        None => Err(Failure::invalid_field(
            "page_token",
            "invalid_page_token",
            "This page token belongs to another list.",
        )
        .into()),
    }
}
