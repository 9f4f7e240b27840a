//! The one table of failures.

use tonic::Code;

/// What kind of failure it is: decides the gRPC code and the HTTP status, and nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Malformed or invalid input; the request can never succeed as it is.
    Invalid,
    /// Not signed in, or the token counts no more.
    Unauthenticated,
    /// Signed in, but without the right.
    Forbidden,
    /// Not there, or another company's: the same answer for both.
    NotFound,
    /// The record is in a state that doesn't allow it.
    Conflict,
    /// Something of that name, address or key is there already.
    Exists,
    /// The etag is no longer the record's.
    Stale,
    /// More bytes or rows than are taken.
    TooLarge,
    /// A content type that isn't read here.
    UnsupportedMedia,
    /// Well-formed, but refused by a rule.
    Refused,
    /// Too often; try again after `retry_after`.
    TooMany,
    /// A fault of ours.
    Internal,
    /// Declared in the contract, not built yet.
    Unimplemented,
    /// Something that is needed is down; try again after `retry_after`.
    Unavailable,
}

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Invalid,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Exists,
        Self::Stale,
        Self::TooLarge,
        Self::UnsupportedMedia,
        Self::Refused,
        Self::TooMany,
        Self::Internal,
        Self::Unimplemented,
        Self::Unavailable,
    ];

    const fn row(self) -> (Code, u16, &'static str) {
        match self {
            Self::Invalid => (Code::InvalidArgument, 400, "Invalid request"),
            Self::Unauthenticated => (Code::Unauthenticated, 401, "Not signed in"),
            Self::Forbidden => (Code::PermissionDenied, 403, "Not allowed"),
            Self::NotFound => (Code::NotFound, 404, "Not found"),
            Self::Conflict => (Code::FailedPrecondition, 409, "Conflict"),
            Self::Exists => (Code::AlreadyExists, 409, "Conflict"),
            // AIP-154: an etag that doesn't match is ABORTED.
            Self::Stale => (Code::Aborted, 412, "Stale etag"),
            // What tonic itself answers for a message above the limit.
            Self::TooLarge => (Code::OutOfRange, 413, "Too large"),
            Self::UnsupportedMedia => (Code::InvalidArgument, 415, "Unsupported media type"),
            Self::Refused => (Code::FailedPrecondition, 422, "Refused"),
            Self::TooMany => (Code::ResourceExhausted, 429, "Too many requests"),
            Self::Internal => (Code::Internal, 500, "Internal error"),
            Self::Unimplemented => (Code::Unimplemented, 501, "Not implemented"),
            Self::Unavailable => (Code::Unavailable, 503, "Unavailable"),
        }
    }

    /// Its gRPC code.
    #[must_use]
    pub const fn grpc(self) -> Code {
        self.row().0
    }

    /// Its HTTP status.
    #[must_use]
    pub const fn http(self) -> u16 {
        self.row().1
    }

    /// The title of its problem document.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The kind behind a status that carries no `ErrorDetail`, by its code alone.
    #[must_use]
    pub const fn of_code(code: Code) -> Self {
        match code {
            Code::InvalidArgument => Self::Invalid,
            Code::Unauthenticated => Self::Unauthenticated,
            Code::PermissionDenied => Self::Forbidden,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::Exists,
            Code::Aborted => Self::Stale,
            Code::FailedPrecondition => Self::Conflict,
            Code::OutOfRange => Self::TooLarge,
            Code::ResourceExhausted => Self::TooMany,
            Code::Unimplemented => Self::Unimplemented,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unavailable,
            Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => Self::Internal,
        }
    }

    /// The kind behind an `ErrorDetail`: the code and the HTTP status together name one row.
    #[must_use]
    pub fn of(code: Code, http_status: u16) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.grpc() == code && kind.http() == http_status)
            .unwrap_or_else(|| Self::of_code(code))
    }
}
