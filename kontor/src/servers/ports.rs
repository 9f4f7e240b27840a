//! Free ports, remembered: a server that moved on every start could not be found again.
//!
//! They lie below the range that the system takes the ports of outgoing connections from: between the choice of a port and
//! the start of its server, a connection of any program could take one of those.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use rand::Rng;

/// Below these stand the well-known and many registered ports.
const LOWEST: u16 = 15_000;
/// How often a random port is tried before the system chooses one.
const TRIES: usize = 200;

/// What this process was given already: a port is free until its server has started, and must not be given twice.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

use super::passwords::write_private;

/// Whether `port` of 127.0.0.1 can be listened on now.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A port of 127.0.0.1 that is free now, and that this process was not given before.
///
/// # Errors
/// When the machine has none left.
pub fn free_port() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let range = quiet_range();
    for _ in 0..TRIES {
        if range.is_empty() {
            break;
        }
        let port = rand::rng().random_range(range.clone());
        if is_free(port) && given.insert(port) {
            return Ok(port);
        }
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    let port = listener.local_addr()?.port();
    given.insert(port);
    Ok(port)
}

/// The ports that no outgoing connection is given.
fn quiet_range() -> Range<u16> {
    let first_outgoing = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768);
    LOWEST..first_outgoing
}

/// The `N` ports written in `file`, or new ones (written there) where one is missing or taken.
pub(super) fn remembered<const N: usize>(file: &Path) -> Result<[u16; N]> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let known: Vec<u16> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    if let Ok(ports) = <[u16; N]>::try_from(known)
        && ports.iter().all(|port| is_free(*port))
    {
        return Ok(ports);
    }
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free_port()?;
    }
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    write_private(file, (words.join(" ") + "\n").as_bytes())?;
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: BTreeSet<u16> = (0..500).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 500);
    }

    #[test]
    fn ports_are_remembered_until_one_is_taken() {
        let file = std::env::temp_dir().join(format!("kontor-ports-{}", std::process::id()));
        let first: [u16; 2] = remembered(&file).unwrap();
        assert_eq!(remembered::<2>(&file).unwrap(), first);

        let _taken = TcpListener::bind(("127.0.0.1", first[0])).unwrap();
        let second: [u16; 2] = remembered(&file).unwrap();
        assert_ne!(second[0], first[0]);
        fs::remove_file(&file).unwrap();
    }
}
