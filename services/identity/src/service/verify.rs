//! Proving an address by the link of a mail.

use time::OffsetDateTime;

use super::Identity;
use super::register::VERIFY_LIFE;
use crate::error::Error;
use crate::model::email::Email;
use crate::model::person::Person;
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
            .filter(|person| person.email == taken.email)
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

    /// Mails the link again to a person who has not used it. To be run apart from the answer, which is the same for all.
    pub(crate) async fn resend_verification(&self, email: &Email, now: OffsetDateTime) -> Result<(), Error> {
        let mut tx = self.db.unscoped().await?;
        let Some(known) = store::people::credentials(&mut tx, email.as_str()).await? else {
            return Ok(());
        };
        let person = store::people::get(&mut tx, known.user_id).await?;
        let Some(person) = person.filter(|person| person.email_verified_at.is_none()) else {
            return Ok(());
        };
        let link = Secret::random()?;
        store::tokens::insert_mail(
            &mut tx,
            &link.hash(),
            Purpose::VerifyEmail,
            person.id,
            email.as_str(),
            now,
            now + VERIFY_LIFE,
        )
        .await?;
        tx.commit().await?;
        self.mailer.verify_email(email, &person.first_name, &link).await?;
        Ok(())
    }
}
