//! The table of a run: printed, and kept in docs/performance.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};

use crate::Scale;
use crate::wrk::Load;

/// One workload.
pub(crate) struct Row {
    number: String,
    what: String,
    figure: String,
    p50: String,
    p95: String,
    p99: String,
    errors: String,
    cpu: String,
    limit: String,
    ratio: String,
    must: String,
}

impl Row {
    /// A workload of many requests: the means of its runs and of its limit's.
    #[allow(clippy::cast_precision_loss)] // counts of runs
    pub(crate) fn of(
        number: &str,
        what: &str,
        loads: &[Load],
        limits: &[f64],
        cpu: BTreeMap<String, f64>,
    ) -> Self {
        let mean = |pick: fn(&Load) -> f64| loads.iter().map(pick).sum::<f64>() / loads.len() as f64;
        let limit = limits.iter().sum::<f64>() / limits.len() as f64;
        let reached = mean(|load| load.per_second);
        Self {
            number: number.to_owned(),
            what: what.to_owned(),
            figure: format!("{reached:.0}/s"),
            p50: format!("{:.1}", mean(|load| load.p50)),
            p95: format!("{:.1}", mean(|load| load.p95)),
            p99: format!("{:.1}", mean(|load| load.p99)),
            errors: loads.iter().map(|load| load.errors).sum::<u64>().to_string(),
            cpu: cpu
                .iter()
                .map(|(name, ms)| format!("{name} {ms:.2}"))
                .collect::<Vec<_>>()
                .join(", "),
            limit: format!("{limit:.0}/s"),
            ratio: format!("{:.0} %", reached / limit * 100.0),
            must: String::new(),
        }
    }

    /// A workload told in words: a figure, its limit, the ratio.
    pub(crate) fn told(number: &str, what: &str, figure: String, limit: String, ratio: String) -> Self {
        let none = || "–".to_owned();
        let (number, what, must) = (number.to_owned(), what.to_owned(), String::new());
        Self {
            number,
            what,
            figure,
            p50: none(),
            p95: none(),
            p99: none(),
            errors: none(),
            cpu: none(),
            limit,
            ratio,
            must,
        }
    }

    /// What it has to reach.
    pub(crate) fn must(mut self, text: &str) -> Self {
        text.clone_into(&mut self.must);
        self
    }
}

/// All workloads of a run.
pub(crate) struct Table {
    scale: Scale,
    rows: Vec<Row>,
}

impl Table {
    /// An empty one.
    pub(crate) fn new(scale: Scale) -> Self {
        Self {
            scale,
            rows: Vec::new(),
        }
    }

    /// Adds a workload and prints it at once.
    pub(crate) fn push(&mut self, row: Row) {
        eprintln!("   {} of {}: {}", row.figure, row.limit, row.ratio);
        self.rows.push(row);
    }

    /// Prints the table and keeps it in docs/performance.md, between its marks.
    pub(crate) fn write(&self) -> Result<()> {
        let text = self.text()?;
        #[allow(clippy::print_stdout)] // what the command is for
        {
            println!("{text}");
        }
        let file = std::env::current_dir()?.join("docs/performance.md");
        let page = std::fs::read_to_string(&file).context("run it at the top of the repository")?;
        let (head, rest) = page
            .split_once("<!-- last run -->")
            .context("docs/performance.md has no mark")?;
        let (_, tail) = rest
            .split_once("<!-- end of last run -->")
            .context("docs/performance.md has no end mark")?;
        std::fs::write(
            file,
            format!("{head}<!-- last run -->\n{text}<!-- end of last run -->{tail}"),
        )?;
        Ok(())
    }

    fn text(&self) -> Result<String> {
        let cores = std::thread::available_parallelism()?;
        let memory = std::fs::read_to_string("/proc/meminfo")?;
        let kib: f64 = memory.split_whitespace().nth(1).context("memory")?.parse()?;
        let mut text = String::new();
        writeln!(
            text,
            "{cores} cores, {:.0} GiB, PostgreSQL, RabbitMQ, load and suite on the same machine; {} leads, {} accounts, {} contacts; \
             {} connections; {} s a run.\n",
            kib / 1024.0 / 1024.0,
            self.scale.leads,
            self.scale.accounts,
            self.scale.contacts,
            crate::CONNECTIONS,
            self.scale.seconds
        )?;
        writeln!(
            text,
            "| # | workload | reached | p50 ms | p95 ms | p99 ms | errors | CPU ms a request | limit | ratio | must reach |"
        )?;
        writeln!(
            text,
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        )?;
        for Row {
            number,
            what,
            figure,
            p50,
            p95,
            p99,
            errors,
            cpu,
            limit,
            ratio,
            must,
        } in &self.rows
        {
            writeln!(
                text,
                "| {number} | {what} | {figure} | {p50} | {p95} | {p99} | {errors} | {cpu} | {limit} | **{ratio}** | {must} |"
            )?;
        }
        Ok(text)
    }
}
