//! What this crate promises, on a kind of record with every kind of field and a real database.

// A test that can't be set up fails where it is.
#![allow(clippy::unwrap_used)]

mod bulk;
mod bulk_jobs;
mod exporting;
mod filtering;
mod handing_over;
mod importing;
mod indexes;
mod lead;
mod listing;
mod matching;
mod own_fields;
mod own_lists;
mod own_transfers;
mod paging;
mod patching;
mod previewing;
mod reaching;
mod surviving;
mod undoing;
mod viewing;
mod world;
mod writing;
