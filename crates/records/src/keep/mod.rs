//! The use-cases that every kind of record has: made, read, listed, changed, deleted, brought back and given away, one at a
//! time. What only one kind needs, its service says in a [`Keeper`].
//!
//! Each that changes something has one silhouette: may they, begin, load, rule, save, tell, commit.

mod background;
mod keeper;
mod one;
mod place;
mod rpcs;
mod setup_rpcs;

pub use background::in_background;
pub use keeper::{Edit, Intent, Keeper, Later};
pub use one::{Revision, assign_owner, create, delete, get, history, list, restore, update};
pub use place::{Placer, assign_territory};
