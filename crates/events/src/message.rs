//! A message on its way.

use bytes::Bytes;

use crate::Headers;

/// A message as the relay gives it to the bus and as a consumer gets it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Its id; empty when a stranger sent it without one.
    pub(crate) id: String,
    /// The full protobuf name; empty when a stranger sent it without one.
    pub(crate) kind: String,
    pub(crate) headers: Headers,
    pub(crate) payload: Bytes,
    /// How often it was tried and failed.
    pub(crate) attempts: u32,
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The broker has it safely, or every consumer in this process has its effect committed.
    Taken,
    /// No queue wants it.
    Unroutable,
    /// It was not taken; try again. It counts towards giving up.
    Failed,
    /// It was not taken because something is away; try again. It does not count.
    Postponed,
}

/// What a consumer says of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its effect is committed, or was before.
    Done,
    /// It failed; deliver it again, up to the limit.
    Again,
    /// Something it needs is away; deliver it later, without counting.
    Later,
    /// It can never succeed.
    Dead,
}

/// After so many failures a message is given up.
pub(crate) const DELIVERY_LIMIT: u32 = 10;
