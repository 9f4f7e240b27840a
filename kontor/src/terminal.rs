//! What the command line says to the person who called it; logs go their own way.

use std::io::{self, Write};

/// A line on standard output. One that nobody reads any more is no failure.
pub(crate) fn say(line: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush()).ok();
}
