//! E-mail addresses: kept as they were typed, compared in one form.

use std::fmt;

use email_address::{EmailAddress, Options};

/// An address that mail may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Email {
    typed: String,
    /// What stands before the `@`, as typed.
    local: String,
    /// What stands behind it, in ASCII and lower case (RFC 5890).
    domain: String,
}

impl Email {
    /// Reads what a person typed. None when it can be no address that mail reaches from everywhere: RFC 5321 as the crate
    /// `email_address` reads it, without address literals, with a domain of at least two labels, in ASCII before the `@`,
    /// at most 254 characters.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        let (local, domain) = typed.rsplit_once('@')?;
        let domain = idna::domain_to_ascii_strict(domain).ok()?;
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        let address = format!("{local}@{domain}");
        EmailAddress::parse_with_options(&address, options).ok()?;
        (local.is_ascii() && address.len() <= 254 && !ends_in_a_number(&domain)).then(|| Self {
            typed: typed.to_owned(),
            local: local.to_owned(),
            domain,
        })
    }

    /// The address as it was typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.typed
    }

    /// The form in which addresses are compared: who differs in case or in the script of the domain alone is the same.
    pub(crate) fn key(&self) -> String {
        format!("{}@{}", self.local.to_ascii_lowercase(), self.domain)
    }

    /// What stands before the `@`, as typed.
    pub(crate) fn local_part(&self) -> &str {
        &self.local
    }

    /// What stands behind the `@`, in ASCII.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

/// No domain does, but every IPv4 address.
fn ends_in_a_number(domain: &str) -> bool {
    domain
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::Email;

    #[test]
    fn an_address_is_kept_as_typed_and_compared_without_case_and_script_of_its_domain() {
        let email = Email::parse("  Ada.Lovelace+crm@BÜCHER.Example ").unwrap();
        assert_eq!(email.as_str(), "Ada.Lovelace+crm@BÜCHER.Example");
        assert_eq!(email.key(), "ada.lovelace+crm@xn--bcher-kva.example");
        assert_eq!(
            (email.local_part(), email.domain()),
            ("Ada.Lovelace+crm", "xn--bcher-kva.example")
        );
    }

    #[test]
    fn what_rfc_5321_takes_in_practice_is_taken() {
        for typed in [
            "o'brien@example.ie",
            "a@b.co",
            "first.last+tag@sub.example.museum",
            "#!$%&'*+-/=?^_`{}|~@example.org",
            "\"ada lovelace\"@example.com",
            "1234567890@example.com",
            "ada@xn--bcher-kva.example",
        ] {
            assert!(Email::parse(typed).is_some(), "{typed:?}");
        }
    }

    #[test]
    fn what_no_mail_reaches_is_no_address() {
        let too_long = format!("{}@example.com", "a".repeat(65));
        let far_too_long = format!("a@{}.example", ["b".repeat(60).as_str(); 5].join("."));
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
            "a@[127.0.0.1]",
            "a@-example.com",
            "a@example.com\n.",
            "a\0@example.com",
            "a@b@example.com",
            "zoë@example.com",
            "Ada <ada@example.com>",
            too_long.as_str(),
            far_too_long.as_str(),
        ] {
            assert_eq!(Email::parse(typed), None, "{typed:?}");
        }
    }
}
