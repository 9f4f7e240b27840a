//! Rows of `audit_log`, which are added and never changed.

use kontor_chassis::{Caller, Db, Error as Failure};
use kontor_proto::records::v1::ListQuery;
use kontor_records::query::Page;
use kontor_records::transfer::Download;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::listings::AUDIT_LOG;
use crate::model::audit::{Deed, Doer, Entry};
use crate::model::session::Origin;

/// Appends what somebody did, in the transaction that did it; the transaction is of the doer's company.
pub(crate) async fn append(conn: &mut PgConnection, doer: &Doer, deeds: &[Deed]) -> Result<(), sqlx::Error> {
    let deeds: Vec<_> = deeds.iter().map(|deed| (doer, deed)).collect();
    append_all(conn, doer.company_id, &deeds).await
}

/// Appends what several people of a company did.
pub(crate) async fn append_all(
    conn: &mut PgConnection,
    company: Uuid,
    deeds: &[(&Doer, &Deed)],
) -> Result<(), sqlx::Error> {
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut times, mut users, mut addresses, mut devices) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut actions, mut resources, mut resource_ids, mut names, mut fields) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (doer, deed) in deeds {
        let Doer {
            company_id: _,
            user_id,
            origin: Origin { device, address },
            at,
        } = doer;
        let Deed {
            id,
            action,
            resource,
            resource_id,
            resource_name,
            fields: changed,
        } = deed;
        ids.push(*id);
        times.push(*at);
        users.push(*user_id);
        addresses.push(address.as_deref());
        devices.push(device.as_deref());
        actions.push(action.as_str());
        resources.push(resource.as_deref());
        resource_ids.push(resource_id.as_deref());
        names.push(resource_name.as_deref());
        // Arrays of arrays must be of one length; a list of words is none as text.
        fields.push(changed.join(","));
    }
    if ids.is_empty() {
        return Ok(());
    }
    // In one order, so that two who note the same never wait for each other's rows.
    sqlx::query(
        "insert into identity.audit_log (
           company_id, id, at, user_id, user_name, action, resource, resource_id, resource_name, address, device, fields)
         select $1, new.id, new.at, new.user_id, btrim(u.first_name || ' ' || u.last_name),
           new.action, new.resource, new.resource_id, new.resource_name, new.address, new.device,
           coalesce(string_to_array(nullif(new.fields, ''), ','), '{}')
         from unnest(
             $2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::text[])
           as new (id, at, user_id, address, device, action, resource, resource_id, resource_name, fields)
         left join identity.users u on u.id = new.user_id
         order by new.id
         on conflict (company_id, id) do nothing",
    )
    .bind(company)
    .bind(ids)
    .bind(times)
    .bind(users)
    .bind(addresses)
    .bind(devices)
    .bind(actions)
    .bind(resources)
    .bind(resource_ids)
    .bind(names)
    .bind(fields)
    .execute(conn)
    .await?;
    Ok(())
}

/// A page of the entries of the caller's company.
pub(crate) async fn list(
    conn: &mut PgConnection,
    caller: &Caller,
    query: &ListQuery,
) -> Result<Page<Entry>, Failure> {
    AUDIT_LOG.page(conn, caller, query, decode).await
}

/// The entries that a list's query means, as CSV.
pub(crate) async fn export(
    db: &Db,
    tasks: &TaskTracker,
    caller: &Caller,
    query: &ListQuery,
    columns: &str,
) -> Result<Download, Failure> {
    AUDIT_LOG.export(db, tasks, caller, query, columns).await
}

fn decode(row: &PgRow) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        id: row.try_get("id")?,
        at: row.try_get("at")?,
        user_id: row.try_get("user_id")?,
        user_name: row.try_get("user_name")?,
        action: row.try_get("action")?,
        resource: row.try_get("resource")?,
        resource_id: row.try_get("resource_id")?,
        resource_name: row.try_get("resource_name")?,
        address: row.try_get("address")?,
        device: row.try_get("device")?,
        fields: row.try_get("fields")?,
    })
}
