//! Which passwords may be chosen: long enough, not what everybody tries first, and not one's own name.

use std::sync::LazyLock;

use super::email::Email;

/// Why a password may not be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// Fewer than 8 characters.
    TooShort,
    /// More than 256 characters.
    TooLong,
    /// Among the first that are guessed.
    TooCommon,
    /// Holds the address or the name of the person, or the name of the company.
    ContainsIdentity,
}

/// What a password must not contain.
pub(crate) struct Identity<'a> {
    /// The address that signs in.
    pub(crate) email: Option<&'a Email>,
    /// Given and family name, and the names of the person's companies.
    pub(crate) names: &'a [&'a str],
}

/// The shortest password, in characters.
pub(crate) const SHORTEST: usize = 8;
/// The longest, in characters: enough for any passphrase, and a bound on the work of one request.
pub(crate) const LONGEST: usize = 256;
/// Names shorter than this occur in ordinary words and are not looked for.
const SHORTEST_NAME: usize = 4;

/// Judges a new password; no rule about kinds of characters (NIST SP 800-63B, 5.1.1.2).
pub(crate) fn judge(password: &str, identity: &Identity<'_>) -> Result<(), Weakness> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weakness::TooShort);
    }
    if length > LONGEST {
        return Err(Weakness::TooLong);
    }
    let folded = password.to_lowercase();
    if is_common(&folded) {
        return Err(Weakness::TooCommon);
    }
    let email = identity
        .email
        .map(|email| [email.key(), email.local_part().to_lowercase()])
        .unwrap_or_default();
    let names = identity.names.iter().map(|name| name.to_lowercase());
    let holds = |part: &str| part.chars().count() >= SHORTEST_NAME && folded.contains(part);
    if email.iter().any(|part| holds(part)) || names.into_iter().any(|name| holds(name.trim())) {
        return Err(Weakness::ContainsIdentity);
    }
    Ok(())
}

/// One of the usual words, alone or with digits and signs after it; one character over and over; a row of the keyboard
/// or the alphabet.
fn is_common(folded: &str) -> bool {
    let word = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    let plain: String = word.chars().map(unleet).collect();
    let first = folded.chars().next();
    folded.chars().all(|c| Some(c) == first)
        || ROWS.iter().any(|row| row.contains(folded))
        || is_leaked(folded)
        || is_listed(folded)
        || is_listed(word)
        || is_listed(&plain)
}

fn is_listed(word: &str) -> bool {
    COMMON.split_ascii_whitespace().any(|common| common == word)
}

/// Whether it is among the most common passwords of eight characters and more, which are kept in the order of their bytes.
fn is_leaked(folded: &str) -> bool {
    static LEAKED: LazyLock<Vec<&str>> = LazyLock::new(|| LEAKED_LIST.lines().collect());
    LEAKED.binary_search(&folded).is_ok()
}

/// From the 20,000 most common passwords of public leaks that Royce Williams gathered and Django (BSD) ships.
const LEAKED_LIST: &str = include_str!("common_passwords.txt");

fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Whatever is a piece of one of these needs no list.
const ROWS: &[&str] = &[
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
];

/// Words that are tried first, whatever digits stand behind them.
const COMMON: &str = "\
    password passw0rd passwort passphrase motdepasse contrasena senha kennwort parola wachtwoord qwerty \
    qwertz azerty qwertyuiop qwerty123456 asdfgh asdfghjkl zxcvbn zxcvbnm abc abcd abcdef letmein \
    welcome willkommen bienvenue changeme change default secret geheim topsecret admin administrator \
    root toor user guest login test testing tester demo sample master monkey dragon football baseball \
    basketball soccer hockey superman batman pokemon starwars iloveyou ichliebedich jetaime sunshine \
    princess shadow michael jennifer jordan thomas daniel charlie ashley computer internet whatever \
    trustno freedom flower hello hallo bonjour access company business office sales kontor customer \
    spring summer autumn winter january february monday friday america london berlin liverpool arsenal \
    chelsea barcelona mustang porsche ferrari mercedes harley cheese pepper cookie banana orange purple \
    diamond silver golden killer hunter ranger tigger buster maggie ginger matrix merlin samsung google \
    facebook linkedin microsoft windows apple android blink nothing q1w2e3r4 1q2w3e4r 1qaz2wsx a1b2c3d4 \
    11112222 12341234 12344321 11223344 123123123 69696969 88888888 123qwe 123qweasd qweasdzxc qwe123 \
    asd123 abc123 pass passpass passwordpassword";

#[cfg(test)]
mod tests {
    use super::{Email, Identity, Weakness, judge};

    fn judged(password: &str) -> Result<(), Weakness> {
        let email = Email::parse("grace.hopper@navy.example").unwrap();
        judge(
            password,
            &Identity {
                email: Some(&email),
                names: &["Grace", "Hopper", "Eckert Mauchly Computer Corp"],
            },
        )
    }

    #[test]
    fn a_password_has_8_to_256_characters_whatever_their_bytes() {
        assert_eq!(judged("kürzer7"), Err(Weakness::TooShort));
        assert_eq!(judged("länger08"), Ok(()));
        assert_eq!(judged(&"né".repeat(128)), Ok(()));
        assert_eq!(judged(&format!("{}x", "né".repeat(128))), Err(Weakness::TooLong));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in [
            "password",
            "Password1!",
            "P@ssw0rd",
            "12345678",
            "87654321",
            "aaaaaaaa",
            "qwertyuiop",
            "letmein123",
            "Welcome2024",
            "iloveyou",
            "Trustno1",
            "!QAZ2wsx",
            "mypassword",
            "jessica1",
            "zxcvbnm,",
        ] {
            assert_eq!(judged(password), Err(Weakness::TooCommon), "{password}");
        }
    }

    #[test]
    fn ones_own_name_or_address_is_refused() {
        for password in [
            "xX-hopper-Xx",
            "GRACE.HOPPER@NAVY.EXAMPLE",
            "amazing-grace",
            "eckert mauchly computer corp 1951",
        ] {
            assert_eq!(judged(password), Err(Weakness::ContainsIdentity), "{password}");
        }
    }

    #[test]
    fn a_passphrase_is_welcome() {
        for password in [
            "correct horse battery staple",
            "s3cret-Pa55phrase",
            "compiler-1952",
            "password of the old tower",
        ] {
            assert_eq!(judged(password), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_of_leaked_passwords_is_in_order() {
        let lines: Vec<&str> = super::LEAKED_LIST.lines().collect();
        assert!(lines.len() > 8_000);
        assert!(lines.is_sorted());
        assert!(lines.iter().all(|line| judged(line) == Err(Weakness::TooCommon)));
    }

    #[test]
    fn a_short_name_is_no_reason() {
        let identity = Identity {
            email: None,
            names: &["Al", "Ng"],
        };
        assert_eq!(judge("always-strong-1", &identity), Ok(()));
    }
}
