//! Verifies a token once and remembers it until it expires or its session ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderValue;
use jsonwebtoken::{Algorithm, Validation};
use kontor_proto::identity::v1 as identity;
use moka::sync::Cache;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::keys::Keys;
use super::{ApiKey, Claims, ISSUER, ServiceKey, api_key, now, watch};
use crate::caller::{Caller, Permissions};
use crate::error::{Error, Kind};
use crate::peers::Peer;

/// Tokens that are remembered.
const REMEMBERED: u64 = 20_000;
/// So long what identity told of an API key is good, unless it tells that the key was deleted or its maker's rights have
/// changed.
const API_KEY_SECONDS: i64 = 30;

/// Tells who a bearer token stands for. Cheap to clone; one serves a whole process.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

pub(super) struct Inner {
    service_key: ServiceKey,
    identity: Peer,
    keys: Keys,
    validation: Validation,
    verified: Cache<Box<str>, Verified>,
    /// API keys that were asked for a moment ago.
    api_keys: Cache<Box<str>, Verified>,
    /// Ended sessions, deleted API keys and grants that are over, with the Unix second after which no token of theirs can be
    /// alive.
    ended: RwLock<HashMap<Uuid, i64>>,
    life_seconds: i64,
    in_step: AtomicBool,
}

#[derive(Clone)]
struct Verified {
    caller: Caller,
    exp: i64,
    /// By which a member has these rights.
    grant: Option<Uuid>,
}

impl Verifier {
    /// A verifier that asks `identity` for its keys and listens to it for ended sessions. Until it first hears from it, a
    /// person's token can't be judged and is answered with Unavailable; it keeps trying until `stop`.
    ///
    /// Call it within the run time.
    #[must_use]
    pub fn start(
        service_key: ServiceKey,
        identity: Peer,
        access_token_seconds: u32,
        stop: CancellationToken,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        // Our tokens name no audience: one that does is for somebody else, and is refused.
        validation.validate_aud = true;
        validation.leeway = 0;
        let inner = Arc::new(Inner {
            service_key,
            identity,
            keys: Keys::default(),
            validation,
            verified: Cache::new(REMEMBERED),
            api_keys: Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(Duration::from_secs(API_KEY_SECONDS.unsigned_abs()))
                .build(),
            ended: RwLock::default(),
            life_seconds: i64::from(access_token_seconds).max(API_KEY_SECONDS),
            in_step: AtomicBool::new(false),
        });
        tokio::spawn(stop.run_until_cancelled_owned(watch::run(Arc::downgrade(&inner))));
        Self(inner)
    }

    /// The caller behind an `authorization` header that was verified before: a look-up, no more.
    #[must_use]
    pub fn remembered(&self, authorization: &HeaderValue) -> Option<Result<Caller, Error>> {
        let token = bearer(authorization).ok()?;
        let verified = self.0.known(token)?;
        Some(self.0.still_counts(verified))
    }

    /// The caller behind an `authorization` header.
    ///
    /// # Errors
    /// Unauthenticated when it is no bearer token, was not signed by us, has expired or its session ended; Unavailable
    /// when identity can't be asked.
    pub async fn verify(&self, authorization: &HeaderValue) -> Result<Caller, Error> {
        let token = bearer(authorization)?;
        if let Some(verified) = self.0.known(token) {
            return self.0.still_counts(verified);
        }
        let verified = if api_key::is_meant(token) {
            self.0.resolve(token, authorization).await?
        } else {
            let signed = self.0.check(token, authorization).await?;
            if self.0.is_over(signed.grant) {
                self.0.with_present_rights(signed).await?
            } else {
                signed
            }
        };
        self.0.cache(token).insert(token.into(), verified.clone());
        self.0.still_counts(verified)
    }

    /// Refuses a session, an API key by its id, or the rights of a grant from now on, ahead of what identity tells.
    pub fn session_ended(&self, session_id: Uuid) {
        self.0.end([(session_id, now())]);
    }

    /// Whether identity has been heard, so that a person's token can be judged.
    #[must_use]
    pub fn is_in_step(&self) -> bool {
        self.0.in_step.load(Ordering::Acquire)
    }

    /// The key of services.
    #[must_use]
    pub fn service_key(&self) -> &ServiceKey {
        &self.0.service_key
    }
}

impl Inner {
    fn cache(&self, token: &str) -> &Cache<Box<str>, Verified> {
        if api_key::is_meant(token) {
            &self.api_keys
        } else {
            &self.verified
        }
    }

    /// Whom a token was found to stand for, unless those rights have changed since.
    fn known(&self, token: &str) -> Option<Verified> {
        let verified = self.cache(token).get(token)?;
        (!self.is_over(verified.grant)).then_some(verified)
    }

    fn is_over(&self, id: Option<Uuid>) -> bool {
        id.is_some_and(|id| {
            self.ended
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(&id)
        })
    }

    fn still_counts(&self, verified: Verified) -> Result<Caller, Error> {
        if verified.exp <= now() {
            return Err(Error::unauthenticated("token_expired", "The token has expired."));
        }
        let caller = &verified.caller;
        if self.is_over(caller.session_id().or(caller.api_key_id())) {
            return Err(session_ended());
        }
        Ok(verified.caller)
    }

    async fn check(&self, token: &str, authorization: &HeaderValue) -> Result<Verified, Error> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| not_ours())?;
        match header.alg {
            Algorithm::HS256 => {
                let (caller, exp) = self.service_key.verify(token).map_err(|error| refused(&error))?;
                Ok(Verified {
                    caller,
                    exp,
                    grant: None,
                })
            }
            Algorithm::EdDSA => {
                let kid = header.kid.ok_or_else(not_ours)?;
                if !self.in_step.load(Ordering::Acquire) {
                    return Err(Error::unavailable("the identity service"));
                }
                let key = self.keys.get(&self.identity, &kid).await?.ok_or_else(not_ours)?;
                let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
                    .map_err(|error| refused(&error))?
                    .claims;
                Ok(Verified {
                    exp: claims.exp,
                    grant: claims.grant,
                    caller: person(&claims, authorization),
                })
            }
            _ => Err(not_ours()),
        }
    }

    /// The same person with the rights of now: asked of identity, since those in the token have changed. A company that the
    /// person is no member of any more has ended the session there.
    async fn with_present_rights(&self, signed: Verified) -> Result<Verified, Error> {
        let Verified { caller, exp, .. } = signed;
        let (Some(user_id), Some(session_id)) = (caller.user_id(), caller.session_id()) else {
            return Err(not_ours());
        };
        let mut client = identity::key_service_client::KeyServiceClient::new(self.identity.as_service()?);
        let request = identity::ResolveRightsRequest {
            user_id: user_id.to_string(),
            company_id: caller.company_id().to_string(),
        };
        let identity::ResolveRightsResponse {
            role,
            permissions,
            grant_id,
        } = match client.resolve_rights(request).await.map_err(Error::from) {
            Ok(answer) => answer.into_inner(),
            Err(error) if error.kind() == Kind::NotFound => return Err(session_ended()),
            Err(error) => return Err(error),
        };
        Ok(Verified {
            exp,
            grant: grant_id.parse().ok(),
            caller: Caller::person(
                user_id,
                caller.company_id(),
                session_id,
                &role,
                Permissions::parse(&permissions),
                caller.authorization().cloned(),
            ),
        })
    }

    /// Asks identity whose an API key is and what it may do.
    async fn resolve(&self, token: &str, authorization: &HeaderValue) -> Result<Verified, Error> {
        let key = ApiKey::parse(token).ok_or_else(not_ours)?;
        // Without hearing which keys were deleted, none can be remembered.
        if !self.in_step.load(Ordering::Acquire) {
            return Err(Error::unavailable("the identity service"));
        }
        let mut client = identity::key_service_client::KeyServiceClient::new(self.identity.as_service()?);
        let request = identity::ResolveApiKeyRequest {
            secret_hash: key.hash().to_vec(),
        };
        let identity::ResolveApiKeyResponse {
            api_key_id,
            user_id,
            company_id,
            role,
            permissions,
            expires_at,
            grant_id,
        } = match client.resolve_api_key(request).await.map_err(Error::from) {
            Ok(answer) => answer.into_inner(),
            Err(error) if error.kind() == Kind::NotFound => return Err(not_ours()),
            Err(error) => return Err(error),
        };
        let id = |text: &str| text.parse::<Uuid>().map_err(Error::internal);
        let mut authorization = authorization.clone();
        authorization.set_sensitive(true);
        Ok(Verified {
            caller: Caller::program(
                id(&user_id)?,
                id(&company_id)?,
                id(&api_key_id)?,
                &role,
                Permissions::parse(&permissions),
                Some(authorization),
            ),
            exp: expires_at.map_or(i64::MAX, |at| at.seconds),
            grant: grant_id.parse().ok(),
        })
    }

    /// Remembers what ended (with the second they ended), and forgets those whose tokens have all expired.
    pub(super) fn end(&self, sessions: impl IntoIterator<Item = (Uuid, i64)>) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        ended.retain(|_, until| *until > now);
        ended.extend(
            sessions
                .into_iter()
                .map(|(session, at)| (session, at.max(now) + self.life_seconds)),
        );
    }

    pub(super) fn heard(&self) {
        self.in_step.store(true, Ordering::Release);
    }

    pub(super) fn identity(&self) -> &Peer {
        &self.identity
    }

    pub(super) async fn refresh_keys(&self) -> Result<(), Error> {
        self.keys.refresh(&self.identity).await
    }
}

fn person(claims: &Claims, authorization: &HeaderValue) -> Caller {
    let mut authorization = authorization.clone();
    authorization.set_sensitive(true);
    Caller::person(
        claims.sub,
        claims.company,
        claims.sid,
        &claims.role,
        Permissions::parse(&claims.permissions),
        Some(authorization),
    )
}

fn bearer(authorization: &HeaderValue) -> Result<&str, Error> {
    let text = authorization.to_str().map_err(|_| not_ours())?;
    match text.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => Ok(token.trim()),
        _ => Err(Error::unauthenticated(
            "unauthenticated",
            "A bearer token is needed.",
        )),
    }
}

fn session_ended() -> Error {
    Error::unauthenticated("session_ended", "The session has ended.")
}

fn not_ours() -> Error {
    Error::unauthenticated("invalid_token", "The token is not one of ours.")
}

fn refused(error: &jsonwebtoken::errors::Error) -> Error {
    match error.kind() {
        jsonwebtoken::errors::ErrorKind::ExpiredSignature => {
            Error::unauthenticated("token_expired", "The token has expired.")
        }
        _ => not_ours(),
    }
}
