//! Every line of SQL of leads that isn't the same for every kind of record, on a borrowed connection.

pub mod ageing;
pub mod conversions;
pub mod numbers;
pub mod weights;
