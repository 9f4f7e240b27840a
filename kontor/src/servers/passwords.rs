//! The passwords of the private servers: made once, kept in one file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::Rng;
use rand::distr::Alphanumeric;

/// Passwords by name, in a file with mode 0600.
pub struct Passwords {
    file: PathBuf,
    known: BTreeMap<String, String>,
}

impl Passwords {
    /// Reads the file, or begins an empty one.
    ///
    /// # Errors
    /// When the file can't be read or is no JSON object of strings.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self> {
        let file = file.into();
        let known = if file.exists() {
            let text = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))?
        } else {
            BTreeMap::new()
        };
        Ok(Self { file, known })
    }

    /// The password of `name`: 32 letters and digits, made and kept when there is none yet.
    ///
    /// # Errors
    /// When a new one can't be written.
    pub fn of(&mut self, name: &str) -> Result<String> {
        if let Some(password) = self.known.get(name) {
            return Ok(password.clone());
        }
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        self.known.insert(name.to_owned(), password.clone());
        write_private(&self.file, &serde_json::to_vec_pretty(&self.known)?)?;
        Ok(password)
    }
}

/// Writes `content` so that the file is never seen half-written nor readable by others.
pub(super) fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    let part = file.with_extension("part");
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

    use super::*;

    #[test]
    fn a_password_is_made_once_and_readable_by_its_owner_alone() {
        let file = std::env::temp_dir().join(format!("kontor-passwords-{}", std::process::id()));
        let first = Passwords::open(&file).unwrap().of("one").unwrap();
        assert_eq!(first.len(), 32);
        let mut again = Passwords::open(&file).unwrap();
        assert_eq!(again.of("one").unwrap(), first);
        assert_ne!(again.of("two").unwrap(), first);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&file).unwrap();
    }
}
