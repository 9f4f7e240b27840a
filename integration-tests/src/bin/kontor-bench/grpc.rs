//! The load by gRPC: h2load, a process for each connection, since one sends the same body with every request.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::load::{Latency, Load};

/// A unary rpc with requests that differ by connection.
pub(crate) struct Rpc<'a> {
    /// Where the service listens, `http://…`.
    pub(crate) service: &'a str,
    /// `/package.Service/Method`.
    pub(crate) path: &'a str,
    pub(crate) token: &'a str,
    /// The encoded request of each connection, and the length of its encoded answer.
    pub(crate) requests: Vec<(Vec<u8>, usize)>,
}

impl Rpc<'_> {
    /// Sends them over and over for so many seconds.
    pub(crate) async fn run(&self, folder: &Path, seconds: u64) -> Result<Load> {
        let runs = self
            .requests
            .iter()
            .enumerate()
            .map(|(number, (request, answer))| self.connection(folder, seconds, number, request, *answer));
        let mut times = Vec::new();
        let mut errors = 0;
        for run in futures_util::future::join_all(runs).await {
            let (taken, failed) = run?;
            times.extend(taken);
            errors += failed;
        }
        times.sort_unstable();
        let at = |share: f64| {
            let place = (times.len() as f64 * share) as usize;
            times
                .get(place)
                .map_or(0.0, |microseconds| *microseconds as f64 / 1e3)
        };
        Ok(Load {
            done: times.len() as u64,
            seconds: seconds as f64,
            errors,
            latency: Some(Latency {
                p50: at(0.50),
                p95: at(0.95),
                p99: at(0.99),
            }),
        })
    }

    async fn connection(
        &self,
        folder: &Path,
        seconds: u64,
        number: usize,
        request: &[u8],
        answer: usize,
    ) -> Result<(Vec<u64>, u64)> {
        let (body, log) = (
            folder.join(format!("grpc-{number}")),
            folder.join(format!("grpc-{number}.log")),
        );
        fs::write(&body, framed(request))?;
        // h2load appends to its log.
        let _ = fs::remove_file(&log);
        let output = Command::new("h2load")
            .args(["--clients=1", "--threads=1", "--max-concurrent-streams=1"])
            .args(["--header=content-type: application/grpc", "--header=te: trailers"])
            .arg(format!("--header=authorization: Bearer {}", self.token))
            .arg(format!("--duration={seconds}"))
            .arg(format!("--data={}", body.display()))
            .arg(format!("--log-file={}", log.display()))
            .arg(format!("{}{}", self.service, self.path))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("h2load")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let Some(data) = data_bytes(&said).filter(|_| output.status.success()) else {
            bail!(
                "h2load ended with {}: {said}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        };
        let times = times(&fs::read_to_string(&log)?);
        // gRPC tells failures in trailers, with status 200 and no message: what came must be as long as all the answers.
        let whole = data / framed(&vec![0; answer]).len() as u64;
        let errors = (times.len() as u64).saturating_sub(whole);
        Ok((times, errors))
    }
}

/// A message as gRPC sends it: not compressed, with its length.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// Bytes of bodies that came.
fn data_bytes(said: &str) -> Option<u64> {
    let traffic = said.lines().find_map(|line| line.strip_prefix("traffic: "))?;
    let data = traffic.split(", ").find(|part| part.ends_with(" data"))?;
    data.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

/// The microseconds of each answered request: `start<TAB>status<TAB>time`.
fn times(log: &str) -> Vec<u64> {
    log.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').skip(1);
            let status = fields.next()?;
            (status == "200").then(|| fields.next()?.parse().ok())?
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_h2load_says_is_read() {
        let said = "finished in 1.00s\ntraffic: 1.52MB (1596180) total, 102.34KB (104800) headers (space savings 66.67%), \
                    1.20MB (1253000) data\n";
        assert_eq!(data_bytes(said), Some(1_253_000));
        assert_eq!(
            times("1700\t200\t450\n1701\t503\t9\n1702\t200\t470\n"),
            [450, 470]
        );
    }

    #[test]
    fn a_message_goes_with_its_length() {
        assert_eq!(framed(b"abc"), [0, 0, 0, 0, 3, b'a', b'b', b'c']);
    }
}
