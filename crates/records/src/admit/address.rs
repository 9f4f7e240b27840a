//! E-mail addresses and links.

use url::{Host, Url};

use super::Fault;

/// An addr-spec with a domain of the internet, kept as written; addresses are compared without case.
pub(super) fn email(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new("invalid_email", "This is no e-mail address.");
    let (local, domain) = text.rsplit_once('@').ok_or_else(fault)?;
    if !is_local_part(local) || !is_domain(domain) {
        return Err(fault());
    }
    Ok(text.to_owned())
}

/// RFC 5322 dot-atom, with the letters of RFC 6531; or a quoted string of printable characters.
fn is_local_part(local: &str) -> bool {
    if local.is_empty() || local.len() > 64 {
        return false;
    }
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return !quoted.is_empty()
            && quoted
                .chars()
                .all(|c| !matches!(c, '"' | '\\') && !c.is_control());
    }
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom
                .chars()
                .all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c))
    })
}

/// Two labels or more, each valid under IDNA, the last one not a number.
fn is_domain(domain: &str) -> bool {
    let Ok(ascii) = idna::domain_to_ascii_strict(domain) else {
        return false;
    };
    let labels: Vec<&str> = ascii.split('.').collect();
    let label = |label: &&str| !label.is_empty() && label.len() <= 63;
    ascii.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(label)
        && labels
            .last()
            .is_some_and(|top| top.len() >= 2 && !top.bytes().all(|b| b.is_ascii_digit()))
}

/// An `http` or `https` URL with a host; `https://` is put before one without a scheme. Otherwise kept as written.
pub(super) fn link(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new("invalid_url", "This is no http or https link.");
    if text.chars().any(char::is_whitespace) {
        return Err(fault());
    }
    let whole = if has_scheme(text) {
        text.to_owned()
    } else {
        format!("https://{}", text.trim_start_matches('/'))
    };
    let url = Url::parse(&whole).map_err(|_| fault())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault());
    }
    let real = match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost" || is_domain(domain.trim_end_matches('.')),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    if real { Ok(whole) } else { Err(fault()) }
}

/// `javascript:…`, `ftp://…` and `mailto:…` have one; `example.com:8080/x` has a port.
fn has_scheme(text: &str) -> bool {
    if text.contains("://") {
        return true;
    }
    let Some((before, after)) = text.split_once(':') else {
        return false;
    };
    let scheme = before.starts_with(|c: char| c.is_ascii_alphabetic())
        && before
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let port = after.split(['/', '?', '#']).next().unwrap_or_default();
    scheme && (port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
}

/// The host of a link, in lower case and without `www.`: what records of the same company have in common.
#[must_use]
pub fn domain_of(link: &str) -> Option<String> {
    let host = Url::parse(link).ok()?.host_str()?.to_lowercase();
    Some(host.strip_prefix("www.").unwrap_or(&host).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_local_part_and_a_real_domain() {
        for good in [
            "jane@example.com",
            "Jane.O'Brien+crm@Example.CO.UK",
            "用户@例え.テスト",
            "jane@bücher.de",
            "\"jane doe\"@example.com",
            "a@b.co",
        ] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "jane",
            "jane@",
            "@example.com",
            "jane@example",
            "jane@example..com",
            "jane doe@example.com",
            ".jane@example.com",
            "jane.@example.com",
            "ja..ne@example.com",
            "jane@-example.com",
            "jane@exa_mple.com",
            "jane@127.0.0.1",
            "jane@@example.com",
            "jane@example.com.",
            "jane@exam ple.com",
            "<jane@example.com>",
            "jane@example.c",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert_eq!(email("Jane@EXAMPLE.com").unwrap(), "Jane@EXAMPLE.com");
    }

    #[test]
    fn links_are_http_and_get_a_scheme_when_they_have_none() {
        assert_eq!(link("example.com").unwrap(), "https://example.com");
        assert_eq!(
            link("www.example.com:8080/a?b#c").unwrap(),
            "https://www.example.com:8080/a?b#c"
        );
        assert_eq!(link("http://example.com").unwrap(), "http://example.com");
        assert_eq!(link("//example.com/x").unwrap(), "https://example.com/x");
        assert_eq!(link("https://bücher.de").unwrap(), "https://bücher.de");
        for bad in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "ftp://example.com",
            "mailto:a@example.com",
            "data:text/html,x",
            "https://",
            "http:///x",
            "not a link",
            "example",
            "file:///etc/passwd",
        ] {
            assert!(link(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_domain_is_the_host_without_www() {
        assert_eq!(
            domain_of("https://WWW.Example.com/x").as_deref(),
            Some("example.com")
        );
    }
}
