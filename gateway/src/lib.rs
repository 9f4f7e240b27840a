//! HTTP and JSON in front of the services, derived from the protobuf descriptors.
//!
//! The gateway holds no list of routes and no data types of its own: at start it reads `google.api.http` and the
//! options of `kontor.api.v1` from the descriptors ([`contract`]) and builds from them its router ([`route`],
//! [`endpoint`]), its JSON ([`json`], driven by the precompiled [`plan`]s) and the document of the API ([`openapi`]). A
//! new rpc or field does not touch it.
//!
//! Reading order of one request: [`serve`] accepts the connection, [`gateway`] routes it, admits the caller, binds path,
//! [`query`], headers and body into the request's message, [`call`]s the rpc and writes the answer. [`upload`] and
//! [`stream`] are the ways of files in and out, [`problem`] is the way of every failure, [`edge`], [`browser`] and
//! [`limits`] are what the open internet needs.

pub mod browser;
pub mod call;
pub mod contract;
pub mod edge;
pub mod endpoint;
mod exchange;
pub mod gateway;
pub mod json;
pub mod limits;
mod measure;
pub mod openapi;
mod pages;
pub mod plan;
pub mod problem;
pub mod query;
pub mod request;
pub mod route;
pub mod serve;
pub mod stream;
mod unread;
mod upload;
pub mod wire;

pub use gateway::Gateway;
pub use serve::{serve, serve_at};
