//! Whose a record becomes that comes into a territory. The territory's turn is locked until the record is committed, so
//! that the counts of its members differ by one at most, however many records come at once.

use kontor_chassis::Error;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::map::{Assignment, Territory};
use crate::implied::MEMBER;
use crate::record::Record;

/// The owners of so many records that come into a territory; none when it gives them to nobody.
pub(super) async fn take<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    territory: &Territory,
    count: usize,
) -> Result<Vec<Uuid>, Error> {
    if territory.assignment == Assignment::None || territory.member_ids.is_empty() {
        return Ok(Vec::new());
    }
    let Turn { turn, members } = next(conn, company, territory, count).await?;
    if members.is_empty() {
        return Ok(Vec::new());
    }
    match territory.assignment {
        Assignment::None => Ok(Vec::new()),
        Assignment::RoundRobin => Ok((turn..)
            .take(count)
            .map(|turn| members[turn % members.len()])
            .collect()),
        Assignment::LeastLoaded => {
            let mut loads = loads::<R>(conn, company, territory.id, &members).await?;
            Ok((0..count).filter_map(|_| least_loaded(&mut loads)).collect())
        }
    }
}

/// The member with the fewest records, the first in order of several, who has one more then.
fn least_loaded(loads: &mut [(Uuid, i64)]) -> Option<Uuid> {
    let (member, load) = loads.iter_mut().min_by_key(|(_, load)| *load)?;
    *load += 1;
    Some(*member)
}

struct Turn {
    turn: usize,
    members: Vec<Uuid>,
}

/// Takes so many turns. Members who are no longer active have none.
async fn next(
    conn: &mut PgConnection,
    company: Uuid,
    territory: &Territory,
    count: usize,
) -> Result<Turn, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (turn, members): (i64, Vec<Uuid>) = sqlx::query_as(
        "insert into territory_turns as t (company_id, territory_id, turn)
         values ($1, $2, $3)
         on conflict (company_id, territory_id) do update
         set turn = t.turn + excluded.turn
         returning turn - $3, array(
             select m.id
             from unnest($4::uuid[]) with ordinality as m (id, place)
             where not exists (
                 select
                 from refs r
                 where r.company_id = $1
                   and r.kind = $5
                   and r.id = m.id
                   and r.deleted
             )
             order by m.place
         )",
    )
    .bind(company)
    .bind(territory.id)
    .bind(count)
    .bind(&territory.member_ids)
    .bind(MEMBER)
    .fetch_one(conn)
    .await?;
    Ok(Turn {
        turn: usize::try_from(turn).unwrap_or_default(),
        members,
    })
}

/// How many records of the territory each member has, in the order of the members. Counted after the turn is locked, so
/// that those of transactions which had it before are seen.
async fn loads<R: Record>(
    conn: &mut PgConnection,
    company: Uuid,
    territory: Uuid,
    members: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, Error> {
    let sql = format!(
        "select m.id, count(r.id)
         from unnest($3::uuid[]) with ordinality as m (id, place)
         left join {} r
           on r.company_id = $1
          and r.territory_id = $2
          and r.owner_id = m.id
          and r.deleted_at is null
         group by m.id, m.place
         order by m.place",
        R::description().table
    );
    let loads = sqlx::query_as(AssertSqlSafe(sql))
        .bind(company)
        .bind(territory)
        .bind(members);
    Ok(loads.fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_with_the_fewest_records_is_next_and_the_first_of_several() {
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let mut loads = vec![(ids[0], 2), (ids[1], 0), (ids[2], 1)];
        let given: Vec<Uuid> = (0..4).filter_map(|_| least_loaded(&mut loads)).collect();
        assert_eq!(given, [ids[1], ids[1], ids[2], ids[0]]);
        assert_eq!(least_loaded(&mut []), None);
    }
}
