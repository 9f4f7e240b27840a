//! Mails, written as `.eml` files into a folder.

use std::path::PathBuf;
use std::sync::Arc;

use lettre::Message;
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};

use crate::model::email::Email;
use crate::secret::Secret;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// The sender of the settings or the address of the person is none that a mail can carry.
    #[error("an address can't stand in a mail: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// The mail could not be built.
    #[error("a mail can't be built: {0}")]
    Build(#[from] lettre::error::Error),
    /// The file could not be written.
    #[error("a mail can't be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Where mails go and what their links begin with.
#[derive(Clone)]
pub(crate) struct Mailer {
    folder: Arc<PathBuf>,
    from: Mailbox,
    public_url: Arc<str>,
}

impl Mailer {
    /// A mailer that writes into `folder` (made when the first mail comes). Links begin with `public_url`, never with what
    /// a request calls the host.
    pub(crate) fn new(folder: PathBuf, from: &str, public_url: &str) -> Result<Self, MailError> {
        let public_url = public_url.trim_end_matches('/').into();
        Ok(Self {
            folder: Arc::new(folder),
            from: from.parse()?,
            public_url,
        })
    }

    /// Sends the link that proves an address.
    pub(crate) async fn verify_email(&self, to: &Email, name: &str, token: &Secret) -> Result<(), MailError> {
        let link = format!("{}/verify-email?token={}", self.public_url, token.reveal());
        let body = format!(
            "Hello {name},\n\nplease confirm that this is your address:\n\n{link}\n\n\
             The link is good once and for two days. If you did not sign up, forget this mail.\n",
        );
        self.send(to, "Confirm your e-mail address", &body).await
    }

    async fn send(&self, to: &Email, subject: &str, body: &str) -> Result<(), MailError> {
        let mail = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.as_str().parse()?))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(encoded(body))?;
        tokio::fs::create_dir_all(self.folder.as_path()).await?;
        // Written beside and renamed, so that whoever watches the folder never reads half a mail.
        let id = uuid::Uuid::now_v7();
        let draft = self.folder.join(format!(".{id}.draft"));
        tokio::fs::write(&draft, mail.formatted()).await?;
        tokio::fs::rename(&draft, self.folder.join(format!("{id}.eml"))).await?;
        Ok(())
    }
}

/// The longest line of a mail, RFC 5322, 2.1.1.
const LONGEST_LINE: usize = 998;

/// As it is when a mail can carry that, so that a link stays in one piece for whoever reads the file; else encoded.
fn encoded(body: &str) -> Body {
    let body = body.replace('\n', "\r\n");
    if body.is_ascii() && body.lines().all(|line| line.len() <= LONGEST_LINE) {
        return Body::dangerous_pre_encoded(body.into_bytes(), ContentTransferEncoding::SevenBit);
    }
    Body::new(body)
}
