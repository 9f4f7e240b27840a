//! Proving an address by the link of a mail.

use time::OffsetDateTime;

use super::Identity;
use crate::error::Error;
use crate::model::email::Email;
use crate::model::letter::Letter;
use crate::model::person::Person;
use crate::model::session::Origin;
use crate::secret::Secret;
use crate::store;
use crate::store::tokens::Purpose;

impl Identity {
    /// Takes the token of the link and notes that the address is proved.
    pub(crate) async fn verify_email(&self, token: &str, now: OffsetDateTime) -> Result<Person, Error> {
        let hash = Secret::parse(token).ok_or(Error::InvalidMailToken)?.hash();
        let mut tx = self.db.unscoped().await?;
        let taken = store::tokens::take_mail(&mut tx, &hash, Purpose::VerifyEmail, now).await?;
        let taken = taken.ok_or(Error::InvalidMailToken)?;
        let person = store::people::lock(&mut tx, taken.user_id).await?;
        let mut person = person
            .filter(|person| Email::parse(&person.email).is_some_and(|email| email.key() == taken.email))
            .ok_or(Error::InvalidMailToken)?;
        if person.email_verified_at.is_none() {
            person.email_verified_at = Some(now);
            person.version += 1;
            person.updated_at = now;
            store::people::update(&mut tx, &person).await?;
        }
        tx.commit().await?;
        Ok(person)
    }

    /// Mails the link again, to a person who has not used it. The same work, and so the same time, for any address: who it
    /// belongs to is found out by the one who sends.
    pub(crate) async fn resend_verification(
        &self,
        email: &Email,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        self.may_ask_for_mail(email, origin, now).await?;
        let mut tx = self.db.unscoped().await?;
        store::mails::put(&mut tx, email.as_str(), &Letter::VerifyEmail, now).await?;
        Ok(tx.commit().await?)
    }
}
