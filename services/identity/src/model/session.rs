//! When a refresh token may be traded, and when trading it betrays a theft.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A place where a person is signed in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    /// The company that the next access token is for.
    pub(crate) entered_company: Uuid,
    pub(crate) device: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_seen_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) ended_at: Option<OffsetDateTime>,
    /// A company's identity provider vouched for the person: the session is for that company alone.
    pub(crate) sso: bool,
}

/// Where a request comes from, as far as the gateway tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    pub(crate) device: Option<String>,
    pub(crate) address: Option<String>,
}

impl From<&kontor_chassis::Origin> for Origin {
    fn from(told: &kontor_chassis::Origin) -> Self {
        Self {
            device: told.device(),
            address: told.address(),
        }
    }
}

impl Session {
    /// A new session in a company.
    pub(crate) fn begin(
        id: Uuid,
        user_id: Uuid,
        company_id: Uuid,
        origin: Origin,
        now: OffsetDateTime,
    ) -> Self {
        let Origin { device, address } = origin;
        Self {
            id,
            user_id,
            entered_company: company_id,
            device,
            address,
            created_at: now,
            last_seen_at: now,
            expires_at: now + SESSION_LIFE,
            ended_at: None,
            sso: false,
        }
    }

    /// The session seen again; what the request does not tell stays as it was.
    pub(crate) fn seen(mut self, origin: Origin, now: OffsetDateTime) -> Self {
        let Origin { device, address } = origin;
        self.device = device.or(self.device);
        self.address = address.or(self.address);
        self.last_seen_at = now;
        self.expires_at = now + SESSION_LIFE;
        self
    }

    /// Whether it may be used.
    pub(crate) fn is_live(&self, now: OffsetDateTime) -> bool {
        self.ended_at.is_none() && self.expires_at > now
    }
}

/// A session lives this long after it was refreshed last.
pub(crate) const SESSION_LIFE: Duration = Duration::days(30);
/// Within this time after a rotation the spent token is taken for a second tab or a lost answer, not for a theft.
pub(crate) const ROTATION_GRACE: Duration = Duration::seconds(10);

/// What is known of a refresh token and its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented {
    /// When the token was traded.
    pub(crate) rotated_at: Option<OffsetDateTime>,
    /// When the session ended.
    pub(crate) session_ended_at: Option<OffsetDateTime>,
    /// When the session ends by itself.
    pub(crate) session_expires_at: OffsetDateTime,
}

/// What to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Trade it.
    Rotate,
    /// Refuse it; another request has just traded it.
    JustRotated,
    /// Refuse it and end the session: somebody else has traded it.
    Stolen,
    /// Refuse it; the session is over.
    Over,
}

/// Judges a refresh token.
pub(crate) fn judge(presented: Presented, now: OffsetDateTime) -> Verdict {
    let Presented {
        rotated_at,
        session_ended_at,
        session_expires_at,
    } = presented;
    if session_ended_at.is_some() || session_expires_at <= now {
        return Verdict::Over;
    }
    match rotated_at {
        None => Verdict::Rotate,
        Some(at) if now - at < ROTATION_GRACE => Verdict::JustRotated,
        Some(_) => Verdict::Stolen,
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::{Presented, ROTATION_GRACE, Verdict, judge};

    #[test]
    fn a_spent_token_is_forgiven_for_ten_seconds_and_then_a_theft() {
        let rotated = OffsetDateTime::UNIX_EPOCH;
        let spent = Presented {
            rotated_at: Some(rotated),
            session_ended_at: None,
            session_expires_at: rotated + Duration::days(30),
        };
        assert_eq!(
            judge(
                Presented {
                    rotated_at: None,
                    ..spent
                },
                rotated
            ),
            Verdict::Rotate
        );
        assert_eq!(
            judge(spent, rotated + ROTATION_GRACE - Duration::milliseconds(1)),
            Verdict::JustRotated
        );
        assert_eq!(judge(spent, rotated + ROTATION_GRACE), Verdict::Stolen);
    }

    #[test]
    fn no_token_outlives_its_session() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let live = Presented {
            rotated_at: None,
            session_ended_at: None,
            session_expires_at: now + Duration::SECOND,
        };
        assert_eq!(
            judge(
                Presented {
                    session_ended_at: Some(now),
                    ..live
                },
                now
            ),
            Verdict::Over
        );
        assert_eq!(
            judge(
                Presented {
                    rotated_at: Some(now),
                    session_ended_at: Some(now),
                    ..live
                },
                now
            ),
            Verdict::Over
        );
        assert_eq!(judge(live, now + Duration::SECOND), Verdict::Over);
    }
}
