//! Reading, making and changing records: one, or many at once. What is written, remembered and told is one statement.
//!
//! Functions borrow the caller's transaction; nothing has happened until it commits. Each checks that the caller may: a
//! record that one may not read is not there, one that one may read but not change is forbidden.

mod change;
mod find;
mod insert;
mod many;
pub(crate) mod rights;
mod statements;
mod update;

pub use change::Change;
pub(crate) use find::all_of;
pub use find::{Which, find, get, get_for_update, parse_id};
pub use insert::insert;
pub(crate) use many::{Pair, is_about_a_row, lock, lock_for, update_each};
pub use rights::may;
pub use statements::Statements;
pub(crate) use update::bring_back;
pub use update::{delete, restore, update};
