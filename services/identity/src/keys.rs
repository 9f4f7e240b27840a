//! The keys that sign access tokens, in a folder that all processes of identity share.
//!
//! A key signs from its start until the next one's. One starts by itself every thirty days, and `kontor keys rotate` makes
//! another that starts in a moment. Which key signs follows from the folder and the time alone, so processes agree without
//! talking. A key is made and published before it first signs, so long that every service knows it by then; it stays
//! published until the last token it signed has expired, and is then deleted. So nobody is signed out by a rotation. A
//! key's file is linked into place whole and never replaced: of two processes that make the same key, one wins and both
//! read that one.

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
/// How long before it signs a key is made on demand: every service asks for the keys at least this often while it hears
/// from identity (see the chassis' `token::keys`).
const SOON: Duration = Duration::minutes(1);
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
        let key = self.key(self.signing(now)?)?;
        Ok(jsonwebtoken::encode(&key.header, claims, &key.private)?)
    }

    /// The public keys with which a token of now may be signed or may have been, the one that signs first.
    pub(crate) fn published(&self, now: OffsetDateTime) -> Result<Vec<PublicKey>, KeyError> {
        self.tend(now)?;
        let signing = self.signing(now)?;
        let mut wanted = self.starts()?;
        wanted.retain(|start| *start <= (now + AHEAD).unix_timestamp());
        wanted.sort_by_key(|start| (*start != signing, std::cmp::Reverse(*start)));
        wanted
            .into_iter()
            .map(|start| Ok(self.key(start)?.public.clone()))
            .collect()
    }

    /// Makes a key that takes over in a moment: its id, and when it begins to sign.
    pub(crate) fn rotate(&self, now: OffsetDateTime) -> Result<(String, OffsetDateTime), KeyError> {
        self.tend(now)?;
        let mut start = (now + SOON).unix_timestamp();
        // A start that is a period's own is that period's key.
        if start % PERIOD.whole_seconds() == 0 {
            start += 1;
        }
        self.make(&self.file(start))?;
        let key = self.key(start)?;
        Ok((key.public.kid.clone(), at(start)))
    }

    /// The start of the key that signs now, which is made if it is missing.
    fn signing(&self, now: OffsetDateTime) -> Result<i64, KeyError> {
        let (now, own) = (now.unix_timestamp(), period(now));
        let started = self.starts()?.into_iter().rfind(|start| *start <= now);
        match started.filter(|start| *start >= own) {
            Some(start) => Ok(start),
            None => {
                self.key(own)?;
                Ok(own)
            }
        }
    }

    /// Makes the keys of now and soon, and deletes those that no living token is signed with.
    fn tend(&self, now: OffsetDateTime) -> Result<(), KeyError> {
        self.signing(now)?;
        let coming = period(now + AHEAD);
        if coming > now.unix_timestamp() {
            self.key(coming)?;
        }
        let ended_by = (now - self.token_life - LEEWAY).unix_timestamp();
        let starts = self.starts()?;
        for (start, next) in starts.iter().zip(starts.iter().skip(1)) {
            if *next > ended_by {
                break;
            }
            let path = self.file(*start);
            match std::fs::remove_file(&path) {
                Ok(()) => tracing::info!(file = %path.display(), "deleted a retired signing key"),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.failed(error)),
            }
            self.known
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(start);
        }
        Ok(())
    }

    /// When each key of the folder starts, in order. Read each time: another process may have made one.
    fn starts(&self) -> Result<Vec<i64>, KeyError> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| self.failed(error))?;
        let mut starts = Vec::new();
        for entry in entries {
            starts.extend(start_of(&entry.map_err(|error| self.failed(error))?.path()));
        }
        starts.sort_unstable();
        Ok(starts)
    }

    fn key(&self, start: i64) -> Result<Arc<Key>, KeyError> {
        if let Some(key) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&start)
        {
            return Ok(Arc::clone(key));
        }
        let path = self.file(start);
        if !path.exists() {
            self.make(&path)?;
        }
        let key = Arc::new(read(&path)?);
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(start, Arc::clone(&key));
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

    /// `signing-<period>.pem`, or `signing-<period>-<start>.pem` for one that was made on demand.
    fn file(&self, start: i64) -> PathBuf {
        let (period, within) = (
            start.div_euclid(PERIOD.whole_seconds()),
            start.rem_euclid(PERIOD.whole_seconds()),
        );
        self.folder.join(match within {
            0 => format!("signing-{period}.pem"),
            _ => format!("signing-{period}-{start}.pem"),
        })
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

/// When the period of a time began, Unix seconds.
fn period(at: OffsetDateTime) -> i64 {
    let seconds = at.unix_timestamp();
    seconds - seconds.rem_euclid(PERIOD.whole_seconds())
}

fn at(start: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(start)
}

/// When the key of a file starts; none for any other file.
fn start_of(path: &Path) -> Option<i64> {
    let name = path
        .file_name()?
        .to_str()?
        .strip_prefix("signing-")?
        .strip_suffix(".pem")?;
    match name.split_once('-') {
        Some((_, start)) => start.parse().ok(),
        None => name.parse::<i64>().ok()?.checked_mul(PERIOD.whole_seconds()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LIFE: Duration = Duration::minutes(10);

    fn begin(period: i64) -> OffsetDateTime {
        at(period * PERIOD.whole_seconds())
    }

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
        assert!(
            !ring.file(700 * PERIOD.whole_seconds()).exists(),
            "a retired private key is deleted"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_key_made_on_demand_takes_over_in_a_minute_and_the_old_one_stays_until_its_last_token_is_out() {
        let folder = folder();
        let now = begin(700) + Duration::days(3);
        let (ring, other) = (
            Keyring::open(&folder, LIFE, now).unwrap(),
            Keyring::open(&folder, LIFE, now).unwrap(),
        );
        let old = kid(&other.sign(&(), now).unwrap());
        let (new, from) = ring.rotate(now).unwrap();
        assert_eq!(from, now + SOON);

        let kids = |at: OffsetDateTime| -> Vec<String> {
            other
                .published(at)
                .unwrap()
                .into_iter()
                .map(|key| key.kid)
                .collect()
        };
        assert_eq!(
            kids(now),
            [old.clone(), new.clone()],
            "another process publishes it at once"
        );
        assert_eq!(kid(&other.sign(&(), from - Duration::SECOND).unwrap()), old);
        assert_eq!(kid(&other.sign(&(), from).unwrap()), new, "and signs with it");
        assert_eq!(kids(from + LIFE), [new.clone(), old.clone()]);
        let over = from + LIFE + LEEWAY;
        assert_eq!(
            kids(over),
            std::slice::from_ref(&new),
            "no token of the old one is left"
        );

        let (newer, _) = ring.rotate(over).unwrap();
        assert_eq!(
            kid(&other.sign(&(), over + SOON).unwrap()),
            newer,
            "again in the same period"
        );
        let next = begin(701);
        assert!(
            ![&old, &new, &newer].contains(&&kid(&other.sign(&(), next).unwrap())),
            "and in the next as ever"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
