//! One failure, whichever way it leaves: a [`tonic::Status`] between services, a problem document at the gateway.
//!
//! A use-case returns [`Error`]. It becomes a status at the edge of a service (`status.rs`, which also logs what is our
//! fault, once), and an [`Error`] again at the caller of the rpc, with nothing lost but the source.

mod database;
mod kind;
mod status;

use std::borrow::Cow;
use std::time::Duration;

pub use kind::Kind;
pub use status::chain;

/// A text that is usually written in the code.
pub type Text = Cow<'static, str>;

/// What caused an error; never sent to a client.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A failure: its [`Kind`], a stable word (`code`), a sentence for a person (`detail`) and what belongs to it.
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    code: Text,
    detail: Text,
    fields: Vec<FieldError>,
    members: Vec<(Text, String)>,
    retry_after: Option<Duration>,
    replayed: bool,
    source: Option<Source>,
}

/// One bad field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Its path as in JSON: `address.country`, `contact_ids[2]`.
    pub field: Text,
    /// A stable snake_case word.
    pub code: Text,
    /// A sentence for a person.
    pub message: Text,
    /// The 0-based character at which a filter expression went wrong.
    pub position: Option<u32>,
}

/// Gathers every bad field, so that a caller learns of all at once.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn push(&mut self, field: impl Into<Text>, code: impl Into<Text>, message: impl Into<Text>) {
        self.0.push(FieldError {
            field: field.into(),
            code: code.into(),
            message: message.into(),
            position: None,
        });
    }

    /// Adds one with the 0-based character at which an expression went wrong.
    pub fn push_at(
        &mut self,
        field: impl Into<Text>,
        code: impl Into<Text>,
        message: impl Into<Text>,
        position: u32,
    ) {
        let (field, code, message) = (field.into(), code.into(), message.into());
        self.0.push(FieldError {
            field,
            code,
            message,
            position: Some(position),
        });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The gathered ones.
    #[must_use]
    pub fn into_vec(self) -> Vec<FieldError> {
        self.0
    }

    /// `Ok` when no field is bad, else one [`Kind::Invalid`] that lists all. A single bad field gives its own code.
    ///
    /// # Errors
    /// When there is at least one.
    pub fn into_result(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into_error(Kind::Invalid))
        }
    }

    /// One error of this kind that lists all. A single bad field gives its own code, several `invalid_fields`.
    #[must_use]
    pub fn into_error(self, kind: Kind) -> Error {
        let (code, detail): (Text, Text) = match self.0.as_slice() {
            [one] => (one.code.clone(), one.message.clone()),
            _ => ("invalid_fields".into(), "Several fields are invalid.".into()),
        };
        let mut error = Error::new(kind, code, detail);
        error.0.fields = self.0;
        error
    }
}

impl From<Vec<FieldError>> for FieldErrors {
    fn from(fields: Vec<FieldError>) -> Self {
        Self(fields)
    }
}

impl Extend<FieldError> for FieldErrors {
    fn extend<I: IntoIterator<Item = FieldError>>(&mut self, fields: I) {
        self.0.extend(fields);
    }
}

impl Error {
    /// An error of this kind, with a stable word and a sentence.
    #[must_use]
    pub fn new(kind: Kind, code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        let retry_after = (kind == Kind::Unavailable).then_some(Duration::from_secs(1));
        Self(Box::new(Parts {
            kind,
            code: code.into(),
            detail: detail.into(),
            fields: Vec::new(),
            members: Vec::new(),
            retry_after,
            replayed: false,
            source: None,
        }))
    }

    /// 400: malformed or invalid as a whole.
    #[must_use]
    pub fn invalid(code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::new(Kind::Invalid, code, detail)
    }

    /// 400: one invalid field.
    #[must_use]
    pub fn invalid_field(field: impl Into<Text>, code: impl Into<Text>, message: impl Into<Text>) -> Self {
        let mut fields = FieldErrors::new();
        fields.push(field, code, message);
        fields.into_error(Kind::Invalid)
    }

    /// 401. `code` is `unauthenticated`, or more precise as `token_expired`.
    #[must_use]
    pub fn unauthenticated(code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::new(Kind::Unauthenticated, code, detail)
    }

    /// 403 for want of a permission, which is named.
    #[must_use]
    pub fn forbidden(permission: &str) -> Self {
        Self::new(
            Kind::Forbidden,
            "forbidden",
            format!("This needs the permission {permission}."),
        )
    }

    /// 404; `what` is the resource's word in the singular.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("There is no such {what}."))
    }

    /// 409: the present state doesn't allow it.
    #[must_use]
    pub fn conflict(code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }

    /// 409: it is there already.
    #[must_use]
    pub fn exists(code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::new(Kind::Exists, code, detail)
    }

    /// 412: the etag given isn't the record's.
    #[must_use]
    pub fn stale() -> Self {
        Self::new(
            Kind::Stale,
            "stale_etag",
            "It has changed since; read it again and repeat the change.",
        )
    }

    /// Whether a change that is based on `given` may be made at the version `now`: an etag, several with commas between
    /// (`If-Match` may list them), or nothing and `*` for any.
    ///
    /// # Errors
    /// 412 when it was changed since.
    pub fn unless_stale(given: &str, now: &str) -> Result<(), Self> {
        let mut etags = given.split(',').map(str::trim);
        if given.is_empty() || etags.any(|etag| etag == "*" || etag == now) {
            Ok(())
        } else {
            Err(Self::stale())
        }
    }

    /// 422: refused by a rule.
    #[must_use]
    pub fn refused(code: impl Into<Text>, detail: impl Into<Text>) -> Self {
        Self::new(Kind::Refused, code, detail)
    }

    /// 422 `unknown_reference` at a field: the id is nobody's or another company's, the same answer for both.
    #[must_use]
    pub fn unknown_reference(field: impl Into<Text>) -> Self {
        let mut fields = FieldErrors::new();
        fields.push(field, "unknown_reference", "There is no such record.");
        fields.into_error(Kind::Refused)
    }

    /// 429, to be tried again after this time.
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        Self::new(Kind::TooMany, "too_many_requests", "Too many requests.").with_retry_after(retry_after)
    }

    /// 500: a fault of ours. The source is logged where the error leaves the service, and not sent.
    #[must_use]
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(Kind::Internal, "internal", "Something went wrong on our side.").with_source(source)
    }

    /// 503: what is needed (`the database`, `the broker`) doesn't answer.
    #[must_use]
    pub fn unavailable(what: &str) -> Self {
        Self::new(
            Kind::Unavailable,
            "unavailable",
            format!("Just now {what} can't be reached; try again."),
        )
    }

    /// With one bad field more.
    #[must_use]
    pub fn with_field(mut self, field: FieldError) -> Self {
        self.0.fields.push(field);
        self
    }

    /// With a further member of the problem document, for example `state`.
    #[must_use]
    pub fn with_member(mut self, name: impl Into<Text>, value: impl Into<String>) -> Self {
        self.0.members.push((name.into(), value.into()));
        self
    }

    /// To be tried again after this time.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// With what caused it, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable snake_case word.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Every bad field.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Further members of the problem document.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .members
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// Whether another service answered it once before, to the same request with the same idempotency key.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        self.0.replayed
    }

    /// After which time to try again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
