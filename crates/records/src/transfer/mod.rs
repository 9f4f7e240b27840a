//! Records from files and to files: import and export of every kind, driven by its description.
//!
//! An import has two halves. [`upload`]: bytes are read ([`encoding`], [`delimiter`], [`reader`]), columns find their
//! fields ([`headers`], [`plan`]), rows become records or refusals ([`cells`], [`own_cells`], [`draft`]), the service completes them
//! ([`Importer`]), and COPY puts them into a table where they wait ([`staging`]). [`apply`]: batch by batch they go into the
//! record's own table ([`change`] where they change records). The job's row ([`job`]) says how far it has come, and a
//! timer lets another process go on when one dies ([`work`]).
//!
//! A [`preview`](Imports::preview) reads the beginning of a file and writes nothing; [`watch`] tells how a job goes on;
//! [`undo`] takes an ended one back by what [`changes`] kept of it.
//!
//! An [`export`](export()) is one statement, whose rows become text as they come ([`format`]).

mod apply;
mod cells;
mod change;
mod changes;
mod countries;
pub mod csv;
mod dates;
mod delimiter;
mod disarm;
mod draft;
mod encoding;
mod export;
mod format;
mod headers;
mod importer;
mod imports;
mod job;
mod own_cells;
mod plan;
mod preview;
mod reader;
mod refusals;
mod rpcs;
mod staging;
mod synonyms;
mod undo;
mod upload;
mod watch;
mod work;

pub use disarm::{is_armed, rearm};
pub use draft::RowError;
pub use encoding::{Decoder, Encoding, NotText};
pub(crate) use export::download;
pub use export::export;
pub use importer::{Candidate, Importer};
pub use imports::{Download, Imported, Imports, RUNNING_STATUS};
pub use reader::{Fault, MAX_COLUMNS, MAX_RECORD_BYTES, Reader, Row};
#[doc(hidden)]
pub use rpcs::{no_part, parts, started};
pub use upload::{Part, Parts};
