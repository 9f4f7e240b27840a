//! A transaction that belongs to a company.

use std::fmt::Write;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tracing::{Instrument, Span};

use super::left::{Leaves, Left, Urgency};
use super::to_the_end::ToTheEnd;
use crate::caller::Caller;
use crate::error::Error;
use crate::idempotency::{Interim, ticket::Ticket};
use crate::trial;

/// An open transaction, bound to its caller's company by Row-Level Security. Dropping it rolls back.
///
/// Store functions take `&mut PgConnection`, which it gives by `&mut tx`.
pub struct TenantTx {
    /// Taken when it is over.
    tx: Option<Transaction<'static, Postgres>>,
    span: Span,
    /// The key of the request whose work this is: it gets the transaction back instead of its end.
    ticket: Option<Arc<Ticket>>,
    /// What it leaves to be told, once it is committed.
    leaves: Leaves,
    left: Arc<Left>,
    /// Of a request that is only tried: it is never committed.
    on_trial: bool,
}

const OPEN: &str = "a transaction that isn't over";

/// Only ids stand in the text: nothing of a request's own making.
pub(super) fn begin_text(read_only: bool, caller: Option<&Caller>) -> String {
    let mut text = String::with_capacity(160);
    text.push_str(if read_only { "begin read only" } else { "begin" });
    if let Some(caller) = caller {
        // Writing to a String can't fail.
        let _ = write!(text, "; set local kontor.company_id = '{}'", caller.company_id());
        if let Some(user) = caller.user_id() {
            let _ = write!(text, "; set local kontor.user_id = '{user}'");
        }
    }
    text
}

impl TenantTx {
    pub(super) async fn begin(
        pool: &PgPool,
        schema: &str,
        text: &str,
        left: Arc<Left>,
    ) -> Result<Self, Error> {
        let span = tracing::debug_span!(
            "db.transaction",
            otel.kind = "client",
            db.system = "postgresql",
            db.namespace = schema
        );
        let mut tries = pool.options().get_max_connections();
        let tx = loop {
            let (pool, text) = (pool.clone(), AssertSqlSafe(text.to_owned()));
            let begin = ToTheEnd::new(async move { pool.begin_with(text).await });
            let begun = begin.instrument(span.clone()).await;
            match begun {
                // An idle connection that died unnoticed (the database was restarted): the next may be alive, at the
                // latest a new one. Nothing has happened yet, so nothing happens twice.
                Err(error) if tries > 0 && is_lost(&error) => tries -= 1,
                other => break other?,
            }
        };
        Ok(Self {
            tx: Some(tx),
            span,
            ticket: None,
            leaves: Leaves::default(),
            left,
            on_trial: trial::is_on(),
        })
    }

    /// Makes it so. Of a request with an idempotency key it becomes so together with the answer, and before anything else
    /// that the caller reads or begins.
    ///
    /// # Errors
    /// When the database refuses or is gone; then nothing happened, or it isn't known (the connection broke meanwhile).
    pub async fn commit(mut self) -> Result<(), Error> {
        self.unless_on_trial()?;
        if let Some(ticket) = self.ticket.take() {
            ticket.park(self, true);
            return Ok(());
        }
        if let Some(tx) = self.tx.take() {
            tx.commit().instrument(self.span.clone()).await?;
            self.left.wake(self.leaves);
        }
        Ok(())
    }

    /// Notes that something in it waits to be told: who waits for that by [`Db::left`](super::Db::left) wakes when it is
    /// committed.
    pub fn leaves(&mut self, urgency: Urgency) {
        self.leaves.add(urgency);
    }

    /// Makes it so at once, because the use-case goes on: it waits for others, or works in the background.
    ///
    /// `meanwhile` is what a repeat of the request with its idempotency key is answered when this process dies before the
    /// end. Without it such a repeat is told that the outcome is unknown.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub async fn commit_midway(mut self, meanwhile: Option<Interim>) -> Result<(), Error> {
        self.unless_on_trial()?;
        match self.ticket.take() {
            Some(ticket) => ticket.midway(self, meanwhile).await,
            None => self.commit().await,
        }
    }

    fn unless_on_trial(&self) -> Result<(), Error> {
        if self.on_trial { Err(trial::over()) } else { Ok(()) }
    }

    pub(crate) fn held_by(mut self, ticket: Arc<Ticket>) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// A span for one statement: `query.execute(&mut *tx).instrument(tx.statement("insert"))`; take it before the borrow.
    /// It costs next to nothing while no traces are exported.
    #[must_use]
    pub fn statement(&self, name: &'static str) -> Span {
        tracing::debug_span!(parent: &self.span, "db.statement", otel.name = name, otel.kind = "client", db.system = "postgresql")
    }
}

/// Whether the connection broke, rather than none could be had.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // admin_shutdown, crash_shutdown: the last words of a connection that was cut.
        sqlx::Error::Database(last_words) => last_words
            .code()
            .is_some_and(|code| code == "57P01" || code == "57P02"),
        _ => false,
    }
}

impl Deref for TenantTx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.tx.as_ref().expect(OPEN)
    }
}

impl DerefMut for TenantTx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.tx.as_mut().expect(OPEN)
    }
}

impl Drop for TenantTx {
    fn drop(&mut self) {
        if let (Some(ticket), Some(tx)) = (self.ticket.take(), self.tx.take()) {
            let given_up = Self {
                tx: Some(tx),
                span: self.span.clone(),
                ticket: None,
                leaves: self.leaves,
                left: self.left.clone(),
                on_trial: self.on_trial,
            };
            ticket.park(given_up, false);
        }
    }
}

impl std::fmt::Debug for TenantTx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantTx")
    }
}
