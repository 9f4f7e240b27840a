//! What a run costs: CPU time and memory of each process, as Linux counts them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use kontor_integration_tests::suite::Suite;

/// Milliseconds in a tick of `/proc/<pid>/stat`: 100 ticks a second on every Linux.
const TICK: f64 = 10.0;

/// CPU time in milliseconds, by process.
pub(crate) type Cpu = BTreeMap<&'static str, f64>;

/// Memory in MiB, by process.
pub(crate) type Memory = BTreeMap<&'static str, f64>;

/// The processes that a request goes through.
pub(crate) struct Meter {
    suite: Vec<(&'static str, u32)>,
    postgres: PathBuf,
    rabbitmq: PathBuf,
}

impl Meter {
    /// Of a suite as it runs now.
    pub(crate) async fn of(suite: &Suite) -> Result<Self> {
        let folder = |name: &str| {
            let folder = suite.folder().join(name);
            fs::canonicalize(&folder).with_context(|| format!("{} is not there", folder.display()))
        };
        Ok(Self {
            suite: suite.processes().await,
            postgres: folder("postgres/data")?,
            rabbitmq: folder("rabbitmq")?,
        })
    }

    /// What each has used since it started. `load` is what the generators used that have ended.
    pub(crate) fn cpu(&self) -> Cpu {
        let mut used: Cpu = self
            .suite
            .iter()
            .map(|(name, pid)| (*name, ticks(*pid).map_or(0.0, |ticks| ticks.own * TICK)))
            .collect();
        used.insert("postgres", of_folder(&self.postgres));
        used.insert("rabbitmq", of_folder(&self.rabbitmq));
        used.insert(
            "load",
            ticks(std::process::id()).map_or(0.0, |ticks| ticks.children * TICK),
        );
        used
    }

    /// Begins a new peak for each process of the suite; answers what they hold now.
    pub(crate) fn reset_peaks(&self) -> Result<Memory> {
        for (name, pid) in &self.suite {
            fs::write(format!("/proc/{pid}/clear_refs"), "5")
                .with_context(|| format!("the peak of {name} can't be reset"))?;
        }
        self.memory("VmRSS")
    }

    /// The most that each has held since the peaks were reset.
    pub(crate) fn peaks(&self) -> Result<Memory> {
        self.memory("VmHWM")
    }

    /// What each holds, pages that they share (the executable) divided among them, so that the sum is what all hold.
    pub(crate) fn shares(&self) -> Result<Memory> {
        self.read("smaps_rollup", "Pss")
    }

    fn memory(&self, field: &str) -> Result<Memory> {
        self.read("status", field)
    }

    fn read(&self, file: &str, field: &str) -> Result<Memory> {
        self.suite
            .iter()
            .map(|(name, pid)| {
                let status = fs::read_to_string(format!("/proc/{pid}/{file}"))
                    .with_context(|| format!("{name} has ended"))?;
                let kib = kib(&status, field).with_context(|| format!("{name} tells no {field}"))?;
                Ok((*name, kib / 1024.0))
            })
            .collect()
    }
}

/// What was used between two readings.
pub(crate) fn between(before: &Cpu, after: &Cpu) -> Cpu {
    after
        .iter()
        .map(|(name, used)| (*name, (used - before.get(name).unwrap_or(&0.0)).max(0.0)))
        .collect()
}

struct Ticks {
    own: f64,
    children: f64,
}

/// The ticks of a process, and of those children that it has waited for.
fn ticks(pid: u32) -> Option<Ticks> {
    parse_ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_ticks(stat: &str) -> Option<Ticks> {
    // The name before may hold blanks and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, system, child_user, child_system] = fields[..] else {
        return None;
    };
    Some(Ticks {
        own: user + system,
        children: child_user + child_system,
    })
}

/// All processes that work in a folder: the servers do, and so do their children. Ended ones are in their parent's sum.
fn of_folder(folder: &Path) -> f64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0.0;
    };
    processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder))
        .filter_map(ticks)
        .map(|ticks| (ticks.own + ticks.children) * TICK)
        .sum()
}

fn kib(status: &str, field: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) (b)) S 1 7 7 0 -1 4194560 900 0 0 0 12 30 5 6 20 0 1 0 100 0 0";
        let ticks = parse_ticks(stat).unwrap();
        assert!((ticks.own - 42.0).abs() < 0.1 && (ticks.children - 11.0).abs() < 0.1);
    }

    #[test]
    fn memory_is_read_by_the_name_of_its_field() {
        let status = "Name:\tkontor\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        assert_eq!(kib(status, "VmHWM"), Some(20480.0));
        assert_eq!(kib(status, "VmRSS"), Some(10240.0));
        assert_eq!(kib(status, "VmSwap"), None);
    }
}
