//! Messages that were given up, for a person who looks at them and may have them tried again.
//!
//! With RabbitMQ they stand in the queue `<service>.events.dead`; what the in-process transport gave up is in the table
//! `dead_letters`. A service that went from one to the other may have both.

use bytes::Bytes;
use kontor_chassis::{Db, Error};
use sqlx::types::Json;
use time::OffsetDateTime;

use crate::{Bus, Headers, inbox, message::Message};

/// A message that was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Its id; empty when a stranger sent it without one.
    pub id: String,
    /// Its full protobuf name; empty when a stranger sent it without one.
    pub kind: String,
    /// What travelled beside it.
    pub headers: Headers,
    /// The encoded message.
    pub payload: Bytes,
    /// Why, in words.
    pub reason: String,
    /// When it was given up, where that is known.
    pub died_at: Option<OffsetDateTime>,
}

/// The dead messages of one service.
pub struct DeadLetters<'s> {
    service: &'s str,
    db: &'s Db,
    broker: Option<&'s Bus>,
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: String,
    r#type: String,
    payload: Vec<u8>,
    headers: Json<Headers>,
    reason: String,
    died_at: OffsetDateTime,
}

impl<'s> DeadLetters<'s> {
    /// Those of a service, in its schema and, when there is one, with the broker.
    #[must_use]
    pub fn of(service: &'s str, db: &'s Db, broker: Option<&'s Bus>) -> Self {
        Self { service, db, broker }
    }

    /// At most so many, those of the table first. They stay where they are.
    ///
    /// # Errors
    /// Unavailable when the database or the broker is away.
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>, Error> {
        let mut tx = self.db.unscoped().await?;
        let rows: Vec<Row> = sqlx::query_as(
            "select message_id, type, payload, headers, reason, died_at
             from dead_letters
             where consumer = $1
             order by died_at
             limit $2",
        )
        .bind(self.service)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut *tx)
        .await?;
        drop(tx);
        let mut found: Vec<DeadLetter> = rows.into_iter().map(DeadLetter::from).collect();
        if let Some(bus) = self.broker {
            let rest = limit.saturating_sub(found.len());
            let dead = bus.dead(self.service, rest).await.map_err(away)?;
            found.extend(dead.into_iter().map(DeadLetter::from));
        }
        Ok(found)
    }

    /// Gives a message to its service again, as if it came for the first time; true when there is one of this id. Its
    /// effect is there once, however often that is done.
    ///
    /// # Errors
    /// Unavailable when the database or the broker is away.
    pub async fn retry(&self, id: &str) -> Result<bool, Error> {
        let mut tx = self.db.unscoped().await?;
        let revived = inbox::revive(&mut tx, self.service, id).await?;
        tx.commit().await?;
        if revived {
            return Ok(true);
        }
        match self.broker {
            Some(bus) => bus.retry_dead(self.service, id).await.map_err(away),
            None => Ok(false),
        }
    }
}

impl std::fmt::Debug for DeadLetters<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters")
            .field("service", &self.service)
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}

fn away(away: crate::bus::Away) -> Error {
    Error::unavailable("the broker").with_source(away)
}

impl From<Row> for DeadLetter {
    fn from(row: Row) -> Self {
        let Row {
            message_id,
            r#type,
            payload,
            headers: Json(headers),
            reason,
            died_at,
        } = row;
        Self {
            id: message_id,
            kind: r#type,
            headers,
            payload: payload.into(),
            reason,
            died_at: Some(died_at),
        }
    }
}

impl From<(Message, String)> for DeadLetter {
    fn from((message, reason): (Message, String)) -> Self {
        let Message {
            id,
            kind,
            headers,
            payload,
            attempts: _,
        } = message;
        Self {
            id,
            kind,
            headers,
            payload,
            reason,
            died_at: None,
        }
    }
}
