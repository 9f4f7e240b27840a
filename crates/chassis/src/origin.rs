//! Where a request comes from, as far as the gateway tells.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where the gateway puts the address of its client.
const ADDRESS: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Where it puts the `User-Agent` of its client; `user-agent` itself is the gateway's own.
const DEVICE: HeaderName = HeaderName::from_static("x-client-user-agent");
/// The longest of both that is kept, in characters.
const LONGEST: usize = 300;

/// Address and program of a client. It is shown and noted and decides nothing, so that a wrong one does no harm. It holds
/// the headers as they came, so that it costs no copy where nobody asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    address: Option<HeaderValue>,
    device: Option<HeaderValue>,
}

impl Origin {
    /// What the headers of an rpc tell. Without a gateway between, the program's own name is the one in `user-agent`.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let address = headers.get(&ADDRESS).cloned();
        let own_name = || headers.get(header::USER_AGENT).filter(|_| address.is_none());
        let device = headers.get(&DEVICE).or_else(own_name).cloned();
        Self { address, device }
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
        let told = Origin::of(&headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("x-client-user-agent", "curl/8"),
            ("user-agent", "kontor-gateway"),
        ]));
        assert_eq!(told.address().as_deref(), Some("203.0.113.7"));
        assert_eq!(told.device().as_deref(), Some("curl/8"));
        let silent = Origin::of(&headers(&[
            ("x-forwarded-for", "203.0.113.7"),
            ("user-agent", "kontor-gateway"),
        ]));
        assert_eq!(silent.device(), None);
    }

    #[test]
    fn without_a_gateway_the_program_names_itself_and_another_service_is_told_the_same() {
        let origin = Origin::of(&headers(&[("user-agent", "grpcurl/1")]));
        assert_eq!(
            (origin.address(), origin.device().as_deref()),
            (None, Some("grpcurl/1"))
        );
        let mut told = HeaderMap::new();
        origin.tell(&mut told);
        assert_eq!(Origin::of(&told), origin);
    }
}
