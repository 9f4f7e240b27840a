//! The keys that sign access tokens: one for each period of thirty days, in a folder that all processes of identity share.
//!
//! Which key signs follows from the time alone, so processes agree without talking: the key of period *p* signs during
//! *p*. It is made a day before, and so published before it first signs; it stays published after its period until the
//! last token it signed has expired, and is then deleted. A key's file is linked into place whole and never replaced:
//! of two processes that make the same key, one wins and both read that one.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rand::TryRngCore;
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// How long one key signs.
const PERIOD: Duration = Duration::days(30);
/// How long before its period a key is made and published.
const AHEAD: Duration = Duration::days(1);
/// How much longer than its last token a key stays published, for clocks that differ.
const LEEWAY: Duration = Duration::minutes(5);

/// Why no key could be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The folder can't be read or written.
    #[error("the keys folder {0}: {1}")]
    Folder(PathBuf, #[source] std::io::Error),
    /// A file of it holds no Ed25519 key in PKCS #8.
    #[error("the signing key {0} is damaged")]
    Damaged(PathBuf),
    /// The token could not be signed.
    #[error("signing a token: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The system gives no randomness.
    #[error("no randomness: {0}")]
    Random(#[from] rand::rand_core::OsError),
}

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// Its id in token headers.
    pub(crate) kid: String,
    /// The 32 bytes, base64url without padding.
    pub(crate) x: String,
}

/// The keys of a folder.
#[derive(Clone)]
pub(crate) struct Keyring {
    folder: Arc<Path>,
    token_life: Duration,
    /// Read from their files once; they never change.
    known: Arc<RwLock<BTreeMap<i64, Arc<Key>>>>,
}

struct Key {
    public: PublicKey,
    header: Header,
    private: EncodingKey,
}

impl Keyring {
    /// Opens the folder, and makes it and the key of now if they are missing. `token_life` is how long a token lives.
    pub(crate) fn open(folder: &Path, token_life: Duration, now: OffsetDateTime) -> Result<Self, KeyError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| KeyError::Folder(folder.into(), error))?;
        let ring = Self {
            folder: folder.into(),
            token_life,
            known: Arc::default(),
        };
        ring.tend(now)?;
        Ok(ring)
    }

    /// Signs claims with the key of now.
    pub(crate) fn sign(&self, claims: &impl Serialize, now: OffsetDateTime) -> Result<String, KeyError> {
        let key = self.key(period(now))?;
        Ok(jsonwebtoken::encode(&key.header, claims, &key.private)?)
    }

    /// The public keys with which a token of now may be signed or may have been, the one that signs first.
    pub(crate) fn published(&self, now: OffsetDateTime) -> Result<Vec<PublicKey>, KeyError> {
        self.tend(now)?;
        let present = period(now);
        let mut wanted = vec![present];
        if period(now + AHEAD) > present {
            wanted.push(present + 1);
        }
        if now < begin(present) + self.token_life + LEEWAY && self.file(present - 1).exists() {
            wanted.push(present - 1);
        }
        wanted
            .into_iter()
            .map(|p| Ok(self.key(p)?.public.clone()))
            .collect()
    }

    /// Makes the keys of now and soon, and deletes those that no living token is signed with.
    fn tend(&self, now: OffsetDateTime) -> Result<(), KeyError> {
        self.key(period(now))?;
        self.key(period(now + AHEAD))?;
        let oldest = period(now - self.token_life - LEEWAY);
        let entries = std::fs::read_dir(&self.folder).map_err(|error| self.failed(error))?;
        for entry in entries {
            let path = entry.map_err(|error| self.failed(error))?.path();
            if period_of(&path).is_some_and(|p| p < oldest) {
                match std::fs::remove_file(&path) {
                    Ok(()) => tracing::info!(file = %path.display(), "deleted a retired signing key"),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(self.failed(error)),
                }
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|p, _| *p >= oldest);
        Ok(())
    }

    fn key(&self, period: i64) -> Result<Arc<Key>, KeyError> {
        if let Some(key) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&period)
        {
            return Ok(Arc::clone(key));
        }
        let path = self.file(period);
        if !path.exists() {
            self.make(&path)?;
        }
        let key = Arc::new(read(&path)?);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(period, Arc::clone(&key));
        Ok(key)
    }

    /// Writes a new key beside its place and links it there; a key that is already there stays.
    fn make(&self, path: &Path) -> Result<(), KeyError> {
        let mut seed = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut seed)?;
        let pem = SigningKey::from_bytes(&seed)
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|_| KeyError::Damaged(path.into()))?;
        let draft = self.folder.join(format!(".draft-{}", uuid::Uuid::now_v7()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| {
                file.write_all(pem.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| match std::fs::hard_link(&draft, path) {
                Ok(()) => {
                    tracing::info!(file = %path.display(), "made a signing key");
                    Ok(())
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(error),
            });
        let removed = std::fs::remove_file(&draft);
        written.and(removed).map_err(|error| self.failed(error))
    }

    fn file(&self, period: i64) -> PathBuf {
        self.folder.join(format!("signing-{period}.pem"))
    }

    fn failed(&self, error: std::io::Error) -> KeyError {
        KeyError::Folder(self.folder.to_path_buf(), error)
    }
}

fn read(path: &Path) -> Result<Key, KeyError> {
    let pem = std::fs::read_to_string(path).map_err(|error| KeyError::Folder(path.into(), error))?;
    let damaged = || KeyError::Damaged(path.into());
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| damaged())?;
    let private = key.to_pkcs8_der().map_err(|_| damaged())?;
    let x = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    // The JWK thumbprint (RFC 7638), cut to 96 bits: it names a key, it does not prove one.
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    let kid = BASE64_URL_SAFE_NO_PAD.encode(&thumbprint[..12]);
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.clone());
    Ok(Key {
        public: PublicKey { kid, x },
        header,
        private: EncodingKey::from_ed_der(private.as_bytes()),
    })
}

fn period(at: OffsetDateTime) -> i64 {
    at.unix_timestamp().div_euclid(PERIOD.whole_seconds())
}

fn begin(period: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(period * PERIOD.whole_seconds())
}

fn period_of(path: &Path) -> Option<i64> {
    path.file_name()?
        .to_str()?
        .strip_prefix("signing-")?
        .strip_suffix(".pem")?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LIFE: Duration = Duration::minutes(10);

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("kontor-keys-{}", uuid::Uuid::now_v7()))
    }

    fn kid(token: &str) -> String {
        jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_key_that_others_cannot_read() {
        let folder = folder();
        let now = begin(700) + Duration::days(3);
        let kids: Vec<String> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| kid(&Keyring::open(&folder, LIFE, now).unwrap().sign(&(), now).unwrap()))
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        });
        assert!(kids.iter().all(|other| *other == kids[0]), "{kids:?}");
        let files: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        assert_eq!(files.len(), 1, "drafts are removed");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_is_out() {
        let folder = folder();
        let ring = Keyring::open(&folder, LIFE, begin(700)).unwrap();
        let old = ring.published(begin(700)).unwrap();
        assert_eq!(old.len(), 1);

        let before = begin(701) - Duration::hours(1);
        let both = ring.published(before).unwrap();
        assert_eq!((both.len(), &both[0]), (2, &old[0]));
        assert_eq!(kid(&ring.sign(&(), before).unwrap()), old[0].kid);

        let after = begin(701) + LIFE;
        assert_eq!(kid(&ring.sign(&(), after).unwrap()), both[1].kid);
        assert_eq!(
            ring.published(after).unwrap(),
            vec![both[1].clone(), old[0].clone()]
        );

        let later = after + LEEWAY + Duration::SECOND;
        assert_eq!(ring.published(later).unwrap(), vec![both[1].clone()]);
        assert!(!ring.file(700).exists(), "a retired private key is deleted");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
