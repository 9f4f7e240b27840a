//! Records from files and to files: import and export of every kind, driven by its description.

mod delimiter;
mod disarm;
mod encoding;
mod reader;

pub use disarm::{is_armed, rearm};
pub use encoding::{Decoder, Encoding, NotText};
pub use reader::{Fault, MAX_COLUMNS, MAX_RECORD_BYTES, Reader, Row};
