//! What sees to it that nothing outlives the process that started it.
//!
//! A guardian is a tiny shell that reads from a pipe of ours. It runs its command when the pipe closes, and a
//! pipe closes whatever happens to us: a clean end, a panic, `kill -9`. Stopping in order disarms it first.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// Runs a command once this process is gone, however it went.
#[derive(Debug)]
pub struct Guardian(Child);

impl Guardian {
    /// Arms a guardian with `last`, a command made for the account that it is to run under.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn arm(last: &Command, mut shell: Command) -> Result<Self> {
        // A process group of its own, so that Ctrl-C in the terminal leaves the order of the end to us.
        let child = shell
            .args(["-c", "read -r _; exec \"$@\"", "kontor-guardian"])
            .arg(last.get_program())
            .args(last.get_args())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting the guardian of a server")?;
        Ok(Self(child))
    }

    /// Arms a guardian that sends SIGTERM to the process group `group`.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn of_group(group: u32) -> Result<Self> {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", &format!("kill -TERM -{group}")]);
        Self::arm(&kill, Command::new("/bin/sh"))
    }

    /// Ends the guardian without its command.
    pub fn disarm(mut self) {
        if self.0.kill().is_ok() {
            // It is gone either way; waiting only keeps it from staying behind as a zombie.
            self.0.wait().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_group_whose_guardian_is_let_go_ends() {
        let mut sleeper = Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        drop(Guardian::of_group(sleeper.id()).unwrap());

        let deadline = Instant::now() + Duration::from_secs(30);
        while sleeper.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the sleeper outlived its guardian");
            std::thread::yield_now();
        }
    }
}
