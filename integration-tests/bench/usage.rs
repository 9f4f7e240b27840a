//! What processes use, read from /proc.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Clock ticks a second of `/proc/<pid>/stat`: fixed at 100 on Linux for user space.
const TICKS: f64 = 100.0;

/// CPU seconds so far, by name of process.
pub(crate) type Cpu = BTreeMap<String, f64>;

/// CPU seconds of each process and its threads.
pub(crate) fn cpu(processes: &[(String, u32)]) -> Result<Cpu> {
    processes
        .iter()
        .map(|(name, id)| Ok((name.clone(), cpu_of(*id)?)))
        .collect()
}

fn cpu_of(id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name stands in parentheses and may hold blanks; user and system time are the 12th and 13th word after it.
    let (_, rest) = stat.rsplit_once(") ").context("/proc/stat")?;
    let ticks = rest
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS)
}

/// MiB that a process holds now (`VmRSS`) or held at most (`VmHWM`).
pub(crate) fn memory(id: u32, key: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with(key))
        .with_context(|| format!("{key} of {id}"))?;
    let kib: f64 = line.split_whitespace().nth(1).context("a size")?.parse()?;
    Ok(kib / 1024.0)
}

/// Forgets the peak of a process, so that the next `VmHWM` is of what comes.
pub(crate) fn forget_peak(id: u32) -> Result<()> {
    Ok(std::fs::write(format!("/proc/{id}/clear_refs"), "5")?)
}
