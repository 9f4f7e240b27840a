//! Where a server's data really is.
//!
//! Wanted is a folder inside `.kontor`. But a clone under `/root` (mode 0700) is out of reach for the account
//! that root lends to a server. Then the data stands under `/var/lib/kontor`, and `.kontor` holds a link to it.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::account::Account;

/// Where data goes that an account can't reach in its own place.
const ELSEWHERE: &str = "/var/lib/kontor";

/// The real path of `wanted`, made if it is not there, private to `account` and reachable for it.
pub(super) fn prepare(wanted: &Path, account: &Account) -> Result<PathBuf> {
    let parent = wanted.parent().context("a server's folder needs a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    let parent = fs::canonicalize(parent)?;
    let wanted = parent.join(wanted.file_name().context("a server's folder needs a name")?);

    if wanted.symlink_metadata().is_err() {
        if account.is_stand_in() && !account.reaches(&parent) {
            link_elsewhere(&wanted)?;
        } else {
            fs::create_dir(&wanted).with_context(|| format!("making {}", wanted.display()))?;
        }
    }
    let real = fs::canonicalize(&wanted).with_context(|| {
        format!(
            "{} points to a folder that is gone: remove the link",
            wanted.display()
        )
    })?;
    account.own(&real)?;
    if !account.reaches(&real) {
        bail!(
            "the server's account can't reach {}: it belongs to another user, or a folder above it is closed to \
             others",
            real.display()
        );
    }
    fs::set_permissions(&real, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("making {} private", real.display()))?;
    Ok(real)
}

fn link_elsewhere(wanted: &Path) -> Result<()> {
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    let name = wanted.file_name().unwrap_or_default().to_string_lossy();
    let real = Path::new(ELSEWHERE).join(format!("{name}-{:016x}", hasher.finish()));
    fs::create_dir_all(ELSEWHERE).with_context(|| format!("making {ELSEWHERE}"))?;
    fs::set_permissions(ELSEWHERE, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("opening {ELSEWHERE}"))?;
    if real.exists() {
        // Left by a clone that stood here before and was removed without its data: it belongs to nobody now.
        let aside = real.with_extension(format!("left-{}", std::process::id()));
        fs::rename(&real, &aside).with_context(|| format!("moving {} aside", real.display()))?;
    }
    fs::create_dir(&real).with_context(|| format!("making {}", real.display()))?;
    symlink(&real, wanted).with_context(|| format!("linking {} to {}", wanted.display(), real.display()))
}
