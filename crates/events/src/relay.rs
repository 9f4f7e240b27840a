//! From the outbox to the bus.
//!
//! A window of rows is deleted, published and committed: what the bus did not take is put back in the same
//! transaction, and a relay that dies in the middle leaves the rows where they were. Several relays may run at once,
//! also in several processes; rows in work are skipped. Requests go their own way, so that nobody waits behind facts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kontor_chassis::{Db, Error, Host, db::Urgency, health::Fitness};
use metrics::{counter, gauge};
use serde_json::Value;
use sqlx::types::Json;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    Bus, Headers, inbox,
    message::{Fate, Message},
    outbox, trace,
};

/// Published at once before the first confirm is awaited.
const WINDOW: i64 = 256;
/// In one process a window waits for its slowest consumer, so it is smaller.
const WINDOW_IN_PROCESS: i64 = 64;
/// The relays of a process. Two for requests: while one awaits confirms, the other publishes.
const WORKERS: [Urgency; 3] = [Urgency::AtOnce, Urgency::AtOnce, Urgency::Whenever];
/// For what another process wrote and died before it could tell.
const POLL: Duration = Duration::from_secs(2);
/// So long a fact waits for the first queue that wants it, when services start one after the other.
const UNCLAIMED_AFTER: Duration = Duration::from_secs(15);
/// So long facts gather after others were told: told together they cost all who hear them less. Nobody waits for a fact.
const GATHERING: Duration = Duration::from_millis(20);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// When the service stops, so long a window may still wait for the bus. What is not taken then stays in the outbox.
const GRACE: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Publishes what stands in a service's outbox, for as long as the service lives.
#[derive(Debug)]
pub struct Relay;

#[derive(Clone)]
struct Worker {
    service: Arc<str>,
    db: Db,
    bus: Bus,
    /// What it tells: requests at once, facts whenever.
    urgency: Urgency,
    /// Something that was put back is due.
    due: Arc<Notify>,
    shutdown: CancellationToken,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    r#type: String,
    payload: Vec<u8>,
    headers: Json<Headers>,
    created_at: OffsetDateTime,
    attempts: i32,
}

/// Takes the next rows of which `$which` holds out of the outbox.
macro_rules! next {
    ($which:literal) => {
        concat!(
            "with next as (
                 select id
                 from outbox
                 where (held_until is null or held_until <= now())
                   and ",
            $which,
            "
                 order by id
                 limit $1
                 for update skip locked
             )
             delete from outbox
             using next
             where outbox.id = next.id
             returning outbox.id, type, payload, headers, created_at, attempts"
        )
    };
}

impl Relay {
    /// Starts the relay of a service on its tasks; it ends with the service's shutdown. The service's health tells from
    /// then on when the broker is away.
    pub fn spawn(host: &Host, bus: &Bus) {
        let broker = bus.clone();
        host.health.register("broker", move || {
            let broker = broker.clone();
            async move {
                if broker.check().await.is_ok() {
                    Fitness::Ready
                } else {
                    Fitness::Degraded
                }
            }
        });
        for urgency in WORKERS {
            let worker = Worker {
                service: host.name.into(),
                db: host.db.clone(),
                bus: bus.clone(),
                urgency,
                due: Arc::default(),
                shutdown: host.shutdown.clone(),
            };
            host.tasks.spawn(worker.run());
        }
        let (service, db, shutdown) = (host.name, host.db.clone(), host.shutdown.clone());
        host.tasks.spawn(async move {
            shutdown.run_until_cancelled(keep_house(service, &db)).await;
        });
    }
}

/// Measures the outbox, and forgets now and then what can't come again.
async fn keep_house(service: &str, db: &Db) {
    let mut tick = tokio::time::interval(POLL);
    let mut pruned = Instant::now();
    loop {
        tick.tick().await;
        let prune = pruned.elapsed() > PRUNE_EVERY;
        if prune {
            pruned = Instant::now();
        }
        if let Err(error) = measure(service, db, prune).await {
            tracing::debug!(service, %error, "the outbox can't be measured");
        }
    }
}

async fn measure(service: &str, db: &Db, prune: bool) -> Result<(), Error> {
    let mut tx = db.unscoped().await?;
    let depth = outbox::depth(&mut tx).await?;
    #[allow(clippy::cast_precision_loss)] // a gauge
    gauge!("kontor_events_outbox_depth", "service" => service.to_owned()).set(depth as f64);
    if prune {
        inbox::prune(&mut tx).await?;
    }
    tx.commit().await
}

impl Worker {
    async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut away = false;
        let mut told_at: Option<Instant> = None;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                () = self.db.left(self.urgency) => {}
                () = self.due.notified() => {}
                // What another process left, and died before it could tell it.
                () = tokio::time::sleep(POLL) => {}
            }
            let rest = told_at.and_then(|at| GATHERING.checked_sub(at.elapsed()));
            if let (Urgency::Whenever, Some(rest)) = (self.urgency, rest) {
                let _ = tokio::time::timeout(rest, self.shutdown.cancelled()).await;
            }
            loop {
                match self.window().await {
                    Ok(full) => {
                        pause = FIRST_PAUSE;
                        told_at = Some(Instant::now());
                        if std::mem::take(&mut away) {
                            tracing::info!(service = %self.service, "messages are told again");
                        }
                        if !full || self.shutdown.is_cancelled() {
                            break;
                        }
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut away, true) {
                            tracing::warn!(service = %self.service, %error, "nothing can be told; trying again");
                        }
                        tokio::select! {
                            () = self.shutdown.cancelled() => return,
                            () = tokio::time::sleep(pause) => {}
                        }
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
            }
        }
    }

    /// Tells one window. Answers whether it held as much as it can: then there may be more.
    async fn window(&self) -> Result<bool, Error> {
        let size = if self.bus.keeps_the_dead() {
            WINDOW_IN_PROCESS
        } else {
            WINDOW
        };
        // A server that crashes may forget that these were told: then they are told again, and known by their ids.
        let mut tx = self.db.unscoped_lazily().await?;
        let mut rows: Vec<Row> = sqlx::query_as(match self.urgency {
            Urgency::AtOnce => next!("(headers -> 'addressed')::boolean"),
            Urgency::Whenever => next!("(headers -> 'addressed')::boolean is not true"),
        })
        .bind(size)
        .fetch_all(&mut *tx)
        .await?;
        if rows.is_empty() {
            return Ok(false);
        }
        rows.sort_by_key(|row| row.id);
        let messages: Vec<Message> = rows.iter_mut().map(message).collect();
        let fates = tokio::select! {
            told = self.bus.publish(&messages) => {
                told.map_err(|away| Error::unavailable("the broker").with_source(away))?
            }
            () = self.too_late() => return Ok(false),
        };
        let kept = self.sort_out(&rows, &messages, &fates);
        kept.put_back(&mut tx).await?;
        tx.commit().await?;
        if let Some(soonest) = kept.soonest() {
            let due = self.due.clone();
            tokio::spawn(async move {
                tokio::time::sleep(soonest).await;
                due.notify_one();
            });
        }
        Ok(i64::try_from(rows.len()).is_ok_and(|told| told == size))
    }

    async fn too_late(&self) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    }

    fn sort_out(&self, rows: &[Row], messages: &[Message], fates: &[Fate]) -> Kept {
        let mut kept = Kept::default();
        let (mut published, mut unclaimed) = (0, 0);
        for ((row, message), fate) in rows.iter().zip(messages).zip(fates) {
            let age = (OffsetDateTime::now_utc() - row.created_at).unsigned_abs();
            match fate {
                Fate::Taken => published += 1,
                Fate::Unroutable if row.headers.addressed => kept.keep(row, message, LONGEST_PAUSE, 0),
                Fate::Unroutable if age < UNCLAIMED_AFTER => {
                    kept.keep(row, message, UNCLAIMED_AFTER.saturating_sub(age), 0);
                }
                Fate::Unroutable => unclaimed += 1,
                Fate::Failed => {
                    let doublings = u32::try_from(row.attempts).unwrap_or_default().min(10);
                    kept.keep(
                        row,
                        message,
                        (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE),
                        1,
                    );
                }
                Fate::Postponed => kept.keep(row, message, LONGEST_PAUSE, 0),
            }
        }
        let service = || self.service.to_string();
        counter!("kontor_events_published_total", "service" => service()).increment(published);
        counter!("kontor_events_unclaimed_total", "service" => service()).increment(unclaimed);
        kept
    }
}

fn message(row: &mut Row) -> Message {
    let mut headers = row.headers.0.clone();
    let span = tracing::info_span!(
        "publish",
        otel.name = format!("publish {}", row.r#type),
        otel.kind = "producer"
    );
    trace::go_on(&span, headers.traceparent.as_deref());
    if let Some(traceparent) = trace::traceparent(&span) {
        headers.traceparent = Some(traceparent);
    }
    Message {
        id: row.id.to_string(),
        kind: row.r#type.clone(),
        headers,
        payload: Bytes::from(std::mem::take(&mut row.payload)),
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
    }
}

/// Rows that go back into the outbox.
#[derive(Default)]
struct Kept {
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    payloads: Vec<Vec<u8>>,
    headers: Vec<Value>,
    created: Vec<OffsetDateTime>,
    held_seconds: Vec<f64>,
    attempts: Vec<i32>,
}

impl Kept {
    fn keep(&mut self, row: &Row, message: &Message, hold: Duration, failures: i32) {
        self.ids.push(row.id);
        self.kinds.push(row.r#type.clone());
        self.payloads.push(message.payload.to_vec());
        self.headers.push(row.headers.0.to_json());
        self.created.push(row.created_at);
        self.held_seconds.push(hold.as_secs_f64());
        self.attempts.push(row.attempts + failures);
    }

    fn soonest(&self) -> Option<Duration> {
        self.held_seconds
            .iter()
            .copied()
            .min_by(f64::total_cmp)
            .map(Duration::from_secs_f64)
    }

    async fn put_back(&self, conn: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
        if self.ids.is_empty() {
            return Ok(());
        }
        sqlx::query(
            "insert into outbox (id, type, payload, headers, created_at, held_until, attempts)
             select id, type, payload, headers, created_at, clock_timestamp() + make_interval(secs => held), attempts
             from unnest($1::uuid[], $2::text[], $3::bytea[], $4::jsonb[], $5::timestamptz[], $6::float8[], $7::int[])
                 as kept (id, type, payload, headers, created_at, held, attempts)",
        )
        .bind(&self.ids)
        .bind(&self.kinds)
        .bind(&self.payloads)
        .bind(&self.headers)
        .bind(&self.created)
        .bind(&self.held_seconds)
        .bind(&self.attempts)
        .execute(conn)
        .await?;
        Ok(())
    }
}
