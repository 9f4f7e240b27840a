//! Lists of records: which, in which order, a page at a time.
//!
//! [`Selection`] says which records a request means (typed filters, `filter`, `search`, `deleted`, the caller's scope) as
//! a condition with its parameters; lists, counts, exports and statistics are made of it. [`list`] adds the order, the
//! page and the summaries. A [`Listing`] is rows of any other table, listed alike.

mod compare;
mod compile;
mod condition;
mod expand;
mod explain;
mod list;
mod listing;
mod order;
mod search;
mod selection;
mod token;
mod total;
mod typed;

pub use condition::Condition;
pub use expand::{Expansions, show};
pub use explain::explain;
pub use list::{Page, list, page, page_size};
pub use listing::Listing;
pub use order::Order;
pub use search::MAKE_SEARCH_INDEXABLE;
pub(crate) use search::near_any;
pub use selection::Selection;
pub use token::{Cursor, Identity};
