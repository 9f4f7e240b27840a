//! The contract of Kontor: messages, clients and servers generated from `proto/kontor`, and their descriptors.
//!
//! Modules follow the proto packages: `kontor.leads.v1` is [`leads::v1`](crate::kontor::leads::v1).

#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/kontor.rs"));
}

use std::sync::LazyLock;

pub use generated::google;
pub use generated::kontor::*;
use prost_reflect::DescriptorPool;

/// The encoded `FileDescriptorSet` of every proto, with extension options and without comments; for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kontor.fds"));

/// The same with the comments, which take twice as much memory when decoded as all the rest: for OpenAPI alone.
pub const COMMENTED_FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/commented.fds"));

/// [`FILE_DESCRIPTOR_SET`], decoded once.
///
/// # Panics
/// Never in practice: the bytes were written by the build of this crate, and a test decodes them.
#[allow(clippy::expect_used)]
pub static DESCRIPTORS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the descriptors this crate was built from")
});

#[cfg(test)]
mod tests {
    #[test]
    fn every_rpc_says_who_may_call_it() {
        let access = super::DESCRIPTORS
            .get_extension_by_name("kontor.api.v1.access")
            .unwrap();
        for service in super::DESCRIPTORS.services() {
            for method in service.methods() {
                assert!(
                    method.options().has_extension(&access),
                    "{} has no access rule",
                    method.full_name()
                );
            }
        }
    }
}
