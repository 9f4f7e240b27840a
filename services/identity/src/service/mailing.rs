//! Sending the mails that stand in the database, each by one process.

use std::time::Duration as Span;

use kontor_chassis::settings::Settings;
use kontor_chassis::{Caller, Error as Fault, db::Signal};
use minijinja::{Value, context};
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Identity;
use crate::error::Error;
use crate::mail::{Failure, Letters, MailError, Post, Sender, Texts};
use crate::model::email::Email;
use crate::model::letter::{Letter, wait_after};
use crate::model::person::Person;
use crate::secret::Secret;
use crate::store;
use crate::store::mails::Mail;
use crate::store::tokens::Purpose;

/// How long the link that proves an address is good.
const VERIFY_LIFE: Duration = Duration::days(2);
/// How long the link that sets a new password is good.
const RESET_LIFE: Duration = Duration::hours(1);
/// A mail that was taken is taken again after this time: longer than it may take to send one.
const LEASE: Duration = Duration::minutes(3);
/// Behind the signals, should one be missed.
const POLL: Span = Span::from_secs(15);
const FIRST_PAUSE: Span = Span::from_secs(1);
const LONGEST_PAUSE: Span = Span::from_secs(30);

/// Sends mails for as long as the service lives. Several, in several processes, share the work.
pub(crate) struct Postman {
    identity: Identity,
    post: Post,
    letters: Letters,
    sender: Sender,
    /// What links begin with; never what a request calls the host.
    public_url: String,
}

/// What came of looking for a mail.
enum Round {
    /// One was sent, or was of no use any more. There may be more.
    Done,
    /// None is due before this time.
    Idle(Option<OffsetDateTime>),
}

/// Why no mail can be sent at all for now.
#[derive(Debug, thiserror::Error)]
enum Closed {
    /// The way out.
    #[error("{0}")]
    Post(Failure),
    /// The database, or anything else of ours.
    #[error("{0}")]
    Ours(Fault),
}

impl From<Error> for Closed {
    fn from(error: Error) -> Self {
        Self::Ours(error.into())
    }
}

impl From<Fault> for Closed {
    fn from(error: Fault) -> Self {
        Self::Ours(error)
    }
}

impl From<sqlx::Error> for Closed {
    fn from(error: sqlx::Error) -> Self {
        Self::Ours(error.into())
    }
}

/// A mail ready to be sent.
struct Ready {
    to: Email,
    texts: Texts,
    link: String,
}

impl Postman {
    /// One that sends as the settings say.
    ///
    /// # Errors
    /// When the sender or the mail server is no address.
    pub(crate) fn new(identity: Identity, settings: &Settings) -> Result<Self, Fault> {
        Ok(Self {
            identity,
            post: Post::of(settings)?,
            letters: Letters::new().map_err(Fault::internal)?,
            sender: Sender::parse(&settings.mail_from).map_err(Fault::internal)?,
            public_url: settings.public_url.trim_end_matches('/').to_owned(),
        })
    }

    /// Sends what is due, until `shutdown`. A mail that is being sent then is sent to its end.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let mut heard = self.identity.db.signals().subscribe(store::mails::CHANNEL);
        let mut pause = FIRST_PAUSE;
        let mut closed = false;
        while !shutdown.is_cancelled() {
            let now = OffsetDateTime::now_utc();
            match self.round(now).await {
                Ok(Round::Done) => {
                    pause = FIRST_PAUSE;
                    if std::mem::take(&mut closed) {
                        tracing::info!("mails are sent again");
                    }
                }
                Ok(Round::Idle(next)) => {
                    let wait = next.map_or(POLL, |at| Span::try_from(at - now).unwrap_or_default().min(POLL));
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(wait) => {}
                        signal = heard.recv() => match signal {
                            Signal::Payload(_) | Signal::Missed => {}
                        },
                    }
                }
                Err(closed_by) => {
                    if !std::mem::replace(&mut closed, true) {
                        tracing::warn!(error = %closed_by, "mails wait; trying again");
                    }
                    if shutdown
                        .run_until_cancelled(tokio::time::sleep(pause))
                        .await
                        .is_none()
                    {
                        return;
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Sends the mail that is due longest.
    async fn round(&self, now: OffsetDateTime) -> Result<Round, Closed> {
        let mut tx = self.identity.db.unscoped().await?;
        let Some(mail) = store::mails::take(&mut tx, now, LEASE).await? else {
            return Ok(Round::Idle(store::mails::next_due(&mut tx).await?));
        };
        tx.commit().await?;
        if let Err(away) = self.post.reach().await {
            self.give_back(&mail, mail.attempts - 1, now).await?;
            return Err(Closed::Post(away));
        }
        let sent = match self.compose(&mail, now).await? {
            // Nobody is to get it.
            None => Ok(()),
            Some(Ready { to, texts, link }) => {
                let message = self
                    .sender
                    .write(mail.id, &to, &texts, self.post.encoding())
                    .map_err(Fault::internal)?;
                self.post.send(mail.id, message, Some(&link)).await
            }
        };
        match sent {
            Ok(()) => self.done(&mail).await?,
            Err(Failure::Refused(reason)) if mail.expires_at <= now => {
                tracing::error!(mail_id = %mail.id, reason, "a mail is given up: it was refused for too long");
                self.done(&mail).await?;
            }
            Err(Failure::Refused(reason)) => {
                tracing::warn!(mail_id = %mail.id, attempts = mail.attempts, reason, "a mail was refused; trying again");
                self.give_back(&mail, mail.attempts, now + wait_after(mail.attempts))
                    .await?;
            }
            Err(away @ Failure::Away(_)) => {
                self.give_back(&mail, mail.attempts - 1, now).await?;
                return Err(Closed::Post(away));
            }
        }
        Ok(Round::Done)
    }

    async fn done(&self, mail: &Mail) -> Result<(), Error> {
        let mut tx = self.identity.db.unscoped().await?;
        store::mails::done(&mut tx, mail.id).await?;
        Ok(tx.commit().await?)
    }

    async fn give_back(&self, mail: &Mail, attempts: i32, due_at: OffsetDateTime) -> Result<(), Error> {
        let mut tx = self.identity.db.unscoped().await?;
        store::mails::give_back(&mut tx, mail.id, attempts, due_at).await?;
        Ok(tx.commit().await?)
    }

    /// Writes the letter to the one it is for, making the secret of its link; none when it is for nobody.
    async fn compose(&self, mail: &Mail, now: OffsetDateTime) -> Result<Option<Ready>, Error> {
        if mail.expires_at <= now {
            tracing::warn!(mail_id = %mail.id, "a mail is given up: it could not be sent for too long");
            return Ok(None);
        }
        let Some(email) = Email::parse(&mail.recipient) else {
            return Ok(None);
        };
        match mail.letter {
            Letter::VerifyEmail => self.verify_email(&email, now).await,
            Letter::ResetPassword => self.reset_password(&email, now).await,
            Letter::PasswordChanged => self.password_changed(&email).await,
            Letter::Invitation { company_id, id } => self.invitation(email, company_id, id, now).await,
        }
    }

    async fn verify_email(&self, email: &Email, now: OffsetDateTime) -> Result<Option<Ready>, Error> {
        let Some((person, to)) = self.person(email).await? else {
            return Ok(None);
        };
        if person.email_verified_at.is_some() {
            return Ok(None);
        }
        let link = self
            .link(
                "verify-email",
                Purpose::VerifyEmail,
                &person,
                &to,
                now,
                VERIFY_LIFE,
            )
            .await?;
        let names = context! {
            name => person.first_name,
            link => safe(&link),
            hours => VERIFY_LIFE.whole_hours(),
        };
        self.ready(to, "verify_email", "Confirm your e-mail address", link, &names)
    }

    async fn reset_password(&self, email: &Email, now: OffsetDateTime) -> Result<Option<Ready>, Error> {
        let Some((person, to)) = self.person(email).await? else {
            return Ok(None);
        };
        let link = self
            .link(
                "reset-password",
                Purpose::ResetPassword,
                &person,
                &to,
                now,
                RESET_LIFE,
            )
            .await?;
        let names = context! {
            name => person.first_name,
            link => safe(&link),
            hours => RESET_LIFE.whole_hours(),
        };
        self.ready(to, "reset_password", "Set a new password", link, &names)
    }

    async fn password_changed(&self, email: &Email) -> Result<Option<Ready>, Error> {
        let Some((person, to)) = self.person(email).await? else {
            return Ok(None);
        };
        let link = format!("{}/", self.public_url);
        let names = context! { name => person.first_name, link => safe(&link) };
        self.ready(to, "password_changed", "Your password was changed", link, &names)
    }

    async fn invitation(
        &self,
        to: Email,
        company_id: Uuid,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<Ready>, Error> {
        let mut tx = self.identity.db.begin(&Caller::system(company_id)).await?;
        // It may have been accepted or taken back meanwhile.
        let invitation = store::invitations::get(&mut tx, company_id, id).await?;
        let company = store::companies::get(&mut tx, company_id).await?;
        let (Some(invitation), Some(company)) = (invitation, company) else {
            return Ok(None);
        };
        let Some(inviter) = store::people::get(&mut tx, invitation.invited_by).await? else {
            return Ok(None);
        };
        let secret = Secret::random()?;
        store::tokens::insert_invitation(&mut tx, &secret.hash(), &invitation, &to.key(), now).await?;
        tx.commit().await?;
        let link = self.link_to("accept-invitation", &secret);
        let subject = format!("{} invites you to {}", inviter.full_name(), company.name);
        let names = context! {
            inviter => inviter.full_name(),
            company => company.name,
            role => invitation.role,
            link => safe(&link),
            until => invitation.expires_at.date().to_string(),
        };
        self.ready(to, "invitation", &subject, link, &names)
    }

    /// The person behind an address, and the address as that person typed it: mail goes there, and not to what somebody
    /// else typed who may mean another mailbox.
    async fn person(&self, email: &Email) -> Result<Option<(Person, Email)>, Error> {
        let mut tx = self.identity.db.unscoped().await?;
        let person = store::people::by_email(&mut tx, email).await?;
        Ok(person.and_then(|person| {
            let to = Email::parse(&person.email)?;
            Some((person, to))
        }))
    }

    /// A link with a new secret that is good once and for `life`.
    async fn link(
        &self,
        page: &str,
        purpose: Purpose,
        person: &Person,
        to: &Email,
        now: OffsetDateTime,
        life: Duration,
    ) -> Result<String, Error> {
        let secret = Secret::random()?;
        let mut tx = self.identity.db.unscoped().await?;
        store::tokens::insert_mail(
            &mut tx,
            &secret.hash(),
            purpose,
            person.id,
            &to.key(),
            now,
            now + life,
        )
        .await?;
        tx.commit().await?;
        Ok(self.link_to(page, &secret))
    }

    fn link_to(&self, page: &str, secret: &Secret) -> String {
        format!("{}/{page}?token={}", self.public_url, secret.reveal())
    }

    fn ready(
        &self,
        to: Email,
        template: &str,
        subject: &str,
        link: String,
        names: &Value,
    ) -> Result<Option<Ready>, Error> {
        let texts = self
            .letters
            .write(template, subject.to_owned(), names)
            .map_err(|error: MailError| Fault::internal(error))?;
        Ok(Some(Ready { to, texts, link }))
    }
}

/// A link of ours stands in HTML as it is.
fn safe(link: &str) -> Value {
    Value::from_safe_string(link.to_owned())
}
