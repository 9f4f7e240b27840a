//! The second factor: switching it on and off, and asking for it.

use kontor_chassis::{Caller, Error as Failure};
use rand::TryRngCore;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Identity, own_session, person_of, session_of};
use crate::error::Error;
use crate::keys::KeyError;
use crate::model::audit::{Deed, Doer};
use crate::model::session::Origin;
use crate::model::throttle::{Action, Attempt};
use crate::model::totp;
use crate::store;
use crate::store::totp::Totp;

/// What an authenticator needs.
pub(crate) struct Enrolment {
    /// Base32.
    pub(crate) secret: String,
    pub(crate) otpauth_uri: String,
}

impl Identity {
    /// Makes a secret. It counts once it is confirmed; asked again before that, another one takes its place.
    pub(crate) async fn enrol_totp(&self, caller: &Caller, now: OffsetDateTime) -> Result<Enrolment, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        own_session(&mut tx, caller).await?;
        let person = store::people::get(&mut tx, user_id)
            .await?
            .ok_or(Error::NoSession)?;
        let present = store::totp::lock(&mut tx, user_id).await?;
        if present.is_some_and(|present| present.confirmed) {
            return Err(Error::TotpEnabled);
        }
        let secret: [u8; totp::SECRET_BYTES] = random()?;
        let sealed = self.vault.seal(&secret, user_id)?;
        store::totp::put(&mut tx, user_id, &sealed, now).await?;
        tx.commit().await?;
        Ok(Enrolment {
            secret: totp::base32(&secret),
            otpauth_uri: totp::otpauth_uri(&secret, &person.email),
        })
    }

    /// Switches it on with a first code, and hands out recovery codes, this once.
    pub(crate) async fn confirm_totp(
        &self,
        caller: &Caller,
        code: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, Error> {
        let user_id = person_of(caller)?;
        let mut tx = self.db.begin(caller).await?;
        own_session(&mut tx, caller).await?;
        let pending = store::totp::lock(&mut tx, user_id)
            .await?
            .ok_or(Error::TotpNotEnrolled)?;
        if pending.confirmed {
            return Err(Error::TotpEnabled);
        }
        let step = self.matching_step(&pending, user_id, code, now)?;
        let step = step.ok_or(Error::InvalidTotpCode)?;
        let mut codes = Vec::with_capacity(totp::RECOVERY_CODES);
        let mut hashes = Vec::with_capacity(totp::RECOVERY_CODES);
        for _ in 0..totp::RECOVERY_CODES {
            let random: [u8; totp::RECOVERY_BYTES] = random()?;
            codes.push(totp::recovery_text(&random));
            hashes.push(Sha256::digest(random).to_vec());
        }
        store::totp::confirm(&mut tx, user_id, step, &hashes, now).await?;
        let deed = Deed::on("totp", "enabled", user_id, "");
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(codes)
    }

    /// Switches it off, for who knows the password.
    pub(crate) async fn disable_totp(
        &self,
        caller: &Caller,
        password: &str,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let user_id = person_of(caller)?;
        session_of(caller)?;
        let origin = Origin::from(caller.origin());
        let attempt = Attempt::new(Action::Confirm, &user_id.to_string(), origin.address.as_deref());
        self.attempt(&attempt, now).await?;
        let mut tx = self.db.read(caller).await?;
        let hash = store::people::password_hash(&mut tx, user_id).await?;
        // No connection is held while the password is hashed.
        drop(tx);
        if !self.hasher.verify(password, hash.as_deref()).await? {
            return Err(Error::WrongPassword("password"));
        }
        self.succeeded(&attempt).await?;
        let mut tx = self.db.begin(caller).await?;
        if !store::totp::delete(&mut tx, user_id, now).await? {
            return Err(Error::NotFound("second factor"));
        }
        let deed = Deed::on("totp", "disabled", user_id, "");
        store::audit::append(&mut tx, &Doer::of(caller, now), &[deed]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Asks somebody whose password was right for the second factor, if there is one: a code of the authenticator or a
    /// recovery code, each good once.
    pub(super) async fn second_factor(
        &self,
        conn: &mut PgConnection,
        user_id: Uuid,
        typed: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let Some(present) = store::totp::lock(conn, user_id)
            .await?
            .filter(|totp| totp.confirmed)
        else {
            return Ok(());
        };
        let typed = typed.map(str::trim).filter(|typed| !typed.is_empty());
        let typed = typed.ok_or(Error::TotpRequired)?;
        if let Some(step) = self.matching_step(&present, user_id, typed, now)? {
            store::totp::take_step(conn, user_id, step).await?;
            return Ok(());
        }
        let recovery = totp::read_recovery(typed).ok_or(Error::InvalidTotpCode)?;
        match store::totp::take_recovery(conn, user_id, &Sha256::digest(recovery)).await? {
            true => Ok(()),
            false => Err(Error::InvalidTotpCode),
        }
    }

    fn matching_step(
        &self,
        totp: &Totp,
        user_id: Uuid,
        typed: &str,
        now: OffsetDateTime,
    ) -> Result<Option<i64>, Failure> {
        let Some(digits) = totp::digits(typed) else {
            return Ok(None);
        };
        let secret = self.vault.unseal(&totp.secret, user_id)?;
        Ok(totp::matching_step(&secret, &digits, totp.last_step, now))
    }
}

fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes)?;
    Ok(bytes)
}
