//! How often one may ask: by address before signing in, by person after it.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderMap, HeaderName, HeaderValue};
use kontor_chassis::settings::Settings;
use kontor_chassis::{Caller, Error};
use uuid::Uuid;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits, and who used how much of them.
pub struct Limits {
    clock: DefaultClock,
    addresses: Limiter<IpAddr>,
    callers: Limiter<(Uuid, Option<Uuid>)>,
}

/// Where somebody stands with a limit, for the headers of the answer.
#[derive(Debug, Clone)]
pub struct Standing {
    policy: &'static str,
    quota: u32,
    remaining: u32,
    reset: Duration,
}

impl Limits {
    /// Reads `KONTOR_RATE_LIMIT_SIGN_IN` (requests a minute by one address to what needs no token; default 30) and
    /// `KONTOR_RATE_LIMIT_CALLER` (requests a minute by one person or key; default 6000).
    ///
    /// # Errors
    /// When one can't be read.
    pub fn of(settings: &Settings) -> Result<Self, Error> {
        let a_minute = |key: &str, default: NonZeroU32| -> Result<Quota, Error> {
            Ok(Quota::per_minute(
                settings.get::<NonZeroU32>(key)?.unwrap_or(default),
            ))
        };
        const SIGN_IN: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
        const CALLER: NonZeroU32 = NonZeroU32::new(6000).expect("six thousand is not zero");
        Ok(Self {
            clock: DefaultClock::default(),
            addresses: RateLimiter::keyed(a_minute("rate_limit_sign_in", SIGN_IN)?).with_middleware(),
            callers: RateLimiter::keyed(a_minute("rate_limit_caller", CALLER)?).with_middleware(),
        })
    }

    /// Counts a request to what needs no token; an error when it is one too many.
    pub fn check_address(&self, address: IpAddr) -> (Standing, Result<(), Error>) {
        // Who holds one IPv6 address holds its whole network.
        let key = match address {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
            address => address,
        };
        self.judge("sign-in", self.addresses.check_key(&key))
    }

    /// Counts a request of a signed-in caller; an error when it is one too many.
    pub fn check_caller(&self, caller: &Caller) -> (Standing, Result<(), Error>) {
        self.judge(
            "caller",
            self.callers
                .check_key(&(caller.company_id(), caller.api_key_id().or(caller.user_id()))),
        )
    }

    fn judge(
        &self,
        policy: &'static str,
        verdict: Result<StateSnapshot, governor::NotUntil<governor::clock::QuantaInstant>>,
    ) -> (Standing, Result<(), Error>) {
        let (quota, remaining, reset, allowed) = match verdict {
            Ok(state) => {
                let quota = state.quota();
                let remaining = state.remaining_burst_capacity();
                let used = quota.burst_size().get().saturating_sub(remaining);
                let reset = quota.replenish_interval().saturating_mul(used);
                (quota, remaining, reset, Ok(()))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                (not_until.quota(), 0, wait, Err(Error::too_many(wait)))
            }
        };
        let standing = Standing {
            policy,
            quota: quota.burst_size().get(),
            remaining,
            reset,
        };
        (standing, allowed)
    }

    /// Forgets those who have their whole limit again.
    pub fn forget_idle(&self) {
        self.addresses.retain_recent();
        self.callers.retain_recent();
    }
}

impl Standing {
    /// Tells it in the headers of an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let policy = format!("\"{}\";q={};w=60", self.policy, self.quota);
        let standing = format!(
            "\"{}\";r={};t={}",
            self.policy,
            self.remaining,
            self.reset.as_secs_f64().ceil()
        );
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, standing)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_asks_too_often_is_told_when_to_come_back() {
        let limits = Limits::of(&Settings::from_pairs([("rate_limit_sign_in", "3")]).unwrap()).unwrap();
        let [one, other]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        for remaining in [2, 1, 0] {
            let (standing, allowed) = limits.check_address(one);
            assert_eq!((standing.remaining, allowed.is_ok()), (remaining, true));
        }
        let (standing, refused) = limits.check_address(one);
        assert_eq!((standing.quota, standing.remaining), (3, 0));
        let error = refused.unwrap_err();
        assert_eq!(error.kind().http(), 429);
        assert!(error.retry_after().unwrap() <= Duration::from_secs(20));
        assert!(limits.check_address(other).1.is_ok());
    }

    #[test]
    fn the_headers_tell_the_limit_and_what_is_left() {
        let mut headers = HeaderMap::new();
        Standing {
            policy: "caller",
            quota: 60,
            remaining: 58,
            reset: Duration::from_millis(1500),
        }
        .tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"caller\";q=60;w=60");
        assert_eq!(headers["ratelimit"], "\"caller\";r=58;t=2");
    }
}
