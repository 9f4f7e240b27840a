//! A folder for the servers of one test.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A folder of the test's own, removed at its end.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("kontor-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The same folder, as seen from the working one: `kontor up` names its folder so.
    pub(crate) fn relative(&self) -> PathBuf {
        let up = std::env::current_dir()
            .unwrap()
            .components()
            .skip(1)
            .map(|_| "..")
            .collect::<PathBuf>();
        up.join(self.0.strip_prefix("/").unwrap())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A failed assertion drops a server and its folder together: then the server may still be writing.
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}
