//! Where a request comes from: as a process of the suite tells, else as the connection shows.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use subtle::ConstantTimeEq;

use crate::token::ServiceKey;

/// Where the gateway puts the address of its client.
const ADDRESS: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Where it puts the `User-Agent` of its client; `user-agent` itself is the gateway's own.
const DEVICE: HeaderName = HeaderName::from_static("x-client-user-agent");
/// By which a process of the suite proves that it is one, and so that the two headers above are no client's own words.
const SEAL: HeaderName = HeaderName::from_static("x-kontor-origin-seal");
/// The longest of both that is kept, in characters.
const LONGEST: usize = 300;

/// Address and program of a client. It holds the headers as they came, so that it costs no copy where nobody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    address: Option<HeaderValue>,
    device: Option<HeaderValue>,
}

impl Origin {
    /// What the headers of an rpc tell, once they were [judged](judge).
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            address: headers.get(&ADDRESS).cloned(),
            device: headers.get(&DEVICE).cloned(),
        }
    }

    /// What was known of a client when it asked for what is done now.
    #[must_use]
    pub fn known(address: Option<&str>, device: Option<&str>) -> Self {
        let header = |text: Option<&str>| text.and_then(|text| HeaderValue::from_str(text).ok());
        Self {
            address: header(address),
            device: header(device),
        }
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        text(self.address.as_ref())
    }

    /// The program, as it names itself.
    #[must_use]
    pub fn device(&self) -> Option<String> {
        text(self.device.as_ref())
    }

    /// Tells another service the same.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        for (name, value) in [(ADDRESS, &self.address), (DEVICE, &self.device)] {
            if let Some(value) = value
                && !headers.contains_key(&name)
            {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// Vouches for what the headers tell of a client, since this process knows it.
pub fn vouch(headers: &mut HeaderMap, key: &ServiceKey) {
    headers.insert(SEAL, key.seal().clone());
}

/// Believes what the headers tell of a client when a process of the suite vouches for it. From anybody else they are
/// replaced by the other end of the connection and the name that the program gives itself.
pub fn judge(headers: &mut HeaderMap, key: &ServiceKey, peer: Option<IpAddr>) {
    let vouched = headers
        .remove(&SEAL)
        .is_some_and(|seal| seal.as_bytes().ct_eq(key.seal().as_bytes()).into());
    if vouched {
        return;
    }
    let address = peer.and_then(|peer| HeaderValue::try_from(peer.to_canonical().to_string()).ok());
    let own_name = headers.get(header::USER_AGENT).cloned();
    for (name, value) in [(ADDRESS, address), (DEVICE, own_name)] {
        match value {
            Some(value) => drop(headers.insert(name, value)),
            None => drop(headers.remove(name)),
        }
    }
}

fn text(value: Option<&HeaderValue>) -> Option<String> {
    let text: String = value?.to_str().ok()?.trim().chars().take(LONGEST).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_gateway_tells_address_and_program_and_is_itself_none() {
        let key = ServiceKey::random();
        let mut told = headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("x-client-user-agent", "curl/8"),
            ("user-agent", "kontor-gateway"),
        ]);
        vouch(&mut told, &key);
        judge(&mut told, &key, Some([192, 0, 2, 1].into()));
        let origin = Origin::of(&told);
        assert_eq!(origin.address().as_deref(), Some("203.0.113.7"));
        assert_eq!(origin.device().as_deref(), Some("curl/8"));
        assert!(!told.contains_key(SEAL), "it goes no further");

        let mut silent = headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("user-agent", "kontor-gateway"),
        ]);
        vouch(&mut silent, &key);
        judge(&mut silent, &key, None);
        assert_eq!(Origin::of(&silent).device(), None);
    }

    #[test]
    fn nobody_else_names_an_address_and_another_service_is_told_the_same() {
        let key = ServiceKey::random();
        let mut named = headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("x-client-user-agent", "curl/8"),
            ("user-agent", "grpcurl/1"),
        ]);
        for seal in [None, Some(ServiceKey::random())] {
            if let Some(other) = seal {
                vouch(&mut named, &other);
            }
            judge(&mut named, &key, Some([192, 0, 2, 1].into()));
            let origin = Origin::of(&named);
            assert_eq!(origin.address().as_deref(), Some("192.0.2.1"));
            assert_eq!(origin.device().as_deref(), Some("grpcurl/1"));
            let mut told = HeaderMap::new();
            origin.tell(&mut told);
            assert_eq!(Origin::of(&told), origin);
        }
        judge(&mut named, &key, None);
        assert_eq!(Origin::of(&named).address(), None);
    }
}
