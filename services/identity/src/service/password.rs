//! A new password: by the link of a mail, or by the present one.

use kontor_chassis::Caller;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::throttling::forgive;
use super::{Identity, as_person, own_session, person_of, session_of};
use crate::error::Error;
use crate::model::audit::{Deed, Doer};
use crate::model::email::Email;
use crate::model::fields::Reader;
use crate::model::letter::Letter;
use crate::model::password::{Identity as Named, LONGEST};
use crate::model::person::Person;
use crate::model::session::Origin;
use crate::model::throttle::{Action, Attempt};
use crate::secret::Secret;
use crate::store;
use crate::store::sessions::Which;
use crate::store::tokens::Purpose;

/// What a password must not contain.
struct Known {
    person: Person,
    companies: Vec<String>,
}

impl Identity {
    /// Mails a link that sets a new password. The same work, and so the same time, for any address: who it belongs to is
    /// found out by the one who sends.
    pub(crate) async fn request_password_reset(
        &self,
        email: &Email,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        self.may_ask_for_mail(email, origin, now).await?;
        let mut tx = self.db.unscoped().await?;
        store::mails::put(&mut tx, email.as_str(), &Letter::ResetPassword, now).await?;
        Ok(tx.commit().await?)
    }

    /// Sets a new password by the link of a mail, ends every session, and opens an account that was tried too often.
    pub(crate) async fn reset_password(
        &self,
        token: &str,
        new_password: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let hash = Secret::parse(token).map(|secret| secret.hash());
        let found = match &hash {
            Some(hash) => self.of_link(hash, now).await?,
            None => None,
        };
        let mut reader = Reader::default();
        if found.is_none() {
            reader.refuse("token", "invalid_token", "The link is unknown, used or expired.");
        }
        judge(&mut reader, new_password, found.as_ref().map(|(known, _)| known));
        reader.finish()?;
        let (Some(hash), Some((known, email))) = (hash, found) else {
            return Err(Error::InvalidMailToken);
        };
        let password_hash = self.hasher.hash(new_password).await?;

        let id = known.person.id;
        let mut tx = self.db.begin(&as_person(id)).await?;
        // Of several that come at once, one takes the link.
        let taken = store::tokens::take_mail(&mut tx, &hash, Purpose::ResetPassword, now).await?;
        taken.ok_or(Error::InvalidMailToken)?;
        let mut person = store::people::lock(&mut tx, id)
            .await?
            .ok_or(Error::InvalidMailToken)?;
        if person.email_verified_at.is_none() {
            // Who has read the mail has the address.
            person.email_verified_at = Some(now);
            person.version += 1;
            person.updated_at = now;
            store::people::update(&mut tx, &person).await?;
        }
        let ended = replace(&mut tx, &person, &password_hash, Which::All, now).await?;
        let deed = Deed::on("password", "reset", id, person.full_name());
        for membership in store::members::of_person(&mut tx, id).await? {
            store::companies::enter(&mut tx, membership.company_id).await?;
            let doer = Doer {
                company_id: membership.company_id,
                user_id: Some(id),
                origin: origin.clone(),
                at: now,
            };
            store::audit::append(&mut tx, &doer, std::slice::from_ref(&deed)).await?;
        }
        for action in [Action::SignIn, Action::Mail] {
            forgive(&mut tx, &Attempt::new(action, &email.key(), None)).await?;
        }
        forgive(&mut tx, &Attempt::new(Action::Confirm, &id.to_string(), None)).await?;
        tx.commit().await?;
        self.refuse(&ended);
        Ok(())
    }

    /// Changes the caller's password and ends every other session.
    pub(crate) async fn change_password(
        &self,
        caller: &Caller,
        current: &str,
        new_password: &str,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let (user_id, session_id) = (person_of(caller)?, session_of(caller)?);
        let attempt = Attempt::new(Action::Confirm, &user_id.to_string(), origin.address.as_deref());
        self.attempt(&attempt, now).await?;
        let mut tx = self.db.read(&as_person(user_id)).await?;
        own_session(&mut tx, caller).await?;
        let known = known(&mut tx, user_id).await?.ok_or(Error::NoSession)?;
        let kept = store::people::password_hash(&mut tx, user_id).await?;
        drop(tx);
        let is_right =
            current.chars().count() <= LONGEST && self.hasher.verify(current, kept.as_deref()).await?;

        let mut reader = Reader::default();
        match (current.is_empty(), is_right) {
            (true, _) => reader.present("current_password", current),
            (false, false) => {
                reader.refuse("current_password", "wrong_password", "This is not the password.");
            }
            (false, true) => self.succeeded(&attempt).await?,
        }
        judge(&mut reader, new_password, Some(&known));
        reader.finish()?;
        let password_hash = self.hasher.hash(new_password).await?;

        let mut tx = self.db.begin(caller).await?;
        let person = store::people::lock(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        let others = Which::Others(session_id);
        let ended = replace(&mut tx, &person, &password_hash, others, now).await?;
        let deed = Deed::on("password", "changed", user_id, person.full_name());
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        self.refuse(&ended);
        Ok(())
    }

    /// Refuses one who asks for too many mails, to one address or from one.
    pub(super) async fn may_ask_for_mail(
        &self,
        email: &Email,
        origin: &Origin,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let attempt = Attempt::new(Action::Mail, &email.key(), origin.address.as_deref());
        self.attempt(&attempt, now).await
    }

    /// This process refuses the sessions at once; the others hear of it.
    pub(super) fn refuse(&self, ended: &[Uuid]) {
        ended.iter().for_each(|id| self.verifier.session_ended(*id));
    }

    /// Whose link it is, while it is good and went to the address that the person has.
    async fn of_link(&self, hash: &[u8], now: OffsetDateTime) -> Result<Option<(Known, Email)>, Error> {
        let mut tx = self.db.unscoped().await?;
        let Some(link) = store::tokens::mail(&mut tx, hash, Purpose::ResetPassword, now).await? else {
            return Ok(None);
        };
        store::people::act_as(&mut tx, link.user_id).await?;
        let known = known(&mut tx, link.user_id).await?;
        Ok(known.and_then(|known| {
            let email = Email::parse(&known.person.email)?;
            (email.key() == link.email).then_some((known, email))
        }))
    }
}

/// Writes the password, forgets what it makes void, ends sessions, and mails that it was changed. Answers which ended.
async fn replace(
    conn: &mut PgConnection,
    person: &Person,
    password_hash: &str,
    which: Which,
    now: OffsetDateTime,
) -> Result<Vec<Uuid>, Error> {
    store::people::set_password(conn, person.id, password_hash).await?;
    store::tokens::forget_mail(conn, person.id, Purpose::ResetPassword).await?;
    let ended = store::sessions::end(conn, person.id, which, now).await?;
    store::mails::put(conn, &person.email, &Letter::PasswordChanged, now).await?;
    Ok(ended)
}

/// The person of the transaction, with the names of the companies that the person may enter.
async fn known(conn: &mut PgConnection, user_id: Uuid) -> Result<Option<Known>, Error> {
    let Some(person) = store::people::get(conn, user_id).await? else {
        return Ok(None);
    };
    let memberships = store::members::of_person(conn, user_id).await?;
    let companies = memberships.into_iter().map(|one| one.company_name).collect();
    Ok(Some(Known { person, companies }))
}

fn judge(reader: &mut Reader, password: &str, known: Option<&Known>) {
    let email = known.and_then(|known| Email::parse(&known.person.email));
    let mut names: Vec<&str> = Vec::new();
    if let Some(Known { person, companies }) = known {
        names.extend([person.first_name.as_str(), person.last_name.as_str()]);
        names.extend(companies.iter().map(String::as_str));
    }
    let named = Named {
        email: email.as_ref(),
        names: &names,
    };
    reader.new_password("new_password", password, &named);
}
