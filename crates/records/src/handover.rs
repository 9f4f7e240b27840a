//! Giving all that one member owns to another: by an event, in the background, a batch at a time.
//!
//! Identity tells that a member hands over. A service notes it as a timer in the transaction that takes the message
//! ([`Begin`]), and works it off batch by batch ([`HandOver`]), so that however much somebody owned, no transaction is
//! long and a service that dies goes on where it was.

use std::marker::PhantomData;

use kontor_chassis::caller::Permissions;
use kontor_chassis::{Caller, Error, TenantTx};
use kontor_events::timers::{self, Due, Timer};
use kontor_events::{Delivery, Handle};
use kontor_proto::identity::v1::RecordsHandedOver;
use prost::Message as _;
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::record::Record;
use crate::value::Value;
use crate::write::{self, Change, parse_id};

/// The kind of the timer.
pub const TIMER: &str = "hand_over";

/// Records that change hands in one transaction.
const BATCH: i64 = 1_000;

/// Notes that a member hands over. To be given to the service's consumer.
#[derive(Clone, Copy, Debug)]
pub struct Begin;

impl Handle<RecordsHandedOver> for Begin {
    async fn handle(
        &self,
        tx: &mut TenantTx,
        delivery: &Delivery,
        event: RecordsHandedOver,
    ) -> Result<(), Error> {
        let company = delivery.company()?;
        timers::set(
            tx,
            Uuid::now_v7(),
            TIMER,
            OffsetDateTime::now_utc(),
            company,
            &event,
        )
        .await?;
        Ok(())
    }
}

/// Hands over records of one kind. To be given to the service's timers, under [`TIMER`].
pub struct HandOver<R>(PhantomData<fn() -> R>);

impl<R> Default for HandOver<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<R> std::fmt::Debug for HandOver<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandOver")
    }
}

impl<R: Record> Due for HandOver<R> {
    async fn due(&self, tx: &mut TenantTx, timer: &Timer) -> Result<(), Error> {
        let event = RecordsHandedOver::decode(timer.payload.as_slice()).map_err(Error::internal)?;
        let RecordsHandedOver {
            from_user_id,
            to_user_id,
            by,
        } = &event;
        let (from, to, by) = (parse_id(from_user_id)?, parse_id(to_user_id)?, parse_id(by)?);
        let now = OffsetDateTime::now_utc();
        let caller = on_behalf_of(by, timer.company);
        if batch::<R>(tx, &caller, from, to, now).await? {
            timers::set(tx, timer.id, TIMER, now, timer.company, &event).await?;
        }
        Ok(())
    }
}

/// The member who decided it, for the history: the right was judged where it was decided.
fn on_behalf_of(user: Uuid, company: Uuid) -> Caller {
    Caller::person(user, company, Uuid::nil(), "", Permissions::default(), None)
}

/// Gives a batch to its new owner, deleted records too, as they may be restored. True: there may be more.
async fn batch<R: Record>(
    tx: &mut TenantTx,
    caller: &Caller,
    from: Uuid,
    to: Uuid,
    now: OffsetDateTime,
) -> Result<bool, Error> {
    let description = R::description();
    // Table and columns are constants of the description.
    let sql = format!(
        "select {}\nfrom {}\nwhere company_id = $1\n  and owner_id = $2\norder by id\nlimit {BATCH}\nfor update",
        description.columns, description.table,
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(caller.company_id())
        .bind(from)
        .fetch_all(&mut **tx)
        .await?;
    for row in &rows {
        let before = R::from_row(row)?;
        let after = owned_by(&before, to)?;
        write::update(tx, &before, after, Change::new(caller, now, "assigned")).await?;
    }
    Ok(i64::try_from(rows.len()).is_ok_and(|count| count == BATCH))
}

fn owned_by<R: Record>(record: &R, owner: Uuid) -> Result<R, Error> {
    let mut values = record.values();
    let at = R::description()
        .position("owner_id")
        .ok_or_else(|| Error::internal("a record without an owner"))?;
    values[at] = Value::Id(owner);
    R::from_values(values).ok_or_else(|| Error::internal("an owner that is no id"))
}
