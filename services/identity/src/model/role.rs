//! A role of a company, and what may be changed of one.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::fields::Reader;
use super::permission::{self, BuiltIn};
use super::person::LONGEST_NAME;

/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

/// A role.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// Empty for a built-in role: see [`Self::held`].
    pub(crate) permissions: Vec<String>,
    pub(crate) built_in: bool,
    pub(crate) version: i64,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) updated_at: OffsetDateTime,
}

impl Role {
    /// A new role of the company's own; what it is called and may do is still to be given.
    pub(crate) fn unnamed(id: Uuid, now: OffsetDateTime) -> Self {
        Self {
            id,
            name: String::new(),
            description: None,
            permissions: Vec::new(),
            built_in: false,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// What it may do.
    pub(crate) fn held(&self) -> Vec<String> {
        match BuiltIn::named(&self.name).filter(|_| self.built_in) {
            Some(role) => role.permissions(),
            None => self.permissions.clone(),
        }
    }
}

/// What is given of a role, to make or to change it: outer `None` is not given, inner `None` is cleared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RoleChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) permissions: Option<Vec<String>>,
}

impl RoleChange {
    /// The role after it: well-formed (every bad field named), and with no right that the caller, who gives it, has not.
    /// Otherwise whoever may manage roles could make oneself an admin.
    pub(crate) fn apply(
        self,
        before: &Role,
        caller: &Caller,
        now: OffsetDateTime,
    ) -> Result<Role, kontor_chassis::Error> {
        let Self {
            name,
            description,
            permissions,
        } = self;
        let mut after = before.clone();
        let mut reader = Reader::default();
        if let Some(name) = name {
            after.name = reader.required("name", &name, LONGEST_NAME).unwrap_or_default();
        }
        if let Some(description) = description {
            after.description = reader.optional("description", description.as_deref(), LONGEST_DESCRIPTION);
        }
        if let Some(permissions) = &permissions {
            after.permissions = reader.permissions("permissions", permissions);
        }
        reader.finish()?;
        if permissions.is_some() {
            permission::check_held(caller, &after.permissions)?;
        }
        if after != *before {
            after.version += 1;
            after.updated_at = now;
        }
        Ok(after)
    }
}

/// Which fields differ.
pub(crate) fn changed(before: &Role, after: &Role) -> Vec<&'static str> {
    let differs = [
        ("name", before.name != after.name),
        ("description", before.description != after.description),
        ("permissions", before.permissions != after.permissions),
    ];
    differs
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
}
