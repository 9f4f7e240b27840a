//! Passwords are hashed apart from everything else: few at a time, off the async threads, and never without bound.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::{
    PasswordHasher, PasswordVerifier,
    phc::{Output, PasswordHash},
};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

/// Memory of one hash, KiB: 19 MiB with two passes on one lane, the OWASP choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// How long a hash may wait for its turn. Longer, and the client has gone or tries again.
const PATIENCE: Duration = Duration::from_secs(8);

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many sign-ins at once")]
    Busy,
    /// The hash or the machine is broken.
    #[error("hashing a password failed: {0}")]
    Failed(String),
}

/// Hashes and verifies on a few blocking threads.
#[derive(Clone)]
pub(crate) struct Hasher {
    permits: Arc<Semaphore>,
    scratch: Arc<Scratch>,
    /// What the password of an unknown person is compared with, so that it costs the same as that of a known one.
    decoy: Arc<str>,
}

impl Hasher {
    /// A pool of at most two hashes at a time.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Salt and hash are all zero bits: nobody knows a password for them, and no hash has to be made for it.
        let (salt, hash) = ("A".repeat(22), "A".repeat(43));
        let decoy = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${hash}");
        Self {
            permits: Arc::new(Semaphore::new(cores.min(2))),
            scratch: Arc::default(),
            decoy: decoy.into(),
        }
    }

    /// Hashes a password: a PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, HashError> {
        let password = password.to_owned();
        self.work(move |_| hash(password.as_bytes())).await
    }

    /// Whether a hash was made at another cost than new ones are.
    pub(crate) fn is_outdated(&self, kept: &str) -> bool {
        !is_as_now(kept)
    }

    /// Whether a password is the one of a hash. Without a hash the answer is no, after the same work.
    pub(crate) async fn verify(&self, password: &str, known: Option<&str>) -> Result<bool, HashError> {
        let password = password.to_owned();
        let compared: Arc<str> = known.map_or_else(|| Arc::clone(&self.decoy), Arc::from);
        let is_known = known.is_some();
        let equal = self
            .work(move |scratch| {
                let parsed =
                    PasswordHash::new(&compared).map_err(|error| HashError::Failed(error.to_string()))?;
                verify(password.as_bytes(), &parsed, scratch)
            })
            .await?;
        Ok(equal && is_known)
    }

    async fn work<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Scratch) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let waiting = self.scratch.wait();
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| HashError::Busy)?
            .map_err(|_| HashError::Busy)?;
        drop(waiting);
        let scratch = Arc::clone(&self.scratch);
        // The permit goes with the work: a caller that gives up does not make room while the thread still computes.
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            task(&scratch)
        })
        .await
        .map_err(|error| HashError::Failed(error.to_string()))?
    }
}

/// The memory of hashes. It goes from one to the next while some wait, as taking it anew from the system each time costs a
/// tenth of the work; nobody waiting, it is given back.
#[derive(Default)]
struct Scratch {
    spare: Mutex<Vec<Vec<Block>>>,
    waiting: AtomicUsize,
}

/// Somebody who waits for the turn.
struct Waiting<'s>(&'s Scratch);

impl Scratch {
    fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    fn lent<T>(&self, blocks: usize, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut memory = spare.unwrap_or_default();
        memory.resize(blocks, Block::default());
        let done = work(&mut memory);
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            spare.push(memory);
        } else {
            spare.clear();
        }
        done
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a password is the one of a hash, whatever that cost when it was made.
fn verify(password: &[u8], kept: &PasswordHash, scratch: &Scratch) -> Result<bool, HashError> {
    let argon2 = argon2()?;
    let (Some(salt), Some(hash)) = (&kept.salt, &kept.hash) else {
        return Ok(false);
    };
    if !is_as_now(&kept.to_string()) {
        return Ok(argon2.verify_password(password, kept).is_ok());
    }
    let mut out = vec![0; hash.len()];
    scratch
        .lent(argon2.params().block_count(), |memory| {
            argon2.hash_password_into_with_memory(password, salt, &mut out, memory)
        })
        .map_err(|error| HashError::Failed(error.to_string()))?;
    let hashed = Output::new(&out).map_err(|error| HashError::Failed(error.to_string()))?;
    // Compared in constant time.
    Ok(hashed == *hash)
}

/// Whether a hash was made at the present cost.
fn is_as_now(kept: &str) -> bool {
    kept.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| HashError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, HashError> {
    let hashed = argon2()?
        .hash_password(password)
        .map_err(|error| HashError::Failed(error.to_string()))?;
    Ok(hashed.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Argon2, Params, Version, password_hash::PasswordHasher as _};

    use super::Hasher;

    #[tokio::test]
    async fn a_password_is_kept_as_argon2id_with_19_mib_and_two_passes() {
        let hasher = Hasher::new();
        let kept = hasher.hash("correct horse").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(hasher.verify("correct horse", Some(&kept)).await.unwrap());
        assert!(!hasher.verify("Correct horse", Some(&kept)).await.unwrap());
        assert!(!hasher.is_outdated(&kept));
        assert!(hasher.is_outdated(&kept.replace("t=2", "t=1")));
        assert_ne!(kept, hasher.hash("correct horse").await.unwrap(), "salted");
    }

    #[tokio::test]
    async fn a_hash_made_at_another_cost_is_still_the_password_s() {
        let cheap = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8 * 1024, 1, 1, None).unwrap(),
        );
        let kept = cheap.hash_password(b"correct horse").unwrap().to_string();
        let hasher = Hasher::new();
        assert!(hasher.is_outdated(&kept));
        assert!(hasher.verify("correct horse", Some(&kept)).await.unwrap());
        assert!(!hasher.verify("Correct horse", Some(&kept)).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_that_wait_share_their_memory_and_leave_none_behind() {
        let hasher = Hasher::new();
        let kept = hasher.hash("correct horse").await.unwrap();
        let many = (0..6).map(|n| {
            let password = if n % 2 == 0 {
                "correct horse"
            } else {
                "wrong horse"
            };
            hasher.verify(password, Some(&kept))
        });
        let answers = futures_util::future::try_join_all(many).await.unwrap();
        assert_eq!(answers, [true, false, true, false, true, false]);
        assert!(hasher.scratch.spare.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn nobody_signs_in_as_the_decoy() {
        let hasher = Hasher::new();
        assert!(!hasher.verify("correct horse", None).await.unwrap());
        let kept = hasher.hash("correct horse").await.unwrap();
        assert_eq!(hasher.decoy.len(), kept.len(), "the same work");
        assert!(!hasher.is_outdated(&hasher.decoy));
    }
}
