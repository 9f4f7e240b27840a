//! The roles of the suite. Roles belong to the whole server, not to one database: several databases on one
//! server share them, so nothing is changed here that is right already.

use anyhow::{Context, Result, bail};
use sqlx::{Connection, PgConnection};
use url::Url;

use super::{OWNER, Schema, run};

/// SQLSTATEs of two that make or change the same role at once: the second looks again.
const COLLISIONS: [&str; 3] = ["42710", "23505", "XX000"];

/// The role and password a service logs in with.
pub(super) struct Login {
    pub(super) name: String,
    password: Option<String>,
}

pub(super) fn login_of(schema: &Schema) -> Result<Login> {
    let url =
        Url::parse(&schema.url).with_context(|| format!("the database URL of {} is no URL", schema.name))?;
    if url.username().is_empty() {
        bail!("the database URL of {} names no role", schema.name);
    }
    Ok(Login {
        name: plain(url.username())?,
        password: url.password().map(plain).transpose()?,
    })
}

fn plain(part: &str) -> Result<String> {
    percent_decoded(part).context("a name or password in a database URL is not UTF-8")
}

/// Undoes the percent-encoding of a URL's user and password.
fn percent_decoded(part: &str) -> Result<String, std::string::FromUtf8Error> {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out)
}

/// The owner of all schemas, and the right of the migrating role to act as it.
pub(super) async fn make_owner(connection: &mut PgConnection) -> Result<()> {
    settle(connection, async |connection| {
        if !exists(connection, OWNER).await? {
            run(connection, "create role %I nologin", &[OWNER]).await?;
        }
        let may_act: bool = sqlx::query_scalar("select pg_has_role(current_user, $1, 'member')")
            .bind(OWNER)
            .fetch_one(&mut *connection)
            .await?;
        if !may_act {
            run(connection, "grant %I to current_user", &[OWNER]).await?;
        }
        Ok(())
    })
    .await
}

/// The login role of a service, able to sign in with the password of its URL and to do nothing more.
pub(super) async fn make_login(connection: &mut PgConnection, schema: &Schema) -> Result<()> {
    let login = login_of(schema)?;
    let migrating: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut *connection)
        .await?;
    if login.name == migrating || login.name == OWNER {
        bail!(
            "{} is to log in as {}, which may do too much: give it a role of its own",
            schema.name,
            login.name
        );
    }
    settle(connection, async |connection| {
        if !exists(connection, &login.name).await? {
            run(connection, "create role %I login", &[&login.name]).await?;
        }
        restrict(connection, &login.name).await
    })
    .await?;
    let Some(password) = &login.password else {
        return Ok(());
    };
    if signs_in(&schema.url).await? {
        return Ok(());
    }
    settle(connection, async |connection| {
        run(
            connection,
            "alter role %I login password %L",
            &[&login.name, password],
        )
        .await
    })
    .await
}

async fn exists(connection: &mut PgConnection, role: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
        .bind(role)
        .fetch_one(connection)
        .await
}

/// Takes away what would let a role see or change more than its own schema under Row-Level Security.
async fn restrict(connection: &mut PgConnection, role: &str) -> Result<(), sqlx::Error> {
    let too_much: bool = sqlx::query_scalar(
        "select rolsuper or rolbypassrls or rolcreatedb or rolcreaterole or rolreplication \
         from pg_roles \
         where rolname = $1",
    )
    .bind(role)
    .fetch_one(&mut *connection)
    .await?;
    if too_much {
        let text = "alter role %I nosuperuser nobypassrls nocreatedb nocreaterole noreplication";
        run(connection, text, &[role]).await?;
    }
    Ok(())
}

/// Whether the service's URL opens the door already. Other failures than a refused sign-in are told.
async fn signs_in(url: &str) -> Result<bool> {
    match PgConnection::connect(url).await {
        Ok(connection) => {
            connection.close().await?;
            Ok(true)
        }
        Err(sqlx::Error::Database(refusal)) if refusal.code().is_some_and(|code| code.starts_with("28")) => {
            Ok(false)
        }
        Err(error) => Err(error).context("signing in as the service"),
    }
}

/// Does `step`, again when another database's migration did the same at the same moment.
async fn settle(
    connection: &mut PgConnection,
    step: impl AsyncFn(&mut PgConnection) -> Result<(), sqlx::Error>,
) -> Result<()> {
    let mut tries = 0;
    loop {
        match step(connection).await {
            Err(sqlx::Error::Database(refusal))
                if tries < 10
                    && refusal
                        .code()
                        .is_some_and(|code| COLLISIONS.contains(&code.as_ref())) =>
            {
                tries += 1;
            }
            done => return Ok(done?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::percent_decoded;

    #[test]
    fn a_password_is_read_as_it_was_meant() {
        assert_eq!(percent_decoded("p%40ss%2Fw%C3%B6rd").unwrap(), "p@ss/wörd");
        assert_eq!(percent_decoded("100%").unwrap(), "100%");
        assert_eq!(percent_decoded("%zz").unwrap(), "%zz");
    }
}
