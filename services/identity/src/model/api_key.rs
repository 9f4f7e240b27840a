//! Keys for programs.

use kontor_chassis::Caller;
use time::OffsetDateTime;
use uuid::Uuid;

use super::fields::Reader;
use super::permission;
use super::person::LONGEST_NAME;

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    /// The maker, whom the program acts as.
    pub(crate) user_id: Uuid,
    pub(crate) name: String,
    /// The first characters of the secret.
    pub(crate) prefix: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) last_used_at: Option<OffsetDateTime>,
    pub(crate) created_at: OffsetDateTime,
}

/// What is asked of a new key.
#[derive(Debug)]
pub(crate) struct NewApiKey {
    pub(crate) name: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) expires_at: Option<OffsetDateTime>,
}

impl NewApiKey {
    /// The key, if it is well-formed (every bad field named) and the caller holds all that it may do.
    pub(crate) fn read(
        self,
        caller: &Caller,
        user_id: Uuid,
        prefix: &str,
        now: OffsetDateTime,
    ) -> Result<ApiKey, kontor_chassis::Error> {
        let Self {
            name,
            permissions,
            expires_at,
        } = self;
        let mut reader = Reader::default();
        let name = reader.required("name", &name, LONGEST_NAME).unwrap_or_default();
        if permissions.is_empty() {
            reader.refuse(
                "permissions",
                "required",
                "A key without permissions may do nothing.",
            );
        }
        let permissions = reader.permissions("permissions", &permissions);
        if expires_at.is_some_and(|at| at <= now) {
            reader.refuse("expires_at", "out_of_range", "A key expires in the future.");
        }
        reader.finish()?;
        permission::check_held(caller, &permissions)?;
        Ok(ApiKey {
            id: Uuid::now_v7(),
            user_id,
            name,
            prefix: prefix.to_owned(),
            permissions,
            expires_at,
            last_used_at: None,
            created_at: now,
        })
    }
}

#[cfg(test)]
mod tests {
    use kontor_chassis::caller::Permissions;

    use super::*;

    fn caller(held: &[&str]) -> Caller {
        let id = Uuid::now_v7();
        Caller::person(id, id, id, "rep", Permissions::parse(held), None)
    }

    fn asks(permissions: &[&str], expires_at: Option<OffsetDateTime>) -> NewApiKey {
        NewApiKey {
            name: "Robot".to_owned(),
            permissions: permissions.iter().map(|text| (*text).to_owned()).collect(),
            expires_at,
        }
    }

    #[test]
    fn nobody_makes_a_key_that_may_do_more_than_the_maker() {
        let rep = caller(&["leads:read:all", "leads:update:own"]);
        let now = OffsetDateTime::UNIX_EPOCH;
        let read = |permissions: &[&str]| asks(permissions, None).read(&rep, Uuid::nil(), "kontor_x", now);
        assert_eq!(
            read(&["leads:read", "leads:update:own"]).unwrap().permissions,
            ["leads:read:all", "leads:update:own"]
        );
        assert!(read(&["leads:read:own"]).is_ok(), "less is allowed");
        for more in [
            "leads:update:all",
            "leads:update:territory",
            "leads:delete:own",
            "audit:read",
        ] {
            assert_eq!(
                read(&[more]).unwrap_err().kind(),
                kontor_chassis::Kind::Forbidden,
                "{more}"
            );
        }
    }

    #[test]
    fn every_bad_field_is_named_before_rights_are_looked_at() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let mut asked = asks(&["leads:fly"], Some(now));
        asked.name = " ".to_owned();
        let error = asked
            .read(&caller(&[]), Uuid::nil(), "kontor_x", now)
            .unwrap_err();
        let fields: Vec<String> = error.fields().iter().map(|bad| bad.field.to_string()).collect();
        assert_eq!(fields, ["name", "permissions[0]", "expires_at"]);
    }
}
