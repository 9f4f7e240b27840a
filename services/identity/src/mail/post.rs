//! Where mails leave the house.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kontor_chassis::settings::Settings;
use lettre::message::Body;
use lettre::message::header::ContentTransferEncoding;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use uuid::Uuid;

use super::MailError;

/// How long a mail server may take for each step of a conversation.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one mail may take in all. Who takes a mail has it for longer than that.
const LONGEST: Duration = Duration::from_secs(60);

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The way out is closed, for every mail.
    #[error("no mail can be sent: {0}")]
    Away(String),
    /// The mail server did not take this mail.
    #[error("the mail server did not take the mail: {0}")]
    Refused(String),
}

/// The way out.
#[derive(Clone)]
pub(crate) enum Post {
    /// A mail server.
    Server(AsyncSmtpTransport<Tokio1Executor>),
    /// A folder, for who develops.
    Folder {
        /// The folder; made when the first mail comes.
        folder: Arc<PathBuf>,
        /// Whether the link of each mail is written to the log.
        prints_links: bool,
    },
}

impl Post {
    /// The server of `KONTOR_SMTP_URL`, else the folder `KONTOR_MAIL_DIR`. `KONTOR_PRINT_LINKS` (true or false, default
    /// false; `kontor up` sets it) writes the links of mails to the log too, for as long as they go to the folder.
    pub(crate) fn of(settings: &Settings) -> Result<Self, kontor_chassis::Error> {
        if let Some(url) = &settings.smtp_url {
            let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                .map_err(|_| kontor_chassis::Error::internal(MailError::Url))?;
            return Ok(Self::Server(server.timeout(Some(PATIENCE)).build()));
        }
        Ok(Self::Folder {
            folder: Arc::new(settings.mail_dir.clone()),
            prints_links: settings.get("print_links")?.unwrap_or(false),
        })
    }

    /// Whether mails can be sent now. To be asked before the secret of a link is made for one.
    pub(crate) async fn reach(&self) -> Result<(), Failure> {
        match self {
            Self::Server(server) => match tokio::time::timeout(LONGEST, server.test_connection()).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => Err(Failure::Away("the mail server is not ready".to_owned())),
                Ok(Err(error)) => Err(Failure::Away(chain(&error))),
                Err(_) => Err(Failure::Away("the mail server does not answer".to_owned())),
            },
            Self::Folder { folder, .. } => tokio::fs::create_dir_all(folder.as_path())
                .await
                .map_err(|error| Failure::Away(error.to_string())),
        }
    }

    /// Sends a mail; `link` is the one that stands in it.
    pub(crate) async fn send(&self, id: Uuid, mail: Message, link: Option<&str>) -> Result<(), Failure> {
        match self {
            Self::Server(server) => match tokio::time::timeout(LONGEST, server.send(mail)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) if error.is_permanent() || error.is_transient() || error.is_client() => {
                    // What a server says in words holds the person's address.
                    Err(Failure::Refused(
                        error
                            .status()
                            .map_or_else(|| chain(&error), |code| code.to_string()),
                    ))
                }
                Ok(Err(error)) => Err(Failure::Away(chain(&error))),
                Err(_) => Err(Failure::Away("the mail server does not answer".to_owned())),
            },
            Self::Folder { folder, prints_links } => {
                // Written beside and renamed, so that whoever watches the folder never reads half a mail.
                let draft = folder.join(format!(".{id}.draft"));
                let write = async {
                    tokio::fs::write(&draft, mail.formatted()).await?;
                    tokio::fs::rename(&draft, folder.join(format!("{id}.eml"))).await
                };
                write.await.map_err(|error| Failure::Away(error.to_string()))?;
                if let Some(link) = link.filter(|_| *prints_links) {
                    tracing::info!(link, "a mail is written; its link is");
                }
                Ok(())
            }
        }
    }

    /// How the parts of a mail are encoded for this way.
    pub(crate) fn encoding(&self) -> fn(&str) -> Body {
        match self {
            Self::Server(_) => |content| Body::new(content.to_owned()),
            Self::Folder { .. } => readable,
        }
    }
}

/// As it is when a mail can carry that, so that a link stays in one piece for whoever reads the file.
fn readable(content: &str) -> Body {
    /// The longest line of a mail, RFC 5322, 2.1.1.
    const LONGEST_LINE: usize = 998;
    if content.lines().any(|line| line.len() > LONGEST_LINE) {
        return Body::new(content.to_owned());
    }
    let encoding = if content.is_ascii() {
        ContentTransferEncoding::SevenBit
    } else {
        ContentTransferEncoding::EightBit
    };
    Body::dangerous_pre_encoded(content.as_bytes().to_vec(), encoding)
}

fn chain(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
