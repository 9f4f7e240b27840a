//! Keys of 32 random bytes in files that all processes of an installation share.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rand::RngCore;
use uuid::Uuid;

use crate::error::Error;

pub(super) const BYTES: usize = 32;

/// Reads the key `name` in this folder, or makes both on first use, readable by this user alone. Several processes may do
/// so at once: one makes it, all read the same.
///
/// # Errors
/// When the folder or the file can't be read or made, or the file doesn't hold 32 bytes.
pub fn key_file(folder: &Path, name: &str) -> Result<[u8; BYTES], Error> {
    let path = folder.join(name);
    let failed = |error: std::io::Error| Error::internal(format!("{}: {error}", path.display()));
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(folder, &path, name).map_err(failed)?;
            std::fs::read(&path).map_err(failed)?
        }
        other => other.map_err(failed)?,
    };
    bytes
        .try_into()
        .map_err(|_| Error::internal(format!("{} does not hold {BYTES} bytes", path.display())))
}

/// Writes a new key beside and links it into place, so that nobody ever reads half of one.
fn make(folder: &Path, path: &Path, name: &str) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut bytes = [0; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let beside = folder.join(format!("{name}.{}", Uuid::new_v4()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match std::fs::hard_link(&beside, path) {
        // Another process was first: its key counts.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    std::fs::remove_file(&beside)?;
    linked
}
