//! How an API key looks: `kontor_`, 40 random letters and digits, and six that check the others.
//!
//! The fixed beginning and the checksum let a secret scanner find a key that was left in a repository, and be sure of it
//! without asking us: `kontor_[0-9A-Za-z]{46}`, of which the last six are the CRC-32 of the 40 before, base 62, most
//! significant first. They also let a service refuse what can't be a key without asking anybody.

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

const PREFIX: &str = "kontor_";
/// 62^40 is more than 2^238.
const RANDOM: usize = 40;
const CHECKSUM: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters by which a person tells keys apart; too few to guess the rest.
const SHOWN: usize = PREFIX.len() + 4;

/// An API key in full. Not printable by accident.
pub struct ApiKey(String);

impl ApiKey {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        // The thread's generator is a cryptographic one, seeded by the system.
        let random = Alphanumeric.sample_string(&mut rand::rng(), RANDOM);
        let check = checksum(&random);
        Self(format!("{PREFIX}{random}{check}"))
    }

    /// Reads one that was handed out; `None` for anything that can't be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(PREFIX)?;
        if body.len() != RANDOM + CHECKSUM || !body.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (random, check) = body.split_at(RANDOM);
        (check == checksum(random)).then(|| Self(text.to_owned()))
    }

    /// What is kept of it, and what services ask identity by. Its randomness makes a plain hash enough.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// Its first characters, by which a person knows it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.0[..SHOWN]
    }

    /// In full, for the one who made it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Whether a bearer token means to be an API key, well-formed or not. A JWT begins with `ey`.
pub(super) fn is_meant(token: &str) -> bool {
    token.starts_with(PREFIX)
}

fn checksum(random: &str) -> String {
    let mut rest = crc32fast::hash(random.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_its_form_and_anything_else_is_none() {
        let key = ApiKey::random();
        let text = key.reveal();
        assert_eq!(text.len(), 53);
        assert_eq!(ApiKey::parse(text).unwrap().hash(), key.hash());
        assert!(text.starts_with(key.shown()) && key.shown().len() == 11);
        let mut mistyped = text.to_owned().into_bytes();
        mistyped[20] = if mistyped[20] == b'x' { b'y' } else { b'x' };
        let mistyped = String::from_utf8(mistyped).unwrap();
        for other in [
            "kontor_",
            &text[7..],
            &text[..52],
            &mistyped,
            &format!("{text}0"),
            &"kontor_é".repeat(6),
        ] {
            assert!(ApiKey::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_checksum_is_the_one_that_scanners_are_told() {
        // CRC-32 of forty zeros is 0x963fbb8e, worked out apart from this code.
        let zeros = "0".repeat(40);
        assert_eq!(checksum(&zeros), "2kaqcA");
    }
}
