//! The service identity: people, companies, sessions and signing keys.
//!
//! A person registers with a company, signs in, and gets two tokens. The access token is a JWT that every service of the
//! suite verifies by itself with the published keys; it lives for minutes. The refresh token is opaque, good once, and
//! trades for the next pair as long as its session lives. A session ends by logging out, or when a spent refresh token
//! comes again; every service hears of it at once ([`ended`]) and refuses what is left of its access tokens.
//!
//! A person may be a member of several companies, in each with a role; a token is for one of them. Companies, roles and
//! memberships are the tenants' own tables; people, sessions and tokens belong to persons (see the migrations).
//!
//! Reading order: [`model`] (values and rules), [`keys`], [`hashing`], [`secret`], [`vault`], [`mail`] (what identity works with),
//! [`store`] (all its SQL), [`service`] (the use-cases), [`ended`], [`events`], [`heard`], [`grpc`].

mod ended;
mod error;
mod events;
mod grpc;
mod hashing;
mod heard;
mod keys;
mod mail;
mod model;
mod oidc;
mod secret;
mod service;
mod store;
mod vault;

pub use heard::hears;

use kontor_chassis::{Error, Host};
use kontor_events::{Bus, Relay};
use time::{Duration, OffsetDateTime};
use tonic::service::Routes;

/// The name of the service, of its schema, and of its part in settings.
pub const NAME: &str = "identity";

/// The tables of the service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How often what nobody needs any more is deleted.
const PRUNE_EVERY: std::time::Duration = std::time::Duration::from_secs(600);

/// Begins the service's life: its keys, its news of ended sessions, its mails, its relay. Answers its rpcs.
///
/// # Errors
/// When the keys folder can't be used, or the sender of mails or the mail server is no address.
pub async fn run(host: Host, bus: Bus) -> Result<Routes, Error> {
    let token_life = Duration::seconds(host.settings.access_token_seconds.into());
    let (folder, now) = (host.settings.keys_dir.clone(), OffsetDateTime::now_utc());
    let (keys, vault) = tokio::task::spawn_blocking(move || {
        (
            keys::Keyring::open(&folder, token_life, now),
            vault::Vault::open(&folder),
        )
    })
    .await
    .map_err(Error::internal)?;
    let (keys, vault) = (keys.map_err(Error::internal)?, vault?);
    let hasher = hashing::Hasher::new();
    let private_issuers: Option<kontor_chassis::settings::Switch> =
        host.settings.get("oidc_private_issuers")?;
    let redirect_uri = format!("{}/sign-in/oidc", host.settings.public_url.trim_end_matches('/'));
    let relying =
        oidc::Relying::new(redirect_uri, private_issuers.is_some_and(|on| on.0)).map_err(Error::internal)?;
    let ended = ended::EndedSessions::new(host.db.clone(), token_life);
    host.tasks.spawn(
        host.shutdown
            .clone()
            .run_until_cancelled_owned(ended.clone().run()),
    );
    host.tasks.spawn(
        host.shutdown
            .clone()
            .run_until_cancelled_owned(prune(ended.clone())),
    );
    Relay::spawn(&host, &bus);
    heard::listen(&host, &bus);

    let identity = service::Identity {
        db: host.db.clone(),
        keys: keys.clone(),
        hasher,
        vault,
        relying,
        verifier: host.verifier.clone(),
        token_life,
        throttles: host.settings.rate_limits,
        tasks: host.tasks.clone(),
    };
    let postman = service::Postman::new(identity.clone(), &host.settings)?;
    host.tasks.spawn(postman.run(host.shutdown.clone()));
    let keys = grpc::KeyRpcs {
        identity: identity.clone(),
        keys,
        ended,
        draining: host.draining.clone(),
    };
    Ok(grpc::routes(&identity, keys))
}

/// A signing key that was made on demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotated {
    /// Its id, as in the JWKS and in the header of tokens.
    pub kid: String,
    /// When it begins to sign.
    pub signs_from: OffsetDateTime,
    /// When the last token of the key before it will be over, and that key withdrawn.
    pub old_is_over_at: OffsetDateTime,
}

/// Makes a signing key in the folder of keys. Running processes publish it at once and sign with it in a minute, when
/// every service knows it; tokens of the key before it count until they expire.
///
/// # Errors
/// When the folder can't be read or written.
pub fn rotate_keys(
    folder: &std::path::Path,
    token_life: Duration,
    now: OffsetDateTime,
) -> Result<Rotated, Error> {
    let keys = keys::Keyring::open(folder, token_life, now).map_err(Error::internal)?;
    let (kid, signs_from) = keys.rotate(now).map_err(Error::internal)?;
    Ok(Rotated {
        kid,
        signs_from,
        old_is_over_at: signs_from + token_life,
    })
}

/// Deletes what is of no more use, now and then.
async fn prune(ended: ended::EndedSessions) {
    let mut ticks = tokio::time::interval(PRUNE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick is at once; nothing is old when a service has just begun, and it may still wait for its database.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(error) = ended.prune(OffsetDateTime::now_utc()).await {
            tracing::warn!(?error, "old sessions were not deleted; trying again later");
        }
    }
}
