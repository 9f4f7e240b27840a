//! How many contacts and open deals an account has.

use sqlx::PgConnection;
use uuid::Uuid;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Contacts that are not deleted.
    Contact,
    /// Deals that are open and not deleted.
    Deal,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Deal => "deal",
        }
    }
}

/// Whose a record is from a version of it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The contact or deal.
    pub record: Uuid,
    /// Its account; none when it doesn't count.
    pub account: Option<Uuid>,
    /// Its version.
    pub version: i64,
}

/// Counts anew for these accounts.
macro_rules! count {
    ($column:literal) => {
        concat!(
            "update accounts.accounts a
             set ",
            $column,
            " = c.count
             from (
                 select w.id, count(r.record_id)::integer as count
                 from unnest($3::uuid[]) as w (id)
                 left join accounts.counted r
                   on r.company_id = $1
                  and r.account_id = w.id
                  and r.kind = $2
                 group by w.id
             ) c
             where a.company_id = $1
               and a.id = c.id
               and a.",
            $column,
            " <> c.count"
        )
    };
}

/// Takes over whose records are, unless something newer is known, and counts anew for every account that has one more or
/// one less. That is no change of the account: its version and its history stay.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    conn: &mut PgConnection,
    company: Uuid,
    kind: Kind,
    records: &[Counted],
) -> Result<(), sqlx::Error> {
    // The newest of each, in one order, so that two messages never wait for each other's rows.
    let mut records = records.to_vec();
    records.sort_unstable_by_key(|counted| (counted.record, std::cmp::Reverse(counted.version)));
    records.dedup_by_key(|counted| counted.record);
    let mut accounts = hold(conn, company, kind, &records).await?;
    accounts.extend(records.iter().filter_map(|counted| counted.account));
    accounts.sort_unstable();
    accounts.dedup();
    // Locked before they are counted, so that two who count at once don't miss each other's records.
    sqlx::query(
        "select
         from accounts.accounts
         where company_id = $1
           and id = any($2)
         order by id
         for no key update",
    )
    .bind(company)
    .bind(&accounts)
    .execute(&mut *conn)
    .await?;
    save(conn, company, kind, &records).await?;
    let sql = match kind {
        Kind::Contact => count!("contact_count"),
        Kind::Deal => count!("open_deal_count"),
    };
    sqlx::query(sql)
        .bind(company)
        .bind(kind.word())
        .bind(&accounts)
        .execute(conn)
        .await?;
    Ok(())
}

/// Locks what is known of these records, also when nothing is, and answers the accounts they belong to until now.
async fn hold(
    conn: &mut PgConnection,
    company: Uuid,
    kind: Kind,
    records: &[Counted],
) -> Result<Vec<Uuid>, sqlx::Error> {
    let ids: Vec<Uuid> = records.iter().map(|counted| counted.record).collect();
    sqlx::query(
        "insert into accounts.counted (company_id, kind, record_id, version)
         select $1, $2, id, 0
         from unnest($3::uuid[]) as n (id)
         on conflict (company_id, kind, record_id) do nothing",
    )
    .bind(company)
    .bind(kind.word())
    .bind(&ids)
    .execute(&mut *conn)
    .await?;
    let accounts: Vec<Option<Uuid>> = sqlx::query_scalar(
        "select account_id
         from accounts.counted
         where company_id = $1
           and kind = $2
           and record_id = any($3)
         order by record_id
         for update",
    )
    .bind(company)
    .bind(kind.word())
    .bind(&ids)
    .fetch_all(conn)
    .await?;
    Ok(accounts.into_iter().flatten().collect())
}

async fn save(
    conn: &mut PgConnection,
    company: Uuid,
    kind: Kind,
    records: &[Counted],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update accounts.counted c
         set account_id = n.account_id,
             version = n.version
         from unnest($3::uuid[], $4::uuid[], $5::bigint[]) as n (record_id, account_id, version)
         where c.company_id = $1
           and c.kind = $2
           and c.record_id = n.record_id
           and c.version < n.version",
    )
    .bind(company)
    .bind(kind.word())
    .bind(records.iter().map(|counted| counted.record).collect::<Vec<_>>())
    .bind(records.iter().map(|counted| counted.account).collect::<Vec<_>>())
    .bind(records.iter().map(|counted| counted.version).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
