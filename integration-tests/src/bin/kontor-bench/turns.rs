//! A workload and its limit in turn: A B A B, after a warm-up, so that what else the machine does meets both.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::load::Load;
use crate::usage::{self, Cpu, Memory, Meter};

/// What the turns gave.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// The runs of the workload as one.
    pub(crate) load: Load,
    /// The mean of the limit's runs, a second.
    pub(crate) limit: Option<f64>,
    /// CPU milliseconds for each request (or row), by process.
    pub(crate) cpu: Cpu,
    /// The most memory that each process held, in MiB.
    pub(crate) peaks: Memory,
    /// By how much that is above what it held when a run began.
    pub(crate) growth: Memory,
}

impl Measured {
    /// How much of its limit the workload reached.
    pub(crate) fn ratio(&self) -> Option<f64> {
        self.limit.map(|limit| self.load.rate() / limit)
    }
}

/// Which turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// 0 for the warm-up, then 1 and 2.
    pub(crate) number: u32,
    /// How long a run of it is to last.
    pub(crate) seconds: u64,
}

/// Runs both in turn. A workload that lasts as long as it lasts has no use for the seconds.
pub(crate) async fn in_turn(
    meter: &Meter,
    seconds: u64,
    mut workload: impl AsyncFnMut(Turn) -> Result<Load>,
    mut limit: impl AsyncFnMut(Turn) -> Result<f64>,
) -> Result<Measured> {
    let warm_up = Turn {
        number: 0,
        seconds: seconds.div_ceil(4),
    };
    workload(warm_up).await?;
    limit(warm_up).await?;
    let mut runs = Runs::default();
    let mut limits = Vec::new();
    for number in 1..=2 {
        let turn = Turn { number, seconds };
        runs.add(meter, async || workload(turn).await).await?;
        limits.push(limit(turn).await?);
    }
    let mut measured = runs.finish();
    measured.limit = Some(limits.iter().sum::<f64>() / limits.len() as f64);
    Ok(measured)
}

/// Runs of one workload, with what they cost.
#[derive(Default)]
pub(crate) struct Runs {
    loads: Vec<Load>,
    cpu: Cpu,
    peaks: Memory,
    growth: Memory,
}

impl Runs {
    /// Runs it once.
    pub(crate) async fn add(&mut self, meter: &Meter, run: impl AsyncFnOnce() -> Result<Load>) -> Result<()> {
        let held = meter.reset_peaks()?;
        let before = meter.cpu();
        let load = run().await?;
        let used = usage::between(&before, &meter.cpu());
        for (name, peak) in meter.peaks()? {
            highest(&mut self.peaks, name, peak);
            highest(&mut self.growth, name, peak - held.get(name).unwrap_or(&0.0));
        }
        for (name, used) in used {
            *self.cpu.entry(name).or_default() += used;
        }
        self.loads.push(load);
        Ok(())
    }

    /// All of them as one.
    pub(crate) fn finish(self) -> Measured {
        let load = Load::sum(&self.loads);
        let done = load.done.max(1) as f64;
        Measured {
            load,
            limit: None,
            cpu: self
                .cpu
                .into_iter()
                .map(|(name, used)| (name, used / done))
                .collect(),
            peaks: self.peaks,
            growth: self.growth,
        }
    }
}

fn highest(of: &mut BTreeMap<&'static str, f64>, name: &'static str, value: f64) {
    let known = of.entry(name).or_default();
    *known = known.max(value);
}
