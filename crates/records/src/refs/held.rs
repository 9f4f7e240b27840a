//! References that are about to be made, and records that nothing can refer to any more.

use std::collections::HashMap;

use kontor_chassis::Error;
use kontor_proto::records::v1::RecordChange;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::implied::MEMBER;
use crate::write;

/// Which of these the projection knows, and whether they are deleted, for a record that is about to refer to them: until
/// the transaction ends, nobody can [`settle`] them. What is never merged is not held, so that records that share an owner
/// don't share a lock.
pub(super) async fn held(
    conn: &mut PgConnection,
    company: Uuid,
    wanted: &[(&'static str, Uuid)],
) -> Result<HashMap<(String, Uuid), bool>, Error> {
    let rows: Vec<(String, Uuid, bool)> = sqlx::query_as(
        "with wanted as (
            select kind, id
            from unnest($2::text[], $3::uuid[]) as w (kind, id)
         ), held as (
            select r.kind, r.id, r.deleted
            from refs r
            join wanted w on w.kind = r.kind and w.id = r.id
            where r.company_id = $1
              and r.kind <> all ($4)
            for key share of r
         )
         select kind, id, deleted
         from held
         union all
         select r.kind, r.id, r.deleted
         from refs r
         join wanted w on w.kind = r.kind and w.id = r.id
         where r.company_id = $1
           and r.kind = any ($4)",
    )
    .bind(company)
    .bind(
        wanted
            .iter()
            .map(|(kind, _)| (*kind).to_owned())
            .collect::<Vec<_>>(),
    )
    .bind(wanted.iter().map(|(_, id)| *id).collect::<Vec<_>>())
    .bind([MEMBER, "territory"].map(str::to_owned).to_vec())
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(kind, id, deleted)| ((kind, id), deleted))
        .collect())
}

/// Takes over what is told of records that were merged, or are back, as [`apply`](super::apply) does. Waits for records that
/// are about to refer to them: from here on, nothing can refer to those that have gone.
///
/// # Errors
/// Invalid when an id can't be read; Unavailable and Internal as the database fails.
pub(crate) async fn settle(
    conn: &mut PgConnection,
    company: Uuid,
    kind: &str,
    changes: &[RecordChange],
) -> Result<(), Error> {
    let ids = changes.iter().map(|change| write::parse_id(&change.id));
    // Before the change, not after it: a change that leaves the key alone would let those who hold the key pass and read what
    // was there before it; one by the holder of this lock makes them wait and read what is there then.
    sqlx::query(
        "select
         from refs
         where company_id = $1
           and kind = $2
           and id = any ($3)
         order by id
         for update",
    )
    .bind(company)
    .bind(kind)
    .bind(ids.collect::<Result<Vec<_>, _>>()?)
    .execute(&mut *conn)
    .await?;
    super::apply(conn, company, kind, changes).await
}
