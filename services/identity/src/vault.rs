//! Secrets that identity must know again, kept so that a stolen database does not tell them.
//!
//! XChaCha20-Poly1305 with a key in the folder of keys, which is no part of the database or its backups. What is sealed
//! is bound to whom it belongs to: moved to another row it does not open.

use std::path::Path;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use kontor_chassis::{Error as Failure, token};
use rand::TryRngCore;
use uuid::Uuid;

const FILE: &str = "secrets.key";
const NONCE_BYTES: usize = 24;

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Vault(Arc<XChaCha20Poly1305>);

impl Vault {
    /// With the key of the folder, which is made on first use.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let key = token::key_file(folder, FILE)?;
        Ok(Self(Arc::new(XChaCha20Poly1305::new(&key.into()))))
    }

    /// Seals a secret that belongs to `whose`: a random nonce, then the sealed bytes.
    pub(crate) fn seal(&self, secret: &[u8], whose: Uuid) -> Result<Vec<u8>, Failure> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rngs::OsRng
            .try_fill_bytes(&mut nonce)
            .map_err(Failure::internal)?;
        let payload = Payload {
            msg: secret,
            aad: whose.as_bytes(),
        };
        let bytes = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Failure::internal("a secret can't be sealed"))?;
        Ok([&nonce[..], &bytes].concat())
    }

    /// Opens what was sealed for `whose`.
    pub(crate) fn unseal(&self, sealed: &[u8], whose: Uuid) -> Result<Vec<u8>, Failure> {
        let broken =
            || Failure::internal("a sealed secret does not open: is secrets.key that of this database?");
        let (nonce, bytes) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let payload = Payload {
            msg: bytes,
            aad: whose.as_bytes(),
        };
        self.0
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_whom_it_was_sealed_with_the_same_key_alone() {
        let folder = std::env::temp_dir().join(format!("kontor-vault-{}", Uuid::now_v7()));
        let vault = Vault::open(&folder).unwrap();
        let whose = Uuid::now_v7();
        let sealed = vault.seal(b"secret", whose).unwrap();
        assert_ne!(
            sealed,
            vault.seal(b"secret", whose).unwrap(),
            "never twice the same"
        );
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(
            Vault::open(&folder).unwrap().unseal(&sealed, whose).unwrap(),
            b"secret"
        );

        assert!(
            vault.unseal(&sealed, Uuid::now_v7()).is_err(),
            "somebody else's row"
        );
        let mut changed = sealed.clone();
        changed[30] ^= 1;
        assert!(vault.unseal(&changed, whose).is_err());
        assert!(vault.unseal(&sealed[..10], whose).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            Vault::open(&folder).unwrap().unseal(&sealed, whose).is_err(),
            "another key"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
