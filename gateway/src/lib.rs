//! HTTP and JSON in front of the services, derived from the protobuf descriptors.
//!
//! The gateway holds no list of routes and no data types of its own: at start it reads `google.api.http` and the
//! options of `kontor.api.v1` from the descriptors and builds from them its router ([`route`]), its JSON ([`json`],
//! driven by the precompiled [`plan`]s) and the OpenAPI document. A new rpc or field does not touch it.

pub mod contract;
pub mod endpoint;
pub mod json;
pub mod plan;
pub mod query;
pub mod route;
pub mod wire;
