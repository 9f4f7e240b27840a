//! What members may do.
//!
//! A change of a role holds for a member from the next access token on, which is at the latest when the present one
//! expires, and for an API key when it is next resolved.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, check_etag};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::role::{Role, RoleChange, changed};
use crate::store;

impl Identity {
    /// The roles of the caller's company, the built-in ones first.
    pub(crate) async fn roles(&self, caller: &Caller) -> Result<Vec<Role>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::roles::list(&mut tx, caller.company_id()).await?)
    }

    /// Adds a role of the company's own.
    pub(crate) async fn create_role(
        &self,
        caller: &Caller,
        given: RoleChange,
        now: OffsetDateTime,
    ) -> Result<Role, Error> {
        let given = RoleChange {
            name: Some(given.name.unwrap_or_default()),
            ..given
        };
        let unnamed = Role::unnamed(Uuid::now_v7(), now);
        let role = Role {
            version: 1,
            ..given.apply(&unnamed, caller, now)?
        };
        let mut tx = self.db.begin(caller).await?;
        if !store::roles::insert(&mut tx, caller.company_id(), &role).await? {
            return Err(Error::RoleExists);
        }
        let deed = Deed::on("role", "created", role.id, &role.name);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(role)
    }

    /// Changes a role of the company's own.
    pub(crate) async fn update_role(
        &self,
        caller: &Caller,
        id: Uuid,
        change: RoleChange,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Role, Error> {
        let mut tx = self.db.begin(caller).await?;
        let before = own(store::roles::lock(&mut tx, caller.company_id(), id).await?)?;
        check_etag(etag, before.version)?;
        let after = change.apply(&before, caller, now)?;
        if after == before {
            return Ok(before);
        }
        if !store::roles::update(&mut tx, caller.company_id(), &after).await? {
            return Err(Error::RoleExists);
        }
        let deed = Deed::on("role", "updated", id, &after.name).changing(&changed(&before, &after));
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(after)
    }

    /// Removes a role of the company's own that nobody holds.
    pub(crate) async fn delete_role(
        &self,
        caller: &Caller,
        id: Uuid,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin(caller).await?;
        let role = own(store::roles::lock(&mut tx, caller.company_id(), id).await?)?;
        check_etag(etag, role.version)?;
        if !store::roles::delete(&mut tx, caller.company_id(), id).await? {
            return Err(Error::RoleInUse);
        }
        let deed = Deed::on("role", "deleted", id, &role.name);
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// The role, if it is there and the company's own.
fn own(role: Option<Role>) -> Result<Role, Error> {
    match role {
        None => Err(Error::NotFound("role")),
        Some(role) if role.built_in => Err(Error::BuiltInRole),
        Some(role) => Ok(role),
    }
}
