//! Who one is, and changing what one may of it.

use kontor_chassis::Caller;
use sqlx::PgConnection;
use time::OffsetDateTime;

use super::{Identity, check_etag, own_session, person_of};
use crate::error::Error;
use crate::events;
use crate::model::company::{Company, Membership};
use crate::model::person::{Person, PersonChange};
use crate::model::session::Session;
use crate::store;

/// A person in a company.
pub(crate) struct Me {
    pub(crate) person: Person,
    pub(crate) company: Company,
    pub(crate) membership: Membership,
    /// What the role may do now, or of that an API key.
    pub(crate) permissions: Vec<String>,
    /// None for an API key.
    pub(crate) session: Option<Session>,
}

impl Identity {
    /// Who the caller is.
    pub(crate) async fn me(&self, caller: &Caller) -> Result<Me, Error> {
        let mut tx = self.db.read(caller).await?;
        load(&mut tx, caller).await
    }

    /// Changes what a person may change of oneself, and tells every company of the person when the name is another.
    pub(crate) async fn update_me(
        &self,
        caller: &Caller,
        change: PersonChange,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Me, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        own_session(&mut tx, caller).await?;
        let before = store::people::lock(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        check_etag(etag, before.version)?;
        let after = change.apply(&before, now)?;
        if after != before {
            store::people::update(&mut tx, &after).await?;
        }
        let me = load(&mut tx, caller).await?;
        if after.full_name() != before.full_name() {
            let fields = ["first_name", "last_name"];
            for membership in store::members::of_person(&mut tx, user_id).await? {
                store::companies::enter(&mut tx, membership.company_id).await?;
                let bumped = store::members::bump(&mut tx, membership.company_id, user_id, now).await?;
                let (version, active) = bumped.ok_or(Error::NoSession)?;
                let change = events::MemberChange {
                    person: &after,
                    version,
                    active,
                    action: "updated",
                    fields: &fields,
                };
                events::member_changed(&mut tx, membership.company_id, user_id, change, now).await?;
            }
        }
        tx.commit().await?;
        Ok(me)
    }
}

async fn load(conn: &mut PgConnection, caller: &Caller) -> Result<Me, Error> {
    let user_id = person_of(caller)?;
    let person = store::people::get(conn, user_id).await?.ok_or(Error::NoSession)?;
    let memberships = store::members::of_person(conn, user_id).await?;
    let membership = memberships
        .into_iter()
        .find(|one| one.company_id == caller.company_id());
    let membership = membership.ok_or(Error::NotAMember)?;
    let company = store::companies::get(conn, caller.company_id())
        .await?
        .ok_or(Error::NotAMember)?;
    let session = match caller.session_id() {
        Some(id) => store::sessions::get(conn, user_id, id).await?,
        None => None,
    };
    let permissions = match (caller.api_key_id(), caller.permissions()) {
        (Some(_), Some(of_key)) => of_key.words(),
        _ => membership.held(),
    };
    Ok(Me {
        person,
        company,
        membership,
        permissions,
        session,
    })
}
