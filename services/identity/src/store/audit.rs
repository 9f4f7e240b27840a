//! Rows of `audit_log`, which are added and never changed.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::audit::{Deed, Doer};
use crate::model::session::Origin;

/// Appends what somebody did, in the transaction that did it; the transaction is of the doer's company.
pub(crate) async fn append(conn: &mut PgConnection, doer: &Doer, deeds: &[Deed]) -> Result<(), sqlx::Error> {
    let Doer {
        company_id,
        user_id,
        origin: Origin { device, address },
        at,
    } = doer;
    if deeds.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Uuid> = Vec::new();
    let (mut actions, mut resources, mut resource_ids, mut names, mut fields) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for deed in deeds {
        let Deed {
            id,
            action,
            resource,
            resource_id,
            resource_name,
            fields: changed,
        } = deed;
        ids.push(*id);
        actions.push(action.as_str());
        resources.push(resource.as_deref());
        resource_ids.push(resource_id.as_deref());
        names.push(resource_name.as_deref());
        // Arrays of arrays must be of one length; a list of words is none as text.
        fields.push(changed.join(","));
    }
    sqlx::query(
        "insert into identity.audit_log (
           company_id, id, at, user_id, user_name, action, resource, resource_id, resource_name, address, device, fields)
         select $1, new.id, $2, $3,
           (select btrim(u.first_name || ' ' || u.last_name) from identity.users u where u.id = $3),
           new.action, new.resource, new.resource_id, new.resource_name, $4, $5,
           coalesce(string_to_array(nullif(new.fields, ''), ','), '{}')
         from unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
           as new (id, action, resource, resource_id, resource_name, fields)
         on conflict (company_id, id) do nothing",
    )
    .bind(company_id)
    .bind(at)
    .bind(user_id)
    .bind(address)
    .bind(device)
    .bind(ids)
    .bind(actions)
    .bind(resources)
    .bind(resource_ids)
    .bind(names)
    .bind(fields)
    .execute(conn)
    .await?;
    Ok(())
}
