//! What ties a request's key to the transaction of its work.

use std::sync::{Arc, Mutex, PoisonError};

use super::Interim;
use super::store::{self, Key};
use crate::db::TenantTx;
use crate::error::Error;

/// How long work that goes on after its commit is thought to be alive without a sign of life.
pub(super) const PATIENCE: i32 = 60;

/// The key of a request on its way through a use-case. The caller carries it.
pub(crate) struct Ticket {
    pub(super) key: Key,
    state: Mutex<State>,
}

/// How far the request has come.
pub(super) enum State {
    /// Nothing was written yet.
    Fresh,
    /// The use-case holds the transaction that has claimed the key.
    Open,
    /// The use-case is through with that transaction: it wants it committed, or not.
    Parked {
        /// The transaction.
        tx: TenantTx,
        /// Whether it was committed, as far as the use-case knows.
        committed: bool,
    },
    /// The claim and the work so far are committed; the answer is still to come.
    Acted,
    /// The key is another request's.
    Lost,
    /// The answer is given.
    Over,
}

impl Ticket {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            state: Mutex::new(State::Fresh),
        }
    }

    /// Takes the state and leaves another one.
    pub(super) fn replace(&self, next: State) -> State {
        std::mem::replace(
            &mut self.state.lock().unwrap_or_else(PoisonError::into_inner),
            next,
        )
    }

    /// A transaction for the use-case. The first one claims the key; one that it gave up is used again.
    ///
    /// # Errors
    /// When the key is another request's, whatever the use-case makes of that; as the database fails.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        open: impl Future<Output = Result<TenantTx, Error>>,
    ) -> Result<TenantTx, Error> {
        match self.replace(State::Open) {
            State::Fresh => self.claim(open).await,
            State::Parked {
                mut tx,
                committed: false,
            } => {
                store::back_to_the_claim(&mut tx).await?;
                Ok(tx.held_by(Arc::clone(self)))
            }
            State::Lost => {
                self.replace(State::Lost);
                Err(taken())
            }
            other => {
                self.flush(other).await?;
                open.await
            }
        }
    }

    /// Before the use-case reads: what it has committed must be there.
    ///
    /// # Errors
    /// As the database fails.
    pub(crate) async fn before_reading(&self) -> Result<(), Error> {
        let state = self.replace(State::Open);
        self.flush(state).await
    }

    async fn claim(
        self: &Arc<Self>,
        open: impl Future<Output = Result<TenantTx, Error>>,
    ) -> Result<TenantTx, Error> {
        let claimed = async {
            let mut tx = open.await?;
            match store::claim(&mut tx, &self.key).await {
                Ok(true) => Ok(Some(tx)),
                Ok(false) => Ok(None),
                Err(error) if is_a_timeout(&error) => Ok(None),
                Err(error) => Err(Error::from(error)),
            }
        };
        match claimed.await {
            Ok(Some(tx)) => Ok(tx.held_by(Arc::clone(self))),
            Ok(None) => {
                self.replace(State::Lost);
                Err(taken())
            }
            Err(error) => {
                self.replace(State::Fresh);
                Err(error)
            }
        }
    }

    /// Commits what the use-case thinks committed, as it goes on with something else; all other states stay.
    async fn flush(&self, state: State) -> Result<(), Error> {
        match state {
            State::Parked { tx, committed: true } => self.midway(tx, None).await,
            other => {
                self.replace(other);
                Ok(())
            }
        }
    }

    /// Commits the work so far, with the note that its answer is still to come.
    ///
    /// # Errors
    /// As the database fails.
    pub(crate) async fn midway(&self, mut tx: TenantTx, meanwhile: Option<Interim>) -> Result<(), Error> {
        let meanwhile = meanwhile.map(|Interim(kept)| kept);
        store::busy(&mut tx, &self.key, PATIENCE, meanwhile.as_ref()).await?;
        tx.commit().await?;
        self.replace(State::Acted);
        Ok(())
    }

    /// Takes the transaction that the use-case is through with. Once the answer is given, it is rolled back.
    pub(crate) fn park(&self, tx: TenantTx, committed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Open) {
            *state = State::Parked { tx, committed };
        }
    }
}

/// Another request holds the key for longer than one waits.
fn is_a_timeout(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "55P03")
}

fn taken() -> Error {
    Error::conflict(
        "idempotency_in_progress",
        "The first request with this key is still at work.",
    )
}
