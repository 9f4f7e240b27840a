//! What is noted of a thing that was done.

use kontor_chassis::Caller;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::session::{Origin, Session};

/// Who did it, in which company, from where, when.
#[derive(Clone, Debug)]
pub(crate) struct Doer {
    pub(crate) company_id: Uuid,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) origin: Origin,
    pub(crate) at: OffsetDateTime,
}

impl Doer {
    /// The caller of an rpc.
    pub(crate) fn of(caller: &Caller, now: OffsetDateTime) -> Self {
        Self {
            company_id: caller.company_id(),
            user_id: caller.user_id(),
            origin: Origin::from(caller.origin()),
            at: now,
        }
    }

    /// Who signs in: there is no caller yet.
    pub(crate) fn begins(session: &Session, now: OffsetDateTime) -> Self {
        Self {
            company_id: session.entered_company,
            user_id: Some(session.user_id),
            origin: Origin {
                device: session.device.clone(),
                address: session.address.clone(),
            },
            at: now,
        }
    }
}

/// What was done to what.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// Its entry's id: one that is there already is not noted again.
    pub(crate) id: Uuid,
    /// `role.updated`.
    pub(crate) action: String,
    /// The kind of record.
    pub(crate) resource: Option<String>,
    pub(crate) resource_id: Option<String>,
    /// What a person called it at that time.
    pub(crate) resource_name: Option<String>,
    /// The fields that changed.
    pub(crate) fields: Vec<String>,
}

impl Deed {
    /// `verb` was done to a record of the kind `resource`.
    #[allow(clippy::needless_pass_by_value)] // ids and words alike
    pub(crate) fn on(
        resource: &str,
        verb: &str,
        id: impl std::fmt::Display,
        name: impl Into<String>,
    ) -> Self {
        Self {
            id: Uuid::now_v7(),
            action: format!("{resource}.{verb}"),
            resource: Some(resource.to_owned()),
            resource_id: Some(id.to_string()),
            resource_name: Some(name.into()).filter(|name| !name.is_empty()),
            fields: Vec::new(),
        }
    }

    /// The same deed however often it is told: its id follows from the record and its version.
    pub(crate) fn of_version(mut self, version: i64) -> Self {
        let mut hash = Sha256::new();
        for part in [
            self.action.as_str(),
            self.resource_id.as_deref().unwrap_or_default(),
        ] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(version.to_be_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        self.id = uuid::Builder::from_custom_bytes(id).into_uuid();
        self
    }

    /// With the fields that changed.
    pub(crate) fn changing(mut self, fields: &[&str]) -> Self {
        self.fields = fields.iter().map(|field| (*field).to_owned()).collect();
        self
    }
}

/// A thing that was done, as it is noted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) at: OffsetDateTime,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) user_name: Option<String>,
    pub(crate) action: String,
    pub(crate) resource: Option<String>,
    pub(crate) resource_id: Option<String>,
    pub(crate) resource_name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) fields: Vec<String>,
}
