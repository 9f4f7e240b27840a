//! How often one may try, and how long one waits who has tried too often.
//!
//! An attempt is counted before it is made, for the address it comes from and for the account it is made on, so that many
//! at once are no way around. The first ones are free; each further one is let in after twice the wait of the one before.
//! An attempt that succeeds is taken back. Counting knows no accounts, only what was typed: who is made to wait learns
//! nothing.

use std::net::IpAddr;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Signing in, with password and code.
    SignIn,
    /// Registering an address that may be taken.
    Register,
    /// Asking for a mail to an address.
    Mail,
    /// Giving one's password or a code to change what protects the account.
    Confirm,
    /// Inviting people.
    Invite,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// Attempts from a network address.
    Address,
    /// Attempts on an account.
    Account,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Register => "register",
            Self::Mail => "mail",
            Self::Confirm => "confirm",
            Self::Invite => "invite",
        }
    }

    /// How many attempts are free. People behind one address are many, and each has an account.
    fn free(self, of: Of) -> u32 {
        match (self, of) {
            (Self::SignIn | Self::Register | Self::Mail | Self::Confirm, Of::Account) => 5,
            (Self::SignIn | Self::Mail | Self::Confirm, Of::Address) => 30,
            (Self::Register, Of::Address) => 10,
            (Self::Invite, Of::Account | Of::Address) => 100,
        }
    }
}

/// The longest wait, and after a rest of which all is forgotten.
const LONGEST: Duration = Duration::minutes(15);
const REST: Duration = Duration::hours(1);

/// One thing that is counted, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) [u8; 32]);

/// What an attempt is counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Each with the attempts that are free.
    pub(crate) counted: Vec<(Key, u32)>,
    pub(crate) account: Key,
}

impl Attempt {
    /// An attempt on an account, which is whatever names one (an address as it is compared, a person's id), from a network
    /// address when that is known.
    pub(crate) fn new(action: Action, account: &str, address: Option<&str>) -> Self {
        let key = |of: Of, what: &str| {
            let kind = match of {
                Of::Address => "address",
                Of::Account => "account",
            };
            let text = format!("{}\0{kind}\0{what}", action.word());
            Key(Sha256::digest(text).into())
        };
        let account = key(Of::Account, account);
        let mut counted = vec![(account, action.free(Of::Account))];
        if let Some(address) = address {
            counted.push((key(Of::Address, &network(address)), action.free(Of::Address)));
        }
        // In one order, so that two attempts never wait for each other's rows.
        counted.sort_unstable();
        Self { counted, account }
    }
}

/// Who holds one IPv6 address holds its whole network.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(address)) if address.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => address.to_owned(),
    }
}

/// What is known of earlier attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) attempts: u32,
    pub(crate) last_at: OffsetDateTime,
    pub(crate) free_at: OffsetDateTime,
}

impl Count {
    /// The count with one attempt more, or the time before which none is let in.
    pub(crate) fn one_more(
        before: Option<Self>,
        free: u32,
        now: OffsetDateTime,
    ) -> Result<Self, OffsetDateTime> {
        let before = before.filter(|before| now - before.last_at < REST);
        if let Some(before) = before
            && before.free_at > now
        {
            return Err(before.free_at);
        }
        let attempts = before.map_or(0, |before| before.attempts).saturating_add(1);
        Ok(Self {
            attempts,
            last_at: now,
            free_at: now + wait(attempts, free),
        })
    }
}

/// How long the next attempt has to wait after so many: nothing while they are free, then a second, then twice as long
/// each time.
fn wait(attempts: u32, free: u32) -> Duration {
    match attempts.checked_sub(free) {
        None => Duration::ZERO,
        Some(doublings) => Duration::seconds(1 << doublings.min(20)).min(LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    /// Tries as soon as it may, so many times; answers the waits.
    fn waits(tries: u32, free: u32) -> Vec<i64> {
        let (mut count, mut now, mut waits) = (None, NOW, Vec::new());
        for _ in 0..tries {
            let next = Count::one_more(count, free, now).unwrap();
            waits.push((next.free_at - now).whole_seconds());
            (count, now) = (Some(next), next.free_at);
        }
        waits
    }

    #[test]
    fn the_first_attempts_are_free_and_then_each_wait_is_twice_the_last() {
        assert_eq!(waits(8, 3), [0, 0, 1, 2, 4, 8, 16, 32]);
        assert_eq!(waits(40, 1).last(), Some(&900), "at most fifteen minutes");
    }

    #[test]
    fn nobody_is_let_in_before_the_wait_is_over_and_trying_does_not_lengthen_it() {
        let count = Count {
            attempts: 9,
            last_at: NOW,
            free_at: NOW + Duration::SECOND,
        };
        assert_eq!(Count::one_more(Some(count), 5, NOW), Err(NOW + Duration::SECOND));
        let next = Count::one_more(Some(count), 5, NOW + Duration::SECOND).unwrap();
        assert_eq!(next.attempts, 10);
    }

    #[test]
    fn after_a_rest_all_is_forgotten() {
        let count = Count {
            attempts: 99,
            last_at: NOW,
            free_at: NOW + LONGEST,
        };
        let next = Count::one_more(Some(count), 5, NOW + REST).unwrap();
        assert_eq!((next.attempts, next.free_at), (1, NOW + REST));
    }

    #[test]
    fn actions_addresses_and_accounts_are_counted_apart() {
        let one = Attempt::new(Action::SignIn, "ada@engine.example", Some("192.0.2.7"));
        let other = Attempt::new(Action::Mail, "ada@engine.example", Some("192.0.2.7"));
        assert_eq!(one.counted.len(), 2);
        assert!(one.counted.iter().all(|key| !other.counted.contains(key)));
        let same_text = Attempt::new(Action::SignIn, "192.0.2.7", Some("192.0.2.7"));
        assert_eq!(same_text.counted.len(), 2);
        assert_ne!(same_text.counted[0].0, same_text.counted[1].0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let from = |address: &str| Attempt::new(Action::SignIn, "a", Some(address));
        assert_eq!(from("2001:db8:1:2::1"), from("2001:db8:1:2:ffff::9"));
        assert_ne!(from("2001:db8:1:2::1"), from("2001:db8:1:3::1"));
        assert_ne!(from("::ffff:192.0.2.1"), from("::ffff:192.0.2.2"));
    }
}
