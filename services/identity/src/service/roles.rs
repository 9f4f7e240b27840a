//! What members may do.
//!
//! A change of a role holds at once, for those who hold it and for their API keys: their grants are over, and every service
//! asks what they may do now.

use kontor_chassis::Caller;
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, check_etag};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::company::Membership;
use crate::model::role::{Role, RoleChange, changed};
use crate::store;
use crate::store::grants::Held;

impl Identity {
    /// The roles of the caller's company, the built-in ones first unless ordered otherwise.
    pub(crate) async fn roles(&self, caller: &Caller, query: &ListQuery) -> Result<Page<Role>, Error> {
        let mut tx = self.db.read(caller).await?;
        Ok(store::roles::list(&mut tx, caller, query).await?)
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
        let over = store::grants::renew(&mut tx, caller.company_id(), Held::Through(id), now).await?;
        let deed = Deed::on("role", "updated", id, &after.name).changing(&changed(&before, &after));
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        self.refuse(&over);
        Ok(after)
    }

    /// What a person may do in a company now, as an active member of it.
    pub(crate) async fn rights(&self, user_id: Uuid, company_id: Uuid) -> Result<Membership, Error> {
        let mut tx = self.db.unscoped().await?;
        membership(&mut tx, user_id, company_id).await
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

/// What an active member of a company holds there; the rest of the transaction is at work in that company for that person.
pub(super) async fn membership(
    conn: &mut PgConnection,
    user_id: Uuid,
    company_id: Uuid,
) -> Result<Membership, Error> {
    store::companies::enter(conn, company_id).await?;
    store::people::act_as(conn, user_id).await?;
    let memberships = store::members::of_person(conn, user_id).await?;
    memberships
        .into_iter()
        .find(|membership| membership.company_id == company_id)
        .ok_or(Error::NotFound("member"))
}

/// The role, if it is there and the company's own.
fn own(role: Option<Role>) -> Result<Role, Error> {
    match role {
        None => Err(Error::NotFound("role")),
        Some(role) if role.built_in => Err(Error::BuiltInRole),
        Some(role) => Ok(role),
    }
}
