//! A mail server that keeps what it gets: as much of RFC 5321 as a client needs to deliver a mail.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// A mail as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Headers and body.
    pub(crate) data: String,
}

/// A running server. It is gone when it is dropped.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
    /// How many more mails are refused for now.
    refusals: Arc<Mutex<u32>>,
    task: AbortHandle,
}

impl MailServer {
    /// Listens on a free port, or again on one of before.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (received, refusals) = (Arc::default(), Arc::default());
        let (kept, refused) = (Arc::clone(&received), Arc::clone(&refusals));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, Arc::clone(&kept), Arc::clone(&refused)));
            }
        })
        .abort_handle();
        Self {
            port,
            received,
            refusals,
            task,
        }
    }

    /// A port at which nobody listens, and nobody else will.
    pub(crate) async fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    }

    pub(crate) fn url(port: u16) -> String {
        format!("smtp://127.0.0.1:{port}")
    }

    /// Answers the next mails with 451.
    pub(crate) fn refuse(&self, mails: u32) {
        *self.refusals.lock().unwrap() = mails;
    }

    /// What came for an address.
    pub(crate) fn to(&self, address: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        let is_to = |mail: &&Received| mail.to.iter().any(|to| to == address);
        received.iter().filter(is_to).cloned().collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    stream: TcpStream,
    kept: Arc<Mutex<Vec<Received>>>,
    refusals: Arc<Mutex<u32>>,
) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let (mut from, mut to) = (String::new(), Vec::new());
    writer.write_all(b"220 mail.test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let path = || {
            let path = line.split('<').nth(1).and_then(|rest| rest.split('>').next());
            path.unwrap_or_default().to_owned()
        };
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.test\r\n250 8BITMIME",
            "NOOP" | "RSET" => "250 OK",
            "MAIL" => {
                (from, to) = (path(), Vec::new());
                "250 OK"
            }
            "RCPT" => {
                let mut refusals = refusals.lock().unwrap();
                if *refusals > 0 {
                    *refusals -= 1;
                    "451 not now"
                } else {
                    to.push(path());
                    "250 OK"
                }
            }
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await?;
                let mut data = String::new();
                while let Some(line) = lines.next_line().await?
                    && line != "."
                {
                    // A leading dot is doubled on its way.
                    data.push_str(line.strip_prefix('.').unwrap_or(&line));
                    data.push_str("\r\n");
                }
                kept.lock().unwrap().push(Received {
                    from: from.clone(),
                    to: to.clone(),
                    data,
                });
                "250 kept"
            }
            "QUIT" => {
                writer.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 unknown",
        };
        writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}
