//! What is printed and kept: one row a workload.

use std::fmt::Write as _;

use crate::turns::Measured;

/// What a row must reach.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Demand {
    text: String,
    holds: bool,
}

impl Demand {
    /// At least this share of the limit.
    pub(crate) fn share(measured: &Measured, least: f64) -> Self {
        Self {
            text: format!("{} %", percent(least)),
            holds: measured.ratio().is_some_and(|ratio| ratio >= least),
        }
    }

    /// The 99th percentile in milliseconds.
    pub(crate) fn p99(measured: &Measured, most: f64) -> Self {
        Self {
            text: format!("p99 ≤ {most} ms"),
            holds: measured.load.latency.is_some_and(|latency| latency.p99 <= most),
        }
    }

    /// Anything else; `text` says what it is and what it came to.
    pub(crate) fn that(text: String, holds: bool) -> Self {
        Self { text, holds }
    }
}

/// A row of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) workload: String,
    pub(crate) measured: Measured,
    pub(crate) demands: Vec<Demand>,
    /// Why it was not measured, where it was not.
    pub(crate) skipped: Option<String>,
}

impl Row {
    fn verdict(&self) -> String {
        if self.skipped.is_some() {
            return "not measured".to_owned();
        }
        let mut failed: Vec<&str> = Vec::new();
        if self.measured.load.errors > 0 {
            failed.push("errors");
        }
        failed.extend(
            self.demands
                .iter()
                .filter(|demand| !demand.holds)
                .map(|demand| demand.text.as_str()),
        );
        if failed.is_empty() {
            "reached".to_owned()
        } else {
            format!("**missed**: {}", failed.join(", "))
        }
    }

    fn cells(&self) -> Vec<String> {
        let measured = &self.measured;
        let none = String::new;
        if let Some(why) = &self.skipped {
            let mut cells = vec![self.number.to_string(), format!("{} ({why})", self.workload)];
            cells.resize(HEADER.len() - 1, String::new());
            cells.push(self.verdict());
            return cells;
        }
        let has_load = measured.load.done > 0;
        let latency = |part: fn(&crate::load::Latency) -> f64| {
            measured
                .load
                .latency
                .as_ref()
                .map_or_else(none, |latency| number(part(latency)))
        };
        vec![
            self.number.to_string(),
            self.workload.clone(),
            if has_load {
                number(measured.load.rate())
            } else {
                none()
            },
            latency(|latency| latency.p50),
            latency(|latency| latency.p95),
            latency(|latency| latency.p99),
            if has_load {
                measured.load.errors.to_string()
            } else {
                none()
            },
            by_process(&measured.cpu, 0.02),
            by_process(&measured.peaks, 0.2),
            measured.limit.map_or_else(none, number),
            measured
                .ratio()
                .map_or_else(none, |ratio| format!("{} %", percent(ratio))),
            self.demands
                .iter()
                .map(|demand| demand.text.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            self.verdict(),
        ]
    }
}

const HEADER: [&str; 13] = [
    "#",
    "workload",
    "per s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "errors",
    "CPU ms each",
    "peak MiB",
    "limit per s",
    "ratio",
    "must reach",
    "verdict",
];

/// The table in Markdown, columns aligned so that it reads in a terminal too.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut lines: Vec<Vec<String>> = vec![HEADER.iter().map(ToString::to_string).collect()];
    lines.extend(rows.iter().map(Row::cells));
    let widths: Vec<usize> = (0..HEADER.len())
        .map(|column| {
            lines
                .iter()
                .map(|cells| cells[column].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut out = String::new();
    for (at, cells) in lines.iter().enumerate() {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        // Writing to a String can't fail.
        let _ = writeln!(out, "| {} |", padded.collect::<Vec<_>>().join(" | "));
        if at == 0 {
            let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(out, "| {} |", dashes.join(" | "));
        }
    }
    out
}

/// `leads 0.21, postgres 0.35`: those with more than this share of the whole, most first.
fn by_process(values: &std::collections::BTreeMap<&'static str, f64>, share: f64) -> String {
    let whole: f64 = values.values().sum();
    let mut shown: Vec<_> = values
        .iter()
        .filter(|(_, value)| **value > whole * share)
        .collect();
    shown.sort_by(|a, b| b.1.total_cmp(a.1));
    let shown: Vec<String> = shown
        .iter()
        .map(|(name, value)| format!("{name} {}", number(**value)))
        .collect();
    shown.join(", ")
}

fn percent(share: f64) -> String {
    number(share * 100.0)
}

/// Three significant digits, and none behind the point of what is large.
pub(crate) fn number(value: f64) -> String {
    if value >= 100.0 {
        let whole = format!("{value:.0}");
        let mut out = String::new();
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                out.push(',');
            }
            out.push(digit);
        }
        return out;
    }
    let digits = match value.abs() {
        value if value >= 10.0 => 1,
        value if value >= 1.0 => 2,
        value if value >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Latency, Load};
    use crate::usage::{Cpu, Memory};

    fn measured(rate: u64, p99: f64, errors: u64) -> Measured {
        Measured {
            load: Load {
                done: rate,
                seconds: 1.0,
                errors,
                latency: Some(Latency {
                    p50: 1.0,
                    p95: 2.0,
                    p99,
                }),
            },
            limit: Some(2_000.0),
            cpu: Cpu::from([("leads", 0.21), ("postgres", 0.35), ("deals", 0.001)]),
            peaks: Memory::from([("leads", 30.0), ("gateway", 20.0)]),
            growth: Memory::new(),
        }
    }

    fn row(measured: Measured) -> Row {
        let demands = vec![Demand::share(&measured, 0.2), Demand::p99(&measured, 5.0)];
        Row {
            number: 1,
            workload: "GET".to_owned(),
            measured,
            demands,
            skipped: None,
        }
    }

    #[test]
    fn a_row_tells_what_it_reached() {
        let text = markdown(&[row(measured(500, 4.0, 0))]);
        let line = text.lines().last().unwrap();
        for cell in [
            "500",
            "25 %",
            "postgres 0.35, leads 0.21",
            "20 %, p99 ≤ 5 ms",
            "reached",
        ] {
            assert!(line.contains(cell), "{cell} is not in {line}");
        }
        assert!(!line.contains("deals"), "{line}");
        let lengths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{text}");
    }

    #[test]
    fn a_row_that_misses_says_what() {
        assert_eq!(row(measured(500, 6.0, 0)).verdict(), "**missed**: p99 ≤ 5 ms");
        assert_eq!(row(measured(100, 4.0, 3)).verdict(), "**missed**: errors, 20 %");
    }

    #[test]
    fn a_row_without_a_measurement_is_not_passed() {
        let skipped = Row {
            skipped: Some("its route is not built".to_owned()),
            ..row(Measured::default())
        };
        assert_eq!(skipped.verdict(), "not measured");
        assert_eq!(skipped.cells().len(), HEADER.len());
    }

    #[test]
    fn numbers_are_short() {
        let texts = [1_234_567.4, 150.2, 12.34, 1.5, 0.35, 0.0312, 0.0].map(number);
        assert_eq!(texts, ["1,234,567", "150", "12.3", "1.5", "0.35", "0.0312", "0"]);
    }
}
