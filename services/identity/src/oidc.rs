//! Talking to an identity provider: its discovery document, the way to it, and what it vouches for.
//!
//! Where a provider is, a company's admin says; so the requests go to public addresses over HTTPS alone, are not
//! redirected, and are small and short. `KONTOR_OIDC_PRIVATE_ISSUERS=on` allows a provider inside one's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Response, Uri};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AsyncHttpClient, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// No provider takes longer to say something.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer of a provider is larger.
const LARGEST: usize = 1 << 20;

/// What a company has set of its provider.
pub(crate) struct Registration<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: Option<String>,
}

/// The way to a provider, and what must be known when the person is back.
pub(crate) struct Way {
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

/// Whom a provider vouches for.
#[derive(Debug)]
pub(crate) struct Vouched {
    pub(crate) subject: String,
    /// Only one that the provider says it has proved.
    pub(crate) email: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

/// Why a provider was of no help.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// It can't be reached, or answers nonsense.
    #[error("the identity provider can't be used: {0}")]
    Unavailable(String),
    /// It, or what it signed, does not vouch for anybody.
    #[error("the identity provider does not vouch for the person: {0}")]
    Refused(String),
}

/// Why a request to a provider was not made, or came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The address is none that may be asked.
    #[error("{0} is no public address over HTTPS")]
    Private(String),
    /// The answer is larger than any honest one.
    #[error("the answer is too large")]
    TooLarge,
    /// It could not be asked.
    #[error("{0}")]
    Failed(#[from] reqwest::Error),
    /// The answer is none of HTTP.
    #[error("{0}")]
    Malformed(#[from] http::Error),
}

/// A client of all providers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Relying {
    http: reqwest::Client,
    redirect_uri: Arc<str>,
    private_too: bool,
}

impl Relying {
    /// People are sent back to the page `redirect_uri`.
    pub(crate) fn new(redirect_uri: String, private_too: bool) -> Result<Self, reqwest::Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE / 2)
            .no_proxy();
        if !private_too {
            builder = builder.https_only(true).dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self {
            http: builder.build()?,
            redirect_uri: redirect_uri.into(),
            private_too,
        })
    }

    /// Where people are sent back to.
    pub(crate) fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    /// Whether there is a provider of this issuer.
    pub(crate) async fn check(&self, issuer: &str) -> Result<(), OidcError> {
        self.discover(issuer).await.map(drop)
    }

    /// The way to the provider: authorization code with PKCE.
    pub(crate) async fn way(&self, registration: &Registration<'_>) -> Result<Way, OidcError> {
        let metadata = self.discover(registration.issuer).await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(registration.client_id.to_owned()),
            registration.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(self.redirect()?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(Way {
            url: url.into(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Trades the code for what the provider says of the person, and checks signature, issuer, audience, nonce and times.
    pub(crate) async fn vouched(
        &self,
        registration: &Registration<'_>,
        code: String,
        nonce: String,
        verifier: String,
    ) -> Result<Vouched, OidcError> {
        let metadata = self.discover(registration.issuer).await?;
        let client = CoreClient::from_provider_metadata(
            metadata,
            ClientId::new(registration.client_id.to_owned()),
            registration.client_secret.clone().map(ClientSecret::new),
        )
        .set_redirect_uri(self.redirect()?);
        let refused = |error: &(dyn std::error::Error + 'static)| {
            OidcError::Refused(kontor_chassis::error::chain(error))
        };
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| OidcError::Unavailable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(self)
            .await
            .map_err(|error| refused(&error))?;
        let id_token = tokens
            .id_token()
            .ok_or_else(|| OidcError::Refused("it sent no ID token".to_owned()))?;
        let claims = id_token
            .claims(&client.id_token_verifier(), &Nonce::new(nonce))
            .map_err(|error| refused(&error))?;
        let is_proved = claims.email_verified() == Some(true);
        Ok(Vouched {
            subject: claims.subject().to_string(),
            email: claims
                .email()
                .filter(|_| is_proved)
                .map(|email| email.to_string()),
            first_name: claims
                .given_name()
                .and_then(|name| name.get(None))
                .map(|name| name.to_string()),
            last_name: claims
                .family_name()
                .and_then(|name| name.get(None))
                .map(|name| name.to_string()),
        })
    }

    fn redirect(&self) -> Result<RedirectUrl, OidcError> {
        RedirectUrl::new(self.redirect_uri.to_string())
            .map_err(|error| OidcError::Unavailable(error.to_string()))
    }

    async fn discover(&self, issuer: &str) -> Result<CoreProviderMetadata, OidcError> {
        let unavailable = |error: &(dyn std::error::Error + 'static)| {
            OidcError::Unavailable(kontor_chassis::error::chain(error))
        };
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|error| unavailable(&error))?;
        CoreProviderMetadata::discover_async(issuer, self)
            .await
            .map_err(|error| unavailable(&error))
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, RequestError> {
        if !self.private_too && !is_public(request.uri()) {
            return Err(RequestError::Private(request.uri().to_string()));
        }
        let mut answer = self.http.execute(reqwest::Request::try_from(request)?).await?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if body.len() + piece.len() > LARGEST {
                return Err(RequestError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        Ok(response.body(body)?)
    }
}

/// The requests that the protocol makes.
impl<'c> AsyncHttpClient<'c> for Relying {
    type Error = RequestError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, RequestError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Whether a request may go there by what its address says; names are judged by what they resolve to.
fn is_public(uri: &Uri) -> bool {
    let Some(host) = uri.host().filter(|_| uri.scheme_str() == Some("https")) else {
        return false;
    };
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => is_global(address),
        Err(_) => true,
    }
}

/// Resolves names to public addresses alone, when the connection is made: a name that changes its mind gains nothing.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_global(address.ip())).collect();
            if public.is_empty() {
                return Err(format!("{} has no public address", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the world, and not to somebody's own network, this machine, or nobody.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => match address.to_ipv4() {
            // Mapped, compatible, and the loopback.
            Some(inner) => is_global_v4(inner),
            None => is_global_v6(address),
        },
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // 2000::/3 is what is given out; of it, not documentation, and not the ways into IPv4 (6to4, Teredo).
    (first & 0xe000) == 0x2000 && first != 0x2002 && !(first == 0x2001 && (second == 0 || second == 0x0db8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_to_public_addresses_over_https_alone() {
        for (uri, allowed) in [
            ("https://login.example.com/x", true),
            ("https://203.0.114.7/", true),
            ("http://login.example.com/", false),
            ("https://127.0.0.1/", false),
            ("https://10.1.2.3:8443/", false),
            ("https://169.254.169.254/latest/meta-data", false),
            ("https://100.64.0.1/", false),
            ("https://[::1]/", false),
            ("https://[::ffff:10.0.0.1]/", false),
            ("https://[fd00::1]/", false),
            ("https://[fe80::1]/", false),
            ("https://[2606:4700::1111]/", true),
        ] {
            assert_eq!(is_public(&uri.parse().unwrap()), allowed, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_machine_resolves_to_nothing() {
        let name = "localhost".parse().unwrap();
        assert!(PublicOnly.resolve(name).await.is_err());
    }
}
