//! What stands in `.kontor`: the private servers of `kontor up`, their passwords, and how others find them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use kontor_chassis::settings::Settings;

use crate::servers::{Passwords, Postgres};
use crate::suite::SERVICES;

/// Settings chosen by a command, by their keys; the environment and the file win over them.
pub type Choices = Vec<(String, String)>;

/// The folder of everything private, in the working directory.
#[must_use]
pub fn home() -> PathBuf {
    PathBuf::from(".kontor")
}

/// Whether the environment or the file says where a database is.
///
/// # Errors
/// When a setting can't be read.
pub fn names_a_database(settings: &Settings) -> Result<bool> {
    if settings.database_url.is_some() {
        return Ok(true);
    }
    for service in &SERVICES {
        let own: Option<String> = settings
            .get(&format!("{}_database_url", service.name))
            .map_err(crate::explain)?;
        if own.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where each service and the migration find the private server `at`.
///
/// # Errors
/// When the passwords can't be read or made.
pub fn database_choices(home: &Path, at: &Postgres) -> Result<Choices> {
    let passwords = Passwords::of_file(home.join("passwords.json"));
    let mut choices = vec![("migrate_database_url".to_owned(), at.admin_url())];
    for service in &SERVICES {
        let role = format!("kontor_{}", service.name);
        let url = at.url(&role, &passwords.of(&role)?, "kontor");
        choices.push((format!("{}_database_url", service.name), url));
    }
    Ok(choices)
}

/// The settings, with the private server's database where none is named and `kontor up` has made one here.
///
/// # Errors
/// When a setting or the passwords can't be read.
pub fn settings(config: Option<&Path>) -> Result<Settings> {
    let settings = Settings::load(config).map_err(crate::explain)?;
    if names_a_database(&settings)? {
        return Ok(settings);
    }
    match Postgres::known(&home())? {
        Some(server) => {
            Settings::load_over(config, database_choices(&home(), &server)?).map_err(crate::explain)
        }
        None => Ok(settings),
    }
}
