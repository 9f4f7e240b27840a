//! Companies: founding more, reading and changing them, and what they count in.

use kontor_chassis::{Caller, Error as Failure};
use time::OffsetDateTime;
use uuid::Uuid;

use super::register::found;
use super::{Identity, as_founder, check_etag, own_session, person_of, session_of};
use crate::error::Error;
use crate::events;
use crate::model::company::{Company, CompanyChange, Membership};
use crate::model::fields::Reader;
use crate::store;

/// A company's currency, and what one unit of each other one is worth in it.
pub(crate) struct Currencies {
    pub(crate) currency: String,
    /// Currency and rate, a decimal string.
    pub(crate) rates: Vec<(String, String)>,
}

impl Identity {
    /// The companies that the caller may enter, the first joined first.
    pub(crate) async fn memberships(&self, caller: &Caller) -> Result<Vec<Membership>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        let mut memberships = store::members::of_person(&mut tx, user_id).await?;
        // A program, and a session that a company's provider vouched for, know of no other company.
        match own_session(&mut tx, caller).await {
            Ok(_) => {}
            Err(Error::SessionNeeded | Error::SsoSession) => {
                memberships.retain(|membership| membership.company_id == caller.company_id());
            }
            Err(error) => return Err(error),
        }
        Ok(memberships)
    }

    /// The companies of which the caller is a member, by name.
    pub(crate) async fn companies(&self, caller: &Caller) -> Result<Vec<Company>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.read(caller).await?;
        Ok(store::companies::of_member(&mut tx, user_id).await?)
    }

    /// Founds another company with the caller as its admin.
    pub(crate) async fn found_company(
        &self,
        caller: &Caller,
        given: CompanyChange,
        now: OffsetDateTime,
    ) -> Result<Company, Error> {
        let user_id = person_of(caller)?;
        session_of(caller)?;
        let mut reader = Reader::default();
        let given = CompanyChange {
            name: Some(given.name.unwrap_or_default()),
            ..given
        };
        let company = given.read_into(Company::unnamed(Uuid::now_v7(), now), "name", &mut reader);
        reader.finish()?;
        let mut tx = self.db.begin(&as_founder(user_id, company.id)).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        found(&mut tx, &company, &person, now).await?;
        tx.commit().await?;
        Ok(company)
    }

    /// A company that the caller is a member of.
    pub(crate) async fn company(&self, caller: &Caller, id: Uuid) -> Result<Company, Error> {
        let mut tx = self.db.read(caller).await?;
        store::companies::get(&mut tx, id)
            .await?
            .ok_or(Error::NotFound("company"))
    }

    /// Changes the company of the caller's token. Another one that the caller is a member of takes a token of its own.
    pub(crate) async fn update_company(
        &self,
        caller: &Caller,
        id: Uuid,
        change: CompanyChange,
        etag: &str,
        now: OffsetDateTime,
    ) -> Result<Company, Error> {
        let mut tx = self.db.begin(caller).await?;
        let Some(before) = store::companies::lock(&mut tx, id).await? else {
            let is_visible = store::companies::get(&mut tx, id).await?.is_some();
            return Err(if is_visible {
                Failure::forbidden("company:manage").into()
            } else {
                Error::NotFound("company")
            });
        };
        check_etag(etag, before.version)?;
        let after = change.apply(&before, now)?;
        if after != before {
            store::companies::update(&mut tx, &after).await?;
            events::company_changed(&mut tx, &after, caller.user_id()).await?;
            if after.currency != before.currency {
                let rates = store::companies::rates(&mut tx, id).await?;
                events::currencies_changed(&mut tx, &after, rates, caller.user_id()).await?;
            }
            tx.commit().await?;
        }
        Ok(after)
    }

    /// What the caller's company counts in.
    pub(crate) async fn currencies(&self, caller: &Caller) -> Result<Currencies, Error> {
        let mut tx = self.db.read(caller).await?;
        let company = store::companies::get(&mut tx, caller.company_id())
            .await?
            .ok_or(Error::NotFound("company"))?;
        let rates = store::companies::rates(&mut tx, company.id).await?;
        Ok(Currencies {
            currency: company.currency,
            rates,
        })
    }
}
