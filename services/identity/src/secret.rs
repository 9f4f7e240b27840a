//! Opaque tokens: 256 random bits that only the one who holds them knows. Kept as SHA-256.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rand::TryRngCore;
use sha2::{Digest, Sha256};

use crate::keys::KeyError;

/// A token to hand out. Not printable by accident.
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// A new one from the system's randomness.
    pub(crate) fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads one that was handed out; `None` for anything that can't be one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let read = BASE64_URL_SAFE_NO_PAD
            .decode_slice(text.trim(), &mut bytes)
            .ok()?;
        (read == bytes.len()).then_some(Self(bytes))
    }

    /// What is kept of it. Found by equality in an index, so that no comparison tells how far a guess was right.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// As text of 43 characters that stands in links without escapes.
    pub(crate) fn reveal(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_read_back_and_anything_else_is_none() {
        let secret = Secret::random().unwrap();
        let text = secret.reveal();
        assert_eq!(text.len(), 43);
        assert_eq!(Secret::parse(&text).unwrap().hash(), secret.hash());
        for other in ["", "short", &format!("{text}A"), &"é".repeat(21), &"!".repeat(43)] {
            assert!(Secret::parse(other).is_none(), "{other}");
        }
    }
}
