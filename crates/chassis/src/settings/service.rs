//! The settings of one service.

use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};
use url::Url;

use super::{Listen, Settings, variable};
use crate::error::Error;

/// The settings of one service.
#[derive(Clone)]
pub struct ServiceSettings {
    /// Its name, which is also its schema's.
    pub name: &'static str,
    /// Its database, with its own login role.
    pub database_url: Option<String>,
    /// Where it listens.
    pub listen: Listen,
    /// Where the others find it.
    pub url: String,
    /// Where its admin port is when it has a process to itself.
    pub admin_listen: Listen,
}

impl ServiceSettings {
    /// The database, which must be set by now.
    ///
    /// # Errors
    /// When none is set; the message names the settings.
    pub fn database_url(&self) -> Result<&str, Error> {
        self.database_url.as_deref().ok_or_else(|| {
            let own = variable(&format!("{}_database_url", self.name));
            Error::internal(format!(
                "no database is set for {}: set KONTOR_DATABASE_URL or {own}",
                self.name
            ))
        })
    }
}

impl std::fmt::Debug for ServiceSettings {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceSettings")
            .field("name", &self.name)
            .field(
                "database_url",
                &self.database_url.as_deref().map(super::without_password),
            )
            .field("listen", &self.listen)
            .field("url", &self.url)
            .field("admin_listen", &self.admin_listen)
            .finish()
    }
}

pub(super) fn read(
    settings: &Settings,
    name: &'static str,
    default_port: u16,
) -> Result<ServiceSettings, Error> {
    let database_url = match settings.get(&format!("{name}_database_url"))? {
        Some(own) => Some(own),
        None => settings
            .database_url
            .as_deref()
            .map(|url| as_role_of(url, name))
            .transpose()?,
    };
    let listen: Listen = settings
        .get(&format!("{name}_listen"))?
        .unwrap_or_else(|| Listen::local(default_port));
    let url = settings
        .get(&format!("{name}_url"))?
        .unwrap_or_else(|| listen.url());
    let admin_listen = settings.admin_listen.clone().unwrap_or_else(|| listen.admin());
    Ok(ServiceSettings {
        name,
        database_url,
        listen,
        url,
        admin_listen,
    })
}

/// The same database as the service's own login role; the password is kept.
fn as_role_of(url: &str, name: &str) -> Result<String, Error> {
    let wrong = || {
        Error::internal(
            "the setting KONTOR_DATABASE_URL is not a URL as postgres://user:password@host/database",
        )
    };
    let mut url = Url::parse(url).map_err(|_| wrong())?;
    url.set_username(&format!("kontor_{name}"))
        .map_err(|()| wrong())?;
    Ok(url.into())
}

/// Settings that neither the environment nor a file gave.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) dict: Dict,
}

impl Provider for Named {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}
