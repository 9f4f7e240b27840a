//! The key that services prove themselves with to one another.

use std::path::Path;
use std::sync::Arc;

use http::HeaderValue;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use moka::sync::Cache;
use rand::RngCore;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::key_file::{BYTES, key_file};
use super::{ISSUER, ServiceClaims, now};
use crate::caller::Caller;
use crate::error::Error;

const FILE: &str = "service.key";
/// A token of a service lives so long; it is made anew after half of it.
const LIFE_SECONDS: i64 = 120;
/// Companies whose tokens are remembered.
const REMEMBERED: u64 = 1024;

/// The shared key, and the tokens made with it. Cheap to clone.
#[derive(Clone)]
pub struct ServiceKey(Arc<Inner>);

struct Inner {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    seal: HeaderValue,
    made: Cache<(Box<str>, Option<Uuid>), (HeaderValue, i64)>,
}

impl ServiceKey {
    /// Reads `service.key` in this folder, or makes both on first use, readable by this user alone. Several processes may
    /// do so at once: one makes it, all read the same.
    ///
    /// # Errors
    /// When the folder or the file can't be read or made, or the file doesn't hold 32 bytes.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let bytes = key_file(folder, FILE)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// A key that only this process knows, for tests and tools.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; BYTES];
        rand::rng().fill_bytes(&mut bytes);
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.validate_aud = false;
        validation.leeway = 0;
        Self(Arc::new(Inner {
            signing: EncodingKey::from_secret(bytes),
            verifying: DecodingKey::from_secret(bytes),
            validation,
            seal: seal(bytes),
            made: Cache::new(REMEMBERED),
        }))
    }

    /// The `authorization` header by which `service` proves itself, at work for this company if for one.
    ///
    /// # Errors
    /// When it can't be signed, which doesn't happen.
    pub fn authorization(&self, service: &str, company: Option<Uuid>) -> Result<HeaderValue, Error> {
        let now = now();
        let key = (service.into(), company);
        if let Some((header, good_until)) = self.0.made.get(&key)
            && good_until > now
        {
            return Ok(header);
        }
        let claims = ServiceClaims {
            iss: ISSUER.into(),
            svc: service.into(),
            company,
            exp: now + LIFE_SECONDS,
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.0.signing)
            .map_err(Error::internal)?;
        let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(Error::internal)?;
        header.set_sensitive(true);
        self.0.made.insert(key, (header.clone(), now + LIFE_SECONDS / 2));
        Ok(header)
    }

    /// The word by which a process of the suite vouches for what it tells of a client: see [`Origin`](crate::Origin).
    #[must_use]
    pub fn seal(&self) -> &HeaderValue {
        &self.0.seal
    }

    /// The service behind a token that was made with this key, and until when the token counts.
    pub(super) fn verify(&self, token: &str) -> Result<(Caller, i64), jsonwebtoken::errors::Error> {
        let claims =
            jsonwebtoken::decode::<ServiceClaims>(token, &self.0.verifying, &self.0.validation)?.claims;
        Ok((Caller::of_service(&claims.svc, claims.company), claims.exp))
    }
}

/// Follows from the key, which doesn't follow from it.
fn seal(key: &[u8]) -> HeaderValue {
    let digest = Sha256::new_with_prefix("kontor origin ")
        .chain_update(key)
        .finalize();
    let digits = format!("{digest:x}");
    let mut seal = HeaderValue::from_str(&digits).unwrap_or_else(|_| unreachable!("digits are a header"));
    seal.set_sensitive(true);
    seal
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_user_alone() {
        let folder = std::env::temp_dir().join(format!("kontor-key-{}", Uuid::new_v4()));
        let keys: Vec<_> = std::thread::scope(|scope| {
            let opened: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| ServiceKey::open(&folder).unwrap()))
                .collect();
            opened.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let header = keys[0].authorization("alpha", None).unwrap();
        let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        assert!(
            keys.iter().all(|key| key.verify(token).is_ok()),
            "all hold the same key"
        );
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let header = ServiceKey::random().authorization("alpha", None).unwrap();
        let token = header.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        assert!(ServiceKey::random().verify(token).is_err());
    }

    #[test]
    fn a_service_works_for_the_company_its_token_names() {
        let (key, company) = (ServiceKey::random(), Uuid::now_v7());
        let header = key.authorization("alpha", Some(company)).unwrap();
        let (caller, exp) = key
            .verify(header.to_str().unwrap().strip_prefix("Bearer ").unwrap())
            .unwrap();
        assert_eq!(caller.company_id(), company);
        assert!(caller.is_service() && exp > now());
        assert_eq!(
            key.authorization("alpha", Some(company)).unwrap(),
            header,
            "made once and remembered"
        );
    }
}
