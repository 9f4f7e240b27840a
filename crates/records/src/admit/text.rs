//! Text of every form.

use super::{Fault, address, codes, without_nul};
use crate::leaf::{Form, Leaf};
use crate::value::Value;

/// A text as it is kept: free text exactly as it was given, any other by its form; not too long, and nothing when it is
/// blank.
pub(super) fn admit(leaf: &Leaf, form: Form, given: &str) -> Result<Value, Fault> {
    if given.trim().is_empty() {
        return Ok(Value::Null);
    }
    let text = match form {
        Form::Line | Form::Lines => given,
        Form::Word | Form::Email | Form::Phone | Form::Link | Form::Country | Form::Currency | Form::Day => {
            given.trim()
        }
    };
    without_nul(text)?;
    // Counted before it is read by its form: nobody has a megabyte parsed as a URL.
    if text.chars().count() > leaf.max {
        return Err(too_long(leaf, form));
    }
    let kept = match form {
        Form::Line | Form::Word | Form::Lines => text.to_owned(),
        Form::Email => address::email(text)?,
        Form::Phone => phone(text)?,
        Form::Link => address::link(text)?,
        Form::Country => country(text)?,
        Form::Currency => currency(text)?,
        Form::Day => crate::value::date_text(super::day(text)?),
    };
    if kept.chars().count() > leaf.max {
        return Err(too_long(leaf, form));
    }
    Ok(Value::Text(kept))
}

fn too_long(leaf: &Leaf, form: Form) -> Fault {
    match form {
        Form::Country => Fault::new("invalid_country", COUNTRY),
        Form::Currency => Fault::new("invalid_currency", CURRENCY),
        Form::Line | Form::Word | Form::Lines | Form::Email | Form::Phone | Form::Link | Form::Day => {
            Fault::new("too_long", format!("At most {} characters.", leaf.max))
        }
    }
}

const COUNTRY: &str = "Write a country as ISO 3166-1 alpha-2, for example DE.";
const CURRENCY: &str = "Write a currency as ISO 4217, for example EUR.";

/// A country's code in upper case.
///
/// # Errors
/// When there is no such country.
pub fn country(text: &str) -> Result<String, Fault> {
    let code = text.trim().to_ascii_uppercase();
    if codes::is_country(&code) {
        Ok(code)
    } else {
        Err(Fault::new("invalid_country", COUNTRY))
    }
}

fn currency(text: &str) -> Result<String, Fault> {
    let code = text.to_ascii_uppercase();
    if codes::is_currency(&code) {
        Ok(code)
    } else {
        Err(Fault::new("invalid_currency", CURRENCY))
    }
}

/// People write telephone numbers in a hundred ways, with extensions in words; only what holds no digit is no number.
fn phone(text: &str) -> Result<String, Fault> {
    if text.chars().any(char::is_numeric) {
        Ok(text.to_owned())
    } else {
        Err(Fault::new("invalid_phone", "This is no telephone number."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaf::{self, Kind};

    fn judge(form: Form, max: usize, given: &str) -> Result<Value, &'static str> {
        let leaf = Leaf::new("field", Kind::Text(form), true, &leaf::text(max));
        leaf.admit(Value::Text(given.into())).map_err(|fault| fault.code)
    }

    #[test]
    fn free_text_is_kept_exactly_and_blank_text_is_nothing() {
        for exact in [
            "  Jane ",
            "\tx",
            "a\r\nb",
            "\u{1b}[0m",
            "e\u{301}",
            "\u{202e}x\u{200b}",
        ] {
            assert_eq!(judge(Form::Line, 10, exact), Ok(Value::Text(exact.into())));
            assert_eq!(judge(Form::Lines, 10, exact), Ok(Value::Text(exact.into())));
        }
        assert_eq!(judge(Form::Line, 10, " \t "), Ok(Value::Null));
        assert_eq!(
            judge(Form::Email, 20, " a@b.example "),
            Ok(Value::Text("a@b.example".into()))
        );
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(judge(Form::Line, 4, "Zoë!"), Ok(Value::Text("Zoë!".into())));
        assert_eq!(judge(Form::Line, 3, "Zoë!"), Err("too_long"));
    }

    #[test]
    fn nul_is_refused() {
        assert_eq!(judge(Form::Line, 10, "a\0b"), Err("invalid_characters"));
        assert_eq!(judge(Form::Lines, 10, "a\0b"), Err("invalid_characters"));
        assert_eq!(judge(Form::Phone, 10, "1\0"), Err("invalid_characters"));
    }

    #[test]
    fn codes_are_taken_in_any_case() {
        assert_eq!(judge(Form::Country, 2, "de"), Ok(Value::Text("DE".into())));
        assert_eq!(judge(Form::Country, 2, "Germany"), Err("invalid_country"));
        assert_eq!(judge(Form::Currency, 3, "eur"), Ok(Value::Text("EUR".into())));
        assert_eq!(judge(Form::Currency, 3, "ZZZ"), Err("invalid_currency"));
    }

    #[test]
    fn a_telephone_number_holds_a_digit() {
        assert!(judge(Form::Phone, 50, "+49 (0)30 1234-0 ext. 7").is_ok());
        assert_eq!(judge(Form::Phone, 50, "call me"), Err("invalid_phone"));
    }
}
