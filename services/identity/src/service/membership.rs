//! Changing and removing members, without ever losing the last admin.

use kontor_chassis::{Caller, Error as Failure, TenantTx};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Identity, check_etag, person_of};
use crate::error::Error;
use crate::events;
use crate::model::audit::{Deed, Doer};
use crate::model::company::{Member, RoleRef};
use crate::model::permission::BuiltIn;
use crate::store;
use crate::store::grants::Held;

/// What is asked to change of a member; `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemberChange {
    /// A role's name or id.
    pub(crate) role: Option<String>,
    pub(crate) active: Option<bool>,
}

/// A member after a change, as it is written.
struct After {
    role: RoleRef,
    active: bool,
    /// Whether the member leaves the company.
    leaves: bool,
    action: &'static str,
}

impl Identity {
    /// Gives a member another role, shuts one out, or lets one in again. `heir` gets all that the member owns.
    pub(crate) async fn update_member(
        &self,
        caller: &Caller,
        user_id: Uuid,
        change: MemberChange,
        heir: Option<Uuid>,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Member, Error> {
        let MemberChange { role, active } = change;
        let company_id = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let before = lock(&mut tx, company_id, user_id).await?;
        check_etag(etag, before.version)?;
        let old_role = store::members::role_of(&mut tx, company_id, user_id).await?;
        let role = match role {
            None => old_role.clone(),
            Some(word) => store::members::role(&mut tx, company_id, &word)
                .await?
                .ok_or_else(|| Failure::unknown_reference("role"))?,
        };
        let active = active.unwrap_or(before.active);
        let action = match (before.active, active) {
            (true, false) => "deactivated",
            (false, true) => "activated",
            (true, true) | (false, false) => "updated",
        };
        let after = After {
            role,
            active,
            leaves: false,
            action,
        };
        let is_other = after.role != old_role || after.active != before.active;
        let ended = if is_other {
            self.write_member(&mut tx, caller, &before, &old_role, after, now)
                .await?
        } else {
            Vec::new()
        };
        hand_over(&mut tx, caller, user_id, heir).await?;
        let member = store::members::some(&mut tx, company_id, &[user_id]).await?.pop();
        tx.commit().await?;
        self.refuse(&ended);
        member.ok_or(Error::NotFound("member"))
    }

    /// Removes a member; the person stays, and so do the records. `heir` gets all that the member owns.
    pub(crate) async fn remove_member(
        &self,
        caller: &Caller,
        user_id: Uuid,
        heir: Option<Uuid>,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let company_id = caller.company_id();
        let mut tx = self.db.begin(caller).await?;
        let before = lock(&mut tx, company_id, user_id).await?;
        check_etag(etag, before.version)?;
        let role = store::members::role_of(&mut tx, company_id, user_id).await?;
        // Who has left holds up no role that the company wants to be rid of.
        let least = store::members::role(&mut tx, company_id, BuiltIn::Viewer.name()).await?;
        let after = After {
            role: least.unwrap_or_else(|| role.clone()),
            active: false,
            leaves: true,
            action: "deleted",
        };
        let ended = self
            .write_member(&mut tx, caller, &before, &role, after, now)
            .await?;
        hand_over(&mut tx, caller, user_id, heir).await?;
        tx.commit().await?;
        self.refuse(&ended);
        Ok(())
    }

    /// Writes and tells a change of a member: the rights of before are over, and so are the sessions of one who is shut out.
    /// Answers what is.
    async fn write_member(
        &self,
        tx: &mut TenantTx,
        caller: &Caller,
        before: &Member,
        old_role: &RoleRef,
        after: After,
        now: OffsetDateTime,
    ) -> Result<Vec<Uuid>, Error> {
        let After {
            role,
            active,
            leaves,
            action,
        } = after;
        let (company_id, by) = (caller.company_id(), person_of(caller)?);
        let was_admin = before.active && old_role.is_admin();
        let is_admin = active && role.is_admin();
        if was_admin && !is_admin && !store::members::has_other_admin(tx, company_id, before.user_id).await? {
            return Err(Error::LastAdmin);
        }
        let version = before.version + 1;
        let left_at = leaves.then_some(now);
        store::members::update(
            tx,
            company_id,
            before.user_id,
            &store::members::Standing {
                role_id: role.id,
                active,
                left_at,
                version,
            },
            now,
        )
        .await?;
        let person = store::people::get(tx, before.user_id)
            .await?
            .ok_or(Error::NotFound("member"))?;
        let mut fields = Vec::new();
        if role != *old_role {
            fields.push("role");
        }
        if active != before.active {
            fields.push("active");
        }
        let told = events::MemberChange {
            person: &person,
            version,
            active,
            action,
            fields: &fields,
        };
        events::member_changed(tx, company_id, by, told, now).await?;
        let deed = Deed::on("member", action, person.id, person.full_name()).changing(&fields);
        store::audit::append(tx, &Doer::of(caller, now), &[deed]).await?;
        let mut over = store::grants::renew(tx, company_id, Held::By(before.user_id), now).await?;
        if before.active && !active {
            // A token of this company may be about in a session that has just moved to another one.
            let since = now - self.token_life - Duration::minutes(1);
            over.extend(store::sessions::end_in(tx, before.user_id, company_id, since, now).await?);
            // What the member's programs do here ends with the member.
            over.extend(store::api_keys::delete_of(tx, company_id, before.user_id, now).await?);
        }
        Ok(over)
    }
}

/// The member, while nobody else changes members of the company: of two admins who remove each other, one stays.
async fn lock(conn: &mut PgConnection, company_id: Uuid, user_id: Uuid) -> Result<Member, Error> {
    store::companies::lock(conn, company_id)
        .await?
        .ok_or(Error::NotFound("member"))?;
    store::members::some(conn, company_id, &[user_id])
        .await?
        .pop()
        .ok_or(Error::NotFound("member"))
}

/// Tells that all that a member owns is another's from now on.
async fn hand_over(tx: &mut TenantTx, caller: &Caller, from: Uuid, heir: Option<Uuid>) -> Result<(), Error> {
    let Some(heir) = heir else { return Ok(()) };
    let (company_id, by) = (caller.company_id(), person_of(caller)?);
    let members = store::members::some(tx, company_id, &[heir]).await?;
    if heir == from || !members.iter().any(|member| member.active) {
        return Err(Failure::unknown_reference("hand_over_to").into());
    }
    events::handed_over(tx, company_id, by, from, heir).await?;
    Ok(())
}
