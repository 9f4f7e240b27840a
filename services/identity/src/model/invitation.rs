//! An invitation to a company.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// How long an invitation can be accepted.
pub(crate) const LIFE: Duration = Duration::days(7);

/// An invitation that was not accepted yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invitation {
    pub(crate) id: Uuid,
    pub(crate) company_id: Uuid,
    /// As it was typed.
    pub(crate) email: String,
    pub(crate) role_id: Uuid,
    /// The role's name.
    pub(crate) role: String,
    pub(crate) invited_by: Uuid,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
}

impl Invitation {
    /// Whether it can still be accepted.
    pub(crate) fn is_open(&self, now: OffsetDateTime) -> bool {
        now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_can_be_accepted_for_a_week() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let invitation = Invitation {
            id: Uuid::nil(),
            company_id: Uuid::nil(),
            email: "Ada@Engine.Example".to_owned(),
            role_id: Uuid::nil(),
            role: "rep".to_owned(),
            invited_by: Uuid::nil(),
            created_at: now,
            expires_at: now + LIFE,
        };
        assert!(invitation.is_open(now + LIFE - Duration::SECOND));
        assert!(!invitation.is_open(now + LIFE));
    }
}
