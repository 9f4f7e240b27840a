//! What an installation decides: `KONTOR_…` environment variables over one TOML file over the defaults.
//!
//! The doc comments of the fields are the manual: `kontor doctor` prints them from [`Settings::manual`].

mod listen;
mod service;
mod switch;

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use listen::Listen;
pub use service::ServiceSettings;
pub use switch::Switch;

use crate::error::Error;

const PREFIX: &str = "KONTOR_";

/// One setting as it is in force, for `kontor doctor`. Passwords are struck out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The environment variable.
    pub variable: String,
    /// Its value.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $(#[serde($($serde:tt)+)])? $name:ident: $type:ty,)+) => {
        /// The settings of a process. See each field.
        #[derive(Clone, Deserialize)]
        pub struct Settings {
            $($(#[doc = $doc])+ $(#[serde($($serde)+)])? pub $name: $type,)+
            /// Where they came from, with the settings of single services.
            #[serde(skip)]
            figment: Figment,
        }

        const MANUAL: &[(&str, &str)] = &[$((stringify!($name), concat!($($doc),+)),)+];
    };
}

settings! {
    /// The database of all services, each of which logs in as its own role `kontor_<service>` with this URL's password.
    /// `KONTOR_<SERVICE>_DATABASE_URL` wins over it for one service. Default: the private server of `kontor up`.
    database_url: Option<String>,
    /// The database as a role that may create schemas and roles; used by `kontor migrate` alone.
    migrate_database_url: Option<String>,
    /// Connections that each service may hold. Default 10.
    #[serde(default = "default_connections")]
    database_connections: u32,
    /// `amqp://user:password@host:port/vhost` or `in-process` (for `serve all` only, and its default).
    events: Option<String>,
    /// Where the gateway listens for REST and the web pages. Default 127.0.0.1:8080.
    #[serde(default = "default_gateway_listen")]
    gateway_listen: Listen,
    /// Where `/healthz`, `/readyz` and `/metrics` of this process are. Default: the listen port + 1000.
    admin_listen: Option<Listen>,
    /// The folder of the signing keys (identity alone reads the private ones) and of the key that services prove
    /// themselves with to one another. Default .kontor/keys.
    #[serde(default = "default_keys_dir")]
    keys_dir: PathBuf,
    /// Where people reach the suite; links in mails begin with it. Default http://127.0.0.1:8080.
    #[serde(default = "default_public_url")]
    public_url: String,
    /// `smtps://user:password@host`, `smtp://host?tls=required` (STARTTLS) or `smtp://host` (no TLS); without it, mails are
    /// `.eml` files in `KONTOR_MAIL_DIR`.
    smtp_url: Option<String>,
    /// The sender of mails. Default Kontor <kontor@localhost>.
    #[serde(default = "default_mail_from")]
    mail_from: String,
    /// The folder of mails that are not sent by SMTP. Default .kontor/mail.
    #[serde(default = "default_mail_dir")]
    mail_dir: PathBuf,
    /// An OpenTelemetry collector, `http://host:4317` (OTLP over gRPC); without it no traces and metrics are exported.
    otlp_endpoint: Option<String>,
    /// What is logged: a level, or directives as `info,sqlx=debug`. Default info.
    #[serde(default = "default_log")]
    log: String,
    /// `text` or `json`. Default: text on a terminal, else json.
    log_format: Option<LogFormat>,
    /// `off` for load tests. Default on.
    #[serde(default = "switch::on", deserialize_with = "switch::read")]
    rate_limits: bool,
    /// The life of an access token in seconds. Default 600.
    #[serde(default = "default_access_token_seconds")]
    access_token_seconds: u32,
    /// gRPC reflection. Default on.
    #[serde(default = "switch::on", deserialize_with = "switch::read")]
    reflection: bool,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn default_connections() -> u32 {
    10
}
fn default_gateway_listen() -> Listen {
    Listen::local(8080)
}
fn default_keys_dir() -> PathBuf {
    ".kontor/keys".into()
}
fn default_public_url() -> String {
    "http://127.0.0.1:8080".into()
}
fn default_mail_from() -> String {
    "Kontor <kontor@localhost>".into()
}
fn default_mail_dir() -> PathBuf {
    ".kontor/mail".into()
}
fn default_log() -> String {
    "info".into()
}
fn default_access_token_seconds() -> u32 {
    600
}

impl Settings {
    /// Reads the environment over the TOML file (keys as the variables, without `KONTOR_`, in lower case).
    ///
    /// # Errors
    /// When the file isn't there or a value can't be read; the message names the setting.
    pub fn load(config: Option<&Path>) -> Result<Self, Error> {
        Self::load_over(config, std::iter::empty::<(&str, &str)>())
    }

    /// As [`Self::load`], with other defaults (keys as in the file), over which both win.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_over<K: Into<String>, V: Into<String>>(
        config: Option<&Path>,
        defaults: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let mut figment = given("the command's own choice", defaults);
        if let Some(path) = config {
            figment = figment.merge(Toml::file_exact(path));
        }
        Self::extract(figment.merge(Env::prefixed(PREFIX)))
    }

    /// From these pairs alone (keys as in the file), for tests and tools.
    ///
    /// # Errors
    /// When a value can't be read.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        Self::extract(given("given", pairs))
    }

    fn extract(figment: Figment) -> Result<Self, Error> {
        let mut settings: Self = figment.extract().map_err(|error| unreadable(&error))?;
        settings.figment = figment;
        Ok(settings)
    }

    /// A setting that is a service's own business, by its key (`KONTOR_IMPORT_MAX_BYTES` is `import_max_bytes`).
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        match self.figment.extract_inner(key) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.missing() => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// The settings of a service: its database, where it listens, where the others find it.
    ///
    /// # Errors
    /// When one can't be read.
    pub fn service(&self, name: &'static str, default_port: u16) -> Result<ServiceSettings, Error> {
        service::read(self, name, default_port)
    }

    /// Every variable that belongs to the suite as a whole, with its manual.
    pub fn manual() -> impl Iterator<Item = (String, &'static str)> {
        MANUAL.iter().map(|(key, manual)| (variable(key), manual.trim()))
    }

    /// What is set, by whom, also what no service knows. Passwords are struck out.
    #[must_use]
    pub fn in_force(&self) -> Vec<InForce> {
        let Ok(all) = self.figment.extract::<figment::value::Dict>() else {
            return Vec::new();
        };
        let source = |key: &str| {
            self.figment
                .find_metadata(key)
                .map_or_else(String::new, |metadata| match &metadata.source {
                    Some(source) => source.to_string(),
                    None => metadata.name.to_string(),
                })
        };
        all.iter()
            .map(|(key, value)| InForce {
                variable: variable(key),
                value: shown(value),
                source: source(key),
            })
            .collect()
    }
}

impl std::fmt::Debug for Settings {
    /// Passwords are struck out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.in_force()).finish()
    }
}

fn given<K: Into<String>, V: Into<String>>(
    name: &'static str,
    pairs: impl IntoIterator<Item = (K, V)>,
) -> Figment {
    let dict: figment::value::Dict = pairs
        .into_iter()
        // Read as the environment's values are: `600` is a number.
        .map(|(key, value)| {
            (
                key.into(),
                value
                    .into()
                    .parse()
                    .unwrap_or_else(|never: std::convert::Infallible| match never {}),
            )
        })
        .collect();
    Figment::from(service::Named { name, dict })
}

fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase())
}

fn unreadable(error: &figment::Error) -> Error {
    let variables: Vec<_> = error.path.iter().map(|key| variable(key)).collect();
    Error::internal(format!(
        "the setting {} can't be read: {}",
        variables.join("."),
        error.kind
    ))
}

fn shown(value: &figment::value::Value) -> String {
    let text = match value {
        figment::value::Value::String(_, text) => text.clone(),
        figment::value::Value::Num(_, number) => number
            .to_u128()
            .map_or_else(|| format!("{number:?}"), |n| n.to_string()),
        figment::value::Value::Bool(_, yes) => yes.to_string(),
        other => format!("{other:?}"),
    };
    without_password(&text)
}

/// The URL with its password struck out; any other text as it is.
#[must_use]
pub fn without_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else {
        return text.to_owned();
    };
    if url.password().is_some() && url.set_password(Some("***")).is_ok() {
        url.into()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
