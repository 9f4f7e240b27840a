//! E-mail addresses in the one form in which they are stored and compared.

use std::fmt;

/// A normalised address: trimmed, lower case, its domain in ASCII form (RFC 5890).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email(String);

impl Email {
    /// Reads what a person typed. None when it can be no address that mail reaches: the local part is dot-atom text of
    /// at most 64 characters (RFC 5321), the domain has at least two labels, the whole has at most 254 characters.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let (local, domain) = typed.trim().rsplit_once('@')?;
        let local = local.to_ascii_lowercase();
        let domain = idna::domain_to_ascii_strict(domain).ok()?;
        let address = format!("{local}@{domain}");
        (is_dot_atom(&local) && local.len() <= 64 && is_host(&domain) && address.len() <= 254)
            .then_some(Self(address))
    }

    /// The address as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub(crate) fn local_part(&self) -> &str {
        self.0
            .rsplit_once('@')
            .map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_dot_atom(local: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

/// Two labels or more; the last one is no number, so that no IP address passes for a domain.
fn is_host(domain: &str) -> bool {
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && !top.bytes().all(|b| b.is_ascii_digit())
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63)
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_compared_without_case_blanks_and_script_of_its_domain() {
        let email = Email::parse("  Ada.Lovelace+crm@BÜCHER.Example ").unwrap();
        assert_eq!(email.as_str(), "ada.lovelace+crm@xn--bcher-kva.example");
        assert_eq!(email.local_part(), "ada.lovelace+crm");
    }

    #[test]
    fn what_no_mail_reaches_is_no_address() {
        let too_long = format!("{}@example.com", "a".repeat(65));
        for typed in [
            "",
            "@",
            "a@",
            "@example.com",
            "a b@example.com",
            "a@localhost",
            "a@example..com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@127.0.0.1",
            "a@-example.com",
            "a@example.com\n.",
            "a\0@example.com",
            "a@b@example.com",
            "zoë@example.com",
            too_long.as_str(),
        ] {
            assert_eq!(Email::parse(typed), None, "{typed:?}");
        }
    }
}
