//! The passwords of the private servers: made once, kept in one file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use rand::Rng;
use rand::distr::Alphanumeric;

/// Passwords by name, in a file with mode 0600. Several threads and processes may ask at once.
pub struct Passwords {
    file: PathBuf,
}

impl Passwords {
    /// The passwords in `file`, which need not be there yet.
    #[must_use]
    pub fn of_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    /// The password of `name`: 32 letters and digits, made and kept when there is none yet.
    ///
    /// # Errors
    /// When the file can't be read, is no JSON object of strings, or a new one can't be written.
    pub fn of(&self, name: &str) -> Result<String> {
        if let Some(password) = self.known()?.remove(name) {
            return Ok(password);
        }
        // Another may be making one too. Who comes second finds what the first has written.
        let _alone = self.lock()?;
        let mut known = self.known()?;
        if let Some(password) = known.remove(name) {
            return Ok(password);
        }
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        known.insert(name.to_owned(), password.clone());
        write_private(&self.file, &serde_json::to_vec_pretty(&known)?)?;
        Ok(password)
    }

    fn known(&self) -> Result<BTreeMap<String, String>> {
        match fs::read(&self.file) {
            Ok(text) => {
                serde_json::from_slice(&text).with_context(|| format!("{} is damaged", self.file.display()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error).with_context(|| format!("reading {}", self.file.display())),
        }
    }

    /// Waits to be the only one who writes, until the returned file is dropped. The lock is a file beside: the
    /// passwords' own is replaced by every write, and whoever waited on the old one would be alone with nobody.
    fn lock(&self) -> Result<File> {
        let beside = self.file.with_extension("lock");
        let lock = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&beside)?;
            file.lock()?;
            Ok::<_, io::Error>(file)
        };
        lock().with_context(|| format!("locking {}", beside.display()))
    }
}

/// Writes `content` so that the file is never seen half-written nor readable by others. Of several who write at once
/// the last one wins.
pub(super) fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let part = file.with_extension(format!(
        "{}-{}.part",
        std::process::id(),
        WRITES.fetch_add(1, Ordering::Relaxed)
    ));
    let write = || {
        let mut out = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        out.write_all(content)?;
        out.sync_all()?;
        fs::rename(&part, file)
    };
    write().with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Barrier;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kontor-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_password_is_made_once_and_readable_by_its_owner_alone() {
        let folder = folder("passwords");
        let file = folder.join("passwords.json");
        let first = Passwords::of_file(&file).of("one").unwrap();
        assert_eq!(first.len(), 32);
        let again = Passwords::of_file(&file);
        assert_eq!(again.of("one").unwrap(), first);
        assert_ne!(again.of("two").unwrap(), first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn passwords_made_by_many_at_once_are_all_kept_and_made_once() {
        let folder = folder("many-passwords");
        let file = folder.join("passwords.json");
        let start = Barrier::new(16);
        let made: Vec<(String, String)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|thread| {
                    let (file, start) = (&file, &start);
                    scope.spawn(move || {
                        start.wait();
                        // Each name is asked for by two threads.
                        let names = (0..8).map(|number| format!("name {} {number}", thread / 2));
                        names
                            .map(|name| (name.clone(), Passwords::of_file(file).of(&name).unwrap()))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(made.len(), 128);
        let kept = Passwords::of_file(&file).known().unwrap();
        assert_eq!(kept.len(), 64);
        for (name, password) in made {
            assert_eq!(kept[&name], password);
        }
        let mut left: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["passwords.json", "passwords.lock"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
