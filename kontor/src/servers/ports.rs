//! Free ports, remembered: a server that moved on every start could not be found again.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};

use super::passwords::write_private;

/// Whether `port` of 127.0.0.1 can be listened on now.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A port of 127.0.0.1 that is free now.
///
/// # Errors
/// When the machine has none left.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("looking for a free port")?;
    Ok(listener.local_addr()?.port())
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
    // All listeners are held until the last is bound, so that no port is given twice.
    let listeners: Vec<TcpListener> = (0..N)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<Result<_, _>>()
        .context("looking for free ports")?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    write_private(file, (words.join(" ") + "\n").as_bytes())?;
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

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
