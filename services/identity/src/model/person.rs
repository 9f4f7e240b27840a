//! A person, and what the person may change of it.

use time::OffsetDateTime;
use uuid::Uuid;

use super::fields::Reader;

/// A person, without the password.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) email_verified_at: Option<OffsetDateTime>,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) phone: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) avatar_url: Option<String>,
    /// Whether signing in asks for a code.
    pub(crate) totp_enabled: bool,
    pub(crate) version: i64,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
}

/// The longest name, title or company name, in characters.
pub(crate) const LONGEST_NAME: usize = 100;

impl Person {
    /// First and last name.
    pub(crate) fn full_name(&self) -> String {
        full_name(&self.first_name, &self.last_name)
    }
}

/// First and last name.
pub(crate) fn full_name(first: &str, last: &str) -> String {
    format!("{first} {last}").trim().to_owned()
}

/// What a person asks to change of oneself: outer `None` is not asked, inner `None` is cleared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PersonChange {
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) phone: Option<Option<String>>,
    pub(crate) job_title: Option<Option<String>>,
    pub(crate) time_zone: Option<Option<String>>,
    pub(crate) locale: Option<Option<String>>,
    pub(crate) avatar_url: Option<Option<String>>,
}

impl PersonChange {
    /// The person after the change, every bad field named.
    pub(crate) fn apply(self, person: &Person, now: OffsetDateTime) -> Result<Person, kontor_chassis::Error> {
        let Self {
            first_name,
            last_name,
            phone,
            job_title,
            time_zone,
            locale,
            avatar_url,
        } = self;
        let mut reader = Reader::default();
        let mut after = person.clone();
        if let Some(name) = first_name {
            after.first_name = reader
                .required("first_name", &name, LONGEST_NAME)
                .unwrap_or_default();
        }
        if let Some(name) = last_name {
            after.last_name = reader
                .required("last_name", &name, LONGEST_NAME)
                .unwrap_or_default();
        }
        if let Some(phone) = phone {
            after.phone = reader.phone("phone", phone.as_deref());
        }
        if let Some(title) = job_title {
            after.job_title = reader.optional("job_title", title.as_deref(), LONGEST_NAME);
        }
        if let Some(zone) = time_zone {
            after.time_zone = zone.and_then(|zone| reader.time_zone("time_zone", &zone));
        }
        if let Some(locale) = locale {
            after.locale = locale.and_then(|locale| reader.locale("locale", &locale));
        }
        if let Some(url) = avatar_url {
            after.avatar_url = reader.link("avatar_url", url.as_deref());
        }
        reader.finish()?;
        if after != *person {
            after.version += 1;
            after.updated_at = now;
        }
        Ok(after)
    }
}
