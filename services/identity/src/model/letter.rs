//! What a mail tells.

use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;

/// What is told, without any secret. As it is kept in the database: a new kind may come, none may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Letter {
    /// The link that proves an address, for a person who has not proved it.
    VerifyEmail,
    /// The link that sets a new password.
    ResetPassword,
    /// That the password is another one.
    PasswordChanged,
    /// The link that joins a company.
    Invitation {
        /// The company.
        company_id: Uuid,
        /// The invitation.
        id: Uuid,
    },
}

impl Letter {
    /// How long it is worth sending, when the mail server is down.
    pub(crate) fn keeps(&self) -> Duration {
        match self {
            // Who waits for longer asks again.
            Self::ResetPassword => Duration::days(1),
            Self::VerifyEmail | Self::PasswordChanged | Self::Invitation { .. } => Duration::days(3),
        }
    }
}

/// How long to wait after a mail was refused for the given time: a second, then twice as long each time, at most ten
/// minutes.
pub(crate) fn wait_after(attempts: i32) -> Duration {
    const LONGEST: i64 = 600;
    let doublings = u32::try_from(attempts.max(1) - 1).unwrap_or_default().min(16);
    Duration::seconds((1 << doublings).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_between_attempts_grow_to_ten_minutes() {
        let waits: Vec<i64> = [0, 1, 2, 3, 10, 11, 1000, i32::MAX]
            .map(|attempts| wait_after(attempts).whole_seconds())
            .to_vec();
        assert_eq!(waits, [1, 1, 2, 4, 512, 600, 600, 600]);
    }

    #[test]
    fn a_letter_is_kept_as_its_word_and_ids() {
        let letter = Letter::Invitation {
            company_id: Uuid::nil(),
            id: Uuid::nil(),
        };
        let kept = serde_json::to_value(&letter).unwrap();
        assert_eq!(kept["kind"], "invitation");
        assert_eq!(serde_json::from_value::<Letter>(kept).unwrap(), letter);
        assert_eq!(
            serde_json::to_string(&Letter::ResetPassword).unwrap(),
            r#"{"kind":"reset_password"}"#
        );
    }
}
