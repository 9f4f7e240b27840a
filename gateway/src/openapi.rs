//! The document of the API.
use crate::contract::Options;
use crate::endpoint::Endpoint;
use crate::plan::Plans;
use crate::route::Routes;

/// Writes it.
pub fn document(
    _routes: &Routes<Endpoint>,
    _plans: &Plans,
    _options: &Options,
    _public_url: &str,
) -> Vec<u8> {
    b"{}".to_vec()
}
