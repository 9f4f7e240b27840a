//! How a letter becomes a mail, and how a mail leaves the house: by SMTP, or as a file where there is no mail server.

mod post;
mod text;

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use uuid::Uuid;

pub(crate) use post::{Failure, Post};
pub(crate) use text::{Letters, Texts};

use crate::model::email::Email;

/// Why a mail can't be made. A fault of ours or of the settings, not of the person's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// The sender of the settings or the address of the person is none that a mail can carry.
    #[error("an address can't stand in a mail: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// The mail could not be built.
    #[error("a mail can't be built: {0}")]
    Build(#[from] lettre::error::Error),
    /// The text could not be made.
    #[error("the text of a mail can't be made: {0}")]
    Text(#[from] minijinja::Error),
    /// The setting can't be read. It is not repeated, as it holds a password.
    #[error("KONTOR_SMTP_URL is no address like smtps://user:password@host")]
    Url,
}

/// Who writes.
#[derive(Clone, Debug)]
pub(crate) struct Sender(Mailbox);

impl Sender {
    /// Reads `Name <address>`, or an address.
    pub(crate) fn parse(text: &str) -> Result<Self, MailError> {
        Ok(Self(text.parse()?))
    }

    /// A mail as text and as HTML. Its id is made of the row's, so that who gets it twice can tell.
    pub(crate) fn write(
        &self,
        id: Uuid,
        to: &Email,
        texts: &Texts,
        encode: fn(&str) -> lettre::message::Body,
    ) -> Result<Message, MailError> {
        let Texts { subject, text, html } = texts;
        let to = Address::new(to.local_part(), to.domain())?;
        let part = |content_type: lettre::message::header::ContentType, content: &str| {
            SinglePart::builder()
                .header(content_type)
                .body(encode(&content.replace('\n', "\r\n")))
        };
        let mut mail = Message::builder()
            .from(self.0.clone())
            .to(Mailbox::new(None, to))
            .subject(subject.as_str())
            .message_id(Some(format!("<{id}@{}>", self.0.email.domain())))
            .multipart(
                MultiPart::alternative()
                    .singlepart(part(lettre::message::header::ContentType::TEXT_PLAIN, text))
                    .singlepart(part(lettre::message::header::ContentType::TEXT_HTML, html)),
            )?;
        // No vacation program answers to a machine (RFC 3834).
        mail.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        Ok(mail)
    }
}
