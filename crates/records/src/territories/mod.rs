//! Territories: parts of the market, with rules that say which records belong to them.
//!
//! One service keeps them and tells of them; every service whose records lie in territories has a copy (the table
//! `territories`), so that a record is placed in the transaction that writes it, without asking anybody.
//!
//! Reading order: [`rules`](Rules) (what a territory wants of a record: pure), [`map`](Map) (which territory of a company
//! wins: pure), [`table`](keep) (the copy), [`known`](Territories) (maps that are remembered), [`placed`](Placed) (what a
//! kind of record says of itself, and how it is placed), [`turns`] (whose a record becomes), [`moves`](preview) (what a changed
//! rule would move), [`sweep`](Mover) (moving it in the background).

mod known;
mod map;
mod moves;
mod placed;
mod rules;
mod sweep;
mod table;
mod turns;

pub use known::Territories;
pub use map::{Assignment, Map, Territory};
pub use moves::preview;
pub use placed::{Case, Given, Placed};
pub use rules::{Facts, Rules};
pub use sweep::{MOVES, Mover, Progress, Sweep, begin, empty};
pub use table::{KIND, changes, keep, load, read, version};
