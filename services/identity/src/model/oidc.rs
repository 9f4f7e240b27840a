//! A company's identity provider, and what follows from a person whom it vouches for.

use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use super::email::Email;
use super::fields::Reader;

/// The longest issuer, client or secret, in characters.
const LONGEST: usize = 500;
/// More domains than any company has.
const MOST_DOMAINS: usize = 100;

/// A company's identity provider, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// Lower case.
    pub(crate) domains: Vec<String>,
    pub(crate) just_in_time: bool,
    /// Of members who join by signing in.
    pub(crate) role_id: Uuid,
    pub(crate) role: String,
    pub(crate) enforced: bool,
    pub(crate) updated_at: OffsetDateTime,
}

/// What is asked of a provider.
pub(crate) struct ProviderForm {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) domains: Vec<String>,
    pub(crate) just_in_time: bool,
    pub(crate) role: String,
    pub(crate) enforced: bool,
}

impl ProviderForm {
    /// The form with every field normalised, every bad one named.
    pub(crate) fn read(self) -> Result<Self, kontor_chassis::Error> {
        let Self {
            issuer,
            client_id,
            client_secret,
            domains,
            just_in_time,
            role,
            enforced,
        } = self;
        let mut reader = Reader::default();
        // As it is typed: its discovery document has to say the very same.
        let issuer = reader.required("issuer", &issuer, LONGEST).unwrap_or_default();
        let is_plain = Url::parse(&issuer).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        if !issuer.is_empty() && !is_plain {
            reader.refuse("issuer", "invalid_url", "An issuer is a link without a query.");
        }
        let client_id = reader
            .required("client_id", &client_id, LONGEST)
            .unwrap_or_default();
        let client_secret = reader.optional("client_secret", client_secret.as_deref(), LONGEST);
        if domains.is_empty() {
            reader.refuse(
                "domains",
                "required",
                "A provider vouches for the addresses of its domains.",
            );
        } else if domains.len() > MOST_DOMAINS {
            reader.refuse(
                "domains",
                "too_many",
                format!("At most {MOST_DOMAINS} domains are taken."),
            );
        }
        let domains = domains
            .iter()
            .filter_map(|typed| match Email::parse(&format!("x@{}", typed.trim())) {
                Some(email) => domain_of(email.as_str()).map(str::to_owned),
                None => {
                    reader.refuse("domains", "invalid_domain", format!("{typed} is no domain."));
                    None
                }
            })
            .collect();
        reader.finish()?;
        let role = Some(role.trim().to_owned()).filter(|role| !role.is_empty());
        Ok(Self {
            issuer,
            client_id,
            client_secret,
            domains,
            just_in_time,
            role: role.unwrap_or_else(|| "rep".to_owned()),
            enforced,
        })
    }
}

impl Provider {
    /// Whether it may vouch for this address.
    pub(crate) fn covers(&self, email: &Email) -> bool {
        domain_of(email.as_str())
            .is_some_and(|domain| self.domains.iter().any(|one| one.eq_ignore_ascii_case(domain)))
    }
}

fn domain_of(email: &str) -> Option<&str> {
    Some(email.rsplit_once('@')?.1)
}
