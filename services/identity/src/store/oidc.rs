//! Rows of `oidc_providers`, `oidc_subjects` and `oidc_attempts`.

use sqlx::{PgConnection, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::model::oidc::Provider;

/// The provider of a company, which is the transaction's, and its sealed secret.
pub(crate) async fn provider(
    conn: &mut PgConnection,
    company_id: Uuid,
) -> Result<Option<(Provider, Option<Vec<u8>>)>, sqlx::Error> {
    let row = sqlx::query(
        "select p.*, r.name as role, c.sso_enforced
         from identity.oidc_providers p
         join identity.roles r on r.company_id = p.company_id and r.id = p.role_id
         join identity.companies c on c.id = p.company_id
         where p.company_id = $1",
    )
    .bind(company_id)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let provider = Provider {
            issuer: row.try_get("issuer")?,
            client_id: row.try_get("client_id")?,
            domains: row.try_get("domains")?,
            just_in_time: row.try_get("just_in_time")?,
            role_id: row.try_get("role_id")?,
            role: row.try_get("role")?,
            enforced: row.try_get("sso_enforced")?,
            updated_at: row.try_get("updated_at")?,
        };
        Ok((provider, row.try_get("client_secret")?))
    })
    .transpose()
}

/// Sets the provider of a company, and whether it is the only way in.
pub(crate) async fn put(
    conn: &mut PgConnection,
    company_id: Uuid,
    provider: &Provider,
    sealed_secret: Option<&[u8]>,
) -> Result<(), sqlx::Error> {
    let Provider {
        issuer,
        client_id,
        domains,
        just_in_time,
        role_id,
        role: _,
        enforced,
        updated_at,
    } = provider;
    sqlx::query(
        "insert into identity.oidc_providers (
           company_id, issuer, client_id, client_secret, domains, just_in_time, role_id, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict on constraint oidc_providers_pkey do update
         set issuer = excluded.issuer,
           client_id = excluded.client_id,
           client_secret = excluded.client_secret,
           domains = excluded.domains,
           just_in_time = excluded.just_in_time,
           role_id = excluded.role_id,
           updated_at = excluded.updated_at",
    )
    .bind(company_id)
    .bind(issuer)
    .bind(client_id)
    .bind(sealed_secret)
    .bind(domains)
    .bind(just_in_time)
    .bind(role_id)
    .bind(updated_at)
    .execute(&mut *conn)
    .await?;
    enforce(conn, company_id, *enforced).await
}

/// Takes the provider of a company away. False when there was none.
pub(crate) async fn delete(conn: &mut PgConnection, company_id: Uuid) -> Result<bool, sqlx::Error> {
    let deleted = sqlx::query("delete from identity.oidc_providers where company_id = $1")
        .bind(company_id)
        .execute(&mut *conn)
        .await?;
    enforce(conn, company_id, false).await?;
    Ok(deleted.rows_affected() == 1)
}

async fn enforce(conn: &mut PgConnection, company_id: Uuid, enforced: bool) -> Result<(), sqlx::Error> {
    sqlx::query("update identity.companies set sso_enforced = $2 where id = $1")
        .bind(company_id)
        .bind(enforced)
        .execute(conn)
        .await?;
    Ok(())
}

/// The member whom the provider means by a subject.
pub(crate) async fn member_of(
    conn: &mut PgConnection,
    company_id: Uuid,
    issuer: &str,
    subject: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "select user_id
         from identity.oidc_subjects
         where company_id = $1
           and issuer = $2
           and subject = $3",
    )
    .bind(company_id)
    .bind(issuer)
    .bind(subject)
    .fetch_optional(conn)
    .await
}

/// Notes whom the provider means by a subject. Another one who came first stays.
pub(crate) async fn link(
    conn: &mut PgConnection,
    company_id: Uuid,
    issuer: &str,
    subject: &str,
    user_id: Uuid,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into identity.oidc_subjects (company_id, issuer, subject, user_id, linked_at)
         values ($1, $2, $3, $4, $5)
         on conflict on constraint oidc_subjects_pkey do nothing",
    )
    .bind(company_id)
    .bind(issuer)
    .bind(subject)
    .bind(user_id)
    .bind(now)
    .execute(conn)
    .await?;
    Ok(())
}

/// Somebody on the way to a provider and back.
pub(crate) struct Attempt {
    pub(crate) company_id: Uuid,
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// Sealed.
    pub(crate) verifier: Vec<u8>,
}

/// Keeps an attempt until it is over.
pub(crate) async fn begin(
    conn: &mut PgConnection,
    hash: &[u8],
    attempt: &Attempt,
    expires_at: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let Attempt {
        company_id,
        state,
        nonce,
        verifier,
    } = attempt;
    sqlx::query(
        "insert into identity.oidc_attempts (hash, entered_company, state, nonce, verifier, expires_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(hash)
    .bind(company_id)
    .bind(state)
    .bind(nonce)
    .bind(verifier)
    .bind(expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes an attempt: it is good once.
pub(crate) async fn take(
    conn: &mut PgConnection,
    hash: &[u8],
    now: OffsetDateTime,
) -> Result<Option<Attempt>, sqlx::Error> {
    let row = sqlx::query(
        "delete from identity.oidc_attempts
         where hash = $1
           and expires_at > $2
         returning entered_company, state, nonce, verifier",
    )
    .bind(hash)
    .bind(now)
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        Ok(Attempt {
            company_id: row.try_get("entered_company")?,
            state: row.try_get("state")?,
            nonce: row.try_get("nonce")?,
            verifier: row.try_get("verifier")?,
        })
    })
    .transpose()
}

/// Deletes attempts that nobody came back from.
pub(crate) async fn prune(conn: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query("delete from identity.oidc_attempts where expires_at <= $1")
        .bind(now)
        .execute(conn)
        .await?;
    Ok(())
}
