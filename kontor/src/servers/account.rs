//! Whose account a private server runs under. PostgreSQL refuses root, and nothing of ours needs it.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The account of a private server: the caller's own, or a stand-in when the caller is root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
    stand_in: bool,
}

impl Account {
    /// The account for a server that keeps its data in `folder`.
    ///
    /// A caller who is not root runs it himself. For root it is the owner of the data where there is some
    /// already, else the first of `names` that this machine knows.
    ///
    /// # Errors
    /// When root finds none of the names in `/etc/passwd`.
    pub fn for_data(folder: &Path, names: &[&str]) -> Result<Self> {
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        if uid != 0 {
            return Ok(Self {
                uid,
                gid,
                stand_in: false,
            });
        }
        if let Ok(data) = fs::metadata(folder)
            && data.uid() != 0
        {
            return Ok(Self {
                uid: data.uid(),
                gid: data.gid(),
                stand_in: true,
            });
        }
        let accounts = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        for name in names {
            if let Some((uid, gid)) = ids(&accounts, name) {
                return Ok(Self {
                    uid,
                    gid,
                    stand_in: true,
                });
            }
        }
        bail!(
            "called as root, and none of the accounts {} exists to run the server as",
            names.join(", ")
        )
    }

    /// True when the server runs as another account than the caller's.
    #[must_use]
    pub fn is_stand_in(&self) -> bool {
        self.stand_in
    }

    /// A command that runs under this account, with nothing on its standard input.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.stdin(Stdio::null());
        if self.stand_in {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives `path` to this account.
    ///
    /// # Errors
    /// When the path is missing or the caller may not.
    pub fn own(&self, path: &Path) -> Result<()> {
        if self.stand_in {
            chown(path, Some(self.uid), Some(self.gid))
                .with_context(|| format!("giving {} to the server's account", path.display()))?;
        }
        Ok(())
    }

    /// Whether this account can enter `folder`: it owns the folder perhaps, but not the folders above it.
    #[must_use]
    pub fn reaches(&self, folder: &Path) -> bool {
        self.command("/bin/sh")
            .args(["-c", "cd \"$1\"", "sh"])
            .arg(folder)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// The user and group id of `name` in the text of `/etc/passwd`.
fn ids(accounts: &str, name: &str) -> Option<(u32, u32)> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/bash\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:PG,,,:/v:/bin/bash\n";
        assert_eq!(ids(accounts, "postgres"), Some((101, 104)));
        assert_eq!(ids(accounts, "post"), None);
    }
}
