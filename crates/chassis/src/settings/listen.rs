//! An address to listen at.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// A host name or address, and a port: `127.0.0.1:50051`, `localhost:8080`, `[::]:50051`. Port 0 takes any free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    host: String,
    /// The port.
    pub port: u16,
}

impl Listen {
    /// A port of this machine alone.
    #[must_use]
    pub fn local(port: u16) -> Self {
        Self {
            host: "127.0.0.1".into(),
            port,
        }
    }

    /// The same host at another port.
    #[must_use]
    pub fn at_port(&self, port: u16) -> Self {
        Self {
            host: self.host.clone(),
            port,
        }
    }

    /// Where the admin port of what listens here is by default: 1000 above, and any free one beside any free one.
    #[must_use]
    pub fn admin(&self) -> Self {
        self.at_port(match self.port {
            0 => 0,
            // Above the last port there is none: go below instead.
            port => port.checked_add(1000).unwrap_or_else(|| port - 1000),
        })
    }

    /// The URL by which a program on this machine reaches it.
    #[must_use]
    pub fn url(&self) -> String {
        let host = match self.host.as_str() {
            "0.0.0.0" => "127.0.0.1",
            "[::]" => "[::1]",
            host => host,
        };
        format!("http://{host}:{}", self.port)
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an address and port as 127.0.0.1:50051");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
            return Err(wrong());
        }
        Ok(Self {
            host: host.to_owned(),
            port: port.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
