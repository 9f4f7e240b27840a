//! Several records become one, and several again.
//!
//! The record that stays is the *winner*; the others, its *sources*, are deleted and answer 404 with the winner's id.
//! [`choose`] decides field by field whose value is kept, [`Merges`] does it, remembers what it wrote ([`written`]) and
//! tells it, and takes it back as far as nobody has touched it since. References to the sources move to the winner: those of
//! the same kind in the same transaction, those of other services when they hear of it ([`follow`]).

mod choose;
mod follow;
mod heard;
mod hears;
mod merges;
mod rpcs;
mod settle;
mod store;
mod unmerge;
mod wish;
mod written;

pub(crate) use follow::catch_up;
pub use follow::follow;
pub use hears::Follow;
pub use merges::{Merged, Merger, Merges};
pub use settle::Settle;
pub(crate) use store::{merged_among, not_found, refuse_restore};
pub use unmerge::Unmerged;
pub use wish::Wish;
