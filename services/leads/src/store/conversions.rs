//! Conversions.

use kontor_chassis::Error;
use kontor_proto::leads::v1;
use kontor_records::Choice;
use prost::Message;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    conversion::{Conversion, ConversionState, Failure, Fill, Linked, Part, Plan},
    model::LeadStatus,
};

/// The channel on which the end of a conversion is told, with its id.
pub(crate) const ENDED: &str = "leads_conversions";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select company_id, id, lead_id, state, lead_status_before, requested_by, owner_id, lead, fill,
                 given_account_id, given_contact_id, given_deal_id, new_account_id, new_contact_id, new_deal_id, deal,
                 account_id, account_name, account_matched, account_undone, contact_id, contact_matched, contact_undone,
                 deal_id, deal_matched, deal_undone, failed_step, failure, undo_requested_by, started_at, finished_at
             from leads.conversions ",
            $rest
        )
    };
}

/// Begins one.
pub(crate) async fn insert(conn: &mut PgConnection, conversion: &Conversion) -> Result<(), sqlx::Error> {
    let Plan {
        given_account_id,
        given_contact_id,
        given_deal_id,
        new_account_id,
        new_contact_id,
        new_deal_id,
        deal,
        owner_id,
        fill,
    } = &conversion.plan;
    sqlx::query(
        "insert into leads.conversions (
             company_id, id, lead_id, lead_status_before, requested_by, owner_id, lead, fill, given_account_id,
             given_contact_id, given_deal_id, new_account_id, new_contact_id, new_deal_id, deal, started_at
         )
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(conversion.company_id)
    .bind(conversion.id)
    .bind(conversion.lead_id)
    .bind(conversion.lead_status_before.word())
    .bind(conversion.requested_by)
    .bind(owner_id)
    .bind(conversion.lead.encode_to_vec())
    .bind(fill.word())
    .bind(given_account_id)
    .bind(given_contact_id)
    .bind(given_deal_id)
    .bind(new_account_id)
    .bind(new_contact_id)
    .bind(new_deal_id)
    .bind(deal.as_ref().map(Message::encode_to_vec))
    .bind(conversion.started_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps how far it has come. Its end wakes whoever waits for it.
pub(crate) async fn save(conn: &mut PgConnection, conversion: &Conversion) -> Result<(), sqlx::Error> {
    let [account, contact, deal] =
        [&conversion.account, &conversion.contact, &conversion.deal].map(|linked| {
            let linked = linked.as_ref();
            (
                linked.map(|linked| linked.id),
                linked.is_some_and(|linked| linked.matched_existing),
                linked.is_some_and(|linked| linked.undone),
            )
        });
    sqlx::query(
        "with saved as (
             update leads.conversions
             set state = $3,
                 account_id = $4,
                 account_matched = $5,
                 account_undone = $6,
                 account_name = $7,
                 contact_id = $8,
                 contact_matched = $9,
                 contact_undone = $10,
                 deal_id = $11,
                 deal_matched = $12,
                 deal_undone = $13,
                 failed_step = $14,
                 failure = $15,
                 undo_requested_by = $16,
                 finished_at = $17
             where company_id = $1
               and id = $2
             returning id
         )
         select pg_notify($18, id::text)
         from saved
         where $19",
    )
    .bind(conversion.company_id)
    .bind(conversion.id)
    .bind(conversion.state.word())
    .bind(account.0)
    .bind(account.1)
    .bind(account.2)
    .bind(&conversion.account_name)
    .bind(contact.0)
    .bind(contact.1)
    .bind(contact.2)
    .bind(deal.0)
    .bind(deal.1)
    .bind(deal.2)
    .bind(conversion.failure.as_ref().map(|failure| failure.part.word()))
    .bind(conversion.failure.as_ref().map(|failure| &failure.reason))
    .bind(conversion.undo_requested_by)
    .bind(conversion.finished_at)
    .bind(ENDED)
    .bind(conversion.has_ended())
    .execute(conn)
    .await?;
    Ok(())
}

/// The one of an id.
pub(crate) async fn find(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
) -> Result<Option<Conversion>, Error> {
    let row = sqlx::query(select!("where company_id = $1 and id = $2"))
        .bind(company)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The one of an id, locked until the transaction ends.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    company: Uuid,
    id: Uuid,
) -> Result<Option<Conversion>, Error> {
    let row = sqlx::query(select!("where company_id = $1 and id = $2 for update"))
        .bind(company)
        .bind(id)
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// The one that is at work for a lead or has made of it what it is.
pub(crate) async fn live_of(
    conn: &mut PgConnection,
    company: Uuid,
    lead: Uuid,
) -> Result<Option<Conversion>, Error> {
    let row = sqlx::query(select!(
        "where company_id = $1 and lead_id = $2 and state in ('running', 'completed', 'undoing')"
    ))
    .bind(company)
    .bind(lead)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The last one of a lead.
pub(crate) async fn last_of(
    conn: &mut PgConnection,
    company: Uuid,
    lead: Uuid,
) -> Result<Option<Conversion>, Error> {
    let row = sqlx::query(select!(
        "where company_id = $1 and lead_id = $2 order by started_at desc, id desc limit 1"
    ))
    .bind(company)
    .bind(lead)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<Conversion, Error> {
    let linked = |id: &str, matched: &str, undone: &str| -> Result<Option<Linked>, sqlx::Error> {
        let (matched_existing, undone) = (row.try_get(matched)?, row.try_get(undone)?);
        Ok(row.try_get::<Option<Uuid>, _>(id)?.map(|id| Linked {
            id,
            matched_existing,
            undone,
        }))
    };
    let part: Option<&str> = row.try_get("failed_step")?;
    let failure: Option<String> = row.try_get("failure")?;
    let deal: Option<Vec<u8>> = row.try_get("deal")?;
    let lead: Vec<u8> = row.try_get("lead")?;
    Ok(Conversion {
        company_id: row.try_get("company_id")?,
        id: row.try_get("id")?,
        lead_id: row.try_get("lead_id")?,
        state: word(row, "state", ConversionState::from_word)?,
        lead_status_before: word(row, "lead_status_before", LeadStatus::from_word)?,
        requested_by: row.try_get("requested_by")?,
        lead: v1::Lead::decode(lead.as_slice()).map_err(Error::internal)?,
        plan: Plan {
            given_account_id: row.try_get("given_account_id")?,
            given_contact_id: row.try_get("given_contact_id")?,
            given_deal_id: row.try_get("given_deal_id")?,
            new_account_id: row.try_get("new_account_id")?,
            new_contact_id: row.try_get("new_contact_id")?,
            new_deal_id: row.try_get("new_deal_id")?,
            deal: deal
                .map(|deal| v1::ConvertLeadDeal::decode(deal.as_slice()))
                .transpose()
                .map_err(Error::internal)?,
            owner_id: row.try_get("owner_id")?,
            fill: word(row, "fill", Fill::from_word)?,
        },
        account: linked("account_id", "account_matched", "account_undone")?,
        account_name: row.try_get("account_name")?,
        contact: linked("contact_id", "contact_matched", "contact_undone")?,
        deal: linked("deal_id", "deal_matched", "deal_undone")?,
        failure: part
            .and_then(Part::from_word)
            .zip(failure)
            .map(|(part, reason)| Failure { part, reason }),
        undo_requested_by: row.try_get("undo_requested_by")?,
        started_at: row.try_get("started_at")?,
        finished_at: row.try_get("finished_at")?,
    })
}

fn word<T>(row: &PgRow, column: &str, read: fn(&str) -> Option<T>) -> Result<T, Error> {
    let word: &str = row.try_get(column)?;
    read(word).ok_or_else(|| Error::internal(format!("{word} is no {column} of a conversion")))
}
