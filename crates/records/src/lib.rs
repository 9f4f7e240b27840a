//! What every kind of record can do: list, filter, search, page, patch, import, export

pub mod transfer;
